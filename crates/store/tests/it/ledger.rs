//! The ledger: it proves what is in it, and finds every change that was made past it.

use std::time::Duration;

use storeward_base::{Actor, EventId, PageSize, Timestamp};
use storeward_seal::merkle;
use storeward_store::ledger::{self, LedgerFault, Report, VerifyOptions, What};
use storeward_store::testing::{TestDb, blocking};
use storeward_store::{Constraint, Db, Engine, Error, both_engines};

use crate::{append, size, started};

async fn verify(db: &TestDb) -> Report {
    verify_with(db, VerifyOptions::default()).await
}

async fn verify_with(db: &TestDb, options: VerifyOptions) -> Report {
    let db = (*db).clone();
    blocking(move || ledger::verify(&db, &options, |_, _| {})).await.expect("the database can be read")
}

async fn fault(db: &TestDb) -> Option<LedgerFault> {
    verify(db).await.first_fault
}

/// A group of entries, so that there are not as many checkpoints as entries.
async fn append_group(db: &TestDb, count: u64) {
    db.write(move |tx| {
        for n in 0..count {
            tx.append(Actor::System, None, started(&n.to_string()))?;
        }
        Ok::<_, Error>(())
    })
    .await
    .expect("the events are written");
}

both_engines!(a_whole_ledger_verifies, async |db| {
    assert_eq!(fault(&db).await, None);
    append(&db, 5).await;
    db.clock.advance(Duration::from_secs(61));
    append_group(&db, 2100).await;
    append(&db, 3).await;
    let report = verify(&db).await;
    let head = db.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}"));
    assert_eq!((report.entries, report.root), (2108, head.root));
    assert_eq!(report.first_fault, None);
    assert!(report.checkpoints >= 2, "the head's and the kept ones");
});

both_engines!(proofs_hold, async |db| {
    append_group(&db, 37).await;
    for seq in 1..=37u64 {
        let found = db.read(move |r| ledger::prove_inclusion(r, seq)).await;
        let proof = found.unwrap_or_else(|why: Error| panic!("{why}")).unwrap();
        let (_, record) = db
            .read(move |r| ledger::read_after(r, seq - 1, 1))
            .await
            .unwrap_or_else(|why: Error| panic!("{why}"))
            .remove(0);
        assert_eq!(proof.leaf, merkle::leaf_hash(&record.to_bytes()));
        merkle::verify_inclusion(&proof.leaf, seq - 1, 37, &proof.path, &proof.head.root).unwrap();
    }
    for seq in [0, 38, u64::MAX] {
        assert_eq!(db.read(move |r| ledger::prove_inclusion(r, seq)).await, Ok::<_, Error>(None));
    }
    let old = db.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}"));
    append_group(&db, 64).await;
    let new = db.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}"));
    let path = db.read(move |r| ledger::prove_consistency(r, old.size, new.size)).await;
    let path = path.unwrap_or_else(|why: Error| panic!("{why}")).unwrap();
    merkle::verify_consistency(37, 101, &path, &old.root, &new.root).unwrap();
    assert_eq!(db.read(|r| ledger::prove_consistency(r, 1, 102)).await, Ok::<_, Error>(None));
});

both_engines!(the_tables_refuse_to_be_changed, async |db| {
    append(&db, 1).await;
    db.clock.advance(Duration::from_secs(61));
    append(&db, 1).await;
    for sql in [
        "UPDATE ledger_entry SET kind = 'x' WHERE seq = 1",
        "DELETE FROM ledger_entry WHERE seq = 2",
        "UPDATE ledger_checkpoint SET at = 0",
        "DELETE FROM ledger_checkpoint",
        "DELETE FROM ledger_head",
        "UPDATE ledger_head SET size = 1 WHERE id = 1",
        "UPDATE ledger_head SET note = '' WHERE id = 1",
    ] {
        let wrote = db
            .write(move |tx| {
                tx.commit_silent("an attack");
                tx.execute(sql, &[])
            })
            .await;
        assert!(
            matches!(wrote, Err(Error::Constraint { kind: Constraint::Trigger, .. })),
            "{sql}: {wrote:?}"
        );
    }
    if db.engine() == Engine::Sqlite {
        let replaced = db
            .write(|tx| {
                tx.commit_silent("an attack");
                tx.execute(
                    "INSERT OR REPLACE INTO ledger_entry (seq, id, at, kind, severity, actor, body, tree) \
                     SELECT seq, id, at, 'x', severity, actor, body, tree FROM ledger_entry WHERE seq = 1",
                    &[],
                )
            })
            .await;
        assert!(matches!(replaced, Err(Error::Constraint { .. })), "{replaced:?}");
    }
});

