//! While many guess: waits, puzzles and lanes, and that nobody is kept out by what others do.

use std::time::Duration;

use storeward_base::{ClientIp, Secret};
use storeward_identity::{MIGRATIONS, Policy, SecondFactor};
use storeward_passwords::{AccountKey, Error as Busy, Lane, Pool, StoredHash, Ticket};
use storeward_puzzle::solve;
use storeward_store::both_engines;

use super::bench::{Answer, Bench, Browser, EMAIL, Options, PASSWORD};

const PAGE: &str = "/.storeward/sign-in";
const WRONG: &str = "another password here";

/// The puzzle of a page, solved as the script does it.
fn solved(page: &Answer) -> String {
    solve(&page.attribute("data-puzzle=\"").replace("&#34;", "\"").replace("&quot;", "\"")).unwrap()
}

async fn with_puzzle(browser: &mut Browser<'_>, page: &Answer, answer: &str, password: &str) -> Answer {
    let fields = [("email", EMAIL), ("password", password), ("next", ""), ("altcha", answer)];
    browser.post(PAGE, &page.csrf(), &fields).await
}

fn retry_after(answer: &Answer) -> u64 {
    answer.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

// Limits, and how they are told: the same for an address without an account.
both_engines!(too_many_tries_are_told_when_to_come_again, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let mut seen = Vec::new();
    for email in [EMAIL, "nobody@people.example"] {
        let mut browser = bench.browser().elsewhere();
        let mut statuses = Vec::new();
        for _ in 0..5 {
            statuses.push(browser.sign_in(email, WRONG).await.status.as_u16());
        }
        let late = browser.sign_in(email, PASSWORD).await;
        statuses.push(late.status.as_u16());
        seen.push((statuses, retry_after(&late), late.body.contains("data-puzzle=")));
    }
    assert_eq!(seen[0], (vec![403, 403, 403, 403, 403, 429], 1, true));
    assert_eq!(seen[0], seen[1]);
});

// A soft lock that cannot be used to lock a victim out: on a new device they solve a puzzle and go on.
both_engines!(a_victim_on_a_new_device_gets_past_whoever_guesses, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let mut attacker = bench.browser().elsewhere();
    for _ in 0..12 {
        attacker.sign_in(EMAIL, WRONG).await;
    }
    let mut victim = bench.browser();
    let waits = victim.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(waits.status, 429);
    let answer = solved(&waits);
    // The attacker's own answers are counted, too, and each counts once.
    let mut answers = vec![answer.clone()];
    for _ in 0..4 {
        answers.push(solved(&victim.sign_in(EMAIL, PASSWORD).await));
    }
    let page = victim.get(PAGE).await;
    let wrong = with_puzzle(&mut victim, &page, &answers[1], WRONG).await;
    assert_eq!(wrong.status, 403);
    assert_eq!(with_puzzle(&mut victim, &page, &answers[1], PASSWORD).await.status, 429, "shown twice");
    let stranger = bench.puzzles.ask(storeward_puzzle::Purpose::SignIn, "192.0.2.77".parse().unwrap());
    let foreign = solve(&stranger).unwrap();
    assert_eq!(with_puzzle(&mut victim, &page, &foreign, PASSWORD).await.status, 429, "another network's");
    assert_eq!(with_puzzle(&mut victim, &page, "x", PASSWORD).await.status, 429, "none");
    with_puzzle(&mut victim, &page, &answer, PASSWORD).await.leads_to("/.storeward/account");
});

both_engines!(solved_puzzles_are_no_way_round_the_limit, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let mut attacker = bench.browser().elsewhere();
    let page = attacker.get(PAGE).await;
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let puzzle = bench.puzzles.ask(storeward_puzzle::Purpose::SignIn, attacker.address);
        let answer = with_puzzle(&mut attacker, &page, &solve(&puzzle).unwrap(), WRONG).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [403, 403, 403, 403, 403, 429, 429]);
});

// A known device shares its network with an attacker, and signs in all the same.
both_engines!(a_known_device_is_not_held_up_by_its_network, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut attacker = bench.browser();
    for n in 0..40 {
        attacker.sign_in(&format!("someone{n}@people.example"), WRONG).await;
    }
    assert_eq!(attacker.sign_in("one-more@people.example", WRONG).await.status, 429);
    // Nobody is looked up before that, also with a device that is made up: without the table there is the same answer.
    let table = |from: &str, to: &str| bench.db.tamper(&format!("ALTER TABLE {from} RENAME TO {to}"));
    table("customer_account", "put_away");
    let made_up = format!("cdev_{}-{}", "0".repeat(26), "a".repeat(64));
    attacker.cookies.push(("__Host-storeward-device".to_owned(), made_up));
    assert_eq!(attacker.sign_in(EMAIL, WRONG).await.status, 429);
    table("put_away", "customer_account");
    owner.cookies.retain(|(name, _)| name.ends_with("device"));
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
});

