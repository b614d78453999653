//! Those of the shield's fifteen pitfalls that are none of one door: what a shop does before the second factor, caches, servers of the
//! shop's own, and pages that look like the shop's.

use storeward_base::AddressList;
use storeward_identity::{HANDLE_COOKIE, LetterKind, MIGRATIONS, ShieldSection};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation, SECRET, SHOP_PASSWORD};
use super::bench::{Answer, assertion};

const JSON: [(&str, &str); 2] = [("accept", "application/json"), ("content-type", "application/json")];

both_engines!(pitfall_09_what_the_shop_did_before_is_shown_to_nobody, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut thief = behind.browser();
    thief.get("/").await;
    // The shop has signed them in, and its answer says so.
    let answer = thief.sign_in("ella").await;
    assert_eq!(behind.shop.signed_in(), 1);
    assert!(!answer.body.contains(SECRET), "{}", answer.body);
    let picture = [("accept", "image/*"), ("sec-fetch-dest", "image")];
    let script = [("accept", "*/*"), ("sec-fetch-dest", "script")];
    for (method, path, lines) in [
        ("GET", "/account", &picture),
        ("GET", "/account", &script),
        ("GET", "/account", &JSON),
        ("POST", "/account", &JSON),
        ("POST", "/checkout", &JSON),
        ("HEAD", "/account", &JSON),
    ] {
        let shown = thief.send(method, path, lines, "").await;
        assert!(!shown.body.contains(SECRET), "{method} {path} {lines:?}: {}", shown.body);
    }
    // Whoever leaves it at that leaves nothing behind.
    thief.send("POST", "/logout", &JSON, "").await;
    assert_eq!(behind.shop.signed_in(), 0);
    assert!(!thief.sees_account().await);
});

both_engines!(pitfall_11_no_cache_keeps_a_handle, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut seen = 0;
    let mut check = |answer: &Answer| {
        let lines: Vec<_> =
            answer.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap()).collect();
        if lines.iter().any(|line| line.contains(HANDLE_COOKIE.name)) {
            seen += 1;
            let says: Vec<_> = answer.headers.get_all("cache-control").iter().collect();
            assert_eq!(says, ["private, no-store"], "the shop says that any cache may keep it");
        }
    };
    let mut owner = behind.browser();
    check(&owner.get("/").await);
    check(&owner.sign_in("ella").await);
    owner.show_code("").await;
    check(&owner.get("/account").await);
    check(&owner.send("POST", "/logout", &JSON, "").await);
    check(&owner.get("/").await);
    assert!(seen >= 2, "a handle went out with {seen} answers");
});

both_engines!(pitfall_12_a_server_of_the_shops_own_takes_a_lane, MIGRATIONS, async |db| {
    let lanes = AddressList::parse(&["198.51.100.0/24"]).unwrap();
    let behind = Behind::speaking(db, "magento", ShieldSection { lanes, ..ShieldSection::default() });
    let call = serde_json::json!({
        "query": "mutation ($email: String!, $password: String!) { generateCustomerToken(email: $email, password: $password) { token } }",
        "variables": { "email": ADDRESS, "password": SHOP_PASSWORD },
    });
    // What its customers do in the browser is not seen; it has to ask for the second factor itself.
    let mut server = behind.browser();
    let answer = server.send("POST", "/graphql", &JSON, &call.to_string()).await;
    assert!(answer.status == 200 && answer.body.contains("token-of-42"), "{}", answer.body);
    let mut other = behind.browser();
    other.browser = other.browser.elsewhere();
    let answer = other.send("POST", "/graphql", &JSON, &call.to_string()).await;
    assert!(answer.status == 403 && !answer.body.contains("token-of"), "{}", answer.body);
});

// Somebody types password and code into a page that looks like the shop's, which sends both on at once. A code goes through; a passkey
// is signed for the address that the browser shows.
both_engines!(pitfall_14_a_relayed_passkey_opens_nothing, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let mut key = owner.browser.add_passkey().await;

    let challenge = "/.storeward/challenge";
    let mut relay = behind.browser();
    relay.browser = relay.browser.elsewhere();
    relay.get("/").await;
    relay.sign_in("ella").await.leads_to(challenge);
    for origin in ["https://shop.example.evil.example", "https://shop-example.example", "http://shop.example"]
    {
        let options = relay.browser.options(challenge, "/.storeward/challenge/passkey-options").await;
        let shown = assertion(&mut key, &options, origin);
        let fields = [("method", "passkey"), ("credential", shown.as_str())];
        let answer = relay.browser.post_from(challenge, challenge, &fields).await;
        assert_ne!(answer.status, 303, "{origin}");
    }
    assert!(!relay.sees_account().await);
    assert!(
        !behind.bench.kinds().iter().skip(1).any(|kind| *kind == LetterKind::SignInCode),
        "nor does a letter go out"
    );
    // At the shop itself the same key opens.
    let mut own = behind.browser();
    own.get("/").await;
    own.sign_in("ella").await.leads_to(challenge);
    assert_eq!(own.browser.prove_with(&mut key).await.status, 303);
    assert!(own.sees_account().await);
});
