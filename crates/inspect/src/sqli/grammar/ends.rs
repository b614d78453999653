//! How a value ends, and whether what was read before is an injection then.

use super::super::proof::End;
use super::super::token::{Context, Kind, Token};
use super::super::words;
use super::{Machine, Read, State};

impl<'v> Machine<'v> {
    /// The value ends, and nothing is cut off.
    pub(super) fn ends(&mut self) -> Option<Read> {
        let last = self.last?;
        let end = match (last.kind, self.state) {
            (Kind::Text { closed: false }, _) => End::Open,
            (_, State::After | State::Statement) => End::Value,
            (_, State::Any) if self.context == Context::Bare => End::Value,
            _ => End::Wanting,
        };
        if self.context != Context::Bare && !self.proof.can_end(end, &last, self.context.quote()) {
            return None;
        }
        self.leave_list();
        Some(self.tells(end))
    }

    fn tells(&self, end: End) -> Read {
        match self.proof.tells(end, self.frames.is_empty()) {
            true => Read::Attack,
            false => Read::On,
        }
    }

    pub(super) fn cut(&mut self, comment: &Token<'v>) -> Option<Read> {
        self.ended = true;
        // PostgreSQL selects nothing at all, too.
        let is_empty = self.is_behind_select() && self.proof.is_statement();
        if !matches!(self.state, State::After | State::Any | State::Start | State::Statement) && !is_empty {
            return None;
        }
        self.leave_list();
        if self.cuts_at_once(comment) {
            return Some(Read::Attack);
        }
        let end = match comment.text.first() {
            Some(b'#') if self.value.get(comment.end).is_some_and(u8::is_ascii_alphanumeric) => {
                End::CutByHash
            }
            _ if self.is_followed_by_words(comment) => End::CutByWords,
            _ => End::Cut,
        };
        Some(self.tells(end))
    }

    /// `admin'--`, `x'; #`: no sentence, at most one blank stands in what the value closes. `ella@example.com' -- and some prose`,
    /// `x'--prose` are the end of a query where no word of prose stands before it, or where nobody sets a dash so.
    fn cuts_at_once(&self, comment: &Token<'v>) -> bool {
        let Some(last) = self.last.filter(|_| self.context != Context::Bare) else { return false };
        let closes = last.start == 0 && matches!(last.kind, Kind::Text { .. });
        let ends = last.kind == Kind::Semicolon && self.proof.is_untouched();
        // `x';--`
        if ends && comment.start == last.end && comment.text.starts_with(b"--") {
            return true;
        }
        let clean = comment.kind == Kind::Comment { clean: true };
        let first = self.value.get(..self.first_end).unwrap_or_default();
        let word = first.get(..first.len().saturating_sub(1)).unwrap_or_default();
        let blanks = word.iter().filter(|byte| **byte == b' ').count();
        if clean {
            return (closes || ends) && blanks <= 1;
        }
        // "`--with-libyaml`"
        let is_code = word.is_empty() && self.context == Context::Back;
        // `"#1 mom"`
        if is_code || !closes || blanks > 0 || (word.is_empty() && comment.text.starts_with(b"#")) {
            return false;
        }
        let account = words::holds(&["admin", "administrator", "root", ""], word)
            || word.iter().any(|byte| matches!(byte, b'@' | b'%' | b'.' | b'_'));
        account || (comment.start == last.end && comment.text.starts_with(b"--"))
    }

    /// "Is it 10\" or 12 -- thanks", `"The best" or nothing --`: nobody glues a dash to a word.
    fn is_followed_by_words(&self, comment: &Token<'v>) -> bool {
        let stands_apart =
            self.last.is_some_and(|last| last.end < comment.start) && comment.text.starts_with(b"--");
        let inside = self.value.get(comment.end..).unwrap_or_default().trim_ascii();
        let letters = inside.iter().filter(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count();
        stands_apart && (letters > 1 || inside.is_empty())
    }
}
