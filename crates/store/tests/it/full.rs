//! A disk that is full, a server that takes no writes: it is known, what waits is kept, and it goes on by itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use storeward_base::Actor;
use storeward_events::edge::RequestRefused;
use storeward_store::testing::{self, TestDb};
use storeward_store::{Ack, Emission, Engine, Error, EventSink};
use tokio::signal::unix::{SignalKind, signal};

use crate::{append, size, started};

/// What a write past the limit is told by, beside its error (Linux, signal(7)).
const SIGXFSZ: i32 = 25;

/// Files of this process end at `bytes`: a write behind that fails. nextest runs each test in a process of its own.
fn files_end_at(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum }).unwrap();
}

fn offer(sink: &EventSink, db: &TestDb, count: usize) -> Vec<Ack> {
    let event = RequestRefused { status: 400, reason: "x".repeat(1000) };
    let emission = Emission { at: db.now(), request: None, client: None, actor: None, event: event.into() };
    (0..count).map(|_| sink.offer(emission.clone()).unwrap()).collect()
}

/// Nothing can be written from `begin` to `end`.
async fn endures(db: TestDb, begin: impl AsyncFnOnce(&TestDb), end: impl AsyncFnOnce(&TestDb)) {
    append(&db, 3).await;
    db.try_writing().await.unwrap();
    let mut stuck = db.stuck_watch();
    assert_eq!((db.stuck(), db.ready().await), (None, Ok(())));
    begin(&db).await;
    let sink = EventSink::start((*db).clone()).unwrap();
    let acks = offer(&sink, &db, 50);
    stuck.wait_for(Option::is_some).await.unwrap();
    let why = db.stuck();
    assert!(matches!(why, Some(Error::Unwritable(_))), "{why:?}");
    assert!(matches!(db.ready().await, Err(Error::Unwritable(_))));
    // Alone, and in one group with others.
    assert!(matches!(db.try_writing().await, Err(Error::Unwritable(_))));
    let one = || db.write(|tx| tx.append(Actor::System, None, started("x")).map(drop));
    let (a, b) = tokio::join!(one(), one());
    assert!(matches!((&a, &b), (Err(Error::Unwritable(_)), Err(Error::Unwritable(_)))), "{a:?} {b:?}");
    assert_eq!(size(&db).await, 3, "reads are answered");
    // Longer than all the waits after which a batch was given up: there is no state to wait for, for nothing may happen.
    tokio::time::sleep(std::time::Duration::from_millis(4500)).await;
    end(&db).await;
    db.try_writing().await.unwrap();
    assert_eq!((db.stuck(), db.ready().await), (None, Ok(())));
    for ack in acks {
        ack.await.unwrap();
    }
    assert_eq!((size(&db).await, sink.dropped()), (53, 0), "none was lost, none is there twice");
}

#[test]
fn a_full_disk_ends_and_nothing_is_lost() {
    testing::run(Engine::Sqlite, &[], async |db| {
        let _told = signal(SignalKind::from_raw(SIGXFSZ)).unwrap();
        endures(db, async |_| files_end_at(Some(4096)), async |_| files_end_at(None)).await;
    });
}

#[test]
fn a_server_without_room_is_waited_for() {
    testing::run(Engine::Postgres, &[], async |db| {
        let begin = async |db: &TestDb| {
            db.raw(
                "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$; \
                 CREATE TRIGGER no_room BEFORE INSERT ON ledger_entry FOR EACH ROW EXECUTE FUNCTION no_room(); \
                 CREATE TRIGGER no_room BEFORE UPDATE ON subscription_cursor FOR EACH ROW EXECUTE FUNCTION no_room()",
            );
        };
        endures(db, begin, async |db| db.raw("DROP FUNCTION no_room() CASCADE")).await;
    });
}

/// Went without a word: what waits at a stop on a full disk.
#[test]
fn what_a_stop_loses_on_a_full_disk_is_counted() {
    testing::run(Engine::Sqlite, &[], async |db| {
        let _told = signal(SignalKind::from_raw(SIGXFSZ)).unwrap();
        append(&db, 3).await;
        files_end_at(Some(4096));
        let sink = EventSink::start((*db).clone()).unwrap();
        let end = sink.end();
        let mut acks = offer(&sink, &db, 1500);
        db.stuck_watch().wait_for(Option::is_some).await.unwrap();
        acks.extend(offer(&sink, &db, 500));
        drop(sink);
        let closing = (*db).clone();
        tokio::task::spawn_blocking(move || closing.close()).await.unwrap();
        let lost =
            tokio::task::spawn_blocking(move || end.wait(std::time::Duration::from_secs(30))).await.unwrap();
        files_end_at(None);
        assert_eq!(lost, 2000);
        for ack in acks {
            assert!(ack.await.is_err());
        }
    });
}

#[test]
fn a_stop_that_writes_all_loses_nothing() {
    testing::run(Engine::Sqlite, &[], async |db| {
        let sink = EventSink::start((*db).clone()).unwrap();
        let end = sink.end();
        let acks = offer(&sink, &db, 50);
        drop(sink);
        let lost =
            tokio::task::spawn_blocking(move || end.wait(std::time::Duration::from_secs(30))).await.unwrap();
        assert_eq!((lost, size(&db).await), (0, 50));
        for ack in acks {
            ack.await.unwrap();
        }
    });
}

/// A write that is itself at fault says nothing of the others.
#[test]
fn a_refused_row_is_no_full_disk() {
    testing::run(Engine::Sqlite, &[], async |db| {
        append(&db, 1).await;
        let wrote = db
            .write(|tx| {
                tx.commit_silent("an attack");
                tx.execute("DELETE FROM ledger_entry", &[]).map(drop)
            })
            .await;
        assert!(matches!(wrote, Err(Error::Constraint { .. })), "{wrote:?}");
        assert_eq!((db.stuck(), db.ready().await), (None, Ok(())));
    });
}
