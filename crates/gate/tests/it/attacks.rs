//! Whoever has something that is not theirs.

use std::time::Duration;

use storeward_store::both_engines;

use super::bench::{Bench, Browser, CONSOLE, COOKIE, EMAIL, MIGRATIONS, SHOP, gates};

const WAY: &str = "__Host-storeward-gate-way";
const STAFF_COOKIE: &str = "__Host-storeward-session";

both_engines!(a_code_opens_nothing_for_anybody_else, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    // In a browser that began nothing.
    let sealed = browser.led_to_console("/admin").await;
    let back = Browser::way_back(&browser.go_on(&sealed).await);
    let mut thief = bench.browser();
    let refused = thief.get(&back).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("gate.other_browser"), "{}", refused.body);
    // In one that began something of its own: the code is spent, and the ledger knows whose it was.
    thief.led_to_console("/admin").await;
    assert_eq!(thief.get(&back).await.status, 403);
    assert!(bench.events("gate.refused").await.is_empty(), "it was not theirs to bring");
    let (_, code) = back.split_once("&code=").unwrap();
    assert_eq!(thief.get(&format!("/.storeward/gate/take?code={code}")).await.status, 403);
    assert!(thief.cookie(SHOP, COOKIE).is_none());
    assert_eq!(browser.get(&back).await.status, 403, "nor to its owner any more");
    let told = bench.events("gate.refused").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(r#""reason":"code""#) && told[0].contains("staff_"));
    // Twice by its owner.
    let sealed = browser.led_to_console("/admin").await;
    let way = browser.cookie(SHOP, WAY).unwrap();
    let back = Browser::way_back(&browser.go_on(&sealed).await);
    assert_eq!(browser.get(&back).await.status, 303);
    browser.set_cookie(SHOP, WAY, &way);
    assert_eq!(browser.get(&back).await.status, 403);
    // A guess.
    let guess = format!("/.storeward/gate/take?code={}", "0".repeat(64));
    assert_eq!(browser.get(&guess).await.status, 403);
    assert_eq!(bench.events("gate.refused").await.len(), 1, "guesses fill no ledger");
});

both_engines!(two_tabs_on_their_way_do_not_disturb_each_other, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    let first = browser.led_to_console("/admin?tab=1").await;
    let second = browser.led_to_console("/admin?tab=2").await;
    let first = Browser::way_back(&browser.go_on(&first).await);
    let second = Browser::way_back(&browser.go_on(&second).await);
    for (back, place) in [(first, "/admin?tab=1"), (second, "/admin?tab=2")] {
        let taken = browser.get(&back).await;
        assert_eq!((taken.status.as_u16(), taken.location()), (303, place), "{}", taken.body);
        browser.ask("GET", place, &[]).await.passed();
    }
    assert!(bench.events("gate.refused").await.is_empty(), "nobody misused a code");
    // Many tabs: the oldest ways are forgotten, and no more cookies come than four.
    let mut ways = Vec::new();
    bench.clock.advance(Duration::from_secs(13 * 3_600));
    for tab in 0..9 {
        bench.clock.advance(Duration::from_secs(1));
        ways.push(browser.led_to_console(&format!("/admin?tab={tab}")).await);
    }
    assert_eq!(browser.cookies[SHOP].iter().filter(|(name, _)| name.starts_with(WAY)).count(), 4);
});

both_engines!(who_brings_codes_by_the_hundred_waits, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut thief = bench.browser();
    thief.led_to_console("/admin").await;
    let mut answers = Vec::new();
    for number in 0..200 {
        let guess = format!("/.storeward/gate/take?code={number:064}");
        answers.push(thief.get(&guess).await.status.as_u16());
    }
    assert!(answers.iter().filter(|status| **status == 403).count() <= 61, "{answers:?}");
    assert_eq!(answers.last(), Some(&429));
    let told = bench.events("gate.refused").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(r#""reason":"throttled""#), "{told:?}");
    // Others come in meanwhile.
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    browser.address = "203.0.113.9".parse().unwrap();
    browser.come_through("/admin").await;
});

both_engines!(who_is_in_no_group_fills_no_ledger, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    let sealed = browser.led_to_console("/stock").await;
    for _ in 0..5 {
        assert_eq!(browser.go_on(&sealed).await.status, 403);
    }
    assert_eq!(bench.events("gate.refused").await.len(), 1);
    bench.clock.advance(Duration::from_secs(10 * 60));
    browser.go_on(&sealed).await;
    assert_eq!(bench.events("gate.refused").await.len(), 2, "and now and then");
});

