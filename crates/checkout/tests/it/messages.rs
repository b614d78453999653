//! What stands in one message: what is new in it is heard, however much is known beside it, and what is left out is told.

use std::time::Duration;

use http::StatusCode;
use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::{Hold, Kind, Scope, Script};
use storeward_events::Event;
use storeward_store::both_engines;

use crate::bench::{Bench, STAFF, because};

const FOREIGN: &str = "https://skimmer.example/x.js";
const DAY: Duration = Duration::from_secs(24 * 3_600);

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
        code("script-src-elem", PAGE, "'4242'"),
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
        code("script-src-elem", TAGS, "steal('4242', 'bob@ex"),
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
        let other = "any other code that tags.example/m.js puts in (cannot be approved)".to_owned();
        let expected = [
            (Kind::Inline, other, seen),
            (Kind::Inline, by_page, seen),
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

// Whoever makes such reports up fills no room but that of code that scripts put in.
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
        bench.post(&key, network << 8, message(&by_many(network))).await;
        bench.checkout.settle().await.unwrap();
    }
    assert_eq!(put_in(&bench).await.len(), 200);
    assert_eq!(flooded(&bench).await.len(), 1);
    bench.settled("<head><script>start(1)</script><script>second(1)</script>").await;
    assert_eq!(bench.checkout.scripts(None, 500).await.unwrap().len(), 202);
});

/// Code of 150 scripts.
fn by_many(network: u32) -> Vec<String> {
    let file = |n: u32| format!("https://h{network}-{n}.example/x.js");
    (0..150).map(|n| code("script-src-elem", &file(n), "go(1)")).collect()
}

// Invented code took the room of scripts, and invented scripts that of code: in memory, in the tables, and of the network that reports.
both_engines!(code_and_scripts_fill_rooms_of_their_own, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.settled("<head><script>start(1)</script>").await.report_key();
    let scripts = |network: u32| -> Vec<String> {
        let file = |n: u32| format!("https://s{network}-{n}.example/x.js");
        (0..150).map(|n| violation("script-src-elem", &file(n))).collect()
    };
    // At once, before anything is written: one network's, and those of five.
    for network in 0..5 {
        bench.post(&key, network << 8, message(&by_many(network))).await;
    }
    bench.post(&key, 0, message(&[violation("script-src-elem", FOREIGN)])).await;
    bench.checkout.settle().await.unwrap();
    assert!(has_alert(&bench, FOREIGN).await);
    for network in 0..8 {
        bench.post(&key, network << 8, message(&scripts(network))).await;
        bench.checkout.settle().await.unwrap();
    }
    let counts = async || {
        let (code, others): (Vec<Script>, Vec<Script>) =
            bench.scripts_all().await.into_iter().partition(Script::is_put_in);
        (code.len(), others.len())
    };
    assert_eq!(counts().await, (200, 400 + 1));
    // A day later each makes room for its own alone.
    bench.db.clock.advance(DAY + Duration::from_secs(1));
    let key = bench.page("<head><script>start(1)</script>").await.report_key();
    bench.post(&key, 99 << 8, message(&[code("script-src-elem", TAGS, "late(1)")])).await;
    bench.post(&key, 99 << 8, message(&[violation("script-src-elem", "https://late.example/x.js")])).await;
    bench.checkout.settle().await.unwrap();
    assert_eq!(counts().await, (200, 400 + 1));
    assert!(has_alert(&bench, "https://late.example/x.js").await);
    assert!(has_alert(&bench, "tags.example/m.js puts in (cannot be approved)").await);
});

// Twenty-one forged reports, and a word of staff that they are none of the shop's, silenced for good whatever the script put in later.
both_engines!(later_code_of_a_script_is_told_whoever_filled_its_rows, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let page = "<head><script>var total = '1'; start(1)</script>";
    let key = bench.settled(page).await.report_key();
    // What one is known to put in is nobody else's news.
    for (word, by) in [("f", TAGS), ("g", PAGE)] {
        let forged = |n: usize| code("script-src-elem", by, &format!("{word}{}(1)", "x".repeat(n)));
        let all: Vec<String> = (0..21).map(forged).collect();
        bench.post(&key, 1, message(&all)).await;
        bench.checkout.settle().await.unwrap();
        let more = code("script-src-elem", by, &format!("{word}one(more)"));
        bench.post(&key, 1, message(&[more])).await;
        bench.checkout.settle().await.unwrap();
    }
    let close_all = async || {
        for alert in bench.checkout.alerts(500).await.unwrap().iter().filter(|one| one.closed_at.is_none()) {
            bench.checkout.close_alert(&alert.id, STAFF).await.unwrap();
        }
    };
    close_all().await;
    let open = async || {
        let alerts = bench.checkout.alerts(500).await.unwrap();
        alerts.into_iter().filter(|one| one.closed_at.is_none()).map(|one| one.what).collect::<Vec<_>>()
    };
    for day in 0..3 {
        let told = bench.told("checkout.script_new").await.len();
        let key = bench.page(page).await.report_key();
        // Each day another, and more than once: told once where staff looked at it the day before.
        for seen in 0..2 {
            let stolen = |by| code("script-src-elem", by, &format!("steal{}(card)", "er".repeat(day)));
            bench.post(&key, 9 << 8, message(&[stolen(TAGS), stolen(PAGE)])).await;
            bench.checkout.settle().await.unwrap();
            assert_eq!(open().await.len(), if day == 0 { 0 } else { 2 }, "{day} {seen}");
        }
        assert_eq!(bench.told("checkout.script_new").await.len() - told, if day == 0 { 0 } else { 2 });
        assert!(open().await.iter().all(|what| what.contains("any other code that")), "{:?}", open().await);
        close_all().await;
        bench.db.clock.advance(DAY);
    }
    // What has a row of its own, and was looked at, is told once.
    let key = bench.page(page).await.report_key();
    bench.post(&key, 1, message(&[code("script-src-elem", TAGS, "fx(1)")])).await;
    bench.checkout.settle().await.unwrap();
    assert!(open().await.is_empty(), "{:?}", open().await);
});

// Code that began with a word of the page's own, as most does, was taken for the page's.
both_engines!(a_word_hides_no_code, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.settled("<head><script>var total = '1'; start(1)</script>").await.report_key();
    for same in ["var total = '2'; start(1)", "var total = '1'; start(7)"] {
        bench.post(&key, 1, message(&[code("script-src-elem", TAGS, same)])).await;
    }
    bench.checkout.settle().await.unwrap();
    assert!(put_in(&bench).await.is_empty());
    for (count, by) in [(1, TAGS), (2, PAGE)] {
        bench
            .post(
                &key,
                1,
                message(&[code(
                    "script-src-elem",
                    by,
                    &format!("var total = '1'; steal({}", "c".repeat(count)),
                )]),
            )
            .await;
        bench.checkout.settle().await.unwrap();
        assert_eq!(put_in(&bench).await.len(), count);
    }
});
