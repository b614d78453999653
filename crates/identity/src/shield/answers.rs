//! What the shield answers in the shop's place.

use serde_json::Value;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::pages::StandIn;
use crate::tokens::SOLVED_HEADER;

/// Then the shop may say again who is signed in.
const UNCLEAR_SECONDS: u64 = 30;
/// As long as the shop may be at a request that nobody waits for.
const ADDRESS_SECONDS: u64 = 60;

/// How a refusal is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    Page,
    /// Problem details (RFC 9457).
    Problem,
}

/// An answer in the shop's place.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    pub title: &'static str,
    /// Where the person can do something about it.
    pub challenge: Option<String>,
    /// When it may work, in seconds.
    pub retry_seconds: Option<u64>,
    /// With it solved there is a try at once: JSON in ALTCHA's form.
    pub puzzle: Option<String>,
    /// What people see of it, where the words of its code are not enough.
    pub page: Option<StandIn>,
}

impl Refusal {
    pub fn held(challenge: String) -> Self {
        Refusal {
            status: StatusCode::FORBIDDEN,
            code: "identity.second_factor",
            title: "Confirm that it is you",
            challenge: Some(challenge),
            retry_seconds: None,
            puzzle: None,
            page: None,
        }
    }

    pub const fn of(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Refusal { status, code, title, challenge: None, retry_seconds: None, puzzle: None, page: None }
    }

    /// The shop does not say who is signed in. Crawlers come back instead of taking the page for one that is gone.
    pub fn unclear() -> Self {
        let title = "The shop cannot sign you in at the moment";
        let refusal = Refusal::of(StatusCode::SERVICE_UNAVAILABLE, "identity.unclear", title);
        Refusal { retry_seconds: Some(UNCLEAR_SECONDS), ..refusal }
    }

    /// While the canary says that the adapter does not fit.
    pub fn closed() -> Self {
        let title = "Signing in is closed for the moment";
        Refusal::of(StatusCode::SERVICE_UNAVAILABLE, "identity.adapter_broken", title)
    }

    pub fn one_at_a_time() -> Self {
        let title = "One moment: an earlier request is not done yet";
        Refusal::of(StatusCode::SERVICE_UNAVAILABLE, "identity.one_at_a_time", title)
    }

    /// The same of another address, for which more has to be over than for other forms.
    pub fn address_later() -> Self {
        let title = "Your address can be changed in a minute: an earlier request may not be done yet";
        let refusal = Refusal::of(StatusCode::SERVICE_UNAVAILABLE, "identity.address_later", title);
        Refusal { retry_seconds: Some(ADDRESS_SECONDS), ..refusal }
    }

    /// A page is led to where the person can go on, or shows `page`; a program is told.
    pub fn answer(&self, wants: Wants, page: impl FnOnce() -> Option<StandIn>) -> Response<Bytes> {
        match (&self.challenge, wants) {
            (Some(place), Wants::Page) => {
                let mut answer = Response::new(Bytes::new());
                *answer.status_mut() = StatusCode::SEE_OTHER;
                if let Ok(place) = HeaderValue::try_from(place) {
                    answer.headers_mut().insert(header::LOCATION, place);
                }
                uncached(answer.headers_mut());
                answer
            }
            (None, Wants::Page) => {
                let Some(page) = self.page.clone().or_else(page) else {
                    return self.told("text/plain; charset=utf-8", self.title.to_owned());
                };
                let mut answer = self.told("text/html; charset=utf-8", page.html);
                if let Ok(policy) = HeaderValue::from_str(&page.policy) {
                    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
                }
                answer
            }
            (_, Wants::Problem) => {
                let mut problem = serde_json::json!({
                    "type": "about:blank",
                    "title": self.title,
                    "status": self.status.as_u16(),
                    "code": self.code,
                });
                if let (Some(place), Some(fields)) = (&self.challenge, problem.as_object_mut()) {
                    fields.insert("challenge".to_owned(), place.clone().into());
                }
                let puzzle = self.puzzle.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
                if let (Some(puzzle), Some(fields)) = (puzzle, problem.as_object_mut()) {
                    fields.insert("puzzle".to_owned(), puzzle);
                    fields.insert("answer_in".to_owned(), SOLVED_HEADER.into());
                }
                self.told("application/problem+json", problem.to_string())
            }
        }
    }

    fn told(&self, kind: &'static str, body: String) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::from(body));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(seconds) = self.retry_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        uncached(headers);
        answer
    }
}

/// No cache on the way keeps an answer that sets a handle: it would hand one person's session to others.
pub fn uncached(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    for name in ["cdn-cache-control", "surrogate-control", "x-accel-expires", "expires", "age"] {
        headers.remove(name);
    }
}
