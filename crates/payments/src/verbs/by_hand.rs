//! A person looked in PayPal's own pages for what became of a call of which nobody can learn it here: they name what was paid, or say that
//! nothing was.

use std::fmt;

use storeward_base::{Actor, PaymentId, Timestamp};
use storeward_events::payment as facts;

use crate::error::Error;
use crate::model::{Attempt, Call, CallState, words};
use crate::payments::Payments;
use crate::paypal::{LISTED_WITHIN, NEVER_WHOLE, PayPal, Way};
use crate::provider::{Found, Gateway, Opened, Trouble};
use crate::unlearnt::unlearnt;

words! {
    /// Why a person says that nothing was taken or set aside, as they saw it at PayPal.
    WhyNothing {
        /// No payment there bears this payment's number.
        NotThere = "not_there",
        /// It stands there as declined.
        Declined = "declined_there",
    }
}

/// A payment of which nobody knows whether PayPal took its money, or set it aside, as the order was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlearnt {
    /// From when on a person may say that nothing was: before, the call may still be done, and PayPal may still tell it.
    pub nothing_from: Timestamp,
}

const FIELD: &str = "transaction";

impl Payments {
    /// Whether a person may say what became of a payment.
    pub async fn unlearnt(&self, id: PaymentId) -> Result<Option<Unlearnt>, Error> {
        let found = self.0.read(move |reader| unlearnt(reader, id)).await?;
        let Some((call, _)) = found.filter(|(call, _)| call.state == CallState::Unsure) else {
            return Ok(None);
        };
        match self.nothing_from(&call) {
            Ok(nothing_from) => Ok(Some(Unlearnt { nothing_from })),
            // PayPal is no longer in the config: nobody is asked, and the payment is shown all the same.
            Err(Error::NoProvider) => Ok(None),
            Err(why) => Err(why),
        }
    }

    fn nothing_from(&self, call: &Call) -> Result<Timestamp, Error> {
        let forgotten = call.first_sent_at.plus(self.0.gateway(call.provider)?.remembers(call));
        Ok(forgotten.max(call.last_sent_at.plus(LISTED_WITHIN)))
    }

    async fn question(&self, id: PaymentId) -> Result<(Call, Attempt, PayPal), Error> {
        let found = self.0.read(move |reader| unlearnt(reader, id)).await?;
        let (call, attempt) = found
            .filter(|(call, _)| call.state == CallState::Unsure)
            .ok_or(Error::State("known, or being asked about"))?;
        match self.0.gateway(call.provider)? {
            Gateway::PayPal(paypal) => Ok((call, attempt, paypal.clone())),
            Gateway::Stripe(_) => Err(Error::State("no payment of PayPal's")),
        }
    }

    /// The person names what PayPal took or set aside, by its number there, or that of its order. Believed where PayPal's own order says
    /// that it is this payment's.
    pub async fn found_by_hand(&self, id: PaymentId, actor: Actor, named: &str) -> Result<(), Error> {
        let (call, attempt, paypal) = self.question(id).await?;
        let misfit =
            || Error::Misfit { field: FIELD, why: "PayPal has no payment of this order under this number" };
        let named = named.trim();
        if !crate::stripe::is_id(named) {
            return Err(misfit());
        }
        let order = order_named(&paypal, named, &id.text())
            .await
            .map_err(|why| Error::NotReached { code: why.code().to_owned() })?;
        let (payment, _) = self.of_call(&call).await?;
        let known = self.orders_known(&payment).await?;
        let reference = order.filter(|order| !known.contains(order)).ok_or_else(misfit)?;
        let fact = fact(&call, "found");
        self.opened_by(&call, &attempt, Opened { reference, address: String::new() }, Some((actor, fact)))
            .await?;
        self.look_with(id, Some(attempt.number)).await.map(drop)
    }

    /// The person says that nothing was taken or set aside. PayPal is asked once more: what it says itself stands before that.
    pub async fn nothing_by_hand(&self, id: PaymentId, actor: Actor, why: WhyNothing) -> Result<(), Error> {
        let (call, attempt, paypal) = self.question(id).await?;
        let now = self.0.now();
        if now < self.nothing_from(&call)? {
            return Err(Error::State("still being asked about"));
        }
        let (payment, _) = self.of_call(&call).await?;
        let known = self.orders_known(&payment).await?;
        match paypal.find(&payment, &attempt, &known, now).await {
            Ok(Found::Page(found)) => {
                self.opened(&call, &attempt, found).await?;
                return self.look_with(id, Some(attempt.number)).await.map(drop);
            }
            Ok(Found::Nothing | Found::Unsaid) => {}
            // A list that is never read whole is no trouble that goes by.
            Err(why) if why.code() == NEVER_WHOLE => {}
            Err(why) => return Err(Error::NotReached { code: why.code().to_owned() }),
        }
        let fact = fact(&call, why.word());
        self.refused_by(&call, "payments.by_hand", Some((actor, fact))).await?;
        self.look(id).await.map(drop)
    }
}

/// The order that is named, or that of the transaction that is.
async fn order_named(paypal: &PayPal, named: &str, payment: &str) -> Result<Option<String>, Trouble> {
    for way in [Way::Taken, Way::SetAside] {
        if let Some(order) = paypal.order_behind(way, named, payment).await? {
            return Ok(Some(order));
        }
    }
    match paypal.is_order_of(named, payment).await {
        Ok(is_its) => Ok(is_its.then(|| named.to_owned())),
        Err(Trouble::Refused(_)) => Ok(None),
        Err(why) => Err(why),
    }
}

fn fact(call: &Call, outcome: &str) -> facts::SettledByHand {
    facts::SettledByHand {
        payment: call.payment,
        provider: call.provider.word().to_owned(),
        operation: call.operation.word().to_owned(),
        outcome: outcome.to_owned(),
    }
}
