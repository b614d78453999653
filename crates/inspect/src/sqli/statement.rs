//! `; drop table users`, `; waitfor delay '0:0:5'`, `; select sleep(5)`: another statement.

use super::shape::selects;
use super::token::Kind;
use super::walk::{Tokens, kind, operand, skip_open};
use super::words::{self, Word};

/// The end of the statement that starts at `at`. `detached`: a semicolon stands before it, so less proof is needed.
pub(super) fn statement(tokens: Tokens<'_, '_>, at: usize, detached: bool) -> Option<usize> {
    let at = skip_open(tokens, at);
    let token = tokens.get(at)?;
    if token.kind == Kind::Word(Word::Select) && detached {
        return selects(tokens, at).or_else(|| calculates(tokens, at));
    }
    let verb = token.text.to_ascii_lowercase();
    match verb.as_slice() {
        b"waitfor" => is(tokens, at + 1, &["delay", "time"]).then_some(at + 2),
        b"declare" => (kind(tokens, at + 1) == Some(Kind::Variable)).then_some(at + 2),
        b"exec" | b"execute" => executes(tokens, at, detached),
        b"insert" | b"replace" | b"merge" => inserts(tokens, at, detached),
        b"delete" => deletes(tokens, at, detached),
        b"update" => updates(tokens, at),
        b"drop" | b"create" | b"alter" | b"truncate" | b"rename" => defines(tokens, at, detached),
        _ if detached => acts(tokens, at, &verb),
        _ => None,
    }
}

/// Statements that are told from prose only by the semicolon before them.
fn acts(tokens: Tokens<'_, '_>, at: usize, verb: &[u8]) -> Option<usize> {
    match verb {
        b"shutdown" => (is_closed(tokens, at + 1) || is(tokens, at + 1, &["with"])).then_some(at + 1),
        b"grant" | b"revoke" | b"load" => is(tokens, at + 1, &["all", "data", "select"]).then_some(at + 2),
        b"copy" | b"call" | b"prepare" => {
            let named = matches!(kind(tokens, at + 1), Some(Kind::Call { .. } | Kind::Name));
            let goes_on = (at + 2..at + 8)
                .any(|place| kind(tokens, place) == Some(Kind::Open) || is(tokens, place, &["from", "to"]));
            (named && goes_on).then_some(at + 2)
        }
        b"explain" => (at + 1..at + 8).find_map(|inner| statement(tokens, inner, true)),
        // `values((select ...))`: a query in brackets within a few signs.
        b"values" => (at + 1..at + 24)
            .find(|open| kind(tokens, *open) == Some(Kind::Open) && is(tokens, open + 1, &["select"]))
            .map(|open| open + 2),
        b"do" => matches!(kind(tokens, at + 1), Some(Kind::Text { .. })).then_some(at + 2),
        b"handler" => is(tokens, at + 2, &["open", "read"]).then_some(at + 3),
        b"table" => {
            let table = tokens.get(at + 1)?;
            let is_text = matches!(table.kind, Kind::Text { closed: true });
            let inside = if is_text { table.text.get(1..table.text.len() - 1)? } else { table.text };
            let told = words::is_prey(inside) || inside.contains(&b'_');
            (told && is_named(tokens, at + 1) && is_closed(tokens, at + 2)).then_some(at + 2)
        }
        b"set" => (kind(tokens, at + 1) == Some(Kind::Variable)).then_some(at + 2),
        // Each is a word of prose, too: the rest of the query must be cut off behind it.
        b"attach" => {
            let file = at + 1 + usize::from(is(tokens, at + 1, &["database"]));
            (matches!(kind(tokens, file), Some(Kind::Text { .. })) && is(tokens, file + 1, &["as"]))
                .then_some(file + 2)
        }
        b"begin" if kind(tokens, at + 1) == Some(Kind::Open) => Some(at + 2),
        b"vacuum" | b"reindex" | b"analyze" | b"begin" | b"commit" | b"rollback" | b"end" => {
            let end = at + 1 + usize::from(kind(tokens, at + 1) == Some(Kind::Semicolon));
            let cut = Some(Kind::Comment { clean: true });
            let written = kind(tokens, end) == Some(Kind::Word(Word::Into))
                && matches!(kind(tokens, end + 1), Some(Kind::Text { .. }));
            (kind(tokens, end) == cut || written).then_some(end + 1)
        }
        b"if" => (kind(tokens, at + 1) == Some(Kind::Open)).then_some(at + 2),
        _ => None,
    }
}

/// `select 1`, `select sleep(5)`, with nothing behind.
fn calculates(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let mut end = operand(tokens, at + 1, true)?;
    if kind(tokens, end) == Some(Kind::Compare) {
        end = operand(tokens, end + 1, true)?;
    }
    (is_closed(tokens, end) && kind(tokens, at + 1) != Some(Kind::Name)).then_some(end)
}

fn executes(tokens: Tokens<'_, '_>, at: usize, detached: bool) -> Option<usize> {
    let loud = tokens.get(at + 1).is_some_and(|next| {
        let text = next.text.to_ascii_lowercase();
        text.starts_with(b"xp_") || text.starts_with(b"sp_") || text == b"master" || text == b"immediate"
    });
    let inside = kind(tokens, at + 2);
    let calls = kind(tokens, at + 1) == Some(Kind::Open)
        && matches!(inside, Some(Kind::Text { .. } | Kind::Variable | Kind::Call { .. }));
    (loud || calls || (detached && is_named(tokens, at + 1))).then_some(at + 2)
}

