//! Messages of the providers: what they bring about, and what they cannot.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize,
};
use storeward_base::Clock;
use storeward_emulators::{Emulators, Options, Weather};
use storeward_outbound::recorder::{Answer, Recorder};
use storeward_payments::webhooks::{Refusal, crc32};
use storeward_payments::{MIGRATIONS, Payments, PaymentsSection, Provider, State};
use storeward_seal::encoding::{base64, hex};
use storeward_seal::fingerprint::hmac_sha256;
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::http::{HeaderMap, HeaderName, HeaderValue};

use crate::support::{Shop, books, parts, private, told};
use crate::till::{Till, free_address};

fn headers(all: &[(&str, &str)]) -> HeaderMap {
    let pairs = all.iter().map(|(name, value)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    });
    pairs.collect()
}

pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..2400 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

// Mistakes 1, 2 and 9: nobody looks but the messages; tripled, shuffled and many of them lost they bring about the same.
both_engines!(messages_that_are_tripled_shuffled_and_lost_change_nothing, MIGRATIONS, async |db| {
    let at = free_address();
    let emulators = Emulators::start(Options::default()).await.unwrap();
    let shop = Shop::at(&db, emulators, "", "", &format!("http://{at}")).await;
    let till = Till::open(at, &shop.payments, &db).await;
    let weather =
        Weather { lose_percent: 10, copies: 3, shuffle: Duration::from_millis(300), ..Weather::default() };
    shop.emulators.control.weather(weather);
    let mut all = Vec::new();
    for (number, provider) in [Provider::Stripe, Provider::PayPal].into_iter().cycle().take(16).enumerate() {
        let payment = shop.create(&format!("M-{number}"), 1000 + i64::try_from(number).unwrap()).await;
        let page = shop.begin(&payment, provider).await;
        shop.pay(provider, &page).await;
        all.push(payment.id);
    }
    // Those whose messages were all lost are looked at after a while.
    until("all are paid", async || {
        db.clock.advance(Duration::from_secs(20));
        shop.payments.round().await.unwrap();
        let mut open = 0;
        for id in &all {
            open += u32::from(shop.payments.find(*id).await.unwrap().unwrap().state != State::Captured);
        }
        open == 0
    })
    .await;
    assert_eq!(shop.effects("capture").len(), 16);
    until("the inbox is empty", async || {
        db.clock.advance(Duration::from_secs(10));
        shop.payments.waiting().await.unwrap() == 0
    })
    .await;
    assert!(till.taken.load(std::sync::atomic::Ordering::SeqCst) > 16, "messages came");
    books(&db).await;
    let captured = told(&db).await.iter().filter(|kind| **kind == "payment.captured").count();
    assert_eq!(captured, 16, "each is told once");
});

pub fn stripe_message(shop: &Shop, db: &TestDb, body: &str) -> HeaderMap {
    let seconds = db.clock.now().seconds();
    let mark = hex(&hmac_sha256(shop.stripe_secret.as_bytes(), format!("{seconds}.{body}").as_bytes()));
    headers(&[("stripe-signature", &format!("t={seconds},v1={mark}"))])
}

