//! What goes between the script on our pages (`web/assets/passkey.js`) and us: JSON with each part in base 64 for addresses.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ALGORITHMS, Asserted, Assertion, MOST_BYTES, Party, Refusal, Registered};
use crate::encoding::{base64_url, decode_base64_url};

/// How long a browser lets a person look for their passkey.
const PATIENCE_MS: u32 = 5 * 60 * 1000;

/// What the script sends of `navigator.credentials.get`.
pub struct Shown {
    pub credential_id: Vec<u8>,
    pub user_handle: Option<Vec<u8>>,
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShownJson {
    id: String,
    client_data: String,
    authenticator_data: String,
    signature: String,
    #[serde(default)]
    user_handle: Option<String>,
}

impl Shown {
    pub fn parse(text: &str) -> Option<Self> {
        let json: ShownJson = (text.len() <= 4 * MOST_BYTES).then(|| serde_json::from_str(text).ok())??;
        // A part that is there must be readable.
        let user_handle = match json.user_handle.as_deref() {
            None | Some("") => None,
            Some(text) => Some(decode_base64_url(text)?),
        };
        Some(Shown {
            credential_id: decode_base64_url(&json.id)?,
            client_data: decode_base64_url(&json.client_data)?,
            authenticator_data: decode_base64_url(&json.authenticator_data)?,
            signature: decode_base64_url(&json.signature)?,
            user_handle,
        })
    }

    /// [`super::assert`] with what was sent.
    pub fn check(
        &self,
        party: &Party,
        challenge: &[u8],
        public_key: &[u8],
        known_count: u32,
    ) -> Result<Asserted, Refusal> {
        let given = Assertion {
            client_data: &self.client_data,
            authenticator_data: &self.authenticator_data,
            signature: &self.signature,
        };
        super::assert(party, challenge, public_key, known_count, given)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedJson {
    client_data: String,
    attestation: String,
}

/// [`super::register`] with what the script sends of `navigator.credentials.create`.
pub fn register(party: &Party, challenge: &[u8], text: &str) -> Result<Registered, Refusal> {
    let json: Option<CreatedJson> =
        (text.len() <= 4 * MOST_BYTES).then(|| serde_json::from_str(text).ok()).flatten();
    let json = json.ok_or(Refusal::Form)?;
    let client_data = decode_base64_url(&json.client_data).ok_or(Refusal::Form)?;
    let attestation = decode_base64_url(&json.attestation).ok_or(Refusal::Form)?;
    super::register(party, challenge, &client_data, &attestation)
}

/// Whom a new passkey is for.
pub struct NewUser<'a> {
    /// At most 64 bytes that say nothing of the person.
    pub handle: &'a [u8],
    pub name: &'a str,
    /// What the site is called.
    pub site: &'a str,
    /// Credentials that the account has.
    pub known: &'a [Vec<u8>],
}

/// Options for a new passkey: discoverable, with the person verified.
pub fn create_options(party: &Party, challenge: &[u8], user: &NewUser<'_>) -> Value {
    json!({
        "challenge": base64_url(challenge),
        "rp": { "id": party.id, "name": user.site },
        "user": { "id": base64_url(user.handle), "name": user.name, "displayName": user.name },
        "pubKeyCredParams": ALGORITHMS.map(|alg| json!({ "type": "public-key", "alg": alg })),
        "timeout": PATIENCE_MS,
        "excludeCredentials": named(user.known),
        "authenticatorSelection": {
            "residentKey": "required", "requireResidentKey": true, "userVerification": "required",
        },
        "attestation": "none",
    })
}

/// Options to show a passkey: one of `allowed`, or whichever the person has for this party where that is empty.
pub fn get_options(party: &Party, challenge: &[u8], allowed: &[Vec<u8>]) -> Value {
    json!({
        "challenge": base64_url(challenge),
        "rpId": party.id,
        "timeout": PATIENCE_MS,
        "userVerification": "required",
        "allowCredentials": named(allowed),
    })
}

fn named(ids: &[Vec<u8>]) -> Vec<Value> {
    ids.iter().map(|id| json!({ "type": "public-key", "id": base64_url(id) })).collect()
}

/// What is kept of a passkey, sealed: length of the id (2 bytes), id, public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub credential_id: Vec<u8>,
    pub public_key: Vec<u8>,
}

impl Kept {
    pub fn of(made: &Registered) -> Self {
        Kept { credential_id: made.credential_id.clone(), public_key: made.public_key.clone() }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let length = u16::try_from(self.credential_id.len()).expect("a credential id has at most 1023 bytes");
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.credential_id);
        bytes.extend_from_slice(&self.public_key);
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (id, key) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some(Kept { credential_id: id.to_vec(), public_key: key.to_vec() })
    }
}
