//! Side doors: sign-ins that scripts send, wherever they go and by whatever method. Shops mount what answers them on whole prefixes
//! (`/graphql/x`), take any method, put a request's query and its body together, and have addresses that no file knows. What a
//! request holds says that it signs in, and what an answer holds that somebody is.

use std::collections::BTreeSet;

use serde_json::Value;
use storeward_base::Secret;

use crate::body::{Credentials, Unreadable, fields};
use crate::call::{calls_field, has_word};
use crate::door::Asked;
use crate::json::Tree;
use crate::kind::{Kind, has_plain_charset};
use crate::learn::script::looks_like_token;
use crate::model::{Adapter, BodyKind, Door, DoorKind};
use crate::text;

/// Texts of one answer that are asked about. An answer with more is nobody's sign-in, or hides one.
const MOST_TOKENS: usize = 8;

/// Where in an answer a token is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// Where a door's `token` says.
    Named,
    /// Wherever a text stands that is called a token, or looks like one.
    Any,
}

/// A text of an answer that may be a token.
#[derive(Debug)]
pub struct MaybeToken<'a> {
    /// The door whose question says whose it is.
    pub door: &'a Door,
    pub token: Secret<String>,
}

impl Adapter {
    /// Whether whatever a client sends has to be read: people sign in here by what scripts send.
    pub fn has_side_doors(&self) -> bool {
        self.doors.iter().any(Door::has_sides)
    }

    /// Whether whatever the shop answers has to be read: a token in it signs somebody in.
    pub fn hands_out_tokens(&self) -> bool {
        self.doors.iter().any(|door| door.bearer.is_some())
    }

    /// A sign-in such as scripts send, where no door of the file takes it.
    pub(crate) fn side_door(
        &self,
        asked: &Asked<'_>,
        body: &[u8],
        known: Option<&Door>,
    ) -> Option<(&Door, Result<Credentials, Unreadable>)> {
        let is_free = |door: &&Door| match known {
            Some(Door { kind: DoorKind::SignIn | DoorKind::Api, .. }) => false,
            Some(known) => door.user != known.user || door.password != known.password,
            None => true,
        };
        let doors = self.doors.iter().filter(|door| door.has_sides()).filter(is_free);
        let found: Vec<_> =
            doors.filter_map(|door| Some((door, door.credentials_beside(asked, body)?))).collect();
        // The answer of one that hands out tokens is read.
        let at = found.iter().position(|(door, _)| door.bearer.is_some()).unwrap_or(0);
        found.into_iter().nth(at)
    }

    /// Whether the rest of a body that is longer than what is read of it may sign somebody in.
    pub fn may_go_on(&self, asked: &Asked<'_>, body: &[u8]) -> bool {
        Kind::of(asked.content_type) != Kind::Other || looks_written(body)
    }

    /// Whether a body for scripts is written in signs that we do not read, and some shops do.
    pub fn is_strange_script(&self, asked: &Asked<'_>, body: &[u8]) -> bool {
        let says_json = asked.content_type.to_ascii_lowercase().contains("json");
        self.has_side_doors()
            && ((says_json && !has_plain_charset(asked.content_type))
                || is_wide(body.get(..4).unwrap_or(body)))
    }

    /// The texts of an answer that may be tokens. `None` where there are more than are asked about.
    pub fn tokens_in(&self, body: &[u8], is_whole: bool, places: Places) -> Option<Vec<MaybeToken<'_>>> {
        let doors: Vec<_> = self.doors.iter().filter(|door| door.bearer.is_some()).collect();
        let tree = Tree::parse(body).ok().filter(|_| is_whole);
        let mut found: BTreeSet<(usize, String)> = BTreeSet::new();
        for door in &doors {
            // A text is asked about once, however many doors have that question.
            let at = doors.iter().position(|other| other.bearer == door.bearer).unwrap_or_default();
            let Some(tree) = &tree else {
                found.extend(door.tokens_within(body).into_iter().map(|text| (at, text)));
                continue;
            };
            let pointers = door.token.iter().map(|pointer| if pointer == "/" { "" } else { pointer });
            let named = pointers.flat_map(|pointer| tree.all_at(pointer)).filter_map(Tree::text);
            found.extend(named.map(|text| (at, text.to_owned())));
            if places == Places::Any {
                walk(tree, "", &mut |name, text| {
                    if looks_like_token(name, text) {
                        found.insert((at, text.to_owned()));
                    }
                });
            }
        }
        found.retain(|(_, text)| !text.is_empty());
        if found.len() > MOST_TOKENS {
            return None;
        }
        let tokens = found.into_iter().filter_map(|(at, text)| {
            Some(MaybeToken { door: doors.get(at).copied()?, token: Secret::new(text) })
        });
        Some(tokens.collect())
    }
}

impl Door {
    fn has_sides(&self) -> bool {
        let is_by_script = matches!(self.body, BodyKind::Json | BodyKind::Graphql);
        let is_named = !self.user.is_empty() && !self.password.is_empty();
        self.kind == DoorKind::SignIn && is_by_script && is_named && !self.only_here
    }

