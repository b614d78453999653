//! The table of sessions.

use std::time::Duration;

use storeward_base::{CustomerId, Timestamp};
use storeward_store::Column::{Number, Text};
use storeward_store::jobs::{self, NewJob};
use storeward_store::{Bound, Error, Reader, Row, Tx, params, statements};

use super::device;
use crate::model::{DeviceId, Level, SessionId};
use crate::state::Door;
use crate::verbs::ended::{Ended, EndedWhat, SESSIONS_ENDED_JOB};

statements! {
    INSERT = "INSERT INTO customer_session (id, token_hash, customer, device, level, amr, door, label_sealed, \
              network_mark, created_at, authenticated_at, stepped_up_at, seen_at, expires_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $10, $13)";
    BY_TOKEN = "SELECT id, customer, device, level, amr, door, label_sealed, created_at, authenticated_at, \
                stepped_up_at, seen_at, expires_at FROM customer_session \
                WHERE token_hash = $1 AND expires_at > $2 AND seen_at > $3";
    BY_ID = "SELECT id, customer, device, level, amr, door, label_sealed, created_at, authenticated_at, \
             stepped_up_at, seen_at, expires_at FROM customer_session \
             WHERE id = $1 AND expires_at > $2 AND seen_at > $3";
    OF_CUSTOMER = "SELECT id, customer, device, level, amr, door, label_sealed, created_at, authenticated_at, \
                   stepped_up_at, seen_at, expires_at FROM customer_session \
                   WHERE customer = $1 AND expires_at > $2 AND seen_at > $3 ORDER BY seen_at DESC, id LIMIT 50";
    BEGAN_AT = "SELECT id FROM customer_session WHERE customer = $1 AND device = $2 AND network_mark = $3 \
                AND created_at >= $4 LIMIT 1";
    OF_DEVICE = "SELECT id FROM customer_session WHERE customer = $1 AND device = $2 LIMIT 50";
    FIND_BOUND = "SELECT id, token_hash, customer, device, level, amr, door, created_at, authenticated_at, stepped_up_at, \
                  expires_at, tag FROM customer_session WHERE id = $1";
    BIND = "UPDATE customer_session SET tag = $2 WHERE id = $1";
    PAGE = "SELECT id FROM customer_session WHERE id > $1 ORDER BY id LIMIT 1000";
    TOUCH = "UPDATE customer_session SET seen_at = $2 WHERE id = $1 AND seen_at < $2";
    // Compare and set on the token: it changes with every change of assurance, once.
    RAISE = "UPDATE customer_session SET token_hash = $3, level = $4, amr = $5, authenticated_at = $6, \
             stepped_up_at = $6, seen_at = $6 WHERE id = $1 AND token_hash = $2";
    // The same where nothing more was shown: what counts as shown, and since when, stays.
    ROTATE = "UPDATE customer_session SET token_hash = $3, seen_at = $4 WHERE id = $1 AND token_hash = $2";
    FRESH_OTHERS = "SELECT id FROM customer_session WHERE customer = $1 AND id <> $2 AND stepped_up_at IS NOT NULL";
    STALE = "UPDATE customer_session SET stepped_up_at = NULL WHERE id = $1";
    DELETE = "DELETE FROM customer_session WHERE id = $1 AND customer = $2";
    ID_BY_TOKEN = "SELECT id FROM customer_session WHERE token_hash = $1";
    DELETE_BY_TOKEN = "DELETE FROM customer_session WHERE token_hash = $1";
    DELETE_ALL = "DELETE FROM customer_session WHERE customer = $1";
    DELETE_OTHERS = "DELETE FROM customer_session WHERE customer = $1 AND id <> $2";
    FORGET = "DELETE FROM customer_session WHERE expires_at <= $1 OR seen_at <= $2";
    // Whatever ends a session before its time says so here, in the same write, for whoever has given something out on the
    // strength of it.
    NOTE_BY_TOKEN = "INSERT INTO customer_session_ended (session, customer, how, ended_at) \
                     SELECT id, customer, 'signed_out', CAST($2 AS BIGINT) FROM customer_session \
                     WHERE token_hash = $1";
    NOTE_ONE = "INSERT INTO customer_session_ended (session, customer, how, ended_at) \
                SELECT id, customer, 'revoked', CAST($3 AS BIGINT) FROM customer_session \
                WHERE id = $1 AND customer = $2";
    NOTE_ALL = "INSERT INTO customer_session_ended (session, customer, how, ended_at) \
                SELECT id, customer, 'revoked', CAST($2 AS BIGINT) FROM customer_session WHERE customer = $1";
    NOTE_OTHERS = "INSERT INTO customer_session_ended (session, customer, how, ended_at) \
                   SELECT id, customer, 'revoked', CAST($3 AS BIGINT) FROM customer_session \
                   WHERE customer = $1 AND id <> $2";
    // What was given out may outlive its session, so that a customer's all ended is said beside what there was.
    NOTE_EVERYTHING = "INSERT INTO customer_session_ended (session, customer, how, ended_at) \
                       VALUES ('', $1, 'everything', $2) ON CONFLICT DO NOTHING";
    NOTE_ALL_BUT = "INSERT INTO customer_session_ended (session, customer, how, ended_at) \
                    VALUES ($2, $1, 'all_but', $3) ON CONFLICT DO NOTHING";
    ENDED = "SELECT session, customer, how FROM customer_session_ended ORDER BY ended_at, session, how LIMIT $1";
    DELETE_ENDED = "DELETE FROM customer_session_ended WHERE session = $1 AND customer = $2 AND how = $3";
    FORGET_ENDED = "DELETE FROM customer_session_ended WHERE ended_at <= $1";
}

