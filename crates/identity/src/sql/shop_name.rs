//! The table of addresses that accounts showed to read before they gave them to the shop. An account's are bound with it.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

use super::bound;

/// Of one account; of more the newest stay.
const MOST: i64 = 8;

statements! {
    OWNERS = "SELECT customer FROM customer_shop_name WHERE mark = $1 AND (sent_at IS NOT NULL OR at > $2) \
              ORDER BY at DESC, customer LIMIT 8";
    OF_CUSTOMER = "SELECT at, sent_at FROM customer_shop_name WHERE customer = $1 AND mark = $2";
    ANY_SENT = "SELECT mark FROM customer_shop_name WHERE customer = $1 AND sent_at IS NOT NULL LIMIT 1";
    PUT = "INSERT INTO customer_shop_name (customer, mark, at, sent_at) VALUES ($1, $2, $3, NULL) \
           ON CONFLICT (customer, mark) DO UPDATE SET at = EXCLUDED.at";
    SENT = "UPDATE customer_shop_name SET sent_at = $3 WHERE customer = $1 AND mark = $2";
    KEPT = "UPDATE customer_shop_name SET sent_at = NULL WHERE customer = $1 AND sent_at IS NOT NULL";
    TAKE = "DELETE FROM customer_shop_name WHERE customer = $1 AND mark = $2";
    TRIM = "DELETE FROM customer_shop_name WHERE customer = $1 AND mark NOT IN (SELECT mark FROM customer_shop_name \
            WHERE customer = $1 ORDER BY at DESC, mark LIMIT $2)";
}

/// An address that an account showed to read.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub at: Timestamp,
    /// When it was given to the shop, which never showed since that it did not take it.
    pub sent_at: Option<Timestamp>,
}

/// Whose an address is that nobody goes by: of several who showed to read it the last one. What was never given to the shop counts from
/// `since` on. An account that somebody changed past Storeward comes after all others, and lets nobody in.
pub fn owner(reader: &mut Reader<'_>, mark: &str, since: Timestamp) -> Result<Option<CustomerId>, Error> {
    let found = reader.query_many(OWNERS, params![mark, since], |row| row.get::<CustomerId>(0))?;
    for customer in &found {
        if bound::fits(reader, *customer)? {
            return Ok(Some(*customer));
        }
    }
    Ok(found.first().copied())
}

pub fn find(reader: &mut Reader<'_>, customer: CustomerId, mark: &str) -> Result<Option<Shown>, Error> {
    reader.query_optional(OF_CUSTOMER, params![customer, mark], |row| {
        Ok(Shown { at: row.get(0)?, sent_at: row.get(1)? })
    })
}

/// They read mail there.
pub fn put(tx: &mut Tx<'_>, customer: CustomerId, mark: &str, at: Timestamp) -> Result<(), Error> {
    bound::changed(tx, customer, |tx| {
        tx.execute(PUT, params![customer, mark, at])?;
        tx.execute(TRIM, params![customer, MOST])
    })
    .map(drop)
}

/// The form with it goes to the shop.
pub fn sent(tx: &mut Tx<'_>, customer: CustomerId, mark: &str, at: Timestamp) -> Result<(), Error> {
    bound::changed(tx, customer, |tx| tx.execute(SENT, params![customer, mark, at])).map(drop)
}

/// Whether any went to the shop that may have taken it.
pub fn has_sent(reader: &mut Reader<'_>, customer: CustomerId) -> Result<bool, Error> {
    let found = reader.query_optional(ANY_SENT, params![customer], |row| row.get::<String>(0))?;
    Ok(found.is_some())
}

/// The shop calls them as before.
pub fn kept(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    bound::changed(tx, customer, |tx| tx.execute(KEPT, params![customer])).map(drop)
}

/// It is what the shop calls them now, or nothing more.
pub fn take(tx: &mut Tx<'_>, customer: CustomerId, mark: &str) -> Result<(), Error> {
    bound::changed(tx, customer, |tx| tx.execute(TAKE, params![customer, mark])).map(drop)
}
