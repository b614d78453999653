//! Where the guard stands in the way of a page: between the shop's answer and the client.

use std::sync::Arc;

use bytes::Bytes;
use encoding_rs::Encoding;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use storeward_host::{Later, Passage, RequestHead, Seen, SessionExchange, SessionStage};

use crate::address::{self, Base};
use crate::config::Mode;
use crate::guard::{Checkout, PAGES, Shared};
use crate::headers;
use crate::intake::Asker;
use crate::model::{Kind, ScriptId};
use crate::policy::{Known, Rules};
use crate::report;
use crate::rewrite::{Approvals, Coding, Inflate, Inserts, PageRewrite, Pin, Read, Reader, notes};

/// A longer path may bring with it what stands in the answer.
const PLAIN_PATH: usize = 200;

/// What is true of the shop's bytes only, or lets a browser keep a page whose policy names another nonce.
const NOT_OURS: [HeaderName; 4] =
    [header::ETAG, header::LAST_MODIFIED, header::ACCEPT_RANGES, HeaderName::from_static("content-digest")];

impl Checkout {
    /// Stands before every other stage: it sees a page as the client would get it.
    pub fn stage(&self) -> Arc<dyn SessionStage> {
        Arc::new(self.clone())
    }
}

impl SessionStage for Checkout {
    fn enter(&self, head: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        let known = self.0.known.load();
        if known.pages.is_empty() {
            return None;
        }
        if head.headers.get("service-worker").is_some_and(|value| value == "script") {
            return Some(Box::new(Beside::new(&self.0, head)));
        }
        let (number, own) = known.page_of(head.path, head.query)?;
        Some(Box::new(Crossing {
            shared: Arc::clone(&self.0),
            number,
            page: Arc::clone(&own.page),
            method: head.method.clone(),
            asker: Asker::new(head.client, is_plain(head) && known.page_at(head.path).is_some()),
            is_document: is_document(head.headers),
            is_taken_in: !is_document(head.headers) && !asks_from_guarded(head, &known),
            authority: head.authority.to_owned(),
            path: head.path.to_owned(),
        }))
    }
}

/// Whether the browser shows the answer. One that does not say may; and what is fetched ahead (`Sec-Purpose`, and `Purpose` of before) is
/// shown later.
fn is_document(headers: &HeaderMap) -> bool {
    let is_ahead = |name: &str| {
        let said = headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        said.to_ascii_lowercase().windows(8).any(|part| part == b"prefetch")
    };
    if ["sec-purpose", "purpose", "x-purpose", "x-moz"].into_iter().any(is_ahead) {
        return true;
    }
    let shown = ["document", "iframe", "frame", "embed", "object"];
    let says = headers.get("sec-fetch-dest").and_then(|value| value.to_str().ok());
    says.is_none_or(|says| shown.contains(&says))
}

/// Whether nothing that the client sent with this request may be what stands in the answer: no body, no query, no long path.
fn is_plain(head: &RequestHead<'_>) -> bool {
    let has_query = head.query.is_some_and(|query| !query.is_empty());
    *head.method == Method::GET && !has_query && head.written.len() <= PLAIN_PATH
}

/// Whether the page that asks is guarded itself: what its scripts take in is held to its policy.
fn asks_from_guarded(head: &RequestHead<'_>, known: &Known) -> bool {
    let base = Base { authority: head.authority, path: head.path };
    let says = head.headers.get(header::REFERER).and_then(|value| value.to_str().ok());
    let Some(asking) = says.and_then(|says| address::resolve(base, says)) else { return false };
    let is_ours = asking.host() == address::host(&format!("https://{}/", head.authority));
    let query = says.and_then(|says| says.split_once('?')).map(|(_, query)| query);
    is_ours && known.page_of(asking.path(), query).is_some()
}

