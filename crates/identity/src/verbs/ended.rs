//! Sessions that ended before their time, for whoever has given something out on the strength of them: the OpenID Connect
//! provider ends its tokens and tells the shops.

use storeward_base::CustomerId;
use storeward_store::Tx;

use super::Identity;
use crate::error::Error;
use crate::model::SessionId;
use crate::sql;

/// The kind of the job that is promised with each write that ends sessions. It carries nothing: its handler asks
/// [`Identity::take_ended`].
pub const SESSIONS_ENDED_JOB: &str = "identity.tell_ended_sessions";

/// What ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedWhat {
    /// A session, by the person in this browser, or because they signed in there anew.
    SignedOut(SessionId),
    /// A session, from elsewhere: by the person, by staff, by a changed password, or because of theft. Nothing that was
    /// given out on the strength of it may live on.
    Revoked(SessionId),
    /// All that there is of the customer but this session. The sessions that were alive are told one by one as well.
    AllBut(SessionId),
    /// All that there is of the customer. The same holds.
    Everything,
}

/// Something of a customer's that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub customer: CustomerId,
    pub what: EndedWhat,
}

impl Identity {
    /// Takes up to `limit` of what ended, oldest first, in the caller's write: whatever the caller does about them is done
    /// with it, or not at all.
    pub fn take_ended(tx: &mut Tx<'_>, limit: u32) -> Result<Vec<Ended>, Error> {
        Ok(sql::session::take_ended(tx, limit)?)
    }
}
