//! What tokens and answers say of a person (OpenID Connect Core sections 2 and 5.1, Back-Channel Logout 1.0 section 2.4).

use serde_json::{Map, Value, json};
use storeward_base::{RelyingId, Timestamp};
use storeward_identity::Person;
use storeward_seal::encoding::base64_url;
use storeward_seal::fingerprint::{sha256, sha512};
use storeward_seal::jws::Algorithm;

use super::scope::{Scope, Scopes};

/// An ID token is good for so long.
pub const ID_TOKEN_SECONDS: i64 = 3_600;
/// A logout token is good for so long (Back-Channel Logout 1.0 section 2.4: at most two minutes).
pub const LOGOUT_TOKEN_SECONDS: i64 = 120;

/// `typ` of each kind of token: neither is taken for the other (RFC 8725 section 3.11).
pub const ID_TOKEN: &str = "JWT";
pub const LOGOUT_TOKEN: &str = "logout+jwt";

/// How somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occasion {
    pub issuer: String,
    pub subject: String,
    pub client: RelyingId,
    pub sid: String,
    pub acr: String,
    pub amr: Vec<String>,
    pub authenticated_at: Timestamp,
    pub nonce: Option<String>,
}

impl Occasion {
    /// The claims of an ID token. `access_token` is the one that goes with it.
    pub fn id_token(
        &self,
        now: Timestamp,
        algorithm: Algorithm,
        access_token: &str,
        profile: Map<String, Value>,
    ) -> Value {
        let mut claims = profile;
        let mut put = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        put("iss", json!(self.issuer));
        put("sub", json!(self.subject));
        put("aud", json!(self.client.to_string()));
        put("iat", json!(now.seconds()));
        put("exp", json!(now.seconds().saturating_add(ID_TOKEN_SECONDS)));
        put("auth_time", json!(self.authenticated_at.seconds()));
        put("acr", json!(self.acr));
        put("amr", json!(self.amr));
        put("sid", json!(self.sid));
        put("at_hash", json!(at_hash(algorithm, access_token)));
        if let Some(nonce) = &self.nonce {
            put("nonce", json!(nonce));
        }
        Value::Object(claims)
    }
}

/// The claims of a logout token. There is never a `nonce` in it, so it cannot pass for an ID token.
pub fn logout_token(
    issuer: &str,
    subject: &str,
    client: RelyingId,
    sid: &str,
    id: &str,
    now: Timestamp,
) -> Value {
    json!({
        "iss": issuer,
        "sub": subject,
        "aud": client.to_string(),
        "iat": now.seconds(),
        "exp": now.seconds().saturating_add(LOGOUT_TOKEN_SECONDS),
        "jti": id,
        "sid": sid,
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    })
}

/// What the scopes say of the person.
pub fn profile(person: &Person, scopes: &Scopes) -> Map<String, Value> {
    // In the order of their names, whatever order a map has.
    let mut claims = Map::new();
    if scopes.has(Scope::Email)
        && let Some(email) = &person.email
    {
        // Clients match accounts by the address and do not look whether anybody has shown to read it: then there is none to match.
        if person.email_verified {
            claims.insert("email".to_owned(), json!(email));
        }
        claims.insert("email_verified".to_owned(), json!(person.email_verified));
    }
    if scopes.has(Scope::Profile) {
        claims.insert("locale".to_owned(), json!(person.language.tag()));
        if let Some(name) = &person.name {
            claims.insert("name".to_owned(), json!(name));
        }
    }
    claims
}

/// The left half of the hash that goes with the signature (OpenID Connect Core section 3.1.3.6). For Ed25519 that is SHA-512, as
/// implementations have agreed.
fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    let bytes = access_token.as_bytes();
    match algorithm {
        Algorithm::Es256 | Algorithm::Rs256 => base64_url(&sha256(bytes)[..16]),
        Algorithm::EdDsa => base64_url(&sha512(bytes)[..32]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::Language;

    #[test]
    fn scopes_say_what_is_told() {
        let person = Person {
            email: Some("ada@people.example".to_owned()),
            email_verified: true,
            name: Some("Ada".to_owned()),
            language: Language::De,
        };
        let told = |person: &Person, scopes: &str| {
            let claims = profile(person, &Scopes::parse(scopes));
            claims.keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told(&person, "openid"), "");
        assert_eq!(told(&person, "openid email"), "email email_verified");
        assert_eq!(told(&person, "openid profile"), "locale name");
        // An address that nobody has shown to read is none to find somebody else's account by.
        let claimed = Person { email_verified: false, ..person.clone() };
        assert_eq!(told(&claimed, "openid email"), "email_verified");
        assert_eq!(profile(&claimed, &Scopes::parse("email"))["email_verified"], json!(false));
        let nobody = Person { email: None, name: None, ..person };
        assert_eq!(profile(&nobody, &Scopes::parse("email profile")).len(), 1);
    }

    #[test]
    fn the_hash_has_its_known_value() {
        // OpenID Connect Core appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(at_hash(Algorithm::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(at_hash(Algorithm::EdDsa, token).len(), 43);
    }
}
