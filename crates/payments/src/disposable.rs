//! Domains of mail addresses to throw away, from a file that the owner gives: no list of others' comes with the program.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Public lists have some ten to hundred thousand lines.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
const MOST_LINES: usize = 500_000;
/// Of a domain name (RFC 1035 2.3.4).
const LONGEST: usize = 253;

/// The list as it was read at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disposable(Arc<BTreeSet<String>>);

/// A name with a point in it, without signs that no domain has.
fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    name.len() <= LONGEST && name.contains('.') && name.split('.').all(is_label)
}

impl Disposable {
    /// Reads the file. What is no domain is refused with its line: a list that is half read is worse than none.
    pub fn read(file: &Path) -> Result<Disposable, String> {
        let shown = file.display();
        let wrong = |why: String| format!("disposable_mail_file {shown}: {why}");
        let opened = File::open(file).map_err(|why| wrong(why.to_string()))?;
        let mut text = String::new();
        // Whatever it says of its size: a device has none, and a file may grow.
        let read = opened.take(MOST_BYTES + 1).read_to_string(&mut text);
        let bytes = read.map_err(|why| wrong(why.to_string()))?;
        if u64::try_from(bytes).is_ok_and(|bytes| bytes > MOST_BYTES) {
            return Err(wrong(format!("it is larger than {MOST_BYTES} bytes")));
        }
        Disposable::parse(&text).map_err(wrong)
    }

    fn parse(text: &str) -> Result<Disposable, String> {
        let mut all = BTreeSet::new();
        for (at, line) in text.lines().enumerate() {
            let name = line.split('#').next().unwrap_or_default().trim().to_ascii_lowercase();
            if name.is_empty() {
                continue;
            }
            if !is_domain(&name) {
                return Err(format!("line {} is no domain", at + 1));
            }
            all.insert(name);
            if all.len() > MOST_LINES {
                return Err(format!("there are more than {MOST_LINES} domains"));
            }
        }
        if all.is_empty() { Err("it names no domain".to_owned()) } else { Ok(Disposable(Arc::new(all))) }
    }

    /// Whether an address at this domain, or at one above it, is one to throw away.
    pub fn has(&self, domain: &str) -> bool {
        let domain = domain.trim_end_matches('.').to_ascii_lowercase();
        let mut rest = domain.as_str();
        loop {
            if self.0.contains(rest) {
                return true;
            }
            match rest.split_once('.') {
                Some((_, above)) if above.contains('.') => rest = above,
                _ => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_and_what_is_below_it_is_found() {
        let list = Disposable::parse("# of today\nThrow-Away.example\n\n  brief.example # remark\n").unwrap();
        for found in ["throw-away.example", "THROW-AWAY.example.", "a.b.throw-away.example", "brief.example"]
        {
            assert!(list.has(found), "{found}");
        }
        for other in ["example", "away.example", "xthrow-away.example", "throw-away.example.org", "", "."] {
            assert!(!list.has(other), "{other}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_file_without_an_end_is_refused() {
        let why = Disposable::read(Path::new("/dev/zero")).unwrap_err();
        assert!(why.contains("larger than"), "{why}");
    }

    #[test]
    fn what_is_no_list_of_domains_is_refused() {
        for (text, says) in [
            ("", "names no domain"),
            ("# nothing\n", "names no domain"),
            ("good.example\nbad domain.example\n", "line 2"),
            ("<html>", "line 1"),
            ("example", "line 1"),
            ("a@b.example", "line 1"),
            ("-a.example", "line 1"),
        ] {
            let why = Disposable::parse(text).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }
}
