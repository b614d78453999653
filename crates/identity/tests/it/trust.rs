//! Devices that are known, and those that their owner trusts: only the latter spare the second factor, and not after everybody was
//! signed out. On both engines.

use storeward_identity::staff::Act;
use storeward_identity::{LetterKind, MIGRATIONS, SecondFactor};
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind};
use super::bench::{Bench, Browser, EMAIL, PASSWORD, STAFF};
use super::under_way::between;

const ACCOUNT: &str = "/.storeward/account";
const CHALLENGE: &str = "/.storeward/challenge";
const DEVICE: &str = "__Host-storeward-device";
const END_OTHERS: &str = "/.storeward/account/sessions/end-others";

/// Signs in with the app; `trust` as the box has it.
async fn with_app(browser: &mut Browser<'_>, app: &TotpSecret, trust: &str) {
    browser.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    let code = browser.bench.next_totp(app);
    let fields = [("method", "totp"), ("secret", code.as_str()), ("trust", trust)];
    browser.post_from(CHALLENGE, CHALLENGE, &fields).await.leads_to(ACCOUNT);
}

// In the default policy a device that had shown the app once opened the account with the password alone for 400 days, trusted or
// not; and so did a copy of its token.
both_engines!(a_device_that_nobody_trusts_is_asked_for_the_app_each_time, MIGRATIONS, async |db| {
    let bench = Bench::with(db, SecondFactor::Risk);
    let (_, app) = bench.with_totp().await;
    let mut lent = bench.browser();
    with_app(&mut lent, &app, "").await;
    for _ in 0..3 {
        bench.advance(3_600);
        lent.cookies.retain(|(name, _)| name == DEVICE);
        lent.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
        assert!(!lent.is_signed_in().await);
    }
    let mut copy = Browser { cookies: lent.cookies.clone(), ..lent.elsewhere() };
    copy.cookies.retain(|(name, _)| name == DEVICE);
    copy.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert!(!copy.is_signed_in().await);
    // Trusted, it is not asked, for as long as the page says.
    let mut own = bench.browser();
    with_app(&mut own, &app, "yes").await;
    bench.advance(29 * 86_400);
    own.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    bench.advance(2 * 86_400);
    own.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
});

both_engines!(nor_does_it_open_the_shop, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Risk, str::to_owned);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let app = owner.browser.add_totp().await;
    for trust in ["", "yes"] {
        owner.post("/logout", &[]).await;
        owner.sign_in("ella").await.leads_to(CHALLENGE);
        assert!(!owner.sees_account().await);
        let code = behind.bench.next_totp(&app);
        let fields = [("method", "totp"), ("secret", code.as_str()), ("trust", trust)];
        owner.browser.post_from(CHALLENGE, CHALLENGE, &fields).await.leads_to("/account");
        assert!(owner.sees_account().await);
    }
    owner.post("/logout", &[]).await;
    owner.sign_in("ella").await.leads_to("/account");
    // The shop's staff lock the account, and open it again: nothing is trusted any more.
    let (desk, by) = (behind.bench.identity.customers(), behind.bench.by(STAFF));
    let customer = behind.bench.customer(ADDRESS).await;
    for act in [Act::Lock, Act::Unlock] {
        desk.act(&by, customer, act).await.unwrap();
    }
    behind.bench.advance(11);
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to(CHALLENGE);
});

// A thief with the password and a trusted device's token was back with both the moment after.
both_engines!(whoever_is_signed_out_everywhere_is_on_no_trusted_device, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, app) = bench.with_totp().await;
    let (mut owner, mut thief) = (bench.browser(), bench.browser().elsewhere());
    with_app(&mut owner, &app, "yes").await;
    let (desk, by) = (bench.identity.customers(), bench.by(STAFF));
    let customer = bench.customer(EMAIL).await;
    with_app(&mut thief, &app, "yes").await;
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    owner.post_from(ACCOUNT, END_OTHERS, &[]).await.leads_to("/.storeward/account?done=sessions");
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    for acts in [&[Act::Lock, Act::Unlock][..], &[Act::EndSessions]] {
        with_app(&mut thief, &app, "yes").await;
        thief.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
        for act in acts {
            desk.act(&by, customer, *act).await.unwrap();
        }
        thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    }
    let reasons = bench.reasons("identity.devices_revoked").await;
    assert_eq!(reasons, ["all_others", "staff", "staff"]);
});

