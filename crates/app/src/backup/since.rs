//! What a restored copy does not know: what customers said after it was made, and epochs that ended since.
//!
//! Who was erased is erased again, because the key store of the machine that is well knows whose key it destroyed. A restriction, a
//! withdrawal and an objection are in the data alone: they are named, to be said again there.

use std::collections::BTreeMap;

use storeward_backup::{Manifest, Restored};
use storeward_base::{CustomerId, PageSize, Timestamp};
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
    let Manifest { run, made_at, .. } = restored.manifest;
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
            "BAD   it knows nothing of what was asked after {made_at}: whoever was erased since then may open again here. Erase them again, \
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
    let said =
        opened.db.read_blocking(move |reader| since(reader, made_at, is_erased)).context("the ledger")?;
    if said.is_empty() {
        return Ok(());
    }
    lines.push(format!("said after {made_at}, and not in it; say it again there before it serves:"));
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

fn since(
    reader: &mut Reader<'_>,
    made_at: Timestamp,
    is_erased: bool,
) -> Result<Said, storeward_store::Error> {
    let mut said = Said::new();
    let mut kinds = vec!["vault.restriction_changed", "vault.consent_changed", "vault.objection_changed"];
    if !is_erased {
        kinds.push("vault.customer_erased");
    }
    for kind in kinds {
        let mut filter = ledger::Filter {
            kind_prefix: Some(kind.to_owned()),
            from: Some(made_at),
            ..ledger::Filter::default()
        };
        loop {
            let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
            for (_, record) in page.rows {
                let Some((customer, about, words)) = word(&record.event) else { continue };
                // The newest come first.
                let at = record.at;
                said.entry(customer).or_default().entry(about).or_insert_with(|| format!("{words} ({at})"));
            }
            match page.next {
                None => break,
                next => filter.before = next,
            }
        }
    }
    Ok(said)
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
