//! What the reader of [`super::grammar`] has seen that asks for something, and whether it is enough where the value ends so.

mod tells;

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
    /// The same, and words stand in the comment or a blank before it: "Max' and Moritz -- a book".
    CutByWords,
    /// In a string that the shop's own quote closes.
    Open,
    /// An operand would have to follow.
    Wanting,
    Value,
    Semicolon,
    /// The same, and nothing behind it.
    LastSemicolon,
}

impl End {
    /// What the shop's query goes on with does not count.
    fn is_cut(self) -> bool {
        matches!(self, End::Cut | End::CutByHash | End::CutByWords | End::Semicolon | End::LastSemicolon)
    }
}

/// Two signs that a sentence has seldom, or one that it never has.
pub(super) const ENOUGH: u32 = 2;

#[derive(Debug)]
pub(super) struct Proof {
    is_bare: bool,
    is_double: bool,
    /// `10"`, an inch.
    is_measure: bool,
    /// How much a query must have that begins behind something unknown.
    least_score: Option<u32>,
    /// Behind the break-out: signs and words that join operands.
    operators: u32,
    commas: u32,
    /// Words that may stand nearly anywhere, and names before strings: what prose is made of.
    pub loose: u32,
    /// By a sign.
    has_compared: bool,
    /// Brackets that the value did not open.
    closed: u32,
    /// An operator or a clause stands behind one.
    goes_on_behind_close: bool,
    /// A string of digits or a variable was joined: "1 or 2" is a sentence, `0 or '1'` is none.
    joins_value: bool,
    /// Operands that are more than a word, and those that are no names.
    literals: u32,
    values: u32,
    /// The operands are strings, and one of them has white space.
    has_only_texts: bool,
    has_spaces: bool,
    /// A number of things.
    begins_with_count: bool,
    /// Begins with a number, a string or a bracket: what most sentences do not.
    begins_with_value: bool,
    begins_with_column: bool,
    /// By `union`: "union table runner, linen".
    unites_first: bool,
    /// Queries that name a table or cannot be words.
    queries: u32,
    /// One of them names a table, or its rows.
    has_table: bool,
    unites: u32,
    /// Signs of SQL in queries.
    score: u32,
    /// Behind a joint an operator stands.
    operates_joined: bool,
    /// The operand before is one that no sentence has: a string, `true`, `products.id`.
    last_is_odd: bool,
    /// Whether more than names were selected.
    has_listed: bool,
    is_in_query: bool,
    /// `and`, `or`, and how many of them had an operand.
    joints: u32,
    is_joined: bool,
    joined: u32,
    /// One of these operands was more than a word.
    firm: bool,
    /// And no number either: a column, a sign before it.
    firm_name: bool,
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
    /// A semicolon stands between statements.
    is_divided: bool,
}

#[derive(Debug)]
struct Statement {
    is_separated: bool,
    needs: keywords::Needs,
    /// `grant all`, `fetch next`.
    takes_all: bool,
    is_update: bool,
    /// No word of prose behind a number.
    truncates: bool,
    is_query: bool,
    objects: u32,
    /// A word of SQL right behind the verb, a value or a bracket.
    is_firm: bool,
    /// "delete my account"
    is_of_prose: bool,
}

impl Proof {
    /// For a query that begins behind something unknown.
    pub fn again(context: Context) -> Proof {
        let least = if context == Context::Bare { 2 * ENOUGH } else { ENOUGH };
        Proof { least_score: Some(least), ..Proof::new(context) }
    }

    pub fn new(context: Context) -> Proof {
        Proof {
            is_bare: context == Context::Bare,
            is_double: context == Context::Double,
            is_measure: false,
            least_score: None,
            operators: 0,
            commas: 0,
            closed: 0,
            goes_on_behind_close: false,
            joins_value: false,
            loose: 0,
            has_compared: false,
            literals: 0,
            values: 0,
            has_only_texts: true,
            has_spaces: false,
            begins_with_count: false,
            begins_with_value: false,
            begins_with_column: false,
            unites_first: false,
            queries: 0,
            has_table: false,
            unites: 0,
            score: 0,
            operates_joined: false,
            last_is_odd: false,
            has_listed: false,
            is_in_query: false,
            joints: 0,
            is_joined: false,
            joined: 0,
            firm: false,
            firm_name: false,
            comparisons: 0,
            firm_comparisons: 0,
            compares_with_next: false,
            clauses: 0,
            doubts: 0,
            names_queries: false,
            sets: false,
            statement: None,
            is_divided: false,
        }
    }

    /// A query was united, or a condition joined, behind the value's beginning.
    pub fn has_begun(&self) -> bool {
        self.queries > 0 || self.unites > 0 || self.joints > 0
    }

    /// No doubt takes back what was read up to its table, or united. "use the mouse to select text while 'a' contains 'b'" names none.
    pub fn has_queried(&self) -> bool {
        let most = if self.is_bare { 1 } else { 2 };
        self.queries > 0 && (self.has_table || self.unites > 0 || self.doubts <= most)
    }

