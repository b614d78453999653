//! Each code that stands in a record or an event can be looked up, and has words for people.

use std::path::Path;

use storeward_events::words;

/// What codes begin with.
const FAMILIES: [&str; 19] = [
    "head",
    "length",
    "encoding",
    "host",
    "chunk",
    "h2",
    "method",
    "target",
    "path",
    "websocket",
    "connection",
    "connections",
    "body",
    "slow",
    "upstream",
    "response",
    "client",
    "rate",
    "route",
];
/// Keys of the config and names of texts that look the same.
const OTHERS: [&str; 8] = [
    "route.exceptions",
    "route.only_from",
    "route.path",
    "route.request_burst",
    "slow.text",
    "slow.title",
    "upstream.health_path",
    "upstream.servers",
];

fn sources(folder: &Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, all),
            false => all.push_str(&std::fs::read_to_string(path).unwrap()),
        }
    }
}

fn is_code(text: &str) -> bool {
    let Some((family, word)) = text.split_once('.') else { return false };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    FAMILIES.contains(&family) && !word.is_empty() && word.chars().all(plain) && !OTHERS.contains(&text)
}

/// Some had no line in the document, and the console showed them bare.
#[test]
fn every_code_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    sources(&root.join("src"), &mut text);
    let document = std::fs::read_to_string(root.join("../../docs/security.md")).unwrap();
    let mut codes: Vec<&str> = text.split('"').filter(|piece| is_code(piece)).collect();
    codes.sort_unstable();
    codes.dedup();
    assert!(codes.len() > 60, "{codes:?}");
    for code in codes {
        let known = document.contains(&format!("`{code}`")) || code.starts_with("response.");
        assert!(known, "docs/security.md does not explain {code}");
        assert_ne!(words::reason(code), code, "there are no words for it");
    }
}

#[test]
fn every_scenario_has_the_same_words_in_events() {
    for scenario in storeward_detect::first_scenarios() {
        assert_eq!(words::behaviour(scenario.name), scenario.title, "{}", scenario.name);
    }
    assert_eq!(words::category("closed_route"), "closed page");
}
