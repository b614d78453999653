//! An item whose values were checked: which of them a write writes, and how each is sealed.

use storeward_base::{Actor, CustomerId, Entropy, Secret, Timestamp};
use storeward_seal::envelope::{CustomerKey, FieldPlace};
use storeward_store::Tx;

use crate::Error;
use crate::catalogue::{Class, Field};
use crate::import::{Cells, Told};
use crate::keys::Held;
use crate::manifest::Manifest;
use crate::opening::open_row;
use crate::records::{Item, Provenance};
use crate::sql::{self, FieldRow};
use crate::whose;

/// Each value in the form in which it is kept.
pub(crate) struct Taken {
    pub id: String,
    pub collection: &'static str,
    pub values: Vec<(&'static Field, String)>,
    pub provenance: Provenance,
    pub keep_until: Option<Timestamp>,
}

/// What of an item is written, and what is told of an import's other values.
#[derive(Default)]
pub(crate) struct Writes {
    pub values: Vec<(&'static Field, String)>,
    pub told: Vec<(&'static Field, Told)>,
}

impl Taken {
    pub fn new(item: Item, now: Timestamp) -> Result<Self, Error> {
        item.check_name()?;
        let class = item.values.first().map(|(field, _)| field.class);
        let class = class.ok_or(Error::Value { field: "item", why: "has no values" })?;
        if item.values.iter().any(|(field, _)| field.class != class) {
            return Err(Error::Value { field: "item", why: "has fields of two collections" });
        }
        let take = |(field, value): &(&'static Field, Secret<String>)| {
            Ok((*field, field.take_at(value.expose(), item.provenance, now)?))
        };
        let values = item.values.iter().map(take).collect::<Result<Vec<_>, Error>>()?;
        let Item { id, provenance, keep_until, .. } = item;
        Ok(Taken { id, collection: class.name(), values, provenance, keep_until })
    }

    /// All values, whatever is kept.
    fn all(&self) -> Writes {
        Writes { values: self.values.clone(), told: Vec::new() }
    }

    /// All values, for a program that knows what is there: it is remembered what it said.
    pub fn insisted(
        &self,
        tx: &mut Tx<'_>,
        (actor, customer): (Actor, CustomerId),
        key: &CustomerKey,
    ) -> Result<Writes, Error> {
        if self.provenance == Provenance::Shop {
            let by = self.provenance.kept_by(actor);
            let mut cells = Cells::read(tx, key, customer, (self.collection, &self.id))?;
            for (field, value) in &self.values {
                cells.hears(&by, field, value, None);
            }
            cells.save(tx)?;
        }
        Ok(self.all())
    }

    /// The values that are written: of a program's or an import's not those that are kept already, as they are, nor those that were
    /// changed here since the shop said them.
    pub fn due(
        &self,
        tx: &mut Tx<'_>,
        (actor, customer): (Actor, CustomerId),
        manifest: &Manifest,
        key: &CustomerKey,
    ) -> Result<Writes, Error> {
        if !matches!(self.provenance, Provenance::Import | Provenance::Shop) {
            return Ok(self.all());
        }
        let is_there =
            |(field, _): &(&Field, String)| manifest.version(self.collection, &self.id, field.name).is_some();
        let is_there = self.values.iter().any(is_there);
        let mut due = Writes::default();
        let mut cells = Cells::read(tx, key, customer, (self.collection, &self.id))?;
        if self.provenance == Provenance::Shop {
            let rows = if is_there { sql::fields(tx, customer)? } else { Vec::new() };
            let by = self.provenance.kept_by(actor);
            for (field, value) in &self.values {
                let is_kept = self.is_kept(field, value, (customer, key), (manifest, &rows));
                let row = rows.iter().find(|row| {
                    row.collection == self.collection && row.item == self.id && row.field == field.name
                });
                // One that somebody took out of the database was not taken away here.
                let is_lost =
                    row.is_none() && manifest.version(self.collection, &self.id, field.name).is_some();
                // The same value for another time is no word against what was put right.
                let is_same = row.is_some_and(|row| {
                    manifest.holds(key, row)
                        && open_row(key, customer, row).is_ok_and(|kept| kept.expose() == value)
                });
                if (cells.hears(&by, field, value, row) || is_lost || is_same) && !is_kept {
                    due.values.push((*field, value.clone()));
                }
            }
            cells.save(tx)?;
            return Ok(due);
        }
        let rows = if is_there || cells.has_swept() { sql::fields(tx, customer)? } else { Vec::new() };
        for (field, value) in &self.values {
            let fate = cells.judge(field, value, &rows)?;
            due.told.extend(fate.told().map(|one| (*field, one)));
            if fate.is_written() {
                due.values.push((*field, value.clone()));
            }
        }
        cells.save(tx)?;
        Ok(due)
    }

    /// Whether a value is kept as it is here, for as long, in the row that was written last.
    fn is_kept(
        &self,
        field: &Field,
        value: &str,
        (customer, key): (CustomerId, &CustomerKey),
        (manifest, rows): (&Manifest, &[FieldRow]),
    ) -> bool {
        let is_same = |row: &FieldRow| {
            row.collection == self.collection
                && row.item == self.id
                && row.field == field.name
                && row.keep_until == self.keep_until
                && manifest.holds(key, row)
                && open_row(key, customer, row).is_ok_and(|kept| kept.expose() == value)
        };
        rows.iter().any(is_same)
    }

    /// What is there before the write, where something of it decides: refused where it would take the customer's own word away.
    pub fn looks_before(
        &self,
        tx: &mut Tx<'_>,
        actor: Actor,
        customer: CustomerId,
    ) -> Result<Vec<FieldRow>, Error> {
        let is_said = self.collection == Class::Consent.name();
        let is_address = self.values.iter().any(|(field, _)| whose::is_email(self.collection, field.name));
        if !is_said && !is_address {
            return Ok(Vec::new());
        }
        let rows = sql::fields(tx, customer)?;
        whose::refuse_over_own_word(&rows, &self.id, (actor, self.provenance))?;
        Ok(rows)
    }
}

#[expect(clippy::too_many_arguments, reason = "one value, and all that it is bound to")]
pub(crate) fn seal_one(
    tx: &mut Tx<'_>,
    (customer, provenance): (CustomerId, String),
    taken: &Taken,
    field: &'static Field,
    value: &str,
    manifest: &Manifest,
    held: &Held,
    entropy: &dyn Entropy,
) -> Result<FieldRow, Error> {
    let before = manifest.version(taken.collection, &taken.id, field.name);
    let version = before.unwrap_or(0) + 1;
    let owner = customer.to_string();
    let full = format!("{}.{}", taken.id, field.name);
    let place = FieldPlace {
        customer: &owner,
        collection: taken.collection,
        field: &full,
        schema: field.form,
        version,
    };
    let row = FieldRow {
        collection: taken.collection.to_owned(),
        item: taken.id.clone(),
        field: field.name.to_owned(),
        form: field.form,
        version,
        sealed: held.key.seal(value.as_bytes(), &place, entropy),
        provenance,
        written_at: tx.now(),
        keep_until: taken.keep_until,
    };
    sql::upsert(tx, customer, &row)?;
    Ok(row)
}
