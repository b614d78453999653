//! Code in pages that nobody approved or rejected: what makes room for what.

use storeward_base::Timestamp;
use storeward_store::{Error as StoreError, Reader, Tx, params, statements};

use super::{close_alerts_of, count, id};
use crate::model::ScriptId;

statements! {
    COUNT_SO = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND page = $1 AND place = $2 AND is_changing = 0";
    LEAST_CODE = "SELECT id FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND kind IN ('inline', 'handler') AND is_changing = 0 \
        ORDER BY last_seen, id LIMIT 1";
    LEAST_SO = "SELECT id FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND page = $1 AND place = $2 AND is_changing = 0 \
        ORDER BY last_seen, id LIMIT 1";
    DROP = "DELETE FROM checkout_script WHERE id = $1";
    STAYS = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_version WHERE script = $1 AND hash = $2 AND first_seen <= $3";
}

/// Code of a page that begins so, however often it was seen.
pub(crate) fn count_so(reader: &mut Reader<'_>, page: &str, mark: &str) -> Result<u64, StoreError> {
    count(reader, COUNT_SO, params![page, mark])
}

/// Takes the code out that nobody approved or rejected, and that was seen least recently: of all, or of what begins so on a page. Its alerts go
/// with it, so that there are never more of them than rows.
pub(crate) fn drop_code(tx: &mut Tx<'_>, so: Option<(&str, &str)>) -> Result<(), StoreError> {
    let found = match so {
        None => tx.query_optional(LEAST_CODE, &[], |row| id(row, 0))?,
        Some((page, mark)) => tx.query_optional(LEAST_SO, params![page, mark], |row| id(row, 0))?,
    };
    let Some(found) = found else { return Ok(()) };
    close_alerts_of(tx, &found, "storeward")?;
    tx.execute(DROP, params![found.as_str()]).map(drop)
}

/// Whether code that is counted with another row is what it was at a moment.
pub(crate) fn stays(
    reader: &mut Reader<'_>,
    of: &ScriptId,
    hash: &str,
    since: Timestamp,
) -> Result<bool, StoreError> {
    Ok(count(reader, STAYS, params![of.as_str(), hash, since])? > 0)
}
