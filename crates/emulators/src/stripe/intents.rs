//! Payment intents: made, changed, confirmed. `intents_change` holds capture and cancellation.

use serde_json::{Map, Value, json};

use super::cards::Does;
use super::charges::{Attempt, Authenticated, card_error, is_manual};
use super::error::{Outcome, StripeError};
use super::methods::{BILLING, card_of};
use super::params::{self, EXPAND, Field, Kind, METADATA, SHIPPING, given, may, must, text_of};
use super::{Desk, money};
use crate::chance;
use crate::shelf::{flag, set, shown, text, whole};

const CAPTURE: Kind = Kind::Word(&["automatic", "automatic_async", "manual"]);
const USAGE: Kind = Kind::Word(&["off_session", "on_session"]);
const AUTOMATIC: Kind =
    Kind::Object(&[must("enabled", Kind::Boolean), may("allow_redirects", Kind::Word(&["always", "never"]))]);
const CARD_OPTIONS: Kind = Kind::Object(&[
    may("capture_method", Kind::Word(&["manual"])),
    may("request_three_d_secure", Kind::Word(&["any", "automatic", "challenge"])),
    may("setup_future_usage", Kind::Word(&["none", "off_session", "on_session"])),
    may("cvc_token", Kind::Beyond),
    may("installments", Kind::Beyond),
    may("mandate_options", Kind::Beyond),
    may("moto", Kind::Beyond),
    may("network", Kind::Beyond),
    may("request_multicapture", Kind::Beyond),
    may("request_overcapture", Kind::Beyond),
    may("request_extended_authorization", Kind::Beyond),
    may("request_incremental_authorization", Kind::Beyond),
    may("three_d_secure", Kind::Beyond),
]);
pub const OPTIONS: Kind = Kind::Object(&[may("card", CARD_OPTIONS)]);
const TYPED: Kind = Kind::Object(&[
    must("type", Kind::Text(64)),
    may("billing_details", BILLING),
    may("allow_redisplay", Kind::Text(64)),
    METADATA,
]);

/// What create and confirm share.
const CONFIRMING: [Field; 21] = [
    EXPAND,
    may("allowed_payment_method_types", Kind::Words(&["card"])),
    may("amount_details", Kind::Beyond),
    may("capture_method", CAPTURE),
    may("confirmation_token", Kind::Beyond),
    may("error_on_requires_action", Kind::Boolean),
    may("excluded_payment_method_types", Kind::Beyond),
    may("hooks", Kind::Beyond),
    may("mandate", Kind::Beyond),
    may("mandate_data", Kind::Beyond),
    may("off_session", Kind::Boolean),
    may("payment_details", Kind::Beyond),
    may("payment_method", Kind::Text(255)),
    may("payment_method_data", TYPED),
    may("payment_method_options", OPTIONS),
    may("radar_options", Kind::Beyond),
    may("receipt_email", Kind::Emptiable(800)),
    may("return_url", Kind::Text(5000)),
    may("setup_future_usage", USAGE),
    may("shipping", SHIPPING),
    may("use_stripe_sdk", Kind::Boolean),
];

const CREATING: [Field; 15] = [
    METADATA,
    must("amount", Kind::Integer),
    must("currency", Kind::Text(3)),
    may("application_fee_amount", Kind::Beyond),
    may("automatic_payment_methods", AUTOMATIC),
    may("confirm", Kind::Boolean),
    may("confirmation_method", Kind::Word(&["automatic", "manual"])),
    may("customer", Kind::Text(255)),
    may("customer_account", Kind::Beyond),
    may("description", Kind::Text(1000)),
    may("on_behalf_of", Kind::Beyond),
    may("payment_method_configuration", Kind::Beyond),
    may("statement_descriptor", Kind::Text(22)),
    may("statement_descriptor_suffix", Kind::Text(22)),
    may("transfer_group", Kind::Beyond),
];

const UPDATING: [Field; 13] = [
    EXPAND,
    METADATA,
    may("amount", Kind::Integer),
    may("currency", Kind::Text(3)),
    may("customer", Kind::Text(255)),
    may("description", Kind::Emptiable(1000)),
    may("payment_method", Kind::Text(255)),
    may("payment_method_options", OPTIONS),
    may("receipt_email", Kind::Emptiable(800)),
    may("setup_future_usage", USAGE),
    may("shipping", SHIPPING),
    may("statement_descriptor", Kind::Text(22)),
    may("statement_descriptor_suffix", Kind::Text(22)),
];

/// How an attempt that was just asked for may go on.
pub struct Asked {
    pub return_url: Option<String>,
    pub is_off_session: bool,
    pub fails_on_action: bool,
    pub by_sdk: bool,
    pub authenticated: Authenticated,
}

