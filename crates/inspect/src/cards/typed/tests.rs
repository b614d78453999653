use super::*;

const NUMBER: &str = "4242424242424242";

/// Each number in the digits of another script.
fn in_digits_of(zero: u32) -> String {
    NUMBER.chars().filter_map(|digit| char::from_u32(zero + digit.to_digit(10)?)).collect()
}

#[test]
fn as_people_type_them() {
    for text in [
        "4242424242424242",
        "Karte4242424242424242",
        "x4242424242424242",
        "my card:x4242424242424242",
        "4242424242424242-1234",
        "4242424242424242.1227",
        "4242424242424242_12",
        "4242424242424242-12/27",
        "4242 4242 4242 4242-12/27",
        "42424242 42424242",
        "42424242-42424242",
        "4242 4242 42424242",
        "4242\r\n4242\r\n4242\r\n4242",
        "4242 4242\r\n4242 4242",
        "4242 - 4242 - 4242 - 4242",
        "4242::4242::4242::4242",
        "4242|4242|4242|4242",
        "3782 822463\n10005",
        "%34242424242424242",
        "%2534242424242424242",
        "42424242%252042424242",
        "4242%20%204242%204242%0d%0a4242",
        "カード4242424242424242です",
        "4242\u{2014}4242\u{2014}4242\u{2014}4242",
        "4242\u{200b}4242\u{200b}4242\u{200b}4242",
        "DE90 4242 4242 4242 4242",
    ] {
        assert!(has_typed(text.as_bytes()), "{text}");
    }
    for zero in ZEROS {
        assert!(has_typed(in_digits_of(zero).as_bytes()), "{zero:x}");
        assert!(crate::cards::has_foreign(in_digits_of(zero).as_bytes()), "{zero:x}");
        let first = char::from_u32(zero).unwrap().encode_utf8(&mut [0; 4]).as_bytes()[0];
        assert!(FOREIGN_DIGITS_BEGIN.contains(&first), "{zero:x}");
    }
    assert!(ZEROS.is_sorted());
}

#[test]
fn what_only_looks_like_one() {
    for text in [
        "4242424242424243",
        "order 2026112710151234",
        "PO-4242424242424242",
        "order_4242424242424242",
        "a4b4242424242424242",
        "0x4242424242424242",
        "Zk4242424242424242Qp",
        "4242424242424242aBcDeF",
        "4f11a1c09b7e4242424242424242f111c2d3",
        "0.4242424242424242",
        "41111111-1111-4111-8111-111111111111",
        "4242,4242,4242,4242",
        "[4242, 4242, 4242, 4242]",
        "4242;4242;4242;4242",
        "+49 4111 111111",
        "1000 2000 3000 4242 4242 4242 4242 1000 2000 3000",
        "BE68 5390 0754 7034",
        "42424242424242424242",
        "4242 4242 4242 4242abc",
        "4006381333931",
        "2026-11-28 09:15:30 4242",
    ] {
        assert!(!has_typed(text.as_bytes()), "{text}");
    }
}

// A shop may be paid by account: such numbers end as cards' do in one of some fifty.
#[test]
fn an_account_s_number_in_one_is_no_card_s() {
    for (country, length) in
        [("BE", 12), ("DK", 14), ("FI", 14), ("SI", 15), ("AT", 16), ("LT", 16), ("HR", 17)]
    {
        let mut numbers = Numbers(7);
        for _ in 0..3_000 {
            let basic = numbers.signs(length, b"0123456789");
            let behind: String = country
                .bytes()
                .map(|letter| (letter - b'A' + 10).to_string())
                .chain(["00".to_owned()])
                .collect();
            let left = format!("{basic}{behind}")
                .bytes()
                .fold(0_u64, |left, digit| (left * 10 + u64::from(digit - b'0')) % 97);
            let account = format!("{country}{:02}{basic}", 98 - left);
            assert!(!has_typed(account.as_bytes()), "{account}");
        }
    }
}

/// Numbers that are the same each time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let one = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let two = (one ^ one >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        two ^ two >> 31
    }

    fn signs(&mut self, count: usize, of: &[u8]) -> String {
        (0..count).map(|_| char::from(of[usize::try_from(self.next() % of.len() as u64).unwrap()])).collect()
    }
}

// What shops send along: docs/security.md names the figures.
#[test]
fn how_often_a_token_passes_for_a_card() {
    const HEX: &[u8] = b"0123456789abcdef";
    const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const DIGITS: &[u8] = b"0123456789";
    let mut numbers = Numbers(1);
    let uuid = |numbers: &mut Numbers| {
        let hex = numbers.signs(30, HEX);
        let variant = numbers.signs(1, b"89ab");
        format!("{}-{}-4{}-{variant}{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
    };
    type Make<'a> = &'a dyn Fn(&mut Numbers) -> String;
    let kinds: [(&str, Make<'_>, usize); 11] = [
        ("UUID", &uuid, 3),
        ("32 signs of hex", &|numbers| numbers.signs(32, HEX), 3),
        ("40 signs of hex", &|numbers| numbers.signs(40, HEX), 3),
        ("64 signs of hex", &|numbers| numbers.signs(64, HEX), 3),
        ("26 signs of base 64", &|numbers| numbers.signs(26, BASE64), 1),
        ("86 signs of base 64", &|numbers| numbers.signs(86, BASE64), 1),
        (
            "a day, a moment, a number",
            &|numbers| {
                format!("2026-11-28T09:15:30.{} #{}", numbers.signs(3, DIGITS), numbers.signs(6, DIGITS))
            },
            1,
        ),
        (
            "a place",
            &|numbers| format!("48.{}, 11.{}", numbers.signs(15, DIGITS), numbers.signs(15, DIGITS)),
            1,
        ),
        (
            "a telephone number",
            &|numbers| format!("+49 {} {}", numbers.signs(4, DIGITS), numbers.signs(8, DIGITS)),
            1,
        ),
        ("16 digits", &|numbers| numbers.signs(16, DIGITS), 800),
        ("a letter and 16 digits", &|numbers| format!("H{}", numbers.signs(16, DIGITS)), 800),
    ];
    for (what, make, most) in kinds {
        let count = (0..20_000).filter(|_| has_typed(make(&mut numbers).as_bytes())).count();
        println!("{what}: {count} of 20,000");
        assert!(count <= most, "{what}: {count}");
    }
}

/// Quadratic, it would be hours before this ends: the runner stops it.
#[test]
fn work_grows_with_the_text_alone() {
    for piece in [
        "4242 ",
        "42424242-",
        "x4",
        "%25",
        "%2534",
        "\u{0664}",
        "1",
        "4242-4242-4242-424 ",
        "4242 4242 4242 4241 ",
    ] {
        has_typed(piece.repeat(2_000_000 / piece.len()).as_bytes());
    }
}
