//! What stands in one message: what is new in it is heard, however much is known beside it, and what is left out is told.

use http::StatusCode;
use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::{Hold, Kind, Scope, Script};
use storeward_events::Event;
use storeward_store::both_engines;

use crate::bench::{Bench, STAFF, because};

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
    assert_eq!(bench.post("0.0.0", 1, long()).await, StatusCode::NO_CONTENT, "nobody's message is not read");
    bench.checkout.settle().await.unwrap();
    assert!(flooded(&bench).await.is_empty());
    assert_eq!(bench.post(&key, 1, long()).await, StatusCode::PAYLOAD_TOO_LARGE);
    bench.checkout.settle().await.unwrap();
    assert_eq!(flooded(&bench).await, [1]);
});

const TAGS: &str = "https://tags.example/m.js";
const PAGE: &str = "https://shop.example/checkout";

/// Of code in the page, with what a browser says of where it is from and how it begins.
fn code(directive: &str, file: &str, sample: &str) -> String {
    format!(
        "{{\"type\":\"csp-violation\",\"body\":{{\"blockedURL\":\"inline\",\"disposition\":\"report\",\"documentURL\":\"{PAGE}?order=7\",\
         \"effectiveDirective\":\"{directive}\",\"sourceFile\":\"{file}\",\"lineNumber\":3,\"sample\":\"{sample}\"}}}}"
    )
}

async fn put_in(bench: &Bench) -> Vec<Script> {
    bench.scripts().await.into_iter().filter(Script::is_put_in).collect()
}

// It was in no inventory, nobody was told, and enforcing stopped it without a row that said so.
both_engines!(code_that_a_script_puts_in_is_a_row, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let page =
        "<head><script>\n  start(1)</script><body onclick=\"pay('4')\"><a href=\"javascript:back(1)\">";
    let key = bench.page(page).await.report_key();
    let own = [
        code("script-src-elem", PAGE, "start(1)"),
        code("script-src-attr", "", "pay('4')"),
        // A script clicked it, or the guard did for one.
        code("script-src-attr", TAGS, "pay('5')"),
        code("script-src-attr", "https://shop.example/.storeward/checkout/guard.js", "pay('5')"),
        code("script-src-elem", PAGE, "javascript:back(1)"),
        code("script-src-elem", PAGE, "javascript:void(0)"),
        // What nobody can tell from the page's own.
        code("script-src-elem", PAGE, ""),
        code("script-src-elem", PAGE, "// a comment"),
        code("script-src-elem", "chrome-extension://abc/x.js", "start(2)"),
    ];
    // Before the page's own rows are written, and afterwards.
    for _ in 0..2 {
        bench.post(&key, 1, message(&own)).await;
        bench.checkout.settle().await.unwrap();
        assert!(put_in(&bench).await.is_empty(), "{:?}", put_in(&bench).await);
    }
    let all = [
        code("script-src-elem", TAGS, "steal('4111111111111111', 'ann@example.com')"),
        code("script-src-elem", TAGS, "steal('4242')"),
        code("script-src-elem", TAGS, ""),
        code("script-src-attr", TAGS, "other(1)"),
        code("script-src-elem", PAGE, "byThePage(1)"),
        // The same once more, by the page that it stands in by then.
        code("script-src-attr", PAGE, "other(1)"),
    ];
    for seen in 1..3 {
        bench.post(&key, 1, message(&all)).await;
        bench.checkout.settle().await.unwrap();
        let mut found: Vec<(Kind, String, u64)> =
            put_in(&bench).await.into_iter().map(|row| (row.kind, row.address, row.seen)).collect();
        found.sort();
        let tags = "code that tags.example/m.js puts in (cannot be approved)".to_owned();
        let by_page = "code that a script puts in (cannot be approved)".to_owned();
        let expected = [
            (Kind::Inline, by_page, seen),
            (Kind::Inline, tags.clone(), seen),
            (Kind::Inline, tags.clone(), 2 * seen),
            (Kind::Handler, tags, seen),
        ];
        assert_eq!(found, expected);
    }
    assert_eq!(bench.told("checkout.script_new").await.len(), 3 + 4);
    let alerts = bench.checkout.alerts(100).await.unwrap();
    let stopped = bench.checkout.would_stop("/checkout", Hold::Enforce).await.unwrap();
    for row in put_in(&bench).await {
        assert!(alerts.iter().any(|alert| alert.script.as_ref() == Some(&row.id)));
        assert!(stopped.iter().any(|other| other.id == row.id));
        for scope in [Scope::Exact, Scope::Shape, Scope::Address] {
            let refused = bench.checkout.approve(&row.id, because(scope), STAFF).await.unwrap_err();
            assert!(refused.to_string().contains("no approval lets it run"), "{refused}");
        }
    }
    let kept = format!("{alerts:?}{:?}{:?}", bench.scripts().await, bench.told("checkout").await);
    assert!(!kept.contains("4111") && !kept.contains("ann@") && !kept.contains("steal"), "{kept}");
});

// Whoever makes such reports up fills no room but that of what is only reported.
both_engines!(made_up_code_is_bounded, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.settled("<head><script>start(1)</script>").await.report_key();
    let word = |n: u32| format!("f{}(1)", "x".repeat(usize::try_from(n).unwrap() % 38 + 1));
    let all: Vec<String> = (0..38).map(|n| code("script-src-elem", TAGS, &word(n))).collect();
    bench.post(&key, 0, message(&all)).await;
    bench.checkout.settle().await.unwrap();
    assert_eq!(put_in(&bench).await.len(), 38);
    // Once there are twenty of one script, what is more is one; what has a row keeps it.
    let more = ["other(1)", "another(1)", &word(3)].map(|sample| code("script-src-elem", TAGS, sample));
    bench.post(&key, 0, message(&more)).await;
    bench.checkout.settle().await.unwrap();
    let mut seen: Vec<u64> = put_in(&bench).await.iter().map(|row| row.seen).collect();
    seen.sort_unstable();
    assert_eq!((seen.len(), &seen[36..]), (39, &[1, 2, 2][..]));
    for network in 0..8u32 {
        let all: Vec<String> = (0..38).map(|n| code("script-src-elem", TAGS, &word(n))).collect();
        bench.post(&key, network << 8, message(&all)).await;
        let by_many = |n: u32| format!("https://h{network}-{n}.example/x.js");
        let all: Vec<String> = (0..150).map(|n| code("script-src-elem", &by_many(n), "go(1)")).collect();
        bench.post(&key, network << 8, message(&all)).await;
        bench.checkout.settle().await.unwrap();
    }
    assert_eq!(put_in(&bench).await.len(), 400);
    assert_eq!(flooded(&bench).await.len(), 1);
    assert!(bench.scripts().await.iter().any(|row| !row.is_put_in()));
    bench.settled("<head><script>start(1)</script><script>second(1)</script>").await;
    assert_eq!(bench.checkout.scripts(None, 500).await.unwrap().len(), 402);
});
