//! A page that says one thing, also in the place of failures.

use std::sync::Arc;

use storeward_base::Language;
use storeward_web::askama::Template;
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::http::{HeaderMap, header};
use storeward_web::{Dress, Failure};

use super::view::Page;
use crate::texts::Texts;
use crate::verbs::Identity;

#[derive(Template)]
#[template(path = "message.html", askama = storeward_web::askama)]
pub struct MessagePage {
    pub page: Page,
    pub words: String,
    pub href: String,
    pub button: String,
    pub code: String,
}

/// Failures of the pages in the shop's looks and the person's language. Nothing of the failure's own words is shown.
pub fn dress(identity: Identity) -> Dress {
    Arc::new(move |failure: &Failure, headers: &HeaderMap| page(&identity, failure, headers))
}

fn page(identity: &Identity, failure: &Failure, headers: &HeaderMap) -> Option<Response> {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let shared = &identity.0;
    let t = Texts(shared.language(wanted.and_then(Language::of_accept)));
    let words = match failure.status().as_u16() {
        403 => t.s("failure.denied"),
        404 | 410 => t.s("failure.missing"),
        409 | 429 | 503 => t.s("failure.busy"),
        500..=599 => t.s("failure.broken"),
        _ => t.s("failure.other"),
    };
    // The policy's nonce is not known here, and such a page needs no script.
    let page = Page::plain(identity, t.0, "", t.s("failure.title"));
    let button = t.s("failure.home");
    let code = failure.code().to_owned();
    let message = MessagePage { page, words, href: shared.home(), button, code };
    message.render().ok().map(|html| Html(html).into_response())
}
