//! Means of payment that a buyer let the shop keep: a provider's token, sealed, with what a person knows it by. They belong to one
//! customer of the shop, pay for that one alone, and are gone at the provider once they are gone here.

mod pay;

use std::sync::Arc;

use storeward_base::{Actor, PaymentId, Timestamp};
use storeward_events::system::RowHarmed;
use storeward_events::vault::{CustomerErased, ErasureBegun};
use storeward_events::{Event, Record, payment as facts};
use storeward_store::{Reader, Row, Tx, harmed, ledger, params, statements};

use crate::apply::tell;
use crate::believed::{id_of, listed, touched};
use crate::disputes::forget_evidence_of;
use crate::error::Error;
use crate::model::{Attempt, Payment, Provider};
use crate::payments::{Payments, Shared};
use crate::provider::{Gateway, Saved, Token, Trouble};
use crate::sql;

pub use pay::Attendance;

/// The columns of a method, in the order in which [`method`] reads them.
macro_rules! method_columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, customer, provider, token, holder, brand, last_four, expires, state, created_at FROM payment_method ",
            $rest
        )
    };
}

statements! {
    INSERT_METHOD = "INSERT INTO payment_method (id, customer, provider, token, holder, mark, brand, last_four, expires, state, payment, created_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'kept', $10, $11) ON CONFLICT (provider, mark) DO NOTHING";
    FIND_METHOD = method_columns!("WHERE id = $1");
    METHODS_OF = method_columns!("WHERE customer = $1 AND state = 'kept' ORDER BY created_at, id LIMIT 100");
    // Whatever somebody wrote of their state.
    METHODS_TO_GO = method_columns!("WHERE customer = $1 AND state <> 'removing' ORDER BY created_at, id LIMIT 100");
    REMOVE_UNREAD = "DELETE FROM payment_method WHERE id IN \
                     (SELECT id FROM payment_method WHERE customer = $1 AND state <> 'removing' ORDER BY created_at, id LIMIT $2)";
    METHODS_REMOVING = method_columns!("WHERE state = 'removing' AND provider = $1 AND id > $2 ORDER BY id LIMIT $3");
    METHOD_OF_PAYMENT = method_columns!("WHERE payment = $1 AND provider = $2 LIMIT 1");
    METHOD_REMOVING = "UPDATE payment_method SET state = 'removing' WHERE id = $1";
    REMOVE_METHOD = "DELETE FROM payment_method WHERE id = $1";
    CUSTOMER_OF = "SELECT customer FROM payment WHERE id = $1";
    PAYMENT_OF_METHOD = "SELECT payment FROM payment_method WHERE id = $1";
    SAVES_NO_MORE = "UPDATE payment_attempt SET saves = 0 WHERE payment = $1 AND saves <> 0";
    SAVES_STILL = "SELECT 1 FROM payment_attempt WHERE payment = $1 AND saves <> 0 LIMIT 1";
    PAYMENTS_OF = "SELECT id FROM payment WHERE customer = $1 AND id > $2 AND id < '~' ORDER BY id LIMIT $3";
    NOBODYS = "UPDATE payment SET customer = NULL WHERE id = $1";
}

/// Of so many entries of the ledger each, in one round. Each entry is proven, which may take seconds: no batch is cut short.
const MOST_BATCHES: u32 = 500;
const BATCH: u32 = 100;
/// Payments of a customer who is forgotten, in one write.
const PAGE: u32 = 200;
/// As many does [`METHODS_TO_GO`] read.
const METHODS_AT_ONCE: usize = 100;
/// Kept means of payment of one customer at most.
const MOST: usize = 50;

/// A means of payment that is kept. Its token stays here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    pub id: String,
    pub provider: Provider,
    /// Such as `visa`, or `paypal`.
    pub brand: String,
    pub last_four: Option<String>,
    /// `YYYY-MM`.
    pub expires: Option<String>,
    pub created_at: Timestamp,
    pub(crate) customer: String,
    pub(crate) is_kept: bool,
    token: Vec<u8>,
    holder: Option<Vec<u8>>,
}

