//! What a shop's cells said before. A cell that says nothing new writes over nobody who changed the value here since; one that the
//! shop changed is a newer word, and is taken.

use std::collections::BTreeMap;

use storeward_base::CustomerId;
use storeward_seal::encoding::hex;
use storeward_seal::envelope::CustomerKey;
use storeward_seal::fingerprint::equal;
use storeward_store::{Reader, Tx};

use super::Told;
use crate::Error;
use crate::catalogue::Field;
use crate::opening::open_row;
use crate::records::Provenance;
use crate::sql::{self, FieldRow};
use crate::whose;

/// Words that are remembered of one field: rows of one customer, one for each order, may differ. Where there were more, nobody can tell
/// a new one from an old one, and what was put right here stands.
const MOST: usize = 32;
/// Of a tag's 128 bits: one word takes another's tag once in 2^64.
const TAG_BYTES: usize = 8;

/// What becomes of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is kept already.
    Same,
    /// The shop says what it said before, and here it was changed or taken away since.
    Stands,
    Written,
    /// Written over what somebody put right here: the shop changed it since.
    Overtakes,
}

impl Fate {
    pub fn told(self) -> Option<Told> {
        match self {
            Fate::Same | Fate::Written => None,
            Fate::Stands => Some(Told::Stands),
            Fate::Overtakes => Some(Told::Overtaken),
        }
    }

    pub fn is_written(self) -> bool {
        matches!(self, Fate::Written | Fate::Overtakes)
    }
}

/// What was said of one item, for one look or one write.
pub(crate) struct Cells<'a> {
    key: &'a CustomerKey,
    customer: CustomerId,
    place: (&'a str, &'a str),
    said: BTreeMap<String, Vec<String>>,
    is_changed: bool,
}

impl<'a> Cells<'a> {
    /// Of the item `place`: its collection and its name.
    pub fn read(
        reader: &mut Reader<'_>,
        key: &'a CustomerKey,
        customer: CustomerId,
        place: (&'a str, &'a str),
    ) -> Result<Self, Error> {
        let text = sql::imported(reader, customer, place)?;
        // What is not as it was written counts as not there: then what people wrote here stands.
        let whole = |text: String| {
            let (tag, list) = text.split_once(' ')?;
            let is_ours = equal(tag.as_bytes(), list_tag(key, place, list).as_bytes());
            is_ours.then(|| serde_json::from_str(list).ok()).flatten()
        };
        let said = text.and_then(whole).unwrap_or_default();
        Ok(Cells { key, customer, place, said, is_changed: false })
    }

    /// Without what was said of these fields, which the shop has no more; whether anything of it was there.
    pub fn forget(&mut self, fields: &[&'static Field]) {
        for field in fields {
            self.is_changed |= self.said.remove(field.name).is_some();
        }
    }

    /// What becomes of a cell, beside all that is kept of the customer. That it was said is remembered.
    pub fn judge(&mut self, field: &Field, value: &str, rows: &[FieldRow]) -> Result<Fate, Error> {
        let tag = self.tag(field, value);
        let (collection, item) = self.place;
        let of_field =
            |row: &&FieldRow| row.collection == collection && row.item == item && row.field == field.name;
        let row = rows.iter().find(of_field);
        let said = self.said.entry(field.name.to_owned()).or_default();
        let is_told = said.contains(&tag);
        let (is_first, is_full) = (said.is_empty(), said.len() >= MOST);
        if !is_told && !is_full {
            said.push(tag);
            self.is_changed = true;
        }
        let Some(row) = row else { return Ok(if is_told { Fate::Stands } else { Fate::Written }) };
        if open_row(self.key, self.customer, row)?.expose() == value {
            // The shop's own accounts prove an address, or a number, that a program wrote.
            let is_to_prove = whose::says_whose(field) && !whose::is_proven(&row.provenance);
            return Ok(if is_to_prove { Fate::Written } else { Fate::Same });
        }
        if row.provenance == Provenance::Import.name() {
            return Ok(Fate::Written);
        }
        // Before the first import the shop's own accounts count for more than what a program wrote, and people's words for more than both.
        let is_program = Provenance::spoken(&row.provenance) == Provenance::Shop.name();
        let is_old = is_told || is_full || (is_first && !is_program);
        Ok(match (is_old, is_program) {
            (true, _) => Fate::Stands,
            (false, true) => Fate::Written,
            (false, false) => Fate::Overtakes,
        })
    }

    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    pub fn save(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        if self.is_changed {
            let list = serde_json::to_string(&self.said).expect("words are JSON");
            let text = format!("{} {list}", list_tag(self.key, self.place, &list));
            sql::put_imported(tx, self.customer, self.place, &text)?;
        }
        Ok(())
    }

    fn tag(&self, field: &Field, value: &str) -> String {
        let (collection, item) = self.place;
        let parts = [collection, item, field.name, value].map(str::as_bytes);
        let tag = self.key.tag("storeward.imported/1", &parts);
        hex(tag.get(..TAG_BYTES).unwrap_or(&tag))
    }
}

/// Over all that was said of an item: who writes into the database makes no old word a new one.
fn list_tag(key: &CustomerKey, (collection, item): (&str, &str), list: &str) -> String {
    hex(&key.tag("storeward.imported-list/1", &[collection, item, list].map(str::as_bytes)))
}
