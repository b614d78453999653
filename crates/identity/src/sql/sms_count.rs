//! The table of short messages a day, by what they are counted for. Kept, so that a restart grants nobody more.

use storeward_store::{Error, Tx, params, statements};

statements! {
    COUNT = "SELECT count FROM customer_sms_count WHERE scope = $1 AND day = $2";
    ADD = "INSERT INTO customer_sms_count (scope, day, count) VALUES ($1, $2, 1) \
           ON CONFLICT (scope, day) DO UPDATE SET count = customer_sms_count.count + 1";
    FORGET = "DELETE FROM customer_sms_count WHERE day < $1";
}

/// Counts one message in every scope, if none of them has had as many as it may; else the first that has, and nothing is
/// counted.
pub fn take<'a>(
    tx: &mut Tx<'_>,
    day: i64,
    scopes: &'a [(String, u32, &'static str)],
) -> Result<Option<&'a (String, u32, &'static str)>, Error> {
    tx.execute(FORGET, params![day - 1])?;
    for scope in scopes {
        let count: Option<i64> = tx.query_optional(COUNT, params![&scope.0, day], |row| row.get(0))?;
        if count.unwrap_or(0) >= i64::from(scope.1) {
            return Ok(Some(scope));
        }
    }
    for (scope, ..) in scopes {
        tx.execute(ADD, params![scope, day])?;
    }
    Ok(None)
}
