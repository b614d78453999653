//! The ten mistakes that such systems make (reference/identity.md section 8), each attacked. Two live elsewhere: side
//! doors with the shield, slips of OAuth with the provider; what this crate owes to both is tested here.

use storeward_identity::{
    Decision, LetterKind, MIGRATIONS, Outcome, SecondFactor, ShopAccount, Signals, Visit,
};
use storeward_seal::webauthn::soft::PRESENT_AND_VERIFIED;
use storeward_store::both_engines;
use storeward_web::http::HeaderMap;

use super::bench::{Bench, EMAIL, ORIGIN, OTHER_PASSWORD, PASSWORD, assertion, encode};

// 1. Enumeration by wording: every way of failing looks the same, at sign-in and at recovery.
both_engines!(mistake_1_enumeration, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.with_totp().await);
    let mut seen = Vec::new();
    for (email, password) in
        [("nobody@people.example", PASSWORD), ("not-an-address", PASSWORD), (EMAIL, "another password here")]
    {
        let answer = bench.browser().sign_in(email, password).await;
        assert!(answer.headers.get("set-cookie").is_none_or(|c| !c.to_str().unwrap().contains("customer=")));
        seen.push((answer.status, answer.plain().replace(email, "")));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
    let mut pages = Vec::new();
    for email in [EMAIL, "abe@people.example"] {
        let mut browser = bench.browser();
        let path = "/.storeward/recover";
        let answer = browser.post_from(path, path, &[("email", email)]).await;
        let page = browser.get("/.storeward/challenge").await;
        let wrong = browser.prove("mail", "00000000").await;
        let sent = browser.post_from("/.storeward/challenge", "/.storeward/challenge/send", &[]).await;
        pages.push((answer.status, answer.location().to_owned(), page.plain(), wrong.status, sent.plain()));
    }
    assert_eq!(pages[0], pages[1]);
    assert_eq!(
        bench.kinds().iter().filter(|kind| **kind == LetterKind::RecoveryCode).count(),
        2,
        "for one only"
    );
});

// 1, by passkeys: which ones an account has is nothing for whoever typed its address.
both_engines!(mistake_1_passkeys_tell_nothing, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, mut key) = bench.with_passkey().await;
    let path = "/.storeward/recover";
    let mut answers = Vec::new();
    for email in [EMAIL, "abe@people.example"] {
        let mut stranger = bench.browser().elsewhere();
        stranger.post_from(path, path, &[("email", email)]).await.leads_to("/.storeward/challenge");
        let from = "/.storeward/challenge";
        let answer = stranger.post_from(from, "/.storeward/challenge/passkey-options", &[]).await;
        answers.push((answer.status, answer.plain()));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 404);
    // Behind the code it is asked for, and does.
    let mut owner = bench.browser().elsewhere();
    owner.post_from(path, path, &[("email", EMAIL)]).await.leads_to("/.storeward/challenge");
    owner.prove("mail", &bench.code(LetterKind::RecoveryCode)).await.leads_to("/.storeward/challenge");
    owner.prove_with(&mut key).await.leads_to("/.storeward/new-password");
});

// 1, in time: a password is hashed whether there is an account or not. (The quantum is a unit test.)
both_engines!(mistake_1_the_same_work_is_done_for_nobody, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    // A password that no hasher takes is refused alike; nothing breaks, nothing tells.
    let long = "x".repeat(2_000);
    let answer = bench.browser().sign_in("nobody@people.example", &long).await;
    drop(bench.signed_up().await);
    let also = bench.browser().sign_in(EMAIL, &long).await;
    assert_eq!((answer.status, also.status.as_u16()), (also.status, 403));
    // A wrong password costs one hash, whether there is an account or none.
    let mut work = Vec::new();
    for email in [EMAIL, "nobody@people.example"] {
        let before = bench.pool.stats();
        let answer = bench.browser().sign_in(email, "another password here").await;
        assert_eq!(answer.status, 403);
        let after = bench.pool.stats();
        work.push((after.done - before.done, after.argon2_kib - before.argon2_kib));
    }
    assert_eq!(work[0], work[1]);
    assert_eq!(work[0].0, 1);
});

