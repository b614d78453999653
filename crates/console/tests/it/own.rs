//! What members of staff do with their own access: passkeys beside the authenticator app, sessions in a list.

use storeward_base::{Actor, SystemEntropy};
use storeward_console::Console;
use storeward_seal::encoding;
use storeward_seal::totp::TotpSecret;
use storeward_seal::webauthn::soft::{PRESENT_AND_VERIFIED, SoftKey};
use storeward_store::both_engines;
use storeward_store::testing::blocking;

use super::bench::{Answer, Bench, Browser, EMAIL, HOST, MIGRATIONS, PASSWORD, enrol_form};

const ORIGIN: &str = "https://console.shop.example";

fn bytes(value: &serde_json::Value) -> Vec<u8> {
    encoding::decode_base64_url(value.as_str().unwrap()).unwrap()
}

fn form(csrf: &str, credential: &str) -> String {
    let credential: String = credential
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    format!("csrf={csrf}&credential={credential}&label=Key&next=")
}

async fn options(browser: &mut Browser<'_>, csrf: &str, path: &str) -> serde_json::Value {
    let answer = browser.post(path, &format!("csrf={csrf}")).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

pub async fn add(browser: &mut Browser<'_>) -> SoftKey {
    let name: &dyn storeward_base::Entropy = &SystemEntropy;
    let mut key = SoftKey::generate(&name.bytes::<8>());
    let csrf = browser.get("/you/passkey").await.csrf();
    let asked = options(browser, &csrf, "/you/passkey/options").await;
    assert_eq!(asked["rp"]["id"], HOST);
    assert_eq!(asked["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(asked["authenticatorSelection"]["residentKey"], "required");
    key.user_handle = bytes(&asked["user"]["id"]);
    let made = key.register(HOST, ORIGIN, &bytes(&asked["challenge"]));
    let created = serde_json::json!({
        "clientData": encoding::base64_url(&made.client_data),
        "attestation": encoding::base64_url(&made.attestation),
    });
    let answer = browser.post("/you/passkey", &form(&csrf, &created.to_string())).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/you?done=passkey"), "{}", answer.body);
    key
}

fn shown(key: &mut SoftKey, asked: &serde_json::Value, origin: &str) -> String {
    let shown = key.sign_in(asked["rpId"].as_str().unwrap(), origin, &bytes(&asked["challenge"]));
    serde_json::json!({
        "id": encoding::base64_url(&key.credential_id),
        "clientData": encoding::base64_url(&shown.client_data),
        "authenticatorData": encoding::base64_url(&shown.authenticator_data),
        "signature": encoding::base64_url(&shown.signature),
        "userHandle": encoding::base64_url(&key.user_handle),
    })
    .to_string()
}

async fn sign_in(browser: &mut Browser<'_>, key: &mut SoftKey, origin: &str) -> (Answer, String) {
    let csrf = browser.get("/sign-in").await.csrf();
    let asked = options(browser, &csrf, "/sign-in/passkey-options").await;
    assert_eq!((&asked["rpId"], asked["allowCredentials"].as_array().unwrap().len()), (&HOST.into(), 0));
    let answer = shown(key, &asked, origin);
    (browser.post("/sign-in/passkey", &form(&csrf, &answer)).await, answer)
}

both_engines!(a_passkey_signs_in_with_nothing_typed, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, secret) = bench.enrolled().await;
    let mut key = add(&mut owner).await;
    let mut browser = bench.browser();
    let (answer, _) = sign_in(&mut browser, &mut key, ORIGIN).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"), "{}", answer.body);
    assert_eq!(browser.get("/").await.status, 200);
    assert!(browser.get("/you").await.body.contains("passkey for console.shop.example"));
    // The authenticator app stays good beside it.
    let code = bench.next_code(&secret);
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD, &code).await.status, 303);
    // It confirms too, and the session's token changes.
    bench.clock.advance(std::time::Duration::from_secs(601));
    let csrf = browser.get("/confirm?next=/you").await.csrf();
    let asked = options(&mut browser, &csrf, "/confirm/passkey-options").await;
    let before = browser.session();
    let answer = browser.post("/confirm", &form(&csrf, &shown(&mut key, &asked, ORIGIN))).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_ne!(browser.session(), before);
    // Removed, it opens nothing.
    let page = browser.get("/you").await;
    let id = page.attribute("name=\"id\" value=\"");
    let gone = browser.post("/you/passkey/remove", &format!("csrf={}&id={id}", page.csrf())).await;
    assert_eq!(gone.location(), "/you?done=removed");
    assert_eq!(sign_in(&mut bench.browser(), &mut key, ORIGIN).await.0.status, 403);
    let kinds: Vec<_> = bench.events("staff.passkey").await.iter().map(|r| r.event.kind()).collect();
    assert_eq!(kinds, ["staff.passkey_added", "staff.passkey_removed"]);
});

