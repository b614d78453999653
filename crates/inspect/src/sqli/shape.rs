//! The shapes of injections. Each function names one and says what follows must look like.

use std::ops::Range;

use super::brackets::{bracketed_query, is_aside, named_query};
use super::continuation::continues;
use super::statement::{is_loud, statement};
use super::token::Kind;
use super::walk::{
    Tokens, ends_cleanly, is_constant, is_function, is_literal, kind, operand, skip_arithmetic, skip_open,
    skip_signs,
};
use super::words::{self, Word};

/// The tokens that make an injection of a value that breaks out of no string, as a range of their indexes.
pub(super) fn injection(tokens: Tokens<'_, '_>, whole: Whole) -> Option<Range<usize>> {
    if let Some(end) = super::bare::stands_bare(tokens) {
        return Some(0..end);
    }
    // "True or False" is a game.
    let game = tokens.len() == 3 && [0, 2].iter().all(|at| kind(tokens, *at).is_some_and(is_constant));
    if let Some(start) = way_out(tokens).filter(|_| !game || kind(tokens, 1) == Some(Kind::Logic)) {
        let end = breaks_out(tokens, start).or_else(|| continues(tokens, start));
        if let Some(end) = end {
            return Some(start.saturating_sub(1)..end);
        }
    }
    anywhere_in(tokens, whole)
}

/// Shapes that tell wherever they stand.
pub(super) fn anywhere_in(tokens: Tokens<'_, '_>, whole: Whole) -> Option<Range<usize>> {
    (0..tokens.len())
        .filter(|at| whole != Whole::Prose || kind(tokens, *at) != Some(Kind::Word(Word::Union)))
        .find_map(|at| anywhere(tokens, at).map(|end| at..end))
}

/// What the grammar says of the whole value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    MayBeSql,
    Prose,
}

/// Index of the first token behind whatever the value closes: brackets, a number.
fn way_out(tokens: Tokens<'_, '_>) -> Option<usize> {
    let mut at = match kind(tokens, 0)? {
        Kind::Logic | Kind::Word(Word::Logic | Word::Union | Word::Clause | Word::Sorting) => 0,
        Kind::Close | Kind::Semicolon => 0,
        _ => operand(tokens, 0, false)?,
    };
    while kind(tokens, at) == Some(Kind::Close) {
        at += 1;
    }
    Some(at)
}

/// What stands behind the way out: more of a condition, another query, another statement, or a comment.
fn breaks_out(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    match kind(tokens, at)? {
        Kind::Comment { clean: true } => commented_number(tokens, at).then_some(at + 1),
        Kind::Logic | Kind::Word(Word::Logic) => condition(tokens, at + 1),
        Kind::Word(Word::Clause | Word::Sorting) => clause(tokens, at),
        Kind::Semicolon => statement(tokens, at + 1, true),
        Kind::Word(Word::Compare) => {
            let inside = skip_open(tokens, at + 1);
            (inside > at + 1 && kind(tokens, inside) == Some(Kind::Word(Word::Select))).then_some(inside + 1)
        }
        Kind::Sign => arithmetic(tokens, at),
        _ => None,
    }
}