/// By id: whose it is, by what browser it is held, and what was shown in it. A row that does not fit is as none.
pub const SESSION: Bound = Bound {
    table: "customer_session",
    label: "customer_session/1",
    columns: &[Text, Text, Text, Text, Number, Text, Text, Number, Number, Number, Number],
    find: FIND_BOUND,
    bind: BIND,
    page: PAGE,
    parts: None,
};

#[derive(Clone, Debug)]
pub struct SessionRow {
    pub id: SessionId,
    pub customer: CustomerId,
    pub device: Option<DeviceId>,
    pub level: Level,
    pub amr: String,
    pub door: Door,
    pub label_sealed: Vec<u8>,
    pub created_at: Timestamp,
    pub authenticated_at: Timestamp,
    pub stepped_up_at: Option<Timestamp>,
    pub seen_at: Timestamp,
    pub expires_at: Timestamp,
}

fn session(row: &Row<'_>) -> Result<SessionRow, Error> {
    Ok(SessionRow {
        id: row.get(0)?,
        customer: row.get(1)?,
        device: row.get(2)?,
        level: row.get(3)?,
        amr: row.get(4)?,
        door: row.get(5)?,
        label_sealed: row.get(6)?,
        created_at: row.get(7)?,
        authenticated_at: row.get(8)?,
        stepped_up_at: row.get(9)?,
        seen_at: row.get(10)?,
        expires_at: row.get(11)?,
    })
}

pub fn insert(tx: &mut Tx<'_>, row: &SessionRow, token_hash: &str, network_mark: &str) -> Result<(), Error> {
    let values = params![
        row.id,
        token_hash,
        row.customer,
        row.device,
        row.level,
        &row.amr,
        row.door,
        &row.label_sealed,
        network_mark,
        row.created_at,
        row.authenticated_at,
        row.stepped_up_at,
        row.expires_at,
    ];
    tx.execute(INSERT, values)?;
    SESSION.bind(tx, params![row.id])
}

