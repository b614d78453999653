//! The TLS that clients meet.

use std::sync::Arc;

use rustls::{HandshakeKind, NamedGroup, ProtocolVersion};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clients::{curious_client, handshake};
use crate::shop::{Running, Shop};

async fn open_shop() -> (Shop, Running) {
    let shop = Shop::open().await;
    let keeper = shop.run(json!({"source": "local", "names": ["shop.test", "*.pages.test"]}));
    shop.served().await;
    (shop, keeper)
}

#[tokio::test]
async fn the_key_exchange_is_post_quantum() {
    let (shop, _keeper) = open_shop().await;
    let stream = handshake(shop.tls_port, "shop.test", &Arc::new(curious_client(&[b"h2"]))).await.unwrap();
    let connection = stream.get_ref().1;
    assert_eq!(connection.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let group = connection.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
    assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Full), "without a second round trip");
}

#[test]
fn groups_and_suites_are_mozillas_intermediate() {
    let config = storeward_edge::certificates::tls::server_config(
        storeward_edge::certificates::CertificateStore::new(),
    )
    .unwrap();
    let provider = config.crypto_provider();
    let groups: Vec<_> = provider.kx_groups.iter().map(|group| group.name()).collect();
    use NamedGroup::{X25519, X25519MLKEM768, secp256r1, secp384r1};
    assert_eq!(groups, [X25519MLKEM768, X25519, secp256r1, secp384r1]);
    let suites: Vec<_> = provider.cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
    assert_eq!(suites.len(), 9);
    let is_modern = |s: &String| s.starts_with("TLS13_") || s.starts_with("TLS_ECDHE_");
    assert!(
        suites.iter().all(|s| is_modern(s) && (s.contains("GCM") || s.contains("POLY1305"))),
        "{suites:?}"
    );
    assert_eq!(config.max_early_data_size, 0);
    assert!(config.ticketer.enabled());
}

#[tokio::test]
async fn a_session_is_resumed() {
    let (shop, _keeper) = open_shop().await;
    let returning = Arc::new(curious_client(&[b"h2"]));
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let mut stream = handshake(shop.tls_port, "shop.test", &returning).await.unwrap();
        // The tickets come with the first data.
        stream.read_exact(&mut [0; 4]).await.unwrap();
        kinds.push(stream.get_ref().1.handshake_kind().unwrap());
    }
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
}

#[tokio::test]
async fn http_2_goes_first() {
    let (shop, _keeper) = open_shop().await;
    for (offered, chosen) in [
        (vec![b"http/1.1".as_slice(), b"h2"], Some(b"h2".as_slice())),
        (vec![b"http/1.1"], Some(b"http/1.1")),
        (vec![b"acme-tls/1", b"http/1.1"], Some(b"http/1.1")),
        (vec![], None),
    ] {
        let stream =
            handshake(shop.tls_port, "shop.test", &Arc::new(curious_client(&offered))).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
    }
}

#[tokio::test]
async fn only_our_names_get_a_certificate() {
    let (shop, _keeper) = open_shop().await;
    let any = Arc::new(curious_client(&[b"h2"]));
    for name in ["shop.test", "SHOP.test", "a.pages.test", "127.0.0.1"] {
        assert!(handshake(shop.tls_port, name, &any).await.is_ok(), "{name}");
    }
    for name in ["other.test", "www.shop.test", "pages.test", "a.b.pages.test", "test"] {
        let error = handshake(shop.tls_port, name, &any).await.unwrap_err().to_string();
        assert!(error.contains("AccessDenied"), "{name}: {error}");
    }
}

/// Whoever asks for a challenge that is not pending learns nothing and gets no connection.
#[tokio::test]
async fn without_a_challenge_there_is_no_acme_tls() {
    let (shop, _keeper) = open_shop().await;
    for alpn in [vec![b"acme-tls/1".as_slice()], vec![b"acme-tls/1".as_slice(), b"x"]] {
        let error =
            handshake(shop.tls_port, "shop.test", &Arc::new(curious_client(&alpn))).await.unwrap_err();
        assert!(error.to_string().contains("AccessDenied"), "{error}");
    }
}

/// A ClientHello of TLS 1.1, and one of TLS 1.0, byte by byte (RFC 4346 section 7.4.1.2).
#[tokio::test]
async fn old_versions_are_refused() {
    let (shop, _keeper) = open_shop().await;
    for minor in [2, 1] {
        let mut hello = vec![3, minor];
        hello.extend([7; 32]); // random
        hello.push(0); // no session
        hello.extend([0, 2, 0xc0, 0x13]); // ECDHE_RSA_WITH_AES_128_CBC_SHA
        hello.extend([1, 0]); // no compression
        let signatures = [0, 13, 0, 4, 0, 2, 4, 3]; // ECDSA with P-256 and SHA-256
        let groups = [0, 10, 0, 4, 0, 2, 0, 23]; // P-256
        hello.extend([&[0, 16][..], &signatures, &groups].concat());
        let length = u8::try_from(hello.len()).unwrap();
        let record = [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat();
        let mut tcp = TcpStream::connect(("127.0.0.1", shop.tls_port)).await.unwrap();
        tcp.write_all(&record).await.unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).await.unwrap();
        // An alert, fatal, protocol_version.
        assert_eq!((answer[0], answer[5], answer[6]), (21, 2, 70), "TLS 1.{}", minor - 1);
    }
}
