//! Who may open what: the question that the vault asks before each opening. The policy answers it.

use storeward_base::{Actor, CustomerId};

use crate::catalogue::Field;

/// What is about to be opened, by whom, for what.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub actor: Actor,
    pub customer: CustomerId,
    /// Why: one of the policy's purposes, such as `shipping`.
    pub purpose: &'a str,
    pub fields: &'a [&'static Field],
}

/// The policy's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed by these rules.
    Allow { rules: Vec<String> },
    /// Refused; the code of the reason.
    Deny { reason: &'static str },
}

/// Decides; neither waits nor fails: what it cannot tell it denies.
pub trait Guard: Send + Sync {
    fn decide(&self, ask: &Ask<'_>) -> Decision;
}
