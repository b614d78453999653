//! The device token of a moment before, from another network: a telephone whose answer was lost on its way out of the Wi-Fi, or a thief.

use storeward_identity::{LetterKind, MIGRATIONS, SecondFactor};
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;
use storeward_web::http::HeaderMap;

use super::behind::Behind;
use super::bench::{Bench, Browser, EMAIL, PASSWORD};

const ACCOUNT: &str = "/.storeward/account";
const CHALLENGE: &str = "/.storeward/challenge";
const DEVICE: &str = "__Host-storeward-device";

/// An owner who need not show the app on this device, an hour ago.
async fn trusted(bench: &Bench) -> (Browser<'_>, TotpSecret) {
    let (_, app) = bench.with_totp().await;
    let mut owner = bench.browser();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    let code = bench.next_totp(&app);
    let fields = [("method", "totp"), ("secret", code.as_str()), ("trust", "yes")];
    owner.post_from(CHALLENGE, CHALLENGE, &fields).await.leads_to(ACCOUNT);
    bench.advance(3_600);
    (owner, app)
}

/// The owner in another browser, signed in.
async fn beside<'a>(bench: &'a Bench, app: &TotpSecret) -> Browser<'a> {
    let mut other = bench.browser();
    other.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    other.prove("totp", &bench.next_totp(app)).await.leads_to(ACCOUNT);
    other
}

/// A browser elsewhere with nothing but this device token.
fn with_token<'a>(bench: &'a Bench, token: &str) -> Browser<'a> {
    Browser { cookies: vec![(DEVICE.to_owned(), token.to_owned())], ..bench.browser().elsewhere() }
}

/// The device that whoever pays in this browser, signed in, is known by.
async fn at_the_till(bench: &Bench, browser: &Browser<'_>) -> Option<String> {
    let mut headers = HeaderMap::new();
    let line = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    headers.insert("cookie", line.join("; ").parse().unwrap());
    let found = bench.identity.at_the_till(browser.address, &headers).await.unwrap();
    found.expect("somebody is signed in").device
}

async fn thefts(bench: &Bench) -> usize {
    bench.events("identity.device_token_reused").await.len()
}

// Whoever left their Wi-Fi in the middle of a sign-in was taken for a thief, and signed out everywhere.
both_engines!(a_telephone_that_changes_networks_is_no_thief, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = trusted(&bench).await;
    let mut other = beside(&bench, &app).await;
    let before = owner.cookies.clone();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    // The answer never arrived; the same form from the carrier's network, and the code after a while.
    let mut lost = Browser { cookies: std::mem::replace(&mut owner.cookies, before), ..bench.browser() };
    owner.address = "203.0.113.9".parse().unwrap();
    bench.advance(10);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert!(!owner.is_signed_in().await, "it stands for no factor");
    // Back in the Wi-Fi it does not either: nothing of this device is known until somebody has shown more.
    let mut again = Browser { cookies: owner.cookies.clone(), ..bench.browser() };
    again.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    bench.advance(90);
    owner.prove("totp", &bench.next_totp(&app)).await.leads_to(ACCOUNT);
    assert_eq!(thefts(&bench).await, 0);
    assert!(!bench.kinds().contains(&LetterKind::DeviceCopied));
    assert!(owner.is_signed_in().await && other.is_signed_in().await);
    assert!(!lost.is_signed_in().await, "what the lost answer had given out");
    // From now on it is a device as any other.
    bench.advance(3_600);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    let code = bench.next_totp(&app);
    let fields = [("method", "totp"), ("secret", code.as_str()), ("trust", "yes")];
    owner.post_from(CHALLENGE, CHALLENGE, &fields).await.leads_to(ACCOUNT);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    assert_eq!(thefts(&bench).await, 0);
});

// It opens nothing to whoever copied it, and the owner's next sign-in tells: the answer had not been lost.
both_engines!(a_token_that_was_copied_a_moment_ago_opens_nothing_and_is_found_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = trusted(&bench).await;
    let copied = owner.cookie(DEVICE).unwrap();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    bench.advance(10);
    // The same form once more from the same network, as ever.
    let mut again = Browser { cookies: vec![(DEVICE.to_owned(), copied.clone())], ..bench.browser() };
    again.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    let mut thief = with_token(&bench, &copied);
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert!(!thief.is_signed_in().await && owner.is_signed_in().await);
    assert_eq!(thefts(&bench).await, 0);
    bench.advance(3_600);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(thefts(&bench).await, 1);
    assert_eq!(bench.letter(LetterKind::DeviceCopied).to.expose(), EMAIL);
    owner.prove("totp", &bench.next_totp(&app)).await.leads_to(ACCOUNT);
    assert!(!again.is_signed_in().await, "every earlier session is over");
});

