//! Entries that were kept long enough are emptied; the tree stays proven, and nobody else can empty an entry unseen.

use std::time::Duration;

use storeward_base::{Actor, ClientRef, RequestId, SystemEntropy, Timestamp};
use storeward_events::Event;
use storeward_events::edge::{RequestRefused, UpstreamUp};
use storeward_store::ledger::{self, Filter, LedgerFault, Report, VerifyOptions, What};
use storeward_store::testing::{TestDb, blocking};
use storeward_store::{Constraint, Error, both_engines, params};

use crate::{size, started};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn verify(db: &TestDb, anchors: Vec<String>) -> Report {
    let db = (*db).clone();
    let options = VerifyOptions { anchors };
    blocking(move || ledger::verify(&db, &options, |_, _| {})).await.expect("the database can be read")
}

async fn forget(db: &TestDb) -> u64 {
    let forgot = db.write(|tx| {
        tx.commit_silent("a test");
        ledger::forget(tx)
    });
    forgot.await.unwrap_or_else(|why: Error| panic!("{why}"))
}

/// Numbers of the entries that still say something.
async fn readable(db: &TestDb) -> Vec<u64> {
    let page = db.read(|reader| ledger::read_after(reader, 0, 1000)).await;
    page.unwrap_or_else(|why: Error| panic!("{why}")).into_iter().map(|(seq, _)| seq).collect()
}

/// One event of the program (396 days), two of the front door's work (90 days), with a client and a request.
async fn append_three(db: &TestDb) -> (ClientRef, RequestId) {
    let (client, request) =
        (ClientRef::from_bytes([9; 12]), RequestId::at(Timestamp::from_seconds(1), &SystemEntropy));
    let wrote = db.write(move |tx| {
        tx.append(Actor::System, None, started("1"))?;
        let refused = RequestRefused { status: 400, reason: "host.missing".to_owned() };
        tx.append(Actor::Client { client }, Some(request), refused)?;
        tx.append(Actor::System, None, UpstreamUp { upstream: "10.0.0.7:80".to_owned() })
    });
    wrote.await.unwrap_or_else(|why: Error| panic!("{why}"));
    (client, request)
}

both_engines!(each_kind_is_forgotten_in_its_time, async |db| {
    let (client, request) = append_three(&db).await;
    let anchor = db.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}")).note;
    db.clock.advance(DAY * 90);
    assert_eq!(forget(&db).await, 0, "ninety days are not over yet");
    assert_eq!(size(&db).await, 3);
    db.clock.advance(Duration::from_secs(1));
    append_three(&db).await;
    assert_eq!(forget(&db).await, 2);
    assert_eq!(readable(&db).await, [1, 4, 5, 6, 7]);
    // What stood beside the words is gone as well.
    let of_client = Filter { actor: Some(Actor::Client { client }), ..Filter::default() };
    let page = db.read(move |r| ledger::search(r, &of_client, storeward_base::PageSize::new(10))).await;
    let seqs: Vec<u64> = page.unwrap_or_else(|why: Error| panic!("{why}")).rows.iter().map(|r| r.0).collect();
    assert_eq!(seqs, [5]);
    assert_eq!(db.read(move |r| ledger::by_request(r, request)).await, Ok::<_, Error>(Vec::new()));
    db.clock.advance(DAY * 306);
    assert_eq!(forget(&db).await, 3, "the first of the program, the later ones of the front door");
    assert_eq!(forget(&db).await, 0);
    // The facts that say so are never forgotten.
    db.clock.advance(DAY * 4000);
    assert_eq!(forget(&db).await, 1);
    assert_eq!(readable(&db).await, [7, 8, 9]);
    let report = verify(&db, vec![anchor]).await;
    assert_eq!((report.entries, report.forgotten, report.first_fault), (9, 6, None));
    // The proof of an entry does not need its words.
    let proof = db.read(|r| ledger::prove_inclusion(r, 2)).await.unwrap_or_else(|why: Error| panic!("{why}"));
    let proof = proof.unwrap();
    storeward_seal::merkle::verify_inclusion(&proof.leaf, 1, 9, &proof.path, &proof.head.root).unwrap();
});

both_engines!(many_are_forgotten_in_several_writes, async |db| {
    for _ in 0..3 {
        let wrote = db.write(|tx| {
            for n in 0..500u16 {
                let refused = RequestRefused { status: n, reason: "x".to_owned() };
                tx.append(Actor::System, None, refused)?;
                // Every other one stays: the longest list of runs there can be.
                tx.append(Actor::System, None, started("1"))?;
            }
            Ok::<_, Error>(())
        });
        wrote.await.unwrap();
    }
    db.clock.advance(DAY * 91);
    assert_eq!([forget(&db).await, forget(&db).await, forget(&db).await], [1000, 500, 0]);
    let report = verify(&db, Vec::new()).await;
    assert_eq!((report.entries, report.forgotten, report.first_fault), (3002, 1500, None));
    let told =
        db.read(|r| ledger::read_after(r, 3000, 10)).await.unwrap_or_else(|why: Error| panic!("{why}"));
    let counts = told.iter().map(|(_, record)| match &record.event {
        Event::EntriesForgotten(forgotten) => forgotten.count(),
        other => panic!("{other:?}"),
    });
    assert_eq!(counts.collect::<Vec<_>>(), [1000, 500]);
});

