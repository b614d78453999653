//! Card numbers that somebody sends to the shop: no attack, and nothing that a shop should hold.

use super::{ARGUMENTS, rule};
use crate::rule::{Action, Operator, Rule};
use crate::verdict::{Category, Severity};

/// The rule of the only id: [`crate::Policy::cards`] says what it does where.
pub(crate) const RULE: u32 = 28_100;

pub(super) fn rules() -> Vec<Rule> {
    vec![
        rule(RULE, Category::CardNumber, "A card number", Operator::CardNumber)
            .on(ARGUMENTS)
            .through(&[])
            .severity(Severity::Warning)
            .action(Action::Report)
            // Somebody's password may be sixteen digits; with stars in it nobody would get in.
            .not_in_passwords(),
    ]
}
