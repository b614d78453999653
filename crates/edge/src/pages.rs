//! Pages that we show in the shop's place: blocked, too large, not found here, maintenance. Never a bare error.
//!
//! A browser gets a page in the shop's colours; an API client gets application/problem+json (RFC 9457).

mod challenge;

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use storeward_base::{Language, RequestId, Words, text_keys};

use crate::asked_with::{AskedWith, text};
use crate::config::Look;

pub use challenge::{Again, challenge, puzzle_problem};

/// What a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    Blocked,
    /// The shop's answer shows what must not leave.
    Withheld,
    /// Somebody typed a card number into a page of the shop.
    CardNumber,
    Banned,
    /// Too many requests; the next is welcome after so many seconds.
    Limited(u32),
    /// The configuration closes the page to this client.
    Closed,
    Maintenance,
    TooLarge,
    TooSlow,
    /// Malformed or ambiguous, with the status.
    Refused(StatusCode),
}

text_keys! {
    /// What these pages say.
    pub(crate) enum Line {
        BlockedTitle = "blocked.title" {},
        BlockedText = "blocked.text" {},
        WithheldTitle = "withheld.title" {},
        WithheldText = "withheld.text" {},
        CardTitle = "card.title" {},
        CardText = "card.text" {},
        BannedTitle = "banned.title" {},
        BannedText = "banned.text" {},
        LimitedTitle = "limited.title" {},
        LimitedText = "limited.text" {},
        ClosedTitle = "closed.title" {},
        ClosedText = "closed.text" {},
        MaintenanceTitle = "maintenance.title" {},
        MaintenanceText = "maintenance.text" {},
        LargeTitle = "large.title" {},
        LargeText = "large.text" {},
        SlowTitle = "slow.title" {},
        SlowText = "slow.text" {},
        RefusedTitle = "refused.title" {},
        RefusedText = "refused.text" {},
        ChallengeTitle = "challenge.title" {},
        ChallengeText = "challenge.text" {},
        ChallengeWorking = "challenge.working" {},
        ChallengeDone = "challenge.done" {},
        ChallengeAgain = "challenge.again" {},
        ChallengeFailed = "challenge.failed" {},
        ChallengeNoScript = "challenge.no_script" {},
        Reference = "reference" {},
        Contact = "contact" {},
        Back = "back" {},
        Shop = "shop" {},
    }
}

static TEXTS: LazyLock<Words<Line>> = LazyLock::new(|| {
    let files = [
        (Language::En, include_str!("../texts/en.txt")),
        (Language::De, include_str!("../texts/de.txt")),
        (Language::Fr, include_str!("../texts/fr.txt")),
        (Language::Es, include_str!("../texts/es.txt")),
    ];
    Words::load(files).expect("a test loads the four files that are built in")
});

/// The status of a notice, what it says, and when to come again.
struct Shape {
    status: StatusCode,
    title: Line,
    text: Line,
    retry_seconds: Option<u32>,
}

impl Notice {
    const fn shape(self) -> Shape {
        let (status, title, text, retry_seconds) = match self {
            Notice::Blocked => (StatusCode::FORBIDDEN, Line::BlockedTitle, Line::BlockedText, None),
            Notice::Withheld => (StatusCode::FORBIDDEN, Line::WithheldTitle, Line::WithheldText, None),
            Notice::CardNumber => (StatusCode::UNPROCESSABLE_ENTITY, Line::CardTitle, Line::CardText, None),
            Notice::Banned => (StatusCode::FORBIDDEN, Line::BannedTitle, Line::BannedText, None),
            Notice::Limited(seconds) => {
                (StatusCode::TOO_MANY_REQUESTS, Line::LimitedTitle, Line::LimitedText, Some(seconds))
            }
            Notice::Closed => (StatusCode::FORBIDDEN, Line::ClosedTitle, Line::ClosedText, None),
            Notice::Maintenance => {
                (StatusCode::SERVICE_UNAVAILABLE, Line::MaintenanceTitle, Line::MaintenanceText, Some(30))
            }
            Notice::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Line::LargeTitle, Line::LargeText, None),
            Notice::TooSlow => (StatusCode::GATEWAY_TIMEOUT, Line::SlowTitle, Line::SlowText, Some(30)),
            Notice::Refused(status) => (status, Line::RefusedTitle, Line::RefusedText, None),
        };
        Shape { status, title, text, retry_seconds }
    }
}

