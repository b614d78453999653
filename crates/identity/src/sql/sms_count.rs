//! The table of short messages a day, by what they are counted for. Kept, so that a restart grants nobody more.

use storeward_store::{Error, Tx, params, statements};

statements! {
    COUNT = "SELECT count FROM customer_sms_count WHERE scope = $1 AND day = $2";
    ADD = "INSERT INTO customer_sms_count (scope, day, count) VALUES ($1, $2, 1) \
           ON CONFLICT (scope, day) DO UPDATE SET count = customer_sms_count.count + 1";
    FORGET = "DELETE FROM customer_sms_count WHERE day < $1";
}

/// What is counted, how many there may be in a day, and the word for having had them.
pub type Scope = (String, u32, &'static str);

/// The first scope that has had as many messages as it may, if any.
pub fn used_up<'a>(tx: &mut Tx<'_>, day: i64, scopes: &'a [Scope]) -> Result<Option<&'a Scope>, Error> {
    for scope in scopes {
        let count: Option<i64> = tx.query_optional(COUNT, params![&scope.0, day], |row| row.get(0))?;
        if count.unwrap_or(0) >= i64::from(scope.1) {
            return Ok(Some(scope));
        }
    }
    Ok(None)
}

/// Counts one message in every scope.
pub fn add(tx: &mut Tx<'_>, day: i64, scopes: &[Scope]) -> Result<(), Error> {
    tx.execute(FORGET, params![day - 1])?;
    for (scope, ..) in scopes {
        tx.execute(ADD, params![scope, day])?;
    }
    Ok(())
}
