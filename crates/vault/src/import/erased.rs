//! Whoever was erased stays erased, whichever number the shop has for them.

use storeward_base::{Actor, CustomerId};
use storeward_events::vault::ErasureBegun;

use super::{Plan, Row, Taken};
use crate::Error;
use crate::records::{Provenance, Vault, whole};
use crate::sql::{self, FieldRow};
use crate::whose::is_email;

impl Vault {
    /// What would become of a row of the shop's customer of this number: new, known, or erased.
    pub async fn known(&self, number: &str) -> Result<Taken, Error> {
        let customer = self.customer_of_shop(number);
        let found =
            self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::customer(reader, customer)?) });
        Ok(match found.await? {
            Some(row) if row.erasure_begun_at.is_some() => Taken::Erased,
            Some(_) => Taken::Known,
            None if self.0.keys.is_destroyed(customer).await? => Taken::Erased,
            None => Taken::New,
        })
    }

    /// [`Vault::known`] of a row, which may bear two numbers. An account that is kept goes on where a guest of the same address was erased;
    /// one that is new is the guest come back. That holds of a guest whose record was erased, not of the mark that an erased account leaves
    /// of its address: shops give accounts any address, and whoever opens another one later is a new customer.
    pub async fn known_row(&self, plan: &Plan, cells: &[String], row: &Row) -> Result<Taken, Error> {
        let number = plan.key_of(cells);
        if number.is_empty() {
            return Ok(Taken::Nothing);
        }
        let known = self.known(&number).await?;
        if known == Taken::Erased {
            return Ok(known);
        }
        if let Some(other) = plan.other_key_of(cells) {
            let (customer, other) = (self.customer_of_shop(&number), self.customer_of_shop(other));
            if !self.is_record_erased(other).await? {
                return Ok(if plan.is_nothing(cells, row) { Taken::Nothing } else { known });
            }
            if known == Taken::New || self.is_come_back(customer, other).await? {
                return Ok(Taken::Erased);
            }
        }
        Ok(if plan.is_nothing(cells, row) { Taken::Nothing } else { known })
    }

    /// Whether there was a record that was erased, or is being erased.
    async fn is_record_erased(&self, customer: CustomerId) -> Result<bool, Error> {
        let found =
            self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::customer(reader, customer)?) });
        Ok(found.await?.is_some_and(|row| row.erasure_begun_at.is_some()))
    }

    /// Whether a record came of rows that bear one number only, such as orders, since somebody was erased under the other: then the row
    /// that bears both is the first word of whose it is. A record that has an address, or had one, and one that somebody else wrote into, is
    /// a customer's who is kept.
    async fn is_come_back(&self, customer: CustomerId, other: CustomerId) -> Result<bool, Error> {
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
        let erased_at = self.0.keys.destroyed_at(other).await?;
        let is_since = erased_at.is_some_and(|at| row.created_at >= at);
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
        self.finish_erasure(Actor::Operator, customer).await
    }
}

/// Whether imports alone brought what is kept, and no address by which a customer is reached.
fn are_imports(rows: &[FieldRow]) -> bool {
    let of_import = |row: &FieldRow| row.provenance == Provenance::Import.name();
    rows.iter().all(|row| of_import(row) && !is_email(&row.collection, &row.field))
}
