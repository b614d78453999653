//! Medusa: scrypt (RFC 7914) in the form of the npm package scrypt-kdf, which is the header of Colin Percival's scrypt
//! files: `scrypt`, 0, log2 N, r, p, 32 bytes of salt, 16 of checksum, 32 of HMAC; in base 64.

use aws_lc_rs::hmac;
use base64ct::{Base64, Encoding};
use scrypt::Params;
use zeroize::Zeroizing;

use super::{UNKNOWN, sha256};
use crate::Error;

/// 128 MiB, as much as Argon2 may take.
const MOST_MEMORY_BYTES: u64 = 128 * 1024 * 1024;
/// In blocks of r times all lanes: about 320 ms.
const MOST_WORK: u64 = 1 << 20;

/// Parameters of scrypt, within what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScryptCost {
    log2_n: u8,
    r: u32,
    p: u32,
}

impl ScryptCost {
    pub fn allowed(log2_n: u32, r: u32, p: u32) -> Result<Self, Error> {
        let log2_n = u8::try_from(log2_n).ok().filter(|log2| (1..=24).contains(log2)).ok_or(Error::Cost)?;
        let memory = 128 * (u64::from(r) << log2_n);
        let work = (u64::from(r) << log2_n).saturating_mul(u64::from(p));
        if r == 0 || p == 0 {
            return Err(UNKNOWN);
        }
        if memory > MOST_MEMORY_BYTES || work > MOST_WORK {
            return Err(Error::Cost);
        }
        Ok(ScryptCost { log2_n, r, p })
    }

    /// 79 ms for N = 2^15, r = 8, p = 1.
    pub fn time_us(self) -> u64 {
        (u64::from(self.r) << self.log2_n) * u64::from(self.p) * 79_000 / (8 << 15)
    }
}

/// 64 bytes of scrypt.
pub fn scrypt(password: &[u8], salt: &[u8], cost: ScryptCost) -> Result<Zeroizing<Vec<u8>>, Error> {
    let params = Params::new(cost.log2_n, cost.r, cost.p).map_err(|_| UNKNOWN)?;
    let mut result = Zeroizing::new(vec![0; 64]);
    scrypt::scrypt(password, salt, &params, &mut result).map_err(|_| UNKNOWN)?;
    Ok(result)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScryptKdf {
    /// The first 64 bytes, over which the HMAC goes.
    head: [u8; 64],
    cost: ScryptCost,
}

pub fn parse(text: &str) -> Result<(ScryptKdf, Vec<u8>), Error> {
    let bytes = Base64::decode_vec(text).map_err(|_| UNKNOWN)?;
    let bytes: [u8; 96] = bytes.try_into().map_err(|_| UNKNOWN)?;
    let (head, expected) = bytes.split_first_chunk::<64>().ok_or(UNKNOWN)?;
    let log2_n = head.strip_prefix(b"scrypt\0").and_then(|rest| rest.first()).ok_or(UNKNOWN)?;
    let word = |at: usize| {
        head.get(at..)
            .and_then(|rest| rest.first_chunk())
            .map(|word| u32::from_be_bytes(*word))
            .ok_or(UNKNOWN)
    };
    let cost = ScryptCost::allowed(u32::from(*log2_n), word(8)?, word(12)?)?;
    let (covered, checksum) = head.split_at(48);
    let sum = sha256(&[covered]);
    if sum.get(..16) != Some(checksum) {
        return Err(UNKNOWN);
    }
    Ok((ScryptKdf { head: *head, cost }, expected.to_vec()))
}

impl ScryptKdf {
    pub fn compute(&self, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let salt = self.head.get(16..48).ok_or(UNKNOWN)?;
        let keys = scrypt(password, salt, self.cost)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, keys.get(32..).ok_or(UNKNOWN)?);
        Ok(Zeroizing::new(hmac::sign(&key, &self.head).as_ref().to_vec()))
    }

    pub fn cost_us(&self) -> u64 {
        self.cost.time_us()
    }
}