    /// The credentials of a request that signs in as this door does. `None` where it does not.
    fn credentials_beside(&self, asked: &Asked<'_>, body: &[u8]) -> Option<Result<Credentials, Unreadable>> {
        if self.body == BodyKind::Graphql {
            return calls_field(asked, body, &self.operation).then(|| self.credentials(asked, body));
        }
        let sent = Sent::of(asked, body);
        let (users, passwords) = (sent.at(&self.user), sent.at(&self.password));
        if !users.is_empty() && passwords.iter().any(is_given) {
            return Some(only(users, passwords));
        }
        let names = |pointers: &[String]| pointers.iter().any(|pointer| sent.has_word(last(pointer)));
        (names(&self.user) && names(&self.password)).then_some(Err(Unreadable::Form))
    }

    /// The credentials in JSON, at the door itself: shops put the fields of the query, or of a form, beside them.
    pub(crate) fn credentials_in_json(
        &self,
        asked: &Asked<'_>,
        body: &[u8],
    ) -> Result<Credentials, Unreadable> {
        let read = Tree::parse(body).and_then(|tree| tree.credentials(self));
        if matches!(read, Err(Unreadable::Form | Unreadable::Twice)) {
            return read;
        }
        let sent = Sent::of(asked, body);
        match only(sent.at(&self.user), sent.at(&self.password)) {
            Err(Unreadable::Twice) => Err(Unreadable::Twice),
            beside => read.or(beside),
        }
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

/// What stands at a door's places: one name, and one password.
fn only(users: Vec<Option<String>>, passwords: Vec<Option<String>>) -> Result<Credentials, Unreadable> {
    if !passwords.iter().any(is_given) {
        return Err(Unreadable::Fields);
    }
    let names: BTreeSet<_> = users.iter().collect();
    match names.into_iter().collect::<Vec<_>>().as_slice() {
        [Some(user)] if !user.is_empty() => {
            let password = passwords.into_iter().flatten().find(|text| !text.is_empty());
            // A password that is no text is a guess none the less.
            let password = Secret::new(password.unwrap_or_default());
            Ok(Credentials { user: Secret::new(user.clone()), password })
        }
        [_, _, ..] => Err(Unreadable::Twice),
        _ => Err(Unreadable::Fields),
    }
}

/// What is no text has a reading of its own in each language.
fn is_given(value: &Option<String>) -> bool {
    value.as_ref().is_none_or(|text| !text.is_empty())
}

/// All that a shop may find in a request: the fields of the query, those of a form, and JSON, whatever the body is said to be.
struct Sent<'a> {
    tree: Option<Tree>,
    typed: Vec<(String, String)>,
    /// A body that is neither.
    rest: Option<&'a [u8]>,
}

impl<'a> Sent<'a> {
    fn of(asked: &Asked<'_>, body: &'a [u8]) -> Self {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let mut typed: Vec<_> = text::form_fields(asked.query.unwrap_or_default().as_bytes()).collect();
        let tree = Tree::first_of(body);
        let is_form = Kind::of(asked.content_type) != Kind::Other;
        if is_form && !body.is_empty() {
            typed.extend(fields(asked.content_type, body).unwrap_or_default());
        }
        let rest = (tree.is_none() && !is_form && looks_written(body)).then_some(body);
        Sent { tree, typed, rest }
    }

    /// What stands at these pointers, or in fields of their names (`login[mail]`, `login.mail`). `None` for what is no text.
    fn at(&self, pointers: &[String]) -> Vec<Option<String>> {
        let mut found = Vec::new();
        for pointer in pointers {
            let inside = self.tree.iter().flat_map(|tree| tree.all_at(pointer));
            found.extend(inside.map(|value| value.text().map(str::to_owned)));
            let mut parts = pointer.trim_start_matches('/').split('/');
            let first = parts.next().unwrap_or_default().to_owned();
            let rest: Vec<_> = parts.collect();
            let in_brackets = rest.iter().map(|part| format!("[{part}]")).collect::<String>();
            let names =
                [format!("{first}{in_brackets}"), [&[first.as_str()], rest.as_slice()].concat().join(".")];
            let is_one = |name: &str| names.iter().any(|wanted| text::is_field(name, wanted));
            found.extend(
                self.typed.iter().filter(|(name, _)| is_one(name)).map(|(_, value)| Some(value.clone())),
            );
        }
        found
    }

    /// Whether a word stands in what cannot be read: JSON with comments or nested too deep, or XML.
    fn has_word(&self, word: &str) -> bool {
        let Some(rest) = self.rest else { return false };
        let text = String::from_utf8_lossy(rest).to_lowercase();
        !word.is_empty() && (text.contains("\\u") || has_word(&text, &word.to_lowercase()))
    }
}

/// Whether a body begins as JSON or XML does.
fn looks_written(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace() && **byte != 0);
    first.is_some_and(|byte| b"{[\"</".contains(byte))
}

/// UTF-16 or UTF-32, as Python's reader of JSON finds out from the first bytes.
fn is_wide(start: &[u8]) -> bool {
    let is_marked = start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff");
    is_marked || (start.contains(&0) && looks_written(start))
}

/// The last part of a pointer.
fn last(pointer: &str) -> &str {
    pointer.rsplit('/').next().unwrap_or_default()
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
