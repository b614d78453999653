//! Certificates from files that somebody else renews.

use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use storeward_base::{Clock, Timestamp};
use storeward_events::Event;

use crate::clients::{eventually, shown};
use crate::shop::Shop;

const DAY: Duration = Duration::from_secs(86_400);

fn config(shop: &Shop) -> Value {
    json!({
        "source": "files",
        "names": ["shop.test"],
        "certificate": shop.scratch.path("shop.pem"),
        "key": shop.scratch.path("shop.key"),
    })
}

fn made(name: &str, from: Timestamp, life: Duration) -> (String, String) {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + from.since(Timestamp::EPOCH);
    params.not_after = params.not_before + life;
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

impl Shop {
    fn put(&self, file: &str, text: &str) {
        // As every careful tool does it: a new file takes the place of the old one.
        std::fs::write(self.scratch.path("draft"), text).unwrap();
        std::fs::rename(self.scratch.path("draft"), self.scratch.path(file)).unwrap();
    }

    fn put_pair(&self, pair: &(String, String)) {
        self.put("shop.pem", &pair.0);
        self.put("shop.key", &pair.1);
    }
}

#[tokio::test]
async fn a_changed_pair_is_taken_up_whole() {
    let shop = Shop::open().await;
    let first = made("shop.test", shop.clock.now(), DAY * 90);
    let second = made("shop.test", shop.clock.now(), DAY * 90);
    shop.put_pair(&first);
    let _keeper = shop.run(config(&shop));
    let before = shop.served().await;
    assert_eq!((before.source, before.next_renewal_at), ("files", None));
    let leaf = shown(shop.tls_port, "shop.test").await.unwrap();

    // Only half of the new pair is there: the old one is served, and what does not fit is told once it stays so.
    shop.put("shop.pem", &second.0);
    let reason = shop.failure().await;
    assert!(reason.contains("the key does not belong to the first certificate"), "{reason}");
    assert!(reason.ends_with("the one before is still served"), "{reason}");
    assert_eq!(shown(shop.tls_port, "shop.test").await.unwrap(), leaf);
    shop.put("shop.key", &second.1);
    let after = shop.served_after(&before.fingerprint).await;
    assert_eq!(after.last_error, None);
    assert_ne!(shown(shop.tls_port, "shop.test").await.unwrap(), leaf);
    assert_eq!(shop.kinds(), ["edge.certificate_failed", "edge.certificate_issued"]);
}

#[tokio::test]
async fn what_clients_would_refuse_is_not_taken_up() {
    let shop = Shop::open().await;
    shop.put_pair(&made("shop.test", shop.clock.now(), DAY * 90));
    let _keeper = shop.run(config(&shop));
    let before = shop.served().await;
    let ended = made("shop.test", shop.clock.now().minus(DAY * 2), DAY);
    let foreign = made("other.test", shop.clock.now(), DAY);
    let junk = ("junk".to_owned(), "junk".to_owned());
    for (pair, expected) in [
        (ended, "ended at"),
        (foreign, "is for other.test, not for shop.test"),
        (junk, "no certificate found"),
    ] {
        shop.forget_facts();
        shop.put_pair(&pair);
        eventually(expected, || shop.failures().into_iter().find(|reason| reason.contains(expected))).await;
        assert_eq!(shop.status().fingerprint, before.fingerprint);
    }
    shop.forget_facts();
    std::fs::remove_file(shop.scratch.path("shop.key")).unwrap();
    let reason = shop.failure().await;
    assert!(reason.contains("shop.key: No such file"), "{reason}");
}

#[tokio::test]
async fn files_that_are_not_there_yet_do_not_stop_the_start() {
    let shop = Shop::open().await;
    let _keeper = shop.run(config(&shop));
    assert!(shop.status().placeholder);
    let reason = shop.failure().await;
    assert!(reason.ends_with("a self-signed certificate stands in"), "{reason}");
    assert_eq!(shop.status().last_error.as_ref(), Some(&reason));
    shown(shop.tls_port, "shop.test").await.unwrap();
    shop.put_pair(&made("shop.test", shop.clock.now(), DAY * 90));
    shop.served().await;
}

#[tokio::test]
async fn the_end_is_announced_once_at_each_step_also_over_restarts() {
    let shop = Shop::open().await;
    shop.put_pair(&made("shop.test", shop.clock.now(), DAY * 90));
    let mut keeper = shop.run(config(&shop));
    shop.served().await;
    let hours = || -> Vec<i64> {
        let facts = shop.facts.lock().unwrap();
        let left = facts.iter().map(|event| match event {
            Event::CertificateExpiring(expiring) => Some(expiring.hours_left),
            _ => None,
        });
        left.flatten().collect()
    };
    shop.clock.advance(DAY * 76 + Duration::from_secs(60));
    eventually("14 days", || (hours() == [14 * 24 - 1]).then_some(())).await;
    keeper.crash().await;
    keeper = shop.run(config(&shop));
    shop.clock.advance(DAY * 7);
    eventually("7 days", || (hours().len() == 2).then_some(())).await;
    shop.clock.advance(DAY * 4);
    eventually("3 days", || (hours().len() == 3).then_some(())).await;
    shop.clock.advance(DAY * 2);
    eventually("1 day", || (hours().len() == 4).then_some(())).await;
    shop.clock.advance(DAY);
    eventually("the end", || (hours().len() == 5).then_some(())).await;
    assert_eq!(hours(), [335, 167, 71, 23, -1]);
    drop(keeper);
}
