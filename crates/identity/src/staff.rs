//! What staff may see of customers' accounts and do to them. The console's window into this domain.
//!
//! An account is found by its exact address alone; who looked is a fact of the ledger. Each act has a reason, which is kept
//! sealed beside the account; the ledger names member and account by id. Nothing here reads or chooses a password, shows a
//! secret, or makes a session: nobody can act as a customer.

mod acts;
mod close;
mod look;
mod new_password;
mod take_factor;
mod way_back;

use storeward_base::{CustomerId, StaffId, Timestamp};

pub use crate::error::Error;
pub use acts::{Act, Done};
pub use look::{
    AccountView, ActivityView, FactorView, HeldView, OfficeView, PastAct, PressedAccount, SessionView, State,
    WaitView,
};

use crate::model::StaffActId;
use crate::verbs::{Identity, Shared};

/// Customers' accounts as staff have them.
#[derive(Clone)]
pub struct Customers(pub(crate) Identity);

impl Identity {
    pub fn customers(&self) -> Customers {
        Customers(self.clone())
    }
}

/// Why a member of staff does something: 3 to 300 characters, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (3..=300).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Reason(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who does something, and why.
#[derive(Clone, Debug)]
pub struct By {
    pub staff: StaffId,
    pub reason: Reason,
}

impl Shared {
    /// The line that keeps the reason of an act.
    fn act_row(&self, by: &By, what: &'static str, at: Timestamp) -> crate::sql::staff_act::StaffActRow {
        let id = StaffActId::at(at, &*self.entropy);
        crate::sql::staff_act::StaffActRow {
            id,
            staff: by.staff,
            at,
            what: what.to_owned(),
            reason_sealed: self.seal_label(by.reason.as_str(), &id.to_string()),
        }
    }
}

/// The id of an account as it stands in addresses of the console.
pub fn parse_id(text: &str) -> Option<CustomerId> {
    text.parse().ok()
}
