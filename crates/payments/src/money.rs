//! Money: whole minor units of one currency, and the forms in which each provider writes them.
//!
//! How many decimals a currency has is ISO 4217's table (the active codes of list one, 2024). Stripe and PayPal differ from it in
//! a few: those stand in [`stripe_decimals`] and [`paypal_decimals`], and an amount that a provider's form cannot express is
//! refused, never rounded.

use std::fmt;
use std::str::FromStr;

/// A currency of ISO 4217 that has minor units we know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Codes with no decimals, in ISO 4217.
const NONE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
/// Codes with three.
const THREE: &str = "BHD IQD JOD KWD LYD OMR TND";
/// Codes with two.
const TWO: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY \
                   COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF \
                   IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR \
                   MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG \
                   SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST \
                   XCD YER ZAR ZMW ZWG";

/// What PayPal takes (its reference "Currency codes").
const PAYPAL: &str =
    "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD";

fn is_in(list: &str, code: &str) -> bool {
    list.split_ascii_whitespace().any(|one| one == code)
}

impl Currency {
    /// `EUR` in capitals.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    /// Decimals of a major unit (ISO 4217).
    pub fn decimals(self) -> u32 {
        if is_in(NONE, self.code()) {
            0
        } else if is_in(THREE, self.code()) {
            3
        } else {
            2
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyFault;

    /// Capitals only: one currency has one text.
    fn from_str(text: &str) -> Result<Self, MoneyFault> {
        let known = [NONE, TWO, THREE].into_iter().any(|list| is_in(list, text));
        let bytes = text.as_bytes().try_into().ok().filter(|_| known);
        bytes.map(Currency).ok_or(MoneyFault::Currency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why an amount cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyFault {
    /// No code of ISO 4217 with minor units.
    Currency,
    /// Two amounts are of two currencies.
    Currencies,
    /// It does not fit, or is negative where that makes no sense.
    Range,
    /// The provider's form cannot say it: it has decimals that this provider does not take.
    Form,
}

impl fmt::Display for MoneyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MoneyFault::Currency => "the currency is no code of ISO 4217 in capitals",
            MoneyFault::Currencies => "the amounts are of two currencies",
            MoneyFault::Range => "the amount is too large, or not above zero",
            MoneyFault::Form => "the provider takes no amount with such decimals in this currency",
        })
    }
}

impl std::error::Error for MoneyFault {}

/// An amount in minor units: 1999 of EUR are 19.99 euros, 1999 of JPY are 1,999 yen.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// The largest amount that is taken: far above any order, and no sum of as many as fit a table overflows. 10^15 minor units.
pub const MOST_MINOR: i64 = 1_000_000_000_000_000;

impl Money {
    /// An amount that somebody shall pay: above zero.
    pub fn new(minor: i64, currency: Currency) -> Result<Self, MoneyFault> {
        if (1..=MOST_MINOR).contains(&minor) { Ok(Money { minor, currency }) } else { Err(MoneyFault::Range) }
    }

    pub fn plus(self, other: Money) -> Result<Self, MoneyFault> {
        self.with(other, i64::checked_add)
    }

    pub fn minus(self, other: Money) -> Result<Self, MoneyFault> {
        self.with(other, i64::checked_sub)
    }

    /// So many of them.
    pub fn times(self, count: u32) -> Result<Self, MoneyFault> {
        let minor = self.minor.checked_mul(count.into()).ok_or(MoneyFault::Range)?;
        Ok(Money { minor, ..self })
    }

    fn with(self, other: Money, how: fn(i64, i64) -> Option<i64>) -> Result<Self, MoneyFault> {
        if self.currency != other.currency {
            return Err(MoneyFault::Currencies);
        }
        let minor = how(self.minor, other.minor).ok_or(MoneyFault::Range)?;
        Ok(Money { minor, ..self })
    }

    /// In Stripe's units: a whole number, most often the same.
    pub fn to_stripe(self) -> Result<i64, MoneyFault> {
        let amount = rescale(self.minor, self.currency.decimals(), stripe_decimals(self.currency))?;
        match self.currency.code() {
            // Two decimals on paper, none in fact: the last two digits are zero ("Special cases" of Stripe's currencies). They are, by `rescale`.
            // Three decimals: the last digit is zero.
            _ if self.currency.decimals() == 3 && amount % 10 != 0 => Err(MoneyFault::Form),
            _ => Ok(amount),
        }
    }

    /// Whether Stripe takes a payment of it: docs.stripe.com/currencies, "Minimum and maximum charge amounts", and `amount` of a charge in its
    /// API reference.
    pub fn is_taken_by_stripe(self) -> bool {
        let code = self.currency.code();
        let least = STRIPE_LEAST.iter().find(|(known, _)| *known == code).map_or(1, |(_, least)| *least);
        // Eight digits; twelve where a unit is worth little.
        let most = if is_in(STRIPE_EIGHT_DIGITS, code) { 99_999_999 } else { 999_999_999_999 };
        self.to_stripe().is_ok_and(|amount| (least..=most).contains(&amount))
    }

