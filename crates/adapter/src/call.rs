//! GraphQL calls: which fields they call, wherever a server looks for the document. It may stand in the body's JSON, in the query
//! of the address (express-graphql takes that one first), in a form, or be the whole body; or it is named only, by its hash or its
//! number, and what it says stays between the shop and whoever registered it.

mod document;

use std::borrow::Cow;

use storeward_base::Secret;

use crate::body::{Credentials, Unreadable, fields};
use crate::door::Asked;
use crate::json::Tree;
use crate::kind::{Kind, has_plain_charset};
use crate::model::{Adapter, BodyKind, Door};
use crate::side::looks_written;
use crate::text;

pub(crate) use self::document::{Document, Given};

/// What names a document without saying it: automatic persisted queries, and the documents that a shop's build laid down.
pub(crate) const NAMES: [&str; 8] =
    ["documentId", "doc_id", "docId", "queryId", "query_id", "persistedQueryId", "hash", "id"];
/// Of those, what a call may have beside its document: clients number the calls of a batch with it.
pub(crate) const NUMBER: &str = "id";

/// One call of a request.
#[derive(Default)]
pub(crate) struct Call<'a> {
    pub(crate) documents: Vec<Cow<'a, str>>,
    /// Names of documents that are not here.
    pub(crate) names: Vec<String>,
    /// It has a name that a server may go by although a document is here.
    pub(crate) is_named_besides: bool,
    /// What it says is in doubt.
    pub(crate) is_garbled: bool,
}

impl Call<'_> {
    /// Whether a server could do something with it that is not read here. `known` are documents that sign nobody in.
    fn is_unclear(&self, known: &[String]) -> bool {
        let is_known = |name: &String| known.contains(name);
        let is_harmless = !self.names.is_empty() && self.names.iter().all(is_known);
        let is_here = !self.documents.is_empty() && self.documents.iter().all(|text| text.contains('{'));
        self.is_garbled || (!is_harmless && (!is_here || self.is_named_besides))
    }
}

/// The calls of a request, from all the places that a server reads.
fn calls<'a>(asked: &'a Asked<'_>, body: &'a [u8]) -> Vec<Call<'a>> {
    let mut found = Vec::new();
    let typed: Vec<_> = text::form_fields(asked.query.unwrap_or_default().as_bytes()).collect();
    let of_query = of_fields(typed);
    if !of_query.documents.is_empty() || !of_query.names.is_empty() || of_query.is_garbled {
        found.push(of_query);
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return found;
    }
    let tree = Tree::parse(body).ok();
    match Kind::of(asked.content_type) {
        Kind::Doubtful => found.push(Call { is_garbled: true, ..Call::default() }),
        Kind::Pairs | Kind::Parts(_) => {
            let Some(typed) = fields(asked.content_type, body) else {
                found.push(Call { is_garbled: true, ..Call::default() });
                return found;
            };
            // The form of a call that carries files: the call is JSON in a field.
            for (_, inner) in typed.iter().filter(|(name, _)| text::is_field(name, "operations")) {
                match Tree::parse(inner.as_bytes()) {
                    Ok(tree) => of_tree(&tree, &mut found),
                    Err(_) => found.push(Call { is_garbled: true, ..Call::default() }),
                }
            }
            let is_carried = typed.iter().any(|(name, _)| text::is_field(name, "operations"));
            let own = of_fields(typed);
            if !is_carried || !own.documents.is_empty() || !own.names.is_empty() {
                found.push(own);
            }
            // Nothing said of a body, or the wrong thing: some servers look at it.
            match &tree {
                Some(tree) => of_tree(tree, &mut found),
                None if looks_written(body) => found.push(unread(body)),
                None => {}
            }
        }
        Kind::Other => match &tree {
            _ if !has_plain_charset(asked.content_type) => {
                found.push(Call { is_garbled: true, ..Call::default() });
            }
            Some(tree) => of_tree(tree, &mut found),
            // The document is the body, or deeper than we read: then the words decide, and escapes count as any.
            None => found.push(unread(body)),
        },
    }
    found
}

/// A body that is no JSON as we read it.
fn unread(body: &[u8]) -> Call<'_> {
    let text = String::from_utf8_lossy(body);
    let is_garbled = text.contains(['\0', '\u{fffd}']) || text.contains("\\u");
    Call { documents: vec![text], is_garbled, ..Call::default() }
}

