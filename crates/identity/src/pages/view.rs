//! What every page shows around its content, and where forms lead.

use storeward_base::Language;
use storeward_host::OWN_PREFIX;
use storeward_web::askama::Template;
use storeward_web::axum::extract::FromRequestParts;
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::http::request::Parts;
use storeward_web::http::{HeaderValue, StatusCode, header};
use storeward_web::{CsrfToken, Failure, Nonce, explained, redirect, render};

use super::{App, assets};
use crate::companion::Tab;
use crate::error::Error;
use crate::gate::{cookies_of, flow_cookie, own};
use crate::model::Misfit;
use crate::texts::Texts;
use crate::tokens::{FLOW_COOKIE, session_cookie};
use crate::verbs::current::{CurrentSession, encode};
use crate::verbs::{Identity, Step};
use crate::visit::Visit;

/// Around a page.
pub struct Page {
    pub t: Texts,
    pub title: String,
    pub shop: String,
    /// The shop's front page.
    pub home: String,
    pub base: &'static str,
    pub nonce: String,
    pub csrf: String,
    pub logo: bool,
    pub signed_in: bool,
    /// Which entry of the navigation is open.
    pub here: &'static str,
    /// Whether the passkey script is needed.
    pub script: bool,
    pub wide: bool,
    pub fault: Option<String>,
    /// The field that does not fit.
    pub bad: &'static str,
    pub notice: Option<String>,
    /// For the form, while many guess.
    pub puzzle: Option<String>,
    pub css_version: &'static str,
    pub js_version: &'static str,
    /// Where the script asks what is to be said of a password that is being typed; `None` where none is chosen.
    pub meter: Option<&'static str>,
    /// Characters that a new password must have.
    pub least: usize,
    pub meter_version: &'static str,
    pub times_version: &'static str,
    pub theme_version: String,
    /// Further entries of the navigation, of whoever signed in.
    pub tabs: Vec<Tab>,
    /// Links at the foot, for everybody.
    pub foot: Vec<Tab>,
    /// A further style sheet.
    pub more_css: Option<String>,
}

/// What a handler needs to make a page: extracted from the request's head.
pub struct View {
    pub visit: Visit,
    pub language: Language,
    nonce: Nonce,
    csrf: Option<CsrfToken>,
    pub session: Option<CurrentSession>,
}

impl FromRequestParts<App> for View {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let visit = Visit::of(parts);
        let session = parts.extensions.get::<CurrentSession>().cloned();
        let own = session.as_ref().map(|session| session.language);
        let language = app.identity.0.language(own.or(visit.language));
        let nonce = Nonce::from_request_parts(parts, app).await?;
        let csrf = parts.extensions.get::<CsrfToken>().cloned();
        Ok(View { visit, language, nonce, csrf, session })
    }
}

impl View {
    pub fn texts(&self) -> Texts {
        Texts(self.language)
    }

    /// The session that the gate let in.
    pub fn customer(&self) -> Result<&CurrentSession, Failure> {
        self.session.as_ref().ok_or_else(|| Failure::broken("identity.no_session"))
    }

    pub fn page(&self, app: &App, title: String) -> Page {
        let mut page = Page::plain(&app.identity, self.language, self.nonce.as_str(), title);
        page.csrf = self.csrf.as_ref().map_or_else(String::new, |csrf| csrf.as_str().to_owned());
        page.set_signed_in(&app.identity, self.session.is_some());
        page
    }
}

impl Page {
    /// A page for nobody in particular.
    pub fn plain(identity: &Identity, language: Language, nonce: &str, title: String) -> Self {
        let policy = identity.0.policy();
        let companion = identity.0.companion.get();
        Page {
            t: Texts(language),
            title,
            shop: identity.0.shop_name(),
            home: identity.0.home(),
            base: OWN_PREFIX,
            nonce: nonce.to_owned(),
            csrf: String::new(),
            logo: policy.theme.logo.is_some(),
            signed_in: false,
            here: "",
            script: false,
            wide: false,
            fault: None,
            bad: "",
            notice: None,
            puzzle: None,
            css_version: assets::css_version(),
            js_version: assets::script_version(),
            meter: None,
            least: crate::passwords::least_characters(identity.0.beside()),
            meter_version: assets::meter_version(),
            times_version: assets::times_version(),
            theme_version: assets::theme_version(&policy.theme),
            tabs: Vec::new(),
            foot: companion.map_or_else(Vec::new, |companion| companion.foot(language)),
            more_css: companion.map(|companion| companion.stylesheet()),
        }
    }

