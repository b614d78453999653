//! Requirements of OWASP ASVS 5.0, chapters 6 and 7, that no other test attacks. docs/asvs.md says which test stands for
//! which requirement.

use std::sync::Arc;

use storeward_base::{Clock, Timestamp};
use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_passwords::breach::{BreachList, Breaches, BuildOptions, build};
use storeward_store::both_engines;

use super::bench::{Bench, Browser, EMAIL, ORIGIN, OTHER_PASSWORD, Options, PASSWORD, assertion, bytes};

const PASSWORD_PAGE: &str = "/.storeward/account/password";
const ACCOUNT: &str = "/.storeward/account";

impl Bench {
    /// Opens an account with this password; the browser is signed in.
    async fn with_password(&self, email: &str, password: &str) -> Browser<'_> {
        let mut browser = self.browser();
        browser.sign_up(email, password).await.leads_to("/.storeward/challenge");
        browser.prove("mail", &self.code(LetterKind::SignUpCode)).await.leads_to(ACCOUNT);
        browser
    }
}

impl Browser<'_> {
    /// Shows something where the page at the challenge asks for it; the answer's status.
    async fn prove_if_asked(&mut self, method: &str, secret: &str) -> Option<u16> {
        let page = self.get("/.storeward/challenge").await;
        if !page.body.contains(&format!("value=\"{method}\"")) {
            return None;
        }
        let fields = [("method", method), ("secret", secret)];
        Some(self.post("/.storeward/challenge", &page.csrf(), &fields).await.status.as_u16())
    }
}

// 6.2.3
both_engines!(a_password_is_changed_by_who_knows_it_only, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    // Somebody at the browser that was left open, moments after its owner proved everything.
    let csrf = owner.get(PASSWORD_PAGE).await.csrf();
    let without = owner.post(PASSWORD_PAGE, &csrf, &[("password", OTHER_PASSWORD)]).await;
    assert!(without.status.is_client_error(), "{}", without.status);
    for current in ["", "a wrong password here", OTHER_PASSWORD, "LAMP POST UMBRELLA TEA"] {
        let fields = [("current", current), ("password", OTHER_PASSWORD)];
        let answer = owner.post(PASSWORD_PAGE, &csrf, &fields).await;
        assert_eq!(answer.status, 422, "{current}");
        assert!(answer.body.contains("not your current password"), "{}", answer.body);
    }
    assert_eq!(bench.reasons("identity.factor_failed").await, ["wrong"; 4]);
    bench.browser().sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    // Guesses are counted, as at a challenge.
    let mut too_often = false;
    for _ in 0..8 {
        let fields = [("current", "a wrong password here"), ("password", OTHER_PASSWORD)];
        too_often |= owner.post(PASSWORD_PAGE, &csrf, &fields).await.body.contains("too often");
    }
    assert!(too_often, "guessing does not go on without end");
    bench.advance(120);
    let fields = [("current", PASSWORD), ("password", OTHER_PASSWORD)];
    owner.post(PASSWORD_PAGE, &csrf, &fields).await.leads_to("/.storeward/account?done=password");
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD).await.status, 403);
    bench.browser().sign_in(EMAIL, OTHER_PASSWORD).await.leads_to(ACCOUNT);
});

