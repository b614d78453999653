//! The table of waiting times before a new factor may be added.

use storeward_base::{CustomerId, StaffId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

use super::bound;

statements! {
    BEGIN = "INSERT INTO customer_recovery_wait (customer, begun_at, ends_at, begun_by, told) VALUES ($1, $2, $3, $4, 1) \
             ON CONFLICT (customer) DO UPDATE SET begun_at = $2, ends_at = $3, begun_by = $4, told = 1, \
             shorten_asked_by = NULL, cancelled_at = NULL";
    OF_CUSTOMER = "SELECT begun_at, ends_at, begun_by, shorten_asked_by, told, cancelled_at FROM customer_recovery_wait \
                   WHERE customer = $1";
    CANCEL = "UPDATE customer_recovery_wait SET cancelled_at = $2 WHERE customer = $1 AND cancelled_at IS NULL";
    // Compare and set: each stage is told once, and only of the wait that it was promised for.
    TELL = "UPDATE customer_recovery_wait SET told = $2 \
            WHERE customer = $1 AND begun_at = $3 AND told < $2 AND cancelled_at IS NULL";
    ASK_SHORTER = "UPDATE customer_recovery_wait SET shorten_asked_by = $2 \
                   WHERE customer = $1 AND shorten_asked_by IS NULL AND cancelled_at IS NULL AND ends_at > $3";
    SHORTEN = "UPDATE customer_recovery_wait SET ends_at = $2, shorten_asked_by = NULL \
               WHERE customer = $1 AND shorten_asked_by = $3 AND cancelled_at IS NULL AND ends_at > $2";
    DELETE = "DELETE FROM customer_recovery_wait WHERE customer = $1";
}

/// One of them; the last one when it was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitRow {
    pub begun_at: Timestamp,
    pub ends_at: Timestamp,
    pub begun_by: Option<StaffId>,
    pub shorten_asked_by: Option<StaffId>,
    pub told: i64,
    pub cancelled_at: Option<Timestamp>,
}

pub fn begin(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    begun_at: Timestamp,
    ends_at: Timestamp,
    by: Option<StaffId>,
) -> Result<(), Error> {
    bound::changed(tx, customer, |tx| tx.execute(BEGIN, params![customer, begun_at, ends_at, by])).map(drop)
}

pub fn of_customer(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Option<WaitRow>, Error> {
    reader.query_optional(OF_CUSTOMER, params![customer], |row| {
        Ok(WaitRow {
            begun_at: row.get(0)?,
            ends_at: row.get(1)?,
            begun_by: row.get(2)?,
            shorten_asked_by: row.get(3)?,
            told: row.get(4)?,
            cancelled_at: row.get(5)?,
        })
    })
}

/// Whether there was one to cancel.
pub fn cancel(tx: &mut Tx<'_>, customer: CustomerId, now: Timestamp) -> Result<bool, Error> {
    if of_customer(tx, customer)?.is_none_or(|row| row.cancelled_at.is_some()) {
        return Ok(false);
    }
    Ok(bound::changed(tx, customer, |tx| tx.execute(CANCEL, params![customer, now]))? == 1)
}

/// Whether this stage of this wait was not told before.
pub fn tell(tx: &mut Tx<'_>, customer: CustomerId, stage: i64, begun_at: Timestamp) -> Result<bool, Error> {
    tx.execute(TELL, params![customer, stage, begun_at]).map(|rows| rows == 1)
}

pub fn ask_shorter(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    staff: StaffId,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(bound::changed(tx, customer, |tx| tx.execute(ASK_SHORTER, params![customer, staff, now]))? == 1)
}

pub fn shorten(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    ends_at: Timestamp,
    asked_by: StaffId,
) -> Result<bool, Error> {
    Ok(bound::changed(tx, customer, |tx| tx.execute(SHORTEN, params![customer, ends_at, asked_by]))? == 1)
}

pub fn delete(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    bound::changed(tx, customer, |tx| tx.execute(DELETE, params![customer])).map(drop)
}
