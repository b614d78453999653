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

/// Where people pay, nobody's card number goes to the shop: they are told where it belongs, and nobody is accused.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_number_is_refused_where_an_order_is_taken() {
    let shop = FakeShop::start(|_| Reply::ok("ok")).await;
    let edge = TestEdge::start(&[shop.url()], "[bans]\nnever_block = []\n");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let json = "Content-Type: application/json\r\n";
    let number = card(1);
    let parts = format!(
        "--b\r\nContent-Disposition: form-data; name=\"pan\"\r\n\r\n{}\r\n--b--\r\n",
        spelt(&number, "-")
    );
    let page = "Accept: text/html\r\nAccept-Language: de\r\n";
    let html = request("POST /checkout", &format!("{form}{page}"), &format!("card={number}"));
    let answer = edge.ask(&html).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("Kartennummer"), "{}", answer.text());
    for (line, headers, body) in [
        ("POST /checkout", form, format!("a=b&card%5Bno%5D={}", spelt(&number, "+"))),
        ("POST /Checkout/payment/?x=1", form, format!("note={}", spelt(&number, "%20"))),
        ("POST /checkout/", json, format!("{{\"pay\":{{\"number\":\"{number}\"}}}}")),
        ("POST /checkout", json, format!("{{\"number\":{number}}}")),
        ("POST /checkout", "Content-Type: multipart/form-data; boundary=b\r\n", parts),
        ("POST /?wc-ajax=checkout", form, format!("payment_method=x&card={number}")),
        // Under whatever spelling the shop serves the page.
        ("POST /index.php?route=checkout/checkout", form, format!("card={number}")),
        ("POST /index.php?route=checkout%2Fcheckout", form, format!("card={number}")),
        ("POST /?rest_route=/wc/store/v1/checkout", json, format!("[\"{number}\"]")),
        ("POST /checkout.json", json, format!("{{\"number\":\"{number}\"}}")),
        ("POST /shop.phtml/checkout", form, format!("card={number}")),
        ("POST /rest/default/V1/carts/mine/payment-information", json, format!("{{\"cc\":\"{number}\"}}")),
        ("POST /wp-json/wc/store/v1/checkout", json, format!("[\"{number}\"]")),
        ("POST /checkout", "Content-Type: text/plain\r\n", number.clone()),
    ] {
        let answer = edge.ask(&request(line, headers, &body)).await;
        assert_eq!(answer.status, 422, "{line} {headers}");
        assert!(!answer.text().contains(&number[..8]), "{line}");
    }
    let query = edge.ask(&request(&format!("GET /checkout?card={number}"), "", "")).await;
    assert_eq!(query.status, 422);
    assert!(shop.asked().is_empty(), "the shop heard of it");
    // Of those who only mistook the page nobody is banned, however often they try.
    for _ in 0..40 {
        edge.ask(&request("POST /checkout", form, &format!("card={number}"))).await;
    }
    assert_eq!(edge.get("/").await.status, 200);
    // Nor of those who wrote a long letter first.
    let long = format!("letter={}&card={number}", "x".repeat(140_000));
    let answer = edge.ask(&request("POST /checkout", &format!("{form}{page}"), &long)).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("Kartennummer"));
    // An attack stays one, whatever stands beside it.
    let attack = request("POST /checkout", form, &format!("card={number}&q='+UNION+SELECT+a,b+FROM+users--"));
    assert_eq!(edge.ask(&attack).await.status, 403);
    assert!(!edge.emitted.of_kind("edge.request_blocked").is_empty());
    edge.stop();
}

