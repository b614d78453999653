//! How far the key store's ledger had come, in a file beside it: an older copy of the store, put in its place, is whole in itself, and so are
//! the older rows of the data beside it. The same as `ledger_head.rs` has it for the data.

use std::time::Duration;

use storeward_host::Stop;
use storeward_store::ledger::Standing as Stands;
use tokio::runtime::Handle;

use super::Standing;
use crate::Done;
use crate::failure::Failure;
use crate::ledger_head::{KeptHead, LedgerHealth};
use crate::run::log;

/// The file's name in the data directory.
pub const FILE: &str = "vault.head";
/// What is taken away within this time before a crash is not noticed.
const FOLLOW: Duration = Duration::from_secs(5);

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

    /// Holds the key store against the file.
    pub fn look_at_head(&self) -> Done<Option<Failure>> {
        let (kept, keys) = (self.kept_head(), self.keys.clone());
        let stands = crate::oidc::finished(async move { kept.standing(&keys).await })??;
        Ok(stands.as_ref().and_then(failure))
    }

    /// The store goes on from here.
    pub fn accept_head(&self) -> Done {
        let (kept, keys) = (self.kept_head(), self.keys.clone());
        crate::oidc::finished(async move { kept.accept(&keys).await })?
    }

    /// Follows the store until the stop, or until it is another: then that is in the log, on the console and in the ledger, and the file stays.
    pub fn follow_keys(&self, health: LedgerHealth, on: &Handle, stop: &Stop) {
        let (standing, stop) = (self.clone(), stop.clone());
        on.spawn(async move {
            let mut is_told = false;
            while standing.step(&health, &mut is_told).await {
                tokio::select! {
                    () = stop.stopping() => return,
                    () = tokio::time::sleep(FOLLOW) => {}
                }
            }
        });
    }

    /// False where it is over.
    async fn step(&self, health: &LedgerHealth, is_told: &mut bool) -> bool {
        let words = match self.kept_head().save(&self.keys).await {
            Ok(stands) => match failure(&stands) {
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
