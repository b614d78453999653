//! A restart in the middle of an order: the same order is taken up again, with the same key.

use serde_json::json;

use crate::clients::{eventually, mode};
use crate::front::Front;
use crate::shop::{Shop, acme};

/// Stops the keeper when the CA has answered a request whose path begins with `hold`, but the keeper has not heard it.
async fn resumes_after(hold: &'static str) {
    resumes(hold, "auto").await;
}

async fn resumes(hold: &'static str, challenge: &str) {
    let shop = Shop::open().await;
    shop.answers.send_replace(challenge != "http-01");
    let pebble = shop.pebble().await;
    let front = Front::before(&pebble).await;
    front.set(|rules| rules.hold = Some(hold));
    let config = acme(&pebble, &front.directory(), &["shop.test"], json!({"challenge": challenge}));
    let keeper = shop.run(config.clone());
    eventually("the request to hold", || (!front.seen(hold).is_empty()).then_some(())).await;
    keeper.crash().await;
    let pending = || format!("{:?}", shop.challenges) != "HttpChallenges(0 pending)";
    assert!(!pending(), "a crash leaves no answer behind");

    let order = shop.kept("order.json");
    assert_eq!(mode(&shop.state_dir().join("acme/order.json")), 0o600);
    let placed = front.seen("/order-plz").remove(0).location;
    assert_eq!(order["url"].as_str(), placed.as_deref());

    front.set(|rules| rules.hold = None);
    let _keeper = shop.run(config);
    if challenge == "http-01" {
        eventually("the answer of the new keeper", || pending().then_some(())).await;
    }
    shop.answers.send_replace(true);
    shop.served().await;
    assert_eq!(front.seen("/order-plz").len(), 1, "no second order");
    assert_eq!(front.seen("/sign-me-up").len(), 1, "no second account");
    let certificate = shop.kept("certificate.json");
    assert_eq!(certificate["order"], order["url"]);
    assert_eq!(certificate["key_pem"], order["key_pem"]);
    assert!(!shop.state_dir().join("acme/order.json").exists());
    assert_eq!(shop.kinds(), ["edge.certificate_issued"]);
}

#[tokio::test]
async fn after_the_order_was_made() {
    resumes_after("/authZ/").await;
}

/// The CA looks at once and once only: its question waits at the shop's door until the keeper is up again.
#[tokio::test]
async fn after_the_ca_was_told_to_look() {
    resumes("/chalZ/", "http-01").await;
}

#[tokio::test]
async fn while_waiting_for_the_ca() {
    resumes_after("/my-order/").await;
}

#[tokio::test]
async fn after_the_order_was_finalised() {
    resumes_after("/finalize-order/").await;
}

#[tokio::test]
async fn after_the_certificate_was_sent() {
    resumes_after("/certZ/").await;
}

/// The answer to the registration is lost: the key is on disk, and the CA gives back the account that it has.
#[tokio::test]
async fn after_the_account_was_made() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let front = Front::before(&pebble).await;
    front.set(|rules| rules.hold = Some("/sign-me-up"));
    let config = acme(&pebble, &front.directory(), &["shop.test"], json!({}));
    let keeper = shop.run(config.clone());
    eventually("the registration", || front.seen("/sign-me-up").pop()).await;
    keeper.crash().await;
    front.set(|rules| rules.hold = None);
    let _keeper = shop.run(config);
    shop.served().await;
    let accounts: Vec<_> = front.seen("/sign-me-up").into_iter().map(|seen| seen.location.unwrap()).collect();
    assert_eq!(accounts.len(), 2);
    assert_eq!(accounts[0], accounts[1], "one account");
}

/// An order that the CA does not know any more is given up, and a new one is made.
#[tokio::test]
async fn an_order_that_is_gone_is_made_anew() {
    let shop = Shop::open().await;
    let mut pebble = shop.pebble().await;
    let front = Front::before(&pebble).await;
    front.set(|rules| rules.hold = Some("/authZ/"));
    let config = acme(&pebble, &front.directory(), &["shop.test"], json!({}));
    let keeper = shop.run(config.clone());
    eventually("the order", || front.seen("/authZ/").pop()).await;
    keeper.crash().await;
    pebble.lose_everything().await;
    front.set(|rules| rules.hold = None);
    let _keeper = shop.run(config);
    shop.served().await;
    assert_eq!(front.seen("/order-plz").len(), 2);
}

#[tokio::test]
async fn an_order_that_cannot_be_read_does_not_stand_in_the_way() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    std::fs::create_dir_all(shop.state_dir().join("acme")).unwrap();
    std::fs::write(shop.state_dir().join("acme/order.json"), "{\"v\":").unwrap();
    let _keeper = shop.run(acme(&pebble, &pebble.directory(), &["shop.test"], json!({})));
    shop.served().await;
    assert_eq!(shop.failures(), Vec::<String>::new());
}
