//! Paths as shops read them. The edge has decoded the path once and refused dot segments; what is left is what a web
//! server or a language adds of its own: case, an ending slash, parameters behind `;`, and PHP's path information.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::text;

/// A method and a path.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Any method when empty.
    #[serde(default)]
    pub methods: Vec<String>,
    pub path: String,
    /// Parameters of the query that must be there with this value, with `*` at its end for any ending.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
}

impl Place {
    /// Whether a request goes there by one of these methods.
    pub(crate) fn covers(&self, methods: &[String], path: &str, fields: &[(String, String)]) -> bool {
        methods.iter().any(|method| takes_method(&self.methods, method.trim()))
            && below(&self.path, path)
            && self.query.iter().all(|(name, value)| fields.iter().any(|(n, v)| n == name && fits(value, v)))
    }
}

/// A value, or with `*` at its end the beginning of one.
fn fits(wanted: &str, found: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => found.starts_with(start),
        None => found == wanted,
    }
}

pub(crate) fn takes_method(methods: &[String], method: &str) -> bool {
    methods.is_empty() || methods.iter().any(|m| m.eq_ignore_ascii_case(method))
}

/// Whether each wanted parameter stands in the raw query.
pub(crate) fn has_parameters(wanted: &BTreeMap<String, String>, raw: &str) -> bool {
    wanted
        .iter()
        .all(|(name, value)| text::form_fields(raw.as_bytes()).any(|(n, v)| n == *name && fits(value, &v)))
}

/// The form in which paths are compared: lower case, without `;` parameters, without slashes at the end.
pub(crate) fn folded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let named = path.split('/').filter_map(|s| s.split(';').next());
    for name in named.filter(|s| !s.is_empty()) {
        out.push('/');
        out.extend(name.chars().flat_map(char::to_lowercase));
    }
    if out.is_empty() { "/".to_owned() } else { out }
}

/// A place below whatever folder the shop lies in begins so.
pub(crate) const ANYWHERE: &str = "/**";

/// Whether `path` is `place`, or `place` with path information behind a script (`/login.php/x`).
pub(crate) fn is(place: &str, path: &str) -> bool {
    if let Some(tail) = place.strip_prefix(ANYWHERE) {
        let (tail, path) = (folded(tail), folded(path));
        return path
            .match_indices('/')
            .filter_map(|(at, _)| path.get(at..))
            .any(|rest| is_plain(&tail, rest));
    }
    is_plain(&folded(place), &folded(path))
}

/// Both are folded.
fn is_plain(place: &str, path: &str) -> bool {
    path == place || (is_script(place) && continues(place, path))
}

/// Whether `path` is `place` or lies below it.
pub(crate) fn below(place: &str, path: &str) -> bool {
    let (place, path) = (folded(place), folded(path));
    place == "/" || path == place || continues(&place, &path)
}

fn continues(place: &str, path: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
}

fn is_script(place: &str) -> bool {
    place.rsplit('/').next().is_some_and(|last| last.ends_with(".php"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_as_shops_read_them() {
        for (place, path, expected) in [
            ("/wp-login.php", "/wp-login.php", true),
            ("/wp-login.php", "/WP-Login.PHP", true),
            ("/wp-login.php", "//wp-login.php/", true),
            ("/wp-login.php", "/wp-login.php/anything", true),
            ("/wp-login.php", "/wp-login.php;v=1", true),
            ("/wp-login.php", "/;v=1/wp-login.php", true),
            ("/wp-login.php", "/wp-login.phpx", false),
            ("/wp-login.php", "/x/wp-login.php", false),
            ("/account/login", "/account/login/", true),
            ("/account/login", "/account/login/more", false),
            ("/**/xmlrpc.php", "/xmlrpc.php", true),
            ("/**/xmlrpc.php", "/shop/blog/XMLRPC.php/x", true),
            ("/**/xmlrpc.php", "/shop/not-xmlrpc.php", false),
            ("/**/xmlrpc.php", "/xmlrpc.php-x/y", false),
        ] {
            assert_eq!(is(place, path), expected, "{place} {path}");
        }
        assert!(below("/wp-admin", "/wp-admin/users.php") && below("/", "/x"));
        assert!(!below("/wp-admin", "/wp-administrator"));
    }

    #[test]
    fn a_place_may_need_parameters() {
        let place = Place {
            methods: vec!["POST".into()],
            path: "/index.php".into(),
            query: BTreeMap::from([("controller".into(), "authentication*".into())]),
        };
        let covers = |method: &str, raw: &str| {
            let fields: Vec<_> = text::form_fields(raw.as_bytes()).collect();
            place.covers(&[method.to_owned()], "/index.php", &fields)
        };
        assert!(covers("post", "a=1&controller=authentication"));
        assert!(covers("POST", "controller=%61uthentication/me"));
        assert!(!covers("POST", "controller=cart"));
        assert!(!covers("GET", "controller=authentication"));
        assert!(has_parameters(&place.query, "controller=authentication"));
        assert!(!has_parameters(&place.query, "controller=cart"));
    }
}
