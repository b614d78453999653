//! Judging attempts to pay: what is known is gathered, the engine (`storeward_fraud`) decides, and the decision acts.
//!
//! The engine's state lives in memory and is built anew of the rows when the program starts, so nothing is lost with a process. All
//! judgements of a program go one after the other: of two attempts at the same moment the second one sees the first.

mod card;
mod decide;
mod front;
mod gather;
mod heart;
mod invented;
mod kept;
mod old;
mod owed;
mod review;
mod rules;
mod scorers;
mod shut;
mod sql;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use storeward_base::{Actor, ClientIp, PaymentId, Timestamp};
use storeward_fraud::{Engine, Marks, Outcome, Source, State, Truth};
use storeward_seal::{MarkKey, PseudonymKey};
use storeward_store::{Reader, Tx};
use storeward_web::http::HeaderMap;
use tokio::sync::OnceCell;

use crate::disposable::Disposable;
use crate::error::Error;
use crate::payments::{Payments, Shared};

pub(crate) use decide::{Hold, Way};
pub use front::{Account, Front, Witness};
pub use gather::OrderFacts;
pub use invented::{INVENTED_ORDER, Invented, InventedCard};
pub(crate) use kept::{CardSeen, answer_word, permille, secure_word};
pub use kept::{Judgement, Weight};
pub(crate) use owed::PaidOff;
pub use review::{Review, Verdict};
pub(crate) use review::{end_of_void, is_held_back, is_undecided, opens_later};
pub use rules::RuleWish;
pub use scorers::{Scorer, TrialFigures};
pub(crate) use sql::ToldRow;

use front::Visits;

/// Training takes a quarter of a year, its labels a month on either side, and what fills the state comes before.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

/// What judges, in a running program.
pub(crate) struct Judge {
    marks: PseudonymKey,
    /// Tells our own scorers from others'.
    models: MarkKey,
    /// Nothing where the owner gives no list.
    disposable: Option<Disposable>,
    witness: OnceLock<Arc<dyn Witness>>,
    visits: Mutex<Visits>,
    /// One judgement at a time, from what is read to what is written.
    turn: tokio::sync::Mutex<()>,
    heart: OnceCell<Mutex<Heart>>,
}

/// The engine with its state.
pub(crate) struct Heart {
    pub engine: Engine,
    pub state: State,
    /// Which scorers are in place, by id.
    pub champion: Option<String>,
    pub challenger: Option<String>,
    /// Scores of the champion since it was placed or the program began.
    pub drift: Option<storeward_fraud::drift::Watch>,
    pub drift_told: bool,
    /// Whether it was told that somebody tries cards out.
    pub is_stepped_up: bool,
}

impl Judge {
    pub fn new(key: &PseudonymKey, disposable: Option<Disposable>) -> Self {
        Judge {
            disposable,
            marks: key.clone(),
            models: key.mark_key("payments.scorer"),
            witness: OnceLock::new(),
            visits: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            heart: OnceCell::new(),
        }
    }
}

/// Every judgement of a payment, the first one first.
pub(crate) fn of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<Judgement>, Error> {
    Ok(sql::risks_of(reader, payment)?.iter().map(sql::RiskRow::shown).collect())
}

/// What the shop says last of a payment that is there.
pub(crate) fn take_over(
    tx: &mut Tx<'_>,
    payment: PaymentId,
    email: Option<&str>,
    details: Vec<u8>,
) -> Result<(), Error> {
    Ok(sql::take_over(tx, payment, email, details)?)
}

/// What the shop says of the order last.
pub(crate) fn keep_told(tx: &mut Tx<'_>, payment: PaymentId, told: &sql::ToldRow) -> Result<(), Error> {
    if told.is_empty() { Ok(()) } else { Ok(sql::insert_told(tx, payment, told)?) }
}

/// The mark of the customer that a payment is for.
pub(crate) fn customer_of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Option<String>, Error> {
    Ok(sql::customer_of(reader, payment)?)
}

pub(crate) fn review_of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Option<Review>, Error> {
    review::find(reader, payment)
}

