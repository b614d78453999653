//! In how many ways a value can be read: databases differ on comments, and what one never looks at another runs.

/// How a database reads what they differ on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub escape: Escape,
    pub line: Line,
    pub dashes: Dashes,
    pub hash: Hash,
    pub comments: Comments,
    pub wide: Wide,
    pub brackets: Brackets,
    pub dollars: Dollars,
    pub alternative: Alternative,
}

/// Whether `q'[it's]'` is one string, as Oracle reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alternative {
    Quote,
    None,
}

/// What `[` is: SQL Server and SQLite quote names so, PostgreSQL's arrays stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brackets {
    /// As SQL Server does: `]]` is a sign of the name.
    Doubled,
    /// As SQLite does: up to the first `]`.
    Quote,
    Sign,
}

/// What `$$` is: a quote of PostgreSQL's, letters of a name to MySQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dollars {
    Quote,
    Letter,
}

/// What U+00A0, U+3000 and their kind are: white space to SQL Server and to MySQL in Latin-1, letters of a name to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wide {
    Blank,
    Letter,
}

/// Whether a backslash protects a quote. Where a shop doubles quotes instead, it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    Backslash,
    None,
}

/// What ends a comment that a line has: PostgreSQL takes a carriage return for an end, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    EndsAtEither,
    EndsAtFeed,
}

/// For MySQL `--` begins a comment before white space only; else it is two signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dashes {
    Comment,
    CommentBeforeSpace,
}

/// MySQL's comment, PostgreSQL's operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Comment,
    Sign,
}

/// `/*! … */` is run by MySQL, `/*M! … */` by MariaDB; PostgreSQL and SQL Server let comments stand in comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    Run,
    Plain,
    Nested,
}

/// The databases, each as one. The first takes most for code.
const DATABASES: [Reading; 7] = [
    Reading::of(Line::EndsAtEither, Dashes::Comment, Hash::Comment, Comments::Run),
    // SQL Server
    Reading {
        brackets: Brackets::Doubled,
        ..Reading::of(Line::EndsAtEither, Dashes::Comment, Hash::Sign, Comments::Nested).named(Wide::Blank)
    },
    // SQLite
    Reading::of(Line::EndsAtFeed, Dashes::Comment, Hash::Sign, Comments::Plain).named(Wide::Letter),
    // MySQL and MariaDB, which run such a comment or, by its version, do not
    Reading::of(Line::EndsAtFeed, Dashes::CommentBeforeSpace, Hash::Comment, Comments::Run)
        .named(Wide::Letter),
    Reading::of(Line::EndsAtFeed, Dashes::CommentBeforeSpace, Hash::Comment, Comments::Plain)
        .named(Wide::Letter),
    Reading::POSTGRESQL,
    // Oracle
    Reading {
        alternative: Alternative::Quote,
        ..Reading::of(Line::EndsAtEither, Dashes::Comment, Hash::Sign, Comments::Plain).named(Wide::Letter)
    },
];

impl Reading {
    const fn of(line: Line, dashes: Dashes, hash: Hash, comments: Comments) -> Reading {
        let escape = Escape::Backslash;
        let (wide, brackets, dollars) = (Wide::Blank, Brackets::Quote, Dollars::Quote);
        let alternative = Alternative::None;
        Reading { escape, line, dashes, hash, comments, wide, brackets, dollars, alternative }
    }

    const POSTGRESQL: Reading = Reading {
        wide: Wide::Letter,
        brackets: Brackets::Sign,
        ..Reading::of(Line::EndsAtEither, Dashes::Comment, Hash::Sign, Comments::Nested)
    };

    const fn named(self, wide: Wide) -> Reading {
        Reading { wide, dollars: Dollars::Letter, ..self }
    }

    pub const fn without_escapes(self) -> Reading {
        Reading { escape: Escape::None, ..self }
    }

