//! The shield: the pitfalls of reference/identity.md section 2.3 by their numbers, each attacked, on both engines.
//! Number 3 (direct access to the shop) is the owner's network; 12 (headless shops) is the provider's business; what 14
//! says of relays is documented.

use storeward_base::AddressList;
use storeward_identity::{LetterKind, MIGRATIONS, SecondFactor, ShieldFault, ShieldSection, WhenUnclear};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation, SECRET, SHOP_PASSWORD};
use super::bench::ORIGIN;

const PROBLEM: [(&str, &str); 1] = [("accept", "application/json")];
const FORM: [(&str, &str); 2] =
    [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];

both_engines!(one_step_more_and_none_on_a_trusted_device, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("yes").await;
    let before = owner.handle();
    assert!(owner.sees_account().await);
    assert_ne!(owner.handle(), before, "another handle with the session");
    assert!(owner.sees_account().await);
    owner.post("/logout", &[]).await;
    assert!(!owner.sees_account().await);
    // Trusted from now on: no second step.
    owner.sign_in("ella").await.leads_to("/account");
    assert!(owner.sees_account().await);
    assert_eq!(behind.bench.kinds().iter().filter(|k| **k == LetterKind::SignInCode).count(), 1);
});

// Our page took them for guessers: the password that they know is the shop's.
both_engines!(our_sign_in_page_leads_to_the_shops, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let page = behind.bench.browser().get("/.storeward/sign-in").await;
    assert!(page.body.contains("Sign in at the shop"), "{}", page.body);
    assert!(page.body.contains("Your password of the shop counts there"), "{}", page.body);
});

// Who shows a copy of a device is asked at once, whatever the policy; the owner's sessions end, and so the thief's.
both_engines!(a_copied_device_is_theft_behind_the_shield, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, str::to_owned);
    const DEVICE: &str = "__Host-storeward-device";
    let mut owner = behind.browser();
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to("/account");
    let copied = owner.browser.cookie(DEVICE).unwrap();
    for _ in 0..2 {
        behind.bench.advance(3_600);
        owner.post("/logout", &[]).await;
        owner.sign_in("ella").await.leads_to("/account");
    }
    assert!(owner.sees_account().await);
    assert_ne!(owner.browser.cookie(DEVICE).unwrap(), copied);
    // Two sign-ins old: its hash is kept no more, and it is known all the same.
    let mut thief = behind.browser();
    thief.browser.cookies.push((DEVICE.to_owned(), copied));
    thief.get("/").await;
    thief.sign_in("ella").await.leads_to("/.storeward/challenge");
    assert!(!thief.sees_account().await);
    assert_eq!(behind.bench.events("identity.device_token_reused").await.len(), 1);
});

both_engines!(a_stolen_password_alone_opens_nothing, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut thief = behind.browser();
    thief.get("/").await;
    let answer = thief.sign_in("ella").await;
    answer.leads_to("/.storeward/challenge");
    assert!(!answer.body.contains(SECRET));
    for path in ["/account", "/checkout", "/account?x=1", "//account", "/"] {
        let page = thief.get(path).await;
        assert!(!page.body.contains(SECRET) && page.status == 303, "{path}: {}", page.status);
    }
    let told = thief.send("GET", "/account", &PROBLEM, "").await;
    assert_eq!(
        (told.status.as_u16(), told.headers["content-type"].to_str().unwrap()),
        (403, "application/problem+json")
    );
    assert!(told.body.contains("/.storeward/challenge"), "{}", told.body);
    // Wrong codes, five of them; then it is over, at the shop too.
    let path = "/.storeward/challenge";
    for _ in 0..6 {
        if thief.browser.get(path).await.status != 200 {
            break;
        }
        thief.browser.prove("mail", "00000000").await;
    }
    assert!(!thief.sees_account().await);
    assert_eq!(behind.shop.signed_in(), 0, "the shop was asked to sign it out");
});

