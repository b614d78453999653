//! PayPal's certificates over a start, while somebody invents others.

use storeward_base::Clock;
use storeward_outbound::recorder::{Answer, Recorder};
use storeward_payments::webhooks::Refusal;
use storeward_payments::{MIGRATIONS, Payments};
use storeward_store::both_engines;

use crate::messages::{Authority, BODY, SIGNER, Sent, WEBHOOK, paypal_shop};

// Certificates that were believed were forgotten with each start: whoever invented others right behind it held PayPal's own messages up.
both_engines!(a_flood_behind_a_start_holds_up_no_known_certificate, MIGRATIONS, async |db| {
    let (certificates, authority) = (Recorder::start().unwrap(), Authority::new("root"));
    let (leaf, other) = (authority.leaf(SIGNER, 2025..2035), authority.leaf(SIGNER, 2025..2035));
    let at = |name: &str| format!("{}/v1/notifications/certs/{name}", certificates.url());
    certificates.answer_at("/v1/notifications/certs/CERT-1", Answer::new(200, leaf.chain.clone()));
    certificates.answer_otherwise(Answer::new(404, ""));
    let sent = |transmission: &'static str| Sent {
        leaf: &leaf,
        transmission,
        time: db.clock.now().rfc3339(),
        webhook: WEBHOOK,
        algorithm: "SHA256withRSA",
        url: at("CERT-1"),
        signed_body: BODY,
        body: BODY,
    };
    let (first, _folder) = paypal_shop(&db, &certificates, &authority);
    let flood = async |payments: &Payments, from: u32| {
        for number in from..from + 40 {
            let refused = Sent { url: at(&format!("invented-{number}")), ..sent("t-1") }.to(payments).await;
            assert!(matches!(refused, Err(Refusal::Certificate | Refusal::CertificateLater)), "{refused:?}");
        }
    };
    assert_eq!(sent("t-2").to(&first).await, Ok(()));
    // It starts anew, and they were quicker; nor does it help to name the certificate that is known, with a signature of one's own.
    let (second, _folder) = paypal_shop(&db, &certificates, &authority);
    flood(&second, 0).await;
    let before = certificates.requests().len();
    for _ in 0..40 {
        assert_eq!(Sent { leaf: &other, ..sent("t-3") }.to(&second).await, Err(Refusal::Signature));
    }
    assert_eq!(certificates.requests().len() - before, 1, "it is fetched once");
    assert_eq!(sent("t-4").to(&second).await, Ok(()));
    flood(&second, 40).await;
    assert_eq!(sent("t-5").to(&second).await, Ok(()));
    // What is written into the database is an address, and nothing is believed by it.
    db.raw(&format!("INSERT INTO payment_certificate (address, believed_at) VALUES ('{}', 0)", at("evil")));
    let stranger = Authority::new("stranger").leaf(SIGNER, 2025..2035);
    certificates.answer_at("/v1/notifications/certs/evil", Answer::new(200, stranger.chain.clone()));
    let (third, _folder) = paypal_shop(&db, &certificates, &authority);
    let forged = Sent { leaf: &stranger, url: at("evil"), ..sent("t-6") };
    assert_eq!(forged.to(&third).await, Err(Refusal::Certificate));
});
