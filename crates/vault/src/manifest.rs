//! What was written last of a customer: which values there are, in which version, and what stands beside them. Sealed under the
//! customer's key, so that whoever is at the database can neither put an older value back, nor take one away, nor change where
//! it is from or how long it is kept, without being found and named.
//!
//! It lies beside the values, in parts: part 0 says how far the others are, 1 to 16 hold the values by their item, so that a
//! change of one of a thousand orders writes a sixteenth. How often the record was changed, its revision, is noted in the key
//! store a moment later, too ([`crate::KeyStore`]): data as a whole that is older than its keys is known by that.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use storeward_base::{CustomerId, Entropy, Timestamp};
use storeward_seal::encoding::hex;
use storeward_seal::envelope::{CustomerKey, FieldPlace};
use storeward_seal::fingerprint::{equal, sha256};
use storeward_store::{Reader, Tx};

use crate::Error;
use crate::keys::Held;
use crate::sql::{self, CustomerRow, FieldRow};

/// Values of one customer: an export is whole, and a page of it is bounded.
pub const MOST_VALUES: usize = 10_000;
const PARTS: u8 = 16;
const HEAD: u8 = 0;
/// Version of the form, in the text and sealed in.
const FORM: u16 = 1;
/// Where a manifest belongs in the customer's key's eyes; no class is called so.
const COLLECTION: &str = "manifest";

/// In what way something is not as it was written last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// A value is there in an older version.
    Older,
    /// A value is gone.
    Missing,
    /// A value is there that was never written, or that was taken away.
    Unknown,
    /// The sealed value is another one, or what stands beside it: where it is from, since when, how long it is kept.
    Changed,
    /// A value does not open.
    Damaged,
    /// The customer is found by something else than the value.
    Found,
    /// What was written last cannot be told: its own text is gone or does not open.
    Manifest,
    /// The record as a whole is older than its key: a restored backup, or somebody put it there.
    OlderData,
    /// There is no key for the record, or it does not open: keys of another time, or somebody was at them.
    NoKey,
    /// The row says that an erasure began, and the ledger knows of none.
    Unasked,
    /// How long a class is kept is not what the ledger says last; nobody's record, so the customer is `cust_` and noughts.
    Retention,
    /// The rules that were saved at the console are not what the ledger says last; nobody's record, either.
    Rules,
    /// A row beside the records (a request, an emergency, a customer's request, who saw whom) is not what the ledger says, or gone.
    Row,
}

impl Harm {
    pub const fn name(self) -> &'static str {
        match self {
            Harm::Older => "older",
            Harm::Missing => "missing",
            Harm::Unknown => "unknown",
            Harm::Changed => "changed",
            Harm::Damaged => "damaged",
            Harm::Found => "found",
            Harm::Manifest => "manifest",
            Harm::OlderData => "older_data",
            Harm::NoKey => "no_key",
            Harm::Unasked => "unasked",
            Harm::Retention => "retention",
            Harm::Rules => "rules",
            Harm::Row => "row",
        }
    }

    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Harm::Older => "an older value was put in its place",
            Harm::Missing => "the value is gone",
            Harm::Unknown => "the value was never written here, or was taken away",
            Harm::Changed => "the value, or what stands beside it, was changed",
            Harm::Damaged => "the value does not open",
            Harm::Found => "the index finds the customer by something else than the value",
            Harm::Manifest => "what was written last cannot be told: its own record is gone or was changed",
            Harm::OlderData => "older data: the record is older than its key (a restored backup?)",
            Harm::NoKey => "there is no key that opens the record: keys of another time?",
            Harm::Unasked => {
                "an erasure was begun past Storeward: the ledger knows of none, and nothing was destroyed"
            }
            Harm::Retention => "for how long it is kept is not what the ledger says last",
            Harm::Row => "the row is not what the ledger says: it was changed, added, or taken away",
            Harm::Rules => "the rules are not what the ledger says was saved last: only the owner is let in",
        }
    }
}

/// Something that is not as it was written last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub customer: CustomerId,
    /// Such as `address.home.street`; empty for the record as a whole.
    pub place: String,
    pub harm: Harm,
}