// Mistake 2: whatever a body says, what counts is what the provider has.
both_engines!(a_message_is_a_hint_and_no_more, MIGRATIONS, async |db| {
    let at = free_address();
    let emulators = Emulators::start(Options::default()).await.unwrap();
    let shop = Shop::at(&db, emulators, "", "", &format!("http://{at}")).await;
    let payment = shop.create("H-1", 1999).await;
    let page = shop.begin(&payment, Provider::Stripe).await;
    let body = format!(
        r#"{{"id":"evt_forged","object":"event","type":"checkout.session.completed","livemode":false,"data":{{"object":{{
        "id":"{page}","object":"checkout.session","status":"complete","payment_status":"paid","amount_total":1999,
        "client_reference_id":"{}"}}}}}}"#,
        payment.id
    );
    let signed = stripe_message(&shop, &db, &body);
    assert_eq!(
        shop.payments.receive(Provider::Stripe, &headers(&[]), body.as_bytes()).await,
        Err(Refusal::NoSignature)
    );
    let other = body.replace("1999", "1");
    assert_eq!(
        shop.payments.receive(Provider::Stripe, &signed, other.as_bytes()).await,
        Err(Refusal::Signature)
    );
    let live = body.replace("\"livemode\":false", "\"livemode\":true");
    let live_signed = stripe_message(&shop, &db, &live);
    assert_eq!(
        shop.payments.receive(Provider::Stripe, &live_signed, live.as_bytes()).await,
        Err(Refusal::Mode)
    );
    // Well signed, and untrue: as if the secret were known to somebody.
    let till = Till::open(at, &shop.payments, &db).await;
    for _ in 0..3 {
        shop.payments.receive(Provider::Stripe, &signed, body.as_bytes()).await.unwrap();
    }
    until("it was worked on", async || shop.payments.waiting().await.unwrap() == 0).await;
    let after = shop.payments.find(payment.id).await.unwrap().unwrap();
    assert_eq!((after.state, after.captured), (State::Created, 0));
    assert!(shop.effects("capture").is_empty());
    // A flood of forgeries is told once a minute.
    for _ in 0..50 {
        let refused = shop.payments.receive(Provider::Stripe, &headers(&[]), b"{}").await;
        assert_eq!(refused, Err(Refusal::NoSignature));
    }
    let refusals = told(&db).await.iter().filter(|kind| **kind == "payment.webhook_refused").count();
    assert_eq!(refusals, 3, "one for each reason");
    drop(till);
});

// They stood in the inbox in the clear: the token of a kept means of payment, and the provider's id of the buyer.
both_engines!(what_concerns_no_payment_is_kept_without_what_it_is_about, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (kind, object) in [
        ("payment_method.attached", "pm_1Kept"),
        ("customer.created", "cus_Buyer"),
        ("setup_intent.succeeded", "seti_1Kept"),
        ("charge.succeeded", "ch_1Paid"),
    ] {
        let body = format!(
            r#"{{"id":"evt_{object}","object":"event","type":"{kind}","livemode":false,"data":{{"object":{{"id":"{object}"}}}}}}"#
        );
        let signed = stripe_message(&shop, &db, &body);
        shop.payments.receive(Provider::Stripe, &signed, body.as_bytes()).await.unwrap();
    }
    let read = db.read(|reader| {
        reader.query_many("SELECT kind, object FROM payment_inbox ORDER BY kind", &[], |row| {
            Ok((row.get::<String>(0)?, row.get::<String>(1)?))
        })
    });
    let kept: Vec<(String, String)> =
        read.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    let kept: Vec<_> = kept.iter().map(|(kind, object)| (kind.as_str(), object.as_str())).collect();
    let wanted = [
        ("charge.succeeded", "ch_1Paid"),
        ("customer.created", ""),
        ("payment_method.attached", ""),
        ("setup_intent.succeeded", ""),
    ];
    assert_eq!(kept, wanted);
});

/// An authority and what it vouches for.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

pub struct Leaf {
    pub chain: String,
    key: RsaKeyPair,
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    params.distinguished_name = distinguished;
    params
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    pub fn leaf(&self, name: &str, years: std::ops::Range<i32>) -> Leaf {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let mut params = named(name);
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Leaf {
            chain: format!("{pem}{}", self.pem),
            key: RsaKeyPair::from_pkcs8(&key.serialize_der()).unwrap(),
        }
    }
}

impl Leaf {
    fn sign(&self, message: &str) -> String {
        let mut mark = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut mark).unwrap();
        base64(&mark)
    }
}

pub const WEBHOOK: &str = "8PT597110X687430LKGECATA";
pub const SIGNER: &str = "messageverificationcerts.sandbox.paypal.com";

