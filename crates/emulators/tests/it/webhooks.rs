//! Webhooks: signed as the providers sign, sent again until taken, and lost, tripled or shuffled where a test asks for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::{hmac, signature};
use serde_json::{Value, json};
use storeward_emulators::{Hold, Source, Weather};

use crate::stand::{Mail, Mailbox, Stand, call, wait_until};

const PAY: &str = "amount=1999&currency=eur&confirm=true&payment_method=pm_card_visa&capture_method=automatic\
                   &automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never";

fn signatures(mail: &Mail) -> (String, Vec<String>) {
    let (mut at, mut tags) = (String::new(), Vec::new());
    for part in mail.header("stripe-signature").split(',') {
        match part.split_once('=').unwrap() {
            ("t", value) => at = value.to_owned(),
            ("v1", value) => tags.push(value.to_owned()),
            other => panic!("{other:?}"),
        }
    }
    (at, tags)
}

fn tag(secret: &str, at: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn stripe_tells_each_step_with_its_signature() {
    let stand = Stand::start().await;
    let mailbox = Mailbox::open(&[]).await;
    let (endpoint, secret) = stand.emulators.control.stripe_webhook(&mailbox.url).unwrap();
    stand.post("/v1/payment_intents", PAY).await;
    let mails = mailbox.wait(3).await;
    let kinds: BTreeSet<String> = mails.iter().map(Mail::kind).collect();
    let expected = ["charge.succeeded", "payment_intent.created", "payment_intent.succeeded"];
    assert_eq!(kinds, expected.iter().map(|kind| (*kind).to_owned()).collect());
    for mail in &mails {
        let (at, tags) = signatures(mail);
        assert_eq!(tags, [tag(&secret, &at, &mail.body)]);
        let event: Value = serde_json::from_str(&mail.body).unwrap();
        assert_eq!(event["api_version"], storeward_emulators::STRIPE_VERSION);
        assert!(event["request"]["id"].as_str().unwrap().starts_with("req_"));
    }
    // While a secret is rolled, both hold.
    let newer = stand.emulators.control.roll_stripe_secret(&endpoint).unwrap();
    stand.post("/v1/customers", "email=a%40b.test").await;
    let mail = mailbox.wait(4).await.pop().unwrap();
    let (at, tags) = signatures(&mail);
    assert_eq!(tags, [tag(&newer, &at, &mail.body), tag(&secret, &at, &mail.body)]);
}

#[tokio::test]
async fn what_is_not_taken_comes_again() {
    let stand = Stand::start().await;
    let mailbox = Mailbox::open(&[500, 302]).await;
    stand.emulators.control.stripe_webhook(&mailbox.url).unwrap();
    stand.post("/v1/customers", "email=a%40b.test").await;
    mailbox.wait(1).await;
    let pending = || async { stand.get("/v1/events").await["data"][0]["pending_webhooks"].as_i64() };
    wait_until(|| stand.emulators.control.waiting() == 1).await;
    assert_eq!(pending().await, Some(1));
    stand.emulators.control.advance_s(5);
    mailbox.wait(2).await;
    wait_until(|| stand.emulators.control.waiting() == 1).await;
    stand.emulators.control.advance_s(60);
    let mails = mailbox.wait(3).await;
    assert!(mails.iter().all(|mail| mail.body == mails[0].body));
    wait_until(|| stand.emulators.control.deliveries().len() == 3).await;
    assert_eq!(pending().await, Some(0));
    let tries: Vec<(usize, u16)> =
        stand.emulators.control.deliveries().iter().map(|one| (one.attempt, one.status)).collect();
    assert_eq!(tries, [(1, 500), (2, 302), (3, 200)]);
}

#[tokio::test]
async fn the_weather_loses_triples_and_shuffles() {
    let stand = Stand::start().await;
    let control = &stand.emulators.control;
    let mailbox = Mailbox::open(&[]).await;
    control.stripe_webhook(&mailbox.url).unwrap();
    control.weather(Weather { copies: 3, shuffle: Duration::from_millis(40), ..Weather::default() });
    for number in 0..10 {
        stand.post("/v1/customers", &format!("email=a{number}%40b.test")).await;
    }
    let mails = mailbox.wait(30).await;
    let bodies: BTreeSet<&str> = mails.iter().map(|mail| mail.body.as_str()).collect();
    assert_eq!(bodies.len(), 10, "each three times");

    control.weather(Weather { lose_percent: 100, ..Weather::default() });
    stand.post("/v1/customers", "email=lost%40b.test").await;
    assert!(control.deliveries().iter().any(|one| one.is_lost));
    control.weather(Weather { hold: Hold::Held, ..Weather::default() });
    stand.post("/v1/customers", "email=held%40b.test").await;
    assert_eq!(control.waiting(), 1);
    control.weather(Weather::default());
    let mails = mailbox.wait(31).await;
    assert!(mails[30].body.contains("held@b.test"), "the lost one never comes");
}

#[tokio::test]
async fn paypal_signs_with_a_certificate_of_its_own_authority() {
    let stand = Stand::start().await;
    let mailbox = Mailbox::open(&[]).await;
    let webhook = stand.emulators.control.paypal_webhook(&mailbox.url).unwrap();
    let body = json!({
        "intent": "CAPTURE", "purchase_units": [{ "amount": { "currency_code": "EUR", "value": "19.99" } }],
    });
    let made = stand.paypal("POST", "/v2/checkout/orders", &body, "").await.unwrap().json();
    let id = made["id"].as_str().unwrap();
    stand.emulators.control.approve_order(id, Source::Pays).unwrap();
    stand.paypal("POST", &format!("/v2/checkout/orders/{id}/capture"), &json!({}), "c").await.unwrap();
    let mails = mailbox.wait(3).await;
    let kinds: BTreeSet<String> = mails.iter().map(Mail::kind).collect();
    for kind in ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED", "CHECKOUT.ORDER.COMPLETED"] {
        assert!(kinds.contains(kind), "{kinds:?}");
    }
    let chain = call("GET", mails[0].header("paypal-cert-url"), &[], "").await.unwrap().text;
    let leaf = x509_parser::pem::parse_x509_pem(chain.as_bytes()).unwrap().1;
    let leaf = leaf.parse_x509().unwrap();
    assert!(leaf.subject().to_string().contains("messageverificationcerts.sandbox.paypal.com"));
    let authority = x509_parser::pem::parse_x509_pem(stand.emulators.paypal.authority.as_bytes()).unwrap().1;
    assert!(leaf.issuer() == authority.parse_x509().unwrap().subject());
    let key = leaf.public_key().subject_public_key.data.to_vec();
    let key = signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, key);
    for mail in &mails {
        let signed = format!(
            "{}|{}|{webhook}|{}",
            mail.header("paypal-transmission-id"),
            mail.header("paypal-transmission-time"),
            zlib_crc32(mail.body.as_bytes())
        );
        let tag = from_base64(mail.header("paypal-transmission-sig"));
        assert!(key.verify(signed.as_bytes(), &tag).is_ok(), "{signed}");
        let asked = verify(&stand, mail, &webhook, &mail.body).await;
        assert_eq!(asked, "SUCCESS");
        assert_eq!(verify(&stand, mail, &webhook, &mail.body.replace("19.99", "99.99")).await, "FAILURE");
        assert_eq!(verify(&stand, mail, "OTHER", &mail.body).await, "FAILURE");
    }
}

