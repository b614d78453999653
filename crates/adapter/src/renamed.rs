//! The form by which people change the address that the shop names them by.

use serde::Deserialize;

use crate::body::{self, is_doubtful};
use crate::call::{Document, Given};
use crate::door::Asked;
use crate::json::Tree;
use crate::model::{Adapter, Door, DoorKind, check_path};
use crate::place::Place;
use crate::reading::Reading;
use crate::{place, text};

/// How people change the address that the shop names them by: a form, scripts, or both.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressForm {
    /// Where the form is sent to: one path or several.
    #[serde(default, alias = "path", deserialize_with = "one_or_more")]
    pub paths: Vec<String>,
    /// Its field of the new address.
    #[serde(default)]
    pub field: String,
    /// A field without which a form at these paths is another one, as of [`Door`].
    #[serde(default)]
    pub marker: Option<String>,
    /// Where scripts do the same in JSON: the address is a text under a name with `mail` in it, or what a GraphQL call gives an
    /// argument of such a name.
    #[serde(default, rename = "script")]
    pub scripts: Vec<Place>,
}

fn one_or_more<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Paths {
        One(String),
        More(Vec<String>),
    }
    Ok(match Paths::deserialize(from)? {
        Paths::One(path) => vec![path],
        Paths::More(paths) => paths,
    })
}

/// What a request makes of the address that the shop names somebody by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NewAddress {
    /// It stays.
    #[default]
    None,
    /// This one, as it was typed.
    Named(String),
    /// Another one: the shop may read more than one in it, or what is not read here.
    Unclear,
}

impl AddressForm {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.paths.is_empty() && self.scripts.is_empty() {
            return Err("say where the form is sent to".to_owned());
        }
        if self.paths.is_empty() != self.field.is_empty() {
            return Err("a form has `paths` and a `field`".to_owned());
        }
        let is_any = |path: &String| path == place::ANYWHERE;
        if self.marker.is_none() && self.paths.iter().any(is_any) {
            return Err("a form at any path is known by its `marker`".to_owned());
        }
        let scripts = self.scripts.iter().map(|script| &script.path);
        self.paths.iter().chain(scripts).try_for_each(|path| check_path(path))
    }

    fn is_at(&self, asked: &Asked<'_>) -> bool {
        let is_there = self.paths.iter().any(|path| path == place::ANYWHERE || place::is(path, asked.path));
        // By its mark it is the form by whatever method: shops that look for one take it out of the query, too.
        is_there && (self.marker.is_some() || asked.method.eq_ignore_ascii_case("POST"))
    }

    /// Whether a script may say it here, whichever call it is.
    fn is_script_at(&self, asked: &Asked<'_>) -> bool {
        let is_one = |script: &Place| {
            place::takes_method(&script.methods, asked.method) && place::below(&script.path, asked.path)
        };
        self.scripts.iter().filter(|script| script.operation.is_empty()).any(is_one)
    }

    fn is_script(&self, reading: &Reading) -> bool {
        self.scripts.iter().any(|script| reading.is_covered(script))
    }

    fn is_marked(&self, fields: &[(String, String)]) -> bool {
        self.marker.as_ref().is_none_or(|marker| fields.iter().any(|(name, _)| text::is_mark(name, marker)))
    }
}

impl Adapter {
    /// Whether whatever goes to this place is such a form.
    pub fn is_address_form(&self, asked: &Asked<'_>) -> bool {
        let form = self.signed_in.renamed.as_ref();
        let is_one = |form: &AddressForm| {
            form.is_script_at(asked)
                || (form.marker.is_none() && form.is_at(asked) && asked.authorization.is_none())
        };
        form.is_some_and(is_one)
    }

    /// Whether such a form is known by its fields.
    pub(crate) fn is_renamed_by_mark(&self) -> bool {
        self.signed_in.renamed.as_ref().is_some_and(|form| form.marker.is_some())
    }

