//! Whether a page of another site made the client's browser send a request (Fetch Metadata; RFC 6454 where it is
//! missing).
//!
//! A page of the shop itself may do so, too, where visitors write on it: a review with pictures of `/.env` must not ban
//! who reads it. So the parts of a page (`Sec-Fetch-Dest` of a picture, a style …) and a browser's reports are
//! [`Initiator::Page`], with buckets of their own (scenario `own_pages`).
//!
//! Such a request is inspected and stopped like any other. But its person may know nothing of it, so it must not get
//! them banned. Anybody can write these headers; therefore the mark frees nobody from anything: it only leads to buckets
//! of its own (`detect`, scenario `foreign_pages`), and when they are full, marked requests are refused for a while.

use http::Method;
use storeward_detect::Initiator;

use crate::asked_with::{AskedWith, text, told};

/// `host` is the canonical host of the request.
pub fn of(method: &Method, asked: &AskedWith<'_>, host: &str) -> Initiator {
    if could_be_a_browser(method, asked) && is_foreign(asked, host) {
        Initiator::Foreign
    } else if is_part_of_a_page(method, asked) {
        Initiator::Page
    } else {
        Initiator::Own
    }
}

/// Whether what a rule matched stood where a page can put it: address, body, referrer. No page sets cookies of another
/// site, its browser's name or free fields.
pub fn page_can_set(variable: &str) -> bool {
    let (collection, name) = variable.split_once(':').unwrap_or((variable, ""));
    match collection {
        "REQUEST_HEADERS" => matches!(name, "referer" | "origin" | "content-type"),
        "REQUEST_HEADERS_NAMES" | "REQUEST_METHOD" | "REQUEST_PROTOCOL" => false,
        other => !other.starts_with("REQUEST_COOKIES"),
    }
}

/// Methods and content types that a page can have sent to another site without asking it first, the question itself, what
/// browsers send by themselves (reports, pings), and the name that every browser gives itself.
fn could_be_a_browser(method: &Method, asked: &AskedWith<'_>) -> bool {
    let simple_method = matches!(*method, Method::GET | Method::HEAD | Method::POST | Method::OPTIONS);
    let kind = text(asked.content_type).split(';').next().unwrap_or_default().trim();
    let simple_type = ["", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]
        .iter()
        .any(|simple| kind.eq_ignore_ascii_case(simple));
    let by_itself = *method == Method::POST && (is_report(kind) || is_ping(kind));
    simple_method && (simple_type || by_itself) && text(asked.user_agent).starts_with("Mozilla/")
}

/// What a page's markup asks for by itself, and what a browser reports of it. Not a document, nor what a script asks for.
fn is_part_of_a_page(method: &Method, asked: &AskedWith<'_>) -> bool {
    const PARTS: [&str; 14] = [
        "image", "style", "script", "font", "audio", "video", "track", "iframe", "frame", "embed", "object",
        "manifest", "report", "empty",
    ];
    let Some(part) = told(asked.fetch_dest).filter(|dest| PARTS.contains(dest)) else { return false };
    let fits = match part {
        "report" => *method == Method::POST && is_report(text(asked.content_type)),
        // Of all that has no place in a page, a link's ping only.
        "empty" => *method == Method::POST && is_ping(text(asked.content_type)),
        _ => matches!(*method, Method::GET | Method::HEAD),
    };
    fits && told(asked.fetch_site) == Some("same-origin")
        && told(asked.fetch_mode).is_some()
        && text(asked.user_agent).starts_with("Mozilla/")
}

fn is_report(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    ["application/csp-report", "application/reports+json"]
        .iter()
        .any(|report| kind.eq_ignore_ascii_case(report))
}

/// `<a ping>` (HTML section 4.6.7).
fn is_ping(kind: &str) -> bool {
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/ping")
}

fn is_foreign(asked: &AskedWith<'_>, host: &str) -> bool {
    let (mode, dest) = (told(asked.fetch_mode), told(asked.fetch_dest));
    match told(asked.fetch_site) {
        // Browsers send the three together.
        Some("cross-site" | "same-site") if mode.is_some() && dest.is_some() => {
            // A click on a link is the person's own doing, and each takes a click.
            told(asked.fetch_user) != Some("?1")
        }
        Some(_) => false,
        // Older browsers name the sender of a form at least.
        None => match text(asked.origin) {
            "" => false,
            origin => origin_host(origin).is_none_or(|origin| !origin.eq_ignore_ascii_case(host)),
        },
    }
}

/// `null` has none.
fn origin_host(origin: &str) -> Option<&str> {
    let authority = origin.split_once("://")?.1;
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => Some(name),
        _ => Some(authority),
    }
}

