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
/// So much may stand between two lines of a key, tags aside: line ends, escapes, quotes.
const BETWEEN_LINES: usize = 64;
/// The longest tag and the longest reference between lines.
const LONGEST_TAG: usize = 400;
const LONGEST_REFERENCE: usize = 10;
/// A run of base64 with letters of both cases that is as long is a line of a key; shorter ones are words and addresses.
const SHORTEST_LINE: usize = 16;
/// As long is a first line that does not begin as keys do.
const PLAIN_LINE: usize = 40;
/// No key is longer (RSA of 16,384 bits has some 13,000 signs).
const LONGEST_KEY: usize = 16 * 1024;

/// Whether a text that was masked still shows a key: its lines stand there in a way that the mask does not read, up to the
/// line that ends it.
pub fn still_shows(text: &[u8]) -> bool {
    const LINES: usize = 3;
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    MARKER.find_iter(text).any(|marker| {
        let behind = text.get(marker.end()..text.len().min(marker.end() + LONGEST_KEY)).unwrap_or_default();
        let Some(end) = memchr::memmem::find(behind, b"END") else { return false };
        let within = behind.get(..end).unwrap_or_default();
        let lines =
            within.split(|byte| !is_sign(byte)).filter(|run| run.len() >= PLAIN_LINE && is_mixed(run));
        lines.count() >= LINES
    })
}

fn is_mixed(run: &[u8]) -> bool {
    let has = |class: fn(&u8) -> bool| run.iter().any(class);
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
}

/// How keys begin in base64: DER's sequence with a version or an algorithm behind it, OpenSSH's own word, OpenPGP's packet.
fn begins_as_key(run: &[u8]) -> bool {
    let der = matches!(run, [b'M', b'A'..=b'P', ..]);
    der || run.starts_with(b"b3BlbnNzaC1")
        || matches!(run, [b'l', b'A'..=b'Z', ..])
        || run.starts_with(b"P2/5")
}

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
    /// A run of base64 that may be a line, held back until that is clear, with what escapes stand in it; and how many of its
    /// bytes are signs of base64.
    run: Vec<(u8, Sort)>,
    signs: usize,
    /// The run is a line: what comes of it is masked as it comes.
    in_line: bool,
    /// A line was masked.
    begun: bool,
    /// Bytes since the marker or the last line that belong to no line and no tag.
    others: usize,
    seen: usize,
    /// Bytes since the last line end.
    column: usize,
    within: Within,
    over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Sign,
    Escape,
}

/// What the next byte stands in; all but a tag are passed over within a line, too.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Within {
    #[default]
    Text,
    /// Behind a `\`.
    Escape,
    /// Digits of `%2B`, `\u002B` that are still to come.
    Digits(usize),
    /// Bytes of `&#43;` so far.
    Reference(usize),
    Tag(usize),
    /// A comment of an event stream, or a line of it that holds no data (HTML 9.2.6): passed over to its end.
    Line,
}

impl Key {
    /// Takes what belongs to the key and says how much that was.
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> usize {
        for (at, byte) in piece.iter().enumerate() {
            self.step(*byte, out);
            self.seen += 1;
            self.over |= self.seen > LONGEST_KEY;
            if self.over {
                self.end_run(out);
                return at + 1;
            }
        }
        piece.len()
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.within = match self.within {
            Within::Tag(bytes) => {
                out.push(byte);
                self.over |= bytes > LONGEST_TAG;
                if byte == b'>' { Within::Text } else { Within::Tag(bytes + 1) }
            }
            Within::Reference(bytes) => {
                self.escape(byte, out);
                self.over |= bytes > LONGEST_REFERENCE;
                if byte == b';' { Within::Text } else { Within::Reference(bytes + 1) }
            }
            Within::Digits(left) => {
                self.escape(byte, out);
                if left > 1 { Within::Digits(left - 1) } else { Within::Text }
            }
            Within::Escape => {
                self.escape(byte, out);
                if byte == b'u' { Within::Digits(4) } else { Within::Text }
            }
            Within::Line => {
                out.push(byte);
                if matches!(byte, b'\n' | b'\r') { Within::Text } else { Within::Line }
            }
            Within::Text => self.text(byte, out),
        };
        self.column = if matches!(byte, b'\n' | b'\r') { 0 } else { self.column + 1 };
    }

