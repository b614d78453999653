//! The drill: a backup is restored into a scratch folder, opened as a data directory, and looked through.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use storeward_backup::drill::{Finding, Looked, Report, Trial};
use storeward_backup::postgres::TrialDatabase;
use storeward_backup::sql::{self, DrillRow};
use storeward_backup::{Alone, Backups, Error, Known, Manifest, is_later};
use storeward_base::{Actor, BackupId, Id, Secret};
use storeward_events::Event;
use storeward_events::backup::{DrillFailed, DrillPassed};
use storeward_seal::LogKey;
use storeward_seal::envelope::RootFile;
use storeward_store::DatabaseUrl;
use storeward_store::copies::{self, count_rows};
use storeward_store::ledger::{self, VerifyOptions};
use storeward_vault::Shelf;

use super::newest;
use super::sources::{KEYS_DUMP, OWN_DUMP, OWN_SQLITE};
use crate::config::{Config, Loaded};
use crate::data::{DataDir, write_atomically};
use crate::failure::Context;
use crate::oidc::finished;
use crate::open::{Opened, open_as};
use crate::vault::copies as vault_copies;
use crate::{Done, vault};

/// Restores a backup on trial, files the signed report and tells the ledger.
pub fn drill(opened: &Opened, backups: &Backups, alone: &Alone, run: Option<BackupId>) -> Done<Report> {
    let key = LogKey::from_seed(&opened.data.keys()?.ledger);
    let known = newest::known(opened)?;
    let trial = Trial {
        drill: Id::new(opened.clock.as_ref(), opened.entropy.as_ref()),
        at: opened.clock.now(),
        known: known.as_ref(),
    };
    // Before it: what the drill finds in itself is whole also where the target was put back.
    let newest = newest::told(opened)?.filter(|_| run.is_none());
    let report = backups.drill(alone, trial, run, &key, |listing, to, manifest| {
        let mut looked = look(opened, to, manifest)?;
        if run.is_none() {
            let here = newest::made_here(opened);
            let found = here.and_then(|here| newest::of_a_copy(backups, listing, Some(&here), trial.at));
            looked.findings.extend(copy(found));
        }
        looked.findings.extend(newest.map(|newest| match newest.run == manifest.run {
            true => Finding::held("newest", "it is the newest that was made, as the ledger has it"),
            // It was cut off before its end was written, or is the one that this directory was restored from.
            false
                if is_later(manifest.dated(), newest.dated(), known.as_ref())
                    && is_own(manifest, known.as_ref()) =>
            {
                Finding::held(
                    "newest",
                    "it is this directory's, and later than the last of which the end was told",
                )
            }
            false if is_later(manifest.dated(), newest.dated(), known.as_ref()) => Finding::failed(
                "newest",
                format!(
                    "it is not this directory's: {} of {} is the last that was made here",
                    newest.run, newest.made_at
                ),
            ),
            false => Finding::failed(
                "newest",
                format!("{} of {} was made later and is not at the target", newest.run, newest.made_at),
            ),
        }));
        Ok(looked)
    });
    let (text, signature) = report.sign(&key).context("the drill's report")?;
    let row = DrillRow {
        drill: report.drill,
        begun_at: report.begun_at,
        ended_at: opened.clock.now(),
        run: report.run,
        code: report.code.clone(),
        recovery_ms: report.recovery_ms,
        age_ms: report.age_ms,
        report: text,
        signature,
    };
    let fact = fact(&report);
    super::write(opened, move |tx| {
        sql::drilled(tx, &row)?;
        tx.append(Actor::System, None, fact.clone()).map(drop)
    })?;
    Ok(report)
}

/// What another copy of the directory made, or why that cannot be told.
fn copy(found: Done<Option<String>>) -> Option<Finding> {
    let words = found.unwrap_or_else(|why| {
        Some(format!("whether another copy backs up here cannot be told: {}", why.what()))
    });
    words.map(|words| Finding::failed("copy", words))
}

fn is_own(manifest: &Manifest, known: Option<&Known>) -> bool {
    known.is_some_and(|known| known.runs.contains(&manifest.run))
}

