//! What came of a reminder: the newest one that asked for what somebody does within the policy's days.

use std::time::Duration;

use storeward_base::{Actor, CustomerId, Timestamp};
use storeward_events::guide::ReminderFollowed;
use storeward_store::Tx;

use crate::error::Error;
use crate::model::Act;
use crate::sql;

/// Notes, in the write of the act itself, that it followed a reminder. Reminders that were held back are noted as well: they
/// are what the others are compared with. True when an event was appended.
pub fn note(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    act: Act,
    at: Timestamp,
    within: Duration,
) -> Result<bool, Error> {
    let reminders = sql::reminder::of_customer(tx, customer, at.minus(within))?;
    let asked = reminders.into_iter().find(|reminder| {
        reminder.followed_at.is_none() && reminder.at < at && reminder.topic.asks_for().contains(&act)
    });
    let Some(reminder) = asked else { return Ok(false) };
    if !sql::reminder::follow(tx, reminder.id, at, act)? || reminder.held_back {
        return Ok(false);
    }
    let fact = ReminderFollowed {
        reminder: reminder.id,
        customer,
        topic: reminder.topic.word().to_owned(),
        act: act.word().to_owned(),
        hours: u32::try_from(at.since(reminder.at).as_secs() / 3600).unwrap_or(u32::MAX),
    };
    tx.append(Actor::System, None, fact)?;
    Ok(true)
}
