//! Card numbers in UTF-16 and UTF-32, where zeros stand between the digits: read as plain bytes, masked in place.

use std::collections::VecDeque;

use super::StreamMasker;
use crate::content_type::{Wide, wide};

/// What no part of a number can be.
const OTHER: u8 = b'x';

/// Masks a stream of such text.
#[derive(Debug)]
pub(super) struct UnitMasker {
    form: Wide,
    narrow: StreamMasker,
    /// Bytes of a sign that was cut.
    cut: Vec<u8>,
    /// Signs that `narrow` holds.
    held: VecDeque<u8>,
}

impl UnitMasker {
    /// For a text that begins so; `None` where it is no such text.
    pub fn begin(first: &[u8], narrow: StreamMasker) -> Option<UnitMasker> {
        Some(UnitMasker { form: wide(first)?, narrow, cut: Vec::new(), held: VecDeque::new() })
    }

    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        self.cut.extend_from_slice(chunk);
        let whole = self.cut.len() / self.form.width * self.form.width;
        let units: Vec<u8> = self.cut.drain(..whole).collect();
        let plain: Vec<u8> =
            units.chunks_exact(self.form.width).map(|unit| plain(self.form.value(unit))).collect();
        self.held.extend(units);
        let mut certain = Vec::with_capacity(plain.len());
        self.narrow.push(&plain, &mut certain);
        self.give(&certain, out);
    }

    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let mut certain = Vec::new();
        self.narrow.finish(&mut certain);
        self.give(&certain, out);
        out.append(&mut self.cut);
    }

    pub fn masked(&self) -> usize {
        self.narrow.masked()
    }

    pub fn held_bytes(&self) -> usize {
        self.held.len() + self.cut.len()
    }

    fn give(&mut self, certain: &[u8], out: &mut Vec<u8>) {
        let width = self.form.width.min(self.held.len());
        for byte in certain {
            let mut unit: Vec<u8> = self.held.drain(..width.min(self.held.len())).collect();
            if plain(self.form.value(&unit)) != *byte
                && let Some(low) = if self.form.big { unit.last_mut() } else { unit.first_mut() }
            {
                *low = *byte;
            }
            out.append(&mut unit);
        }
    }
}

/// A sign as one byte; white space and dashes of every kind as the plain ones.
fn plain(sign: u32) -> u8 {
    match sign {
        0xA0 | 0x2000..=0x200B | 0x202F | 0x3000 => b' ',
        0x2010..=0x2015 => b'-',
        _ => u8::try_from(sign).ok().filter(u8::is_ascii).unwrap_or(OTHER),
    }
}
