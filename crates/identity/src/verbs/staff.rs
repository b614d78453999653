//! What staff may do to a customer's account: look it up by exact address, lock, unlock, end sessions, ask for more next
//! time. Never read or choose a password, never act as the customer.

use storeward_base::{Actor, CustomerId};
use storeward_events::identity::{AccountLocked, AccountUnlocked, SessionsRevoked, StepUpForced};

use super::Identity;
use crate::error::Error;
use crate::model::Email;
use crate::sql;

impl Identity {
    /// The account of exactly this address.
    pub async fn find_customer(&self, address: &str) -> Result<Option<CustomerId>, Error> {
        let Ok(email) = Email::parse(address) else { return Ok(None) };
        Ok(self.0.account_by_email(&email).await?.map(|account| account.id))
    }

    /// Locks the account: nobody signs in, and its sessions end.
    pub async fn lock_account(&self, actor: Actor, customer: CustomerId) -> Result<(), Error> {
        let now = self.0.now();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            if !sql::account::lock(tx, customer, now)? {
                tx.commit_silent("the account was locked already, or is none");
                return Ok(());
            }
            let count = sql::session::delete_all(tx, customer)?;
            sql::flow::end_all(tx, customer)?;
            tx.append(actor, None, AccountLocked { customer })?;
            tx.append(actor, None, SessionsRevoked { customer, count, reason: "staff".to_owned() })?;
            Ok(())
        });
        written.await
    }

    pub async fn unlock_account(&self, actor: Actor, customer: CustomerId) -> Result<(), Error> {
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            if sql::account::unlock(tx, customer)? {
                tx.append(actor, None, AccountUnlocked { customer })?;
            } else {
                tx.commit_silent("the account was not locked");
            }
            Ok(())
        });
        written.await
    }

    /// Ends every session.
    pub async fn revoke_sessions(&self, actor: Actor, customer: CustomerId) -> Result<u64, Error> {
        let written = self.0.db.write(move |tx| -> Result<u64, Error> {
            let count = sql::session::delete_all(tx, customer)?;
            tx.append(actor, None, SessionsRevoked { customer, count, reason: "staff".to_owned() })?;
            Ok(count)
        });
        written.await
    }

    /// The next sign-in shows a second factor, whatever the policy says.
    pub async fn force_step_up(&self, actor: Actor, customer: CustomerId) -> Result<(), Error> {
        let now = self.0.now();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            sql::account::force_step_up(tx, customer, now)?;
            tx.append(actor, None, StepUpForced { customer, reason: "staff".to_owned() })?;
            Ok(())
        });
        written.await
    }
}
