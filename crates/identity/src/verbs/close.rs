//! An account is closed: every row of it goes in one write, here and where other domains keep something for it. Whoever comes with the
//! same address, or signs in at the shop with the same account, is somebody new.
//!
//! What is left is the ledger, which names the account by its id, and what backups hold until they are thinned out.

use std::sync::{Arc, PoisonError};

use storeward_base::{Actor, CustomerId};
use storeward_events::identity::AccountClosed;
use storeward_seal::PseudonymKey;
use storeward_store::{Db, Reader, Tx};

use super::current::{CurrentSession, still_signed_in};
use super::enrol::EnrolFault;
use super::{Identity, Shared};
use crate::error::Error;
use crate::letter::{Letter, LetterKind};
use crate::marks::Marks;
use crate::model::{Email, FactorKind, SessionId};
use crate::sql;

/// What is closed, for whoever keeps something of it.
#[derive(Clone, Debug)]
pub struct Closed {
    pub customer: CustomerId,
    /// Its sessions, whose end is told to nobody by [`Identity::take_ended`].
    pub sessions: Vec<SessionId>,
}

/// Takes away what another domain keeps of an account, in the write that closes it. May run again after a roll-back.
pub(crate) type Leaving = dyn Fn(&mut Tx<'_>, &Closed) -> Result<(), Error> + Send + Sync;

/// All that the write needs, read before it.
#[derive(Clone)]
pub(crate) struct Closing {
    customer: CustomerId,
    reason: &'static str,
    address: Option<Email>,
    /// Marks of its telephones.
    numbers: Vec<String>,
    letter: Option<Letter>,
    leaving: Vec<Arc<Leaving>>,
}

impl Identity {
    /// Has what another domain keeps of an account go with it.
    pub fn add_leaving(
        &self,
        leaving: impl Fn(&mut Tx<'_>, &Closed) -> Result<(), Error> + Send + Sync + 'static,
    ) {
        self.0.leaving.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(leaving));
    }

    /// The person closes their own account, in a session that has just shown all that it has.
    pub async fn close_own(&self, session: &CurrentSession) -> Result<(), EnrolFault> {
        self.require_fresh(session)?;
        let shared = &self.0;
        let closing = shared.closing(session.customer, "own").await?;
        let (session, post) = (session.clone(), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            still_signed_in(tx, &session)?;
            closing.write(tx, &*post, Actor::Customer { id: session.customer }).map(drop)
        });
        Ok(written.await?)
    }

    /// Closes the account of somebody whose record was erased; false where there is none (any more). They are told where it is done for
    /// the first time; where the program does it again, after an older copy of the data was put back, they were.
    pub async fn close_erased(&self, customer: CustomerId, actor: Actor) -> Result<bool, Error> {
        let shared = &self.0;
        let is_there = shared.db.read(move |reader| sql::closing::is_there(reader, customer));
        if !is_there.await? {
            return Ok(false);
        }
        let mut closing = shared.closing(customer, "erasure").await?;
        if actor == Actor::System {
            closing.letter = None;
        }
        // Whoever asked for the erasure is named there by their record.
        let actor =
            if matches!(actor, Actor::Customer { .. }) { Actor::Customer { id: customer } } else { actor };
        let post = shared.post.clone();
        shared.db.write(move |tx| closing.write(tx, &*post, actor)).await
    }
}

/// The accounts of exactly this address, whether its owner has shown that they read mail there or the shop tells it, and whether each has a
/// second factor; also for a program in which no accounts are at work.
pub async fn accounts_of_address(
    db: &Db,
    key: &PseudonymKey,
    address: &str,
) -> Result<Vec<(CustomerId, bool)>, Error> {
    let Ok(email) = Email::parse(address) else { return Ok(Vec::new()) };
    let mark = Marks::new(key).email(&email);
    let read = move |reader: &mut Reader<'_>| -> Result<_, Error> {
        let mut found = Vec::new();
        for account in sql::account::all_by_address(reader, &mark)? {
            found.push((account, !sql::factor::of_customer(reader, account)?.is_empty()));
        }
        Ok(found)
    };
    db.read(read).await
}

impl Shared {
    pub(crate) async fn closing(&self, customer: CustomerId, reason: &'static str) -> Result<Closing, Error> {
        // An account that somebody changed past Storeward is as none, and is closed all the same.
        let account = self.account(customer).await?;
        let factors = self.db.read(move |reader| sql::factor::of_customer(reader, customer)).await?;
        let telephones = factors.iter().filter(|factor| factor.kind == FactorKind::Sms);
        // One that cannot be read was counted for nobody.
        let numbers = telephones.filter_map(|factor| self.open_number(factor).ok());
        // In nobody's name: what waits for the account goes with it, and this is to be sent.
        let letter =
            account.as_ref().and_then(|account| self.plain_notice(LetterKind::AccountClosed, account));
        Ok(Closing {
            customer,
            reason,
            numbers: numbers.map(|number| self.marks.number(&number)).collect(),
            letter: letter.map(|letter| Letter { customer: None, ..letter }),
            address: account.and_then(|account| account.email),
            leaving: self.leaving.read().unwrap_or_else(PoisonError::into_inner).clone(),
        })
    }
}

impl Closing {
    /// Whether it was there until now.
    pub(crate) fn write(
        &self,
        tx: &mut Tx<'_>,
        post: &dyn crate::letter::Post,
        actor: Actor,
    ) -> Result<bool, Error> {
        let customer = self.customer;
        if !sql::closing::is_there(tx, customer)? {
            tx.commit_silent("the account was closed already");
            return Ok(false);
        }
        let closed = Closed { customer, sessions: sql::closing::sessions(tx, customer)? };
        for leave in &self.leaving {
            leave(tx, &closed)?;
        }
        // Before the last letter is among what waits.
        post.forget(tx, customer, self.address.as_ref().map(Email::as_str))?;
        sql::closing::delete(tx, customer, &self.numbers)?;
        if let Some(letter) = &self.letter {
            post.post(tx, letter)?;
        }
        tx.append(actor, None, AccountClosed { customer, reason: self.reason.to_owned() })?;
        Ok(true)
    }
}
