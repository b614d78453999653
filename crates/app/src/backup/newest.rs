//! Which backup is the newest that was made, by what is not at the target: whoever holds the target can put an older state of it
//! back, and it would hold in itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use storeward_backup::standing::{Facts, TARGET};
use storeward_backup::{Backups, Dated, Known, Listing, Part, Run, Strange, Whose, is_later, places, sql};
use storeward_base::{BackupId, Timestamp};
use storeward_events::system::RowHarmed;
use storeward_seal::{LogKey, statement};
use storeward_store::Reader;

use crate::Done;
use crate::data::write_atomically;
use crate::failure::Context;
use crate::open::Opened;

/// Beside the copy of the epochs' keys: what a restore on another machine holds the target against.
pub const NAME: &str = "newest-backup.json";
const KIND: &str = "newest-backup";

/// The newest that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest {
    pub run: BackupId,
    pub made_at: Timestamp,
    /// Where it is known here: later runs have higher ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// How many entries the ledger had when it began, where it is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
}

impl Newest {
    pub fn dated(&self) -> Dated {
        Dated { run: Some(self.run), at: self.made_at, number: self.number, entries: self.entries }
    }
}

/// Whether the ledger was shorter when one began, where both say it. Numbers may have gone back: whoever has the target makes one that is far ahead,
/// and hides the runs that count on from it.
fn began_before(one: Dated, other: Dated) -> bool {
    one.entries.zip(other.entries).is_some_and(|(one, other)| one < other)
}

/// Whether a run that was taken came before the newest that was made, by its number or by the ledger: one that does not agree was written at.
fn is_older(taken: Dated, newest: Dated, known: Option<&Known>) -> bool {
    began_before(taken, newest) || !is_later(taken, newest, known)
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
    Ok(facts.last_good.map(|good| Newest {
        run: good.run,
        made_at: good.begun_at,
        number: None,
        entries: None,
    }))
}

/// What is missing at the target, in words; nothing where the newest is there and, if it has customers' keys, these are where others have theirs.
pub fn missing(newest: Option<&Newest>, runs: &[Run], has_keys: bool) -> Option<String> {
    let newest = newest?;
    if let Some(there) = runs.iter().find(|run| run.run == newest.run) {
        let is_older_left = has_keys && runs.iter().any(|run| run.has_keys && run.whose == there.whose);
        return (!there.has_keys && is_older_left).then(|| {
            format!(
                "customers' keys of {} of {}, the newest backup that was made, are NOT at the target, and older ones are: somebody deleted them, or put \
                 an older state back where they lie",
                newest.run, newest.made_at
            )
        });
    }
    let there = runs.iter().max_by_key(|run| run.made_at);
    let there = there
        .map_or_else(|| "there is none".to_owned(), |run| format!("the newest there is of {}", run.made_at));
    Some(format!(
        "{} of {}, the newest backup that was made, is NOT at the target ({there}): somebody deleted it, or put an older state of the \
         target back",
        newest.run, newest.made_at
    ))
}

/// What is said where an older run was taken than the newest that was made, though that is there, in words: `what` of it.
pub fn passed_over(
    newest: Option<&Newest>,
    runs: &[Run],
    (what, taken): (&str, Dated),
    known: Option<&Known>,
) -> Option<String> {
    let newest = newest.filter(|newest| taken.run != Some(newest.run))?;
    let there = runs.iter().find(|run| run.run == newest.run)?;
    let is_older = (what == DATA || there.has_keys) && is_older(taken, newest.dated(), known);
    is_older.then(|| {
        let way_out = match what == DATA {
            true => format!("--run {} takes it", newest.run),
            false => "whoever was erased since may open here: erase them again before it serves".to_owned(),
        };
        format!(
            "{what} of {}, and not of {} of {}, the newest backup that was made, though that is at the target: somebody wrote at it, so that others \
             look newer. {way_out}",
            taken.run.map(|run| run.to_string()).unwrap_or_default(),
            newest.run,
            newest.made_at
        )
    })
}

/// What [`passed_over`] is about.
pub const DATA: &str = "the data is that";
pub const CUSTOMERS_KEYS: &str = "customers' keys are those";

