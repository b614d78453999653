//! Reading small texts: forms, percent-encoding, HTML attributes, XML.

use storeward_base::percent_decode;

use crate::address::Address;

/// Percent-decoding; `plus` says what `+` stands for.
pub(crate) fn decode(raw: &[u8], plus: u8) -> String {
    let out = percent_decode(raw, plus);
    String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// Percent-encoding for a form's body.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The pairs of `application/x-www-form-urlencoded`: all of them, so that nothing hides behind a row of empty ones.
pub(crate) fn form_fields(raw: &[u8]) -> impl Iterator<Item = (String, String)> + '_ {
    raw.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let cut = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        let (name, value) = (pair.get(..cut).unwrap_or(pair), pair.get(cut + 1..).unwrap_or_default());
        (decode(name, b' '), decode(value, b' '))
    })
}

/// Whether a shop may take a field for the one of this name. PHP drops blanks before a name, takes blanks and points for `_`, ends
/// it at a NUL and behind a bracket, and makes `name[]` of `name`; others pass over the case. Wider than any of them.
pub(crate) fn is_field(name: &str, wanted: &str) -> bool {
    let (name, wanted) = (field_name(name), field_name(wanted));
    let base = name.split('[').next().unwrap_or_default();
    name == wanted || (!wanted.contains('[') && base == wanted)
}

/// Whether a field is the mark of a form; `*` at the mark's end is any ending. A button that is a picture sends its name with `.x` and
/// `.y` behind it, and PrestaShop takes both for the button.
pub(crate) fn is_mark(name: &str, mark: &str) -> bool {
    match mark.strip_suffix('*') {
        Some(start) => field_name(name).starts_with(&field_name(start)),
        None => is_field(name, mark),
    }
}

/// The widest form of a field's name.
fn field_name(raw: &str) -> String {
    let raw = raw.split('\0').next().unwrap_or_default().trim();
    let is_open = raw.contains('[') && !raw.contains(']');
    let mut out = String::with_capacity(raw.len());
    for sign in raw.chars().filter(|sign| !sign.is_control()) {
        match sign {
            '[' if is_open => out.push('_'),
            ' ' if out.contains('[') => {}
            ' ' | '.' => out.push('_'),
            other => out.extend(other.to_lowercase()),
        }
    }
    // What comes behind the last bracket is passed over.
    match out.rfind(']') {
        Some(end) => out.get(..=end).unwrap_or_default().to_owned(),
        None => out,
    }
}

/// What stands between two texts.
pub(crate) fn between<'t>(text: &'t str, [before, after]: &[String; 2]) -> Option<&'t str> {
    let (_, rest) = text.split_once(before.as_str())?;
    rest.split_once(after.as_str()).map(|(found, _)| found)
}