// The password was looked at while the device was still trusted: the session came a moment after, and stayed.
both_engines!(a_sign_in_on_a_device_that_is_forgotten_meanwhile_opens_nothing, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, app) = bench.with_totp().await;
    let (mut owner, mut thief) = (bench.browser(), bench.browser().elsewhere());
    with_app(&mut owner, &app, "").await;
    with_app(&mut thief, &app, "yes").await;
    let csrf = owner.get(ACCOUNT).await.csrf();
    let (ended, answer) =
        between(&bench, owner.post(END_OTHERS, &csrf, &[]), thief.sign_in(EMAIL, PASSWORD)).await;
    ended.leads_to("/.storeward/account?done=sessions");
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(!thief.is_signed_in().await);
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
});

// The browser held one token: two people of a household took each other's trust at each sign-in, and had a letter of a "new device" each time.
both_engines!(a_household_on_one_browser_is_known_each_for_their_own, MIGRATIONS, async |db| {
    const HERS: &str = "ida@example.org";
    const HER_PASSWORD: &str = "nine herons over the marsh";
    let bench = Bench::with(db, SecondFactor::Required);
    bench.signed_up().await;
    let mut other = bench.browser();
    other.sign_up(HERS, HER_PASSWORD).await.leads_to(CHALLENGE);
    other.prove("mail", &bench.code(LetterKind::SignUpCode)).await.leads_to(ACCOUNT);
    let mut shared = bench.browser().elsewhere();
    for (email, password) in [(EMAIL, PASSWORD), (HERS, HER_PASSWORD)] {
        shared.sign_in(email, password).await.leads_to(CHALLENGE);
        let code = bench.code(LetterKind::SignInCode);
        let fields = [("method", "mail"), ("secret", code.as_str()), ("trust", "yes")];
        shared.post_from(CHALLENGE, CHALLENGE, &fields).await.leads_to(ACCOUNT);
        bench.advance(3_600);
    }
    let told = || bench.kinds().iter().filter(|kind| **kind == LetterKind::NewDevice).count();
    let before = told();
    for (email, password) in
        [(EMAIL, PASSWORD), (HERS, HER_PASSWORD), (EMAIL, PASSWORD), (EMAIL, PASSWORD), (HERS, HER_PASSWORD)]
    {
        shared.sign_in(email, password).await.leads_to(ACCOUNT);
        bench.advance(3_600);
    }
    assert_eq!(told(), before, "nobody is told of a new device");
    // One person's trust is none of the other's, and ends alone.
    let (desk, by) = (bench.identity.customers(), bench.by(STAFF));
    desk.act(&by, bench.customer(HERS).await, Act::EndSessions).await.unwrap();
    shared.sign_in(HERS, HER_PASSWORD).await.leads_to(CHALLENGE);
    shared.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
});

// Nor is a copy of one person's token a sign of theft of the other's, and it is found out behind the other's all the same.
both_engines!(a_copy_is_found_out_in_a_households_browser, MIGRATIONS, async |db| {
    const HERS: &str = "ida@example.org";
    const HER_PASSWORD: &str = "nine herons over the marsh";
    let bench = Bench::with(db, SecondFactor::Required);
    bench.signed_up().await;
    let mut shared = bench.browser();
    shared.sign_up(HERS, HER_PASSWORD).await.leads_to(CHALLENGE);
    shared.prove("mail", &bench.code(LetterKind::SignUpCode)).await.leads_to(ACCOUNT);
    shared.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    shared.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to(ACCOUNT);
    let copied = shared.cookie(DEVICE).unwrap();
    for (email, password) in [(HERS, HER_PASSWORD), (EMAIL, PASSWORD), (HERS, HER_PASSWORD)] {
        bench.advance(3_600);
        shared.sign_in(email, password).await.leads_to(CHALLENGE);
        shared.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to(ACCOUNT);
        bench.advance(120);
        assert!(shared.is_signed_in().await, "what it was exchanged for has arrived");
    }
    let mut thief = bench.browser().elsewhere();
    thief.cookies.push((DEVICE.to_owned(), copied));
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(bench.events("identity.device_token_reused").await.len(), 1);
    assert!(shared.is_signed_in().await, "hers is not ended by his copy");
    thief.sign_in(HERS, HER_PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(bench.events("identity.device_token_reused").await.len(), 2, "hers was copied with it");
    assert!(!shared.is_signed_in().await);
});
