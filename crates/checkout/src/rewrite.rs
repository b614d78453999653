//! A paying page on its way: the guard goes in first, approved code gets its nonce, and what runs there is noted.
//!
//! `lol_html` is asked for positions only. The bytes that go out are the bytes that came, with pieces between them: it never writes a
//! tag anew, so nothing else can change.

mod icons;
mod inflate;
mod long;
pub(crate) mod notes;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;

use encoding_rs::Encoding;
use lol_html::{AsciiCompatibleEncoding, HtmlRewriter, MemorySettings, Settings};
use storeward_host::Rewrite;

use icons::Icons;
pub(crate) use inflate::{Coding, Inflate};
use long::Long;
use notes::{Mark, Notes, Way};

use crate::address;
use crate::model::Kind;
use crate::shape;

/// What the reader may remember: one tag, one attribute.
const READER_BYTES: usize = 2 * 1024 * 1024;
/// Code in a page that is longer gets no nonce: it is not held back until its end.
const CODE_BYTES: usize = 512 * 1024;
/// Scripts of one page that are noted.
const MOST_NOTED: usize = 300;

/// Where code stands that a link or a form names as its address: no policy of ours lets it run.
pub(crate) const IN_ADDRESS: &str = "javascript:";

/// What is put into a page.
#[derive(Clone, Debug)]
pub(crate) struct Inserts {
    /// The guard's tag, whole.
    pub guard: String,
    pub nonce: String,
}

/// What approvals say of the scripts of a page; asked while it streams.
pub(crate) trait Approvals {
    /// Whether code of this shape may run under a nonce.
    fn allows_shape(&self, shape: &str) -> bool;

    /// The hash that a script of this address is held to, and whether its tag has to ask for it as one of another site.
    fn pinned(&self, address: &str) -> Option<Pin>;

    /// A script's address as the inventory has it, below the one that the page's `base` names; nothing for one that is none.
    fn address(&self, base: Option<&str>, source: &str) -> Option<String>;

    /// What a `base` names, and whether it is another place than the page's own.
    fn base(&self, source: &str) -> Option<(String, bool)>;
}

/// A script that is held to its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    /// SHA-256 in base64.
    pub hash: String,
    pub is_elsewhere: bool,
}

/// A script that stood in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    pub kind: Kind,
    /// Of a file.
    pub address: String,
    /// Of code in the page, SHA-256 in base64.
    pub hash: Option<String>,
    pub shape: Option<String>,
    /// Of code, how it begins.
    pub beginning: Option<String>,
    /// The same as browsers report it ([`shape::begins`]); empty where nothing can be told by it.
    pub begins: String,
    /// Of code, how long it is.
    pub bytes: Option<usize>,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    pub noted: Vec<Noted>,
    /// Why the guard is not in the page.
    pub without_guard: Option<&'static str>,
    /// Why more may run in it than was noted.
    pub unread: Option<&'static str>,
}

/// Takes what was read of a page.
pub(crate) trait Reader {
    fn read(&self, read: Read);
}

/// The page under way.
pub(crate) struct PageRewrite<A, R: Reader> {
    parser: Option<HtmlRewriter<'static, Sink>>,
    notes: Rc<RefCell<Notes>>,
    icons: Icons,
    /// Bytes of the page that the parser was given, and those that it has let go.
    given: usize,
    passed: Rc<Cell<usize>>,
    /// Bytes that came and have not gone; the first stands at `at` of the page.
    held: Vec<u8>,
    at: usize,
    inflate: Option<Inflate>,
    encoding: Option<&'static Encoding>,
    /// Whether the encoding is the one that every browser takes, and none has to guess.
    is_declared: bool,
    /// Browsers may read it in another way from here on: nothing more is put in.
    is_ambiguous: bool,
    long: Option<Long>,
    /// What the page's `base` names.
    base: Option<String>,
    inserts: Inserts,
    approvals: A,
    reader: R,
    read: Read,
    has_guard: bool,
    began: bool,
    is_told: bool,
}

type Sink = Box<dyn FnMut(&[u8])>;

impl<A, R: Reader> fmt::Debug for PageRewrite<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageRewrite").field("at", &self.at).finish_non_exhaustive()
    }
}

