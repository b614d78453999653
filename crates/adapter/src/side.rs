//! Side doors: sign-ins that scripts send, wherever they go and by whatever method. Shops mount what answers them on whole prefixes
//! (`/graphql/x`), take any method, put a request's query and its body together, and have addresses that no file knows. What a
//! request holds says that it signs in, and what an answer holds ([`crate::told`]) that somebody is.

use std::borrow::Cow;
use std::collections::BTreeSet;

use storeward_base::Secret;

use crate::body::{Credentials, Unreadable, fields};
use crate::call::{calls_field, has_word};
use crate::door::Asked;
use crate::json::{Tree, folded};
use crate::kind::{Kind, has_plain_charset};
use crate::model::{Adapter, BodyKind, Door, DoorKind};
use crate::text;

impl Adapter {
    /// Whether whatever a client sends has to be read: people sign in here by what scripts send.
    pub fn has_side_doors(&self) -> bool {
        self.doors.iter().any(Door::has_sides)
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
        let names = |pointers: &[String]| pointers.iter().any(|pointer| sent.has_word(last(pointer)));
        let may_be_unread = || (names(&self.user) && names(&self.password)).then_some(Err(Unreadable::Form));
        sent.sign_in(self).or_else(may_be_unread)
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
        match sent.sign_in(self) {
            Some(Err(Unreadable::Twice)) => Err(Unreadable::Twice),
            Some(beside) => read.or(beside),
            None => read,
        }
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
    /// What is neither, and begins as JSON or XML does.
    rest: Vec<Cow<'a, str>>,
}

impl<'a> Sent<'a> {
    fn of(asked: &Asked<'_>, body: &'a [u8]) -> Self {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let mut typed: Vec<_> = text::form_fields(asked.query.unwrap_or_default().as_bytes()).collect();
        let (mut tree, rest) = Tree::documents(body);
        let is_form = Kind::of(asked.content_type) != Kind::Other;
        if is_form && !body.is_empty() {
            typed.extend(fields(asked.content_type, body).unwrap_or_default());
        }
        // What scripts put into a field of a form, or of the query, is read by some shops as if it were the body.
        let values = typed.iter().map(|(_, value)| value.trim_start());
        let values = values.filter(|value| value.starts_with(['{', '[']));
        let (in_fields, rests): (Vec<_>, Vec<_>) = values
            .map(|value| {
                let (tree, rest) = Tree::documents(value.as_bytes());
                (tree, if may_hold_object(rest) { rest } else { &[] })
            })
            .unzip();
        // Whatever it is said to be: some shops do not look at the type, and read what our reader does not.
        let of_body = looks_written(rest).then(|| String::from_utf8_lossy(rest));
        let of_fields = rests.into_iter().filter(|rest| !rest.trim_ascii().is_empty());
        let of_fields = of_fields.map(|rest| Cow::Owned(String::from_utf8_lossy(rest).into_owned()));
        let rest = of_body.into_iter().chain(of_fields).collect();
        let in_fields: Vec<_> = in_fields.into_iter().flatten().collect();
        if !in_fields.is_empty() {
            tree = Some(Tree::List(tree.into_iter().chain(in_fields).collect()));
        }
        Sent { tree, typed, rest }
    }

    /// The one sign-in by this door's fields, in whichever call of a batch. Several are none: one would be counted.
    fn sign_in(&self, door: &Door) -> Option<Result<Credentials, Unreadable>> {
        let calls = self.tree.as_ref().map(Tree::calls).unwrap_or_default();
        let written = calls.into_iter().map(|call| (at(call, &door.user), at(call, &door.password)));
        let mut written: Vec<_> =
            written.filter(|(users, passwords)| !users.is_empty() || !passwords.is_empty()).collect();
        if written.is_empty() {
            written.push((Vec::new(), Vec::new()));
        }
        let (user, password) = (self.typed_at(&door.user), self.typed_at(&door.password));
        // Looked at once: thousands of calls beside thousands of fields are one request.
        let (is_named, is_guess) = (!user.is_empty(), password.iter().any(is_given));
        let mut found = written.into_iter().filter(|(users, passwords)| {
            (is_named || !users.is_empty()) && (is_guess || passwords.iter().any(is_given))
        });
        let (users, passwords) = found.next()?;
        Some(match found.next() {
            Some(_) => Err(Unreadable::Twice),
            None => only([users, user].concat(), [passwords, password].concat()),
        })
    }

