//! Known and trusted devices: recognised by a token that changes with each sign-in. An old token that comes back means
//! that two hold it, so one of them is a thief.
//!
//! The token of before may come back honestly, since the answer to the sign-in was lost. Within a minute, from the network that the
//! sign-in came from, it is known as ever, and is given the same next token: which answer of a form that was sent twice the browser
//! keeps is one. Else it may be a telephone that left its Wi-Fi, or whoever copied it: it stands for nothing, and nobody is alarmed
//! until what the sign-in gave out was used. But the next token is good no more. If somebody shows that one, the answer was not lost,
//! so two hold the device; if nobody does, nothing was copied. And who shows what the sign-in takes ends what the first answer had
//! given out. Once a session that the next token came with was used (seen or signed out a minute later, or stepped up), the token of before is
//! kept no more: it is a copy, also when that session has ended. Signed out sooner, it may be of a browser that had not written the next one
//! to its disk; a copy is told by its owner's next sign-in then.
//!
//! A token that was given out after the row was last written is no copy either: a backup was put back since. It stands for nothing, and
//! neither does the one of the row from then on, which whoever copied it before that day would come with.

use storeward_base::{Actor, CustomerId, Timestamp};
use storeward_events::identity::{DeviceTokenReused, DevicesRevoked, SessionsRevoked, StepUpForced};
use storeward_store::Reader;

use super::flows::Means;
use super::{Shared, note_activity};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::model::{Account, DeviceId, Email};
use crate::sql::{self, device::DeviceRow, device::TWICE};
use crate::state::State;
use crate::tokens::DeviceToken;
use crate::visit::Visit;

/// What the browser's device token says.
#[derive(Clone, Debug)]
pub enum Known {
    Yes(DeviceRow),
    /// Its token changed a moment ago: a form that was sent twice.
    JustNow(DeviceRow),
    /// The same from another network, or later where nobody has used what it was exchanged for: it stands for nothing. What began with its next token ends when this sign-in leads in.
    Elsewhere(DeviceId),
    /// It was given out once and replaced since: somebody holds a copy. Everything is ended already.
    Copied,
    No,
}

/// The same, with what only counts behind a password.
enum Seen {
    Known(Known),
    /// What it held before, in another network or later, where what it was exchanged for may have been lost.
    Elsewhere(DeviceRow),
    /// What it held before: a copy, or an old one that somebody found.
    Copied(DeviceRow),
}

impl Known {
    pub fn row(&self) -> Option<&DeviceRow> {
        match self {
            Known::Yes(row) | Known::JustNow(row) => Some(row),
            Known::Elsewhere(_) | Known::Copied | Known::No => None,
        }
    }

    /// The device whose earlier token this was, where it stands for nothing.
    pub fn elsewhere(&self) -> Option<DeviceId> {
        match self {
            Known::Elsewhere(id) => Some(*id),
            Known::Yes(_) | Known::JustNow(_) | Known::Copied | Known::No => None,
        }
    }

    pub fn is_trusted(&self, now: Timestamp) -> bool {
        self.row().and_then(|row| row.trusted_until).is_some_and(|until| until > now)
    }
}

impl Shared {
    /// Whose device a token is.
    pub async fn owner_of_device(&self, token: &DeviceToken) -> Result<Option<CustomerId>, Error> {
        let (id, now) = (token.id, self.now());
        let Some(row) = self.db.read(move |reader| sql::device::by_id(reader, id, now)).await? else {
            return Ok(None);
        };
        let is_own = storeward_seal::fingerprint::equal(row.token_hash.as_bytes(), token.hash().as_bytes());
        Ok(is_own.then_some(row.customer))
    }

