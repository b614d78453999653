//! Orders whose id never came: PayPal takes the money of a kept means of payment as it makes the order, and did not answer. Nothing but our
//! own id leads to them: a message, or a line of the day's list, that names our payment brings the order.

use storeward_base::PaymentId;
use storeward_store::Reader;

use crate::error::Error;
use crate::model::{Attempt, Call, CallState, Operation, Provider};
use crate::payments::Payments;
use crate::paypal::Way;
use crate::provider::{Gateway, Movement, MovementKind, Opened, Trouble};
use crate::sql;

fn not_reached(why: &Trouble) -> Error {
    Error::NotReached { code: why.code().to_owned() }
}

impl Payments {
    /// A message names a payment and some of the provider's objects. That one of them is an order of this payment is believed once PayPal's
    /// own order says so.
    pub(crate) async fn bring_order(
        &self,
        provider: Provider,
        objects: &[String],
        payment: Option<PaymentId>,
    ) -> Result<(), Error> {
        let (Ok(Gateway::PayPal(paypal)), Some(id)) = (self.0.gateway(provider), payment) else {
            return Ok(());
        };
        let asked = objects.to_vec();
        let unlearnt = self.0.read(move |reader| {
            Ok::<_, Error>(match is_any_known(reader, provider, &asked)? {
                true => None,
                false => unlearnt(reader, id)?,
            })
        });
        let Some((call, attempt)) = unlearnt.await? else { return Ok(()) };
        for object in objects {
            match paypal.is_order_of(object, &id.text()).await {
                Ok(true) => {
                    let found = Opened { reference: object.clone(), address: String::new() };
                    return self.opened(&call, &attempt, found).await;
                }
                Ok(false) | Err(Trouble::Refused(_)) => {}
                Err(why) => return Err(not_reached(&why)),
            }
        }
        Ok(())
    }

    /// The same of a line of the day's list that names a payment, and what was taken, which is not known here: also of a try of which it
    /// was said that it took nothing. The try whose order it is.
    pub(crate) async fn bring_listed(
        &self,
        provider: Provider,
        movement: &Movement,
        payment: PaymentId,
    ) -> Result<Option<u32>, Error> {
        let Gateway::PayPal(paypal) = self.0.gateway(provider)? else { return Ok(None) };
        if movement.kind != MovementKind::Capture {
            return Ok(None);
        }
        let order = paypal.order_behind(Way::Taken, &movement.reference, &payment.text()).await;
        let Some(order) = order.map_err(|why| not_reached(&why))? else { return Ok(None) };
        let asked = order.clone();
        // Of a try that was given up, or whose order was brought before and could not be read then: it is read now.
        if let Some(known) = self.0.read(move |reader| sql::attempt_of(reader, provider, &asked)).await? {
            return Ok((known.payment == payment).then_some(known.number));
        }
        let Some((call, attempt)) = self.0.read(move |reader| unlearnt(reader, payment)).await? else {
            return Ok(None);
        };
        let number = attempt.number;
        self.opened(&call, &attempt, Opened { reference: order, address: String::new() }).await?;
        Ok(Some(number))
    }
}

fn is_any_known(reader: &mut Reader<'_>, provider: Provider, objects: &[String]) -> Result<bool, Error> {
    for object in objects {
        if sql::attempt_of(reader, provider, object)?.is_some()
            || sql::find_capture(reader, provider, object)?.is_some()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The try of a payment that was paid as it was opened, if it was, and whose order is not known. Of several the one of which nobody knows
/// yet, then one that we held to be nothing, then one that PayPal itself refused; of each the last.
pub(crate) fn unlearnt(
    reader: &mut Reader<'_>,
    payment: PaymentId,
) -> Result<Option<(Call, Attempt)>, Error> {
    let attempts = sql::attempts_of(reader, payment)?;
    let calls = sql::calls_of(reader, payment)?;
    let is_unlearnt = |one: &Attempt| one.pays_as_it_opens() && one.reference.is_none();
    let opened_by = |attempt: Attempt| {
        let is_its = |call: &&Call| call.operation == Operation::Open && call.attempt == attempt.number;
        let call = calls.iter().find(is_its)?.clone();
        Some((call, attempt))
    };
    let rank = |call: &Call| match call.state {
        CallState::Sent | CallState::Unsure => 2,
        CallState::Done => 1,
        CallState::Refused => {
            u8::from(matches!(call.code.as_deref(), Some("payments.not_done" | "payments.by_hand")))
        }
    };
    let unlearnt = attempts.into_iter().filter(is_unlearnt).filter_map(opened_by);
    Ok(unlearnt.max_by_key(|(call, attempt)| (rank(call), attempt.number)))
}
