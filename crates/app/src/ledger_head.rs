//! The ledger's last signed head, kept in a file beside the database.
//!
//! Signatures show that nobody without the key wrote a ledger; they do not show that it is all of it. Who can write to the
//! database, but not to this machine's files, could take the newest entries away, or put yesterday's database in place of
//! today's, and every signature would still hold. The file remembers how far the ledger had come.

use std::path::{Path, PathBuf};
use std::time::Duration;

use storeward_events::system::LedgerCutBack;
use storeward_host::{Emission, Emit, Stop};
use storeward_store::ledger::{self, Standing};
use storeward_store::{Db, Error};
use tokio::runtime::Runtime;

use crate::Done;
use crate::data::{DataDir, write_atomically};
use crate::failure::{Context, Failure};
use crate::open::Opened;
use crate::run::log;

/// The file's name in the data directory.
pub const FILE: &str = "ledger.head";

/// How often the file follows a ledger that grows. What is cut off within this time before a crash is not noticed.
const FOLLOW: Duration = Duration::from_secs(5);

/// The file of one data directory.
#[derive(Clone, Debug)]
pub struct KeptHead(PathBuf);

impl KeptHead {
    pub fn of(data: &DataDir) -> Self {
        KeptHead(data.join(FILE))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The kept head; `None` where none was kept yet.
    pub fn read(&self) -> Done<Option<String>> {
        match std::fs::read_to_string(&self.0) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new(format!("{}: {error}", self.0.display()))),
        }
    }

    /// Holds the ledger against the file; `None` where there is no file.
    pub async fn standing(&self, db: &Db) -> Done<Option<Standing>> {
        match self.read()? {
            None => Ok(None),
            Some(note) => ledger::standing(db, note).await.map(Some).context("the ledger"),
        }
    }

    /// Writes the head of this moment.
    pub async fn save(&self, db: &Db) -> Done {
        let head = db.read(ledger::head).await.map_err(|e: Error| Failure::new(e.to_string()))?;
        let path = self.0.clone();
        let written =
            tokio::task::spawn_blocking(move || write_atomically(&path, head.note.as_bytes())).await;
        written.context("the ledger's head")?
    }

    /// Follows the ledger until the stop. Not to be called for a ledger that was cut back: the file is the evidence.
    pub async fn follow(self, db: Db, stop: Stop) {
        let mut grown = db.ledger_watch();
        let mut told = false;
        loop {
            match self.save(&db).await {
                Ok(()) => told = false,
                Err(failure) if !told => {
                    told = true;
                    log("error", &failure.to_string(), &[("file", FILE)]);
                }
                Err(_) => {}
            }
            tokio::select! {
                () = stop.stopping() => return,
                () = tokio::time::sleep(FOLLOW) => {}
            }
            if stop.is_stopping() || grown.changed().await.is_err() {
                return;
            }
        }
    }
}

/// The file and the ledger of a running program.
#[derive(Debug)]
pub struct LedgerWatch {
    /// `None` where the ledger did not continue: the file stays as it is until somebody says what happened.
    kept: Option<KeptHead>,
}

impl LedgerWatch {
    /// Compares, tells what does not hold, and follows. To be called before anything is written.
    pub fn start(opened: &Opened, runtime: &Runtime, emit: &dyn Emit, stop: &Stop) -> Done<Self> {
        let kept = KeptHead::of(&opened.data);
        let standing = runtime.block_on(kept.standing(&opened.db))?;
        if let Some(failure) = standing.as_ref().and_then(failure) {
            log("error", &failure.to_string(), &[]);
        }
        if let Some(event) = cut_back(standing.as_ref()) {
            let at = opened.clock.now();
            emit.emit(Emission { at, request: None, client: None, event: event.into() });
            return Ok(LedgerWatch { kept: None });
        }
        runtime.spawn(kept.clone().follow(opened.db.clone(), stop.clone()));
        Ok(LedgerWatch { kept: Some(kept) })
    }

    /// The last entries of a stop are counted too.
    pub fn finish(self, runtime: &Runtime, db: &Db) {
        if let Some(Err(failure)) = self.kept.map(|kept| runtime.block_on(kept.save(db))) {
            log("error", &failure.to_string(), &[("file", FILE)]);
        }
    }
}

/// The fact for a ledger that does not continue; `None` where it does.
pub fn cut_back(standing: Option<&Standing>) -> Option<LedgerCutBack> {
    match standing? {
        Standing::Continues => None,
        Standing::CutBack { kept, found } => {
            Some(LedgerCutBack { kept: *kept, found: *found, how: "cut_back".to_owned() })
        }
        Standing::Rewritten { kept, found } => {
            Some(LedgerCutBack { kept: *kept, found: *found, how: "rewritten".to_owned() })
        }
        Standing::Unreadable(_) => Some(LedgerCutBack { kept: 0, found: 0, how: "unreadable".to_owned() }),
    }
}