/// An expression that flips the lowest bit of byte `at` of a column of bytes.
fn flip(engine: Engine, column: &str, at: usize) -> String {
    if engine == Engine::Postgres {
        return format!("set_byte({column}, {at}, get_byte({column}, {at}) # 1)");
    }
    let byte = format!("hex(substr({column}, {}, 1))", at + 1);
    let low = format!("substr('1032547698BADCFE', instr('0123456789ABCDEF', substr({byte}, 2, 1)), 1)");
    // By way of hexadecimal: `||` on blobs would give text.
    format!(
        "unhex(substr(hex({column}), 1, {}) || substr({byte}, 1, 1) || {low} || substr(hex({column}), {}))",
        2 * at,
        2 * at + 3
    )
}

both_engines!(every_flipped_byte_is_found, async |db| {
    append_group(&db, 4).await;
    db.clock.advance(Duration::from_secs(61));
    append_group(&db, 3).await;
    db.drop_guards();
    let length = async |sql: &'static str| -> usize {
        let length: u64 = db
            .read(move |r| r.query_one(sql, &[], |row| row.get(0)))
            .await
            .unwrap_or_else(|why: Error| panic!("{why}"));
        usize::try_from(length).unwrap()
    };
    let body = length("SELECT CAST(LENGTH(body) AS BIGINT) FROM ledger_entry WHERE seq = 4").await;
    let tree = length("SELECT CAST(LENGTH(tree) AS BIGINT) FROM ledger_entry WHERE seq = 4").await;
    let head = length("SELECT CAST(LENGTH(tree) AS BIGINT) FROM ledger_head").await;
    assert_eq!((tree, head), (96, 8 + 96));
    let check = async |table: &str, condition: &str, column: &str, at: usize| {
        let flipped = flip(db.engine(), column, at);
        let sql = format!("UPDATE {table} SET {column} = {flipped} WHERE {condition}");
        db.tamper(&sql);
        assert!(fault(&db).await.is_some(), "{table}.{column} byte {at}");
        db.tamper(&sql);
    };
    // A connection for each change is slow on PostgreSQL; what finds the change is the same code.
    let step = if db.engine() == Engine::Postgres { 9 } else { 1 };
    for at in (0..body).step_by(step) {
        check("ledger_entry", "seq = 4", "body", at).await;
    }
    for at in (0..tree).step_by(step) {
        check("ledger_entry", "seq = 4", "tree", at).await;
    }
    for at in (0..head).step_by(step) {
        check("ledger_head", "id = 1", "tree", at).await;
    }
    assert_eq!(fault(&db).await, None, "flipping twice restores it");
    db.tamper("CREATE TABLE good_head AS SELECT * FROM ledger_head; CREATE TABLE good AS SELECT * FROM ledger_checkpoint");
    let note = length("SELECT CAST(LENGTH(note) AS BIGINT) FROM ledger_head").await;
    for at in (0..note).step_by(step) {
        // A character that no note has.
        let change = format!("note = substr(note, 1, {at}) || '#' || substr(note, {})", at + 2);
        db.tamper(&format!("UPDATE ledger_head SET {change}"));
        assert!(fault(&db).await.is_some(), "head's note, character {at}");
        db.tamper(&format!(
            "UPDATE ledger_head SET note = (SELECT note FROM good_head); UPDATE ledger_checkpoint SET {change}"
        ));
        assert!(fault(&db).await.is_some(), "kept note, character {at}");
        db.tamper("UPDATE ledger_checkpoint SET note = (SELECT note FROM good WHERE good.size = ledger_checkpoint.size)");
    }
    assert_eq!(fault(&db).await, None, "all is restored");
});