pub fn paypal_shop(
    db: &TestDb,
    certificates: &Recorder,
    authority: &Authority,
) -> (Payments, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    private(folder.path(), "paypal", "aSecretOfPayPals");
    std::fs::write(folder.path().join("roots.pem"), &authority.pem).unwrap();
    let section: PaymentsSection = toml::from_str(&format!(
        "mode = 'test'\n[paypal]\naddress = '{}'\nclient_id = 'id'\nsecret_file = 'paypal'\nwebhook_id = '{WEBHOOK}'\n\
         certificate_roots_file = 'roots.pem'",
        certificates.url()
    ))
    .unwrap();
    (Payments::open(parts(db, section.settings(folder.path()).unwrap())), folder)
}

/// What a message is made of; each test changes one of them.
pub struct Sent<'a> {
    pub leaf: &'a Leaf,
    pub transmission: &'a str,
    pub time: String,
    pub webhook: &'a str,
    pub algorithm: &'a str,
    pub url: String,
    pub signed_body: &'a str,
    pub body: &'a str,
}

impl Sent<'_> {
    pub async fn to(&self, payments: &Payments) -> Result<(), Refusal> {
        let Sent { leaf, transmission, time, webhook, .. } = self;
        let mark =
            leaf.sign(&format!("{transmission}|{time}|{webhook}|{}", crc32(self.signed_body.as_bytes())));
        let headers = headers(&[
            ("paypal-transmission-id", transmission),
            ("paypal-transmission-time", time),
            ("paypal-transmission-sig", &mark),
            ("paypal-cert-url", &self.url),
            ("paypal-auth-algo", self.algorithm),
        ]);
        payments.receive(Provider::PayPal, &headers, self.body.as_bytes()).await
    }
}

pub const BODY: &str = r#"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"3C679366HH908993F","custom_id":"pay_x","amount":{"value":"19.99"}}}"#;

