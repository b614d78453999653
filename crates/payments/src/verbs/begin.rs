//! The buyer chose how to pay: a page at the provider is made, or the one that is there is given again.

use storeward_base::{Actor, PaymentId, Timestamp};
use storeward_events::payment as facts;
use storeward_store::Tx;

use crate::error::Error;
use crate::judge::{Front, Hold};
use crate::model::{Attempt, Call, CallState, Operation, Payment, Provider, State, Strength, Terms};
use crate::payments::{Payments, Shared};
use crate::sql;

/// A provider keeps a page open for half an hour at least.
const SHORTEST: std::time::Duration = std::time::Duration::from_secs(31 * 60);
/// Most tries of one payment: whoever needs more is no buyer.
const MOST_ATTEMPTS: u32 = 20;

const MOST_TURNS: u32 = 16;
const TURN: std::time::Duration = std::time::Duration::from_millis(250);

/// Where the buyer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    pub provider: Provider,
    /// At the provider; of an embedded one, what opens the form. Not kept by us in readable form, and not to be logged: whoever has it
    /// may pay.
    pub address: String,
}

/// What has to be done first.
enum Plan {
    Go(String),
    Close(Call),
    Open(Call, Attempt),
    /// Somebody else is at it at this moment.
    Wait,
}

impl Payments {
    /// Makes the page at the provider. Only one page is open at a time: another one is closed first, and where it is not known
    /// whether that worked, none is made ([`Error::Unsure`]). Judged as a buyer of whom nothing is known.
    pub async fn begin(&self, id: PaymentId, provider: Provider, strength: Strength) -> Result<Begun, Error> {
        self.begin_on(id, Terms::of(provider, strength)).await
    }

    /// The same, and what the buyer pays with may be kept.
    pub async fn begin_on(&self, id: PaymentId, terms: Terms) -> Result<Begun, Error> {
        self.begin_as(id, terms, &Front::default()).await
    }

    /// The same for a buyer of whom the front door knows something. The strength of the terms is the least that is asked for; what is
    /// judged may ask for more, or refuse ([`Error::Stopped`]).
    pub async fn begin_as(&self, id: PaymentId, terms: Terms, front: &Front) -> Result<Begun, Error> {
        let provider = terms.provider;
        self.0.gateway(provider)?;
        if !self.ways(&self.find(id).await?.ok_or(Error::NoPayment)?).contains(&provider) {
            return Err(Error::NoProvider);
        }
        let way = self.judge_begin(id, Some(&terms), front).await?;
        let terms = Terms { strength: terms.strength.max(way.strength), ..terms };
        // Two that are open would be closed one after the other; a second click waits for the first one's page.
        for _ in 0..MOST_TURNS {
            match self.plan(id, &terms, way.hold).await? {
                Plan::Go(address) => return Ok(Begun { provider, address }),
                Plan::Open(call, attempt) => self.open_page(&call, &attempt).await?,
                Plan::Wait => tokio::time::sleep(TURN).await,
                Plan::Close(call) => {
                    self.perform(&call).await?;
                }
            }
        }
        Err(Error::Raced)
    }

    async fn plan(&self, id: PaymentId, terms: &Terms, hold: Hold) -> Result<Plan, Error> {
        let terms = terms.clone();
        let shared = std::sync::Arc::clone(&self.0);
        self.0.write(move |tx| shared.plan(tx, id, &terms, hold)).await
    }
}

impl Shared {
    fn plan(&self, tx: &mut Tx<'_>, id: PaymentId, terms: &Terms, hold: Hold) -> Result<Plan, Error> {
        let before = sql::get(tx, id)?;
        may_begin(&before, tx.now())?;
        // Nothing is kept for nobody: the customer was erased meanwhile.
        let terms =
            &Terms { saves: terms.saves && crate::methods::customer_of(tx, id)?.is_some(), ..terms.clone() };
        for attempt in sql::attempts_of(tx, id)?.into_iter().filter(|attempt| attempt.is_open) {
            // Of one that was begun with what is kept, only the bank's question is left for the buyer.
            let is_asked = attempt.method.is_some() && before.state == State::RequiresAction;
            let is_same = terms.is_met_by(&attempt) && attempt.strength == terms.strength;
            let is_wanted = is_same || (is_asked && attempt.provider == terms.provider);
            let is_good = attempt.expires_at > tx.now().plus(std::time::Duration::from_secs(60));
            if is_wanted
                && is_good
                && let Some(address) = self.address_of(&attempt)?
            {
                tx.commit_silent("the buyer is led to the page that is there");
                return Ok(Plan::Go(address));
            }
            // Its page is still being made, or what the buyer agreed to is being taken: that is settled by its call.
            let is_at_it = sql::unsettled_of(tx, id)?.iter().any(|call| call.attempt == attempt.number);
            if is_at_it && (attempt.reference.is_none() || provider_closes_itself(attempt.provider)) {
                tx.commit_silent("another request is at it");
                return Ok(Plan::Wait);
            }
            let Some(reference) = attempt.reference.clone() else {
                sql::attempt_closed(tx, (id, attempt.number))?;
                continue;
            };
            if provider_closes_itself(attempt.provider) {
                // PayPal takes nothing that we do not ask for: who agrees on a page that we gave up pays nothing.
                sql::attempt_closed(tx, (id, attempt.number))?;
                continue;
            }
            let which = closing(tx, &attempt)?;
            let call = self.call(&before, &attempt, Operation::Close, None, Some(reference), &which);
            if let Some(known) = sql::find_call(tx, &call.key)? {
                tx.commit_silent("another request is at it");
                return if known.settled_at.is_none() { Ok(Plan::Wait) } else { Err(Error::Raced) };
            }
            tx.commit_silent("a page that is to be closed is told by what comes of it");
            sql::insert_call(tx, &call)?;
            return Ok(Plan::Close(call));
        }
        let (call, attempt) = self.begun_anew(tx, before, (terms.clone(), None), hold)?;
        Ok(Plan::Open(call, attempt))
    }

