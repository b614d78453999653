//! Webhook endpoints. The secret is told once, when an endpoint is made.

use serde_json::{Map, Value, json};

use super::error::{Outcome, StripeError};
use super::params::{self, EXPAND, Field, Kind, METADATA, given, may, must, text_of};
use super::{Desk, STRIPE_VERSION};
use crate::chance;
use crate::shelf::{set, text};

const CREATE: [Field; 7] = [
    EXPAND,
    METADATA,
    must("url", Kind::Text(5000)),
    must("enabled_events", Kind::Texts),
    may("api_version", Kind::Word(&[STRIPE_VERSION])),
    may("connect", Kind::Boolean),
    may("description", Kind::Emptiable(5000)),
];

const UPDATE: [Field; 6] = [
    EXPAND,
    METADATA,
    may("url", Kind::Text(5000)),
    may("enabled_events", Kind::Texts),
    may("description", Kind::Emptiable(5000)),
    may("disabled", Kind::Boolean),
];

impl Desk<'_> {
    pub fn create_endpoint(&mut self, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&CREATE, tree)?;
        let url = text_of(&wanted, "url").unwrap_or("");
        is_address(url)?;
        if self.live() && !url.starts_with("https://") {
            let message = "Invalid URL: URL must be https in live mode.";
            return Err(StripeError::invalid(message).code("url_invalid").param("url"));
        }
        let secret = format!("whsec_{}", chance::word(32));
        let endpoint = json!({
            "id": format!("we_1{}", chance::word(23)),
            "object": "webhook_endpoint",
            "api_version": wanted.get("api_version"),
            "application": null,
            "created": self.now_s(),
            "description": given(&wanted, "description"),
            "enabled_events": given(&wanted, "enabled_events"),
            "livemode": self.live(),
            "metadata": params::merged_metadata(&Value::Null, &wanted),
            "status": "enabled",
            "url": url,
            "_secrets": [secret],
        });
        self.put("webhook_endpoint", endpoint.clone());
        let mut answered = endpoint;
        set(&mut answered, "secret", secret);
        Ok(answered)
    }

    pub fn update_endpoint(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&UPDATE, tree)?;
        let old = self.fetch("webhook_endpoint", id, "webhook_endpoint")?;
        if let Some(url) = text_of(&wanted, "url") {
            is_address(url)?;
        }
        let metadata = params::merged_metadata(&old["metadata"], &wanted);
        self.change("webhook_endpoint", id, |endpoint| {
            for name in ["url", "enabled_events", "description"] {
                if let Some(value) = wanted.get(name) {
                    set(endpoint, name, value.clone());
                }
            }
            if let Some(is_disabled) = wanted.get("disabled").and_then(Value::as_bool) {
                set(endpoint, "status", if is_disabled { "disabled" } else { "enabled" });
            }
            set(endpoint, "metadata", metadata);
        });
        self.fetch("webhook_endpoint", id, "webhook_endpoint")
    }

    pub fn delete_endpoint(&mut self, id: &str) -> Outcome<Value> {
        self.fetch("webhook_endpoint", id, "webhook_endpoint")?;
        if let Some(shelf) = self.state.shelves.get_mut("webhook_endpoint") {
            shelf.remove(id);
        }
        Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
    }

    /// A second secret beside the first, as when a merchant rolls it in the dashboard and keeps the old one for a day. Returns it.
    pub fn roll_secret(&mut self, id: &str) -> Option<String> {
        let old = self.find("webhook_endpoint", id)?;
        let secret = format!("whsec_{}", chance::word(32));
        let last = old["_secrets"].as_array().and_then(|all| all.first()).cloned();
        self.change("webhook_endpoint", id, |endpoint| {
            set(endpoint, "_secrets", json!([secret, last]));
        });
        Some(secret)
    }
}

fn is_address(url: &str) -> Outcome<()> {
    let is_known = url.starts_with("http://") || url.starts_with("https://");
    if is_known && url.parse::<http::Uri>().is_ok() {
        return Ok(());
    }
    Err(StripeError::invalid("Not a valid URL").code("url_invalid").param("url"))
}

/// Whether an address may be a buyer's way back.
pub fn is_return(url: &str, param: &str) -> Outcome<()> {
    is_address(url).map_err(|_| {
        let message = "Not a valid URL: URL must start with http:// or https://.";
        StripeError::invalid(message).code("url_invalid").param(param)
    })
}

/// The first secret of the endpoint at `url`, for whoever set the stand-in up.
pub fn secret_of(endpoint: &Value) -> &str {
    endpoint["_secrets"].get(0).and_then(Value::as_str).unwrap_or_else(|| text(endpoint, "secret"))
}