    pub fn has_firmly_queried(&self) -> bool {
        // "1001;table lamp;12.50"
        let listed = self.is_bare && (self.statement.is_some() || self.is_divided);
        self.has_queried() && self.score >= self.least_score.unwrap_or(ENOUGH) && !listed
    }

    pub fn has_very_firmly_queried(&self) -> bool {
        self.has_firmly_queried() && (self.unites > 0 || self.score >= 2 * ENOUGH)
    }

    /// The string that the value closes.
    pub fn breaks_out(&mut self, text: &Token<'_>) {
        let inside = text.text.get(..text.text.len().saturating_sub(1)).unwrap_or_default();
        self.is_measure = self.is_double && inside.last().is_some_and(u8::is_ascii_digit);
        self.has_spaces = inside.iter().any(u8::is_ascii_whitespace);
        self.object();
    }

    pub fn weigh(&mut self, token: &Token<'_>) {
        if !self.is_in_query {
            return;
        }
        self.score += match token.kind {
            Kind::Call { .. } if words::is_function(token.text) => 2,
            Kind::Variable | Kind::Catalogue | Kind::Logic => 2,
            // "(select 38, 39, 40)"
            Kind::Number if self.unites == 0 => 0,
            Kind::Number | Kind::Text { .. } | Kind::Compare | Kind::Dot => 1,
            Kind::Sign if token.text == b"*" => 2,
            Kind::Sign if token.text != b"-" => 1,
            Kind::Comma if self.unites > 0 => 2,
            Kind::Name if matches!(token.text.first(), Some(b'[' | b'`')) => 2,
            Kind::Name if token.text.contains(&b'_') || words::is_prey(token.text) => 2,
            Kind::Name if token.text.eq_ignore_ascii_case(b"collate") => 2,
            Kind::Word(_) if token.text.eq_ignore_ascii_case(b"where") => 1,
            Kind::Word(words::Word::Case | words::Word::NullTest) => 2,
            _ => 0,
        };
    }

    pub fn begins_with(&mut self, token: &Token<'_>) {
        self.begins_with_value = matches!(token.kind, Kind::Number | Kind::Variable)
            || is_text_of_digits(token)
            || token.text.eq_ignore_ascii_case(b"null");
        self.begins_with_column = token.kind == Kind::Name && words::is_column(token.text);
        let number = std::str::from_utf8(token.text).ok().and_then(|text| text.parse::<u8>().ok());
        self.begins_with_count = self.is_bare && number.is_some_and(|number| (1..=12).contains(&number));
    }

    /// `(1) or @a`
    pub fn begins_with_bracket(&mut self) {
        self.begins_with_value = true;
    }

    /// `select top 5`
    pub fn is_of_sql_server(&mut self) {
        self.score += 1;
    }

    /// `union table customers`, but not "2 union table lamps".
    pub fn queried_whole(&mut self, table: &Token<'_>) {
        let begins_as_sql = (self.begins_with_value && !self.begins_with_count && !self.unites_first)
            || self.begins_with_column;
        let said = self.is_bare && !begins_as_sql && self.is_plain(table) && !words::is_prey(table.text);
        self.score += if said { 0 } else { ENOUGH };
        self.queries += 1;
        self.has_table = true;
        self.object();
    }

    pub fn joins(&mut self, is_start: bool) {
        self.begins_with_value |= is_start;
        self.goes_on_behind_close |= self.closed > 0;
        self.joints += 1;
        self.is_joined = true;
        (self.operates_joined, self.last_is_odd) = (false, false);
    }

    /// `||`, which is an operator, too.
    pub fn joins_by_sign(&mut self, is_start: bool) {
        self.joins_value |= self.joints > 0 && self.last_is_odd;
        self.joins(is_start);
        self.operates_joined = self.joints > 1;
    }

    /// `+`, `=`, `like`, ... behind an operand.
    pub fn operates(&mut self) {
        self.operates_joined |= self.joints > 0;
        self.joins_value |= self.operates_joined && self.last_is_odd;
        self.goes_on_behind_close |= self.closed > 0;
        self.operators += 1;
    }

    /// `or ~x''`, `or !'a'`: no sentence has these signs before a word.
    pub fn negates(&mut self) {
        self.firm |= self.is_joined;
        self.firm_name |= self.is_joined;
    }

    /// `or N'a'`
    pub fn marks(&mut self) {
        self.firm |= self.joints > 0;
    }

    /// `1 or(2)`, `1 or-1`, `1 or"id"`: nobody writes so.
    pub fn joins_at_once(&mut self) {
        self.joins_value = true;
    }

    pub fn lists_on(&mut self) {
        self.commas += 1;
    }

    pub fn closes_more(&mut self) {
        self.closed += 1;
    }

    pub fn compares(&mut self) {
        self.has_compared = true;
        self.comparisons += u32::from(self.joints > 0);
        self.firm_comparisons += u32::from(self.joints > 0);
    }

