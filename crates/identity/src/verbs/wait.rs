//! The way back for whoever lost every second factor: who reads the account's mail says so, then a waiting time, told at its
//! beginning, in its middle and at its end, which anybody who still has the account can stop; then a new factor, and nothing
//! else. The password stays what it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::{Actor, CustomerId, Secret, StaffId, Timestamp};
use storeward_events::identity::{
    FactorAdded, FactorRemoved, RecoveryFinished, RecoveryWaitBegun, RecoveryWaitCancelled, RecoveryWaitEnded,
};
use storeward_store::jobs::{self, Failed, Handler, Job, NewJob};
use storeward_store::{Reader, Tx};

use super::current::CurrentSession;
use super::devices::end_everything;
use super::flows::{FlowDraft, Means, Need, Step};
use super::letters::ADDRESS_BACK_LIFE;
use super::{Identity, Shared, note_activity};
use crate::error::Error;
use crate::letter::{Letter, LetterKind, Post};
use crate::marks::Field;
use crate::model::{Account, Email};
use crate::sql::{self, factor::FactorRow, wait::WaitRow};
use crate::state::{Purpose, State};
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// The kind of the jobs that tell the person.
const JOB: &str = "identity.recovery_wait";
/// When it is over, a new factor may be added for so long.
const OPEN: Duration = Duration::from_secs(7 * 86_400);
/// After it was stopped, the person's mail alone begins no other for so long; staff may.
const QUIET: Duration = Duration::from_secs(7 * 86_400);

/// How far the person is told.
const MIDDLE: i64 = 2;
const END: i64 = 3;

/// What a letter's link stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stops {
    /// The waiting time that goes on.
    Wait,
    /// Also one that has not begun: whoever reads the address that was put away says that the other mailbox is no way in.
    Mailbox,
}

/// Why no waiting time began.
#[derive(Debug)]
pub enum WaitFault {
    /// One was stopped a short while ago.
    StoppedLately,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for WaitFault {
    fn from(error: E) -> Self {
        WaitFault::Failed(error.into())
    }
}

/// What a job carries.
#[derive(Serialize, Deserialize)]
struct Promise {
    customer: CustomerId,
    begun_at: Timestamp,
    stage: i64,
}

impl WaitRow {
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.cancelled_at.is_none() && now < self.ends_at.plus(OPEN)
    }

    /// Whether a new factor may be added now.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.is_open(now) && now >= self.ends_at
    }
}

/// A waiting time that is about to begin, with its letter.
#[derive(Clone)]
pub struct WaitDraft {
    customer: CustomerId,
    pub ends_at: Timestamp,
    begun_at: Timestamp,
    staff: Option<StaffId>,
    letters: Letters,
    activity: sql::activity::ActivityRow,
}

impl WaitDraft {
    pub fn write(&self, tx: &mut Tx<'_>, post: &dyn Post, actor: Actor) -> Result<(), Error> {
        sql::wait::begin(tx, self.customer, self.begun_at, self.ends_at, self.staff)?;
        let middle = self.begun_at.plus(self.ends_at.since(self.begun_at) / 2);
        promise(tx, self.customer, self.begun_at, MIDDLE, middle)?;
        promise(tx, self.customer, self.begun_at, END, self.ends_at)?;
        note_activity(tx, self.customer, &self.activity)?;
        self.letters.write(tx, post)?;
        let by = if self.staff.is_some() { "staff" } else { "customer" }.to_owned();
        tx.append(actor, None, RecoveryWaitBegun { customer: self.customer, ends_at: self.ends_at, by })?;
        Ok(())
    }
}

/// Promises that the person will be told. A wait that was shortened is told at its new end, by a promise of its own.
pub fn promise(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    begun_at: Timestamp,
    stage: i64,
    at: Timestamp,
) -> Result<(), Error> {
    let promise = Promise { customer, begun_at, stage };
    let bytes = serde_json::to_vec(&promise).map_err(|_| Error::Form("a promise cannot be written"))?;
    jobs::enqueue(tx, &NewJob::new(JOB, bytes).not_before(at))?;
    Ok(())
}