impl Flaw {
    pub(crate) fn whole(customer: CustomerId, harm: Harm) -> Self {
        Flaw { customer, place: String::new(), harm }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    created_at: Timestamp,
    restricted_at: Option<Timestamp>,
    values: usize,
    /// The revision in which each part was written last; 0: never.
    parts: [u64; PARTS as usize],
}

/// One value: its place, its version, and a tag over all of its row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry(String, String, String, u64, String);

impl Entry {
    fn of(key: &CustomerKey, row: &FieldRow) -> Self {
        let keep = row.keep_until.map_or_else(Vec::new, |at| at.micros().to_be_bytes().to_vec());
        let tag = key.tag(
            "storeward.value/1",
            &[
                row.collection.as_bytes(),
                row.item.as_bytes(),
                row.field.as_bytes(),
                &row.form.to_be_bytes(),
                &row.version.to_be_bytes(),
                &row.sealed,
                row.provenance.as_bytes(),
                &row.written_at.micros().to_be_bytes(),
                &keep,
            ],
        );
        Entry(row.collection.clone(), row.item.clone(), row.field.clone(), row.version, hex(&tag))
    }

    fn is_at(&self, collection: &str, item: &str, field: &str) -> bool {
        self.0 == collection && self.1 == item && self.2 == field
    }
}

fn place(collection: &str, item: &str, field: &str) -> String {
    format!("{collection}.{item}.{field}")
}

/// All values of an item lie in one part.
fn part_of(collection: &str, item: &str) -> u8 {
    let hash = sha256(format!("{collection}\n{item}").as_bytes());
    1 + hash.first().copied().unwrap_or_default() % PARTS
}

/// Read for one write or one look.
pub struct Manifest {
    customer: CustomerId,
    pub revision: u64,
    head: Head,
    parts: BTreeMap<u8, Vec<Entry>>,
    changed: BTreeSet<u8>,
    /// The record is from before there were manifests: it counts as it is.
    pub is_new: bool,
}

impl Manifest {
    /// `row` and the manifest must be read in one transaction, and `held` before it.
    pub fn read(
        reader: &mut Reader<'_>,
        customer: CustomerId,
        held: &Held,
        row: &CustomerRow,
    ) -> Result<Self, Error> {
        let harmed = |harm: Harm| Error::Harmed(Box::new(Flaw::whole(customer, harm)));
        let Some((revision, sealed)) = sql::manifest_part(reader, customer, HEAD)? else {
            if held.revision == 0 {
                return Self::of_rows(reader, customer, &held.key, row);
            }
            let is_empty = sql::fields(reader, customer)?.is_empty();
            return Err(harmed(if is_empty { Harm::OlderData } else { Harm::Manifest }));
        };
        let head: Head =
            opened(&held.key, customer, HEAD, revision, &sealed).ok_or_else(|| harmed(Harm::Manifest))?;
        if revision < held.revision {
            return Err(harmed(Harm::OlderData));
        }
        // Nobody whose record is read was erased.
        if (head.created_at, head.restricted_at, None) != (row.created_at, row.restricted_at, row.erased_at) {
            return Err(harmed(Harm::Changed));
        }
        let (parts, changed) = (BTreeMap::new(), BTreeSet::new());
        Ok(Manifest { customer, revision, head, parts, changed, is_new: false })
    }

    fn of_rows(
        reader: &mut Reader<'_>,
        customer: CustomerId,
        key: &CustomerKey,
        row: &CustomerRow,
    ) -> Result<Self, Error> {
        let head = Head {
            created_at: row.created_at,
            restricted_at: row.restricted_at,
            values: 0,
            parts: [0; PARTS as usize],
        };
        let parts = (1..=PARTS).map(|part| (part, Vec::new())).collect();
        let (changed, is_new) = (BTreeSet::new(), true);
        let mut made = Manifest { customer, revision: 0, head, parts, changed, is_new };
        let rows = sql::fields(reader, customer)?;
        refuse_cut(&rows)?;
        for row in rows {
            made.put(key, &row);
        }
        Ok(made)
    }

