//! Records as bytes: a block of records with its own dictionary and checksums. Version 1.
//!
//! Block header, 72 bytes, little-endian: magic `SWAB`, version u16, zero u16, payload length u32, count u32, smallest
//! and largest id u128, smallest and largest time i64 (µs), CRC-32 of the payload, CRC-32 of the header before it.
//! Texts that repeat (host, user agent, …) are written once per block and then by number.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use storeward_base::{ClientIp, RequestId, Timestamp};

use super::crc::crc32;
use super::record::{AccessRecord, Label, ParameterNames, Protocol, TlsVersion, Verdict, short_content_type};

pub(super) const HEADER_BYTES: usize = 72;
const HEADER_SUMMED: usize = HEADER_BYTES - 4;
const MAGIC: [u8; 4] = *b"SWAB";
const VERSION: u16 = 1;
/// No block is longer: what claims to be is damaged.
pub(super) const MAX_PAYLOAD_BYTES: usize = 4 * 1024 * 1024;

/// The bytes are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

/// What a block says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHeader {
    pub payload_bytes: usize,
    pub count: u32,
    pub min_id: RequestId,
    pub max_id: RequestId,
    pub min_at: Timestamp,
    pub max_at: Timestamp,
    payload_crc: u32,
}

/// Gathers records into a block.
#[derive(Debug, Default)]
pub(super) struct BlockBuilder {
    payload: Vec<u8>,
    dictionary: HashMap<Arc<str>, u64>,
    /// The dictionary's texts by number, the first being 1.
    texts: Vec<Arc<str>>,
    /// The number that each column had in the record before: most often it is the same again.
    before: [u64; COLUMNS],
    ends: Option<Ends>,
    count: u32,
}

/// Texts of a record that go through the dictionary.
const COLUMNS: usize = 10;

#[derive(Clone, Copy, Debug)]
struct Ends {
    ids: (RequestId, RequestId),
    at: (Timestamp, Timestamp),
}

impl BlockBuilder {
    pub fn len(&self) -> usize {
        self.payload.len()
    }

    pub fn count(&self) -> u32 {
        self.count
    }

    pub fn add(&mut self, record: &AccessRecord) {
        let (id, at) = (record.id, record.at);
        let ends = self.ends.unwrap_or(Ends { ids: (id, id), at: (at, at) });
        self.ends = Some(Ends {
            ids: (ends.ids.0.min(id), ends.ids.1.max(id)),
            at: (ends.at.0.min(at), ends.at.1.max(at)),
        });
        self.count += 1;
        self.payload.extend_from_slice(&id.bits().to_le_bytes());
        self.payload.extend_from_slice(&at.micros().to_le_bytes());
        push_numbers(&mut self.payload, record);
        self.known(0, record.method.as_str());
        self.known(1, &record.host);
        push_text(&mut self.payload, &record.path);
        push_text(&mut self.payload, &record.parameter_names.0);
        self.known(2, &record.user_agent);
        self.known(3, &record.referrer_host);
        self.known(4, &record.route);
        self.known(5, record.upstream.as_deref().unwrap_or(""));
        self.known(6, &record.category);
        self.known(7, &record.variable);
        push_text(&mut self.payload, &record.matched);
        self.known(8, &record.content_type);
        self.known(9, &record.reason);
    }

    /// A text that is likely to come again: its number, or 0 and the text.
    fn known(&mut self, column: usize, text: &str) {
        let before = self.before.get(column).copied().unwrap_or(0);
        let same = before.checked_sub(1).and_then(|at| self.texts.get(usize::try_from(at).ok()?));
        if same.is_some_and(|same| **same == *text) {
            push_number(&mut self.payload, before);
            return;
        }
        let number = match self.dictionary.get(text) {
            Some(number) => {
                let number = *number;
                push_number(&mut self.payload, number);
                number
            }
            None => self.introduce(text),
        };
        if let Some(slot) = self.before.get_mut(column) {
            *slot = number;
        }
    }

    /// A text that has no number yet.
    fn introduce(&mut self, text: &str) -> u64 {
        push_number(&mut self.payload, 0);
        push_text(&mut self.payload, text);
        let shared: Arc<str> = text.into();
        self.texts.push(Arc::clone(&shared));
        let number = u64::try_from(self.texts.len()).unwrap_or(0);
        self.dictionary.insert(shared, number);
        number
    }

