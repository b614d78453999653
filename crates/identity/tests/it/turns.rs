//! What is sent beside a sign-in, in the session that it is for: the shop knows somebody in it from the moment it has looked at the password, and
//! who that is is asked a moment later.

use std::time::Duration;

use storeward_host::Unanswered;
use storeward_identity::MIGRATIONS;
use storeward_store::both_engines;
use storeward_web::http::Method;

use super::behind::{ADDRESS, Behind, SECRET};
use super::bench::HOST;
use super::class::Serves;
use super::open_acts::{FILE, FORM, Fell, PAGE, fell, open, stolen, visitor};
use super::traffic::beside;

fn reached(shop: &Fell, line: &str) -> bool {
    shop.asked.lock().unwrap().iter().any(|asked| asked == line)
}

// The page's answer waited for the question who is signed in, and a sign-out went right behind the sign-in: nobody was, so the page was shown. An
// address that changes something by GET was simply asked for.
both_engines!(nothing_of_the_session_goes_beside_a_sign_in, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    for page in ["/account", "/cart/add", "/account?tab=1"] {
        let mut thief = visitor(&behind).await;
        let sign_in = thief.begin("POST", "/login", &[PAGE, FORM, ("host", HOST)], &stolen()).await;
        let sign_in = sign_in.unwrap_or_else(|answer| panic!("{answer:?}"));
        let (mut look, mut out) = (beside(&thief), beside(&thief));
        shop.asked.lock().unwrap().clear();
        let (shown, _, answer) =
            tokio::join!(open(&mut look, page), open(&mut out, "/logout"), thief.finish(sign_in));
        assert!(!shown.body.contains(SECRET), "{page}: {shown:?}");
        answer.leads_to("/.storeward/challenge");
        let place = page.split('?').next().unwrap();
        assert!(!reached(&shop, &format!("GET {HOST}{place}")), "{page} was done as {ADDRESS}");
        behind.bench.advance(4_000);
    }
});

// The sign-in's own answer, with the account in it, was shown as that of a wrong password.
both_engines!(a_sign_out_right_behind_a_sign_in_waits_for_it, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    let sign_in = thief.begin("POST", "/login", &[PAGE, FORM, ("host", HOST)], &stolen()).await;
    let mut out = beside(&thief);
    shop.asked.lock().unwrap().clear();
    let (_, answer) = tokio::join!(open(&mut out, "/logout"), thief.finish(sign_in.ok().unwrap()));
    answer.leads_to("/.storeward/challenge");
    let asked = shop.asked.lock().unwrap().clone();
    let first = |end: &str| asked.iter().position(|line| line.ends_with(end));
    assert!(first("/me").is_some_and(|me| first("/logout").is_none_or(|out| me < out)), "{asked:?}");
});

// What the shop was at before, and comes to only then: its answer is not the one that was asked for.
both_engines!(a_page_that_an_act_overtook_is_fetched_anew, MIGRATIONS, async |db| {
    let (behind, _) = fell(db);
    let mut thief = visitor(&behind).await;
    let mut look = beside(&thief);
    let slow = look.begin("GET", "/slow", &[PAGE, ("host", HOST)], "").await.ok().unwrap();
    thief.send("POST", "/cart", &[PAGE, FORM, ("host", HOST)], "count=1").await;
    look.finish(slow).await.leads_to("/slow");
    assert_eq!(open(&mut look, "/slow").await.body, "welcome");
});