/// Elsewhere the shop hears all but the last digits as stars, in a request of the same length, and staff are told.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_number_is_masked_where_no_order_is_taken() {
    let shop = FakeShop::start(|_| Reply::ok("ok")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let json = "Content-Type: application/json\r\n";
    let number = card(2);
    let last = &number[12..];
    for (line, headers, body, heard) in [
        (
            "POST /contact",
            form,
            format!("m=My+card+is+{number}&n=1"),
            format!("m=My+card+is+************{last}&n=1"),
        ),
        // A form elsewhere whose address says where it leads to afterwards.
        ("POST /?page=/checkout", form, format!("m={number}"), format!("m=************{last}")),
        ("POST /login.php?%75rl=%2Fcheckout", form, format!("m={number}"), format!("m=************{last}")),
        ("POST /a", form, format!("m={}", spelt(&number, "%20")), format!("m=****%20****%20****%20{last}")),
        ("POST /a", json, format!("{{\"m\":\"{number}\"}}"), format!("{{\"m\":\"************{last}\"}}")),
        ("POST /a", json, format!("{{\"m\":{number}}}"), format!("{{\"m\":100000000000{last}}}")),
    ] {
        assert_eq!(edge.ask(&request(line, headers, &body)).await.status, 200, "{line}");
        let asked = shop.asked();
        assert_eq!(String::from_utf8_lossy(&asked.last().unwrap().body), heard);
    }
    edge.ask(&request(&format!("GET /search?q={number}&page=2"), "", "")).await;
    assert_eq!(shop.asked().last().unwrap().target(), format!("/search?q=************{last}&page=2"));
    assert_eq!(edge.emitted.of_kind("edge.card_number_masked").len(), 7);
    // No word in a text switches it off.
    edge.ask(&request("POST /a", form, &format!("m=my+filename+{number}"))).await;
    let heard = shop.asked().last().unwrap().body.clone();
    assert_eq!(String::from_utf8_lossy(&heard), format!("m=my+filename+************{last}"));
    // A password may look like one.
    let password = format!("user=ella&password={number}");
    edge.ask(&request("POST /a", form, &password)).await;
    assert_eq!(shop.asked().last().unwrap().body, password.as_bytes());
    // In a query it is none that anybody should write there: the word switches nothing off.
    edge.ask(&request(&format!("GET /a?pass={number}"), "", "")).await;
    assert_eq!(shop.asked().last().unwrap().target(), format!("/a?pass=************{last}"));
    // Nor does the page's own picture say it, which asks with the page's address.
    let page = format!("Referer: https://shop.test/search?q={number}&page=2\r\n");
    edge.ask(&request("GET /logo.png", &page, "")).await;
    let masked = format!("https://shop.test/search?q=************{last}&page=2");
    assert_eq!(shop.asked().last().unwrap().header("referer"), [masked.as_str()]);
    // Beside a card, too, wherever that stands.
    let other = card(3);
    let beside = format!("password={number}&m={other}");
    edge.ask(&request("POST /a", form, &beside)).await;
    assert_eq!(
        shop.asked().last().unwrap().body,
        format!("password={number}&m=************{}", &other[12..]).as_bytes()
    );
    edge.ask(&request(&format!("POST /a?q={other}"), form, &password)).await;
    assert_eq!(shop.asked().last().unwrap().body, password.as_bytes());
    assert_eq!(shop.asked().last().unwrap().target(), format!("/a?q=************{}", &other[12..]));
    // An account's number in groups is none.
    let account = "iban=DE90+4306+0967+3024+0000+00";
    edge.ask(&request("POST /a", form, account)).await;
    assert_eq!(shop.asked().last().unwrap().body, account.as_bytes());
    assert_eq!(edge.ask(&request("POST /checkout", form, account)).await.status, 200);
    // What is none passes as it is: an order's number, an IMEI, a time, a telephone number; and a file stays as it is.
    let others = "o=1234567812345678&imei=490154203237518&t=1795541880123456&p=4915112345678";
    edge.ask(&request("POST /a", form, others)).await;
    assert_eq!(shop.asked().last().unwrap().body, others.as_bytes());
    let file = format!(
        "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.bin\"\r\n\r\n{number}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"n\"\r\n\r\n{number}\r\n--b--\r\n"
    );
    edge.ask(&request("POST /a", "Content-Type: multipart/form-data; boundary=b\r\n", &file)).await;
    let heard = file.replace(&format!("\"n\"\r\n\r\n{number}"), &format!("\"n\"\r\n\r\n************{last}"));
    assert_ne!(heard, file);
    assert_eq!(String::from_utf8_lossy(&shop.asked().last().unwrap().body), heard);
    edge.stop();
}

