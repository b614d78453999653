//! What staff answer: evidence, or that the buyer is right. Each goes out once, when a person says so, and what became of it is read
//! from the provider.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use storeward_base::Actor;
use storeward_events::payment as facts;
use storeward_seal::fingerprint::sha256_hex;
use storeward_store::{Tx, params, statements};

use crate::apply::tell;
use crate::error::Error;
use crate::payments::{Payments, Shared};
use crate::provider::{Gateway, Trouble, clean};
use crate::stripe::Stripe;

use super::facts::open_to_change;
use super::told::Told;
use super::{Dispute, Pack, SentFile, get, of_id};

statements! {
    ANSWER_DISPUTE = "UPDATE payment_dispute SET answer = $3, answered_at = $4, digest = $5, code = NULL, look_at = $6 \
                      WHERE provider = $1 AND reference = $2 AND state = 'open' AND answer = 'none'";
    DISPUTE_ANSWER = "UPDATE payment_dispute SET answer = $4 WHERE provider = $1 AND reference = $2 AND answer = $3";
    ANSWER_UNDONE = "UPDATE payment_dispute SET answer = 'none', answered_at = NULL, digest = NULL, code = $4 \
                     WHERE provider = $1 AND reference = $2 AND answer = $3 AND COALESCE(answered_at, 0) = $5";
}

/// What staff answered, and whether the provider has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    None,
    /// Evidence went out, and the provider has not said that it has it.
    Sending,
    Sent,
    Conceding,
    /// The buyer gets the money.
    Conceded,
}

impl Reply {
    const ALL: [Reply; 5] = [Reply::None, Reply::Sending, Reply::Sent, Reply::Conceding, Reply::Conceded];

    pub const fn word(self) -> &'static str {
        match self {
            Reply::None => "none",
            Reply::Sending => "sending",
            Reply::Sent => "sent",
            Reply::Conceding => "conceding",
            Reply::Conceded => "conceded",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }

    /// The act, as facts name it.
    const fn act(self) -> &'static str {
        match self {
            Reply::None | Reply::Sending | Reply::Sent => "evidence",
            Reply::Conceding | Reply::Conceded => "concede",
        }
    }
}

/// Disputes that somebody is answering, by their ids, from the click on: files may take minutes before anything is called an answer.
#[derive(Debug, Default)]
pub(crate) struct OnTheWay(Mutex<BTreeSet<String>>);

