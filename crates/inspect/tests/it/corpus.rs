//! No legitimate input is stopped, every attack is, at the default policy, wherever they are placed.

use storeward_inspect::Verdict;

use crate::exchange::{Exchange, json_string, multipart, url_encode};

const LEGITIMATE: &str = include_str!("../corpus/legitimate.txt");
const ATTACKS: &str = include_str!("../corpus/attacks.txt");

/// Headings; any other line in brackets is input.
const SECTIONS: [&str; 15] = ["y", "a", "ac", "acM", "s", "c", "u", "r", "p", "x", "w", "b", "h", "X", "F"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Legitimate,
    Attack,
}

/// Each line of a corpus with the letters of its section.
fn lines(corpus: &'static str) -> Vec<(&'static str, String)> {
    let mut letters = "";
    let mut list = Vec::new();
    for line in corpus.lines() {
        let section = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let named = section.filter(|name| SECTIONS.contains(name));
        match named {
            Some(name) => letters = name,
            _ if line.starts_with("# ") && letters.is_empty() => {}
            _ => list.push((letters, line.replace('⏎', "\n").replace('␍', "\r").replace('␀', "\0"))),
        }
    }
    list
}

fn placements(letter: char, text: &str, kind: Kind) -> Vec<(&'static str, Exchange)> {
    let page = || Exchange::get("/catalog/search");
    let form = "application/x-www-form-urlencoded";
    match letter {
        'a' => vec![
            ("query", page().query(&format!("page=1&q={}", url_encode(text)))),
            ("form", Exchange::post(form, format!("q={}&b=1", url_encode(text)))),
            (
                "json",
                Exchange::post("application/json", format!("{{\"a\":[{{\"q\":{}}}]}}", json_string(text))),
            ),
            ("multipart", multipart("q", None, text)),
        ],
        // Bytes that no cookie can hold on the wire arrive encoded.
        'c' if kind == Kind::Legitimate => {
            vec![("cookie", page().header("Cookie", &format!("a=1; c={text}")))]
        }
        'c' => vec![("cookie", page().header("Cookie", &format!("a=1; c={}", url_encode(text))))],
        'M' => vec![
            ("user agent", page().header("User-Agent", text)),
            ("referer", page().header("Referer", text)),
            ("field", page().header("X-Api-Version", text)),
            ("name", page().query(&format!("{}=1", url_encode(text)))),
        ],
        'u' => vec![("user agent", page().header("User-Agent", text))],
        'r' => vec![("referer", page().header("Referer", text))],
        'p' => vec![("path", Exchange::get(text))],
        's' => vec![
            ("password", Exchange::post(form, format!("email=a%40b.c&password={}", url_encode(text)))),
            (
                "json password",
                Exchange::post("application/json", format!("{{\"new_password\":{}}}", json_string(text))),
            ),
        ],
        'x' => vec![("raw query", page().query(text)), ("raw form", Exchange::post(form, text))],
        'y' => vec![("raw query", page().query(text))],
        'w' => vec![("raw form", Exchange::post(form, text))],
        'b' => vec![
            ("raw json", Exchange::post("application/json", text)),
            ("undeclared json", Exchange::post("text/plain", text)),
        ],
        'h' => vec![("cookies", page().header("Cookie", text))],
        'X' => vec![("xml", Exchange::post("application/xml", text))],
        'F' => vec![("file name", multipart("photo", Some(text), "bytes"))],
        other => panic!("no placement {other}"),
    }
}

fn check(corpus: &'static str, kind: Kind) -> usize {
    let mut wrong = Vec::new();
    let list = lines(corpus);
    for (letters, text) in &list {
        for (place, exchange) in letters.chars().flat_map(|letter| placements(letter, text, kind)) {
            let verdict = exchange.verdict();
            let right = match kind {
                Kind::Legitimate => verdict == Verdict::Pass,
                Kind::Attack => verdict.is_block(),
            };
            if !right {
                let found: Vec<_> =
                    exchange.matches().iter().map(|found| (found.rule_id, found.matched.clone())).collect();
                wrong.push(format!("{place}: {text:?} {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} lines:\n{}", wrong.len(), list.len(), wrong.join("\n"));
    list.len()
}

#[test]
fn nothing_legitimate_is_stopped() {
    assert!(check(LEGITIMATE, Kind::Legitimate) >= 500);
}

#[test]
fn every_attack_is_blocked() {
    assert!(check(ATTACKS, Kind::Attack) >= 700);
}
