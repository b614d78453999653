//! Backups and drills by the clock, in a program of their own beside the one that serves: at low priority, one at a time, and
//! whatever memory they take is gone afterwards.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_backup::desk::{Desk, tell};
use storeward_backup::standing::{Due, Facts, Rhythm, Trouble, due, troubles};
use storeward_backup::{Made, Target};
use storeward_base::Timestamp;
use storeward_console::BackupProblem;
use storeward_seal::LogKey;
use storeward_store::Db;
use storeward_store::jobs::{Failed, Handler};
use storeward_vault::Shelf;

use super::{BackupSection, backups, section, told, trial};
use crate::Done;
use crate::failure::Context;
use crate::open::{self, Opened};
use crate::run::log;
use crate::vault::{copies, epochs_copy};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(300);
/// What did not replace the copy of the epochs' keys is tried again after it, not at once.
const AGAIN: Duration = Duration::from_secs(3_600);
/// No backup takes longer; one that does is ended, and what it put away so far is not put away again.
const MOST: Duration = Duration::from_secs(12 * 3_600);
/// How often it is looked whether the other program has ended.
const PAUSE: Duration = Duration::from_millis(200);
/// So much nicer than whoever serves the shop.
const NICE: i32 = 10;

/// What is wrong at the moment, for whoever asks without waiting.
#[derive(Clone, Debug, Default)]
pub struct Watched(Arc<Mutex<Option<BackupProblem>>>);

impl Watched {
    pub fn problem(&self) -> Option<BackupProblem> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, facts: &Facts, rhythm: Rhythm, db: &Db) {
        let worst = troubles(facts, rhythm, db.now()).into_iter().next().map(|trouble| {
            let (what, todo) = trouble.words();
            BackupProblem { what, todo: todo.to_owned(), is_grave: trouble.is_grave() }
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = worst;
    }
}

fn rhythm(section: &BackupSection) -> Rhythm {
    Rhythm {
        backup: Duration::from_secs(u64::from(section.every_hours) * 3_600),
        drill: Duration::from_secs(u64::from(section.drill_every_days) * 24 * 3_600),
    }
}

/// The worst of what is wrong, where somebody has to see to it now; for `storeward check`. That none was made yet says the target.
pub fn worst(opened: &Opened, section: &BackupSection, now: Timestamp) -> Done<Option<Trouble>> {
    let facts = opened.db.read_blocking(move |reader| Facts::read(reader, now)).context("the database")?;
    let mut found = troubles(&facts, rhythm(section), now).into_iter();
    Ok(found.find(|trouble| trouble.is_grave() && *trouble != Trouble::NeverMade))
}

/// What staff see; nothing without the section.
pub fn desk(opened: &Opened) -> Done<Option<Desk>> {
    let Some(section) = &opened.loaded.config.backup else { return Ok(None) };
    let key = LogKey::from_seed(&opened.data.keys()?.ledger);
    let target = Target::parse(&section.target).context("storeward.toml")?.to_string();
    let read =
        move |text: &str, signature: &str| storeward_backup::drill::Report::read(text, signature, &key);
    Ok(Some(Desk::new(opened.db.clone(), target, rhythm(section), Arc::new(read))))
}

/// The job that looks at the clock; none without the section.
pub fn handlers(opened: &Opened) -> Vec<Handler> {
    let Some(section) = &opened.loaded.config.backup else { return Vec::new() };
    let ticker = Ticker {
        dir: opened.data.path().to_owned(),
        db: opened.db.clone(),
        rhythm: rhythm(section),
        copy: Copies::of(opened),
        watched: opened.backup.clone(),
    };
    let handler = Handler::new("backup.tick", move |_| {
        let ticker = ticker.clone();
        async move { ticker.tick().await }
    });
    vec![handler.every(TICK).time_limit(MOST).attempts(1)]
}

#[derive(Clone)]
struct Ticker {
    dir: PathBuf,
    db: Db,
    rhythm: Rhythm,
    copy: Option<Copies>,
    watched: Watched,
}

/// The file of the epochs' keys, and its one copy.
#[derive(Clone)]
struct Copies {
    shelf: PathBuf,
    copy: PathBuf,
}

impl Copies {
    fn of(opened: &Opened) -> Option<Self> {
        let copy = epochs_copy(&opened.loaded.config)?;
        Some(Copies { shelf: opened.data.join(copies::SHELF_FILE), copy })
    }

    /// Whether the copy has a key of an epoch that ended, which holds back what an erasure promises.
    fn is_behind(&self) -> bool {
        self.shelf.is_file() && !Shelf::at(&self.shelf).with_copy(Some(self.copy.clone())).is_copy_of_now()
    }
}

/// [`due`]; and a backup at once where an epoch ended since the last one began: it replaces the copy of the epochs' keys, which opens older
/// backups. One that did not replace it is tried again after an hour.
fn due_with(facts: &Facts, rhythm: Rhythm, copy: Option<&Copies>, now: Timestamp) -> Option<Due> {
    let due = due(facts, rhythm, now);
    let Some(copy) = copy.filter(|copy| copy.is_behind()) else { return due };
    let tried = facts.last.as_ref().map(|run| run.begun_at).filter(|at| *at <= now);
    let changed = std::fs::metadata(&copy.shelf).map(|facts| std::os::unix::fs::MetadataExt::mtime(&facts));
    let is_new = changed.is_ok_and(|at| tried.is_some_and(|tried| tried.seconds() <= at));
    let is_over = tried.is_none_or(|at| now.since(at) >= AGAIN);
    if is_new || is_over { Some(Due::Backup) } else { due }
}

impl Ticker {
    async fn facts(&self) -> Result<Facts, Failed> {
        let now = self.db.now();
        let facts = self.db.read(move |reader| Facts::read(reader, now)).await?;
        tell(&self.db, &facts).await?;
        Ok(facts)
    }

    async fn tick(&self) -> Result<(), Failed> {
        let facts = self.facts().await?;
        self.watched.set(&facts, self.rhythm, &self.db);
        if due_with(&facts, self.rhythm, self.copy.as_ref(), self.db.now()).is_none() {
            return Ok(());
        }
        let ends = EndsWithUs::default();
        let (dir, ended) = (self.dir.clone(), ends.0.clone());
        let done = tokio::task::spawn_blocking(move || beside(&dir, &ended)).await;
        if let Ok(Err(why)) = done {
            log("error", "a scheduled backup or drill did not succeed", &[("reason", &why)]);
        }
        let facts = self.facts().await?;
        self.watched.set(&facts, self.rhythm, &self.db);
        Ok(())
    }
}

/// Ends the other program when whoever waits for it is gone: at a stop, or when its time is up.
#[derive(Default)]
struct EndsWithUs(Arc<AtomicBool>);

impl Drop for EndsWithUs {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs this program once more, for what is due, and waits. What it says last, where it fails.
fn beside(dir: &Path, ended: &AtomicBool) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|why| why.to_string())?;
    let mut command = Command::new(own);
    command.args(["backup", "scheduled", "--dir"]).arg(dir);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|why| why.to_string())?;
    let words = child.stderr.take().map(|pipe| {
        std::thread::spawn(move || {
            use std::io::BufRead as _;
            let lines = std::io::BufReader::new(pipe).lines().map_while(Result::ok);
            lines.filter(|line| line.starts_with("storeward: ")).last().unwrap_or_default()
        })
    });
    let success = wait(&mut child, ended)?;
    let words = words.map(|thread| thread.join().unwrap_or_default()).unwrap_or_default();
    if success { Ok(()) } else { Err(words.trim_start_matches("storeward: ").to_owned()) }
}

