//! Staff's accounts: enrolment, sign-in, sessions.

mod enrol;
mod members;
mod model;
mod sessions;
mod sign_in;
mod sql;
mod throttle;
mod views;

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Clock, Entropy};
use storeward_seal::DataKey;
use storeward_store::Db;
use tokio::sync::Semaphore;

pub use enrol::{EnrolError, EnrolForm, Offer, OpenOffer, csrf_of_link, offer, offer_blocking};
pub use members::{Member, members_blocking, remove_blocking, reset_blocking};
pub use model::Misfit;
pub use sessions::{ABSOLUTE, COOKIE, SessionToken};
pub use sign_in::{SignInError, SignInForm};
pub use sql::STATEMENTS;
pub use views::{SavedView, ViewId, parse_view_name};

use crate::error::Error;
use throttle::Throttle;

/// Passwords checked at once: each takes 19 MiB and a core for some 20 ms.
const HASHES_AT_ONCE: usize = 2;
/// How long a sign-in waits for its turn.
const HASH_WAIT: Duration = Duration::from_secs(5);

/// The use cases of accounts.
pub struct Accounts {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) key: DataKey,
    pub(crate) shop_names: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    throttle: Throttle,
    hashes: Arc<Semaphore>,
}

impl Accounts {
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        key: DataKey,
        shop_names: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    ) -> Self {
        let hashes = Arc::new(Semaphore::new(HASHES_AT_ONCE));
        Accounts { db, clock, entropy, key, shop_names, throttle: Throttle::default(), hashes }
    }

    /// Runs a password hash on a thread that may be busy, and few of them at once. The permit travels with the work,
    /// so a caller that goes away does not let more in.
    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let turn = Arc::clone(&self.hashes).acquire_owned();
        let permit = match tokio::time::timeout(HASH_WAIT, turn).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) | Err(_) => return Err(Error::Crowded),
        };
        let run = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        run.await.map_err(|_| Error::Thread)
    }
}
