//! How far the key store's ledger had come, in a file beside it: an older copy of the store, put in its place, is whole in itself, and so are
//! the older rows of the data beside it. The same as `ledger_head.rs` has it for the data.

use std::time::{Duration, Instant};

use storeward_host::Stop;
use storeward_store::ledger::{self, Standing as Stands};
use tokio::runtime::Handle;

use super::Standing;
use crate::Done;
use crate::failure::{Context as _, Failure};
use crate::ledger_head::{KeptHead, LedgerHealth};
use crate::run::log;

/// The file's name in the data directory.
pub const FILE: &str = "vault.head";
/// What is taken away within this time before a crash is not noticed.
const FOLLOW: Duration = Duration::from_secs(5);
/// So often the data's own ledger is told: who takes the file away, or puts an older one beside the older store, has that to reckon with.
const NOTED: Duration = Duration::from_secs(3_600);

/// What does not fit, and what to do; nothing where all does, or no file was kept yet.
pub fn failure(stands: &Stands) -> Option<Failure> {
    let what = match stands {
        Stands::Continues => return None,
        Stands::CutBack { kept, found } => {
            format!(
                "the key store is an older one: its ledger had {kept} entries on this machine, and has {found} now"
            )
        }
        Stands::Rewritten { kept, .. } => {
            format!(
                "the key store is another one: the first {kept} entries of its ledger are not those of {FILE}"
            )
        }
        Stands::Unreadable(why) => format!("{FILE} is no head of the key store's ledger: {why}"),
    };
    Some(Failure::new(what).hint(
        "if you have restored an older key store yourself, say so with `storeward vault accept-older`; if not, somebody put it there: keep a \
         copy of it, and compare with your backups (docs/vault.md, \"After a restore\")",
    ))
}

impl Standing {
    fn kept_head(&self) -> KeptHead {
        KeptHead::at(self.dir.join(FILE))
    }

    /// Holds the key store against the file, and against what the data's ledger was told last.
    pub fn look_at_head(&self) -> Done<Option<Failure>> {
        let standing = self.clone();
        crate::oidc::finished(async move { standing.look().await })?
    }

    async fn look(&self) -> Done<Option<Failure>> {
        let of_file = self.kept_head().standing(&self.keys).await?;
        if let Some(failure) = of_file.as_ref().and_then(failure) {
            return Ok(Some(failure));
        }
        let Some(noted) = self.vault.noted_keys().await.context("the ledger")? else { return Ok(None) };
        let of_ledger = ledger::standing(&self.keys, noted).await.context("the key store's ledger")?;
        Ok(failure(&of_ledger))
    }

    /// The store goes on from here.
    pub fn accept_head(&self) -> Done {
        let standing = self.clone();
        crate::oidc::finished(async move {
            standing.kept_head().accept(&standing.keys).await?;
            standing.note().await
        })?
    }

    /// Tells the data's ledger how far the store has come.
    async fn note(&self) -> Done {
        let head = self
            .keys
            .read(ledger::head)
            .await
            .map_err(|why: storeward_store::Error| Failure::new(why.to_string()))?;
        self.vault.note_keys(head.note).await.context("the ledger")
    }

    /// Follows the store until the stop, or until it is another: then that is in the log, on the console and in the ledger, and the file stays.
    pub fn follow_keys(&self, health: LedgerHealth, on: &Handle, stop: &Stop) {
        let (standing, stop) = (self.clone(), stop.clone());
        on.spawn(async move {
            let (mut is_told, mut noted) = (false, None);
            while standing.step(&health, (&mut is_told, &mut noted)).await {
                tokio::select! {
                    () = stop.stopping() => return,
                    () = tokio::time::sleep(FOLLOW) => {}
                }
            }
        });
    }

    /// Where the store continues what is known of it: moves the file on, and tells the ledger now and then.
    async fn follow(&self, noted: &mut Option<(Instant, String)>) -> Done<Option<Failure>> {
        // Before the file is moved, so that one that was taken away is not made anew from an older store.
        if noted.is_none()
            && let Some(failure) = self.look().await?
        {
            return Ok(Some(failure));
        }
        if let Some(failure) = failure(&self.kept_head().save(&self.keys).await?) {
            return Ok(Some(failure));
        }
        let head = self.kept_head().read()?.unwrap_or_default();
        let is_due = noted.as_ref().is_none_or(|(at, of)| at.elapsed() >= NOTED && *of != head);
        if is_due {
            let known = self.vault.noted_keys().await.context("the ledger")?;
            if known.as_ref() != Some(&head) {
                self.vault.note_keys(head.clone()).await.context("the ledger")?;
            }
            *noted = Some((Instant::now(), head));
        }
        Ok(None)
    }

    /// False where it is over.
    async fn step(
        &self,
        health: &LedgerHealth,
        (is_told, noted): (&mut bool, &mut Option<(Instant, String)>),
    ) -> bool {
        let words = match self.follow(noted).await {
            Ok(found) => match found {
                None => {
                    *is_told = false;
                    return true;
                }
                Some(failure) => {
                    health.tell(failure.what().to_owned());
                    log("error", &failure.to_string(), &[]);
                    match self.vault.tell_older_keys().await {
                        Ok(()) => return false,
                        Err(why) => why.to_string(),
                    }
                }
            },
            Err(failure) => failure.to_string(),
        };
        if !std::mem::replace(is_told, true) {
            log("error", &words, &[("file", FILE)]);
        }
        true
    }
}
