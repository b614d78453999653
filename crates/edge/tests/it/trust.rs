//! A shop behind TLS: only the right name under the right root is spoken to.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use storeward_testkit::{FakeShop, Reply};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::TestEdge;

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn ca() -> Ca {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    Ca { issuer: Issuer::new(params, key), pem }
}

/// Ends TLS with a certificate for `name` in front of the shop; returns its port.
async fn tls_before(shop: &FakeShop, ca: &Ca, name: &str) -> u16 {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &ca.issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, shop) = (listener.local_addr().unwrap().port(), shop.address);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                let mut plain = TcpStream::connect(shop).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_name_under_the_right_root_is_spoken_to() {
    let (right, wrong) = (ca(), ca());
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, &right.pem).unwrap();
    for (issuer, name, served) in
        [(&right, "localhost", true), (&wrong, "localhost", false), (&right, "other.test", false)]
    {
        let shop = FakeShop::start(|asked| Reply::ok(&asked.body.len().to_string())).await;
        let port = tls_before(&shop, issuer, name).await;
        let upstream = format!("servers = ['https://localhost:{port}']\nca_file = {roots:?}");
        let edge = TestEdge::with_upstream(&upstream, "");
        let mut client = edge.connect().await;
        for _ in 0..2 {
            client
                .send("POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 6\r\nCookie: a=1\r\n\r\nsecret")
                .await;
            let response = client.response(false).await;
            assert_eq!(response.status, if served { 200 } else { 503 }, "{name}");
        }
        if served {
            assert_eq!((shop.asked().len(), shop.asked()[0].header("cookie")), (2, vec!["a=1"]));
        } else {
            assert_eq!(shop.connections(), 0, "{name}: something was sent");
        }
        edge.stop();
    }
}

/// Went wrong: after a reload with another ca_file, kept connections that the old root had vouched for served on.
#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_is_no_longer_trusted_ends_what_it_vouched_for() {
    let (first, second) = (ca(), ca());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("first.pem"), &first.pem).unwrap();
    std::fs::write(folder.path().join("second.pem"), &second.pem).unwrap();
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let port = tls_before(&shop, &first, "localhost").await;
    let roots = folder.path().join("first.pem");
    let upstream = format!("servers = ['https://localhost:{port}']\nca_file = {roots:?}");
    let edge = TestEdge::with_upstream(&upstream, "");
    let mut client = edge.connect().await;
    let mut ask = async || {
        client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
        client.response(false).await.status
    };
    assert_eq!((ask().await, ask().await), (200, 200));
    let connections = shop.connections();
    edge.reload("first.pem", "second.pem");
    assert_eq!(ask().await, 503);
    assert_eq!((shop.asked().len(), shop.connections()), (2, connections));
    edge.stop();
}
