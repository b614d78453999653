//! Django, and what is built on it (Saleor, django-oscar): PBKDF2 and scrypt. Its Argon2 and bcrypt are read elsewhere.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::UNKNOWN;
use super::scrypt_kdf::{ScryptCost, scrypt};
use crate::Error;
use crate::argon::digits;

/// Django's default is 1,000,000 (116 ms).
const MOST_ITERATIONS: u32 = 2_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prf {
    Sha1,
    Sha256,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pbkdf2 {
    prf: Prf,
    iterations: NonZeroU32,
    salt: Vec<u8>,
}

/// `pbkdf2_sha256$iterations$salt$result`; the salt is text, the result base 64.
pub fn parse_pbkdf2(text: &str) -> Result<(Pbkdf2, Vec<u8>), Error> {
    let mut parts = text.split('$');
    let mut part = || parts.next().ok_or(UNKNOWN);
    let (name, iterations, salt, result) = (part()?, part()?, part()?, part()?);
    let prf = match name {
        "pbkdf2_sha256" => Prf::Sha256,
        "pbkdf2_sha1" => Prf::Sha1,
        _ => return Err(UNKNOWN),
    };
    let iterations = digits::<NonZeroU32>(iterations).ok_or(UNKNOWN)?;
    if iterations.get() > MOST_ITERATIONS {
        return Err(Error::Cost);
    }
    let expected = Base64::decode_vec(result).map_err(|_| UNKNOWN)?;
    let sound = part().is_err() && !salt.is_empty() && salt.len() <= 128 && expected.len() == length(prf);
    if !sound {
        return Err(UNKNOWN);
    }
    Ok((Pbkdf2 { prf, iterations, salt: salt.as_bytes().to_vec() }, expected))
}

const fn length(prf: Prf) -> usize {
    match prf {
        Prf::Sha1 => 20,
        Prf::Sha256 => 32,
    }
}

impl Pbkdf2 {
    pub fn compute(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let algorithm = match self.prf {
            Prf::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Prf::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        };
        let mut result = Zeroizing::new(vec![0; length(self.prf)]);
        pbkdf2::derive(algorithm, self.iterations, &self.salt, password, &mut result);
        result
    }

    /// 116 ms for 1,000,000 iterations.
    pub fn cost_us(&self) -> u64 {
        u64::from(self.iterations.get()) * 116 / 1_000
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrypt {
    cost: ScryptCost,
    salt: Vec<u8>,
}

/// `scrypt$N$salt$r$p$result`.
pub fn parse_scrypt(text: &str) -> Result<(Scrypt, Vec<u8>), Error> {
    let mut parts = text.split('$');
    let mut part = || parts.next().ok_or(UNKNOWN);
    let (_, n, salt, r, p, result) = (part()?, part()?, part()?, part()?, part()?, part()?);
    let number = |text: &str| digits::<u32>(text).ok_or(UNKNOWN);
    let n = number(n)?;
    if !n.is_power_of_two() {
        return Err(UNKNOWN);
    }
    let cost = ScryptCost::allowed(n.trailing_zeros(), number(r)?, number(p)?)?;
    let expected = Base64::decode_vec(result).map_err(|_| UNKNOWN)?;
    let sound = part().is_err() && !salt.is_empty() && salt.len() <= 128 && expected.len() == 64;
    if !sound {
        return Err(UNKNOWN);
    }
    Ok((Scrypt { cost, salt: salt.as_bytes().to_vec() }, expected))
}

impl Scrypt {
    pub fn compute(&self, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        scrypt(password, &self.salt, self.cost)
    }

    pub fn cost_us(&self) -> u64 {
        self.cost.time_us()
    }
}