    /// The block's bytes and its header; `None` when there is nothing in it. Starts anew.
    pub fn finish(&mut self) -> Option<(Vec<u8>, BlockHeader)> {
        let ends = self.ends.take()?;
        let header = BlockHeader {
            payload_bytes: self.payload.len(),
            count: self.count,
            min_id: ends.ids.0,
            max_id: ends.ids.1,
            min_at: ends.at.0,
            max_at: ends.at.1,
            payload_crc: crc32(&self.payload),
        };
        let mut block = Vec::with_capacity(HEADER_BYTES + self.payload.len());
        block.extend_from_slice(&MAGIC);
        block.extend_from_slice(&VERSION.to_le_bytes());
        block.extend_from_slice(&[0, 0]);
        block.extend_from_slice(&u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        block.extend_from_slice(&self.count.to_le_bytes());
        block.extend_from_slice(&header.min_id.bits().to_le_bytes());
        block.extend_from_slice(&header.max_id.bits().to_le_bytes());
        block.extend_from_slice(&header.min_at.micros().to_le_bytes());
        block.extend_from_slice(&header.max_at.micros().to_le_bytes());
        block.extend_from_slice(&header.payload_crc.to_le_bytes());
        block.extend_from_slice(&crc32(&block).to_le_bytes());
        block.append(&mut self.payload);
        self.dictionary.clear();
        self.texts.clear();
        self.before = [0; COLUMNS];
        self.count = 0;
        Some((block, header))
    }
}

/// What a record holds beside its texts, its id and its time.
pub(super) fn push_numbers(out: &mut Vec<u8>, record: &AccessRecord) {
    match record.client.get() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
    }
    let protocol = match record.protocol {
        Protocol::Http10 => 0u8,
        Protocol::Http11 => 1,
        Protocol::Http2 => 2,
    };
    let tls = match record.tls {
        None => 0u8,
        Some(TlsVersion::Tls12) => 1,
        Some(TlsVersion::Tls13) => 2,
    };
    let verdict = Verdict::ALL.iter().position(|v| *v == record.verdict).unwrap_or(0);
    out.push(protocol | tls << 2 | u8::from(record.auth_failed) << 4);
    out.push(u8::try_from(verdict).unwrap_or(0));
    push_number(out, record.duration_us);
    push_number(out, record.upstream_us.map_or(0, |us| us.saturating_add(1)));
    push_number(out, u64::from(record.status));
    push_number(out, record.request_bytes);
    push_number(out, record.response_bytes);
    push_number(out, u64::from(record.rule_id));
}

/// LEB128.
pub(super) fn push_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    let text = text.get(..text.floor_char_boundary(AccessRecord::TEXT_BYTES)).unwrap_or("");
    push_number(out, u64::try_from(text.len()).unwrap_or(0));
    out.extend_from_slice(text.as_bytes());
}

impl BlockHeader {
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let bytes = bytes.get(..HEADER_BYTES).ok_or(Damaged)?;
        let mut reader = Reader { bytes };
        let (magic, version) = (reader.take::<4>()?, u16::from_le_bytes(reader.take()?));
        reader.take::<2>()?;
        let payload_bytes = usize::try_from(u32::from_le_bytes(reader.take()?)).map_err(|_| Damaged)?;
        let header = BlockHeader {
            payload_bytes,
            count: u32::from_le_bytes(reader.take()?),
            min_id: RequestId::from_bits(u128::from_le_bytes(reader.take()?)),
            max_id: RequestId::from_bits(u128::from_le_bytes(reader.take()?)),
            min_at: Timestamp::from_micros(i64::from_le_bytes(reader.take()?)),
            max_at: Timestamp::from_micros(i64::from_le_bytes(reader.take()?)),
            payload_crc: u32::from_le_bytes(reader.take()?),
        };
        let crc = u32::from_le_bytes(reader.take()?);
        let summed = bytes.get(..HEADER_SUMMED).ok_or(Damaged)?;
        let sound = magic == MAGIC
            && version == VERSION
            && crc == crc32(summed)
            && payload_bytes <= MAX_PAYLOAD_BYTES;
        if sound { Ok(header) } else { Err(Damaged) }
    }

    /// Whether the payload is what was written.
    pub fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.payload_bytes && crc32(payload) == self.payload_crc
    }

    /// The block's records in the order of their arrival.
    pub fn decode(&self, payload: &[u8]) -> Result<Vec<AccessRecord>, Damaged> {
        if !self.fits(payload) {
            return Err(Damaged);
        }
        let mut reader = Decoder { reader: Reader { bytes: payload }, dictionary: Vec::new() };
        let mut records = Vec::new();
        for _ in 0..self.count {
            records.push(reader.record()?);
        }
        if reader.reader.bytes.is_empty() { Ok(records) } else { Err(Damaged) }
    }
}

