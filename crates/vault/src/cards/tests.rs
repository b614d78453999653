//! Card numbers in notes, and what stands there and is none.

use proptest::prelude::*;

use super::*;
use crate::values::{Rule, check};

#[test]
fn no_field_takes_a_card_number() {
    for given in ["4111111111111111", "card 4111 1111 1111 1111 please", "5555-5555-5555-4444"] {
        let why = check(Rule::Text(200), given).unwrap_err();
        assert!(why.contains("card number") && !why.contains("1111"), "{why}");
    }
    for given in [
        "４１１１１１１１１１１１１１１１",
        "\u{664}\u{661}\u{661}\u{661} 1111 1111 1111",
        "4111\u{2009}1111\u{2009}1111\u{2009}1111",
        "4111\u{2011}1111\u{2011}1111\u{2011}1111",
        "41111111\u{200b}11111111",
        "\u{1d7d2}111111111111111",
    ] {
        assert!(check(Rule::Text(200), given).is_err(), "{given}");
    }
    // Fifteen digits are a card that is no telephone number.
    for given in ["+378282246310005", "00378282246310005", "+37 8282-246310005"] {
        assert!(check(Rule::Phone, given).unwrap_err().contains("card number"), "{given}");
    }
    assert!(check(Rule::Phone, "+4915112345675").is_ok());
    // With blanks between single digits, and with letters beside it.
    for given in [
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        "card 42 42-42 42 - 42 42 42 42.",
        "4\u{a0}2 4 2 4 2 4 2\u{2011}4 2 4 2 4 2 4 2",
        "x4242424242424242",
        "tok_4242424242424242",
        "tok_4242424242424242_x",
        "ab4242424242424242",
    ] {
        assert!(check(Rule::Text(200), given).is_err(), "{given}");
        assert!(holds_card(given));
    }
    // An order number of the same length that is none; numbers beside each other; an account number, a moment, a provider's name.
    for given in [
        "4111111111111112",
        "WC-4111111111111112",
        "sizes 36 37 38 39 40 41 42",
        "+49 30 1234567 or +49 30 7654321",
        "2026-11-26 10 30, table 4 4 1 2",
        "BE68539007547034",
        "said-withdraw-1790000000000000",
        "pm_1NXWPnLkdIwHu7ixgFGqUHoA",
        "call 40 12 34 56 - 42 98 76 54",
    ] {
        assert!(check(Rule::Text(200), given).is_ok(), "{given}");
    }
    for name in ["42424242-42424242", "4242-424242424242", "a_1-42424242_42-424242", "42--42424242424242"] {
        assert!(name_holds_card(name), "{name}");
    }
    for name in ["42424242-42424241", "2026-11-26-1030", "550e8400-e29b-41d4-a716-446655440000", "a-1", ""] {
        assert!(!name_holds_card(name), "{name}");
    }
    // Fourteen digits of which a card's check digit fits, but for the country before them.
    assert!(is_iban("BE68539007547034") && !is_iban("BE68539007547035"));
}

// A note kept the number where two signs, or others than a blank or a dash, stood between its groups.
#[test]
fn a_card_number_is_found_whatever_stands_between_its_groups() {
    let gaps =
        ["--", " -- ", ". ", ",", ", ", ":", "|", " | ", "\u{b7}", " \u{2013} ", ") (", "\n- ", "*", ";"];
    for gap in gaps {
        for groups in [
            &["4242", "4242", "4242", "4242"][..],
            &["42424242", "42424242"],
            &["3782", "822463", "10005"],
            &["4", "2", "4", "2", "4", "2", "4", "2", "4", "2", "4", "2", "4", "2", "4", "2"],
            &["42", "42", "42", "42", "42", "42", "42", "42"],
        ] {
            // Two numbers of eight digits, such as of orders.
            if groups.len() == 2 && gap == ", " {
                continue;
            }
            let number = groups.join(gap);
            for given in [number.clone(), format!("call 030 1234, card: {number}, CVC 123")] {
                assert!(holds_card(&given), "{given}");
            }
        }
    }
    for given in
        ["4242-- 4242, 4242 | 4242", "4111,1111:1111|1111", "4242\u{ff0c}4242\u{3001}4242\u{30fb}4242"]
    {
        assert!(check(Rule::Text(200), given).unwrap_err().contains("card number"), "{given}");
    }
}

