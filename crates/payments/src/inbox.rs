//! Messages of providers: checked, kept, answered; and only then worked on, by asking the provider (mistakes 2 and 9).

use std::time::Duration;

use http::HeaderMap;
use storeward_base::{Actor, PaymentId, Timestamp};
use storeward_events::payment as facts;
use storeward_store::jobs::{Claim, Failed, Job, NewJob, enqueue};
use storeward_store::{Reader, Tx, params, statements};

use crate::config::Mode;
use crate::error::Error;
use crate::model::{Attempt, Provider};
use crate::payments::{Payments, Shared};
use crate::provider::Gateway;
use crate::sql;
use crate::webhooks::{self, MOST_BODY_BYTES, Message, Refusal};

statements! {
    TAKE_IN = "INSERT INTO payment_inbox (provider, event, transmission, kind, object, payment, received_at, done_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, NULL) ON CONFLICT DO NOTHING";
    MESSAGE_DONE = "UPDATE payment_inbox SET done_at = $3, payment = COALESCE($4, payment) WHERE provider = $1 AND event = $2 AND done_at IS NULL";
    FORGET_MESSAGES = "DELETE FROM payment_inbox WHERE received_at < $1";
    COUNT_WAITING = "SELECT COUNT(*) FROM payment_inbox WHERE done_at IS NULL";
}

pub(crate) const JOB: &str = "payments.message";
/// Providers send again for three days; what is remembered longer than this cannot come again.
pub(crate) const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// What is kept in the job's row: nothing of the body.
#[derive(serde::Serialize, serde::Deserialize)]
struct Note {
    provider: String,
    event: String,
    kind: String,
    object: String,
    others: Vec<String>,
    payment: Option<PaymentId>,
}

impl Payments {
    /// Takes a message in. `Ok` means that it is durable: it may be answered with 200 now. One that came before is taken like the
    /// first and changes nothing.
    pub async fn receive(&self, provider: Provider, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
        let now = self.0.now();
        match self.verified(provider, headers, body, now).await {
            Ok(message) => self.take_in(message).await,
            Err(why) => {
                self.told_refusal(provider, why, now).await;
                Err(why)
            }
        }
    }

