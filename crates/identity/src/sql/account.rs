//! The table of accounts.

use storeward_base::{CustomerId, Language, Timestamp};
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use super::bound;
use crate::model::{Doors, SessionId};

statements! {
    INSERT = "INSERT INTO customer_account (id, email_mark, email_sealed, email_confirmed_at, shop_mark, \
              shop_subject_sealed, name_sealed, language, password_hash, password_set_at, password_failures, created_at, \
              shop_email_mark, tag) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, $13)";
    BY_ID = "SELECT id, email_sealed, name_sealed, language, password_hash, password_set_at, password_disabled_at, \
             must_change_at, step_up_forced_at, created_at, locked_at FROM customer_account WHERE id = $1";
    DOORS = "SELECT password_set_at, must_change_at, step_up_forced_at, locked_at FROM customer_account WHERE id = $1";
    CONFIRMED = "SELECT email_confirmed_at FROM customer_account WHERE id = $1";
    AFTER = "SELECT id FROM customer_account WHERE id > $1 ORDER BY id LIMIT $2";
    HASHES_AFTER = "SELECT id, password_hash FROM customer_account WHERE id > $1 AND password_hash IS NOT NULL \
                    ORDER BY id LIMIT 1000";
    NEWEST = "SELECT id FROM customer_account ORDER BY id DESC LIMIT 1";
    ID_BY_EMAIL = "SELECT id FROM customer_account WHERE email_mark = $1";
    // The first account that the shop named it for: a later one takes nothing from it.
    ID_BY_SHOP_EMAIL = "SELECT id FROM customer_account WHERE shop_email_mark = $1 \
                        ORDER BY email_confirmed_at IS NULL, created_at, id LIMIT 1";
    ALL_BY_ADDRESS = "SELECT id FROM customer_account WHERE email_mark = $1 OR shop_email_mark = $1 \
                      ORDER BY email_mark IS NULL, created_at, id LIMIT 20";
    ONE_OF_SHOP_EMAIL = "SELECT id FROM customer_account WHERE shop_email_mark IS NOT NULL LIMIT 1";
    ID_BY_SHOP = "SELECT id FROM customer_account WHERE shop_mark = $1";
    SET_PASSWORD = "UPDATE customer_account SET password_hash = $2, password_set_at = $3, password_failures = 0, \
                    password_disabled_at = NULL, must_change_at = NULL WHERE id = $1";
    UPGRADE_PASSWORD = "UPDATE customer_account SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    COUNT_FAILURE = "UPDATE customer_account SET password_failures = password_failures + 1 WHERE id = $1";
    // Whether there is anything to change: to bind an account anew takes a few statements.
    MAY_CHANGE = "SELECT email_mark, shop_email_mark, shop_mark, step_up_forced_at FROM customer_account WHERE id = $1";
    FAILURES = "SELECT password_failures FROM customer_account WHERE id = $1";
    CLEAR_FAILURES = "UPDATE customer_account SET password_failures = 0, password_disabled_at = NULL \
                      WHERE id = $1 AND password_failures > 0";
    DISABLE_PASSWORD = "UPDATE customer_account SET password_disabled_at = $2 \
                        WHERE id = $1 AND password_disabled_at IS NULL";
    MUST_CHANGE = "UPDATE customer_account SET must_change_at = $2 WHERE id = $1 \
                   AND (password_hash IS NOT NULL OR shop_mark IS NOT NULL)";
    SHOP_PASSWORD = "UPDATE customer_account SET must_change_at = NULL \
                     WHERE id = $1 AND must_change_at IS NOT NULL AND password_hash IS NULL";
    SHOP_PASSWORD_IN = "UPDATE customer_account SET must_change_at = NULL \
                        WHERE id = $1 AND must_change_at IS NOT NULL AND password_hash IS NULL \
                        AND EXISTS (SELECT 1 FROM customer_session WHERE id = $2 AND customer = $1)";
    FORCE_STEP_UP = "UPDATE customer_account SET step_up_forced_at = $2 WHERE id = $1";
    CLEAR_STEP_UP = "UPDATE customer_account SET step_up_forced_at = NULL \
                     WHERE id = $1 AND step_up_forced_at IS NOT NULL";
    LOCK = "UPDATE customer_account SET locked_at = $2 WHERE id = $1 AND locked_at IS NULL";
    UNLOCK = "UPDATE customer_account SET locked_at = NULL WHERE id = $1 AND locked_at IS NOT NULL";
    SET_EMAIL = "UPDATE customer_account SET email_mark = $2, email_sealed = $3, email_confirmed_at = $4, \
                 shop_email_mark = NULL WHERE id = $1";
    // Whoever reads mail there has shown it: unless another account has it for its own already.
    CONFIRM_EMAIL = "UPDATE customer_account SET email_mark = $2, email_confirmed_at = $3 WHERE id = $1 AND email_mark IS NULL \
                     AND NOT EXISTS (SELECT 1 FROM customer_account WHERE email_mark = $2)";
    NOTE_SHOP_EMAIL = "UPDATE customer_account SET shop_email_mark = $2 \
                       WHERE id = $1 AND shop_email_mark IS NULL AND email_mark IS NULL AND shop_mark IS NOT NULL";
    MOVE_SHOP = "UPDATE customer_account SET shop_mark = $2, shop_subject_sealed = $3 WHERE id = $1";
    // What was shown of the address before says nothing of this one.
    REFRESH_EMAIL = "UPDATE customer_account SET email_sealed = $2, shop_email_mark = $3, email_mark = NULL, \
                     email_confirmed_at = NULL WHERE id = $1";
}

