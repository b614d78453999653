//! Receipts and how places stand.

use storeward_base::Timestamp;
use storeward_store::{Error, Reader, Tx, params, statements};

statements! {
    INSERT_RECEIPT = "INSERT INTO anchor_receipt (id, place, way, at, size, note, receipt) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    LIST_RECEIPTS = "SELECT id, place, way, at, size, note, receipt FROM anchor_receipt WHERE id > $1 ORDER BY id LIMIT $2";
    FIND_RECEIPT = "SELECT id, place, way, at, size, note, receipt FROM anchor_receipt WHERE id = $1";
    LAST_RECEIPT = "SELECT id, place, way, at, size, note, receipt FROM anchor_receipt WHERE place = $1 ORDER BY at DESC LIMIT 1";
    KNOW_PLACE = "INSERT INTO anchor_place (place, since, size) VALUES ($1, $2, 0) ON CONFLICT (place) DO NOTHING";
    FIND_PLACE = "SELECT since, placed_at, size, failing_at, reason, told_at FROM anchor_place WHERE place = $1";
    PLACED = "UPDATE anchor_place SET placed_at = $2, size = $3, failing_at = NULL, reason = NULL, told_at = NULL WHERE place = $1";
    FAILED = "UPDATE anchor_place SET failing_at = COALESCE(failing_at, $2), reason = $3, told_at = COALESCE($4, told_at) WHERE place = $1";
}

/// What a place gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub id: String,
    pub place: String,
    /// `mail`, `webhook`, `s3`, `rfc3161`.
    pub way: String,
    pub at: Timestamp,
    pub size: u64,
    pub note: String,
    pub receipt: Vec<u8>,
}

/// How a place stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub since: Timestamp,
    pub placed_at: Option<Timestamp>,
    pub size: u64,
    pub failing_at: Option<Timestamp>,
    pub reason: Option<String>,
    pub told_at: Option<Timestamp>,
}

fn receipt(row: &storeward_store::Row<'_>) -> Result<Receipt, Error> {
    Ok(Receipt {
        id: row.get(0)?,
        place: row.get(1)?,
        way: row.get(2)?,
        at: row.get(3)?,
        size: row.get(4)?,
        note: row.get(5)?,
        receipt: row.get(6)?,
    })
}

/// A page of receipts behind the one with id `after`, oldest first, at most 200.
pub fn receipts(reader: &mut Reader<'_>, after: &str) -> Result<Vec<Receipt>, Error> {
    reader.query_many(LIST_RECEIPTS, params![after, 200], receipt)
}

pub(crate) fn find(reader: &mut Reader<'_>, id: &str) -> Result<Option<Receipt>, Error> {
    reader.query_optional(FIND_RECEIPT, params![id], receipt)
}

pub(crate) fn last(reader: &mut Reader<'_>, place: &str) -> Result<Option<Receipt>, Error> {
    reader.query_optional(LAST_RECEIPT, params![place], receipt)
}

pub(crate) fn state(reader: &mut Reader<'_>, place: &str) -> Result<Option<State>, Error> {
    reader.query_optional(FIND_PLACE, params![place], |row| {
        Ok(State {
            since: row.get(0)?,
            placed_at: row.get(1)?,
            size: row.get(2)?,
            failing_at: row.get(3)?,
            reason: row.get(4)?,
            told_at: row.get(5)?,
        })
    })
}

pub(crate) fn know(tx: &mut Tx<'_>, place: &str) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(KNOW_PLACE, params![place, now]).map(drop)
}

pub(crate) fn placed(tx: &mut Tx<'_>, one: &Receipt) -> Result<(), Error> {
    let size = i64::try_from(one.size).unwrap_or(i64::MAX);
    tx.execute(
        INSERT_RECEIPT,
        params![&one.id, &one.place, &one.way, one.at, size, &one.note, one.receipt.clone()],
    )?;
    tx.execute(PLACED, params![&one.place, one.at, size]).map(drop)
}

pub(crate) fn failed(
    tx: &mut Tx<'_>,
    place: &str,
    reason: &str,
    told_at: Option<Timestamp>,
) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(FAILED, params![place, now, reason, told_at]).map(drop)
}
