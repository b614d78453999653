//! What the daily comparison finds stands on the page of payments, with what to do about it.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, LazyLock};

use storeward_base::{Clock, Secret, SystemEntropy};
use storeward_outbound::recorder::{Answer, Recorder};
use storeward_payments::{Pace, Payments, PaymentsParts, PaymentsSection, Provider};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::testing::TestDb;
use storeward_store::{Migration, both_engines};

use super::bench::Bench;

static TABLES: LazyLock<Vec<Migration>> = LazyLock::new(|| {
    [storeward_console::MIGRATIONS, storeward_identity::MIGRATIONS, storeward_payments::MIGRATIONS].concat()
});

/// Payments at a PayPal that answers what a test says.
fn payments(db: &TestDb, paypal: &Recorder, folder: &std::path::Path) -> Payments {
    let secret = folder.join("paypal");
    std::fs::write(&secret, "aSecretOfPayPals").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    // Nobody signs anything here.
    let root = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(folder.join("roots.pem"), root).unwrap();
    let section: PaymentsSection = toml::from_str(&format!(
        "mode = 'test'\n[paypal]\naddress = '{}'\nclient_id = 'id'\nsecret_file = 'paypal'\nwebhook_id = 'WH1'\n\
         certificate_roots_file = 'roots.pem'",
        paypal.url()
    ))
    .unwrap();
    Payments::open(PaymentsParts {
        db: (**db).clone(),
        settings: section.settings(folder).unwrap(),
        clock: Arc::clone(&db.clock) as _,
        entropy: Arc::new(SystemEntropy),
        data_key: DataKey::from_bytes(Secret::new([3; 32])),
        pseudonym_key: PseudonymKey::from_bytes(Secret::new([7; 32])),
        address: "https://bookshop.example".to_owned(),
        hosts: vec!["bookshop.example".to_owned()],
        pace: Pace::default(),
    })
}

/// PayPal's list of one line, which another program on the account took.
fn list(value: &str) -> Answer {
    let line = serde_json::json!({ "transaction_info": {
        "transaction_id": "9AB12345CD678901E", "transaction_event_code": "T0006", "transaction_status": "S",
        "transaction_amount": { "value": value, "currency_code": "EUR" }, "invoice_id": "invoice 56",
    } });
    let body = serde_json::json!({ "transaction_details": [line], "total_pages": 1 });
    Answer::new(200, body.to_string()).header("content-type", "application/json")
}

both_engines!(a_line_that_cannot_be_read_stands_on_the_page_until_it_can, &TABLES, async |db| {
    let (paypal, folder) = (Recorder::start().unwrap(), tempfile::tempdir().unwrap());
    let token = Answer::new(200, "{\"access_token\":\"A21AA\",\"expires_in\":32400}");
    paypal.answer_at("/v1/oauth2/token", token.header("content-type", "application/json"));
    let payments = payments(&db, &paypal, folder.path());
    let now = db.clock.now();
    let bench = Bench::with_payments(db, payments.clone());
    let (mut browser, _) = bench.enrolled().await;
    paypal.answer_at("/v1/reporting/transactions", list("much"));
    let day = payments.reconcile(Provider::PayPal, now).await.unwrap();
    assert_eq!((day.differences, day.unread_lines), (1, 1));
    let page = browser.get("/payments").await.body;
    for words in
        ["What does not agree", "list cannot be read", "9AB12345CD678901E", "Look it up in the provider"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    // And in the words in which `storeward events` and the console show the ledger.
    let told = bench.events("payment.difference").await;
    assert_eq!(told.len(), 1);
    assert!(told[0].sentence().contains("line not read"), "{}", told[0].sentence());
    paypal.answer_at("/v1/reporting/transactions", list("7.00"));
    payments.reconcile(Provider::PayPal, now).await.unwrap();
    let page = browser.get("/payments").await.body;
    assert!(!page.contains("9AB12345CD678901E") && !page.contains("What does not agree"), "{page}");
});
