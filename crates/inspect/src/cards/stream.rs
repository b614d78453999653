//! Masking of a body that arrives in pieces.

use super::scan::may_end_label;
use super::units::UnitMasker;
use super::{HOLD, LOOK_BACK, mask_span, wide};

/// Masks card numbers in a stream, also where one straddles two chunks; what comes out is as long as what went in.
///
/// Holds back at most [`HOLD`] bytes, and only while the end of a chunk could be part of a number.
#[derive(Debug, Default)]
pub struct StreamMasker {
    /// Bytes already handed out (at most `LOOK_BACK`), then bytes held back.
    work: Vec<u8>,
    handed_out: usize,
    masked: usize,
    events: bool,
    begun: bool,
    /// Text in UTF-16 or UTF-32.
    units: Option<Box<UnitMasker>>,
}

impl StreamMasker {
    pub fn new() -> StreamMasker {
        StreamMasker::default()
    }

    /// For a stream of events, of which none may wait for the next: a line's end ends every number, and nothing is held
    /// back but digits, and what follows them, at the very end of a chunk.
    pub fn for_events() -> StreamMasker {
        StreamMasker { events: true, ..StreamMasker::default() }
    }

    /// Takes the next chunk and appends to `out` whatever is certain by now.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        self.begin(chunk);
        if let Some(units) = &mut self.units {
            return units.push(chunk, out);
        }
        self.work.extend_from_slice(chunk);
        let cut = self.handed_out.max(self.certain_end(&self.work));
        self.hand_out(cut, out);
    }

    /// For a chunk with nothing to mask, which is nearly every one: how many bytes from its start go out as they are,
    /// uncopied; the rest is held back. `None`: the chunk is to be [pushed](StreamMasker::push).
    pub fn pass(&mut self, chunk: &[u8]) -> Option<usize> {
        self.begin(chunk);
        if self.units.is_some() {
            return None;
        }
        // A number behind these is told by the byte before them, which this look does not see.
        if self.held_bytes() > 0 || matches!(chunk.first(), Some(b'B' | b'+')) || may_end_label(chunk) {
            return None;
        }
        let certain = self.certain_end(chunk);
        // Else, without what went before, more looks like the start of a number, never less; and what begins before the
        // cut shows in the chunk or is still open, so that the cut lies before it.
        let mut found = false;
        wide::each(chunk, 0, &mut |_| found = true);
        if found || certain < LOOK_BACK {
            return None;
        }
        self.work.clear();
        self.work.extend_from_slice(chunk.get(certain - LOOK_BACK..)?);
        self.handed_out = LOOK_BACK;
        Some(certain)
    }

    /// The stream is over: appends what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(units) = &mut self.units {
            return units.finish(out);
        }
        self.hand_out(self.work.len(), out);
        self.work.clear();
        self.handed_out = 0;
    }

    /// How many numbers were masked so far.
    pub fn masked(&self) -> usize {
        self.units.as_ref().map_or(self.masked, |units| units.masked())
    }

    /// How many bytes are held back now.
    pub fn held_bytes(&self) -> usize {
        self.units.as_ref().map_or(self.work.len() - self.handed_out, |units| units.held_bytes())
    }

    /// The first bytes tell what a text is coded in.
    fn begin(&mut self, chunk: &[u8]) {
        if self.begun || chunk.is_empty() {
            return;
        }
        self.begun = true;
        let narrow = StreamMasker { events: self.events, begun: true, ..StreamMasker::default() };
        self.units = UnitMasker::begin(chunk, narrow).map(Box::new);
    }

    fn certain_end(&self, work: &[u8]) -> usize {
        if self.events { certain_end_of_events(work) } else { certain_end(work) }
    }

    fn hand_out(&mut self, cut: usize, out: &mut Vec<u8>) {
        let mut cut = cut;
        let mut spans = Vec::new();
        wide::each(&self.work, self.handed_out, &mut |span| {
            if span.start < cut {
                cut = cut.max(span.end);
                spans.push(span);
            }
        });
        for span in &spans {
            mask_span(&mut self.work, *span);
        }
        self.masked += spans.len();
        out.extend_from_slice(self.work.get(self.handed_out..cut).unwrap_or_default());
        let keep_from = cut.saturating_sub(LOOK_BACK);
        self.work.drain(..keep_from);
        self.handed_out = cut - keep_from;
    }
}

/// Everything before this offset can no longer be changed by what comes next.
fn certain_end(work: &[u8]) -> usize {
    let tail = work.iter().rev().take(HOLD).take_while(|byte| may_continue(**byte)).count();
    // Without a digit nothing has begun.
    let tail = work.get(work.len() - tail..).unwrap_or_default();
    let begun = tail.iter().position(u8::is_ascii_digit).unwrap_or(tail.len());
    work.len() - (tail.len() - begun)
}

/// The same where lines end numbers and white space alone is nobody's beginning.
fn certain_end_of_events(work: &[u8]) -> usize {
    let end = certain_end(work);
    let tail = work.get(end..).unwrap_or_default();
    let line = tail.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
    let rest = tail.get(line..).unwrap_or_default();
    match rest.iter().position(u8::is_ascii_digit) {
        Some(digit) => end + line + digit,
        None => work.len(),
    }
}

/// Bytes that can stand in a number, or after one while it is still open whether it is one.
fn may_continue(byte: u8) -> bool {
    byte.is_ascii_digit()
        || byte.is_ascii_whitespace()
        || matches!(byte, b'-' | b'.' | b'D')
        || wide::may_separate(byte)
}
