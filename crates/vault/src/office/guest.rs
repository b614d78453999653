//! Who stands before a page of the shop: what the gate's assertion says, which the edge lets nobody else write.

use serde::Deserialize;
use storeward_base::{Actor, ClientRef, StaffId, Timestamp};
use storeward_host::ASSERTION;
use storeward_policy::Who;
use storeward_seal::encoding::decode_base64_url;

/// Somebody, with what the policy goes by.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub actor: Actor,
    pub who: Who,
    /// Their own address, which is no customer's.
    pub email: Option<String>,
    /// When they last showed a second factor; `None`: never.
    pub confirmed_at: Option<Timestamp>,
}

/// The claims that count here (`gate::assertion`). It was made in this process, for this request; it is not checked again.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    auth_time: Option<i64>,
}

impl Guest {
    /// From the headers as they leave for the shop.
    pub(crate) fn of(headers: &http::HeaderMap, client: ClientRef) -> Self {
        Self::asserted(headers).unwrap_or_else(|| Guest {
            actor: Actor::Client { client },
            who: Who::Staff { id: "nobody".to_owned(), groups: Vec::new() },
            email: None,
            confirmed_at: None,
        })
    }

    fn asserted(headers: &http::HeaderMap) -> Option<Self> {
        let token = headers.get(ASSERTION)?.to_str().ok()?;
        let claims = token.split('.').nth(1).and_then(decode_base64_url)?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        let id: StaffId = claims.sub.parse().ok()?;
        let who = Who::Staff { id: claims.sub, groups: claims.groups };
        let email = claims.email.map(|email| email.to_lowercase());
        let confirmed_at = claims.auth_time.map(Timestamp::from_seconds);
        Some(Guest { actor: Actor::Staff { id }, who, email, confirmed_at })
    }

    pub(crate) fn groups(&self) -> &[String] {
        match &self.who {
            Who::Staff { groups, .. } => groups,
            Who::Customer { .. } => &[],
        }
    }
}
