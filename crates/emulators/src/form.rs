//! Forms: percent-decoding, and Stripe's brackets (`a[b][0][c]=d`) as a tree of JSON in which every leaf is a text.

use serde_json::{Map, Value};

/// The longest chain of brackets that is read.
const DEPTH: usize = 8;

/// What is wrong with a form.
#[derive(Debug, PartialEq, Eq)]
pub enum Broken {
    Encoding,
    Brackets(String),
    Twice(String),
}

/// Names and values in their order.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, Broken> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

/// The value of one name in a plain form or query.
pub fn value(text: &str, name: &str) -> Option<String> {
    pairs(text).ok()?.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

pub fn decoded(text: &str) -> Result<String, Broken> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap_or(0), rest.next().unwrap_or(0)];
                let digits = std::str::from_utf8(&digits).map_err(|_not_text| Broken::Encoding)?;
                u8::from_str_radix(digits, 16).map_err(|_not_hex| Broken::Encoding)?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_not_text| Broken::Encoding)
}

/// For the value of a query.
pub fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            all.push(char::from(byte));
        } else {
            let _infallible = write!(all, "%{byte:02X}");
        }
        all
    })
}

/// A form in Stripe's brackets.
pub fn tree(text: &str) -> Result<Map<String, Value>, Broken> {
    let mut root = Map::new();
    for (name, value) in pairs(text)? {
        let keys = keys(&name).ok_or_else(|| Broken::Brackets(name.clone()))?;
        insert(&mut root, &keys, value).ok_or(Broken::Twice(name))?;
    }
    Ok(root.into_iter().map(|(name, value)| (name, with_lists(value))).collect())
}

fn keys(name: &str) -> Option<Vec<&str>> {
    let (first, mut rest) = match name.find('[') {
        Some(at) => name.split_at(at),
        None => (name, ""),
    };
    let mut keys = vec![first];
    while !rest.is_empty() {
        let inside = rest.strip_prefix('[')?;
        let end = inside.find(']')?;
        keys.push(&inside[..end]);
        rest = &inside[end + 1..];
    }
    (!first.is_empty() && keys.len() <= DEPTH).then_some(keys)
}

/// Nothing if the place is taken.
fn insert(node: &mut Map<String, Value>, keys: &[&str], value: String) -> Option<()> {
    let (key, rest) = keys.split_first()?;
    // `a[]` appends.
    let key = if key.is_empty() { node.len().to_string() } else { (*key).to_owned() };
    if rest.is_empty() {
        return match node.insert(key, Value::String(value)) {
            Some(_taken) => None,
            None => Some(()),
        };
    }
    let child = node.entry(key).or_insert_with(|| Value::Object(Map::new()));
    insert(child.as_object_mut()?, rest, value)
}

/// An object whose names are 0, 1, 2 … is a list.
fn with_lists(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let mut map: Map<String, Value> =
        map.into_iter().map(|(name, value)| (name, with_lists(value))).collect();
    let is_list = (0..map.len()).all(|index| map.contains_key(&index.to_string()));
    if map.is_empty() || !is_list {
        return Value::Object(map);
    }
    let items = (0..map.len()).filter_map(|index| map.remove(&index.to_string())).collect();
    Value::Array(items)
}

/// A part of a body in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    /// The file's, where it is one.
    pub file: Option<String>,
    pub content: Vec<u8>,
}

/// The parts of `multipart/form-data` (RFC 7578). Nothing where the body is not whole or a part has no name.
pub fn parts(kind: &str, body: &[u8]) -> Option<Vec<Part>> {
    let line = kind.strip_prefix("multipart/form-data; boundary=").map(|line| line.trim_matches('"'))?;
    let next = format!("\r\n--{line}");
    let mut rest = body.strip_prefix(format!("--{line}\r\n").as_bytes())?;
    let mut all = Vec::new();
    loop {
        let (head, content) = split(rest, b"\r\n\r\n")?;
        let (content, after) = split(content, next.as_bytes())?;
        let head = std::str::from_utf8(head).ok()?;
        let value = |name: &str| {
            let (_, rest) = head.split_once(&format!("{name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        all.push(Part { name: value("; name")?, file: value("; filename"), content: content.to_vec() });
        match after.strip_prefix(b"\r\n") {
            Some(more) => rest = more,
            None => return after.starts_with(b"--").then_some(all),
        }
    }
}

fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

/// What a file is, by how it begins, as both providers look at it: `pdf`, `png`, `jpg`.
pub fn file_kind(content: &[u8]) -> Option<&'static str> {
    let starts = [(&b"%PDF-"[..], "pdf"), (b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpg")];
    starts.into_iter().find(|(start, _)| content.starts_with(start)).map(|(_, kind)| kind)
}

/// Bytes in hexadecimal, as objects keep what was uploaded.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut all, byte| {
        let _infallible = write!(all, "{byte:02x}");
        all
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_become_a_tree() {
        for (form, expected) in [
            ("amount=5&currency=eur", json!({"amount": "5", "currency": "eur"})),
            ("a[b]=1&a[c][d]=x+y", json!({"a": {"b": "1", "c": {"d": "x y"}}})),
            ("e[]=1&e[]=2", json!({"e": ["1", "2"]})),
            ("e[1]=b&e[0]=a", json!({"e": ["a", "b"]})),
            ("l%5B0%5D%5Bq%5D=2", json!({"l": [{"q": "2"}]})),
            ("m[0x]=1", json!({"m": {"0x": "1"}})),
        ] {
            assert_eq!(tree(form).map(Value::Object), Ok(expected), "{form}");
        }
    }

    #[test]
    fn broken_forms_are_refused() {
        for form in ["a=1&a=2", "a[b=1", "a[b]c=1", "[x]=1", "a=%zz", "a=1&a[b]=2", "a=%ff", "a=%4"] {
            assert!(tree(form).is_err(), "{form}");
        }
    }
}
