//! Disputes: opened by a buyer's bank (a test card or the control interface), answered by the merchant, decided by the bank.

use serde_json::{Map, Value, json};

use super::Desk;
use super::error::{Outcome, StripeError};
use super::methods::card_of;
use super::params::{self, EXPAND, Field, Kind, METADATA, may};
use super::tasks::What;
use crate::chance;
use crate::shelf::{flag, set, text, whole};

/// How long a merchant has to answer; networks give 7 to 21 days.
const DUE_S: i64 = 10 * 24 * 3600;
/// How long the bank takes here.
const DECIDES_S: i64 = 60;
/// Taken for every dispute: 15.00.
const FEE: i64 = 1500;

const TEXT: Kind = Kind::Emptiable(150_000);
const EVIDENCE: Kind = Kind::Object(&[
    may("access_activity_log", TEXT),
    may("billing_address", TEXT),
    may("cancellation_policy", TEXT),
    may("cancellation_policy_disclosure", TEXT),
    may("cancellation_rebuttal", TEXT),
    may("customer_communication", TEXT),
    may("customer_email_address", TEXT),
    may("customer_name", TEXT),
    may("customer_purchase_ip", TEXT),
    may("customer_signature", TEXT),
    may("duplicate_charge_documentation", TEXT),
    may("duplicate_charge_explanation", TEXT),
    may("duplicate_charge_id", TEXT),
    may("enhanced_evidence", Kind::Beyond),
    may("product_description", TEXT),
    may("receipt", TEXT),
    may("refund_policy", TEXT),
    may("refund_policy_disclosure", TEXT),
    may("refund_refusal_explanation", TEXT),
    may("service_date", TEXT),
    may("service_documentation", TEXT),
    may("shipping_address", TEXT),
    may("shipping_carrier", TEXT),
    may("shipping_date", TEXT),
    may("shipping_documentation", TEXT),
    may("shipping_tracking_number", TEXT),
    may("uncategorized_file", TEXT),
    may("uncategorized_text", TEXT),
    may("appeal", Kind::Beyond),
]);

/// Places that take a file's id and nothing else.
const FILES: [&str; 9] = [
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
];

const UPDATE: [Field; 5] = [
    EXPAND,
    METADATA,
    may("evidence", EVIDENCE),
    may("submit", Kind::Boolean),
    may("intended_submission_method", Kind::Beyond),
];

