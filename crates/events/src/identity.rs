//! Facts of customers' accounts. They name a customer by id; never an address, a name, a device's or a browser's words.

use serde::{Deserialize, Serialize};
use storeward_base::{CustomerId, StaffId, Timestamp};

/// Somebody confirmed their e-mail address and has an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerSignedUp {
    pub customer: CustomerId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerSignedIn {
    pub customer: CustomerId,
    /// How sure we are: `aal1`, `aal2` or `phr` (resists phishing).
    pub acr: String,
    /// What was shown, as RFC 8176 names it: `pwd`, `otp`, `sms`, `pop`, `mfa`; and `email`, `recovery`, `device`.
    pub amr: Vec<String>,
    /// Where: `pages`, `shield` or `provider`.
    pub door: String,
    /// Why its owner is told of it, though nothing more was asked: codes of docs/sign-in-risk.md.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noticed: Vec<String>,
}

/// A sign-in failed. `customer` is missing where no such account is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerSignInFailed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// `unknown_account`, `password`, `no_password`, `password_disabled`, `locked`, `throttled`, `refused_by_risk`,
    /// `passkey` or `expired`.
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerSignedOut {
    pub customer: CustomerId,
}

/// So many sign-ins in a row failed from unknown devices that the password no longer counts there (NIST SP 800-63B-4
/// section 3.2.2). A passkey, a known device or a recovery brings it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerPasswordDisabled {
    pub customer: CustomerId,
    pub failures: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorAdded {
    pub customer: CustomerId,
    /// `totp`, `passkey` or `sms`.
    pub factor: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorRemoved {
    pub customer: CustomerId,
    pub factor: String,
}

/// A second factor did not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorFailed {
    pub customer: CustomerId,
    /// `totp`, `passkey`, `sms`, `mail` or `recovery`.
    pub factor: String,
    /// `wrong`, `replayed`, `tries_spent` or `signature_counter`.
    pub reason: String,
}

/// A new set of recovery codes; the earlier ones count no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryCodesMade {
    pub customer: CustomerId,
    pub count: u32,
}

/// A recovery code was shown and counts no more: at a sign-in, at the shop's, for a sensitive act or on the way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryCodeUsed {
    pub customer: CustomerId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerPasswordChanged {
    pub customer: CustomerId,
    /// `change`, `forced` or `recovery`; `shop`: the shop took another one of its own; `staff`: they say that it did.
    pub reason: String,
}

/// The e-mail address on file is another one now; the earlier one was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerAddressChanged {
    pub customer: CustomerId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsRevoked {
    pub customer: CustomerId,
    pub count: u64,
    /// `one`, `all_others`, `not_me`, `recovery`, `password_changed`, `theft` or `staff`; `replaced`: whoever signed in with the same device
    /// token showed more.
    pub reason: String,
}

/// The person asked not to be asked for a second factor on this device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceTrusted {
    pub customer: CustomerId,
    pub days: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicesRevoked {
    pub customer: CustomerId,
    pub count: u64,
    /// As of [`SessionsRevoked`].
    pub reason: String,
}

/// A device's token came back after it had been replaced: two hold it, so one of them is a thief. The device and all
/// sessions are ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceTokenReused {
    pub customer: CustomerId,
}

/// More than a password was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUpAsked {
    pub customer: CustomerId,
    /// `sign_in`, `shield`, `provider` or `sensitive_act`.
    pub purpose: String,
    /// Why, in the risk engine's stable words.
    pub reasons: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUpPassed {
    pub customer: CustomerId,
    pub purpose: String,
    pub acr: String,
}

/// A challenge ended without being met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUpFailed {
    pub customer: CustomerId,
    pub purpose: String,
    /// `tries_spent`, `expired` or `given_up`.
    pub reason: String,
}

/// Somebody asked for a way back into an account. `customer` is missing where no such account is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryBegun {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryFinished {
    pub customer: CustomerId,
}

/// Staff locked the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLocked {
    pub customer: CustomerId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountUnlocked {
    pub customer: CustomerId,
}

/// The account is closed: every row of it is gone from the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountClosed {
    pub customer: CustomerId,
    /// `own`, `staff` or `erasure` (of the person's record in the vault).
    pub reason: String,
}

/// A member of staff said that the app or passkey of one of the shop's own staff is theirs: it opens the back office.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackOfficeAllowed {
    pub customer: CustomerId,
}

/// The next sign-in must show a second factor, whatever the policy says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUpForced {
    pub customer: CustomerId,
    /// `not_me`, `theft` or `staff`.
    pub reason: String,
}

/// The person said that a sign-in or change was not theirs: sessions and devices are ended, the password must change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThisWasNotMe {
    pub customer: CustomerId,
}

/// The owner's test account could not be seen to sign in at the shop: the adapter may not fit any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopSignInBroken {
    /// The adapter's name.
    pub adapter: String,
    /// `no_form`, `no_page`, `refused`, `unseen`, `unclear`, `anybody`, `renamed`, `stays_in`, `seems_staff` or
    /// `no_adapter`.
    pub reason: String,
}

/// It could again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopSignInMended {
    pub adapter: String,
}

/// A member of staff lets Storeward look on while they sign in at the shop with a test account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopWatchBegun {}

/// What was learnt of the shop's sign-in was written into a file. It counts once `[shield]` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterSaved {
    /// The adapter's name.
    pub adapter: String,
}

/// A file of what was learnt was taken back. It was not the one in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterWithdrawn {
    /// The adapter's name.
    pub adapter: String,
}

/// An account of the shop's own got its place here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopAccountLinked {
    pub customer: CustomerId,
}

/// A member of staff opened a customer's account in the console. `customer` is missing where the address that they typed
/// has no account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLookedUp {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// `address` (typed whole) or `page` (followed a link of the console).
    pub how: String,
}

/// A code by short message was not sent: somebody may be making us pay for messages (SMS pumping).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsHeldBack {
    pub customer: CustomerId,
    /// `country` (not allowed), `number`, `account`, `country_day` or `day` (too many).
    pub reason: String,
    /// The country's code, such as `+49`; empty where it is none of those allowed.
    pub prefix: String,
}

/// Somebody who read the account's mail says that every second factor is lost: a waiting time begins, and the person is
/// told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryWaitBegun {
    pub customer: CustomerId,
    pub ends_at: Timestamp,
    /// `customer` or `staff`.
    pub by: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryWaitCancelled {
    pub customer: CustomerId,
    /// `letter`, `session`, `factor` (one was shown, so it is not lost), `not_me`, `recovery`, `password_changed` or `staff`.
    pub by: String,
}

/// Two members of staff agreed that it ends earlier. The actor is the second of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryWaitShortened {
    pub customer: CustomerId,
    pub ends_at: Timestamp,
    pub asked_by: StaffId,
}

/// The waiting time is over: with another code to the address on file a new factor may be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryWaitEnded {
    pub customer: CustomerId,
}