// 2. Fixation: a token that somebody planted is worth nothing, and each change of assurance makes a new one.
both_engines!(mistake_2_session_fixation, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, secret) = bench.with_totp().await;
    let first = browser.session().unwrap();
    bench.advance(3_600);
    let code = bench.totp(&secret);
    let raised = browser.step_up("totp", &code, "/.storeward/account/password").await;
    raised.leads_to("/.storeward/account/password");
    let second = browser.session().unwrap();
    assert_ne!(first, second, "proving anew makes a new token");
    let path = "/.storeward/account/password";
    browser
        .post_from(path, path, &[("current", PASSWORD), ("password", OTHER_PASSWORD)])
        .await
        .leads_to("/.storeward/account?done=password");
    let third = browser.session().unwrap();
    assert_ne!(second, third, "a new password makes a new token");
    for old in [first, second, "ab".repeat(32)] {
        let mut attacker = bench.browser();
        attacker.cookies.push(("__Host-storeward-customer".to_owned(), old));
        assert!(!attacker.is_signed_in().await);
    }
    let mut victim = bench.browser();
    victim.cookies.push(("__Host-storeward-customer".to_owned(), "cd".repeat(32)));
    victim.sign_in(EMAIL, OTHER_PASSWORD).await.leads_to("/.storeward/challenge");
    let planted_flow = victim.cookie("__Host-storeward-flow").unwrap();
    assert_ne!(planted_flow, "cd".repeat(32));
    let code = bench.next_totp(&secret);
    let answer = victim.prove("totp", &code).await;
    let line = answer.headers["set-cookie"].to_str().unwrap();
    assert!(
        line.starts_with("__Host-storeward-customer=") && line.contains("; Secure; HttpOnly; SameSite=Lax")
    );
    assert_ne!(victim.session().unwrap(), "cd".repeat(32));
});

// 3. Replay: a code counts once, also in two requests at once, only in its own challenge, and after five tries never.
both_engines!(mistake_3_code_replay, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.with_totp().await;
    let used = bench.totp(&secret);
    let mut browser = bench.browser().elsewhere();
    browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(browser.prove("totp", &used).await.status, 403, "the code that confirmed the app is used");
    let code = bench.next_totp(&secret);
    let (mut one, mut two) = (bench.browser().elsewhere(), bench.browser().elsewhere());
    one.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    two.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let (a, b) = tokio::join!(one.prove("totp", &code), two.prove("totp", &code));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 403], "two at once get one session");
    assert_eq!(bench.reasons("identity.factor_failed").await, ["replayed", "replayed"]);
});

both_engines!(mistake_3_a_mailed_code_is_bound_to_its_challenge, MIGRATIONS, async |db| {
    let bench = Bench::with(db, SecondFactor::Required);
    drop(bench.signed_up().await);
    let mut one = bench.browser().elsewhere();
    one.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.code(LetterKind::SignInCode);
    let mut two = bench.browser().elsewhere();
    two.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(two.prove("mail", &code).await.status, 403, "another challenge's code");
    // Ten minutes.
    bench.advance(601);
    one.post_from("/.storeward/sign-in", "/.storeward/challenge", &[("method", "mail"), ("secret", &code)])
        .await;
    assert!(!one.is_signed_in().await);
});

both_engines!(mistake_3_five_tries, MIGRATIONS, async |db| {
    let bench = Bench::with(db, SecondFactor::Required);
    drop(bench.signed_up().await);
    let mut browser = bench.browser().elsewhere();
    browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.code(LetterKind::SignInCode);
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    let csrf = browser.get("/.storeward/challenge").await.csrf();
    for left in (1..5).rev() {
        let fields = [("method", "mail"), ("secret", wrong)];
        let answer = browser.post("/.storeward/challenge", &csrf, &fields).await;
        assert!(
            answer.status == 403 && answer.body.contains(&format!("Tries left: {left}.")),
            "{}",
            answer.body
        );
    }
    for secret in [wrong, &code] {
        let fields = [("method", "mail"), ("secret", secret)];
        let answer = browser.post("/.storeward/challenge", &csrf, &fields).await;
        assert!(answer.location().starts_with("/.storeward/sign-in"), "{} {}", answer.status, answer.body);
    }
    assert!(!browser.is_signed_in().await);
    assert_eq!(bench.reasons("identity.step_up_failed").await, ["tries_spent"]);
});