    /// Whether an account goes by this name at the shop: by the shop's own name for it, or by its address.
    pub async fn is_named(&self, customer: CustomerId, typed: &str) -> bool {
        let (typed, email) = (typed.trim(), Email::parse(typed).ok());
        let mark = self.marks.shop(typed);
        let found = self.db.read(move |reader| sql::account::id_by_shop(reader, &mark)).await;
        if matches!(found, Ok(Some(named)) if named == customer) {
            return true;
        }
        let Ok(Some(account)) = self.account(customer).await else { return false };
        email.is_some() && account.email == email
    }

    /// Whether the browser signed in to this account before. For whoever has shown nothing yet: an old token says nothing
    /// there, or whoever found a sold device or an old backup of one would sign its owner out.
    pub async fn seen_device(&self, visit: &Visit, account: &Account) -> Result<Known, Error> {
        Ok(match self.look_at_device(visit, account).await? {
            Seen::Known(known) => known,
            Seen::Elsewhere(_) | Seen::Copied(_) => Known::No,
        })
    }

    /// The same behind a right password or more: there, an old token is a copy, and is dealt with.
    pub async fn known_device(&self, visit: &Visit, account: &Account) -> Result<Known, Error> {
        Ok(match self.look_at_device(visit, account).await? {
            Seen::Known(known) => known,
            Seen::Elsewhere(row) => {
                self.doubt(&row).await?;
                Known::Elsewhere(row.id)
            }
            Seen::Copied(row) => {
                self.contain_theft(visit, account, &row).await?;
                Known::Copied
            }
        })
    }

    /// [`Shared::known_device`], with what the account has then: what was contained just now, because the browser showed a copy, counts at once.
    pub async fn known_now(&self, visit: &Visit, means: Means) -> Result<(Means, Known), Error> {
        let device = self.known_device(visit, &means.account).await?;
        let means = match device {
            Known::Copied => self.means(means.account.id).await?,
            Known::Yes(_) | Known::JustNow(_) | Known::Elsewhere(_) | Known::No => means,
        };
        Ok((means, device))
    }

    /// The same at the end of a flow: a token that was a moment old when it began is so still, however long the way took.
    pub async fn known_in(
        &self,
        visit: &Visit,
        means: Means,
        state: &State,
    ) -> Result<(Means, Known), Error> {
        let shown = |id: &DeviceId| visit.devices.is_empty() || visit.shown(*id).is_some();
        match state.elsewhere.filter(shown) {
            Some(id) => Ok((means, Known::Elsewhere(id))),
            None => self.known_now(visit, means).await,
        }
    }

    async fn look_at_device(&self, visit: &Visit, account: &Account) -> Result<Seen, Error> {
        let Some((token, row)) = self.token_of(visit, account.id).await? else {
            return Ok(Seen::Known(Known::No));
        };
        let now = self.now();
        let same = |hash: &str| storeward_seal::fingerprint::equal(hash.as_bytes(), token.hash().as_bytes());
        if same(&row.token_hash) {
            return Ok(Seen::Known(Known::Yes(row)));
        }
        // Until somebody has used what it was exchanged for, the answer may have been lost.
        if row.previous_hash.as_deref().is_some_and(same) {
            let is_just_now = now.since(row.seen_at) < TWICE && !row.is_doubted();
            let is_twice = is_just_now && self.is_signed_in_from(visit, &row).await?;
            return Ok(if is_twice { Seen::Known(Known::JustNow(row)) } else { Seen::Elsewhere(row) });
        }
        // A secret that nobody was given proves no copy: whoever knows the name of a device could end its owner's sessions.
        if !token.is_genuine(&self.marks) {
            return Ok(Seen::Known(Known::No));
        }
        if token.given_at(&self.marks).is_some_and(|at| at > row.seen_at.plus(TWICE)) {
            return Ok(Seen::Elsewhere(row));
        }
        Ok(Seen::Copied(row))
    }

