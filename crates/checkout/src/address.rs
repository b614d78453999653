//! Addresses as the inventory has them: in one spelling, without a query or a fragment, which may hold anybody's data, and without the parts
//! that look like somebody's.

mod personal;

/// Longer ones are cut.
const MOST_BYTES: usize = 300;

/// Where a page is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'a> {
    /// Host with the port that browsers use.
    pub authority: &'a str,
    pub path: &'a str,
}

/// The address of a script, or of what a browser names beside one, with all that stands in it. Whatever is kept, told or compared of it goes through [`Whole::kept`] or [`Whole::plain`], so that
/// nothing behind can forget it.
pub(crate) struct Whole(String);

impl Whole {
    /// Without what looks like somebody's.
    pub(crate) fn plain(&self) -> String {
        cut(&personal::without(&self.0))
    }

    /// The same, but for an address that somebody approved as it is: what runs by it shall be found by it.
    pub(crate) fn kept(&self, is_approved: impl Fn(&str) -> bool) -> String {
        let plain = self.plain();
        let before = cut(&self.0);
        if plain != before && is_approved(&before) { before } else { plain }
    }

    /// For what goes on in the page alone: addresses below its `base`.
    pub(crate) fn within_page(self) -> String {
        self.0
    }

    pub(crate) fn host(&self) -> &str {
        host(&self.0)
    }

    pub(crate) fn path(&self) -> &str {
        path(&self.0)
    }
}

/// Scheme, host and port without what looks like somebody's.
pub(crate) fn plain_origin(address: &str) -> String {
    cut(&personal::without(origin(address).unwrap_or(address)))
}

/// Host and port, and a path there, without what looks like somebody's.
pub(crate) fn plain_place(host: &str, path: &str) -> (String, String) {
    personal::told_without(host, path)
}

/// Whether something was cut out of an address: it leads nowhere.
pub(crate) fn is_cut(address: &str) -> bool {
    personal::is_cut(address)
}

/// Whether a row's address leads where a browser went: nothing was cut out of it, and nothing has to be.
pub(crate) fn is_whole(address: &str) -> bool {
    !is_cut(address) && personal::without(address) == address
}

/// A URL that stands in a page, as a browser reads it (URL Standard, as far as pages go); nothing for one without a host that can be
/// read here. What is written into the page (`data:`) or made in it (`blob:`) keeps its scheme alone.
pub(crate) fn resolve(base: Base<'_>, written: &str) -> Option<Whole> {
    from(("https", base.authority, base.path), written).map(Whole)
}

/// The same below the address that a page's `base` names.
pub(crate) fn resolve_below(base: &str, written: &str) -> Option<Whole> {
    let scheme = base.split_once("://").map_or("https", |(scheme, _)| scheme);
    from((scheme, host(base), path(base)), written).map(Whole)
}

/// How an address is named that a browser may read and Storeward does not (a host of other letters than ASCII): as it is written; nothing
/// for one that no browser fetches.
pub(crate) fn unresolved(written: &str) -> Option<Whole> {
    let written = clean(written);
    let is_fetched = |scheme: &str| ["https", "http"].iter().any(|own| scheme.eq_ignore_ascii_case(own));
    if scheme_of(&written).is_some_and(|(scheme, _)| !is_fetched(scheme)) {
        return None;
    }
    let kept = written.split(['?', '#']).next().unwrap_or_default();
    // Without credentials.
    let at = kept.find("//").map_or(0, |at| at + 2);
    let (start, kept) = kept.split_at(at);
    let end = kept.find('/').unwrap_or(kept.len());
    let host = kept.get(..end).unwrap_or_default().rsplit('@').next().unwrap_or_default();
    let kept = format!("{start}{host}{}", kept.get(end..).unwrap_or_default());
    let plain = |sign: u8| match sign {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'%' => {
            char::from(sign).to_string()
        }
        other => format!("%{other:02X}"),
    };
    (!written.is_empty()).then(|| Whole(format!("unread:{}", kept.bytes().map(plain).collect::<String>())))
}

/// Without what browsers leave out: blanks and control signs around it, tabs and line ends in it.
fn clean(written: &str) -> String {
    let written = written.trim_matches(|sign| sign <= ' ');
    written.chars().filter(|sign| !matches!(sign, '\t' | '\n' | '\r')).collect()
}

