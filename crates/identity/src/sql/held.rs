//! The table of sign-ins that were held back.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use crate::held::What;
use crate::model::HeldId;

statements! {
    INSERT = "INSERT INTO customer_held_back (id, customer, at, what, purpose, reasons) VALUES ($1, $2, $3, $4, $5, $6)";
    OF_CUSTOMER = "SELECT customer, at, what, purpose, reasons FROM customer_held_back WHERE customer = $1 \
                   ORDER BY at DESC, id DESC LIMIT $2";
    // What was let in is no pressure on an account.
    LATELY = "SELECT customer, at, what, purpose, reasons FROM customer_held_back WHERE at > $1 AND what <> 'noticed' \
              ORDER BY at DESC, id DESC LIMIT $2";
    FORGET = "DELETE FROM customer_held_back WHERE customer = $1 AND at < $2";
}

/// One of them. The reasons are stable words.
#[derive(Clone, Debug)]
pub struct HeldRow {
    pub customer: CustomerId,
    pub at: Timestamp,
    pub what: What,
    pub purpose: String,
    pub reasons: Vec<String>,
}

pub fn insert(tx: &mut Tx<'_>, id: HeldId, row: &HeldRow) -> Result<(), Error> {
    let reasons = row.reasons.join(" ");
    tx.execute(INSERT, params![id, row.customer, row.at, row.what, &row.purpose, reasons]).map(drop)
}

pub fn of_customer(reader: &mut Reader<'_>, customer: CustomerId, most: u32) -> Result<Vec<HeldRow>, Error> {
    reader.query_many(OF_CUSTOMER, params![customer, most], held)
}

/// The newest of all accounts.
pub fn lately(reader: &mut Reader<'_>, since: Timestamp, most: u32) -> Result<Vec<HeldRow>, Error> {
    reader.query_many(LATELY, params![since, most], held)
}

fn held(row: &Row<'_>) -> Result<HeldRow, Error> {
    let reasons: String = row.get(4)?;
    Ok(HeldRow {
        customer: row.get(0)?,
        at: row.get(1)?,
        what: row.get(2)?,
        purpose: row.get(3)?,
        reasons: reasons.split_whitespace().map(str::to_owned).collect(),
    })
}

pub fn forget(tx: &mut Tx<'_>, customer: CustomerId, before: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET, params![customer, before]).map(drop)
}
