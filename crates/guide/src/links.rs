//! Links in what people paste: found, and shown so that nobody clicks them by mistake.

/// So many are kept of one message.
pub const MOST: usize = 20;
const LONGEST_CHARS: usize = 300;

/// The web addresses in a text, each once, in their order.
pub fn find(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let is_end = |c: char| c.is_whitespace() || c.is_control() || "<>\"'`{}|\\^".contains(c);
    for word in text.split(is_end) {
        let lower = word.to_ascii_lowercase();
        let starts = ["http://", "https://", "hxxp://", "hxxps://", "www.", "ftp://"];
        let Some(at) = starts.iter().filter_map(|start| lower.find(start)).min() else { continue };
        // ASCII changes no positions, so what was found in the small letters stands there in the word as well.
        let Some(link) = word.get(at..) else { continue };
        let link = link.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '…']);
        let link: String = link.chars().take(LONGEST_CHARS).collect();
        if link.len() > 4 && !found.contains(&link) {
            found.push(link);
        }
        if found.len() == MOST {
            break;
        }
    }
    found
}

/// As analysts write addresses that nobody should open: `hxxps[:]//evil[.]example/path`.
pub fn defang(link: &str) -> String {
    let shown: String = link.chars().filter(|c| !is_hidden(*c)).collect();
    let (scheme, rest) = shown.split_once("://").unwrap_or(("", &shown));
    let scheme = scheme.to_ascii_lowercase().replace("ttp", "xxp");
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.replace('.', "[.]").replace('@', "[@]");
    let path = path.replace("://", "[:]//");
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}[:]//{host}{path}") }
}

/// A whole text with every address in it written so.
pub fn defang_all(text: &str) -> String {
    let mut shown: String = text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_hidden(*c)).collect();
    let mut links = find(&shown);
    // The longest first: one may begin another.
    links.sort_by_key(|link| std::cmp::Reverse(link.len()));
    for link in links {
        shown = shown.replace(&link, &defang(&link));
    }
    // Beyond those that are listed.
    shown.replace("http://", "hxxp[:]//").replace("https://", "hxxps[:]//")
}

/// Characters that turn the order of reading, or cannot be seen.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{00AD}')
}

#[cfg(test)]
mod tests {
    use super::*;

    // The list was written so that nobody opens an address by mistake, and the whole message below it was not.
    #[test]
    fn a_whole_message_opens_nothing() {
        let mut said =
            "Pay at https://evil.example/a?x=1, www.evil.example\nor https://evil.example.".to_owned();
        for n in 0..30 {
            said.push_str(&format!(" http://n{n}.example"));
        }
        let shown = defang_all(&said);
        assert!(!shown.contains("://") && !shown.contains("www.evil.example"), "{shown}");
        assert!(
            shown.starts_with("Pay at hxxps[:]//evil[.]example/a?x=1, www[.]evil[.]example\nor "),
            "{shown}"
        );
    }

    #[test]
    fn links_are_found_and_defanged() {
        let text = "Dear customer, confirm at <https://Shop.example.evil.example/login?x=1>, or \"www.evil.example.\" \
                    (http://evil.example:8080/a), https://Shop.example.evil.example/login?x=1 HTTPS://EVIL.example";
        let found = find(text);
        assert_eq!(
            found,
            [
                "https://Shop.example.evil.example/login?x=1",
                "www.evil.example",
                "http://evil.example:8080/a",
                "HTTPS://EVIL.example"
            ]
        );
        let shown: Vec<String> = found.iter().map(|link| defang(link)).collect();
        assert_eq!(shown[0], "hxxps[:]//Shop[.]example[.]evil[.]example/login?x=1");
        assert_eq!(shown[1], "www[.]evil[.]example");
        for link in shown {
            assert!(!link.contains("://") && !link.to_lowercase().contains("http"), "{link}");
        }
        assert_eq!(defang("https://a@evil.example/\u{202E}moc"), "hxxps[:]//a[@]evil[.]example/moc");
    }

    #[test]
    fn many_and_long_ones_are_cut() {
        let many: String = (0..100).map(|n| format!("https://a{n}.example ")).collect();
        assert_eq!(find(&many).len(), MOST);
        let long = format!("https://evil.example/{}", "ä".repeat(10_000));
        assert!(find(&long)[0].chars().count() <= LONGEST_CHARS);
        assert!(find("nothing here; httpx, www").is_empty());
        assert!(!find(&"İhttp://x.example ".repeat(3)).is_empty());
    }
}
