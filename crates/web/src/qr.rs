//! A QR code (ISO/IEC 18004) as SVG: one path, no colours of its own.

use std::fmt::Write;

use qrcodegen::{QrCode, QrCodeEcc};
use storeward_base::Secret;

/// Modules of empty border that readers need.
const QUIET_ZONE: i32 = 4;

/// Draws the text. `None` when it is longer than a QR code holds (about 2,300 bytes).
pub fn svg(text: &Secret<String>, title: &str) -> Option<String> {
    debug_assert!(!title.contains(['<', '&', '"']), "the title is a fixed text of ours");
    let code = QrCode::encode_text(text.expose(), QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            write!(path, "M{},{}h1v1h-1z", x + QUIET_ZONE, y + QUIET_ZONE).ok()?;
        }
    }
    let side = code.size() + 2 * QUIET_ZONE;
    Some(format!(
        r#"<svg class="qr" viewBox="0 0 {side} {side}" role="img" aria-label="{title}" shape-rendering="crispEdges"><path d="{path}"/></svg>"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_one_path_without_styles() {
        let text = Secret::new("otpauth://totp/a:b?secret=GEZDGNBVGY3TQOJQ".to_owned());
        let svg = svg(&text, "Square to scan").unwrap();
        assert_eq!(svg.matches("<path").count(), 1);
        assert!(!svg.contains("style") && !svg.contains("GEZDGNBV"));
        assert!(super::svg(&Secret::new("x".repeat(4_000)), "t").is_none());
    }
}