// 6.2.6, 6.2.7
both_engines!(password_fields_hide_what_is_typed_and_take_what_is_pasted, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut stranger = bench.browser();
    let path = "/.storeward/recover";
    stranger.post_from(path, path, &[("email", EMAIL)]).await.leads_to("/.storeward/challenge");
    stranger.prove("mail", &bench.code(LetterKind::RecoveryCode)).await.leads_to("/.storeward/new-password");
    let begun = owner.post_from("/.storeward/step-up", "/.storeward/step-up", &[("next", "")]).await;
    begun.leads_to("/.storeward/challenge");
    let mut pages = vec![stranger.get("/.storeward/new-password").await];
    for path in ["sign-in", "sign-up", "challenge", "account/password"] {
        pages.push(owner.get(&format!("/.storeward/{path}")).await);
    }
    let mut seen = 0;
    for page in pages {
        assert_eq!(page.status, 200);
        assert!(!page.body.to_lowercase().contains("onpaste"));
        for field in page.body.split("<input ").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let is_password = field.contains("current-password") || field.contains("new-password");
            assert_eq!(field.contains("type=\"password\""), is_password, "{field}");
            if is_password {
                assert!(field.contains("maxlength=\"1024\""), "{field}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 7);
});

// 6.2.5, 6.2.8, 6.2.9
both_engines!(a_password_counts_exactly_as_it_was_typed, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let long: String = "seven grey herons wade in the shallow lake, ".chars().cycle().take(200).collect();
    let (upper, cut) = (long.to_uppercase(), long.get(..72).unwrap().to_owned());
    for (at, (chosen, others)) in [
        (long.as_str(), vec![upper.as_str(), cut.as_str(), long.get(..199).unwrap()]),
        (" lamp post umbrella tea ", vec!["lamp post umbrella tea", "lamp post umbrella tea "]),
        ("Lantern moth Harbour gate", vec!["lantern moth harbour gate"]),
        ("лампа зонт дорога чай", vec!["Лампа зонт дорога чай"]),
        ("🦉 🕯️ quiet river 🪁 stone", vec!["quiet river stone"]),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("p{at}@people.example");
        drop(bench.with_password(&email, chosen).await);
        for other in others {
            assert_eq!(bench.browser().sign_in(&email, other).await.status, 403, "{at}: {}", other.len());
        }
        bench.browser().sign_in(&email, chosen).await.leads_to(ACCOUNT);
    }
});

// 6.2.10
both_engines!(a_password_does_not_age, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    bench.advance(5 * 366 * 86_400);
    bench.browser().sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
});

// 6.2.11
both_engines!(names_of_the_shop_make_no_password, MIGRATIONS, async |db| {
    let shop_name = Some("Larkmoor Books".to_owned());
    let bench = Bench::with_policy(db, Policy { shop_name, ..Policy::default() });
    // The shop's name, its hosts, the person's address: also with a few characters around them.
    for own in ["Larkmoor Books 2026", "shop.example1234", "www.shop.example!", "ada@people.example1"] {
        let answer = bench.browser().sign_up(EMAIL, own).await;
        assert!(answer.status == 422 && answer.body.contains("not your name"), "{own}: {}", answer.status);
    }
});

// 6.2.12
both_engines!(a_password_that_was_stolen_elsewhere_is_refused, MIGRATIONS, async |db| {
    const STOLEN: &str = "umbrella lamp tea post";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("breached-passwords.list");
    let source = "74FA52503FE63AC865524DBF1FE2D5C126CA450F:12\n";
    build(source.as_bytes(), &path, &BuildOptions::new(Timestamp::EPOCH), |_, _| {}).unwrap();
    let list = Arc::new(BreachList::open(&path).unwrap());
    let breaches = Breaches::new(Some(list), None);
    let bench = Bench::with_options(db, Options { breaches, ..Options::default() });
    let refused = bench.browser().sign_up("abe@people.example", STOLEN).await;
    assert!(refused.status == 422 && refused.body.contains("was stolen"), "{}", refused.body);
    let mut owner = bench.signed_up().await;
    let fields = [("current", PASSWORD), ("password", STOLEN)];
    let refused = owner.post_from(PASSWORD_PAGE, PASSWORD_PAGE, &fields).await;
    assert!(refused.status == 422 && refused.body.contains("was stolen"), "{}", refused.body);
    let mut back = bench.browser();
    let path = "/.storeward/recover";
    back.post_from(path, path, &[("email", EMAIL)]).await.leads_to("/.storeward/challenge");
    back.prove("mail", &bench.code(LetterKind::RecoveryCode)).await.leads_to("/.storeward/new-password");
    let path = "/.storeward/new-password";
    let refused = back.post_from(path, path, &[("password", STOLEN)]).await;
    assert!(refused.status == 422 && refused.body.contains("was stolen"), "{}", refused.body);
});

