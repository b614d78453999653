//! What is answered below [`PREFIX`] on the shop's host: to the console and back, whether this browser is watched, and the end of it.

use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use storeward_host::OwnPages;
use storeward_seal::fingerprint::token_hash;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::http::{HeaderMap, header};
use storeward_web::{
    Access, CsrfToken, Failure, Form, HostNames, HostNamesError, NoGate, Nobody, Query, Routes, Site, assets,
    redirect, redirect_away, render,
};

use super::{LIFE, TEACH_COOKIE, Teach};

/// Where these pages live.
pub const PREFIX: &str = "/.storeward/teach";

macro_rules! own {
    ($path:literal) => {
        concat!("/.storeward/teach", $path)
    };
}

const WAY: Access<Nobody> =
    Access::Public("leads to the console and back; a code with the browser's secret decides");
const STYLE: Access<Nobody> = Access::Public("how these pages look");
const END: Access<Nobody> = Access::PublicForm("whoever is watched may end it");

impl Teach {
    /// These pages among those that there are.
    pub fn answer(&self, own: OwnPages) -> Result<OwnPages, HostNamesError> {
        let shared = &self.0.identity.0;
        let mut site = Site::new(HostNames::parse(&shared.shop_names)?, PREFIX, shared.entropy.clone());
        site.dress = Some(Arc::new(|failure, _| {
            let page = TeachPage {
                style: style_url(),
                title: "Not this way",
                words: failure.detail(),
                csrf: None,
                console: None,
            };
            page.render().ok().map(|text| Html(text).into_response())
        }));
        Ok(own.with(&[PREFIX], routes().finish(self.clone(), site)))
    }

    /// Every route with its rule, one per line.
    pub fn access_table() -> String {
        routes().rows().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

fn routes() -> Routes<Teach, NoGate> {
    Routes::new(NoGate)
        .get(own!(""), END, page)
        .post(own!("/stop"), END, stop)
        .get(own!("/start"), WAY, start)
        .get(own!("/take"), WAY, take)
        .get(own!("/style.css"), STYLE, style)
}

/// To the console, with what only this browser can answer to.
async fn start(State(teach): State<Teach>) -> Result<Response, Failure> {
    if !teach.is_open() {
        return Err(Failure::missing(
            "teach.none",
            "Nobody teaches Storeward at the moment. Begin in the console.",
        ));
    }
    let console = teach.0.console.get().ok_or_else(|| Failure::busy("teach.console"))?;
    let secret = teach.0.identity.0.entropy.token::<32>();
    let url = format!("{console}/adapter/arrive?browser={}", token_hash(&secret));
    let mut response = redirect_away(&url).ok_or_else(|| Failure::broken("teach.console"))?;
    let line =
        TEACH_COOKIE.set(&secret, Some(LIFE.as_secs())).ok_or_else(|| Failure::broken("teach.cookie"))?;
    response.headers_mut().append(header::SET_COOKIE, line);
    Ok(response)
}

#[derive(Deserialize)]
struct Brought {
    #[serde(default)]
    code: String,
}

/// Back from the console.
async fn take(
    State(teach): State<Teach>,
    headers: HeaderMap,
    Query(brought): Query<Brought>,
) -> Result<Response, Failure> {
    let taken = TEACH_COOKIE.read(&headers).is_some_and(|secret| teach.take(secret, &brought.code));
    if taken {
        return Ok(redirect(PREFIX));
    }
    Err(Failure::denied(
        "teach.code",
        "This was for another browser, was used already, or is too old. Begin again in the console.",
    ))
}

#[derive(Template)]
#[template(path = "teach.html", askama = storeward_web::askama)]
struct TeachPage<'a> {
    style: &'static str,
    title: &'a str,
    words: &'a str,
    /// With the form that ends it.
    csrf: Option<&'a str>,
    console: Option<String>,
}

async fn page(State(teach): State<Teach>, headers: HeaderMap, csrf: CsrfToken) -> Result<Response, Failure> {
    let is_watched = TEACH_COOKIE.read(&headers).and_then(|secret| teach.watched_in(secret)).is_some();
    let page = if is_watched {
        TeachPage {
            style: style_url(),
            title: "Storeward looks on",
            words: "In this browser only, at this shop only. Sign in with the test account, open the page with its data, sign out, \
                    and try a wrong password once. Nothing that you type into a form is kept; you alone see the addresses that you open.",
            csrf: Some(csrf.as_str()),
            console: teach.0.console.get().map(|console| format!("{console}/adapter")),
        }
    } else {
        TeachPage {
            style: style_url(),
            title: "Nobody looks on",
            words: "Storeward is not being taught in this browser.",
            csrf: None,
            console: None,
        }
    };
    Ok(Html(render(&page)?).into_response())
}

#[derive(Deserialize)]
struct Nothing {}

async fn stop(
    State(teach): State<Teach>,
    headers: HeaderMap,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Failure> {
    if let Some(number) = TEACH_COOKIE.read(&headers).and_then(|secret| teach.watched_in(secret)) {
        teach.end_where(|lesson| lesson.number == number);
    }
    let mut response = redirect(PREFIX);
    let line = TEACH_COOKIE.clear().ok_or_else(|| Failure::broken("teach.cookie"))?;
    response.headers_mut().append(header::SET_COOKIE, line);
    Ok(response)
}

fn style_url() -> &'static str {
    static URL: LazyLock<String> = LazyLock::new(|| assets::CSS.url_at(own!("/style.css")));
    &URL
}

async fn style() -> Response {
    assets::CSS.response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_one() {
        assert_eq!(own!(""), PREFIX);
        assert!(PREFIX.starts_with(storeward_host::OWN_PREFIX));
    }
}
