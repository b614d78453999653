//! What a client says on a connection that stays open (WebSocket). GraphQL servers take the same calls there as by requests, in
//! envelopes of many shapes: `graphql-transport-ws`, `graphql-ws`, ActionCable, Phoenix, AppSync, socket.io. None of them is told
//! apart here: whatever text lies in a message, however deep it is packed, is looked through.

use std::borrow::Cow;

use crate::call::{Call, NAMES, NUMBER, has_word, of_call};
use crate::json::{Tree, folded};
use crate::model::{Adapter, BodyKind};
use crate::place;

/// JSON within a text of JSON, so many times over. No envelope packs a call more than twice.
const LEVELS: usize = 4;
/// Names of a document that mean something else in messages that are no calls.
const COMMON: [&str; 2] = [NUMBER, "hash"];
/// Keys that a message has when it is a call.
const OF_CALLS: [&str; 3] = ["variables", "extensions", "operationname"];

/// What a message has in it that speaks of GraphQL: channels and events (`GraphqlChannel`, Absinthe's `doc`).
const OF_GRAPHQL: [&str; 4] = ["graphql", "gql", "absinthe", "\"doc\""];

/// What a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing that the file names.
    Nothing,
    /// It calls a GraphQL field by which somebody signs in, or that is an act which is confirmed again.
    Call,
    /// It names a document that is not there to be read, or is packed deeper than it is read.
    Unclear,
}

/// What is known of a connection's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// GraphQL, by the subprotocols that the client offers or the place that it asks for.
    Graphql,
    /// Nothing says.
    Unsaid,
}

impl Adapter {
    /// What is spoken on a connection at this place, by the client's `Sec-WebSocket-Protocol`.
    pub fn spoken(&self, protocols: &str, path: &str) -> Spoken {
        let is_named = |text: &str| ["graphql", "gql"].iter().any(|word| text.to_lowercase().contains(word));
        let mut doors = self.doors.iter().filter(|door| door.body == BodyKind::Graphql);
        let is_door = doors.any(|door| door.place.paths.iter().any(|known| place::below(known, path)));
        if is_named(protocols) || is_named(path) || is_door { Spoken::Graphql } else { Spoken::Unsaid }
    }

    /// Whether messages of open connections have to be heard: the file names GraphQL calls, and servers take them there, too.
    pub fn hears_sockets(&self) -> bool {
        self.guarded_calls().next().is_some()
    }

    fn guarded_calls(&self) -> impl Iterator<Item = &String> {
        let doors = self.doors.iter().filter(|door| door.body == BodyKind::Graphql);
        doors.flat_map(|door| &door.operation).chain(self.rules().flat_map(|rule| &rule.operation))
    }

    /// Looks through one whole message, of text or of bytes: servers take both for text. A field that names a document (`documentId`)
    /// counts where GraphQL is spoken, or the message speaks of it or looks like a call; elsewhere it may be anything.
    pub fn said(&self, message: &[u8], spoken: Spoken) -> Said {
        let text = String::from_utf8_lossy(message);
        // What is left of UTF-16, where it is ASCII.
        let text = if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { text };
        let operations: Vec<_> = self.guarded_calls().map(String::as_str).collect();
        let known: Vec<_> = self.doors.iter().flat_map(|door| &door.harmless).map(String::as_str).collect();
        let is_graphql = spoken == Spoken::Graphql || OF_GRAPHQL.iter().any(|word| has_part(&text, word));
        let mut hearing = Hearing { operations, known, is_graphql, is_called: false, is_unclear: false };
        hearing.text(&text, 0);
        match hearing {
            Hearing { is_called: true, .. } => Said::Call,
            Hearing { is_unclear: true, .. } => Said::Unclear,
            Hearing { .. } => Said::Nothing,
        }
    }
}

struct Hearing<'a> {
    operations: Vec<&'a str>,
    /// Documents that sign nobody in.
    known: Vec<&'a str>,
    /// A field may name a document.
    is_graphql: bool,
    is_called: bool,
    is_unclear: bool,
}

