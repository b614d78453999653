//! Whose keys were destroyed before the store kept a note of it: the ledger knows, and nobody is made a new key, nor is it said that
//! somebody took the note away.

use storeward_events::Event;
use storeward_store::ledger;

use super::{KeyStore, sql};
use crate::Error;

impl KeyStore {
    /// Writes the notes that a version before them left out; once. A note that somebody takes away later is not made up for:
    /// [`KeyStore::verify`] names it.
    pub(super) async fn note_erased_before(&self) -> Result<(), Error> {
        let is_over =
            self.0.db.read(|reader| -> Result<bool, Error> { Ok(sql::are_destroyed_noted(reader)?) }).await?;
        if is_over {
            return Ok(());
        }
        let written = self.0.db.write(|tx| -> Result<(), Error> {
            tx.commit_silent("that the keys were destroyed stands in the ledger");
            for (_, record) in ledger::told(tx, &["vault.customer_key_destroyed"])? {
                if let Event::CustomerKeyDestroyed(fact) = &record.event {
                    sql::note_destroyed(tx, fact.customer, record.at)?;
                }
            }
            Ok(sql::destroyed_are_noted(tx)?)
        });
        written.await
    }
}