// The thief was first, and has the session; the owner comes a moment later from home, where an older session is open.
both_engines!(a_thief_who_was_first_loses_what_they_got, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = trusted(&bench).await;
    let copied = owner.cookie(DEVICE).unwrap();
    let mut thief = with_token(&bench, &copied);
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    bench.advance(10);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    owner.prove("totp", &bench.next_totp(&app)).await.leads_to(ACCOUNT);
    assert!(owner.is_signed_in().await && !thief.is_signed_in().await);
    assert_eq!(thefts(&bench).await, 0);
    // The token that the thief got in exchange tells of the theft, and opens nothing.
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(thefts(&bench).await, 1);
    assert!(!thief.is_signed_in().await && !owner.is_signed_in().await);
});

// The browser drops the answer to the first press, and held the token of before: a minute later its owner was a thief, also who paid.
both_engines!(whoever_pressed_twice_is_no_thief_a_minute_later, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    bench.advance(3_600);
    for keeps_first in [false, true] {
        let before = owner.cookies.clone();
        owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
        let first = std::mem::replace(&mut owner.cookies, before);
        bench.advance(1);
        owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
        let token = owner.cookie(DEVICE).unwrap();
        assert!(first.contains(&(DEVICE.to_owned(), token)), "both answers carry one token");
        // The server may have seen the presses in the other order.
        if keeps_first {
            owner.cookies = first;
        }
        bench.advance(62);
        at_the_till(&bench, &owner).await;
        assert!(owner.is_signed_in().await);
        owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
        bench.advance(3_600);
    }
    assert!(owner.is_signed_in().await);
    assert_eq!(thefts(&bench).await, 0);
});

// Both answers are lost, or the code comes late: nobody has what the token was exchanged for, so nobody copied anything.
both_engines!(a_token_whose_answer_nobody_got_alarms_nobody_after_the_minute, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = trusted(&bench).await;
    let mut other = beside(&bench, &app).await;
    let before = owner.cookies.clone();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    let mut lost = Browser { cookies: std::mem::replace(&mut owner.cookies, before), ..bench.browser() };
    owner.address = "203.0.113.9".parse().unwrap();
    bench.advance(10);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    bench.advance(600);
    // The tab was closed: anew, with the only token there is.
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert!(!owner.is_signed_in().await, "it stands for no factor");
    owner.prove("totp", &bench.next_totp(&app)).await.leads_to(ACCOUNT);
    assert_eq!(thefts(&bench).await, 0);
    assert!(owner.is_signed_in().await && other.is_signed_in().await);
    // Whoever shows the other one after all tells that two hold the device.
    lost.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(thefts(&bench).await, 1);
    assert!(!owner.is_signed_in().await && !lost.is_signed_in().await);
});

// Who pays with an old token is signed in, and whoever is at the till is looked at: nothing ends for it.
both_engines!(an_old_token_at_the_till_ends_nothing, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = trusted(&bench).await;
    let old = owner.cookie(DEVICE).unwrap();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    bench.advance(3_600);
    assert!(owner.is_signed_in().await);
    owner.cookies.retain(|(name, _)| name != DEVICE);
    owner.cookies.push((DEVICE.to_owned(), old));
    assert_eq!(at_the_till(&bench, &owner).await, None, "it is no known device");
    assert!(owner.is_signed_in().await);
    assert_eq!(thefts(&bench).await, 0);
});

// A minute later it is a copy as ever, also where it came in time once.
both_engines!(after_a_minute_it_is_theft_from_everywhere, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = trusted(&bench).await;
    let copied = owner.cookie(DEVICE).unwrap();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    bench.advance(10);
    with_token(&bench, &copied).sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    bench.advance(51);
    assert!(owner.is_signed_in().await);
    with_token(&bench, &copied).sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(thefts(&bench).await, 1);
    assert!(!owner.is_signed_in().await);
});

// Whether the next token was used was read from sessions, and one that was signed out left nothing: its copy was an answer that was lost.
both_engines!(a_copy_is_told_though_its_owner_signed_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = trusted(&bench).await;
    // In the first minute it is the owner's next sign-in that tells.
    for (seconds, at_once, told) in [(10, 0, 1), (3_600, 2, 2)] {
        let copied = owner.cookie(DEVICE).unwrap();
        owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
        bench.advance(seconds);
        assert!(owner.is_signed_in().await);
        owner.post_from(ACCOUNT, "/.storeward/sign-out", &[]).await;
        bench.advance(3_600);
        with_token(&bench, &copied).sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
        assert_eq!(thefts(&bench).await, at_once);
        owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
        assert_eq!(thefts(&bench).await, told);
        let code = bench.next_totp(&app);
        let fields = [("method", "totp"), ("secret", code.as_str()), ("trust", "yes")];
        owner.post_from(CHALLENGE, CHALLENGE, &fields).await.leads_to(ACCOUNT);
        bench.advance(3_600);
    }
});

