//! Telephone numbers as gateways take them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number in E.164: a plus sign and 7 to 15 digits, the first of them not 0 (no country's code begins so). Does not print:
/// it is personal data.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// A text is no such number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneNumberError;

impl fmt::Display for PhoneNumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a telephone number begins with + and the country's code, such as +49 30 1234567")
    }
}

impl std::error::Error for PhoneNumberError {}

impl PhoneNumber {
    /// Reads a number as people write it: blanks, hyphens, dots, slashes and brackets between digits do not matter. A number
    /// without its country is refused, since it means another telephone in each; so is `+49 (0)30`, whose 0 is not dialled.
    pub fn parse(text: &str) -> Result<Self, PhoneNumberError> {
        let text = text.trim();
        let rest = text.strip_prefix('+').ok_or(PhoneNumberError)?;
        if text.len() > 40 || rest.contains("(0)") {
            return Err(PhoneNumberError);
        }
        let digits: String = rest.chars().filter(|c| !" -./()\u{a0}".contains(*c)).collect();
        let fits = (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if fits { Ok(PhoneNumber(format!("+{digits}"))) } else { Err(PhoneNumberError) }
    }

    /// The number itself. Each call is a place to look at in review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(***)")
    }
}

impl Serialize for PhoneNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PhoneNumber::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        let check = |text: &str, expected: &str| {
            assert_eq!(PhoneNumber::parse(text).unwrap().expose(), expected, "{text}");
        };
        check("+49 30 1234567", "+49301234567");
        check(" +1 (212) 555-0100 ", "+12125550100");
        check("+33.1.23.45.67.89", "+33123456789");
        for text in [
            "",
            "+",
            "030 1234567",
            "0049 30 1234567",
            "+49 (0)30 1234567",
            "+0301234567",
            "+123456",
            "+1234567890123456",
            "+49 30 12345x7",
            "+49\r\n301234567",
            "+٤٩٣٠١٢٣٤٥٦٧",
            "++49301234567",
        ] {
            assert_eq!(PhoneNumber::parse(text), Err(PhoneNumberError), "{text:?}");
        }
        assert!(!format!("{:?}", PhoneNumber::parse("+49301234567")).contains("1234"));
    }
}
