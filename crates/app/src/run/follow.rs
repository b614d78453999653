//! The program's log: each event of the ledger as one line, from the first that a run writes to the last.

use std::time::Duration;

use storeward_store::{Db, Error, ledger};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Entries of one read.
const PAGE: u32 = 500;
/// Until the next look after a read that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// What a stop waits for the last lines at most: a database that answers nothing holds nobody up.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Prints what the ledger grows by.
pub struct Follower {
    finish: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Follower {
    /// Begins behind entry `after`. `line` gets each event as the ledger hashes it: JSON without a line break.
    pub fn start(db: Db, after: u64, line: impl Fn(&str) + Send + Sync + 'static, runtime: &Runtime) -> Self {
        let (finish, mut finishing) = oneshot::channel();
        let mut grown = db.ledger_watch();
        let task = runtime.spawn(async move {
            let (mut after, mut uncounted) = (after, None);
            loop {
                let ended = tokio::select! {
                    // What stands there already is printed before the first wait.
                    biased;
                    _ = &mut finishing => true,
                    changed = wait_behind(&mut grown, after) => changed.is_err(),
                };
                print_behind(&db, &mut after, &line).await;
                if ended {
                    return;
                }
                // What it tells is printed with the next round. Where it cannot be told, reading the ledger fails as well, and says so.
                let _ = ledger::tell_uncounted(&db, &mut uncounted).await;
            }
        });
        Follower { finish, task }
    }

    /// Prints what is there to the last entry, and ends. To be called when nothing is written any more.
    pub fn finish(self, runtime: &Runtime) {
        // An error means that the task ended on its own: the database was closed.
        let _ = self.finish.send(());
        let _ = runtime.block_on(async { tokio::time::timeout(LAST_LINES, self.task).await });
    }
}

async fn wait_behind(
    grown: &mut tokio::sync::watch::Receiver<u64>,
    after: u64,
) -> Result<(), tokio::sync::watch::error::RecvError> {
    grown.wait_for(|size| *size > after).await.map(drop)
}

async fn print_behind(db: &Db, after: &mut u64, line: &impl Fn(&str)) {
    loop {
        // Before the read: what is committed after it must not be passed over.
        let (from, committed) = (*after, *db.ledger_watch().borrow());
        match db.read(move |r| ledger::believed_after(r, from, PAGE)).await {
            Ok(page) => {
                let Some(last) = page.last else { return *after = from.max(committed) };
                *after = last;
                for (_, record) in &page.rows {
                    line(&String::from_utf8_lossy(&record.to_bytes()));
                }
                // Somebody changed them: said here and in the ledger, and by `audit verify`. The log goes on behind them.
                for seq in &page.changed {
                    super::log("error", &format!("entry {seq} of the ledger is not what was signed"), &[]);
                }
                let harms: Vec<_> = page.changed.into_iter().map(ledger::changed).collect();
                if !harms.is_empty() {
                    let told = db.write(move |tx| storeward_store::harmed::tell(tx, &harms)).await;
                    if let Err(error) = told {
                        super::log("error", &error.to_string(), &[]);
                    }
                }
            }
            // The head bears no signature that counts.
            Err(error @ Error::Ledger(_)) => {
                super::log("error", &error.to_string(), &[]);
                return *after = from.max(committed);
            }
            Err(_) => return tokio::time::sleep(AGAIN).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use storeward_base::{Actor, SystemClock, SystemEntropy};
    use storeward_seal::{LogKey, Origin, PseudonymKey};
    use storeward_store::{DatabaseUrl, OpenOptions};

    use super::*;

    fn append(db: &Db, version: usize) {
        let fact = storeward_events::system::Started { version: version.to_string() };
        let told: Result<_, Error> =
            db.write_blocking(move |tx| tx.append(Actor::System, None, fact.clone()).map(drop));
        told.unwrap();
    }

    /// The log began where the ledger stood when somebody first looked, and ended at the first sign of a stop.
    #[test]
    fn the_first_and_the_last_entry_of_a_run_are_lines() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(OpenOptions {
            url: DatabaseUrl::parse(&format!("sqlite:{}", folder.path().join("d.sqlite").display())).unwrap(),
            node: "test".to_owned(),
            log_key: LogKey::generate(&SystemEntropy),
            trusted: Vec::new(),
            pseudonym_key: PseudonymKey::generate(&SystemEntropy),
            origin: Origin::parse("shop.example/storeward").unwrap(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            migrations: Vec::new(),
            readers: 1,
        })
        .unwrap();
        append(&db, 0);
        let began = *db.ledger_watch().borrow();
        append(&db, 1);
        append(&db, 2);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let follower = Follower::start(
            db.clone(),
            began,
            move |line| kept.lock().unwrap().push(line.to_owned()),
            &runtime,
        );
        for version in 3..1_500 {
            append(&db, version);
        }
        follower.finish(&runtime);
        let lines = std::mem::take(&mut *lines.lock().unwrap());
        assert_eq!(lines.len(), 1_499);
        for (line, version) in lines.iter().zip(1..) {
            assert!(line.contains(&format!("\"version\":\"{version}\"")), "{version}: {line}");
        }
        db.close();
    }

    // Words that somebody put in the place of an entry's were printed as the ledger's.
    storeward_store::both_engines!(a_changed_entry_is_no_line_and_is_told, async |db| {
        for version in 0..4 {
            let fact = storeward_events::system::Started { version: version.to_string() };
            let told: Result<_, Error> =
                db.write(move |tx| tx.append(Actor::System, None, fact.clone()).map(drop)).await;
            told.unwrap();
        }
        db.drop_guards();
        let id = "evt_00000000000000000000000009";
        let forged = db.forged(id, "system.started", "{\"version\":\"forged\"}");
        db.tamper(&format!("UPDATE ledger_entry SET body = {forged} WHERE seq = 2"));
        db.tamper(&format!("UPDATE ledger_entry SET body = {} WHERE seq = 3", db.blob(b"no entry")));
        db.forge(1, "system.started", "{\"version\":\"forged\"}");
        let (kept, mut after) = (Mutex::new(Vec::new()), 0);
        // The second time prints what the first one told.
        for _ in 0..2 {
            print_behind(&db, &mut after, &|line: &str| kept.lock().unwrap().push(line.to_owned())).await;
        }
        let lines = kept.into_inner().unwrap();
        assert!(lines.iter().all(|line| !line.contains("forged") && !line.contains("no entry")), "{lines:?}");
        let of = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
        assert_eq!((of("\"version\""), of("system.row_harmed"), lines.len()), (2, 2, 4), "{lines:?}");
        assert_eq!(after, 6, "it goes on behind them, and not behind what nobody signed");
    });
}
