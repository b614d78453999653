//! Where an answer may show a private key: the words that begin one, in any width and in base64.

mod masker;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use masker::still_shows;
pub use masker::{KeyMasker, masked_copy};

/// The rule that stops an answer with a private key in it.
pub const RULE: u32 = 27_100;

/// What no key in text is without; in base64 at each of the three places where a group of four may begin.
static NAMES: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let names: [&[u8]; 7] = [
        b"PRIVATE",
        b"P\0R\0I\0V\0A\0T\0E",
        b"P\0\0\0R\0\0\0I\0\0\0V\0\0\0A\0\0\0T\0\0\0E",
        b"Private-Lines",
        b"UFJJVkFURSBLRV",
        b"BSSVZBVEUgS0VZ",
        b"QUklWQVRFIEtFW",
    ];
    AhoCorasick::new(names).expect("seven short words fit into an automaton")
});

/// Whether a body names a private key, so that it is worth a reading.
pub fn named_in(body: &[u8]) -> bool {
    NAMES.is_match(body)
}

/// Whether a body is a key, rather than a page or a document that shows one: files are stopped, pages masked.
pub fn is_file_of_key(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let begins = [b"-----BEGIN".as_slice(), b"---- BEGIN", b"PuTTY-User-Key-File", b"LS0tLS1CRUdJTiB"];
    begins.iter().any(|start| body.starts_with(start))
}

/// Whether the mask takes every key out of a body. It reads no text with zeros in it.
pub fn are_masked_in(body: &[u8]) -> bool {
    let masked = masked_copy(body).map(|(copy, _)| copy);
    memchr::memchr(0, body).is_none() && !still_shows(masked.as_deref().unwrap_or(body))
}

/// A body that names a private key and has zeros in it, without them: text in UTF-16 or UTF-32 reads as plain then,
/// whatever its order, and wherever in the body it begins.
pub(crate) fn without_zeros(body: &[u8]) -> Option<Vec<u8>> {
    let wide = memchr::memchr(0, body).is_some() && named_in(body);
    wide.then(|| body.iter().copied().filter(|byte| *byte != 0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_in_every_width() {
        let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        let utf_32 = |text: &str| text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<u8>>();
        let key = "-----BEGIN PRIVATE KEY-----";
        for body in [key.as_bytes().to_vec(), utf_16(key), utf_32(key)] {
            assert!(named_in(&body), "{}", body.escape_ascii());
        }
        assert_eq!(without_zeros(&utf_32(key)).as_deref(), Some(key.as_bytes()));
        assert_eq!(
            without_zeros(&[b"MZ\0 ".as_slice(), &utf_16(key)].concat()),
            Some(format!("MZ {key}").into())
        );
        for other in ["-----BEGIN PUBLIC KEY-----", "a private key", ""] {
            assert!(!named_in(other.as_bytes()), "{other}");
            assert_eq!(without_zeros(&utf_16(other)), None, "{other}");
        }
    }
}
