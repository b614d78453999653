//! Who comes through, and what the shop is told.

use std::time::Duration;

use std::sync::Arc;
use storeward_base::{Actor, SystemEntropy};
use storeward_oidc::{Haste, Keys, KeysParts, Ring};
use storeward_seal::jws::{Algorithm, Unchecked};
use storeward_store::both_engines;

use crate::bench::{Bench, Browser, CONSOLE, COOKIE, EMAIL, MIGRATIONS, PASSWORD, SHOP};

both_engines!(whoever_signs_in_at_the_console_comes_back_to_where_they_were_held, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (_, secret) = bench.enrolled(EMAIL).await;
    let mut browser = bench.browser();
    let target = "/admin/orders?open=1&page=2";
    let sealed = browser.led_to_console(target).await;
    // Nobody is signed in at the console yet.
    let goal = format!("/pass/go?r={sealed}");
    let led = browser.console("GET", &goal, None).await;
    assert!(led.location().starts_with("/sign-in?next=/pass/go"), "{led:?}");
    let csrf = browser.console("GET", led.location(), None).await.csrf();
    let form = format!(
        "csrf={csrf}&email={EMAIL}&password={}&code={}&next={}",
        PASSWORD.replace(' ', "+"),
        bench.next_code(&secret),
        goal.replace('?', "%3F").replace('=', "%3D")
    );
    let signed_in = browser.console("POST", "/sign-in", Some(&form)).await;
    assert_eq!(signed_in.location(), goal);
    let back = Browser::way_back(&browser.go_on(&sealed).await);
    let taken = browser.get(&back).await;
    assert_eq!((taken.status.as_u16(), taken.location()), (303, target));
    let headers = browser.ask("GET", target, &[]).await.passed();

    let claims = bench.claims(&headers).await;
    assert_eq!(claims["iss"], "https://shop.example/.storeward/gate");
    assert_eq!(claims["aud"], "office");
    assert_eq!((claims["email"].as_str(), claims["name"].as_str()), (Some(EMAIL), Some("Ada Keeper")));
    assert_eq!(
        (&claims["acr"], claims["amr"].to_string()),
        (&"aal2".into(), r#"["pwd","otp","mfa"]"#.to_owned())
    );
    assert_eq!(
        (&claims["htm"], &claims["htu"]),
        (&"GET".into(), &"https://shop.example/admin/orders".into())
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    assert!(claims["sub"].as_str().unwrap().starts_with("staff_"));
    assert_eq!(headers["storeward-user"], claims["sub"].as_str().unwrap());
    assert_eq!(headers["storeward-email"], EMAIL);
    // Each request has an assertion of its own.
    let again = bench.claims(&browser.ask("GET", target, &[]).await.passed()).await;
    assert_ne!(again["jti"], claims["jti"]);
    // Told once for each session.
    let told = bench.events("gate.passed").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(r#""gate":"office""#) && told[0].contains(claims["sub"].as_str().unwrap()));
    assert!(!told[0].contains("ada@") && !told[0].contains("Keeper"));
});

both_engines!(each_gate_has_its_own_assertion_and_its_own_people, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    bench.group(EMAIL, &["warehouse"]).await;
    let office = bench.claims(&browser.come_through("/admin").await).await;
    // One session, as many gates as it may pass.
    let headers = browser.ask("GET", "/stock", &[]).await.passed();
    let stock = bench.claims(&headers).await;
    assert_eq!((&office["aud"], &stock["aud"]), (&"office".into(), &"https://stock.example".into()));
    // Who enrolled first owns the shop while nobody is in that group.
    assert_eq!(stock["groups"].to_string(), r#"["warehouse","owner"]"#);
    // Nothing of the person that was not asked for.
    assert!(stock.get("email").is_none() && stock.get("name").is_none());
    assert!(!headers.contains_key("storeward-user") && !headers.contains_key("storeward-email"));
    assert_eq!(bench.events("gate.passed").await.len(), 2);
});

both_engines!(only_what_stands_behind_a_gate_is_held, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut stranger = bench.browser();
    for open in ["/", "/administration", "/admin/static/a.css"] {
        let headers = stranger.ask("GET", open, &[]).await.passed();
        assert!(!headers.contains_key("storeward-assertion"), "{open}");
    }
    for held in ["/admin", "/ADMIN/x", "/admin;a/x", "/index.php/admin", "/admin.json"] {
        assert_eq!(stranger.ask("GET", held, &[]).await.held().status, 303, "{held}");
        let program = stranger.ask("GET", held, &[("accept", "application/json")]).await.held();
        assert_eq!((program.status.as_u16(), program.code().as_str()), (401, "gate.sign_in"), "{held}");
        assert!(program.body.contains("/.storeward/gate/start?r="), "{}", program.body);
    }
    let several = stranger.ask("GET", "/admin/index.php/stock", &[]).await.held();
    assert_eq!((several.status.as_u16(), several.code().as_str()), (400, "gate.ambiguous"));
    // What was sent is not sent again, and the person is told so.
    let sent = stranger.ask("POST", "/admin/orders", &[]).await.held();
    assert_eq!(sent.status, 303);
    let page = stranger.get(sent.location()).await;
    assert_eq!(page.status, 401);
    assert!(page.body.contains("Nothing was done with what you sent"), "{}", page.body);
});

both_engines!(a_group_opens_a_gate, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    let sealed = browser.led_to_console("/stock").await;
    let refused = browser.go_on(&sealed).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("in no group"), "{}", refused.body);
    assert_eq!(bench.events("gate.refused").await.len(), 1);
    bench.group(EMAIL, &["warehouse", "office"]).await;
    browser.come_through("/stock").await;
});