both_engines!(pitfall_01_other_doors, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut thief = behind.browser();
    let xml = "<methodCall><params><param><string>ella</string></param></params></methodCall>";
    let basic = [("authorization", "Basic ZWxsYTpncmV5IHNsYXRlIHJvb2Y="), ("accept", "text/html")];
    for (method, path, lines, body) in [
        ("POST", "/xmlrpc.php", &PROBLEM[..], xml),
        ("POST", "/XMLRPC.php/x", &PROBLEM[..], xml),
        ("POST", "/rest/token", &PROBLEM[..], r#"{"user":"ella","password":"grey slate roof"}"#),
        ("GET", "/me", &basic[..], ""),
        // A front controller gets what is no file.
        ("GET", "/img/none?rest_route=/users/me", &basic, ""),
        ("GET", "/img/none", &basic, ""),
    ] {
        let told = thief.send(method, path, lines, body).await;
        assert_eq!(told.status, 403, "{path}");
        assert!(told.body.contains("identity.door_closed"), "{path}: {}", told.body);
    }
    // However the line is written that a lenient shop decodes, and whichever of two it reads. Bytes that are no text were
    // passed over once.
    let password = "Basic ZWxsYTpncmV5IHNsYXRlIHJvb2Y=";
    for line in
        [password.replace(' ', "\t"), password.replace("Basic ", "bASIC   "), format!("{password}\u{ff}")]
    {
        let told = thief.send("GET", "/me", &[("authorization", &line), PROBLEM[0]], "").await;
        assert!(told.body.contains("identity.door_closed"), "{line}: {}", told.body);
    }
    let two = [("authorization", "Bearer x"), ("authorization", password), PROBLEM[0]];
    assert!(thief.send("GET", "/me", &two, "").await.body.contains("identity.door_closed"));
    assert!(behind.shop.asked().is_empty(), "{:?}", behind.shop.asked());
    assert_eq!(behind.bench.reasons("identity.sign_in_failed").await, ["door_for_programs"]);
    // Doors that no adapter names: the answer tells.
    let stolen = format!("user=ella&password={}", SHOP_PASSWORD.replace(' ', "+"));
    for (method, path, body) in
        [("POST", "/checkout/quick", stolen.as_str()), ("POST", "/popup", &stolen), ("GET", "/magic", "")]
    {
        let mut thief = behind.browser();
        let answer = thief.send(method, path, &FORM, body).await;
        answer.leads_to("/.storeward/challenge");
        assert!(!thief.sees_account().await, "{path}");
    }
    // The same where a session was there before.
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.get("/").await;
    thief.send("GET", "/magic", &FORM, "").await.leads_to("/.storeward/challenge");
    assert!(!thief.sees_account().await);
});

both_engines!(pitfall_02_path_tricks, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    for path in ["//login.php", "/login.php/x", "/LOGIN.PHP", "/login.php;v=1", "/./login", "/anything"] {
        let mut thief = behind.browser();
        thief.get("/").await;
        thief.post(path, &[("user", "ella"), ("password", SHOP_PASSWORD)]).await;
        assert!(!thief.sees_account().await, "{path}");
    }
    // A method in disguise.
    let mut thief = behind.browser();
    thief.get("/").await;
    let lines = [("accept", "text/html"), ("x-http-method-override", "POST")];
    thief.send("GET", "/magic", &lines, "").await;
    assert!(!thief.sees_account().await);
});

both_engines!(pitfall_04_the_shop_elevates_the_same_cookie, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.get("/").await;
    let stolen = format!("user=ella&password={}", SHOP_PASSWORD.replace(' ', "+"));
    let sign_in = thief.begin("POST", "/login.php", &FORM, &stolen).await.ok().unwrap();
    // The shop has signed the session in; its answer has not been seen here. What comes beside it must not slip through.
    let mut other = behind.browser();
    other.browser.cookies = thief.browser.cookies.clone();
    let (page, answer) = tokio::join!(thief.send("GET", "/account", &FORM[..1], ""), other.finish(sign_in));
    answer.leads_to("/.storeward/challenge");
    assert!(!page.body.contains(SECRET), "{page:?}");
    // A thief who does not wait for the answer.
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.get("/").await;
    drop(thief.begin("POST", "/login.php", &FORM, &stolen).await.ok().unwrap());
    assert!(!thief.sees_account().await);
    let barred = thief.post("/account/email", &[("email", "thief@people.example")]).await;
    assert_ne!(barred.status, 200);
    assert_eq!(behind.shop.email_of("42"), ADDRESS);
});

both_engines!(pitfall_05_an_alias_is_the_same_person, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("yes").await;
    assert!(owner.sees_account().await);
    // By the other name: no second account that nobody guards.
    let mut thief = behind.browser();
    thief.browser = thief.browser.elsewhere();
    thief.get("/").await;
    thief.sign_in(ADDRESS).await.leads_to("/.storeward/challenge");
    assert!(!thief.sees_account().await);
    assert_eq!(behind.bench.events("identity.shop_account_linked").await.len(), 1);
});

