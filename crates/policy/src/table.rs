//! Who sees what: role by purpose by field, as the rules have it.

use std::collections::BTreeSet;

use crate::answer::{Answer, Mask};
use crate::policies::{Policies, Untold};
use crate::words::{Act, Asked, Circumstances, Purpose, Role, Thing, Who};

/// A field that a role sees otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellChange<'a> {
    /// The group of staff.
    pub group: String,
    pub purpose: Purpose,
    /// Class and name.
    pub field: (&'a str, &'a str),
    pub before: Cell,
    pub after: Cell,
}

/// Something beside opening that a role may do now, or may no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActChange<'a> {
    pub group: String,
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
    /// Rules that are new, or others, and that the table cannot show.
    pub untold: Vec<Untold>,
    /// And those of them that would be there no more.
    pub dropped: Vec<Untold>,
}

/// Whom a table is about: the roles that there are, groups that rules name, and those that somebody is in.
pub fn groups<'a>(rules: &[&'a Policies], of_members: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let roles = Role::ALL.map(Role::name);
    let mut others: BTreeSet<&str> = rules.iter().flat_map(|rules| rules.groups()).collect();
    others.extend(of_members);
    others.retain(|group| !roles.contains(group));
    roles.into_iter().chain(others).map(str::to_owned).collect()
}

/// What other rules would change for whom, under the same circumstances as [`table`].
pub fn changes<'a>(
    before: &Policies,
    after: &Policies,
    groups: &[String],
    fields: &[(&'a str, &'a str)],
) -> Changes<'a> {
    let is_in =
        |rules: &Policies, others: &Policies, one: &Untold| rules.text_of(&one.id) == others.text_of(&one.id);
    let mut changes = Changes {
        untold: after.untold().into_iter().filter(|one| !is_in(before, after, one)).collect(),
        dropped: before.untold().into_iter().filter(|one| !is_in(before, after, one)).collect(),
        ..Changes::default()
    };
    // A rule about other acts decides nothing about this one.
    let touched = before.acts_that_differ(after);
    let is_touched = |act: &Act| touched.as_ref().is_none_or(|acts| acts.contains(act.name()));
    if !is_touched(&Act::Open) && ACTS.iter().chain(&FIELD_ACTS).all(|act| !is_touched(act)) {
        return changes;
    }
    let seen: &[(&str, &str)] = if is_touched(&Act::Open) { fields } else { &[] };
    let tables = table(before, groups, seen).into_iter().zip(table(after, groups, seen));
    for (old, new) in tables {
        for (field, (before, after)) in fields.iter().zip(old.cells.into_iter().zip(new.cells)) {
            if before != after {
                let (group, purpose) = (old.group.clone(), old.purpose);
                changes.cells.push(CellChange { group, purpose, field: *field, before, after });
            }
        }
        let (group, purpose) = (&old.group, old.purpose);
        for act in ACTS.into_iter().filter(is_touched) {
            let is_allowed = may(after, group, purpose, act, None);
            if may(before, group, purpose, act, None) != is_allowed {
                changes.acts.push(ActChange { group: group.clone(), purpose, act, field: None, is_allowed });
            }
        }
        for field in fields {
            for act in FIELD_ACTS.into_iter().filter(is_touched) {
                let is_allowed = may(after, group, purpose, act, Some(*field));
                if may(before, group, purpose, act, Some(*field)) != is_allowed {
                    let (group, field) = (group.clone(), Some(*field));
                    changes.acts.push(ActChange { group, purpose, act, field, is_allowed });
                }
            }
        }
    }
    changes
}

/// Beside opening, with all that is kept of a customer.
const ACTS: [Act; 7] =
    [Act::Find, Act::Answer, Act::Write, Act::Erase, Act::Restrict, Act::Approve, Act::BreakGlass];
/// And field by field.
const FIELD_ACTS: [Act; 2] = [Act::Export, Act::Correct];

/// Whether somebody of a group may do something with a field, or with a record.
fn may(policies: &Policies, group: &str, purpose: Purpose, act: Act, field: Option<(&str, &str)>) -> bool {
    let who = Who::Staff { id: "somebody".to_owned(), groups: vec![group.to_owned()] };
    let circumstances = Circumstances {
        is_assigned: true,
        consents: vec!["marketing".to_owned()],
        ..Circumstances::new(purpose, Some(0))
    };
    let thing = field.map_or(Thing::Record, |(class, name)| Thing::Field { class, name });
    let asked = Asked { who: &who, act, owner: "customer", thing, circumstances: &circumstances };
    matches!(policies.decide(&asked), Answer::Allow { .. })
}

/// One field for one role and purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// With a fresh factor; nothing where it is refused.
    pub plain: Option<Mask>,
    /// The same once an order of the customer was named.
    pub assigned: Option<Mask>,
}

/// One group of staff and purpose, with a cell for each field in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub group: String,
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
pub fn table(policies: &Policies, groups: &[String], fields: &[(&str, &str)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for group in groups {
        for purpose in Purpose::OF_STAFF {
            let sight = |is_assigned: bool, class: &str, name: &str| {
                let who = Who::Staff { id: "somebody".to_owned(), groups: vec![group.clone()] };
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
            rows.push(Row { group: group.clone(), purpose, cells });
        }
    }
    rows
}
