//! Reads what stands behind the way out as SQL would: operators and operands in turn, up to an end that the shop's own
//! query can live with. Lists of known shapes miss spellings; prose fails here at its first two words in a row.

use super::query::begins_query;
use super::token::{Context, Kind, MAX_TOKENS};
use super::walk::{
    Tokens, call_end, call_holds_query, is_called_operator, is_function, is_literal, kind, text_is,
};
use super::words::Word;

/// The end of an injection that continues the shop's expression at `at`.
pub(super) fn continues(tokens: Tokens<'_, '_>, at: usize, context: Context) -> Option<usize> {
    let mut reader = Reader { tokens, at, proof: Proof::default() };
    let end = reader.read()?;
    let proof = reader.proof;
    let is_injection = match context {
        Context::Bare => proof.breaks_number(end),
        Context::Single | Context::Back => proof.breaks_string(end, false),
        // `Press the "+" or "-" button` is prose; `'-'`, `a'='b` is not.
        Context::Double => proof.breaks_string(end, has_spaces(tokens)),
    };
    is_injection.then_some(reader.at.min(tokens.len()))
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
    signs: u32,
    commas: u32,
    clauses: u32,
    closed: u32,
    /// `is not 3`, `between 1 and 2`: comparisons in words, with a literal.
    tests: u32,
    /// `notnull`, `isnull`: no words of prose.
    null_tests: u32,
    /// Operands that are no string of the value: names, numbers, calls.
    others: u32,
    literals: u32,
    /// The last operand is a string that the shop's own quote closes.
    open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Proof is complete; what follows does not matter.
    Proven,
    Value,
    /// The tokens are at their limit.
    Unread,
    Comment {
        clean: bool,
        dashes: bool,
    },
    Semicolon {
        words_follow: bool,
    },
}

impl Proof {
    fn operators(&self) -> u32 {
        self.logic + self.comparisons + self.signs + self.clauses + self.tests + self.null_tests
    }

    /// More than plain names joined by signs and `and`.
    fn is_firm(&self) -> bool {
        self.comparisons + self.tests + self.null_tests + self.literals > 0
    }

    fn breaks_string(&self, end: End, strings_are_prose: bool) -> bool {
        if self.query {
            return true;
        }
        let listed = self.commas > 0 && (self.comparisons > 0 || self.closed > 0 || self.literals > 1);
        let goes_on = if self.commas > 0 { listed } else { self.operators() > 0 };
        match end {
            End::Proven => true,
            End::Unread => self.operators() > 0,
            End::Value if strings_are_prose && self.others + self.logic + self.commas == 0 => false,
            End::Value => (goes_on && self.open) || self.null_tests > 0,
            End::Comment { clean, dashes } => goes_on && (clean || dashes || self.is_firm()),
            End::Semicolon { words_follow } => goes_on && (!words_follow || self.is_firm()),
        }
    }

    fn breaks_number(&self, end: End) -> bool {
        let tests = self.logic > 0 && self.tests + self.null_tests > 0;
        let compares = tests || (self.logic > 0 && self.comparisons > 0);
        match end {
            End::Proven => true,
            // A list of many numbers is this long, too.
            End::Unread => tests,
            End::Value => self.query || tests,
            End::Comment { .. } | End::Semicolon { .. } => self.query || compares,
        }
    }
}

