//! Checkout Sessions: made by the merchant, walked through by the buyer (`hosted`), expired by either side.

use serde_json::{Map, Value, json};

use super::Desk;
use super::charges::Authenticated;
use super::error::{Outcome, StripeError};
use super::expand::page;
use super::intents::{Asked, OPTIONS};
use super::money;
use super::params::{self, EXPAND, Field, Kind, METADATA, PAGING, SHIPPING, given, may, must, text_of};
use super::tasks::What;
use crate::chance;
use crate::shelf::{set, shown, text, whole};

const DAY_S: i64 = 24 * 3600;
const SOONEST_S: i64 = 30 * 60;
const LINES: usize = 100;

const PRODUCT: Kind = Kind::Object(&[
    must("name", Kind::Text(5000)),
    may("description", Kind::Text(40000)),
    may("images", Kind::Texts),
    METADATA,
    may("tax_code", Kind::Beyond),
    may("tax_details", Kind::Beyond),
    may("unit_label", Kind::Text(12)),
]);
const PRICE: Kind = Kind::Object(&[
    must("currency", Kind::Text(3)),
    may("product", Kind::Beyond),
    may("product_data", PRODUCT),
    may("recurring", Kind::Beyond),
    may("tax_behavior", Kind::Word(&["exclusive", "inclusive", "unspecified"])),
    may("unit_amount", Kind::Integer),
    may("unit_amount_decimal", Kind::Beyond),
]);
const LINE: Kind = Kind::Objects(&[
    may("price_data", PRICE),
    may("price", Kind::Beyond),
    may("quantity", Kind::Integer),
    METADATA,
    may("adjustable_quantity", Kind::Beyond),
    may("tax_rates", Kind::Beyond),
]);
const INTENT_DATA: Kind = Kind::Object(&[
    METADATA,
    may("capture_method", Kind::Word(&["automatic", "automatic_async", "manual"])),
    may("description", Kind::Text(1000)),
    may("receipt_email", Kind::Text(800)),
    may("setup_future_usage", Kind::Word(&["off_session", "on_session"])),
    may("shipping", SHIPPING),
    may("statement_descriptor", Kind::Text(22)),
    may("statement_descriptor_suffix", Kind::Text(22)),
    may("application_fee_amount", Kind::Beyond),
    may("on_behalf_of", Kind::Beyond),
    may("transfer_data", Kind::Beyond),
    may("transfer_group", Kind::Beyond),
]);
const SETUP_DATA: Kind =
    Kind::Object(&[METADATA, may("description", Kind::Text(1000)), may("on_behalf_of", Kind::Beyond)]);

const CREATE: [Field; 44] = [
    EXPAND,
    METADATA,
    may("mode", Kind::Word(&["payment", "setup", "subscription"])),
    may("ui_mode", Kind::Word(&["elements", "embedded_page", "form", "hosted_page"])),
    may("line_items", LINE),
    may("success_url", Kind::Text(5000)),
    may("cancel_url", Kind::Text(5000)),
    may("return_url", Kind::Text(5000)),
    may("allowed_payment_method_types", Kind::Words(&["card"])),
    may("client_reference_id", Kind::Text(200)),
    may("currency", Kind::Text(3)),
    may("customer", Kind::Text(255)),
    may("customer_creation", Kind::Word(&["always", "if_required"])),
    may("customer_email", Kind::Text(800)),
    may("expires_at", Kind::Integer),
    may("locale", Kind::Text(8)),
    may("payment_intent_data", INTENT_DATA),
    may("setup_intent_data", SETUP_DATA),
    may("payment_method_options", OPTIONS),
    may("submit_type", Kind::Word(&["auto", "book", "donate", "pay", "subscribe"])),
    may("billing_address_collection", Kind::Word(&["auto", "required"])),
    may("adaptive_pricing", Kind::Object(&[may("enabled", Kind::Boolean)])),
    may("origin_context", Kind::Word(&["mobile_app", "web"])),
    may("redirect_on_completion", Kind::Beyond),
    may("after_expiration", Kind::Beyond),
    may("allow_promotion_codes", Kind::Beyond),
    may("automatic_tax", Kind::Beyond),
    may("branding_settings", Kind::Beyond),
    may("consent_collection", Kind::Beyond),
    may("custom_fields", Kind::Beyond),
    may("custom_text", Kind::Beyond),
    may("customer_account", Kind::Beyond),
    may("customer_update", Kind::Beyond),
    may("discounts", Kind::Beyond),
    may("excluded_payment_method_types", Kind::Beyond),
    may("integration_identifier", Kind::Text(200)),
    may("invoice_creation", Kind::Beyond),
    may("managed_payments", Kind::Beyond),
    may("payment_method_configuration", Kind::Beyond),
    may("phone_number_collection", Kind::Beyond),
    may("saved_payment_method_options", Kind::Beyond),
    may("shipping_address_collection", Kind::Beyond),
    may("shipping_options", Kind::Beyond),
    may("tax_id_collection", Kind::Beyond),
];

