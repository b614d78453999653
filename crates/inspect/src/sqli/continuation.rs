//! Reads what stands behind the way out as SQL would: operators and operands in turn, up to an end that the shop's own
//! query can live with. Lists of known shapes miss spellings; prose fails here at its first two words in a row.

use super::query::begins_query;
use super::token::{Kind, MAX_TOKENS};
use super::walk::{Tokens, call_end, call_holds_query, is_called_operator, is_literal, kind, text_is};
use super::words::Word;

/// The end of an injection that continues the shop's expression at `at`, where no string is broken out of.
pub(super) fn continues(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let mut reader = Reader { tokens, at, proof: Proof::default() };
    let end = reader.read()?;
    reader.proof.breaks_number(end).then_some(reader.at.min(tokens.len()))
}

/// The end of an expression from `at` that holds a query; nothing less will do.
pub(super) fn continues_with_query(tokens: Tokens<'_, '_>, at: usize) -> Option<usize> {
    let mut reader = Reader { tokens, at, proof: Proof::default() };
    reader.read()?;
    reader.proof.query.then_some(reader.at.min(tokens.len()))
}

/// What was read on the way.
#[derive(Debug, Default)]
struct Proof {
    /// A query in brackets, `union` with a query, `case when`: nothing else is needed.
    query: bool,
    logic: u32,
    comparisons: u32,
    /// `is not 3`, `between 1 and 2`: comparisons in words, with a literal; `notnull`, `isnull`: no words of prose.
    tests: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Proof is complete; what follows does not matter.
    Proven,
    Value,
    /// The tokens are at their limit.
    Unread,
    /// A comment or a semicolon.
    Cut,
}

impl Proof {
    fn breaks_number(&self, end: End) -> bool {
        let tests = self.logic > 0 && self.tests > 0;
        match end {
            End::Proven => true,
            // A list of many numbers is this long, too.
            End::Unread => tests,
            End::Value => self.query || tests,
            End::Cut => self.query || tests || (self.logic > 0 && self.comparisons > 0),
        }
    }
}

struct Reader<'a, 'v> {
    tokens: Tokens<'a, 'v>,
    at: usize,
    proof: Proof,
}

impl Reader<'_, '_> {
    /// To the end, or nothing if this is no SQL.
    fn read(&mut self) -> Option<End> {
        loop {
            let read = self.operator();
            if self.proof.query {
                return Some(End::Proven);
            }
            // More tokens than are read, and all of them an expression: nobody's answer to anything.
            if self.at >= MAX_TOKENS {
                return Some(End::Unread);
            }
            if let Some(end) = read? {
                return Some(end);
            }
        }
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        kind(self.tokens, at)
    }

    fn is(&self, at: usize, texts: &[&str]) -> bool {
        text_is(self.tokens, at, texts)
    }

    /// Behind an operand: an operator with its operand, something that belongs to the operand, or the end.
    fn operator(&mut self) -> Option<Option<End>> {
        let at = self.at;
        let Some(kind) = self.kind(at) else { return Some(Some(End::Value)) };
        match kind {
            Kind::Comment { .. } | Kind::Semicolon => return Some(Some(End::Cut)),
            Kind::Close => {
                self.at += 1;
                return Some(None);
            }
            _ if kind == Kind::Word(Word::NullTest) || self.is(at, &["isnull"]) => {
                self.proof.tests += 1;
                self.at += 1;
                return Some(None);
            }
            Kind::Dot => self.at += 1,
            Kind::Comma => {}
            Kind::Logic | Kind::Word(Word::Logic) => self.proof.logic += 1,
            // No string has an exclusive or; "the '#' key" has.
            Kind::Sign if self.is(at, &["#"]) && matches!(self.kind(at + 1), Some(Kind::Text { .. })) => {
                return None;
            }
            Kind::Sign => {}
            Kind::Compare => self.proof.comparisons += 1,
            Kind::Other if self.is(at, &["@", "?"]) => self.proof.comparisons += 1,
            Kind::Name if self.is(at, &["match", "overlaps"]) => self.proof.comparisons += 1,
            Kind::Word(Word::Not | Word::Compare) => return self.compare_in_words().map(|()| None),
            Kind::Word(Word::Clause | Word::Where) => {}
            Kind::Word(Word::Sorting) if self.kind(at + 1) == Some(Kind::Word(Word::By)) => self.at += 1,
            _ => return self.belongs_to_operand().then_some(None),
        }
        if kind != Kind::Dot {
            self.at += 1;
        }
        self.operand()?;
        Some(None)
    }

    /// `collate nocase`, `escape '!'`, `as int`, `::text`, `[1]`, `desc`, `'a' 'b'`, the end of `{d '2020-01-01'}`.
    fn belongs_to_operand(&mut self) -> bool {
        let at = self.at;
        let named = self.is(at, &["collate", "escape", "as"]);
        let length = if named && matches!(self.kind(at + 1), Some(Kind::Name | Kind::Text { .. })) {
            2
        } else if self.is(at, &[":"]) && self.is(at + 1, &[":"]) && self.kind(at + 2).is_some() {
            3
        } else if self.is(at, &["asc", "desc", "}", "end"])
            || self.is_bracketed(at)
            || (matches!(self.kind(at), Some(Kind::Text { .. })) && self.follows_text(at))
        {
            1
        } else if matches!(self.kind(at), Some(Kind::Call { .. })) && self.is(at, &["over", "filter"]) {
            call_end(self.tokens, at) - at
        } else {
            0
        };
        self.at += length;
        length > 0
    }