/// `and 1=1`, `or 'a' like 'a'`, `|| sleep(3)`, `or true--`: an expression, cleanly closed.
fn condition(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let at = skip_signs(tokens, at);
    let grouped = skip_open(tokens, at);
    if kind(tokens, grouped) == Some(Kind::Word(Word::Select)) && grouped > at {
        return Some(grouped + 1);
    }
    if matches!(kind(tokens, grouped), Some(Kind::Word(Word::Case))) {
        return Some(grouped + 1);
    }
    let grouped = skip_signs(tokens, grouped);
    let first = kind(tokens, grouped)?;
    let end = operand(tokens, grouped, true)?;
    let literal = is_literal(first);
    if matches!(first, Kind::Call { .. }) && is_function(tokens, grouped) && ends_cleanly(tokens, end) {
        return Some(end);
    }
    let end = skip_arithmetic(tokens, end);
    match kind(tokens, end) {
        // "'70s lamp' or '80s lamp' = 20": no text with a blank in it is a number.
        Some(Kind::Compare) => {
            let worded = tokens.get(grouped).is_some_and(|token| {
                matches!(first, Kind::Text { .. }) && token.text.trim_ascii().contains(&b' ')
            });
            let numbered = kind(tokens, end + 1) == Some(Kind::Number) && tokens.len() == end + 2;
            compared(tokens, end, literal).filter(|_| !(worded && numbered))
        }
        Some(Kind::Word(Word::Compare | Word::Not)) => word_compared(tokens, end, literal),
        // `"Great" or "quick" -- Jo`
        Some(Kind::Comment { clean: true }) => {
            let is_of_words = matches!(first, Kind::Text { .. } | Kind::Name)
                && matches!(kind(tokens, 0), Some(Kind::Text { .. }));
            (!is_of_words).then_some(end + 1)
        }
        Some(Kind::Word(Word::Clause | Word::Sorting)) => clause(tokens, end),
        Some(Kind::Logic | Kind::Word(Word::Logic)) if literal => condition(tokens, end + 1),
        None if is_constant(first) && literal => Some(end),
        _ => None,
    }
}

/// A comparison whose right side is an operand and which ends as SQL does. One side must be a literal or a call,
/// unless a comment follows.
fn compared(tokens: Tokens<'_, '_>, at: usize, literal: bool) -> Option<usize> {
    let right = skip_open(tokens, skip_signs(tokens, at + 1));
    let right = skip_signs(tokens, right);
    let first = kind(tokens, right)?;
    if matches!(first, Kind::Word(Word::Select | Word::Case)) {
        return Some(right + 1);
    }
    let end = operand(tokens, right, true)?;
    let end = skip_arithmetic(tokens, end);
    if matches!(kind(tokens, end), Some(Kind::Comment { clean: true })) {
        return Some(end + 1);
    }
    ((literal || is_literal(first)) && ends_cleanly(tokens, end)).then_some(end)
}

/// `like 'a'`, `in (1)`, `is not null`, `between 1 and 2`, `regexp 'a'`: words of prose, so more is asked of them.
fn word_compared(tokens: Tokens<'_, '_>, at: usize, literal: bool) -> Option<usize> {
    let at = if kind(tokens, at) == Some(Kind::Word(Word::Not)) { at + 1 } else { at };
    let word = tokens.get(at)?.text;
    let next = at + 1;
    let quoted = matches!(kind(tokens, next), Some(Kind::Text { .. }));
    if word.eq_ignore_ascii_case(b"in") {
        let inside = skip_open(tokens, next);
        let known = operand(tokens, inside, false).is_some()
            || kind(tokens, inside) == Some(Kind::Word(Word::Select));
        return (inside > next && known).then_some(inside + 1);
    }
    if word.eq_ignore_ascii_case(b"is") {
        let value = if kind(tokens, next) == Some(Kind::Word(Word::Not)) { next + 1 } else { next };
        let constant = kind(tokens, value) == Some(Kind::Word(Word::Constant));
        return (constant && ends_cleanly(tokens, value + 1)).then_some(value + 1);
    }
    if word.eq_ignore_ascii_case(b"between") {
        let end = operand(tokens, next, false)?;
        let joined = matches!(kind(tokens, end), Some(Kind::Word(Word::Logic)));
        return (literal && joined && operand(tokens, end + 1, false).is_some()).then_some(end + 2);
    }
    if word.eq_ignore_ascii_case(b"sounds") {
        return (kind(tokens, next) == Some(Kind::Word(Word::Compare))).then_some(next + 1);
    }
    let binary = tokens.get(next).is_some_and(|token| token.text.eq_ignore_ascii_case(b"binary"));
    let next = if binary { next + 1 } else { next };
    if quoted || binary {
        return ends_cleanly(tokens, next + 1).then_some(next + 1);
    }
    let opened = skip_open(tokens, next);
    if opened > next && kind(tokens, opened) == Some(Kind::Word(Word::Select)) {
        return Some(opened + 1);
    }
    let end = operand(tokens, next, false)?;
    let called = matches!(kind(tokens, next), Some(Kind::Call { .. } | Kind::Variable));
    ((literal || called) && ends_cleanly(tokens, end)).then_some(end)
}

