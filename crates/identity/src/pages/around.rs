//! Pages of other domains in the looks of ours.

use storeward_base::Language;
use storeward_web::askama::Template;
use storeward_web::axum::extract::FromRequestParts;
use storeward_web::axum::response::Response;
use storeward_web::http::request::Parts;
use storeward_web::{CsrfToken, Failure, Nonce, render};

use super::view::{Page, show};
use crate::verbs::Identity;
use crate::verbs::current::CurrentSession;

/// What stands around a page's content.
pub struct Around<'a> {
    pub title: String,
    pub language: Language,
    pub nonce: &'a Nonce,
    /// Of the session; without it nobody is shown as signed in.
    pub csrf: Option<&'a CsrfToken>,
}

/// Who looks at a page of their own, and what it needs around it. Behind a rule of [`crate::CustomerGate`] only.
pub struct OwnView {
    pub session: CurrentSession,
    pub language: Language,
    pub csrf: CsrfToken,
    pub nonce: Nonce,
}

impl<S: AsRef<Identity> + Sync> FromRequestParts<S> for OwnView {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let session = parts.extensions.get::<CurrentSession>().cloned();
        // Only the gate puts it there: a route without it was given the wrong rule.
        let session = session.ok_or_else(|| Failure::broken("identity.no_session"))?;
        Ok(OwnView {
            language: state.as_ref().language(Some(session.language)),
            csrf: CsrfToken::from_request_parts(parts, state).await?,
            nonce: Nonce::from_request_parts(parts, state).await?,
            session,
        })
    }
}

/// Where a page stands among the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standpoint {
    /// The entry of the navigation that is open.
    pub here: &'static str,
    /// For tables and several columns.
    pub wide: bool,
}

#[derive(Template)]
#[template(path = "around.html", askama = storeward_web::askama)]
struct AroundPage {
    page: Page,
    content: String,
}

impl Identity {
    /// A whole page with `content` inside. The content's template escapes what it shows.
    pub fn page(&self, around: Around<'_>, content: &impl Template) -> Result<Response, Failure> {
        self.page_at(Standpoint::default(), around, content)
    }

    /// The same, at its place in the navigation.
    pub fn page_at(
        &self,
        at: Standpoint,
        around: Around<'_>,
        content: &impl Template,
    ) -> Result<Response, Failure> {
        let mut page = Page::plain(self, around.language, around.nonce.as_str(), around.title);
        page.csrf = around.csrf.map_or_else(String::new, |csrf| csrf.as_str().to_owned());
        page.set_signed_in(self, around.csrf.is_some());
        (page.here, page.wide) = (at.here, at.wide);
        show(&AroundPage { page, content: render(content)? }, around.language)
    }
}