impl Payments {
    /// Whom to ask what the front door knows of a buyer. Once; before that nothing is known.
    pub fn set_witness(&self, witness: Arc<dyn Witness>) {
        // A second one would be a fault of the wiring; the first one stands.
        let _ = self.0.judge.witness.set(witness);
    }

    /// What the front door knows of whoever sent this request.
    pub(crate) async fn front(
        &self,
        client: Option<ClientIp>,
        headers: &HeaderMap,
        visit: Option<&str>,
    ) -> Front {
        let mut front = match self.0.judge.witness.get() {
            Some(witness) => witness.see(client, headers).await,
            None => Front::default(),
        };
        front.client = client;
        // Without a mark of its own a browser is known by where it is and how it calls itself.
        let agent = || {
            let agent = headers.get(storeward_web::http::header::USER_AGENT)?.to_str().ok()?;
            Some(format!("{}\n{}", client?.block(), agent.chars().take(512).collect::<String>()))
        };
        front.device = front.device.or_else(|| visit.map(str::to_owned)).or_else(agent);
        front
    }

    /// Until when anonymous buyers are asked for more because somebody tries cards out; nothing where nobody does.
    pub async fn card_testing_until(&self) -> Result<Option<Timestamp>, Error> {
        self.heart().await?;
        let now = self.0.now();
        self.0.with_heart(|heart| heart.state.card_testing_until(now))
    }

    /// Whether a payment waits for somebody's decision.
    pub async fn is_looked_at(&self, id: PaymentId) -> Result<bool, Error> {
        Ok(self.review_of(id).await?.is_some_and(|one| one.state == "open"))
    }

    /// A dispute that says fraud is a label for all attempts of the payment, from now on.
    pub(crate) async fn judge_disputed(&self, id: PaymentId) -> Result<(), Error> {
        let all = self.0.read(move |reader| crate::disputes::of(reader, id)).await?;
        let is_fraud = |one: &crate::disputes::Dispute| {
            let reason = one.reason.to_ascii_lowercase();
            ["fraud", "unauthori"].iter().any(|word| reason.contains(word))
        };
        if !all.iter().any(is_fraud) {
            return Ok(());
        }
        self.label(id, (Truth::Fraud, Source::Dispute), Actor::System).await
    }

    /// The judgements of some payments, by payment; the last one of each.
    pub async fn last_judgements(&self, ids: Vec<PaymentId>) -> Result<Vec<Judgement>, Error> {
        self.0
            .read(move |reader| {
                let mut found = Vec::new();
                for id in ids {
                    found.extend(sql::last_risk(reader, id, u32::MAX)?.map(|row| row.shown()));
                }
                Ok(found)
            })
            .await
    }
}

impl Shared {
    /// Judgements are kept for as long as scorers learn of them.
    pub(crate) fn forget_judgements(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        Ok(sql::forget_risks(tx, tx.now().minus(KEPT))?)
    }
}

/// What a payment was paid by, as it was judged: the marks of the attempt that was paid, and whether it is known for fraud.
pub(crate) fn paid_by(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Option<(Marks, bool)>, Error> {
    let risks = sql::risks_of(reader, payment)?;
    let is_paid = |row: &&sql::RiskRow| row.outcome.is_some_and(|(outcome, _)| outcome == Outcome::Approved);
    let Some(row) = risks.iter().rfind(is_paid) else { return Ok(None) };
    let is_fraud = row.label.is_some_and(|label| label.truth == Truth::Fraud);
    Ok(row.facts.map(|attempt| (attempt.marks, is_fraud)))
}

/// The statements of this module, for the test that prepares them.
pub(crate) fn statements() -> Vec<&'static str> {
    [
        sql::STATEMENTS,
        review::STATEMENTS,
        old::STATEMENTS,
        owed::STATEMENTS,
        rules::STATEMENTS,
        scorers::STATEMENTS,
    ]
    .concat()
}

/// Whoever held it may have been stopped half-way; the state is then as it was, or counted once too often.
fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
