//! The prefilter: which rules' literals occur in a string.

use aho_corasick::AhoCorasick;
use aho_corasick::packed::{Config, MatchKind, Searcher};

use crate::bits::Bits;
use crate::compile::automaton;
use crate::rule::LoadError;

/// From this length on a first, coarse look pays.
const LONG: usize = 256;
/// The vector search compares so many bytes of a literal at once,
const WINDOW: usize = 4;
/// and then as many more, so that an ordinary page holds none of them: with four alone, `&quot;` and `<h1>` sent nearly every page
/// through the automaton.
const PART: usize = 10;
/// Up to so many parts the search takes 32 bytes of a text at a time, beyond them 16, and 64 is all that it takes.
const PARTS_AT_ONCE: [usize; 2] = [32, 64];
/// With more looks than this the automaton is as fast.
const MOST_LOOKS: usize = 2;

pub(crate) struct Literals {
    automaton: Option<AhoCorasick>,
    /// The coarse look: a part of each literal. Empty where there are too many.
    parts: Vec<Searcher>,
    pub rules_of_literal: Vec<Vec<u16>>,
    /// Rules of which no literal is known.
    pub without: Bits,
}

impl Literals {
    pub fn none(rules: usize) -> Literals {
        Literals {
            automaton: None,
            parts: Vec::new(),
            rules_of_literal: Vec::new(),
            without: Bits::new(rules),
        }
    }

    /// Takes the literals, lower-cased, in the order of [`Literals::rules_of_literal`].
    pub fn look_for<'l>(
        &mut self,
        literals: impl Iterator<Item = &'l [u8]> + Clone,
    ) -> Result<(), LoadError> {
        if literals.clone().next().is_none() {
            return Ok(());
        }
        self.automaton = Some(automaton(literals.clone())?);
        self.parts = looks(literals).unwrap_or_default();
        Ok(())
    }

    /// Adds the rules of which a literal occurs in the text. `lower` is room to work in.
    pub fn find(&self, text: &[u8], lower: &mut Vec<u8>, candidates: &mut Bits) {
        let Some(automaton) = &self.automaton else { return };
        if text.len() >= LONG && !self.parts.is_empty() {
            lower.clear();
            lower.extend_from_slice(text);
            lower.make_ascii_lowercase();
            if !self.parts.iter().any(|part| part.find(&lower).is_some()) {
                return;
            }
        }
        for found in automaton.find_overlapping_iter(text) {
            let rules = self.rules_of_literal.get(found.pattern().as_usize());
            rules.into_iter().flatten().for_each(|rule| candidates.set(usize::from(*rule)));
        }
    }
}

/// The coarse looks: as few and as narrow as the literals let them be. `None`: they would not pay.
fn looks<'l>(literals: impl Iterator<Item = &'l [u8]> + Clone) -> Option<Vec<Searcher>> {
    [PART, WINDOW].into_iter().find_map(|length| {
        let parts = parts(literals.clone(), length);
        let at_once = PARTS_AT_ONCE.into_iter().find(|at_once| parts.len() <= at_once * MOST_LOOKS)?;
        parts.chunks(at_once).map(searcher).collect()
    })
}

fn searcher(parts: &[&[u8]]) -> Option<Searcher> {
    Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(parts).build()
}

/// The rarest part of each literal, without those that begin with another.
fn parts<'l>(literals: impl Iterator<Item = &'l [u8]>, length: usize) -> Vec<&'l [u8]> {
    let mut parts: Vec<&[u8]> = literals.map(|literal| rarest_part(literal, length)).collect();
    parts.sort_unstable();
    // Sorted, a part follows those that it begins with, and nothing else stands between.
    parts.dedup_by(|later, before| later.starts_with(before));
    parts
}

/// Up to so many bytes of a literal, from the few on that pages hold least often.
fn rarest_part(literal: &[u8], length: usize) -> &[u8] {
    let last = literal.len().saturating_sub(length);
    let weight = |at: &usize| {
        let window = literal.get(*at..).unwrap_or_default();
        window.iter().take(WINDOW).map(|byte| rarity(*byte)).sum::<u32>()
    };
    let rest = (0..=last).max_by_key(weight).and_then(|at| literal.get(at..)).unwrap_or(literal);
    rest.get(..length).unwrap_or(rest)
}

fn rarity(byte: u8) -> u32 {
    match byte {
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b' ' => 0,
        b'j' | b'k' | b'q' | b'v' | b'w' | b'x' | b'z' | b'_' => 3,
        b'a'..=b'z' | b'0'..=b'9' | b'"' | b'=' | b'-' | b'/' | b'.' => 1,
        b'<' | b'>' => 2,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn literals(words: &[&str]) -> Literals {
        let mut literals = Literals::none(words.len());
        literals.look_for(words.iter().map(|word| word.as_bytes())).unwrap();
        literals.rules_of_literal = (0..words.len()).map(|at| vec![u16::try_from(at).unwrap()]).collect();
        literals
    }

    fn found(literals: &Literals, text: &[u8]) -> Vec<usize> {
        let mut candidates = Bits::new(literals.rules_of_literal.len());
        literals.find(text, &mut Vec::new(), &mut candidates);
        candidates.iter().collect()
    }

    // What the look costs where it finds something is the whole automaton: four bytes alone were in nearly every page.
    #[test]
    fn what_pages_are_made_of_needs_no_second_look() {
        let errors = [
            "quoted string not properly terminated",
            "<h1>index of /",
            "microsoft ole db provider",
            "stack trace:",
        ];
        let all = literals(&errors);
        let found = |text: &str| all.parts.iter().any(|part| part.find(text).is_some());
        for page in ["&quot;a mug&quot;", "<h1>index</h1>", "we provide mugs", "track and trace"] {
            assert!(!found(page), "{page}");
        }
        for error in errors {
            assert!(found(error), "{error}");
        }
    }

    #[test]
    fn parts_leave_out_those_that_begin_with_another() {
        let all: [&[u8]; 5] = [b"xception", b"xception in", b"xcept", b"zzz", b"xcepu"];
        assert_eq!(parts(all.into_iter(), 20), [b"xcept".as_slice(), b"xcepu", b"zzz"]);
        assert_eq!(rarest_part(b"a", 10), b"a");
        assert_eq!(rarest_part(b"", 10), b"");
    }

    const WORDS: [&str; 6] = ["sqlstate[", "pg", "stack trace:", "ora-", "at line", "<b>warning"];

    #[test]
    fn long_texts_are_looked_at_coarsely() {
        assert!(!literals(&WORDS).parts.is_empty());
    }

    proptest! {
        #[test]
        fn the_coarse_look_misses_nothing(
            before in 0..600_usize, after in 0..600_usize, which in 0..WORDS.len(), upper: bool, fill in "[ -~]{1,7}",
        ) {
            let word = if upper { WORDS[which].to_ascii_uppercase() } else { WORDS[which].to_owned() };
            let filler = |count: usize| fill.chars().cycle().take(count).collect::<String>();
            let text = [filler(before), word, filler(after)].concat();
            prop_assert!(found(&literals(&WORDS), text.as_bytes()).contains(&which));
        }
    }
}
