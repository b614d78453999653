//! Headers that a paying page's security leans on.

use storeward_checkout::MIGRATIONS;
use storeward_events::Event;
use storeward_store::both_engines;

use crate::bench::{Bench, STAFF, Visit};

both_engines!(a_header_that_is_not_as_approved_is_told, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let seen = async |lines: &[(&'static str, &'static str)]| {
        bench.visit(Visit { answered: lines, ..Visit::page("<head>") }).await.unwrap();
        bench.checkout.settle().await.unwrap();
    };
    const GOOD: [(&str, &str); 4] = [
        ("content-type", "text/html"),
        ("content-security-policy", "script-src 'self' 'nonce-a1'"),
        ("x-frame-options", "DENY"),
        ("server", "anything"),
    ];
    assert!(bench.checkout.approve_headers("/checkout", STAFF).await.is_err(), "nothing was seen yet");
    seen(&GOOD).await;
    assert!(bench.told("checkout.header_changed").await.is_empty(), "nothing was approved yet");
    bench.checkout.approve_headers("/checkout", STAFF).await.unwrap();
    let lines = bench.checkout.headers().await.unwrap();
    assert!(lines.iter().all(|line| line.approved == line.value && line.approved_at.is_some()));
    // Another nonce is no change, nor is a header that nothing leans on.
    seen(&[
        GOOD[0],
        ("content-security-policy", "script-src 'self' 'nonce-b2'"),
        GOOD[2],
        ("server", "else"),
    ])
    .await;
    assert!(bench.told("checkout.header_changed").await.is_empty());
    let changed = [
        GOOD[0],
        ("content-security-policy", "script-src * 'unsafe-inline'"),
        ("permissions-policy", "camera=*"),
    ];
    seen(&changed).await;
    seen(&changed).await;
    let mut told: Vec<(String, String)> = bench
        .told("checkout.header_changed")
        .await
        .into_iter()
        .map(|event| match event {
            Event::HeaderChanged(fact) => (fact.header, fact.how),
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort_unstable();
    let expected = [
        ("content-security-policy", "changed"),
        ("permissions-policy", "added"),
        ("x-frame-options", "removed"),
    ];
    assert_eq!(told, expected.map(|(name, how)| (name.to_owned(), how.to_owned())));
    assert_eq!(
        bench.checkout.alerts(10).await.unwrap().iter().filter(|a| a.kind == "header_changed").count(),
        3
    );
    bench.checkout.approve_headers("/checkout", STAFF).await.unwrap();
    assert!(bench.checkout.alerts(10).await.unwrap().iter().all(|alert| alert.closed_at.is_some()));
    seen(&changed).await;
    assert_eq!(bench.told("checkout.header_changed").await.len(), 3);
    // Back, looked at, and the same again: it is told again.
    seen(&GOOD).await;
    for alert in bench.checkout.alerts(100).await.unwrap() {
        if alert.closed_at.is_none() {
            bench.checkout.close_alert(&alert.id, STAFF).await.unwrap();
        }
    }
    let before = bench.told("checkout.header_changed").await.len();
    seen(&changed).await;
    seen(&GOOD).await;
    assert_eq!(bench.told("checkout.header_changed").await.len(), before + 3);
});
