//! What the ledger says of backups, and where the tables say otherwise. The tables are for lists; what is due, what holds and
//! whether anything may be deleted goes by the ledger, by what its signed head counts: whoever is about to blackmail the shop
//! writes the tables first, the ledger's own too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use storeward_base::{BackupId, PageSize, Timestamp};
use storeward_events::system::RowHarmed;
use storeward_events::{Event, Record, Retention};
use storeward_store::ledger::{self, Filter};
use storeward_store::{Error, Reader};

use crate::sql::{self, DrillRow, FreezeRow, RunRow};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Rows that are looked at for runs that nobody made.
const ROWS: u16 = 50;
/// A row and the entry of its end are of one write.
const ONE_WRITE: Duration = Duration::from_secs(60);

/// The last of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub made: Option<RunRow>,
    pub passed: Option<DrillRow>,
    pub failed: Option<DrillRow>,
    pub frozen: Option<FreezeRow>,
}

impl Told {
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut told = Told::default();
        if let Some((_, record)) = ledger::last_believed(reader, "backup.made")? {
            told.made = made(reader, &record)?;
        }
        if let Some((_, record)) = ledger::last_believed(reader, "backup.drill_passed")? {
            told.passed = drilled(reader, &record)?;
        }
        if let Some((_, record)) = ledger::last_believed(reader, "backup.drill_failed")? {
            told.failed = drilled(reader, &record)?;
        }
        let released = ledger::last_believed(reader, "backup.retention_released")?.map_or(0, |(seq, _)| seq);
        if let Some((seq, record)) = ledger::last_believed(reader, "backup.retention_frozen")?
            && let Event::RetentionFrozen(fact) = record.event
            && seq > released
        {
            let (code, changed, of_files) = (fact.code, fact.changed, fact.of_files);
            told.frozen = Some(FreezeRow { frozen_at: record.at, run: fact.run, code, changed, of_files });
        }
        Ok(told)
    }

    /// The last drill, however it went.
    pub fn drill(&self) -> Option<&DrillRow> {
        match (&self.passed, &self.failed) {
            (Some(passed), Some(failed)) if failed.ended_at > passed.ended_at => Some(failed),
            (None, failed) => failed.as_ref(),
            (passed, _) => passed.as_ref(),
        }
    }

    /// Where the tables say otherwise.
    pub fn look(&self, reader: &mut Reader<'_>, now: Timestamp) -> Result<Vec<RowHarmed>, Error> {
        let mut found = Vec::new();
        let mut harmed = |table: &str, row: String, harm: &str| {
            let fact = RowHarmed { table: table.to_owned(), row, harm: harm.to_owned() };
            if !found.iter().any(|known: &RowHarmed| known.table == fact.table && known.row == fact.row) {
                found.push(fact);
            }
        };
        // A clock that is set back by hand makes no alarm.
        let future = now.plus(DAY);
        for run in sql::runs_behind(reader, future)? {
            harmed("backup_run", run.to_string(), "future");
        }
        for drill in sql::drills_behind(reader, future)? {
            harmed("backup_drill", drill.to_string(), "future");
        }
        if let Some(told) = &self.made {
            match sql::run(reader, told.run)? {
                None => harmed("backup_run", told.run.to_string(), "missing"),
                Some(row) if !is_alike(&row, told) => harmed("backup_run", told.run.to_string(), "changed"),
                Some(_) => {}
            }
        }
        // Of what is older the ledger may have forgotten the entry, as of a house that was not run for so long: nobody need have
        // been at a row that it says nothing of.
        let kept_since = now.minus(DAY.saturating_mul(Retention::Security.days().unwrap_or(u32::MAX)));
        let (known, since) = all_made(reader)?;
        let since = since.max(kept_since);
        for row in sql::runs(reader, ROWS)?.into_iter().filter(|row| row.code.as_deref() == Some("")) {
            if row.begun_at >= since && !known.contains(&row.run) {
                harmed("backup_run", row.run.to_string(), "unknown");
            }
        }
        for told in [&self.passed, &self.failed].into_iter().flatten() {
            match sql::drill(reader, told.drill)? {
                None => harmed("backup_drill", told.drill.to_string(), "missing"),
                Some(row) if row.code != told.code => {
                    harmed("backup_drill", told.drill.to_string(), "changed");
                }
                Some(_) => {}
            }
        }
        match (&self.frozen, sql::frozen(reader)?) {
            (Some(told), None) => harmed("backup_freeze", told.run.to_string(), "missing"),
            (None, Some(row)) if row.frozen_at >= kept_since => {
                harmed("backup_freeze", row.run.to_string(), "unknown");
            }
            (Some(told), Some(row)) if row.run != told.run => {
                harmed("backup_freeze", told.run.to_string(), "changed");
            }
            _ => {}
        }
        Ok(found)
    }
}

