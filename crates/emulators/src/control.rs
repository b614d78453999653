//! What a test and the demo may do behind the providers' backs: as a library, and the same over HTTP (`control_http`).

use std::sync::Arc;

use serde_json::Value;

use crate::contract::Violation;
use crate::deliver::{Delivery, Weather};
use crate::effects::{Effect, Provider};
use crate::emulators::{PaypalSide, StripeSide};
use crate::faults::Fault;
use crate::form;
use crate::message::{Answer, Call};
use crate::paypal::Counter;
use crate::paypal::orders::Source;
use crate::shelf::{shown, text};
use crate::stripe::challenge::Answered;
use crate::stripe::{Desk, cards, endpoints};
use crate::world::World;

/// How a dispute ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// For the merchant.
    Won,
    /// For the buyer.
    Lost,
}

/// Whether a pending capture is paid in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Paid,
    Denied,
}

/// The world behind the stand-ins. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    pub(crate) world: Arc<World>,
    pub(crate) stripe: StripeSide,
    pub(crate) paypal: PaypalSide,
}

impl Control {
    pub(crate) fn new(world: Arc<World>, stripe: StripeSide, paypal: PaypalSide) -> Control {
        Control { world, stripe, paypal }
    }

    pub(crate) fn handle(&self, call: &Call) -> Answer {
        crate::control_http::handle(self, call)
    }

    /// Where the providers are, and the keys for them.
    pub fn addresses(&self) -> Value {
        crate::control_http::addresses(self)
    }

    /// Every change of money so far, in order.
    pub fn effects(&self) -> Vec<Effect> {
        self.world.effects.list()
    }

    /// Whatever a call or an answer had that the provider's published document does not allow. Empty, too, where no documents
    /// were given: see [`crate::Options::contracts`].
    pub fn violations(&self) -> Vec<Violation> {
        self.world.contracts.found()
    }

    /// From now on.
    pub fn fault(&self, fault: Fault) {
        self.world.faults.add(fault);
    }

    pub fn clear_faults(&self) {
        self.world.faults.clear();
    }

    /// How many faults still wait for their calls.
    pub fn faults(&self) -> usize {
        self.world.faults.count()
    }

    pub fn weather(&self, weather: Weather) {
        self.world.deliveries.weather(weather);
    }

    /// Believes the certificates in `pem` when webhooks are delivered over TLS. Returns how many there were.
    pub fn trust(&self, pem: &str) -> usize {
        self.world.deliveries.client.trust(pem)
    }

