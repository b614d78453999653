//! Rows of the ledger's table that it does not count: somebody wrote them who holds no key.

use storeward_events::system::RowHarmed;

use super::{end, to_column};
use crate::statements::FIND_UNCOUNTED;
use crate::{Db, Error, harmed, params};

/// Tells the ledger of the first of them. To be called again and again: `known` is what was found the last time, and is not told
/// anew.
///
/// # Errors
/// [`Error::Ledger`] where the head bears no signature that counts.
pub async fn tell_uncounted(db: &Db, known: &mut Option<u64>) -> Result<(), Error> {
    let found: Option<u64> = db
        .read(|reader| {
            let end = end(reader)?;
            reader.query_optional(FIND_UNCOUNTED, params![to_column(end)], |row| row.get(0))
        })
        .await?;
    if let Some(seq) = found.filter(|_| found != *known) {
        let (table, harm) = ("ledger_entry".to_owned(), "unknown".to_owned());
        let fact = RowHarmed { table, row: seq.to_string(), harm };
        db.write(move |tx| harmed::tell(tx, std::slice::from_ref(&fact))).await?;
    }
    *known = found;
    Ok(())
}
