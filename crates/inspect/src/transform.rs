//! Applies transformations, gated: a step whose trigger bytes are absent from a value cannot change it and is skipped.

use crate::decode;
use crate::rule::Transformation;

/// Which byte values occur in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ByteMask([u64; 4]);

impl ByteMask {
    pub fn of(bytes: &[u8]) -> ByteMask {
        if bytes.len() < 128 {
            return ByteMask::from_bytes(bytes);
        }
        let mut seen = [false; 256];
        for byte in bytes {
            if let Some(slot) = seen.get_mut(usize::from(*byte)) {
                *slot = true;
            }
        }
        let mut mask = ByteMask::default();
        for (word, flags) in mask.0.iter_mut().zip(seen.chunks(64)) {
            *word = flags.iter().rev().fold(0, |word, flag| word << 1 | u64::from(*flag));
        }
        mask
    }

    pub fn from_bytes(bytes: &[u8]) -> ByteMask {
        let mut mask = ByteMask::default();
        bytes.iter().for_each(|byte| mask.insert(*byte));
        mask
    }

    pub const fn all() -> ByteMask {
        ByteMask([u64::MAX; 4])
    }

    pub fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    pub fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word & (1 << (byte & 63)) != 0)
    }

    pub fn meets(&self, other: &ByteMask) -> bool {
        self.0.iter().zip(&other.0).any(|(mine, theirs)| mine & theirs != 0)
    }
}

/// The bytes without which the step changes nothing.
pub(crate) fn trigger(step: Transformation) -> ByteMask {
    match step {
        Transformation::UrlDecodeUni => ByteMask::from_bytes(b"%+"),
        Transformation::PercentDecode => ByteMask::from_bytes(b"%"),
        Transformation::HtmlEntityDecode => ByteMask::from_bytes(b"&"),
        Transformation::JsDecode | Transformation::CssDecode => ByteMask::from_bytes(b"\\"),
        Transformation::FoldConfusables => {
            ByteMask::from_bytes(&[0xc0, 0xc1, 0xc2, 0xca, 0xe0, 0xe2, 0xe3, 0xef])
        }
        Transformation::Lowercase => ByteMask::from_bytes(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        Transformation::RemoveNulls => ByteMask::from_bytes(b"\0"),
        Transformation::RemoveWhitespace => ByteMask::from_bytes(b" \t\r\n\x0b\x0c\xa0"),
        Transformation::CompressWhitespace => ByteMask::from_bytes(b" \t\r\n\x0b\x0c"),
        Transformation::ReplaceComments => ByteMask::from_bytes(b"*"),
        Transformation::CmdLine => ByteMask::from_bytes(b"\"'\\^ ,;\t\r\n/(ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        Transformation::RemoveShellQuotes => ByteMask::from_bytes(b"\"'\\^"),
        Transformation::NormalizePath => ByteMask::from_bytes(b"/\\"),
        Transformation::Base64Decode => ByteMask::all(),
    }
}

pub(crate) fn apply(step: Transformation, source: &[u8], out: &mut Vec<u8>) {
    match step {
        Transformation::UrlDecodeUni => decode::url_decode_into(source, out),
        Transformation::PercentDecode => decode::percent_decode(source, out),
        Transformation::HtmlEntityDecode => decode::html_decode(source, out),
        Transformation::JsDecode => decode::js_decode(source, out),
        Transformation::CssDecode => decode::css_decode(source, out),
        Transformation::Base64Decode => decode::base64_decode(source, out),
        Transformation::FoldConfusables => decode::fold_confusables(source, out),
        Transformation::Lowercase => out.extend(source.iter().map(u8::to_ascii_lowercase)),
        Transformation::RemoveNulls => out.extend(source.iter().filter(|byte| **byte != 0)),
        Transformation::RemoveWhitespace => decode::remove_white_space(source, out),
        Transformation::CompressWhitespace => decode::compress_white_space(source, out),
        Transformation::ReplaceComments => decode::replace_comments(source, out),
        Transformation::CmdLine => decode::command_line(source, out),
        Transformation::RemoveShellQuotes => {
            out.extend(source.iter().filter(|byte| !matches!(byte, b'"' | b'\'' | b'\\' | b'^')));
        }
        Transformation::NormalizePath => decode::normalize_path(source, out),
    }
}

/// Runs a whole pipeline over one value; for chain conditions, which are rare.
pub(crate) fn run(steps: &[Transformation], source: &[u8]) -> Vec<u8> {
    steps.iter().fold(source.to_vec(), |value, step| {
        let mut out = Vec::with_capacity(value.len());
        apply(*step, &value, &mut out);
        out
    })
}
