//! What of an address looks like somebody's: a card's number, an address of mails, a token. A script that steals sends them in the names of
//! hosts and the parts of paths, and a browser's report says the address again.

mod numbers;

use std::net::{Ipv4Addr, Ipv6Addr};

/// Stands for what was left out.
const LEFT_OUT: &str = "*";
/// Of a part of a path that is not a file's: longer ones are no names.
const PART_BYTES: usize = 100;
const WORD_BYTES: usize = 32;
/// The longest label of a host (RFC 1035): who fills several of them writes data.
const LABEL_BYTES: usize = 63;
/// Only so much is looked at; of what is longer nothing stays.
const MOST_BYTES: usize = 2_000;

/// The address of a script without it: each part of the path, and each label of the host, that holds it is cut out whole. The names of files
/// are long and odd by themselves (hashes, versions, ids), so of those only what is a card's number or an address of mails is somebody's.
pub(super) fn without(address: &str) -> String {
    let at = address.find("//").map_or_else(|| address.find(':').map_or(0, |at| at + 1), |at| at + 2);
    let (scheme, rest) = address.split_at(at);
    let host_end = if scheme.ends_with("//") { rest.find('/').unwrap_or(rest.len()) } else { 0 };
    let (host, path) = rest.split_at(host_end);
    let (host, path) = cut_out(host, path, has_mail);
    format!("{scheme}{host}{path}")
}

/// Whether something was cut out of it.
pub(super) fn is_cut(address: &str) -> bool {
    address.split(['/', '.', ':', '[', ']']).any(|part| part == LEFT_OUT)
}

/// Host and port, and a path that no script is at; tokens are cut out of it, too.
pub(super) fn told_without(host: &str, path: &str) -> (String, String) {
    cut_out(host, path, is_odd_part)
}

fn cut_out(host: &str, path: &str, is_odd_part: fn(&str) -> bool) -> (String, String) {
    let (name, port) = host.split_at(host.rfind(':').filter(|_| !host.ends_with(']')).unwrap_or(host.len()));
    let (path, is_whole) = match path.get(..path.floor_char_boundary(MOST_BYTES)) {
        Some(begins) if begins.len() < path.len() => (begins, false),
        _ => (path, true),
    };
    // Labels of the host, if it has any, and parts of the path.
    let is_named = !(name.is_empty() || name.starts_with('[') || name.parse::<Ipv4Addr>().is_ok());
    let mut texts: Vec<String> = if is_named { name.split('.').map(decoded).collect() } else { Vec::new() };
    let labels = texts.len();
    texts.extend(path.split('/').map(decoded));
    let (own, parts) = texts.split_at(labels);
    let is_data = are_data(own);
    let is_odd_label = |label: &String| label == LEFT_OUT || label.contains('@') || is_data && is_full(label);
    let odd_labels = own.iter().map(is_odd_label);
    let mut is_left_out: Vec<bool> = odd_labels.chain(parts.iter().map(|part| is_odd_part(part))).collect();
    if let Some(last) = is_left_out.last_mut() {
        *last |= !is_whole;
    }
    for place in places_of_numbers(&texts, labels) {
        if let Some(place) = is_left_out.get_mut(place) {
            *place = true;
        }
    }
    let (of_host, of_path) = is_left_out.split_at(labels);
    let name = if is_named { name_without(name, of_host) } else { plain_ip(name) };
    let kept = path.split('/').zip(of_path).map(|(part, is_left_out)| match is_left_out {
        true => LEFT_OUT,
        false => part,
    });
    (format!("{name}{}", plain_port(port)), kept.collect::<Vec<_>>().join("/"))
}

