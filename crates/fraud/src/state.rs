//! What the engine remembers: a table for each kind of key and the shop's own figures. It can be stored, and it can be
//! built anew from the attempts, their outcomes and their labels in the order in which they came.

use storeward_base::Timestamp;

use crate::attempt::{Attempt, Kind, Known, Label, Mark, Marks, Outcome, Truth};
use crate::codec::{Malformed, Reader, Writer};

use crate::profile::{Profile, Usual};
use crate::shop::Shop;
use crate::table::Table;

/// The version of the stored form.
pub const STATE_VERSION: u64 = 1;

/// An amount so many times the payer's mean explains a fraud by itself.
const UNUSUAL: f32 = 2.2;

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Keys of each kind. A key takes about half a KiB.
    pub keys_per_kind: usize,
}

impl Default for Limits {
    /// Eleven kinds with as many keys take some 100 MiB when all are in use.
    fn default() -> Self {
        Limits { keys_per_kind: 16_384 }
    }
}

#[derive(Clone, Debug)]
pub struct State {
    limits: Limits,
    tables: [Table; Kind::ALL.len()],
    pub(crate) shop: Shop,
}

/// How full the tables are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    pub keys: usize,
    /// Keys that were let go because all places were in use.
    pub let_go: u64,
}

impl State {
    pub fn new(limits: Limits) -> Self {
        State { limits, tables: Kind::ALL.map(|_| Table::new(limits.keys_per_kind)), shop: Shop::default() }
    }

    /// Counts an attempt. Its features are to be read before.
    pub fn record(&mut self, attempt: &Attempt) {
        let seconds = attempt.at.seconds();
        let amount = minor(attempt.amount_minor);
        let unknown = self.is_unknown(attempt);
        for (kind, mark) in attempt.marks.iter() {
            let profile = self.table_mut(kind).visit(mark, seconds);
            profile.count(seconds, other(kind, &attempt.marks));
            profile.pay(amount, seconds);
            if attempt.signals.first_order_coupon == Known::Yes {
                profile.first_order_coupon();
            }
        }
        self.shop.record(attempt, unknown);
    }

    /// More became known of an attempt that was counted: the card, once the provider tells it. Keys that are new with it are
    /// counted as [`State::record`] would have; those that were there only learn who came with them.
    pub fn complete(&mut self, before: &Attempt, now: &Attempt) {
        let seconds = now.at.seconds();
        let amount = minor(now.amount_minor);
        for (kind, mark) in now.marks.iter() {
            let other = other(kind, &now.marks);
            if before.marks.get(kind) == Some(mark) {
                if let Some(profile) = self.table_mut(kind).get_mut(mark) {
                    profile.meet(seconds, other);
                }
                continue;
            }
            let profile = self.table_mut(kind).visit(mark, seconds);
            profile.count(seconds, other);
            profile.pay(amount, seconds);
            if now.signals.first_order_coupon == Known::Yes {
                profile.first_order_coupon();
            }
        }
    }

    /// Until when strangers are asked for more because somebody tries cards out; nothing where nobody does.
    pub fn card_testing_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.shop.card_testing.until(now.seconds()).map(Timestamp::from_seconds)
    }

    /// What became of an attempt that was counted.
    pub fn settle(&mut self, attempt: &Attempt, outcome: Outcome) {
        match outcome {
            Outcome::Approved => {
                let payer = attempt.marks.get(Kind::Customer);
                if let Some(profile) = payer.and_then(|mark| self.table_mut(Kind::Customer).get_mut(mark)) {
                    profile.approve(attempt.at.seconds());
                }
            }
            Outcome::Declined | Outcome::Blocked => {
                for (kind, mark) in attempt.marks.iter() {
                    if let Some(profile) = self.table_mut(kind).get_mut(mark) {
                        profile.refuse(attempt.at.seconds());
                    }
                }
            }
        }
        let unknown = self.is_unknown(attempt);
        self.shop.card_testing.settle(attempt, outcome, unknown);
    }

    /// What an attempt turned out to be. Good ones are told as well, when silence has lasted long enough: rates are of what
    /// is known. Keys that were let go meanwhile stay so.
    pub fn label(&mut self, attempt: &Attempt, label: Label) {
        let seconds = attempt.at.seconds();
        let amount = self.usual(attempt);
        for (kind, mark) in attempt.marks.iter() {
            let Some(profile) = self.table_mut(kind).get_mut(mark) else { continue };
            match label.truth {
                Truth::Good => profile.good(seconds),
                Truth::Fraud => profile.fraud(seconds, amount),
            }
        }
    }

    /// Whether who paid usually pays such amounts, as far as is known today; who is not known explains nothing.
    fn usual(&self, attempt: &Attempt) -> Usual {
        let payer = attempt.marks.payer().and_then(|(kind, mark)| self.profile(kind, mark));
        let mean = payer.and_then(|profile| profile.amounts.mean());
        match mean {
            Some(mean) if minor(attempt.amount_minor) > UNUSUAL * mean => Usual::No,
            _ => Usual::Yes,
        }
    }

    /// Whether an account paid something a day ago or more, as far as is remembered, and no fraud of it is known.
    pub fn has_paid(&self, customer: Mark, now: Timestamp) -> bool {
        self.profile(Kind::Customer, customer).is_some_and(|profile| profile.has_paid(now.seconds()))
    }

    pub fn fill(&self, kind: Kind) -> Fill {
        let table = &self.tables[kind as usize];
        Fill { keys: table.len(), let_go: table.let_go }
    }

    pub(crate) fn profile(&self, kind: Kind, mark: Mark) -> Option<&Profile> {
        self.tables[kind as usize].get(mark)
    }

    fn table_mut(&mut self, kind: Kind) -> &mut Table {
        &mut self.tables[kind as usize]
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.number(STATE_VERSION);
        to.length(self.tables.len());
        for table in &self.tables {
            table.write(&mut to);
        }
        self.shop.write(&mut to);
        to.0
    }

    /// Fails when it is damaged, of another version, or holds more keys than the limits allow.
    pub fn from_bytes(bytes: &[u8], limits: Limits) -> Result<Self, Malformed> {
        let mut from = Reader(bytes);
        let mut state = State::new(limits);
        if from.number()? != STATE_VERSION || from.length(Kind::ALL.len())? != Kind::ALL.len() {
            return Err(Malformed);
        }
        for table in &mut state.tables {
            *table = Table::read(limits.keys_per_kind, &mut from)?;
        }
        state.shop = Shop::read(&mut from)?;
        if from.0.is_empty() { Ok(state) } else { Err(Malformed) }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }
}

/// Who is counted beside a key: the cards of anything, the customers (or else mail addresses) of a card.
pub(crate) fn other(kind: Kind, marks: &Marks) -> Option<Mark> {
    match kind {
        Kind::Card => marks.get(Kind::Customer).or(marks.get(Kind::Email)),
        _ => marks.get(Kind::Card),
    }
}

/// An amount as a figure. Above 2^24 minor units an f32 rounds, which changes no feature.
pub(crate) fn minor(amount: i64) -> f32 {
    amount.max(0) as f32
}
