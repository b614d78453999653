//! The table of what staff did to accounts, and what they look at beside it.

use storeward_base::{CustomerId, StaffId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

use crate::model::{SessionId, StaffActId};

statements! {
    INSERT = "INSERT INTO customer_staff_act (id, customer, staff, at, what, reason_sealed) VALUES ($1, $2, $3, $4, $5, $6)";
    OF_CUSTOMER = "SELECT id, staff, at, what, reason_sealed FROM customer_staff_act WHERE customer = $1 \
                   ORDER BY at DESC, id DESC LIMIT $2";
    ASKED = "SELECT id FROM customer_staff_act WHERE customer = $1 AND what = $2 AND staff <> $3 AND at >= $4 LIMIT 1";
    SET_PLACE = "UPDATE customer_session SET place_sealed = $2 WHERE id = $1";
    PLACES = "SELECT id, place_sealed FROM customer_session WHERE customer = $1 AND place_sealed IS NOT NULL LIMIT 200";
}

#[derive(Clone, Debug)]
pub struct StaffActRow {
    pub id: StaffActId,
    pub staff: StaffId,
    pub at: Timestamp,
    pub what: String,
    pub reason_sealed: Vec<u8>,
}

pub fn insert(tx: &mut Tx<'_>, customer: CustomerId, row: &StaffActRow) -> Result<(), Error> {
    tx.execute(INSERT, params![row.id, customer, row.staff, row.at, &row.what, &row.reason_sealed]).map(drop)
}

pub fn of_customer(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    most: u32,
) -> Result<Vec<StaffActRow>, Error> {
    reader.query_many(OF_CUSTOMER, params![customer, most], |row| {
        Ok(StaffActRow {
            id: row.get(0)?,
            staff: row.get(1)?,
            at: row.get(2)?,
            what: row.get(3)?,
            reason_sealed: row.get(4)?,
        })
    })
}

/// Whether another member of staff did this from `since` on.
pub fn is_asked_by_another(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    what: &str,
    staff: StaffId,
    since: Timestamp,
) -> Result<bool, Error> {
    let found =
        tx.query_optional(ASKED, params![customer, what, staff, since], |row| row.get::<StaffActId>(0))?;
    Ok(found.is_some())
}

pub fn set_place(tx: &mut Tx<'_>, id: SessionId, sealed: &[u8]) -> Result<(), Error> {
    tx.execute(SET_PLACE, params![id, sealed]).map(drop)
}

pub fn places(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Vec<(SessionId, Vec<u8>)>, Error> {
    reader.query_many(PLACES, params![customer], |row| Ok((row.get(0)?, row.get(1)?)))
}
