//! Cuts a value into SQL tokens, as one database reads it. Linear: every byte is looked at once, and comments vanish.

use super::reading::{
    Alternative, Brackets, Comments, Dashes, Dollars, Escape, Hash, Line, Reading, Wide,
    opens_alternative_quote, wide_space,
};
use super::words::{self, Word};
use crate::transform::ByteMask;

/// As what the value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    Bare,
    Single,
    Double,
    /// A name that MySQL or SQLite quotes so.
    Back,
}

impl Context {
    pub fn quote(self) -> Option<u8> {
        match self {
            Context::Bare => None,
            Context::Single => Some(b'\''),
            Context::Double => Some(b'"'),
            Context::Back => Some(b'`'),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    /// A quoted string, and whether it is closed.
    Text {
        closed: bool,
    },
    /// A name that is no word of SQL.
    Name,
    /// A name with `(` right behind it, or a known function with `(` after space; loud ones need no company.
    Call {
        loud: bool,
    },
    Catalogue,
    Word(Word),
    /// `@a`, `@@version`.
    Variable,
    /// `&&`, `||`.
    Logic,
    /// = < > <> != <=> ...
    Compare,
    /// + - * / % ^ & | ~ !
    Sign,
    Open,
    Close,
    Comma,
    Dot,
    Semicolon,
    /// `--`, `#`, an open `/*`: the rest is ignored. `true`: nothing that reads like prose follows.
    Comment {
        clean: bool,
    },
    Other,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'v> {
    pub kind: Kind,
    pub text: &'v [u8],
    pub start: usize,
    pub end: usize,
}

/// How many tokens are looked at together, and how many of them again with the next ones.
pub(super) const MAX_TOKENS: usize = 4_096;
pub(super) const OVERLAP: usize = 128;

pub(super) struct Reader<'v> {
    value: &'v [u8],
    at: usize,
    reading: Reading,
    executed_comments: usize,
    /// The quote of the string that the value is read to begin in.
    begins_in: Option<u8>,
    ended: bool,
    /// Closing signs that do not come any more: what is not there is looked for once.
    missing: ByteMask,
    /// How many bytes the search for the ends of `$tag$` may still look at in vain.
    spare: usize,
    /// Bytes that searches looked at, for the test that they are no more than a few times the value's.
    #[cfg(test)]
    pub looked: usize,
}

impl<'v> Reader<'v> {
    pub fn new(value: &'v [u8], context: Context, reading: Reading) -> Reader<'v> {
        let begins_in = context.quote();
        Reader {
            value,
            at: 0,
            reading,
            executed_comments: 0,
            begins_in,
            ended: false,
            missing: ByteMask::default(),
            spare: value.len().saturating_mul(4).saturating_add(4_096),
            #[cfg(test)]
            looked: 0,
        }
    }

    /// The next [`MAX_TOKENS`] at most; none once a comment or the value has ended.
    pub fn tokens(&mut self) -> Vec<Token<'v>> {
        let mut tokens = Vec::with_capacity(self.value.len().min(64) / 2 + 2);
        if let Some(quote) = self.begins_in.take() {
            tokens.push(self.text(0, quote));
        }
        while tokens.len() < MAX_TOKENS && !self.ended {
            let Some(token) = self.next() else { break };
            self.ended = matches!(token.kind, Kind::Comment { .. });
            tokens.push(token);
        }
        tokens
    }

    /// One after the other, the string that the value begins in first.
    pub fn next_token(&mut self) -> Option<Token<'v>> {
        if self.ended {
            return None;
        }
        if let Some(quote) = self.begins_in.take() {
            return Some(self.text(0, quote));
        }
        let token = self.next()?;
        self.ended = matches!(token.kind, Kind::Comment { .. });
        Some(token)
    }

