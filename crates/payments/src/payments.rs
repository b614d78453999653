//! The handle: what a running program does with payments.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Clock, Entropy, PaymentId, Timestamp};
use storeward_seal::fingerprint::sha256_hex;
use storeward_seal::{DataKey, MarkKey, PseudonymKey};
use storeward_store::Db;

use crate::config::{Mode, Settings};
use crate::error::Error;
use crate::judge::{Judge, Judgement};
use crate::machine::Wanted;
use crate::model::{Attempt, Call, Capture, Details, Operation, Payment, Provider, Refund};
use crate::provider::Gateway;
use crate::refusals::Refusals;
use crate::sql;

/// Below it, on the shop's own host, are the pages where buyers choose how to pay.
pub const PAGES: &str = "/.storeward/pay";

/// Where the providers' messages arrive, below [`PAGES`].
pub const WEBHOOKS: [&str; 2] = ["/.storeward/pay/webhooks/stripe", "/.storeward/pay/webhooks/paypal"];

/// What the handle needs.
pub struct PaymentsParts {
    pub db: Db,
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub data_key: DataKey,
    pub pseudonym_key: PseudonymKey,
    /// Where the shop is in browsers, such as `https://shop.example`, without a slash behind it.
    pub address: String,
    /// The shop's hosts: where buyers may be led back to.
    pub hosts: Vec<String>,
    /// How long things wait; [`Pace::default`] but in tests.
    pub pace: Pace,
}

/// How long things wait.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// A call without an outcome is asked about after this: longer than any call takes.
    pub settle_after: Duration,
    /// A payment that a provider may change without our doing is looked at first after this, then after twice as long, up to
    /// six hours.
    pub first_look: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { settle_after: Duration::from_secs(90), first_look: Duration::from_secs(120) }
    }
}

/// The payments of a running program. Clones are cheap and share it.
#[derive(Clone)]
pub struct Payments(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub db: Db,
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub data_key: DataKey,
    pub customers: MarkKey,
    pub emails: MarkKey,
    pub pages: MarkKey,
    pub tokens: MarkKey,
    pub merchant: String,
    pub address: String,
    pub hosts: Vec<String>,
    pub pace: Pace,
    pub gateways: Vec<Gateway>,
    pub refusals: Refusals,
    pub judge: Judge,
    pub keys: crate::believed::Keys,
    pub harms: crate::bound::Told,
    pub turns: crate::janitor::Turns,
    pub missed: crate::orders::Missed,
    pub on_the_way: crate::disputes::OnTheWay,
    /// By which numbers the shop names an account.
    pub numbers: std::sync::OnceLock<Arc<dyn crate::pages::Numbers>>,
}

impl fmt::Debug for Payments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payments").field("gateways", &self.0.gateways).finish_non_exhaustive()
    }
}

/// Everything that is known of one payment, for those who may see it.
#[derive(Clone, Debug)]
pub struct Whole {
    pub payment: Payment,
    pub calls: Vec<Call>,
    pub captures: Vec<Capture>,
    pub refunds: Vec<Refund>,
    pub postings: Vec<crate::ledger::Posting>,
    pub disputes: Vec<crate::disputes::Dispute>,
    pub news: Vec<crate::news::Delivery>,
    /// Messages of providers that were about it.
    pub heard: Vec<crate::inbox::Heard>,
    pub judgements: Vec<Judgement>,
    pub review: Option<crate::judge::Review>,
}

impl Payments {
    pub fn open(parts: PaymentsParts) -> Self {
        let mut gateways = Vec::new();
        gateways.extend(parts.settings.stripe.clone().map(Gateway::Stripe));
        gateways.extend(parts.settings.paypal.clone().map(Gateway::PayPal));
        let disposable = parts.settings.disposable.clone();
        let merchant = parts.settings.merchant.clone().unwrap_or_else(|| parts.db.ledger_name().to_string());
        Payments(Arc::new(Shared {
            keys: crate::believed::Keys::new(&parts.data_key),
            harms: crate::bound::Told::default(),
            turns: crate::janitor::Turns::default(),
            missed: crate::orders::Missed::default(),
            on_the_way: crate::disputes::OnTheWay::default(),
            numbers: std::sync::OnceLock::new(),
            customers: parts.pseudonym_key.mark_key("payments.customer"),
            emails: parts.pseudonym_key.mark_key("payments.email"),
            pages: parts.pseudonym_key.mark_key("payments.page"),
            tokens: parts.pseudonym_key.mark_key("payments.token"),
            db: parts.db,
            settings: parts.settings,
            clock: parts.clock,
            entropy: parts.entropy,
            data_key: parts.data_key,
            merchant,
            address: parts.address.trim_end_matches('/').to_owned(),
            hosts: parts.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            pace: parts.pace,
            gateways,
            refusals: Refusals::default(),
            judge: Judge::new(&parts.pseudonym_key, disposable),
        }))
    }

