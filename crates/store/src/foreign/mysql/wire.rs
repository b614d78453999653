//! Packets: three bytes of length, one of order, and what they carry.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

use super::super::MOST_BYTES;
use super::lost;
use crate::Error;

/// A packet of this length goes on in the next one.
const FULL: usize = 0xff_ffff;

pub(super) enum Stream {
    Plain(Timed<TcpStream>),
    Tls(Box<StreamOwned<ClientConnection, Timed<TcpStream>>>),
    Socket(Timed<UnixStream>),
}

/// What can be told how long a read or a write may take.
pub(super) trait Patient: Read + Write {
    fn patience(&self, left: Duration) -> io::Result<()>;
}

impl Patient for TcpStream {
    fn patience(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left)).and_then(|()| self.set_write_timeout(Some(left)))
    }
}

impl Patient for UnixStream {
    fn patience(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left)).and_then(|()| self.set_write_timeout(Some(left)))
    }
}

/// A stream that ends at a moment, however many reads there are before it: a time for each read alone lets a server that says a byte
/// now and then hold the session for hours.
pub(super) struct Timed<S> {
    stream: S,
    until: Instant,
}

impl<S: Patient> Timed<S> {
    pub(super) fn new(stream: S, wait: Duration) -> Self {
        Timed { stream, until: Instant::now() + wait }
    }

    fn look_at_the_clock(&self) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { self.stream.patience(left) }
    }
}

impl<S: Patient> Read for Timed<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.look_at_the_clock()?;
        self.stream.read(into)
    }
}

impl<S: Patient> Write for Timed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.look_at_the_clock()?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

pub(super) struct Wire {
    /// Nothing while it is being encrypted, and after that failed.
    stream: Option<Stream>,
    order: u8,
    /// For a question and its answer.
    wait: Duration,
}

impl Wire {
    pub(super) fn new(stream: Stream, wait: Duration) -> Self {
        Wire { stream: Some(stream), order: 0, wait }
    }

    /// A new command counts from 0, and has its own time.
    pub(super) fn begin(&mut self) {
        self.order = 0;
        let until = Instant::now() + self.wait;
        match &mut self.stream {
            Some(Stream::Plain(stream)) => stream.until = until,
            Some(Stream::Tls(stream)) => stream.sock.until = until,
            Some(Stream::Socket(stream)) => stream.until = until,
            None => {}
        }
    }

    /// Whether nobody else hears what is said.
    pub(super) fn is_private(&self) -> bool {
        matches!(self.stream, Some(Stream::Tls(_) | Stream::Socket(_)))
    }

    pub(super) fn encrypt(
        &mut self,
        with: impl FnOnce(Stream) -> Result<Stream, Error>,
    ) -> Result<(), Error> {
        let stream = self.stream.take().ok_or_else(lost)?;
        self.stream = Some(with(stream)?);
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() < FULL).ok_or_else(lost)?;
        let mut packet = length.to_le_bytes().get(..3).unwrap_or_default().to_vec();
        packet.push(self.order);
        packet.extend_from_slice(bytes);
        self.order = self.order.wrapping_add(1);
        let written = match self.stream.as_mut().ok_or_else(lost)? {
            Stream::Plain(stream) => stream.write_all(&packet),
            Stream::Tls(stream) => stream.write_all(&packet).and_then(|()| stream.flush()),
            Stream::Socket(stream) => stream.write_all(&packet),
        };
        written.map_err(|why| failed(&why))
    }

    pub(super) fn read(&mut self) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        loop {
            let mut head = [0; 4];
            self.fill(&mut head)?;
            let length =
                usize::try_from(u32::from_le_bytes([head[0], head[1], head[2], 0])).map_err(|_| lost())?;
            if whole.len() + length > MOST_BYTES {
                return Err(super::refused("an answer is longer than 64 MiB"));
            }
            self.order = head[3].wrapping_add(1);
            let before = whole.len();
            whole.resize(before + length, 0);
            self.fill(whole.get_mut(before..).unwrap_or_default())?;
            if length < FULL {
                return Ok(whole);
            }
        }
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), Error> {
        let read = match self.stream.as_mut().ok_or_else(lost)? {
            Stream::Plain(stream) => stream.read_exact(into),
            Stream::Tls(stream) => stream.read_exact(into),
            Stream::Socket(stream) => stream.read_exact(into),
        };
        read.map_err(|why| failed(&why))
    }
}

/// A certificate that does not hold is told as such.
fn failed(why: &io::Error) -> Error {
    match why.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => Error::Open(format!("TLS to the other database: {tls}")),
        None => lost(),
    }
}

/// Reads a packet from its front; nothing where it is shorter than it says.
pub(super) struct Packet<'a>(&'a [u8]);

impl<'a> Packet<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Packet(bytes)
    }

    pub(super) fn first(&self) -> Option<u8> {
        self.0.first().copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    pub(super) fn until_zero(&mut self) -> Option<&'a [u8]> {
        let at = self.0.iter().position(|byte| *byte == 0)?;
        let front = self.bytes(at)?;
        self.bytes(1)?;
        Some(front)
    }

    /// A number of the protocol's own lengths.
    pub(super) fn length(&mut self) -> Option<u64> {
        let wide = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte));
        match self.byte()? {
            0xfc => self.bytes(2).map(wide),
            0xfd => self.bytes(3).map(wide),
            0xfe => self.bytes(8).map(wide),
            0xfb | 0xff => None,
            small => Some(u64::from(small)),
        }
    }

    /// A text with its length before it; the inner nothing is NULL.
    pub(super) fn text(&mut self) -> Option<Option<&'a [u8]>> {
        if self.first() == Some(0xfb) {
            self.byte()?;
            return Some(None);
        }
        let length = usize::try_from(self.length()?).ok()?;
        self.bytes(length).map(Some)
    }
}
