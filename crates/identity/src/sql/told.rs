//! The tables of what a customer is told of attempts at the account, and of what they said to it.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

statements! {
    // Compare and set: of two at once, one tells.
    CLAIM = "INSERT INTO customer_told (customer, kind, at) VALUES ($1, $2, $3) \
             ON CONFLICT (customer, kind) DO UPDATE SET at = EXCLUDED.at WHERE customer_told.at <= $4";
    NOTE = "INSERT INTO customer_told (customer, kind, at) VALUES ($1, $2, $3) \
            ON CONFLICT (customer, kind) DO UPDATE SET at = EXCLUDED.at";
    NOTED = "SELECT at FROM customer_told WHERE customer = $1 AND kind = $2";
    UNNOTE = "DELETE FROM customer_told WHERE customer = $1 AND kind = $2";
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

/// The kind under which it stands that a letter's link took out what somebody may have added to be safe.
const TAKEN_OUT: &str = "taken_out";

/// The kind under which an address stands that was put away.
fn away(mark: &str) -> String {
    format!("put_away:{mark}")
}

/// Notes that a letter's link put this address away: the person says that it is not theirs.
pub fn put_away(tx: &mut Tx<'_>, customer: CustomerId, mark: &str, now: Timestamp) -> Result<(), Error> {
    tx.execute(NOTE, params![customer, away(mark), now]).map(drop)
}

/// When an address was put away, if it was.
pub fn put_away_at(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    mark: &str,
) -> Result<Option<Timestamp>, Error> {
    reader.query_optional(NOTED, params![customer, away(mark)], |row| row.get(0))
}

/// Notes that a letter's link took out a way to sign in, with nothing to show for it but the letter.
pub fn took_out(tx: &mut Tx<'_>, customer: CustomerId, now: Timestamp) -> Result<(), Error> {
    tx.execute(NOTE, params![customer, TAKEN_OUT, now]).map(drop)
}

pub fn was_taken_out(reader: &mut Reader<'_>, customer: CustomerId) -> Result<bool, Error> {
    let noted = reader.query_optional(NOTED, params![customer, TAKEN_OUT], |row| row.get::<Timestamp>(0));
    noted.map(|at| at.is_some())
}

/// Somebody has shown more than the mail since then.
pub fn forget_taken_out(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(UNNOTE, params![customer, TAKEN_OUT]).map(drop)
}

/// The kind under which it stands that the password was found in a list of breached ones.
const BREACHED: &str = "password_breached";

pub fn breached(tx: &mut Tx<'_>, customer: CustomerId, now: Timestamp) -> Result<(), Error> {
    tx.execute(NOTE, params![customer, BREACHED, now]).map(drop)
}

pub fn is_breached(reader: &mut Reader<'_>, customer: CustomerId) -> Result<bool, Error> {
    let noted = reader.query_optional(NOTED, params![customer, BREACHED], |row| row.get::<Timestamp>(0));
    noted.map(|at| at.is_some())
}

/// There is another password now.
pub fn forget_breached(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(UNNOTE, params![customer, BREACHED]).map(drop)
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
