//! What would run on a paying page and be in no inventory.

use std::time::Duration;

use serde_json::Value;
use storeward_base::Clock;
use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::{Error, Kind, Period, Scope};
use storeward_store::both_engines;

use crate::bench::{Bench, STAFF, Visit, because};

const OWN: &str = "<head><script>go()</script>";
const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn close_all(bench: &Bench) {
    for alert in bench.checkout.alerts(100).await.unwrap().iter().filter(|alert| alert.closed_at.is_none()) {
        bench.checkout.close_alert(&alert.id, STAFF).await.unwrap();
    }
}

/// Whether a page that learns is held to what was approved, once this one was seen.
async fn is_held_after(bench: &Bench, body: &str) -> bool {
    is_held_after_visit(bench, Visit::page(body)).await
}

async fn is_held_after_visit(bench: &Bench, visit: Visit<'_>) -> bool {
    bench.visit(visit).await.unwrap();
    bench.checkout.settle().await.unwrap();
    bench.page(OWN).await.headers.contains_key("content-security-policy")
}

async fn learning(db: storeward_store::testing::TestDb) -> Bench {
    let bench = Bench::new(db, "on_change = 'last_good'").await;
    bench.settled(OWN).await;
    bench.approve(&bench.row("inline").await, Scope::Exact).await;
    close_all(&bench).await;
    assert!(!is_held_after(&bench, OWN).await);
    bench
}

async fn kinds(bench: &Bench) -> Vec<String> {
    let alerts = bench.checkout.alerts(100).await.unwrap();
    alerts.into_iter().filter(|alert| alert.closed_at.is_none()).map(|alert| alert.kind).collect()
}

// Each of them ran in a page that learns, was in no inventory, and nobody was told.
both_engines!(code_that_hides_is_a_row_and_takes_the_page_to_its_last_good_state, MIGRATIONS, async |db| {
    let bench = learning(db).await;
    let long = format!("<head><script>steal(1);/*{}*/</script>", "x".repeat(600 * 1024));
    for (page, rows) in [
        (long.as_str(), 1),
        ("<head><select><option>a</option><title>x</title></select><script>steal2()</script>", 1),
        ("<head><meta charset=utf-16><script>steal3()</script>", 1),
        ("<head><iframe src=' java&Tab;script:steal4()'></iframe>", 1),
        ("<head><iframe srcdoc='<script>parent.steal5()</script>'></iframe>", 1),
    ] {
        let before = bench.scripts().await.len();
        let name: String = page.chars().take(60).collect();
        assert!(is_held_after(&bench, page).await, "{name}");
        assert_eq!(bench.scripts().await.len(), before + rows, "{name}");
        close_all(&bench).await;
        assert!(!is_held_after(&bench, OWN).await, "{name}");
    }
    // How long it is stands beside its hash.
    let mut lengths = Vec::new();
    for row in bench.scripts().await {
        let whole = bench.checkout.script(&row.id).await.unwrap().unwrap();
        lengths.extend(whole.versions.iter().filter_map(|version| version.bytes));
    }
    assert!(lengths.contains(&(600 * 1024 + 13)), "{lengths:?}");
    // What a frame runs of its own nobody can approve: no policy would let it run.
    for row in bench.scripts().await.iter().filter(|row| row.kind == Kind::Frame) {
        for scope in [Scope::Address, Scope::Exact, Scope::Shape] {
            let refused = bench.checkout.approve(&row.id, because(scope), STAFF).await;
            assert!(matches!(refused, Err(Error::Misfit { .. })), "{refused:?}");
        }
    }
});