    /// A further try, and the call that makes its page, as they are written down before it goes out. The call bears the name of the
    /// request that it is of, where that has one.
    pub(crate) fn begun_anew(
        &self,
        tx: &mut Tx<'_>,
        mut before: Payment,
        (terms, which): (Terms, Option<String>),
        hold: Hold,
    ) -> Result<(Call, Attempt), Error> {
        self.hold_back(tx, &mut before, hold)?;
        let provider = terms.provider;
        let number = before.attempt.saturating_add(1);
        if number > MOST_ATTEMPTS {
            return Err(Error::State("tried too often"));
        }
        let expires_at = before.expires_at.max(tx.now().plus(SHORTEST));
        sql::insert_attempt(tx, before.id, number, &terms, expires_at)?;
        let attempt = sql::find_attempt(tx, before.id, number)?.ok_or(Error::Form("an attempt"))?;
        let which = which.unwrap_or_else(|| number.to_string());
        let call = self.call(&before, &attempt, Operation::Open, None, None, &which);
        sql::insert_call(tx, &call)?;
        let after = Payment {
            attempt: number,
            provider: Some(provider),
            looks: 0,
            look_at: Some(tx.now().plus(self.pace.first_look)),
            ..before.clone()
        };
        sql::save(tx, &after)?;
        let fact =
            facts::PaymentBegun { payment: before.id, provider: provider.word().to_owned(), attempt: number };
        tx.append(Actor::System, None, fact)?;
        Ok((call, attempt))
    }

    /// A call as it is written down before it goes out.
    pub(crate) fn call(
        &self,
        payment: &Payment,
        attempt: &Attempt,
        operation: Operation,
        amount: Option<i64>,
        target: Option<String>,
        which: &str,
    ) -> Call {
        Call {
            key: self.call_key(payment, operation, which),
            payment: payment.id,
            attempt: attempt.number,
            operation,
            provider: attempt.provider,
            amount,
            target,
            state: CallState::Sent,
            sends: 1,
            code: None,
            outcome: None,
            first_sent_at: Timestamp::EPOCH,
            last_sent_at: Timestamp::EPOCH,
            settled_at: None,
        }
    }
}

/// Most tries to close one page by a call of its own each; it closes by itself in the end.
const MOST_CLOSES: usize = 6;

/// Which call closes the page of an attempt: another one where the last was refused, or never went out.
pub(crate) fn closing(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<String, Error> {
    let calls = sql::calls_of(tx, attempt.payment)?;
    let is_refused = |call: &&Call| {
        call.operation == Operation::Close
            && call.attempt == attempt.number
            && call.state == CallState::Refused
    };
    Ok(match calls.iter().filter(is_refused).count().min(MOST_CLOSES) {
        0 => attempt.number.to_string(),
        before => format!("{}/{before}", attempt.number),
    })
}

/// Whether closing a page needs no call.
fn provider_closes_itself(provider: Provider) -> bool {
    match provider {
        Provider::Stripe => false,
        Provider::PayPal => true,
    }
}

pub(crate) fn may_begin(payment: &Payment, now: Timestamp) -> Result<(), Error> {
    // Never to another provider, nor once more to the same, while nobody knows what the last call did.
    if payment.is_unsure {
        return Err(Error::Unsure);
    }
    match payment.state {
        State::Created | State::RequiresAction | State::Declined => {}
        other => return Err(Error::State(other.word())),
    }
    if payment.expires_at <= now {
        return Err(Error::State("too old"));
    }
    Ok(())
}
