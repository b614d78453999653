//! Style sheet, theme, script and logo.

use std::sync::LazyLock;

use storeward_seal::fingerprint::sha256_hex;
use storeward_web::Failure;
use storeward_web::assets::{METER, PASSKEY, TIMES};
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::{StatusCode, header};

use super::App;
use crate::config::{Font, Theme};

const CSS: &str = include_str!("../../assets/identity.css");

static CSS_VERSION: LazyLock<String> = LazyLock::new(|| version(CSS.as_bytes()));
static SCRIPT_VERSION: LazyLock<String> = LazyLock::new(|| version(PASSKEY.bytes()));
static TIMES_VERSION: LazyLock<String> = LazyLock::new(|| version(TIMES.bytes()));
static METER_VERSION: LazyLock<String> = LazyLock::new(|| version(METER.bytes()));

fn version(bytes: &[u8]) -> String {
    sha256_hex(bytes).chars().take(16).collect()
}

pub fn css_version() -> &'static str {
    &CSS_VERSION
}

pub fn script_version() -> &'static str {
    &SCRIPT_VERSION
}

pub fn meter_version() -> &'static str {
    &METER_VERSION
}

pub fn times_version() -> &'static str {
    &TIMES_VERSION
}

pub fn theme_version(theme: &Theme) -> String {
    version(theme_css(theme).as_bytes())
}

/// The shop's logo, read once.
pub struct Logo {
    bytes: Vec<u8>,
    content_type: &'static str,
}

impl Logo {
    /// At most 200 KiB of PNG, JPEG, WebP or SVG; told by its first bytes, not by its name.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        let content_type = match bytes.as_slice() {
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
            [b'<', b's', b'v', b'g', ..] | [b'<', b'?', b'x', b'm', b'l', ..] => "image/svg+xml",
            _ => return None,
        };
        (bytes.len() <= 200 * 1024).then_some(Logo { bytes, content_type })
    }
}

/// The addresses name the content behind `?v=`, so they may be kept for ever.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

fn file(content_type: &'static str, cache: &'static str, bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cache)], bytes).into_response()
}

pub async fn css() -> Response {
    file("text/css; charset=utf-8", FOR_EVER, CSS.into())
}

pub async fn script() -> Response {
    file("text/javascript; charset=utf-8", FOR_EVER, PASSKEY.bytes().into())
}

pub async fn meter() -> Response {
    file("text/javascript; charset=utf-8", FOR_EVER, METER.bytes().into())
}

pub async fn times() -> Response {
    file("text/javascript; charset=utf-8", FOR_EVER, TIMES.bytes().into())
}

pub async fn theme(State(app): State<App>) -> Response {
    file("text/css; charset=utf-8", FOR_EVER, theme_css(&app.identity.0.policy().theme).into_bytes())
}

pub async fn logo(State(app): State<App>) -> Result<Response, Failure> {
    let logo = app
        .logo
        .as_ref()
        .ok_or_else(|| Failure::missing("identity.no_logo", "The shop has no logo here."))?;
    Ok(file(logo.content_type, "public, max-age=3600", logo.bytes.clone()))
}

/// What browsers ask every host for: the logo, or that there is none.
pub async fn icon(State(app): State<App>) -> Response {
    match &app.logo {
        Some(logo) => file(logo.content_type, "public, max-age=3600", logo.bytes.clone()),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The six tokens as custom properties. The values were checked when the config was read: colours and a number.
fn theme_css(theme: &Theme) -> String {
    let font = match theme.font {
        Font::System => "system-ui, -apple-system, \"Segoe UI\", Roboto, \"Noto Sans\", Arial, sans-serif",
        Font::Serif => "Georgia, \"Noto Serif\", \"Times New Roman\", serif",
        Font::Rounded => {
            "ui-rounded, \"Hiragino Maru Gothic ProN\", Quicksand, Nunito, system-ui, sans-serif"
        }
        Font::Mono => "ui-monospace, \"Cascadia Mono\", Menlo, Consolas, monospace",
    };
    let Theme { accent, ground, surface, ink, radius, .. } = theme;
    let on_accent = theme.on_accent();
    format!(
        ":root {{ --accent: {accent}; --on-accent: {on_accent}; --ground: {ground}; --surface: {surface}; \
         --ink: {ink}; --radius: {radius}px; --font: {font}; }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_told_by_their_bytes() {
        assert_eq!(Logo::new(b"<svg xmlns".to_vec()).unwrap().content_type, "image/svg+xml");
        assert_eq!(Logo::new(vec![0x89, b'P', b'N', b'G', 0]).unwrap().content_type, "image/png");
        assert!(Logo::new(b"<!doctype html>".to_vec()).is_none());
        assert!(Logo::new([b"<svg".to_vec(), vec![b' '; 300 * 1024]].concat()).is_none());
    }

    #[test]
    fn files_stay_small() {
        assert!(CSS.len() < 12 * 1024);
    }
}
