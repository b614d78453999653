//! The certificate with which PayPal's webhooks are signed, its own small authority, and the signature over
//! `transmission id | time | webhook id | CRC32 of the body`.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, RsaKeyPair, UnparsedPublicKey};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize,
};

use crate::Error;

/// As on PayPal's certificate.
const NAME: &str = "messageverificationcerts.sandbox.paypal.com";

pub struct Signer {
    key: RsaKeyPair,
    public: Vec<u8>,
    /// The leaf and then its authority, PEM: what stands at the certificate's address.
    pub chain: String,
    /// The authority alone, PEM: what a verifier of this stand-in has to trust.
    pub authority: String,
    /// The last part of the certificate's address.
    pub id: String,
}

impl Signer {
    /// Makes an authority and a leaf that holds for `now_s` and three years on.
    ///
    /// # Errors
    /// When a key or certificate cannot be made.
    pub fn new(now_s: i64) -> Result<Signer, Error> {
        let told = |cause: rcgen::Error| Error::Certificate(cause.to_string());
        let authority_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(told)?;
        let mut authority = params("Stand-in authority for PayPal", now_s)?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_certificate = authority.self_signed(&authority_key).map_err(told)?;
        let issuer = Issuer::new(authority, authority_key);

        let leaf_key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(told)?;
        let mut leaf = params(NAME, now_s)?;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let leaf = leaf.signed_by(&leaf_key, &issuer).map_err(told)?;
        let key = RsaKeyPair::from_pkcs8(&leaf_key.serialize_der())
            .map_err(|cause| Error::Certificate(cause.to_string()))?;
        Ok(Signer {
            key,
            public: leaf_key.der_bytes().to_vec(),
            chain: format!("{}{}", leaf.pem(), authority_certificate.pem()),
            authority: authority_certificate.pem(),
            id: format!("CERT-360caa42-fca2a594-{}", crate::chance::word(8).to_ascii_lowercase()),
        })
    }

    /// Base64, for the header. Empty only if the system's random source fails, which makes the webhook invalid.
    pub fn sign(&self, signed: &str) -> String {
        let mut tag = vec![0_u8; self.key.public_modulus_len()];
        match self.key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut tag) {
            Ok(()) => base64(&tag),
            Err(_unspecified) => String::new(),
        }
    }

    pub fn verify(&self, signed: &str, tag: &str) -> bool {
        let Some(tag) = from_base64(tag) else { return false };
        UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, &self.public)
            .verify(signed.as_bytes(), &tag)
            .is_ok()
    }
}

fn params(name: &str, now_s: i64) -> Result<CertificateParams, Error> {
    let moment = |seconds: i64| {
        time::OffsetDateTime::from_unix_timestamp(seconds)
            .map_err(|cause| Error::Certificate(cause.to_string()))
    };
    let mut params = CertificateParams::new(
        vec![name.to_owned()].into_iter().filter(|name| !name.contains(' ')).collect::<Vec<_>>(),
    )
    .map_err(|cause| Error::Certificate(cause.to_string()))?;
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished.push(DnType::OrganizationName, "Stand-in, not PayPal");
    params.distinguished_name = distinguished;
    params.not_before = moment(now_s - 24 * 3600)?;
    params.not_after = moment(now_s + 3 * 365 * 24 * 3600)?;
    Ok(params)
}

/// What is signed.
pub fn signed_text(transmission: &str, time: &str, webhook: &str, body: &[u8]) -> String {
    format!("{transmission}|{time}|{webhook}|{}", crc32(body))
}

/// CRC-32 of ISO 3309, as in zlib.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |state, byte| {
        (0..8).fold(state ^ u32::from(*byte), |bits, _| {
            if bits & 1 == 1 { (bits >> 1) ^ 0xEDB8_8320 } else { bits >> 1 }
        })
    })
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, with padding.
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let joined =
            chunk.iter().fold(0_u32, |all, byte| (all << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place > chunk.len() {
                text.push('=');
            } else {
                let index = (joined >> (18 - 6 * place)) & 63;
                text.push(char::from(ALPHABET[usize::try_from(index).unwrap_or(0)]));
            }
        }
    }
    text
}

/// RFC 4648, with or without padding; nothing if it is none.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut joined, mut bits) = (0_u32, 0_u32);
    for sign in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|known| *known == sign)?;
        joined = ((joined << 6) | u32::try_from(value).ok()?) & 0x00FF_FFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((joined >> bits) & 255).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_sum_is_zlib_s() {
        for (text, expected) in [("", 0), ("123456789", 0xCBF4_3926), ("a", 0xE8B7_BE43)] {
            assert_eq!(crc32(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn base64_goes_there_and_back() {
        for (text, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), expected);
            assert_eq!(from_base64(expected).as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(from_base64("a b"), None);
    }

    #[test]
    fn a_signature_holds_for_its_text_alone() {
        let signer = Signer::new(1_790_000_000).unwrap();
        let tag = signer.sign("a|b|c|1");
        assert!(signer.verify("a|b|c|1", &tag));
        assert!(!signer.verify("a|b|c|2", &tag));
        assert!(!signer.verify("a|b|c|1", "AAAA"));
    }
}
