//! A flat net beside the grammar: `union select` next to each other, or `(select`, a table behind it, and an end that the value
//! makes itself. What stands between is not read, so nothing in it can be what the grammar does not know.

use super::super::proof::ENOUGH;
use super::super::token::{Context, Kind, Token};
use super::super::words::{self, Word};

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Outside,
    /// Behind `union`, `union all`, `union (`.
    United,
    /// Something is selected.
    Selects,
    /// From a table.
    Reads,
}

#[derive(Debug, Default)]
pub(super) struct Net {
    stage: Stage,
    /// Behind `union`, and not in brackets of its own.
    is_united: bool,
    /// Brackets open in those of `(select`.
    depth: u32,
    /// Signs of SQL up to the table.
    score: u32,
    /// Words with no sign between: no list of SQL has many.
    row: u32,
    is_wordy: bool,
    has_united: bool,
    /// The best score of a query that names a table, and of one that was united.
    read: u32,
    read_united: u32,
}

/// Words of a list with no sign between.
const MOST_IN_A_ROW: u32 = 8;

impl Net {
    pub fn draw(&mut self, token: Token<'_>, next: Option<Token<'_>>) {
        match (self.stage, token.kind) {
            (_, Kind::Word(Word::Union)) => {
                (self.stage, self.is_united, self.depth) = (Stage::United, true, 0)
            }
            (Stage::Outside | Stage::Reads, Kind::Open | Kind::Semicolon) if next.is_some_and(selects) => {
                (self.stage, self.is_united, self.depth) = (Stage::United, false, 0);
            }
            (Stage::United, Kind::Open | Kind::Word(Word::Quantity)) => {}
            (Stage::United, _) if words::holds(&["all", "distinct", "distinctrow"], token.text) => {}
            (Stage::United, _) if selects(token) && next.is_some_and(begins_list) => {
                (self.stage, self.score, self.row, self.is_wordy) = (Stage::Selects, 0, 0, false);
            }
            (Stage::United, _) => self.stage = Stage::Outside,
            (Stage::Selects, Kind::Word(Word::From | Word::Into)) => {
                self.stage = if next.is_some_and(is_table) { Stage::Reads } else { Stage::Selects };
                if let Some(table) = next.filter(|_| self.stage == Stage::Reads) {
                    self.reads(weight(table));
                }
            }
            (Stage::Selects, Kind::Semicolon) => self.stage = Stage::Outside,
            (Stage::Selects, _) => self.lists(token),
            (Stage::Outside | Stage::Reads, _) => {}
        }
    }

    fn lists(&mut self, token: Token<'_>) {
        match token.kind {
            Kind::Open => self.depth += 1,
            Kind::Close if self.depth == 0 && !self.is_united => self.stage = Stage::Outside,
            Kind::Close => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        let is_word = matches!(token.kind, Kind::Name | Kind::Word(_));
        self.row = if is_word { self.row + 1 } else { 0 };
        self.is_wordy |= self.row > MOST_IN_A_ROW;
        self.score += weight(token);
    }

    fn reads(&mut self, table: u32) {
        let score = if self.is_wordy { 0 } else { self.score + table };
        self.read = self.read.max(score);
        if self.is_united {
            self.has_united |= !self.is_wordy;
            self.read_united = self.read_united.max(score);
        }
    }

    /// Something is being selected: what comes behind may name the table.
    pub fn is_out(&self) -> bool {
        self.stage != Stage::Outside
    }

    pub fn tells(&self, last: &Token<'_>, context: Context) -> bool {
        let is_cut = matches!(last.kind, Kind::Comment { .. });
        let is_own =
            last.kind == (Kind::Text { closed: false }) && last.text.first().copied() == context.quote();
        match context {
            Context::Bare => self.read_united >= 2 * ENOUGH,
            _ if is_cut => self.has_united || self.read > ENOUGH,
            _ => is_own && self.read > ENOUGH,
        }
    }
}

fn selects(token: Token<'_>) -> bool {
    token.kind == Kind::Word(Word::Select)
}

fn is_table(token: Token<'_>) -> bool {
    !matches!(token.kind, Kind::Comment { .. } | Kind::Comma | Kind::Close | Kind::Number | Kind::Semicolon)
}

/// "l'Union select, 75 cl": nothing is selected.
fn begins_list(token: Token<'_>) -> bool {
    !matches!(token.kind, Kind::Comma | Kind::Close | Kind::Semicolon | Kind::Comment { .. })
}

/// What a sentence has seldom.
fn weight(token: Token<'_>) -> u32 {
    match token.kind {
        Kind::Variable | Kind::Catalogue => 2,
        Kind::Call { .. } if words::is_function(token.text) => 2,
        Kind::Name if token.text.contains(&b'_') || words::is_prey(token.text) => 2,
        Kind::Number | Kind::Text { .. } | Kind::Compare | Kind::Comma | Kind::Logic | Kind::Dot => 1,
        Kind::Sign | Kind::Other if token.text != b"-" => 1,
        _ => 0,
    }
}
