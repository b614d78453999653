//! Payment methods: ready test methods, cards that a buyer typed on a page here, and whose they are.

use aws_lc_rs::hmac;
use serde_json::{Map, Value, json};

use super::Desk;
use super::cards::{self, Card, Check};
use super::error::{Outcome, StripeError};
use super::expand::page;
use super::params::{self, ADDRESS, EXPAND, Field, Kind, METADATA, PAGING, given, may, must, text_of};
use crate::chance;
use crate::shelf::{set, text};

pub const BILLING: Kind = Kind::Object(&[
    may("address", ADDRESS),
    may("email", Kind::Emptiable(800)),
    may("name", Kind::Emptiable(5000)),
    may("phone", Kind::Emptiable(20)),
    may("tax_id", Kind::Beyond),
]);

const TYPED_CARD: Kind = Kind::Object(&[
    may("token", Kind::Text(255)),
    may("number", Kind::Text(64)),
    may("exp_month", Kind::Integer),
    may("exp_year", Kind::Integer),
    may("cvc", Kind::Text(8)),
    may("networks", Kind::Beyond),
]);

const CREATE: [Field; 8] = [
    EXPAND,
    METADATA,
    must("type", Kind::Text(64)),
    may("card", TYPED_CARD),
    may("billing_details", BILLING),
    may("allow_redisplay", Kind::Word(&["always", "limited", "unspecified"])),
    may("customer", Kind::Beyond),
    may("payment_method", Kind::Beyond),
];

