//! A time-stamping authority (RFC 3161 over HTTP, section 3.4).

use std::fmt;

use storeward_outbound::{Client, Request};
use storeward_seal::encoding::decode_base64;
use storeward_seal::fingerprint::sha256;
use storeward_seal::timestamp::{self, Roots};

use crate::place::{Handed, Trouble};

#[derive(Clone)]
pub(crate) struct Authority {
    pub url: String,
    pub client: Client,
    pub roots: Roots,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// The answer's bytes, once they hold.
    pub(crate) async fn hand(&self, handed: &Handed) -> Result<Vec<u8>, Trouble> {
        let imprint = sha256(handed.note.as_bytes());
        let body = timestamp::request(&imprint, handed.nonce);
        let request = Request::post(&self.url, "application/timestamp-query", body)?;
        let reply = self.client.send(request).await?;
        if !reply.status.is_success() {
            return Err(Trouble::new("anchor.refused"));
        }
        timestamp::verify(&reply.body, &imprint, Some(handed.nonce), &self.roots)
            .map_err(|_| Trouble::new("anchor.stamp_not_good"))?;
        Ok(reply.body.to_vec())
    }
}

/// The certificates of a PEM text.
pub fn roots_of(pem: &[u8]) -> Roots {
    let text = String::from_utf8_lossy(pem);
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bodies = blocks.filter_map(|block| block.split("-----END CERTIFICATE-----").next());
    let certificates =
        bodies.filter_map(|body| decode_base64(&body.split_whitespace().collect::<String>())).collect();
    Roots::new(certificates)
}
