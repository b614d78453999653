//! Tokens in answers: whoever holds one is signed in, whatever the answer was said to be. What an answer is, its bytes say: PHP's and
//! Express' own type for JSON that a handler writes by itself is `text/html`.

use std::collections::BTreeSet;

use serde_json::Value;
use storeward_base::Secret;

use crate::json::Tree;
use crate::learn::script::{TOKEN_SIGNS, looks_like_token};
use crate::model::{Adapter, Door};
use crate::side::last;
use crate::text;

/// Texts of one answer that are asked about. An answer with more is nobody's sign-in, or hides one.
pub const MOST_TOKENS: usize = 8;
/// A page says that it is one within so many bytes.
const PAGE_BYTES: usize = 1024;

/// Where in an answer a token is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// Where a door's `token` says, and in headers that are called after one.
    Named,
    /// Wherever a text stands that is called a token, or looks like one. The answer is one to a sign-in.
    Any,
}

/// An answer of the shop.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Its headers, with names in small letters.
    pub lines: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
    /// The body is all there.
    pub is_whole: bool,
}

/// A text of an answer that may be a token.
#[derive(Debug)]
pub struct MaybeToken<'a> {
    /// The door whose question says whose it is.
    pub door: &'a Door,
    pub token: Secret<String>,
}

impl Adapter {
    /// Whether whatever the shop answers has to be read: a token in it signs somebody in.
    pub fn hands_out_tokens(&self) -> bool {
        self.doors.iter().any(|door| door.bearer.is_some())
    }

    /// The texts of an answer that may be tokens, also where there are more than are asked about ([`MOST_TOKENS`]). `None` where an answer
    /// to a sign-in could hold one and is written in a language that is not read.
    pub fn tokens_in(&self, told: &Told<'_>, places: Places) -> Option<Vec<MaybeToken<'_>>> {
        let doors: Vec<_> = self.doors.iter().filter(|door| door.bearer.is_some()).collect();
        let document = document(told.body).filter(|_| told.is_whole);
        let mut anywhere: BTreeSet<String> = told.lines.iter().flat_map(of_line).collect();
        if places == Places::Any {
            match &document {
                Some((before, _)) if may_bear(before) => return None,
                Some((_, tree)) => walk(tree, "", &mut |name, text| {
                    if looks_like_token(name, without_scheme(text)) {
                        anywhere.insert(text.to_owned());
                    }
                }),
                // For people. What scripts take out of it is a JWT, or stands under its name.
                None if told.is_page() => anywhere.extend(jwts(told.body)),
                None if may_bear(told.body) => return None,
                None => {}
            }
        }
        let mut found: BTreeSet<(usize, String)> = BTreeSet::new();
        for door in &doors {
            // A text is asked about once, however many doors have that question.
            let at = doors.iter().position(|other| other.bearer == door.bearer).unwrap_or_default();
            let named = match &document {
                Some((_, tree)) => door.tokens_at(tree),
                // Pages are full of keys against forged forms.
                None if places == Places::Named && told.is_page() => Vec::new(),
                None if places == Places::Any => door.tokens_written(told.body),
                None => door.tokens_within(told.body),
            };
            found.extend(named.into_iter().chain(anywhere.iter().cloned()).map(|text| (at, text)));
        }
        let found = found.into_iter().map(|(at, text)| (at, without_scheme(&text).to_owned()));
        let found: BTreeSet<_> = found.filter(|(_, text)| !text.is_empty()).collect();
        let tokens = found.into_iter().filter_map(|(at, text)| {
            Some(MaybeToken { door: doors.get(at).copied()?, token: Secret::new(text) })
        });
        Some(tokens.collect())
    }
}

impl Told<'_> {
    /// Whether it is a page for people: HTML, and nothing else that begins so.
    fn is_page(&self) -> bool {
        let start = self.body.get(..PAGE_BYTES).unwrap_or(self.body);
        let start = String::from_utf8_lossy(start).to_ascii_lowercase();
        let says_so = self.lines.iter().any(|(name, value)| {
            *name == "content-type" && value.to_ascii_lowercase().starts_with("text/html")
        });
        let begins = start.trim_start_matches(is_blank);
        let is_one = ["<!doctype html", "<html"].iter().any(|tag| start.contains(tag));
        begins.starts_with('<') && (is_one || (says_so && !begins.starts_with("<?xml")))
    }
}

impl Door {
    /// What stands at the pointers, in the document and in each answer of a batch.
    fn tokens_at(&self, tree: &Tree) -> Vec<String> {
        // Magento's answer is nothing but the token: the file calls it `/`.
        let (whole, parts): (Vec<_>, Vec<_>) = self.token.iter().partition(|pointer| *pointer == "/");
        let bare = tree.text().filter(|_| !whole.is_empty());
        let calls = tree.calls();
        let named = calls.iter().flat_map(|call| parts.iter().flat_map(|pointer| call.all_at(pointer)));
        bare.into_iter().chain(named.filter_map(Tree::text)).map(str::to_owned).collect()
    }

    /// The same however scripts in a page write it: in an attribute, in a text of a script, without quotes around the name.
    fn tokens_written(&self, body: &[u8]) -> Vec<String> {
        let page = plainly_quoted(&String::from_utf8_lossy(body));
        let names = self.token.iter().map(|pointer| last(pointer)).filter(|name| !name.is_empty());
        let mut found: Vec<String> = Vec::new();
        for name in names {
            for text in page.match_indices(name).filter_map(|(at, _)| written_at(&page, at, name)) {
                if !found.contains(&text) {
                    found.push(text);
                }
                if found.len() > MOST_TOKENS {
                    return found;
                }
            }
        }
        found
    }