impl Hearing<'_> {
    fn text(&mut self, text: &str, depth: usize) {
        // A document has a brace, and so has JSON that holds one, unless it is written as an escape.
        if !text.contains(['{', '\\']) {
            return;
        }
        if depth > LEVELS {
            self.is_unclear = true;
            return;
        }
        // Some envelopes have a number, a command or lines of a head before it.
        let at = text.find(['{', '[']).unwrap_or(text.len());
        let (before, rest) = text.split_at(at);
        let tree = Tree::parse(rest.trim_end().as_bytes());
        match tree {
            Ok(tree @ (Tree::Fields(_) | Tree::List(_))) if !before.contains('\\') => self.tree(&tree, depth),
            Ok(_) | Err(_) => self.words(text),
        }
    }

    /// No JSON, such as a document: words decide, also those that are written with escapes.
    fn words(&mut self, text: &str) {
        let mut text = Cow::Borrowed(text);
        for _ in 0..=LEVELS {
            self.is_called |= self.operations.iter().any(|operation| has_word(&text, operation));
            if self.is_called || !text.contains('\\') {
                return;
            }
            text = Cow::Owned(unescaped(&text));
        }
        self.is_unclear = true;
    }

    fn tree(&mut self, tree: &Tree, depth: usize) {
        match tree {
            Tree::Text(text) => self.text(text, depth + 1),
            Tree::List(all) => all.iter().for_each(|one| self.tree(one, depth)),
            Tree::Fields(fields) => {
                self.names(tree, has_call_keys(fields));
                let begins = tree
                    .all_at("/type")
                    .iter()
                    .any(|kind| kind.text().is_some_and(|kind| ["start", "subscribe"].contains(&kind)));
                for (name, value) in fields {
                    let name = folded(name);
                    if name == "variables" {
                        self.values(value, depth);
                        continue;
                    }
                    if begins && name == "payload" {
                        self.names(value, true);
                    }
                    self.tree(value, depth);
                }
            }
            Tree::Plain => {}
        }
    }

    /// Values of variables: whatever they are called, they name no document. A document may none the less lie in one.
    fn values(&mut self, tree: &Tree, depth: usize) {
        match tree {
            Tree::Text(text) => self.text(text, depth + 1),
            Tree::List(all) => all.iter().for_each(|one| self.values(one, depth)),
            Tree::Fields(fields) => fields.iter().for_each(|(_, value)| self.values(value, depth)),
            Tree::Plain => {}
        }
    }

    /// Whether it names a document that is not here.
    fn names(&mut self, tree: &Tree, is_call: bool) {
        if is_call {
            self.is_unclear |= is_unclear(&of_call(tree), &self.known);
            return;
        }
        let named = NAMES.iter().filter(|name| self.is_graphql && !COMMON.contains(name));
        let named = named.flat_map(|name| tree.all_at(&format!("/{name}"))).filter_map(Tree::text);
        let hashes = tree.all_at("/persistedQuery/sha256Hash").into_iter().filter_map(Tree::text);
        self.is_unclear |= named.chain(hashes).any(|name| !self.known.contains(&name));
    }
}

