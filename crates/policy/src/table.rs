//! Who sees what: role by purpose by field, as the rules have it.

use crate::answer::{Answer, Mask};
use crate::policies::Policies;
use crate::words::{Act, Asked, Circumstances, Purpose, Role, Thing, Who};

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
