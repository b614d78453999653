//! Those of the shield's fifteen pitfalls that are none of one door: what a shop does before the second factor, caches, servers of the
//! shop's own, and pages that look like the shop's.

use storeward_base::AddressList;
use storeward_identity::staff::{Act, Done};
use storeward_identity::{HANDLE_COOKIE, LetterKind, MIGRATIONS, SecondFactor, ShieldSection};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation, SECRET, SHOP_PASSWORD};
use super::bench::{Answer, STAFF, assertion};

const WELL_KNOWN: &str = "/.well-known/change-password";
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

/// The shop's own password form, and what it answers.
pub const PASSWORD_FORM: &str = "[password]\npage = \"/account/password\"\n[[password.form]]\npath = \"/account/password\"\n\
                             field = \"new_password\"\n[[sensitive]]\nmethods = [\"POST\"]\npath = \"/account/password\"\n";

// A new password was promised, and none was asked for: the shop's own is not ours, and the stolen one went on working as soon as the owner
// had signed in once.
both_engines!(this_was_not_me_holds_until_the_shop_has_another_password, MIGRATIONS, async |db| {
    let with_form = |file: &str| format!("{file}\n{PASSWORD_FORM}");
    let behind = Behind::with_file(db, SecondFactor::Offered, with_form);
    let bench = &behind.bench;
    // The thief has the password, and nothing is asked for.
    let mut thief = behind.browser();
    thief.browser = thief.browser.elsewhere();
    thief.get("/").await;
    thief.sign_in("ella").await.leads_to("/account");
    assert!(thief.sees_account().await);
    // The owner says so, and is led to the shop's own page, with words that fit.
    let link = bench.letter(LetterKind::NewDevice).parameter("link").to_owned();
    let link = link.strip_prefix("https://shop.example").unwrap().to_owned();
    let mut owner = behind.browser();
    let page = owner.browser.get(&link).await;
    assert!(page.body.contains("You choose that at the shop"), "{}", page.body);
    let token = page.attribute("name=\"t\" value=\"");
    let done = owner.browser.post("/.storeward/not-me", &page.csrf(), &[("t", &token)]).await;
    done.leads_to("/.storeward/not-me?done=shop");
    let done = owner.browser.get("/.storeward/not-me?done=shop").await;
    assert!(done.body.contains("href=\"/account/password\""), "{}", done.body);
    assert!(!done.body.contains("name=\"password\""), "no form of ours that cannot take the shop's password");
    bench.advance(11);
    assert!(!thief.sees_account().await);
    // The owner signs in once, with a code, and trusts the device.
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to("/.storeward/challenge");
    owner.show_code("yes").await;
    assert!(owner.sees_account().await);
    // The password is still the stolen one: so neither a new browser nor the trusted device is excused.
    for _ in 0..2 {
        let mut thief = behind.browser();
        thief.browser = thief.browser.elsewhere();
        thief.get("/").await;
        thief.sign_in("ella").await.leads_to("/.storeward/challenge");
        assert!(!thief.sees_account().await);
    }
    owner.post("/logout", &[]).await;
    owner.sign_in("ella").await.leads_to("/.storeward/challenge");
    owner.show_code("").await;
    assert!(owner.sees_account().await);
    // What the shop did not take changes nothing, whatever was sent.
    for fields in
        [[("old", "a guess"), ("new_password", "x")], [("old", SHOP_PASSWORD), ("new_passwort", "x")]]
    {
        let _ = owner.post("/account/password", &fields).await;
    }
    let customer = bench.customer(ADDRESS).await;
    let view = || async { bench.identity.customers().view(customer).await.unwrap().unwrap() };
    assert!(view().await.state.must_change_at.is_some());
    // Nor does a form that comes without a fresh second factor.
    bench.advance(3_600);
    let change = [("old", SHOP_PASSWORD), ("new_password", "slate on a grey roof")];
    let asked = owner.post("/account/password", &change).await;
    assert!(asked.location().starts_with("/.storeward/step-up"), "{asked:?}");
    assert!(view().await.state.must_change_at.is_some());
    let next = asked.location().to_owned();
    owner.browser.post_from(&next, "/.storeward/step-up", &[("next", "/account")]).await;
    let code = bench.code(LetterKind::SignInCode);
    owner.browser.prove("mail", &code).await.leads_to("/account");
    owner.post("/account/password", &change).await.leads_to("/account");
    assert!(view().await.state.must_change_at.is_none());
    assert_eq!(bench.reasons("identity.password_changed").await, ["shop"]);
    // From now on what the policy asks, which is nothing.
    let mut again = behind.browser();
    again.get("/").await;
    again.post("/login.php", &[("user", "ella"), ("password", change[1].1)]).await.leads_to("/account");
});