fn of_fields<'a>(typed: Vec<(String, String)>) -> Call<'a> {
    let mut call = Call::default();
    for (name, value) in typed {
        if text::is_field(&name, "query") {
            call.documents.push(Cow::Owned(value));
        } else if text::is_field(&name, "extensions") {
            match Tree::parse(value.as_bytes()) {
                Ok(tree) => name_of(&mut call, &tree, "/persistedQuery"),
                Err(_) => call.is_garbled = true,
            }
        } else if let Some(kind) = NAMES.into_iter().find(|kind| text::is_field(&name, kind)) {
            call.is_named_besides |= kind != NUMBER;
            call.names.push(value);
        }
    }
    call
}

fn of_tree<'a>(tree: &Tree, found: &mut Vec<Call<'a>>) {
    match tree {
        Tree::List(batch) => batch.iter().for_each(|one| found.push(of_call(one))),
        one => found.push(of_call(one)),
    }
}

pub(crate) fn of_call<'a>(tree: &Tree) -> Call<'a> {
    let mut call = Call::default();
    for found in tree.all_at("/query") {
        match found.text() {
            Some(text) => call.documents.push(Cow::Owned(text.to_owned())),
            None => call.is_garbled |= !matches!(found, Tree::Plain),
        }
    }
    name_of(&mut call, tree, "/extensions/persistedQuery");
    for kind in NAMES {
        for named in tree.all_at(&format!("/{kind}")) {
            if let Some(text) = named.text() {
                call.is_named_besides |= kind != NUMBER;
                call.names.push(text.to_owned());
            }
        }
    }
    call
}

/// The hash of an automatic persisted query. Beside its document it is how a client registers it, and a server compares the two.
fn name_of(call: &mut Call<'_>, tree: &Tree, place: &str) {
    let hashes = tree.all_at(&format!("{place}/sha256Hash"));
    call.names.extend(hashes.into_iter().filter_map(|hash| hash.text().map(str::to_owned)));
}

/// Whether a request calls one of these fields.
pub(crate) fn calls_operation(asked: &Asked<'_>, body: &[u8], operations: &[String]) -> bool {
    let is_called = |text: &str| operations.iter().any(|operation| has_word(text, operation));
    calls(asked, body).iter().any(|call| call.is_garbled || call.documents.iter().any(|text| is_called(text)))
}

/// Whether what is plainly a GraphQL call, at whatever address, calls one of these fields.
pub(crate) fn calls_field(asked: &Asked<'_>, body: &[u8], fields: &[String]) -> bool {
    let is_called = |text: &str| {
        let is_there = || fields.iter().any(|field| has_word(text, field));
        text.contains('{') && is_there()
    };
    // A body that is no JSON is a document only where it begins as one. Some readers pass over what comes behind an object.
    let whole = String::from_utf8_lossy(body);
    let is_document = |text: &str| {
        let says_so = asked.content_type.to_ascii_lowercase().contains("graphql");
        let start = text.trim_start();
        if start.strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with('"')) {
            let first = Tree::first_of(body);
            let documents = first.map(|tree| of_call(&tree).documents);
            return documents.is_none_or(|all| all.iter().any(|text| is_called(text)));
        }
        let begins = ["{", "mutation", "query", "subscription", "fragment", "#"];
        says_so || begins.iter().any(|word| start.starts_with(word))
    };
    let found = calls(asked, body);
    // What only other readers take has its names in escapes, perhaps, or with bytes in them that they pass over.
    let (_, rest) = Tree::documents(body);
    if looks_written(rest) && is_called(&plainly(&String::from_utf8_lossy(rest))) {
        return true;
    }
    let mut documents = found.iter().flat_map(|call| &call.documents);
    documents.any(|text| is_called(text) && (**text != *whole || is_document(text)))
}

/// A text without the escapes of JSON, however little of it is JSON, and without what is no sign.
fn plainly(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let sign = part.get(..4).and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        plain.extend(sign);
        plain.push_str(if sign.is_some() { part.get(4..).unwrap_or_default() } else { part });
    }
    plain.replace('\u{fffd}', "")
}

/// Whether it is one call of one of these fields in a body of JSON, under its own name: a second one, or another name, could hand out
/// a token that is looked for in the first one's place.
fn calls_once(asked: &Asked<'_>, body: &[u8], operations: &[String]) -> bool {
    let (Ok(sent @ Tree::Fields(_)), Kind::Other) = (Tree::parse(body), Kind::of(asked.content_type)) else {
        return false;
    };
    if is_answered_elsewhere(asked, &sent) {
        return false;
    }
    let all = calls(asked, body);
    let [call] = all.as_slice() else { return false };
    let [query] = call.documents.as_slice() else { return false };
    // Readers of other kinds of strings and comments than ours find it in no other place either.
    let is_there_once =
        operations.iter().map(|operation| words(query, operation).count()).sum::<usize>() == 1;
    !call.is_garbled && is_there_once && Document::read(query).is_some_and(|read| read.calls_once(operations))
}

