//! What a shop gives to another customer than before: an order that was a guest's, or another account's. It leaves the record that had it,
//! with what came beside it: else somebody reads another's address, and an erasure leaves it there.

use std::collections::{BTreeMap, BTreeSet};

use storeward_base::{Actor, CustomerId};
use storeward_seal::envelope::CustomerKey;

use super::{Cell, ItemName, PartName, Plan, Row, Told};
use crate::Error;
use crate::catalogue::{Class, Field};
use crate::opening::open_row;
use crate::records::{Provenance, Vault};
use crate::sql::{self, FieldRow};
use crate::whose::says_whose;

/// What people had put right of it, for the report, and how many items there were.
type Moved = (Vec<(&'static Field, Told)>, u64);

impl Plan {
    /// What a row names that is one in the whole shop.
    fn places<'a>(&self, cells: &'a [String]) -> BTreeSet<(Class, &'a str)> {
        let named = self.columns.iter().filter_map(|column| match column.item {
            ItemName::Of(Cell { at, is_unique: true }) => Some((column.field.class, cells.get(at)?.trim())),
            ItemName::Of(_) | ItemName::Fixed(_) => None,
        });
        named.filter(|(_, name)| !name.is_empty()).collect()
    }
}

fn is_import(row: &FieldRow) -> bool {
    row.provenance == Provenance::Import.name()
}

/// Whether the row brought this value, which names no item of its own, in the form in which it is kept.
fn is_of_row(row: &Row, kept: &FieldRow, key: &CustomerKey, customer: CustomerId) -> Result<bool, Error> {
    for part in &row.parts {
        let is_item = matches!(&part.name, PartName::Fixed(name) if *name == kept.item);
        let is_field = |field: &Field| field.class.name() == kept.collection && field.name == kept.field;
        let value = part.values.iter().find(|(field, _)| is_item && is_field(field));
        if let Some((_, value)) = value {
            return Ok(open_row(key, customer, kept)?.expose() == value.expose());
        }
    }
    Ok(false)
}

impl Vault {
    /// Takes what a row gives to this customer out of every other record.
    pub(super) async fn take_from_others(
        &self,
        customer: CustomerId,
        plan: &Plan,
        cells: &[String],
        row: &Row,
    ) -> Result<Moved, Error> {
        let places: Vec<(&'static str, String)> = plan
            .places(cells)
            .into_iter()
            .map(|(class, name)| (class.name(), self.item_of_shop(class, name)))
            .collect();
        if places.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let asked = places.clone();
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let mut others = BTreeSet::new();
            for place in &asked {
                others.extend(sql::others_with(reader, customer, place)?);
            }
            Ok(others)
        });
        let (mut told, mut count) = (Vec::new(), 0);
        for other in found.await? {
            let (of_other, moved) = self.leave(other, &places, row).await?;
            told.extend(of_other);
            count += moved;
        }
        Ok((told, count))
    }

    /// Takes items out of a record, and what an import wrote beside them: what the row that moves them says word for word, and how a guest
    /// is reached who has no order left. What the customer's own rows say as well, they bring again.
    async fn leave(
        &self,
        customer: CustomerId,
        places: &[(&'static str, String)],
        row: &Row,
    ) -> Result<Moved, Error> {
        let (key, kept) = match self.alarm(Actor::Operator, self.rows(customer).await).await {
            Ok(found) => found,
            // Erased: nothing of it can be read.
            Err(Error::NoCustomer) => return Ok((Vec::new(), 0)),
            Err(other) => return Err(other),
        };
        let is_moved = |kept: &FieldRow| {
            places.iter().any(|(class, item)| kept.collection == *class && kept.item == *item)
        };
        let is_order_left = kept.iter().any(|row| row.collection == Class::Order.name() && !is_moved(row));
        let is_left_guest = !is_order_left && is_guest(&kept, &key, customer)?;
        let (mut gone, mut told, mut items) = (BTreeMap::<_, Vec<_>>::new(), Vec::new(), BTreeSet::new());
        for one in &kept {
            let Ok(field) = Field::find(&format!("{}.{}", one.collection, one.field)) else { continue };
            let is_reached = matches!(field.class, Class::Contact | Class::Address) && !says_whose(field);
            let goes = match (is_moved(one), is_import(one)) {
                (true, is_import) => {
                    items.insert((field.class, &one.item));
                    told.extend((!is_import).then_some((field, Told::LeftBehind)));
                    true
                }
                (false, true) => (is_left_guest && is_reached) || is_of_row(row, one, &key, customer)?,
                (false, false) => false,
            };
            if goes {
                gone.entry((field.class.name(), one.item.clone())).or_default().push(field);
            }
        }
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        self.give_up(customer, gone).await?;
        Ok((told, count))
    }
}

/// Whether a record is a guest's, as an import says.
fn is_guest(kept: &[FieldRow], key: &CustomerKey, customer: CustomerId) -> Result<bool, Error> {
    let number = kept
        .iter()
        .find(|row| row.collection == Class::Contact.name() && row.field == "shop_id" && is_import(row));
    let Some(number) = number else { return Ok(false) };
    Ok(open_row(key, customer, number)?.expose().starts_with(Vault::GUEST))
}
