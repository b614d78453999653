//! Refunds of captures: never more than was captured and is not refunded yet.

use serde_json::{Value, json};

use super::error::{Outcome, PaypalError};
use super::money::Money;
use super::payments::{asked, reference};
use super::{Counter, Prefer, Reply};
use crate::chance;
use crate::shelf::{set, text};

/// "Refunds … within 180 days."
const WINDOW_S: i64 = 180 * 24 * 3600;

impl Counter<'_> {
    pub fn refund(&mut self, capture_id: &str, body: &Value, want: Prefer) -> Outcome<Reply> {
        let capture = self.fetch("capture", capture_id)?;
        let whole = Money::read(&capture["amount"]).map_err(|_broken| PaypalError::server())?;
        let refunded = capture["_refunded"].as_i64().unwrap_or(0);
        self.refundable(&capture)?;
        let money = asked(body, &whole, whole.minor - refunded, "REFUND_CAPTURE_CURRENCY_MISMATCH")?;
        if refunded + money.minor > whole.minor {
            return Err(PaypalError::refused("REFUND_AMOUNT_EXCEEDED"));
        }
        let refund = self.new_refund(&capture, &money, refunded, body);
        let id = text(&refund, "id").to_owned();
        self.put("refund", refund.clone());
        let all = refunded + money.minor;
        self.change("capture", capture_id, |capture| {
            set(capture, "_refunded", all);
            set(capture, "status", if all == whole.minor { "REFUNDED" } else { "PARTIALLY_REFUNDED" });
        });
        let order = text(&capture, "_order").to_owned();
        if let Some(capture) = self.find("capture", capture_id) {
            self.mirror(&order, "captures", &capture);
        }
        let mut mirrored = refund.clone();
        set(&mut mirrored, "_unit", capture["_unit"].clone());
        self.mirror(&order, "refunds", &mirrored);
        self.effect("refund", &id, &money, &reference(&capture, &order));
        self.moved("T1107", capture_id, -money.minor, &money, &refund);
        let summary = format!("A {} {} capture payment was refunded", money.currency, money.text());
        self.event("PAYMENT.CAPTURE.REFUNDED", "refund", &refund, &summary);
        Ok(Reply::made(201, "refund", &id, self.dressed("refund", &refund, want)))
    }

    /// The same without a key of a call, by the rules that hold for a call.
    pub fn refund_by_hand(&mut self, capture_id: &str, minor: Option<i64>) -> Outcome<Reply> {
        let capture = self.fetch("capture", capture_id)?;
        let whole = Money::read(&capture["amount"]).map_err(|_broken| PaypalError::server())?;
        let body = match minor {
            Some(minor) => json!({ "amount": Money::new(minor, &whole.currency).to_json() }),
            None => json!({}),
        };
        self.refund(capture_id, &body, Prefer::Minimal)
    }

    fn refundable(&self, capture: &Value) -> Outcome<()> {
        let made = crate::clock::seconds(text(capture, "create_time")).unwrap_or(0);
        let issue = match text(capture, "status") {
            "REFUNDED" => "CAPTURE_FULLY_REFUNDED",
            "PENDING" => "PENDING_CAPTURE",
            "COMPLETED" | "PARTIALLY_REFUNDED" if capture["_disputed"].as_bool().unwrap_or(false) => {
                "TRANSACTION_DISPUTED"
            }
            "COMPLETED" | "PARTIALLY_REFUNDED" if self.now_s() - made > WINDOW_S => {
                "REFUND_TIME_LIMIT_EXCEEDED"
            }
            "COMPLETED" | "PARTIALLY_REFUNDED" => return Ok(()),
            _ => "REFUND_NOT_ALLOWED",
        };
        Err(PaypalError::refused(issue))
    }

    fn new_refund(&self, capture: &Value, money: &Money, refunded: i64, body: &Value) -> Value {
        let id = chance::capitals(17);
        let now = self.world.clock.now_text();
        let zero = Money::new(0, &money.currency);
        let all = Money::new(refunded + money.minor, &money.currency);
        let mut refund = json!({
            "id": id,
            "status": "COMPLETED",
            "amount": money.to_json(),
            "seller_payable_breakdown": {
                "gross_amount": money.to_json(), "paypal_fee": zero.to_json(), "net_amount": money.to_json(),
                "total_refunded_amount": all.to_json(),
            },
            "links": [
                self.link(&format!("/v2/payments/refunds/{id}"), "self", "GET"),
                self.link(&format!("/v2/payments/captures/{}", text(capture, "id")), "up", "GET"),
            ],
            "create_time": now,
            "update_time": now,
        });
        for name in ["custom_id", "invoice_id"] {
            if let Some(value) = body.get(name).or_else(|| capture.get(name)) {
                set(&mut refund, name, value.clone());
            }
        }
        if let Some(note) = body.get("note_to_payer") {
            set(&mut refund, "note_to_payer", note.clone());
        }
        refund
    }
}