    /// Reads Stripe's number. Its currency codes are in small letters.
    pub fn from_stripe(amount: i64, currency: &str) -> Result<Self, MoneyFault> {
        let currency: Currency = currency.to_ascii_uppercase().parse()?;
        let minor = rescale(amount, stripe_decimals(currency), currency.decimals())?;
        Ok(Money { minor, currency })
    }

    /// As PayPal writes it: `19.99`, or `1999` where it takes no decimals.
    pub fn to_paypal(self) -> Result<String, MoneyFault> {
        if !is_in(PAYPAL, self.currency.code()) || self.minor < 0 {
            return Err(MoneyFault::Form);
        }
        let decimals = paypal_decimals(self.currency);
        let amount = rescale(self.minor, self.currency.decimals(), decimals)?;
        if decimals == 0 {
            return Ok(amount.to_string());
        }
        let whole = power(decimals)?;
        let width = usize::try_from(decimals).unwrap_or(2);
        Ok(format!("{}.{:0width$}", amount / whole, amount % whole))
    }

    /// Reads PayPal's text: digits, with as many decimals as the currency has there at most (`19.9` is `19.90`); a sign only where
    /// money goes the other way (reports).
    pub fn from_paypal(value: &str, currency: &str) -> Result<Self, MoneyFault> {
        let currency: Currency = currency.parse()?;
        let (sign, digits) = match value.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, value),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let is_number = !whole.is_empty() && whole.len() <= 16 && plain(whole) && plain(part);
        if !is_number || (digits.contains('.') && part.is_empty()) {
            return Err(MoneyFault::Form);
        }
        let wanted = usize::try_from(currency.decimals()).unwrap_or(0);
        // Decimals behind those that the currency has are fine as long as they are zeros: JPY `500.00`.
        let (kept, rest) = part.split_at_checked(wanted).unwrap_or((part, ""));
        if rest.bytes().any(|b| b != b'0') {
            return Err(MoneyFault::Form);
        }
        let whole: i64 = whole.parse().map_err(|_| MoneyFault::Range)?;
        let padded = format!("{kept:0<wanted$}");
        let part: i64 = if padded.is_empty() { 0 } else { padded.parse().map_err(|_| MoneyFault::Range)? };
        let minor = power(currency.decimals())?.checked_mul(whole).and_then(|minor| minor.checked_add(part));
        let minor = minor.and_then(|minor| minor.checked_mul(sign)).ok_or(MoneyFault::Range)?;
        Ok(Money { minor, currency })
    }
}

impl fmt::Display for Money {
    /// `19.99 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.currency.decimals();
        let whole = power(decimals).unwrap_or(1).unsigned_abs();
        let (sign, minor) = (if self.minor < 0 { "-" } else { "" }, self.minor.unsigned_abs());
        let width = usize::try_from(decimals).unwrap_or(0);
        match decimals {
            0 => write!(f, "{sign}{minor} {}", self.currency),
            _ => write!(f, "{sign}{}.{:0width$} {}", minor / whole, minor % whole, self.currency),
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The least that Stripe takes, in its units, where it publishes one.
const STRIPE_LEAST: [(&str, i64); 23] = [
    ("AED", 200),
    ("AUD", 50),
    ("BRL", 50),
    ("CAD", 50),
    ("CHF", 50),
    ("CZK", 1500),
    ("DKK", 250),
    ("EUR", 50),
    ("GBP", 30),
    ("HKD", 400),
    ("HUF", 17_500),
    ("INR", 50),
    ("JPY", 50),
    ("MXN", 1000),
    ("MYR", 200),
    ("NOK", 300),
    ("NZD", 50),
    ("PLN", 200),
    ("RON", 200),
    ("SEK", 300),
    ("SGD", 50),
    ("THB", 1000),
    ("USD", 50),
];

/// Currencies in which Stripe's amounts have eight digits at most.
const STRIPE_EIGHT_DIGITS: &str = "AUD BRL CAD CHF CZK DKK EUR GBP HKD MXN NOK NZD PLN RON SEK USD";

/// Stripe's decimals: ISK and UGX are written with two although they have none; MGA with none although ISO 4217 gives it two.
fn stripe_decimals(currency: Currency) -> u32 {
    match currency.code() {
        "ISK" | "UGX" => 2,
        "MGA" => 0,
        _ => currency.decimals(),
    }
}

/// PayPal's decimals: it takes none for HUF and TWD.
fn paypal_decimals(currency: Currency) -> u32 {
    match currency.code() {
        "HUF" | "TWD" => 0,
        _ => currency.decimals(),
    }
}

fn power(decimals: u32) -> Result<i64, MoneyFault> {
    10_i64.checked_pow(decimals).ok_or(MoneyFault::Range)
}

/// From so many decimals to so many; what would be lost is refused.
fn rescale(amount: i64, from: u32, to: u32) -> Result<i64, MoneyFault> {
    if to >= from {
        return amount.checked_mul(power(to - from)?).ok_or(MoneyFault::Range);
    }
    let unit = power(from - to)?;
    if amount % unit == 0 { Ok(amount / unit) } else { Err(MoneyFault::Form) }
}

#[cfg(test)]
mod tests;
