//! Acts that a file does not name: what is learnt of a shop by watching a sign-in knows none. Then what is sent decides.

use serde::Deserialize;

use crate::body::fields;
use crate::call::Document;
use crate::door::Asked;
use crate::json::Tree;
use crate::kind::Kind;
use crate::learn::script::{SECRETS, is_secret};
use crate::model::Adapter;
use crate::text;

/// What becomes of acts that no `[[sensitive]]` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnnamedActs {
    /// What holds a password, or another e-mail address than the account's, takes a fresh second factor.
    Guarded,
    /// All acts are named.
    Free,
}

impl Adapter {
    /// Whether what somebody sends who is signed in has to be looked at for acts.
    pub fn guards_unnamed_acts(&self) -> bool {
        match self.unnamed_acts {
            Some(UnnamedActs::Guarded) => true,
            Some(UnnamedActs::Free) => false,
            None => self.sensitive.is_empty(),
        }
    }

    /// Whether a query makes an act even of what only reads.
    pub fn is_act_by_query(&self, query: Option<&str>) -> bool {
        self.guards_unnamed_acts() && query.is_some_and(bears_password)
    }

    /// Whether it may be a change of the password or the address, or what else is confirmed by the password: it holds a password, or
    /// in a field of that name an e-mail address that is not `own`. Without `own` addresses say nothing.
    pub fn may_be_act(&self, asked: &Asked<'_>, body: &[u8], own: Option<&str>) -> bool {
        let is_one = |name: &str, value: &str| is_act(name, value, own);
        let mut typed = text::form_fields(asked.query.unwrap_or_default().as_bytes());
        if typed.any(|(name, value)| is_one(&name, &value)) {
            return true;
        }
        // Some shops read JSON whatever the body is said to be.
        if holds_written(body, &is_one) {
            return true;
        }
        match Kind::of(asked.content_type) {
            Kind::Doubtful => true,
            Kind::Pairs | Kind::Parts(_) => match fields(asked.content_type, body) {
                Some(typed) => typed
                    .iter()
                    .any(|(name, value)| is_one(name, value) || holds_written(value.as_bytes(), &is_one)),
                None => true,
            },
            Kind::Other => Tree::parse(body).is_err() && names_secrets(body),
        }
    }
}

/// Whether a password stands in a query: what is asked for with one is no mere look.
pub fn bears_password(query: &str) -> bool {
    text::form_fields(query.as_bytes()).any(|(name, value)| is_act(&name, &value, None))
}

fn is_act(name: &str, value: &str, own: Option<&str>) -> bool {
    if is_secret(name) {
        return !value.is_empty();
    }
    let is_address = name.to_lowercase().contains("mail") && value.contains('@');
    is_address && own.is_some_and(|own| !own.eq_ignore_ascii_case(value.trim()))
}

/// The same of JSON, whatever comes behind it. What begins so and cannot be read may hold whatever it names.
fn holds_written(body: &[u8], is_one: &impl Fn(&str, &str) -> bool) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    if !body.starts_with(b"{") && !body.starts_with(b"[") {
        return false;
    }
    match Tree::first_of(body) {
        Some(tree) => holds(&tree, "", is_one),
        None => names_secrets(body),
    }
}

fn names_secrets(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    SECRETS.iter().any(|word| text.contains(word))
}

/// Texts of a document by the names next to them, and of GraphQL documents the values that stand in them. Whatever stands below the name
/// of a password is one, also a number: some shops make a text of it.
fn holds(tree: &Tree, name: &str, is_one: &impl Fn(&str, &str) -> bool) -> bool {
    match tree {
        Tree::Text(text) => is_one(name, text) || (name == "query" && names_secret(text)),
        Tree::List(all) => all.iter().any(|one| holds(one, name, is_one)),
        Tree::Fields(fields) => fields.iter().any(|(inner, value)| {
            let name = if is_secret(name) { name } else { inner };
            holds(value, name, is_one)
        }),
        Tree::Plain => is_secret(name),
    }
}

