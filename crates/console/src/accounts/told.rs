//! What the signed ledger says of members of staff: the groups they are in, who was removed or is kept out, who enrolled first. Groups
//! stand nowhere else: a row that somebody writes into the database makes nobody the owner, and one that is taken away makes
//! nobody else it.

use std::collections::{BTreeMap, BTreeSet};

use storeward_base::{PageSize, StaffId};
use storeward_events::{Event, Record};
use storeward_store::ledger::{self, Filter};
use storeward_store::{Error, Reader};

/// Every entry of a kind, the newest first.
fn entries(reader: &mut Reader<'_>, kind: &str) -> Result<Vec<(u64, Record)>, Error> {
    let mut filter = Filter { kind_prefix: Some(kind.to_owned()), ..Filter::default() };
    let mut all = Vec::new();
    loop {
        let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
        all.extend(page.rows);
        filter.before = page.next;
        if filter.before.is_none() {
            return Ok(all);
        }
    }
}

fn removed(reader: &mut Reader<'_>) -> Result<BTreeSet<StaffId>, Error> {
    let all = entries(reader, "staff.removed")?.into_iter();
    Ok(all
        .filter_map(|(_, record)| match record.event {
            Event::StaffRemoved(fact) => Some(fact.staff),
            _ => None,
        })
        .collect())
}

/// The groups of everybody who was put into any and was not removed, in order.
pub fn groups(reader: &mut Reader<'_>) -> Result<BTreeMap<StaffId, Vec<String>>, Error> {
    let mut last: BTreeMap<StaffId, Vec<String>> = BTreeMap::new();
    for (_, record) in entries(reader, "staff.groups_changed")? {
        if let Event::StaffGroupsChanged(fact) = record.event {
            last.entry(fact.staff).or_insert(fact.groups);
        }
    }
    let removed = removed(reader)?;
    last.retain(|staff, groups| !groups.is_empty() && !removed.contains(staff));
    Ok(last)
}

/// The groups of one member.
pub fn groups_of(reader: &mut Reader<'_>, staff: StaffId) -> Result<Vec<String>, Error> {
    Ok(groups(reader)?.remove(&staff).unwrap_or_default())
}

/// Whoever enrolled first and was not removed.
pub fn first(reader: &mut Reader<'_>) -> Result<Option<StaffId>, Error> {
    let removed = removed(reader)?;
    let all = entries(reader, "staff.enrolled")?.into_iter().rev();
    Ok(all
        .filter_map(|(_, record)| match record.event {
            Event::StaffEnrolled(fact) => Some(fact.staff),
            _ => None,
        })
        .find(|staff| !removed.contains(staff)))
}

/// Whether the ledger says that somebody was removed, or locked and not unlocked since: also where an old row was put back.
pub fn is_out(reader: &mut Reader<'_>, staff: StaffId) -> Result<bool, Error> {
    if removed(reader)?.contains(&staff) {
        return Ok(true);
    }
    let last = |found: Vec<(u64, Record)>| {
        let his = |event: &Event| match event {
            Event::StaffLocked(fact) => fact.staff == staff,
            Event::StaffUnlocked(fact) => fact.staff == staff,
            _ => false,
        };
        found.into_iter().find(|(_, record)| his(&record.event)).map_or(0, |(seq, _)| seq)
    };
    let locked = last(entries(reader, "staff.locked")?);
    Ok(locked > 0 && locked > last(entries(reader, "staff.unlocked")?))
}
