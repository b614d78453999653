//! Who is at the door: what a request's head tells of the browser behind it.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use storeward_base::{ClientIp, Language};
use storeward_web::agent;
use storeward_web::axum::extract::{ConnectInfo, FromRequestParts};
use storeward_web::http::request::Parts;
use storeward_web::http::{HeaderMap, header};

use crate::marks::Marks;
use crate::model::DeviceId;
use crate::tokens::{
    DEVICE_COOKIE, DeviceToken, FLOW_COOKIE, FlowToken, SESSION_COOKIE, SessionToken, read_session,
};

/// A browser's request, as far as accounts care.
#[derive(Clone, Debug)]
pub struct Visit {
    /// From the listener; unspecified where it did not say, and then all share one budget.
    pub client: ClientIp,
    /// Such as "Firefox · Linux".
    pub label: String,
    /// What the browser likes best of the languages there are.
    pub language: Option<Language>,
    pub session: Option<SessionToken>,
    /// Whether that session outlives the browser.
    pub(crate) is_lasting: bool,
    /// As sent, cut; for the risk engine, which keeps keyed values of it only.
    pub(crate) user_agent: String,
    /// One for each of the last accounts that signed in on this browser, the latest first.
    pub(crate) devices: Vec<DeviceToken>,
    pub flow: Option<FlowToken>,
}

impl Visit {
    pub fn new(client: ClientIp, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        let (session, is_lasting) = SESSION_COOKIE.read(headers).map_or((None, true), read_session);
        Visit {
            client,
            label: agent::label(text(header::USER_AGENT)),
            language: Language::of_accept(text(header::ACCEPT_LANGUAGE)),
            user_agent: text(header::USER_AGENT).chars().take(512).collect(),
            session,
            is_lasting,
            devices: DEVICE_COOKIE.read(headers).map(DeviceToken::parse_all).unwrap_or_default(),
            flow: FLOW_COOKIE.read(headers).and_then(FlowToken::parse),
        }
    }
}

impl Visit {
    /// The devices that it shows, where we gave those tokens to it, be it long ago. Nobody is looked up for it.
    pub(crate) fn own_devices<'a>(&'a self, marks: &'a Marks) -> impl Iterator<Item = &'a DeviceToken> {
        self.devices.iter().filter(|token| token.is_genuine(marks))
    }

    /// The token that it shows of this device.
    pub(crate) fn shown(&self, id: DeviceId) -> Option<&DeviceToken> {
        self.devices.iter().find(|token| token.id == id)
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Visit::of(parts))
    }
}

impl Visit {
    /// From a request whose listener put the client's address into the extensions.
    pub fn of(parts: &Parts) -> Self {
        let named = parts.extensions.get::<ClientIp>().copied();
        let connected =
            || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| ClientIp::new(info.0.ip()));
        let client = named.or_else(connected);
        Visit::new(client.unwrap_or_else(|| ClientIp::new(Ipv4Addr::UNSPECIFIED.into())), &parts.headers)
    }
}
