//! Hashes that shops bring along: read at the border, checked as the shop would check them.
//!
//! A hash is a recipe (everything but the result) and the result. The recipe computes the result from a password; so
//! the fast ones can be wrapped: Argon2id over the result takes its place, and the result itself is forgotten.

mod bcrypt;
mod django;
mod magento;
mod phpass;
mod scrypt_kdf;

use aws_lc_rs::digest;
use base64ct::{Base64, Encoding};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use crate::Error;
use crate::argon::Arena;

pub(crate) const UNKNOWN: Error = Error::Form("the stored password hash has no form that is known");

/// A hash of another program.
#[derive(Clone, PartialEq, Eq)]
pub struct Foreign {
    pub(crate) recipe: Recipe,
    expected: Vec<u8>,
}

impl std::fmt::Debug for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Foreign({})", self.recipe.name())
    }
}

/// How the result comes about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recipe {
    Md5,
    Phpass(phpass::Phpass),
    Bcrypt(bcrypt::Bcrypt),
    Magento(magento::Magento),
    Pbkdf2(django::Pbkdf2),
    Scrypt(django::Scrypt),
    ScryptKdf(scrypt_kdf::ScryptKdf),
}

impl Foreign {
    /// Reads a stored hash of WordPress (phpass, 6.8, MD5), phpBB, Magento 2, Django and what is built on it, Medusa
    /// or Vendure, or any bcrypt hash (2a, 2b, 2y). Refuses parameters that would cost more than is allowed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > 1024 || !text.is_ascii() {
            return Err(UNKNOWN);
        }
        let (recipe, expected) = if text.starts_with("$P$") || text.starts_with("$H$") {
            let (recipe, expected) = phpass::parse(text)?;
            (Recipe::Phpass(recipe), expected)
        } else if text.starts_with("$2") || text.starts_with("$wp$2") || text.starts_with("bcrypt") {
            let (recipe, expected) = bcrypt::parse(text)?;
            (Recipe::Bcrypt(recipe), expected)
        } else if text.starts_with("pbkdf2_") {
            let (recipe, expected) = django::parse_pbkdf2(text)?;
            (Recipe::Pbkdf2(recipe), expected)
        } else if text.starts_with("scrypt$") {
            let (recipe, expected) = django::parse_scrypt(text)?;
            (Recipe::Scrypt(recipe), expected)
        } else if text.starts_with("c2NyeXB0") {
            let (recipe, expected) = scrypt_kdf::parse(text)?;
            (Recipe::ScryptKdf(recipe), expected)
        } else if let Some((salt, hash)) = text.strip_prefix("md5$").and_then(|rest| rest.split_once('$')) {
            // Django's MD5 takes the salt as Magento's oldest does.
            let (recipe, expected) = magento::parse(&format!("{hash}:{salt}:0"))?;
            (Recipe::Magento(recipe), expected)
        } else if text.contains(':') {
            let (recipe, expected) = magento::parse(text)?;
            (Recipe::Magento(recipe), expected)
        } else {
            (Recipe::Md5, from_hex(text).filter(|bytes| bytes.len() == 16).ok_or(UNKNOWN)?)
        };
        Ok(Foreign { recipe, expected })
    }

    /// Whether it is so cheap to guess at that it should be wrapped at once, before its owner comes back.
    pub fn is_fast(&self) -> bool {
        self.recipe.is_fast()
    }

    pub(crate) fn expected(&self) -> &[u8] {
        &self.expected
    }

    /// Forgets the result: what stands there instead is no password's.
    pub(crate) fn forget(&mut self) {
        self.expected.fill(0);
    }
}

