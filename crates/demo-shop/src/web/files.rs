//! Everything that is the same for everyone: pictures, style, script, downloads; with ETags and ranges.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::shop::App;
use crate::{art, pdf, tokens};

const HOUR: &str = "public, max-age=3600";
const DAY: &str = "public, max-age=86400";

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/img/{name}", get(product_picture))
        .route("/pictures/{name}", get(profile_picture))
        .route("/assets/shop.css", get(style))
        .route("/assets/shop.js", get(script))
        .route("/favicon.svg", get(favicon))
        .route("/favicon.ico", get(favicon))
        .route("/robots.txt", get(robots))
        .route("/downloads/care-guide.pdf", get(guide_pdf))
        .route("/downloads/care-guide.txt", get(guide_text))
}

async fn product_picture(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match name.strip_suffix(".svg").and_then(art::picture) {
        Some(svg) => file(&headers, svg, "image/svg+xml", DAY),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn profile_picture(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let kind = match name.split_once('.') {
        Some((stem, "png")) if tokens::is_token(stem) => "image/png",
        Some((stem, "jpg")) if tokens::is_token(stem) => "image/jpeg",
        Some((stem, "gif")) if tokens::is_token(stem) => "image/gif",
        Some((stem, "webp")) if tokens::is_token(stem) => "image/webp",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match tokio::fs::read(app.pictures.join(&name)).await {
        Ok(bytes) => {
            let mut response = file(&headers, bytes, kind, DAY);
            // The bytes are a stranger's: no browser may take them for anything but a picture.
            response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            response
        }
        Err(_missing) => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn style(headers: HeaderMap) -> Response {
    file(&headers, include_str!("../../assets/shop.css"), "text/css; charset=utf-8", HOUR)
}

async fn script(headers: HeaderMap) -> Response {
    file(&headers, include_str!("../../assets/shop.js"), "text/javascript; charset=utf-8", HOUR)
}

async fn favicon(headers: HeaderMap) -> Response {
    file(&headers, include_str!("../../assets/favicon.svg"), "image/svg+xml", DAY)
}

async fn robots(headers: HeaderMap) -> Response {
    let text = "User-agent: *\nDisallow: /account\nDisallow: /admin\nDisallow: /cart\nDisallow: /checkout\n";
    file(&headers, text, "text/plain; charset=utf-8", DAY)
}

async fn guide_pdf(headers: HeaderMap) -> Response {
    download(file(&headers, pdf::care_guide_pdf(), "application/pdf", DAY), "larkmoor-care-guide.pdf")
}

async fn guide_text(headers: HeaderMap) -> Response {
    let text = pdf::care_guide_text();
    download(file(&headers, text, "text/plain; charset=utf-8", DAY), "larkmoor-care-guide.txt")
}

fn download(mut response: Response, name: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    response
}

/// RFC 9110: conditional requests (section 13) before ranges (section 14).
fn file(asked: &HeaderMap, bytes: impl Into<Bytes>, kind: &'static str, cache: &'static str) -> Response {
    let bytes = bytes.into();
    let fingerprint = tokens::fingerprint(&bytes);
    let etag = format!("\"{}\"", fingerprint.get(..24).unwrap_or(&fingerprint));
    let text = |name| asked.get(name).and_then(|value| value.to_str().ok());
    let headers = [(CACHE_CONTROL, cache), (ETAG, etag.as_str()), (ACCEPT_RANGES, "bytes")];
    if text(IF_NONE_MATCH).is_some_and(|known| matches_etag(known, &etag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let kind = [(CONTENT_TYPE, kind)];
    let range_counts = text(IF_RANGE).is_none_or(|known| known == etag);
    let range = text(RANGE).filter(|_range| range_counts).map(|range| parse_range(range, bytes.len()));
    match range {
        None | Some(Range::Whole) => (headers, kind, bytes).into_response(),
        Some(Range::Part { first, last }) => {
            let position = [(CONTENT_RANGE, format!("bytes {first}-{last}/{}", bytes.len()))];
            let part = bytes.slice(first..=last);
            (StatusCode::PARTIAL_CONTENT, headers, kind, position, part).into_response()
        }
        Some(Range::Beyond) => {
            let position = [(CONTENT_RANGE, format!("bytes */{}", bytes.len()))];
            (StatusCode::RANGE_NOT_SATISFIABLE, headers, position).into_response()
        }
    }
}

fn matches_etag(known: &str, etag: &str) -> bool {
    known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == etag)
}

#[derive(Debug, PartialEq)]
enum Range {
    /// Not understood, or several at once: the whole file is a permitted answer.
    Whole,
    Part {
        first: usize,
        last: usize,
    },
    Beyond,
}

fn parse_range(text: &str, length: usize) -> Range {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Range::Whole;
    };
    if length == 0 {
        return Range::Whole;
    }
    let end = length - 1;
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), _) if first > end => Range::Beyond,
        (Ok(first), Ok(last)) if first <= last => Range::Part { first, last: last.min(end) },
        (Ok(first), Err(_)) if last.is_empty() => Range::Part { first, last: end },
        (Err(_), Ok(0)) if first.is_empty() => Range::Beyond,
        (Err(_), Ok(tail)) if first.is_empty() => {
            Range::Part { first: length.saturating_sub(tail), last: end }
        }
        _ => Range::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::{Range, parse_range};

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let check = |text, expected| assert_eq!(parse_range(text, 10), expected, "{text}");
        check("bytes=0-3", Range::Part { first: 0, last: 3 });
        check("bytes=4-", Range::Part { first: 4, last: 9 });
        check("bytes=-3", Range::Part { first: 7, last: 9 });
        check("bytes=-30", Range::Part { first: 0, last: 9 });
        check("bytes=8-99", Range::Part { first: 8, last: 9 });
        check("bytes=10-", Range::Beyond);
        check("bytes=-0", Range::Beyond);
        check("bytes=5-2", Range::Whole);
        check("bytes=0-1,4-5", Range::Whole);
        check("lines=0-1", Range::Whole);
    }
}