/// `1-sleep(5)`, `1*(select ...)`, `1^(...)`: a number that an operator continues with more than a number.
fn arithmetic(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let signs = skip_signs(tokens, at);
    let next = skip_open(tokens, signs);
    match kind(tokens, next)? {
        Kind::Word(Word::Select | Word::Case) => Some(next + 1),
        Kind::Call { .. } if is_function(tokens, next) && next > at => {
            let end = operand(tokens, next, true)?;
            ends_cleanly(tokens, end).then_some(end)
        }
        _ => None,
    }
}

/// `order by 3--`, `group by a having 1=1`, `having 1=1`, `limit 1,1`, `procedure analyse(`.
fn clause(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let token = tokens.get(at)?;
    if token.kind == Kind::Word(Word::Sorting) {
        if kind(tokens, at + 1) != Some(Kind::Word(Word::By)) {
            return None;
        }
        let first = kind(tokens, at + 2)?;
        let mut end = operand(tokens, at + 2, true)?;
        while kind(tokens, end) == Some(Kind::Comma) {
            end = operand(tokens, end + 1, true)?;
        }
        return match kind(tokens, end) {
            // "5 order by Friday --"
            Some(Kind::Comment { clean: true }) if is_literal(first) => Some(end + 1),
            Some(Kind::Word(Word::Clause | Word::Sorting)) => clause(tokens, end),
            None if is_literal(first) => Some(end),
            _ => None,
        };
    }
    if token.text.eq_ignore_ascii_case(b"procedure") {
        return tokens.get(at + 1).filter(|next| next.text.eq_ignore_ascii_case(b"analyse")).map(|_| at + 2);
    }
    if token.text.eq_ignore_ascii_case(b"having") {
        return condition(tokens, at + 1);
    }
    let end = operand(tokens, at + 1, false)?;
    let followed = match kind(tokens, end) {
        Some(Kind::Comma) => operand(tokens, end + 1, false).unwrap_or(end),
        _ => end,
    };
    matches!(kind(tokens, followed), Some(Kind::Comment { clean: true })).then_some(followed)
}

/// Shapes that need no way out, because prose does not have them.
fn anywhere(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let token = tokens.get(at)?;
    match token.kind {
        Kind::Word(Word::Select) => {
            selects(tokens, at).or_else(|| bracketed_query(tokens, at)).or_else(|| selects_call(tokens, at))
        }
        Kind::Word(Word::Statement) => statement(tokens, at, false),
        Kind::Word(Word::Into) => writes_file(tokens, at),
        Kind::Semicolon => statement(tokens, at + 1, true)
            .filter(|_| sql_before(tokens, at) || (lists_before(tokens, at) && is_loud(tokens, at + 1))),
        // "benchmark (tool)"
        Kind::Call { loud: true } if words::holds(&["benchmark"], token.text) => {
            let said = kind(tokens, at + 2) == Some(Kind::Name) && kind(tokens, at + 3) == Some(Kind::Close);
            operand(tokens, at, true).filter(|_| !said)
        }
        Kind::Call { loud: true } => operand(tokens, at, true),
        Kind::Call { .. } => lonely_call(tokens, at),
        Kind::Name => named_query(tokens, at),
        Kind::Catalogue => matches!(kind(tokens, at + 1), Some(Kind::Dot)).then_some(at + 2).or_else(|| {
            at.checked_sub(1).filter(|before| kind(tokens, *before) == Some(Kind::Word(Word::From)))
        }),
        Kind::Variable => {
            (token.text.starts_with(b"@@") && words::holds(&SYSTEM_VARIABLES, token.text)).then_some(at + 1)
        }
        _ => None,
    }
}