fn inserts(tokens: Tokens<'_, '_>, at: usize, detached: bool) -> Option<usize> {
    let is_short = detached && !is(tokens, at + 1, &["into"]);
    let at = if is_short { at } else { at + 1 };
    let target = is_short || is(tokens, at, &["into"]);
    let renamed = if is(tokens, at + 2, &["as"]) { 2 } else { 0 };
    let follows = is(tokens, at + 2 + renamed, &["values", "select", "set"])
        || (!is_short && kind(tokens, at + 2) == Some(Kind::Open))
        || (!is_short && matches!(kind(tokens, at + 1), Some(Kind::Call { .. })));
    (target && is_named(tokens, at + 1) && follows).then_some(at + 2)
}

/// `update a set b=`, `update(a)set b=`.
fn updates(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let open = usize::from(kind(tokens, at + 1) == Some(Kind::Open));
    let behind = at + 2 + 2 * open;
    // `update a as b set`
    let set = (behind..behind + 3).find(|set| is(tokens, *set, &["set"]))?;
    let sets = kind(tokens, set + 1) == Some(Kind::Open) || kind(tokens, set + 2) == Some(Kind::Compare);
    (is_named(tokens, at + 1 + open) && sets).then_some(set + 3)
}

/// What no list of goods has behind a semicolon: "lamp; drop table" is one.
pub(super) fn is_loud(tokens: Tokens<'_, '_>, at: usize) -> bool {
    creates(tokens, at)
        || (is(tokens, at, &["select"]) && selects(tokens, at).is_some())
        || is(
            tokens,
            at,
            &[
                "delete", "insert", "replace", "update", "explain", "do", "handler", "table", "merge",
                "values", "copy", "exec", "execute", "truncate",
            ],
        )
}

/// `create table a(`, `create table a as select`
fn creates(tokens: Tokens<'_, '_>, at: usize) -> bool {
    const BEGIN: [&str; 4] = ["select", "table", "values", "with"];
    let opens = |at: usize| kind(tokens, at) == Some(Kind::Open);
    let filled = is(tokens, at + 3, &["as"]) && (opens(at + 4) || is(tokens, at + 4, &BEGIN));
    is(tokens, at, &["create"])
        && (matches!(kind(tokens, at + 2), Some(Kind::Call { .. })) || opens(at + 3) || filled)
}

fn deletes(tokens: Tokens<'_, '_>, at: usize, detached: bool) -> Option<usize> {
    let target = is(tokens, at + 1, &["from"]) && is_named(tokens, at + 2);
    let chosen = kind(tokens, at + 3) == Some(Kind::Word(Word::Where));
    // `;delete from a b`: glued to the semicolon, no sentence goes on so.
    let glued = at.checked_sub(1).and_then(|before| tokens.get(before)).map(|before| before.end)
        == tokens.get(at).map(|verb| verb.start);
    let behind_name = at + 4 + usize::from(is(tokens, at + 3, &["as"]));
    if detached && glued && target && is_closed(tokens, behind_name) {
        return Some(behind_name);
    }
    (target && (chosen || (detached && is_closed(tokens, at + 3)))).then_some(at + 3)
}

fn defines(tokens: Tokens<'_, '_>, at: usize, detached: bool) -> Option<usize> {
    const THINGS: [&str; 8] =
        ["table", "database", "schema", "view", "user", "procedure", "function", "login"];
    if detached && is(tokens, at, &["truncate"]) && is_named(tokens, at + 1) && is_closed(tokens, at + 2) {
        return Some(at + 2);
    }
    if !is(tokens, at + 1, &THINGS) {
        return None;
    }
    let named = is_named(tokens, at + 2);
    let guarded = is(tokens, at + 2, &["if"]) && is(tokens, at + 3, &["exists", "not"]);
    let ended = match kind(tokens, at + 3) {
        Some(Kind::Semicolon | Kind::Comment { clean: true }) => true,
        None | Some(Kind::Dot | Kind::Comment { .. }) => detached,
        Some(_) => false,
    };
    let created = creates(tokens, at);
    let altered =
        detached && is(tokens, at, &["alter"]) && is(tokens, at + 3, &["add", "drop", "modify", "rename"]);
    (guarded || (named && ended) || created || (named && altered)).then_some(at + 3)
}

fn is(tokens: Tokens<'_, '_>, at: usize, texts: &[&str]) -> bool {
    tokens.get(at).is_some_and(|token| words::holds(texts, token.text))
}

fn is_named(tokens: Tokens<'_, '_>, at: usize) -> bool {
    matches!(kind(tokens, at), Some(Kind::Name | Kind::Catalogue | Kind::Text { .. } | Kind::Call { .. }))
}

fn is_closed(tokens: Tokens<'_, '_>, at: usize) -> bool {
    matches!(kind(tokens, at), None | Some(Kind::Semicolon | Kind::Comment { .. }))
}