both_engines!(pitfall_06_first_enrolment_is_the_owners, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.sign_in("ella").await.leads_to("/.storeward/challenge");
    // The first code goes to the address on file in the shop, and no factor can be added before.
    assert_eq!(behind.bench.letter(LetterKind::SignInCode).to.expose(), ADDRESS);
    let enrol = thief.browser.get("/.storeward/account/totp").await;
    assert!(enrol.location().starts_with("/.storeward/sign-in"), "{}", enrol.location());
});

both_engines!(pitfall_07_the_address_is_changed_by_its_owner_only, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    behind.bench.advance(3_600);
    let change = [("email", "new@people.example")];
    let asked = owner.post("/account/email", &change).await;
    assert!(asked.location().starts_with("/.storeward/step-up"), "{asked:?}");
    assert_eq!(behind.shop.email_of("42"), ADDRESS);
    let next = asked.location().to_owned();
    let begun = owner.browser.post_from(&next, "/.storeward/step-up", &[("next", "/account")]).await;
    begun.leads_to("/.storeward/challenge");
    let code = behind.bench.code(LetterKind::SignInCode);
    owner.browser.prove("mail", &code).await.leads_to("/account");
    assert_eq!(owner.post("/account/email", &change).await.status, 200);
    assert_eq!(behind.shop.email_of("42"), "new@people.example");
    // Codes go where the owner wants them from now on.
    let mut other = behind.browser();
    other.browser = other.browser.elsewhere();
    other.get("/").await;
    other.sign_in("ella").await.leads_to("/.storeward/challenge");
    assert_eq!(behind.bench.letter(LetterKind::SignInCode).to.expose(), "new@people.example");
});

both_engines!(pitfall_08_an_update_breaks_the_adapter, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.get("/").await;
    owner.get("/").await;
    let mut late = behind.browser();
    late.get("/").await;
    behind.shop.break_probe(true);
    let answer = owner.sign_in("ella").await;
    assert_eq!(answer.status, 503);
    assert_eq!(late.sign_in("ella").await.status, 503);
    assert!(!owner.sees_account().await, "closed");
    assert_eq!(owner.get("/").await.status, 200, "the shop is open all the same");
    assert!(behind.bench.reasons("identity.sign_in_failed").await.contains(&"shop_unclear".to_owned()));
    behind.shop.break_probe(false);
    owner.get("/account").await.leads_to("/.storeward/challenge");
});

both_engines!(pitfall_08_open_where_the_owner_chose_so_but_not_for_staff, MIGRATIONS, async |db| {
    let section = ShieldSection { when_unclear: WhenUnclear::Open, ..ShieldSection::default() };
    let behind = Behind::with(db, Elevation::Fresh, section);
    let mut owner = behind.browser();
    owner.get("/").await;
    behind.shop.break_probe(true);
    owner.sign_in("ella").await.leads_to("/account");
    assert!(owner.sees_account().await);
    assert!(!owner.get("/admin").await.body.contains(SECRET), "the back office stays closed");
});

both_engines!(pitfall_08_the_canary_tells_and_doors_close, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    assert_eq!(behind.shield.try_canary().await.unwrap(), None);
    assert!(behind.bench.events("identity.shop_sign_in").await.is_empty());
    assert_eq!(behind.shop.signed_in(), 0, "the canary leaves");
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    // An update after which the adapter takes everybody for a visitor. That is what a password alone gets in by.
    behind.shop.hide_people(true);
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.sign_in("ella").await.leads_to("/account");
    assert_eq!(behind.shield.try_canary().await.unwrap(), Some(ShieldFault::Unseen));
    assert_eq!(behind.shield.try_canary().await.unwrap(), Some(ShieldFault::Unseen));
    assert_eq!(behind.bench.reasons("identity.shop_sign_in_broken").await, ["unseen"], "told once");
    let stolen = format!("user=ella&password={}", SHOP_PASSWORD.replace(' ', "+"));
    for (path, body) in [("/login.php", &stolen), ("/checkout/quick", &stolen)] {
        let mut thief = behind.browser();
        thief.get("/").await;
        let answer = thief.send("POST", path, &[FORM[1], PROBLEM[0]], body).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.body.contains("identity.adapter_broken"), "{path}: {}", answer.body);
        assert!(!thief.sees_account().await, "{path}");
    }
    assert!(owner.sees_account().await, "whoever is in stays in");
    assert_eq!(owner.get("/admin").await.status, 503, "staff are out");
    assert_eq!(thief.get("/").await.status, 200, "the shop is open");
    behind.shop.hide_people(false);
    assert_eq!(behind.shield.try_canary().await.unwrap(), None);
    assert_eq!(behind.bench.events("identity.shop_sign_in_mended").await.len(), 1);
    let mut next = behind.browser();
    next.get("/").await;
    next.sign_in("ella").await.leads_to("/.storeward/challenge");
});

