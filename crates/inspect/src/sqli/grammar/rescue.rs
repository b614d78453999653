//! Goes on where the grammar ends: databases have words of their own, and names are the attacker's to choose.
//!
//! What was read from the front up to a query's table is not taken back by what stands behind it. And where a query begins behind
//! something unknown, reading begins anew, with a query that asks for more than one of prose could.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::super::proof::Proof;
use super::super::token::{Context, Kind, Token};
use super::super::words::{self, Word};
use super::net::Net;
use super::{Machine, State};

/// What no query begins without.
static BEGINNINGS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(["select", "union", "intersect", "except", "minus"])
        .expect("five short words fit into an automaton")
});

#[derive(Debug, Default)]
pub(super) struct Rescue {
    /// No database known to us goes on here.
    pub is_lost: bool,
    /// The value had begun as SQL does.
    pub has_begun: bool,
    /// A query was read up to its table.
    queried: bool,
    /// In brackets: no sentence gets so far.
    is_bracketed: bool,
    /// And it has signs of SQL.
    is_firm: bool,
    /// More of them, or a union.
    is_very_firm: bool,
    /// So did one that began behind something unknown.
    is_firm_again: bool,
    /// Reading began anew.
    pub is_again: bool,
    /// Beside the grammar.
    pub net: Net,
}

impl Rescue {
    /// The machine cannot read `token`: it starts again if a query begins here.
    pub fn lose<'v>(&mut self, machine: &mut Machine<'v>, token: Token<'v>, next: Option<Token<'v>>) {
        if !self.is_lost {
            self.remember(machine);
        }
        let state = begins_query(token, next);
        if let Some(state) = state {
            let (value, context) = (machine.value, machine.context);
            *machine = Machine { state, proof: Proof::again(context), ..Machine::new(value, context) };
        }
        self.is_again |= state.is_some();
        self.is_lost = state.is_none() || machine.read(token, next).is_none();
    }

    /// What was read up to here, which nothing behind it takes back: no word that is not read, no count of doubts.
    pub fn remember(&mut self, machine: &Machine<'_>) {
        if self.is_again {
            self.is_firm_again |= machine.proof.has_firmly_queried();
            return;
        }
        self.has_begun |= machine.proof.has_begun() && !machine.is_behind_select();
        self.queried |= machine.proof.has_queried();
        self.is_bracketed |= machine.proof.has_queried() && !machine.frames.is_empty();
        self.is_firm |= machine.proof.has_firmly_queried();
        self.is_very_firm |= machine.proof.has_very_firmly_queried();
    }

    /// Nothing behind `token` can begin a query, and none was read: prose, and most of what is ever looked at.
    pub fn is_over(&self, value: &[u8], token: &Token<'_>) -> bool {
        let rest = || value.get(token.start..).unwrap_or_default();
        self.is_lost && !self.is_again && !self.queried && !self.net.is_out() && !BEGINNINGS.is_match(rest())
    }

    /// What was read before the reader was lost is enough where the value ends so.
    pub fn tells(&self, last: &Token<'_>, context: Context) -> bool {
        let is_cut = matches!(last.kind, Kind::Comment { .. });
        let is_own =
            last.kind == (Kind::Text { closed: false }) && last.text.first().copied() == context.quote();
        let is_closed = context == Context::Bare || is_cut || is_own;
        let is_read = context != Context::Bare && ((self.queried && is_cut) || (self.is_bracketed && is_own));
        // "(select 3 mugs from 'Moor' or 'Fell')" leaves the shop's string open.
        let is_firm = if is_closed { self.is_firm } else { self.is_very_firm };
        is_firm || is_read || (self.is_firm_again && is_closed) || self.net.tells(last, context)
    }
}

/// `union select`, `union all (`, `(select`, and as what their first token is read.
fn begins_query(token: Token<'_>, next: Option<Token<'_>>) -> Option<State> {
    let next = next?;
    let selects = next.kind == Kind::Word(Word::Select);
    match token.kind {
        Kind::Open if selects => Some(State::Want),
        Kind::Word(Word::Union) => {
            let begins = selects
                || matches!(next.kind, Kind::Open | Kind::Word(Word::Quantity))
                || words::holds(&["values", "table", "with"], next.text);
            begins.then_some(State::After)
        }
        _ => None,
    }
}
