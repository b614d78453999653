//! multipart/form-data that is too long to be read at once: batches of whole parts, files without their bytes.

use super::multipart::{is_file_part, multipart, part_head};
use super::stretch::Stretch;
use super::windows::{OVERLAP, WINDOW};
use crate::content_type::is_marked;
use crate::values::{Collection, Fact, Values};

pub(super) struct Parts {
    boundary: Vec<u8>,
    delimiter: Vec<u8>,
    place: Place,
}

enum Place {
    /// Before the first delimiter.
    Preamble,
    /// At a delimiter.
    Batch,
    /// In a field longer than a window.
    Field(Box<Long>),
    /// In a file, beyond its head.
    File,
    /// The body has ended, or what follows is read by nobody.
    Done,
}

struct Long {
    /// What is read in front of each piece.
    front: Vec<u8>,
    /// How much of the next piece was read before.
    again: usize,
    name: Vec<u8>,
    /// The field as a whole; not that of a file.
    whole: Option<Stretch>,
}

pub(super) struct Step {
    /// So much of the buffer is not needed any more.
    pub passed: usize,
    /// A window was read: there may be another.
    pub read: bool,
}

/// So many parts at most are read at once: fewer than the limit on a body that is read whole.
const PARTS: usize = 200;

/// Bytes that tell a file's kind.
const MARK: usize = 16;

const WAIT: Step = Step { passed: 0, read: false };

impl Parts {
    pub fn new(boundary: &[u8]) -> Parts {
        let delimiter = [b"--", boundary].concat();
        Parts { boundary: boundary.to_vec(), delimiter, place: Place::Preamble }
    }

    pub fn next(&mut self, buffer: &[u8], complete: bool, values: &mut Values) -> Step {
        let full = buffer.len() >= WINDOW;
        let region = buffer.get(..WINDOW).unwrap_or(buffer);
        let mut last = complete && buffer.len() <= WINDOW;
        if last && !matches!(self.place, Place::Field(_)) {
            last = memchr::memmem::find_iter(region, &self.delimiter).nth(PARTS).is_none();
        }
        match &self.place {
            Place::Done => Step { passed: buffer.len(), read: false },
            Place::File => self.file(buffer, complete, values),
            Place::Preamble | Place::Batch | Place::Field(_) if !full && !complete => WAIT,
            Place::Preamble | Place::Batch if last => self.end(region, values),
            Place::Preamble => self.preamble(region, values),
            Place::Batch => self.batch(region, values),
            Place::Field(_) => self.field(region, last, values),
        }
    }

    fn end(&mut self, region: &[u8], values: &mut Values) -> Step {
        self.place = Place::Done;
        multipart(region, &self.boundary, true, values);
        Step { passed: region.len(), read: true }
    }

    fn preamble(&mut self, region: &[u8], values: &mut Values) -> Step {
        let first = memchr::memmem::find(region, &self.delimiter);
        if first == Some(0) {
            self.place = Place::Batch;
            return self.batch(region, values);
        }
        let before = region.get(..first.unwrap_or(region.len())).unwrap_or_default();
        if !before.trim_ascii().is_empty() {
            values.fact(Fact::BadMultipart);
            values.push(Collection::RequestBody, b"", before);
        }
        let passed = match first {
            Some(first) => {
                self.place = Place::Batch;
                first
            }
            None => region.len() - OVERLAP.min(region.len()),
        };
        Step { passed, read: true }
    }

