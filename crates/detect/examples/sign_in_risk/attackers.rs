//! Attackers modelled on the four of Wiefling et al. (ACM TOPS 2022; its results and the description of its
//! data set were at hand, its text was not). All of them know the password:
//!
//! - naive: comes from anywhere in the world with a widely used browser;
//! - VPN: knows the customer's country as well, and comes from there;
//! - targeted: knows the customer's town, browser and device, and comes from there with the like;
//! - very targeted: real takeovers, the rows so marked.
//!
//! The first two come from addresses known for attacks, the third from addresses that other
//! customers of the same town use, as one hires them from people. Browsers are drawn from other customers' sign-ins.

use std::collections::HashMap;

use storeward_base::Timestamp;
use storeward_detect::sign_in::UserAgent;

use super::rows::{Outcome, Row};
use super::world::Dice;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attacker {
    Naive,
    Vpn,
    Targeted,
    VeryTargeted,
}

impl Attacker {
    pub const ALL: [Attacker; 4] =
        [Attacker::Naive, Attacker::Vpn, Attacker::Targeted, Attacker::VeryTargeted];

    pub fn name(self) -> &'static str {
        match self {
            Attacker::Naive => "naive",
            Attacker::Vpn => "VPN",
            Attacker::Targeted => "targeted",
            Attacker::VeryTargeted => "very targeted",
        }
    }
}

/// Rows by what attackers choose them for.
pub struct Pools {
    /// Of attacks: networks alone matter.
    attacks: Vec<u32>,
    attacks_by_country: HashMap<String, Vec<u32>>,
    /// Of customers.
    by_town: HashMap<String, Vec<u32>>,
    by_device: HashMap<UserAgent, Vec<u32>>,
    all: Vec<u32>,
}

fn town(row: &Row) -> String {
    format!("{:?}/{}/{}", row.country, row.region, row.city)
}

/// Browser, system and kind, without the version.
fn device(row: &Row) -> UserAgent {
    UserAgent { major: None, ..UserAgent::parse(&row.agent) }
}

impl Pools {
    pub fn of(rows: &[Row]) -> Self {
        let mut pools = Pools {
            attacks: Vec::new(),
            attacks_by_country: HashMap::new(),
            by_town: HashMap::new(),
            by_device: HashMap::new(),
            all: Vec::new(),
        };
        for (at, row) in rows.iter().enumerate() {
            let at = u32::try_from(at).unwrap_or(0);
            if row.outcome == Outcome::Noise {
                pools.attacks.push(at);
                pools.attacks_by_country.entry(format!("{:?}", row.country)).or_default().push(at);
            }
            if row.outcome == Outcome::Own {
                pools.by_town.entry(town(row)).or_default().push(at);
                pools.by_device.entry(device(row)).or_default().push(at);
                pools.all.push(at);
            }
        }
        pools
    }

    /// An attempt on the customer whose last own sign-in was `victim`; nothing where the rows offer nothing.
    pub fn attempt(
        &self,
        attacker: Attacker,
        victim: &Row,
        at: Timestamp,
        rows: &[Row],
        dice: &mut Dice,
    ) -> Option<Row> {
        let somebody = |of: Option<&Vec<u32>>, dice: &mut Dice| {
            // Somebody else's, if that can be had within a few draws.
            let draws: Vec<&Row> =
                (0..8).filter_map(|_| rows.get(usize::try_from(*dice.pick(of?.as_slice())?).ok()?)).collect();
            draws.iter().find(|row| row.user != victim.user).or(draws.first()).copied()
        };
        let (network, agent) = match attacker {
            Attacker::Naive => (somebody(Some(&self.attacks), dice)?, somebody(Some(&self.all), dice)?),
            Attacker::Vpn => {
                let country = format!("{:?}", victim.country);
                (somebody(self.attacks_by_country.get(&country), dice)?, somebody(Some(&self.all), dice)?)
            }
            Attacker::Targeted => {
                let (town, device) = (self.by_town.get(&town(victim)), self.by_device.get(&device(victim)));
                (somebody(town, dice)?, somebody(device, dice)?)
            }
            Attacker::VeryTargeted => return None,
        };
        Some(Row {
            at,
            user: victim.user,
            agent: agent.agent.clone(),
            outcome: Outcome::Noise,
            ..network.clone()
        })
    }
}
