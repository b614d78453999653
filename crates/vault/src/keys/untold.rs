//! What the key store's ledger was not told of the epochs, because a program died between the file and the ledger.

use std::collections::BTreeSet;

use storeward_base::Actor;
use storeward_events::Event;
use storeward_events::vault::{EpochBegun, EpochDestroyed};
use storeward_store::{Reader, ledger};

use super::KeyStore;
use crate::Error;

/// Epochs that began, and those that were destroyed.
type Untold = (Vec<u32>, Vec<u32>);

impl KeyStore {
    /// Tells it now. Not while another program is at a rotation: it tells of it itself.
    pub(super) async fn tell_untold(&self) -> Result<(), Error> {
        let Some(_alone) = self.0.shelf.alone()? else { return Ok(()) };
        self.reload()?;
        let (live, last) = {
            let epochs = self.epochs();
            (epochs.ids().map(|id| id.0).collect::<BTreeSet<u32>>(), epochs.last())
        };
        let of = live.clone();
        let (begun, destroyed) = self.0.db.read(move |reader| untold(reader, &of, last)).await?;
        if begun.is_empty() && destroyed.is_empty() {
            return Ok(());
        }
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            let (begun, destroyed) = untold(tx, &live, last)?;
            if begun.is_empty() && destroyed.is_empty() {
                tx.commit_silent("another program told of it first");
            }
            for epoch in begun {
                tx.append(Actor::System, None, EpochBegun { epoch })?;
            }
            for epoch in destroyed {
                tx.append(Actor::System, None, EpochDestroyed { epoch })?;
            }
            Ok(())
        });
        written.await
    }
}

/// No number comes twice, and each up to the last one began; what does not live any more was destroyed.
fn untold(reader: &mut Reader<'_>, live: &BTreeSet<u32>, last: u32) -> Result<Untold, Error> {
    let (mut begun, mut destroyed) = (BTreeSet::new(), BTreeSet::new());
    for (_, record) in ledger::told(reader, &["vault.epoch_begun", "vault.epoch_destroyed"])? {
        match &record.event {
            Event::EpochBegun(fact) => begun.insert(fact.epoch),
            Event::EpochDestroyed(fact) => destroyed.insert(fact.epoch),
            _ => false,
        };
    }
    let missing =
        |told: &BTreeSet<u32>| (1..=last).filter(|epoch| !told.contains(epoch)).collect::<Vec<u32>>();
    let ended = missing(&destroyed).into_iter().filter(|epoch| !live.contains(epoch)).collect();
    Ok((missing(&begun), ended))
}