both_engines!(pitfall_08_customers_as_the_owner_chose_and_staff_closed, MIGRATIONS, async |db| {
    let section = ShieldSection { customers_when_broken: WhenUnclear::Open, ..ShieldSection::default() };
    let behind = Behind::with(db, Elevation::Same, section);
    behind.shop.hide_people(true);
    assert_eq!(behind.shield.try_canary().await.unwrap(), Some(ShieldFault::Unseen));
    let mut customer = behind.browser();
    customer.get("/").await;
    customer.sign_in("ella").await.leads_to("/account");
    assert!(customer.sees_account().await);
    assert_eq!(customer.get("/admin").await.status, 503);
    assert_eq!(customer.get("/Admin/users").await.status, 503);
});

both_engines!(pitfall_08_what_else_an_update_does, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    // The owner changed the test account's password and forgot to say so: told, and no door closes.
    behind.shop.change_password("42", "another one altogether");
    assert_eq!(behind.shield.try_canary().await.unwrap(), Some(ShieldFault::Refused));
    assert!(!behind.shield.is_closed());
    behind.shop.change_password("42", SHOP_PASSWORD);
    assert_eq!(behind.shield.try_canary().await.unwrap(), None);
    behind.shop.break_probe(true);
    assert_eq!(behind.shield.try_canary().await.unwrap(), Some(ShieldFault::Unclear));
    assert!(behind.shield.is_closed());
    behind.shop.break_probe(false);
    assert_eq!(behind.shield.try_canary().await.unwrap(), None);
    let told = behind.bench.reasons("identity.shop_sign_in_broken").await;
    assert_eq!(told, ["refused", "unclear"]);
});

both_engines!(pitfall_10_our_limit_stands_before_the_shops_lock_and_ends_by_itself, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut guesser = behind.browser();
    guesser.get("/").await;
    let mut refused = 0;
    for _ in 0..30 {
        let answer = guesser.post("/login.php", &[("user", "ella"), ("password", "wrong")]).await;
        refused += usize::from(answer.status == 429);
        assert!(answer.status == 429 || answer.status == 401, "{answer:?}");
    }
    let heard = behind.shop.asked().iter().filter(|line| line.starts_with("POST /login.php")).count();
    assert!(refused > 0 && heard + refused == 30, "{refused} refused, {heard} heard of by the shop");
    behind.bench.advance(3_600);
    let mut owner = behind.browser();
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to("/.storeward/challenge");
    owner.show_code("").await;
    assert!(owner.sees_account().await);
});

both_engines!(pitfall_13_lanes_for_the_shops_own_programs, MIGRATIONS, async |db| {
    let lanes = AddressList::parse(&["198.51.100.0/24"]).unwrap();
    let behind = Behind::with(db, Elevation::Fresh, ShieldSection { lanes, ..ShieldSection::default() });
    let mut program = behind.browser();
    let body = r#"{"user":"ella","password":"x"}"#;
    assert_eq!(program.send("POST", "/rest/token", &PROBLEM, body).await.status, 200);
    // A till sends more than a form holds.
    let large = format!("{body}{}", " ".repeat(90_000));
    assert_eq!(program.send("POST", "/rest/token", &PROBLEM, &large).await.status, 200);
    let mut other = behind.browser();
    other.browser = other.browser.elsewhere();
    assert_eq!(other.send("POST", "/rest/token", &PROBLEM, body).await.status, 403);
});

both_engines!(pitfall_15_forms_with_passwords_have_a_size, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut thief = behind.browser();
    let long = format!("pad={}&user=ella&password=x", "y".repeat(70_000));
    assert_eq!(thief.send("POST", "/login.php", &FORM, &long).await.status, 413);
    assert!(behind.shop.asked().is_empty());
    // Nor does a password stand in the ledger that was sent, right or wrong.
    let mut owner = behind.browser();
    owner.sign_in("ella").await.leads_to("/.storeward/challenge");
    owner.post("/login.php", &[("user", "ella"), ("password", "umber-not-this-one")]).await;
    let ledger = format!("{:?}", behind.bench.events("").await);
    assert!(ledger.contains("StepUp"), "{ledger}");
    for told in ["ella", SHOP_PASSWORD, "umber-not-this-one"] {
        assert!(!ledger.contains(told), "{told}");
    }
});