fn fact(report: &Report) -> Event {
    match (report.has_passed(), report.run) {
        (true, Some(run)) => DrillPassed {
            drill: report.drill,
            run,
            recovery_ms: report.recovery_ms.unwrap_or(0),
            age_ms: report.age_ms.unwrap_or(0),
        }
        .into(),
        (_, run) => DrillFailed { drill: report.drill, run, code: report.code.clone() }.into(),
    }
}

/// Opens what lies in `to` as a data directory, with this machine's keys, and looks it through.
fn look(opened: &Opened, to: &Path, manifest: &Manifest) -> Result<Looked, Error> {
    let told = |failure: crate::failure::Failure| Error::Opens(failure.to_string().replace('\n', " "));
    let mut looked = Looked::default();
    count_files(to, manifest, &mut looked)?;
    looked.findings.extend(copy_of_epochs(opened, manifest));
    let (data, is_of_before) = keys_beside(opened, to).map_err(told)?;
    if is_of_before {
        let says = "its root.json is under the passphrase of before, and no machine but this one opens it without that: make a backup now";
        looked.findings.push(Finding::failed("root", says));
    }
    let mut config = vault_copies::from_elsewhere(&opened.loaded.config, &opened.data);
    config.database.url = Secret::new(format!("sqlite:{OWN_SQLITE}"));
    let trial = trial_database(opened, to, &mut config, &mut looked)?;
    let keys_trial = trial_keys(opened, to, &mut config, &mut looked)?;
    let loaded = Loaded { config, fingerprint: String::new() };
    let copy = open_as(data.path(), loaded).map_err(told)?;
    let found = look_through(&copy, keys_trial.is_some(), &mut looked);
    copy.db.clone().close();
    drop((trial, keys_trial));
    found.map_err(told)?;
    Ok(looked)
}

/// Whether another machine, which has the copy of the epochs' keys and not this one's, would open what was put away.
fn copy_of_epochs(opened: &Opened, manifest: &Manifest) -> Option<Finding> {
    let copy = vault::epochs_copy(&opened.loaded.config)?;
    let shelf = opened.data.join(vault_copies::SHELF_FILE);
    if !shelf.is_file() {
        return None;
    }
    let missing = Shelf::at(&shelf).missing_in(&copy, manifest.made_at);
    Some(match missing {
        Ok(epochs) if epochs.is_empty() => Finding::held(
            "epochs",
            "backup.epochs_copy has the keys of the epochs that the customers' keys need",
        ),
        Ok(epochs) => Finding::failed(
            "epochs",
            format!(
                "backup.epochs_copy lacks the keys of epochs {epochs:?}: on another machine no customer's record would open"
            ),
        ),
        Err(why) => Finding::failed(
            "epochs",
            format!(
                "backup.epochs_copy: {why}; without it no customer's record would open on another machine"
            ),
        ),
    })
}

/// Databases that are files: SQLite's own check, and the rows of each table.
fn count_files(to: &Path, manifest: &Manifest, looked: &mut Looked) -> Result<(), Error> {
    for name in manifest.rows.keys() {
        let path = to.join(name);
        if !name.ends_with(".sqlite") || !path.is_file() {
            continue;
        }
        let found = copies::look_closely(&path)?;
        looked.findings.push(match found.fault {
            None => Finding::held(name, "SQLite's own check finds no fault"),
            Some(fault) => Finding::failed(name, fault),
        });
        looked.rows.insert(name.clone(), found.tables.into_iter().collect());
    }
    Ok(())
}

/// The keys are in no backup: those of this machine lie beside the copy while the trial lasts.
fn keys_beside(opened: &Opened, to: &Path) -> Done<(DataDir, bool)> {
    let data = DataDir::create(to)?;
    take_keys(opened.data.path(), &data)?;
    let is_of_before = take_root(opened.data.path(), &data)?;
    // The keys are looked through in a database of the trial's own: there it stands for this directory.
    let id = opened.data.join(vault_copies::ID_FILE);
    if id.is_file() {
        write_atomically(&data.join(vault_copies::ID_FILE), &fs::read(&id).context(id.display())?)?;
    }
    Ok((data, is_of_before))
}

