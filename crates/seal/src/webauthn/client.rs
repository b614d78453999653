//! What the browser says of the ceremony (section 5.8.1): which kind, which challenge, which site.

use serde::Deserialize;

use super::{Party, Refusal};
use crate::encoding::decode_base64_url;
use crate::fingerprint::equal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceremony {
    Create,
    Get,
}

/// Further fields may come: the standard tells us to pass over them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    #[serde(default)]
    top_origin: Option<String>,
}

pub fn check(ceremony: Ceremony, party: &Party, challenge: &[u8], bytes: &[u8]) -> Result<(), Refusal> {
    // Section 5.8.1: UTF-8, and a byte order mark is allowed.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let data: ClientData = serde_json::from_slice(bytes).map_err(|_| Refusal::Form)?;
    let wanted = match ceremony {
        Ceremony::Create => "webauthn.create",
        Ceremony::Get => "webauthn.get",
    };
    if data.r#type != wanted {
        return Err(Refusal::Ceremony);
    }
    let given = decode_base64_url(&data.challenge).ok_or(Refusal::Challenge)?;
    if challenge.len() < 16 || !equal(&given, challenge) {
        return Err(Refusal::Challenge);
    }
    // Our pages are never framed, so a frame is somebody else's.
    let framed = data.cross_origin || data.top_origin.is_some();
    if framed || !party.origins.contains(&data.origin) {
        return Err(Refusal::Origin);
    }
    Ok(())
}