/// A whole new account.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub id: CustomerId,
    pub email_mark: Option<String>,
    pub email_sealed: Option<Vec<u8>>,
    pub email_confirmed_at: Option<Timestamp>,
    /// Of the address as the shop tells it.
    pub shop_email_mark: Option<String>,
    pub shop_mark: Option<String>,
    pub shop_subject_sealed: Option<Vec<u8>>,
    pub name_sealed: Option<Vec<u8>>,
    pub language: Language,
    pub password_hash: Option<String>,
    pub created_at: Timestamp,
}

/// An account as it lies there.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub id: CustomerId,
    pub email_sealed: Option<Vec<u8>>,
    pub name_sealed: Option<Vec<u8>>,
    pub language: Language,
    pub password_hash: Option<String>,
    pub password_set_at: Option<Timestamp>,
    pub password_disabled_at: Option<Timestamp>,
    pub must_change_at: Option<Timestamp>,
    pub step_up_forced_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub locked_at: Option<Timestamp>,
}

pub fn insert(tx: &mut Tx<'_>, account: &NewAccount) -> Result<(), Error> {
    let password_set_at = account.password_hash.as_ref().map(|_| account.created_at);
    let tag = bound::tag_of_new(tx, account, password_set_at)?;
    let values = params![
        account.id,
        account.email_mark.clone(),
        account.email_sealed.clone(),
        account.email_confirmed_at,
        account.shop_mark.clone(),
        account.shop_subject_sealed.clone(),
        account.name_sealed.clone(),
        account.language.tag(),
        account.password_hash.clone(),
        password_set_at,
        account.created_at,
        account.shop_email_mark.clone(),
        tag,
    ];
    tx.execute(INSERT, values).map(drop)
}

/// The shop's name for the account is another one now.
pub fn move_shop(tx: &mut Tx<'_>, id: CustomerId, mark: &str, sealed: &[u8]) -> Result<(), Error> {
    bound::changed(tx, id, |tx| tx.execute(MOVE_SHOP, params![id, mark, sealed])).map(drop)
}

/// An account as Storeward wrote it, with all that belongs to it; one that somebody changed is as none.
pub fn by_id(reader: &mut Reader<'_>, id: CustomerId) -> Result<Option<Sealed>, Error> {
    if !bound::fits(reader, id)? {
        return Ok(None);
    }
    reader.query_optional(BY_ID, params![id], sealed)
}

/// Compare, within the write that decides: whether the account is still as open as it was when the decision was made. All writes come one
/// after the other, on both engines, so nothing closes between this and the end of the transaction.
pub fn is_as_open(tx: &mut Tx<'_>, id: CustomerId, known: &Doors) -> Result<bool, Error> {
    let now = tx.query_optional(DOORS, params![id], |row| {
        Ok(Doors {
            password_set_at: row.get(0)?,
            must_change_at: row.get(1)?,
            step_up_forced_at: row.get(2)?,
            locked_at: row.get(3)?,
        })
    })?;
    Ok(now.is_some_and(|now| now.are_as_open_as(known)))
}

fn sealed(row: &Row<'_>) -> Result<Sealed, Error> {
    let language: String = row.get(3)?;
    Ok(Sealed {
        id: row.get(0)?,
        email_sealed: row.get(1)?,
        name_sealed: row.get(2)?,
        language: Language::parse(&language).unwrap_or_default(),
        password_hash: row.get(4)?,
        password_set_at: row.get(5)?,
        password_disabled_at: row.get(6)?,
        must_change_at: row.get(7)?,
        step_up_forced_at: row.get(8)?,
        created_at: row.get(9)?,
        locked_at: row.get(10)?,
    })
}