fn method(row: &Row<'_>) -> Result<Method, storeward_store::Error> {
    let wrong = storeward_store::Error::Column { index: 2, wanted: "a provider" };
    Ok(Method {
        id: row.get(0)?,
        customer: row.get(1)?,
        provider: Provider::of_word(&row.get::<String>(2)?).ok_or(wrong)?,
        token: row.get(3)?,
        holder: row.get(4)?,
        brand: row.get(5)?,
        last_four: row.get(6)?,
        expires: row.get(7)?,
        is_kept: row.get::<String>(8)? == "kept",
        created_at: row.get(9)?,
    })
}

/// Those of a customer, by their mark, that can be read.
fn kept_of(reader: &mut Reader<'_>, mark: &str) -> Result<Vec<Method>, storeward_store::Error> {
    listed(reader, ("payment_method", 0), (METHODS_OF, params![mark]), method)
}

fn find(reader: &mut Reader<'_>, id: &str) -> Result<Option<Method>, Error> {
    Ok(reader.query_optional(FIND_METHOD, params![id], method)?)
}

/// Whose it is, by a mark; nobody's is one without a customer, and one whose customer was erased.
pub(crate) fn customer_of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Option<String>, Error> {
    crate::believed::seen(reader, payment)?;
    Ok(reader.query_optional(CUSTOMER_OF, params![payment], |row| row.get(0))?.flatten())
}

impl Payments {
    /// Those of one customer, by the shop's number, the oldest first.
    pub async fn methods(&self, customer: &str) -> Result<Vec<Method>, Error> {
        let mark = self.0.customers.mark(customer);
        self.0.read(move |reader| Ok(kept_of(reader, &mark)?)).await
    }

    /// Takes one away from its customer. It cannot be used from this moment; the provider forgets it at once, or as soon as it
    /// answers. Another customer's is none ([`Error::NoMethod`]).
    pub async fn remove_method(&self, actor: Actor, customer: &str, id: &str) -> Result<(), Error> {
        self.remove_method_and(actor, (customer, id), |_| Ok(())).await
    }

