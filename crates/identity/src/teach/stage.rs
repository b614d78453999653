//! Looks on at the requests of the one browser that is watched. Nobody else's are looked at, and nothing is changed but what would
//! hide a page: a browser's copy, and compression.

use storeward_adapter::CookieLine;
use storeward_adapter::learn::{By, CookieSet, Script, SentJson, Sight, field_names};
use storeward_host::{Later, Passage, RequestHead, Seen, SessionExchange, SessionStage};
use storeward_seal::fingerprint::token_hash;
use storeward_web::http::{HeaderMap, StatusCode, header};

use super::{TEACH_COOKIE, Teach};

/// Of a form. A longer one is no sign-in.
const FORM_BYTES: usize = 64 * 1024;
/// Of a page.
const PAGE_BYTES: usize = 512 * 1024;

impl SessionStage for Teach {
    fn enter(&self, head: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        if !self.0.watches.load(std::sync::atomic::Ordering::Relaxed) {
            return None;
        }
        let secret = TEACH_COOKIE.read(head.headers)?;
        let text = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
        let parts = ["image", "style", "script", "font", "audio", "video", "manifest"];
        if parts.contains(&text("sec-fetch-dest")) {
            return None;
        }
        let number = self.watched_in(secret)?;
        Some(Box::new(Watcher {
            teach: self.clone(),
            number,
            method: head.method.as_str().to_owned(),
            path: head.path.to_owned(),
            content_type: text("content-type").to_owned(),
            fields: Vec::new(),
            json: None,
            bearer: bearer(head.headers).map(token_hash),
        }))
    }
}

struct Watcher {
    teach: Teach,
    /// Of the lesson.
    number: u64,
    method: String,
    path: String,
    content_type: String,
    fields: Vec<String>,
    /// Where the texts of a body in JSON stand.
    json: Option<SentJson>,
    /// A token that came along, as a hash.
    bearer: Option<String>,
}

impl SessionExchange for Watcher {
    fn request_body_bytes(&self) -> Option<usize> {
        (self.method == "POST").then_some(FORM_BYTES)
    }

    fn request<'a>(&'a mut self, headers: &'a mut HeaderMap, body: Seen<'a>) -> Later<'a, Passage> {
        for name in [header::ACCEPT_ENCODING, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::RANGE]
        {
            headers.remove(name);
        }
        if body.complete {
            self.json = self.teach.read_json(self.number, &self.content_type, body.bytes);
            self.fields = match &self.json {
                Some(json) => json.texts.clone(),
                None => field_names(&self.content_type, body.bytes),
            };
        }
        Box::pin(async { Passage::On })
    }

    fn response_body_bytes(&self, _: StatusCode, headers: &HeaderMap) -> Option<usize> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
        let kind = kind.to_ascii_lowercase();
        (kind.contains("html") || kind.contains("json")).then_some(PAGE_BYTES)
    }

    fn response<'a>(
        &'a mut self,
        status: StatusCode,
        headers: &'a mut HeaderMap,
        body: Seen<'a>,
    ) -> Later<'a, Passage> {
        let is_page = self.response_body_bytes(status, headers).is_some();
        let cookies = cookies(headers);
        let tells = status.is_redirection() || status.is_client_error() || !cookies.is_empty();
        if is_page || self.method != "GET" || tells {
            let sight = Sight {
                by: By::Owner,
                method: &self.method,
                path: &self.path,
                fields: &self.fields,
                status: status.as_u16(),
                location: None,
                cookies: &cookies,
                body: &String::from_utf8_lossy(body.bytes),
                script: Some(Script {
                    sent: self.json.as_ref(),
                    bearer: self.bearer.as_deref(),
                    mark: token_hash,
                }),
            };
            self.teach.note(self.number, &sight);
        }
        Box::pin(async { Passage::On })
    }
}

/// The token of an `Authorization: Bearer` line.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let line = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = line.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Names of the cookies that an answer sets, and whether scripts read them.
fn cookies(headers: &HeaderMap) -> Vec<CookieSet> {
    let lines = headers.get_all(header::SET_COOKIE).iter();
    lines
        .filter_map(|line| {
            let text = String::from_utf8_lossy(line.as_bytes());
            let cookie = CookieLine::parse(&text).filter(|cookie| !cookie.is_removal)?;
            let is_http_only =
                text.split(';').skip(1).any(|part| part.trim().eq_ignore_ascii_case("httponly"));
            Some(CookieSet { name: cookie.name.to_owned(), is_http_only })
        })
        .take(20)
        .collect()
}
