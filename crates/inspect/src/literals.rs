//! The prefilter: which rules' literals occur in a string.

use aho_corasick::AhoCorasick;
use aho_corasick::packed::{Config, MatchKind, Searcher};

use crate::bits::Bits;
use crate::compile::automaton;
use crate::rule::LoadError;

/// From this length on a first, coarse look pays.
const LONG: usize = 256;
/// Bytes of a literal that the coarse look goes by, and literals in one look: what the vector search takes.
const WINDOW: usize = 4;
const WINDOWS_AT_ONCE: usize = 64;
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
        let mut parts: Vec<&[u8]> = literals.map(rarest_part).collect();
        parts.sort_unstable();
        parts.dedup();
        if parts.len() <= WINDOWS_AT_ONCE * MOST_LOOKS {
            let searchers = parts.chunks(WINDOWS_AT_ONCE).map(searcher).collect::<Option<Vec<_>>>();
            self.parts = searchers.unwrap_or_default();
        }
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

fn searcher(parts: &[&[u8]]) -> Option<Searcher> {
    Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(parts).build()
}

/// The part of a literal that pages hold least often.
fn rarest_part(literal: &[u8]) -> &[u8] {
    let weight = |part: &&[u8]| part.iter().map(|byte| rarity(*byte)).sum::<u32>();
    literal.windows(WINDOW).max_by_key(weight).unwrap_or(literal)
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
