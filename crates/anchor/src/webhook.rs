//! A webhook: the checkpoint as JSON, with a keyed signature over moment and body.

use std::fmt;

use serde_json::json;
use storeward_base::Secret;
use storeward_outbound::{Client, Request};
use storeward_seal::encoding::hex;
use storeward_seal::fingerprint::hmac_sha256;

use crate::place::{Handed, Trouble};

/// Carries `t=SECONDS,v1=HEX`: HMAC-SHA-256 of `SECONDS.BODY` under the shared secret, as payment providers sign theirs.
const SIGNATURE: &str = "storeward-signature";

#[derive(Clone)]
pub(crate) struct Hook {
    pub url: String,
    pub client: Client,
    pub secret: Secret<String>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}

impl Hook {
    pub(crate) async fn hand(&self, handed: &Handed) -> Result<Vec<u8>, Trouble> {
        let body = json!({
            "kind": "anchor.checkpoint", "v": 1, "ledger": handed.origin, "size": handed.size,
            "at": handed.at.rfc3339(), "checkpoint": handed.note,
        })
        .to_string();
        let seconds = handed.at.seconds();
        let mark = hmac_sha256(self.secret.expose().as_bytes(), format!("{seconds}.{body}").as_bytes());
        let request = Request::post(&self.url, "application/json", body)?
            .header(SIGNATURE, &format!("t={seconds},v1={}", hex(&mark)))?;
        let reply = self.client.send(request.cut_body()).await?;
        if !reply.status.is_success() {
            return Err(Trouble::new("anchor.refused"));
        }
        Ok(json!({"status": reply.status.as_u16()}).to_string().into_bytes())
    }
}
