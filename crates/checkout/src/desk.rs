//! What the staff's console and the evidence report see: the inventory, its approvals, alerts, headers, and what browsers said.

pub use crate::config::{Mode, OnChange};
pub use crate::error::Error;
pub use crate::evidence::{Evidence, Names, Period};
pub use crate::guard::Checkout;
pub use crate::model::{
    Act, Alert, Approval, Counted, Decision, HeaderLine, Held, Hold, Kind, NewApproval, NoId, Scope, Script,
    ScriptId, Source, Standing, Status, Version, Wanted, Whole,
};