fn do_not_keep(headers: &mut HeaderMap) {
    for name in NOT_OURS {
        headers.remove(name);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
}

/// A browser asks for a file that would run beside all pages of the shop and may answer for each of them, the paying ones too.
struct Beside {
    shared: Arc<Shared>,
    /// Of a file that nobody approved.
    address: Option<String>,
}

impl Beside {
    fn new(shared: &Arc<Shared>, head: &RequestHead<'_>) -> Self {
        let base = Base { authority: head.authority, path: head.path };
        let known = shared.known.load();
        let whole = address::resolve(base, head.path);
        let address = whole.map(|whole| whole.kept(|address| known.allows_worker(address)));
        Beside { shared: Arc::clone(shared), address }
    }
}

impl SessionExchange for Beside {
    fn request<'a>(&'a mut self, headers: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async move {
            let known = self.shared.known.load();
            if self.address.as_deref().is_none_or(|address| known.allows_worker(address)) {
                self.address = None;
            } else {
                // The shop says whether there is such a file, not whether it changed.
                for name in [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
                    headers.remove(name);
                }
            }
            Passage::On
        })
    }

    /// Whoever asks writes the header and the path: only a file that the shop has, and that browsers would run as a worker, is noted.
    fn response<'a>(
        &'a mut self,
        status: StatusCode,
        headers: &'a mut HeaderMap,
        _: Seen<'a>,
    ) -> Later<'a, Passage> {
        Box::pin(async move {
            let Some(address) = self.address.take() else { return Passage::On };
            let would_run = status.is_success() || status == StatusCode::NOT_MODIFIED;
            if !would_run {
                return Passage::On;
            }
            let known = self.shared.known.load_full();
            if status == StatusCode::OK && is_script(headers) {
                let page = known.pages.first().map_or("/", |own| own.page.as_ref());
                self.shared.intake.worker(page, address, &known);
            }
            match known.acts_as() {
                Mode::Enforce => {
                    let mut answer = Response::new(Bytes::from_static(b"not approved beside paying pages"));
                    *answer.status_mut() = StatusCode::FORBIDDEN;
                    Passage::Instead(Box::new(answer))
                }
                Mode::Learn | Mode::Off => Passage::On,
            }
        })
    }
}

struct Crossing {
    shared: Arc<Shared>,
    number: usize,
    page: Arc<str>,
    method: Method,
    asker: Asker,
    is_document: bool,
    /// A script asks for it, to put it into a page that is not guarded.
    is_taken_in: bool,
    authority: String,
    path: String,
}

impl SessionExchange for Crossing {
    fn request<'a>(&'a mut self, headers: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async move {
            if self.is_document {
                // The page comes whole and plain, so that it can be read.
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
                for name in
                    [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE]
                {
                    headers.remove(name);
                }
            }
            Passage::On
        })
    }

    fn response<'a>(
        &'a mut self,
        status: StatusCode,
        headers: &'a mut HeaderMap,
        _: Seen<'a>,
    ) -> Later<'a, Passage> {
        Box::pin(async move { self.answer(status, headers) })
    }
}

