//! What the guard does to answers, and what it leaves alone.

use http::{Method, StatusCode};
use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::{Kind, Scope};
use storeward_store::both_engines;

use crate::bench::{Bench, Visit};

const PAGE: &str = "<!doctype html><html><head><title>Pay</title></head><body><form></form></body></html>";

both_engines!(a_page_gets_the_guard_first_and_a_policy_beside_its_own, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "providers = ['stripe']").await;
    let answered = [
        ("content-type", "text/html"),
        ("content-security-policy", "script-src 'self' 'nonce-own'"),
        ("etag", "\"1\""),
    ];
    let went = bench.visit(Visit { answered: &answered, ..Visit::page(PAGE) }).await.unwrap();
    // Learning stops nothing: the policy only reports.
    let policies: Vec<_> = went.headers.get_all("content-security-policy").iter().collect();
    assert_eq!(policies, ["script-src 'self' 'nonce-own'"]);
    let policy = went.policy("content-security-policy-report-only");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'report-sha256' 'report-sample' 'nonce-"),
        "{policy}"
    );
    assert!(policy.contains("https://js.stripe.com") && policy.contains("report-to storeward"), "{policy}");
    let text = went.text();
    // The shop's own policy wants its own nonce.
    let guard = "<head><script src=\"/.storeward/checkout/guard.js?v=";
    assert!(text.contains(guard) && text.contains("nonce=\"own\" data-mode=\"learn\""), "{text}");
    assert!(text.contains("data-to=\"https://checkout.stripe.com https://hooks.stripe.com\""), "{text}");
    let report = format!("/.storeward/checkout/report?k={}", went.report_key());
    assert_eq!(went.headers["reporting-endpoints"], format!("storeward=\"{report}\""));
    assert!(policy.contains(&format!("report-uri {report};")), "{policy}");
    // Nobody keeps a page whose policy names another nonce.
    assert!(!went.headers.contains_key("etag"));
    assert_eq!(went.headers["cache-control"], "private, no-store");
    let (start, rest) = text.split_once("<script src=\"/.storeward").unwrap();
    assert_eq!(format!("{start}{}", rest.split_once("</script>").unwrap().1), PAGE);
});

both_engines!(enforcing_is_a_second_policy, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let answered = [("content-type", "text/html"), ("content-security-policy", "script-src 'self'")];
    let went = bench.visit(Visit { answered: &answered, ..Visit::page(PAGE) }).await.unwrap();
    // The shop's, one of addresses alone, and the whole.
    assert_eq!(went.headers.get_all("content-security-policy").iter().count(), 3);
    assert!(!went.headers.contains_key("content-security-policy-report-only"));
    assert!(went.text().contains("data-mode=\"enforce\""));
    let (policy, nonce) = (went.policy("content-security-policy"), went.nonce());
    assert!(policy.contains(&format!("'nonce-{nonce}'")), "{policy}");
    // Another one each time.
    assert_ne!(bench.page(PAGE).await.nonce(), nonce);
});