impl OnTheWay {
    fn all(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives nobody else answers this dispute.
struct Way(Arc<Shared>, String);

impl Drop for Way {
    fn drop(&mut self) {
        self.0.on_the_way.all().remove(&self.1);
    }
}

impl Payments {
    /// Whether somebody's answer to a dispute is on its way at this moment.
    pub fn is_on_its_way(&self, id: &str) -> bool {
        self.0.on_the_way.all().contains(id)
    }

    fn way(&self, id: &str) -> Result<Way, Error> {
        if !self.0.on_the_way.all().insert(id.to_owned()) {
            return Err(Error::Dispute("has an answer on its way: look again in a moment"));
        }
        Ok(Way(Arc::clone(&self.0), id.to_owned()))
    }

    /// Sends the evidence that a person has seen: `digest` is that of the pack they looked at. Where it is another by now nothing
    /// is sent ([`Error::OtherPack`]).
    ///
    /// Files may take longer than a page waits for its answer: it is done also where nobody waits for it any more.
    pub async fn send_evidence(&self, actor: Actor, id: &str, digest: &str) -> Result<Dispute, Error> {
        let way = self.way(id)?;
        let (payments, id, digest) = (self.clone(), id.to_owned(), digest.to_owned());
        let sent = tokio::spawn(async move {
            let _way = way;
            payments.evidence_out(actor, &id, &digest).await
        });
        sent.await.map_err(|_| Error::Unsure)?
    }

    async fn evidence_out(&self, actor: Actor, id: &str, digest: &str) -> Result<Dispute, Error> {
        let (provider, reference) = of_id(id)?;
        let pack = self.pack(id).await?;
        if !storeward_seal::fingerprint::equal(pack.digest().as_bytes(), digest.as_bytes()) {
            return Err(Error::OtherPack);
        }
        open_to_change(&pack.dispute)?;
        let files = self.sent_files(provider, &reference, &pack.files).await?;
        let (gateway, mut sent) = (self.0.gateway(provider)?, pack.sent());
        if let Gateway::Stripe(stripe) = gateway {
            // Before anything is answered: where one does not arrive there is nothing to find out about.
            if let Err(why) = laid_down(stripe, &files, &mut sent).await {
                return self.not_sent(&pack.dispute, why).await;
            }
        }
        let held = match self.answer(actor, &pack.dispute, Reply::Sending, Some(&pack)).await {
            Err(Error::OtherPack) => return self.not_sent(&pack.dispute, Error::OtherPack).await,
            held => held?,
        };
        let key = self.0.answer_key(&held);
        let done = match gateway {
            Gateway::Stripe(stripe) => stripe.send_evidence(&reference, &key, &sent).await,
            Gateway::PayPal(paypal) => paypal.send_evidence(&reference, &key, &sent, &files).await,
        };
        self.answered(&held, done).await
    }

    /// Nothing was handed over. It stands at the dispute and is told: the page may have stopped waiting long ago.
    async fn not_sent(&self, of: &Dispute, why: Error) -> Result<Dispute, Error> {
        let code = match &why {
            Error::Refused { code } | Error::NotReached { code } => code.as_str(),
            other => storeward_base::Fault::code(other),
        };
        self.undone(of, code).await?;
        Err(why)
    }

    /// Gives in: the buyer gets the money, for good.
    pub async fn concede(&self, actor: Actor, id: &str) -> Result<Dispute, Error> {
        let (provider, reference) = of_id(id)?;
        let _way = self.way(id)?;
        let held = self.dispute(id).await?;
        let held = self.answer(actor, &held, Reply::Conceding, None).await?;
        let key = self.0.answer_key(&held);
        let done = match self.0.gateway(provider)? {
            Gateway::Stripe(stripe) => stripe.concede(&reference, &key).await,
            Gateway::PayPal(paypal) => paypal.concede(&reference, &key).await,
        };
        self.answered(&held, done).await
    }

    /// Writes the answer down before it goes out, where facts and files are still those of the pack. One at a time: the database
    /// decides.
    async fn answer(
        &self,
        actor: Actor,
        of: &Dispute,
        reply: Reply,
        pack: Option<&Pack>,
    ) -> Result<Dispute, Error> {
        let (shared, digest) = (Arc::clone(&self.0), pack.map(Pack::digest));
        let seen = pack.map(|pack| (pack.facts.clone(), pack.files.clone()));
        let (provider, reference) = (of.provider, of.reference.clone());
        self.0
            .write(move |tx| {
                let (now, held) = (tx.now(), get(tx, provider, &reference)?);
                if held.state != "open" {
                    return Err(Error::Dispute("is over"));
                }
                if held.answer != Reply::None {
                    return Err(Error::Dispute("has an answer already"));
                }
                if held.due_at.is_some_and(|due| due <= now) {
                    return Err(Error::Dispute("takes no answer any more: its time is over"));
                }
                if let Some((facts, files)) = &seen {
                    let is_same = shared.facts_of(tx, provider, &reference)? == *facts
                        && shared.files_of(tx, provider, &reference)? == *files;
                    if !is_same {
                        return Err(Error::OtherPack);
                    }
                }
                let wait = shared.settles_after(tx, &held)?;
                let values = params![
                    held.provider.word(),
                    &held.reference,
                    reply.word(),
                    now,
                    digest.clone(),
                    now.plus(wait)
                ];
                if tx.execute(ANSWER_DISPUTE, values)? != 1 {
                    return Err(Error::Raced);
                }
                let fact = facts::DisputeAnswered {
                    payment: held.payment,
                    provider: held.provider.word().to_owned(),
                    dispute: held.reference.clone(),
                    answer: reply.act().to_owned(),
                    digest: digest.clone(),
                };
                tx.append(actor, None, fact)?;
                get(tx, held.provider, &held.reference)
            })
            .await
    }

    /// What became of it, as the provider's dispute says.
    async fn answered(&self, held: &Dispute, done: Result<(), Trouble>) -> Result<Dispute, Error> {
        if let Err(Trouble::NotSent(code)) = &done {
            self.undone(held, code).await?;
            return Err(Error::NotReached { code: code.clone() });
        }
        let looked = match &done {
            Err(Trouble::Unsure(_)) => Err(Error::Unsure),
            _ => self.look_at_dispute(held.provider, &held.reference, held.payment).await,
        };
        let now = self.dispute(&held.id()).await?;
        if now.answer != held.answer {
            return Ok(now);
        }
        match (done, looked) {
            (Err(Trouble::Refused(code)), Ok(())) => {
                self.undone(held, &code).await?;
                Err(Error::Refused { code })
            }
            // Nobody knows yet: the dispute is read again in a moment.
            (done, _) => {
                let code = done.err().map_or("payments.not_seen_yet".to_owned(), |why| why.code().to_owned());
                self.unsure_of(held, &code).await?;
                self.dispute(&held.id()).await
            }
        }
    }

    async fn unsure_of(&self, held: &Dispute, code: &str) -> Result<(), Error> {
        let fact = facts::PaymentUnsure {
            payment: held.payment,
            provider: held.provider.word().to_owned(),
            operation: held.answer.act().to_owned(),
            code: code.to_owned(),
        };
        self.0.write(move |tx| tell(tx, fact.clone())).await
    }

    /// The provider did not take it: a person may answer anew.
    pub(super) async fn undone(&self, held: &Dispute, code: &str) -> Result<(), Error> {
        let (held, code) = (held.clone(), clean(code));
        let shared = Arc::clone(&self.0);
        self.0.write(move |tx| shared.undone(tx, &held, &code)).await
    }
}

/// Brings the files to Stripe, and their ids into the evidence.
async fn laid_down(stripe: &Stripe, files: &[SentFile], evidence: &mut Value) -> Result<(), Error> {
    for file in files {
        let id = stripe.send_file(file).await.map_err(|why| match why {
            Trouble::Refused(code) => Error::Refused { code },
            other => Error::NotReached { code: other.code().to_owned() },
        })?;
        if let Some(evidence) = evidence.as_object_mut() {
            evidence.insert(file.about.at_stripe().to_owned(), Value::String(id));
        }
    }
    Ok(())
}

impl Shared {
    fn undone(&self, tx: &mut Tx<'_>, held: &Dispute, code: &str) -> Result<(), Error> {
        tx.commit_silent("the answer was settled before");
        // This answer and no other: a person may have given another meanwhile.
        let at = held.answered_at.map_or(0, |at| at.micros());
        let values = params![held.provider.word(), &held.reference, held.answer.word(), code, at];
        if tx.execute(ANSWER_UNDONE, values)? == 0 {
            return Ok(());
        }
        let fact = facts::PaymentRefused {
            payment: held.payment,
            provider: held.provider.word().to_owned(),
            operation: held.answer.act().to_owned(),
            code: code.to_owned(),
        };
        tell(tx, fact)
    }

    /// Another one for each time that a person answers: a provider that stored a failure under the last one answers it for ever.
    fn answer_key(&self, held: &Dispute) -> String {
        let at = held.answered_at.map_or(0, |at| at.micros());
        let text = format!(
            "storeward.payments.answer/1\n{}\n{}\n{}\n{at}\n",
            self.merchant,
            held.id(),
            held.answer.act()
        );
        sha256_hex(text.as_bytes())
    }
}

/// What a picture of the dispute says of the answer to it.
pub(super) fn settle(tx: &mut Tx<'_>, known: &Dispute, told: &Told) -> Result<(), Error> {
    let is_taken = !told.waits && (told.has_evidence || told.state == "open");
    // PayPal asks a second time, and then for more.
    let asks_again = told.waits && told.due_at > known.due_at;
    let next = match known.answer {
        Reply::None | Reply::Sending if is_taken => Reply::Sent,
        Reply::Conceding if told.state == "lost" => Reply::Conceded,
        Reply::Sent if asks_again => Reply::None,
        _ => return Ok(()),
    };
    let values = params![known.provider.word(), &known.reference, known.answer.word(), next.word()];
    tx.execute(DISPUTE_ANSWER, values)?;
    Ok(())
}
