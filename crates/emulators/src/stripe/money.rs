//! Amounts and currencies as Stripe takes them (docs.stripe.com/currencies).

use super::error::{Outcome, StripeError};

/// Presentment currencies, as far as shops meet them.
const CURRENCIES: [&str; 68] = [
    "aed", "all", "amd", "ars", "aud", "azn", "bam", "bdt", "bgn", "bhd", "bif", "brl", "cad", "chf", "clp",
    "cny", "cop", "crc", "czk", "dkk", "dop", "egp", "eur", "gbp", "gel", "hkd", "huf", "idr", "ils", "inr",
    "isk", "jod", "jpy", "kes", "krw", "kwd", "kzt", "lkr", "mad", "mdl", "mkd", "mxn", "myr", "ngn", "nok",
    "nzd", "omr", "pen", "php", "pkr", "pln", "pyg", "qar", "ron", "rsd", "rwf", "sar", "sek", "sgd", "thb",
    "tnd", "try", "twd", "uah", "ugx", "usd", "vnd", "zar",
];

/// The least amount of a charge, where Stripe publishes one.
const LEAST: [(&str, i64); 24] = [
    ("usd", 50),
    ("aud", 50),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("czk", 1500),
    ("dkk", 250),
    ("eur", 50),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17500),
    ("inr", 50),
    ("jpy", 50),
    ("mxn", 1000),
    ("nok", 300),
    ("nzd", 50),
    ("pln", 200),
    ("ron", 200),
    ("sek", 300),
    ("aed", 200),
    ("bgn", 100),
    ("myr", 200),
    ("sgd", 50),
    ("thb", 1000),
];

/// "Eight digits" in these currencies, 999,999.99 where they have two decimals; twelve in the others, of which a unit is worth little.
const EIGHT_DIGITS: [&str; 16] = [
    "aud", "brl", "cad", "chf", "czk", "dkk", "eur", "gbp", "hkd", "mxn", "nok", "nzd", "pln", "ron", "sek",
    "usd",
];
const MOST: i64 = 99_999_999;
const MOST_OF_OTHERS: i64 = 999_999_999_999;

/// The currency in small letters.
pub fn currency(given: &str) -> Outcome<String> {
    let small = given.to_ascii_lowercase();
    if CURRENCIES.contains(&small.as_str()) {
        return Ok(small);
    }
    let list = CURRENCIES.join(", ");
    Err(StripeError::invalid(format!(
        "Invalid currency: {small}. Stripe currently supports these currencies: {list}"
    ))
    .param("currency"))
}

/// Whether an amount may be charged in this currency.
pub fn chargeable(amount: i64, currency: &str, param: &str) -> Outcome<()> {
    if amount < 1 {
        let message = "This value must be greater than or equal to 1.";
        return Err(StripeError::invalid(message).code("parameter_invalid_integer").param(param));
    }
    let most = if EIGHT_DIGITS.contains(&currency) { MOST } else { MOST_OF_OTHERS };
    if amount > most {
        let message = format!("Amount must be no more than {}", crate::page::amount(most, currency));
        return Err(StripeError::invalid(message).code("amount_too_large").param(param));
    }
    let step = match currency {
        // Three digits, of which the last is 0.
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 10,
        // Whole units, though written with two digits.
        "isk" | "ugx" => 100,
        _ => 1,
    };
    if amount % step != 0 {
        let message = format!("Invalid amount: in {currency} the amount must be a multiple of {step}.");
        return Err(StripeError::invalid(message).code("invalid_charge_amount").param(param));
    }
    let least = LEAST.iter().find(|(known, _)| *known == currency).map_or(1, |(_, least)| *least);
    if amount < least {
        let message = format!("Amount must be at least {}", crate::page::amount(least, currency));
        return Err(StripeError::invalid(message).code("amount_too_small").param(param));
    }
    Ok(())
}

/// What the stand-in keeps of a charge: 1.5 % and 25 minor units, rounded half up. A merchant's real fee is in the contract.
pub fn fee(amount: i64) -> i64 {
    (amount * 15 + 500) / 1000 + 25
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_follow_their_currency() {
        for (amount, currency, holds) in [
            (50, "eur", true),
            (49, "eur", false),
            (0, "eur", false),
            (-5, "eur", false),
            (99_999_999, "usd", true),
            (100_000_000, "usd", false),
            (150_000_000, "idr", true),
            (1_000_000_000_000, "idr", false),
            (199, "aed", false),
            (1000, "thb", true),
            (50, "jpy", true),
            (1230, "kwd", true),
            (1234, "kwd", false),
            (500, "isk", true),
            (550, "isk", false),
        ] {
            assert_eq!(chargeable(amount, currency, "amount").is_ok(), holds, "{amount} {currency}");
        }
        assert_eq!(currency("EUR").ok().as_deref(), Some("eur"));
        assert!(currency("xxx").is_err());
    }
}
