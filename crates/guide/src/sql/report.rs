//! The table of reported messages.

use storeward_base::{CustomerId, ReportId, StaffId, Timestamp};
use storeward_events::guide::Words;
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use crate::model::Verdict;

statements! {
    INSERT = "INSERT INTO guide_report (id, at, customer, said_sealed, links, bears_our_code, class, network_mark, words_kept) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    // What a share is used up by: reports whose words were kept.
    KEPT_OF_CLASS = "SELECT CAST(COUNT(*) AS BIGINT) FROM guide_report WHERE at >= $1 AND class = $2 AND words_kept = 1";
    KEPT_OF_NETWORK = "SELECT CAST(COUNT(*) AS BIGINT) FROM guide_report \
                       WHERE network_mark = $2 AND at >= $1 AND customer IS NULL AND words_kept = 1";
    KEPT_OF_CUSTOMER = "SELECT CAST(COUNT(*) AS BIGINT) FROM guide_report WHERE at >= $1 AND customer = $2 AND words_kept = 1";
    COUNT_JUDGED = "SELECT CAST(COUNT(*) AS BIGINT) FROM guide_report WHERE at >= $1 AND verdict = $2";
    // Open ones first, then the newest.
    LIST = "SELECT id, at, customer, said_sealed, bears_our_code, closed_at, verdict FROM guide_report \
            WHERE words_kept = 1 ORDER BY CASE WHEN closed_at IS NULL THEN 0 ELSE 1 END, at DESC, id DESC LIMIT $1";
    COUNT_OPEN = "SELECT CAST(COUNT(*) AS BIGINT) FROM guide_report WHERE closed_at IS NULL AND words_kept = 1";
    CLOSE = "UPDATE guide_report SET closed_at = $2, closed_by = $3, verdict = $4 WHERE id = $1 AND closed_at IS NULL";
    // The words that they pasted among it.
    DELETE = "DELETE FROM guide_report WHERE customer = $1";
    FORGET = "DELETE FROM guide_report WHERE at < $1";
}

#[derive(Clone, Debug)]
pub struct ReportRow {
    pub id: ReportId,
    pub at: Timestamp,
    pub customer: Option<CustomerId>,
    pub said_sealed: Vec<u8>,
    pub bears_our_code: bool,
    pub closed_at: Option<Timestamp>,
    pub verdict: Option<Verdict>,
}

fn report(row: &Row<'_>) -> Result<ReportRow, Error> {
    Ok(ReportRow {
        id: row.get(0)?,
        at: row.get(1)?,
        customer: row.get(2)?,
        said_sealed: row.get(3)?,
        bears_our_code: row.get(4)?,
        closed_at: row.get(5)?,
        verdict: row.get(6)?,
    })
}

/// Where a report came from, and what it counts against.
#[derive(Clone, Debug)]
pub struct Origin {
    /// `customer`, `code` or `stranger`.
    pub class: &'static str,
    pub network_mark: String,
}

pub fn insert(
    tx: &mut Tx<'_>,
    report: &ReportRow,
    links: u32,
    origin: &Origin,
    words: Words,
) -> Result<(), Error> {
    let ReportRow { id, at, customer, said_sealed, bears_our_code, .. } = report;
    let (class, network) = (origin.class, &origin.network_mark);
    let values =
        params![*id, *at, *customer, said_sealed, links, *bears_our_code, class, network, words.are_kept()];
    tx.execute(INSERT, values).map(drop)
}

pub fn kept_of_class(reader: &mut Reader<'_>, since: Timestamp, class: &str) -> Result<u64, Error> {
    reader.query_one(KEPT_OF_CLASS, params![since, class], |row| row.get(0))
}

/// From people of this network who were not signed in.
pub fn kept_of_network(reader: &mut Reader<'_>, since: Timestamp, mark: &str) -> Result<u64, Error> {
    reader.query_one(KEPT_OF_NETWORK, params![since, mark], |row| row.get(0))
}

pub fn kept_of_customer(
    reader: &mut Reader<'_>,
    since: Timestamp,
    customer: CustomerId,
) -> Result<u64, Error> {
    reader.query_one(KEPT_OF_CUSTOMER, params![since, customer], |row| row.get(0))
}

/// Those since then that staff closed so.
pub fn count_judged(reader: &mut Reader<'_>, since: Timestamp, verdict: Verdict) -> Result<u64, Error> {
    reader.query_one(COUNT_JUDGED, params![since, verdict], |row| row.get(0))
}

pub fn count_open(reader: &mut Reader<'_>) -> Result<u64, Error> {
    reader.query_one(COUNT_OPEN, params![], |row| row.get(0))
}

pub fn list(reader: &mut Reader<'_>, most: u32) -> Result<Vec<ReportRow>, Error> {
    reader.query_many(LIST, params![most], report)
}

pub fn close(
    tx: &mut Tx<'_>,
    id: ReportId,
    at: Timestamp,
    by: StaffId,
    verdict: Verdict,
) -> Result<bool, Error> {
    tx.execute(CLOSE, params![id, at, by, verdict]).map(|rows| rows == 1)
}

pub fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET, params![before]).map(drop)
}

/// The account is closed.
pub fn forget_customer(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(DELETE, params![customer]).map(drop)
}
