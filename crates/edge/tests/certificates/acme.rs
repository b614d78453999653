//! Orders against the real pebble.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use storeward_edge::certificates::{CertificateStore, HttpChallenges};

use crate::clients::{client, eventually, handshake, mode, shown};
use crate::front::{Canned, Front};
use crate::pebble::{EXTERNAL_HMAC, EXTERNAL_KEY_ID};
use crate::shop::{Shop, acme};

const DAY: Duration = Duration::from_secs(86_400);

async fn issues_by(challenge: &str, name: &str) {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let start = Instant::now();
    let config = acme(&pebble, &pebble.directory(), &[name], json!({"challenge": challenge}));
    let _keeper = shop.run(config);
    assert!(shop.status().placeholder, "serves something before the CA was asked");
    let status = shop.served().await;
    println!("{challenge} for {name}: {:?}", start.elapsed());

    let trusting = Arc::new(client(pebble.issuing_roots().await, &[b"h2"]));
    handshake(shop.tls_port, name, &trusting).await.expect("clients accept the certificate");
    assert_eq!((status.names, status.source), (vec![name.to_owned()], "acme"));
    assert_eq!(shop.kinds(), ["edge.certificate_issued"]);
    let renewal = status.next_renewal_at.unwrap().since(status.not_before);
    assert!(renewal >= DAY * 60 && renewal < DAY * 61, "{renewal:?}");

    let acme_dir = shop.state_dir().join("acme");
    assert_eq!((mode(&shop.state_dir()), mode(&acme_dir)), (0o700, 0o700));
    let mut files: Vec<_> = std::fs::read_dir(&acme_dir).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(files.iter().all(|file| mode(file) == 0o600));
    assert_eq!(files.len(), 2, "account and certificate, and no order: {files:?}");
    assert_eq!(format!("{:?}", shop.challenges), "HttpChallenges(0 pending)");
}

#[tokio::test]
async fn issues_by_http_01() {
    issues_by("http-01", "shop.test").await;
}

#[tokio::test]
async fn issues_by_tls_alpn_01() {
    issues_by("tls-alpn-01", "shop.test").await;
}

#[tokio::test]
async fn issues_for_an_address() {
    issues_by("http-01", "127.0.0.1").await;
}

#[tokio::test]
async fn a_start_with_a_certificate_on_disk_asks_nobody() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let config = acme(&pebble, &pebble.directory(), &["shop.test", "www.shop.test"], json!({}));
    let keeper = shop.run(config.clone());
    let first = shop.served().await;
    keeper.crash().await;
    drop(pebble);

    let again = Shop { store: CertificateStore::new(), ..shop };
    let keeper = again.keeper(config);
    assert_eq!(keeper.status().unwrap().fingerprint, first.fingerprint);
    assert!(!again.status().placeholder);
}

/// Half a life of six seconds is three: within ten seconds at least two renewals, under a client that never stops.
#[tokio::test]
async fn a_renewal_leaves_no_gap() {
    let shop = Shop::open().await;
    let pebble = shop.pebble_with(|o| o.validity_seconds = 8).await;
    let _keeper = shop.run(acme(&pebble, &pebble.directory(), &["shop.test"], json!({})));
    let first = shop.served().await;
    let first_key = shop.kept("certificate.json")["key_pem"].clone();
    let roots = pebble.issuing_roots().await;
    let (mut handshakes, mut fingerprints) = (0, vec![first.fingerprint]);
    while fingerprints.len() < 3 {
        // A config of its own each time: no resumption, the certificate is looked at each time.
        let trusting = Arc::new(client(roots.clone(), &[b"h2"]));
        handshake(shop.tls_port, "shop.test", &trusting).await.expect("each handshake succeeds");
        handshakes += 1;
        let fingerprint = shop.status().fingerprint;
        if !fingerprints.contains(&fingerprint) {
            fingerprints.push(fingerprint);
        }
        assert!(handshakes < 100_000);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(handshakes > 100, "{handshakes}");
    assert!(shop.kinds().iter().all(|kind| *kind == "edge.certificate_issued"), "{:?}", shop.facts);
    assert_ne!(shop.kept("certificate.json")["key_pem"], first_key, "each certificate has a key of its own");
}

#[tokio::test]
async fn bad_nonces_are_no_failure() {
    let shop = Shop::open().await;
    let pebble = shop.pebble_with(|o| o.nonce_reject_percent = 40).await;
    let front = Front::before(&pebble).await;
    // Three in a row are more than instant-acme takes.
    front.set(|rules| rules.instead = vec![("/order-plz", Canned::problem(400, "badNonce")); 3]);
    let _keeper = shop.run(acme(&pebble, &front.directory(), &["shop.test"], json!({})));
    shop.served().await;
    assert_eq!(shop.failures(), Vec::<String>::new());
}

#[tokio::test]
async fn a_ca_that_is_down_at_start_is_waited_for() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let front = Front::before(&pebble).await;
    front.set(|rules| rules.down = true);
    let _keeper = shop.run(acme(&pebble, &front.directory(), &["shop.test"], json!({})));
    let reason = shop.failure().await;
    assert!(reason.contains("no connection to localhost"), "{reason}");
    let status = shop.status();
    assert!(status.placeholder && status.last_error.is_some() && status.next_attempt_at.is_some());
    shown(shop.tls_port, "shop.test").await.expect("a handshake works before there is a certificate");

    front.set(|rules| rules.down = false);
    shop.clock.advance(DAY);
    let status = shop.served().await;
    assert_eq!((status.last_error, status.next_attempt_at), (None, None));
}

