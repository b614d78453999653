//! How much more likely a sign-in is a stranger's than the account's own: the model of Freeman, Jain, Dürmuth, Biggio
//! and Giacinto, "Who Are You? A Statistical Approach to Measuring User Authenticity" (NDSS 2016).
//!
//! score(u, x) = prod_k p(x_k) / p(x_k | u, L) * p(u | attack) / p(u | L), for the features network and user agent.
//! Each feature has levels, narrow to wide; their shares are mixed by fixed weights (das-group/rba-algorithm, set for
//! the data of Wiefling et al., ACM TOPS 2022), which is the back-off: who comes from a new address of a known operator
//! is half known.

use super::counts::{Bound, Counts};
use super::feature::Features;
use super::history::{AccountHistory, OWN, SHOP_AGENT, SHOP_NETWORK, ShopHistory};
use storeward_base::Timestamp;

/// Address, operator, country.
const NETWORK_WEIGHTS: [f64; 3] = [0.6, 0.3, 0.1];

/// String, browser, system, kind of device.
const AGENT_WEIGHTS: [f64; 4] =
    [0.538_665_384_055_135_9, 0.268_045_149_862_566_6, 0.188_182_951_001_095_36, 0.005_106_515_081_202_152_5];

/// How often attackers are taken to know the value and to show it: the country by a VPN, the others no more often than
/// chance has it.
const NETWORK_KNOWN: [f64; 3] = [0.0, 0.0, 0.5];
const AGENT_KNOWN: [f64; 4] = [0.0; 4];

/// What to make of values that an account never showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smoothing {
    /// As das-group/rba-algorithm does: only the shop's narrowest level is smoothed, and an account that never showed
    /// any level of a feature is taken to show it a quarter as often as everybody.
    Published,
    /// Every account is given `strength` more observations, spread as everybody's are (a Dirichlet prior). The longer
    /// an account kept to its own, the more a change tells; and a near match is never worse than no match. Attackers
    /// are taken to know the account's country half of the time: a VPN in the right country is for sale, so coming from
    /// a small country is not the proof of identity that its rarity makes it.
    TowardsTheShop { strength: f64 },
}

impl Default for Smoothing {
    fn default() -> Self {
        Smoothing::TowardsTheShop { strength: 0.5 }
    }
}

/// The factors of the score, as natural logarithms: above zero speaks for a stranger, below for the account's own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Novelty {
    pub network: f64,
    pub agent: f64,
    /// p(u | attack) / p(u | L): attackers try all accounts alike, so a sign-in to one whose owner rarely comes is more
    /// likely theirs.
    pub account: f64,
}

impl Novelty {
    /// The score as published: the odds of a stranger, up to a constant factor.
    pub fn score(&self) -> f64 {
        (self.network + self.agent + self.account).exp()
    }
}

pub fn novelty(
    features: &Features,
    account: &AccountHistory,
    shop: &ShopHistory,
    smoothing: Smoothing,
) -> Novelty {
    let (own, all) = (&account.0, &shop.0);
    let network = Levels {
        keys: &features.0.network,
        weights: &NETWORK_WEIGHTS,
        known: &NETWORK_KNOWN,
        own: &own.network,
        all: &all.network,
        bounds: &SHOP_NETWORK,
    };
    let agent = Levels {
        keys: &features.0.agent,
        weights: &AGENT_WEIGHTS,
        known: &AGENT_KNOWN,
        own: &own.agent,
        all: &all.agent,
        bounds: &SHOP_AGENT,
    };
    let own_total = total(&own.network, features.0.at, OWN);
    let all_total = total(&all.network, features.0.at, SHOP_NETWORK[0]);
    Novelty {
        network: network.log_ratio(features.0.at, smoothing),
        agent: agent.log_ratio(features.0.at, smoothing),
        account: account_term(own_total, all_total, count(all.accounts), smoothing),
    }
}

fn total(levels: &[Counts], at: Timestamp, bound: Bound) -> f64 {
    levels.first().map_or(0.0, |counts| counts.at(at, bound).total())
}

fn count(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

fn account_term(own: f64, all: f64, accounts: f64, smoothing: Smoothing) -> f64 {
    let each = all / accounts.max(1.0);
    match smoothing {
        // The published code never scores an account without history; it counts as one sign-in here.
        Smoothing::Published => (each / if own > 0.0 { own } else { 1.0 }).max(f64::MIN_POSITIVE).ln(),
        Smoothing::TowardsTheShop { .. } => ((each + 1.0) / (own + 1.0)).ln(),
    }
}

/// One feature at its levels.
struct Levels<'a> {
    keys: &'a [u64],
    weights: &'a [f64],
    known: &'a [f64],
    own: &'a [Counts],
    all: &'a [Counts],
    bounds: &'a [Bound],
}

/// One level: how often the account and everybody showed the value, of how many sign-ins.
struct Level {
    weight: f64,
    /// How often attackers know the account's values and show them.
    known: f64,
    own: f64,
    own_total: f64,
    all: f64,
    all_total: f64,
    /// Values known of the whole shop.
    distinct: f64,
}

impl Levels<'_> {
    fn each(&self, at: Timestamp) -> impl Iterator<Item = Level> {
        let shop = self.all.iter().zip(self.bounds).map(move |(counts, bound)| counts.at(at, *bound));
        let own = self.own.iter().map(move |counts| counts.at(at, OWN));
        let fixed = self.keys.iter().zip(self.weights).zip(self.known);
        fixed.zip(own).zip(shop).map(|((((key, weight), known), own), all)| Level {
            weight: *weight,
            known: *known,
            own: own.of(*key),
            own_total: own.total(),
            all: all.of(*key),
            all_total: all.total(),
            distinct: all.distinct(),
        })
    }

    /// ln(p(x) / p(x | u, L)).
    fn log_ratio(&self, at: Timestamp, smoothing: Smoothing) -> f64 {
        let (everybody, account) = match smoothing {
            Smoothing::Published => self.published(at),
            Smoothing::TowardsTheShop { strength } => self.towards_the_shop(at, strength),
        };
        (everybody / account).ln()
    }

    fn published(&self, at: Timestamp) -> (f64, f64) {
        let (mut everybody, mut account) = (0.0, 0.0);
        let unseen: f64 = 1.0 + self.each(at).skip(1).map(|level| level.distinct).sum::<f64>();
        // Within the sign-ins with this very value, each wider level has one value, and one more is assumed.
        let unseen_within = count(u64::try_from(self.keys.len()).unwrap_or(u64::MAX));
        for (depth, level) in self.each(at).enumerate() {
            let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
            let of_all = if depth > 0 {
                share(level.all, level.all_total)
            } else if level.all > 0.0 {
                level.all / (level.all + unseen_within) * level.all / (level.all_total + unseen)
            } else {
                1.0 / (level.all_total + unseen)
            };
            everybody += level.weight * of_all;
            account += level.weight * share(level.own, level.own_total);
        }
        (everybody, if account > 0.0 { account } else { everybody / 4.0 })
    }

    fn towards_the_shop(&self, at: Timestamp, strength: f64) -> (f64, f64) {
        let (mut everybody, mut account) = (0.0, 0.0);
        for level in self.each(at) {
            // One more observation, spread evenly over all known values and one unknown.
            let of_all = (level.all + 1.0 / (level.distinct + 1.0)) / (level.all_total + 1.0);
            let of_account = (level.own + strength * of_all) / (level.own_total + strength);
            everybody += level.weight * of_all.max(level.known * of_account);
            account += level.weight * of_account;
        }
        (everybody, account)
    }
}