/// How an answer of ours is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A page in this language.
    Page(Language),
    /// application/problem+json, in English.
    Problem,
}

impl Default for Form {
    fn default() -> Self {
        Form::Page(Language::default())
    }
}

impl Form {
    /// By what the client says it reads. A first language without a weight counts where it is one of ours: this is looked
    /// at for each request, and browsers list the best first.
    pub fn of(asked: &AskedWith<'_>) -> Self {
        if wants_problem(asked) {
            return Form::Problem;
        }
        let asked = text(asked.accept_language);
        if asked.is_empty() {
            return Form::Page(Language::default());
        }
        let (first, _) = asked.split_once(',').unwrap_or((asked, ""));
        // Without a weight of its own it is liked best.
        let liked_best = if first.contains(';') { None } else { Language::parse(first) };
        Form::Page(liked_best.or_else(|| Language::of_accept(asked)).unwrap_or_default())
    }
}

/// Whether the client reads problem+json rather than pages. A script does, also where it asks for HTML (jQuery's `load`, htmx, Turbo): it would
/// put our page into the middle of the shop's.
pub fn wants_problem(asked: &AskedWith<'_>) -> bool {
    let is_script = asked.requested_with.is_some_and(|v| v == "XMLHttpRequest")
        || asked.fetch_mode.is_some_and(|v| v != "navigate");
    if is_script {
        return true;
    }
    let accept = text(asked.accept);
    if accept.contains("text/html") {
        return false;
    }
    accept.contains("json") || text(asked.content_type).contains("json")
}

/// The response to show. `code` is a stable word for programs, never the rule that matched.
pub fn notice(kind: Notice, form: Form, look: &Look, request: RequestId, code: &str) -> Response<Bytes> {
    let words = kind.shape();
    let reference = request.to_string();
    let (body, content_type, policy) = match form {
        Form::Problem => {
            let body = problem(&words, &reference, code);
            (body, "application/problem+json", "default-src 'none'".to_owned())
        }
        Form::Page(language) => {
            let policy = format!(
                "default-src 'none'; style-src 'nonce-{reference}'; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'"
            );
            (page(&words, look, &reference, language), "text/html; charset=utf-8", policy)
        }
    };
    answer(words.status, body, content_type, &policy, words.retry_seconds)
}

fn answer(
    status: StatusCode,
    body: String,
    content_type: &'static str,
    policy: &str,
    retry_seconds: Option<u32>,
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
    }
    if let Some(seconds) = retry_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn problem(words: &Shape, reference: &str, code: &str) -> String {
    serde_json::json!({
        "type": "about:blank",
        "title": TEXTS.text(Language::En, words.title, &[]),
        "status": words.status.as_u16(),
        "code": code,
        "reference": reference,
    })
    .to_string()
}

fn page(words: &Shape, look: &Look, reference: &str, language: Language) -> String {
    let text = TEXTS.text(language, words.text, &[]);
    let back = escape(&TEXTS.text(language, Line::Back, &[]));
    let middle = format!("<p>{}</p>\n", escape(&text));
    let end = format!("<p><a href=\"/\">{back}</a></p>\n");
    frame(words.title, look, reference, language, ["", &middle, &end])
}

/// What all pages share. `parts`: more of the head, what stands under the title, what stands at the end.
fn frame(title: Line, look: &Look, reference: &str, language: Language, parts: [&str; 3]) -> String {
    let say = |key: Line| escape(&TEXTS.text(language, key, &[]));
    let name = look.name.as_deref().map_or_else(|| say(Line::Shop), escape);
    let colour = look.colour.as_deref().filter(|c| is_colour(c)).unwrap_or("#2f5d50");
    let contact = match look.contact.as_deref() {
        Some(contact) => format!("<p>{} <strong>{}</strong></p>", say(Line::Contact), escape(contact)),
        None => String::new(),
    };
    let (title, label) = (say(title), say(Line::Reference));
    let [head, middle, end] = parts;
    let spoken = spoken(reference);
    format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title} · {name}</title>\n\
         <style nonce=\"{reference}\">\n{STYLE}:root{{--shop:{colour}}}\n</style>\n{head}</head>\n<body>\n\
         <header><span>{name}</span></header>\n<main>\n<h1>{title}</h1>\n{middle}{contact}\n\
         <dl><dt>{label}</dt><dd><code title=\"{reference}\">{spoken}</code></dd></dl>\n\
         {end}</main>\n</body>\n</html>\n"
    )
}