// Mistake 8, at PayPal.
both_engines!(what_is_not_paypals_is_refused, MIGRATIONS, async |db| {
    let (certificates, authority, stranger) =
        (Recorder::start().unwrap(), Authority::new("root"), Authority::new("stranger"));
    let (payments, _folder) = paypal_shop(&db, &certificates, &authority);
    let good = authority.leaf(SIGNER, 2025..2035);
    let leaves = [
        ("good", authority.leaf(SIGNER, 2025..2035)),
        ("named", authority.leaf("api.paypal.com", 2025..2035)),
        ("over", authority.leaf(SIGNER, 2020..2021)),
        ("future", authority.leaf(SIGNER, 2030..2035)),
        ("stranger", stranger.leaf(SIGNER, 2025..2035)),
    ];
    let folder = "/v1/notifications/certs/";
    for (name, leaf) in &leaves {
        certificates.answer_at(&format!("{folder}{name}"), Answer::new(200, leaf.chain.clone()));
    }
    certificates.answer_at(&format!("{folder}CERT-good"), Answer::new(200, good.chain.clone()));
    let elsewhere = Recorder::start().unwrap();
    let redirect =
        Answer::new(302, "").header("location", &format!("{}{folder}CERT-good", certificates.url()));
    certificates.answer_at(&format!("{folder}away"), redirect);
    certificates.answer_at(&format!("{folder}down"), Answer::new(500, ""));
    let now = db.clock.now();
    let sent = |transmission: &'static str| Sent {
        leaf: &good,
        transmission,
        time: now.rfc3339(),
        webhook: WEBHOOK,
        algorithm: "SHA256withRSA",
        url: format!("{}{folder}CERT-good", certificates.url()),
        signed_body: BODY,
        body: BODY,
    };
    assert_eq!(sent("t-1").to(&payments).await, Ok(()));
    assert_eq!(sent("t-1").to(&payments).await, Ok(()), "once more, and nothing of it");
    let at = |name: &str| format!("{}{folder}{name}", certificates.url());
    let evil = format!("{}{folder}CERT-good", elsewhere.url());
    let day = Duration::from_secs(24 * 3600);
    let changed = BODY.replace("19.99", "0.01");
    let cases = [
        (Sent { body: &changed, ..sent("t-2") }, Refusal::Signature),
        (Sent { webhook: "WH-1", ..sent("t-3") }, Refusal::Signature),
        (Sent { algorithm: "SHA1withRSA", ..sent("t-4") }, Refusal::Algorithm),
        (Sent { url: evil, ..sent("t-5") }, Refusal::Certificate),
        (Sent { url: at("CERT-good?x"), ..sent("t-6") }, Refusal::Certificate),
        (Sent { url: at("away"), ..sent("t-7") }, Refusal::Certificate),
        (Sent { url: at("nothing"), ..sent("t-8") }, Refusal::Certificate),
        (Sent { url: at("down"), ..sent("t-9") }, Refusal::CertificateLater),
        (Sent { time: now.minus(day * 5).rfc3339(), ..sent("t-10") }, Refusal::Time),
        (Sent { time: now.plus(Duration::from_secs(7200)).rfc3339(), ..sent("t-11") }, Refusal::Time),
        (Sent { transmission: "a|b", ..sent("") }, Refusal::NoSignature),
        (Sent { body: "[]", signed_body: "[]", ..sent("t-12") }, Refusal::Form),
        (Sent { leaf: &leaves[1].1, url: at("named"), ..sent("t-13") }, Refusal::Certificate),
        (Sent { leaf: &leaves[2].1, url: at("over"), ..sent("t-14") }, Refusal::Certificate),
        (Sent { leaf: &leaves[3].1, url: at("future"), ..sent("t-15") }, Refusal::Certificate),
        (Sent { leaf: &leaves[4].1, url: at("stranger"), ..sent("t-16") }, Refusal::Certificate),
    ];
    for (number, (sent, expected)) in cases.iter().enumerate() {
        // Past the limit of fetches.
        db.clock.advance(Duration::from_secs(61));
        assert_eq!(sent.to(&payments).await, Err(*expected), "case {number}");
    }
    assert!(elsewhere.requests().is_empty(), "nobody is asked whom a message names");
    assert_eq!(payments.waiting().await.unwrap(), 1);
    // Whoever invents certificates makes us ask for two a minute once there is a good one.
    db.clock.advance(Duration::from_secs(61));
    let before = certificates.requests().len();
    let names: Vec<String> = (0..40).map(|number| format!("invented-{number}")).collect();
    for name in &names {
        let refused = Sent { url: at(name), ..sent("t-17") }.to(&payments).await;
        assert!(matches!(refused, Err(Refusal::Certificate | Refusal::CertificateLater)), "{refused:?}");
    }
    assert_eq!(certificates.requests().len() - before, 2);
    // Nothing at all for a signature that no certificate could have made, or for an address that is none of theirs.
    db.clock.advance(Duration::from_secs(61));
    let before = certificates.requests().len();
    let now = db.clock.now();
    for (length, url) in
        [(64, at("invented-41")), (1024, at("invented-42")), (256, format!("{}/x", elsewhere.url()))]
    {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("paypal-auth-algo", "SHA256withRSA".to_owned()),
            ("paypal-transmission-id", "t-18".to_owned()),
            ("paypal-transmission-time", now.rfc3339()),
            ("paypal-transmission-sig", storeward_seal::encoding::base64(&vec![7; length])),
            ("paypal-cert-url", url),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let refused = payments.receive(Provider::PayPal, &headers, BODY.as_bytes()).await;
        assert!(matches!(refused, Err(Refusal::Signature | Refusal::Certificate)), "{refused:?}");
    }
    assert_eq!((certificates.requests().len(), elsewhere.requests().len()), (before, 0));
    // And PayPal's own messages go on through all of it.
    for name in &names {
        assert!(Sent { url: at(name), ..sent("t-17") }.to(&payments).await.is_err());
    }
    assert_eq!(Sent { time: now.rfc3339(), ..sent("t-19") }.to(&payments).await, Ok(()));
});

