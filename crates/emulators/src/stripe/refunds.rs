//! Refunds: never more than was captured and is not refunded yet.

use serde_json::{Map, Value, json};

use super::Desk;
use super::cards::Does;
use super::error::{Outcome, StripeError};
use super::methods::card_of;
use super::params::{self, EXPAND, Field, Kind, METADATA, given, may, text_of};
use super::tasks::What;
use crate::chance;
use crate::page::amount as words;
use crate::shelf::{flag, set, text, whole};

const CREATE: [Field; 12] = [
    EXPAND,
    METADATA,
    may("amount", Kind::Integer),
    may("charge", Kind::Text(255)),
    may("payment_intent", Kind::Text(255)),
    may("reason", Kind::Word(&["duplicate", "fraudulent", "requested_by_customer"])),
    may("currency", Kind::Beyond),
    may("customer", Kind::Beyond),
    may("instructions_email", Kind::Beyond),
    may("origin", Kind::Beyond),
    may("refund_application_fee", Kind::Beyond),
    may("reverse_transfer", Kind::Beyond),
];

/// How long a pending refund pends.
const PENDS_S: i64 = 3600;

impl Desk<'_> {
    pub fn create_refund(&mut self, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&CREATE, tree)?;
        let charge = self.refunded_charge(&wanted)?;
        let amount = refundable(&charge, wanted.get("amount").and_then(Value::as_i64))?;
        let (id, currency) = (format!("re_3{}", chance::word(23)), text(&charge, "currency").to_owned());
        let charge_id = text(&charge, "id").to_owned();
        let does = self
            .find("payment_method", text(&charge, "payment_method"))
            .and_then(|method| card_of(&method))
            .map(|card| card.does);
        let is_pending = does == Some(Does::RefundPends);
        let transaction = self.transaction("refund", -amount, 0, &currency, &id);
        let mut refund = new_refund(&id, amount, &charge, self.now_s(), Value::from(transaction));
        set(&mut refund, "metadata", params::merged_metadata(&Value::Null, &wanted));
        set(&mut refund, "reason", given(&wanted, "reason"));
        set(&mut refund, "status", if is_pending { "pending" } else { "succeeded" });
        self.put("refund", refund.clone());
        self.change("charge", &charge_id, |charge| {
            let all = whole(charge, "amount_refunded") + amount;
            set(charge, "amount_refunded", all);
            set(charge, "refunded", all == whole(charge, "amount"));
        });
        self.effect("refund", &id, amount, &currency, &charge["metadata"]);
        match does {
            Some(Does::RefundPends) => self.later(PENDS_S, What::SucceedRefund(id)),
            Some(Does::RefundFails) => self.later(PENDS_S, What::FailRefund(id)),
            _ => {}
        }
        self.event("refund.created", &refund, None);
        if let Some(charge) = self.find("charge", &charge_id) {
            self.event("charge.refunded", &charge, None);
        }
        Ok(refund)
    }

    /// What was held and is not captured goes back as a refund that no call asked for and that moves no money: it is in the list,
    /// and on the charge (woocommerce-gateway-stripe #1073 and solidus_stripe #268 show Stripe's answers).
    pub fn release_rest(&mut self, charge_id: &str, amount: i64) {
        let Some(charge) = self.find("charge", charge_id) else { return };
        if amount < 1 {
            return;
        }
        let id = format!("re_3{}", chance::word(23));
        let refund = new_refund(&id, amount, &charge, self.now_s(), Value::Null);
        self.put("refund", refund);
        self.change("charge", charge_id, |charge| {
            let all = whole(charge, "amount_refunded") + amount;
            set(charge, "amount_refunded", all);
            set(charge, "refunded", all == whole(charge, "amount"));
        });
    }

    fn refunded_charge(&self, wanted: &Map<String, Value>) -> Outcome<Value> {
        match (text_of(wanted, "charge"), text_of(wanted, "payment_intent")) {
            (Some(id), None) => self.fetch("charge", id, "charge"),
            (None, Some(id)) => {
                let intent = self.fetch("payment_intent", id, "payment_intent")?;
                let charge = self.find("charge", text(&intent, "latest_charge"));
                charge.filter(|charge| flag(charge, "paid") && flag(charge, "captured")).ok_or_else(|| {
                    let message =
                        format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
                    StripeError::refused("resource_missing", message).param("payment_intent")
                })
            }
            (Some(_), Some(_)) => Err(StripeError::invalid(
                "You may only specify one of these parameters: charge, payment_intent.",
            )),
            (None, None) => Err(StripeError::invalid(
                "One of the following params should be provided for this request: \
                                                      payment_intent or charge.",
            )),
        }
    }

    pub fn update_refund(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&[EXPAND, METADATA], tree)?;
        let old = self.fetch("refund", id, "id")?;
        let metadata = params::merged_metadata(&old["metadata"], &wanted);
        self.change("refund", id, |refund| set(refund, "metadata", metadata));
        self.fetch("refund", id, "id")
    }

    /// The bank's answer on a refund that was not final.
    pub fn finish_refund(&mut self, id: &str, status: &str) {
        let Some(refund) = self.find("refund", id) else { return };
        if status == "failed" {
            let (amount, currency) = (whole(&refund, "amount"), text(&refund, "currency"));
            let back = self.transaction("refund_failure", amount, 0, currency, id);
            self.change("refund", id, |refund| {
                set(refund, "failure_balance_transaction", back);
                set(refund, "failure_reason", "expired_or_canceled_card");
            });
            self.change("charge", text(&refund, "charge"), |charge| {
                let all = whole(charge, "amount_refunded") - amount;
                set(charge, "amount_refunded", all);
                set(charge, "refunded", false);
            });
        }
        self.change("refund", id, |refund| set(refund, "status", status));
        let Some(refund) = self.find("refund", id) else { return };
        self.event(if status == "failed" { "refund.failed" } else { "refund.updated" }, &refund, None);
        self.event("charge.refund.updated", &refund, None);
    }
}

