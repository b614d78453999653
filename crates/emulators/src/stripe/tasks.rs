//! What happens by itself once its time has come.

use super::Desk;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    at_s: i64,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A charge gets its balance transaction.
    Settle(String),
    /// An authorization that was not captured ends; of this intent.
    ExpireHold(String),
    ExpireSession(String),
    SucceedRefund(String),
    FailRefund(String),
    /// The buyer's bank disputes a charge, for this reason.
    Dispute(String, &'static str),
    /// The bank answers on a dispute.
    Decide(String),
    /// Nobody answered a dispute in time.
    Lapse(String),
}

impl Desk<'_> {
    pub fn later(&mut self, seconds: i64, what: What) {
        let at_s = self.now_s() + seconds;
        self.state.tasks.push(Task { at_s, what });
    }

    /// Does what is due. Also called when the clock is moved.
    pub fn due(&mut self) {
        let now = self.now_s();
        let tasks = std::mem::take(&mut self.state.tasks);
        let (mut due, later): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.at_s <= now);
        self.state.tasks = later;
        due.sort_by_key(|task| task.at_s);
        for task in due {
            match task.what {
                What::Settle(id) => {
                    self.settle_charge(&id);
                    if let Some(charge) = self.find("charge", &id) {
                        self.event("charge.updated", &charge, None);
                    }
                }
                What::ExpireHold(id) => self.expire_hold(&id),
                What::ExpireSession(id) => self.end_session(&id),
                What::SucceedRefund(id) => self.finish_refund(&id, "succeeded"),
                What::FailRefund(id) => self.finish_refund(&id, "failed"),
                What::Dispute(id, reason) => {
                    let _gone = self.open_dispute(&id, reason, None);
                }
                What::Decide(id) => self.decide_dispute(&id),
                What::Lapse(id) => self.lapse_dispute(&id),
            }
        }
    }
}