    /// Reads the part that an item is in.
    pub fn load(
        &mut self,
        reader: &mut Reader<'_>,
        key: &CustomerKey,
        collection: &str,
        item: &str,
    ) -> Result<(), Error> {
        self.load_part(reader, key, part_of(collection, item))
    }

    pub fn load_all(&mut self, reader: &mut Reader<'_>, key: &CustomerKey) -> Result<(), Error> {
        (1..=PARTS).try_for_each(|part| self.load_part(reader, key, part))
    }

    fn load_part(&mut self, reader: &mut Reader<'_>, key: &CustomerKey, part: u8) -> Result<(), Error> {
        if self.parts.contains_key(&part) {
            return Ok(());
        }
        let written = self.written(part);
        let entries = if written == 0 {
            Vec::new()
        } else {
            let found = sql::manifest_part(reader, self.customer, part)?;
            let text = found
                .filter(|(revision, _)| *revision == written)
                .and_then(|(revision, sealed)| opened(key, self.customer, part, revision, &sealed));
            text.ok_or_else(|| Error::Harmed(Box::new(Flaw::whole(self.customer, Harm::Manifest))))?
        };
        self.parts.insert(part, entries);
        Ok(())
    }

    /// Whether each part that lies there was written.
    pub fn has_no_others(&self, parts: &[i64]) -> bool {
        let is_written = |part: u8| match part {
            HEAD => !self.is_new,
            part => part <= PARTS && self.written(part) > 0,
        };
        parts.iter().all(|part| u8::try_from(*part).is_ok_and(is_written))
    }

    fn written(&self, part: u8) -> u64 {
        self.head.parts.get(usize::from(part) - 1).copied().unwrap_or_default()
    }

    /// The version of a value that is there; its part was loaded.
    pub fn version(&self, collection: &str, item: &str, field: &str) -> Option<u64> {
        let entries = self.parts.get(&part_of(collection, item))?;
        entries.iter().find(|entry| entry.is_at(collection, item, field)).map(|entry| entry.3)
    }

    /// Whether a row is what was written last, in each of its columns; its part was loaded.
    pub fn holds(&self, key: &CustomerKey, row: &FieldRow) -> bool {
        let own = Entry::of(key, row);
        let entries = self.parts.get(&part_of(&row.collection, &row.item));
        let is_own = |entry: &Entry| {
            entry.is_at(&row.collection, &row.item, &row.field)
                && entry.3 == own.3
                && equal(entry.4.as_bytes(), own.4.as_bytes())
        };
        entries.is_some_and(|entries| entries.iter().any(is_own))
    }

    /// A value was written; its part was loaded.
    pub fn put(&mut self, key: &CustomerKey, row: &FieldRow) {
        let part = part_of(&row.collection, &row.item);
        let entries = self.parts.entry(part).or_default();
        let entry = Entry::of(key, row);
        match entries.iter_mut().find(|known| known.is_at(&row.collection, &row.item, &row.field)) {
            Some(known) => *known = entry,
            None => {
                entries.push(entry);
                self.head.values += 1;
            }
        }
        self.changed.insert(part);
    }

    /// A value was taken away; its part was loaded.
    pub fn remove(&mut self, collection: &str, item: &str, field: &str) {
        let part = part_of(collection, item);
        let entries = self.parts.entry(part).or_default();
        let before = entries.len();
        entries.retain(|entry| !entry.is_at(collection, item, field));
        self.head.values = self.head.values.saturating_sub(before - entries.len());
        self.changed.insert(part);
    }

    pub fn restrict(&mut self, since: Option<Timestamp>) {
        self.head.restricted_at = since;
    }

    /// Writes what changed, and the head; the revision that the record has now, which is above `than`, too.
    pub fn save(
        mut self,
        tx: &mut Tx<'_>,
        key: &CustomerKey,
        entropy: &dyn Entropy,
        than: u64,
    ) -> Result<u64, Error> {
        if self.head.values > MOST_VALUES {
            return Err(Error::Value {
                field: "item",
                why: "would be more than 10,000 values of one customer",
            });
        }
        let revision = self.revision.max(than) + 1;
        let customer = self.customer;
        for part in std::mem::take(&mut self.changed) {
            if let Some(slot) = self.head.parts.get_mut(usize::from(part) - 1) {
                *slot = revision;
            }
            let entries = self.parts.get(&part).map(Vec::as_slice).unwrap_or_default();
            let sealed = closed(key, customer, part, revision, &entries, entropy);
            sql::put_manifest_part(tx, customer, part, revision, &sealed)?;
        }
        let sealed = closed(key, customer, HEAD, revision, &self.head, entropy);
        sql::put_manifest_part(tx, customer, HEAD, revision, &sealed)?;
        Ok(revision)
    }