    /// The same; what `and` writes is written with it, or nothing is.
    pub(crate) async fn remove_method_and(
        &self,
        actor: Actor,
        (customer, id): (&str, &str),
        and: impl Fn(&mut Tx<'_>) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let (mark, id) = (self.0.customers.mark(customer), id.to_owned());
        let held = self.0.write(move |tx| {
            let held =
                find(tx, &id)?.filter(|one| one.customer == mark && one.is_kept).ok_or(Error::NoMethod)?;
            removing(tx, actor, &held, "asked")?;
            and(tx)?;
            Ok::<_, Error>(held)
        });
        // Where the provider did not say so, it is told again with the next round.
        self.forget_at_the_provider(&held.await?).await.map(drop)
    }

    /// The customer is erased: whatever is kept of theirs goes, here and at the providers, and their payments are nobody's, so that
    /// nothing is kept of one that is under way. How many means of payment there were.
    pub async fn forget_customer(&self, actor: Actor, customer: &str) -> Result<u32, Error> {
        let mark = self.0.customers.mark(customer);
        // What they were judged by goes as well: first, as it is found by whose the payments are.
        self.forget_marks(customer).await?;
        self.leave_payments_to_nobody(&mark).await?;
        let held = self.0.write(move |tx| {
            tx.commit_silent("nothing was kept of a customer who is forgotten");
            let mut held = Vec::new();
            loop {
                let page = listed(tx, ("payment_method", 0), (METHODS_TO_GO, params![&mark]), method)?;
                for one in &page {
                    removing(tx, actor, one, "erased")?;
                }
                // What is left of the page cannot be read, so no provider can be asked to forget it; it is told as harmed, and theirs.
                let left = METHODS_AT_ONCE.saturating_sub(page.len());
                let gone =
                    tx.execute(REMOVE_UNREAD, params![&mark, i64::try_from(left).unwrap_or(i64::MAX)])?;
                let is_last = page.is_empty() && gone == 0;
                held.extend(page);
                if is_last {
                    return Ok::<_, Error>(held);
                }
            }
        });
        let held = held.await?;
        for one in &held {
            match self.forget_at_the_provider(one).await {
                // It goes with the next round.
                Ok(_) | Err(Error::Refused { .. } | Error::NoProvider) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(u32::try_from(held.len()).unwrap_or(u32::MAX))
    }

    async fn leave_payments_to_nobody(&self, mark: &str) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let (mark, from) = (mark.to_owned(), after.clone());
            let page = self.0.write(move |tx| {
                tx.commit_silent(
                    "payments of a customer who is erased; the erasure itself is told by whoever erases",
                );
                let page: Vec<String> =
                    tx.query_many(PAYMENTS_OF, params![&mark, &from, PAGE], |row| row.get(0))?;
                let mut harmed = Vec::new();
                for id in page.iter().filter_map(|text| id_of(text)) {
                    forget_evidence_of(tx, id)?;
                    // One that somebody changed keeps no other from going; nothing is read or kept of it any more.
                    match touched(tx, id) {
                        Err(Error::Harmed { row, .. }) => harmed.push(row),
                        other => {
                            other?;
                            tx.execute(NOBODYS, params![id])?;
                        }
                    }
                }
                Ok::<_, Error>((page, harmed))
            });
            let (page, harmed) = page.await?;
            for row in harmed {
                self.0.tell_harm("payment", &row).await;
            }
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(last);
        }
    }

    /// Forgets what is kept of customers whom the vault erased: those whom the shop names by the vault's own id. Goes on where it ended;
    /// what it read twice is forgotten once. How many customers.
    ///
    /// Under a second name it reads all of the ledger once more: versions before left a payment of an erased customer theirs, and one
    /// whose means of payment was kept before as if it was still to be kept.
    pub async fn follow_erasures(&self) -> Result<u32, Error> {
        let mut ledger = self.0.db.subscribe("payments.erasures/2");
        let mut count = 0;
        for _ in 0..MOST_BATCHES {
            let batch = ledger.batch_if_any(BATCH).await?;
            for (seq, record) in &batch {
                if let Event::MethodKept(fact) = &record.event {
                    self.was_kept(fact.payment).await?;
                    continue;
                }
                let (Event::ErasureBegun(ErasureBegun { customer })
                | Event::CustomerErased(CustomerErased { customer, .. })) = &record.event
                else {
                    continue;
                };
                if !self.is_said(*seq, record).await? {
                    continue;
                }
                self.forget_customer(Actor::System, &customer.to_string()).await?;
                count += 1;
            }
            // Nothing new: the next minute looks again.
            let Some((last, _)) = batch.last() else { break };
            ledger.acknowledge(*last).await?;
        }
        Ok(count)
    }

    /// What a payment was paid with was kept: it is not kept a second time, whatever became of it.
    async fn was_kept(&self, payment: PaymentId) -> Result<(), Error> {
        let saves = move |reader: &mut Reader<'_>| {
            Ok(reader.query_optional(SAVES_STILL, params![payment], |_| Ok(()))?.is_some())
        };
        if !self.0.read(saves).await? {
            return Ok(());
        }
        match self.0.write(move |tx| saves_no_more(tx, payment)).await {
            // Nothing is kept of one that somebody changed.
            Err(Error::Harmed { .. }) => Ok(()),
            done => done,
        }
    }

    /// Whether the ledger says so. What somebody made of an entry deletes nothing, and is told.
    async fn is_said(&self, seq: u64, record: &Record) -> Result<bool, Error> {
        let asked = record.clone();
        let read = self.0.db.read(move |reader| ledger::is_believed(reader, seq, &asked));
        let is_said = read.await?;
        if !is_said {
            let (table, harm) = ("ledger_entry".to_owned(), "changed".to_owned());
            let fact = RowHarmed { table, row: seq.to_string(), harm };
            self.0.db.write(move |tx| harmed::tell(tx, std::slice::from_ref(&fact))).await?;
        }
        Ok(is_said)
    }

