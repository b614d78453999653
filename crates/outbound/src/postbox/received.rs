//! A mail as it arrived, and as a person would read it. Reads the forms that [`crate::mail`] writes: encoded words in base
//! 64, quoted-printable, base 64, parts within parts. It is no mail program.

use bytes::Bytes;
use storeward_seal::encoding::decode_base64;

/// One mail that was handed in.
#[derive(Clone, Debug)]
pub struct Received {
    /// Of the envelope.
    pub from: String,
    /// Of the envelope.
    pub to: Vec<String>,
    pub bytes: Bytes,
    pub over_tls: bool,
    /// Who signed in to hand it in.
    pub user: Option<String>,
}

impl Received {
    /// The whole mail, as text.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A header's first value, unfolded and decoded.
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.raw(), name)
    }

    pub fn subject(&self) -> String {
        self.header("Subject").unwrap_or_default()
    }

    /// The plain part, with LF.
    pub fn text(&self) -> String {
        part(&self.raw(), "text/plain").unwrap_or_default()
    }

    /// The HTML part, with LF.
    pub fn html(&self) -> Option<String> {
        part(&self.raw(), "text/html")
    }
}

fn header(mail: &str, name: &str) -> Option<String> {
    let (head, _) = mail.split_once("\r\n\r\n").unwrap_or((mail, ""));
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let value = unfolded.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim_end().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })?;
    Some(decode_words(&value))
}

/// RFC 2047; blanks between two encoded words do not count.
fn decode_words(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some((before, found)) = rest.split_once("=?utf-8?B?") {
        let Some((digits, after)) = found.split_once("?=") else { break };
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        out.push_str(&String::from_utf8_lossy(&decode_base64(digits).unwrap_or_default()));
        (rest, after_word) = (after, true);
    }
    out.push_str(rest);
    out
}

/// The first part of a kind, decoded.
fn part(entity: &str, kind: &str) -> Option<String> {
    let (_, body) = entity.split_once("\r\n\r\n")?;
    let content_type = header(entity, "Content-Type").unwrap_or_else(|| "text/plain".to_owned());
    if content_type.starts_with("multipart/") {
        let boundary = content_type.split_once("boundary=\"")?.1.split('"').next()?;
        let between = format!("--{boundary}");
        return body.split(&between).skip(1).find_map(|inner| part(inner.strip_prefix("\r\n")?, kind));
    }
    if !content_type.starts_with(kind) {
        return None;
    }
    let coding = header(entity, "Content-Transfer-Encoding").unwrap_or_default();
    let bytes = match coding.as_str() {
        "quoted-printable" => from_quoted_printable(body),
        "base64" => decode_base64(&body.split_ascii_whitespace().collect::<String>())?,
        _ => body.as_bytes().to_vec(),
    };
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    Some(format!("{}\n", text.trim_end_matches('\n')))
}

fn from_quoted_printable(body: &str) -> Vec<u8> {
    let joined = body.replace("=\r\n", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *first == b'=') {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}
