//! Who is let through to which page.

use std::fmt;

use storeward_identity::{ReturnTo, Visit};
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::Method;
use storeward_web::http::request::Parts;
use storeward_web::{Failure, Gate, redirect};

use crate::provider::Provider;

/// What a page needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing; who is signed in is seen.
    Anybody,
    /// A customer who is signed in.
    Customer,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Anybody => "anybody, signed in or not",
            Need::Customer => "customer",
        })
    }
}

pub struct ProviderGate(pub Provider);

impl Gate for ProviderGate {
    type Need = Need;

    async fn admit(&self, need: &Need, head: &mut Parts) -> Result<(), Response> {
        let identity = &self.0.0.identity;
        let token = Visit::of(head).session;
        let session = match &token {
            Some(token) => {
                identity.current(token).await.map_err(|error| Failure::from(error).into_response())?
            }
            None => None,
        };
        match (token, session, need) {
            (Some(token), Some(session), Need::Anybody | Need::Customer) => {
                head.extensions.insert(token.csrf());
                head.extensions.insert(token);
                head.extensions.insert(session);
                Ok(())
            }
            (_, _, Need::Anybody) => Ok(()),
            (_, _, Need::Customer) => {
                let wanted = head.uri.path_and_query().map_or("/", |path| path.as_str());
                let to = ReturnTo::parse(wanted).filter(|_| head.method == Method::GET);
                let to = to
                    .or_else(|| ReturnTo::parse("/"))
                    .expect("the shop's first page is a path of this host");
                Err(redirect(&identity.sign_in_address(&to)))
            }
        }
    }
}
