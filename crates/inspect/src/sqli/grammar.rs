//! Whether what stands behind a break-out can be SQL at all.
//!
//! A value that closes the string it stands in is a part of the shop's query from there on: unless every token up to the cut (a
//! comment, or a string that the shop's own quote closes) can stand there in SQL, the database answers with an error and runs
//! nothing. So tokens are read once, from the front, and given up only where no database could go on: a word right behind a string, a
//! number behind a name, three names in a row. What is left is SQL, and [`super::proof`] says whether it asks for something.

mod clauses;
mod ends;
mod net;
mod rescue;
mod signs;

use std::ops::Range;

use super::keywords::{self, LONGEST, lowered};
use super::proof::{End, Proof};
use super::reading::Reading;
use super::token::{self, Context, Kind, Token};
use super::words;
use rescue::Rescue;

/// What a value is in one context.
pub(super) enum Found {
    Injection(Range<usize>),
    /// It could be SQL, and asks for nothing that was understood.
    Harmless,
    /// No database reads it as SQL.
    Prose,
}

pub(super) fn judge(value: &[u8], context: Context, reading: Reading) -> Found {
    let mut machine = Machine::new(value, context);
    let mut rescue = Rescue::default();
    match read(value, context, reading, &mut machine, &mut rescue) {
        Some((bytes, Read::Attack)) => Found::Injection(bytes),
        Some((_, Read::On)) => Found::Harmless,
        // Words of one database are names in another, and any name may be a type: where a value has begun as SQL does,
        // the end of what this grammar knows is not the end of what some database does.
        None if context != Context::Bare && rescue.has_begun => Found::Harmless,
        None => Found::Prose,
    }
}

fn read<'v>(
    value: &'v [u8],
    context: Context,
    reading: Reading,
    machine: &mut Machine<'v>,
    rescue: &mut Rescue,
) -> Option<(Range<usize>, Read)> {
    let mut reader = token::Reader::new(value, context, reading);
    let first = reader.next_token()?;
    let mut current = match (context, first.kind) {
        (Context::Bare, _) => first,
        (_, Kind::Text { closed: true }) => {
            machine.proof.breaks_out(&first);
            machine.last = Some(first);
            machine.first_end = first.end;
            machine.state = State::After;
            match reader.next_token() {
                Some(token) => token,
                None => return Some((0..value.len(), Read::On)),
            }
        }
        _ => return None,
    };
    let start = current.start;
    loop {
        let next = reader.next_token();
        rescue.net.draw(current, next);
        let read = if rescue.is_lost { None } else { machine.read(current, next) };
        match read {
            Some(Read::Attack) => return Some((start..current.end, Read::Attack)),
            Some(Read::On) => {}
            None => {
                let was_lost = rescue.is_lost;
                rescue.lose(machine, current, next);
                if !was_lost && rescue.is_over(value, &current) {
                    return None;
                }
            }
        }
        if let Some(next) = next {
            current = next;
            continue;
        }
        let read = match rescue.is_lost {
            true => None,
            false if machine.ended => Some(Read::On),
            false => machine.ends(),
        };
        if !rescue.is_lost {
            rescue.remember(machine);
        }
        if rescue.tells(&current, context) {
            return Some((start..current.end, Read::Attack));
        }
        // What was passed over is no SQL that we know.
        let read = read.filter(|read| !rescue.is_again || *read == Read::Attack);
        return Some((start..current.end, read?));
    }
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The value's beginning, where what stands before it is not known.
    Start,
    /// Right behind an opening bracket.
    Open,
    /// An operand has to come.
    Want,
    /// An operand is complete.
    After,
    /// A word of SQL stands before: nearly anything may come.
    Any,
    /// Behind `union`, `except`, ...: a query has to come.
    United,
    /// Behind `table` where a query stands: its name.
    Table,
    /// Behind `values` where a query stands: its rows.
    Values,
    /// A statement begins.
    Statement,
}

/// In which part of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Expression,
    /// What is selected: each may have another name behind it.
    List,
    /// Behind `from`: so may each table.
    Tables,
    /// What tables are joined on: a comma leads back to them.
    Joined,
    /// `cast(a as ...)`: SQLite takes any words for a type.
    Type,
    /// Clauses and statements whose parts are not followed.
    Loose,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    mode: Mode,
    names: u8,
    /// `box (`: no query stands in what a plain word calls.
    is_of_word: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    On,
    Attack,
}

