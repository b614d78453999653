//! What an erasure in the vault reaches of customers' accounts: neither knows how the other works, and they are joined here.

use std::sync::{Arc, OnceLock};

use storeward_base::{Actor, CustomerId};
use storeward_identity::{Identity, Later, accounts_of_address};
use storeward_seal::PseudonymKey;
use storeward_store::Db;
use storeward_vault::{Accounts, Error, Held};

use crate::open::Opened;

/// The accounts in the data, and who closes them, once there is somebody.
pub struct Joined {
    db: Db,
    key: PseudonymKey,
    identity: OnceLock<Identity>,
}

impl Joined {
    pub fn new(opened: &Opened) -> Arc<Self> {
        let (db, key) = (opened.db.clone(), opened.pseudonym_key.clone());
        Arc::new(Joined { db, key, identity: OnceLock::new() })
    }

    /// The accounts are at work: from now on they can be closed.
    pub fn serve(&self, identity: Identity) {
        // A program has one.
        let _ = self.identity.set(identity);
    }
}

impl Accounts for Joined {
    fn of_address<'a>(&'a self, email: &'a str) -> Later<'a, Result<Vec<Held>, Error>> {
        Box::pin(async move {
            let found = accounts_of_address(&self.db, &self.key, email).await?.into_iter();
            Ok(found.map(|(account, has_factor)| Held { account, has_factor }).collect())
        })
    }

    fn close(&self, accounts: Vec<CustomerId>, actor: Actor) -> Later<'_, Result<usize, Error>> {
        Box::pin(async move {
            let Some(identity) = self.identity.get() else { return Ok(0) };
            let mut count = 0;
            for account in accounts {
                count += usize::from(identity.close_erased(account, actor).await?);
            }
            Ok(count)
        })
    }
}