    /// A region that begins with a delimiter, and after which more follows.
    fn batch(&mut self, region: &[u8], values: &mut Values) -> Step {
        let last = memchr::memmem::find_iter(region, &self.delimiter).take(PARTS).last().unwrap_or(0);
        if last > 0 {
            let whole = region.get(..last).unwrap_or_default();
            multipart(whole, &self.boundary, false, values);
            if region.get(last - 1) != Some(&b'\n') {
                values.fact(Fact::BadMultipart);
            }
            return Step { passed: last, read: true };
        }
        multipart(region, &self.boundary, false, values);
        let inside = region.get(self.delimiter.len()..).unwrap_or_default();
        if is_file_part(inside) {
            self.place = Place::File;
            return Step { passed: region.len() - self.kept(), read: true };
        }
        values.last_goes_on();
        values.fact(Fact::Truncated);
        let head = memchr::memmem::find(inside, b"\r\n\r\n").map_or(0, |place| place + 4);
        let again = match inside.get(..head).filter(|head| !head.is_empty() && head.len() < OVERLAP) {
            // With the mark of the file that it may be.
            Some(head) => {
                let mark = inside.get(head.len()..).filter(|content| is_marked(content));
                let mark = mark.and_then(|content| content.get(..MARK)).unwrap_or_default();
                [&self.delimiter, head, mark].concat()
            }
            None => [&self.delimiter, b"\r\n\r\n".as_slice()].concat(),
        };
        let content = inside.get(head..).unwrap_or_default();
        let whole = (!is_marked(content)).then(|| {
            let mut whole = Stretch::default();
            whole.push(content);
            whole
        });
        let (name, _) = part_head(inside.get(..head).unwrap_or_default());
        self.place = Place::Field(Box::new(Long { front: again, again: OVERLAP, name, whole }));
        Step { passed: region.len() - OVERLAP, read: true }
    }

    fn field(&mut self, region: &[u8], last: bool, values: &mut Values) -> Step {
        let Place::Field(long) = &mut self.place else { return WAIT };
        let Long { front, again, name, whole } = long.as_mut();
        // A delimiter that was cut stands in what is read again.
        let next = memchr::memmem::find(region, &self.delimiter);
        let here = region.get(..next.unwrap_or(region.len())).unwrap_or_default();
        if here.len() > *again || next.is_some() {
            let piece = [front.as_slice(), here].concat();
            multipart(&piece, &self.boundary, last && next.is_none(), values);
            if next.is_none() && !last {
                values.last_goes_on();
            }
        }
        if let Some(whole) = whole {
            whole.push(here.get(*again..).unwrap_or_default());
            values.push(Collection::ArgsPost, name, &whole.text());
            values.last_goes_on();
            if let Some(open) = whole.left_open().filter(|_| next.is_some() || last) {
                values.push(Collection::ArgsPost, name, &open);
            }
        }
        let passed = match next {
            Some(next) => {
                if next.checked_sub(1).is_some_and(|place| region.get(place) != Some(&b'\n')) {
                    values.fact(Fact::BadMultipart);
                }
                self.place = Place::Batch;
                next
            }
            None if last => {
                values.fact(Fact::BadMultipart);
                self.place = Place::Done;
                region.len()
            }
            None => {
                *again = OVERLAP;
                region.len() - OVERLAP.min(region.len())
            }
        };
        Step { passed, read: true }
    }

    /// The bytes of a file are nobody's to read; only its end is looked for.
    fn file(&mut self, buffer: &[u8], complete: bool, values: &mut Values) -> Step {
        match memchr::memmem::find(buffer, &self.delimiter) {
            Some(next) => {
                // Some readers (Django) take the boundary for one wherever it stands.
                if next.checked_sub(1).is_some_and(|place| buffer.get(place) != Some(&b'\n')) {
                    values.fact(Fact::BadMultipart);
                }
                self.place = Place::Batch;
                Step { passed: next, read: true }
            }
            None if complete => {
                values.fact(Fact::BadMultipart);
                self.place = Place::Done;
                Step { passed: buffer.len(), read: true }
            }
            None => Step { passed: buffer.len().saturating_sub(self.kept()), read: false },
        }
    }

    /// A delimiter that may have begun, and the byte before it.
    fn kept(&self) -> usize {
        self.delimiter.len() + 1
    }
}
