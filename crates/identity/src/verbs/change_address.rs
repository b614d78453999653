//! Another e-mail address: for a session that has just proved everything, after a code to the new address; the earlier
//! one is told, with the link that contains.

use storeward_base::Actor;
use storeward_events::identity::CustomerAddressChanged;
use storeward_store::Constraint;

use super::current::{CurrentSession, still_signed_in};
use super::enrol::EnrolFault;
use super::flows::{Means, Step};
use super::{Identity, note_activity};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::marks::Field;
use crate::model::{Email, Misfit};
use crate::sql;
use crate::state::{Flow, Purpose, State};
use crate::throttle::{Key, Leave};
use crate::tokens::FlowToken;
use crate::visit::Visit;

impl Identity {
    /// Sends a code to the new address. Whether somebody else has it already shows nowhere.
    pub async fn begin_change_address(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        typed: &str,
    ) -> Result<FlowToken, EnrolFault> {
        self.require_fresh(session)?;
        let begun = tokio::time::Instant::now();
        let answer = self.begin_change_address_now(visit, session, typed).await;
        // A letter is written to an address that is nobody's yet, and to no other.
        self.0.settle(begun).await;
        answer
    }

    async fn begin_change_address_now(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        typed: &str,
    ) -> Result<FlowToken, EnrolFault> {
        let shared = &self.0;
        let email = Email::parse(typed).map_err(EnrolFault::Misfit)?;
        // The address alone would let one account write to as many people as it likes, in the shop's name.
        let keys = [
            Key::Begun(visit.client.block()),
            Key::NewAddress(session.customer.to_string()),
            Key::Mail(shared.marks.email(&email)),
        ];
        if let Leave::Wait { .. } = shared.throttle.attempt(&keys, shared.now()) {
            return Err(EnrolFault::Misfit(Misfit { field: "email", key: "misfit.too_often" }));
        }
        let taken = shared.account_by_email(&email).await?.is_some();
        let state = State {
            address: Some(email.as_str().to_owned()),
            is_taken: taken,
            session: Some(session.id),
            ..State::default()
        };
        let mut draft = shared.draft_flow(Purpose::ChangeAddress, Some(session.customer), state);
        shared.with_code(&mut draft, LetterKind::AddressCode, &email, session.language);
        if taken {
            draft.letter = None;
        }
        let (token, post) = (draft.token.clone(), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            draft.write(tx, &*post)?;
            tx.commit_silent("nothing has changed before the new address is confirmed");
            Ok(())
        });
        written.await?;
        Ok(token)
    }

    pub(super) async fn finish_change_address(
        &self,
        visit: &Visit,
        flow: Flow,
        means: &Means,
    ) -> Result<Step, Error> {
        let shared = &self.0;
        let email = flow.state.address.as_deref().and_then(|text| Email::parse(text).ok());
        let email = email.ok_or(Error::FlowOver)?;
        let token = visit.session.as_ref().ok_or(Error::FlowOver)?;
        let session = self.current(token).await?.ok_or(Error::FlowOver)?;
        // Another session has added something since, which this one has not shown.
        let is_stale = session.stepped_up_at.is_none();
        if Some(session.id) != flow.state.session || is_stale {
            return Err(Error::FlowOver);
        }
        let (customer, now) = (means.account.id, shared.now());
        let mark = shared.marks.email(&email);
        let sealed = shared.vault.seal_of_account(email.as_str(), customer, Field::Email, &*shared.entropy);
        // To the address that was: whoever took the account over does not read that one.
        let notice = shared.notice(LetterKind::AddressChanged, &means.account, &[], now);
        let activity = shared.activity_of("address_changed", visit);
        let post = shared.post.clone();
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            still_signed_in(tx, &session)?;
            if !sql::flow::finish(tx, &flow.hash, now)? {
                return Err(Error::FlowOver);
            }
            sql::account::set_email(tx, customer, &mark, &sealed, now)?;
            // Ways back that were begun by the address that was.
            sql::flow::end_recoveries(tx, customer)?;
            note_activity(tx, customer, &activity)?;
            if let Some(notice) = &notice {
                notice.write(tx, &*post)?;
            }
            tx.append(Actor::Customer { id: customer }, None, CustomerAddressChanged { customer })?;
            Ok(())
        });
        match written.await {
            Ok(()) => Ok(Step::AddressChanged),
            Err(Error::Store(storeward_store::Error::Constraint { kind: Constraint::Unique, .. })) => {
                Err(Error::FlowOver)
            }
            Err(error) => Err(error),
        }
    }
}
