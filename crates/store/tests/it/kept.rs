//! Kept checkpoints that were taken away, or put there, are found.

use std::time::Duration;

use storeward_base::SeededEntropy;
use storeward_seal::{Checkpoint, Kept, LogKey};
use storeward_store::ledger::{self, LedgerFault, VerifyOptions, What};
use storeward_store::testing::{TestDb, blocking};
use storeward_store::{Error, both_engines};

use crate::append;

async fn verify(db: &TestDb, anchors: &[String]) -> Option<LedgerFault> {
    let (db, options) = ((*db).clone(), VerifyOptions { anchors: anchors.to_vec() });
    let report = blocking(move || ledger::verify(&db, &options, |_, _| {})).await;
    report.expect("the database can be read").first_fault
}

async fn head_note(db: &TestDb) -> String {
    db.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}")).note
}

/// Five entries, the last four of which have a kept checkpoint each.
async fn with_four_kept(db: &TestDb) {
    append(db, 1).await;
    for _ in 0..4 {
        db.clock.advance(Duration::from_secs(61));
        append(db, 1).await;
    }
    append(db, 1).await;
    assert_eq!(verify(db, &[]).await, None);
    db.drop_guards();
    db.tamper("CREATE TABLE all_kept AS SELECT * FROM ledger_checkpoint");
}

const PUT_BACK: &str = "DELETE FROM ledger_checkpoint; INSERT INTO ledger_checkpoint SELECT * FROM all_kept";

both_engines!(any_checkpoint_that_was_taken_away_is_missed, async |db| {
    with_four_kept(&db).await;
    for (taken, seq) in [
        ("size = 2", 3),
        ("size = 3", 4),
        ("size IN (2, 3)", 4),
        ("size = 5", 6),
        ("size > 3", 6),
        ("size > 0", 6),
    ] {
        // Whoever writes to the database can also have the head say that none was kept, where it is not signed.
        for said in [None, Some("UPDATE ledger_head SET kept_size = 0")] {
            db.tamper(&format!("DELETE FROM ledger_checkpoint WHERE {taken}"));
            db.tamper("CREATE TABLE true_head AS SELECT * FROM ledger_head");
            said.into_iter().for_each(|sql| db.tamper(sql));
            let found = verify(&db, &[]).await;
            let fits = found.as_ref().is_some_and(|f| f.what == What::CheckpointMissing && f.seq == seq);
            assert!(fits, "{taken}, {said:?}: {found:?}");
            db.tamper(PUT_BACK);
            db.tamper("DELETE FROM ledger_head; INSERT INTO ledger_head SELECT * FROM true_head; DROP TABLE true_head");
            assert_eq!(verify(&db, &[]).await, None);
        }
    }
});

// Went unseen: all checkpoints in place, and a head that says that none was kept.
both_engines!(a_head_that_denies_its_checkpoints_is_found, async |db| {
    with_four_kept(&db).await;
    for said in [0, 2, 4] {
        db.tamper(&format!("UPDATE ledger_head SET kept_size = {said}"));
        let found = verify(&db, &[]).await;
        assert!(found.as_ref().is_some_and(|f| f.what == What::Head), "{said}: {found:?}");
        db.tamper("UPDATE ledger_head SET kept_size = 5");
        assert_eq!(verify(&db, &[]).await, None);
    }
});

// When the last one was kept is proven by nothing. Set far ahead, it put off all that should have come by time.
both_engines!(a_time_to_come_puts_no_checkpoint_off, async |db| {
    with_four_kept(&db).await;
    db.tamper("UPDATE ledger_head SET kept_at = 9000000000000000");
    append(&db, 1).await;
    let signed =
        Checkpoint::verify_own(&head_note(&db).await, &LogKey::generate(&SeededEntropy::new(1))).unwrap();
    assert_eq!(signed.kept.map(|kept| kept.number), Some(5));
    assert_eq!(verify(&db, &[]).await, None);
});

both_engines!(a_checkpoint_that_was_never_kept_is_found, async |db| {
    with_four_kept(&db).await;
    // The head is signed, too, and so a good checkpoint of its own; but not one of those that were kept.
    db.tamper("INSERT INTO ledger_checkpoint (size, at, note) SELECT size, 0, note FROM ledger_head");
    let found = verify(&db, &[]).await;
    assert_eq!(found, Some(LedgerFault { seq: 6, what: What::CheckpointAdded }));
});

// With the key on the machine all can be signed anew. What was kept elsewhere still tells.
both_engines!(with_the_key_only_an_anchor_tells, async |db| {
    with_four_kept(&db).await;
    let anchor = head_note(&db).await;
    let key = LogKey::generate(&SeededEntropy::new(1));
    let signed = Checkpoint::verify_own(&anchor, &key).unwrap();
    assert_eq!(signed.kept.map(|kept| kept.number), Some(4));
    let forged = Checkpoint { kept: Some(Kept::NONE), ..signed }.sign(&key);
    db.tamper("DELETE FROM ledger_checkpoint");
    db.tamper(&format!("UPDATE ledger_head SET kept_size = 0, note = '{forged}'"));
    assert_eq!(verify(&db, &[]).await, None, "nothing in the database tells");
    let found = verify(&db, &[anchor]).await;
    assert_eq!(found, Some(LedgerFault { seq: 6, what: What::CheckpointMissing }));
});

both_engines!(a_ledger_of_an_earlier_version_is_counted_from_here_on, async |mut db| {
    with_four_kept(&db).await;
    let key = LogKey::generate(&SeededEntropy::new(1));
    let sizes = [2u64, 3, 4, 5];
    for size in sizes {
        let sql = format!("SELECT note FROM ledger_checkpoint WHERE size = {size}");
        let note: String = db
            .read(move |r| r.query_one(&sql, &[], |row| row.get(0)))
            .await
            .unwrap_or_else(|why: Error| panic!("{why}"));
        let old = Checkpoint { kept: None, ..Checkpoint::verify_own(&note, &key).unwrap() }.sign(&key);
        db.tamper(&format!("UPDATE ledger_checkpoint SET note = '{old}' WHERE size = {size}"));
    }
    let head = Checkpoint::verify_own(&head_note(&db).await, &key).unwrap();
    let old = Checkpoint { kept: None, ..head }.sign(&key);
    db.tamper(&format!("UPDATE ledger_head SET note = '{old}'"));
    db.reopen();
    assert_eq!(verify(&db, std::slice::from_ref(&old)).await, None);
    append(&db, 1).await;
    let counted = Checkpoint::verify_own(&head_note(&db).await, &key).unwrap().kept;
    assert_eq!(counted.map(|kept| kept.number), Some(4), "what is found is counted");
    assert_eq!(verify(&db, &[old]).await, None);
    db.clock.advance(Duration::from_secs(61));
    append(&db, 1).await;
    assert_eq!(verify(&db, &[]).await, None);
    db.tamper("DELETE FROM ledger_checkpoint WHERE size = 3");
    let found = verify(&db, &[]).await;
    assert_eq!(
        found.map(|f| f.what),
        Some(What::CheckpointMissing),
        "one of the earlier version is missed, too"
    );
});
