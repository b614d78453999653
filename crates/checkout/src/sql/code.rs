//! Code in pages that nobody approved or rejected: what makes room for what.

use std::time::Duration;

use storeward_base::Timestamp;
use storeward_store::{Error as StoreError, Reader, Tx, params, statements};

use super::{close_alerts_of, count, id};
use crate::model::ScriptId;

statements! {
    COUNT_SO = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND page = $1 AND place = $2 AND is_changing = 0";
    LEAST_CODE = "SELECT id FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND kind IN ('inline', 'handler') AND is_changing = 0 \
        AND source IN ('page', 'fetch') AND (last_seen - first_seen < $1 OR last_seen < $2) ORDER BY last_seen, id LIMIT 1";
    COUNT_NEW = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND kind IN ('inline', 'handler') \
        AND source IN ('page', 'fetch') AND is_changing = 0 AND first_seen > $1";
    LEAST_SO = "SELECT id FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND page = $1 AND place = $2 AND is_changing = 0 \
        ORDER BY last_seen, id LIMIT 1";
    LEAST_HEARD = "SELECT id FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND source IN ('report', 'guard') \
        AND CASE WHEN kind IN ('inline', 'handler') THEN 1 ELSE 0 END = $2 \
        AND first_seen < $1 ORDER BY CASE WHEN last_seen < $1 THEN 0 ELSE 1 END, first_seen, id LIMIT 1";
    DROP = "DELETE FROM checkout_script WHERE id = $1";
    STAYS = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_version WHERE script = $1 AND hash = $2 AND first_seen <= $3";
}

/// Code of a page that begins so, however often it was seen.
pub(crate) fn count_so(reader: &mut Reader<'_>, page: &str, mark: &str) -> Result<u64, StoreError> {
    count(reader, COUNT_SO, params![page, mark])
}

/// What nobody approved or rejected and was seen first since a moment.
pub(crate) fn count_new_code(reader: &mut Reader<'_>, since: Timestamp) -> Result<u64, StoreError> {
    count(reader, COUNT_NEW, params![since])
}

/// Takes the code out that nobody approved or rejected, and that was seen least recently; false where there is none. What was seen over
/// `days` and since `lately` stays. The alerts of what goes go with it, so that there are never more of them than rows.
pub(crate) fn drop_code(tx: &mut Tx<'_>, days: Duration, lately: Timestamp) -> Result<bool, StoreError> {
    let micros = i64::try_from(days.as_micros()).unwrap_or(i64::MAX);
    let found = tx.query_optional(LEAST_CODE, params![micros, lately], |row| id(row, 0))?;
    found.map_or(Ok(false), |found| drop_row(tx, &found).map(|()| true))
}

/// The same of what begins alike on a page.
pub(crate) fn drop_so(tx: &mut Tx<'_>, page: &str, mark: &str) -> Result<(), StoreError> {
    let found = tx.query_optional(LEAST_SO, params![page, mark], |row| id(row, 0))?;
    found.map_or(Ok(()), |found| drop_row(tx, &found))
}

/// The same of what was only reported, first before a moment: what was not reported since then goes first, else the oldest.
pub(crate) fn drop_heard(tx: &mut Tx<'_>, is_code: bool, before: Timestamp) -> Result<bool, StoreError> {
    let found = tx.query_optional(LEAST_HEARD, params![before, u32::from(is_code)], |row| id(row, 0))?;
    found.map_or(Ok(false), |found| drop_row(tx, &found).map(|()| true))
}

fn drop_row(tx: &mut Tx<'_>, row: &ScriptId) -> Result<(), StoreError> {
    close_alerts_of(tx, row, "storeward")?;
    tx.execute(DROP, params![row.as_str()]).map(drop)
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
