//! What a body is by its `Content-Type`, read so strictly that no shop can read it otherwise.
//!
//! PHP cuts the line at `;`, `,` or a blank and looks for the word `boundary` anywhere in it; Django decodes names by its `charset`;
//! Rack takes a body without the line for a form. What they could differ on is in doubt, and never "no form".

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind<'t> {
    /// `application/x-www-form-urlencoded`, or nothing said.
    Pairs,
    /// `multipart/form-data`, with its boundary.
    Parts(&'t str),
    /// Plainly something else, such as JSON.
    Other,
    /// Shops could read it in several ways, or nobody can read the line.
    Doubtful,
}

/// In these the names of fields are the same bytes as in UTF-8. Java's and Windows' libraries name them.
const PLAIN_CHARSETS: [&str; 6] = ["utf-8", "utf8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"];

impl<'t> Kind<'t> {
    /// `line` is empty where there is none. Of several lines it has to be all of them, with a line end between.
    pub(crate) fn of(line: &'t str) -> Kind<'t> {
        if !line.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Kind::Doubtful;
        }
        if line.is_empty() {
            return Kind::Pairs;
        }
        let lower = line.to_ascii_lowercase();
        let essence = line.split(';').next().unwrap_or_default();
        if lower.contains("multipart") || lower.contains("boundary") {
            return boundary(line).map_or(Kind::Doubtful, Kind::Parts);
        }
        if lower.contains("urlencoded") {
            let is_one = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
            return if is_one && has_plain_charset(line) { Kind::Pairs } else { Kind::Doubtful };
        }
        if essence.bytes().all(|byte| is_token(byte) || byte == b'/') { Kind::Other } else { Kind::Doubtful }
    }
}

/// Whether a body may be a form to the shop.
pub fn is_form(content_type: &str) -> bool {
    Kind::of(content_type) != Kind::Other
}

/// The parameters behind the type. `None` where one of them has no name or has blanks but before it.
fn parameters(line: &str) -> Option<Vec<(&str, &str)>> {
    let parameter = |text| str::trim_start_matches(text, ' ').split_once('=');
    line.split(';').skip(1).map(parameter).collect()
}

/// Whether nothing stands behind the type but a charset, once, that changes no field's name and no ASCII text.
pub(crate) fn has_plain_charset(line: &str) -> bool {
    // Some libraries end the line so.
    let line = line.strip_suffix(';').unwrap_or(line);
    match parameters(line).as_deref() {
        Some([]) => true,
        Some([(name, value)]) => {
            name.eq_ignore_ascii_case("charset") && is_plain_charset(value, &PLAIN_CHARSETS)
        }
        Some(_) | None => false,
    }
}

fn is_plain_charset(value: &str, known: &[&str]) -> bool {
    let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    known.iter().any(|known| inside.eq_ignore_ascii_case(known))
}

/// Of `multipart/form-data; boundary=…`: that parameter once, in that spelling, and `charset=utf-8` at most once; in signs that
/// end it nowhere (RFC 2046 section 5.1.1, without those that PHP cuts at).
fn boundary(line: &str) -> Option<&str> {
    if !line.split(';').next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let (mut found, mut charset) = (None, None);
    for (name, value) in parameters(line)? {
        let place = match name {
            "boundary" => &mut found,
            _ if name.eq_ignore_ascii_case("charset") && is_plain_charset(value, &["utf-8"]) => &mut charset,
            _ => return None,
        };
        if place.replace(value).is_some() {
            return None;
        }
    }
    let value: &str = found?;
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => value,
    };
    let fits = (1..=70).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"'()+_-./:=?".contains(&b));
    fits.then_some(value)
}

