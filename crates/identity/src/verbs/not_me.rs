//! "This wasn't me": from the link of a letter, without signing in, or from inside. It contains: sessions and devices
//! end, the password must change, and the next sign-in shows a second factor. A letter's link takes out, too, what was added
//! since that happened which the letter tells of: else the factor of whoever added it would be the one that is asked for.

use storeward_base::{Actor, CustomerId, Timestamp};
use storeward_events::identity::{FactorRemoved, StepUpForced, ThisWasNotMe};
use storeward_store::Tx;

use super::devices::end_everything;
use super::{Identity, note_activity};
use crate::error::Error;
use crate::model::FactorKind;
use crate::sql;
use crate::state::Purpose;
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// What the button did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contained {
    /// Everything ended.
    Ended,
    /// And what was added is taken out again.
    TakenOut,
}

/// The letter's link that somebody followed.
#[derive(Clone)]
struct Followed {
    hash: String,
    since: Option<Timestamp>,
}

impl Identity {
    /// Whether the letter's link still does something. Changes nothing: scanners follow links.
    pub async fn is_not_me_link(&self, token: &FlowToken) -> Result<bool, Error> {
        match self.0.flow(token).await {
            Ok(flow) => Ok(flow.purpose == Purpose::NotMe),
            Err(Error::FlowOver) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What the button on the link's page does.
    pub async fn was_not_me(&self, visit: &Visit, token: &FlowToken) -> Result<Contained, Error> {
        let flow = self.0.flow(token).await?;
        let (Purpose::NotMe, Some(customer)) = (flow.purpose, flow.customer) else {
            return Err(Error::FlowOver);
        };
        let link = Followed { hash: flow.hash, since: flow.state.since };
        self.contain(visit, customer, Some(link)).await
    }

    /// The same from inside, for the person who is signed in.
    pub async fn was_not_me_inside(
        &self,
        visit: &Visit,
        session: &super::current::CurrentSession,
    ) -> Result<Contained, Error> {
        self.contain(visit, session.customer, None).await
    }

    async fn contain(
        &self,
        visit: &Visit,
        customer: CustomerId,
        link: Option<Followed>,
    ) -> Result<Contained, Error> {
        let now = self.0.now();
        let activity = self.0.activity_of("not_me", visit);
        let written = self.0.db.write(move |tx| -> Result<Contained, Error> {
            if let Some(link) = &link
                && !sql::flow::finish(tx, &link.hash, now)?
            {
                return Err(Error::FlowOver);
            }
            let actor = Actor::Customer { id: customer };
            tx.append(actor, None, ThisWasNotMe { customer })?;
            end_everything(tx, actor, customer, "not_me")?;
            let contained = match link.as_ref().and_then(|link| link.since) {
                Some(since) => take_out(tx, customer, since)?,
                None => Contained::Ended,
            };
            sql::history::forget(tx, customer)?;
            sql::account::must_change(tx, customer, now)?;
            sql::account::force_step_up(tx, customer, now)?;
            note_activity(tx, customer, &activity)?;
            tx.append(actor, None, StepUpForced { customer, reason: "not_me".to_owned() })?;
            Ok(contained)
        });
        written.await
    }
}

/// Takes out every factor and recovery code that was added from that moment on.
fn take_out(tx: &mut Tx<'_>, customer: CustomerId, since: Timestamp) -> Result<Contained, Error> {
    let mut taken: Vec<&str> =
        sql::factor::delete_since(tx, customer, since)?.into_iter().map(FactorKind::word).collect();
    if sql::factor::delete_codes_since(tx, customer, since)? > 0 {
        taken.push("recovery_codes");
    }
    if taken.is_empty() {
        return Ok(Contained::Ended);
    }
    // As where the last one is removed by hand: codes stand in for a factor, and there is none.
    if sql::factor::count(tx, customer)? == 0 {
        sql::factor::delete_codes(tx, customer)?;
    }
    // Whoever was let into the back office may have been let in with one of these.
    sql::office::forget(tx, customer)?;
    for factor in taken {
        let fact = FactorRemoved { customer, factor: factor.to_owned() };
        tx.append(Actor::Customer { id: customer }, None, fact)?;
    }
    Ok(Contained::TakenOut)
}
