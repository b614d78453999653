//! Who may call a route. A route without such a rule cannot be written down.

use std::fmt;

use axum::response::Response;
use http::request::Parts;

/// The rule of one route. `R` is the domain's own list of needs, such as "staff" or "staff with the role owner".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access<R> {
    /// Anybody; says why that is safe. Read-only.
    Public(&'static str),
    /// Anybody, and the page holds a form: the visitor gets a token in a cookie that the form must repeat.
    PublicForm(&'static str),
    /// Programs, such as a mail service that unsubscribes somebody (RFC 8058) or a shop's server that fetches a token; says what
    /// they show. No provenance and no token is asked for, and no cookie reaches the handler: what the request itself carries
    /// decides, so a page of another site cannot make a browser act here. The path has no parts in braces.
    Program(&'static str),
    /// Only whom the [`Gate`] admits under this need.
    Only(R),
}

impl<R: fmt::Display> fmt::Display for Access<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Access::Public(reason) => write!(f, "public: {reason}"),
            Access::PublicForm(reason) => write!(f, "public form: {reason}"),
            Access::Program(reason) => write!(f, "program: {reason}"),
            Access::Only(need) => write!(f, "only: {need}"),
        }
    }
}

/// Decides on the needs of one domain.
pub trait Gate: Send + Sync + 'static {
    type Need: fmt::Display + Clone + Send + Sync + 'static;

    /// Looks at the request's head. Admits by putting who it is, and the visitor's [`crate::CsrfToken`], into the
    /// request's extensions; refuses with the response to send.
    fn admit(&self, need: &Self::Need, head: &mut Parts)
    -> impl Future<Output = Result<(), Response>> + Send;
}

/// The need of routes that ask for nobody: there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nobody {}

impl fmt::Display for Nobody {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

/// The gate of pages none of which is for somebody who is signed in.
#[derive(Clone, Copy, Debug)]
pub struct NoGate;

impl Gate for NoGate {
    type Need = Nobody;

    async fn admit(&self, need: &Nobody, _: &mut Parts) -> Result<(), Response> {
        match *need {}
    }
}
