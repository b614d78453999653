//! An address that was changed, and two mailboxes: the one of before may be the owner's, whose account a thief has, or somebody's who had
//! it once. Neither is worth the account by itself, and each hears of the other.

use storeward_identity::{Letter, LetterKind, MIGRATIONS};
use storeward_store::both_engines;

use super::bench::{Answer, Bench, Browser, EMAIL, ORIGIN, OTHER_PASSWORD, PASSWORD};
use super::contained::{move_address, press, recover};

const CHALLENGE: &str = "/.storeward/challenge";
const NEW_PASSWORD: &str = "/.storeward/new-password";
const NEW: &str = "new@people.example";
const DAY: u64 = 86_400;

/// Whoever reads the mailbox of before, and nothing else, has had the address put back.
async fn put_back(bench: &Bench) {
    press(bench, &bench.letter(LetterKind::AddressChanged)).await.leads_to("/.storeward/recover?done=not-me");
}

/// The owner, who has changed the address.
async fn moved(bench: &Bench) -> Browser<'_> {
    let mut owner = bench.signed_up().await;
    bench.advance(60);
    move_address(bench, &mut owner, NEW).await;
    owner
}

/// Presses the button behind a link that stops a way back; false where it is spent.
async fn stop(bench: &Bench, letter: &Letter) -> bool {
    let link = letter.parameter("link").strip_prefix(ORIGIN).unwrap().to_owned();
    let mut reader = bench.browser().elsewhere();
    let page = reader.get(&link).await;
    if !page.body.contains("name=\"t\"") {
        return false;
    }
    let token = page.attribute("name=\"t\" value=\"");
    reader.post("/.storeward/recover/stop", &page.csrf(), &[("t", &token)]).await.status == 200
}

/// "I have lost all of these", after the mailed code.
async fn lose(bench: &Bench) -> Answer {
    let (mut browser, shown) = recover(bench, EMAIL).await;
    shown.leads_to(CHALLENGE);
    assert_ne!(browser.get(NEW_PASSWORD).await.status, 200, "the mail alone is not enough");
    browser.post_from(CHALLENGE, "/.storeward/challenge/lost", &[]).await
}

/// To whom letters of a kind went.
fn told(bench: &Bench, kind: LetterKind) -> Vec<String> {
    let letters = bench.post.all().into_iter().filter(|letter| letter.kind == kind);
    letters.map(|letter| letter.to.expose().clone()).collect()
}

// Link, mailed code, new password, mailed code: in, and the only letter to the new address had no link.
both_engines!(the_mailbox_of_before_waits_and_the_new_one_stops_it, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = moved(&bench).await;
    bench.advance(60);
    owner.add_totp().await;
    put_back(&bench).await;
    assert!(!owner.is_signed_in().await);
    let away = bench.letter(LetterKind::AddressPutAway);
    assert_eq!(away.to.expose(), NEW);
    assert_eq!(lose(&bench).await.status, 200);
    // Both hear of the waiting time, at its beginning, in its middle and at its end.
    assert_eq!(told(&bench, LetterKind::RecoveryWaitBegun), [EMAIL]);
    assert_eq!(told(&bench, LetterKind::RecoveryWaitGoesOn), [NEW]);
    bench.advance(37 * 3_600);
    bench.do_due("identity.recovery_wait").await;
    assert_eq!(told(&bench, LetterKind::RecoveryWaitGoesOn), [NEW, EMAIL, NEW]);
    bench.advance(36 * 3_600);
    bench.do_due("identity.recovery_wait").await;
    assert_eq!(told(&bench, LetterKind::RecoveryWaitEnded), [EMAIL]);
    assert_eq!(told(&bench, LetterKind::RecoveryWaitGoesOn).len(), 4);
    // And the last one is early enough.
    assert!(stop(&bench, &bench.letter(LetterKind::RecoveryWaitGoesOn)).await);
    let (mut earlier, shown) = recover(&bench, EMAIL).await;
    shown.leads_to(CHALLENGE);
    let refused = earlier.post_from(CHALLENGE, "/.storeward/challenge/lost", &[]).await;
    assert!(refused.body.contains("stopped a short while ago"), "{}", refused.body);
});

// Without anything added to the account, too; and a stop before there is anything to stop holds.
both_engines!(the_new_mailbox_says_no_for_thirty_days, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(moved(&bench).await);
    put_back(&bench).await;
    let away = bench.letter(LetterKind::AddressPutAway);
    let page = bench.browser().get(away.parameter("link").strip_prefix(ORIGIN).unwrap()).await;
    assert!(page.body.contains("nobody gets in by it alone"), "{}", page.body);
    assert!(bench.events("identity.recovery_wait_cancelled").await.is_empty(), "scanners follow links");
    for days in [0, 8, 8, 8] {
        bench.advance(days * DAY);
        assert!(stop(&bench, &away).await);
        assert!(lose(&bench).await.body.contains("stopped a short while ago"));
    }
    assert_eq!(bench.events("identity.recovery_wait_begun").await.len(), 0);
    // After these days it is the waiting time and nothing less; the account is nobody's by mail alone.
    bench.advance(8 * DAY);
    assert!(!stop(&bench, &away).await);
    assert!(lose(&bench).await.body.contains("UTC"));
    assert_eq!(told(&bench, LetterKind::RecoveryWaitGoesOn), Vec::<String>::new());
});

// A thief changed it, and the owner has more than the mailbox of before: nothing to wait for, and nothing that the thief could stop.
both_engines!(whoever_shows_more_than_the_mailbox_is_in_at_once, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(moved(&bench).await);
    put_back(&bench).await;
    let away = bench.letter(LetterKind::AddressPutAway);
    assert!(stop(&bench, &away).await);
    let mut owner = bench.browser().elsewhere();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to(NEW_PASSWORD);
    let done = owner.post_from(NEW_PASSWORD, NEW_PASSWORD, &[("password", OTHER_PASSWORD)]).await;
    done.leads_to("/.storeward/sign-in?done=password");
    assert!(!stop(&bench, &away).await, "there is nothing to stop any more");
    recover(&bench, EMAIL).await.1.leads_to(NEW_PASSWORD);
});

both_engines!(an_app_of_before_is_more_than_the_mailbox, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = bench.with_totp().await;
    bench.advance(60);
    move_address(&bench, &mut owner, NEW).await;
    put_back(&bench).await;
    let (mut back, shown) = recover(&bench, EMAIL).await;
    shown.leads_to(CHALLENGE);
    back.prove("totp", &bench.next_totp(&app)).await.leads_to(NEW_PASSWORD);
});