impl<A: Approvals, R: Reader> PageRewrite<A, R> {
    /// `encoding` is what the head of the answer says.
    pub(crate) fn new(
        inserts: Inserts,
        encoding: Option<&'static Encoding>,
        inflate: Option<Inflate>,
        approvals: A,
        reader: R,
    ) -> Self {
        let notes = Rc::new(RefCell::new(Notes::default()));
        let passed = Rc::new(Cell::new(0));
        let counter = Rc::clone(&passed);
        let sink: Sink = Box::new(move |piece: &[u8]| counter.set(counter.get() + piece.len()));
        let named = encoding.unwrap_or(encoding_rs::UTF_8);
        let reads = AsciiCompatibleEncoding::new(named);
        let parser = reads.map(|encoding| parser(&notes, encoding, sink));
        let mut rewrite = PageRewrite {
            parser,
            notes,
            icons: Icons::default(),
            given: 0,
            passed,
            held: Vec::new(),
            at: 0,
            inflate,
            encoding,
            is_declared: encoding.is_some(),
            is_ambiguous: false,
            long: None,
            base: None,
            inserts,
            approvals,
            reader,
            read: Read::default(),
            has_guard: false,
            began: false,
            is_told: false,
        };
        if rewrite.parser.is_none() {
            rewrite.give_up("unread.charset");
        }
        rewrite
    }

    /// From here on the page goes as it comes.
    fn give_up(&mut self, why: &'static str) {
        self.parser = None;
        self.unread(why);
    }

    fn unread(&mut self, why: &'static str) {
        self.read.unread.get_or_insert(why);
    }

    fn take(&mut self, data: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(data);
        if !self.began {
            // A byte order mark counts more than what the head says (Encoding Standard, section 6.1).
            if self.held.len() < 3 {
                return;
            }
            self.begin();
            let first = self.held.clone();
            self.parse(&first);
        } else {
            self.parse(data);
        }
        self.advance(out);
    }

    fn begin(&mut self) {
        self.began = true;
        if self.held.starts_with(&[0xFE, 0xFF]) || self.held.starts_with(&[0xFF, 0xFE]) {
            self.give_up("unread.charset");
        } else if self.held.starts_with(&[0xEF, 0xBB, 0xBF]) {
            self.encoding = Some(encoding_rs::UTF_8);
            self.is_declared = true;
        }
    }

