//! What a stranger with a part of what opens an account (a name, the password, the mailbox, an old session, a copied device) gets by
//! it: no more than that part, and nothing that keeps the owner out. On both engines.

use storeward_identity::{LetterKind, MIGRATIONS, SecondFactor};
use storeward_store::both_engines;

use super::behind::{Behind, SHOP_PASSWORD};
use super::bench::{Answer, Bench, Browser, EMAIL, OTHER_PASSWORD, PASSWORD};

const CHALLENGE: &str = "/.storeward/challenge";
const SEND: &str = "/.storeward/challenge/send";
const RECOVER: &str = "/.storeward/recover";
const NEW_PASSWORD: &str = "/.storeward/new-password";
const DEVICE: &str = "__Host-storeward-device";
const CHANGE: &str = "/.storeward/account/password";

/// The way back by mail, up to what is asked for behind it.
async fn recover(browser: &mut Browser<'_>) -> Answer {
    browser.post_from(RECOVER, RECOVER, &[("email", EMAIL)]).await.leads_to(CHALLENGE);
    let code = browser.bench.code(LetterKind::RecoveryCode);
    browser.prove("mail", &code).await
}

// The session is older than the app and shows neither it nor the password: the button took the app out for it.
both_engines!(an_old_session_and_the_mailbox_do_not_get_past_a_newer_app, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut thief = Browser { cookies: owner.cookies.clone(), ..owner.elsewhere() };
    thief.cookies.retain(|(name, _)| name != DEVICE);
    bench.advance(60);
    owner.add_totp().await;
    bench.advance(3_600);
    assert!(thief.is_signed_in().await);
    let csrf = thief.get("/.storeward/account").await.csrf();
    thief.post("/.storeward/account/not-me", &csrf, &[]).await.leads_to("/.storeward/recover?done=not-me");
    let mut thief = thief.elsewhere();
    recover(&mut thief).await.leads_to(CHALLENGE);
    assert_ne!(thief.get(NEW_PASSWORD).await.status, 200);
    // The owner is not shut out: the password with the mailed code.
    let mut owner = bench.browser();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to(NEW_PASSWORD);
});

// The count was the one that strangers fill: whoever had stolen the password kept its owner from choosing another.
both_engines!(
    wrong_app_codes_of_a_stranger_do_not_keep_the_owner_from_the_password,
    MIGRATIONS,
    async |db| {
        let bench = Bench::new(db);
        let (mut owner, _) = bench.with_totp().await;
        let mut last = 0;
        for _ in 0..3 {
            let mut thief = bench.browser().elsewhere();
            thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
            for _ in 0..4 {
                last = thief.prove("totp", "000000").await.status.as_u16();
            }
        }
        assert_eq!(last, 429, "strangers wait");
        // Its own count is as short.
        let csrf = owner.get(CHANGE).await.csrf();
        let change = [("current", PASSWORD), ("password", OTHER_PASSWORD)];
        owner.post(CHANGE, &csrf, &change).await.leads_to("/.storeward/account?done=password");
        let csrf = owner.get(CHANGE).await.csrf();
        for _ in 0..20 {
            let wrong = [("current", PASSWORD), ("password", "nine red foxes swim")];
            assert_eq!(owner.post(CHANGE, &csrf, &wrong).await.status, 422);
        }
        let right = [("current", OTHER_PASSWORD), ("password", "nine red foxes swim")];
        let told = owner.post(CHANGE, &csrf, &right).await;
        assert!(told.status == 422 && told.body.contains("too often"), "{}", told.body);
    }
);

/// The name with so many blanks before it that a cut before they are dropped leaves all but `k` letters.
fn padded(k: usize, name: &str) -> String {
    format!("{}{name}", " ".repeat(2_560 - k))
}

// Each length of the blanks was a count of its own: some twenty for one address, and a hundred failures within two minutes.
both_engines!(a_padded_address_counts_for_the_same_name, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let mut statuses = Vec::new();
    for k in 1..=14 {
        let mut thief = bench.browser().elsewhere();
        thief.address = format!("203.0.{k}.9").parse().unwrap();
        statuses.push(thief.sign_in(&padded(k, EMAIL), OTHER_PASSWORD).await.status.as_u16());
    }
    assert!(statuses.starts_with(&[403]) && statuses.ends_with(&[429, 429]), "{statuses:?}");
    let mut thief = bench.browser().elsewhere();
    assert_eq!(thief.sign_in(EMAIL, OTHER_PASSWORD).await.status, 429, "one count with the plain one");
});

