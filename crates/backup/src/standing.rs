//! How backups stand: what is wrong, the worst first. A drill that failed or is overdue outranks a backup that was made.

use std::time::Duration;

use storeward_base::Timestamp;
use storeward_events::Event;
use storeward_events::system::RowHarmed;
use storeward_store::{Error, Reader, ledger};

use crate::sql::{self, DrillRow, FreezeRow, RunRow};
use crate::told::Told;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How often it should happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    pub backup: Duration,
    pub drill: Duration,
}

/// What is known: by the ledger, but for tries that did not end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub last: Option<RunRow>,
    pub last_good: Option<RunRow>,
    pub last_drill: Option<DrillRow>,
    pub last_passed: Option<DrillRow>,
    pub frozen: Option<FreezeRow>,
    /// The target lacked what was put away: told since a drill passed, or within two days.
    pub is_lost: bool,
    /// Where the tables say something else than the ledger: somebody was at the database.
    pub harmed: Vec<RowHarmed>,
}

/// Rows that are looked at for the last try.
const TRIES: u16 = 30;
/// What facts of what lies at the target are told of.
pub const TARGET: &str = "backup.target";
/// A drill that passed at once does not hide what was lost before somebody has seen it.
const LOSS_SHOWN: Duration = Duration::from_secs(2 * 24 * 3_600);

impl Facts {
    pub fn read(reader: &mut Reader<'_>, now: Timestamp) -> Result<Self, Error> {
        let told = Told::read(reader)?;
        let tries = sql::runs(reader, TRIES)?;
        let passed = told.passed.as_ref().map_or(Timestamp::EPOCH, |drill| drill.ended_at);
        let since = passed.min(now.minus(LOSS_SHOWN));
        let is_loss = |event: &Event| matches!(event, Event::RowHarmed(fact) if fact.table == TARGET);
        let told_of = ledger::told(reader, &["system.row_harmed"])?;
        Ok(Facts {
            // What has not come counts as never tried.
            last: tries.into_iter().find(|run| run.begun_at <= now),
            harmed: told.look(reader, now)?,
            is_lost: told_of.iter().any(|(_, record)| record.at >= since && is_loss(&record.event)),
            last_drill: told.drill().cloned(),
            frozen: match told.frozen {
                Some(frozen) => Some(frozen),
                None => sql::frozen(reader)?,
            },
            last_good: told.made,
            last_passed: told.passed,
        })
    }
}

/// What is wrong; the order is that of their weight.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Somebody wrote the tables of backups past Storeward: what comes before an attack.
    Harmed { rows: usize },
    /// What is put away cannot be had back.
    DrillFailed { code: String },
    /// Nobody knows whether it can be had back.
    DrillOverdue { since: Option<Timestamp> },
    /// The target lacked what was put away.
    Lost,
    /// The shop's files look as after an attack.
    Frozen { code: String, changed: u64, of_files: u64 },
    /// No backup was ever made.
    NeverMade,
    /// The last good one is too old.
    Overdue { since: Timestamp },
    /// The last try failed; there is a good one of before.
    Failed { code: String },
    /// A part of the shop's files is in no backup.
    Unread { files: u64 },
}

impl Trouble {
    /// Whether somebody has to see to it now.
    pub fn is_grave(&self) -> bool {
        match self {
            Trouble::Harmed { .. }
            | Trouble::DrillFailed { .. }
            | Trouble::DrillOverdue { .. }
            | Trouble::Lost
            | Trouble::Frozen { .. }
            | Trouble::NeverMade
            | Trouble::Overdue { .. } => true,
            Trouble::Failed { .. } | Trouble::Unread { .. } => false,
        }
    }

    /// What is wrong, and what to do.
    pub fn words(&self) -> (String, &'static str) {
        match self {
            Trouble::Harmed { rows } => (
                format!("{rows} rows about backups in the database are not what Storeward wrote"),
                "Somebody was at the database. storeward backup list names them; what holds is what the ledger says. Look at who may \
                 write the database, and keep a backup where they cannot reach it",
            ),
            Trouble::DrillFailed { code } => (
                format!("The last drill failed ({code}): what is put away could not be had back"),
                "Make another backup and drill again: storeward backup now, storeward backup drill. docs/backup.md, “When a drill fails”",
            ),
            Trouble::DrillOverdue { since: None } => (
                "No backup was ever restored on trial".to_owned(),
                "storeward backup drill says whether what is put away can be had back",
            ),
            Trouble::DrillOverdue { since: Some(since) } => (
                format!("No drill passed since {since}"),
                "storeward backup drill says why, and whether what is put away can be had back",
            ),
            Trouble::Lost => (
                "Something that was put away was not at the target any more".to_owned(),
                "Somebody deleted it, or the disk fails: storeward backup verify says what does not hold. This stands for two days and \
                 until a drill passed: storeward backup drill. docs/backup.md, “When a backup is damaged”",
            ),
            Trouble::Frozen { code, changed, of_files } => (
                format!(
                    "{changed} of {of_files} files of the shop look as after an attack ({code}); no old backup is deleted"
                ),
                "Look at the shop's files. Were it you, release retention on the page Backups",
            ),
            Trouble::NeverMade => (
                "No backup was made yet".to_owned(),
                "storeward backup now makes the first, and says what is in its way",
            ),
            Trouble::Overdue { since } => (
                format!("The last good backup is of {since}"),
                "storeward backup now says what is in its way",
            ),
            Trouble::Failed { code } => (
                format!("The last try of a backup failed ({code})"),
                "It is tried again within the hour; storeward backup now says what is in its way",
            ),
            Trouble::Unread { files } => (
                format!("{files} files of the shop could not be read and are in no backup"),
                "Let the account that Storeward runs as read them, or name other backup.shop.paths",
            ),
        }
    }
}

