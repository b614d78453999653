//! Whole runs into a folder, and what becomes of them.

mod far;
mod forged;
mod gives_up;
mod owner;
mod shop;

use std::path::{Path, PathBuf};
use std::time::Duration;

use storeward_base::{BackupId, Secret, SeededEntropy, Timestamp};
use storeward_seal::LogKey;

use crate::{
    Alone, Asked, Backups, Bars, Before, Begin, Error, Keep, Known, Made, OwnFile, Plan, Restored, Run,
    Sources, Target, Whose,
};

/// An installation: a file of its own, one of customers' keys, a shop, and its ledger's key.
struct House {
    folder: tempfile::TempDir,
    key: LogKey,
}

impl House {
    fn new(number: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for below in ["data/vault", "shop"] {
            std::fs::create_dir_all(folder.path().join(below)).unwrap();
        }
        std::fs::write(folder.path().join("data/note"), format!("of house {number}")).unwrap();
        std::fs::write(folder.path().join("data/vault/keys.sqlite"), format!("keys of house {number}"))
            .unwrap();
        House { folder, key: LogKey::generate(&SeededEntropy::new(number)) }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn backups(&self, target: &Path) -> Backups {
        let plan = Plan {
            target: Target::Local(target.to_owned()),
            password: Secret::new("six words that nobody guesses".to_owned()),
            keys_target: None,
            keys_password: None,
            ssh_key: None,
            s3: None,
            scratch: self.at("data/scratch"),
            lock: self.at("data/lock"),
            keep: Keep { last: 1, days: 0, weeks: 0, months: 0 },
            ledger: Some(self.key.clone()),
            keys_kept: Duration::from_secs(30 * 24 * 3_600),
        };
        Backups::new(plan, Bars::none())
    }

    /// A run at the hour `hour`, which is its id, too. Without customers' keys where there is no key store.
    fn run(&self, backups: &Backups, hour: u32) -> Result<Made, Error> {
        self.run_noted(backups, hour, None)
    }

    /// The same, when the ledger had so many entries: with a number.
    fn run_noted(&self, backups: &Backups, hour: u32, entries: Option<u64>) -> Result<Made, Error> {
        let own = |name: &str| OwnFile { from: self.at("data").join(name), name: name.to_owned() };
        let sources = Sources {
            files: vec![own("note")],
            key_files: self
                .at("data/vault/keys.sqlite")
                .exists()
                .then(|| own("vault/keys.sqlite"))
                .into_iter()
                .collect(),
            shop_paths: vec![self.at("shop")],
            ..Sources::default()
        };
        let begin = Begin {
            run: run_of(hour),
            at: at_hour(hour),
            entries,
            heartbeat: format!("beat {hour}"),
            key: self.key.clone(),
            keyless: None,
            known: None,
        };
        backups.run(&backups.alone()?, &begin, &sources, &quiet)
    }
}

/// Whoever hears of it says nothing.
#[expect(clippy::unnecessary_wraps, reason = "what a house has in its place fails")]
fn quiet(_: Before) -> Result<(), Error> {
    Ok(())
}

/// Takes every one away that lacks something.
fn forget_broken(backups: &Backups, hour: u32) -> Result<(), Error> {
    let alone = backups.alone()?;
    let broken = backups.broken(&alone, &quiet)?;
    let all = broken.runs.keys().copied().collect();
    backups.forget_broken(&alone, &broken, &all, at_hour(hour))
}

fn runs(backups: &Backups) -> Vec<(BackupId, Whose)> {
    backups.list().unwrap().runs.iter().map(|run| (run.run, run.whose)).collect()
}

fn run_of(hour: u32) -> BackupId {
    BackupId::from_bits(u128::from(hour))
}

fn at_hour(hour: u32) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + i64::from(hour) * 3_600)
}

/// At an hour behind all runs.
fn read_out(
    backups: &Backups,
    alone: &Alone,
    run: BackupId,
    to: &Path,
    shop: Option<&Path>,
    key: Option<&LogKey>,
) -> Result<Restored, Error> {
    let listing = &backups.list()?;
    backups.restore(
        alone,
        &Asked { listing, run, to, shop, key, keys_run: None, known: None, now: at_hour(100_000) },
    )
}

/// Without the shop, at an hour.
fn asked(
    backups: &Backups,
    run: BackupId,
    to: &Path,
    (key, known, hour): (Option<&LogKey>, Option<&Known>, u32),
) -> Result<Restored, Error> {
    let listing = &backups.list()?;
    let asked = Asked { listing, run, to, shop: None, key, keys_run: None, known, now: at_hour(hour) };
    backups.restore(&backups.alone()?, &asked)
}

fn find(backups: &Backups, run: Option<BackupId>, hour: u32) -> Result<Run, Error> {
    backups.find(&backups.list()?, run, at_hour(hour), None)
}
