//! What is under way while a session ends leads nowhere: neither to a code nor to a token that would outlive it. On both engines; the
//! order of the writes is held, not hoped for.

use storeward_oidc::registry::Consent;
use storeward_store::both_engines;

use super::bench::{Bench, Browser, MIGRATIONS};

// A thief with a copy of the session asked without pause: codes that came a moment after the button were good for a year.
both_engines!(a_code_asked_for_while_this_was_not_me_is_pressed_is_not_good, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut owner = bench.customer().await;
    let mut thief = Browser {
        cookies: owner.cookies.clone(),
        address: "203.0.113.9".parse().unwrap(),
        ..bench.browser()
    };
    let request = party.request(&[("scope", "openid offline_access")]);
    assert!(thief.get(&request).await.given("code").is_some(), "the copy is good until then");
    let csrf = owner.get("/.storeward/account").await.csrf();
    let held = bench.db.hold();
    let fields = [("csrf", csrf.as_str())];
    let asks = async {
        held.waits_for(1).await;
        thief.get(&request).await
    };
    let go = async {
        held.waits_for(2).await;
        held.let_go();
    };
    let (pressed, answer, ()) = tokio::join!(owner.post("/.storeward/account/not-me", &fields), asks, go);
    assert_eq!(pressed.location(), "/.storeward/sign-in?done=not-me", "{}", pressed.body);
    assert_eq!(answer.given("code"), None, "{}", answer.location());
    assert!(!thief.is_signed_in().await);
});

// An app that asked without pause while its access was taken away kept codes for tokens that outlive every session.
both_engines!(a_code_asked_for_while_access_is_taken_away_is_not_good, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut draft = bench.draft("own");
    draft.consent = Consent::Asked;
    let party = bench.add(draft).await;
    let mut owner = bench.customer().await;
    let request = party.request(&[("scope", "openid offline_access")]);
    let asked = owner.get(&request).await;
    let (csrf, carried) = (asked.csrf(), asked.attribute("name=\"r\" value=\""));
    let fields = [("csrf", csrf.as_str()), ("r", &carried), ("answer", "allow")];
    assert!(owner.post("/.storeward/oidc/consent", &fields).await.given("code").is_some());
    let silent = format!("{request}&prompt=none");
    assert!(owner.get(&silent).await.given("code").is_some(), "what was agreed to is not asked again");
    let mut frame = Browser { cookies: owner.cookies.clone(), ..bench.browser() };
    let csrf = owner.get("/.storeward/oidc/apps").await.csrf();
    let id = party.id.to_string();
    let held = bench.db.hold();
    let fields = [("csrf", csrf.as_str()), ("id", &id)];
    let asks = async {
        held.waits_for(1).await;
        frame.get(&silent).await
    };
    let go = async {
        held.waits_for(2).await;
        held.let_go();
    };
    let (pressed, answer, ()) = tokio::join!(owner.post("/.storeward/oidc/apps/remove", &fields), asks, go);
    assert_eq!(pressed.location(), "/.storeward/oidc/apps?done=gone", "{}", pressed.body);
    assert_eq!(answer.given("code"), None, "{}", answer.location());
    assert_eq!(frame.get(&silent).await.given("error").as_deref(), Some("consent_required"));
});
