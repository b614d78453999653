//! Letters that somebody else asks for, and what the page says of them: on both engines.

use storeward_identity::{LetterKind, MIGRATIONS, Policy};
use storeward_puzzle::solve;
use storeward_store::both_engines;

use super::behind::{Behind, Elevation};
use super::bench::{Answer, Bench, Browser, EMAIL, PASSWORD};

const CHALLENGE: &str = "/.storeward/challenge";
const SEND: &str = "/.storeward/challenge/send";

fn codes(bench: &Bench) -> usize {
    bench.kinds().iter().filter(|kind| **kind == LetterKind::SignInCode).count()
}

/// One of many networks that nobody of the house ever came from.
fn from_network(bench: &Bench, n: u8) -> Browser<'_> {
    Browser { address: format!("192.0.{n}.9").parse().unwrap(), ..bench.browser() }
}

/// Whoever knows the password signs in from one network after the other, until no letter goes out any more.
async fn use_letters_up(bench: &Bench) {
    for n in 0..12 {
        from_network(bench, n).sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    }
    let before = codes(bench);
    from_network(bench, 13).sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(codes(bench), before, "they are used up");
}

fn solved(page: &Answer) -> String {
    solve(&page.attribute("data-puzzle=\"").replace("&#34;", "\"").replace("&quot;", "\"")).unwrap()
}

// Who knew the password kept the owner's codes away, and the owner was told that one was on its way.
both_engines!(the_owner_gets_a_code_from_the_own_network_whatever_others_asked_for, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, Policy::default());
    drop(bench.signed_up().await);
    use_letters_up(&bench).await;
    let before = codes(&bench);
    // A browser without a past, where the account signed in before.
    let mut owner = bench.browser();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(codes(&bench), before + 1);
    let page = owner.get(CHALLENGE).await;
    assert!(page.body.contains("on its way"), "{}", page.body);
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
    // That network's own count is no way round the limit.
    for n in 0..6 {
        bench.browser().sign_in(EMAIL, PASSWORD).await;
        assert_eq!(codes(&bench), before + 1 + (n + 1).min(4), "{n}");
    }
});

both_engines!(the_owner_gets_a_code_on_the_own_device_wherever_it_is, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(
        db,
        Policy { customers: storeward_identity::SecondFactor::Required, ..Policy::default() },
    );
    let mut owner = bench.signed_up().await;
    use_letters_up(&bench).await;
    let before = codes(&bench);
    owner.cookies.retain(|(name, _)| name.ends_with("device"));
    owner.address = "203.0.113.77".parse().unwrap();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(codes(&bench), before + 1);
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
});

both_engines!(where_no_letter_goes_out_the_page_says_so_and_when, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, Policy::default());
    drop(bench.signed_up().await);
    use_letters_up(&bench).await;
    let before = codes(&bench);
    // A new telephone in another country: nothing tells its owner from the thief.
    let mut owner = bench.browser().elsewhere();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    let page = owner.get(CHALLENGE).await;
    assert!(!page.body.contains("on its way"), "{}", page.body);
    assert!(
        page.body.contains("No e-mail was sent now") && page.body.contains("can go out in"),
        "{}",
        page.body
    );
    assert!(page.body.contains("Send a code</button>"), "{}", page.body);
    // With a script: at once, with the puzzle that the page has already.
    let sent = owner.post(SEND, &page.csrf(), &[("altcha", &*solved(&page))]).await;
    assert_eq!((sent.status.as_u16(), codes(&bench)), (200, before + 1), "{}", sent.body);
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
});

