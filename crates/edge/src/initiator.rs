//! Whether a page of another site made the client's browser send a request (Fetch Metadata; RFC 6454 where it is
//! missing).
//!
//! A page of the shop itself may do so, too, where visitors write on it: a review with pictures of `/.env` must not ban
//! who reads it. So the parts of a page (`Sec-Fetch-Dest` of a picture, a style …) and a browser's reports are
//! [`Initiator::Page`], with buckets of their own (scenario `own_pages`). So is what goes wrong behind a link of another
//! site, behind a redirect or a script of the shop's, and in browsers too old to say anything: one click is no proof that a
//! person chose an address, and a ban needs what no page can cause: an address typed or a click on the shop's own pages
//! (Fetch Metadata says so), a form of the shop's, a field or a cookie that no page can set, or a name that is no browser's
//! of its time.
//!
//! Such a request is inspected and stopped like any other. But its person may know nothing of it, so it must not get
//! them banned. Anybody can write these headers; therefore the mark frees nobody from anything: it only leads to buckets
//! of its own (`detect`, scenario `foreign_pages`), and when they are full, marked requests are refused for a while.

use http::Method;
use storeward_detect::Initiator;

use crate::asked_with::{AskedWith, text, told};

/// `host` is the canonical host of the request.
pub fn of(method: &Method, asked: &AskedWith<'_>, host: &str) -> Initiator {
    if !text(asked.user_agent).starts_with("Mozilla/") {
        return Initiator::Own;
    }
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let site = told(asked.fetch_site);
    if reads && is_ahead(asked) {
        // Chromium says `none` of what another site's rules of speculation ask for, as if it had been typed.
        return if site == Some("same-origin") { Initiator::Page } else { Initiator::Foreign };
    }
    if could_be_a_browser(method, asked) && is_foreign(asked, host) {
        return if is_click(asked) { Initiator::Link } else { Initiator::Foreign };
    }
    if is_part_of_a_page(method, asked) {
        return Initiator::Page;
    }
    let by_itself = site == Some("same-origin")
        && told(asked.fetch_mode) == Some("navigate")
        && told(asked.fetch_dest).is_some()
        && told(asked.fetch_user).is_none();
    let silent = site.is_none() && asked.fetch_mode.is_none() && asked.fetch_dest.is_none();
    if reads && (by_itself || silent && is_old(text(asked.user_agent))) {
        return Initiator::Link;
    }
    Initiator::Own
}

/// A browser fetches ahead whatever a page names: `prefetch`, `prefetch;prerender`, `preview`.
fn is_ahead(asked: &AskedWith<'_>) -> bool {
    let purpose = text(asked.purpose).split([';', ',']).next().unwrap_or_default().trim();
    ["prefetch", "prerender", "preview"].iter().any(|ahead| purpose.eq_ignore_ascii_case(ahead))
}

/// A click opens one document. Within one, a page may also send frames anywhere, and all of them bear the mark of the click.
fn is_click(asked: &AskedWith<'_>) -> bool {
    told(asked.fetch_user) == Some("?1")
        && told(asked.fetch_mode) == Some("navigate")
        && told(asked.fetch_dest) == Some("document")
}

