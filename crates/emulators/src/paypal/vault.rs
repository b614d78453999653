//! Vault v3: a buyer's PayPal account is kept as a token, with a yes of its own or along with an order.

use serde_json::{Value, json};

use super::checks;
use super::error::{Outcome, PaypalError};
use super::orders::joined;
use super::{Counter, Reply};
use crate::chance;
use crate::form;
use crate::shelf::{set, text};

/// A setup token that was not used is gone behind this.
const SETUP_S: i64 = 3 * 24 * 3600;

impl Counter<'_> {
    pub fn create_setup_token(&mut self, body: &Value) -> Outcome<Reply> {
        let Some(source) = body.get("payment_source") else {
            return Err(PaypalError::invalid(vec![checks::missing("/payment_source")]));
        };
        let Some(wallet) = source.get("paypal") else {
            return Err(PaypalError::beyond("payment sources other than paypal"));
        };
        let id = chance::capitals(17);
        let context = wallet.get("experience_context").cloned().unwrap_or(Value::Null);
        let path = format!("/v3/vault/setup-tokens/{id}");
        let token = json!({
            "id": id, "customer": { "id": customer(body) }, "status": "PAYER_ACTION_REQUIRED",
            "payment_source": { "paypal": {} },
            "links": [
                self.link(&format!("/agreements/approve?approval_session_id={id}"), "approve", "GET"),
                self.link("/v3/vault/payment-tokens", "confirm", "POST"),
                self.link(&path, "self", "GET"),
            ],
            "_return_url": context.get("return_url"), "_cancel_url": context.get("cancel_url"), "_created_s": self.now_s(),
        });
        self.put("setup-token", token.clone());
        Ok(Reply::made(201, "setup-token", &id, token))
    }

    /// The buyer said yes to being remembered. Returns where the buyer is sent.
    pub fn approve_setup(&mut self, id: &str) -> Option<String> {
        let token = self.find("setup-token", id).filter(|token| self.is_fresh(token))?;
        self.change("setup-token", id, |token| set(token, "status", "APPROVED"));
        Some(joined(
            text(&token, "_return_url"),
            &format!("approval_token_id={id}"),
            &self.world.paypal_address,
        ))
    }

    pub fn is_fresh(&self, token: &Value) -> bool {
        text(token, "status") == "PAYER_ACTION_REQUIRED"
            && self.now_s() - token["_created_s"].as_i64().unwrap_or(0) < SETUP_S
    }

    pub fn create_payment_token(&mut self, body: &Value) -> Outcome<Reply> {
        let given = body.get("payment_source").and_then(|source| source.get("token"));
        let Some(given) = given else {
            return Err(PaypalError::beyond("payment tokens of anything but a setup token"));
        };
        if text(given, "type") != "SETUP_TOKEN" {
            return Err(PaypalError::beyond("tokens other than SETUP_TOKEN"));
        }
        let setup = self.fetch("setup-token", text(given, "id"))?;
        if text(&setup, "status") != "APPROVED" {
            return Err(PaypalError::refused("TOKEN_NOT_APPROVED"));
        }
        self.change("setup-token", text(&setup, "id"), |setup| set(setup, "status", "VAULTED"));
        let token = self.keep_wallet(text(&setup["customer"], "id"));
        let id = text(&token, "id").to_owned();
        Ok(Reply::made(201, "payment-token", &id, token))
    }

    /// Keeps the buyer's wallet for a customer and says so.
    pub fn keep_wallet(&mut self, customer: &str) -> Value {
        let id = chance::capitals(17);
        let path = format!("/v3/vault/payment-tokens/{id}");
        let token = json!({
            "id": id, "customer": { "id": customer },
            "payment_source": { "paypal": {
                "email_address": "buyer@example.com", "name": { "given_name": "Test", "surname": "Buyer" },
                "account_id": "QYR5Z8XDVJNXQ",
            } },
            "links": [self.link(&path, "self", "GET"), self.link(&path, "delete", "DELETE")],
        });
        self.put("payment-token", token.clone());
        self.event(
            "VAULT.PAYMENT-TOKEN.CREATED",
            "payment_token",
            &token,
            "A payment token has been created",
        );
        token
    }

    pub fn payment_tokens(&self, query: &str) -> Outcome<Reply> {
        let Some(customer) = form::value(query, "customer_id") else {
            return Err(PaypalError::invalid(vec![checks::missing("customer_id")]));
        };
        let tokens: Vec<Value> = self
            .list("payment-token")
            .into_iter()
            .filter(|token| text(&token["customer"], "id") == customer)
            .take(64)
            .collect();
        let path = format!("/v3/vault/payment-tokens?customer_id={customer}");
        let mut list = json!({
            "customer": { "id": customer }, "payment_tokens": tokens, "links": [self.link(&path, "self", "GET")],
        });
        if !tokens.is_empty() {
            set(&mut list, "total_items", tokens.len());
            set(&mut list, "total_pages", 1);
        }
        Ok(Reply::read(list))
    }

    pub fn delete_payment_token(&mut self, id: &str) -> Outcome<Reply> {
        let token = self.fetch("payment-token", id)?;
        if let Some(shelf) = self.state.shelves.get_mut("payment-token") {
            shelf.remove(id);
        }
        self.event(
            "VAULT.PAYMENT-TOKEN.DELETED",
            "payment_token",
            &token,
            "A payment token has been deleted",
        );
        Ok(Reply { status: 204, body: Value::Null, made: None })
    }
}

/// The merchant's id of the customer, or one of PayPal's.
pub fn customer(body: &Value) -> String {
    let given = body.get("customer").map_or("", |customer| text(customer, "id"));
    if given.is_empty() { chance::word(10) } else { given.to_owned() }
}
