//! What of an address looks like somebody's: a card's number, an address of mails, a token. A script that steals sends them in the names of
//! hosts and the parts of paths, and a browser's report says the address again.

use std::net::{Ipv4Addr, Ipv6Addr};

use storeward_inspect::cards;

/// Stands for what was left out.
const LEFT_OUT: &str = "*";
/// Digits in the name of a host, over all its parts: no host of a script needs as many.
const HOST_DIGITS: usize = 12;
/// Longer ones are no names.
const LABEL_BYTES: usize = 40;
const PART_BYTES: usize = 100;
const WORD_BYTES: usize = 32;
/// Digits of a card's number (ISO/IEC 7812); more in one piece are two numbers, or one with its date.
const FEWEST: usize = 12;
const MOST: usize = 19;
/// Only so much is looked at; of what is longer nothing stays.
const MOST_BYTES: usize = 2_000;

/// An address without it: each part of the path, and each label of the host, that holds it is cut out whole.
pub(super) fn without(address: &str) -> String {
    let at = address.find("//").map_or_else(|| address.find(':').map_or(0, |at| at + 1), |at| at + 2);
    let (scheme, rest) = address.split_at(at);
    let host_end = if scheme.ends_with("//") { rest.find('/').unwrap_or(rest.len()) } else { 0 };
    let (host, path) = rest.split_at(host_end);
    format!("{scheme}{}{}", host_without(host), path_without(path))
}

/// Whether something was cut out of it.
pub(super) fn is_cut(address: &str) -> bool {
    address.split(['/', '.', ':', '[', ']']).any(|part| part == LEFT_OUT)
}

