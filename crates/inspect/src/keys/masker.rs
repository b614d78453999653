//! Masks private keys in a text that arrives in pieces.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::named_in;

/// What stands before a key: the line that begins one (RFC 7468, RFC 1421, RFC 4880 section 6.2, RFC 4716), PuTTY's, or either
/// in base64.
static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    let sep = r"(?:\s|[+_]|%20|&nbsp;|&#(?:32|x20);|\\u0020){1,2}";
    let dash = r"(?:-|%2[dD]|&#(?:45|x2[dD]);|\\u002[dD])";
    let pattern = format!(
        "(?s-u)BEGIN{sep}(?:(?:RSA|EC|DSA|OPENSSH|ENCRYPTED|PGP|SSH2|ANY){sep}){{0,2}}PRIVATE{sep}KEY.{{0,12}}?{dash}{{4,5}}\
         |Private-Lines: ?[0-9]{{1,3}}\
         |LS0tLS1CRUdJTiB[A-Za-z0-9]{{0,16}}?(?:UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW)"
    );
    Regex::new(&pattern).expect("a pattern of ours")
});

/// More than the longest marker has.
const LONGEST_MARKER: usize = 160;
/// So far behind its marker a key may begin: lines say before it how it is encrypted.
const BEFORE_A_KEY: usize = 300;
/// So much may stand between two lines of a key: line ends, escapes, short tags, quotes.
const BETWEEN_LINES: usize = 24;
/// A run of base64 with letters of both cases that is as long is a line of a key; shorter ones are words and addresses.
const SHORTEST_LINE: usize = 16;
/// No key is longer (RSA of 16,384 bits has some 13,000 signs).
const LONGEST_KEY: usize = 16 * 1024;

/// The same for a text that is at hand as a whole: `None` where nothing is masked. Says how many keys there were.
pub fn masked_copy(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut masker = KeyMasker::default();
    let mut copy = masker.push(text)?;
    copy.append(&mut masker.finish());
    (masker.masked > 0).then_some((copy, masker.masked))
}

/// Masks what stands behind the line that begins a private key; what comes out is as long as what went in. Holds back a few
/// bytes at most, and only within a key.
#[derive(Debug, Default)]
pub struct KeyMasker {
    /// What went out last, where a marker may have begun.
    tail: Vec<u8>,
    key: Option<Key>,
    masked: usize,
}

impl KeyMasker {
    /// How many keys were masked so far.
    pub const fn masked(&self) -> usize {
        self.masked
    }

    /// The next piece as it goes out; `None`, as nearly always, where that is the piece itself.
    pub fn push(&mut self, piece: &[u8]) -> Option<Vec<u8>> {
        if self.key.is_none() && self.marker_in(piece).is_none() {
            self.remember(piece);
            return None;
        }
        let mut out = Vec::with_capacity(piece.len() + 4 * SHORTEST_LINE);
        self.pass_through(piece, &mut out);
        Some(out)
    }

    /// The text is over: what was held back.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(mut key) = self.key.take() {
            key.end_run(&mut out);
            self.masked += usize::from(key.begun);
        }
        out
    }

    fn pass_through(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while !rest.is_empty() {
            if let Some(key) = &mut self.key {
                let used = key.push(rest, out);
                if key.over {
                    self.masked += usize::from(key.begun);
                    self.key = None;
                }
                self.tail.clear();
                rest = rest.get(used..).unwrap_or_default();
                continue;
            }
            let Some(behind) = self.marker_in(rest) else {
                self.remember(rest);
                out.extend_from_slice(rest);
                return;
            };
            let (marker, following) = rest.split_at(behind.min(rest.len()));
            out.extend_from_slice(marker);
            self.key = Some(Key::default());
            rest = following;
        }
    }

    /// Where the first marker ends that is not over before this piece.
    fn marker_in(&self, piece: &[u8]) -> Option<usize> {
        if !named_in(piece) && !named_in(&self.seam(piece)) {
            return None;
        }
        let text = [self.tail.as_slice(), piece].concat();
        let found = MARKER.find_iter(&text).find(|found| found.end() > self.tail.len());
        found.map(|found| found.end() - self.tail.len())
    }

    /// The end of what went before with the beginning of this piece.
    fn seam(&self, piece: &[u8]) -> Vec<u8> {
        [self.tail.as_slice(), piece.get(..LONGEST_MARKER.min(piece.len())).unwrap_or_default()].concat()
    }

    fn remember(&mut self, piece: &[u8]) {
        match piece.len().checked_sub(LONGEST_MARKER) {
            Some(from) => {
                self.tail.clear();
                self.tail.extend_from_slice(piece.get(from..).unwrap_or_default());
            }
            None => {
                self.tail.extend_from_slice(piece);
                let over = self.tail.len().saturating_sub(LONGEST_MARKER);
                self.tail.drain(..over);
            }
        }
    }
}

/// A key under way.
#[derive(Debug, Default)]
struct Key {
    /// A run of base64 that may be a line, held back until that is clear.
    run: Vec<u8>,
    /// The run is a line: what comes of it is masked as it comes.
    in_line: bool,
    /// A line was masked.
    begun: bool,
    /// Bytes since the marker or the last line that belong to no line.
    others: usize,
    seen: usize,
    /// The byte before, where it makes letters behind it an escape: `\`, `%`.
    before: u8,
    /// Letters of an escape that are still to come.
    escape: usize,
    over: bool,
}

