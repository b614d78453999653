//! docs/asvs.md answers for every requirement of the chapters that it is about: none is forgotten, none stands twice, and what is said
//! to be met names a test. (That the test is there is looked at by `proofs`.)

use std::collections::BTreeMap;

use super::{File, Finding};

const DOCUMENT: &str = "docs/asvs.md";

/// Chapter, section, and how many requirements it has in version 5.0.0 (OWASP/ASVS, 5.0/en): they are numbered from 1.
const SECTIONS: [(u32, u32, u32); 23] = [
    (6, 1, 3),
    (6, 2, 12),
    (6, 3, 8),
    (6, 4, 6),
    (6, 5, 8),
    (6, 6, 4),
    (6, 7, 2),
    (6, 8, 4),
    (7, 1, 3),
    (7, 2, 4),
    (7, 3, 2),
    (7, 4, 5),
    (7, 5, 3),
    (7, 6, 2),
    (9, 1, 3),
    (9, 2, 4),
    (10, 1, 2),
    (10, 2, 3),
    (10, 3, 5),
    (10, 4, 16),
    (10, 5, 5),
    (10, 6, 2),
    (10, 7, 3),
];

/// What a requirement can be.
const ANSWERS: [&str; 4] = ["yes", "partly", "no", "–"];

pub fn check(files: &[File]) -> Vec<Finding> {
    match files.iter().find(|file| file.path == DOCUMENT) {
        Some(document) => check_document(&document.text),
        None => vec![Finding::new(DOCUMENT, "is not there")],
    }
}

fn check_document(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let Some(row) = Row::of(line) else { continue };
        let place = format!("{DOCUMENT}:{}", number + 1);
        if let Some(first) = seen.insert(row.id.to_owned(), number + 1) {
            findings.push(Finding::new(&place, format!("{} stands in line {first} already", row.id)));
        }
        if !is_one(row.id) {
            findings.push(Finding::new(&place, format!("{} is no requirement of these chapters", row.id)));
        }
        findings.extend(row.fault().map(|what| Finding::new(&place, format!("{}: {what}", row.id))));
    }
    let all = SECTIONS.iter().flat_map(|(chapter, section, most)| {
        (1..=*most).map(move |number| format!("{chapter}.{section}.{number}"))
    });
    let missing = all.filter(|id| !seen.contains_key(id));
    findings.extend(missing.map(|id| Finding::new(DOCUMENT, format!("says nothing of {id}"))));
    findings
}

fn is_one(id: &str) -> bool {
    let numbers: Vec<u32> = id.split('.').filter_map(|part| part.parse().ok()).collect();
    let [chapter, section, number] = numbers.as_slice() else { return false };
    let is_here =
        |(a, b, most): &(u32, u32, u32)| a == chapter && b == section && (1..=*most).contains(number);
    SECTIONS.iter().any(is_here)
}

/// `| 6.1.1 | 1 | yes | words | proof |`
struct Row<'l> {
    id: &'l str,
    level: &'l str,
    met: &'l str,
    words: &'l str,
    proof: &'l str,
}

impl<'l> Row<'l> {
    fn of(line: &'l str) -> Option<Self> {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        let [id, level, met, words, proof] = cells.as_slice() else { return None };
        let is_id = id.split('.').count() == 3 && id.split('.').all(|part| part.parse::<u32>().is_ok());
        is_id.then_some(Row { id, level, met, words, proof })
    }

    fn fault(&self) -> Option<&'static str> {
        // Another row's proof counts, too: "as 6.2.6".
        let has_proof =
            self.proof.contains("::") || self.proof.contains(".mjs: ") || self.proof.starts_with("as ");
        if !["1", "2", "3"].contains(&self.level) {
            Some("has no level")
        } else if !ANSWERS.contains(&self.met) {
            Some("is neither yes, partly, no nor –")
        } else if self.words.is_empty() {
            Some("says nothing")
        } else if ["yes", "partly"].contains(&self.met) && !has_proof {
            Some("is said to be met and names no test")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Vec<String> {
        let ids = SECTIONS.iter().flat_map(|(chapter, section, most)| {
            (1..=*most).map(move |number| format!("{chapter}.{section}.{number}"))
        });
        ids.map(|id| format!("| {id} | 1 | yes | words | `a::b::c` |")).collect()
    }

    fn found_in(rows: &[String]) -> Vec<String> {
        check_document(&rows.join("\n")).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_whole_document_has_no_fault() {
        assert_eq!(whole().len(), 47 + 19 + 7 + 36, "the chapters' own sums");
        assert_eq!(found_in(&whole()), Vec::<String>::new());
    }

    #[test]
    fn what_is_forgotten_is_named() {
        let rows: Vec<_> = whole().into_iter().filter(|row| !row.contains("| 10.4.16 |")).collect();
        assert_eq!(found_in(&rows), ["docs/asvs.md: says nothing of 10.4.16"]);
    }

    #[test]
    fn each_row_answers() {
        for (row, what) in [
            ("| 6.1.1 | 1 | yes | words | |", "is said to be met and names no test"),
            ("| 6.1.1 | 1 | partly | words | see above |", "is said to be met and names no test"),
            ("| 6.1.1 | 4 | yes | words | `a::b` |", "has no level"),
            ("| 6.1.1 | 1 | surely | words | `a::b` |", "is neither yes, partly, no nor –"),
            ("| 6.1.1 | 1 | no | | |", "says nothing"),
        ] {
            let mut rows = whole();
            rows[0] = row.to_owned();
            assert_eq!(found_in(&rows), [format!("docs/asvs.md:1: 6.1.1: {what}")], "{row}");
        }
        let mut rows = whole();
        rows[0] = "| 6.1.1 | 1 | no | why | |".to_owned();
        assert_eq!(found_in(&rows), Vec::<String>::new());
        rows.push("| 6.9.1 | 1 | yes | words | `a::b` |".to_owned());
        rows.push("| 6.1.2 | 1 | yes | words | `a::b` |".to_owned());
        let found = found_in(&rows);
        assert!(found[0].ends_with("6.9.1 is no requirement of these chapters"), "{found:?}");
        assert!(found[1].ends_with("6.1.2 stands in line 2 already"), "{found:?}");
    }

    #[test]
    fn tables_of_another_kind_are_none_of_these() {
        assert!(Row::of("| id | L | met | what Storeward does | proof |").is_none());
        assert!(Row::of("| 6.3.3 | 2 | what is missing | what to do |").is_none());
        assert!(Row::of("|---|---|---|---|---|").is_none());
    }
}
