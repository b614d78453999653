//! Charges: one for each attempt to pay, whether it succeeded or not.

use serde_json::{Value, json};

use super::Desk;
use super::cards::{self, Card, Does};
use super::error::StripeError;
use super::methods::{Checked, last4};
use super::tasks::What;
use crate::chance;
use crate::effects::Provider;
use crate::shelf::{set, text, whole};

/// How long an authorization holds: Stripe says 7 days for most cards.
pub const HOLD_S: i64 = 7 * 24 * 3600;
/// When a charge with `automatic_async` gets its balance transaction.
const SETTLES_S: i64 = 2;

/// Whether 3-D Secure stood before the attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Authenticated {
    No,
    Yes,
    /// The bank took note, and nobody proved anything.
    Attempted,
}

/// An attempt on an intent.
pub struct Attempt<'a> {
    pub intent: &'a Value,
    pub method: &'a Value,
    pub card: &'a Card,
    pub authenticated: Authenticated,
}

impl Desk<'_> {
    /// The decline code with which an attempt ends; nothing where it is approved.
    fn decline_of(&self, attempt: &Attempt<'_>) -> Option<String> {
        if let Some(code) = self.world.faults.decline(&self.world.dice, Provider::Stripe) {
            return Some(code);
        }
        match attempt.card.does {
            Does::Decline(code) | Does::Challenge(cards::After::Decline(code)) => Some(code.to_owned()),
            Does::Block => Some("fraudulent".to_owned()),
            Does::Approve
            | Does::Challenge(cards::After::Approve)
            | Does::ChallengeUnlessSetUp
            | Does::Dispute(_)
            | Does::RefundPends
            | Does::RefundFails => None,
        }
    }

    /// Charges, or fails to. Returns the charge and, for a decline, the error that the caller is answered with.
    pub fn charge(&mut self, attempt: &Attempt<'_>) -> (Value, Option<StripeError>) {
        let decline = self.decline_of(attempt);
        let charge = self.new_charge(attempt, decline.as_deref());
        let id = text(&charge, "id").to_owned();
        self.put("charge", charge.clone());
        if let Some(code) = decline {
            self.event("charge.failed", &charge, None);
            return (charge.clone(), Some(card_error(&code, &id)));
        }
        let (amount, currency) = (whole(&charge, "amount"), text(&charge, "currency"));
        let kind = if is_manual(attempt.intent) { "authorize" } else { "capture" };
        self.effect(kind, &id, amount, currency, &charge["metadata"]);
        match text(attempt.intent, "capture_method") {
            "automatic" => self.settle_charge(&id),
            "automatic_async" => self.later(SETTLES_S, What::Settle(id.clone())),
            _ => {
                let intent = text(attempt.intent, "id").to_owned();
                self.later(HOLD_S, What::ExpireHold(intent));
            }
        }
        let charge = self.find("charge", &id).unwrap_or(charge);
        self.event("charge.succeeded", &charge, None);
        if let Does::Dispute(reason) = attempt.card.does
            && !is_manual(attempt.intent)
        {
            self.later(SETTLES_S, What::Dispute(id, reason));
        }
        (charge, None)
    }

    fn new_charge(&self, attempt: &Attempt<'_>, decline: Option<&str>) -> Value {
        let (intent, method, card) = (attempt.intent, attempt.method, attempt.card);
        let now = self.now_s();
        let id = format!("ch_3{}", chance::word(23));
        let is_paid = decline.is_none();
        let is_captured = is_paid && !is_manual(intent);
        let amount = whole(intent, "amount");
        let (code, message) = match decline {
            Some(code) if card.does == Does::Block => (Some("card_declined"), Some(blocked_words(code))),
            Some(code) => {
                let (code, message) = cards::declined(code);
                (Some(code), Some(message))
            }
            None => (None, None),
        };
        let mut charge = json!({
            "id": id,
            "object": "charge",
            "amount": amount,
            "amount_captured": if is_captured { amount } else { 0 },
            "amount_refunded": 0,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": null,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": "STANDIN",
            "captured": is_captured,
            "created": now,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": false,
            "failure_balance_transaction": null,
            "failure_code": code,
            "failure_message": message,
            "fraud_details": {},
            "livemode": self.live(),
            "metadata": intent["metadata"],
            "on_behalf_of": null,
            "outcome": outcome(card, decline),
            "paid": is_paid,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": { "card": self.details(attempt, decline), "type": "card" },
            "receipt_email": intent["receipt_email"],
            "receipt_number": null,
            "receipt_url": null,
            "refunded": false,
            "review": null,
            "shipping": intent["shipping"],
            "source": null,
            "source_transfer": null,
            "statement_descriptor": intent["statement_descriptor"],
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": if is_paid { "succeeded" } else { "failed" },
            "transfer_data": null,
            "transfer_group": null,
        });
        if is_paid {
            set(&mut charge, "receipt_url", format!("{}/receipts/{id}", self.world.stripe_address));
        }
        charge
    }

    fn details(&self, attempt: &Attempt<'_>, decline: Option<&str>) -> Value {
        let (card, method) = (attempt.card, attempt.method);
        // Mastercard's own indicators; those of the other schemes.
        let (attempted, proved) = if card.brand == "mastercard" { ("01", "02") } else { ("06", "05") };
        let secure = match attempt.authenticated {
            Authenticated::No => Value::Null,
            Authenticated::Attempted => json!({
                "authentication_flow": null, "electronic_commerce_indicator": attempted, "exemption_indicator": null,
                "result": "attempt_acknowledged", "result_reason": null, "transaction_id": chance::word(36), "version": "2.2.0",
            }),
            Authenticated::Yes => json!({
                "authentication_flow": "challenge", "electronic_commerce_indicator": proved, "exemption_indicator": null,
                "result": "authenticated", "result_reason": null, "transaction_id": chance::word(36), "version": "2.2.0",
            }),
        };
        let amount = if decline.is_none() { attempt.intent["amount"].clone() } else { Value::Null };
        let code = if decline.is_none() { Value::from(chance::capitals(6)) } else { Value::Null };
        let mut details = json!({
            "amount_authorized": amount,
            "authorization_code": code,
            "brand": card.brand,
            "checks": self.checks(card, &method["billing_details"], Checked::Charged),
            "country": card.country,
            "electronic_commerce_indicator": null,
            "exp_month": method["card"]["exp_month"],
            "exp_year": method["card"]["exp_year"],
            "extended_authorization": { "status": "disabled" },
            "fingerprint": method["card"]["fingerprint"],
            "funding": card.funding,
            "incremental_authorization": { "status": "unavailable" },
            "installments": null,
            "last4": last4(card),
            "mandate": null,
            "multicapture": { "status": "unavailable" },
            "network": card.brand,
            "network_token": { "used": false },
            "network_transaction_id": chance::capitals(15),
            "overcapture": { "maximum_amount_capturable": attempt.intent["amount"], "status": "unavailable" },
            "regulated_status": "unregulated",
            "three_d_secure": secure,
            "transaction_link_id": null,
            "wallet": null,
        });
        if decline.is_none() && is_manual(attempt.intent) {
            set(&mut details, "capture_before", self.now_s() + HOLD_S);
        }
        details
    }

    /// Gives a captured charge its balance transaction.
    pub fn settle_charge(&mut self, id: &str) {
        let Some(charge) = self.find("charge", id) else { return };
        if !charge["balance_transaction"].is_null() || !charge["captured"].as_bool().unwrap_or(false) {
            return;
        }
        let (amount, currency) = (whole(&charge, "amount_captured"), text(&charge, "currency"));
        let transaction = self.transaction("charge", amount, super::money::fee(amount), currency, id);
        self.change("charge", id, |charge| set(charge, "balance_transaction", transaction));
    }
}