/// Whether an argument of a document is called as passwords are. A document that cannot be read may have one.
fn names_secret(text: &str) -> bool {
    text.contains('{') && Document::read(text).is_none_or(|document| document.gives(is_secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";

    fn adapter(lines: &str) -> Adapter {
        let file = format!(
            "format = 1\nname = 'x'\ntitle = ''\n{lines}\n[cookies]\nsession = ['s']\n[signed_in.probe]\npath = '/me'\nsubject = {{ json = \
             '/id' }}\n"
        );
        Adapter::parse(&file).unwrap()
    }

    #[test]
    fn only_where_the_file_names_none_or_says_so() {
        assert!(adapter("").guards_unnamed_acts());
        assert!(!adapter("unnamed_acts = 'free'").guards_unnamed_acts());
        assert!(!crate::by_name("wordpress").unwrap().guards_unnamed_acts());
        let named = "sensitive = [{ path = '/account/email' }]";
        assert!(!adapter(named).guards_unnamed_acts());
        assert!(adapter(&format!("{named}\nunnamed_acts = 'guarded'")).guards_unnamed_acts());
    }

    #[test]
    fn a_password_or_another_address_is_an_act() {
        let adapter = adapter("");
        let own = Some("ella@people.example");
        let multipart = "multipart/form-data; boundary=x";
        let part = "--x\r\nContent-Disposition: form-data; name=\"current_password\"\r\n\r\nold\r\n--x--\r\n";
        for (kind, body, expected) in [
            (FORM, "old_password=a&new_password=b", true),
            (FORM, "account%5Bpasswort%5D=a", true),
            (FORM, "email=thief%40people.example", true),
            (FORM, "user[e-mail]=thief@people.example", true),
            (FORM, "email=Ella%40people.example&street=1", false),
            (FORM, "password=&name=Ella", false),
            (FORM, "qty=1&note=mail+me", false),
            (multipart, part, true),
            ("multipart/form-data", part, true),
            (JSON, r#"{"customer":{"mail":"thief@people.example"}}"#, true),
            (JSON, r#"{"customer":{"mail":"ella@people.example","age":7}}"#, false),
            (JSON, r#"[{"newPassword":"x"}]"#, true),
            (JSON, r#"{"variables":{"secret":"x"},"query":"mutation { a }"}"#, true),
            (JSON, r#"{"query":"mutation { change(newPassword: \"x\") { ok } }"}"#, true),
            (JSON, r#"{"query":"mutation { change(newPassword, # x\n : \"x\") { ok } }"}"#, true),
            (JSON, r#"{"query":"mutation { \u00e4 "}"#, true),
            (JSON, r#"{"query":"query { products { name } }","variables":{"id":"7"}}"#, false),
            (JSON, r#"{"query":"shoes"}"#, false),
            ("text/xml", "<change><password>x</password></change>", true),
            ("image/png", "\u{1}png", false),
            // JSON that is said to be a form, or in a field of one; a number; what nobody reads to its end.
            (FORM, r#"{"newPassword":"x"}"#, true),
            ("", r#" {"customer":{"newPassword":"x=1&y"}}"#, true),
            ("", "\u{feff}[{\"mail\":\"thief@people.example\"}]", true),
            (FORM, r#"{"newPassword":"x"} and more"#, true),
            (FORM, r#"{"newPassword":"\ud800"}"#, true),
            (FORM, "data=%7B%22newPassword%22%3A%22x%22%7D", true),
            (FORM, r#"{"item":"mug","count":2}"#, false),
            (FORM, "{curly}=1", false),
            (JSON, r#"{"password":123456}"#, true),
            (JSON, r#"{"password":{"first":"a","second":"a"}}"#, true),
            (JSON, r#"{"passwords":[[1]]}"#, true),
            (JSON, r#"{"count":123456,"note":null}"#, false),
        ] {
            let asked =
                Asked { method: "POST", path: "/a", query: None, content_type: kind, authorization: None };
            assert_eq!(adapter.may_be_act(&asked, body.as_bytes(), own), expected, "{kind} {body}");
        }
        let query = Some("new_password=x");
        let asked = Asked { method: "GET", path: "/a", query, content_type: "", authorization: None };
        assert!(adapter.may_be_act(&asked, b"", own));
        for (query, expected) in [
            ("new_password=x", true),
            ("a=1&account%5Bpasswort%5D=x", true),
            ("new_password=", false),
            ("q=password", false),
            ("email=a%40b", false),
        ] {
            assert_eq!(bears_password(query), expected, "{query}");
        }
        let asked =
            Asked { method: "POST", path: "/a", query: None, content_type: FORM, authorization: None };
        assert!(!adapter.may_be_act(&asked, b"email=a%40b", None), "whose address it is nobody knows");
    }
}