    fn text(&mut self, byte: u8, out: &mut Vec<u8>) -> Within {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'/' => {
                self.sign(byte, out);
                Within::Text
            }
            b'\\' | b'&' | b'%' => {
                self.escape(byte, out);
                match byte {
                    b'\\' => Within::Escape,
                    b'&' => Within::Reference(0),
                    _ => Within::Digits(2),
                }
            }
            b'<' => {
                self.end_line(byte, out);
                out.push(byte);
                Within::Tag(0)
            }
            b':' if self.begins_other_line() => {
                self.end_run(out);
                out.push(byte);
                Within::Line
            }
            _ => {
                let padding = byte == b'=' && (self.in_line || self.signs > 0 || self.others == 0);
                // Each line of an event of a stream begins with it.
                let field = byte == b':' && self.run.iter().map(|(byte, _)| *byte).eq(*b"data");
                if field {
                    self.others += self.run.len();
                    self.end_run(out);
                }
                self.end_line(byte, out);
                out.push(byte);
                self.others += 1;
                let between = byte.is_ascii_whitespace()
                    || matches!(byte, b'"' | b'\'' | b',' | b'-' | b'.' | b'(' | b')');
                // An attribute or an assignment of the page's own, or words.
                self.over |= (byte == b'=' && !padding) || (self.begun && !between && !padding && !field);
                let room = if self.begun { BETWEEN_LINES } else { BEFORE_A_KEY };
                self.over |= self.others > room;
                Within::Text
            }
        }
    }

    /// Whether a `:` here begins a comment, or ends the name of a field that is not `data`.
    fn begins_other_line(&self) -> bool {
        let run: Vec<u8> = self.run.iter().map(|(byte, _)| *byte).collect();
        let is_other = [&b""[..], b"event", b"id", b"retry"].contains(&run.as_slice());
        is_other && self.column == run.len() && !self.in_line
    }

    /// A byte of an escape: it stands as it is, and ends no line.
    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.in_line || self.run.is_empty() {
            true => out.push(byte),
            false => self.run.push((byte, Sort::Escape)),
        }
    }

    fn sign(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.in_line {
            out.push(b'*');
            return;
        }
        self.run.push((byte, Sort::Sign));
        self.signs += 1;
        if self.signs < SHORTEST_LINE {
            return;
        }
        let signs: Vec<u8> =
            self.run.iter().filter(|(_, sort)| *sort == Sort::Sign).map(|(byte, _)| *byte).collect();
        let long = self.begun || begins_as_key(&signs) || self.signs >= PLAIN_LINE;
        if long && is_mixed(&signs) {
            self.mask_run(out);
            self.in_line = true;
        } else if self.signs >= 4 * SHORTEST_LINE {
            self.over |= self.begun;
            self.others += self.run.len();
            self.end_run(out);
        }
    }

    fn mask_run(&mut self, out: &mut Vec<u8>) {
        out.extend(self.run.drain(..).map(|(byte, sort)| if sort == Sort::Sign { b'*' } else { byte }));
        self.signs = 0;
        self.begun = true;
        self.others = 0;
    }

    /// What is no sign and no escape came: a line is over, and a run that is none.
    fn end_line(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.in_line = false;
        if self.run.is_empty() {
            return;
        }
        let signs = || self.run.iter().filter(|(_, sort)| *sort == Sort::Sign).map(|(byte, _)| *byte);
        if self.begun {
            let joins = signs().all(|sign| matches!(sign, b'+' | b'/'));
            let mixed =
                is_mixed(&signs().collect::<Vec<_>>()) && signs().any(|sign| !sign.is_ascii_alphabetic());
            if joins {
                // `"…" + "…"` of a program.
                self.others += self.run.len();
                self.end_run(out);
            } else if byte == b'=' || mixed {
                // A key's last line is as short as it comes.
                self.mask_run(out);
            } else {
                self.end_run(out);
                self.over = true;
            }
            return;
        }
        self.others += self.run.len();
        self.end_run(out);
    }

    /// A run that was too short for a line, as it was.
    fn end_run(&mut self, out: &mut Vec<u8>) {
        out.extend(self.run.drain(..).map(|(byte, _)| byte));
        self.signs = 0;
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
    fn lines_of_an_event_are_lines_of_its_key() {
        let text = format!(
            "id: 7\ndata: -----BEGIN PRIVATE KEY-----\ndata: {LINE}\ndata:{LINE}\ndata: AbC9+w==\ndata: -----END"
        );
        for step in [1, 5, 4096] {
            let (out, count) = masked(&text, step);
            let stars = "*".repeat(LINE.len());
            assert_eq!(out, text.replace(LINE, &stars).replace("AbC9+w", "******"), "{step}");
            assert_eq!(count, 1);
        }
    }

    // A comment to keep the connection open, and the events' own lines, ended the mask between two lines of the key.
    #[test]
    fn what_is_no_data_of_an_event_stands_between_its_lines() {
        let keep = format!(": keep-alive {}\n", "2026-11-27T05:00:00Z ".repeat(20));
        for between in
            [&keep, "event: key line 2\n", "id: 7f3A9c01BbCcDdEe1122\nretry: 3000\n\n", ":\n", ": \r\n\r\n"]
        {
            let text = format!(
                "event: key\ndata: -----BEGIN PRIVATE KEY-----\n{between}data: {LINE}\n{between}data:{LINE}\n{between}data: -----END"
            );
            for step in [1, 5, 4096] {
                let (out, count) = masked(&text, step);
                assert_eq!(
                    (out, count),
                    (text.replace(LINE, &"*".repeat(LINE.len())), 1),
                    "{between} {step}"
                );
            }
        }
        // Within a line of the key it is no comment.
        let text = format!("-----BEGIN PRIVATE KEY-----\n{LINE}: and words\nGoOdByE0GoOdByE0 x");
        assert!(masked(&text, 7).0.ends_with("GoOdByE0GoOdByE0 x"));
    }

    #[test]
    fn keys_are_masked_in_every_dress_and_however_they_arrive() {
        for (begin, end) in [
            ("-----BEGIN PRIVATE KEY-----\n", "\n-----END PRIVATE KEY-----"),
            ("{\"k\":\"-----BEGIN RSA PRIVATE KEY-----\\n", "\\n-----END RSA PRIVATE KEY-----\"}"),
            ("data: -----BEGIN PRIVATE KEY-----\ndata: ", "\ndata: -----END PRIVATE KEY-----\n\n"),
            ("-----BEGIN PRIVATE KEY-----<br />\n", "<br />\n-----END PRIVATE KEY-----"),
            ("-----BEGIN EC PRIVATE KEY-----&#10;", "&#10;-----END EC PRIVATE KEY-----"),
            ("k=-----BEGIN+PRIVATE+KEY-----%0A", "%0A-----END"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00FF\n\n",
                "\n---",
            ),
            ("Private-Lines: 14\r\n", "\r\nPrivate-MAC: 12"),
            ("\"-----BEGIN PRIVATE KEY-----\\u000a", "\\u000a-----END PRIVATE KEY-----\""),
            (
                "<span class=\"line\">-----BEGIN PRIVATE KEY-----</span>\n<span class=\"line\">",
                "</span>\n<span class=\"l\">-----END",
            ),
            (
                "<td class=\"n\" title=\"1704 characters\">-----BEGIN PRIVATE KEY-----</td></tr><tr><td>",
                "</td></tr>",
            ),
        ] {
            let text = format!("<p>Before</p>{begin}{LINE}\n{LINE}{end}<p>Behind it</p>");
            assert!(!still_shows(&masked(&text, 9).0.into_bytes()), "{text}");
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
    fn escapes_within_lines_and_last_lines_are_masked() {
        for (slash, plus) in [("\\/", "&#43;"), ("&#x2F;", "\\u002B"), ("%2F", "%2B")] {
            let line = format!("MIIEvQIB{plus}DANBgkq{slash}hkiG9w0BA{slash}QEF{plus}Ab{plus}cd{slash}E");
            let text = format!(
                "-----BEGIN PRIVATE KEY-----\n{line}\n{line}\nA1b2{plus}c==\n-----END PRIVATE KEY-----"
            );
            for step in [1, 5, 64, 999] {
                let (out, count) = masked(&text, step);
                assert_eq!(count, 1);
                for part in ["MIIE", "DANB", "hkiG", "QEF", "Ab", "cd", "A1b2", "c=="] {
                    assert!(!out.contains(part), "{part}: {out}");
                }
                assert!(out.contains("-----END PRIVATE KEY"), "{out}");
            }
        }
    }

    /// Others' words and numbers stand behind a stranger's first line of a key, in JSON without a line end between them.
    #[test]
    fn what_stands_behind_the_first_line_of_a_key_in_json_stays() {
        let id = "UHJvZHVjdFJldmlldzoxMjM0";
        for key in ["-----BEGIN PRIVATE KEY-----", &format!("-----BEGIN PRIVATE KEY-----\\n{LINE}")] {
            let others = format!(
                "\",\"id\":\"{id}\",\"image\":\"/Media/Catalog/Product/AutumnMug\"}},{{\"text\":\"Nice\",\"id\":\"{id}\",\"token\":\"q83vEjRWeJCrze8SNFZ4\"}}]}}"
            );
            let (out, _) = masked(&format!("{{\"reviews\":[{{\"text\":\"{key}{others}"), 11);
            assert!(out.ends_with(&others), "{out}");
        }
    }

    #[test]
    fn lines_that_the_mask_does_not_read_are_told() {
        let lines = format!(
            "private.pem:1:-----BEGIN PRIVATE KEY-----\n{}",
            format!("private.pem:7:{LINE}\n").repeat(6)
        );
        let (out, _) = masked(&format!("{lines}private.pem:9:-----END PRIVATE KEY-----"), 64);
        assert!(still_shows(out.as_bytes()), "{out}");
        let (out, _) = masked("-----BEGIN PRIVATE KEY----- is what END stands behind", 64);
        assert!(!still_shows(out.as_bytes()));
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
