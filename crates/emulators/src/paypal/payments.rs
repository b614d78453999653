//! Payments v2: authorizations and captures.

use serde_json::{Value, json};

use super::checks;
use super::error::{Outcome, PaypalError};
use super::money::Money;
use super::orders::ends;
use super::{Counter, Prefer, Reply};
use crate::chance;
use crate::shelf::{set, text};

const DAY_S: i64 = 24 * 3600;
/// "You can reauthorize a payment only once from days four to 29."
const HONOR_S: i64 = 3 * DAY_S;
const AUTHORIZATION_S: i64 = 29 * DAY_S;

impl Counter<'_> {
    /// A capture of a purchase unit, with the merchant's words on it.
    pub fn new_capture(
        &mut self,
        unit: &Value,
        money: &Money,
        order: &str,
        authorization: Option<&str>,
        is_final: bool,
    ) -> Value {
        let id = chance::capitals(17);
        let now = self.world.clock.now_text();
        let pending = self.world.faults.pending(&self.world.dice);
        let path = format!("/v2/payments/captures/{id}");
        let up = match authorization {
            Some(authorization) => format!("/v2/payments/authorizations/{authorization}"),
            None => format!("/v2/checkout/orders/{order}"),
        };
        let mut capture = json!({
            "id": id,
            "status": if pending.is_some() { "PENDING" } else { "COMPLETED" },
            "amount": money.to_json(),
            "final_capture": is_final,
            "seller_protection": {
                "status": "ELIGIBLE", "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
            },
            "links": [
                self.link(&path, "self", "GET"),
                self.link(&format!("{path}/refund"), "refund", "POST"),
                self.link(&up, "up", "GET"),
            ],
            "create_time": now,
            "update_time": now,
            "supplementary_data": { "related_ids": { "order_id": order } },
            "_order": order,
            "_unit": unit["reference_id"],
            "_authorization": authorization,
            "_refunded": 0,
        });
        if let Some(authorization) = authorization {
            set(&mut capture["supplementary_data"]["related_ids"], "authorization_id", authorization);
        }
        for name in ["custom_id", "invoice_id"] {
            if let Some(value) = unit.get(name) {
                set(&mut capture, name, value.clone());
            }
        }
        match pending {
            Some(reason) => set(&mut capture, "status_details", json!({ "reason": reason })),
            None => set(&mut capture, "seller_receivable_breakdown", breakdown(money)),
        }
        self.put("capture", capture.clone());
        self.effect("capture", &id, money, &reference(unit, order));
        let kind = if text(&capture, "status") == "PENDING" { "PENDING" } else { "COMPLETED" };
        if kind == "COMPLETED" {
            self.moved("T0006", &id, money.minor, money, &capture);
        } else {
            self.noted("T0006", &id, "P", money, &capture);
        }
        self.event(
            &format!("PAYMENT.CAPTURE.{kind}"),
            "capture",
            &capture,
            &format!("Payment {} for {} {}", kind.to_ascii_lowercase(), money.currency, money.text()),
        );
        capture
    }

    /// A pending capture comes to its end: the money came, or it did not.
    pub fn settle_capture(&mut self, id: &str, is_paid: bool) -> Option<()> {
        let capture = self.find("capture", id).filter(|capture| text(capture, "status") == "PENDING")?;
        let money = Money::read(&capture["amount"]).ok()?;
        self.change("capture", id, |capture| {
            set(capture, "status", if is_paid { "COMPLETED" } else { "DECLINED" });
            if let Some(map) = capture.as_object_mut() {
                map.remove("status_details");
            }
            if is_paid {
                set(capture, "seller_receivable_breakdown", breakdown(&money));
            }
        });
        let capture = self.find("capture", id)?;
        self.mirror(text(&capture, "_order"), "captures", &capture);
        if is_paid {
            self.moved("T0006", id, money.minor, &money, &capture);
        } else {
            self.noted("T0006", id, "D", &money, &capture);
        }
        let kind = if is_paid { "PAYMENT.CAPTURE.COMPLETED" } else { "PAYMENT.CAPTURE.DENIED" };
        self.event(kind, "capture", &capture, "The pending payment came to its end");
        Some(())
    }

    pub fn new_authorization(&mut self, unit: &Value, money: &Money, order: &str) -> Value {
        let id = chance::capitals(17);
        let now = self.world.clock.now_text();
        let path = format!("/v2/payments/authorizations/{id}");
        let mut authorization = json!({
            "id": id,
            "status": "CREATED",
            "amount": money.to_json(),
            "seller_protection": {
                "status": "ELIGIBLE", "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
            },
            "expiration_time": ends(self.now_s(), AUTHORIZATION_S),
            "links": [
                self.link(&path, "self", "GET"),
                self.link(&format!("{path}/capture"), "capture", "POST"),
                self.link(&format!("{path}/void"), "void", "POST"),
                self.link(&format!("{path}/reauthorize"), "reauthorize", "POST"),
                self.link(&format!("/v2/checkout/orders/{order}"), "up", "GET"),
            ],
            "create_time": now,
            "update_time": now,
            "supplementary_data": { "related_ids": { "order_id": order } },
            "_order": order,
            "_unit": unit["reference_id"],
            "_captured": 0,
            "_since_s": self.now_s(),
            "_again": false,
        });
        for name in ["custom_id", "invoice_id"] {
            if let Some(value) = unit.get(name) {
                set(&mut authorization, name, value.clone());
            }
        }
        self.put("authorization", authorization.clone());
        self.noted("T1300", &id, "S", money, &authorization);
        self.effect("authorize", &id, money, &reference(unit, order));
        self.event(
            "PAYMENT.AUTHORIZATION.CREATED",
            "authorization",
            &authorization,
            "A payment was authorized",
        );
        authorization
    }

    pub fn capture_authorization(&mut self, id: &str, body: &Value, want: Prefer) -> Outcome<Reply> {
        let authorization = self.fetch("authorization", id)?;
        self.capturable(&authorization)?;
        let whole = Money::read(&authorization["amount"]).map_err(|_broken| PaypalError::server())?;
        let captured = authorization["_captured"].as_i64().unwrap_or(0);
        let money = asked(body, &whole, whole.minor - captured, "AUTH_CAPTURE_CURRENCY_MISMATCH")?;
        // Up to 115 % of what was authorized, and not more than 75 more (in the currency's main unit).
        let scale = 10_i64.pow(super::money::digits(&whole.currency));
        let most = (whole.minor + whole.minor * 15 / 100).min(whole.minor + 75 * scale);
        if captured + money.minor > most {
            return Err(PaypalError::refused("MAX_CAPTURE_AMOUNT_EXCEEDED"));
        }
        let is_final = body.get("final_capture").and_then(Value::as_bool).unwrap_or(false);
        let order = text(&authorization, "_order").to_owned();
        let mut unit = json!({ "reference_id": authorization["_unit"] });
        for name in ["custom_id", "invoice_id"] {
            if let Some(value) = body.get(name).or_else(|| authorization.get(name)) {
                set(&mut unit, name, value.clone());
            }
        }
        let capture = self.new_capture(&unit, &money, &order, Some(id), is_final);
        self.change("authorization", id, |authorization| {
            let all = captured + money.minor;
            let is_done = is_final || all >= whole.minor;
            set(authorization, "_captured", all);
            set(authorization, "status", if is_done { "CAPTURED" } else { "PARTIALLY_CAPTURED" });
        });
        self.mirror(&order, "captures", &capture);
        self.mirror_authorization(id);
        let capture_id = text(&capture, "id").to_owned();
        Ok(Reply::made(201, "capture", &capture_id, self.dressed("capture", &capture, want)))
    }

    fn capturable(&self, authorization: &Value) -> Outcome<()> {
        match text(authorization, "status") {
            "CAPTURED" => Err(PaypalError::refused("AUTHORIZATION_ALREADY_CAPTURED")),
            "VOIDED" => Err(PaypalError::refused("AUTHORIZATION_VOIDED")),
            "DENIED" => Err(PaypalError::refused("AUTHORIZATION_DENIED")),
            _ if self.is_expired(authorization) => Err(PaypalError::refused("AUTHORIZATION_EXPIRED")),
            _ => Ok(()),
        }
    }

    fn is_expired(&self, authorization: &Value) -> bool {
        self.now_s() - authorization["_since_s"].as_i64().unwrap_or(0) > AUTHORIZATION_S
    }

    fn mirror_authorization(&mut self, id: &str) {
        if let Some(authorization) = self.find("authorization", id) {
            self.mirror(text(&authorization, "_order"), "authorizations", &authorization);
        }
    }

    pub fn void_authorization(&mut self, id: &str, want: Prefer) -> Outcome<Reply> {
        let authorization = self.fetch("authorization", id)?;
        let refused = |issue: &str| Err(PaypalError::refused(issue));
        match text(&authorization, "status") {
            "VOIDED" => {
                return refused("PREVIOUSLY_VOIDED");
            }
            "CAPTURED" => {
                return refused("PREVIOUSLY_CAPTURED");
            }
            _ if self.is_expired(&authorization) => {
                return refused("CANNOT_BE_VOIDED");
            }
            _ => {}
        }
        let whole = Money::read(&authorization["amount"]).map_err(|_broken| PaypalError::server())?;
        let left =
            Money::new(whole.minor - authorization["_captured"].as_i64().unwrap_or(0), &whole.currency);
        self.change("authorization", id, |authorization| set(authorization, "status", "VOIDED"));
        self.mirror_authorization(id);
        let voided = self.fetch("authorization", id)?;
        self.effect("void", id, &left, &reference(&voided, text(&voided, "_order")));
        self.event(
            "PAYMENT.AUTHORIZATION.VOIDED",
            "authorization",
            &voided,
            "A payment authorization was voided",
        );
        Ok(match want {
            Prefer::Representation => Reply::made(200, "authorization", id, voided),
            Prefer::Minimal => Reply::made(204, "authorization", id, Value::Null),
        })
    }

    pub fn reauthorize(&mut self, id: &str, body: &Value, want: Prefer) -> Outcome<Reply> {
        let authorization = self.fetch("authorization", id)?;
        self.capturable(&authorization)?;
        let age_s = self.now_s() - authorization["_since_s"].as_i64().unwrap_or(0);
        if age_s < HONOR_S || authorization["_again"].as_bool().unwrap_or(false) {
            return Err(PaypalError::refused("REAUTHORIZATION_NOT_SUPPORTED"));
        }
        let whole = Money::read(&authorization["amount"]).map_err(|_broken| PaypalError::server())?;
        let money = asked(body, &whole, whole.minor, "AUTH_CURRENCY_MISMATCH")?;
        let now = self.now_s();
        self.change("authorization", id, |authorization| {
            set(authorization, "amount", money.to_json());
            set(authorization, "_since_s", now);
            set(authorization, "_again", true);
            set(authorization, "expiration_time", ends(now, AUTHORIZATION_S));
        });
        self.mirror_authorization(id);
        let authorization = self.fetch("authorization", id)?;
        Ok(Reply::made(201, "authorization", id, self.dressed("authorization", &authorization, want)))
    }
}

