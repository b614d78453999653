//! Stripe's error object.

use serde_json::{Map, Value, json};

use crate::message::Answer;

/// Whether the answer is kept under the call's key: "we save results only after the execution of an endpoint begins".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Yes,
    No,
}

#[derive(Clone, Debug)]
pub struct StripeError {
    pub status: u16,
    pub kept: Kept,
    fields: Map<String, Value>,
}

pub type Outcome<T> = Result<T, StripeError>;

impl StripeError {
    pub fn new(status: u16, kind: &str, message: impl Into<String>) -> StripeError {
        let mut fields = Map::new();
        fields.insert("message".to_owned(), Value::String(message.into()));
        fields.insert("type".to_owned(), Value::String(kind.to_owned()));
        StripeError { status, kept: Kept::Yes, fields }
    }

    /// A call that is refused before anything is begun.
    pub fn invalid(message: impl Into<String>) -> StripeError {
        StripeError { kept: Kept::No, ..StripeError::new(400, "invalid_request_error", message) }
    }

    /// A call that was begun and cannot be done as things stand.
    pub fn refused(code: &str, message: impl Into<String>) -> StripeError {
        StripeError::new(400, "invalid_request_error", message).code(code)
    }

    pub fn missing(kind: &str, id: &str, param: &str) -> StripeError {
        StripeError::new(404, "invalid_request_error", format!("No such {kind}: '{id}'"))
            .code("resource_missing")
            .param(param)
    }

    /// Something that Stripe has and this stand-in does not. No such answer exists at Stripe.
    pub fn beyond(what: &str) -> StripeError {
        let message = format!("This stand-in does not do what Stripe does here: {what}");
        StripeError { kept: Kept::No, ..StripeError::new(501, "api_error", message) }
    }

    pub fn server() -> StripeError {
        let message =
            "Sorry! An unknown error occurred. Please try again, or contact support if it continues.";
        StripeError::new(500, "api_error", message)
    }

    pub fn code(self, code: &str) -> StripeError {
        self.field("doc_url", format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")))
            .field("code", code)
    }

    pub fn with_status(self, status: u16) -> StripeError {
        StripeError { status, ..self }
    }

    pub fn param(self, param: &str) -> StripeError {
        self.field("param", param)
    }

    pub fn field(mut self, name: &str, value: impl Into<Value>) -> StripeError {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    pub fn message(&self) -> String {
        self.fields.get("message").and_then(Value::as_str).unwrap_or("").to_owned()
    }

    pub fn answer(&self) -> Answer {
        Answer::json(self.status, &json!({ "error": self.fields }))
    }
}