both_engines!(what_changes_something_asks_for_a_fresh_factor, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, secret) = bench.enrolled(EMAIL).await;
    bench.group(EMAIL, &["warehouse"]).await;
    browser.come_through("/stock").await;
    browser.ask("POST", "/stock", &[]).await.passed();
    bench.clock.advance(Duration::from_secs(5 * 60));
    browser.ask("GET", "/stock", &[]).await.passed();
    let json = ("accept", "application/json");
    for (method, more) in [
        ("POST", vec![json]),
        ("DELETE", vec![json]),
        ("GET", vec![json, ("x-http-method-override", "DELETE")]),
        ("GET", vec![json, ("x-method-override", "put")]),
    ] {
        let held = browser.ask(method, "/stock", &more).await.held();
        assert_eq!(
            (held.status.as_u16(), held.code().as_str()),
            (403, "gate.fresh_factor"),
            "{method} {more:?}"
        );
    }
    // A person is led to where a factor is shown, and back to the page that the form stood on.
    let from = ("referer", "https://shop.example/stock/list?page=2");
    let held = browser.ask("POST", "/stock", &[from]).await.held();
    let page = browser.get(held.location()).await;
    assert_eq!(page.status, 403);
    let start = page.attribute("class=\"button button--primary\" href=\"");
    let there = browser.get(&start).await;
    let sealed = there.location().split_once("r=").unwrap().1.to_owned();
    // The console's session is not fresh either.
    bench.clock.advance(Duration::from_secs(6 * 60));
    let asked = browser.go_on(&sealed).await;
    assert!(asked.location().starts_with("/confirm?next=/pass/go"), "{asked:?}");
    browser.confirm(&secret).await;
    let back = Browser::way_back(&browser.go_on(&sealed).await);
    assert_eq!(browser.get(&back).await.location(), "/stock/list?page=2");
    browser.ask("POST", "/stock", &[]).await.passed();
});

both_engines!(a_gate_for_passkeys_takes_no_code, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    let sealed = browser.led_to_console("/money").await;
    let asked = browser.go_on(&sealed).await;
    assert_eq!(asked.status, 403);
    assert!(asked.body.contains("takes passkeys only"), "{}", asked.body);
    // A session that began at another gate does not open it either.
    browser.come_through("/admin").await;
    let held = browser.ask("GET", "/money", &[("accept", "application/json")]).await.held();
    assert_eq!((held.status.as_u16(), held.code().as_str()), (403, "gate.factor"));
    browser.led_to_console("/money").await;
    let refused = bench.events("gate.refused").await;
    assert_eq!(refused.len(), 1, "once, until they pass: {refused:?}");
});

