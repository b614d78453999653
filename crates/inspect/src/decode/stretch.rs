//! What an element that is longer than a window says as a whole: its text with whatever is only long taken out of the middle,
//! so that no padding of an attack parts its beginning from its end; and what it leaves open at its end.
//!
//! White space, comments and words of more than some bytes are none of what databases, shells and browsers go by: of each the
//! beginning and the end stay. Windows are judged as they are, too; this is one more look.

use super::open::Open;

/// So much of a long run stays at each of its ends.
const KEPT: usize = 32;
/// Runs of white space and comments in a row that stay.
const BLANKS: usize = 3;
/// The text's beginning, where it leaves what the shop put before it, and its end.
const HEAD: usize = 4 * 1024;
const TAIL: usize = 24 * 1024;

/// The text so far.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    text: Vec<u8>,
    run: Run,
    /// How long the run is, and how many runs of blanks stand in a row.
    length: usize,
    blanks: usize,
    /// The last bytes of a run whose middle goes.
    end: Vec<u8>,
    open: Box<Open>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Run {
    #[default]
    None,
    Word,
    Space,
    /// `/* … */`
    Comment,
    /// `-- …` or `# …`, to the line's end.
    Line,
}

impl Stretch {
    pub fn push(&mut self, bytes: &[u8]) {
        self.open.push(bytes);
        bytes.iter().for_each(|byte| self.take(*byte));
        let over = self.text.len().saturating_sub(HEAD + TAIL);
        if over > 0 {
            self.text.drain(HEAD..HEAD + over);
        }
    }

    /// The text, ending with the end of the run under way.
    pub fn text(&self) -> Vec<u8> {
        [self.text.as_slice(), self.end.as_slice()].concat()
    }

    /// As short a text as leaves open what the whole one does: what was taken out of [`Stretch::text`] does not say.
    pub fn left_open(&self) -> Option<Vec<u8>> {
        self.open.what()
    }

    fn take(&mut self, byte: u8) {
        if self.run == Run::Comment || self.run == Run::Line {
            self.keep(byte);
            let ended = match self.run {
                Run::Line => byte == b'\n',
                _ => byte == b'/' && self.length > 3 && self.last_but_one() == Some(b'*'),
            };
            if ended {
                self.finish();
            }
            return;
        }
        let kind = match byte {
            _ if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 => Run::Word,
            _ if byte.is_ascii_whitespace() => Run::Space,
            _ => Run::None,
        };
        if kind != self.run || kind == Run::None {
            self.finish();
            self.begin(kind, byte);
        }
        self.keep(byte);
    }

    fn begin(&mut self, kind: Run, byte: u8) {
        if kind == Run::Word {
            self.blanks = 0;
        }
        let before = self.text.last().copied();
        self.run = match (before, byte) {
            (Some(b'/'), b'*') => Run::Comment,
            (Some(b'-'), b'-') | (_, b'#') => Run::Line,
            _ => kind,
        };
        match self.run {
            Run::None if byte != b'/' && byte != b'-' => self.blanks = 0,
            Run::Space | Run::Comment | Run::Line => self.blanks += 1,
            _ => {}
        }
        // The sign before it is the comment's own.
        self.length = usize::from(self.run == Run::Comment || (self.run == Run::Line && byte == b'-'));
    }

    fn keep(&mut self, byte: u8) {
        self.length += 1;
        let dropped = self.blanks > BLANKS && self.run != Run::Word && self.run != Run::None;
        if !dropped && self.length <= KEPT {
            self.text.push(byte);
            return;
        }
        self.end.push(byte);
        if self.end.len() > 2 * KEPT {
            self.end.drain(..KEPT);
        }
    }

    fn last_but_one(&self) -> Option<u8> {
        let at = self.end.len().checked_sub(2);
        match at.and_then(|at| self.end.get(at)) {
            Some(byte) => Some(*byte),
            None => {
                let held = 2 - self.end.len();
                self.text.len().checked_sub(held).and_then(|at| self.text.get(at)).copied()
            }
        }
    }

    /// The run is over: its end stays, but for that of a blank too many.
    fn finish(&mut self) {
        let blank = matches!(self.run, Run::Space | Run::Comment | Run::Line);
        if blank && self.blanks > BLANKS {
            // The sign that opened it stands in the text already.
            let opened = match self.run {
                Run::Comment => Some(b'/'),
                Run::Line => Some(b'-'),
                _ => None,
            };
            if opened.is_some() && self.text.last().copied() == opened {
                self.text.pop();
            }
        } else {
            let from = self.end.len().saturating_sub(KEPT);
            self.text.extend_from_slice(self.end.get(from..).unwrap_or_default());
        }
        self.end.clear();
        (self.run, self.length) = (Run::None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, size: usize) -> String {
        let mut stretch = Stretch::default();
        text.as_bytes().chunks(size).for_each(|piece| stretch.push(piece));
        String::from_utf8(stretch.text()).unwrap()
    }

    #[test]
    fn what_is_only_long_is_taken_out_of_the_middle() {
        for size in [1, 3, 4_096, 1 << 20] {
            for plain in
                ["x' or slug notnull--", "a /* b */ c", "<a href=x>it's # fine\nhere</a>", "1 - - 2 / * 3"]
            {
                assert_eq!(of(plain, size), plain, "{size}");
            }
            let long = |between: &str| of(&format!("x' or{between}slug notnull-- "), size);
            for between in [
                " ".repeat(99_999),
                format!("/*{}*/", "a".repeat(99_999)),
                format!("/*{}*/", "it's a ' word ".repeat(9_999)),
                "/**/".repeat(29_999),
                "/* a */ ".repeat(19_999),
                format!("--{}\n", "word ".repeat(19_999)),
                "--a\n".repeat(29_999),
                format!("#{}\n", "word ".repeat(19_999)),
                "\n#\n".repeat(29_999),
            ] {
                let text = long(&between);
                assert!(text.len() < 400, "{} {size}: {text}", &between[..4]);
                assert!(text.starts_with("x' or") && text.ends_with("slug notnull-- "), "{text}");
                assert!(crate::sqli::detect(text.as_bytes()).is_some(), "{} {size}: {text}", &between[..4]);
            }
        }
        assert!(of(&"plain words, ".repeat(99_999), 777).len() <= HEAD + TAIL + KEPT);
    }
}
