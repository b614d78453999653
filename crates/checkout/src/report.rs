//! What browsers and the guard say: read, stripped of what nobody needs, and noise left out.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::address::{self, Base};
use crate::guard::PAGES;
use crate::model::Kind;
use crate::rewrite::IN_ADDRESS;
use crate::rewrite::notes::does_something;
use crate::shape;

/// Reports that are read of one message: more than the longest one holds of Chromium's, each of which repeats the whole policy.
const MOST_REPORTS: usize = 1_000;
/// Of an address that is read. What is kept of it is far shorter.
const MOST_ADDRESS: usize = 4_096;
const MOST_PATH: usize = 300;

/// One thing that a report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A browser stopped something, or would have.
    Violation {
        kind: Kind,
        /// As the inventory has it; `eval`.
        address: String,
        initiator: Option<String>,
        is_enforced: bool,
    },
    /// A browser stopped code that stood in the page or was put into it, or would have.
    Code {
        kind: Kind,
        /// The file that did it, where it was one.
        initiator: Option<String>,
        /// How it begins ([`shape::reported`]).
        begins: Option<String>,
        is_enforced: bool,
    },
    /// The hash of a file as a browser received it (`report-sha256`), in base64; none where the page may not read the file.
    Hash { address: String, hash: Option<String> },
    /// Of a file that is called like a browser's own addition: one of these did it, or a script that gave itself such a name
    /// (`//# sourceURL=`). Who did it is not said.
    Doubted(Box<Said>),
    /// The guard's word.
    Guard { how: How, channel: &'static str, host: String, path: String },
}

/// What the guard did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum How {
    Blocked,
    Seen,
    Tampered,
}

impl How {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            How::Blocked => "blocked",
            How::Seen => "seen",
            How::Tampered => "tampered",
        }
    }
}

/// What comes of one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub said: Vec<Said>,
    /// What was none of ours: extensions, translators, shapes that nobody knows.
    pub noise: u64,
    /// What was not read: one message said too much.
    pub dropped: u64,
}

/// Where the page is that is told of, and whether an approval names an address.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub base: Base<'a>,
    pub is_approved: &'a dyn Fn(&str) -> bool,
}

impl About<'_> {
    /// An address as it is kept, told and shown: what a script that steals wrote into it is cut out here, and nothing behind sees it.
    fn address(&self, written: &str) -> Option<String> {
        let end = written.floor_char_boundary(MOST_ADDRESS);
        address::resolve(self.base, &written[..end]).map(|whole| whole.kept(self.is_approved))
    }

    fn is_guard(&self, address: &str) -> bool {
        let place = address.strip_suffix("/guard.js").and_then(|rest| rest.strip_suffix(PAGES));
        place.is_some_and(|rest| rest.strip_prefix("https://") == Some(self.base.authority))
    }
}

/// Reads a message of any of the three forms, one report after the other, so that no more than one is held whole.
pub(crate) fn read(body: &[u8], about: About<'_>) -> Heard {
    let mut heard = Heard::default();
    let mut message = serde_json::Deserializer::from_slice(body);
    let whole = Message { about, heard: &mut heard }.deserialize(&mut message);
    if whole.and_then(|()| message.end()).is_err() {
        heard.noise += 1;
    }
    heard
}

struct Message<'a, 'h> {
    about: About<'a>,
    heard: &'h mut Heard,
}

impl Message<'_, '_> {
    fn take(&mut self, one: Value) {
        match said(one, self.about) {
            Some(said) => self.heard.said.push(said),
            None => self.heard.noise += 1,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Message<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, message: D) -> Result<(), D::Error> {
        message.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Message<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report, or a list of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut all: A) -> Result<(), A::Error> {
        for _ in 0..MOST_REPORTS {
            let Some(one) = all.next_element::<Value>()? else { return Ok(()) };
            self.take(one);
        }
        while all.next_element::<IgnoredAny>()?.is_some() {
            self.heard.dropped += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, one: A) -> Result<(), A::Error> {
        let one = Value::deserialize(MapAccessDeserializer::new(one))?;
        self.take(one);
        Ok(())
    }
}

fn said(mut one: Value, about: About<'_>) -> Option<Said> {
    if let Some(report) = one.get_mut("csp-report") {
        let violation: OldReport = serde_json::from_value(report.take()).ok()?;
        return violation.said(about);
    }
    let body = one.get_mut("body").map(Value::take);
    match (one.get("type").and_then(Value::as_str), body) {
        (Some("csp-violation"), Some(body)) => {
            let violation: NewReport = serde_json::from_value(body).ok()?;
            violation.into_old().said(about)
        }
        (Some("csp-hash"), Some(body)) => {
            let report: HashReport = serde_json::from_value(body).ok()?;
            report.said(about)
        }
        (Some(_), _) => None,
        (None, _) => {
            let word: GuardWord = serde_json::from_value(one).ok()?;
            if word.kind == LEADS { word.leads(about) } else { word.said() }
        }
    }
}

/// `application/csp-report` (CSP Level 2). Of a sample a fingerprint is taken, of the page's address whether it is the file's that did it;
/// referrers are not read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct OldReport {
    blocked_uri: String,
    effective_directive: String,
    violated_directive: String,
    source_file: String,
    disposition: String,
    document_uri: String,
    #[serde(alias = "sample")]
    script_sample: String,
}

/// `application/reports+json`, type `csp-violation` (CSP Level 3).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NewReport {
    #[serde(rename = "blockedURL")]
    blocked_url: Option<String>,
    effective_directive: String,
    source_file: Option<String>,
    disposition: String,
    #[serde(rename = "documentURL")]
    document_url: Option<String>,
    sample: Option<String>,
}

