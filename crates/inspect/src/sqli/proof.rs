//! What the reader of [`super::grammar`] has seen that asks for something, and whether it is enough where the value ends so.

use super::keywords;
use super::token::{Context, Kind, Token};
use super::words;

/// How the value ends, or a statement in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// `--`, `/*`: what the shop's query goes on with is cut off.
    Cut,
    /// The same by `#tag`, which prose has, too.
    CutByHash,
    /// In a string that the shop's own quote closes.
    Open,
    /// An operand would have to follow.
    Wanting,
    Value,
    Semicolon,
}

/// Two signs that a sentence has seldom, or one that it never has.
const ENOUGH: u32 = 2;

#[derive(Debug)]
pub(super) struct Proof {
    is_bare: bool,
    is_double: bool,
    /// The operands are strings, and one of them has white space.
    has_only_texts: bool,
    has_spaces: bool,
    /// Begins with a number, a string or a bracket: what most sentences do not.
    begins_with_value: bool,
    /// Queries that name a table or cannot be words.
    queries: u32,
    unites: u32,
    /// Signs of SQL in queries.
    score: u32,
    /// Whether more than names were selected.
    has_listed: bool,
    is_in_query: bool,
    /// `and`, `or`, and how many of them had an operand.
    joints: u32,
    is_joined: bool,
    joined: u32,
    /// One of these operands was more than a word.
    firm: bool,
    /// Behind a joint.
    comparisons: u32,
    /// The same with a sign or a value.
    firm_comparisons: u32,
    compares_with_next: bool,
    clauses: u32,
    /// What is SQL only if there are words that we do not know.
    pub doubts: u32,
    /// `with` was read: names of tables are the value's own.
    pub names_queries: bool,
    pub sets: bool,
    statement: Option<Statement>,
}

#[derive(Debug)]
struct Statement {
    is_separated: bool,
    stands_alone: bool,
    is_update: bool,
    /// No word of prose behind a number.
    truncates: bool,
    is_query: bool,
    objects: u32,
}

impl Proof {
    pub fn new(context: Context) -> Proof {
        Proof {
            is_bare: context == Context::Bare,
            is_double: context == Context::Double,
            has_only_texts: true,
            has_spaces: false,
            begins_with_value: false,
            queries: 0,
            unites: 0,
            score: 0,
            has_listed: false,
            is_in_query: false,
            joints: 0,
            is_joined: false,
            joined: 0,
            firm: false,
            comparisons: 0,
            firm_comparisons: 0,
            compares_with_next: false,
            clauses: 0,
            doubts: 0,
            names_queries: false,
            sets: false,
            statement: None,
        }
    }

    /// A query was united, or a condition joined, behind the value's beginning.
    pub fn has_begun(&self) -> bool {
        self.queries > 0 || self.unites > 0 || self.joints > 0
    }

    pub fn weigh(&mut self, token: &Token<'_>) {
        if !self.is_in_query {
            return;
        }
        self.score += match token.kind {
            Kind::Call { .. } if words::is_function(token.text) => 2,
            Kind::Variable | Kind::Catalogue | Kind::Logic => 2,
            Kind::Number | Kind::Text { .. } | Kind::Compare | Kind::Dot => 1,
            Kind::Sign if token.text == b"*" => 2,
            Kind::Sign if token.text != b"-" => 1,
            Kind::Comma if self.unites > 0 => 2,
            Kind::Name if matches!(token.text.first(), Some(b'[' | b'`')) => 2,
            Kind::Name if token.text.contains(&b'_') || words::is_prey(token.text) => 2,
            Kind::Word(_) if token.text.eq_ignore_ascii_case(b"where") => 1,
            Kind::Word(words::Word::Case | words::Word::NullTest) => 2,
            _ => 0,
        };
    }

    pub fn begins_with(&mut self, kind: Kind) {
        self.begins_with_value = matches!(kind, Kind::Number | Kind::Variable);
    }

    pub fn joins(&mut self, is_start: bool) {
        self.begins_with_value |= is_start;
        self.joints += 1;
        self.is_joined = true;
    }

    pub fn compares(&mut self) {
        self.comparisons += u32::from(self.joints > 0);
        self.firm_comparisons += u32::from(self.joints > 0);
    }

    /// `like`, `is`, `between`: "3 or 4 is fine" compares with a word, and nothing with a value.
    pub fn compares_in_words(&mut self) {
        self.comparisons += u32::from(self.joints > 0);
        self.compares_with_next = self.joints > 0;
    }

    pub fn clause(&mut self) {
        self.clauses += 1;
        self.score += u32::from(self.is_in_query);
    }

    pub fn unites(&mut self, is_start: bool) {
        self.begins_with_value |= is_start;
        self.unites += 1;
    }

    pub fn operand(&mut self, token: &Token<'_>) {
        let is_plain = token.kind == Kind::Name && !words::is_column(token.text);
        self.has_only_texts &= matches!(token.kind, Kind::Text { .. });
        self.has_spaces |= self.has_only_texts && token.text.iter().any(u8::is_ascii_whitespace);
        self.firm_comparisons += u32::from(self.compares_with_next && !is_plain);
        self.compares_with_next = false;
        self.firm |= self.is_joined && !is_plain;
        self.complete();
        self.object();
    }