/// RFC 9110 section 5.6.2, without the single quote.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~*%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libraries_send_is_no_doubt() {
        for (line, kind) in [
            ("", Kind::Pairs),
            ("application/x-www-form-urlencoded", Kind::Pairs),
            ("application/x-www-form-urlencoded;", Kind::Pairs),
            ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", Kind::Pairs),
            ("application/x-www-form-urlencoded;charset=\"utf-8\"", Kind::Pairs),
            ("application/x-www-form-urlencoded; charset=ISO-8859-1", Kind::Pairs),
            (
                "multipart/form-data; boundary=----WebKitFormBoundary7MA4YW",
                Kind::Parts("----WebKitFormBoundary7MA4YW"),
            ),
            ("multipart/form-data; boundary=\"a b\"", Kind::Doubtful),
            ("multipart/form-data; boundary=\"ab\"", Kind::Parts("ab")),
            ("multipart/form-data; charset=utf-8; boundary=b", Kind::Parts("b")),
            ("multipart/form-data;boundary=b;charset=UTF-8", Kind::Parts("b")),
            ("application/json", Kind::Other),
            ("application/json; charset=utf-8", Kind::Other),
            ("text/plain;charset=UTF-8", Kind::Other),
            ("application/vnd.api+json", Kind::Other),
            ("json", Kind::Other),
        ] {
            assert_eq!(Kind::of(line), kind, "{line}");
        }
    }

    // One byte that is no ASCII, and the shield read no form at all.
    #[test]
    fn what_nobody_can_read_is_never_no_form() {
        for line in [
            "application/x-www-form-urlencoded;\u{fffd}",
            "application/x-www-form-urlencoded\n application/json",
            "application/x-www-form-urlencoded\t; charset=utf-8",
            "application/x-www-form-urlencoded ",
            "application/x-www-form-urlencoded, application/json",
            "application/json, application/x-www-form-urlencoded",
            "application/json; x=application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=utf-7",
            "application/x-www-form-urlencoded; charset=utf-16",
            "application/x-www-form-urlencoded; charset=utf-8; charset=utf-8",
            "application/x-www-form-urlencoded; charset=utf-8, x",
            "application/x-www-form-urlencoded; x",
            "multipart/form-data; x=\u{fffd}; boundary=AAA",
            "multipart/form-data; x=1; boundary=AAA",
            "multipart/form-data; charset=boundary; charset=BBB; boundary=AAA",
            "multipart/form-data; Boundary=AAA; charset=boundary; charset=BBB",
            "multipart/form-data; charset=utf-8; charset=utf-8; boundary=AAA",
            "multipart/form-data; charset=utf-7; boundary=AAA",
            "multipart/form-data; boundary=AAA ; charset=utf-8",
            "multipart/form-data; boundary =AAA",
            "multipart/form-data; Boundary=AAA",
            "multipart/form-data ; boundary=AAA",
            "application/json; boundary=AAA",
            "\u{fffd}",
            "a b",
        ] {
            assert_eq!(Kind::of(line), Kind::Doubtful, "{line:?}");
            assert!(is_form(line));
        }
    }

    /// Where PHP finds the boundary (main/rfc1867.c, `rfc1867_post_handler`): the first word of that name in the line, the next
    /// equals sign behind it, and the first comma or semicolon, or the other quote, behind that.
    fn as_php_does(line: &str) -> Option<String> {
        let at = line.find("boundary").or_else(|| line.to_ascii_lowercase().find("boundary"))?;
        let rest = &line[at..];
        let value = &rest[rest.find('=')? + 1..];
        let found = match value.strip_prefix('"') {
            Some(inside) => &inside[..inside.find('"')?],
            None => &value[..value.find([',', ';']).unwrap_or(value.len())],
        };
        Some(found.to_owned())
    }

    /// As Python's `parse_header_parameters` of Django: the last of each name, without blanks and quotes.
    fn as_django_does(line: &str) -> Option<String> {
        let all = line.split(';').skip(1).filter_map(|part| part.split_once('='));
        all.filter(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
            .last()
            .map(|(_, value)| value.trim().trim_matches('"').to_owned())
    }

    proptest::proptest! {
        #[test]
        fn a_boundary_is_the_one_that_shops_find(
            pieces in proptest::collection::vec(proptest::sample::select(vec![
                "multipart/form-data", ";", "; ", " ", ",", "=", "\"", "'", "boundary", "Boundary", "charset", "utf-8", "boundary=AAA",
                "charset=utf-8", "charset=boundary", "AAA", "BBB", "x", "-", "\t", "\u{fffd}",
            ]), 0..10)
        ) {
            let line = format!("multipart/form-data{}", pieces.concat());
            if let Kind::Parts(found) = Kind::of(&line) {
                proptest::prop_assert_eq!(as_php_does(&line), Some(found.to_owned()));
                proptest::prop_assert_eq!(as_django_does(&line), Some(found.to_owned()));
            }
        }
    }
}
