//! Proving once more who one is before a sensitive act: password and second factor, or a passkey.

use storeward_base::Actor;
use storeward_events::identity::{StepUpAsked, StepUpPassed};

use super::Identity;
use super::current::CurrentSession;
use super::flows::{Offer, Step};
use crate::error::Error;
use crate::model::{FactorKind, Level, Proof, amr_column, proofs_of_column};
use crate::sql::{self, session::Raise};
use crate::state::{Flow, Purpose, ReturnTo, State};
use crate::tokens::{FlowToken, SessionToken};
use crate::visit::Visit;

/// Why a sensitive act was not done.
#[derive(Debug)]
pub enum StepUpFault {
    /// Prove first who you are: the last time was too long ago.
    First,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for StepUpFault {
    fn from(error: E) -> Self {
        StepUpFault::Failed(error.into())
    }
}

/// What a step-up can begin with, for its page.
#[derive(Clone, Copy, Debug)]
pub struct StepUpWays {
    pub has_password: bool,
    pub has_passkey: bool,
    /// There is nothing but a code by mail.
    pub by_mail: bool,
}

impl Identity {
    pub async fn step_up_ways(&self, session: &CurrentSession) -> Result<StepUpWays, Error> {
        let means = self.0.means(session.customer).await?;
        Ok(StepUpWays {
            has_password: means.account.password_hash.is_some(),
            has_passkey: means.has(FactorKind::Passkey),
            by_mail: means.best_offers() == [Offer::Mail],
        })
    }

    /// Begins to prove anew. The flow belongs to this session.
    pub async fn begin_step_up(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        return_to: Option<ReturnTo>,
    ) -> Result<FlowToken, Error> {
        let shared = &self.0;
        let means = shared.means(session.customer).await?;
        let state = State { return_to, session: Some(session.id), ..State::default() };
        let mut draft = shared.draft_flow(Purpose::StepUp, Some(session.customer), state);
        if means.account.password_hash.is_none() {
            shared.mail_at_once(visit, &mut draft, &means).await?;
        }
        let (token, post, customer) = (draft.token.clone(), shared.post.clone(), session.customer);
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            draft.write(tx, &*post)?;
            let purpose = "sensitive_act".to_owned();
            tx.append(
                Actor::Customer { id: customer },
                None,
                StepUpAsked { customer, purpose, reasons: Vec::new() },
            )?;
            Ok(())
        });
        written.await?;
        Ok(token)
    }

    /// All was shown: the session gets a new token and the level that was reached.
    pub(super) async fn finish_step_up(&self, visit: &Visit, flow: Flow) -> Result<Step, Error> {
        let shared = &self.0;
        let (Some(old), Some(id), Some(customer)) = (&visit.session, flow.state.session, flow.customer)
        else {
            return Err(Error::FlowOver);
        };
        let now = shared.now();
        let known = self.session_by_id(id).await?.ok_or(Error::FlowOver)?;
        let token = SessionToken::generate(&*shared.entropy);
        let mut proofs: Vec<Proof> = proofs_of_column(&amr_column(&known.proofs));
        proofs.extend(flow.state.proofs.iter().filter(|proof| !known.proofs.contains(proof)));
        // Of all that was shown in the session, as `amr` lists it: a mailed code beside the shop's password is what it is at a sign-in.
        let level = Level::of(&proofs).max(known.level);
        let raise = Raise {
            id,
            old_hash: old.hash(),
            new_hash: token.hash(),
            level,
            amr: amr_column(&proofs),
            at: now,
        };
        let hash = flow.hash.clone();
        let shown_factor = flow.state.proofs.iter().any(|proof| proof.is_factor());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            // The flow was begun by this session, and the browser still holds its token: both, or nothing.
            if !sql::flow::finish(tx, &hash, now)? || !sql::session::raise(tx, &raise)? {
                return Err(Error::FlowOver);
            }
            sql::account::clear_step_up(tx, customer)?;
            if shown_factor {
                super::wait::cancel(tx, Actor::Customer { id: customer }, customer, "factor")?;
            }
            let fact = StepUpPassed {
                customer,
                purpose: "sensitive_act".to_owned(),
                acr: raise.level.acr().to_owned(),
            };
            tx.append(Actor::Customer { id: customer }, None, fact)?;
            Ok(())
        });
        written.await?;
        let seconds = visit.is_lasting.then(|| shared.policy().absolute().as_secs());
        Ok(Step::Raised { token, return_to: flow.state.return_to, seconds })
    }

    /// For verbs that are sensitive: refuses unless the session has just proved everything.
    pub(super) fn require_fresh(&self, session: &CurrentSession) -> Result<(), StepUpFault> {
        if self.is_fresh(session) { Ok(()) } else { Err(StepUpFault::First) }
    }
}
