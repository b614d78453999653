//! `(select ... from ...)`, wherever it stands: the skeleton of a query in brackets, and what only SQL has around it.

use super::query::{begins_query, words_in_a_row};
use super::token::Kind;
use super::walk::{Tokens, is_function, kind, skip_open, text_is};
use super::words::{self, Word};

/// How many tokens of a list of columns are looked at.
const LIST: usize = 160;
/// How much of the above is enough: two signs that prose has seldom, or one that it never has.
const ENOUGH: u32 = 2;

/// A query in the brackets before `at`, where `select` stands: from a table that thieves look for, or with enough around
/// and in it that no sentence has.
pub(super) fn bracketed_query(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    at.checked_sub(1).filter(|before| kind(tokens, *before) == Some(Kind::Open))?;
    if is_aside(tokens, at) {
        return None;
    }
    let (mut depth, mut names_in_a_row, mut evidence) = (0_u32, 0, before_brackets(tokens, at - 1));
    for place in at + 1..at + LIST {
        let here = kind(tokens, place)?;
        if depth == 0 {
            names_in_a_row = words_in_a_row(tokens, place, names_in_a_row);
        }
        match here {
            // "(please select one of the sizes from our customers' photos)"
            Kind::Name if depth == 0 && names_in_a_row > 3 => return None,
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.checked_sub(1)?,
            Kind::Word(Word::From) if depth == 0 && place > at + 1 => {
                return from_table(tokens, place, evidence.min(ENOUGH));
            }
            Kind::Comment { .. } | Kind::Semicolon => return None,
            _ => evidence += u32::from(is_of_a_list(tokens, place)),
        }
    }
    None
}

/// "Gift box (select 3 from 12", "Box of 6 (select", "Mix: (select", "use the table (select": no database has a query there.
pub(super) fn is_aside(tokens: Tokens<'_, '_>, select: usize) -> bool {
    let Some(open) = select.checked_sub(1).filter(|open| kind(tokens, *open) == Some(Kind::Open)) else {
        return false;
    };
    let Some(before) = open.checked_sub(1) else { return false };
    let (Some(word), Some(bracket)) = (tokens.get(before), tokens.get(open)) else { return false };
    let prior = before.checked_sub(1).and_then(|prior| tokens.get(prior));
    let apart = word.end < bracket.start;
    match word.kind {
        Kind::Name if apart => {
            let named = prior.is_some_and(|prior| words::is_article(prior.text));
            named || !super::keywords::is_known(word.text)
        }
        Kind::Number => prior.is_some(),
        Kind::Other => {
            apart
                && word.text == b":"
                && prior.is_some_and(|prior| prior.kind == Kind::Name && prior.end == word.start)
        }
        _ => false,
    }
}

/// `with a as (select`, `with recursive a(b) as (values`: nobody's sentence.
pub(super) fn named_query(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    if !text_is(tokens, at, &["with"]) {
        return None;
    }
    let name = at + 1 + usize::from(text_is(tokens, at + 1, &["recursive"]));
    let behind = match kind(tokens, name)? {
        Kind::Call { .. } => super::walk::call_end(tokens, name),
        Kind::Name | Kind::Text { .. } if kind(tokens, name + 1) == Some(Kind::Open) => {
            super::walk::call_end(tokens, name)
        }
        Kind::Name | Kind::Text { .. } => name + 1,
        _ => return None,
    };
    let opened = skip_open(tokens, behind + 1);
    let begun =
        kind(tokens, opened) == Some(Kind::Word(Word::Select)) || text_is(tokens, opened, &["values"]);
    (text_is(tokens, behind, &["as"]) && opened > behind + 1 && begun).then_some(opened + 1)
}

/// What an expression has before a query in brackets: `-(`, `=(`, `||(`, `length((`, but not "price - (".
fn before_brackets(tokens: Tokens<'_, '_>, open: usize) -> u32 {
    let first =
        (0..=open).rev().take_while(|at| kind(tokens, *at) == Some(Kind::Open)).last().unwrap_or(open);
    let Some(before) = first.checked_sub(1) else { return 0 };
    let glued = match (tokens.get(before), tokens.get(first)) {
        (Some(before), Some(open)) => before.end == open.start,
        _ => false,
    };
    match kind(tokens, before) {
        Some(Kind::Call { .. }) => u32::from(is_function(tokens, before)),
        Some(Kind::Compare | Kind::Logic) => 1,
        Some(Kind::Sign) => u32::from(glued),
        Some(Kind::Word(Word::Logic | Word::Compare | Word::Not)) => u32::from(glued),
        Some(Kind::Name) => u32::from(text_is(tokens, before, &["exists", "values"])),
        _ => 0,
    }
}

/// Whether a token of a list of columns is one that a list of things in prose has not.
fn is_of_a_list(tokens: Tokens<'_, '_>, at: usize) -> bool {
    match kind(tokens, at) {
        Some(Kind::Call { .. } | Kind::Compare | Kind::Logic | Kind::Variable | Kind::Dot) => true,
        Some(Kind::Word(Word::Case | Word::NullTest | Word::Constant)) => true,
        Some(Kind::Sign) => text_is(tokens, at, &["*", "+", "%", "^", "~"]),
        Some(Kind::Name) => {
            text_is(tokens, at, &["collate"])
                || tokens.get(at).is_some_and(|token| matches!(token.text.first(), Some(b'[' | b'`')))
        }
        _ => false,
    }
}

