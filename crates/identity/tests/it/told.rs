//! What a customer is told by letter of attempts at the account (ASVS 5.0 6.3.5), and that nobody without the password has one sent.

use std::time::Duration;

use storeward_identity::{
    Decision, LetterKind, Level, MIGRATIONS, SecondFactor, ShopAccount, Signals, Visit,
};
use storeward_store::both_engines;
use storeward_store::jobs::{Runner, RunnerOptions};
use storeward_web::http::HeaderMap;

use super::bench::{Bench, EMAIL, PASSWORD};

const OVER: u64 = 601;
const DAY: u64 = 86_400;

impl Bench {
    /// Looks after every challenge whose time is over, with the runner of the program.
    pub async fn look(&self) {
        self.do_due("identity.tell_unmet").await;
    }

    /// Does what is due of this kind, with the runner of the program.
    pub async fn do_due(&self, kind: &'static str) {
        let now = self.db.now();
        let handle = tokio::runtime::Handle::current();
        let options = RunnerOptions { sweep: Duration::from_millis(20), ..RunnerOptions::default() };
        let runner = Runner::start((*self.db).clone(), self.identity.handlers(), options, &handle, |_| {});
        let runner = runner.unwrap();
        let due = "SELECT CAST(COUNT(*) AS BIGINT) FROM job WHERE kind = $2 AND run_at <= $1";
        loop {
            let read = self.db.read(move |reader| {
                reader.query_one(due, &[now.into(), kind.into()], |row| row.get::<i64>(0))
            });
            let left: Result<i64, storeward_store::Error> = read.await;
            if left.unwrap() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        runner.stop(Duration::from_secs(5)).await;
    }

    fn count(&self, kind: LetterKind) -> usize {
        self.kinds().iter().filter(|known| **known == kind).count()
    }

    fn missed(&self) -> usize {
        self.count(LetterKind::FactorMissed)
    }
}

both_engines!(a_right_password_without_the_second_factor_is_told_once_a_day, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.with_totp().await;
    bench.advance(1);
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    bench.look().await;
    assert_eq!(bench.missed(), 0, "there is still time");
    bench.advance(OVER);
    bench.look().await;
    let letter = bench.letter(LetterKind::FactorMissed);
    assert_eq!(letter.to.expose(), EMAIL);
    assert!(!letter.parameter("device").is_empty() && !letter.parameter("when").is_empty());
    // As often as they like: with guesses at the code until the tries are spent, and from elsewhere.
    for network in 0..4 {
        let mut again = bench.browser();
        again.address = format!("203.0.113.{}", 30 + network).parse().unwrap();
        again.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
        for _ in 0..5 {
            again.prove("totp", "000000").await;
        }
        bench.advance(OVER);
    }
    bench.look().await;
    assert_eq!(bench.missed(), 1, "one a day");
    // The letter's link contains.
    let link = letter.parameter("link").strip_prefix("https://shop.example").unwrap().to_owned();
    let page = owner.get(&link).await;
    let token = page.attribute("name=\"t\" value=\"");
    owner
        .post("/.storeward/not-me", &page.csrf(), &[("t", &token)])
        .await
        .leads_to("/.storeward/sign-in?done=not-me");
    assert!(!owner.is_signed_in().await);
    bench.advance(DAY);
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    bench.advance(OVER);
    bench.look().await;
    assert_eq!(bench.missed(), 2);
});

both_engines!(whoever_shows_what_it_takes_is_told_nothing, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, secret) = bench.with_totp().await;
    // Begun twice in one place, the second time to the end.
    for _ in 0..2 {
        bench.browser().elsewhere().sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    }
    let mut elsewhere = bench.browser().elsewhere();
    elsewhere.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.next_totp(&secret);
    elsewhere.prove("totp", &code).await.leads_to("/.storeward/account");
    // Called away from a device that signed in before.
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    bench.advance(OVER);
    bench.look().await;
    assert_eq!(bench.missed(), 0);
    // A thief's is told also when the owner signs in meanwhile, from another network.
    let mut thief = bench.browser();
    thief.address = "203.0.113.77".parse().unwrap();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let mut home = bench.browser();
    home.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.next_totp(&secret);
    home.prove("totp", &code).await.leads_to("/.storeward/account");
    bench.advance(OVER);
    bench.look().await;
    assert_eq!(bench.missed(), 1);
});

