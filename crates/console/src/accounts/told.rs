//! What the signed ledger says of members of staff: the groups they are in, who was removed or is kept out, who enrolled first. Groups
//! stand nowhere else: a row that somebody writes into the database makes nobody the owner, and one that is taken away makes
//! nobody else it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use storeward_base::StaffId;
use storeward_events::{Event, Record};
use storeward_store::{Error, Reader, ledger};

/// What is remembered of the ledger while the program runs: few entries for ever.
const KINDS: &[&str] =
    &["staff.enrolled", "staff.groups_changed", "staff.locked", "staff.removed", "staff.unlocked"];

/// What the ledger says of everybody, the oldest first.
struct Said(Vec<(u64, Arc<Record>)>);

impl Said {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        ledger::told(reader, KINDS).map(Said)
    }

    fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.0.iter().map(|(_, record)| &record.event)
    }

    fn removed(&self) -> BTreeSet<StaffId> {
        let removed = self.events().filter_map(|event| match event {
            Event::StaffRemoved(fact) => Some(fact.staff),
            _ => None,
        });
        removed.collect()
    }
}

/// The groups of everybody who was put into any and was not removed, in order.
pub fn groups(reader: &mut Reader<'_>) -> Result<BTreeMap<StaffId, Vec<String>>, Error> {
    let said = Said::read(reader)?;
    let mut last: BTreeMap<StaffId, Vec<String>> = BTreeMap::new();
    for event in said.events() {
        if let Event::StaffGroupsChanged(fact) = event {
            last.insert(fact.staff, fact.groups.clone());
        }
    }
    let removed = said.removed();
    last.retain(|staff, groups| !groups.is_empty() && !removed.contains(staff));
    Ok(last)
}

/// The groups of one member.
pub fn groups_of(reader: &mut Reader<'_>, staff: StaffId) -> Result<Vec<String>, Error> {
    Ok(groups(reader)?.remove(&staff).unwrap_or_default())
}

/// Whoever enrolled first and was not removed.
pub fn first(reader: &mut Reader<'_>) -> Result<Option<StaffId>, Error> {
    let said = Said::read(reader)?;
    let removed = said.removed();
    let mut enrolled = said.events().filter_map(|event| match event {
        Event::StaffEnrolled(fact) => Some(fact.staff),
        _ => None,
    });
    Ok(enrolled.find(|staff| !removed.contains(staff)))
}

/// Whether the ledger says that somebody was removed, or locked and not unlocked since: also where an old row was put back.
pub fn is_out(reader: &mut Reader<'_>, staff: StaffId) -> Result<bool, Error> {
    let said = Said::read(reader)?;
    // Whoever was removed never comes back under the same id.
    let last = said.events().rev().find_map(|event| match event {
        Event::StaffRemoved(fact) if fact.staff == staff => Some(true),
        Event::StaffLocked(fact) if fact.staff == staff => Some(true),
        Event::StaffUnlocked(fact) if fact.staff == staff => Some(false),
        _ => None,
    });
    Ok(last == Some(true))
}
