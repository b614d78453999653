//! Somebody may be signed in by no request that is seen: by what a client says on a WebSocket in the shop's own language, and by a sign-in that was at
//! the shop when the program ended. A shop that signs people in within the session that they have.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use storeward_identity::MIGRATIONS;
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::http::{HeaderMap, Method};
use tokio::time::timeout;

use super::behind::{Behind, SECRET, Visitor};
use super::bench::HOST;
use super::class::Serves;
use super::open_acts::{FILE, FORM, Fell, PAGE, fell, open, stolen, visitor};

fn reached(shop: &Fell, line: &str) -> bool {
    shop.asked.lock().unwrap().iter().any(|asked| asked == line)
}

/// The shop comes to the end of a sign-in in this session.
fn signs_in(shop: &Fell, sent: &HeaderMap) {
    shop.answer(&Method::POST, "/login", sent, stolen().as_bytes());
    assert!(shop.answer(&Method::GET, "/account", sent, b"").body() == SECRET, "it opens there");
}

async fn presses(who: &mut Visitor<'_>, page: &str) -> super::bench::Answer {
    who.send("POST", page, &[PAGE, FORM, ("host", HOST)], "email=x").await
}

// Only requests were looked at: the next page showed the account, and the next form was done in it.
both_engines!(whoever_is_signed_in_by_a_word_is_asked_before_a_page_is_shown, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    for is_asked_before in [false, true] {
        let mut thief = visitor(&behind).await;
        let (tunnel, sent) = thief.open_tunnel().await;
        tunnel.note_words();
        if is_asked_before {
            assert_eq!(open(&mut thief, "/").await.body, "welcome", "the shop is at it still");
        }
        signs_in(&shop, &sent);
        for _ in 0..3 {
            let shown = open(&mut thief, "/account").await;
            assert!(!shown.body.contains(SECRET), "{shown:?}");
        }
        behind.bench.advance(4_000);
    }
});

// It went to the shop before the shop came to the word, and came back behind it.
both_engines!(a_page_that_was_on_its_way_beside_a_word_is_asked_about, MIGRATIONS, async |db| {
    on_its_way(db, 0).await;
});

both_engines!(a_page_that_was_held_open_until_long_after_a_word_is_asked_about, MIGRATIONS, async |db| {
    on_its_way(db, 13_000).await;
});

async fn on_its_way(db: TestDb, held_open: u64) {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    let (tunnel, sent) = thief.open_tunnel().await;
    signs_in(&shop, &sent);
    let begun = thief.begin("GET", "/account", &[PAGE, ("host", HOST)], "").await.ok().unwrap();
    tunnel.note_words();
    behind.bench.advance(held_open);
    let shown = thief.finish(begun).await;
    shown.leads_to("/.storeward/challenge");
}

both_engines!(nothing_is_done_by_whom_a_word_signed_in, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    let (tunnel, sent) = thief.open_tunnel().await;
    tunnel.note_words();
    assert_eq!(open(&mut thief, "/").await.body, "welcome", "asked a moment ago");
    let mut beside = thief.beside();
    let late = async {
        // The shop needs a second for a password.
        tokio::time::sleep(Duration::from_secs(1)).await;
        signs_in(&shop, &sent);
    };
    let (told, ()) = tokio::join!(presses(&mut beside, "/account/email"), late);
    told.leads_to("/.storeward/challenge");
    assert!(!reached(&shop, &format!("POST {HOST}/account/email")));
});

// What is said while an act waits goes to the shop behind it.
both_engines!(no_word_goes_beside_an_act, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut guest = visitor(&behind).await;
    let (tunnel, _) = guest.open_tunnel().await;
    tunnel.note_words();
    let mut beside = guest.beside();
    let look = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        (tunnel.going(), reached(&shop, &format!("POST {HOST}/cart")))
    };
    let (told, seen) = tokio::join!(presses(&mut beside, "/cart"), look);
    assert_eq!((told.body.as_str(), seen), ("welcome", (storeward_host::Going::Wait, false)));
    assert_eq!(tunnel.going(), storeward_host::Going::On);
});

// A chat in an honest session: parts of a page come beside each other, a form goes, and ten seconds after the last word one question is left.
both_engines!(a_session_with_a_chat_stays_usable, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut honest = visitor(&behind).await;
    let (tunnel, _) = honest.open_tunnel().await;
    tunnel.note_words();
    parts_come_beside_each_other(&shop, &honest).await;
    behind.bench.advance(3);
    let begun = Instant::now();
    assert_eq!(presses(&mut honest, "/cart").await.body, "welcome");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    behind.bench.advance(11);
    let asked = shop.questions();
    for _ in 0..4 {
        assert_eq!(open(&mut honest, "/").await.body, "welcome");
    }
    assert_eq!(shop.questions(), asked + 1);
    assert_eq!(tunnel.going(), storeward_host::Going::On);
});

