//! What strangers with many networks do to an account: they keep its password or its letters from counting, and its owner has a new
//! device in a new network. On both engines.

use storeward_identity::{LetterKind, MIGRATIONS};
use storeward_puzzle::solve;
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;

use super::bench::{Answer, Bench, Browser, EMAIL, OTHER_PASSWORD, PASSWORD};

const RECOVER: &str = "/.storeward/recover";
const CHALLENGE: &str = "/.storeward/challenge";
const NEW_PASSWORD: &str = "/.storeward/new-password";
const NOBODY: &str = "nobody@people.example";

/// One of many networks that nobody of the house ever came from.
fn from_network(bench: &Bench, n: usize) -> Browser<'_> {
    Browser { address: format!("192.{}.{}.9", n / 200, n % 200).parse().unwrap(), ..bench.browser() }
}

fn count(bench: &Bench, kind: LetterKind) -> usize {
    bench.kinds().iter().filter(|found| **found == kind).count()
}

fn puzzle(page: &Answer) -> String {
    solve(&page.attribute("data-puzzle=\"").replace("&#34;", "\"").replace("&quot;", "\"")).unwrap()
}

/// A letter to this address is asked for from there, at once or with a solved puzzle.
async fn ask(browser: &mut Browser<'_>, email: &str) -> Vec<u16> {
    let plain = browser.post_from(RECOVER, RECOVER, &[("email", email)]).await;
    let mut seen = vec![plain.status.as_u16()];
    if plain.status == 429 {
        let fields = [("email", email), ("altcha", &*puzzle(&plain))];
        seen.push(browser.post(RECOVER, &plain.csrf(), &fields).await.status.as_u16());
    }
    seen
}

/// The owner, on a new device in a new network: the newest letter's link, the app, another password.
async fn comes_in_by_link(bench: &Bench, kind: LetterKind, app: &TotpSecret) {
    let letter = bench.letter(kind);
    let link = letter.parameter("link").strip_prefix("https://shop.example").unwrap();
    let mut owner = bench.browser().elsewhere();
    let page = owner.get(link).await;
    let token = page.attribute("name=\"t\" value=\"");
    owner.post("/.storeward/recover/link", &page.csrf(), &[("t", &token)]).await.leads_to(CHALLENGE);
    // The mailbox alone is not enough.
    assert_eq!(owner.prove("totp", "000000").await.status, 403);
    owner.get(NEW_PASSWORD).await.leads_to(CHALLENGE);
    owner.prove("totp", &bench.next_totp(app)).await.leads_to(NEW_PASSWORD);
    let done = owner.post_from(NEW_PASSWORD, NEW_PASSWORD, &[("password", OTHER_PASSWORD)]).await;
    done.leads_to("/.storeward/sign-in?done=password");
    assert!(owner.get(link).await.body.contains("used already"), "once");
    // Who does not solve the page's puzzle waits out what strangers tried at the name: five minutes at most.
    bench.advance(400);
    owner.sign_in(EMAIL, OTHER_PASSWORD).await.leads_to(CHALLENGE);
    owner.prove("totp", &bench.next_totp(app)).await.leads_to("/.storeward/account");
}

// 7. What strangers use up leaves the owner a way in, and whoever knows the password and has not the factor none.
both_engines!(mistake_7_a_new_device_gets_in_under_attack, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (owner, app) = bench.with_totp().await;
    drop(owner);
    bench.db.raw("UPDATE customer_account SET password_failures = 85");
    for n in 0..12 {
        bench.advance(1_900);
        let mut stranger = from_network(&bench, n);
        assert_eq!(stranger.sign_in(EMAIL, "a wrong password here").await.status, 403);
        ask(&mut stranger, EMAIL).await;
    }
    for n in 100..120 {
        ask(&mut from_network(&bench, n), EMAIL).await;
    }
    assert_eq!(count(&bench, LetterKind::PasswordDisabled), 1);
    // With the right password from many networks, and codes at random: never in.
    for n in 200..205 {
        bench.advance(1_900);
        let mut thief = from_network(&bench, n);
        assert_eq!(thief.sign_in(EMAIL, PASSWORD).await.status, 403);
        thief.get(CHALLENGE).await.leads_to("/.storeward/sign-in?done=over");
        assert!(thief.session().is_none());
    }
    bench.advance(400);
    let mut owner = bench.browser().elsewhere();
    let refused = owner.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains(RECOVER) && refused.body.contains("passkey/sign-in"), "{}", refused.body);
    let kinds = bench.kinds();
    let last = kinds
        .iter()
        .rev()
        .find(|kind| kind.word().starts_with("letters_") || kind.word() == "password_disabled");
    comes_in_by_link(&bench, *last.unwrap(), &app).await;
    // The password of before is nobody's any more.
    bench.advance(1_900);
    assert_eq!(from_network(&bench, 300).sign_in(EMAIL, PASSWORD).await.status, 403);
});

// Each network had four letters for a puzzle each, and a stranger has many: a mailbox got as many letters as they liked.
both_engines!(however_many_networks_ask_few_letters_reach_a_mailbox, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = bench.with_totp().await;
    let mut seen = [Vec::new(), Vec::new()];
    let mut networks = 0..;
    for step in 0..80 {
        // Two minutes each at first, then ten: some twelve hours.
        bench.advance(if step < 10 { 120 } else { 600 });
        for n in networks.by_ref().take(2) {
            for (seen, email) in seen.iter_mut().zip([EMAIL, NOBODY]) {
                seen.push(ask(&mut from_network(&bench, n), email).await);
            }
        }
    }
    assert_eq!(seen[0], seen[1], "of nobody's address the same is said");
    let letters = count(&bench, LetterKind::RecoveryCode);
    assert!((20..=90).contains(&letters), "{letters}");
    assert_eq!(count(&bench, LetterKind::LettersStopped), 1, "once a day");
    // The page says where to look, whoever asks.
    for email in [EMAIL, NOBODY] {
        let mut stranger = from_network(&bench, 900);
        let mut page = stranger.post_from(RECOVER, RECOVER, &[("email", email)]).await;
        if page.status == 303 {
            page = stranger.post_from(RECOVER, RECOVER, &[("email", email)]).await;
        }
        assert!(page.status == 429 && page.body.contains("good for a day, in any browser"), "{}", page.body);
    }
    let page = owner.get("/.storeward/account").await;
    assert_eq!(page.body.matches("few more go out").count(), 1, "{}", page.body);
    comes_in_by_link(&bench, LetterKind::LettersStopped, &app).await;
    // The next day it is told anew.
    bench.advance(86_400);
    for n in 1_000..1_020 {
        bench.advance(1_100);
        ask(&mut from_network(&bench, n), EMAIL).await;
        ask(&mut from_network(&bench, n + 100), EMAIL).await;
    }
    assert_eq!(count(&bench, LetterKind::LettersStopped), 2);
});
