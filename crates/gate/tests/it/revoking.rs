//! What ends a session at the gate: the next request is held.

use std::time::Duration;

use storeward_base::{Actor, SystemEntropy};
use storeward_console::{Change, Console};
use storeward_store::both_engines;
use storeward_store::testing::blocking;

use crate::bench::{Answer, Bench, Browser, EMAIL, MIGRATIONS};

const JSON: [(&str, &str); 1] = [("accept", "application/json")];

async fn held(browser: &mut Browser<'_>) -> Answer {
    browser.ask("GET", "/admin", &JSON).await.held()
}

both_engines!(a_lock_holds_with_the_next_request, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, secret) = bench.enrolled(EMAIL).await;
    browser.come_through("/admin").await;
    let sealed = browser.led_to_console("/money").await;
    bench.change(EMAIL, Change::Lock).await;
    assert_eq!(held(&mut browser).await.code(), "gate.sign_in");
    assert_eq!(browser.console("GET", &format!("/pass/go?r={sealed}"), None).await.status, 303);
    // Nor do they sign in any more.
    let csrf = browser.console("GET", "/sign-in", None).await.csrf();
    let form = format!(
        "csrf={csrf}&email={EMAIL}&password={}&code={}&next=",
        crate::bench::PASSWORD.replace(' ', "+"),
        bench.next_code(&secret)
    );
    assert_eq!(browser.console("POST", "/sign-in", Some(&form)).await.status, 403);
    assert_eq!(bench.events("staff.locked").await.len(), 1);
    assert!(bench.events("staff.sessions_revoked").await[0].contains(r#""count":2"#));
    bench.change(EMAIL, Change::Unlock).await;
    assert_eq!(held(&mut browser).await.code(), "gate.sign_in", "what was ended stays so");
    let form = format!(
        "csrf={csrf}&email={EMAIL}&password={}&code={}&next=",
        crate::bench::PASSWORD.replace(' ', "+"),
        bench.next_code(&secret)
    );
    assert_eq!(browser.console("POST", "/sign-in", Some(&form)).await.status, 303);
    browser.come_through("/admin").await;
});

both_engines!(signing_out_at_the_console_ends_what_came_from_it, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, secret) = bench.enrolled(EMAIL).await;
    browser.come_through("/admin").await;
    // Showing a factor once more at the console changes its token, and not what came from it.
    browser.confirm(&secret).await;
    browser.ask("GET", "/admin", &[]).await.passed();
    let csrf = browser.console("GET", "/you", None).await.csrf();
    assert_eq!(browser.console("POST", "/sign-out", Some(&format!("csrf={csrf}"))).await.status, 303);
    assert_eq!(held(&mut browser).await.code(), "gate.sign_in");
});

both_engines!(ending_all_sessions_ends_those_at_the_gate, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    browser.come_through("/admin").await;
    bench.change(EMAIL, Change::EndSessions).await;
    assert_eq!(held(&mut browser).await.code(), "gate.sign_in");
});

both_engines!(somebody_ends_one_of_their_own_at_the_gate, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, secret) = bench.enrolled(EMAIL).await;
    browser.come_through("/admin").await;
    browser.confirm(&secret).await;
    let page = browser.console("GET", "/you", None).await;
    let id = page.attribute("name=\"id\" value=\"");
    let form = format!("csrf={}&id={id}", page.csrf());
    assert_eq!(browser.console("POST", "/you/sessions/end", Some(&form)).await.status, 303);
    assert_eq!(held(&mut browser).await.code(), "gate.sign_in");
    assert_eq!(browser.console("GET", "/you", None).await.status, 200, "the console's goes on");
});

both_engines!(ending_the_others_spares_what_came_from_this_one, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut here, secret) = bench.enrolled(EMAIL).await;
    let mut there = bench.browser();
    let csrf = there.console("GET", "/sign-in", None).await.csrf();
    let form = format!(
        "csrf={csrf}&email={EMAIL}&password={}&code={}&next=",
        crate::bench::PASSWORD.replace(' ', "+"),
        bench.next_code(&secret)
    );
    assert_eq!(there.console("POST", "/sign-in", Some(&form)).await.status, 303);
    here.come_through("/admin").await;
    there.come_through("/admin").await;
    here.confirm(&secret).await;
    let csrf = here.console("GET", "/you", None).await.csrf();
    let ended = here.console("POST", "/you/sessions/end-others", Some(&format!("csrf={csrf}"))).await;
    assert_eq!(ended.status, 303);
    here.ask("GET", "/admin", &[]).await.passed();
    assert_eq!(held(&mut there).await.code(), "gate.sign_in");
});

