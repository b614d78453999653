//! A session that stands in an address or a form instead of a cookie: PHP takes one there where `session.use_only_cookies` is off, osCommerce by
//! itself, servlets as `;jsessionid=`. Then the shop sets no cookie when it signs somebody in.

use crate::body;
use crate::door::Asked;
use crate::kind::is_form;
use crate::model::Adapter;
use crate::text::{decode, form_fields, is_field};

impl Adapter {
    /// Whether one is looked for in whatever comes. At doors it is in any case.
    pub fn names_sessions(&self) -> bool {
        !self.cookies.only && self.cookies.session.iter().any(|known| !known.contains('*'))
    }

    /// The cookie's name as the adapter's file has it, where a field is called so.
    fn session_called(&self, name: &str) -> Option<&String> {
        self.cookies.session.iter().find(|known| !known.contains('*') && is_field(name, known))
    }

    /// The sessions that come with a request outside of its cookies: the cookie's name as the adapter's file has it, and the value. Names with
    /// `*` are not looked for: they would fit names of anything.
    pub fn sessions_beside_cookies(&self, asked: &Asked<'_>, body: &[u8]) -> Vec<(String, String)> {
        let named = |(name, value): (String, String)| Some((self.session_called(&name)?.clone(), value));
        // Some read `;` as `&`.
        let in_query = asked.query.unwrap_or_default().split([';', '&']);
        let in_query = in_query.flat_map(|part| form_fields(part.as_bytes()));
        let in_path = asked.path.split(['/', ';']).filter_map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((decode(name.as_bytes(), b'+'), decode(value.as_bytes(), b'+')))
        });
        let in_form = is_form(asked.content_type).then(|| body::fields(asked.content_type, body)).flatten();
        let mut found: Vec<_> =
            in_query.chain(in_path).chain(in_form.unwrap_or_default()).filter_map(named).collect();
        for more in self.anywhere_in_address(asked) {
            if !found.contains(&more) {
                found.push(more);
            }
        }
        found
    }

    /// PHP looks last for the name and `=` anywhere in the address as it was sent, within a value too, and takes what follows up to `/`, `?` or `\`
    /// (`php_session_initialize` in ext/session/session.c). Looked for are names that are no everyday word of addresses: with a capital in them.
    fn anywhere_in_address(&self, asked: &Asked<'_>) -> Vec<(String, String)> {
        let is_telling =
            |known: &&String| !known.contains('*') && known.bytes().any(|byte| byte.is_ascii_uppercase());
        let names = self.cookies.session.iter().filter(is_telling);
        // With what parts begin in each.
        let texts = [(asked.path, "/;"), (asked.query.unwrap_or_default(), ";&")];
        let mut found = Vec::new();
        for (name, (text, begins)) in names.flat_map(|name| texts.map(|text| (name, text))) {
            let begun = format!("{name}=");
            for (at, _) in text.match_indices(&begun) {
                // At the beginning of a part it was found already.
                let is_within = text[..at].chars().next_back().is_some_and(|before| !begins.contains(before));
                if is_within {
                    let value = text[at + begun.len()..].split(['/', '?', '\\']).next().unwrap_or_default();
                    found.push((name.clone(), value.to_owned()));
                }
            }
        }
        found
    }

    /// The query of an address without the sessions in it. Nothing where one stands elsewhere in the address.
    pub fn without_sessions(&self, path: &str, query: &str) -> Option<String> {
        let is_other = |pair: &&str| {
            form_fields(pair.as_bytes())
                .all(|(name, _): (String, String)| self.session_called(&name).is_none())
        };
        // With the sign before it: what separates is left as it came, and some read `;` as `&`.
        let mut left = String::new();
        let mut before = None;
        for part in query.split_inclusive(['&', ';']) {
            let pair = part.trim_end_matches(['&', ';']);
            if is_other(&pair) {
                left.extend(before.filter(|_| !left.is_empty()));
                left.push_str(pair);
            }
            before = part.chars().next_back().filter(|sign| matches!(sign, '&' | ';'));
        }
        let asked = Asked { method: "GET", path, query: Some(&left), content_type: "", authorization: None };
        self.sessions_beside_cookies(&asked, b"").is_empty().then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_left_without_its_session() {
        let file = "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['osCsid', 'sid*']\n[signed_in.probe]\n\
                    path = '/me'\nsubject = { json = '/id' }\n";
        let adapter = Adapter::parse(file).unwrap();
        for (path, query, left) in [
            ("/shoes", "osCsid=ab", Some("")),
            ("/shoes", "colour=red&%6fsCsid=ab&size=%34&oscsid[]=", Some("colour=red&size=%34")),
            ("/shoes", "sid=ab&osCsids=1", Some("sid=ab&osCsids=1")),
            ("/shoes", "colour=red;osCsid=ab&size=4;2", Some("colour=red&size=4;2")),
            ("/shoes", "osCsid=ab;colour=red", Some("colour=red")),
            ("/shoes;osCsid=ab", "colour=red", None),
        ] {
            assert_eq!(adapter.without_sessions(path, query).as_deref(), left, "{path}?{query}");
        }
        assert!(adapter.names_sessions());
        for (from, to) in [("'osCsid', ", ""), ("'sid*']", "'sid*']\nonly = true")] {
            assert!(!Adapter::parse(&file.replace(from, to)).unwrap().names_sessions());
        }
    }

    #[test]
    fn a_session_is_found_wherever_a_shop_takes_one() {
        let file = "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['osCsid', 'JSESSIONID', 'my_sid', 'sid*']\n[signed_in.probe]\n\
                    path = '/me'\nsubject = { json = '/id' }\n";
        let adapter = Adapter::parse(file).unwrap();
        let found = |path: &str, query: Option<&str>, content_type: &str, body: &str| {
            let asked = Asked { method: "POST", path, query, content_type, authorization: None };
            adapter.sessions_beside_cookies(&asked, body.as_bytes())
        };
        let form = "application/x-www-form-urlencoded";
        let parts = "--b\r\nContent-Disposition: form-data; name=\"osCsid\"\r\n\r\nab\r\n--b--\r\n";
        for (path, query, kind, body, name) in [
            ("/login", Some("x=1&osCsid=ab"), "", "", "osCsid"),
            ("/login", Some("%6fsCsid=ab"), "", "", "osCsid"),
            ("/login;jsessionid=ab", None, "", "", "JSESSIONID"),
            ("/login", Some("x=1;my_sid=ab"), "", "", "my_sid"),
            // As PHP finds it at last.
            ("/login", Some("x=osCsid=ab/"), "", "", "osCsid"),
            ("/zosCsid=ab/login", None, "", "", "osCsid"),
            ("/login", Some("x=/osCsid=ab"), "", "", "osCsid"),
            ("/login&osCsid=ab", None, "", "", "osCsid"),
            ("/login", Some("back=/a?osCsid=ab"), "", "", "osCsid"),
            ("/osCsid=ab/login", None, "", "", "osCsid"),
            ("/login", Some("my.sid=ab"), "", "", "my_sid"),
            // As PHP reads names: without blanks before them, and up to a NUL.
            ("/login", Some("+osCsid=ab"), "", "", "osCsid"),
            ("/login", Some("osCsid%00x=ab"), "", "", "osCsid"),
            ("/login", None, form, "user=ella&%20osCsid=ab", "osCsid"),
            ("/login", None, form, "user=ella&osCsid=ab", "osCsid"),
            ("/login", None, "multipart/form-data; boundary=b", parts, "osCsid"),
        ] {
            assert_eq!(
                found(path, query, kind, body),
                [(name.to_owned(), "ab".to_owned())],
                "{path} {query:?} {body}"
            );
        }
        for (path, query, body) in [
            ("/login", Some("side=1&sid2=x&osCsid2=x"), ""),
            ("/osCsid/x", None, "user=osCsid"),
            ("/login", Some("product_my_sid=1&notmy_sid=2"), ""),
            ("/", None, ""),
        ] {
            assert_eq!(found(path, query, form, body), [], "{path} {query:?} {body}");
        }
    }
}
