//! The development CA: accepted by rustls, OpenSSL and NSS for the names it may vouch for, and for no other.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, Issuer, KeyPair};
use serde_json::json;
use storeward_base::{Clock, SystemClock, SystemEntropy};
use storeward_edge::certificates::{CertificateConfig, LocalCa};

use crate::clients::{Scratch, client, handshake, mode, roots};
use crate::shop::Shop;

const NAMES: [&str; 6] = ["localhost", "shop.localhost", "*.shop.test", "127.0.0.1", "::1", "192.168.1.7"];

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&name| name.to_owned()).collect()
}

fn open(scratch: &Scratch) -> LocalCa {
    LocalCa::open_or_create(&scratch.path("ca"), &names(&NAMES), SystemClock.now(), &SystemEntropy).unwrap()
}

#[tokio::test]
async fn a_client_that_trusts_the_root_accepts_the_leaf() {
    let shop = Shop::open().await;
    let _keeper = shop.run(json!({"source": "local", "names": NAMES}));
    let status = shop.status();
    assert!(!status.placeholder && status.source == "local", "at hand before anything ran");
    let dir = LocalCa::directory_in(&shop.state_dir());
    assert_eq!((mode(&dir), mode(&dir.join("root.pem"))), (0o700, 0o600));
    let ca = LocalCa::open_or_create(&dir, &status.names, SystemClock.now(), &SystemEntropy).unwrap();
    assert!(!ca.made_now());
    let trusting = Arc::new(client(roots(ca.root_pem()), &[b"h2"]));
    for name in ["localhost", "shop.localhost", "www.shop.test"] {
        handshake(shop.tls_port, name, &trusting).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    // By address: no server name is sent, the first certificate is served.
    for address in ["127.0.0.1", "::1", "192.168.1.7"] {
        handshake(shop.tls_port, address, &trusting).await.unwrap_or_else(|e| panic!("{address}: {e}"));
    }
}

#[tokio::test]
async fn leaves_are_issued_anew_by_themselves() {
    let shop = Shop::open().await;
    let _keeper = shop.run(json!({"source": "local", "names": ["shop.localhost"]}));
    let first = shop.served().await;
    shop.clock.advance(Duration::from_secs(4 * 86_400));
    shop.served_after(&first.fingerprint).await;
    assert_eq!(shop.kinds(), ["edge.certificate_issued"; 2]);
}

/// `storeward ca` with a name more makes a new root; the service issues under it at once.
#[tokio::test]
async fn a_root_made_by_another_process_is_taken_up() {
    let shop = Shop::open().await;
    let _keeper = shop.run(json!({"source": "local", "names": ["shop.localhost"]}));
    let first = shop.served().await;
    let dir = LocalCa::directory_in(&shop.state_dir());
    let now = SystemClock.now();
    let wider = LocalCa::open_or_create(&dir, &names(&["shop.example"]), now, &SystemEntropy).unwrap();
    assert!(wider.made_now());
    shop.served_after(&first.fingerprint).await;
    let trusting = Arc::new(client(roots(wider.root_pem()), &[b"h2"]));
    handshake(shop.tls_port, "shop.localhost", &trusting).await.unwrap();
}

/// Whoever steals the root's key still cannot pretend to be a bank: clients heed the constraints.
#[tokio::test]
async fn a_stolen_root_vouches_for_no_public_name() {
    let scratch = Scratch::new();
    let ca = open(&scratch);
    let pem = std::fs::read_to_string(scratch.path("ca/root.pem")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(ca.root_pem(), KeyPair::from_pem(&pem).unwrap()).unwrap();
    for name in ["bank.example", "8.8.8.8", "2001:db8::1"] {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(names(&[name])).unwrap().signed_by(&key, &issuer).unwrap();
        let shop = Shop::open().await;
        std::fs::write(shop.scratch.path("c.pem"), leaf.pem()).unwrap();
        std::fs::write(shop.scratch.path("c.key"), key.serialize_pem()).unwrap();
        let _keeper = shop.run(json!({
            "source": "files",
            "names": [name],
            "certificate": shop.scratch.path("c.pem"),
            "key": shop.scratch.path("c.key"),
        }));
        shop.served().await;
        let trusting = Arc::new(client(roots(ca.root_pem()), &[b"h2"]));
        let error = handshake(shop.tls_port, name, &trusting).await.unwrap_err().to_string();
        assert!(error.contains("NameConstraintViolation"), "{name}: {error}");
        assert!(!openssl_accepts(&scratch, ca.root_pem(), &leaf.pem(), name), "{name}");
    }
}

#[test]
fn openssl_accepts_the_leaf_for_each_name() {
    let scratch = Scratch::new();
    let ca = open(&scratch);
    let leaf = ca.issue(&names(&NAMES), SystemClock.now(), &SystemEntropy).unwrap();
    for name in ["localhost", "shop.localhost", "www.shop.test", "127.0.0.1", "::1", "192.168.1.7"] {
        assert!(openssl_accepts(&scratch, ca.root_pem(), &leaf.certificate_pem, name), "{name}");
    }
    assert!(!openssl_accepts(&scratch, ca.root_pem(), &leaf.certificate_pem, "other.localhost"));
}

fn openssl_accepts(scratch: &Scratch, root: &str, leaf: &str, name: &str) -> bool {
    let (root_file, leaf_file) = (scratch.path("root.crt"), scratch.path("leaf.crt"));
    std::fs::write(&root_file, root).unwrap();
    std::fs::write(&leaf_file, leaf).unwrap();
    let by = if name.parse::<std::net::IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", by, name, "-CAfile"])
        .args([&root_file, &leaf_file])
        .output()
        .expect("`openssl` can be run: `./test` installs it");
    output.status.success()
}

#[test]
fn a_private_name_needs_no_setting() {
    let config = CertificateConfig::for_names(names(&["shop.localhost"])).unwrap();
    assert_eq!(config.source.name(), "local");
}
