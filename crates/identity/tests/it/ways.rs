//! The ordinary ways: signing in with each factor, coming back, changing things, ending sessions.

use storeward_base::Clock;
use storeward_identity::{LetterKind, MIGRATIONS, SecondFactor};
use storeward_store::both_engines;

use super::bench::{Bench, EMAIL, OTHER_PASSWORD, PASSWORD};

both_engines!(with_an_app, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.with_totp().await;
    let mut browser = bench.browser().elsewhere();
    browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert!(!browser.is_signed_in().await, "a password alone opens nothing");
    let code = bench.next_totp(&secret);
    browser.prove("totp", &code).await.leads_to("/.storeward/account");
    let facts = bench.facts().await;
    assert_eq!(facts[facts.len() - 2..], ["step_up_asked", "signed_in"]);
    let letter = bench.letter(LetterKind::NewDevice);
    assert_eq!((letter.to.expose().as_str(), letter.parameter("device")), (EMAIL, "Firefox · Linux"));
});

both_engines!(with_a_passkey_and_nothing_typed, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, mut key) = bench.with_passkey().await;
    let mut browser = bench.browser().elsewhere();
    browser.sign_in_with(&mut key).await.leads_to("/.storeward/account");
    let signed_in = bench.events("identity.signed_in").await;
    let fact = serde_json::to_value(&signed_in.last().unwrap().event).unwrap();
    assert_eq!(fact["data"]["acr"], "phr");
    assert_eq!(fact["data"]["amr"], serde_json::json!(["pop", "mfa"]));
});

both_engines!(with_a_passkey_as_second_factor_and_to_prove_anew, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, mut key) = bench.with_passkey().await;
    let mut browser = bench.browser().elsewhere();
    browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    browser.prove_with(&mut key).await.leads_to("/.storeward/account");
    bench.advance(3_600);
    let next = "/.storeward/account/totp";
    browser.get(next).await.leads_to("/.storeward/step-up?next=/.storeward/account/totp");
    let begun = browser.post_from("/.storeward/step-up", "/.storeward/step-up", &[("next", next)]).await;
    begun.leads_to("/.storeward/challenge");
    browser.prove_with(&mut key).await.leads_to(next);
    assert_eq!(browser.get(next).await.status, 200);
});

both_engines!(another_ones_passkey_is_refused, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, key) = bench.with_passkey().await;
    let mut other = bench.browser();
    other.sign_up("abe@people.example", OTHER_PASSWORD).await.leads_to("/.storeward/challenge");
    other.prove("mail", &bench.code(LetterKind::SignUpCode)).await.leads_to("/.storeward/account");
    let mut others_key = other.add_passkey().await;
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(thief.prove_with(&mut others_key).await.status, 403);
    // A handle that names somebody else.
    others_key.user_handle.clone_from(&key.user_handle);
    assert_eq!(bench.browser().sign_in_with(&mut others_key).await.status, 403);
});

both_engines!(the_policy_decides, MIGRATIONS, async |db| {
    let bench = Bench::with(db, SecondFactor::Risk);
    let mut owner = bench.signed_up().await;
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    let mut stranger = bench.browser().elsewhere();
    stranger.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    stranger.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
    let asked = bench.events("identity.step_up_asked").await;
    let fact = serde_json::to_value(&asked.last().unwrap().event).unwrap();
    assert!(!fact["data"]["reasons"].as_array().unwrap().is_empty(), "the reasons are kept: {fact}");
    let off = storeward_identity::Policy { customers: SecondFactor::Off, ..Default::default() };
    bench.identity.set_policy(off);
    bench.browser().elsewhere().sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
});

