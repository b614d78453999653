//! XML, simply: text, CDATA and attribute values. Entities are not expanded, only looked for by rules.

use super::html_decode;
use crate::values::{Collection, Fact, Values};

pub(crate) fn xml(source: &[u8], values: &mut Values) {
    values.push(Collection::XmlDocument, b"", source);
    let mut rest = source;
    while !rest.is_empty() {
        if values.is_full() {
            values.fact(Fact::TooManyArguments);
            values.push(Collection::Xml, b"", rest);
            return;
        }
        let open = memchr::memchr(b'<', rest).unwrap_or(rest.len());
        let (text, markup) = rest.split_at(open);
        if !text.trim_ascii().is_empty() {
            values.push_decoded(Collection::Xml, b"", |out| html_decode(text.trim_ascii(), out));
        }
        rest = match markup.strip_prefix(b"<![CDATA[") {
            Some(inside) => {
                let end = memchr::memmem::find(inside, b"]]>").unwrap_or(inside.len());
                values.push(Collection::Xml, b"", inside.get(..end).unwrap_or_default());
                inside.get(end + 3..).unwrap_or_default()
            }
            None => tag(markup, values),
        };
    }
}

fn tag<'s>(markup: &'s [u8], values: &mut Values) -> &'s [u8] {
    let end = memchr::memchr(b'>', markup).map_or(markup.len(), |place| place + 1);
    let (inside, rest) = markup.split_at(end);
    let mut left = inside;
    while let Some(equals) = memchr::memchr(b'=', left) {
        let name = left.get(..equals).unwrap_or_default().trim_ascii();
        let name = name.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
        let after = left.get(equals + 1..).unwrap_or_default().trim_ascii_start();
        let Some((quote, quoted)) = after.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))
        else {
            left = after;
            continue;
        };
        let length = memchr::memchr(*quote, quoted).unwrap_or(quoted.len());
        let value = quoted.get(..length).unwrap_or_default();
        values.push_decoded(Collection::XmlAttributes, name, |out| html_decode(value, out));
        left = quoted.get(length + 1..).unwrap_or_default();
    }
    rest
}