// Chromium shows a page that was fetched ahead without asking anew: it must have come with the guard. What a script asked for is not kept, or
// it would be shown as a page, without policy and guard.
both_engines!(
    what_is_fetched_ahead_is_guarded_and_what_a_script_fetched_is_not_kept,
    MIGRATIONS,
    async |db| {
        let bench = Bench::new(db, "mode = 'enforce'").await;
        let kept = [
            ("content-type", "text/html"),
            ("cache-control", "private, max-age=300"),
            ("etag", "\"1\""),
            ("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ];
        for ahead in [("sec-purpose", "prefetch;prerender"), ("purpose", "Prefetch"), ("x-moz", "prefetch")] {
            let asked = &[("sec-fetch-dest", "empty"), ahead][..];
            let went = bench.visit(Visit { asked, answered: &kept, ..Visit::page(PAGE) }).await.unwrap();
            assert!(went.text().contains("guard.js"), "{ahead:?}");
            assert!(went.headers.contains_key("content-security-policy"), "{ahead:?}");
            assert_eq!(went.headers["cache-control"], "private, no-store", "{ahead:?}");
        }
        let asked = &[("sec-fetch-dest", "empty")][..];
        let went = bench.visit(Visit { asked, answered: &kept, ..Visit::page(PAGE) }).await.unwrap();
        assert_eq!(went.text(), PAGE);
        assert_eq!(went.headers["cache-control"], "private, no-store");
        assert!(!went.headers.contains_key("etag") && !went.headers.contains_key("last-modified"));
        // So is whatever else browsers may show as a page; an answer that is plainly none is the shop's own affair.
        let age = ("cache-control", "private, max-age=300");
        for (kind, is_kept) in [
            ("application/xhtml+xml", false),
            ("image/svg+xml", false),
            ("text/xml", false),
            ("text/plain", false),
            ("application/json, text/html", false),
            ("image/png; a, text/html", false),
            ("application/json", true),
            ("application/vnd.api+json; charset=utf-8", true),
            ("text/javascript", true),
            ("Text/CSS", true),
            ("image/webp", true),
            ("font/woff2", true),
            ("application/font-woff", true),
            ("application/x-font-ttf", true),
            ("application/vnd.ms-fontobject", true),
            ("application/wasm", true),
            ("audio/mpeg", true),
            ("Video/mp4", true),
            ("application/pdf", false),
            ("video/mp4; a, text/html", false),
        ] {
            let answered = [("content-type", kind), age];
            let went = bench.visit(Visit { asked, answered: &answered, ..Visit::page(PAGE) }).await.unwrap();
            assert_eq!(went.headers["cache-control"] == age.1, is_kept, "{kind}");
        }
        let twice = [("content-type", "application/json"), ("content-type", "text/html"), age];
        for answered in [&[age][..], &twice] {
            let went = bench.visit(Visit { asked, answered, ..Visit::page(PAGE) }).await.unwrap();
            assert_eq!(went.headers["cache-control"], "private, no-store", "{answered:?}");
        }
        // Where browsers are led on they show nothing of it; a redirect that leads nowhere is shown.
        for (status, to, is_kept) in [(302, "/basket", true), (302, "", false), (300, "/basket", false)] {
            let (status, answered) = (StatusCode::from_u16(status).unwrap(), [("location", to), age]);
            let went =
                bench.visit(Visit { asked, status, answered: &answered, ..Visit::page("") }).await.unwrap();
            assert_eq!(went.headers["cache-control"] == age.1, is_kept, "{status} {to}");
        }
        // What is unchanged is as it was.
        let status = StatusCode::NOT_MODIFIED;
        let went = bench.visit(Visit { asked, status, answered: &[age], ..Visit::page("") }).await.unwrap();
        assert_eq!(went.headers["cache-control"], age.1);
    }
);

both_engines!(what_is_no_shown_page_stays_as_it_is, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let html = [("content-type", "text/html"), ("content-length", "3")];
    let json = [("content-type", "application/json")];
    let saved = [("content-type", "text/html"), ("content-disposition", "attachment; filename=a.html")];
    for (visit, why) in [
        (Visit { answered: &json, ..Visit::page(PAGE) }, "no page"),
        (Visit { answered: &[], ..Visit::page(PAGE) }, "nobody says that it is a page"),
        (Visit { answered: &saved, ..Visit::page(PAGE) }, "it is saved"),
        (Visit { status: StatusCode::NOT_MODIFIED, answered: &html, ..Visit::page(PAGE) }, "nothing new"),
        (
            Visit { status: StatusCode::NOT_MODIFIED, answered: &html, ..Visit::page("") },
            "the browser has it",
        ),
        (Visit { status: StatusCode::PARTIAL_CONTENT, answered: &html, ..Visit::page(PAGE) }, "a piece"),
        (Visit { method: Method::HEAD, answered: &html, ..Visit::page("") }, "nothing comes"),
        (
            Visit { asked: &[("sec-fetch-dest", "empty")], answered: &html, ..Visit::page(PAGE) },
            "a script asked for it",
        ),
    ] {
        let body = visit.body.to_vec();
        let went = bench.visit(visit).await.unwrap();
        assert_eq!(went.body, body, "{why}");
    }
    // Of a head alone the policy is told, and a length that would be another one is not.
    let head = Visit { method: Method::HEAD, answered: &html, ..Visit::page("") };
    let went = bench.visit(head).await.unwrap();
    assert!(
        went.headers.contains_key("content-security-policy") && !went.headers.contains_key("content-length")
    );
    let unchanged = Visit { status: StatusCode::NOT_MODIFIED, answered: &html, ..Visit::page("") };
    assert!(!bench.visit(unchanged).await.unwrap().headers.contains_key("content-security-policy"));
    // Faults and answers to forms are pages.
    for (method, status) in
        [(Method::POST, StatusCode::UNPROCESSABLE_ENTITY), (Method::GET, StatusCode::NOT_FOUND)]
    {
        let went = bench.visit(Visit { method, status, answered: &html, ..Visit::page(PAGE) }).await.unwrap();
        assert!(went.text().contains("guard.js"));
    }
    for path in ["/", "/checkouts", "/cart", "/a/checkout"] {
        assert!(bench.visit(Visit { path, ..Visit::page(PAGE) }).await.is_none(), "{path}");
    }
    assert!(bench.visit(Visit { path: "/checkout/step/2", ..Visit::page(PAGE) }).await.is_some());
});

both_engines!(the_shop_is_asked_for_the_whole_page_as_it_is, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let asked = [
        ("accept-encoding", "br, gzip"),
        ("range", "bytes=0-1"),
        ("if-none-match", "\"1\""),
        ("accept", "*/*"),
    ];
    let went = bench.visit(Visit { asked: &asked, ..Visit::page(PAGE) }).await.unwrap();
    assert_eq!(went.asked["accept-encoding"], "identity");
    assert!(!went.asked.contains_key("range") && !went.asked.contains_key("if-none-match"));
    assert_eq!(went.asked["accept"], "*/*");
});

