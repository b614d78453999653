//! Setup intents: a card is saved without a payment.

use serde_json::{Map, Value, json};

use super::Desk;
use super::cards::Does;
use super::error::{Outcome, StripeError};
use super::methods::card_of;
use super::params::{self, EXPAND, Field, Kind, METADATA, given, may, text_of};
use crate::chance;
use crate::shelf::{set, shown, text};

const CONFIRMING: [Field; 8] = [
    EXPAND,
    may("payment_method", Kind::Text(255)),
    may("return_url", Kind::Text(5000)),
    may("use_stripe_sdk", Kind::Boolean),
    may("confirmation_token", Kind::Beyond),
    may("mandate_data", Kind::Beyond),
    may("payment_method_data", Kind::Beyond),
    may("payment_method_options", Kind::Beyond),
];

const CREATING: [Field; 14] = [
    METADATA,
    may("allowed_payment_method_types", Kind::Words(&["card"])),
    may(
        "automatic_payment_methods",
        Kind::Object(&[
            params::must("enabled", Kind::Boolean),
            may("allow_redirects", Kind::Word(&["always", "never"])),
        ]),
    ),
    may("confirm", Kind::Boolean),
    may("customer", Kind::Text(255)),
    may("description", Kind::Text(1000)),
    may("usage", Kind::Word(&["off_session", "on_session"])),
    may("attach_to_self", Kind::Beyond),
    may("customer_account", Kind::Beyond),
    may("excluded_payment_method_types", Kind::Beyond),
    may("flow_directions", Kind::Beyond),
    may("on_behalf_of", Kind::Beyond),
    may("payment_method_configuration", Kind::Beyond),
    may("single_use", Kind::Beyond),
];

