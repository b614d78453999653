//! Signed tokens: JSON Web Signature in its compact form (RFC 7515), and the public keys that go with it (RFC 7517,
//! RFC 7518 section 6, RFC 8037 section 2).
//!
//! A key signs with the one algorithm it was made for, and a token is checked with the algorithm of the key, never with
//! the one that its own header names (RFC 8725 section 3.1): the header only has to agree.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use storeward_base::{Entropy, Secret};

use crate::Error;
use crate::encoding::{base64_url, decode_base64_url};
use crate::fingerprint::sha256;

/// A token that is longer is not looked at.
pub const LARGEST_TOKEN_BYTES: usize = 16 * 1024;

/// How a token is signed; the words are JOSE's `alg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: every client knows it.
    Rs256,
    /// EdDSA over Ed25519 (RFC 8037).
    EdDsa,
}

impl Algorithm {
    pub const ALL: [Algorithm; 3] = [Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa];

    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Es256 => "ES256",
            Algorithm::Rs256 => "RS256",
            Algorithm::EdDsa => "EdDSA",
        }
    }

    /// Reads what [`Algorithm::name`] writes. `none` is no algorithm here.
    pub fn of_name(name: &str) -> Option<Self> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// Signs tokens.
pub struct SigningKey(Pair);

enum Pair {
    P256(EcdsaKeyPair),
    Rsa(rsa::KeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A new key and its PKCS#8 form, which is to be kept sealed. RSA keys have 2,048 bits (NIST SP 800-57 part 1 section
    /// 5.6: good until 2030). Keys of P-256 and RSA come from the cipher library's own generator, which has no door for
    /// another; so do the random numbers of ECDSA's signatures.
    pub fn generate(algorithm: Algorithm, entropy: &dyn Entropy) -> Result<(Self, Secret<Vec<u8>>), Error> {
        let broken = |_| Error::Key;
        let (pair, document) = match algorithm {
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(broken)?;
                let document = pair.to_pkcs8v1().map_err(broken)?.as_ref().to_vec();
                (Pair::P256(pair), document)
            }
            Algorithm::Rs256 => {
                let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(broken)?;
                let document = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(broken)?.as_ref().to_vec();
                (Pair::Rsa(pair), document)
            }
            Algorithm::EdDsa => {
                let seed = Secret::new(entropy.bytes::<32>());
                let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| Error::Key)?;
                let document = pair.to_pkcs8v1().map_err(broken)?.as_ref().to_vec();
                (Pair::Ed25519(pair), document)
            }
        };
        Ok((SigningKey(pair), Secret::new(document)))
    }

    /// Reads what [`SigningKey::generate`] gave for this algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, document: &Secret<Vec<u8>>) -> Result<Self, Error> {
        let document = document.expose();
        let pair = match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document).map(Pair::P256)
            }
            Algorithm::Rs256 => rsa::KeyPair::from_pkcs8(document).map(Pair::Rsa),
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(document).map(Pair::Ed25519),
        };
        pair.map(SigningKey).map_err(|_| Error::Key)
    }

    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Pair::P256(_) => Algorithm::Es256,
            Pair::Rsa(_) => Algorithm::Rs256,
            Pair::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// What clients check signatures with.
    pub fn public(&self) -> PublicKey {
        let key = match &self.0 {
            Pair::P256(pair) => {
                // Uncompressed form, SEC 1 section 2.3.3: 4, x, y.
                let point = pair.public_key().as_ref();
                let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len().saturating_sub(1) / 2);
                Form::P256 { x: base64_url(x), y: base64_url(y) }
            }
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let bytes = |number: aws_lc_rs::io::Positive<'_>| {
                    base64_url(number.big_endian_without_leading_zero())
                };
                Form::Rsa { n: bytes(public.modulus()), e: bytes(public.exponent()) }
            }
            Pair::Ed25519(pair) => Form::Ed25519 { x: base64_url(pair.public_key().as_ref()) },
        };
        PublicKey(key)
    }

    /// A signed token. `kind` is the header's `typ`, such as `JWT`; `claims` is a JSON object.
    pub fn token(&self, key_id: &str, kind: &str, claims: &Value) -> Result<String, Error> {
        let header =
            serde_json::json!({ "alg": self.algorithm().name(), "typ": kind, "kid": key_id }).to_string();
        let mut token =
            format!("{}.{}", base64_url(header.as_bytes()), base64_url(claims.to_string().as_bytes()));
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64_url(&signature));
        Ok(token)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.0 {
            Pair::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| Error::Key)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| Error::Key)?;
                Ok(signature)
            }
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, ***)", self.algorithm().name())
    }
}

