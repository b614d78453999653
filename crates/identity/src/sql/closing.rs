//! All rows of one account, in every table that has some: they go together when it is closed.
//!
//! A test walks the tables of this domain as the database has them, so that a new one is not forgotten here.

use storeward_base::CustomerId;
use storeward_store::{Error, Reader, Tx, params, statements};

use crate::model::SessionId;

statements! {
    IS_THERE = "SELECT id FROM customer_account WHERE id = $1";
    SESSIONS = "SELECT id FROM customer_session WHERE customer = $1 \
                UNION SELECT session FROM customer_session_ended WHERE customer = $1 AND session <> '' LIMIT 1000";
    SMS_COUNTS = "DELETE FROM customer_sms_count WHERE scope IN ($1, $2)";

    FACTORS = "DELETE FROM customer_factor WHERE customer = $1";
    CODES = "DELETE FROM customer_recovery_code WHERE customer = $1";
    DEVICES = "DELETE FROM customer_device WHERE customer = $1";
    OPEN = "DELETE FROM customer_session WHERE customer = $1";
    ENDED = "DELETE FROM customer_session_ended WHERE customer = $1";
    FLOWS = "DELETE FROM customer_challenge WHERE customer = $1";
    ACTIVITY = "DELETE FROM customer_activity WHERE customer = $1";
    HISTORY = "DELETE FROM customer_history WHERE customer = $1";
    HELD_BACK = "DELETE FROM customer_held_back WHERE customer = $1";
    STAFF_ACTS = "DELETE FROM customer_staff_act WHERE customer = $1";
    WAIT = "DELETE FROM customer_recovery_wait WHERE customer = $1";
    TOLD = "DELETE FROM customer_told WHERE customer = $1";
    SHOP_NAMES = "DELETE FROM customer_shop_name WHERE customer = $1";
    UNMET = "DELETE FROM customer_unmet WHERE customer = $1";
    ACCOUNT = "DELETE FROM customer_account WHERE id = $1";
}

/// The account last, which the others name. What all sign-ins say together (`customer_shop_history`) names nobody; the shop's own cookies
/// behind a browser's handle (`shop_session`) are found by their session, and go once the shop has signed it out.
const ROWS: [&str; 15] = [
    FACTORS, CODES, DEVICES, OPEN, ENDED, FLOWS, ACTIVITY, HISTORY, HELD_BACK, STAFF_ACTS, WAIT, TOLD, UNMET,
    SHOP_NAMES, ACCOUNT,
];

/// Whether there is an account, whoever wrote its row: one that somebody changed is closed like another.
pub fn is_there(reader: &mut Reader<'_>, customer: CustomerId) -> Result<bool, Error> {
    let found = reader.query_optional(IS_THERE, params![customer], |row| row.get::<CustomerId>(0))?;
    Ok(found.is_some())
}

/// Its sessions: those that are open, and those whose end nobody has taken note of yet.
pub fn sessions(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Vec<SessionId>, Error> {
    let found = reader.query_many(SESSIONS, params![customer], |row| row.get::<String>(0))?;
    Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
}

/// Takes every row of the account away. `numbers` are the marks of its telephones.
pub fn delete(tx: &mut Tx<'_>, customer: CustomerId, numbers: &[String]) -> Result<(), Error> {
    let counted = numbers.iter().map(|mark| format!("number:{mark}"));
    for scope in counted.chain([format!("account:{customer}")]) {
        tx.execute(SMS_COUNTS, params![&scope, format!("{scope} of others")])?;
    }
    for sql in ROWS {
        tx.execute(sql, params![customer])?;
    }
    Ok(())
}
