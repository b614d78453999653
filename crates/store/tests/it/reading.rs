//! Every statement prepares on both engines, and lists find what they should.

use std::time::Duration;

use storeward_base::{
    Actor, ClientIp, ClientRef, CustomerId, PageSize, RequestId, StaffId, SystemEntropy, Timestamp,
};
use storeward_events::Severity;
use storeward_events::edge::{InspectionFailed, RequestRefused};
use storeward_store::addresses::Book;
use storeward_store::ledger::{self, Filter};
use storeward_store::testing::blocking;
use storeward_store::{Error, STATEMENTS, addresses, both_engines};

use crate::{append, started};

both_engines!(every_statement_prepares, async |db| {
    for sql in STATEMENTS {
        let checked = db.read(|reader| reader.check_statement(sql)).await;
        checked.unwrap_or_else(|why: Error| panic!("{why}"));
    }
    let wrong = db.read(|reader| reader.check_statement("SELECT nothing FROM nowhere")).await;
    assert!(matches!(wrong, Err(Error::Statement { .. })));
});

both_engines!(a_search_narrows_and_pages, async |db| {
    let client = ClientRef::from_bytes([1; 12]);
    let request = RequestId::at(Timestamp::from_seconds(1), &SystemEntropy);
    let start = db.now();
    for n in 0..25u16 {
        db.write(move |tx| {
            let at = start.plus(Duration::from_secs(n.into()));
            tx.append_at(at, Actor::System, None, started("1"))?;
            let refused = RequestRefused { status: n, reason: "x".to_owned() };
            tx.append_at(at, Actor::Client { client }, Some(request), refused)?;
            tx.append_at(at, Actor::System, None, InspectionFailed { path: "/".to_owned() })
        })
        .await
        .unwrap();
    }
    let count = async |filter: Filter| {
        let (mut seqs, mut filter): (Vec<u64>, _) = (Vec::new(), filter);
        loop {
            let asked = filter.clone();
            let page = db.read(move |r| ledger::search(r, &asked, PageSize::new(10))).await;
            let page = page.unwrap_or_else(|why: Error| panic!("{why}"));
            seqs.extend(page.rows.iter().map(|(seq, _)| *seq));
            match page.next {
                Some(next) => filter.before = Some(next),
                None => break,
            }
        }
        assert!(seqs.is_sorted_by(|a, b| a > b), "newest first, each once");
        seqs.len()
    };
    assert_eq!(count(Filter::default()).await, 75);
    let edge = Filter { kind_prefix: Some("edge.".to_owned()), ..Filter::default() };
    assert_eq!(count(edge.clone()).await, 50);
    assert_eq!(count(Filter { severity: Some(Severity::High), ..edge.clone() }).await, 25);
    assert_eq!(count(Filter { actor: Some(Actor::Client { client }), ..Filter::default() }).await, 25);
    let from = Some(start.plus(Duration::from_secs(5)));
    let until = Some(start.plus(Duration::from_secs(7)));
    assert_eq!(count(Filter { from, until, ..Filter::default() }).await, 6);
    let all =
        Filter { severity: Some(Severity::Low), actor: Some(Actor::Client { client }), from, until, ..edge };
    assert_eq!(count(all).await, 2);
    assert_eq!(count(Filter { kind_prefix: Some("%".to_owned()), ..Filter::default() }).await, 0);
    let of_request = db.read(move |r| ledger::by_request(r, request)).await;
    assert_eq!(of_request.map(|rows| rows.len()), Ok::<_, Error>(25));
});

both_engines!(entries_are_read_in_order, async |db| {
    append(&db, 30).await;
    let read = async |after: u64, limit: u32| {
        let rows = db.read(move |r| ledger::read_after(r, after, limit)).await;
        rows.unwrap_or_else(|why: Error| panic!("{why}")).iter().map(|(seq, _)| *seq).collect::<Vec<_>>()
    };
    assert_eq!(read(0, 3).await, [1, 2, 3]);
    assert_eq!(read(28, 1000).await, [29, 30]);
    assert_eq!(read(30, 10).await, [0u64; 0]);
});

