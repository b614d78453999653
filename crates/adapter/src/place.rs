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
    /// GraphQL fields of which one must be called: one address takes all of them.
    #[serde(default)]
    pub operation: Vec<String>,
}

/// The name under which a call stands among a request's fields. No field of a form is called so.
pub(crate) const CALL: &str = "\0call";

impl Place {
    /// Whether a request goes there by one of these methods.
    pub(crate) fn covers(&self, methods: &[String], path: &str, fields: &[(String, String)]) -> bool {
        self.takes(methods, fields) && below(&self.path, path)
    }

    /// The same for what begins at this point of the path only.
    pub(crate) fn covers_at(
        &self,
        methods: &[String],
        path: &str,
        at: usize,
        fields: &[(String, String)],
    ) -> bool {
        self.takes(methods, fields) && below_at(&self.path, path, at)
    }

    fn takes(&self, methods: &[String], fields: &[(String, String)]) -> bool {
        let is_called = |wanted: &String| fields.iter().any(|(name, value)| name == CALL && value == wanted);
        methods.iter().any(|method| takes_method(&self.methods, method.trim()))
            && (self.operation.is_empty() || self.operation.iter().any(is_called))
            && self.query.iter().all(|(name, value)| fields.iter().any(|(n, v)| n == name && fits(value, v)))
    }
}

/// A value, or with `*` at its end the beginning of one.
pub(crate) fn fits(wanted: &str, found: &str) -> bool {
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

/// A place below whatever folder the shop lies in begins so; alone it is any place.
pub(crate) const ANYWHERE: &str = "/**";

/// Stands for a language's code between two parts of a path, or for nothing: `/de/account` and `/account`.
pub(crate) const LANGUAGE: &str = "/{language}";

/// Stands for one part of a path, whatever it is, or for nothing: where shops put a code of the store. At the end it is whatever lies
/// below, and not the place itself.
pub(crate) const ANY_PART: &str = "/{any}";

/// Whether `path` is `place`, or `place` with path information behind a script (`/login.php/x`). A place that ends with `/**` is
/// whatever lies below it, too.
pub(crate) fn is(place: &str, path: &str) -> bool {
    if let Some(start) = place.strip_suffix(ANYWHERE).filter(|start| !start.is_empty()) {
        return below(start, path);
    }
    any_reading(place, path, |place, path| path == place || (is_script(place) && continues(place, path)))
}

/// Whether `path` is `place` or lies below it.
pub(crate) fn below(place: &str, path: &str) -> bool {
    any_reading(place, path, is_or_continues)
}

/// The same for what begins at this point: `path` is folded, and `at` one of its [`starts`]. So an exception counts where its
/// rule does, and not further on in a path (`/admin/users.php/admin/pictures`).
pub(crate) fn below_at(place: &str, path: &str, at: usize) -> bool {
    let rest = path.get(at..).unwrap_or_default();
    match place.strip_prefix(ANYWHERE) {
        Some(tail) => reads_as(tail, rest, is_or_continues),
        None => at == 0 && reads_as(place, rest, is_or_continues),
    }
}

/// A path with these parameters behind it; one that may be anything is empty.
pub(crate) fn target(path: &str, query: &BTreeMap<String, String>) -> String {
    let mut target = path.to_owned();
    for (at, (name, value)) in query.iter().enumerate() {
        let value = if value == "*" { "" } else { value.as_str() };
        target.push_str(&format!("{}{name}={value}", if at == 0 { '?' } else { '&' }));
    }
    target
}

/// The plainest address of a place.
pub(crate) fn plain(place: &str) -> String {
    place.replace(ANYWHERE, "").replace(LANGUAGE, "").replace(ANY_PART, "")
}

/// What a path is besides to a shop whose script finds its path itself: what stands behind `/index.php`, alone and in the folder that
/// the script lies in.
pub(crate) fn behind_scripts(path: &str) -> Vec<String> {
    const SCRIPT: &str = "/index.php/";
    if text::find_ignoring_case(path, "/index.php").is_none() {
        return Vec::new();
    }
    let path = folded(path);
    let mut found = Vec::new();
    for (at, script) in path.match_indices(SCRIPT) {
        let behind = path.get(at + script.len() - 1..).unwrap_or_default();
        found.push(behind.to_owned());
        if at > 0 {
            found.push(format!("{}{behind}", path.get(..at).unwrap_or_default()));
        }
    }
    found
}

/// Where a place may begin in a folded path.
pub(crate) fn starts(path: &str) -> impl Iterator<Item = usize> + '_ {
    path.match_indices('/').map(|(at, _)| at)
}

