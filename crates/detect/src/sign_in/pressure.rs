//! Bursts of failed sign-ins, by account, address, prefix, operator and tool. Fading counts with a short memory; they
//! are kept apart from the histories, which failed attempts never enter.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::Timestamp;

use super::counts::{Bound, Counts};
use super::feature::Features;
use super::stored::{Versioned, versioned};

/// A failure counts half after this time.
pub const PRESSURE_HALF_LIFE: Duration = Duration::from_mins(15);

/// Accounts, addresses and so on that are counted at a time; beyond, the least troubled are forgotten.
pub const MOST_TROUBLED: usize = 16_384;

const BOUND: Bound = Bound { half_life: PRESSURE_HALF_LIFE, most: MOST_TROUBLED };

/// Failures and successes of the last minutes. Small enough to stay in memory; may be lost at a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Versioned<PressureParts>", into = "Versioned<PressureParts>")]
pub struct Pressure(PressureParts);

versioned!(Pressure, PressureParts);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct PressureParts {
    by_account: Counts,
    by_address: Counts,
    by_prefix: Counts,
    by_network: Counts,
    by_tool: Counts,
    /// Of networks and tools that customers use too, the share of failures tells more than their number.
    good_by_network: Counts,
    good_by_tool: Counts,
}

/// Failures around one attempt; numbers fade, so they are not whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bursts {
    pub account: f64,
    pub address: f64,
    pub prefix: f64,
    pub network: f64,
    /// Of the network's attempts, the share that failed.
    pub network_share: f64,
    /// Attempts with the same handshake and the same user agent.
    pub tool: f64,
    pub tool_share: f64,
}

impl Pressure {
    /// A wrong password, a wrong code, an account that does not exist: all count alike. `account` is a keyed
    /// fingerprint of the name that was tried, whether it exists or not.
    pub fn failed(&mut self, account: u64, features: &Features) {
        self.0.by_account.add(account, features.0.at, BOUND);
        self.0.by_address.add(features.0.network[0], features.0.at, BOUND);
        self.0.by_prefix.add(features.0.prefix, features.0.at, BOUND);
        self.0.by_network.add(features.0.network[1], features.0.at, BOUND);
        self.0.by_tool.add(tool(features), features.0.at, BOUND);
    }

    /// A sign-in that was released.
    pub fn succeeded(&mut self, features: &Features) {
        self.0.good_by_network.add(features.0.network[1], features.0.at, BOUND);
        self.0.good_by_tool.add(tool(features), features.0.at, BOUND);
    }

    /// What an attempt has around it.
    pub fn around(&self, account: u64, features: &Features) -> Bursts {
        let now = features.0.at;
        let network = read(&self.0.by_network, features.0.network[1], now);
        let tool_failures = read(&self.0.by_tool, tool(features), now);
        Bursts {
            account: read(&self.0.by_account, account, now),
            address: read(&self.0.by_address, features.0.network[0], now),
            prefix: read(&self.0.by_prefix, features.0.prefix, now),
            network,
            network_share: share(network, read(&self.0.good_by_network, features.0.network[1], now)),
            tool: tool_failures,
            tool_share: share(tool_failures, read(&self.0.good_by_tool, tool(features), now)),
        }
    }
}

fn read(counts: &Counts, key: u64, now: Timestamp) -> f64 {
    counts.at(now, BOUND).of(key)
}

fn share(bad: f64, good: f64) -> f64 {
    if bad > 0.0 { bad / (bad + good) } else { 0.0 }
}

/// Handshake and user agent: a stuffing tool changes its address with each attempt, and these two rarely.
fn tool(features: &Features) -> u64 {
    let mixed = features.0.tls.unwrap_or(0) ^ features.0.agent[0].wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed & ((1 << 48) - 1)
}
