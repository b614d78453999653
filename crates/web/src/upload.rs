//! A form with one file (`multipart/form-data`, RFC 7578): read whole within the limit of its route, and as strictly as our own pages
//! send it.

use axum::extract::FromRequestParts;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use crate::failure::Failure;

const MOST_PARTS: usize = 8;
/// Of one part's head: a file's name has 255 bytes in common file systems, three signs each where the browser escapes it.
const HEAD_BYTES: usize = 1024;
/// Of a boundary (RFC 2046 section 5.1.1).
const BOUNDARY_BYTES: usize = 70;

/// The fields of a posted form and its file. That it carries the visitor's token was checked before the handler runs. Neither this nor
/// the file can be written to a log (`Debug`): token, name and content are nobody else's.
#[derive(Clone, Default)]
pub struct Upload {
    fields: Vec<(String, String)>,
    file: Option<UploadedFile>,
}

/// A file as the browser sent it. Neither its name nor what it says of its own type is to be believed; only the name is kept.
#[derive(Clone)]
pub struct UploadedFile {
    pub name: String,
    pub bytes: Bytes,
}

impl Upload {
    /// A field's text; an empty one where it is missing.
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text)
    }

    /// The file, where one was chosen.
    pub fn file(&self) -> Option<&UploadedFile> {
        self.file.as_ref()
    }
}

impl<S: Sync> FromRequestParts<S> for Upload {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.remove::<Upload>().ok_or_else(|| Failure::broken("web.no_upload"))
    }
}

/// Whether a request says that it is such a form.
pub(crate) fn is_one(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data;"))
}

/// Reads a body of the type `kind`. Nothing where it is not whole, where a name comes twice, or where it has another form than browsers
/// give it.
pub(crate) fn read(kind: &str, body: &Bytes) -> Option<Upload> {
    let line = boundary(kind)?;
    let (first, next) = (format!("--{line}\r\n"), format!("\r\n--{line}"));
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut upload = Upload::default();
    for _ in 0..MOST_PARTS {
        let (head, content) = split(rest, b"\r\n\r\n", HEAD_BYTES)?;
        let (value, after) = split(content, next.as_bytes(), content.len())?;
        upload.take(head, body.slice_ref(value))?;
        if matches!(after, b"--\r\n" | b"--") {
            return Some(upload);
        }
        rest = after.strip_prefix(b"\r\n")?;
    }
    None
}

impl Upload {
    fn take(&mut self, head: &[u8], value: Bytes) -> Option<()> {
        let (name, file) = disposition(std::str::from_utf8(head).ok()?)?;
        match file {
            Some(_) if self.file.is_some() || name != "file" => return None,
            // No file was chosen.
            Some(file) if file.is_empty() && value.is_empty() => {}
            Some(file) => self.file = Some(UploadedFile { name: file.to_owned(), bytes: value }),
            None if self.fields.iter().any(|(known, _)| known == name) => return None,
            None => {
                let text = String::from_utf8(value.to_vec()).ok()?;
                self.fields.push((name.to_owned(), text));
            }
        }
        Some(())
    }
}

/// A field's name, and the file's where it is one.
fn disposition(head: &str) -> Option<(&str, Option<&str>)> {
    let mut found = None;
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':')?;
        if !name.eq_ignore_ascii_case("content-disposition") {
            continue;
        }
        let rest = value.trim().strip_prefix("form-data; name=\"")?;
        let (field, rest) = rest.split_once('"')?;
        let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
        if found.is_some() || field.is_empty() || !field.chars().all(is_plain) {
            return None;
        }
        let file = match rest {
            "" => None,
            more => Some(more.strip_prefix("; filename=\"")?.strip_suffix('"')?),
        };
        if file.is_some_and(|name| name.contains('"')) {
            return None;
        }
        found = Some((field, file));
    }
    found
}

fn boundary(kind: &str) -> Option<&str> {
    let line = kind.strip_prefix("multipart/form-data; boundary=")?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    ((1..=BOUNDARY_BYTES).contains(&line.len()) && line.bytes().all(is_plain)).then_some(line)
}

/// What stands before and behind the first `mark`, which begins within `most` bytes.
fn split<'a>(bytes: &'a [u8], mark: &[u8], most: usize) -> Option<(&'a [u8], &'a [u8])> {
    let within = bytes.get(..most.saturating_add(mark.len()).min(bytes.len()))?;
    let at = within.windows(mark.len()).position(|window| window == mark)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.get(mark.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=----WebKitFormBoundaryAb1";

    fn body(parts: &[(&str, &str)]) -> Bytes {
        let line = "------WebKitFormBoundaryAb1";
        let part = |(head, value): &(&str, &str)| format!("{line}\r\n{head}\r\n\r\n{value}\r\n");
        Bytes::from(format!("{}{line}--\r\n", parts.iter().map(part).collect::<String>()))
    }

    const CSRF: (&str, &str) = ("Content-Disposition: form-data; name=\"csrf\"", "abcd");
    const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"a b.pdf\"\r\nContent-Type: application/pdf";

    #[test]
    fn what_a_browser_sends_is_read() {
        let read_it = read(KIND, &body(&[CSRF, (FILE, "%PDF\r\n--x\r\n\r\n\u{0}")])).unwrap();
        assert_eq!((read_it.field("csrf"), read_it.field("other")), ("abcd", ""));
        let file = read_it.file().unwrap();
        assert_eq!((file.name.as_str(), &file.bytes[..]), ("a b.pdf", &b"%PDF\r\n--x\r\n\r\n\x00"[..]));
        let none = FILE.replace("a b.pdf", "");
        assert!(read(KIND, &body(&[CSRF, (&none, "")])).unwrap().file().is_none());
    }

    #[test]
    fn whatever_is_bent_is_not_read() {
        let name = |line: &'static str| body(&[(line, "abcd")]);
        for bent in [
            body(&[CSRF, CSRF]),
            body(&[(FILE, "1"), (FILE, "2")]),
            name("Content-Disposition: form-data; name=\"csrf\"; name=\"other\""),
            name(
                "Content-Disposition: form-data; name=\"csrf\"\r\nContent-Disposition: form-data; name=\"a\"",
            ),
            name("Content-Disposition: form-data; name=csrf"),
            name("Content-Disposition: attachment; name=\"csrf\""),
            name("Content-Disposition: form-data; name=\"other\"; filename=\"x\""),
            name("Content-Type: text/plain"),
            name("Content-Disposition: form-data; name=\"\""),
            Bytes::from_static(b""),
            body(&[]),
            body(&[CSRF]).slice(..20),
            body(&[CSRF]).slice(1..),
            body(&vec![(FILE, ""); 9]),
            body(&[(&format!("{}: x\r\n{}", "A".repeat(1100), CSRF.0), "abcd")]),
            body(&[(CSRF.0, "abcd\r\n------WebKitFormBoundaryAb1x")]),
            body(&[("Content-Disposition: form-data; name=\"file\"; filename=\"a\"; filename=\"b\"", "x")]),
            body(&[("Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''a", "x")]),
        ] {
            assert!(read(KIND, &bent).is_none(), "{}", String::from_utf8_lossy(&bent));
        }
        for kind in [
            "",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=a\r\nb",
            "multipart/form-data; charset=utf-16; boundary=----WebKitFormBoundaryAb1",
            "multipart/mixed; boundary=a",
            "text/plain",
        ] {
            assert!(read(kind, &body(&[CSRF])).is_none(), "{kind}");
        }
    }
}
