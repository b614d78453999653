use std::io::Read as _;

use super::*;

fn map(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn asked(fields: &[(&'static str, &str)]) -> request::Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.headers = map(fields);
    parts
}

fn chosen(asked: &request::Parts, answer: &mut HeaderMap, status: u16, length: Option<usize>) -> bool {
    let names = ["shop.example".to_owned(), "*.shop.example".to_owned()];
    let status = StatusCode::from_u16(status).unwrap();
    Wish::of(asked, true, &names).choose(&Rc::default(), status, answer, length).is_some()
}

fn read(coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(coded).read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn what_the_client_accepts() {
    let check = |line: &str, expected: bool| {
        let mut answer = map(&[("content-type", "text/html")]);
        assert_eq!(chosen(&asked(&[("accept-encoding", line)]), &mut answer, 200, None), expected, "{line}");
        assert_eq!(answer["vary"], "Accept-Encoding", "{line}");
    };
    for yes in
        ["gzip", "br, GZIP;q=0.5", "*", "deflate, gzip;q=1.0, *;q=0.5", "identity;q=0.5, gzip", "x-gzip"]
    {
        check(yes, true);
    }
    for no in
        ["", "br", "identity", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *", "gzip;q=0.5, identity"]
    {
        check(no, false);
    }
    check("gzip;q=nonsense", false);
}

#[test]
fn what_is_left_as_it_is() {
    let gzip = ("accept-encoding", "gzip");
    let html = ("content-type", "text/html; charset=utf-8");
    let check =
        |request: &request::Parts, answer: &[(&'static str, &str)], status: u16, length: Option<usize>| {
            let mut headers = map(answer);
            assert!(!chosen(request, &mut headers, status, length), "{answer:?} {status} {length:?}");
            assert_eq!(headers, map(answer), "not a field is changed");
        };
    let plain = asked(&[gzip]);
    for status in [204, 205] {
        check(&plain, &[html], status, None);
    }
    check(&plain, &[html], 200, Some(999));
    for field in [
        ("content-encoding", "br"),
        ("content-range", "bytes 0-1/2"),
        ("cache-control", "public, No-Transform"),
        ("content-digest", "sha-256=:x:"),
    ] {
        check(&plain, &[html, field], 200, None);
    }
    for kind in ["text/event-stream", "TEXT/event-stream;charset=utf-8", "image/png", "font/woff2", "x", ""] {
        check(&plain, &[("content-type", kind)], 200, None);
    }
    check(&plain, &[], 200, None);
    let mut head = asked(&[gzip]);
    head.method = Method::HEAD;
    check(&head, &[html, ("content-length", "999")], 200, Some(0));
    for picture in [206, 304] {
        check(&plain, &[("content-type", "image/png"), ("etag", "\"1\"")], picture, None);
    }
    // Of what kind it is, nobody says; the client names what was never compressed.
    check(&asked(&[gzip, ("if-none-match", "\"1\"")]), &[("etag", "\"1\"")], 304, None);
    let mut old = asked(&[gzip]);
    old.version = Version::HTTP_10;
    check(&old, &[html], 200, None);
    check(&old, &[html], 304, None);
}

/// Caches freshen what they keep by these heads. A strong tag in a 304 selected no answer that we had compressed.
#[test]
fn heads_without_the_whole_body_say_what_it_would() {
    let gzip = ("accept-encoding", "gzip");
    let html = ("content-type", "text/html");
    let all = [("etag", "\"1\""), ("accept-ranges", "bytes"), ("content-length", "5000")];
    let (strong, weak) = (Some("\"1\""), Some("W/\"1\""));
    let check = |method: Method,
                 request: &[(&'static str, &str)],
                 kind: &[(&'static str, &str)],
                 status: u16,
                 expected: (Option<&str>, Option<&str>, Option<&str>)| {
        let mut request = asked(request);
        request.method = method;
        let mut answer = map(&[&all, kind].concat());
        assert!(!chosen(&request, &mut answer, status, Some(0)));
        let text = |name: &str| answer.get(name).map(|v| v.to_str().unwrap());
        assert_eq!((text("etag"), text("vary"), text("content-encoding")), expected, "{request:?} {status}");
        // Both count the bytes of the plain form.
        let kept = expected.0 == strong;
        assert_eq!((text("content-length").is_some(), text("accept-ranges").is_some()), (kept, kept));
    };
    let vary = Some("Accept-Encoding");
    check(Method::HEAD, &[gzip], &[html], 200, (weak, vary, Some("gzip")));
    check(Method::HEAD, &[], &[html], 200, (strong, vary, None));
    check(Method::HEAD, &[gzip, ("range", "bytes=0-9")], &[html], 200, (strong, vary, None));
    for tags in ["W/\"1\"", "\"1\", W/\"1\"", "*"] {
        check(Method::GET, &[gzip, ("if-none-match", tags)], &[], 304, (weak, vary, None));
        check(Method::GET, &[gzip, ("if-none-match", tags)], &[html], 304, (weak, vary, None));
        check(Method::GET, &[("if-none-match", tags)], &[], 304, (strong, vary, None));
    }
    check(Method::GET, &[gzip], &[], 304, (weak, vary, None));
    check(Method::GET, &[gzip, ("if-none-match", "\"1\"")], &[html], 304, (strong, vary, None));
    let range = ("range", "bytes=0-9");
    let piece = ("content-range", "bytes 0-9/5000");
    check(Method::GET, &[gzip, range], &[html, piece], 206, (strong, vary, None));
    let pieces = ("content-type", "multipart/byteranges; boundary=x");
    check(Method::GET, &[gzip, range], &[pieces], 206, (strong, vary, None));
}

#[test]
fn the_head_says_what_was_done() {
    let mut answer = map(&[
        ("content-type", "application/ld+json"),
        ("content-length", "5000"),
        ("accept-ranges", "bytes"),
        ("etag", "\"abc\""),
        ("vary", "Cookie"),
    ]);
    assert!(chosen(&asked(&[("accept-encoding", "gzip")]), &mut answer, 404, Some(5_000)));
    let mut lines: Vec<_> = answer.iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect();
    lines.sort();
    let expected = [
        "content-encoding: gzip",
        "content-type: application/ld+json",
        "etag: W/\"abc\"",
        "vary: Accept-Encoding",
        "vary: Cookie",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn another_site_cannot_measure_a_visitors_pages() {
    let cookie = ("cookie", "session=1");
    let gzip = ("accept-encoding", "gzip");
    let check = |fields: &[(&'static str, &str)], expected: bool| {
        let mut answer = map(&[("content-type", "text/html")]);
        let all = [&[gzip, cookie], fields].concat();
        assert_eq!(chosen(&asked(&all), &mut answer, 200, None), expected, "{fields:?}");
        let without = [&[gzip], fields].concat();
        let mut answer = map(&[("content-type", "text/html")]);
        assert!(chosen(&asked(&without), &mut answer, 200, None), "no credentials, no secret: {fields:?}");
    };
    let cross = ("sec-fetch-site", "cross-site");
    let same_site = ("sec-fetch-site", "same-site");
    for own in [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")] {
        check(&[own], true);
    }
    check(&[cross], false);
    check(&[cross, ("referer", "https://evil.example/shop.example/")], false);
    check(&[cross, ("origin", "null")], false);
    check(&[same_site], false);
    check(&[same_site, ("origin", "https://blog.example")], false);
    check(&[same_site, ("origin", "https://www.shop.example:8443")], true);
    check(&[same_site, ("referer", "https://shop.example.evil.example/")], false);
    // A person who follows a link from a search engine.
    check(&[cross, ("sec-fetch-user", "?1")], true);
    // A browser that does not know these fields.
    check(&[], true);
    check(&[("referer", "https://evil.example/")], false);
    check(&[("referer", "https://shop.example/cart")], true);
}

#[test]
fn what_is_flushed_can_be_read_at_once() {
    let compressors = Rc::new(Compressors::default());
    let mut gzip = compressors.take().unwrap();
    let mut out = Vec::new();
    gzip.push(b"the first part of a page", &mut out).unwrap();
    assert!(gzip.is_unflushed());
    gzip.flush(&mut out).unwrap();
    let mut seen = [0u8; 24];
    flate2::read::GzDecoder::new(out.as_slice()).read_exact(&mut seen).unwrap();
    assert_eq!(&seen, b"the first part of a page");
    gzip.push(b", and the rest", &mut out).unwrap();
    gzip.finish(&mut out).unwrap();
    assert_eq!(read(&out), b"the first part of a page, and the rest");
}

#[test]
fn a_used_compressor_remembers_nothing() {
    let compressors = Rc::new(Compressors::default());
    let noise: Vec<u8> = (0..200_000u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    let mut broken_off = compressors.take().unwrap();
    broken_off.push(b"somebody's secret page", &mut Vec::new()).unwrap();
    drop(broken_off);
    for body in [noise.as_slice(), b"", b"somebody's secret page", &noise[..4_095]] {
        assert_eq!(read(&compressors.take().unwrap().whole(body).unwrap()), body);
    }
    assert_eq!((compressors.under_way.get(), compressors.ready.borrow().len()), (0, 1));
}

#[test]
fn slow_readers_cannot_take_memory_without_bound() {
    let compressors = Rc::new(Compressors::default());
    let mut held: Vec<_> = (0..AT_ONCE).map(|_| compressors.take().unwrap()).collect();
    assert!(compressors.take().is_none());
    held.pop();
    assert!(compressors.take().is_some());
    drop(held);
    assert_eq!((compressors.under_way.get(), compressors.ready.borrow().len()), (0, KEPT));
}
