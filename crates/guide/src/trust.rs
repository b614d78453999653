//! What the public page of facts is told by the running program, and what it counts itself.

use std::sync::Arc;

use storeward_base::Timestamp;

/// What the program knows of itself at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustFacts {
    /// The earliest end of a certificate that is served; `None` while a stand-in is.
    pub certificate_until: Option<Timestamp>,
    /// None of them is somebody else's to renew, as files are.
    pub renews: bool,
    pub hsts: bool,
    /// Every route blocks attacks, and none only watches.
    pub blocks: bool,
    pub version: String,
    pub mail_signed: bool,
    /// Customers set their passwords here, and not at the shop's own sign-in behind the shield.
    pub keeps_passwords: bool,
    /// Nobody gets in unasked where the shop does not say who is signed in, or its sign-in is not known any more.
    pub always_asks: bool,
    /// A list of stolen passwords is in use.
    pub breach_list: bool,
}

/// Asked each time somebody opens the page. Must not block.
pub type TrustSource = Arc<dyn Fn() -> TrustFacts + Send + Sync>;
