//! What is left of an injection when nothing between is understood.
//!
//! Grammars of databases have more words than any list (`escape 1`, `window w as ()`, `interval 1 day`): a shape that follows them
//! word by word ends at the first that it does not know. But a value that closes the string it stands in and then asks a table has
//! `select … from …` in it whatever stands between, and no prose has that behind `union` or a bracket.

use std::ops::Range;

use super::token::{Context, Kind};
use super::walk::{Tokens, kind, skip_open};
use super::words::{self, Word};

/// Behind a broken-out string or a value of its own.
pub(super) fn skeleton(tokens: Tokens<'_, '_>, context: Context) -> Option<Range<usize>> {
    let breaks_out = match context {
        Context::Bare => matches!(
            kind(tokens, 0)?,
            Kind::Number
                | Kind::Close
                | Kind::Variable
                | Kind::Sign
                | Kind::Word(Word::Constant | Word::Union)
        ),
        Context::Single | Context::Double => matches!(kind(tokens, 0)?, Kind::Text { closed: true }),
    };
    let is_cut_off = cuts_off(tokens);
    for at in 1..tokens.len() {
        let end = match kind(tokens, at)? {
            Kind::Word(Word::Union) => united(tokens, at, breaks_out, is_cut_off),
            Kind::Open if context != Context::Bare && breaks_out => in_brackets(tokens, at, is_cut_off),
            _ => None,
        };
        if let Some(end) = end {
            return Some(at..end);
        }
    }
    // `#` stands in addresses and colours, too.
    let is_cut_by_dashes = is_cut_off && tokens.last().is_some_and(|token| token.text.starts_with(b"--"));
    (context != Context::Bare && breaks_out && is_cut_by_dashes)
        .then(|| asks(tokens))
        .flatten()
        .map(|end| 0..end)
}

/// Whether the rest of the shop's query is cut off, and nothing that reads like prose stands behind.
fn cuts_off(tokens: Tokens<'_, '_>) -> bool {
    matches!(tokens.last().map(|token| token.kind), Some(Kind::Comment { clean: true }))
}

/// `union [all] [(] select … from t`.
fn united(tokens: Tokens<'_, '_>, at: usize, breaks_out: bool, is_cut_off: bool) -> Option<usize> {
    let mut next = skip_open(tokens, at + 1);
    if kind(tokens, next) == Some(Kind::Word(Word::Quantity)) {
        next = skip_open(tokens, next + 1);
    }
    if kind(tokens, next) != Some(Kind::Word(Word::Select)) {
        return None;
    }
    let (table, evidence) = target(tokens, next + 1)?;
    (is_cut_off || (breaks_out && evidence)).then_some(table + 1)
}

/// `(select … from t …) > 'a`, behind a string that was closed.
fn in_brackets(tokens: Tokens<'_, '_>, at: usize, is_cut_off: bool) -> Option<usize> {
    let select = skip_open(tokens, at);
    if kind(tokens, select) != Some(Kind::Word(Word::Select)) {
        return None;
    }
    let (table, _) = target(tokens, select + 1)?;
    let is_open = matches!(tokens.last().map(|token| token.kind), Some(Kind::Text { closed: false }));
    let compares = || tokens.iter().any(|token| matches!(token.kind, Kind::Compare | Kind::Logic));
    (is_cut_off || (is_open && compares())).then_some(table + 1)
}

/// The table behind the next `from`, and whether what is selected reads as a list or the table is one that thieves want.
fn target(tokens: Tokens<'_, '_>, first: usize) -> Option<(usize, bool)> {
    let from = (first..tokens.len()).find(|at| kind(tokens, *at) == Some(Kind::Word(Word::From)))?;
    let table = skip_open(tokens, from + 1);
    let named = tokens.get(table)?;
    if !matches!(
        named.kind,
        Kind::Name | Kind::Catalogue | Kind::Text { .. } | Kind::Variable | Kind::Call { .. }
    ) {
        return None;
    }
    let listed = tokens.get(first..from)?.iter().any(|token| {
        matches!(token.kind, Kind::Comma | Kind::Call { .. } | Kind::Dot | Kind::Number) || token.text == b"*"
    });
    Some((table, listed || named.kind == Kind::Catalogue || words::is_prey(named.text)))
}

/// A string closed in front and a query cut off behind, and between them what only a query has: a comparison with a value, an
/// order or a limit of it.
fn asks(tokens: Tokens<'_, '_>) -> Option<usize> {
    let is_value = |at: usize| {
        let at = skip_open(tokens, at);
        matches!(
            kind(tokens, at),
            Some(Kind::Number | Kind::Text { .. } | Kind::Variable | Kind::Call { .. })
        )
    };
    (1..tokens.len())
        .find(|at| match kind(tokens, *at) {
            Some(Kind::Compare) => is_value(at + 1),
            Some(Kind::Word(Word::Sorting)) => kind(tokens, at + 1) == Some(Kind::Word(Word::By)),
            Some(Kind::Word(Word::Clause)) => {
                is_value(at + 1) || kind(tokens, skip_open(tokens, at + 1)) == Some(Kind::Word(Word::Select))
            }
            _ => false,
        })
        .map(|at| at + 1)
}
