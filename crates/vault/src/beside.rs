//! What stands beside the records and is bound or sealed under a customer's key: why somebody wanted to see something, and what customers wrote.
//! The ledger holds who, what and when ([`crate::grants`], [`crate::pleas`]); here the words are opened, and handed to nobody.

use std::collections::HashMap;

use storeward_base::{CustomerId, Timestamp};
use storeward_seal::envelope::CustomerKey;

use crate::Error;
use crate::manifest::{Flaw, Harm};
use crate::records::Vault;
use crate::{grants, pleas};

impl Vault {
    /// Rows whose words or tag are not what was written. Of whoever was erased nothing can be told, and nothing is left to open.
    pub(crate) async fn harms_of_words(&self, since: Timestamp) -> Result<Vec<Flaw>, Error> {
        let now = self.0.db.now();
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            Ok((grants::since(reader, since)?, pleas::all_rows(reader)?))
        });
        let (requests, asked) = found.await?;
        let (mut keys, mut flaws) = (HashMap::new(), Vec::new());
        let row = |customer, place| Flaw { customer, place, harm: Harm::Row };
        for one in requests {
            let Some(key) = self.key_for(&mut keys, one.customer).await? else { continue };
            if !one.is_whole(&key, now) {
                flaws.push(row(one.customer, format!("request.{}", one.id)));
            }
        }
        for one in asked {
            let Some(key) = self.key_for(&mut keys, one.customer).await? else { continue };
            if !one.is_whole(&key) {
                flaws.push(row(one.customer, format!("asked.{}", one.id)));
            }
        }
        Ok(flaws)
    }

    /// One that does not open is named by the look over the key store.
    async fn key_for(
        &self,
        known: &mut HashMap<CustomerId, Option<CustomerKey>>,
        customer: CustomerId,
    ) -> Result<Option<CustomerKey>, Error> {
        if let Some(key) = known.get(&customer) {
            return Ok(key.clone());
        }
        let key = match self.keys().held(customer).await {
            Ok(held) => held.map(|held| held.key),
            Err(Error::Store(why)) => return Err(Error::Store(why)),
            Err(_) => None,
        };
        known.insert(customer, key.clone());
        Ok(key)
    }
}
