//! JSON bodies, read as strictly as forms: a name that comes twice, in whatever case, is in doubt. Of two the last counts to most
//! shops, the first to some, and to those written in Go whichever comes last in any spelling.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use storeward_base::Secret;

use crate::body::Unreadable;
use crate::model::{BodyKind, Door};

/// A document with every name that stands in it, as often as it does. It may hold a password, so it has no `Debug`.
pub(crate) enum Tree {
    Text(String),
    List(Vec<Tree>),
    Fields(Vec<(String, Tree)>),
    /// A number, `true`, `false`, `null`.
    Plain,
}

impl Tree {
    /// Nothing behind it, and nothing that is no JSON.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(body).map_err(|_| Unreadable::Form)
    }

    /// The document that a body begins with: some readers pass over what comes behind it.
    pub(crate) fn first_of(body: &[u8]) -> Option<Self> {
        serde_json::Deserializer::from_slice(body).into_iter().next()?.ok()
    }

    /// The documents that a body holds behind each other (JSON lines), as a list where there are several, and what cannot be read
    /// behind them.
    pub(crate) fn documents(body: &[u8]) -> (Option<Self>, &[u8]) {
        let mut stream = serde_json::Deserializer::from_slice(body).into_iter();
        let mut all: Vec<Tree> = stream.by_ref().map_while(Result::ok).collect();
        let rest = body.get(stream.byte_offset()..).unwrap_or_default();
        let tree = if all.len() > 1 { Some(Tree::List(all)) } else { all.pop() };
        (tree, rest)
    }

    /// The document, and the calls of a batch within it: what stands in lists (JSON-RPC 2.0 section 6) and under numbers (tRPC), and
    /// in those again. It is no more than the document has values.
    pub(crate) fn calls(&self) -> Vec<&Tree> {
        let (mut all, mut at) = (vec![self], 0);
        while let Some(tree) = all.get(at).copied() {
            match tree {
                Tree::List(inside) => all.extend(inside),
                Tree::Fields(fields) => {
                    let is_number = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
                    all.extend(fields.iter().filter(|(name, _)| is_number(name)).map(|(_, value)| value));
                }
                Tree::Text(_) | Tree::Plain => {}
            }
            at += 1;
        }
        all
    }

    /// Everything that any shop could find at this pointer (RFC 6901).
    pub(crate) fn all_at(&self, pointer: &str) -> Vec<&Tree> {
        let Some(path) = pointer.strip_prefix('/') else {
            return if pointer.is_empty() { vec![self] } else { Vec::new() };
        };
        let mut here = vec![self];
        for name in path.split('/') {
            let name = folded(&name.replace("~1", "/").replace("~0", "~"));
            let inside = here.iter().flat_map(|tree| match tree {
                Tree::Fields(fields) => {
                    fields.iter().filter(|(known, _)| folded(known) == name).map(|(_, value)| value).collect()
                }
                Tree::List(all) => {
                    name.parse::<usize>().ok().and_then(|at| all.get(at)).into_iter().collect()
                }
                Tree::Text(_) | Tree::Plain => Vec::new(),
            });
            here = inside.collect();
        }
        here
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Tree::Text(text) => Some(text),
            Tree::List(_) | Tree::Fields(_) | Tree::Plain => None,
        }
    }

    /// The one text at any of these pointers. What is no text has a reading of its own in each language.
    pub(crate) fn only(&self, pointers: &[String]) -> Result<Secret<String>, Unreadable> {
        let found: Vec<_> = pointers.iter().flat_map(|pointer| self.all_at(pointer)).collect();
        match found.as_slice() {
            [_, _, ..] => Err(Unreadable::Twice),
            [one] => match one.text() {
                None => Err(Unreadable::Form),
                Some("") => Err(Unreadable::Fields),
                Some(text) => Ok(Secret::new(text.to_owned())),
            },
            [] => Err(Unreadable::Fields),
        }
    }

    /// A password that is no text is a guess none the less: some shops make one of it.
    pub(crate) fn credentials(&self, door: &Door) -> Result<crate::body::Credentials, Unreadable> {
        let user = self.only(&door.user)?;
        let password = match self.only(&door.password) {
            Err(Unreadable::Form) => Secret::new(String::new()),
            read => read?,
        };
        Ok(crate::body::Credentials { user, password })
    }
}

