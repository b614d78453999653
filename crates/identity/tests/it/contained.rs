//! "This wasn't me" takes back what somebody else did to an account: what they added is no way in for them, and keeps nobody out.

use storeward_identity::{Letter, LetterKind, MIGRATIONS};
use storeward_seal::totp::TotpSecret;
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
pub async fn press(bench: &Bench, letter: &Letter) -> Answer {
    press_in(&mut bench.browser().elsewhere(), letter).await
}

async fn press_in(reader: &mut Browser<'_>, letter: &Letter) -> Answer {
    let link = letter.parameter("link").strip_prefix(ORIGIN).unwrap().to_owned();
    let page = reader.get(&link).await;
    let token = page.attribute("name=\"t\" value=\"");
    reader.post("/.storeward/not-me", &page.csrf(), &[("t", &token)]).await
}

/// The way back by the mail of `address`, up to what is asked for behind it.
pub async fn recover<'a>(bench: &'a Bench, address: &str) -> (Browser<'a>, Answer) {
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
    // The owner presses it on the computer that they have always used.
    let letter = first(&bench, LetterKind::FactorAdded);
    press_in(&mut owner, &letter).await.leads_to("/.storeward/recover?done=not-me");
    assert!(!thief.is_signed_in().await && !owner.is_signed_in().await);
    let page = bench.browser().get("/.storeward/recover?done=not-me").await;
    assert!(page.body.contains("what was changed is taken back"), "{}", page.body);
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

// For seven days after an app was added, whoever read the account's mail had a link that took it out, and was then let in by a mailed
// code: the mail alone was worth more than the app.
both_engines!(a_letter_alone_takes_nobodys_app_and_then_the_account, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (owner, _) = bench.with_totp().await;
    drop(owner);
    // A mailbox, and nothing else.
    press(&bench, &bench.letter(LetterKind::FactorAdded)).await.leads_to("/.storeward/recover?done=not-me");
    let (mut thief, shown) = recover(&bench, EMAIL).await;
    shown.leads_to(CHALLENGE);
    assert_ne!(thief.get(NEW_PASSWORD).await.status, 200);
    let page = thief.get(CHALLENGE).await;
    assert!(page.body.contains("/.storeward/challenge/lost"), "{}", page.body);
    for (method, secret) in [
        ("mail", bench.letter(LetterKind::RecoveryCode).parameter("code").to_owned()),
        ("totp", "000000".into()),
    ] {
        thief.prove(method, &secret).await.leads_to(CHALLENGE);
    }
    assert_ne!(thief.get(NEW_PASSWORD).await.status, 200);
    // What is left is the waiting time, which is told and can be stopped.
    let (mut thief, _) = recover(&bench, EMAIL).await;
    let begun = thief.post_from(CHALLENGE, "/.storeward/challenge/lost", &[]).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    assert_eq!(bench.events("identity.recovery_wait_begun").await.len(), 1);
    // Whoever has the password as well is in at once, has to choose another, and with that it is as it always was.
    let mut owner = bench.browser().elsewhere();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to(NEW_PASSWORD);
    let done = owner.post_from(NEW_PASSWORD, NEW_PASSWORD, &[("password", OTHER_PASSWORD)]).await;
    done.leads_to("/.storeward/sign-in?done=password");
    let (_, shown) = recover(&bench, EMAIL).await;
    shown.leads_to(NEW_PASSWORD);
});

// Time passed between the factor and the letter that told of it, if only a microsecond: the link took out what was added since then, and
// that was not.
both_engines!(a_letter_takes_out_what_it_tells_of_by_a_clock_that_ticks, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    bench.clock.tick(7);
    drop(bench.with_totp().await);
    let (mut thief, _) = recover(&bench, EMAIL).await;
    assert_eq!(thief.post_from(CHALLENGE, "/.storeward/challenge/lost", &[]).await.status, 200);
    bench.advance(72 * 3_600 + 1);
    let (mut thief, shown) = recover(&bench, EMAIL).await;
    shown.leads_to("/.storeward/new-factor");
    let page = thief.post_from("/.storeward/new-factor", "/.storeward/new-factor/totp", &[]).await;
    let key = page.body.split("<code class=\"long\">").nth(1).unwrap().split('<').next().unwrap();
    let app = TotpSecret::from_base32(key).unwrap();
    let code = bench.totp(&app);
    let done = thief.post("/.storeward/new-factor/totp/confirm", &page.csrf(), &[("code", &code)]).await;
    done.leads_to("/.storeward/sign-in?done=factor");
    press(&bench, &bench.letter(LetterKind::FactorsReplaced))
        .await
        .leads_to("/.storeward/recover?done=not-me");
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    let page = thief.get(CHALLENGE).await;
    assert!(!page.body.contains("id=\"totp\""), "{}", page.body);
    let code = bench.next_totp(&app);
    thief.prove("totp", &code).await.leads_to(CHALLENGE);
    assert!(!thief.is_signed_in().await);
});

