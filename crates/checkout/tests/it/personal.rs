//! What a script that steals wrote into addresses: browsers report those as they are, and the ledger keeps for good.

use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::{Scope, Status};
use storeward_store::both_engines;

use crate::bench::{Bench, STAFF, because};

const HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

/// What browsers and the guard say of one address.
fn reports(directive: &str, url: &str) -> [String; 4] {
    let host = url.split('/').nth(2).unwrap();
    let path = url.split_once(host).unwrap().1.trim_end_matches('/');
    let source = "https://cdn.example/5555555555554444/joe@example.com/a.js";
    let page = "https://shop.example/checkout/4242424242424242?mail=joe@example.com";
    [
        format!(
            "{{\"csp-report\":{{\"effective-directive\":\"{directive}\",\"blocked-uri\":\"{url}\",\"disposition\":\"enforce\",\
             \"source-file\":\"{source}\",\"document-uri\":\"{page}\",\"referrer\":\"{page}\",\"script-sample\":\"4242424242424242\"}}}}"
        ),
        format!(
            "[{{\"type\":\"csp-violation\",\"url\":\"{page}\",\"body\":{{\"blockedURL\":\"{url}\",\"effectiveDirective\":\"{directive}\",\
             \"disposition\":\"enforce\",\"sourceFile\":\"{source}\",\"documentURL\":\"{page}\",\"referrer\":\"{page}\",\"sample\":\"joe@example.com\"}}}}]"
        ),
        format!(
            "[{{\"type\":\"csp-hash\",\"url\":\"{page}\",\"body\":{{\"documentURL\":\"{page}\",\"subresourceURL\":\"{url}\",\
             \"hash\":\"sha256-{HASH}\",\"type\":\"subresource\",\"destination\":\"script\"}}}}]"
        ),
        format!(
            "{{\"kind\":\"blocked\",\"channel\":\"connect\",\"host\":\"{host}\",\"path\":\"{path}/4242/4242/4242/4242/joe@example.com\"}}"
        ),
    ]
}

// A report said the address again that the skimmer had made of what was typed, and it stood in the ledger in clear, for good.
both_engines!(no_report_brings_a_card_or_a_mail_into_what_is_kept, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let key = bench.page("<head>").await.report_key();
    for (directive, url) in [
        ("script-src-elem", "https://evil.example/x/4242424242424242/joe@example.com"),
        ("script-src-elem", "https://evil.example/c/5555555555554444/1229/joe%40example.com/x.js"),
        ("worker-src", "https://evil.example/4242-4242-4242-4242/w.js"),
        ("img-src", "https://4242424242424242.evil.example/x"),
        ("connect-src", "https://5555555555554444-12-29-123.collect.evil.example/"),
        ("frame-src", "https://4242.4242.4242.4242.evil.example/"),
        ("script-src-elem", "https://evil.example/p/4242x4242x4242x4242"),
        ("script-src-elem", "https://evil.example/c/4242/a/4242/r/4242/d/4242/"),
        ("script-src-elem", "https://42424242424.ev36.example/24242"),
        ("connect-src", "https://55555555555.ev37.example/54444"),
        ("connect-src", "https://n4242x4242x4242x4242.a6.example/"),
        ("connect-src", "https://evg1.example:4242424242424242/"),
        ("script-src-elem", "https://evil.example/t/9792424242424245.js"),
        ("script-src-elem", "https://evil.example/m/joe@163.com./x.js"),
    ] {
        for text in reports(directive, url) {
            bench.post(&key, 1, text).await;
        }
    }
    bench.checkout.settle().await.unwrap();
    let rows = bench.scripts().await;
    let addresses: Vec<&str> = rows.iter().map(|row| row.address.as_str()).collect();
    for expected in [
        "https://evil.example/x/*/*",
        "https://evil.example/c/*/1229/*/x.js",
        "https://evil.example/*/w.js",
        "https://*.evil.example",
        "https://*.collect.evil.example",
    ] {
        assert!(addresses.contains(&expected), "{expected}: {addresses:?}");
    }
    assert!(rows.iter().any(|row| row.initiator.as_deref() == Some("https://cdn.example/*/*/a.js")));
    let events = bench.told("checkout").await;
    assert!(events.len() > 8, "{events:?}");
    let (alerts, counted) =
        (bench.checkout.alerts(500).await.unwrap(), bench.checkout.counted(500).await.unwrap());
    let kept = format!("{rows:?}{events:?}{alerts:?}{counted:?}{:?}", bench.checkout.concerns());
    let in_ledger = serde_json::to_string(&events).unwrap();
    for secret in ["4242", "5555", "joe"] {
        assert!(!kept.contains(secret) && !in_ledger.contains(secret), "{secret}: {kept}");
    }
    // A host with a `*` in it would stand for many in a policy, and a path for a file that is not there.
    for row in &rows {
        let refused = bench.checkout.approve(&row.id, because(Scope::Address), STAFF).await;
        assert_eq!(refused.is_err(), row.address.contains('*'), "{}: {refused:?}", row.address);
    }
});

