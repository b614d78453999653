//! The table of what stands behind browsers' handles.

use std::time::Duration;

use storeward_base::Timestamp;
use storeward_store::{Error, Reader, Tx, params, statements};

use crate::model::SessionId;

statements! {
    FIND = "SELECT jar_sealed FROM shop_session WHERE handle_hash = $1 AND expires_at > $2 AND seen_at > $3";
    KEEP = "INSERT INTO shop_session (handle_hash, jar_sealed, pending_at, seen_at, expires_at, session) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (handle_hash) DO UPDATE SET jar_sealed = excluded.jar_sealed, \
            pending_at = excluded.pending_at, seen_at = excluded.seen_at, expires_at = excluded.expires_at, \
            session = excluded.session";
    DELETE = "DELETE FROM shop_session WHERE handle_hash = $1";
    PENDING = "SELECT handle_hash FROM shop_session WHERE pending_at <= $1 ORDER BY pending_at LIMIT 100";
    // Whatever ended the account's session: its owner, staff, theft, or time.
    ABANDONED = "SELECT handle_hash, jar_sealed FROM shop_session WHERE session IS NOT NULL AND NOT EXISTS \
                 (SELECT 1 FROM customer_session WHERE customer_session.id = shop_session.session \
                  AND customer_session.expires_at > $1 AND customer_session.seen_at > $2) \
                 ORDER BY shop_session.seen_at LIMIT 100";
    FORGET = "DELETE FROM shop_session WHERE (session IS NULL AND (expires_at <= $1 OR seen_at <= $2)) \
              OR expires_at <= $3 OR seen_at <= $4";
}

/// One row as it is written.
#[derive(Clone, Debug)]
pub struct KeptJar {
    pub handle_hash: String,
    pub sealed: Vec<u8>,
    pub pending_at: Option<Timestamp>,
    pub seen_at: Timestamp,
    pub expires_at: Timestamp,
    /// Of the account, where somebody is signed in.
    pub session: Option<SessionId>,
}

/// A jar that is not over at `now` and was last used after `idle_since`.
pub fn find(
    reader: &mut Reader<'_>,
    hash: &str,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Option<Vec<u8>>, Error> {
    reader.query_optional(FIND, params![hash, now, idle_since], |row| row.get(0))
}

pub fn keep(tx: &mut Tx<'_>, jar: &KeptJar) -> Result<(), Error> {
    let values =
        params![&jar.handle_hash, &jar.sealed, jar.pending_at, jar.seen_at, jar.expires_at, jar.session];
    tx.execute(KEEP, values).map(drop)
}

pub fn delete(tx: &mut Tx<'_>, hash: &str) -> Result<(), Error> {
    tx.execute(DELETE, params![hash]).map(drop)
}

/// The hashes of up to a hundred that have waited since `since` or longer.
pub fn pending_since(reader: &mut Reader<'_>, since: Timestamp) -> Result<Vec<String>, Error> {
    reader.query_many(PENDING, params![since], |row| row.get(0))
}

/// Up to a hundred whose account's session has ended, the longest unused first: hash and sealed jar.
pub fn abandoned(
    reader: &mut Reader<'_>,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    reader.query_many(ABANDONED, params![now, idle_since], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// A signed-in one that ran out waits so long for a shop that is away.
const PATIENCE: Duration = Duration::from_secs(86_400);

pub fn forget(tx: &mut Tx<'_>, now: Timestamp, idle_since: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET, params![now, idle_since, now.minus(PATIENCE), idle_since.minus(PATIENCE)]).map(drop)
}
