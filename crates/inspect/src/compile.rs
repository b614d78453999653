//! Compiles rules: pipelines share prefixes, literals go into one automaton, bit sets say which rule may see what.

use std::collections::HashMap;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use regex::bytes::{Regex, RegexBuilder};

use crate::bits::Bits;
use crate::literals::Literals;
use crate::pattern::{self, Needs};
use crate::rule::Transformation;
use crate::rule::{
    Action, Collection, Condition, LoadError, Operator, Phase, Rule, RuleInfo, SecretFields, Variable,
};
use crate::transform::ByteMask;

/// All rules of one direction (request or response).
pub(crate) struct Side {
    pub rules: Vec<CompiledRule>,
    /// Step 0 is the value itself; every other step continues an earlier one.
    pub steps: Vec<Step>,
    pub rules_of_step: Vec<Bits>,
    pub rules_of_collection: Vec<Bits>,
    /// The steps that the collection's rules need, parents first.
    pub steps_of_collection: Vec<Vec<usize>>,
    pub early: Bits,
    pub late: Bits,
    /// Both.
    pub all: Bits,
    pub skips_secrets: Bits,
    pub literals: Literals,
}

pub(crate) struct Step {
    pub parent: usize,
    pub transformation: Transformation,
    pub trigger: ByteMask,
}

pub(crate) struct CompiledRule {
    pub info: RuleInfo,
    pub condition: CompiledCondition,
    pub chain: Vec<CompiledCondition>,
    /// A match contains one of these bytes.
    pub mask: ByteMask,
    pub least_length: usize,
}

pub(crate) struct CompiledCondition {
    pub variables: Vec<Variable>,
    pub exclusions: Vec<Variable>,
    pub transformations: Vec<Transformation>,
    pub operator: CompiledOperator,
    pub negated: bool,
}

pub(crate) enum CompiledOperator {
    Rx(Regex),
    Phrases(AhoCorasick),
    Within(Vec<Vec<u8>>),
    DetectSqli,
    DetectXss,
    DetectSqliAsWritten,
    DetectXssAsWritten,
    InvalidUtf8,
    CardNumber,
    Always,
}

/// What the decoding pipelines undo begins with one of these.
const ENCODINGS: &[u8] = b"%&\\";

fn holds_encoding(value: &[u8]) -> bool {
    memchr::memchr3(b'%', b'&', b'\\', value).is_some()
}

impl Side {
    pub fn compile(rules: Vec<Rule>, late: Phase) -> Result<Side, LoadError> {
        let count = rules.len();
        u16::try_from(count).map_err(|_| LoadError::TooManyRules)?;
        let mut builder = Builder::new(count, late);
        for rule in rules {
            builder.add(rule)?;
        }
        builder.finish()
    }
}

struct Builder {
    side: Side,
    late: Phase,
    literals: HashMap<Vec<u8>, Vec<u16>>,
}

impl Builder {
    fn new(count: usize, late: Phase) -> Builder {
        let root =
            Step { parent: 0, transformation: Transformation::Lowercase, trigger: ByteMask::default() };
        let side = Side {
            rules: Vec::with_capacity(count),
            steps: vec![root],
            rules_of_step: vec![Bits::new(count)],
            rules_of_collection: vec![Bits::new(count); Collection::COUNT],
            steps_of_collection: vec![Vec::new(); Collection::COUNT],
            early: Bits::new(count),
            late: Bits::new(count),
            all: Bits::new(count),
            skips_secrets: Bits::new(count),
            literals: Literals::none(count),
        };
        Builder { side, late, literals: HashMap::new() }
    }

    fn add(&mut self, rule: Rule) -> Result<(), LoadError> {
        let index = self.side.rules.len();
        let step = self.step_for(&rule.condition.transformations)?;
        let needs = needs_of(&rule)?;
        if let Some(bits) = self.side.rules_of_step.get_mut(step) {
            bits.set(index);
        }
        for variable in &rule.condition.variables {
            if let Some(bits) = self.side.rules_of_collection.get_mut(variable.collection.index()) {
                bits.set(index);
            }
        }
        self.side.all.set(index);
        if rule.phase == self.late {
            self.side.late.set(index)
        } else {
            self.side.early.set(index)
        }
        if rule.secret_fields == SecretFields::Skip {
            self.side.skips_secrets.set(index);
        }
        let mask = self.note_literals(index, needs.literals, &rule.condition.operator);
        let condition = compile_condition(rule.id, rule.condition)?;
        let chain =
            rule.chain.into_iter().map(|link| compile_condition(rule.id, link)).collect::<Result<_, _>>()?;
        let info = RuleInfo {
            id: rule.id,
            phase: rule.phase,
            category: rule.category,
            severity: rule.severity,
            action: rule.action,
            message: Arc::from(rule.message.as_ref()),
        };
        let least_length = needs.least_length;
        self.side.rules.push(CompiledRule { info, condition, chain, mask, least_length });
        Ok(())
    }

