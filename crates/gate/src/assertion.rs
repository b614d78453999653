//! What the shop is told with whatever passes: a signed assertion (RFC 7519) for one gate, one request, one minute.

use std::time::Duration;

use serde_json::{Map, Value, json};
use storeward_base::Timestamp;
use storeward_console::entrance::Guest;

use crate::config::GateSection;

/// The header that carries it.
pub use storeward_host::ASSERTION;
/// For tools that cannot read one.
pub const USER: &str = "storeward-user";
pub const EMAIL: &str = "storeward-email";

/// `typ` of its header: no other token of ours passes for one (RFC 8725 section 3.11).
pub const TYPE: &str = "storeward-assertion+jwt";

/// It is good for so long.
pub const LIFE: Duration = Duration::from_secs(60);

/// The request that it goes with.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    pub issuer: &'a str,
    pub id: &'a str,
    pub method: &'a str,
    /// Without query.
    pub url: &'a str,
    pub now: Timestamp,
}

/// The claims. `htm` and `htu` say which request it is for, as RFC 9449 section 4.2 names them.
pub fn claims(gate: &GateSection, guest: &Guest, bound: &Bound<'_>) -> Value {
    let passkey = guest.factor.as_deref() == Some("passkey");
    let (acr, amr) =
        if passkey { ("phr", ["pop", "mfa"].as_slice()) } else { ("aal2", ["pwd", "otp", "mfa"].as_slice()) };
    let life = i64::try_from(LIFE.as_secs()).unwrap_or(i64::MAX);
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
    put("iss", json!(bound.issuer));
    put("aud", json!(gate.audience()));
    put("sub", json!(guest.staff.to_string()));
    put("sid", json!(guest.session.to_string()));
    put("jti", json!(bound.id));
    put("iat", json!(bound.now.seconds()));
    put("exp", json!(bound.now.seconds().saturating_add(life)));
    put("acr", json!(acr));
    put("amr", json!(amr));
    if let Some(at) = guest.confirmed_at {
        put("auth_time", json!(at.seconds()));
    }
    put("groups", json!(guest.groups));
    put("htm", json!(bound.method));
    put("htu", json!(bound.url));
    if gate.email {
        put("email", json!(guest.email));
        put("name", json!(guest.name));
    }
    Value::Object(claims)
}
