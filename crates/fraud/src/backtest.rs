//! What each rule would have done with the shop's own past, and the step from watching to acting, which needs that.

use std::fmt;

use serde::{Deserialize, Serialize};
use storeward_base::Timestamp;

use crate::attempt::{Attempt, Label, Outcome, Truth};
use crate::engine::Engine;
use crate::evaluate::interval;
use crate::rules::{Answer, Mode, Rule, RuleId};
use crate::state::{Limits, State};

/// An attempt of the past, with what became of it and what it turned out to be, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    pub attempt: Attempt,
    /// With its moment; `None` while it is under way.
    pub outcome: Option<(Outcome, Timestamp)>,
    pub label: Option<Label>,
}

/// What one rule would have done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// As it stood.
    pub rule: Rule,
    pub fired: u64,
    /// Of those it fired on: known as fraud, known as good, and neither.
    pub fraud: u64,
    pub good: u64,
    pub unknown: u64,
    /// Of those of whom neither is known: the bank approved them, or refused them. The rest came to no end.
    pub paid: u64,
    pub declined: u64,
    /// Frauds of all, known by now.
    pub of_frauds: u64,
    /// Good attempts of all.
    pub of_good: u64,
}

impl Record {
    /// The share of frauds among what it fired on and is known, with the bounds between which it lies (95 %, Wilson).
    /// `None` when nothing is known.
    pub fn precision(&self) -> Option<(f64, (f64, f64))> {
        let known = self.fraud + self.good;
        (known > 0).then(|| (self.fraud as f64 / known as f64, interval(self.fraud, known)))
    }

    /// The share of all good attempts that it would have stood in the way of, with its bounds.
    pub fn good_hit(&self) -> (f64, (f64, f64)) {
        (self.good as f64 / self.of_good.max(1) as f64, interval(self.good, self.of_good))
    }
}

/// What all rules of an engine would have done. It comes from [`back_test`] only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackTest {
    records: Vec<Record>,
    attempts: u64,
    from: Timestamp,
    until: Timestamp,
}

/// Days of a past before it says anything about a rule.
pub const LEAST_DAYS: u64 = 14;

/// Attempts of a past before it says anything about a rule.
pub const LEAST_ATTEMPTS: u64 = 100;

/// Plays the past through an empty state, in the order of time, each outcome and label at its own moment; what comes before
/// `from` only fills the state. Every rule is asked on its own, whatever its mode.
pub fn back_test(engine: &Engine, past: &[Past], from: Timestamp, limits: Limits) -> BackTest {
    let mut state = State::new(limits);
    let watched = Engine {
        rules: engine.rules.iter().map(|rule| Rule { mode: Mode::Observe, ..rule.clone() }).collect(),
        challenger: None,
        ..engine.clone()
    };
    let mut records: Vec<Record> = engine.rules.iter().map(Record::of).collect();
    let mut later = later(past);
    later.reverse();
    let (mut attempts, mut frauds, mut good) = (0, 0, 0);
    let (mut first, mut last) = (None, from);
    for one in past {
        let now = one.attempt.at;
        while let Some((_, what)) = later.pop_if(|(at, _)| *at <= now) {
            what.tell(past, &mut state);
        }
        let decision = watched.decide(&mut state, &one.attempt);
        if now < from {
            continue;
        }
        let truth = one.label.map(|label| label.truth);
        first = first.or(Some(now));
        last = last.max(now);
        attempts += 1;
        frauds += u64::from(truth == Some(Truth::Fraud));
        good += u64::from(truth == Some(Truth::Good));
        for hit in &decision.fired {
            if let Some(record) = records.iter_mut().find(|record| record.rule.id == hit.rule) {
                record.add(truth, one.outcome.map(|(outcome, _)| outcome));
            }
        }
    }
    for record in &mut records {
        (record.of_frauds, record.of_good) = (frauds, good);
    }
    BackTest { records, attempts, from: first.unwrap_or(from), until: last }
}

/// Something that became known of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Later {
    Outcome(usize, Outcome),
    Label(usize, Label),
}

