//! The tables of factors and of recovery codes.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use super::bound;
use crate::model::{FactorId, FactorKind};

/// Factors of one account at most.
pub const MOST: i64 = 20;

statements! {
    INSERT = "INSERT INTO customer_factor (id, customer, kind, label_sealed, secret_sealed, credential_mark, counter, \
              created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    COUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM customer_factor WHERE customer = $1";
    OF_CUSTOMER = "SELECT id, customer, kind, label_sealed, secret_sealed, counter, created_at, used_at \
                   FROM customer_factor WHERE customer = $1 ORDER BY created_at, id LIMIT 20";
    BY_CREDENTIAL = "SELECT id, customer, kind, label_sealed, secret_sealed, counter, created_at, used_at \
                     FROM customer_factor WHERE credential_mark = $1";
    // The step of a one-time code only grows: no code counts twice, also not in two requests at once.
    TAKE_STEP = "UPDATE customer_factor SET counter = $2, used_at = $3 WHERE id = $1 AND counter < $2";
    TAKE_COUNT = "UPDATE customer_factor SET counter = $2, used_at = $3 WHERE id = $1 AND counter = $4";
    DELETE = "DELETE FROM customer_factor WHERE id = $1 AND customer = $2";

    ADDED_SINCE = "SELECT kind FROM customer_factor WHERE customer = $1 AND created_at >= $2 ORDER BY created_at, id";
    DELETE_SINCE = "DELETE FROM customer_factor WHERE customer = $1 AND created_at >= $2";
    DELETE_ALL = "DELETE FROM customer_factor WHERE customer = $1";

    INSERT_CODE = "INSERT INTO customer_recovery_code (code_hash, customer, created_at) VALUES ($1, $2, $3)";
    DELETE_CODES = "DELETE FROM customer_recovery_code WHERE customer = $1";
    DELETE_CODES_SINCE = "DELETE FROM customer_recovery_code WHERE customer = $1 AND created_at >= $2";
    USE_CODE = "UPDATE customer_recovery_code SET used_at = $3 WHERE code_hash = $1 AND customer = $2 AND used_at IS NULL";
    CODES_LEFT = "SELECT CAST(COUNT(*) AS BIGINT) FROM customer_recovery_code WHERE customer = $1 AND used_at IS NULL";
}

/// A factor as it lies there.
#[derive(Clone, Debug)]
pub struct FactorRow {
    pub id: FactorId,
    pub customer: CustomerId,
    pub kind: FactorKind,
    pub label_sealed: Option<Vec<u8>>,
    pub secret_sealed: Vec<u8>,
    pub counter: i64,
    pub created_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

fn factor(row: &Row<'_>) -> Result<FactorRow, Error> {
    Ok(FactorRow {
        id: row.get(0)?,
        customer: row.get(1)?,
        kind: row.get(2)?,
        label_sealed: row.get(3)?,
        secret_sealed: row.get(4)?,
        counter: row.get(5)?,
        created_at: row.get(6)?,
        used_at: row.get(7)?,
    })
}

pub fn insert(tx: &mut Tx<'_>, factor: &FactorRow, credential_mark: Option<&String>) -> Result<(), Error> {
    let values = params![
        factor.id,
        factor.customer,
        factor.kind,
        factor.label_sealed.clone(),
        &factor.secret_sealed,
        credential_mark.cloned(),
        factor.counter,
        factor.created_at,
    ];
    bound::changed(tx, factor.customer, |tx| tx.execute(INSERT, values)).map(drop)
}

pub fn count(reader: &mut Reader<'_>, customer: CustomerId) -> Result<i64, Error> {
    reader.query_one(COUNT, params![customer], |row| row.get(0))
}

pub fn of_customer(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Vec<FactorRow>, Error> {
    reader.query_many(OF_CUSTOMER, params![customer], factor)
}

/// One of an account that is as Storeward wrote it.
pub fn by_credential(reader: &mut Reader<'_>, mark: &str) -> Result<Option<FactorRow>, Error> {
    match reader.query_optional(BY_CREDENTIAL, params![mark], factor)? {
        Some(found) if bound::fits(reader, found.customer)? => Ok(Some(found)),
        _ => Ok(None),
    }
}

/// Compare and set: whether the step is later than every one accepted before.
pub fn take_step(tx: &mut Tx<'_>, id: FactorId, step: i64, now: Timestamp) -> Result<bool, Error> {
    tx.execute(TAKE_STEP, params![id, step, now]).map(|rows| rows == 1)
}

/// Compare and set: whether the passkey's counter is still the one that was checked against.
pub fn take_count(
    tx: &mut Tx<'_>,
    id: FactorId,
    known: i64,
    next: i64,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.execute(TAKE_COUNT, params![id, next, now, known]).map(|rows| rows == 1)
}

pub fn delete(tx: &mut Tx<'_>, id: FactorId, customer: CustomerId) -> Result<bool, Error> {
    Ok(bound::changed(tx, customer, |tx| tx.execute(DELETE, params![id, customer]))? == 1)
}

pub fn delete_all(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    bound::changed(tx, customer, |tx| tx.execute(DELETE_ALL, params![customer])).map(drop)
}

pub fn replace_codes(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    hashes: &[String],
    now: Timestamp,
) -> Result<(), Error> {
    bound::changed(tx, customer, |tx| {
        tx.execute(DELETE_CODES, params![customer])?;
        hashes.iter().try_for_each(|hash| tx.execute(INSERT_CODE, params![hash, customer, now]).map(drop))
    })
}

pub fn delete_codes(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    bound::changed(tx, customer, |tx| tx.execute(DELETE_CODES, params![customer])).map(drop)
}

/// Takes out what was added from that moment on; returns what it was.
pub fn delete_since(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    since: Timestamp,
) -> Result<Vec<FactorKind>, Error> {
    let added = tx.query_many(ADDED_SINCE, params![customer, since], |row| row.get(0))?;
    bound::changed(tx, customer, |tx| tx.execute(DELETE_SINCE, params![customer, since]))?;
    Ok(added)
}

/// The same for recovery codes; returns how many there were.
pub fn delete_codes_since(tx: &mut Tx<'_>, customer: CustomerId, since: Timestamp) -> Result<u64, Error> {
    bound::changed(tx, customer, |tx| tx.execute(DELETE_CODES_SINCE, params![customer, since]))
}

/// Whether the code was the account's and not used until now.
pub fn use_code(tx: &mut Tx<'_>, hash: &str, customer: CustomerId, now: Timestamp) -> Result<bool, Error> {
    if !bound::fits(tx, customer)? {
        return Ok(false);
    }
    Ok(bound::changed(tx, customer, |tx| tx.execute(USE_CODE, params![hash, customer, now]))? == 1)
}

pub fn codes_left(reader: &mut Reader<'_>, customer: CustomerId) -> Result<i64, Error> {
    reader.query_one(CODES_LEFT, params![customer], |row| row.get(0))
}