both_engines!(changed_sections_hold_with_the_next_request, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    browser.come_through("/admin").await;
    browser.ask("GET", "/quarry", &[]).await.passed();
    let mut sections = gates();
    sections[0].paths = vec!["/quarry".to_owned()];
    sections[0].groups = vec!["masons".to_owned()];
    bench.gate.set_sections(&sections);
    let refused = browser.ask("GET", "/quarry", &[("accept", "application/json")]).await.held();
    assert_eq!(refused.code(), "gate.group");
    bench.browser().ask("GET", "/quarry", &[]).await.held();
    bench.group(EMAIL, &["masons"]).await;
    browser.ask("GET", "/quarry", &[]).await.passed();
    // The console goes by the same: who is in no group gets no code.
    bench.group(EMAIL, &[]).await;
    let sealed = bench.browser().led_to_console("/quarry").await;
    assert_eq!(browser.go_on(&sealed).await.status, 403);
    bench.gate.set_sections(&[]);
    bench.browser().ask("GET", "/quarry", &[]).await.passed();
});

both_engines!(a_code_is_good_for_a_minute_and_while_its_session_stands, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    let sealed = browser.led_to_console("/admin").await;
    let back = Browser::way_back(&browser.go_on(&sealed).await);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(browser.get(&back).await.status, 403);
    let sealed = browser.led_to_console("/admin").await;
    let back = Browser::way_back(&browser.go_on(&sealed).await);
    let csrf = browser.console("GET", "/you", None).await.csrf();
    browser.console("POST", "/sign-out", Some(&format!("csrf={csrf}"))).await;
    assert_eq!(browser.get(&back).await.status, 403);
});

both_engines!(a_code_is_for_the_host_that_asked, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    let sealed = browser.led_to_console("/admin").await;
    let back = Browser::way_back(&browser.go_on(&sealed).await);
    let refused = browser.page("GET", &back, None, &[("host", "second.example")]).await;
    assert_eq!(refused.status, 403);
    // And a host that is none of the shop's is no host.
    let foreign = browser.page("GET", "/.storeward/gate", None, &[("host", "evil.example")]).await;
    assert_eq!(foreign.status, 421);
});

both_engines!(what_an_attacker_began_nobody_finishes_for_them, &MIGRATIONS, async |db| {
    // The attacker begins, and sends the staff the console's address: the code comes to the staff's browser, which did not begin it.
    let bench = Bench::new(db).await;
    let (mut ada, _) = bench.enrolled(EMAIL).await;
    let mut attacker = bench.browser();
    let sealed = attacker.led_to_console("/admin").await;
    let back = Browser::way_back(&ada.go_on(&sealed).await);
    assert_eq!(ada.get(&back).await.status, 403);
    assert!(ada.cookie(SHOP, COOKIE).is_none());
    // What is carried cannot be made or changed by others.
    for forged in ["", "AAAA", &sealed[1..], &format!("{sealed}A"), &sealed.to_lowercase()] {
        let page = ada.console("GET", &format!("/pass/go?r={forged}"), None).await;
        assert!(page.status == 400 || page.status == 303, "{forged}: {}", page.status);
        assert!(page.location().is_empty() || page.location().starts_with("/sign-in"), "{}", page.location());
    }
});

both_engines!(a_session_is_new_with_each_sign_in, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut mallory, _) = bench.enrolled("mallory@staff.example").await;
    mallory.come_through("/admin").await;
    let planted = mallory.cookie(SHOP, COOKIE).unwrap();
    let (mut ada, _) = bench.enrolled(EMAIL).await;
    bench.group(EMAIL, &["warehouse"]).await;
    ada.set_cookie(SHOP, COOKIE, &planted);
    let held = ada.ask("GET", "/stock", &[("accept", "application/json")]).await.held();
    assert_eq!(held.code(), "gate.group");
    // A link to the sign-in works with a session that is another's, and ends that one.
    let start = serde_json::from_str::<serde_json::Value>(
        &bench.browser().ask("GET", "/stock", &[("accept", "application/json")]).await.held().body,
    )
    .unwrap()["sign_in"]
        .as_str()
        .unwrap()
        .to_owned();
    let there = ada.get(&start).await;
    let sealed = there.location().split_once("r=").unwrap().1.to_owned();
    let back = Browser::way_back(&ada.go_on(&sealed).await);
    assert_eq!(ada.get(&back).await.status, 303);
    assert_ne!(ada.cookie(SHOP, COOKIE).unwrap(), planted);
    ada.ask("GET", "/stock", &[]).await.passed();
    assert_eq!(
        mallory.ask("GET", "/admin", &[("accept", "application/json")]).await.held().code(),
        "gate.sign_in"
    );
});

