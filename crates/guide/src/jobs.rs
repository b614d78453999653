//! What is done in the background: reminders by schedule, telling what happened, forgetting; and reading the ledger for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::{CustomerId, Timestamp};
use storeward_events::{Event, Record};
use storeward_host::Stop;
use storeward_store::Tx;
use storeward_store::jobs::{self, Claim, Failed, Handler, Job, NewJob};

use crate::error::Error;
use crate::guide::Guide;
use crate::model::{Act, Topic};
use crate::sql;
use crate::verbs::follow;

const REMIND: &str = "guide.remind";
const TELL: &str = "guide.tell";
const FORGET: &str = "guide.forget";

const DAY: Duration = Duration::from_secs(86_400);
/// How often to see who is due.
const ROUND: Duration = Duration::from_secs(600);
/// What is older is history: a new installation reads the whole ledger once.
const STALE: Duration = DAY;
/// After a fault of the database.
const PAUSE: Duration = Duration::from_secs(5);
const REMINDERS_KEPT: Duration = Duration::from_secs(400 * 86_400);
/// Reports hold whatever people pasted.
const REPORTS_KEPT: Duration = Duration::from_secs(180 * 86_400);

#[derive(Serialize, Deserialize)]
struct Telling {
    customer: CustomerId,
    topic: Topic,
}

impl Guide {
    /// For the runner of jobs.
    pub fn handlers(&self) -> Vec<Handler> {
        let (remind, tell, forget) = (self.clone(), self.clone(), self.clone());
        vec![
            Handler::new(REMIND, move |job| remind.clone().remind(job)).every(ROUND).time_limit(ROUND),
            Handler::new(TELL, move |job| tell.clone().tell_job(job)),
            Handler::new(FORGET, move |job| forget.clone().forget(job)).every(DAY),
        ]
    }

    async fn remind(self, job: Job) -> Result<(), Failed> {
        self.enlist().await?;
        self.remind_due().await?;
        self.done(job.claim()).await
    }

    async fn done(&self, claim: Claim) -> Result<(), Failed> {
        let done = self.0.db.write(move |tx: &mut Tx<'_>| {
            tx.commit_silent("a round is over");
            claim.finish(tx)
        });
        Ok(done.await?)
    }

    async fn tell_job(self, job: Job) -> Result<(), Failed> {
        let telling: Telling =
            serde_json::from_slice(job.payload()).map_err(|_| Failed::for_good("guide.unreadable"))?;
        Ok(self.tell(telling.customer, telling.topic, job.claim()).await?)
    }

    async fn forget(self, job: Job) -> Result<(), Failed> {
        let claim = job.claim();
        let done = self.0.db.write(move |tx: &mut Tx<'_>| {
            let now = tx.now();
            tx.commit_silent("forgetting leaves no trace of who was forgotten");
            sql::reminder::forget(tx, now.minus(REMINDERS_KEPT))?;
            sql::report::forget(tx, now.minus(REPORTS_KEPT))?;
            claim.finish(tx)
        });
        Ok(done.await?)
    }

    /// Reads the ledger and acts on it, until the program stops: at least once for each fact, and twice is as once.
    pub async fn follow_ledger(self, stop: Stop) {
        let mut subscription = self.0.db.subscribe("guide");
        loop {
            let batch = tokio::select! {
                () = stop.stopping() => return,
                batch = subscription.next_batch(500) => batch,
            };
            let read = match batch {
                Ok(batch) => {
                    let last = batch.last().map(|(seq, _)| *seq);
                    match (self.react_to(&batch).await, last) {
                        (Ok(()), Some(last)) => subscription.acknowledge(last).await.map_err(Error::from),
                        (done, _) => done,
                    }
                }
                Err(error) => Err(error.into()),
            };
            if read.is_err() {
                tokio::select! {
                    () = stop.stopping() => return,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }

    /// One write for whatever a batch gives to do; none when that is nothing.
    pub async fn react_to(&self, batch: &[(u64, Record)]) -> Result<(), Error> {
        let now = self.0.now();
        let reactions: Vec<Reaction> = batch.iter().filter_map(|(_, record)| reaction(record, now)).collect();
        if reactions.is_empty() {
            return Ok(());
        }
        let within = self.0.policy().follow();
        let written = self.0.db.write(move |tx: &mut Tx<'_>| -> Result<(), Error> {
            for reaction in &reactions {
                match reaction {
                    Reaction::Followed { customer, act, at } => {
                        follow::note(tx, *customer, *act, *at, within)?;
                    }
                    Reaction::Tell { customer, topic } => enqueue(tx, *customer, *topic)?,
                }
            }
            tx.commit_silent("what was noted has its own facts");
            Ok(())
        });
        written.await
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Followed { customer: CustomerId, act: Act, at: Timestamp },
    Tell { customer: CustomerId, topic: Topic },
}

/// What a fact gives to do.
fn reaction(record: &Record, now: Timestamp) -> Option<Reaction> {
    let at = record.at;
    let followed = |customer, act| Some(Reaction::Followed { customer, act, at });
    let fresh = now.since(at) < STALE;
    match &record.event {
        Event::FactorAdded(fact) => followed(fact.customer, Act::FactorAdded),
        Event::RecoveryCodesMade(fact) => followed(fact.customer, Act::CodesMade),
        Event::CustomerPasswordChanged(fact) => followed(fact.customer, Act::PasswordChanged),
        Event::RecoveryCodeUsed(fact) if fresh => {
            Some(Reaction::Tell { customer: fact.customer, topic: Topic::CodesLow })
        }
        // The password was right, and stands in a list of stolen ones: whether more was asked for or not.
        Event::StepUpAsked(fact) if fresh && is_breached(&fact.reasons) => {
            Some(Reaction::Tell { customer: fact.customer, topic: Topic::BreachedPassword })
        }
        Event::CustomerSignedIn(fact) if fresh && is_breached(&fact.noticed) => {
            Some(Reaction::Tell { customer: fact.customer, topic: Topic::BreachedPassword })
        }
        _ => None,
    }
}

fn is_breached(reasons: &[String]) -> bool {
    reasons.iter().any(|why| why == "password_breached")
}

/// Promises to tell, once for one person and kind at a time.
fn enqueue(tx: &mut Tx<'_>, customer: CustomerId, topic: Topic) -> Result<(), Error> {
    let payload = serde_json::to_vec(&Telling { customer, topic }).unwrap_or_default();
    let job = NewJob::new(TELL, payload).unique(format!("{customer}.{}", topic.word()));
    jobs::enqueue(tx, &job)?;
    Ok(())
}
