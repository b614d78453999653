//! Headers, hosts, provenance, tokens, limits, failures.

use std::time::Duration;

use storeward_web::axum::body::Body;
use storeward_web::http::{Request, StatusCode};
use tokio_stream::StreamExt;
use tower::ServiceExt;

use super::site::{HOST, ORIGIN, app, call, routes};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");

#[test]
fn the_access_table() {
    let table: Vec<String> = routes().rows().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = app();
    for (method, path) in
        [("GET", "/"), ("GET", "/nowhere"), ("DELETE", "/"), ("POST", "/change"), ("GET", "/broken")]
    {
        let answer = call(&app, method, path, &[HTML], "").await;
        let value = |name: &str| answer.headers.get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
        assert!(value("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(value("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(value("x-frame-options"), "DENY");
        assert_eq!(value("referrer-policy"), "no-referrer");
        assert_eq!(value("cross-origin-opener-policy"), "same-origin");
        assert_eq!(value("cross-origin-resource-policy"), "same-origin");
        assert_eq!(value("cache-control"), "no-store");
        assert!(value("strict-transport-security").starts_with("max-age="));
    }
}

#[tokio::test]
async fn the_nonce_is_new_each_time_and_stands_on_the_script() {
    let app = app();
    let nonce_of = async || {
        let answer = call(&app, "GET", "/", &[], "").await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap().to_owned();
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert_eq!(nonce.len(), 32);
        assert_eq!(answer.body.matches(&format!("nonce=\"{nonce}\"")).count(), 1);
        assert_eq!(answer.body.matches("<script").count(), 1);
        assert!(!answer.body.contains("style="));
        nonce
    };
    assert_ne!(nonce_of().await, nonce_of().await);
}

#[tokio::test]
async fn a_foreign_host_name_gets_nothing() {
    let answer = call(&app(), "GET", "/", &[("host", "rebound.evil.example")], "").await;
    assert_eq!(answer.status, 421);
    assert!(!answer.body.contains("hello"));
}

#[tokio::test]
async fn a_public_form_needs_the_token_of_its_cookie() {
    let app = app();
    let page = call(&app, "GET", "/form", &[], "").await;
    let line = page.headers["set-cookie"].to_str().unwrap();
    assert!(line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{line}");
    let cookie = line.split(';').next().unwrap();
    let token = cookie.split_once('=').unwrap().1;
    assert!(page.body.contains(token));
    let post = async |lines: &[(&str, &str)], body: &str| {
        call(&app, "POST", "/form", &[lines, &[FORM, ("origin", ORIGIN)]].concat(), body).await.status
    };
    let field = format!("csrf={token}");
    assert_eq!(post(&[("cookie", cookie)], &field).await, 200);
    assert_eq!(post(&[("cookie", cookie)], "csrf=0000").await, 403);
    assert_eq!(post(&[("cookie", cookie)], "").await, 403);
    assert_eq!(post(&[("cookie", cookie)], &format!("{field}&{field}")).await, 403);
    assert_eq!(post(&[], &field).await, 403);
    let other = format!("{cookie}; __Host-storeward-visit={}", "0".repeat(64));
    assert_eq!(post(&[("cookie", &other)], &field).await, 403);
}

#[tokio::test]
async fn a_program_posts_without_a_page_and_only_where_it_may() {
    let app = app();
    let cross = [("origin", "https://elsewhere.example"), ("sec-fetch-site", "cross-site"), FORM];
    for lines in [&[][..], &[FORM][..], &cross[..]] {
        let answer = call(&app, "POST", "/program", lines, "List-Unsubscribe=One-Click").await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "List-Unsubscribe=One-Click"));
        for path in ["/program/", "/form", "/change"] {
            assert_eq!(call(&app, "POST", path, lines, "x").await.status, 403, "{path}");
        }
    }
    assert_eq!(call(&app, "POST", "/program", &[], &"x".repeat(64 * 1024 + 1)).await.status, 413);
    assert_eq!(call(&app, "POST", "/program", &[("host", "evil.example")], "x").await.status, 421);
    assert_eq!(call(&app, "GET", "/program", &[], "").await.status, 405);
}

#[tokio::test]
async fn a_program_calls_from_any_page_and_brings_no_cookie_along() {
    let app = app();
    let fetch = [
        ("origin", "https://elsewhere.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "cors"),
        ("cookie", "__Host-x=y"),
    ];
    let answer = call(&app, "GET", "/program/set", &fetch, "").await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "no cookie"));
    assert_eq!(call(&app, "OPTIONS", "/program/set", &fetch, "").await.body, "ask");
    assert_eq!(call(&app, "HEAD", "/program/set", &fetch, "").await.status, 200);
    assert_eq!(call(&app, "GET", "/form", &fetch, "").await.status, 403);
}

#[tokio::test]
async fn changes_need_admission_provenance_and_token() {
    let app = app();
    let check = async |lines: &[(&str, &str)], body: &str, status: u16| {
        let answer = call(&app, "POST", "/change", lines, body).await;
        assert_eq!(answer.status, status, "{lines:?} {body}");
        assert_eq!(answer.body == "changed", status == 200);
    };
    let (member, own) = (("x-member", "1"), ("origin", ORIGIN));
    check(&[FORM, own], "csrf=the-token", 401).await;
    check(&[FORM, own, member], "a=1&csrf=the-token", 200).await;
    check(&[FORM, own, member], "csrf=the-tokem", 403).await;
    check(&[FORM, own, member], "", 403).await;
    check(&[FORM, member], "csrf=the-token", 403).await;
    check(&[FORM, member, own, ("sec-fetch-site", "cross-site")], "csrf=the-token", 403).await;
    check(&[FORM, member, ("origin", "https://evil.example")], "csrf=the-token", 403).await;
    check(&[("content-type", "text/plain"), own, member], "csrf=the-token", 400).await;
    check(&[FORM, own, member], &format!("csrf=the-token&a={}", "x".repeat(70_000)), 413).await;
}

