//! What the signs of SQL do to the reader.

use super::super::keywords;
use super::super::token::{Kind, Token};
use super::super::words;
use super::{Machine, Mode, Read, State};

impl<'v> Machine<'v> {
    pub(super) fn logic_sign(&mut self, token: &Token<'v>, next: Option<Token<'v>>) -> Option<Read> {
        if self.mode == Mode::Tables {
            return None;
        }
        if self.follows() {
            self.proof.joins_by_sign(self.state == State::Start);
            return self.then(State::Want);
        }
        // PostgreSQL's cube root.
        let root = next.is_some_and(|next| next.text == b"/" && next.start == token.end);
        (root && self.wants()).then(|| self.then(State::Want))?
    }

    pub(super) fn compare(&mut self, token: &Token<'v>) -> Option<Read> {
        let glued = self.last.is_some_and(|last| {
            last.end == token.start
                && matches!(last.kind, Kind::Sign | Kind::Compare | Kind::Other | Kind::Logic)
        });
        if self.mode == Mode::Tables || self.state == State::Start {
            return None;
        }
        if self.follows() || (glued && self.state == State::Want) {
            self.proof.operates();
            self.proof.firms_statement();
            self.proof.compares();
            return self.then(State::Want);
        }
        None
    }

    pub(super) fn sign(&mut self, token: &Token<'v>, next: Option<Token<'v>>) -> Option<Read> {
        let glued_sign = next.is_some_and(|next| {
            next.start == token.end
                && matches!(next.kind, Kind::Sign | Kind::Compare | Kind::Other | Kind::Logic)
        });
        let glued = self.last.is_some_and(|last| {
            last.end == token.start
                && (matches!(last.kind, Kind::Sign | Kind::Compare) || matches!(last.text, b"?" | b"@"))
        });
        // No string has an exclusive or; "the '#' key" has.
        if token.text == b"#" && next.is_some_and(|next| matches!(next.kind, Kind::Text { .. })) {
            return None;
        }
        let star = token.text == b"*" && !glued;
        if star && self.wants() {
            self.state = State::After;
            self.names = 1;
            self.proof.lists();
            self.proof.object();
            return Some(Read::On);
        }
        if self.wants() && self.state != State::Any {
            let behind_logic =
                self.last.is_some_and(|last| last.end == token.start && last.kind == Kind::Logic);
            let is_prefix = glued
                || behind_logic
                || glued_sign
                || matches!(token.text, b"+" | b"-" | b"~" | b"!" | b"|" | b"*")
                || counts_points(token, next);
            let is_glued = next.is_some_and(|next| next.start == token.end);
            if matches!(token.text, b"~" | b"!") || (is_glued && matches!(token.text, b"+" | b"-")) {
                self.proof.negates();
            }
            return is_prefix.then(|| self.then(State::Want))?;
        }
        if self.mode == Mode::Tables {
            // PostgreSQL's `customers*`.
            return (star && self.state == State::After).then_some(Read::On);
        }
        let prefix = token.text == b"!" && !glued_sign;
        if !self.follows() || (prefix && self.state == State::After) {
            return None;
        }
        self.proof.operates();
        self.then(State::Want)
    }

    /// `::text`, `:name`, `?`, `{d '...'}`, `\N`, `@`.
    pub(super) fn other(&mut self, token: &Token<'v>, next: Option<Token<'v>>) -> Option<Read> {
        let glued = next.filter(|next| next.start == token.end);
        match token.text {
            b"[" if self.follows() && glued.is_some_and(|next| next.text == b"]") => Some(Read::On),
            b"]" if self.last.is_some_and(|last| last.text == b"[") => self.then(State::After),
            b"?" | b"@" if self.state == State::After => self.then(State::Want),
            b"?" if self.state == State::Any => Some(Read::On),
            b"?" if self.wants() && glued.is_some_and(|next| next.kind == Kind::Number) => Some(Read::On),
            b"?" if self.wants() => self.operand(token),
            b"@" if self.wants() => self.then(State::Want),
            b":" => self.colon(token, glued),
            b"{" if self.wants() => {
                self.is_braced = true;
                self.then(State::Any)
            }
            b"}" if self.follows() => self.then(State::After),
            b"\\" if self.wants() && glued.is_some_and(|next| next.text.eq_ignore_ascii_case(b"n")) => {
                Some(Read::On)
            }
            _ => None,
        }
    }

    fn colon(&mut self, token: &Token<'v>, glued: Option<Token<'v>>) -> Option<Read> {
        // `distinct :name`, `like :name`
        let is_apart = self.last.is_some_and(|last| {
            last.end < token.start && (last.kind != Kind::Name || keywords::is_known(last.text))
        });
        let is_bound = is_apart && glued.is_some_and(|next| matches!(next.kind, Kind::Name | Kind::Word(_)));
        if matches!(self.state, State::After | State::Any) && !(self.state == State::Any && is_bound) {
            let is_second = self.last.is_some_and(|last| last.text == b":" && last.end == token.start);
            let is_first = glued.is_some_and(|next| next.text == b":");
            // A label of SQL Server's.
            let labels = self.mode == Mode::Loose || self.proof.has_statement();
            if labels && self.frames.is_empty() && !is_first && !is_second {
                return self.then(State::Any);
            }
            return if is_second { self.then(State::Any) } else { is_first.then_some(Read::On) };
        }
        // A smiley: `+ :P`.
        self.is_smiley = glued.is_some_and(|next| {
            matches!(next.text, [b'D' | b'P' | b'O' | b'S' | b'X' | b'p' | b'o' | b'x' | b'c'])
        }) && self.last.is_some_and(|last| {
            last.end < token.start
                && matches!(
                    last.kind,
                    Kind::Sign | Kind::Logic | Kind::Word(words::Word::Logic) | Kind::Comma
                )
        });
        let is_named = glued.is_some_and(|next| matches!(next.kind, Kind::Name | Kind::Word(_)));
        (self.wants() && is_named).then(|| self.then(State::Want))?
    }
}

/// PostgreSQL's `# path '...'`: "the #1 mom" has a number there.
fn counts_points(token: &Token<'_>, next: Option<Token<'_>>) -> bool {
    token.text == b"#"
        && next.is_some_and(|next| matches!(next.kind, Kind::Name | Kind::Call { .. } | Kind::Open))
}
