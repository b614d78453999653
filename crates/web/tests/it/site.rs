//! A small site of four routes, and a caller for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use storeward_base::SeededEntropy;
use storeward_web::askama::Template;
use storeward_web::axum::Router;
use storeward_web::axum::body::Body;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::request::Parts;
use storeward_web::http::{HeaderMap, Request, StatusCode};
use storeward_web::{Access, CsrfToken, Failure, Gate, HostNames, Nonce, Routes, Shell, Site, Upload};
use tower::ServiceExt;

pub const HOST: &str = "console.shop.example";
pub const ORIGIN: &str = "https://console.shop.example";

#[derive(Clone, Debug)]
pub struct Member;

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("member")
    }
}

/// Admits whoever says so in a header.
pub struct ByHeader;

impl Gate for ByHeader {
    type Need = Member;
    async fn admit(&self, _: &Member, head: &mut Parts) -> Result<(), Response> {
        if head.headers.contains_key("x-member") {
            head.extensions.insert(CsrfToken::new("the-token".into()));
            Ok(())
        } else {
            Err(Failure::sign_in_first().into_response())
        }
    }
}

#[derive(Template)]
#[template(source = "<h1>{{ word }}</h1><p>{{ csrf }}</p>", ext = "html", askama = storeward_web::askama)]
struct Word<'a> {
    word: &'a str,
    csrf: &'a str,
}

pub fn routes() -> Routes<(), ByHeader> {
    Routes::new(ByHeader)
        .get("/", Access::Public("shows a word"), async |nonce: Nonce| page(&nonce, "hello", ""))
        .get("/form", Access::PublicForm("asks"), async |nonce: Nonce, token: CsrfToken| {
            page(&nonce, "form", token.as_str())
        })
        .post("/form", Access::PublicForm("answers"), async || "posted")
        .post("/change", Access::Only(Member), async || "changed")
        .upload("/file", Access::Only(Member), 100_000, async |upload: Upload| {
            let file = upload.file().map(|file| format!("{} of {}", file.name, file.bytes.len()));
            format!("{}: {}", upload.field("about"), file.unwrap_or_default())
        })
        .post("/program", Access::Program("shows a token"), async |body: String| body)
        .get("/program/set", Access::Program("shows nothing"), async |headers: HeaderMap| {
            if headers.contains_key("cookie") { "a cookie" } else { "no cookie" }
        })
        .preflight("/program/set", Access::Program("asks"), async || "ask")
        .get("/slow", Access::Public("sleeps"), async || {
            tokio::time::sleep(Duration::from_secs(60)).await;
        })
        .get("/broken", Access::Public("breaks"), async || StatusCode::INTERNAL_SERVER_ERROR)
}

fn page(nonce: &Nonce, word: &str, csrf: &str) -> Result<Response, Failure> {
    Shell { title: word, nav: &[], here: "/", nonce, signed_in: None, script: None }
        .page(&Word { word, csrf })
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

pub fn app() -> Router {
    let names = HostNames::parse(&[HOST]).unwrap();
    routes().finish((), Site::new(names, "/", Arc::new(SeededEntropy::new(1))))
}

pub async fn call(app: &Router, method: &str, path: &str, lines: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if !lines.iter().any(|(n, _)| *n == "host") {
        request = request.header("host", HOST);
    }
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}