// Nor does a page that says them in the address of a script.
both_engines!(a_page_brings_none_either, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    bench
        .settled(
            "<head><base href=https://4242424242424242.cdn.example/><script src=/joe@example.com/a.js></script>\
             <script src=https://cdn.example/4242424242424242/b.js></script><script src=//b\u{fc}cher.example/joe@example.com/c.js></script>",
        )
        .await;
    let (rows, events) = (bench.scripts().await, bench.told("checkout").await);
    assert_eq!(rows.len(), 4, "{rows:?}");
    let kept = format!("{rows:?}{events:?}{:?}", bench.checkout.alerts(500).await.unwrap());
    assert!(!kept.contains("4242") && !kept.contains("joe"), "{kept}");
});

// A name with the moment or the hash of a release in it is the file's own: seen in the page, approved, and known again in a report.
both_engines!(what_a_shop_calls_its_files_matches_in_page_and_report, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    for path in [
        "/js/app.20261129123456.js",
        "/js/1764417600123/app.js",
        "/static/main.e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.js",
        "/npm/vue@3.4.21/dist/vue.global.js",
        "/gh/owner/repo@c3f1a9e0b1/dist/x.js",
        "/npm/foo@experimental/x.js",
        "/launch-EN93497c30fdf0424eb678d5f4ffac66dc.min.js",
        "/cdn/wpm/b295f3aedw9c0d7c2bp6a1c58d3mf4e7a021bm.js",
        "/wpm@b295f3aedw9c0d7c2bp6a1c58d3mf4e7a021b/x.js",
    ] {
        let address = format!("https://shop.example{path}");
        let went = bench.settled(&format!("<head><script src={path}></script>")).await;
        bench.approve(&bench.row(&address).await, Scope::Address).await;
        let before = bench.scripts().await.len();
        for text in &reports("script-src-elem", &address)[..3] {
            bench.post(&went.report_key(), 1, text.clone()).await;
        }
        bench.checkout.settle().await.unwrap();
        assert_eq!(bench.scripts().await.len(), before, "{path}");
        assert_eq!(bench.row(&address).await.status, Status::Approved, "{path}");
        assert!(bench.page("<head>").await.policy("content-security-policy").contains(&address));
    }
});

// What providers and clouds call their hosts and files can be approved, and renewed.
both_engines!(an_honest_script_of_another_host_can_be_approved, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    for address in [
        "https://assets.adobedtm.com/launch-EN93497c30fdf0424eb678d5f4ffac66dc.min.js",
        "https://cdn.jsdelivr.net/gh/owner/repo@c3f1a9e0b1/dist/x.js",
        "https://assets-123456789012.s3.eu-central-1.amazonaws.com/a.js",
        "https://a-bucket-of-a-shop-with-a-name-that-is-longer-than-most.s3.amazonaws.com/a.js",
    ] {
        bench.settled(&format!("<head><script src={address}></script>")).await;
        let row = bench.row(address).await;
        for _ in 0..2 {
            bench.approve(&row, Scope::Address).await;
        }
        assert_eq!(bench.row(address).await.status, Status::Approved, "{address}");
    }
});
