//! What binds an account: one tag over its row, its factors, its recovery codes and its waiting time, under a key that is not in the
//! database. An account that somebody changed past Storeward, or gave a factor or took one from, is as none.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::Column::{self, Bytes, Number, Text};
use storeward_store::{Bound, Error, Reader, Tx, Value, columns_of, params, statements};

use super::account::NewAccount;

statements! {
    FIND_ACCOUNT = "SELECT id, email_mark, email_sealed, email_confirmed_at, shop_mark, shop_subject_sealed, name_sealed, \
                    password_hash, password_set_at, created_at, shop_email_mark, password_disabled_at, must_change_at, \
                    step_up_forced_at, locked_at, office_allowed_at, tag FROM customer_account WHERE id = $1";
    FIND_PARTS = "SELECT 'factor', id, kind, credential_mark, secret_sealed, created_at, CAST(NULL AS BIGINT), \
                  CAST(NULL AS BIGINT) FROM customer_factor WHERE customer = $1 \
                  UNION ALL SELECT 'code', code_hash, NULL, NULL, NULL, created_at, used_at, NULL \
                  FROM customer_recovery_code WHERE customer = $1 \
                  UNION ALL SELECT 'wait', begun_by, shorten_asked_by, NULL, NULL, begun_at, ends_at, cancelled_at \
                  FROM customer_recovery_wait WHERE customer = $1 LIMIT 200";
    BIND_ACCOUNT = "UPDATE customer_account SET tag = $2 WHERE id = $1";

    FIND_DEVICE = "SELECT id, customer, token_hash, previous_hash, created_at, expires_at, trusted_until, tag \
                   FROM customer_device WHERE id = $1";
    BIND_DEVICE = "UPDATE customer_device SET tag = $2 WHERE id = $1";
    FIND_FLOW = "SELECT token_hash, purpose, customer, codes_sent, attempts, created_at, expires_at, passed_at, tag \
                 FROM customer_challenge WHERE token_hash = $1";
    BIND_FLOW = "UPDATE customer_challenge SET tag = $2 WHERE token_hash = $1";

    ANY_TAG = "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT id FROM customer_account WHERE tag IS NOT NULL LIMIT 1) AS bound";
    OLD_ACCOUNTS = "SELECT id FROM customer_account WHERE id > $1 ORDER BY id LIMIT 1000";
    OLD_DEVICES = "SELECT id FROM customer_device WHERE id > $1 ORDER BY id LIMIT 1000";
    OLD_FLOWS = "SELECT token_hash FROM customer_challenge WHERE token_hash > $1 ORDER BY token_hash LIMIT 1000";
}

/// The account's own row, before what belongs to it. The language, and how often a password was wrong, are not bound.
const ACCOUNT: Bound = Bound {
    table: "customer_account",
    label: "customer_account/1",
    columns: &[
        Text, Text, Bytes, Number, Text, Bytes, Bytes, Text, Number, Number, Text, Number, Number, Number,
        Number, Number,
    ],
    find: FIND_ACCOUNT,
    bind: BIND_ACCOUNT,
};
const PART_COLUMNS: &[Column] = &[Text, Text, Text, Text, Bytes, Number, Number, Number];

/// By id: whose a browser is, by which token it is known, and how long nothing more is asked of it.
pub const DEVICE: Bound = Bound {
    table: "customer_device",
    label: "customer_device/1",
    columns: &[Text, Text, Text, Text, Number, Number, Number],
    find: FIND_DEVICE,
    bind: BIND_DEVICE,
};

/// By the token's hash: whose way it is, where it leads, and how often something was tried. What it knows so far is sealed; its
/// code's mark is keyed.
pub const FLOW: Bound = Bound {
    table: "customer_challenge",
    label: "customer_challenge/1",
    columns: &[Text, Text, Text, Number, Number, Number, Number, Number],
    find: FIND_FLOW,
    bind: BIND_FLOW,
};

/// The columns of the account and of all that belongs to it, in one order, and the tag.
type Found = (Vec<Vec<u8>>, Option<Vec<u8>>);

fn found(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Option<Found>, Error> {
    let account = reader.query_optional(FIND_ACCOUNT, params![customer], |row| {
        Ok((columns_of(row, ACCOUNT.columns)?, row.get(ACCOUNT.columns.len())?))
    })?;
    let Some((mut columns, tag)) = account else { return Ok(None) };
    let mut parts = reader.query_many(FIND_PARTS, params![customer], |row| columns_of(row, PART_COLUMNS))?;
    // Each engine has an order of its own.
    parts.sort_unstable();
    columns.extend(parts.into_iter().flatten());
    Ok(Some((columns, tag)))
}

/// Whether an account is as Storeward wrote it, with all that belongs to it.
pub fn fits(reader: &mut Reader<'_>, customer: CustomerId) -> Result<bool, Error> {
    let Some((columns, tag)) = found(reader, customer)? else { return Ok(false) };
    let columns: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
    Ok(reader.row_key(ACCOUNT.table)?.fits(tag.as_deref(), ACCOUNT.label, &columns))
}

/// Binds the account as it lies there now. Whoever calls it has written all of it, or seen before that it fits.
pub fn bind(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    let Some((columns, _)) = found(tx, customer)? else { return Ok(()) };
    let columns: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
    let tag = tx.row_key(ACCOUNT.table)?.tag(ACCOUNT.label, &columns);
    tx.execute(ACCOUNT.bind, params![customer, tag]).map(drop)
}

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
    let was_good = fits(tx, customer)?;
    let done = change(tx)?;
    if was_good {
        bind(tx, customer)?;
    }
    Ok(done)
}

/// Binds all rows of a version that bound none; how many. Nothing where any account has a tag: whoever takes tags away gains
/// nothing by it. The caller sees to it that this happens once.
pub fn bind_old(tx: &mut Tx<'_>) -> Result<u64, Error> {
    if tx.query_one(ANY_TAG, &[], |row| row.get::<i64>(0))? > 0 {
        return Ok(0);
    }
    let accounts = each(tx, OLD_ACCOUNTS, |tx, id| {
        let id = id.parse().map_err(|_| Error::NoRow)?;
        bind(tx, id)
    })?;
    let devices = each(tx, OLD_DEVICES, |tx, id| DEVICE.bind(tx, params![id]))?;
    let flows = each(tx, OLD_FLOWS, |tx, hash| FLOW.bind(tx, params![hash]))?;
    Ok(accounts + devices + flows)
}

/// Goes through a table by its key; how many rows there were.
fn each(
    tx: &mut Tx<'_>,
    page: &str,
    mut bind: impl FnMut(&mut Tx<'_>, &str) -> Result<(), Error>,
) -> Result<u64, Error> {
    let (mut count, mut after) = (0, String::new());
    loop {
        let keys = tx.query_many(page, params![&after], |row| row.get::<String>(0))?;
        for key in &keys {
            bind(tx, key)?;
            count += 1;
        }
        match keys.into_iter().next_back() {
            Some(last) => after = last,
            None => return Ok(count),
        }
    }
}
