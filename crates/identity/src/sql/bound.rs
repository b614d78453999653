//! What binds an account: one tag over its row, its factors, its recovery codes, its waiting time and the addresses that it showed to read, under a key that is not in the
//! database. An account that somebody changed past Storeward, or gave a factor or took one from, is as none.

use storeward_base::{CustomerId, Timestamp};
use storeward_events::system::RowHarmed;
use storeward_store::Column::{Bytes, Number, Text};
use storeward_store::{Bound, Db, Error, Parts, Reader, Tx, Value, params, statements};

use super::account::NewAccount;
use super::session::SESSION;

statements! {
    FIND_ACCOUNT = "SELECT id, email_mark, email_sealed, email_confirmed_at, shop_mark, shop_subject_sealed, name_sealed, \
                    password_hash, password_set_at, created_at, shop_email_mark, password_disabled_at, must_change_at, \
                    step_up_forced_at, locked_at, office_allowed_at, tag FROM customer_account WHERE id = $1";
    FIND_PARTS = "SELECT 'factor', id, kind, credential_mark, secret_sealed, created_at, CAST(NULL AS BIGINT), \
                  CAST(NULL AS BIGINT) FROM customer_factor WHERE customer = $1 \
                  UNION ALL SELECT 'code', code_hash, NULL, NULL, NULL, created_at, used_at, NULL \
                  FROM customer_recovery_code WHERE customer = $1 \
                  UNION ALL SELECT 'wait', begun_by, shorten_asked_by, NULL, NULL, begun_at, ends_at, cancelled_at \
                  FROM customer_recovery_wait WHERE customer = $1 \
                  UNION ALL SELECT 'name', mark, NULL, NULL, NULL, at, sent_at, NULL \
                  FROM customer_shop_name WHERE customer = $1 LIMIT 200";
    BIND_ACCOUNT = "UPDATE customer_account SET tag = $2 WHERE id = $1";

    FIND_DEVICE = "SELECT id, customer, token_hash, previous_hash, created_at, expires_at, trusted_until, tag \
                   FROM customer_device WHERE id = $1";
    BIND_DEVICE = "UPDATE customer_device SET tag = $2 WHERE id = $1";
    FIND_FLOW = "SELECT token_hash, purpose, customer, codes_sent, attempts, created_at, expires_at, passed_at, tag \
                 FROM customer_challenge WHERE token_hash = $1";
    BIND_FLOW = "UPDATE customer_challenge SET tag = $2 WHERE token_hash = $1";

    ANY_ACCOUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT id FROM customer_account LIMIT 1) AS kept";
    ANY_TAG = "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT id FROM customer_account WHERE tag IS NOT NULL LIMIT 1) AS bound";
    PAGE_ACCOUNTS = "SELECT id FROM customer_account WHERE id > $1 ORDER BY id LIMIT 1000";
    PAGE_DEVICES = "SELECT id FROM customer_device WHERE id > $1 ORDER BY id LIMIT 1000";
    PAGE_FLOWS = "SELECT token_hash FROM customer_challenge WHERE token_hash > $1 ORDER BY token_hash LIMIT 1000";
}

/// By id: the account's own row and what belongs to it. The language, and how often a password was wrong, are not bound.
const ACCOUNT: Bound = Bound {
    table: "customer_account",
    label: "customer_account/1",
    columns: &[
        Text, Text, Bytes, Number, Text, Bytes, Bytes, Text, Number, Number, Text, Number, Number, Number,
        Number, Number,
    ],
    find: FIND_ACCOUNT,
    bind: BIND_ACCOUNT,
    page: PAGE_ACCOUNTS,
    parts: Some(Parts {
        find: FIND_PARTS,
        columns: &[Text, Text, Text, Text, Bytes, Number, Number, Number],
    }),
};

/// By id: whose a browser is, by which token it is known, and how long nothing more is asked of it.
pub const DEVICE: Bound = Bound {
    table: "customer_device",
    label: "customer_device/1",
    columns: &[Text, Text, Text, Text, Number, Number, Number],
    find: FIND_DEVICE,
    bind: BIND_DEVICE,
    page: PAGE_DEVICES,
    parts: None,
};

/// By the token's hash: whose way it is, where it leads, and how often something was tried. What it knows so far is sealed; its
/// code's mark is keyed.
pub const FLOW: Bound = Bound {
    table: "customer_challenge",
    label: "customer_challenge/1",
    columns: &[Text, Text, Text, Number, Number, Number, Number, Number],
    find: FIND_FLOW,
    bind: BIND_FLOW,
    page: PAGE_FLOWS,
    parts: None,
};

/// The tag of an account that is about to be written, and to which nothing belongs yet.
pub fn tag_of_new(
    reader: &Reader<'_>,
    account: &NewAccount,
    password_set_at: Option<Timestamp>,
) -> Result<Value, Error> {
    let none = None::<Timestamp>;
    let values = params![
        account.id,
        account.email_mark.clone(),
        account.email_sealed.clone(),
        account.email_confirmed_at,
        account.shop_mark.clone(),
        account.shop_subject_sealed.clone(),
        account.name_sealed.clone(),
        account.password_hash.clone(),
        password_set_at,
        account.created_at,
        account.shop_email_mark.clone(),
        none,
        none,
        none,
        none,
        none,
    ];
    ACCOUNT.tag_of(reader, values)
}

/// Changes an account, or what belongs to it, and binds it anew if it was as it was bound; no other becomes good by it.
pub fn changed<T>(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    change: impl FnOnce(&mut Tx<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    ACCOUNT.change(tx, params![customer], change)
}

/// Whether an account is as Storeward wrote it, with all that belongs to it.
pub fn fits(reader: &mut Reader<'_>, customer: CustomerId) -> Result<bool, Error> {
    ACCOUNT.fits(reader, params![customer])
}

/// Whether there are accounts and none of them has a tag: rows of a version that bound none, or tags that somebody took away.
pub fn are_old(reader: &mut Reader<'_>) -> Result<bool, Error> {
    let mut any = |sql| reader.query_one(sql, &[], |row| Ok(row.get::<i64>(0)? > 0));
    Ok(any(ANY_ACCOUNT)? && !any(ANY_TAG)?)
}

/// Binds all rows of a version that bound none; how many. Nothing where any account has a tag: whoever takes tags away gains
/// nothing by it. The caller sees to it that this happens once.
pub fn bind_old(tx: &mut Tx<'_>) -> Result<u64, Error> {
    if !are_old(tx)? {
        return Ok(0);
    }
    Ok(ACCOUNT.bind_all(tx)? + DEVICE.bind_all(tx)? + FLOW.bind_all(tx)?)
}

/// Rows by which customers are let in that are not as Storeward wrote them, a hundred of each table at most.
pub async fn harmed(db: &Db) -> Result<Vec<RowHarmed>, Error> {
    let mut harmed = Vec::new();
    for table in [ACCOUNT, SESSION, DEVICE, FLOW] {
        harmed.extend(table.look(db).await?);
    }
    Ok(harmed)
}
