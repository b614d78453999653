//! Text as mail carries it: seven bits, short lines (RFC 2045, 2047, 2231, 5322).

use storeward_seal::encoding::base64;

/// Lines should end here (RFC 5322 section 2.1.1; quoted-printable and encoded words must, RFC 2045 section 6.7).
const LINE: usize = 76;

/// A header with its pieces folded into lines: breaks stand between pieces only (RFC 5322 section 2.2.3).
pub(super) fn header(name: &str, pieces: &[String]) -> String {
    let mut out = format!("{name}:");
    let mut width = out.len();
    for piece in pieces {
        let length = piece.chars().count();
        if width + 1 + length > LINE && width > name.len() + 1 {
            out.push_str("\r\n");
            width = 0;
        }
        out.push(' ');
        out.push_str(piece);
        width += 1 + length;
    }
    out.push_str("\r\n");
    out
}

/// Unstructured text (RFC 5322 section 3.2.5), such as a subject, in pieces.
pub(super) fn text(text: &str) -> Vec<String> {
    if needs_no_code(text) { text.split(' ').map(str::to_owned).collect() } else { encoded_words(text) }
}

/// A display name (RFC 5322 section 3.2.5, `phrase`): quoted, or in encoded words.
pub(super) fn phrase(text: &str) -> Vec<String> {
    if needs_no_code(text) {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        return vec![format!("\"{escaped}\"")];
    }
    encoded_words(text)
}

/// What a reader would take for an encoded word is encoded itself.
fn needs_no_code(text: &str) -> bool {
    text.bytes().all(|b| (0x20..0x7F).contains(&b)) && !text.contains("=?")
}

/// RFC 2047: each word holds whole characters and has at most 75 bytes; blanks between two words do not count, so those of
/// the text stand inside.
fn encoded_words(text: &str) -> Vec<String> {
    /// 52 digits and the frame around them are 64: they fit behind `Reply-To: `, since a line with such a word has at most 76.
    const MOST_BYTES: usize = 39;
    let mut words = Vec::new();
    let mut held = String::new();
    for c in text.chars() {
        if held.len() + c.len_utf8() > MOST_BYTES {
            words.push(encoded_word(&held));
            held.clear();
        }
        held.push(c);
    }
    words.push(encoded_word(&held));
    words
}

fn encoded_word(text: &str) -> String {
    format!("=?utf-8?B?{}?=", base64(text.as_bytes()))
}

/// A parameter of a header, such as a file's name, in pieces; each begins with its semicolon's blank. RFC 2231 where the
/// value is not plain.
pub(super) fn parameter(name: &str, value: &str) -> Vec<String> {
    const MOST_BYTES: usize = 40;
    let is_plain = value.bytes().all(|b| (0x20..0x7F).contains(&b) && b != b'"' && b != b'\\');
    if is_plain && value.len() <= MOST_BYTES {
        return vec![format!("{name}=\"{value}\"")];
    }
    let mut pieces = vec!["utf-8''".to_owned()];
    // A piece holds whole characters: some readers decode each on its own.
    for c in value.chars() {
        let kept = c.is_ascii_alphanumeric() || "-._".contains(c);
        let coded = || c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")).collect();
        let sign: String = if kept { c.to_string() } else { coded() };
        match pieces.last_mut() {
            Some(last) if last.len() + sign.len() <= MOST_BYTES => last.push_str(&sign),
            _ => pieces.push(sign),
        }
    }
    if let [only] = pieces.as_slice() {
        return vec![format!("{name}*={only}")];
    }
    let last = pieces.len().saturating_sub(1);
    let piece = |(at, text): (usize, &String)| {
        let end = if at == last { "" } else { ";" };
        format!("{name}*{at}*={text}{end}")
    };
    pieces.iter().enumerate().map(piece).collect()
}

