//! Writes: all or nothing, with an event, in groups.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use storeward_base::Actor;
use storeward_store::{Constraint, Error, Migration, Value, both_engines, params};

use crate::{append, failing, size, started};

pub const NOTES: &[Migration] = &[Migration {
    domain: "notes",
    number: 1,
    sql: "CREATE TABLE note (id TEXT NOT NULL PRIMARY KEY, words TEXT NOT NULL, weight DOUBLE PRECISION, \
          picture BLOB, made_at BIGINT, parent TEXT REFERENCES note (id), CHECK (words <> 'forbidden'))",
}];

const INSERT: &str = "INSERT INTO note (id, words) VALUES ($1, $2)";
const COUNT: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM note";

both_engines!(a_write_commits_with_its_event, NOTES, async |db| {
    let record = db
        .write(|tx| {
            tx.execute(INSERT, params!["a", "words"])?;
            tx.append(Actor::Operator, None, started("1"))
        })
        .await
        .unwrap();
    let count: i64 = db.read(|reader| reader.query_one(COUNT, &[], |row| row.get(0))).await.unwrap();
    assert_eq!((count, size(&db).await), (1, 1));
    let found = db.read(move |reader| storeward_store::ledger::by_id(reader, record.id)).await;
    assert_eq!(found.map(|entry| entry.unwrap().0), Ok::<_, Error>(1));
});

both_engines!(a_write_without_an_event_is_rolled_back, NOTES, async |db| {
    let wrote = db.write(|tx| tx.execute(INSERT, params!["a", "words"])).await;
    assert_eq!(wrote, Err(Error::NoEvent));
    let count: i64 = db.read(|reader| reader.query_one(COUNT, &[], |row| row.get(0))).await.unwrap();
    assert_eq!(count, 0);
    let silent = db
        .write(|tx| {
            tx.commit_silent("a test");
            tx.execute(INSERT, params!["a", "words"])
        })
        .await;
    assert_eq!(silent, Ok(1));
    let count: i64 = db.read(|reader| reader.query_one(COUNT, &[], |row| row.get(0))).await.unwrap();
    assert_eq!((count, size(&db).await), (1, 0));
});

both_engines!(a_failure_takes_back_only_its_own, NOTES, async |db| {
    // A slow first write holds the writer, so that the rest is one group.
    let slow = db.write(|tx| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        tx.append(Actor::System, None, started("slow"))
    });
    let write = |n: u32| {
        db.write(move |tx| {
            let id = format!("{n:03}");
            tx.execute(INSERT, params![&id, "words"])?;
            tx.append(Actor::System, None, started(&id))?;
            match n % 4 {
                0 => failing(Error::Full),
                1 => panic!("on purpose"),
                2 => tx.execute(INSERT, params![&id, "again"]),
                _ => Ok(1),
            }
        })
    };
    let others = async {
        let all: Vec<_> = (0..40).map(write).collect();
        let mut results = Vec::new();
        let mut handles: Vec<_> = all.into_iter().map(Box::pin).collect();
        // Poll each once so that all are queued, then wait for them in turn.
        for handle in &mut handles {
            let once = std::future::poll_fn(|cx| std::task::Poll::Ready(handle.as_mut().poll(cx)));
            assert!(once.await.is_pending());
        }
        for handle in handles {
            results.push(handle.await);
        }
        results
    };
    let (slow, results) = tokio::join!(slow, others);
    slow.unwrap();
    for (n, result) in results.into_iter().enumerate() {
        match n % 4 {
            0 => assert_eq!(result, Err(Error::Full)),
            1 => assert_eq!(result, Err(Error::Panicked)),
            2 => assert!(matches!(result, Err(Error::Constraint { kind: Constraint::Unique, .. }))),
            _ => assert_eq!(result, Ok(1)),
        }
    }
    let ids: Vec<String> = db
        .read(|r| r.query_many("SELECT id FROM note ORDER BY id LIMIT 100", &[], |row| row.get(0)))
        .await
        .unwrap_or_else(|why: Error| panic!("{why}"));
    let expected: Vec<String> = (0..40).filter(|n| n % 4 == 3).map(|n| format!("{n:03}")).collect();
    assert_eq!(ids, expected);
    assert_eq!(size(&db).await, 11);
});

both_engines!(a_failed_statement_dooms_the_write_even_if_it_is_passed_over, NOTES, async |db| {
    let wrote = db
        .write(|tx| {
            tx.append(Actor::System, None, started("1"))?;
            tx.execute(INSERT, params!["a", "forbidden"]).ok();
            Ok::<_, Error>(())
        })
        .await;
    assert!(matches!(wrote, Err(Error::Constraint { kind: Constraint::Check, .. })), "{wrote:?}");
    assert_eq!(size(&db).await, 0);
});

both_engines!(broken_promises_are_told_apart, NOTES, async |db| {
    let insert = async |words: Option<&'static str>, parent: Option<&'static str>| {
        db.write(move |tx| {
            tx.commit_silent("a test");
            tx.execute("INSERT INTO note (id, words, parent) VALUES ('x', $1, $2)", params![words, parent])
        })
        .await
    };
    let kind = |result: Result<u64, Error>| match result {
        Err(Error::Constraint { kind, .. }) => kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(insert(None, None).await), Constraint::NotNull);
    assert_eq!(kind(insert(Some("forbidden"), None).await), Constraint::Check);
    assert_eq!(kind(insert(Some("w"), Some("nobody")).await), Constraint::ForeignKey);
    assert_eq!(insert(Some("w"), None).await, Ok(1));
    assert_eq!(kind(insert(Some("w"), None).await), Constraint::Unique);
});

