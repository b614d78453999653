use proptest::prelude::*;

use super::*;

fn masked(text: &str) -> String {
    mask_str(text).into_owned()
}

#[test]
fn masks_every_shape_a_card_number_comes_in() {
    let cases = [
        ("4111111111111111", "************1111"),
        ("card: 4111 1111 1111 1111.", "card: **** **** **** 1111."),
        ("4111-1111-1111-1111", "****-****-****-1111"),
        ("{\"pan\":\"5555555555554444\"}", "{\"pan\":\"************4444\"}"),
        ("{\"pan\":5555555555554444}", "{\"pan\":1000000000004444}"),
        ("{\"pan\" : 5555555555554444 , \"a\":1}", "{\"pan\" : 1000000000004444 , \"a\":1}"),
        ("[378282246310005,1]", "[100000000000005,1]"),
        ("3782 822463 10005", "**** ****** *0005"),
        ("30569309025904", "**********5904"),
        ("3530111333300000;6011111111111117", "************0000;************1117"),
        (";4111111111111111=25121010000000000?", ";************1111=25121010000000000?"),
        ("4111111111111111D2512101", "************1111D2512101"),
        ("%B4111111111111111^DOE/JANE^2512", "%B************1111^DOE/JANE^2512"),
        ("card_4111111111111111", "card_************1111"),
        ("PAN4111111111111111,", "PAN************1111,"),
        ("my_visa_4111-1111-1111-1111", "my_visa_****-****-****-1111"),
        ("cc5555555555554444", "cc************4444"),
        ("a=1&card=4111111111111111&b=2", "a=1&card=************1111&b=2"),
        ("<pan>4111111111111111</pan>", "<pan>************1111</pan>"),
        ("x,4111111111111111\n", "x,************1111\n"),
        ("6304000000000000", "************0000"),
        ("1234 4111 1111 1111 1111", "1234 **** **** **** 1111"),
        ("4111&nbsp;1111&nbsp;1111&nbsp;1111", "****&nbsp;****&nbsp;****&nbsp;1111"),
        ("4111&#160;1111&#160;1111&#160;1111", "****&#160;****&#160;****&#160;1111"),
        ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "****\u{a0}****\u{a0}****\u{a0}1111"),
        ("4111\u{2009}1111\u{2009}1111\u{2009}1111", "****\u{2009}****\u{2009}****\u{2009}1111"),
        ("a 4111  1111  1111  1111 b", "a ****  ****  ****  1111 b"),
        ("4111 1111\u{a0}1111 1111", "**** ****\u{a0}**** 1111"),
        ("4111.1111.1111.1111", "****.****.****.1111"),
        ("4111+1111+1111+1111", "****+****+****+1111"),
        ("4111%201111%201111%201111", "****%20****%20****%201111"),
        ("4111%C2%A01111%C2%A01111%C2%A01111", "****%C2%A0****%C2%A0****%C2%A01111"),
        (r"4111\u00a01111\u00A01111\u00a01111", r"****\u00a0****\u00A0****\u00a01111"),
        ("4111\u{2013}1111\u{2013}1111\u{2013}1111", "****\u{2013}****\u{2013}****\u{2013}1111"),
        ("3782&thinsp;822463&thinsp;10005", "****&thinsp;******&thinsp;*0005"),
        ("4111-1111 1111.1111", "****-**** ****.1111"),
        ("4111.1111-1111 1111", "****.****-**** 1111"),
        ("4111 1111-1111 1111", "**** ****-**** 1111"),
        ("a 4111 1111 1111-1111,", "a **** **** ****-1111,"),
        ("4111&nbsp;1111-1111 1111", "****&nbsp;****-**** 1111"),
        ("3782-822463 10005", "****-****** *0005"),
        ("4111_1111_1111_1111", "****_****_****_1111"),
        ("x=4111/1111/1111/1111", "x=****/****/****/1111"),
        ("var x=4111111111111111;", "var x=1000000000001111;"),
        ("pan = 4111111111111111\nb", "pan = 1000000000001111\nb"),
        ("pay(4111111111111111)", "pay(1000000000001111)"),
        ("return 4111111111111111;", "return 1000000000001111;"),
        ("x?4111111111111111:0", "x?1000000000001111:0"),
        ("f=()=>4111111111111111;", "f=()=>1000000000001111;"),
        ("x='4111111111111111';", "x='************1111';"),
        ("Card: 4111111111111111\n", "Card: ************1111\n"),
        ("Ella;4111111111111111.0;x", "Ella;************1111.0;x"),
        ("4242424242424242.00", "************4242.00"),
        ("{\"pan\":4111111111111111.0}", "{\"pan\":1000000000001111.0}"),
        ("Kartennr.4111111111111111", "Kartennr.************1111"),
        ("No.4111111111111111", "No.************1111"),
        // Dankort, and a Maestro of what was Bankcard's.
        ("5019717010103742", "************3742"),
        ("5610 5910 8101 8250", "**** **** **** 8250"),
    ];
    for (input, expected) in cases {
        let got = masked(input);
        assert_eq!(got.len(), input.len(), "{input}");
        assert_eq!(got, expected, "{input}");
    }
}