    fn next(&mut self) -> Option<Token<'v>> {
        loop {
            let start = self.at;
            let byte = *self.value.get(start)?;
            if is_space(byte) {
                self.at += 1;
                continue;
            }
            if let Some(length) =
                self.value.get(start..).filter(|_| byte >= 0x80).and_then(|rest| self.blank(rest))
            {
                self.at += length;
                continue;
            }
            let follows = self.value.get(start + 1).copied();
            return Some(match byte {
                b'/' if follows == Some(b'*') => match self.comment(start) {
                    Some(token) => token,
                    None => continue,
                },
                b'*' if follows == Some(b'/') && self.executed_comments > 0 => {
                    self.executed_comments -= 1;
                    self.at += 2;
                    continue;
                }
                b'-' if follows == Some(b'-') && self.is_line_comment(start + 2) => {
                    match self.line_comment(start, 2) {
                        Some(token) => token,
                        None => continue,
                    }
                }
                b'#' if self.reading.hash == Hash::Comment => match self.line_comment(start, 1) {
                    Some(token) => token,
                    None => continue,
                },
                b'\'' | b'"' => {
                    self.at += 1;
                    self.text(start, byte)
                }
                b'`' => self.back_quoted(start),
                b'[' if self.reading.brackets != Brackets::Sign => self.bracketed(start),
                b'$' if self.reading.dollars == Dollars::Quote && self.dollar_quoted(start) => {
                    self.token(Kind::Text { closed: true }, start)
                }
                b'q' | b'Q' | b'n' | b'N' if self.alternative_quoted(start) => {
                    self.token(Kind::Text { closed: true }, start)
                }
                b'0'..=b'9' => self.number(start),
                b'.' if follows.is_some_and(|byte| byte.is_ascii_digit()) => self.number(start),
                b'@' => self.variable(start),
                _ if is_name(byte) => self.name(start),
                _ => self.sign(start, byte, follows),
            });
        }
    }

    fn blank(&self, rest: &[u8]) -> Option<usize> {
        match self.reading.wide {
            Wide::Blank => wide_space(rest),
            Wide::Letter => rest.starts_with(b"\xef\xbb\xbf").then_some(3),
        }
    }

    /// How far behind `from` the sign stands.
    fn find(&mut self, sign: u8, from: usize) -> Option<usize> {
        if self.missing.contains(sign) {
            return None;
        }
        let rest = self.value.get(from..).unwrap_or_default();
        let found = memchr::memchr(sign, rest);
        self.note(found.unwrap_or(rest.len()));
        if found.is_none() {
            self.missing.insert(sign);
        }
        found
    }

    #[cfg(test)]
    fn note(&mut self, looked: usize) {
        self.looked += looked;
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "counts in tests only")]
    fn note(&mut self, _looked: usize) {}

    fn token(&self, kind: Kind, start: usize) -> Token<'v> {
        let text = self.value.get(start..self.at).unwrap_or_default();
        Token { kind, text, start, end: self.at.min(self.value.len()) }
    }

    /// A closed comment is white space; MySQL runs what stands in `/*!50000 ... */`.
    fn comment(&mut self, start: usize) -> Option<Token<'v>> {
        let inside = self.value.get(start + 2..).unwrap_or_default();
        let code = match inside {
            _ if self.reading.comments != Comments::Run => None,
            [b'!', ..] => Some(1),
            [b'M' | b'm', b'!', ..] => Some(2),
            _ => None,
        };
        if let Some(mark) = code {
            self.executed_comments += 1;
            let version = inside.iter().skip(mark).take_while(|byte| byte.is_ascii_digit()).count();
            self.at = start + 2 + mark + version;
            return None;
        }
        let found = match self.reading.comments {
            Comments::Nested => nested_end(inside),
            Comments::Run | Comments::Plain => memchr::memmem::find(inside, b"*/"),
        };
        self.note(found.unwrap_or(inside.len()));
        match found {
            Some(length) => {
                self.at = start + 2 + length + 2;
                None
            }
            None => {
                self.at = start + 2;
                let clean = !reads_like_prose(inside);
                Some(self.token(Kind::Comment { clean }, start))
            }
        }
    }

    /// Whether the two dashes before `behind` begin one.
    fn is_line_comment(&self, behind: usize) -> bool {
        match self.reading.dashes {
            Dashes::Comment => true,
            Dashes::CommentBeforeSpace => self.value.get(behind).is_none_or(|byte| is_space(*byte)),
        }
    }

    /// After a line comment's end SQL goes on, which matters to those who write `--%0a`.
    fn line_comment(&mut self, start: usize, length: usize) -> Option<Token<'v>> {
        let rest = self.value.get(start + length..).unwrap_or_default();
        let line = match self.reading.line {
            Line::EndsAtEither => memchr::memchr2(b'\n', b'\r', rest),
            Line::EndsAtFeed => memchr::memchr(b'\n', rest),
        };
        let inside = rest.get(..line.unwrap_or(rest.len())).unwrap_or_default();
        let after = line.and_then(|line| rest.get(line + 1..)).unwrap_or_default();
        self.note(inside.len());
        let more = after.iter().any(|byte| !byte.is_ascii_whitespace());
        if more {
            self.at = start + length + inside.len() + 1;
            return None;
        }
        self.at = start + length;
        Some(self.token(Kind::Comment { clean: !reads_like_prose(inside) }, start))
    }

    /// A string, from behind its opening quote; doubled quotes and (often) backslashes do not end it.
    fn text(&mut self, start: usize, quote: u8) -> Token<'v> {
        while let Some(byte) = self.value.get(self.at).copied() {
            self.at += 1;
            if byte == b'\\' && self.reading.escape == Escape::Backslash {
                self.at += 1;
            } else if byte == quote {
                let doubled = self.value.get(self.at) == Some(&quote);
                if !doubled || self.at == 1 {
                    return self.token(Kind::Text { closed: true }, start);
                }
                self.at += 1;
            }
        }
        self.at = self.value.len();
        self.token(Kind::Text { closed: false }, start)
    }

    fn back_quoted(&mut self, start: usize) -> Token<'v> {
        let mut length = self.find(b'`', start + 1);
        // Doubled, it is a sign of the name; "``code``" is none.
        while let Some(end) = length.filter(|length| *length > 0)
            && self.value.get(start + end + 2) == Some(&b'`')
            && let Some(more) = self.find(b'`', start + end + 3)
        {
            length = Some(end + 2 + more);
        }
        self.at = start + length.map_or(1, |length| length + 2);
        self.token(if length.is_some() { Kind::Name } else { Kind::Other }, start)
    }

    /// A name as SQLite and SQL Server quote it. Empty brackets hold none.
    fn bracketed(&mut self, start: usize) -> Token<'v> {
        let mut length = self.find(b']', start + 1).filter(|length| *length > 0);
        while let Some(end) = length.filter(|_| self.reading.brackets == Brackets::Doubled)
            && self.value.get(start + end + 2) == Some(&b']')
        {
            length = self.find(b']', start + end + 3).map(|more| end + 2 + more);
        }
        self.at = start + length.map_or(1, |length| length + 2);
        self.token(if length.is_some() { Kind::Name } else { Kind::Other }, start)
    }

    /// PostgreSQL's `$$text$$` and `$tag$text$tag$`.
    fn dollar_quoted(&mut self, start: usize) -> bool {
        let rest = self.value.get(start..).unwrap_or_default();
        let tag =
            rest.iter().skip(1).take(16).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_');
        let opening = rest.get(..tag.count() + 2).filter(|opening| opening.ends_with(b"$"));
        let Some(opening) = opening else { return false };
        let inside = rest.get(opening.len()..).unwrap_or_default();
        // Each tag is another search. Whoever opens so many that never end has none that does.
        if inside.len() > self.spare {
            return false;
        }
        let found = memchr::memmem::find(inside, opening);
        self.note(found.unwrap_or(inside.len()));
        let Some(length) = found else {
            self.spare -= inside.len();
            return false;
        };
        self.at = start + opening.len() + length + opening.len();
        true
    }

    /// Oracle's `q'[text]'`, `nq'!text!'`.
    fn alternative_quoted(&mut self, start: usize) -> bool {
        if self.reading.alternative != Alternative::Quote {
            return false;
        }
        let rest = self.value.get(start..).unwrap_or_default();
        let national = usize::from(matches!(rest.first(), Some(b'n' | b'N')));
        let marked = matches!(rest.get(national..national + 2), Some(b"q'" | b"Q'"));
        let opening = rest.get(national + 2).copied().filter(|sign| marked && opens_alternative_quote(*sign));
        let Some(opening) = opening else { return false };
        let closing = match opening {
            b'[' => b']',
            b'(' => b')',
            b'{' => b'}',
            b'<' => b'>',
            other => other,
        };
        let inside = rest.get(national + 3..).unwrap_or_default();
        // Each is another search; whoever opens so many that never end has none that does.
        if inside.len() > self.spare {
            return false;
        }
        let found = memchr::memmem::find(inside, &[closing, b'\'']);
        self.note(found.unwrap_or(inside.len()));
        let Some(length) = found else {
            self.spare -= inside.len();
            return false;
        };
        self.at = start + national + 3 + length + 2;
        true
    }

    /// Digits, hex, exponents; letters that touch them make a name (`10x`), but for MySQL's `1or`, `1union`.
    fn number(&mut self, start: usize) -> Token<'v> {
        let rest = self.value.get(start..).unwrap_or_default();
        let hexadecimal = matches!(rest.get(..2), Some(b"0x" | b"0X" | b"0b" | b"0B"));
        let digits = match hexadecimal {
            true => 2 + rest.iter().skip(2).take_while(|byte| byte.is_ascii_hexdigit()).count(),
            false => number_length(rest),
        };
        // MySQL takes `1.e` for a number, or for nothing at all, and reads on behind it.
        let empty_exponent = rest.get(digits.saturating_sub(1)..digits + 1) == Some(b".e");
        let digits = digits + usize::from(empty_exponent);
        let letters = match empty_exponent {
            true => 0,
            false => name_length(rest.get(digits..).unwrap_or_default(), self.reading.wide),
        };
        let tail = rest.get(digits..digits + letters).unwrap_or_default();
        self.at = start + digits;
        let glued = matches!(
            words::word(tail),
            Some(
                Word::Logic
                    | Word::Union
                    | Word::From
                    | Word::Into
                    | Word::Compare
                    | Word::Clause
                    | Word::Sorting
                    | Word::Where
                    | Word::NullTest
                    | Word::Not
            )
        );
        if letters > 0 && !glued {
            self.at += letters;
            return self.token(Kind::Name, start);
        }
        self.token(Kind::Number, start)
    }

    /// MySQL's `@a.b`: a dot is a sign of the name.
    fn variable_length(&self, named: &[u8], signs: usize) -> usize {
        let mut length = name_length(named, self.reading.wide);
        while signs == 1 && length > 0 && named.get(length) == Some(&b'.') {
            match name_length(named.get(length + 1..).unwrap_or_default(), self.reading.wide) {
                0 => break,
                more => length += 1 + more,
            }
        }
        length
    }

    fn variable(&mut self, start: usize) -> Token<'v> {
        let rest = self.value.get(start..).unwrap_or_default();
        let signs = rest.iter().take(2).take_while(|byte| **byte == b'@').count();
        let named = rest.get(signs..).unwrap_or_default();
        // MySQL's `@@`sql_mode``, too.
        let quoted =
            named.first().filter(|byte| **byte == b'`' || (matches!(byte, b'\'' | b'"') && signs == 1));
        let closing = quoted.and_then(|quote| self.find(*quote, start + signs + 1));
        let length = closing.map_or_else(|| self.variable_length(named, signs), |length| length + 2);
        self.at = start + signs + length;
        if length > 0 {
            return self.token(Kind::Variable, start);
        }
        // PostgreSQL's `@@`, `@>`, `@?`.
        let operator = rest.get(1).is_some_and(|next| matches!(next, b'@' | b'>' | b'?'));
        self.at = start + 1 + usize::from(operator);
        self.token(if operator { Kind::Compare } else { Kind::Other }, start)
    }

    fn name(&mut self, start: usize) -> Token<'v> {
        let rest = self.value.get(start..).unwrap_or_default();
        let length = name_length(rest, self.reading.wide);
        self.at = start + length;
        let text = rest.get(..length).unwrap_or_default();
        let called = self.value.get(self.at) == Some(&b'(');
        let called_later = || {
            let after = self.value.get(self.at..).unwrap_or_default();
            after.iter().find(|byte| !is_space(**byte)) == Some(&b'(')
        };
        let kind = match words::word(text) {
            Some(word) => Kind::Word(word),
            None if words::is_catalogue(text) => Kind::Catalogue,
            None if called => Kind::Call { loud: words::is_loud(text) },
            None if called_later() && words::is_function(text) => Kind::Call { loud: words::is_loud(text) },
            None => Kind::Name,
        };
        self.token(kind, start)
    }

    fn sign(&mut self, start: usize, byte: u8, follows: Option<u8>) -> Token<'v> {
        let (kind, length) = match (byte, follows) {
            (b'&', Some(b'&')) | (b'|', Some(b'|')) => (Kind::Logic, 2),
            (b'<' | b'>' | b'!' | b':', Some(b'=')) | (b'<', Some(b'>')) => (Kind::Compare, 2),
            (b'=' | b'<' | b'>', _) => (Kind::Compare, 1),
            (b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'&' | b'|' | b'~' | b'!' | b'#', _) => {
                (Kind::Sign, 1)
            }
            // Where `[` quotes no name, an array's brackets are brackets.
            (b'(', _) => (Kind::Open, 1),
            (b')', _) => (Kind::Close, 1),
            (b'[', _) if self.reading.brackets == Brackets::Sign => (Kind::Open, 1),
            (b']', _) if self.reading.brackets == Brackets::Sign => (Kind::Close, 1),
            (b',', _) => (Kind::Comma, 1),
            (b'.', _) => (Kind::Dot, 1),
            (b';', _) => (Kind::Semicolon, 1),
            _ => (Kind::Other, 1),
        };
        self.at = start + length;
        // PostgreSQL's `<@`; `<@name` compares with a variable of MySQL's, which is an operand as well.
        let behind = self.value.get(start + length..).unwrap_or_default();
        let contains = matches!(byte, b'<') && behind.first() == Some(&b'@') && behind.get(1) != Some(&b'@');
        if kind == Kind::Compare && contains {
            self.at += 1;
        }
        // MySQL's <=> is one operator.
        if kind == Kind::Compare && self.value.get(start..start + 3) == Some(b"<=>") {
            self.at = start + 3;
        }
        self.token(kind, start)
    }
}

