//! A session that stands in an address or a form instead of a cookie: PHP takes one there where `session.use_only_cookies` is off, osCommerce by
//! itself, servlets as `;jsessionid=`. Then the shop sets no cookie when it signs somebody in.

use crate::body;
use crate::door::Asked;
use crate::kind::is_form;
use crate::model::Adapter;
use crate::text::{decode, form_fields, is_field};

impl Adapter {
    /// The sessions that come with a request outside of its cookies: the cookie's name as the adapter's file has it, and the value. Names with
    /// `*` are not looked for: they would fit names of anything.
    pub fn sessions_beside_cookies(&self, asked: &Asked<'_>, body: &[u8]) -> Vec<(String, String)> {
        let named = |(name, value): (String, String)| {
            let is_it = |known: &&String| !known.contains('*') && is_field(&name, known);
            Some((self.cookies.session.iter().find(is_it)?.clone(), value))
        };
        let in_query = form_fields(asked.query.unwrap_or_default().as_bytes());
        let in_path = asked.path.split(['/', ';']).filter_map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((decode(name.as_bytes(), b'+'), decode(value.as_bytes(), b'+')))
        });
        let in_form = is_form(asked.content_type).then(|| body::fields(asked.content_type, body)).flatten();
        in_query.chain(in_path).chain(in_form.unwrap_or_default()).filter_map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("/", None, ""),
        ] {
            assert_eq!(found(path, query, form, body), [], "{path} {query:?} {body}");
        }
    }
}
