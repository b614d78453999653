//! Orders v2: made by the merchant, approved by the buyer, captured or authorized by the merchant.

use serde_json::{Value, json};

use super::checks;
use super::error::{Outcome, PaypalError, fault};
use super::issues::words;
use super::money::Money;
use super::{Counter, Prefer, Reply};
use crate::chance;
use crate::clock;
use crate::effects::Provider;
use crate::shelf::{flag, set, text};

/// "The API caller has 3 hours … to redirect your payer. Once redirected, the API caller has 3 hours for the payer to approve."
const APPROVE_S: i64 = 6 * 3600;
/// Behind this an order that was not approved is gone.
const KEPT_S: i64 = 72 * 3600;

impl Counter<'_> {
    pub fn create_order(&mut self, body: &Value, want: Prefer, has_key: bool) -> Outcome<Reply> {
        checks::order(body)?;
        let source = body.get("payment_source").filter(|source| source.is_object());
        if let Some(source) = source {
            if !has_key {
                let issue = "PAYPAL_REQUEST_ID_REQUIRED";
                return Err(PaypalError::invalid(vec![
                    json!({ "issue": issue, "description": words(issue) }),
                ]));
            }
            if source.get("paypal").is_none() {
                return Err(PaypalError::beyond("payment sources other than paypal"));
            }
        }
        let context = source
            .and_then(|source| source["paypal"].get("experience_context"))
            .or_else(|| body.get("application_context"))
            .cloned()
            .unwrap_or(Value::Null);
        let wallet = source.map_or(Value::Null, |source| source["paypal"].clone());
        let vaulted = text(&wallet, "vault_id");
        if !vaulted.is_empty() {
            self.fetch("payment-token", vaulted).map_err(|_missing| {
                PaypalError::unprocessable(vec![fault(
                    "PAYMENT_SOURCE_CANNOT_BE_USED",
                    "/payment_source/paypal/vault_id",
                )])
            })?;
        }
        let mut order = self.new_order(body, source.is_some(), &context);
        let keeps = wallet["attributes"]["vault"]["store_in_vault"] == "ON_SUCCESS";
        set(
            &mut order,
            "_keeps_for",
            if keeps { super::vault::customer(&wallet["attributes"]) } else { String::new() },
        );
        let id = text(&order, "id").to_owned();
        self.put("order", order);
        if !vaulted.is_empty() {
            // Who was remembered said yes already: the order is done at once.
            self.approve(&id, Source::Pays);
            return match text(body, "intent") {
                "CAPTURE" => self.capture_order(&id, want),
                _ => self.authorize_order(&id, want),
            };
        }
        let order = self.fetch("order", &id)?;
        Ok(Reply::made(201, "order", &id, self.dressed("order", &order, want)))
    }

    fn new_order(&self, body: &Value, has_source: bool, context: &Value) -> Value {
        let id = chance::capitals(17);
        let now = self.world.clock.now_text();
        let units: Vec<Value> = body["purchase_units"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|unit| {
                let mut unit = unit.clone();
                if unit.get("reference_id").is_none() {
                    set(&mut unit, "reference_id", "default");
                }
                if let Ok(money) = Money::read(&unit["amount"]) {
                    set(&mut unit["amount"], "value", money.text());
                }
                set(
                    &mut unit,
                    "payee",
                    json!({ "email_address": "merchant@example.com", "merchant_id": "C7CYMKZDG8D6E" }),
                );
                unit
            })
            .collect();
        let mut order = json!({
            "id": id,
            "intent": body["intent"],
            "status": if has_source { "PAYER_ACTION_REQUIRED" } else { "CREATED" },
            "purchase_units": units,
            "create_time": now,
            "_return_url": context.get("return_url"),
            "_cancel_url": context.get("cancel_url"),
            "_created_s": self.now_s(),
        });
        if has_source {
            set(&mut order, "payment_source", json!({ "paypal": {} }));
        }
        let rel = if has_source { "payer-action" } else { "approve" };
        let next = if text(body, "intent") == "CAPTURE" { "capture" } else { "authorize" };
        let path = format!("/v2/checkout/orders/{id}");
        let mut links =
            vec![self.link(&path, "self", "GET"), self.link(&format!("/checkoutnow?token={id}"), rel, "GET")];
        if !has_source {
            links.push(self.link(&path, "update", "PATCH"));
            links.push(self.link(&format!("{path}/{next}"), next, "POST"));
        }
        set(&mut order, "links", links);
        order
    }

    /// Amounts, ids and descriptions of an order that was not completed.
    pub fn patch_order(&mut self, id: &str, body: &Value) -> Outcome<Reply> {
        let order = self.fetch("order", id)?;
        if text(&order, "status") == "COMPLETED" {
            return Err(PaypalError::refused("ORDER_ALREADY_COMPLETED"));
        }
        let steps = body.as_array().filter(|steps| !steps.is_empty());
        let steps = steps.ok_or_else(|| PaypalError::invalid(vec![checks::syntax("/")]))?;
        let mut changed = order;
        for step in steps {
            if text(step, "op") == "remove" {
                return Err(PaypalError::beyond("patches that remove"));
            }
            let path = text(step, "path");
            // `/purchase_units/@reference_id=='default'/amount`
            let rest =
                path.strip_prefix("/purchase_units/@reference_id=='").and_then(|rest| rest.split_once("'/"));
            let Some((reference, name)) = rest else {
                return Err(PaypalError::unprocessable(vec![fault("FIELD_NOT_PATCHABLE", path)]));
            };
            if !["amount", "custom_id", "invoice_id", "description"].contains(&name) {
                return Err(PaypalError::unprocessable(vec![fault("FIELD_NOT_PATCHABLE", path)]));
            }
            let unit = changed["purchase_units"]
                .as_array_mut()
                .and_then(|units| units.iter_mut().find(|unit| text(unit, "reference_id") == reference))
                .ok_or_else(|| PaypalError::unprocessable(vec![fault("INVALID_PATCH_OPERATION", path)]))?;
            set(unit, name, step["value"].clone());
        }
        checks::order(&changed)?;
        self.put("order", changed);
        Ok(Reply { status: 204, body: Value::Null, made: None })
    }

    /// Whether the buyer's yes is there and holds.
    fn approved(&self, id: &str, intent: &str) -> Outcome<Value> {
        let order = self.fetch("order", id)?;
        if self.now_s() - order["_created_s"].as_i64().unwrap_or(0) > KEPT_S {
            return Err(PaypalError::missing());
        }
        if text(&order, "intent") != intent {
            return Err(PaypalError::refused("ACTION_DOES_NOT_MATCH_INTENT"));
        }
        match text(&order, "status") {
            "APPROVED" => Ok(order),
            "COMPLETED" if intent == "CAPTURE" => Err(PaypalError::refused("ORDER_ALREADY_CAPTURED")),
            "COMPLETED" => Err(PaypalError::refused("ORDER_ALREADY_AUTHORIZED")),
            _ => Err(PaypalError::refused("ORDER_NOT_APPROVED")),
        }
    }

    /// Whether the buyer's source of money gives any.
    fn funded(&self, order: &Value) -> Outcome<()> {
        let forced = self.world.faults.decline(&self.world.dice, Provider::Paypal);
        if forced.is_none() && !flag(order, "_declines") {
            return Ok(());
        }
        let issue = forced.unwrap_or_else(|| "INSTRUMENT_DECLINED".to_owned());
        let error = PaypalError::refused(&issue);
        let href = format!("{}/checkoutnow?token={}", self.world.paypal_address, text(order, "id"));
        Err(error.link("redirect", &href))
    }

    pub fn capture_order(&mut self, id: &str, want: Prefer) -> Outcome<Reply> {
        let order = self.approved(id, "CAPTURE")?;
        self.funded(&order)?;
        let mut units = order["purchase_units"].as_array().cloned().unwrap_or_default();
        for unit in &mut units {
            let Ok(money) = Money::read(&unit["amount"]) else { return Err(PaypalError::server()) };
            let capture = self.new_capture(unit, &money, id, None, true);
            set(unit, "payments", json!({ "captures": [capture] }));
        }
        self.complete(id, units);
        let order = self.fetch("order", id)?;
        Ok(Reply::made(201, "order", id, self.dressed("order", &order, want)))
    }

    pub fn authorize_order(&mut self, id: &str, want: Prefer) -> Outcome<Reply> {
        let order = self.approved(id, "AUTHORIZE")?;
        self.funded(&order)?;
        let mut units = order["purchase_units"].as_array().cloned().unwrap_or_default();
        for unit in &mut units {
            let Ok(money) = Money::read(&unit["amount"]) else { return Err(PaypalError::server()) };
            let authorization = self.new_authorization(unit, &money, id);
            set(unit, "payments", json!({ "authorizations": [authorization] }));
        }
        self.complete(id, units);
        let order = self.fetch("order", id)?;
        Ok(Reply::made(201, "order", id, self.dressed("order", &order, want)))
    }

    fn complete(&mut self, id: &str, units: Vec<Value>) {
        let links = vec![self.link(&format!("/v2/checkout/orders/{id}"), "self", "GET")];
        self.change("order", id, |order| {
            set(order, "purchase_units", units);
            set(order, "status", "COMPLETED");
            set(order, "links", links);
        });
        let customer =
            self.find("order", id).map(|order| text(&order, "_keeps_for").to_owned()).unwrap_or_default();
        if !customer.is_empty() {
            let token = self.keep_wallet(&customer);
            self.change("order", id, |order| {
                let vault = json!({
                    "id": token["id"], "status": "VAULTED", "customer": { "id": customer }, "links": token["links"],
                });
                set(&mut order["payment_source"]["paypal"], "attributes", json!({ "vault": vault }));
            });
        }
        if let Some(order) = self.find("order", id) {
            self.event("CHECKOUT.ORDER.COMPLETED", "checkout-order", &order, "Checkout Order Completed");
        }
    }

    /// Puts the newest state of a payment into the order that it belongs to.
    pub fn mirror(&mut self, order: &str, list: &str, payment: &Value) {
        let id = text(payment, "id").to_owned();
        self.change("order", order, |order| {
            for unit in order["purchase_units"].as_array_mut().into_iter().flatten() {
                let reference = text(payment, "_unit");
                if !reference.is_empty() && text(unit, "reference_id") != reference {
                    continue;
                }
                if unit.get("payments").is_none() {
                    set(unit, "payments", json!({}));
                }
                if unit["payments"].get(list).is_none() {
                    set(&mut unit["payments"], list, json!([]));
                }
                let Some(payments) = unit["payments"][list].as_array_mut() else { continue };
                match payments.iter_mut().find(|known| text(known, "id") == id) {
                    Some(known) => *known = payment.clone(),
                    None => payments.push(payment.clone()),
                }
            }
        });
    }

    /// Whether the buyer may still approve.
    pub fn is_open(&self, order: &Value) -> bool {
        let age_s = self.now_s() - order["_created_s"].as_i64().unwrap_or(0);
        ["CREATED", "PAYER_ACTION_REQUIRED", "APPROVED"].contains(&text(order, "status"))
            && age_s <= APPROVE_S
    }

    /// The buyer said yes. `declines` stands for a source of money that will give none.
    pub fn approve(&mut self, id: &str, source: Source) -> Option<String> {
        let order = self.find("order", id).filter(|order| self.is_open(order))?;
        let payer_id = chance::payer();
        let payer = json!({
            "name": { "given_name": "Test", "surname": "Buyer" }, "email_address": "buyer@example.com",
            "payer_id": payer_id, "address": { "country_code": "DE" },
        });
        self.change("order", id, |order| {
            set(order, "status", "APPROVED");
            set(order, "payer", payer.clone());
            set(order, "payment_source", source.to_json(&payer));
            set(order, "_declines", source == Source::Declines);
        });
        let approved = self.find("order", id)?;
        self.event(
            "CHECKOUT.ORDER.APPROVED",
            "checkout-order",
            &approved,
            "An order has been approved by buyer",
        );
        let back = text(&order, "_return_url");
        Some(joined(back, &format!("token={id}&PayerID={payer_id}"), &self.world.paypal_address))
    }
}

