//! Packets of SFTP: numbers are big-endian, texts have their length before them (section 3 to 5).

use super::{ATTR_MODE, ATTR_OWNER, ATTR_SIZE, ATTR_TIMES, Entry, Trouble};

/// Fields of a packet that is made.
pub(super) struct Packet(pub(super) Vec<u8>);

impl Packet {
    pub(super) fn new() -> Self {
        Packet(Vec::new())
    }

    pub(super) fn number(mut self, number: u32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn long(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.0.extend(bytes);
        self
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }
}

/// Fields of a packet that came.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Trouble> {
        let short = || Trouble::Broken("the server's answer is cut off".to_owned());
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Trouble> {
        self.take(1).map(|bytes| bytes.first().copied().unwrap_or(0))
    }

    pub(super) fn number(&mut self) -> Result<u32, Trouble> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    pub(super) fn long(&mut self) -> Result<u64, Trouble> {
        Ok(u64::from(self.number()?) << 32 | u64::from(self.number()?))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Trouble> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        self.take(length)
    }

    pub(super) fn attributes(&mut self, name: String) -> Result<Entry, Trouble> {
        let flags = self.number()?;
        let size = if flags & ATTR_SIZE != 0 { self.long()? } else { 0 };
        if flags & ATTR_OWNER != 0 {
            self.long()?;
        }
        let mode = if flags & ATTR_MODE != 0 { self.number()? } else { 0 };
        if flags & ATTR_TIMES != 0 {
            self.long()?;
        }
        if flags & 0x8000_0000 != 0 {
            for _ in 0..self.number()? {
                self.bytes()?;
                self.bytes()?;
            }
        }
        Ok(Entry { name, size, mode })
    }
}
