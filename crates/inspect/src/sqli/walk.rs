//! Steps over tokens: operands, signs, brackets, and where an expression ends.

use super::token::{Kind, Token};
use super::words::{self, Word};

/// Brackets in a row that shapes look over; the grammar reads any number.
const MOST_OPEN: usize = 64;

pub(super) type Tokens<'a, 'v> = &'a [Token<'v>];

/// The end of the operand that starts at `at`. `names`: plain names count.
pub(super) fn operand(tokens: Tokens<'_, '_>, at: usize, names: bool) -> Option<usize> {
    let at = skip_signs(tokens, at);
    let start = skip_open(tokens, at);
    let mut end = match kind(tokens, start)? {
        Kind::Number | Kind::Text { .. } | Kind::Variable | Kind::Word(Word::Constant) | Kind::Catalogue => {
            start + 1
        }
        Kind::Call { .. } => call_end(tokens, start),
        // MySQL's if() and left() are words too, and a table may be called as one likes.
        Kind::Word(Word::Compare) if is_called_operator(tokens, start) => call_end(tokens, start),
        Kind::Name if names => start + 1,
        Kind::Word(Word::Statement) if names && kind(tokens, start + 1) == Some(Kind::Open) => {
            call_end(tokens, start)
        }
        _ => return None,
    };
    while kind(tokens, end) == Some(Kind::Dot) {
        end += 2;
    }
    while start > at && kind(tokens, end) == Some(Kind::Close) {
        end += 1;
    }
    Some(end)
}

/// The token behind the bracket that closes a call; the end of the value if none does.
pub(super) fn call_end(tokens: Tokens<'_, '_>, at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at + 1).take(64) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close if depth <= 1 => return index + 1,
            Kind::Close => depth -= 1,
            _ => {}
        }
    }
    tokens.len().min(at + 65)
}

/// `like('a%', name)`, `glob('e*', email)`, `mod(7, 2)`: operators that some databases also have as functions, where an
/// operand has to stand.
pub(super) fn is_called_operator(tokens: Tokens<'_, '_>, at: usize) -> bool {
    kind(tokens, at + 1) == Some(Kind::Open)
        && text_is(
            tokens,
            at,
            &["like", "ilike", "rlike", "glob", "regexp", "mod", "div", "similar", "between"],
        )
}

/// Whether a query begins in the brackets of the call at `at`.
pub(super) fn call_holds_query(tokens: Tokens<'_, '_>, at: usize) -> bool {
    let end = call_end(tokens, at);
    (at + 1..end)
        .filter(|inside| kind(tokens, *inside) == Some(Kind::Open))
        .any(|inside| super::query::begins_query(tokens, inside + 1))
}

pub(super) fn skip_signs(tokens: Tokens<'_, '_>, mut at: usize) -> usize {
    while matches!(kind(tokens, at), Some(Kind::Sign | Kind::Word(Word::Not)))
        || tokens.get(at).is_some_and(|token| words::holds(&["binary"], token.text))
    {
        at += 1;
    }
    at
}

pub(super) fn skip_open(tokens: Tokens<'_, '_>, mut at: usize) -> usize {
    let most = at + MOST_OPEN;
    while at < most && kind(tokens, at) == Some(Kind::Open) {
        at += 1;
    }
    at
}

/// `1+1`, `5*2-1`, behind an operand.
pub(super) fn skip_arithmetic(tokens: Tokens<'_, '_>, at: usize) -> usize {
    let mut end = at;
    for _ in 0..16 {
        while kind(tokens, end) == Some(Kind::Close) {
            end += 1;
        }
        if kind(tokens, end) != Some(Kind::Sign) {
            break;
        }
        let Some(next) = operand(tokens, end + 1, true) else { break };
        end = next;
    }
    end
}

/// SQL ends here, or goes on with an operator, a clause, a bracket or a comment; prose goes on with a word.
pub(super) fn ends_cleanly(tokens: Tokens<'_, '_>, at: usize) -> bool {
    match kind(tokens, at) {
        None
        | Some(
            Kind::Logic
            | Kind::Semicolon
            | Kind::Compare
            | Kind::Close
            | Kind::Comment { clean: true }
            | Kind::Word(Word::Logic | Word::Clause | Word::Sorting | Word::Union),
        ) => true,
        Some(Kind::Sign) => !matches!(kind(tokens, at + 1), Some(Kind::Name) | None),
        Some(Kind::Other) => tokens.get(at).is_some_and(|token| token.text == b"\0"),
        _ => false,
    }
}

pub(super) fn is_literal(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Number | Kind::Text { .. } | Kind::Variable | Kind::Word(Word::Constant) | Kind::Call { .. }
    )
}

pub(super) fn is_constant(kind: Kind) -> bool {
    matches!(kind, Kind::Word(Word::Constant))
}

pub(super) fn is_function(tokens: Tokens<'_, '_>, at: usize) -> bool {
    tokens.get(at).is_some_and(|token| words::is_function(token.text))
}

#[cfg(test)]
thread_local! {
    /// Looks at tokens, for the test that they are no more than a few for each.
    pub(super) static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts a look at a token, in tests.
pub(super) fn count() {
    #[cfg(test)]
    LOOKS.with(|looks| looks.set(looks.get() + 1));
}

pub(super) fn text_is(tokens: Tokens<'_, '_>, at: usize, texts: &[&str]) -> bool {
    count();
    tokens.get(at).is_some_and(|token| words::holds(texts, token.text))
}

pub(super) fn kind(tokens: Tokens<'_, '_>, at: usize) -> Option<Kind> {
    count();
    tokens.get(at).map(|token| token.kind)
}