/// Keeps what may wait for the pool's one thread full until it is dropped: the thread is at a hash of a second, more of them wait,
/// and small ones take every place that becomes free.
struct Filled(tokio::task::JoinHandle<()>);

impl Drop for Filled {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn fill(bench: &Bench) -> Filled {
    let pool = bench.pool.clone();
    let filled = Filled(tokio::spawn(async move {
        for n in 0_u32.. {
            come(&pool, n);
            if n >= 300 && n % 5 == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }));
    // Full is it when one like ours is refused; the first ones only push dear ones out.
    for n in 1_000_000.. {
        let one = bench.pool.verify_nothing(ticket(n), Secret::new("x".to_owned()));
        if let Ok(Err(Busy::Full { .. })) = tokio::time::timeout(Duration::from_millis(50), one).await {
            break;
        }
    }
    filled
}

/// Somebody from somewhere else.
fn ticket(n: u32) -> Ticket {
    let address = ClientIp::new(std::net::Ipv4Addr::from_bits(0xC612_0000 + n).into()).block();
    Ticket { lane: Lane::Stranger, account: AccountKey::of(&n.to_string()), address }
}

/// One more with a password.
fn come(pool: &Pool, n: u32) {
    let dear = format!("$2y$14${}", "abcdefghijklmnopqrstuu0123456789abcdefghijklmnopqrstu");
    let (ticket, pool, dear) = (ticket(n), pool.clone(), StoredHash::parse(&dear).unwrap());
    tokio::spawn(async move {
        let password = Secret::new("x".to_owned());
        if n < 6 {
            let _ = pool.verify(ticket, password, dear).await;
        } else {
            let _ = pool.verify_nothing(ticket, password).await;
        }
    });
}

/// Whoever gets in at the last moment waits behind newer ones, until their time is over: it passes here.
async fn posted(bench: &Bench, browser: &mut Browser<'_>, page: &Answer, fields: &[(&str, &str)]) -> Answer {
    let csrf = page.csrf();
    let mut post = std::pin::pin!(browser.post(PAGE, &csrf, fields));
    loop {
        tokio::select! {
            answer = &mut post => return answer,
            () = tokio::time::sleep(Duration::from_millis(500)) => bench.advance(30),
        }
    }
}

// The pool is full: strangers come later, whether there is an account or not; their page has a puzzle. Sessions go on.
both_engines!(a_full_pool_answers_busy_and_says_when_to_come, MIGRATIONS, async |db| {
    let bench = Bench::with_options(db, Options { threads: Some(1), ..Options::default() });
    let mut owner = bench.signed_up().await;
    let (mut one, mut other) = (bench.browser(), bench.browser());
    let (first, second) = (one.get(PAGE).await, other.get(PAGE).await);
    let _filled = fill(&bench).await;
    let mut told = Vec::new();
    for (browser, page, email) in [(&mut one, &first, EMAIL), (&mut other, &second, "nobody@people.example")]
    {
        let fields = [("email", email), ("password", WRONG), ("next", "")];
        // A place may become free just before: until the moment is met.
        let mut answer = posted(&bench, browser, page, &fields).await;
        while answer.status != 503 {
            assert_eq!(answer.status, 403, "a wrong password, or busy; not more tries than are free");
            answer = posted(&bench, browser, page, &fields).await;
        }
        assert!((2..=8).contains(&retry_after(&answer)), "{}", retry_after(&answer));
        // Nobody looked at a password, so no try is used up: the sixth is not told to wait for five.
        for _ in 0..8 {
            answer = posted(&bench, browser, page, &fields).await;
            assert_ne!(answer.status, 429);
        }
        assert_eq!(answer.status, 503);
        told.push(answer.body.contains("data-puzzle="));
        assert!(browser.session().is_none());
    }
    assert_eq!(told, [true, true]);
    assert_eq!(owner.get("/.storeward/account").await.status, 200);
});

/// The same for known devices, whose passwords are of an imported kind.
async fn fill_with_known(bench: &Bench) -> Filled {
    let pool = bench.pool.clone();
    let filled = Filled(tokio::spawn(async move {
        let dear = format!("$2y$12${}", "abcdefghijklmnopqrstuu0123456789abcdefghijklmnopqrstu");
        for n in 0_u32.. {
            let ticket = Ticket { lane: Lane::KnownDevice, ..ticket(n) };
            let (pool, dear) = (pool.clone(), StoredHash::parse(&dear).unwrap());
            tokio::spawn(
                async move { pool.verify(ticket, Secret::new("x".to_owned()), dear).await.map(drop) },
            );
            if n >= 20 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }));
    while bench.pool.has_room(&Ticket { lane: Lane::KnownDevice, ..ticket(1_000_000) }).is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    filled
}

// Nobody had looked at them, and all the same the password's tries were used up: its owner waited for ten minutes.
both_engines!(what_a_full_pool_did_not_look_at_costs_no_try, MIGRATIONS, async |db| {
    let bench = Bench::with_options(db, Options { threads: Some(1), ..Options::default() });
    let mut owner = bench.signed_up().await;
    bench.advance(3_600);
    let begun = owner.post_from("/.storeward/step-up", "/.storeward/step-up", &[("next", "/")]).await;
    begun.leads_to("/.storeward/challenge");
    let csrf = owner.get("/.storeward/challenge").await.csrf();
    let filled = fill_with_known(&bench).await;
    let mut busy = 0;
    for _ in 0..40 {
        let answer = owner.post("/.storeward/challenge", &csrf, &[("method", "password"), ("secret", WRONG)]);
        busy += u32::from(answer.await.status == 503);
        if busy == 20 {
            break;
        }
    }
    assert_eq!(busy, 20);
    // What waits is over its time; the next one is looked at, as soon as the thread is free.
    drop(filled);
    bench.advance(30);
    while bench.pool.has_room(&Ticket { lane: Lane::KnownDevice, ..ticket(1_000) }).is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let answer =
        owner.post("/.storeward/challenge", &csrf, &[("method", "password"), ("secret", PASSWORD)]).await;
    answer.leads_to("/.storeward/challenge");
});

// Risk-based is what shops have who chose nothing: a stolen password opens nothing, on no device but the owner's own.
both_engines!(by_default_a_stolen_password_opens_nothing, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, Policy::default());
    let mut owner = bench.signed_up().await;
    // Next door, with the same browser and from the same address.
    let mut thief = bench.browser();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert!(!thief.is_signed_in().await);
    let reasons = bench.events("identity.step_up_asked").await;
    let told = serde_json::to_string(&reasons.last().unwrap().event).unwrap();
    assert!(told.contains("new_device"), "{told}");
    // The owner comes back and is asked for nothing.
    owner.cookies.retain(|(name, _)| name.ends_with("device"));
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    // And once on a new device; not again.
    let mut telephone = bench.browser().elsewhere();
    telephone.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.code(storeward_identity::LetterKind::SignInCode);
    telephone.prove("mail", &code).await.leads_to("/.storeward/account");
    telephone.cookies.retain(|(name, _)| name.ends_with("device"));
    telephone.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    assert_eq!(Policy::default().customers, SecondFactor::Risk);
});

// What the owner's files say of an address reaches the risk engine, with its reasons.
both_engines!(files_of_networks_are_weighed, MIGRATIONS, async |db| {
    let mut networks = storeward_detect::sign_in::Networks::default();
    let text = "198.51.100.0/24 asn=64500 country=NO at=59.91,10.75 within_km=30\n\
                203.0.113.0/24 asn=64501 country=SG at=1.35,103.82 within_km=30 hosting\n";
    networks.read(text.as_bytes().to_vec()).unwrap();
    let bench = Bench::with_options(db, Options { networks, ..Options::default() });
    drop(bench.signed_up().await);
    bench.advance(600);
    bench.browser().elsewhere().sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let asked = bench.events("identity.step_up_asked").await;
    let told = serde_json::to_string(&asked.last().unwrap().event).unwrap();
    for reason in ["hosting_network", "impossible_travel", "network", "new_device"] {
        assert!(told.contains(reason), "{reason} is not in {told}");
    }
});

/// The work in a puzzle, in rounds for each number that is tried.
fn cost(puzzle: &str) -> u64 {
    let puzzle: serde_json::Value = serde_json::from_str(puzzle).unwrap();
    puzzle["parameters"]["cost"].as_u64().unwrap()
}

fn puzzle_of(page: &Answer) -> String {
    page.attribute("data-puzzle=\"").replace("&#34;", "\"").replace("&quot;", "\"")
}

/// One of many places that an attacker has.
fn place<'b>(bench: &'b Bench, n: u8) -> Browser<'b> {
    Browser { address: ClientIp::new(std::net::Ipv4Addr::new(192, 0, 2 + n, 9).into()), ..bench.browser() }
}