/// What is left to read.
pub(super) struct Reader<'a> {
    pub bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn take<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (head, rest) = self.bytes.split_first_chunk::<N>().ok_or(Damaged)?;
        self.bytes = rest;
        Ok(*head)
    }

    pub fn number(&mut self) -> Result<u64, Damaged> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take::<1>()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damaged)
    }

    pub fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = usize::try_from(self.number()?).map_err(|_| Damaged)?;
        let (text, rest) = self.bytes.split_at_checked(length).ok_or(Damaged)?;
        self.bytes = rest;
        std::str::from_utf8(text).map_err(|_| Damaged)
    }

    pub fn client(&mut self) -> Result<ClientIp, Damaged> {
        match self.take::<1>()? {
            [4] => Ok(ClientIp::new(IpAddr::from(self.take::<4>()?))),
            [6] => Ok(ClientIp::new(IpAddr::from(self.take::<16>()?))),
            _ => Err(Damaged),
        }
    }

    /// What [`push_numbers`] wrote behind the client.
    pub fn numbers(&mut self, record: &mut AccessRecord) -> Result<(), Damaged> {
        let [flags] = self.take::<1>()?;
        let [verdict] = self.take::<1>()?;
        record.protocol = match flags & 0b11 {
            0 => Protocol::Http10,
            1 => Protocol::Http11,
            2 => Protocol::Http2,
            _ => return Err(Damaged),
        };
        record.tls = match flags >> 2 & 0b11 {
            0 => None,
            1 => Some(TlsVersion::Tls12),
            2 => Some(TlsVersion::Tls13),
            _ => return Err(Damaged),
        };
        record.auth_failed = flags >> 4 & 1 == 1;
        record.verdict = *Verdict::ALL.get(usize::from(verdict)).ok_or(Damaged)?;
        record.duration_us = self.number()?;
        record.upstream_us = self.number()?.checked_sub(1);
        record.status = u16::try_from(self.number()?).map_err(|_| Damaged)?;
        record.request_bytes = self.number()?;
        record.response_bytes = self.number()?;
        record.rule_id = u32::try_from(self.number()?).map_err(|_| Damaged)?;
        Ok(())
    }
}

struct Decoder<'a> {
    reader: Reader<'a>,
    dictionary: Vec<Arc<str>>,
}

impl Decoder<'_> {
    fn record(&mut self) -> Result<AccessRecord, Damaged> {
        let id = RequestId::from_bits(u128::from_le_bytes(self.reader.take()?));
        let at = Timestamp::from_micros(i64::from_le_bytes(self.reader.take()?));
        let client = self.reader.client()?;
        let mut record = AccessRecord::new(id, at, client, http::Method::GET);
        self.reader.numbers(&mut record)?;
        record.method = self.known()?.parse().map_err(|_| Damaged)?;
        record.host = self.known()?;
        record.path = self.reader.text()?.into();
        record.parameter_names = ParameterNames(self.reader.text()?.into());
        record.user_agent = self.known()?;
        record.referrer_host = Box::from(&*self.known()?);
        record.route = self.known()?;
        record.upstream = Some(self.known()?).filter(|name| !name.is_empty());
        record.category = label(&self.known()?);
        record.variable = Box::from(&*self.known()?);
        record.matched = self.reader.text()?.into();
        record.content_type = short_content_type(&self.known()?);
        record.reason = label(&self.known()?);
        Ok(record)
    }

    fn known(&mut self) -> Result<Arc<str>, Damaged> {
        match usize::try_from(self.reader.number()?).map_err(|_| Damaged)? {
            0 => {
                let text: Arc<str> = self.reader.text()?.into();
                self.dictionary.push(Arc::clone(&text));
                Ok(text)
            }
            number => self.dictionary.get(number - 1).map(Arc::clone).ok_or(Damaged),
        }
    }
}

pub(super) fn label(text: &str) -> Label {
    if text.is_empty() { Label::Borrowed("") } else { Label::Owned(text.to_owned()) }
}