async fn all(parts: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut parts: Vec<_> = parts.map(Box::pin).collect();
    poll_fn(|cx| {
        parts.retain_mut(|part| part.as_mut().poll(cx).is_pending());
        if parts.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

async fn parts_come_beside_each_other(shop: &Fell, visitor: &Visitor<'_>) {
    let asked = shop.questions();
    *shop.takes.lock().unwrap() = Duration::from_millis(100);
    let begun = Instant::now();
    let parts = (0..20).map(|n| {
        let mut part = visitor.beside();
        async move {
            let page = format!("/part-{n}");
            let begun = part.begin("GET", &page, &[PAGE, ("host", HOST)], "").await;
            let begun = begun.unwrap_or_else(|answer| panic!("{answer:?}"));
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(part.finish(begun).await.body, "welcome");
        }
    });
    all(parts).await;
    let (took, asked) = (begun.elapsed(), shop.questions() - asked);
    assert!(took < Duration::from_millis(1_500) && asked <= 4, "{took:?}, {asked} questions");
    *shop.takes.lock().unwrap() = Duration::ZERO;
}

/// The program ends, with what it has written down, and another begins.
async fn restarted(behind: &Behind, shop: &std::sync::Arc<Fell>) -> storeward_identity::Shield {
    behind.shield.flush().await.unwrap();
    Behind::shield_taught(&behind.bench, shop.clone(), FILE)
}

async fn killed_beside_a_sign_in(thief: &mut Visitor<'_>) -> HeaderMap {
    let lines = [PAGE, FORM, ("host", HOST)];
    let begun = thief.begin("POST", "/login", &lines, "user=ella&password=not+yet").await;
    begun.unwrap_or_else(|answer| panic!("{answer:?}")).killed()
}

// It was asked every other second, and the sign-in ended in the one between.
both_engines!(after_a_start_each_page_is_asked_about, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    let sent = killed_beside_a_sign_in(&mut thief).await;
    let again = restarted(&behind, &shop).await;
    let handle = thief.handle();
    thief.shield = &again;
    assert_eq!(open(&mut thief, "/").await.body, "welcome", "asked too early");
    assert_eq!(thief.handle(), handle, "it is the session of before");
    signs_in(&shop, &sent);
    for _ in 0..3 {
        let shown = open(&mut thief, "/account").await;
        assert!(!shown.body.contains(SECRET), "{shown:?}");
    }
});

both_engines!(after_a_start_acts_wait_ten_seconds_and_are_asked_about, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    let sent = killed_beside_a_sign_in(&mut thief).await;
    let again = restarted(&behind, &shop).await;
    let handle = thief.handle();
    thief.shield = &again;
    assert_eq!(open(&mut thief, "/").await.body, "welcome", "asked too early");
    assert_eq!(thief.handle(), handle, "it is the session of before");
    shop.asked.lock().unwrap().clear();
    for passed in [0, 6] {
        behind.bench.advance(passed);
        let early = timeout(Duration::from_millis(500), presses(&mut thief, "/account/email")).await;
        assert!(early.is_err(), "after {passed}: {early:?}");
        assert_eq!(open(&mut thief, "/").await.body, "welcome", "nobody else waits for it");
    }
    behind.bench.advance(4);
    signs_in(&shop, &sent);
    presses(&mut thief, "/account/email").await.leads_to("/.storeward/challenge");
    assert!(!reached(&shop, &format!("POST {HOST}/account/email")));
});

both_engines!(after_a_start_an_honest_session_goes_on, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut honest = visitor(&behind).await;
    let again = restarted(&behind, &shop).await;
    let handle = honest.handle();
    honest.shield = &again;
    assert_eq!(open(&mut honest, "/").await.body, "welcome");
    assert_eq!(honest.handle(), handle, "it is the session of before");
    parts_come_beside_each_other(&shop, &honest).await;
    behind.bench.advance(10);
    let begun = Instant::now();
    assert_eq!(presses(&mut honest, "/cart").await.body, "welcome");
    assert!(begun.elapsed() < Duration::from_secs(1));
    // A session that was begun since waits for nothing.
    let third = restarted(&behind, &shop).await;
    let mut guest = behind.browser();
    guest.shield = &third;
    for _ in 0..2 {
        assert_eq!(open(&mut guest, "/").await.body, "welcome");
    }
    let done = timeout(Duration::from_secs(1), presses(&mut guest, "/cart")).await;
    assert_eq!(done.unwrap().body, "welcome");
});
