//! A bucket that speaks S3: five requests, signed with AWS Signature Version 4, by the program's own client for calls out.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use storeward_base::{Clock, Secret, Timestamp};
use storeward_outbound::{AllowList, Client, Limits, Options, Reply, Request};
use storeward_seal::encoding::hex;
use storeward_seal::fingerprint::{hmac_sha256, sha256_hex};

use super::{Name, Place};
use crate::Error;
use crate::target::S3Target;

/// A pack of `rustic_core` grows to some 100 MB at a terabyte; nothing longer is read into memory.
const MOST_BYTES: usize = 512 * 1024 * 1024;
/// A call may have a pack to carry over a slow line.
const PATIENCE: Duration = Duration::from_secs(600);
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);
/// A list has a thousand names a page; so many pages are a thousand million files.
const MOST_PAGES: u32 = 1_000_000;

/// Who asks.
#[derive(Clone, Debug)]
pub struct S3Account {
    pub access_key: String,
    pub secret_key: Secret<String>,
    pub region: String,
}

pub(crate) struct S3 {
    shown: String,
    target: S3Target,
    account: S3Account,
    client: Client,
    clock: Arc<dyn Clock>,
    runtime: tokio::runtime::Runtime,
}

impl S3 {
    pub(crate) fn new(target: &S3Target, account: S3Account, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let shown = crate::Target::S3(target.clone()).to_string();
        let failed =
            |why: &dyn std::fmt::Display| Error::Target { place: shown.clone(), why: why.to_string() };
        // The operator named it: it may lie in the own network.
        let allow = AllowList::new().internal(&target.endpoint).map_err(|why| failed(&why))?;
        let limits = Limits {
            connect: Duration::from_secs(20),
            head: PATIENCE,
            body: PATIENCE,
            body_bytes: MOST_BYTES,
        };
        let client = Client::new(allow, Options::default().limits(limits)).map_err(|why| failed(&why))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|why| failed(&why))?;
        Ok(S3 { shown, target: target.clone(), account, client, clock, runtime })
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> Error {
        Error::Target { place: self.shown.clone(), why: why.to_string() }
    }

    fn key(&self, name: &str) -> String {
        match self.target.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }

    /// One signed call; what the network or the server is at fault for is tried again.
    fn call(&self, method: Method, key: &str, query: &[(&str, &str)], body: &Bytes) -> Result<Reply, Error> {
        self.call_for(method, key, query, body, None)
    }

    /// The same for a part of a file: `bytes=FIRST-LAST`.
    fn call_for(
        &self,
        method: Method,
        key: &str,
        query: &[(&str, &str)],
        body: &Bytes,
        range: Option<&str>,
    ) -> Result<Reply, Error> {
        let mut told = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(PAUSE * 2u32.pow(attempt - 1));
            }
            let mut request = self.signed(method, key, query, body)?;
            if let Some(range) = range {
                // Not signed: whoever could change it could change the answer, too, which is held against its hash.
                request = request.header("range", range).map_err(|why| self.failed(&why))?;
            }
            match self.runtime.block_on(self.client.send(request)) {
                Ok(reply) if reply.status.is_server_error() || reply.status.as_u16() == 429 => {
                    told = Some(refusal(&reply));
                }
                Ok(reply) => return Ok(reply),
                Err(why) => told = Some(why.to_string()),
            }
        }
        Err(self.failed(&told.unwrap_or_default()))
    }

    fn signed(
        &self,
        method: Method,
        key: &str,
        query: &[(&str, &str)],
        body: &Bytes,
    ) -> Result<Request, Error> {
        let path = match key {
            "" => format!("/{}", self.target.bucket),
            key => format!("/{}/{key}", self.target.bucket),
        };
        let host = self.target.endpoint.split_once("://").map_or("", |(_, host)| host);
        let hash = sha256_hex(body);
        let stamp = stamp(self.clock.now());
        let headers = [("host", host), ("x-amz-content-sha256", &hash), ("x-amz-date", &stamp)];
        let to_sign = ToSign {
            method: method.word(),
            path: &path,
            query,
            headers: &headers,
            hash: &hash,
            stamp: &stamp,
        };
        let authorization = to_sign.authorization(&self.account, "s3");
        let query = canonical_query(query);
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{}{mark}{query}", self.target.endpoint, escaped(&path, Slash::Stays));
        let request = match method {
            Method::Get => Request::get(&url),
            Method::Put => Request::put(&url, "application/octet-stream", body.clone()),
            Method::Delete => Request::delete(&url),
        };
        let request = request.and_then(|request| {
            request
                .header("x-amz-content-sha256", &hash)?
                .header("x-amz-date", &stamp)?
                .header("authorization", &authorization)
        });
        request.map_err(|why| self.failed(&why))
    }

    /// Every file below a prefix, with its whole key.
    fn keys(&self, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
        let mut found = Vec::new();
        let mut more: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut query = vec![("list-type", "2"), ("prefix", prefix)];
            if let Some(token) = &more {
                query.push(("continuation-token", token));
            }
            let reply = self.call(Method::Get, "", &query, &Bytes::new())?;
            if !reply.status.is_success() {
                return Err(self.failed(&refusal(&reply)));
            }
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            for entry in elements(&text, "Contents") {
                let key = elements(entry, "Key").next().map(unescaped).unwrap_or_default();
                let size = elements(entry, "Size").next().and_then(|size| size.parse().ok()).unwrap_or(0);
                found.push((key, size));
            }
            let is_cut = elements(&text, "IsTruncated").next() == Some("true");
            more = elements(&text, "NextContinuationToken").next().map(unescaped);
            if !is_cut || more.is_none() {
                return Ok(found);
            }
        }
        Err(self.failed(&"its list has no end"))
    }
}

