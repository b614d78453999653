//! From signals to an answer.
//!
//! Each signal gives points (natural logarithms of odds), and the points are added. Adding a bad signal never lowers
//! the answer: every bad signal's points are at least zero, and what follows the sum (floors, caps, the policy) only
//! ever grows with it. The properties are tested in `tests/sign_in_properties.rs`.

use serde::{Deserialize, Serialize};

use super::feature::Features;
use super::history::{AccountHistory, OWN, SHOP_BROWSERS, SHOP_PAIRS, ShopHistory};
use super::novelty::{Novelty, Smoothing, novelty};
use super::policy::{Answer, Mode, Policy, TrustedDevice};
use super::pressure::Bursts;
use super::reason::Reason;
use super::travel::FASTEST_KM_PER_HOUR;

/// What the trusted-device cookie said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceToken {
    /// Signed for this account, not expired, the latest of its line.
    Valid,
    #[default]
    Absent,
    /// One that had been replaced already: somebody has a copy.
    Stolen,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Passkey {
    /// The sign-in was made with it, the user verified.
    Used,
    #[default]
    None,
    /// The account has one, and the password was used.
    PassedOver,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Password {
    /// Not found among breached ones, or not checked.
    #[default]
    Unremarkable,
    /// The password used now stands in a list of breached ones.
    Breached,
}

/// What lies behind the door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    #[default]
    Ordinary,
    /// Saved cards, points, credit.
    Valuable,
    /// The shop itself.
    Administrative,
}

/// What the front door makes of the tool, by header order, handshake lists and the like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    #[default]
    Unremarkable,
    /// No browser sends its headers so.
    Unusual,
    /// A known tool for trying passwords.
    Known,
}

/// Whether the account has a second factor of its own (a mailed code does not count).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondFactor {
    #[default]
    None,
    Enrolled,
}

/// What the caller found out about the attempt, beyond its features.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    pub device: DeviceToken,
    pub passkey: Passkey,
    pub password: Password,
    pub second_factor: SecondFactor,
    pub target: Target,
    pub tool: Tool,
    /// From [`super::Pressure::around`].
    pub bursts: Bursts,
}

/// One attempt with everything that is known of it. For an account that does not exist, the default history and the
/// default evidence of the account's side: it gets the answers that an account without history gets.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    pub features: &'a Features,
    pub evidence: &'a Evidence,
    pub account: &'a AccountHistory,
    pub shop: &'a ShopHistory,
}

/// A signal and the points it gave; below zero speaks for the account's owner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weighed {
    pub reason: Reason,
    pub points: f64,
}

/// The answer, and what led to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub answer: Answer,
    pub points: f64,
    /// In order of weight. Each reason once, none without points.
    pub reasons: Vec<Weighed>,
    features: Features,
}

/// What opened the door in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing beyond the password.
    Password,
    SecondFactor,
    Passkey,
}

/// A sign-in that led into the account: the only thing that histories remember.
#[derive(Clone, Debug, PartialEq)]
pub struct Released(Features);

impl Released {
    pub fn features(&self) -> &Features {
        &self.0
    }
}

impl Verdict {
    /// The sign-in as one that may be let in, if the proof is enough for the answer; else the verdict back. A refusal
    /// is never released.
    pub fn release(self, proof: Proof) -> Result<Released, Box<Verdict>> {
        let enough = match self.answer {
            Answer::Allow | Answer::Notice => true,
            Answer::StepUp => matches!(proof, Proof::SecondFactor | Proof::Passkey),
            Answer::PasskeyOnly => proof == Proof::Passkey,
            Answer::Refuse => false,
        };
        if enough { Ok(Released(self.features)) } else { Err(Box::new(self)) }
    }
}

/// Judges one attempt. Ask when the password has been checked and was right: what a wrong password leads to must not
/// depend on the account.
pub fn judge(case: &Case<'_>, policy: &Policy) -> Verdict {
    let mut sheet = Sheet::default();
    let novelty = novelty(case.features, case.account, case.shop, Smoothing::default());
    weigh_proofs(case.evidence, &mut sheet);
    weigh_bursts(case.evidence, &mut sheet);
    weigh_tool(case, &mut sheet);
    weigh_novelty(&novelty, &mut sheet);
    weigh_place(case, &mut sheet);
    weigh_target(case.evidence, &mut sheet);
    let by_risk = capped(&sheet, case.evidence, policy).max(floor(case.evidence));
    let answer = by_policy(by_risk, case.evidence, policy);
    if answer == Answer::StepUp && by_risk < Answer::StepUp {
        sheet.reasons.push(Weighed { reason: Reason::PolicyAsks, points: 0.0 });
    }
    let points = sheet.sum(|_| true);
    sheet.reasons.sort_by_key(|weighed| weighed.reason);
    Verdict { answer, points, reasons: sheet.reasons, features: case.features.clone() }
}