pub fn id_by_email(reader: &mut Reader<'_>, mark: &str) -> Result<Option<CustomerId>, Error> {
    reader.query_optional(ID_BY_EMAIL, params![mark], |row| row.get(0))
}

/// An account for which the shop told this address. Good for a letter to it, never for a sign-in.
pub fn id_by_shop_email(reader: &mut Reader<'_>, mark: &str) -> Result<Option<CustomerId>, Error> {
    reader.query_optional(ID_BY_SHOP_EMAIL, params![mark], |row| row.get(0))
}

/// Whether the shop told the address of any account.
pub fn has_shop_email(reader: &mut Reader<'_>) -> Result<bool, Error> {
    let one: Option<CustomerId> = reader.query_optional(ONE_OF_SHOP_EMAIL, params![], |row| row.get(0))?;
    Ok(one.is_some())
}

/// Every account of this address: its own one first, then those for which the shop told it.
pub fn all_by_address(reader: &mut Reader<'_>, mark: &str) -> Result<Vec<CustomerId>, Error> {
    reader.query_many(ALL_BY_ADDRESS, params![mark], |row| row.get(0))
}

pub fn id_by_shop(reader: &mut Reader<'_>, mark: &str) -> Result<Option<CustomerId>, Error> {
    reader.query_optional(ID_BY_SHOP, params![mark], |row| row.get(0))
}

/// The account with the highest id.
pub fn newest(reader: &mut Reader<'_>) -> Result<Option<CustomerId>, Error> {
    reader.query_optional(NEWEST, &[], |row| row.get(0))
}

/// The next thousand with a password of their own, by id.
pub fn hashes_after(
    reader: &mut Reader<'_>,
    after: Option<CustomerId>,
) -> Result<Vec<(CustomerId, String)>, Error> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    reader.query_many(HASHES_AFTER, params![after], |row| Ok((row.get(0)?, row.get(1)?)))
}

pub fn set_password(tx: &mut Tx<'_>, id: CustomerId, hash: &str, at: Timestamp) -> Result<(), Error> {
    super::told::forget_breached(tx, id)?;
    bound::changed(tx, id, |tx| tx.execute(SET_PASSWORD, params![id, hash, at])).map(drop)
}

/// Replaces a hash of an earlier kind, unless the password changed meanwhile.
pub fn upgrade_password(tx: &mut Tx<'_>, id: CustomerId, old: &str, new: &str) -> Result<(), Error> {
    bound::changed(tx, id, |tx| tx.execute(UPGRADE_PASSWORD, params![id, old, new])).map(drop)
}

/// Counts a wrong password from a device that is not known; returns how many there are in a row.
pub fn count_failure(tx: &mut Tx<'_>, id: CustomerId) -> Result<u32, Error> {
    tx.execute(COUNT_FAILURE, params![id])?;
    tx.query_one(FAILURES, params![id], |row| row.get(0))
}

/// Wrong passwords in a row from unknown devices.
pub fn failures(reader: &mut Reader<'_>, id: CustomerId) -> Result<u32, Error> {
    Ok(reader.query_optional(FAILURES, params![id], |row| row.get(0))?.unwrap_or(0))
}

pub fn clear_failures(tx: &mut Tx<'_>, id: CustomerId) -> Result<(), Error> {
    if failures(tx, id)? == 0 {
        return Ok(());
    }
    bound::changed(tx, id, |tx| tx.execute(CLEAR_FAILURES, params![id])).map(drop)
}

/// Whether it counted until now.
pub fn disable_password(tx: &mut Tx<'_>, id: CustomerId, at: Timestamp) -> Result<bool, Error> {
    Ok(bound::changed(tx, id, |tx| tx.execute(DISABLE_PASSWORD, params![id, at]))? == 1)
}

pub fn must_change(tx: &mut Tx<'_>, id: CustomerId, at: Timestamp) -> Result<(), Error> {
    bound::changed(tx, id, |tx| tx.execute(MUST_CHANGE, params![id, at])).map(drop)
}

/// The password is the shop's own and another one now. False where none had to be chosen.
pub fn shop_password_changed(tx: &mut Tx<'_>, id: CustomerId) -> Result<bool, Error> {
    Ok(bound::changed(tx, id, |tx| tx.execute(SHOP_PASSWORD, params![id]))? == 1)
}

