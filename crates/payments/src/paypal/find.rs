//! An order that was paid, or set money aside, as it was made, and whose id never came: by what PayPal's list of transactions says.

use std::time::Duration;

use serde_json::Value;
use storeward_base::Timestamp;

use super::read::{Line, Way, line, order_of};
use super::{PayPal, safe, text};
use crate::model::{Attempt, Payment};
use crate::provider::{Found, Opened, Trouble, is_later};

/// The list is looked through for a call from when it was begun on: it goes out while its key is remembered, and is listed then.
const LOOKED_THROUGH: Duration = Duration::from_secs(2 * 24 * 3600);
/// A clock of PayPal's may be behind ours.
const BEFORE: Duration = Duration::from_secs(60);

impl PayPal {
    /// The list names our payment and what was taken or set aside; that names its order, and the order our payment. Lines of what PayPal
    /// has not finished are looked through, too. `known` are the orders of other tries of this payment.
    ///
    /// That there is no line says that nothing was taken. It does not say that nothing is set aside: PayPal knows a code for that
    /// (`T1300`), and nowhere says that each one is listed, or how soon.
    pub(crate) async fn find(
        &self,
        payment: &Payment,
        attempt: &Attempt,
        known: &[String],
        now: Timestamp,
    ) -> Result<Found, Trouble> {
        let (from, ours) = (attempt.created_at.minus(BEFORE), payment.id.text());
        let to = now.min(from.plus(LOOKED_THROUGH));
        let (mut lines, mut is_said) = (Vec::new(), !is_later(payment));
        let take = |one: &Value| {
            match line(one, &ours) {
                Line::Ours(way, id) => lines.push((way, id)),
                Line::Others => {}
                // It may be ours: it hides none behind it, and without ours nobody knows.
                Line::Unread => is_said = false,
            }
            Ok(())
        };
        match self.transactions(from, to, "&balance_affecting_records_only=N", take).await {
            Ok(()) => {}
            // The shop has no such list, or may not read it.
            Err(Trouble::Refused(_)) => return Ok(Found::Unsaid),
            Err(why) => return Err(why),
        }
        let mut trouble = None;
        for (way, id) in lines {
            match self.order_behind(way, &id, &ours).await {
                Ok(Some(order)) if known.contains(&order) => {}
                Ok(Some(reference)) => {
                    return Ok(Found::Page(Opened { reference, address: String::new() }));
                }
                Ok(None) => is_said = false,
                Err(why) => trouble = Some(why),
            }
        }
        match trouble {
            Some(why) => Err(why),
            None if is_said => Ok(Found::Nothing),
            None => Ok(Found::Unsaid),
        }
    }

    /// The order of what was taken or set aside, where it is of this payment by its own word.
    pub(crate) async fn order_behind(
        &self,
        way: Way,
        id: &str,
        payment: &str,
    ) -> Result<Option<String>, Trouble> {
        let path = match way {
            Way::Taken => "captures",
            Way::SetAside => "authorizations",
        };
        let read = none_where_refused(self.get(&format!("/v2/payments/{path}/{}", safe(id)?)).await)?;
        let Some(order) = read.as_ref().and_then(order_of) else { return Ok(None) };
        let read = none_where_refused(self.get(&format!("/v2/checkout/orders/{}", safe(order)?)).await)?;
        let is_its = |read: &Value| text(read, "/purchase_units/0/custom_id") == Some(payment);
        Ok(read.filter(is_its).map(|_| order.to_owned()))
    }
}

/// Nothing where PayPal has no such object.
fn none_where_refused(read: Result<Value, Trouble>) -> Result<Option<Value>, Trouble> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Trouble::Refused(_)) => Ok(None),
        Err(why) => Err(why),
    }
}