// The letter went out when the challenge was over, and took back only what was added after that.
both_engines!(a_missed_second_factor_counts_from_when_the_password_was_typed, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    bench.clock.tick(7);
    let (owner, _) = bench.with_totp().await;
    let mut guess = bench.browser().elsewhere();
    guess.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    bench.advance(60);
    let mut thief = copy_of(&owner);
    let mut key = thief.add_passkey().await;
    bench.advance(601);
    bench.look().await;
    press(&bench, &bench.letter(LetterKind::FactorMissed)).await.leads_to("/.storeward/recover?done=not-me");
    assert_eq!(bench.browser().elsewhere().sign_in_with(&mut key).await.status, 403);
    let customer = bench.customer(EMAIL).await;
    let seen = bench.identity.customers().view(customer).await.unwrap();
    assert_eq!(seen.map(|seen| seen.factors.len()), Some(1), "the owner's own app");
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

const ADDRESS: &str = "/.storeward/account/address";
const THIEF: &str = "thief@evil.example";
const THIEFS_PASSWORD: &str = "nine red foxes swim";

/// Gives the account an address that whoever holds the session reads.
pub async fn move_address(bench: &Bench, browser: &mut Browser<'_>, address: &str) {
    browser.post_from(ADDRESS, ADDRESS, &[("email", address)]).await.leads_to(CHALLENGE);
    browser
        .prove("mail", &bench.code(LetterKind::AddressCode))
        .await
        .leads_to("/.storeward/account?done=address");
}

/// Whether the way back for an address sends a letter there.
async fn is_written_to(bench: &Bench, address: &str) -> bool {
    let count = || bench.kinds().iter().filter(|kind| **kind == LetterKind::RecoveryCode).count();
    let before = count();
    let mut browser = bench.browser().elsewhere();
    browser.post_from(RECOVER, RECOVER, &[("email", address)]).await.leads_to(CHALLENGE);
    count() > before
}

// The button in "your address was changed" shut the owner out, whose address was nobody's, and the thief chose the new password.
both_engines!(an_address_that_a_thief_changed_is_put_back, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    bench.advance(60);
    let mut thief = copy_of(&owner);
    move_address(&bench, &mut thief, THIEF).await;
    bench.advance(30);
    let app = thief.add_totp().await;
    let path = "/.storeward/account/password";
    let fields = [("current", PASSWORD), ("password", THIEFS_PASSWORD)];
    thief.post_from(path, path, &fields).await.leads_to("/.storeward/account?done=password");
    let thiefs_letter = bench.letter(LetterKind::PasswordChanged);
    assert_eq!(thiefs_letter.to.expose(), THIEF);
    let letter = first(&bench, LetterKind::AddressChanged);
    assert_eq!(letter.to.expose(), EMAIL);
    bench.advance(29 * 86_400);
    press_in(&mut owner, &letter).await.leads_to("/.storeward/recover?done=not-me");
    assert!(!thief.is_signed_in().await);
    let told = bench.letter(LetterKind::Contained);
    assert_eq!((told.to.expose().as_str(), told.parameter("factors")), (EMAIL, "totp"));
    // Neither the thief's mailbox nor the thief's letters are worth anything.
    assert_eq!(bench.browser().elsewhere().sign_in(THIEF, THIEFS_PASSWORD).await.status, 403);
    assert!(!is_written_to(&bench, THIEF).await);
    let link = thiefs_letter.parameter("link").strip_prefix(ORIGIN).unwrap().to_owned();
    assert!(
        !bench.browser().get(&link).await.body.contains("name=\"t\""),
        "its link would put the address back"
    );
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, THIEFS_PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(bench.letter(LetterKind::SignInCode).to.expose(), EMAIL);
    let code = bench.next_totp(&app);
    thief.prove("totp", &code).await.leads_to(CHALLENGE);
    assert!(!thief.is_signed_in().await);
    // The old mailbox chooses the password.
    let (mut owner, shown) = recover(&bench, EMAIL).await;
    shown.leads_to(NEW_PASSWORD);
    choose_password(&bench, &mut owner).await;
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
    assert_eq!(bench.browser().elsewhere().sign_in(EMAIL, THIEFS_PASSWORD).await.status, 403);
    let told = bench.letter(LetterKind::AddressChanged);
    assert_eq!(
        (told.to.expose().as_str(), told.parameter("link")),
        (THIEF, ""),
        "told, with nothing to press"
    );
});

