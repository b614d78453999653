//! Who may see what, and that the pages can be used by everybody.

use storeward_guide::{MIGRATIONS as OWN, STATEMENTS, TrustFacts};
use storeward_store::{Error, both_engines};

use super::bench::{Bench, EMAIL, MIGRATIONS};

both_engines!(every_route_has_its_rule, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    insta::assert_snapshot!("access_table", bench.guide.access_table());
    bench.stop().await;
});

both_engines!(every_statement_is_understood, OWN, async |db| {
    for sql in STATEMENTS.iter().copied().flatten() {
        let known = db.read(move |reader| reader.check_statement(sql)).await;
        known.unwrap_or_else(|why: Error| panic!("{sql}: {why}"));
    }
});

both_engines!(strangers_and_other_sites_change_nothing, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut ada = bench.signed_up(EMAIL).await;
    for path in ["/.storeward/reminders", "/.storeward/security/reviewed"] {
        let stranger = bench.browser().send("POST", path, &[("accept", "text/html")], Some("csrf=x")).await;
        assert!(matches!(stranger.status.as_u16(), 303 | 403), "{path}: {}", stranger.status);
        let csrf = ada.get("/.storeward/account").await.csrf("/sign-out");
        let cross = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
        let forged = ada.send("POST", path, &cross, Some(&format!("csrf={csrf}"))).await;
        assert_eq!(forged.status, 403, "{path}");
    }
    assert!(bench.events("guide.").await.is_empty());
    bench.stop().await;
});

both_engines!(pages_can_be_used_by_everybody, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut ada = bench.signed_up(EMAIL).await;
    for path in [
        "account",
        "learn",
        "learn/passwords",
        "learn/phishing",
        "learn/payment",
        "learn/phishing/quiz",
        "learn/passwords/quiz",
        "messages",
        "messages/report",
        "reminders",
        "trust",
        "unsubscribe",
    ] {
        let page = ada.get(&format!("/.storeward/{path}")).await;
        assert_eq!(page.status, 200, "{path}");
        let body = &page.body;
        assert!(body.contains("<main id=\"main\"") && body.contains("class=\"skip\""), "{path}");
        assert_eq!(body.matches("<h1>").count(), 1, "{path}");
        assert!(!body.contains(" style=") && !body.contains(" onclick"), "{path}");
        // Moments are turned into the reader's own time; everything is there without.
        assert_eq!(
            body.matches("<script").count(),
            body.matches("/assets/times.js").count(),
            "{path} needs no script"
        );
        // No text without a translation, no place unfilled.
        let words = body.split('>').filter_map(|part| part.split('<').next()).collect::<Vec<_>>().join(" ");
        for sign in ["{", "quiz.", "lesson.", "checkup.", "topic.", "trust.", "phishing."] {
            assert!(!words.contains(sign), "{path} shows {sign}: {words}");
        }
    }
    bench.stop().await;
});

both_engines!(facts_are_read_from_what_runs, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let page = bench.browser().get("/.storeward/trust").await;
    for words in [
        "The certificate is valid until",
        "HSTS",
        "Every customer can add a second step",
        "Attacks on this shop that were stopped in the last 30 days: 0",
        "security@shop.example",
        "DKIM",
    ] {
        page.says(words);
    }
    page.says("it is renewed by itself");
    page.says("Passwords set here are kept");
    page.says_not("stolen elsewhere");
    let text = bench.browser().get("/.well-known/security.txt").await;
    assert!(text.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    let lines: Vec<&str> = text.body.lines().collect();
    assert_eq!(lines[0], "Contact: mailto:security@shop.example");
    assert!(lines[1].starts_with("Expires: 20") && lines[1].ends_with("T00:00:00Z"), "{}", lines[1]);
    assert_eq!(
        lines[2..],
        [
            "Preferred-Languages: en, de, fr, es",
            "Canonical: https://shop.example/.well-known/security.txt",
            "Canonical: https://www.shop.example/.well-known/security.txt",
        ]
    );
    // The host of our own pages is one of the names that certificates are for, or else one more.
    for (host, names) in [("www.shop.example", 2), ("id.shop.example", 3)] {
        bench.identity.set_policy(storeward_identity::Policy {
            host: Some(host.to_owned()),
            ..storeward_identity::Policy::default()
        });
        let text = bench.browser().get("/.well-known/security.txt").await.body;
        let own = format!("Canonical: https://{host}/.well-known/security.txt");
        assert_eq!(text.lines().filter(|line| **line == own).count(), 1, "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("Canonical:")).count(), names, "{text}");
    }
    // Files that somebody else renews, and a shop that takes the passwords itself, behind the shield.
    let change = |by: &dyn Fn(&mut TrustFacts)| by(&mut bench.facts.lock().unwrap());
    change(&|facts| (facts.breach_list, facts.renews) = (true, false));
    let page = bench.browser().get("/.storeward/trust").await;
    page.says("The certificate is valid until");
    page.says_not("renewed by itself");
    page.says("held against lists of passwords that were stolen elsewhere");
    change(&|facts| facts.keeps_passwords = false);
    let page = bench.browser().get("/.storeward/trust").await;
    page.says_not("Argon2id");
    page.says_not("stolen elsewhere");
    // A shield that lets customers in while it is blind does not ask each of them.
    bench.identity.set_policy(storeward_identity::Policy {
        customers: storeward_identity::SecondFactor::Required,
        ..storeward_identity::Policy::default()
    });
    bench.browser().get("/.storeward/trust").await.says("Every customer signs in with a second step");
    change(&|facts| facts.always_asks = false);
    let page = bench.browser().get("/.storeward/trust").await;
    page.says_not("Every customer signs in with a second step");
    page.says("Every customer can add a second step");
    bench.days_pass(61);
    let page = bench.browser().get("/.storeward/trust").await;
    page.says_not("valid until");
    page.says("no certificate is in place that browsers accept");
    bench.stop().await;
});
