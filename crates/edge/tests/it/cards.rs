//! A card number in every place of a request and of an answer: it must not stand in anything that is kept, told or
//! handed on to somebody else.

use std::path::Path;

use storeward_testkit::{FakeShop, Reply};

use crate::harness::TestEdge;

/// A number of its own for each place, valid by Luhn (ISO/IEC 7812-1 annex B), so that the place can be named.
fn card(place: u64) -> String {
    let body = format!("4539{:011}", place * 7_919_003 + 17);
    let sum: u32 = body.bytes().rev().enumerate().fold(0, |sum, (at, digit)| {
        let digit = u32::from(digit - b'0');
        sum + if at % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
    });
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn spelt(number: &str, separator: &str) -> String {
    [&number[..4], &number[4..8], &number[8..12], &number[12..]].join(separator)
}

fn request(line: &str, headers: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{line} HTTP/1.1\r\nHost: shop.test\r\n{headers}{length}\r\n{body}")
}

/// Each place of a request where somebody could write one, also in an attack that is blocked and so told in detail.
fn requests(next: &mut dyn FnMut() -> String) -> Vec<String> {
    let mut all = Vec::new();
    let attack = "%27+UNION+SELECT+1,2--";
    for separator in ["", "-", ".", "_", "%20", "+", "%2D", "%C2%A0", "::"] {
        all.push(request(&format!("GET /a/{}/x", spelt(&next(), separator)), "", ""));
        all.push(request(&format!("GET /?q={}", spelt(&next(), separator)), "", ""));
        all.push(request(&format!("GET /?{}=1", spelt(&next(), separator)), "", ""));
        all.push(request(&format!("GET /?pan{}x=1{attack}", spelt(&next(), separator)), "", ""));
        all.push(request(&format!("GET /{}?q={attack}", spelt(&next(), separator)), "", ""));
        all.push(request(&format!("GET /?q={}{attack}", spelt(&next(), separator)), "", ""));
    }
    for separator in ["", " ", "-", ".", "_", "  "] {
        for name in ["User-Agent", "Referer", "Origin", "X-Api-Version", "Cookie", "Authorization", "Accept"]
        {
            let number = spelt(&next(), separator);
            all.push(request("GET /", &format!("{name}: a={number}; b\r\n"), ""));
            all.push(request("GET /", &format!("{name}: {number}\r\n"), ""));
            all.push(request("GET /", &format!("{name}: {number}=' UNION SELECT 1,2 FROM users--\r\n"), ""));
        }
        let number = spelt(&next(), separator);
        all.push(request(
            "GET /",
            &format!("Referer: https://{}.evil.example/\r\n", number.replace(' ', "")),
            "",
        ));
        all.push(request("GET /", &format!("User-Agent: {}{number}\r\n", "a".repeat(245)), ""));
    }
    all.push(request("GET /", &format!("X-{}: 1\r\n", next()), ""));
    all.push(request("GET /", &format!("X-{}: ' UNION SELECT 1,2 FROM users--\r\n", next()), ""));
    all.push(request("GET /", &format!("Cookie: {}=' UNION SELECT 1,2 FROM users--\r\n", next()), ""));
    let long = format!("GET /?{}{}=1", "n".repeat(55), next());
    all.push(request(&long, "", ""));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    all.push(request("POST /", form, &format!("card={}&{}={attack}", next(), next())));
    let json = "Content-Type: application/json\r\n";
    all.push(request("POST /", json, &format!("{{\"{}\":\"{}' UNION SELECT 1,2--\"}}", next(), next())));
    let parts = "Content-Type: multipart/form-data; boundary=b\r\n";
    let part = |name: String, file: String, text: String| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}.php\"\r\n\r\n{text}\r\n--b--\r\n"
        )
    };
    all.push(request("POST /", parts, &part(next(), next(), format!("{}' UNION SELECT 1,2--", next()))));
    // Refused before it is a request, or as one.
    all.push(format!("GET /{} HTTP/1.1\r\nHost: {}.example\r\n\r\n", next(), next()));
    all.push(format!("GET /{} HTTP/1.1\r\nHost: shop.test\r\nHost: {}\r\n\r\n", next(), next()));
    all.push(format!("{} /{} HTTP/1.1\r\nHost: shop.test\r\n\r\n", next(), next()));
    all.push(format!("GET /{}/../x?{} HTTP/1.1\r\nHost: shop.test\r\n\r\n", next(), next()));
    all
}

fn files_below(folder: &Path, all: &mut Vec<u8>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files_below(&path, all),
            false => all.extend(std::fs::read(path).unwrap()),
        }
    }
}

