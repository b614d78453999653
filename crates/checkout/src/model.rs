//! The words of the inventory.

use std::fmt;
use std::str::FromStr;

use storeward_base::Timestamp;
use storeward_seal::encoding::hex;
use storeward_seal::fingerprint::sha256;

use crate::config::{Mode, OnChange};

/// Digits of an id.
const ID_DIGITS: usize = 32;

/// Which row of the inventory; follows from what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptId(String);

impl ScriptId {
    /// The row of something: for code in the page its shape or hash, else its address.
    pub fn of(kind: Kind, what: &str) -> Self {
        let digits = hex(&sha256(format!("{}\n{what}", kind.word()).as_bytes()));
        ScriptId(digits.chars().take(ID_DIGITS).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScriptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// It is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoId;

impl FromStr for ScriptId {
    type Err = NoId;
    fn from_str(text: &str) -> Result<Self, NoId> {
        let is_digit = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
        (text.len() == ID_DIGITS && text.bytes().all(is_digit)).then(|| ScriptId(text.to_owned())).ok_or(NoId)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$of])* $variant,)+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}

words! {
    /// What a row is about.
    Kind {
        /// A file that runs.
        Script = "script",
        /// Code in the page itself.
        Inline = "inline",
        /// Code in an attribute, such as `onclick`.
        Handler = "handler",
        Connect = "connect",
        Image = "image",
        Style = "style",
        Font = "font",
        Media = "media",
        Object = "object",
        Worker = "worker",
        Frame = "frame",
        Form = "form",
        /// Where the page may lead away to.
        Navigate = "navigate",
    }
}

words! {
    /// How much of it an approval covers.
    Scope {
        /// This very hash.
        Exact = "exact",
        /// Code in the page, whatever stands in its strings and numbers.
        Shape = "shape",
        /// Whatever this address serves.
        Address = "address",
    }
}

words! {
    /// How a row stands.
    Status {
        New = "new",
        Approved = "approved",
        /// It is not what was approved.
        Changed = "changed",
        /// The approval is over.
        Expired = "expired",
        Revoked = "revoked",
    }
}

words! {
    /// How staff said that a guarded page is served. It makes a page stricter than the config, never laxer.
    Hold {
        /// As the config says.
        Learn = "learn",
        /// Only what was approved runs.
        Enforce = "enforce",
        /// As `Enforce`, and what changed since it was approved does not run either, whatever `on_change` says.
        LastGood = "last_good",
    }
}

words! {
    /// What staff decided of a script.
    Act {
        Approved = "approved",
        /// The approval was taken back.
        Revoked = "revoked",
        /// It had none, and shall have none.
        Rejected = "rejected",
    }
}

words! {
    /// Who saw it.
    Source {
        /// It stood in the page as it went out.
        Page = "page",
        /// A browser says so.
        Report = "report",
        /// It was fetched.
        Fetch = "fetch",
        /// The guard in the page says so.
        Guard = "guard",
    }
}

impl Source {
    /// Whether Storeward saw it itself. What strangers say takes nothing away.
    pub const fn is_own(self) -> bool {
        matches!(self, Source::Page | Source::Fetch)
    }
}

/// A row of the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub id: ScriptId,
    pub kind: Kind,
    /// A URL without its query; an origin where the kind is no script; `inline` for code in the page, words for code that a script puts in.
    pub address: String,
    /// The beginning of code in the page, its strings and numbers left out.
    pub sample: String,
    /// SHA-256 in base64, the newest that Storeward saw itself.
    pub hash: Option<String>,
    pub status: Status,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub seen: u64,
    /// The guarded path.
    pub page: String,
    /// The script that asked for it, where a browser said so.
    pub initiator: Option<String>,
    pub source: Source,
    pub approval: Option<Approval>,
    pub fetched_at: Option<Timestamp>,
    pub fetch_code: Option<String>,
    /// Whether its hash can be checked on another site's page (CORS).
    pub is_shared: bool,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) version: u64,
    /// Stands for code that is another one with each view: there is nothing of it that could be approved.
    pub(crate) is_changing: bool,
    /// Of code, fingerprints of how it begins, with blanks between.
    pub(crate) begins: Option<String>,
}

/// What somebody approved, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub scope: Scope,
    pub hash: Option<String>,
    pub owner: String,
    pub justification: String,
    /// The actor's id.
    pub by: String,
    pub at: Timestamp,
    pub until: Timestamp,
}

