//! Filters as URL query strings: `client=192.0.2.1&-status=404&path~=/cart`.

use std::fmt;
use std::str::FromStr;

use super::filter::{Condition, Field, Filter, FilterError, Operator};

impl Filter {
    /// Reads a query string, leaving out the `ignored` names (page keys and the like). Empty values are left out too:
    /// a form sends its empty boxes.
    pub fn parse_ignoring(query: &str, ignored: &[&str]) -> Result<Self, FilterError> {
        let mut conditions = Vec::new();
        for pair in query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if ignored.contains(&name.as_str()) || value.trim().is_empty() {
                continue;
            }
            conditions.push(condition(&name, &value)?);
            if conditions.len() > Self::MAX_CONDITIONS {
                return Err(FilterError::TooMany);
            }
        }
        Filter::new(conditions)
    }
}

fn condition(name: &str, value: &str) -> Result<Condition, FilterError> {
    let (excludes, rest) = match name.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let (rest, operator) = match (rest.strip_suffix('~'), rest.strip_suffix('^')) {
        (Some(field), _) => (field, Operator::Contains),
        (None, Some(field)) => (field, Operator::StartsWith),
        (None, None) => (rest, Operator::Is),
    };
    let unknown = || FilterError::UnknownField { name: rest.chars().take(60).collect() };
    let field = Field::named(rest).ok_or_else(unknown)?;
    Condition::new(field, operator, excludes, value)
}

impl FromStr for Filter {
    type Err = FilterError;
    fn from_str(query: &str) -> Result<Self, FilterError> {
        Filter::parse_ignoring(query, &[])
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let always_contains = matches!(self.field, Field::UserAgent | Field::Text);
        let sign = match self.operator {
            Operator::Is => "",
            Operator::Contains if always_contains => "",
            Operator::Contains => "~",
            Operator::StartsWith => "^",
        };
        let minus = if self.excludes { "-" } else { "" };
        write!(f, "{minus}{}{sign}=", self.field.name())?;
        encode(&self.value, f)
    }
}

/// The query string, without `?`.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, condition) in self.conditions().iter().enumerate() {
            if at > 0 {
                f.write_str("&")?;
            }
            condition.fmt(f)?;
        }
        Ok(())
    }
}

fn decode(text: &str) -> Result<String, FilterError> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let pair = (bytes.next().and_then(digit), bytes.next().and_then(digit));
                let (Some(high), Some(low)) = pair else { return Err(FilterError::Encoding) };
                out.push(high << 4 | low);
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).map_err(|_| FilterError::Encoding)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Leaves what RFC 3986 allows in a query and reads well; never `&`, `=`, `+`, `#`, `%`, quotes or angle brackets.
fn encode(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'/'
            | b':'
            | b','
            | b'*' => {
                write!(f, "{}", char::from(byte))?;
            }
            byte => write!(f, "%{byte:02X}")?,
        }
    }
    Ok(())
}