#[test]
fn numbers_of_networks_of_one_country_are_cards() {
    // girocard, Maestro, Elo, Hipercard, Verve, RuPay, UnionPay, Uzcard, Humo, Troy.
    let numbers = [
        "6720307418529637",
        "6767307418529631",
        "5067307418529630",
        "5092307418529639",
        "6363307418529639",
        "6062307418529633",
        "5060307418529637",
        "5082307418529631",
        "6075307418529638",
        "8172307418529636",
        "8600307418529638",
        "9860307418529631",
        "9792307418529634",
    ];
    for number in numbers {
        assert_eq!(masked(number), format!("************{}", &number[12..]), "{number}");
        // With another check digit it is none.
        let other = format!("{}{}", &number[..15], (number.as_bytes()[15] - b'0' + 1) % 10);
        assert_eq!(masked(&other), other);
    }
}

#[test]
fn leaves_alone_what_only_looks_like_a_card() {
    let cases = [
        "4006381333931",                        // EAN-13
        "490154203237518",                      // IMEI
        "1700000000000000",                     // microseconds
        "1764000000000",                        // milliseconds
        "41111111-1111-4111-8111-111111111111", // UUID
        "0.4111111111111111",
        "4111111111111111.5",
        "4111111111111111.01",
        "4111111111111111.000",
        "4111111111111111.0px",
        "img.4111111111111111.jpg",
        "abc4111111111111111",
        "41111111111111112222",
        "4111111111111112", // Luhn fails
        "9111111111111111", // no brand
        "order_4111111111111111",
        // Words that only end like a label; numbers of orders, files, sessions.
        "postcard4111111111111111",
        "span4111111111111111",
        "acc4111111111111111",
        "INV4111111111111111",
        "img_4111111111111111.jpg",
        "card__4111111111111111",
        "+4111111111111111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "0000000000000000",
        "2026-11-24 18:13:16 4111",
        "4111,1111-1111 1111",
        "2026-11-24 1813 4111-1111",
        "/4111/2222/3333/4444",
        "4000-4100 4200.4300",
        "5210_2024_1180_0042",
        "4111    1111    1111    1111",
        "4111&amp;1111&amp;1111&amp;1111",
        "4111, 1111, 1111, 1111",
        "10.4111.1111.1111.1111",
    ];
    for input in cases {
        assert_eq!(masked(input), input);
        assert!(find(input.as_bytes()).is_empty(), "{input}");
    }
}

#[test]
fn reads_through_the_encoding_of_a_query() {
    assert_eq!(mask_query("a=4111+1111+1111+1111&b=1"), "a=****+****+****+1111&b=1");
    assert_eq!(mask_query("a=4111%201111%201111%201111"), "a=****%20****%20****%201111");
    assert_eq!(mask_query("a=%34111111111111111"), "a=************1111");
    assert!(matches!(mask_query("q=red+shoes%20%C5%BC"), Cow::Borrowed(_)));
}

/// Spreadsheets save "Unicode text" as UTF-16.
#[test]
fn wide_text_is_masked_whole_and_in_pieces() {
    let text = "Ella;4111 1111 1111 1111;é\r\nBo;5555\u{2009}5555\u{2009}5555\u{2009}4444;€\r\n";
    let masked = "Ella;**** **** **** 1111;é\r\nBo;****\u{2009}****\u{2009}****\u{2009}4444;€\r\n";
    let coded = |text: &str, way: usize| -> Vec<u8> {
        let mark = if way.is_multiple_of(2) { "" } else { "\u{feff}" };
        let text = format!("{mark}{text}");
        match way / 2 {
            0 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            1 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            2 => text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
            _ => text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
        }
    };
    for way in 0..8 {
        let (bytes, expected) = (coded(text, way), coded(masked, way));
        assert_eq!(masked_copy(&bytes), Some((expected.clone(), 2)), "{way}");
        assert_eq!(masked_copy(&coded("Ella;1234\r\n", way)), None, "{way}");
        for size in [4, 5, 7, 64, 1_000] {
            let (mut masker, mut out) = (StreamMasker::new(), Vec::new());
            for chunk in bytes.chunks(size) {
                match masker.pass(chunk) {
                    Some(certain) => out.extend_from_slice(&chunk[..certain]),
                    None => masker.push(chunk, &mut out),
                }
            }
            masker.finish(&mut out);
            assert_eq!((out, masker.masked()), (expected.clone(), 2), "{way} by {size}");
        }
    }
}

