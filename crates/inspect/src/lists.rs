//! Values of one name, joined as shops join them: PHP's `implode(',', $_GET['q'])`, Django's `','.join(getlist('q'))`.
//!
//! An attack spread over a list is in none of its parts. The commas between them would break it; so it comments them out,
//! and only lists with the beginning of a comment in them are joined.

use crate::values::{Collection, Values};

/// Lists of one transaction that are joined.
const MAX_LISTS: usize = 16;

/// Adds the joined lists among the values from `first` on.
pub(crate) fn join(first: usize, values: &mut Values) {
    let mut lists: Vec<(Collection, Vec<u8>)> = Vec::new();
    for value in values.iter().skip(first) {
        let listed = matches!(value.collection, Collection::ArgsGet | Collection::ArgsPost);
        if !listed || !opens_comment(values.bytes(value)) {
            continue;
        }
        let list = (value.collection, list_name(values.name(value)).to_vec());
        if lists.len() < MAX_LISTS && !lists.contains(&list) {
            lists.push(list);
        }
    }
    for (collection, name) in lists {
        let parts: Vec<&[u8]> = values
            .iter()
            .skip(first)
            .filter(|value| value.collection == collection && list_name(values.name(value)) == name)
            .map(|value| values.bytes(value))
            .collect();
        if parts.len() > 1 {
            let joined = parts.join(b",".as_slice());
            values.push(collection, &name, &joined);
        }
    }
}

fn opens_comment(value: &[u8]) -> bool {
    memchr::memmem::find(value, b"/*").is_some()
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
    fn lists_are_joined_where_a_comment_begins_in_them() {
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
        check(&[("q[]", "a/*"), ("q[]", "*/b")], &["a/*,*/b"]);
        check(&[("q[0]", "a/*"), ("p", "x"), ("q[k]", "*/b")], &["a/*,*/b"]);
        check(&[("json.q.0", "a/*"), ("json.q.1", "*/b")], &["a/*,*/b"]);
        check(&[("q", "a/*"), ("q", "*/b")], &["a/*,*/b"]);
        check(&[("q", "a/*"), ("p", "*/b")], &[]);
        check(&[("q[]", "a"), ("q[]", "b")], &[]);
        check(&[("[", "a/*"), ("", "b"), ("json.", "/*")], &[]);
    }
}
