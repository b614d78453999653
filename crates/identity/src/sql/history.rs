//! The tables of what the risk engine remembers.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

statements! {
    FIND = "SELECT history_sealed, version FROM customer_history WHERE customer = $1";
    ADD = "INSERT INTO customer_history (customer, history_sealed, version, changed_at) VALUES ($1, $2, 1, $3) \
           ON CONFLICT (customer) DO NOTHING";
    MOVE = "UPDATE customer_history SET history_sealed = $3, version = version + 1, changed_at = $4 \
            WHERE customer = $1 AND version = $2";
    FORGET = "DELETE FROM customer_history WHERE customer = $1";
    FIND_SHOP = "SELECT history_sealed FROM customer_shop_history WHERE id = 1";
    KEEP_SHOP = "INSERT INTO customer_shop_history (id, history_sealed, changed_at) VALUES (1, $1, $2) \
                 ON CONFLICT (id) DO UPDATE SET history_sealed = excluded.history_sealed, \
                 changed_at = excluded.changed_at";
}

pub fn of_customer(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Option<(Vec<u8>, i64)>, Error> {
    reader.query_optional(FIND, params![customer], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Remembers; a sign-in that came in between wins: what is lost is one of many.
pub fn keep(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    version: Option<i64>,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    match version {
        None => tx.execute(ADD, params![customer, sealed, now]).map(drop),
        Some(version) => tx.execute(MOVE, params![customer, version, sealed, now]).map(drop),
    }
}

/// Somebody else may have signed in: nothing that was learnt counts.
pub fn forget(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(FORGET, params![customer]).map(drop)
}

pub fn of_shop(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Error> {
    reader.query_optional(FIND_SHOP, params![], |row| row.get(0))
}

pub fn keep_shop(tx: &mut Tx<'_>, sealed: &[u8], now: Timestamp) -> Result<(), Error> {
    tx.execute(KEEP_SHOP, params![sealed, now]).map(drop)
}
