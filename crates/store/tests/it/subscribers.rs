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

// Nobody looked at them before whoever follows under the name read them: one that no program follows under was never told.
both_engines!(a_cursor_that_somebody_changed_or_added_is_named, async |db| {
    append(&db, 5).await;
    for name in ["a", "b"] {
        let mut subscription = db.subscribe(name);
        subscription.next_batch(9).await.unwrap();
        subscription.acknowledge(3).await.unwrap();
    }
    // The row by which it is tried whether something can be written bears no tag.
    db.raw("INSERT INTO subscription_cursor (name, seq) VALUES ('store.try_writing', 1)");
    let named = async || {
        let found = storeward_store::subscription::harmed(&db).await.unwrap();
        found.into_iter().map(|fact| format!("{} {} {}", fact.table, fact.row, fact.harm)).collect::<Vec<_>>()
    };
    assert_eq!(named().await, [""; 0]);
    for harm in ["SET seq = 4", "SET seq = 2", "SET tag = NULL"] {
        db.tamper("CREATE TABLE kept AS SELECT * FROM subscription_cursor");
        db.tamper(&format!("UPDATE subscription_cursor {harm} WHERE name = 'a'"));
        assert_eq!(named().await, ["subscription_cursor a changed"], "{harm}");
        db.tamper("DELETE FROM subscription_cursor; INSERT INTO subscription_cursor SELECT * FROM kept; DROP TABLE kept");
    }
    db.tamper(
        "INSERT INTO subscription_cursor (name, seq, tag) SELECT 'c', seq, tag FROM subscription_cursor WHERE name = 'b'",
    );
    assert_eq!(named().await, ["subscription_cursor c changed"]);
});
