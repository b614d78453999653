//! What a restored copy does not know: what customers said after it was made, and epochs that ended since.
//!
//! Who was erased is erased again, because the key store of the machine that is well knows whose key it destroyed. A restriction, a
//! withdrawal and an objection are in the data alone: they are named, to be said again there.

use std::collections::BTreeMap;
use std::time::Duration;

use storeward_backup::{Manifest, Restored, places};
use storeward_base::{BackupId, CustomerId, PageSize, Timestamp};
use storeward_events::Event;
use storeward_store::{Reader, ledger};
use storeward_vault::Shelf;

use super::restore::Beside;
use crate::Done;
use crate::data::DataDir;
use crate::failure::Context;
use crate::vault::copies;

/// Customers who are named one by one; the ledger has the others.
const NAMED: usize = 50;

/// Adds what is to be done before the copy serves. `is_erased`: whoever was erased since was erased in it, too.
pub fn tell(
    beside: &Beside<'_>,
    data: &DataDir,
    restored: &Restored,
    is_erased: bool,
    lines: &mut Vec<String>,
) -> Done {
    let Manifest { run, made_at, entries, .. } = restored.manifest;
    let has_vault = data.join(copies::ROOT_FILE).exists() || data.join(copies::KEY_FILE).exists();
    if !has_vault {
        return Ok(());
    }
    let Beside::Opened(opened) = beside else {
        if let Some(newest) = restored.keys_of.filter(|newest| *newest != run) {
            lines.push(format!(
                "it knows nothing of restrictions, withdrawals and objections after {made_at}, nor of erasures after {newest}: say them again \
                 there before it serves"
            ));
            return Ok(());
        }
        lines.push(format!(
            "LOOK  it knows nothing of what was asked after {made_at}: whoever was erased since then may open again here. Erase them again, \
             and say restrictions, withdrawals and objections of since then again, before it serves"
        ));
        return Ok(());
    };
    let shelf = Shelf::at(opened.data.join(copies::SHELF_FILE));
    let laid = data.join(copies::SHELF_FILE);
    if laid.is_file() {
        let ended = shelf.ended_in(&laid).context("the epochs' keys")?;
        if !ended.is_empty() {
            let ended: Vec<String> = ended.iter().map(u32::to_string).collect();
            lines.push(format!(
                "BAD   the epochs' keys that were laid beside it have some that ended here ({}): with them an older copy of customers' keys \
                 opens. Destroy that file once the restored machine has rotated (storeward vault rotate)",
                ended.join(", ")
            ));
        }
    }
    let said = opened.db.read_blocking(move |reader| since(reader, (run, made_at, entries), is_erased));
    let said = said.context("the ledger")?;
    if said.is_empty() {
        return Ok(());
    }
    lines.push(format!("said after {run} was made, and not in it; say it again there before it serves:"));
    for (customer, words) in said.iter().take(NAMED) {
        lines.push(format!("  {customer}: {}", words.values().cloned().collect::<Vec<_>>().join(", ")));
    }
    if said.len() > NAMED {
        lines.push(format!("  and {} more: the ledger has them (vault.*_changed)", said.len() - NAMED));
    }
    Ok(())
}

/// What each customer ended since a moment, the last word of each kind.
type Said = BTreeMap<CustomerId, BTreeMap<String, String>>;

/// By how far the ledger went when the run began, by the place of its end in the ledger, and what was written while it was made; by its moment
/// where the ledger has no word of it: a clock may have been wrong then.
fn since(
    reader: &mut Reader<'_>,
    (run, made_at, entries): (BackupId, Timestamp, Option<u64>),
    is_erased: bool,
) -> Result<Said, storeward_store::Error> {
    let mut kinds = vec!["vault.restriction_changed", "vault.consent_changed", "vault.objection_changed"];
    if !is_erased {
        kinds.push("vault.customer_erased");
    }
    let ended = places(reader)?.get(&run).copied();
    let mut said = Said::new();
    for kind in kinds {
        let of_kind = ledger::Filter { kind_prefix: Some(kind.to_owned()), ..ledger::Filter::default() };
        // The newest come first.
        if let Some(entries) = entries {
            gather(reader, of_kind.clone(), entries, &mut said)?;
        }
        let Some((place, ended_at)) = ended else {
            // It may be another copy's, whose ledger went on by itself.
            gather(reader, ledger::Filter { from: Some(made_at), ..of_kind }, 0, &mut said)?;
            continue;
        };
        gather(reader, of_kind.clone(), place, &mut said)?;
        let (until, before) = (ended_at.plus(Duration::from_micros(1)), Some(place));
        let meanwhile = ledger::Filter { from: Some(made_at), until: Some(until), before, ..of_kind };
        gather(reader, meanwhile, 0, &mut said)?;
    }
    Ok(said)
}

/// Adds what stands behind a place, the newest word of each kind, where none is there yet.
fn gather(
    reader: &mut Reader<'_>,
    mut filter: ledger::Filter,
    behind: u64,
    said: &mut Said,
) -> Result<(), storeward_store::Error> {
    loop {
        let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
        for (_, record) in page.rows.into_iter().filter(|(seq, _)| *seq > behind) {
            let Some((customer, about, words)) = word(&record.event) else { continue };
            let at = record.at;
            said.entry(customer).or_default().entry(about).or_insert_with(|| format!("{words} ({at})"));
        }
        match page.next.filter(|next| *next > behind) {
            None => return Ok(()),
            next => filter.before = next,
        }
    }
}

fn word(event: &Event) -> Option<(CustomerId, String, String)> {
    Some(match event {
        Event::RestrictionChanged(fact) => {
            let words = if fact.restricted { "use restricted" } else { "use allowed again" };
            (fact.customer, "use".to_owned(), words.to_owned())
        }
        Event::ConsentChanged(fact) => {
            let words = if fact.given { "agreed to" } else { "withdrew" };
            (fact.customer, format!("consent {}", fact.purpose), format!("{words} {}", fact.purpose))
        }
        Event::ObjectionChanged(fact) => {
            let words = if fact.objected { "objected to" } else { "objects no more to" };
            (fact.customer, format!("objection {}", fact.purpose), format!("{words} {}", fact.purpose))
        }
        Event::CustomerErased(fact) => (fact.customer, "erasure".to_owned(), "was erased".to_owned()),
        _ => return None,
    })
}