/// `None` from any of its functions: no database can go on here.
struct Machine<'v> {
    value: &'v [u8],
    context: Context,
    state: State,
    mode: Mode,
    /// Names in a row up to here.
    names: u8,
    /// A table has to be named behind `from`.
    asks_table: bool,
    frames: Vec<Frame>,
    last: Option<Token<'v>>,
    /// Where the string ends that the value closes.
    first_end: usize,
    /// What stood before that.
    prior: Option<Token<'v>>,
    /// By a comment.
    ended: bool,
    /// The operand before was `:P`, which is none unless it is compared.
    is_smiley: bool,
    /// ODBC's `{d '2020-01-01'}` was begun.
    is_braced: bool,
    /// Behind `between 9`, whose `and` joins nothing.
    is_between: bool,
    /// Behind SQL Server's `top`.
    tops: bool,
    proof: Proof,
}

impl<'v> Machine<'v> {
    /// "l'Union select, 75 cl", "l'Union select. Vins": nothing is selected.
    fn is_behind_select(&self) -> bool {
        self.last.is_some_and(|last| {
            let united = self.state == State::United && last.text.eq_ignore_ascii_case(b"union");
            united || (last.kind == Kind::Word(words::Word::Select) && self.state == State::Want)
        })
    }

    fn new(value: &'v [u8], context: Context) -> Machine<'v> {
        let (state, mode) = (State::Start, Mode::Expression);
        let proof = Proof::new(context);
        Machine {
            value,
            context,
            state,
            mode,
            names: 0,
            asks_table: false,
            frames: Vec::new(),
            last: None,
            first_end: 0,
            prior: None,
            ended: false,
            is_smiley: false,
            is_braced: false,
            is_between: false,
            tops: false,
            proof,
        }
    }

    fn read(&mut self, token: Token<'v>, next: Option<Token<'v>>) -> Option<Read> {
        super::walk::count();
        let smiles = self.is_smiley && self.last.is_some_and(|last| last.text != b":");
        if smiles && !matches!(token.kind, Kind::Compare | Kind::Word(_) | Kind::Sign | Kind::Logic) {
            return None;
        }
        self.is_smiley &= !smiles;
        // MySQL reads over `1.e`.
        if token.text.ends_with(b".e")
            && next.is_some_and(|next| matches!(next.kind, Kind::Open | Kind::Name | Kind::Call { .. }))
        {
            return Some(Read::On);
        }
        let before = self.last.map_or(token.start, |last| last.end);
        let is_parted = memchr::memmem::find(self.value.get(before..token.start).unwrap_or_default(), b"/*");
        // No sentence has `/**/` for a blank.
        if is_parted.is_some() && self.context == Context::Bare {
            self.proof.joins_at_once();
        }
        self.proof.weigh(&token);
        let read = match token.kind {
            Kind::Comment { .. } => return self.cut(&token),
            Kind::Semicolon => self.semicolon(next),
            Kind::Open => self.open(),
            Kind::Close => self.close(),
            Kind::Comma => self.comma(),
            Kind::Dot => self.dot(&token, next),
            Kind::Number | Kind::Variable | Kind::Catalogue | Kind::Text { .. } => self.operand(&token),
            Kind::Logic => self.logic_sign(&token, next),
            Kind::Compare => self.compare(&token),
            Kind::Sign => self.sign(&token, next),
            Kind::Other => self.other(&token, next),
            Kind::Name | Kind::Call { .. } | Kind::Word(_) => self.word(&token, next),
        };
        if read.is_some() {
            self.prior = self.last;
            self.last = Some(token);
        }
        read
    }

    fn wants(&self) -> bool {
        matches!(self.state, State::Start | State::Open | State::Want | State::Any)
    }

    /// Behind an operand or a word, where an operator may come.
    fn follows(&self) -> bool {
        matches!(self.state, State::After | State::Any)
            || (self.state == State::Start && self.context == Context::Bare)
    }

    fn then(&mut self, state: State) -> Option<Read> {
        self.state = state;
        if state != State::After {
            self.names = 0;
        }
        Some(Read::On)
    }

    fn semicolon(&mut self, next: Option<Token<'v>>) -> Option<Read> {
        let is_last = next.is_none_or(|next| matches!(next.kind, Kind::Comment { .. }));
        // `;;`
        if self.frames.is_empty() && self.state == State::Statement {
            return Some(Read::On);
        }
        if self.is_ended_at_once(next) {
            return Some(Read::Attack);
        }
        if !self.frames.is_empty() || !self.follows() {
            return None;
        }
        self.leave_list();
        if self.proof.tells(if is_last { End::LastSemicolon } else { End::Semicolon }, true) {
            return Some(Read::Attack);
        }
        self.proof.next_statement(self.state == State::Start);
        self.mode = Mode::Loose;
        self.then(State::Statement)
    }

    /// `x';`, `';;`, and no more: no word with a semicolon glued to its quote is a sentence.
    fn is_ended_at_once(&self, next: Option<Token<'v>>) -> bool {
        let closes = self.context != Context::Bare && self.last.is_some_and(|last| last.start == 0);
        let first = self.value.get(..self.first_end).unwrap_or_default();
        let is_word = !first.iter().any(u8::is_ascii_whitespace);
        closes && is_word && next.is_none_or(|next| next.kind == Kind::Semicolon)
    }

    /// "a gift box (select", "use the table (select": no query stands in what a plain word calls.
    fn is_behind_word(&self) -> bool {
        self.last.is_some_and(|last| {
            let named = self.prior.is_some_and(|prior| keywords::is_article(prior.text));
            last.kind == Kind::Name && (named || !keywords::is_known(last.text))
        })
    }

    fn open(&mut self) -> Option<Read> {
        // `name * (price)`, where the star could have been an operand.
        let behind_star = self.last.is_some_and(|last| last.text == b"*") && self.mode != Mode::Tables;
        let called = match self.state {
            State::After if behind_star => false,
            State::After => {
                let callable = self.last.is_some_and(|last| {
                    matches!(
                        last.kind,
                        Kind::Name | Kind::Call { .. } | Kind::Word(_) | Kind::Catalogue | Kind::Close
                    )
                });
                if !callable {
                    return None;
                }
                true
            }
            State::Table => return None,
            State::Values => {
                self.proof.queried();
                false
            }
            _ => false,
        };
        let is_of_word = called && self.is_behind_word();
        if self.state == State::Start {
            self.proof.begins_with_bracket();
        }
        self.proof.firms_statement();
        self.frames.push(Frame { mode: self.mode, names: if called { self.names } else { 1 }, is_of_word });
        self.mode = match self.mode {
            Mode::Tables if !called => Mode::Tables,
            Mode::Type => Mode::Type,
            Mode::Loose if self.proof.is_statement() => Mode::Loose,
            _ => Mode::Expression,
        };
        self.then(State::Open)
    }

    fn close(&mut self) -> Option<Read> {
        if !(self.follows() || self.state == State::Open) {
            return None;
        }
        self.leave_list();
        match self.frames.pop() {
            Some(frame) => (self.mode, self.names) = (frame.mode, frame.names),
            None => {
                self.proof.closes_more();
                (self.mode, self.names) = (Mode::Expression, 1);
            }
        }
        self.asks_table = false;
        self.state = State::After;
        self.proof.complete();
        Some(Read::On)
    }

    fn comma(&mut self) -> Option<Read> {
        if self.is_behind_select() {
            return None;
        }
        let follows = self.follows() || self.mode == Mode::Type;
        if self.frames.is_empty() && self.mode == Mode::Expression {
            self.proof.lists_on();
        }
        if self.mode == Mode::Joined {
            self.mode = Mode::Tables;
        }
        self.asks_table = self.mode == Mode::Tables;
        follows.then(|| self.then(State::Want))?
    }

    fn dot(&mut self, token: &Token<'v>, next: Option<Token<'v>>) -> Option<Read> {
        let glued = next.is_some_and(|next| next.start == token.end);
        if self.is_behind_select() && !glued {
            return None;
        }
        let names = self.names;
        let doubled = self.last.is_some_and(|last| last.kind == Kind::Dot);
        // MySQL's `.products.id` is of its own database.
        let is_first = self.wants() && self.state != State::Any;
        if is_first && next.is_some_and(|next| next.kind == Kind::Name) {
            self.proof.joins_at_once();
        }
        if !(self.follows() || doubled || is_first) {
            return None;
        }
        self.state = State::Want;
        self.names = names.saturating_sub(1);
        Some(Read::On)
    }

    fn is_behind_dot(&self) -> bool {
        self.last.is_some_and(|last| last.kind == Kind::Dot)
    }

    fn operand(&mut self, token: &Token<'v>) -> Option<Read> {
        let is_text = matches!(token.kind, Kind::Text { .. });
        let is_beside = self.state == State::After;
        match self.state {
            State::United | State::Statement | State::Values => return None,
            State::Table => {
                // "trade union table with 6 chairs"
                if keywords::is_small_change(&token.text.to_ascii_lowercase()) {
                    return None;
                }
                self.proof.queried_whole(token);
                self.mode = Mode::Loose;
            }
            State::After if self.mode != Mode::Type => self.beside(token, is_text)?,
            _ if !self.is_behind_dot() => self.names = 1,
            _ => self.names += 1,
        }
        // "No. 7"
        let numbered = self.is_behind_dot() && token.kind == Kind::Number;
        if (self.names > 2 && self.mode != Mode::Type) || numbered {
            return None;
        }
        // `-1`
        let is_signed = self.prior.is_none() && self.last.is_some_and(|last| last.kind == Kind::Sign);
        if self.state == State::Start || is_signed {
            self.proof.begins_with(token);
        }
        if self.mode == Mode::Tables && self.asks_table {
            if token.kind == Kind::Number {
                return None;
            }
            if keywords::is_article(token.text) && !self.proof.names_queries {
                return None;
            }
            self.asks_table = false;
            self.proof.queried_from(token);
        }
        if self.mode == Mode::List && !is_beside && token.kind != Kind::Name {
            self.proof.lists();
        }
        self.proof.operand(token);
        let is_quoted = matches!(token.text.first(), Some(b'[' | b'`'));
        let is_constant = token.kind == Kind::Word(words::Word::Constant);
        self.proof.is_odd(is_text || is_quoted || is_constant || self.is_behind_dot());
        let is_marked = self.last.is_some_and(|last| last.end == token.start && is_mark(last.text));
        // `or N'a'`, `or not x'`, which the shop's own quote closes.
        let is_whole = token.kind == (Kind::Text { closed: true }) || token.text.len() == 1;
        if is_marked && is_text && is_whole {
            self.proof.marks();
        }
        // SQL Server's `top 1 a`.
        self.state = if std::mem::take(&mut self.tops) { State::Any } else { State::After };
        Some(Read::On)
    }

    /// An operand right behind another.
    fn beside(&mut self, token: &Token<'v>, is_text: bool) -> Option<()> {
        let before = self.last?;
        let is_renamed = matches!(self.mode, Mode::List | Mode::Tables);
        let behind_text = matches!(before.kind, Kind::Text { .. });
        match token.kind {
            // `distinct on (id) 1`
            Kind::Number if before.kind == Kind::Close && self.mode == Mode::List => return Some(()),
            // `collate binary * 0`: the star was none.
            _ if before.text == b"*" && self.mode != Mode::Tables => return Some(()),
            Kind::Number => return None,
            Kind::Text { .. } if behind_text => return Some(()),
            _ if is_text || behind_text => {
                if is_text && self.is_typed(token, before) {
                    self.proof.loose += u32::from(!is_mark(before.text));
                    return Some(());
                }
                if !is_renamed && self.mode != Mode::Loose {
                    return None;
                }
            }
            // PostgreSQL's and SQLite's `a[1]`.
            _ if token.text.starts_with(b"[") && (!is_renamed || before.end == token.start) => {
                return Some(());
            }
            _ if self.mode == Mode::Expression => self.proof.doubts += 1,
            _ => {}
        }
        self.names += 1;
        Some(())
    }

    /// A string behind its type: any name may be one, each table's is. "The boys' or girls' toys" leaves the last string open.
    fn is_typed(&self, text: &Token<'v>, before: Token<'v>) -> bool {
        let glued = before.end == text.start;
        let closed = text.kind == Kind::Text { closed: true };
        match before.kind {
            Kind::Name | Kind::Call { .. } => {
                is_mark(before.text)
                    || self.is_braced
                    || closed
                    || (glued && matches!(before.text, [b'q' | b'Q']))
                    || self.prior.is_some_and(|prior| prior.kind == Kind::Compare)
            }
            // `varchar(9)'a'`
            Kind::Close => closed || glued,
            _ => false,
        }
    }

    /// What was selected without a table.
    fn leave_list(&mut self) {
        if self.mode == Mode::List && self.state == State::After {
            self.proof.selected();
        }
    }
}

/// `date '2020-01-01'`, `_utf8mb4'x'`, `n'x'`.
fn is_mark(text: &[u8]) -> bool {
    let mut room = [0_u8; LONGEST];
    keywords::is_type(lowered(text, &mut room))
}