    fn is_bracketed(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.text.starts_with(b"["))
    }

    fn follows_text(&self, at: usize) -> bool {
        at.checked_sub(1).is_some_and(|before| matches!(self.kind(before), Some(Kind::Text { .. })))
    }

    /// `not like 'a'`, `is not distinct from 3`, `in customers`, `between 1 and 2`, `sounds like 'a'`.
    fn compare_in_words(&mut self) -> Option<()> {
        if self.kind(self.at) == Some(Kind::Word(Word::Not)) {
            self.at += 1;
            if self.is(self.at, &["null"]) {
                self.at += 1;
                self.proof.tests += 1;
                return Some(());
            }
        }
        if self.kind(self.at) != Some(Kind::Word(Word::Compare)) {
            return None;
        }
        let between = self.is(self.at, &["between"]);
        // "2 in 1 and 3 in 1", "this is 5": the words of prose count for nothing by themselves.
        let prose = self.is(self.at, &["in", "is"]);
        self.at += 1;
        let word = self.at;
        while self.is(self.at, &["not", "distinct", "from", "like", "binary", "symmetric"]) {
            self.at += 1;
        }
        let literal = self.kind(self.at).is_some_and(is_literal);
        match between || (prose && self.at > word) {
            true if literal => self.proof.tests += 1,
            _ if prose => {}
            _ => self.proof.comparisons += 1,
        }
        self.operand()
    }

    fn operand(&mut self) -> Option<()> {
        loop {
            match self.kind(self.at)? {
                Kind::Sign | Kind::Compare | Kind::Logic | Kind::Word(Word::Not | Word::Quantity) => {}
                Kind::Open if begins_query(self.tokens, self.at + 1) => {
                    self.proof.query = true;
                    return Some(());
                }
                Kind::Open => {}
                // `(select id)`: no query of its own, but no prose behind an operator either.
                Kind::Word(Word::Select) => {}
                // MySQL reads over `1.e`.
                Kind::Number if self.is_empty_exponent() => {}
                Kind::Other if self.is(self.at, &["{"]) => self.at += 1,
                Kind::Other if self.is(self.at, &["\\"]) => {}
                _ if self.is(self.at, &["binary", "distinct", "prior"]) => {}
                _ => break,
            }
            self.at += 1;
        }
        let at = self.at;
        let kind = self.kind(at)?;
        match kind {
            Kind::Number | Kind::Text { .. } | Kind::Variable | Kind::Catalogue => self.at += 1,
            Kind::Word(Word::Constant | Word::NullTest) => self.at += 1,
            Kind::Word(Word::Case) => self.proof.query = self.is_case(at),
            Kind::Call { .. } | Kind::Word(Word::Statement)
                if kind != Kind::Word(Word::Statement) || self.kind(at + 1) == Some(Kind::Open) =>
            {
                self.proof.query = (at + 1..at + 4).any(|inside| begins_query(self.tokens, inside))
                    || call_holds_query(self.tokens, at);
                self.at = call_end(self.tokens, at);
            }
            Kind::Word(Word::Compare) if is_called_operator(self.tokens, at) => {
                self.proof.query = call_holds_query(self.tokens, at);
                self.at = call_end(self.tokens, at);
            }
            Kind::Name if self.kind(at + 1) == Some(Kind::Open) => {
                let aside = super::brackets::is_aside(self.tokens, at + 2);
                self.proof.query =
                    !aside && (begins_query(self.tokens, at + 1) || call_holds_query(self.tokens, at));
                self.at = call_end(self.tokens, at);
            }
            Kind::Name => self.name(),
            Kind::Other if self.is_bound(at) => self.at += 2,
            _ => return None,
        }
        let read = self.at > at || self.proof.query;
        read.then_some(())
    }

    /// `:name`, `?1`: the name of a value that the shop binds. `:D` behind a sign is a smiley.
    fn is_bound(&self, at: usize) -> bool {
        let (Some(sign), Some(name)) = (self.tokens.get(at), self.tokens.get(at + 1)) else { return false };
        let smiley = matches!(name.text, [b'D' | b'P' | b'O' | b'S' | b'X' | b'p' | b'o' | b'x' | b'c'])
            && at.checked_sub(1).is_some_and(|before| {
                matches!(
                    self.kind(before),
                    Some(Kind::Sign | Kind::Logic | Kind::Word(Word::Logic) | Kind::Comma)
                )
            })
            && !matches!(self.kind(at + 2), Some(Kind::Compare | Kind::Word(Word::Compare)));
        sign.end == name.start
            && match sign.text {
                b":" => matches!(name.kind, Kind::Name | Kind::Word(_)) && !smiley,
                b"?" => name.kind == Kind::Number,
                _ => false,
            }
    }

    fn is_empty_exponent(&self) -> bool {
        let empty = self.tokens.get(self.at).is_some_and(|token| token.text.ends_with(b".e"));
        empty && matches!(self.kind(self.at + 1), Some(Kind::Open | Kind::Name | Kind::Call { .. }))
    }

    /// A name, with what may stand right behind it: `x'41'`, `date '2020-01-01'`.
    fn name(&mut self) {
        let at = self.at;
        self.at += 1;
        if !matches!(self.kind(at + 1), Some(Kind::Text { .. })) {
            return;
        }
        let glued = match (self.tokens.get(at), self.tokens.get(at + 1)) {
            (Some(name), Some(text)) => name.end == text.start,
            _ => false,
        };
        let prefixed = glued
            && (self.is(at, &["x", "b", "n", "e", "u", "q", "nq"])
                || self.tokens.get(at).is_some_and(|token| token.text.starts_with(b"_")));
        if prefixed || self.is(at, &["date", "time", "timestamp", "interval"]) {
            self.at += 1;
        }
    }

    fn is_case(&self, at: usize) -> bool {
        (at + 1..at + 64).any(|place| self.is(place, &["when"]))
            && (at + 2..at + 128).any(|place| self.is(place, &["then"]))
    }
}
