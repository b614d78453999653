//! What a shop gives to another customer than before: an order that was a guest's, or another account's. It leaves the record that had it,
//! with what came beside it: else somebody reads another's address, and an erasure leaves it there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use storeward_base::{Actor, CustomerId, Secret};
use storeward_events::vault::FieldsRemoved;
use storeward_seal::envelope::CustomerKey;
use storeward_store::Tx;

use super::{Cell, Cells, ItemName, PartName, Plan, Row, Told};
use crate::Error;
use crate::catalogue::{Class, Field};
use crate::keys::Held;
use crate::opening::open_row;
use crate::records::{Provenance, Vault, manifest_for, whole};
use crate::sql::{self, FieldRow};
use crate::whose::says_whose;

/// What people had put right of it, for the report, and how many items there were.
type Moved = (Vec<(&'static Field, Told)>, u64);

impl Plan {
    /// What a row names that is one in the whole shop.
    pub(super) fn places<'a>(&self, cells: &'a [String]) -> BTreeSet<(Class, &'a str)> {
        let named = self.columns.iter().filter_map(|column| match column.item {
            ItemName::Of(Cell { at, is_unique: true }) => Some((column.field.class, cells.get(at)?.trim())),
            ItemName::Of(_) | ItemName::Fixed(_) => None,
        });
        named.filter(|(_, name)| !name.is_empty()).collect()
    }

    /// The same, and the order that the row was read from.
    pub(super) fn things<'a>(&self, cells: &'a [String]) -> BTreeSet<(Class, &'a str)> {
        let order = self.order.and_then(|at| cells.get(at)).map(|cell| cell.trim());
        let order = order.filter(|number| !number.is_empty()).map(|number| (Class::Order, number));
        self.places(cells).into_iter().chain(order).collect()
    }

    /// The address on an account's order.
    pub(super) fn billed_of<'a>(&self, cells: &'a [String]) -> Option<&'a str> {
        let address = cells.get(self.billed?)?.trim();
        address.contains('@').then_some(address)
    }
}

fn is_import(row: &FieldRow) -> bool {
    row.provenance == Provenance::Import.name()
}

/// Items, by collection and name.
type Places = Vec<(&'static str, String)>;

/// What a row gives to its customer.
struct Given {
    places: Places,
    /// What else it says, by field and item.
    beside: Vec<(&'static Field, String, Secret<String>)>,
}

fn has(places: &Places, kept: &FieldRow) -> bool {
    places.iter().any(|(class, item)| kept.collection == *class && kept.item == *item)
}

impl Given {
    /// Those of its items that an import brought into a record. What a program calls by the same name there is something else: nobody's
    /// row takes it away.
    fn brought(
        &self,
        tx: &mut Tx<'_>,
        key: &CustomerKey,
        customer: CustomerId,
        kept: &[FieldRow],
    ) -> Result<Places, Error> {
        let mut brought = Places::new();
        for place @ (class, item) in &self.places {
            let is_it = |row: &FieldRow| row.collection == *class && row.item == *item && is_import(row);
            // Also where people, or a program, wrote over all that it brought.
            if kept.iter().any(is_it) || Cells::read(tx, key, customer, (class, item))?.are_imports() {
                brought.push(place.clone());
            }
        }
        Ok(brought)
    }

    /// Whether the row says this value word for word.
    fn says(&self, kept: &FieldRow, key: &CustomerKey, customer: CustomerId) -> Result<bool, Error> {
        let is_it = |(field, item, _): &&(&'static Field, String, _)| {
            field.class.name() == kept.collection && field.name == kept.field && *item == kept.item
        };
        match self.beside.iter().find(is_it) {
            Some((_, _, value)) => Ok(open_row(key, customer, kept)?.expose() == value.expose()),
            None => Ok(false),
        }
    }
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
        let named = plan.places(cells).into_iter();
        let places: Vec<_> =
            named.map(|(class, name)| (class.name(), self.item_of_shop(class, name))).collect();
        if places.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let mut found = BTreeSet::new();
        for place in &places {
            found.extend(self.others_with(customer, place).await?);
        }
        let of_part = |part: &super::Part| match &part.name {
            PartName::Fixed(item) => {
                part.values.iter().map(|(field, value)| (*field, item.clone(), value.clone())).collect()
            }
            PartName::Cell(_) => Vec::new(),
        };
        let given = Arc::new(Given { places, beside: row.parts.iter().flat_map(of_part).collect() });
        let (mut told, mut count) = (Vec::new(), 0);
        for other in found {
            let left = self.leave(other, Arc::clone(&given)).await;
            let (of_other, moved) = match self.alarm(Actor::Operator, left).await {
                // Erased meanwhile.
                Err(Error::NoCustomer) => continue,
                left => left?,
            };
            told.extend(of_other);
            count += moved;
        }
        Ok((told, count))
    }

    /// In whose records beside this customer's an item is, whoever wrote it there.
    async fn others_with(
        &self,
        customer: CustomerId,
        place: &(&'static str, String),
    ) -> Result<Vec<CustomerId>, Error> {
        let (mut all, mut behind) = (Vec::new(), String::new());
        loop {
            let (place, from) = (place.clone(), behind);
            let page = self.0.db.read(move |reader| -> Result<_, Error> {
                Ok(sql::others_with(reader, customer, &place, &from)?)
            });
            let page = page.await?;
            // What is no customer's is told by `verify`.
            all.extend(page.iter().filter_map(|id| id.parse::<CustomerId>().ok()));
            match page.into_iter().rfind(|id| !id.is_empty()) {
                Some(last) => behind = last,
                None => return Ok(all),
            }
        }
    }

    /// Takes items out of a record, and what an import wrote beside them: what the row that moves them says word for word, and how a guest
    /// is reached who has no order left. What the customer's own rows say as well, they bring again.
    async fn leave(&self, customer: CustomerId, given: Arc<Given>) -> Result<Moved, Error> {
        // Erased: nothing of it can be read.
        let Some(held) = self.0.keys.held(customer).await? else { return Ok((Vec::new(), 0)) };
        let (key, entropy) = (held.key.clone(), Arc::clone(&self.0.entropy));
        // Found and taken in one write: a row of theirs that is taken meanwhile brings its own again.
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let mut manifest = manifest_for(tx, customer, &held)?;
            let row = sql::customer(tx, customer)?.ok_or(Error::NoCustomer)?;
            let kept = whole(tx, customer, &held, &row, |_| true)?;
            let brought = given.brought(tx, &held.key, customer, &kept)?;
            if !kept.iter().any(|one| has(&brought, one)) {
                tx.commit_silent("it left meanwhile, or is a program's");
                return Ok(None);
            }
            let (gone, moved) = leaving(&kept, &brought, &given, &held, customer)?;
            for ((class, item), fields) in &gone {
                manifest.load(tx, &held.key, class, item)?;
                for field in fields {
                    sql::delete_field(tx, customer, class, item, field.name)?;
                    manifest.remove(class, item, field.name);
                }
                forget(tx, &held.key, customer, (class, item), fields)?;
                let names = fields.iter().map(|field| field.name.to_owned()).collect();
                let collection = (*class).to_owned();
                tx.append(Actor::Operator, None, FieldsRemoved { customer, collection, fields: names })?;
            }
            Ok(Some((manifest.save(tx, &held.key, entropy.as_ref(), 0)?, moved)))
        });
        let Some((revision, moved)) = written.await? else { return Ok((Vec::new(), 0)) };
        self.0.keys.note(customer, &key, revision).await?;
        Ok(moved)
    }
}