/// Only the digits, so that no separator hides a number.
fn digits(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(u8::is_ascii_digit).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_seeded_number_is_kept_or_told() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut seeded = Vec::new();
    let mut next = || {
        seeded.push(card(u64::try_from(seeded.len()).unwrap()));
        seeded.last().unwrap().clone()
    };
    let requests = requests(&mut next);
    let count = requests.len();
    for request in &requests {
        edge.ask(request).await;
    }
    let records = edge.records();
    assert!(records.len() >= count, "{} of {count}", records.len());
    assert!(!edge.emitted.of_kind("edge.request_blocked").is_empty());
    let mut kept = Vec::new();
    files_below(edge.folder(), &mut kept);
    assert!(kept.len() > 10_000, "the records are on disk");
    for record in &records {
        kept.extend(serde_json::to_vec(record.as_ref()).unwrap());
    }
    let events = format!("{:?}", edge.emitted.all());
    for number in &seeded {
        let shown = [&kept[..], events.as_bytes()]
            .iter()
            .any(|text| memchr::memmem::find(text, number.as_bytes()).is_some());
        assert!(!shown, "{number} is kept");
    }
    // In each text of a record by itself, whatever stands between the digits.
    for record in &records {
        let texts =
            [&record.path[..], &record.user_agent, &record.referrer_host, &record.host, &record.matched];
        let names = record.parameter_names.iter().chain(texts).chain([&*record.variable]);
        for text in names {
            let plain = digits(text.as_bytes());
            let found = seeded.iter().find(|n| memchr::memmem::find(&plain, n.as_bytes()).is_some());
            assert_eq!(found, None, "in {text}");
        }
    }
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_show_no_number_and_still_parse() {
    let cases = [
        ("text/html", "4111&nbsp;1111&nbsp;1111&nbsp;1111", "****&nbsp;****&nbsp;****&nbsp;1111"),
        ("text/html", "4111\u{a0}1111\u{a0}1111\u{a0}1111", "****\u{a0}****\u{a0}****\u{a0}1111"),
        (
            "text/html",
            "<a href='/p?c=4111%201111%201111%201111'>",
            "<a href='/p?c=****%20****%20****%201111'>",
        ),
        ("text/html", "<script>var x=4111111111111111;</script>", "<script>var x=1000000000001111;</script>"),
        ("text/plain", "4111  1111  1111  1111", "****  ****  ****  1111"),
        ("application/javascript", "var pan = 4111111111111111;", "var pan = 1000000000001111;"),
        (
            "text/javascript; charset=utf-8",
            "cb({\"pan\":4111111111111111})",
            "cb({\"pan\":1000000000001111})",
        ),
        ("application/x-ndjson", "{\"pan\":4111111111111111}\n", "{\"pan\":1000000000001111}\n"),
        ("image/svg+xml", "<text>4111 1111 1111 1111</text>", "<text>**** **** **** 1111</text>"),
        ("application/vnd.ms-excel", "Ella;4111.1111.1111.1111", "Ella;****.****.****.1111"),
    ];
    for (kind, body, expected) in cases {
        let shop = FakeShop::start(move |_| Reply::with(&format!("Content-Type: {kind}\r\n"), body)).await;
        let edge = TestEdge::start(&[shop.url()], "");
        assert_eq!(edge.get("/").await.text(), expected, "{kind}");
        edge.stop();
    }
}

const KEY: &str = "-----BEGIN PRIVATE KEY-----\r\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\r\n";

/// Spreadsheets save "Unicode text" as UTF-16, and servers call that anything.
#[tokio::test(flavor = "multi_thread")]
async fn answers_in_utf_16_show_no_number_and_no_private_key() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let reply = move |kind: &str, text: &str| {
        let body = wide(text);
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        Reply::Bytes([head.into_bytes(), body].concat())
    };
    let shop = FakeShop::start(move |asked| match asked.target() {
        "/csv" => reply("text/csv; charset=utf-16", "\u{feff}Ella;4111 1111 1111 1111\r\n"),
        "/bytes" => reply("application/octet-stream", "Ella;4111111111111111\r\n"),
        "/long" => reply("text/csv", &format!("\u{feff}{}4111111111111111;", "Bo;x\r\n".repeat(60_000))),
        // What PowerShell's `openssl genrsa > key.pem` writes, as servers serve a `.pem`.
        "/key.pem" => reply("application/octet-stream", KEY),
        "/marked.pem" => reply("application/x-pem-file", &format!("\u{feff}{KEY}")),
        "/four.pem" => {
            let body: Vec<u8> = KEY.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            Reply::Bytes([head.into_bytes(), body].concat())
        }
        _ => reply("text/plain", KEY),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    assert_eq!(edge.get("/csv").await.body, wide("\u{feff}Ella;**** **** **** 1111\r\n"));
    assert_eq!(edge.get("/bytes").await.body, wide("Ella;************1111\r\n"));
    let long = edge.get("/long").await.body;
    assert!(long.ends_with(&wide("\n************1111;")), "{:?}", long.len());
    for key in ["/key", "/key.pem", "/marked.pem", "/four.pem"] {
        assert_eq!(edge.get(key).await.status, 403, "{key}");
    }
    edge.stop();
}

/// Nobody may hold an event stream back, nor the head of a picture: what shows a key in them is masked on its way.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_held_back_shows_no_private_key() {
    const LINE: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let shop = FakeShop::start(|asked| {
        let (kind, before) = match asked.target() {
            "/events" => ("text/event-stream", "data: "),
            "/nearly" => ("text/event-streamx", ""),
            "/script" => ("text/event-stream; charset=utf-8", ""),
            _ => ("image/png", ""),
        };
        let lines = ["-----BEGIN PRIVATE KEY-----", LINE, LINE, "AbC9+w==", "-----END PRIVATE KEY-----", ""];
        let body: Vec<_> = lines.iter().map(|line| format!("{before}{line}\n").into_bytes()).collect();
        let length: usize = body.iter().map(Vec::len).sum();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        Reply::Pieces([vec![head.into_bytes()], body].concat(), 30)
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    for target in ["/events", "/script", "/picture"] {
        let answer = edge.get(target).await;
        let text = answer.text();
        assert_eq!(answer.status, 200, "{target}");
        assert!(text.contains("BEGIN PRIVATE KEY-----") && text.contains("END PRIVATE"), "{target}: {text}");
        assert!(
            !text.contains("MIIE") && !text.contains("8cKj") && !text.contains("AbC9"),
            "{target}: {text}"
        );
    }
    assert_eq!(edge.get("/nearly").await.status, 403);
    edge.stop();
}