impl Desk<'_> {
    pub fn create_setup(&mut self, tree: &Map<String, Value>) -> Outcome<Value> {
        let mut fields = CREATING.to_vec();
        fields.extend(CONFIRMING);
        let wanted = params::read(&fields, tree)?;
        if let Some(customer) = text_of(&wanted, "customer") {
            self.fetch("customer", customer, "customer")?;
        }
        let method = match text_of(&wanted, "payment_method") {
            Some(id) => Some(text(&self.method(id, "payment_method")?, "id").to_owned()),
            None => None,
        };
        let setup = self.new_setup(&wanted, method.as_deref());
        let id = text(&setup, "id").to_owned();
        self.put("setup_intent", setup.clone());
        self.event("setup_intent.created", &setup, None);
        if wanted.get("confirm") == Some(&Value::Bool(true)) {
            self.set_up(&id)?;
        }
        self.fetch("setup_intent", &id, "intent")
    }

    pub fn new_setup(&self, wanted: &Map<String, Value>, method: Option<&str>) -> Value {
        let id = format!("seti_1{}", chance::word(23));
        json!({
            "id": id,
            "object": "setup_intent",
            "allowed_payment_method_types": given(wanted, "allowed_payment_method_types"),
            "application": null,
            "automatic_payment_methods": { "allow_redirects": "always", "enabled": true },
            "cancellation_reason": null,
            "client_secret": format!("{id}_secret_{}", chance::word(25)),
            "created": self.now_s(),
            "customer": given(wanted, "customer"),
            "customer_account": null,
            "description": given(wanted, "description"),
            "excluded_payment_method_types": null,
            "flow_directions": null,
            "last_setup_error": null,
            "latest_attempt": null,
            "livemode": self.live(),
            "mandate": null,
            "metadata": params::merged_metadata(&Value::Null, wanted),
            "next_action": null,
            "on_behalf_of": null,
            "payment_method": method,
            "payment_method_configuration_details": null,
            "payment_method_options": {
                "card": { "mandate_options": null, "network": null, "request_three_d_secure": "automatic" },
            },
            "payment_method_types": ["card"],
            "single_use_mandate": null,
            "status": if method.is_some() { "requires_confirmation" } else { "requires_payment_method" },
            "usage": wanted.get("usage").cloned().unwrap_or_else(|| Value::from("off_session")),
        })
    }

    pub fn confirm_setup(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&CONFIRMING, tree)?;
        let old = self.fetch("setup_intent", id, "intent")?;
        if ["succeeded", "canceled"].contains(&text(&old, "status")) {
            return Err(unexpected(&old, "confirmed"));
        }
        if let Some(method) = text_of(&wanted, "payment_method") {
            let method = text(&self.method(method, "payment_method")?, "id").to_owned();
            self.change("setup_intent", id, |setup| set(setup, "payment_method", method));
        }
        self.set_up(id)?;
        self.fetch("setup_intent", id, "intent")
    }

    /// Asks the card's bank. The stand-in's cards that want 3-D Secure are taken as authenticated when they are saved on its page.
    pub fn set_up(&mut self, id: &str) -> Outcome<()> {
        let setup = self.fetch("setup_intent", id, "intent")?;
        let method_id = text(&setup, "payment_method").to_owned();
        if method_id.is_empty() {
            let message = "You cannot confirm this SetupIntent because it's missing a payment method.";
            return Err(StripeError::refused("setup_intent_unexpected_state", message));
        }
        let method = self.fetch("payment_method", &method_id, "payment_method")?;
        let card = card_of(&method).ok_or_else(|| StripeError::beyond("this payment method"))?;
        if let Does::Decline(code) = card.does
            && card.name != "chargeCustomerFail"
        {
            return Err(self.setup_failed(id, code, &method));
        }
        let customer = text(&setup, "customer").to_owned();
        self.change("payment_method", &method_id, |method| set(method, "_set_up", true));
        if !customer.is_empty() && method["customer"].is_null() {
            self.attach(&method_id, &customer);
        }
        self.change("setup_intent", id, |setup| {
            set(setup, "status", "succeeded");
            set(setup, "last_setup_error", Value::Null);
        });
        let setup = self.fetch("setup_intent", id, "intent")?;
        self.event("setup_intent.succeeded", &setup, None);
        Ok(())
    }

    fn setup_failed(&mut self, id: &str, code: &str, method: &Value) -> StripeError {
        let (word, message) = super::cards::declined(code);
        let error = StripeError::new(402, "card_error", message)
            .code(word)
            .field("decline_code", code)
            .field("payment_method", shown(method));
        let noted = Value::Object(error.fields().clone());
        self.change("setup_intent", id, |setup| {
            set(setup, "last_setup_error", noted);
            set(setup, "payment_method", Value::Null);
            set(setup, "status", "requires_payment_method");
        });
        let setup = self.find("setup_intent", id).unwrap_or(Value::Null);
        self.event("setup_intent.setup_failed", &setup, None);
        error.field("setup_intent", shown(&setup))
    }

    pub fn cancel_setup(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let reasons = Kind::Word(&["abandoned", "duplicate", "requested_by_customer"]);
        let wanted = params::read(&[EXPAND, may("cancellation_reason", reasons)], tree)?;
        let old = self.fetch("setup_intent", id, "intent")?;
        if ["succeeded", "canceled"].contains(&text(&old, "status")) {
            return Err(unexpected(&old, "canceled"));
        }
        self.change("setup_intent", id, |setup| {
            set(setup, "status", "canceled");
            set(setup, "cancellation_reason", given(&wanted, "cancellation_reason"));
        });
        let setup = self.fetch("setup_intent", id, "intent")?;
        self.event("setup_intent.canceled", &setup, None);
        Ok(setup)
    }

    /// The buyer saved a card on the hosted page.
    pub fn set_up_session(&mut self, session_id: &str, method: &str) -> Outcome<String> {
        let session = self.fetch("checkout.session", session_id, "session")?;
        let known = text(&session, "setup_intent").to_owned();
        let id = if known.is_empty() {
            let mut wanted = session["_setup"].as_object().cloned().unwrap_or_default();
            wanted.insert("customer".to_owned(), session["customer"].clone());
            let setup = self.new_setup(&wanted, Some(method));
            let id = text(&setup, "id").to_owned();
            self.put("setup_intent", setup.clone());
            self.change("checkout.session", session_id, |session| set(session, "setup_intent", id.clone()));
            self.event("setup_intent.created", &setup, None);
            id
        } else {
            self.change("setup_intent", &known, |setup| set(setup, "payment_method", method));
            known
        };
        self.set_up(&id)?;
        Ok(self.complete_session(session_id))
    }
}

fn unexpected(setup: &Value, done: &str) -> StripeError {
    let message =
        format!("This SetupIntent could not be {done} because it has a status of {}.", text(setup, "status"));
    StripeError::refused("setup_intent_unexpected_state", message).field("setup_intent", shown(setup))
}