fn has_spaces(tokens: Tokens<'_, '_>) -> bool {
    let spaces = |at: usize| {
        tokens.get(at).map_or(0, |token| token.text.iter().filter(|byte| byte.is_ascii_whitespace()).count())
    };
    spaces(0) + spaces(tokens.len().saturating_sub(1)) > 0
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
            Kind::Comment { clean } => {
                let dashes = self.tokens.get(at).is_some_and(|token| !token.text.starts_with(b"#"));
                return Some(Some(End::Comment { clean, dashes }));
            }
            Kind::Semicolon => {
                let words_follow = matches!(self.kind(at + 1), Some(Kind::Name | Kind::Word(_)));
                return Some(Some(End::Semicolon { words_follow }));
            }
            Kind::Close => {
                self.proof.closed += 1;
                self.at += 1;
                return Some(None);
            }
            _ if kind == Kind::Word(Word::NullTest) || self.is(at, &["isnull"]) => {
                self.proof.null_tests += 1;
                self.at += 1;
                return Some(None);
            }
            Kind::Word(Word::Union) => {
                self.proof.query = begins_query(self.tokens, at + 1);
                return self.proof.query.then_some(None);
            }
            Kind::Dot => self.at += 1,
            Kind::Comma => self.proof.commas += 1,
            Kind::Logic | Kind::Word(Word::Logic) => self.proof.logic += 1,
            // No string has an exclusive or; "the '#' key" has.
            Kind::Sign if self.is(at, &["#"]) && matches!(self.kind(at + 1), Some(Kind::Text { .. })) => {
                return None;
            }
            Kind::Sign => self.proof.signs += 1,
            Kind::Compare => self.proof.comparisons += 1,
            Kind::Other if self.is(at, &["@", "?"]) => self.proof.comparisons += 1,
            Kind::Name if self.is(at, &["match", "overlaps"]) => self.proof.comparisons += 1,
            Kind::Word(Word::Not | Word::Compare) => return self.compare_in_words().map(|()| None),
            Kind::Word(Word::Clause | Word::Where) => self.proof.clauses += 1,
            Kind::Word(Word::Sorting) if self.kind(at + 1) == Some(Kind::Word(Word::By)) => {
                self.proof.clauses += 1;
                self.at += 1;
            }
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
        } else if self.is(at, &["asc", "desc", "}", "end"]) || self.is_bracketed(at) {
            1
        } else if matches!(self.kind(at), Some(Kind::Text { .. })) && self.follows_text(at) {
            self.proof.open = self.kind(at) == Some(Kind::Text { closed: false });
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
                self.proof.null_tests += 1;
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
            _ if prose => self.proof.signs += 1,
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
        self.proof.open = kind == Kind::Text { closed: false };
        self.proof.literals += u32::from(is_literal(kind) && !matches!(kind, Kind::Call { .. }));
        self.proof.others += u32::from(!matches!(kind, Kind::Text { .. }));
        match kind {
            Kind::Number | Kind::Text { .. } | Kind::Variable | Kind::Catalogue => self.at += 1,
            Kind::Word(Word::Constant | Word::NullTest) => self.at += 1,
            Kind::Word(Word::Case) => self.proof.query = self.is_case(at),
            Kind::Call { .. } | Kind::Word(Word::Statement)
                if kind != Kind::Word(Word::Statement) || self.kind(at + 1) == Some(Kind::Open) =>
            {
                self.proof.literals += u32::from(is_function(self.tokens, at));
                self.proof.query = (at + 1..at + 4).any(|inside| begins_query(self.tokens, inside))
                    || call_holds_query(self.tokens, at);
                self.at = call_end(self.tokens, at);
            }
            Kind::Word(Word::Compare) if is_called_operator(self.tokens, at) => {
                self.proof.literals += 1;
                self.proof.query = call_holds_query(self.tokens, at);
                self.at = call_end(self.tokens, at);
            }
            Kind::Name if self.kind(at + 1) == Some(Kind::Open) => {
                self.proof.query = begins_query(self.tokens, at + 1) || call_holds_query(self.tokens, at);
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
        let Some(Kind::Text { closed }) = self.kind(at + 1) else { return };
        let glued = match (self.tokens.get(at), self.tokens.get(at + 1)) {
            (Some(name), Some(text)) => name.end == text.start,
            _ => false,
        };
        let prefixed = glued
            && (self.is(at, &["x", "b", "n", "e", "u", "q", "nq"])
                || self.tokens.get(at).is_some_and(|token| token.text.starts_with(b"_")));
        if prefixed || self.is(at, &["date", "time", "timestamp", "interval"]) {
            self.proof.open = !closed;
            self.at += 1;
        }
    }

    fn is_case(&self, at: usize) -> bool {
        (at + 1..at + 64).any(|place| self.is(place, &["when"]))
            && (at + 2..at + 128).any(|place| self.is(place, &["then"]))
    }
}
