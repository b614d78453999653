//! Who is let through to which page.

use std::fmt;

use storeward_host::OWN_PREFIX;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::request::Parts;
use storeward_web::http::{HeaderValue, Method};
use storeward_web::{Failure, Gate, WantsPage, redirect};

use crate::state::ReturnTo;
use crate::tokens::{DEVICE_COOKIE, FLOW_COOKIE, FlowToken, session_cookie};
use crate::verbs::{Granted, Identity};
use crate::visit::Visit;

/// What a page needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A customer who is signed in.
    Customer,
    /// The same, who has just proved everything the account has.
    FreshCustomer,
    /// The browser that began something.
    Flow,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Customer => "customer",
            Need::FreshCustomer => "customer who has just proved everything",
            Need::Flow => "browser that began it",
        })
    }
}

/// The gate of the customers' pages.
pub struct CustomerGate(pub Identity);

impl Gate for CustomerGate {
    type Need = Need;

    async fn admit(&self, need: &Need, head: &mut Parts) -> Result<(), Response> {
        let visit = Visit::of(head);
        match need {
            Need::Customer | Need::FreshCustomer => self.admit_customer(*need, visit, head).await,
            Need::Flow => {
                let Some(flow) = visit.flow else { return Err(redirect(&own("/sign-in?done=over"))) };
                head.extensions.insert(flow.csrf());
                head.extensions.insert(flow);
                Ok(())
            }
        }
    }
}

impl CustomerGate {
    async fn admit_customer(&self, need: Need, visit: Visit, head: &mut Parts) -> Result<(), Response> {
        let Some(token) = visit.session else { return Err(self.ask(Need::Customer, head)) };
        let session = self.0.current(&token).await;
        let session = session.map_err(|error| Failure::from(error).into_response())?;
        let Some(session) = session else { return Err(self.ask(Need::Customer, head)) };
        if need == Need::FreshCustomer && !self.0.is_fresh(&session) {
            return Err(self.ask(need, head));
        }
        head.extensions.insert(token.csrf());
        head.extensions.insert(token);
        head.extensions.insert(session);
        Ok(())
    }

    /// A person is led to the page that asks, and back again; a form is led to where it came from.
    fn ask(&self, need: Need, head: &Parts) -> Response {
        if WantsPage::of(&head.headers) == WantsPage::No {
            return Failure::sign_in_first().into_response();
        }
        let wanted = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let to = ReturnTo::parse(wanted).filter(|_| head.method == Method::GET);
        let to = to.or_else(|| ReturnTo::parse(&own("/account")));
        let to = to.expect("the account's page is a path of this host");
        redirect(&match need {
            Need::FreshCustomer => self.0.step_up_address(&to),
            Need::Customer | Need::Flow => self.0.sign_in_address(&to),
        })
    }
}

/// One of our own paths.
pub fn own(path: &str) -> String {
    format!("{OWN_PREFIX}{path}")
}

/// The cookies of whoever has signed in, for longer than the browser runs or not; what they began is over.
pub fn cookies_of(granted: &Granted, is_lasting: bool) -> Vec<HeaderValue> {
    const YEAR: u64 = 400 * 86_400;
    let session = session_cookie(&granted.session, is_lasting.then_some(granted.session_seconds));
    let held = granted.device.as_ref().map(|token| token.cookie_with(&granted.others));
    let device = held.and_then(|held| DEVICE_COOKIE.set(held.expose(), Some(YEAR)));
    [session, device, FLOW_COOKIE.clear()].into_iter().flatten().collect()
}

/// The cookie of a flow. It ends with the browser's session, and the flow before that.
pub fn flow_cookie(flow: &FlowToken) -> Option<HeaderValue> {
    FLOW_COOKIE.set(flow.secret().expose(), None)
}
