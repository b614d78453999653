//! Whom the client believes.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use storeward_outbound::{AllowList, Client, FixedNames, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::code;

/// A server for `shop.example` and the PEM of the authority that signed it.
async fn serve() -> (u16, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf =
        CertificateParams::new(vec!["shop.example".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream
                .write_all(
                    b"HTTP/1.1 302 Found\r\nlocation: http://shop.example/\r\ncontent-length: 2\r\n\r\nhi",
                )
                .await;
            let _ = stream.shutdown().await;
        }
    });
    (port, authority.pem())
}

fn client(port: u16, host: &str, roots: Option<&str>) -> Client {
    let names = FixedNames::default().with(host, &["127.0.0.1".parse().unwrap()]);
    let mut options = Options::default().names(names);
    if let Some(pem) = roots {
        options = options.trust_pem(pem.as_bytes()).unwrap();
    }
    let allow = AllowList::new().internal(&format!("https://{host}:{port}")).unwrap();
    Client::new(allow.public("http://shop.example").unwrap(), options).unwrap()
}

#[tokio::test]
async fn an_added_root_is_believed_for_the_right_name_only() {
    let (port, pem) = serve().await;
    let url = format!("https://shop.example:{port}/");
    let reply = client(port, "shop.example", Some(&pem)).get(&url).await.unwrap();
    assert_eq!(&reply.body[..], b"hi");
    let other = format!("https://other.example:{port}/");
    assert_eq!(code(client(port, "other.example", Some(&pem)).get(&other).await), "outbound.tls");
}

#[tokio::test]
async fn a_stranger_is_not_believed() {
    let (port, _) = serve().await;
    let (_, other_root) = serve().await;
    let url = format!("https://shop.example:{port}/");
    assert_eq!(code(client(port, "shop.example", Some(&other_root)).get(&url).await), "outbound.tls");
    assert!(Options::default().trust_pem(b"nothing").unwrap_err().to_string().contains("PEM"));
}

#[tokio::test]
async fn no_redirect_leads_out_of_tls() {
    let (port, pem) = serve().await;
    let request = storeward_outbound::Request::get(&format!("https://shop.example:{port}/"))
        .unwrap()
        .follow_redirects(2);
    assert_eq!(code(client(port, "shop.example", Some(&pem)).send(request).await), "outbound.redirect");
}
