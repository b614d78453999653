//! Hostile bytes never panic, and work grows with the input and not with its square.

use proptest::prelude::*;
use storeward_inspect::{BodyEnd, HttpVersion, Mode, Policy, RequestHead, ResponseHead};

use crate::exchange::ENGINE;

const TYPES: [&str; 8] = [
    "application/x-www-form-urlencoded",
    "application/json",
    "multipart/form-data; boundary=a",
    "application/xml",
    "text/plain",
    "image/png",
    "",
    "multipart/form-data; boundary=\"",
];

fn detect() -> Policy {
    Policy { mode: Mode::Detect, body_cap_bytes: 1 << 20, ..Policy::default() }
}

fn work(content_type: &str, body: &[u8]) -> usize {
    let policy = detect();
    let mut tx = ENGINE.transaction(&policy);
    let headers = [("content-type", content_type), ("content-length", "1")];
    let head = RequestHead {
        method: "POST",
        path: "/",
        raw_target: b"/",
        query: None,
        host: "h",
        version: HttpVersion::Http11,
        headers: &headers,
    };
    tx.request_head(&head);
    let before = tx.work_bytes();
    tx.request_body(body, BodyEnd::Complete);
    tx.work_bytes() - before
}

#[test]
fn work_is_linear_in_hostile_bodies() {
    let pieces = [
        "a",
        "<",
        "<a ",
        "'",
        "\"",
        "(",
        "{",
        "[",
        "{\"a\":",
        "select ",
        "union select ",
        "1 or ",
        "--\n",
        "/*",
        "/*!",
        "%25",
        "%",
        "&#",
        "&amp;",
        "\\u0027",
        "../",
        "${",
        "{{",
        "$(",
        "a=b&",
        "=",
        "onclick=",
        "javascript:",
        "a;",
        "--a\r\n",
        "<!ENTITY ",
        "' or ''='",
        "select a,",
        "((a",
        "@",
        ".",
        "sleep(",
        ";",
        "<x a=",
        "\0",
        "\u{ff1c}",
    ];
    for piece in pieces {
        for content_type in [
            "application/x-www-form-urlencoded",
            "application/json",
            "multipart/form-data; boundary=a",
            "application/xml",
            "text/plain",
        ] {
            let once = work(content_type, piece.repeat(8_192 / piece.len()).as_bytes());
            let four = work(content_type, piece.repeat(32_768 / piece.len()).as_bytes());
            assert!(four <= once * 6 + 200_000, "{piece:?} as {content_type}: {once} then {four}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn no_bytes_break_a_transaction(
        kind in 0..TYPES.len(),
        body in proptest::collection::vec(any::<u8>(), 0..600),
        shaped in "[a-z<>'\"()\\[\\]{}&;=%$#/\\\\*:,.0-9\n -]{0,300}",
        query in "\\PC{0,120}",
        header in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let policy = detect();
        for source in [body.as_slice(), shaped.as_bytes()] {
            let mut tx = ENGINE.transaction(&policy);
            let headers: [(&str, &[u8]); 4] = [
                ("content-type", TYPES[kind].as_bytes()),
                ("content-length", b"9"),
                ("cookie", &header),
                ("x-any", &header),
            ];
            tx.request_head(&RequestHead {
                method: "POST",
                path: &query,
                raw_target: &header,
                query: Some(&query),
                host: "h",
                version: HttpVersion::Http2,
                headers: &headers,
            });
            tx.request_body(source, BodyEnd::Truncated);
            tx.response_head(&ResponseHead { status: 200, headers: &headers });
            tx.response_body(source, BodyEnd::Complete);
            for found in tx.matches() {
                prop_assert!(found.matched.chars().count() <= 300);
                prop_assert!(found.matched.is_ascii() || found.matched.contains('…'));
            }
        }
    }
}
