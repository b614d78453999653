//! Messages of providers: checked, kept, answered; and only then worked on, by asking the provider (mistakes 2 and 9).

use std::time::Duration;

use http::HeaderMap;
use storeward_base::{Actor, PaymentId, Timestamp};
use storeward_events::payment as facts;
use storeward_store::jobs::{Claim, Failed, Job, NewJob, enqueue};
use storeward_store::{Error as StoreError, Reader, Row, Tx, params, statements};

use crate::believed::Keys;
use crate::claims::Claims;
use crate::config::Mode;
use crate::error::Error;
use crate::model::{Attempt, Provider};
use crate::payments::{Payments, Shared};
use crate::provider::Gateway;
use crate::sql;
use crate::webhooks::{self, MOST_BODY_BYTES, Message, Refusal};

statements! {
    TAKE_IN = "INSERT INTO payment_inbox (provider, event, transmission, kind, object, payment, received_at, done_at, tag, body) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8, $9) ON CONFLICT DO NOTHING";
    KNOWN_MESSAGES = "SELECT provider, event, transmission, kind, object, received_at, tag, body, refused, done_at, payment FROM payment_inbox \
               WHERE provider = $1 AND (event = $2 OR transmission = $3) LIMIT 10";
    SOME_MESSAGES = "SELECT provider, event, transmission, kind, object, received_at, tag, body, refused, done_at, payment FROM payment_inbox \
               WHERE provider = $1 AND event > $2 ORDER BY event LIMIT $3";
    DROP_MESSAGE = "DELETE FROM payment_inbox WHERE provider = $1 AND event = $2";
    MESSAGE_BOUND = "UPDATE payment_inbox SET tag = $3 WHERE provider = $1 AND event = $2";
    MESSAGE_DONE = "UPDATE payment_inbox SET done_at = $3, payment = COALESCE($4, payment), refused = $5 WHERE provider = $1 AND event = $2 AND done_at IS NULL";
    FORGET_MESSAGES = "DELETE FROM payment_inbox WHERE received_at < $1";
    FIND_MESSAGE = "SELECT provider, event, transmission, kind, object, received_at, tag, body, refused, done_at, payment FROM payment_inbox WHERE provider = $1 AND event = $2";
    READ_UNTIL = "INSERT INTO payment_inbox (provider, event, transmission, kind, object, payment, received_at, done_at, tag) \
               VALUES ($1, $2, NULL, $2, '', NULL, $3, $3, $4) ON CONFLICT (provider, event) DO UPDATE SET transmission = NULL, \
               kind = excluded.kind, object = '', received_at = excluded.received_at, done_at = excluded.done_at, tag = excluded.tag, body = NULL, refused = NULL";
    OF_PAYMENT = "SELECT provider, event, kind, received_at, done_at, refused FROM payment_inbox WHERE payment = $1 ORDER BY received_at DESC, event LIMIT 50";
    COUNT_WAITING = "SELECT COUNT(*) FROM payment_inbox WHERE done_at IS NULL";
}

pub(crate) const JOB: &str = "payments.message";
/// Providers send again for three days; what is remembered longer than this cannot come again.
pub(crate) const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// No provider's name of a message: up to when its own list was read, sealed as messages are.
const LIST_READ: &str = "storeward.list_read";

/// What is kept in the job's row: of the body what is held against the provider's own object, and nothing else.
#[derive(serde::Serialize, serde::Deserialize)]
struct Note {
    provider: String,
    event: String,
    kind: String,
    object: String,
    others: Vec<String>,
    payment: Option<PaymentId>,
    #[serde(default)]
    claims: Option<Claims>,
}

/// A message as staff see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub provider: Provider,
    pub kind: String,
    pub at: Timestamp,
    pub is_done: bool,
    /// The code of why it was not believed after all.
    pub refused: Option<String>,
}

