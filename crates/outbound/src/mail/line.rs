//! Text that stands in a header: one line, whatever was put in.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Longer subjects and names are cut by every mail program; and a header's line must stay under 998 bytes (RFC 5322
/// section 2.1.1).
const LONGEST_CHARS: usize = 200;

/// One line of text without control characters: no value of this type can begin a second header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Line(String);

/// Why a text is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineError {
    Empty,
    Long,
    /// A line break, another control character, or one that changes the order of reading.
    Character,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::Empty => f.write_str("the line is empty"),
            LineError::Long => write!(f, "the line is longer than {LONGEST_CHARS} characters"),
            LineError::Character => f.write_str("the line has a break or a character that cannot be seen"),
        }
    }
}

impl std::error::Error for LineError {}

impl Line {
    /// Runs of blanks become one.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        if text.chars().any(|c| c != ' ' && (is_break(c) || is_hidden(c))) {
            return Err(LineError::Character);
        }
        let joined = join(text);
        match joined.chars().count() {
            0 => Err(LineError::Empty),
            1..=LONGEST_CHARS => Ok(Line(joined)),
            _ => Err(LineError::Long),
        }
    }

    /// A line from any text: what cannot stand in it becomes a blank, what is too long is cut. `otherwise` stands in where
    /// nothing is left.
    pub fn clean(text: &str, otherwise: &'static str) -> Self {
        let kept: String = text.chars().map(|c| if is_break(c) || is_hidden(c) { ' ' } else { c }).collect();
        let cut: String = join(&kept).chars().take(LONGEST_CHARS).collect();
        match cut.trim_end() {
            "" => Line(otherwise.to_owned()),
            text => Line(text.to_owned()),
        }
    }

    /// A line from words that somebody outside chose, such as a device's or a customer's name: short, and nothing in it that
    /// a mail program makes a link of. Otherwise a stranger could have us send theirs, signed, to whom they like.
    pub fn from_outside(text: &str, otherwise: &'static str) -> Self {
        const LONGEST_CHARS: usize = 80;
        let mut out = String::new();
        let mut letters = text.chars().peekable();
        while let Some(c) = letters.next() {
            let next = letters.peek().copied().unwrap_or(' ');
            match c {
                // `evil.example`, `www.`; also with the dots that browsers take for one (UTS 46).
                '.' | '\u{3002}' | '\u{FF0E}' | '\u{FF61}' if !next.is_ascii_digit() => out.push_str(". "),
                // `https://`, `mailto:`; a time such as 17:38 stays.
                ':' if !next.is_ascii_digit() => out.push_str(": "),
                '/' if next == '/' => out.push_str("/ "),
                '@' | '\u{FF20}' => out.push_str(" at "),
                c => out.push(c),
            }
        }
        let cut: String = out.chars().take(LONGEST_CHARS).collect();
        Line::clean(&cut, otherwise)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn join(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Characters without a picture that change how others read: orders of reading, joiners of nothing, marks of bytes. With
/// them `moc.elpmaxe` can be made to look like `example.com`.
pub(super) fn is_hidden(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Line::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_s_words_are_no_link() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Line::from_outside(text, "-").as_str(), expected, "{text}")
        };
        check("Firefox 140.0 on Linux, 17:38", "Firefox 140.0 on Linux, 17:38");
        check("Win! https://evil.example/x?y", "Win! https: / /evil. example/x?y");
        check("www.evil.example", "www. evil. example");
        check("pay@evil.example", "pay at evil. example");
        check("javascript:alert(1)", "javascript: alert(1)");
        check("evil\u{3002}example", "evil. example");
        check("a\r\nb", "a b");
        check("\u{200b}", "-");
        assert_eq!(Line::from_outside(&"x".repeat(500), "-").as_str().len(), 80);
    }

    #[test]
    fn a_line_has_no_second_one() {
        for text in ["a\r\nBcc: x", "a\nb", "a\rb", "a\0", "a\u{2028}b", "a\u{202e}b", "a\u{85}b", "a\tb"] {
            assert_eq!(Line::parse(text), Err(LineError::Character), "{text:?}");
            let clean = Line::clean(text, "x");
            assert!(!clean.as_str().chars().any(is_break), "{clean:?}");
            assert_eq!(Line::parse(clean.as_str()), Ok(clean));
        }
        assert_eq!(Line::parse(" \u{3000}"), Err(LineError::Empty));
        assert_eq!(Line::parse(&"a".repeat(201)), Err(LineError::Long));
        assert_eq!(Line::parse("  a   b ").unwrap().as_str(), "a b");
        assert_eq!(Line::clean("\r\n", "Message").as_str(), "Message");
        assert_eq!(Line::clean(&"ü".repeat(300), "x").as_str().chars().count(), 200);
        assert!(serde_json::from_str::<Line>("\"a\\r\\nb\"").is_err());
    }
}
