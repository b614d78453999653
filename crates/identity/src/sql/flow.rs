//! The table of challenges: what was begun and not finished.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

use super::bound::FLOW;
use crate::state::Purpose;

/// Tries of one challenge (ASVS 5.0 6.5.4 and NIST SP 800-63B-4 ask for a limit).
pub const MOST_ATTEMPTS: u32 = 5;

statements! {
    INSERT = "INSERT INTO customer_challenge (token_hash, purpose, customer, state_sealed, version, code_mark, \
              code_expires_at, codes_sent, attempts, created_at, expires_at, tag) \
              VALUES ($1, $2, $3, $4, 0, $5, $6, $7, 0, $8, $9, $10)";
    BY_TOKEN = "SELECT purpose, customer, state_sealed, version, code_mark, codes_sent, attempts, expires_at, passed_at \
                FROM customer_challenge WHERE token_hash = $1 AND expires_at > $2 AND used_at IS NULL";
    // Compare and set: of two requests with the same state, one goes on.
    SAVE = "UPDATE customer_challenge SET state_sealed = $3, version = version + 1 \
            WHERE token_hash = $1 AND version = $2 AND expires_at > $4 AND used_at IS NULL";
    TRY = "UPDATE customer_challenge SET attempts = attempts + 1 \
           WHERE token_hash = $1 AND attempts < $2 AND expires_at > $3 AND used_at IS NULL";
    VERSION = "SELECT version FROM customer_challenge WHERE token_hash = $1";
    ATTEMPTS = "SELECT attempts FROM customer_challenge WHERE token_hash = $1";
    SET_CODE = "UPDATE customer_challenge SET code_mark = $2, code_expires_at = $3, codes_sent = codes_sent + 1 \
                WHERE token_hash = $1 AND codes_sent < $4 AND expires_at > $5 AND used_at IS NULL";
    // A code counts once.
    USE_CODE = "UPDATE customer_challenge SET code_mark = NULL \
                WHERE token_hash = $1 AND code_mark = $2 AND code_expires_at > $3 AND used_at IS NULL";
    PASS = "UPDATE customer_challenge SET passed_at = $2 WHERE token_hash = $1 AND passed_at IS NULL AND used_at IS NULL";
    USE = "UPDATE customer_challenge SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2";
    LINKS_SINCE = "SELECT token_hash, state_sealed, created_at FROM customer_challenge WHERE customer = $1 AND created_at >= $2 \
                   AND expires_at > $3 AND used_at IS NULL AND purpose = 'not_me' ORDER BY created_at, token_hash LIMIT 50";
    FORGET = "DELETE FROM customer_challenge WHERE expires_at <= $1";
    END_ALL = "DELETE FROM customer_challenge WHERE customer = $1 AND purpose NOT IN ('not_me', 'stop_recovery')";
    END_LINKS_SINCE = "DELETE FROM customer_challenge WHERE customer = $1 AND created_at >= $2 \
                       AND purpose IN ('not_me', 'stop_recovery')";
    STOP_LINKS = "SELECT token_hash, state_sealed FROM customer_challenge WHERE customer = $1 AND expires_at > $2 \
                  AND used_at IS NULL AND purpose = 'stop_recovery' ORDER BY created_at, token_hash LIMIT 50";
    END_STOP_LINKS = "DELETE FROM customer_challenge WHERE customer = $1 AND purpose = 'stop_recovery'";
    END_PASSWORD_LINKS = "DELETE FROM customer_challenge WHERE customer = $1 AND purpose = 'password_link'";
    END_RECOVERIES = "DELETE FROM customer_challenge WHERE customer = $1 AND purpose = 'recovery'";
}

