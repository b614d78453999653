//! Forged requests against each act.

use storeward_base::Actor;
use storeward_store::both_engines;

use super::bench::{Bench, HOST, MIGRATIONS};

both_engines!(no_act_without_provenance_and_token, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/blocked").await.csrf();
    let own = format!("https://{HOST}");
    bench.bans.ban("203.0.113.50".parse().unwrap(), "test.reason", Actor::System).unwrap();
    let acts = [
        ("/blocked/ban", "client=203.0.113.9&reason=staff.attack&minutes=60"),
        ("/blocked/lift", "client=203.0.113.50"),
        ("/explore/views", "name=v&query=status%3D404"),
        ("/sign-out", "a=b"),
    ];
    for (path, fields) in acts {
        let good = format!("csrf={csrf}&{fields}");
        let bad = format!("csrf={}&{fields}", "0".repeat(64));
        let own_line = ("origin", own.as_str());
        let attempts: [(&[(&str, &str)], &str); 8] = [
            (&[own_line], fields),
            (&[own_line], &bad),
            (&[], &good),
            (&[("origin", "https://evil.example")], &good),
            (&[("origin", "null")], &good),
            (&[own_line, ("sec-fetch-site", "cross-site")], &good),
            (&[own_line, ("sec-fetch-site", "same-site")], &good),
            (&[("origin", "http://console.shop.example"), ("sec-fetch-site", "same-origin")], &good),
        ];
        for (lines, form) in attempts {
            let answer = browser.send("POST", path, lines, Some(form)).await;
            assert_eq!(answer.status, 403, "{path} {lines:?}");
        }
    }
    // Nor by following a link.
    browser.get("/blocked/ban?client=203.0.113.9&reason=staff.attack&minutes=60").await;
    browser.get("/blocked/lift?client=203.0.113.50").await;
    assert_eq!(browser.get("/sign-out").await.status, 405);
    assert_eq!(bench.bans.stats().active, 1);
    assert_eq!(browser.get("/").await.status, 200, "nobody was signed out");
});

both_engines!(another_sessions_token_does_not_fit, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let mut stranger = bench.browser();
    let foreign = stranger.get("/sign-in").await.csrf();
    let form = format!("csrf={foreign}&client=203.0.113.9&reason=staff.attack&minutes=60");
    assert_eq!(browser.post("/blocked/ban", &form).await.status, 403);
    assert_eq!(bench.bans.stats().active, 0);
});

both_engines!(other_sites_cannot_read_or_frame_us, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let cross = ("sec-fetch-site", "cross-site");
    for lines in [
        vec![cross, ("sec-fetch-mode", "cors")],
        vec![cross, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")],
        vec![cross, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
    ] {
        assert_eq!(browser.send("GET", "/", &lines, None).await.status, 403, "{lines:?}");
        assert_eq!(browser.send("GET", "/live", &lines, None).await.status, 403, "{lines:?}");
    }
    let link = [cross, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    assert_eq!(browser.send("GET", "/", &link, None).await.status, 200);
});
