//! Our cookies on the shop's host: the browser sends them with every request, and the shop neither sees nor sets one.

use bytes::BytesMut;
use http::{HeaderMap, HeaderValue, header};
use storeward_host::OWN_COOKIES;

/// Takes the pairs of our cookies out of a `Cookie` line.
pub fn hide(line: &mut BytesMut) {
    let bytes: &[u8] = line;
    if !bytes.split(|byte| *byte == b';').any(begins_as_ours) {
        return;
    }
    let mut left = BytesMut::with_capacity(bytes.len());
    for pair in bytes.split(|byte| *byte == b';').filter(|pair| !begins_as_ours(pair)) {
        if !left.is_empty() {
            left.extend_from_slice(b"; ");
        }
        left.extend_from_slice(pair.trim_ascii());
    }
    *line = left;
}

/// Takes lines that set one of ours out of the shop's answer: a session that somebody planted would be taken for ours.
pub fn refuse(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::SET_COOKIE);
    if !lines.iter().any(|line| begins_as_ours(line.as_bytes())) {
        return;
    }
    let left: Vec<HeaderValue> =
        lines.iter().filter(|line| !begins_as_ours(line.as_bytes())).cloned().collect();
    headers.remove(header::SET_COOKIE);
    for line in left {
        headers.append(header::SET_COOKIE, line);
    }
}

/// Names differ in case to servers, but the prefix does not to browsers (RFC 6265bis 5.7).
fn begins_as_ours(pair: &[u8]) -> bool {
    let name = pair.trim_ascii_start().get(..OWN_COOKIES.len());
    name.is_some_and(|start| start.eq_ignore_ascii_case(OWN_COOKIES.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ours_are_hidden() {
        for (line, left) in [
            ("a=1; b=2", "a=1; b=2"),
            ("__Host-storeward-shop=x", ""),
            ("a=1; __Host-storeward-shop=x;b=2", "a=1; b=2"),
            ("__host-Storeward-device=x; a=__Host-storeward-shop=1", "a=__Host-storeward-shop=1"),
            ("  __Host-storeward-customer=x  ; a=1", "a=1"),
            ("__Host-storewar=x; __Host-store=1", "__Host-storewar=x; __Host-store=1"),
        ] {
            let mut found = BytesMut::from(line);
            hide(&mut found);
            assert_eq!(String::from_utf8_lossy(&found), left, "{line}");
        }
    }

    #[test]
    fn the_shop_sets_none_of_ours() {
        let mut headers = HeaderMap::new();
        for line in
            ["sid=1; Path=/", " __Host-storeward-customer=x; Path=/; Secure", "__HOST-STOREWARD-shop="]
        {
            headers.append(header::SET_COOKIE, HeaderValue::from_static(line));
        }
        refuse(&mut headers);
        assert_eq!(headers.get_all(header::SET_COOKIE).iter().collect::<Vec<_>>(), ["sid=1; Path=/"]);
    }
}