impl Script {
    /// Code that a script put into a page: browsers tell of it without a hash.
    pub fn is_put_in(&self) -> bool {
        matches!(self.kind, Kind::Inline | Kind::Handler) && !self.source.is_own()
    }

    /// How it stands at a moment.
    pub fn status_at(&self, now: Timestamp) -> Status {
        let Some(approval) = &self.approval else {
            return if self.revoked_at.is_some() { Status::Revoked } else { Status::New };
        };
        if approval.until <= now {
            return Status::Expired;
        }
        let is_other =
            approval.scope == Scope::Exact && approval.hash.is_some() && approval.hash != self.hash;
        if is_other { Status::Changed } else { Status::Approved }
    }
}

/// A hash that a script had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub hash: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub bytes: Option<u64>,
    pub source: String,
}

/// A row with its history, newest hash first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    pub script: Script,
    pub versions: Vec<Version>,
    /// The newest first.
    pub decisions: Vec<Decision>,
}

/// What an approval says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApproval {
    pub scope: Scope,
    /// Who answers for the script.
    pub owner: String,
    /// Why the paying page needs it.
    pub justification: String,
    /// From now; 1 to 366.
    pub days: u32,
    /// The hash that somebody looked at: `Exact` approves it and no other, and needs it.
    pub hash: Option<String>,
}

/// What somebody decided, with the reasons as they were then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Of the event that tells of it in the ledger.
    pub event: String,
    pub at: Timestamp,
    /// The actor's id.
    pub by: String,
    pub act: Act,
    pub script: ScriptId,
    pub kind: Kind,
    pub address: String,
    pub page: String,
    pub scope: Option<Scope>,
    pub hash: Option<String>,
    pub owner: String,
    pub justification: String,
    pub until: Option<Timestamp>,
}

/// A page that somebody decided about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub page: String,
    pub hold: Hold,
    pub at: Timestamp,
    /// The actor's id.
    pub by: String,
}

/// What of the inventory is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What waits for a person: new, changed, over.
    Open,
    Approved,
    /// Rejected, or taken back.
    Rejected,
    All,
}

impl Wanted {
    pub const fn takes(self, status: Status) -> bool {
        match self {
            Wanted::Open => matches!(status, Status::New | Status::Changed | Status::Expired),
            Wanted::Approved => matches!(status, Status::Approved),
            Wanted::Rejected => matches!(status, Status::Revoked),
            Wanted::All => true,
        }
    }
}

/// How a guarded page is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub page: String,
    /// What the config says.
    pub section: Mode,
    /// What staff said, where they did.
    pub held: Option<Held>,
    /// What comes of both, and of alerts.
    pub acts_as: Mode,
    pub on_change: OnChange,
    /// Pages that only learn were taken to their last good state by an alert.
    pub is_triggered: bool,
}

/// What staff have to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub id: String,
    /// `script_new`, `script_changed`, `header_changed`, `blocked`, `preconnect`, `tampered`, `unguarded`, `unread`, `reports_flooded`, `approval_ends`, `approval_over`.
    pub kind: String,
    pub script: Option<ScriptId>,
    pub source: Source,
    pub what: String,
    pub at: Timestamp,
    pub last_at: Timestamp,
    pub count: u64,
    pub closed_at: Option<Timestamp>,
    /// The actor's id.
    pub closed_by: Option<String>,
}

/// A header of a paying page that its security leans on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderLine {
    pub page: String,
    pub name: String,
    pub value: Option<String>,
    pub approved: Option<String>,
    pub seen_at: Timestamp,
    pub approved_at: Option<Timestamp>,
    pub approved_by: Option<String>,
}

/// What browsers and the guard said on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub day: String,
    /// `blocked`, `seen`, `tampered`.
    pub how: String,
    pub channel: String,
    pub host: String,
    pub path: String,
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_what_it_is() {
        let one = ScriptId::of(Kind::Script, "https://a.example/x.js");
        assert_eq!(one, ScriptId::of(Kind::Script, "https://a.example/x.js"));
        assert_ne!(one, ScriptId::of(Kind::Connect, "https://a.example/x.js"));
        assert_eq!(one.to_string().parse(), Ok(one));
        for text in ["", "x", "00112233445566778899aabbccddeefg", "00112233445566778899AABBCCDDEEFF"] {
            assert_eq!(text.parse::<ScriptId>(), Err(NoId), "{text}");
        }
    }
}
