//! What the shop's own staff show for its back office: a passkey, an app's code or a recovery code. A mailed code counts for
//! customers only (OWASP ASVS 5.0 6.3.6), and so does a short message: whoever reads a member's mail must not hold the shop.

use std::sync::atomic::Ordering;
use std::time::Duration;

use storeward_base::CustomerId;
use storeward_host::OWN_PREFIX;
use storeward_store::Reader;

use super::current::{CurrentSession, encode};
use super::flows::Means;
use super::{Identity, Shared};
use crate::error::Error;
use crate::model::{FactorKind, Proof};
use crate::sql;
use crate::sql::factor::FactorRow;
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
    /// It was added behind the password and a mailed code, which a thief may have as well: somebody who runs the shop has to let
    /// them in first.
    Approve,
}

/// Who says that the first app or passkey of a member of the shop's staff is theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstFactor {
    /// Somebody with access to Storeward's console, who compares the code that both see.
    #[default]
    Approved,
    /// Whoever knows the password and reads the mail.
    Mail,
}

impl Identity {
    /// Whether this session may go on to the back office, where what was shown is good for `within`. Nobody gets there with
    /// what is good for customers, on whatever device.
    pub async fn back_office(&self, session: &CurrentSession, within: Duration) -> Result<BackOffice, Error> {
        let customer = session.customer;
        if !self.0.means(customer).await?.has_strong() {
            return Ok(BackOffice::Enrol);
        }
        let is_strong = |proof: &Proof| matches!(proof, Proof::Passkey | Proof::Totp | Proof::Recovery);
        // An account with an app or a passkey steps up with nothing less, so the moment is that of a strong proof; the proof
        // itself must be of this session.
        let now = self.0.now();
        let is_recent = session.stepped_up_at.is_some_and(|at| now.since(at) < within);
        let is_proved = is_recent && session.proofs.iter().any(is_strong);
        // Before the code is shown: it stands for the factor, so only who has the factor may read it out to anybody. Otherwise an
        // owner on a trusted device would read out the code of what a thief added.
        if !is_proved {
            return Ok(BackOffice::Prove);
        }
        Ok(if self.may_enter_office(customer).await? { BackOffice::Open } else { BackOffice::Approve })
    }

    /// The page that says what the back office takes, and leads back to `to`.
    pub fn back_office_address(&self, to: &ReturnTo) -> String {
        format!("{OWN_PREFIX}/account/back-office?next={}", encode(to.as_str()))
    }

    /// What is asked of staff from now on.
    pub fn set_first_factor(&self, first: FirstFactor) {
        self.0.asks_approval.store(first == FirstFactor::Approved, Ordering::Relaxed);
    }

    async fn may_enter_office(&self, customer: CustomerId) -> Result<bool, Error> {
        if !self.0.asks_approval.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let read = move |reader: &mut Reader<'_>| sql::office::allowed_at(reader, customer);
        Ok(self.0.db.read(read).await?.is_some())
    }

    /// What the person and whoever lets them in compare, by telephone or face to face: it follows from what was added, so it is
    /// another one in an account where somebody else added theirs. Eight letters and digits.
    pub async fn office_code(&self, customer: CustomerId) -> Result<String, Error> {
        Ok(self.0.office_code(&self.0.means(customer).await?))
    }
}

impl Shared {
    pub fn office_code(&self, means: &Means) -> String {
        self.office_code_of(means.account.id, &means.factors)
    }

    pub fn office_code_of(&self, customer: CustomerId, factors: &[FactorRow]) -> String {
        let strong = |kind| matches!(kind, FactorKind::Totp | FactorKind::Passkey);
        let mut ids: Vec<String> =
            factors.iter().filter(|row| strong(row.kind)).map(|row| row.id.to_string()).collect();
        ids.sort();
        let mark = self.marks.office(&format!("{customer} {}", ids.join(" ")));
        let plain: String = mark.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        let (first, last) = plain.split_at(plain.len() / 2);
        format!("{first}-{last}").to_uppercase()
    }
}
