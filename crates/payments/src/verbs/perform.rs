//! A call goes out: it stands in the log already. What it did is read from the provider, not from its answer.

use std::sync::Arc;

use storeward_base::{Actor, PaymentId};
use storeward_events::payment as facts;

use crate::apply::tell;
use crate::error::Error;
use crate::model::{Attempt, Call, CallState, Operation, Payment, State};
use crate::payments::Payments;
use crate::provider::{Opened, Opening, Trouble};
use crate::sql;

/// Who said what became of a call, and what they said.
pub(crate) type ByHand = (Actor, facts::SettledByHand);

fn told_by(tx: &mut storeward_store::Tx<'_>, by: Option<&ByHand>) -> Result<(), Error> {
    if let Some((actor, fact)) = by {
        tx.append(*actor, None, fact.clone())?;
    }
    Ok(())
}

impl Payments {
    /// Sends a call and reads what came of it. `Ok` with `is_unsure` where nobody knows.
    pub(crate) async fn perform(&self, call: &Call) -> Result<Payment, Error> {
        let (payment, attempt) = self.of_call(call).await?;
        let gateway = self.0.gateway(call.provider)?;
        let back = format!("{}/back", self.page(call.payment));
        let done = gateway.act(&payment, &attempt, call, &back).await;
        // Success, or a refusal such as "captured already", is what the provider's objects say (mistake 6).
        let looked = match &done {
            Ok(()) | Err(Trouble::Refused(_)) => self.read_attempt(&attempt).await.map(Some),
            Err(Trouble::NotSent(_) | Trouble::Unsure(_)) => Ok(None),
        };
        let held = self.call_now(&call.key).await?;
        if held.settled_at.is_some() {
            return self.find(call.payment).await?.ok_or(Error::NoPayment);
        }
        match (done, looked) {
            (Ok(()), Ok(_)) => self.unsure(call, "payments.not_seen_yet").await,
            (Ok(()), Err(_)) => self.unsure(call, "payments.not_looked").await,
            (Err(Trouble::Refused(code)), Ok(_)) => {
                self.refused(call, &code).await?;
                Err(Error::Refused { code })
            }
            // It was refused, but whether because it was done before is not known yet.
            (Err(Trouble::Refused(code)), Err(_)) => self.unsure(call, &code).await,
            (Err(Trouble::NotSent(code)), _) if held.sends <= 1 => {
                self.refused(call, &code).await?;
                Err(Error::NotReached { code })
            }
            (Err(Trouble::NotSent(code) | Trouble::Unsure(code)), _) => self.unsure(call, &code).await,
        }
    }

    /// Makes the page of a fresh attempt.
    pub(crate) async fn open_page(&self, call: &Call, attempt: &Attempt) -> Result<(), Error> {
        let shared = &self.0;
        let payment = self.find(call.payment).await?.ok_or(Error::NoPayment)?;
        let details = shared.details(call.payment).await?;
        let page = self.page(call.payment);
        let (back, gave_up) = (format!("{page}/back"), format!("{page}/gave-up"));
        let held = attempt.clone();
        let token = self.0.clone();
        let token = shared.read(move |reader| token.token_for(reader, &held)).await?;
        // What an earlier sending did is not undone by what is said to this one.
        let may_be_paid = attempt.pays_as_it_opens() && call.sends > 1;
        // It was taken away meanwhile: nothing is paid with it.
        if attempt.method.is_some() && token.is_none() {
            if may_be_paid {
                self.unsure(call, "payments.no_method").await?;
                return Err(Error::Unsure);
            }
            self.refused(call, "payments.no_method").await?;
            return Err(Error::NoMethod);
        }
        let opening = Opening {
            token: token.as_ref(),
            payment: &payment,
            attempt,
            details: &details,
            key: &call.key,
            back: &back,
            gave_up: &gave_up,
        };
        match shared.gateway(call.provider)?.open(&opening).await {
            Ok(opened) => self.opened(call, attempt, opened).await,
            Err(Trouble::Refused(code)) if !(may_be_paid && crate::paypal::is_of_now(&code)) => {
                self.refused(call, &code).await?;
                Err(Error::Refused { code })
            }
            Err(Trouble::NotSent(code)) if call.sends <= 1 => {
                self.refused(call, &code).await?;
                Err(Error::NotReached { code })
            }
            Err(Trouble::NotSent(code) | Trouble::Unsure(code) | Trouble::Refused(code)) => {
                self.unsure(call, &code).await?;
                Err(Error::Unsure)
            }
        }
    }

    pub(crate) async fn opened(&self, call: &Call, attempt: &Attempt, opened: Opened) -> Result<(), Error> {
        self.opened_by(call, attempt, opened, None).await
    }

    /// The same, where a person named the page, if `by` says who.
    pub(crate) async fn opened_by(
        &self,
        call: &Call,
        attempt: &Attempt,
        opened: Opened,
        by: Option<ByHand>,
    ) -> Result<(), Error> {
        let shared = Arc::clone(&self.0);
        let of = (attempt.payment, attempt.number);
        let sealed = (!opened.address.is_empty()).then(|| shared.seal_address(of, &opened.address));
        let call = call.clone();
        self.0
            .write(move |tx| {
                tx.commit_silent("that the buyer was led away was told before the page was made");
                sql::attempt_opened(tx, of, &opened.reference, sealed.clone())?;
                let held = sql::find_call(tx, &call.key)?.ok_or(Error::Form("a call"))?;
                let of_call = (call.payment, call.key.as_str());
                if sql::call_settled(tx, of_call, CallState::Done, None, Some(&opened.reference))? {
                    told_by(tx, by.as_ref())?;
                    resolve(tx, &held, CallState::Done)?;
                }
                Ok(())
            })
            .await
    }

