//! What staff may see and do, and that each look and act is kept.

use storeward_base::{Actor, StaffId};
use storeward_identity::staff::{Act, Done, Reason};
use storeward_identity::{LetterKind, MIGRATIONS, SecondFactor};
use storeward_store::both_engines;

use super::bench::{Bench, EMAIL, PASSWORD, STAFF};

both_engines!(lock_and_unlock, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let desk = bench.identity.customers();
    let customer = desk.find(STAFF, " ADA@people.example ").await.unwrap()[0];
    assert_eq!(desk.act(&bench.by(STAFF), customer, Act::Lock).await.unwrap(), Done::Changed);
    assert_eq!(desk.act(&bench.by(STAFF), customer, Act::Lock).await.unwrap(), Done::Already);
    assert!(!owner.is_signed_in().await);
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 403);
    bench.advance(1);
    assert_eq!(desk.act(&bench.by(STAFF), customer, Act::Unlock).await.unwrap(), Done::Changed);
    bench.advance(1);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    desk.act(&bench.by(STAFF), customer, Act::ForceStepUp).await.unwrap();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
    bench.advance(1);
    desk.act(&bench.by(STAFF), customer, Act::EndSessions).await.unwrap();
    assert!(!owner.is_signed_in().await);
    let kinds = bench.kinds();
    for told in [LetterKind::AccountLocked, LetterKind::AccountUnlocked, LetterKind::SessionsEnded] {
        assert_eq!(kinds.iter().filter(|kind| **kind == told).count(), 1, "{told:?}");
    }
    let view = desk.view(customer).await.unwrap().unwrap();
    let acts: Vec<_> = view.acts.iter().map(|act| (act.what.as_str(), act.reason.as_str())).collect();
    let because = |what| (what, "the customer rang");
    assert_eq!(acts, ["end_sessions", "force_step_up", "unlock", "lock"].map(because));
    for kind in ["identity.account_locked", "identity.account_unlocked", "identity.step_up_forced"] {
        let events = bench.events(kind).await;
        assert_eq!(events[0].actor, Actor::Staff { id: STAFF }, "{kind}");
    }
    let all = bench.events("").await;
    let told = all.iter().map(|record| String::from_utf8(record.to_bytes()).unwrap()).collect::<String>();
    assert!(!told.contains("rang") && !told.contains("people.example"), "reasons and addresses stay out");
});

both_engines!(who_looked_whom_up_is_kept, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let desk = bench.identity.customers();
    let other = StaffId::from_bits(2);
    let customer = desk.find(other, EMAIL).await.unwrap()[0];
    // Nothing like an address, a beginning of it, a pattern.
    for typed in ["ada@people.exampl", "ada@", "ada", "%@people.example", "a_a@people.example", "", "*"] {
        assert_eq!(desk.find(other, typed).await.unwrap(), [], "{typed}");
    }
    desk.looked_at(STAFF, customer).await.unwrap();
    let looks = bench.events("identity.account_looked_up").await;
    assert_eq!(looks.len(), 9);
    assert!(looks[..8].iter().all(|record| record.actor == Actor::Staff { id: other }));
    let found: Vec<_> = looks
        .iter()
        .map(|record| {
            serde_json::to_value(&record.event).unwrap()["data"]["customer"].as_str().map(str::to_owned)
        })
        .collect();
    let id = customer.to_string();
    assert_eq!(
        (found[0].as_deref(), found[1].as_deref(), found[8].as_deref()),
        (Some(&*id), None, Some(&*id))
    );
});

both_engines!(staff_see_why_and_no_secret, MIGRATIONS, async |db| {
    let bench = Bench::with(db, SecondFactor::Risk);
    let (mut owner, secret) = bench.with_totp().await;
    let codes = owner.recovery_codes().await;
    let mut thief = bench.browser().elsewhere();
    assert_eq!(thief.sign_in(EMAIL, "not the password at all").await.status, 403);
    bench.advance(1);
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    bench.advance(1);
    assert_eq!(thief.prove("totp", "000000").await.status, 403);
    let desk = bench.identity.customers();
    let customer = bench.customer(EMAIL).await;
    let view = desk.view(customer).await.unwrap().unwrap();
    let held: Vec<_> = view.held.iter().map(|held| (held.what, held.why.join(" "))).collect();
    assert_eq!((held[0].0, held[1].0, held[2].0), ("failed", "asked", "failed"), "{held:?}");
    assert!(held[0].1.contains("authenticator app was wrong"), "{held:?}");
    assert!(held[1].1.ends_with('.') && !held[1].1.contains('_'), "words, not codes: {held:?}");
    assert_eq!(view.masked_email, "a•••@people.example");
    let kinds: Vec<_> = view.factors.iter().map(|factor| factor.kind).collect();
    assert_eq!((kinds, view.codes_left), (vec!["Authenticator app"], 8));
    assert_eq!(
        (view.sessions[0].device.as_str(), view.sessions[0].place.as_str()),
        ("Firefox · Linux", "198.51.100.x")
    );
    let all = format!("{view:?}");
    assert!(
        !all.contains(&*secret.base32().expose().clone()) && !codes.iter().any(|code| all.contains(code))
    );
    assert!(!all.contains("ada@") && !all.contains("argon2"), "{all}");
    let pressed = desk.pressed_lately().await.unwrap();
    assert_eq!((pressed.len(), pressed[0].customer, pressed[0].count), (1, customer, 3));
    bench.advance(25 * 3_600);
    assert!(desk.pressed_lately().await.unwrap().is_empty());
    assert!(desk.view(storeward_base::CustomerId::from_bits(9)).await.unwrap().is_none());
});

