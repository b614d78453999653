//! Sessions of the shop whose browser never comes back: they end at the shop with the account's own, on both engines.

use storeward_host::Going;
use storeward_identity::staff::Act;
use storeward_identity::{LetterKind, MIGRATIONS, Shield};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation, Visitor};
use super::bench::STAFF;

/// Signed in at the shop and seen once; the browser stays away from now on.
async fn signed_in(behind: &Behind) -> Visitor<'_> {
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    assert_eq!(behind.shop.signed_in(), 1);
    owner
}

async fn swept(shield: &Shield, behind: &Behind, left: usize) {
    shield.flush().await.unwrap();
    shield.sweep().await.unwrap();
    assert_eq!(behind.shop.signed_in(), left);
}

// A thief's browser that is never used again kept the shop's session, and the shop knew of nothing.
both_engines!(after_this_was_not_me_the_shops_session_is_signed_out, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    drop(signed_in(&behind).await);
    swept(&behind.shield, &behind, 1).await;
    let letter = behind.bench.letter(LetterKind::NewDevice);
    let link = letter.parameter("link").strip_prefix("https://shop.example").unwrap().to_owned();
    let mut visitor = behind.bench.browser();
    let page = visitor.get(&link).await;
    let token = page.attribute("name=\"t\" value=\"");
    let done = visitor.post("/.storeward/not-me", &page.csrf(), &[("t", &token)]).await;
    done.leads_to("/.storeward/not-me?done=shop");
    assert_eq!(behind.shop.signed_in(), 1, "the shop does not know yet");
    swept(&behind.shield, &behind, 0).await;
});

both_engines!(after_a_lock_the_shops_session_is_signed_out, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut owner = signed_in(&behind).await;
    let customer = behind.bench.customer(ADDRESS).await;
    behind.bench.identity.customers().act(&behind.bench.by(STAFF), customer, Act::Lock).await.unwrap();
    swept(&behind.shield, &behind, 0).await;
    assert!(!owner.sees_account().await, "and the browser that comes late has nothing");
});

// What was looked up ten seconds ago was believed: the password alone opened the account, in the browser of before.
both_engines!(a_session_that_a_lock_ended_is_believed_by_no_sign_in, MIGRATIONS, async |db| {
    let mut behind = Behind::new(db, Elevation::Same);
    for (elevation, by_link) in [
        (Elevation::Same, false),
        (Elevation::Same, true),
        (Elevation::Fresh, false),
        (Elevation::Fresh, true),
    ] {
        behind = behind.with_shop(elevation);
        let mut owner = signed_in(&behind).await;
        let customer = behind.bench.customer(ADDRESS).await;
        for act in [Act::Lock, Act::Unlock] {
            behind.bench.identity.customers().act(&behind.bench.by(STAFF), customer, act).await.unwrap();
        }
        if by_link {
            let told = owner.get("/magic").await;
            assert!(told.location() == "/magic" && !told.body.contains("orders"), "{told:?}");
            owner.get("/magic").await.leads_to("/.storeward/challenge");
        } else {
            owner.sign_in("ella").await.leads_to("/.storeward/challenge");
        }
        assert!(!owner.sees_account().await, "{elevation:?} {by_link}");
        owner.show_code("").await;
        assert!(owner.sees_account().await);
        behind.bench.advance(86_400);
    }
});

both_engines!(at_the_idle_end_the_shops_session_is_signed_out, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    drop(signed_in(&behind).await);
    // One that is used goes on.
    let mut other = behind.browser();
    other.browser = other.browser.elsewhere();
    other.sign_in_with_code("").await;
    assert!(other.sees_account().await);
    behind.bench.advance(4 * 86_400);
    assert!(other.sees_account().await);
    swept(&behind.shield, &behind, 2).await;
    behind.bench.advance(3 * 86_400 + 60);
    assert!(other.sees_account().await);
    swept(&behind.shield, &behind, 1).await;
    assert!(other.sees_account().await);
    for _ in 0..9 {
        behind.bench.advance(3 * 86_400);
        other.sees_account().await;
        behind.shield.flush().await.unwrap();
        behind.shield.sweep().await.unwrap();
    }
    assert_eq!(behind.shop.signed_in(), 0, "thirty days in any case");
});

