//! What can go wrong with customers' records.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

use crate::manifest::{Flaw, Harm};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Store(storeward_store::Error),
    Seal(storeward_seal::Error),
    /// A customer's account cannot be found or closed.
    Account(storeward_identity::Error),
    /// The file of epoch keys cannot be read or written; the words say which and why.
    Shelf(String),
    /// Another program makes customers' keys at the moment, so no epoch may end.
    ShelfHeld,
    /// The epoch keys were wrapped with another root key than the one that is here.
    OtherRoot {
        wanted: String,
        found: String,
    },
    /// The key store has no key of so many of the customers in the data whom nobody erased, so no epoch may end.
    Keyless {
        count: u64,
        customers: u64,
    },
    /// The epoch of a customer's key is not on the shelf: destroyed, or the shelf is of another time.
    NoEpoch(u32),
    /// The key store on a server belongs to another data directory, since then.
    OtherDirectory(storeward_base::Timestamp),
    /// The data names a root of the indexes that the key store does not have.
    OtherRoots(u32),
    /// A record is not as it was written last.
    Harmed(Box<Flaw>),
    /// There is no such customer, or they were erased. From outside the two look the same.
    NoCustomer,
    /// There is no such request.
    NoRequest,
    /// Somebody decided it already, or its time is over.
    Decided,
    /// It is not in the state any more that whoever writes it had read.
    Changed,
    /// The catalogue has no such field.
    NoField(String),
    /// A value does not fit its field; the words say why, without the value.
    Value {
        field: &'static str,
        why: &'static str,
    },
    /// The file with the questions to a shop's database does not fit what it answers; the words say how.
    Shop(String),
    /// The policy does not allow it; the word is the reason's code.
    Denied(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::Seal(error) => error.fmt(f),
            Error::Account(error) => error.fmt(f),
            Error::Shelf(why) => write!(f, "the epoch keys: {why}"),
            Error::ShelfHeld => f.write_str(
                "another program, such as an import, makes customers' keys; try again when it is through",
            ),
            Error::OtherRoot { wanted, found } => write!(
                f,
                "the epoch keys were wrapped with the root key {wanted}, but the one here is {found}; \
                 restore the root key that belongs to them"
            ),
            Error::Keyless { count, customers } => write!(
                f,
                "the key store has no key of {count} of the {customers} customers in the data: no epoch ends while that is so, since the copies of their \
                 keys that are left would open nothing. See docs/vault.md, \"When keys are damaged\""
            ),
            Error::NoEpoch(epoch) => write!(
                f,
                "a customer's key was wrapped in epoch {epoch}, whose key is not here; if the key store was restored \
                 from a backup that is older than the epoch's end, what it held is gone on purpose. Where the machine that ended it is well, \
                 make a backup there (storeward backup now) and restore that one; where it is gone, the copy that backup.epochs_copy named has the \
                 key until the next good backup: restore with it as epochs.json in the folder of --keys-from"
            ),
            Error::OtherDirectory(since) => write!(
                f,
                "the key store that vault.key_store names belongs to another data directory since {since}, and this one is a copy: nothing \
                 is opened here, for a rotation would take all keys from the other. Where the other goes on, load vault/keys.sql of the \
                 backup into an empty database, and name that one. Where the other is gone for good, or that is done: storeward vault \
                 take-key-store"
            ),
            Error::OtherRoots(root) => write!(
                f,
                "the data has marks of root {root} of the blind indexes, which the key store does not have; \
                 start Storeward anew: they are made again"
            ),
            Error::Harmed(flaw) if flaw.harm == Harm::Retention => {
                write!(
                    f,
                    "{}: {}; nothing was erased. `storeward vault retention CLASS DAYS` (or `never`) sets it anew",
                    flaw.place,
                    flaw.harm.words()
                )
            }
            Error::Harmed(flaw) if flaw.place.is_empty() => {
                write!(f, "the record of {}: {}", flaw.customer, flaw.harm.words())
            }
            Error::Harmed(flaw) => write!(f, "{} of {}: {}", flaw.place, flaw.customer, flaw.harm.words()),
            Error::NoCustomer => f.write_str("there is no such customer"),
            Error::NoRequest => f.write_str("there is no such request"),
            Error::Decided => f.write_str("it was decided already, or its time is over"),
            Error::Changed => f.write_str("it was changed meanwhile; read it again"),
            Error::NoField(field) => write!(f, "there is no field {field}; docs/vault.md lists them"),
            Error::Value { field, why } => write!(f, "{field}: {why}"),
            Error::Shop(why) => write!(f, "the shop's database: {why}"),
            Error::Denied(reason) => write!(f, "not allowed ({reason})"),
        }
    }
}

impl std::error::Error for Error {}

impl From<storeward_store::Error> for Error {
    fn from(error: storeward_store::Error) -> Self {
        Error::Store(error)
    }
}

impl From<storeward_identity::Error> for Error {
    fn from(error: storeward_identity::Error) -> Self {
        Error::Account(error)
    }
}

impl From<storeward_seal::Error> for Error {
    fn from(error: storeward_seal::Error) -> Self {
        Error::Seal(error)
    }
}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::Store(error) => error.kind(),
            Error::Seal(error) => error.kind(),
            Error::Account(error) => error.kind(),
            Error::Shelf(_)
            | Error::OtherRoot { .. }
            | Error::Keyless { .. }
            | Error::NoEpoch(_)
            | Error::OtherDirectory(_)
            | Error::OtherRoots(_)
            | Error::Harmed(_) => FaultKind::Broken,
            Error::ShelfHeld | Error::Decided | Error::Changed => FaultKind::Conflict,
            Error::NoCustomer | Error::NoRequest | Error::NoField(_) => FaultKind::Missing,
            Error::Value { .. } | Error::Shop(_) => FaultKind::Invalid,
            Error::Denied(_) => FaultKind::Denied,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Store(error) => error.blame(),
            Error::Seal(error) => error.blame(),
            Error::Account(error) => error.blame(),
            Error::Shelf(_)
            | Error::OtherRoot { .. }
            | Error::NoEpoch(_)
            | Error::OtherDirectory(_)
            | Error::OtherRoots(_)
            | Error::Keyless { .. }
            | Error::Harmed(_) => Blame::Us,
            Error::ShelfHeld
            | Error::NoCustomer
            | Error::NoRequest
            | Error::Decided
            | Error::Changed
            | Error::NoField(_)
            | Error::Value { .. }
            | Error::Shop(_)
            | Error::Denied(_) => Blame::Caller,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Store(error) => error.code(),
            Error::Seal(error) => error.code(),
            Error::Account(error) => error.code(),
            Error::Shelf(_) => "vault.shelf",
            Error::ShelfHeld => "vault.shelf_held",
            Error::OtherRoot { .. } => "vault.other_root",
            Error::Keyless { .. } => "vault.keyless",
            Error::NoEpoch(_) => "vault.no_epoch",
            Error::OtherDirectory(_) => "vault.other_directory",
            Error::OtherRoots(_) => "vault.other_roots",
            Error::Harmed(_) => "vault.record_harmed",
            Error::NoCustomer => "vault.no_customer",
            Error::NoRequest => "vault.no_request",
            Error::Decided => "vault.decided",
            Error::Changed => "vault.changed",
            Error::NoField(_) => "vault.no_field",
            Error::Value { .. } => "vault.value",
            Error::Shop(_) => "vault.shop",
            Error::Denied(_) => "vault.denied",
        }
    }
}