impl Desk<'_> {
    pub fn create_method(&mut self, tree: &Map<String, Value>) -> Outcome<Value> {
        let given = params::read(&CREATE, tree)?;
        if text_of(&given, "type") != Some("card") {
            return Err(StripeError::beyond("payment methods other than cards"));
        }
        let card = given.get("card").cloned().unwrap_or(Value::Null);
        if card.get("number").is_some() {
            let message = "Sending credit card numbers directly to the Stripe API is generally unsafe. To continue processing use \
                           Stripe.js, the Stripe mobile bindings, or Stripe Elements.";
            return Err(StripeError::invalid(message).with_status(402));
        }
        let token = text(&card, "token");
        let Some(kind) = token.starts_with("tok_").then(|| cards::by_name(token)).flatten() else {
            return Err(StripeError::missing("token", token, "card[token]"));
        };
        let mut method = self.new_method(kind, params::given(&given, "billing_details"));
        set(&mut method, "metadata", params::merged_metadata(&Value::Null, &given));
        self.put("payment_method", method.clone());
        Ok(method)
    }

    /// A method for a card; kept by whoever calls.
    pub fn new_method(&self, card: &Card, billing: Value) -> Value {
        let field = |name: &str| billing.get(name).cloned().unwrap_or(Value::Null);
        json!({
            "id": format!("pm_1{}", chance::word(23)),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": {
                "address": whole_address(&field("address")), "email": field("email"), "name": field("name"),
                "phone": field("phone"), "tax_id": null,
            },
            "card": {
                "brand": card.brand,
                "checks": self.checks(card, &billing, Checked::Not),
                "country": card.country,
                "display_brand": card.brand,
                "exp_month": 12,
                "exp_year": self.year() + 3,
                "fingerprint": self.fingerprint(card),
                "funding": card.funding,
                "generated_from": null,
                "last4": last4(card),
                "networks": { "available": [card.brand], "preferred": null },
                "regulated_status": "unregulated",
                "three_d_secure_usage": { "supported": true },
                "wallet": null,
            },
            "created": self.now_s(),
            "customer": null,
            "customer_account": null,
            "livemode": self.live(),
            "metadata": {},
            "type": "card",
            "_card": card.number,
            "_set_up": false,
        })
    }

    fn year(&self) -> i64 {
        1970 + self.now_s() / 31_556_952
    }

    /// The same for the same card in the same account, and nothing that leads back to its number.
    pub fn fingerprint(&self, card: &Card) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.state.salt.as_bytes());
        let tag = hmac::sign(&key, card.number.as_bytes());
        tag.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn checks(&self, card: &Card, billing: &Value, checked: Checked) -> Value {
        let address = billing.get("address").cloned().unwrap_or(Value::Null);
        let result = |check: Check, is_given: bool| match (is_given, checked) {
            (false, _) => Value::Null,
            (true, Checked::Not) => Value::from("unchecked"),
            (true, Checked::Charged) => Value::from(check.word()),
        };
        json!({
            "address_line1_check": result(card.line1, !text(&address, "line1").is_empty()),
            "address_postal_code_check": result(card.postal_code, !text(&address, "postal_code").is_empty()),
            // The ready methods stand for cards whose code was typed.
            "cvc_check": result(card.cvc, true),
        })
    }

    /// The method that an id or a ready name stands for, kept from now on.
    pub fn method(&mut self, id: &str, param: &str) -> Outcome<Value> {
        if let Some(card) = id.starts_with("pm_card_").then(|| cards::by_name(id)).flatten() {
            let method = self.new_method(card, Value::Null);
            self.put("payment_method", method.clone());
            return Ok(method);
        }
        let kind = "PaymentMethod";
        self.find("payment_method", id).ok_or_else(|| StripeError::missing(kind, id, param))
    }

    pub fn attach_method(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let given = params::read(&[EXPAND, must("customer", Kind::Text(255))], tree)?;
        let customer = text_of(&given, "customer").unwrap_or("").to_owned();
        self.fetch("customer", &customer, "customer")?;
        let method = self.method(id, "payment_method")?;
        if !text(&method, "customer").is_empty() {
            let message = "The payment method you provided has already been attached to a customer.";
            return Err(StripeError::refused("payment_method_unexpected_state", message));
        }
        let id = text(&method, "id").to_owned();
        self.attach(&id, &customer);
        self.fetch("payment_method", &id, "payment_method")
    }

    /// Binds a method to a customer and says so.
    pub fn attach(&mut self, id: &str, customer: &str) {
        self.change("payment_method", id, |method| set(method, "customer", customer));
        if let Some(method) = self.find("payment_method", id) {
            self.event("payment_method.attached", &method, None);
        }
    }

    pub fn detach_method(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        params::read(&[EXPAND], tree)?;
        let method = self.fetch("payment_method", id, "payment_method")?;
        if text(&method, "customer").is_empty() {
            let message =
                "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(StripeError::refused("payment_method_unexpected_state", message));
        }
        // A method that was taken from its customer cannot be used or attached again.
        self.change("payment_method", id, |method| {
            set(method, "customer", Value::Null);
            set(method, "_detached", true);
        });
        let method = self.fetch("payment_method", id, "payment_method")?;
        self.event("payment_method.detached", &method, None);
        Ok(method)
    }

    pub fn methods_of(&mut self, customer: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let mut fields = vec![EXPAND, may("type", Kind::Text(64))];
        fields.extend(PAGING);
        let wanted = params::read(&fields, tree)?;
        self.fetch("customer", customer, "customer")?;
        let items = self
            .list("payment_method")
            .into_iter()
            .filter(|method| text(method, "customer") == customer)
            .filter(|method| given(&wanted, "type").as_str().is_none_or(|kind| text(method, "type") == kind))
            .collect();
        page(items, &wanted, &format!("/v1/customers/{customer}/payment_methods"))
    }
}

/// Whether the card's checks were made by now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    Not,
    Charged,
}

pub fn last4(card: &Card) -> &'static str {
    card.number.get(card.number.len().saturating_sub(4)..).unwrap_or("")
}

/// The card that stands behind a method.
pub fn card_of(method: &Value) -> Option<&'static Card> {
    cards::by_number(text(method, "_card"))
}

fn whole_address(given: &Value) -> Value {
    let field = |name: &str| given.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "city": field("city"), "country": field("country"), "line1": field("line1"), "line2": field("line2"),
        "postal_code": field("postal_code"), "state": field("state"),
    })
}