both_engines!(this_was_not_me, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    let letter = bench.letter(LetterKind::NewDevice);
    let link = letter.parameter("link").strip_prefix("https://shop.example").unwrap().to_owned();
    // Following the link does nothing; scanners do that. Nor does a button on another site.
    let mut visitor = bench.browser().elsewhere();
    assert_eq!(visitor.get(&link).await.status, 200);
    assert!(thief.is_signed_in().await);
    let token = visitor.get(&link).await.attribute("name=\"t\" value=\"");
    let csrf = visitor.get(&link).await.csrf();
    let lines =
        [("accept", "text/html"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let form = format!("csrf={csrf}&t={token}");
    assert_eq!(visitor.send("POST", "/.storeward/not-me", &lines, Some(&form)).await.status, 403);
    assert!(thief.is_signed_in().await);
    let done = visitor.post("/.storeward/not-me", &csrf, &[("t", &token)]).await;
    done.leads_to("/.storeward/sign-in?done=not-me");
    assert!(!thief.is_signed_in().await && !owner.is_signed_in().await);
    // The stolen password opens nothing any more: a code to the address on file, then a new password.
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/new-password");
    let path = "/.storeward/new-password";
    let done = owner.post_from(path, path, &[("password", OTHER_PASSWORD)]).await;
    done.leads_to("/.storeward/sign-in?done=password");
    owner.sign_in(EMAIL, OTHER_PASSWORD).await.leads_to("/.storeward/challenge");
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
    // The link works once.
    let again = visitor.get(&link).await;
    assert!(again.body.contains("used already") && !again.body.contains("name=\"t\""));
    assert_eq!(bench.events("identity.this_was_not_me").await.len(), 1);
});

both_engines!(another_address, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let path = "/.storeward/account/address";
    bench.advance(3_600);
    assert!(owner.get(path).await.location().starts_with("/.storeward/step-up"), "a sensitive act");
    let begun = owner.post_from("/.storeward/step-up", "/.storeward/step-up", &[("next", path)]).await;
    begun.leads_to("/.storeward/challenge");
    owner.prove("password", PASSWORD).await.leads_to("/.storeward/challenge");
    owner.post_from("/.storeward/challenge", "/.storeward/challenge/send", &[]).await;
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to(path);
    owner.post_from(path, path, &[("email", "new@people.example")]).await.leads_to("/.storeward/challenge");
    assert_eq!(bench.letter(LetterKind::AddressCode).to.expose(), "new@people.example");
    assert_eq!(
        bench.browser().sign_in("new@people.example", PASSWORD).await.status,
        403,
        "not confirmed yet"
    );
    owner
        .prove("mail", &bench.code(LetterKind::AddressCode))
        .await
        .leads_to("/.storeward/account?done=address");
    assert_eq!(bench.letter(LetterKind::AddressChanged).to.expose(), EMAIL, "the earlier address is told");
    bench.browser().sign_in("new@people.example", PASSWORD).await.leads_to("/.storeward/account");
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD).await.status, 403);
});

both_engines!(sessions_are_listed_and_ended, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let (mut two, mut three) = (bench.browser(), bench.browser().elsewhere());
    two.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    three.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    let page = owner.get("/.storeward/account").await;
    assert_eq!(page.body.matches("/account/sessions/end\"").count(), 2, "this one is not offered");
    let id = page.attribute(
        "action=\"/.storeward/account/sessions/end\"><input type=\"hidden\" name=\"csrf\" value=\"",
    );
    assert_eq!(id, page.csrf());
    // A session of somebody else's cannot be ended by its id.
    let mut stranger = bench.browser();
    stranger.sign_up("abe@people.example", OTHER_PASSWORD).await.leads_to("/.storeward/challenge");
    stranger.prove("mail", &bench.code(LetterKind::SignUpCode)).await.leads_to("/.storeward/account");
    for id in page.body.split("name=\"id\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        for path in ["sessions/end", "devices/forget"] {
            let path = format!("/.storeward/account/{path}");
            stranger.post_from("/.storeward/account", &path, &[("id", id)]).await;
        }
    }
    assert!(two.is_signed_in().await && three.is_signed_in().await);
    let done = owner.post_from("/.storeward/account", "/.storeward/account/sessions/end-others", &[]).await;
    done.leads_to("/.storeward/account?done=sessions");
    assert!(!two.is_signed_in().await && !three.is_signed_in().await && owner.is_signed_in().await);
});

both_engines!(sessions_end_idle_and_absolutely, MIGRATIONS, async |db| {
    let policy = storeward_identity::Policy { idle_minutes: 60, absolute_hours: 5, ..Default::default() };
    let bench = Bench::with_policy(db, policy);
    let mut owner = bench.signed_up().await;
    for _ in 0..5 {
        bench.advance(59 * 60);
        assert!(owner.is_signed_in().await);
    }
    bench.advance(6 * 60);
    let page = owner.get("/.storeward/account").await;
    page.leads_to("/.storeward/sign-in?next=/.storeward/account");
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    bench.advance(61 * 60);
    assert!(!owner.is_signed_in().await);
});

// ASVS 5.0 7.3.2: who steps up, again and again, is out all the same when the time is over that the session began with.
both_engines!(a_step_up_does_not_make_a_session_longer, MIGRATIONS, async |db| {
    let policy = storeward_identity::Policy { idle_minutes: 60, absolute_hours: 5, ..Default::default() };
    let bench = Bench::with_policy(db, policy);
    let (mut owner, app) = bench.with_totp().await;
    let begun = bench.clock.now();
    for _ in 0..5 {
        bench.advance(55 * 60);
        let before = owner.session();
        let code = bench.next_totp(&app);
        owner.step_up("totp", &code, "/.storeward/account").await.leads_to("/.storeward/account");
        assert_ne!(owner.session(), before, "another token");
        assert!(owner.is_signed_in().await);
    }
    let left = 5 * 3_600 - bench.clock.now().since(begun).as_secs();
    bench.advance(left - 1);
    assert!(owner.is_signed_in().await);
    bench.advance(2);
    assert!(!owner.is_signed_in().await);
});