both_engines!(values_come_back_as_they_went_in, NOTES, async |db| {
    db.write(|tx| {
        tx.commit_silent("a test");
        tx.execute(
            // $3 stands before $2 on purpose: SQLite numbers names in the order they appear.
            "INSERT INTO note (id, weight, words, picture, made_at) VALUES ($1, $3, $2, $4, $5)",
            params!["a", "Grüße ☂", 1.5, vec![0u8, 255, 7], i64::MIN],
        )
    })
    .await
    .unwrap_or_else(|why: Error| panic!("{why}"));
    let row = db
        .read(|r| {
            let sql = "SELECT words, weight, picture, made_at, parent, weight > 1 FROM note WHERE id = $1";
            r.query_one(sql, params!["a"], |row| {
                let (words, weight, picture): (String, f64, Vec<u8>) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                let (made_at, parent, heavy): (i64, Option<String>, bool) =
                    (row.get(3)?, row.get(4)?, row.get(5)?);
                assert!(
                    row.get::<i64>(0).is_err() && row.get::<u64>(3).is_err() && row.get::<String>(9).is_err()
                );
                Ok((words, weight, picture, made_at, parent, heavy))
            })
        })
        .await;
    let expected = ("Grüße ☂".to_owned(), 1.5, vec![0u8, 255, 7], i64::MIN, None, true);
    assert_eq!(row, Ok::<_, Error>(expected));
});

both_engines!(statements_with_the_wrong_number_of_values_are_refused, NOTES, async |db| {
    for values in [params!["a"].to_vec(), params!["a", "b", "c"].to_vec(), Vec::<Value>::new()] {
        let wrote = db.write(move |tx| tx.execute(INSERT, &values)).await;
        assert!(matches!(wrote, Err(Error::Statement { .. })), "{wrote:?}");
    }
});

both_engines!(a_dropped_future_writes_all_the_same, async |db| {
    drop(db.write(|tx| tx.append(Actor::System, None, started("never"))));
    let mut write = Box::pin(db.write(|tx| tx.append(Actor::System, None, started("queued"))));
    let once = std::future::poll_fn(|cx| std::task::Poll::Ready(write.as_mut().poll(cx)));
    assert!(once.await.is_pending());
    drop(write);
    append(&db, 1).await;
    assert_eq!(size(&db).await, 2);
});

both_engines!(a_full_queue_refuses_and_writes_the_rest, async |db| {
    let ran = Arc::new(AtomicU64::new(0));
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(std::sync::Mutex::new(held));
    let mut writes = Vec::new();
    let mut full = 0;
    // A group of 4096 at most with the one that holds, 8192 behind it.
    for _ in 0..13_000 {
        let (ran, held) = (Arc::clone(&ran), Arc::clone(&held));
        let mut write = Box::pin(db.write(move |tx| {
            if ran.fetch_add(1, Ordering::SeqCst) == 0 {
                held.lock().unwrap().recv().ok();
            }
            tx.commit_silent("a test");
            Ok::<_, Error>(())
        }));
        match std::future::poll_fn(|cx| std::task::Poll::Ready(write.as_mut().poll(cx))).await {
            std::task::Poll::Ready(result) => {
                assert_eq!(result, Err(Error::Full));
                full += 1;
            }
            std::task::Poll::Pending => writes.push(write),
        }
    }
    assert!(full > 0);
    hold.send(()).unwrap();
    for write in writes {
        write.await.unwrap();
    }
});

both_engines!(two_openings_write_one_ledger, async |db| {
    let other = db.open_again();
    let write = async |db: &storeward_store::Db, name: &'static str| {
        for n in 0..50 {
            let event = started(&format!("{name}.{n}"));
            db.write(move |tx| tx.append(Actor::System, None, event.clone())).await.unwrap();
        }
    };
    tokio::join!(write(&db, "a"), write(&other, "b"));
    assert_eq!(size(&db).await, 100);
    other.close();
});

both_engines!(after_close_everything_is_refused, async |db| {
    let clone = (*db).clone();
    append(&db, 1).await;
    (*db).clone().close();
    assert_eq!(clone.write(|tx| tx.append(Actor::System, None, started("late"))).await, Err(Error::Closed));
    assert_eq!(clone.read(storeward_store::ledger::head).await, Err(Error::Closed));
    assert_eq!(clone.ready().await, Err(Error::Closed));
});

both_engines!(reads_cannot_write, NOTES, async |db| {
    let wrote = db
        .read(|r| {
            r.query_many("INSERT INTO note (id, words) VALUES ('a', 'b') RETURNING id", &[], |_| Ok(()))
        })
        .await;
    assert!(matches!(wrote, Err(Error::Unwritable(_))), "{wrote:?}");
    // That a reader cannot write says nothing of the writer.
    assert_eq!((db.stuck(), db.ready().await), (None, Ok(())));
});