    fn parse(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let Some(parser) = &mut self.parser else { return };
            let held = self.given.saturating_sub(self.passed.get());
            let end = self.icons.end(data, held);
            let (piece, behind) = data.split_at(end.unwrap_or(data.len()));
            data = behind;
            self.given += piece.len();
            self.notes.borrow_mut().piece_end = end.map(|_| self.given);
            let mut read = parser.write(piece);
            let end = self.notes.borrow_mut().end_of_icon();
            if let Some(end) = end.filter(|_| read.is_ok()) {
                read = parser.write(end.as_bytes());
                self.passed.set(self.passed.get().saturating_sub(end.len()));
            }
            if read.is_err() {
                self.give_up("unread.unreadable");
            }
        }
    }

    /// The first one counts, and none where the head or a byte order mark says it.
    fn declare(&mut self, encoding: &'static Encoding, is_found: bool) {
        if self.encoding.is_some() {
            return;
        }
        // Other bytes than these could mean `<` there.
        if !encoding.is_ascii_compatible() {
            self.notes.borrow_mut().keep_first();
            return self.give_up("unread.charset");
        }
        self.encoding = Some(encoding);
        self.is_declared = is_found;
    }

    /// Lets go what is certain, with what belongs between.
    fn advance(&mut self, out: &mut Vec<u8>) {
        loop {
            let mark = self.notes.borrow_mut().marks.pop_front();
            match mark {
                Some(Mark::First(at)) => {
                    self.let_go(at, out);
                    out.extend_from_slice(self.inserts.guard.as_bytes());
                    self.has_guard = true;
                }
                Some(Mark::File { name_end, source, is_elsewhere_asked }) => {
                    self.file(name_end, &source, is_elsewhere_asked, out);
                }
                Some(Mark::Handler(code)) => self.handler("inline", &code),
                Some(Mark::Link(code)) => self.handler(IN_ADDRESS, &format!("{IN_ADDRESS}{code}")),
                Some(Mark::Base(source)) => self.base(&source),
                Some(Mark::Frame(address, code)) => self.frame(address, &code),
                Some(Mark::Charset(encoding, is_found)) => self.declare(encoding, is_found),
                Some(Mark::Ambiguous) => {
                    self.is_ambiguous = true;
                    self.unread("unread.ambiguous");
                }
                Some(Mark::Nested) => self.unread("unread.ambiguous"),
                Some(Mark::Code { tag_end, end, way }) => self.code((tag_end, end), way, out),
                None => break,
            }
        }
        let open = self.notes.borrow().open_code();
        let certain = if self.parser.is_some() { self.passed.get() } else { self.at + self.held.len() };
        match open.filter(|_| self.parser.is_some()) {
            // Code whose end is awaited goes as a whole, unless it is too long for a nonce.
            Some(tag_end) if certain.saturating_sub(tag_end) <= CODE_BYTES => {
                self.let_go(tag_end.saturating_sub(1), out);
            }
            Some(tag_end) => self.let_go_long(tag_end, certain, out),
            None => self.let_go(certain, out),
        }
    }

    /// The bytes before `to`.
    fn let_go(&mut self, to: usize, out: &mut Vec<u8>) {
        let count = to.saturating_sub(self.at).min(self.held.len());
        out.extend(self.held.drain(..count));
        self.at += count;
    }

    /// Code whose end is too far away to be waited for.
    fn let_go_long(&mut self, tag_end: usize, to: usize, out: &mut Vec<u8>) {
        self.let_go(tag_end, out);
        let piece = self.held.get(..to.saturating_sub(self.at)).unwrap_or_default();
        let long = self.long.take().filter(|long| long.tag_end == tag_end);
        let mut long = long.unwrap_or_else(|| Long::new(tag_end, self.encoding, piece));
        long.take(piece);
        self.long = Some(long);
        self.let_go(to, out);
    }

    fn note(&mut self, noted: Noted) {
        if self.read.noted.contains(&noted) {
            return;
        }
        match self.read.noted.len() < MOST_NOTED {
            true => self.read.noted.push(noted),
            false => self.unread("unread.too_many"),
        }
    }

    fn note_code(&mut self, kind: (Kind, &str), code: &str, hash: String, shape: Option<String>) {
        let ((kind, address), beginning) = ((kind.0, kind.1.to_owned()), Some(shape::beginning(code)));
        let (begins, bytes) = (shape::begins(code), Some(code.len()));
        self.note(Noted { kind, address, hash: Some(hash), shape, beginning, begins, bytes });
    }

    /// What is put in stands before the tag's own attributes: of two with one name browsers take the first, and an `integrity` of the
    /// page's own may name another file's hash, or none.
    fn file(&mut self, name_end: usize, source: &str, is_elsewhere_asked: bool, out: &mut Vec<u8>) {
        let Some(address) = self.approvals.address(self.base.as_deref(), source) else { return };
        let pin = self.approvals.pinned(&address).filter(|_| !self.is_ambiguous);
        if let Some(pin) = pin {
            self.let_go(name_end, out);
            out.extend_from_slice(format!(" integrity=\"sha256-{}\"", pin.hash).as_bytes());
            if pin.is_elsewhere && !is_elsewhere_asked {
                out.extend_from_slice(b" crossorigin=\"anonymous\"");
            }
        }
        self.note_place(Kind::Script, address);
    }

    fn note_place(&mut self, kind: Kind, address: String) {
        let begins = String::new();
        self.note(Noted { kind, address, hash: None, shape: None, beginning: None, begins, bytes: None });
    }

    /// What stands in the page relative to another place leads there, forms and links, too.
    fn base(&mut self, source: &str) {
        let Some((named, is_elsewhere)) = self.approvals.base(source) else { return };
        if is_elsewhere {
            self.note_place(Kind::Navigate, address::plain_origin(&named));
        }
        self.base = Some(named);
    }

    /// Nothing is put in: where its hash was approved, the policy names it.
    fn handler(&mut self, address: &str, code: &str) {
        let code = code.replace("\r\n", "\n").replace('\r', "\n");
        let (hash, shape) = (notes::hash_of(&code), shape::of(&code));
        self.note_code((Kind::Handler, address), &code, hash, shape);
    }

    /// It runs as soon as it is there. What there is of it has no address, and nothing in a policy lets it run.
    fn frame(&mut self, address: &'static str, code: &str) {
        let (hash, beginning) = (notes::hash_of(code), Some(shape::beginning(code)));
        let begins =
            if address == IN_ADDRESS { shape::begins(&format!("{address}{code}")) } else { String::new() };
        let (kind, address, bytes) = (Kind::Frame, address.to_owned(), Some(code.len()));
        self.note(Noted { kind, address, hash: Some(hash), shape: None, beginning, begins, bytes });
    }

    /// The end of code that was let go already.
    fn long(&mut self, long: Long, end: usize, out: &mut Vec<u8>) {
        let last = self.held.get(..end.saturating_sub(self.at)).unwrap_or_default();
        let whole = long.end(last);
        self.let_go(end, out);
        self.note(Noted {
            kind: Kind::Inline,
            address: "inline".to_owned(),
            hash: Some(whole.hash),
            shape: None,
            beginning: Some(whole.beginning),
            begins: whole.begins,
            bytes: Some(whole.bytes),
        });
    }

    fn code(&mut self, (tag_end, end): (usize, usize), way: Way, out: &mut Vec<u8>) {
        let Way { has_nonce, is_foreign, is_kept } = way;
        if let Some(long) = self.long.take().filter(|long| long.tag_end == tag_end) {
            if is_foreign {
                self.unread("unread.ambiguous");
            }
            return self.long(long, end, out);
        }
        let (from, to) = (tag_end.saturating_sub(self.at), end.saturating_sub(self.at));
        let Some(bytes) = self.held.get(from..to) else { return };
        let is_exact = !is_foreign || !bytes.iter().any(|byte| matches!(byte, b'<' | b'&'));
        let mut code = notes::decoded(bytes, self.encoding);
        if is_foreign {
            // References are read there, and elements and comments are none of the code: it may be another than is noted.
            code = notes::plain(&code);
        }
        let hash = notes::hash_of(&code);
        let shape = shape::of(&code).filter(|_| !is_foreign);
        // Where nobody declares the encoding, browsers guess it, and what was typed into the page may lead them: read as another one, a
        // byte can take the sign behind it with it (`\\` before `"`), and the escape sequences of ISO-2022-JP whole words.
        let is_plain = self.is_declared || bytes.iter().all(|byte| byte.is_ascii() && *byte != 0x1B);
        let is_allowed = shape.as_deref().is_some_and(|shape| self.approvals.allows_shape(shape))
            && is_plain
            && !self.is_ambiguous;
        // A tag has one nonce: where the shop gave it its own, the shop's policy needs that one.
        if is_allowed && !has_nonce && !is_kept {
            self.let_go(tag_end.saturating_sub(1), out);
            out.extend_from_slice(format!(" nonce=\"{}\"", self.inserts.nonce).as_bytes());
        }
        self.note_code((Kind::Inline, "inline"), &code, hash, shape);
        if !is_exact {
            self.unread("unread.ambiguous");
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if !self.began {
            self.begin();
            let first = self.held.clone();
            self.parse(&first);
            self.advance(out);
        }
        if let Some(parser) = self.parser.take() {
            // What it still held is let go below, whether it could be read or not.
            let _ = parser.end();
            self.advance(out);
        }
        self.let_go(self.at + self.held.len(), out);
        self.tell();
    }
}