    /// What stands in fields that are called as these pointers are (`login[mail]`, `login.mail`).
    fn typed_at(&self, pointers: &[String]) -> Vec<Option<String>> {
        let mut found = Vec::new();
        for pointer in pointers {
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

    /// Whether a word stands in what cannot be read: JSON with comments, nested too deep, with half a sign or a byte that is none, or
    /// XML. Some readers (PHP's with `JSON_INVALID_UTF8_IGNORE`) pass over such a byte in the midst of a name.
    fn has_word(&self, word: &str) -> bool {
        let is_there = |text: &str| has_word(text, &folded(word));
        let may_be_in = |rest: &Cow<'_, str>| {
            let text = folded(rest);
            has_escape(rest) || is_there(&text) || is_there(&text.replace('\u{fffd}', ""))
        };
        !word.is_empty() && self.rest.iter().any(may_be_in)
    }
}

/// What stands at these pointers in a call. `None` for what is no text.
fn at(call: &Tree, pointers: &[String]) -> Vec<Option<String>> {
    let found = pointers.iter().flat_map(|pointer| call.all_at(pointer));
    found.map(|value| value.text().map(str::to_owned)).collect()
}

/// Whether what cannot be read of a field may hold an object all the same, wherever in it: it begins as some reader's JSON does, and
/// the object stands where one may. What people, and templates (`{{ "x" }}`, `{/if}`, `[b]`), write in brackets is none.
fn may_hold_object(rest: &[u8]) -> bool {
    const OPENS: [&str; 4] = ["\"", "'", "/*", "//"];
    let rest = String::from_utf8_lossy(rest);
    let opens = |inside: &str| {
        let start = inside.trim_start_matches(is_blank);
        OPENS.iter().any(|sign| start.starts_with(sign))
            || (start.starts_with('#') && opens_behind_lines(start))
    };
    begins_as_json(&rest)
        && rest.match_indices('{').any(|(at, _)| {
            let (before, inside) = rest.split_at(at);
            opens(inside.get(1..).unwrap_or_default()) && takes_value(before)
        })
}

/// Whether a name may stand behind comments of one line; templates have `{# … #}`. So much is looked at that a row of such
/// beginnings costs no more than its length: one that goes on for longer may be anything.
fn opens_behind_lines(start: &str) -> bool {
    const MOST: usize = 1024;
    let near = start.get(..start.floor_char_boundary(MOST)).unwrap_or_default();
    let behind = behind_comments(near);
    behind.starts_with(['"', '\'']) || (start.len() > MOST && (behind.is_empty() || behind.starts_with('#')))
}

/// Whether a text begins as a list or an object does, to readers that take comments, blanks, quotes and numbers of their own as well.
fn begins_as_json(text: &str) -> bool {
    let mut start = behind_comments(text);
    while let Some(inside) = start.strip_prefix('[') {
        start = behind_comments(inside);
    }
    if let Some(inside) = start.strip_prefix('{') {
        return behind_comments(inside).starts_with(['"', '\'', '}', '/']);
    }
    // Some lists have elements that are left out.
    if start.starts_with(['"', '\'', ']', ',', ';', '/']) {
        return true;
    }
    let is_sign = |sign: char| sign.is_alphanumeric() || matches!(sign, '+' | '-' | '.' | '_');
    let (word, behind) = start.split_at(start.find(|sign| !is_sign(sign)).unwrap_or(start.len()));
    let bare = word.trim_start_matches(['+', '-', '.']);
    // PHP takes them in capitals, Python the last two.
    let is_named =
        ["true", "false", "null", "nan", "infinity"].iter().any(|known| bare.eq_ignore_ascii_case(known));
    (is_named || bare.starts_with(|sign: char| sign.is_ascii_digit()))
        && behind_comments(behind).starts_with([',', ';', ']', '/'])
}

/// What stands behind blanks and comments. One that does not end is left.
fn behind_comments(text: &str) -> &str {
    let mut rest = text.trim_start_matches(is_blank);
    loop {
        let behind = match (rest.strip_prefix("/*"), rest.strip_prefix("//").or(rest.strip_prefix('#'))) {
            (Some(comment), _) => comment.split_once("*/").map(|(_, behind)| behind),
            (None, Some(comment)) => comment.split_once(is_line_end).map(|(_, behind)| behind),
            (None, None) => None,
        };
        match behind {
            Some(behind) => rest = behind.trim_start_matches(is_blank),
            None => return rest,
        }
    }
}

/// Whether a value may follow: an element, what stands under a name, or another document. Where a comment may end, it may.
fn takes_value(before: &str) -> bool {
    let ended = before.trim_end_matches(is_blank);
    let is_commented = before.get(ended.len()..).is_some_and(|blanks| blanks.contains(is_line_end))
        && ended.rsplit(is_line_end).next().is_some_and(|line| line.contains("//") || line.contains('#'));
    let follows = |sign: char| matches!(sign, '[' | ',' | ';' | ':' | ']' | '}');
    ended.is_empty() || ended.ends_with(follows) || ended.ends_with("*/") || is_commented
}

/// What some reader passes over between signs: not letters of other languages.
fn is_blank(sign: char) -> bool {
    sign.is_whitespace() || sign.is_control() || matches!(sign, '\u{feff}' | '\u{fffd}')
}

fn is_line_end(sign: char) -> bool {
    matches!(sign, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// Whether a sign is written by its number, `\u006d` or `\x6d`; names of folders and classes (`C:\Users`) have none.
fn has_escape(text: &str) -> bool {
    let is_hex = |rest: &str, digits: usize| {
        rest.get(..digits).is_some_and(|number| number.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    text.match_indices('\\').any(|(at, _)| {
        let rest = text.get(at + 1..).unwrap_or_default();
        rest.strip_prefix('u').is_some_and(|rest| is_hex(rest, 4))
            || rest.strip_prefix('x').is_some_and(|rest| is_hex(rest, 2))
    })
}

/// Whether a body begins as JSON or XML does, behind whatever some reader takes for a blank.
pub(crate) fn looks_written(body: &[u8]) -> bool {
    let start = String::from_utf8_lossy(body.get(..256).unwrap_or(body));
    let is_blank = |sign: char| sign.is_whitespace() || sign == '\u{feff}' || sign == '\0';
    start.trim_start_matches(is_blank).starts_with(['{', '[', '"', '<', '/'])
}

/// UTF-16 or UTF-32, as Python's reader of JSON finds out from the first bytes.
fn is_wide(start: &[u8]) -> bool {
    let is_marked = start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff");
    is_marked || (start.contains(&0) && looks_written(start))
}

/// The last part of a pointer.
pub(crate) fn last(pointer: &str) -> &str {
    pointer.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
