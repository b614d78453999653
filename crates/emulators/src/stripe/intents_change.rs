//! Capture and cancellation of payment intents.

use serde_json::{Map, Value};

use super::Desk;
use super::charges::is_manual;
use super::error::{Outcome, StripeError};
use super::params::{self, EXPAND, Field, Kind, METADATA, may, text_of};
use crate::shelf::{set, text, whole};

const CAPTURING: [Field; 11] = [
    EXPAND,
    METADATA,
    may("amount_to_capture", Kind::Integer),
    may("final_capture", Kind::Boolean),
    may("amount_details", Kind::Beyond),
    may("application_fee_amount", Kind::Beyond),
    may("hooks", Kind::Beyond),
    may("payment_details", Kind::Beyond),
    may("statement_descriptor", Kind::Text(22)),
    may("statement_descriptor_suffix", Kind::Text(22)),
    may("transfer_data", Kind::Beyond),
];

const CANCELING: [Field; 2] = [
    EXPAND,
    may(
        "cancellation_reason",
        Kind::Word(&["duplicate", "fraudulent", "requested_by_customer", "abandoned"]),
    ),
];

impl Desk<'_> {
    pub fn capture_intent(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&CAPTURING, tree)?;
        let intent = self.fetch("payment_intent", id, "intent")?;
        if text(&intent, "status") != "requires_capture" {
            return Err(self.unexpected(&intent, "captured"));
        }
        if wanted.get("final_capture") == Some(&Value::Bool(false)) {
            // Multicapture has to be asked for when the intent is confirmed; the stand-in's cards do not have it.
            let message = "`final_capture` can only be set to false if multicapture is available for this PaymentIntent.";
            return Err(StripeError::refused("parameter_invalid", message).param("final_capture"));
        }
        let held = whole(&intent, "amount_capturable");
        let amount = wanted.get("amount_to_capture").and_then(Value::as_i64).unwrap_or(held);
        if amount < 1 {
            let message = "This value must be greater than or equal to 1.";
            return Err(StripeError::invalid(message)
                .code("parameter_invalid_integer")
                .param("amount_to_capture"));
        }
        if amount > held {
            let message = format!(
                "The amount to capture is greater than the remaining amount that can be captured ({held})."
            );
            return Err(StripeError::refused("amount_too_large", message).param("amount_to_capture"));
        }
        let metadata = params::merged_metadata(&intent["metadata"], &wanted);
        let charge = text(&intent, "latest_charge").to_owned();
        self.change("charge", &charge, |charge| {
            set(charge, "amount_captured", amount);
            set(charge, "captured", true);
        });
        self.release_rest(&charge, held - amount);
        self.settle_charge(&charge);
        self.change("payment_intent", id, |intent| {
            set(intent, "amount_capturable", 0);
            set(intent, "amount_received", amount);
            set(intent, "metadata", metadata);
            set(intent, "status", "succeeded");
        });
        let currency = text(&intent, "currency");
        self.effect("capture", &charge, amount, currency, &intent["metadata"]);
        if let Some(charge) = self.find("charge", &charge) {
            self.event("charge.captured", &charge, None);
        }
        let intent = self.fetch("payment_intent", id, "intent")?;
        self.event("payment_intent.succeeded", &intent, None);
        Ok(intent)
    }

    pub fn cancel_intent(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&CANCELING, tree)?;
        let intent = self.fetch("payment_intent", id, "intent")?;
        if !intent["_session"].is_null() && text(&intent, "status") != "requires_capture" {
            let message = "This PaymentIntent belongs to a Checkout Session. Expire the Session instead.";
            return Err(StripeError::refused("payment_intent_unexpected_state", message));
        }
        if ["succeeded", "canceled"].contains(&text(&intent, "status")) {
            let message = format!(
                "You cannot cancel this PaymentIntent because it has a status of {}. Only a PaymentIntent with one of the following \
                 statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action, \
                 processing.",
                text(&intent, "status")
            );
            return Err(StripeError::refused("payment_intent_unexpected_state", message)
                .field("payment_intent", crate::shelf::shown(&intent)));
        }
        self.cancel(&intent, text_of(&wanted, "cancellation_reason"));
        self.fetch("payment_intent", id, "intent")
    }

    /// Ends an intent and releases what was held for it.
    pub fn cancel(&mut self, intent: &Value, reason: Option<&str>) {
        let id = text(intent, "id").to_owned();
        let now = self.now_s();
        self.change("payment_intent", &id, |intent| {
            set(intent, "status", "canceled");
            set(intent, "canceled_at", now);
            set(intent, "cancellation_reason", reason);
            set(intent, "amount_capturable", 0);
            set(intent, "next_action", Value::Null);
        });
        if text(intent, "status") == "requires_capture" && is_manual(intent) {
            let charge = text(intent, "latest_charge").to_owned();
            self.release(
                &charge,
                if reason == Some("automatic") { "charge.expired" } else { "charge.refunded" },
            );
        }
        if let Some(intent) = self.find("payment_intent", &id) {
            self.event("payment_intent.canceled", &intent, None);
        }
    }

    fn release(&mut self, charge: &str, kind: &str) {
        let amount = self.find("charge", charge).map_or(0, |charge| whole(&charge, "amount"));
        self.release_rest(charge, amount);
        let Some(charge) = self.find("charge", charge) else { return };
        let currency = text(&charge, "currency");
        self.effect("void", text(&charge, "id"), amount, currency, &charge["metadata"]);
        self.event(kind, &charge, None);
    }

    /// After seven days an authorization is gone.
    pub fn expire_hold(&mut self, id: &str) {
        if let Some(intent) = self.find("payment_intent", id)
            && text(&intent, "status") == "requires_capture"
        {
            self.cancel(&intent, Some("automatic"));
        }
    }
}