#[tokio::test]
async fn failures_speak_to_people_and_to_programs() {
    let app = app();
    let page = call(&app, "GET", "/nowhere", &[HTML], "").await;
    assert_eq!(page.status, 404);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.body.contains("Nothing here"));
    let problem = call(&app, "GET", "/nowhere", &[], "").await;
    assert_eq!(problem.headers["content-type"], "application/problem+json");
    insta::assert_snapshot!(problem.body);
    let wrong = call(&app, "PUT", "/form", &[("origin", ORIGIN)], "").await;
    assert_eq!(wrong.status, 405);
    assert!(wrong.headers["allow"].to_str().unwrap().contains("POST"));
    assert_eq!(call(&app, "GET", "/broken", &[HTML], "").await.body.matches("Something broke").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_given_up() {
    let answer = call(&app(), "GET", "/slow", &[], "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers["retry-after"], "2");
}

#[tokio::test]
async fn assets_are_cached_for_ever_under_their_content() {
    let app = app();
    let page = call(&app, "GET", "/", &[], "").await.body;
    let urls: Vec<&str> =
        page.split('"').filter(|t| t.starts_with("/assets/")).map(|t| t.split('#').next().unwrap()).collect();
    assert!(urls.len() >= 4, "{urls:?}");
    for url in urls {
        let asset = call(&app, "GET", url, &[], "").await;
        assert_eq!(asset.status, 200, "{url}");
        assert_eq!(asset.headers["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(asset.headers["x-content-type-options"], "nosniff");
    }
    assert_eq!(call(&app, "GET", "/assets/storeward.css", &[], "").await.status, 404);
    assert_eq!(call(&app, "GET", "/assets/..%2fCargo.toml", &[], "").await.status, 404);
}

#[tokio::test]
async fn a_file_comes_with_the_visitors_token_and_within_the_limit() {
    let app = app();
    let kind = ("content-type", "multipart/form-data; boundary=b");
    let member = [("origin", ORIGIN), ("x-member", "yes"), kind];
    let body = |token: &str, size: usize| {
        let field = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n{}\r\n",
            "x".repeat(size)
        );
        format!("{}{}{file}--b--\r\n", field("csrf", token), field("about", "receipt"))
    };
    // More than any other form may have.
    let good = call(&app, "POST", "/file", &member, &body("the-token", 90_000)).await;
    assert_eq!((good.status, good.body.as_str()), (StatusCode::OK, "receipt: a.pdf of 90000"));
    let form =
        [("origin", ORIGIN), ("x-member", "yes"), ("content-type", "application/x-www-form-urlencoded")];
    let foreign = [("origin", "https://evil.example"), ("x-member", "yes"), kind];
    for (what, lines, body, status) in [
        ("another token", &member[..], body("other", 9), StatusCode::FORBIDDEN),
        ("none", &member[..], body("", 9), StatusCode::FORBIDDEN),
        ("a plain form", &form[..], "csrf=the-token".to_owned(), StatusCode::BAD_REQUEST),
        ("from elsewhere", &foreign[..], body("the-token", 9), StatusCode::FORBIDDEN),
        ("nobody's", &member[..1], body("the-token", 9), StatusCode::UNAUTHORIZED),
        ("too much", &member[..], body("the-token", 100_000), StatusCode::PAYLOAD_TOO_LARGE),
        (
            "cut off",
            &member[..],
            body("the-token", 9).trim_end_matches("--\r\n").to_owned(),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        assert_eq!(call(&app, "POST", "/file", lines, &body).await.status, status, "{what}");
    }
    // Elsewhere a form with a file is none.
    let other = call(&app, "POST", "/change", &member, &body("the-token", 9)).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_file_may_come_over_a_slow_line_and_no_other_form() {
    let late = |wait_s: u64, path: &str, kind: &str| {
        let body = "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nthe-token\r\n--b--\r\n";
        let comes = tokio_stream::once(Ok::<_, std::io::Error>(body)).then(move |part| async move {
            tokio::time::sleep(Duration::from_secs(wait_s)).await;
            part
        });
        let head = Request::builder().method("POST").uri(path).header("host", HOST).header("origin", ORIGIN);
        let head = head.header("x-member", "yes").header("content-type", kind);
        app().oneshot(head.body(Body::from_stream(comes)).unwrap())
    };
    let parts = "multipart/form-data; boundary=b";
    let form = "application/x-www-form-urlencoded";
    for (wait_s, path, kind, status) in [
        (100, "/file", parts, StatusCode::OK),
        (150, "/file", parts, StatusCode::SERVICE_UNAVAILABLE),
        (60, "/change", form, StatusCode::SERVICE_UNAVAILABLE),
        // Nor one that only says that it brings a file: no route but that one waits for it.
        (60, "/change", parts, StatusCode::BAD_REQUEST),
        (60, "/program", parts, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        assert_eq!(late(wait_s, path, kind).await.unwrap().status(), status, "{path} after {wait_s} s");
    }
}