both_engines!(mistake_3_tries_are_counted_over_all_challenges, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.with_totp().await);
    let mut refused = 0;
    for _ in 0..6 {
        let mut browser = bench.browser().elsewhere();
        browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
        for _ in 0..3 {
            refused += usize::from(browser.prove("totp", "000000").await.status == 429);
        }
    }
    assert!(refused > 0, "new challenges do not bring new tries without end");
});

// 4. Recovery: never round the second factor, signs nobody in, codes count once.
both_engines!(mistake_4_recovery_keeps_the_second_factor, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, secret) = bench.with_totp().await;
    let codes = owner.recovery_codes().await;
    assert_eq!(codes.len(), 8);
    let path = "/.storeward/recover";
    let mut thief = bench.browser().elsewhere();
    thief.post_from(path, path, &[("email", EMAIL)]).await.leads_to("/.storeward/challenge");
    thief.prove("mail", &bench.code(LetterKind::RecoveryCode)).await.leads_to("/.storeward/challenge");
    // Who reads the mailbox stands before the second factor.
    thief.get("/.storeward/new-password").await.leads_to("/.storeward/challenge");
    let csrf = thief.get("/.storeward/challenge").await.csrf();
    let skipped = thief.post("/.storeward/new-password", &csrf, &[("password", OTHER_PASSWORD)]).await;
    assert!(skipped.location().starts_with("/.storeward/sign-in"), "{}", skipped.body);
    assert!(
        !thief.get("/.storeward/challenge").await.body.contains("value=\"mail\""),
        "no second letter instead"
    );
    assert!(owner.is_signed_in().await, "nothing has happened yet");
    // The owner has a recovery code.
    thief.prove("recovery", &codes[0]).await.leads_to("/.storeward/new-password");
    let done = thief
        .post_from("/.storeward/new-password", "/.storeward/new-password", &[("password", OTHER_PASSWORD)])
        .await;
    done.leads_to("/.storeward/sign-in?done=password");
    assert!(thief.session().is_none(), "a new password signs nobody in");
    assert!(!owner.is_signed_in().await, "and ends every session");
    assert_eq!(bench.letter(LetterKind::PasswordChanged).to.expose(), EMAIL);
    // The code is used up; others are not.
    thief.sign_in(EMAIL, OTHER_PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(thief.prove("recovery", &codes[0]).await.status, 403);
    thief.prove("recovery", &codes[1].to_uppercase()).await.leads_to("/.storeward/account");
    drop(secret);
    let rows: Vec<String> = bench
        .db
        .read(|reader| {
            reader.query_many("SELECT code_hash FROM customer_recovery_code", &[], |row| row.get(0))
        })
        .await
        .unwrap();
    assert!(rows.len() == 8 && rows.iter().all(|row| !codes.contains(row) && row.len() == 64));
});

// 5. Side doors (the part of this crate): an account is found by the shop's own id, never by an address that the shop
// did not check; and what waits is released once, to its own handle.
both_engines!(mistake_5_side_doors, MIGRATIONS, async |db| {
    let bench = Bench::with(db, SecondFactor::Required);
    let mut owner = bench.signed_up().await;
    let shop = |subject: &str| ShopAccount {
        subject: subject.to_owned(),
        email: Some(EMAIL.to_owned()),
        name: None,
        language: None,
    };
    let own = owner.get("/.storeward/account").await.body;
    assert!(own.contains("a•••@people.example"));
    // Somebody registers in the shop with the victim's address: another account, not the victim's.
    let other = bench.identity.account_of_shop(&shop("7")).await.unwrap();
    assert_ne!(other, bench.customer(EMAIL).await);
    assert_eq!(
        bench.identity.account_of_shop(&shop("7")).await.unwrap(),
        other,
        "by whatever name they came"
    );
    let visit = Visit::new("198.51.100.8".parse().unwrap(), &HeaderMap::new());
    let pending =
        bench.identity.begin_pending(&visit, &shop("7"), "handle-a", Signals::default()).await.unwrap();
    let Decision::Challenge(flow) = pending else { panic!("{pending:?}") };
    assert_eq!(bench.identity.outcome(&flow).await.unwrap(), Outcome::Waiting);
    assert!(
        bench.identity.release(&visit, &flow, "handle-a").await.unwrap().is_none(),
        "not before it is met"
    );
    let mut browser = bench.browser();
    browser.cookies.push(("__Host-storeward-flow".to_owned(), flow.secret().expose().clone()));
    browser.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/");
    assert_eq!(bench.identity.outcome(&flow).await.unwrap(), Outcome::Passed);
    browser.get("/.storeward/challenge").await;
    assert_eq!(
        bench.events("identity.step_up_passed").await.len(),
        1,
        "looking at a page tells nothing anew"
    );
    assert!(bench.identity.release(&visit, &flow, "handle-b").await.unwrap().is_none(), "another handle");
    let passed = bench.identity.release(&visit, &flow, "handle-a").await.unwrap().unwrap();
    assert_eq!(passed.customer, other);
    assert_eq!(passed.cookies(true).len(), 3);
    assert!(bench.identity.release(&visit, &flow, "handle-a").await.unwrap().is_none(), "once");
    assert_eq!(bench.identity.outcome(&flow).await.unwrap(), Outcome::Over);
});