#[cfg(test)]
mod tests {
    use http::header::{self, HeaderMap, HeaderValue};

    use super::*;

    fn of(method: Method, lines: &[(&'static str, &'static str)]) -> Initiator {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static("Mozilla/5.0 (X11)"));
        for (name, value) in lines {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        super::of(&method, &AskedWith::from(&headers), "shop.example")
    }

    const CROSS: (&str, &str) = ("sec-fetch-site", "cross-site");
    const IMAGE: [(&str, &str); 3] = [CROSS, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    const PAGE: [(&str, &str); 3] = [CROSS, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

    #[test]
    fn pages_of_other_sites_are_told_from_the_clients_own_doing() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let foreign = [
            of(Method::GET, &IMAGE),
            of(Method::POST, &[&PAGE[..], &[form]].concat()),
            of(Method::POST, &[form, ("origin", "https://evil.example")]),
            of(Method::POST, &[form, ("origin", "null")]),
            of(Method::GET, &[("sec-fetch-site", "same-site"), PAGE[1], ("sec-fetch-dest", "iframe")]),
            // Without a click: the policy of another site's answer, a script's question, a link's ping.
            of(
                Method::POST,
                &[CROSS, IMAGE[1], ("sec-fetch-dest", "report"), ("content-type", "application/csp-report")],
            ),
            of(
                Method::POST,
                &[
                    CROSS,
                    IMAGE[1],
                    ("sec-fetch-dest", "report"),
                    ("content-type", "application/reports+json"),
                ],
            ),
            of(Method::OPTIONS, &[CROSS, ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")]),
            of(Method::POST, &[CROSS, IMAGE[1], ("sec-fetch-dest", "empty"), ("content-type", "text/ping")]),
        ];
        assert!(foreign.iter().all(|initiator| *initiator == Initiator::Foreign), "{foreign:?}");
        let own = [
            of(Method::GET, &[]),
            of(Method::GET, &[&PAGE[..], &[("sec-fetch-user", "?1")]].concat()),
            of(Method::GET, &[("sec-fetch-site", "none"), PAGE[1], PAGE[2]]),
            of(Method::POST, &[form, ("sec-fetch-site", "same-origin"), PAGE[1], PAGE[2]]),
            of(Method::POST, &[form, ("origin", "https://SHOP.example:8443")]),
            // Not as a browser sends it.
            of(Method::GET, &[CROSS]),
            of(Method::DELETE, &IMAGE),
            of(Method::POST, &[&IMAGE[..], &[("content-type", "application/json")]].concat()),
            of(Method::GET, &[&IMAGE[..], &[("user-agent", "sqlmap/1.8")]].concat()),
        ];
        assert!(own.iter().all(|initiator| *initiator == Initiator::Own), "{own:?}");
    }

    #[test]
    fn parts_of_the_shops_own_pages_are_told_apart() {
        let part = |dest| {
            [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", dest)]
        };
        let report = ("content-type", "application/csp-report");
        for dest in ["image", "style", "script", "iframe"] {
            assert_eq!(of(Method::GET, &part(dest)), Initiator::Page, "{dest}");
            assert_eq!(of(Method::POST, &part(dest)), Initiator::Own, "no part of a page is posted for");
        }
        assert_eq!(of(Method::POST, &[&part("report")[..], &[report]].concat()), Initiator::Page);
        let ping = ("content-type", "text/ping");
        assert_eq!(of(Method::POST, &[&part("empty")[..], &[ping]].concat()), Initiator::Page);
        for (method, lines) in [
            (Method::GET, part("document").to_vec()),
            (Method::GET, part("empty").to_vec()),
            (Method::POST, part("empty").to_vec()),
            (Method::POST, part("report").to_vec()),
            (Method::GET, vec![("sec-fetch-dest", "image")]),
            (Method::GET, [&part("image")[..], &[("user-agent", "curl/8.5")]].concat()),
        ] {
            assert_eq!(of(method, &lines), Initiator::Own, "{lines:?}");
        }
    }

    #[test]
    fn no_page_sets_cookies_or_free_fields() {
        for variable in ["ARGS:q", "ARGS_NAMES", "REQUEST_FILENAME", "REQUEST_HEADERS:referer"] {
            assert!(page_can_set(variable), "{variable}");
        }
        for variable in ["REQUEST_COOKIES:a", "REQUEST_HEADERS:user-agent", "REQUEST_HEADERS:x-api-version"] {
            assert!(!page_can_set(variable), "{variable}");
        }
    }
}