/// What follows `from`: a table, and behind it SQL.
fn from_table(tokens: Tokens<'_, '_>, from: usize, evidence: u32) -> Option<usize> {
    let table = skip_open(tokens, from + 1);
    let token = tokens.get(table)?;
    match token.kind {
        Kind::Word(Word::Select) => return Some(table + 1),
        Kind::Catalogue => return Some(table + 1),
        Kind::Name if words::is_article(token.text) => return None,
        Kind::Name | Kind::Text { .. } => {}
        _ => return None,
    }
    if let Some(end) = takes_prey(tokens, from) {
        return Some(end);
    }
    let mut behind = behind_alias(tokens, table + 1);
    for _ in 0..16 {
        let next = skip_open(tokens, behind + 1);
        let listed = matches!(kind(tokens, next), Some(Kind::Name | Kind::Text { .. }));
        if kind(tokens, behind) != Some(Kind::Comma) || !listed {
            break;
        }
        behind = behind_alias(tokens, next + 1);
    }
    let quoted = matches!(token.text.first(), Some(b'[' | b'`'));
    let more = behind_table(tokens, behind)?;
    (evidence + more + u32::from(quoted) >= ENOUGH).then_some(behind)
}

/// Behind `c` or `as c`, where one stands.
fn behind_alias(tokens: Tokens<'_, '_>, at: usize) -> usize {
    match (kind(tokens, at), kind(tokens, at + 1)) {
        (Some(Kind::Name), Some(Kind::Name | Kind::Text { .. })) if text_is(tokens, at, &["as"]) => at + 2,
        (Some(Kind::Name | Kind::Text { .. }), _) if !joins(tokens, at) => at + 1,
        _ => at,
    }
}

/// `join` within a few words: `left outer join`.
fn joins(tokens: Tokens<'_, '_>, at: usize) -> bool {
    (at..at + 4).any(|place| text_is(tokens, place, &["join"]))
        && text_is(tokens, at, &["join", "natural", "left", "right", "full", "inner", "outer", "cross"])
}

fn behind_table(tokens: Tokens<'_, '_>, at: usize) -> Option<u32> {
    match kind(tokens, at)? {
        Kind::Close => Some(behind_brackets(tokens, at)),
        Kind::Word(Word::Where) => {
            let compares = (at + 1..at + 9).any(|place| {
                matches!(
                    kind(tokens, place),
                    Some(Kind::Compare | Kind::Call { .. } | Kind::Word(Word::NullTest))
                ) || (kind(tokens, place) == Some(Kind::Word(Word::Compare))
                    && matches!(kind(tokens, place + 1), Some(Kind::Text { .. } | Kind::Number | Kind::Open)))
            });
            let is_null = (at + 1..at + 9).any(|place| text_is(tokens, place, &["null"]));
            Some(if compares || is_null { ENOUGH } else { 1 })
        }
        Kind::Word(Word::Sorting) if kind(tokens, at + 1) == Some(Kind::Word(Word::By)) => Some(ENOUGH),
        Kind::Word(Word::Clause) => Some(match kind(tokens, at + 1) {
            Some(Kind::Number | Kind::Open | Kind::Call { .. }) => ENOUGH,
            _ => 1,
        }),
        Kind::Word(Word::Union) => Some(if begins_query(tokens, at + 1) { ENOUGH } else { 0 }),
        Kind::Dot => Some(1),
        Kind::Comma => Some(0),
        Kind::Name if joins(tokens, at) => Some(ENOUGH),
        Kind::Name if text_is(tokens, at, &["window", "indexed"]) => Some(ENOUGH),
        _ => None,
    }
}

/// Behind the bracket that closes a query: `>'a'`, `is not null`, `notnull`, or a sentence that goes on.
fn behind_brackets(tokens: Tokens<'_, '_>, close: usize) -> u32 {
    let mut at = close;
    while kind(tokens, at) == Some(Kind::Close) {
        at += 1;
    }
    match kind(tokens, at) {
        Some(Kind::Compare | Kind::Logic | Kind::Word(Word::NullTest)) => 1,
        Some(Kind::Word(Word::Compare)) if text_is(tokens, at, &["is"]) => {
            u32::from(text_is(tokens, at + 1, &["null"]) || text_is(tokens, at + 2, &["null"]))
        }
        Some(Kind::Word(Word::Compare | Word::Clause)) => {
            u32::from(matches!(kind(tokens, at + 1), Some(Kind::Number | Kind::Text { .. })))
        }
        Some(Kind::Comment { clean: true }) => 1,
        _ => 0,
    }
}

/// A table that thieves look for among those that are named behind `from`.
fn takes_prey(tokens: Tokens<'_, '_>, from: usize) -> Option<usize> {
    const NAMED: usize = 64;
    let (mut depth, mut names_in_a_row) = (0_u32, 0);
    for place in from + 1..from + NAMED {
        let token = tokens.get(place)?;
        if depth == 0 {
            names_in_a_row = words_in_a_row(tokens, place, names_in_a_row);
        }
        match token.kind {
            Kind::Name if names_in_a_row > 3 => return None,
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.checked_sub(1)?,
            Kind::Name | Kind::Text { .. } if depth == 0 => {
                let name = token.text.trim_ascii();
                let quoted = matches!(name.first(), Some(b'\'' | b'"' | b'`' | b'['));
                let bare = name.get(1..name.len().saturating_sub(1)).filter(|_| quoted).unwrap_or(name);
                if words::is_prey(bare) && names_in_a_row < 3 {
                    return Some(place + 1);
                }
            }
            Kind::Catalogue => return Some(place + 1),
            Kind::Comment { .. } | Kind::Semicolon => return None,
            _ => {}
        }
    }
    None
}
