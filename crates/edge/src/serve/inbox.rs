//! Places where messages arrive whose signature decides: neither bans nor the pace of clients stand before them, but room of their
//! own does.

use super::{Exchange, Stopped, verdicts::Limited};
use crate::canonical::Target;
use crate::rates::{Bucket, Cost, Rate};
use crate::senders::{KNOWN, STRANGER, STRANGERS, Seat};

/// Who sends a message to such a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    is_known: bool,
}

impl<'a> Exchange<'a> {
    /// The sender, where this is a message for such a place. Whatever else is asked there goes the way of every request.
    pub(super) fn sender(&self, method: &http::Method, target: &Target) -> Option<Sender> {
        let own = self.core.shared.stages.own.as_ref()?;
        let is_message = *method == http::Method::POST && own.is_inbox(&target.path);
        let shared = &self.core.shared;
        is_message.then(|| Sender {
            is_known: shared.rates.senders.knows(self.client.block(), self.ending.started()),
        })
    }

    /// rate: closed. Whoever is turned away sends again: providers do so for days.
    pub(super) fn check_sender(&self, sender: Sender) -> Result<(), Stopped> {
        let (block, now) = (self.client.block(), self.ending.started());
        let of_all = [(Bucket::Sender(block, false), STRANGER), (Bucket::Strangers, STRANGERS)];
        let buckets: &[(Bucket, Rate)] =
            if sender.is_known { &[(Bucket::Sender(block, true), KNOWN)] } else { &of_all };
        for (bucket, rate) in buckets {
            if let Err(wait) = self.core.shared.rates.spend(*bucket, *rate, Cost::Page, now) {
                return Err(Stopped::Limited(Limited { code: "rate.inbox", rate: *rate, wait }));
            }
        }
        Ok(())
    }

    /// Room for the message while it is read and answered.
    pub(super) fn seat(&self, sender: Sender) -> Result<Seat<'a>, Stopped> {
        let core = self.core;
        let senders = &core.shared.rates.senders;
        let seat =
            if sender.is_known { senders.seat() } else { senders.stranger_s_seat(self.client.block()) };
        seat.ok_or_else(|| self.no_room(sender))
    }

    pub(super) fn no_room(&self, sender: Sender) -> Stopped {
        let wait = std::time::Duration::from_secs(5);
        let rate = if sender.is_known { KNOWN } else { STRANGERS };
        Stopped::Limited(Limited { code: "rate.inbox", rate, wait })
    }

    /// How long a message may take to come, whole: a provider sends it in one go. Whoever sends a byte a second holds no stranger's seat.
    pub(super) const fn time_for(sender: Sender) -> std::time::Duration {
        std::time::Duration::from_secs(if sender.is_known { 60 } else { 5 })
    }

    /// It was taken: its signature was good.
    pub(super) fn took_message(&self, status: http::StatusCode) {
        if status == http::StatusCode::OK {
            self.core.shared.rates.senders.took(self.client.block(), self.ending.started());
        }
    }
}
