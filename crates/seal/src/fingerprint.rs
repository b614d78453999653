//! Fingerprints: plain ones of files, keyed ones of client addresses, and what is stored of a session token.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};
use storeward_base::{ClientIp, ClientRef, Entropy, Secret};

use crate::Hash;
use crate::encoding::hex;

/// Turns client addresses into [`ClientRef`]s. Whoever lacks the key cannot turn one back by trying all addresses.
#[derive(Clone)]
pub struct PseudonymKey(Secret<[u8; 32]>);

impl PseudonymKey {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        PseudonymKey(Secret::new(entropy.bytes::<32>()))
    }

    pub fn from_bytes(bytes: Secret<[u8; 32]>) -> Self {
        PseudonymKey(bytes)
    }

    /// What a key file keeps.
    pub fn bytes(&self) -> &Secret<[u8; 32]> {
        &self.0
    }

    /// HMAC-SHA-256 (RFC 2104) of the address's text, cut to 96 bits (RFC 2104 section 5 allows half or more of what
    /// a collision needs; 2^48 clients would be needed for one).
    pub fn client_ref(&self, ip: ClientIp) -> ClientRef {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let tag = hmac::sign(&key, format!("client-address/1\n{ip}").as_bytes());
        let mut bytes = [0; 12];
        bytes.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        ClientRef::from_bytes(bytes)
    }

    /// HMAC-SHA-256 of a value that a history keeps, cut to 48 bits: enough to tell a shop's values apart, and a whole
    /// number in JSON. `kind` keeps values of different kinds apart; it has no line end in it.
    pub fn feature(&self, kind: &str, value: &[u8]) -> u64 {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let mut message = hmac::Context::with_key(&key);
        message.update(format!("feature/1\n{kind}\n").as_bytes());
        message.update(value);
        let tag = message.sign();
        tag.as_ref().iter().take(6).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }
}

impl PseudonymKey {
    /// A key of its own for one kind of marks, such as `identity.email`: what is marked for one purpose cannot be
    /// compared with what is marked for another.
    pub fn mark_key(&self, purpose: &str) -> MarkKey {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let tag = hmac::sign(&key, format!("mark-key/1\n{purpose}").as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        MarkKey(Secret::new(bytes))
    }
}

/// Makes marks: keyed hashes by which a row is found without its text standing in the database.
#[derive(Clone)]
pub struct MarkKey(Secret<[u8; 32]>);

impl MarkKey {
    /// HMAC-SHA-256 of `text` in hexadecimal. Whoever lacks the key cannot find the text by trying.
    pub fn mark(&self, text: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        hex(hmac::sign(&key, text.as_bytes()).as_ref())
    }
}

impl fmt::Debug for MarkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MarkKey(***)")
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(***)")
    }
}

/// SHA-256 (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> Hash {
    hashed(&digest::SHA256, bytes)
}

/// SHA-384 (FIPS 180-4).
pub fn sha384(bytes: &[u8]) -> [u8; 48] {
    hashed(&digest::SHA384, bytes)
}

/// SHA-512 (FIPS 180-4).
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    hashed(&digest::SHA512, bytes)
}

/// `N` is the algorithm's length: every caller stands in this file.
fn hashed<const N: usize>(algorithm: &'static digest::Algorithm, bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(digest::digest(algorithm, bytes).as_ref());
    out
}

/// HMAC-SHA-256 (RFC 2104).
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Hash {
    let mut out = [0; 32];
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    out.copy_from_slice(tag.as_ref());
    out
}

/// SHA-1 (FIPS 180-4), for a protocol that knows nothing better, such as MariaDB's `mysql_native_password`: of no use as a fingerprint.
pub fn sha1(bytes: &[u8]) -> [u8; 20] {
    hashed(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes)
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// Compares in a time that does not depend on where the two differ; lengths are not secret.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// What is stored of a session or one-time token: who reads the database cannot use it. A plain hash is enough, since
/// a token is random and too long to be guessed.
pub fn token_hash(token: &str) -> String {
    sha256_hex(format!("token/1\n{token}").as_bytes())
}

/// Whether a text may be a token of 256 random bits (`Entropy::token::<32>`): 64 digits in hexadecimal, in small letters.
pub fn is_token(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;

    #[test]
    fn a_feature_is_told_apart_by_key_kind_and_value() {
        let (a, b) =
            (PseudonymKey::generate(&SeededEntropy::new(1)), PseudonymKey::generate(&SeededEntropy::new(2)));
        let one = a.feature("address", b"192.0.2.1");
        assert_eq!(one, a.feature("address", b"192.0.2.1"));
        assert!(one < 1 << 48);
        for other in
            [b.feature("address", b"192.0.2.1"), a.feature("agent", b"192.0.2.1"), a.feature("address", b"")]
        {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_client_keeps_its_reference_under_one_key() {
        let (a, b) =
            (PseudonymKey::generate(&SeededEntropy::new(1)), PseudonymKey::generate(&SeededEntropy::new(2)));
        let ip: ClientIp = "192.0.2.1".parse().unwrap();
        let mapped: ClientIp = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(a.client_ref(ip), a.client_ref(mapped));
        assert_ne!(a.client_ref(ip), b.client_ref(ip));
        assert_ne!(a.client_ref(ip), a.client_ref("192.0.2.2".parse().unwrap()));
        assert_eq!(format!("{a:?}"), "PseudonymKey(***)");
    }

    #[test]
    fn a_mark_fits_one_key_and_one_purpose() {
        let key = PseudonymKey::generate(&SeededEntropy::new(1));
        let mark = key.mark_key("identity.email").mark("ada@shop.example");
        assert_eq!(mark, key.mark_key("identity.email").mark("ada@shop.example"));
        assert_ne!(mark, key.mark_key("identity.shop").mark("ada@shop.example"));
        assert_ne!(mark, key.mark_key("identity.email").mark("ada@shop.examplf"));
        let other = PseudonymKey::generate(&SeededEntropy::new(2));
        assert_ne!(mark, other.mark_key("identity.email").mark("ada@shop.example"));
        assert_eq!(format!("{:?}", key.mark_key("x")), "MarkKey(***)");
    }

    #[test]
    fn hashes_have_their_known_values() {
        // FIPS 180-4's examples.
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let long = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7";
        assert_eq!(hex(&sha384(b"abc")), long);
        let longer = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(hex(&sha512(b"abc")), longer);
        assert!(equal(b"a", b"a") && !equal(b"a", b"b") && !equal(b"a", b"aa"));
        assert_ne!(token_hash("t"), sha256_hex(b"t"));
    }
}
