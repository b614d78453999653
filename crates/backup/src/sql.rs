//! The tables of runs, drills and the freeze.

use storeward_base::{BackupId, DrillId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

statements! {
    BEAT = "UPDATE backup_heartbeat SET value = $1, at = $2 WHERE one = 1";
    HEARTBEAT = "SELECT value FROM backup_heartbeat WHERE one = 1";
    BEGIN = "INSERT INTO backup_run (run, begun_at, ended_at, code, read_bytes, added_bytes, files, unread) \
                    VALUES ($1, $2, NULL, NULL, 0, 0, 0, 0)";
    END = "UPDATE backup_run SET ended_at = $2, code = $3, read_bytes = $4, added_bytes = $5, files = $6, \
                    unread = $7 WHERE run = $1 AND ended_at IS NULL";
    ABANDON = "UPDATE backup_run SET ended_at = $1, code = 'backup.cut_off' WHERE ended_at IS NULL AND run <> $2";
    RUNS = "SELECT run, begun_at, ended_at, code, read_bytes, added_bytes, files, unread FROM backup_run \
                    ORDER BY begun_at DESC LIMIT $1";
    DRILLED = "INSERT INTO backup_drill (drill, begun_at, ended_at, run, code, recovery_ms, age_ms, report, signature) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    DRILLS = "SELECT drill, begun_at, ended_at, run, code, recovery_ms, age_ms, report, signature FROM backup_drill \
                    ORDER BY begun_at DESC LIMIT $1";
    FREEZE = "INSERT INTO backup_freeze (frozen_at, run, code, changed, of_files, released_at, released_by) \
                    VALUES ($1, $2, $3, $4, $5, NULL, NULL)";
    FROZEN = "SELECT frozen_at, run, code, changed, of_files FROM backup_freeze WHERE released_at IS NULL \
                    ORDER BY frozen_at LIMIT 1";
    RELEASE = "UPDATE backup_freeze SET released_at = $1, released_by = $2 WHERE released_at IS NULL";
    ALL_RUNS = "SELECT run, begun_at FROM backup_run";
    RUN = "SELECT run, begun_at, ended_at, code, read_bytes, added_bytes, files, unread FROM backup_run WHERE run = $1";
    DRILL = "SELECT drill, begun_at, ended_at, run, code, recovery_ms, age_ms, report, signature FROM backup_drill \
                    WHERE drill = $1";
    RUNS_BEHIND = "SELECT run FROM backup_run WHERE begun_at > $1 OR ended_at > $1 ORDER BY run LIMIT 20";
    DRILLS_BEHIND = "SELECT drill FROM backup_drill WHERE begun_at > $1 OR ended_at > $1 ORDER BY drill LIMIT 20";
}

/// A try of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    pub run: BackupId,
    pub begun_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// `None` while it runs; empty when it went well, or the reason's code.
    pub code: Option<String>,
    pub read_bytes: u64,
    pub added_bytes: u64,
    pub files: u64,
    pub unread: u64,
}

/// A trial of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillRow {
    pub drill: DrillId,
    pub begun_at: Timestamp,
    pub ended_at: Timestamp,
    pub run: Option<BackupId>,
    /// Empty when it passed.
    pub code: String,
    pub recovery_ms: Option<u64>,
    pub age_ms: Option<u64>,
    pub report: String,
    pub signature: String,
}

/// Why nothing old is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreezeRow {
    pub frozen_at: Timestamp,
    pub run: BackupId,
    pub code: String,
    pub changed: u64,
    pub of_files: u64,
}

/// Whole numbers of a size that a column holds.
fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub fn beat(tx: &mut Tx<'_>, value: &str) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(BEAT, params![value, now]).map(drop)
}

/// What was written last before a backup.
pub fn heartbeat(reader: &mut Reader<'_>) -> Result<String, Error> {
    reader.query_one(HEARTBEAT, &[], |row| row.get(0))
}

pub fn begin(tx: &mut Tx<'_>, run: BackupId) -> Result<(), Error> {
    let now = tx.now();
    // One at a time: what is still called running was killed.
    tx.execute(ABANDON, params![now, run])?;
    tx.execute(BEGIN, params![run, now]).map(drop)
}