/// The same of a form that was sent in this session. False, too, where the session was ended while the shop answered: by "this wasn't me"
/// among others, which such an answer does not undo.
pub fn shop_password_changed_in(tx: &mut Tx<'_>, id: CustomerId, session: SessionId) -> Result<bool, Error> {
    Ok(bound::changed(tx, id, |tx| tx.execute(SHOP_PASSWORD_IN, params![id, session]))? == 1)
}

pub fn force_step_up(tx: &mut Tx<'_>, id: CustomerId, at: Timestamp) -> Result<(), Error> {
    bound::changed(tx, id, |tx| tx.execute(FORCE_STEP_UP, params![id, at])).map(drop)
}

pub fn clear_step_up(tx: &mut Tx<'_>, id: CustomerId) -> Result<(), Error> {
    if !may_change(tx, id)?.is_some_and(|known| known.has_step_up) {
        return Ok(());
    }
    bound::changed(tx, id, |tx| tx.execute(CLEAR_STEP_UP, params![id])).map(drop)
}

pub fn lock(tx: &mut Tx<'_>, id: CustomerId, at: Timestamp) -> Result<bool, Error> {
    Ok(bound::changed(tx, id, |tx| tx.execute(LOCK, params![id, at]))? == 1)
}

pub fn unlock(tx: &mut Tx<'_>, id: CustomerId) -> Result<bool, Error> {
    Ok(bound::changed(tx, id, |tx| tx.execute(UNLOCK, params![id]))? == 1)
}

pub fn set_email(
    tx: &mut Tx<'_>,
    id: CustomerId,
    mark: &str,
    sealed: &[u8],
    at: Timestamp,
) -> Result<(), Error> {
    bound::changed(tx, id, |tx| tx.execute(SET_EMAIL, params![id, mark, sealed, at])).map(drop)
}

/// The shop's own address on file, as it is now. Nobody has confirmed it.
pub fn refresh_email(tx: &mut Tx<'_>, id: CustomerId, sealed: &[u8], shop_mark: &str) -> Result<(), Error> {
    bound::changed(tx, id, |tx| tx.execute(REFRESH_EMAIL, params![id, sealed, shop_mark])).map(drop)
}

/// The person has shown that they read mail at the address on file.
pub fn confirm_email(tx: &mut Tx<'_>, id: CustomerId, mark: &str, at: Timestamp) -> Result<(), Error> {
    if may_change(tx, id)?.is_none_or(|known| known.email_mark.is_some()) {
        return Ok(());
    }
    bound::changed(tx, id, |tx| tx.execute(CONFIRM_EMAIL, params![id, mark, at])).map(drop)
}

/// What the shop tells is kept where nothing is yet.
pub fn note_shop_email(tx: &mut Tx<'_>, id: CustomerId, shop_mark: &str) -> Result<(), Error> {
    let is_open = |known: MayChange| {
        known.email_mark.is_none() && known.shop_email_mark.is_none() && known.shop_mark.is_some()
    };
    if !may_change(tx, id)?.is_some_and(is_open) {
        return Ok(());
    }
    bound::changed(tx, id, |tx| tx.execute(NOTE_SHOP_EMAIL, params![id, shop_mark])).map(drop)
}

struct MayChange {
    email_mark: Option<String>,
    shop_email_mark: Option<String>,
    shop_mark: Option<String>,
    has_step_up: bool,
}

fn may_change(reader: &mut Reader<'_>, id: CustomerId) -> Result<Option<MayChange>, Error> {
    reader.query_optional(MAY_CHANGE, params![id], |row| {
        Ok(MayChange {
            email_mark: row.get(0)?,
            shop_email_mark: row.get(1)?,
            shop_mark: row.get(2)?,
            has_step_up: row.get::<Option<Timestamp>>(3)?.is_some(),
        })
    })
}

/// When the owner last showed that they read mail at the address on file.
pub fn email_confirmed_at(reader: &mut Reader<'_>, id: CustomerId) -> Result<Option<Timestamp>, Error> {
    Ok(reader.query_optional(CONFIRMED, params![id], |row| row.get::<Option<Timestamp>>(0))?.flatten())
}

/// Accounts behind `after`, the oldest first.
pub fn after(reader: &mut Reader<'_>, after: CustomerId, most: u32) -> Result<Vec<CustomerId>, Error> {
    reader.query_many(AFTER, params![after, most], |row| row.get(0))
}