// A sign-in by GET that an act overtook was answered "ask again", and nobody asked who was in by it.
both_engines!(a_sign_in_that_an_act_overtook_is_asked_about, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    for page in ["/enter?nick=ella&pin=4711", "/callback?code=9f86d081884c7d659a2feaa0c55ad015"] {
        let mut thief = visitor(&behind).await;
        let mut look = beside(&thief);
        let slow = look.begin("GET", page, &[PAGE, ("host", HOST)], "").await.ok().unwrap();
        let sent = slow.sent().clone();
        let act = thief.begin("POST", "/cart", &[PAGE, FORM, ("host", HOST)], "count=1").await;
        thief.finish(act.ok().unwrap()).await;
        shop.answer(&Method::POST, "/login", &sent, stolen().as_bytes());
        assert!(shop.answer(&Method::GET, "/account", &sent, b"").body() == SECRET, "it opens there");
        look.finish(slow).await.leads_to(page);
        for _ in 0..3 {
            let shown = open(&mut look, "/account").await;
            assert!(!shown.body.contains(SECRET), "{page}: {shown:?}");
        }
        behind.bench.advance(4_000);
    }
});

// Pages go beside each other, and an act waits for them no longer than it has to.
both_engines!(pages_go_beside_each_other, MIGRATIONS, async |db| {
    let (behind, _) = fell(db);
    let mut honest = visitor(&behind).await;
    let mut others = [beside(&honest), beside(&honest), beside(&honest)];
    let mut begun = Vec::new();
    for one in &mut others {
        begun.push(one.begin("GET", "/mugs", &[PAGE, ("host", HOST)], "").await.ok().unwrap());
    }
    for (one, page) in others.iter_mut().zip(begun) {
        assert_eq!(one.finish(page).await.body, "welcome");
    }
    assert_eq!(honest.send("POST", "/cart", &[PAGE, FORM, ("host", HOST)], "count=1").await.body, "welcome");
});

// The shop was still at the password when the program was started anew, and was asked too early: from then on it was not asked again for a minute.
both_engines!(for_a_minute_after_a_start_the_shop_may_be_at_an_act_from_before, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    let begun =
        thief.begin("POST", "/login", &[PAGE, FORM, ("host", HOST)], "user=ella&password=not+yet").await;
    let sent = begun.unwrap_or_else(|answer| panic!("{answer:?}")).killed();
    behind.shield.flush().await.unwrap();
    let again = Behind::shield_taught(&behind.bench, shop.clone(), FILE);
    let handle = thief.handle();
    thief.shield = &again;
    assert_eq!(open(&mut thief, "/").await.body, "welcome", "asked too early");
    assert_eq!(thief.handle(), handle, "it is the session of before");
    shop.answer(&Method::POST, "/login", &sent, stolen().as_bytes());
    assert!(shop.answer(&Method::GET, "/account", &sent, b"").body() == SECRET, "it opens there");
    behind.bench.advance(2);
    for _ in 0..3 {
        assert!(!open(&mut thief, "/account").await.body.contains(SECRET));
    }
});

// The shop comes to what waits in it behind the sign-in: a sign-out there left nobody to be asked about, and the sign-in's answer was shown.
both_engines!(at_a_door_nothing_is_overtaken, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    let mut look = beside(&thief);
    let slow = look.begin("GET", "/slow", &[PAGE, ("host", HOST)], "").await.ok().unwrap();
    shop.asked.lock().unwrap().clear();
    let told = thief.send("POST", "/login", &[PAGE, FORM, ("host", HOST)], &stolen()).await;
    assert_eq!(told.status, 503, "{told:?}");
    assert!(!reached(&shop, &format!("POST {HOST}/login")));
    assert_eq!(look.finish(slow).await.body, "welcome", "it was not overtaken");
    // Whoever hangs up on it has the shop at it still.
    let slow = look.begin("GET", "/slow", &[PAGE, ("host", HOST)], "").await.ok().unwrap();
    slow.hung_up();
    let told = thief.send("POST", "/login", &[PAGE, FORM, ("host", HOST)], &stolen()).await;
    assert_eq!(told.status, 503, "{told:?}");
    assert!(!reached(&shop, &format!("POST {HOST}/login")));
    behind.bench.advance(11);
    let told = thief.send("POST", "/login", &[PAGE, FORM, ("host", HOST)], &stolen()).await;
    told.leads_to("/.storeward/challenge");
});