async fn verify(stand: &Stand, mail: &Mail, webhook: &str, event: &str) -> String {
    let field = |name: &str| serde_json::to_string(mail.header(name)).unwrap();
    let body = format!(
        "{{\"auth_algo\":{},\"cert_url\":{},\"transmission_id\":{},\"transmission_sig\":{},\"transmission_time\":{},\
         \"webhook_id\":\"{webhook}\",\"webhook_event\":{event}}}",
        field("paypal-auth-algo"),
        field("paypal-cert-url"),
        field("paypal-transmission-id"),
        field("paypal-transmission-sig"),
        field("paypal-transmission-time"),
    );
    let got = stand.paypal_text("POST", "/v1/notifications/verify-webhook-signature", &body).await;
    got.json()["verification_status"].as_str().unwrap_or(&got.text).to_owned()
}

fn zlib_crc32(bytes: &[u8]) -> u32 {
    // By table, unlike the stand-in's own.
    let table: Vec<u32> = (0..256_u32)
        .map(|start| {
            (0..8).fold(start, |bits, _| if bits & 1 == 1 { (bits >> 1) ^ 0xEDB8_8320 } else { bits >> 1 })
        })
        .collect();
    let last = bytes
        .iter()
        .fold(u32::MAX, |state, byte| (state >> 8) ^ table[usize::from(state.to_le_bytes()[0] ^ byte)]);
    last ^ u32::MAX
}

fn from_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut joined, mut bits, mut bytes) = (0_u32, 0, Vec::new());
    for sign in text.trim_end_matches('=').chars() {
        joined = (joined << 6) | u32::try_from(ALPHABET.find(sign).unwrap()).unwrap();
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((joined >> bits) & 255).unwrap());
            joined &= (1 << bits) - 1;
        }
    }
    bytes
}

/// An end point with a certificate for `localhost` of its own authority; its address and the authority.
async fn tls_mailbox() -> (String, String, Arc<AtomicUsize>) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/hook", listener.local_addr().unwrap().port());
    let taken: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = hyper::service::service_fn(move |_request| {
                    count.fetch_add(1, Ordering::SeqCst);
                    async { Ok::<_, std::io::Error>(http::Response::new(String::new())) }
                });
                let stream = hyper_util::rt::TokioIo::new(stream);
                let _ended =
                    hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
            });
        }
    });
    (url, pem, taken)
}

#[tokio::test]
async fn over_tls_only_a_certificate_of_a_named_authority_is_believed() {
    let stand = Stand::start().await;
    let control = &stand.emulators.control;
    let (url, authority, taken) = tls_mailbox().await;
    control.stripe_webhook(&url).unwrap();
    stand.post("/v1/customers", "email=a%40b.test").await;
    wait_until(|| control.deliveries().len() == 1).await;
    assert_eq!(
        (control.deliveries()[0].status, taken.load(Ordering::SeqCst)),
        (0, 0),
        "an unknown authority"
    );
    assert_eq!(control.trust(&authority), 1);
    wait_until(|| control.waiting() == 1).await;
    control.advance_s(5);
    wait_until(|| control.deliveries().len() == 2).await;
    assert_eq!((control.deliveries()[1].status, taken.load(Ordering::SeqCst)), (200, 1));
}