fn wait(child: &mut Child, ended: &AtomicBool) -> Result<bool, String> {
    loop {
        if let Some(status) = child.try_wait().map_err(|why| why.to_string())? {
            return Ok(status.success());
        }
        if ended.load(Ordering::SeqCst) {
            // Safe at any moment: what was put away is found again, and a run without its manifest is none.
            drop(child.kill());
            drop(child.wait());
            return Ok(true);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Does what is due: called by the running program, as a program of its own.
pub fn scheduled(dir: &Path) -> Done {
    // Threads that begin later are as nice. Where it may not be, it is done all the same.
    let _ = rustix::process::nice(NICE);
    let opened = open::open(dir)?;
    let section = section(&opened.loaded.config)?;
    let rhythm = rhythm(section);
    let backups = backups(&opened.data, section, super::bars::bars())?;
    let alone = backups.alone().map_err(|error| told(&error))?;
    let facts = || {
        let now = opened.clock.now();
        opened.db.read_blocking(move |reader| Facts::read(reader, now)).context("the database")
    };
    let copy = Copies::of(&opened);
    let next = |facts: &Facts| due_with(facts, rhythm, copy.as_ref(), opened.clock.now());
    let made = match next(&facts()?) {
        Some(Due::Backup) => super::now(&opened, &backups, &alone)?.1,
        _ => Made::default(),
    };
    if next(&facts()?) == Some(Due::Drill) {
        let report = trial::drill(&opened, &backups, &alone, None)?;
        if !report.has_passed() {
            return Err(crate::failure::Failure::new(format!("the drill failed: {}", report.code)));
        }
    }
    super::nothing_lost(&made)
}