both_engines!(without_a_script_a_letter_goes_out_when_the_page_says, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, Policy::default());
    drop(bench.signed_up().await);
    use_letters_up(&bench).await;
    let before = codes(&bench);
    let mut owner = bench.browser().elsewhere();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    let page = owner.get(CHALLENGE).await;
    let words = page.body.split("can go out in ").nth(1).unwrap().split(':').next().unwrap().to_owned();
    let seconds = match words.split_once(' ').unwrap() {
        ("one", "second") => 1,
        (n, "seconds") => n.parse().unwrap(),
        (n, "minutes") => n.parse::<u64>().unwrap() * 60,
        other => panic!("{other:?}"),
    };
    let early = owner.post(SEND, &page.csrf(), &[]).await;
    assert!(early.body.contains("That was too often"), "{}", early.body);
    assert!(!early.body.contains("still counts"), "there is none: {}", early.body);
    bench.advance(seconds);
    owner.post(SEND, &page.csrf(), &[]).await;
    assert_eq!(codes(&bench), before + 1);
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
});

// Whoever went back and forth got letters until none went out, and then the code of none of them counted.
both_engines!(the_code_that_was_sent_before_still_counts, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, Policy::default());
    drop(bench.signed_up().await);
    let mut owner = bench.browser().elsewhere();
    for _ in 0..4 {
        owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    }
    let code = bench.code(LetterKind::SignInCode);
    let before = codes(&bench);
    let fields = [("email", EMAIL), ("password", PASSWORD), ("next", "/basket")];
    let path = "/.storeward/sign-in";
    owner.post_from(path, path, &fields).await.leads_to("/.storeward/challenge?code=before");
    assert_eq!(codes(&bench), before);
    let page = owner.get("/.storeward/challenge?code=before").await;
    assert!(page.body.contains("still counts") && !page.body.contains("on its way"), "{}", page.body);
    // Somebody else's browser gets nothing of it.
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(thief.prove("mail", &code).await.status, 403);
    owner.prove("mail", &code).await.leads_to("/basket");
});

// From here a stranger who asks for a way back learns nothing: neither who has an account, nor from where they come.
both_engines!(networks_help_nobody_who_has_not_shown_the_password, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, Policy::default());
    drop(bench.signed_up().await);
    let path = "/.storeward/recover";
    let mut answers = Vec::new();
    for email in [EMAIL, "nobody@people.example"] {
        let mut statuses = Vec::new();
        for n in 0..6 {
            let mut stranger = from_network(&bench, n);
            statuses.push(stranger.post_from(path, path, &[("email", email)]).await.status.as_u16());
        }
        let mut neighbour = bench.browser();
        statuses.push(neighbour.post_from(path, path, &[("email", email)]).await.status.as_u16());
        answers.push(statuses);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].last(), Some(&429));
    // The owner's own device goes its own way.
    let mut owner = bench.browser();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
    owner.cookies.retain(|(name, _)| name.ends_with("device"));
    owner.post_from(path, path, &[("email", EMAIL)]).await.leads_to(CHALLENGE);
});

both_engines!(at_the_shops_door_the_page_says_the_same, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    for n in 0..12 {
        let mut thief = behind.browser();
        thief.browser.address = format!("192.0.{n}.9").parse().unwrap();
        thief.get("/").await;
        thief.sign_in("ella").await.leads_to(CHALLENGE);
    }
    let before = codes(&behind.bench);
    let mut owner = behind.browser();
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to(CHALLENGE);
    assert_eq!(codes(&behind.bench), before, "a new device in a new network");
    let page = owner.browser.get(CHALLENGE).await;
    assert!(
        page.body.contains("No e-mail was sent now") && page.body.contains("data-puzzle="),
        "{}",
        page.body
    );
    let sent = owner.browser.post(SEND, &page.csrf(), &[("altcha", &*solved(&page))]).await;
    assert_eq!((sent.status.as_u16(), codes(&behind.bench)), (200, before + 1));
    owner.show_code("").await;
    assert!(owner.sees_account().await);
    owner.post("/logout", &[]).await;
    // From now on this network is known: without a device, and without a puzzle.
    let mut owner = behind.browser();
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to(CHALLENGE);
    assert_eq!(codes(&behind.bench), before + 2);
    owner.show_code("").await;
    assert!(owner.sees_account().await);
});