/// The runs that were made here. Nothing where there is none: then nothing tells one's own from another's.
pub fn known(opened: &Opened) -> Done<Option<Known>> {
    // All of them: one that a clock dated back stands behind as many as there are.
    let read =
        |reader: &mut Reader<'_>| Ok::<_, storeward_store::Error>((sql::all_runs(reader)?, places(reader)?));
    let (rows, places) = opened.db.read_blocking(read).context("the database")?;
    let mut runs: BTreeSet<BackupId> = rows.iter().map(|(run, _)| *run).collect();
    // By the ledger: tries that failed since, however many, hide no last good one. Of a directory that was restored from its first backup that
    // one is all there is, and it was not over.
    let since = match told(opened)? {
        Some(last) => {
            runs.insert(last.run);
            last.made_at
        }
        None => match rows.iter().map(|(_, begun_at)| *begun_at).min() {
            Some(first) => first,
            None => return Ok(None),
        },
    };
    let places = places.into_iter().map(|(run, (seq, _))| (run, seq)).collect();
    Ok(Some(Known { since, runs, places }))
}

/// The same for whoever is about to make one, and for whoever looks: a directory that made none has nothing at the target, so what bears its mark there
/// was made before its database was lost, or elsewhere.
pub fn made_here(opened: &Opened) -> Done<Known> {
    let known = known(opened)?.unwrap_or_else(Known::nothing);
    Ok(match told(opened)? {
        Some(_) => known,
        None => Known { since: Known::nothing().since, ..known },
    })
}

/// What another copy of this data directory put away since this one did last, in words: the newest.
pub fn of_a_copy(
    backups: &Backups,
    listing: &Listing,
    known: Option<&Known>,
    now: Timestamp,
) -> Done<Option<String>> {
    let (Some(known), Some(key)) = (known, backups.plan().ledger.as_ref()) else { return Ok(None) };
    let strange = backups.strange(listing, key, known, now).map_err(|error| super::told(&error))?;
    Ok(strange.map(|Strange { run, made_at, place }| {
        format!(
            "{run} of {made_at} at {place} is signed by this directory's key, and this directory did not make it: a copy of it, such as one that was \
             restored beside it, backs up to the same target, or puts customers' keys away there (stop that one, or give it a target of its own, and \
             a keys_target where there is one), or this one was put back to an older state since, or lost its database"
        )
    }))
}

/// The newest that was made here, where another copy made a later one: nobody's orders and erasures since are in that.
pub fn instead_of_a_copys(
    backups: &Backups,
    listing: &Listing,
    known: Option<&Known>,
    now: Timestamp,
) -> Done<Option<BackupId>> {
    let (Some(known), Some(key)) = (known, backups.plan().ledger.as_ref()) else { return Ok(None) };
    let strange = backups.strange(listing, key, known, now).map_err(|error| super::told(&error))?;
    let own =
        listing.runs.iter().filter(|run| run.whose == Whose::Own && known.runs.contains(&run.run)).cloned();
    Ok(strange.and_then(|_| known.newest(own.collect(), now)).map(|run| run.run))
}

/// What is said where keys are laid of a run that is later than the newest that was noted.
pub fn later(noted: Option<&Newest>, laid: &Newest) -> Option<String> {
    let is_later = |noted: &&Newest| {
        let (laid, noted) = (laid.dated(), noted.dated());
        is_later(laid, noted, None) && !began_before(laid, noted)
    };
    let noted = noted.filter(|noted| laid.run != noted.run).filter(is_later)?;
    let Newest { run, made_at, .. } = laid;
    Some(format!(
        "BAD   {run} of {made_at}, of which the customers' keys are, is later than {} of {}, the newest that {NAME} names: if a restored copy of this data \
         directory ever ran beside it, it may be that one's, and open whoever was erased since: erase them again. --run {} takes the data that was noted",
        noted.run, noted.made_at, noted.run
    ))
}

/// Whether there are customers' keys here, or were.
fn wants_keys(opened: &Opened) -> bool {
    opened.loaded.config.vault.is_some() || crate::vault::exists(&opened.data)
}

/// Of the newest that was made, where it is there and no keys of it are: whether it had some, by its signed manifest. One that cannot be read is told by
/// whoever reads it.
fn had_keys(backups: &Backups, newest: &Newest, runs: &[Run]) -> Option<bool> {
    let is_bare = runs.iter().any(|run| run.run == newest.run && !run.has_keys);
    let manifest = is_bare.then(|| backups.manifest_of(newest.run, backups.plan().ledger.as_ref()));
    manifest?.ok().map(|manifest| manifest.of_part(Part::Keys).next().is_some())
}

/// [`missing`], and where no customers' keys at all are there any more though their time is not over.
fn lacks(
    backups: &Backups,
    newest: &Newest,
    (runs, has_keys): (&[Run], bool),
    now: Timestamp,
) -> Option<String> {
    let Newest { run, made_at, .. } = newest;
    match has_keys.then(|| had_keys(backups, newest, runs)).flatten() {
        // Nothing is gone.
        Some(false) => None,
        Some(true) if !runs.iter().any(|run| run.has_keys && run.whose == Whose::Own) => {
            (now.since(*made_at) < backups.plan().keys_kept).then(|| {
                format!(
                    "customers' keys of {run} of {made_at}, the newest backup that was made, are NOT where they were put away, nor any others: a disk is \
                     not mounted there, or somebody deleted them. No customer's record would open in what is restored"
                )
            })
        }
        Some(true) | None => missing(Some(newest), runs, has_keys),
    }
}

