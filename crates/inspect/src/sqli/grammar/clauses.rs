//! What the words of SQL do to the reader: which clause begins, and what may come next.

use super::super::keywords::{self, LONGEST, lowered};
use super::super::token::{Kind, Token};
use super::super::words;
use super::{Machine, Mode, Read, State};

impl<'v> Machine<'v> {
    pub(super) fn word(&mut self, token: &Token<'v>, next: Option<Token<'v>>) -> Option<Read> {
        let mut room = [0_u8; LONGEST];
        let lower = lowered(token.text, &mut room);
        let quoted = matches!(token.text.first(), Some(b'[' | b'`'));
        let before_dot = next.is_some_and(|next| next.kind == Kind::Dot && next.start == token.end);
        if quoted || self.is_behind_dot() || (before_dot && self.state != State::Statement) {
            return self.operand(token);
        }
        match self.state {
            State::United => return self.united(lower),
            State::Statement => return self.begin_statement(lower, true),
            State::Values => return (lower == b"row").then_some(Read::On),
            State::Table => return self.operand(token),
            _ if self.mode == Mode::Type => return self.then(State::After),
            _ => {}
        }
        // PostgreSQL takes each of its keywords for a label there.
        let labels = self.last.is_some_and(|last| last.text.eq_ignore_ascii_case(b"as"));
        if self.mode == Mode::List && self.state == State::Any && labels {
            return self.then(State::After);
        }
        if self.names_something(lower, next) {
            return self.plain_word(token, lower, next);
        }
        match lower {
            // "(select 2 of 3)": no number stands behind a name.
            b"of" if self.mode == Mode::List && next.is_some_and(|next| next.kind == Kind::Number) => None,
            b"select" => self.select(),
            b"union" | b"intersect" | b"except" | b"minus" => {
                self.leave_list();
                self.proof.unites(self.state == State::Start);
                self.follows().then(|| self.then(State::United))?
            }
            b"and" | b"or" | b"xor" => {
                if self.mode == Mode::Tables || !self.follows() {
                    return None;
                }
                if std::mem::take(&mut self.is_between) && lower == b"and" {
                    return self.then(State::Want);
                }
                self.proof.joins(self.state == State::Start);
                if next.is_some_and(|next| next.start == token.end) {
                    self.proof.joins_at_once();
                }
                self.then(State::Want)
            }
            b"not" => self.not(next),
            b"from" => self.from(),
            b"where" | b"having" => {
                // `filter(where ...)`
                if !(self.follows() || self.state == State::Open) {
                    return None;
                }
                self.leave_list();
                self.mode = Mode::Expression;
                self.proof.clause();
                self.then(State::Want)
            }
            b"is" | b"in" | b"like" | b"between" | b"ilike" | b"rlike" | b"regexp" | b"glob" | b"sounds"
            | b"div" | b"mod" | b"similar" | b"collate" | b"escape" | b"uescape" | b"match" | b"overlaps"
            | b"member" | b"operator" => self.word_between(token, lower, next),
            b"isnull" | b"notnull" if self.state == State::After => {
                self.proof.operates();
                self.proof.compares();
                Some(Read::On)
            }
            b"asc" | b"desc" | b"end" if self.follows() => self.then(State::After),
            _ => self.clause_word(token, lower, next),
        }
    }

    /// What is an operator in one database is a name in another: `from customers minus--`.
    fn names_something(&self, lower: &[u8], next: Option<Token<'v>>) -> bool {
        const SOMEWHERE: [&str; 27] = [
            "by",
            "div",
            "escape",
            "fetch",
            "for",
            "glob",
            "ilike",
            "like",
            "lock",
            "match",
            "member",
            "minus",
            "mod",
            "offset",
            "operator",
            "option",
            "overlaps",
            "procedure",
            "regexp",
            "rlike",
            "similar",
            "sounds",
            "straight_join",
            "uescape",
            "window",
            "with",
            "xor",
        ];
        const GOES_ON: [&str; 9] =
            ["as", "from", "where", "order", "group", "limit", "having", "union", "join"];
        let stands_alone = next.is_none_or(|next| {
            matches!(next.kind, Kind::Comment { .. } | Kind::Comma | Kind::Close | Kind::Semicolon)
                || words::holds(&GOES_ON, next.text)
        });
        stands_alone
            && (matches!(self.mode, Mode::List | Mode::Tables | Mode::Loose) || self.state == State::Open)
            && !matches!(self.state, State::Start | State::Table)
            && SOMEWHERE.iter().any(|word| word.as_bytes() == lower)
    }