impl Crossing {
    fn answer(&self, status: StatusCode, headers: &mut HeaderMap) -> Passage {
        let known = self.shared.known.load_full();
        // Browsers show the body of a redirect that leads nowhere; only what they have already comes without one.
        let is_shown = self.is_document && !status.is_informational() && status != StatusCode::NOT_MODIFIED;
        if is_shown && self.method == Method::POST && leads_on(status, headers) {
            self.note_where(headers, &known);
        }
        let Some(own) = known.pages.get(self.number).filter(|_| is_shown) else {
            // What a script asked for goes by the policy of the page that asked; the browser must not keep it and show it as a page later.
            let is_bare = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
            let is_page = !status.is_informational() && !is_bare && !leads_on(status, headers);
            if self.is_taken_in && is_html(headers) && status.is_success() && self.method != Method::HEAD {
                self.shared.intake.unguarded(&self.page, "fetched", self.asker);
            }
            if is_html(headers) || (is_page && !is_part(headers)) {
                do_not_keep(headers);
            }
            return Passage::On;
        };
        let rules = Arc::clone(&own.rules);
        let is_page = is_html(headers);
        if is_page && status.is_success() && self.method == Method::GET {
            self.shared.intake.headers(&self.page, headers::of_page(headers));
        }
        let shop_nonce = headers::shop_nonce(headers);
        let nonce = self.shared.entropy.token::<16>();
        let report = self.shared.report_address(self.number);
        self.add_policy(headers, &rules, (&nonce, &report));
        if !is_page {
            if status == StatusCode::OK && self.method == Method::GET && may_run(headers) {
                self.shared.intake.unguarded(&self.page, "type", self.asker);
            }
            return Passage::On;
        }
        do_not_keep(headers);
        if self.method == Method::HEAD {
            headers.remove(header::CONTENT_LENGTH);
            return Passage::On;
        }
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT)
        {
            return Passage::On;
        }
        let guard = self.guard(&rules, shop_nonce.as_deref().unwrap_or(&nonce), &report);
        self.rewrite(headers, (known, rules), Inserts { guard, nonce })
    }

    /// A form's answer that leads on to another host: browsers report the form's first address and nothing of this one.
    fn note_where(&self, headers: &HeaderMap, known: &Known) {
        let to = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let base = Base { authority: &self.authority, path: &self.path };
        let rules = known.pages.get(self.number).map(|own| &own.rules);
        let is_led_to = |address: &String| rules.is_some_and(|rules| rules.leads_to_place(address));
        if let Some(address) = to.and_then(|to| report::leads_to(base, to)).filter(|to| !is_led_to(to)) {
            let day = self.shared.clock.now().seconds().div_euclid(86_400);
            self.shared.intake.leads(&self.page, address, (self.asker, day), known);
        }
    }

    fn add_policy(&self, headers: &mut HeaderMap, known: &Rules, (nonce, report): (&str, &str)) {
        let guard = format!("https://{}{PAGES}/guard.js", self.authority);
        let name = match known.acts_as {
            Mode::Enforce => header::CONTENT_SECURITY_POLICY,
            Mode::Learn | Mode::Off => header::CONTENT_SECURITY_POLICY_REPORT_ONLY,
        };
        if known.acts_as == Mode::Enforce
            && let Ok(value) = HeaderValue::try_from(known.policy_of_addresses(&guard, report))
        {
            headers.append(header::CONTENT_SECURITY_POLICY, value);
        }
        // Everything in it was made or spelt by us, in ASCII.
        if let Ok(value) = HeaderValue::try_from(known.policy(nonce, &guard, report)) {
            headers.append(name, value);
        }
        if known.acts_as == Mode::Enforce {
            // Another host's window that opened this one would hear what a script tells it, past every policy; and so would a page of the
            // shop's that nobody guards and that a script opened, but where a frame of somebody else's has to hear from its window.
            if !headers::keeps_openers_away(headers) {
                let name = HeaderName::from_static("cross-origin-opener-policy");
                let has_windows = known.has_frames_of_others(&format!("https://{}", self.authority));
                let word = if has_windows { "same-origin-allow-popups" } else { "same-origin" };
                headers.insert(name, HeaderValue::from_static(word));
            }
            // Looking up a name gives away what stands in it (Chromium, Firefox).
            headers
                .insert(HeaderName::from_static("x-dns-prefetch-control"), HeaderValue::from_static("off"));
            // A shop that sends one of its own keeps it: browsers take one list.
            let name = HeaderName::from_static("connection-allowlist");
            if let Ok(value) = HeaderValue::try_from(&known.hosts)
                && !headers.contains_key(&name)
            {
                headers.insert(name, value);
            }
        }
        if let Ok(value) = HeaderValue::try_from(format!("storeward=\"{report}\"")) {
            headers.append(HeaderName::from_static("reporting-endpoints"), value);
        }
    }

    /// The tag of the guard. Where the shop has a policy of its own, that one wants its own nonce.
    fn guard(&self, known: &Rules, nonce: &str, report: &str) -> String {
        let script = &self.shared.script;
        let mode = known.acts_as.word();
        let to = match known.leads_to.as_str() {
            "" => String::new(),
            origins => format!(" data-to=\"{origins}\""),
        };
        format!(
            "<script src=\"{}\" integrity=\"sha384-{}\" nonce=\"{nonce}\" data-mode=\"{mode}\" data-report=\"{report}\"{to}></script>",
            script.address, script.integrity
        )
    }

    fn rewrite(
        &self,
        headers: &mut HeaderMap,
        (known, rules): (Arc<Known>, Arc<Rules>),
        inserts: Inserts,
    ) -> Passage {
        let codings: Vec<&str> = headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .map(|line| line.to_str().unwrap_or("unreadable"))
            .collect();
        let Ok(coding) = Coding::of(&codings.join(", ")) else {
            self.shared.intake.unguarded(&self.page, "encoding", self.asker);
            self.shared.intake.unguarded(&self.page, "unread.encoding", self.asker);
            return Passage::On;
        };
        if coding.is_some() {
            headers.remove(header::CONTENT_ENCODING);
        }
        let encoding = encoding_of(headers);
        let asked = Asked { rules, authority: self.authority.clone(), path: self.path.clone() };
        let noting = Noting {
            shared: Arc::clone(&self.shared),
            page: Arc::clone(&self.page),
            asker: self.asker,
            known,
        };
        Passage::Through(Box::new(PageRewrite::new(
            inserts,
            encoding,
            coding.map(Inflate::new),
            asked,
            noting,
        )))
    }
}

/// Whether browsers take it for a script: a worker has to be one (Service Workers, "update").
fn is_script(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    !kind.is_empty() && notes::runs(kind) && kind.contains('/')
}

/// Whether browsers go to another address and show nothing of this one.
fn leads_on(status: StatusCode, headers: &HeaderMap) -> bool {
    let to = headers.get(header::LOCATION).map(HeaderValue::as_bytes).unwrap_or_default();
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) && !to.trim_ascii().is_empty()
}

