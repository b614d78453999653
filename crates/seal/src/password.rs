//! Passwords: Argon2id (RFC 9106) in PHC strings.
//!
//! 19 456 KiB, two passes, one lane: OWASP's first choice for a server that does other work as well; about 18 ms of
//! one core with this crate (reference/identity.md, section 4.1). The caller bounds how many run at once.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use storeward_base::{Entropy, Secret};

use crate::Error;
use crate::encoding::{base64_unpadded, decode_base64_unpadded};
use crate::fingerprint::equal;

/// Longest password that is hashed (NIST SP 800-63B asks for at least 64 characters).
pub const MAX_BYTES: usize = 1024;

const COST: Cost = Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
/// The most that a stored hash may ask for: whoever can write one must not be able to stop the server with it.
const MOST: Cost = Cost { memory_kib: 65_536, passes: 10, lanes: 4 };
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A PHC string such as `$argon2id$v=19$m=19456,t=2,p=1$…$…`: parsed, and within what is allowed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    cost: Cost,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl PasswordHash {
    /// Reads a stored hash. Refuses other algorithms, and parameters above what this program is willing to compute.
    pub fn parse(phc: &str) -> Result<Self, Error> {
        const FORM: Error = Error::Form("the stored password hash is not Argon2id in PHC form");
        if phc.len() > 512 {
            return Err(FORM);
        }
        let mut parts = phc.strip_prefix("$argon2id$v=19$").ok_or(FORM)?.split('$');
        let mut part = || parts.next().ok_or(FORM);
        let (cost, salt, tag) = (parse_cost(part()?).ok_or(FORM)?, part()?, part()?);
        if part().is_ok() {
            return Err(FORM);
        }
        let (salt, tag) =
            (decode_base64_unpadded(salt).ok_or(FORM)?, decode_base64_unpadded(tag).ok_or(FORM)?);
        if !(8..=64).contains(&salt.len()) || !(16..=64).contains(&tag.len()) {
            return Err(FORM);
        }
        let within =
            cost.memory_kib <= MOST.memory_kib && cost.passes <= MOST.passes && cost.lanes <= MOST.lanes;
        if within { Ok(PasswordHash { cost, salt, tag }) } else { Err(Error::PasswordCost) }
    }

    /// True when it was made with other parameters than today's: hash anew at the next sign-in.
    pub fn is_outdated(&self) -> bool {
        self.cost != COST || self.tag.len() != TAG_BYTES
    }
}

impl fmt::Display for PasswordHash {
    /// The PHC string, for storage.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { memory_kib, passes, lanes } = self.cost;
        let (salt, tag) = (base64_unpadded(&self.salt), base64_unpadded(&self.tag));
        write!(f, "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${tag}")
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// Hashes a new password. Takes about 18 ms of a core and 19 MiB.
pub fn hash(password: &Secret<String>, entropy: &dyn Entropy) -> Result<PasswordHash, Error> {
    let salt = entropy.bytes::<SALT_BYTES>().to_vec();
    let tag = compute(password, COST, &salt, TAG_BYTES)?;
    Ok(PasswordHash { cost: COST, salt, tag })
}

/// Whether the password fits; compares in constant time. An empty or overlong password never fits.
pub fn verify(password: &Secret<String>, hash: &PasswordHash) -> bool {
    match compute(password, hash.cost, &hash.salt, hash.tag.len()) {
        Ok(tag) => equal(&tag, &hash.tag),
        Err(_) => false,
    }
}

/// Does the work of [`verify`] for an account that does not exist, so that the time does not tell. Always false.
pub fn verify_nothing(password: &Secret<String>) -> bool {
    // The result is used, so that no compiler drops the work; it cannot fit a tag of another length.
    compute(password, COST, &[0; SALT_BYTES], TAG_BYTES).is_ok_and(|tag| equal(&tag, &[]))
}

fn compute(password: &Secret<String>, cost: Cost, salt: &[u8], length: usize) -> Result<Vec<u8>, Error> {
    let password = password.expose().as_bytes();
    if password.is_empty() || password.len() > MAX_BYTES {
        return Err(Error::PasswordLength);
    }
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(length))
        .map_err(|_| Error::Form("the stored password hash has impossible parameters"))?;
    let mut tag = vec![0; length];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut tag)
        .map_err(|_| Error::Form("the stored password hash has impossible parameters"))?;
    Ok(tag)
}

fn parse_cost(text: &str) -> Option<Cost> {
    let mut parts = text.split(',');
    let mut number = |key: &str| -> Option<u32> {
        let digits = parts.next()?.strip_prefix(key)?;
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    let cost = Cost { memory_kib: number("m=")?, passes: number("t=")?, lanes: number("p=")? };
    (parts.next().is_none() && cost.passes > 0 && cost.lanes > 0).then_some(cost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;

    fn password(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn fits_its_own_password_only_and_survives_storage() {
        let made = hash(&password("correct horse"), &SeededEntropy::new(1)).unwrap();
        let stored = made.to_string();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let read = PasswordHash::parse(&stored).unwrap();
        assert!(verify(&password("correct horse"), &read));
        assert!(!verify(&password("correct horsf"), &read));
        assert!(!verify(&password(""), &read));
        assert!(!read.is_outdated());
        assert_eq!(format!("{read:?}"), "PasswordHash(***)");
        assert!(!verify_nothing(&password("correct horse")));
    }

    #[test]
    fn reads_a_hash_of_the_reference_implementation() {
        // `argon2 somesalt -id -t 2 -k 65536 -p 1` of phc-winner-argon2's test suite (password "password").
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let read = PasswordHash::parse(phc).unwrap();
        assert!(verify(&password("password"), &read) && read.is_outdated());
        assert_eq!(read.to_string(), phc);
    }

    #[test]
    fn refuses_what_would_stop_the_server() {
        let salt_and_tag = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        for cost in ["m=65537,t=2,p=1", "m=19456,t=11,p=1", "m=19456,t=2,p=5", "m=4294967295,t=1,p=1"] {
            let phc = format!("$argon2id$v=19${cost}${salt_and_tag}");
            assert_eq!(PasswordHash::parse(&phc), Err(Error::PasswordCost));
        }
        for cost in ["m=19456,t=0,p=1", "m=1,t=1", "m=+1,t=1,p=1", "m=1,t=1,p=1,x=1", "m=99999999999,t=1,p=1"]
        {
            assert!(PasswordHash::parse(&format!("$argon2id$v=19${cost}${salt_and_tag}")).is_err());
        }
        assert!(PasswordHash::parse("$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA").is_err());
        let long = password(&"x".repeat(MAX_BYTES + 1));
        assert_eq!(hash(&long, &SeededEntropy::new(1)), Err(Error::PasswordLength));
    }
}