/// Whether a word stands in a text, in whatever case.
fn has_part(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

fn has_call_keys(fields: &[(String, Tree)]) -> bool {
    fields.iter().any(|(name, value)| {
        let name = folded(name);
        let is_document = || name == "query" && value.text().is_none_or(|text| text.contains('{'));
        OF_CALLS.contains(&name.as_str()) || is_document()
    })
}

/// Not as [`Call::is_unclear`]: a message that says nothing does nothing.
fn is_unclear(call: &Call<'_>, known: &[&str]) -> bool {
    let is_harmless = call.names.iter().all(|name| known.contains(&name.as_str()));
    let is_here = !call.documents.is_empty() && call.documents.iter().all(|text| text.contains('{'));
    call.is_garbled || (!is_harmless && (!is_here || call.is_named_besides))
}

/// One level of backslashes less (RFC 8259, section 7).
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(sign) = rest.next() {
        if sign != '\\' {
            out.push(sign);
            continue;
        }
        match rest.next() {
            Some('n' | 'r' | 't' | 'b' | 'f') => out.push(' '),
            Some('u') => {
                let digits = rest.as_str().get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                match digits {
                    Some(code) => {
                        out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                        rest = rest.as_str().get(4..).unwrap_or_default().chars();
                    }
                    None => out.push('u'),
                }
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
format = 1
name = "reed"
title = "reed"
[cookies]
session = ["sid"]
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
harmless = ["5fa2", "shelf"]
[[sensitive]]
path = "/graphql"
operation = ["changeAddress"]
"#;

    fn said(message: &str) -> Said {
        let adapter = Adapter::parse(FILE).unwrap();
        let told = adapter.said(message.as_bytes(), Spoken::Unsaid);
        let in_graphql = adapter.said(message.as_bytes(), Spoken::Graphql);
        assert!(told == in_graphql, "{message}: {told:?}, and where GraphQL is spoken {in_graphql:?}");
        told
    }

    // A shop's own messages closed the connection, as soon as one had a field of such a name.
    #[test]
    fn a_field_names_a_document_where_graphql_is_spoken() {
        let adapter = Adapter::parse(FILE).unwrap();
        for (message, unsaid) in [
            (r#"{"event":"opened","documentId":"77"}"#, Said::Nothing),
            (r#"["invoice",{"queryId":"77","docId":"x"}]"#, Said::Nothing),
            (r#"{"event":"doc","payload":{"documentId":"77"}}"#, Said::Unclear),
            (r#"["1","2","__absinthe__:control","x",{"documentId":"77"}]"#, Said::Unclear),
            (
                r#"{"identifier":"{\"channel\":\"GraphqlChannel\"}","data":{"documentId":"77"}}"#,
                Said::Unclear,
            ),
            (r#"{"documentId":"77","variables":{}}"#, Said::Unclear),
        ] {
            assert_eq!(adapter.said(message.as_bytes(), Spoken::Unsaid), unsaid, "{message}");
            assert_ne!(adapter.said(message.as_bytes(), Spoken::Graphql), Said::Nothing, "{message}");
        }
        for (protocols, path, spoken) in [
            ("graphql-transport-ws", "/live", Spoken::Graphql),
            ("chat, GraphQL-WS", "/live", Spoken::Graphql),
            ("", "/graphql", Spoken::Graphql),
            ("", "/api/gql/ws", Spoken::Graphql),
            ("chat", "/live", Spoken::Unsaid),
        ] {
            assert_eq!(adapter.spoken(protocols, path), spoken, "{protocols} {path}");
        }
    }

    // Each of these signs in, or changes the address, at a server that is told so on a WebSocket; none passed by where the shield
    // looked.
    #[test]
    fn a_call_is_heard_in_whatever_envelope() {
        let own = r#"{"query":"mutation { enter(mail: \"a\") { ok } }"}"#;
        let escaped = own.replace("enter", "\\u0065nter");
        let inner = serde_json::to_string(own).unwrap();
        let twice = serde_json::to_string(&format!("{{\"data\":{inner}}}")).unwrap();
        for message in [
            format!(r#"{{"id":"1","type":"subscribe","payload":{own}}}"#),
            format!(r#"{{"id":"1","type":"start","payload":{own}}}"#),
            format!(r#"{{"id":"1","type":"start","payload":{escaped}}}"#),
            // ActionCable and AppSync: JSON in a text.
            format!(r#"{{"command":"message","identifier":"{{}}","data":{inner}}}"#),
            format!(r#"{{"id":"1","type":"start","payload":{{"data":{inner},"extensions":{{"a":{{}}}}}}}}"#),
            format!(r#"{{"frame":{twice}}}"#),
            // Phoenix (Absinthe), socket.io, SockJS, STOMP.
            format!(r#"["1","2","__absinthe__:control","doc",{own}]"#),
            format!(r#"42/graphql,7["graphql",{own}]"#),
            format!("[{inner}]"),
            format!("SEND\ndestination:/q\n\n{own}\0"),
            "mutation{enter(mail:\"a\"){ok}}".to_owned(),
            "mutation {changeAddress}".to_owned(),
            format!(r#"{{"a":[{{"b":{own}}}]}}"#),
            r#"{"query":"{hello}","query":"mutation{enter}"}"#.to_owned(),
            r#"{"variables":{"x":"mutation {enter}"}}"#.to_owned(),
            // Not JSON to us, and perhaps to the server.
            format!("{own} trailing"),
            format!("{{'a':{own}}}"),
            format!("{}{own}{}", "[".repeat(300), "]".repeat(300)),
            format!("{}{escaped}{}", "[".repeat(300), "]".repeat(300)),
            own.encode_utf16().flat_map(u16::to_be_bytes).map(char::from).collect(),
        ] {
            assert_eq!(said(&message), Said::Call, "{message}");
        }
    }

    #[test]
    fn a_document_that_is_not_there_is_unclear() {
        let mut deep = r#"{"query":"mutation{enter}"}"#.to_owned();
        for _ in 0..6 {
            deep = format!("[{}]", serde_json::to_string(&deep).unwrap());
        }
        for message in [
            r#"{"id":"1","type":"subscribe","payload":{"variables":{},"extensions":{"persistedQuery":{"sha256Hash":"9c"}}}}"#,
            r#"{"id":"1","type":"subscribe","payload":{"id":"enter-1","variables":{}}}"#,
            r#"{"id":"1","type":"start","payload":{"id":"enter-1"}}"#,
            r#"{"id":"1","type":"subscribe","payload":{"query":"{hello}","documentId":"enter-1"}}"#,
            r#"{"id":"1","type":"subscribe","payload":{"query":["{hello}"]}}"#,
            r#"["doc",{"queryId":"enter-1"}]"#,
            r#"["doc",{"persistedQuery":{"sha256Hash":"9c"}}]"#,
            &deep,
        ] {
            assert_eq!(said(message), Said::Unclear, "{message}");
        }
    }

    #[test]
    fn what_a_storefront_says_all_day_goes_on() {
        for message in [
            r#"{"type":"connection_init","payload":{"Authorization":"Bearer x","id":"7"}}"#,
            r#"{"type":"ping"}"#,
            r#"{"id":"1","type":"complete"}"#,
            r#"{"id":"1","type":"subscribe","payload":{"operationName":"Stock","query":"subscription Stock($id: ID!) {\n  stock(id: $id) { left }\n}","variables":{"id":"7","query":"shoes","hash":"a"}}}"#,
            r#"{"id":"1","type":"subscribe","payload":{"variables":{},"extensions":{"persistedQuery":{"sha256Hash":"5fa2"}}}}"#,
            r#"{"id":"1","type":"start","payload":{"data":"{\"query\":\"subscription{stock{left}}\",\"variables\":{}}","extensions":{"authorization":{"host":"x"}}}}"#,
            r#"["3","4","cart:7","phx_join",{}]"#,
            r#"42["chat",{"text":"how do I enter the shop?","id":"9","hash":"77"}]"#,
            r#"{"query":"shoes","id":"abc"}"#,
            r"{'path':'C:\\tools'}",
            "2probe",
            "",
            "\u{1}\u{2}{\u{3}",
        ] {
            assert_eq!(said(message), Said::Nothing, "{message}");
        }
    }

    #[test]
    fn only_a_file_with_calls_hears() {
        assert!(Adapter::parse(FILE).unwrap().hears_sockets());
        assert!(crate::by_name("magento").unwrap().hears_sockets());
        assert!(!crate::by_name("wordpress").unwrap().hears_sockets());
    }

    proptest::proptest! {
        #[test]
        fn however_often_it_is_packed(times in 0usize..4, before in "[a-z0-9 ]{0,8}") {
            let mut message = r#"{"query":"mutation { enter }"}"#.to_owned();
            for _ in 0..times {
                message = format!("{{\"data\":{}}}", serde_json::to_string(&message).unwrap());
            }
            proptest::prop_assert_eq!(said(&format!("{before}{message}")), Said::Call);
        }
    }
}
