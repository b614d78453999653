//! Who is let through to which route.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use storeward_base::{ClientIp, Secret, StaffId};
use storeward_edge::bans::BanBook;
use storeward_seal::fingerprint::equal;
use storeward_web::axum::extract::ConnectInfo;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::request::Parts;
use storeward_web::http::{Method, header};
use storeward_web::{Failure, Gate, WantsPage, redirect};

use crate::accounts::{self, Accounts, COOKIE, OpenOffer, SessionToken};
use crate::pages::next;

/// What a route of the console needs. Roles come here when there are some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Somebody who is signed in.
    Staff,
    /// The same, who showed a second factor within ten minutes.
    FreshStaff,
    /// The same as staff; the request renews itself and so does not count as activity.
    StaffWatching,
    /// Whoever holds an enrolment link that is still good.
    EnrolmentLink,
    /// This machine itself, or the bearer token of the configuration.
    Scraper,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Staff => "staff",
            Need::FreshStaff => "staff who has just shown a second factor",
            Need::StaffWatching => "staff, without keeping the session alive",
            Need::EnrolmentLink => "holder of an open enrolment link",
            Need::Scraper => "this machine, or the metrics token",
        })
    }
}

/// Who is signed in, put into the request by the gate.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub staff: StaffId,
    pub name: String,
    pub token: SessionToken,
    /// Whether a second factor was shown within ten minutes.
    pub is_fresh: bool,
    /// Seconds since a second factor was shown; `None`: never in this session.
    pub factor_age_seconds: Option<u64>,
}

/// The console's gate.
pub struct StaffGate {
    pub accounts: Arc<Accounts>,
    pub bans: Arc<BanBook>,
    pub metrics_token: Option<Secret<String>>,
}

impl Gate for StaffGate {
    type Need = Need;

    async fn admit(&self, need: &Need, head: &mut Parts) -> Result<(), Response> {
        match need {
            Need::Staff => self.admit_staff(head, true).await,
            Need::FreshStaff => {
                self.admit_staff(head, true).await?;
                let is_fresh = head.extensions.get::<Visitor>().is_some_and(|visitor| visitor.is_fresh);
                if is_fresh { Ok(()) } else { Err(ask_to_confirm(head)) }
            }
            Need::StaffWatching => self.admit_staff(head, false).await,
            Need::EnrolmentLink => self.admit_link(head).await.map_err(IntoResponse::into_response),
            Need::Scraper => self.admit_scraper(head).map_err(IntoResponse::into_response),
        }
    }
}

impl StaffGate {
    async fn admit_staff(&self, head: &mut Parts, acts: bool) -> Result<(), Response> {
        let Some(token) = COOKIE.read(&head.headers).and_then(SessionToken::parse) else {
            return Err(ask_to_sign_in(head, acts));
        };
        let session = self.accounts.session(&token, acts).await;
        let session = session.map_err(|error| Failure::from(error).into_response())?;
        let Some(session) = session else { return Err(ask_to_sign_in(head, acts)) };
        if let Some(client) = client_of(head) {
            self.bans.note_operator(client);
        }
        head.extensions.insert(token.csrf());
        let is_fresh = session.is_fresh(self.accounts.clock.now());
        let factor_age_seconds = session.confirmed_at.map(|at| self.accounts.clock.now().since(at).as_secs());
        let (staff, name) = (session.staff, session.name);
        head.extensions.insert(Visitor { staff, name, token, is_fresh, factor_age_seconds });
        Ok(())
    }

    async fn admit_link(&self, head: &mut Parts) -> Result<(), Failure> {
        let token = head.uri.path().strip_prefix("/enrol/").unwrap_or("");
        let token = token.strip_suffix("/meter").unwrap_or(token).to_owned();
        let offer: OpenOffer = self.accounts.open_offer(&token).await?;
        head.extensions.insert(accounts::csrf_of_link(&token));
        head.extensions.insert(offer);
        Ok(())
    }

    fn admit_scraper(&self, head: &Parts) -> Result<(), Failure> {
        // A reverse proxy on this machine makes everybody look local; it names the client in a header, and we do not.
        let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip"];
        let direct = !forwarded.iter().any(|name| head.headers.contains_key(*name));
        if direct && client_of(head).is_some_and(|client| client.get().is_loopback()) {
            return Ok(());
        }
        let given = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        match (&self.metrics_token, given) {
            // An empty token file must not let everybody in.
            (Some(token), Some(given))
                if !given.is_empty() && equal(token.expose().as_bytes(), given.as_bytes()) =>
            {
                Ok(())
            }
            _ => Err(Failure::denied(
                "console.metrics",
                "Figures are for this machine or for holders of the token.",
            )),
        }
    }
}

/// Where the request came from, as the listener says.
pub fn client_of(head: &Parts) -> Option<ClientIp> {
    let named = head.extensions.get::<ClientIp>().copied();
    named.or_else(|| head.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| ClientIp::new(info.0.ip())))
}

/// A person is led to the page that asks, and to the page that they came from; a program learns the status.
fn ask_to_confirm(head: &Parts) -> Response {
    if WantsPage::of(&head.headers) == WantsPage::No {
        return Failure::denied("console.confirm", "Show your second factor first.").into_response();
    }
    let path = head.uri.path();
    redirect(&next::confirm_link(match head.method {
        Method::GET => head.uri.path_and_query().map_or(path, |whole| whole.as_str()),
        _ if path.starts_with("/blocked/") => "/blocked",
        _ if path.starts_with("/staff/") => "/staff",
        _ if path.starts_with("/payments/disputes/") => {
            path.strip_suffix("/act").or(path.strip_suffix("/file")).unwrap_or("/payments/disputes")
        }
        _ if path.starts_with("/review/rules/") => "/review/rules",
        _ if path.starts_with("/review/") => "/review",
        _ if path.starts_with("/scripts/") => path.strip_suffix("/act").unwrap_or("/scripts"),
        _ if path.starts_with("/backups/") => "/backups",
        _ if path.starts_with("/apps/new/") || path.starts_with("/adapter/join/") => path,
        _ if path == "/adapter/begin" => "/adapter",
        _ if path.starts_with("/adapter/") => "/adapter/check",
        _ if path.starts_with("/data/") => {
            path.strip_suffix("/open").unwrap_or(path.trim_end_matches("/act"))
        }
        _ => path.strip_suffix("/act").unwrap_or("/you"),
    }))
}

/// A person is led to the sign-in page and back again; a program, a fragment or a form learns the status.
fn ask_to_sign_in(head: &Parts, acts: bool) -> Response {
    let is_page = head.method == Method::GET && acts && WantsPage::of(&head.headers) == WantsPage::Yes;
    if !is_page {
        return Failure::sign_in_first().into_response();
    }
    let wanted = head.uri.path_and_query().map_or("/", |p| p.as_str());
    redirect(&next::sign_in_link(wanted))
}
