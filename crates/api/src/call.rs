//! A call as an operation sees it, and what it answers.

use std::collections::BTreeMap;
use std::str::FromStr;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use storeward_base::{Actor, RequestId, Timestamp};
use storeward_policy::Purpose;
use storeward_web::http::{HeaderName, HeaderValue, StatusCode};

use crate::cursor::Cursors;
use crate::key::{Act, Key};
use crate::problem::Problem;

/// Whose call it is.
#[derive(Clone, Debug)]
pub struct Caller {
    pub key: Key,
}

impl Caller {
    pub fn actor(&self) -> Actor {
        Actor::Key { id: self.key.id }
    }

    /// Refuses a purpose that the key is not for.
    pub fn for_purpose(&self, purpose: Purpose) -> Result<Purpose, Problem> {
        if self.key.purposes.contains(&purpose) {
            return Ok(purpose);
        }
        Err(Problem::denied(WRONG_PURPOSE, "The key is not for this purpose."))
    }

    /// Refuses what the key may not do.
    pub fn may(&self, act: Act) -> Result<(), Problem> {
        if self.key.acts.contains(&act) {
            return Ok(());
        }
        let detail = format!("The key may not {}.", act.name());
        Err(Problem::denied("api.act", detail))
    }
}

/// The code of the problem that a purpose is none of the key's.
pub(crate) const WRONG_PURPOSE: &str = "api.purpose";

/// What of a key refuses a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    Act,
    Purpose,
}

/// A call whose key is good and may do this.
pub struct Call {
    pub caller: Caller,
    pub request: RequestId,
    /// When the request was first sent, for one that is sent again; now, for others.
    pub begun_at: Timestamp,
    /// Chance that is the same when the request is sent again under its idempotency key.
    pub chance: [u8; 10],
    /// `If-Match`, where the operation takes it.
    pub if_match: Option<String>,
    pub(crate) operation: &'static str,
    pub(crate) parts: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) body: Bytes,
    pub(crate) cursors: Cursors,
}

impl Call {
    /// A part of the path. What is none of its kind is the address of nothing.
    pub fn part<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        let found = self.parts.get(name).and_then(|text| text.parse().ok());
        found.ok_or_else(|| Problem::missing("api.no_such_address", "There is nothing at this address."))
    }

    /// The operation's id.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The body. An error names the place and what would fit, never what stands there.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|fault| Problem::malformed(words_of(&fault)))
    }

    /// How many entries a page has: `limit`, 1 to 500, 50 where it is left out.
    pub fn limit(&self) -> Result<u32, Problem> {
        let Some(text) = self.asked("limit") else { return Ok(50) };
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let limit = text.parse().ok().filter(|limit| plain && (1..=500).contains(limit));
        limit.ok_or_else(|| Problem::malformed("`limit` is a number from 1 to 500."))
    }

    /// The last entry of the page before, from the cursor in `after`.
    pub fn after(&self) -> Result<Option<String>, Problem> {
        let Some(cursor) = self.asked("after") else { return Ok(None) };
        let read = self.cursors.read(self.operation, cursor);
        let read = read.ok_or_else(|| Problem::malformed("`after` is no cursor of this list."))?;
        Ok(Some(read))
    }

    /// The cursor behind an entry.
    pub fn cursor(&self, last: &str) -> String {
        self.cursors.make(self.operation, last)
    }
}

/// serde's words name what was found, which may be somebody's data; the others are told as they are.
fn words_of(fault: &serde_json::Error) -> String {
    let place = format!("line {}, column {}", fault.line(), fault.column());
    if fault.is_syntax() || fault.is_eof() {
        return format!("The body is no JSON ({place}).");
    }
    let words = fault.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    let telling = ["missing field", "unknown field", "duplicate field", "this ", "an item"];
    match telling.iter().any(|start| words.starts_with(start)) {
        true => format!("The body does not fit: {} ({place}).", plain(words)),
        false => {
            format!("The body does not fit: a value is of another type than the document says ({place}).")
        }
    }
}

/// The name of a field that nobody knows is the program's own text, and may be a value in the wrong place.
fn plain(words: &str) -> String {
    let is_name = |name: &str| {
        name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let parts = words.splitn(3, '`').collect::<Vec<_>>();
    let words = match parts.as_slice() {
        [before, name, rest] if before.starts_with("unknown field") && !is_name(name) => {
            format!("{before}`?`{rest}")
        }
        _ => words.to_owned(),
    };
    words.chars().take(200).collect()
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Answer {
    pub fn json(status: u16, body: Value) -> Self {
        Answer { status, content_type: "application/json", body: body.to_string(), headers: Vec::new() }
    }

    /// A message that was declared.
    pub fn of<T: serde::Serialize>(status: u16, message: &T) -> Self {
        let body = serde_json::to_string(message).expect("a message has a form in JSON");
        Answer { status, content_type: "application/json", body, headers: Vec::new() }
    }

    pub fn text(content_type: &'static str, body: String) -> Self {
        Answer { status: StatusCode::OK.as_u16(), content_type, body, headers: Vec::new() }
    }

    /// The body as JSON; null where it is none.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// With another body.
    #[must_use]
    pub fn with_value(mut self, body: &Value) -> Self {
        self.body = body.to_string();
        self
    }

    /// Text with signs that no header has is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}
