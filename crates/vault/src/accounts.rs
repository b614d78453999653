//! Customers' accounts, as far as an erasure reaches them: whoever is erased has none any more. Which accounts those are is found out while
//! the record can still be opened, and noted in the key store beside the record's own end, as the numbers of guests are. So the account is
//! closed also after a crash in between, and again where an older copy of the data brought it back.

use std::sync::Arc;

use storeward_base::{Actor, CustomerId};
use storeward_identity::Later;

use crate::error::Error;
use crate::records::Vault;
use crate::sql;
use crate::whose::{believed_emails, proven_emails};

/// How many are asked after at once.
const SOME: usize = 500;

/// An account of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub account: CustomerId,
    /// It asks for a second factor.
    pub has_factor: bool,
}

/// Why an account stays open where its owner's record is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has a second factor, which no member of staff alone and no program takes away.
    Factor,
    /// Nobody but a program says that the address is of whoever is erased: it may have been written for this.
    Hearsay,
}

impl Left {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Left::Factor => "factor",
            Left::Hearsay => "hearsay",
        }
    }
}

/// Customers' accounts. The app joins them to the vault.
pub trait Accounts: Send + Sync + 'static {
    /// Those of exactly this e-mail address.
    fn of_address<'a>(&'a self, email: &'a str) -> Later<'a, Result<Vec<Held>, Error>>;

    /// Closes those of these that are there; how many. Nothing in a program that has no accounts at work: the one that serves does it.
    fn close(&self, accounts: Vec<CustomerId>, actor: Actor) -> Later<'_, Result<usize, Error>>;
}

impl Vault {
    /// From now on an erasure closes the person's account, too. Only the first ones are taken.
    pub fn join_accounts(&self, accounts: Arc<dyn Accounts>) {
        // A second one would be of the same data.
        let _ = self.0.accounts.set(accounts);
    }

    /// The accounts of whoever is being erased: those on whose own page this record would stand, and no other record of theirs any more. Beside
    /// them those that stay open, because neither their owner nor whoever looks after the machine asks for it.
    pub(crate) async fn accounts_of(
        &self,
        customer: CustomerId,
        asker: Actor,
    ) -> Result<(Vec<CustomerId>, Vec<(CustomerId, Left)>), Error> {
        let (mut found, mut left) = (Vec::new(), Vec::new());
        let Some(accounts) = self.0.accounts.get() else { return Ok((found, left)) };
        let key = match self.0.keys.key(customer).await {
            Ok(Some(key)) => key,
            Err(Error::Store(why)) => return Err(Error::Store(why)),
            // Whoever is erased again, in a copy of before: their accounts are noted beside them.
            Ok(None) | Err(_) => return Ok((found, left)),
        };
        let rows = self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::fields(reader, customer)?) });
        let rows = rows.await?;
        let (believed, is_entitled) = (believed_emails(&key, customer, &rows), is_entitled(asker));
        for email in proven_emails(&key, customer, &rows) {
            // Several people's, or somebody's of whom another record is kept: as an account's it is not erased.
            let is_last = match self.own_records(&email).await {
                Ok(left) => left.is_some_and(|left| left.is_empty()),
                Err(Error::Harmed(_)) => false,
                Err(other) => return Err(other),
            };
            if !is_last {
                continue;
            }
            for Held { account, has_factor } in accounts.of_address(&email).await? {
                match (is_entitled, has_factor, believed.contains(&email)) {
                    (true, ..) | (false, false, true) => found.push(account),
                    (false, true, _) => left.push((account, Left::Factor)),
                    (false, false, false) => left.push((account, Left::Hearsay)),
                }
            }
        }
        Ok((found, left))
    }

    pub(crate) async fn close(&self, found: Vec<CustomerId>, actor: Actor) -> Result<usize, Error> {
        match self.0.accounts.get() {
            Some(accounts) if !found.is_empty() => accounts.close(found, actor).await,
            _ => Ok(0),
        }
    }

    /// Closes the account whose owner has erased what is kept of them. It stays closed in copies of before.
    pub async fn close_account(&self, account: CustomerId) -> Result<(), Error> {
        let actor = Actor::Customer { id: account };
        self.0.keys.destroy(account, actor).await?;
        self.close(vec![account], actor).await.map(drop)
    }

    /// Closes accounts of erased people that a crash left, or an older copy of the data brought back; how many there were. What else the key
    /// store knows as erased is nobody's account.
    pub async fn close_left_accounts(&self) -> Result<usize, Error> {
        let mut count = 0;
        for some in self.0.keys.destroyed().await?.chunks(SOME) {
            count += self.close(some.to_vec(), Actor::System).await?;
        }
        Ok(count)
    }
}

/// Whether an erasure is the person's own act, or of somebody who could change the data anyway.
fn is_entitled(asker: Actor) -> bool {
    matches!(asker, Actor::Customer { .. } | Actor::Operator)
}
