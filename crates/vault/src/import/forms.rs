//! How shops write what a field takes in another form: amounts with a point, moments without a zone, telephone numbers without a
//! country.

use serde::Deserialize;
use storeward_base::Timestamp;

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `12.50`, of the currency in the other column.
    Money,
    /// `2026-11-26 12:00:00`, in UTC; with parts of a second and an offset where there are some.
    Utc,
    /// Seconds since 1970.
    Unix,
    /// A telephone number, of the country in the other column where it bears none itself.
    Phone,
    /// `01/29`, `1/2029` or a date, as month and year of a card's end.
    MonthYear,
    /// The last four signs.
    LastFour,
}

impl Form {
    /// The value as its field takes it; empty where the shop writes that there is none.
    pub fn take(self, value: &str, other: &str) -> Result<String, &'static str> {
        match self {
            Form::Money => money(value, other),
            Form::Utc => moment(value),
            Form::Unix => unix(value),
            Form::Phone => Ok(phone(value, other)),
            Form::MonthYear => month_year(value),
            Form::LastFour => {
                let signs: Vec<char> = value.chars().collect();
                Ok(signs.get(signs.len().saturating_sub(4)..).unwrap_or_default().iter().collect())
            }
        }
    }
}

/// Currencies whose amounts have another number of digits behind the point than two (ISO 4217).
const DIGITS: [(&str, usize); 25] = [
    ("BIF", 0),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("ISK", 0),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("PYG", 0),
    ("RWF", 0),
    ("UGX", 0),
    ("UYI", 0),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
    ("BHD", 3),
    ("IQD", 3),
    ("JOD", 3),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("TND", 3),
    ("CLF", 4),
];

/// Exact, digit by digit: shops' columns have more digits behind the point than the currency, and those must be zeros.
fn money(value: &str, currency: &str) -> Result<String, &'static str> {
    const WRONG: &str = "is no amount such as 12.50";
    let currency = currency.trim().to_ascii_uppercase();
    if currency.len() != 3 {
        return Err("has no currency beside it");
    }
    let digits = DIGITS.iter().find(|(name, _)| *name == currency).map_or(2, |(_, digits)| *digits);
    let (sign, plain) = value.strip_prefix('-').map_or(("", value), |rest| ("-", rest));
    let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) {
        return Err(WRONG);
    }
    let (counts, rest) = part.split_at(part.len().min(digits));
    if rest.bytes().any(|byte| byte != b'0') {
        return Err("has a part that is smaller than its currency's smallest coin");
    }
    let minor = format!("{sign}{whole}{counts:0<digits$}");
    minor.parse::<i64>().map(|minor| minor.to_string()).map_err(|_| WRONG)
}

fn moment(value: &str) -> Result<String, &'static str> {
    // What MySQL has for "never".
    if value.starts_with("0000-") {
        return Ok(String::new());
    }
    let text = value.trim().replacen(' ', "T", 1);
    let (date, time) = text.split_once('T').unwrap_or((&text, "00:00:00"));
    let behind = time.get(8..).unwrap_or_default();
    let zone_at = behind.find(['+', '-', 'Z']);
    let (part, zone) = behind.split_at(zone_at.unwrap_or(behind.len()));
    let zone = match zone.len() {
        0 => "Z".to_owned(),
        // PostgreSQL leaves minutes of nothing out.
        3 => format!("{zone}:00"),
        _ => zone.to_owned(),
    };
    let whole = format!("{date}T{}{part}{zone}", time.get(..8).unwrap_or_default());
    let read = Timestamp::parse_rfc3339(&whole).ok_or("is no moment such as 2026-11-26 12:00:00")?;
    Ok(read.rfc3339())
}

fn unix(value: &str) -> Result<String, &'static str> {
    let seconds: i64 = value.parse().map_err(|_| "is no number of seconds")?;
    Ok(if seconds <= 0 { String::new() } else { Timestamp::from_seconds(seconds).rfc3339() })
}

fn month_year(value: &str) -> Result<String, &'static str> {
    const WRONG: &str = "is no month and year such as 01/29";
    // A date of a database.
    if let Some((year, month)) =
        value.get(..7).and_then(|front| front.split_once('-')).filter(|_| value.len() == 10)
    {
        return Ok(format!("{month}/{year}"));
    }
    let (month, year) = value.split_once('/').ok_or(WRONG)?;
    let (month, year) = (month.trim(), year.trim());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (is_number(month) && is_number(year), month.len(), year.len()) {
        (true, 1 | 2, 2) => Ok(format!("{month:0>2}/20{year}")),
        (true, 1 | 2, 4) => Ok(format!("{month:0>2}/{year}")),
        _ => Err(WRONG),
    }
}

