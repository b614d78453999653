//! Subscribers: each reads the ledger from its own cursor, at least once, and acknowledges what it has done.

use std::time::Duration;

use storeward_events::Record;
use storeward_events::system::RowHarmed;
use tokio::sync::watch;

use crate::cursor::{self, Found};
use crate::{Db, Error, harmed, ledger};

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
}

impl Db {
    /// Subscribes under a stable name, such as `detect` or `webhook.slack`; begins at the ledger's first entry, or
    /// behind the last that was acknowledged under that name.
    pub fn subscribe(&self, name: impl Into<String>) -> Subscription {
        Subscription { db: self.clone(), name: name.into(), wake: self.ledger_watch(), cursor: None }
    }
}

/// Cursors that somebody changed or put there, for a look over all of them. Whoever follows under such a name begins anew, and tells it then.
pub async fn harmed(db: &Db) -> Result<Vec<RowHarmed>, Error> {
    db.read(cursor::harmed).await
}

impl Subscription {
    /// Waits for entries behind the last acknowledged one; returns up to `limit` (at most 1000), oldest first, never
    /// none. Returns the same ones again until they are acknowledged. Those that are not what was signed are left out, and told. Safe to
    /// drop at any time.
    pub async fn next_batch(&mut self, limit: u32) -> Result<Vec<(u64, Record)>, Error> {
        loop {
            self.wake.borrow_and_update();
            let batch = self.batch_if_any(limit).await?;
            if !batch.is_empty() {
                return Ok(batch);
            }
            // Woken or not, look again. The wake-up's sender lives in `self.db`.
            drop(tokio::time::timeout(SWEEP, self.wake.changed()).await);
        }
    }

    /// The same without waiting for an entry: none where there is nothing behind the last acknowledged one.
    pub async fn batch_if_any(&mut self, limit: u32) -> Result<Vec<(u64, Record)>, Error> {
        loop {
            let after = self.cursor().await?;
            let found = self.db.read(move |reader| ledger::believed_after(reader, after, limit)).await?;
            if let Some(last) = found.last {
                self.db.saw(last);
            }
            if !found.changed.is_empty() {
                self.tell(found.changed.iter().map(|seq| ledger::changed(*seq)).collect()).await?;
            }
            match found.last {
                Some(last) if found.rows.is_empty() => self.acknowledge(last).await?,
                Some(_) | None => return Ok(found.rows),
            }
        }
    }

    /// Everything up to and including `seq` is done: it will not be handed out again.
    pub async fn acknowledge(&mut self, seq: u64) -> Result<(), Error> {
        let name = self.name.clone();
        self.db
            .write(move |tx| {
                tx.commit_silent("a subscriber's cursor moved");
                cursor::advance(tx, &name, seq)
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
        let at = match self.db.read(move |reader| cursor::find(reader, &name)).await? {
            Found::At(seq) => seq,
            Found::None => 0,
            Found::Changed => {
                self.tell(vec![cursor::harm(&self.name)]).await?;
                0
            }
        };
        self.cursor = Some(at);
        Ok(at)
    }

    async fn tell(&self, harms: Vec<RowHarmed>) -> Result<(), Error> {
        self.db.write(move |tx| harmed::tell(tx, &harms)).await
    }
}
