//! All SQL of the console.

use storeward_base::{StaffId, Timestamp};
use storeward_seal::totp::Step;
use storeward_store::{Error, Reader, Tx, Value, params, statements};

use super::bound::{ACCOUNT, OFFER, SESSION, account_fits};
use super::members::Member;
use super::sessions::{IDLE, Session, StaffSessionId};
use super::sign_in::Credentials;
use super::told;
use super::views::{SavedView, ViewId};

statements! {
    ADD_OFFER = "INSERT INTO staff_enrolment (token_hash, staff, totp_sealed, expires_at, used_at) \
                 VALUES ($1, $2, $3, $4, NULL)";
    FORGET_OFFERS = "DELETE FROM staff_enrolment WHERE expires_at <= $1";
    DELETE_OFFERS = "DELETE FROM staff_enrolment WHERE staff = $1";
    FIND_OFFER = "SELECT staff, totp_sealed, expires_at FROM staff_enrolment \
                  WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2";
    USE_OFFER = "UPDATE staff_enrolment SET used_at = $2 \
                 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2";

    ADD_ACCOUNT = "INSERT INTO staff_account (id, name, email, password_hash, totp_sealed, totp_step, enrolled_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
    RENEW_ACCOUNT = "UPDATE staff_account SET name = $2, email = $3, password_hash = $4, totp_sealed = $5, \
                     totp_step = $6, enrolled_at = $7, reset_at = NULL WHERE id = $1 AND reset_at IS NOT NULL";
    RESET_ACCOUNT = "UPDATE staff_account SET password_hash = '', totp_sealed = $3, reset_at = $2 WHERE id = $1";
    DELETE_ACCOUNT = "DELETE FROM staff_account WHERE id = $1";
    FIND_CREDENTIALS = "SELECT id, password_hash, totp_sealed FROM staff_account \
                        WHERE email = $1 AND reset_at IS NULL AND locked_at IS NULL";
    FIND_BY_EMAIL = "SELECT id FROM staff_account WHERE email = $1";
    IS_MEMBER = "SELECT CAST(COUNT(*) AS BIGINT) FROM staff_account WHERE id = $1";
    FIND_MEMBERS = "SELECT a.id, a.name, a.email, a.enrolled_at, a.reset_at, a.locked_at, CAST(MAX(s.seen_at) AS BIGINT) \
                    FROM staff_account a LEFT JOIN staff_session s ON s.staff = a.id \
                    GROUP BY a.id, a.name, a.email, a.enrolled_at, a.reset_at, a.locked_at ORDER BY a.name, a.id LIMIT $1";
    TAKE_STEP = "UPDATE staff_account SET totp_step = $2 WHERE id = $1 AND totp_step < $2";

    ADD_SESSION = "INSERT INTO staff_session (token_hash, id, staff, label, address, created_at, seen_at, confirmed_at, \
                   expires_at, factor) VALUES ($1, $2, $3, $4, $5, $6, $6, $6, $7, $8)";
    FIND_SESSION = "SELECT a.id, a.name, s.seen_at, s.confirmed_at FROM staff_session s JOIN staff_account a ON a.id = s.staff \
                    WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.seen_at > $3 AND s.place IS NULL \
                    AND a.locked_at IS NULL";
    TOUCH_SESSION = "UPDATE staff_session SET seen_at = $2 WHERE token_hash = $1 AND seen_at < $2";
    END_SESSION = "DELETE FROM staff_session WHERE token_hash = $1";
    // What was handed over from it ends with it.
    END_CHILDREN = "DELETE FROM staff_session WHERE parent = (SELECT id FROM staff_session WHERE token_hash = $1)";
    DELETE_SESSIONS = "DELETE FROM staff_session WHERE staff = $1";
    FORGET_SESSIONS = "DELETE FROM staff_session WHERE expires_at <= $1 OR (place IS NULL AND seen_at <= $2)";

    ADD_VIEW = "INSERT INTO staff_view (id, staff, name, query, created_at) VALUES ($1, $2, $3, $4, $5)";
    COUNT_VIEWS = "SELECT CAST(COUNT(*) AS BIGINT) FROM staff_view WHERE staff = $1";
    FIND_VIEWS = "SELECT id, name, query FROM staff_view WHERE staff = $1 ORDER BY created_at, id LIMIT $2";
    DELETE_VIEW = "DELETE FROM staff_view WHERE id = $1 AND staff = $2";
    DELETE_VIEWS = "DELETE FROM staff_view WHERE staff = $1";
}

