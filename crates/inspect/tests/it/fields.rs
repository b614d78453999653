//! Places that were not looked at: header fields with a syntax of their own, and bodies that say they are pictures.

use storeward_inspect::Verdict;

use crate::exchange::Exchange;

const ATTACK: &str = "%' UNION SELECT email,password FROM customers--";

#[test]
fn fields_that_a_shop_may_read_are_looked_at() {
    for name in ["Accept-Language", "If-None-Match", "Accept", "Range"] {
        let verdict = Exchange::get("/").header(name, ATTACK).verdict();
        assert!(verdict.is_block(), "{name}: {verdict:?}");
    }
    // "%' union select email,password from customers--:x"
    let user = "Basic JScgdW5pb24gc2VsZWN0IGVtYWlsLHBhc3N3b3JkIGZyb20gY3VzdG9tZXJzLS06eA==";
    assert!(Exchange::get("/").header("Authorization", user).verdict().is_block());
    for (name, value) in [
        (
            "Accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
        ),
        ("Accept", "text/*;q=0.3, text/html;level=1, */*"),
        ("Accept-Language", "de-CH,de;q=0.9,en-US;q=0.8,en;q=0.7"),
        ("If-None-Match", "W/\"67-19c8'(a)\", \"x-y_z--1\""),
        ("If-Modified-Since", "Thu, 26 Nov 2026 01:00:00 GMT"),
        ("Range", "bytes=0-499, -500"),
        ("Authorization", "Basic YWRtaW46aHVudGVyMg=="),
        ("Authorization", "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln"),
    ] {
        let verdict = Exchange::get("/").header(name, value).verdict();
        assert_eq!(verdict, Verdict::Pass, "{name}: {value}");
    }
}

#[test]
fn a_content_type_does_not_switch_inspection_off() {
    let body = format!("{{\"q\":\"{ATTACK}\"}}");
    for kind in ["image/png", "application/octet-stream", "application/pdf", "font/x", "video/mp4"] {
        assert!(Exchange::post(kind, body.as_str()).verdict().is_block(), "{kind}");
    }
    let picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR' or 1=1--".to_vec();
    assert_eq!(Exchange::post("image/png", picture).verdict(), Verdict::Pass);
}
