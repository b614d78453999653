//! Which browser a request came from: its cookie, while the person is on our pages.

use storeward_base::{Entropy, Secret};
use storeward_seal::fingerprint::{is_token, token_hash};
use storeward_web::http::{HeaderMap, HeaderValue};
use storeward_web::{Cookie, SameSite};

use crate::verbs::authorize::CARRIED;

/// Lax: the request comes by a link on the client's site.
const COOKIE: Cookie = Cookie { name: "__Host-storeward-oidc", same_site: SameSite::Lax };

/// 256 random bits in hexadecimal. All requests of a browser share it, so that two tabs do not take each other's away.
pub struct BrowserToken(Secret<String>);

impl BrowserToken {
    /// The one that the browser has, or another one.
    pub fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> Self {
        let known = COOKIE.read(headers).filter(|text| is_token(text)).map(str::to_owned);
        BrowserToken(Secret::new(known.unwrap_or_else(|| entropy.token::<32>())))
    }

    /// What is carried along.
    pub fn hash(&self) -> String {
        token_hash(self.0.expose())
    }

    /// The line that keeps it for as long as a request can be carried.
    pub fn line(&self) -> Option<HeaderValue> {
        COOKIE.set(self.0.expose(), Some(CARRIED.as_secs()))
    }
}