/// How Go compares names: by simple folding, in which `K` is the sign of Kelvin, too, and `s` a long one.
pub(crate) fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Plain)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Plain)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Plain)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Plain)
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Plain)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        Ok(Tree::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut all = Vec::new();
        while let Some(field) = map.next_entry()? {
            all.push(field);
        }
        Ok(Tree::Fields(all))
    }
}

impl Door {
    /// The body with which a script signs in here: the name and the password where the file says that they stand. `None` where it
    /// does not say enough (GraphQL without a document).
    pub fn typed_json(&self, user: &str, password: &Secret<String>) -> Option<Secret<String>> {
        let mut body = Value::Object(Map::new());
        if self.body == BodyKind::Graphql {
            put(&mut body, "/query", self.document.as_deref()?)?;
        } else if self.body != BodyKind::Json {
            return None;
        }
        put(&mut body, self.user.first()?, user)?;
        put(&mut body, self.password.first()?, password.expose())?;
        Some(Secret::new(body.to_string()))
    }
}

/// Puts a text to where a pointer points.
fn put(body: &mut Value, pointer: &str, text: &str) -> Option<()> {
    let mut here = body;
    let path = pointer.strip_prefix('/')?;
    for name in path.split('/') {
        let name = name.replace("~1", "/").replace("~0", "~");
        if here.is_null() {
            *here = Value::Object(Map::new());
        }
        here = here.as_object_mut()?.entry(name).or_insert(Value::Null);
    }
    *here = Value::String(text.to_owned());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts_at(body: &str, pointer: &str) -> Vec<String> {
        let tree = Tree::parse(body.as_bytes()).unwrap_or(Tree::Plain);
        tree.all_at(pointer).into_iter().filter_map(Tree::text).map(str::to_owned).collect()
    }

    #[test]
    fn whatever_any_shop_finds_is_found() {
        for (body, pointer, expected) in [
            (r#"{"email":"a"}"#, "/email", &["a"][..]),
            (r#"{"email":"a","email":"b"}"#, "/email", &["a", "b"]),
            // Go takes the last of these.
            (r#"{"email":"a","EMail":"b"}"#, "/email", &["a", "b"]),
            (r#"{"token":"a","to\u212aen":"b"}"#, "/token", &["a", "b"]),
            ("{\"pa\u{17f}sword\":\"b\"}", "/password", &["b"]),
            (r#"{"user":{"name":"a"},"User":{"NAME":"b"}}"#, "/user/name", &["a", "b"]),
            (r#"{"a/b":{"c~d":"x"}}"#, "/a~1b/c~0d", &["x"]),
            (r#"[{"email":"a"}]"#, "/0/email", &["a"]),
            (r#"{"email":1}"#, "/email", &[]),
            (r#"{"email":["a"]}"#, "/email", &[]),
            (r#"{"emai":"a"}"#, "/email", &[]),
            (r#""a""#, "", &["a"]),
        ] {
            assert_eq!(texts_at(body, pointer), expected, "{body} {pointer}");
        }
    }

    #[test]
    fn what_is_no_json_is_not_read() {
        for body in
            ["", "{", "{}x", "{'a':'b'}", "{\"a\":NaN}", "// x\n{}", "\u{feff}{}", r#"{"a":"\ud800"}"#]
        {
            assert!(matches!(Tree::parse(body.as_bytes()), Err(Unreadable::Form)), "{body}");
        }
        let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
        assert!(Tree::parse(deep.as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_put_is_found_again(names in proptest::collection::vec("[a-z/~]{1,6}", 1..4), text in "\\PC{1,20}") {
            let pointer: String =
                names.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect();
            let mut body = Value::Object(Map::new());
            put(&mut body, &pointer, &text).unwrap();
            proptest::prop_assert_eq!(texts_at(&body.to_string(), &pointer), vec![text]);
        }
    }
}
