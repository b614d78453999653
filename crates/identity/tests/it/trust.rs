//! Devices that are known, and those that their owner trusts: only the latter spare the second factor. On both engines.

use storeward_identity::{MIGRATIONS, SecondFactor};
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;

use super::behind::Behind;
use super::bench::{Bench, Browser, EMAIL, PASSWORD};

const ACCOUNT: &str = "/.storeward/account";
const CHALLENGE: &str = "/.storeward/challenge";
const DEVICE: &str = "__Host-storeward-device";

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
});