both_engines!(a_passkey_that_does_not_hold_opens_nothing, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.enrolled().await;
    let mut key = add(&mut owner).await;
    // Another site, another port of this name, another host.
    for origin in ["https://evil.example", "https://console.shop.example:8443", "http://console.shop.example"]
    {
        assert_eq!(sign_in(&mut bench.browser(), &mut key, origin).await.0.status, 403, "{origin}");
    }
    // The device did not look who is there.
    key.flags = 1;
    assert_eq!(sign_in(&mut bench.browser(), &mut key, ORIGIN).await.0.status, 403);
    key.flags = PRESENT_AND_VERIFIED;
    // An answer counts once, and in the browser that asked.
    let mut browser = bench.browser();
    let (answer, used) = sign_in(&mut browser, &mut key, ORIGIN).await;
    assert_eq!(answer.status, 303);
    let mut thief = bench.browser();
    let csrf = thief.get("/sign-in").await.csrf();
    assert_eq!(thief.post("/sign-in/passkey", &form(&csrf, &used)).await.status, 403);
    options(&mut thief, &csrf, "/sign-in/passkey-options").await;
    assert_eq!(thief.post("/sign-in/passkey", &form(&csrf, &used)).await.status, 403);
    // A challenge that was made to confirm signs nobody in.
    let csrf = owner.get("/confirm").await.csrf();
    let asked = options(&mut owner, &csrf, "/confirm/passkey-options").await;
    let answer = shown(&mut key, &asked, ORIGIN);
    thief.cookies.retain(|(name, _)| !name.ends_with("staff-passkey"));
    let planted = owner.cookies.iter().find(|(name, _)| name.ends_with("staff-passkey")).unwrap().clone();
    thief.cookies.push(planted);
    let csrf = thief.get("/sign-in").await.csrf();
    assert_eq!(thief.post("/sign-in/passkey", &form(&csrf, &answer)).await.status, 403);
    // Another member's handle.
    key.user_handle = vec![0; 16];
    assert_eq!(sign_in(&mut bench.browser(), &mut key, ORIGIN).await.0.status, 403);
    assert!(thief.session().is_none());
});

both_engines!(adding_a_passkey_asks_for_a_fresh_factor, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.enrolled().await;
    let csrf = owner.get("/you").await.csrf();
    bench.clock.advance(std::time::Duration::from_secs(601));
    assert_eq!(owner.get("/you/passkey").await.location(), "/confirm?next=/you/passkey");
    for path in ["/you/passkey", "/you/passkey/options", "/you/passkey/remove"] {
        let answer = owner.post(path, &format!("csrf={csrf}&credential=x&id=x")).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/confirm?next=/you"), "{path}");
    }
    assert!(bench.events("staff.passkey").await.is_empty());
});

both_engines!(sessions_are_listed_and_ended, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut here, secret) = bench.enrolled().await;
    let mut there = bench.browser();
    there.address = "203.0.113.77".parse().unwrap();
    let code = bench.next_code(&secret);
    assert_eq!(there.sign_in(EMAIL, PASSWORD, &code).await.status, 303);
    let mut third = bench.browser();
    let code = bench.next_code(&secret);
    assert_eq!(third.sign_in(EMAIL, PASSWORD, &code).await.status, 303);
    let page = here.get("/you").await;
    assert!(page.body.contains("203.0.113.77") && page.body.contains("this one"));
    // Another member's session stays.
    let path = bench.offer().await;
    let mut other = bench.browser();
    let offered = other.get(&path).await;
    let others = TotpSecret::from_base32(&offered.attribute("data-copy=\"")).unwrap();
    let fields = enrol_form(&offered.csrf(), "eve@staff.example", PASSWORD, &bench.code(&others));
    assert_eq!(other.post(&path, &fields).await.status, 303);
    let row = page.body.split("203.0.113.77").nth(1).unwrap();
    let id = row.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let csrf = other.get("/you").await.csrf();
    other.post("/you/sessions/end", &format!("csrf={csrf}&id={id}")).await;
    assert_eq!(there.get("/").await.status, 200, "another member cannot end it");
    here.post("/you/sessions/end", &format!("csrf={}&id={id}", page.csrf())).await;
    assert_eq!(there.get("/").await.status, 303);
    assert_eq!(third.get("/").await.status, 200);
    here.post("/you/sessions/end-others", &format!("csrf={}", page.csrf())).await;
    assert_eq!(
        (third.get("/").await.status, here.get("/").await.status),
        (303.try_into().unwrap(), 200.try_into().unwrap())
    );
    assert_eq!(other.get("/").await.status, 200);
});

both_engines!(a_reset_takes_passkeys_away, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.enrolled().await;
    let mut key = add(&mut owner).await;
    let (db, data_key) = ((*bench.db).clone(), bench.key.clone());
    let reset =
        move || Console::reset_member_blocking(&db, &data_key, &SystemEntropy, Actor::Operator, EMAIL);
    let offer = blocking(reset).await.unwrap();
    assert_eq!(sign_in(&mut bench.browser(), &mut key, ORIGIN).await.0.status, 403);
    // Nor does it come back with the account.
    let mut person = bench.browser();
    let page = person.get(offer.path.expose()).await;
    let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    let form = enrol_form(&page.csrf(), EMAIL, PASSWORD, &bench.code(&secret));
    assert_eq!(person.post(offer.path.expose(), &form).await.status, 303);
    assert_eq!(sign_in(&mut bench.browser(), &mut key, ORIGIN).await.0.status, 403);
});