const SYSTEM_VARIABLES: [&str; 8] = [
    "@@version",
    "@@hostname",
    "@@datadir",
    "@@basedir",
    "@@servername",
    "@@global",
    "@@version_compile_os",
    "@@identity",
];

/// `select a, b from c where`, `(select ...)`, but not "select a size from the list".
pub(super) fn selects(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let mut first = at + 1;
    if kind(tokens, first) == Some(Kind::Word(Word::Quantity)) {
        first += 1;
    }
    if is_aside(tokens, at) {
        return None;
    }
    let star = tokens.get(first).is_some_and(|token| token.text == b"*");
    let mut evidence = usize::from(star) * 2
        + usize::from(
            at.checked_sub(1).is_some_and(|before| matches!(kind(tokens, before), Some(Kind::Open))),
        );
    let mut end = if star { first + 1 } else { column(tokens, first, &mut evidence)? };
    while kind(tokens, end) == Some(Kind::Comma) {
        // "(select 1, 2, 3 from the list)"
        let is_number = kind(tokens, end + 1) == Some(Kind::Number);
        end = column(tokens, end + 1, &mut evidence)?;
        evidence += usize::from(!is_number);
    }
    if kind(tokens, end) != Some(Kind::Word(Word::From)) {
        return None;
    }
    let table = skip_open(tokens, end + 1);
    if kind(tokens, table) == Some(Kind::Word(Word::Select)) {
        return Some(table + 1);
    }
    let target = tokens.get(table)?;
    if !matches!(target.kind, Kind::Name | Kind::Catalogue | Kind::Text { .. } | Kind::Variable) {
        return None;
    }
    evidence += usize::from(words::is_prey(target.text)) + 2 * usize::from(target.kind == Kind::Catalogue);
    evidence += match kind(tokens, table + 1) {
        None | Some(Kind::Close | Kind::Semicolon) => 0,
        Some(Kind::Comment { clean: true } | Kind::Dot) => 1,
        Some(Kind::Comment { clean: false }) => 0,
        Some(Kind::Word(Word::Where)) => {
            usize::from(tokens.iter().skip(table + 2).take(4).any(|token| token.kind == Kind::Compare)) * 2
        }
        Some(Kind::Word(Word::Clause | Word::Sorting)) => 1,
        Some(Kind::Name) if kind(tokens, table + 2).is_none() => 0,
        Some(_) if words::holds(&JOINS, tokens.get(table + 1).map_or(b"", |next| next.text)) => 0,
        Some(_) => return None,
    };
    (evidence >= 2).then_some(table + 1)
}

const JOINS: [&str; 6] = ["join", "natural", "inner", "left", "right", "cross"];

/// `select version()` and nothing else.
fn selects_call(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let called = matches!(kind(tokens, at + 1), Some(Kind::Call { .. })) && is_function(tokens, at + 1);
    let end = operand(tokens, at + 1, true)?;
    (called && at == 0 && end == tokens.len()).then_some(end)
}

fn column(tokens: Tokens<'_, '_>, at: usize, evidence: &mut usize) -> Option<usize> {
    let at = skip_signs(tokens, at);
    let token = tokens.get(at)?;
    *evidence += match token.kind {
        Kind::Call { .. } if is_function(tokens, at) => 2,
        Kind::Variable | Kind::Text { .. } => 1,
        _ => usize::from(words::is_prey(token.text)),
    };
    let end = operand(tokens, at, true)?;
    Some(skip_arithmetic(tokens, end))
}

