//! The page around a page: head, skip link, navigation, who is signed in.

use askama::Template;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::{HeaderValue, StatusCode, header};

use crate::assets::{self, Asset};
use crate::csrf::CsrfToken;
use crate::failure::Failure;
use crate::frame;
use crate::headers::Nonce;

/// One entry of the navigation.
#[derive(Clone, Copy, Debug)]
pub struct NavItem {
    pub path: &'static str,
    pub label: &'static str,
    /// A symbol of `assets/icons.svg`.
    pub icon: &'static str,
}

/// What the frame of a page shows. Without `signed_in` there is no navigation.
pub struct Shell<'a> {
    pub title: &'a str,
    pub nav: &'a [NavItem],
    /// The path of the entry that is open.
    pub here: &'a str,
    pub nonce: &'a Nonce,
    pub signed_in: Option<SignedIn<'a>>,
    /// A script that this page needs beside the one that all have.
    pub script: Option<&'a Asset>,
}

/// Who the page is for.
pub struct SignedIn<'a> {
    pub name: &'a str,
    pub csrf: &'a CsrfToken,
    pub sign_out_path: &'a str,
    /// The page about themselves.
    pub own_path: &'a str,
}

impl Shell<'_> {
    /// The whole page with `content` inside.
    pub fn page(&self, content: &impl Template) -> Result<Response, Failure> {
        self.html(content).map(IntoResponse::into_response)
    }

    /// The whole page under an error status: a form shown again with its faults named.
    pub fn page_with_status(&self, status: StatusCode, content: &impl Template) -> Result<Response, Failure> {
        Ok(frame::explained(status, self.html(content)?))
    }

    fn html(&self, content: &impl Template) -> Result<Html<String>, Failure> {
        let content = render(content)?;
        let page = ShellPage {
            shell: self,
            content: &content,
            css: assets::CSS.url(),
            script: assets::SCRIPT.url(),
            icons: assets::ICONS.url(),
            favicon: assets::FAVICON.url(),
        };
        render(&page).map(Html)
    }
}

/// The template's text.
pub fn render(template: &impl Template) -> Result<String, Failure> {
    template.render().map_err(|_| Failure::broken("web.template"))
}

/// After a form was accepted: 303, so that reloading does not send it again. `path` is one of ours.
pub fn redirect(path: &str) -> Response {
    debug_assert!(path.starts_with('/') && !path.starts_with("//"), "only to our own pages");
    Redirect::to(path).into_response()
}

/// To another site, because what was asked for ends there: 303, so that a form's fields do not go along (RFC 9700 section
/// 4.12). `None` where `url` cannot stand in a header. Whoever calls this knows that `url` is one of those registered.
pub fn redirect_away(url: &str) -> Option<Response> {
    let location = HeaderValue::try_from(url).ok().filter(|_| url.bytes().all(|b| b.is_ascii_graphic()))?;
    Some((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

#[derive(Template)]
#[template(path = "shell.html")]
struct ShellPage<'a> {
    shell: &'a Shell<'a>,
    content: &'a str,
    css: &'a str,
    script: &'a str,
    icons: &'a str,
    favicon: &'a str,
}