/// What is wrong, the worst first.
pub fn troubles(facts: &Facts, rhythm: Rhythm, now: Timestamp) -> Vec<Trouble> {
    let mut found = Vec::new();
    if !facts.harmed.is_empty() {
        found.push(Trouble::Harmed { rows: facts.harmed.len() });
    }
    if let Some(drill) = facts.last_drill.as_ref().filter(|drill| !drill.code.is_empty()) {
        found.push(Trouble::DrillFailed { code: drill.code.clone() });
    }
    let passed = facts.last_passed.as_ref().map(|drill| drill.begun_at);
    // Before the first passed, the time runs from the first backup that could have been tried.
    let runs_from = passed.or_else(|| facts.last_good.as_ref().map(|run| run.begun_at));
    if runs_from.is_some_and(|from| now.since(from) > rhythm.drill + DAY || from > now.plus(DAY)) {
        found.push(Trouble::DrillOverdue { since: passed });
    }
    if facts.is_lost {
        found.push(Trouble::Lost);
    }
    if let Some(FreezeRow { code, changed, of_files, .. }) = facts.frozen.clone() {
        found.push(Trouble::Frozen { code, changed, of_files });
    }
    match &facts.last_good {
        None => found.push(Trouble::NeverMade),
        Some(good) if now.since(good.begun_at) > rhythm.backup * 2 || good.begun_at > now.plus(DAY) => {
            found.push(Trouble::Overdue { since: good.begun_at });
        }
        Some(_) => {}
    }
    if let Some(code) = facts.last.as_ref().and_then(|run| run.code.clone()).filter(|code| !code.is_empty()) {
        found.push(Trouble::Failed { code });
    }
    if let Some(good) = facts.last_good.as_ref().filter(|run| run.unread > 0) {
        found.push(Trouble::Unread { files: good.unread });
    }
    found.sort();
    found
}

/// What the schedule does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Backup,
    Drill,
}

/// What is due, by what was done: a machine that was down catches up at once, once. What failed is tried again, but not at once.
pub fn due(facts: &Facts, rhythm: Rhythm, now: Timestamp) -> Option<Due> {
    let again = HOUR.min(rhythm.backup);
    let tried = facts.last.as_ref().map(|run| run.begun_at);
    let made = facts.last_good.as_ref().map(|run| run.begun_at);
    let is_over =
        |at: Option<Timestamp>, span: Duration| at.is_none_or(|at| now.since(at) >= span || at > now);
    if is_over(made, rhythm.backup) && is_over(tried, again) {
        return Some(Due::Backup);
    }
    made?;
    let drilled = facts.last_drill.as_ref().map(|drill| drill.begun_at);
    let has_failed = facts.last_drill.as_ref().is_some_and(|drill| !drill.code.is_empty());
    let passed = facts.last_passed.as_ref().map(|drill| drill.begun_at);
    // One that failed is tried again also where another passed shortly before it: until one passes, the failure is shown.
    let is_due = has_failed || is_over(passed, rhythm.drill);
    (is_due && is_over(drilled, 6 * HOUR)).then_some(Due::Drill)
}

#[cfg(test)]
mod tests {
    use storeward_base::{BackupId, DrillId};

    use super::*;

    const RHYTHM: Rhythm = Rhythm { backup: DAY, drill: Duration::from_secs(7 * 24 * 3_600) };

