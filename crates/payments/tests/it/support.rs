//! A shop with both providers, standing on loopback.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, Clock, Secret, SystemEntropy};
use storeward_emulators::{Effect, Emulators, Options};
use storeward_events::Event;
use storeward_payments::{
    NewPayment, Pace, Payment, Payments, PaymentsParts, PaymentsSection, Provider, Settings, Strength, Wish,
    ledger,
};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::ledger as facts;
use storeward_store::testing::TestDb;

pub const CARD: &str = "4242424242424242";

/// A shop, its providers, and its database.
#[allow(dead_code)] // each test uses what it needs
pub struct Shop {
    pub emulators: Emulators,
    pub payments: Payments,
    pub folder: tempfile::TempDir,
    pub stripe_secret: String,
    pub webhook_id: String,
}

pub fn private(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A section for these stand-ins; `more` goes in front of the providers.
pub fn section(
    emulators: &Emulators,
    folder: &Path,
    webhook_id: &str,
    more: &str,
    hooks: &str,
) -> PaymentsSection {
    toml::from_str(&section_text(emulators, folder, webhook_id, more, hooks)).unwrap()
}

pub fn section_text(
    emulators: &Emulators,
    folder: &Path,
    webhook_id: &str,
    more: &str,
    hooks: &str,
) -> String {
    private(folder, "stripe", &emulators.stripe.secret_key);
    private(folder, "paypal", &emulators.paypal.client_secret);
    std::fs::write(folder.join("authority.pem"), &emulators.paypal.authority).unwrap();
    format!(
        "mode = 'test'\nmerchant = 'test-shop'\n{more}\n\
         [stripe]\naddress = '{}'\nsecret_key_file = 'stripe'\npublishable_key = '{}'\nwebhook_secret_files = ['whsec']\n\
         [paypal]\naddress = '{}'\nclient_id = '{}'\nsecret_file = 'paypal'\nwebhook_id = '{webhook_id}'\n\
         certificate_roots_file = 'authority.pem'\n{hooks}",
        emulators.stripe.address,
        emulators.stripe.publishable_key,
        emulators.paypal.address,
        emulators.paypal.client_id,
    )
}

pub fn parts(db: &TestDb, settings: Settings) -> PaymentsParts {
    PaymentsParts {
        db: (**db).clone(),
        settings,
        clock: Arc::clone(&db.clock) as _,
        entropy: Arc::new(SystemEntropy),
        data_key: DataKey::from_bytes(Secret::new([3; 32])),
        pseudonym_key: PseudonymKey::from_bytes(Secret::new([7; 32])),
        address: "https://shop.example".to_owned(),
        hosts: vec!["shop.example".to_owned()],
        pace: Pace::default(),
    }
}

impl Shop {
    pub async fn new(db: &TestDb) -> Shop {
        Shop::with(db, "", "").await
    }

    /// `more` stands in `[payments]`, `hooks` behind everything.
    pub async fn with(db: &TestDb, more: &str, hooks: &str) -> Shop {
        let emulators = Emulators::start(Options::default()).await.unwrap();
        Shop::at(db, emulators, more, hooks, "http://127.0.0.1:9/nobody").await
    }

    /// With files of its own in the folder.
    pub async fn prepared(db: &TestDb, more: &str, prepare: impl FnOnce(&Path)) -> Shop {
        let emulators = Emulators::start(Options::default()).await.unwrap();
        Shop::made(db, emulators, (more, ""), "http://127.0.0.1:9/nobody", prepare).await
    }

    pub async fn at(db: &TestDb, emulators: Emulators, more: &str, hooks: &str, hook: &str) -> Shop {
        Shop::made(db, emulators, (more, hooks), hook, |_| {}).await
    }

    async fn made(
        db: &TestDb,
        emulators: Emulators,
        (more, hooks): (&str, &str),
        hook: &str,
        prepare: impl FnOnce(&Path),
    ) -> Shop {
        // Both clocks say the same.
        let ahead = emulators.control.now_s() - db.clock.now().seconds();
        db.clock.advance(Duration::from_secs(u64::try_from(ahead).unwrap()));
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let (_, stripe_secret) = emulators.control.stripe_webhook(&format!("{hook}/stripe")).unwrap();
        let webhook_id = emulators.control.paypal_webhook(&format!("{hook}/paypal")).unwrap();
        private(folder.path(), "whsec", &stripe_secret);
        private(folder.path(), "hook", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
        let section = section(&emulators, folder.path(), &webhook_id, more, hooks);
        let payments = Payments::open(parts(db, section.settings(folder.path()).unwrap()));
        Shop { emulators, payments, folder, stripe_secret, webhook_id }
    }

    /// For tests that write into a payment: it gets a seal as one of a version without seals does, once the ledger says the same.
    pub fn seal_anew(&self, db: &TestDb, id: storeward_base::PaymentId) {
        db.raw(&format!("DELETE FROM payment_seal WHERE payment = '{id}'"));
        let (payments, marker) = (self.payments.clone(), self.folder.path().join(id.to_string()));
        std::thread::spawn(move || payments.bind_old_blocking(&marker)).join().unwrap().unwrap();
    }

    pub async fn create(&self, order: &str, minor: i64) -> Payment {
        self.payments.create(Actor::System, order_of(order, minor, "EUR")).await.unwrap()
    }

    /// The provider's object on whose page the buyer is.
    pub async fn begin(&self, payment: &Payment, provider: Provider) -> String {
        let begun = self.payments.begin(payment.id, provider, Strength::Usual).await.unwrap();
        reference(provider, &begun.address)
    }

    /// Creates, pays and looks.
    pub async fn paid(&self, order: &str, minor: i64, provider: Provider) -> Payment {
        let payment = self.create(order, minor).await;
        let page = self.begin(&payment, provider).await;
        self.pay(provider, &page).await;
        self.payments.look(payment.id).await.unwrap()
    }

    pub async fn pay(&self, provider: Provider, page: &str) {
        match provider {
            Provider::Stripe => {
                self.emulators.control.pay_session(page, CARD).unwrap();
            }
            Provider::PayPal => {
                let source = storeward_emulators::Source::Pays;
                self.emulators.control.approve_order(page, source).unwrap();
            }
        }
    }

    /// What really happened to money, of one kind.
    pub fn effects(&self, kind: &str) -> Vec<Effect> {
        self.emulators.control.effects().into_iter().filter(|effect| effect.kind == kind).collect()
    }
}

/// Pages at both providers end in the object's id.
pub fn reference(provider: Provider, address: &str) -> String {
    match provider {
        Provider::Stripe => {
            let at = address.find("cs_test_").unwrap();
            address[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
        }
        Provider::PayPal => address.rsplit(['=', '/']).next().unwrap().to_owned(),
    }
}

pub fn order_of(order: &str, minor: i64, currency: &str) -> NewPayment {
    NewPayment {
        id: None,
        order: order.to_owned(),
        amount: storeward_payments::Money { minor, currency: currency.parse().unwrap() },
        capture: None,
        customer: Some("4711".to_owned()),
        email: Some("ada@shop.example".to_owned()),
        return_address: "https://shop.example/orders".to_owned(),
        lines: Vec::new(),
        saving: storeward_payments::Saving::No,
        presentation: storeward_payments::Presentation::Redirect,
        signed_until: None,
    }
}

pub fn wish(amount: Option<i64>) -> Wish {
    Wish { actor: Actor::System, amount, name: None }
}

/// The books' sums, and that they are zero in each currency.
pub async fn books(db: &TestDb) -> Vec<(String, i64)> {
    let all = db.read(ledger::balances).await.unwrap();
    let mut sums = std::collections::BTreeMap::<String, i64>::new();
    for (_, currency, sum) in &all {
        *sums.entry(currency.clone()).or_default() += sum;
    }
    assert!(sums.values().all(|sum| *sum == 0), "{all:?}");
    all.into_iter().map(|(account, _, sum)| (account, sum)).collect()
}

/// Kinds of facts about payments, oldest first.
pub async fn told(db: &TestDb) -> Vec<&'static str> {
    let all = db.read(|reader| facts::read_after(reader, 0, 1000)).await;
    let all = all.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    all.iter().map(|(_, record)| record.event.kind()).filter(|kind| kind.starts_with("payment.")).collect()
}

/// Everything the ledger holds, as text, to look for what must not be in it.
pub async fn ledger_text(db: &TestDb) -> String {
    let all = db.read(|reader| facts::read_after(reader, 0, 1000)).await;
    let all = all.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    all.iter().map(|(_, record)| String::from_utf8(record.to_bytes()).unwrap()).collect()
}

#[allow(dead_code)]
pub fn is_kind(event: &Event, kind: &str) -> bool {
    event.kind() == kind
}
