//! Customers' keys that were unwrapped a short while ago.

use std::collections::HashMap;

use storeward_base::{CustomerId, Timestamp};

use super::Held;

/// 32 bytes of key each: 2 MiB of keys at most.
const MOST: usize = 65_536;
/// Another node's erasure is felt here after this at the latest; records of the erased are refused at once, by their row.
const FRESH_SECONDS: i64 = 60;

#[derive(Default)]
pub struct Cache(HashMap<CustomerId, (Held, Timestamp)>);

impl Cache {
    pub fn get(&self, customer: CustomerId, now: Timestamp) -> Option<Held> {
        let (key, since) = self.0.get(&customer)?;
        is_fresh(*since, now).then(|| key.clone())
    }

    pub fn put(&mut self, customer: CustomerId, key: Held, now: Timestamp) {
        if self.0.len() >= MOST {
            self.0.retain(|_, (_, since)| is_fresh(*since, now));
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(customer, (key, now));
    }

    /// The record has come further.
    pub fn note(&mut self, customer: CustomerId, revision: u64) {
        if let Some((held, _)) = self.0.get_mut(&customer) {
            held.revision = held.revision.max(revision);
        }
    }

    pub fn drop_one(&mut self, customer: CustomerId) {
        self.0.remove(&customer);
    }

    pub fn drop_all(&mut self) {
        self.0.clear();
    }
}

fn is_fresh(since: Timestamp, now: Timestamp) -> bool {
    let age = now.micros().saturating_sub(since.micros());
    (0..FRESH_SECONDS * 1_000_000).contains(&age)
}