/// The amount that a call names, or `left`.
pub fn asked(body: &Value, whole: &Money, left: i64, mismatch: &str) -> Outcome<Money> {
    let Some(amount) = body.get("amount") else { return Ok(Money::new(left, &whole.currency)) };
    let mut faults = Vec::new();
    checks::money(amount, "/amount", &mut faults);
    if !faults.is_empty() {
        return Err(PaypalError::invalid(faults));
    }
    let money = Money::read(amount).map_err(PaypalError::refused)?;
    if money.currency != whole.currency {
        return Err(PaypalError::refused(mismatch));
    }
    if money.minor <= 0 {
        return Err(PaypalError::refused("CANNOT_BE_ZERO_OR_NEGATIVE"));
    }
    Ok(money)
}

/// The merchant's words on a payment.
pub fn reference(holder: &Value, order: &str) -> Value {
    json!({
        "order": order, "reference_id": holder.get("reference_id"), "custom_id": holder.get("custom_id"),
        "invoice_id": holder.get("invoice_id"),
    })
}

fn breakdown(money: &Money) -> Value {
    let fee = money.fee();
    let net = Money::new(money.minor - fee.minor, &money.currency);
    json!({ "gross_amount": money.to_json(), "paypal_fee": fee.to_json(), "net_amount": net.to_json() })
}
