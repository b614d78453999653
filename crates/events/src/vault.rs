//! Facts of customers' records. They name a customer by id and fields by the catalogue's names; never a value.

use serde::{Deserialize, Serialize};
use storeward_base::{CustomerId, GrantId, PleaId, StaffId, Timestamp};

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

/// The epochs' keys were wrapped with another root key. Both are called by what says nothing of them, such as `secret:…` for one under
/// a passphrase and `pkcs11:…` for one on a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootKeyMoved {
    pub from: String,
    pub to: String,
}

/// Another root of the blind indexes began: all marks are made anew with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexBegun {
    pub version: u32,
}

/// A root of the blind indexes was destroyed. Marks that it made, also those in backups, say nothing to anybody any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEnded {
    pub version: u32,
}

/// By what customers are found was made anew: with another root, after a restore, or for a field that is found by parts from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexMade {
    pub version: u32,
    /// The field that is found by parts; empty for those that are found by whole values.
    pub field: String,
    pub customers: u64,
    /// Whose values could not be read: they are not found until their records are mended.
    pub left_out: u64,
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
    /// Such as `no_rule`, `factor_too_old`, `restricted` or `not_their_order`.
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
    /// Nobody has an order of this number, nor of any of the hundred behind it, as of orders that no import has brought yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beyond: bool,
}

/// What a shop's database has was read, and written where it was new or other than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopImported {
    /// The kind of shop, such as `woocommerce`.
    pub shop: String,
    /// Rows of customers who were new.
    pub new: u64,
    /// Rows of customers who were known.
    pub known: u64,
    /// Rows of customers who were erased, and stayed so.
    pub erased: u64,
    /// Values and rows that did not fit.
    pub left_out: u64,
    /// How many customers the shop has, where that was looked at.
    pub present: Option<u64>,
    /// How many it has no more since the last look.
    pub gone: u64,
}

/// Customers are not in the shop's database any more. What is kept of them stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomersGone {
    pub shop: String,
    pub count: u64,
    /// A hundred of them at most.
    pub customers: Vec<CustomerId>,
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

/// A record is not as it was written last: somebody was at the database past Storeward, or it is older than its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordHarmed {
    pub customer: CustomerId,
    /// Such as `address.home.street`; empty where it is the record as a whole.
    pub place: String,
    /// Such as `older`, `missing`, `unknown`, `changed`, `older_data`.
    pub harm: String,
}

/// All records were held against what was written last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsVerified {
    pub customers: u64,
    pub values: u64,
    pub faults: u64,
}

/// How far a record had come when the key store noted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedRevision {
    pub customer: CustomerId,
    pub revision: u64,
}

/// The key store noted how far records have come: older data beside it is known by that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionsNoted {
    pub records: Vec<NotedRevision>,
}

/// Older data, such as a restored backup, was accepted as what counts from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OlderDataAccepted {
    /// Whose records were older.
    pub customers: u64,
}

/// How far the key store's own ledger had come: an older store in its place is known by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStoreNoted {
    /// The signed head of its ledger.
    pub head: String,
}

/// Somebody was erased by others, and an account of their address stays open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLeft {
    pub customer: CustomerId,
    pub account: CustomerId,
    /// `factor`, or `hearsay`: only a program said that the address is theirs.
    pub reason: String,
}

/// From now on a key store on a server is wrapped under the epochs of this data directory, and of no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStoreTaken {
    /// What `vault/epochs.id` says there.
    pub shelf: String,
}

/// An operator said that a copy of the epochs' keys that was put away earlier is no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochsCopyForgotten {
    /// Earlier copies that are still known.
    pub left: u64,
}

/// Staff asked to see what the rules keep from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRequested {
    pub request: GrantId,
    pub customer: CustomerId,
    pub purpose: String,
    /// Such as `contact.email`.
    pub fields: Vec<String>,
}

/// A second person let somebody see fields of one customer, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessApproved {
    pub request: GrantId,
    pub customer: CustomerId,
    /// Who asked.
    pub staff: StaffId,
    pub purpose: String,
    pub fields: Vec<String>,
    pub until: Timestamp,
}

/// A second person refused it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRefused {
    pub request: GrantId,
    pub customer: CustomerId,
    /// Who asked.
    pub staff: StaffId,
}

/// Somebody opened what the rules keep from them, at once and by themselves, in an emergency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlassBroken {
    pub request: GrantId,
    pub customer: CustomerId,
    pub purpose: String,
    pub fields: Vec<String>,
    pub until: Timestamp,
}

/// What somebody was let see, or saw in an emergency, was taken back before its time was over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessWithdrawn {
    pub request: GrantId,
    pub customer: CustomerId,
    /// Who sees nothing by it any more.
    pub staff: StaffId,
}

/// A second person looked into an opening in an emergency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlassReviewed {
    pub request: GrantId,
    pub customer: CustomerId,
    /// Who opened.
    pub staff: StaffId,
    /// `justified` or `unjustified`.
    pub verdict: String,
}

/// Other rules say who may see what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesChanged {
    /// Of what was saved at the console, counted up; 0: from `vault.policy_file`, or the rules that a shop begins with.
    pub version: u64,
    /// SHA-256 of the text, in hexadecimal.
    pub hash: String,
    /// How many there are, the guards among them.
    pub rules: u64,
    /// The hash of those that held before; not there in entries of earlier builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// A customer asked for something about their data, or somebody wrote down that they did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PleaReceived {
    pub plea: PleaId,
    pub customer: CustomerId,
    /// `access`, `correction`, `erasure`, `restriction`, `objection` or `portability`.
    pub right: String,
    pub due_at: Timestamp,
    /// Whether something was written beside it; nothing in entries of before this was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<bool>,
}

/// The time to answer was extended (GDPR article 12(3)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PleaExtended {
    pub plea: PleaId,
    pub customer: CustomerId,
    pub due_at: Timestamp,
}

/// It was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PleaClosed {
    pub plea: PleaId,
    pub customer: CustomerId,
    pub right: String,
    /// `done` or `refused`.
    pub outcome: String,
}

/// A customer agreed to a purpose, or withdrew it; for all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentChanged {
    pub customer: CustomerId,
    pub purpose: String,
    pub given: bool,
}

/// A customer objected to a purpose, or does no longer (GDPR article 21).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectionChanged {
    pub customer: CustomerId,
    pub purpose: String,
    pub objected: bool,
}

/// For how long values of a class are kept was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionChanged {
    pub class: String,
    /// Nothing: until they are erased.
    pub days: Option<u32>,
}

/// Values of a customer were taken away, as a correction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldsRemoved {
    pub customer: CustomerId,
    pub collection: String,
    pub fields: Vec<String>,
}

/// Somebody wanted to look a customer up and was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchDenied {
    /// Such as `contact.email`; the value is not told.
    pub field: String,
    pub reason: String,
}
