//! Sign-in: replay, guessing, fixation, telling accounts apart, open redirects, ends of sessions.

use std::time::Duration;

use storeward_base::{ClientIp, Secret};
use storeward_events::Event;
use storeward_passwords::{AccountKey, Lane, Ticket};
use storeward_store::both_engines;

use super::bench::{Bench, EMAIL, MIGRATIONS, PASSWORD, sign_in_form};

fn reasons(events: &[storeward_events::Record]) -> Vec<String> {
    let reason = |record: &storeward_events::Record| match &record.event {
        Event::StaffSignInFailed(failed) => Some(failed.reason.clone()),
        _ => None,
    };
    events.iter().filter_map(reason).collect()
}

both_engines!(a_code_counts_once, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.enrolled().await;
    let enrolment_code = bench.code(&secret);
    let answer = bench.browser().sign_in(EMAIL, PASSWORD, &enrolment_code).await;
    assert_eq!(answer.status, 403, "the code that confirmed the enrolment is used");
    let code = bench.next_code(&secret);
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD, &code).await.status, 303);
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD, &code).await.status, 403);
    assert_eq!(reasons(&bench.events("staff.sign_in_failed").await), ["code_replayed", "code_replayed"]);
});

// Staff waited in one line with whoever guesses at the shop's own sign-in, and were turned away with them.
both_engines!(a_flood_at_the_shop_keeps_no_member_of_staff_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.enrolled().await;
    let code = bench.next_code(&secret);
    let stranger = |n: u32| {
        let address: ClientIp = ClientIp::new(std::net::Ipv4Addr::from_bits(0xC612_0000 + n).into());
        Ticket { lane: Lane::Stranger, account: AccountKey::of(&n.to_string()), address: address.block() }
    };
    let pool = bench.pool.clone();
    let flood = tokio::spawn(async move {
        for n in 0.. {
            let (pool, ticket) = (pool.clone(), stranger(n));
            tokio::spawn(async move { pool.verify_nothing(ticket, Secret::new("a guess".to_owned())).await });
            // More than the pool does, for as long as the test goes on.
            if n % 50 == 49 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    while bench.pool.has_room(&stranger(u32::MAX >> 12)).is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = bench.browser().sign_in(EMAIL, PASSWORD, &code).await;
    flood.abort();
    assert_eq!(answer.status, 303, "{}", answer.body);
});

both_engines!(two_who_post_one_code_at_once_get_one_session, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.enrolled().await;
    let code = bench.next_code(&secret);
    let (mut one, mut two) = (bench.browser(), bench.browser());
    let (a, b) = tokio::join!(one.sign_in(EMAIL, PASSWORD, &code), two.sign_in(EMAIL, PASSWORD, &code));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    // The second is refused by its code, or already for want of room: an account has one password under way.
    assert!(statuses == [303, 403] || statuses == [303, 429], "{statuses:?}");
    assert_eq!(usize::from(one.session().is_some()) + usize::from(two.session().is_some()), 1);
});

both_engines!(every_failure_looks_the_same, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.enrolled().await;
    let code = bench.next_code(&secret);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let mut seen = Vec::new();
    for (email, password, code) in [
        ("nobody@staff.example", PASSWORD, code.as_str()),
        ("not-an-address", PASSWORD, code.as_str()),
        (EMAIL, "another password here", code.as_str()),
        (EMAIL, PASSWORD, wrong),
        (EMAIL, PASSWORD, ""),
    ] {
        let mut browser = bench.browser();
        let answer = browser.sign_in(email, password, code).await;
        let csrf = answer.csrf();
        let nonce = answer.attribute("nonce=\"");
        seen.push((answer.status, answer.body.replace(&csrf, "").replace(&nonce, "")));
        assert_eq!(browser.session(), None);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
    assert_eq!(
        reasons(&bench.events("staff.sign_in_failed").await),
        ["unknown_account", "unknown_account", "password", "code", "code"]
    );
});

both_engines!(guessing_is_slowed_whether_the_account_exists_or_not, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.enrolled().await;
    for (email, octet) in [(EMAIL, 1), ("nobody@staff.example", 2)] {
        let mut guesser = bench.browser();
        guesser.address = format!("203.0.113.{octet}").parse().unwrap();
        for _ in 0..5 {
            assert_eq!(guesser.sign_in(email, "a wrong password", "123456").await.status, 403);
        }
        let refused = guesser.sign_in(email, "a wrong password", "123456").await;
        assert_eq!(refused.status, 429, "{email}");
        assert!(refused.body.contains("Try again in 1 second"));
        // From elsewhere too: the budget is the account's.
        guesser.address = "203.0.113.99".parse().unwrap();
        assert_eq!(guesser.sign_in(email, "a wrong password", "123456").await.status, 429);
    }
    let told = reasons(&bench.events("staff.sign_in_failed").await);
    assert_eq!(told.iter().filter(|r| *r == "throttled").count(), 2, "once per wait: {told:?}");
    bench.clock.advance(Duration::from_secs(600));
    let code = bench.next_code(&secret);
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD, &code).await.status, 303);
});

