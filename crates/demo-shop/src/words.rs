//! Amounts and dates as the pages write them.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::Serialize;

/// An amount in euro cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Cents(pub i64);

impl Cents {
    /// The price of `quantity` pieces; saturates, which no cart can reach (99 pieces of a stored price).
    pub fn times(self, quantity: i64) -> Cents {
        Cents(self.0.saturating_mul(quantity))
    }

    pub fn plus(self, other: Cents) -> Cents {
        Cents(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (euros, cents) = (self.0 / 100, (self.0 % 100).abs());
        if euros >= 1_000 {
            return write!(f, "€{},{:03}.{cents:02}", euros / 1_000, euros % 1_000);
        }
        write!(f, "€{euros}.{cents:02}")
    }
}

impl FromSql for Cents {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Cents)
    }
}

impl ToSql for Cents {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

/// A moment in seconds since 1970, written as its UTC day.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub i64);

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Moment {
    /// Year, month (1 to 12) and day: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
    /// `civil_from_days`.
    fn civil(self) -> (i64, i64, i64) {
        let shifted = self.0.div_euclid(86_400) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, month, day)
    }

    /// `2026-03-12`, for `<time datetime>` and CSV.
    pub fn iso(&self) -> String {
        let (year, month, day) = self.civil();
        format!("{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        let name = usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or("");
        write!(f, "{day} {name} {year}")
    }
}

impl FromSql for Moment {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Moment)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cents, Moment};

    #[test]
    fn amounts_are_written_in_euros() {
        assert_eq!(Cents(2_405).to_string(), "€24.05");
        assert_eq!(Cents(0).to_string(), "€0.00");
        assert_eq!(Cents(1_204_590).to_string(), "€12,045.90");
    }

    #[test]
    fn days_are_read_from_seconds() {
        assert_eq!(Moment(0).to_string(), "1 January 1970");
        assert_eq!(Moment(1_709_164_800).iso(), "2024-02-29");
    }
}