both_engines!(the_shops_own_cookie_is_worthless_in_a_browser, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let stolen = behind.shop.a_session();
    for name in ["sid", "%73id", "SID", "s%69d"] {
        let mut thief = behind.browser();
        thief.browser.cookies.push((name.to_owned(), stolen.clone()));
        assert!(!thief.sees_account().await, "{name}");
    }
    let lines: Vec<String> = behind.shop.asked();
    assert!(lines.iter().all(|line| !line.contains("__Host-storeward")), "our cookies stay with us");
});

both_engines!(a_restart_keeps_sessions_and_challenges, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let mut waiting = behind.browser();
    waiting.browser = waiting.browser.elsewhere();
    waiting.get("/").await;
    waiting.sign_in("ella").await.leads_to("/.storeward/challenge");
    let again = behind.restarted();
    owner.shield = &again;
    waiting.shield = &again;
    assert!(owner.sees_account().await);
    assert!(!waiting.sees_account().await);
    waiting.show_code("").await;
    assert!(waiting.sees_account().await);
});

both_engines!(what_waits_too_long_is_signed_out_at_the_shop, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.sign_in("ella").await.leads_to("/.storeward/challenge");
    assert_eq!(behind.shop.signed_in(), 1);
    behind.bench.advance(601);
    // Also where nobody comes back, and after a restart.
    behind.restarted().sweep().await.unwrap();
    assert_eq!(behind.shop.signed_in(), 0);
    behind.shield.sweep().await.unwrap();
    assert!(!thief.sees_account().await);
});

both_engines!(what_a_person_ends_elsewhere_ends_here, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    owner.browser.post_from("/.storeward/account", "/.storeward/sign-out", &[]).await;
    behind.bench.advance(11);
    assert!(!owner.sees_account().await);
    assert_eq!(behind.shop.signed_in(), 0);
});

both_engines!(another_person_in_the_same_session_is_another_sign_in, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut mallory = behind.browser();
    mallory.get("/").await;
    let own = [("user", "mallory"), ("password", "another password")];
    mallory.post("/login.php", &own).await.leads_to("/.storeward/challenge");
    let code = behind.bench.code(LetterKind::SignInCode);
    mallory.browser.prove("mail", &code).await.leads_to("/account");
    assert!(mallory.get("/account").await.body.contains("the orders of 7"));
    // Her second factor is no good for somebody else's password.
    mallory.sign_in("ella").await.leads_to("/.storeward/challenge");
    assert!(!mallory.sees_account().await);
});

both_engines!(an_old_handle_is_worth_nothing_after_the_sign_in, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut owner = behind.browser();
    owner.get("/").await;
    // Somebody else knew it, or planted it.
    let planted = owner.browser.cookies.clone();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let mut thief = behind.browser();
    thief.browser.cookies = planted;
    assert!(!thief.sees_account().await);
    let answer = thief.sign_in("ella").await;
    assert!(!answer.body.contains(SECRET) && answer.location() != "/account", "{answer:?}");
    assert!(owner.sees_account().await);
});

both_engines!(pictures_come_without_a_session_while_it_waits, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut waiting = behind.browser();
    waiting.get("/").await;
    waiting.sign_in("ella").await.leads_to("/.storeward/challenge");
    let part = [("accept", "image/*"), ("sec-fetch-dest", "image"), ("sec-fetch-mode", "no-cors")];
    assert_eq!(waiting.send("GET", "/uploads/1.png", &part, "").await.status, 200);
    assert_eq!(waiting.send("GET", "/img/1.png", &part, "").await.status, 200);
    let page = waiting.send("GET", "/account", &part, "").await;
    assert!(!page.body.contains(SECRET));
    // Nor is what signs somebody in, whatever it says: its answer was shown once.
    let mut thief = behind.browser();
    thief.get("/").await;
    let shown = thief.send("GET", "/magic", &part, "").await;
    assert!(!shown.body.contains(SECRET), "{shown:?}");
    thief.post("/logout", &[]).await;
    // A form is no picture, whatever it says.
    let [form, part] = [FORM[1], part[1]];
    let stolen = format!("user=ella&password={}", SHOP_PASSWORD.replace(' ', "+"));
    let answer = waiting.send("POST", "/login.php", &[form, part], &stolen).await;
    assert!(!answer.body.contains(SECRET), "{answer:?}");
    // Signing out is allowed, and ends it.
    waiting.post("/logout", &[]).await.leads_to("/");
    assert_eq!(behind.shop.signed_in(), 0);
});