/// A shop at the stand-ins, and the same payments with certificates of PayPal's that a test signs by.
struct Forge {
    shop: Shop,
    payments: Payments,
    till: Till,
    leaf: Leaf,
    url: String,
    _kept: (tempfile::TempDir, Recorder),
}

impl Forge {
    async fn open(db: &TestDb) -> Forge {
        let at = free_address();
        let emulators = Emulators::start(Options::default()).await.unwrap();
        let shop = Shop::at(db, emulators, "", "", &format!("http://{at}")).await;
        let (certificates, authority) = (Recorder::start().unwrap(), Authority::new("root"));
        let (payments, folder) = paypal_shop(db, &certificates, &authority);
        let leaf = authority.leaf(SIGNER, 2025..2035);
        certificates.answer_at("/v1/notifications/certs/CERT-1", Answer::new(200, leaf.chain.clone()));
        let url = format!("{}/v1/notifications/certs/CERT-1", certificates.url());
        let till = Till::open(at, &shop.payments, db).await;
        Forge { shop, payments, till, leaf, url, _kept: (folder, certificates) }
    }

    /// As it arrives: signed over one body, with another one.
    async fn sends(
        &self,
        db: &TestDb,
        transmission: &str,
        signed_body: &str,
        body: &str,
    ) -> Result<(), Refusal> {
        let sent = Sent {
            leaf: &self.leaf,
            transmission,
            time: db.clock.now().rfc3339(),
            webhook: WEBHOOK,
            algorithm: "SHA256withRSA",
            url: self.url.clone(),
            signed_body,
            body,
        };
        sent.to(&self.payments).await
    }

    async fn is_worked_on(&self, db: &TestDb) {
        until("it was worked on", async || {
            db.clock.advance(Duration::from_secs(5));
            self.shop.payments.waiting().await.unwrap() == 0
        })
        .await;
    }

    /// What became of the messages about a payment, oldest first.
    async fn heard(&self, id: storeward_base::PaymentId) -> Vec<Option<String>> {
        let mut heard = self.shop.payments.whole(id).await.unwrap().unwrap().heard;
        heard.reverse();
        assert!(heard.iter().all(|one| one.is_done), "{heard:?}");
        heard.into_iter().map(|one| one.refused).collect()
    }
}

async fn refusals(db: &TestDb) -> Vec<String> {
    let text = crate::support::ledger_text(db).await;
    let words = ["other_body", "other_object", "other_amount", "other_state"];
    words.into_iter().filter(|word| text.contains(&format!("payments.{word}"))).map(str::to_owned).collect()
}

