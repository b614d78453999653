//! Whether what was read is enough where the value ends so.

use super::super::keywords;
use super::super::token::Token;
use super::{ENOUGH, End, Proof};

impl Proof {
    /// Whether a query can end so: a string of another quote stays open, and nothing but a comparison wants an operand only where
    /// the value is put in more than once, which those who join conditions count on. `The "is" stamp and the "like" stamp` are
    /// strings of words with words of SQL between; `x "="` leaves nothing behind the last quote.
    pub fn can_end(&self, end: End, last: &Token<'_>, quote: Option<u8>) -> bool {
        let is_own_quote = last.text.first().copied() == quote;
        let is_empty = last.text.len() == 1;
        if self.joints > 0 || self.queries > 0 || self.unites > 0 {
            return true;
        }
        match end {
            End::Wanting => false,
            End::Open => {
                let is_said = self.is_double && self.has_only_texts && self.has_spaces && !self.has_compared;
                is_own_quote && (is_empty || !is_said)
            }
            End::Value
            | End::Cut
            | End::CutByHash
            | End::CutByWords
            | End::Semicolon
            | End::LastSemicolon => true,
        }
    }

    /// `is_flat`: no bracket of the value's own is open.
    pub fn tells(&self, end: End, is_flat: bool) -> bool {
        if self.least_score.is_some() {
            let is_closed = self.is_bare || !matches!(end, End::Wanting | End::Value);
            return is_closed && self.has_firmly_queried();
        }
        if self.asks(end) {
            return true;
        }
        match self.is_bare {
            true => self.tells_bare(end, is_flat),
            false => self.tells_quoted(end, is_flat),
        }
    }

    /// A query was read up to its table.
    fn asks(&self, end: End) -> bool {
        let is_cut = end.is_cut();
        // "Earrings; table runner": what stands behind a semicolon must be cut off.
        let is_firm = self.score >= ENOUGH && self.statement.is_none();
        let is_cut_off = self.begins_with_value && matches!(end, End::Cut | End::CutByWords);
        self.has_queried()
            && match self.is_bare {
                true => (is_firm || is_cut_off) && end != End::Wanting,
                // Nothing closes the shop's string behind it, unless the value is put in twice.
                false => {
                    is_cut
                        || matches!(end, End::Open | End::Wanting)
                        || self.unites > 0
                        || self.score >= 2 * ENOUGH
                }
            }
    }

    fn acts(&self, end: End) -> bool {
        self.statement.as_ref().is_some_and(|statement| {
            let acts = match statement.needs {
                keywords::Needs::Nothing => statement.objects == 0 || statement.is_firm,
                keywords::Needs::Name => statement.objects > 0 && !statement.is_of_prose,
                // Nobody glues a dash to a word.
                keywords::Needs::More => {
                    let named = end == End::Cut && statement.objects > 0;
                    (statement.is_firm || named) && !statement.is_of_prose
                }
            };
            !statement.is_query && acts && (!statement.is_update || self.sets)
        })
    }

    fn tells_quoted(&self, end: End, is_flat: bool) -> bool {
        let is_cut = end.is_cut();
        if self.acts(end) && is_cut && self.doubts <= 2 && is_flat {
            return true;
        }
        self.joins_quoted(end) || self.goes_on_quoted(end)
    }

    /// `' or 1--`, `' or 'a'='a`.
    fn joins_quoted(&self, end: End) -> bool {
        let is_firm = self.firm || self.firm_comparisons > 0;
        let joined = match end {
            End::CutByHash | End::CutByWords if !is_firm => false,
            // `"or any later version" applies`
            End::Cut | End::Open if self.loose > 0 && !is_firm => false,
            End::Cut | End::CutByHash | End::CutByWords | End::Open => {
                self.doubts == 0 || (self.comparisons > 0 && self.doubts < 2)
            }
            End::Wanting => self.comparisons > 0 && self.doubts == 0,
            // SQLite runs the first statement, whatever stands behind.
            End::Semicolon => (self.comparisons > 0 || self.firm_name) && self.doubts == 0,
            End::LastSemicolon => (self.comparisons > 0 || self.firm) && self.doubts == 0,
            // `' or 1=1`
            End::Value => self.firm_comparisons > 0 && self.values > 1 && self.doubts == 0,
        };
        joined && self.joined > 0
    }

    /// `'-'`, `'=0#`, `' order by 3--`, `', role='admin`.
    fn goes_on_quoted(&self, end: End) -> bool {
        // "the 'update-ca-certificates' tool", "in the '/etc/xml' directory"
        if self.doubts > 0
            || (self.statement.is_some() && !self.is_divided)
            || (self.loose > 0 && end == End::Open && !self.has_compared)
        {
            return false;
        }
        let operators = self.operators + self.joints + self.clauses;
        let lists = self.commas > 0 && (self.closed > 0 || self.literals > 1 || self.operators > 0);
        let goes_on = if self.commas > 0 { lists } else { operators > 0 };
        let is_firm = self.literals > 0;
        goes_on
            && match end {
                End::Cut => true,
                End::CutByHash | End::CutByWords => is_firm,
                End::Semicolon | End::LastSemicolon => self.values > 0,
                End::Open => self.joints == 0,
                End::Wanting | End::Value => false,
            }
    }

    /// `1) or (1`, `id)-(1`, `1) or 5#`: the shop's own bracket is closed, and another opened or what stands behind cut off.
    fn closes_and_goes_on(&self, end: End, is_flat: bool) -> bool {
        let is_left = match end {
            _ if end.is_cut() => true,
            End::Value => !is_flat,
            _ => false,
        };
        let is_firm = self.begins_with_value || self.literals > 0 || self.values > 0;
        self.goes_on_behind_close && is_left && is_firm && self.doubts == 0
    }

    fn tells_bare(&self, end: End, is_flat: bool) -> bool {
        if self.closes_and_goes_on(end, is_flat) {
            return true;
        }
        let is_cut = matches!(end, End::Cut | End::CutByWords);
        let is_left = is_cut || (end.is_cut() && self.closed > 0);
        if self.acts(end) && is_left && self.begins_with_value && self.doubts <= 1 && is_flat {
            return true;
        }
        let joins = (self.joins_value && (self.begins_with_value || self.begins_with_column))
            || (self.begins_with_column && self.firm);
        if joins && self.joined > 0 && self.doubts == 0 && end != End::Wanting {
            return true;
        }
        let unseparated = self.statement.as_ref().filter(|statement| !statement.is_separated);
        if unseparated
            .is_some_and(|statement| statement.truncates && statement.objects > 1 && statement.is_firm)
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