/// Where a comment ends that may hold others.
fn nested_end(inside: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(next) = memchr::memchr2(b'*', b'/', inside.get(at..)?) {
        at += next;
        match inside.get(at..at + 2) {
            Some(b"*/") if depth == 0 => return Some(at),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            _ => at += 1,
        }
    }
    None
}

fn number_length(rest: &[u8]) -> usize {
    let mut length = 0;
    while let Some(byte) = rest.get(length) {
        let exponent = matches!(byte, b'e' | b'E') && rest.get(length + 1).is_some_and(u8::is_ascii_digit);
        if !(byte.is_ascii_digit() || *byte == b'.' || exponent) {
            break;
        }
        length += if exponent { 2 } else { 1 };
    }
    length.min(rest.len())
}

/// Whether a comment holds words, as a dash or a number sign in prose would be followed by.
fn reads_like_prose(inside: &[u8]) -> bool {
    inside.iter().filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80).count() > 6
        || inside.trim_ascii().first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80)
            && inside.len() > 4
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// White space as the most generous database has it: SQL Server takes every control byte for it.
fn is_space(byte: u8) -> bool {
    byte <= b' '
}

fn name_length(rest: &[u8], wide: Wide) -> usize {
    let mut length = 0;
    while let Some(byte) = rest.get(length).copied().filter(|byte| is_name(*byte)) {
        let left = rest.get(length..).unwrap_or_default();
        // A lone 0xa0 is MySQL's space in Latin-1, but the second half of a letter in UTF-8.
        let is_half =
            byte == 0xa0 && length > 0 && rest.get(length - 1).is_some_and(|before| *before >= 0x80);
        if byte >= 0x80 && wide == Wide::Blank && !is_half && wide_space(left).is_some() {
            break;
        }
        length += 1;
    }
    length
}
