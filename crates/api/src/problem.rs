//! What is answered when something is wrong: problem+json (RFC 9457), with a stable code and, for a body that does not fit,
//! where in it.

use serde_json::{Value, json};
use storeward_base::Fault;
use storeward_web::Failure;
use storeward_web::http::{HeaderValue, StatusCode, header};

use crate::call::Answer;

/// A place in the body that does not fit, and why; never what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// RFC 6901.
    pub pointer: String,
    pub detail: String,
}

#[derive(Clone, Debug)]
pub struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    pub(crate) faults: Vec<FieldFault>,
    pub(crate) retry_after_seconds: Option<u64>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem { status, code, detail: detail.into(), faults: Vec::new(), retry_after_seconds: None }
    }

    /// The request cannot be read as the document says.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "api.malformed", detail)
    }

    /// It can be read, and a value does not fit what it is for.
    pub fn misfit(faults: Vec<FieldFault>) -> Self {
        let detail = "Values do not fit their fields; nothing was written. See `errors`.";
        Problem { faults, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "api.misfit", detail) }
    }

    pub fn missing(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    pub fn denied(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    pub(crate) fn busy(seconds: u64) -> Self {
        let detail = "That was too much at once. Wait as long as Retry-After says.";
        Problem {
            retry_after_seconds: Some(seconds.max(1)),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "api.too_many", detail)
        }
    }

    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// As one of several results.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "code": self.code,
            "detail": self.detail,
            "status": self.status.as_u16(),
            "title": self.status.canonical_reason().unwrap_or("Refused"),
            "type": format!("urn:storeward:problem:{}", self.code),
        });
        if let (false, Some(map)) = (self.faults.is_empty(), body.as_object_mut()) {
            let faults: Vec<Value> = self
                .faults
                .iter()
                .map(|fault| json!({ "pointer": fault.pointer, "detail": fault.detail }))
                .collect();
            map.insert("errors".to_owned(), faults.into());
        }
        body
    }

    pub(crate) fn answer(&self) -> Answer {
        let mut answer = Answer::json(self.status.as_u16(), self.body());
        answer.content_type = "application/problem+json";
        if let Some(seconds) = self.retry_after_seconds {
            answer.headers.push((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        answer
    }
}

/// Statuses and words come from the one place that chooses them.
impl<F: Fault> From<F> for Problem {
    fn from(fault: F) -> Self {
        let failure = Failure::from(fault);
        Problem {
            retry_after_seconds: failure.retry_after_seconds(),
            ..Problem::new(failure.status(), failure.code(), failure.detail())
        }
    }
}