    /// The step at the end of a pipeline, sharing every prefix that exists already.
    fn step_for(&mut self, pipeline: &[Transformation]) -> Result<usize, LoadError> {
        let mut at = 0;
        for transformation in pipeline {
            let known = self.side.steps.iter().enumerate().skip(1);
            let known = known
                .filter(|(_, step)| step.parent == at && step.transformation == *transformation)
                .map(|(index, _)| index)
                .next();
            at = match known {
                Some(index) => index,
                None => {
                    let trigger = crate::transform::trigger(*transformation);
                    self.side.steps.push(Step { parent: at, transformation: *transformation, trigger });
                    self.side.rules_of_step.push(Bits::new(self.side.early.capacity()));
                    self.side.steps.len() - 1
                }
            };
        }
        if self.side.steps.len() > 255 { Err(LoadError::TooManyPipelines) } else { Ok(at) }
    }

    /// Literals of one byte would fire everywhere: they stay in the byte mask and out of the automaton.
    fn note_literals(
        &mut self,
        index: usize,
        literals: Option<Vec<Vec<u8>>>,
        operator: &Operator,
    ) -> ByteMask {
        let mut mask = ByteMask::default();
        let Some(literals) = literals else {
            self.side.literals.without.set(index);
            return mask_of(operator);
        };
        for literal in &literals {
            let rarest = literal.iter().max_by_key(|byte| rarity(**byte)).copied().unwrap_or(0);
            mask.insert(rarest.to_ascii_lowercase());
            mask.insert(rarest.to_ascii_uppercase());
        }
        let too_common = self.late == Phase::ResponseBody && literals.iter().any(|l| is_common(l));
        if too_common || literals.iter().any(|literal| literal.len() < 2) {
            self.side.literals.without.set(index);
            return mask;
        }
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        for literal in literals {
            let rules = self.literals.entry(literal).or_default();
            if !rules.contains(&index) {
                rules.push(index);
            }
        }
        mask
    }

    fn finish(mut self) -> Result<Side, LoadError> {
        let mut literals: Vec<(Vec<u8>, Vec<u16>)> = self.literals.into_iter().collect();
        literals.sort();
        self.side.literals.look_for(literals.iter().map(|(literal, _)| literal.as_slice()))?;
        let needed =
            self.side.rules_of_collection.iter().map(|rules| steps_needed(&self.side, rules)).collect();
        self.side.steps_of_collection = needed;
        self.side.literals.rules_of_literal = literals.into_iter().map(|(_, rules)| rules).collect();
        Ok(self.side)
    }
}

/// Parents have smaller numbers than the steps that continue them, so one pass from the end finds all.
fn steps_needed(side: &Side, rules: &Bits) -> Vec<usize> {
    let mut needed: Vec<bool> = side.rules_of_step.iter().map(|of_step| of_step.meets(rules)).collect();
    for index in (1..side.steps.len()).rev() {
        let parent = side.steps.get(index).map_or(0, |step| step.parent);
        if needed.get(index) == Some(&true)
            && let Some(slot) = needed.get_mut(parent)
        {
            *slot = true;
        }
    }
    needed.iter().enumerate().skip(1).filter(|(_, needed)| **needed).map(|(index, _)| index).collect()
}

/// Whether nearly every page holds the literal: then looking for it rules nothing out.
fn is_common(literal: &[u8]) -> bool {
    literal.len() <= 4 && literal.iter().all(|byte| rarity(*byte) == 0)
}

pub(crate) fn automaton<'l>(literals: impl Iterator<Item = &'l [u8]>) -> Result<AhoCorasick, LoadError> {
    AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(literals)
        .map_err(|error| LoadError::Prefilter(error.to_string()))
}