    /// The address that somebody gives whom the shop names by `own`, whatever else the request is.
    pub fn new_address(
        &self,
        asked: &Asked<'_>,
        reading: &Reading,
        body: &[u8],
        is_whole: bool,
        own: &str,
    ) -> NewAddress {
        let Some(form) = &self.signed_in.renamed else { return NewAddress::None };
        if form.is_script(reading) {
            return match written(asked, body).filter(|_| is_whole) {
                Some(texts) => other_than(own, texts.iter().map(String::as_str)),
                None => NewAddress::Unclear,
            };
        }
        if !form.is_at(asked) {
            return NewAddress::None;
        }
        let in_query: Vec<_> = text::form_fields(asked.query.unwrap_or_default().as_bytes()).collect();
        let in_body = body::fields(asked.content_type, body)
            .filter(|_| is_whole && !is_doubtful(asked.content_type, body, true));
        let is_read = in_body.is_some() || body.is_empty();
        let all: Vec<_> = in_query.into_iter().chain(in_body.unwrap_or_default()).collect();
        if !form.is_marked(&all) {
            return NewAddress::None;
        }
        if !is_read {
            return NewAddress::Unclear;
        }
        let named = all.iter().filter(|(name, _)| text::is_field(name, &form.field));
        other_than(own, named.map(|(_, value)| value.as_str()))
    }

    /// The new address that such a form names. `None` where it is anything else besides: no form that could sign in moves an
    /// account to another name.
    pub fn renamed_to(&self, asked: &Asked<'_>, reading: &Reading, body: &[u8]) -> Option<String> {
        let form = self.signed_in.renamed.as_ref()?;
        if form.is_script(reading) {
            let texts = written(asked, body).filter(|_| asked.authorization.is_none())?;
            return match other_than("", texts.iter().map(String::as_str)) {
                NewAddress::Named(one) => Some(one),
                NewAddress::None | NewAddress::Unclear => None,
            };
        }
        if !form.is_at(asked) {
            return None;
        }
        let fields = body::fields(asked.content_type, body)
            .filter(|_| !is_doubtful(asked.content_type, body, true) && asked.authorization.is_none())?;
        let in_query = text::form_fields(asked.query.unwrap_or_default().as_bytes());
        let all: Vec<(String, String)> = in_query.chain(fields).collect();
        let is_named = |wanted: &String| all.iter().any(|(name, _)| text::is_field(name, wanted));
        let signs_in = |door: &Door| match &door.marker {
            Some(marker) => all.iter().any(|(name, _)| text::is_mark(name, marker)),
            None => door.user.iter().any(is_named) && door.password.iter().any(is_named),
        };
        let mut doors = self.doors.iter().filter(|door| door.kind == DoorKind::SignIn);
        if doors.any(signs_in) || !form.is_marked(&all) {
            return None;
        }
        let mut values = all.iter().filter(|(name, _)| text::is_field(name, &form.field));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value.trim().to_owned()),
            _ => None,
        }
    }
}

/// The address among these that is not `own`.
fn other_than<'a>(own: &str, typed: impl Iterator<Item = &'a str>) -> NewAddress {
    // The shop names nobody by what is no address; and by another spelling it may name somebody else.
    let mut others: Vec<&str> =
        typed.map(str::trim).filter(|value| value.contains('@') && *value != own).collect();
    others.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    match others.as_slice() {
        [] => NewAddress::None,
        [one] => NewAddress::Named((*one).to_owned()),
        [..] => NewAddress::Unclear,
    }
}

/// What a script says under names with `mail` in them, in its query and its body. `None` where that cannot be read.
fn written(asked: &Asked<'_>, body: &[u8]) -> Option<Vec<String>> {
    let in_query = text::form_fields(asked.query.unwrap_or_default().as_bytes());
    let mut all: Vec<String> = in_query.filter(|(name, _)| is_mail(name)).map(|(_, value)| value).collect();
    if !body.trim_ascii().is_empty() {
        let tree = Tree::parse(body).ok()?;
        note_texts(&tree, &tree, "", &mut all)?;
    }
    Some(all)
}

fn is_mail(name: &str) -> bool {
    name.to_lowercase().contains("mail")
}

