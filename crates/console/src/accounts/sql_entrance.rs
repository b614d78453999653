//! SQL of what the gate goes by: groups, hand-overs, sessions at the shop's host.

use storeward_base::{StaffId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

use super::bound::{ACCOUNT, HAND_OVER, SESSION, account_fits};
use super::sessions::StaffSessionId;
use super::sql::is_in;

statements! {
    LOCK = "UPDATE staff_account SET locked_at = $2 WHERE id = $1 AND locked_at IS NULL";
    UNLOCK = "UPDATE staff_account SET locked_at = NULL WHERE id = $1 AND locked_at IS NOT NULL";

    // One that the console opened, of somebody who may sign in.
    FIND_STANDING = "SELECT s.id, s.factor, s.confirmed_at FROM staff_session s JOIN staff_account a ON a.id = s.staff \
                     WHERE s.token_hash = $1 AND s.staff = $2 AND s.place IS NULL AND a.locked_at IS NULL";
    ADD_HAND_OVER = "INSERT INTO staff_hand_over (code_hash, session, staff, challenge, authority, expires_at) \
                     VALUES ($1, $2, $3, $4, $5, $6)";
    FORGET_HAND_OVERS = "DELETE FROM staff_hand_over WHERE expires_at <= $1";
    DELETE_HAND_OVERS = "DELETE FROM staff_hand_over WHERE staff = $1";
    FIND_HAND_OVER = "SELECT h.session, h.staff, h.challenge, h.authority, s.factor, s.confirmed_at \
                      FROM staff_hand_over h JOIN staff_session s ON s.id = h.session AND s.staff = h.staff \
                      JOIN staff_account a ON a.id = h.staff \
                      WHERE h.code_hash = $1 AND h.expires_at > $2 AND s.place IS NULL AND s.expires_at > $2 \
                      AND a.reset_at IS NULL AND a.locked_at IS NULL";
    TOKEN_OF = "SELECT token_hash FROM staff_session WHERE id = $1 AND staff = $2 AND place IS NULL";
    USE_HAND_OVER = "DELETE FROM staff_hand_over WHERE code_hash = $1";

    ADD_AT_GATE = "INSERT INTO staff_session (token_hash, id, staff, label, address, created_at, seen_at, confirmed_at, \
                   expires_at, factor, place, parent) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, 'gate', $10)";
    FIND_AT_GATE = "SELECT s.id, a.id, a.name, a.email, s.created_at, s.seen_at, s.confirmed_at, s.factor, s.told \
                    FROM staff_session s JOIN staff_account a ON a.id = s.staff \
                    WHERE s.token_hash = $1 AND s.place = 'gate' AND s.expires_at > $2 \
                    AND a.reset_at IS NULL AND a.locked_at IS NULL";
    // Compare and set: of two requests at once one tells the ledger.
    TELL = "UPDATE staff_session SET told = $2 WHERE token_hash = $1 AND COALESCE(told, '') = $3";
    END_AT_GATE = "DELETE FROM staff_session WHERE token_hash = $1 AND place = 'gate'";
}

/// Whether they were not locked before.
pub fn lock(tx: &mut Tx<'_>, staff: StaffId, now: Timestamp) -> Result<bool, Error> {
    changed(tx, staff, |tx| tx.execute(LOCK, params![staff, now]))
}

/// Whether they were locked before.
pub fn unlock(tx: &mut Tx<'_>, staff: StaffId) -> Result<bool, Error> {
    changed(tx, staff, |tx| tx.execute(UNLOCK, params![staff]))
}

/// Changes an account; one that is as it was written is bound anew, and no other becomes good by it.
fn changed(
    tx: &mut Tx<'_>,
    staff: StaffId,
    change: impl FnOnce(&mut Tx<'_>) -> Result<u64, Error>,
) -> Result<bool, Error> {
    let was_good = account_fits(tx, staff)?;
    let is_changed = change(tx)? == 1;
    if is_changed && was_good {
        ACCOUNT.bind(tx, params![staff])?;
    }
    Ok(is_changed)
}

/// A session at the console as a hand-over needs it.
#[derive(Clone, Debug)]
pub struct StandingRow {
    /// Missing for one that an earlier version began.
    pub id: Option<StaffSessionId>,
    pub factor: Option<String>,
    pub confirmed_at: Option<Timestamp>,
}

pub fn standing(reader: &mut Reader<'_>, token: &str, staff: StaffId) -> Result<Option<StandingRow>, Error> {
    if !SESSION.fits(reader, params![token])? || !is_in(reader, staff)? {
        return Ok(None);
    }
    reader.query_optional(FIND_STANDING, params![token, staff], |row| {
        Ok(StandingRow { id: row.get(0)?, factor: row.get(1)?, confirmed_at: row.get(2)? })
    })
}

/// What is handed over.
#[derive(Clone, Debug)]
pub struct HandOverRow {
    pub session: StaffSessionId,
    pub staff: StaffId,
    pub challenge: String,
    pub authority: String,
    pub factor: Option<String>,
    pub confirmed_at: Option<Timestamp>,
}

pub fn insert_hand_over(
    tx: &mut Tx<'_>,
    code: &str,
    row: &HandOverRow,
    expires_at: Timestamp,
) -> Result<(), Error> {
    tx.execute(FORGET_HAND_OVERS, params![tx.now()])?;
    let values = params![code, row.session, row.staff, &row.challenge, &row.authority, expires_at];
    tx.execute(ADD_HAND_OVER, values)?;
    HAND_OVER.bind(tx, params![code])
}

/// Those of a member that were not taken yet.
pub fn delete_hand_overs(tx: &mut Tx<'_>, staff: StaffId) -> Result<(), Error> {
    tx.execute(DELETE_HAND_OVERS, params![staff]).map(drop)
}

/// Takes it, once; nothing where the session that it came from is over.
pub fn take_hand_over(tx: &mut Tx<'_>, code: &str) -> Result<Option<HandOverRow>, Error> {
    let now = tx.now();
    let is_ours = HAND_OVER.fits(tx, params![code])?;
    let found = tx.query_optional(FIND_HAND_OVER, params![code, now], |row| {
        Ok(HandOverRow {
            session: row.get(0)?,
            staff: row.get(1)?,
            challenge: row.get(2)?,
            authority: row.get(3)?,
            factor: row.get(4)?,
            confirmed_at: row.get(5)?,
        })
    })?;
    let taken = tx.execute(USE_HAND_OVER, params![code])? == 1;
    let Some(found) = found.filter(|_| taken && is_ours) else { return Ok(None) };
    // What it was shown in is the console's session.
    let token: Option<String> =
        tx.query_optional(TOKEN_OF, params![found.session, found.staff], |row| row.get(0))?;
    let Some(token) = token else { return Ok(None) };
    let stands = SESSION.fits(tx, params![&token])? && is_in(tx, found.staff)?;
    Ok(Some(found).filter(|_| stands))
}

/// A session at the shop's host that is about to begin.
#[derive(Clone, Debug)]
pub struct NewAtGate {
    pub token_hash: String,
    pub id: StaffSessionId,
    pub label: String,
    pub address: String,
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

impl NewAtGate {
    pub fn write(&self, tx: &mut Tx<'_>, from: &HandOverRow) -> Result<(), Error> {
        let values = params![
            &self.token_hash,
            self.id,
            from.staff,
            &self.label,
            &self.address,
            self.now,
            from.confirmed_at,
            self.expires_at,
            from.factor.as_deref(),
            from.session,
        ];
        tx.execute(ADD_AT_GATE, values)?;
        SESSION.bind(tx, params![&self.token_hash])
    }
}

/// A session at the shop's host.
#[derive(Clone, Debug)]
pub struct AtGateRow {
    pub id: StaffSessionId,
    pub staff: StaffId,
    pub name: String,
    pub email: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    pub factor: Option<String>,
    pub told: Option<String>,
}

pub fn at_gate(reader: &mut Reader<'_>, token: &str, now: Timestamp) -> Result<Option<AtGateRow>, Error> {
    let found = reader.query_optional(FIND_AT_GATE, params![token, now], |row| {
        Ok(AtGateRow {
            id: row.get(0)?,
            staff: row.get(1)?,
            name: row.get(2)?,
            email: row.get(3)?,
            created_at: row.get(4)?,
            seen_at: row.get(5)?,
            confirmed_at: row.get(6)?,
            factor: row.get(7)?,
            told: row.get(8)?,
        })
    })?;
    match found {
        Some(found) if SESSION.fits(reader, params![token])? && is_in(reader, found.staff)? => {
            Ok(Some(found))
        }
        _ => Ok(None),
    }
}

/// Whether nobody else wrote meanwhile.
pub fn tell(tx: &mut Tx<'_>, token: &str, now_told: &str, told_before: &str) -> Result<bool, Error> {
    tx.execute(TELL, params![token, now_told, told_before]).map(|rows| rows == 1)
}

/// Whether there was one.
pub fn end_at_gate(tx: &mut Tx<'_>, token: &str) -> Result<bool, Error> {
    tx.execute(END_AT_GATE, params![token]).map(|rows| rows == 1)
}
