//! What is remembered: of one account ([`AccountHistory`]) and of the whole shop ([`ShopHistory`]).
//!
//! Only what was [`Released`] enters: an attacker's attempts must not teach the scorer that the attacker's network is
//! normal. (On the published data, feeding attempts in as they come raises the share of challenged customers to about
//! nine in ten; reference in docs/benchmarks.md.) Both are bounded and fade, and both are stored with a version.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::{Bound, Counts};
use super::feature::Features;
use super::stored::{Versioned, versioned};
use super::travel::Sighting;
use super::verdict::Released;

/// Everything fades by half in this time. Customers of shops sign in less than monthly: a shorter memory would forget
/// them between two orders.
pub const HALF_LIFE: Duration = Duration::from_hours(180 * 24);

/// Distinct values kept of each kind for one account.
pub const MOST_VALUES: usize = 64;

pub(crate) const OWN: Bound = Bound { half_life: HALF_LIFE, most: MOST_VALUES };

const fn shop_wide(most: usize) -> Bound {
    Bound { half_life: HALF_LIFE, most }
}

/// Address, operator, country.
pub(crate) const SHOP_NETWORK: [Bound; 3] = [shop_wide(16_384), shop_wide(4_096), shop_wide(256)];
/// String, browser, system, kind of device.
pub(crate) const SHOP_AGENT: [Bound; 4] = [shop_wide(8_192), shop_wide(64), shop_wide(64), shop_wide(64)];
pub(crate) const SHOP_BROWSERS: Bound = shop_wide(64);
pub(crate) const SHOP_PAIRS: Bound = shop_wide(4_096);

/// What one account's sign-ins looked like. The default is an account that never signed in, and an account that does
/// not exist: both get the same answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Versioned<AccountParts>", into = "Versioned<AccountParts>")]
pub struct AccountHistory(pub(crate) AccountParts);

versioned!(AccountHistory, AccountParts);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccountParts {
    pub network: [Counts; 3],
    pub agent: [Counts; 4],
    pub hours: Counts,
    pub round_trips: Counts,
    pub last_seen: Option<Sighting>,
}

/// What everybody's sign-ins look like, and how many accounts there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Versioned<ShopParts>", into = "Versioned<ShopParts>")]
pub struct ShopHistory(pub(crate) ShopParts);

versioned!(ShopHistory, ShopParts);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShopParts {
    pub network: [Counts; 3],
    pub agent: [Counts; 4],
    /// Browsers for which a handshake was seen, and with which handshake.
    pub shaken_browsers: Counts,
    pub handshake_pairs: Counts,
    /// Accounts that ever signed in.
    pub accounts: u64,
}

impl AccountHistory {
    /// It has no released sign-in that was not taken back.
    pub fn is_empty(&self) -> bool {
        self.0.network.iter().all(Counts::is_empty)
    }

    /// Whether a released sign-in came from the very address of these features, or from its IPv6 /64.
    pub fn knows_network(&self, features: &Features) -> bool {
        let ([own, ..], [key, ..]) = (&self.0.network, features.0.network);
        own.at(features.0.at, OWN).of(key) > 0.0
    }

    /// "This wasn't me": takes one released sign-in back, so that who came in once is a stranger again. The shop's
    /// history keeps it; one in so many teaches it nothing.
    pub fn disown(&mut self, features: &Features) {
        let own = &mut self.0;
        for (counts, key) in own.network.iter_mut().zip(features.0.network) {
            counts.undo(key, features.0.at, OWN);
        }
        for (counts, key) in own.agent.iter_mut().zip(features.0.agent) {
            counts.undo(key, features.0.at, OWN);
        }
        own.hours.undo(features.0.hour, features.0.at, OWN);
        if let Some(step) = features.0.round_trip {
            own.round_trips.undo(step, features.0.at, OWN);
        }
        if own.last_seen.is_some_and(|seen| seen.at == features.0.at) {
            own.last_seen = None;
        }
    }
}

/// Remembers a sign-in that led into the account.
pub fn record(released: &Released, account: &mut AccountHistory, shop: &mut ShopHistory) {
    let features = released.features();
    let at = features.0.at;
    if account.is_empty() {
        shop.0.accounts = shop.0.accounts.saturating_add(1);
    }
    let (own, all) = (&mut account.0, &mut shop.0);
    for (counts, key) in own.network.iter_mut().zip(features.0.network) {
        counts.add(key, at, OWN);
    }
    for (counts, key) in own.agent.iter_mut().zip(features.0.agent) {
        counts.add(key, at, OWN);
    }
    own.hours.add(features.0.hour, at, OWN);
    if let Some(step) = features.0.round_trip {
        own.round_trips.add(step, at, OWN);
    }
    // A place that is not known leaves the last known one standing: the way from there was no shorter.
    if features.0.sighting.is_some_and(|new| own.last_seen.is_none_or(|old| old.at <= new.at)) {
        own.last_seen = features.0.sighting;
    }
    for ((counts, key), bound) in all.network.iter_mut().zip(features.0.network).zip(SHOP_NETWORK) {
        counts.add(key, at, bound);
    }
    for ((counts, key), bound) in all.agent.iter_mut().zip(features.0.agent).zip(SHOP_AGENT) {
        counts.add(key, at, bound);
    }
    if let Some(pair) = features.handshake_pair() {
        all.shaken_browsers.add(features.0.agent[1], at, SHOP_BROWSERS);
        all.handshake_pairs.add(pair, at, SHOP_PAIRS);
    }
}
