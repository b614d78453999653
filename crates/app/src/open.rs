//! Opens what several words need: the config, the keys, the database.

pub mod restored;
pub mod rows;

use std::path::Path;
use std::sync::Arc;

use storeward_base::{Clock, Entropy, SystemClock, SystemEntropy};
use storeward_seal::{DataKey, LogKey, Origin, PseudonymKey};
use storeward_store::{DatabaseUrl, Db, Error, Migration, OpenOptions};

use crate::Done;
use crate::config::{Config, Loaded};
use crate::data::{DataDir, Keys};
use crate::failure::{Context, Failure};

/// What to do where the ledger's head is not one that the keys at hand signed.
const OTHER_KEYS: &str = "if this database was written with other keys, put those back into keys/, or correct database.url; \
                          if both are right, somebody wrote to the database: compare it with your backups";

/// What to do where nothing can be written.
const NO_ROOM: &str = "make room (`df -h` shows how much there is; `du -sh` of the data directory, what takes it; files of access/ may be \
                       deleted), then start again: nothing that was written is lost";

/// Every domain's tables.
const MIGRATIONS: [&[Migration]; 13] = [
    storeward_console::MIGRATIONS,
    storeward_post::MIGRATIONS,
    storeward_identity::MIGRATIONS,
    storeward_guide::MIGRATIONS,
    storeward_oidc::MIGRATIONS,
    storeward_vault::MIGRATIONS,
    storeward_vault::office::MIGRATIONS,
    storeward_vault::import::MIGRATIONS,
    storeward_anchor::MIGRATIONS,
    storeward_backup::MIGRATIONS,
    storeward_api::MIGRATIONS,
    storeward_payments::MIGRATIONS,
    storeward_checkout::MIGRATIONS,
];

/// A data directory with its config read and its database open.
pub struct Opened {
    pub data: DataDir,
    pub loaded: Loaded,
    pub db: Db,
    /// Entries of the ledger before this program wrote any.
    pub found_entries: u64,
    pub data_key: DataKey,
    /// Makes what stands for clients, addresses and accounts.
    pub pseudonym_key: PseudonymKey,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// What is wrong with the backups, as far as this program looked.
    pub backup: crate::backup::Watched,
}

pub fn open(dir: &Path) -> Done<Opened> {
    let loaded = Config::load(dir)?;
    loaded.config.validate()?;
    open_as(dir, loaded)
}

/// Opens a directory by another config than the one in it: a restored copy, which must not lead to the original's database.
pub fn open_as(dir: &Path, loaded: Loaded) -> Done<Opened> {
    let data = DataDir::open(dir)?;
    restored::leads_elsewhere(&data, &loaded.config)?;
    let keys = data.keys()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let data_key = DataKey::from_bytes(keys.data.clone());
    let pseudonym_key = PseudonymKey::from_bytes(keys.pseudonym.clone());
    let db = database(&data, &loaded.config, keys, clock.clone(), entropy.clone())?;
    rows::bind_old(&data, &db)?;
    let found_entries = *db.ledger_watch().borrow();
    Ok(Opened {
        data,
        loaded,
        db,
        found_entries,
        data_key,
        pseudonym_key,
        clock,
        entropy,
        backup: crate::backup::Watched::default(),
    })
}

