//! Reading `multipart/form-data` (RFC 7578) part by part, so that a file goes to disk as it arrives and memory
//! holds no more than a few chunks.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;

/// Part headers may not be longer than this.
const HEAD_LIMIT: usize = 8 * 1024;

#[derive(Debug)]
pub enum Fault {
    /// Not multipart, or cut off.
    Malformed,
    /// The connection broke.
    Broken,
}

/// The name a part was sent under.
pub struct Part {
    pub name: String,
}

pub struct Multipart {
    body: axum::body::Body,
    buffer: BytesMut,
    /// `CRLF--boundary`; the buffer starts with a made-up CRLF so that the first one fits, too.
    delimiter: Vec<u8>,
    in_part: bool,
    ended: bool,
}

impl Multipart {
    pub fn new(headers: &HeaderMap, body: axum::body::Body) -> Result<Multipart, Fault> {
        let kind = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = kind.and_then(boundary_of).ok_or(Fault::Malformed)?;
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Ok(Multipart { body, buffer: BytesMut::from(&b"\r\n"[..]), delimiter, in_part: false, ended: false })
    }

    /// The next part, or nothing after the last. What is left of the part before is skipped.
    pub async fn next_part(&mut self) -> Result<Option<Part>, Fault> {
        while self.in_part {
            self.chunk().await?;
        }
        if self.ended {
            return Ok(None);
        }
        if !self.find_delimiter().await? {
            return Ok(None);
        }
        let head_end = loop {
            if let Some(at) = position(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(Fault::Malformed);
            }
            self.fill().await?;
        };
        let head = self.buffer.split_to(head_end + 4);
        let name = name_in(&head).ok_or(Fault::Malformed)?;
        self.in_part = true;
        Ok(Some(Part { name }))
    }

    /// Skips to just behind the delimiter; false if it is the closing one.
    async fn find_delimiter(&mut self) -> Result<bool, Fault> {
        loop {
            if let Some(at) = position(&self.buffer, &self.delimiter) {
                let _preamble = self.buffer.split_to(at + self.delimiter.len());
                break;
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(Fault::Malformed);
            }
            self.fill().await?;
        }
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        self.ended = self.buffer.starts_with(b"--");
        Ok(!self.ended)
    }

    /// More of the current part, or nothing at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        if !self.in_part {
            return Ok(None);
        }
        loop {
            if let Some(at) = position(&self.buffer, &self.delimiter) {
                if at == 0 {
                    self.in_part = false;
                    return Ok(None);
                }
                return Ok(Some(self.buffer.split_to(at).freeze()));
            }
            // The last bytes may be the beginning of a delimiter.
            let sure = self.buffer.len().saturating_sub(self.delimiter.len());
            if sure > 0 {
                return Ok(Some(self.buffer.split_to(sure).freeze()));
            }
            self.fill().await?;
        }
    }

    /// The whole of a short text part.
    pub async fn text(&mut self, limit: usize) -> Result<String, Fault> {
        let mut text = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if text.len() + chunk.len() > limit {
                return Err(Fault::Malformed);
            }
            text.extend_from_slice(&chunk);
        }
        String::from_utf8(text).map_err(|_not_text| Fault::Malformed)
    }

    /// Reads and drops up to `limit` more bytes, so that a client still sending gets to read our answer.
    pub async fn drain(&mut self, limit: usize) {
        let mut read = 0;
        while read < limit {
            self.buffer.clear();
            if self.fill().await.is_err() {
                return;
            }
            read += self.buffer.len();
        }
    }

    async fn fill(&mut self) -> Result<(), Fault> {
        loop {
            let frame = self.body.frame().await.ok_or(Fault::Malformed)?.map_err(|_cause| Fault::Broken)?;
            if let Ok(bytes) = frame.into_data() {
                self.buffer.extend_from_slice(&bytes);
                return Ok(());
            }
        }
    }
}

fn boundary_of(kind: &str) -> Option<&str> {
    let (media, parameters) = kind.split_once(';')?;
    if !media.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|part| part.trim().strip_prefix("boundary="))?;
    let boundary = boundary.trim_matches('"');
    // RFC 2046, section 5.1.1: one to seventy characters.
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

fn name_in(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let disposition =
        head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let name = disposition.split(';').find_map(|part| part.trim().strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::Multipart;
    use http::HeaderMap;

    #[tokio::test]
    async fn parts_come_out_as_they_went_in() {
        let text = "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a.png\"\r\n\
                    Content-Type: image/png\r\n\r\nline\r\n--not\r\n\r\n--b--\r\n";
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "multipart/form-data; boundary=b".parse().unwrap());
        let mut form = Multipart::new(&headers, axum::body::Body::from(text)).unwrap();
        assert_eq!(form.next_part().await.unwrap().unwrap().name, "csrf");
        assert_eq!(form.text(10).await.unwrap(), "abc");
        assert_eq!(form.next_part().await.unwrap().unwrap().name, "picture");
        assert_eq!(form.text(100).await.unwrap(), "line\r\n--not\r\n");
        assert!(form.next_part().await.unwrap().is_none());
    }
}
