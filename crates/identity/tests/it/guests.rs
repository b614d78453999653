//! While the shop's page does not say who is signed in, on both engines.

use storeward_base::Clock;
use storeward_identity::MIGRATIONS;
use storeward_store::both_engines;

use super::behind::{Behind, Elevation, SECRET, Visitor};

/// With a cookie that no file knows: of a language, a consent, or "stay signed in".
fn newcomer(behind: &Behind) -> Visitor<'_> {
    let mut visitor = behind.browser();
    visitor.browser = visitor.browser.elsewhere();
    visitor.browser.cookies = vec![("kept".to_owned(), "a1b2".to_owned())];
    visitor
}

/// Of a guest who was led here just now.
fn young(behind: &Behind) -> (String, String) {
    ("__Host-storeward-guest".to_owned(), behind.bench.clock.now().seconds().to_string())
}

// Every visitor with such a cookie had 503 in place of the shop's first page, as long as its account page failed.
both_engines!(a_newcomer_looks_around_as_a_guest, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    behind.shop.break_probe(true);
    let mut guest = newcomer(&behind);
    guest.get("/?page=2").await.leads_to("/?page=2");
    for target in ["/?page=2", "/mugs", "/"] {
        let shown = guest.get(target).await;
        assert!(shown.status == 200 && shown.body == "welcome", "{target}: {} {}", shown.status, shown.body);
    }
    let asked = behind.shop.asked();
    let as_guest: Vec<_> = asked.iter().rev().filter(|line| !line.starts_with("GET /me")).take(3).collect();
    assert!(as_guest.iter().all(|line| !line.contains("kept")), "the shop could know them: {as_guest:?}");
    // What opens an account opens none, and nothing is done.
    for target in ["/magic", "/welcome?t=3f2a9c0b7d1e4f5a6b8c", "/account", "/checkout"] {
        let shown = guest.get(target).await;
        assert!(!shown.body.contains("the orders"), "{target}: {}", shown.body);
    }
    let told = guest.post("/cart", &[("mug", "1")]).await;
    assert_eq!(told.status, 503, "{}", told.body);
    guest.sign_in("ella").await;
    assert!(!guest.get("/account").await.body.contains(SECRET));
    // A script is told.
    let told = newcomer(&behind).send("GET", "/mugs", &[("accept", "application/json")], "").await;
    assert_eq!(told.status, 503, "{}", told.body);
});

// Whoever is signed in, and whoever signs in when the page is there again, is no guest.
both_engines!(nobody_who_is_in_is_made_a_guest, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    owner.browser.cookies.push(young(&behind));
    assert!(owner.sees_account().await, "the cookie says nothing of whoever is in");
    behind.shop.break_probe(true);
    let mut guest = newcomer(&behind);
    guest.get("/").await.leads_to("/");
    assert_eq!(guest.get("/").await.status, 200);
    behind.shop.break_probe(false);
    guest.sign_in("ella").await.leads_to("/.storeward/challenge");
    guest.show_code("").await;
    assert!(guest.sees_account().await);
});

// Whoever has a link, and says that they are a guest, sees nothing that it opens.
both_engines!(a_guest_of_ones_own_making_sees_no_account, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    for target in
        ["/magic", "/welcome?t=3f2a9c0b7d1e4f5a6b8c", "/welcome/V1StGXR8_Z5jdHi6B-myT/confirm", "/account"]
    {
        let mut thief = behind.browser();
        thief.browser.cookies.push(young(&behind));
        for _ in 0..2 {
            let shown = thief.get(target).await;
            assert!(!shown.body.contains("the orders"), "{target}: {}", shown.body);
        }
        assert!(!thief.sees_account().await, "{target}");
    }
});

// A form that is led back is no try. Whoever makes the cookie up, and so withdraws tries, takes none of their guesses back by it.
both_engines!(no_guest_of_ones_own_making_guesses_more_often, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mark = &storeward_seal::fingerprint::token_hash("/login")[..8];
    let heard = || behind.shop.asked().iter().filter(|line| line.starts_with("POST /login")).count();
    let mut thief = behind.browser();
    thief.browser = thief.browser.elsewhere();
    let lines = [
        ("accept", "text/html"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("referer", "https://shop.example/login"),
    ];
    for n in 0..16 {
        for cookie in [Some(format!("1-{mark}")), None, Some(format!("1-{mark}"))] {
            thief.browser.cookies =
                cookie.iter().map(|value| ("__Host-storeward-guest".to_owned(), value.clone())).collect();
            let before = heard();
            let told = thief.send("POST", "/login", &lines, &format!("user=ella&password=guess{n}")).await;
            if cookie.is_some() {
                assert_eq!(heard(), before, "{n}");
                assert!(n > 0 || told.location() == "/login", "it is led: {} {}", told.status, told.body);
            }
        }
    }
    assert_eq!(heard(), 5);
});