/// The points of one attempt, signal by signal.
#[derive(Default)]
struct Sheet {
    reasons: Vec<Weighed>,
}

impl Sheet {
    fn add(&mut self, reason: Reason, points: f64) {
        if points != 0.0 {
            self.reasons.push(Weighed { reason, points });
        }
    }

    fn sum(&self, counts: impl Fn(Reason) -> bool) -> f64 {
        self.reasons.iter().filter(|weighed| counts(weighed.reason)).map(|weighed| weighed.points).sum()
    }
}

/// Failures at other addresses than the client's own do not lead beyond a second step by themselves: anybody can cause them, on the
/// account, with the owner's kind of browser, or from a network that the owner shares, and must not be able to lock the owner out. Those
/// on the account never do; the others do where the client itself looks like one that tries passwords.
fn capped(sheet: &Sheet, evidence: &Evidence, policy: &Policy) -> Answer {
    let is_clients_own = |weighed: &Weighed| match weighed.reason {
        Reason::FailuresFromAddress | Reason::DeviceStolen | Reason::AutomatedAgent => true,
        Reason::HostingNetwork | Reason::ImpossibleTravel | Reason::AgentContradictsHandshake => true,
        Reason::StuffingTool => evidence.tool != Tool::Unremarkable,
        _ => false,
    };
    let looks_so = sheet.reasons.iter().any(is_clients_own);
    let is_anybodys = |reason| match reason {
        Reason::FailuresOnAccount => true,
        Reason::FailuresFromPrefix | Reason::FailuresFromNetwork | Reason::StuffingTool => !looks_so,
        _ => false,
    };
    let all = policy.thresholds.answer(sheet.sum(|_| true));
    let rest = policy.thresholds.answer(sheet.sum(|reason| !is_anybodys(reason)));
    rest.max(all.min(Answer::StepUp))
}

/// What some evidence asks for, whatever else speaks for the client.
fn floor(evidence: &Evidence) -> Answer {
    let device = match evidence.device {
        DeviceToken::Valid | DeviceToken::Absent => Answer::Allow,
        DeviceToken::Stolen => Answer::StepUp,
    };
    let password = match (evidence.password, evidence.device) {
        (Password::Unremarkable, _) => Answer::Allow,
        (Password::Breached, DeviceToken::Valid) => Answer::Notice,
        (Password::Breached, _) => Answer::StepUp,
    };
    device.max(password)
}

fn by_policy(by_risk: Answer, evidence: &Evidence, policy: &Policy) -> Answer {
    // A passkey with the user verified is two factors already, and cannot be phished.
    if evidence.passkey == Passkey::Used {
        return by_risk.min(Answer::Notice);
    }
    let unchallenged = match by_risk {
        Answer::StepUp | Answer::PasskeyOnly => Answer::Notice,
        other => other,
    };
    let trusted = evidence.device == DeviceToken::Valid && policy.trusted_device == TrustedDevice::Suffices;
    let always = if trusted { by_risk } else { by_risk.max(Answer::StepUp) };
    match (policy.mode, evidence.second_factor) {
        (Mode::Off, _) | (Mode::Offered, SecondFactor::None) => unchallenged,
        (Mode::Offered | Mode::RiskBased, SecondFactor::Enrolled) | (Mode::Required, _) => always,
        (Mode::RiskBased, SecondFactor::None) => by_risk,
    }
}

fn weigh_proofs(evidence: &Evidence, sheet: &mut Sheet) {
    match evidence.device {
        DeviceToken::Valid => sheet.add(Reason::DeviceTrusted, -8.0),
        DeviceToken::Absent => {}
        DeviceToken::Stolen => sheet.add(Reason::DeviceStolen, 4.0),
    }
    match evidence.passkey {
        Passkey::Used => sheet.add(Reason::PasskeyUsed, -10.0),
        Passkey::None => {}
        Passkey::PassedOver => sheet.add(Reason::PasskeyPassedOver, 0.5),
    }
    if evidence.password == Password::Breached {
        sheet.add(Reason::PasswordBreached, 3.0);
    }
}

