//! Whoever was erased stays erased, whichever number the shop has for them; what the shop says was begun after that is begun here as well.

use std::collections::BTreeSet;

use storeward_base::{Actor, CustomerId, Timestamp};
use storeward_events::vault::ErasureBegun;
use storeward_seal::envelope::CustomerKey;

use super::{Cells, Plan, Row, Taken};
use crate::Error;
use crate::catalogue::{CLOCKS, Class};
use crate::records::{Item, Provenance, Vault, whole};
use crate::sql::{self, FieldRow};
use crate::whose::is_email;

/// Who bears a number of the shop's, and until when whoever bore it before was erased.
pub(super) struct Bearer {
    /// Whose record it leads to, or would.
    pub customer: CustomerId,
    /// The last who was erased under it.
    pub before: Option<CustomerId>,
    /// Since when there is a record.
    kept_since: Option<Timestamp>,
    /// The last erasure under this number.
    erased_at: Option<Timestamp>,
    /// The last one of a record; the others are marks that erased accounts left of their addresses.
    record_erased_at: Option<Timestamp>,
}

impl Bearer {
    pub fn is_kept(&self) -> bool {
        self.kept_since.is_some()
    }
}

/// Whether something was begun after an erasure: what has no date was not. Shops have clocks of their own.
fn is_after(begun: Option<Timestamp>, erased_at: Timestamp) -> bool {
    begun.is_some_and(|begun| begun > erased_at.plus(CLOCKS))
}

/// What would become of a row.
pub(super) struct Judged {
    pub taken: Taken,
    /// Whoever bears the number is the one who was erased under another: nothing of theirs stays.
    pub ends: bool,
    /// Somebody was erased under one of its numbers.
    pub is_again: bool,
}

impl Vault {
    /// What would become of a row of the shop's customer of this number that says nothing of when it was begun: new, known, or erased.
    pub async fn known(&self, number: &str) -> Result<Taken, Error> {
        let bearer = self.bearer(number).await?;
        Ok(match (bearer.erased_at, bearer.kept_since) {
            (Some(_), _) => Taken::Erased,
            (None, Some(_)) => Taken::Known,
            (None, None) => Taken::New,
        })
    }

    /// Whose record of this number is kept, for programs: they follow where an import began anew with somebody, and begin with nobody who
    /// was erased, because they give no date.
    pub(crate) async fn kept_of_shop(&self, number: &str) -> Result<CustomerId, Error> {
        let bearer = self.bearer(number).await?;
        Ok(if bearer.is_kept() { bearer.customer } else { self.customer_of_shop(number) })
    }