    /// Every try to deliver a webhook so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.world.deliveries.log()
    }

    /// How many webhooks wait for their first or a further try.
    pub fn waiting(&self) -> usize {
        self.world.deliveries.waiting()
    }

    /// Seconds since 1970 in the emulators' time.
    pub fn now_s(&self) -> i64 {
        self.world.clock.now_s()
    }

    /// Moves the emulators' time forward and does what has become due.
    pub fn advance_s(&self, seconds: i64) {
        self.world.clock.advance_s(seconds);
        self.due();
    }

    pub(crate) fn due(&self) {
        self.at_stripe(|desk| desk.due());
    }

    fn at_stripe<T>(&self, act: impl FnOnce(&mut Desk<'_>) -> T) -> T {
        let mut state = self.world.stripe();
        act(&mut Desk { world: &self.world, state: &mut state, request: Value::Null })
    }

    fn at_paypal<T>(&self, act: impl FnOnce(&mut Counter<'_>) -> T) -> T {
        let mut state = self.world.paypal();
        act(&mut Counter { world: &self.world, state: &mut state })
    }

    /// An endpoint for all events, as made in Stripe's dashboard: its id and its secret.
    ///
    /// # Errors
    /// In Stripe's words.
    pub fn stripe_webhook(&self, url: &str) -> Result<(String, String), String> {
        let form = format!("url={}&enabled_events[]=*", form::encoded(url));
        let tree = form::tree(&form).map_err(|_broken| "the address cannot be written".to_owned())?;
        self.at_stripe(|desk| desk.create_endpoint(&tree))
            .map(|endpoint| (text(&endpoint, "id").to_owned(), endpoints::secret_of(&endpoint).to_owned()))
            .map_err(|error| error.message())
    }

    /// A second secret beside the first; both sign from now on.
    pub fn roll_stripe_secret(&self, endpoint: &str) -> Option<String> {
        self.at_stripe(|desk| desk.roll_secret(endpoint))
    }

    /// A webhook for all events, as made in PayPal's dashboard: its id.
    ///
    /// # Errors
    /// Where the address is none or known.
    pub fn paypal_webhook(&self, url: &str) -> Result<String, String> {
        let body = serde_json::json!({ "url": url, "event_types": [{ "name": "*" }] });
        self.at_paypal(|counter| counter.create_webhook(&body))
            .map(|reply| text(&reply.body, "id").to_owned())
            .map_err(|error| error.answer().body)
    }

    /// PayPal answers as its other mode does from now on: keys that were taken are refused with `invalid_client`, those of the other
    /// mode are taken. Asked for again it is as before.
    pub fn turn_paypal(&self) {
        self.world.paypal().turn();
    }

    /// Pays a Checkout Session as a buyer would on its page. Returns where the buyer is sent: back to the shop, or to the bank.
    ///
    /// # Errors
    /// What the buyer reads on the page.
    pub fn pay_session(&self, session: &str, number: &str) -> Result<String, String> {
        let card = cards::by_number(number).ok_or_else(|| "not a test card".to_owned())?;
        let billing = serde_json::json!({ "email": "buyer@example.com", "name": "Test Buyer" });
        self.at_stripe(|desk| desk.pay_session(session, card, billing)).map_err(|error| error.message())
    }

    /// Answers the bank's page at `url` (of an intent's next action). Returns where the buyer is sent.
    pub fn answer_challenge(&self, url: &str, answered: Answered) -> Option<String> {
        let id = url.rsplit('/').next().unwrap_or(url);
        self.at_stripe(|desk| desk.answer_challenge(id, answered))
    }

    /// Approves a PayPal order as a buyer would. Returns where the buyer is sent.
    pub fn approve_order(&self, order: &str, source: Source) -> Option<String> {
        self.at_paypal(|counter| counter.approve(order, source))
    }

    /// Says yes to a setup token as a buyer would. Returns where the buyer is sent.
    pub fn approve_setup_token(&self, token: &str) -> Option<String> {
        self.at_paypal(|counter| counter.approve_setup(token))
    }

    /// Ends a pending capture. Nothing where it does not pend.
    pub fn settle_capture(&self, capture: &str, settled: Settled) -> Option<()> {
        self.at_paypal(|counter| counter.settle_capture(capture, settled == Settled::Paid))
    }

    /// Gives back of a capture at PayPal as the merchant does in PayPal's own pages, with no key of a call: what is left of it, or
    /// `amount` minor units. Returns the refund's id.
    ///
    /// # Errors
    /// In PayPal's word for it, such as `REFUND_AMOUNT_EXCEEDED`.
    pub fn refund_capture(&self, capture: &str, amount: Option<i64>) -> Result<String, String> {
        self.at_paypal(|counter| counter.refund_by_hand(capture, amount))
            .map(|reply| text(&reply.body, "id").to_owned())
            .map_err(|error| error.issue().to_owned())
    }

    /// Gives back of a charge at Stripe as the merchant does in Stripe's own pages, with no word of a call: what is left of it, or
    /// `amount` minor units. Returns the refund's id.
    ///
    /// # Errors
    /// In Stripe's words.
    pub fn refund_charge(&self, charge: &str, amount: Option<i64>) -> Result<String, String> {
        let amount = amount.map(|amount| format!("&amount={amount}")).unwrap_or_default();
        let form = format!("charge={}{amount}", form::encoded(charge));
        let tree = form::tree(&form).map_err(|_broken| "the charge cannot be written".to_owned())?;
        self.at_stripe(|desk| desk.create_refund(&tree))
            .map(|refund| text(&refund, "id").to_owned())
            .map_err(|error| error.message())
    }

    /// From now on Stripe pays the account out in this currency alone: `of_ten_thousand` minor units of it for ten thousand of another.
    pub fn settle_in(&self, currency: &str, of_ten_thousand: i64) {
        self.at_stripe(|desk| desk.settle_in(currency, of_ten_thousand));
    }

    /// A buyer disputes a charge (Stripe) or a capture (PayPal): for all of it, or for `amount` minor units. Returns the dispute's
    /// id.
    ///
    /// # Errors
    /// Where it cannot be disputed.
    pub fn open_dispute(
        &self,
        provider: Provider,
        payment: &str,
        reason: &str,
        amount: Option<i64>,
    ) -> Result<String, String> {
        match provider {
            Provider::Stripe => self
                .at_stripe(|desk| desk.open_dispute(payment, reason, amount))
                .map(|dispute| text(&dispute, "id").to_owned())
                .map_err(|error| error.message()),
            Provider::Paypal => self.at_paypal(|counter| counter.open_dispute(payment, reason, amount)),
        }
    }

    pub fn close_dispute(&self, dispute: &str, verdict: Verdict) {
        let (word, outcome) = match verdict {
            Verdict::Won => ("won", "RESOLVED_SELLER_FAVOUR"),
            Verdict::Lost => ("lost", "RESOLVED_BUYER_FAVOUR"),
        };
        self.at_stripe(|desk| desk.close_dispute(dispute, word));
        self.at_paypal(|counter| counter.resolve(dispute, outcome, None));
    }

    /// PayPal settles a dispute for a part of what is disputed. Nothing where it is over.
    pub fn settle_dispute(&self, dispute: &str, minor: i64) -> Option<()> {
        self.at_paypal(|counter| counter.resolve(dispute, "RESOLVED_BUYER_FAVOUR", Some(minor)))
    }

    /// Money of the same PayPal account that another program takes, or, below zero, that is paid with it: with that program's word,
    /// where it has one.
    pub fn moved_elsewhere(&self, minor: i64, currency: &str, word: Option<&str>) {
        self.at_paypal(|counter| counter.moved_elsewhere(minor, currency, word));
    }

    /// What becomes of each line of PayPal's list of transactions (`transaction_info`) before it is answered: a line that is made `null`
    /// is not listed.
    pub fn shape_list(&self, shape: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.world.paypal().list_shape = Some(Box::new(shape));
    }

    /// What an object keeps to itself, such as the content of a file that was uploaded (`_hex`).
    pub fn kept(&self, provider: Provider, kind: &str, id: &str) -> Option<Value> {
        match provider {
            Provider::Stripe => self.world.stripe().get(kind, id).cloned(),
            Provider::Paypal => self.world.paypal().get(kind, id).cloned(),
        }
    }

    /// An object as the provider has it. Kinds at Stripe are the objects' names (`payment_intent`, `checkout.session`), at PayPal
    /// `order`, `capture`, `authorization`, `refund`.
    pub fn object(&self, provider: Provider, kind: &str, id: &str) -> Option<Value> {
        match provider {
            Provider::Stripe => self.world.stripe().get(kind, id).map(shown),
            Provider::Paypal => self.world.paypal().get(kind, id).map(shown),
        }
    }
}