    /// What the browser shows of this account's: it may hold others' beside it, as a household's does.
    async fn token_of<'v>(
        &self,
        visit: &'v Visit,
        customer: CustomerId,
    ) -> Result<Option<(&'v DeviceToken, DeviceRow)>, Error> {
        let now = self.now();
        for token in &visit.devices {
            let id = token.id;
            let found = self.db.read(move |reader| sql::device::by_id(reader, id, now)).await?;
            if let Some(row) = found.filter(|row| row.customer == customer) {
                return Ok(Some((token, row)));
            }
        }
        Ok(None)
    }

    /// Whether the sign-in that changed the token came from the network that asks: so does a form that was sent twice.
    async fn is_signed_in_from(&self, visit: &Visit, row: &DeviceRow) -> Result<bool, Error> {
        let (of, mark) = (row.clone(), self.marks.network(visit.client));
        let read = move |reader: &mut Reader<'_>| {
            sql::session::began_at(reader, of.customer, of.id, &mark, of.seen_at)
        };
        Ok(self.db.read(read).await?)
    }

    /// The token that the device has now is good for nothing more: whoever comes with it tells that two hold the device.
    async fn doubt(&self, row: &DeviceRow) -> Result<(), Error> {
        if row.is_doubted() {
            return Ok(());
        }
        let row = row.clone();
        let written = self.db.write(move |tx| -> Result<(), Error> {
            sql::device::doubt(tx, &row)?;
            tx.commit_silent("an earlier token: an answer was lost, or the next token tells");
            Ok(())
        });
        written.await
    }

    /// Ends the device and every session, asks for a second factor next time, and tells the person.
    async fn contain_theft(&self, visit: &Visit, account: &Account, row: &DeviceRow) -> Result<(), Error> {
        let (customer, device, now) = (account.id, row.id, self.now());
        let notice = self.notice(LetterKind::DeviceCopied, account, &[("device", &visit.label)], now);
        let activity = self.activity_of("device_copied", visit);
        let (actor, post) = (self.stranger(visit.client), self.post.clone());
        let written = self.db.write(move |tx| -> Result<(), Error> {
            if !sql::device::delete(tx, device, customer)? {
                tx.commit_silent("another request told of the copy already");
                return Ok(());
            }
            let count = sql::session::delete_all(tx, customer)?;
            sql::account::force_step_up(tx, customer, now)?;
            note_activity(tx, customer, &activity)?;
            if let Some(notice) = &notice {
                notice.write(tx, &*post)?;
            }
            let reason = || "theft".to_owned();
            tx.append(actor, None, DeviceTokenReused { customer })?;
            tx.append(Actor::System, None, DevicesRevoked { customer, count: 1, reason: reason() })?;
            tx.append(Actor::System, None, SessionsRevoked { customer, count, reason: reason() })?;
            tx.append(Actor::System, None, StepUpForced { customer, reason: reason() })?;
            Ok(())
        });
        written.await
    }
}

/// Forgets every device but this one, if there is one, and tells why. Part of a larger change.
pub fn forget_others(
    tx: &mut storeward_store::Tx<'_>,
    actor: Actor,
    customer: CustomerId,
    but: Option<DeviceId>,
    reason: &'static str,
) -> Result<(), storeward_store::Error> {
    let count = sql::device::delete_others(tx, customer, but)?;
    if count > 0 {
        tx.append(actor, None, DevicesRevoked { customer, count, reason: reason.to_owned() })?;
    }
    Ok(())
}

/// Ends every session and every device, and tells why. Part of a larger change.
pub fn end_everything(
    tx: &mut storeward_store::Tx<'_>,
    actor: Actor,
    customer: CustomerId,
    reason: &'static str,
) -> Result<(), storeward_store::Error> {
    super::wait::cancel(tx, actor, customer, reason)?;
    let sessions = sql::session::delete_all(tx, customer)?;
    let devices = sql::device::delete_all(tx, customer)?;
    sql::flow::end_all(tx, customer)?;
    let reason = reason.to_owned();
    tx.append(actor, None, SessionsRevoked { customer, count: sessions, reason: reason.clone() })?;
    tx.append(actor, None, DevicesRevoked { customer, count: devices, reason }).map(drop)
}
