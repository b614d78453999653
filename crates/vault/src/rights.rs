//! What a person may ask for by law: a copy, a correction, an end of the use, an erasure (GDPR articles 15 to 20).

use std::sync::Arc;

use storeward_base::{Actor, CustomerId};
use storeward_events::vault::{
    CustomerErased, CustomerExported, ErasureBegun, FieldsForgotten, RestrictionChanged,
};
use storeward_policy::Act;
use storeward_store::Tx;

use crate::Error;
use crate::asking::Ask;
use crate::catalogue::{FIELDS, Field};
use crate::opening::{Opened, decide_record};
use crate::records::{Item, Vault};
use crate::sights;
use crate::sql;

/// The ledger forgets facts of this kind after thirteen months; the index over them before that is of no use to keep.
const SIGHTS_KEPT: std::time::Duration = std::time::Duration::from_secs(400 * 24 * 3600);
/// Fields that one write of the retention deletes.
const AT_ONCE: u32 = 500;

/// Whether the use of somebody's data is restricted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Restricted,
    Allowed,
}

/// What is known of an erasure, for the person who asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    pub begun_at: storeward_base::Timestamp,
    pub erased_at: Option<storeward_base::Timestamp>,
    /// Whether every epoch in which the key was ever wrapped has ended: then no backup of the keys opens it either.
    pub beyond_backups: bool,
}