impl NewReport {
    fn into_old(self) -> OldReport {
        OldReport {
            blocked_uri: self.blocked_url.unwrap_or_default(),
            effective_directive: self.effective_directive,
            violated_directive: String::new(),
            source_file: self.source_file.unwrap_or_default(),
            disposition: self.disposition,
            document_uri: self.document_url.unwrap_or_default(),
            script_sample: self.sample.unwrap_or_default(),
        }
    }
}

impl OldReport {
    fn said(&self, about: About<'_>) -> Option<Said> {
        if is_noise(&self.blocked_uri) {
            return None;
        }
        let what = self.what(about)?;
        Some(if is_noise(&self.source_file) { Said::Doubted(Box::new(what)) } else { what })
    }

    fn what(&self, about: About<'_>) -> Option<Said> {
        let directive = match self.effective_directive.as_str() {
            "" => self.violated_directive.as_str(),
            named => named,
        };
        let directive = directive.split_whitespace().next().unwrap_or_default();
        let (kind, address) = match self.blocked_uri.as_str() {
            "inline" if directive == "script-src-attr" => return self.code(Kind::Handler, about),
            // Styles may stand in the page.
            "inline" if directive.starts_with("script-src") => return self.code(Kind::Inline, about),
            word @ ("eval" | "wasm-eval") => (Kind::Script, word.to_owned()),
            "trusted-types-policy" | "trusted-types-sink" | "inline" | "" => return None,
            "self" => return None,
            word @ ("data" | "blob") => (kind_of(directive)?, format!("{word}:")),
            url => {
                let kind = kind_of(directive)?;
                let address = about.address(url)?;
                match kind {
                    Kind::Script | Kind::Worker => (kind, address),
                    other => (other, address::plain_origin(&address)),
                }
            }
        };
        let initiator = self.initiator(about);
        Some(Said::Violation { kind, address, initiator, is_enforced: self.disposition == "enforce" })
    }

    fn initiator(&self, about: About<'_>) -> Option<String> {
        let file = Some(self.source_file.as_str()).filter(|file| file.contains("://") && !is_noise(file));
        // The guard does for others what they ask of the page: who that was is not told.
        file.and_then(|file| about.address(file)).filter(|file| !about.is_guard(file))
    }

    fn code(&self, kind: Kind, about: About<'_>) -> Option<Said> {
        let sample = self.script_sample.trim();
        let code = sample.strip_prefix(IN_ADDRESS);
        if code.is_some_and(|code| !does_something(code)) {
            return None;
        }
        fn place(address: &str) -> &str {
            address.split(['?', '#']).next().unwrap_or_default()
        }
        // What stands in the page, and what code in the page put in, has the page for its file.
        let is_page = place(&self.source_file) == place(&self.document_uri);
        let initiator = self.initiator(about).filter(|_| !is_page);
        let begins = shape::reported(sample);
        Some(Said::Code { kind, initiator, begins, is_enforced: self.disposition == "enforce" })
    }
}

/// What a directive is about; the policy has no other that a page could break.
fn kind_of(directive: &str) -> Option<Kind> {
    Some(match directive {
        "script-src" | "script-src-elem" | "prefetch-src" => Kind::Script,
        "script-src-attr" => Kind::Handler,
        "connect-src" => Kind::Connect,
        "img-src" => Kind::Image,
        "style-src" | "style-src-elem" | "style-src-attr" => Kind::Style,
        "font-src" => Kind::Font,
        "media-src" => Kind::Media,
        "object-src" | "default-src" | "manifest-src" => Kind::Object,
        "worker-src" => Kind::Worker,
        "frame-src" | "child-src" => Kind::Frame,
        "form-action" => Kind::Form,
        "base-uri" | "navigate-to" => Kind::Navigate,
        _ => return None,
    })
}

/// Type `csp-hash` of the Reporting API.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HashReport {
    #[serde(rename = "subresourceURL")]
    address: String,
    hash: String,
    destination: String,
}