/// Whoever only watched attacks, as the first steps say, had the shop hear every card's number whole.
#[tokio::test(flavor = "multi_thread")]
async fn while_attacks_are_only_watched_no_card_number_comes_to_the_shop() {
    let shop = FakeShop::start(|_| Reply::ok("ok")).await;
    let edge = TestEdge::start(&[shop.url()], "[inspect]\nmode = 'detect'\n");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let (number, other) = (card(1), card(2));
    let attack = "q='+UNION+SELECT+a,b+FROM+users--";
    let query = format!("GET /checkout?card={number}");
    for (line, body) in [
        ("POST /checkout", format!("card={number}")),
        ("POST /checkout", format!("card={number}&{attack}")),
        ("POST /checkout", format!("{attack}&card={number}")),
        (query.as_str(), String::new()),
    ] {
        assert_eq!(edge.ask(&request(line, form, &body)).await.status, 422, "{line}");
    }
    // Nobody can see what is in it.
    for headers in [
        format!("{form}Content-Encoding: gzip\r\n"),
        "Content-Type: application/x-www-form-urlencoded; charset=utf-16\r\n".to_owned(),
    ] {
        let answer = edge.ask(&request("POST /checkout", &headers, "packed")).await;
        assert_eq!(answer.status, 403, "as with block: {headers}");
    }
    assert!(shop.asked().is_empty(), "the shop heard of it");
    // Behind so much text that it is found on the way.
    let long = format!("letter={}&card={number}", "x".repeat(140_000));
    assert_eq!(edge.ask(&request("POST /checkout", form, &long)).await.status, 422);
    let cookies = format!("{form}Cookie: a=b; card={other}\r\nReferer: https://shop.test/a?q={other}\r\n");
    let answer = edge.ask(&request("POST /contact?x=1", &cookies, &format!("m={other}&{attack}"))).await;
    assert_eq!(answer.status, 200, "an attack passes, and is told");
    let heard = shop.asked().pop().unwrap();
    let last = &other[12..];
    assert_eq!(String::from_utf8_lossy(&heard.body), format!("m=************{last}&{attack}"));
    assert_eq!(heard.header("cookie"), [format!("a=b; card=************{last}")]);
    assert_eq!(heard.header("referer"), [format!("https://shop.test/a?q=************{last}")]);
    assert_eq!(edge.ask(&request("POST /checkout", form, attack)).await.status, 200);
    assert_eq!(edge.emitted.of_kind("edge.card_number_masked").len(), 1);
    assert_eq!(edge.emitted.of_kind("edge.request_flagged").len(), 2);
    edge.stop();
    // The owner's own word about them holds, and without inspection nobody looks.
    let config = "[inspect]\nmode = 'detect'\ncard_numbers = 'report'\nrefuse_card_numbers_at = []\n[[route]]\npath = '/off'\ninspect = 'off'\ncard_numbers = 'refuse'\n";
    let edge = TestEdge::start(&[shop.url()], config);
    for line in ["POST /checkout", "POST /off"] {
        let body = format!("card={number}");
        assert_eq!(edge.ask(&request(line, form, &body)).await.status, 200, "{line}");
        assert_eq!(shop.asked().last().unwrap().body, body.as_bytes(), "{line}");
    }
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_card_numbers_is_the_owner_s_choice() {
    let shop = FakeShop::start(|_| Reply::ok("ok")).await;
    let config = "[inspect]\ncard_numbers = 'report'\nrefuse_card_numbers_at = ['/pay', '*/buy', '?do=order']\n\
        [[inspect.exceptions]]\nrule = 28100\nparameter = 'voucher'\n\
        [[route]]\npath = '/own'\ncard_numbers = 'refuse'\n";
    let edge = TestEdge::start(&[shop.url()], config);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let body = format!("x={}", card(3));
    for (line, body, status) in [
        ("POST /checkout", &body, 200),
        ("POST /payment", &body, 200),
        ("POST /pay", &body, 422),
        ("POST /a/Buy/b", &body, 422),
        ("POST /a?do=order", &body, 422),
        ("POST /a?do=orders", &body, 200),
        ("POST /own/x", &body, 422),
        ("POST /pay", &format!("voucher={}", card(3)), 200),
    ] {
        assert_eq!(edge.ask(&request(line, form, body)).await.status, status, "{line}");
        if status == 200 {
            assert_eq!(shop.asked().last().unwrap().body, body.as_bytes(), "{line}: told, and not touched");
        }
    }
    assert!(!edge.emitted.of_kind("edge.request_flagged").is_empty());
    edge.stop();
}

/// Old forms have four fields for it. The shop heard the number whole, in four pieces.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_in_four_fields_is_one() {
    let shop = FakeShop::start(|_| Reply::ok("ok")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let json = "Content-Type: application/json\r\n";
    let number = card(4);
    let groups = [&number[..4], &number[4..8], &number[8..12], &number[12..]];
    let named = |name: &dyn Fn(usize) -> String, groups: [&str; 4]| {
        let pairs = groups.iter().enumerate().map(|(at, group)| format!("{}={group}", name(at)));
        pairs.collect::<Vec<_>>().join("&")
    };
    let numbered = |at: usize| format!("cc{}", at + 1);
    let listed = |_: usize| "cc%5B%5D".to_owned();
    let text = |groups: [&str; 4]| format!("{{\"cc\":[\"{}\"]}}", groups.join("\",\""));
    for (headers, body) in
        [(form, named(&numbered, groups)), (form, named(&listed, groups)), (json, text(groups))]
    {
        let answer = edge.ask(&request("POST /checkout", headers, &body)).await;
        assert_eq!(answer.status, 422, "{body}");
    }
    let query = edge.ask(&request(&format!("GET /checkout?{}", named(&numbered, groups)), "", "")).await;
    assert_eq!(query.status, 422);
    assert!(shop.asked().is_empty(), "the shop heard of it");
    let masked = ["****", "****", "****", groups[3]];
    for (headers, body, heard) in [
        (form, named(&numbered, groups), named(&numbered, masked)),
        (form, named(&listed, groups), named(&listed, masked)),
        (json, text(groups), text(masked)),
    ] {
        assert_eq!(edge.ask(&request("POST /a", headers, &body)).await.status, 200);
        assert_eq!(String::from_utf8_lossy(&shop.asked().last().unwrap().body), heard);
    }
    edge.ask(&request(&format!("GET /a?{}", named(&numbered, groups)), "", "")).await;
    assert_eq!(shop.asked().last().unwrap().target(), format!("/a?{}", named(&numbered, masked)));
    assert_eq!(edge.emitted.of_kind("edge.card_number_masked").len(), 4);
    // Years, quantities and what is not called alike are none.
    let apart = named(&|at| ["year", "from", "to", "pin"][at].to_owned(), groups);
    // Nor are ids of four articles, which pass for one by their digits.
    let ids = "ids%5B%5D=4100&ids%5B%5D=4107&ids%5B%5D=4115&ids%5B%5D=4126".to_owned();
    for body in ["y%5B%5D=2024&y%5B%5D=2025&y%5B%5D=2026&y%5B%5D=2027".to_owned(), apart, ids] {
        assert_eq!(edge.ask(&request("POST /checkout", form, &body)).await.status, 200, "{body}");
        assert_eq!(shop.asked().last().unwrap().body, body.as_bytes());
    }
    edge.stop();
}

/// A cookie that is a card's number and nothing else: masked, and not refused, also where an order is paid.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_is_a_card_number_is_masked() {
    let shop = FakeShop::start(|_| Reply::ok("ok")).await;
    let edge = TestEdge::start(
        &[shop.url()],
        "[[inspect.exceptions]]\nrule = 28100\nparameter = \"REQUEST_COOKIES:visitor\"\n",
    );
    let number = card(5);
    let last = &number[12..];
    let cookies = format!(
        "session=a1b2; last={number}; q=\"{number}\"; visitor={number}; basket={number}.17; token=x{number}"
    );
    let heard = format!(
        "session=a1b2; last=************{last}; q=\"************{last}\"; visitor={number}; basket={number}.17; token=x{number}"
    );
    for line in ["GET /a", "GET /checkout"] {
        let answer = edge.ask(&request(line, &format!("Cookie: {cookies}\r\n"), "")).await;
        assert_eq!(answer.status, 200, "{line}");
        assert_eq!(shop.asked().last().unwrap().header("cookie"), [heard.as_str()]);
    }
    assert_eq!(edge.emitted.of_kind("edge.card_number_masked").len(), 2);
    let plain = "Cookie: id=1234567812345678; t=1795541880123456\r\n";
    edge.ask(&request("GET /a", plain, "")).await;
    assert_eq!(shop.asked().last().unwrap().header("cookie"), ["id=1234567812345678; t=1795541880123456"]);
    edge.stop();
}