/// Doublings beyond what people bring about by mistyping.
fn doublings(count: f64, free: f64) -> f64 {
    (count / free).max(1.0).log2()
}

/// On a trusted device failures elsewhere do not count: attackers cause them, and its owner is not to suffer.
fn weigh_bursts(evidence: &Evidence, sheet: &mut Sheet) {
    if evidence.device == DeviceToken::Valid {
        return;
    }
    let bursts = &evidence.bursts;
    sheet.add(Reason::FailuresOnAccount, doublings(bursts.account, 3.0).min(4.0));
    sheet.add(Reason::FailuresFromAddress, doublings(bursts.address, 5.0).min(5.0));
    sheet.add(Reason::FailuresFromPrefix, (0.75 * doublings(bursts.prefix, 20.0)).min(3.0));
    let network = doublings(bursts.network, 30.0) * bursts.network_share;
    sheet.add(Reason::FailuresFromNetwork, (0.5 * network).min(2.0));
    let tool = (doublings(bursts.tool, 20.0) * bursts.tool_share).min(4.0);
    let told: f64 = match evidence.tool {
        Tool::Unremarkable => 0.0,
        Tool::Unusual => 1.5,
        Tool::Known => 4.0,
    };
    sheet.add(Reason::StuffingTool, told.max(tool));
}

/// Sign-ins of a browser with a known handshake before a handshake never seen with it counts as a contradiction.
const BROWSER_KNOWN_AFTER: f64 = 200.0;

fn weigh_tool(case: &Case<'_>, sheet: &mut Sheet) {
    let features = case.features;
    if features.0.is_machine {
        sheet.add(Reason::AutomatedAgent, 2.0);
    }
    let Some(pair) = features.handshake_pair() else { return };
    let shop = &case.shop.0;
    let browser_seen = shop.shaken_browsers.at(features.0.at, SHOP_BROWSERS).of(features.0.agent[1]);
    let pair_seen = shop.handshake_pairs.at(features.0.at, SHOP_PAIRS).of(pair);
    if browser_seen >= BROWSER_KNOWN_AFTER && pair_seen == 0.0 {
        sheet.add(Reason::AgentContradictsHandshake, 2.0);
    }
}

fn weigh_novelty(novelty: &Novelty, sheet: &mut Sheet) {
    sheet.add(Reason::Network, novelty.network.clamp(-4.0, 4.0));
    sheet.add(Reason::Agent, novelty.agent.clamp(-3.0, 3.0));
    sheet.add(Reason::AccountRarelyUsed, novelty.account.clamp(-1.0, 1.0));
}

/// Observations before a round trip or an hour that is not among them tells anything.
const HABIT_AFTER: f64 = 5.0;

fn weigh_place(case: &Case<'_>, sheet: &mut Sheet) {
    let (features, own) = (case.features, &case.account.0);
    if features.0.hosting {
        sheet.add(Reason::HostingNetwork, 1.5);
    }
    let speed = own.last_seen.zip(features.0.location);
    let speed = speed.and_then(|(last, here)| last.least_speed_to(features.0.at, &here));
    if speed.is_some_and(|speed| speed > FASTEST_KM_PER_HOUR) {
        sheet.add(Reason::ImpossibleTravel, 3.0);
    }
    if let Some(step) = features.0.round_trip {
        let trips = own.round_trips.at(features.0.at, OWN);
        let near = [step.saturating_sub(1), step, step + 1];
        let never = near.iter().all(|step| trips.of(*step) == 0.0);
        if trips.total() >= HABIT_AFTER && never {
            sheet.add(Reason::RoundTripNew, 0.5);
        }
    }
    let hours = own.hours.at(features.0.at, OWN);
    let near = [
        features.0.hour + 22,
        features.0.hour + 23,
        features.0.hour,
        features.0.hour + 1,
        features.0.hour + 2,
    ];
    let never = near.iter().all(|hour| hours.of(hour % 24) == 0.0);
    if hours.total() >= HABIT_AFTER && never {
        sheet.add(Reason::HourUnusual, 0.5);
    }
}

fn weigh_target(evidence: &Evidence, sheet: &mut Sheet) {
    match evidence.target {
        Target::Ordinary => {}
        Target::Valuable => sheet.add(Reason::TargetValuable, 0.5),
        Target::Administrative => sheet.add(Reason::TargetValuable, 1.0),
    }
}
