//! The one place where a fault becomes a status and words: a page for a person, problem+json (RFC 9457) for a program.

use std::borrow::Cow;

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use storeward_base::{Blame, Fault, FaultKind};

use crate::assets;

/// A refusal or a breakdown on its way to the caller. The frame around the routes writes the body, because only there
/// is it known whether a person or a program asked.
#[derive(Clone, Debug)]
pub struct Failure {
    status: StatusCode,
    /// Stable, for programs and for the support desk.
    code: &'static str,
    /// What happened and what to do next.
    detail: Cow<'static, str>,
    retry_after_seconds: Option<u64>,
}

impl Failure {
    fn with(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Failure { status, code, detail: detail.into(), retry_after_seconds: None }
    }

    /// The input does not fit; `detail` says what would.
    pub fn invalid(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::with(StatusCode::BAD_REQUEST, code, detail)
    }

    pub fn denied(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::with(StatusCode::FORBIDDEN, code, detail)
    }

    /// Nobody is signed in, and the caller is a program.
    pub fn sign_in_first() -> Self {
        Self::with(StatusCode::UNAUTHORIZED, "web.sign_in_first", "Sign in first.")
    }

    pub fn missing(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::with(StatusCode::NOT_FOUND, code, detail)
    }

    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::with(StatusCode::CONFLICT, code, detail)
    }

    pub fn too_large() -> Self {
        Self::with(StatusCode::PAYLOAD_TOO_LARGE, "web.too_large", "The form is larger than we accept.")
    }

    pub fn wrong_method() -> Self {
        Self::with(
            StatusCode::METHOD_NOT_ALLOWED,
            "web.wrong_method",
            "This address does not answer to that method.",
        )
    }

    pub fn wrong_host() -> Self {
        Self::with(
            StatusCode::MISDIRECTED_REQUEST,
            "web.wrong_host",
            "This address is not one of the console's. Open it by the address in its configuration.",
        )
    }

    /// Too many of the same; the caller should wait.
    pub fn too_many(code: &'static str, retry_after_seconds: u64) -> Self {
        let mut failure = Self::with(
            StatusCode::TOO_MANY_REQUESTS,
            code,
            "That was too often. Wait a moment and try again.",
        );
        failure.retry_after_seconds = Some(retry_after_seconds.max(1));
        failure
    }

    /// We are full or slow; the same request may work later.
    pub fn busy(code: &'static str) -> Self {
        let mut failure = Self::with(
            StatusCode::SERVICE_UNAVAILABLE,
            code,
            "Storeward is busy. Nothing was lost; try again in a moment.",
        );
        failure.retry_after_seconds = Some(2);
        failure
    }

    /// Something on our side does not work. The caller learns the code and nothing else.
    pub fn broken(code: &'static str) -> Self {
        Self::with(
            StatusCode::INTERNAL_SERVER_ERROR,
            code,
            "Something in Storeward did not work. The shop is not affected; the program's log says more.",
        )
    }

    /// How long the caller should wait, in seconds, where that is known.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Stable, for programs and for the support desk.
    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::METHOD_NOT_ALLOWED => Self::wrong_method(),
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            StatusCode::NOT_FOUND => Self::missing("web.no_such_page", "There is no page at this address."),
            status if status.is_server_error() => Self::broken("web.unexplained"),
            status => Self::with(status, "web.refused", "The request was refused."),
        }
    }

    /// Writes the answer in the form the caller asked for.
    pub(crate) fn write(&self, wants: WantsPage, home: &str) -> Response {
        self.head(match wants {
            WantsPage::Yes => self.page(home),
            WantsPage::No => self.problem(),
        })
    }

    /// Gives a page its status.
    pub(crate) fn head(&self, mut response: Response) -> Response {
        *response.status_mut() = self.status;
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn title(&self) -> &'static str {
        match self.status.as_u16() {
            400 => "That does not fit",
            401 => "Sign in first",
            403 => "Not allowed",
            404 => "Nothing here",
            405 => "Not possible here",
            409 => "It changed meanwhile",
            413 => "Too large",
            421 => "Wrong address",
            429 => "Too often",
            502 => "The shop does not answer",
            503 => "Busy",
            _ => "Something broke",
        }
    }

    fn page(&self, home: &str) -> Response {
        let page = FailurePage {
            status: self.status.as_u16(),
            title: self.title(),
            detail: &self.detail,
            code: self.code,
            home,
            css: assets::CSS.url(),
            icons: assets::ICONS.url(),
        };
        match page.render() {
            Ok(html) => Html(html).into_response(),
            Err(_) => self.problem(),
        }
    }

    fn problem(&self) -> Response {
        // In the order of their names, which a map keeps or makes as other crates have it.
        let body = serde_json::json!({
            "code": self.code,
            "detail": self.detail,
            "status": self.status.as_u16(),
            "title": self.title(),
            "type": format!("urn:storeward:problem:{}", self.code),
        });
        ([(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }
}

impl<F: Fault> From<F> for Failure {
    fn from(fault: F) -> Self {
        let code = fault.code();
        let retry_after = fault.retry_after().map(whole_seconds);
        let failure = match (fault.kind(), fault.blame()) {
            (FaultKind::Invalid, _) => Failure::invalid(code, fault.to_string()),
            (FaultKind::Denied, _) => Failure::denied(code, fault.to_string()),
            (FaultKind::Missing, _) => Failure::missing(code, fault.to_string()),
            (FaultKind::Conflict, _) => Failure::conflict(code, fault.to_string()),
            (FaultKind::Busy, Blame::Caller) => Failure::too_many(code, 5),
            (FaultKind::Busy, Blame::Us | Blame::Upstream) => Failure::busy(code),
            (FaultKind::Broken, Blame::Upstream) => {
                Failure::with(StatusCode::BAD_GATEWAY, code, "A service that we need did not answer.")
            }
            (FaultKind::Broken, Blame::Caller | Blame::Us) => Failure::broken(code),
        };
        Failure { retry_after_seconds: retry_after.or(failure.retry_after_seconds), ..failure }
    }
}

/// As `Retry-After` has it: rounded up, for nobody is to come too early.
fn whole_seconds(wait: std::time::Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Whether the caller is a person with a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantsPage {
    Yes,
    No,
}

impl WantsPage {
    /// Browsers name `text/html` when they navigate; programs do not.
    pub fn of(headers: &HeaderMap) -> Self {
        let html = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .any(|v| v.to_ascii_lowercase().contains("text/html"));
        if html { WantsPage::Yes } else { WantsPage::No }
    }
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    status: u16,
    title: &'static str,
    detail: &'a str,
    code: &'static str,
    home: &'a str,
    css: &'a str,
    icons: &'a str,
}