impl Place for S3 {
    fn shown(&self) -> String {
        self.shown.clone()
    }

    /// A bucket has no folders; it must be there.
    fn prepare(&self, _folders: &[String]) -> Result<(), Error> {
        self.keys(&self.key("config")).map(drop)
    }

    fn list(&self, folder: Name<'_>) -> Result<Vec<(String, u64)>, Error> {
        let found = self.keys(&format!("{}/", self.key(folder)))?;
        let last = |key: String| key.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(found.into_iter().map(|(key, size)| (last(key), size)).collect())
    }

    fn length(&self, name: Name<'_>) -> Result<Option<u64>, Error> {
        let key = self.key(name);
        Ok(self.keys(&key)?.into_iter().find(|(found, _)| *found == key).map(|(_, size)| size))
    }

    fn read(&self, name: Name<'_>) -> Result<Bytes, Error> {
        let reply = self.call(Method::Get, &self.key(name), &[], &Bytes::new())?;
        match reply.status.as_u16() {
            200 => Ok(reply.body),
            _ => Err(self.failed(&format!("{name}: {}", refusal(&reply)))),
        }
    }

    fn read_part(&self, name: Name<'_>, offset: u64, length: usize) -> Result<Bytes, Error> {
        let last = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX)).saturating_sub(1);
        let range = format!("bytes={offset}-{last}");
        let reply = self.call_for(Method::Get, &self.key(name), &[], &Bytes::new(), Some(&range))?;
        // A server that knows no parts answers with all of it.
        let start = match reply.status.as_u16() {
            206 => 0,
            200 => usize::try_from(offset).unwrap_or(usize::MAX),
            _ => return Err(self.failed(&format!("{name}: {}", refusal(&reply)))),
        };
        let end = start.saturating_add(length);
        if end > reply.body.len() {
            return Err(self.failed(&format!("{name} is shorter than it should be")));
        }
        // A slice would keep all of it, wherever a server ignores the range.
        Ok(Bytes::copy_from_slice(&reply.body[start..end]))
    }

    fn write(&self, name: Name<'_>, parts: &[Bytes]) -> Result<(), Error> {
        let body = match parts {
            [one] => one.clone(),
            several => Bytes::from(several.concat()),
        };
        let reply = self.call(Method::Put, &self.key(name), &[], &body)?;
        match reply.status.is_success() {
            true => Ok(()),
            false => Err(self.failed(&format!("{name}: {}", refusal(&reply)))),
        }
    }

    fn remove(&self, name: Name<'_>) -> Result<(), Error> {
        let reply = self.call(Method::Delete, &self.key(name), &[], &Bytes::new())?;
        match reply.status.as_u16() {
            200..=299 | 404 => Ok(()),
            _ => Err(self.failed(&format!("{name}: {}", refusal(&reply)))),
        }
    }

    fn is_far(&self) -> bool {
        true
    }
}

#[derive(Clone, Copy, Debug)]
enum Method {
    Get,
    Put,
    Delete,
}

impl Method {
    const fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

/// What is signed of a request.
struct ToSign<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    /// Lower case, in the order of their names.
    headers: &'a [(&'a str, &'a str)],
    hash: &'a str,
    stamp: &'a str,
}

impl ToSign<'_> {
    fn authorization(&self, account: &S3Account, service: &str) -> String {
        let day = self.stamp.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{service}/aws4_request", account.region);
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!(
            "{}\n{}\n{}\n{headers}\n{names}\n{}",
            self.method,
            escaped(self.path, Slash::Stays),
            canonical_query(self.query),
            self.hash
        );
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", self.stamp, sha256_hex(canonical.as_bytes()));
        let first = Secret::new(format!("AWS4{}", account.secret_key.expose()));
        let mut key = hmac_sha256(first.expose().as_bytes(), day.as_bytes());
        for part in [account.region.as_str(), service, "aws4_request"] {
            key = hmac_sha256(&key, part.as_bytes());
        }
        let signature = hex(&hmac_sha256(&key, text.as_bytes()));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            account.access_key
        )
    }
}

