//! As much of HTML as is needed to read a page's head, on text that may be hostile: one pass, no recursion, bounded lists.

/// What is taken of a page. Everything but names and colours is lower case.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub generators: Vec<String>,
    /// Addresses of scripts, styles and pictures.
    pub assets: Vec<String>,
    /// Types of scripts, and inline scripts.
    pub scripts: Vec<String>,
    pub title: Option<String>,
    /// Name (or property) and content, decoded, of the other meta tags.
    pub metas: Vec<Meta>,
}

#[derive(Debug)]
pub(super) struct Meta {
    pub name: String,
    pub content: String,
    pub media: String,
}

/// More of one kind are not looked at.
const MOST: usize = 512;

impl Page {
    pub fn read(html: &str) -> Self {
        let mut page = Page::default();
        let lower = html.to_ascii_lowercase();
        let mut at = 0;
        while let Some(found) = lower.get(at..).and_then(|rest| rest.find('<')) {
            let start = at + found;
            match page.take(html, &lower, start) {
                Some(next) => at = next,
                None => break,
            }
        }
        page
    }

    /// Reads what begins with the `<` at `start`; gives where to go on, or nothing when the rest is cut off.
    fn take(&mut self, html: &str, lower: &str, start: usize) -> Option<usize> {
        let rest = lower.get(start..)?;
        if rest.starts_with("<!--") {
            return Some(start + rest.find("-->")? + 3);
        }
        let name_length = rest.bytes().skip(1).take_while(u8::is_ascii_alphanumeric).count();
        let name = rest.get(1..=name_length).unwrap_or_default();
        if name.is_empty() {
            return Some(start + 1);
        }
        let end = start + tag_end(rest)?;
        let attributes = html.get(start + 1 + name_length..end)?;
        let after = end + 1;
        match name {
            "meta" => self.take_meta(attributes),
            "link" => self.take_asset(attributes, "href"),
            "img" => self.take_asset(attributes, "src"),
            "script" => {
                self.take_asset(attributes, "src");
                let kind = attribute(attributes, "type").unwrap_or_default();
                push(&mut self.scripts, kind.to_ascii_lowercase());
                let length = lower.get(after..)?.find("</script")?;
                push(&mut self.scripts, lower.get(after..after + length)?.to_owned());
                return Some(after + length);
            }
            "style" => return Some(after + lower.get(after..)?.find("</style")?),
            "title" => {
                let length = lower.get(after..)?.find("</title")?;
                if self.title.is_none() {
                    self.title = Some(decode(html.get(after..after + length)?));
                }
                return Some(after + length);
            }
            _ => {}
        }
        Some(after)
    }

    fn take_meta(&mut self, attributes: &str) {
        let name = attribute(attributes, "name").or_else(|| attribute(attributes, "property"));
        let (Some(name), Some(content)) = (name, attribute(attributes, "content")) else { return };
        let name = name.trim().to_ascii_lowercase();
        if name == "generator" {
            push(&mut self.generators, content.trim().to_ascii_lowercase());
        } else if self.metas.len() < MOST {
            let media = attribute(attributes, "media").unwrap_or_default().to_ascii_lowercase();
            self.metas.push(Meta { name, content: decode(content), media });
        }
    }

    fn take_asset(&mut self, attributes: &str, name: &str) {
        if let Some(address) = attribute(attributes, name) {
            push(&mut self.assets, address.trim().to_ascii_lowercase());
        }
    }
}

fn push(list: &mut Vec<String>, text: String) {
    if list.len() < MOST && !text.is_empty() {
        list.push(text);
    }
}

/// Where the `>` of a tag stands; one in quotes does not end it.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// The raw value of an attribute; the first one of that name counts, as in browsers.
fn attribute<'a>(attributes: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/' || c == '=');
        if rest.is_empty() {
            return None;
        }
        let end =
            rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, next) = match after.trim_ascii_start().strip_prefix('=') {
            Some(after) => split_value(after.trim_ascii_start()),
            None => ("", after),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = next;
    }
}

/// A value and what stands behind it.
fn split_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split_once(quote).unwrap_or((inner, ""));
        }
    }
    text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len()))
}

/// Replaces character references: numbers, and the names that shops' titles hold.
pub(super) fn decode(text: &str) -> String {
    const LONGEST: usize = 10;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let name =
            after.get(..after.floor_char_boundary(LONGEST)).and_then(|t| t.split_once(';')).map(|(n, _)| n);
        match name.and_then(|name| Some((reference(name)?, name.len() + 1))) {
            Some((c, length)) => {
                out.push(c);
                rest = after.get(length..).unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn reference(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?);
    }
    const NAMES: [(&str, char); 32] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("ndash", '–'),
        ("mdash", '—'),
        ("middot", '·'),
        ("bull", '•'),
        ("laquo", '«'),
        ("raquo", '»'),
        ("rsquo", '’'),
        ("lsquo", '‘'),
        ("hellip", '…'),
        ("reg", '®'),
        ("trade", '™'),
        ("copy", '©'),
        ("auml", 'ä'),
        ("ouml", 'ö'),
        ("uuml", 'ü'),
        ("Auml", 'Ä'),
        ("Ouml", 'Ö'),
        ("Uuml", 'Ü'),
        ("szlig", 'ß'),
        ("eacute", 'é'),
        ("egrave", 'è'),
        ("agrave", 'à'),
        ("ccedil", 'ç'),
        ("ntilde", 'ñ'),
        ("oslash", 'ø'),
        ("aring", 'å'),
    ];
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, c)| *c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_browsers_do() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(attribute(text, "content"), expected, "{text}");
        check(r#" name="x" content="a > b""#, Some("a > b"));
        check(" CONTENT='a'", Some("a"));
        check(" content=a/b c", Some("a/b"));
        check(" content = \"a\" content=b", Some("a"));
        check(" data-content=x", None);
        check(" title='content=evil'", None);
        check(" content", Some(""));
        check(" content=\"open", Some("open"));
        check("", None);
    }

    #[test]
    fn what_only_looks_like_a_tag_counts_for_nothing() {
        let page = Page::read(
            "<!-- <meta name=generator content='WordPress 6'> --><p>&lt;meta name=generator content=Magento&gt;</p>\
             <script>var x = '<meta name=\"generator\" content=\"PrestaShop\">';</script>\
             <style>/* <link href=/wp-includes/x.css> */</style>\
             <title><meta name=generator content=Shopware></title><a href='/oscar/js/oscar/ui.js'>code</a>",
        );
        assert!(page.generators.is_empty() && page.assets.is_empty(), "{page:?}");
    }

    #[test]
    fn references() {
        assert_eq!(
            decode("Kiln &amp; Co &#8211; T&#xFC;r&uuml; &unknown; & &#x110000; &#0;"),
            "Kiln & Co – Türü &unknown; & &#x110000; \0"
        );
        assert_eq!(decode("&&amp;amp;"), "&&amp;");
    }
}