    /// Which ways to pay a payment has at the moment: those that are set up, whose keys are not refused, and that take its currency and
    /// amount.
    pub fn ways(&self, payment: &Payment) -> Vec<Provider> {
        self.ways_for(payment.amount)
    }

    /// Which ways to pay an amount has at the moment.
    pub fn ways_for(&self, amount: crate::money::Money) -> Vec<Provider> {
        let is_offered = |gateway: &&Gateway| match gateway {
            Gateway::Stripe(_) => true,
            Gateway::PayPal(paypal) => !paypal.are_keys_refused(),
        };
        self.set_up_for(amount).filter(is_offered).map(Gateway::provider).collect()
    }

    /// Whether any way to pay that is set up takes an amount, now or once its keys are mended.
    pub(crate) fn can_take(&self, amount: crate::money::Money) -> bool {
        self.set_up_for(amount).next().is_some()
    }

    fn set_up_for(&self, amount: crate::money::Money) -> impl Iterator<Item = &Gateway> {
        let takes = move |gateway: &&Gateway| match gateway {
            Gateway::Stripe(_) => amount.is_taken_by_stripe(),
            Gateway::PayPal(_) => amount.to_paypal().is_ok(),
        };
        self.0.gateways.iter().filter(takes)
    }

    /// Whether money moves.
    pub fn is_live(&self) -> bool {
        self.0.settings.mode == Mode::Live
    }

    pub async fn find(&self, id: PaymentId) -> Result<Option<Payment>, Error> {
        self.0.read(move |reader| sql::find(reader, id)).await
    }

    /// A page of payments, newest first, behind the one with id `before`.
    pub async fn list(&self, before: Option<PaymentId>, limit: u32) -> Result<Vec<Payment>, Error> {
        // No id is behind this in the order of bytes.
        let before = before.map_or_else(|| "pay_~".to_owned(), PaymentId::text);
        self.0.read(move |reader| sql::list(reader, &before, limit.min(501))).await
    }

    /// The payments of an order, newest first.
    pub async fn of_order(&self, order: &str) -> Result<Vec<Payment>, Error> {
        let order = order.to_owned();
        self.0.read(move |reader| sql::of_order(reader, &order, 100)).await
    }

    /// Everything of one payment.
    pub async fn whole(&self, id: PaymentId) -> Result<Option<Whole>, Error> {
        self.0
            .read(move |reader| {
                let Some(payment) = sql::find(reader, id)? else { return Ok(None) };
                Ok(Some(Whole {
                    payment,
                    calls: sql::calls_of(reader, id)?,
                    captures: sql::captures_of(reader, id)?,
                    refunds: sql::refunds_of(reader, id)?,
                    postings: crate::ledger::postings(reader, id)?,
                    disputes: crate::disputes::of(reader, id)?,
                    news: crate::news::of(reader, id)?,
                    heard: crate::inbox::heard(reader, id)?,
                    judgements: crate::judge::of(reader, id)?,
                    review: crate::judge::review_of(reader, id)?,
                }))
            })
            .await
    }

    /// The address of the page where the buyer chooses how to pay. Whoever has it may pay; it tells no more than the order's
    /// number and amount. It follows from the id, so it need not be kept.
    pub fn page(&self, id: PaymentId) -> String {
        format!("{}{}", self.0.address, self.page_path(id))
    }

    /// The same without the host.
    pub fn page_path(&self, id: PaymentId) -> String {
        format!("{PAGES}/{id}.{}", self.0.page_tag(id))
    }

    /// The payment of a page, by the last part of its address.
    pub fn of_page(&self, part: &str) -> Option<PaymentId> {
        let (id, tag) = part.split_once('.')?;
        let id: PaymentId = id.parse().ok()?;
        storeward_seal::fingerprint::equal(tag.as_bytes(), self.0.page_tag(id).as_bytes()).then_some(id)
    }

    /// Where the buyer goes when it is over, and what was bought: for the page.
    pub async fn told(&self, id: PaymentId) -> Result<(String, Vec<crate::model::Line>), Error> {
        let details = self.0.details(id).await?;
        Ok((details.return_address, details.lines))
    }

    /// Whether what the buyer pays with is kept.
    pub async fn saving(&self, id: PaymentId) -> Result<crate::model::Saving, Error> {
        let details = self.0.details(id).await?;
        Ok(crate::model::Saving::of_word(&details.saving).unwrap_or(crate::model::Saving::No))
    }

    /// How the buyer types what they pay with: embedded where the shop wants it and Stripe's key for pages is in the config.
    pub async fn presentation(&self, id: PaymentId) -> Result<crate::model::Presentation, Error> {
        let details = self.0.details(id).await?;
        let wanted = crate::model::Presentation::of_word(&details.presentation)
            .unwrap_or(crate::model::Presentation::Redirect);
        let can =
            self.0.gateways.iter().any(|one| matches!(one, Gateway::Stripe(one) if one.form().is_some()));
        Ok(if can { wanted } else { crate::model::Presentation::Redirect })
    }