// The way back from a reference to an address: what a forger writes there does not fit the reference.
both_engines!(an_address_that_was_changed_is_found, async |db| {
    for n in 1..=3u8 {
        let ip = ClientIp::new(std::net::Ipv4Addr::new(192, 0, 2, n).into());
        let (client, at) = (db.client_ref(ip), db.now());
        let noted = db
            .write(move |tx| {
                tx.commit_silent("a test");
                addresses::note(tx, client, ip, at)
            })
            .await;
        noted.unwrap();
    }
    let verify = async || {
        let opened = (*db).clone();
        blocking(move || addresses::verify(&opened)).await.unwrap()
    };
    assert_eq!(verify().await, Book { entries: 3, changed: 0 });
    db.tamper("UPDATE client_address SET address = '203.0.113.7' WHERE address = '192.0.2.1'");
    assert_eq!(verify().await, Book { entries: 3, changed: 1 });
    db.tamper("UPDATE client_address SET address = 'nobody' WHERE address = '192.0.2.2'");
    assert_eq!(verify().await, Book { entries: 3, changed: 2 });
});

both_engines!(addresses_are_found_and_forgotten, async |db| {
    let ip: ClientIp = "192.0.2.7".parse().unwrap();
    let (client, start) = (db.client_ref(ip), db.now());
    for seconds in [0, 60, 30] {
        let at = start.plus(Duration::from_secs(seconds));
        let noted = db
            .write(move |tx| {
                tx.commit_silent("a test");
                addresses::note(tx, client, ip, at)
            })
            .await;
        noted.unwrap();
    }
    let find = async || {
        let others = [ClientRef::from_bytes([9; 12]), client];
        db.read(move |r| addresses::find(r, &others)).await.unwrap_or_else(|why: Error| panic!("{why}"))
    };
    assert_eq!(find().await, [(client, ip.get())]);
    let forget = async |seconds| {
        db.write(move |tx| {
            tx.commit_silent("a test");
            addresses::forget_before(tx, start.plus(Duration::from_secs(seconds)))
        })
        .await
    };
    assert_eq!(forget(60).await, Ok(0));
    assert_eq!(forget(61).await, Ok(1));
    assert_eq!(find().await, []);
});

// Each opening went through everybody's openings of the hour.
both_engines!(entries_of_a_kind_are_counted_for_a_person_a_program_and_all, async |db| {
    let [ada, bob] = [1, 2].map(|bits| Actor::Staff { id: StaffId::from_bits(bits) });
    let customer = Actor::Customer { id: CustomerId::from_bits(1) };
    let start = db.now();
    for n in 0..6_u64 {
        let write = db.write(move |tx| {
            let at = start.plus(Duration::from_secs(n));
            for actor in [ada, customer, Actor::System] {
                tx.append_at(at, actor, None, started("1"))?;
                tx.append_at(at, actor, None, InspectionFailed { path: "/".to_owned() })?;
            }
            tx.append_at(at, bob, None, started("1"))
        });
        write.await.unwrap();
    }
    let count = async |kind: &'static str, actor: Option<Actor>, after: u64| {
        let from = start.plus(Duration::from_secs(after));
        let counted = db.read(move |reader| ledger::count_of(reader, kind, actor, from)).await;
        counted.unwrap_or_else(|why: Error| panic!("{why}"))
    };
    for actor in [ada, customer, Actor::System, bob] {
        assert_eq!(count("system.started", Some(actor), 0).await, 6);
        assert_eq!(count("system.started", Some(actor), 4).await, 2, "from that moment on");
        assert_eq!(count("system.started", Some(actor), 6).await, 0);
    }
    assert_eq!(count("edge.inspection_failed", Some(bob), 0).await, 0, "not of that kind");
    assert_eq!(count("edge.inspection_failed", None, 0).await, 18);
    assert_eq!(count("system.started", None, 5).await, 4);
});
