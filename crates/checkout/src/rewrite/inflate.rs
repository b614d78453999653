//! Bodies that the shop compressed although it was asked not to.

use std::io::{self, Write};

use flate2::write::{MultiGzDecoder, ZlibDecoder};

/// A page that is longer is no page. What it would become bounds what somebody can make us hold.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// So much is taken at once: at most a thousand times as much comes out of it.
const PIECE_BYTES: usize = 4 * 1024;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
}

impl Coding {
    /// Reads `Content-Encoding`: nothing where a browser would not decode either; an error where it would and we cannot.
    pub(crate) fn of(says: &str) -> Result<Option<Coding>, ()> {
        let says = says.trim();
        let is = |names: &[&str]| names.iter().any(|name| says.eq_ignore_ascii_case(name));
        match () {
            () if is(&["", "identity", "none"]) => Ok(None),
            () if is(&["gzip", "x-gzip"]) => Ok(Some(Coding::Gzip)),
            () if is(&["deflate"]) => Ok(Some(Coding::Deflate)),
            () => Err(()),
        }
    }
}

/// One body being taken apart.
pub(crate) struct Inflate {
    decoder: Decoder,
    total: usize,
}

enum Decoder {
    Gzip(MultiGzDecoder<Vec<u8>>),
    Deflate(ZlibDecoder<Vec<u8>>),
}

impl Inflate {
    pub(crate) fn new(coding: Coding) -> Self {
        let decoder = match coding {
            Coding::Gzip => Decoder::Gzip(MultiGzDecoder::new(Vec::new())),
            Coding::Deflate => Decoder::Deflate(ZlibDecoder::new(Vec::new())),
        };
        Inflate { decoder, total: 0 }
    }

    /// Gives what came out, piece by piece. More than a page has is an error.
    pub(crate) fn push(&mut self, data: &[u8], mut take: impl FnMut(&[u8])) -> io::Result<()> {
        for piece in data.chunks(PIECE_BYTES) {
            match &mut self.decoder {
                Decoder::Gzip(decoder) => decoder.write_all(piece)?,
                Decoder::Deflate(decoder) => decoder.write_all(piece)?,
            }
            self.hand_on(&mut take)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.try_finish()?,
            Decoder::Deflate(decoder) => decoder.try_finish()?,
        }
        self.hand_on(&mut take)
    }

    fn hand_on(&mut self, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let out = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Deflate(decoder) => decoder.get_mut(),
        };
        self.total += out.len();
        if self.total > MOST_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a page of more than 32 MiB"));
        }
        if !out.is_empty() {
            take(out.as_slice());
            out.clear();
        }
        Ok(())
    }
}
