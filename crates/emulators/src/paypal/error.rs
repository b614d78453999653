//! PayPal's error object: a name, and for each fault an issue with its place.

use serde_json::{Value, json};

use super::issues::words;
use crate::chance;
use crate::message::Answer;

#[derive(Clone, Debug)]
pub struct PaypalError {
    pub status: u16,
    name: &'static str,
    message: &'static str,
    details: Vec<Value>,
    links: Vec<Value>,
}

pub type Outcome<T> = Result<T, PaypalError>;

impl PaypalError {
    fn new(status: u16, name: &'static str, message: &'static str) -> PaypalError {
        PaypalError { status, name, message, details: Vec::new(), links: Vec::new() }
    }

    /// 400: the request breaks its schema.
    pub fn invalid(details: Vec<Value>) -> PaypalError {
        let message = "Request is not well-formed, syntactically incorrect, or violates schema.";
        PaypalError { details, ..PaypalError::new(400, "INVALID_REQUEST", message) }
    }

    /// 422: the request makes sense and cannot be done.
    pub fn refused(issue: &str) -> PaypalError {
        PaypalError::unprocessable(vec![json!({ "issue": issue, "description": words(issue) })])
    }

    pub fn unprocessable(details: Vec<Value>) -> PaypalError {
        let message = "The requested action could not be performed, semantically incorrect, or failed business validation.";
        PaypalError { details, ..PaypalError::new(422, "UNPROCESSABLE_ENTITY", message) }
    }

    pub fn missing() -> PaypalError {
        PaypalError {
            details: vec![
                json!({ "issue": "INVALID_RESOURCE_ID", "description": words("INVALID_RESOURCE_ID") }),
            ],
            ..PaypalError::new(404, "RESOURCE_NOT_FOUND", "The specified resource does not exist.")
        }
    }

    pub fn malformed() -> PaypalError {
        PaypalError::invalid(vec![json!({
            "issue": "MALFORMED_REQUEST_JSON", "location": "body", "description": "The request JSON is not well formed.",
        })])
    }

    pub fn media() -> PaypalError {
        let message = "The server does not support the request payload's media type.";
        PaypalError::new(415, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    pub fn in_progress() -> PaypalError {
        PaypalError {
            details: vec![
                json!({ "issue": "PREVIOUS_REQUEST_IN_PROGRESS", "description": words("PREVIOUS_REQUEST_IN_PROGRESS") }),
            ],
            ..PaypalError::new(
                409,
                "RESOURCE_CONFLICT",
                "The server has detected a conflict while processing this request.",
            )
        }
    }

    pub fn server() -> PaypalError {
        PaypalError::new(500, "INTERNAL_SERVER_ERROR", "An internal server error occurred.")
    }

    pub fn unavailable() -> PaypalError {
        PaypalError::new(503, "SERVICE_UNAVAILABLE", "Service Unavailable.")
    }

    pub fn limited() -> PaypalError {
        PaypalError::new(429, "RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting.")
    }

    pub fn forbidden() -> PaypalError {
        let message = "Authorization failed due to insufficient permissions.";
        PaypalError::new(403, "NOT_AUTHORIZED", message)
    }

    /// Something that PayPal has and this stand-in does not. No such answer exists at PayPal.
    pub fn beyond(what: &str) -> PaypalError {
        let description = format!("This stand-in does not do what PayPal does here: {what}");
        PaypalError {
            details: vec![json!({ "issue": "BEYOND_THE_STAND_IN", "description": description })],
            ..PaypalError::new(501, "NOT_IMPLEMENTED", "The stand-in does not do this.")
        }
    }

    pub fn link(mut self, rel: &str, href: &str) -> PaypalError {
        self.links.push(json!({ "href": href, "rel": rel, "method": "GET" }));
        self
    }

    /// PayPal's word for it.
    pub fn issue(&self) -> &str {
        let first = self.details.first().and_then(|detail| detail["issue"].as_str());
        first.unwrap_or(self.name)
    }

    pub fn answer(&self) -> Answer {
        let mut body = json!({
            "name": self.name, "message": self.message, "debug_id": chance::word(13).to_ascii_lowercase(),
        });
        crate::shelf::set(&mut body, "links", self.links.clone());
        if !self.details.is_empty() {
            crate::shelf::set(&mut body, "details", self.details.clone());
        }
        Answer::json(self.status, &body)
    }
}

/// One fault of a request's body.
pub fn fault(issue: &str, field: &str) -> Value {
    json!({ "issue": issue, "field": field, "location": "body", "description": words(issue) })
}