    /// Shows what only its owner sees of an account.
    pub fn set_signed_in(&mut self, identity: &Identity, signed_in: bool) {
        self.signed_in = signed_in;
        if !signed_in {
            return;
        }
        if let Some(companion) = identity.0.companion.get() {
            self.tabs = companion.tabs(self.t.0);
        }
        self.tabs.extend(identity.more_tabs(self.t.0));
    }

    /// The page shown again with what does not fit.
    pub fn misfit(mut self, misfit: Misfit) -> Self {
        self.fault = Some(self.t.s(misfit.key));
        self.bad = misfit.field;
        self
    }
}

/// A whole page.
pub fn show(page: &impl Template, language: Language) -> Result<Response, Failure> {
    let mut response = Html(render(page)?).into_response();
    let tag = HeaderValue::from_static(language.tag());
    response.headers_mut().insert(header::CONTENT_LANGUAGE, tag);
    Ok(response)
}

/// A form shown again with its fault named.
pub fn show_again(page: &impl Template, language: Language, status: StatusCode) -> Result<Response, Failure> {
    Ok(explained(status, show(page, language)?))
}

/// A form shown again because it came too early: when it may come again stands in the head, too.
pub fn show_later(page: &impl Template, language: Language, later: Later) -> Result<Response, Failure> {
    let mut response = show_again(page, language, later.status)?;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(later.seconds));
    Ok(response)
}

/// Too often (429) or too much at once (503).
#[derive(Clone, Copy, Debug)]
pub struct Later {
    pub status: StatusCode,
    pub seconds: u64,
}

impl Later {
    pub const fn too_often(seconds: u64) -> Self {
        Later { status: StatusCode::TOO_MANY_REQUESTS, seconds }
    }

    /// Of an error that passes by waiting.
    pub fn of(error: Error) -> Result<Self, Failure> {
        let failure = Failure::from(error);
        match failure.retry_after_seconds() {
            Some(seconds) => Ok(Later { status: failure.status(), seconds }),
            None => Err(failure),
        }
    }

    pub fn words(self, t: Texts) -> String {
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => t.f("sign_in.wait", "wait", span(t, self.seconds)),
            _ => t.s("failure.busy"),
        }
    }
}

/// A time in words: seconds, and from two minutes on whole minutes, rounded up.
pub fn span(t: Texts, seconds: u64) -> String {
    match seconds {
        0..=1 => t.s("span.second"),
        2..120 => t.f("span.seconds", "n", seconds),
        _ => t.f("span.minutes", "n", seconds.div_ceil(60)),
    }
}

/// Where a form leads, with the cookies that go with it.
pub fn follow(step: Step) -> Response {
    let account = || own("/account");
    let (to, cookies) = match step {
        Step::Challenge(flow) => {
            (own("/challenge"), flow.as_ref().and_then(flow_cookie).into_iter().collect())
        }
        Step::ChallengeAsBefore(flow) => {
            (own("/challenge?code=before"), flow_cookie(&flow).into_iter().collect())
        }
        Step::NewPassword => (own("/new-password"), Vec::new()),
        Step::NewFactor => (own("/new-factor"), Vec::new()),
        Step::FactorReplaced => {
            (own("/sign-in?done=factor"), FLOW_COOKIE.clear().into_iter().collect::<Vec<_>>())
        }
        Step::SignedIn(granted) => {
            let to = granted.return_to.as_ref().map_or_else(account, |to| to.as_str().to_owned());
            (to, cookies_of(&granted, true))
        }
        Step::Raised { token, return_to, seconds } => {
            let to = return_to.map_or_else(account, |to| to.as_str().to_owned());
            let session = session_cookie(&token, seconds);
            (to, [session, FLOW_COOKIE.clear()].into_iter().flatten().collect())
        }
        Step::Over(to) => (to.as_str().to_owned(), Vec::new()),
        Step::SignInAgain => {
            (own("/sign-in?done=password"), FLOW_COOKIE.clear().into_iter().collect::<Vec<_>>())
        }
        Step::SignInAtShop => {
            (own("/recover?done=shop"), FLOW_COOKIE.clear().into_iter().collect::<Vec<_>>())
        }
        Step::ShopNameShown(back) => (
            own(&format!("/address-shown?next={}", encode(back.as_str()))),
            FLOW_COOKIE.clear().into_iter().collect::<Vec<_>>(),
        ),
        Step::AddressChanged => {
            (own("/account?done=address"), FLOW_COOKIE.clear().into_iter().collect::<Vec<_>>())
        }
    };
    with_cookies(redirect(&to), cookies)
}

pub fn with_cookies(mut response: Response, cookies: Vec<HeaderValue>) -> Response {
    for line in cookies {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    response
}