impl Vault {
    /// All that is kept of a customer, for them to take along. It is on record as opened and as handed out.
    pub async fn export(&self, ask: &Ask, form: &'static str) -> Result<Vec<Opened>, Error> {
        let all: Vec<&'static Field> = FIELDS.iter().collect();
        let opening = self.open_for(Act::Export, ask, &all).await?;
        let fields = u64::try_from(opening.values.len()).unwrap_or(u64::MAX);
        let (customer, actor) = (ask.customer, ask.asker.actor);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.append(actor, None, CustomerExported { customer, fields, form: form.to_owned() })?;
            Ok(())
        });
        written.await?;
        Ok(opening.values)
    }

    /// Writes values in the place of others, for somebody whom the policy lets correct them.
    pub async fn correct(&self, ask: &Ask, item: Item) -> Result<(), Error> {
        self.allowed(Act::Correct, ask).await?;
        self.write(ask.asker.actor, ask.customer, item).await
    }

    /// Restricts the use of a customer's data, or allows it again. It is kept either way.
    pub async fn restrict(&self, ask: &Ask, to: Use) -> Result<(), Error> {
        let (policies, asked) = (self.policies(), ask.clone());
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            if let Err(reason) = decide_record(tx, &policies, Act::Restrict, &asked)? {
                return Ok(Err(reason));
            }
            let customer = asked.customer;
            let row = sql::customer(tx, customer)?.filter(|row| row.erasure_begun_at.is_none());
            let row = row.ok_or(Error::NoCustomer)?;
            if row.restricted_at.is_some() == (to == Use::Restricted) {
                tx.commit_silent("it was so before");
                return Ok(Ok(()));
            }
            let since = (to == Use::Restricted).then(|| tx.now());
            sql::restrict(tx, customer, since)?;
            let fact = RestrictionChanged { customer, restricted: to == Use::Restricted };
            tx.append(asked.asker.actor, None, fact)?;
            Ok(Ok(()))
        });
        written.await?.map_err(Error::Denied)
    }

    /// Begins and ends an erasure. From the first commit nothing of the customer is opened, whatever happens to this
    /// program; what is left undone then, [`Vault::finish_erasures`] does.
    pub async fn erase(&self, ask: &Ask) -> Result<(), Error> {
        let (policies, asked) = (self.policies(), ask.clone());
        let begun = self.0.db.write(move |tx| -> Result<_, Error> {
            let customer = asked.customer;
            if let Err(reason) = decide_record(tx, &policies, Act::Erase, &asked)? {
                return Ok(Err(reason));
            }
            if sql::begin_erasure(tx, customer)? {
                tx.append(asked.asker.actor, None, ErasureBegun { customer })?;
            } else {
                tx.commit_silent("the erasure was begun before");
            }
            Ok(Ok(()))
        });
        begun.await?.map_err(Error::Denied)?;
        self.finish_erasure(ask.asker.actor, ask.customer).await
    }

    /// Whether the use of somebody's data is restricted.
    pub async fn is_restricted(&self, customer: CustomerId) -> Result<bool, Error> {
        self.standing(customer).await.map(|row| row.restricted_at.is_some())
    }

    /// What became of an erasure; nothing where none was begun.
    pub async fn erasure(&self, customer: CustomerId) -> Result<Option<Erasure>, Error> {
        let found =
            self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::customer(reader, customer)?) });
        let row = found.await?.ok_or(Error::NoCustomer)?;
        let first = self.0.keys.first_epoch_begun_at();
        let beyond_backups = row.erased_at.is_some_and(|erased| first.is_some_and(|first| first > erased));
        Ok(row.erasure_begun_at.map(|begun_at| Erasure {
            begun_at,
            erased_at: row.erased_at,
            beyond_backups,
        }))
    }

    /// Ends what was begun before a crash, and erases again whoever an older copy of the data brought back; how many there
    /// were.
    pub async fn finish_erasures(&self) -> Result<usize, Error> {
        self.begin_again().await?;
        let mut count = 0;
        loop {
            let open = self.0.db.read(|reader| -> Result<_, Error> { Ok(sql::unfinished(reader)?) }).await?;
            if open.is_empty() {
                return Ok(count);
            }
            for customer in &open {
                self.finish_erasure(Actor::System, *customer).await?;
            }
            count += open.len();
        }
    }

    /// The key store knows whose key it destroyed, also where the data was restored from before that.
    async fn begin_again(&self) -> Result<(), Error> {
        let mut last = None;
        loop {
            let page = self.0.keys.destroyed(last).await?;
            let Some(end) = page.last().copied() else { return Ok(()) };
            let written = self.0.db.write(move |tx| -> Result<(), Error> {
                let mut begun = 0;
                for customer in &page {
                    if sql::begin_erasure(tx, *customer)? {
                        tx.append(Actor::System, None, ErasureBegun { customer: *customer })?;
                        begun += 1;
                    }
                }
                if begun == 0 {
                    tx.commit_silent("nobody of these came back");
                }
                Ok(())
            });
            written.await?;
            last = Some(end);
        }
    }

    /// The key first: without it the rest says nothing any more, wherever copies of it lie.
    async fn finish_erasure(&self, actor: Actor, customer: CustomerId) -> Result<(), Error> {
        self.0.keys.destroy(customer, actor).await?;
        let epoch = self.0.keys.current_epoch().0;
        let ended = self.0.db.write(move |tx| -> Result<(), Error> {
            let fields = sql::delete_fields(tx, customer)?;
            if sql::end_erasure(tx, customer)? {
                tx.append(actor, None, CustomerErased { customer, fields, epoch })?;
            } else {
                tx.commit_silent("the erasure was ended before");
            }
            Ok(())
        });
        ended.await
    }

    /// Deletes values whose time is over, and the index over openings that the ledger has forgotten. How many values.
    pub async fn forget(&self) -> Result<u64, Error> {
        let mut count = 0;
        loop {
            let done = self.0.db.write(|tx| -> Result<u64, Error> { forget_some(tx) }).await?;
            count += done;
            if done < u64::from(AT_ONCE) {
                return Ok(count);
            }
        }
    }

    async fn allowed(&self, act: Act, ask: &Ask) -> Result<(), Error> {
        let (policies, asked) = (self.policies(), ask.clone());
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let decided = decide_record(tx, &policies, act, &asked)?;
            if decided.is_ok() {
                tx.commit_silent("the act itself is told where it is done");
            }
            Ok(decided)
        });
        written.await?.map(drop).map_err(Error::Denied)
    }

    /// The rules in force.
    pub fn policies(&self) -> Arc<storeward_policy::Policies> {
        let policies = self.0.policies.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(&policies)
    }
}

fn forget_some(tx: &mut Tx<'_>) -> Result<u64, Error> {
    let now = tx.now();
    sights::forget(tx, now.minus(SIGHTS_KEPT))?;
    let over = sql::over(tx, now, AT_ONCE)?;
    for (customer, collection, item, field) in &over {
        sql::delete_field(tx, *customer, collection, item, field)?;
    }
    let count = u64::try_from(over.len()).unwrap_or(u64::MAX);
    if count == 0 {
        tx.commit_silent("no value's time is over");
    } else {
        tx.append(Actor::System, None, FieldsForgotten { count })?;
    }
    Ok(count)
}
