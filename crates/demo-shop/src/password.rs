//! Passwords: argon2id with the parameters OWASP lists first (19 MiB, two passes, one lane).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::error::Error;

/// Each hash takes 19 MiB and some tens of milliseconds: more than this many at once would let a flood of
/// sign-ins eat the machine.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// Compared against when the account is unknown, so that the answer takes as long as for a known one.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bGFya21vb3ItYXQtZGF3bg$YMtpI8OMw5v17iPwp0vt/6sDPRZNvsWgxBlr5TEESHE";

pub async fn hash(password: String) -> Result<String, Error> {
    let _slot = AT_ONCE.acquire().await.map_err(|_closed| Error::Lost)?;
    tokio::task::spawn_blocking(move || {
        let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|_reason| Error::Password)?;
        Ok(hash.to_string())
    })
    .await
    .map_err(|_panicked| Error::Lost)?
}

/// Whether `password` fits `stored`; without a stored hash the work is done all the same and the answer is no.
pub async fn fits(password: String, stored: Option<String>) -> Result<bool, Error> {
    let _slot = AT_ONCE.acquire().await.map_err(|_closed| Error::Lost)?;
    tokio::task::spawn_blocking(move || {
        let known = stored.is_some();
        let text = stored.unwrap_or_else(|| NOBODY.to_owned());
        let Ok(hash) = PasswordHash::new(&text) else { return false };
        let right = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
        right && known
    })
    .await
    .map_err(|_panicked| Error::Lost)
}
