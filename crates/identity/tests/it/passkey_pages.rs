//! Sign-in pages that are opened: each asks for a passkey challenge by itself, and nobody uses up another's by opening many. On both
//! engines.

use storeward_identity::MIGRATIONS;
use storeward_store::both_engines;

use super::bench::{Bench, Browser, PASSWORD};

const SIGN_IN: &str = "/.storeward/sign-in";
const OPTIONS: &str = "/.storeward/passkey/options";
const DEVICE: &str = "__Host-storeward-device";

/// How many of so many challenges are given.
async fn given(browser: &mut Browser<'_>, of: usize) -> usize {
    let csrf = browser.get(SIGN_IN).await.csrf();
    let mut given = 0;
    for _ in 0..of {
        given += usize::from(browser.post(OPTIONS, &csrf, &[]).await.status == 200);
    }
    given
}

// After 120 pages from an address, a day or a minute ago, nobody behind it got more than a challenge a minute, on their own device
// neither; and nobody signed up there.
both_engines!(opened_pages_take_passkeys_from_nobody, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, mut key) = bench.with_passkey().await;
    let device = owner.cookie(DEVICE).unwrap();
    let mut stranger = bench.browser();
    assert_eq!(stranger.address, owner.address);
    assert_eq!(given(&mut stranger, 140).await, 120);
    // A device that signed in before has its own; a token that nobody was given is none.
    owner.sign_in_with(&mut key).await.leads_to("/.storeward/account");
    let made_up = format!("{}-{}", device.rsplit_once('-').unwrap().0, "0".repeat(64));
    let mut forger = Browser { cookies: vec![(DEVICE.to_owned(), made_up)], ..bench.browser() };
    assert_eq!(given(&mut forger, 1).await, 0);
    let mut other = bench.browser();
    other.sign_up("abe@people.example", PASSWORD).await.leads_to("/.storeward/challenge");
    bench.advance(5);
    assert_eq!(given(&mut bench.browser(), 1).await, 1);
    bench.advance(200);
    assert_eq!(given(&mut bench.browser(), 140).await, 120);
    // Its own has an end, too.
    assert!((1..=120).contains(&given(&mut owner, 140).await));
});
