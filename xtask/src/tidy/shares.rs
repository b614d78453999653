//! No crate may become the house: its share of all lines of the product.

use super::{File, Finding, source};

/// In percent. The plan says 15 once all domains are there; a crate weighs more while it has few neighbours.
const LARGEST: usize = 20;

/// Crates that may be larger for now, and why.
const LARGER: [(&str, usize, &str); 1] =
    [("edge", 40, "the first domain; its share falls with each that comes")];

pub fn check(files: &[File]) -> Vec<Finding> {
    let mut sizes: Vec<(&str, usize)> = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let Some((name, "src", _)) = parts(&file.path) else { continue };
        let lines = file.text.lines().count() - source::test_lines(&source::blank(&file.text));
        match sizes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, size)) => *size += lines,
            None => sizes.push((name, lines)),
        }
    }
    judge(&sizes)
}

/// `crates/<name>/<folder>/<rest>`
fn parts(path: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = path.strip_prefix("crates/")?.split_once('/')?;
    let (folder, rest) = rest.split_once('/')?;
    Some((name, folder, rest))
}

fn judge(sizes: &[(&str, usize)]) -> Vec<Finding> {
    let all: usize = sizes.iter().map(|(_, size)| size).sum();
    let mut findings = Vec::new();
    for (name, size) in sizes {
        let most = LARGER.iter().find(|(known, ..)| known == name).map_or(LARGEST, |(_, most, _)| *most);
        if size * 100 > all * most {
            let share = size * 100 / all.max(1);
            findings.push(Finding::new(
                format!("crates/{name}"),
                format!("{size} of {all} lines are {share} % of the workspace; a crate stops at {most} %"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_stops_at_its_share() {
        let even = [("a", 20), ("b", 20), ("c", 20), ("d", 20), ("e", 20)];
        assert_eq!(judge(&even), []);
        let found = judge(&[("edge", 40), ("b", 30), ("c", 15), ("d", 15)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "crates/b");
    }

    #[test]
    fn only_what_runs_counts() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n\n\n\n}\n".to_owned();
        let mut files = vec![File { path: "crates/a/tests/x.rs".into(), text: text.clone() }];
        for name in ["a", "b", "c", "d", "e"] {
            files.push(File { path: format!("crates/{name}/src/lib.rs"), text: text.clone() });
        }
        assert_eq!(check(&files), []);
    }
}