// It had asked whether anything may be changed before it waited.
both_engines!(what_waited_behind_a_sign_in_that_nobody_saw_the_end_of_is_barred, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    let sign_in =
        thief.begin("POST", "/login", &[PAGE, FORM, ("host", HOST)], "user=ella&password=not+yet").await;
    let sign_in = sign_in.unwrap_or_else(|answer| panic!("{answer:?}"));
    let mut act = beside(&thief);
    let (told, ()) =
        tokio::join!(act.send("POST", "/account/email", &[PAGE, FORM, ("host", HOST)], "email=x"), async {
            sign_in.hung_up();
        });
    assert_eq!(told.status, 503, "{told:?}");
    assert!(!reached(&shop, &format!("POST {HOST}/account/email")));
});

// A shop that was down for one request shut the session for ten seconds: nobody could sign in or send a form, though nothing was at the shop.
both_engines!(a_shop_that_was_not_reached_leaves_nothing_open, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut honest = visitor(&behind).await;
    let page = honest.begin("GET", "/slow", &[PAGE, ("host", HOST)], "").await.ok().unwrap();
    page.unanswered(Unanswered::NotSent);
    let page = honest.begin("GET", "/slow", &[PAGE, ("host", HOST)], "").await.ok().unwrap();
    page.unanswered(Unanswered::BrokenOff);
    let form = honest.begin("POST", "/cart", &[PAGE, FORM, ("host", HOST)], "count=1").await.ok().unwrap();
    form.unanswered(Unanswered::NotSent);
    assert_eq!(honest.send("POST", "/cart", &[PAGE, FORM, ("host", HOST)], "count=1").await.body, "welcome");
    let told = honest.send("POST", "/login", &[PAGE, FORM, ("host", HOST)], &stolen()).await;
    told.leads_to("/.storeward/challenge");
    assert!(reached(&shop, &format!("POST {HOST}/login")));
});

// Where the shop had the form, and broke off or took too long, it may be done all the same: nobody but the next question knows.
both_engines!(an_act_that_the_shop_broke_off_is_open, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    for why in [Unanswered::BrokenOff, Unanswered::Unknown] {
        let mut thief = visitor(&behind).await;
        let form =
            thief.begin("POST", "/login", &[PAGE, FORM, ("host", HOST)], &stolen()).await.ok().unwrap();
        form.unanswered(why);
        shop.asked.lock().unwrap().clear();
        let act = thief.send("POST", "/account/email", &[PAGE, FORM, ("host", HOST)], "email=x").await;
        assert!(
            act.status != 200 && !reached(&shop, &format!("POST {HOST}/account/email")),
            "{why:?}: {act:?}"
        );
        assert!(!open(&mut thief, "/account").await.body.contains(SECRET), "{why:?}");
        behind.bench.advance(4_000);
    }
    // So has a page that is late the shop at it still.
    let mut thief = visitor(&behind).await;
    let page = thief.begin("GET", "/slow", &[PAGE, ("host", HOST)], "").await.ok().unwrap();
    page.unanswered(Unanswered::Unknown);
    assert_eq!(thief.send("POST", "/login", &[PAGE, FORM, ("host", HOST)], &stolen()).await.status, 503);
});

// Some shops set the session's cookie anew with each answer (Laravel): what was on its way beside one was answered "your session changed", 409, and a
// WebSocket did not open.
both_engines!(a_cookie_that_is_new_with_each_answer_stops_nothing_beside_it, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut honest = visitor(&behind).await;
    let mut look = beside(&honest);
    let page = look.begin("GET", "/anew", &[PAGE, ("host", HOST)], "").await.ok().unwrap();
    // Asked about before it goes, for the cookie beside the session's.
    honest.browser.cookies.push(("seen".to_owned(), "mugs".to_owned()));
    *shop.takes.lock().unwrap() = Duration::from_millis(200);
    let (socket, shown) = tokio::join!(
        honest.begin("GET", "/socket", &[("upgrade", "websocket"), ("host", HOST)], ""),
        async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            look.finish(page).await
        }
    );
    assert_eq!(shown.body, "welcome");
    socket.unwrap_or_else(|answer| panic!("{answer:?}")).hung_up();
});

