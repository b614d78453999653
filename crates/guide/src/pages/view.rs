//! What every page starts from: who looks, in which language, and what forms repeat.

use storeward_base::Language;
use storeward_identity::{Around, CurrentSession, Standpoint, Visit};
use storeward_web::askama::Template;
use storeward_web::axum::extract::FromRequestParts;
use storeward_web::axum::response::Response;
use storeward_web::http::request::Parts;
use storeward_web::http::{HeaderValue, StatusCode, header};
use storeward_web::{CsrfToken, Failure, Nonce, explained};

use crate::guide::Guide;
use crate::texts::Texts;

/// Extracted from a request's head. Pages for everybody know whoever is signed in, too.
pub struct View {
    pub visit: Visit,
    pub language: Language,
    pub session: Option<CurrentSession>,
    nonce: Nonce,
    /// Of the forms in the page's content.
    form: Option<CsrfToken>,
    /// Of the session, for the form that signs out.
    session_csrf: Option<CsrfToken>,
}

impl FromRequestParts<Guide> for View {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, guide: &Guide) -> Result<Self, Failure> {
        let visit = Visit::of(parts);
        let identity = &guide.0.identity;
        let session = match (parts.extensions.get::<CurrentSession>(), &visit.session) {
            (Some(admitted), _) => Some(admitted.clone()),
            (None, Some(token)) => identity.current(token).await?,
            (None, None) => None,
        };
        let session_csrf = visit.session.as_ref().filter(|_| session.is_some()).map(|token| token.csrf());
        let own = session.as_ref().map(|session| session.language);
        let language = identity.language(own.or(visit.language));
        let nonce = Nonce::from_request_parts(parts, guide).await?;
        let form = parts.extensions.get::<CsrfToken>().cloned();
        Ok(View { visit, language, session, nonce, form, session_csrf })
    }
}

impl View {
    pub fn texts(&self) -> Texts {
        Texts(self.language)
    }

    /// What the content's forms repeat.
    pub fn csrf(&self) -> String {
        self.form.as_ref().map_or_else(String::new, |token| token.as_str().to_owned())
    }

    /// The session that the gate let in.
    pub fn customer(&self) -> Result<&CurrentSession, Failure> {
        self.session.as_ref().ok_or_else(|| Failure::broken("guide.no_session"))
    }

    /// A whole page, at its entry of the navigation.
    pub fn show(
        &self,
        guide: &Guide,
        (here, title): (&'static str, String),
        content: &impl Template,
    ) -> Result<Response, Failure> {
        let csrf = self.session_csrf.as_ref();
        let around = Around { title, language: self.language, nonce: &self.nonce, csrf };
        guide.0.identity.page_at(Standpoint { here, wide: true }, around, content)
    }

    /// A page with an error's status that keeps its own body.
    pub fn show_again(
        &self,
        guide: &Guide,
        status: StatusCode,
        head: (&'static str, String),
        content: &impl Template,
    ) -> Result<Response, Failure> {
        Ok(explained(status, self.show(guide, head, content)?))
    }

    /// The same of a form that came too early: when it may come again stands in the head, too.
    pub fn show_later(
        &self,
        guide: &Guide,
        seconds: u64,
        head: (&'static str, String),
        content: &impl Template,
    ) -> Result<Response, Failure> {
        let mut response = self.show_again(guide, StatusCode::TOO_MANY_REQUESTS, head, content)?;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        Ok(response)
    }
}

/// That it was too often, and for how long: seconds, and from two minutes on whole minutes, rounded up.
pub fn too_often(t: Texts, seconds: u64) -> String {
    let wait = match seconds {
        0..=1 => t.s("span.second"),
        2..120 => t.f("span.seconds", "n", seconds),
        _ => t.f("span.minutes", "n", seconds.div_ceil(60)),
    };
    t.f("messages.wait", "wait", wait)
}