// 6. First-enrolment capture and downgrade.
both_engines!(mistake_6_enrolment_capture_and_downgrade, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    // A thief with the password is in, for the policy asks for no more; but adds nothing of theirs.
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    for path in ["/.storeward/account/totp", "/.storeward/account/passkey", "/.storeward/account/codes"] {
        let page = thief.get(path).await;
        assert!(page.location().starts_with("/.storeward/step-up?next="), "{path}");
        let csrf = thief.get("/.storeward/account").await.csrf();
        for act in [path.to_owned(), format!("{path}/options"), format!("{path}/confirm")] {
            let answer = thief.post(&act, &csrf, &[("code", "123456"), ("credential", "{}")]).await;
            assert!(
                answer.status == 303 || answer.status == 405 || answer.status == 404,
                "{act} {}",
                answer.status
            );
        }
    }
    let begun = thief.post_from("/.storeward/step-up", "/.storeward/step-up", &[("next", "")]).await;
    begun.leads_to("/.storeward/challenge");
    thief.prove("password", PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(thief.prove("mail", "00000000").await.status, 403, "the code goes to the address on file");
    assert!(bench.events("identity.factor_added").await.is_empty());
});

both_engines!(mistake_6_no_way_down_to_a_weaker_factor, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, secret) = bench.with_totp().await;
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let page = thief.get("/.storeward/challenge").await;
    assert!(page.body.contains("value=\"totp\"") && !page.body.contains("value=\"mail\""));
    let letters = bench.kinds().len();
    thief.post("/.storeward/challenge/send", &page.csrf(), &[]).await;
    assert_eq!(bench.kinds().len(), letters, "no code by mail where there is an app");
    for (method, value) in [("mail", "12345678"), ("password", PASSWORD), ("sms", "1"), ("", "")] {
        thief.post("/.storeward/challenge", &page.csrf(), &[("method", method), ("secret", value)]).await;
        assert!(!thief.is_signed_in().await, "{method}");
    }
    // Removing the factor takes showing it.
    bench.advance(700);
    let id = owner.get("/.storeward/account").await.attribute("name=\"id\" value=\"");
    let path = "/.storeward/account/factors/remove";
    let early = owner.post_from("/.storeward/account", path, &[("id", &id)]).await;
    assert!(early.location().starts_with("/.storeward/step-up"), "{}", early.location());
    let code = bench.next_totp(&secret);
    owner.step_up("totp", &code, "").await.leads_to("/.storeward/account");
    owner
        .post_from("/.storeward/account", path, &[("id", &id)])
        .await
        .leads_to("/.storeward/account?done=removed");
    assert_eq!(bench.letter(LetterKind::FactorRemoved).to.expose(), EMAIL, "and the person is told");
});

// 7. Lock-out as a weapon: strangers' guesses slow strangers down, not the owner on their own device.
both_engines!(mistake_7_lock_out_as_a_weapon, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut statuses = Vec::new();
    for host in 0..40 {
        let mut guesser = bench.browser();
        guesser.address = format!("203.0.113.{host}").parse().unwrap();
        statuses.push(guesser.sign_in(EMAIL, "a wrong password here").await.status.as_u16());
    }
    assert!(statuses.contains(&429), "from forty addresses, and still slowed: {statuses:?}");
    let mut other = bench.browser();
    for _ in 0..7 {
        other.sign_in("nobody@people.example", "a wrong password here").await;
    }
    let unknown = other.sign_in("nobody@people.example", "a wrong password here").await;
    assert_eq!(unknown.status, 429, "also where there is no account");
    let csrf = owner.get("/.storeward/account").await.csrf();
    owner.post("/.storeward/sign-out", &csrf, &[]).await.leads_to("/.storeward/sign-in?done=out");
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
});