    /// Nobody knows what it did: so it says, until the provider was asked.
    pub(crate) async fn unsure(&self, call: &Call, code: &str) -> Result<Payment, Error> {
        let (key, id, code) = (call.key.clone(), call.payment, code.to_owned());
        let (provider, operation) = (call.provider.word().to_owned(), call.operation.word().to_owned());
        self.0
            .write(move |tx| {
                tx.commit_silent("that a call is unsure was told before");
                if sql::call_unsure(tx, (id, &key), &code)? {
                    let mut payment = sql::get(tx, id)?;
                    payment.unsure = payment.unsure.saturating_add(1);
                    payment.is_unsure = true;
                    sql::save(tx, &payment)?;
                    tell(
                        tx,
                        facts::PaymentUnsure {
                            payment: id,
                            provider: provider.clone(),
                            operation: operation.clone(),
                            code: code.clone(),
                        },
                    )?;
                }
                sql::get(tx, id)
            })
            .await
    }

    /// It did nothing: what it had set aside is free again.
    pub(crate) async fn refused(&self, call: &Call, code: &str) -> Result<Payment, Error> {
        self.refused_by(call, code, None).await
    }

    /// The same, where a person says so, if `by` says who.
    pub(crate) async fn refused_by(
        &self,
        call: &Call,
        code: &str,
        by: Option<ByHand>,
    ) -> Result<Payment, Error> {
        let (key, code) = (call.key.clone(), code.to_owned());
        let shared = Arc::clone(&self.0);
        self.0
            .write(move |tx| {
                tx.commit_silent("the call was settled before");
                let held = sql::find_call(tx, &key)?.ok_or(Error::Form("a call"))?;
                if sql::call_settled(tx, (held.payment, &key), CallState::Refused, Some(&code), None)? {
                    told_by(tx, by.as_ref())?;
                    resolve(tx, &held, CallState::Refused)?;
                    if held.operation == Operation::Open {
                        sql::attempt_closed(tx, (held.payment, held.attempt))?;
                    }
                    let fact = facts::PaymentRefused {
                        payment: held.payment,
                        provider: held.provider.word().to_owned(),
                        operation: held.operation.word().to_owned(),
                        code: crate::provider::clean(&code),
                    };
                    tell(tx, fact)?;
                    let before = sql::get(tx, held.payment)?;
                    // What the buyer agreed to was not taken: the page offers the ways to pay again.
                    let is_taking = matches!(held.operation, Operation::Capture | Operation::Authorize);
                    let is_not_taken = is_taking && before.state == State::Processing;
                    // An order of PayPal's that pays with what is kept takes the money as it is made.
                    let is_opening = held.operation == Operation::Open && before.state == State::Created;
                    let is_not_paid = is_opening && crate::paypal::is_declined(&code);
                    if (is_not_taken || is_not_paid) && before.attempt == held.attempt {
                        let after = Payment { state: State::Declined, ..before.clone() };
                        return shared.finish(tx, &before, after, held.provider);
                    }
                }
                sql::get(tx, held.payment)
            })
            .await
    }

    pub(crate) async fn of_call(&self, call: &Call) -> Result<(Payment, Attempt), Error> {
        self.of_attempt(call.payment, call.attempt).await
    }

    pub(crate) async fn of_attempt(&self, id: PaymentId, number: u32) -> Result<(Payment, Attempt), Error> {
        self.0
            .read(move |reader| {
                let attempt = sql::find_attempt(reader, id, number)?.ok_or(Error::Form("an attempt"))?;
                Ok((sql::get(reader, id)?, attempt))
            })
            .await
    }

    pub(crate) async fn call_now(&self, key: &str) -> Result<Call, Error> {
        let key = key.to_owned();
        self.0.read(move |reader| sql::find_call(reader, &key)?.ok_or(Error::Form("a call"))).await
    }
}

/// Whether a call gives back what an attempt took beside the payment's own.
fn is_extra(tx: &mut storeward_store::Tx<'_>, held: &Call) -> Result<bool, Error> {
    let captures = sql::captures_of(tx, held.payment)?;
    Ok(captures.iter().any(|one| one.is_extra && one.attempt == held.attempt))
}

/// What a settled call changes at its payment beside what the provider says.
fn resolve(tx: &mut storeward_store::Tx<'_>, held: &Call, outcome: CallState) -> Result<(), Error> {
    let mut payment = sql::get(tx, held.payment)?;
    if held.state == CallState::Unsure {
        payment.unsure = payment.unsure.saturating_sub(1);
        payment.is_unsure = payment.unsure > 0;
        tell(
            tx,
            facts::PaymentResolved {
                payment: held.payment,
                provider: held.provider.word().to_owned(),
                operation: held.operation.word().to_owned(),
                outcome: outcome.word().to_owned(),
            },
        )?;
    }
    if outcome == CallState::Refused {
        let amount = held.amount.unwrap_or(0);
        match held.operation {
            Operation::Capture => payment.capturing = (payment.capturing - amount).max(0),
            // Money that was taken twice goes back without a reservation.
            Operation::Refund if is_extra(tx, held)? => {}
            Operation::Refund => payment.refunding = (payment.refunding - amount).max(0),
            Operation::Open | Operation::Authorize | Operation::Void | Operation::Close => {}
        }
        if held.operation == Operation::Open && payment.state == State::RequiresAction {
            payment.state = State::Declined;
        }
    }
    sql::save(tx, &payment)
}