both_engines!(what_was_changed_is_named, async |db| {
    append_group(&db, 4).await;
    db.clock.advance(Duration::from_secs(61));
    append_group(&db, 3).await;
    db.clock.advance(Duration::from_secs(61));
    append_group(&db, 3).await;
    db.drop_guards();
    let check = async |change: &str, undo: &str, seq: u64, expected: fn(&What) -> bool| {
        db.tamper(change);
        let found = fault(&db).await;
        let fits = found.as_ref().is_some_and(|f| f.seq == seq && expected(&f.what));
        assert!(fits, "{change}: {found:?}");
        db.tamper(undo);
        assert_eq!(fault(&db).await, None, "{undo}");
    };
    let swap = "UPDATE ledger_entry SET kind = 'edge.upstream_up' WHERE seq = 3";
    let back = "UPDATE ledger_entry SET kind = 'system.started' WHERE seq = 3";
    check(swap, back, 3, |what| *what == What::Column("kind")).await;
    let (up, down) = (
        "UPDATE ledger_entry SET at = at + 1 WHERE seq = 2",
        "UPDATE ledger_entry SET at = at - 1 WHERE seq = 2",
    );
    check(up, down, 2, |what| *what == What::Column("at")).await;
    let (set, unset) = (
        "UPDATE ledger_entry SET request = 'x' WHERE seq = 2",
        "UPDATE ledger_entry SET request = NULL WHERE seq = 2",
    );
    check(set, unset, 2, |what| *what == What::Column("request")).await;

    // An id that is read as the same, and by which nobody finds the entry.
    let (loud, soft) = (
        "UPDATE ledger_entry SET id = upper(id) WHERE seq = 2",
        "UPDATE ledger_entry SET id = lower(id) WHERE seq = 2",
    );
    check(loud, soft, 2, |what| *what == What::Column("id")).await;

    let hide = |table: &str, condition: &str| {
        format!(
            "CREATE TABLE hidden AS SELECT * FROM {table} WHERE {condition}; DELETE FROM {table} WHERE {condition}"
        )
    };
    let show = |table: &str| format!("INSERT INTO {table} SELECT * FROM hidden; DROP TABLE hidden");
    let entries = show("ledger_entry");
    check(&hide("ledger_entry", "seq = 5"), &entries, 5, |what| *what == What::Missing).await;
    check(&hide("ledger_entry", "seq = 1"), &entries, 1, |what| *what == What::Missing).await;
    check(&hide("ledger_entry", "seq > 8"), &entries, 9, |what| *what == What::Missing).await;
    check(&hide("ledger_entry", "seq > 0"), &entries, 1, |what| *what == What::Missing).await;
    let checkpoints = show("ledger_checkpoint");
    check(&hide("ledger_checkpoint", "size = 10"), &checkpoints, 10, |w| *w == What::CheckpointMissing).await;
    let head = show("ledger_head");
    check(&hide("ledger_head", "id = 1"), &head, 0, |what| *what == What::Head).await;

    let note = "UPDATE ledger_checkpoint SET note = replace(note, 'test.', 'tEst.') WHERE size = 7";
    let undo = "UPDATE ledger_checkpoint SET note = replace(note, 'tEst.', 'test.') WHERE size = 7";
    check(note, undo, 7, |what| matches!(what, What::Signature(_))).await;
    let (note, undo) = (
        note.replace("ledger_checkpoint", "ledger_head").replace("size = 7", "id = 1"),
        undo.replace("ledger_checkpoint", "ledger_head").replace("size = 7", "id = 1"),
    );
    check(&note, &undo, 10, |what| matches!(what, What::Signature(_))).await;
    let (move_up, move_back) = (
        "UPDATE ledger_checkpoint SET size = 6 WHERE size = 7",
        "UPDATE ledger_checkpoint SET size = 7 WHERE size = 6",
    );
    check(move_up, move_back, 6, |what| *what == What::Checkpoint).await;
});

both_engines!(a_cut_off_end_is_not_covered_up, async |mut db| {
    append_group(&db, 8).await;
    let anchor = db.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}")).note;
    db.drop_guards();
    db.tamper("CREATE TABLE old_head AS SELECT * FROM ledger_head; CREATE TABLE old_kept AS SELECT * FROM ledger_checkpoint");
    db.clock.advance(Duration::from_secs(61));
    append_group(&db, 8).await;
    // Whoever can write to the database, but has no key, puts back an earlier state of it, head and all.
    db.tamper("DELETE FROM ledger_entry WHERE seq > 8; DELETE FROM ledger_head; INSERT INTO ledger_head SELECT * FROM old_head");
    assert_eq!(
        fault(&db).await,
        Some(LedgerFault { seq: 9, what: What::Missing }),
        "a kept checkpoint tells"
    );
    db.tamper("DELETE FROM ledger_checkpoint; INSERT INTO ledger_checkpoint SELECT * FROM old_kept");
    // That is a true earlier state: only something kept elsewhere shows the loss.
    assert_eq!(verify_with(&db, VerifyOptions { anchors: vec![anchor.clone()] }).await.first_fault, None);
    db.reopen();
    append_group(&db, 8).await;
    let later = db.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}")).note;
    db.tamper(
        "DELETE FROM ledger_entry WHERE seq > 8; DELETE FROM ledger_head; INSERT INTO ledger_head SELECT * FROM old_head; \
         DELETE FROM ledger_checkpoint; INSERT INTO ledger_checkpoint SELECT * FROM old_kept",
    );
    let report = verify_with(&db, VerifyOptions { anchors: vec![later] }).await;
    assert_eq!(report.first_fault, Some(LedgerFault { seq: 16, what: What::Missing }));
    // A head that nobody signed is not built upon.
    db.tamper("UPDATE ledger_head SET size = 7");
    let wrote = db.write(|tx| tx.append(Actor::System, None, started("x"))).await;
    assert!(matches!(wrote, Err(Error::Ledger(_))), "{wrote:?}");
    assert_eq!(size(&db).await, 7);
});