// Ours ended everything else and was told by letter; the shop's ended nothing and was told to nobody.
both_engines!(another_password_at_the_shop_ends_what_the_old_one_began, MIGRATIONS, async |db| {
    let with_form = |file: &str| format!("{file}\n{PASSWORD_FORM}");
    let behind = Behind::with_file(db, SecondFactor::Risk, with_form);
    let bench = &behind.bench;
    let mut thief = behind.browser();
    thief.browser = thief.browser.elsewhere();
    thief.sign_in_with_code("yes").await;
    assert!(thief.sees_account().await);
    bench.advance(60);
    let mut owner = behind.browser();
    owner.sign_in_with_code("yes").await;
    assert!(owner.sees_account().await && thief.sees_account().await);
    let customer = bench.customer(ADDRESS).await;
    let standing = async || bench.identity.standing(customer).await.unwrap().unwrap();
    assert_eq!((standing().await.devices_seen.len(), standing().await.sessions), (2, 2));
    let change = |old| [("old", old), ("new_password", "slate on a grey roof")];
    // What the shop did not take ends nothing.
    let _ = owner.post("/account/password", &change("a guess")).await;
    assert_eq!(standing().await.sessions, 2);
    owner.post("/account/password", &change(SHOP_PASSWORD)).await.leads_to("/account");
    let letter = bench.letter(LetterKind::PasswordChanged);
    assert!(letter.to.expose() == ADDRESS && letter.parameter("link").contains("/not-me?t="));
    assert_eq!(bench.reasons("identity.sessions_revoked").await, ["password_changed"]);
    assert_eq!((standing().await.devices_seen.len(), standing().await.sessions), (1, 1));
    bench.advance(11);
    assert!(owner.sees_account().await, "who changed it goes on");
    assert!(!thief.sees_account().await);
    // Nor does the device that was trusted spare anybody the second factor.
    thief.get("/").await;
    let fields = [("user", "ella"), ("password", "slate on a grey roof")];
    thief.post("/login.php", &fields).await.leads_to("/.storeward/challenge");
});

// Where nobody sees the shop take it, staff say so; and no more than that.
both_engines!(staff_say_that_the_shop_has_another_password, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, str::to_owned);
    let bench = &behind.bench;
    let mut owner = behind.browser();
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to("/account");
    assert!(owner.sees_account().await);
    let customer = bench.customer(ADDRESS).await;
    let said = async |act| bench.identity.customers().act(&bench.by(STAFF), customer, act).await;
    assert_eq!(said(Act::ShopPasswordChanged).await.unwrap(), Done::Already);
    let page = owner.browser.get("/.storeward/account").await;
    let done = owner.browser.post("/.storeward/account/not-me", &page.csrf(), &[]).await;
    done.leads_to("/.storeward/not-me?done=shop");
    for _ in 0..2 {
        bench.advance(11);
        owner.get("/").await;
        owner.sign_in("ella").await.leads_to("/.storeward/challenge");
        owner.show_code("").await;
        assert!(owner.sees_account().await);
        owner.post("/logout", &[]).await;
    }
    assert_eq!(said(Act::ShopPasswordChanged).await.unwrap(), Done::Changed);
    owner.sign_in("ella").await.leads_to("/account");
});

// Password managers were led to a form of ours that could never be right.
both_engines!(change_password_leads_to_the_shops_own_page, MIGRATIONS, async |db| {
    let with_form = |file: &str| format!("{file}\n{PASSWORD_FORM}");
    let behind = Behind::with_file(db, SecondFactor::Required, with_form);
    let mut owner = behind.browser();
    owner.browser.get(WELL_KNOWN).await.leads_to("/account/password");
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    owner.browser.get(WELL_KNOWN).await.leads_to("/account/password");
    let page = owner.browser.get("/.storeward/account/password").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("href=\"/account/password\"") && !page.body.contains("type=\"password\""));
    // Whoever has a password of ours is led to ours, also behind the shield.
    let mut own = behind.bench.signed_up().await;
    own.get(WELL_KNOWN).await.leads_to("/.storeward/account/password");
    assert!(own.get("/.storeward/account/password").await.body.contains("type=\"password\""));
});
