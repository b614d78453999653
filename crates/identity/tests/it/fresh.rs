//! "Everything the account has was shown just now": what makes a session so, what ends it, and what a step-up costs whoever shows what
//! is right. On both engines.

use storeward_identity::{LetterKind, MIGRATIONS, Policy, SessionToken};
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;

use super::behind::{Behind, Elevation, Visitor};
use super::bench::{Bench, Browser, EMAIL, OTHER_PASSWORD, PASSWORD};
use super::under_way::between;

const ACCOUNT: &str = "/.storeward/account";
const CHALLENGE: &str = "/.storeward/challenge";
const CHANGE: &str = "/.storeward/account/password";
const CODES: &str = "/.storeward/account/codes";
const STEP_UP: &str = "/.storeward/step-up";

async fn is_fresh(browser: &mut Browser<'_>) -> bool {
    let page = browser.get(CODES).await;
    assert!(page.status == 200 || page.location() == "/.storeward/step-up?next=/.storeward/account/codes");
    page.status == 200
}

// At an open browser the password alone, typed for another one again and again, kept everything open without the app.
both_engines!(another_password_does_not_stand_for_all_that_there_is, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, Policy { step_up_minutes: 10, ..Policy::default() });
    let (mut open, _) = bench.with_totp().await;
    let passwords = [PASSWORD, OTHER_PASSWORD];
    for n in 0..2 {
        bench.advance(250);
        let fields = [("current", passwords[n]), ("password", passwords[1 - n])];
        open.post_from(CHANGE, CHANGE, &fields).await.leads_to("/.storeward/account?done=password");
    }
    assert!(is_fresh(&mut open).await, "nor does it end what was shown");
    bench.advance(250);
    assert!(!is_fresh(&mut open).await);
    assert!(open.is_signed_in().await);
});

// The very act with which an owner answers a strange sign-in left the stranger's session able to undo it.
both_engines!(what_is_added_has_not_been_shown_by_other_sessions, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    thief.step_up_by_mail().await;
    assert!(is_fresh(&mut thief).await);
    // The thief's change of address is under way.
    let address = "/.storeward/account/address";
    thief.post_from(address, address, &[("email", "thief@evil.example")]).await.leads_to(CHALLENGE);
    owner.add_totp().await;
    let moved = thief.prove("mail", &bench.code(storeward_identity::LetterKind::AddressCode)).await;
    assert_ne!(moved.location(), "/.storeward/account?done=address");
    let page = thief.get(ACCOUNT).await;
    let factor = page.body.split("/account/factors/remove\"").nth(1).expect("the app is listed");
    let id = factor.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let removed = thief.post("/.storeward/account/factors/remove", &page.csrf(), &[("id", &id)]).await;
    removed.leads_to("/.storeward/step-up?next=/.storeward/account");
    for path in [CODES, CHANGE, address, "/.storeward/account/totp", "/.storeward/account/passkey"] {
        let asked = thief.get(path).await;
        assert!(asked.location().starts_with(STEP_UP), "{path}: {}", asked.location());
    }
    assert!(is_fresh(&mut owner).await, "whoever added it has");
    // The same with recovery codes.
    let app_is_shown = owner.recovery_codes().await;
    assert_eq!(app_is_shown.len(), 8);
    let customer = bench.customer(EMAIL).await;
    let view = bench.identity.customers().view(customer).await.unwrap().unwrap();
    assert_eq!((view.factors.len(), view.codes_left), (1, 8));
});

both_engines!(nor_by_what_one_of_them_had_begun, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    thief.step_up_by_mail().await;
    let asked = thief.get(CODES).await.csrf();
    let page = owner.post_from("/.storeward/account/totp", "/.storeward/account/totp", &[]).await;
    let key = page.body.split("<code class=\"long\">").nth(1).unwrap().split('<').next().unwrap();
    let code = bench.totp(&TotpSecret::from_base32(key).unwrap());
    let (added, made) = between(
        &bench,
        owner.post("/.storeward/account/totp/confirm", &page.csrf(), &[("code", &code), ("label", "x")]),
        thief.post(CODES, &asked, &[]),
    )
    .await;
    added.leads_to("/.storeward/account?done=totp");
    assert_eq!(made.status, 409, "{}", made.body);
    let customer = bench.customer(EMAIL).await;
    let view = bench.identity.customers().view(customer).await.unwrap().unwrap();
    assert_eq!(view.codes_left, 0);
});

// The sixth of a day had to wait, and each one after it twice as long: the right password was counted as a guess.
both_engines!(a_step_up_that_is_passed_costs_nothing, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    for _ in 0..8 {
        owner.step_up_by_mail().await;
    }
    // Nor does one that is left behind the right password.
    for _ in 0..8 {
        owner.post_from(STEP_UP, STEP_UP, &[("next", "/")]).await.leads_to(CHALLENGE);
        assert_ne!(owner.prove("password", PASSWORD).await.status, 429);
    }
    // Wrong ones are counted, and forgotten with a step-up that is passed.
    for _ in 0..2 {
        bench.advance(3_600);
        let mut last = 0;
        for _ in 0..7 {
            owner.post_from(STEP_UP, STEP_UP, &[("next", "/")]).await.leads_to(CHALLENGE);
            last = owner.prove("password", OTHER_PASSWORD).await.status.as_u16();
        }
        assert_eq!(last, 429, "whoever guesses waits");
        bench.advance(60);
        owner.step_up_by_mail().await;
    }
});

// `acr` went by what the step-up took, `amr` by all that the session had shown: a client that wanted two factors was told `mfa` and
// `aal1` at once, and asked for ever.
both_engines!(a_session_says_one_thing_of_what_was_shown, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let bench = &behind.bench;
    let mut owner = behind.browser();
    owner.sign_in_with_code("yes").await;
    assert!(owner.sees_account().await);
    owner.post("/logout", &[]).await;
    bench.advance(60);
    owner.sign_in("ella").await.leads_to("/account");
    assert!(owner.sees_account().await);
    let session = async |owner: &Visitor<'_>| {
        let token = SessionToken::parse(owner.browser.session().unwrap().trim_end_matches("-b")).unwrap();
        bench.identity.current(&token).await.unwrap().unwrap()
    };
    let trusted = session(&owner).await;
    assert_eq!((trusted.acr(), trusted.amr().join(" ").as_str()), ("aal1", "pwd device"));
    // The password is the shop's own, so the step-up takes the code alone; the shop's password was shown in this session before.
    owner.browser.post_from(STEP_UP, STEP_UP, &[("next", "/account")]).await.leads_to(CHALLENGE);
    owner.browser.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/account");
    let raised = session(&owner).await;
    assert_eq!((raised.acr(), raised.amr().join(" ").as_str()), ("aal2", "pwd device email mfa"));
    let passed = bench.events("identity.step_up_passed").await;
    let fact = serde_json::to_value(&passed.last().unwrap().event).unwrap();
    assert_eq!(fact["data"]["acr"], "aal2");
});