/// `into outfile '/var/www/x.php'`.
fn writes_file(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let named = tokens.get(at + 1).is_some_and(|token| words::holds(&["outfile", "dumpfile"], token.text));
    (named && matches!(kind(tokens, at + 2), Some(Kind::Text { .. } | Kind::Number))).then_some(at + 3)
}

/// A call that is also an English or a script's word: `sleep(5)`, `char(39,45)`, `if(now()=sysdate(),sleep(9),0)`.
fn lonely_call(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let text = tokens.get(at)?.text;
    let inside = skip_open(tokens, at + 1);
    if words::holds(&["sleep"], text) {
        let end = operand(tokens, at, true)?;
        let number = matches!(kind(tokens, inside), Some(Kind::Number))
            && kind(tokens, inside + 1) == Some(Kind::Close);
        // "pillow sleep(8) hours"
        let word = |at: usize| kind(tokens, at) == Some(Kind::Name);
        let is_said = at.checked_sub(1).is_none_or(word) && word(end);
        return (number && !is_said && tokens.len() > 3).then_some(end);
    }
    if words::holds(&["char", "chr"], text) {
        let numbers = matches!(kind(tokens, inside), Some(Kind::Number))
            && matches!(kind(tokens, inside + 1), Some(Kind::Comma))
            && matches!(kind(tokens, inside + 2), Some(Kind::Number));
        return numbers.then_some(inside + 3);
    }
    if words::holds(&["concat", "concat_ws"], text) {
        let hexadecimal = tokens.get(inside).is_some_and(|token| token.text.starts_with(b"0x"));
        return hexadecimal.then_some(inside + 1);
    }
    if words::holds(&["convert"], text) {
        let typed = tokens.get(inside).is_some_and(|token| words::holds(&["int", "integer"], token.text));
        return (typed && kind(tokens, inside + 1) == Some(Kind::Comma)).then_some(inside + 2);
    }
    None
}

/// Whether what stands before a semicolon can end a piece of SQL that the value broke out of.
fn sql_before(tokens: Tokens<'_, '_>, mut at: usize) -> bool {
    // `;;`
    while at > 0 && kind(tokens, at - 1) == Some(Kind::Semicolon) {
        at -= 1;
    }
    match at.checked_sub(1).and_then(|before| kind(tokens, before)) {
        None | Some(Kind::Text { .. } | Kind::Close | Kind::Word(Word::Select)) => true,
        Some(Kind::Number) => at == 1,
        // `id;drop table x`: one word and a semicolon glued to what follows. Prose has more words, or a space behind.
        Some(Kind::Name) => {
            let next = tokens.get(at).zip(tokens.get(at + 1));
            at == 1 && next.is_some_and(|(semicolon, next)| semicolon.end == next.start)
        }
        _ => false,
    }
}

/// Whether all before a semicolon is what the shop sorts by or compares with: `price desc,id`, `(products).id`, `[name]`.
fn lists_before(tokens: Tokens<'_, '_>, at: usize) -> bool {
    let is_name = |token: usize| kind(tokens, token) == Some(Kind::Name);
    at <= 16
        && (0..at).all(|token| match kind(tokens, token) {
            Some(Kind::Name) => {
                let falls = |at: usize| {
                    words::holds(&["asc", "desc", "collate"], tokens.get(at).map_or(b"", |token| token.text))
                };
                token.checked_sub(1).is_none_or(|before| falls(token) || falls(before) || !is_name(before))
            }
            Some(
                Kind::Number | Kind::Comma | Kind::Dot | Kind::Open | Kind::Close | Kind::Word(Word::Sorting),
            ) => true,
            Some(Kind::Call { .. } | Kind::Sign | Kind::Compare | Kind::Text { closed: true }) => true,
            _ => false,
        })
}

/// `1-- -` and the like; the number must stand alone.
fn commented_number(tokens: Tokens<'_, '_>, at: usize) -> bool {
    at == 1
        && kind(tokens, 0) == Some(Kind::Number)
        && tokens.get(1).is_some_and(|token| token.text.starts_with(b"--"))
}