    /// Tokens in a text that is no whole document: what stands behind the last part of a pointer's name.
    fn tokens_within(&self, body: &[u8]) -> Vec<String> {
        let page = String::from_utf8_lossy(body);
        let names = self.token.iter().map(|pointer| last(pointer)).filter(|name| !name.is_empty());
        let behind = names.flat_map(|name| {
            let key = format!("\"{name}\"");
            let places: Vec<_> = page.match_indices(&key).map(|(at, key)| at + key.len()).collect();
            places
        });
        let texts = behind.filter_map(|at| {
            let rest = page.get(at..)?.trim_start().strip_prefix(':')?.trim_start();
            let mut said = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            said.next()?.ok()?.as_str().map(str::to_owned)
        });
        texts.take(MOST_TOKENS + 1).collect()
    }
}

/// A page in which quotes are quotes: not `&quot;` (Inertia, data attributes), `\"` (Next.js), `\u0022`.
fn plainly_quoted(page: &str) -> String {
    let page = text::unescape(page).replace("\\u0022", "\"").replace("\\x22", "\"");
    let mut out = String::with_capacity(page.len());
    for sign in page.chars() {
        if matches!(sign, '"' | '\'') {
            out.truncate(out.trim_end_matches('\\').len());
        }
        out.push(sign);
    }
    out
}

/// The text that is given to this name at this place, in JSON or in a script.
fn written_at(page: &str, at: usize, name: &str) -> Option<String> {
    let is_word = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == '-';
    let (before, rest) = (page.get(..at)?, page.get(at..)?.strip_prefix(name)?);
    if before.ends_with(is_word) {
        return None;
    }
    let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest).trim_start();
    let rest = rest.strip_prefix([':', '='])?.trim_start();
    let quote = rest.chars().next().filter(|sign| matches!(sign, '"' | '\'' | '`'))?;
    let text = rest.get(1..)?.split(quote).next()?;
    let text = serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned());
    Some(text).filter(|text| !text.is_empty())
}

/// The documents of an answer in JSON, and what stands before them: what keeps the scripts of other sites from reading it (`)]}',`,
/// `while(1);`), or the name of a function (JSONP).
fn document(body: &[u8]) -> Option<(&[u8], Tree)> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    if body.starts_with(b"<") {
        return None;
    }
    let (before, written) = body.split_at_checked(body.iter().position(|byte| b"{[\"".contains(byte))?)?;
    let (tree, rest) = Tree::documents(written);
    let is_end = rest.iter().all(|byte| byte.is_ascii_whitespace() || b");".contains(byte));
    tree.filter(|_| is_end).map(|tree| (before, tree))
}

/// The texts of a header that may be tokens, by its name or their look: its own, a cookie's, or those in the query and the fragment of
/// an address.
fn of_line((name, value): &(&str, &str)) -> Vec<String> {
    let pairs: Vec<(&str, &str)> = match *name {
        "set-cookie" => value.split(';').next().and_then(|pair| pair.split_once('=')).into_iter().collect(),
        "location" | "content-location" | "link" | "refresh" => {
            value.split(['?', '#', '&', ';', '<', '>', ' ']).filter_map(|pair| pair.split_once('=')).collect()
        }
        // Authorization, X-Auth.
        _ if name.ends_with("authorization") || name.ends_with("auth") => vec![("token", value)],
        _ => vec![(name, value)],
    };
    let texts = pairs.into_iter().filter_map(|(name, value)| {
        let text = text::decode(value.trim_matches(['"', ' ']).as_bytes(), b'+');
        let text = without_scheme(&text).trim();
        looks_like_token(name, text).then(|| text.to_owned())
    });
    texts.collect()
}

/// Whether a header holds this text as what may be a token.
pub fn bears(line: (&str, &str), text: &Secret<String>) -> bool {
    of_line(&line).contains(text.expose())
}

/// A token without the scheme that some answers write before it, ready for a header (RFC 6750).
fn without_scheme(text: &str) -> &str {
    match text.get(..7) {
        Some(word) if word.eq_ignore_ascii_case("bearer ") => text.get(7..).unwrap_or_default().trim(),
        _ => text,
    }
}

/// Whether something as long as a token stands in a text.
fn may_bear(text: &[u8]) -> bool {
    text.split(|byte| !is_sign(byte)).any(|run| run.len() >= TOKEN_SIGNS)
}

/// Tokens that begin as a JWT does (RFC 7519: a JSON object in base64url).
fn jwts(text: &[u8]) -> Vec<String> {
    let runs = text.split(|byte| !is_sign(byte)).filter(|run| run.len() >= TOKEN_SIGNS);
    let tokens = runs.filter(|run| run.starts_with(b"eyJ"));
    tokens.take(MOST_TOKENS + 1).map(|run| String::from_utf8_lossy(run).into_owned()).collect()
}

/// RFC 6750 section 2.1, and what escapes one in an address.
fn is_sign(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/%".contains(byte)
}

fn is_blank(sign: char) -> bool {
    sign.is_whitespace() || sign == '\u{feff}'
}

/// Each text of a document with the name that it stands under.
fn walk(tree: &Tree, name: &str, take: &mut impl FnMut(&str, &str)) {
    match tree {
        Tree::Text(text) => take(name, text),
        Tree::List(all) => all.iter().for_each(|one| walk(one, name, take)),
        Tree::Fields(fields) => fields.iter().for_each(|(name, value)| walk(value, name, take)),
        Tree::Plain => {}
    }
}

#[cfg(test)]
mod tests;
