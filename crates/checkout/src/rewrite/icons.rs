//! Where a drawing may close itself (`<svg … />`), as icons do.
//!
//! Browsers take such a one off at once (HTML, "insert a foreign element", the self-closing flag). `lol_html` 3.0.3 goes on in it until it
//! is ended, and would read everything behind it in another way. So the reader is given the end that is not written; for that it has to be
//! asked right behind the tag, before it reads on.

use super::notes::Notes;

/// A tag or a comment that is held in more pieces than its reader should join again and again costs one of so many.
const MOST_HEAVY: usize = 256;
/// What costs nothing to join.
const LIGHT_BYTES: usize = 1024;

/// Follows the page's bytes, wherever its pieces end.
#[derive(Debug, Default)]
pub(super) struct Icons {
    /// The last eight bytes, in small letters.
    last: u64,
    is_open: bool,
    heavy: usize,
}

impl Icons {
    /// Where the next piece for the reader has to end, which holds back `held` bytes as it is. A tag with `>` in an attribute is not
    /// found: then the reader goes on in it, and `Notes` says so.
    pub(super) fn end(&mut self, data: &[u8], held: usize) -> Option<usize> {
        let end = data.iter().position(|byte| self.ends(*byte))? + 1;
        let is_heavy = held > LIGHT_BYTES;
        self.heavy += usize::from(is_heavy);
        (!is_heavy || self.heavy <= MOST_HEAVY).then_some(end)
    }

    fn ends(&mut self, byte: u8) -> bool {
        let is_end = byte == b'>';
        let ends = is_end && self.is_open && (self.last & 0xFF) == u64::from(b'/');
        self.last = (self.last << 8) | u64::from(byte.to_ascii_lowercase());
        let last = self.last.to_be_bytes();
        let begins = last.ends_with(b"<svg") || last.ends_with(b"<math");
        self.is_open = begins || self.is_open && !is_end;
        ends
    }
}

impl Notes {
    /// The end of a drawing that closed itself with the reader's last piece. What is read from here on stands so many bytes further on
    /// for the reader than in the page.
    pub(super) fn end_of_icon(&mut self) -> Option<&'static str> {
        let end = self.icon.take()?;
        self.added += end.len();
        Some(end)
    }
}