/// Whether it is plainly nothing that browsers show as a page with scripts in it: JSON, a script, a style, a picture other than SVG, a font,
/// sound, film or WebAssembly.
/// Two lines, or two types in one, are not plain; without one browsers look at the bytes (MIME Sniffing).
fn is_part(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter().map(HeaderValue::to_str);
    let (Some(Ok(line)), None) = (lines.next(), lines.next()) else { return false };
    let kind = line.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind == "application/json" || kind.ends_with("+json");
    let is_picture = kind.starts_with("image/") && !kind.ends_with("+xml");
    let files = ["font/", "application/font-", "application/x-font-", "audio/", "video/"];
    let is_file = files.iter().any(|start| kind.starts_with(start))
        || matches!(kind.as_str(), "application/vnd.ms-fontobject" | "application/wasm" | "text/css");
    (is_json || is_picture || is_file || is_script(headers)) && !line.contains(',')
}

/// The types that an answer says it has: browsers do not take the same one of several lines, or of several in one.
fn types(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::CONTENT_TYPE).iter();
    lines.map(|line| line.to_str().unwrap_or_default()).flat_map(|line| line.split(','))
}

fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

/// A page of HTML that is shown and not saved, in any of the browsers.
fn is_html(headers: &HeaderMap) -> bool {
    types(headers).any(|kind| essence(kind).eq_ignore_ascii_case("text/html")) && !is_saved(headers)
}

fn is_saved(headers: &HeaderMap) -> bool {
    let saved = headers.get(header::CONTENT_DISPOSITION).map(HeaderValue::as_bytes).unwrap_or_default();
    saved.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"attachment"))
}

/// Whether browsers run scripts in what is shown, although it says not that it is HTML: XML of each kind, and what has no type, which they
/// find out from its bytes (MIME Sniffing, 7).
fn may_run(headers: &HeaderMap) -> bool {
    let is_none = |kind: &str| matches!(kind, "" | "*/*" | "unknown/unknown" | "application/unknown");
    let is_empty = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0");
    let mut kinds = types(headers).map(|kind| essence(kind).to_ascii_lowercase()).peekable();
    let has_none = kinds.peek().is_none();
    (has_none || kinds.any(|kind| is_none(&kind) || kind.ends_with("xml"))) && !is_empty && !is_saved(headers)
}

/// The encoding that the head declares for each browser: of several types one only that its bytes can not be read in.
fn encoding_of(headers: &HeaderMap) -> Option<&'static Encoding> {
    let mut found = types(headers).filter_map(notes::charset_in);
    let encoding = found.find_map(|label| Encoding::for_label(label.as_bytes()))?;
    let is_one = types(headers).count() == 1;
    (is_one || !encoding.is_ascii_compatible()).then_some(encoding)
}

/// What approvals say, for one page.
struct Asked {
    rules: Arc<Rules>,
    authority: String,
    path: String,
}

impl Approvals for Asked {
    fn allows_shape(&self, shape: &str) -> bool {
        self.rules.allows_shape(&ScriptId::of(Kind::Inline, shape))
    }

    fn pinned(&self, address: &str) -> Option<Pin> {
        let hash = self.rules.pinned(address)?.to_owned();
        let is_elsewhere = address::host(address) != address::host(&format!("https://{}/", self.authority));
        Some(Pin { hash, is_elsewhere })
    }

    fn address(&self, base: Option<&str>, source: &str) -> Option<String> {
        let own = Base { authority: &self.authority, path: &self.path };
        let found =
            base.map_or_else(|| address::resolve(own, source), |base| address::resolve_below(base, source));
        let whole = found.or_else(|| address::unresolved(source))?;
        Some(whole.kept(|address| self.rules.names(address)))
    }

    fn base(&self, source: &str) -> Option<(String, bool)> {
        let own = Base { authority: &self.authority, path: &self.path };
        let named = address::resolve(own, source).or_else(|| address::unresolved(source))?.within_page();
        // Browsers take none that is written into the page.
        if matches!(named.as_str(), "data:" | "blob:") {
            return None;
        }
        let own = address::resolve(own, "/").map(address::Whole::within_page);
        let is_elsewhere = address::origin(&named) != own.as_deref().and_then(address::origin);
        Some((named, is_elsewhere))
    }
}

/// Hands on what was read.
struct Noting {
    shared: Arc<Shared>,
    page: Arc<str>,
    asker: Asker,
    known: Arc<Known>,
}

impl Reader for Noting {
    fn read(&self, read: Read) {
        self.shared.intake.page(&self.page, read.noted, self.asker, &self.known);
        if let Some(reason) = read.without_guard {
            self.shared.intake.unguarded(&self.page, reason, self.asker);
        }
        if let Some(reason) = read.unread {
            self.shared.intake.unguarded(&self.page, reason, self.asker);
        }
    }
}