fn database(
    data: &DataDir,
    config: &Config,
    keys: Keys,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Done<Db> {
    let url = database_url(data, config)?;
    // The name of a ledger that is begun here. One that is there keeps its own, whatever the shop is called now.
    let name = config.domain.list().first().cloned().unwrap_or_default();
    let origin = Origin::parse(&format!("{name}/storeward")).context("the ledger's name")?;
    Db::open(OpenOptions {
        url,
        node: "storeward".to_owned(),
        log_key: LogKey::from_seed(&keys.ledger),
        trusted: Vec::new(),
        pseudonym_key: PseudonymKey::from_bytes(keys.pseudonym.clone()),
        origin,
        clock,
        entropy,
        migrations: MIGRATIONS.concat(),
        readers: 4,
    })
    .map_err(|error| {
        let failure = Failure::new(format!("the database: {error}"));
        match error {
            Error::Ledger(_) => failure.hint(OTHER_KEYS),
            // SQLite says "disk I/O error" or "unable to open database file" of a full disk.
            Error::Open(_) | Error::Unwritable(_) if !data.has_room() => {
                Failure::new(format!("no room in {}: the disk is full", data.path().display())).hint(NO_ROOM)
            }
            _ => failure,
        }
    })
}

/// A relative SQLite path lies in the data directory, wherever the program was started.
fn database_url(data: &DataDir, config: &Config) -> Done<DatabaseUrl> {
    let text = config.database.url.expose();
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.starts_with('/') => {
            DatabaseUrl::parse(&format!("sqlite:{}", data.join(path).display()))
        }
        _ => DatabaseUrl::parse(text),
    }
    .context("database.url")
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::Actor;
    use storeward_store::ledger::{Standing, VerifyOptions, verify};

    use crate::ledger_head::KeptHead;

    fn shop(domain: &str) -> String {
        format!(
            "domain = {domain}\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = ['http://127.0.0.1:1']\n"
        )
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    /// Whoever is of an earlier version gets a tag once, or is told why not: without one nobody of them is let in, and the next start
    /// finds others with one.
    #[test]
    fn keys_that_cannot_be_written_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(&folder.path().join("d")).unwrap();
        data.ensure_keys(&SystemEntropy).unwrap();
        std::fs::write(data.join(crate::config::FILE), shop("'localhost'")).unwrap();
        // As root too, nothing is written where a folder lies.
        let begun = data.join("keys/rows-bound.new");
        std::fs::create_dir(&begun).unwrap();
        let why = open(data.path()).err().expect("nothing is opened").to_string();
        assert!(why.contains("rows-bound") && why.contains("make keys/ writable"), "{why}");
        std::fs::remove_dir(&begun).unwrap();
        open(data.path()).unwrap();
        assert!(data.join("keys/rows-bound").is_file());
    }

    /// The ledger's name was the first of the shop's: with another one in front no word opened the database any more.
    #[test]
    fn a_shop_that_is_renamed_keeps_its_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(&folder.path().join("d")).unwrap();
        data.ensure_keys(&SystemEntropy).unwrap();
        let names = ["'localhost'", "['shop.localhost', 'localhost']", "'www.shop.example'", "'localhost'"];
        for (count, domain) in (1..).zip(names) {
            std::fs::write(data.join(crate::config::FILE), shop(domain)).unwrap();
            let opened = open(data.path()).unwrap_or_else(|why| panic!("{domain}: {why}"));
            assert_eq!(opened.db.ledger_name().as_str(), "localhost/storeward");
            let kept = KeptHead::of(&opened.data);
            if count > 1 {
                assert_eq!(
                    block_on(kept.standing(&opened.db)).unwrap(),
                    Some(Standing::Continues),
                    "{domain}"
                );
            }
            let fact = storeward_events::system::Started { version: "1".to_owned() };
            let write = move |tx: &mut storeward_store::Tx<'_>| {
                tx.append(Actor::System, None, fact.clone()).map(drop)
            };
            opened.db.write_blocking::<_, Error>(write).unwrap();
            block_on(kept.save(&opened.db)).unwrap();
            let report = verify(&opened.db, &VerifyOptions::default(), |_, _| {}).unwrap();
            assert_eq!((report.entries, report.first_fault), (count, None), "{domain}");
            opened.db.close();
        }
        // A database begun anew under the new name, beside the head of the old one: told as cut back, not as foreign.
        for name in ["storeward.sqlite", "storeward.sqlite-wal", "storeward.sqlite-shm"] {
            drop(std::fs::remove_file(data.join(name)));
        }
        std::fs::write(data.join(crate::config::FILE), shop("'shop.example'")).unwrap();
        let opened = open(data.path()).unwrap();
        assert_eq!(opened.db.ledger_name().as_str(), "shop.example/storeward");
        let standing = block_on(KeptHead::of(&opened.data).standing(&opened.db)).unwrap();
        assert_eq!(standing, Some(Standing::CutBack { kept: 4, found: 0 }));
        opened.db.close();
    }

    /// Said "disk I/O error; check that the directory is there".
    #[test]
    fn a_start_without_room_says_so_and_what_to_do() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        use tokio::signal::unix::{SignalKind, signal};

        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(&folder.path().join("d")).unwrap();
        data.ensure_keys(&SystemEntropy).unwrap();
        std::fs::write(data.join(crate::config::FILE), shop("'localhost'")).unwrap();
        open(data.path()).unwrap().db.close();
        // What a write past the limit is told by, beside its error (Linux, signal(7)). nextest runs each test in a process of its own.
        let _told = block_on(async { signal(SignalKind::from_raw(25)).unwrap() });
        let files_end_at = |bytes| {
            let maximum = getrlimit(Resource::Fsize).maximum;
            setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum }).unwrap();
        };
        files_end_at(Some(4096));
        let refused = open(data.path()).map(|_| ()).unwrap_err().into_parts();
        files_end_at(None);
        assert!(refused.0.contains("the disk is full"), "{refused:?}");
        assert!(
            refused.1.is_some_and(
                |todo| todo.contains("df -h") && todo.contains("nothing that was written is lost")
            )
        );
        assert!(!data.join(".room").exists());
        open(data.path()).unwrap().db.close();
    }
}
