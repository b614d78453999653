//! Values of one name (and a card's number in four fields, `cards/groups.rs`), joined as shops join them: PHP's `implode(',', $_GET['q'])`, Django's `','.join(getlist('q'))`.
//!
//! An attack spread over a list is in none of its parts. The comma between them stands where SQL wants one, or is commented
//! out; some shops set a blank, or nothing. Lists of plain words, which most are, are not joined.

use crate::values::{Collection, Value, Values};

/// Lists of one transaction that are joined.
const MAX_LISTS: usize = 16;
/// Parts that are also joined by nothing: what only so makes sense is pieces of a word, and those are few.
const MOST_GLUED: usize = 64;

/// Adds the joined lists among the values from `first` on.
pub(crate) fn join(first: usize, values: &mut Values) {
    crate::cards::join_groups(first, values);
    let mut lists: Vec<(Collection, Vec<u8>)> = Vec::new();
    for value in values.iter().skip(first) {
        let listed = matches!(value.collection, Collection::ArgsGet | Collection::ArgsPost);
        if !listed || !may_be_code(values.bytes(value)) {
            continue;
        }
        let list = (value.collection, list_name(values.name(value)).to_vec());
        if lists.len() < MAX_LISTS && !lists.contains(&list) {
            lists.push(list);
        }
    }
    for (collection, name) in lists {
        let listed = || {
            let of_list =
                |value: &&Value| value.collection == collection && list_name(values.name(value)) == name;
            values.iter().skip(first).filter(of_list)
        };
        let parts: Vec<&[u8]> = listed().map(|value| values.bytes(value)).collect();
        let goes_on = listed().any(|value| value.goes_on);
        if parts.len() > 1 {
            let between: &[&[u8]] = match parts.len() <= MOST_GLUED {
                true => &[b",", b" ", b""],
                false => &[b",", b" "],
            };
            let joined: Vec<Vec<u8>> = between.iter().map(|between| parts.join(*between)).collect();
            for joined in &joined {
                values.push(collection, &name, joined);
                if goes_on {
                    values.last_goes_on();
                }
            }
        }
    }
}

/// Whether a value can be a piece of an attack: it has a quote, a bracket, a sign of a comment, or more than one word.
fn may_be_code(value: &[u8]) -> bool {
    value
        .iter()
        .any(|byte| matches!(byte, b'\'' | b'"' | b'`' | b'(' | b')' | b'/' | b'#' | b';' | b'<' | b'\\'))
        || memchr::memmem::find(value.trim_ascii(), b" ").is_some()
        || memchr::memmem::find(value, b"--").is_some()
}

/// `q`, of `q`, `q[]`, `q[a]` and `json.q.0`.
fn list_name(name: &[u8]) -> &[u8] {
    if let Some(bracket) = memchr::memchr(b'[', name).filter(|bracket| *bracket > 0) {
        return name.get(..bracket).unwrap_or(name);
    }
    match memchr::memrchr(b'.', name).map(|dot| name.split_at(dot)) {
        Some((list, index)) if index.iter().skip(1).all(u8::is_ascii_digit) && index.len() > 1 => list,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_joined_where_one_part_can_be_code() {
        let check = |names: &[(&str, &str)], joined: &[&str]| {
            let mut values = Values::default();
            for (name, text) in names {
                values.push(Collection::ArgsGet, name.as_bytes(), text.as_bytes());
            }
            join(0, &mut values);
            let added: Vec<_> =
                values.iter().skip(names.len()).map(|value| values.bytes(value).to_vec()).collect();
            assert_eq!(added, joined.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>());
        };
        check(&[("q[]", "a/*"), ("q[]", "*/b")], &["a/*,*/b", "a/* */b", "a/**/b"]);
        check(&[("q[0]", "a/*"), ("p", "x"), ("q[k]", "*/b")], &["a/*,*/b", "a/* */b", "a/**/b"]);
        check(&[("json.q.0", "a/*"), ("json.q.1", "*/b")], &["a/*,*/b", "a/* */b", "a/**/b"]);
        check(&[("q", "a/*"), ("q", "*/b")], &["a/*,*/b", "a/* */b", "a/**/b"]);
        check(
            &[("ids[]", "0) union select a"), ("ids[]", "b")],
            &["0) union select a,b", "0) union select a b", "0) union select ab"],
        );
        check(&[("q", "a/*"), ("p", "*/b")], &[]);
        check(&[("q[]", "a"), ("q[]", "b")], &[]);
        check(&[("[", "a/*"), ("", "b"), ("json.", "/*")], &[]);
    }
}