impl Desk<'_> {
    pub fn create_intent(&mut self, tree: &Map<String, Value>) -> Outcome<Value> {
        let mut fields = CREATING.to_vec();
        fields.extend(CONFIRMING);
        let wanted = params::read(&fields, tree)?;
        let currency = money::currency(text_of(&wanted, "currency").unwrap_or(""))?;
        let amount = wanted.get("amount").and_then(Value::as_i64).unwrap_or(0);
        money::chargeable(amount, &currency, "amount")?;
        let is_confirmed = wanted.get("confirm") == Some(&Value::Bool(true));
        if !is_confirmed {
            for name in ["return_url", "off_session", "error_on_requires_action"] {
                if wanted.contains_key(name) {
                    let message = format!("You must set `confirm` to true to pass `{name}`.");
                    return Err(StripeError::invalid(message).param(name));
                }
            }
        }
        if let Some(customer) = text_of(&wanted, "customer") {
            self.fetch("customer", customer, "customer")?;
        }
        let method = self.wanted_method(&wanted)?;
        let intent = self.new_intent(&wanted, amount, &currency, method.as_deref());
        self.owned_method(&intent)?;
        let asked = Asked::from(&wanted);
        if is_confirmed {
            ready_to_confirm(&intent, &asked)?;
        }
        let id = text(&intent, "id").to_owned();
        self.put("payment_intent", intent.clone());
        self.event("payment_intent.created", &intent, None);
        if is_confirmed {
            self.attempt(&id, &asked)?;
        }
        self.fetch("payment_intent", &id, "intent")
    }

    /// An intent that was not kept yet. `wanted` are typed parameters of create.
    pub fn new_intent(
        &self,
        wanted: &Map<String, Value>,
        amount: i64,
        currency: &str,
        method: Option<&str>,
    ) -> Value {
        let id = format!("pi_3{}", chance::word(23));
        let automatic = wanted.get("automatic_payment_methods").cloned();
        let types = given(wanted, "allowed_payment_method_types");
        let automatic = match (automatic, types.is_null()) {
            (Some(asked), _) => json!({
                "allow_redirects": asked.get("allow_redirects").cloned().unwrap_or_else(|| Value::from("always")),
                "enabled": asked["enabled"],
            }),
            (None, true) => json!({ "allow_redirects": "always", "enabled": true }),
            (None, false) => Value::Null,
        };
        let card = wanted.get("payment_method_options").and_then(|options| options.get("card"));
        let three = card.and_then(|card| card.get("request_three_d_secure")).cloned();
        let by_card = card.and_then(|card| card.get("capture_method")).cloned();
        let capture = by_card.or_else(|| wanted.get("capture_method").cloned());
        json!({
            "id": id,
            "object": "payment_intent",
            "allowed_payment_method_types": types,
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": { "tip": {} },
            "amount_received": 0,
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": automatic,
            "canceled_at": null,
            "cancellation_reason": null,
            "capture_method": capture.unwrap_or_else(|| Value::from("automatic_async")),
            "client_secret": format!("{id}_secret_{}", chance::word(25)),
            "confirmation_method": wanted.get("confirmation_method").cloned().unwrap_or_else(|| Value::from("automatic")),
            "created": self.now_s(),
            "currency": currency,
            "customer": given(wanted, "customer"),
            "customer_account": null,
            "description": given(wanted, "description"),
            "excluded_payment_method_types": null,
            "last_payment_error": null,
            "latest_charge": null,
            "livemode": self.live(),
            "managed_payments": null,
            "metadata": params::merged_metadata(&Value::Null, wanted),
            "next_action": null,
            "on_behalf_of": null,
            "payment_method": method,
            "payment_method_configuration_details": null,
            "payment_method_options": {
                "card": {
                    "installments": null, "mandate_options": null, "network": null,
                    "request_three_d_secure": three.unwrap_or_else(|| Value::from("automatic")),
                },
            },
            "payment_method_types": ["card"],
            "payment_record": null,
            "processing": null,
            "receipt_email": given(wanted, "receipt_email"),
            "review": null,
            "setup_future_usage": given(wanted, "setup_future_usage"),
            "shipping": given(wanted, "shipping"),
            "source": null,
            "statement_descriptor": given(wanted, "statement_descriptor"),
            "statement_descriptor_suffix": given(wanted, "statement_descriptor_suffix"),
            "status": if method.is_some() { "requires_confirmation" } else { "requires_payment_method" },
            "transfer_data": null,
            "transfer_group": null,
            "_session": null,
        })
    }

    /// The id of the method that a call names.
    fn wanted_method(&mut self, wanted: &Map<String, Value>) -> Outcome<Option<String>> {
        if wanted.contains_key("payment_method_data") {
            // Cards are typed on a provider's page; here, on the hosted page. Other kinds are not kept.
            return Err(StripeError::beyond("payment_method_data"));
        }
        let Some(id) = text_of(wanted, "payment_method") else { return Ok(None) };
        Ok(Some(text(&self.method(id, "payment_method")?, "id").to_owned()))
    }

    /// A method of a customer pays for that customer alone.
    fn owned_method(&self, intent: &Value) -> Outcome<()> {
        let Some(method) = self.find("payment_method", text(intent, "payment_method")) else { return Ok(()) };
        if flag(&method, "_detached") {
            let message = "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared \
                           with a connected account without Customer attachment, or was detached from a Customer. It may not be \
                           used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.";
            return Err(StripeError::invalid(message));
        }
        let owner = text(&method, "customer");
        if owner.is_empty() || owner == text(intent, "customer") {
            return Ok(());
        }
        let message = format!(
            "The provided PaymentMethod {} does not belong to the Customer of this PaymentIntent.",
            text(&method, "id")
        );
        Err(StripeError::invalid(message).param("payment_method"))
    }

    pub fn update_intent(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&UPDATING, tree)?;
        let old = self.fetch("payment_intent", id, "intent")?;
        let is_open = ["requires_payment_method", "requires_confirmation", "requires_action"]
            .contains(&text(&old, "status"));
        let closed = ["metadata", "description", "receipt_email", "expand"];
        if !is_open && wanted.keys().any(|name| !closed.contains(&name.as_str())) {
            return Err(self.unexpected(&old, "updated"));
        }
        let currency = match text_of(&wanted, "currency") {
            Some(currency) => money::currency(currency)?,
            None => text(&old, "currency").to_owned(),
        };
        if let Some(amount) = wanted.get("amount").and_then(Value::as_i64) {
            money::chargeable(amount, &currency, "amount")?;
        }
        let method = self.wanted_method(&wanted)?;
        let metadata = params::merged_metadata(&old["metadata"], &wanted);
        self.change("payment_intent", id, |intent| {
            for (name, value) in &wanted {
                if !["metadata", "expand", "payment_method", "payment_method_options", "currency"]
                    .contains(&name.as_str())
                {
                    set(intent, name, value.clone());
                }
            }
            set(intent, "currency", currency);
            set(intent, "metadata", metadata);
            if let Some(method) = method {
                set(intent, "payment_method", method);
                set(intent, "status", "requires_confirmation");
                set(intent, "next_action", Value::Null);
            }
        });
        self.fetch("payment_intent", id, "intent")
    }

    pub fn confirm_intent(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&CONFIRMING, tree)?;
        let old = self.fetch("payment_intent", id, "intent")?;
        let status = text(&old, "status");
        if !["requires_payment_method", "requires_confirmation", "requires_action"].contains(&status) {
            return Err(self.unexpected(&old, "confirmed"));
        }
        let method = self.wanted_method(&wanted)?;
        let mut intent = old;
        for name in ["receipt_email", "setup_future_usage", "shipping", "capture_method"] {
            if let Some(value) = wanted.get(name) {
                set(&mut intent, name, value.clone());
            }
        }
        if let Some(method) = method {
            set(&mut intent, "payment_method", method);
        }
        if let Some(three) = wanted
            .get("payment_method_options")
            .and_then(|options| options.get("card"))
            .and_then(|card| card.get("request_three_d_secure"))
        {
            set(&mut intent["payment_method_options"]["card"], "request_three_d_secure", three.clone());
        }
        self.owned_method(&intent)?;
        let asked = Asked::from(&wanted);
        ready_to_confirm(&intent, &asked)?;
        self.put("payment_intent", intent);
        self.attempt(id, &asked)?;
        self.fetch("payment_intent", id, "intent")
    }

    /// Tries to pay an intent with its method.
    ///
    /// # Errors
    /// 402 with the intent where the card is declined.
    pub fn attempt(&mut self, id: &str, asked: &Asked) -> Outcome<()> {
        let intent = self.fetch("payment_intent", id, "intent")?;
        let method = self.fetch("payment_method", text(&intent, "payment_method"), "payment_method")?;
        let card = card_of(&method).ok_or_else(|| StripeError::beyond("this payment method"))?;
        let three = text(&intent["payment_method_options"]["card"], "request_three_d_secure");
        let wants = match card.does {
            Does::Challenge(_) => true,
            Does::ChallengeUnlessSetUp => !flag(&method, "_set_up"),
            _ => ["any", "challenge"].contains(&three),
        };
        if wants && asked.authenticated == Authenticated::No {
            return self.challenge(&intent, &method, asked);
        }
        let attempt = Attempt { intent: &intent, method: &method, card, authenticated: asked.authenticated };
        let (charge, declined) = self.charge(&attempt);
        let charge_id = text(&charge, "id").to_owned();
        self.change("payment_intent", id, |intent| {
            set(intent, "latest_charge", charge_id);
            set(intent, "next_action", Value::Null);
        });
        if let Some(error) = declined {
            return Err(self.failed(id, error));
        }
        self.paid(id, &method);
        Ok(())
    }

    fn paid(&mut self, id: &str, method: &Value) {
        let Some(intent) = self.find("payment_intent", id) else { return };
        let amount = whole(&intent, "amount");
        let is_held = is_manual(&intent);
        self.change("payment_intent", id, |intent| {
            set(intent, "last_payment_error", Value::Null);
            set(intent, "status", if is_held { "requires_capture" } else { "succeeded" });
            set(intent, if is_held { "amount_capturable" } else { "amount_received" }, amount);
        });
        let customer = text(&intent, "customer");
        if !intent["setup_future_usage"].is_null() && !customer.is_empty() && method["customer"].is_null() {
            self.change("payment_method", text(method, "id"), |method| set(method, "_set_up", true));
            self.attach(text(method, "id"), customer);
        }
        let kind =
            if is_held { "payment_intent.amount_capturable_updated" } else { "payment_intent.succeeded" };
        if let Some(intent) = self.find("payment_intent", id) {
            self.event(kind, &intent, None);
        }
    }

    /// Notes a failed attempt on the intent and completes the error with it.
    pub fn failed(&mut self, id: &str, error: StripeError) -> StripeError {
        let Some(intent) = self.find("payment_intent", id) else { return error };
        let method = self.find("payment_method", text(&intent, "payment_method")).unwrap_or(Value::Null);
        let error = error.field("payment_method", shown(&method)).field("payment_method_type", "card");
        let noted = Value::Object(error.fields().clone());
        self.change("payment_intent", id, |intent| {
            set(intent, "last_payment_error", noted);
            set(intent, "payment_method", Value::Null);
            set(intent, "next_action", Value::Null);
            set(intent, "status", "requires_payment_method");
        });
        let intent = self.find("payment_intent", id).unwrap_or(intent);
        self.event("payment_intent.payment_failed", &intent, None);
        error.field("payment_intent", shown(&intent))
    }

    fn challenge(&mut self, intent: &Value, method: &Value, asked: &Asked) -> Outcome<()> {
        let id = text(intent, "id").to_owned();
        if asked.is_off_session || asked.fails_on_action {
            let mut error = card_error("authentication_required", "");
            if asked.fails_on_action && !asked.is_off_session {
                error = StripeError::new(402, "card_error", "Payment Intent requires action.")
                    .code("payment_intent_action_required");
            }
            return Err(self.failed(&id, error));
        }
        let next = self.next_action(intent, method, asked);
        self.change("payment_intent", &id, |intent| {
            set(intent, "status", "requires_action");
            set(intent, "next_action", next);
        });
        let intent = self.fetch("payment_intent", &id, "intent")?;
        self.event("payment_intent.requires_action", &intent, None);
        Ok(())
    }

    pub fn unexpected(&self, intent: &Value, done: &str) -> StripeError {
        let message = format!(
            "This PaymentIntent could not be {done} because it has a status of {}.",
            text(intent, "status")
        );
        StripeError::refused("payment_intent_unexpected_state", message)
            .field("payment_intent", shown(intent))
    }
}