/// Those that were about a payment, newest first.
pub(crate) fn heard(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<Heard>, StoreError> {
    let asked: (&str, &[_]) = (OF_PAYMENT, params![payment]);
    crate::believed::listed(reader, ("payment_inbox", 1), asked, |row| {
        let wrong = StoreError::Column { index: 0, wanted: "a provider" };
        Ok(Heard {
            provider: Provider::of_word(&row.get::<String>(0)?).ok_or(wrong)?,
            kind: row.get(2)?,
            at: row.get(3)?,
            is_done: row.get::<Option<Timestamp>>(4)?.is_some(),
            refused: row.get(5)?,
        })
    })
}

impl Payments {
    /// Takes a message in. `Ok` means that it is durable: it may be answered with 200 now. One that came before is taken like the
    /// first and changes nothing.
    pub async fn receive(&self, provider: Provider, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
        let now = self.0.now();
        let taken = match self.verified(provider, headers, body, now).await {
            Ok(message) => self.take_in(message).await,
            Err(why) => Err(why),
        };
        if let Err(why) = taken {
            self.told_refusal(provider, why, now).await;
        }
        taken
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
        let mut message = match self.0.gateway(provider).map_err(|_| Refusal::NoProvider)? {
            Gateway::Stripe(stripe) => webhooks::of_stripe(stripe, headers, body, now)?,
            Gateway::PayPal(paypal) => {
                self.recall_signers(paypal).await;
                let message = webhooks::of_paypal(paypal, headers, body, now).await?;
                self.remember_signers(paypal).await;
                message
            }
        };
        let is_live = self.0.settings.mode == Mode::Live;
        if message.is_live.is_some_and(|live| live != is_live) {
            return Err(Refusal::Mode);
        }
        if message.transmission.is_some() {
            message.body = Some(self.0.keys.tag_of_message(&[b"body", body]));
        }
        Ok(message)
    }

    pub(crate) async fn take_in(&self, message: Message) -> Result<(), Refusal> {
        let keys = self.0.keys.clone();
        let kept = self.0.write(move |tx| take_in(tx, &keys, &message)).await;
        let kept = kept.map_err(|_: Error| Refusal::Storage)?;
        for event in &kept.dropped {
            self.0.tell_harm("payment_inbox", event).await;
        }
        if kept.is_other { Err(Refusal::OtherBody) } else { Ok(()) }
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
        let told = self.0.write(move |tx| Ok(tx.append(Actor::System, None, fact.clone()).map(drop)?));
        // The message is refused all the same.
        drop(told.await);
    }

    /// Works on one message: asks the provider about the payment that it is about.
    pub(crate) async fn work_on(&self, job: Job) -> Result<(), Failed> {
        let Ok(note) = serde_json::from_slice::<Note>(job.payload()) else {
            return Err(Failed::for_good("payments.form"));
        };
        let provider = Provider::of_word(&note.provider).ok_or(Failed::for_good("payments.form"))?;
        let found = {
            let (mut objects, payment) =
                ([vec![note.object.clone()], note.others.clone()].concat(), note.payment);
            objects.retain(|object| !object.is_empty());
            self.bring_order(provider, &objects, payment).await?;
            self.0.read(move |reader| find_attempt(reader, provider, &objects, payment)).await?
        };
        let mut refused = None;
        let payment = match found {
            Found::Attempt(attempt) => {
                if note.kind.contains("dispute") || note.kind.contains("DISPUTE") {
                    self.look_at_dispute(provider, &note.object, attempt.payment).await?;
                }
                self.look_with(attempt.payment, Some(attempt.number)).await?;
                refused = self.untrue(note.claims.as_ref(), (attempt.payment, attempt.number)).await?;
                // PayPal may show a little later what it sent already.
                if refused.is_some() && job.attempt() < 6 {
                    return Err(Failed::after("payments.too_early", Duration::from_secs(5)));
                }
                Some(attempt.payment)
            }
            // The answer that brings the object's id is still on its way (mistake 1: a message may come before it).
            Found::TooEarly if job.attempt() < 6 => {
                return Err(Failed::after("payments.too_early", Duration::from_secs(5)));
            }
            Found::TooEarly | Found::Nothing => None,
        };
        if let Some(why) = refused {
            self.told_refusal(provider, why, self.0.now()).await;
        }
        self.message_done(provider, note.event, (payment, refused), Some(job.claim())).await?;
        Ok(())
    }

    /// Why a message cannot be true, by what was read from the provider just now. Where that itself is not what was asked for, it was told.
    async fn untrue(
        &self,
        claims: Option<&Claims>,
        (payment, number): (PaymentId, u32),
    ) -> Result<Option<Refusal>, Error> {
        let Some(claims) = claims.cloned() else { return Ok(None) };
        self.0
            .read(move |reader| {
                let attempt = sql::find_attempt(reader, payment, number)?.ok_or(Error::Form("an attempt"))?;
                if attempt.mismatch.is_some() { Ok(None) } else { claims.misfit(reader, &attempt) }
            })
            .await
    }

    async fn message_done(
        &self,
        provider: Provider,
        event: String,
        (payment, refused): (Option<PaymentId>, Option<Refusal>),
        claim: Option<Claim>,
    ) -> Result<(), Error> {
        let refused = refused.map(|why| storeward_base::Fault::code(&why).to_owned());
        self.0
            .write(move |tx| {
                tx.commit_silent("what a message led to is told by other facts");
                let now = tx.now();
                tx.execute(MESSAGE_DONE, params![provider.word(), &event, now, payment, refused.clone()])?;
                if let Some(claim) = claim {
                    claim.finish(tx)?;
                }
                Ok(())
            })
            .await
    }

    /// How many messages wait to be worked on.
    pub async fn waiting(&self) -> Result<u64, Error> {
        self.0.read(|reader| Ok(reader.query_one(COUNT_WAITING, &[], |row| row.get(0))?)).await
    }
}

/// A message as it is kept.
struct Kept {
    provider: String,
    event: String,
    transmission: Option<String>,
    body: Option<Vec<u8>>,
    /// It was refused, or was about nothing of ours once it was worked on.
    is_void: bool,
    parts: Vec<Vec<u8>>,
    tag: Option<Vec<u8>>,
}

/// What is sealed of a message. Which payment it turned out to be about, and when it was done, is written later and decides nothing.
fn sealed(texts: [&str; 4], transmission: Option<&str>, at: Timestamp, body: Option<&[u8]>) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    parts.push(transmission.map_or_else(Vec::new, |text| [b"=", text.as_bytes()].concat()));
    parts.push(crate::believed::moment(at).to_vec());
    // Those of before have none.
    parts.extend(body.map(<[u8]>::to_vec));
    parts
}

fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
    parts.iter().map(Vec::as_slice).collect()
}

fn kept(row: &Row<'_>) -> Result<Kept, StoreError> {
    let [provider, event]: [String; 2] = [row.get(0)?, row.get(1)?];
    let (transmission, kind, object): (Option<String>, String, String) =
        (row.get(2)?, row.get(3)?, row.get(4)?);
    let body: Option<Vec<u8>> = row.get(7)?;
    let parts =
        sealed([&provider, &event, &kind, &object], transmission.as_deref(), row.get(5)?, body.as_deref());
    let is_refused = row.get::<Option<String>>(8)?.is_some();
    let is_done = row.get::<Option<Timestamp>>(9)?.is_some();
    let is_void = is_refused || (is_done && row.get::<Option<PaymentId>>(10)?.is_none());
    Ok(Kept { provider, event, transmission, body, is_void, parts, tag: row.get(6)? })
}

/// Up to when a provider's own list was read whole. What somebody else wrote there says nothing.
pub(crate) fn read_until(
    reader: &mut Reader<'_>,
    keys: &Keys,
    provider: Provider,
) -> Result<Option<Timestamp>, StoreError> {
    let asked = params![provider.word(), LIST_READ];
    let found = reader.query_optional(FIND_MESSAGE, asked, |row| {
        let at = row.get::<Timestamp>(5);
        Ok(kept(row).ok().zip(at.ok()))
    })?;
    let fits = |one: &Kept| keys.fits_message(one.tag.as_deref(), &slices(&one.parts));
    Ok(found.flatten().filter(|(one, _)| fits(one)).map(|(_, at)| at))
}

pub(crate) fn set_read_until(
    tx: &mut Tx<'_>,
    keys: &Keys,
    provider: Provider,
    until: Timestamp,
) -> Result<(), Error> {
    tx.commit_silent("up to when a provider's list was read; what it led to is told");
    let parts = sealed([provider.word(), LIST_READ, LIST_READ, ""], None, until, None);
    let tag = keys.tag_of_message(&slices(&parts));
    tx.execute(READ_UNTIL, params![provider.word(), LIST_READ, until, tag])?;
    Ok(())
}

