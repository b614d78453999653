//! What a customer is told by letter of attempts at the account (ASVS 5.0 6.3.5): a right password without the second factor, and
//! a sign-in after many wrong passwords. Both take the right password, so nobody without it can have letters sent; and each kind
//! goes to an account once a day at most.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::{CustomerId, Timestamp};
use storeward_store::jobs::{self, Failed, Handler, Job, NewJob};
use storeward_store::{Reader, Tx};

use super::devices::Known;
use super::flows::FlowDraft;
use super::letters::Notice;
use super::{Identity, Shared};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::marks::Field;
use crate::model::Account;
use crate::place::Place;
use crate::sql::{self, told::UnmetRow};
use crate::visit::Visit;

/// The kind of the jobs that look whether a challenge was met.
const JOB: &str = "identity.tell_unmet";
/// An account gets one letter of a kind within this.
const ONCE_IN: Duration = Duration::from_secs(86_400);
/// So many wrong passwords from unknown devices before a sign-in are told. Fewer are somebody who has forgotten theirs.
const MANY_GUESSES: u32 = 10;

/// What a job carries: no token, only what it is found by.
#[derive(Serialize, Deserialize)]
struct Promise {
    flow: String,
}

/// A challenge behind a right password, to be looked at when its time is over.
#[derive(Clone)]
pub struct Unmet {
    row: UnmetRow,
    over_at: Timestamp,
}

impl Unmet {
    pub fn write(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        sql::told::insert_unmet(tx, &self.row)?;
        let promise = Promise { flow: self.row.flow_hash.clone() };
        let bytes = serde_json::to_vec(&promise).map_err(|_| Error::Form("a promise cannot be written"))?;
        jobs::enqueue(tx, &NewJob::new(JOB, bytes).not_before(self.over_at))?;
        Ok(())
    }
}

/// Whether the account may have a letter of this kind now. Part of the write that promises it.
pub fn may_tell(tx: &mut Tx<'_>, customer: CustomerId, kind: LetterKind) -> Result<bool, Error> {
    let now = tx.now();
    Ok(sql::told::claim(tx, customer, kind.word(), now, now.minus(ONCE_IN))?)
}

impl Shared {
    /// For a challenge that is about to be written. Nothing on a device that signed in before: there it is the person, who was called
    /// away.
    pub fn unmet(&self, visit: &Visit, draft: &FlowDraft, device: &Known) -> Option<Unmet> {
        let customer = draft.row.customer.filter(|_| device.row().is_none())?;
        let row = UnmetRow {
            flow_hash: draft.row.hash.clone(),
            customer,
            network_mark: self.marks.network(visit.client),
            label_sealed: self.seal_label(&self.place(visit.client).behind(&visit.label), &draft.row.hash),
            at: draft.row.now,
        };
        Some(Unmet { row, over_at: draft.row.expires_at })
    }

    fn missed_notice(&self, account: &Account, label: &str, at: Timestamp) -> Option<Notice> {
        let (when, (device, place)) = (at.in_words(account.language), Place::split(label));
        let near =
            place.and_then(|place| place.shown(account.language)).map_or_else(String::new, |near| near.words);
        let more = [("device", device.as_str()), ("when", &when), ("place", &near)];
        self.notice(LetterKind::FactorMissed, account, &more, at)
    }

    /// The password was right, and the sign-in was refused all the same.
    pub async fn tell_refused(&self, visit: &Visit, account: &Account) -> Result<(), Error> {
        let label = self.place(visit.client).behind(&visit.label);
        let Some(notice) = self.missed_notice(account, &label, self.now()) else { return Ok(()) };
        let (customer, post) = (account.id, self.post.clone());
        let written = self.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("the refusal was told; that a letter went out is a fact of its own");
            if may_tell(tx, customer, LetterKind::FactorMissed)? {
                notice.write(tx, &*post)?;
            }
            Ok(())
        });
        written.await
    }

    /// The letter for a sign-in after many wrong passwords; `None` where there were few.
    pub async fn guesses_notice(&self, visit: &Visit, account: &Account) -> Result<Option<Notice>, Error> {
        let customer = account.id;
        let read = self.db.read(move |reader: &mut Reader<'_>| sql::account::failures(reader, customer));
        let failures = read.await?;
        if failures < MANY_GUESSES {
            return Ok(None);
        }
        let (count, when) = (failures.to_string(), self.now().in_words(account.language));
        let near =
            self.place(visit.client).shown(account.language).map_or_else(String::new, |near| near.words);
        let more =
            [("device", visit.label.as_str()), ("place", &near), ("when", &when), ("count", count.as_str())];
        Ok(self.notice(LetterKind::SignInAfterGuesses, account, &more, self.now()))
    }
}

impl Identity {
    pub(super) fn unmet_handler(&self) -> Handler {
        let identity = self.clone();
        Handler::new(JOB, move |job| {
            let identity = identity.clone();
            async move { identity.tell_unmet(job).await }
        })
    }

    /// The time of a challenge is over: whoever knew the password showed no more.
    async fn tell_unmet(&self, job: Job) -> Result<(), Failed> {
        let promise: Promise =
            serde_json::from_slice(job.payload()).map_err(|_| Failed::for_good("identity.form"))?;
        let shared = &self.0;
        let hash = promise.flow;
        let found = {
            let hash = hash.clone();
            shared.db.read(move |reader: &mut Reader<'_>| sql::told::unmet(reader, &hash)).await
        };
        let found = found.map_err(Error::from)?;
        let mut notice = None;
        if let Some((customer, label, at)) = found
            && let Some(account) =
                shared.account(customer).await?.filter(|account| account.locked_at.is_none())
        {
            let label = shared.vault.open_text(&label, &hash, Field::Label)?;
            notice = shared.missed_notice(&account, &label, at).map(|notice| (customer, notice));
        }
        let (claim, post) = (job.claim(), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("that more was asked for was told; that a letter went out is a fact of its own");
            // Read again under the write: somebody may have shown it just now.
            if sql::told::met(tx, &hash)?
                && let Some((customer, notice)) = &notice
                && may_tell(tx, *customer, LetterKind::FactorMissed)?
            {
                notice.write(tx, &*post)?;
            }
            Ok(claim.finish(tx)?)
        });
        Ok(written.await?)
    }
}