impl Desk<'_> {
    pub fn create_session(&mut self, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&CREATE, tree)?;
        let mode = text_of(&wanted, "mode").unwrap_or("payment").to_owned();
        if mode == "subscription" {
            return Err(StripeError::beyond("subscriptions"));
        }
        if text_of(&wanted, "ui_mode").is_some_and(|mode| !["hosted_page", "embedded_page"].contains(&mode)) {
            return Err(StripeError::beyond("pages other than hosted_page and embedded_page"));
        }
        self.consistent(&wanted, &mode)?;
        let now = self.now_s();
        let expires = wanted.get("expires_at").and_then(Value::as_i64).unwrap_or(now + DAY_S);
        if !(now + SOONEST_S - 60..=now + DAY_S).contains(&expires) {
            let message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.";
            return Err(StripeError::invalid(message).param("expires_at"));
        }
        let (lines, currency, total) = self.lines(&wanted, &mode)?;
        let session = self.new_session(&wanted, &mode, expires, lines, currency, total);
        let id = text(&session, "id").to_owned();
        self.put("checkout.session", session.clone());
        self.later(expires - now, What::ExpireSession(id));
        Ok(session)
    }

    fn consistent(&self, wanted: &Map<String, Value>, mode: &str) -> Outcome<()> {
        let (needed, others): (_, &[&str]) = match text_of(wanted, "ui_mode") {
            Some("embedded_page") => ("return_url", &["success_url", "cancel_url"]),
            _ => ("success_url", &["return_url"]),
        };
        let Some(to) = text_of(wanted, needed) else {
            return Err(StripeError::invalid(format!("Missing required param: {needed}."))
                .code("parameter_missing")
                .param(needed));
        };
        super::endpoints::is_return(&to.replace("{CHECKOUT_SESSION_ID}", "x"), needed)?;
        if let Some(other) = others.iter().find(|name| wanted.contains_key(**name)) {
            let message = format!("`{other}` can not be passed with this `ui_mode`.");
            return Err(StripeError::invalid(message).param(other));
        }
        if let Some(cancel) = text_of(wanted, "cancel_url") {
            super::endpoints::is_return(cancel, "cancel_url")?;
        }
        if let Some(customer) = text_of(wanted, "customer") {
            self.fetch("customer", customer, "customer")?;
            if wanted.contains_key("customer_email") {
                let message = "You may only specify one of these parameters: customer, customer_email.";
                return Err(StripeError::invalid(message));
            }
        }
        let stranger = if mode == "payment" { "setup_intent_data" } else { "payment_intent_data" };
        if wanted.contains_key(stranger) {
            let message = format!("You can not pass `{stranger}` in `{mode}` mode.");
            return Err(StripeError::invalid(message).param(stranger));
        }
        Ok(())
    }

    /// The line items as a list, their one currency and their sum.
    fn lines(&self, wanted: &Map<String, Value>, mode: &str) -> Outcome<(Vec<Value>, Value, i64)> {
        let items = wanted.get("line_items").and_then(Value::as_array).cloned().unwrap_or_default();
        if mode == "setup" {
            if !items.is_empty() {
                let message = "You can not pass `line_items` in `setup` mode.";
                return Err(StripeError::invalid(message).param("line_items"));
            }
            let currency = text_of(wanted, "currency").map(money::currency).transpose()?;
            return Ok((Vec::new(), Value::from(currency), 0));
        }
        if items.is_empty() || items.len() > LINES {
            return Err(StripeError::invalid("Missing required param: line_items.")
                .code("parameter_missing")
                .param("line_items"));
        }
        let (mut lines, mut sum, mut currencies) = (Vec::new(), 0_i64, Vec::new());
        for (index, item) in items.iter().enumerate() {
            let line = self.line(item, index)?;
            sum = sum.saturating_add(whole(&line, "amount_total"));
            currencies.push(text(&line, "currency").to_owned());
            lines.push(line);
        }
        currencies.dedup();
        let [currency] = currencies.as_slice() else {
            return Err(
                StripeError::invalid("All line items must have the same currency.").param("line_items")
            );
        };
        money::chargeable(sum, currency, "line_items")?;
        Ok((lines, Value::from(currency.clone()), sum))
    }

    fn line(&self, item: &Value, index: usize) -> Outcome<Value> {
        let place = |name: &str| format!("line_items[{index}][{name}]");
        let missing = |name: &str| {
            let path = place(name);
            StripeError::invalid(format!("Missing required param: {path}."))
                .code("parameter_missing")
                .param(&path)
        };
        let price =
            item.get("price_data").filter(|price| price.is_object()).ok_or_else(|| missing("price_data"))?;
        let product = price.get("product_data").ok_or_else(|| missing("price_data][product_data"))?;
        let unit = price
            .get("unit_amount")
            .and_then(Value::as_i64)
            .ok_or_else(|| missing("price_data][unit_amount"))?;
        let quantity = item.get("quantity").and_then(Value::as_i64).unwrap_or(1);
        if unit < 0 || quantity < 1 {
            let path = place(if unit < 0 { "price_data][unit_amount" } else { "quantity" });
            let message = "This value must be greater than or equal to 0.";
            return Err(StripeError::invalid(message).code("parameter_invalid_integer").param(&path));
        }
        let currency = money::currency(text(price, "currency"))?;
        let total = unit.checked_mul(quantity).ok_or_else(|| {
            StripeError::invalid("Amount must be no more than $999,999.99").code("amount_too_large")
        })?;
        Ok(json!({
            "id": format!("li_1{}", chance::word(23)), "object": "item", "adjustable_quantity": null, "amount_discount": 0, "amount_subtotal": total,
            "amount_tax": 0, "amount_total": total, "currency": currency, "description": text(product, "name"),
            "metadata": item.get("metadata").cloned().unwrap_or_else(|| json!({})),
            "price": {
                "id": format!("price_1{}", chance::word(23)), "object": "price", "active": false,
                "billing_scheme": "per_unit", "created": self.now_s(), "currency": currency, "custom_unit_amount": null,
                "livemode": self.live(), "lookup_key": null, "metadata": {}, "nickname": null,
                "product": format!("prod_{}", chance::word(14)), "recurring": null, "tax_behavior": "unspecified",
                "tiers_mode": null, "transform_quantity": null, "type": "one_time", "unit_amount": unit,
                "unit_amount_decimal": unit.to_string(),
            },
            "quantity": quantity,
        }))
    }

    fn new_session(
        &self,
        wanted: &Map<String, Value>,
        mode: &str,
        expires: i64,
        lines: Vec<Value>,
        currency: Value,
        total: i64,
    ) -> Value {
        let id = format!("cs_{}_a1{}", self.state.mode.word(), chance::word(56));
        let is_payment = mode == "payment";
        let is_embedded = text_of(wanted, "ui_mode") == Some("embedded_page");
        let sum = if is_payment { Value::from(total) } else { Value::Null };
        let email = given(wanted, "customer_email");
        let details = if email.is_null() { Value::Null } else { details(&json!({ "email": email })) };
        let mut made = json!({
            "id": id, "object": "checkout.session",
            "adaptive_pricing": { "enabled": false }, "after_expiration": null, "allow_promotion_codes": null,
            "allowed_payment_method_types": given(wanted, "allowed_payment_method_types"),
            "amount_subtotal": sum, "amount_total": sum,
            "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
            "billing_address_collection": given(wanted, "billing_address_collection"),
            "cancel_url": given(wanted, "cancel_url"), "client_reference_id": given(wanted, "client_reference_id"),
            "client_secret": is_embedded.then(|| format!("{id}_secret_{}", chance::word(40))), "collected_information": null, "consent": null, "consent_collection": null,
            "created": self.now_s(), "currency": currency, "currency_conversion": null, "custom_fields": [],
            "custom_text": {
                "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null,
            },
            "customer": given(wanted, "customer"), "customer_account": null,
            "customer_creation": if is_payment {
                wanted.get("customer_creation").cloned().unwrap_or_else(|| Value::from("if_required"))
            } else { Value::Null },
            "customer_details": details, "customer_email": email, "discounts": [],
            "expires_at": expires, "integration_identifier": given(wanted, "integration_identifier"), "invoice": null,
            "invoice_creation": if is_payment {
                json!({ "enabled": false, "invoice_data": {
                    "account_tax_ids": null, "custom_fields": null, "description": null, "footer": null, "issuer": null,
                    "metadata": {}, "rendering_options": null,
                } })
            } else { Value::Null },
            "livemode": self.live(), "locale": given(wanted, "locale"), "managed_payments": null,
            "metadata": params::merged_metadata(&Value::Null, wanted), "mode": mode,
            "origin_context": given(wanted, "origin_context"), "payment_intent": null, "payment_link": null,
            "payment_method_collection": if is_payment { "if_required" } else { "always" },
            "payment_method_configuration_details": null,
            "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
            "payment_method_types": ["card"],
            "payment_status": if is_payment { "unpaid" } else { "no_payment_required" },
            "permissions": null, "phone_number_collection": { "enabled": false }, "recovered_from": null,
            "saved_payment_method_options": null, "setup_intent": null, "shipping_address_collection": null,
            "shipping_cost": null, "shipping_options": [], "status": "open", "submit_type": given(wanted, "submit_type"),
            "subscription": null, "success_url": given(wanted, "success_url"),
            "total_details": if is_payment {
                json!({ "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 })
            } else { Value::Null },
            "ui_mode": if is_embedded { "embedded_page" } else { "hosted_page" },
            "url": (!is_embedded).then(|| format!("{}/c/pay/{id}", self.world.stripe_address)), "wallet_options": null,
            "_line_items": {
                "object": "list", "data": lines, "has_more": false, "url": format!("/v1/checkout/sessions/{id}/line_items"),
            },
            "_intent": wanted.get("payment_intent_data").cloned().unwrap_or_else(|| json!({})),
            "_setup": wanted.get("setup_intent_data").cloned().unwrap_or_else(|| json!({})),
            "_options": given(wanted, "payment_method_options"),
        });
        // Stripe's types have these as fields that are there or are not, never as null.
        if let Some(fields) = made.as_object_mut().filter(|_| is_embedded) {
            fields.insert("return_url".to_owned(), given(wanted, "return_url"));
            fields.insert("redirect_on_completion".to_owned(), "always".into());
        }
        made
    }

    pub fn line_items(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let mut fields = vec![EXPAND];
        fields.extend(PAGING);
        let wanted = params::read(&fields, tree)?;
        let session = self.fetch("checkout.session", id, "session")?;
        let lines = session["_line_items"]["data"].as_array().cloned().unwrap_or_default();
        page(lines, &wanted, &format!("/v1/checkout/sessions/{id}/line_items"))
    }

    pub fn expire_session(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        params::read(&[EXPAND], tree)?;
        let session = self.fetch("checkout.session", id, "session")?;
        let status = text(&session, "status");
        if status != "open" {
            let message = format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `{status}`."
            );
            return Err(StripeError::refused("resource_unexpected_state", message).param("session"));
        }
        self.end_session(id);
        self.fetch("checkout.session", id, "session")
    }

    /// Closes an open session, and the intent that was begun in it.
    pub fn end_session(&mut self, id: &str) {
        let Some(session) = self.find("checkout.session", id) else { return };
        if text(&session, "status") != "open" {
            return;
        }
        self.change("checkout.session", id, |session| {
            set(session, "status", "expired");
            set(session, "url", Value::Null);
        });
        if let Some(intent) = self.find("payment_intent", text(&session, "payment_intent")) {
            self.cancel(&intent, Some("expired"));
        }
        if let Some(session) = self.find("checkout.session", id) {
            self.event("checkout.session.expired", &session, None);
        }
    }

    /// The buyer pressed the button. Where to next: to the bank, or back to the merchant.
    ///
    /// # Errors
    /// The declined card's; the session stays open.
    pub fn pay_session(&mut self, id: &str, card: &super::cards::Card, billing: Value) -> Outcome<String> {
        let session = self.fetch("checkout.session", id, "session")?;
        if text(&session, "status") != "open" {
            let message = "This Checkout Session is no longer open.";
            return Err(StripeError::refused("resource_unexpected_state", message));
        }
        self.change("checkout.session", id, |session| set(session, "customer_details", details(&billing)));
        self.ensure_customer(id, &billing);
        let method = self.new_method(card, billing);
        let method_id = text(&method, "id").to_owned();
        self.put("payment_method", method);
        if text(&session, "mode") == "setup" {
            return self.set_up_session(id, &method_id);
        }
        let intent = self.session_intent(id, &method_id)?;
        let asked = Asked {
            return_url: Some(format!("{}/c/pay/{id}", self.world.stripe_address)),
            is_off_session: false,
            fails_on_action: false,
            by_sdk: false,
            authenticated: Authenticated::No,
        };
        self.attempt(&intent, &asked)?;
        let intent = self.fetch("payment_intent", &intent, "intent")?;
        if text(&intent, "status") == "requires_action" {
            return Ok(text(&intent["next_action"]["redirect_to_url"], "url").to_owned());
        }
        Ok(self.complete_session(id))
    }

    fn ensure_customer(&mut self, id: &str, billing: &Value) {
        let Some(session) = self.find("checkout.session", id) else { return };
        let wants = text(&session, "customer_creation") == "always"
            || !session["_intent"]["setup_future_usage"].is_null();
        if session["customer"].is_null() && wants {
            let mut tree = Map::new();
            for name in ["email", "name"] {
                if let Some(value) = billing.get(name).filter(|value| value.is_string()) {
                    tree.insert(name.to_owned(), value.clone());
                }
            }
            if let Ok(customer) = self.create_customer(&tree) {
                self.change("checkout.session", id, |session| {
                    set(session, "customer", customer["id"].clone())
                });
            }
        }
    }

    /// The one intent of a session, made at the first attempt.
    fn session_intent(&mut self, id: &str, method: &str) -> Outcome<String> {
        let session = self.fetch("checkout.session", id, "session")?;
        let known = text(&session, "payment_intent").to_owned();
        if !known.is_empty() {
            self.change("payment_intent", &known, |intent| {
                set(intent, "payment_method", method);
                set(intent, "status", "requires_confirmation");
            });
            return Ok(known);
        }
        let mut wanted = session["_intent"].as_object().cloned().unwrap_or_default();
        wanted.insert("customer".to_owned(), session["customer"].clone());
        wanted.insert("automatic_payment_methods".to_owned(), json!({ "enabled": true }));
        if session["_options"].is_object() {
            wanted.insert("payment_method_options".to_owned(), session["_options"].clone());
        }
        let (amount, currency) = (whole(&session, "amount_total"), text(&session, "currency").to_owned());
        let mut intent = self.new_intent(&wanted, amount, &currency, Some(method));
        set(&mut intent, "_session", id);
        let intent_id = text(&intent, "id").to_owned();
        self.put("payment_intent", intent.clone());
        self.change("checkout.session", id, |session| set(session, "payment_intent", intent_id.clone()));
        self.event("payment_intent.created", &intent, None);
        Ok(intent_id)
    }

    /// What follows the bank's page.
    pub fn after_challenge(&mut self, session: &str, is_paid: bool) -> Option<String> {
        if is_paid {
            return Some(self.complete_session(session));
        }
        let is_embedded = self
            .find("checkout.session", session)
            .is_some_and(|session| text(&session, "ui_mode") == "embedded_page");
        let place = if is_embedded { "embed" } else { "pay" };
        Some(format!("{}/c/{place}/{session}?declined=1", self.world.stripe_address))
    }

    /// Closes a session that was paid. Returns the merchant's success address.
    pub fn complete_session(&mut self, id: &str) -> String {
        let Some(session) = self.find("checkout.session", id) else { return String::new() };
        let intent = self.find("payment_intent", text(&session, "payment_intent")).unwrap_or(Value::Null);
        let is_paid = text(&intent, "status") == "succeeded";
        self.change("checkout.session", id, |session| {
            set(session, "status", "complete");
            set(session, "url", Value::Null);
            if is_paid {
                set(session, "payment_status", "paid");
            }
        });
        let session = self.find("checkout.session", id).unwrap_or(session);
        self.event("checkout.session.completed", &shown(&session), None);
        if text(&session, "ui_mode") == "embedded_page" {
            // In the frame, whose script tells the page around it.
            return format!("{}/c/embed/{id}/done", self.world.stripe_address);
        }
        text(&session, "success_url").replace("{CHECKOUT_SESSION_ID}", id)
    }
}

fn details(billing: &Value) -> Value {
    let field = |name: &str| billing.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "address": field("address"), "business_name": null, "email": field("email"), "individual_name": null,
        "name": field("name"), "phone": null, "tax_exempt": "none", "tax_ids": [],
    })
}