both_engines!(the_earlier_address_is_kept_for_thirty_days, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    move_address(&bench, &mut owner, "new@people.example").await;
    bench.advance(30 * 86_400 + 1);
    let link = bench.letter(LetterKind::AddressChanged);
    let link = link.parameter("link").strip_prefix(ORIGIN).unwrap().to_owned();
    assert!(!bench.browser().get(&link).await.body.contains("name=\"t\""));
    bench.browser().sign_in("new@people.example", PASSWORD).await.leads_to("/.storeward/account");
});

// The letter about the thief's own sign-in is older than the change, and as good. A chain of addresses leads back to the first.
both_engines!(the_first_address_comes_back_however_often_it_was_changed, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    bench.advance(60);
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    let letter = bench.letter(LetterKind::NewDevice);
    thief.step_up_by_mail().await;
    move_address(&bench, &mut thief, "one@evil.example").await;
    bench.advance(60);
    move_address(&bench, &mut thief, THIEF).await;
    // The thief tries to make the one before the last the last word.
    press(&bench, &bench.letter(LetterKind::AddressChanged))
        .await
        .leads_to("/.storeward/recover?done=not-me");
    press(&bench, &letter).await.leads_to("/.storeward/recover?done=not-me");
    assert!(!is_written_to(&bench, THIEF).await && !is_written_to(&bench, "one@evil.example").await);
    assert!(is_written_to(&bench, EMAIL).await);
});

// Whoever lost the address and signed up with it anew is not robbed of that account, and the thief has neither.
both_engines!(
    an_address_that_has_another_account_meanwhile_is_no_way_in_for_the_thief,
    MIGRATIONS,
    async |db| {
        let bench = Bench::new(db);
        let owner = bench.signed_up().await;
        let mut thief = copy_of(&owner);
        move_address(&bench, &mut thief, THIEF).await;
        let letter = bench.letter(LetterKind::AddressChanged);
        let mut anew = bench.browser();
        anew.sign_up(EMAIL, OTHER_PASSWORD).await.leads_to(CHALLENGE);
        anew.prove("mail", &bench.code(LetterKind::SignUpCode)).await.leads_to("/.storeward/account");
        let second = bench.customer(EMAIL).await;
        press(&bench, &letter).await.leads_to("/.storeward/recover?done=not-me");
        assert_eq!(bench.browser().sign_in(THIEF, PASSWORD).await.status, 403);
        assert!(!is_written_to(&bench, THIEF).await);
        assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD).await.status, 403);
        assert!(anew.is_signed_in().await);
        assert_eq!(bench.customer(EMAIL).await, second);
    }
);

// The name of a device, which stands in a page, and no password: the owner was signed out everywhere.
both_engines!(a_devices_name_signs_nobody_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let old = owner.cookie("__Host-storeward-device").unwrap();
    bench.advance(3_600);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    bench.advance(3_600);
    let name = old.split('-').next().unwrap();
    for cookie in [format!("{name}-{}", "0".repeat(64)), old.clone()] {
        let mut stranger = bench.browser().elsewhere();
        stranger.cookies.push(("__Host-storeward-device".to_owned(), cookie));
        assert_eq!(stranger.sign_in(EMAIL, OTHER_PASSWORD).await.status, 403);
        stranger.post_from(RECOVER, RECOVER, &[("email", EMAIL)]).await.leads_to(CHALLENGE);
        stranger.prove("mail", "00000000").await;
    }
    assert!(owner.is_signed_in().await);
    assert_eq!(bench.events("identity.device_token_reused").await.len(), 0);
    assert!(!bench.kinds().contains(&LetterKind::DeviceCopied));
    // With the right password it is a copy.
    let mut thief = bench.browser().elsewhere();
    thief.cookies.push(("__Host-storeward-device".to_owned(), old));
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert!(!owner.is_signed_in().await);
    assert_eq!(bench.events("identity.device_token_reused").await.len(), 1);
});

