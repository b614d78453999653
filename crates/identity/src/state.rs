//! What stands between the first form and the last: a flow's purpose and its sealed state.

use serde::{Deserialize, Serialize};
use storeward_base::{CustomerId, Language, Timestamp};
use storeward_store::{FromValue, Value};

use crate::error::Error;
use crate::model::{DeviceId, Proof, SessionId, words};

words! {
    /// What was begun.
    Purpose, "a purpose" {
        SignUp = "sign_up",
        SignIn = "sign_in",
        /// A password was right at the shop's own sign-in; the shop's session waits.
        Shield = "shield",
        /// A signed-in person proves once more who they are.
        StepUp = "step_up",
        /// A way back into an account, or a password that must change.
        Recovery = "recovery",
        ChangeAddress = "change_address",
        /// Before the shop is given another address by which it names them.
        ShopName = "shop_name",
        EnrolTotp = "enrol_totp",
        EnrolPasskey = "enrol_passkey",
        EnrolSms = "enrol_sms",
        /// A passkey sign-in whose account is not known yet.
        Passkey = "passkey",
        /// The link of a letter: "this wasn't me".
        NotMe = "not_me",
        /// The link of a letter that stops a waiting time.
        StopRecovery = "stop_recovery",
        /// The link of a letter that leads to a new password.
        PasswordLink = "password_link",
    }
}

words! {
    /// By which way a session came about.
    Door, "a door" {
        Pages = "pages",
        Shield = "shield",
        Provider = "provider",
    }
}

/// Where somebody goes afterwards: a path of this host, never another site's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnTo(String);

impl ReturnTo {
    /// An authorization request that is carried along has long parts.
    const MOST_BYTES: usize = 4_096;

    /// `None` for whatever a browser could read as another site, and for what does not belong into a header.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() <= Self::MOST_BYTES
            && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>'));
        let local = text.starts_with('/') && !text.starts_with("//");
        let path = text.split(['?', '#']).next().unwrap_or("");
        let climbs = path.contains("/../") || path.ends_with("/..") || path.contains("//");
        (plain && local && !climbs).then(|| ReturnTo(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReturnTo {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        ReturnTo::parse(&text).ok_or("not a path of this host")
    }
}

impl From<ReturnTo> for String {
    fn from(to: ReturnTo) -> String {
        to.0
    }
}

/// What is known so far. Sealed at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub return_to: Option<ReturnTo>,
    pub proofs: Vec<Proof>,
    /// Why more than a password is asked for.
    pub reasons: Vec<String>,
    /// Where codes of this flow go, when it is not the account's own address: a new account's, a changed one.
    pub address: Option<String>,
    /// Somebody else has that address: nobody is written to there.
    pub is_taken: bool,
    pub name: Option<String>,
    pub language: Option<Language>,
    /// Of a new account.
    pub password_hash: Option<String>,
    /// The seed of an app that is being added, in base 32.
    pub seed: Option<String>,
    /// What a passkey has to sign, in hexadecimal.
    pub webauthn: Option<String>,
    /// The telephone that is being added.
    pub number: Option<String>,
    /// The session that this goes on from.
    pub session: Option<SessionId>,
    /// The person asked not to be asked here again.
    pub trust_device: bool,
    /// The mark of the address whose mail the person showed to read.
    pub read_at: Option<String>,
    /// Only a passkey will do.
    pub passkey_only: bool,
    /// It looked like a stranger: the device is not trusted, whatever was shown.
    pub never_trust: bool,
    /// The shield's handle that waits for this.
    pub handle: Option<String>,
    /// What the shop calls whoever signs in, where they go by another name here still.
    pub shop_name: Option<String>,
    /// Of a letter's link: when that happened which the letter tells of.
    pub since: Option<Timestamp>,
    /// And the address that it was written to: the account's, before whatever happened.
    pub written_to: Option<String>,
    pub door: Option<Door>,
    /// The device whose earlier token the browser showed when this began, from another network than its sign-in a moment before.
    pub elsewhere: Option<DeviceId>,
}

impl State {
    /// Adds a proof once.
    pub fn prove(&mut self, proof: Proof) {
        if !self.proofs.contains(&proof) {
            self.proofs.push(proof);
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|_| Error::Form("the kept state of a challenge cannot be read"))
    }
}

/// A flow as it stands in the database, opened.
#[derive(Clone, Debug)]
pub struct Flow {
    pub hash: String,
    pub purpose: Purpose,
    /// Missing for an address without an account.
    pub customer: Option<CustomerId>,
    pub state: State,
    pub version: i64,
    pub has_code: bool,
    pub codes_sent: u32,
    pub attempts: u32,
    pub expires_at: Timestamp,
    pub passed_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stays_on_this_host() {
        for good in ["/", "/basket", "/a?next=https://x", "/account#part", "/..hidden"] {
            assert!(ReturnTo::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "basket",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/a\r\nset-cookie: b=c",
            "/a/../b",
            "/a//b",
            "/a\"b",
            "/ä",
        ] {
            assert_eq!(ReturnTo::parse(bad), None, "{bad}");
        }
        assert_eq!(ReturnTo::parse(&format!("/{}", "x".repeat(5_000))), None);
    }

    #[test]
    fn state_round_trips_and_reads_what_is_older() {
        let mut state = State { return_to: ReturnTo::parse("/basket"), ..State::default() };
        state.prove(Proof::Password);
        state.prove(Proof::Password);
        assert_eq!(State::from_bytes(&state.to_bytes()).unwrap(), state);
        assert_eq!(state.proofs, [Proof::Password]);
        assert_eq!(State::from_bytes(b"{}").unwrap(), State::default());
        assert!(State::from_bytes(br#"{"return_to":"https://evil.example"}"#).is_err());
    }
}