// PayPal signs a check sum. A body of the same sum passes the signature: it was answered with 200, and nothing told it from a message of
// PayPal's own but that nothing followed.
both_engines!(a_forgery_with_the_same_check_sum_is_refused, MIGRATIONS, async |db| {
    let forge = Forge::open(&db).await;
    // A payment that nobody has paid.
    let payment = forge.shop.create("F-1", 1999).await;
    let order = forge.shop.begin(&payment, Provider::PayPal).await;
    let draft = format!(
        r#"{{"id":"WH-2","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{{"id":"9XX","status":"COMPLETED","custom_id":"{}","supplementary_data":{{"related_ids":{{"order_id":"{order}"}}}}}},"pad":"@"}}"#,
        payment.id
    );
    let forged = collide(BODY, &draft);
    assert_eq!(crc32(forged.as_bytes()), crc32(BODY.as_bytes()));
    // Under a transmission that brought its own body it is refused at the door, and the one that came stays.
    assert_eq!(forge.sends(&db, "t-1", BODY, BODY).await, Ok(()));
    assert_eq!(forge.sends(&db, "t-1", BODY, &forged).await, Err(Refusal::OtherBody));
    assert_eq!(Refusal::OtherBody.status(), 400);
    assert_eq!(forge.sends(&db, "t-1", BODY, BODY).await, Ok(()), "the first one again is no other");
    forge.is_worked_on(&db).await;
    assert_eq!(refusals(&db).await, ["other_body"]);
    // Where it comes first the signature holds: that is the point. PayPal shows no such capture.
    assert_eq!(forge.sends(&db, "t-2", BODY, &forged).await, Ok(()));
    forge.is_worked_on(&db).await;
    assert_eq!(forge.heard(payment.id).await, [Some("payments.other_object".to_owned())]);
    assert_eq!(refusals(&db).await, ["other_body", "other_object"]);
    let after = forge.shop.payments.find(payment.id).await.unwrap().unwrap();
    assert_eq!(after.captured, 0);
    assert!(forge.shop.effects("capture").is_empty());
    // PayPal's own message, which comes behind it, is taken.
    assert_eq!(forge.sends(&db, "t-2", BODY, BODY).await, Ok(()));
    forge.is_worked_on(&db).await;
    assert!(forge.heard(payment.id).await.is_empty(), "it is in the place of the forged one");
    // So it is where the forged one is about nobody, and nothing is held against it.
    let nobody =
        r#"{"id":"WH-3","event_type":"PAYMENT.SALE.COMPLETED","resource":{"id":"NOBODY1"},"pad":"@"}"#;
    assert_eq!(forge.sends(&db, "t-3", BODY, &collide(BODY, nobody)).await, Ok(()));
    forge.is_worked_on(&db).await;
    assert_eq!(forge.sends(&db, "t-3", BODY, BODY).await, Ok(()));
    drop(forge.till);
});

// What a message says is held against what PayPal shows; what is true, or was when it was sent, passes.
both_engines!(a_message_that_says_what_cannot_be_is_marked, MIGRATIONS, async |db| {
    let forge = Forge::open(&db).await;
    let payment = forge.shop.create("F-2", 1999).await;
    let order = forge.shop.begin(&payment, Provider::PayPal).await;
    forge.shop.pay(Provider::PayPal, &order).await;
    let paid = forge.shop.payments.look(payment.id).await.unwrap();
    assert_eq!(paid.captured, 1999);
    let capture = forge.shop.payments.whole(payment.id).await.unwrap().unwrap().captures[0].reference.clone();
    forge.is_worked_on(&db).await;
    let own = forge.heard(payment.id).await;
    assert!(!own.is_empty() && own.iter().all(Option::is_none), "PayPal's own are believed: {own:?}");
    let body = |event: &str, kind: &str, id: &str, status: &str, value: &str| {
        format!(
            r#"{{"id":"{event}","event_type":"{kind}","resource":{{"id":"{id}","status":"{status}","custom_id":"{}",
            "amount":{{"currency_code":"EUR","value":"{value}"}},"purchase_units":[{{"amount":{{"currency_code":"EUR","value":"{value}"}}}}],
            "supplementary_data":{{"related_ids":{{"order_id":"{order}"}}}}}}}}"#,
            payment.id
        )
    };
    let taken = "PAYMENT.CAPTURE.COMPLETED";
    let cases = [
        (body("F1", taken, &capture, "COMPLETED", "19.99"), None),
        (body("F2", "PAYMENT.CAPTURE.PENDING", &capture, "PENDING", "19.99"), None),
        (body("F3", taken, &capture, "COMPLETED", "0.01"), Some("payments.other_amount")),
        (body("F4", "PAYMENT.CAPTURE.DENIED", &capture, "DECLINED", "19.99"), Some("payments.other_state")),
        (body("F5", taken, "8XX", "COMPLETED", "19.99"), Some("payments.other_object")),
        (
            body("F6", "CHECKOUT.ORDER.COMPLETED", &order, "COMPLETED", "1999.00"),
            Some("payments.other_amount"),
        ),
        (body("F7", "CHECKOUT.ORDER.APPROVED", &order, "APPROVED", "19.99"), None),
        (body("F8", "PAYMENT.CAPTURE.REVERSED", "7XX", "COMPLETED", "0.01"), None),
    ];
    for (number, (body, expected)) in cases.iter().enumerate() {
        let sent = forge.sends(&db, &format!("c-{number}"), body, body).await;
        assert_eq!(sent, Ok(()), "{body}");
        forge.is_worked_on(&db).await;
        assert_eq!(forge.heard(payment.id).await.pop().unwrap().as_deref(), *expected, "{body}");
    }
    let after = forge.shop.payments.find(payment.id).await.unwrap().unwrap();
    assert_eq!((after.captured, after.refunded, after.state), (1999, 0, State::Captured));
    books(&db).await;
    drop(forge.till);
});

