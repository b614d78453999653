//! A password that strangers keep from counting: its owner has a new device in a new network, and goes on with it from the very page that
//! refused them. Whoever only knows it, or does not, sees the same page and has nothing. On both engines.

use storeward_identity::{LetterKind, MIGRATIONS};
use storeward_store::both_engines;

use super::bench::{Answer, Bench, Browser, EMAIL, OTHER_PASSWORD, PASSWORD};

const SIGN_IN: &str = "/.storeward/sign-in";
const RECOVER: &str = "/.storeward/recover";
const CHALLENGE: &str = "/.storeward/challenge";
const NEW_PASSWORD: &str = "/.storeward/new-password";
const KEEP: &str = "/.storeward/new-password/keep";
const NOBODY: &str = "eda@people.example";
const WRONG: &str = "a wrong password here";

/// As if strangers had guessed until the password counts no more.
async fn guessed(bench: &Bench) {
    bench.db.raw("UPDATE customer_account SET password_failures = 89");
    bench.advance(400);
    assert_eq!(from_network(bench, 1).sign_in(EMAIL, WRONG).await.status, 403);
    assert!(bench.kinds().contains(&LetterKind::PasswordDisabled));
    bench.advance(400);
}

fn from_network(bench: &Bench, n: usize) -> Browser<'_> {
    Browser { address: format!("192.0.{n}.9").parse().unwrap(), ..bench.browser() }
}

/// The owner's new device, refused, up to the page that asks for a password.
async fn come_back<'a>(bench: &'a Bench, next: &str) -> (Browser<'a>, Answer) {
    let mut owner = bench.browser().elsewhere();
    let page = owner.get(SIGN_IN).await;
    let fields = [("email", EMAIL), ("password", PASSWORD), ("next", next)];
    let refused = owner.post(SIGN_IN, &page.csrf(), &fields).await;
    assert_eq!(refused.status, 403);
    // What the page's own form sends.
    let form = refused.body.split("action=\"/.storeward/recover\"").nth(1).expect("it leads on");
    let value = |name: &str| {
        let rest = form.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let fields = [("email", &*value("email")), ("next", &*value("next"))];
    owner.post(RECOVER, &refused.csrf(), &fields).await.leads_to(CHALLENGE);
    let shown = owner.prove("mail", &bench.code(LetterKind::RecoveryCode)).await;
    (owner, shown)
}

async fn keep(browser: &mut Browser<'_>, password: &str) -> Answer {
    browser.post_from(NEW_PASSWORD, KEEP, &[("password", password)]).await
}

// 7. On a new device the right password was refused, and what led in was a letter of before and another password.
both_engines!(mistake_7_the_page_that_refuses_leads_its_owner_in, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut at_home = bench.signed_up().await;
    guessed(&bench).await;
    let (mut owner, shown) = come_back(&bench, "/basket").await;
    shown.leads_to(NEW_PASSWORD);
    let wrong = keep(&mut owner, WRONG).await;
    assert!(wrong.status == 403 && wrong.body.contains("Tries left: 3"), "{}", wrong.body);
    assert!(!owner.is_signed_in().await);
    keep(&mut owner, PASSWORD).await.leads_to("/basket");
    assert!(owner.is_signed_in().await && at_home.is_signed_in().await, "and nobody else is signed out");
    // From then on it counts everywhere.
    from_network(&bench, 7).sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
});

// Whoever guesses learns nothing of it: the right password, a wrong one and nobody's address have one page.
both_engines!(a_guesser_sees_one_page_and_has_nothing, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    guessed(&bench).await;
    let mut pages = Vec::new();
    for (n, (email, password)) in [(EMAIL, PASSWORD), (EMAIL, WRONG), (NOBODY, PASSWORD)].iter().enumerate() {
        // So that none of them is asked for a puzzle, which says how often a name was tried.
        bench.advance(2 * 86_400);
        let mut guesser = from_network(&bench, 10 + n);
        let refused = guesser.sign_in(email, password).await;
        assert_eq!(refused.status, 403);
        assert!(refused.body.contains("action=\"/.storeward/recover\""));
        pages.push(refused.plain().replace(email, ""));
        // Nor is there a way round the letter.
        guesser.post(RECOVER, &refused.csrf(), &[("email", email)]).await.leads_to(CHALLENGE);
        let page = guesser.get(CHALLENGE).await;
        let kept = guesser.post(KEEP, &page.csrf(), &[("password", password)]).await;
        pages.push(format!("{} {}", kept.status, kept.location()));
        assert_eq!(guesser.prove("password", password).await.location(), CHALLENGE);
        assert!(!guesser.is_signed_in().await);
    }
    assert!(pages[0] == pages[2] && pages[2] == pages[4], "{} {}", pages[0], pages[4]);
    assert!(pages[1] == pages[3] && pages[3] == pages[5], "{} {} {}", pages[1], pages[3], pages[5]);
});

// Who reads the mail has the tries that are left of the hundred, and then it takes another password.
both_engines!(no_more_than_a_hundred_are_looked_at_behind_the_mail, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    guessed(&bench).await;
    bench.db.raw("UPDATE customer_account SET password_failures = 99");
    let (mut owner, shown) = come_back(&bench, "").await;
    shown.leads_to(NEW_PASSWORD);
    assert!(keep(&mut owner, WRONG).await.body.contains("Tries left: 3"));
    let right = keep(&mut owner, PASSWORD).await;
    assert!(right.status == 403 && right.body.contains("cannot be kept"), "{}", right.body);
    assert!(!owner.is_signed_in().await);
    let fields = [("password", OTHER_PASSWORD)];
    owner.post_from(NEW_PASSWORD, NEW_PASSWORD, &fields).await.leads_to("/.storeward/sign-in?done=password");
    // Five tries of one way back: then its page offers no more.
    guessed(&bench).await;
    let (mut owner, _) = come_back(&bench, "").await;
    for _ in 0..4 {
        assert_eq!(keep(&mut owner, WRONG).await.status, 403);
    }
    assert!(!owner.get(NEW_PASSWORD).await.body.contains(KEEP));
    let csrf = owner.get(NEW_PASSWORD).await.csrf();
    assert_eq!(owner.post(KEEP, &csrf, &[("password", OTHER_PASSWORD)]).await.status, 403);
    assert!(!owner.is_signed_in().await);
});

// The mailbox and the password go round no second factor.
both_engines!(a_kept_password_takes_the_second_factor, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (owner, app) = bench.with_totp().await;
    drop(owner);
    guessed(&bench).await;
    let (mut owner, shown) = come_back(&bench, "").await;
    shown.leads_to(CHALLENGE);
    let csrf = owner.get(CHALLENGE).await.csrf();
    assert_eq!(owner.post(KEEP, &csrf, &[("password", PASSWORD)]).await.location(), CHALLENGE);
    assert!(!owner.is_signed_in().await);
    owner.prove("totp", &bench.next_totp(&app)).await.leads_to(NEW_PASSWORD);
    keep(&mut owner, PASSWORD).await.leads_to("/.storeward/account");
});
