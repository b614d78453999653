//! Style sheet, script and pictures: part of the binary, under addresses that change with their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header;

use crate::failure::Failure;

pub(crate) const ROUTE: &str = "/assets/{name}";

/// One embedded file.
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    url: LazyLock<String>,
}

impl Asset {
    /// The address, which names the content: it may be cached for ever.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What is in it.
    pub const fn bytes(&self) -> &'static [u8] {
        self.bytes
    }

    /// The address below which a domain's own pages serve it at `path`: it names the content, too.
    pub fn url_at(&self, path: &str) -> String {
        format!("{path}?v={:016x}", fingerprint(self.bytes))
    }

    /// The file. Its address names the content: it may be kept for ever.
    pub fn response(&self) -> Response {
        let head = [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ];
        (head, self.bytes).into_response()
    }

    fn file_name(&self) -> &str {
        self.url().trim_start_matches("/assets/")
    }
}

macro_rules! asset {
    ($name:ident, $stem:literal, $extension:literal, $content_type:literal) => {
        pub static $name: Asset = Asset {
            stem: $stem,
            extension: $extension,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../assets/", $stem, ".", $extension)),
            url: LazyLock::new(|| url_of(&$name)),
        };
    };
}

asset!(CSS, "storeward", "css", "text/css; charset=utf-8");
asset!(SCRIPT, "storeward", "js", "text/javascript; charset=utf-8");
asset!(ICONS, "icons", "svg", "image/svg+xml");
asset!(FAVICON, "favicon", "svg", "image/svg+xml");

// Passkeys: for the console from here; identity serves it under the shop's name.
asset!(PASSKEY, "passkey", "js", "text/javascript; charset=utf-8");

// Guidance while a password is typed: likewise.
asset!(METER, "meter", "js", "text/javascript; charset=utf-8");

// Moments in the reader's own time: for identity's pages.
asset!(TIMES, "times", "js", "text/javascript; charset=utf-8");

static ALL: [&Asset; 7] = [&CSS, &SCRIPT, &ICONS, &FAVICON, &PASSKEY, &METER, &TIMES];

fn url_of(asset: &Asset) -> String {
    format!("/assets/{}.{:016x}.{}", asset.stem, fingerprint(asset.bytes), asset.extension)
}

/// FNV-1a, 64 bits: tells versions apart; it is no protection and need not be.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    match ALL.iter().find(|asset| asset.file_name() == name) {
        Some(asset) => asset.response(),
        None => Failure::missing("web.no_such_asset", "There is no file at this address.").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stay_small() {
        assert!(SCRIPT.bytes.len() < 10 * 1024, "the script is {} bytes", SCRIPT.bytes.len());
        assert!(PASSKEY.bytes.len() < 6 * 1024, "the script is {} bytes", PASSKEY.bytes.len());
        assert!(METER.bytes.len() < 4 * 1024, "the script is {} bytes", METER.bytes.len());
        assert!(TIMES.bytes.len() < 2 * 1024, "the script is {} bytes", TIMES.bytes.len());
        assert!(CSS.bytes.len() < 32 * 1024, "the style sheet is {} bytes", CSS.bytes.len());
    }

    #[test]
    fn addresses_name_the_content() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_ne!(fingerprint(b"a"), fingerprint(b"b"));
        assert!(CSS.url().starts_with("/assets/storeward.") && CSS.url().ends_with(".css"));
    }
}
