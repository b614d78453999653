//! What is answered.

/// How much of a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mask {
    /// Nothing but that there is a value.
    Hidden,
    /// What is enough to compare with what somebody says: the ends of a number, the beginning of a word.
    Part,
    Whole,
}

impl Mask {
    pub const fn name(self) -> &'static str {
        match self {
            Mask::Hidden => "hidden",
            Mask::Part => "part",
            Mask::Whole => "whole",
        }
    }

    /// Of `@mask("…")`.
    pub(crate) fn of_name(name: &str) -> Option<Mask> {
        [Mask::Hidden, Mask::Part, Mask::Whole].into_iter().find(|mask| mask.name() == name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Allowed by these rules, in order.
    Allow {
        mask: Mask,
        rules: Vec<String>,
    },
    Deny(Refusal),
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A code: `no_rule`, or what the guard says that refused.
    pub reason: &'static str,
    /// The guards that refused; none where nothing allows it.
    pub rules: Vec<String>,
}
