//! Whether a query begins: behind `union`, behind an opening bracket.

use super::token::Kind;
use super::walk::{Tokens, kind, skip_open, text_is};
use super::words::{Word, is_article};

/// How many tokens of a list of columns are looked at for signs of SQL.
const LIST: usize = 96;

/// `select a b, c from d`, `values(1)`, `table customers`, `with a as (...)`, in any number of brackets.
pub(super) fn begins_query(tokens: Tokens<'_, '_>, at: usize) -> bool {
    let mut at = skip_open(tokens, at);
    if kind(tokens, at) == Some(Kind::Word(Word::Quantity)) {
        at = skip_open(tokens, at + 1);
    }
    if kind(tokens, at) == Some(Kind::Word(Word::Select)) {
        return selects_something(tokens, at + 1, 0);
    }
    let next = kind(tokens, at + 1);
    if text_is(tokens, at, &["values"]) {
        let row = text_is(tokens, at + 1, &["row"]);
        let inside = skip_open(tokens, at + 1);
        // "(values in mm)", "(values (see above))"
        let sentence = matches!(kind(tokens, inside), None | Some(Kind::Name))
            && matches!(kind(tokens, inside + 1), Some(Kind::Name | Kind::Number | Kind::Text { .. }) | None);
        return row || (inside > at + 1 && !sentence);
    }
    if text_is(tokens, at, &["table"]) {
        let named = matches!(next, Some(Kind::Name | Kind::Text { .. } | Kind::Catalogue));
        return named && !matches!(kind(tokens, at + 2), Some(Kind::Name | Kind::Number | Kind::Text { .. }));
    }
    if text_is(tokens, at, &["with"]) {
        let name = at + 1 + usize::from(text_is(tokens, at + 1, &["recursive"]));
        let called = matches!(kind(tokens, name), Some(Kind::Call { .. }));
        return called || text_is(tokens, name + 1, &["as"]) || kind(tokens, name + 1) == Some(Kind::Open);
    }
    false
}

/// The same where prose is more likely: the list of columns must hold something that only SQL has.
pub(super) fn begins_plain_query(tokens: Tokens<'_, '_>, at: usize) -> bool {
    let at = skip_open(tokens, at);
    match kind(tokens, at) {
        Some(Kind::Word(Word::Select)) => selects_something(tokens, at + 1, 1),
        _ => begins_query(tokens, at),
    }
}

/// How many words that could be prose stand in a row up to this token, where `before` stood before it. What only SQL writes
/// is none of them: `collate nocase`, `as`, `at time zone`, quoted names, and names that nobody says.
pub(super) fn words_in_a_row(tokens: Tokens<'_, '_>, at: usize, before: usize) -> usize {
    let Some(token) = tokens.get(at).filter(|token| token.kind == Kind::Name) else { return 0 };
    let quoted = matches!(token.text.first(), Some(b'[' | b'`'));
    if quoted || token.text.iter().any(|byte| matches!(byte, b'_' | b'$' | b'0'..=b'9')) {
        return 0;
    }
    let behind = |words: &[&str]| at.checked_sub(1).is_some_and(|at| text_is(tokens, at, words));
    if text_is(tokens, at, &["as", "collate"]) || behind(&["collate"]) {
        return before;
    }
    match text_is(tokens, at, &["zone"]) && behind(&["time"]) {
        true => before.saturating_sub(2),
        false => before + 1,
    }
}

/// A list of columns and not the rest of a sentence: no four words in a row, and something that only SQL has.
fn selects_something(tokens: Tokens<'_, '_>, at: usize, least_signs: usize) -> bool {
    let mut depth = 0_i32;
    let mut names_in_a_row = 0;
    let mut signs = 0;
    // "(select as many as you like)": no column is called so.
    if text_is(tokens, at, &["as", "at", "collate"]) && kind(tokens, at + 1) == Some(Kind::Name) {
        return false;
    }
    for place in at..at + LIST {
        let Some(kind) = kind(tokens, place) else { break };
        // SQLite's `cast(a as whatever one likes)`: inside of brackets anything may stand.
        if depth == 0 {
            names_in_a_row = words_in_a_row(tokens, place, names_in_a_row);
        }
        if names_in_a_row > 3 {
            return false;
        }
        match kind {
            // "(select 2 of 3)"
            Kind::Number if names_before(tokens, place) => return false,
            Kind::Open => depth += 1,
            Kind::Close if depth == 0 => break,
            Kind::Close => depth -= 1,
            // "select from our catalogue" has no columns.
            Kind::Word(Word::From) if place == at => return false,
            Kind::Word(Word::From) if depth == 0 => {
                let table = skip_open(tokens, place + 1);
                // "select a size from the list" and "from our range" name no table.
                let article = tokens.get(table).is_some_and(|token| is_article(token.text));
                let sentence = article && signs == 0;
                return !sentence && signs >= least_signs && super::walk::kind(tokens, table).is_some();
            }
            Kind::Comment { .. } | Kind::Semicolon | Kind::Word(Word::Union) => break,
            Kind::Name => {
                let quoted = tokens.get(place).is_some_and(|token| token.text.starts_with(b"["));
                signs += usize::from(quoted);
            }
            Kind::Comma | Kind::Text { .. } | Kind::Word(Word::Logic | Word::Where) => {}
            Kind::Other if is_of_sql(tokens, place) => signs += 1,
            Kind::Other => return false,
            _ => signs += 1,
        }
    }
    // Without a table only literals, calls and stars tell.
    signs > 0 || at >= tokens.len()
}

fn names_before(tokens: Tokens<'_, '_>, at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| {
        kind(tokens, before) == Some(Kind::Name) && !text_is(tokens, before, &["top", "binary"])
    })
}

/// `::text`, `{x email}`, `\N`.
fn is_of_sql(tokens: Tokens<'_, '_>, at: usize) -> bool {
    let glued = |first: usize| match (tokens.get(first), tokens.get(first + 1)) {
        (Some(first), Some(second)) => first.end == second.start,
        _ => false,
    };
    let colons =
        |first: usize| glued(first) && [first, first + 1].iter().all(|at| text_is(tokens, *at, &[":"]));
    colons(at)
        || at.checked_sub(1).is_some_and(colons)
        || text_is(tokens, at, &["{", "}"])
        || (text_is(tokens, at, &["\\"]) && glued(at) && text_is(tokens, at + 1, &["n"]))
}