fn each(reader: &mut Reader<'_>, mut work: impl FnMut(Kept)) -> Result<(), StoreError> {
    for provider in Provider::ALL {
        let mut after = String::new();
        loop {
            let page = reader.query_many(SOME_MESSAGES, params![provider.word(), &after, 500_u32], kept)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.event);
            page.into_iter().for_each(&mut work);
        }
    }
    Ok(())
}

/// Messages that Storeward did not write so, by the providers' names of them.
pub(crate) fn harmed(reader: &mut Reader<'_>, keys: &Keys) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    each(reader, |one| {
        if !keys.fits_message(one.tag.as_deref(), &slices(&one.parts)) {
            found.push(one.event);
        }
    })?;
    Ok(found)
}

/// Gives those of an earlier version their tag; see [`Payments::bind_old_blocking`].
pub(crate) fn bind(tx: &mut Tx<'_>, keys: &Keys) -> Result<(), StoreError> {
    let mut unbound = Vec::new();
    each(tx, |one| {
        if one.tag.is_none() {
            unbound.push(one);
        }
    })?;
    for one in unbound {
        let tag = keys.tag_of_message(&slices(&one.parts));
        tx.execute(MESSAGE_BOUND, params![&one.provider, &one.event, tag])?;
    }
    Ok(())
}

/// What became of a message.
#[derive(Default)]
struct Taken {
    /// Rows that stood in its way and that somebody else had written: their names.
    dropped: Vec<String>,
    /// Its transmission brought another body before.
    is_other: bool,
}

/// Rows that keep a message out go where they were not written by Storeward, or are of a message that was refused or led to nothing: the
/// forged one came first.
fn make_room(tx: &mut Tx<'_>, keys: &Keys, message: &Message) -> Result<Taken, Error> {
    let provider = message.provider.word();
    let known = params![provider, &message.event, message.transmission.clone()];
    let (mut taken, mut void) = (Taken::default(), Vec::new());
    for one in tx.query_many(KNOWN_MESSAGES, known, kept)? {
        if !keys.fits_message(one.tag.as_deref(), &slices(&one.parts)) {
            tx.execute(DROP_MESSAGE, params![provider, &one.event])?;
            taken.dropped.push(one.event);
            continue;
        }
        let has_other_body = one.body.is_some() && message.body.is_some() && one.body != message.body;
        if has_other_body && one.is_void {
            void.push(one.event);
        } else if has_other_body && one.transmission == message.transmission {
            taken.is_other = true;
        }
    }
    // A message that is refused itself takes no other one's place: what came before is the evidence.
    for event in void.iter().filter(|_| !taken.is_other) {
        tx.execute(DROP_MESSAGE, params![provider, event])?;
    }
    Ok(taken)
}

fn take_in(tx: &mut Tx<'_>, keys: &Keys, message: &Message) -> Result<Taken, Error> {
    tx.commit_silent("a message is a hint; what it leads to is told");
    let now = tx.now();
    let taken = make_room(tx, keys, message)?;
    if taken.is_other {
        return Ok(taken);
    }
    let parts = sealed(
        [message.provider.word(), &message.event, &message.kind, &message.object],
        message.transmission.as_deref(),
        now,
        message.body.as_deref(),
    );
    let payment = message.payment.as_deref().and_then(|id| id.parse::<PaymentId>().ok());
    let values = params![
        message.provider.word(),
        &message.event,
        message.transmission.clone(),
        &message.kind,
        &message.object,
        payment,
        now,
        keys.tag_of_message(&slices(&parts)),
        message.body.clone()
    ];
    if tx.execute(TAKE_IN, values)? == 0 {
        return Ok(taken);
    }
    let note = Note {
        provider: message.provider.word().to_owned(),
        event: message.event.clone(),
        kind: message.kind.clone(),
        object: message.object.clone(),
        others: message.others.clone(),
        payment,
        claims: message.claims.clone(),
    };
    let payload = serde_json::to_vec(&note).unwrap_or_default();
    let key = format!("{}/{}", note.provider, note.event);
    enqueue(tx, &NewJob::new(JOB, payload).unique(key))?;
    Ok(taken)
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
