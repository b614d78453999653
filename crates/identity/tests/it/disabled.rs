//! So many wrong passwords that the right one counts no more where nobody knows the device: the owner is told, and goes on at home; and
//! nobody has more than a hundred tries in a row, wherever they are.

use storeward_identity::{LetterKind, MIGRATIONS};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation};
use super::bench::{Bench, EMAIL, ORIGIN, OTHER_PASSWORD, PASSWORD};

const WRONG: &str = "a wrong password here";

impl Bench {
    /// Wrong passwords, each from another network than the account knows.
    async fn guessed_elsewhere(&self, times: u8) {
        for n in 0..times {
            self.advance(400);
            let mut guesser = self.browser();
            guesser.address = format!("203.0.113.{n}").parse().unwrap();
            assert_eq!(guesser.sign_in(EMAIL, WRONG).await.status, 403);
        }
    }

    /// As if strangers had guessed so often already.
    fn guessed(&self, times: u32) {
        self.db.raw(&format!("UPDATE customer_account SET password_failures = {times}"));
    }

    fn letters_of_it(&self) -> usize {
        self.kinds().iter().filter(|kind| **kind == LetterKind::PasswordDisabled).count()
    }

    /// How many wrong passwords were looked at.
    async fn looked_at(&self) -> usize {
        let reasons = self.reasons("identity.sign_in_failed").await;
        reasons.iter().filter(|reason| *reason == "password").count()
    }
}

// Nobody was told: the owner learnt of it on a new device, which took the right password for a wrong one.
both_engines!(a_password_that_counts_no_more_is_told_once, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let customer = bench.customer(EMAIL).await;
    let standing = async || bench.identity.standing(customer).await.unwrap().unwrap();
    bench.guessed(88);
    bench.guessed_elsewhere(1).await;
    assert!(bench.letters_of_it() == 0 && !standing().await.password_disabled);
    bench.guessed_elsewhere(4).await;
    let letter = bench.letter(LetterKind::PasswordDisabled);
    assert_eq!(letter.to.expose(), EMAIL);
    assert!(letter.parameter("link").starts_with(&format!("{ORIGIN}/.storeward/recover/link?t=")));
    assert_eq!((bench.letters_of_it(), bench.events("identity.password_disabled").await.len()), (1, 1));
    assert!(standing().await.password_disabled, "nor is it in place");
    let page = owner.get("/.storeward/account").await;
    assert_eq!(page.body.matches("Nearly 100 wrong passwords").count(), 1, "{}", page.body);
    // On the own device it counts, and from then on everywhere. Whoever begins anew has it told anew.
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    assert!(!standing().await.password_disabled);
    bench.guessed(89);
    bench.guessed_elsewhere(2).await;
    assert_eq!(bench.letters_of_it(), 2);
    // Who follows the letter is in by the mail.
    bench.advance(86_400);
    let path = "/.storeward/recover";
    let mut new = bench.browser().elsewhere();
    new.post_from(path, path, &[("email", EMAIL)]).await.leads_to("/.storeward/challenge");
    new.prove("mail", &bench.code(LetterKind::RecoveryCode)).await.leads_to("/.storeward/new-password");
    let path = "/.storeward/new-password";
    new.post_from(path, path, &[("password", OTHER_PASSWORD)])
        .await
        .leads_to("/.storeward/sign-in?done=password");
    new.sign_in(EMAIL, OTHER_PASSWORD).await.leads_to("/.storeward/account");
});

// A new telephone at home was refused with the right password, whatever strangers elsewhere had done.
both_engines!(at_home_a_new_device_is_let_in_within_the_same_hundred, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    bench.guessed(89);
    // However many come: what is not looked at uses nothing up.
    bench.guessed_elsewhere(20).await;
    assert_eq!(bench.looked_at().await, 1);
    bench.advance(400);
    assert_eq!(
        bench.browser().elsewhere().sign_in(EMAIL, PASSWORD).await.status,
        403,
        "elsewhere it does not"
    );
    bench.advance(400);
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD).await.status, 303);
    // Who guesses at home has the ten that are left of a hundred, and then the right one is refused there, too.
    bench.guessed(89);
    for _ in 0..14 {
        bench.advance(400);
        assert_eq!(bench.browser().sign_in(EMAIL, WRONG).await.status, 403);
    }
    assert_eq!(bench.looked_at().await, 1 + 11);
    bench.advance(400);
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD).await.status, 403);
});

// An account whose password is the shop's has none here to disable.
both_engines!(an_account_without_a_password_is_told_nothing, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let bench = &behind.bench;
    bench.guessed(99);
    for _ in 0..3 {
        bench.advance(400);
        let mut guesser = bench.browser().elsewhere();
        assert_eq!(guesser.sign_in(ADDRESS, WRONG).await.status, 403);
    }
    assert!(bench.reasons("identity.sign_in_failed").await.contains(&"no_password".to_owned()));
    assert_eq!((bench.letters_of_it(), bench.events("identity.password_disabled").await.len()), (0, 0));
});