    pub fn complete(&mut self) {
        self.joined += u32::from(self.is_joined);
        self.is_joined = false;
    }

    pub fn object(&mut self) {
        if let Some(statement) = &mut self.statement {
            statement.objects += 1;
        }
    }

    pub fn selects(&mut self) {
        self.is_in_query = true;
        self.has_listed = false;
    }

    pub fn lists(&mut self) {
        self.has_listed = true;
    }

    /// Values, a table.
    pub fn queried(&mut self) {
        self.is_in_query = true;
        self.score += ENOUGH;
        self.queries += 1;
        self.object();
    }

    pub fn queried_from(&mut self, token: &Token<'_>) {
        self.score += u32::from(matches!(token.kind, Kind::Text { .. }));
        self.score += if self.names_queries { ENOUGH } else { 0 };
        self.queries += 1;
    }

    /// Something was selected from no table: names alone are no query.
    pub fn selected(&mut self) {
        self.queries += u32::from(self.has_listed);
    }

    pub fn next_statement(&mut self, is_start: bool) {
        self.begins_with_value |= is_start;
        (self.joints, self.joined, self.comparisons, self.clauses, self.unites) = (0, 0, 0, 0, 0);
        (self.is_joined, self.statement, self.sets) = (false, None, false);
        (self.firm_comparisons, self.compares_with_next) = (0, false);
    }

    /// Whether a statement other than a query was begun.
    pub fn is_statement(&self) -> bool {
        self.statement.as_ref().is_some_and(|statement| !statement.is_query)
    }

    pub fn has_statement(&self) -> bool {
        self.statement.is_some()
    }

    pub fn begins_statement(&mut self, verb: &[u8], is_separated: bool) {
        self.statement = Some(Statement {
            is_separated,
            stands_alone: keywords::stands_alone(verb),
            is_update: verb == b"update",
            truncates: verb == b"truncate",
            is_query: matches!(verb, b"select" | b"values" | b"table"),
            objects: 0,
        });
    }

    /// Whether a query can end so: a string of another quote stays open, and nothing but a comparison wants an operand only where
    /// the value is put in more than once, which those who join conditions count on. `The "is" stamp and the "like" stamp` are
    /// strings of words with words of SQL between.
    pub fn can_end(&self, end: End, is_own_quote: bool) -> bool {
        if self.joints > 0 || self.queries > 0 || self.unites > 0 {
            return true;
        }
        match end {
            End::Wanting => false,
            End::Open => is_own_quote && !(self.is_double && self.has_only_texts && self.has_spaces),
            End::Value | End::Cut | End::CutByHash | End::Semicolon => true,
        }
    }

    /// `is_flat`: no bracket of the value's own is open.
    pub fn tells(&self, end: End, is_flat: bool) -> bool {
        match self.is_bare {
            true => self.tells_bare(end, is_flat),
            false => self.tells_quoted(end, is_flat),
        }
    }

    fn acts(&self) -> bool {
        self.statement.as_ref().is_some_and(|statement| {
            !statement.is_query
                && (statement.stands_alone || statement.objects > 0)
                && (!statement.is_update || self.sets)
        })
    }

    fn tells_quoted(&self, end: End, is_flat: bool) -> bool {
        let is_cut = matches!(end, End::Cut | End::CutByHash | End::Semicolon);
        let is_closed = is_cut || end == End::Open;
        if self.queries > 0 && self.doubts <= 2 && (is_closed || end == End::Wanting || self.score > 0) {
            return true;
        }
        if self.acts() && is_cut && self.doubts <= 2 && is_flat {
            return true;
        }
        let joined = match end {
            End::CutByHash if !self.firm && self.comparisons == 0 => false,
            End::Cut | End::CutByHash | End::Open => {
                self.doubts == 0 || (self.comparisons > 0 && self.doubts < 2)
            }
            End::Wanting | End::Semicolon => self.comparisons > 0 && self.doubts == 0,
            End::Value => false,
        };
        (joined && self.joined > 0)
            || (self.clauses > 0 && self.doubts == 0 && matches!(end, End::Cut | End::CutByHash))
    }

    fn tells_bare(&self, end: End, is_flat: bool) -> bool {
        let is_cut = end == End::Cut;
        // "Earrings; table runner": what stands behind a semicolon must be cut off.
        let is_statement = self.statement.is_some();
        let enough = (self.score >= ENOUGH && !is_statement) || (is_cut && self.begins_with_value);
        if self.queries > 0 && self.doubts <= 1 && enough && end != End::Wanting {
            return true;
        }
        if self.acts() && is_cut && self.begins_with_value && self.doubts <= 1 && is_flat {
            return true;
        }
        let unseparated = self.statement.as_ref().filter(|statement| !statement.is_separated);
        if unseparated.is_some_and(|statement| statement.truncates && statement.objects > 1)
            && self.doubts == 0
        {
            return true;
        }
        is_cut
            && unseparated.is_none()
            && self.begins_with_value
            && self.joined > 0
            && self.firm_comparisons > 0
            && self.doubts == 0
    }
}
