//! phpass "portable" hashes: WordPress before 6.8 (`$P$`) and phpBB (`$H$`). MD5, many times over.

use zeroize::Zeroizing;

use super::{UNKNOWN, md5, salt_from_text, salt_to_text, trimmed};
use crate::Error;
use crate::argon::digits;

/// phpass's digits, least significant first.
const ITOA64: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// WordPress takes 2^13 rounds; 2^18 would be 30 ms.
const ROUNDS: std::ops::RangeInclusive<u32> = 4..=18;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phpass {
    rounds_log2: u32,
    salt: Vec<u8>,
    /// WordPress trims the password first.
    pub is_wordpress: bool,
}

/// `$P$`, a digit for the rounds, eight of salt, 22 of result.
pub fn parse(text: &str) -> Result<(Phpass, Vec<u8>), Error> {
    let (prefix, rest) = text.split_at_checked(3).ok_or(UNKNOWN)?;
    let (rounds, rest) = rest.split_at_checked(1).ok_or(UNKNOWN)?;
    let (salt, result) = rest.split_at_checked(8).ok_or(UNKNOWN)?;
    let rounds_log2 = rounds.bytes().next().and_then(value).ok_or(UNKNOWN)?;
    if !ROUNDS.contains(&rounds_log2) {
        return Err(Error::Cost);
    }
    let expected = decode(result).ok_or(UNKNOWN)?;
    let recipe = Phpass { rounds_log2, salt: salt.as_bytes().to_vec(), is_wordpress: prefix == "$P$" };
    Ok((recipe, expected))
}

impl Phpass {
    pub fn compute(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let password = if self.is_wordpress { trimmed(password) } else { password };
        let mut hash = md5(&[&self.salt, password]);
        for _ in 0..1u32 << self.rounds_log2 {
            hash = md5(&[&hash, password]);
        }
        hash
    }

    /// 1.0 ms for 2^13 rounds.
    pub fn cost_us(&self) -> u64 {
        (1u64 << self.rounds_log2) / 8
    }

    pub fn to_text(&self) -> String {
        let owner = if self.is_wordpress { "wordpress" } else { "phpbb" };
        format!("phpass,{},{owner},{}", self.rounds_log2, salt_to_text(&self.salt))
    }

    /// The fields behind the name.
    pub fn from_text(fields: &str) -> Result<Self, Error> {
        let mut fields = fields.split(',');
        let mut field = || fields.next().ok_or(UNKNOWN);
        let (rounds, owner, salt) = (field()?, field()?, field()?);
        let is_wordpress = match owner {
            "wordpress" => true,
            "phpbb" => false,
            _ => return Err(UNKNOWN),
        };
        let rounds_log2 = digits(rounds).filter(|log2| ROUNDS.contains(log2)).ok_or(Error::Cost)?;
        Ok(Phpass { rounds_log2, salt: salt_from_text(salt)?, is_wordpress })
    }
}

fn value(digit: u8) -> Option<u32> {
    ITOA64.iter().position(|known| *known == digit).and_then(|at| u32::try_from(at).ok())
}

/// 22 digits are 16 bytes; four bits of the last digit are none.
fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() != 22 {
        return None;
    }
    let mut bytes = Vec::with_capacity(18);
    for group in text.as_bytes().chunks(4) {
        let mut word = 0;
        for (at, digit) in group.iter().enumerate() {
            word |= value(*digit)? << (6 * at);
        }
        bytes.extend_from_slice(word.to_le_bytes().get(..3)?);
    }
    let rest = bytes.split_off(16);
    rest.iter().all(|byte| *byte == 0).then_some(bytes)
}