/// The reference as people read it out: without the word before it, in groups of four. Staff may type it either way.
fn spoken(reference: &str) -> String {
    let digits = reference.split_once('_').map_or(reference, |(_, digits)| digits);
    let mut out = String::with_capacity(digits.len() + 8);
    for (at, sign) in digits.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            out.push(' ');
        }
        out.push(sign);
    }
    out
}

const STYLE: &str = include_str!("pages.css");

/// `#rrggbb` and nothing else: the value stands inside a style sheet.
fn is_colour(text: &str) -> bool {
    text.len() == 7 && text.strip_prefix('#').is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn the_page_shows_the_reference_and_escapes_the_look() {
        let look = Look {
            name: Some("<Kiln & Co>".into()),
            colour: Some("red;}body{display:none".into()),
            contact: Some("hello@shop.example".into()),
            logo: None,
        };
        let response =
            notice(Notice::Blocked, Form::Page(Language::En), &look, RequestId::from_bits(7), "blocked");
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        assert_eq!(response.status(), 403);
        assert!(
            body.contains("req_00000000000000000000000007")
                && body.contains(">0000 0000 0000 0000 0000 0000 07<")
        );
        assert!(body.contains("&lt;Kiln &amp; Co&gt;") && !body.contains("<Kiln"));
        assert!(body.contains("#2f5d50") && !body.contains("display:none"));
        assert_eq!(response.headers()["cache-control"], "no-store");
    }

    #[test]
    fn programs_get_problem_json() {
        let response = notice(
            Notice::Maintenance,
            Form::Problem,
            &Look::default(),
            RequestId::from_bits(7),
            "upstream.none_up",
        );
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((body["status"].as_u64(), body["code"].as_str()), (Some(503), Some("upstream.none_up")));
        assert_eq!(response.headers()["retry-after"], "30");
    }

    #[test]
    fn people_are_told_in_their_language() {
        let of = |accept: &'static str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accept))]);
            Form::of(&AskedWith::from(&headers))
        };
        assert_eq!(of("de-AT,de;q=0.9,en;q=0.5"), Form::Page(Language::De));
        assert_eq!(of("it,en"), Form::Page(Language::En));
        assert_eq!(of("it, de;q=0.8"), Form::Page(Language::De));
        // The order alone counted.
        assert_eq!(of("fr;q=0, de"), Form::Page(Language::De));
        assert_eq!(of("en;q=0.1, es"), Form::Page(Language::Es));
        assert_eq!(of("fr;q=0"), Form::Page(Language::En));
        for language in Language::ALL {
            let look = Look::default();
            let id = RequestId::from_bits(7);
            let response = notice(Notice::Banned, Form::Page(language), &look, id, "banned");
            let body = String::from_utf8(response.body().to_vec()).unwrap();
            assert!(body.contains(&format!("<html lang=\"{language}\">")), "{body}");
            assert!(body.contains(&escape(&TEXTS.text(language, Line::BannedTitle, &[]))), "{body}");
        }
    }

    #[test]
    fn who_reads_what() {
        let line = |name: &'static str, value: &'static str| {
            (header::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers = |name, value| HeaderMap::from_iter([line(name, value)]);
        let html = line("accept", "text/html, */*; q=0.01");
        for script in [line("x-requested-with", "XMLHttpRequest"), line("sec-fetch-mode", "cors")] {
            assert!(wants_problem(&AskedWith::from(&HeaderMap::from_iter([html.clone(), script]))));
        }
        // What a telephone's app that shows the shop in a window of its own sends.
        for page in [line("x-requested-with", "com.example.app"), line("sec-fetch-mode", "navigate")] {
            assert!(!wants_problem(&AskedWith::from(&HeaderMap::from_iter([html.clone(), page]))));
        }
        assert!(!wants_problem(&AskedWith::from(&headers("accept", "text/html,application/json;q=0.9"))));
        assert!(wants_problem(&AskedWith::from(&headers("accept", "application/json"))));
        assert!(wants_problem(&AskedWith::from(&headers("sec-fetch-mode", "cors"))));
        assert!(!wants_problem(&AskedWith::from(&headers("accept", "*/*"))));
    }
}