// After the password of a step-up the page said that a code was on its way, and none was.
both_engines!(a_step_up_by_mail_sends_its_code_with_the_password, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let before = codes(&bench);
    let path = "/.storeward/step-up";
    owner.post_from(path, path, &[("next", "/")]).await.leads_to(CHALLENGE);
    assert_eq!(codes(&bench), before, "not before the password");
    owner.prove("password", PASSWORD).await.leads_to(CHALLENGE);
    assert_eq!(codes(&bench), before + 1);
    assert!(owner.get(CHALLENGE).await.body.contains("on its way"));
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/");
});

const ADDRESS: &str = "/.storeward/account/address";

async fn ask_for_address(browser: &mut Browser<'_>, email: &str) -> u16 {
    browser.post_from(ADDRESS, ADDRESS, &[("email", email)]).await.status.as_u16()
}

fn address_codes(bench: &Bench) -> usize {
    bench.kinds().iter().filter(|kind| **kind == LetterKind::AddressCode).count()
}

// One account had the shop write to 143 strangers in a minute.
both_engines!(whoever_is_signed_in_writes_to_few_new_addresses, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut one = bench.signed_up().await;
    for n in 0..20 {
        let expected = if n < 4 { 303 } else { 422 };
        assert_eq!(ask_for_address(&mut one, &format!("p{n}@people.example")).await, expected, "{n}");
    }
    assert_eq!(address_codes(&bench), 4);
    // From another network, and with a session that is new: it is the account that waits.
    one.address = "203.0.113.77".parse().unwrap();
    assert_eq!(ask_for_address(&mut one, "q@people.example").await, 422);
    // The one who is written to is counted over all accounts.
    let mut sent = 0;
    for n in 0..3 {
        let mut other = from_network(&bench, n);
        other.sign_up(&format!("other{n}@people.example"), PASSWORD).await.leads_to(CHALLENGE);
        other.prove("mail", &bench.code(LetterKind::SignUpCode)).await.leads_to("/.storeward/account");
        for _ in 0..3 {
            sent += usize::from(ask_for_address(&mut other, "victim@people.example").await == 303);
        }
    }
    assert_eq!(sent, 4);
    // And the network, for whoever has many accounts there.
    let mut last = from_network(&bench, 9);
    last.sign_up("last@people.example", PASSWORD).await.leads_to(CHALLENGE);
    last.prove("mail", &bench.code(LetterKind::SignUpCode)).await.leads_to("/.storeward/account");
    let mut crowd = from_network(&bench, 9);
    let csrf = crowd.get("/.storeward/recover").await.csrf();
    for n in 0..130 {
        let nobody = format!("nobody{n}@people.example");
        crowd.post("/.storeward/recover", &csrf, &[("email", &nobody)]).await;
    }
    let before = address_codes(&bench);
    assert_eq!(ask_for_address(&mut last, "somebody@people.example").await, 422);
    assert_eq!(address_codes(&bench), before);
});

// Codes behind the right password used up the count that a way back shows: "too often" came sooner for an address with an account.
both_engines!(letters_behind_the_password_tell_strangers_nothing, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, Policy::default());
    drop(bench.signed_up().await);
    let path = "/.storeward/recover";
    for n in 0..3 {
        from_network(&bench, 100 + n).sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
    }
    let mut seen = [Vec::new(), Vec::new()];
    for n in 0..9 {
        for (answers, email) in seen.iter_mut().zip([EMAIL, "nobody@people.example"]) {
            let mut stranger = from_network(&bench, n);
            answers.push(stranger.post_from(path, path, &[("email", email)]).await.status.as_u16());
        }
        // Nor does it show that somebody reads letters there.
        if n == 2 || n == 4 {
            let mut owner = from_network(&bench, 200 + n);
            owner.sign_in(EMAIL, PASSWORD).await.leads_to(CHALLENGE);
            let code = bench.code(LetterKind::SignInCode);
            owner.prove("mail", &code).await.leads_to("/.storeward/account");
        }
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!((seen[0].first(), seen[0].last()), (Some(&303), Some(&429)));
});
