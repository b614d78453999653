//! What the staff's console sees of backups.

use std::sync::Arc;

use storeward_base::{Actor, StaffId, Timestamp};
use storeward_events::backup::RetentionReleased;
use storeward_store::Db;

use crate::drill::Report;
use crate::sql::{self, DrillRow, FreezeRow};
use crate::standing::{Facts, Rhythm, Trouble, troubles};
use crate::{Error, drill, told};

pub use crate::drill::Finding;
pub use crate::sql::RunRow;

/// Rows of each list.
const ROWS: u16 = 20;

/// Reads a report whose signature holds.
pub type Reader = Arc<dyn Fn(&str, &str) -> Option<Report> + Send + Sync>;

/// The backups of a running program, for staff. Clones are cheap.
#[derive(Clone)]
pub struct Desk {
    db: Db,
    /// Where backups go, without a password.
    pub target: String,
    pub rhythm: Rhythm,
    read: Reader,
}

/// A drill with its report, where the signature holds.
#[derive(Clone, Debug)]
pub struct Drilled {
    pub row: DrillRow,
    /// `None` where the row was changed past Storeward: what it says counts for nothing.
    pub report: Option<Report>,
}

/// How things stand.
#[derive(Clone, Debug)]
pub struct Standing {
    pub troubles: Vec<Trouble>,
    pub facts: Facts,
    pub runs: Vec<RunRow>,
    pub drills: Vec<Drilled>,
}

impl Desk {
    pub fn new(db: Db, target: String, rhythm: Rhythm, read: Reader) -> Self {
        Desk { db, target, rhythm, read }
    }

    pub async fn standing(&self, now: Timestamp) -> Result<Standing, Error> {
        let read = self.db.read(move |reader| -> Result<_, storeward_store::Error> {
            Ok((Facts::read(reader, now)?, sql::runs(reader, ROWS)?, sql::drills(reader, ROWS)?))
        });
        let (mut facts, runs, rows) = read.await?;
        let drills: Vec<Drilled> = rows.into_iter().map(|row| self.drilled(row)).collect();
        // A drill that somebody wrote into the table has not passed.
        if drills.first().is_some_and(|drilled| drilled.report.is_none())
            && let Some(last) = &mut facts.last_drill
        {
            "backup.report_changed".clone_into(&mut last.code);
        }
        Ok(Standing { troubles: troubles(&facts, self.rhythm, now), facts, runs, drills })
    }

    fn drilled(&self, row: DrillRow) -> Drilled {
        let fits = |report: &drill::Report| report.drill == row.drill && report.code == row.code;
        let report = (self.read)(&row.report, &row.signature).filter(fits);
        Drilled { row, report }
    }

    /// Somebody looked: old backups may be deleted again. False where nothing was frozen.
    pub async fn release(&self, staff: StaffId) -> Result<bool, Error> {
        release(&self.db, Actor::Staff { id: staff }).await
    }
}

/// The same for whoever may.
pub async fn release(db: &Db, actor: Actor) -> Result<bool, Error> {
    let written = db.write(move |tx| -> Result<bool, storeward_store::Error> {
        let Some(FreezeRow { run, .. }) = told::frozen(tx)? else {
            tx.commit_silent("nothing was frozen");
            return Ok(false);
        };
        sql::release(tx, &actor.to_string())?;
        tx.append(actor, None, RetentionReleased { run })?;
        Ok(true)
    });
    Ok(written.await?)
}

/// Names in the ledger what the tables say otherwise, once a day; nothing where all is well.
pub async fn tell(db: &Db, facts: &Facts) -> Result<(), Error> {
    if facts.harmed.is_empty() {
        return Ok(());
    }
    let harmed = facts.harmed.clone();
    Ok(db.write(move |tx| storeward_store::harmed::tell(tx, &harmed)).await?)
}
