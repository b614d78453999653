//! The round: which places are due, handing to each, and writing down what came of it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{Actor, Clock, Entropy, Timestamp};
use storeward_events::Event;
use storeward_events::anchor::{AnchorFailed, AnchorOverdue, AnchorPlaced};
use storeward_post::Outbox;
use storeward_seal::fingerprint::sha256_hex;
use storeward_store::jobs::{Failed, Handler, Job};
use storeward_store::ledger::{self, Filter};
use storeward_store::{Db, Error, harmed};

use crate::mailing;
use crate::place::{Handed, Place, Trouble, Way};
use crate::sql::{self, Receipt, State};
use crate::told;

const ROUND: &str = "anchor.round";
/// How often places are looked after: what fails is tried again so often.
const EVERY: Duration = Duration::from_secs(300);
/// Entries of receipts that each round looks for; the verification looks for all.
const LOOKED_AT: usize = 50;
/// A place that fails is told of so often.
const TELL_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// What the round needs.
pub struct AnchorsParts {
    pub db: Db,
    pub places: Vec<Place>,
    pub outbox: Outbox,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// The anchors of a running program. Clones are cheap and share it.
#[derive(Clone)]
pub struct Anchors(Arc<Inner>);

struct Inner {
    parts: AnchorsParts,
    standings: Mutex<Vec<Standing>>,
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anchors").field("places", &self.0.parts.places.len()).finish_non_exhaustive()
    }
}

/// How a place stands, for the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub place: String,
    pub way: &'static str,
    pub placed_at: Option<Timestamp>,
    pub size: u64,
    /// A code; `None` while all is well.
    pub problem: Option<String>,
}

impl Anchors {
    pub fn new(parts: AnchorsParts) -> Self {
        Anchors(Arc::new(Inner { parts, standings: Mutex::default() }))
    }