    fn hours(hours: i64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + hours * 3_600)
    }

    fn run(at: i64, code: Option<&str>) -> Option<RunRow> {
        Some(RunRow {
            run: BackupId::from_bits(1),
            begun_at: hours(at),
            ended_at: None,
            code: code.map(str::to_owned),
            read_bytes: 0,
            added_bytes: 0,
            files: 0,
            unread: 0,
        })
    }

    fn drill(at: i64, code: &str) -> Option<DrillRow> {
        Some(DrillRow {
            drill: DrillId::from_bits(1),
            begun_at: hours(at),
            ended_at: hours(at),
            run: None,
            code: code.to_owned(),
            recovery_ms: None,
            age_ms: None,
            report: String::new(),
            signature: String::new(),
        })
    }

    fn facts(made: i64, drilled: i64) -> Facts {
        let (last, last_drill) = (run(made, Some("")), drill(drilled, ""));
        Facts {
            last_good: last.clone(),
            last,
            last_passed: last_drill.clone(),
            last_drill,
            ..Facts::default()
        }
    }

    #[test]
    fn a_drill_outranks_a_green_backup() {
        assert_eq!(troubles(&facts(10, 10), RHYTHM, hours(11)), []);
        let failed = Facts { last_drill: drill(10, "backup.damaged"), ..facts(10, 5) };
        let found = troubles(&failed, RHYTHM, hours(11));
        assert_eq!(found, [Trouble::DrillFailed { code: "backup.damaged".to_owned() }]);
        // Eight days and an hour after the last that passed, however green the backups are.
        let overdue = troubles(&facts(192, 0), RHYTHM, hours(193));
        assert_eq!(overdue, [Trouble::DrillOverdue { since: Some(hours(0)) }]);
        assert_eq!(troubles(&facts(190, 0), RHYTHM, hours(191)), []);
        let never = Facts { last_drill: None, last_passed: None, ..facts(0, 0) };
        assert_eq!(troubles(&never, RHYTHM, hours(40)), []);
        let found = troubles(&never, RHYTHM, hours(193));
        assert_eq!(found.first(), Some(&Trouble::DrillOverdue { since: None }));
        assert!(found.iter().all(Trouble::is_grave), "{found:?}");
        let lost = Facts { is_lost: true, ..failed.clone() };
        let found = troubles(&lost, RHYTHM, hours(11));
        assert_eq!(found, [Trouble::DrillFailed { code: "backup.damaged".to_owned() }, Trouble::Lost]);
        assert!(Trouble::Lost.is_grave());
        // Both: the drill comes first.
        let both = Facts { last: run(192, Some("backup.target")), ..failed };
        let found = troubles(&both, RHYTHM, hours(300));
        assert!(matches!(found.first(), Some(Trouble::DrillFailed { .. })), "{found:?}");
        assert!(found.contains(&Trouble::Failed { code: "backup.target".to_owned() }));
    }

    #[test]
    fn what_is_overdue_is_told_and_what_failed_once_is_no_alarm() {
        assert_eq!(troubles(&Facts::default(), RHYTHM, hours(0)), [Trouble::NeverMade]);
        let found = troubles(&facts(0, 0), RHYTHM, hours(49));
        assert_eq!(found, [Trouble::Overdue { since: hours(0) }]);
        let failed = Facts { last: run(20, Some("backup.target")), ..facts(0, 0) };
        let found = troubles(&failed, RHYTHM, hours(21));
        assert_eq!(found, [Trouble::Failed { code: "backup.target".to_owned() }]);
        assert!(!found[0].is_grave());
    }

    #[test]
    fn the_schedule_catches_up_once_and_does_not_hammer() {
        let check = |facts: &Facts, now: i64, wanted: Option<Due>| {
            assert_eq!(due(facts, RHYTHM, hours(now)), wanted, "{now}: {facts:?}");
        };
        check(&Facts::default(), 0, Some(Due::Backup));
        check(&facts(0, 0), 1, None);
        check(&facts(0, 0), 24, Some(Due::Backup));
        // Down for a month: one backup, then the drill.
        check(&facts(0, 0), 720, Some(Due::Backup));
        check(&facts(720, 0), 721, Some(Due::Drill));
        check(&facts(720, 721), 722, None);
        // A failure is tried again after an hour, a drill's after six.
        let failed = Facts { last: run(24, Some("backup.target")), ..facts(0, 0) };
        check(&failed, 24, None);
        check(&failed, 25, Some(Due::Backup));
        let failed = Facts { last_drill: drill(721, "backup.damaged"), ..facts(720, 0) };
        check(&failed, 726, None);
        check(&failed, 727, Some(Due::Drill));
        // Also where one had passed an hour before: it was shown as failed until the next week.
        let failed = Facts { last_drill: drill(731, "backup.damaged"), ..facts(730, 730) };
        check(&failed, 736, None);
        check(&failed, 737, Some(Due::Drill));
        // Nothing to try yet, and a clock that was set back.
        let first = Facts { last: run(0, Some("backup.target")), ..Facts::default() };
        check(&first, 0, None);
        check(&facts(900, 900), 10, Some(Due::Backup));
    }
}
