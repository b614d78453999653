//! Rows that are not what was written: told to the ledger, once a day for each. A bound row that is read and does not fit is noticed
//! there and then ([`crate::Bound::fits`]), and told of by [`tell_as_found`].

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{Actor, PageSize, Timestamp};
use storeward_events::Event;
use storeward_events::system::RowHarmed;
use tokio::sync::Notify;

use crate::ledger::{self, Filter};
use crate::{Db, Error, Reader, Tx};

const TELL_AGAIN: Duration = Duration::from_secs(24 * 3_600);
/// Facts of one look, and of an hour of rows that were read, of each table: whoever harms more of it is found by the first of them, and
/// hides nothing of another.
pub(crate) const MOST_AT_ONCE: usize = 100;
const HOUR: Duration = Duration::from_secs(3_600);
/// Where the ledger could not be written to.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Rows that did not fit when they were read, each once within the hour.
#[derive(Default)]
pub(crate) struct Noticed {
    hour: Mutex<Hour>,
    news: Notify,
}

#[derive(Default)]
struct Hour {
    found: Vec<RowHarmed>,
    /// So many of them stand in the ledger.
    told: usize,
}

impl Noticed {
    pub(crate) fn notice(&self, fact: RowHarmed) {
        let mut hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        let of_table = hour.found.iter().filter(|known| known.table == fact.table).count();
        if of_table < MOST_AT_ONCE && !hour.found.contains(&fact) {
            hour.found.push(fact);
            self.news.notify_one();
        }
    }

    fn waiting(&self) -> Vec<RowHarmed> {
        let hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        hour.found.iter().skip(hour.told).cloned().collect()
    }

    fn told(&self, count: usize) {
        self.hour.lock().unwrap_or_else(PoisonError::into_inner).told += count;
    }

    /// Begins the next hour; what is not told yet stays.
    fn next_hour(&self) {
        let mut hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        let told = std::mem::take(&mut hour.told);
        hour.found.drain(..told);
    }
}

/// Tells of bound rows that do not fit, as they are read, until the database is closed: at most a hundred an hour of each table.
pub async fn tell_as_found(db: Db) {
    let noticed = &db.guard().harmed;
    let mut hours = tokio::time::interval(HOUR);
    // The first one begins now, not with a tick.
    hours.reset();
    loop {
        tokio::select! {
            () = noticed.news.notified() => {}
            _ = hours.tick() => noticed.next_hour(),
        }
        let facts = noticed.waiting();
        if facts.is_empty() {
            continue;
        }
        let count = facts.len();
        match db.write(move |tx| tell(tx, &facts)).await {
            Ok(()) => noticed.told(count),
            Err(Error::Closed) => return,
            Err(_) => {
                tokio::time::sleep(TRY_AGAIN).await;
                noticed.news.notify_one();
            }
        }
    }
}

/// What was told since a moment, the oldest first, each row once; for whoever shows it.
pub fn told_since(reader: &mut Reader<'_>, since: Timestamp) -> Result<Vec<RowHarmed>, Error> {
    let mut found: Vec<RowHarmed> = Vec::new();
    for (_, record) in ledger::told(reader, &["system.row_harmed"])? {
        match &record.event {
            Event::RowHarmed(fact) if record.at >= since && !found.contains(fact) => found.push(fact.clone()),
            _ => {}
        }
    }
    Ok(found)
}

/// Appends those of the facts that were not told within a day, a hundred of each table at most. The write needs no other event.
pub fn tell(tx: &mut Tx<'_>, facts: &[RowHarmed]) -> Result<(), Error> {
    tx.commit_silent("what does not fit was told within the day");
    let mut told: Vec<RowHarmed> = Vec::new();
    let mut filter = Filter {
        kind_prefix: Some("system.row_harmed".to_owned()),
        from: Some(tx.now().minus(TELL_AGAIN)),
        ..Filter::default()
    };
    loop {
        let page = ledger::believed(tx, &filter, PageSize::new(PageSize::MAX))?;
        told.extend(page.rows.into_iter().filter_map(|(_, record)| match record.event {
            Event::RowHarmed(fact) => Some(fact),
            _ => None,
        }));
        filter.before = page.next;
        if filter.before.is_none() {
            break;
        }
    }
    let mut tables: BTreeMap<&str, usize> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| !told.contains(fact)) {
        let count = tables.entry(&fact.table).or_default();
        if *count < MOST_AT_ONCE {
            tx.append(Actor::System, None, fact.clone())?;
        }
        *count += 1;
    }
    Ok(())
}
