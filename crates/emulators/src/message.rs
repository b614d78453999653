//! A call and its answer, whole.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

/// The longest body that is read.
pub const BODY_BYTES: usize = 6 * 1024 * 1024;

/// A call, read whole.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The parts of the path, without the first slash.
    pub fn parts(&self) -> Vec<&str> {
        self.path.trim_start_matches('/').split('/').collect()
    }

    pub fn body_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }
}

/// How an answer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    Whole,
    /// Not at all: the connection is held for so long and closed.
    Never(Duration),
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    pub leaves: Leaves,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Answer {
        Answer::json_text(status, serde_json::to_string_pretty(body).unwrap_or_default())
    }

    pub fn json_text(status: u16, body: String) -> Answer {
        Answer {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body,
            leaves: Leaves::Whole,
        }
    }

    pub fn empty(status: u16) -> Answer {
        Answer { status, headers: Vec::new(), body: String::new(), leaves: Leaves::Whole }
    }

    pub fn see_other(to: &str) -> Answer {
        Answer::empty(303).with("location", to)
    }

    pub fn never(hold: Duration) -> Answer {
        Answer { leaves: Leaves::Never(hold), ..Answer::empty(500) }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }
}