both_engines!(keys_are_exchanged_and_are_not_the_providers, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    let headers = browser.come_through("/admin").await;
    let token = headers["storeward-assertion"].to_str().unwrap();
    let published = async || {
        let answer = bench.browser().get("/.storeward/gate/jwks.json").await;
        assert_eq!(answer.headers["content-type"], "application/json");
        answer.body
    };
    let kid = Unchecked::parse(token).unwrap().key_id().to_owned();
    assert!(published().await.contains(&kid));
    // The provider knows nothing of it, and the gate nothing of the provider's.
    let provider = Keys::new(KeysParts {
        ring: Ring::Provider,
        db: (*bench.db).clone(),
        clock: bench.clock.clone(),
        entropy: Arc::new(SystemEntropy),
        data_key: bench.data_key.clone(),
    });
    provider.ensure(Algorithm::Es256).await.unwrap();
    assert!(provider.public(&kid).await.unwrap().is_none());
    let others = provider.key_set().await.unwrap().to_string();
    assert!(
        !others.contains(&kid)
            && !published()
                .await
                .contains(others.split("\"kid\":\"").nth(1).unwrap().split('"').next().unwrap())
    );
    // Neither passes for a token of another kind.
    let key = bench.keys.public(&kid).await.unwrap().unwrap();
    assert!(Unchecked::parse(token).unwrap().verify(&key, "JWT").is_err());

    let next = bench.keys.rotate(Algorithm::Es256, Haste::Planned, Actor::Operator).await.unwrap();
    assert!(published().await.contains(&next), "it is published before it signs");
    let now = browser.ask("GET", "/admin", &[]).await.passed();
    assert_eq!(Unchecked::parse(now["storeward-assertion"].to_str().unwrap()).unwrap().key_id(), kid);
    let haste = bench.keys.rotate(Algorithm::Es256, Haste::AtOnce, Actor::Operator).await.unwrap();
    let now = browser.ask("GET", "/admin", &[]).await.passed();
    assert_eq!(Unchecked::parse(now["storeward-assertion"].to_str().unwrap()).unwrap().key_id(), haste);
    assert!(!published().await.contains(&kid));
});

both_engines!(the_access_table_is_reviewed, &MIGRATIONS, async |db| {
    insta::assert_snapshot!("access_table", Bench::new(db).await.gate.access_table());
});

both_engines!(a_websocket_is_held_and_no_other_site_opens_one, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    let opening = [("upgrade", "websocket"), ("connection", "upgrade"), ("accept", "*/*")];
    let held = browser.ask("GET", "/admin/live", &opening).await.held();
    assert_eq!((held.status.as_u16(), held.code().as_str()), (401, "gate.sign_in"));
    browser.come_through("/admin").await;
    browser.ask("GET", "/admin/live", &opening).await.passed();
    for (origin, passes) in [
        ("https://shop.example", true),
        ("https://evil.shop.example", false),
        ("https://shop.example.evil.example", false),
        ("http://shop.example", false),
        ("null", false),
    ] {
        let lines = [&opening[..], &[("origin", origin)]].concat();
        match browser.ask("GET", "/admin/live", &lines).await {
            crate::bench::Outcome::Passed(_) => assert!(passes, "{origin}"),
            crate::bench::Outcome::Held(answer) => {
                assert!(!passes, "{origin}");
                assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "gate.foreign"));
            }
        }
    }
});

both_engines!(sessions_at_the_gate_are_in_ones_own_list, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    browser.come_through("/admin").await;
    let page = browser.console("GET", "/you", None).await;
    assert!(page.body.contains("at the shop’s gates"), "{}", page.body);
    assert!(browser.cookie(SHOP, COOKIE).is_some() && browser.cookie(CONSOLE, COOKIE).is_none());
});

// Went wrong: on a full disk nobody came through a gate any more, for want of a note when they were seen.
both_engines!(a_disk_that_cannot_note_a_visit_shuts_no_gate, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    browser.come_through("/admin").await;
    bench.db.no_room_to_change("staff_session");
    for _ in 0..3 {
        bench.clock.advance(Duration::from_secs(5 * 60));
        let headers = browser.ask("GET", "/admin/orders", &[]).await.passed();
        assert!(headers.contains_key("storeward-assertion"));
    }
    bench.clock.advance(Duration::from_secs(6 * 60));
    browser.ask("GET", "/admin/orders", &[]).await.held();
});
