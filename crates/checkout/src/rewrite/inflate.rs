//! Bodies that the shop compressed although it was asked not to.

use std::io::{self, Write};

use flate2::write::{DeflateDecoder, GzDecoder, ZlibDecoder};

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

/// One body being taken apart, as browsers do it.
pub(crate) struct Inflate {
    decoder: Decoder,
    total: usize,
}

enum Decoder {
    Gzip(Box<GzDecoder<Vec<u8>>>),
    Zlib(ZlibDecoder<Vec<u8>>),
    /// Without a header: many servers send it so, and browsers take both (RFC 9110, 8.4.1.2, note).
    Raw(DeflateDecoder<Vec<u8>>),
    /// Of `deflate`, until two bytes tell which one it is.
    Either(Vec<u8>),
}

impl Decoder {
    fn of_start(start: &[u8]) -> Decoder {
        // RFC 1950, 2.2: the method is 8, and the two bytes are a multiple of 31.
        let is_zlib = matches!(*start, [method, flags, ..]
            if method & 0x0F == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31));
        match is_zlib {
            true => Decoder::Zlib(ZlibDecoder::new(Vec::new())),
            false => Decoder::Raw(DeflateDecoder::new(Vec::new())),
        }
    }

    /// How much was taken: nothing once the end was read. What stands behind it, browsers leave out.
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Decoder::Gzip(decoder) => decoder.write(data),
            Decoder::Zlib(decoder) => decoder.write(data),
            Decoder::Raw(decoder) => decoder.write(data),
            Decoder::Either(start) => {
                start.extend_from_slice(data);
                if start.len() >= 2 {
                    let start = std::mem::take(start);
                    *self = Decoder::of_start(&start);
                    self.write_all(&start)?;
                }
                Ok(data.len())
            }
        }
    }

    fn write_all(&mut self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let taken = self.write(data)?;
            if taken == 0 {
                break;
            }
            data = data.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn out(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Decoder::Gzip(decoder) => Some(decoder.get_mut()),
            Decoder::Zlib(decoder) => Some(decoder.get_mut()),
            Decoder::Raw(decoder) => Some(decoder.get_mut()),
            Decoder::Either(_) => None,
        }
    }
}

impl Inflate {
    pub(crate) fn new(coding: Coding) -> Self {
        let decoder = match coding {
            Coding::Gzip => Decoder::Gzip(Box::new(GzDecoder::new(Vec::new()))),
            Coding::Deflate => Decoder::Either(Vec::new()),
        };
        Inflate { decoder, total: 0 }
    }

    /// Gives what came out, piece by piece. More than a page has is an error.
    pub(crate) fn push(&mut self, data: &[u8], mut take: impl FnMut(&[u8])) -> io::Result<()> {
        for piece in data.chunks(PIECE_BYTES) {
            self.decoder.write_all(piece)?;
            self.hand_on(&mut take)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        // A body that was cut off, or whose sum does not fit, browsers show as far as it goes.
        let _ = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.try_finish(),
            Decoder::Zlib(decoder) => decoder.try_finish(),
            Decoder::Raw(decoder) => decoder.try_finish(),
            Decoder::Either(_) => Ok(()),
        };
        self.hand_on(&mut take)
    }

    fn hand_on(&mut self, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let Some(out) = self.decoder.out() else { return Ok(()) };
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
