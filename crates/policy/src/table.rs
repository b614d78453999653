//! Who sees what: role by purpose by field, as the rules have it.

use crate::answer::{Answer, Mask};
use crate::policies::Policies;
use crate::words::{Act, Asked, Circumstances, Purpose, Role, Thing, Who};

/// A field that a role sees otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellChange<'a> {
    pub role: Role,
    pub purpose: Purpose,
    /// Class and name.
    pub field: (&'a str, &'a str),
    pub before: Cell,
    pub after: Cell,
}

/// Something beside opening that a role may do now, or may no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActChange<'a> {
    pub role: Role,
    pub purpose: Purpose,
    pub act: Act,
    /// Class and name, where the act is decided field by field.
    pub field: Option<(&'a str, &'a str)>,
    pub is_allowed: bool,
}

/// What differs between two sets of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes<'a> {
    pub cells: Vec<CellChange<'a>>,
    pub acts: Vec<ActChange<'a>>,
}

/// What other rules would change for whom, under the same circumstances as [`table`].
pub fn changes<'a>(before: &Policies, after: &Policies, fields: &[(&'a str, &'a str)]) -> Changes<'a> {
    let mut changes = Changes::default();
    for (old, new) in table(before, fields).into_iter().zip(table(after, fields)) {
        for (field, (before, after)) in fields.iter().zip(old.cells.into_iter().zip(new.cells)) {
            if before != after {
                let (role, purpose) = (old.role, old.purpose);
                changes.cells.push(CellChange { role, purpose, field: *field, before, after });
            }
        }
        let (role, purpose) = (old.role, old.purpose);
        let acts = [
            Act::Export,
            Act::Find,
            Act::Answer,
            Act::Write,
            Act::Erase,
            Act::Restrict,
            Act::Approve,
            Act::BreakGlass,
        ];
        for act in acts {
            let is_allowed = may(after, role, purpose, act, fields);
            if may(before, role, purpose, act, fields) != is_allowed {
                changes.acts.push(ActChange { role, purpose, act, field: None, is_allowed });
            }
        }
        for field in fields {
            let one = std::slice::from_ref(field);
            let is_allowed = may(after, role, purpose, Act::Correct, one);
            if may(before, role, purpose, Act::Correct, one) != is_allowed {
                let (act, field) = (Act::Correct, Some(*field));
                changes.acts.push(ActChange { role, purpose, act, field, is_allowed });
            }
        }
    }
    changes
}

/// Whether a role may do something with a record; with any field of it where the act is about fields.
fn may(policies: &Policies, role: Role, purpose: Purpose, act: Act, fields: &[(&str, &str)]) -> bool {
    let who = Who::Staff { id: "somebody".to_owned(), groups: vec![role.name().to_owned()] };
    let circumstances = Circumstances {
        is_assigned: true,
        consents: vec!["marketing".to_owned()],
        ..Circumstances::new(purpose, Some(0))
    };
    let ask = |thing: Thing<'_>| {
        let asked = Asked { who: &who, act, owner: "customer", thing, circumstances: &circumstances };
        matches!(policies.decide(&asked), Answer::Allow { .. })
    };
    match act {
        // One field of each class: enough to tell whether there is a copy to be had.
        Act::Open | Act::Export | Act::Correct => {
            let mut asked: Vec<&str> = Vec::new();
            fields.iter().any(|(class, name)| {
                let is_first = !asked.contains(class);
                asked.push(class);
                is_first && ask(Thing::Field { class, name })
            })
        }
        Act::Find
        | Act::Answer
        | Act::Write
        | Act::Erase
        | Act::Restrict
        | Act::Approve
        | Act::BreakGlass => ask(Thing::Record),
    }
}

/// One field for one role and purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// With a fresh factor; nothing where it is refused.
    pub plain: Option<Mask>,
    /// The same once an order of the customer was named.
    pub assigned: Option<Mask>,
}

/// One role and purpose, with a cell for each field in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub role: Role,
    pub purpose: Purpose,
    pub cells: Vec<Cell>,
}

impl Cell {
    /// `whole`, `part`, `hidden`, `-`; `order: …` where naming an order shows more.
    pub fn words(self) -> String {
        let one = |mask: Option<Mask>| mask.map_or("-", Mask::name);
        if self.plain == self.assigned {
            one(self.plain).to_owned()
        } else {
            format!("{}, with an order {}", one(self.plain), one(self.assigned))
        }
    }
}

/// For customers who agreed to marketing and restricted nothing, asked by somebody with a fresh factor who opened little.
pub fn table(policies: &Policies, fields: &[(&str, &str)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for role in Role::ALL {
        for purpose in Purpose::OF_STAFF {
            let sight = |is_assigned: bool, class: &str, name: &str| {
                let who = Who::Staff { id: "somebody".to_owned(), groups: vec![role.name().to_owned()] };
                let circumstances = Circumstances {
                    is_assigned,
                    consents: vec!["marketing".to_owned()],
                    ..Circumstances::new(purpose, Some(0))
                };
                let asked = Asked {
                    who: &who,
                    act: Act::Open,
                    owner: "customer",
                    thing: Thing::Field { class, name },
                    circumstances: &circumstances,
                };
                match policies.decide(&asked) {
                    Answer::Allow { mask, .. } => Some(mask),
                    Answer::Deny(_) => None,
                }
            };
            let cells = fields
                .iter()
                .map(|(class, name)| Cell {
                    plain: sight(false, class, name),
                    assigned: sight(true, class, name),
                })
                .collect();
            rows.push(Row { role, purpose, cells });
        }
    }
    rows
}
