//! One password, one text: the same characters typed on another keyboard must give the same hash.
//!
//! RFC 8265 section 4.2 (OpaqueString): other spaces become U+0020, then Unicode normalisation form C. Case, width and
//! everything else stay as typed, and no character is refused. NFKC would fold characters together that people choose
//! on purpose. Hashes that a shop brought along are checked against what was typed, since the shop did not do this.

use std::borrow::Cow;

use storeward_base::Secret;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::Zeroizing;

/// Longest password that is looked at, in bytes of UTF-8: 128 characters of any kind fit (NIST SP 800-63B-4 asks for
/// at least 64), and a megabyte does not.
pub const MAX_BYTES: usize = 1024;

/// Whether it can be a password at all.
pub fn has_fitting_length(password: &Secret<String>) -> bool {
    (1..=MAX_BYTES).contains(&password.expose().len())
}

/// The text that is counted, judged and hashed.
pub fn prepared(password: &Secret<String>) -> Zeroizing<String> {
    let text = password.expose();
    let spaced: Cow<'_, str> = if text.chars().any(is_other_space) {
        Cow::Owned(text.chars().map(|c| if is_other_space(c) { ' ' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    };
    if is_nfc(&spaced) {
        return Zeroizing::new(spaced.into_owned());
    }
    let unnormalised = Zeroizing::new(spaced.into_owned());
    Zeroizing::new(unnormalised.nfc().collect())
}

/// Unicode's separators of category Zs beside U+0020.
fn is_other_space(c: char) -> bool {
    matches!(c, '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_characters_give_the_same_text() {
        let check = |typed: &str, expected: &str| {
            assert_eq!(prepared(&Secret::new(typed.to_owned())).as_str(), expected, "{typed:?}");
        };
        check("plain words", "plain words");
        check("a\u{308}b", "\u{e4}b");
        check("\u{e4}b", "\u{e4}b");
        check("two\u{a0}words\u{3000}", "two words ");
        // Not folded: case, width, ligatures, superscripts.
        check("\u{fb01} \u{ff21} x\u{b2} A", "\u{fb01} \u{ff21} x\u{b2} A");
    }
}
