//! What the risk of a sign-in makes of it: a second factor, a passkey and nothing else, or a refusal. On both engines.

use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use super::bench::{Bench, Browser, EMAIL, OTHER_PASSWORD, Options, PASSWORD};

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
    let bench = by_risk(db);
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

/// A shop that asks by risk, whose thief's network is far away and among servers.
fn by_risk(db: TestDb) -> Bench {
    let mut networks = storeward_detect::sign_in::Networks::default();
    let text = "198.51.100.0/24 asn=64500 country=NO at=59.91,10.75 within_km=30\n\
                203.0.113.0/24 asn=64501 country=SG at=1.35,103.82 within_km=30 hosting\n";
    networks.read(text.as_bytes().to_vec()).unwrap();
    let policy = Policy { customers: SecondFactor::Risk, ..Policy::default() };
    Bench::with_options(db, Options { policy, networks, ..Options::default() })
}

// A mailed code let in whoever looked like a list of stolen passwords, and the box beside it had the device trusted for a month.
both_engines!(without_a_passkey_a_strangers_sign_in_goes_the_way_back, MIGRATIONS, async |db| {
    let bench = by_risk(db);
    let mut owner = bench.signed_up().await;
    let app = owner.add_totp().await;
    bench.advance(7_200);
    let (challenge, new_password) = ("/.storeward/challenge", "/.storeward/new-password");
    storm(&bench, 0, 55).await;
    let mut far = from_abroad(&bench, 10);
    far.sign_in(EMAIL, PASSWORD).await.leads_to(challenge);
    let page = far.get(challenge).await.body;
    assert!(page.contains("looked unusual") && page.contains("value=\"mail\""), "{page}");
    for weaker in ["value=\"totp\"", "name=\"trust\""] {
        assert!(!page.contains(weaker), "{weaker} is offered: {page}");
    }
    // The app alone, as ever, leads nowhere; the code and the app lead to a new password, and not in.
    let answer = far.prove("totp", &bench.next_totp(&app)).await;
    assert!(answer.location() != "/.storeward/account" && !far.is_signed_in().await, "{}", answer.location());
    far.prove("mail", &bench.code(LetterKind::RecoveryCode)).await.leads_to(challenge);
    far.prove("totp", &bench.next_totp(&app)).await.leads_to(new_password);
    assert!(!far.is_signed_in().await);
    // Nor does it end with the password that others may know.
    let kept = far.post_from(new_password, "/.storeward/new-password/keep", &[("password", PASSWORD)]).await;
    assert!(kept.status == 403 && !far.is_signed_in().await && !kept.body.contains("new-password/keep"));
    far.post_from(new_password, new_password, &[("password", OTHER_PASSWORD)]).await;
    assert!(!far.is_signed_in().await && !owner.is_signed_in().await, "nobody is in with the old one");
    assert_eq!(far.sign_in(EMAIL, PASSWORD).await.status, 403);
    // Whoever has just come that way is not sent it again and again; the device is not trusted, whatever the form says.
    far.sign_in(EMAIL, OTHER_PASSWORD).await.leads_to(challenge);
    let page = far.get(challenge).await.body;
    assert!(page.contains("value=\"totp\"") && !page.contains("name=\"trust\""), "{page}");
    let fields = [("method", "totp"), ("secret", &*bench.next_totp(&app)), ("trust", "yes")];
    far.post_from(challenge, challenge, &fields).await.leads_to("/.storeward/account");
    assert!(bench.events("identity.device_trusted").await.is_empty());
    let asked = bench.events("identity.step_up_asked").await;
    assert!(serde_json::to_string(&asked[0].event).unwrap().contains("hosting_network"));
});