impl Recipe {
    /// The result for this password. Costs what [`Recipe::cost_us`] says.
    pub fn compute(&self, password: &[u8], arena: &mut Arena) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self {
            Recipe::Md5 => Ok(md5(&[password])),
            Recipe::Phpass(recipe) => Ok(recipe.compute(password)),
            Recipe::Bcrypt(recipe) => Ok(recipe.compute(password)),
            Recipe::Magento(recipe) => recipe.compute(password, arena),
            Recipe::Pbkdf2(recipe) => Ok(recipe.compute(password)),
            Recipe::Scrypt(recipe) => recipe.compute(password),
            Recipe::ScryptKdf(recipe) => recipe.compute(password),
        }
    }

    /// The texts that may have been hashed where this was typed: as it is, and for WordPress as its forms hand it on. Two only by what was
    /// typed, whatever is stored, so that the work of the second says no more of an account than the form of its hash does.
    pub fn readings(&self, typed: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
        let as_typed = Zeroizing::new(typed.to_vec());
        let slashed = Some(slashed(typed)).filter(|text| self.is_wordpress() && *text != as_typed);
        std::iter::once(as_typed).chain(slashed).collect()
    }

    fn is_wordpress(&self) -> bool {
        match self {
            Recipe::Phpass(recipe) => recipe.is_wordpress,
            Recipe::Bcrypt(recipe) => recipe.is_wordpress(),
            Recipe::Md5
            | Recipe::Magento(_)
            | Recipe::Pbkdf2(_)
            | Recipe::Scrypt(_)
            | Recipe::ScryptKdf(_) => false,
        }
    }

    /// Estimated time of one core in microseconds (measured on a Zen 4 core), for one reading.
    pub fn cost_us(&self) -> u64 {
        match self {
            Recipe::Md5 => 1,
            Recipe::Phpass(recipe) => recipe.cost_us(),
            Recipe::Bcrypt(recipe) => recipe.cost_us(),
            Recipe::Magento(recipe) => recipe.cost_us(),
            Recipe::Pbkdf2(recipe) => recipe.cost_us(),
            Recipe::Scrypt(recipe) => recipe.cost_us(),
            Recipe::ScryptKdf(recipe) => recipe.cost_us(),
        }
    }

    pub fn is_fast(&self) -> bool {
        match self {
            Recipe::Md5 | Recipe::Phpass(_) => true,
            Recipe::Magento(recipe) => recipe.is_fast(),
            Recipe::Bcrypt(_) | Recipe::Pbkdf2(_) | Recipe::Scrypt(_) | Recipe::ScryptKdf(_) => false,
        }
    }

    /// The family, as far as the work of a check tells it: WordPress's has more readings.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Recipe::Md5 => "md5",
            Recipe::Phpass(recipe) if recipe.is_wordpress => "phpass of wordpress",
            Recipe::Phpass(_) => "phpass",
            Recipe::Bcrypt(recipe) if recipe.is_wordpress() => "bcrypt of wordpress",
            Recipe::Bcrypt(_) => "bcrypt",
            Recipe::Magento(_) => "magento",
            Recipe::Pbkdf2(_) => "pbkdf2",
            Recipe::Scrypt(_) => "scrypt",
            Recipe::ScryptKdf(_) => "scrypt-kdf",
        }
    }

    /// A fast recipe as text, for a wrapped hash: a name and fields without `$`. `None` for the slow ones.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Recipe::Md5 => Some("md5".to_owned()),
            Recipe::Phpass(recipe) => Some(recipe.to_text()),
            Recipe::Magento(recipe) => recipe.to_text(),
            Recipe::Bcrypt(_) | Recipe::Pbkdf2(_) | Recipe::Scrypt(_) | Recipe::ScryptKdf(_) => None,
        }
    }

    /// Reads what [`Recipe::to_text`] writes.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        if text == "md5" {
            return Ok(Recipe::Md5);
        }
        match text.split_once(',').ok_or(UNKNOWN)? {
            ("phpass", fields) => phpass::Phpass::from_text(fields).map(Recipe::Phpass),
            ("magento", fields) => magento::Magento::from_text(fields).map(Recipe::Magento),
            _ => Err(UNKNOWN),
        }
    }
}

/// MD5 (RFC 1321) of the parts one after the other.
fn md5(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    Zeroizing::new(hash.finalize().to_vec())
}

/// SHA-256 (FIPS 180-4) of the parts one after the other.
fn sha256(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    Zeroizing::new(context.finish().as_ref().to_vec())
}

/// Lower-case hexadecimal, as PHP and Python write it.
fn to_hex(bytes: &[u8]) -> Zeroizing<String> {
    use std::fmt::Write;
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let sound =
        !digits.is_empty() && digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
    if !sound {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}

/// Salts stand in a wrapped hash in base 64, since they may hold any character.
fn salt_to_text(salt: &[u8]) -> String {
    Base64::encode_string(salt)
}

fn salt_from_text(text: &str) -> Result<Vec<u8>, Error> {
    Base64::decode_vec(text).map_err(|_| UNKNOWN)
}

/// What PHP's addslashes() makes of a text. WordPress does it to all that a form sends (`wp_magic_quotes`), and hashes and checks passwords
/// so; what its command line or a plugin's own code sets is hashed as it is.
fn slashed(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(password.len() * 2));
    for byte in password {
        match *byte {
            0 => text.extend_from_slice(b"\\0"),
            sign @ (b'\'' | b'"' | b'\\') => text.extend_from_slice(&[b'\\', sign]),
            sign => text.push(sign),
        }
    }
    text
}

/// What PHP's trim() takes away: WordPress trims a password before it hashes or checks it.
fn trimmed(password: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(*byte, b' ' | b'\t' | b'\n' | b'\r' | 0 | 0x0B);
    let start = password.iter().position(|byte| !is_blank(byte)).unwrap_or(password.len());
    let end = password.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    password.get(start..end).unwrap_or_default()
}
