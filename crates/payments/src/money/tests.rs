use proptest::prelude::*;

use super::*;

fn money(minor: i64, code: &str) -> Money {
    Money { minor, currency: code.parse().unwrap() }
}

#[test]
fn decimals_are_those_of_the_standard() {
    for (code, decimals) in
        [("EUR", 2), ("JPY", 0), ("KRW", 0), ("ISK", 0), ("KWD", 3), ("BHD", 3), ("TND", 3), ("HUF", 2)]
    {
        assert_eq!(code.parse::<Currency>().unwrap().decimals(), decimals, "{code}");
    }
    for bad in ["eur", "EU", "EURO", "XXX", "XAU", "", "E R", "€"] {
        assert_eq!(bad.parse::<Currency>(), Err(MoneyFault::Currency), "{bad}");
    }
}

/// Mistake 4: "×100" money. Yen were overcharged a hundred times elsewhere, and refunds became a hundredth.
#[test]
fn yen_are_not_hundredths() {
    assert_eq!(money(5800, "JPY").to_stripe(), Ok(5800));
    assert_eq!(money(5800, "JPY").to_paypal().unwrap(), "5800");
    assert_eq!(Money::from_paypal("5800", "JPY"), Ok(money(5800, "JPY")));
    assert_eq!(Money::from_stripe(58, "jpy"), Ok(money(58, "JPY")));
}

#[test]
fn the_providers_exceptions() {
    let stripe: [(i64, &str, Result<i64, MoneyFault>); 8] = [
        (1999, "EUR", Ok(1999)),
        (5, "ISK", Ok(500)),
        (7, "UGX", Ok(700)),
        (1500, "MGA", Ok(15)),
        (1550, "MGA", Err(MoneyFault::Form)),
        (5120, "KWD", Ok(5120)),
        (5124, "KWD", Err(MoneyFault::Form)),
        (i64::MAX, "ISK", Err(MoneyFault::Range)),
    ];
    for (minor, code, expected) in stripe {
        assert_eq!(money(minor, code).to_stripe(), expected, "{minor} {code}");
    }
    let paypal: [(i64, &str, Result<&str, MoneyFault>); 9] = [
        (1999, "EUR", Ok("19.99")),
        (5, "EUR", Ok("0.05")),
        (150_000, "HUF", Ok("1500")),
        (150_050, "HUF", Err(MoneyFault::Form)),
        (30_000, "TWD", Ok("300")),
        (30_001, "TWD", Err(MoneyFault::Form)),
        (300, "JPY", Ok("300")),
        // PayPal does not know dinars.
        (5120, "KWD", Err(MoneyFault::Form)),
        (-1, "EUR", Err(MoneyFault::Form)),
    ];
    for (minor, code, expected) in paypal {
        assert_eq!(money(minor, code).to_paypal().as_deref().map_err(|e| *e), expected, "{minor} {code}");
    }
}

// What is offered and then refused is a dead end for the buyer.
#[test]
fn stripe_takes_what_it_says() {
    for (minor, code, is_taken) in [
        (49, "USD", false),
        (50, "USD", true),
        (99_999_999, "EUR", true),
        (100_000_000, "EUR", false),
        (999_999_999_999, "EUR", false),
        // Some 60 dollars.
        (100_000_000, "IDR", true),
        (17_499, "HUF", false),
        (199, "AED", false),
        (199, "MYR", false),
        (49, "SGD", false),
        (999, "THB", false),
        (1000, "THB", true),
        (49, "JPY", false),
        (335, "KWD", false),
        (340, "KWD", true),
    ] {
        assert_eq!(money(minor, code).is_taken_by_stripe(), is_taken, "{minor} {code}");
    }
}

#[test]
fn paypals_text_is_read_strictly() {
    for (text, code, minor) in [
        ("19.99", "EUR", 1999),
        ("19.9", "EUR", 1990),
        ("19", "EUR", 1900),
        ("-3.10", "EUR", -310),
        ("500.00", "JPY", 500),
        ("1500", "HUF", 150_000),
    ] {
        assert_eq!(Money::from_paypal(text, code), Ok(money(minor, code)), "{text}");
    }
    for bad in [
        "",
        ".",
        "19.",
        ".99",
        "1,99",
        "1e3",
        "+1",
        "19.999",
        "19.990x",
        " 1",
        "--1",
        "1.2.3",
        "99999999999999999",
        "NaN",
        "٣",
    ] {
        assert!(Money::from_paypal(bad, "EUR").is_err(), "{bad}");
    }
}

#[test]
fn amounts_that_nobody_pays() {
    let eur = "EUR".parse().unwrap();
    for minor in [0, -1, i64::MIN, MOST_MINOR + 1, i64::MAX] {
        assert_eq!(Money::new(minor, eur), Err(MoneyFault::Range));
    }
    assert_eq!(money(1, "EUR").plus(money(1, "USD")), Err(MoneyFault::Currencies));
    assert_eq!(money(i64::MAX, "EUR").plus(money(1, "EUR")), Err(MoneyFault::Range));
    assert_eq!(money(i64::MAX, "EUR").times(2), Err(MoneyFault::Range));
    assert_eq!(money(i64::MIN, "EUR").minus(money(1, "EUR")), Err(MoneyFault::Range));
    assert_eq!(money(1999, "EUR").to_string(), "19.99 EUR");
    assert_eq!(money(-5, "KWD").to_string(), "-0.005 KWD");
}

fn currency() -> impl Strategy<Value = Currency> {
    let all: Vec<&str> = [NONE, TWO, THREE].into_iter().flat_map(str::split_ascii_whitespace).collect();
    proptest::sample::select(all).prop_map(|code| code.parse().unwrap())
}

proptest! {
    /// What goes out comes back, or does not go out: no form rounds.
    #[test]
    fn no_form_loses_a_unit(minor in 0..=MOST_MINOR, currency in currency()) {
        let money = Money { minor, currency };
        if let Ok(amount) = money.to_stripe() {
            prop_assert_eq!(Money::from_stripe(amount, &currency.code().to_ascii_lowercase()), Ok(money));
        }
        if let Ok(text) = money.to_paypal() {
            prop_assert_eq!(Money::from_paypal(&text, currency.code()), Ok(money));
        }
    }

    #[test]
    fn sums_are_checked(a in any::<i64>(), b in any::<i64>()) {
        let (one, two) = (money(a, "EUR"), money(b, "EUR"));
        prop_assert_eq!(one.plus(two).ok().map(|sum| sum.minor), a.checked_add(b));
        prop_assert_eq!(one.minus(two).ok().map(|sum| sum.minor), a.checked_sub(b));
    }

    #[test]
    fn paypals_reader_never_panics(text in ".{0,24}") {
        let _ = Money::from_paypal(&text, "EUR");
        let _ = Money::from_paypal(&text, "KWD");
    }
}
