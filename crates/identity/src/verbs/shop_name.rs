//! Another address at a shop that names people by theirs. Whoever signs in there under a name that nobody has here is somebody new, so before the form
//! goes its sender shows to read mail at that address. Then it is theirs, whatever is heard of the shop's answer: a shop may sign people out with the
//! change, or be asked too late.
//!
//! ```text
//! prove_shop_name ──► Given          the form may go
//!                ├──► Asked(flow)    put the flow's cookie on the browser, lead it to `/.storeward/challenge`
//!                └──► TooOften, Unusable
//! ```

use std::time::Duration;

use storeward_base::{CustomerId, Timestamp};
use storeward_events::identity::ShopAccountLinked;
use storeward_store::{Constraint, Reader};

use super::current::still_signed_in;
use super::flows::Step;
use super::{Identity, Shared};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::marks::Field;
use crate::model::{Email, SessionId};
use crate::sql;
use crate::state::{Flow, Purpose, ReturnTo, State};
use crate::throttle::{Key, Leave};
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// The form goes for so long once the address was shown.
const GOOD_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// An address that was never given to the shop is an account's for so long after it was last shown or signed in with.
const UNSENT_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What it takes to give the shop another address.
#[derive(Debug)]
pub enum NameProof {
    /// Nothing more.
    Given,
    /// The code that went there.
    Asked(FlowToken),
    TooOften {
        seconds: u64,
    },
    /// No letter goes there.
    Unusable,
}

/// Under what name somebody signs in at the shop whom nobody here goes by.
pub(super) struct Renamed {
    pub customer: CustomerId,
    /// The shop was given that name, and calls them so, as far as can be seen.
    pub is_sent: bool,
}

