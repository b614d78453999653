//! Facts of customers' records. They name a customer by id and fields by the catalogue's names; never a value.

use serde::{Deserialize, Serialize};
use storeward_base::CustomerId;

/// An epoch began: customers' keys are wrapped with its key from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochBegun {
    pub epoch: u32,
}

/// An epoch's key was destroyed. Whatever was wrapped with it and not re-wrapped is gone, in backups too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochDestroyed {
    pub epoch: u32,
}

/// A part of the customers' keys was wrapped anew with the current epoch's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysRewrapped {
    pub epoch: u32,
    pub count: u64,
}

/// A customer got a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerKeyMade {
    pub customer: CustomerId,
}

/// A customer's key was destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerKeyDestroyed {
    pub customer: CustomerId,
}

/// Fields of a customer were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldsWritten {
    pub customer: CustomerId,
    /// Such as `address`.
    pub collection: String,
    /// Such as `street`; the catalogue's names.
    pub fields: Vec<String>,
    /// Where the values come from: `customer`, `staff`, `import` or `shop`.
    pub provenance: String,
}

/// Fields of a customer were opened. Written before they are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldsOpened {
    pub customer: CustomerId,
    pub collection: String,
    pub fields: Vec<String>,
    /// For what: one of the policy's purposes.
    pub purpose: String,
    /// The rules that allowed it.
    pub rules: Vec<String>,
}

/// Somebody wanted to see fields and was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningDenied {
    pub customer: CustomerId,
    pub collection: String,
    pub fields: Vec<String>,
    pub purpose: String,
    /// Such as `no_rule`, `factor_too_old` or `restricted`.
    pub reason: String,
}

/// From now on nothing of the customer is opened; the erasure itself follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureBegun {
    pub customer: CustomerId,
}

/// The customer's key is destroyed, their fields and marks are deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerErased {
    pub customer: CustomerId,
    pub fields: u64,
    /// The epoch whose end makes the erasure hold for old backups of the keys, too.
    pub epoch: u32,
}

/// Somebody looked for customers by the exact value of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomersFound {
    /// Such as `contact.email`.
    pub field: String,
    /// How many there are.
    pub count: u64,
}

/// All that is kept of a customer was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerExported {
    pub customer: CustomerId,
    /// How many values.
    pub fields: u64,
    /// `json` or `csv`.
    pub form: String,
}

/// The use of a customer's data was restricted, or allowed again (GDPR article 18).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestrictionChanged {
    pub customer: CustomerId,
    pub restricted: bool,
}

/// Values were deleted because the time for which they may be kept is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldsForgotten {
    pub count: u64,
}

/// A member of staff opened the data of as many customers within an hour as one may at most. What they want beyond is
/// refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingLimitReached {
    pub customers: u64,
}