    /// Those of one provider that it was not told of yet, behind the one with this id.
    pub(crate) async fn removing(
        &self,
        provider: Provider,
        after: String,
        most: u32,
    ) -> Result<Vec<Method>, Error> {
        let held = move |reader: &mut Reader<'_>| {
            let asked: (&str, &[_]) = (METHODS_REMOVING, params![provider.word(), &after, most]);
            Ok(listed(reader, ("payment_method", 0), asked, method)?)
        };
        self.0.read(held).await
    }

    pub(crate) async fn forget_at_the_provider(&self, held: &Method) -> Result<Forgotten, Error> {
        // A token that nobody can open cannot be named there. The row goes, and that the provider may still keep it is told.
        let harm = match self.0.token_of(held) {
            Ok(token) => match self.forget_token(held.provider, &token).await? {
                Forgotten::There => None,
                Forgotten::NotYet => return Ok(Forgotten::NotYet),
            },
            Err(Error::Seal(_)) => Some(RowHarmed {
                table: "payment_method".to_owned(),
                row: held.id.clone(),
                harm: "changed".to_owned(),
            }),
            Err(other) => return Err(other),
        };
        let id = held.id.clone();
        let removed = self.0.write(move |tx| {
            tx.commit_silent("that it goes was told before");
            harmed::tell(tx, harm.as_slice())?;
            tx.execute(REMOVE_METHOD, params![&id])?;
            Ok(Forgotten::There)
        });
        removed.await
    }

    async fn forget_token(&self, provider: Provider, token: &Token) -> Result<Forgotten, Error> {
        let done = match self.0.gateway(provider)? {
            Gateway::Stripe(stripe) => stripe.detach(token.token.expose()).await,
            Gateway::PayPal(paypal) => paypal.delete_token(token.token.expose()).await,
        };
        match done {
            Err(Trouble::Refused(code)) if !is_gone(&code) => Err(Error::Refused { code }),
            // Or it has no such token any more.
            Ok(()) | Err(Trouble::Refused(_)) => Ok(Forgotten::There),
            Err(Trouble::NotSent(_) | Trouble::Unsure(_)) => Ok(Forgotten::NotYet),
        }
    }

    /// Keeps what a buyer paid with, where they agreed to it and the money was taken or set aside. Once for a payment.
    pub(crate) async fn keep_method(&self, payment: &Payment, attempt: &Attempt) -> Result<(), Error> {
        if !attempt.saves || payment.authorized == 0 && payment.captured == 0 {
            return Ok(());
        }
        let (id, provider) = (payment.id, attempt.provider);
        let known = self.0.read(move |reader| {
            let known = reader.query_optional(METHOD_OF_PAYMENT, params![id, provider.word()], method)?;
            Ok::<_, Error>((known.is_some(), customer_of(reader, id)?))
        });
        let (false, customer) = known.await? else { return Ok(()) };
        let saved = match self.0.gateway(provider)? {
            Gateway::Stripe(stripe) => stripe.saved(attempt).await,
            Gateway::PayPal(paypal) => paypal.saved(attempt).await,
        };
        // Not there yet, or no answer: the next look finds it.
        let Ok(Some(saved)) = saved else { return Ok(()) };
        let Some(customer) = customer else {
            // Whose it was is erased: the provider is not to keep it either.
            return match self.forget_token(provider, &saved.token).await {
                Ok(Forgotten::There) => self.0.write(move |tx| saves_no_more(tx, id)).await,
                Ok(Forgotten::NotYet) => Ok(()),
                // The next look asks again; whatever else is to be done for the payment does not wait for it.
                Err(Error::Refused { code }) => self.not_forgotten(id, provider, code).await,
                Err(why) => Err(why),
            };
        };
        let shared = Arc::clone(&self.0);
        let number = attempt.number;
        self.0.write(move |tx| shared.keep(tx, (id, number), provider, &customer, &saved)).await
    }

    /// A provider goes on keeping what an erased customer paid with: it is told, once an hour at most.
    async fn not_forgotten(&self, payment: PaymentId, provider: Provider, code: String) -> Result<(), Error> {
        if !self.0.harms.may_tell("payment_method", &payment.text(), self.0.now()) {
            return Ok(());
        }
        let (provider, operation) = (provider.word().to_owned(), "forget".to_owned());
        let fact = facts::PaymentRefused { payment, provider, operation, code };
        self.0.write(move |tx| tell(tx, fact.clone())).await
    }
}

/// Whether the provider, too, has forgotten what was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgotten {
    There,
    /// It did not say so.
    NotYet,
}

/// Whether a provider's refusal says that it does not have the token (Stripe: unknown, or detached; PayPal: unknown).
fn is_gone(code: &str) -> bool {
    matches!(
        code,
        "resource_missing"
            | "payment_method_unexpected_state"
            | "INVALID_RESOURCE_ID"
            | "RESOURCE_NOT_FOUND"
            | "http.404"
    )
}