    fn clause_word(&mut self, token: &Token<'v>, lower: &[u8], next: Option<Token<'v>>) -> Option<Read> {
        let by = next.is_some_and(|next| next.text.eq_ignore_ascii_case(b"by"));
        let begins = self.state == State::Open;
        match lower {
            b"order" | b"group" | b"partition" if by && self.follows() => {
                self.leave_list();
                self.mode = Mode::Loose;
                self.proof.clause();
                self.then(State::Any)
            }
            b"by"
                if self.last.is_some_and(|last| {
                    matches!(last.text.first(), Some(b'o' | b'O' | b'g' | b'G' | b'p' | b'P'))
                }) =>
            {
                self.then(State::Want)
            }
            b"limit" | b"offset" | b"fetch" | b"window" | b"procedure" | b"into" if self.follows() => {
                if lower == b"into" {
                    self.proof.firms_statement();
                    if self.mode == Mode::List {
                        self.proof.queried();
                    }
                }
                self.leave_list();
                self.mode = Mode::Loose;
                self.proof.clause();
                self.then(State::Any)
            }
            b"for" | b"lock" | b"option" | b"returning" if self.follows() && self.state != State::Start => {
                self.leave_list();
                const LOCKS: [&str; 7] = ["update", "share", "no", "key", "xml", "json", "browse"];
                if !next.is_some_and(|next| words::holds(&LOCKS, next.text)) {
                    self.small_change(lower);
                }
                self.mode = if lower == b"returning" { Mode::List } else { Mode::Loose };
                self.then(State::Any)
            }
            b"as" => {
                if !matches!(self.state, State::After | State::Any) {
                    return None;
                }
                if self.mode == Mode::Expression && !self.frames.is_empty() {
                    self.mode = Mode::Type;
                }
                self.then(State::Any)
            }
            b"join" | b"straight_join" if self.follows() => {
                (self.mode, self.asks_table) = (Mode::Tables, true);
                self.then(State::Want)
            }
            b"on" | b"using" if matches!(self.mode, Mode::Tables | Mode::Joined) && self.follows() => {
                self.mode = Mode::Joined;
                self.then(State::Any)
            }
            b"values" if begins => self.then(State::Values),
            b"table" if begins => self.then(State::Table),
            b"with" if begins => {
                self.proof.names_queries = true;
                self.mode = Mode::Loose;
                self.then(State::Any)
            }
            b"null" | b"true" | b"false" | b"unknown" => self.operand(token),
            b"current_user" | b"session_user" | b"system_user" | b"sysdate" | b"current_date"
            | b"current_time" | b"current_timestamp" | b"localtime" | b"localtimestamp" => {
                self.operand(token)
            }
            b"case" | b"when" | b"then" | b"else" if self.state != State::Start => self.then(State::Any),
            _ => self.plain_word(token, lower, next),
        }
    }

    fn plain_word(&mut self, token: &Token<'v>, lower: &[u8], next: Option<Token<'v>>) -> Option<Read> {
        let behind_value = self.last.is_some_and(|last| {
            matches!(
                last.kind,
                Kind::Text { .. } | Kind::Number | Kind::Close | Kind::Variable | Kind::Catalogue
            )
        });
        if self.state == State::After
            && behind_value
            && self.frames.is_empty()
            && self.mode == Mode::Expression
            && keywords::is_verb_of_sql_server(lower)
        {
            return self.begin_statement(lower, false);
        }
        let is_type = keywords::is_type(lower)
            && (self.state != State::After || self.mode != Mode::Expression || !self.frames.is_empty());
        let is_verb = self.mode != Mode::Expression && keywords::is_verb(lower);
        if lower == b"top" && self.mode == Mode::List {
            self.tops = true;
            self.proof.is_of_sql_server();
        }
        if self.state == State::Start || !(is_type || is_verb || keywords::is_neutral(lower)) {
            return self.operand(token);
        }
        if lower == b"set" {
            self.proof.sets = true;
        }
        self.proof.known_object(lower);
        // `'|name+'`: an operand as any other.
        let is_operand = matches!(self.state, State::Want | State::Open)
            && next.is_none_or(|next| {
                matches!(next.kind, Kind::Sign | Kind::Compare | Kind::Logic | Kind::Close | Kind::Comma)
            });
        self.proof.loose += u32::from(!is_operand);
        self.small_change(lower);
        if self.state == State::After || self.state == State::Any {
            return self.then(State::Any);
        }
        // An operand, or a word before one.
        if self.asks_table && self.mode == Mode::Tables && !matches!(lower, b"only" | b"lateral") {
            self.asks_table = false;
            self.proof.queried_from(token);
        }
        self.proof.operand(token);
        self.then(State::Any)
    }