// Two rows stood in a message's way: the refused one of its event went, and then the message was refused because of the other one.
both_engines!(a_message_that_is_refused_takes_no_evidence_away, MIGRATIONS, async |db| {
    let forge = Forge::open(&db).await;
    let payment = forge.shop.create("F-3", 1999).await;
    let order = forge.shop.begin(&payment, Provider::PayPal).await;
    let body = |event: &str, pad: &str| {
        format!(
            r#"{{"id":"{event}","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{{"id":"9XX","status":"COMPLETED","custom_id":"{}","supplementary_data":{{"related_ids":{{"order_id":"{order}"}}}}}},"pad":"{pad}"}}"#,
            payment.id
        )
    };
    let forged = body("G-1", "a");
    assert_eq!(forge.sends(&db, "g-1", &forged, &forged).await, Ok(()));
    forge.is_worked_on(&db).await;
    let refused = [Some("payments.other_object".to_owned())];
    assert_eq!(forge.heard(payment.id).await, refused);
    // Another transmission brought what is about something else, and is not worked on yet.
    assert_eq!(forge.sends(&db, "g-2", BODY, BODY).await, Ok(()));
    let again = body("G-1", "b");
    assert_eq!(forge.sends(&db, "g-2", &again, &again).await, Err(Refusal::OtherBody));
    forge.is_worked_on(&db).await;
    assert_eq!(forge.heard(payment.id).await, refused, "the first one is still there");
    drop(forge.till);
});

/// `draft` with its @ replaced by letters such that its sum is that of `target`: found by trying, with the sum's linearity
/// (CRC of a ⊕ b ⊕ c is the three sums' ⊕) to solve for 32 bits out of letters that differ in one bit each.
fn collide(target: &str, draft: &str) -> String {
    let (head, tail) = draft.split_once('@').unwrap();
    // 'A' and 'a' differ in one bit: forty of them are forty free bits.
    let make = |bits: u64| {
        let pad: String = (0..40).map(|at| if bits >> at & 1 == 1 { 'a' } else { 'A' }).collect();
        format!("{head}{pad}{tail}")
    };
    let sum = |bits: u64| crc32(make(bits).as_bytes());
    let zero = sum(0);
    let wanted = zero ^ crc32(target.as_bytes());
    // Gauss over GF(2): each row is what one letter changes, and which letters it is made of.
    let mut basis: Vec<(u32, u64)> = Vec::new();
    for at in 0..40 {
        let (mut value, mut letters) = (sum(1 << at) ^ zero, 1u64 << at);
        for (row, made_of) in &basis {
            if value ^ row < value {
                value ^= row;
                letters ^= made_of;
            }
        }
        if value != 0 {
            basis.push((value, letters));
            basis.sort_by_key(|row| std::cmp::Reverse(row.0));
        }
    }
    let (mut left, mut letters) = (wanted, 0);
    for (row, made_of) in &basis {
        if left ^ row < left {
            left ^= row;
            letters ^= made_of;
        }
    }
    assert_eq!(left, 0, "forty letters reach every sum");
    make(letters)
}