// What stands behind a place that cannot be read is told of as if something new stood there, and the evidence says so.
both_engines!(a_page_that_was_not_read_whole_is_told_and_stands_in_the_evidence, MIGRATIONS, async |db| {
    let bench = learning(db).await;
    let answered = [("content-type", "text/html")];
    let page = || Visit {
        answered: &answered,
        ..Visit::page("<head><title>x</title><meta charset=iso-2022-jp><script>steal()</script>")
    };
    assert!(is_held_after_visit(&bench, page()).await);
    assert_eq!(kinds(&bench).await, ["unread"], "the guard is in it");
    assert_eq!(bench.told("checkout.unguarded").await.len(), 1);
    assert!(is_held_after_visit(&bench, page()).await);
    assert_eq!(bench.told("checkout.unguarded").await.len(), 1, "once");
    bench.db.clock.advance(Duration::from_secs(1));
    let now = bench.db.clock.now();
    let period = Period { from: now.minus(DAY), until: now };
    let made = bench.checkout.evidence(period, STAFF, std::collections::HashMap::new()).await.unwrap();
    let report: Value = serde_json::from_slice(&made.json).unwrap();
    let gap =
        |gap: &Value| gap.as_str().unwrap().contains("/checkout was not read whole, so its inventory is not");
    assert!(report["gaps"].as_array().unwrap().iter().any(gap), "{}", report["gaps"]);
    // Looked at, it is told again on the next day, as somebody else may hide there by then.
    close_all(&bench).await;
    assert!(!is_held_after_visit(&bench, page()).await);
    bench.db.clock.advance(DAY);
    assert!(is_held_after_visit(&bench, page()).await);
    assert_eq!(bench.told("checkout.unguarded").await.len(), 2);
});

// Of several types browsers take one, and run scripts in what is no HTML.
both_engines!(what_browsers_show_as_html_is_guarded_or_told_of, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let nothing = ("x-a", "b");
    for (answered, is_guarded) in [
        (&[("content-type", "text/plain, text/html")][..], true),
        (&[("content-type", "text/plain"), ("content-type", "text/html")][..], true),
        (&[("content-type", "application/xhtml+xml")][..], false),
        (&[("content-type", "image/svg+xml")][..], false),
        (&[nothing][..], false),
    ] {
        let went = bench.visit(Visit { answered, ..Visit::page(OWN) }).await.unwrap();
        bench.checkout.settle().await.unwrap();
        assert_eq!(went.text().contains("guard.js"), is_guarded, "{answered:?}");
        assert_eq!(kinds(&bench).await.contains(&"unguarded".to_owned()), !is_guarded, "{answered:?}");
        if !is_guarded {
            close_all(&bench).await;
            bench.db.clock.advance(DAY);
        }
    }
    // Two encodings that are said are none.
    for lines in ["text/plain;charset=gbk, text/html", "text/html;charset=utf-8, text/html;charset=gbk"] {
        bench.settled("<head><script>var a = \"1\";</script>").await;
        let rows = bench.scripts().await;
        let row = rows.iter().find(|row| row.sample == "var a = \"\";").unwrap();
        if row.approval.is_none() {
            bench.approve(row, Scope::Shape).await;
        }
        let answered = [("content-type", lines)];
        let body = "<head><script>var a = \"\u{fc}\";</script>";
        let went = bench.visit(Visit { answered: &answered, ..Visit::page(body) }).await.unwrap();
        assert_eq!(went.text().matches("nonce=").count(), 1, "{lines}");
    }
});

// Turbo, pjax and shops of a single page take the paying page into another one, which has neither policy nor guard.
both_engines!(a_paying_page_that_a_script_takes_in_is_told_of, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let html = [("content-type", "text/html; charset=utf-8")];
    let json = [("content-type", "application/json")];
    let from = |referer: &'static str| [("sec-fetch-dest", "empty"), ("referer", referer)];
    let guarded = from("https://shop.example/checkout/step/1?a=b");
    for (asked, answered, is_told) in [
        // The page that takes it in is guarded itself.
        (&guarded[..], &html, false),
        (&from("https://shop.example/cart")[..], &json, false),
        (&[("sec-fetch-dest", "document"), ("referer", "https://shop.example/cart")][..], &html, false),
        (&from("https://evil.example/checkout")[..], &html, true),
        (&from("https://shop.example/cart")[..], &html, true),
        (&[("sec-fetch-dest", "empty")][..], &html, true),
    ] {
        bench.visit(Visit { asked, answered, ..Visit::page(OWN) }).await.unwrap();
        bench.checkout.settle().await.unwrap();
        assert_eq!(kinds(&bench).await.contains(&"unguarded".to_owned()), is_told, "{asked:?}");
        close_all(&bench).await;
        bench.db.clock.advance(DAY);
    }
    // Anybody can ask so: once a day and no more, and it takes nothing away.
    let told = bench.told("checkout.unguarded").await.len();
    for _ in 0..5 {
        let asked = &[("sec-fetch-dest", "empty")];
        bench.visit(Visit { asked, ..Visit::page(OWN) }).await.unwrap();
        bench.checkout.settle().await.unwrap();
        close_all(&bench).await;
    }
    assert_eq!(bench.told("checkout.unguarded").await.len(), told + 1);
});

