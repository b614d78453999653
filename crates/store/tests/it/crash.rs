//! A process that is killed in the middle of writing loses nothing that it had acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, Entropy, FixedClock, SystemEntropy, Timestamp};
use storeward_events::Event;
use storeward_store::ledger::{self, VerifyOptions};
use storeward_store::testing::{fresh, options};
use storeward_store::{Db, Engine, Error};

use crate::started;

const ADDRESS: &str = "STOREWARD_CRASH_ADDRESS";
const ROUNDS: u64 = 6;
const THREADS: u64 = 4;

fn open(address: &str) -> Db {
    Db::open(options(address, &[], Arc::new(FixedClock::at(Timestamp::EPOCH)))).unwrap()
}

/// Not a test of its own: the process that the tests below start and kill. Without an address it does nothing.
#[test]
fn child() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let db = open(&address);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let db = db.clone();
            std::thread::spawn(move || {
                for n in 0.. {
                    let name = format!("{}.{thread}.{n}", std::process::id());
                    let wrote = db.write_blocking(move |tx| {
                        let record = tx.append(Actor::System, None, started(&name))?;
                        Ok::<_, Error>((record.id, name.clone()))
                    });
                    let (id, name) = wrote.unwrap();
                    // One write call for each line: a killed process leaves no half of one.
                    let line = format!("acknowledged {id} {name}\n");
                    std::io::stderr().write_all(line.as_bytes()).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| drop(thread.join()));
}

fn check(engine: Engine) {
    let Some(place) = fresh(engine) else { return };
    let mut acknowledged: Vec<(String, String)> = Vec::new();
    for _ in 0..ROUNDS {
        acknowledged.extend(run_and_kill(place.address()));
    }
    assert!(acknowledged.len() > 20, "the child wrote something: {}", acknowledged.len());
    let db = open(place.address());
    let report = ledger::verify(&db, &VerifyOptions::default(), |_, _| {}).unwrap();
    assert_eq!(report.first_fault, None);
    assert!(report.entries >= acknowledged.len() as u64);

    let mut seqs = std::collections::HashMap::<String, u64>::new();
    for (id, name) in &acknowledged {
        let id = id.parse().unwrap();
        let found =
            db.read_blocking(move |r| ledger::by_id(r, id)).unwrap_or_else(|why: Error| panic!("{why}"));
        let (seq, record) = found.unwrap_or_else(|| panic!("{name} was acknowledged and is gone"));
        assert!(matches!(&record.event, Event::Started(s) if s.version == *name));
        // What one thread was told first stands first.
        let (thread, _) = name.rsplit_once('.').unwrap();
        let before = seqs.insert(thread.to_owned(), seq);
        assert!(before < Some(seq));
    }
    db.close();
}

/// Starts a child, kills it after a random while (SIGKILL), and returns what it had acknowledged.
fn run_and_kill(address: &str) -> Vec<(String, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture"])
        .env(ADDRESS, address)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (first_seen, first) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for line in lines.map_while(Result::ok) {
            let mut words = line.split(' ');
            if let (Some("acknowledged"), Some(id), Some(name)) = (words.next(), words.next(), words.next()) {
                seen.push((id.to_owned(), name.to_owned()));
                first_seen.send(()).ok();
            }
        }
        seen
    });
    first.recv_timeout(Duration::from_secs(60)).expect("the child writes");
    let entropy: &dyn Entropy = &SystemEntropy;
    let [random] = entropy.bytes::<1>();
    std::thread::sleep(Duration::from_millis(u64::from(random)));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_sqlite() {
    check(Engine::Sqlite);
}

#[test]
fn nothing_acknowledged_is_lost_postgres() {
    check(Engine::Postgres);
}
