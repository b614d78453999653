//! What the shop's own staff show for its back office: a passkey, an app's code or a recovery code. A mailed code counts for
//! customers only (OWASP ASVS 5.0 6.3.6), and so does a short message: whoever reads a member's mail must not hold the shop.

use std::time::Duration;

use storeward_host::OWN_PREFIX;

use super::Identity;
use super::current::{CurrentSession, encode};
use crate::error::Error;
use crate::model::Proof;
use crate::state::ReturnTo;

/// Where somebody stands before the back office.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackOffice {
    /// Shown lately enough.
    Open,
    /// There is a passkey or an app: show it.
    Prove,
    /// There is none: add one first.
    Enrol,
}

impl Identity {
    /// Whether this session may go on to the back office, where what was shown is good for `within`. Nobody gets there with
    /// what is good for customers, on whatever device.
    pub async fn back_office(&self, session: &CurrentSession, within: Duration) -> Result<BackOffice, Error> {
        if !self.0.means(session.customer).await?.has_strong() {
            return Ok(BackOffice::Enrol);
        }
        let is_strong = |proof: &Proof| matches!(proof, Proof::Passkey | Proof::Totp | Proof::Recovery);
        // An account with an app or a passkey steps up with nothing less, so the moment is that of a strong proof; the proof
        // itself must be of this session.
        let now = self.0.now();
        let is_recent = session.stepped_up_at.is_some_and(|at| now.since(at) < within);
        let is_proved = is_recent && session.proofs.iter().any(is_strong);
        Ok(if is_proved { BackOffice::Open } else { BackOffice::Prove })
    }

    /// The page that says what the back office takes, and leads back to `to`.
    pub fn back_office_address(&self, to: &ReturnTo) -> String {
        format!("{OWN_PREFIX}/account/back-office?next={}", encode(to.as_str()))
    }
}