/// Quoted-printable (RFC 2045 section 6.7) with CRLF at each line's end. Never holds `=_`, so a boundary that begins so
/// cannot stand in it. A dot or `From ` at a line's begin is encoded too: what relays do to those would break a signature.
pub(super) fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 5 / 4);
    for line in text.replace("\r\n", "\n").replace('\r', "\n").lines() {
        let bytes = line.as_bytes();
        let mut width = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let is_last = at + 1 == bytes.len();
            let is_begin = width == 0 && (*byte == b'.' || bytes.get(at..at + 5) == Some(b"From "));
            let plain =
                matches!(byte, 0x21..=0x3C | 0x3E..=0x7E) || (matches!(byte, b' ' | b'\t') && !is_last);
            let plain = plain && !is_begin;
            let room = if is_last { LINE } else { LINE - 1 };
            let length = if plain { 1 } else { 3 };
            if width + length > room {
                out.push_str("=\r\n");
                width = 0;
            }
            // The break may have put a dot at a line's begin.
            let plain = plain && !(width == 0 && *byte == b'.');
            if plain {
                out.push(char::from(*byte));
                width += 1;
            } else {
                out.push_str(&format!("={byte:02X}"));
                width += 3;
            }
        }
        out.push_str("\r\n");
    }
    out
}

/// Base 64 in lines of 76 (RFC 2045 section 6.8).
pub(super) fn base64_lines(bytes: &[u8]) -> String {
    // 57 bytes are 76 digits.
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + bytes.len() / 28 + 4);
    for chunk in bytes.chunks(57) {
        out.push_str(&base64(chunk));
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_folded_between_pieces() {
        let subject = "word ".repeat(40);
        let folded = header("Subject", &text(subject.trim()));
        assert!(folded.lines().count() > 1 && folded.lines().all(|line| line.len() <= 76), "{folded}");
        assert_eq!(folded.replace("\r\n", ""), format!("Subject: {}", subject.trim()));
        assert!(!folded.contains("\r\n\r\n"));
        let long = "x".repeat(200);
        assert_eq!(header("Subject", &text(&long)), format!("Subject: {long}\r\n"));
    }

    #[test]
    fn words_beyond_ascii_are_encoded() {
        let folded = header("Subject", &text(&"Grüße ".repeat(30)));
        assert!(folded.is_ascii() && folded.lines().all(|line| line.len() <= 76), "{folded}");
        assert_eq!(text("é"), ["=?utf-8?B?w6k=?="]);
        // A word that looks encoded must not be decoded into something else.
        assert_eq!(text("=?utf-8?B?w6k=?="), encoded_words("=?utf-8?B?w6k=?="));
        assert_eq!(phrase("Shop, \"the\""), ["\"Shop, \\\"the\\\"\""]);
    }

    #[test]
    fn quoted_printable_is_short_and_plain() {
        let check = |text: &str, expected: &str| assert_eq!(quoted_printable(text), expected, "{text:?}");
        check("a=b", "a=3Db\r\n");
        check("é\r\nx ", "=C3=A9\r\nx=20\r\n");
        check(".\n..a", "=2E\r\n=2E.a\r\n");
        check("From me", "=46rom me\r\n");
        check("a\tb\t", "a\tb=09\r\n");
        for text in ["ü".repeat(100), "a".repeat(200), ".".repeat(300), " ".repeat(100), "a ".repeat(90)] {
            let coded = quoted_printable(&text);
            assert!(coded.lines().all(|line| line.len() <= 76 && !line.starts_with('.')), "{coded}");
            assert!(coded.is_ascii() && !coded.contains("=_"), "{coded}");
        }
    }

    #[test]
    fn file_names_in_any_script() {
        assert_eq!(parameter("filename", "a b.pdf"), ["filename=\"a b.pdf\""]);
        let pieces = parameter("filename", &"Übersicht ".repeat(8));
        assert!(pieces.len() > 1 && pieces.iter().all(|p| p.is_ascii() && p.len() < 72), "{pieces:?}");
        assert!(pieces[0].starts_with("filename*0*=utf-8''%C3%9C"), "{pieces:?}");
        assert_eq!(parameter("filename", "a\"\r\nX: y"), ["filename*=utf-8''a%22%0D%0AX%3A%20y"]);
    }
}
