//! One-time links: used once, for a day, by whoever holds them.

use std::time::Duration;

use storeward_base::Actor;
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;

use super::bench::{BREACHED, Bench, EMAIL, MIGRATIONS, PASSWORD, enrol_form};

both_engines!(a_link_works_once, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let path = bench.offer().await;
    let mut first = bench.browser();
    let mut second = bench.browser();
    let page = first.get(&path).await;
    assert!(page.body.contains("class=\"qr\"") && page.body.contains("Second factor"));
    let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    let also = second.get(&path).await;
    let form = enrol_form(&page.csrf(), EMAIL, PASSWORD, &bench.code(&secret));
    assert_eq!(first.post(&path, &form).await.status, 303);
    let other = enrol_form(&also.csrf(), "eve@staff.example", PASSWORD, &bench.code(&secret));
    assert_eq!(second.post(&path, &other).await.status, 404);
    assert_eq!(second.get(&path).await.status, 404);
    assert_eq!(first.get("/").await.status, 200);

    let kinds: Vec<_> = bench.events("staff.").await.iter().map(|r| r.event.kind()).collect();
    assert_eq!(kinds, ["staff.enrolment_offered", "staff.enrolled", "staff.signed_in"]);
    let events = bench.events("staff.").await;
    assert_eq!(events[0].actor, Actor::Operator);
    assert!(matches!(events[1].actor, Actor::Staff { .. }));
    let all: String = events.iter().map(|r| String::from_utf8(r.to_bytes()).unwrap()).collect();
    assert!(!all.contains(EMAIL) && !all.contains("Ada"), "personal data in {all}");
});

both_engines!(two_who_post_at_once_get_one_account, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let path = bench.offer().await;
    let (mut one, mut two) = (bench.browser(), bench.browser());
    let page = one.get(&path).await;
    let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    let code = bench.code(&secret);
    let (a, b) = (
        enrol_form(&page.csrf(), "a@staff.example", PASSWORD, &code),
        enrol_form(&page.csrf(), "b@staff.example", PASSWORD, &code),
    );
    let (first, second) = tokio::join!(one.post(&path, &a), two.post(&path, &b));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404]);
    assert_eq!(bench.events("staff.enrolled").await.len(), 1);
});

both_engines!(guidance_while_typing_is_for_holders_of_a_link, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let path = bench.offer().await;
    let meter = format!("{path}/meter");
    let mut browser = bench.browser();
    let page = browser.get(&path).await;
    assert!(page.body.contains(&format!("data-meter=\"{meter}\"")) && page.body.contains("/assets/meter."));
    let form = |password: &str| {
        format!("csrf={}&password={password}&email=ada%40staff.example&name=Ada+Lovelace", page.csrf())
    };
    for (password, fits, words) in [
        ("short", "false", "at least 12 characters"),
        ("ada%40staff.example", "false", "not your name, your e-mail"),
        ("lamp+post+umbrella+tea", "true", "Very good"),
    ] {
        let told = browser.post(&meter, &form(password)).await;
        assert_eq!(told.status, 200, "{}", told.body);
        assert!(
            told.body.contains(words) && told.body.contains(&format!("\"fits\":{fits}")),
            "{}",
            told.body
        );
    }
    let guessed = meter.replace("/enrol/", "/enrol/0");
    assert_eq!(browser.post(&guessed, &form("short")).await.status, 404);
    assert_eq!(browser.post("/you/password/meter", &form("short")).await.status, 401, "signed out");
    assert_eq!(browser.post(&meter, "csrf=00&password=short").await.status, 403);
});

both_engines!(a_link_ends_after_a_day, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let path = bench.offer().await;
    bench.clock.advance(Duration::from_secs(24 * 3600 - 1));
    assert_eq!(bench.browser().get(&path).await.status, 200);
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.browser().get(&path).await.status, 404);
});

both_engines!(a_guessed_link_looks_like_a_spent_one, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let path = bench.offer().await;
    let mut wrong = path.clone();
    let last = wrong.pop().unwrap();
    wrong.push(if last == '0' { '1' } else { '0' });
    let guesses = [wrong, "/enrol/x".to_owned(), format!("/enrol/{}", "f".repeat(64)), path.to_uppercase()];
    let mut bodies = Vec::new();
    for guess in &guesses[..3] {
        let answer = bench.browser().get(guess).await;
        assert_eq!(answer.status, 404, "{guess}");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
});

both_engines!(what_does_not_fit_is_named_and_the_link_stays_open, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let path = bench.offer().await;
    let mut browser = bench.browser();
    let page = browser.get(&path).await;
    let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    let code = bench.code(&secret);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for (email, password, code, words) in [
        ("ada", PASSWORD, code.as_str(), "e-mail address such as"),
        (EMAIL, "short", code.as_str(), "at least 12 characters"),
        (EMAIL, "bookshop.example", code.as_str(), "the shop&#39;s name"),
        (EMAIL, EMAIL, code.as_str(), "not your name, your e-mail"),
        (EMAIL, "abcabcabcabcabcabc", code.as_str(), "more different characters"),
        (EMAIL, BREACHED, code.as_str(), "was stolen somewhere before"),
        (EMAIL, PASSWORD, wrong, "The code does not fit"),
    ] {
        let answer = browser.post(&path, &enrol_form(&page.csrf(), email, password, code)).await;
        assert_eq!(answer.status, 422, "{words}");
        assert!(answer.body.contains(words), "{words} not in {}", answer.body);
        assert!(!answer.body.contains(&format!("value=\"{password}\"")) || password == EMAIL);
    }
    assert_eq!(browser.post(&path, &enrol_form(&page.csrf(), EMAIL, PASSWORD, &code)).await.status, 303);
    let again = bench.offer().await;
    let page = browser.get(&again).await;
    let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    let form = enrol_form(&page.csrf(), "ADA@staff.example", PASSWORD, &bench.code(&secret));
    let answer = browser.post(&again, &form).await;
    assert!(answer.status == 422 && answer.body.contains("Somebody has an account"), "{}", answer.body);
});