    /// How every place stood at the end of the last round. Never waits.
    pub fn standings(&self) -> Vec<Standing> {
        self.0.standings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The job that looks after the places.
    pub fn handlers(&self) -> Vec<Handler> {
        let anchors = self.clone();
        let run = move |job: Job| {
            let anchors = anchors.clone();
            async move {
                anchors.round().await?;
                let claim = job.claim();
                let done = anchors.0.parts.db.write(move |tx| {
                    tx.commit_silent("a round of the anchors");
                    claim.finish(tx)
                });
                Ok::<(), Failed>(done.await?)
            }
        };
        vec![Handler::new(ROUND, run).every(EVERY).time_limit(Duration::from_secs(280))]
    }

    /// Hands the checkpoint of this moment to whoever is due. A place that fails holds none of the others up.
    pub async fn round(&self) -> Result<(), Error> {
        let mut standings = Vec::new();
        for place in &self.0.parts.places {
            let state = self.known(place).await?;
            let now = self.now();
            let is_due = state.placed_at.is_none_or(|at| now.since(at) >= place.every);
            let broken = self.mail_that_failed(place, &state).await?;
            if is_due || state.failing_at.is_some() || broken {
                let handed = self.handed().await?;
                match self.hand(place, &handed, broken).await {
                    Ok(()) => {}
                    Err(Handing::Store(why)) => return Err(why),
                    Err(Handing::Place(trouble)) => self.failed(place, &state, &trouble).await?,
                }
            }
            let state = self.known(place).await?;
            standings.push(Standing {
                place: place.name.clone(),
                way: place.way.name(),
                placed_at: state.placed_at,
                size: state.size,
                problem: state.reason,
            });
        }
        *self.0.standings.lock().unwrap_or_else(PoisonError::into_inner) = standings;
        let missing = self.0.parts.db.read(|reader| told::look(reader, Some(LOOKED_AT))).await?;
        if missing.is_empty() {
            return Ok(());
        }
        self.0.parts.db.write(move |tx| harmed::tell(tx, &missing)).await
    }

    /// How it stands; a place that is new to us is written down, so that it can become overdue.
    async fn known(&self, place: &Place) -> Result<State, Error> {
        let name = place.name.clone();
        let (now, read) = (self.now(), name.clone());
        let found = self.0.parts.db.read(move |reader| told::state(reader, &read, now));
        if let Some((state, harmed)) = found.await? {
            if let Some(fact) = harmed {
                let write = self.0.parts.db.write(move |tx| harmed::tell(tx, std::slice::from_ref(&fact)));
                write.await?;
            }
            return Ok(state);
        }
        let write = self.0.parts.db.write(move |tx| {
            tx.commit_silent("a place of the anchors is new");
            sql::know(tx, &name)?;
            // By the moment that was written: before that, the row would be of the future.
            let now = tx.now();
            told::state(tx, &name, now)
        });
        write.await.map(|found| found.map(|(state, _)| state).unwrap_or_default())
    }

    fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    async fn handed(&self) -> Result<Handed, Error> {
        let parts = &self.0.parts;
        let (origin, at) = (parts.db.ledger_name().to_string(), self.now());
        let nonce = u64::from_le_bytes(parts.entropy.bytes::<8>());
        let head = parts.db.read(ledger::head).await?;
        Ok(Handed { origin, size: head.size, note: head.note, at, nonce })
    }

    /// A mail is handed over in the write that keeps its receipt; whatever else is spoken to first, and written down then.
    async fn hand(&self, place: &Place, handed: &Handed, broken: bool) -> Result<(), Handing> {
        if broken {
            return Err(Trouble::new("post.failed").into());
        }
        let receipt = match &place.way {
            Way::Mail(_) => Vec::new(),
            Way::Webhook(hook) => hook.hand(handed).await?,
            Way::S3(bucket) => bucket.hand(handed).await?,
            Way::Stamp(authority) => authority.hand(handed).await?,
        };
        let note = sha256_hex(handed.note.as_bytes());
        let fact = AnchorPlaced {
            place: place.name.clone(),
            way: place.way.name().to_owned(),
            size: handed.size,
            note,
        };
        let (outbox, place, handed) = (self.0.parts.outbox.clone(), place.clone(), handed.clone());
        let written = self.0.parts.db.write(move |tx| -> Result<Result<(), Trouble>, Error> {
            let mut receipt = receipt.clone();
            if let Way::Mail(to) = &place.way {
                match outbox.mail(tx, &mailing::letter(to, &handed)) {
                    Ok(posted) => receipt = mailing::receipt(posted),
                    Err(storeward_post::PostError::Store(why)) => return Err(why),
                    Err(_) => {
                        tx.commit_silent("no mail can be promised");
                        return Ok(Err(Trouble::new("anchor.no_mail")));
                    }
                }
            }
            let record = tx.append(Actor::System, None, fact.clone())?;
            sql::placed(
                tx,
                &Receipt {
                    id: record.id.to_string(),
                    place: place.name.clone(),
                    way: place.way.name().to_owned(),
                    at: handed.at,
                    size: handed.size,
                    note: handed.note.clone(),
                    receipt,
                },
            )?;
            Ok(Ok(()))
        });
        Ok(written.await??)
    }

    /// Whether the last mail to a place was given up: that comes hours after it was promised.
    async fn mail_that_failed(&self, place: &Place, state: &State) -> Result<bool, Error> {
        if !matches!(place.way, Way::Mail(_)) || state.failing_at.is_some() {
            return Ok(false);
        }
        let name = place.name.clone();
        let read = self.0.parts.db.read(move |reader| {
            let Some(last) = sql::last(reader, &name)? else { return Ok(false) };
            let filter = Filter {
                kind_prefix: Some("post.failed".to_owned()),
                from: Some(last.at),
                ..Filter::default()
            };
            let found = ledger::believed(reader, &filter, storeward_base::PageSize::new(50))?;
            Ok::<_, Error>(found.rows.iter().any(|(_, record)| match &record.event {
                Event::PostFailed(fact) => mailing::is_of(&last.receipt, fact.post),
                _ => false,
            }))
        });
        read.await
    }

    async fn failed(&self, place: &Place, before: &State, trouble: &Trouble) -> Result<(), Error> {
        let (name, way, code) = (place.name.clone(), place.way.name().to_owned(), trouble.code);
        let (before, every) = (before.clone(), place.every);
        let write = self.0.parts.db.write(move |tx| {
            let now = tx.now();
            // By the ledger: a row that says it was told keeps nobody from hearing of it.
            if told::is_told(tx, &name, code, now.minus(TELL_AGAIN))? {
                tx.commit_silent("a place of the anchors still fails, and that was told");
                return sql::failed(tx, &name, code, None);
            }
            let fact = AnchorFailed { place: name.clone(), way: way.clone(), reason: code.to_owned() };
            tx.append(Actor::System, None, fact)?;
            let waited = now.since(before.placed_at.unwrap_or(before.since));
            // A second period begins without a checkpoint.
            if waited >= every.saturating_mul(2) {
                let hours = waited.as_secs() / 3600;
                tx.append(
                    Actor::System,
                    None,
                    AnchorOverdue { place: name.clone(), way: way.clone(), hours },
                )?;
            }
            sql::failed(tx, &name, code, Some(now))
        });
        write.await
    }
}

/// Why a checkpoint was not handed over.
enum Handing {
    Place(Trouble),
    Store(Error),
}

impl From<Trouble> for Handing {
    fn from(why: Trouble) -> Self {
        Handing::Place(why)
    }
}

impl From<Error> for Handing {
    fn from(why: Error) -> Self {
        Handing::Store(why)
    }
}