/// In which texts, the first of them labels of a host, a card's number stands.
fn places_of_numbers(texts: &[String], labels: usize) -> Vec<usize> {
    let (own, parts) = texts.split_at(labels);
    let mut places = Vec::new();
    for groups in numbers::sequences(own) {
        places.extend(numbers::numbers_of_host(&groups).into_iter().flatten().map(|group| group.part));
    }
    for groups in numbers::sequences(parts) {
        places.extend(numbers::numbers(&groups).into_iter().flatten().map(|group| labels + group.part));
    }
    // Whoever owns a domain puts its own digits between those of the host and those of the path.
    let domain = labels.saturating_sub(2)..labels;
    let pieces = numbers::pieces(texts);
    let all: Vec<_> = pieces.iter().collect();
    let below: Vec<_> = pieces.iter().filter(|piece| !domain.contains(&piece.part)).collect();
    for pieces in [all, below] {
        places.extend(numbers::numbers_of_pieces(&pieces).into_iter().map(|piece| piece.part));
    }
    places
}

/// Several labels next to each other that were cut out are one.
fn name_without(name: &str, is_left_out: &[bool]) -> String {
    let mut kept: Vec<&str> = Vec::with_capacity(is_left_out.len());
    for (label, is_left_out) in name.split('.').zip(is_left_out) {
        match (is_left_out, kept.last()) {
            (true, Some(&LEFT_OUT)) => {}
            (true, _) => kept.push(LEFT_OUT),
            (false, _) => kept.push(label),
        }
    }
    kept.join(".")
}

fn plain_ip(name: &str) -> String {
    let Some(inside) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return name.to_owned();
    };
    // Whoever has a network of their own hears whatever its last 64 bits say.
    let is_plain = inside.parse::<Ipv6Addr>().is_ok_and(|ip| {
        let last: String = ip.segments().iter().skip(4).map(|part| format!("{part:04x}")).collect();
        !numbers::is_card(&last)
    });
    format!("[{}]", if is_plain { inside } else { LEFT_OUT })
}

/// With its colon; nothing where it is none.
fn plain_port(port: &str) -> &str {
    let is_port = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok();
    if port.strip_prefix(':').is_some_and(is_port) { port } else { "" }
}

fn is_full(label: &str) -> bool {
    label.len() == LABEL_BYTES && label.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn are_data(labels: &[String]) -> bool {
    labels.iter().filter(|label| is_full(label)).count() > 1
}

fn is_odd_part(part: &str) -> bool {
    part.len() > PART_BYTES
        || part.starts_with("eyJ")
        || has_mail(part)
        || part.split(|sign: char| !sign.is_ascii_alphanumeric()).any(is_token)
}

/// Letters and digits in one piece, too long for a name. What is written in base 16 is the hash of a file.
fn is_token(word: &str) -> bool {
    let is_mixed = word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
    word.len() > WORD_BYTES && is_mixed && !word.bytes().all(|b| b.is_ascii_hexdigit())
}

fn has_mail(part: &str) -> bool {
    part.match_indices('@').any(|(at, _)| is_mail(part, at))
}

/// Whether the `@` stands in an address of mails: a name before it, a domain behind it. A package's scope stands behind one, and its version
/// does (`@scope/name@1.2.3`, `name@next`, `name@c3f1a9e0b1`).
fn is_mail(part: &str, at: usize) -> bool {
    const ENDINGS: [&str; 6] = [".js", ".mjs", ".css", ".map", ".json", ".min"];
    let (before, behind) = part.split_at(at);
    let behind = behind.get(1..).unwrap_or_default();
    let is_name = |sign: char| sign.is_alphanumeric() || matches!(sign, '.' | '-' | '_');
    let end = behind.find(|sign| !is_name(sign)).unwrap_or(behind.len());
    let mut domain = behind.get(..end).unwrap_or_default().trim_matches(['.', '-', '_']);
    while let Some(rest) = ENDINGS.iter().find_map(|ending| domain.strip_suffix(ending)) {
        domain = rest;
    }
    // `1.2.3-rc.next`
    let mut labels = domain.trim_start_matches('v').split('.');
    let is_version = labels.next().is_some_and(|first| first.parse::<u32>().is_ok())
        && labels.next().is_some_and(|second| second.starts_with(|sign: char| sign.is_ascii_digit()));
    let has_top = domain.rsplit_once('.').is_some_and(|(_, top)| {
        top.starts_with("xn--") || top.chars().count() > 1 && top.chars().all(char::is_alphabetic)
    });
    !before.is_empty() && has_top && !is_version
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
mod tests;
