//! Keys that sign mail: RSA with SHA-256 (RFC 6376) and Ed25519 with SHA-256 (RFC 8463). What of a mail is signed, and
//! in which form, is `outbound`'s to know.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use storeward_base::{Entropy, Secret};

use crate::encoding::{base64, decode_base64};
use crate::fingerprint::sha256;
use crate::{Error, Hash};

/// A key file that is longer is not read: an RSA key of 8,192 bits takes 6,400 bytes.
pub const LARGEST_PEM_BYTES: usize = 16 * 1024;

const PKCS8: &str = "PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";

/// How a mail is signed; the words are DKIM's `a=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Every receiver knows it.
    RsaSha256,
    /// Shorter and stronger; not every receiver knows it yet, so it goes beside an RSA signature.
    Ed25519Sha256,
}

impl Algorithm {
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::RsaSha256 => "rsa-sha256",
            Algorithm::Ed25519Sha256 => "ed25519-sha256",
        }
    }

    /// `k=` of the DNS record.
    pub const fn key_type(self) -> &'static str {
        match self {
            Algorithm::RsaSha256 => "rsa",
            Algorithm::Ed25519Sha256 => "ed25519",
        }
    }
}

/// Signs mail.
pub struct MailKey(Pair);

enum Pair {
    Rsa(rsa::KeyPair),
    Ed25519(Ed25519KeyPair),
}

impl MailKey {
    /// A new key and its PKCS#8 form in PEM, which is what a key file keeps. RSA keys have 2,048 bits (RFC 8301 section
    /// 3.2: more does not fit everybody's DNS). An RSA key's primes come from the cipher library's own generator: it has
    /// no door for another.
    pub fn generate(algorithm: Algorithm, entropy: &dyn Entropy) -> Result<(Self, Secret<String>), Error> {
        let (pair, document) = match algorithm {
            Algorithm::RsaSha256 => {
                let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::Key)?;
                let document =
                    AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| Error::Key)?.as_ref().to_vec();
                (Pair::Rsa(pair), document)
            }
            Algorithm::Ed25519Sha256 => {
                let seed = Secret::new(entropy.bytes::<32>());
                let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| Error::Key)?;
                let document = pair.to_pkcs8v1().map_err(|_| Error::Key)?.as_ref().to_vec();
                (Pair::Ed25519(pair), document)
            }
        };
        Ok((MailKey(pair), write_pem(&Secret::new(document))))
    }

    /// Reads PKCS#8 (RFC 5208, 8410) or PKCS#1 (RFC 8017) in PEM. RSA keys under 2,048 bits are refused.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        if let Some(document) = read_pem(text, PKCS8) {
            let document = document.expose();
            return match rsa::KeyPair::from_pkcs8(document) {
                Ok(pair) => Ok(MailKey(Pair::Rsa(pair))),
                Err(_) => Ed25519KeyPair::from_pkcs8_maybe_unchecked(document)
                    .map(|pair| MailKey(Pair::Ed25519(pair)))
                    .map_err(|_| Error::Key),
            };
        }
        let document = read_pem(text, PKCS1).ok_or(Error::Form(
            "a mail key is a private key in PEM (BEGIN PRIVATE KEY); make one with `storeward mail dkim`",
        ))?;
        rsa::KeyPair::from_der(document.expose()).map(|pair| MailKey(Pair::Rsa(pair))).map_err(|_| Error::Key)
    }

    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Pair::Rsa(_) => Algorithm::RsaSha256,
            Pair::Ed25519(_) => Algorithm::Ed25519Sha256,
        }
    }

    /// The signature over the canonical headers. Ed25519 signs their hash and not themselves (RFC 8463 section 3).
    pub fn sign(&self, headers: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.0 {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                // PKCS#1 v1.5 is without chance; the library asks for a generator because PSS needs one.
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), headers, &mut signature)
                    .map_err(|_| Error::Key)?;
                Ok(signature)
            }
            Pair::Ed25519(pair) => Ok(pair.sign(&sha256(headers)).as_ref().to_vec()),
        }
    }

    /// What stands behind `p=` in the DNS record, before base 64: SubjectPublicKeyInfo for RSA (RFC 6376 section 3.6.1 with
    /// erratum 3017), the bare 32 bytes for Ed25519 (RFC 8463 section 4.2).
    pub fn public(&self) -> Result<Vec<u8>, Error> {
        match &self.0 {
            Pair::Rsa(pair) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key())
                .map(|der| der.as_ref().to_vec())
                .map_err(|_| Error::Key),
            Pair::Ed25519(pair) => Ok(pair.public_key().as_ref().to_vec()),
        }
    }

    /// The DNS record's text (RFC 6376 section 3.6.1).
    pub fn record(&self) -> Result<String, Error> {
        Ok(format!("v=DKIM1; k={}; p={}", self.algorithm().key_type(), base64(&self.public()?)))
    }
}

