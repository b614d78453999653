//! Sessions: a random token in a cookie, its hash in the database, an idle and an absolute end.

use std::time::Duration;

use storeward_base::{Id, Secret, StaffId, Tagged, Timestamp};
use storeward_seal::fingerprint::{sha256_hex, token_hash};
use storeward_web::{Cookie, CsrfToken, SameSite};

/// Strict: no other site can make a browser send it, not even by a link.
pub const COOKIE: Cookie = Cookie { name: "__Host-storeward-session", same_site: SameSite::Strict };

/// Without any act for so long, the session is over (OWASP: 15 to 30 minutes for what matters).
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// It is over after a day's work in any case.
pub const ABSOLUTE: Duration = Duration::from_secs(12 * 60 * 60);
/// How stale "seen" may be: one write a minute instead of one per click.
pub const SEEN_STEP: Duration = Duration::from_secs(60);

/// A second factor is fresh for so long: what changes somebody else's account asks for one.
pub const FRESH: Duration = Duration::from_secs(10 * 60);

/// Which second factor was shown, as sessions and events have it.
pub const TOTP: &str = "totp";
pub const PASSKEY: &str = "passkey";

#[derive(Debug)]
pub enum StaffSession {}
impl Tagged for StaffSession {
    const PREFIX: &'static str = "ssess";
}
/// One signed-in browser of a member of staff. The id is no secret: the token is.
pub type StaffSessionId = Id<StaffSession>;

/// 256 random bits in hexadecimal, as the cookie holds it.
#[derive(Clone, Debug)]
pub struct SessionToken(Secret<String>);

impl SessionToken {
    pub fn generate(entropy: &dyn storeward_base::Entropy) -> Self {
        SessionToken(Secret::new(entropy.token::<32>()))
    }

    /// `None` when it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| SessionToken(Secret::new(text.to_owned())))
    }

    pub fn secret(&self) -> &Secret<String> {
        &self.0
    }

    /// What the database keeps.
    pub fn hash(&self) -> String {
        token_hash(self.0.expose())
    }

    /// What each form of this session repeats: follows from the token, and does not lead back to it.
    pub fn csrf(&self) -> CsrfToken {
        CsrfToken::new(sha256_hex(format!("console-csrf/1\n{}", self.0.expose()).as_bytes()))
    }
}

/// A session that is good now.
#[derive(Clone, Debug)]
pub struct Session {
    pub staff: StaffId,
    pub name: String,
    pub seen_at: Timestamp,
    /// When a second factor was last shown in it.
    pub confirmed_at: Option<Timestamp>,
}

impl Session {
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.confirmed_at.is_some_and(|at| now.since(at) < FRESH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // ASVS 5.0 7.1.1: what is written down is what is in force.
    #[test]
    fn the_document_names_the_figures_in_force() {
        let (idle, absolute) = (IDLE.as_secs() / 60, ABSOLUTE.as_secs() / 3_600);
        let line = format!("| staff | {idle} minutes | {absolute} hours |");
        assert!(include_str!("../../../../docs/asvs.md").contains(&line), "{line}");
    }
}
