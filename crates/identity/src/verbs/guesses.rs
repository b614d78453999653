//! Whose count a try at the second factor uses up.
//!
//! Whoever knows the password can try codes of an app from everywhere. Strangers share one count, so they wait; the owner has
//! others: of a device or a network that signed in before, of a session that has shown two factors, and, on a new device in a new
//! network, one behind a puzzle. What strangers can try behind puzzles is bounded for the account as well.

use storeward_base::CustomerId;
use storeward_puzzle::Purpose as Puzzle;
use storeward_store::Reader;

use super::flows::{Means, Need, Offer, Pending};
use super::{Identity, Shared};
use crate::error::Error;
use crate::model::Level;
use crate::sql;
use crate::state::{Flow, Purpose};
use crate::throttle::Key;
use crate::visit::Visit;

/// The count that strangers share.
fn strangers(customer: CustomerId) -> Key {
    Key::Factor(customer.to_string())
}

/// Puzzles that were solved for tries at the account's second factor.
fn solved_for(customer: CustomerId) -> Key {
    Key::SolvedFor(Box::new(strangers(customer)))
}

impl Shared {
    /// The count of a try at an app's code, or at the password of a step-up.
    pub async fn guesses_key(
        &self,
        visit: &Visit,
        flow: &Flow,
        means: &Means,
        solved: &str,
    ) -> Result<Key, Error> {
        if let Some(own) = self.own_guesses_key(visit, flow, means).await? {
            return Ok(own);
        }
        let customer = means.account.id;
        let way = self.way_for(Puzzle::Code, visit, solved, solved_for(customer));
        Ok(way.key(strangers(customer), visit.client.block()))
    }

    /// A count that nobody who only knows the password can reach.
    pub(super) async fn own_guesses_key(
        &self,
        visit: &Visit,
        flow: &Flow,
        means: &Means,
    ) -> Result<Option<Key>, Error> {
        let customer = means.account.id;
        if let Some(row) = self.seen_device(visit, &means.account).await?.row() {
            return Ok(Some(Key::KnownDevice(format!("factor {}", row.id))));
        }
        if let (Purpose::StepUp, Some(session)) = (flow.purpose, flow.state.session) {
            // One that began with the password alone is anybody's who knows it, as often as they like.
            let (now, idle_since) = (self.now(), self.now().minus(self.policy().idle()));
            let read = move |reader: &mut Reader<'_>| sql::session::by_id(reader, session, now, idle_since);
            if self.db.read(read).await?.is_some_and(|row| row.level >= Level::Two) {
                return Ok(Some(Key::KnownDevice(format!("factor {session}"))));
            }
        }
        let knows_password = matches!(flow.purpose, Purpose::SignIn | Purpose::Shield | Purpose::StepUp);
        if knows_password && self.knows_network(visit, customer).await? {
            let network = self.marks.network(visit.client);
            return Ok(Some(Key::KnownDevice(format!("factor {customer} from {network}"))));
        }
        Ok(None)
    }
}

impl Identity {
    /// A puzzle for the form that takes an app's code, while strangers try many.
    pub async fn guesses_puzzle(&self, visit: &Visit, pending: &Pending) -> Result<Option<String>, Error> {
        let shared = &self.0;
        let Some(means) = &pending.means else { return Ok(None) };
        let is_guessable = match &pending.need {
            Need::Password => true,
            Need::Factor(offers) => offers.contains(&Offer::Totp),
            Need::Code { .. } | Need::NewPassword | Need::NewFactor | Need::Nothing => false,
        };
        if !is_guessable || shared.own_guesses_key(visit, &pending.flow, means).await?.is_some() {
            return Ok(None);
        }
        let customer = means.account.id;
        let is_hot = shared.throttle.is_warm(&[strangers(customer)], shared.now());
        Ok(is_hot.then(|| self.puzzle_for(Puzzle::Code, visit, &solved_for(customer))))
    }
}