both_engines!(a_subscriber_passes_over_what_was_forgotten, async |db| {
    append_three(&db).await;
    db.clock.advance(DAY * 91);
    forget(&db).await;
    let mut subscription = db.subscribe("late");
    let seqs: Vec<u64> = subscription.next_batch(10).await.unwrap().iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, [1, 4]);
});

both_engines!(who_empties_an_entry_past_the_ledger_is_found, async |db| {
    append_three(&db).await;
    let empty = |seq: u64| {
        let blank = if db.engine() == storeward_store::Engine::Sqlite { "x''" } else { "''::bytea" };
        format!("UPDATE ledger_entry SET body = {blank}, actor = '', request = NULL WHERE seq = {seq}")
    };
    let emptied = |seq| Some(LedgerFault { seq, what: What::Emptied });
    // The table lets it happen, as it must; the verification does not.
    db.tamper(&empty(2));
    assert_eq!(verify(&db, Vec::new()).await.first_fault, emptied(2));
    // In its time the program forgets 3, which was to go with 2. It does not cover the deed up.
    db.clock.advance(DAY * 91);
    assert_eq!(forget(&db).await, 1);
    assert_eq!(verify(&db, Vec::new()).await.first_fault, emptied(2));
    // The fact that says what was forgotten is no exception.
    db.tamper(&empty(4));
    assert_eq!(verify(&db, Vec::new()).await.first_fault, emptied(2));
    // Words cannot be put in the place of what was forgotten, nor another hash.
    db.drop_guards();
    let forged = storeward_store::ledger::MAX_EVENT_BYTES.to_string();
    for (column, fault) in [("body", What::Tree), ("tree", What::Tree)] {
        let sql = match db.engine() {
            storeward_store::Engine::Sqlite => format!("CAST('{forged}' AS BLOB)"),
            storeward_store::Engine::Postgres => format!("convert_to('{forged}', 'UTF8')"),
        };
        db.tamper(&format!("UPDATE ledger_entry SET {column} = {sql} WHERE seq = 3"));
        assert_eq!(verify(&db, Vec::new()).await.first_fault, Some(LedgerFault { seq: 3, what: fault }));
    }
});

both_engines!(the_program_is_not_tricked_into_forgetting, async |db| {
    // Ninety days for one kind, thirteen months for the other: who can write to the table would like them to be swapped.
    append_three(&db).await;
    append_three(&db).await;
    db.drop_guards();
    db.tamper("UPDATE ledger_entry SET kind = 'edge.upstream_up' WHERE seq = 1");
    db.clock.advance(DAY * 89);
    let older = "UPDATE ledger_entry SET at = 0";
    let body = match db.engine() {
        storeward_store::Engine::Sqlite => {
            "CAST(replace(CAST(body AS TEXT), '\"at\":1', '\"at\":-') AS BLOB)".to_owned()
        }
        storeward_store::Engine::Postgres => {
            "convert_to(replace(convert_from(body, 'UTF8'), '\"at\":1', '\"at\":-'), 'UTF8')".to_owned()
        }
    };
    db.tamper(&format!("{older}, body = {body} WHERE seq = 3"));
    assert_eq!(forget(&db).await, 0, "neither the columns nor changed words make an entry old");
    db.clock.advance(DAY * 2);
    assert_eq!(
        forget(&db).await,
        3,
        "2, 5 and 6: not 1, which has another kind, and not 3, which was changed"
    );
    assert_eq!(readable(&db).await, [1, 3, 4, 7]);
    let found = verify(&db, Vec::new()).await.first_fault;
    assert_eq!(found, Some(LedgerFault { seq: 1, what: What::Column("kind") }));
});

both_engines!(the_table_lets_an_entry_be_emptied_and_nothing_else, async |db| {
    append_three(&db).await;
    for set in [
        "body = $1",
        "body = $1, actor = ''",
        "body = $1, actor = '', request = NULL, kind = 'x'",
        "body = $1, actor = '', request = NULL, at = 0",
        "body = $1, actor = '', request = NULL, tree = $1",
        "body = $1, actor = '', request = NULL, seq = 77",
        "body = $1, actor = '', request = NULL, severity = 1",
        "body = $1, actor = '', request = NULL, id = 'x'",
    ] {
        let sql = format!("UPDATE ledger_entry SET {set} WHERE seq = 2");
        let wrote = db.write(move |tx| {
            tx.commit_silent("an attack");
            tx.execute(&sql, params![Vec::new()])
        });
        let refused = wrote.await;
        assert!(
            matches!(refused, Err(Error::Constraint { kind: Constraint::Trigger, .. })),
            "{set}: {refused:?}"
        );
    }
});

// By whoever reads late, also on another node than the one that forgot, and with a cursor behind what is forgotten meanwhile.
both_engines!(what_was_forgotten_is_not_told_as_taken_away, async |db| {
    let other = db.open_again();
    append_three(&db).await;
    db.clock.advance(DAY * 90 + Duration::from_secs(1));
    append_three(&db).await;
    let mut on_other = other.subscribe("b");
    let seqs =
        |batch: Vec<(u64, storeward_events::Record)>| batch.into_iter().map(|one| one.0).collect::<Vec<_>>();
    let batch = on_other.next_batch(2).await.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(seqs(batch), [1, 2]);
    assert_eq!(forget(&db).await, 2);
    for subscription in [&mut db.subscribe("a"), &mut on_other] {
        let batch = subscription.next_batch(100).await.unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(seqs(batch), [1, 4, 5, 6, 7]);
    }
    assert_eq!(size(&db).await, 7, "nothing was told");
});
