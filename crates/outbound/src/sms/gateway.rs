//! Sends a short message by the gateway that the config describes.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use storeward_base::Secret;

use super::error::SmsError;
use super::number::PhoneNumber;
use super::template::{Values, fill, fill_json, percent};
use crate::client::Client;
use crate::request::{Reply, Request};

/// Gateways cut or refuse longer ones (ten parts of 160).
const LONGEST_CHARS: usize = 1_600;

/// A short message to one telephone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortMessage {
    pub to: PhoneNumber,
    text: String,
    id: String,
}

impl ShortMessage {
    /// Control characters but line breaks become blanks; a text that is too long is cut. `id` stays the same when the same
    /// message is sent again.
    pub fn new(to: PhoneNumber, text: &str, id: impl Into<String>) -> Self {
        let clean = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
        let text: String = text.trim().chars().take(LONGEST_CHARS).map(clean).collect();
        ShortMessage { to, text, id: id.into() }
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

/// What is sent behind the URL.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Nothing,
    Form(Vec<(String, String)>),
    Json(Value),
}

/// The verbs that gateways use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Put,
}

/// How a yes looks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Success {
    /// Any of these; 200 to 299 when empty.
    pub statuses: Vec<u16>,
    /// Where in the JSON answer (RFC 6901) one of `values` stands.
    pub pointer: Option<String>,
    pub values: Vec<Value>,
}

pub(super) struct Parts {
    pub client: Client,
    pub verb: Verb,
    pub url: String,
    pub headers: Vec<(String, Secret<String>)>,
    pub content: Content,
    pub secret: Secret<String>,
    pub success: Success,
}

/// Sends short messages. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Parts>);

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("client", &self.0.client).finish_non_exhaustive()
    }
}

impl Gateway {
    pub(super) fn new(parts: Parts) -> Self {
        Gateway(Arc::new(parts))
    }

    /// When it says yes, the gateway has taken the message over. A [`SmsError::Way`] may mean that it took it and its answer
    /// was lost: sent again, the message may come twice. Safe to cancel.
    pub async fn send(&self, message: &ShortMessage) -> Result<(), SmsError> {
        let reply = self.0.client.send(self.request(message)?).await?;
        self.judge(&reply)
    }

    fn request(&self, message: &ShortMessage) -> Result<Request, SmsError> {
        let parts = &self.0;
        let values = Values {
            to: message.to.expose(),
            text: &message.text,
            id: &message.id,
            secret: parts.secret.expose(),
        };
        let url = fill(&parts.url, values, percent);
        let (kind, body) = match &parts.content {
            Content::Nothing => ("text/plain", String::new()),
            Content::Form(fields) => {
                let pair = |(key, value): &(String, String)| {
                    format!("{}={}", percent(key), percent(&fill(value, values, str::to_owned)))
                };
                let pairs: Vec<_> = fields.iter().map(pair).collect();
                ("application/x-www-form-urlencoded", pairs.join("&"))
            }
            Content::Json(template) => ("application/json", fill_json(template, values).to_string()),
        };
        let broken = |_| SmsError::Request;
        let mut request = match parts.verb {
            Verb::Get => Request::get(&url),
            Verb::Post => Request::post(&url, kind, body),
            Verb::Put => Request::put(&url, kind, body),
        }
        .map_err(broken)?;
        for (name, value) in &parts.headers {
            let value = Secret::new(fill(value.expose(), values, str::to_owned));
            request = request.header(name, value.expose()).map_err(broken)?;
        }
        Ok(request)
    }

    fn judge(&self, reply: &Reply) -> Result<(), SmsError> {
        let success = &self.0.success;
        let status = reply.status.as_u16();
        let fits = if success.statuses.is_empty() {
            reply.status.is_success()
        } else {
            success.statuses.contains(&status)
        };
        if !fits {
            return Err(SmsError::Refused { status });
        }
        let Some(pointer) = &success.pointer else { return Ok(()) };
        let answer: Value = serde_json::from_slice(&reply.body).map_err(|_| SmsError::NotTaken)?;
        let found = answer.pointer(pointer).ok_or(SmsError::NotTaken)?;
        let is_taken =
            if success.values.is_empty() { !found.is_null() } else { success.values.contains(found) };
        if is_taken { Ok(()) } else { Err(SmsError::NotTaken) }
    }
}
