//! Frames of a WebSocket (RFC 6455, section 5): the client's, put together to messages, and where the shop's end.

use bytes::BytesMut;

/// Of the frames of an unfinished message at most so much more than of the message: each has a head, and may be empty.
const HEADS: usize = 64 * 1024;
/// Room that is kept between messages.
const KEPT: usize = 16 * 1024;

/// Why a tunnel that is heard ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No WebSocket, or packed messages that nobody agreed on.
    Frames,
    TooLong,
    /// Whoever hears it does not let the message pass.
    Refused,
}

impl Fault {
    /// The close frame for the client (RFC 6455, sections 5.5.1 and 7.4.1). Clients of GraphQL do not come again after 1008.
    pub(super) const fn close(self) -> &'static [u8] {
        match self {
            Fault::Frames => b"\x88\x02\x03\xea",
            Fault::TooLong => b"\x88\x02\x03\xf1",
            Fault::Refused => b"\x88\x1e\x03\xf0send this as an HTTP request",
        }
    }

    /// In the record.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Fault::Frames => "websocket.frames",
            Fault::TooLong => "websocket.too_long",
            Fault::Refused => "session.refused",
        }
    }
}

/// What came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A frame between messages, or between the pieces of one, to be passed on.
    Control(BytesMut),
    /// A whole message: [`Frames::message`], in the frames of [`Frames::held`].
    Message,
}

/// The client's frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// What is no whole frame yet.
    pub(super) inbound: BytesMut,
    /// Frames of the message that is not whole yet, as they came.
    held: Vec<u8>,
    message: Vec<u8>,
    is_open: bool,
    most: usize,
}

/// What stands before a frame's payload.
struct Head {
    is_final: bool,
    opcode: u8,
    mask: [u8; 4],
    bytes: usize,
    payload: usize,
}

impl Frames {
    pub(super) fn new(most: usize) -> Self {
        Frames { most, ..Frames::default() }
    }

    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }

    /// Forgets the message, and gives its frames back.
    pub(super) fn held(&mut self) -> Vec<u8> {
        self.is_open = false;
        self.message.clear();
        self.message.shrink_to(KEPT);
        std::mem::take(&mut self.held)
    }

    /// The next whole piece, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, Fault> {
        loop {
            let Some(head) = head(&self.inbound)? else { return Ok(None) };
            let is_control = head.opcode >= 8;
            self.check(&head, is_control)?;
            let whole = head.bytes + head.payload;
            if self.inbound.len() < whole {
                return Ok(None);
            }
            let frame = self.inbound.split_to(whole);
            if is_control {
                return Ok(Some(Piece::Control(frame)));
            }
            let payload = frame.get(head.bytes..).unwrap_or_default();
            self.message.extend(payload.iter().zip(head.mask.iter().cycle()).map(|(byte, key)| byte ^ key));
            self.held.extend_from_slice(&frame);
            self.is_open = !head.is_final;
            if head.is_final {
                return Ok(Some(Piece::Message));
            }
        }
    }

    fn check(&self, head: &Head, is_control: bool) -> Result<(), Fault> {
        if is_control {
            let is_sound = head.is_final && head.payload <= 125 && head.opcode <= 10;
            return if is_sound { Ok(()) } else { Err(Fault::Frames) };
        }
        let is_next = match head.opcode {
            0 => self.is_open,
            1 | 2 => !self.is_open,
            _ => false,
        };
        let frames = self.held.len().saturating_add(head.payload);
        let is_long = self.message.len().saturating_add(head.payload) > self.most;
        match is_next {
            false => Err(Fault::Frames),
            true if is_long || frames > self.most.saturating_add(HEADS) => Err(Fault::TooLong),
            true => Ok(()),
        }
    }
}

/// The head of a client's frame, once it is there whole.
fn head(bytes: &[u8]) -> Result<Option<Head>, Fault> {
    let Some(([first, second], rest)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
    // No extension was agreed on, and a client masks what it sends: a shop that takes it otherwise reads other messages than we do.
    if first & 0x70 != 0 || second & 0x80 == 0 {
        return Err(Fault::Frames);
    }
    let (length, rest) = match second & 0x7f {
        126 => match rest.split_first_chunk::<2>() {
            Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk::<8>() {
            Some((length, rest)) => (u64::from_be_bytes(*length), rest),
            None => return Ok(None),
        },
        short => (u64::from(short), rest),
    };
    let Some((mask, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let payload = u32::try_from(length).ok().and_then(|length| usize::try_from(length).ok());
    Ok(Some(Head {
        is_final: first & 0x80 != 0,
        opcode: first & 0x0f,
        mask: *mask,
        bytes: bytes.len() - rest.len(),
        payload: payload.ok_or(Fault::TooLong)?,
    }))
}

/// Whether what a client says holds a word: a Ping or a Pong (RFC 6455 5.5.2, 5.5.3), by which a connection is kept open, is none. From the first
/// bytes on that are no frame of a client's, everything is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    head: Vec<u8>,
    left: usize,
    is_word: bool,
    is_lost: bool,
}

impl Words {
    /// Goes on by so many bytes. Whether there is one among them.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> bool {
        let mut says = self.is_lost;
        while !bytes.is_empty() && !self.is_lost {
            if self.left > 0 {
                let skipped = self.left.min(bytes.len());
                self.left -= skipped;
                says |= self.is_word;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            let Some((byte, rest)) = bytes.split_first() else { break };
            self.head.push(*byte);
            bytes = rest;
            match head(&self.head) {
                Ok(None) => {}
                Ok(Some(head)) => {
                    self.is_word = !(matches!(head.opcode, 9 | 10) && head.is_final && head.payload <= 125);
                    says |= self.is_word;
                    self.left = head.payload;
                    self.head.clear();
                }
                Err(_) => (self.is_lost, says) = (true, true),
            }
        }
        says
    }
}

/// Where the shop is in its own frames: nothing of ours may come into one.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    head: Vec<u8>,
    left: u64,
}

impl Boundary {
    pub(super) fn is_between(&self) -> bool {
        self.head.is_empty() && self.left == 0
    }

    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            self.left -= u64::try_from(skipped).unwrap_or(0);
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some((byte, rest)) = bytes.split_first() else { return };
            self.head.push(*byte);
            bytes = rest;
            if let Some(payload) = self.payload() {
                self.left = payload;
                self.head.clear();
            }
        }
    }

    /// How long the payload is, when the head is whole.
    fn payload(&self) -> Option<u64> {
        let second = *self.head.get(1)?;
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let digits = match second & 0x7f {
            126 => 2,
            127 => 8,
            short => return (self.head.len() == 2 + mask).then_some(u64::from(short)),
        };
        let length = self.head.get(2..2 + digits)?;
        let length = length.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        (self.head.len() == 2 + digits + mask).then_some(length)
    }
}

#[cfg(test)]
mod tests;