impl fmt::Debug for MailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailKey({}, ***)", self.algorithm().name())
    }
}

/// Whether a signature by the key behind `public` fits the canonical headers.
pub fn verify(algorithm: Algorithm, public: &[u8], headers: &[u8], signature: &[u8]) -> Result<(), Error> {
    let checked = match algorithm {
        Algorithm::RsaSha256 => {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(headers, signature)
        }
        Algorithm::Ed25519Sha256 => {
            UnparsedPublicKey::new(&ED25519, public).verify(&sha256(headers), signature)
        }
    };
    checked.map_err(|_| Error::Signature)
}

/// The hash of a mail's canonical body (`bh=`).
pub fn body_hash(body: &[u8]) -> Hash {
    sha256(body)
}

/// PEM (RFC 7468) with lines of 64.
fn write_pem(document: &Secret<Vec<u8>>) -> Secret<String> {
    let digits = Secret::new(base64(document.expose()));
    let mut text = format!("-----BEGIN {PKCS8}-----\n");
    for line in digits.expose().as_bytes().chunks(64) {
        text.extend(line.iter().map(|b| char::from(*b)));
        text.push('\n');
    }
    text.push_str(&format!("-----END {PKCS8}-----\n"));
    Secret::new(text)
}

fn read_pem(text: &str, label: &str) -> Option<Secret<Vec<u8>>> {
    let text = text.get(..text.len().min(LARGEST_PEM_BYTES))?;
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let digits = Secret::new(body.split_ascii_whitespace().collect::<String>());
    decode_base64(digits.expose()).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SystemEntropy;

    const BOTH: [Algorithm; 2] = [Algorithm::RsaSha256, Algorithm::Ed25519Sha256];

    #[test]
    fn a_signature_fits_its_own_text_and_key_only() {
        for algorithm in BOTH {
            let (key, _) = MailKey::generate(algorithm, &SystemEntropy).unwrap();
            let (other, _) = MailKey::generate(algorithm, &SystemEntropy).unwrap();
            let signature = key.sign(b"from:a").unwrap();
            let public = key.public().unwrap();
            verify(algorithm, &public, b"from:a", &signature).unwrap();
            assert_eq!(verify(algorithm, &public, b"from:b", &signature), Err(Error::Signature));
            assert_eq!(
                verify(algorithm, &other.public().unwrap(), b"from:a", &signature),
                Err(Error::Signature)
            );
        }
    }

    #[test]
    fn a_key_file_round_trips_and_its_kind_is_seen() {
        for algorithm in BOTH {
            let (key, pem) = MailKey::generate(algorithm, &SystemEntropy).unwrap();
            let read = MailKey::from_pem(pem.expose()).unwrap();
            assert_eq!(read.algorithm(), algorithm);
            assert_eq!(read.public().unwrap(), key.public().unwrap());
            assert!(!format!("{read:?}").contains(&pem.expose()[30..60]));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        ] {
            assert!(MailKey::from_pem(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_record_fits_dns() {
        for algorithm in BOTH {
            let (key, _) = MailKey::generate(algorithm, &SystemEntropy).unwrap();
            let record = key.record().unwrap();
            assert!(record.starts_with(&format!("v=DKIM1; k={}; p=", algorithm.key_type())), "{record}");
            // RFC 6376 section 3.6.2.2 lets a record be several strings of 255; providers take up to 512 bytes.
            assert!(record.len() < 512, "{}", record.len());
        }
    }
}