impl Later {
    pub fn tell(self, past: &[Past], state: &mut State) {
        match self {
            Later::Outcome(at, outcome) => {
                if let Some(one) = past.get(at) {
                    state.settle(&one.attempt, outcome);
                }
            }
            Later::Label(at, label) => {
                if let Some(one) = past.get(at) {
                    state.label(&one.attempt, label);
                }
            }
        }
    }
}

/// Outcomes and labels in the order in which they came.
pub(crate) fn later(past: &[Past]) -> Vec<(Timestamp, Later)> {
    let mut later = Vec::new();
    for (at, one) in past.iter().enumerate() {
        later.extend(one.outcome.map(|(outcome, moment)| (moment, Later::Outcome(at, outcome))));
        later.extend(one.label.map(|label| (label.known_at, Later::Label(at, label))));
    }
    later.sort_by_key(|(moment, _)| *moment);
    later
}

impl Record {
    fn of(rule: &Rule) -> Self {
        Record {
            rule: rule.clone(),
            fired: 0,
            fraud: 0,
            good: 0,
            unknown: 0,
            paid: 0,
            declined: 0,
            of_frauds: 0,
            of_good: 0,
        }
    }

    fn add(&mut self, truth: Option<Truth>, outcome: Option<Outcome>) {
        self.fired += 1;
        match truth {
            Some(Truth::Fraud) => self.fraud += 1,
            Some(Truth::Good) => self.good += 1,
            None => {
                self.unknown += 1;
                self.paid += u64::from(outcome == Some(Outcome::Approved));
                self.declined += u64::from(outcome == Some(Outcome::Declined));
            }
        }
    }
}

impl BackTest {
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// From the first to the last attempt that it counts.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        (self.from, self.until)
    }

    fn days(&self) -> u64 {
        self.until.since(self.from).as_secs() / 86_400
    }
}

/// Why a rule goes on being watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotYet {
    /// The engine does not have it.
    NoSuchRule,
    /// The past was not of this rule with these limits and this answer.
    OtherRule,
    /// The past is shorter than [`LEAST_DAYS`] or [`LEAST_ATTEMPTS`].
    TooLittle,
    /// It would have blocked, and of that more was good, or was paid with nothing known against it, than was fraud or refused by the bank.
    BlocksGood,
}

impl fmt::Display for NotYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotYet::NoSuchRule => f.write_str("there is no such rule"),
            NotYet::OtherRule => {
                f.write_str("the rule was changed since it was tried on the past; try it again")
            }
            NotYet::TooLittle => write!(
                f,
                "the past that it was tried on has fewer than {LEAST_DAYS} days or {LEAST_ATTEMPTS} attempts"
            ),
            NotYet::BlocksGood => f.write_str(
                "of what it would have blocked more was good, or paid with nothing known against it, than was fraud or refused by the bank; let it ask for 3-D Secure or a review, or move its limit",
            ),
        }
    }
}

impl std::error::Error for NotYet {}

/// Lets a rule act, after what it would have done was seen.
pub fn promote(engine: &mut Engine, id: RuleId, seen: &BackTest) -> Result<(), NotYet> {
    let rule = engine.rules.iter_mut().find(|rule| rule.id == id).ok_or(NotYet::NoSuchRule)?;
    let record = seen.records.iter().find(|record| record.rule.id == id).ok_or(NotYet::OtherRule)?;
    if record.rule.limits != rule.limits || record.rule.answer != rule.answer {
        return Err(NotYet::OtherRule);
    }
    if seen.days() < LEAST_DAYS || seen.attempts < LEAST_ATTEMPTS {
        return Err(NotYet::TooLittle);
    }
    // Frauds are known weeks later: what the bank approved counts for the buyer until then, or a rule that nobody has labels of would be let. A
    // page that nobody paid says nothing of whoever opened it.
    let against = record.fraud + record.declined;
    if rule.answer == Answer::Block && record.good + record.paid > against {
        return Err(NotYet::BlocksGood);
    }
    rule.mode = Mode::Active;
    Ok(())
}
