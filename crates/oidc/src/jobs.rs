//! The provider's jobs.

use std::time::Duration;

use storeward_identity::SESSIONS_ENDED_JOB;
use storeward_store::jobs::Handler;

use crate::provider::Provider;
use crate::verbs::ended::TELL_JOB;

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

/// A client that does not take the news is tried for some six hours.
const ATTEMPTS: u32 = 13;
/// So that one slow shop does not hold the others up.
const AT_ONCE: usize = 4;

impl Provider {
    /// What has to be done beside answering: tell clients of logouts, exchange keys, forget.
    pub fn handlers(&self) -> Vec<Handler> {
        let (ended, tell, keep, forget) = (self.clone(), self.clone(), self.clone(), self.clone());
        vec![
            Handler::new(SESSIONS_ENDED_JOB, move |job| {
                let provider = ended.clone();
                async move { provider.0.settle_ended(job.claim()).await }
            }),
            Handler::new(TELL_JOB, move |job| {
                let provider = tell.clone();
                async move { provider.0.tell(job).await }
            })
            .attempts(ATTEMPTS)
            .at_once(AT_ONCE),
            Handler::new("oidc.rotate_keys", move |_| {
                let provider = keep.clone();
                async move { Ok(provider.0.keys.keep(provider.0.section.key_life()).await.map(drop)?) }
            })
            .every(DAY),
            Handler::new("oidc.forget", move |job| {
                let provider = forget.clone();
                async move { Ok(provider.0.forget(job.claim()).await?) }
            })
            .every(HOUR),
        ]
    }
}
