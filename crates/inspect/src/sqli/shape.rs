//! The shapes of injections. Each function names one and says what follows must look like.

use std::ops::Range;

use super::brackets::{bracketed_query, named_query};
use super::continuation::{continues, continues_with_query};
use super::query::{begins_plain_query, lists_from_table};
use super::statement::statement;
use super::token::{Context, Kind};
use super::walk::{
    Tokens, ends_cleanly, is_constant, is_function, is_literal, kind, operand, skip_arithmetic, skip_open,
    skip_signs,
};
use super::words::{self, Word};

/// The tokens that make an injection, as a range of their indexes.
pub(super) fn injection(tokens: Tokens<'_, '_>, context: Context, whole: Whole) -> Option<Range<usize>> {
    if let Some(end) = sorted_by(tokens, context) {
        return Some(0..end);
    }
    if context == Context::Bare
        && let Some(end) = always_true(tokens)
    {
        return Some(0..end);
    }
    // "True or False" is a game.
    let game = tokens.len() == 3 && [0, 2].iter().all(|at| kind(tokens, *at).is_some_and(is_constant));
    if let Some(start) = way_out(tokens, context).filter(|_| !game || kind(tokens, 1) == Some(Kind::Logic)) {
        let end = breaks_out(tokens, start, context).or_else(|| continues(tokens, start, context));
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

/// `name,(select ...)`, `case when ... then`: the value is a list to sort by. Prose sets a dash between spaces.
fn sorted_by(tokens: Tokens<'_, '_>, context: Context) -> Option<usize> {
    if context != Context::Bare {
        return None;
    }
    if kind(tokens, 0) == Some(Kind::Word(Word::Case)) && kind(tokens, 1) == Some(Kind::Word(Word::When)) {
        let then = (2..64).find(|at| kind(tokens, *at) == Some(Kind::Word(Word::Then)))?;
        return (kind(tokens, then + 1).is_some() && kind(tokens, then + 2).is_some()).then_some(then + 2);
    }
    let (first, second) = (tokens.first()?, tokens.get(1)?);
    if first.kind == Kind::Open && begins_plain_query(tokens, 1) {
        return Some(2);
    }
    if matches!(first.kind, Kind::Call { .. } | Kind::Name) && second.kind == Kind::Open {
        let inside = (1..64)
            .filter(|at| kind(tokens, *at) == Some(Kind::Open))
            .find(|at| begins_plain_query(tokens, at + 1));
        return inside.map(|at| at + 2);
    }
    if first.kind == Kind::Name && words::holds(&["asc", "desc"], second.text) {
        return (kind(tokens, 2) == Some(Kind::Comma)).then(|| continues_with_query(tokens, 2)).flatten();
    }
    let sign = matches!(second.kind, Kind::Sign | Kind::Comma | Kind::Compare);
    let dash = second.text == b"-" && second.start > first.end;
    if first.kind != Kind::Name || !sign || dash {
        return None;
    }
    continues_with_query(tokens, 1)
}

/// `1 or id`, `1 || 1`, `1 or 2>1`, `1 or not 0`, `7 or 7`: nothing but a number, and a condition that most rows meet. "1 or
/// 2", "100 or more" and "2 and a half" are prose: what is no sign must be a column's name or the same number again.
fn always_true(tokens: Tokens<'_, '_>) -> Option<usize> {
    let (first, joint) = (tokens.first()?, tokens.get(1)?);
    let is_sign = joint.kind == Kind::Logic;
    if first.kind != Kind::Number || !(is_sign || joint.kind == Kind::Word(Word::Logic)) {
        return None;
    }
    let signs = skip_signs(tokens, 2);
    let start = skip_signs(tokens, skip_open(tokens, signs));
    let stripped = tokens.iter().take(start).skip(2).any(|token| !matches!(token.text, b"+" | b"-"));
    let operand_token = tokens.get(start)?;
    let end = operand(tokens, start, true)?;
    let end = (end..tokens.len()).find(|at| kind(tokens, *at) != Some(Kind::Close)).unwrap_or(tokens.len());
    let closed = matches!(kind(tokens, end), None | Some(Kind::Comment { .. } | Kind::Semicolon));
    let compares = kind(tokens, end) == Some(Kind::Compare)
        && operand_token.kind == Kind::Number
        && operand(tokens, end + 1, false) == Some(tokens.len());
    let is_column = operand_token.kind == Kind::Name && words::is_column(operand_token.text);
    let is_number = operand_token.kind == Kind::Number;
    let same = is_number && operand_token.text == first.text && end == start + 1;
    let tells = is_column || same || (is_number && (is_sign || stripped));
    (compares || (closed && tells)).then_some(end.min(tokens.len()))
}

/// Index of the first token behind whatever the value closes: a string, brackets, a number.
fn way_out(tokens: Tokens<'_, '_>, context: Context) -> Option<usize> {
    let first = kind(tokens, 0)?;
    let mut at = match (context, first) {
        (
            Context::Bare,
            Kind::Logic | Kind::Word(Word::Logic | Word::Union | Word::Clause | Word::Sorting),
        ) => 0,
        (Context::Bare, Kind::Close | Kind::Semicolon) => 0,
        (Context::Bare, _) => operand(tokens, 0, false)?,
        (_, Kind::Text { closed: true }) => 1,
        _ => return None,
    };
    while kind(tokens, at) == Some(Kind::Close) {
        at += 1;
    }
    Some(at)
}

/// What stands behind the way out: more of a condition, another query, another statement, or a comment.
fn breaks_out(tokens: Tokens<'_, '_>, at: usize, context: Context) -> Option<usize> {
    let quoted = context != Context::Bare;
    match kind(tokens, at)? {
        Kind::Comment { clean: true } if quoted => short_start(tokens).then_some(at + 1),
        Kind::Comment { clean: false } if quoted => cuts_off(tokens, at).then_some(at + 1),
        Kind::Comment { clean: true } => commented_number(tokens, at).then_some(at + 1),
        Kind::Logic | Kind::Word(Word::Logic) => condition(tokens, at + 1, quoted),
        Kind::Word(Word::Clause | Word::Sorting) => clause(tokens, at, quoted),
        Kind::Semicolon => statement(tokens, at + 1, true).or_else(|| closed_statement(tokens, at, quoted)),
        Kind::Compare if quoted => compared(tokens, at, true),
        Kind::Word(Word::Compare) if quoted => word_compared(tokens, at, true),
        Kind::Word(Word::Compare) => {
            let inside = skip_open(tokens, at + 1);
            (inside > at + 1 && kind(tokens, inside) == Some(Kind::Word(Word::Select))).then_some(inside + 1)
        }
        Kind::Sign if quoted => signed(tokens, at),
        Kind::Sign => arithmetic(tokens, at),
        _ => None,
    }
}

/// `and 1=1`, `or 'a' like 'a'`, `|| sleep(3)`, `or true--`: an expression, cleanly closed.
fn condition(tokens: Tokens<'_, '_>, at: usize, quoted: bool) -> Option<usize> {
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
        Some(Kind::Compare) => compared(tokens, end, literal),
        Some(Kind::Word(Word::Compare | Word::Not)) => word_compared(tokens, end, literal),
        Some(Kind::Comment { clean: true }) => Some(end + 1),
        Some(Kind::Semicolon) if quoted && literal => Some(end + 1),
        Some(Kind::Word(Word::Clause | Word::Sorting)) => clause(tokens, end, quoted),
        Some(Kind::Logic | Kind::Word(Word::Logic)) if literal => condition(tokens, end + 1, quoted),
        None if is_constant(first) && literal => Some(end),
        // `x' or 'x`: the shop's own quote closes the last string.
        None if quoted && first == (Kind::Text { closed: false }) => Some(end),
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

/// `' + (select ...)`, `'-sleep(5)-'`, `'||'a'='a`, `'='`, `'-'`: a string that an operator continues.
fn signed(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let next = skip_open(tokens, skip_signs(tokens, at));
    match kind(tokens, next)? {
        Kind::Word(Word::Select | Word::Case) => Some(next + 1),
        Kind::Call { .. } if is_function(tokens, next) => Some(next + 1),
        // `'-'` alone, which MySQL takes for zero.
        Kind::Text { closed: false } => {
            let empty = |index: usize| tokens.get(index).is_some_and(|token| token.text.len() <= 1);
            (tokens.len() == next + 1 && empty(0) && empty(next)).then_some(next + 1)
        }
        Kind::Number | Kind::Text { closed: true } => {
            let end = next + 1;
            match kind(tokens, end) {
                Some(Kind::Compare) => compared(tokens, end, true),
                Some(Kind::Comment { clean: true }) => Some(end + 1),
                _ => None,
            }
        }
        _ => None,
    }
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
fn clause(tokens: Tokens<'_, '_>, at: usize, quoted: bool) -> Option<usize> {
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
            Some(Kind::Comment { clean: true }) => Some(end + 1),
            Some(Kind::Word(Word::Clause | Word::Sorting)) => clause(tokens, end, quoted),
            None if is_literal(first) || quoted => Some(end),
            _ => None,
        };
    }
    if token.text.eq_ignore_ascii_case(b"procedure") {
        return tokens.get(at + 1).filter(|next| next.text.eq_ignore_ascii_case(b"analyse")).map(|_| at + 2);
    }
    if token.text.eq_ignore_ascii_case(b"having") {
        return condition(tokens, at + 1, quoted);
    }
    let end = operand(tokens, at + 1, false)?;
    let followed = match kind(tokens, end) {
        Some(Kind::Comma) => operand(tokens, end + 1, false).unwrap_or(end),
        _ => end,
    };
    let closed = matches!(kind(tokens, followed), Some(Kind::Comment { clean: true }));
    (closed || (quoted && followed == tokens.len())).then_some(followed)
}

/// `';--`, `'; #`: the statement is over and the rest is cut off.
fn closed_statement(tokens: Tokens<'_, '_>, at: usize, quoted: bool) -> Option<usize> {
    (quoted && matches!(kind(tokens, at + 1), Some(Kind::Comment { clean: true })) && short_start(tokens))
        .then_some(at + 2)
}

/// Shapes that need no way out, because prose does not have them.
fn anywhere(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let token = tokens.get(at)?;
    match token.kind {
        Kind::Word(Word::Union) => unites(tokens, at),
        Kind::Word(Word::Select) => {
            selects(tokens, at).or_else(|| bracketed_query(tokens, at)).or_else(|| selects_call(tokens, at))
        }
        Kind::Word(Word::Statement) => statement(tokens, at, false),
        Kind::Word(Word::Into) => writes_file(tokens, at),
        Kind::Semicolon => statement(tokens, at + 1, true).filter(|_| sql_before(tokens, at)),
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

/// `union all select 1,2`, `union(select ...)`, but not "credit union select card".
fn unites(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let mut next = skip_open(tokens, at + 1);
    if kind(tokens, next) == Some(Kind::Word(Word::Quantity)) {
        next = skip_open(tokens, next + 1);
    }
    if tokens.get(next).is_some_and(|token| words::holds(&["values"], token.text)) {
        return matches!(kind(tokens, next + 1), Some(Kind::Open)).then_some(next + 1);
    }
    if kind(tokens, next) != Some(Kind::Word(Word::Select)) {
        return None;
    }
    let mut first = next + 1;
    if kind(tokens, first) == Some(Kind::Word(Word::Quantity)) {
        first += 1;
    }
    let opened = skip_open(tokens, first) > first;
    let listed = match kind(tokens, first) {
        None => next > at + 1 || matches!(kind(tokens, 0), Some(Kind::Number | Kind::Text { .. })),
        Some(Kind::Name) => {
            let next = kind(tokens, first + 1);
            // "the union (select members from the board)"
            let article = tokens.get(first + 2).is_some_and(|token| words::is_article(token.text));
            matches!(next, Some(Kind::Comma | Kind::Dot | Kind::Comment { .. }))
                || (next == Some(Kind::Word(Word::From)) && !article)
        }
        Some(Kind::Sign) => true,
        Some(_) => opened || operand(tokens, first, true).is_some(),
    };
    listed.then_some(first + 1).or_else(|| lists_from_table(tokens, first))
}

/// `select a, b from c where`, `(select ...)`, but not "select a size from the list".
pub(super) fn selects(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let mut first = at + 1;
    if kind(tokens, first) == Some(Kind::Word(Word::Quantity)) {
        first += 1;
    }
    let star = tokens.get(first).is_some_and(|token| token.text == b"*");
    let mut evidence = usize::from(star) * 2
        + usize::from(
            at.checked_sub(1).is_some_and(|before| matches!(kind(tokens, before), Some(Kind::Open))),
        );
    let mut end = if star { first + 1 } else { column(tokens, first, &mut evidence)? };
    while kind(tokens, end) == Some(Kind::Comma) {
        end = column(tokens, end + 1, &mut evidence)?;
        evidence += 1;
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
        Some(Kind::Word(Word::Where)) => {
            usize::from(tokens.iter().skip(table + 2).take(4).any(|token| token.kind == Kind::Compare)) * 2
        }
        Some(Kind::Word(Word::Clause | Word::Sorting)) => 1,
        Some(_) => return None,
    };
    (evidence >= 2).then_some(table + 1)
}

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
        Kind::Number | Kind::Variable | Kind::Text { .. } => 1,
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
        return (number && tokens.len() > 3).then_some(end);
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
fn sql_before(tokens: Tokens<'_, '_>, at: usize) -> bool {
    match at.checked_sub(1).and_then(|before| kind(tokens, before)) {
        None | Some(Kind::Text { .. } | Kind::Close) => true,
        Some(Kind::Number) => at == 1,
        // `id;drop table x`: one word and a semicolon glued to it. Prose has more words, or a space behind.
        Some(Kind::Name) => {
            let glued = |before: usize| match (tokens.get(before), tokens.get(before + 1)) {
                (Some(before), Some(next)) => before.end == next.start,
                _ => false,
            };
            at == 1 && glued(0) && glued(1)
        }
        _ => false,
    }
}

/// `1-- -` and the like; the number must stand alone.
fn commented_number(tokens: Tokens<'_, '_>, at: usize) -> bool {
    at == 1
        && kind(tokens, 0) == Some(Kind::Number)
        && tokens.get(1).is_some_and(|token| token.text.starts_with(b"--"))
}

/// `ella@example.com' -- and some prose`, `x'--prose`: what looks like a sentence after a possessive is the end of a
/// query where no word of prose stands before it, or where nobody sets a dash so.
fn cuts_off(tokens: Tokens<'_, '_>, at: usize) -> bool {
    let (Some(first), Some(comment)) = (tokens.first(), tokens.get(at)) else { return false };
    let word = first.text.strip_suffix(b"'").or(first.text.strip_suffix(b"\"")).unwrap_or(first.text);
    let account = words::holds(&["admin", "administrator", "root", ""], word)
        || word.iter().any(|byte| matches!(byte, b'@' | b'%' | b'.' | b'_'));
    let glued = comment.start == first.end && comment.text.starts_with(b"--");
    // `"#1 mom"`
    if word.is_empty() && comment.text.starts_with(b"#") {
        return false;
    }
    !word.contains(&b' ') && (account || glued)
}

/// What the value closes is no sentence: at most one space.
fn short_start(tokens: Tokens<'_, '_>) -> bool {
    tokens.first().is_some_and(|first| first.text.iter().filter(|byte| **byte == b' ').count() <= 1)
}