fn saves_no_more(tx: &mut Tx<'_>, payment: PaymentId) -> Result<(), Error> {
    tx.commit_silent("what a payment was paid with is kept, or is not to be");
    touched(tx, payment)?;
    tx.execute(SAVES_NO_MORE, params![payment])?;
    Ok(())
}

fn removing(tx: &mut Tx<'_>, actor: Actor, held: &Method, why: &'static str) -> Result<(), Error> {
    tx.execute(METHOD_REMOVING, params![&held.id])?;
    // The provider's order goes on saying that it keeps it (PayPal: `VAULTED`): the next look at the payment must not keep it anew.
    if let Some(payment) = tx.query_optional(PAYMENT_OF_METHOD, params![&held.id], |row| row.get(0))? {
        match customer_of(tx, payment) {
            // Nothing is kept of a payment that somebody changed, or that is nobody's.
            Err(Error::Harmed { .. }) | Ok(None) => {}
            Err(other) => return Err(other),
            Ok(Some(_)) => saves_no_more(tx, payment)?,
        }
    }
    let fact = facts::MethodRemoved {
        method: held.id.clone(),
        provider: held.provider.word().to_owned(),
        why: why.to_owned(),
    };
    tx.append(actor, None, fact)?;
    Ok(())
}

/// What a sealed token is bound to: whoever moves its row to another customer has a token that opens for nobody.
fn place(id: &str, customer: &str, provider: Provider, what: &str) -> String {
    format!("payment.method/{id}/{customer}/{}/{what}", provider.word())
}

impl Shared {
    fn keep(
        &self,
        tx: &mut Tx<'_>,
        (payment, attempt): (PaymentId, u32),
        provider: Provider,
        customer: &str,
        saved: &Saved,
    ) -> Result<(), Error> {
        tx.commit_silent("what a buyer paid with was kept before");
        // While the provider was asked it may have been taken away, or its customer erased.
        let saves = sql::find_attempt(tx, payment, attempt)?.is_some_and(|attempt| attempt.saves);
        if !saves || customer_of(tx, payment)?.as_deref() != Some(customer) {
            return Ok(());
        }
        let kept = kept_of(tx, customer)?;
        if kept.len() >= MOST {
            return Ok(());
        }
        let id = format!("method_{}", tx.event_id().to_string().rsplit('_').next().unwrap_or_default());
        let seal = |text: &str, what: &str| {
            let place = place(&id, customer, provider, what);
            self.data_key.seal(text.as_bytes(), &place, self.entropy.as_ref())
        };
        let now = tx.now();
        let holder = saved.token.holder.as_ref().map(|holder| seal(holder.expose(), "holder"));
        let values = params![
            &id,
            customer,
            provider.word(),
            seal(saved.token.token.expose(), "token"),
            holder,
            self.tokens.mark(saved.token.token.expose()),
            &saved.brand,
            saved.last_four.clone(),
            saved.expires.clone(),
            payment,
            now
        ];
        if tx.execute(INSERT_METHOD, values)? == 1 {
            let provider = provider.word().to_owned();
            tell(tx, facts::MethodKept { method: id.clone(), payment, provider })?;
        }
        saves_no_more(tx, payment)
    }

    fn token_of(&self, held: &Method) -> Result<Token, Error> {
        let open = |sealed: &[u8], what: &str| {
            let plain = self.data_key.open(sealed, &place(&held.id, &held.customer, held.provider, what))?;
            let text = std::str::from_utf8(plain.expose()).map_err(|_| Error::Form("a token"))?;
            Ok::<_, Error>(storeward_base::Secret::new(text.to_owned()))
        };
        Ok(Token {
            token: open(&held.token, "token")?,
            holder: held.holder.as_ref().map(|holder| open(holder, "holder")).transpose()?,
        })
    }

    /// The token that an attempt pays with; and whom the provider knows the buyer as, where something of theirs is kept there.
    pub(crate) fn token_for(
        &self,
        reader: &mut Reader<'_>,
        attempt: &Attempt,
    ) -> Result<Option<Token>, Error> {
        let Some(id) = &attempt.method else { return Ok(None) };
        let customer = customer_of(reader, attempt.payment)?;
        let held = find(reader, id)?.filter(|one| one.is_kept && Some(&one.customer) == customer.as_ref());
        held.map(|held| self.token_of(&held)).transpose()
    }
}
