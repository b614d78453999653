//! Facts of the OpenID Connect provider. They name a client and a customer by id; never an address, a token or a URL.

use serde::{Deserialize, Serialize};
use storeward_base::{CustomerId, RelyingId};

/// A shop or program may let its customers sign in here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientAdded {
    pub client: RelyingId,
    /// The ready-made settings it was made from: `own`, `woocommerce`, `saleor`, `spree`, `vendure` or `browser`.
    pub preset: String,
    /// `required` or `waived`.
    pub pkce: String,
    /// `asked` or `skipped`.
    pub consent: String,
    /// What it may ask for; empty in facts from before this was limited: everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// What a client may ask for is something else now. What was agreed to, and what was given out, is cut to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientScopesChanged {
    pub client: RelyingId,
    pub before: Vec<String>,
    pub scopes: Vec<String>,
}

/// A client has a new secret; the one before ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecretRotated {
    pub client: RelyingId,
    /// How long the one before is still good.
    pub overlap_hours: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRemoved {
    pub client: RelyingId,
}

/// Somebody called as a client and did not show that they are it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRefused {
    pub client: RelyingId,
    /// `secret`, `no_secret` or `throttled`.
    pub reason: String,
}

/// There is a new key that signs tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRotated {
    /// The new key's name in the key set.
    pub key: String,
    /// `ES256`, `RS256` or `EdDSA`.
    pub algorithm: String,
    /// `first`, `schedule`, `operator`, or `at_once`: the earlier keys are not believed any more.
    pub reason: String,
}

/// A customer was sent back to a client with a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedInTo {
    pub client: RelyingId,
    pub customer: CustomerId,
    pub acr: String,
}

/// A customer agreed that a client learns what the scopes say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentGiven {
    pub client: RelyingId,
    pub customer: CustomerId,
    pub scopes: Vec<String>,
}

/// A code came a second time: somebody has a copy. Everything that came from it is ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeReused {
    pub client: RelyingId,
    pub customer: CustomerId,
}

/// A refresh token came back after it had been replaced: somebody has a copy. Everything of its line is ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshTokenReused {
    pub client: RelyingId,
    pub customer: CustomerId,
}

/// The customer took a client's access away: what it may know, and every token that it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessWithdrawn {
    pub client: RelyingId,
    pub customer: CustomerId,
    /// Sign-ins to it that ended.
    pub grants: u64,
}

/// A client gave its tokens back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensRevoked {
    pub client: RelyingId,
    pub customer: CustomerId,
}

/// A client sent a customer here to sign out, and they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOutBy {
    pub client: RelyingId,
    pub customer: CustomerId,
}

/// A client was told that a customer's session is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutTold {
    pub client: RelyingId,
    pub customer: CustomerId,
    pub attempts: u32,
}
