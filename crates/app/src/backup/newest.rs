//! Which backup is the newest that was made, by what is not at the target: whoever holds the target can put an older state of it
//! back, and it would hold in itself.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use storeward_backup::Run;
use storeward_backup::standing::{Facts, TARGET};
use storeward_base::{BackupId, Timestamp};
use storeward_events::system::RowHarmed;
use storeward_seal::{LogKey, statement};

use crate::Done;
use crate::data::write_atomically;
use crate::failure::Context;
use crate::open::Opened;

/// Beside the copy of the epochs' keys: what a restore on another machine holds the target against.
const NAME: &str = "newest-backup.json";
const KIND: &str = "newest-backup";

/// The newest that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest {
    pub run: BackupId,
    pub made_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    newest: String,
    signature: String,
}

/// By the ledger; nothing where none was made yet.
pub fn told(opened: &Opened) -> Done<Option<Newest>> {
    let now = opened.clock.now();
    let facts = opened.db.read_blocking(move |reader| Facts::read(reader, now)).context("the database")?;
    Ok(facts.last_good.map(|good| Newest { run: good.run, made_at: good.begun_at }))
}

/// What is missing at the target, in words; nothing where the newest is there.
pub fn missing(newest: Option<&Newest>, runs: &[Run]) -> Option<String> {
    let newest = newest.filter(|newest| runs.iter().all(|run| run.run != newest.run))?;
    let there = runs.iter().max_by_key(|run| run.made_at);
    let there = there
        .map_or_else(|| "there is none".to_owned(), |run| format!("the newest there is of {}", run.made_at));
    Some(format!(
        "{} of {}, the newest backup that was made, is NOT at the target ({there}): somebody deleted it, or put an older state of the \
         target back",
        newest.run, newest.made_at
    ))
}

/// [`missing`], told to the ledger once a day.
pub fn held(opened: &Opened, runs: &[Run]) -> Done<Option<String>> {
    let newest = told(opened)?;
    let Some(words) = missing(newest.as_ref(), runs) else { return Ok(None) };
    let row = newest.map(|newest| newest.run.to_string()).unwrap_or_default();
    let fact = RowHarmed { table: TARGET.to_owned(), row, harm: "missing".to_owned() };
    super::write(opened, move |tx| storeward_store::harmed::tell(tx, std::slice::from_ref(&fact)))?;
    Ok(Some(words))
}

/// Writes it beside the copy of the epochs' keys.
pub fn note(copy: &Path, newest: &Newest, key: &LogKey) -> Done {
    let text = serde_json::to_string(newest).context("the newest backup")?;
    let signature = statement::sign(key, KIND, &text);
    let bytes = serde_json::to_vec(&Signed { newest: text, signature }).context("the newest backup")?;
    write_atomically(&copy.with_file_name(NAME), &bytes)
}

/// Reads it from where keys are kept; nothing where it is not there, or the ledger's key did not sign it.
pub fn noted(keys_from: &Path, key: &LogKey) -> Option<Newest> {
    let places: [PathBuf; 2] = [keys_from.join(NAME), keys_from.join("vault").join(NAME)];
    let bytes = places.iter().find_map(|place| fs::read(place).ok())?;
    let signed: Signed = serde_json::from_slice(&bytes).ok()?;
    if !statement::holds(key, KIND, &signed.newest, &signed.signature) {
        return None;
    }
    serde_json::from_str(&signed.newest).ok()
}
