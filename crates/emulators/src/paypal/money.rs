//! Amounts as PayPal writes them: decimal texts with the currency's digits.

use serde_json::{Value, json};

/// PayPal's currencies (developer.paypal.com/api/rest/reference/currency-codes).
const CURRENCIES: [&str; 24] = [
    "AUD", "BRL", "CAD", "CNY", "CZK", "DKK", "EUR", "HKD", "HUF", "ILS", "JPY", "MYR", "MXN", "TWD", "NZD",
    "NOK", "PHP", "PLN", "GBP", "SGD", "SEK", "CHF", "THB", "USD",
];

/// What is wrong with an amount, as PayPal's issue.
pub type Wrong = &'static str;

/// An amount in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    pub minor: i64,
    pub currency: String,
}

impl Money {
    pub fn new(minor: i64, currency: &str) -> Money {
        Money { minor, currency: currency.to_owned() }
    }

    /// Reads `{"currency_code": …, "value": "…"}`, whose shape was checked.
    pub fn read(value: &Value) -> Result<Money, Wrong> {
        let currency = value.get("currency_code").and_then(Value::as_str).unwrap_or("");
        if !CURRENCIES.contains(&currency) {
            return Err("INVALID_CURRENCY_CODE");
        }
        let text = value.get("value").and_then(Value::as_str).unwrap_or("");
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = digits(currency);
        let part_length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        if part_length > digits || (text.contains('.') && digits == 0) {
            return Err("DECIMAL_PRECISION");
        }
        if whole.trim_start_matches('-').len() > 15 {
            return Err("MAX_VALUE_EXCEEDED");
        }
        let whole: i64 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_not_whole| "INVALID_PARAMETER_SYNTAX")?
        };
        let parsed: i64 = if part.is_empty() {
            0
        } else {
            part.parse().map_err(|_not_whole| "INVALID_PARAMETER_SYNTAX")?
        };
        let part = parsed * 10_i64.pow(digits - part_length);
        let scaled = whole.checked_mul(10_i64.pow(digits)).ok_or("MAX_VALUE_EXCEEDED")?;
        let minor = if text.starts_with('-') { scaled - part } else { scaled + part };
        Ok(Money::new(minor, currency))
    }

    pub fn to_json(&self) -> Value {
        json!({ "currency_code": self.currency, "value": self.text() })
    }

    pub fn text(&self) -> String {
        let digits = digits(&self.currency);
        if digits == 0 {
            return self.minor.to_string();
        }
        let scale = 10_i64.pow(digits);
        let sign = if self.minor < 0 { "-" } else { "" };
        format!("{sign}{}.{:02}", (self.minor / scale).abs(), (self.minor % scale).abs())
    }

    /// What the stand-in keeps: 2.49 % and 0.35, rounded half up. A merchant's real fee is in the contract.
    pub fn fee(&self) -> Money {
        let fixed = if digits(&self.currency) == 0 { 1 } else { 35 };
        let fee = (self.minor.saturating_mul(249) + 5_000) / 10_000 + fixed;
        Money::new(fee.min(self.minor), &self.currency)
    }
}

/// How many digits PayPal takes behind the point.
pub fn digits(currency: &str) -> u32 {
    match currency {
        "HUF" | "JPY" | "TWD" => 0,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_by_their_currency() {
        for (currency, value, expected) in [
            ("EUR", "19.99", Ok(1999)),
            ("EUR", "19.9", Ok(1990)),
            ("EUR", "19", Ok(1900)),
            ("EUR", ".5", Ok(50)),
            ("EUR", "-1.25", Ok(-125)),
            ("EUR", "-0.25", Ok(-25)),
            ("EUR", "19.999", Err("DECIMAL_PRECISION")),
            ("JPY", "500", Ok(500)),
            ("JPY", "500.0", Err("DECIMAL_PRECISION")),
            ("HUF", "1.5", Err("DECIMAL_PRECISION")),
            ("TWD", "10", Ok(10)),
            ("KWD", "10", Err("INVALID_CURRENCY_CODE")),
            ("EUR", "1234567890123456", Err("MAX_VALUE_EXCEEDED")),
        ] {
            let read =
                Money::read(&json!({ "currency_code": currency, "value": value })).map(|money| money.minor);
            assert_eq!(read, expected, "{value} {currency}");
        }
    }

    #[test]
    fn amounts_are_written_as_they_are_read() {
        for (minor, currency, text) in
            [(1999, "EUR", "19.99"), (-5, "EUR", "-0.05"), (500, "JPY", "500"), (0, "USD", "0.00")]
        {
            assert_eq!(Money::new(minor, currency).text(), text);
        }
    }
}
