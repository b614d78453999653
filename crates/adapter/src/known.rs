//! The files that come with the program. An owner's own file of the same form takes their place.

use crate::model::Adapter;

/// Names and texts.
pub const KNOWN: [(&str, &str); 5] = [
    ("wordpress", include_str!("../shops/wordpress.toml")),
    ("magento", include_str!("../shops/magento.toml")),
    ("prestashop", include_str!("../shops/prestashop.toml")),
    ("django-oscar", include_str!("../shops/django-oscar.toml")),
    ("larkmoor", include_str!("../shops/larkmoor.toml")),
];

/// The file of this name.
pub fn by_name(name: &str) -> Option<Adapter> {
    let (_, text) = KNOWN.iter().find(|(known, _)| *known == name)?;
    Some(Adapter::parse(text).expect("a test parses each of the files that come with the program"))
}

/// The file that fits a platform, by the name under which `storeward init` recognises it.
pub fn for_platform(platform: &str) -> Option<Adapter> {
    KNOWN
        .iter()
        .filter_map(|(name, _)| by_name(name))
        .find(|adapter| adapter.platforms.iter().any(|p| p.eq_ignore_ascii_case(platform)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::{Asked, Login};

    #[test]
    fn every_file_parses_and_bears_its_name() {
        for (name, text) in KNOWN {
            let adapter = Adapter::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(adapter.name, name);
        }
        assert_eq!(for_platform("woocommerce").unwrap().name, "wordpress");
        assert!(for_platform("unknown").is_none());
    }

    fn door_of(adapter: &str, method: &str, path: &str, kind: &str, body: &str) -> Option<String> {
        let adapter = by_name(adapter).unwrap();
        let asked = Asked { method, path, query: None, content_type: kind, authorization: None };
        let seen = adapter.knock(&asked);
        let found = adapter.door(&asked, body.as_bytes()).map(|d| d.name.clone());
        assert!(!(matches!(seen, Login::None) && found.is_some()), "the head already rules it out");
        found
    }

    #[test]
    fn doors_are_found_by_every_spelling() {
        let form = "application/x-www-form-urlencoded";
        for (adapter, path, body, door) in [
            ("wordpress", "/wp-login.php", "log=a&pwd=b", Some("wp-login")),
            ("wordpress", "/WP-LOGIN.php/x", "log=a&pwd=b", Some("wp-login")),
            ("wordpress", "/my-account", "username=a&password=b&login=Log+in", Some("my-account")),
            (
                "wordpress",
                "/my-account/",
                "email=a&password=b&register=Register",
                Some("my-account-register"),
            ),
            ("wordpress", "/wp-login.php", "%20log=a&+pwd=b", Some("wp-login")),
            ("wordpress", "/my-account", "username=a&password=b&%20login=x", Some("my-account")),
            ("wordpress", "/my-account", "display_name=a", None),
            ("wordpress", "/xmlrpc.php", "", Some("xml-rpc")),
            (
                "django-oscar",
                "/accounts/login/",
                "login-username=a&login-password=b&login_submit=1",
                Some("sign-in"),
            ),
            (
                "django-oscar",
                "/accounts/login/",
                "registration-email=a&registration_submit=1",
                Some("sign-up"),
            ),
            ("prestashop", "/login", "email=a&password=b&submitLogin=1", Some("sign-in")),
            (
                "magento",
                "/customer/account/loginPost",
                "login[username]=a&login[password]=b",
                Some("sign-in"),
            ),
            ("larkmoor", "/account/sign-in", "email=a&password=b", Some("sign-in")),
            ("larkmoor", "/account", "email=a&password=b", None),
        ] {
            assert_eq!(
                door_of(adapter, "POST", path, form, body).as_deref(),
                door,
                "{adapter} {path} {body}"
            );
        }
        assert_eq!(door_of("larkmoor", "GET", "/account/sign-in", "", ""), None);
    }

    #[test]
    fn magentos_doors_for_scripts_are_found_in_every_spelling() {
        let json = "application/json";
        let deep = format!(
            r#"{{"query":"mutation{{generateCustomerToken}}","variables":{}1{}}}"#,
            "[".repeat(300),
            "]".repeat(300)
        );
        for (path, body, door) in [
            ("/rest/de/V1/integration/customer/token", "{}", Some("rest-token")),
            ("/index.php/rest/V1/integration/customer/token/", "{}", Some("rest-token")),
            (
                "/graphql",
                r#"{"query":"mutation { generateCustomerToken(a: 1) { token } }"}"#,
                Some("graphql"),
            ),
            (
                "/index.php/graphql",
                r#"{"query":"mutation{g\u0065nerateCustomerToken{token}}"}"#,
                Some("graphql"),
            ),
            (
                "/graphql",
                r#"{"query":"mutation { generateCustomerTokenAsAdmin { x } }"}"#,
                Some("graphql-admin"),
            ),
            ("/graphql", r#"{"query":"{ products { name } }"}"#, None),
            // Deeper than our reader goes, and not deeper than PHP's.
            ("/graphql", &deep, Some("graphql")),
        ] {
            assert_eq!(door_of("magento", "POST", path, json, body).as_deref(), door, "{path} {body}");
        }
        let magento = by_name("magento").unwrap();
        let graphql = magento.doors.iter().find(|d| d.name == "graphql").unwrap();
        for (query, plain) in [
            ("mutation { generateCustomerToken(email: \\\"a\\\") { token } }", true),
            ("mutation { x: generateCustomerToken { token } }", false),
            ("mutation { generateCustomerToken { token } y : generateCustomerToken { token } }", false),
        ] {
            let body = format!(r#"{{"query":"{query}"}}"#);
            assert_eq!(graphql.is_plain(body.as_bytes()), plain, "{query}");
        }
    }

    #[test]
    fn basic_authentication_is_a_door_wherever_it_is_sent() {
        let adapter = by_name("wordpress").unwrap();
        let asked = Asked {
            method: "GET",
            path: "/wp-json/wp/v2/users/me",
            query: None,
            content_type: "",
            authorization: Some("Basic ZWxsYTpw"),
        };
        assert!(matches!(adapter.knock(&asked), Login::At(door) if door.name == "application-password"));
        let without = Asked { authorization: Some("Bearer x"), ..asked };
        assert!(matches!(adapter.knock(&without), Login::None));
    }

    #[test]
    fn faults_are_named() {
        for (text, place) in [
            ("format = 2\n", "line"),
            ("format = 2\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in]\n", "format"),
            ("format = 1\nname = 'X'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in]\n", "name"),
            ("format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = []\n[signed_in]\n", "cookies.session"),
            ("format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in]\n", "signed_in"),
            (
                "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in.cookie]\nname = 'a'\n",
                "signed_in.cookie.subject",
            ),
            (
                "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in.probe]\npath = '/me'\n\
                 subject = { json = '/id', field = 'x' }\n",
                "signed_in.probe.subject",
            ),
            (
                "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in.probe]\npath = 'me'\n\
                 subject = { json = '/id' }\n",
                "signed_in.probe.path",
            ),
            (
                "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in.probe]\npath = '/me'\n\
                 subject = { json = '/id' }\n[[door]]\nname = 'd'\nkind = 'sign-in'\npaths = ['/a']\n",
                "door[0].user",
            ),
        ] {
            let error = Adapter::parse(text).unwrap_err();
            assert!(error.place.starts_with(place), "{place}: {error}");
        }
    }
}