// An attacker with puzzles solved in many places shut the owner out, whose own puzzle then counted for nothing.
both_engines!(solved_puzzles_elsewhere_shut_nobody_out, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let mut first = 0;
    let mut last = 0;
    for n in 0..24 {
        let mut attacker = place(&bench, n);
        let waits = attacker.sign_in(EMAIL, WRONG).await;
        let puzzle = if waits.status == 429 {
            puzzle_of(&waits)
        } else {
            bench.puzzles.ask(storeward_puzzle::Purpose::SignIn, attacker.address)
        };
        first = if first == 0 { cost(&puzzle) } else { first };
        last = cost(&puzzle);
        let page = attacker.get(PAGE).await;
        let answer = with_puzzle(&mut attacker, &page, &solve(&puzzle).unwrap(), WRONG).await;
        assert_eq!(answer.status, 403, "{n}");
    }
    assert_eq!(last, 8 * first, "it gets dearer");
    let mut victim = bench.browser().elsewhere();
    let waits = victim.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(waits.status, 429);
    // One from when it was easy is worth nothing now.
    let stock = bench.puzzles.ask(storeward_puzzle::Purpose::SignIn, victim.address);
    let page = victim.get(PAGE).await;
    let early = with_puzzle(&mut victim, &page, &solve(&stock).unwrap(), PASSWORD).await;
    assert_eq!(early.status, 429);
    with_puzzle(&mut victim, &page, &solved(&waits), PASSWORD).await.leads_to("/.storeward/account");
    // The attack is over and forgotten.
    bench.advance(3_600);
    let mut later = place(&bench, 99);
    for _ in 0..5 {
        later.sign_in(EMAIL, WRONG).await;
    }
    assert_eq!(cost(&puzzle_of(&later.sign_in(EMAIL, WRONG).await)), first);
});