/// What the buyer pays with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Pays,
    Declines,
    /// With a card, after 3-D Secure.
    Card(Proof),
}

/// What came of 3-D Secure at PayPal (Orders v2, `authentication_result`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Proved,
    Attempted,
    NotProved,
    /// The bank could not be asked.
    Unavailable,
}

impl Source {
    fn to_json(self, payer: &Value) -> Value {
        let proof = match self {
            Source::Pays | Source::Declines => {
                return json!({ "paypal": {
                    "email_address": payer["email_address"], "account_id": payer["payer_id"], "account_status": "VERIFIED",
                    "name": payer["name"], "address": payer["address"],
                } });
            }
            Source::Card(proof) => proof,
        };
        let (shift, status) = match proof {
            Proof::Proved => ("POSSIBLE", "Y"),
            Proof::Attempted => ("POSSIBLE", "A"),
            Proof::NotProved => ("NO", "N"),
            Proof::Unavailable => ("UNKNOWN", "U"),
        };
        json!({ "card": {
            "name": "Test Buyer", "last_digits": "1111", "brand": "VISA", "type": "CREDIT",
            "authentication_result": {
                "liability_shift": shift,
                "three_d_secure": { "authentication_status": status, "enrollment_status": "Y" },
            },
        } })
    }
}

/// An address of the merchant with more in its query; our own last page where there is none.
pub fn joined(address: &str, query: &str, own: &str) -> String {
    if address.is_empty() {
        return format!("{own}/done");
    }
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}{query}")
}

/// A purchase unit of a minimal answer: its reference and its payments.
pub fn only_payments(order: &mut Value) {
    for unit in order["purchase_units"].as_array_mut().into_iter().flatten() {
        *unit = json!({ "reference_id": unit["reference_id"], "payments": unit["payments"] });
    }
}

/// The time behind which something ends, in PayPal's form.
pub fn ends(now_s: i64, after_s: i64) -> String {
    clock::text(now_s + after_s)
}