// 6.3.1, 6.3.8: what anybody can begin for any address neither tells who has an account nor uses up its owner's tries.
both_engines!(guesses_at_a_way_back_tell_nothing_and_keep_nobody_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.with_totp().await;
    let path = "/.storeward/recover";
    let mut seen = Vec::new();
    for (email, address) in [(EMAIL, "203.0.113.20"), ("abe@people.example", "203.0.113.21")] {
        let mut answers = Vec::new();
        for _ in 0..3 {
            let mut stranger = bench.browser();
            stranger.address = address.parse().unwrap();
            stranger.post_from(path, path, &[("email", email)]).await.leads_to("/.storeward/challenge");
            for _ in 0..5 {
                let answer = stranger.prove("mail", "00000000").await;
                answers.push((answer.status.as_u16(), answer.location().to_owned()));
            }
        }
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].iter().all(|(status, _)| *status != 429), "{seen:?}");
    let mut owner = bench.browser().elsewhere();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.next_totp(&secret);
    owner.prove("totp", &code).await.leads_to(ACCOUNT);
});

// 6.3.1, 6.6.3: who holds a session and the password guesses at codes, and begins to count anew with the password.
both_engines!(a_password_does_not_clear_the_count_of_codes, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut thief, _) = bench.with_totp().await;
    bench.advance(3_600);
    let mut waits = 0;
    for _ in 0..8 {
        let path = "/.storeward/step-up";
        thief.post_from(path, path, &[("next", "")]).await.leads_to("/.storeward/challenge");
        waits += usize::from(thief.prove("password", PASSWORD).await.status == 429);
        for _ in 0..3 {
            waits += usize::from(thief.prove_if_asked("totp", "000000").await == Some(429));
        }
    }
    assert!(waits > 0, "new challenges with the right password bring new tries without end");
});

// 6.3.2
both_engines!(nobody_is_there_from_the_beginning, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    for (name, password) in
        [("admin", "admin"), ("admin@shop.example", "admin"), ("root@shop.example", "root"), ("", "")]
    {
        assert_eq!(bench.browser().sign_in(name, password).await.status, 403, "{name}");
    }
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM customer_account";
    let there = bench.db.read(move |reader| reader.query_one(count, &[], |row| row.get::<u64>(0))).await;
    assert_eq!(there, Ok::<_, storeward_store::Error>(0));
});

// 6.3.3
both_engines!(where_it_is_required_a_password_alone_opens_nothing, MIGRATIONS, async |db| {
    let bench = Bench::with(db, SecondFactor::Required);
    drop(bench.signed_up().await);
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let table = bench.identity.access_table();
    for path in table.lines().filter(|line| line.starts_with("GET ") && line.contains("only: customer")) {
        let path = path.split_whitespace().nth(1).unwrap();
        assert!(thief.get(path).await.location().starts_with("/.storeward/sign-in"), "{path}");
    }
    thief.prove("mail", "00000000").await;
    assert!(!thief.is_signed_in().await);
    thief.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to(ACCOUNT);
});

// 6.3.7
both_engines!(every_change_of_how_one_signs_in_is_told, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.with_totp().await;
    let told = |kind: LetterKind, factor: &str| {
        let letter = bench.letter(kind);
        assert_eq!((letter.to.expose().as_str(), letter.parameter("factor")), (EMAIL, factor));
        assert!(letter.parameter("link").contains("/.storeward/not-me?t="), "{kind:?}");
    };
    told(LetterKind::FactorAdded, "totp");
    owner.recovery_codes().await;
    told(LetterKind::FactorAdded, "recovery_codes");
    let id = owner.get(ACCOUNT).await.attribute("name=\"id\" value=\"");
    owner.add_passkey().await;
    told(LetterKind::FactorAdded, "passkey");
    let path = "/.storeward/account/factors/remove";
    owner.post_from(ACCOUNT, path, &[("id", &id)]).await.leads_to("/.storeward/account?done=removed");
    told(LetterKind::FactorRemoved, "totp");
    let fields = [("current", PASSWORD), ("password", OTHER_PASSWORD)];
    owner
        .post_from(PASSWORD_PAGE, PASSWORD_PAGE, &fields)
        .await
        .leads_to("/.storeward/account?done=password");
    told(LetterKind::PasswordChanged, "");
});

