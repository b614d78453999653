//! What binds the rows by which members of staff are let in: a tag under a key that is not in the database. A row without one that
//! fits is as none.

use storeward_base::StaffId;
use storeward_events::system::RowHarmed;
use storeward_store::Column::{Bytes, Number, Text};
use storeward_store::{Bound, Db, Error, Reader, Tx, params, statements};

statements! {
    FIND_ACCOUNT = "SELECT id, email, password_hash, totp_sealed, enrolled_at, reset_at, locked_at, tag FROM staff_account \
                    WHERE id = $1";
    BIND_ACCOUNT = "UPDATE staff_account SET tag = $2 WHERE id = $1";
    FIND_SESSION = "SELECT token_hash, id, staff, created_at, confirmed_at, expires_at, place, parent, factor, tag \
                    FROM staff_session WHERE token_hash = $1";
    BIND_SESSION = "UPDATE staff_session SET tag = $2 WHERE token_hash = $1";
    FIND_PASSKEY = "SELECT id, staff, party, credential, key_sealed, tag FROM staff_passkey WHERE id = $1";
    BIND_PASSKEY = "UPDATE staff_passkey SET tag = $2 WHERE id = $1";
    FIND_OFFER = "SELECT token_hash, staff, totp_sealed, expires_at, tag FROM staff_enrolment WHERE token_hash = $1";
    BIND_OFFER = "UPDATE staff_enrolment SET tag = $2 WHERE token_hash = $1";
    FIND_HAND_OVER = "SELECT code_hash, session, staff, challenge, authority, expires_at, tag FROM staff_hand_over \
                      WHERE code_hash = $1";
    BIND_HAND_OVER = "UPDATE staff_hand_over SET tag = $2 WHERE code_hash = $1";

    ANY_ACCOUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM staff_account";
    ANY_TAG = "SELECT CAST((SELECT COUNT(*) FROM staff_account WHERE tag IS NOT NULL) + \
               (SELECT COUNT(*) FROM staff_passkey WHERE tag IS NOT NULL) AS BIGINT)";
    PAGE_ACCOUNTS = "SELECT id FROM staff_account WHERE id > $1 ORDER BY id LIMIT 1000";
    PAGE_SESSIONS = "SELECT token_hash FROM staff_session WHERE token_hash > $1 ORDER BY token_hash LIMIT 1000";
    PAGE_PASSKEYS = "SELECT id FROM staff_passkey WHERE id > $1 ORDER BY id LIMIT 1000";
    // One that was used leads nowhere, and may be of a version without tags.
    PAGE_OFFERS = "SELECT token_hash FROM staff_enrolment WHERE token_hash > $1 AND used_at IS NULL \
                   ORDER BY token_hash LIMIT 1000";
    PAGE_HAND_OVERS = "SELECT code_hash FROM staff_hand_over WHERE code_hash > $1 ORDER BY code_hash LIMIT 1000";
}

/// By id. When somebody was last seen, and the last code, are not bound.
pub const ACCOUNT: Bound = Bound {
    table: "staff_account",
    label: "staff_account/1",
    columns: &[Text, Text, Text, Bytes, Number, Number, Number],
    find: FIND_ACCOUNT,
    bind: BIND_ACCOUNT,
    page: PAGE_ACCOUNTS,
    parts: None,
};

/// By the token's hash: whose it is, where, and when a second factor was last shown.
pub const SESSION: Bound = Bound {
    table: "staff_session",
    label: "staff_session/1",
    columns: &[Text, Text, Text, Number, Number, Number, Text, Text, Text],
    find: FIND_SESSION,
    bind: BIND_SESSION,
    page: PAGE_SESSIONS,
    parts: None,
};

/// By id.
pub const PASSKEY: Bound = Bound {
    table: "staff_passkey",
    label: "staff_passkey/1",
    columns: &[Text, Text, Text, Text, Bytes],
    find: FIND_PASSKEY,
    bind: BIND_PASSKEY,
    page: PAGE_PASSKEYS,
    parts: None,
};

/// A link, by its token's hash.
pub const OFFER: Bound = Bound {
    table: "staff_enrolment",
    label: "staff_enrolment/1",
    columns: &[Text, Text, Bytes, Number],
    find: FIND_OFFER,
    bind: BIND_OFFER,
    page: PAGE_OFFERS,
    parts: None,
};

/// By the code's hash.
pub const HAND_OVER: Bound = Bound {
    table: "staff_hand_over",
    label: "staff_hand_over/1",
    columns: &[Text, Text, Text, Text, Text, Number],
    find: FIND_HAND_OVER,
    bind: BIND_HAND_OVER,
    page: PAGE_HAND_OVERS,
    parts: None,
};

/// Whether somebody's account is as Storeward wrote it.
pub fn account_fits(reader: &mut Reader<'_>, staff: StaffId) -> Result<bool, Error> {
    ACCOUNT.fits(reader, params![staff])
}

/// Whether there are members of staff and none of them has a tag: rows of a version that bound none, or tags that somebody took away.
pub fn are_old(reader: &mut Reader<'_>) -> Result<bool, Error> {
    let mut any = |sql| reader.query_one(sql, &[], |row| Ok(row.get::<i64>(0)? > 0));
    Ok(any(ANY_ACCOUNT)? && !any(ANY_TAG)?)
}

/// Gives accounts and passkeys of a version without tags theirs; how many. Nothing where any row has one: whoever takes tags away
/// gains nothing by it. The caller sees to it that this happens once. Panics inside of a runtime.
pub fn bind_old_blocking(db: &Db) -> Result<u64, Error> {
    db.write_blocking(|tx: &mut Tx<'_>| {
        tx.commit_silent("who may sign in stays as it was");
        if !are_old(tx)? {
            return Ok(0);
        }
        Ok(ACCOUNT.bind_all(tx)? + PASSKEY.bind_all(tx)?)
    })
}

/// Rows by which members of staff are let in that are not as Storeward wrote them, a hundred of each table at most.
pub async fn harmed(db: &Db) -> Result<Vec<RowHarmed>, Error> {
    let mut harmed = Vec::new();
    for table in [ACCOUNT, PASSKEY, OFFER, SESSION, HAND_OVER] {
        harmed.extend(table.look(db).await?);
    }
    Ok(harmed)
}
