//! Passkeys: the checks that a relying party makes (W3C Web Authentication, Level 3, sections 7.1 and 7.2).
//!
//! Attestation is asked for as `none` and not used: a customer's device need not say who built it. What stays is small
//! enough to be read whole: the client's data (JSON), the authenticator's data (bytes), a public key (COSE) and one
//! signature, which aws-lc-rs verifies. Challenges are the caller's: made once, kept on our side, used once.

mod authenticator;
mod cbor;
mod client;
mod key;
pub mod script;
#[cfg(any(test, feature = "testing"))]
pub mod soft;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::fingerprint::sha256;

use authenticator::{Attested, AuthenticatorData};
use cbor::Item;
use client::Ceremony;
pub use key::PublicKey;

/// COSE algorithms that are accepted, in the order in which they are offered: EdDSA, ES256, RS256 (RFC 9053, RFC 8812).
pub const ALGORITHMS: [i64; 3] = [-8, -7, -257];

/// The most bytes that either side of a ceremony may have; real ones have less than 2 KiB.
pub const MOST_BYTES: usize = 16 * 1024;

/// Whom the passkey is for.
#[derive(Clone, Debug)]
pub struct Party {
    /// The registrable domain or the host's name, such as `shop.example`.
    pub id: String,
    /// Every origin the pages are served from, such as `https://shop.example`. Compared whole: no suffixes.
    pub origins: Vec<String>,
}

/// Why a ceremony was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not in the form that the standard prescribes.
    Form,
    /// A registration where a sign-in was due, or the reverse.
    Ceremony,
    /// Not the challenge that was sent.
    Challenge,
    /// Made for another site, or inside of another site's frame.
    Origin,
    /// Made for another relying party.
    Party,
    /// The device did not check that the person is there.
    Presence,
    /// The device did not check who the person is (PIN, finger, face).
    Verification,
    /// An algorithm that was not offered, or a key that is none.
    Key,
    /// The signature does not fit.
    Signature,
    /// The counter did not grow: there may be a copy of the device's key.
    Counter,
}

impl Refusal {
    /// A stable word for events.
    pub const fn code(self) -> &'static str {
        match self {
            Refusal::Form => "form",
            Refusal::Ceremony => "ceremony",
            Refusal::Challenge => "challenge",
            Refusal::Origin => "origin",
            Refusal::Party => "party",
            Refusal::Presence => "presence",
            Refusal::Verification => "verification",
            Refusal::Key => "key",
            Refusal::Signature => "signature",
            Refusal::Counter => "signature_counter",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the passkey was refused: {}", self.code())
    }
}

impl std::error::Error for Refusal {}

/// A passkey that was just made; keep all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// At most 1023 bytes (section 7.1, step 26).
    pub credential_id: Vec<u8>,
    /// In COSE form (RFC 9052 section 7), as the device sent it.
    pub public_key: Vec<u8>,
    pub sign_count: u32,
    /// Whether it may be copied to the person's other devices by their provider.
    pub may_be_synced: bool,
}

/// A sign-in that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// Keep it: the next one must be larger, unless it is always zero.
    pub sign_count: u32,
}

/// What a device sent to sign in.
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    pub client_data: &'a [u8],
    pub authenticator_data: &'a [u8],
    pub signature: &'a [u8],
}

/// Section 7.1: checks what `navigator.credentials.create` brought, for the challenge that was sent.
pub fn register(
    party: &Party,
    challenge: &[u8],
    client_data: &[u8],
    attestation: &[u8],
) -> Result<Registered, Refusal> {
    if client_data.len() > MOST_BYTES || attestation.len() > MOST_BYTES {
        return Err(Refusal::Form);
    }
    client::check(Ceremony::Create, party, challenge, client_data)?;
    let object = Item::parse(attestation).ok_or(Refusal::Form)?;
    let bytes = object.field("authData").and_then(Item::bytes).ok_or(Refusal::Form)?;
    let data = AuthenticatorData::parse(bytes)?;
    data.check(&party.id)?;
    let Attested { credential_id, public_key } = data.attested.as_ref().ok_or(Refusal::Form)?;
    if credential_id.is_empty() || credential_id.len() > 1023 {
        return Err(Refusal::Form);
    }
    let key = PublicKey::parse(public_key)?;
    check_statement(&object, &key, bytes, client_data)?;
    Ok(Registered {
        credential_id: credential_id.to_vec(),
        public_key: public_key.to_vec(),
        sign_count: data.sign_count,
        may_be_synced: data.may_be_synced(),
    })
}

/// Section 8: `none` says nothing; `packed` without a certificate is signed by the new key itself (section 8.2), which
/// some devices send although nobody asked.
fn check_statement(
    object: &Item<'_>,
    key: &PublicKey,
    authenticator_data: &[u8],
    client_data: &[u8],
) -> Result<(), Refusal> {
    let statement = object.field("attStmt").ok_or(Refusal::Form)?;
    match object.field("fmt").and_then(Item::text) {
        Some("none") if statement.is_empty_map() => Ok(()),
        Some("packed") if statement.field("x5c").is_none() => {
            let named = statement.field("alg").and_then(Item::integer);
            let signature = statement.field("sig").and_then(Item::bytes).ok_or(Refusal::Form)?;
            if named != Some(key.algorithm()) {
                return Err(Refusal::Key);
            }
            key.verify(&signed_bytes(authenticator_data, client_data), signature)
        }
        _ => Err(Refusal::Form),
    }
}

/// Section 7.2: checks what `navigator.credentials.get` brought, against the key and the counter that are on file.
pub fn assert(
    party: &Party,
    challenge: &[u8],
    public_key: &[u8],
    known_count: u32,
    given: Assertion<'_>,
) -> Result<Asserted, Refusal> {
    let longest = given.client_data.len().max(given.authenticator_data.len()).max(given.signature.len());
    if longest > MOST_BYTES {
        return Err(Refusal::Form);
    }
    client::check(Ceremony::Get, party, challenge, given.client_data)?;
    let data = AuthenticatorData::parse(given.authenticator_data)?;
    data.check(&party.id)?;
    let key = PublicKey::parse(public_key)?;
    key.verify(&signed_bytes(given.authenticator_data, given.client_data), given.signature)?;
    // Step 22: zero on both sides means that the device does not count.
    let counts = known_count != 0 || data.sign_count != 0;
    if counts && data.sign_count <= known_count {
        return Err(Refusal::Counter);
    }
    Ok(Asserted { sign_count: data.sign_count })
}

fn signed_bytes(authenticator_data: &[u8], client_data: &[u8]) -> Vec<u8> {
    let mut bytes = authenticator_data.to_vec();
    bytes.extend_from_slice(&sha256(client_data));
    bytes
}