    async fn verified(
        &self,
        provider: Provider,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Message, Refusal> {
        if body.len() > MOST_BODY_BYTES {
            return Err(Refusal::Form);
        }
        let message = match self.0.gateway(provider).map_err(|_| Refusal::NoProvider)? {
            Gateway::Stripe(stripe) => webhooks::of_stripe(stripe, headers, body, now)?,
            Gateway::PayPal(paypal) => webhooks::of_paypal(paypal, headers, body, now).await?,
        };
        let is_live = self.0.settings.mode == Mode::Live;
        if message.is_live.is_some_and(|live| live != is_live) {
            return Err(Refusal::Mode);
        }
        Ok(message)
    }

    pub(crate) async fn take_in(&self, message: Message) -> Result<(), Refusal> {
        let kept = self.0.db.write(move |tx| take_in(tx, &message)).await;
        kept.map_err(|_: Error| Refusal::Storage)
    }

    async fn told_refusal(&self, provider: Provider, why: Refusal, now: Timestamp) {
        // What is our own fault is told by the store.
        if matches!(why, Refusal::NoProvider | Refusal::Storage) {
            return;
        }
        let Some(count) = self.0.refusals.count(provider, why, now) else { return };
        let fact = facts::WebhookRefused {
            provider: provider.word().to_owned(),
            reason: storeward_base::Fault::code(&why).to_owned(),
            count,
        };
        let told = self.0.db.write(move |tx| tx.append(Actor::System, None, fact.clone()).map(drop));
        // The message is refused all the same.
        drop::<Result<(), storeward_store::Error>>(told.await);
    }

    /// Works on one message: asks the provider about the payment that it is about.
    pub(crate) async fn work_on(&self, job: Job) -> Result<(), Failed> {
        let Ok(note) = serde_json::from_slice::<Note>(job.payload()) else {
            return Err(Failed::for_good("payments.form"));
        };
        let provider = Provider::of_word(&note.provider).ok_or(Failed::for_good("payments.form"))?;
        let found = {
            let (objects, payment) =
                ([vec![note.object.clone()], note.others.clone()].concat(), note.payment);
            self.0.db.read(move |reader| find_attempt(reader, provider, &objects, payment)).await?
        };
        let payment = match found {
            Found::Attempt(attempt) => {
                if note.kind.contains("dispute") || note.kind.contains("DISPUTE") {
                    self.look_at_dispute(provider, &note.object, attempt.payment).await?;
                }
                self.look_with(attempt.payment, Some(attempt.number)).await?;
                Some(attempt.payment)
            }
            // The answer that brings the object's id is still on its way (mistake 1: a message may come before it).
            Found::TooEarly if job.attempt() < 6 => {
                return Err(Failed::after("payments.too_early", Duration::from_secs(5)));
            }
            Found::TooEarly | Found::Nothing => None,
        };
        self.message_done(provider, note.event, payment, Some(job.claim())).await?;
        Ok(())
    }

    async fn message_done(
        &self,
        provider: Provider,
        event: String,
        payment: Option<PaymentId>,
        claim: Option<Claim>,
    ) -> Result<(), Error> {
        self.0
            .db
            .write(move |tx| {
                tx.commit_silent("what a message led to is told by other facts");
                let now = tx.now();
                tx.execute(MESSAGE_DONE, params![provider.word(), &event, now, payment])?;
                if let Some(claim) = claim {
                    claim.finish(tx)?;
                }
                Ok(())
            })
            .await
    }

    /// How many messages wait to be worked on.
    pub async fn waiting(&self) -> Result<u64, Error> {
        self.0.db.read(|reader| Ok(reader.query_one(COUNT_WAITING, &[], |row| row.get(0))?)).await
    }
}

fn take_in(tx: &mut Tx<'_>, message: &Message) -> Result<(), Error> {
    tx.commit_silent("a message is a hint; what it leads to is told");
    let now = tx.now();
    let payment = message.payment.as_deref().and_then(|id| id.parse::<PaymentId>().ok());
    let values = params![
        message.provider.word(),
        &message.event,
        message.transmission.clone(),
        &message.kind,
        &message.object,
        payment,
        now
    ];
    if tx.execute(TAKE_IN, values)? == 0 {
        return Ok(());
    }
    let note = Note {
        provider: message.provider.word().to_owned(),
        event: message.event.clone(),
        kind: message.kind.clone(),
        object: message.object.clone(),
        others: message.others.clone(),
        payment,
    };
    let payload = serde_json::to_vec(&note).unwrap_or_default();
    let key = format!("{}/{}", note.provider, note.event);
    enqueue(tx, &NewJob::new(JOB, payload).unique(key))?;
    Ok(())
}

enum Found {
    Attempt(Attempt),
    TooEarly,
    /// It is about something else that happens on the same account.
    Nothing,
}

fn find_attempt(
    reader: &mut Reader<'_>,
    provider: Provider,
    objects: &[String],
    payment: Option<PaymentId>,
) -> Result<Found, Error> {
    for object in objects {
        if let Some(attempt) = sql::attempt_of(reader, provider, object)? {
            return Ok(Found::Attempt(attempt));
        }
        if let Some(capture) = sql::find_capture(reader, provider, object)?
            && let Some(attempt) = sql::find_attempt(reader, capture.payment, capture.attempt)?
        {
            return Ok(Found::Attempt(attempt));
        }
    }
    let Some(payment) = payment else { return Ok(Found::Nothing) };
    // Which payment it is about is believed once the provider's own object says so; here it is only a place to look.
    let attempts = sql::attempts_of(reader, payment)?;
    let ours: Vec<Attempt> = attempts.into_iter().filter(|attempt| attempt.provider == provider).collect();
    match ours.iter().rfind(|attempt| attempt.reference.is_some()) {
        Some(known) => Ok(Found::Attempt(known.clone())),
        None if ours.is_empty() => Ok(Found::Nothing),
        None => Ok(Found::TooEarly),
    }
}

impl Shared {
    /// Forgets messages that cannot come again.
    pub(crate) fn forget_messages(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let before = tx.now().minus(KEPT);
        tx.execute(FORGET_MESSAGES, params![before])?;
        Ok(())
    }
}
