//! Requirements of OWASP ASVS 5.0, chapters 6 and 7, that no other test attacks. docs/asvs.md says which test stands for
//! which requirement.

use std::time::Duration;

use storeward_store::both_engines;

use super::bench::{BREACHED, Bench, EMAIL, MIGRATIONS, PASSWORD};

// 6.2.2, 6.2.3
both_engines!(a_password_is_changed_by_who_knows_it_only, MIGRATIONS, async |db| {
    const NEW: &str = "seven grey herons wade";
    let bench = Bench::new(db);
    let (mut owner, secret) = bench.enrolled().await;
    let mut other = bench.browser();
    let code = bench.next_code(&secret);
    assert_eq!(other.sign_in(EMAIL, PASSWORD, &code).await.status, 303);
    let before = owner.cookies.clone();
    let csrf = owner.get("/you/password").await.csrf();
    let form = |current: &str, password: &str, repeated: &str| {
        let [current, password, repeated] = [current, password, repeated].map(|text| text.replace(' ', "+"));
        format!("csrf={csrf}&current={current}&password={password}&repeated={repeated}")
    };
    for (current, password, repeated, words) in [
        ("a wrong password here", NEW, NEW, "not your current password"),
        ("", NEW, NEW, "not your current password"),
        (PASSWORD, NEW, "another one here", "two passwords differ"),
        (PASSWORD, "short", "short", "at least 12 characters"),
        (PASSWORD, BREACHED, BREACHED, "was stolen somewhere before"),
        (PASSWORD, NEW, NEW, "too often"),
    ] {
        let answer = owner.post("/you/password", &form(current, password, repeated)).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{words}: {}", answer.body);
    }
    bench.clock.advance(Duration::from_secs(60));
    let done = owner.post("/you/password", &form(PASSWORD, NEW, NEW)).await;
    assert_eq!((done.status.as_u16(), done.location()), (303, "/you?done=password"));
    assert_eq!(owner.get("/").await.status, 200);
    assert_eq!(other.get("/").await.status, 303, "all other sessions are over");
    let mut thief = bench.browser();
    thief.cookies = before;
    assert_eq!(thief.get("/").await.status, 303, "and the token before");
    assert_eq!(bench.events("staff.password_changed").await.len(), 1);
    let code = bench.next_code(&secret);
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD, &code).await.status, 403);
    let code = bench.next_code(&secret);
    assert_eq!(bench.browser().sign_in(EMAIL, NEW, &code).await.status, 303);
    bench.clock.advance(Duration::from_secs(601));
    assert!(owner.get("/you/password").await.location().starts_with("/confirm"), "a fresh factor");
    let again = owner.get("/you").await.csrf();
    let late = form(NEW, PASSWORD, PASSWORD).replace(&csrf, &again);
    assert!(owner.post("/you/password", &late).await.location().starts_with("/confirm"));
    let code = bench.next_code(&secret);
    assert_eq!(bench.browser().sign_in(EMAIL, NEW, &code).await.status, 303, "nothing has changed");
});

// 7.5.2
both_engines!(ending_sessions_takes_a_proof, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, secret) = bench.enrolled().await;
    bench.clock.advance(Duration::from_secs(601));
    let mut other = bench.browser();
    let code = bench.next_code(&secret);
    assert_eq!(other.sign_in(EMAIL, PASSWORD, &code).await.status, 303);
    let page = owner.get("/you").await;
    assert!(page.body.contains("/confirm?") && !page.body.contains("action=\"/you/sessions/"));
    let form = format!("csrf={}", page.csrf());
    let answer = owner.post("/you/sessions/end-others", &form).await;
    assert!(answer.location().starts_with("/confirm"), "{}", answer.location());
    assert_eq!(other.get("/").await.status, 200);
});

// 6.2.6, 6.2.7
both_engines!(password_fields_hide_what_is_typed_and_take_what_is_pasted, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.enrolled().await;
    let link = bench.offer().await;
    let mut seen = 0;
    for path in [link.as_str(), "/sign-in", "/you/password"] {
        let page = owner.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.to_lowercase().contains("onpaste"));
        for field in page.body.split("<input ").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let is_password = field.contains("current-password") || field.contains("new-password");
            assert_eq!(field.contains("type=\"password\""), is_password, "{field}");
            if is_password {
                assert!(field.contains("maxlength=\"1024\""), "{field}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 6);
});

// 6.3.2
both_engines!(nobody_is_there_from_the_beginning, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    for (name, password) in [("admin", "admin"), ("root@shop.example", "root"), ("", "")] {
        assert_eq!(bench.browser().sign_in(name, password, "000000").await.status, 403, "{name}");
    }
    let rows = "SELECT CAST((SELECT COUNT(*) FROM staff_account) + (SELECT COUNT(*) FROM staff_session) + \
                (SELECT COUNT(*) FROM staff_enrolment) AS BIGINT)";
    let there = bench.db.read(move |reader| reader.query_one(rows, &[], |row| row.get::<u64>(0))).await;
    assert_eq!(there, Ok::<_, storeward_store::Error>(0));
});

// 7.4.4
both_engines!(every_page_leads_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    for path in
        ["/", "/explore", "/blocked", "/ledger", "/you", "/customers", "/blocked/ban?client=203.0.113.9"]
    {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.body.contains("action=\"/sign-out\""), "{path}");
    }
});