/// A number as people write it within their country, as it is dialled from outside: the country's code, and without the sign
/// that begins numbers within it (ITU-T, E.164 assigned codes and national trunk prefixes). What bears its country already stays;
/// of a country that is not here nothing is guessed, and the field says that the number has none.
fn phone(value: &str, country: &str) -> String {
    let value = value.trim();
    if value.is_empty() || value.starts_with('+') || value.starts_with("00") {
        return value.to_owned();
    }
    let country = country.trim().to_ascii_uppercase();
    let Some((_, code, trunk)) = CODES.iter().find(|(name, ..)| *name == country) else {
        return value.to_owned();
    };
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return value.to_owned();
    }
    let own = if trunk.is_empty() { &digits } else { digits.strip_prefix(trunk).unwrap_or(&digits) };
    format!("+{code}{own}")
}

const CODES: [(&str, &str, &str); 48] = [
    ("AE", "971", "0"),
    ("AR", "54", "0"),
    ("AT", "43", "0"),
    ("AU", "61", "0"),
    ("BE", "32", "0"),
    ("BG", "359", "0"),
    ("BR", "55", "0"),
    ("CA", "1", "1"),
    ("CH", "41", "0"),
    ("CN", "86", "0"),
    ("CY", "357", ""),
    ("CZ", "420", ""),
    ("DE", "49", "0"),
    ("DK", "45", ""),
    ("EE", "372", ""),
    ("ES", "34", ""),
    ("FI", "358", "0"),
    ("FR", "33", "0"),
    ("GB", "44", "0"),
    ("GR", "30", ""),
    ("HR", "385", "0"),
    ("HU", "36", "06"),
    ("IE", "353", "0"),
    ("IL", "972", "0"),
    ("IN", "91", "0"),
    ("IS", "354", ""),
    // The zero is part of the number here.
    ("IT", "39", ""),
    ("JP", "81", "0"),
    ("LI", "423", ""),
    ("LT", "370", "0"),
    ("LU", "352", ""),
    ("LV", "371", ""),
    ("MT", "356", ""),
    ("MX", "52", ""),
    ("NL", "31", "0"),
    ("NO", "47", ""),
    ("NZ", "64", "0"),
    ("PL", "48", ""),
    ("PT", "351", ""),
    ("RO", "40", "0"),
    ("RS", "381", "0"),
    ("SE", "46", "0"),
    ("SG", "65", ""),
    ("SI", "386", "0"),
    ("SK", "421", "0"),
    ("TR", "90", "0"),
    ("UA", "380", "0"),
    ("US", "1", "1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: Form, value: &str, other: &str, expected: &str) {
        let taken = form.take(value, other).unwrap_or_else(|why| format!("({why})"));
        assert!(
            taken == expected || (expected == "(no)" && taken.starts_with('(')),
            "{form:?} {value}: {taken}"
        );
    }

    #[test]
    fn shops_forms_become_the_fields_own() {
        for (value, currency, minor) in [
            ("12.50000000", "EUR", "1250"),
            ("12.5", "eur", "1250"),
            ("-0.05", "GBP", "-5"),
            ("1200", "JPY", "1200"),
            ("1.234", "KWD", "1234"),
            ("0.00", "USD", "0"),
            ("12.505", "EUR", "(no)"),
            ("1,200.00", "EUR", "(no)"),
            ("99999999999999999999", "EUR", "(no)"),
            ("12.50", "", "(no)"),
            (".5", "EUR", "(no)"),
        ] {
            check(Form::Money, value, currency, minor);
        }
        for (value, moment) in [
            ("2026-11-26 12:00:00", "2026-11-26T12:00:00.000Z"),
            ("2026-11-26 12:00:00.25", "2026-11-26T12:00:00.250Z"),
            ("2026-11-26 12:00:00+00", "2026-11-26T12:00:00.000Z"),
            ("2026-11-26 14:00:00.5+02", "2026-11-26T12:00:00.500Z"),
            ("2026-11-26", "2026-11-26T00:00:00.000Z"),
            ("0000-00-00 00:00:00", ""),
            ("yesterday", "(no)"),
            ("2026-11-26 1é:00:00", "(no)"),
        ] {
            check(Form::Utc, value, "", moment);
        }
        check(Form::Unix, "1795541880", "", "2026-11-24T17:38:00.000Z");
        check(Form::Unix, "0", "", "");
        for (value, country, number) in [
            ("030 1234567", "DE", "+49301234567"),
            ("+49 30 1234567", "GB", "+49 30 1234567"),
            ("06 123 4567", "HU", "+361234567"),
            ("02 1234567", "IT", "+39021234567"),
            ("(212) 555-0100", "US", "+12125550100"),
            ("1-212-555-0100", "US", "+12125550100"),
            ("030 1234567", "XX", "030 1234567"),
            ("", "DE", ""),
        ] {
            check(Form::Phone, value, country, number);
        }
        for (value, shown) in
            [("2029-01-31", "01/2029"), ("1/29", "01/2029"), ("12/2031", "12/2031"), ("soon", "(no)")]
        {
            check(Form::MonthYear, value, "", shown);
        }
        check(Form::LastFour, "XXXX-XXXX-XXXX-1111", "", "1111");
        check(Form::LastFour, "é1", "", "é1");
    }
}