    /// Each way to read the value, once: what does not stand in it makes no difference.
    pub fn all(value: &[u8]) -> Vec<Reading> {
        let holds = |text: &[u8]| memchr::memmem::find(value, text).is_some();
        let (dashes, hash, comment) = (holds(b"--"), memchr::memchr(b'#', value).is_some(), holds(b"/*"));
        let (wide, quoted, doubled, dollars, alternative) = (
            holds_wide_space(value),
            holds_quote_in_brackets(value),
            holds(b"]]"),
            holds_dollar_quote(value),
            holds_alternative_quote(value),
        );
        let [first, others @ ..] = DATABASES;
        if !(dashes || hash || comment || wide || quoted || doubled || dollars || alternative) {
            return vec![first];
        }
        let runs = comment && (holds(b"/*!") || holds(b"/*M!") || holds(b"/*m!"));
        let returns = (dashes || hash) && memchr::memchr(b'\r', value).is_some();
        let mut all = vec![first];
        for mut reading in others {
            if !alternative && reading.alternative == Alternative::Quote {
                continue;
            }
            if !returns {
                reading.line = first.line;
            }
            if !dashes {
                reading.dashes = first.dashes;
            }
            if !hash {
                reading.hash = first.hash;
            }
            if !wide {
                reading.wide = first.wide;
            }
            match reading.brackets {
                Brackets::Doubled if !doubled => reading.brackets = first.brackets,
                Brackets::Sign if !quoted => reading.brackets = first.brackets,
                _ => {}
            }
            if !dollars {
                reading.dollars = first.dollars;
            }
            match reading.comments {
                Comments::Nested if !comment => reading.comments = first.comments,
                Comments::Plain if !runs => reading.comments = first.comments,
                _ => {}
            }
            if !all.contains(&reading) {
                all.push(reading);
            }
        }
        all
    }
}

/// `array[']']`: what one database takes for a name holds quotes for another.
fn holds_quote_in_brackets(value: &[u8]) -> bool {
    let open = memchr::memchr(b'[', value);
    open.and_then(|open| value.get(open..)).is_some_and(|rest| memchr::memchr2(b'\'', b'"', rest).is_some())
}

/// `q'[`, `nq'!`
fn holds_alternative_quote(value: &[u8]) -> bool {
    memchr::memchr_iter(b'\'', value).any(|at| {
        let before = at.checked_sub(1).and_then(|before| value.get(before));
        let behind = value.get(at + 1).is_some_and(|sign| opens_alternative_quote(*sign));
        matches!(before, Some(b'q' | b'Q')) && behind
    })
}

/// No letter stands there, though Oracle takes some: "FAQ's" and "Iraq's" are words.
pub(super) fn opens_alternative_quote(sign: u8) -> bool {
    !(sign.is_ascii_alphanumeric() || sign >= 0x80 || sign <= b' ' || sign == b'\'')
}

/// `$$`, `$tag$`.
fn holds_dollar_quote(value: &[u8]) -> bool {
    memchr::memchr_iter(b'$', value).any(|at| {
        let rest = value.get(at + 1..).unwrap_or_default();
        let tag =
            rest.iter().take(16).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        rest.get(tag) == Some(&b'$')
    })
}

/// The length of the white space that `rest` begins with beyond ASCII: a byte order mark is some for SQLite; SQL Server and MySQL
/// know more of the kind.
pub(super) fn wide_space(rest: &[u8]) -> Option<usize> {
    match rest {
        [0xef, 0xbb, 0xbf, ..] | [0xe2, 0x80, 0x80..=0x8b, ..] | [0xe3, 0x80, 0x80, ..] => Some(3),
        [0xe1, 0x9a, 0x80, ..] | [0xe2, 0x80, 0xa8 | 0xa9 | 0xaf, ..] | [0xe2, 0x81, 0x9f, ..] => Some(3),
        [0xc2, 0xa0 | 0x85, ..] => Some(2),
        [0xa0, ..] => Some(1),
        _ => None,
    }
}

/// The bytes that such white space begins with.
pub(crate) const WIDE_SPACES_BEGIN: [u8; 6] = [0xa0, 0xc2, 0xe1, 0xe2, 0xe3, 0xef];

pub(crate) fn holds_wide_space(value: &[u8]) -> bool {
    !value.is_ascii()
        && (0..value.len()).any(|at| {
            // A lone 0xa0 is MySQL's space in Latin-1, but the second half of a letter in UTF-8.
            let is_half = value.get(at) == Some(&0xa0)
                && at
                    .checked_sub(1)
                    .is_some_and(|before| value.get(before).is_some_and(|byte| *byte >= 0x80));
            !is_half && value.get(at..).and_then(wide_space).is_some()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_stand_in_a_value_makes_no_difference() {
        for (value, readings) in [
            ("O'Brien", 1),
            ("a -- b", 2),
            ("size #3", 2),
            ("/* x */", 2),
            ("/*! x */", 3),
            ("--x\r\n#/*!1*/", 5),
            ("Müller’s Kaffee", 1),
            ("a\u{a0}b", 2),
            ("--x\r\n#/*!1*/\u{3000}", 6),
            ("array[']']", 2),
            ("a $$ b $$", 2),
            ("$5 or $10", 1),
            ("[a]]b]", 2),
            ("q'[a']'", 3),
            ("the FAQ's text", 1),
        ] {
            assert_eq!(Reading::all(value.as_bytes()).len(), readings, "{value}");
        }
    }
}
