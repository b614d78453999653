//! The headers of a paying page that its security leans on (PCI DSS 11.6.1), as the shop sends them.

use http::HeaderMap;

/// What is compared.
const NAMES: [&str; 11] = [
    "access-control-allow-origin",
    "content-security-policy",
    "content-security-policy-report-only",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "referrer-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
];
/// Longer values are cut.
const MOST_CHARS: usize = 2_000;

/// Each name with its value, in one spelling; nothing for one that is not there.
pub(crate) fn of_page(headers: &HeaderMap) -> Vec<(&'static str, Option<String>)> {
    NAMES.iter().map(|name| (*name, value(headers, name))).collect()
}

fn value(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<String> = headers
        .get_all(name)
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
        .collect();
    if lines.is_empty() {
        return None;
    }
    let words: Vec<String> = lines.join(", ").split_whitespace().map(steady).collect();
    Some(words.join(" ").chars().take(MOST_CHARS).collect())
}

/// A nonce is another one each time; an address's query may hold anybody's data.
fn steady(word: &str) -> String {
    if let Some(at) = word.find("'nonce-") {
        let end =
            word.get(at + 1..).and_then(|rest| rest.find('\'')).map_or(word.len(), |more| at + 2 + more);
        return format!("{}'nonce'{}", &word[..at], word.get(end..).unwrap_or_default());
    }
    match word.split_once('?') {
        Some((address, rest)) if address.contains('/') => {
            let end = rest.find([';', ',']).and_then(|at| rest.get(at..)).unwrap_or_default();
            format!("{address}{end}")
        }
        _ => word.to_owned(),
    }
}

/// The nonce of the shop's own policy: a script of ours needs it, too.
pub(crate) fn shop_nonce(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all("content-security-policy").iter().filter_map(|line| line.to_str().ok());
    let found = lines.filter_map(|line| {
        let at = line.find("'nonce-")? + "'nonce-".len();
        line.get(at..)?.split('\'').next()
    });
    let is_nonce = |nonce: &&str| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=');
        !nonce.is_empty() && nonce.len() <= 200 && nonce.bytes().all(is_plain)
    };
    found.filter(is_nonce).map(str::to_owned).next()
}

/// Whether the shop sends an opener policy that keeps windows of other hosts away from the page: one that browsers read (HTML, "obtain an
/// opener policy": one item, what follows it are parameters).
pub(crate) fn keeps_openers_away(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all("cross-origin-opener-policy").iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let item = line.to_str().unwrap_or_default();
    let is_one = !item.contains(',');
    let word = item.split(';').next().unwrap_or_default().trim_matches(' ');
    is_one && matches!(word, "same-origin" | "same-origin-allow-popups" | "noopener-allow-popups")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_new_nonce_is_no_change() {
        let with = |nonce: &str| {
            let policy = format!("script-src 'nonce-{nonce}';  report-uri /r?k={nonce}; object-src 'none'");
            value(&headers(&[("content-security-policy", &policy)]), "content-security-policy")
        };
        assert_eq!(with("abc"), with("def=="));
        assert_eq!(with("abc").unwrap(), "script-src 'nonce'; report-uri /r; object-src 'none'");
    }

    #[test]
    fn what_is_not_there_is_told_apart_from_what_is_empty() {
        let found = of_page(&headers(&[("x-frame-options", ""), ("referrer-policy", "origin")]));
        let of = |name: &str| found.iter().find(|(own, _)| *own == name).unwrap().1.clone();
        assert_eq!(of("x-frame-options"), Some(String::new()));
        assert_eq!(of("referrer-policy"), Some("origin".to_owned()));
        assert_eq!(of("strict-transport-security"), None);
    }

    #[test]
    fn the_shop_s_nonce_is_found_where_it_is_one() {
        let nonce = |policy: &str| shop_nonce(&headers(&[("content-security-policy", policy)]));
        assert_eq!(nonce("script-src 'self' 'nonce-aB3+/=' 'strict-dynamic'").as_deref(), Some("aB3+/="));
        assert_eq!(nonce("script-src 'self'"), None);
        assert_eq!(nonce("script-src 'nonce-\"><script>'"), None);
    }

    #[test]
    fn an_opener_policy_of_the_shop_s_counts_where_browsers_read_one_that_is_strict() {
        let keeps = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("cross-origin-opener-policy", *line)).collect();
            keeps_openers_away(&headers(&lines))
        };
        for strict in ["same-origin", "same-origin-allow-popups", " noopener-allow-popups; report-to=\"a\""] {
            assert!(keeps(&[strict]), "{strict}");
        }
        for lax in
            ["unsafe-none", "", "Same-Origin", "same-origin, same-origin", "\"same-origin\"", "same origin"]
        {
            assert!(!keeps(&[lax]), "{lax}");
        }
        assert!(!keeps(&[]) && !keeps(&["same-origin", "unsafe-none"]));
    }
}