#[test]
fn a_stream_holds_back_only_a_short_tail() {
    let mut masker = StreamMasker::new();
    let mut out = Vec::new();
    masker.push(b"no digits here, plain text;", &mut out);
    assert_eq!(masker.held_bytes(), 0);
    masker.push(&[b'4'; 500], &mut out);
    assert!(masker.held_bytes() <= HOLD);
    masker.finish(&mut out);
    assert_eq!(out.len(), 527);
}

#[test]
fn an_event_is_never_held_back_and_a_number_in_two_chunks_is_masked() {
    let run = |chunks: &[&str]| {
        let mut masker = StreamMasker::for_events();
        let mut shown: Vec<String> = Vec::new();
        for chunk in chunks {
            let mut out = Vec::new();
            masker.push(chunk.as_bytes(), &mut out);
            shown.push(String::from_utf8(out).unwrap());
        }
        let mut out = Vec::new();
        masker.finish(&mut out);
        shown.push(String::from_utf8(out).unwrap());
        shown
    };
    // Whole events come out whole, whatever they end in.
    for event in
        ["data: x\n\n", "data: 42\n\n", "data: 4111 1111\r\n\r\n", "id: 7\ndata:  - \n\n", ": \n", "\n"]
    {
        assert_eq!(run(&[event]), [event, ""]);
    }
    assert_eq!(run(&["data: 4111 11", "11 1111 1111\n\n"]), ["data: ", "**** **** **** 1111\n\n", ""]);
    assert_eq!(run(&["data: 4111111111111111", "\n\n"]), ["data: ", "************1111\n\n", ""]);
    assert_eq!(run(&["data: 411111111111", "1111", "\n\n"]), ["data: ", "", "************1111\n\n", ""]);
    assert_eq!(run(&["data: 4111111111111111\n", "\n"]), ["data: ************1111\n", "\n", ""]);
    // Digits of two lines are two numbers.
    assert_eq!(run(&["data: 41111111\n", "11111111\n\n"]), ["data: 41111111\n", "11111111\n\n", ""]);
    assert_eq!(run(&["data: 4111 1111 1111", " 1111"]), ["data: ", "", "**** **** **** 1111"]);
}

fn card_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("4111111111111111".to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
        Just("3782-822463-10005".to_owned()),
        Just("{\"a\": 5555555555554444  }".to_owned()),
        Just("4111&nbsp;1111&#xA0;1111&nbsp;1111".to_owned()),
        Just("4111\u{2009}1111\u{2009}1111\u{2009}1111".to_owned()),
        Just("4111%20%201111%20%201111%20%201111".to_owned()),
        Just("4111.1111.1111.1111".to_owned()),
        Just("4111-1111 1111.1111".to_owned()),
        Just("4111_1111/1111 1111".to_owned()),
        Just("&nbsp;".to_owned()),
        "[0-9]{1,20}",
        "[ \\-.,:D=%B+\\[\\]}\n]{1,12}",
        Just("%B4111111111111111^".to_owned()),
        Just("a+4111111111111111".to_owned()),
        "[a-z]{1,5}",
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_stream_masks_exactly_what_the_whole_would(text in card_like(), cuts in proptest::collection::vec(1_usize..30, 1..20)) {
        let mut whole = text.clone().into_bytes();
        let count = mask_in_place(&mut whole);
        let mut masker = StreamMasker::new();
        let mut out = Vec::new();
        let mut rest = text.as_bytes();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (chunk, left) = rest.split_at((*cut).min(rest.len()));
            masker.push(chunk, &mut out);
            prop_assert!(masker.held_bytes() <= HOLD);
            rest = left;
        }
        masker.finish(&mut out);
        prop_assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&whole));
        prop_assert_eq!(masker.masked(), count);
    }

    #[test]
    fn no_number_falls_between_the_runs(text in card_like()) {
        prop_assert_eq!(find(text.as_bytes()), wide::each_byte_by_byte(text.as_bytes()));
    }

    #[test]
    fn what_passes_uncopied_is_what_would_have_been_copied(text in card_like(), cuts in proptest::collection::vec(1_usize..60, 1..20)) {
        let mut whole = text.clone().into_bytes();
        let count = mask_in_place(&mut whole);
        let mut masker = StreamMasker::new();
        let mut out = Vec::new();
        let mut rest = text.as_bytes();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (chunk, left) = rest.split_at((*cut).min(rest.len()));
            match masker.pass(chunk) {
                Some(certain) => out.extend_from_slice(&chunk[..certain]),
                None => masker.push(chunk, &mut out),
            }
            rest = left;
        }
        masker.finish(&mut out);
        prop_assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&whole));
        prop_assert_eq!(masker.masked(), count);
    }

    #[test]
    fn masking_keeps_lengths_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut copy = bytes.clone();
        mask_in_place(&mut copy);
        prop_assert_eq!(copy.len(), bytes.len());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        prop_assert_eq!(mask_str(&text).len(), text.len());
        mask_query(&text);
    }
}