/// Whether a server may send what a call has to say on another way than as its answer: on a stream that was opened before (graphql-sse,
/// "single connection mode": `extensions.operationId`) or to an address that the client names (Apollo Router's callbacks:
/// `extensions.subscription`).
fn is_answered_elsewhere(asked: &Asked<'_>, sent: &Tree) -> bool {
    let mut in_url = text::form_fields(asked.query.unwrap_or_default().as_bytes());
    in_url.any(|(name, _)| text::is_field(&name, "extensions"))
        || ["operationId", "subscription"]
            .iter()
            .any(|name| !sent.all_at(&format!("/extensions/{name}")).is_empty())
}

pub(crate) fn has_word(text: &str, word: &str) -> bool {
    words(text, word).next().is_some()
}

/// Where a word stands as a whole one.
fn words(text: &str, word: &str) -> impl Iterator<Item = usize> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = text.get(..*at).and_then(|t| t.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

impl Adapter {
    /// Whether, at an address of GraphQL calls by which people sign in, what is called cannot be read: it is named by a hash or a
    /// number that the file does not know, or is written in a way that only the shop reads. It could sign in, under a name that
    /// nobody counts, and its answer hold a token.
    pub fn is_unclear_call(&self, asked: &Asked<'_>, body: &[u8]) -> bool {
        let doors = self.doors.iter().filter(|door| door.body == BodyKind::Graphql && door.is_at(asked));
        let mut doors = doors.peekable();
        if doors.peek().is_none() || ["OPTIONS", "HEAD"].contains(&asked.method) {
            return false;
        }
        let known: Vec<_> = doors.flat_map(|door| door.harmless.iter().cloned()).collect();
        calls(asked, body).iter().any(|call| call.is_unclear(&known))
    }
}

impl Door {
    /// Whether the answer can be read as this door's, and as nothing else's.
    pub fn is_plain(&self, asked: &Asked<'_>, body: &[u8]) -> bool {
        self.body != BodyKind::Graphql || calls_once(asked, body, &self.operation)
    }

    /// The credentials of a plain call ([`Door::is_plain`]). The name is the one that the call is given, not one that merely stands
    /// where the storefront's own scripts put it: it is what the guess is counted for.
    pub(crate) fn graphql(&self, call: &Tree) -> Result<Credentials, Unreadable> {
        let documents: Vec<_> = call.all_at("/query").into_iter().filter_map(Tree::text).collect();
        let [text] = documents.as_slice() else { return Err(Unreadable::Form) };
        let document = Document::read(text).ok_or(Unreadable::Form)?;
        let user = self.given_at(call, &document, &self.user)?;
        // No password that is not there makes a guess at the name none.
        let password = self.given_at(call, &document, &self.password).or_else(|_| call.only(&self.password));
        Ok(Credentials { user, password: password.unwrap_or_else(|_| Secret::new(String::new())) })
    }

    /// What the call is given at these pointers: a text in the document, or a variable's.
    fn given_at(
        &self,
        call: &Tree,
        document: &Document<'_>,
        pointers: &[String],
    ) -> Result<Secret<String>, Unreadable> {
        let fields = &self.operation;
        let own = self.document.as_deref().and_then(Document::read);
        let of_variable = |pointer: &String| own.as_ref()?.argument_of(fields, variable(pointer)?);
        let mut names: Vec<_> = pointers.iter().filter_map(|pointer| pointer.rsplit('/').next()).collect();
        names.extend(pointers.iter().filter_map(of_variable));
        let text = match document.given(fields, &names).as_slice() {
            [_, _, ..] => return Err(Unreadable::Twice),
            [Given::Other] => return Err(Unreadable::Form),
            [Given::Text(text)] => text.clone(),
            [Given::Variable(name)] => match call.all_at(&format!("/variables/{name}")).as_slice() {
                [_, _, ..] => return Err(Unreadable::Twice),
                [one] => one.text().ok_or(Unreadable::Form)?.to_owned(),
                [] => document.default_of(name).unwrap_or_default().to_owned(),
            },
            // Within a variable.
            [] => {
                let is_taken =
                    |pointer: &&String| variable(pointer).is_some_and(|name| document.takes(fields, name));
                let taken: Vec<_> = pointers.iter().filter(is_taken).cloned().collect();
                return if taken.is_empty() { Err(Unreadable::Form) } else { call.only(&taken) };
            }
        };
        if text.is_empty() { Err(Unreadable::Fields) } else { Ok(Secret::new(text)) }
    }
}

/// The variable that a pointer leads into.
fn variable(pointer: &str) -> Option<&str> {
    pointer.strip_prefix("/variables/")?.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Adapter;

    const FILE: &str = r#"
format = 1
name = "reed"
title = "reed"
[cookies]
session = []
[signed_in.probe]
path = "/me"
subject = { json = "/mail" }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/graphql"]
body = "graphql"
operation = ["enter"]
user = ["/variables/mail"]
password = ["/variables/code"]
token = ["/data/enter/token"]
harmless = ["5fa2", "shelf"]
[door.bearer]
path = "/me"
subject = { json = "/mail" }
"#;
    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";

    /// Whether it is refused, or else whether it is a sign-in.
    #[derive(Debug, PartialEq, Eq)]
    enum Taken {
        Unclear,
        SignIn { is_plain: bool },
        Other,
    }

    fn take(method: &str, target: &str, content_type: &str, body: &[u8]) -> Taken {
        let adapter = Adapter::parse(FILE).unwrap();
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let asked = Asked { method, path, query, content_type, authorization: None };
        match adapter.door(&asked, body) {
            _ if adapter.is_unclear_call(&asked, body) => Taken::Unclear,
            Some(door) => Taken::SignIn { is_plain: door.is_plain(&asked, body) },
            None => Taken::Other,
        }
    }

    // Apollo's persisted queries, express-graphql's query in the address and its forms: each handed the token out, and no guess
    // was counted.
    #[test]
    fn a_document_is_read_wherever_a_server_looks_for_it() {
        let sign_in = |is_plain| Taken::SignIn { is_plain };
        let plain = r#"{"query":"mutation { enter(mail: $m) { token } }","variables":{}}"#;
        let hash = r#"{"variables":{},"extensions":{"persistedQuery":{"version":1,"sha256Hash":"9c"}}}"#;
        let registered = r#"{"query":"mutation{enter}","extensions":{"persistedQuery":{"sha256Hash":"9c"}}}"#;
        let in_url = "/graphql?query=mutation%7B%65nter%7D";
        let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (target, kind, body, expected) in [
            ("/graphql", JSON, plain.as_bytes(), sign_in(true)),
            ("/graphql", JSON, registered.as_bytes(), sign_in(true)),
            ("/graphql", JSON, br#"{"query":"mutation { x, # no\n:enter }"}"#, sign_in(false)),
            ("/graphql", JSON, br#"{"query":"mutation { x :#\r,\ufeff enter }"}"#, sign_in(false)),
            ("/graphql", JSON, br#"{"query":"mutation { enter(a: \"enter\") }"}"#, sign_in(false)),
            ("/graphql", JSON, br#"{"query":"mutation enterShop { enter }"}"#, sign_in(true)),
            ("/graphql", "application/json; charset=utf-8", plain.as_bytes(), sign_in(true)),
            ("/graphql", JSON, hash.as_bytes(), Taken::Unclear),
            ("/graphql", JSON, format!("[{hash}]").as_bytes(), Taken::Unclear),
            ("/graphql", JSON, br#"[{"query":"{hello}"},{"variables":{}}]"#, Taken::Unclear),
            ("/graphql", JSON, br#"{"documentId":"enter-1"}"#, Taken::Unclear),
            ("/graphql", JSON, br#"{"id":"enter-1"}"#, Taken::Unclear),
            ("/graphql", JSON, br#"{"query":"{hello}","documentId":"enter-1"}"#, Taken::Unclear),
            (
                "/graphql",
                JSON,
                br#"{"query":null,"extensions":{"persistedQuery":{"sha256Hash":"9c"}}}"#,
                Taken::Unclear,
            ),
            ("/graphql", JSON, br#"{"query":["{hello}"]}"#, Taken::Unclear),
            ("/graphql", JSON, br#"{"query":" "}"#, Taken::Unclear),
            ("/graphql", JSON, &utf16, Taken::Unclear),
            // Servers read UTF-7, too: these words mean another thing there.
            (
                "/graphql",
                "application/json; charset=utf-7",
                br#"{"query":"mutation{+AGU-nter}"}"#,
                Taken::Unclear,
            ),
            (
                "/graphql?extensions=%7B%22persistedQuery%22%3A%7B%22sha256Hash%22%3A%229c%22%7D%7D",
                JSON,
                b"",
                Taken::Unclear,
            ),
            ("/graphql?extensions=x", JSON, b"", Taken::Unclear),
            (in_url, JSON, b"", sign_in(false)),
            (in_url, JSON, br#"{"query":"{hello}"}"#, sign_in(false)),
            (in_url, JSON, br#"{"variables":{}}"#, Taken::Unclear),
            (in_url, FORM, b"query=%7Bhello%7D", sign_in(false)),
            ("/graphql", FORM, b"query=mutation%7B%65nter%7D&variables=%7B%7D", sign_in(false)),
            ("/graphql", FORM, b"variables=%7B%7D", Taken::Unclear),
            ("/graphql", "", plain.as_bytes(), Taken::Unclear),
            // Both a form and JSON.
            ("/graphql", FORM, br#"{"query":"{hello}","a":"&query=mutation{enter}&b="}"#, sign_in(false)),
            ("/graphql", "application/graphql", b"mutation { enter }", sign_in(false)),
            ("/graphql", "application/graphql", br#"{ hello(x: "\u0065") }"#, Taken::Unclear),
        ] {
            let said = String::from_utf8_lossy(body);
            assert_eq!(take("POST", target, kind, body), expected, "{target} {kind} {said}");
        }
        assert_eq!(take("GET", in_url, "", b""), sign_in(false));
        assert_eq!(take("PUT", "/graphql", JSON, plain.as_bytes()), sign_in(true));
    }

    #[test]
    fn words_are_whole() {
        let asked = Asked { method: "POST", path: "/", query: None, content_type: JSON, authorization: None };
        let calls = |body: &str| calls_operation(&asked, body.as_bytes(), &["enter".to_owned()]);
        assert!(calls(r#"{"query":"{ enter }"}"#) && calls(r#"[{"query":"{ x:enter(a:1) }"}]"#));
        assert!(!calls(r#"{"query":"{ enters }"}"#) && !calls(r#"{"query":"{ re_enter }"}"#));
    }

    #[test]
    fn a_file_in_a_form_carries_its_call() {
        let form = |operations: &str| {
            format!(
                "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{operations}\r\n--x--\r\n"
            )
        };
        let kind = "multipart/form-data; boundary=x";
        for (operations, expected) in [
            (r#"{"query":"mutation($f: F) { photo(f: $f) { id } }","variables":{"f":null}}"#, Taken::Other),
            (r#"{"query":"mutation{enter}"}"#, Taken::SignIn { is_plain: false }),
            (r#"{"variables":{}}"#, Taken::Unclear),
            ("{", Taken::Unclear),
        ] {
            assert_eq!(take("POST", "/graphql", kind, form(operations).as_bytes()), expected, "{operations}");
        }
    }

    #[test]
    fn what_a_storefront_sends_all_day_goes_on() {
        let hello = br#"{"operationName":"A","query":"query A { products { id } }","variables":{"id":"7"}}"#;
        let numbered = br#"[{"id":"1","query":"{ a }"},{"id":"2","query":"{ b }"}]"#;
        let known = br#"{"extensions":{"persistedQuery":{"sha256Hash":"5fa2"}}}"#;
        let registered =
            br#"{"query":"{ a }","extensions":{"persistedQuery":{"version":1,"sha256Hash":"77"}}}"#;
        for (method, target, body) in [
            ("POST", "/graphql", &hello[..]),
            ("POST", "/graphql?operationName=A", hello),
            ("POST", "/graphql", numbered),
            ("POST", "/graphql", known),
            ("POST", "/graphql", br#"{"documentId":"shelf","variables":{}}"#),
            ("POST", "/graphql", registered),
            ("POST", "/graphql", b""),
            ("GET", "/graphql", b""),
            ("GET", "/graphql?query=%7Bproducts%7Bid%7D%7D&variables=%7B%7D", b""),
            ("GET", "/graphql?documentId=shelf", b""),
            ("OPTIONS", "/graphql", b""),
            ("POST", "/elsewhere", br#"{"variables":{}}"#),
        ] {
            let said = String::from_utf8_lossy(body);
            assert_eq!(take(method, target, JSON, body), Taken::Other, "{method} {target} {said}");
        }
    }
}
