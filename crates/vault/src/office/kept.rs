//! Whose data the shop's pages showed, held against the ledger: each entry says, by a digest, which rows were written beside it. Who
//! looked and writes the database changes no row, adds none and takes none away unseen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use storeward_base::{EventId, PageSize, Timestamp};
use storeward_events::office::CustomersShown;
use storeward_events::system::RowHarmed;
use storeward_events::{Event, Record};
use storeward_seal::fingerprint::sha256_hex;
use storeward_store::ledger::{self, Filter};
use storeward_store::{Db, Error, Reader, params, statements};

statements! {
    // A page that may be looked through has room for fewer.
    ROWS_OF = "SELECT subject, at, actor, page, shown FROM office_shown WHERE event = $1 ORDER BY subject LIMIT 1000000";
    EVENTS = "SELECT DISTINCT event FROM office_shown WHERE event > $1 AND at >= $2 ORDER BY event LIMIT 500";
}

const TABLE: &str = "office_shown";
const KIND: &str = "office.customers_shown";
/// Rows and entries are forgotten after 396 days, in jobs of their own: what is about to go is not missed.
const HELD: Duration = Duration::from_secs(390 * 24 * 3600);
/// What is named of one look. Whoever harms more is found by the first of it.
const MOST_NAMED: usize = 100;
/// Entries of one read.
const AT_ONCE: u16 = 200;

/// Over the rows of one page: whom, and how many values passed as they were.
pub(super) fn digest(rows: &BTreeMap<String, i64>) -> String {
    let lines: Vec<String> = rows.iter().map(|(subject, shown)| format!("{subject} {shown}\n")).collect();
    sha256_hex(lines.concat().as_bytes())
}

/// Rows that are not what the ledger says, or of which it says nothing, and entries whose rows are gone: a hundred at most. Entries that
/// were changed themselves are named by the look through the ledger.
pub async fn harmed(db: &Db) -> Result<Vec<RowHarmed>, Error> {
    let since = db.now().minus(HELD);
    let mut filter = Filter { kind_prefix: Some(KIND.to_owned()), from: Some(since), ..Filter::default() };
    let mut harmed = Vec::new();
    while harmed.len() < MOST_NAMED {
        let page = filter.clone();
        let (found, next) = db.read(move |reader| of_entries(reader, &page)).await?;
        harmed.extend(found);
        filter.before = next;
        if next.is_none() {
            break;
        }
    }
    let mut after = String::new();
    while harmed.len() < MOST_NAMED {
        let behind = after.clone();
        let (last, found) = db.read(move |reader| without_entry(reader, &behind, since)).await?;
        harmed.extend(found);
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    harmed.truncate(MOST_NAMED);
    Ok(harmed)
}

type Harms = Vec<RowHarmed>;

/// One page of entries, the newest first.
fn of_entries(reader: &mut Reader<'_>, filter: &Filter) -> Result<(Harms, Option<u64>), Error> {
    let page = match ledger::search(reader, filter, PageSize::new(AT_ONCE)) {
        // One that cannot be read hides no other.
        Err(Error::Ledger(_)) => ledger::believed(reader, filter, PageSize::new(AT_ONCE))?,
        other => other?,
    };
    let mut harmed = Vec::new();
    for (_, record) in &page.rows {
        if let Event::CustomersShown(fact) = &record.event {
            harmed.extend(of_entry(reader, record, fact)?);
        }
    }
    Ok((harmed, page.next))
}

fn of_entry(reader: &mut Reader<'_>, record: &Record, fact: &CustomersShown) -> Result<Harms, Error> {
    let (at, actor) = (record.at, record.actor.to_string());
    let mut others = Vec::new();
    let rows = reader.query_many(ROWS_OF, params![record.id], |row| {
        let (subject, shown): (String, i64) = (row.get(0)?, row.get(4)?);
        let (of_row, by, page): (Timestamp, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        if (of_row, by.as_str(), page.as_str()) != (at, actor.as_str(), fact.page.as_str()) {
            others.push(subject.clone());
        }
        Ok((subject, shown))
    })?;
    let rows: BTreeMap<String, i64> = rows.into_iter().collect();
    let named = fact.customers.iter().map(ToString::to_string).chain(fact.others.iter().cloned());
    let named: BTreeSet<String> = named.collect();
    let harm = |row: &str, harm: &str| RowHarmed {
        table: TABLE.to_owned(),
        row: format!("{} {row}", record.id).trim_end().to_owned(),
        harm: harm.to_owned(),
    };
    if rows.is_empty() && (!named.is_empty() || fact.more > 0) {
        return Ok(vec![harm("", "missing")]);
    }
    let mut harmed: Harms = others.iter().map(|subject| harm(subject, "changed")).collect();
    harmed.extend(named.iter().filter(|name| !rows.contains_key(*name)).map(|name| harm(name, "missing")));
    if fact.more == 0 {
        harmed.extend(rows.keys().filter(|name| !named.contains(*name)).map(|name| harm(name, "unknown")));
    }
    let is_another = !fact.rows.is_empty() && fact.rows != digest(&rows);
    let wanted = u64::try_from(named.len()).unwrap_or(u64::MAX).saturating_add(fact.more);
    let is_short = u64::try_from(rows.len()).unwrap_or(u64::MAX) < wanted;
    if harmed.is_empty() && (is_another || is_short) {
        harmed.push(harm("", "changed"));
    }
    Ok(harmed)
}

/// Rows of entries that the ledger does not have; and the last entry that was asked for.
fn without_entry(
    reader: &mut Reader<'_>,
    after: &str,
    since: Timestamp,
) -> Result<(Option<String>, Harms), Error> {
    let events = reader.query_many(EVENTS, params![after, since], |row| row.get::<String>(0))?;
    let mut harmed = Vec::new();
    for event in &events {
        let found = match event.parse::<EventId>().map(|id| ledger::by_id(reader, id)) {
            // An entry that cannot be read is none, and is named for itself.
            Err(_) | Ok(Err(Error::Ledger(_))) => None,
            Ok(found) => found?,
        };
        let is_told = found.is_some_and(|(_, record)| {
            record.id.to_string() == *event && matches!(record.event, Event::CustomersShown(_))
        });
        if !is_told {
            let (table, row) = (TABLE.to_owned(), event.chars().take(40).collect());
            harmed.push(RowHarmed { table, row, harm: "unknown".to_owned() });
        }
    }
    Ok((events.into_iter().next_back(), harmed))
}
