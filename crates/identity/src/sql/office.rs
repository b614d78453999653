//! Who was let into the back office with what they added.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

use super::bound;

statements! {
    ALLOWED = "SELECT office_allowed_at FROM customer_account WHERE id = $1";
    // There has to be something that they were let in with.
    ALLOW = "UPDATE customer_account SET office_allowed_at = $2 WHERE id = $1 AND office_allowed_at IS NULL AND EXISTS \
             (SELECT 1 FROM customer_factor WHERE customer = $1 AND kind IN ('totp', 'passkey'))";
    FORGET = "UPDATE customer_account SET office_allowed_at = NULL WHERE id = $1";
    FORGET_WITHOUT = "UPDATE customer_account SET office_allowed_at = NULL WHERE id = $1 AND NOT EXISTS \
                      (SELECT 1 FROM customer_factor WHERE customer = $1 AND kind IN ('totp', 'passkey'))";
}

pub fn allowed_at(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Option<Timestamp>, Error> {
    if !bound::fits(reader, customer)? {
        return Ok(None);
    }
    let found = reader.query_optional(ALLOWED, params![customer], |row| row.get::<Option<Timestamp>>(0))?;
    Ok(found.flatten())
}

/// Whether that is new.
pub fn allow(tx: &mut Tx<'_>, customer: CustomerId, now: Timestamp) -> Result<bool, Error> {
    Ok(bound::changed(tx, customer, |tx| tx.execute(ALLOW, params![customer, now]))? == 1)
}

/// What they were let in with is gone, or stands no more for the same person.
pub fn forget(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    bound::changed(tx, customer, |tx| tx.execute(FORGET, params![customer])).map(drop)
}

/// The same, where the last app or passkey was removed.
pub fn forget_without_factor(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    bound::changed(tx, customer, |tx| tx.execute(FORGET_WITHOUT, params![customer])).map(drop)
}