async fn recover(browser: &mut Browser<'_>, answer: &str) -> Answer {
    let path = "/.storeward/recover";
    browser.post_from(path, path, &[("email", EMAIL), ("altcha", answer)]).await
}

// The way back was held shut the same way: by letters that somebody else asked for, with and without puzzles.
both_engines!(letters_that_others_asked_for_close_no_way_back, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    for n in 0..12 {
        let mut attacker = place(&bench, n);
        let first = recover(&mut attacker, "").await;
        if first.status == 429 {
            recover(&mut attacker, &solved(&first)).await.leads_to("/.storeward/challenge");
        }
    }
    let mut victim = bench.browser().elsewhere();
    let waits = recover(&mut victim, "").await;
    assert_eq!(waits.status, 429);
    let before = bench.kinds().len();
    recover(&mut victim, &solved(&waits)).await.leads_to("/.storeward/challenge");
    assert_eq!(bench.kinds().len(), before + 1, "the letter went out");
    // A fresh code in it, too.
    let again = victim.post_from("/.storeward/challenge", "/.storeward/challenge/send", &[]).await;
    let fields = [("altcha", &*solved(&again))];
    let sent = victim.post("/.storeward/challenge/send", &again.csrf(), &fields).await;
    assert_eq!((sent.status.as_u16(), bench.kinds().len()), (200, before + 2), "{}", sent.body);
    // One network cannot have letters without end.
    let mut attacker = place(&bench, 77);
    let mut sent = 0;
    for _ in 0..8 {
        let waits = recover(&mut attacker, "").await;
        sent += u32::from(recover(&mut attacker, &solved(&waits)).await.status == 303);
    }
    assert_eq!(sent, 4);
});

// Whoever knew the password used up the tries of the second factor, and the owner waited for it on every device.
both_engines!(codes_guessed_elsewhere_cost_a_known_device_no_try, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = bench.with_totp().await;
    let mut thief = bench.browser().elsewhere();
    let mut held = false;
    for _ in 0..4 {
        thief.sign_in(EMAIL, PASSWORD).await;
        for _ in 0..4 {
            held |= thief.prove("totp", "000000").await.status == 429;
        }
    }
    assert!(held, "the thief has to wait");
    owner.cookies.retain(|(name, _)| name.ends_with("device"));
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.next_totp(&app);
    owner.prove("totp", &code).await.leads_to("/.storeward/account");
});