// A browser that was killed before it had written its cookies came with those of before: its owner was signed out everywhere.
both_engines!(a_browser_that_ended_right_after_signing_out_is_no_thief, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = trusted(&bench).await;
    let mut other = beside(&bench, &app).await;
    let on_disk = owner.cookies.clone();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    owner.post_from(ACCOUNT, "/.storeward/sign-out", &[]).await;
    owner.cookies = on_disk;
    bench.advance(10);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    owner.prove("totp", &bench.next_totp(&app)).await.leads_to(ACCOUNT);
    assert!(owner.is_signed_in().await && other.is_signed_in().await);
    assert_eq!(thefts(&bench).await, 0);
    assert!(!bench.kinds().contains(&LetterKind::DeviceCopied));
});

// Whoever had signed in since the backup was a thief when it was put back: signed out everywhere, with a letter that said so.
both_engines!(a_token_that_is_newer_than_the_database_is_no_copy, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = trusted(&bench).await;
    let mut other = beside(&bench, &app).await;
    let at_backup = owner.cookie(DEVICE).unwrap();
    bench.db.tamper("CREATE TABLE backup AS SELECT * FROM customer_device");
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    bench.advance(3_600);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    bench.advance(3_600);
    bench.db.tamper("DELETE FROM customer_device");
    bench.db.tamper("INSERT INTO customer_device SELECT * FROM backup");
    // The first one tells that the row is old; the second is no theft for that.
    for _ in 0..2 {
        owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    }
    owner.prove("totp", &bench.next_totp(&app)).await.leads_to(ACCOUNT);
    assert_eq!(thefts(&bench).await, 0);
    assert!(owner.is_signed_in().await && other.is_signed_in().await);
    assert!(!bench.kinds().contains(&LetterKind::DeviceCopied));
    // A copy from before that day is one, whatever time somebody writes on it.
    let stamp = at_backup.len() - 48;
    let late = format!("{}7fffffff{}", &at_backup[..stamp], &at_backup[stamp + 8..]);
    with_token(&bench, &late).sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(thefts(&bench).await, 1);
});

// So it is for whoever signed out at the shop.
both_engines!(nor_does_signing_out_at_the_shop_hide_it, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, str::to_owned);
    let mut owner = behind.browser();
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to("/account");
    let copied = owner.browser.cookie(DEVICE).unwrap();
    behind.bench.advance(3_600);
    owner.sign_in("ella").await;
    owner.post("/logout", &[]).await;
    owner.sign_in("ella").await.leads_to("/account");
    behind.bench.advance(60);
    owner.post("/logout", &[]).await;
    behind.bench.advance(3_600);
    let tries = async |copied: &str| {
        let mut thief = behind.browser();
        thief.browser = with_token(&behind.bench, copied);
        thief.get("/").await;
        thief.sign_in("ella").await.leads_to(CHALLENGE);
    };
    tries(&copied).await;
    assert_eq!(thefts(&behind.bench).await, 1);
    // In the first minute it is the owner's next sign-in that tells.
    owner.sign_in("ella").await.leads_to(CHALLENGE);
    owner.show_code("").await;
    assert!(owner.sees_account().await);
    let copied = owner.browser.cookie(DEVICE).unwrap();
    owner.post("/logout", &[]).await;
    behind.bench.advance(3_600);
    owner.sign_in("ella").await.leads_to("/account");
    owner.post("/logout", &[]).await;
    behind.bench.advance(3_600);
    tries(&copied).await;
    assert_eq!(thefts(&behind.bench).await, 1);
    owner.sign_in("ella").await.leads_to(CHALLENGE);
    assert_eq!(thefts(&behind.bench).await, 2);
});

// The same at the shop's own sign-in.
both_engines!(behind_the_shield_it_is_no_thief_either, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, str::to_owned);
    let mut owner = behind.browser();
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to("/account");
    behind.bench.advance(3_600);
    owner.post("/logout", &[]).await;
    let token = owner.browser.cookie(DEVICE).unwrap();
    owner.sign_in("ella").await.leads_to("/account");
    behind.bench.advance(10);
    let mut moved = behind.browser();
    moved.browser = with_token(&behind.bench, &token);
    moved.get("/").await;
    moved.sign_in("ella").await.leads_to(CHALLENGE);
    behind.bench.advance(90);
    moved.show_code("").await;
    assert!(moved.sees_account().await);
    assert_eq!(thefts(&behind.bench).await, 0);
    behind.bench.advance(11);
    assert!(!owner.sees_account().await, "what the lost answer had given out");
});
