//! What a shop's cells said before. A cell that says nothing new writes over nobody who changed the value here since; one that the
//! shop changed is a newer word, and is taken. How a customer is reached, which the sweep took, comes back with what is new of them.

use std::collections::BTreeMap;

use storeward_base::{CustomerId, Timestamp};
use storeward_seal::encoding::hex;
use storeward_seal::envelope::CustomerKey;
use storeward_seal::fingerprint::equal;
use storeward_store::{Reader, Tx};

use super::Told;
use crate::Error;
use crate::catalogue::{Class, Field};
use crate::opening::open_row;
use crate::records::Provenance;
use crate::sql::{self, FieldRow};
use crate::whose;

/// Words that are remembered of one field: rows of one customer, one for each order, may differ. Where there were more, nobody can tell
/// a new one from an old one, and what was put right here stands.
const MOST: usize = 32;
/// Of a tag's 128 bits: one word takes another's tag once in 2^64.
const TAG_BYTES: usize = 8;
/// Among the tags of a field: the sweep took its value away. Behind it, where the value comes back, when that was and the value's tag.
const SWEPT: &str = "swept:";

/// Before a field's name: what programs said of it.
const PROGRAMS: &str = "/";
/// Beside the fields' names: whose guest's the shop would make the item. No field is called so.
const BILLED: &str = "@billed";

/// What becomes of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is kept already, or is past its time.
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

    /// The sweep takes this value away: what the shop goes on saying of it is nothing that was changed here.
    pub fn sweep(&mut self, row: &FieldRow, now: Timestamp) {
        let tag =
            open_row(self.key, self.customer, row).ok().map(|value| self.tag(&row.field, value.expose()));
        // A program that says it again keeps it anew, as it did before.
        self.is_changed |= self.said.remove(&format!("{PROGRAMS}{}", row.field)).is_some();
        let Some(said) = self.said.get_mut(&row.field) else { return };
        let is_reached = [Class::Contact, Class::Address].iter().any(|class| class.name() == row.collection);
        let is_of_class = row.keep_until.is_none_or(|until| until > now);
        let of = tag.filter(|_| is_reached && is_of_class).map(|tag| format!("{}:{tag}", now.micros()));
        said.retain(|one| !one.starts_with(SWEPT));
        said.push(format!("{SWEPT}{}", of.unwrap_or_default()));
        self.is_changed = true;
    }

    /// Somebody took the values of these fields away.
    pub fn take_away(&mut self, fields: &[&'static Field]) {
        for field in fields {
            let Some(said) = self.said.get_mut(field.name) else { continue };
            let before = said.len();
            said.retain(|one| !one.starts_with(SWEPT));
            self.is_changed |= said.len() != before;
        }
    }

    /// Whether something of the item was swept: then what else is kept of the customer decides about its cells.
    pub fn has_swept(&self) -> bool {
        self.said.values().flatten().any(|one| one.starts_with(SWEPT))
    }

    /// Whether an import ever brought something of the item that the shop has still.
    pub fn are_imports(&self) -> bool {
        self.said.keys().any(|name| !name.starts_with(PROGRAMS) && name != BILLED)
    }

    /// The guests of whom the shop would make the item; none where it left the record.
    pub fn billed(&self) -> Vec<CustomerId> {
        let marks = self.said.get(BILLED).filter(|_| self.are_imports());
        marks.into_iter().flatten().filter_map(|mark| mark.parse().ok()).collect()
    }

    /// Remembers such a guest by the id that they would have, which says nothing of their address.
    pub fn bill(&mut self, guest: CustomerId) {
        let (marks, mark) = (self.said.entry(BILLED.to_owned()).or_default(), guest.to_string());
        if !marks.contains(&mark) {
            marks.push(mark);
            marks.drain(..marks.len().saturating_sub(MOST));
            self.is_changed = true;
        }
    }

    /// Whether what a program says of a field is written. Its last word is remembered: said again it changes nothing, whatever people
    /// put right or took away here since, nor does the first word of any program over theirs; another one is newer, and is taken. What
    /// a program or an import wrote it writes over.
    pub fn hears(&mut self, by: &str, field: &Field, value: &str, row: Option<&FieldRow>) -> bool {
        let (name, tag) = (format!("{PROGRAMS}{}", field.name), self.tag(field.name, value));
        let said = self.said.entry(name).or_default();
        let own = format!("{by}:");
        let mark = format!("{own}{tag}");
        let is_first = said.is_empty();
        let is_told = said.iter().any(|one| one.ends_with(&tag));
        if !said.contains(&mark) {
            // Of each program one word, and of the programs that spoke last.
            said.retain(|one| !one.starts_with(&own));
            said.push(mark);
            said.drain(..said.len().saturating_sub(MOST));
            self.is_changed = true;
        }
        match row {
            None => !is_told,
            Some(row) => !whose::is_own_word(&row.provenance) || (!is_told && !is_first),
        }
    }

    /// What becomes of a cell, beside all that is kept of the customer. That it was said is remembered.
    pub fn judge(&mut self, field: &Field, value: &str, rows: &[FieldRow]) -> Result<Fate, Error> {
        let tag = self.tag(field.name, value);
        let (collection, item) = self.place;
        let of_field =
            |row: &&FieldRow| row.collection == collection && row.item == item && row.field == field.name;
        let row = rows.iter().find(of_field);
        let said = self.said.entry(field.name.to_owned()).or_default();
        let is_told = said.contains(&tag);
        let (is_first, is_full) = (said.is_empty(), said.len() >= MOST);
        if !is_told && !is_full {
            said.push(tag.clone());
            self.is_changed = true;
        }
        let Some(row) = row else {
            let swept = said.iter().find_map(|one| one.strip_prefix(SWEPT));
            let is_newer = |at: i64| rows.iter().any(|row| row.written_at.micros() > at);
            let comes_back = swept
                .and_then(|swept| swept.split_once(':'))
                .is_some_and(|(at, of)| of == tag && at.parse().is_ok_and(is_newer));
            return Ok(match (is_told && !comes_back, swept) {
                (true, None) => Fate::Stands,
                (true, Some(_)) => Fate::Same,
                (false, _) => {
                    said.retain(|one| !one.starts_with(SWEPT));
                    self.is_changed = true;
                    Fate::Written
                }
            });
        };
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

    fn tag(&self, field: &str, value: &str) -> String {
        let (collection, item) = self.place;
        let parts = [collection, item, field, value].map(str::as_bytes);
        let tag = self.key.tag("storeward.imported/1", &parts);
        hex(tag.get(..TAG_BYTES).unwrap_or(&tag))
    }
}

/// Over all that was said of an item: who writes into the database makes no old word a new one.
fn list_tag(key: &CustomerKey, (collection, item): (&str, &str), list: &str) -> String {
    hex(&key.tag("storeward.imported-list/1", &[collection, item, list].map(str::as_bytes)))
}
