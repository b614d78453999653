//! Why: the signals behind an answer, kept for staff.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that spoke for or against a sign-in. In order of weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    DeviceStolen,
    DeviceTrusted,
    PasskeyUsed,
    PasskeyPassedOver,
    PasswordBreached,
    FailuresOnAccount,
    FailuresFromAddress,
    FailuresFromPrefix,
    FailuresFromNetwork,
    StuffingTool,
    AgentContradictsHandshake,
    AutomatedAgent,
    Network,
    Agent,
    AccountRarelyUsed,
    HostingNetwork,
    ImpossibleTravel,
    RoundTripNew,
    HourUnusual,
    TargetValuable,
    PolicyAsks,
}

impl Reason {
    pub const ALL: [Reason; 21] = [
        Reason::DeviceStolen,
        Reason::DeviceTrusted,
        Reason::PasskeyUsed,
        Reason::PasskeyPassedOver,
        Reason::PasswordBreached,
        Reason::FailuresOnAccount,
        Reason::FailuresFromAddress,
        Reason::FailuresFromPrefix,
        Reason::FailuresFromNetwork,
        Reason::StuffingTool,
        Reason::AgentContradictsHandshake,
        Reason::AutomatedAgent,
        Reason::Network,
        Reason::Agent,
        Reason::AccountRarelyUsed,
        Reason::HostingNetwork,
        Reason::ImpossibleTravel,
        Reason::RoundTripNew,
        Reason::HourUnusual,
        Reason::TargetValuable,
        Reason::PolicyAsks,
    ];

    /// Stable: stands in events.
    pub const fn code(self) -> &'static str {
        match self {
            Reason::DeviceStolen => "device_stolen",
            Reason::DeviceTrusted => "device_trusted",
            Reason::PasskeyUsed => "passkey_used",
            Reason::PasskeyPassedOver => "passkey_passed_over",
            Reason::PasswordBreached => "password_breached",
            Reason::FailuresOnAccount => "failures_on_account",
            Reason::FailuresFromAddress => "failures_from_address",
            Reason::FailuresFromPrefix => "failures_from_prefix",
            Reason::FailuresFromNetwork => "failures_from_network",
            Reason::StuffingTool => "stuffing_tool",
            Reason::AgentContradictsHandshake => "agent_contradicts_handshake",
            Reason::AutomatedAgent => "automated_agent",
            Reason::Network => "network",
            Reason::Agent => "agent",
            Reason::AccountRarelyUsed => "account_rarely_used",
            Reason::HostingNetwork => "hosting_network",
            Reason::ImpossibleTravel => "impossible_travel",
            Reason::RoundTripNew => "round_trip_new",
            Reason::HourUnusual => "hour_unusual",
            Reason::TargetValuable => "target_valuable",
            Reason::PolicyAsks => "policy_asks",
        }
    }

    /// For staff, in a sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Reason::DeviceStolen => "A device token that had already been replaced was shown again.",
            Reason::DeviceTrusted => "The device is one the account's owner trusts.",
            Reason::PasskeyUsed => "A passkey was used.",
            Reason::PasskeyPassedOver => "The account has a passkey, but the password was used.",
            Reason::PasswordBreached => "The password stands in a list of breached ones.",
            Reason::FailuresOnAccount => "Sign-ins to this account failed just before.",
            Reason::FailuresFromAddress => "Sign-ins from this address failed just before.",
            Reason::FailuresFromPrefix => "Sign-ins from neighbouring addresses failed just before.",
            Reason::FailuresFromNetwork => "Most sign-ins from this network fail at the moment.",
            Reason::StuffingTool => "It looks like a tool that tries stolen passwords.",
            Reason::AgentContradictsHandshake => {
                "The browser it claims to be shakes hands differently with everybody else."
            }
            Reason::AutomatedAgent => "It says that it is a program and no browser.",
            Reason::Network => "How usual the network is for the account (below zero: usual).",
            Reason::Agent => "How usual browser and system are for the account (below zero: usual).",
            Reason::AccountRarelyUsed => {
                "How rarely the account is used: strangers try all alike (below zero: often used)."
            }
            Reason::HostingNetwork => "The network houses servers and not customers.",
            Reason::ImpossibleTravel => "Nobody travels that fast from where the account was last used.",
            Reason::RoundTripNew => "The way to the client takes a time that the account never showed.",
            Reason::HourUnusual => "The account is not used at this hour.",
            Reason::TargetValuable => "There is something to take in this account.",
            Reason::PolicyAsks => "The shop asks for a second step.",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
