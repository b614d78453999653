//! The words every other crate speaks: time, chance, ids, secrets, addresses, faults.
//!
//! **Owns** typed ids, [`Timestamp`], [`Clock`], [`Entropy`], [`Secret`], [`Actor`], [`ClientIp`], [`Fault`], paging,
//! [`Language`] and the texts in it ([`Words`]).
//! **Holds** a [`Secret`] never prints; ids sort by the time they were made; time and chance come only from [`Clock`]
//! and [`Entropy`], so a test can set both.
//! **Never** a word of any domain, I/O (but for the two system sources), or a dependency on another crate of ours.
//! **Emits** nothing.
#![forbid(unsafe_code)]

mod actor;
mod address;
mod clock;
mod date;
mod entropy;
mod fault;
mod id;
mod language;
mod page;
mod percent;
mod phrases;
mod secret;
pub mod spellings;
mod words;

pub use actor::{Actor, ClientRef};
pub use address::{AddressBlock, AddressList, AddressListError, ClientIp, WiderNetwork};
pub use clock::{Clock, FixedClock, SystemClock, Timestamp};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use fault::{Blame, Fault, FaultKind};
pub use id::{
    ApiKeyId, BackupId, CustomerId, DrillId, EventId, GrantId, Id, IdError, JobId, PaymentId, PleaId, PostId,
    RelyingId, ReminderId, ReportId, RequestId, StaffId, Tagged,
};
pub use language::Language;
pub use page::{Page, PageSize};
pub use percent::percent_decode;
pub use phrases::Phrases;
pub use secret::Secret;
pub use words::{TextKey, Words, WordsError};