both_engines!(mistake_7_a_hundred_failures_do_not_lock_the_owner_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    bench.db.raw("UPDATE customer_account SET password_failures = 97");
    for n in 0..3 {
        bench.advance(400);
        let mut guesser = bench.browser();
        guesser.address = format!("203.0.113.{n}").parse().unwrap();
        assert_eq!(guesser.sign_in(EMAIL, "a wrong password here").await.status, 403);
    }
    assert_eq!(bench.events("identity.password_disabled").await.len(), 1);
    bench.advance(400);
    let mut thief = bench.browser().elsewhere();
    assert_eq!(thief.sign_in(EMAIL, PASSWORD).await.status, 403, "guessed at last, and too late");
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    bench.advance(400);
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
});

// 8. Hashing as a weapon: sizes are bounded before the hasher, and a stored hash cannot ask for more than we do.
both_engines!(mistake_8_hashing_as_a_weapon, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let huge = "x".repeat(70_000);
    let answer = bench.browser().sign_in(EMAIL, &huge).await;
    assert_eq!(answer.status, 413, "a form has 64 KiB at most");
    bench.db.tamper(
        "UPDATE customer_account SET password_hash = \
         '$argon2id$v=19$m=4194304,t=99,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'",
    );
    // Not by whoever only writes the database: the account is as none then.
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD).await.status, 403);
    bench.db.tamper("UPDATE customer_account SET tag = NULL");
    let db = (*bench.db).clone();
    assert!(
        storeward_store::testing::blocking(move || storeward_identity::bind_old_blocking(&db)).await.unwrap()
            > 0
    );
    let answer = bench.browser().sign_in(EMAIL, PASSWORD).await;
    assert_eq!(answer.status, 500, "refused before it is computed");
    assert!(!answer.body.contains("argon2"));
});

// 9. Slips of OAuth (the part of this crate): where one goes afterwards is a path of this host, whatever is asked for.
both_engines!(mistake_9_open_redirects, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    for (next, goal) in [
        ("/basket?step=2", "/basket?step=2"),
        ("https://evil.example/", "/.storeward/account"),
        ("//evil.example", "/.storeward/account"),
        ("/\\evil.example", "/.storeward/account"),
        ("/a\r\nset-cookie: a=b", "/.storeward/account"),
        ("javascript:alert(1)", "/.storeward/account"),
    ] {
        let mut browser = bench.browser();
        let page = browser.get(&format!("/.storeward/sign-in?next={}", encode(next))).await;
        assert!(!page.body.contains("evil.example") && !page.body.contains("alert("), "{next}");
        let fields = [("email", EMAIL), ("password", PASSWORD), ("next", next)];
        let answer = browser.post("/.storeward/sign-in", &page.csrf(), &fields).await;
        answer.leads_to(goal);
    }
});

// 10. Trust in devices and passkeys.
both_engines!(mistake_10_a_copied_device_token_is_theft, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, secret) = bench.with_totp().await;
    let code = bench.next_totp(&secret);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let fields = [("method", "totp"), ("secret", code.as_str()), ("trust", "yes")];
    owner
        .post_from("/.storeward/challenge", "/.storeward/challenge", &fields)
        .await
        .leads_to("/.storeward/account");
    let copied = owner.cookie("__Host-storeward-device").unwrap();
    bench.advance(3_600);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    assert_ne!(owner.cookie("__Host-storeward-device").unwrap(), copied, "it changes with each sign-in");
    bench.advance(3_600);
    assert!(owner.is_signed_in().await, "what it was exchanged for has arrived");
    let mut thief = bench.browser().elsewhere();
    thief.cookies.push(("__Host-storeward-device".to_owned(), copied));
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert!(!owner.is_signed_in().await, "every session is over");
    assert_eq!(bench.letter(LetterKind::DeviceCopied).to.expose(), EMAIL);
    assert_eq!(bench.events("identity.device_token_reused").await.len(), 1);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    // The name of a device is no secret: with a made-up one behind it nobody's sessions end.
    owner.prove("totp", &bench.next_totp(&secret)).await;
    assert!(owner.is_signed_in().await);
    let known = owner.cookie("__Host-storeward-device").unwrap();
    let mut stranger = bench.browser().elsewhere();
    let made_up = format!("{}-{}", known.rsplit_once('-').unwrap().0, "0".repeat(64));
    stranger.cookies.push(("__Host-storeward-device".to_owned(), made_up));
    stranger.sign_in(EMAIL, "not her password at all").await;
    assert!(owner.is_signed_in().await, "a stranger signed the owner out");
    assert_eq!(bench.events("identity.device_token_reused").await.len(), 1);
    // A guessed token is worth nothing, and says nothing.
    let mut guesser = bench.browser().elsewhere();
    let guess = format!("cdev_{}-{}", "0".repeat(26), "a".repeat(64));
    guesser.cookies.push(("__Host-storeward-device".to_owned(), guess));
    guesser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
});

