//! One pass over the rows in order of time: customers' sign-ins and attackers' attempts are scored with what was known
//! just before, and only customers' sign-ins are learned from.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use storeward_base::Timestamp;
use storeward_detect::sign_in::{
    AccountHistory, Answer, Attempt, Case, DeviceToken, Evidence, FeatureKey, Features, Passkey, Policy,
    Proof, ShopHistory, Smoothing, UserAgent, judge, novelty, record,
};

use super::attackers::{Attacker, Pools};
use super::rows::{Outcome, Row};
use super::world::Dice;

/// Sizes of a customer's history at which attackers try. Few for each customer, so that those who come daily do not
/// weigh more than those who come twice a year.
const ATTACKED_AT: [usize; 9] = [1, 2, 3, 5, 8, 12, 20, 30, 39];

/// How long a device stays trusted after its last sign-in, and how many customers keep it trusted (the rest decline,
/// or clear their cookies).
const TRUSTED_FOR: Duration = Duration::from_hours(180 * 24);
const KEEP_TRUSTED: u64 = 70;

/// The scores that are compared.
pub const SCORES: [&str; 2] = ["published formula", "Storeward's points"];

/// One scored sign-in.
#[derive(Clone, Copy, Debug)]
pub struct Scored {
    /// By [`SCORES`]: the logarithm of the published score, and the points of an attempt without a trusted device.
    pub scores: [f64; 2],
    /// With the trusted device's token, where there is one.
    pub points_with_device: f64,
    pub answer: Answer,
    /// With the trusted device's token, where there is one.
    pub answer_with_device: Answer,
}

#[derive(Default)]
pub struct Measured {
    /// By customer, in order of time.
    pub own: HashMap<i64, Vec<Scored>>,
    /// Mean days between a customer's sign-ins.
    pub gaps: HashMap<i64, f64>,
    pub attacks: HashMap<Attacker, Vec<Scored>>,
    /// Wall-clock time of one decision: features, score and answer.
    pub decision: Duration,
    pub own_rows: usize,
    pub customers: usize,
    pub shop_bytes: usize,
    pub account_bytes: usize,
}

/// FNV-1a. The installation's HMAC stands here in Storeward; for scores only equality counts.
struct Plain;

impl FeatureKey for Plain {
    fn key(&self, kind: &str, value: &[u8]) -> u64 {
        let bytes = kind.bytes().chain([0]).chain(value.iter().copied());
        bytes
            .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
    }
}

#[derive(Default)]
struct Account {
    history: AccountHistory,
    own: usize,
    first: Option<Timestamp>,
    last_row: usize,
    devices: HashMap<UserAgent, Timestamp>,
}

pub fn features(row: &Row) -> Features {
    let attempt = Attempt {
        round_trip: row.round_trip_ms.map(|ms| Duration::from_millis(u64::from(ms))),
        ..Attempt::new(row.at, row.ip, row.place(), &row.agent)
    };
    Features::of(&attempt, &Plain)
}

pub fn measure(rows: &[Row], seed: u64) -> Measured {
    let (pools, mut dice) = (Pools::of(rows), Dice::new(seed));
    let mut shop = ShopHistory::default();
    let mut accounts: HashMap<i64, Account> = HashMap::new();
    let mut measured = Measured::default();
    for (place, row) in rows.iter().enumerate() {
        let account = accounts.entry(row.user).or_default();
        match row.outcome {
            Outcome::Noise => {}
            Outcome::Takeover if account.own > 0 => {
                let scored = score(row, account, &shop, DeviceToken::Absent);
                measured.attacks.entry(Attacker::VeryTargeted).or_default().push(scored);
            }
            Outcome::Takeover => {}
            Outcome::Own => {
                if account.own > 0 {
                    let own = score(row, account, &shop, token(row, account));
                    measured.own.entry(row.user).or_default().push(own);
                }
                if ATTACKED_AT.contains(&account.own) {
                    let Some(victim) = rows.get(account.last_row) else { continue };
                    for (attacker, scored) in
                        attempts((victim, account), row.at, (rows, &pools), &shop, &mut dice)
                    {
                        measured.attacks.entry(attacker).or_default().push(scored);
                    }
                }
                learn(place, row, account, &mut shop);
                measured.own_rows += 1;
            }
        }
    }
    for (user, account) in &accounts {
        let span = account.first.map(|first| rows[account.last_row].at.since(first).as_secs_f64() / 86_400.0);
        let gaps = f64::from(u32::try_from(account.own.saturating_sub(1)).unwrap_or(u32::MAX));
        measured.gaps.insert(*user, span.unwrap_or(0.0) / gaps.max(1.0));
    }
    measured.customers = accounts.len();
    measured.decision = time(rows, &accounts, &shop);
    let size = |text: Result<String, serde_json::Error>| text.map_or(0, |text| text.len());
    measured.shop_bytes = size(serde_json::to_string(&shop));
    let each = accounts.values().map(|account| size(serde_json::to_string(&account.history)));
    measured.account_bytes = each.sum::<usize>() / accounts.len().max(1);
    measured
}