// Whoever does not know the password has no letter sent, however much they guess; the owner learns of it with the next sign-in.
both_engines!(guesses_are_told_with_the_sign_in_that_follows, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let guess = async |times: u64| {
        for n in 0..times {
            let mut stranger = bench.browser();
            stranger.address = format!("203.0.113.{}", 10 + n).parse().unwrap();
            assert_ne!(stranger.sign_in(EMAIL, "something else entirely").await.status, 303);
            // Past each wait.
            bench.advance(400);
        }
    };
    guess(9).await;
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    assert_eq!(bench.count(LetterKind::SignInAfterGuesses), 0, "somebody who has forgotten theirs");
    guess(12).await;
    bench.look().await;
    let before = bench.kinds().len();
    assert_eq!((bench.count(LetterKind::SignInAfterGuesses), bench.missed()), (0, 0));
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    let letter = bench.letter(LetterKind::SignInAfterGuesses);
    assert_eq!((letter.to.expose().as_str(), letter.parameter("count")), (EMAIL, "12"));
    assert!(letter.parameter("link").contains("/not-me?t="));
    assert_eq!(bench.kinds().len(), before + 1);
    guess(12).await;
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    assert_eq!(bench.count(LetterKind::SignInAfterGuesses), 1, "one a day");
});

both_engines!(what_the_shield_asked_for_in_vain_is_told, MIGRATIONS, async |db| {
    let bench = Bench::with(db, SecondFactor::Required);
    let shop = ShopAccount {
        subject: "7".to_owned(),
        email: Some("bo@people.example".to_owned()),
        name: None,
        language: None,
    };
    let visit = |address: &str| Visit::new(address.parse().unwrap(), &HeaderMap::new());
    let begin = async |address: &str, handle: &str| {
        bench.identity.begin_pending(&visit(address), &shop, handle, Signals::default()).await.unwrap()
    };
    let Decision::Challenge(flow) = begin("198.51.100.7", "handle-a").await else { panic!("not asked") };
    let code = bench.code(LetterKind::SignInCode);
    let mut browser = bench.browser();
    browser.cookies.push(("__Host-storeward-flow".to_owned(), flow.secret().expose().clone()));
    browser.prove("mail", &code).await;
    let passed = bench.identity.release(&visit("198.51.100.7"), &flow, "handle-a").await.unwrap().unwrap();
    assert_eq!(passed.level, Level::Two);
    bench.advance(OVER);
    bench.look().await;
    assert_eq!(bench.missed(), 0);
    // Met in vain, and given up: the thief presses the button that gives up.
    let Decision::Challenge(flow) = begin("203.0.113.9", "handle-b").await else { panic!("not asked") };
    bench.identity.give_up(&flow).await.unwrap();
    bench.advance(OVER);
    bench.look().await;
    assert_eq!(bench.letter(LetterKind::FactorMissed).to.expose(), "bo@people.example");
    assert_eq!(bench.missed(), 1);
});

// Six of eight were used up in steps that ask again, and nobody had heard of one.
both_engines!(a_recovery_code_is_a_fact_wherever_it_was_shown, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = bench.with_totp().await;
    let codes = owner.recovery_codes().await;
    let used = async || bench.events("identity.recovery_code_used").await.len();
    assert_eq!(used().await, 0);
    bench.advance(3_600);
    owner.step_up("recovery", &codes[0], "/").await.leads_to("/");
    assert_eq!(used().await, 1, "for a sensitive act");
    let mut browser = bench.browser().elsewhere();
    browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    browser.prove("recovery", &codes[0]).await;
    assert_eq!(used().await, 1, "it was none any more");
    browser.prove("recovery", &codes[1]).await.leads_to("/.storeward/account");
    assert_eq!(used().await, 2);
    let path = "/.storeward/recover";
    let mut back = bench.browser().elsewhere();
    back.post_from(path, path, &[("email", EMAIL)]).await.leads_to("/.storeward/challenge");
    back.prove("mail", &bench.code(LetterKind::RecoveryCode)).await.leads_to("/.storeward/challenge");
    back.prove("recovery", &codes[2]).await.leads_to("/.storeward/new-password");
    assert_eq!(used().await, 3, "on the way back");
    browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    browser.prove("totp", &bench.next_totp(&app)).await.leads_to("/.storeward/account");
    assert_eq!(used().await, 3);
});
