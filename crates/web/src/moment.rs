//! Moments in pages: full and in UTC for everybody, turned into "3 min ago" by the script where there is one.

use std::fmt;

use storeward_base::{Language, Timestamp};

/// Prints as a `<time>` element. Safe in templates without escaping: it holds digits and fixed letters only.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = self.0.to_string();
        write!(
            f,
            r#"<time datetime="{full}" title="{full}" data-ago>{} {} UTC</time>"#,
            full.get(..10).unwrap_or(&full),
            full.get(11..19).unwrap_or("")
        )
    }
}

impl askama::filters::HtmlSafe for Moment {}

/// How much of a moment is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    Minute,
    Day,
}

/// A moment in the reader's language: in UTC, turned into their own time by `times.js` where there is one. Safe in templates
/// without escaping: it holds digits, months and fixed letters only.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    pub at: Timestamp,
    pub language: Language,
    pub detail: Detail,
}

impl Local {
    pub const fn minute(at: Timestamp, language: Language) -> Self {
        Local { at, language, detail: Detail::Minute }
    }

    pub const fn day(at: Timestamp, language: Language) -> Self {
        Local { at, language, detail: Detail::Day }
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, words) = match self.detail {
            Detail::Minute => ("minute", self.at.in_words(self.language)),
            Detail::Day => ("day", self.at.day_in_words(self.language)),
        };
        write!(f, r#"<time datetime="{}" data-local="{kind}">{words}</time>"#, self.at)
    }
}

impl askama::filters::HtmlSafe for Local {}

/// A sentence with a moment in it, escaped but for that.
#[derive(Clone, Debug)]
pub struct Woven(String);

impl Woven {
    /// Stands in a text for the moment: no text of ours has it, and what people typed is never woven.
    pub const PLACE: char = '\u{E000}';

    /// `sentence` has [`Woven::PLACE`] where the moment goes.
    pub fn new(sentence: &str, moment: Local) -> Self {
        use std::fmt::Write;
        let mut out = String::with_capacity(sentence.len() + 96);
        for letter in sentence.chars() {
            match letter {
                Woven::PLACE => {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "{moment}");
                }
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '&' => out.push_str("&amp;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                other => out.push(other),
            }
        }
        Woven(out)
    }
}

impl fmt::Display for Woven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Woven {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_escaped_around_its_moment() {
        let at = Local::minute(Timestamp::from_seconds(0), Language::De);
        let woven = Woven::new("<b>\"zuletzt\" & \u{E000}", at).to_string();
        assert_eq!(
            woven,
            "&lt;b&gt;&quot;zuletzt&quot; &amp; <time datetime=\"1970-01-01T00:00:00.000Z\" data-local=\"minute\">\
             1. Januar 1970, 00:00 UTC</time>"
        );
        assert!(
            Local::day(Timestamp::from_seconds(0), Language::Es).to_string().contains(">1 de enero de 1970<")
        );
    }
}