fn new_refund(id: &str, amount: i64, charge: &Value, now_s: i64, transaction: Value) -> Value {
    json!({
        "id": id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": transaction,
        "charge": charge["id"],
        "created": now_s,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": null,
        "destination_details": {
            "card": {
                "reference": chance::capitals(12), "reference_status": "available",
                "reference_type": "acquirer_reference_number", "type": "refund",
            },
            "type": "card",
        },
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": null,
        "receipt_number": null,
        "source_transfer_reversal": null,
        "status": "succeeded",
        "transfer_reversal": null,
    })
}

/// How much of a charge goes back: what is asked for, or all that is left.
fn refundable(charge: &Value, wanted: Option<i64>) -> Outcome<i64> {
    let id = text(charge, "id");
    if !flag(charge, "paid") {
        let message = format!("Charge {id} has not been paid, so it cannot be refunded.");
        return Err(StripeError::refused("charge_not_refundable", message));
    }
    if !flag(charge, "captured") {
        let message = format!("Charge {id} has not been captured. Cancel its PaymentIntent instead.");
        return Err(StripeError::refused("charge_not_refundable", message));
    }
    if flag(charge, "disputed") {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return Err(StripeError::refused("charge_disputed", message));
    }
    let left = whole(charge, "amount") - whole(charge, "amount_refunded");
    if left < 1 {
        let message = format!("Charge {id} has already been refunded.");
        return Err(StripeError::refused("charge_already_refunded", message));
    }
    let amount = wanted.unwrap_or(left);
    if amount < 1 {
        let message = "This value must be greater than or equal to 1.";
        return Err(StripeError::invalid(message).code("parameter_invalid_integer").param("amount"));
    }
    if amount > left {
        let currency = text(charge, "currency");
        let message = format!(
            "Refund amount ({}) is greater than unrefunded amount on charge ({})",
            words(amount, currency),
            words(left, currency)
        );
        return Err(StripeError::refused("amount_too_large", message).param("amount"));
    }
    Ok(amount)
}
