//! Events, and their way to the merchant's endpoints with Stripe's signature.

use std::sync::Arc;

use aws_lc_rs::hmac;
use serde_json::{Map, Value, json};

use super::error::{Outcome, StripeError};
use super::expand::{in_range, page};
use super::params::{self, EXPAND, Kind, PAGING, may, text_of};
use super::{Desk, STRIPE_VERSION};
use crate::chance;
use crate::deliver::Letter;
use crate::effects::Provider;
use crate::shelf::{set, shown, text, whole};

/// "We retain events for 30 days."
const KEPT_S: i64 = 30 * 24 * 3600;
const TYPES: usize = 20;

impl Desk<'_> {
    /// Notes that something happened to `object`, as it is now, and tells the endpoints.
    pub fn event(&mut self, kind: &str, object: &Value, previous: Option<Value>) {
        let id = format!("evt_3{}", chance::word(23));
        let mut data = json!({ "object": shown(object) });
        if let Some(previous) = previous {
            set(&mut data, "previous_attributes", previous);
        }
        let request = if self.request.is_null() {
            json!({ "id": null, "idempotency_key": null })
        } else {
            self.request.clone()
        };
        let endpoints: Vec<Value> =
            self.list("webhook_endpoint").into_iter().filter(|endpoint| hears(endpoint, kind)).collect();
        let event = json!({
            "id": id, "object": "event", "api_version": STRIPE_VERSION, "created": self.now_s(), "data": data,
            "livemode": self.live(), "pending_webhooks": endpoints.len(), "request": request, "type": kind,
        });
        self.put("event", event.clone());
        for endpoint in endpoints {
            self.tell(&endpoint, &event);
        }
    }

    fn tell(&self, endpoint: &Value, event: &Value) {
        let secrets: Vec<String> = endpoint["_secrets"]
            .as_array()
            .map(|all| all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect())
            .unwrap_or_default();
        let letter = Letter {
            provider: Provider::Stripe,
            url: text(endpoint, "url").to_owned(),
            event: text(event, "id").to_owned(),
            kind: text(event, "type").to_owned(),
            body: serde_json::to_string_pretty(event).unwrap_or_default(),
            sign: Arc::new(move |at_s, body| headers(&secrets, at_s, body)),
        };
        self.world.deliveries.send(&letter, &self.world.dice);
    }

    pub fn list_events(&mut self, tree: &Map<String, Value>) -> Outcome<Value> {
        let mut fields = vec![
            EXPAND,
            may("created", Kind::Range),
            may("type", Kind::Text(255)),
            may("types", Kind::Texts),
            may("delivery_success", Kind::Boolean),
        ];
        fields.extend(PAGING);
        let given = params::read(&fields, tree)?;
        let types: Vec<&str> = given
            .get("types")
            .and_then(Value::as_array)
            .map(|types| types.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        if types.len() > TYPES || (!types.is_empty() && given.contains_key("type")) {
            let message = "You may pass either `type` or up to 20 `types`, but not both.";
            return Err(StripeError::invalid(message).param("types"));
        }
        let delivered = given.get("delivery_success").and_then(Value::as_bool);
        let oldest = self.now_s() - KEPT_S;
        let items = self
            .list("event")
            .into_iter()
            .filter(|event| whole(event, "created") > oldest)
            .filter(|event| text_of(&given, "type").is_none_or(|kind| is_of(text(event, "type"), kind)))
            .filter(|event| types.is_empty() || types.contains(&text(event, "type")))
            .filter(|event| in_range(whole(event, "created"), given.get("created")))
            .filter(|event| delivered.is_none_or(|all| (self.pending(event) == 0) == all))
            .collect();
        let mut page = page(items, &given, "/v1/events")?;
        for event in page["data"].as_array_mut().into_iter().flatten() {
            *event = self.with_pending(event.take());
        }
        Ok(page)
    }

    pub fn one_event(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        params::read(&[EXPAND], tree)?;
        let event = self.fetch("event", id, "id")?;
        if whole(&event, "created") <= self.now_s() - KEPT_S {
            return Err(StripeError::missing("event", id, "id"));
        }
        Ok(self.with_pending(event))
    }

    fn with_pending(&self, mut event: Value) -> Value {
        let pending = self.pending(&event);
        set(&mut event, "pending_webhooks", pending);
        event
    }

    fn pending(&self, event: &Value) -> usize {
        self.world.deliveries.pending(text(event, "id"))
    }
}

/// `charge.*` stands for all that begin so.
fn is_of(kind: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => kind == wanted,
    }
}

fn hears(endpoint: &Value, kind: &str) -> bool {
    text(endpoint, "status") == "enabled"
        && endpoint["enabled_events"].as_array().is_some_and(|events| {
            events.iter().filter_map(Value::as_str).any(|event| event == "*" || event == kind)
        })
}

/// `Stripe-Signature: t=…,v1=…`, with one v1 for each secret that is in force.
fn headers(secrets: &[String], at_s: i64, body: &str) -> Vec<(&'static str, String)> {
    let mut value = format!("t={at_s}");
    for secret in secrets {
        value.push_str(",v1=");
        value.push_str(&signature(secret, at_s, body));
    }
    vec![
        ("content-type", "application/json; charset=utf-8".to_owned()),
        ("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)".to_owned()),
        ("stripe-signature", value),
    ]
}

fn signature(secret: &str, at_s: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at_s}.{body}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
