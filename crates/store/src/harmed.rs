//! Rows that are not what was written: told to the ledger, once a day for each.

use std::time::Duration;

use storeward_base::{Actor, PageSize};
use storeward_events::Event;
use storeward_events::system::RowHarmed;

use crate::ledger::{self, Filter};
use crate::{Error, Tx};

const TELL_AGAIN: Duration = Duration::from_secs(24 * 3_600);
/// Of one look. Whoever harms more is found by the first of them.
const MOST_TOLD: usize = 100;

/// Appends those of the facts that were not told within a day. The write needs no other event.
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
    for fact in facts.iter().filter(|fact| !told.contains(fact)).take(MOST_TOLD) {
        tx.append(Actor::System, None, fact.clone())?;
    }
    Ok(())
}