    /// `like`, `is`, `between`: "3 or 4 is fine" compares with a word, and nothing with a value.
    pub fn compares_in_words(&mut self) {
        self.comparisons += u32::from(self.joints > 0);
        self.compares_with_next = self.joints > 0;
    }

    pub fn clause(&mut self) {
        self.goes_on_behind_close |= self.closed > 0;
        self.clauses += 1;
        self.score += u32::from(self.is_in_query);
    }

    pub fn unites(&mut self, is_start: bool) {
        self.begins_with_value |= is_start;
        self.unites_first |= is_start;
        self.unites += 1;
    }

    pub fn operand(&mut self, token: &Token<'_>) {
        let is_plain = self.is_plain(token);
        self.has_only_texts &= matches!(token.kind, Kind::Text { .. });
        self.has_spaces |= self.has_only_texts && token.text.iter().any(u8::is_ascii_whitespace);
        self.literals += u32::from(!is_plain);
        self.values += u32::from(token.kind != Kind::Name);
        self.firm_comparisons +=
            u32::from(self.compares_with_next && !(is_plain && token.kind == Kind::Name));
        self.compares_with_next = false;
        self.firm |= self.is_joined && !is_plain;
        self.firm_name |= self.is_joined && !is_plain && token.kind == Kind::Name;
        self.joins_value |= self.is_joined
            && (is_text_of_digits(token)
                || token.kind == Kind::Variable
                || matches!(token.text.first(), Some(b'[' | b'`')));
        self.complete();
        if let Some(statement) = &mut self.statement {
            statement.is_firm |= !is_plain || token.kind != Kind::Name;
            statement.is_of_prose |= statement.objects == 0 && keywords::is_pronoun(token.text);
        }
        self.object();
    }

    /// `or products.id-1`, `or 1||true`: "1 or 1/2" and "7 or example.com" are sentences.
    pub fn is_odd(&mut self, is_odd: bool) {
        self.joins_value |= self.operates_joined && is_odd && self.loose == 0;
        self.last_is_odd = is_odd;
    }

    /// What a sentence may have there: a word that names no usual column, an inch more, a quoted word.
    fn is_plain(&self, token: &Token<'_>) -> bool {
        match token.kind {
            Kind::Name => !(words::is_column(token.text) || words::is_number_column(token.text)),
            Kind::Number => self.is_measure,
            // No row meets a word, and these are true for PostgreSQL.
            Kind::Text { closed: true } => {
                let inside = token.text.get(1..token.text.len().saturating_sub(1)).unwrap_or_default();
                let begins = inside.trim_ascii_start().first().copied();
                let is_true = ["t", "true", "y", "yes", "on"];
                begins.is_some_and(|byte| byte.is_ascii_alphabetic() || byte >= 0x80)
                    && !words::holds(&is_true, inside.trim_ascii())
            }
            _ => false,
        }
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

    /// A word that some database knows.
    pub fn known_object(&mut self, lower: &[u8]) {
        if let Some(statement) = &mut self.statement {
            let tells = statement.takes_all || !keywords::is_small_change(lower);
            statement.is_firm |= statement.objects == 0 && tells;
            statement.objects += 1;
        }
    }

    /// A bracket, `into`.
    pub fn firms_statement(&mut self) {
        if let Some(statement) = &mut self.statement {
            statement.is_firm = true;
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
        self.has_table = true;
        self.object();
    }

    pub fn queried_from(&mut self, token: &Token<'_>) {
        self.score += u32::from(matches!(token.kind, Kind::Text { .. }));
        self.score += if self.names_queries { ENOUGH } else { 0 };
        self.queries += 1;
        self.has_table = true;
    }

    /// Something was selected from no table: names alone are no query.
    pub fn selected(&mut self) {
        self.queries += u32::from(self.has_listed);
    }

    pub fn next_statement(&mut self, is_start: bool) {
        self.begins_with_value |= is_start;
        self.is_divided = true;
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
            needs: keywords::needs_of(verb),
            takes_all: matches!(verb, b"grant" | b"revoke" | b"deny" | b"fetch" | b"move"),
            is_update: verb == b"update",
            truncates: verb == b"truncate",
            is_query: matches!(verb, b"select" | b"values" | b"table"),
            objects: 0,
            is_firm: false,
            is_of_prose: false,
        });
    }

    /// Nothing but an end stands behind the break-out.
    pub fn is_untouched(&self) -> bool {
        self.operators + self.joints + self.commas + self.clauses + self.queries + self.literals == 0
    }
}

/// `'1'`, `"20"`
fn is_text_of_digits(token: &Token<'_>) -> bool {
    let inside = token.text.get(1..token.text.len().saturating_sub(1)).unwrap_or_default();
    token.kind == (Kind::Text { closed: true }) && !inside.is_empty() && inside.iter().all(u8::is_ascii_digit)
}