both_engines!(a_page_that_cannot_be_read_is_told_of, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let packed = [("content-type", "text/html"), ("content-encoding", "br")];
    for _ in 0..3 {
        let went = bench.visit(Visit { answered: &packed, ..Visit::page("\u{b}\u{2}") }).await.unwrap();
        assert_eq!(went.body, b"\x0b\x02");
        assert_eq!(went.headers["content-encoding"], "br");
        // What runs in it is held to the policy all the same.
        assert!(went.headers.contains_key("content-security-policy"));
        bench.checkout.settle().await.unwrap();
    }
    let wide = [("content-type", "text/html; charset=utf-16le")];
    bench.visit(Visit { answered: &wide, ..Visit::page("<\0p\0>\0") }).await.unwrap();
    bench.checkout.settle().await.unwrap();
    // That the guard is not in it, and that nobody knows what is.
    assert_eq!(bench.told("checkout.unguarded").await.len(), 4, "each once");
    let mut kinds: Vec<String> =
        bench.checkout.alerts(10).await.unwrap().into_iter().map(|alert| alert.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["unguarded", "unguarded", "unread", "unread"]);
});

both_engines!(off_is_off, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'off'").await;
    assert!(bench.visit(Visit::page(PAGE)).await.is_none());
});

// A worker that another page of the shop registers answers for the paying page: written into a review, it would be the paying page.
both_engines!(no_worker_runs_beside_unapproved, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let worker = Visit {
        path: "/uploads/worker.js",
        asked: &[("service-worker", "script")],
        answered: &[("content-type", "text/javascript")],
        ..Visit::page("answer()")
    };
    assert!(bench.is_refused(&worker).await);
    bench.checkout.settle().await.unwrap();
    let row = bench.row("https://shop.example/uploads/worker.js").await;
    assert_eq!(row.kind, Kind::Worker);
    bench.approve(&row, Scope::Address).await;
    assert!(!bench.is_refused(&worker).await);
    let plain = Visit { asked: &[], ..Visit::page("answer()") };
    assert!(bench.visit(Visit { path: "/uploads/worker.js", ..plain }).await.is_none());
});