    /// The statements of this crate, for the tests that prepare them.
    pub fn statements() -> Vec<&'static str> {
        [
            sql::STATEMENTS,
            crate::ledger::STATEMENTS,
            crate::emails::STATEMENTS,
            crate::gaps::STATEMENTS,
            crate::inbox::STATEMENTS,
            crate::news::STATEMENTS,
            crate::reconcile::STATEMENTS,
            crate::reconcile::days::STATEMENTS,
            crate::reconcile::disputes::STATEMENTS,
            crate::reconcile::lines::STATEMENTS,
            crate::signers::STATEMENTS,
            crate::methods::STATEMENTS,
            &crate::disputes::statements(),
            &crate::judge::statements(),
            crate::orders::STATEMENTS,
            crate::believed::STATEMENTS,
            crate::bound::STATEMENTS,
            crate::janitor::STATEMENTS,
        ]
        .concat()
    }
}

impl Shared {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn gateway(&self, provider: Provider) -> Result<&Gateway, Error> {
        self.gateways.iter().find(|gateway| gateway.provider() == provider).ok_or(Error::NoProvider)
    }

    fn page_tag(&self, id: PaymentId) -> String {
        self.pages.mark(&id.text()).chars().take(32).collect()
    }

    /// What every call is known by, at the provider and here: H(merchant, order, operation, attempt), with the payment between,
    /// since an order may have a second one. `which` tells calls of one kind apart.
    pub fn call_key(&self, payment: &Payment, operation: Operation, which: &str) -> String {
        let parts = [&self.merchant, &payment.order, &payment.id.text(), operation.word(), which];
        // Lengths, so that no two lists of parts read alike.
        let text: String = parts.iter().map(|part| format!("{}:{part}\n", part.len())).collect();
        sha256_hex(format!("storeward.payments.call/1\n{text}").as_bytes())
    }

    /// What an object at a provider has to be.
    pub fn wanted<'a>(&self, payment: &'a Payment, gateway: &'a Gateway) -> Wanted<'a> {
        Wanted { payment, is_live: self.settings.mode == Mode::Live, account: gateway.account() }
    }

    pub fn seal(&self, id: PaymentId, details: &Details) -> Vec<u8> {
        let plain = serde_json::to_vec(details).unwrap_or_default();
        self.data_key.seal(&plain, &format!("payment.details/{id}"), self.entropy.as_ref())
    }

    pub async fn details(&self, id: PaymentId) -> Result<Details, Error> {
        let sealed = self.read(move |reader| sql::details(reader, id)).await?;
        self.unseal(id, &sealed)
    }

    /// A payment was asked for by a link that is good until then: an older one for its order counts no more. Where a program asked for it
    /// (`None`), it is that program's.
    pub fn note_link(
        &self,
        tx: &mut storeward_store::Tx<'_>,
        id: PaymentId,
        until: Option<i64>,
    ) -> Result<(), Error> {
        let details = self.unseal(id, &sql::details(tx, id)?)?;
        // Whoever asks, the latest moment stays: an older link says nothing any more.
        let is_asked = details.is_asked || until.is_none() || details.signed_until.is_none();
        let signed_until = details.signed_until.max(until);
        if (signed_until, is_asked) != (details.signed_until, details.is_asked) {
            let details = self.seal(id, &Details { signed_until, is_asked, ..details });
            sql::set_details(tx, id, details)?;
        }
        Ok(())
    }

    /// A payment is ended for a link of another amount: that is no decision about its order, should the other one not come to be.
    pub fn note_gave_way(&self, tx: &mut storeward_store::Tx<'_>, id: PaymentId) -> Result<(), Error> {
        let details = self.unseal(id, &sql::details(tx, id)?)?;
        let details = self.seal(id, &Details { gave_way: true, ..details });
        Ok(sql::set_details(tx, id, details)?)
    }

    /// Whether a link asked for a payment, and no program since.
    pub fn is_of_link(&self, reader: &mut storeward_store::Reader<'_>, id: PaymentId) -> Result<bool, Error> {
        Ok(self.unseal(id, &sql::details(reader, id)?)?.is_of_link())
    }

    pub fn unseal(&self, id: PaymentId, sealed: &[u8]) -> Result<Details, Error> {
        let plain = self.data_key.open(sealed, &format!("payment.details/{id}"))?;
        serde_json::from_slice(plain.expose()).map_err(|_| Error::Form("its details"))
    }

    pub fn seal_address(&self, attempt: (PaymentId, u32), address: &str) -> Vec<u8> {
        let place = format!("payment.address/{}/{}", attempt.0, attempt.1);
        self.data_key.seal(address.as_bytes(), &place, self.entropy.as_ref())
    }

    pub fn address_of(&self, attempt: &Attempt) -> Result<Option<String>, Error> {
        let Some(sealed) = &attempt.address else { return Ok(None) };
        let place = format!("payment.address/{}/{}", attempt.payment, attempt.number);
        let plain = self.data_key.open(sealed, &place)?;
        let text = std::str::from_utf8(plain.expose()).map_err(|_| Error::Form("an address"))?;
        Ok(Some(text.to_owned()))
    }
}