/// A whole new account.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub id: StaffId,
    pub name: String,
    pub email: String,
    pub password_hash: String,
    pub totp_sealed: Vec<u8>,
    pub totp_step: Step,
    pub enrolled_at: Timestamp,
}

pub fn insert_offer(
    tx: &mut Tx<'_>,
    token_hash: &str,
    staff: StaffId,
    totp_sealed: &[u8],
    expires_at: Timestamp,
) -> Result<(), Error> {
    tx.execute(ADD_OFFER, params![token_hash, staff, totp_sealed, expires_at])?;
    OFFER.bind(tx, params![token_hash])
}

pub fn forget_offers(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET_OFFERS, params![now]).map(drop)
}

pub fn offer(
    reader: &mut Reader<'_>,
    token_hash: &str,
    now: Timestamp,
) -> Result<Option<(StaffId, Vec<u8>, Timestamp)>, Error> {
    if !OFFER.fits(reader, params![token_hash])? {
        return Ok(None);
    }
    reader.query_optional(FIND_OFFER, params![token_hash, now], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })
}

pub fn delete_offers(tx: &mut Tx<'_>, staff: StaffId) -> Result<(), Error> {
    tx.execute(DELETE_OFFERS, params![staff]).map(drop)
}

/// Whether the offer was open until now.
pub fn use_offer(tx: &mut Tx<'_>, token_hash: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(OFFER.fits(tx, params![token_hash])? && tx.execute(USE_OFFER, params![token_hash, now])? == 1)
}

pub fn insert_account(tx: &mut Tx<'_>, account: &NewAccount) -> Result<(), Error> {
    tx.execute(ADD_ACCOUNT, &account.values())?;
    ACCOUNT.bind(tx, params![account.id])
}

/// Gives somebody who was reset their account back; whether there is such a one.
pub fn renew_account(tx: &mut Tx<'_>, account: &NewAccount) -> Result<bool, Error> {
    // One that somebody else says was reset is nobody's to renew.
    let is_renewed = account_fits(tx, account.id)? && tx.execute(RENEW_ACCOUNT, &account.values())? == 1;
    if is_renewed {
        ACCOUNT.bind(tx, params![account.id])?;
    }
    Ok(is_renewed)
}

impl NewAccount {
    fn values(&self) -> [Value; 7] {
        [
            self.id.into(),
            (&self.name).into(),
            (&self.email).into(),
            (&self.password_hash).into(),
            (&self.totp_sealed).into(),
            column_of(self.totp_step).into(),
            self.enrolled_at.into(),
        ]
    }
}

/// Whether there is such an account; what it signed in with is gone.
pub fn reset_account(tx: &mut Tx<'_>, staff: StaffId, now: Timestamp) -> Result<bool, Error> {
    let is_reset = tx.execute(RESET_ACCOUNT, params![staff, now, Vec::new()])? == 1;
    if is_reset {
        // By this the operator takes back an account that somebody changed in the database.
        ACCOUNT.bind(tx, params![staff])?;
    }
    Ok(is_reset)
}

pub fn delete_account(tx: &mut Tx<'_>, staff: StaffId) -> Result<bool, Error> {
    tx.execute(DELETE_ACCOUNT, params![staff]).map(|rows| rows == 1)
}

pub fn member_by_email(reader: &mut Reader<'_>, email: &str) -> Result<Option<StaffId>, Error> {
    reader.query_optional(FIND_BY_EMAIL, params![email], |row| row.get(0))
}

pub fn is_member(reader: &mut Reader<'_>, staff: StaffId) -> Result<bool, Error> {
    let count: i64 = reader.query_one(IS_MEMBER, params![staff], |row| row.get(0))?;
    Ok(count > 0)
}

pub fn members(reader: &mut Reader<'_>, most: u32) -> Result<Vec<Member>, Error> {
    reader.query_many(FIND_MEMBERS, params![most], |row| {
        Ok(Member {
            id: row.get(0)?,
            name: row.get(1)?,
            email: row.get(2)?,
            enrolled_at: row.get(3)?,
            reset_at: row.get(4)?,
            locked_at: row.get(5)?,
            seen_at: row.get(6)?,
            groups: Vec::new(),
        })
    })
}

