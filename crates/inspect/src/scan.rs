//! Runs rules over one value: derive the few distinct strings its pipelines give, find candidates, verify them.

use std::ops::Range;

use crate::bits::Bits;
use crate::compile::{CompiledRule, Side};
use crate::transform::{self, ByteMask};
use crate::values::View;

/// A text of so many bytes is long for so few candidates.
const MUCH: usize = 512;
const FEW: usize = 2;

/// Buffers that live as long as a transaction, so that passing values allocate nothing.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Distinct strings beyond the value itself, by number minus one.
    derived: Vec<Vec<u8>>,
    used: usize,
    /// Of the strings; empty where no step asks.
    masks: Vec<ByteMask>,
    lower: Vec<u8>,
    /// For each step the number of the string it gives; 0 is the value itself.
    string_of_step: Vec<usize>,
    applicable: Bits,
    of_string: Bits,
    candidates: Bits,
    /// Bytes looked at by transformations, the automaton and verification: what the linearity test counts.
    pub work: usize,
}

/// A rule that matched, and where in which string.
pub(crate) struct Hit<'s> {
    pub rule: &'s CompiledRule,
    pub matched: Vec<u8>,
}

impl Scratch {
    /// Calls `hit` for every rule of `active` that matches the value; chains are left to the caller.
    pub fn scan<'s>(
        &mut self,
        side: &'s Side,
        active: &Bits,
        value: &View<'_>,
        hit: &mut dyn FnMut(Hit<'s>),
    ) {
        let collection = value.collection.index();
        let Some(rules) = side.rules_of_collection.get(collection) else { return };
        self.applicable.copy_from(rules);
        self.applicable.keep(active);
        if value.secret {
            self.applicable.remove(&side.skips_secrets);
        }
        if self.applicable.is_empty() {
            return;
        }
        self.derive(side, collection, value.bytes);
        for number in 0..=self.used {
            self.scan_string(side, value, number, hit);
        }
    }

    fn derive(&mut self, side: &Side, collection: usize, bytes: &[u8]) {
        self.used = 0;
        self.masks.clear();
        self.string_of_step.clear();
        self.string_of_step.resize(side.steps.len(), 0);
        let steps = side.steps_of_collection.get(collection).map(Vec::as_slice).unwrap_or_default();
        if steps.is_empty() {
            return;
        }
        self.masks.push(ByteMask::of(bytes));
        for index in steps {
            let Some(step) = side.steps.get(*index) else { continue };
            let parent = self.string_of_step.get(step.parent).copied().unwrap_or(0);
            let changes = self.masks.get(parent).is_some_and(|mask| mask.meets(&step.trigger));
            let number = if changes { self.transform(step.transformation, parent, bytes) } else { parent };
            if let Some(slot) = self.string_of_step.get_mut(*index) {
                *slot = number;
            }
        }
    }

    /// Applies one step and answers the number of the string it gives, which may be one that was there before.
    fn transform(&mut self, step: crate::rule::Transformation, parent: usize, bytes: &[u8]) -> usize {
        if self.derived.len() == self.used {
            self.derived.push(Vec::new());
        }
        let mut out = self.derived.get_mut(self.used).map(std::mem::take).unwrap_or_default();
        out.clear();
        let source = string(&self.derived, bytes, parent);
        self.work += source.len();
        transform::apply(step, source, &mut out);
        let same = (0..=self.used).find(|number| string(&self.derived, bytes, *number) == out.as_slice());
        let number = same.unwrap_or(self.used + 1);
        if same.is_none() {
            self.masks.push(ByteMask::of(&out));
        }
        if let Some(slot) = self.derived.get_mut(self.used) {
            *slot = out;
        }
        self.used = self.used.max(number);
        number
    }

    fn scan_string<'s>(
        &mut self,
        side: &'s Side,
        value: &View<'_>,
        number: usize,
        hit: &mut dyn FnMut(Hit<'s>),
    ) {
        self.of_string.copy_from(&self.applicable);
        if self.used > 0 {
            self.of_string.clear();
            for (step, string) in self.string_of_step.iter().enumerate() {
                if let (true, Some(rules)) = (*string == number, side.rules_of_step.get(step)) {
                    self.of_string.add(rules);
                }
            }
            self.of_string.keep(&self.applicable);
            if self.of_string.is_empty() {
                return;
            }
        }
        let text = string(&self.derived, value.bytes, number);
        self.candidates.copy_from(&side.literals.without);
        self.work += text.len();
        side.literals.find(text, &mut self.lower, &mut self.candidates);
        self.candidates.keep(&self.of_string);
        // For one or two expressions in a page, looking at each of its bytes beforehand costs more than it saves.
        let few_in_much = text.len() >= MUCH && self.candidates.iter().nth(FEW).is_none();
        let mut mask = self.masks.get(number).copied().or_else(|| few_in_much.then(ByteMask::all));
        for index in self.candidates.iter() {
            let Some(rule) = side.rules.get(index) else { continue };
            let mask = mask.get_or_insert_with(|| ByteMask::of(text));
            let covers = || rule.condition.covers(value.collection, value.name);
            if !rule.may_match(text, mask) || !covers() {
                continue;
            }
            self.work += text.len();
            if let Some(range) = rule.condition.matched(text, value.goes_on) {
                hit(Hit { rule, matched: excerpt(text, range) });
            }
        }
    }
}

/// The string with this number: 0 is the value itself.
fn string<'v>(derived: &'v [Vec<u8>], bytes: &'v [u8], number: usize) -> &'v [u8] {
    match number.checked_sub(1) {
        Some(index) => derived.get(index).map(Vec::as_slice).unwrap_or_default(),
        None => bytes,
    }
}

/// Enough of the match to show its shape.
fn excerpt(text: &[u8], range: Range<usize>) -> Vec<u8> {
    let end = range.end.min(range.start.saturating_add(256));
    text.get(range.start..end).unwrap_or_default().to_vec()
}