/// Presses the button in the security centre.
async fn press_inside(browser: &mut Browser<'_>) -> Answer {
    let page = browser.get("/.storeward/account").await;
    browser.post("/.storeward/account/not-me", &page.csrf(), &[]).await
}

// From inside nothing was taken out: the thief's app was what the next sign-in took.
both_engines!(from_inside_it_takes_out_what_came_since_that_sign_in, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    bench.advance(60);
    let mut thief = copy_of(&owner);
    move_address(&bench, &mut thief, THIEF).await;
    bench.advance(30);
    let app = thief.add_totp().await;
    let thiefs_letter = bench.letter(LetterKind::FactorAdded);
    assert_eq!(thiefs_letter.to.expose(), THIEF);
    bench.advance(30);
    assert!(owner.get("/.storeward/account").await.body.contains("is taken out again"));
    press_inside(&mut owner).await.leads_to("/.storeward/recover?done=not-me");
    assert!(!thief.is_signed_in().await && !owner.is_signed_in().await);
    // Neither the thief's mailbox nor the thief's app nor the links in the thief's letters are worth anything.
    assert_eq!(bench.browser().elsewhere().sign_in(THIEF, PASSWORD).await.status, 403);
    assert!(!is_written_to(&bench, THIEF).await);
    let link = thiefs_letter.parameter("link").strip_prefix(ORIGIN).unwrap().to_owned();
    assert!(!bench.browser().get(&link).await.body.contains("name=\"t\""));
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(bench.letter(LetterKind::SignInCode).to.expose(), EMAIL);
    let code = bench.next_totp(&app);
    thief.prove("totp", &code).await.leads_to(CHALLENGE);
    assert!(!thief.is_signed_in().await);
    let (mut owner, shown) = recover(&bench, EMAIL).await;
    shown.leads_to(NEW_PASSWORD);
    choose_password(&bench, &mut owner).await;
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
});

// Whoever presses may be the thief, in a session that was stolen.
both_engines!(from_inside_what_was_there_before_stays, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = bench.with_totp().await;
    let codes = owner.recovery_codes().await;
    bench.advance(60);
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    let code = bench.next_totp(&app);
    thief.prove("totp", &code).await.leads_to("/.storeward/account");
    press_inside(&mut thief).await.leads_to("/.storeward/sign-in?done=not-me");
    assert_eq!(bench.events("identity.factor_removed").await.len(), 0);
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert!(thief.get(CHALLENGE).await.body.contains("id=\"totp\""), "the app is asked for");
    let customer = bench.customer(EMAIL).await;
    let view = bench.identity.customers().view(customer).await.unwrap().unwrap();
    assert_eq!((view.factors.len(), view.codes_left as usize), (1, codes.len()));
});

// A session may be a month old, and a letter's link is good for a week.
both_engines!(from_inside_nothing_older_than_a_week_is_taken_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    bench.advance(60);
    owner.add_totp().await;
    for _ in 0..8 {
        bench.advance(86_400);
        assert!(owner.is_signed_in().await);
    }
    press_inside(&mut owner).await.leads_to("/.storeward/sign-in?done=not-me");
    assert_eq!(bench.events("identity.factor_removed").await.len(), 0);
});

// With a session's cookie alone, from anywhere: the owner's app was gone and the password blocked, and no letter said so.
both_engines!(whatever_is_taken_out_is_told, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.with_totp().await;
    owner.recovery_codes().await;
    bench.advance(3_600);
    let mut thief = copy_of(&owner);
    thief.cookies.retain(|(name, _)| name == "__Host-storeward-customer");
    let before = bench.kinds().len();
    press_inside(&mut thief).await.leads_to("/.storeward/recover?done=not-me");
    assert_eq!(bench.kinds()[before..], [LetterKind::Contained]);
    let letter = bench.letter(LetterKind::Contained);
    assert_eq!(letter.to.expose(), EMAIL);
    assert_eq!(letter.parameter("factors"), "totp,recovery_codes");
    assert_eq!(
        letter.parameter("link"),
        "",
        "everything is ended, and a link would be one more for the thief"
    );
    let customer = bench.customer(EMAIL).await;
    let lines = bench.identity.customers().view(customer).await.unwrap().unwrap().activity;
    for line in ["Authenticator app removed", "Recovery codes taken out"] {
        assert_eq!(lines.iter().filter(|told| told.what == line).count(), 1, "{line}");
    }
});
