//! What goes on by itself: erasures are finished, epochs are rotated, what may not be kept any longer is deleted.

use std::time::Duration;

use storeward_base::Actor;
use storeward_store::jobs::{self, Handler, NewJob};

use storeward_seal::envelope::EpochId;

use crate::error::Error;
use crate::keys::{Keyless, Rotation};
use crate::records::Vault;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The kind of a rotation that an operator asks of a running program.
pub const ROTATE_NOW: &str = "vault.rotate_now";

/// A rotation at once, by the program that serves.
pub fn rotate_now() -> NewJob {
    NewJob::new(ROTATE_NOW, Vec::new()).unique("one")
}

/// The kind of a renewal of the blind indexes that an operator asks of a running program.
pub const RENEW_INDEX: &str = "vault.renew_index";

/// Another root of the blind indexes, by the program that serves.
pub fn renew_index() -> NewJob {
    NewJob::new(RENEW_INDEX, Vec::new()).unique("one")
}

/// Makes what marks are missing, by the program that serves.
const MAKE_INDEXES_NOW: &str = "vault.make_indexes_now";

/// How long it is waited for another program that makes keys, such as an import at the start: five minutes in all. What lasts longer is told
/// as a failed attempt, and tried again.
const PATIENCE_MS: [u64; 9] = [200, 1_000, 2_000, 5_000, 15_000, 30_000, 60_000, 90_000, 97_000];

impl Vault {
    /// [`crate::KeyStore::rotate_shown`], where the store has the keys of all customers: with an epoch end the copies of those that it lost, whose
    /// epoch that was. Else [`Error::Keyless`].
    pub async fn rotate_shown(
        &self,
        life: Duration,
        shown: impl FnMut(Rotation),
    ) -> Result<Vec<EpochId>, Error> {
        let Keyless { customers, without } = self.keys().keyless(&self.0.db).await?;
        match u64::try_from(without.len()).unwrap_or(u64::MAX) {
            0 => self.keys().rotate_shown(life, shown).await,
            count => Err(Error::Keyless { count, customers }),
        }
    }

    /// The same; it waits a while where another program makes keys; then [`Error::ShelfHeld`].
    pub async fn rotate_patiently(&self, life: Duration) -> Result<(), Error> {
        for wait_ms in PATIENCE_MS {
            match self.rotate_shown(life, |_| {}).await {
                Err(Error::ShelfHeld) => tokio::time::sleep(Duration::from_millis(wait_ms)).await,
                done => return done.map(drop),
            }
        }
        self.rotate_shown(life, |_| {}).await.map(drop)
    }

    /// Lets the job that makes missing marks begin at once, where any are missing.
    pub async fn make_indexes_soon(&self) -> Result<(), Error> {
        if self.indexes_under_way().await?.is_empty() {
            return Ok(());
        }
        let written = self.0.db.write(|tx| -> Result<(), Error> {
            tx.commit_silent("what is found by them is told when they are made");
            Ok(jobs::enqueue(tx, &NewJob::new(MAKE_INDEXES_NOW, Vec::new()).unique("one")).map(drop)?)
        });
        written.await
    }

    /// The jobs. Epochs end after `life`: an erasure reaches every backup of the keys within that time.
    pub fn handlers(&self, life: Duration) -> Vec<Handler> {
        let rotate = |kind: &'static str, life: Duration| {
            let vault = self.clone();
            let work = move |_| {
                let vault = vault.clone();
                async move { Ok(vault.rotate_patiently(life).await?) }
            };
            Handler::new(kind, work).time_limit(HOUR)
        };
        let finish = self.clone();
        let finish = move |_| {
            let vault = finish.clone();
            async move { Ok(vault.finish_erasures().await.map(drop)?) }
        };
        let forget = self.clone();
        let forget = move |_| {
            let vault = forget.clone();
            async move { Ok(vault.forget().await.map(drop)?) }
        };
        let verify = self.clone();
        let verify = move |_| {
            let vault = verify.clone();
            async move { Ok(vault.verify(Actor::System, |_| {}).await.map(drop)?) }
        };
        let renew = self.clone();
        let renew = move |_| {
            let vault = renew.clone();
            async move { Ok(vault.renew_index(|_| {}).await.map(drop)?) }
        };
        let make = self.clone();
        let make = move |_| {
            let vault = make.clone();
            async move { Ok(vault.make_indexes(|_| {}).await?) }
        };
        vec![
            Handler::new(RENEW_INDEX, renew).time_limit(12 * HOUR),
            // What was begun and interrupted.
            Handler::new(MAKE_INDEXES_NOW, make.clone()).time_limit(12 * HOUR),
            Handler::new("vault.make_indexes", make).every(HOUR).time_limit(12 * HOUR),
            Handler::new("vault.verify", verify).every(DAY).time_limit(4 * HOUR),
            Handler::new("vault.finish_erasures", finish).every(HOUR).time_limit(HOUR),
            rotate("vault.rotate", life).every(DAY),
            rotate(ROTATE_NOW, Duration::ZERO),
            Handler::new("vault.forget", forget).every(DAY).time_limit(HOUR),
        ]
    }
}