both_engines!(an_event_that_is_too_large_is_refused, async |db| {
    let huge = "x".repeat(ledger::MAX_EVENT_BYTES);
    let wrote = db.write(move |tx| tx.append(Actor::System, None, started(&huge))).await;
    assert_eq!(wrote, Err(Error::EventTooLarge));
    assert_eq!(size(&db).await, 0);
});

/// Puts an earlier state back, whole and with its true signatures, as somebody does who has the database but no key.
const CUT_BACK: &str = "DELETE FROM ledger_entry WHERE seq > 8; DELETE FROM ledger_checkpoint WHERE size > 8; \
                        DELETE FROM ledger_head; INSERT INTO ledger_head SELECT * FROM old_head";

async fn refused(db: &Db, words: &str) {
    let wrote = db.write(|tx| tx.append(Actor::System, None, started("x"))).await;
    let Err(why @ Error::Ledger(_)) = wrote else { panic!("{wrote:?}") };
    assert!(why.to_string().contains(words), "{why}");
    assert_eq!(db.ready().await, Err(why.clone()));
    assert_eq!(db.broken(), Some(why));
}

both_engines!(a_ledger_cut_back_under_a_running_program_is_not_built_upon, async |mut db| {
    append_group(&db, 8).await;
    db.drop_guards();
    db.tamper("CREATE TABLE old_head AS SELECT * FROM ledger_head");
    append(&db, 4).await;
    db.tamper("CREATE TABLE new_head AS SELECT * FROM ledger_head; CREATE TABLE new_entry AS SELECT * FROM ledger_entry");
    assert_eq!((db.ready().await, size(&db).await), (Ok(()), 12));
    db.tamper(CUT_BACK);
    refused(&db, "it had 12 entries, and has 8 now").await;
    refused(&db, "it had 12 entries, and has 8 now").await;
    assert_eq!(size(&db).await, 8, "nothing was written");
    // Another process that has seen no more writes on, and so makes it as long as it was, then longer.
    let other = db.open_again();
    for length in 9..=13 {
        other
            .write(|tx| tx.append(Actor::System, None, started("other")))
            .await
            .unwrap_or_else(|why: Error| panic!("{why}"));
        refused(&db, if length < 12 { "cut back" } else { "its first 12 entries are others now" }).await;
    }
    assert_eq!(size(&db).await, 13);
    // Whoever puts back what was there makes it whole again.
    db.tamper(
        "DELETE FROM ledger_entry; INSERT INTO ledger_entry SELECT * FROM new_entry; DELETE FROM ledger_head; \
         INSERT INTO ledger_head SELECT * FROM new_head",
    );
    append(&db, 1).await;
    assert_eq!((db.ready().await, db.broken(), size(&db).await), (Ok(()), None, 13));
    blocking(move || other.close()).await;
    // A new start does not know what was there: that is what `ledger.head` is for.
    db.tamper(CUT_BACK);
    db.reopen();
    append(&db, 1).await;
});

both_engines!(what_others_append_is_no_fault, async |db| {
    append(&db, 3).await;
    let other = db.open_again();
    for n in 0..20 {
        let one = if n % 3 == 0 { &other } else { &*db };
        one.write(|tx| tx.append(Actor::System, None, started("turn")))
            .await
            .unwrap_or_else(|why: Error| panic!("{why}"));
    }
    // A write that fails, or is taken back, was never seen.
    let failed = db.write(|tx| tx.append(Actor::System, None, started("no")).and(Err::<(), _>(Error::NoRow)));
    assert_eq!(failed.await, Err(Error::NoRow));
    append(&db, 1).await;
    assert_eq!((db.broken(), other.broken(), size(&db).await), (None, None, 24));
    blocking(move || other.close()).await;
});

