//! What went wrong with a CA, in words that say what to do, and what follows from it.

use std::fmt;
use std::time::Duration;

use instant_acme::{Error, Problem};
use storeward_base::Timestamp;

use super::http::LastAnswer;
use crate::certificates::CertificateError;

/// One try at an order that did not lead to a certificate.
#[derive(Debug)]
pub(super) struct Failure {
    pub reason: String,
    pub next: Next,
    /// What the CA asked for.
    pub retry_after: Option<Duration>,
}

/// What becomes of the order under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It can still succeed: take it up again.
    Resume,
    /// It is dead or unknown: make a new one.
    Anew,
    /// Nothing is wrong with it: the CA did not like the nonce several times. Try again at once, and tell nobody.
    Again,
    /// The CA does not know the account: register it again, then make a new order.
    Register,
}

impl Failure {
    pub fn resume(reason: impl Into<String>) -> Self {
        Failure { reason: reason.into(), next: Next::Resume, retry_after: None }
    }

    pub fn anew(reason: impl Into<String>) -> Self {
        Failure { reason: reason.into(), next: Next::Anew, retry_after: None }
    }

    /// Reads an error of the protocol together with the answer that it came from.
    pub fn of(error: &Error, last: &LastAnswer, now: Timestamp) -> Self {
        let retry_after = last.retry_after(now);
        let refused = last.status.filter(|status| status.is_client_error() || status.is_server_error());
        let (reason, next) = match error {
            Error::Api(problem) => (explain(problem), next_after(problem)),
            Error::Timeout(_) => ("the CA has not decided in time".to_owned(), Next::Resume),
            Error::Json(_) if refused.is_some() => {
                let status = refused.map(|s| s.as_u16()).unwrap_or_default();
                (format!("the CA answered with status {status}"), Next::Resume)
            }
            other => (format!("the CA cannot be used: {other}"), Next::Resume),
        };
        Failure { reason, next, retry_after }
    }
}

impl From<CertificateError> for Failure {
    fn from(error: CertificateError) -> Self {
        Failure::resume(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// The error types of RFC 8555 section 6.7.
fn error_type(problem: &Problem) -> &str {
    problem.r#type.as_deref().unwrap_or_default().trim_start_matches("urn:ietf:params:acme:error:")
}

fn next_after(problem: &Problem) -> Next {
    match error_type(problem) {
        "badNonce" => Next::Again,
        "accountDoesNotExist" => Next::Register,
        // Of the CA's state, not of the order's.
        "rateLimited" | "serverInternal" | "userActionRequired" => Next::Resume,
        _ => Next::Anew,
    }
}

/// The CA's words, and what a person can do about them.
pub(super) fn explain(problem: &Problem) -> String {
    let advice = match error_type(problem) {
        "dns" => "check that the name's DNS record exists and points to this machine",
        "connection" => {
            "the CA must reach this machine on port 80 (http-01) or 443 (tls-alpn-01); check the firewall"
        }
        "unauthorized" | "incorrectResponse" | "tls" => {
            "another server answered for this name; check where its DNS record and any CDN lead"
        }
        "caa" => "the name's CAA record does not permit this CA; change the record or the CA",
        "rateLimited" => "the CA's limit is used up; it is tried again when the CA permits",
        "rejectedIdentifier" => "this CA does not give certificates for this name",
        "invalidContact" | "unsupportedContact" => "correct certificate.contact",
        "externalAccountRequired" => "this CA needs certificate.external_account; get both values from it",
        "userActionRequired" => "the CA wants its terms accepted anew; see its web site",
        _ => "",
    };
    match advice {
        "" => problem.to_string(),
        advice => format!("{problem}; {advice}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str) -> Problem {
        let json = serde_json::json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": "d"});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_problem_decides_what_becomes_of_the_order() {
        for (kind, next) in [
            ("badNonce", Next::Again),
            ("rateLimited", Next::Resume),
            ("serverInternal", Next::Resume),
            ("accountDoesNotExist", Next::Register),
            ("malformed", Next::Anew),
            ("unauthorized", Next::Anew),
        ] {
            let failure = Failure::of(&Error::Api(problem(kind)), &LastAnswer::default(), Timestamp::EPOCH);
            assert_eq!(failure.next, next, "{kind}");
        }
    }

    #[test]
    fn says_what_to_do() {
        assert!(explain(&problem("dns")).ends_with("points to this machine"));
        assert!(explain(&problem("connection")).contains("port 80"));
        assert_eq!(explain(&problem("new")), "API error: d (urn:ietf:params:acme:error:new)");
    }
}