// What stands before the shop gave up on a sign-in that the shop came to the end of a moment later: its answer counted as the shop's own word.
both_engines!(an_answer_of_the_shops_front_is_no_word_of_the_shops, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    let given_up = thief
        .begin("POST", "/login", &[PAGE, FORM, ("host", HOST)], "user=ella&password=not+yet&front=504")
        .await
        .ok()
        .unwrap();
    let sent = given_up.sent().clone();
    assert_eq!(thief.finish(given_up).await.status, 504);
    shop.answer(&Method::POST, "/login", &sent, stolen().as_bytes());
    assert!(shop.answer(&Method::GET, "/account", &sent, b"").body() == SECRET, "it opens there");
    for _ in 0..3 {
        assert!(!open(&mut thief, "/account").await.body.contains(SECRET));
    }
});

// Whoever waited for the question beside it had asked when the front's answer was there: that counted for the link, too.
both_engines!(a_fronts_answer_to_a_link_is_no_word_of_the_shops_whoever_asked, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let mut thief = visitor(&behind).await;
    let (mut first, mut second) = (beside(&thief), beside(&thief));
    let lines = [PAGE, ("host", HOST)];
    let one = first.begin("GET", &format!("/mugs/1{hash}"), &lines, "").await.ok().unwrap();
    let two = second.begin("GET", &format!("/mugs/2{hash}"), &lines, "").await.ok().unwrap();
    let link = thief.begin("GET", &format!("/quick?front=504&pw={hash}"), &lines, "").await.ok().unwrap();
    let sent = link.sent().clone();
    *shop.takes.lock().unwrap() = Duration::from_millis(100);
    let before = shop.questions();
    let told = tokio::join!(first.finish(one), second.finish(two), thief.finish(link));
    assert_eq!(
        (told.0.body.as_str(), told.1.body.as_str(), told.2.status.as_u16()),
        ("welcome", "welcome", 504)
    );
    assert!(shop.questions() - before >= 3, "the link has one of its own");
    *shop.takes.lock().unwrap() = Duration::ZERO;
    shop.answer(&Method::POST, "/login", &sent, stolen().as_bytes());
    assert!(shop.answer(&Method::GET, "/account", &sent, b"").body() == SECRET, "it opens there");
    for _ in 0..3 {
        assert!(!open(&mut thief, "/account").await.body.contains(SECRET));
    }
});

// The shop was down: whoever tried again and again had to wait when it was back, and solved a puzzle for guesses that nobody had made.
both_engines!(a_sign_in_that_never_reached_the_shop_is_no_guess, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let wrong = "user=ella&password=not+yet";
    let mut honest = visitor(&behind).await;
    for _ in 0..40 {
        let tried = honest.begin("POST", "/login", &[PAGE, FORM, ("host", HOST)], wrong).await;
        tried.unwrap_or_else(|answer| panic!("{answer:?}")).unanswered(Unanswered::NotSent);
    }
    // Nor is one that is refused here.
    let form = honest.begin("POST", "/cart", &[PAGE, FORM, ("host", HOST)], "count=1").await.ok().unwrap();
    form.hung_up();
    shop.asked.lock().unwrap().clear();
    for _ in 0..40 {
        let barred = honest.send("POST", "/login", &[PAGE, FORM, ("host", HOST)], wrong).await;
        assert_eq!(barred.status, 503, "{barred:?}");
    }
    assert!(!reached(&shop, &format!("POST {HOST}/login")));
    // What the shop had, and broke off, may have been looked at.
    for n in 0..6 {
        let mut other = visitor(&behind).await;
        let tried = other.begin("POST", "/login", &[PAGE, FORM, ("host", HOST)], wrong).await;
        match tried {
            Ok(tried) if n < 5 => tried.unanswered(Unanswered::BrokenOff),
            Err(told) if n == 5 => assert_eq!(told.status, 429),
            _ => panic!("{n}"),
        }
    }
});