both_engines!(a_ledger_of_other_keys_is_not_opened, async |db| {
    let (address, clock) = (db.address().to_owned(), std::sync::Arc::clone(&db.clock));
    let open = move |trusted: Option<()>| {
        let mut options = storeward_store::testing::options(&address, &[], std::sync::Arc::clone(&clock));
        let own = options.log_key.verifier(&options.origin);
        options.log_key = storeward_seal::LogKey::generate(&storeward_base::SystemEntropy);
        options.trusted.extend(trusted.map(|()| own));
        Db::open(options).map(Db::close)
    };
    append(&db, 2).await;
    let (refused, trusted) = blocking(move || (open(None), open(Some(())))).await;
    let Err(why @ Error::Ledger(_)) = refused else { panic!("{refused:?}") };
    assert!(why.to_string().contains("not signed by a key that is trusted here"), "{why}");
    assert_eq!(trusted, Ok(()), "a key of another node counts");
    // One's own key, and a head that somebody made up.
    db.drop_guards();
    db.tamper("UPDATE ledger_head SET size = 1");
    let options = storeward_store::testing::options(db.address(), &[], std::sync::Arc::clone(&db.clock));
    let refused = blocking(move || Db::open(options).map(Db::close)).await;
    assert!(matches!(refused, Err(Error::Ledger(_))), "{refused:?}");
});

both_engines!(a_ledger_keeps_the_name_it_was_begun_with, async |db| {
    append(&db, 3).await;
    let renamed = |key: storeward_seal::LogKey| {
        let mut options =
            storeward_store::testing::options(db.address(), &[], std::sync::Arc::clone(&db.clock));
        options.origin = storeward_seal::Origin::parse("new.example/storeward").unwrap();
        options.log_key = key;
        options
    };
    let own = storeward_store::testing::options(db.address(), &[], std::sync::Arc::clone(&db.clock)).log_key;
    let options = renamed(own);
    let opened = blocking(move || Db::open(options)).await;
    let other = opened.unwrap_or_else(|why| panic!("a new name for the shop is no new ledger: {why}"));
    assert_eq!(other.ledger_name().as_str(), "test.example/storeward");
    other
        .write(|tx| tx.append(Actor::System, None, started("x")))
        .await
        .unwrap_or_else(|why: Error| panic!("{why}"));
    append(&db, 1).await;
    blocking(move || other.close()).await;
    assert_eq!(fault(&db).await, None);
    // A name alone opens nothing: the key must be the one.
    let options = renamed(storeward_seal::LogKey::generate(&storeward_base::SystemEntropy));
    let refused = blocking(move || Db::open(options).map(Db::close)).await;
    assert!(matches!(refused, Err(Error::Ledger(_))), "{refused:?}");
});

// A row numbered below one stopped every reader, and "every signature holds".
both_engines!(a_row_before_the_first_entry_is_told, async |db| {
    append(&db, 3).await;
    assert_eq!(verify(&db).await.first_fault, None);
    db.tamper(
        "INSERT INTO ledger_entry (seq, id, at, kind, severity, actor, request, body, tree) SELECT -5, \
         'evt_00000000000000000000000009', at, kind, severity, actor, request, body, tree FROM ledger_entry WHERE seq = 1",
    );
    assert_eq!(verify(&db).await.first_fault, Some(LedgerFault { seq: 3, what: What::Uncounted }));
    // Nor does it stop whoever reads.
    let read = db.read(|reader| -> Result<_, Error> {
        let all = ledger::Filter::default();
        let found = ledger::search(reader, &all, PageSize::new(10))?.rows.len();
        let believed = ledger::believed(reader, &all, PageSize::new(10))?.rows.len();
        let first = ledger::believed_after(reader, 0, 10)?.rows[0].1.clone();
        let of_kind = ledger::count_of(reader, first.event.kind(), None, Timestamp::EPOCH)?;
        let own = ledger::by_id(reader, EventId::from_bits(9))?.map(|(seq, _)| seq);
        let number = ledger::number_of(reader, EventId::from_bits(9))?;
        let last = ledger::last_believed(reader, first.event.kind())?.map(|(seq, _)| seq);
        Ok((found, believed, of_kind, own, number, last))
    });
    assert_eq!(read.await.unwrap(), (3, 3, 3, None, None, Some(3)));
    let mut follower = db.subscribe("follower");
    assert_eq!(follower.next_batch(9).await.unwrap().len(), 3);
});
