//! How long bans last and whom they never hit.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::AddressList;

use crate::config::ConfigError;

/// What a finding that asks for a ban leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BanMode {
    /// Findings are thrown away.
    Off,
    /// Findings are stated as facts; nobody is banned by itself. Staff can still ban.
    Note,
    #[default]
    Ban,
}

/// `[bans]` of `storeward.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BansSection {
    pub mode: BanMode,
    /// Addresses and networks that are never banned. Unless it is given: this machine itself (127.0.0.0/8 and ::1).
    /// Give it to name your office, your payment provider's webhooks, your monitoring; repeat 127.0.0.0/8 and ::1 where
    /// they shall stay. An empty list protects nobody but signed-in staff. A single IPv6 address protects itself, not
    /// the other addresses of its /64.
    pub never_block: AddressList,
    /// Length of the first, second, … ban of a client; the last holds for all further ones.
    pub lengths_minutes: Vec<u64>,
    /// For how long after its end a ban makes the next one longer.
    pub memory_days: u64,
}

impl Default for BansSection {
    fn default() -> Self {
        BansSection {
            mode: BanMode::default(),
            never_block: loopback(),
            lengths_minutes: vec![10, 60, 6 * 60, 24 * 60],
            memory_days: 7,
        }
    }
}

impl BansSection {
    /// Refuses lengths that the documents do not know; they were put right in silence before.
    pub fn check(&self) -> Result<(), ConfigError> {
        const LONGEST: u64 = 366 * 24 * 60;
        let fit = self.lengths_minutes.iter().all(|minutes| (1..=LONGEST).contains(minutes));
        if self.lengths_minutes.is_empty() || !fit {
            let problem =
                format!("one length at least, each of 1 to {LONGEST} minutes; leave it out for the default");
            return Err(ConfigError::new("bans.lengths_minutes", problem));
        }
        match self.memory_days {
            0..=3_660 => Ok(()),
            _ => Err(ConfigError::new("bans.memory_days", "3660 at most")),
        }
    }
}

/// The same, as the book takes it.
#[derive(Clone, Debug)]
pub struct BanOptions {
    pub never_block: AddressList,
    /// At least one; an empty list stands for ten minutes.
    pub lengths: Vec<Duration>,
    pub memory: Duration,
    /// For how long an address of signed-in staff is protected after it was last noted: 12 hours.
    pub operator_lease: Duration,
    /// Bans at a time: 50,000. When there are more, the one that ends soonest makes room, and that is counted.
    pub max_bans: usize,
}

impl Default for BanOptions {
    fn default() -> Self {
        BanOptions::from(&BansSection::default())
    }
}

impl From<&BansSection> for BanOptions {
    fn from(section: &BansSection) -> Self {
        BanOptions {
            never_block: section.never_block.clone(),
            lengths: section
                .lengths_minutes
                .iter()
                .map(|minutes| Duration::from_secs(minutes.clamp(&1, &(366 * 24 * 60)) * 60))
                .collect(),
            memory: Duration::from_secs(section.memory_days.min(3_660) * 24 * 3600),
            operator_lease: Duration::from_secs(12 * 3600),
            max_bans: 50_000,
        }
    }
}

impl BanOptions {
    /// Of the `level`-th ban.
    pub(super) fn length(&self, level: u32) -> Duration {
        let at = usize::try_from(level).unwrap_or(usize::MAX).saturating_sub(1);
        let length = self.lengths.get(at).or(self.lengths.last());
        length.copied().unwrap_or(Duration::from_secs(600))
    }
}

fn loopback() -> AddressList {
    AddressList::parse(&["127.0.0.0/8", "::1"]).expect("both are networks in CIDR form")
}