/// The only factor of its kind, as staff see it.
async fn factor(bench: &Bench, kind: &str) -> String {
    let view = bench.identity.customers().view(bench.customer(EMAIL).await).await.unwrap().unwrap();
    view.factors.iter().find(|factor| factor.kind == kind).expect("there is one").id.clone()
}

both_engines!(a_lost_factor_is_taken_away, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = bench.with_totp().await;
    let mut key = owner.add_passkey().await;
    bench.advance(60);
    let desk = bench.identity.customers();
    let customer = bench.customer(EMAIL).await;
    let lost = factor(&bench, "Authenticator app").await;
    let take = async |staff, id: &str| desk.take_factor(&bench.by(staff), customer, id).await.unwrap();
    // Nobody's, and not by the act that says no factor.
    assert_eq!(take(STAFF, "cfac_00000000000000000000000009").await, Done::Already);
    assert_eq!(take(STAFF, "no id").await, Done::Already);
    assert_eq!(desk.act(&bench.by(STAFF), customer, Act::TakeFactor).await.unwrap(), Done::Already);
    assert!(owner.is_signed_in().await);
    assert_eq!(take(STAFF, &lost).await, Done::Changed);
    assert_eq!(take(STAFF, &lost).await, Done::Already);
    assert!(!owner.is_signed_in().await, "the telephone may be signed in");
    // Whoever found it gets nowhere; the owner signs in with what is left.
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.next_totp(&app);
    thief.prove("totp", &code).await.leads_to("/.storeward/challenge");
    assert!(!thief.is_signed_in().await);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    owner.prove_with(&mut key).await.leads_to("/.storeward/account");
    let letter = bench.letter(LetterKind::FactorTaken);
    assert_eq!((letter.to.expose().as_str(), letter.parameter("factor")), (EMAIL, "totp"));
    let removed = bench.events("identity.factor_removed").await;
    assert_eq!((removed.len(), removed[0].actor), (1, Actor::Staff { id: STAFF }));
    let view = desk.view(customer).await.unwrap().unwrap();
    assert_eq!(
        (view.acts[0].what.as_str(), view.acts[0].reason.as_str()),
        ("take_factor", "the customer rang")
    );
    assert!(view.activity.iter().any(|line| line.what.starts_with("The shop took a way to sign in away")));
});

// One member of staff who is talked into it would be a way around the waiting time.
both_engines!(the_last_factor_takes_two, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.with_totp().await;
    let codes = owner.recovery_codes().await;
    bench.advance(60);
    let desk = bench.identity.customers();
    let customer = bench.customer(EMAIL).await;
    let lost = factor(&bench, "Authenticator app").await;
    let take = async |staff| desk.take_factor(&bench.by(staff), customer, &lost).await.unwrap();
    let (other, third) = (StaffId::from_bits(2), StaffId::from_bits(3));
    assert_eq!(take(STAFF).await, Done::WaitsForAnother);
    assert_eq!(take(STAFF).await, Done::WaitsForAnother, "twice by one is one");
    bench.advance(86_401);
    assert_eq!(take(other).await, Done::WaitsForAnother, "what was asked for yesterday is over");
    assert!(owner.is_signed_in().await);
    assert_eq!(bench.events("identity.factor_removed").await.len(), 0);
    assert_eq!(take(third).await, Done::Changed);
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    thief.prove("recovery", &codes[0]).await.leads_to("/.storeward/challenge");
    assert!(!thief.is_signed_in().await, "codes stand in for a factor, and there is none");
    // A mailed code is what is left.
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    owner.prove("mail", &bench.code(LetterKind::SignInCode)).await.leads_to("/.storeward/account");
});

#[test]
fn a_reason_is_a_line() {
    for (text, fits) in
        [("they rang", true), ("  ", false), ("ab", false), ("a\nb c", false), (&"x".repeat(301), false)]
    {
        assert_eq!(Reason::parse(text).is_some(), fits, "{text}");
    }
}