fn rarity(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b' ' => 0,
        b'0'..=b'9' | b'.' | b'-' | b'_' => 1,
        b'/' | b':' | b',' | b'=' | b'&' => 2,
        _ => 3,
    }
}

/// Digits of the shortest card number that is looked for (Maestro has fewer, as too much else has).
const SHORTEST_CARD: usize = 13;

/// The bytes without which an operator that has no literals cannot match.
fn mask_of(operator: &Operator) -> ByteMask {
    match operator {
        Operator::DetectSqli => crate::sqli::trigger(),
        Operator::DetectXss => crate::xss::trigger(),
        Operator::DetectSqliAsWritten => {
            let mut mask = ByteMask::from_bytes(ENCODINGS);
            crate::sqli::WIDE_SPACES_BEGIN.iter().for_each(|byte| mask.insert(*byte));
            mask
        }
        Operator::DetectXssAsWritten => ByteMask::from_bytes(ENCODINGS),
        Operator::InvalidUtf8 => {
            let mut mask = ByteMask::default();
            (0x80..=0xff).for_each(|byte| mask.insert(byte));
            mask
        }
        Operator::CardNumber => {
            let mut mask = ByteMask::from_bytes(b"0123456789");
            crate::cards::FOREIGN_DIGITS_BEGIN.iter().for_each(|byte| mask.insert(*byte));
            mask
        }
        _ => ByteMask::all(),
    }
}

fn needs_of(rule: &Rule) -> Result<Needs, LoadError> {
    let nothing = Needs { literals: None, least_length: 0 };
    if rule.condition.negated {
        return Ok(nothing);
    }
    let lower = |phrase: &str| phrase.to_ascii_lowercase().into_bytes();
    match &rule.condition.operator {
        Operator::Rx(source) => {
            let hir = pattern::parse(source)
                .map_err(|reason| LoadError::BadPattern { rule_id: rule.id, reason })?;
            Ok(pattern::needs(&hir))
        }
        Operator::Phrases(phrases) | Operator::Within(phrases) => {
            let literals: Vec<Vec<u8>> = phrases.iter().map(|phrase| lower(phrase)).collect();
            let least_length = literals.iter().map(Vec::len).min().unwrap_or(0);
            Ok(Needs { literals: (least_length > 0).then_some(literals), least_length })
        }
        Operator::Equals(text) => {
            Ok(Needs { literals: (!text.is_empty()).then(|| vec![lower(text)]), least_length: text.len() })
        }
        Operator::DetectSqli
        | Operator::DetectXss
        | Operator::DetectSqliAsWritten
        | Operator::DetectXssAsWritten => Ok(Needs { literals: None, least_length: 3 }),
        Operator::CardNumber => Ok(Needs { literals: None, least_length: SHORTEST_CARD }),
        Operator::InvalidUtf8 | Operator::Always => Ok(nothing),
    }
}

fn compile_condition(rule_id: u32, condition: Condition) -> Result<CompiledCondition, LoadError> {
    let operator = match condition.operator {
        Operator::Rx(source) => RegexBuilder::new(&source)
            .unicode(false)
            .dot_matches_new_line(true)
            .build()
            .map(CompiledOperator::Rx)
            .map_err(|error| LoadError::BadPattern { rule_id, reason: error.to_string() })?,
        Operator::Phrases(phrases) => {
            CompiledOperator::Phrases(automaton(phrases.iter().map(|phrase| phrase.as_bytes()))?)
        }
        Operator::Equals(text) => CompiledOperator::Within(vec![text.as_bytes().to_vec()]),
        Operator::Within(texts) => {
            CompiledOperator::Within(texts.iter().map(|text| text.as_bytes().to_vec()).collect())
        }
        Operator::DetectSqli => CompiledOperator::DetectSqli,
        Operator::DetectSqliAsWritten => CompiledOperator::DetectSqliAsWritten,
        Operator::DetectXss => CompiledOperator::DetectXss,
        Operator::DetectXssAsWritten => CompiledOperator::DetectXssAsWritten,
        Operator::InvalidUtf8 => CompiledOperator::InvalidUtf8,
        Operator::CardNumber => CompiledOperator::CardNumber,
        Operator::Always => CompiledOperator::Always,
    };
    Ok(CompiledCondition {
        variables: condition.variables,
        exclusions: condition.exclusions,
        transformations: condition.transformations,
        operator,
        negated: condition.negated,
    })
}