/// Fields by collection and item.
type ByItem = BTreeMap<(&'static str, String), Vec<&'static Field>>;

/// Which values leave a record.
fn leaving(
    kept: &[FieldRow],
    brought: &Places,
    given: &Given,
    held: &Held,
    customer: CustomerId,
) -> Result<(ByItem, Moved), Error> {
    let is_order_left = kept.iter().any(|row| row.collection == Class::Order.name() && !has(brought, row));
    let is_left_guest = !is_order_left && is_guest(kept, &held.key, customer)?;
    let (mut gone, mut told, mut items) = (ByItem::new(), Vec::new(), BTreeSet::new());
    for one in kept {
        let Ok(field) = Field::find(&format!("{}.{}", one.collection, one.field)) else { continue };
        let is_reached = matches!(field.class, Class::Contact | Class::Address) && !says_whose(field);
        if has(brought, one) {
            items.insert((field.class, &one.item));
            told.extend((!is_import(one)).then_some((field, Told::LeftBehind)));
        } else if !is_import(one)
            || !((is_left_guest && is_reached) || given.says(one, &held.key, customer)?)
        {
            continue;
        }
        gone.entry((field.class.name(), one.item.clone())).or_default().push(field);
    }
    Ok((gone, (told, u64::try_from(items.len()).unwrap_or(u64::MAX))))
}

/// What the shop has again later is no old word then.
fn forget(
    tx: &mut Tx<'_>,
    key: &CustomerKey,
    customer: CustomerId,
    place: (&str, &str),
    fields: &[&'static Field],
) -> Result<(), Error> {
    let mut cells = Cells::read(tx, key, customer, place)?;
    cells.forget(fields);
    cells.save(tx)
}

/// Whether a record is a guest's, as an import says.
fn is_guest(kept: &[FieldRow], key: &CustomerKey, customer: CustomerId) -> Result<bool, Error> {
    let number = kept
        .iter()
        .find(|row| row.collection == Class::Contact.name() && row.field == "shop_id" && is_import(row));
    let Some(number) = number else { return Ok(false) };
    Ok(open_row(key, customer, number)?.expose().starts_with(Vault::GUEST))
}
