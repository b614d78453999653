//! What stands in one message: what is new in it is heard, however much is known beside it, and what is left out is told.

use http::StatusCode;
use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::Kind;
use storeward_events::Event;
use storeward_store::both_engines;

use crate::bench::Bench;

const FOREIGN: &str = "https://skimmer.example/x.js";

/// As Chromium writes it: with the whole policy, about 2 KB.
fn violation(directive: &str, url: &str) -> String {
    format!(
        "{{\"age\":1,\"type\":\"csp-violation\",\"url\":\"https://shop.example/checkout\",\"user_agent\":\"x\",\"body\":{{\
         \"blockedURL\":\"{url}\",\"disposition\":\"report\",\"documentURL\":\"https://shop.example/checkout\",\
         \"effectiveDirective\":\"{directive}\",\"originalPolicy\":\"{}\",\"sample\":\"\",\"statusCode\":200}}}}",
        "default-src 'none'; ".repeat(85)
    )
}

fn hash(address: &str) -> String {
    format!(
        "{{\"type\":\"csp-hash\",\"body\":{{\"subresourceURL\":\"{address}\",\"hash\":\"sha256-{:0>43}=\",\"destination\":\"script\"}}}}",
        7
    )
}

fn message(all: &[String]) -> String {
    format!("[{}]", all.join(","))
}

async fn flooded(bench: &Bench) -> Vec<u64> {
    let told = bench.told("checkout.reports_flooded").await;
    told.iter()
        .map(|event| match event {
            Event::ReportsFlooded(fact) => fact.dropped,
            other => panic!("{other:?}"),
        })
        .collect()
}

async fn has_alert(bench: &Bench, address: &str) -> bool {
    let alerts = bench.checkout.alerts(2_000).await.unwrap();
    alerts.iter().any(|one| one.kind == "script_new" && one.what.ends_with(address))
}

// From the 21st report of a message on nothing was heard, and nobody was told.
both_engines!(the_last_report_of_a_long_message_is_heard, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "providers = ['stripe', 'paypal']").await;
    for count in [21, 25, 61, 200] {
        let key = bench.page("<head>").await.report_key();
        // One address again and again, as pictures of one host are.
        let picture = |n: usize| violation("img-src", &format!("https://cdn{count}.example/p{n}.png"));
        let mut all: Vec<String> = (1..count).map(picture).collect();
        let foreign = format!("https://skimmer{count}.example/x.js");
        all.push(violation("script-src-elem", &foreign));
        assert_eq!(bench.post(&key, 1, message(&all)).await, StatusCode::NO_CONTENT);
        bench.checkout.settle().await.unwrap();
        assert!(has_alert(&bench, &foreign).await, "{count}");
        assert_eq!(bench.row(&format!("https://cdn{count}.example")).await.kind, Kind::Image);
    }
    assert!(flooded(&bench).await.is_empty());
});

// The files of a page, each with its violation and its hash, are known and take no room: also where none was fetched yet.
both_engines!(what_is_known_leaves_what_is_new_its_room, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let files: Vec<String> = (0..120).map(|n| format!("https://shop.example/lib/{n}.js")).collect();
    let tags: String = files.iter().map(|file| format!("<script src=\"{file}\"></script>")).collect();
    // Before the page's own rows are written, and afterwards.
    for round in 0..3 {
        let key = bench.page(&format!("<head>{tags}")).await.report_key();
        let mut all: Vec<String> = files.iter().map(|file| hash(file)).collect();
        all.extend(files.iter().map(|file| violation("script-src-elem", file)));
        let foreign = format!("https://skimmer{round}.example/x.js");
        all.push(violation("script-src-elem", &foreign));
        bench.post(&key, 1, message(&all)).await;
        bench.checkout.settle().await.unwrap();
        assert!(has_alert(&bench, &foreign).await, "{round}");
    }
    assert_eq!(bench.scripts().await.len(), 120 + 3);
});

// Whoever has a page's key invents hosts by the message: they have an end, what is left out is told, and another client's browser is heard.
both_engines!(a_message_of_invented_hosts_is_bounded_and_told, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.page("<head>").await.report_key();
    for round in 0..3 {
        let invented = |n: u32| {
            format!(
                "{{\"csp-report\":{{\"effective-directive\":\"script-src-elem\",\"blocked-uri\":\"https://h{round}-{n}.example/x.js\"}}}}"
            )
        };
        let all: Vec<String> = (0..1_500).map(invented).collect();
        bench.post(&key, round, message(&all)).await;
    }
    bench.post(&key, 7 << 8, message(&[violation("script-src-elem", FOREIGN)])).await;
    bench.checkout.settle().await.unwrap();
    assert_eq!(bench.scripts().await.len(), 100 + 1);
    assert!(has_alert(&bench, FOREIGN).await);
    assert_eq!(flooded(&bench).await, [3 * 1_500 - 100]);
    // What is known goes on to be heard from that client, too.
    bench.post(&key, 1, message(&[violation("script-src-elem", FOREIGN)])).await;
    bench.checkout.settle().await.unwrap();
    assert_eq!(bench.row(FOREIGN).await.seen, 2);
});

// A message that was too long was refused, and nobody knew.
both_engines!(a_message_that_is_too_long_is_told, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.page("<head>").await.report_key();
    let long = || message(&(0..320).map(|_| violation("script-src-elem", FOREIGN)).collect::<Vec<_>>());
    assert_eq!(bench.post("0.0.0", 1, long()).await, StatusCode::PAYLOAD_TOO_LARGE);
    bench.checkout.settle().await.unwrap();
    assert!(flooded(&bench).await.is_empty(), "nobody's message");
    assert_eq!(bench.post(&key, 1, long()).await, StatusCode::PAYLOAD_TOO_LARGE);
    bench.checkout.settle().await.unwrap();
    assert_eq!(flooded(&bench).await, [1]);
});
