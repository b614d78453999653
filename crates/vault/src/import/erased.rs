//! Whoever was erased stays erased, whichever number the shop has for them.

use storeward_base::{Actor, CustomerId};
use storeward_events::vault::ErasureBegun;

use super::{Plan, Row, Taken};
use crate::records::{Vault, whole};
use crate::whose::is_email;
use crate::{Error, sql};

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
    /// one that is new is the guest come back.
    pub async fn known_row(&self, plan: &Plan, cells: &[String], row: &Row) -> Result<Taken, Error> {
        let number = plan.key_of(cells);
        if number.is_empty() {
            return Ok(Taken::Nothing);
        }
        let known = self.known(&number).await?;
        if known == Taken::Erased {
            return Ok(known);
        }
        if let Some(other) = plan.other_key_of(cells)
            && self.known(other).await? == Taken::Erased
        {
            let (customer, other) = (self.customer_of_shop(&number), self.customer_of_shop(other));
            if known == Taken::New || self.is_come_back(customer, other).await? {
                return Ok(Taken::Erased);
            }
        }
        Ok(if plan.is_nothing(cells, row) { Taken::Nothing } else { known })
    }

    /// Whether a record came of rows that bear one number only, such as orders, since somebody was erased under the other: then the row
    /// that bears both is the first word of whose it is. A record with an address is an account that is kept.
    async fn is_come_back(&self, customer: CustomerId, other: CustomerId) -> Result<bool, Error> {
        let Some(held) = self.0.keys.held(customer).await? else { return Ok(false) };
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let row = sql::customer(reader, customer)?.ok_or(Error::NoCustomer)?;
            Ok((row.created_at, whole(reader, customer, &held, &row, |_| true)?))
        });
        let (created_at, rows) = match found.await {
            Ok(found) => found,
            // What somebody changed destroys nothing; that it was changed tells whoever writes to it.
            Err(Error::Harmed(_) | Error::NoCustomer) => return Ok(false),
            Err(other) => return Err(other),
        };
        let has_address = rows.iter().any(|row| is_email(&row.collection, &row.field));
        // Both moments are out of the reach of whoever writes the data: one is sealed in the record, one stands in the key store's ledger.
        let erased_at = self.0.keys.destroyed_at(other).await?;
        Ok(!has_address && erased_at.is_some_and(|at| created_at >= at))
    }

    /// Erases under this number, too, whoever was erased under another: rows that bear this one only bring nothing back, and what they
    /// brought before is gone. A mark is all that is kept.
    pub(super) async fn stay_erased(&self, customer: CustomerId) -> Result<(), Error> {
        let begun = self.0.db.write(move |tx| -> Result<(), Error> {
            if sql::begin_erasure(tx, customer)? {
                tx.append(Actor::Operator, None, ErasureBegun { customer })?;
            } else {
                tx.commit_silent("nothing of them came yet");
            }
            Ok(())
        });
        begun.await?;
        self.finish_erasure(Actor::Operator, customer).await
    }
}
