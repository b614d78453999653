//! A passkey device in software, for tests: it signs as a device would, and lies on request.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

use crate::encoding::base64_url;
use crate::fingerprint::sha256;

/// One passkey on one device.
pub struct SoftKey {
    pair: EcdsaKeyPair,
    pub credential_id: Vec<u8>,
    /// Grows with each use; leave it at zero for a device that does not count.
    pub sign_count: u32,
    /// Present and verified; clear bits to lie.
    pub flags: u8,
    /// The account it was made for.
    pub user_handle: Vec<u8>,
}

/// What goes to the server after a registration.
pub struct SoftRegistration {
    pub client_data: Vec<u8>,
    pub attestation: Vec<u8>,
}

/// What goes to the server after a sign-in.
pub struct SoftAssertion {
    pub client_data: Vec<u8>,
    pub authenticator_data: Vec<u8>,
    pub signature: Vec<u8>,
}

pub const PRESENT_AND_VERIFIED: u8 = 0b101;

impl SoftKey {
    pub fn generate(name: &[u8]) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key can be made");
        SoftKey {
            pair,
            credential_id: sha256(name).to_vec(),
            sign_count: 0,
            flags: PRESENT_AND_VERIFIED,
            user_handle: Vec::new(),
        }
    }

    /// COSE: EC2, ES256, P-256.
    pub fn cose(&self) -> Vec<u8> {
        let point = self.pair.public_key().as_ref();
        let mut key = vec![0xA5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        key.extend_from_slice(&point[1..33]);
        key.extend_from_slice(&[0x22, 0x58, 0x20]);
        key.extend_from_slice(&point[33..65]);
        key
    }

    pub fn register(&self, party: &str, origin: &str, challenge: &[u8]) -> SoftRegistration {
        let mut data = self.authenticator_data(party, self.flags | 0x40);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(self.credential_id.len()).expect("it is short").to_be_bytes());
        data.extend_from_slice(&self.credential_id);
        data.extend_from_slice(&self.cose());
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut attestation = vec![0xA3, 0x63];
        attestation.extend_from_slice(b"fmt");
        attestation.push(0x64);
        attestation.extend_from_slice(b"none");
        attestation.push(0x67);
        attestation.extend_from_slice(b"attStmt");
        attestation.extend_from_slice(&[0xA0, 0x68]);
        attestation.extend_from_slice(b"authData");
        attestation.push(0x59);
        attestation.extend_from_slice(&u16::try_from(data.len()).expect("it is short").to_be_bytes());
        attestation.extend_from_slice(&data);
        SoftRegistration { client_data: client_data("webauthn.create", origin, challenge), attestation }
    }

    pub fn sign_in(&mut self, party: &str, origin: &str, challenge: &[u8]) -> SoftAssertion {
        if self.sign_count != 0 {
            self.sign_count += 1;
        }
        let authenticator_data = self.authenticator_data(party, self.flags);
        let client_data = client_data("webauthn.get", origin, challenge);
        let mut signed = authenticator_data.clone();
        signed.extend_from_slice(&sha256(&client_data));
        let signature = self.pair.sign(&SystemRandom::new(), &signed).expect("a key signs").as_ref().to_vec();
        SoftAssertion { client_data, authenticator_data, signature }
    }

    fn authenticator_data(&self, party: &str, flags: u8) -> Vec<u8> {
        let mut data = sha256(party.as_bytes()).to_vec();
        data.push(flags);
        data.extend_from_slice(&self.sign_count.to_be_bytes());
        data
    }
}

pub fn client_data(kind: &str, origin: &str, challenge: &[u8]) -> Vec<u8> {
    let challenge = base64_url(challenge);
    format!(
        r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false,"more":1}}"#
    )
    .into_bytes()
}