// 6.4.2
both_engines!(nothing_is_asked_that_others_could_know, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    for (path, expected) in [
        ("/.storeward/sign-up", &["csrf", "email", "name", "next", "password"][..]),
        ("/.storeward/recover", &["csrf", "email", "next"]),
    ] {
        let page = bench.browser().get(path).await;
        let mut names: Vec<&str> =
            page.body.split(" name=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        names.retain(|name| !matches!(*name, "viewport" | "color-scheme" | "robots" | "referrer"));
        names.sort_unstable();
        assert_eq!(names, expected, "{path}");
    }
});

// 6.5.3, 6.5.4, 6.7.2, 7.2.3
both_engines!(what_is_random_is_long_and_never_the_same, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.with_passkey().await;
    let mut challenges = Vec::new();
    for _ in 0..3 {
        let options = owner.options("/.storeward/sign-in", "/.storeward/passkey/options").await;
        challenges.push(bytes(&options["challenge"]));
    }
    assert!(challenges.iter().all(|challenge| challenge.len() == 32));
    let mut codes = owner.recovery_codes().await;
    codes.extend(owner.recovery_codes().await);
    // 16 characters of 5 bits, and dashes.
    assert!(codes.iter().all(|code| code.replace('-', "").len() == 16), "{codes:?}");
    let mut tokens = Vec::new();
    let mut mailed = Vec::new();
    for n in 0..3 {
        let other = bench.with_password(&format!("p{n}@people.example"), PASSWORD).await;
        tokens.push(other.session().unwrap());
        mailed.push(bench.code(LetterKind::SignUpCode));
    }
    assert!(tokens.iter().all(|token| token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit())));
    assert!(mailed.iter().all(|code| code.len() == 8 && code.bytes().all(|b| b.is_ascii_digit())));
    let all: Vec<Vec<u8>> =
        codes.iter().chain(&tokens).chain(&mailed).map(|text| text.clone().into_bytes()).collect();
    let mut all: Vec<Vec<u8>> = all.into_iter().chain(challenges).collect();
    let before = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), before);
});

// 6.5.5, 6.5.8
both_engines!(codes_of_another_time_are_refused, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.with_totp().await;
    bench.advance(600);
    let early = bench.totp(&secret);
    bench.advance(120);
    let late = secret.code_at(storeward_seal::totp::step_at(bench.clock.now()) + 3);
    let mut browser = bench.browser().elsewhere();
    browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    for code in [early, late] {
        assert_eq!(browser.prove("totp", &code).await.status, 403);
    }
    let code = bench.totp(&secret);
    browser.prove("totp", &code).await.leads_to(ACCOUNT);
});

// 6.7.1: who can write into the database, and holds no key of ours, cannot put a passkey of their own in the place of
// another one's.
both_engines!(a_passkeys_key_cannot_be_exchanged_at_rest, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, mut key) = bench.with_passkey().await;
    let mut thief = bench.with_password("eve@people.example", OTHER_PASSWORD).await;
    let mut thiefs_key = thief.add_passkey().await;
    let opened = bench.events("identity.signed_up").await;
    let ids: Vec<String> = opened
        .iter()
        .map(|record| {
            serde_json::to_value(&record.event).unwrap()["data"]["customer"].as_str().unwrap().to_owned()
        })
        .collect();
    let (owner, eve) = (&ids[0], &ids[1]);
    let of_eve = format!("(SELECT secret_sealed FROM customer_factor WHERE customer = '{eve}')");
    bench
        .db
        .tamper(&format!("UPDATE customer_factor SET secret_sealed = {of_eve} WHERE customer = '{owner}'"));
    let user_handle = key.user_handle.clone();
    let options = thief.options("/.storeward/sign-in", "/.storeward/passkey/options").await;
    // Under the owner's credential id, signed by the thief's key.
    thiefs_key.credential_id.clone_from(&key.credential_id);
    thiefs_key.user_handle = user_handle;
    let shown = assertion(&mut thiefs_key, &options, ORIGIN);
    let mut browser = bench.browser();
    browser.cookies.clone_from(&thief.cookies);
    browser.cookies.retain(|(name, _)| name == "__Host-storeward-flow");
    let sign_in = "/.storeward/sign-in";
    let answer = browser.post_from(sign_in, "/.storeward/passkey/sign-in", &[("credential", &shown)]).await;
    assert!(answer.status != 303 && !browser.is_signed_in().await, "{}", answer.status);
    assert_ne!(bench.browser().sign_in_with(&mut key).await.status, 303, "the exchange is noticed");
});