/// Checks tokens. Its JSON form is the key's part of a JWK; numbers stand in base 64 for addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey(Form);

/// The members of a JWK in the order in which a thumbprint wants them (RFC 7638 section 3.2: by name).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty", deny_unknown_fields)]
enum Form {
    #[serde(rename = "EC")]
    P256 { x: String, y: String },
    #[serde(rename = "RSA")]
    Rsa { e: String, n: String },
    #[serde(rename = "OKP")]
    Ed25519 { x: String },
}

impl PublicKey {
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Form::P256 { .. } => Algorithm::Es256,
            Form::Rsa { .. } => Algorithm::Rs256,
            Form::Ed25519 { .. } => Algorithm::EdDsa,
        }
    }

    /// SHA-256 thumbprint (RFC 7638; for Ed25519 RFC 8037 appendix A.3): the key's own name.
    pub fn thumbprint(&self) -> String {
        let members = match &self.0 {
            Form::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Form::Rsa { e, n } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
            Form::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
        };
        base64_url(&sha256(members.as_bytes()))
    }

    /// The whole JWK, for a key set (RFC 7517 section 5).
    pub fn jwk(&self, key_id: &str) -> Value {
        let (use_, alg) = ("sig", self.algorithm().name());
        match &self.0 {
            Form::P256 { x, y } => {
                serde_json::json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": key_id, "use": use_, "alg": alg })
            }
            Form::Rsa { e, n } => {
                serde_json::json!({ "kty": "RSA", "n": n, "e": e, "kid": key_id, "use": use_, "alg": alg })
            }
            Form::Ed25519 { x } => {
                serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": key_id, "use": use_, "alg": alg })
            }
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let read = |text: &str| decode_base64_url(text).ok_or(Error::Key);
        let checked = match &self.0 {
            Form::P256 { x, y } => {
                let mut point = vec![4];
                point.extend(read(x)?);
                point.extend(read(y)?);
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Form::Rsa { e, n } => RsaPublicKeyComponents { n: read(n)?, e: read(e)? }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            Form::Ed25519 { x } => UnparsedPublicKey::new(&ED25519, read(x)?).verify(message, signature),
        };
        checked.map_err(|_| Error::Signature)
    }
}

/// A token that was read and not yet believed.
#[derive(Clone, Debug)]
pub struct Unchecked<'a> {
    key_id: String,
    algorithm: Algorithm,
    kind: String,
    signed: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    typ: String,
    /// Whoever names extensions that must be understood is not understood here (RFC 7515 section 4.1.11).
    #[serde(default)]
    crit: Option<Value>,
}

impl<'a> Unchecked<'a> {
    /// Takes a compact token apart. Refuses other forms, algorithms that are none of ours, and what is too long.
    pub fn parse(token: &'a str) -> Result<Self, Error> {
        let form = Error::Form("that is no signed token in compact form");
        if token.len() > LARGEST_TOKEN_BYTES || token.bytes().filter(|b| *b == b'.').count() != 2 {
            return Err(form);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(form.clone())?;
        let (header, _) = signed.split_once('.').ok_or(form.clone())?;
        let header = decode_base64_url(header).ok_or(form.clone())?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| form.clone())?;
        let algorithm = Algorithm::of_name(&header.alg).filter(|_| header.crit.is_none());
        Ok(Unchecked {
            key_id: header.kid,
            algorithm: algorithm.ok_or(Error::Form("the token is signed in a way that is not taken here"))?,
            kind: header.typ,
            signed,
            signature: decode_base64_url(signature).ok_or(form)?,
        })
    }

    /// Whose key it says it is signed with.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The claims, once the signature is known to fit this key, and the token to be of this kind.
    pub fn verify(&self, key: &PublicKey, kind: &str) -> Result<Value, Error> {
        if self.algorithm != key.algorithm() || !self.kind.eq_ignore_ascii_case(kind) {
            return Err(Error::Signature);
        }
        key.verify(self.signed.as_bytes(), &self.signature)?;
        let claims = self.signed.split_once('.').and_then(|(_, claims)| decode_base64_url(claims));
        let claims = claims.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        claims.filter(Value::is_object).ok_or(Error::Form("the token's claims are no JSON object"))
    }
}

#[cfg(test)]
mod tests;