// The whole shop was shut for ten minutes to whoever could not meet the challenge, and nobody was told of the way back.
both_engines!(not_now_goes_on_without_signing_in, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to("/.storeward/challenge");
    owner.get("/").await.leads_to("/.storeward/challenge");
    let (challenge, leave) = ("/.storeward/challenge", "/.storeward/challenge/leave");
    // Another site's form does nothing.
    assert_eq!(owner.browser.post(leave, &"0".repeat(64), &[]).await.status, 403);
    owner.get("/").await.leads_to(challenge);
    let mut kept = behind.browser();
    kept.browser.cookies = owner.browser.cookies.clone();
    let code = behind.bench.code(LetterKind::SignInCode);
    let page = owner.browser.get(challenge).await;
    assert!(page.body.contains(leave) && page.body.contains("Not now"), "{}", page.body);
    owner.browser.post(leave, &page.csrf(), &[]).await.leads_to("/");
    assert_eq!(owner.get("/").await.status, 200, "the shop is open");
    assert!(!owner.sees_account().await);
    assert_eq!(behind.shop.signed_in(), 0, "signed out there");
    // What was given up leads nowhere, whatever a browser kept of it.
    let late = kept.browser.post(challenge, &page.csrf(), &[("method", "mail"), ("secret", &code)]).await;
    assert_ne!(late.location(), "/account");
    assert!(!kept.sees_account().await);
    // And the next try is one as any other.
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
});

both_engines!(whoever_lost_the_app_is_shown_the_way_back, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    owner.browser.add_totp().await;
    let mut lost = behind.browser();
    lost.browser = lost.browser.elsewhere();
    lost.get("/").await;
    lost.sign_in("ella").await.leads_to("/.storeward/challenge");
    let page = lost.browser.get("/.storeward/challenge").await;
    assert!(page.body.contains("id=\"totp\"") && page.body.contains("href=\"/.storeward/recover\""));
    assert_eq!(lost.browser.get("/.storeward/recover").await.status, 200);
});

// The password is chosen anew at the shop by the shop's own mail, so beside a letter's link the mail alone was the account.
both_engines!(a_letter_alone_takes_nobodys_app_and_then_the_account_at_the_shop, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    owner.browser.add_totp().await;
    let mut reader = behind.bench.browser().elsewhere();
    let link = behind.bench.letter(LetterKind::FactorAdded).parameter("link").to_owned();
    let page = reader.get(link.strip_prefix(ORIGIN).unwrap()).await;
    let token = page.attribute("name=\"t\" value=\"");
    assert_eq!(reader.post("/.storeward/not-me", &page.csrf(), &[("t", &token)]).await.status, 303);
    behind.shop.change_password("42", "chosen by the thief");
    let codes = || behind.bench.kinds().iter().filter(|kind| **kind == LetterKind::SignInCode).count();
    let before = codes();
    let mut thief = behind.browser();
    thief.browser = thief.browser.elsewhere();
    thief.get("/").await;
    let stolen = [("user", "ella"), ("password", "chosen by the thief")];
    thief.post("/login.php", &stolen).await.leads_to("/.storeward/challenge");
    let page = thief.browser.get("/.storeward/challenge").await;
    assert!(
        !page.body.contains("id=\"mail\"") && page.body.contains("href=\"/.storeward/recover\""),
        "{}",
        page.body
    );
    thief.browser.post("/.storeward/challenge/send", &page.csrf(), &[]).await;
    assert_eq!(codes(), before, "no code is sent");
    assert!(!thief.sees_account().await);
    // The way back waits, is told, and ends with a factor.
    let recover = "/.storeward/recover";
    thief.browser.post_from(recover, recover, &[("email", ADDRESS)]).await.leads_to("/.storeward/challenge");
    let code = behind.bench.code(LetterKind::RecoveryCode);
    thief.browser.prove("mail", &code).await.leads_to("/.storeward/challenge");
    let challenge = "/.storeward/challenge";
    assert_eq!(thief.browser.post_from(challenge, "/.storeward/challenge/lost", &[]).await.status, 200);
    assert_eq!(behind.bench.events("identity.recovery_wait_begun").await.len(), 1);
});
