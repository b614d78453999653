//! The table of what a person sees of their account.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

use crate::model::ActivityId;

statements! {
    INSERT = "INSERT INTO customer_activity (id, customer, at, what, label_sealed) VALUES ($1, $2, $3, $4, $5)";
    OF_CUSTOMER = "SELECT id, at, what, label_sealed FROM customer_activity WHERE customer = $1 \
                   ORDER BY at DESC, id DESC LIMIT $2";
    FORGET = "DELETE FROM customer_activity WHERE customer = $1 AND at < $2";
}

#[derive(Clone, Debug)]
pub struct ActivityRow {
    pub id: ActivityId,
    pub at: Timestamp,
    pub what: String,
    pub label_sealed: Vec<u8>,
}

pub fn insert(tx: &mut Tx<'_>, customer: CustomerId, row: &ActivityRow) -> Result<(), Error> {
    tx.execute(INSERT, params![row.id, customer, row.at, &row.what, &row.label_sealed]).map(drop)
}

pub fn of_customer(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    most: u32,
) -> Result<Vec<ActivityRow>, Error> {
    reader.query_many(OF_CUSTOMER, params![customer, most], |row| {
        Ok(ActivityRow { id: row.get(0)?, at: row.get(1)?, what: row.get(2)?, label_sealed: row.get(3)? })
    })
}

pub fn forget(tx: &mut Tx<'_>, customer: CustomerId, before: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET, params![customer, before]).map(drop)
}