pub fn credentials(reader: &mut Reader<'_>, email: &str) -> Result<Option<Credentials>, Error> {
    let found = reader.query_optional(FIND_CREDENTIALS, params![email], |row| {
        Ok(Credentials { staff: row.get(0)?, password_hash: row.get(1)?, totp_sealed: row.get(2)? })
    })?;
    match found {
        Some(found) if is_in(reader, found.staff)? => Ok(Some(found)),
        _ => Ok(None),
    }
}

/// Whether an account is as Storeward wrote it, of somebody who is neither removed nor locked.
pub fn is_in(reader: &mut Reader<'_>, staff: StaffId) -> Result<bool, Error> {
    Ok(account_fits(reader, staff)? && !told::is_out(reader, staff)?)
}

/// Compare and set: whether the step is later than every one accepted before.
pub fn take_step(tx: &mut Tx<'_>, staff: StaffId, step: Step) -> Result<bool, Error> {
    tx.execute(TAKE_STEP, params![staff, column_of(step)]).map(|rows| rows == 1)
}

/// Steps of 30 seconds never come near the end of BIGINT.
fn column_of(step: Step) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

/// A session that begins with a second factor just shown.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub token_hash: String,
    pub id: StaffSessionId,
    pub staff: StaffId,
    pub label: String,
    pub address: String,
    pub now: Timestamp,
    pub expires_at: Timestamp,
    pub factor: &'static str,
}

impl NewSession {
    /// Those that ended are forgotten.
    pub fn write(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        forget_sessions(tx, self.now, self.now.minus(IDLE))?;
        let values = params![
            &self.token_hash,
            self.id,
            self.staff,
            &self.label,
            &self.address,
            self.now,
            self.expires_at,
            self.factor,
        ];
        tx.execute(ADD_SESSION, values)?;
        SESSION.bind(tx, params![&self.token_hash])
    }
}

/// A session that has not expired at `now` and was last seen after `idle_since`.
pub fn session(
    reader: &mut Reader<'_>,
    token_hash: &str,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Option<Session>, Error> {
    let found = reader.query_optional(FIND_SESSION, params![token_hash, now, idle_since], |row| {
        Ok(Session { staff: row.get(0)?, name: row.get(1)?, seen_at: row.get(2)?, confirmed_at: row.get(3)? })
    })?;
    match found {
        Some(found) if SESSION.fits(reader, params![token_hash])? && is_in(reader, found.staff)? => {
            Ok(Some(found))
        }
        _ => Ok(None),
    }
}

pub fn touch_session(tx: &mut Tx<'_>, token_hash: &str, now: Timestamp) -> Result<(), Error> {
    tx.execute(TOUCH_SESSION, params![token_hash, now]).map(drop)
}

/// One at the console, with what was handed over from it.
pub fn delete_session(tx: &mut Tx<'_>, token_hash: &str) -> Result<bool, Error> {
    tx.execute(END_CHILDREN, params![token_hash])?;
    tx.execute(END_SESSION, params![token_hash]).map(|rows| rows == 1)
}

/// All of a member's, at the console and at the gates; how many there were.
pub fn delete_sessions(tx: &mut Tx<'_>, staff: StaffId) -> Result<u64, Error> {
    tx.execute(DELETE_SESSIONS, params![staff])
}

fn forget_sessions(tx: &mut Tx<'_>, now: Timestamp, idle_since: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET_SESSIONS, params![now, idle_since]).map(drop)
}

pub fn insert_view(tx: &mut Tx<'_>, staff: StaffId, view: &SavedView, now: Timestamp) -> Result<(), Error> {
    tx.execute(ADD_VIEW, params![view.id, staff, &view.name, &view.query, now]).map(drop)
}

pub fn count_views(reader: &mut Reader<'_>, staff: StaffId) -> Result<i64, Error> {
    reader.query_one(COUNT_VIEWS, params![staff], |row| row.get(0))
}

pub fn views(reader: &mut Reader<'_>, staff: StaffId, most: i64) -> Result<Vec<SavedView>, Error> {
    reader.query_many(FIND_VIEWS, params![staff, most], |row| {
        Ok(SavedView { id: row.get(0)?, name: row.get(1)?, query: row.get(2)? })
    })
}

pub fn delete_view(tx: &mut Tx<'_>, staff: StaffId, id: ViewId) -> Result<(), Error> {
    tx.execute(DELETE_VIEW, params![id, staff]).map(drop)
}

pub fn delete_views(tx: &mut Tx<'_>, staff: StaffId) -> Result<(), Error> {
    tx.execute(DELETE_VIEWS, params![staff]).map(drop)
}