#[derive(Clone, Debug)]
pub struct NewFlow {
    pub hash: String,
    pub purpose: Purpose,
    pub customer: Option<CustomerId>,
    pub state_sealed: Vec<u8>,
    pub code: Option<(String, Timestamp)>,
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct FlowRow {
    pub purpose: Purpose,
    pub customer: Option<CustomerId>,
    pub state_sealed: Vec<u8>,
    pub version: i64,
    pub code_mark: Option<String>,
    pub codes_sent: u32,
    pub attempts: u32,
    pub expires_at: Timestamp,
    pub passed_at: Option<Timestamp>,
}

pub fn insert(tx: &mut Tx<'_>, flow: &NewFlow) -> Result<(), Error> {
    let (mark, expires_at) = flow.code.clone().unzip();
    let sent = i64::from(mark.is_some());
    let none = None::<Timestamp>;
    let bound =
        params![&flow.hash, flow.purpose, flow.customer, sent, 0_i64, flow.now, flow.expires_at, none];
    let tag = FLOW.tag_of(tx, bound)?;
    let values = params![
        &flow.hash,
        flow.purpose,
        flow.customer,
        &flow.state_sealed,
        mark,
        expires_at,
        sent,
        flow.now,
        flow.expires_at,
        tag,
    ];
    tx.execute(INSERT, values).map(drop)
}

/// One that is neither used nor too old.
pub fn by_token(reader: &mut Reader<'_>, hash: &str, now: Timestamp) -> Result<Option<FlowRow>, Error> {
    if !FLOW.fits(reader, params![hash])? {
        return Ok(None);
    }
    reader.query_optional(BY_TOKEN, params![hash, now], |row| {
        Ok(FlowRow {
            purpose: row.get(0)?,
            customer: row.get(1)?,
            state_sealed: row.get(2)?,
            version: row.get(3)?,
            code_mark: row.get(4)?,
            codes_sent: row.get(5)?,
            attempts: row.get(6)?,
            expires_at: row.get(7)?,
            passed_at: row.get(8)?,
        })
    })
}

/// Whether the state was still the one that was read.
pub fn save(
    tx: &mut Tx<'_>,
    hash: &str,
    version: i64,
    state_sealed: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    tx.execute(SAVE, params![hash, version, state_sealed, now]).map(|rows| rows == 1)
}

/// Whether something was shown, or begun, in it since this version was read.
pub fn has_moved_on(reader: &mut Reader<'_>, hash: &str, version: i64) -> Result<bool, Error> {
    let now = reader.query_optional(VERSION, params![hash], |row| row.get::<i64>(0))?;
    Ok(now.is_some_and(|now| now != version))
}

/// Counts a try before it is looked at; `None` when there are none left.
pub fn count_try(tx: &mut Tx<'_>, hash: &str, now: Timestamp) -> Result<Option<u32>, Error> {
    let tried = FLOW.change(tx, params![hash], |tx| tx.execute(TRY, params![hash, MOST_ATTEMPTS, now]))?;
    if tried != 1 {
        return Ok(None);
    }
    tx.query_one(ATTEMPTS, params![hash], |row| row.get(0)).map(Some)
}

/// Codes of one challenge at most, the first included.
pub const MOST_CODES: u32 = 3;

/// Replaces the code; false when enough were sent.
pub fn set_code(
    tx: &mut Tx<'_>,
    hash: &str,
    mark: &str,
    code_expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    let values = params![hash, mark, code_expires_at, MOST_CODES, now];
    Ok(FLOW.change(tx, params![hash], |tx| tx.execute(SET_CODE, values))? == 1)
}

pub fn use_code(tx: &mut Tx<'_>, hash: &str, mark: &str, now: Timestamp) -> Result<bool, Error> {
    tx.execute(USE_CODE, params![hash, mark, now]).map(|rows| rows == 1)
}

pub fn pass(tx: &mut Tx<'_>, hash: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(FLOW.change(tx, params![hash], |tx| tx.execute(PASS, params![hash, now]))? == 1)
}

/// Whether it was open until now: what it was begun for happens once.
pub fn finish(tx: &mut Tx<'_>, hash: &str, now: Timestamp) -> Result<bool, Error> {
    tx.execute(USE, params![hash, now]).map(|rows| rows == 1)
}

pub fn forget(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET, params![now]).map(drop)
}

/// Whoever was on their way back into this account begins anew.
pub fn end_recoveries(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(END_RECOVERIES, params![customer]).map(drop)
}

/// The links of letters that were sent from that moment on.
pub fn end_links_since(tx: &mut Tx<'_>, customer: CustomerId, since: Timestamp) -> Result<(), Error> {
    tx.execute(END_LINKS_SINCE, params![customer, since]).map(drop)
}

/// The link "this wasn't me" of a letter that is good still.
#[derive(Clone, Debug)]
pub struct LinkRow {
    pub hash: String,
    pub state_sealed: Vec<u8>,
    pub created_at: Timestamp,
}

/// Those of letters that were sent from `since` on, the first one first; fifty at most.
pub fn links_since(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<LinkRow>, Error> {
    reader.query_many(LINKS_SINCE, params![customer, since, now], |row| {
        Ok(LinkRow { hash: row.get(0)?, state_sealed: row.get(1)?, created_at: row.get(2)? })
    })
}

/// The links of letters that stop a way back, by hash with their sealed state, the first one first; fifty at most.
pub fn stop_links(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    now: Timestamp,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut found = reader.query_many(STOP_LINKS, params![customer, now], |row| {
        Ok((row.get::<String>(0)?, row.get::<Vec<u8>>(1)?))
    })?;
    // One that somebody wrote into this account's name would have letters of it sent elsewhere.
    let fits = FLOW.fitting(reader, found.iter().map(|(hash, _)| params![hash].to_vec()))?;
    let mut fits = fits.into_iter();
    found.retain(|_| fits.next() == Some(true));
    Ok(found)
}

/// Somebody has shown more than the mail: there is nothing to stop any more.
pub fn end_stop_links(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(END_STOP_LINKS, params![customer]).map(drop)
}

/// Links to a new password that were sent before.
pub fn end_password_links(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(END_PASSWORD_LINKS, params![customer]).map(drop)
}

/// Whatever somebody has begun on this account is over.
pub fn end_all(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(END_ALL, params![customer]).map(drop)
}