/// `20150830T123600Z`.
fn stamp(at: Timestamp) -> String {
    let text = at.rfc3339();
    let whole = text.split('.').next().unwrap_or_default();
    format!("{}Z", whole.replace(['-', ':'], ""))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slash {
    Stays,
    Goes,
}

/// As the signature wants it: everything but what RFC 3986 calls unreserved.
fn escaped(text: &str, slash: Slash) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b'/' if slash == Slash::Stays => out.push('/'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn canonical_query(query: &[(&str, &str)]) -> String {
    let mut pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name, Slash::Goes), escaped(value, Slash::Goes)))
        .collect();
    pairs.sort();
    pairs.join("&")
}

/// What stands between the tags of an element, each time it comes; they do not nest in what S3 answers.
fn elements<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, behind) = rest.split_once(&open)?;
        let (inside, after) = behind.split_once(&close)?;
        rest = after;
        Some(inside)
    })
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

/// Why it was refused: the code that S3 gives, no more of what the server says.
fn refusal(reply: &Reply) -> String {
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let code: String = elements(&text, "Code")
        .next()
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect();
    format!("the server answers {} {code}", reply.status.as_u16()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's own example, "get-vanilla" of its test suite for Signature Version 4.
    #[test]
    fn a_signature_is_amazons_own() {
        let account = S3Account {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            region: "us-east-1".to_owned(),
        };
        let stamp = "20150830T123600Z";
        let to_sign = ToSign {
            method: "GET",
            path: "/",
            query: &[],
            headers: &[("host", "example.amazonaws.com"), ("x-amz-date", stamp)],
            hash: &sha256_hex(b""),
            stamp,
        };
        assert_eq!(
            to_sign.authorization(&account, "service"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
    }

    #[test]
    fn moments_names_and_lists_are_as_s3_has_them() {
        assert_eq!(stamp(Timestamp::from_seconds(1_440_938_160)), "20150830T123600Z");
        assert_eq!(escaped("a b/ü~", Slash::Stays), "a%20b/%C3%BC~");
        assert_eq!(canonical_query(&[("prefix", "a/b"), ("list-type", "2")]), "list-type=2&prefix=a%2Fb");
        let list =
            "<R><Contents><Key>a&amp;b</Key><Size>7</Size></Contents><Contents><Key>c</Key></Contents></R>";
        let keys: Vec<String> =
            elements(list, "Contents").filter_map(|e| elements(e, "Key").next().map(unescaped)).collect();
        assert_eq!(keys, ["a&b", "c"]);
        assert_eq!(elements("<Key>cut", "Key").next(), None);
    }

    const FILE: &[u8] = b"a file of which somebody wants a part, and another part";

    /// A bucket of one file: what it answers to a part of it is what the function says.
    fn bucket(answer: fn(std::ops::Range<usize>) -> (u16, Vec<u8>)) -> S3 {
        use std::io::{BufRead, BufReader, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = S3Target {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            bucket: "b".to_owned(),
            prefix: String::new(),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let wanted = head.iter().find_map(|line| line.strip_prefix("range: bytes=")?.split_once('-'));
                let (first, last) = wanted.unwrap();
                let (status, body) = answer(first.parse().unwrap()..last.parse::<usize>().unwrap() + 1);
                let told = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all(&[told.as_bytes(), &body].concat()).unwrap();
            }
        });
        let account = S3Account {
            access_key: "an-id".to_owned(),
            secret_key: Secret::new("a key".to_owned()),
            region: "us-east-1".to_owned(),
        };
        S3::new(&target, account, Arc::new(storeward_base::SystemClock)).unwrap()
    }

    #[test]
    fn a_part_is_a_part_whether_or_not_a_server_knows_them() {
        let knows = bucket(|range| (206, FILE.get(range).unwrap_or_default().to_vec()));
        let ignores = bucket(|_| (200, FILE.to_vec()));
        for place in [knows, ignores] {
            for (offset, length) in [(0, 6), (7, 10), (50, FILE.len() - 50)] {
                let at = usize::try_from(offset).unwrap();
                assert_eq!(place.read_part("data/x", offset, length).unwrap(), FILE[at..at + length]);
            }
            assert!(place.read_part("data/x", 50, FILE.len()).is_err(), "more than there is");
        }
        let refuses = bucket(|_| (416, Vec::new()));
        assert!(matches!(refuses.read_part("data/x", 0, 1), Err(Error::Target { .. })));
    }
}