pub fn end(tx: &mut Tx<'_>, run: BackupId, code: &str, made: &crate::Made) -> Result<(), Error> {
    let now = tx.now();
    let values = params![
        run,
        now,
        code,
        number(made.read_bytes),
        number(made.added_bytes),
        number(made.files),
        number(made.unread)
    ];
    tx.execute(END, values).map(drop)
}

fn run_row(row: &storeward_store::Row<'_>) -> Result<RunRow, Error> {
    Ok(RunRow {
        run: row.get(0)?,
        begun_at: row.get(1)?,
        ended_at: row.get(2)?,
        code: row.get(3)?,
        read_bytes: row.get(4)?,
        added_bytes: row.get(5)?,
        files: row.get(6)?,
        unread: row.get(7)?,
    })
}

/// The newest first.
pub fn runs(reader: &mut Reader<'_>, most: u16) -> Result<Vec<RunRow>, Error> {
    reader.query_many(RUNS, params![most], run_row)
}

/// Every one there is, and when it began.
pub fn all_runs(reader: &mut Reader<'_>) -> Result<Vec<(BackupId, Timestamp)>, Error> {
    reader.query_many(ALL_RUNS, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

pub fn run(reader: &mut Reader<'_>, run: BackupId) -> Result<Option<RunRow>, Error> {
    reader.query_optional(RUN, params![run], run_row)
}

pub fn drill(reader: &mut Reader<'_>, drill: DrillId) -> Result<Option<DrillRow>, Error> {
    reader.query_optional(DRILL, params![drill], drill_row)
}

/// Of later than `moment`: nobody made them yet.
pub fn runs_behind(reader: &mut Reader<'_>, moment: Timestamp) -> Result<Vec<BackupId>, Error> {
    reader.query_many(RUNS_BEHIND, params![moment], |row| row.get(0))
}

pub fn drills_behind(reader: &mut Reader<'_>, moment: Timestamp) -> Result<Vec<DrillId>, Error> {
    reader.query_many(DRILLS_BEHIND, params![moment], |row| row.get(0))
}

pub fn drilled(tx: &mut Tx<'_>, row: &DrillRow) -> Result<(), Error> {
    let values = params![
        row.drill,
        row.begun_at,
        row.ended_at,
        row.run,
        &row.code,
        row.recovery_ms.map(number),
        row.age_ms.map(number),
        &row.report,
        &row.signature
    ];
    tx.execute(DRILLED, values).map(drop)
}

fn drill_row(row: &storeward_store::Row<'_>) -> Result<DrillRow, Error> {
    Ok(DrillRow {
        drill: row.get(0)?,
        begun_at: row.get(1)?,
        ended_at: row.get(2)?,
        run: row.get(3)?,
        code: row.get(4)?,
        recovery_ms: row.get(5)?,
        age_ms: row.get(6)?,
        report: row.get(7)?,
        signature: row.get(8)?,
    })
}

/// The newest first.
pub fn drills(reader: &mut Reader<'_>, most: u16) -> Result<Vec<DrillRow>, Error> {
    reader.query_many(DRILLS, params![most], drill_row)
}

pub fn freeze(tx: &mut Tx<'_>, row: &FreezeRow) -> Result<(), Error> {
    let values = params![row.frozen_at, row.run, &row.code, number(row.changed), number(row.of_files)];
    tx.execute(FREEZE, values).map(drop)
}

pub fn frozen(reader: &mut Reader<'_>) -> Result<Option<FreezeRow>, Error> {
    reader.query_optional(FROZEN, &[], |row| {
        Ok(FreezeRow {
            frozen_at: row.get(0)?,
            run: row.get(1)?,
            code: row.get(2)?,
            changed: row.get(3)?,
            of_files: row.get(4)?,
        })
    })
}

/// Whether it was frozen.
pub fn release(tx: &mut Tx<'_>, by: &str) -> Result<bool, Error> {
    let now = tx.now();
    tx.execute(RELEASE, params![now, by]).map(|rows| rows > 0)
}
