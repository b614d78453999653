//! What each page is made from.

use std::convert::Infallible;

use storeward_base::{Language, Words};
use storeward_identity::{Around, CurrentSession, SessionToken, Standpoint, Visit};
use storeward_web::askama::Template;
use storeward_web::axum::extract::FromRequestParts;
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::http::request::Parts;
use storeward_web::{CsrfToken, Failure, Nonce, explained};

use crate::browser::BrowserToken;
use crate::provider::Provider;
use crate::texts::{Text, WORDS};

/// Who looks, and what their page needs around it.
pub struct View {
    pub language: Language,
    pub session: Option<CurrentSession>,
    pub token: Option<SessionToken>,
    pub nonce: Nonce,
    pub browser: BrowserToken,
    csrf: Option<CsrfToken>,
}

impl FromRequestParts<Provider> for View {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, provider: &Provider) -> Result<Self, Failure> {
        let visit: Result<Visit, Infallible> = Visit::from_request_parts(parts, provider).await;
        let Ok(visit) = visit;
        let session = parts.extensions.get::<CurrentSession>().cloned();
        let own = session.as_ref().map(|session| session.language);
        Ok(View {
            language: provider.0.identity.language(own.or(visit.language)),
            nonce: Nonce::from_request_parts(parts, provider).await?,
            browser: BrowserToken::of(&parts.headers, &*provider.0.entropy),
            csrf: parts.extensions.get::<CsrfToken>().cloned(),
            token: parts.extensions.get::<SessionToken>().cloned(),
            session,
        })
    }
}

impl View {
    /// What the client wishes comes before what is known otherwise.
    pub fn speak(&mut self, provider: &Provider, wished: Option<Language>) {
        if wished.is_some() {
            self.language = provider.0.identity.language(wished);
        }
    }

    pub fn say(&self, key: Text, values: &[(&str, &str)]) -> String {
        let words: &Words<Text> = &WORDS;
        words.text(self.language, key, values)
    }

    pub fn csrf(&self) -> &str {
        self.csrf.as_ref().map_or("", CsrfToken::as_str)
    }

    pub fn page(
        &self,
        provider: &Provider,
        title: String,
        content: &impl Template,
    ) -> Result<Response, Failure> {
        self.page_at(provider, Standpoint::default(), title, content)
    }

    /// A page at its place in the navigation.
    pub fn page_at(
        &self,
        provider: &Provider,
        standpoint: Standpoint,
        title: String,
        content: &impl Template,
    ) -> Result<Response, Failure> {
        let around = Around { title, language: self.language, nonce: &self.nonce, csrf: self.csrf.as_ref() };
        provider.0.identity.page_at(standpoint, around, content)
    }

    /// A page for somebody who has just signed out: nothing on it is a session's.
    pub fn signed_out(
        &self,
        provider: &Provider,
        title: String,
        content: &impl Template,
    ) -> Result<Response, Failure> {
        provider
            .0
            .identity
            .page(Around { title, language: self.language, nonce: &self.nonce, csrf: None }, content)
    }

    /// A page that says why something was not done.
    pub fn refused(&self, provider: &Provider, why: Text, code: &'static str) -> Result<Response, Failure> {
        let title = self.say(Text::RefusedTitle, &[]);
        let page = RefusedPage {
            title: title.clone(),
            words: self.say(why, &[]),
            home: self.say(Text::Home, &[]),
            home_href: provider.0.identity.home(),
            code,
        };
        Ok(explained(StatusCode::BAD_REQUEST, self.page(provider, title, &page)?))
    }
}

#[derive(Template)]
#[template(path = "refused.html", askama = storeward_web::askama)]
struct RefusedPage {
    title: String,
    words: String,
    home: String,
    home_href: String,
    code: &'static str,
}