/// The attempts of those who attack at will, on the account as it stands.
fn attempts(
    victim: (&Row, &Account),
    at: Timestamp,
    hunting: (&[Row], &Pools),
    shop: &ShopHistory,
    dice: &mut Dice,
) -> Vec<(Attacker, Scored)> {
    let ((last, account), (rows, pools)) = (victim, hunting);
    let mut scored = Vec::new();
    for attacker in [Attacker::Naive, Attacker::Vpn, Attacker::Targeted] {
        if let Some(attempt) = pools.attempt(attacker, last, at, rows, dice) {
            scored.push((attacker, score(&attempt, account, shop, DeviceToken::Absent)));
        }
    }
    scored
}

fn score(row: &Row, account: &Account, shop: &ShopHistory, device: DeviceToken) -> Scored {
    let features = features(row);
    let published = novelty(&features, &account.history, shop, Smoothing::Published).score().ln();
    let answer = |device| {
        let evidence = Evidence { device, ..Evidence::default() };
        let case = Case { features: &features, evidence: &evidence, account: &account.history, shop };
        judge(&case, &Policy::customers())
    };
    let (without, with) = (answer(DeviceToken::Absent), answer(device));
    Scored {
        scores: [published, without.points],
        points_with_device: with.points,
        answer: without.answer,
        answer_with_device: with.answer,
    }
}

fn device_of(row: &Row) -> UserAgent {
    UserAgent { major: None, ..UserAgent::parse(&row.agent) }
}

fn token(row: &Row, account: &Account) -> DeviceToken {
    let device = device_of(row);
    // The same for one customer and device each time.
    let keeps = (row.user.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % 100 < KEEP_TRUSTED;
    let seen = account.devices.get(&device);
    if keeps && seen.is_some_and(|seen| row.at.since(*seen) < TRUSTED_FOR) {
        DeviceToken::Valid
    } else {
        DeviceToken::Absent
    }
}

fn learn(place: usize, row: &Row, account: &mut Account, shop: &mut ShopHistory) {
    let features = features(row);
    // Customers prove what they are asked for.
    let evidence = Evidence { passkey: Passkey::Used, ..Evidence::default() };
    let case = Case { features: &features, evidence: &evidence, account: &account.history, shop };
    if let Ok(released) = judge(&case, &Policy::customers()).release(Proof::Passkey) {
        record(&released, &mut account.history, shop);
    }
    account.own += 1;
    account.first.get_or_insert(row.at);
    account.last_row = place;
    account.devices.insert(device_of(row), row.at);
}

/// Features, score and answer of the last rows with everything known: the mean of the quickest batch, for that is the one
/// in which the machine did the least else.
fn time(rows: &[Row], accounts: &HashMap<i64, Account>, shop: &ShopHistory) -> Duration {
    let evidence = Evidence::default();
    let last = rows.get(rows.len().saturating_sub(40_000)..).unwrap_or(rows);
    let batch = |rows: &[Row]| {
        let start = Instant::now();
        for row in rows {
            let Some(account) = accounts.get(&row.user) else { continue };
            let features = features(row);
            let case = Case { features: &features, evidence: &evidence, account: &account.history, shop };
            std::hint::black_box(judge(&case, &Policy::customers()));
        }
        start.elapsed() / u32::try_from(rows.len().max(1)).unwrap_or(u32::MAX)
    };
    last.chunks(500).map(batch).min().unwrap_or_default()
}