    /// Goes from each who bore the number and was erased to the next. An erasure ends what was, and is no ban: whoever comes again has
    /// another id, because nobody gets a key under the old one, and whatever backup is restored.
    pub(super) async fn bearer(&self, number: &str) -> Result<Bearer, Error> {
        let customer = self.customer_of_shop(number);
        let mut bearer =
            Bearer { customer, before: None, kept_since: None, erased_at: None, record_erased_at: None };
        for again in 1_u64.. {
            let customer = bearer.customer;
            let row =
                self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::customer(reader, customer)?) });
            let row = row.await?;
            let is_destroyed = match &row {
                // As each row of somebody who is kept: nothing is asked of the key store.
                Some(row) if row.erasure_begun_at.is_none() => self.0.keys.is_known_destroyed(customer),
                Some(_) => true,
                None => self.0.keys.is_destroyed(customer).await?,
            };
            if !is_destroyed {
                bearer.kept_since = row.map(|row| row.created_at);
                break;
            }
            // One that is under way ends whatever there is.
            let at = self.0.keys.destroyed_at(customer).await?;
            let at = at.unwrap_or_else(|| self.0.db.now()).max(bearer.erased_at.unwrap_or(Timestamp::EPOCH));
            bearer.erased_at = Some(at);
            if row.is_some() {
                bearer.record_erased_at = Some(at);
            }
            bearer.before = Some(customer);
            bearer.customer = self.customer_of_shop(&again_number(number, again));
        }
        Ok(bearer)
    }

    /// [`Vault::known`] of a row, which may bear two numbers, and say when it was begun.
    pub async fn known_row(&self, plan: &Plan, cells: &[String], row: &Row) -> Result<Taken, Error> {
        let number = plan.key_of(cells);
        if number.is_empty() {
            return Ok(Taken::Nothing);
        }
        let bearer = self.bearer(&number).await?;
        Ok(self.judge(&bearer, plan, cells, row).await?.taken)
    }

    /// What becomes of a row of whoever bears its number. An account that is kept goes on where a guest of the same address was erased; one that
    /// is new, and that the shop does not say was begun after that, is the guest come back. That holds of a guest whose record was erased, not
    /// of the mark that an erased account leaves of its address: shops give accounts any address, and whoever opens another one later is
    /// a new customer. Orders of before stay out of theirs, too, to whomever the shop gives them.
    pub(super) async fn judge(
        &self,
        bearer: &Bearer,
        plan: &Plan,
        cells: &[String],
        row: &Row,
    ) -> Result<Judged, Error> {
        let begun = plan.begun_of(cells, self.0.db.now());
        let is_since = |erased_at| is_after(begun, erased_at);
        let is_kept = bearer.is_kept();
        let is_erased = bearer.erased_at.is_some_and(|at| !is_since(at));
        let (mut ends, mut is_of_before, mut is_again) = (false, false, bearer.erased_at.is_some());
        if let Some(other) = plan.other_key_of(cells).filter(|_| !is_erased) {
            let other = self.bearer(other).await?;
            if let Some(at) = other.record_erased_at {
                is_again = true;
                ends = (!is_kept && !is_since(at))
                    || (is_kept && self.is_come_back(bearer.customer, at).await?);
            }
            let is_new = |at| bearer.kept_since.is_none_or(|since| since >= at);
            let is_item = plan.is_dated() && !plan.places(cells).is_empty();
            is_of_before = is_item && other.erased_at.is_some_and(|at| is_new(at) && !is_since(at));
        }
        let is_gone = is_erased || ends || is_of_before || self.was_erased(plan, cells, begun).await?;
        let taken = match is_gone {
            true => Taken::Erased,
            false if plan.is_nothing(cells, row) => Taken::Nothing,
            false if is_kept => Taken::Known,
            false => Taken::New,
        };
        Ok(Judged { taken, ends, is_again })
    }

    /// Whether what a row names, or was read from, stood in a record that was erased, and was not begun after that. Shops give it to others:
    /// to a guest of whichever address it bears, once the account is gone.
    async fn was_erased(
        &self,
        plan: &Plan,
        cells: &[String],
        begun: Option<Timestamp>,
    ) -> Result<bool, Error> {
        for (class, cell) in plan.things(cells) {
            let mark = self.mark_of_item(class.name(), &self.item_of_shop(class, cell));
            // Also where another program erased it meanwhile. The ledger alone says that it was.
            if self.0.keys.is_destroyed(mark).await?
                && let Some(at) = self.0.keys.destroyed_at(mark).await?
                && !is_after(begun, at)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The id under which the key store remembers that an item was erased, beside whoever was. No number of a shop's begins with a break.
    fn mark_of_item(&self, collection: &str, item: &str) -> CustomerId {
        self.customer_of_shop(&format!("\n{collection}\n{item}"))
    }

    /// The marks of the items that imports brought into a record, also of those that the sweep took: what a program calls by the same name is
    /// something else.
    pub(crate) async fn as_items(&self, customer: CustomerId) -> Result<Vec<CustomerId>, Error> {
        // Whoever is erased again, in a copy of before, was erased with what they had then: those marks lie beside theirs. What the copy
        // has of them may be another's since.
        let Some(key) = self.0.keys.key(customer).await.ok().flatten() else { return Ok(Vec::new()) };
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let rows = sql::fields(reader, customer)?.into_iter();
            let rows = rows.filter(|row| row.provenance == Provenance::Import.name());
            let mut items: BTreeSet<(String, String)> = rows.map(|row| (row.collection, row.item)).collect();
            for place in sql::imported_places(reader, customer)? {
                if Cells::read(reader, &key, customer, (&place.0, &place.1))?.are_imports() {
                    items.insert(place);
                }
            }
            Ok(items)
        });
        let mut items = found.await?;
        items.retain(|(_, item)| item.starts_with(Item::MARKED));
        Ok(items.iter().map(|(collection, item)| self.mark_of_item(collection, item)).collect())
    }

    /// Remembers of an account's order whose guest's the shop would make it: shops leave the address of before on older orders, and what they
    /// take between the last import and an erasure bears it, too.
    pub(super) async fn remember_billed(
        &self,
        customer: CustomerId,
        plan: &Plan,
        cells: &[String],
    ) -> Result<(), Error> {
        let Some(email) = plan.billed_of(cells) else { return Ok(()) };
        let guest = self.bearer(&Vault::guest_number(email)).await?.customer;
        let Some(key) = self.0.keys.key(customer).await?.filter(|_| guest != customer) else { return Ok(()) };
        for (class, cell) in plan.places(cells).into_iter().filter(|(class, _)| *class == Class::Order) {
            let (item, key) = (self.item_of_shop(class, cell), key.clone());
            let (place, of_read) = (item.clone(), key.clone());
            let is_known = self.0.db.read(move |reader| -> Result<_, Error> {
                let said = Cells::read(reader, &of_read, customer, (class.name(), &place))?;
                Ok(said.billed().contains(&guest))
            });
            if is_known.await? {
                continue;
            }
            let written = self.0.db.write(move |tx| -> Result<(), Error> {
                tx.commit_silent("no value is written");
                sql::hold(tx, customer)?;
                // Of whoever is erased meanwhile nothing is kept.
                if sql::customer(tx, customer)?.is_some_and(|row| row.erasure_begun_at.is_none()) {
                    let mut said = Cells::read(tx, &key, customer, (class.name(), &item))?;
                    said.bill(guest);
                    said.save(tx)?;
                }
                Ok(())
            });
            written.await?;
        }
        Ok(())
    }

    /// The guests of whom the shop would make the orders that imports brought into a record, and of whom there is no record: whoever has one
    /// is somebody, whoever else put their address on an order.
    pub(super) async fn as_billed(
        &self,
        customer: CustomerId,
        key: &CustomerKey,
    ) -> Result<BTreeSet<CustomerId>, Error> {
        let key = key.clone();
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let mut guests = BTreeSet::new();
            for (collection, item) in sql::imported_places(reader, customer)? {
                for guest in Cells::read(reader, &key, customer, (&collection, &item))?.billed() {
                    if sql::customer(reader, guest)?.is_none() {
                        guests.insert(guest);
                    }
                }
            }
            Ok(guests)
        });
        found.await
    }

    /// Whether a record came of rows that bear one number only, such as orders, since somebody was erased under the other: then the row
    /// that bears both is the first word of whose it is. A record that has an address, or had one, and one that somebody else wrote into, is
    /// a customer's who is kept.
    async fn is_come_back(&self, customer: CustomerId, erased_at: Timestamp) -> Result<bool, Error> {
        let Some(held) = self.0.keys.held(customer).await? else { return Ok(false) };
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let row = sql::customer(reader, customer)?.ok_or(Error::NoCustomer)?;
            let rows = whole(reader, customer, &held, &row, |_| true)?;
            let had_address = sql::was_imported(reader, customer, "contact", "email")?;
            Ok((row, rows, had_address))
        });
        let (row, rows, had_address) = match found.await {
            Ok(found) => found,
            // What somebody changed destroys nothing; that it was changed tells whoever writes to it.
            Err(Error::Harmed(_) | Error::NoCustomer) => return Ok(false),
            Err(other) => return Err(other),
        };
        // Both moments are out of the reach of whoever writes the data: one is sealed in the record, one stands in the key store's ledger.
        let is_since = row.created_at >= erased_at;
        Ok(is_since && !had_address && row.restricted_at.is_none() && are_imports(&rows))
    }

    /// Erases under this number, too, whoever was erased under another: rows that bear this one only bring nothing back, and what they
    /// brought before is gone. A mark is all that is kept.
    pub(super) async fn stay_erased(&self, customer: CustomerId) -> Result<(), Error> {
        let begun = self.0.db.write(move |tx| -> Result<bool, Error> {
            // Somebody wrote of them since it was judged: the next run judges anew.
            if !are_imports(&sql::fields(tx, customer)?) {
                tx.commit_silent("somebody wrote into the record meanwhile");
                return Ok(false);
            }
            if sql::begin_erasure(tx, customer)? {
                tx.append(Actor::Operator, None, ErasureBegun { customer })?;
            } else {
                tx.commit_silent("nothing of them came yet");
            }
            Ok(true)
        });
        if !begun.await? {
            return Ok(());
        }
        self.finish_erasure(Actor::Operator, customer).await.map(drop)
    }
}

/// The number by which whoever bears it after so many erasures has an id. No number of a shop's begins with a break: cells are read without.
fn again_number(number: &str, again: u64) -> String {
    format!("\n{again}\n{number}")
}

/// Whether imports alone brought what is kept, and no address by which a customer is reached.
fn are_imports(rows: &[FieldRow]) -> bool {
    let of_import = |row: &FieldRow| row.provenance == Provenance::Import.name();
    rows.iter().all(|row| of_import(row) && !is_email(&row.collection, &row.field))
}