/// The texts below such a name, and what a GraphQL document gives an argument of one.
fn note_texts(whole: &Tree, tree: &Tree, name: &str, all: &mut Vec<String>) -> Option<()> {
    match tree {
        Tree::Text(text) if is_mail(name) => all.push(text.clone()),
        Tree::Text(text) if name == "query" && text.contains('{') => {
            let document = Document::read(text)?;
            for given in document.given_under(is_mail) {
                match given {
                    Given::Text(text) => all.push(text),
                    Given::Variable(variable) => {
                        all.extend(document.default_of(variable).map(str::to_owned));
                        let given = whole.calls().into_iter();
                        let given = given.flat_map(|call| call.all_at(&format!("/variables/{variable}")));
                        all.extend(given.filter_map(Tree::text).map(str::to_owned));
                    }
                    Given::Other => {}
                }
            }
        }
        Tree::Text(_) | Tree::Plain => {}
        Tree::List(inside) => inside.iter().try_for_each(|one| note_texts(whole, one, name, all))?,
        Tree::Fields(fields) => fields.iter().try_for_each(|(inner, value)| {
            let name = if is_mail(name) { name } else { inner };
            note_texts(whole, value, name, all)
        })?,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::by_name;

    const FORM: &str = "application/x-www-form-urlencoded";

    fn posted<'a>(path: &'a str, query: Option<&'a str>) -> Asked<'a> {
        Asked { method: "POST", path, query, content_type: FORM, authorization: None }
    }
    // A request that was sensitive and a sign-in at once moved the thief's account to the victim's name.
    #[test]
    fn only_the_form_of_the_address_renames() {
        for (name, path, body, query, expected) in [
            (
                "django-oscar",
                "/accounts/profile/edit/",
                "first_name=a&email=new%40x.example",
                None,
                Some("new@x.example"),
            ),
            ("django-oscar", "/accounts/profile/edit/", "email=v%40x.example&login_submit=1", None, None),
            ("django-oscar", "/accounts/profile/edit/", "email=v%40x.example", Some("login_submit=1"), None),
            (
                "django-oscar",
                "/accounts/profile/edit/",
                "email=v%40x.example&username=v&password=g",
                None,
                None,
            ),
            (
                "django-oscar",
                "/accounts/profile/edit/",
                "email=v%40x.example&email=w%40x.example",
                None,
                None,
            ),
            ("django-oscar", "/accounts/change-password/", "email=v%40x.example", None, None),
            ("django-oscar", "/accounts/login/", "email=v%40x.example", None, None),
            (
                "magento",
                "/customer/account/editPost",
                "email=v%40x.example&current_password=g",
                None,
                Some("v@x.example"),
            ),
            (
                "magento",
                "/customer/account/editPost",
                "email=v%40x.example&login[username]=v&login[password]=g",
                None,
                None,
            ),
            (
                "prestashop",
                "/identity",
                "email=v%40x.example&password=g&submitCreate=1",
                None,
                Some("v@x.example"),
            ),
            ("prestashop", "/identity", "email=v%40x.example&password=g&submitLogin=1", None, None),
            ("prestashop", "/en/identity", "email=v%40x.example&password=g", None, None),
            // In whatever language, and by whatever address.
            ("prestashop", "/fr/identite", "email=v%40x.example&submitCreate=1", None, Some("v@x.example")),
            (
                "prestashop",
                "/index.php",
                "email=v%40x.example",
                Some("controller=identity&submitCreate=1"),
                Some("v@x.example"),
            ),
            // With the store's code, and where the web server writes no addresses anew.
            ("magento", "/de/customer/account/editPost/", "email=v%40x.example", None, Some("v@x.example")),
            (
                "magento",
                "/index.php/customer/account/editPost",
                "email=v%40x.example",
                None,
                Some("v@x.example"),
            ),
            // Names that never change.
            ("wordpress", "/my-account/edit-account/", "account_email=v%40x.example", None, None),
        ] {
            let adapter = by_name(name).unwrap();
            let renamed =
                |asked: &Asked<'_>| adapter.renamed_to(asked, &adapter.reading(asked, &[]), body.as_bytes());
            let found = renamed(&posted(path, query));
            assert_eq!(found.as_deref(), expected, "{name} {path} {body}");
            let with = Asked { authorization: Some("Basic ZWxsYTpw"), ..posted(path, query) };
            assert_eq!(renamed(&with), None);
        }
    }

    fn named(text: &str) -> NewAddress {
        NewAddress::Named(text.to_owned())
    }

    /// What a form makes of `own@x.example`.
    fn of_own(name: &str, asked: &Asked<'_>, body: &str) -> NewAddress {
        let adapter = by_name(name).unwrap();
        let mut reading = adapter.reading(asked, &[]);
        adapter.read_calls(&mut reading, asked, body.as_bytes(), true);
        adapter.new_address(asked, &reading, body.as_bytes(), true, "own@x.example")
    }

    #[test]
    fn another_address_is_seen_whatever_else_the_form_is() {
        let path = "/de/accounts/profile/edit/";
        for (body, expected) in [
            ("email=New%40x.example&first_name=a", named("New@x.example")),
            ("email=new%40x.example&email=NEW%40x.example", named("new@x.example")),
            // The own one beside it may be the one that the shop reads, or not.
            ("email=own%40x.example&email=new%40x.example", named("new@x.example")),
            ("email=own%40x.example&first_name=b", NewAddress::None),
            ("email=OWN%40x.example", named("OWN@x.example")),
            ("first_name=b", NewAddress::None),
            ("email=nobody", NewAddress::None),
            ("email=a%40x.example&email=b%40x.example", NewAddress::Unclear),
            ("email=v%40x.example&login_submit=1", named("v@x.example")),
        ] {
            assert_eq!(of_own("django-oscar", &posted(path, None), body), expected, "{body}");
        }
        let query = Some("email=a%40x.example");
        let both = of_own("django-oscar", &posted(path, query), "email=b%40x.example");
        assert_eq!(both, NewAddress::Unclear);
        let look = Asked { method: "GET", ..posted(path, query) };
        assert_eq!(of_own("django-oscar", &look, ""), NewAddress::None);
        for (name, path) in [("django-oscar", "/accounts/login/"), ("wordpress", "/my-account/edit-account/")]
        {
            let found = of_own(name, &posted(path, None), "email=a%40x.example&account_email=a%40x.example");
            assert_eq!(found, NewAddress::None, "{name}");
        }
        let magento = by_name("magento").unwrap();
        let path = "/de/customer/account/editPost";
        let (cut, part) = (&b"email=new%40x.example"[..], "multipart/form-data; boundary=x");
        let cut_off = |asked: &Asked<'_>| {
            magento.new_address(asked, &magento.reading(asked, &[]), cut, false, "own@x.example")
        };
        assert_eq!(cut_off(&posted(path, None)), NewAddress::Unclear);
        let doubtful = Asked { content_type: part, ..posted(path, None) };
        assert_eq!(of_own("magento", &doubtful, "--x\r\nContent"), NewAddress::Unclear);
    }

    #[test]
    fn a_form_with_a_mark_is_one_wherever_it_comes() {
        for (method, path, query, body, expected) in [
            ("POST", "/fr/identite", None, "email=new%40x.example&submitCreate=1", named("new@x.example")),
            (
                "POST",
                "/index.php",
                Some("controller=identity"),
                "email=new%40x.example&submitCreate_x=1",
                named("new@x.example"),
            ),
            ("GET", "/en/order", Some("submitCreate=1&email=new%40x.example"), "", named("new@x.example")),
            ("POST", "/fr/identite", None, "email=new%40x.example", NewAddress::None),
            ("POST", "/en/news", None, "email=new%40x.example&submitNewsletter=1", NewAddress::None),
        ] {
            let asked = Asked { method, ..posted(path, query) };
            assert_eq!(of_own("prestashop", &asked, body), expected, "{path} {body}");
        }
    }

    const REST: &str = "/rest/de/V1/customers/me";
    const GRAPHQL: &str = "/graphql";

    fn sent<'a>(method: &'a str, path: &'a str) -> Asked<'a> {
        Asked { method, content_type: "application/json", ..posted(path, None) }
    }

    fn call(document: &str, variables: &serde_json::Value) -> String {
        serde_json::json!({ "query": document, "variables": variables }).to_string()
    }

    // A storefront of scripts changed it there, and the account was two.
    #[test]
    fn scripts_name_another_address_too() {
        let of = |method: &str, path: &str, body: &str| of_own("magento", &sent(method, path), body);
        for (body, expected) in [
            (r#"{"customer":{"email":"new@x.example","firstname":"a@b"}}"#, named("new@x.example")),
            (r#"{"customer":{"email":"own@x.example"},"password":"a@b"}"#, NewAddress::None),
            (r#"{"customer":{"firstname":"Ella"}}"#, NewAddress::None),
            (r#"{"customer":{"E\u006dail":["new@x.example"]}}"#, named("new@x.example")),
            (r#"{"customer":{"email":"a@x.example","Email":"b@x.example"}}"#, NewAddress::Unclear),
            ("<customer><email>new@x.example</email></customer>", NewAddress::Unclear),
            (r#"{"customer":{"email":"new@x.example"}"#, NewAddress::Unclear),
        ] {
            assert_eq!(of("PUT", REST, body), expected, "{body}");
            assert_eq!(of("GET", REST, body), NewAddress::None);
        }
        let none = serde_json::json!({});
        let change = "mutation($m: String!) { updateCustomerEmail(email: $m, password: \"a@b\") { customer { email } } }";
        for (document, variables, expected) in [
            (change, serde_json::json!({ "m": "new@x.example" }), named("new@x.example")),
            (change, serde_json::json!({ "m": "own@x.example" }), NewAddress::None),
            (
                "mutation { updateCustomerEmail(email: \"new@x.example\") { x } }",
                none.clone(),
                named("new@x.example"),
            ),
            (
                "mutation($m: String = \"new@x.example\") { updateCustomer(input: { email: $m }) { x } }",
                none.clone(),
                named("new@x.example"),
            ),
            (
                "mutation($i: CustomerInput!) { updateCustomer(input: $i) { customer { mail: email } } }",
                serde_json::json!({ "i": { "email": "new@x.example" } }),
                named("new@x.example"),
            ),
            (
                "mutation { updateCustomerV2(input: { firstname: \"a@b\" }) { x } }",
                none.clone(),
                NewAddress::None,
            ),
            ("mutation { updateCustomerEmail(email: \"a@x.example\" ~) }", none.clone(), NewAddress::Unclear),
            // What else takes an address.
            (
                "mutation { setGuestEmailOnCart(input: { email: \"new@x.example\" }) { x } }",
                none,
                NewAddress::None,
            ),
        ] {
            assert_eq!(of("POST", GRAPHQL, &call(document, &variables)), expected, "{document}");
        }
    }

    #[test]
    fn so_an_account_follows_them() {
        let magento = by_name("magento").unwrap();
        let followed = |method: &str, path: &str, body: &str, authorization: Option<&str>| {
            let asked = Asked { authorization, ..sent(method, path) };
            let mut reading = magento.reading(&asked, &[]);
            magento.read_calls(&mut reading, &asked, body.as_bytes(), true);
            magento.renamed_to(&asked, &reading, body.as_bytes())
        };
        let body = r#"{"customer":{"email":"new@x.example"}}"#;
        assert_eq!(followed("PUT", REST, body, None).as_deref(), Some("new@x.example"));
        assert_eq!(followed("PUT", REST, body, Some("Bearer x")), None, "whose session is that?");
        assert_eq!(followed("PUT", REST, r#"{"email":["a@x.example","b@x.example"]}"#, None), None);
        let change =
            call("mutation { updateCustomerEmail(email: \"new@x.example\") { x } }", &serde_json::json!({}));
        assert_eq!(followed("POST", GRAPHQL, &change, None).as_deref(), Some("new@x.example"));
    }

    #[test]
    fn a_form_at_any_path_has_a_mark() {
        let file = |renamed: &str| {
            format!(
                "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in.probe]\npath = '/me'\nsubject = {{ json = \
                 '/mail' }}\n[signed_in.renamed]\n{renamed}\n"
            )
        };
        for (renamed, fits) in [
            ("field = 'mail'\npath = '/me/mail'", true),
            ("field = 'mail'\npaths = ['/me/mail', '/{language}/me']", true),
            ("field = 'mail'\npaths = ['/**']\nmarker = 'save'", true),
            ("field = 'mail'\npaths = ['/**']", false),
            ("field = 'mail'\npaths = []", false),
            ("field = 'mail'\npath = 'me'", false),
            ("field = 'mail'\npaths = ['/a?b']", false),
            ("path = '/me/mail'", false),
            ("", false),
            ("[[signed_in.renamed.script]]\npath = '/me'", true),
            ("[[signed_in.renamed.script]]\npath = 'me'", false),
            ("field = 'mail'\n[[signed_in.renamed.script]]\npath = '/me'", false),
        ] {
            assert_eq!(Adapter::parse(&file(renamed)).is_ok(), fits, "{renamed}");
        }
    }
}
