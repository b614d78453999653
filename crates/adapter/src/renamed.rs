//! The form by which people change the address that the shop names them by.

use serde::Deserialize;

use crate::body::{self, is_doubtful};
use crate::door::Asked;
use crate::model::{Adapter, Door, DoorKind, check_path};
use crate::{place, text};

/// The form by which people change the address that the shop names them by.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressForm {
    /// Where it is sent to: one path or several.
    #[serde(alias = "path", deserialize_with = "one_or_more")]
    pub paths: Vec<String>,
    /// The field of the new address.
    pub field: String,
    /// A field without which a form at these paths is another one, as of [`Door`].
    #[serde(default)]
    pub marker: Option<String>,
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
        if self.paths.is_empty() {
            return Err("say where the form is sent to".to_owned());
        }
        let is_any = |path: &String| path == place::ANYWHERE;
        if self.marker.is_none() && self.paths.iter().any(is_any) {
            return Err("a form at any path is known by its `marker`".to_owned());
        }
        self.paths.iter().try_for_each(|path| check_path(path))
    }

    fn is_at(&self, asked: &Asked<'_>) -> bool {
        let is_there = self.paths.iter().any(|path| path == place::ANYWHERE || place::is(path, asked.path));
        // By its mark it is the form by whatever method: shops that look for one take it out of the query, too.
        is_there && (self.marker.is_some() || asked.method.eq_ignore_ascii_case("POST"))
    }

    fn is_marked(&self, fields: &[(String, String)]) -> bool {
        self.marker.as_ref().is_none_or(|marker| fields.iter().any(|(name, _)| text::is_mark(name, marker)))
    }
}

impl Adapter {
    /// Whether whatever goes to this place is such a form.
    pub fn is_address_form(&self, asked: &Asked<'_>) -> bool {
        let form = self.signed_in.renamed.as_ref();
        form.is_some_and(|form| form.marker.is_none() && form.is_at(asked)) && asked.authorization.is_none()
    }

    /// Whether such a form is known by its fields.
    pub(crate) fn is_renamed_by_mark(&self) -> bool {
        self.signed_in.renamed.as_ref().is_some_and(|form| form.marker.is_some())
    }

    /// The address that somebody gives whom the shop names by `own`, whatever else the request is.
    pub fn new_address(&self, asked: &Asked<'_>, body: &[u8], is_whole: bool, own: &str) -> NewAddress {
        let Some(form) = self.signed_in.renamed.as_ref().filter(|form| form.is_at(asked)) else {
            return NewAddress::None;
        };
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
        let others = named.map(|(_, value)| value.trim()).filter(|value| {
            // The shop names nobody by what is no address; and by another spelling it may name somebody else.
            value.contains('@') && *value != own
        });
        let mut others: Vec<&str> = others.collect();
        others.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
        match others.as_slice() {
            [] => NewAddress::None,
            [one] => NewAddress::Named((*one).to_owned()),
            [..] => NewAddress::Unclear,
        }
    }

    /// The new address that such a form names. `None` where it is anything else besides: no form that could sign in moves an
    /// account to another name.
    pub fn renamed_to(&self, asked: &Asked<'_>, body: &[u8]) -> Option<String> {
        let form = self.signed_in.renamed.as_ref().filter(|form| form.is_at(asked))?;
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
            let found = adapter.renamed_to(&posted(path, query), body.as_bytes());
            assert_eq!(found.as_deref(), expected, "{name} {path} {body}");
            let with = Asked { authorization: Some("Basic ZWxsYTpw"), ..posted(path, query) };
            assert_eq!(adapter.renamed_to(&with, body.as_bytes()), None);
        }
    }

    fn named(text: &str) -> NewAddress {
        NewAddress::Named(text.to_owned())
    }

    /// What a form makes of `own@x.example`.
    fn of_own(name: &str, asked: &Asked<'_>, body: &str) -> NewAddress {
        by_name(name).unwrap().new_address(asked, body.as_bytes(), true, "own@x.example")
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
        assert_eq!(
            magento.new_address(&posted(path, None), cut, false, "own@x.example"),
            NewAddress::Unclear
        );
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

    #[test]
    fn a_form_at_any_path_has_a_mark() {
        let file = |renamed: &str| {
            format!(
                "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in.probe]\npath = '/me'\nsubject = {{ json = \
                 '/mail' }}\n[signed_in.renamed]\nfield = 'mail'\n{renamed}\n"
            )
        };
        for (renamed, fits) in [
            ("path = '/me/mail'", true),
            ("paths = ['/me/mail', '/{language}/me']", true),
            ("paths = ['/**']\nmarker = 'save'", true),
            ("paths = ['/**']", false),
            ("paths = []", false),
            ("path = 'me'", false),
            ("paths = ['/a?b']", false),
        ] {
            assert_eq!(Adapter::parse(&file(renamed)).is_ok(), fits, "{renamed}");
        }
    }
}