/// What `audit verify` says of it, and what to do.
pub fn failure(standing: &Standing) -> Option<Failure> {
    let (what, next) = match standing {
        Standing::Continues => return None,
        Standing::CutBack { kept, found } => (
            format!("the ledger was cut back: it had {kept} entries on this machine, and has {found} now"),
            "if you have restored an older backup yourself, say so with `storeward audit accept`; if not, somebody \
             wrote to the database: keep a copy of it and of ledger.head, and compare with your backups",
        ),
        Standing::Rewritten { kept, .. } => (
            format!("the ledger was written anew: its first {kept} entries are not those of {FILE}"),
            "keep a copy of the database and of ledger.head, and compare with your backups",
        ),
        Standing::Unreadable(why) => (
            format!("{FILE} is no head of this ledger: {why}"),
            "it was changed, or comes from another installation; put the right one back, or accept the ledger as it \
             stands with `storeward audit accept`",
        ),
    };
    Some(Failure::new(what).hint(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use storeward_base::{Actor, SystemClock, SystemEntropy};
    use storeward_seal::{LogKey, Origin, PseudonymKey};
    use storeward_store::{DatabaseUrl, OpenOptions};

    fn database(folder: &Path, key: &LogKey) -> Db {
        Db::open(OpenOptions {
            url: DatabaseUrl::parse(&format!("sqlite:{}", folder.join("d.sqlite").display())).unwrap(),
            node: "test".to_owned(),
            log_key: key.clone(),
            trusted: Vec::new(),
            pseudonym_key: PseudonymKey::generate(&SystemEntropy),
            origin: Origin::parse("shop.example/storeward").unwrap(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            migrations: Vec::new(),
            readers: 1,
        })
        .unwrap()
    }

    async fn append(db: &Db, count: usize) {
        for _ in 0..count {
            let fact = storeward_events::system::Started { version: "1".to_owned() };
            db.write(move |tx| tx.append(Actor::System, None, fact.clone()).map(drop)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_older_database_put_in_the_place_of_the_newer_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let key = LogKey::generate(&SystemEntropy);
        let kept = KeptHead(folder.path().join(FILE));
        let db = database(folder.path(), &key);
        assert_eq!(kept.standing(&db).await.unwrap(), None);
        append(&db, 3).await;
        kept.save(&db).await.unwrap();
        assert_eq!(kept.standing(&db).await.unwrap(), Some(Standing::Continues));
        let copy = folder.path().join("copy.sqlite");
        let (source, target) = (db.clone(), copy.clone());
        tokio::task::spawn_blocking(move || source.snapshot_to(&target)).await.unwrap().unwrap();
        append(&db, 4).await;
        assert_eq!(kept.standing(&db).await.unwrap(), Some(Standing::Continues));
        kept.save(&db).await.unwrap();
        tokio::task::spawn_blocking(move || db.close()).await.unwrap();
        for name in ["d.sqlite", "d.sqlite-wal", "d.sqlite-shm"] {
            drop(std::fs::remove_file(folder.path().join(name)));
        }
        // Yesterday's database: every signature in it is good.
        std::fs::rename(&copy, folder.path().join("d.sqlite")).unwrap();
        let db = database(folder.path(), &key);
        let standing = kept.standing(&db).await.unwrap();
        assert_eq!(standing, Some(Standing::CutBack { kept: 7, found: 3 }));
        assert!(failure(&standing.unwrap()).unwrap().to_string().contains("had 7 entries"));
        // Grown again to the old length: another history.
        append(&db, 5).await;
        let standing = kept.standing(&db).await.unwrap();
        assert_eq!(standing, Some(Standing::Rewritten { kept: 7, found: 8 }));
        tokio::task::spawn_blocking(move || db.close()).await.unwrap();
        // An empty one.
        std::fs::remove_file(folder.path().join("d.sqlite")).unwrap();
        let db = database(folder.path(), &key);
        assert_eq!(kept.standing(&db).await.unwrap(), Some(Standing::CutBack { kept: 7, found: 0 }));
        // A head signed by somebody else is no head.
        tokio::task::spawn_blocking(move || db.close()).await.unwrap();
        let db = database(folder.path(), &LogKey::generate(&SystemEntropy));
        assert!(matches!(kept.standing(&db).await.unwrap(), Some(Standing::Unreadable(_))));
        tokio::task::spawn_blocking(move || db.close()).await.unwrap();
    }
}
