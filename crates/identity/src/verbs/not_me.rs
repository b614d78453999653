//! "This wasn't me": from the link of a letter, without signing in, or from inside. It contains: sessions and devices
//! end, the password must change, and the next sign-in shows a second factor.

use storeward_base::{Actor, CustomerId};
use storeward_events::identity::{StepUpForced, ThisWasNotMe};

use super::devices::end_everything;
use super::{Identity, note_activity};
use crate::error::Error;
use crate::sql;
use crate::state::Purpose;
use crate::tokens::FlowToken;
use crate::visit::Visit;

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
    pub async fn was_not_me(&self, visit: &Visit, token: &FlowToken) -> Result<(), Error> {
        let flow = self.0.flow(token).await?;
        let (Purpose::NotMe, Some(customer)) = (flow.purpose, flow.customer) else {
            return Err(Error::FlowOver);
        };
        self.contain(visit, customer, Some(flow.hash)).await
    }

    /// The same from inside, for the person who is signed in.
    pub async fn was_not_me_inside(
        &self,
        visit: &Visit,
        session: &super::current::CurrentSession,
    ) -> Result<(), Error> {
        self.contain(visit, session.customer, None).await
    }

    async fn contain(&self, visit: &Visit, customer: CustomerId, link: Option<String>) -> Result<(), Error> {
        let now = self.0.now();
        let activity = self.0.activity_of("not_me", visit);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            if let Some(hash) = &link
                && !sql::flow::finish(tx, hash, now)?
            {
                return Err(Error::FlowOver);
            }
            let actor = Actor::Customer { id: customer };
            tx.append(actor, None, ThisWasNotMe { customer })?;
            end_everything(tx, actor, customer, "not_me")?;
            sql::history::forget(tx, customer)?;
            sql::account::must_change(tx, customer, now)?;
            sql::account::force_step_up(tx, customer, now)?;
            note_activity(tx, customer, &activity)?;
            tx.append(actor, None, StepUpForced { customer, reason: "not_me".to_owned() })?;
            Ok(())
        });
        written.await
    }
}