/// A session that has not expired at `now` and was last seen after `idle_since`.
pub fn by_token(
    reader: &mut Reader<'_>,
    token_hash: &str,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Option<SessionRow>, Error> {
    let found = reader.query_optional(BY_TOKEN, params![token_hash, now, idle_since], session)?;
    if_bound(reader, found)
}

pub fn by_id(
    reader: &mut Reader<'_>,
    id: SessionId,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Option<SessionRow>, Error> {
    let found = reader.query_optional(BY_ID, params![id, now, idle_since], session)?;
    if_bound(reader, found)
}

/// Whether a session of this device began in this network, at that moment or later.
pub fn began_at(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    device: DeviceId,
    network_mark: &str,
    since: Timestamp,
) -> Result<bool, Error> {
    let values = params![customer, device, network_mark, since];
    Ok(reader.query_optional(BEGAN_AT, values, |row| row.get::<SessionId>(0))?.is_some())
}

fn if_bound(reader: &mut Reader<'_>, found: Option<SessionRow>) -> Result<Option<SessionRow>, Error> {
    match found {
        Some(found) if SESSION.fits(reader, params![found.id])? => Ok(Some(found)),
        _ => Ok(None),
    }
}

pub fn of_customer(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Vec<SessionRow>, Error> {
    let mut rows = reader.query_many(OF_CUSTOMER, params![customer, now, idle_since], session)?;
    let fits = SESSION.fitting(reader, rows.iter().map(|row| params![row.id].to_vec()))?;
    let mut fits = fits.into_iter();
    rows.retain(|_| fits.next() == Some(true));
    Ok(rows)
}

pub fn touch(tx: &mut Tx<'_>, id: SessionId, now: Timestamp) -> Result<(), Error> {
    tx.execute(TOUCH, params![id, now])?;
    device::arrived(tx, id)
}

/// What a session becomes.
#[derive(Clone, Debug)]
pub struct Raise {
    pub id: SessionId,
    pub old_hash: String,
    pub new_hash: String,
    pub level: Level,
    pub amr: String,
    pub at: Timestamp,
}

pub fn raise(tx: &mut Tx<'_>, raise: &Raise) -> Result<bool, Error> {
    let values = params![raise.id, &raise.old_hash, &raise.new_hash, raise.level, &raise.amr, raise.at];
    let is_raised = SESSION.fits(tx, params![raise.id])? && tx.execute(RAISE, values)? == 1;
    if is_raised {
        SESSION.bind(tx, params![raise.id])?;
        device::arrived(tx, raise.id)?;
    }
    Ok(is_raised)
}

/// Gives the session another token and nothing more; false where its token is another one already.
pub fn rotate(tx: &mut Tx<'_>, id: SessionId, old_hash: &str, new_hash: &str) -> Result<bool, Error> {
    let values = params![id, old_hash, new_hash, tx.now()];
    let is_rotated = SESSION.fits(tx, params![id])? && tx.execute(ROTATE, values)? == 1;
    if is_rotated {
        SESSION.bind(tx, params![id])?;
        device::arrived(tx, id)?;
    }
    Ok(is_rotated)
}

/// What the customer's other sessions have shown is not all that the account has any more.
pub fn others_are_stale(tx: &mut Tx<'_>, customer: CustomerId, but: SessionId) -> Result<(), Error> {
    let fresh = tx.query_many(FRESH_OTHERS, params![customer, but], |row| row.get::<SessionId>(0))?;
    for id in fresh {
        SESSION.change(tx, params![id], |tx| tx.execute(STALE, params![id]))?;
    }
    Ok(())
}

pub fn delete(tx: &mut Tx<'_>, id: SessionId, customer: CustomerId) -> Result<bool, Error> {
    tx.execute(NOTE_ONE, params![id, customer, tx.now()])?;
    told(tx)?;
    tx.execute(DELETE, params![id, customer]).map(|rows| rows == 1)
}

/// Ends the sessions of one device; how many there were.
pub fn delete_of_device(tx: &mut Tx<'_>, customer: CustomerId, device: DeviceId) -> Result<u64, Error> {
    let ids = tx.query_many(OF_DEVICE, params![customer, device], |row| row.get::<SessionId>(0))?;
    let mut count = 0;
    for id in ids {
        count += u64::from(delete(tx, id, customer)?);
    }
    Ok(count)
}

/// For whoever holds the token.
pub fn delete_by_token(tx: &mut Tx<'_>, token_hash: &str) -> Result<bool, Error> {
    if let Some(id) = tx.query_optional(ID_BY_TOKEN, params![token_hash], |row| row.get::<SessionId>(0))? {
        device::signed_out(tx, id)?;
    }
    tx.execute(NOTE_BY_TOKEN, params![token_hash, tx.now()])?;
    told(tx)?;
    tx.execute(DELETE_BY_TOKEN, params![token_hash]).map(|rows| rows == 1)
}

pub fn delete_all(tx: &mut Tx<'_>, customer: CustomerId) -> Result<u64, Error> {
    tx.execute(NOTE_ALL, params![customer, tx.now()])?;
    tx.execute(NOTE_EVERYTHING, params![customer, tx.now()])?;
    told(tx)?;
    tx.execute(DELETE_ALL, params![customer])
}

pub fn delete_others(tx: &mut Tx<'_>, customer: CustomerId, but: SessionId) -> Result<u64, Error> {
    tx.execute(NOTE_OTHERS, params![customer, but, tx.now()])?;
    tx.execute(NOTE_ALL_BUT, params![customer, but, tx.now()])?;
    told(tx)?;
    tx.execute(DELETE_OTHERS, params![customer, but])
}

/// Promises that whoever wants to know is told. One promise is enough for all that ended until it is kept.
fn told(tx: &mut Tx<'_>) -> Result<(), Error> {
    jobs::enqueue(tx, &NewJob::new(SESSIONS_ENDED_JOB, Vec::new()).unique("ended")).map(drop)
}

/// What ended before its time, oldest first, and is not told a second time.
pub fn take_ended(tx: &mut Tx<'_>, limit: u32) -> Result<Vec<Ended>, Error> {
    let rows = tx.query_many(ENDED, params![limit], |row| {
        Ok((row.get::<String>(0)?, row.get::<CustomerId>(1)?, row.get::<String>(2)?))
    })?;
    let mut ended = Vec::with_capacity(rows.len());
    for (session, customer, how) in rows {
        tx.execute(DELETE_ENDED, params![&session, customer, &how])?;
        let what = match (how.as_str(), session.parse().ok()) {
            ("signed_out", Some(session)) => EndedWhat::SignedOut(session),
            ("revoked", Some(session)) => EndedWhat::Revoked(session),
            ("all_but", Some(session)) => EndedWhat::AllBut(session),
            // Also what a newer program wrote: ending too much is the safe side.
            _ => EndedWhat::Everything,
        };
        ended.push(Ended { customer, what });
    }
    Ok(ended)
}

/// Where nobody asks for what ended, it is kept for so long.
const ENDED_KEPT: Duration = Duration::from_secs(7 * 86_400);

pub fn forget(tx: &mut Tx<'_>, now: Timestamp, idle_since: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET_ENDED, params![now.minus(ENDED_KEPT)])?;
    tx.execute(FORGET, params![now, idle_since]).map(drop)
}