/// Whether a browser that calls itself so knows no Fetch Metadata: before Chrome 80, Firefox 90, Safari 16.4 (March 2023), and
/// the views of Apple's that tell only their system. What names none of these engines is no browser.
fn is_old(agent: &str) -> bool {
    let version = |name: &str| {
        let rest = agent.split_once(name)?.1;
        let mut parts = rest.split(|c: char| !c.is_ascii_digit());
        let major: u32 = parts.next()?.parse().ok()?;
        Some((major, parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0_u32)))
    };
    // On iOS every browser is Safari inside; what it calls itself tells nothing.
    if let Some(system) = version("iPhone OS ").or_else(|| version("CPU OS ")) {
        return system < (16, 4);
    }
    if let Some(chrome) = version("Chrome/").or_else(|| version("Chromium/")) {
        return chrome < (80, 0);
    }
    if let Some(firefox) = version("Firefox/") {
        return firefox < (90, 0);
    }
    if let Some(safari) = version("Version/") {
        return safari < (16, 4);
    }
    agent.contains("AppleWebKit/") || agent.contains("Trident/") || agent.contains("MSIE ")
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
/// browsers send by themselves (reports, pings).
fn could_be_a_browser(method: &Method, asked: &AskedWith<'_>) -> bool {
    let simple_method = matches!(*method, Method::GET | Method::HEAD | Method::POST | Method::OPTIONS);
    let kind = text(asked.content_type).split(';').next().unwrap_or_default().trim();
    let simple_type = ["", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]
        .iter()
        .any(|simple| kind.eq_ignore_ascii_case(simple));
    // Reports have had many types; only a browser's own bear the mark.
    let report = is_report(kind) || told(asked.fetch_dest) == Some("report");
    let by_itself = *method == Method::POST && (report || is_ping(kind));
    simple_method && (simple_type || by_itself)
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
        // Of all that has no place in a page, a link's ping and Chrome's registration of a source only.
        "empty" if *method == Method::POST => is_ping(text(asked.content_type)),
        "empty" => *method == Method::GET && asked.attribution.is_some(),
        _ => matches!(*method, Method::GET | Method::HEAD),
    };
    fits && told(asked.fetch_site) == Some("same-origin") && told(asked.fetch_mode).is_some()
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
        Some("cross-site" | "same-site") => mode.is_some() && dest.is_some(),
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
            of(Method::GET, &[("sec-fetch-site", "none"), PAGE[1], PAGE[2]]),
            of(Method::GET, &[("sec-fetch-site", "same-origin"), PAGE[1], PAGE[2], ("sec-fetch-user", "?1")]),
            of(Method::GET, &[("user-agent", NOW)]),
            of(Method::GET, &[("user-agent", "sqlmap/1.8"), ("sec-purpose", "prefetch")]),
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

    const NOW: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

    /// Banned whoever opened a page anywhere: Chromium asks ahead without a click, and marks every frame within a click.
    #[test]
    fn what_a_browser_does_by_itself_is_nobodys_choice() {
        let typed = [("sec-fetch-site", "none"), PAGE[1], PAGE[2]];
        let own = [("sec-fetch-site", "same-origin"), PAGE[1], PAGE[2]];
        let click = ("sec-fetch-user", "?1");
        for ahead in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch;anonymous-client-ip"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
            ("x-purpose", "preview"),
        ] {
            assert_eq!(of(Method::GET, &[&typed[..], &[ahead]].concat()), Initiator::Foreign, "{ahead:?}");
            assert_eq!(
                of(Method::GET, &[&PAGE[..], &[ahead, click]].concat()),
                Initiator::Foreign,
                "{ahead:?}"
            );
            assert_eq!(of(Method::GET, &[&own[..], &[ahead]].concat()), Initiator::Page, "{ahead:?}");
            assert_eq!(of(Method::GET, &[ahead]), Initiator::Foreign, "{ahead:?}");
            assert_eq!(of(Method::POST, &[&own[..], &[ahead]].concat()), Initiator::Own, "{ahead:?}");
        }
        for dest in ["iframe", "frame", "embed", "object", "empty"] {
            let frame = [CROSS, PAGE[1], ("sec-fetch-dest", dest), click];
            assert_eq!(of(Method::GET, &frame), Initiator::Foreign, "{dest}");
        }
        assert_eq!(
            of(Method::GET, &[&PAGE[..], &[click]].concat()),
            Initiator::Link,
            "a click may be a game's"
        );
        assert_eq!(of(Method::GET, &own), Initiator::Link, "a script, a redirect");
        let report = [
            CROSS,
            IMAGE[1],
            ("sec-fetch-dest", "report"),
            ("content-type", "application/expect-ct-report+json"),
        ];
        assert_eq!(of(Method::POST, &report), Initiator::Foreign);
        let source = [
            own[0],
            IMAGE[1],
            ("sec-fetch-dest", "empty"),
            ("attribution-reporting-eligible", "event-source"),
        ];
        assert_eq!(of(Method::GET, &source), Initiator::Page);
    }

    #[test]
    fn browsers_that_say_nothing_are_told_by_their_age() {
        let old = [
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.6.1 Safari/605.1.15",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.3 Safari/605.1.15",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 15_8 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.6 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 14_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            "Mozilla/5.0 (iPad; CPU OS 16_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.0.0 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 6.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/74.0.0.0 Mobile Safari/537.36",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
            "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
            "Mozilla/5.0 (Windows NT 6.1; rv:78.0) Gecko/20100101 Firefox/78.0",
        ];
        // They would have said what made them ask; or they are none.
        let liars = [
            NOW,
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            "Mozilla/5.00 (Nikto/2.5.0)",
            "Mozilla/5.0 (compatible; Nmap Scripting Engine)",
            "Mozilla/5.0 zgrab/0.x",
            "Mozilla/5.0",
        ];
        for (agents, initiator) in [(&old[..], Initiator::Link), (&liars[..], Initiator::Own)] {
            for agent in agents {
                assert_eq!(of(Method::GET, &[("user-agent", *agent)]), initiator, "{agent}");
                assert_eq!(of(Method::POST, &[("user-agent", *agent)]), Initiator::Own, "{agent}");
            }
        }
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
