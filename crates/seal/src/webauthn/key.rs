//! Public keys in COSE form (RFC 9052 section 7, RFC 9053, RFC 8230), and their signatures.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    VerificationAlgorithm,
};

use super::Refusal;
use super::cbor::Item;

/// A key that can verify.
pub enum PublicKey {
    /// EdDSA over Ed25519.
    Ed25519(ParsedPublicKey),
    /// ECDSA over P-256 with SHA-256.
    Es256(ParsedPublicKey),
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 to 8192 bits: Windows Hello on older machines.
    Rs256 { n: Vec<u8>, e: Vec<u8> },
}

const KTY: i64 = 1;
const ALG: i64 = 3;

impl PublicKey {
    /// Reads a key; refuses algorithms and curves that were not offered, and points that lie on no curve.
    pub fn parse(cose: &[u8]) -> Result<Self, Refusal> {
        let key = Item::parse(cose).ok_or(Refusal::Form)?;
        let number = |name: i64| key.numbered(name).and_then(Item::integer);
        let bytes = |name: i64| key.numbered(name).and_then(Item::bytes).ok_or(Refusal::Key);
        match (number(KTY), number(ALG), number(-1)) {
            (Some(1), Some(-8), Some(6)) => point(&ED25519, &coordinate(bytes(-2)?)?).map(PublicKey::Ed25519),
            (Some(2), Some(-7), Some(1)) => {
                // Uncompressed form, SEC 1 section 2.3.3.
                let mut bytes_of_point = vec![4];
                bytes_of_point.extend(coordinate(bytes(-2)?)?);
                bytes_of_point.extend(coordinate(bytes(-3)?)?);
                point(&ECDSA_P256_SHA256_ASN1, &bytes_of_point).map(PublicKey::Es256)
            }
            (Some(3), Some(-257), None) => {
                let (n, e) = (bytes(-1)?.to_vec(), bytes(-2)?.to_vec());
                let fits = (256..=1024).contains(&n.len()) && (1..=4).contains(&e.len());
                if fits { Ok(PublicKey::Rs256 { n, e }) } else { Err(Refusal::Key) }
            }
            _ => Err(Refusal::Key),
        }
    }

    /// The algorithm's number in COSE.
    pub const fn algorithm(&self) -> i64 {
        match self {
            PublicKey::Ed25519(_) => -8,
            PublicKey::Es256(_) => -7,
            PublicKey::Rs256 { .. } => -257,
        }
    }

    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        let fits = match self {
            PublicKey::Ed25519(key) | PublicKey::Es256(key) => key.verify_sig(message, signature).is_ok(),
            PublicKey::Rs256 { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        };
        if fits { Ok(()) } else { Err(Refusal::Signature) }
    }
}

fn coordinate(bytes: &[u8]) -> Result<[u8; 32], Refusal> {
    bytes.try_into().map_err(|_| Refusal::Key)
}

fn point(algorithm: &'static dyn VerificationAlgorithm, bytes: &[u8]) -> Result<ParsedPublicKey, Refusal> {
    ParsedPublicKey::new(algorithm, bytes).map_err(|_| Refusal::Key)
}