impl<A, R: Reader> PageRewrite<A, R> {
    fn tell(&mut self) {
        if std::mem::replace(&mut self.is_told, true) {
            return;
        }
        if !self.has_guard {
            self.read.without_guard = self.read.unread.and_then(|why| why.strip_prefix("unread."));
        }
        self.reader.read(std::mem::take(&mut self.read));
    }
}

/// What went out runs, also where the answer was cut off or its end never comes.
impl<A, R: Reader> Drop for PageRewrite<A, R> {
    fn drop(&mut self) {
        self.tell();
    }
}

impl<A: Approvals, R: Reader> Rewrite for PageRewrite<A, R> {
    fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let Some(mut inflate) = self.inflate.take() else {
            self.take(data, out);
            return Ok(());
        };
        let done = inflate.push(data, |piece| self.take(piece, out));
        self.inflate = Some(inflate);
        done.inspect_err(|_| self.give_up("unread.encoding"))
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if let Some(inflate) = self.inflate.take() {
            inflate.finish(|piece| self.take(piece, out)).inspect_err(|_| self.give_up("unread.encoding"))?;
        }
        self.end(out);
        Ok(())
    }
}

fn parser(
    notes: &Rc<RefCell<Notes>>,
    encoding: AsciiCompatibleEncoding,
    sink: Sink,
) -> HtmlRewriter<'static, Sink> {
    let notes = Rc::clone(notes);
    let settings = Settings::new()
        .append_element_content_handler(lol_html::element!("*", move |element| {
            notes::take(&notes, element);
            Ok(())
        }))
        .with_memory_settings(
            MemorySettings::new()
                .with_preallocated_parsing_buffer_size(1024)
                .with_max_allowed_memory_usage(READER_BYTES),
        )
        .with_encoding(encoding)
        // `notes` follows what strict reading would end at: what stands behind it is noted.
        .with_strict(false);
    HtmlRewriter::new(settings, sink)
}

#[cfg(test)]
mod tests;
