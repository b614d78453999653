//! The table of devices.

use std::time::Duration;

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use super::bound::DEVICE;
use crate::model::{DeviceId, SessionId};

statements! {
    INSERT = "INSERT INTO customer_device (id, customer, token_hash, label_sealed, created_at, seen_at, expires_at, \
              trusted_until, tag) VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8)";
    BY_ID = "SELECT id, customer, token_hash, label_sealed, created_at, seen_at, expires_at, trusted_until, previous_hash \
             FROM customer_device WHERE id = $1 AND expires_at > $2";
    OF_CUSTOMER = "SELECT id, customer, token_hash, label_sealed, created_at, seen_at, expires_at, trusted_until, previous_hash \
                   FROM customer_device WHERE customer = $1 AND expires_at > $2 ORDER BY seen_at DESC, id LIMIT 50";
    // Compare and set: two sign-ins at once with one token cannot both change it.
    ROTATE = "UPDATE customer_device SET previous_hash = token_hash, token_hash = $3, seen_at = $4, expires_at = $5, trusted_until = $6 \
              WHERE id = $1 AND token_hash = $2";
    DOUBT = "UPDATE customer_device SET token_hash = $3, trusted_until = NULL WHERE id = $1 AND token_hash = $2";
    OF_SESSION = "SELECT d.id FROM customer_session s JOIN customer_device d ON d.id = s.device AND d.customer = s.customer \
                  WHERE s.id = $1 AND s.created_at >= d.seen_at AND d.previous_hash IS NOT NULL";
    OF_OLD_SESSION = "SELECT id FROM customer_session WHERE id = $1 AND created_at <= $2";
    ARRIVED = "UPDATE customer_device SET previous_hash = NULL WHERE id = $1";
    DELETE = "DELETE FROM customer_device WHERE id = $1 AND customer = $2";
    DELETE_ALL = "DELETE FROM customer_device WHERE customer = $1";
    DELETE_OTHERS = "DELETE FROM customer_device WHERE customer = $1 AND id <> $2";
    FORGET = "DELETE FROM customer_device WHERE expires_at <= $1";
}

#[derive(Clone, Debug)]
pub struct DeviceRow {
    pub id: DeviceId,
    pub customer: CustomerId,
    pub token_hash: String,
    pub label_sealed: Vec<u8>,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    pub expires_at: Timestamp,
    pub trusted_until: Option<Timestamp>,
    /// Until what it was exchanged for was used.
    pub previous_hash: Option<String>,
}

/// A form that was sent twice comes with the earlier token; within this time that alone is no theft.
pub const TWICE: Duration = Duration::from_secs(60);

/// Stands where a token's hash stood that counts no more; no token has it.
const DOUBTED: &str = "doubted";

impl DeviceRow {
    /// Whether its last token counts no more, since the one before came from another network a moment later.
    pub fn is_doubted(&self) -> bool {
        self.token_hash == DOUBTED
    }
}

fn device(row: &Row<'_>) -> Result<DeviceRow, Error> {
    Ok(DeviceRow {
        id: row.get(0)?,
        customer: row.get(1)?,
        token_hash: row.get(2)?,
        label_sealed: row.get(3)?,
        created_at: row.get(4)?,
        seen_at: row.get(5)?,
        expires_at: row.get(6)?,
        trusted_until: row.get(7)?,
        previous_hash: row.get(8)?,
    })
}

pub fn insert(tx: &mut Tx<'_>, device: &DeviceRow) -> Result<(), Error> {
    let bound = params![
        device.id,
        device.customer,
        &device.token_hash,
        None::<String>,
        device.created_at,
        device.expires_at,
        device.trusted_until,
    ];
    let tag = DEVICE.tag_of(tx, bound)?;
    let values = params![
        device.id,
        device.customer,
        &device.token_hash,
        &device.label_sealed,
        device.created_at,
        device.expires_at,
        device.trusted_until,
        tag,
    ];
    tx.execute(INSERT, values).map(drop)
}

pub fn by_id(reader: &mut Reader<'_>, id: DeviceId, now: Timestamp) -> Result<Option<DeviceRow>, Error> {
    match reader.query_optional(BY_ID, params![id, now], device)? {
        Some(found) if DEVICE.fits(reader, params![found.id])? => Ok(Some(found)),
        _ => Ok(None),
    }
}

pub fn of_customer(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    now: Timestamp,
) -> Result<Vec<DeviceRow>, Error> {
    let mut rows = reader.query_many(OF_CUSTOMER, params![customer, now], device)?;
    let fits = DEVICE.fitting(reader, rows.iter().map(|row| params![row.id].to_vec()))?;
    let mut fits = fits.into_iter();
    rows.retain(|_| fits.next() == Some(true));
    Ok(rows)
}

/// Gives the device its next token; `known` is the row as it was read.
pub fn rotate(tx: &mut Tx<'_>, known: &DeviceRow, next: &DeviceRow) -> Result<bool, Error> {
    let values = params![
        known.id,
        &known.token_hash,
        &next.token_hash,
        next.seen_at,
        next.expires_at,
        next.trusted_until
    ];
    Ok(DEVICE.change(tx, params![known.id], |tx| tx.execute(ROTATE, values))? == 1)
}

/// Takes the device's token away, but not the one before, and the trust in it; nothing where it changed meanwhile.
pub fn doubt(tx: &mut Tx<'_>, known: &DeviceRow) -> Result<(), Error> {
    let values = params![known.id, &known.token_hash, DOUBTED];
    DEVICE.change(tx, params![known.id], |tx| tx.execute(DOUBT, values)).map(drop)
}

/// A session was used that the device's token of now, or the one that a form that was sent twice gave out, came with: whoever shows the
/// one of before has a copy.
pub fn arrived(tx: &mut Tx<'_>, session: SessionId) -> Result<(), Error> {
    let found = tx.query_optional(OF_SESSION, params![session], |row| row.get::<DeviceId>(0))?;
    match found {
        Some(id) => DEVICE.change(tx, params![id], |tx| tx.execute(ARRIVED, params![id])).map(drop),
        None => Ok(()),
    }
}

/// Somebody signs out. In the first minute that is no use of what the device's token of now came with: a browser that ends before it has
/// written its cookies to the disk (Chromium: within half a minute) comes back with the one of before.
pub fn signed_out(tx: &mut Tx<'_>, session: SessionId) -> Result<(), Error> {
    let values = params![session, tx.now().minus(TWICE)];
    match tx.query_optional(OF_OLD_SESSION, values, |row| row.get::<SessionId>(0))? {
        Some(session) => arrived(tx, session),
        None => Ok(()),
    }
}

pub fn delete(tx: &mut Tx<'_>, id: DeviceId, customer: CustomerId) -> Result<bool, Error> {
    tx.execute(DELETE, params![id, customer]).map(|rows| rows == 1)
}

pub fn delete_all(tx: &mut Tx<'_>, customer: CustomerId) -> Result<u64, Error> {
    tx.execute(DELETE_ALL, params![customer])
}

/// Every device but this one, if there is one.
pub fn delete_others(tx: &mut Tx<'_>, customer: CustomerId, but: Option<DeviceId>) -> Result<u64, Error> {
    match but {
        Some(but) => tx.execute(DELETE_OTHERS, params![customer, but]),
        None => delete_all(tx, customer),
    }
}

pub fn forget(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET, params![now]).map(drop)
}