both_engines!(a_session_cannot_be_fixed_beforehand, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, secret) = bench.enrolled().await;
    let before = browser.session().unwrap();
    let code = bench.next_code(&secret);
    let planted = "ab".repeat(32);
    let mut victim = bench.browser();
    victim.cookies.push(("__Host-storeward-session".to_owned(), planted.clone()));
    assert_eq!(victim.sign_in(EMAIL, PASSWORD, &code).await.status, 303);
    assert_ne!(victim.session().unwrap(), planted);
    let mut attacker = bench.browser();
    attacker.cookies.push(("__Host-storeward-session".to_owned(), planted));
    assert_eq!(attacker.get("/").await.status, 303);
    // Signing in again ends the session that the browser had.
    let code = bench.next_code(&secret);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD, &code).await.status, 303);
    attacker.cookies = vec![("__Host-storeward-session".to_owned(), before)];
    assert_eq!(attacker.get("/").await.status, 303);
    assert_eq!(browser.get("/").await.status, 200);
});

both_engines!(cookies_carry_every_flag, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.enrolled().await;
    let code = bench.next_code(&secret);
    let mut browser = bench.browser();
    let answer = browser.sign_in(EMAIL, PASSWORD, &code).await;
    let line = answer.headers["set-cookie"].to_str().unwrap();
    assert!(line.starts_with("__Host-storeward-session="), "{line}");
    assert!(line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=43200"), "{line}");
    let token = browser.session().unwrap();
    assert_eq!(token.len(), 64);
    // At rest there is only the hash.
    let rows: Vec<String> = bench
        .db
        .read(|reader| reader.query_many("SELECT token_hash FROM staff_session", &[], |row| row.get(0)))
        .await
        .unwrap();
    assert!(!rows.is_empty() && !rows.contains(&token));
});

both_engines!(sessions_end_idle_absolutely_and_by_signing_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, secret) = bench.enrolled().await;
    bench.clock.advance(Duration::from_secs(29 * 60));
    assert_eq!(browser.get("/explore").await.status, 200);
    for _ in 0..2 {
        bench.clock.advance(Duration::from_secs(14 * 60));
        let watching = browser.get("/now/state").await;
        assert_eq!(watching.status, 200, "a page that renews itself is answered");
    }
    bench.clock.advance(Duration::from_secs(2 * 60));
    assert_eq!(browser.get("/now/state").await.status, 401, "but keeps no session alive");
    assert_eq!(browser.get("/explore?status=404").await.location(), "/sign-in?next=/explore%3Fstatus%3D404");

    let code = bench.next_code(&secret);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD, &code).await.status, 303);
    for _ in 0..28 {
        bench.clock.advance(Duration::from_secs(25 * 60));
        assert_eq!(browser.get("/").await.status, 200);
    }
    bench.clock.advance(Duration::from_secs(21 * 60));
    assert_eq!(browser.get("/").await.status, 303, "twelve hours are over");

    let code = bench.next_code(&secret);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD, &code).await.status, 303);
    let stolen = browser.cookies.clone();
    let csrf = browser.get("/").await.csrf();
    let out = browser.post("/sign-out", &format!("csrf={csrf}")).await;
    assert_eq!((out.status.as_u16(), out.location()), (303, "/sign-in?done=out"));
    assert_eq!(browser.session(), None);
    browser.cookies = stolen;
    assert_eq!(browser.get("/").await.status, 303, "the token is dead, not only forgotten");
    assert_eq!(bench.events("staff.signed_out").await.len(), 1);
});

both_engines!(after_signing_in_one_stays_on_our_pages, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.enrolled().await;
    for (next, goal) in [
        ("/explore%3Fstatus%3D404", "/explore?status=404"),
        ("https%3A%2F%2Fevil.example%2F", "/"),
        ("%2F%2Fevil.example", "/"),
        ("%2F%5Cevil.example", "/"),
        ("%2Fexplore%0d%0aset-cookie%3A%20a%3Db", "/"),
        ("javascript%3Aalert(1)", "/"),
    ] {
        let code = bench.next_code(&secret);
        let mut browser = bench.browser();
        let page = browser.get(&format!("/sign-in?next={next}")).await;
        assert!(!page.body.contains("evil.example") && !page.body.contains("alert("), "{next}");
        let form = sign_in_form(&page.csrf(), EMAIL, PASSWORD, &code, next);
        let answer = browser.post("/sign-in", &form).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, goal), "{next}");
    }
});

// Went wrong: on a full disk staff were sent away from the very page that says so, for want of a note when they were seen.
both_engines!(a_session_outlasts_a_disk_that_cannot_note_it, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    bench.db.no_room_to_change("staff_session");
    // It is stale three times, and cannot be touched; idle it ends in its time all the same.
    for minutes in [5, 10, 10] {
        bench.clock.advance(Duration::from_secs(minutes * 60));
        assert_eq!(browser.get("/").await.status, 200, "after {minutes} more minutes");
    }
    bench.clock.advance(Duration::from_secs(6 * 60));
    assert_eq!(browser.get("/").await.status, 303, "a session that nobody could touch ends the sooner");
});