impl Identity {
    /// Whether the form with this address may go; else what it takes.
    pub async fn prove_shop_name(
        &self,
        visit: &Visit,
        (customer, session): (CustomerId, SessionId),
        typed: &str,
        back: Option<ReturnTo>,
    ) -> Result<NameProof, Error> {
        let shared = &self.0;
        let Ok(email) = Email::parse(typed) else { return Ok(NameProof::Unusable) };
        let (mark, now) = (shared.marks.email(&email), shared.now());
        let read = {
            let mark = mark.clone();
            move |reader: &mut Reader<'_>| sql::shop_name::find(reader, customer, &mark)
        };
        if shared.db.read(read).await?.is_some_and(|shown| shown.at > now.minus(GOOD_FOR)) {
            let written = shared.db.write(move |tx| -> Result<(), Error> {
                sql::shop_name::sent(tx, customer, &mark, now)?;
                tx.commit_silent("nothing has changed before the shop calls them so");
                Ok(())
            });
            written.await?;
            return Ok(NameProof::Given);
        }
        if let Some(waiting) = self.waits_for_name(visit, customer, &email).await? {
            return Ok(NameProof::Asked(waiting));
        }
        // The address alone would let one account write to as many people as it likes, in the shop's name.
        let keys = [
            Key::Begun(visit.client.block()),
            Key::NewAddress(customer.to_string()),
            Key::Mail(mark.clone()),
        ];
        if let Leave::Wait { seconds, .. } = shared.throttle.attempt(&keys, now) {
            return Ok(NameProof::TooOften { seconds });
        }
        let account = shared.account(customer).await?.ok_or(Error::NoAccount)?;
        let state = State {
            address: Some(email.as_str().to_owned()),
            session: Some(session),
            return_to: back,
            ..State::default()
        };
        let mut draft = shared.draft_flow(Purpose::ShopName, Some(customer), state);
        shared.with_code(&mut draft, LetterKind::AddressCode, &email, account.language);
        let (token, post) = (draft.token.clone(), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            draft.write(tx, &*post)?;
            tx.commit_silent("nothing has changed before the new address is confirmed");
            Ok(())
        });
        written.await?;
        Ok(NameProof::Asked(token))
    }

    /// The form was sent a moment ago, and its code is on its way.
    async fn waits_for_name(
        &self,
        visit: &Visit,
        customer: CustomerId,
        email: &Email,
    ) -> Result<Option<FlowToken>, Error> {
        let Some(token) = &visit.flow else { return Ok(None) };
        let flow = match self.0.flow(token).await {
            Ok(flow) => flow,
            Err(Error::FlowOver) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_it = flow.purpose == Purpose::ShopName
            && flow.customer == Some(customer)
            && flow.state.address.as_deref() == Some(email.as_str())
            && flow.attempts < sql::flow::MOST_ATTEMPTS;
        Ok(is_it.then(|| token.clone()))
    }

    pub(super) async fn finish_shop_name(&self, visit: &Visit, flow: Flow) -> Result<Step, Error> {
        let shared = &self.0;
        let email = flow.state.address.as_deref().and_then(|text| Email::parse(text).ok());
        let email = email.ok_or(Error::FlowOver)?;
        let token = visit.session.as_ref().ok_or(Error::FlowOver)?;
        let session = self.current(token).await?.ok_or(Error::FlowOver)?;
        // Another session has added something since, which this one has not shown.
        let is_stale = session.stepped_up_at.is_none();
        if Some(session.id) != flow.state.session || Some(session.customer) != flow.customer || is_stale {
            return Err(Error::FlowOver);
        }
        let (mark, now) = (shared.marks.email(&email), shared.now());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            still_signed_in(tx, &session)?;
            if !sql::flow::finish(tx, &flow.hash, now)? {
                return Err(Error::FlowOver);
            }
            sql::shop_name::put(tx, session.customer, &mark, now)?;
            tx.commit_silent("nothing has changed before the shop calls them so");
            Ok(())
        });
        written.await?;
        let home = || ReturnTo::parse("/").expect("the front page is a path of this host");
        Ok(Step::ShopNameShown(flow.state.return_to.unwrap_or_else(home)))
    }

    /// Whether an account showed to read mail at this address before the shop was given it.
    pub async fn has_shown_name(&self, customer: CustomerId, name: &str) -> Result<bool, Error> {
        let Ok(email) = Email::parse(name) else { return Ok(false) };
        let mark = self.0.marks.email(&email);
        let read = move |reader: &mut Reader<'_>| sql::shop_name::find(reader, customer, &mark);
        Ok(self.0.db.read(read).await?.is_some())
    }

    /// The shop calls somebody as before: it took no address that it was given.
    pub async fn shop_name_stays(&self, customer: CustomerId) -> Result<(), Error> {
        let read = move |reader: &mut Reader<'_>| sql::shop_name::has_sent(reader, customer);
        if !self.0.db.read(read).await? {
            return Ok(());
        }
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            sql::shop_name::kept(tx, customer)?;
            tx.commit_silent("nothing has changed");
            Ok(())
        });
        written.await
    }

    /// Whoever signed in under a name that was shown has met what its account asks: they go by it from now on, where the shop was given it. Else it stays
    /// a second one of theirs.
    pub(super) async fn take_shown_name(&self, customer: CustomerId, name: &str) -> Result<(), Error> {
        let Ok(email) = Email::parse(name) else { return Ok(()) };
        let mark = self.0.marks.email(&email);
        let read = {
            let mark = mark.clone();
            move |reader: &mut Reader<'_>| sql::shop_name::find(reader, customer, &mark)
        };
        let Some(shown) = self.0.db.read(read).await? else { return Ok(()) };
        if shown.sent_at.is_some() {
            return self.move_shop_account(customer, name).await.map(drop);
        }
        let now = self.0.now();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            sql::shop_name::put(tx, customer, &mark, now)?;
            tx.commit_silent("when a name was last signed in with is no fact to keep");
            Ok(())
        });
        written.await
    }

    /// The shop calls the same person by another name now. False when that name is somebody else's already.
    pub async fn move_shop_account(&self, customer: CustomerId, subject: &str) -> Result<bool, Error> {
        let shared = &self.0;
        let mark = shared.marks.shop(subject);
        let shown = Email::parse(subject).ok().map(|email| shared.marks.email(&email));
        let sealed = shared.vault.seal_of_account(subject, customer, Field::ShopSubject, &*shared.entropy);
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            sql::account::move_shop(tx, customer, &mark, &sealed)?;
            if let Some(shown) = &shown {
                sql::shop_name::take(tx, customer, shown)?;
            }
            tx.append(
                storeward_base::Actor::Customer { id: customer },
                None,
                ShopAccountLinked { customer },
            )?;
            Ok(())
        });
        match written.await {
            Ok(()) => Ok(true),
            Err(Error::Store(storeward_store::Error::Constraint { kind: Constraint::Unique, .. })) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

impl Shared {
    /// Whose a name of the shop's is by which nobody goes: whoever showed to read mail there before they gave it to the shop.
    pub(super) async fn shown_by(&self, name: &str) -> Result<Option<Renamed>, Error> {
        let Ok(email) = Email::parse(name) else { return Ok(None) };
        let (mark, since): (_, Timestamp) = (self.marks.email(&email), self.now().minus(UNSENT_LIFE));
        let read = move |reader: &mut Reader<'_>| -> Result<Option<Renamed>, storeward_store::Error> {
            let Some(customer) = sql::shop_name::owner(reader, &mark, since)? else { return Ok(None) };
            let shown = sql::shop_name::find(reader, customer, &mark)?;
            Ok(Some(Renamed { customer, is_sent: shown.is_some_and(|shown| shown.sent_at.is_some()) }))
        };
        self.db.read(read).await.map_err(Error::from)
    }
}
