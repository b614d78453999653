//! The tables of what members of staff are written about.

use storeward_base::{StaffId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

statements! {
    ADDRESS = "SELECT email FROM staff_account WHERE id = $1";
    SEEN = "SELECT CAST(COUNT(*) AS BIGINT), \
            CAST(COALESCE(SUM(CASE WHEN label = $2 THEN 1 ELSE 0 END), 0) AS BIGINT), \
            CAST(COALESCE(SUM(CASE WHEN network = $3 THEN 1 ELSE 0 END), 0) AS BIGINT) FROM staff_seen WHERE staff = $1";
    NOTE_SEEN = "INSERT INTO staff_seen (staff, label, network, seen_at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (staff, label, network) DO UPDATE SET seen_at = EXCLUDED.seen_at";
    FORGET_SEEN = "DELETE FROM staff_seen WHERE staff = $1 AND seen_at <= $2";
    // Compare and set: of two at once, one tells.
    CLAIM = "INSERT INTO staff_told (staff, kind, at) VALUES ($1, $2, $3) \
             ON CONFLICT (staff, kind) DO UPDATE SET at = EXCLUDED.at WHERE staff_told.at <= $4";
    DELETE_SEEN = "DELETE FROM staff_seen WHERE staff = $1";
    DELETE_TOLD = "DELETE FROM staff_told WHERE staff = $1";
}

/// What is known of the places that somebody signed in from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub any: bool,
    pub device: bool,
    pub network: bool,
}

pub fn address(reader: &mut Reader<'_>, staff: StaffId) -> Result<Option<String>, Error> {
    reader.query_optional(ADDRESS, params![staff], |row| row.get(0))
}

pub fn seen(reader: &mut Reader<'_>, staff: StaffId, label: &str, network: &str) -> Result<Seen, Error> {
    reader.query_one(SEEN, params![staff, label, network], |row| {
        let some = |count: i64| count > 0;
        Ok(Seen { any: some(row.get(0)?), device: some(row.get(1)?), network: some(row.get(2)?) })
    })
}

pub fn note_seen(
    tx: &mut Tx<'_>,
    staff: StaffId,
    label: &str,
    network: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(NOTE_SEEN, params![staff, label, network, now]).map(drop)
}

pub fn forget_seen(tx: &mut Tx<'_>, staff: StaffId, before: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET_SEEN, params![staff, before]).map(drop)
}

/// Whether no letter of this kind went out since `before`; notes that one does now.
pub fn claim(
    tx: &mut Tx<'_>,
    staff: StaffId,
    kind: &str,
    now: Timestamp,
    before: Timestamp,
) -> Result<bool, Error> {
    tx.execute(CLAIM, params![staff, kind, now, before]).map(|rows| rows == 1)
}

/// Of somebody who is removed.
pub fn delete(tx: &mut Tx<'_>, staff: StaffId) -> Result<(), Error> {
    tx.execute(DELETE_SEEN, params![staff])?;
    tx.execute(DELETE_TOLD, params![staff]).map(drop)
}