/// Copies `keys/` and the epochs' keys from one directory to another.
pub fn take_keys(from: &Path, to: &DataDir) -> Done<u64> {
    let mut taken = 0;
    let folder = from.join("keys");
    let keys = fs::read_dir(&folder).context(folder.display())?;
    let own = to.join("keys");
    drop(DataDir::create(&own)?);
    for entry in keys {
        let entry = entry.context(folder.display())?;
        if entry.file_type().context(folder.display())?.is_file() {
            let bytes = Secret::new(fs::read(entry.path()).context(entry.path().display())?);
            write_atomically(&own.join(entry.file_name()), bytes.expose())?;
            taken += 1;
        }
    }
    // Beside the keys of a copy that somebody made by hand, or where Storeward keeps it.
    let shelves = [from.join(vault_copies::SHELF_FILE), from.join("epochs.json")];
    if let Some(shelf) = shelves.iter().find(|shelf| shelf.is_file()) {
        drop(DataDir::create(&to.join("vault"))?);
        write_atomically(&to.join(vault_copies::SHELF_FILE), &fs::read(shelf).context(shelf.display())?)?;
        taken += 1;
    }
    Ok(taken)
}

/// The same root key under the passphrase of now: whoever took another passphrase since the backup has the old one no more, or should not.
pub fn take_root(from: &Path, to: &DataDir) -> Done<bool> {
    let read = |path: &Path| match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some).context(path.display()),
    };
    let places = [from.join(vault_copies::ROOT_FILE), from.join("root.json")];
    let Some(held) = places.iter().find(|place| place.is_file()) else { return Ok(false) };
    let (copy, now) = (read(&to.join(vault_copies::ROOT_FILE))?, read(held)?.unwrap_or_default());
    let wanted = Shelf::at(to.join(vault_copies::SHELF_FILE)).wrapped_by().unwrap_or_default();
    let root = RootFile::parse(&now).ok().map(|file| file.root);
    // What lies beside the epochs' keys of another root key opens nothing of theirs.
    if copy.as_ref() == Some(&now) || root.is_none() || root != wanted {
        return Ok(false);
    }
    write_atomically(&to.join(vault_copies::ROOT_FILE), now.as_bytes())?;
    Ok(true)
}

/// Loads a dump into a database that is dropped after the trial, and leads the config there.
fn trial_database(
    opened: &Opened,
    to: &Path,
    config: &mut Config,
    looked: &mut Looked,
) -> Result<Option<TrialDatabase>, Error> {
    let dump = to.join(OWN_DUMP);
    if !dump.is_file() {
        return Ok(None);
    }
    let trial = scratch(opened, opened.db.url())?;
    let schema = copies::schema_of(&opened.db)?;
    trial.load(&dump, schema.as_deref())?;
    config.database.url = with_database(&opened.loaded.config.database.url, trial.name());
    note_rows(OWN_DUMP, &config.database.url, looked)?;
    Ok(Some(trial))
}

/// The same for a key store that is a database of a server: never the one that is in use.
fn trial_keys(
    opened: &Opened,
    to: &Path,
    config: &mut Config,
    looked: &mut Looked,
) -> Result<Option<TrialDatabase>, Error> {
    let dump = to.join(KEYS_DUMP);
    let in_use = opened.loaded.config.vault.as_ref().and_then(|section| section.key_store.as_ref());
    let (true, Some(in_use), Some(section)) = (dump.is_file(), in_use, config.vault.as_mut()) else {
        return Ok(None);
    };
    let url = DatabaseUrl::parse(in_use.expose()).map_err(|why| Error::Opens(why.to_string()))?;
    let trial = scratch(opened, &url)?;
    trial.load(&dump, None)?;
    let url = with_database(in_use, trial.name());
    note_rows(KEYS_DUMP, &url, looked)?;
    section.key_store = Some(url);
    Ok(Some(trial))
}