fn from((base_scheme, base_authority, base_path): (&str, &str, &str), written: &str) -> Option<String> {
    let written = clean(written);
    let named = scheme_of(&written).map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let (scheme, rest) = match &named {
        Some((scheme, rest)) => (scheme.as_str(), *rest),
        None => (base_scheme, written.as_str()),
    };
    match scheme {
        "https" | "http" => {}
        "data" | "blob" => return Some(format!("{scheme}:")),
        _ => return None,
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default().replace('\\', "/");
    // With the base's own scheme and without slashes behind it, it is relative all the same.
    let is_absolute = scheme != base_scheme || rest.starts_with("//");
    if is_absolute {
        let rest = rest.trim_start_matches('/');
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let authority = host_of(scheme, authority)?;
        return Some(format!("{scheme}://{authority}{}", folded(path)));
    }
    let authority = host_of(scheme, base_authority)?;
    let path = match rest.as_str() {
        "" => base_path.to_owned(),
        whole if whole.starts_with('/') => rest,
        _ => format!("{}/{rest}", base_path.rsplit_once('/').map_or("", |(folder, _)| folder)),
    };
    Some(format!("{scheme}://{authority}{}", folded(&path)))
}

/// Scheme, host and port of an address.
pub(crate) fn origin(address: &str) -> Option<&str> {
    let at = address.find("://")? + 3;
    let end = address.get(at..)?.find('/').map_or(address.len(), |more| at + more);
    address.get(..end)
}

/// Host and port.
pub(crate) fn host(address: &str) -> &str {
    origin(address).and_then(|origin| origin.split_once("://")).map_or("", |(_, host)| host)
}

/// The path behind it.
pub(crate) fn path(address: &str) -> &str {
    origin(address).and_then(|origin| address.get(origin.len()..)).unwrap_or_default()
}

fn scheme_of(written: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = written.split_once(':')?;
    let is_scheme = scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    is_scheme.then_some((scheme, rest))
}

/// Lower case, its escapes read, without the scheme's own port, without credentials.
fn host_of(scheme: &str, authority: &str) -> Option<String> {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
            (name, port.trim_start_matches('0'))
        }
        _ => (authority, ""),
    };
    let name = unescaped(name)?.to_ascii_lowercase();
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let is_v6 = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
    let is_host = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.bytes().all(is_v6),
        None => name.bytes().all(is_plain),
    };
    if name.is_empty() || name.len() > 260 || !is_host {
        return None;
    }
    // No browser goes to another, and its digits may be anybody's.
    let port = port.parse::<u16>().map_or("", |_| port);
    let own = if scheme == "https" { "443" } else { "80" };
    Some(if port.is_empty() || port == own { name } else { format!("{name}:{port}") })
}

/// `%31` is `1` in a host.
fn unescaped(name: &str) -> Option<String> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [sign, behind @ ..] = rest {
        rest = behind;
        let digit = |at: usize| behind.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (sign, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).ok()?);
                rest = &behind[2..];
            }
            _ => out.push(*sign),
        }
    }
    String::from_utf8(out).ok()
}

/// Without `.` and `..`, and without what a policy's grammar would take for an end of its own.
fn folded(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut is_folder = false;
    for part in path.split('/').skip(1) {
        is_folder = matches!(part, "" | "." | "..");
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            "" => {}
            part => parts.push(part),
        }
    }
    let mut out = String::with_capacity(path.len());
    for part in &parts {
        out.push('/');
        for sign in part.bytes() {
            match sign {
                b';' => out.push_str("%3B"),
                b',' => out.push_str("%2C"),
                b' ' | b'"' | b'\'' | b'<' | b'>' | b'`' | 0..=0x1f | 0x7f..=0xff => {
                    out.push_str(&format!("%{sign:02X}"));
                }
                other => out.push(char::from(other)),
            }
        }
    }
    if is_folder || parts.is_empty() {
        out.push('/');
    }
    out
}