impl CompiledCondition {
    pub fn covers(&self, collection: Collection, name: &[u8]) -> bool {
        self.variables.iter().any(|variable| variable.selects(collection, name))
            && !self.exclusions.iter().any(|variable| variable.selects(collection, name))
    }

    /// Where the transformed value meets the condition. `goes_on`: it is a piece that was cut at its end.
    pub fn matched(&self, value: &[u8], goes_on: bool) -> Option<std::ops::Range<usize>> {
        let found = match &self.operator {
            CompiledOperator::Rx(regex) => regex.find(value).map(|found| found.range()),
            CompiledOperator::Phrases(phrases) => phrases.find(value).map(|found| found.range()),
            CompiledOperator::Within(texts) => {
                texts.iter().any(|text| value.eq_ignore_ascii_case(text)).then_some(0..value.len())
            }
            CompiledOperator::DetectSqli => crate::sqli::detect(value),
            CompiledOperator::DetectXss => crate::xss::detect(value, goes_on),
            CompiledOperator::DetectSqliAsWritten => {
                let differs = holds_encoding(value) || crate::sqli::holds_wide_space(value);
                differs.then(|| crate::sqli::detect(value))?
            }
            CompiledOperator::DetectXssAsWritten => {
                holds_encoding(value).then(|| crate::xss::detect(value, goes_on))?
            }
            CompiledOperator::InvalidUtf8 => {
                std::str::from_utf8(value).err().map(|error| error.valid_up_to()..value.len())
            }
            CompiledOperator::CardNumber => {
                let found = crate::cards::find(value).first().map(|span| span.start..span.end);
                // Nothing of it is shown: what is written down masks digits of ASCII. What counts only where it is refused is told
                // apart there.
                found.or_else(|| {
                    (crate::cards::has_foreign(value) || crate::cards::has_typed(value)).then_some(0..0)
                })
            }
            CompiledOperator::Always => Some(0..value.len()),
        };
        match (self.negated, found) {
            (false, found) => found,
            (true, None) => Some(0..value.len()),
            (true, Some(_)) => None,
        }
    }
}

impl CompiledRule {
    /// Whether the cheap checks leave room for a match.
    pub fn may_match(&self, value: &[u8], mask: &ByteMask) -> bool {
        self.condition.negated
            || (value.len() >= self.least_length
                && (mask.meets(&self.mask) || matches!(self.condition.operator, CompiledOperator::Always)))
    }

    /// What the match adds.
    pub fn score(&self) -> u32 {
        match self.info.action {
            Action::Score | Action::Deny => self.info.severity.score(),
            Action::Challenge | Action::Report => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::sync::LazyLock;

    use super::*;
    use crate::Engine;

    static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::with_own_rules().unwrap());

    /// "The prefilter says no" must imply "the operator says no".
    fn check(side: &Side, text: &[u8]) {
        let mask = ByteMask::of(text);
        let mut candidates = side.literals.without.clone();
        side.literals.find(text, &mut Vec::new(), &mut candidates);
        let candidates: Vec<usize> = candidates.iter().collect();
        for (index, rule) in side.rules.iter().enumerate() {
            let passed = candidates.contains(&index) && rule.may_match(text, &mask);
            let id = rule.info.id;
            assert!(
                passed || rule.condition.matched(text, false).is_none(),
                "{id} hides {:?}",
                text.escape_ascii().to_string()
            );
        }
    }

    fn corpus() -> Vec<&'static str> {
        let attacks = include_str!("../tests/corpus/attacks.txt");
        attacks.lines().chain(include_str!("../tests/corpus/legitimate.txt").lines()).collect()
    }

    #[test]
    fn the_prefilter_hides_no_match_in_the_corpora() {
        for line in corpus() {
            check(&ENGINE.request, line.as_bytes());
            check(&ENGINE.response, line.as_bytes());
            check(&ENGINE.request, line.to_ascii_uppercase().as_bytes());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn the_prefilter_hides_no_match_in_mixtures(
            first in 0..1_300_usize, second in 0..1_300_usize, cut in 0..40_usize, noise in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            let corpus = corpus();
            let first = corpus[first % corpus.len()].as_bytes();
            let second = corpus[second % corpus.len()].as_bytes();
            let mixture = [&first[..cut.min(first.len())], &noise, &second[second.len().min(cut / 2)..]].concat();
            check(&ENGINE.request, &mixture);
            check(&ENGINE.response, &mixture);
        }
    }
}
