//! What a regular expression needs before it can match: literals of which one must occur, and a least length.
//! Sound by construction: every set here covers every match (tested against the expressions themselves).

use regex_syntax::hir::{Class, Hir, HirKind};

/// More alternatives than this say too little.
const MAX_SET: usize = 96;
/// A literal longer than this is cut; its start must occur as well.
const MAX_LITERAL: usize = 24;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Lower-cased; one of them occurs in every match, letter case aside. `None`: nothing is known.
    pub literals: Option<Vec<Vec<u8>>>,
    pub least_length: usize,
}

/// Parses in byte mode with `s` on, as the engine compiles.
pub(crate) fn parse(pattern: &str) -> Result<Hir, String> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .build()
        .parse(pattern)
        .map_err(|error| error.to_string())
}

pub(crate) fn needs(hir: &Hir) -> Needs {
    let seen = look(hir);
    let literals =
        better(seen.exact, seen.inside).filter(|set| set.iter().all(|literal| !literal.is_empty()));
    Needs { literals, least_length: hir.properties().minimum_len().unwrap_or(0) }
}

/// What is known about a part of an expression.
struct Seen {
    /// Everything the part can match, lower-cased, if that is a small set.
    exact: Option<Vec<Vec<u8>>>,
    /// A set of which one occurs inside every match of the part.
    inside: Option<Vec<Vec<u8>>>,
}

const NOTHING: Seen = Seen { exact: None, inside: None };

fn look(hir: &Hir) -> Seen {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Seen { exact: Some(vec![Vec::new()]), inside: None },
        HirKind::Literal(literal) => {
            Seen { exact: Some(vec![literal.0.to_ascii_lowercase()]), inside: None }.shortened()
        }
        HirKind::Class(class) => Seen { exact: class_bytes(class), inside: None },
        HirKind::Capture(capture) => look(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min == 1 && repetition.max == Some(1) => {
            look(&repetition.sub)
        }
        HirKind::Repetition(repetition) if repetition.min == 0 && repetition.max == Some(1) => {
            let mut exact = look(&repetition.sub).exact;
            if let Some(set) = exact.as_mut() {
                set.push(Vec::new());
            }
            Seen { exact, inside: None }
        }
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            let sub = look(&repetition.sub);
            Seen { exact: None, inside: better(sub.exact, sub.inside) }
        }
        HirKind::Repetition(_) => NOTHING,
        HirKind::Concat(parts) => concat(parts),
        HirKind::Alternation(parts) => alternation(parts),
    }
}

impl Seen {
    fn shortened(self) -> Seen {
        match self.exact {
            Some(set) if set.iter().any(|literal| literal.len() > MAX_LITERAL) => {
                let cut =
                    set.into_iter().map(|literal| literal.into_iter().take(MAX_LITERAL).collect()).collect();
                Seen { exact: None, inside: better(Some(cut), self.inside) }
            }
            exact => Seen { exact, inside: self.inside },
        }
    }
}

fn concat(parts: &[Hir]) -> Seen {
    let mut best = None;
    let mut run = vec![Vec::new()];
    let mut unbroken = true;
    for part in parts {
        let seen = look(part);
        best = better(best, seen.inside);
        let joined = seen.exact.as_ref().and_then(|set| product(&run, set));
        match joined {
            Some(joined) => run = joined,
            None => {
                unbroken = false;
                best = better(best, Some(std::mem::replace(&mut run, vec![Vec::new()])));
                if let Some(set) = seen.exact {
                    run = set;
                }
            }
        }
    }
    match unbroken {
        true => Seen { exact: Some(run), inside: best }.shortened(),
        false => Seen { exact: None, inside: better(best, Some(run)) },
    }
}

fn alternation(parts: &[Hir]) -> Seen {
    let seen: Vec<Seen> = parts.iter().map(look).collect();
    let all_exact = seen.iter().map(|part| part.exact.clone()).collect::<Option<Vec<_>>>();
    if let Some(sets) = all_exact {
        let set = united(sets);
        if set.len() <= MAX_SET {
            return Seen { exact: Some(set), inside: None };
        }
        return Seen { exact: None, inside: Some(set).filter(|set| set.len() <= MAX_SET * 8) };
    }
    let inside = seen.into_iter().map(|part| better(part.exact, part.inside)).collect::<Option<Vec<_>>>();
    Seen { exact: None, inside: inside.map(united).filter(|set| set.len() <= MAX_SET * 8) }
}

fn united(sets: Vec<Vec<Vec<u8>>>) -> Vec<Vec<u8>> {
    let mut set: Vec<Vec<u8>> = sets.into_iter().flatten().collect();
    set.sort();
    set.dedup();
    set
}

fn product(left: &[Vec<u8>], right: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    if left.len() * right.len() > MAX_SET {
        return None;
    }
    let joined: Vec<Vec<u8>> =
        left.iter().flat_map(|start| right.iter().map(move |end| [start.as_slice(), end].concat())).collect();
    joined.iter().all(|literal| literal.len() <= 2 * MAX_LITERAL).then_some(joined)
}

fn class_bytes(class: &Class) -> Option<Vec<Vec<u8>>> {
    let ranges: Vec<(u8, u8)> = match class {
        Class::Bytes(bytes) => bytes.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Unicode(chars) => chars
            .iter()
            .map(|range| Some((u8::try_from(range.start()).ok()?, u8::try_from(range.end()).ok()?)))
            .collect::<Option<Vec<_>>>()
            .filter(|ranges| ranges.iter().all(|(_, end)| end.is_ascii()))?,
    };
    let mut set = Vec::new();
    for (start, end) in ranges {
        if usize::from(end - start) + set.len() > 24 {
            return None;
        }
        set.extend((start..=end).map(|byte| vec![byte.to_ascii_lowercase()]));
    }
    set.sort();
    set.dedup();
    (set.len() <= 12).then_some(set)
}

/// The set that says more: longer shortest literal first, then fewer literals.
fn better(left: Option<Vec<Vec<u8>>>, right: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let worth = |set: &Vec<Vec<u8>>| {
        let shortest = set.iter().map(Vec::len).min().unwrap_or(0);
        (shortest.min(4), usize::MAX - set.len())
    };
    match (left, right) {
        (Some(left), Some(right)) if worth(&right) > worth(&left) => Some(right),
        (Some(left), _) => Some(left),
        (None, right) => right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(pattern: &str) -> Option<Vec<String>> {
        let needs = needs(&parse(pattern).unwrap());
        Some(needs.literals?.iter().map(|literal| String::from_utf8_lossy(literal).into_owned()).collect())
    }

    #[test]
    fn finds_what_every_match_must_contain() {
        assert_eq!(literals("(?i)onion\\s+selects"), Some(vec!["onion".to_owned()]));
        assert_eq!(literals("a.*b"), Some(vec!["a".to_owned()]));
        assert_eq!(literals("(?:foo|bar)[^x]"), Some(vec!["bar".to_owned(), "foo".to_owned()]));
        assert_eq!(literals("\\d*"), None);
        assert_eq!(literals("(?:foo)?"), None);
        assert_eq!(literals("x(?:foo)?y").map(|set| set.len()), Some(2));
    }
}