#[test]
fn ordinary_notes_are_no_card_numbers() {
    for given in [
        "45,50 12,50 13,40 14,90; 2 x 19,99, 1 x 7,50 = 113,79",
        "4 x 12.50, 2 x 13.40, 1 x 41.90: 118.70 EUR",
        "Tel. 0441 / 123456, mobil: 0151--23456789, Fax 0441 / 123457",
        "+44 20 7946 0001; +44 20 7946 0002 | +49 30 1234567",
        "IBAN: DE89 3704 0044 0532 0130 00, BIC COBADEFFXXX",
        "IBAN GB29-NWBK-6016-1331-9268-19 / FR14 2004 1010 0505 0001 3M02 606",
        "2026-11-26 10:30:00, 2026-11-27 11:45:30, 2026-11-28T09:00:00Z",
        "26.11.2026 -- 27.11.2026, 10:30 -- 11:45; 28.11.2026, 09:00",
        "4006381333931, 4009900482168; 4011200296908\n4005500087083",
        "2023, 2024, 2025, 2026 | 2027",
        "10115, 20095, 50667, 80331",
        "sizes 36, 37, 38, 39, 40, 41, 42; 10.20.30.40, 10.20.30.41",
        "order 45001234: 2 parcels, 00340434161094021501",
        "41 mm x 42 mm x 43 mm, 44 | 45 | 46",
    ] {
        assert!(check(Rule::Text(200), given).is_ok(), "{given}");
    }
}

// Let through: groups of other lengths, a decimal behind it, zeros before it, and small groups with a slash between.
#[test]
fn no_grouping_hides_a_card_number() {
    for given in [
        "4242424242 424242",
        "424242 4242424242",
        "42424242424\n24242",
        "42424242424-24242",
        "4242424242/424242",
        "37828224 6310005",
        "4242424242424242-123",
        "378282246310005-1234",
        "card 4242424242424242/123 exp",
        "5060666666666666666",
        "4242424242424242.5",
        "4242424242424242,50",
        "card 4242424242424242.5, please",
        "00004242424242424242",
        "04242424242424242",
        "0000378282246310005.0",
        "42/42/42/42/42/42/42/42",
        "4/2/4/2/4/2/4/2/4/2/4/2/4/2/4/2",
        "42.42.42.42.42.42.42.42",
        "424.242.424.242.424.2",
        "4,242,424,242,424,242",
    ] {
        assert!(holds_card(given), "{given}");
        assert!(check(Rule::Text(100), given).unwrap_err().contains("card number"), "{given}");
    }
}

// Let through: a code or a month behind, groups of other lengths, words between them, and two brands.
#[test]
fn neither_a_code_behind_it_nor_odd_groups_nor_words_hide_a_card_number() {
    for given in [
        "4242-4242-4242-4242-123",
        "4242.4242.4242.4242.123",
        "card: 4242-4242-4242-4242-12-28",
        "order 17, 4242-4242-4242-4242-12/28-123",
        "3782-822463-10005-12",
        "42424242424242421228",
        "42424242424242421228123",
        "4 242424242424242",
        "4-242424242424242",
        "42 424242 42424242",
        "pays with 424242 42 42424242 please",
        "4242 then 4242 then 4242 then 4242",
        "4242 dann 4242 dann 4242 dann 4242, 12/28",
        "5019717010103742",
        "5610 5910 8101 8250",
    ] {
        assert!(holds_card(given), "{given}");
        assert!(check(Rule::Text(100), given).unwrap_err().contains("card number"), "{given}");
    }
    // What is as long, and is something else: orders, orders with a day, articles with how many, two telephone numbers, years, parcels.
    for given in [
        "orders 45257274, 48704383",
        "orders 45257274; 48704383",
        "45257274-26-11-2026",
        "2026-11-26-45257274",
        "4006381333931 123",
        "2 490154203237518",
        "40123456 42 98 76 54",
        "+49 151 12345678 123",
        "4100 and 4107 and 4115 and 4126",
        "2023 or 2024 or 2025 or 2026",
        "4976 and 6974 and 2769 and 6476",
        "00340434161094021501, 40000000000000021328",
    ] {
        assert!(check(Rule::Text(200), given).is_ok(), "{given}");
    }
}

fn luhn(digits: &str) -> String {
    (0..10)
        .map(|last| format!("{digits}{last}"))
        .find(|number| {
            let sum = number.bytes().rev().enumerate().map(|(place, digit)| {
                let digit = u32::from(digit - b'0');
                if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
            });
            sum.sum::<u32>() % 10 == 0
        })
        .unwrap()
}

/// A number of the brands' ranges with its check digit.
fn card() -> impl Strategy<Value = String> {
    // Visa, Mastercard in both its ranges, American Express, Diners Club and Discover, without the check digit.
    let body = [
        "4[0-9]{14}",
        "5[1-5][0-9]{13}",
        "22[3-9][0-9]{12}",
        "3[47][0-9]{12}",
        "36[0-9]{11}",
        "6011[0-9]{11}",
    ];
    let body =
        proptest::sample::select(body.to_vec()).prop_flat_map(|body| body.prop_map(|body| luhn(&body)));
    body.prop_filter("of one digit alone", |number| number.bytes().any(|b| Some(b) != number.bytes().next()))
}

