//! SQL of what members of staff keep of their own: sessions in a list, passkeys, challenges.

use storeward_base::{StaffId, Timestamp};
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use super::bound::{ACCOUNT, PASSKEY, SESSION, account_fits};
use super::passkeys::{PasskeyId, Purpose};
use super::sessions::StaffSessionId;
use super::sql::is_in;

statements! {
    FIND_TOTP = "SELECT totp_sealed FROM staff_account WHERE id = $1 AND reset_at IS NULL";
    CONFIRM_SESSION = "UPDATE staff_session SET token_hash = $2, confirmed_at = $3, seen_at = $3, factor = $4 \
                       WHERE token_hash = $1 AND place IS NULL";
    MOVE_SESSION = "UPDATE staff_session SET token_hash = $2, seen_at = $3 WHERE token_hash = $1";
    FIND_PERSON = "SELECT name, email, password_hash FROM staff_account WHERE id = $1 AND reset_at IS NULL";
    SET_PASSWORD = "UPDATE staff_account SET password_hash = $2 WHERE id = $1 AND password_hash = $3";
    LIST_SESSIONS = "SELECT id, token_hash, label, address, created_at, seen_at, place FROM staff_session \
                     WHERE staff = $1 AND expires_at > $2 AND (place IS NOT NULL OR seen_at > $3) \
                     ORDER BY seen_at DESC, token_hash LIMIT 50";
    END_ONE = "DELETE FROM staff_session WHERE staff = $2 AND (id = $1 OR parent = $1)";
    // What was handed over from this one stays with it.
    END_OTHERS = "DELETE FROM staff_session WHERE staff = $1 AND token_hash <> $2 AND COALESCE(parent, '') <> \
                  COALESCE((SELECT id FROM staff_session WHERE token_hash = $2), '-')";

    ADD_PASSKEY = "INSERT INTO staff_passkey (id, staff, label, party, credential, key_sealed, counter, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    COUNT_PASSKEYS = "SELECT CAST(COUNT(*) AS BIGINT) FROM staff_passkey WHERE staff = $1";
    LIST_PASSKEYS = "SELECT id, staff, label, party, key_sealed, counter, created_at, used_at FROM staff_passkey \
                     WHERE staff = $1 ORDER BY created_at, id LIMIT 20";
    FIND_PASSKEY = "SELECT p.id, p.staff, p.label, p.party, p.key_sealed, p.counter, p.created_at, p.used_at \
                    FROM staff_passkey p JOIN staff_account a ON a.id = p.staff \
                    WHERE p.credential = $1 AND a.reset_at IS NULL AND a.locked_at IS NULL";
    // Compare and set: of two requests with one counter, one goes on.
    TAKE_COUNT = "UPDATE staff_passkey SET counter = $2, used_at = $3 WHERE id = $1 AND counter = $4";
    DELETE_PASSKEY = "DELETE FROM staff_passkey WHERE id = $1 AND staff = $2";
    DELETE_PASSKEYS = "DELETE FROM staff_passkey WHERE staff = $1";

    ADD_CHALLENGE = "INSERT INTO staff_challenge (token_hash, staff, purpose, challenge, expires_at) VALUES ($1, $2, $3, $4, $5)";
    FIND_CHALLENGE = "SELECT staff, challenge FROM staff_challenge WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3";
    USE_CHALLENGE = "DELETE FROM staff_challenge WHERE token_hash = $1";
    FORGET_CHALLENGES = "DELETE FROM staff_challenge WHERE expires_at <= $1";
    DELETE_CHALLENGES = "DELETE FROM staff_challenge WHERE staff = $1";
}

pub fn totp(reader: &mut Reader<'_>, staff: StaffId) -> Result<Option<Vec<u8>>, Error> {
    if !is_in(reader, staff)? {
        return Ok(None);
    }
    reader.query_optional(FIND_TOTP, params![staff], |row| row.get(0))
}

/// Gives the session its next token; whether it was there.
pub fn confirm_session(
    tx: &mut Tx<'_>,
    old: &str,
    new: &str,
    now: Timestamp,
    factor: &str,
) -> Result<bool, Error> {
    renewed(tx, (old, new), |tx| tx.execute(CONFIRM_SESSION, params![old, new, now, factor]))
}

/// The same where nothing was confirmed.
pub fn move_session(tx: &mut Tx<'_>, old: &str, new: &str, now: Timestamp) -> Result<bool, Error> {
    renewed(tx, (old, new), |tx| tx.execute(MOVE_SESSION, params![old, new, now]))
}

/// Changes a session that is as it was written, and binds it anew.
fn renewed(
    tx: &mut Tx<'_>,
    (old, new): (&str, &str),
    change: impl FnOnce(&mut Tx<'_>) -> Result<u64, Error>,
) -> Result<bool, Error> {
    let is_changed = SESSION.fits(tx, params![old])? && change(tx)? == 1;
    if is_changed {
        SESSION.bind(tx, params![new])?;
    }
    Ok(is_changed)
}

/// What a new password is held against.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub email: String,
    pub password_hash: String,
}

pub fn person(reader: &mut Reader<'_>, staff: StaffId) -> Result<Option<Person>, Error> {
    if !is_in(reader, staff)? {
        return Ok(None);
    }
    reader.query_optional(FIND_PERSON, params![staff], |row| {
        Ok(Person { name: row.get(0)?, email: row.get(1)?, password_hash: row.get(2)? })
    })
}

