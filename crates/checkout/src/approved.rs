//! What was approved goes by the ledger's signed head: a row of the inventory that says more than staff said is as if nobody had approved it.
//! An approval lasts 366 days at most, and its fact is kept for 13 months.

use std::collections::HashMap;

use storeward_base::Timestamp;
use storeward_events::Event;
use storeward_events::checkout::ScriptApproved;
use storeward_events::system::RowHarmed;
use storeward_store::{Error as StoreError, Reader, ledger};

use crate::model::{Approval, Held, Hold, Kind, Script, ScriptId};

const KINDS: &[&str] = &["checkout.script_approved", "checkout.script_revoked"];
/// Rows that are named at once.
const MOST_NAMED: usize = 100;

/// The rows as they count at a moment.
pub(crate) fn held(
    reader: &mut Reader<'_>,
    mut rows: Vec<Script>,
    now: Timestamp,
) -> Result<Vec<Script>, StoreError> {
    let last = match rows.iter().any(|row| row.approval.is_some()) {
        true => last_words(reader)?,
        false => HashMap::new(),
    };
    for row in &mut rows {
        row.approval = row.approval.take().filter(|approval| is_said(&last, row, approval));
        row.status = row.status_at(now);
    }
    Ok(rows)
}

/// Rows with an approval that nobody gave, or another one than was given; a hundred at most.
pub(crate) fn harmed(reader: &mut Reader<'_>, rows: &[Script]) -> Result<Vec<RowHarmed>, StoreError> {
    let last = last_words(reader)?;
    let said_until = |row: &Script| last.get(row.id.as_str()).and_then(|fact| Some(fact.as_ref()?.until));
    let is_just_said =
        |row: &Script, own: &Approval| is_said(&last, row, own) && said_until(row) == Some(own.until);
    let is_other = |row: &&Script| row.approval.as_ref().is_some_and(|own| !is_just_said(row, own));
    let fact = |row: &Script| RowHarmed {
        table: "checkout_script".to_owned(),
        row: row.id.to_string(),
        harm: "changed".to_owned(),
    };
    Ok(rows.iter().filter(is_other).map(fact).take(MOST_NAMED).collect())
}

/// What was said of each script last; nothing where an approval was taken back.
type Last = HashMap<String, Option<ScriptApproved>>;

fn last_words(reader: &mut Reader<'_>) -> Result<Last, StoreError> {
    let mut last = Last::new();
    for (_, record) in ledger::told(reader, KINDS)? {
        match &record.event {
            Event::ScriptApproved(fact) => drop(last.insert(fact.script.clone(), Some(fact.clone()))),
            Event::ScriptRevoked(fact) => drop(last.insert(fact.script.clone(), None)),
            _ => {}
        }
    }
    Ok(last)
}

fn is_said(last: &Last, row: &Script, approval: &Approval) -> bool {
    let Some(Some(fact)) = last.get(row.id.as_str()) else { return false };
    // The row's id follows from its kind and address; that of code from the code, which the page is held against.
    let is_itself =
        matches!(row.kind, Kind::Inline | Kind::Handler) || row.id == ScriptId::of(row.kind, &row.address);
    is_itself
        && fact.address == row.address
        && fact.scope == approval.scope.word()
        && fact.hash == approval.hash
        // One that says less than staff said lets less run.
        && approval.until <= fact.until
}

/// How pages are served: what the ledger says last of a page holds, whatever the table says; the table where the ledger has forgotten.
pub(crate) fn holds(reader: &mut Reader<'_>, table: Vec<Held>) -> Result<Vec<Held>, StoreError> {
    let mut all: HashMap<String, Held> = table.into_iter().map(|held| (held.page.clone(), held)).collect();
    for (_, record) in ledger::told(reader, &["checkout.page_mode_set"])? {
        let Event::PageModeSet(fact) = &record.event else { continue };
        let Some(hold) = Hold::of_word(&fact.mode) else { continue };
        let held = Held { page: fact.page.clone(), hold, at: record.at, by: record.actor.to_string() };
        all.insert(fact.page.clone(), held);
    }
    let mut all: Vec<Held> = all.into_values().collect();
    all.sort_by(|one, other| one.page.cmp(&other.page));
    Ok(all)
}