#[tokio::test]
async fn a_ca_that_is_down_at_renewal_costs_nothing_but_warnings() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let front = Front::before(&pebble).await;
    let _keeper = shop.run(acme(&pebble, &front.directory(), &["shop.test"], json!({})));
    let first = shop.served().await;
    front.set(|rules| rules.down = true);
    shop.forget_facts();
    shop.clock.advance(DAY * 62);
    shop.failure().await;
    assert_eq!(shop.status().fingerprint, first.fingerprint, "the old one is still served");
    assert!(!shop.kinds().contains(&"edge.certificate_expiring"));
    for (days, warnings) in [(15, 1), (7, 2), (4, 3), (1, 4)] {
        shop.clock.advance(DAY * days);
        let count = || shop.kinds().iter().filter(|kind| **kind == "edge.certificate_expiring").count();
        eventually("the next warning", || (count() == warnings).then_some(())).await;
    }
    front.set(|rules| rules.down = false);
    shop.clock.advance(DAY / 4);
    shop.served_after(&first.fingerprint).await;
}

#[tokio::test]
async fn a_name_that_is_not_in_dns_fails_with_words() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let names = ["shop.test", "nowhere.test"];
    let _keeper = shop.run(acme(&pebble, &pebble.directory(), &names, json!({"challenge": "http-01"})));
    let reason = shop.failure().await;
    assert!(reason.starts_with("nowhere.test: "), "{reason}");
    assert!(!reason.contains("shop.test: "), "{reason}");
    assert!(shop.status().placeholder);
}

#[tokio::test]
async fn auto_turns_to_tls_when_http_does_not_lead_here() {
    let mut shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let front = Front::before(&pebble).await;
    // The plain listener knows nothing of the answers: as if port 80 belonged to another server.
    shop.challenges = Arc::new(HttpChallenges::default());
    let _keeper = shop.run(acme(&pebble, &front.directory(), &["shop.test"], json!({"challenge": "auto"})));
    shop.served().await;
    let reason = shop.failure().await;
    assert!(reason.contains("another server answered for this name"), "{reason}");
    assert_eq!(front.seen("/order-plz").len(), 2);
}

#[tokio::test]
async fn a_rate_limit_is_heeded() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let front = Front::before(&pebble).await;
    let limited = Canned::problem(429, "rateLimited").header("retry-after", "7200");
    front.set(|rules| rules.instead = vec![("/order-plz", limited)]);
    let _keeper = shop.run(acme(&pebble, &front.directory(), &["shop.test"], json!({})));
    let reason = shop.failure().await;
    assert!(reason.contains("the CA's limit is used up"), "{reason}");
    let status = shop.status();
    let wait = status.next_attempt_at.unwrap().since(status.last_error_at.unwrap());
    assert!(wait > Duration::from_secs(7190) && wait <= Duration::from_secs(7200), "{wait:?}");
    shop.clock.advance(Duration::from_secs(7200));
    shop.served().await;
    assert_eq!(front.seen("/order-plz").len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_no_acme_is_named_by_its_status() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let front = Front::before(&pebble).await;
    let bad_gateway =
        Canned { status: 502, headers: vec![("replay-nonce", "eA".into())], body: "busy".into() };
    front.set(|rules| rules.instead = vec![("/order-plz", bad_gateway)]);
    let _keeper = shop.run(acme(&pebble, &front.directory(), &["shop.test"], json!({})));
    assert_eq!(shop.failure().await, "the CA answered with status 502");
    shop.served().await;
}

#[tokio::test]
async fn an_external_account_is_bound() {
    let shop = Shop::open().await;
    let pebble = shop.pebble_with(|o| o.external_account = true).await;
    let unbound = shop.run(acme(&pebble, &pebble.directory(), &["shop.test"], json!({})));
    let reason = shop.failure().await;
    assert!(reason.contains("certificate.external_account"), "{reason}");
    unbound.crash().await;
    let external = json!({"key_id": EXTERNAL_KEY_ID, "hmac_key": EXTERNAL_HMAC});
    let more = json!({"external_account": external, "contact": "ops@shop.test"});
    let _keeper = shop.run(acme(&pebble, &pebble.directory(), &["shop.test"], more));
    shop.served().await;
}

#[tokio::test]
async fn a_ca_that_forgot_the_account_gets_it_again() {
    let shop = Shop::open().await;
    let mut pebble = shop.pebble().await;
    let _keeper = shop.run(acme(&pebble, &pebble.directory(), &["shop.test"], json!({})));
    let first = shop.served().await;
    pebble.lose_everything().await;
    shop.clock.advance(DAY * 62);
    let reason = shop.failure().await;
    assert!(reason.contains("accountDoesNotExist"), "{reason}");
    shop.clock.advance(Duration::from_secs(60));
    // Its clock is two months behind ours: what it issues now is not renewed at once all the same.
    shop.served_after(&first.fingerprint).await;
}

#[tokio::test]
async fn changed_names_bring_a_new_certificate() {
    let shop = Shop::open().await;
    let pebble = shop.pebble().await;
    let keeper = shop.run(acme(&pebble, &pebble.directory(), &["shop.test"], json!({})));
    let first = shop.served().await;
    keeper.crash().await;
    let names = ["shop.test", "www.shop.test"];
    let _keeper = shop.run(acme(&pebble, &pebble.directory(), &names, json!({})));
    assert_eq!(shop.status().fingerprint, first.fingerprint, "no gap for the name that was there");
    shop.served_after(&first.fingerprint).await;
    let trusting = Arc::new(client(pebble.issuing_roots().await, &[b"h2"]));
    for name in names {
        handshake(shop.tls_port, name, &trusting).await.unwrap();
    }
}
