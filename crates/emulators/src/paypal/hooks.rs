//! Webhooks with PayPal's signature, the list of events, and the end point that verifies a signature.

use std::sync::Arc;

use serde_json::{Value, json};

use super::certificates::signed_text;
use super::checks;
use super::error::{Outcome, PaypalError, fault};
use super::{Counter, Reply};
use crate::chance;
use crate::clock;
use crate::deliver::Letter;
use crate::effects::Provider;
use crate::form;
use crate::message::Call;
use crate::shelf::{set, shown, text};

const WEBHOOKS: usize = 10;

impl Counter<'_> {
    pub fn create_webhook(&mut self, body: &Value) -> Outcome<Reply> {
        let url = text(body, "url");
        let is_address = url.starts_with("http") && url.parse::<http::Uri>().is_ok() && url.len() <= 2048;
        let types = body.get("event_types").and_then(Value::as_array).filter(|types| !types.is_empty());
        let (true, Some(types)) = (is_address, types) else {
            let mut faults = Vec::new();
            if !is_address {
                faults.push(fault("INVALID_PARAMETER_SYNTAX", "/url"));
            }
            if types.is_none() {
                faults.push(checks::missing("/event_types"));
            }
            return Err(PaypalError::invalid(faults));
        };
        let known = self.list("webhook");
        if known.iter().any(|webhook| text(webhook, "url") == url) {
            return Err(PaypalError::refused("WEBHOOK_URL_ALREADY_EXISTS"));
        }
        if known.len() >= WEBHOOKS {
            return Err(PaypalError::refused("WEBHOOK_NUMBER_LIMIT_EXCEEDED"));
        }
        let id = chance::capitals(17);
        let path = format!("/v1/notifications/webhooks/{id}");
        let webhook = json!({
            "id": id, "url": url, "event_types": types,
            "links": [
                self.link(&path, "self", "GET"), self.link(&path, "update", "PATCH"), self.link(&path, "delete", "DELETE"),
            ],
        });
        self.put("webhook", webhook.clone());
        Ok(Reply { status: 201, body: webhook, made: None })
    }

    pub fn webhooks(&self) -> Reply {
        Reply::read(json!({ "webhooks": self.list("webhook") }))
    }

    pub fn delete_webhook(&mut self, id: &str) -> Outcome<Reply> {
        self.fetch("webhook", id)?;
        if let Some(shelf) = self.state.shelves.get_mut("webhook") {
            shelf.remove(id);
        }
        Ok(Reply { status: 204, body: Value::Null, made: None })
    }

    /// Notes that something happened to `resource`, as it is now, and tells the webhooks.
    pub fn event(&mut self, kind: &str, resource_type: &str, resource: &Value, summary: &str) {
        let id = format!("WH-{}-{}", chance::capitals(17), chance::capitals(17));
        let path = format!("/v1/notifications/webhooks-events/{id}");
        let version = if resource_type == "dispute" { "1.0" } else { "2.0" };
        let event = json!({
            "id": id, "event_version": "1.0", "create_time": self.world.clock.now_text(), "resource_type": resource_type,
            "resource_version": version, "event_type": kind, "summary": summary, "resource": shown(resource),
            "links": [self.link(&path, "self", "GET"), self.link(&format!("{path}/resend"), "resend", "POST")],
        });
        self.put("event", event.clone());
        self.tell(&event);
    }

    fn tell(&self, event: &Value) {
        let kind = text(event, "event_type");
        for webhook in self.list("webhook") {
            let hears = webhook["event_types"]
                .as_array()
                .is_some_and(|types| types.iter().any(|one| ["*", kind].contains(&text(one, "name"))));
            if hears {
                let letter = self.letter(event, text(&webhook, "id"), text(&webhook, "url"));
                self.world.deliveries.send(&letter, &self.world.dice);
            }
        }
    }

    fn letter(&self, event: &Value, webhook: &str, url: &str) -> Letter {
        let signer = Arc::clone(&self.state.signer);
        let certificate = format!("{}/v1/notifications/certs/{}", self.world.paypal_address, signer.id);
        let webhook = webhook.to_owned();
        // Whether a further try bears a new transmission id is not published; here it does not.
        let part = |length: usize| chance::word(length).to_ascii_lowercase();
        let transmission = format!("{}-{}-11f0-{}-{}", part(8), part(4), part(4), part(12));
        let sign = move |at_s: i64, body: &str| {
            let at = clock::text(at_s);
            let tag = signer.sign(&signed_text(&transmission, &at, &webhook, body.as_bytes()));
            vec![
                ("content-type", "application/json".to_owned()),
                ("user-agent", "PayPal/AUHD-214.0-58843661".to_owned()),
                ("paypal-auth-algo", "SHA256withRSA".to_owned()),
                ("paypal-auth-version", "v2".to_owned()),
                ("paypal-cert-url", certificate.clone()),
                ("paypal-transmission-id", transmission.clone()),
                ("paypal-transmission-sig", tag),
                ("paypal-transmission-time", at),
            ]
        };
        Letter {
            provider: Provider::Paypal,
            url: url.to_owned(),
            event: text(event, "id").to_owned(),
            kind: text(event, "event_type").to_owned(),
            body: serde_json::to_string(event).unwrap_or_default(),
            sign: Arc::new(sign),
        }
    }

    pub fn list_events(&self, query: &str) -> Outcome<Reply> {
        let size: usize = match form::value(query, "page_size") {
            None => 10,
            Some(text) => text.parse().map_err(|_not_whole| {
                PaypalError::invalid(vec![fault("INVALID_PARAMETER_SYNTAX", "page_size")])
            })?,
        };
        let kind = form::value(query, "event_type");
        let from = form::value(query, "start_time").and_then(|time| clock::seconds(&time));
        let to = form::value(query, "end_time").and_then(|time| clock::seconds(&time));
        let at = |event: &Value| clock::seconds(text(event, "create_time")).unwrap_or(0);
        let events: Vec<Value> = self
            .list("event")
            .into_iter()
            .filter(|event| kind.as_deref().is_none_or(|kind| text(event, "event_type") == kind))
            .filter(|event| from.is_none_or(|from| at(event) >= from) && to.is_none_or(|to| at(event) <= to))
            .collect();
        let count = events.len();
        let events: Vec<Value> = events.into_iter().take(size.min(300)).collect();
        Ok(Reply::read(json!({ "events": events, "count": count, "links": [] })))
    }

    pub fn resend(&mut self, id: &str) -> Outcome<Reply> {
        let event = self.fetch("event", id)?;
        self.tell(&event);
        Ok(Reply { status: 202, body: event, made: None })
    }

    /// Verifies over the event's bytes as they stand in the call: a body that was parsed and written anew has another check sum.
    pub fn verify(&self, call: &Call, body: &Value) -> Outcome<Reply> {
        let names = [
            "auth_algo",
            "cert_url",
            "transmission_id",
            "transmission_sig",
            "transmission_time",
            "webhook_id",
            "webhook_event",
        ];
        let faults: Vec<Value> = names
            .iter()
            .filter(|name| body.get(**name).is_none())
            .map(|name| checks::missing(&format!("/{name}")))
            .collect();
        if !faults.is_empty() {
            return Err(PaypalError::invalid(faults));
        }
        let own = format!("{}/v1/notifications/certs/{}", self.world.paypal_address, self.state.signer.id);
        let is_known = text(body, "auth_algo") == "SHA256withRSA"
            && text(body, "cert_url") == own
            && self.find("webhook", text(body, "webhook_id")).is_some();
        let event = call.body_text().and_then(raw_event).unwrap_or("");
        let signed = signed_text(
            text(body, "transmission_id"),
            text(body, "transmission_time"),
            text(body, "webhook_id"),
            event.as_bytes(),
        );
        let holds = is_known && self.state.signer.verify(&signed, text(body, "transmission_sig"));
        let mut answer = json!({});
        set(&mut answer, "verification_status", if holds { "SUCCESS" } else { "FAILURE" });
        Ok(Reply::read(answer))
    }
}

/// The bytes of `webhook_event` in a call's body: from behind its colon to the brace that closes it.
fn raw_event(body: &str) -> Option<&str> {
    let at = body.find("\"webhook_event\"")? + "\"webhook_event\"".len();
    let rest = body.get(at..)?.trim_start().strip_prefix(':')?.trim_start();
    let (mut depth, mut in_text, mut escaped) = (0_u32, false, false);
    for (place, byte) in rest.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' if !in_text => depth += 1,
            b'}' if !in_text => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return rest.get(..=place);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_s_own_bytes_are_found() {
        for (body, expected) in [
            (r#"{"a":1,"webhook_event" : {"x": "}\""} ,"b":2}"#, Some(r#"{"x": "}\""}"#)),
            (r#"{"webhook_event":{"x":{"y":1}}}"#, Some(r#"{"x":{"y":1}}"#)),
            (r#"{"webhook_event":{"x":1"#, None),
            (r#"{"other":{}}"#, None),
        ] {
            assert_eq!(raw_event(body), expected, "{body}");
        }
    }
}