both_engines!(a_worker_is_told_of_while_learning, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let worker = Visit {
        path: "/sw.js",
        asked: &[("service-worker", "script")],
        answered: &[("content-type", "application/javascript; charset=utf-8")],
        ..Visit::page("answer()")
    };
    assert!(!bench.is_refused(&worker).await);
    bench.checkout.settle().await.unwrap();
    assert_eq!(bench.told("checkout.script_new").await.len(), 1);
});

// The header that browsers send for a worker anybody can send, for any path.
both_engines!(nobody_writes_rows_by_asking_for_workers, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let asked = [("service-worker", "script"), ("if-none-match", "\"1\"")];
    let script = [("content-type", "text/javascript")];
    let paths: Vec<String> = (0..100).map(|number| format!("/made-up/{number}.js")).collect();
    for path in &paths {
        let of = |status, answered| Visit { path, asked: &asked, status, answered, ..Visit::page("x()") };
        // What the shop does not have, and what no browser runs as a worker.
        assert!(!bench.is_refused(&of(StatusCode::NOT_FOUND, &script)).await);
        assert!(bench.is_refused(&of(StatusCode::OK, &[("content-type", "text/html")])).await);
        // One that a browser has already is not let on by an answer without a body.
        assert!(bench.is_refused(&of(StatusCode::NOT_MODIFIED, &[])).await);
    }
    bench.checkout.settle().await.unwrap();
    assert!(bench.scripts().await.is_empty());
    // Whatever the shop serves under any name at all.
    for path in &paths {
        let visit = Visit { path, asked: &asked, answered: &script, ..Visit::page("x()") };
        assert!(bench.is_refused(&visit).await);
    }
    bench.checkout.settle().await.unwrap();
    assert_eq!(bench.scripts().await.len(), 20, "of 400 that strangers may fill");
});

// A browser shows the body of a redirect that leads nowhere.
both_engines!(a_redirect_that_leads_nowhere_goes_out_guarded, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let html = ("content-type", "text/html");
    for (status, location) in [
        (StatusCode::FOUND, None),
        (StatusCode::FOUND, Some("")),
        (StatusCode::SEE_OTHER, Some("http://[")),
        (StatusCode::MULTIPLE_CHOICES, None),
        (StatusCode::from_u16(399).unwrap(), Some("/cart")),
    ] {
        let mut answered = vec![html];
        answered.extend(location.map(|place| ("location", place)));
        let went = bench.visit(Visit { status, answered: &answered, ..Visit::page(PAGE) }).await.unwrap();
        assert!(went.text().contains("guard.js"), "{status} {location:?}");
        assert!(went.headers.contains_key("content-security-policy"), "{status} {location:?}");
    }
});

both_engines!(a_browser_that_knows_lists_of_hosts_gets_one, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'\nproviders = ['stripe']").await;
    let went = bench.page(PAGE).await;
    let list = went.headers["connection-allowlist"].to_str().unwrap();
    assert!(list.starts_with("(response-origin \"https://*.js.stripe.com/*\""), "{list}");
    let own = [("content-type", "text/html"), ("connection-allowlist", "(response-origin)")];
    let went = bench.visit(Visit { answered: &own, ..Visit::page(PAGE) }).await.unwrap();
    assert_eq!(went.headers.get_all("connection-allowlist").iter().count(), 1);
    assert_eq!(went.headers["connection-allowlist"], "(response-origin)", "the shop's own stays");
    let learning = Bench::new(bench.db, "").await;
    assert!(!learning.page(PAGE).await.headers.contains_key("connection-allowlist"));
});

