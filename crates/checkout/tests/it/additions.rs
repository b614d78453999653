//! What a file that is called like a browser's own addition did: one visitor's is left out, what everybody's browser says is told.

use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::{Kind, Script};
use storeward_store::both_engines;

use crate::bench::Bench;

const ADDITION: &str = "chrome-extension://abcdefgh/content.js";

fn report(blocked: &str, directive: &str, (file, sample): (&str, &str)) -> String {
    format!(
        "[{{\"type\":\"csp-violation\",\"body\":{{\"blockedURL\":\"{blocked}\",\"disposition\":\"enforce\",\
         \"documentURL\":\"https://shop.example/checkout\",\"effectiveDirective\":\"{directive}\",\"sourceFile\":\"{file}\",\
         \"sample\":\"{sample}\"}}}}]"
    )
}

/// What a skimmer with such a name for itself does: a script, a connection, code.
fn skims(file: &str, visitor: u32) -> [String; 4] {
    [
        report(&format!("https://s{visitor}.evil.example/x.js"), "script-src-elem", (file, "")),
        report(&format!("https://c{visitor}.evil.example/c?card=1"), "connect-src", (file, "")),
        report("inline", "script-src-elem", (file, "steal(1)")),
        report("inline", "script-src-elem", (file, "/* nothing but a comment of forty signs")),
    ]
}

async fn new_rows(bench: &Bench) -> Vec<Script> {
    bench.checkout.settle().await.unwrap();
    bench.scripts().await.into_iter().filter(|row| !row.source.is_own()).collect()
}

// One comment in a file (`//# sourceURL=`) kept all that it did from the inventory, and from everybody.
both_engines!(a_name_of_its_own_hides_no_script, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let key = bench.settled("<head><script>start(1)</script>").await.report_key();
    // A visitor with an addition, who comes again and again, and one with another.
    for client in [1, 1, 2, 1 << 8] {
        for text in skims(ADDITION, client) {
            bench.post(&key, client, text).await;
        }
        assert!(new_rows(&bench).await.is_empty(), "one visitor's, or two's");
    }
    for file in [ADDITION, "about:blank", "https://translate.googleapis.com/a.js", "moz-extension"] {
        for text in skims(file, 3 << 8) {
            bench.post(&key, 3 << 8, text).await;
        }
        let rows = new_rows(&bench).await;
        let mut kinds: Vec<(Kind, &str)> = rows.iter().map(|row| (row.kind, row.address.as_str())).collect();
        kinds.sort();
        let expected = [
            (Kind::Script, "https://s768.evil.example/x.js"),
            (Kind::Inline, "any other code that a script puts in (cannot be approved)"),
            (Kind::Inline, "code that a script puts in (cannot be approved)"),
            (Kind::Connect, "https://c768.evil.example"),
        ];
        assert_eq!(kinds, expected, "{file}");
        assert!(rows.iter().all(|row| row.initiator.is_none()), "who did it nobody knows");
    }
    let alerts = bench.checkout.alerts(100).await.unwrap();
    assert!(alerts.iter().any(|alert| alert.kind == "blocked" && alert.what.contains("evil.example")));
});

// What is the addition's own is left out, however many have it.
both_engines!(an_addition_s_own_files_are_left_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.settled("<head>").await.report_key();
    for network in 0..5 {
        for blocked in [ADDITION, "https://translate.googleapis.com/element", "chrome-extension"] {
            bench.post(&key, network << 8, report(blocked, "script-src-elem", (ADDITION, ""))).await;
        }
    }
    assert!(new_rows(&bench).await.is_empty());
});

// Browsers know no hash of another host's file that they may not read: that it ran stood nowhere.
both_engines!(a_file_without_a_hash_is_a_row, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.settled("<head><script src=https://cdn.example/a.js></script>").await.report_key();
    for name in ["a", "b"] {
        let text = format!(
            "[{{\"type\":\"csp-hash\",\"body\":{{\"subresourceURL\":\"https://cdn.example/{name}.js\",\"hash\":\"\",\
             \"destination\":\"script\"}}}}]"
        );
        bench.post(&key, 1, text).await;
    }
    let rows = new_rows(&bench).await;
    assert_eq!(rows.iter().map(|row| row.address.as_str()).collect::<Vec<_>>(), ["https://cdn.example/b.js"]);
    assert_eq!((rows[0].hash.as_deref(), rows[0].kind), (None, Kind::Script));
});