/// Somebody who knows the password tries codes from ever new networks until strangers have to wait.
async fn use_codes_up(bench: &Bench) {
    for n in 0..5 {
        let mut thief = place(bench, n);
        thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
        for _ in 0..3 {
            thief.prove("totp", "000000").await;
        }
    }
    let mut thief = place(bench, 50);
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(thief.prove("totp", "000000").await.status, 429, "strangers have to wait");
}

// Whoever knew the password shut the owner out of every new device, as long as they went on.
both_engines!(codes_guessed_elsewhere_cost_the_own_network_no_try, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, app) = bench.with_totp().await;
    use_codes_up(&bench).await;
    // A browser without a past, where the account signed in before; without a script.
    let mut owner = bench.browser();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.next_totp(&app);
    owner.prove("totp", &code).await.leads_to("/.storeward/account");
    // Whoever guesses there has a count, too.
    let mut neighbour = bench.browser();
    let mut held = 0;
    for _ in 0..4 {
        neighbour.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
        for _ in 0..4 {
            held += u32::from(neighbour.prove("totp", "000000").await.status == 429);
        }
    }
    assert!(held > 0);
});

both_engines!(a_puzzle_gives_a_try_at_the_code_in_a_new_place, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, app) = bench.with_totp().await;
    let code = bench.next_totp(&app);
    use_codes_up(&bench).await;
    let mut owner = bench.browser().elsewhere();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let page = owner.get("/.storeward/challenge").await;
    assert!(page.body.contains("data-puzzle="), "with the page, not only after a try: {}", page.body);
    let path = "/.storeward/challenge";
    let with = |answer: &str| {
        vec![("method", "totp".to_owned()), ("secret", code.clone()), ("altcha", answer.to_owned())]
    };
    for bad in ["", "x"] {
        let fields = with(bad);
        let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(owner.post(path, &page.csrf(), &fields).await.status, 429, "{bad}");
    }
    // Another network's is worth nothing.
    let foreign = bench.puzzles.ask(storeward_puzzle::Purpose::Code, "192.0.2.77".parse().unwrap());
    for (answer, status) in [(solve(&foreign).unwrap(), 429), (solved(&page), 303)] {
        let fields = with(&answer);
        let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(owner.post(path, &page.csrf(), &fields).await.status, status);
    }
    assert!(owner.is_signed_in().await);
});

// Six digits bear few tries: puzzles from many networks do not add up.
both_engines!(puzzles_bring_few_tries_at_an_apps_code, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.with_totp().await);
    let path = "/.storeward/challenge";
    let mut heard = 0;
    for n in 0..60 {
        let mut thief = place(&bench, n);
        thief.sign_in(EMAIL, PASSWORD).await.leads_to(path);
        let page = thief.get(path).await;
        let answer = if page.body.contains("data-puzzle=") { solved(&page) } else { String::new() };
        let fields = [("method", "totp"), ("secret", "000000"), ("altcha", answer.as_str())];
        heard += u32::from(thief.post(path, &page.csrf(), &fields).await.status == 403);
    }
    assert!((30..=45).contains(&heard), "{heard}: ten of strangers, and thirty behind puzzles");
});

// Neither can be guessed, so neither is counted: they go through whatever strangers do.
both_engines!(a_passkey_or_a_recovery_code_never_waits, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.with_totp().await;
    let mut key = owner.add_passkey().await;
    let codes = owner.recovery_codes().await;
    use_codes_up(&bench).await;
    let mut telephone = bench.browser().elsewhere();
    telephone.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    telephone.prove_with(&mut key).await.leads_to("/.storeward/account");
    let mut other = bench.browser().elsewhere();
    other.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    other.prove("recovery", &codes[0]).await.leads_to("/.storeward/account");
});

// In a session that has shown two factors, nobody from elsewhere keeps its owner from a sensitive act.
both_engines!(a_step_up_of_a_session_never_waits_for_strangers, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = bench.with_totp().await;
    use_codes_up(&bench).await;
    owner.cookies.retain(|(name, _)| name == "__Host-storeward-customer");
    owner.address = "203.0.113.99".parse().unwrap();
    let code = bench.next_totp(&app);
    owner.step_up("totp", &code, "/").await.leads_to("/");
});