/// Stops a waiting time, if there is one, and tells why. Part of a larger change.
pub fn cancel(
    tx: &mut Tx<'_>,
    actor: Actor,
    customer: CustomerId,
    by: &str,
) -> Result<bool, storeward_store::Error> {
    let now = tx.now();
    if !sql::wait::cancel(tx, customer, now)? {
        return Ok(false);
    }
    tx.append(actor, None, RecoveryWaitCancelled { customer, by: by.to_owned() })?;
    Ok(true)
}

impl Shared {
    pub async fn wait(&self, customer: CustomerId) -> Result<Option<WaitRow>, Error> {
        Ok(self.db.read(move |reader: &mut Reader<'_>| sql::wait::of_customer(reader, customer)).await?)
    }

    /// A waiting time of the account, from now on.
    pub async fn draft_wait(
        &self,
        account: &Account,
        staff: Option<StaffId>,
        label: &str,
    ) -> Result<WaitDraft, Error> {
        let now = self.now();
        let ends_at = now.plus(self.policy().recovery_wait());
        Ok(WaitDraft {
            customer: account.id,
            ends_at,
            begun_at: now,
            staff,
            letters: self.wait_letters(LetterKind::RecoveryWaitBegun, account, ends_at).await?,
            activity: self.activity("recovery_wait_begun", label),
        })
    }

    /// The letters that tell of a waiting time: to the address on file, and to those that a letter's link put away, whose owner may be
    /// the account's.
    pub async fn wait_letters(
        &self,
        kind: LetterKind,
        account: &Account,
        ends_at: Timestamp,
    ) -> Result<Letters, Error> {
        let mut letters = Vec::from_iter(self.wait_letter(kind, account, ends_at));
        for address in self.put_away(account.id).await? {
            let account = Account { email: Some(address), ..account.clone() };
            letters.extend(self.wait_letter(LetterKind::RecoveryWaitGoesOn, &account, ends_at));
        }
        Ok(Letters(letters))
    }

    fn wait_letter(
        &self,
        kind: LetterKind,
        account: &Account,
        ends_at: Timestamp,
    ) -> Option<(FlowDraft, Letter)> {
        let life = self.policy().recovery_wait() + OPEN;
        let (flow, mut letter) = self.stop_letter(kind, account, State::default(), life)?;
        let at = ends_at.in_words(account.language);
        letter.parameters.push(("ends", Secret::new(at)));
        Some((flow, letter))
    }

    /// To the address on file, which is about to be put away: with a link by which whoever reads it keeps the mailbox that it is
    /// put away for from being a way in, for as long as that one had to put it away.
    pub(super) fn away_letter(&self, account: &Account) -> Option<(FlowDraft, Letter)> {
        let written_to = account.email.as_ref().map(|email| email.as_str().to_owned());
        let state = State { written_to, ..State::default() };
        self.stop_letter(LetterKind::AddressPutAway, account, state, ADDRESS_BACK_LIFE)
    }

    /// A letter with a link that stops a waiting time, and the flow behind the link.
    fn stop_letter(
        &self,
        kind: LetterKind,
        account: &Account,
        state: State,
        life: Duration,
    ) -> Option<(FlowDraft, Letter)> {
        let mut letter = self.plain_notice(kind, account)?;
        let flow = self.draft_flow_for(Purpose::StopRecovery, Some(account.id), state, life, self.now());
        let secret = flow.token.secret().expose();
        let link = format!("{}{}/recover/stop?t={secret}", self.origin(), storeward_host::OWN_PREFIX);
        letter.parameters.push(("link", Secret::new(link)));
        Some((flow, letter))
    }

    /// Addresses that a letter's link put away, while they may stop a way back by the one that is on file for it.
    async fn put_away(&self, customer: CustomerId) -> Result<Vec<Email>, Error> {
        let now = self.now();
        let read = move |reader: &mut Reader<'_>| sql::flow::stop_links(reader, customer, now);
        let mut found = Vec::new();
        for (hash, sealed) in self.db.read(read).await? {
            let state = self.vault.open(&sealed, &hash, Field::State)?;
            let written_to = State::from_bytes(state.expose())?.written_to;
            found.extend(written_to.and_then(|text| Email::parse(&text).ok()));
        }
        Ok(found)
    }
}

/// Letters with the flows behind their links.
#[derive(Clone)]
pub struct Letters(Vec<(FlowDraft, Letter)>);

impl Letters {
    pub fn write(&self, tx: &mut Tx<'_>, post: &dyn Post) -> Result<(), Error> {
        for (flow, letter) in &self.0 {
            flow.write(tx, post)?;
            post.post(tx, letter)?;
        }
        Ok(())
    }
}

impl Identity {
    /// Who does the jobs of this domain, for the runner.
    pub fn handlers(&self) -> Vec<Handler> {
        let identity = self.clone();
        let wait = Handler::new(JOB, move |job| {
            let identity = identity.clone();
            async move { identity.tell_wait(job).await }
        });
        vec![wait, self.unmet_handler()]
    }

    /// The middle or the end of a waiting time: tells the person, once, if it was not stopped meanwhile.
    async fn tell_wait(&self, job: Job) -> Result<(), Failed> {
        let promise: Promise =
            serde_json::from_slice(job.payload()).map_err(|_| Failed::for_good("identity.form"))?;
        let shared = &self.0;
        let Promise { customer, begun_at, stage } = promise;
        let kind = if stage == END { LetterKind::RecoveryWaitEnded } else { LetterKind::RecoveryWaitGoesOn };
        let account = shared.account(customer).await?;
        let row = shared.wait(customer).await?;
        let letters = match (&account, &row) {
            (Some(account), Some(row)) => shared.wait_letters(kind, account, row.ends_at).await?,
            _ => Letters(Vec::new()),
        };
        let (claim, post) = (job.claim(), shared.post.clone());
        let told = shared.db.write(move |tx| -> Result<(), Error> {
            let row = sql::wait::of_customer(tx, customer)?;
            let due = row.is_some_and(|row| {
                let is_last = stage == END;
                is_last && tx.now() >= row.ends_at || !is_last && tx.now() < row.ends_at
            });
            if due && sql::wait::tell(tx, customer, stage, begun_at)? {
                letters.write(tx, &*post)?;
                if stage == END {
                    tx.append(Actor::System, None, RecoveryWaitEnded { customer })?;
                } else {
                    tx.commit_silent("a letter in the middle; its sending is a fact of its own");
                }
            } else {
                tx.commit_silent("it was stopped, told, or put off meanwhile");
            }
            Ok(claim.finish(tx)?)
        });
        Ok(told.await?)
    }

    /// Who has shown that they read the account's mail says that every factor is lost.
    pub async fn begin_wait(&self, visit: &Visit, token: &FlowToken) -> Result<Timestamp, WaitFault> {
        let shared = &self.0;
        let flow = shared.flow(token).await?;
        let (need, means) = shared.need(&flow).await?;
        let (Purpose::Recovery, Need::Factor(_), Some(means)) = (flow.purpose, need, means) else {
            return Err(Error::FlowOver.into());
        };
        let account = means.account;
        let known = shared.wait(account.id).await?;
        let now = shared.now();
        if let Some(row) = known {
            if row.cancelled_at.is_some_and(|at| now.since(at) < QUIET) {
                return Err(WaitFault::StoppedLately);
            }
            // One that goes on is not begun anew: it would push its own end away.
            if row.is_open(now) {
                return Ok(row.ends_at);
            }
        }
        let draft = shared.draft_wait(&account, None, &visit.label).await?;
        let ends_at = draft.ends_at;
        let (actor, post) = (shared.stranger(visit.client), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            if !sql::flow::finish(tx, &flow.hash, now)? {
                return Err(Error::FlowOver);
            }
            draft.write(tx, &*post, actor)
        });
        written.await?;
        Ok(ends_at)
    }

    /// What a letter's link still stops, if anything. Changes nothing: scanners follow links.
    pub async fn stop_link(&self, token: &FlowToken) -> Result<Option<Stops>, Error> {
        let flow = match self.0.flow(token).await {
            Ok(flow) => flow,
            Err(Error::FlowOver) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (Purpose::StopRecovery, Some(customer)) = (flow.purpose, flow.customer) else {
            return Ok(None);
        };
        if flow.state.written_to.is_some() {
            return Ok(Some(Stops::Mailbox));
        }
        let now = self.0.now();
        let is_open = self.0.wait(customer).await?.is_some_and(|row| row.is_open(now));
        Ok(is_open.then_some(Stops::Wait))
    }

    /// What the button on the link's page does.
    pub async fn stop_wait(&self, token: &FlowToken) -> Result<(), Error> {
        let flow = self.0.flow(token).await?;
        let (Purpose::StopRecovery, Some(customer)) = (flow.purpose, flow.customer) else {
            return Err(Error::FlowOver);
        };
        let what = if flow.state.written_to.is_some() { Stops::Mailbox } else { Stops::Wait };
        self.stop(customer, "letter", what).await
    }

    /// The same from inside, by any session.
    pub async fn stop_wait_inside(&self, session: &CurrentSession) -> Result<(), Error> {
        self.stop(session.customer, "session", Stops::Wait).await
    }

    async fn stop(&self, customer: CustomerId, by: &'static str, what: Stops) -> Result<(), Error> {
        let activity = self.0.activity("recovery_wait_stopped", "");
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            let now = tx.now();
            let is_open = sql::wait::of_customer(tx, customer)?.is_some_and(|row| row.is_open(now));
            // As one that was begun and stopped just now: no other begins for as long as after that.
            if what == Stops::Mailbox && !is_open {
                sql::wait::begin(tx, customer, now, now, None)?;
            }
            if cancel(tx, Actor::Customer { id: customer }, customer, by)? {
                sql::flow::end_recoveries(tx, customer)?;
                note_activity(tx, customer, &activity)?;
            } else {
                tx.commit_silent("there was nothing to stop");
            }
            Ok(())
        });
        written.await
    }

