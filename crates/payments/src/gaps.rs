//! What messages lost: each provider's own list of what happened, read every hour from where the last good reading of it ended. One
//! provider, and one dispute, that cannot be read holds no other up.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use storeward_base::Timestamp;
use storeward_store::{Reader, params, statements};

use crate::error::Error;
use crate::inbox;
use crate::model::Provider;
use crate::payments::Payments;
use crate::paypal::PayPal;
use crate::provider::{Gateway, Trouble, text};
use crate::reconcile::disputes::{self, MOST_IN_VAIN};
use crate::stripe::Stripe;
use crate::webhooks::{Message, stripe_event};

statements! {
    FIRST_PAYMENT = "SELECT CAST(MIN(created_at) AS BIGINT) FROM payment";
}

/// A list may show late what happened: so much of it is read twice.
const TWICE: Duration = Duration::from_secs(3 * 3600);
/// Stripe keeps events for thirty days. At PayPal what is older has no time to answer left.
const KEPT_THERE: Duration = Duration::from_secs(30 * 24 * 3600);
/// So much at a time: a list has an end of its own.
const PART: Duration = Duration::from_secs(24 * 3600);
/// And so little where that is too much.
const LEAST_PART: Duration = Duration::from_secs(60);

fn not_reached(why: &Trouble) -> Error {
    Error::NotReached { code: why.code().to_owned() }
}

impl Payments {
    /// Takes in what Stripe's own list of events, and PayPal's of disputes, have and no message brought. Where something could not be
    /// read, all else was, and it is read again with the next round.
    pub async fn fill_gaps(&self) -> Result<u32, Error> {
        let (mut taken, mut trouble) = (0, None);
        for gateway in &self.0.gateways {
            let Some(from) = self.unread_from(gateway.provider()).await? else { continue };
            let filled = match gateway {
                Gateway::Stripe(stripe) => self.fill_stripe(stripe, from, &mut taken).await,
                Gateway::PayPal(paypal) => self.fill_paypal(paypal, from, &mut taken).await,
            };
            match filled {
                Err(Error::Store(why)) => return Err(Error::Store(why)),
                Err(why) => trouble = Some(why),
                Ok(()) => {}
            }
        }
        trouble.map_or(Ok(taken), Err)
    }

    /// Nothing where there is no payment that a message could be about.
    async fn unread_from(&self, provider: Provider) -> Result<Option<Timestamp>, Error> {
        let (keys, now) = (self.0.keys.clone(), self.0.now());
        let from =
            self.0.read(move |reader: &mut Reader<'_>| match inbox::read_until(reader, &keys, provider)? {
                Some(until) => Ok::<_, Error>(Some(until.min(now).minus(TWICE))),
                None => Ok(reader.query_one(FIRST_PAYMENT, params![], |row| row.get(0))?),
            });
        Ok(from.await?.map(|from| from.max(now.minus(KEPT_THERE))))
    }

    async fn read_until(&self, provider: Provider, until: Timestamp) -> Result<(), Error> {
        let keys = self.0.keys.clone();
        self.0.write(move |tx| inbox::set_read_until(tx, &keys, provider, until)).await
    }

    /// Part by part, the oldest first: what was read stays read where a later part is not.
    async fn fill_stripe(&self, stripe: &Stripe, from: Timestamp, taken: &mut u32) -> Result<(), Error> {
        let (now, mut from, mut part) = (self.0.now(), from, PART);
        loop {
            let to = from.plus(part);
            let is_last = to > now;
            let events = stripe.events(from, (!is_last).then_some(to)).await;
            // More came in that time than one list holds: half of it is asked for, else nothing behind it would ever be read.
            if matches!(&events, Err(Trouble::Unsure(why)) if why == "payments.too_long") && part > LEAST_PART
            {
                part = if is_last { now.since(from) / 2 } else { part / 2 }.max(LEAST_PART);
                continue;
            }
            for message in events.map_err(|why| not_reached(&why))?.iter().filter_map(stripe_event) {
                // Of the other mode: a key sees its own only, but nothing is lost by looking.
                if message.is_live.is_some_and(|live| live != self.is_live()) {
                    continue;
                }
                self.take_in_listed(message).await?;
                *taken += 1;
            }
            self.read_until(Provider::Stripe, if is_last { now } else { to }).await?;
            if is_last {
                return Ok(());
            }
            (from, part) = (to, (part * 2).min(PART));
        }
    }

    /// That one cannot be read is told once, and only what is new fails the round.
    async fn fill_paypal(&self, paypal: &PayPal, from: Timestamp, taken: &mut u32) -> Result<(), Error> {
        let now = self.0.now();
        let listed = paypal.disputes_since(from).await.map_err(|why| not_reached(&why))?;
        let unread = self.0.read(|reader| disputes::unread(reader, Provider::PayPal)).await?;
        let id_of = |one: &Value| text(one, "/dispute_id").unwrap_or_default().to_owned();
        let ids: BTreeSet<String> = listed.iter().map(id_of).collect();
        for (gone, _) in unread.iter().filter(|(id, payment)| payment.is_none() && !ids.contains(*id)) {
            self.note_read(gone.clone()).await?;
        }
        let listed = disputes::in_turn(listed, now, |one| unread.contains_key(&id_of(one)));
        let (mut trouble, mut is_whole, mut in_vain) = (None, true, 0);
        for one in &listed {
            let id = id_of(one);
            match self.take_in_dispute(paypal, one).await {
                Ok(()) => {
                    (*taken, in_vain) = (*taken + 1, 0);
                    if unread.contains_key(&id) {
                        self.note_read(id).await?;
                    }
                    continue;
                }
                Err(Error::Store(why)) => return Err(Error::Store(why)),
                Err(why) => {
                    (is_whole, in_vain) = (false, in_vain + 1);
                    if self.0.write(move |tx| disputes::tell_unread(tx, Provider::PayPal, &id)).await? {
                        trouble = Some(why);
                    }
                }
            }
            if in_vain >= MOST_IN_VAIN {
                break;
            }
        }
        match trouble {
            Some(why) => Err(why),
            None if is_whole => self.read_until(Provider::PayPal, now).await,
            None => Ok(()),
        }
    }

    async fn note_read(&self, dispute: String) -> Result<(), Error> {
        self.0.write(move |tx| disputes::settle_unread(tx, Provider::PayPal, &dispute)).await
    }

    async fn take_in_dispute(&self, paypal: &PayPal, one: &Value) -> Result<(), Error> {
        let message = self.listed_dispute(paypal, one).await.map_err(|why| not_reached(&why))?;
        self.take_in_listed(message).await
    }

    async fn take_in_listed(&self, message: Message) -> Result<(), Error> {
        let taken = self.take_in(message).await;
        taken.map_err(|why| Error::NotReached { code: storeward_base::Fault::code(&why).to_owned() })
    }
}