fn is_or_continues(place: &str, path: &str) -> bool {
    place == "/" || path == place || continues(place, path)
}

/// Whether a folded path fits the place from one of the points where it may begin.
fn any_reading(place: &str, path: &str, fits: impl Fn(&str, &str) -> bool) -> bool {
    let path = folded(path);
    match place.strip_prefix(ANYWHERE) {
        Some("") => true,
        Some(tail) => starts(&path).any(|at| reads_as(tail, path.get(at..).unwrap_or_default(), &fits)),
        None => reads_as(place, &path, fits),
    }
}

/// With the language or other part that may stand in it, and without.
fn reads_as(place: &str, path: &str, fits: impl Fn(&str, &str) -> bool) -> bool {
    let of = |sign: &'static str| place.split_once(sign).map(|(before, tail)| (sign, before, tail));
    let Some((sign, before, tail)) = of(LANGUAGE).or_else(|| of(ANY_PART)) else {
        return fits(&folded(place), path);
    };
    let before = if before.is_empty() { String::new() } else { folded(before) };
    let Some(rest) = path.strip_prefix(before.as_str()).filter(|rest| rest.starts_with('/')) else {
        return false;
    };
    let tail = folded(tail);
    let behind = rest
        .get(1..)
        .and_then(|rest| rest.split_once('/'))
        .filter(|(code, _)| sign == ANY_PART || is_language(code));
    let behind = behind.and_then(|(code, _)| rest.get(1 + code.len()..));
    fits(&tail, rest) || behind.is_some_and(|rest| fits(&tail, rest))
}

/// `de`, `en-gb`, `zh-hans`, `pt_br`.
fn is_language(code: &str) -> bool {
    let mut parts = code.split(['-', '_']);
    let first = parts.next().unwrap_or_default();
    let is_word = |word: &str, most: usize| {
        (2..=most).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    is_word(first, 3) && parts.all(|part| is_word(part, 4))
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
            ("/**", "/whatever/there/is", true),
            ("/**", "/", true),
            ("/{language}/accounts/login", "/accounts/login/", true),
            ("/{language}/accounts/login", "/en-GB/accounts/login", true),
            ("/{language}/accounts/login", "/zh-hans/accounts/login", true),
            ("/{language}/accounts/login", "/pictures/accounts/login", false),
            ("/shop/{language}/accounts/login", "/shop/de/accounts/login", true),
            ("/shop/{language}/accounts/login", "/shop/accounts/login", true),
            ("/shop/{language}/accounts/login", "/accounts/login", false),
            ("/{any}/soap/**", "/soap", true),
            ("/{any}/soap/**", "/default/SOAP/default/x", true),
            ("/{any}/soap/**", "/a/b/soap", false),
            ("/{any}/soap/**", "/soaps", false),
            ("/**/graphql/**", "/graphql", true),
            ("/**/graphql/**", "/de/GraphQL;x/y", true),
            ("/**/graphql/**", "/graphqlx", false),
            ("/**/account/login/**", "/de/customer/account/login/referer/x", true),
        ] {
            assert_eq!(is(place, path), expected, "{place} {path}");
        }
        assert!(below("/wp-admin", "/wp-admin/users.php") && below("/", "/x"));
        assert!(below("/{any}/admin", "/english/admin/x") && !below("/{any}/admin", "/a/b/admin"));
        assert!(
            below_at("/{any}/admin", "/default/admin", 0) && !below_at("/{any}/admin", "/a/default/admin", 2)
        );
        assert_eq!(behind_scripts("/a/Index.PHP;x/de/login"), ["/de/login", "/a/de/login"]);
        assert!(behind_scripts("/index.php").is_empty());
        assert!(!below("/wp-admin", "/wp-administrator"));
        assert!(
            below("/**/wp-admin", "/shop/blog/WP-admin/users.php")
                && !below("/**/wp-admin", "/wp-administrator")
        );
        assert!(
            below("/{language}/dashboard", "/de/dashboard/users")
                && !below("/{language}/dashboard", "/catalogue/dashboard")
        );
        // An exception is one where its rule begins.
        let path = "/wp-admin/users.php/wp-admin/pictures";
        assert!(below_at("/**/wp-admin", path, 0) && !below_at("/**/wp-admin/pictures", path, 0));
        assert!(below_at("/**/wp-admin/pictures", "/a/wp-admin/pictures/1", 2));
    }

    #[test]
    fn a_place_may_need_parameters() {
        let place = Place {
            methods: vec!["POST".into()],
            path: "/index.php".into(),
            query: BTreeMap::from([("controller".into(), "authentication*".into())]),
            operation: Vec::new(),
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