impl Asked {
    fn from(wanted: &Map<String, Value>) -> Asked {
        let is = |name: &str| wanted.get(name) == Some(&Value::Bool(true));
        Asked {
            return_url: text_of(wanted, "return_url").map(str::to_owned),
            is_off_session: is("off_session"),
            fails_on_action: is("error_on_requires_action"),
            by_sdk: is("use_stripe_sdk"),
            authenticated: Authenticated::No,
        }
    }
}

/// What must be there before an attempt is begun.
fn ready_to_confirm(intent: &Value, asked: &Asked) -> Outcome<()> {
    if let Some(url) = &asked.return_url {
        super::endpoints::is_return(url, "return_url")?;
    }
    if intent["payment_method"].is_null() {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the \
                       PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment \
                       method or ConfirmationToken.";
        return Err(StripeError::refused("payment_intent_unexpected_state", message));
    }
    let automatic = &intent["automatic_payment_methods"];
    let may_redirect = flag(automatic, "enabled") && text(automatic, "allow_redirects") == "always";
    if may_redirect && asked.return_url.is_none() && !asked.by_sdk && !asked.is_off_session {
        let message = "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these \
                       payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't \
                       want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and \
                       `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.";
        return Err(StripeError::invalid(message).param("return_url"));
    }
    Ok(())
}