#[test]
fn what_is_written_down_holds_no_number_in_any_dress() {
    for text in [
        "/a/4111.1111.1111.1111/x",
        "/a/41111111_11111111",
        "Mozilla 4111111111111111 x",
        "x4111111111111111x",
        "4111::1111::1111::1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4111111111111111.evil.example",
        "11114111111111111111",
        "pan[4111-1111]1111-1111",
    ] {
        let masked = mask_record(text);
        assert!(masked.contains('*') && masked.bytes().filter(u8::is_ascii_digit).count() < 6, "{masked}");
    }
    for text in [
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/131.0.6778.135 Mobile Safari/537.36",
        "/orders/20261124/items/12",
        "www.shop.example",
    ] {
        assert!(matches!(mask_record(text), Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn a_label_in_two_chunks_is_one() {
    let text = "x card_4111111111111111 y";
    for cut in 1..text.len() {
        let (mut masker, mut out) = (StreamMasker::new(), Vec::new());
        for chunk in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
            match masker.pass(chunk) {
                Some(certain) => out.extend_from_slice(&chunk[..certain]),
                None => masker.push(chunk, &mut out),
            }
        }
        masker.finish(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "x card_************1111 y", "cut at {cut}");
    }
}

// The points of a drawing, four digits each: one in some ten rows held four groups that pass for a card's, and came out with stars.
#[test]
fn a_row_of_groups_is_no_card_and_a_list_of_cards_is() {
    let (card, other) = ("4111 1111 1111 1111", "5500 0000 0000 0004");
    for row in [
        format!("M 1024 2048 1000 {card} 3000 2000 1000 Z"),
        format!("1024 2048 1000 2000 {card} 3000 2000 1000 2000"),
        format!("1024-2048-1000-{}-3000-2000-1000", card.replace(' ', "-")),
    ] {
        assert_eq!(masked(&row), row);
    }
    let stars = |text: &str| {
        text.replace("4111 1111 1111", "**** **** ****").replace("5500 0000 0000", "**** **** ****")
    };
    for list in [
        format!("{card} {other} {card}"),
        format!("{card} {other} {card} {other}"),
        format!("order 1024 {card}"),
        // An order's number, a card, its month; years around it; a row of cards.
        format!("order 1001 {card} 1227"),
        format!("2024 2025 {card} 2027 2028"),
        format!("1000 2000 3000 {card} {other} 1000 2000 3000"),
        format!("{card} 1024"),
        format!("7 {card} 12"),
        format!("12345 {card} 1024"),
    ] {
        assert_eq!(masked(&list), stars(&list));
        for step in [1, 7, 25, 60] {
            let mut masker = StreamMasker::new();
            let mut out = Vec::new();
            list.as_bytes().chunks(step).for_each(|chunk| masker.push(chunk, &mut out));
            masker.finish(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), stars(&list), "{step}");
        }
    }
}

// One number that reads as it stands led past one with a digit of another keyboard beside it.
#[test]
fn a_plain_number_hides_none_in_other_digits() {
    for text in [
        "4111111111111111 411111111111111\u{ff11}",
        "411111111111111\u{661} 4111111111111111",
        "4111111111111111 5555555555554444 411111111111111\u{6f1}",
        "411111111111111\u{ff11}",
    ] {
        assert!(has_foreign(text.as_bytes()), "{text}");
    }
    for text in [
        "4111111111111111 \u{ff11}",
        "4111111111111111\u{ff11}\u{ff12}",
        "411111111111111\u{ff12}",
        "4111111111111111",
    ] {
        assert!(!has_foreign(text.as_bytes()), "{text}");
    }
}