impl Key {
    /// Takes what belongs to the key and says how much that was.
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> usize {
        for (at, byte) in piece.iter().enumerate() {
            self.step(*byte, out);
            if self.over {
                return at + 1;
            }
        }
        piece.len()
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        let before = std::mem::replace(&mut self.before, byte);
        self.seen += 1;
        let escaped = self.escape > 0 || (before == b'\\' && byte != b'+');
        if self.escape > 0 {
            self.escape -= 1;
        } else if before == b'\\' && byte == b'u' {
            self.escape = 4;
        } else if byte == b'%' {
            self.escape = 2;
        }
        let padding = byte == b'=' && (self.in_line || before == b'=');
        if !escaped && (byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')) {
            self.sign(byte, out);
        } else if escaped && byte == b'/' && self.in_line {
            // JSON may write a slash so: the line goes on.
            out.push(byte);
        } else if byte == b'\\' && self.in_line {
            out.push(byte);
        } else {
            self.end_run(out);
            self.in_line = false;
            out.push(byte);
            self.others += usize::from(!padding);
            // An attribute of the page's own.
            let foreign = byte == b'=' && !padding;
            let room = if self.begun { BETWEEN_LINES } else { BEFORE_A_KEY };
            self.over |= foreign || self.others > room;
        }
        self.over |= self.seen > LONGEST_KEY;
        if self.over {
            self.end_run(out);
        }
    }

    fn sign(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.in_line {
            out.push(b'*');
            return;
        }
        self.run.push(byte);
        let has = |class: fn(&u8) -> bool| self.run.iter().any(class);
        if self.run.len() >= SHORTEST_LINE && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) {
            out.resize(out.len() + self.run.len(), b'*');
            self.run.clear();
            self.in_line = true;
            self.begun = true;
            self.others = 0;
        } else if self.run.len() >= 4 * SHORTEST_LINE {
            self.end_run(out);
        }
    }

    /// A run that was too short for a line, as it was.
    fn end_run(&mut self, out: &mut Vec<u8>) {
        self.others += self.run.len();
        out.append(&mut self.run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";

    fn masked(text: &str, step: usize) -> (String, usize) {
        let mut masker = KeyMasker::default();
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(step) {
            out.extend_from_slice(masker.push(piece).as_deref().unwrap_or(piece));
        }
        out.extend_from_slice(&masker.finish());
        assert_eq!(out.len(), text.len(), "{text}");
        (String::from_utf8(out).unwrap(), masker.masked())
    }

    #[test]
    fn keys_are_masked_in_every_dress_and_however_they_arrive() {
        for (begin, end) in [
            ("-----BEGIN PRIVATE KEY-----\n", "\n-----END PRIVATE KEY-----"),
            ("{\"k\":\"-----BEGIN RSA PRIVATE KEY-----\\n", "\\n-----END RSA PRIVATE KEY-----\"}"),
            ("-----BEGIN PRIVATE KEY-----<br />\n", "<br />\n-----END PRIVATE KEY-----"),
            ("-----BEGIN EC PRIVATE KEY-----&#10;", "&#10;-----END EC PRIVATE KEY-----"),
            ("k=-----BEGIN+PRIVATE+KEY-----%0A", "%0A-----END"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00FF\n\n",
                "\n---",
            ),
            ("Private-Lines: 14\r\n", "\r\nPrivate-MAC: 12"),
            ("\"-----BEGIN PRIVATE KEY-----\\u000a", "\\u000a-----END PRIVATE KEY-----\""),
        ] {
            let text = format!("<p>Before</p>{begin}{LINE}\n{LINE}{end}<p>Behind it</p>");
            for step in [1, 2, 3, 7, 16, 17, 64, 4096] {
                let (out, count) = masked(&text, step);
                assert_eq!(count, 1, "{step}: {out}");
                assert!(!out.contains("MIIEvQ") && !out.contains("8cKj"), "{step}: {out}");
                let stars = "*".repeat(LINE.len());
                assert_eq!(out, text.replace(LINE, &stars), "{step}");
            }
        }
    }

    #[test]
    fn a_slash_of_json_is_within_a_line() {
        let text = r#"{"k":"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\/hkiG9w0BA\/QEF\n-----END PRIVATE KEY-----\n"}"#;
        let (out, count) = masked(text, 5);
        assert_eq!(count, 1);
        assert!(out.contains(r"\n****************\/*********\/***\n-----END"), "{out}");
    }

    /// What strangers write on a page takes nothing else of it away.
    #[test]
    fn nothing_but_keys_is_masked() {
        for text in [
            "<p>-----BEGIN PRIVATE KEY-----</p><a href=\"/wp-content/uploads/AutumnCollection2026/Mug.jpg\">x</a>",
            "-----BEGIN PRIVATE KEY----- is how the file of a key begins, and internationalisation ends it.",
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----",
            "a private key",
        ] {
            let (out, count) = masked(text, 7);
            assert_eq!((out.as_str(), count), (text, 0));
        }
        let page = format!(
            "<p>-----BEGIN PRIVATE KEY-----\n{LINE}</p>\n<p><a class=\"x\" href=\"/AutumnCollection/MugsAndBowls/Peat\">Mugs</a>"
        );
        let (out, count) = masked(&page, 9);
        assert_eq!(count, 1);
        assert!(
            out.ends_with("</p>\n<p><a class=\"x\" href=\"/AutumnCollection/MugsAndBowls/Peat\">Mugs</a>"),
            "{out}"
        );
    }
}
