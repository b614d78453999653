//! What the owner chose, and the five answers.

use serde::{Deserialize, Serialize};

/// What to do with a sign-in whose password was right. In order: each is stricter than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Let in.
    Allow,
    /// Let in, and tell the account's owner by mail.
    Notice,
    /// Ask for one more thing: a one-time code, an app's code, or a passkey.
    StepUp,
    /// Only a passkey opens. An account without one goes the way of recovery.
    PasskeyOnly,
    /// Do not let in, and tell the account's owner.
    Refuse,
}

impl Answer {
    pub const ALL: [Answer; 5] =
        [Answer::Allow, Answer::Notice, Answer::StepUp, Answer::PasskeyOnly, Answer::Refuse];

    /// Stable: stands in events and settings.
    pub const fn code(self) -> &'static str {
        match self {
            Answer::Allow => "allow",
            Answer::Notice => "notice",
            Answer::StepUp => "step_up",
            Answer::PasskeyOnly => "passkey_only",
            Answer::Refuse => "refuse",
        }
    }
}

/// When a second factor is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Never: what would have been a challenge becomes a notice. What would have been refused still is.
    Off,
    /// Of who set one up: always but on a trusted device. Of nobody else, as in `off`.
    Offered,
    /// Of who set one up: always but on a trusted device, and more where the risk says so. Of everybody else, as the risk says.
    #[default]
    RiskBased,
    /// Always but on a trusted device, and more where the risk says so.
    Required,
}

/// Whether a trusted device may stand for the second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustedDevice {
    /// It stands for the second factor while the risk is low.
    #[default]
    Suffices,
    /// It lowers the risk and no more; for staff.
    NeverSuffices,
}

/// From how many points on each answer is given. A point is a natural logarithm of odds: one more means that a
/// stranger is 2.7 times as likely.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    pub notice: f64,
    pub step_up: f64,
    pub passkey_only: f64,
    pub refuse: f64,
}

impl Default for Thresholds {
    /// Set by `cargo xtask bench risk`; the figures behind them are in docs/benchmarks.md.
    fn default() -> Self {
        Thresholds { notice: -2.5, step_up: -1.5, passkey_only: 6.0, refuse: 10.0 }
    }
}

impl Thresholds {
    /// The answer to so many points. Thresholds out of order are taken in order: the stricter answer wins.
    pub fn answer(&self, points: f64) -> Answer {
        let steps = [
            (self.refuse, Answer::Refuse),
            (self.passkey_only, Answer::PasskeyOnly),
            (self.step_up, Answer::StepUp),
            (self.notice, Answer::Notice),
        ];
        // Points that are not a number could only come from a broken state: ask.
        if points.is_nan() {
            return Answer::StepUp;
        }
        steps.iter().find(|(from, _)| points >= *from).map_or(Answer::Allow, |(_, answer)| *answer)
    }
}

/// One realm's choice: customers' and staff's differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    pub mode: Mode,
    pub trusted_device: TrustedDevice,
    pub thresholds: Thresholds,
}

impl Policy {
    /// Customers', where the owner chose nothing else: by risk.
    pub fn customers() -> Self {
        Policy::default()
    }

    /// Staff's: always a second factor, on any device.
    pub fn staff() -> Self {
        Policy {
            mode: Mode::Required,
            trusted_device: TrustedDevice::NeverSuffices,
            thresholds: Thresholds::default(),
        }
    }
}