fn cut(address: &str) -> String {
    // Escaped to ASCII above.
    address.chars().take(MOST_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(whole: Option<Whole>) -> Option<String> {
        whole.map(|whole| whole.plain())
    }

    // An approval that stands goes on to hold where its address would be cut today.
    #[test]
    fn what_was_approved_keeps_its_address() {
        let base = Base { authority: "shop.example", path: "/checkout" };
        let whole = resolve(base, "/js/4242424242424242/a.js").unwrap();
        assert_eq!(whole.kept(|_| false), "https://shop.example/js/*/a.js");
        let approved = "https://shop.example/js/4242424242424242/a.js";
        assert_eq!(whole.kept(|address| address == approved), approved);
        assert!(!is_whole(approved) && !is_whole("https://shop.example/js/*/a.js"));
        assert!(is_whole("https://shop.example/js/a.js") && is_whole("data:"));
    }

    #[test]
    fn addresses_have_one_spelling_and_no_query() {
        let base = Base { authority: "Shop.example:8443", path: "/checkout/step/2" };
        for (written, expected) in [
            ("/a.js", "https://shop.example:8443/a.js"),
            ("a.js?customer=7", "https://shop.example:8443/checkout/step/a.js"),
            ("../a.js", "https://shop.example:8443/checkout/a.js"),
            ("//cdn.example/x/./y/../a.js#z", "https://cdn.example/x/a.js"),
            ("HTTPS://CDN.example:443/A.js", "https://cdn.example/A.js"),
            ("http://cdn.example:80", "http://cdn.example/"),
            ("https:\\\\cdn.example\\a.js", "https://cdn.example/a.js"),
            (" https://cdn.example/\ta;b,c.js ", "https://cdn.example/a%3Bb%2Cc.js"),
            ("https://user:password@cdn.example/a.js", "https://cdn.example/a.js"),
            ("https://js.stripe.com/v3/", "https://js.stripe.com/v3/"),
            ("https://cdn.example/café.js", "https://cdn.example/caf%C3%A9.js"),
            ("?x", "https://shop.example:8443/checkout/step/2"),
            ("http://127.0.0.%31:0080/a.js", "http://127.0.0.1/a.js"),
            ("//%63dn.%65xample:/a.js", "https://cdn.example/a.js"),
            ("\u{1} //cdn.example/a.js", "https://cdn.example/a.js"),
            ("https:a.js", "https://shop.example:8443/checkout/step/a.js"),
            ("https:/a.js", "https://shop.example:8443/a.js"),
            ("http:cdn.example/a.js", "http://cdn.example/a.js"),
            ("https://[::1]:8443/a.js", "https://[::1]:8443/a.js"),
            ("https://cdn.example:65535/a.js", "https://cdn.example:65535/a.js"),
            ("https://evg1.example:4242424242424242/a.js", "https://evg1.example/a.js"),
            ("https://evg1.example:65536", "https://evg1.example/"),
            ("data:text/javascript,steal()", "data:"),
            ("blob:https://shop.example/1", "blob:"),
        ] {
            assert_eq!(plain(resolve(base, written)).as_deref(), Some(expected), "{written}");
        }
        for written in [
            "javascript:steal()",
            "chrome-extension://abc/x.js",
            "https://",
            "//",
            "https://a b/x",
            "https://b\u{fc}cher.example/x.js",
            "https://b%C3%BCcher.example/x.js",
            "https://a%2Fb/x",
            "https://a%3A80/x",
            "about:blank",
        ] {
            assert_eq!(plain(resolve(base, written)), None, "{written}");
        }
        assert!(plain(resolve(base, &format!("/{}", "x/".repeat(4_500)))).unwrap().len() <= MOST_BYTES);
    }

    #[test]
    fn what_a_base_names_counts_and_what_is_not_read_is_named_as_it_is_written() {
        for (base, written, expected) in [
            ("http://evil.example/a/", "x.js", "http://evil.example/a/x.js"),
            ("http://evil.example/a/", "//cdn.example/x.js", "http://cdn.example/x.js"),
            ("http://evil.example:81/a/", "http:x.js", "http://evil.example:81/a/x.js"),
            ("http://evil.example/a/", "https:x.js", "https://x.js/"),
            ("https://evil.example/", "/x.js", "https://evil.example/x.js"),
        ] {
            assert_eq!(plain(resolve_below(base, written)).as_deref(), Some(expected), "{base} {written}");
        }
        for (written, expected) in [
            (
                " https://me@b\u{fc}cher.example/x.js?customer=7",
                Some("unread:https://b%C3%BCcher.example/x.js"),
            ),
            ("//b;,'\u{fc}/x", Some("unread://b%3B%2C%27%C3%BC/x")),
            ("javascript:steal('x');", None),
            (" ", None),
        ] {
            assert_eq!(plain(unresolved(written)).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn its_parts() {
        assert_eq!(origin("https://a.example:1/b/c"), Some("https://a.example:1"));
        assert_eq!(origin("data:"), None);
        assert_eq!((host("https://a.example/b"), path("https://a.example/b")), ("a.example", "/b"));
        assert_eq!((host("inline"), path("inline")), ("", ""));
    }
}
