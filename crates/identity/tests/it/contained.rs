//! "This wasn't me" takes back what somebody else did to an account: what they added is no way in for them, and keeps nobody out.

use storeward_identity::{Letter, LetterKind, MIGRATIONS};
use storeward_store::both_engines;

use super::bench::{Answer, Bench, Browser, EMAIL, ORIGIN, OTHER_PASSWORD, PASSWORD};

const CHALLENGE: &str = "/.storeward/challenge";
const RECOVER: &str = "/.storeward/recover";
const NEW_PASSWORD: &str = "/.storeward/new-password";

/// Somebody with a copy of the session that has just proved everything.
fn copy_of<'a>(owner: &Browser<'a>) -> Browser<'a> {
    Browser { cookies: owner.cookies.clone(), ..owner.elsewhere() }
}

/// The first letter of a kind: the one that tells of what was done first.
fn first(bench: &Bench, kind: LetterKind) -> Letter {
    bench.post.all().into_iter().find(|letter| letter.kind == kind).expect("there is such a letter")
}

/// Presses the button behind a letter's link, signed out, on another device.
async fn press(bench: &Bench, letter: &Letter) -> Answer {
    let link = letter.parameter("link").strip_prefix(ORIGIN).unwrap().to_owned();
    let mut reader = bench.browser().elsewhere();
    let page = reader.get(&link).await;
    let token = page.attribute("name=\"t\" value=\"");
    reader.post("/.storeward/not-me", &page.csrf(), &[("t", &token)]).await
}

/// The way back by the mail of `address`, up to what is asked for behind it.
async fn recover<'a>(bench: &'a Bench, address: &str) -> (Browser<'a>, Answer) {
    let mut browser = bench.browser();
    browser.post_from(RECOVER, RECOVER, &[("email", address)]).await.leads_to(CHALLENGE);
    let letter = bench.letter(LetterKind::RecoveryCode);
    assert_eq!(letter.to.expose(), address);
    let shown = browser.prove("mail", letter.parameter("code")).await;
    (browser, shown)
}

async fn choose_password(bench: &Bench, browser: &mut Browser<'_>) {
    let done = browser.post_from(NEW_PASSWORD, NEW_PASSWORD, &[("password", OTHER_PASSWORD)]).await;
    done.leads_to("/.storeward/sign-in?done=password");
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD).await.status, 403, "the stolen one is over");
    browser.sign_in(EMAIL, OTHER_PASSWORD).await.leads_to(CHALLENGE);
}

// The thief's app was the only thing that the next sign-in took: the owner was shut out by the button, and the thief let in.
both_engines!(an_app_that_a_thief_added_is_taken_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    bench.advance(60);
    let mut thief = copy_of(&owner);
    let app = thief.add_totp().await;
    bench.advance(30);
    let codes = thief.recovery_codes().await;
    press(&bench, &first(&bench, LetterKind::FactorAdded)).await.leads_to("/.storeward/recover?done=not-me");
    assert!(!thief.is_signed_in().await && !owner.is_signed_in().await);
    let page = bench.browser().get("/.storeward/recover?done=not-me").await;
    assert!(page.body.contains("what was added is taken out"), "{}", page.body);
    // The stolen password, with what the thief added.
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    let page = thief.get(CHALLENGE).await;
    assert!(!page.body.contains("id=\"totp\"") && !page.body.contains("id=\"recovery\""), "{}", page.body);
    let code = bench.next_totp(&app);
    thief.prove("totp", &code).await.leads_to(CHALLENGE);
    thief.prove("recovery", &codes[0]).await.leads_to(CHALLENGE);
    assert!(!thief.is_signed_in().await);
    // The owner had nothing but mail: that is enough, and a new password comes first.
    let (mut owner, shown) = recover(&bench, EMAIL).await;
    shown.leads_to(NEW_PASSWORD);
    choose_password(&bench, &mut owner).await;
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
    let removed = bench.events("identity.factor_removed").await;
    let words: Vec<String> = removed
        .iter()
        .map(|record| {
            serde_json::to_value(&record.event).unwrap()["data"]["factor"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(words, ["totp", "recovery_codes"]);
});

both_engines!(a_factor_that_was_there_before_is_what_the_way_back_takes, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (owner, app) = bench.with_totp().await;
    bench.advance(60);
    let mut thief = copy_of(&owner);
    let mut key = thief.add_passkey().await;
    // By the letter of the passkey: the app stays.
    press(&bench, &bench.letter(LetterKind::FactorAdded)).await.leads_to("/.storeward/recover?done=not-me");
    let mut thief = bench.browser().elsewhere();
    assert_eq!(thief.sign_in_with(&mut key).await.status, 403);
    let (mut back, shown) = recover(&bench, EMAIL).await;
    shown.leads_to(CHALLENGE);
    assert_ne!(back.get(NEW_PASSWORD).await.status, 200, "the mail alone is not enough");
    let code = bench.next_totp(&app);
    back.prove("totp", &code).await.leads_to(NEW_PASSWORD);
    choose_password(&bench, &mut back).await;
    let code = bench.next_totp(&app);
    back.prove("totp", &code).await.leads_to("/.storeward/account");
});

// The letter of the sign-in that it began with is as good, and one that tells of something later takes out nothing older.
both_engines!(each_letter_takes_out_what_came_after_it, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, app) = bench.with_totp().await;
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    let code = bench.next_totp(&app);
    thief.prove("totp", &code).await.leads_to("/.storeward/account");
    bench.advance(60);
    let mut key = thief.add_passkey().await;
    bench.advance(60);
    let mut other = bench.browser().elsewhere();
    other.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    let code = bench.next_totp(&app);
    other.prove("totp", &code).await.leads_to("/.storeward/account");
    // Nothing was added since the later sign-in.
    press(&bench, &bench.letter(LetterKind::NewDevice)).await.leads_to("/.storeward/sign-in?done=not-me");
    assert_eq!(bench.events("identity.factor_removed").await.len(), 0);
    press(&bench, &first(&bench, LetterKind::NewDevice)).await.leads_to("/.storeward/recover?done=not-me");
    assert_eq!(bench.browser().elsewhere().sign_in_with(&mut key).await.status, 403);
    let customer = bench.customer(EMAIL).await;
    let seen = bench.identity.customers().view(customer).await.unwrap();
    assert_eq!(seen.map(|seen| seen.factors.len()), Some(1), "the owner's own app");
});
