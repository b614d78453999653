//! Who asks for what, and for which purpose: the question that the policy answers before anything is opened.

use storeward_base::{Actor, CustomerId, Secret};
use storeward_policy::{Purpose, Who};

/// Who asks, with what the policy goes by. Whoever makes one has made sure of each word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    pub(crate) actor: Actor,
    pub(crate) who: Who,
    /// Seconds since a second factor was shown; `None`: never.
    pub(crate) factor_age_seconds: Option<u64>,
    /// Who made the key of a program, as an actor; nothing of anybody else.
    pub(crate) made_by: Option<String>,
    /// What they may ask for at all.
    pub(crate) purposes: Vec<Purpose>,
}

impl Asker {
    /// With no second factor, and for each purpose that staff choose from.
    pub(crate) fn of(actor: Actor, who: Who) -> Self {
        Asker { actor, who, factor_age_seconds: None, made_by: None, purposes: Purpose::OF_STAFF.to_vec() }
    }

    /// A member of staff, with their groups and the seconds since they showed a second factor.
    pub fn staff(id: storeward_base::StaffId, groups: Vec<String>, factor_age_seconds: Option<u64>) -> Self {
        let who = Who::Staff { id: id.to_string(), groups };
        Asker { factor_age_seconds, ..Asker::of(Actor::Staff { id }, who) }
    }

    /// A customer, signed in to their own account.
    pub fn customer(id: CustomerId) -> Self {
        let who = Who::Customer { id: id.to_string() };
        Asker::of(Actor::Customer { id }, who)
    }

    /// Somebody at a shell on the machine: may import, correct, restrict and erase, and opens nothing.
    pub fn operator() -> Self {
        let who = Who::Staff { id: "operator".to_owned(), groups: Vec::new() };
        Asker::of(Actor::Operator, who)
    }

    /// A program that is the shop and nothing else.
    pub(crate) fn is_shop(&self) -> bool {
        let is_shop = |who: &Who| matches!(who, Who::Staff { groups, .. } if groups.as_slice() == ["shop"]);
        matches!(self.actor, Actor::Key { .. }) && is_shop(&self.who)
    }

    pub fn actor(&self) -> Actor {
        self.actor
    }
}

/// What somebody wants of one customer's data.
#[derive(Clone, Debug)]
pub struct Ask {
    pub asker: Asker,
    pub customer: CustomerId,
    pub purpose: Purpose,
    /// The number of an order that they name: data is opened further where it is one of this customer's.
    pub order: Option<String>,
    /// Why, in their own words: staff say so where they put right what a customer agreed or objected to.
    pub reason: Option<Secret<String>>,
}

impl Ask {
    pub fn new(asker: Asker, customer: CustomerId, purpose: Purpose) -> Self {
        Ask { asker, customer, purpose, order: None, reason: None }
    }

    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        let reason = reason.trim();
        self.reason = (!reason.is_empty()).then(|| Secret::new(reason.to_owned()));
        self
    }

    #[must_use]
    pub fn about_order(mut self, number: &str) -> Self {
        self.order = Some(number.trim().to_owned()).filter(|number| !number.is_empty());
        self
    }
}
