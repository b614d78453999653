//! Subscribers: each reads the ledger from its own cursor, at least once, and acknowledges what it has done.

use std::time::Duration;

use storeward_events::Record;
use storeward_events::system::RowHarmed;
use tokio::sync::watch;

use crate::ledger::{self, to_column};
use crate::statements::{FIND_CURSOR, MOVE_CURSOR};
use crate::{Db, Error, harmed, params};

/// How often to look without having been woken: entries of other processes wake nobody here.
const SWEEP: Duration = Duration::from_millis(500);

/// A named reader of the ledger. Its name is its cursor: two that share one share the work, and each of them may see
/// every entry.
pub struct Subscription {
    db: Db,
    name: String,
    wake: watch::Receiver<u64>,
    /// The last entry acknowledged; `None` before the cursor was read.
    cursor: Option<u64>,
    /// A row that the ledger does not count.
    uncounted: Option<u64>,
}

impl Db {
    /// Subscribes under a stable name, such as `detect` or `webhook.slack`; begins at the ledger's first entry, or
    /// behind the last that was acknowledged under that name.
    pub fn subscribe(&self, name: impl Into<String>) -> Subscription {
        Subscription {
            db: self.clone(),
            name: name.into(),
            wake: self.ledger_watch(),
            cursor: None,
            uncounted: None,
        }
    }
}

impl Subscription {
    /// Waits for entries behind the last acknowledged one; returns up to `limit` (at most 1000), oldest first, never
    /// none. Returns the same ones again until they are acknowledged. Safe to drop at any time.
    pub async fn next_batch(&mut self, limit: u32) -> Result<Vec<(u64, Record)>, Error> {
        loop {
            self.wake.borrow_and_update();
            ledger::tell_uncounted(&self.db, &mut self.uncounted).await?;
            let after = self.cursor().await?;
            let batch = self.db.read(move |reader| ledger::read_after(reader, after, limit)).await?;
            if let Some((last, _)) = batch.last() {
                self.db.saw(*last);
                return Ok(batch);
            }
            // Woken or not, look again. The wake-up's sender lives in `self.db`.
            drop(tokio::time::timeout(SWEEP, self.wake.changed()).await);
        }
    }

    /// Everything up to and including `seq` is done: it will not be handed out again.
    pub async fn acknowledge(&mut self, seq: u64) -> Result<(), Error> {
        let name = self.name.clone();
        self.db
            .write(move |tx| {
                let end = to_column(ledger::end(tx)?);
                tx.execute(MOVE_CURSOR, params![&name, to_column(seq), end])?;
                tx.commit_silent("a subscriber's cursor moved");
                Ok::<_, Error>(())
            })
            .await?;
        self.cursor = self.cursor.max(Some(seq));
        Ok(())
    }

    async fn cursor(&mut self) -> Result<u64, Error> {
        if let Some(cursor) = self.cursor {
            return Ok(cursor);
        }
        let name = self.name.clone();
        let read = self.db.read(move |reader| {
            let end = ledger::end(reader)?;
            let stored: Option<u64> = reader.query_optional(FIND_CURSOR, params![&name], |row| row.get(0))?;
            Ok::<_, Error>((stored.unwrap_or(0), end))
        });
        let (stored, end) = read.await?;
        // Nobody was ever handed what is not there: somebody set it.
        if stored > end {
            let harm = RowHarmed {
                table: "subscription_cursor".to_owned(),
                row: self.name.clone(),
                harm: "future".to_owned(),
            };
            self.acknowledge(end).await?;
            self.db.write(move |tx| harmed::tell(tx, std::slice::from_ref(&harm))).await?;
        }
        let cursor = stored.min(end);
        self.cursor = Some(cursor);
        Ok(cursor)
    }
}
