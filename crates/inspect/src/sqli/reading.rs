//! In how many ways a value can be read: databases differ on comments, and what one never looks at another runs.

/// How a database reads what they differ on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub escape: Escape,
    pub line: Line,
    pub dashes: Dashes,
    pub hash: Hash,
    pub comments: Comments,
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
const DATABASES: [Reading; 5] = [
    Reading::of(Line::EndsAtEither, Dashes::Comment, Hash::Comment, Comments::Run),
    // SQLite
    Reading::of(Line::EndsAtFeed, Dashes::Comment, Hash::Sign, Comments::Plain),
    // MySQL and MariaDB, which run such a comment or, by its version, do not
    Reading::of(Line::EndsAtFeed, Dashes::CommentBeforeSpace, Hash::Comment, Comments::Run),
    Reading::of(Line::EndsAtFeed, Dashes::CommentBeforeSpace, Hash::Comment, Comments::Plain),
    // PostgreSQL
    Reading::of(Line::EndsAtEither, Dashes::Comment, Hash::Sign, Comments::Nested),
];

impl Reading {
    const fn of(line: Line, dashes: Dashes, hash: Hash, comments: Comments) -> Reading {
        Reading { escape: Escape::Backslash, line, dashes, hash, comments }
    }

    pub const fn without_escapes(self) -> Reading {
        Reading { escape: Escape::None, ..self }
    }

    /// Each way to read the value, once: what does not stand in it makes no difference.
    pub fn all(value: &[u8]) -> Vec<Reading> {
        let holds = |text: &[u8]| memchr::memmem::find(value, text).is_some();
        let (dashes, hash, comment) = (holds(b"--"), memchr::memchr(b'#', value).is_some(), holds(b"/*"));
        let [first, others @ ..] = DATABASES;
        if !(dashes || hash || comment) {
            return vec![first];
        }
        let runs = comment && (holds(b"/*!") || holds(b"/*M!") || holds(b"/*m!"));
        let returns = (dashes || hash) && memchr::memchr(b'\r', value).is_some();
        let mut all = vec![first];
        for mut reading in others {
            if !returns {
                reading.line = first.line;
            }
            if !dashes {
                reading.dashes = first.dashes;
            }
            if !hash {
                reading.hash = first.hash;
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
        ] {
            assert_eq!(Reading::all(value.as_bytes()).len(), readings, "{value}");
        }
    }
}