    fn small_change(&mut self, lower: &[u8]) {
        let beside = self.state == State::After && self.frames.is_empty();
        if self.mode == Mode::Expression && beside && keywords::is_small_change(lower) {
            self.proof.doubts += 1;
        }
    }

    fn select(&mut self) -> Option<Read> {
        let is_of_word =
            self.state == State::Open && self.frames.last().is_some_and(|frame| frame.is_of_word);
        if is_of_word && !self.proof.is_statement() {
            return None;
        }
        match self.state {
            State::Open | State::Any | State::United | State::Statement => {}
            // Behind `with a as (...)`.
            State::After if self.mode == Mode::Loose && self.proof.names_queries => {}
            State::After if self.frames.is_empty() => return self.begin_statement(b"select", false),
            _ => return None,
        }
        self.mode = Mode::List;
        self.proof.selects();
        self.then(State::Want)
    }

    fn united(&mut self, lower: &[u8]) -> Option<Read> {
        match lower {
            b"all" | b"distinct" | b"distinctrow" | b"corresponding" | b"by" => Some(Read::On),
            b"select" => self.select(),
            b"values" => self.then(State::Values),
            b"table" => self.then(State::Table),
            b"with" => {
                self.proof.names_queries = true;
                self.mode = Mode::Loose;
                self.then(State::Any)
            }
            _ => None,
        }
    }

    fn begin_statement(&mut self, lower: &[u8], separated: bool) -> Option<Read> {
        if !keywords::is_verb(lower) {
            return None;
        }
        self.proof.begins_statement(lower, separated);
        self.mode = Mode::Loose;
        match lower {
            b"select" => {
                self.state = State::Statement;
                self.select()
            }
            b"values" => self.then(State::Values),
            b"table" => self.then(State::Table),
            _ => {
                self.proof.names_queries |= lower == b"with";
                self.then(State::Any)
            }
        }
    }

    fn not(&mut self, next: Option<Token<'v>>) -> Option<Read> {
        match self.state {
            State::After => {
                let mut room = [0_u8; LONGEST];
                let lower = next.map_or(&b""[..], |next| lowered(next.text, &mut room));
                let known = next.is_some_and(|next| matches!(next.kind, Kind::Word(_)))
                    || keywords::is_neutral(lower);
                known.then(|| self.then(State::Any))?
            }
            State::Any => Some(Read::On),
            _ if self.wants() => self.then(State::Want),
            _ => None,
        }
    }

    fn from(&mut self) -> Option<Read> {
        let last = self.last?;
        let tests = last.text.eq_ignore_ascii_case(b"distinct");
        let empty = last.text.eq_ignore_ascii_case(b"select");
        if !(self.follows() || empty) {
            return None;
        }
        // `is distinct from`
        let is_test = self.prior.is_some_and(|prior| words::holds(&["is", "not"], prior.text));
        if tests && is_test {
            self.proof.operates();
            self.proof.compares();
        }
        if self.mode == Mode::List && !tests {
            (self.mode, self.asks_table) = (Mode::Tables, true);
        }
        self.then(State::Want)
    }

    /// An operator in words; some are functions, too.
    fn word_between(&mut self, token: &Token<'v>, lower: &[u8], next: Option<Token<'v>>) -> Option<Read> {
        let called = next.is_some_and(|next| next.kind == Kind::Open);
        // "between 9 and 5": what is compared there is true or false, 1 or 0.
        let is_first = self.state == State::After && self.last.is_some_and(|last| last.start == 0);
        let is_of_hours = lower == b"between" && is_first && next.is_some_and(is_above_zero);
        if is_of_hours && self.mode == Mode::Expression && self.frames.is_empty() {
            self.is_between = true;
            return self.then(State::Any);
        }
        if matches!(self.state, State::After | State::Any) {
            if self.mode == Mode::Tables && !matches!(lower, b"in" | b"match" | b"operator") {
                return None;
            }
            if !matches!(lower, b"collate" | b"escape" | b"uescape" | b"div" | b"mod" | b"operator") {
                self.proof.compares_in_words();
            }
            self.proof.operates();
            return self.then(if lower == b"is" { State::Want } else { State::Any });
        }
        let as_operand = called || !matches!(lower, b"is" | b"in" | b"like" | b"between");
        as_operand.then(|| self.operand(token))?
    }
}

fn is_above_zero(token: Token<'_>) -> bool {
    let digits = token.text.first().is_some_and(|first| (b'1'..=b'9').contains(first));
    token.kind == Kind::Number && digits && token.text.iter().all(u8::is_ascii_digit)
}
