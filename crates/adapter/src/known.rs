//! The files that come with the program. An owner's own file of the same form takes their place.

use crate::model::{Adapter, SignedIn, StaffSessions};

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

/// What [`stand_in`] is called.
pub const STAND_IN: &str = "auto";

/// For as long as nobody knows which shop it is: everything that any of the files guards, and nobody who is signed in.
pub fn stand_in() -> Adapter {
    let mut all = KNOWN.iter().filter_map(|(name, _)| by_name(name));
    let mut one = all.next().expect("there are files that come with the program");
    for other in all {
        one.cookies.session.extend(other.cookies.session);
        one.cookies.except.extend(other.cookies.except);
        one.doors.extend(other.doors);
        one.staff.paths.extend(other.staff.paths);
        one.staff.acts.extend(other.staff.acts);
        one.staff.like.extend(other.staff.like);
        one.sensitive.extend(other.sensitive);
        one.routed.extend(other.routed);
    }
    one.name = STAND_IN.to_owned();
    one.title = "a shop that was not asked yet".to_owned();
    one.signed_in = SignedIn::default();
    one.staff.sessions = StaffSessions::Shared;
    one.sign_out = None;
    one.staff.probe = None;
    one.cookies.names_all = false;
    one.cookies.only = false;
    one.static_paths.clear();
    one.uploads.clear();
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::{Asked, Login};
    use crate::model::Door;

    #[test]
    fn before_anybody_knows_the_shop_everything_is_guarded() {
        let any = stand_in();
        let form = "application/x-www-form-urlencoded";
        let asked =
            |method, path| Asked { method, path, query: None, content_type: form, authorization: None };
        for path in ["/wp-login.php", "/account/sign-in", "/accounts/login/", "/customer/account/loginPost"] {
            assert!(!matches!(any.knock(&asked("POST", path)), Login::None), "{path}");
        }
        for path in ["/wp-admin", "/dashboard/users", "/admin"] {
            assert!(any.is_back_office(&any.reading(&asked("GET", path), &[])), "{path}");
        }
        assert!(
            ["sessionid", "PHPSESSID", "wordpress_logged_in_1", "shop_session"]
                .map(|n| any.cookies.are_kept(n))
                == [true; 4]
        );
    }

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
        let found = adapter.door(&asked, body.as_bytes());
        let by_head = !matches!(seen, Login::None);
        assert!(by_head || found.is_none_or(Door::is_everywhere), "the head already rules it out");
        found.map(|door| door.name.clone())
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
            // On any page, as WooCommerce takes it; also where another form stands.
            ("wordpress", "/peat-mug/", "username=a&password=b&login=Log+in", Some("my-account")),
            ("wordpress", "/wp-login.php", "username=a&password=b&login=Log+in", Some("my-account")),
            ("wordpress", "/any", "wc_reset_password=true&password_1=b", Some("lost-password")),
            ("wordpress", "/wp-login.php", "user_login=a", Some("wp-login-other")),
            ("wordpress", "/xmlrpc.php", "", Some("xml-rpc")),
            (
                "django-oscar",
                "/zh-hans/accounts/login/",
                "login-username=a&login-password=b&login_submit=1",
                Some("sign-in"),
            ),
            ("django-oscar", "/DE/dashboard/login", "username=a&password=b", Some("dashboard")),
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

    // With a plugin for tokens a stolen password was worth one, and none of the doors counted guesses.
    #[test]
    fn what_plugins_of_wordpress_give_tokens_for_is_for_programs() {
        let wordpress = by_name("wordpress").unwrap();
        for path in [
            "/wp-json/jwt-auth/v1/token",
            "/shop/wp-json/aam/v2/authenticate",
            "/index.php/wp-json/api/v1/token/",
        ] {
            for content_type in ["application/json", "application/x-www-form-urlencoded", ""] {
                let asked = Asked { method: "POST", path, query: None, content_type, authorization: None };
                assert!(wordpress.is_for_programs_only(&asked), "{path} {content_type}");
            }
        }
        let (form, json) = ("application/x-www-form-urlencoded", "application/json");
        let path = "/wp-json/jwt-auth/v1/token";
        assert_eq!(
            door_of("wordpress", "POST", path, json, r#"{"username":"a","password":"b"}"#).as_deref(),
            Some("token")
        );
        assert_eq!(
            door_of("wordpress", "POST", path, form, "username=a&password=b").as_deref(),
            Some("token")
        );
        // The mark of a form that is taken on every page makes no form of it.
        for mark in ["login=1", "register=1", "wc_reset_password=1"] {
            let body = format!("username=a&password=b&{mark}");
            assert_eq!(door_of("wordpress", "POST", path, form, &body).as_deref(), Some("token"), "{mark}");
            let xml = format!("<?xml version=\"1.0\"?><!--&{mark}&--><methodCall/>");
            assert_eq!(
                door_of("wordpress", "POST", "/xmlrpc.php", "text/xml", &xml).as_deref(),
                Some("xml-rpc")
            );
        }
        let route = "rest_route=/jwt-auth/v1/token";
        let crowd = format!("{}{route}", "_method=GET&".repeat(20));
        for (method, path, query, overrides, body) in [
            ("POST", "/", route, &[][..], ""),
            ("POST", "/", "rest_route=/jwt-auth/v1/token%0A", &[], ""),
            // WordPress cuts the slash, and its rules end before a last line end.
            ("POST", "/", "rest_route=/jwt-auth/v1/token%0A/", &[], ""),
            ("POST", "/", "", &[], "rest_route=/jwt-auth/v1/token%0A/"),
            // It ends a path at a "?" that came as an escape.
            ("POST", "/wp-json/jwt-auth/v1/token?x", "", &[], ""),
            ("POST", "/shop/index.php/wp-json/jwt-auth/v1/token\n/", "", &[], ""),
            ("POST", "/", "", &[], route),
            ("GET", path, "_method=POST", &[], ""),
            ("PUT", path, "", &["POST"], ""),
            ("POST", "/", crowd.as_str(), &[], ""),
        ] {
            let asked = Asked { method, path, query: Some(query), content_type: form, authorization: None };
            let mut reading = wordpress.reading(&asked, overrides);
            wordpress.read_form(&mut reading, form, body.as_bytes(), true);
            assert!(wordpress.is_door_for_programs(&reading), "{method} {path} {query} {body}");
        }
        for (method, path, query) in
            [("GET", path, ""), ("POST", "/", "rest_route=/wc/store/v1/cart"), ("GET", "/", route)]
        {
            let asked = Asked { method, path, query: Some(query), content_type: form, authorization: None };
            assert!(
                !wordpress.is_door_for_programs(&wordpress.reading(&asked, &[])),
                "{method} {path} {query}"
            );
        }
        // A field that was not read may lead there, but for forms with files and what is no form.
        assert!(wordpress.may_hide_a_door(form) && wordpress.may_hide_a_door(""));
        assert!(
            !wordpress.may_hide_a_door(json) && !wordpress.may_hide_a_door("multipart/form-data; boundary=b")
        );
        assert!(wordpress.is_in_office("/shop/wp-admin/admin-ajax.php") && !wordpress.is_in_office("/cart"));
        assert!(!by_name("django-oscar").unwrap().may_hide_a_door(form));
        for (method, path) in [
            ("GET", path),
            ("POST", "/wp-json/jwt-auth/v1/token/validate"),
            ("POST", "/wp-json/wc/store/v1/cart"),
        ] {
            let asked = Asked { method, path, query: None, content_type: json, authorization: None };
            assert!(!wordpress.is_for_programs_only(&asked), "{method} {path}");
        }
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
        let asked =
            Asked { method: "POST", path: "/graphql", query: None, content_type: json, authorization: None };
        for (query, plain) in [
            ("mutation { generateCustomerToken(email: \\\"a\\\") { token } }", true),
            ("mutation { x: generateCustomerToken { token } }", false),
            ("mutation { generateCustomerToken { token } y : generateCustomerToken { token } }", false),
        ] {
            let body = format!(r#"{{"query":"{query}"}}"#);
            assert_eq!(graphql.is_plain(&asked, body.as_bytes()), plain, "{query}");
        }
    }

    // One of two forms in a body was counted, and the shop looked at the other.
    #[test]
    fn a_body_that_signs_in_twice_is_ambiguous() {
        let wordpress = by_name("wordpress").unwrap();
        let content_type = "application/x-www-form-urlencoded";
        let asked = |path| Asked { method: "POST", path, query: None, content_type, authorization: None };
        for (path, body, expected) in [
            ("/wp-login.php", "log=z&pwd=x&login=1&username=ella&password=g", true),
            ("/wp-login.php", "log=z&pwd=x&%20login=1&username=ella&%20password=g", true),
            ("/wp-login.php", "log=z&pwd=x", false),
            ("/page", "login=1&username=ella&password=g", false),
            ("/page", "log=z&pwd=x&login=1&username=ella&password=g", false),
        ] {
            assert_eq!(wordpress.is_ambiguous(&asked(path), body.as_bytes()), expected, "{path} {body}");
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
            (
                "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = []\nnames_all = true\n[signed_in.probe]\npath = '/me'\nsubject = { json = '/id' }\n\
                 [[door]]\nname = 'd'\nkind = 'sign-in'\npaths = ['/l']\nbody = 'json'\nuser = ['/u']\npassword = ['/p']\ntoken = ['/t']\n\
                 [door.bearer]\npath = '/me'\nsubject = { json = '/id' }\n",
                "cookies.names_all",
            ),
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
