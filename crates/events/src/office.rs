//! Facts of the shop's own staff pages, as Storeward sees them pass.

use serde::{Deserialize, Serialize};
use storeward_base::CustomerId;

/// A page of the shop showed customers' data to whoever asked for it. Who that was is the actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomersShown {
    /// What the adapter calls the page, such as `orders`.
    pub page: String,
    /// Customers whose records are kept here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub customers: Vec<CustomerId>,
    /// Keyed fingerprints of the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// Further ones that are not named.
    pub more: u64,
    /// Values that passed as they were, and those that were masked.
    pub shown: u64,
    pub masked: u64,
    /// SHA-256, in hex, over the rows by which the people of this page are found again; empty of a version that had none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rows: String,
}

/// A form would have written a mask into the shop in the place of what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskRefused {
    pub page: String,
}

/// A page was not passed on because it could not be looked through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageWithheld {
    pub page: String,
    /// `too_large`, `encoded`, `broken`, `not_recorded`.
    pub reason: String,
}

/// Somebody reads customers' data otherwise than they or their role usually do. Who is the actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnusualReading {
    /// Codes: `many`, `day`, `hour`, `without_order`, `in_a_row`, `orders`, `lookups`.
    pub reason: String,
    /// Customers within the window.
    pub customers: u64,
    /// What the rule allows.
    pub limit: u64,
    pub minutes: u64,
}