/// Where the entry of its end stands in the ledger, and when that was written, of each run of which it has one.
pub fn places(reader: &mut Reader<'_>) -> Result<BTreeMap<BackupId, (u64, Timestamp)>, Error> {
    let entries = ledger::told(reader, &["backup.made", "backup.failed"])?;
    let ended = entries.into_iter().filter_map(|(seq, record)| match &record.event {
        Event::BackupMade(fact) => Some((fact.run, (seq, record.at))),
        Event::BackupFailed(fact) => Some((fact.run, (seq, record.at))),
        _ => None,
    });
    Ok(ended.collect())
}

/// Why nothing old is deleted: by the ledger or, to be on the safe side, by the table alone.
pub fn frozen(reader: &mut Reader<'_>) -> Result<Option<FreezeRow>, Error> {
    match Told::read(reader)?.frozen {
        Some(told) => Ok(Some(told)),
        None => sql::frozen(reader),
    }
}

/// The runs that were made, as far back as one look goes, and since when these are all.
fn all_made(reader: &mut Reader<'_>) -> Result<(BTreeSet<BackupId>, Timestamp), Error> {
    let filter = Filter { kind_prefix: Some("backup.made".to_owned()), ..Filter::default() };
    let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
    let oldest = page.rows.last().filter(|_| page.next.is_some()).map(|(_, record)| record.at);
    let runs = page.rows.iter().filter_map(|(_, record)| match &record.event {
        Event::BackupMade(fact) => Some(fact.run),
        _ => None,
    });
    Ok((runs.collect(), oldest.unwrap_or_default()))
}

/// When it began is in the table alone; it counts where it fits the entry of its end.
fn made(reader: &mut Reader<'_>, record: &Record) -> Result<Option<RunRow>, Error> {
    let Event::BackupMade(fact) = &record.event else { return Ok(None) };
    let row = sql::run(reader, fact.run)?;
    let began = row.map(|row| row.begun_at).filter(|at| *at <= record.at && record.at.since(*at) <= DAY);
    Ok(Some(RunRow {
        run: fact.run,
        begun_at: began.unwrap_or(record.at),
        ended_at: Some(record.at),
        code: Some(String::new()),
        read_bytes: fact.read_bytes,
        added_bytes: fact.added_bytes,
        files: fact.files,
        unread: fact.unread,
    }))
}

fn drilled(reader: &mut Reader<'_>, record: &Record) -> Result<Option<DrillRow>, Error> {
    let (drill, run, code, recovery_ms, age_ms) = match &record.event {
        Event::DrillPassed(fact) => {
            (fact.drill, Some(fact.run), String::new(), Some(fact.recovery_ms), Some(fact.age_ms))
        }
        Event::DrillFailed(fact) => (fact.drill, fact.run, fact.code.clone(), None, None),
        _ => return Ok(None),
    };
    let row = sql::drill(reader, drill)?;
    let began = row.as_ref().map(|row| row.begun_at).filter(|at| *at <= record.at);
    let began = began.filter(|at| record.at.since(*at) <= DAY).unwrap_or(record.at);
    let (report, signature) = row.map(|row| (row.report, row.signature)).unwrap_or_default();
    Ok(Some(DrillRow {
        drill,
        begun_at: began,
        ended_at: record.at,
        run,
        code,
        recovery_ms,
        age_ms,
        report,
        signature,
    }))
}

fn is_alike(row: &RunRow, told: &RunRow) -> bool {
    let end = told.ended_at.unwrap_or_default();
    let ended = row.ended_at.is_some_and(|at| at.since(end) <= ONE_WRITE && end.since(at) <= ONE_WRITE);
    let counts = |row: &RunRow| (row.read_bytes, row.added_bytes, row.files, row.unread);
    ended && row.code == told.code && counts(row) == counts(told) && row.begun_at <= end
}