    /// When the account's waiting time ends, while one goes on.
    pub async fn open_wait(&self, session: &CurrentSession) -> Result<Option<Timestamp>, Error> {
        let now = self.0.now();
        let row = self.0.wait(session.customer).await?;
        Ok(row.filter(|row| row.is_open(now)).map(|row| row.ends_at))
    }

    /// Puts the new factor in the place of all that were lost. It signs nobody in, and ends every session and device.
    pub(super) async fn replace_factors(
        &self,
        visit: &Visit,
        flow_hash: &str,
        means: &Means,
        row: FactorRow,
        credential_mark: Option<String>,
    ) -> Result<Step, Error> {
        let shared = &self.0;
        // One moment for all of it: the letter's link takes out what was added since then, and this is it.
        let (customer, now, hash) = (means.account.id, row.created_at, flow_hash.to_owned());
        let lost: Vec<&'static str> = means.factors.iter().map(|factor| factor.kind.word()).collect();
        let word = row.kind.word();
        let notice = shared.notice(LetterKind::FactorsReplaced, &means.account, &[("factor", word)], now);
        let activity = shared.activity_of("factors_replaced", visit);
        let post = shared.post.clone();
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            let over = sql::wait::of_customer(tx, customer)?.is_some_and(|row| row.is_over(now));
            if !over || !sql::flow::finish(tx, &hash, now)? {
                return Err(Error::FlowOver);
            }
            sql::wait::delete(tx, customer)?;
            sql::factor::delete_all(tx, customer)?;
            sql::factor::delete_codes(tx, customer)?;
            sql::told::forget_taken_out(tx, customer)?;
            sql::flow::end_stop_links(tx, customer)?;
            // Whoever waited may be somebody else: they are let in anew.
            sql::office::forget(tx, customer)?;
            sql::factor::insert(tx, &row, credential_mark.as_ref())?;
            let actor = Actor::Customer { id: customer };
            end_everything(tx, actor, customer, "recovery")?;
            note_activity(tx, customer, &activity)?;
            if let Some(notice) = &notice {
                notice.write(tx, &*post)?;
            }
            for factor in &lost {
                tx.append(actor, None, FactorRemoved { customer, factor: (*factor).to_owned() })?;
            }
            tx.append(actor, None, FactorAdded { customer, factor: word.to_owned() })?;
            tx.append(actor, None, RecoveryFinished { customer })?;
            Ok(())
        });
        written.await?;
        Ok(Step::FactorReplaced)
    }
}
