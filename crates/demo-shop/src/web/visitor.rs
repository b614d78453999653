//! Who is looking: the session cookie, the CSRF token that goes with it, and the error page in the shop's look.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::clock::now_s;
use crate::error::Error;
use crate::shop::App;
use crate::store::sessions::{self, LIFETIME_S, Session, SignedIn};
use crate::tokens;
use crate::web::fail::{ErrorPage, Fail};
use crate::web::page::{Notice, Page, html};

const COOKIE_NAME: &str = "shop_session";

/// The person behind a request. Their token may be made up and unknown: it only starts to mean something once
/// a cart or a sign-in is stored under it.
#[derive(Clone)]
pub struct Visitor {
    pub token: String,
    pub csrf: String,
    pub session: Option<Session>,
    new: bool,
}

impl Visitor {
    pub fn customer(&self) -> Option<&SignedIn> {
        self.session.as_ref()?.customer.as_ref()
    }

    /// The signed-in customer, or the way to the sign-in and back to `page`.
    pub fn signed_in(&self, page: &'static str) -> Result<SignedIn, Fail> {
        self.customer().cloned().ok_or(Fail::SignInFirst(page))
    }

    pub fn admin(&self) -> Result<SignedIn, Fail> {
        let person = self.signed_in("/admin")?;
        if !person.is_admin {
            return Err(Fail::Denied("This part of the shop is for our staff."));
        }
        Ok(person)
    }

    pub fn check_csrf(&self, given: &str) -> Result<(), Fail> {
        if tokens::same(&self.csrf, given) {
            return Ok(());
        }
        Err(Fail::Denied("This form has expired. Please go back, reload the page and send it again."))
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Fail> {
        parts.extensions.get::<Visitor>().cloned().ok_or(Fail::Broken(Error::Lost))
    }
}

/// The layer around all pages.
pub async fn recognise(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let visitor = match read_visitor(&app, request.headers()).await {
        Ok(visitor) => visitor,
        Err(cause) => return Fail::from(cause).into_response(),
    };
    request.extensions_mut().insert(visitor.clone());
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ErrorPage>() {
        response = draw_error(&app, &visitor, response.status(), &error);
    }
    if !response.headers().contains_key(CACHE_CONTROL) {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
    if visitor.new && !response.headers().contains_key(SET_COOKIE) {
        set_cookie(&mut response, &visitor.token);
    }
    response
}

async fn read_visitor(app: &App, headers: &HeaderMap) -> Result<Visitor, Error> {
    let Some(token) = token_in(headers) else {
        let token = tokens::random_token()?;
        let csrf = tokens::keyed(&app.csrf_key, &token);
        return Ok(Visitor { token, csrf, session: None, new: true });
    };
    let csrf = tokens::keyed(&app.csrf_key, &token);
    let wanted = token.clone();
    let session = app.db.read(move |db| sessions::find(db, &wanted, now_s())).await?;
    Ok(Visitor { token, csrf, session, new: false })
}

fn token_in(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_name, token) = pairs.find(|(name, token)| *name == COOKIE_NAME && tokens::is_token(token))?;
    Some(token.to_owned())
}

/// The cookie as an average shop sets it: without `Secure` and without `SameSite`. Left so on purpose, for
/// whatever stands in front of the shop to put right.
pub fn set_cookie(response: &mut Response, token: &str) {
    let text = format!("{COOKIE_NAME}={token}; Path=/; HttpOnly; Max-Age={LIFETIME_S}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
}

pub fn clear_cookie(response: &mut Response) {
    let text = const { HeaderValue::from_static("shop_session=; Path=/; HttpOnly; Max-Age=0") };
    response.headers_mut().insert(SET_COOKIE, text);
}

fn draw_error(app: &App, visitor: &Visitor, status: StatusCode, error: &ErrorPage) -> Response {
    let page = Page::new(app, visitor, error.heading);
    let notice =
        Notice { page, heading: error.heading, text: error.text, link: "/", link_text: "Back to the shop" };
    match html(&notice) {
        Ok(mut response) => {
            *response.status_mut() = status;
            response
        }
        Err(_undrawable) => status.into_response(),
    }
}
