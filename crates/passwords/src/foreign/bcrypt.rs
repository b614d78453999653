//! bcrypt: alone (`$2a$`, `$2b$`, `$2y$`: Vendure, PHP, Rails), under WordPress 6.8 (`$wp$2y$`) and under Django.

use aws_lc_rs::hmac;
use base64ct::{Base64, Base64Bcrypt, Encoding};
use zeroize::Zeroizing;

use super::{UNKNOWN, sha256, to_hex, trimmed};
use crate::Error;
use crate::argon::digits;

/// bcrypt looks at so many bytes and no more.
const MOST_BYTES: usize = 72;
/// Cost 14 is a second of one core; nobody's default is above 12.
const COSTS: std::ops::RangeInclusive<u32> = 4..=14;

/// What is done to the password before bcrypt sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// WordPress 6.8: trimmed, HMAC-SHA-384 under a fixed key, base 64.
    WordPress,
    /// Django's `bcrypt_sha256`: SHA-256 in hexadecimal.
    Sha256Hex,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bcrypt {
    before: Before,
    cost: u32,
    salt: [u8; 16],
}

pub fn parse(text: &str) -> Result<(Bcrypt, Vec<u8>), Error> {
    let (before, plain) = if let Some(rest) = text.strip_prefix("bcrypt_sha256$") {
        (Before::Sha256Hex, rest)
    } else if let Some(rest) = text.strip_prefix("bcrypt$") {
        (Before::Nothing, rest)
    } else if text.starts_with("$wp$") {
        (Before::WordPress, text.strip_prefix("$wp").unwrap_or_default())
    } else {
        (Before::Nothing, text)
    };
    let rest =
        ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| plain.strip_prefix(prefix)).ok_or(UNKNOWN)?;
    let (cost, rest) = rest.split_once('$').ok_or(UNKNOWN)?;
    let (salt, result) = rest.split_at_checked(22).ok_or(UNKNOWN)?;
    let cost = digits::<u32>(cost).filter(|_| cost.len() == 2).ok_or(UNKNOWN)?;
    if !COSTS.contains(&cost) {
        return Err(Error::Cost);
    }
    let decode = |text: &str| Base64Bcrypt::decode_vec(text).map_err(|_| UNKNOWN);
    let salt = decode(salt)?.try_into().map_err(|_| UNKNOWN)?;
    let expected = decode(result)?;
    if expected.len() != 23 {
        return Err(UNKNOWN);
    }
    Ok((Bcrypt { before, cost, salt }, expected))
}

impl Bcrypt {
    pub fn is_wordpress(&self) -> bool {
        self.before == Before::WordPress
    }

    pub fn compute(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let text = match self.before {
            Before::Nothing => Zeroizing::new(password.to_vec()),
            Before::WordPress => wordpress(password),
            Before::Sha256Hex => Zeroizing::new(to_hex(&sha256(&[password])).as_bytes().to_vec()),
        };
        // A C string in every implementation: it ends at the first zero byte, which counts, or at 72 bytes.
        let mut key = Zeroizing::new(text.iter().copied().take_while(|byte| *byte != 0).collect::<Vec<u8>>());
        key.push(0);
        key.truncate(MOST_BYTES);
        let result = Zeroizing::new(bcrypt::bcrypt(self.cost, self.salt, &key));
        // The last byte is not stored; it never was.
        Zeroizing::new(result.get(..23).unwrap_or_default().to_vec())
    }

    /// 61 ms for cost 10, 252 ms for cost 12.
    pub fn cost_us(&self) -> u64 {
        61 * (1u64 << self.cost)
    }
}

fn wordpress(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let key = hmac::Key::new(hmac::HMAC_SHA384, b"wp-sha384");
    let tag = hmac::sign(&key, trimmed(password));
    Zeroizing::new(Base64::encode_string(tag.as_ref()).into_bytes())
}
