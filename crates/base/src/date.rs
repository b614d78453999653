//! Moments in words, for people: in their language, in UTC where no page can turn them into the reader's own time.

use crate::{Language, Timestamp};

const MONTHS: [(Language, [&str; 12]); 4] = [
    (
        Language::En,
        [
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
        ],
    ),
    (
        Language::De,
        [
            "Januar",
            "Februar",
            "März",
            "April",
            "Mai",
            "Juni",
            "Juli",
            "August",
            "September",
            "Oktober",
            "November",
            "Dezember",
        ],
    ),
    (
        Language::Fr,
        [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
    ),
    (
        Language::Es,
        [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
    ),
];

impl Timestamp {
    /// The day, such as `26 November 2026`, in UTC.
    pub fn day_in_words(self, language: Language) -> String {
        let full = self.to_string();
        let part = |from, to| full.get(from..to).and_then(|digits: &str| digits.parse::<usize>().ok());
        let (Some(year), Some(month), Some(day)) = (part(0, 4), part(5, 7), part(8, 10)) else {
            return full;
        };
        let names = MONTHS.iter().find(|(known, _)| *known == language).map(|(_, names)| names);
        let Some(month) = names.and_then(|names| names.get(month.wrapping_sub(1))) else { return full };
        match language {
            Language::En => format!("{day} {month} {year}"),
            Language::De => format!("{day}. {month} {year}"),
            Language::Fr if day == 1 => format!("1er {month} {year}"),
            Language::Fr => format!("{day} {month} {year}"),
            Language::Es => format!("{day} de {month} de {year}"),
        }
    }

    /// Day and minute, such as `26 November 2026, 03:26 UTC`.
    pub fn in_words(self, language: Language) -> String {
        let (day, full) = (self.day_in_words(language), self.to_string());
        let minute = full.get(11..16).unwrap_or_default();
        match language {
            Language::Fr => format!("{day} à {minute} UTC"),
            Language::En | Language::De | Language::Es => format!("{day}, {minute} UTC"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_says_it_its_own_way() {
        let at = Timestamp::parse_rfc3339("2026-11-26T03:26:59Z").unwrap();
        let check = |language, expected: &str| assert_eq!(at.in_words(language), expected);
        check(Language::En, "26 November 2026, 03:26 UTC");
        check(Language::De, "26. November 2026, 03:26 UTC");
        check(Language::Fr, "26 novembre 2026 à 03:26 UTC");
        check(Language::Es, "26 de noviembre de 2026, 03:26 UTC");
        let first = Timestamp::parse_rfc3339("2027-03-01T00:00:00Z").unwrap();
        assert_eq!(first.day_in_words(Language::Fr), "1er mars 2027");
        assert_eq!(first.day_in_words(Language::De), "1. März 2027");
        // What is beyond the calendar is shown as it is kept.
        assert!(Timestamp::from_micros(i64::MAX).in_words(Language::En).contains("us"));
    }
}