/// Clients of as many networks see the same page.
async fn seen_by(bench: &Bench, networks: u32, visit: impl Fn() -> Visit<'static>) -> bool {
    let mut is_held = false;
    for number in 0..networks {
        is_held = is_held_after_visit(bench, Visit { client: number << 8, ..visit() }).await;
    }
    is_held
}

// One POST of more than 2 MiB that the shop wrote into one attribute took every client's page to its last good state.
both_engines!(what_one_client_sends_takes_no_page_from_the_others, MIGRATIONS, async |db| {
    let bench = learning(db).await;
    let large: &str = Box::leak(format!("<head><p title='{}", "x".repeat(3 << 20)).into_boxed_str());
    let code = "<head><script>reflected()</script>";
    let kept = || Visit { client: 1, ..Visit::page(large) };
    let sent = || Visit { method: http::Method::POST, ..Visit::page(large) };
    let posted = || Visit { method: http::Method::POST, ..Visit::page(code) };
    let queried =
        || Visit { query: Some("q=reflected()"), ..Visit::page("<head><script>reflected2()</script>") };
    let long: &str = Box::leak(format!("/checkout/{}", "x".repeat(300)).into_boxed_str());
    let named = || Visit { path: long, ..Visit::page("<head><script src=/reflected.js></script>") };
    for (visit, kind) in [
        (&sent as &dyn Fn() -> Visit<'static>, "unread"),
        (&kept, "unread"),
        (&posted, "script_new"),
        (&queried, "script_new"),
        (&named, "script_new"),
    ] {
        for _ in 0..4 {
            assert!(!is_held_after_visit(&bench, visit()).await, "{kind}: one client sees it");
        }
        assert!(!seen_by(&bench, 2, visit).await, "{kind}: two networks are few");
        assert_eq!(kinds(&bench).await, [kind], "it is told all the same");
        // What the shop shows to everybody is another matter.
        assert!(seen_by(&bench, 3, visit).await, "{kind}: several networks see it");
        assert_eq!(kinds(&bench).await, [kind], "once");
        close_all(&bench).await;
        if kind == "unread" {
            // The networks that saw it are remembered; what somebody looked at stays so for the day.
            assert!(!is_held_after_visit(&bench, visit()).await);
            bench.db.clock.advance(DAY);
            assert!(is_held_after_visit(&bench, visit()).await);
            close_all(&bench).await;
            bench.db.clock.advance(DAY);
            break;
        }
    }
    // Code that one client's POST brought first, and that then stands in the page that anybody asks for.
    for (first, page) in
        [("<head><script>a1()</script>", "script_new"), ("<head><script src=/a2.js></script>", "script_new")]
    {
        let visit = || Visit { method: http::Method::POST, ..Visit::page(first) };
        assert!(!is_held_after_visit(&bench, visit()).await, "{page}");
        assert!(is_held_after(&bench, first).await, "{page}");
        close_all(&bench).await;
    }
});

// A POST of one client brought it, and a report of the same one said that it ran: nothing else stood between everybody and the last good state.
both_engines!(what_a_browser_says_arms_nothing, MIGRATIONS, async |db| {
    let bench = learning(db).await;
    let page = "<head><script src=/reflected.js></script>";
    let key = bench.page(OWN).await.report_key();
    let posted = || Visit { method: http::Method::POST, ..Visit::page(page) };
    let report = "{\"csp-report\":{\"effective-directive\":\"script-src-elem\",\
                  \"blocked-uri\":\"https://shop.example/reflected.js\",\"disposition\":\"report\"}}";
    for number in 0..5 {
        assert!(!is_held_after_visit(&bench, posted()).await);
        // From as many networks as they like: what browsers say proves nothing.
        bench.post(&key, number << 8, report.to_owned()).await;
        assert!(!is_held_after_visit(&bench, posted()).await, "{number}");
    }
    assert_eq!(kinds(&bench).await, ["script_new"], "it is told");
    assert!(is_held_after(&bench, page).await, "and arms once the page has it by itself");
});

// `/blog.php/checkout` may be another program's page, whose code the one client that asked for it brought along.
both_engines!(another_spelling_of_the_page_arms_only_for_several_networks, MIGRATIONS, async |db| {
    let bench = learning(db).await;
    let visit = || Visit {
        path: "/blog.php/checkout",
        ..Visit::page("<head><script src=/blog/reflected.js></script>")
    };
    for _ in 0..4 {
        assert!(!is_held_after_visit(&bench, visit()).await, "one client sees it");
    }
    assert!(!seen_by(&bench, 2, visit).await, "two networks are few");
    assert_eq!(kinds(&bench).await, ["script_new"], "it is told");
    assert!(seen_by(&bench, 3, visit).await);
});

// A skimmer with another address for each visitor was never the same for several networks, where each page is the answer to a POST.
both_engines!(code_with_an_address_for_each_visitor_arms_by_its_kind, MIGRATIONS, async |db| {
    let bench = learning(db).await;
    let visit = |address: u32, client: u32| {
        let page = format!("<head><script src=https://evil.example/{address}.js></script>");
        Visit {
            method: http::Method::POST,
            client: client << 8,
            ..Visit::page(Box::leak(page.into_boxed_str()))
        }
    };
    for address in 0..4 {
        assert!(!is_held_after_visit(&bench, visit(address, 0)).await, "one client sees them all");
    }
    assert!(!is_held_after_visit(&bench, visit(10, 1)).await, "two networks are few");
    assert!(is_held_after_visit(&bench, visit(11, 2)).await);
});

// The scripts ran in a page that learns, and what told of them was a browser's report alone.
both_engines!(addresses_are_read_as_browsers_do_and_what_is_not_read_is_a_row, MIGRATIONS, async |db| {
    let bench = learning(db).await;
    for (page, kind, address) in [
        (
            "<head><base href=//evil.example/a/><script src=x.js></script>",
            Kind::Script,
            "https://evil.example/a/x.js",
        ),
        ("<head><base href=https://form.example>", Kind::Navigate, "https://form.example"),
        (
            "<head><script src=http://127.0.0.%31:21541/pct.js></script>",
            Kind::Script,
            "http://127.0.0.1:21541/pct.js",
        ),
        (
            "<head><script src='https://b\u{fc}cher.example/x.js?c=7'></script>",
            Kind::Script,
            "unread:https://b%C3%BCcher.example/x.js",
        ),
        (
            "<head><base href=https://b\u{fc}cher.example/><script src=rel.js></script>",
            Kind::Script,
            "unread:rel.js",
        ),
        ("<head><a href=' JavaScript:steal(1)'>pay</a>", Kind::Handler, "javascript:"),
        ("<head><form action='java&Tab;script:steal(2,3)'></form>", Kind::Handler, "javascript:"),
        ("<head><button formaction=javascript:steal(4,5,6)>", Kind::Handler, "javascript:"),
    ] {
        assert!(is_held_after(&bench, page).await, "{page}");
        let rows = bench.scripts().await;
        let row = rows.iter().rfind(|row| row.kind == kind && row.address == address);
        let row = row.unwrap_or_else(|| panic!("{page}: {rows:?}"));
        assert_eq!(row.source.word(), "page", "{page}");
        if address == "javascript:" {
            for scope in [Scope::Address, Scope::Exact, Scope::Shape] {
                let refused = bench.checkout.approve(&row.id, because(scope), STAFF).await;
                assert!(matches!(refused, Err(Error::Misfit { .. })), "{refused:?}");
            }
        }
        close_all(&bench).await;
        assert!(!is_held_after(&bench, OWN).await, "{page}");
    }
    // One in a template counts nowhere, so what it hides is told; what shops write for scripts to listen to does nothing.
    let before = bench.scripts().await.len();
    let hidden = "<head><template><base href=https://js.stripe.com/></template><script src=v3/></script>";
    bench.settled(hidden).await;
    assert!(kinds(&bench).await.contains(&"unread".to_owned()));
    assert!(bench.scripts().await.iter().any(|row| row.address == "https://shop.example/v3/"));
    bench.settled("<head><a href=javascript:void(0)>x</a><a href='javascript:;'>y</a>").await;
    assert_eq!(bench.scripts().await.len(), before + 1);
});