/// Host and port.
pub(super) fn host_without(host: &str) -> String {
    if let Some((inside, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        // Whoever has a network of their own hears whatever its last 64 bits say.
        let is_plain = inside.parse::<Ipv6Addr>().is_ok_and(|ip| {
            let last: String = ip.segments().iter().skip(4).map(|part| format!("{part:04x}")).collect();
            !is_card(&last)
        });
        return format!("[{}]{port}", if is_plain { inside } else { LEFT_OUT });
    }
    let (name, port) = host.split_at(host.rfind(':').unwrap_or(host.len()));
    if name.is_empty() || name.parse::<Ipv4Addr>().is_ok() {
        return host.to_owned();
    }
    let labels: Vec<String> = name.split('.').map(decoded).collect();
    let mut is_left_out: Vec<bool> = labels.iter().map(|label| is_odd_label(label)).collect();
    for groups in sequences(&labels) {
        let digits: usize = groups.iter().map(|group| group.digits.chars().count()).sum();
        if digits >= HOST_DIGITS {
            mark(&mut is_left_out, &groups);
        }
    }
    let mut kept: Vec<&str> = Vec::with_capacity(labels.len());
    for (label, is_left_out) in name.split('.').zip(is_left_out) {
        match (is_left_out, kept.last()) {
            (true, Some(&LEFT_OUT)) => {}
            (true, _) => kept.push(LEFT_OUT),
            (false, _) => kept.push(label),
        }
    }
    format!("{}{port}", kept.join("."))
}

/// A path, its parts told apart by `/`.
pub(super) fn path_without(path: &str) -> String {
    let (path, is_whole) = match path.get(..path.floor_char_boundary(MOST_BYTES)) {
        Some(begins) if begins.len() < path.len() => (begins, false),
        _ => (path, true),
    };
    let parts: Vec<String> = path.split('/').map(decoded).collect();
    let mut is_left_out: Vec<bool> = parts.iter().map(|part| is_odd_part(part)).collect();
    if let Some(last) = is_left_out.last_mut() {
        *last |= !is_whole;
    }
    for groups in sequences(&parts) {
        for window in numbers(&groups) {
            mark(&mut is_left_out, window);
        }
    }
    let kept = path.split('/').zip(is_left_out).map(|(part, is_left_out)| match is_left_out {
        true => LEFT_OUT,
        false => part,
    });
    kept.collect::<Vec<_>>().join("/")
}

/// Digits in one piece, and in which part they stand.
#[derive(Debug)]
struct Group {
    digits: String,
    part: usize,
}

fn mark(is_left_out: &mut [bool], groups: &[Group]) {
    for group in groups {
        if let Some(part) = is_left_out.get_mut(group.part) {
            *part = true;
        }
    }
}

/// The groups of digits, as far as no letter stands between them.
fn sequences(parts: &[String]) -> Vec<Vec<Group>> {
    let mut all = vec![Vec::new()];
    for (part, text) in parts.iter().enumerate() {
        let mut is_open = false;
        for sign in text.chars() {
            let Some(sequence) = all.last_mut() else { continue };
            if is_digit(sign) {
                match sequence.last_mut().filter(|_| is_open) {
                    Some(Group { digits, .. }) => digits.push(sign),
                    None => sequence.push(Group { digits: sign.to_string(), part }),
                }
            } else if sign.is_alphabetic() && !sequence.is_empty() {
                all.push(Vec::new());
            }
            is_open = is_digit(sign);
        }
    }
    all
}

/// Those of any script: hosts are written in them, and read as ASCII.
fn is_digit(sign: char) -> bool {
    sign.is_numeric()
}

/// The groups that make a card's number together: in one piece, in pieces of one length (the last may be shorter), or as cards show them.
fn numbers(groups: &[Group]) -> Vec<&[Group]> {
    let mut found = Vec::new();
    for from in 0..groups.len() {
        let mut digits = String::new();
        for (at, group) in groups.iter().enumerate().skip(from) {
            digits.push_str(&group.digits);
            let Some(window) = groups.get(from..=at) else { break };
            let is_number = match window {
                [one] => is_number(&one.digits),
                several => is_grouped(several) && is_card(&digits),
            };
            if is_number {
                found.push(window);
            }
            if digits.len() > MOST {
                break;
            }
        }
    }
    found
}

/// Digits in one piece. A day or a moment is none, whatever its check digit (a number of today's begins with 20 or 1), nor is most
/// of what programs count.
fn is_number(digits: &str) -> bool {
    if !digits.is_ascii() {
        return digits.chars().count() >= FEWEST;
    }
    let length = digits.len();
    // With a date, or the code of the card's back, before or behind it.
    let is_with_more = || {
        (14..length).any(|part| {
            [digits.get(..part), digits.get(length - part..)]
                .into_iter()
                .flatten()
                .any(|digits| cards::has_number(digits.as_bytes()))
        })
    };
    length > MOST || is_card(digits) || is_with_more()
}

fn is_grouped(groups: &[Group]) -> bool {
    const AS_SHOWN: [&[usize]; 3] = [&[4, 6, 5], &[4, 6, 4], &[6, 13]];
    let lengths: Vec<usize> = groups.iter().map(|group| group.digits.len()).collect();
    let is_even = match lengths.split_last() {
        Some((last, [first, rest @ ..])) => rest.iter().all(|length| length == first) && last <= first,
        _ => false,
    };
    is_even || AS_SHOWN.contains(&lengths.as_slice())
}

/// By check digit, length, and the digits that schemes have: more of them than the numbers that the shop's door refuses, since here a number
/// too many does little harm.
fn is_card(digits: &str) -> bool {
    let length = digits.len();
    if !(FEWEST..=MOST).contains(&length) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let two = digits.get(..2).and_then(|two| two.parse::<u8>().ok()).unwrap_or_default();
    let is_scheme = match two {
        22..=27 | 51..=55 => length == 16,
        30 | 36 | 38 | 39 => (14..=MOST).contains(&length),
        34 | 37 => length == 15,
        35 => length >= 16,
        40..=49 => matches!(length, 13 | 16 | 19),
        50 | 56..=58 | 60..=69 => true,
        _ => false,
    };
    is_scheme && passes_luhn(digits)
}

fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_odd_label(label: &str) -> bool {
    label == LEFT_OUT || label.contains('@') || label.len() > LABEL_BYTES && !label.starts_with("xn--")
}

fn is_odd_part(part: &str) -> bool {
    part.len() > PART_BYTES
        || part.starts_with("eyJ")
        || part.match_indices('@').any(|(at, _)| is_mail(part, at))
        || part.split(|sign: char| !sign.is_ascii_alphanumeric()).any(is_token)
}

/// Letters and digits in one piece, too long for a name. What is written in base 16 is the hash of a file.
fn is_token(word: &str) -> bool {
    let is_mixed = word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
    word.len() > WORD_BYTES && is_mixed && !word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether the `@` stands in an address of mails. A package's scope stands behind one, and its version does (`@scope/name@1.2.3`).
fn is_mail(part: &str, at: usize) -> bool {
    const TAGS: [&str; 13] = [
        "latest", "next", "beta", "alpha", "canary", "rc", "dev", "stable", "legacy", "lts", "main",
        "master", "nightly",
    ];
    let (before, behind) = part.split_at(at);
    let behind = behind.get(1..).unwrap_or_default();
    let number = behind.trim_start_matches(['v', '^', '~', '=']);
    // The name of a domain ends with letters.
    let ends_in_letters = behind
        .rsplit_once('.')
        .is_some_and(|(_, last)| last.len() > 1 && last.bytes().all(|b| b.is_ascii_alphabetic()));
    let is_version = number.starts_with(|sign: char| sign.is_ascii_digit())
        && !ends_in_letters
        && !behind.contains("xn--");
    !(before.is_empty() || is_version || TAGS.contains(&behind))
}

/// With its escapes read, also where they are escaped again.
fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..3 {
        let Some(next) = unescaped(&text) else { break };
        text = next;
    }
    text
}

/// Nothing where none stands in it.
fn unescaped(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [sign, behind @ ..] = rest {
        rest = behind;
        let digit = |at: usize| behind.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (sign, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => out.push(*sign),
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: &str) {
        assert_eq!(without(address), expected, "{address}");
        assert_eq!(without(expected), expected, "cut again, it is the same");
        assert_eq!(is_cut(expected), address != expected, "{address}");
    }

    #[test]
    fn what_is_somebody_s_is_cut_out_of_a_path() {
        for (path, expected) in [
            ("/x/4242424242424242/joe@example.com", "/x/*/*"),
            ("/c/5555555555554444/1229/jane.doe%40example.com/x.js", "/c/*/1229/*/x.js"),
            ("/c/jane%2540example.com.js", "/c/*"),
            ("/c/joe@163.com/x.js", "/c/*/x.js"),
            ("/c/joe@corp/x.js", "/c/*/x.js"),
            ("/4242/4242/4242/4242/x.js", "/*/*/*/*/x.js"),
            ("/4242-4242-4242-4242-12-29-123.js", "/*"),
            ("/4242.4242_4242.4242", "/*"),
            ("/3782-822463-10005/a", "/*/a"),
            ("/42/42/42/42/42/42/42/42/a", "/*/*/*/*/*/*/*/*/a"),
            ("/4/2/4/2/4/2/4/2/4/2/4/2/4/2/4/2/a", "/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/a"),
            ("/c4242424242424242x.js", "/*"),
            ("/42424242424242421229123", "/*"),
            ("/4242424242424242123", "/*"),
            ("/%34%32%34%32424242424242.js", "/*"),
            ("/４２４２４２４２４２４２４２４２", "/*"),
            ("/5019717010103742", "/*"),
            ("/6304000000000000", "/*"),
            ("/4222222222222", "/*"),
            ("/eyJjYXJkIjoiNDI0MiJ9/p.js", "/*/p.js"),
            ("/a/QmFzZTY0IG9mIGEgY2FyZCdzIG51bWJlciBhbmQgbW9yZQ/p.js", "/a/*/p.js"),
        ] {
            check(&format!("https://a.example{path}"), &format!("https://a.example{expected}"));
            check(&format!("unread:{path}"), &format!("unread:{expected}"));
        }
        let long = format!("https://a.example/{}4242424242424242", "a/".repeat(995));
        assert!(without(&long).ends_with("/a/*") && !without(&long).contains("42"), "cut in the middle");
    }

    // What shops and networks call their files stays, so that it can be approved.
    #[test]
    fn names_of_files_stay() {
        for path in [
            "/js/app.20261129123456.js",
            "/js/app-20261129123456789.js",
            "/js/1764417600123/app.js",
            "/js/1764417600123456.js",
            "/202611291234/a.js",
            "/2026/11/29/12/34/56/78/a.js",
            "/js/4.2-20261129123456.js",
            "/jquery-3.7.1-20261129123456.js",
            "/static/js/main.3f2a91bc.chunk.js",
            "/app-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.js",
            "/npm/vue@3.4.21/dist/vue.global.js",
            "/npm/@scope/name@1.0.0-beta.2/x.js",
            "/npm/alpinejs@3.x.x/dist/cdn.min.js",
            "/gh/owner/repository@main/x.js",
            "/npm/htmx.org@latest",
            "/recaptcha/releases/rKbTvxTxwcw5VqzrtN-ICwWt/recaptcha__en.js",
            "/v3/",
            "/",
            "",
            "/s/files/1/0533/2089/files/a.js",
            "/wp-content/plugins/woocommerce/assets/js/frontend/checkout.min.js",
            "/_next/static/chunks/pages/%5Bslug%5D-0123456789abcdef.js",
            "/4242424242424243/a.js",
        ] {
            check(&format!("https://a.example{path}"), &format!("https://a.example{path}"));
        }
        for word in ["data:", "blob:", "inline", "eval", "unread:https://b%C3%BCcher.example/x.js"] {
            check(word, word);
        }
    }

    #[test]
    fn what_is_somebody_s_is_cut_out_of_a_host() {
        for (host, expected) in [
            ("4242424242424242.evil.example", "*.evil.example"),
            ("5555555555554444-12-29-123.collect.evil.test", "*.collect.evil.test"),
            ("4242.4242.4242.4242.evil.test:8443", "*.evil.test:8443"),
            ("x-4242-4242.4242-4242-y.evil.test", "*.evil.test"),
            ("n.424242424242.test", "n.*.test"),
            ("c424242424242.evil.test", "*.evil.test"),
            ("joe%40example.evil.test", "*.evil.test"),
            ("%EF%BC%94%EF%BC%92424242424242424242.evil.test", "*.evil.test"),
            ("mfzwizltoqqgc43emfzwizltoqqgc43emfzwizltoqqgc43e.evil.test", "*.evil.test"),
            ("[2001:db8:1:2:4242:4242:4242:4242]:8443", "[*]:8443"),
        ] {
            check(&format!("https://{host}"), &format!("https://{expected}"));
            check(&format!("https://{host}/a.js"), &format!("https://{expected}/a.js"));
            assert_eq!(host_without(host), expected);
        }
        for host in [
            "cdn.example",
            "192.168.100.100:8443",
            "[2606:4700:4700::1111]",
            "d111111abcdef8.cloudfront.net",
            "pub-0123456789abcdef0123456789abcdef.r2.dev",
            "o447951.ingest.sentry.io",
            "xn--bcher-kva.example",
            "1.2.3.cdn.example:8443",
            "",
        ] {
            check(&format!("https://{host}/a.js"), &format!("https://{host}/a.js"));
        }
    }
}
