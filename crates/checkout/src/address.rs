//! Addresses as the inventory has them: whole, in one spelling, without a query or a fragment, which may hold anybody's data.

/// Longer ones are cut.
const MOST_BYTES: usize = 300;

/// Where a page is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'a> {
    /// Host with the port that browsers use.
    pub authority: &'a str,
    pub path: &'a str,
}

/// A URL that stands in a page, as a browser reads it (URL Standard, as far as pages go); nothing for one without a host. What is
/// written into the page (`data:`) or made in it (`blob:`) keeps its scheme alone.
pub(crate) fn resolve(base: Base<'_>, written: &str) -> Option<String> {
    let written: String = written.trim().chars().filter(|sign| !matches!(sign, '\t' | '\n' | '\r')).collect();
    let (scheme, rest) =
        scheme_of(&written).map_or(("https", written.as_str()), |(scheme, rest)| (scheme, rest));
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "https" | "http" => {}
        "data" | "blob" => return Some(format!("{scheme}:")),
        _ => return None,
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default().replace('\\', "/");
    let is_absolute = scheme_of(&written).is_some();
    if is_absolute || rest.starts_with("//") {
        let rest = rest.trim_start_matches('/');
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let authority = host_of(&scheme, authority)?;
        return Some(cut(&format!("{scheme}://{authority}{}", folded(path))));
    }
    let authority = host_of("https", base.authority)?;
    let path = match rest.as_str() {
        "" => base.path.to_owned(),
        whole if whole.starts_with('/') => rest,
        _ => format!("{}/{rest}", base.path.rsplit_once('/').map_or("", |(folder, _)| folder)),
    };
    Some(cut(&format!("https://{authority}{}", folded(&path))))
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

/// Lower case, without the scheme's own port, without credentials.
fn host_of(scheme: &str, authority: &str) -> Option<String> {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    if authority.is_empty() || authority.len() > 260 || !authority.bytes().all(is_plain) {
        return None;
    }
    let own = if scheme == "https" { ":443" } else { ":80" };
    Some(authority.strip_suffix(own).unwrap_or(&authority).to_owned())
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
            ("data:text/javascript,steal()", "data:"),
            ("blob:https://shop.example/1", "blob:"),
        ] {
            assert_eq!(resolve(base, written).as_deref(), Some(expected), "{written}");
        }
        for written in [
            "javascript:steal()",
            "chrome-extension://abc/x.js",
            "https://",
            "//",
            "https://a b/x",
            "about:blank",
        ] {
            assert_eq!(resolve(base, written), None, "{written}");
        }
        assert!(resolve(base, &format!("/{}", "x".repeat(9_000))).unwrap().len() <= MOST_BYTES);
    }

    #[test]
    fn its_parts() {
        assert_eq!(origin("https://a.example:1/b/c"), Some("https://a.example:1"));
        assert_eq!(origin("data:"), None);
        assert_eq!((host("https://a.example/b"), path("https://a.example/b")), ("a.example", "/b"));
        assert_eq!((host("inline"), path("inline")), ("", ""));
    }
}
