//! Renewal information (RFC 9773) and profiles, which a front adds to pebble.

use std::time::Duration;

use serde_json::json;
use storeward_base::{Clock, Timestamp};

use crate::clients::eventually;
use crate::front::Front;
use crate::shop::{Shop, acme};

const DAY: Duration = Duration::from_secs(86_400);

fn window(start: Timestamp, end: Timestamp) -> Option<(String, String)> {
    Some((start.rfc3339(), end.rfc3339()))
}

#[tokio::test]
async fn the_ca_decides_when_to_renew() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let front = Front::before(&pebble).await;
    let (start, end) = (shop.clock.now().plus(DAY * 20), shop.clock.now().plus(DAY * 21));
    front.set(|rules| rules.window = window(start, end));
    let _keeper = shop.run(acme(&pebble, &front.directory(), &["shop.test"], json!({})));
    let first = shop.served().await;
    let picked = |shop: &Shop| shop.status().next_renewal_at.filter(|at| *at >= start && *at < end);
    let at = eventually("a moment in the window", || picked(&shop)).await;
    let asked = front.seen("/ari/");
    assert_eq!(asked.len(), 1, "not asked again before Retry-After");
    let id = asked[0].path.trim_start_matches("/ari/").to_owned();

    // The CA has to revoke: the window moves to now. The client learns it at its next question, in two minutes,
    // and leaves a new certificate alone for an hour.
    let now = shop.clock.now();
    front.set(|rules| rules.window = window(now.minus(DAY * 2), now.minus(DAY)));
    shop.clock.advance(Duration::from_secs(3601));
    shop.served_after(&first.fingerprint).await;
    assert!(shop.clock.now() < at, "renewed long before the first window");
    let orders = front.seen("/order-plz");
    assert_eq!(orders.len(), 2);
    assert!(orders[0].payload.get("replaces").is_none());
    assert_eq!(orders[1].payload["replaces"], json!(id), "the CA is told which certificate goes");
    // The next question is about the new certificate.
    eventually("a question about the new one", || {
        front.seen("/ari/").into_iter().find(|s| !s.path.ends_with(&id))
    })
    .await;
    // That one's window lies in the past as well; but a certificate of this minute is not renewed again.
    assert_eq!(front.seen("/order-plz").len(), 2);
}

#[tokio::test]
async fn a_ca_without_renewal_information_is_no_failure() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let _keeper = shop.run(acme(&pebble, &pebble.directory(), &["shop.test"], json!({})));
    let status = shop.served().await;
    shop.clock.advance(DAY * 2);
    let renewal = shop.status().next_renewal_at.unwrap().since(status.not_before);
    assert!(renewal >= DAY * 60 && renewal < DAY * 61);
    assert_eq!(shop.failures(), Vec::<String>::new());
}

#[tokio::test]
async fn a_replaced_certificate_that_the_ca_does_not_accept_is_left_out() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let front = Front::before(&pebble).await;
    let (start, end) = (shop.clock.now().plus(DAY * 20), shop.clock.now().plus(DAY * 21));
    front.set(|rules| rules.window = window(start, end));
    let _keeper = shop.run(acme(&pebble, &front.directory(), &["shop.test"], json!({})));
    let first = shop.served().await;
    let refusal = crate::front::Canned::problem(409, "alreadyReplaced");
    front.set(|rules| rules.instead = vec![("/order-plz", refusal)]);
    shop.clock.advance(DAY * 22);
    shop.served_after(&first.fingerprint).await;
    let orders = front.seen("/order-plz");
    assert!(orders[1].payload["replaces"].is_string() && orders[2].payload.get("replaces").is_none());
    assert_eq!(shop.failures(), Vec::<String>::new());
}

#[tokio::test]
async fn a_profile_is_asked_for_by_name() {
    let shop = Shop::open().await;
    let pebble = shop.pebble_with(|o| o.validity_seconds = 6 * 86_400).await;
    let front = Front::before(&pebble).await;
    front.set(|rules| rules.profiles = true);
    let config = acme(&pebble, &front.directory(), &["shop.test"], json!({"profile": "shortlived"}));
    let _keeper = shop.run(config);
    let status = shop.served().await;
    assert_eq!(front.seen("/order-plz")[0].payload["profile"], json!("shortlived"));
    let renewal = status.next_renewal_at.unwrap().since(status.not_before);
    assert!(renewal >= DAY * 3 && renewal < DAY * 4, "short-lived: at half of the life, {renewal:?}");
}

#[tokio::test]
async fn a_profile_that_is_not_offered_is_named() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let front = Front::before(&pebble).await;
    front.set(|rules| rules.profiles = true);
    let config = acme(&pebble, &front.directory(), &["shop.test"], json!({"profile": "shortlife"}));
    let _keeper = shop.run(config);
    let reason = shop.failure().await;
    assert!(reason.contains("does not offer the profile `shortlife`"), "{reason}");
    assert!(reason.contains("shortlived"), "{reason}");
    assert!(front.seen("/order-plz").is_empty());
}
