//! What a ban is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use storeward_base::{Actor, AddressBlock, Blame, ClientIp, Fault, FaultKind, Timestamp};

/// A ban as staff see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    pub block: AddressBlock,
    /// The address whose behaviour led to it.
    pub client: ClientIp,
    /// The scenario's name, or staff's reason code.
    pub reason: String,
    pub by: Actor,
    /// 1 for the first ban; each further one within the memory counts on.
    pub level: u32,
    pub since: Timestamp,
    pub until: Timestamp,
    /// Requests turned away since.
    pub turned_away: u64,
}

/// What the hot path learns of a ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveBan {
    pub until: Timestamp,
    pub level: u32,
    pub reason: Arc<str>,
}

/// How a ban ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Ended {
    Expired,
    Lifted {
        by: Actor,
    },
    /// Its address came onto the never-block list, or staff signed in from it.
    Exempted,
    /// Staff set another one in its place.
    Replaced,
    /// There were too many.
    MadeRoom,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastBan {
    #[serde(flatten)]
    pub ban: Ban,
    pub ended_at: Timestamp,
    pub ended: Ended,
}

/// Where a page of active bans goes on: newest first, then by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BanKey {
    pub since: Timestamp,
    pub block: AddressBlock,
}

/// Where a page of past bans goes on: counts up with each ban that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PastKey(pub u64);

/// Why somebody was not banned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BanRefusal {
    /// On the never-block list of the config.
    NeverBlocked,
    /// Staff are signed in from there.
    Operator,
    /// There is a ban already; it is not extended.
    AlreadyBanned { until: Timestamp },
}

impl fmt::Display for BanRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BanRefusal::NeverBlocked => {
                f.write_str("the address is on the never-block list; change bans.never_block to ban it")
            }
            BanRefusal::Operator => {
                f.write_str("staff are or were just signed in from this address, so it is not banned")
            }
            BanRefusal::AlreadyBanned { until } => write!(f, "the address is banned already, until {until}"),
        }
    }
}

impl std::error::Error for BanRefusal {}

impl Fault for BanRefusal {
    fn kind(&self) -> FaultKind {
        FaultKind::Conflict
    }
    fn blame(&self) -> Blame {
        Blame::Caller
    }
    fn code(&self) -> &'static str {
        match self {
            BanRefusal::NeverBlocked => "ban.never_blocked",
            BanRefusal::Operator => "ban.operator",
            BanRefusal::AlreadyBanned { .. } => "ban.already_banned",
        }
    }
}

/// There is no ban to lift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBanned;

impl fmt::Display for NotBanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address is not banned; the ban may have ended meanwhile")
    }
}

impl std::error::Error for NotBanned {}

impl Fault for NotBanned {
    fn kind(&self) -> FaultKind {
        FaultKind::Missing
    }
    fn blame(&self) -> Blame {
        Blame::Caller
    }
    fn code(&self) -> &'static str {
        "ban.none"
    }
}

/// Figures of the book. Anything but 0 in those marked with ! deserves an alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BanStats {
    pub active: usize,
    /// Clients whose earlier bans still count.
    pub remembered: usize,
    pub operators: usize,
    /// ! Bans ended early because there were too many.
    pub made_room: u64,
    /// Times the clock was found set back and all leases were moved with it.
    pub clock_resets: u64,
    /// ! Times the file could not be written. It is tried again each second.
    pub write_errors: u64,
    /// ! The file could not be read at the start and was put aside; all earlier bans are gone.
    pub journal_was_unreadable: bool,
}

/// A ban in force. Never changed but for the count; a changed ban is a new entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub client: ClientIp,
    pub reason: Arc<str>,
    pub by: Actor,
    pub level: u32,
    pub since: Timestamp,
    pub until: Timestamp,
    pub turned_away: Arc<AtomicU64>,
}

impl Entry {
    pub fn view(&self) -> Ban {
        Ban {
            block: self.client.block(),
            client: self.client,
            reason: self.reason.as_ref().to_owned(),
            by: self.by,
            level: self.level,
            since: self.since,
            until: self.until,
            turned_away: self.turned_away.load(Ordering::Relaxed),
        }
    }

    pub fn from_view(ban: &Ban) -> Self {
        Entry {
            client: ban.client,
            reason: ban.reason.as_str().into(),
            by: ban.by,
            level: ban.level,
            since: ban.since,
            until: ban.until,
            turned_away: Arc::new(AtomicU64::new(ban.turned_away)),
        }
    }

    pub fn key(&self) -> BanKey {
        BanKey { since: self.since, block: self.client.block() }
    }
}