both_engines!(code_in_attributes_is_noted_and_runs_by_its_hash, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    const TAG: &str = "<head><body><button onclick=\"pay(&quot;now&quot;)\" id=b>Pay</button>";
    let went = bench.settled(TAG).await;
    assert!(
        went.text().contains("<button onclick=\"pay(&quot;now&quot;)\" id=b>"),
        "nothing is put into its tag"
    );
    let row = bench.row("inline").await;
    assert_eq!((row.kind, row.sample.as_str()), (Kind::Handler, "pay(\"\")"));
    assert!(went.policy("content-security-policy").contains("script-src-attr 'none'"));
    bench.approve(&row, Scope::Exact).await;
    let policy = bench.page(TAG).await.policy("content-security-policy");
    // SHA-256 of `pay("now")`, as browsers take it.
    let expected = "script-src-attr 'unsafe-hashes' 'sha256-JXy54fx0F4rUFSbs2G9H2l1dM4bg/lCY/Tk4o7mZtLU='";
    assert!(policy.contains(expected), "{policy}");
    assert!(
        bench
            .checkout
            .approve(&row.id, crate::bench::because(Scope::Shape), crate::bench::STAFF)
            .await
            .is_err()
    );
});

both_engines!(a_changed_section_is_in_force_with_the_next_page, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    assert!(bench.page(PAGE).await.text().contains("data-mode=\"learn\""));
    let set = async |text: &str| {
        bench.checkout.set_section(toml::from_str(text).unwrap());
        bench.checkout.refresh().await.unwrap();
    };
    set("mode = 'enforce'\npages = ['/pay']\napprove_days = 7").await;
    assert_eq!(bench.checkout.approve_days(), 7);
    assert!(bench.visit(Visit::page(PAGE)).await.is_none());
    let went = bench.visit(Visit { path: "/pay", ..Visit::page(PAGE) }).await.unwrap();
    assert!(
        went.text().contains("data-mode=\"enforce\"") && went.headers.contains_key("content-security-policy")
    );
    set("mode = 'off'").await;
    assert!(bench.visit(Visit { path: "/pay", ..Visit::page(PAGE) }).await.is_none());
});

both_engines!(a_held_page_shares_nothing_with_the_window_that_opened_it, MIGRATIONS, async |db| {
    let name = "cross-origin-opener-policy";
    let sent = async |bench: &Bench, own: &[(&'static str, &'static str)]| {
        let answered = [&[("content-type", "text/html")], own].concat();
        let went = bench.visit(Visit { answered: &answered, ..Visit::page(PAGE) }).await.unwrap();
        let lines = went.headers.get_all(name).iter();
        lines.map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut bench = Bench::new(db, "mode = 'enforce'").await;
    assert_eq!(sent(&bench, &[]).await, ["same-origin"]);
    assert_eq!(sent(&bench, &[(name, "unsafe-none")]).await, ["same-origin"]);
    assert_eq!(sent(&bench, &[(name, "same-origin"), (name, "same-origin")]).await, ["same-origin"]);
    for own in ["same-origin", "same-origin-allow-popups", "noopener-allow-popups"] {
        assert_eq!(
            sent(&bench, &[(name, own)]).await,
            [own],
            "the shop's own is as strict, or lets windows of others work"
        );
    }
    // The provider's frame hears from the window that it opens.
    for provider in ["stripe", "paypal"] {
        let section = format!("mode = 'enforce'\nproviders = ['{provider}']");
        bench = Bench::new(bench.db, &section).await;
        assert_eq!(sent(&bench, &[]).await, ["same-origin-allow-popups"]);
        assert_eq!(
            sent(&bench, &[(name, "same-origin")]).await,
            ["same-origin"],
            "the shop's own is stricter"
        );
    }
    let learning = Bench::new(bench.db, "").await;
    assert!(!learning.page(PAGE).await.headers.contains_key(name), "learning changes nothing");
});

// A nonce lets a file of any address run, and a script may get hold of a tag that bears it before it ran.
both_engines!(a_nonce_loads_no_file_from_elsewhere, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'\nproviders = ['stripe']").await;
    let went = bench.page(PAGE).await;
    let policies: Vec<_> =
        went.headers.get_all("content-security-policy").iter().map(|line| line.to_str().unwrap()).collect();
    let own = policies.iter().find(|line| line.starts_with("script-src-elem 'unsafe-inline' ")).unwrap();
    assert!(own.contains("/guard.js ") && own.contains(" https://js.stripe.com"), "{own}");
    assert!(!own.contains("nonce-") && !own.contains("sha256-"), "{own}");
});
