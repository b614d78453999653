//! Values that stand where the shop's query has a number, a list to sort by or a list of what is set: they break out of nothing.

use super::brackets::is_aside;
use super::continuation::continues_with_query;
use super::query::begins_plain_query;
use super::token::Kind;
use super::walk::{Tokens, is_function, is_literal, kind, operand, skip_open, skip_signs, text_is};
use super::words::{self, Word};

/// How many tokens of a choice are looked at.
const CHOICE: usize = 64;

pub(super) fn stands_bare(tokens: Tokens<'_, '_>) -> Option<usize> {
    sorted_by(tokens)
        .or_else(|| always_true(tokens))
        .or_else(|| opens_again(tokens))
        .or_else(|| assigns(tokens))
        .or_else(|| tells_by_order(tokens))
}

/// `name,(select ...)`, `case when ... then`: the value is a list to sort by. Prose sets a dash between spaces.
fn sorted_by(tokens: Tokens<'_, '_>) -> Option<usize> {
    let case = skip_open(tokens, 0);
    if kind(tokens, case) == Some(Kind::Word(Word::Case)) {
        return chooses(tokens, case);
    }
    let (first, second) = (tokens.first()?, tokens.get(1)?);
    if first.kind == Kind::Open && begins_plain_query(tokens, 1) {
        return Some(2);
    }
    if matches!(first.kind, Kind::Call { .. } | Kind::Name) && second.kind == Kind::Open {
        let inside = (1..64)
            .filter(|at| kind(tokens, *at) == Some(Kind::Open))
            .find(|at| begins_plain_query(tokens, at + 1) && !is_aside(tokens, at + 1));
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

/// `case when a>'m' then b`, `case substr(a,1,1) when 'a' then b`, but not "case study when bought then free".
fn chooses(tokens: Tokens<'_, '_>, case: usize) -> Option<usize> {
    let when = (case + 1..case + CHOICE).find(|at| kind(tokens, *at) == Some(Kind::Word(Word::When)))?;
    let then = (when + 1..case + CHOICE).find(|at| kind(tokens, *at) == Some(Kind::Word(Word::Then)))?;
    let named = when == case + 1;
    let firm =
        kind(tokens, when + 1).is_some_and(is_literal) || kind(tokens, case + 1).is_some_and(is_literal);
    let goes_on = kind(tokens, then + 1).is_some() && kind(tokens, then + 2).is_some();
    ((named || firm) && goes_on).then_some(then + 2)
}

/// `1 or id`, `1 || 1`, `1 or 2>1`, `1 or not 0`, `7 or 7`: nothing but a number, and a condition that most rows meet. "1 or
/// 2", "100 or more" and "2 and a half" are prose: what is no sign must be a column's name or the same number again.
fn always_true(tokens: Tokens<'_, '_>) -> Option<usize> {
    let minus = usize::from(tokens.first().is_some_and(|token| token.text == b"-"));
    let tokens = tokens.get(minus..)?;
    let (first, joint) = (tokens.first()?, tokens.get(1)?);
    let is_sign = joint.kind == Kind::Logic;
    if first.kind != Kind::Number || !(is_sign || joint.kind == Kind::Word(Word::Logic)) {
        return None;
    }
    // "size 0 or 1" has a word; no row has the number 0, or less than that.
    let matches_none = minus > 0 || first.text.iter().all(|byte| *byte == b'0');
    let never_said = matches_none || text_is(tokens, 1, &["xor"]);
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
    let is_name = operand_token.kind == Kind::Name;
    let negated = kind(tokens, 2) == Some(Kind::Word(Word::Not));
    let is_column = is_name
        && (words::is_column(operand_token.text) || (negated && words::is_number_column(operand_token.text)));
    let same_name = is_name
        && kind(tokens, end) == Some(Kind::Compare)
        && tokens.get(end + 1).is_some_and(|token| token.text.eq_ignore_ascii_case(operand_token.text));
    let is_number = operand_token.kind == Kind::Number;
    // `1||price`, `0 or true-- and words`
    let is_odd = (is_sign && is_name && words::is_number_column(operand_token.text))
        || matches!(operand_token.kind, Kind::Word(Word::Constant)) && kind(tokens, end).is_some();
    let same =
        is_number && !text_is(tokens, 1, &["and"]) && operand_token.text == first.text && end == start + 1;
    let tells = is_column || is_odd || same || (is_number && (is_sign || stripped || never_said));
    (compares || same_name || (closed && tells)).then_some((end + minus).min(tokens.len() + minus))
}

/// `1) or (1`: the shop's own brackets are closed and opened.
fn opens_again(tokens: Tokens<'_, '_>) -> Option<usize> {
    let closes = kind(tokens, 0) == Some(Kind::Number) && kind(tokens, 1) == Some(Kind::Close);
    let joint = (1..8).find(|at| kind(tokens, *at) != Some(Kind::Close)).filter(|_| closes)?;
    let open =
        matches!(kind(tokens, joint), Some(Kind::Logic | Kind::Word(Word::Logic))).then_some(joint + 1)?;
    let inside = skip_open(tokens, open);
    let ends = operand(tokens, inside, false) == Some(tokens.len());
    (inside > open && ends).then_some(tokens.len())
}

/// `1, role='admin'`, `1,is_admin=1`: what else is set. "1,size=38" is a filter.
fn assigns(tokens: Tokens<'_, '_>) -> Option<usize> {
    let value = operand(tokens, 0, false).filter(|end| kind(tokens, *end) == Some(Kind::Comma))?;
    let name = tokens.get(value + 1).filter(|token| token.kind == Kind::Name)?;
    let sets = tokens.get(value + 2).is_some_and(|token| token.text == b"=");
    let is_right = words::is_right(name.text);
    let set = match kind(tokens, value + 3)? {
        Kind::Text { closed: true } => true,
        Kind::Number | Kind::Word(Word::Constant) => is_right,
        _ => false,
    };
    (sets && set && kind(tokens, 0) == Some(Kind::Number)).then_some(value + 4)
}

/// `if(a>'m',b,c)`, `price*(a>'m')`, `password like 'a%'`, `ascii(password)-97`: the order of the list answers a question.
fn tells_by_order(tokens: Tokens<'_, '_>) -> Option<usize> {
    let first = tokens.first()?;
    let end = operand(tokens, 0, true)?;
    let called = end > 1 && kind(tokens, 1) == Some(Kind::Open);
    let inside = || 2..end.min(CHOICE);
    if called
        && text_is(tokens, 0, &["if", "iif", "decode", "nullif", "ifnull", "coalesce", "instr", "strcmp"])
    {
        let asks = inside().any(|at| {
            matches!(kind(tokens, at), Some(Kind::Compare))
                || tokens.get(at).is_some_and(|token| is_secret(token.text))
        });
        let lists = inside().filter(|at| kind(tokens, *at) == Some(Kind::Comma)).count();
        return (asks && lists > 0).then_some(end);
    }
    if called && is_function(tokens, 0) {
        let asks = inside().any(|at| tokens.get(at).is_some_and(|token| is_secret(token.text)));
        let goes_on = matches!(
            kind(tokens, end),
            None | Some(Kind::Sign | Kind::Compare | Kind::Comma | Kind::Comment { .. })
        );
        return (asks && goes_on).then_some(end);
    }
    let next = tokens.get(end)?;
    if next.kind == Kind::Sign && kind(tokens, end + 1) == Some(Kind::Open) {
        let glued = tokens.get(end + 1).is_some_and(|open| open.start == next.end);
        let compared = operand(tokens, end + 2, true)?;
        let compares = kind(tokens, compared) == Some(Kind::Compare)
            || matches!(kind(tokens, compared), Some(Kind::Word(Word::Compare)));
        let right = operand(tokens, compared + 1, false)?;
        return (glued && compares && kind(tokens, right) == Some(Kind::Close)).then_some(right + 1);
    }
    let matches = matches!(kind(tokens, end), Some(Kind::Word(Word::Compare)))
        && text_is(tokens, end, &["like", "glob", "regexp", "rlike", "ilike"])
        && first.kind == Kind::Name;
    let pattern =
        tokens.get(end + 1).filter(|token| matches && token.kind == (Kind::Text { closed: true }))?;
    let wild = pattern.text.iter().any(|byte| matches!(byte, b'%' | b'*' | b'^' | b'_'));
    (wild || is_secret(first.text)).then_some(end + 2)
}

/// What nobody sorts by.
fn is_secret(name: &[u8]) -> bool {
    const PARTS: [&[u8]; 5] = [b"pass", b"pwd", b"hash", b"secret", b"token"];
    let lower = name.to_ascii_lowercase();
    PARTS.iter().any(|part| memchr::memmem::find(&lower, part).is_some())
}
