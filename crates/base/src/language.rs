//! The languages in which people outside are spoken to: pages, mails and short messages.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A language that every text is there in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
    De,
    Fr,
    Es,
}

impl Language {
    pub const ALL: [Language; 4] = [Language::En, Language::De, Language::Fr, Language::Es];

    /// As it stands in `lang` and `Content-Language` (RFC 5646).
    pub const fn tag(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::De => "de",
            Language::Fr => "fr",
            Language::Es => "es",
        }
    }

    /// By its first part: `de-AT` is `de`.
    pub fn parse(tag: &str) -> Option<Self> {
        let first = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Language::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(first))
    }

    /// The one a browser likes best of ours (`Accept-Language`, RFC 9110 section 12.5.4). Only the first 20 are read.
    pub fn of_accept(header: &str) -> Option<Self> {
        const MOST: usize = 20;
        let mut best: Option<(Language, f32)> = None;
        for entry in header.split(',').take(MOST) {
            let (tag, parameters) = entry.split_once(';').unwrap_or((entry, ""));
            let weight = match parameters.trim().strip_prefix("q=") {
                Some(digits) => digits.trim().parse().unwrap_or(0.0),
                None => 1.0,
            };
            let Some(language) = Language::parse(tag) else { continue };
            if weight > best.map_or(0.0, |(_, known)| known) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_likes_best() {
        let check = |header: &str, expected: Option<Language>| {
            assert_eq!(Language::of_accept(header), expected, "{header}")
        };
        check("de-AT,de;q=0.9,en;q=0.8", Some(Language::De));
        check("nl, en;q=0.3, fr;q=0.7", Some(Language::Fr));
        check("FR_be", Some(Language::Fr));
        check("es;q=0, en;q=0.1", Some(Language::En));
        check("es;q=x", None);
        check("nl", None);
        check("", None);
    }
}
