//! The dots of masks in what is sent back to the shop.

use super::DOTS;
use super::find::{Form, plain};
use super::pages::decoded;

/// So often may one spelling be wrapped in another: JSON in a form's field is two.
const LAYERS: usize = 5;

/// Whether a form or a query holds the dots of a mask, as they stand or as URLs, JSON and HTML write them, one in another, too.
pub(crate) fn are_in(bytes: &[u8]) -> bool {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    for _ in 0..LAYERS {
        if text.contains(DOTS) {
            return true;
        }
        let bare = text.replace('\\', "").replace("u2022", "•").replace("U2022", "•");
        let next = plain(&decoded(&bare), Form::Text);
        if next == text {
            return false;
        }
        text = next;
    }
    text.contains(DOTS)
}

/// Whether what was read of a form in parts ends within a file: its fields stand before it.
pub(crate) fn ends_in_a_file(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let last = text.rfind("content-disposition:").and_then(|at| text.get(at..));
    let head = last.and_then(|part| part.split("\r\n\r\n").next());
    text.starts_with("--") && head.is_some_and(|head| head.contains("filename="))
}
