//! What an attacker tried at the shop's own doors behind the shield, and what came of it, on both engines.

use storeward_identity::{LetterKind, MIGRATIONS};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation, SHOP_PASSWORD};

const PROBLEM_FORM: [(&str, &str); 2] =
    [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")];
const MALLORY: [(&str, &str); 2] = [("user", "mallory@people.example"), ("password", "another password")];

// Two fields of one name went to the shop uncounted, and the shop read the second.
both_engines!(a_name_or_password_that_comes_twice_is_refused, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut thief = behind.browser();
    for body in [
        "user=z&user=ella&password=g",
        "user=ella&password=x&password=g",
        "user=z&%20user=ella&password=g",
        "user=z&user[]=ella&password=g",
        "user=ella&password=x&+password%00=g",
    ] {
        let told = thief.send("POST", "/login.php", &PROBLEM_FORM, body).await;
        assert_eq!(told.status, 400, "{body}");
        assert_eq!(told.headers["content-type"], "application/problem+json");
        assert!(told.body.contains("identity.form_ambiguous"), "{body}: {}", told.body);
    }
    assert!(behind.shop.asked().is_empty(), "the shop heard of none");
    // One field in a spelling that PHP takes for the same is counted for the same account.
    let mut refused = 0;
    for _ in 0..12 {
        let told = thief.send("POST", "/login.php", &PROBLEM_FORM, "%20user=ella&%20password=g").await;
        refused += usize::from(told.status == 429);
    }
    assert!(refused > 0, "guesses in another spelling are slowed down");
});

// A device that was known for one's own account took guesses at anybody's out of every count.
both_engines!(ones_own_device_is_no_way_to_guess_at_others, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut mallory = behind.browser();
    mallory.get("/").await;
    mallory.post("/login.php", &MALLORY).await.leads_to("/.storeward/challenge");
    mallory.show_code("yes").await;
    assert!(mallory.get("/account").await.body.contains("the orders of 7"));
    let mut refused = 0;
    for _ in 0..3 {
        for _ in 0..4 {
            let guess = mallory.post("/login.php", &[("user", ADDRESS), ("password", "wrong")]).await;
            refused += usize::from(guess.status == 429);
        }
        mallory.post("/logout", &[]).await;
        mallory.post("/login.php", &MALLORY).await.leads_to("/account");
    }
    assert!(refused > 0, "an own sign-in clears nobody else's count");
});

both_engines!(strangers_do_not_lock_a_known_device_out_at_the_shops_door, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("yes").await;
    assert!(owner.sees_account().await);
    owner.post("/logout", &[]).await;
    let mut stranger = behind.browser();
    let mut last = 0;
    for _ in 0..12 {
        let guess = stranger.post("/login.php", &[("user", ADDRESS), ("password", "wrong")]).await;
        last = guess.status.as_u16();
    }
    assert_eq!(last, 429);
    owner.post("/login.php", &[("user", ADDRESS), ("password", SHOP_PASSWORD)]).await.leads_to("/account");
});

// Each right password sent a letter, without end.
both_engines!(right_passwords_send_few_letters_to_one_address, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let codes = || behind.bench.kinds().iter().filter(|kind| **kind == LetterKind::SignInCode).count();
    // Letters that are read are none too many.
    for _ in 0..6 {
        let mut owner = behind.browser();
        owner.sign_in_with_code("").await;
        assert!(owner.sees_account().await);
    }
    assert_eq!(codes(), 6);
    let mut thief = behind.browser();
    for _ in 0..10 {
        thief = behind.browser();
        thief.get("/").await;
        thief.sign_in("ella").await.leads_to("/.storeward/challenge");
    }
    assert_eq!(codes(), 6 + 4);
    assert_eq!(thief.browser.get("/.storeward/challenge").await.status, 200, "the page tells when");
});

// Whoever sat down next at the computer was in with Storeward's own pages.
both_engines!(a_sign_out_at_the_shop_ends_our_own_session, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    assert_eq!(owner.browser.get("/.storeward/account").await.status, 200);
    let before = owner.browser.cookies.clone();
    owner.post("/logout", &[]).await;
    assert_eq!(owner.browser.session(), None, "the cookie goes");
    // Nor is a copy of it worth anything.
    owner.browser.cookies = before;
    let next = owner.browser.get("/.storeward/account").await;
    assert!(next.location().starts_with("/.storeward/sign-in"), "{next:?}");
    assert_eq!(behind.bench.events("identity.signed_out").await.len(), 1);
});