/// The five entities that forms write, and numbers.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        let end = rest.find(';').filter(|end| *end <= 10);
        let sign = end.and_then(|end| entity(rest.get(1..end).unwrap_or_default()));
        match (sign, end) {
            (Some(sign), Some(end)) => {
                out.push(sign);
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            _ => {
                out.push('&');
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

/// The attributes of each `<input` of a page, in order.
pub(crate) fn inputs(page: &str) -> impl Iterator<Item = Vec<(String, String)>> + '_ {
    let mut rest = page;
    std::iter::from_fn(move || {
        loop {
            let at = find_ignoring_case(rest, "<input")?;
            rest = rest.get(at + 6..)?;
            let end = rest.find('>').unwrap_or(rest.len());
            let tag = rest.get(..end)?;
            if tag.starts_with(|c: char| c.is_ascii_whitespace() || c == '/') {
                return Some(attributes(tag));
            }
        }
    })
}

/// The boxes to tick of a page, each once, and what is sent when they are.
pub(crate) fn boxes(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for input in inputs(page).take(200) {
        let of =
            |wanted: &str| input.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let is_box = of("type").is_some_and(|kind| kind.eq_ignore_ascii_case("checkbox"));
        let Some(name) = of("name").filter(|name| is_box && found.iter().all(|(known, _)| known != name))
        else {
            continue;
        };
        found.push((name.to_owned(), of("value").unwrap_or("on").to_owned()));
    }
    found
}

/// A form of a page, as far as a sign-in is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Where it is sent, as it is written.
    pub action: String,
    /// The same as a path.
    pub path: String,
    pub is_post: bool,
    /// Name and type of each named field, in order.
    fields: Vec<(String, String)>,
}

impl Form {
    /// Names of the fields for passwords.
    pub fn passwords(&self) -> Vec<String> {
        self.fields.iter().filter(|(_, kind)| kind == "password").map(|(name, _)| name.clone()).collect()
    }

    /// The last field for text before another.
    pub fn name_before(&self, other: &str) -> Option<String> {
        let before = self.fields.iter().take_while(|(name, _)| name != other);
        let typed = before.filter(|(_, kind)| matches!(kind.as_str(), "" | "text" | "email" | "tel"));
        typed.last().map(|(name, _)| name.clone())
    }

    /// Names of the boxes to tick of which none came along: of a box and the hidden field beside it that says that it is not
    /// ticked, both come when it is.
    pub fn unticked(&self, sent: &[String]) -> Vec<String> {
        let count =
            |name: &str, all: &mut dyn Iterator<Item = &String>| all.filter(|one| *one == name).count();
        let boxes = self.fields.iter().filter(|(_, kind)| kind == "checkbox").map(|(name, _)| name);
        let is_less = |name: &&String| {
            let here = count(name, &mut self.fields.iter().map(|(name, _)| name));
            count(name, &mut sent.iter()) < here
        };
        boxes.filter(is_less).cloned().collect()
    }

    pub fn names(&self) -> Vec<String> {
        self.fields.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// The forms of the page at `path`.
pub(crate) fn forms<'p>(page: &'p str, path: &'p str) -> impl Iterator<Item = Form> + 'p {
    let mut rest = page;
    std::iter::from_fn(move || {
        let at = find_ignoring_case(rest, "<form")?;
        rest = rest.get(at + 5..)?;
        let end = find_ignoring_case(rest, "</form").unwrap_or(rest.len());
        let (whole, left) = rest.split_at_checked(end)?;
        rest = left;
        let head = attributes(whole.split('>').next().unwrap_or_default());
        let of = |attributes: &[(String, String)], key: &str| {
            attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
        };
        let action = of(&head, "action").unwrap_or_default();
        let place = Address::read(&action, path).map_or_else(|| path.to_owned(), |to| to.path);
        let fields = inputs(whole).take(200).filter_map(|input| {
            let kind = of(&input, "type").unwrap_or_default().to_ascii_lowercase();
            Some((of(&input, "name")?, kind))
        });
        Some(Form {
            action,
            path: place,
            is_post: of(&head, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")),
            fields: fields.collect(),
        })
    })
}

/// The addresses of a page's links, as they are written.
pub(crate) fn links(page: &str) -> impl Iterator<Item = &str> + '_ {
    page.split("href=").skip(1).map(|rest| attribute_value(rest).0)
}

pub(crate) fn find_ignoring_case(text: &str, word: &str) -> Option<usize> {
    text.as_bytes().windows(word.len()).position(|w| w.eq_ignore_ascii_case(word.as_bytes()))
}

fn attributes(tag: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = tag.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
    while !rest.is_empty() && found.len() < 64 {
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '=' || c == '/').unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default().to_ascii_lowercase();
        rest = rest.get(end..).unwrap_or_default().trim_start();
        let mut value = String::new();
        if let Some(behind) = rest.strip_prefix('=') {
            let (raw, left) = attribute_value(behind.trim_start());
            value = unescape(raw);
            rest = left;
        }
        if !name.is_empty() {
            found.push((name, value));
        }
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
    }
    found
}

fn attribute_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.split_once(quote).unwrap_or((inside, ""));
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(text.len());
    text.split_at(end)
}

/// The `value` of the first input of this name.
pub(crate) fn field_value(page: &str, name: &str) -> Option<String> {
    let of = |input: &[(String, String)], key: &str| {
        input.iter().find(|(n, _)| n == key).map(|(_, value)| value.clone())
    };
    inputs(page).find(|input| of(input, "name").as_deref() == Some(name)).and_then(|i| of(&i, "value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_entities_are_decoded_once() {
        let fields: Vec<_> = form_fields(b"log=ella%40x.example&pwd=a+b%2Bc%26&&flag").collect();
        let expected = [("log", "ella@x.example"), ("pwd", "a b+c&"), ("flag", "")];
        assert_eq!(fields, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(unescape("a&amp;b&#39;&#x40;&unknown;&"), "a&b'@&unknown;&");
        assert_eq!(decode(b"%zz%4", b'+'), "%zz%4");
    }

    #[test]
    fn fields_are_found_however_php_spells_them() {
        for (name, wanted, expected) in [
            ("log", "log", true),
            ("  log", "log", true),
            ("\tlog", "log", true),
            ("log\0x", "log", true),
            ("log[]", "log", true),
            ("LOG", "log", true),
            ("login username", "login_username", true),
            ("login.username", "login_username", true),
            ("login[username", "login_username", true),
            ("login[username]", "login[username]", true),
            (" login[ username]x", "login[username]", true),
            ("login[password]", "login[username]", false),
            ("login", "login[username]", false),
            ("logo", "log", false),
            ("x_log", "log", false),
        ] {
            assert_eq!(is_field(name, wanted), expected, "{name:?} {wanted}");
        }
    }

    #[test]
    fn a_mark_may_have_any_ending() {
        for (name, mark, expected) in [
            ("submitLogin", "submitLogin*", true),
            ("submitLogin_x", "submitLogin*", true),
            (" submitLogin.y", "submitLogin*", true),
            ("submitlogin[0]", "submitLogin*", true),
            ("submitLogi", "submitLogin*", false),
            ("submitLogin_x", "submitLogin", false),
        ] {
            assert_eq!(is_mark(name, mark), expected, "{name} {mark}");
        }
    }

    #[test]
    fn inputs_are_found_however_they_are_written() {
        let page = r#"<INPUT type=text name='a' value="1&amp;2"><inputx name=b value=no><input value=3 name=b disabled/>"#;
        assert_eq!(field_value(page, "a").as_deref(), Some("1&2"));
        assert_eq!(field_value(page, "b").as_deref(), Some("3"));
        assert_eq!(field_value(page, "c"), None);
        assert_eq!(field_value("<input name=d", "d"), None);
        let found: Vec<_> = links("<a href=/out>Out</a><a href='/x y'>X</a><a href=/z class=b>").collect();
        assert_eq!(found, ["/out", "/x y", "/z"]);
    }
}