/// As it was put away: opened, it gets the tables and columns that this program has and the one of then had not.
fn note_rows(name: &str, url: &Secret<String>, looked: &mut Looked) -> Result<(), Error> {
    let told = |why: storeward_store::Error| Error::Opens(format!("{name}: {why}"));
    let url = DatabaseUrl::parse(url.expose()).map_err(told)?;
    looked.rows.insert(name.to_owned(), count_rows(&url).map_err(told)?.into_iter().collect());
    Ok(())
}

/// An empty database beside the one at `url`.
fn scratch(opened: &Opened, url: &DatabaseUrl) -> Result<TrialDatabase, Error> {
    let environment: Vec<_> =
        url.for_programs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    TrialDatabase::create(&environment, &format!("storeward_drill_{}", opened.entropy.token::<6>()))
}

/// The same server, another database.
pub fn with_database(url: &Secret<String>, name: &str) -> Secret<String> {
    let text = url.expose();
    let (address, query) =
        text.split_once('?').map_or((text.as_str(), None), |(address, query)| (address, Some(query)));
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let server = rest.split_once('/').map_or(rest, |(server, _)| server);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Secret::new(format!("{scheme}://{server}/{name}{query}"))
}

/// What a start would look at: the ledger, the heartbeat, customers' keys.
fn look_through(copy: &Opened, has_keys: bool, looked: &mut Looked) -> Done {
    // The trial's own database of keys says whose the store was then: this directory may have taken it since.
    if has_keys {
        vault::take_key_store(copy)?;
    }
    looked.heartbeat = copy.db.read_blocking(sql::heartbeat).context("the restored database")?;
    let report =
        ledger::verify(&copy.db, &VerifyOptions::default(), |_, _| {}).context("the restored ledger")?;
    looked.findings.push(match report.first_fault {
        None => {
            let says = format!("{} entries, every signature and hash holds", report.entries);
            Finding::held("ledger", says)
        }
        Some(fault) => Finding::failed("ledger", fault.to_string()),
    });
    if !vault::exists(&copy.data) {
        return Ok(());
    }
    if let Some(standing) = vault::start(copy)? {
        let faults = finished(standing.vault.keys().verify())?.context("customers' keys");
        let size = standing.vault.size_blocking().context("customers' records");
        let without = finished(standing.vault.without_key());
        // Of an older run's data: who was erased since has no key, as it should be.
        let destroyed = finished(standing.vault.keys().destroyed_since());
        standing.close();
        let (faults, size) = (faults?, size?);
        let (mut without, destroyed) = (without?.context("customers' records")?, destroyed?);
        let destroyed = destroyed.context("customers' keys")?;
        without.retain(|customer| !destroyed.contains_key(customer));
        looked.findings.push(match (faults.len(), without.first()) {
            (0, None) => {
                let says = format!("{} customers' keys open, for {} values", size.customers, size.fields);
                Finding::held("customers", says)
            }
            (0, Some(first)) => {
                let says = format!(
                    "of {} customers in the data, {first} the first of them, there is no key that opens the record: the keys are of another \
                     time",
                    without.len()
                );
                Finding::failed("customers", says)
            }
            (faults, _) => {
                Finding::failed("customers", format!("{faults} customers' keys are damaged or missing"))
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    /// What kept it from being told was taken for "there is none", and the drill passed.
    #[test]
    fn that_a_copy_cannot_be_told_is_no_word_that_there_is_none() {
        let found = copy(Err(Failure::new("the index is gone"))).unwrap();
        assert!(!found.held && found.says.ends_with("cannot be told: the index is gone"), "{found:?}");
        assert!(
            copy(Ok(None)).is_none() && copy(Ok(Some("one".to_owned()))).is_some_and(|found| !found.held)
        );
    }

    #[test]
    fn another_database_on_the_same_server() {
        let check = |from: &str, to: &str| {
            assert_eq!(with_database(&Secret::new(from.to_owned()), "trial").expose(), to);
        };
        check("postgres://u:p@h:5432/ward", "postgres://u:p@h:5432/trial");
        check("postgres://u@h/ward?sslmode=disable", "postgres://u@h/trial?sslmode=disable");
        check("postgresql://h", "postgresql://h/trial");
    }
}
