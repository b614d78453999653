//! What the risk of a sign-in makes of it: a second factor, a passkey and nothing else, or a refusal. On both engines.

use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;

use super::bench::{Bench, Browser, EMAIL, Options, PASSWORD};

/// Sign-ins with other people's names from the thief's network, by the next of its addresses each.
async fn storm(bench: &Bench, from: u32, to: u32) {
    for n in from..to {
        let mut other = from_abroad(bench, 20 + n);
        let answer = other.sign_in(&format!("nobody{n}@people.example"), "wrong password").await;
        assert_eq!(answer.status, 403, "{n}");
    }
}

fn from_abroad(bench: &Bench, n: u32) -> Browser<'_> {
    let mut browser = bench.browser().elsewhere();
    browser.address = format!("203.0.113.{n}").parse().unwrap();
    browser
}

both_engines!(the_stranger_a_sign_in_is_the_more_it_takes, MIGRATIONS, async |db| {
    let mut networks = storeward_detect::sign_in::Networks::default();
    let text = "198.51.100.0/24 asn=64500 country=NO at=59.91,10.75 within_km=30\n\
                203.0.113.0/24 asn=64501 country=SG at=1.35,103.82 within_km=30 hosting\n";
    networks.read(text.as_bytes().to_vec()).unwrap();
    let policy = Policy { customers: SecondFactor::Risk, ..Policy::default() };
    let bench = Bench::with_options(db, Options { policy, networks, ..Options::default() });
    let (mut owner, mut key) = bench.with_passkey().await;
    let app = owner.add_totp().await;
    bench.advance(600);
    let challenge = "/.storeward/challenge";
    // At home, on a new device: any factor.
    let mut home = bench.browser();
    home.sign_in(EMAIL, PASSWORD).await.leads_to(challenge);
    let page = home.get(challenge).await.body;
    assert!(page.contains("value=\"totp\"") && page.contains("value=\"passkey\""), "{page}");
    home.prove("totp", &bench.next_totp(&app)).await.leads_to("/.storeward/account");

    // Far away, among servers, while somebody tries a list of stolen passwords there: a passkey, which no page can relay.
    storm(&bench, 0, 45).await;
    let mut thief = from_abroad(&bench, 10);
    thief.sign_in(EMAIL, PASSWORD).await.leads_to(challenge);
    let page = thief.get(challenge).await.body;
    assert!(page.contains("value=\"passkey\""), "{page}");
    for weaker in ["totp", "mail", "recovery", "sms"] {
        assert!(!page.contains(&format!("value=\"{weaker}\"")), "{weaker} is offered");
    }
    let answer = thief.prove("totp", &bench.next_totp(&app)).await;
    assert_ne!(answer.location(), "/.storeward/account");
    assert!(!thief.is_signed_in().await, "the right code is not enough: {}", answer.location());

    // More of it, and nobody gets in from there; the owner hears of it, and is not kept out.
    storm(&bench, 45, 120).await;
    let mut thief = from_abroad(&bench, 11);
    let refused = thief.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(refused.status, 403);
    assert!(thief.cookie("__Host-storeward-flow").is_none() && !thief.is_signed_in().await);
    assert!(bench.kinds().contains(&LetterKind::FactorMissed), "{:?}", bench.kinds());
    let reasons = bench.events("identity.step_up_asked").await;
    let told = serde_json::to_string(&reasons.last().unwrap().event).unwrap();
    for reason in ["stuffing_tool", "hosting_network", "impossible_travel", "failures_from_prefix"] {
        assert!(told.contains(reason), "{reason} is kept for staff: {told}");
    }
    bench.browser().sign_in_with(&mut key).await.leads_to("/.storeward/account");
});
