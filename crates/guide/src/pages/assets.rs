//! The style sheet.

use std::sync::LazyLock;

use storeward_seal::fingerprint::sha256_hex;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::header;

const CSS: &str = include_str!("../../assets/guide.css");

static CSS_VERSION: LazyLock<String> =
    LazyLock::new(|| sha256_hex(CSS.as_bytes()).chars().take(16).collect());

pub fn css_version() -> &'static str {
    &CSS_VERSION
}

/// The address names the content behind `?v=`, so it may be kept for ever.
pub async fn css() -> Response {
    let head = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (head, CSS).into_response()
}
