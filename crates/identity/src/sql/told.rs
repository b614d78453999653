//! The tables of what a customer is told of attempts at the account.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

statements! {
    // Compare and set: of two at once, one tells.
    CLAIM = "INSERT INTO customer_told (customer, kind, at) VALUES ($1, $2, $3) \
             ON CONFLICT (customer, kind) DO UPDATE SET at = EXCLUDED.at WHERE customer_told.at <= $4";
    INSERT_UNMET = "INSERT INTO customer_unmet (flow_hash, customer, network_mark, label_sealed, at) \
                    VALUES ($1, $2, $3, $4, $5)";
    UNMET = "SELECT customer, label_sealed, at FROM customer_unmet WHERE flow_hash = $1";
    MET = "DELETE FROM customer_unmet WHERE flow_hash = $1";
    MET_FROM = "DELETE FROM customer_unmet WHERE customer = $1 AND network_mark = $2";
}

/// A sign-in with a right password that waits for more.
#[derive(Clone, Debug)]
pub struct UnmetRow {
    pub flow_hash: String,
    pub customer: CustomerId,
    pub network_mark: String,
    pub label_sealed: Vec<u8>,
    pub at: Timestamp,
}

/// Whether no letter of this kind went out since `before`; notes that one does now.
pub fn claim(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    kind: &str,
    now: Timestamp,
    before: Timestamp,
) -> Result<bool, Error> {
    tx.execute(CLAIM, params![customer, kind, now, before]).map(|rows| rows == 1)
}

pub fn insert_unmet(tx: &mut Tx<'_>, row: &UnmetRow) -> Result<(), Error> {
    let values = params![&row.flow_hash, row.customer, &row.network_mark, &row.label_sealed, row.at];
    tx.execute(INSERT_UNMET, values).map(drop)
}

/// Whose it is, on what device, and when.
pub fn unmet(
    reader: &mut Reader<'_>,
    flow_hash: &str,
) -> Result<Option<(CustomerId, Vec<u8>, Timestamp)>, Error> {
    reader.query_optional(UNMET, params![flow_hash], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

/// Whether it waited until now.
pub fn met(tx: &mut Tx<'_>, flow_hash: &str) -> Result<bool, Error> {
    tx.execute(MET, params![flow_hash]).map(|rows| rows == 1)
}

/// Whoever is in from a network is who began anew there.
pub fn met_from(tx: &mut Tx<'_>, customer: CustomerId, network_mark: &str) -> Result<(), Error> {
    tx.execute(MET_FROM, params![customer, network_mark]).map(drop)
}