// 7.2.4
both_engines!(signing_in_again_ends_the_session_before, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut copy = bench.browser();
    copy.cookies.clone_from(&owner.cookies);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    assert!(owner.is_signed_in().await && !copy.is_signed_in().await);
});

// 7.4.1
both_engines!(signing_out_ends_the_session_and_not_only_the_cookie, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut copy = bench.browser();
    copy.cookies.clone_from(&owner.cookies);
    assert!(copy.is_signed_in().await);
    let out = owner.post_from(ACCOUNT, "/.storeward/sign-out", &[]).await;
    out.leads_to("/.storeward/sign-in?done=out");
    assert!(owner.session().is_none() && !copy.is_signed_in().await);
});

// 7.4.4
both_engines!(every_page_of_an_account_leads_out_of_it, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.with_totp().await;
    let table = bench.identity.access_table();
    let pages = table.lines().filter(|line| line.starts_with("GET ") && line.contains("only: customer"));
    let mut seen = 0;
    for path in pages.map(|line| line.split_whitespace().nth(1).unwrap()) {
        let page = owner.get(path).await;
        if path.ends_with("/sms") {
            assert_eq!(page.status, 404, "no gateway for short messages here");
            continue;
        }
        assert_eq!(page.status, 200, "{path}");
        assert!(page.body.contains("action=\"/.storeward/sign-out\""), "{path}");
        seen += 1;
    }
    assert!(seen >= 6, "{seen}");
});

// 7.4.3
both_engines!(after_a_change_all_other_sessions_can_be_ended, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut two = bench.browser();
    two.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    owner.add_totp().await;
    let path = "/.storeward/account/sessions/end-others";
    let after = owner.get("/.storeward/account?done=totp").await;
    assert!(after.body.contains("Your authenticator app is added"), "{}", after.body);
    assert!(after.body.contains(&format!("action=\"{path}\"")));
    assert!(two.is_signed_in().await);
    owner.post(path, &after.csrf(), &[]).await.leads_to("/.storeward/account?done=sessions");
    assert!(!two.is_signed_in().await && owner.is_signed_in().await);
});

// 7.5.2
both_engines!(ending_sessions_takes_a_proof, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let (mut two, mut three) = (bench.browser(), bench.browser().elsewhere());
    two.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    three.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    // Somebody at the browser that was left open.
    bench.advance(3_600);
    let page = owner.get(ACCOUNT).await;
    let id = page.attribute("name=\"id\" value=\"");
    for path in ["sessions/end", "sessions/end-others", "devices/forget"] {
        let path = format!("/.storeward/account/{path}");
        let answer = owner.post(&path, &page.csrf(), &[("id", &id)]).await;
        answer.leads_to("/.storeward/step-up?next=/.storeward/account");
    }
    assert!(two.is_signed_in().await && three.is_signed_in().await);
    let path = "/.storeward/step-up";
    owner.post_from(path, path, &[("next", ACCOUNT)]).await.leads_to("/.storeward/challenge");
    owner.prove("password", PASSWORD).await.leads_to("/.storeward/challenge");
    owner.post_from("/.storeward/challenge", "/.storeward/challenge/send", &[]).await;
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to(ACCOUNT);
    let path = "/.storeward/account/sessions/end-others";
    owner.post_from(ACCOUNT, path, &[]).await.leads_to("/.storeward/account?done=sessions");
    assert!(!two.is_signed_in().await && !three.is_signed_in().await && owner.is_signed_in().await);
});