impl Desk<'_> {
    /// The bank takes the money back. Returns the dispute.
    ///
    /// # Errors
    /// Where there is no such charge, or it is disputed already.
    pub fn open_dispute(&mut self, charge_id: &str, reason: &str, amount: Option<i64>) -> Outcome<Value> {
        let charge = self.fetch("charge", charge_id, "charge")?;
        let amount = amount.unwrap_or(whole(&charge, "amount_captured"));
        let can = flag(&charge, "captured") && !flag(&charge, "disputed");
        if !can || amount < 1 || amount > whole(&charge, "amount_captured") {
            return Err(StripeError::refused("charge_not_disputable", "This charge cannot be disputed so."));
        }
        let id = format!("du_1{}", chance::word(23));
        let currency = text(&charge, "currency").to_owned();
        let now = self.now_s();
        let transaction = self.transaction("adjustment", -amount, FEE, &currency, &id);
        let entry = self.find("balance_transaction", &transaction).unwrap_or(Value::Null);
        let brand = &charge["payment_method_details"]["card"]["brand"];
        let is_known = self.find("payment_method", text(&charge, "payment_method"));
        let is_visa = is_known.and_then(|method| card_of(&method)).is_some_and(|card| card.brand == "visa");
        let dispute = json!({
            "id": id, "object": "dispute", "amount": amount, "balance_transactions": [entry], "charge": charge_id,
            "created": now, "currency": currency, "enhanced_eligibility_types": [], "evidence": empty_evidence(),
            "evidence_details": {
                "due_by": now + DUE_S, "enhanced_eligibility": {}, "has_evidence": false, "past_due": false,
                "submission_count": 0, "submission_method": "not_submitted",
            },
            "intended_submission_method": null, "is_charge_refundable": false, "livemode": self.live(), "metadata": {},
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "card": {
                    "brand": brand, "case_type": "chargeback", "network": brand,
                    "network_reason_code": if is_visa { "10.4" } else { "4837" },
                },
                "type": "card",
            },
            "reason": reason, "status": "needs_response",
        });
        self.put("dispute", dispute.clone());
        self.change("charge", charge_id, |charge| set(charge, "disputed", true));
        self.effect("dispute", &id, amount, &currency, &charge["metadata"]);
        self.event("charge.dispute.created", &dispute, None);
        self.event("charge.dispute.funds_withdrawn", &dispute, None);
        self.later(DUE_S + 1, What::Lapse(text(&dispute, "id").to_owned()));
        Ok(dispute)
    }

    pub fn update_dispute(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&UPDATE, tree)?;
        let old = self.fetch("dispute", id, "dispute")?;
        let metadata = params::merged_metadata(&old["metadata"], &wanted);
        let evidence = wanted.get("evidence").and_then(Value::as_object).cloned().unwrap_or_default();
        for name in FILES {
            let id = evidence.get(name).and_then(Value::as_str).unwrap_or("");
            if !id.is_empty() && self.find("file", id).is_none() {
                return Err(StripeError::missing("file", id, "evidence"));
            }
        }
        let is_late = whole(&old["evidence_details"], "due_by") < self.now_s();
        if !evidence.is_empty() && (text(&old, "status") != "needs_response" || is_late) {
            let message = "This dispute is already closed, or its evidence is already with the bank.";
            return Err(StripeError::refused("dispute_unexpected_state", message));
        }
        // "submit" is true where it is left out.
        let submits = !evidence.is_empty() && wanted.get("submit") != Some(&Value::Bool(false));
        self.change("dispute", id, |dispute| {
            set(dispute, "metadata", metadata);
            let has_any = !evidence.is_empty();
            for (name, value) in evidence {
                set(&mut dispute["evidence"], &name, value);
            }
            if has_any {
                set(&mut dispute["evidence_details"], "has_evidence", true);
            }
            if submits {
                let count = whole(&dispute["evidence_details"], "submission_count") + 1;
                set(&mut dispute["evidence_details"], "submission_count", count);
                set(&mut dispute["evidence_details"], "submission_method", "manual");
                set(dispute, "status", "under_review");
            }
        });
        if submits {
            self.later(DECIDES_S, What::Decide(id.to_owned()));
        }
        let dispute = self.fetch("dispute", id, "dispute")?;
        self.event("charge.dispute.updated", &dispute, None);
        Ok(dispute)
    }

    /// The merchant gives in.
    pub fn accept_dispute(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        params::read(&[EXPAND], tree)?;
        let old = self.fetch("dispute", id, "dispute")?;
        if ["won", "lost"].contains(&text(&old, "status")) {
            return Err(StripeError::refused("dispute_unexpected_state", "This dispute is already closed."));
        }
        self.close_dispute(id, "lost");
        self.fetch("dispute", id, "dispute")
    }

    /// Stripe's test evidence decides: `winning_evidence` wins, all other loses.
    pub fn decide_dispute(&mut self, id: &str) {
        let Some(dispute) = self.find("dispute", id) else { return };
        if text(&dispute, "status") == "under_review" {
            let wins = text(&dispute["evidence"], "uncategorized_text") == "winning_evidence";
            self.close_dispute(id, if wins { "won" } else { "lost" });
        }
    }

    /// Whoever says nothing loses.
    pub fn lapse_dispute(&mut self, id: &str) {
        if self.find("dispute", id).is_some_and(|dispute| text(&dispute, "status") == "needs_response") {
            self.change("dispute", id, |dispute| set(&mut dispute["evidence_details"], "past_due", true));
            self.close_dispute(id, "lost");
        }
    }

    pub fn close_dispute(&mut self, id: &str, status: &str) {
        let Some(old) = self.find("dispute", id) else { return };
        if ["won", "lost"].contains(&text(&old, "status")) {
            return;
        }
        if status == "won" {
            let (amount, currency) = (whole(&old, "amount"), text(&old, "currency").to_owned());
            let back = self.transaction("adjustment", amount, -FEE, &currency, id);
            let entry = self.find("balance_transaction", &back).unwrap_or(Value::Null);
            self.change("dispute", id, |dispute| {
                if let Some(entries) = dispute["balance_transactions"].as_array_mut() {
                    entries.push(entry);
                }
            });
        }
        self.change("dispute", id, |dispute| set(dispute, "status", status));
        let Some(dispute) = self.find("dispute", id) else { return };
        self.event("charge.dispute.closed", &dispute, None);
        if status == "won" {
            self.event("charge.dispute.funds_reinstated", &dispute, None);
        }
    }
}

fn empty_evidence() -> Value {
    let Kind::Object(fields) = EVIDENCE else { return json!({}) };
    let mut evidence: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_owned(), Value::Null)).collect();
    evidence.insert("enhanced_evidence".to_owned(), json!({}));
    Value::Object(evidence)
}
