//! Pages that we show in the shop's place: blocked, too large, not found here, maintenance. Never a bare error.
//!
//! A browser gets a page in the shop's colours; an API client gets application/problem+json (RFC 9457).

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use storeward_base::RequestId;

use crate::config::Look;

/// What a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    Blocked,
    Banned,
    /// Too many requests; the next is welcome after so many seconds.
    Limited(u32),
    Maintenance,
    TooLarge,
    TooSlow,
    /// Malformed or ambiguous, with the status.
    Refused(StatusCode),
}

struct Words {
    status: StatusCode,
    title: &'static str,
    text: &'static str,
    retry_seconds: Option<u32>,
}

impl Notice {
    const fn words(self) -> Words {
        match self {
            Notice::Blocked => Words {
                status: StatusCode::FORBIDDEN,
                title: "This request was stopped",
                text: "It looked like an attack on this shop, so it was not carried out. If you did nothing unusual, \
                       tell us the reference number below and we will put it right.",
                retry_seconds: None,
            },
            Notice::Banned => Words {
                status: StatusCode::FORBIDDEN,
                title: "Access is paused",
                text: "Too many requests from your connection looked like an attack. Access comes back by itself. If \
                       you did nothing unusual, tell us the reference number below and we will lift it.",
                retry_seconds: None,
            },
            Notice::Limited(seconds) => Words {
                status: StatusCode::TOO_MANY_REQUESTS,
                title: "A little slower, please",
                text: "Many pages were asked for in a short time from your connection. Wait a few seconds and try again; \
                       nothing in your cart is lost.",
                retry_seconds: Some(seconds),
            },
            Notice::Maintenance => Words {
                status: StatusCode::SERVICE_UNAVAILABLE,
                title: "The shop is taking a short break",
                text: "We are working on it. Please try again in a few minutes; nothing you ordered is lost.",
                retry_seconds: Some(30),
            },
            Notice::TooLarge => Words {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                title: "That is too large",
                text: "What you sent is larger than this page accepts. Try a smaller file.",
                retry_seconds: None,
            },
            Notice::TooSlow => Words {
                status: StatusCode::GATEWAY_TIMEOUT,
                title: "The shop did not answer in time",
                text: "Please try again. If you were paying, look at your orders first: the order may be there already.",
                retry_seconds: Some(30),
            },
            Notice::Refused(status) => Words {
                status,
                title: "This request cannot be understood",
                text: "It is malformed or not meant for this shop. If a link brought you here, the link is broken.",
                retry_seconds: None,
            },
        }
    }
}

const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Whether the client reads problem+json rather than pages.
pub fn wants_problem(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let accept = text(header::ACCEPT);
    if accept.contains("text/html") {
        return false;
    }
    accept.contains("json")
        || text(header::CONTENT_TYPE).contains("json")
        || headers.get(&REQUESTED_WITH).is_some_and(|v| v == "XMLHttpRequest")
        || headers.get(&FETCH_MODE).is_some_and(|v| v != "navigate")
}

/// The response to show. `code` is a stable word for programs, never the rule that matched.
pub fn notice(
    kind: Notice,
    as_problem: bool,
    look: &Look,
    request: RequestId,
    code: &str,
) -> Response<Bytes> {
    let words = kind.words();
    let reference = request.to_string();
    let (body, content_type, policy) = if as_problem {
        (problem(&words, &reference, code), "application/problem+json", "default-src 'none'".to_owned())
    } else {
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{reference}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        (page(&words, look, &reference), "text/html; charset=utf-8", policy)
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = words.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
    }
    if let Some(seconds) = words.retry_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn problem(words: &Words, reference: &str, code: &str) -> String {
    serde_json::json!({
        "type": "about:blank",
        "title": words.title,
        "status": words.status.as_u16(),
        "code": code,
        "reference": reference,
    })
    .to_string()
}

fn page(words: &Words, look: &Look, reference: &str) -> String {
    let name = escape(look.name.as_deref().unwrap_or("This shop"));
    let colour = look.colour.as_deref().filter(|c| is_colour(c)).unwrap_or("#2f5d50");
    let contact = match look.contact.as_deref() {
        Some(contact) => format!("<p>Reach us: <strong>{}</strong></p>", escape(contact)),
        None => String::new(),
    };
    let (title, text) = (words.title, words.text);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title} · {name}</title>\n\
         <style nonce=\"{reference}\">\n{STYLE}:root{{--shop:{colour}}}\n</style>\n</head>\n<body>\n\
         <header><span>{name}</span></header>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n{contact}\n\
         <dl><dt>Reference number</dt><dd><code>{reference}</code></dd></dl>\n\
         <p><a href=\"/\">Back to the shop</a></p>\n</main>\n</body>\n</html>\n"
    )
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
    use super::*;

    #[test]
    fn the_page_shows_the_reference_and_escapes_the_look() {
        let look = Look {
            name: Some("<Kiln & Co>".into()),
            colour: Some("red;}body{display:none".into()),
            contact: Some("hello@shop.example".into()),
            logo: None,
        };
        let response = notice(Notice::Blocked, false, &look, RequestId::from_bits(7), "blocked");
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        assert_eq!(response.status(), 403);
        assert!(body.contains("req_00000000000000000000000007"));
        assert!(body.contains("&lt;Kiln &amp; Co&gt;") && !body.contains("<Kiln"));
        assert!(body.contains("#2f5d50") && !body.contains("display:none"));
        assert_eq!(response.headers()["cache-control"], "no-store");
    }

    #[test]
    fn programs_get_problem_json() {
        let response =
            notice(Notice::Maintenance, true, &Look::default(), RequestId::from_bits(7), "upstream.none_up");
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((body["status"].as_u64(), body["code"].as_str()), (Some(503), Some("upstream.none_up")));
        assert_eq!(response.headers()["retry-after"], "30");
    }

    #[test]
    fn who_reads_what() {
        let headers = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([(header::HeaderName::from_static(name), HeaderValue::from_static(value))])
        };
        assert!(!wants_problem(&headers("accept", "text/html,application/json;q=0.9")));
        assert!(wants_problem(&headers("accept", "application/json")));
        assert!(wants_problem(&headers("sec-fetch-mode", "cors")));
        assert!(!wants_problem(&headers("accept", "*/*")));
    }
}