/// Whether the password was still the one that `known` is the hash of.
pub fn set_password(tx: &mut Tx<'_>, staff: StaffId, hash: &str, known: &str) -> Result<bool, Error> {
    let is_set = account_fits(tx, staff)? && tx.execute(SET_PASSWORD, params![staff, hash, known])? == 1;
    if is_set {
        ACCOUNT.bind(tx, params![staff])?;
    }
    Ok(is_set)
}

/// A session in its owner's list.
#[derive(Clone, Debug)]
pub struct ListedSession {
    /// Missing for one that an earlier version began.
    pub id: Option<StaffSessionId>,
    pub token_hash: String,
    pub label: Option<String>,
    pub address: Option<String>,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    /// Missing for one at the console.
    pub place: Option<String>,
}

pub fn sessions(
    reader: &mut Reader<'_>,
    staff: StaffId,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Vec<ListedSession>, Error> {
    reader.query_many(LIST_SESSIONS, params![staff, now, idle_since], |row| {
        Ok(ListedSession {
            id: row.get(0)?,
            token_hash: row.get(1)?,
            label: row.get(2)?,
            address: row.get(3)?,
            created_at: row.get(4)?,
            seen_at: row.get(5)?,
            place: row.get(6)?,
        })
    })
}

pub fn end_session(tx: &mut Tx<'_>, id: StaffSessionId, staff: StaffId) -> Result<u64, Error> {
    tx.execute(END_ONE, params![id, staff])
}

pub fn end_other_sessions(tx: &mut Tx<'_>, staff: StaffId, but: &str) -> Result<u64, Error> {
    tx.execute(END_OTHERS, params![staff, but])
}

/// A passkey as it lies there.
#[derive(Clone, Debug)]
pub struct PasskeyRow {
    pub id: PasskeyId,
    pub staff: StaffId,
    pub label: String,
    pub party: String,
    pub key_sealed: Vec<u8>,
    pub counter: i64,
    pub created_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

fn passkey(row: &Row<'_>) -> Result<PasskeyRow, Error> {
    Ok(PasskeyRow {
        id: row.get(0)?,
        staff: row.get(1)?,
        label: row.get(2)?,
        party: row.get(3)?,
        key_sealed: row.get(4)?,
        counter: row.get(5)?,
        created_at: row.get(6)?,
        used_at: row.get(7)?,
    })
}

pub fn insert_passkey(tx: &mut Tx<'_>, row: &PasskeyRow, credential: &str) -> Result<(), Error> {
    let values = params![
        row.id,
        row.staff,
        &row.label,
        &row.party,
        credential,
        &row.key_sealed,
        row.counter,
        row.created_at
    ];
    tx.execute(ADD_PASSKEY, values)?;
    PASSKEY.bind(tx, params![row.id])
}

pub fn count_passkeys(reader: &mut Reader<'_>, staff: StaffId) -> Result<i64, Error> {
    reader.query_one(COUNT_PASSKEYS, params![staff], |row| row.get(0))
}

pub fn passkeys(reader: &mut Reader<'_>, staff: StaffId) -> Result<Vec<PasskeyRow>, Error> {
    reader.query_many(LIST_PASSKEYS, params![staff], passkey)
}

/// One of somebody who was not reset.
pub fn passkey_of(reader: &mut Reader<'_>, credential: &str) -> Result<Option<PasskeyRow>, Error> {
    match reader.query_optional(FIND_PASSKEY, params![credential], passkey)? {
        Some(found) if PASSKEY.fits(reader, params![found.id])? && is_in(reader, found.staff)? => {
            Ok(Some(found))
        }
        _ => Ok(None),
    }
}

pub fn take_count(
    tx: &mut Tx<'_>,
    id: PasskeyId,
    known: i64,
    next: i64,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.execute(TAKE_COUNT, params![id, next, now, known]).map(|rows| rows == 1)
}

pub fn delete_passkey(tx: &mut Tx<'_>, id: PasskeyId, staff: StaffId) -> Result<bool, Error> {
    tx.execute(DELETE_PASSKEY, params![id, staff]).map(|rows| rows == 1)
}

/// All passkeys of a member, and what waits for one.
pub fn delete_passkeys(tx: &mut Tx<'_>, staff: StaffId) -> Result<(), Error> {
    tx.execute(DELETE_CHALLENGES, params![staff])?;
    tx.execute(DELETE_PASSKEYS, params![staff]).map(drop)
}

pub fn insert_challenge(
    tx: &mut Tx<'_>,
    token_hash: &str,
    staff: Option<StaffId>,
    purpose: Purpose,
    challenge: &str,
    expires_at: Timestamp,
) -> Result<(), Error> {
    tx.execute(FORGET_CHALLENGES, params![tx.now()])?;
    tx.execute(ADD_CHALLENGE, params![token_hash, staff, purpose.word(), challenge, expires_at]).map(drop)
}

/// Takes it: once.
pub fn take_challenge(
    tx: &mut Tx<'_>,
    token_hash: &str,
    purpose: Purpose,
) -> Result<Option<(Option<StaffId>, String)>, Error> {
    let now = tx.now();
    let found = tx.query_optional(FIND_CHALLENGE, params![token_hash, purpose.word(), now], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let taken = tx.execute(USE_CHALLENGE, params![token_hash])? == 1;
    Ok(found.filter(|_| taken))
}