/// What stands in shops' notes and is as long: with a check digit of its own, or none.
fn ordinary() -> impl Strategy<Value = String> {
    let accounts = [
        ("DE", "[0-9]{18}"),
        ("NL", "ABNA[0-9]{10}"),
        ("FR", "[0-9]{23}"),
        ("GB", "NWBK[0-9]{14}"),
        ("BE", "[0-9]{12}"),
    ];
    let accounts = proptest::sample::select(accounts.to_vec());
    prop_oneof![
        4 => accounts.prop_flat_map(|(country, bban)| bban.prop_map(move |bban| iban(country, &bban))),
        16 => proptest::sample::select(NOTED.to_vec()).prop_flat_map(|form| form),
    ]
}

/// An account's number as it is printed, with check digits that fit (ISO 13616-1).
fn iban(country: &str, bban: &str) -> String {
    let left = format!("{bban}{country}00").chars().fold(0, |left, sign| {
        let value = sign.to_digit(36).unwrap();
        (left * if value < 10 { 10 } else { 100 } + value) % 97
    });
    let whole = format!("{country}{:02}{bban}", 98 - left);
    let groups: Vec<&str> =
        whole.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(" ")
}

const NOTED: [&str; 25] = [
    // Telephone numbers as people write them, one or two.
    "\\+49 (30|40|89|151|176) [0-9]{7,8}",
    "\\+44 20 [0-9]{4} [0-9]{4}(, \\+44 7[0-9]{3} [0-9]{6})?",
    "0[1-9][0-9]{2,3} ?/ ?[0-9]{6,8}(, 01[567][0-9] [0-9]{7,8})?",
    "0[1-9]( [0-9]{2}){4}( / 0[67]( [0-9]{2}){4})?",
    "\\+45 [2-9][0-9]( [0-9]{2}){3}",
    "\\([2-9][0-9]{2}\\) [2-9][0-9]{2}-[0-9]{4} x[0-9]{2,4}",
    "[2-9][0-9]{7} [2-9][0-9]{7}",
    // Articles and parcels: GTIN-8 and GTIN-13 in lists, SSCC, DHL, UPS, and orders with a day.
    "4[0-9]{12}(, 4[0-9]{12}){0,3}",
    "4[0-9]{12} [0-9]{1,4}",
    "(00)?34[0-9]{16}",
    "1Z[0-9A-F]{16}",
    "JJD0003[0-9]{14}",
    "20[0-9]{2}-(0[1-9]|1[0-2])-[0-2][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]",
    "[0-3][0-9]\\.(0[1-9]|1[0-2])\\.20[0-9]{2}, [0-2][0-9]:[0-5][0-9]",
    "20[0-9]{6}[ -][0-9]{6}",
    "order 20[0-9]{2}-[0-9]{6}, parcel [0-9]{12}",
    "0\\.[0-9]{16}",
    "[0-9]{1,3},[0-9]{2}( [0-9]{1,3},[0-9]{2}){1,6}",
    // Orders: two of eight digits, one with its day, and one with a position behind it.
    "orders [1-9][0-9]{7}, [1-9][0-9]{7}",
    "[1-9][0-9]{7}-(0[1-9]|[12][0-9]|3[01])-(0[1-9]|1[0-2])-20[0-9]{2}",
    "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])-[1-9][0-9]{7}",
    "[0-9]{3}-[0-9]{7}-[0-9]{7}",
    // Telephone numbers of eight digits in two ways of writing them, and one with an extension.
    "[2-9][0-9]{7} [2-9][0-9]( [0-9]{2}){3}",
    "\\+4[0-9] 1[567][0-9] [0-9]{8} [0-9]{2,3}",
    // Articles with how many of them.
    "[1-9][0-9]? 4[0-9]{12}",
];

proptest! {
    #[test]
    fn a_card_number_is_found_in_every_grouping(number in card(), at in 4..11_usize, gap in "[-/.\n ]", zeros in "0{1,4}", decimals in "[.,][0-9]{1,2}") {
        let (one, two) = number.split_at(at);
        if one.len() != two.len() && two.len() > 3 {
            let given = format!("{one}{gap}{two}");
            prop_assert!(holds_card(&given), "{}", given);
        }
        for given in [format!("{zeros}{number}"), format!("{number}{decimals}"), format!("{zeros}{number}{decimals}")] {
            prop_assert!(holds_card(&given), "{}", given);
        }
    }

    #[test]
    fn what_stands_in_notes_is_none(one in ordinary(), two in ordinary()) {
        prop_assert!(!holds_card(&one), "{}", one);
        let given = format!("call {one}; see {two}");
        prop_assert!(!holds_card(&given), "{}", given);
    }
}