pub fn is_manual(intent: &Value) -> bool {
    text(intent, "capture_method") == "manual"
}

fn outcome(card: &Card, decline: Option<&str>) -> Value {
    let level = match card.risk {
        75.. => "highest",
        65..=74 => "elevated",
        _ => "normal",
    };
    let (status, reason, seller, kind) = match (decline, card.does) {
        (None, _) => ("approved_by_network", Value::Null, "Payment complete.", "authorized"),
        (Some(_), Does::Block) => (
            "not_sent_to_network",
            Value::from("highest_risk_level"),
            "Stripe blocked this payment as too risky.",
            "blocked",
        ),
        (Some(code), _) => (
            "declined_by_network",
            Value::from(code),
            "The bank did not return any further details with this decline.",
            "issuer_declined",
        ),
    };
    let is_refused = kind == "issuer_declined";
    json!({
        "advice_code": if is_refused { Value::from("try_again_later") } else { Value::Null },
        "network_advice_code": null,
        "network_decline_code": if is_refused { Value::from("01") } else { Value::Null },
        "network_status": status,
        "reason": reason,
        "risk_level": level,
        "risk_score": card.risk,
        "seller_message": seller,
        "type": kind,
    })
}

fn blocked_words(_code: &str) -> &'static str {
    "Your card was declined."
}

/// The error of a declined card; whoever calls adds the intent.
pub fn card_error(decline_code: &str, charge: &str) -> StripeError {
    let (code, message) = cards::declined(decline_code);
    StripeError::new(402, "card_error", message)
        .code(code)
        .field("decline_code", decline_code)
        .field("advice_code", "try_again_later")
        .field("network_decline_code", "01")
        .field("charge", charge)
}