both_engines!(leaving_a_group_holds_with_the_next_request, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    bench.group(EMAIL, &["warehouse"]).await;
    browser.come_through("/stock").await;
    bench.group(EMAIL, &["office"]).await;
    for _ in 0..3 {
        let held = browser.ask("GET", "/stock", &JSON).await.held();
        assert_eq!((held.status.as_u16(), held.code().as_str()), (403, "gate.group"));
    }
    let page = browser.ask("GET", "/stock", &[]).await.held();
    let told = browser.get(page.location()).await;
    assert_eq!(told.status, 403);
    let revoked = bench.events("gate.revoked").await;
    assert_eq!(revoked.len(), 1, "{revoked:?}");
    // Other gates go on; and this one does when they are back.
    browser.ask("GET", "/admin", &[]).await.passed();
    bench.group(EMAIL, &["warehouse"]).await;
    browser.ask("GET", "/stock", &[]).await.passed();
});

both_engines!(a_reset_and_a_removal_end_it, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    browser.come_through("/admin").await;
    let (db, key) = ((*bench.db).clone(), bench.data_key.clone());
    blocking(move || Console::reset_member_blocking(&db, &key, &SystemEntropy, Actor::Operator, EMAIL))
        .await
        .unwrap();
    assert_eq!(held(&mut browser).await.code(), "gate.sign_in");
    let (mut other, _) = bench.enrolled("grace@staff.example").await;
    bench.group("grace@staff.example", &["warehouse"]).await;
    other.come_through("/stock").await;
    let sealed = other.led_to_console("/money").await;
    let db = (*bench.db).clone();
    let who = "grace@staff.example";
    blocking(move || Console::remove_member_blocking(&db, Actor::Operator, who)).await.unwrap();
    assert_eq!(held(&mut other).await.code(), "gate.sign_in");
    assert_eq!(other.console("GET", &format!("/pass/go?r={sealed}"), None).await.status, 303);
});

both_engines!(a_session_ends_by_itself, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    let minutes = |count: u64| Duration::from_secs(count * 60);
    browser.come_through("/admin").await;
    // Used within twenty minutes each time, it goes on past the console's own half hour …
    for _ in 0..6 {
        bench.clock.advance(minutes(19));
        browser.ask("GET", "/admin", &[]).await.passed();
    }
    // … and not for as long unused.
    bench.clock.advance(minutes(21));
    assert_eq!(held(&mut browser).await.code(), "gate.sign_in");

    let (mut browser, _) = bench.enrolled("grace@staff.example").await;
    browser.come_through("/admin").await;
    for _ in 0..31 {
        bench.clock.advance(minutes(15));
        browser.ask("GET", "/admin", &[]).await.passed();
    }
    bench.clock.advance(minutes(15));
    assert_eq!(held(&mut browser).await.code(), "gate.sign_in", "eight hours are over");
});

both_engines!(another_member_of_staff_signs_somebody_out, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut ada, _) = bench.enrolled(EMAIL).await;
    let (mut grace, _) = bench.enrolled("grace@staff.example").await;
    ada.come_through("/admin").await;
    let claims = bench.claims(&ada.ask("GET", "/admin", &[]).await.passed()).await;
    let id = claims["sub"].as_str().unwrap().to_owned();
    let act = format!("/staff/{id}/act");
    // Not for everybody.
    let csrf = grace.console("GET", "/staff", None).await.csrf();
    let refused = grace.console("POST", &act, Some(&format!("csrf={csrf}&act=lock"))).await;
    assert_eq!(refused.status, 403);
    ada.ask("GET", "/admin", &[]).await.passed();
    bench.group("grace@staff.example", &["admin"]).await;
    // Nobody changes themselves, not even an admin.
    let page = grace.console("GET", "/staff", None).await;
    assert!(page.body.contains(&act), "{}", page.body);
    let own = bench.events("staff.groups_changed").await[0]
        .split("\"staff\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let self_made = format!("csrf={csrf}&act=groups&groups=admin+warehouse");
    assert_eq!(grace.console("POST", &format!("/staff/{own}/act"), Some(&self_made)).await.status, 403);
    let ended = grace.console("POST", &act, Some(&format!("csrf={csrf}&act=end"))).await;
    assert_eq!(ended.location(), "/staff?done=end");
    assert_eq!(held(&mut ada).await.code(), "gate.sign_in");
    let told = bench.events("staff.sessions_revoked").await;
    assert!(told[0].contains(&format!(r#""actor":{{"type":"staff","id":"{own}"}}"#)), "{told:?}");
    let odd = format!("csrf={csrf}&act=groups&groups=Ware%20House!");
    assert_eq!(grace.console("POST", &act, Some(&odd)).await.status, 422);
});

// A WebSocket outlived its session, whatever ended it.
both_engines!(an_open_connection_ends_with_what_let_it_in, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _) = bench.enrolled(EMAIL).await;
    browser.come_through("/admin").await;
    let open = browser.open("/admin/socket").await.unwrap();
    bench.clock.advance(Duration::from_secs(15 * 60));
    assert!(open.stands().await);
    bench.clock.advance(Duration::from_secs(6 * 60));
    assert!(!open.stands().await, "an open tab keeps no session from its idle end");
    browser.come_through("/admin").await;
    let open = browser.open("/admin/socket").await.unwrap();
    assert!(open.stands().await);
    bench.change(EMAIL, Change::EndSessions).await;
    assert!(!open.stands().await);
});