both_engines!(so_does_a_padded_name_at_the_shop, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, str::to_owned);
    let mut statuses = Vec::new();
    // The shop's names may be short: as many of its letters as there are, over and over.
    for k in 0..16 {
        let mut thief = behind.browser();
        thief.browser.address = format!("203.0.{k}.9").parse().unwrap();
        thief.get("/").await;
        let name = padded(k % 4, "ella");
        let fields = [("user", name.as_str()), ("password", "wrong")];
        statuses.push(thief.post("/login.php", &fields).await.status.as_u16());
    }
    assert!(!statuses.starts_with(&[429]) && statuses.ends_with(&[429, 429]), "{statuses:?}");
    let mut thief = behind.browser();
    thief.browser.address = "203.0.99.9".parse().unwrap();
    thief.get("/").await;
    let name = padded(2, "ella");
    let right = thief.post("/login.php", &[("user", name.as_str()), ("password", SHOP_PASSWORD)]).await;
    assert_eq!(right.status, 429, "nor is the right one told from a wrong one: {}", right.location());
});

// After the fifth wrong code the flow of an account was over, and that of nobody went on.
both_engines!(a_spent_way_back_is_over_for_nobody_too, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let mut seen = Vec::new();
    for email in [EMAIL, "nobody@people.example"] {
        let mut browser = bench.browser().elsewhere();
        browser.post_from(RECOVER, RECOVER, &[("email", email)]).await.leads_to(CHALLENGE);
        let csrf = browser.get(CHALLENGE).await.csrf();
        let kept = browser.cookies.clone();
        let mut told = Vec::new();
        for _ in 0..5 {
            let answer = browser.prove("mail", "00000000").await;
            told.push((answer.status.as_u16(), answer.location().to_owned()));
        }
        browser.cookies.clone_from(&kept);
        let page = browser.get(CHALLENGE).await;
        browser.cookies.clone_from(&kept);
        let sent = browser.post(SEND, &csrf, &[]).await;
        browser.cookies = kept;
        let shown = browser.post(CHALLENGE, &csrf, &[("method", "mail"), ("secret", "00000000")]).await;
        for answer in [&page, &sent, &shown] {
            told.push((answer.status.as_u16(), answer.location().to_owned()));
        }
        page.leads_to("/.storeward/sign-in?done=over");
        seen.push(told);
    }
    assert_eq!(seen[0], seen[1]);
});

// Begun before the address was changed, it went on: its codes went to the old mailbox, whose reader chose the password.
both_engines!(a_way_back_by_the_old_address_ends_with_the_change, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut thief = bench.browser().elsewhere();
    thief.post_from(RECOVER, RECOVER, &[("email", EMAIL)]).await.leads_to(CHALLENGE);
    let old = bench.code(LetterKind::RecoveryCode);
    let csrf = thief.get(CHALLENGE).await.csrf();
    let path = "/.storeward/account/address";
    owner.post_from(path, path, &[("email", "new@people.example")]).await.leads_to(CHALLENGE);
    let code = bench.code(LetterKind::AddressCode);
    owner.prove("mail", &code).await.leads_to("/.storeward/account?done=address");
    bench.advance(60);
    let count = || bench.kinds().iter().filter(|kind| **kind == LetterKind::RecoveryCode).count();
    let before = count();
    let kept = thief.cookies.clone();
    thief.post(SEND, &csrf, &[]).await;
    assert_eq!(count(), before, "no code goes to the old address");
    thief.cookies = kept;
    let shown = thief.post(CHALLENGE, &csrf, &[("method", "mail"), ("secret", &old)]).await;
    assert_ne!(shown.location(), NEW_PASSWORD);
    assert_ne!(thief.get(NEW_PASSWORD).await.status, 200);
    assert!(owner.is_signed_in().await);
});

// Whoever had trusted a device with the stolen password was excused from the app by it after the password had changed.
both_engines!(another_password_ends_the_trust_in_other_devices, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = bench.with_totp().await;
    let mut other = bench.browser().elsewhere();
    other.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    let code = bench.next_totp(&app);
    let fields = [("method", "totp"), ("secret", code.as_str()), ("trust", "yes")];
    other.post_from(CHALLENGE, CHALLENGE, &fields).await.leads_to("/.storeward/account");
    other.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    let change = [("current", PASSWORD), ("password", OTHER_PASSWORD)];
    owner.post_from(CHANGE, CHANGE, &change).await.leads_to("/.storeward/account?done=password");
    assert!(!other.is_signed_in().await && owner.is_signed_in().await);
    other.sign_in(EMAIL, OTHER_PASSWORD).await.leads_to(CHALLENGE);
    assert!(bench.reasons("identity.devices_revoked").await.contains(&"password_changed".to_owned()));
});
