//! Code that is too long to be held back until its end: hashed while it goes.

use encoding_rs::{Decoder, Encoding};
use storeward_seal::Sha256;
use storeward_seal::encoding::base64;

use crate::shape;

pub(super) struct Long {
    /// Where the tag ends whose code it is.
    pub tag_end: usize,
    decoder: Decoder,
    hash: Sha256,
    beginning: Option<String>,
    begins: String,
    bytes: usize,
    is_behind_return: bool,
}

/// What there is to say of it.
pub(super) struct Whole {
    pub hash: String,
    pub beginning: String,
    pub begins: String,
    pub bytes: usize,
}

impl Long {
    /// `first` is what is there of it already.
    pub(super) fn new(tag_end: usize, encoding: Option<&'static Encoding>, first: &[u8]) -> Long {
        // As `notes::decoded`; a sign that is not whole yet is no fault.
        let is_other = std::str::from_utf8(first).is_err_and(|fault| fault.error_len().is_some());
        let guess = if is_other { encoding_rs::WINDOWS_1252 } else { encoding_rs::UTF_8 };
        Long {
            tag_end,
            decoder: encoding.unwrap_or(guess).new_decoder_without_bom_handling(),
            hash: Sha256::default(),
            beginning: None,
            begins: String::new(),
            bytes: 0,
            is_behind_return: false,
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.decode(bytes, false);
    }

    pub(super) fn end(mut self, last: &[u8]) -> Whole {
        self.decode(last, true);
        Whole {
            hash: base64(&self.hash.bytes()),
            beginning: self.beginning.unwrap_or_default(),
            begins: self.begins,
            bytes: self.bytes,
        }
    }

    /// Line ends are made one, also where one lies across two pieces.
    fn decode(&mut self, bytes: &[u8], is_last: bool) {
        let room = self.decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len());
        let mut text = String::with_capacity(room);
        // There is room for all of it.
        let _ = self.decoder.decode_to_string(bytes, &mut text, is_last);
        if text.is_empty() {
            return;
        }
        let ends_so = text.ends_with('\r');
        let rest = text.strip_prefix('\n').filter(|_| self.is_behind_return).unwrap_or(&text);
        let plain = rest.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}");
        self.is_behind_return = ends_so;
        self.bytes += plain.len();
        self.hash.update(plain.as_bytes());
        if self.beginning.is_none() {
            self.beginning = Some(shape::beginning(&plain));
            self.begins = shape::begins(&plain);
        }
    }
}
