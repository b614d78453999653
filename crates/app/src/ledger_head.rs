//! The ledger's last signed head, kept in a file beside the database.
//!
//! Signatures show that nobody without the key wrote a ledger; they do not show that it is all of it. Who can write to the
//! database, but not to this machine's files, could take the newest entries away, or put yesterday's database in place of
//! today's, and every signature would still hold. The file remembers how far the ledger had come.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_base::Actor;
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
/// The access record's folder in the data directory.
const ACCESS: &str = "access";

/// A head has some hundred bytes.
const MOST_READ: u64 = 65_536;

/// How often the file follows a ledger that grows. What is cut off within this time before a crash is not noticed.
const FOLLOW: Duration = Duration::from_secs(5);

/// The file of one data directory.
#[derive(Clone, Debug)]
pub struct KeptHead(PathBuf);

impl KeptHead {
    pub fn of(data: &DataDir) -> Self {
        KeptHead(data.join(FILE))
    }

    /// Of another ledger.
    pub fn at(path: PathBuf) -> Self {
        KeptHead(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The kept head; `None` where none was kept yet. What is no text is no head, and as little keeps a look from going on as any other text.
    pub fn read(&self) -> Done<Option<String>> {
        let read = std::fs::File::open(&self.0).and_then(|file| {
            let mut read = Vec::new();
            file.take(MOST_READ).read_to_end(&mut read)?;
            Ok(read)
        });
        match read {
            Ok(note) => Ok(Some(String::from_utf8_lossy(&note).into_owned())),
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

    /// Writes the head of this moment where the ledger continues the file; where it does not, the file is the evidence
    /// and stays as it is.
    pub async fn save(&self, db: &Db) -> Done<Standing> {
        let before = self.read()?;
        let (head, standing) = ledger::head_after(db, before.clone()).await.context("the ledger")?;
        if standing == Standing::Continues && before.as_ref() != Some(&head.note) {
            self.write(head.note).await?;
        }
        Ok(standing)
    }

    /// Writes the head of this moment, whatever the file says: an operator said that the ledger is right.
    pub async fn accept(&self, db: &Db) -> Done {
        let (head, _) = ledger::head_after(db, None).await.context("the ledger")?;
        self.write(head.note).await
    }

    async fn write(&self, note: String) -> Done {
        let path = self.0.clone();
        let written = tokio::task::spawn_blocking(move || write_atomically(&path, note.as_bytes())).await;
        written.context("the ledger's head")?
    }

    /// Whether the file ought to be there and is not: `storeward run` keeps it from its first moment on, before it makes
    /// its access record, and before it says in the ledger that it started.
    pub async fn is_missing(&self, db: &Db) -> Done<bool> {
        if self.read()?.is_some() {
            return Ok(false);
        }
        if self.0.parent().is_some_and(|folder| folder.join(ACCESS).is_dir()) {
            return Ok(true);
        }
        let found = db.read(move |r| ledger::last_believed(r, "system.started")).await;
        found.map_err(|e: Error| Failure::new(e.to_string())).map(|found| found.is_some())
    }
}

/// Why the ledger is not what it was, as found since the start; empty while it is. The console asks.
#[derive(Clone, Debug, Default)]
pub struct LedgerHealth(Arc<Mutex<Option<String>>>);

impl LedgerHealth {
    pub fn problem(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True where nothing was known before.
    pub fn tell(&self, why: String) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = known.is_none();
        known.get_or_insert(why);
        is_first
    }
}

/// The file and the ledger of a running program.
#[derive(Clone)]
pub struct LedgerWatch {
    kept: KeptHead,
    db: Db,
    health: LedgerHealth,
}

impl LedgerWatch {
    /// Compares, tells what does not hold, and follows. To be called before anything is written.
    pub fn start(opened: &Opened, runtime: &Runtime, emit: &dyn Emit, stop: &Stop) -> Done<Self> {
        let kept = KeptHead::of(&opened.data);
        let watch = LedgerWatch { kept, db: opened.db.clone(), health: LedgerHealth::default() };
        let told = |event: LedgerCutBack| {
            let at = opened.clock.now();
            emit.emit(Emission { at, request: None, client: None, event: event.into() });
        };
        if runtime.block_on(watch.kept.is_missing(&watch.db))? {
            let (head, _) = runtime.block_on(ledger::head_after(&watch.db, None)).context("the ledger")?;
            log("error", &missing().to_string(), &[]);
            told(LedgerCutBack { kept: 0, found: head.size, how: "missing".to_owned() });
        }
        let standing = runtime.block_on(watch.kept.save(&watch.db))?;
        if let Some(failure) = failure(&standing) {
            watch.say(&failure);
        }
        match cut_back(Some(&standing)) {
            Some(event) => told(event),
            None => drop(runtime.spawn(watch.clone().follow(stop.clone()))),
        }
        Ok(watch)
    }

    pub fn health(&self) -> LedgerHealth {
        self.health.clone()
    }

    /// The last entries of a stop are counted too.
    pub fn finish(self, runtime: &Runtime) {
        if let Err(failure) = runtime.block_on(self.step()) {
            log("error", &failure.to_string(), &[("file", FILE)]);
        }
    }

    /// Follows the ledger until the stop, or until it no longer continues.
    async fn follow(self, stop: Stop) {
        let mut told = false;
        loop {
            tokio::select! {
                () = stop.stopping() => return,
                () = tokio::time::sleep(FOLLOW) => {}
            }
            match self.step().await {
                Ok(Standing::Continues) => told = false,
                Ok(_) => return,
                Err(failure) if !told => {
                    told = true;
                    log("error", &failure.to_string(), &[("file", FILE)]);
                }
                Err(_) => {}
            }
        }
    }

    /// Moves the file on. Where it cannot, that is said once: in the log, to the console, and in the ledger if it can
    /// be written at all.
    async fn step(&self) -> Done<Standing> {
        let standing = self.kept.save(&self.db).await?;
        let (Some(failure), Some(event)) = (failure(&standing), cut_back(Some(&standing))) else {
            return Ok(standing);
        };
        if self.say(&failure) {
            let wrote = self.db.write(move |tx| tx.append(Actor::System, None, event.clone())).await;
            if let Err(error) = wrote {
                log("error", &error.to_string(), &[("kind", "system.ledger_cut_back")]);
            }
        }
        Ok(standing)
    }

    /// True the first time.
    fn say(&self, failure: &Failure) -> bool {
        let is_first = self.health.tell(failure.what().to_owned());
        if is_first {
            log("error", &failure.to_string(), &[]);
        }
        is_first
    }
}

/// Fails where the file and the ledger do not fit, or the file ought to be there and is not.
pub fn found(opened: &Opened) -> Done {
    let kept = KeptHead::of(&opened.data);
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("a runtime")?;
    if runtime.block_on(kept.is_missing(&opened.db))? {
        return Err(missing());
    }
    match runtime.block_on(kept.standing(&opened.db))?.as_ref().and_then(failure) {
        Some(failure) => Err(failure),
        None => Ok(()),
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

/// What is said where the file ought to be there and is not.
pub fn missing() -> Failure {
    Failure::new(format!(
        "{FILE} is missing, although Storeward has run with this ledger: whether its newest entries were taken away \
         cannot be told"
    ))
    .hint(
        "put it back from your backup. If you have restored the database yourself, say so with `storeward audit accept`; \
         if not, somebody removed it: keep a copy of the database, and compare with your backups",
    )
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
    use storeward_base::{SystemClock, SystemEntropy};
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
        // A head signed by somebody else is no head, and is not written over; an operator can.
        let theirs = tempfile::tempdir().unwrap();
        let other = database(theirs.path(), &LogKey::generate(&SystemEntropy));
        kept.accept(&other).await.unwrap();
        let foreign = kept.read().unwrap();
        assert!(matches!(kept.standing(&db).await.unwrap(), Some(Standing::Unreadable(_))));
        assert!(matches!(kept.save(&db).await.unwrap(), Standing::Unreadable(_)));
        assert_eq!(kept.read().unwrap(), foreign);
        kept.accept(&db).await.unwrap();
        assert_eq!(kept.standing(&db).await.unwrap(), Some(Standing::Continues));
        for db in [db, other] {
            tokio::task::spawn_blocking(move || db.close()).await.unwrap();
        }
    }

    /// Somebody with the database, but no key, puts an earlier state of the ledger back while the program runs.
    #[tokio::test]
    async fn a_ledger_cut_back_under_a_running_program_does_not_move_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (key, file) = (LogKey::generate(&SystemEntropy), folder.path().join("d.sqlite"));
        let kept = KeptHead(folder.path().join(FILE));
        let db = database(folder.path(), &key);
        let copy = folder.path().join("old.sqlite");
        append(&db, 3).await;
        let (source, target) = (db.clone(), copy.clone());
        tokio::task::spawn_blocking(move || source.snapshot_to(&target)).await.unwrap().unwrap();
        append(&db, 4).await;
        let watch = LedgerWatch { kept: kept.clone(), db: db.clone(), health: LedgerHealth::default() };
        assert_eq!(watch.step().await.unwrap(), Standing::Continues);
        let note = kept.read().unwrap();
        assert_eq!(watch.health().problem(), None);
        tokio::task::spawn_blocking(move || db.close()).await.unwrap();
        std::fs::remove_file(&file).unwrap();
        std::fs::rename(&copy, &file).unwrap();
        // A database opened anew has no memory of its own: only the file tells, and the fact can be written.
        let db = database(folder.path(), &key);
        let watch = LedgerWatch { db: db.clone(), ..watch };
        for found in [3, 4, 4] {
            assert_eq!(watch.step().await.unwrap(), Standing::CutBack { kept: 7, found }, "told once");
        }
        assert!(watch.health().problem().is_some_and(|why| why.contains("it had 7 entries")));
        assert_eq!(kept.read().unwrap(), note, "the file is the evidence");
        tokio::task::spawn_blocking(move || db.close()).await.unwrap();
    }

    // Whoever writes the database and holds no key: what they write is no run, and no head to go on from.
    storeward_store::both_engines!(what_nobody_signed_is_no_run_and_moves_no_file, async |db| {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptHead(folder.path().join(FILE));
        let fact = storeward_events::system::LedgerAccepted { kept: 0, found: 0 };
        let write = db.write(move |tx| tx.append(Actor::Operator, None, fact.clone()).map(drop));
        write.await.unwrap_or_else(|why: Error| panic!("{why}"));
        db.forge(1, "system.started", "{\"version\":\"1\"}");
        assert!(!kept.is_missing(&db).await.unwrap(), "only words of the command line wrote here");
        kept.save(&db).await.unwrap();
        let note = kept.read().unwrap();
        db.drop_guards();
        db.tamper("UPDATE ledger_head SET size = size + 1");
        assert!(kept.save(&db).await.is_err() && kept.standing(&db).await.is_err());
        assert!(kept.accept(&db).await.is_err(), "nobody takes it for the ledger by mistake");
        assert_eq!(kept.read().unwrap(), note);
        db.tamper("UPDATE ledger_head SET size = size - 1");
        assert_eq!(kept.save(&db).await.unwrap(), Standing::Continues);
    });

    #[tokio::test]
    async fn a_file_that_ought_to_be_there_is_missed() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptHead(folder.path().join(FILE));
        let db = database(folder.path(), &LogKey::generate(&SystemEntropy));
        assert!(!kept.is_missing(&db).await.unwrap(), "nothing has run yet");
        let fact = storeward_events::system::LedgerAccepted { kept: 0, found: 0 };
        db.write(move |tx| tx.append(Actor::Operator, None, fact.clone()).map(drop)).await.unwrap();
        assert!(!kept.is_missing(&db).await.unwrap(), "words of the command line write too");
        // An emptied database beside the record of what was served.
        std::fs::create_dir(folder.path().join(ACCESS)).unwrap();
        assert!(kept.is_missing(&db).await.unwrap());
        std::fs::remove_dir(folder.path().join(ACCESS)).unwrap();
        append(&db, 1).await;
        assert!(kept.is_missing(&db).await.unwrap(), "the ledger says that it ran");
        kept.accept(&db).await.unwrap();
        assert!(!kept.is_missing(&db).await.unwrap());
        tokio::task::spawn_blocking(move || db.close()).await.unwrap();
    }
}
