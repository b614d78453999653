//! The keys that sign tokens: published before and after, exchanged on schedule, taken back at once.

use std::time::Duration;

use storeward_base::Actor;
use storeward_oidc::Haste;
use storeward_oidc::registry::Algorithm;
use storeward_seal::jws::Unchecked;
use storeward_store::both_engines;

use super::bench::{Bench, MIGRATIONS, text};

const DAY: Duration = Duration::from_secs(86_400);
const KEY_LIFE: Duration = Duration::from_secs(90 * 86_400);

async fn published(bench: &Bench) -> Vec<String> {
    let set = bench.call("GET", "/.storeward/oidc/jwks", &[], None).await.json();
    set["keys"].as_array().unwrap().iter().map(|key| text(&key["kid"]).to_owned()).collect()
}

/// The key that signs an ID token now.
async fn signs(bench: &Bench) -> String {
    let party = bench.own().await;
    let mut browser = bench.browser();
    browser.sign_in_at("/.storeward/sign-in").await;
    let tokens = browser.tokens(&party, &[]).await;
    Unchecked::parse(text(&tokens["id_token"])).unwrap().key_id().to_owned()
}

both_engines!(keys_are_exchanged_with_an_overlap, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let old_token = bench.customer().await.tokens(&party, &[]).await;
    let first = published(&bench).await;
    assert_eq!(first.len(), 1);
    let keys = bench.registry.keys();
    assert_eq!(keys.keep(KEY_LIFE).await.unwrap(), 0, "it is new");
    bench.clock.advance(KEY_LIFE);
    // Two nodes at once make one key.
    let (a, b) = tokio::join!(keys.keep(KEY_LIFE), keys.keep(KEY_LIFE));
    assert_eq!(a.unwrap() + b.unwrap(), 1);
    let both = published(&bench).await;
    assert_eq!(both.len(), 2, "the next one is published before it signs");
    assert_eq!(signs(&bench).await, first[0]);
    bench.clock.advance(DAY);
    let next = signs(&bench).await;
    assert!(next != first[0] && both.contains(&next));
    // What the first one signed is still believed, as a hint.
    let mut browser = bench.browser();
    browser.sign_in_at("/.storeward/sign-in").await;
    let hint = [("id_token_hint", text(&old_token["id_token"]))];
    assert!(browser.get(&party.request(&hint)).await.given("code").is_some());
    bench.clock.advance(14 * DAY);
    assert_eq!(published(&bench).await, [next]);
    let mut browser = bench.browser();
    browser.sign_in_at("/.storeward/sign-in").await;
    assert_eq!(browser.get(&party.request(&hint)).await.given("error").as_deref(), Some("invalid_request"));
    assert_eq!(keys.keep(KEY_LIFE).await.unwrap(), 0);
});

both_engines!(a_key_that_leaked_is_believed_no_more, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let tokens = bench.customer().await.tokens(&party, &[]).await;
    let leaked = published(&bench).await;
    bench.advance(1);
    let made = bench.registry.keys().rotate(Algorithm::Es256, Haste::AtOnce, Actor::Operator).await.unwrap();
    assert_eq!(published(&bench).await, std::slice::from_ref(&made));
    assert_eq!(signs(&bench).await, made);
    let mut browser = bench.browser();
    browser.sign_in_at("/.storeward/sign-in").await;
    let hint = [("id_token_hint", text(&tokens["id_token"]))];
    assert_eq!(browser.get(&party.request(&hint)).await.given("error").as_deref(), Some("invalid_request"));
    let lines = bench.registry.keys().list().await.unwrap();
    assert!(lines.iter().all(|line| line.kid != leaked[0]) && lines[0].signs);
    let reasons: Vec<_> = bench
        .events("oidc.key_rotated")
        .await
        .iter()
        .map(|fact| serde_json::to_value(&fact.event).unwrap()["data"]["reason"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(reasons, ["first", "at_once"]);
});

both_engines!(each_algorithm_has_its_key_when_a_client_wants_it, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    assert_eq!(published(&bench).await.len(), 1);
    let mut draft = bench.draft("woocommerce");
    draft.algorithm = Algorithm::Rs256;
    let (one, two) = (bench.add(draft.clone()).await, bench.add(draft).await);
    assert_ne!(one.id, two.id);
    assert_eq!(published(&bench).await.len(), 2);
    // The secret halves lie sealed: what the database holds is no key.
    let read = bench.db.read(|reader| {
        reader.query_many("SELECT private_sealed FROM oidc_key", &[], |row| row.get::<Vec<u8>>(0))
    });
    let sealed: Result<Vec<Vec<u8>>, storeward_store::Error> = read.await;
    for bytes in sealed.unwrap() {
        // PKCS#8 begins with a SEQUENCE.
        assert!(bytes.first() == Some(&1) && !bytes.windows(4).any(|part| part == [0x30, 0x82, 0x04, 0xBE]));
    }
});
