//! A card's number on its way to the shop, where an order is taken: in which places and spellings it is seen.

use storeward_inspect::{CardAction, Cards, Category, Mode, Policy, Verdict};

use crate::exchange::{ENGINE, Exchange};

const NUMBER: &str = "4111111111111111";

fn order(kind: &str, body: impl Into<Vec<u8>>) -> Exchange {
    Exchange { path: "/checkout".to_owned(), ..Exchange::post(kind, body) }
}

/// `card`: refused for the number; the category of another rule; `-`: it goes through (docs/security.md says so).
fn answer(exchange: &Exchange) -> String {
    match exchange.run(&ENGINE, &Policy::default()).0 {
        Verdict::Block(reason) if reason.category == Category::CardNumber => "card".to_owned(),
        Verdict::Block(reason) => reason.category.as_str().to_owned(),
        Verdict::Challenge => "challenge".to_owned(),
        Verdict::Pass => "-".to_owned(),
    }
}

#[test]
fn where_a_number_is_seen() {
    let form = "application/x-www-form-urlencoded";
    let json = "application/json";
    let parts = |head: &str, value: &[u8]| {
        let mut body =
            format!("--b\r\nContent-Disposition: form-data; name=\"card\"{head}\r\n\r\n").into_bytes();
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n--b--\r\n");
        order("multipart/form-data; boundary=b", body)
    };
    let wide: Vec<u8> = NUMBER.bytes().flat_map(|digit| [digit, 0]).collect();
    let full_width: String =
        NUMBER.chars().filter_map(|c| char::from_u32(0xff10 + c.to_digit(10)?)).collect();
    let arabic: String = NUMBER.chars().filter_map(|c| char::from_u32(0x0660 + c.to_digit(10)?)).collect();
    let get = || Exchange { path: "/checkout".to_owned(), ..Exchange::get("/") };
    for (what, exchange, expected) in [
        ("form", order(form, format!("card={NUMBER}")), "card"),
        ("form, in groups", order(form, "card=4111+1111+1111+1111"), "card"),
        ("form, percent-encoded", order(form, "card=%34%31%31%31111111111111"), "card"),
        ("query", get().query(&format!("card={NUMBER}")), "card"),
        ("JSON text", order(json, format!("{{\"card\":\"{NUMBER}\"}}")), "card"),
        ("JSON number", order(json, format!("{{\"card\":{NUMBER}}}")), "card"),
        ("JSON, escaped", order(json, format!("{{\"card\":\"\\u0034{}\"}}", &NUMBER[1..])), "card"),
        ("JSON as text/plain", order("text/plain", format!("{{\"card\":\"{NUMBER}\"}}")), "card"),
        ("XML", order("application/xml", format!("<pay><card>{NUMBER}</card></pay>")), "card"),
        ("multipart", parts("", NUMBER.as_bytes()), "card"),
        ("multipart, a charset", parts("\r\nContent-Type: text/plain; charset=x", NUMBER.as_bytes()), "card"),
        ("multipart, UTF-16", parts("\r\nContent-Type: text/plain; charset=utf-16le", &wide), "protocol"),
        ("a file", parts("; filename=\"a.txt\"", NUMBER.as_bytes()), "-"),
        ("the name of a field", order(form, format!("{NUMBER}=1")), "-"),
        ("groups in an array", order(json, "{\"card\":[\"4111\",\"1111\",\"1111\",\"1111\"]}"), "card"),
        ("ids in an array", order(json, "{\"ids\":[4100,4107,4115,4126]}"), "-"),
        ("fields", order(form, "a=4111&b=1111&c=1111&d=1111"), "-"),
        ("full width", order(json, format!("{{\"card\":\"{full_width}\"}}")), "card"),
        (
            "one digit of full width",
            order(json, format!("{{\"card\":\"{}\u{ff11}\"}}", &NUMBER[..15])),
            "card",
        ),
        ("Arabic digits", order(json, format!("{{\"card\":\"{arabic}\"}}")), "card"),
        ("base 64", order(form, "card=NDExMTExMTExMTExMTExMQ%3D%3D"), "-"),
        ("a cookie", get().header("Cookie", &format!("card={NUMBER}")), "-"),
        ("a field of the head", get().header("X-Card", NUMBER), "-"),
        ("the path", Exchange { path: format!("/checkout/{NUMBER}"), ..Exchange::get("/") }, "-"),
        ("gzip", order(json, vec![0x1f, 0x8b, 8, 0]).header("Content-Encoding", "gzip"), "protocol"),
        ("deflate", order(json, vec![0x78, 0x9c]).header("Content-Encoding", "deflate"), "protocol"),
        ("br", order(json, vec![0x0b, 2]).header("Content-Encoding", "br"), "protocol"),
    ] {
        assert_eq!(answer(&exchange), expected, "{what}");
    }
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn utf_32(text: &str) -> Vec<u8> {
    text.chars().flat_map(|sign| u32::from(sign).to_be_bytes()).collect()
}

// While attacks were only watched, a body in which no number can be seen went on to the shop, whatever it held.
#[test]
fn what_nobody_can_look_into_is_refused_where_orders_are_taken() {
    let form = "application/x-www-form-urlencoded";
    let text = format!("card={NUMBER}");
    let object = format!("{{\"card\":\"{NUMBER}\"}}");
    let mut part = b"--b\r\nContent-Disposition: form-data; name=\"card\"\r\n\r\n".to_vec();
    part.extend_from_slice(&utf_16(NUMBER));
    part.extend_from_slice(b"\r\n--b--\r\n");
    let packed = |coding: &str| order(form, vec![0x1f, 0x8b, 8, 0]).header("Content-Encoding", coding);
    let cases = [
        packed("gzip"),
        packed("deflate"),
        packed("br"),
        packed("zstd, gzip"),
        order("application/x-www-form-urlencoded; charset=utf-16", utf_16(&text)),
        order("application/json; charset=utf-16le", utf_16(&object)),
        order("application/json; charset=UTF-32", utf_32(&object)),
        order("application/json; charset=ibm037", vec![0xc0, 0x7f]),
        order("text/plain; charset=utf-7", text.clone()),
        // Undeclared, as some readers guess it.
        order(form, utf_16(&text)),
        order("application/json", utf_16(&object)),
        order("application/json", utf_32(&object)),
        order("application/xml", utf_16(&format!("<card>{NUMBER}</card>"))),
        order("multipart/form-data; boundary=b", part),
    ];
    let watched = Policy { mode: Mode::Detect, ..Policy::default() };
    // Whoever lets a grave match alone pass has said nothing about cards.
    let lax = Policy { block_score: 100, ..Policy::default() };
    let own = Cards { refused_at: Vec::new(), elsewhere: CardAction::Report };
    let own = Policy { cards: own, ..watched.clone() };
    // What PHP writes of an object, in a cookie, is no number: it is watched, as everything is.
    let cookie = order(form, "note=hi")
        .header("Cookie", "cart=O%3A1%3A%22A%22%3A1%3A%7Bs%3A4%3A%22%00A%00b%22%3Bi%3A1%3B%7D");
    assert_eq!(cookie.run(&ENGINE, &watched).0, Verdict::Pass);
    for exchange in cases {
        let kind = exchange.headers.clone();
        for policy in [&Policy::default(), &watched, &lax] {
            let verdict = exchange.run(&ENGINE, policy).0;
            assert!(matches!(verdict, Verdict::Block(_)), "{} {kind:?}: {verdict:?}", policy.mode);
        }
        assert_eq!(exchange.run(&ENGINE, &own).0, Verdict::Pass, "the owner's word: {kind:?}");
        let elsewhere = Exchange { path: "/contact".to_owned(), ..exchange };
        assert_eq!(elsewhere.run(&ENGINE, &watched).0, Verdict::Pass, "{kind:?}");
    }
    let plain = order("application/json; charset=utf-8", "{\"a\":1}").header("Content-Encoding", "identity");
    assert_eq!(plain.run(&ENGINE, &watched).0, Verdict::Pass);
}

// As people type it, and as somebody does who looks for a way past: refused where an order is paid, and nothing that is told elsewhere, where
// the shop's own numbers look so.
#[test]
fn in_whichever_way_it_is_typed() {
    let (form, policy) = ("application/x-www-form-urlencoded", Policy::default());
    for typed in [
        "Karte4111111111111111",
        "x4111111111111111",
        "4111111111111111-1234",
        "4111111111111111.1227",
        "4111111111111111_1227",
        "41111111+11111111",
        "4111%0D%0A1111%0D%0A1111%0D%0A1111",
        "%2534111111111111111",
        "4111%7C1111%7C1111%7C1111",
    ] {
        let body = format!("note={typed}");
        assert_eq!(answer(&order(form, body.clone())), "card", "{typed}");
        let (verdict, found) =
            Exchange { path: "/a".to_owned(), ..Exchange::post(form, body) }.run(&ENGINE, &policy);
        assert_eq!(verdict, Verdict::Pass);
        assert!(found.matches().is_empty(), "{typed}");
    }
    let devanagari: String =
        NUMBER.chars().filter_map(|c| char::from_u32(0x0966 + c.to_digit(10)?)).collect();
    assert_eq!(answer(&order(form, format!("card={devanagari}"))), "card");
}

// What a shop sends itself: no buyer is kept from buying.
#[test]
fn what_is_no_card_goes_through() {
    for (what, body) in [
        ("a token of 40 signs", "csrf_token=4f11a1c09b7e4111e1111a1111f111111111c2d3&x=1"),
        ("Laravel", "_token=Zk4111111111111111QpLmNoVbXcYsAaTtUuEeRrDd"),
        ("Django", "csrfmiddlewaretoken=4111111111111111aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789AbCdEfGhIjKl"),
        ("an order's number", "order=2026112710151234&note=PO-4111111111111111"),
        ("a moment", "at=1764236100000000"),
        ("a name in Arabic", "name=%D8%A7%D9%84%D8%A7%D8%B3%D9%85+%D9%A4%D9%A1"),
        ("a telephone", "phone=%2B49+4111+111111"),
    ] {
        let sent = order("application/x-www-form-urlencoded", body);
        assert_eq!(answer(&sent), "-", "{what}");
    }
}