both_engines!(mistake_10_a_trusted_device_is_one_accounts_and_ends, MIGRATIONS, async |db| {
    let bench = Bench::with(db, SecondFactor::Required);
    let mut owner = bench.signed_up().await;
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.code(LetterKind::SignInCode);
    let fields = [("method", "mail"), ("secret", code.as_str()), ("trust", "yes")];
    owner
        .post_from("/.storeward/challenge", "/.storeward/challenge", &fields)
        .await
        .leads_to("/.storeward/account");
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    // Another account in the same browser is asked.
    let mut other = bench.browser();
    other.sign_up("abe@people.example", OTHER_PASSWORD).await.leads_to("/.storeward/challenge");
    other.prove("mail", &bench.code(LetterKind::SignUpCode)).await.leads_to("/.storeward/account");
    owner.sign_in("abe@people.example", OTHER_PASSWORD).await.leads_to("/.storeward/challenge");
    // Thirty days.
    let mut later = bench.browser();
    later.cookies.clone_from(&owner.cookies);
    bench.advance(31 * 86_400);
    later.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
});

both_engines!(mistake_10_passkeys_for_other_sites_and_old_challenges, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, mut key) = bench.with_passkey().await;
    bench.browser().sign_in_with(&mut key).await.leads_to("/.storeward/account");
    let sign_in = "/.storeward/sign-in";
    let mut thief = bench.browser().elsewhere();
    let options = thief.options(sign_in, "/.storeward/passkey/options").await;
    // A page of another site relays the challenge.
    for origin in ["https://shop.example.evil.example", "https://evilshop.example", "http://shop.example"] {
        let shown = assertion(&mut key, &options, origin);
        let answer = thief.post_from(sign_in, "/.storeward/passkey/sign-in", &[("credential", &shown)]).await;
        assert_eq!(answer.status, 403, "{origin}");
    }
    // Without the person's finger.
    key.flags = 0b001;
    let shown = assertion(&mut key, &options, ORIGIN);
    let answer = thief.post_from(sign_in, "/.storeward/passkey/sign-in", &[("credential", &shown)]).await;
    assert_eq!(answer.status, 403, "user verification is required");
    key.flags = PRESENT_AND_VERIFIED;
    // The same answer twice.
    let options = thief.options(sign_in, "/.storeward/passkey/options").await;
    let shown = assertion(&mut key, &options, ORIGIN);
    let fields = [("credential", shown.as_str())];
    thief.post_from(sign_in, "/.storeward/passkey/sign-in", &fields).await.leads_to("/.storeward/account");
    let mut replay = bench.browser().elsewhere();
    replay.options(sign_in, "/.storeward/passkey/options").await;
    let answer = replay.post_from(sign_in, "/.storeward/passkey/sign-in", &fields).await;
    assert_eq!(answer.status, 403, "another challenge");
    // A counter that goes back tells of a copy.
    key.sign_count = 9;
    bench.browser().sign_in_with(&mut key).await.leads_to("/.storeward/account");
    key.sign_count = 4;
    assert_eq!(bench.browser().sign_in_with(&mut key).await.status, 403);
    assert!(bench.reasons("identity.factor_failed").await.contains(&"signature_counter".to_owned()));
    // One made for another site is not added.
    let created = owner.create_passkey(&mut key, "https://evil.example").await;
    let path = "/.storeward/account/passkey";
    let answer =
        owner.post_from(path, "/.storeward/account/passkey/confirm", &[("credential", &created)]).await;
    assert_eq!(answer.status, 422);
});

// 10, of staff: nobody acts as a customer, and a lock ends what is open.