    /// What is not as it was written last. Everything was loaded.
    pub fn flaws(&self, key: &CustomerKey, rows: &[FieldRow]) -> Vec<Flaw> {
        let mut left: BTreeMap<(&str, &str, &str), &Entry> = BTreeMap::new();
        for entry in self.parts.values().flatten() {
            left.insert((&entry.0, &entry.1, &entry.2), entry);
        }
        let mut flaws = Vec::new();
        let mut flaw = |row: (&str, &str, &str), harm: Harm| {
            flaws.push(Flaw { customer: self.customer, place: place(row.0, row.1, row.2), harm });
        };
        for row in rows {
            let at = (row.collection.as_str(), row.item.as_str(), row.field.as_str());
            match left.remove(&at) {
                None => flaw(at, Harm::Unknown),
                Some(entry) if row.version < entry.3 => flaw(at, Harm::Older),
                Some(entry) => {
                    let own = Entry::of(key, row);
                    if own.3 != entry.3 || !equal(own.4.as_bytes(), entry.4.as_bytes()) {
                        flaw(at, Harm::Changed);
                    }
                }
            }
        }
        left.into_keys().for_each(|at| flaw(at, Harm::Missing));
        flaws
    }
}

/// A list that was cut off passes for no whole one.
pub fn refuse_cut(rows: &[FieldRow]) -> Result<(), Error> {
    if rows.len() > 2 * MOST_VALUES {
        return Err(Error::Value { field: "record", why: "has more than 20,000 values" });
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text<T> {
    form: u16,
    body: T,
}

#[derive(Serialize)]
struct TextOf<'a, T> {
    form: u16,
    body: &'a T,
}

fn closed<T: Serialize>(
    key: &CustomerKey,
    customer: CustomerId,
    part: u8,
    revision: u64,
    body: &T,
    entropy: &dyn Entropy,
) -> Vec<u8> {
    let text = serde_json::to_vec(&TextOf { form: FORM, body }).expect("words and numbers are JSON");
    let (owner, part) = (customer.to_string(), part.to_string());
    key.seal(&text, &at(&owner, &part, revision), entropy)
}

fn opened<T: for<'de> Deserialize<'de>>(
    key: &CustomerKey,
    customer: CustomerId,
    part: u8,
    revision: u64,
    sealed: &[u8],
) -> Option<T> {
    let (owner, part) = (customer.to_string(), part.to_string());
    let text = key.open(sealed, &at(&owner, &part, revision)).ok()?;
    let text: Text<T> = serde_json::from_slice(text.expose()).ok()?;
    (text.form == FORM).then_some(text.body)
}

fn at<'a>(customer: &'a str, part: &'a str, revision: u64) -> FieldPlace<'a> {
    FieldPlace { customer, collection: COLLECTION, field: part, schema: FORM, version: revision }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text inside of the seal must be read for as long as there are records.
    #[test]
    fn the_first_form_is_still_read() {
        let head = r#"{"form":1,"body":{"created_at":1795541880000000,"restricted_at":null,"values":2,"parts":[0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,3]}}"#;
        let part = r#"{"form":1,"body":[["contact","own","email",3,"00112233445566778899aabbccddeeff"]]}"#;
        let read: Text<Head> = serde_json::from_str(head).unwrap();
        assert_eq!(serde_json::to_string(&TextOf { form: 1, body: &read.body }).unwrap(), head);
        let read: Text<Vec<Entry>> = serde_json::from_str(part).unwrap();
        assert!(read.body[0].is_at("contact", "own", "email"));
        assert_eq!(serde_json::to_string(&TextOf { form: 1, body: &read.body }).unwrap(), part);
    }
}
