//! Subscribers: at least once, from their own cursor, whoever wrote.

use std::time::Duration;

use storeward_base::Actor;
use storeward_store::{Error, both_engines};

use crate::{append, started};

fn numbers(batch: Vec<(u64, storeward_events::Record)>) -> Vec<u64> {
    batch.into_iter().map(|(seq, _)| seq).collect()
}

both_engines!(each_reads_from_its_own_cursor, async |mut db| {
    append(&db, 5).await;
    let (mut a, mut b) = (db.subscribe("a"), db.subscribe("b"));
    assert_eq!(numbers(a.next_batch(3).await.unwrap()), [1, 2, 3]);
    assert_eq!(numbers(a.next_batch(3).await.unwrap()), [1, 2, 3], "until acknowledged");
    a.acknowledge(2).await.unwrap();
    a.acknowledge(1).await.unwrap();
    assert_eq!(numbers(a.next_batch(3).await.unwrap()), [3, 4, 5], "a cursor does not go back");
    assert_eq!(numbers(b.next_batch(9).await.unwrap()), [1, 2, 3, 4, 5]);
    drop((a, b));
    db.reopen();
    let mut again = db.subscribe("a");
    assert_eq!(numbers(again.next_batch(9).await.unwrap()), [3, 4, 5]);
});

both_engines!(a_write_wakes_who_waits, async |db| {
    let mut subscription = db.subscribe("a");
    let (batch, ()) = tokio::join!(subscription.next_batch(9), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        append(&db, 1).await;
    });
    assert_eq!(numbers(batch.unwrap()), [1]);
});

both_engines!(another_process_s_entries_are_seen, async |db| {
    let other = db.open_again();
    let mut subscription = db.subscribe("a");
    let (batch, wrote) = tokio::join!(subscription.next_batch(9), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        other.write(|tx| tx.append(Actor::System, None, started("1"))).await
    });
    wrote.unwrap_or_else(|why: Error| panic!("{why}"));
    assert_eq!(numbers(batch.unwrap()), [1]);
    assert_eq!(*db.ledger_watch().borrow(), 1);
    other.close();
});
