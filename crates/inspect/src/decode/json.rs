//! JSON, read tolerantly: a fault is noted and reading goes on, so that a shop's laxer parser cannot be fed what this
//! one gave up on. No recursion; depth, count and names are bounded.

use super::hex_value;
use crate::values::{Collection, Fact, Value, Values};

const MAX_DEPTH: usize = 64;
/// A flattened name longer than this is cut: it would otherwise grow with depth times length.
const MAX_NAME: usize = 256;

pub(crate) fn looks_like_json(source: &[u8]) -> bool {
    matches!(source.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Flattens `{"a":{"b":[1]}}` to `json.a.b.0 = 1`; every key is a name of its own. Answers whether it was JSON.
pub(crate) fn json(source: &[u8], values: &mut Values, complete: bool) -> bool {
    let mut state = Json::default();
    state.read(source, false, false, values);
    let clean = state.is_clean();
    if complete && !clean {
        state.finish(values);
    }
    clean
}

/// JSON that comes in pieces, each of which ends between two tokens or in a string that is cut.
pub(super) struct Json {
    state: State,
    clean: bool,
    full: bool,
    /// What the string is called that goes on with the next piece.
    held: Vec<u8>,
}

impl Default for Json {
    fn default() -> Self {
        let state = State { path: b"json".to_vec(), open: Vec::new(), key: None, after_value: false };
        Json { state, clean: true, full: false, held: Vec::new() }
    }
}

impl Json {
    /// Reads a piece; `in_string` says that it begins inside of a string, `cut` that it may end inside of one.
    pub fn read(&mut self, source: &[u8], in_string: bool, cut: bool, values: &mut Values) {
        let state = std::mem::take(&mut self.state);
        let mut reader = Reader { source, at: 0, state, in_string: false };
        let mut clean = true;
        if in_string {
            let mut text = Vec::new();
            let closed = reader.read_string_inside(&mut text);
            values.push(Collection::ArgsPost, &self.held, &text);
            (reader.in_string, reader.state.after_value) = (!closed, true);
        }
        while let Some(byte) = reader.peek() {
            if values.is_full() {
                values.fact(Fact::TooManyArguments);
                let rest = source.get(reader.at..).unwrap_or_default();
                values.push(Collection::ArgsPost, b"json", rest);
                self.full = true;
                break;
            }
            clean &= reader.step(byte, values);
        }
        if let Some(last) =
            values.last().filter(|last| reader.in_string && last.collection == Collection::ArgsPost)
        {
            self.held = values.name(last).to_vec();
        }
        self.state = reader.state;
        self.clean &= clean || cut || in_string;
    }

    /// What the string is called that was cut at the end of the last piece.
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    fn is_clean(&self) -> bool {
        self.clean && !self.full && self.state.open.is_empty()
    }

    /// There is no more: notes what was wrong.
    pub fn finish(&self, values: &mut Values) {
        if !self.is_clean() && !self.full {
            values.fact(Fact::BadJson);
        }
    }
}

/// What the values of a whole body of JSON are called, asked for from its start to its end.
pub(crate) struct JsonNames<'s> {
    reader: Reader<'s>,
    /// What was read last.
    read: Values,
    begins: usize,
    name: Vec<u8>,
}

impl<'s> JsonNames<'s> {
    pub fn of(source: &'s [u8]) -> JsonNames<'s> {
        let reader = Reader { source, at: 0, state: Json::default().state, in_string: false };
        JsonNames { reader, read: Values::default(), begins: 0, name: Vec::new() }
    }

    /// Where the value, or the name, begins that holds `place`.
    pub fn begins(&mut self, place: usize) -> usize {
        while self.reader.at <= place {
            let Some(byte) = self.reader.peek() else { break };
            let begins = self.reader.at;
            self.reader.step(byte, &mut self.read);
            let named =
                |value: &&Value| matches!(value.collection, Collection::ArgsPost | Collection::ArgsPostNames);
            if let Some(value) = self.read.iter().find(named) {
                self.begins = begins;
                self.name.clear();
                self.name.extend_from_slice(self.read.name(value));
            }
            self.read.truncate(0);
        }
        self.begins
    }

    /// What it is called, as [`json`] says it: `json.order.items.0`.
    pub fn name(&self) -> &[u8] {
        &self.name
    }
}

/// What a piece of a string says, up to the string's end; and whether that came. A cut escape at the piece's end is left to
/// the caller.
pub(super) fn string_piece(piece: &[u8], out: &mut Vec<u8>) -> bool {
    let mut reader = Reader { source: piece, at: 0, state: State::default(), in_string: false };
    reader.read_string_inside(out)
}

struct Reader<'s> {
    source: &'s [u8],
    at: usize,
    state: State,
    /// The source ended in the string that was read last.
    in_string: bool,
}

/// What is known between two tokens.
#[derive(Default)]
struct State {
    path: Vec<u8>,
    open: Vec<Level>,
    key: Option<usize>,
    after_value: bool,
}

struct Level {
    /// Length of the path outside this object or array.
    path_length: usize,
    /// Index of the next element; `None` in an object.
    index: Option<usize>,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.source.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.source.get(self.at).copied()
    }

    /// Reads one token; answers whether it stood where it may.
    fn step(&mut self, byte: u8, values: &mut Values) -> bool {
        match byte {
            b'{' | b'[' => self.open_level(byte, values),
            b'}' | b']' => self.close_level(byte),
            b',' | b':' => {
                self.at += 1;
                let placed = self.state.after_value || self.state.key.is_some();
                self.state.after_value = false;
                placed
            }
            b'"' => self.string(values),
            _ => self.word(values),
        }
    }

    fn open_level(&mut self, byte: u8, values: &mut Values) -> bool {
        self.at += 1;
        if self.state.open.len() >= MAX_DEPTH {
            values.fact(Fact::TooDeep);
            return false;
        }
        let path_length = self.enter();
        self.state.open.push(Level { path_length, index: (byte == b'[').then_some(0) });
        let placed = !self.state.after_value;
        self.state.after_value = false;
        placed
    }

    fn close_level(&mut self, byte: u8) -> bool {
        self.at += 1;
        let Some(level) = self.state.open.pop() else { return false };
        self.state.path.truncate(level.path_length);
        self.state.key = None;
        self.state.after_value = true;
        (byte == b']') == level.index.is_some()
    }

    fn string(&mut self, values: &mut Values) -> bool {
        let mut text = Vec::new();
        let closed = self.read_string(&mut text);
        self.in_string = !closed;
        if self.expects_key() && self.peek() == Some(b':') {
            self.at += 1;
            values.push(Collection::ArgsPostNames, &text, &text);
            let outside = self.state.path.len();
            self.extend_path(&text);
            self.state.key = Some(outside);
            self.state.after_value = false;
            return closed;
        }
        let placed = !self.state.after_value;
        self.value(&text, values);
        closed && placed
    }

    fn word(&mut self, values: &mut Values) -> bool {
        let rest = self.source.get(self.at..).unwrap_or_default();
        let length =
            rest.iter().take_while(|byte| !matches!(byte, b',' | b':' | b'}' | b']' | b'"')).count().max(1);
        let text = rest.get(..length).unwrap_or_default().trim_ascii();
        self.at += length;
        let placed = !self.state.after_value;
        self.value(text, values);
        placed && is_literal(text)
    }

    fn value(&mut self, text: &[u8], values: &mut Values) {
        let outside = self.enter();
        values.push(Collection::ArgsPost, &self.state.path, text);
        self.state.path.truncate(outside);
        self.state.after_value = true;
    }

    fn expects_key(&self) -> bool {
        self.state.key.is_none() && self.state.open.last().is_some_and(|level| level.index.is_none())
    }

    /// Extends the path for the value that starts now; returns the length to go back to.
    fn enter(&mut self) -> usize {
        if let Some(outside) = self.state.key.take() {
            return outside;
        }
        let outside = self.state.path.len();
        let index = self.state.open.last_mut().and_then(|level| level.index.as_mut()).map(|index| {
            *index += 1;
            *index - 1
        });
        if let Some(index) = index {
            self.extend_path(index.to_string().as_bytes());
        }
        outside
    }

    fn extend_path(&mut self, name: &[u8]) {
        let room = MAX_NAME.saturating_sub(self.state.path.len() + 1);
        if room > 0 {
            self.state.path.push(b'.');
            self.state.path.extend(name.iter().take(room));
        }
    }

    fn read_string(&mut self, out: &mut Vec<u8>) -> bool {
        self.at += 1;
        self.read_string_inside(out)
    }

    fn read_string_inside(&mut self, out: &mut Vec<u8>) -> bool {
        loop {
            let rest = self.source.get(self.at..).unwrap_or_default();
            let Some(place) = memchr::memchr2(b'"', b'\\', rest) else {
                out.extend_from_slice(rest);
                self.at = self.source.len();
                return false;
            };
            out.extend_from_slice(rest.get(..place).unwrap_or_default());
            self.at += place + 1;
            if rest.get(place) == Some(&b'"') {
                return true;
            }
            self.read_escape(out);
        }
    }

    fn read_escape(&mut self, out: &mut Vec<u8>) {
        let Some(byte) = self.source.get(self.at).copied() else { return };
        self.at += 1;
        match byte {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => match self.read_unicode() {
                Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                None => out.extend_from_slice(b"\\u"),
            },
            b'"' | b'\\' | b'/' => out.push(byte),
            other => out.extend_from_slice(&[b'\\', other]),
        }
    }

    fn read_unicode(&mut self) -> Option<char> {
        let high = self.read_four()?;
        if !(0xd800..0xdc00).contains(&high) {
            return Some(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if self.source.get(self.at..self.at + 2) != Some(b"\\u") {
            return Some(char::REPLACEMENT_CHARACTER);
        }
        let back = self.at;
        self.at += 2;
        let low = self.read_four().filter(|low| (0xdc00..0xe000).contains(low));
        if low.is_none() {
            self.at = back;
        }
        let pair = low.map(|low| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
        Some(pair.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn read_four(&mut self) -> Option<u32> {
        let digits = self.source.get(self.at..self.at + 4)?;
        let code =
            digits.iter().try_fold(0_u32, |code, digit| Some(code << 4 | u32::from(hex_value(*digit)?)))?;
        self.at += 4;
        Some(code)
    }
}

fn is_literal(text: &[u8]) -> bool {
    matches!(text, b"true" | b"false" | b"null")
        || (text.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
            && text
                .iter()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')))
}