// The promise stands in the database: a program that starts again keeps it, and a shop that was away is told when it is back.
both_engines!(it_is_kept_over_a_restart_and_while_the_shop_is_away, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = signed_in(&behind).await;
    behind.shield.flush().await.unwrap();
    owner.browser.post_from("/.storeward/account", "/.storeward/sign-out", &[]).await;
    let later = behind.restarted();
    behind.shop.take_away(true);
    swept(&later, &behind, 1).await;
    behind.bench.advance(3_600);
    swept(&later, &behind, 1).await;
    behind.shop.take_away(false);
    swept(&later, &behind, 0).await;
    let told = behind.shop.asked().iter().filter(|line| line.starts_with("POST /logout")).count();
    swept(&later, &behind, 0).await;
    let again = behind.shop.asked().iter().filter(|line| line.starts_with("POST /logout")).count();
    assert_eq!((told, again), (1, 1), "once");
});

// A connection that stayed open talked on when its session had ended, and one from before a sign-in was never asked about.
both_engines!(an_open_connection_ends_with_its_session, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut owner = signed_in(&behind).await;
    let open = owner.open_socket().await.unwrap();
    assert!(open.stands().await);
    behind.bench.advance(11);
    assert!(open.stands().await);
    owner.browser.post_from("/.storeward/account", "/.storeward/sign-out", &[]).await;
    behind.bench.advance(11);
    assert!(!open.stands().await);
});

// A page's stream of events went on telling the account's news after everybody else had been signed out.
both_engines!(an_answer_that_goes_on_ends_with_its_session, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut owner = signed_in(&behind).await;
    let open = owner.open_answer().await.unwrap();
    behind.bench.advance(11);
    assert!(open.stands().await);
    owner.browser.post_from("/.storeward/account", "/.storeward/sign-out", &[]).await;
    behind.bench.advance(11);
    assert!(!open.stands().await);
});

// A stolen password alone read the account by a stream that had been opened before it was typed.
both_engines!(an_answer_that_goes_on_is_no_way_past_the_challenge, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.get("/").await;
    let open = thief.open_answer().await.unwrap();
    behind.bench.advance(11);
    assert!(open.stands().await, "a visitor's goes on");
    thief.sign_in("ella").await.leads_to("/.storeward/challenge");
    assert!(!open.stands().await);
});

// Whoever hangs up while the shop answers leaves nobody to weigh the answer, and the shop has signed the session in all the same.
both_engines!(an_answer_that_goes_on_ends_where_nobody_waited_for_a_sign_in, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.get("/").await;
    let (open, socket) = (thief.open_answer().await.unwrap(), thief.open_socket().await.unwrap());
    assert_eq!((open.going(), socket.going()), (Going::On, Going::On));
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("user=ella&password={}", crate::behind::SHOP_PASSWORD.replace(' ', "+"));
    let under_way = thief.begin("POST", "/login.php", &kind, &body).await.ok().unwrap();
    assert_eq!((open.going(), socket.going()), (Going::Wait, Going::Wait), "until it is decided");
    drop(under_way);
    assert_eq!((open.going(), socket.going()), (Going::Over, Going::Over));
    behind.bench.advance(3_600);
    assert_eq!((open.going(), socket.going()), (Going::Over, Going::Over), "for good");
});

both_engines!(an_open_connection_is_no_way_past_the_challenge, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.get("/").await;
    let open = thief.open_socket().await.unwrap();
    assert!(open.stands().await);
    // The same cookie of the shop is worth an account from now on.
    thief.sign_in("ella").await.leads_to("/.storeward/challenge");
    assert!(!open.stands().await);
});

both_engines!(an_open_connection_ends_by_itself_when_nobody_comes, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut owner = signed_in(&behind).await;
    let open = owner.open_socket().await.unwrap();
    for _ in 0..20 {
        behind.bench.advance(8 * 3_600);
        assert!(open.stands().await);
    }
    behind.bench.advance(9 * 3_600);
    assert!(!open.stands().await, "an open tab is no use of the session: its idle end comes");
});