both_engines!(cookies_of_other_realms_open_nothing, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    let console = browser.cookie(CONSOLE, STAFF_COOKIE).unwrap();
    browser.come_through("/admin").await;
    let at_gate = browser.cookie(SHOP, COOKIE).unwrap();
    let json = [("accept", "application/json")];
    for (name, value) in [
        (COOKIE, console.as_str()),
        (STAFF_COOKIE, &console),
        ("__Host-storeward-customer", &at_gate),
        (COOKIE, &"0".repeat(64)),
        (COOKIE, "x"),
        (COOKIE, &at_gate.to_uppercase()),
    ] {
        let mut thief = bench.browser();
        thief.set_cookie(SHOP, name, value);
        assert_eq!(thief.ask("GET", "/admin", &json).await.held().code(), "gate.sign_in", "{name}");
    }
    // Two of one name: one of them was planted.
    let mut thief = bench.browser();
    let both = format!("{COOKIE}={at_gate}; {COOKIE}={at_gate}");
    let lines = [json[0], ("cookie", both.as_str())];
    assert_eq!(thief.ask("GET", "/admin", &lines).await.held().code(), "gate.sign_in");
    // Nor does the gate's open the console.
    let mut thief = bench.browser();
    thief.set_cookie(CONSOLE, STAFF_COOKIE, &at_gate);
    let led = thief.console("GET", "/", None).await;
    assert!(led.location().starts_with("/sign-in"), "{led:?}");
});

both_engines!(nobody_is_led_away, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    // An address of another site is no address of a page that was held, and what is carried is sealed.
    for r in ["", "x", "https://evil.example/", "%2F%2Fevil.example"] {
        let answer = browser.get(&format!("/.storeward/gate/start?r={r}")).await;
        assert_eq!(answer.status, 400, "{r}");
        let answer = browser.get(&format!("/.storeward/gate/held?why=fresh&r={r}")).await;
        assert_eq!(answer.status, 400, "{r}");
    }
    // A form's page on another site is not where somebody comes back to.
    for referer in [
        "https://evil.example/admin",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://shop.example//evil.example",
        "http://shop.example/admin",
    ] {
        let held = browser.ask("POST", "/admin/x", &[("referer", referer)]).await.held();
        let page = browser.get(held.location()).await;
        let there = browser.get(&page.attribute("class=\"button button--primary\" href=\"")).await;
        let sealed = there.location().split_once("r=").unwrap().1.to_owned();
        let back = Browser::way_back(&browser.go_on(&sealed).await);
        let taken = browser.get(&back).await;
        assert!(taken.location() == "/admin" || taken.location() == "/", "{referer}: {}", taken.location());
        browser.set_cookie(SHOP, COOKIE, "");
    }
});

both_engines!(nobody_else_signs_somebody_out, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    browser.come_through("/admin").await;
    let page = browser.get("/.storeward/gate").await;
    assert!(page.body.contains("Ada Keeper"), "{}", page.body);
    let form = format!("csrf={}", page.csrf());
    let path = "/.storeward/gate/sign-out";
    for (form, more) in [
        ("csrf=0", vec![]),
        ("", vec![]),
        (form.as_str(), vec![("origin", "https://evil.example")]),
        (form.as_str(), vec![("sec-fetch-site", "cross-site")]),
        (form.as_str(), vec![("sec-fetch-site", "same-site")]),
    ] {
        let answer = browser.page("POST", path, Some(form), &more).await;
        assert!(matches!(answer.status.as_u16(), 400 | 403), "{form} {more:?}: {}", answer.status);
        browser.ask("GET", "/admin", &[]).await.passed();
    }
    assert_eq!(browser.get(path).await.status, 405, "no link signs anybody out");
    browser.ask("GET", "/admin", &[]).await.passed();
    let out = browser.page("POST", path, Some(&form), &[]).await;
    assert_eq!((out.status.as_u16(), out.location()), (303, "/.storeward/gate?done=out"));
    assert_eq!(bench.events("gate.signed_out").await.len(), 1);
    let held = browser.ask("GET", "/admin", &[("accept", "application/json")]).await.held();
    assert_eq!(held.code(), "gate.sign_in");
});

both_engines!(an_assertion_is_for_one_gate_one_request_and_a_minute, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    bench.group(EMAIL, &["warehouse"]).await;
    let office = browser.come_through("/admin").await;
    let token = office["storeward-assertion"].to_str().unwrap();
    // A shop that is shown one of another gate finds another `aud`, and of another request another `htu`.
    let stock = bench.claims(&browser.ask("POST", "/stock/1", &[]).await.passed()).await;
    let claims = bench.claims(&office).await;
    assert_ne!(claims["aud"], stock["aud"]);
    assert_eq!((&stock["htm"], &stock["htu"]), (&"POST".into(), &"https://shop.example/stock/1".into()));
    assert!(claims["exp"].as_i64().unwrap() - bench.claims(&office).await["iat"].as_i64().unwrap() <= 60);
    // Changed by a letter it fits no key.
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let other = browser.ask("GET", "/stock", &[]).await.passed();
    parts[1] = other["storeward-assertion"].to_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let forged = parts.join(".");
    let unchecked = storeward_seal::jws::Unchecked::parse(&forged).unwrap();
    let key = bench.keys.public(unchecked.key_id()).await.unwrap().unwrap();
    assert!(unchecked.verify(&key, storeward_gate::TYPE).is_err());
    // It opens nothing here either.
    let mut thief = bench.browser();
    let lines = [("accept", "application/json"), ("authorization", token)];
    assert_eq!(thief.ask("GET", "/admin", &lines).await.held().code(), "gate.sign_in");
});
