//! Queries, url-encoded forms and cookies.

use super::url::{url_decode, url_decode_into};
use crate::values::{Collection, Fact, Values};

/// Reads `name=value&...`; past the limit on arguments the rest is kept as one undivided value.
pub(crate) fn form(source: &[u8], args: Collection, names: Collection, values: &mut Values) {
    let mut rest = Some(source);
    while let Some(text) = rest {
        if text.is_empty() {
            return;
        }
        if values.is_full() {
            values.fact(Fact::TooManyArguments);
            values.push_decoded(args, b"", |out| url_decode_into(text, out));
            return;
        }
        let (pair, left) = split_once(text, b'&');
        rest = left;
        if !pair.is_empty() {
            argument(pair, args, names, values);
        }
    }
}

fn argument(pair: &[u8], args: Collection, names: Collection, values: &mut Values) {
    let (name, value) = split_once(pair, b'=');
    let mut decoded_name = Vec::with_capacity(name.len());
    let mut bad = url_decode(name, &mut decoded_name);
    values.push(names, &decoded_name, &decoded_name);
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        values.push_decoded(args, &decoded_name, |out| bad += url_decode(value, out));
    }
    if bad > 0 {
        values.fact(Fact::BadUrlEncoding);
    }
}

/// Reads one `Cookie` field (RFC 6265 section 4.2.1), values percent-decoded as shops do.
pub(crate) fn cookies(source: &[u8], values: &mut Values) {
    for pair in source.split(|byte| *byte == b';') {
        let (name, value) = split_once(pair.trim_ascii(), b'=');
        if name.is_empty() && value.is_none() {
            continue;
        }
        if values.is_full() {
            values.fact(Fact::TooManyArguments);
            values.push(Collection::RequestCookies, b"", source);
            return;
        }
        values.push(Collection::RequestCookiesNames, name, name);
        if let Some(value) = value {
            values.push_decoded(Collection::RequestCookies, name, |out| url_decode_into(value, out));
        }
    }
}

pub(crate) fn looks_like_form(source: &[u8]) -> bool {
    let name =
        source.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.[]%".contains(byte)).count();
    name > 0 && source.get(name) == Some(&b'=')
}

fn split_once(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(at, text) {
        Some(place) => (text.get(..place).unwrap_or_default(), text.get(place + 1..)),
        None => (text, None),
    }
}