/// That the newest was made without customers' keys, in words.
pub fn made_without_keys(opened: &Opened, backups: &Backups, runs: &[Run]) -> Done<Option<String>> {
    let newest = told(opened)?.filter(|_| wants_keys(opened));
    let bare = newest.filter(|newest| had_keys(backups, newest, runs) == Some(false));
    let bare = bare.filter(|_| runs.iter().any(|run| run.has_keys && run.whose == Whose::Own));
    Ok(bare.map(|Newest { run, made_at, .. }| {
        format!(
            "{run} of {made_at}, the newest backup that was made, was made without customers' keys: the key store had none then. Those of the backups \
             before it are there still"
        )
    }))
}

/// [`missing`], told to the ledger once a day.
pub fn held(opened: &Opened, backups: &Backups, runs: &[Run]) -> Done<Option<String>> {
    let (newest, now) = (told(opened)?, opened.clock.now());
    let has_keys = wants_keys(opened);
    let look = |runs: &[Run]| {
        let newest = newest.as_ref()?;
        lacks(backups, newest, (runs, has_keys), now)
    };
    let Some(words) = look(runs) else { return Ok(None) };
    // It may have ended while the target was listed.
    let Some(words) = backups.list().map_or(Some(words), |again| look(&again.runs)) else {
        return Ok(None);
    };
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

/// Reads it from where keys are kept; nothing where it is not there.
pub fn noted(keys_from: &Path, key: &LogKey) -> Result<Option<Newest>, String> {
    let places: [PathBuf; 2] = [keys_from.join(NAME), keys_from.join("vault").join(NAME)];
    let Some(place) = places.iter().find(|place| place.exists()) else { return Ok(None) };
    let shown = place.display();
    let unsaid = "which backup is the newest that was made is told by nothing else on this machine";
    let bytes = fs::read(place).map_err(|why| format!("{shown} cannot be read ({why}): {unsaid}"))?;
    let signed = serde_json::from_slice::<Signed>(&bytes).ok();
    let signed = signed.filter(|signed| statement::holds(key, KIND, &signed.newest, &signed.signature));
    let newest = signed.and_then(|signed| serde_json::from_str(&signed.newest).ok());
    newest.map(Some).ok_or_else(|| format!("{shown} is not signed by the key of the ledger: {unsaid}"))
}

/// Whose the note in a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    Missing,
    /// Nobody signed it: what a full disk left, say.
    Damaged,
    Own,
    Anothers,
}

pub fn of_folder(folder: &Path, key: &LogKey) -> Note {
    let bytes = match fs::read(folder.join(NAME)) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Note::Missing,
        // Whoever may not read it wrote none there.
        Err(_) => return Note::Anothers,
    };
    match serde_json::from_slice::<Signed>(&bytes) {
        Err(_) => Note::Damaged,
        Ok(signed) if statement::holds(key, KIND, &signed.newest, &signed.signature) => Note::Own,
        Ok(_) => Note::Anothers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A forged number was counted on from by a run that somebody hid; put back, it was later than all that came after it.
    #[test]
    fn a_run_that_is_ahead_by_its_number_alone_is_not_the_later_one() {
        let at = |seconds| Timestamp::from_seconds(1_700_000_000 + seconds);
        let one = |run: u32, number: u64, entries: Option<u64>| Newest {
            run: BackupId::from_bits(u128::from(run)),
            made_at: at(i64::from(run)),
            number: Some(number),
            entries,
        };
        let (hidden, noted) = (one(1, (1 << 32) + 11, Some(10)), one(2, 20, Some(20)));
        assert!(is_older(hidden.dated(), noted.dated(), None));
        assert_eq!(later(Some(&noted), &hidden), None);
        // A copy's, and what a version before this noted.
        assert!(!is_older(one(3, 21, Some(20)).dated(), noted.dated(), None));
        assert!(later(Some(&noted), &one(3, 21, Some(20))).is_some());
        let of_before = Newest { entries: None, ..noted.clone() };
        assert!(!is_older(hidden.dated(), of_before.dated(), None));
        let text = serde_json::to_string(&of_before).unwrap();
        assert!(!text.contains("entries"), "{text}");
        assert_eq!(serde_json::from_str::<Newest>(&text).unwrap(), of_before);
    }
}