impl HashReport {
    fn said(&self, about: About<'_>) -> Option<Said> {
        if is_noise(&self.address) || !matches!(self.destination.as_str(), "script" | "") {
            return None;
        }
        let hash = if self.hash.is_empty() { None } else { Some(self.sha256()?) };
        let address = about.address(&self.address)?;
        // The guard's tag names its hash, and nobody has to approve it.
        if about.is_guard(&address) {
            return None;
        }
        Some(Said::Hash { address, hash })
    }

    fn sha256(&self) -> Option<String> {
        let hash = self.hash.strip_prefix("sha256-")?;
        let is_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_');
        let is_whole = hash.len() == 44 && hash.bytes().all(is_base64);
        is_whole.then(|| hash.replace('-', "+").replace('_', "/"))
    }
}

/// What the guard script posts (docs/checkout.md).
#[derive(Debug, Deserialize)]
struct GuardWord {
    kind: String,
    #[serde(default)]
    channel: String,
    /// Of a place that a page which learns leads away to: scheme, host and port.
    #[serde(default)]
    origin: String,
    #[serde(default)]
    host: String,
    #[serde(default)]
    path: String,
}

/// What the guard says of a place that a page leads away to by a script, a link or a window: no policy reports it.
const LEADS: &str = "leads";

/// The one channel that neither a policy nor the guard closes: a name is looked up.
pub(crate) const PRECONNECT: &str = "preconnect";

/// By what a page could give something away.
const CHANNELS: [&str; 27] = [
    "script",
    "inline",
    "handler",
    "connect",
    "websocket",
    "image",
    "style",
    "font",
    "media",
    "object",
    "worker",
    "frame",
    "form",
    "navigate",
    "window_open",
    "webrtc",
    "meta_refresh",
    PRECONNECT,
    "prefetch",
    "beacon",
    "popup",
    "credentials",
    "clipboard",
    "listener",
    "message",
    "click",
    "other",
];

impl GuardWord {
    /// A row like those of what browsers report, so that it can be approved.
    fn leads(&self, about: About<'_>) -> Option<Said> {
        let is_place = ["https://", "http://"].iter().any(|scheme| self.origin.starts_with(scheme));
        if !is_place || is_noise(&self.origin) {
            return None;
        }
        let address = leads_to(about.base, &self.origin)?;
        Some(Said::Violation { kind: Kind::Navigate, address, initiator: None, is_enforced: false })
    }

    fn said(&self) -> Option<Said> {
        let how = [How::Blocked, How::Seen, How::Tampered].into_iter().find(|how| how.word() == self.kind)?;
        let channel = CHANNELS.iter().find(|known| **known == self.channel)?;
        let is_host =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'[' | b']' | b'_');
        if self.host.len() > 260 || !self.host.bytes().all(is_host) || is_known_noise(&self.host) {
            return None;
        }
        let (host, path) = plain_place(&self.host.to_ascii_lowercase(), &self.path);
        Some(Said::Guard { how, channel, host, path })
    }
}

/// Where a page leads away to, as the inventory has it; nothing for its own host, and for what is no place of the web.
pub(crate) fn leads_to(base: Base<'_>, written: &str) -> Option<String> {
    let address = address::plain_origin(&address::resolve(base, written)?.plain());
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    (is_web && address != format!("https://{}", base.authority)).then_some(address)
}

/// A path as it may be kept: without what looks like somebody's (numbers, long words, addresses of mails).
pub(crate) fn plain_path(path: &str) -> String {
    plain_place("", path).1
}

/// The same, with the host it is at.
fn plain_place(host: &str, path: &str) -> (String, String) {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = address::plain_place(host, path);
    let parts = path.split('/').map(|part| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        if part.len() <= 40 && digits <= 4 && part.bytes().all(is_plain) { part } else { "*" }
    });
    (host, parts.collect::<Vec<_>>().join("/").chars().take(MOST_PATH).collect())
}

/// What comes from the browser's own additions, not from the page.
fn is_noise(address: &str) -> bool {
    const SCHEMES: [&str; 14] = [
        "chrome-extension",
        "moz-extension",
        "safari-extension",
        "safari-web-extension",
        "ms-browser-extension",
        "webkit-masked-url",
        "chrome",
        "resource",
        "about",
        "file",
        "mbinit",
        "ms-appx-web",
        "sandbox-eval-code",
        "user-script",
    ];
    let scheme = address.split(':').next().unwrap_or_default();
    if SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return true;
    }
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    is_known_noise(rest.split(['/', ':', '?']).next().unwrap_or_default())
}

/// Hosts of translators and virus scanners that write into every page.
fn is_known_noise(host: &str) -> bool {
    const HOSTS: [&str; 8] = [
        "translate.googleapis.com",
        "translate.google.com",
        "translate-pa.googleapis.com",
        "api.microsofttranslator.com",
        "kaspersky-labs.com",
        "local.adguard.org",
        "injections.adguard.org",
        "superfish.com",
    ];
    let host = host.to_ascii_lowercase();
    HOSTS
        .iter()
        .any(|known| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests;
