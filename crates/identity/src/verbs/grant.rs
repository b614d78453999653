//! Signing in, at last: the session, the device's next token, the notice, in one transaction or not at all.

use storeward_base::{Actor, CustomerId, Timestamp};
use storeward_detect::sign_in::Reason;
use storeward_events::identity::{CustomerSignedIn, DeviceTrusted, SessionsRevoked};

use super::devices::Known;
use super::letters::Notice;
use super::risk::Learnt;
use super::told::may_tell;
use super::{Shared, note_activity};
use crate::error::Error;
use crate::held::{Held, What};
use crate::letter::LetterKind;
use crate::model::{Account, DeviceId, Doors, Level, Proof, SessionId, amr_claim, amr_column};
use crate::place::Place;
use crate::sql::{self, account::NewAccount, device::DeviceRow, session::SessionRow};
use crate::state::{Door, Purpose, ReturnTo};
use crate::tokens::{DeviceToken, SessionToken};
use crate::visit::Visit;

/// A known device is remembered for so long after its last sign-in.
const DEVICE_KEPT_DAYS: u64 = 400;

/// What a browser gets.
#[derive(Debug)]
pub struct Granted {
    pub customer: CustomerId,
    pub session: SessionToken,
    pub session_id: SessionId,
    /// The device's next token, the same in both answers to a form that was sent twice; missing where another one replaced it.
    pub(crate) device: Option<DeviceToken>,
    /// What the browser holds of other accounts', which stays.
    pub(crate) others: Vec<DeviceToken>,
    pub return_to: Option<ReturnTo>,
    /// How long the session's cookie may live.
    pub(crate) session_seconds: u64,
}

/// Whether the person asked not to be asked here again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    AsBefore,
    FromNowOn,
}

/// Who signs in, and on what grounds.
pub struct Grant<'a> {
    pub account: &'a Account,
    pub proofs: Vec<Proof>,
    pub door: Door,
    pub return_to: Option<ReturnTo>,
    pub trust: Trust,
    pub device: Known,
    /// The flow that this ends: it happens once.
    pub flow_hash: Option<String>,
    /// The account that comes into being with it.
    pub opens: Option<NewAccount>,
    /// The mark of the address whose mail was shown to be read on the way.
    pub read_at: Option<String>,
    /// What spoke against it, though nothing more was asked for: stable words.
    pub noticed: Vec<String>,
}

impl<'a> Grant<'a> {
    /// The password is enough, as the device is trusted or nothing speaks against it.
    pub fn by_password(account: &'a Account, device: Known, door: Door, now: Timestamp) -> Self {
        let mut proofs = vec![Proof::Password];
        if device.is_trusted(now) {
            proofs.push(Proof::Device);
        }
        Grant {
            account,
            proofs,
            door,
            return_to: None,
            trust: Trust::AsBefore,
            device,
            flow_hash: None,
            opens: None,
            read_at: None,
            noticed: Vec::new(),
        }
    }
}

/// The rows that a grant writes.
#[derive(Clone)]
struct Draft {
    /// How the account stood when it was decided that this is enough; nothing of one that comes into being.
    doors: Option<Doors>,
    session: SessionRow,
    session_hash: String,
    network_mark: String,
    place_sealed: Vec<u8>,
    previous_session: Option<String>,
    device: DeviceDraft,
    /// What signed in with the same token a moment ago, from another network: an answer that was lost, or a thief's.
    elsewhere: Option<DeviceId>,
    /// A new device is told each time, another sign-in to be noticed once a day at most.
    notice: Option<Notice>,
    held: Option<Held>,
    noticed: Vec<String>,
    /// Told once a day at most.
    guesses: Option<Notice>,
    learnt: Option<Learnt>,
    activity: sql::activity::ActivityRow,
    flow_hash: Option<String>,
    opens: Option<NewAccount>,
    /// The mark of the address on file: as the shop tells it, and where it was shown that its mail is read.
    shop_email: Option<String>,
    confirmed_email: Option<String>,
    trusted_days: Option<u32>,
    proofs: Vec<Proof>,
    idle_since: Timestamp,
}

#[derive(Clone)]
enum DeviceDraft {
    New(DeviceRow),
    Next {
        known: DeviceRow,
        next: DeviceRow,
    },
    /// A form that was sent twice: the token that the first answer carried, by its hash.
    Keep {
        known: DeviceRow,
        token_hash: String,
    },
}

impl Shared {
    pub async fn grant(&self, visit: &Visit, grant: Grant<'_>) -> Result<Granted, Error> {
        let now = self.now();
        let policy = self.policy();
        let token = SessionToken::generate(&*self.entropy);
        let (device_draft, device_token, device_id) = self.device_draft(visit, &grant, now);
        // One that stands for nothing any more goes with the one that replaces it.
        let is_over = |id: DeviceId| device_id == Some(id) || grant.device.elsewhere() == Some(id);
        let others: Vec<DeviceToken> =
            visit.devices.iter().filter(|token| !is_over(token.id)).cloned().collect();
        let place = self.place(visit.client);
        let is_new_device = matches!(device_draft, DeviceDraft::New(_)) && grant.opens.is_none();
        let notice = self.sign_in_notice(visit, &grant, is_new_device, &place);
        let means = match grant.opens {
            Some(_) => super::risk::means_of(grant.account),
            None => self.means(grant.account.id).await?,
        };
        let guesses = match grant.opens {
            Some(_) => None,
            None => self.guesses_notice(visit, grant.account).await?,
        };
        let learnt = self.learn(visit, &means, &grant.device, &grant.proofs).await?;
        let session_id = SessionId::at(now, &*self.entropy);
        let level = Level::of(&grant.proofs);
        let session = SessionRow {
            id: session_id,
            customer: grant.account.id,
            device: device_id,
            level,
            amr: amr_column(&grant.proofs),
            door: grant.door,
            label_sealed: self.seal_label(&visit.label, &session_id.to_string()),
            created_at: now,
            authenticated_at: now,
            // A short message in the place of something better lets one in, and to nothing sensitive.
            stepped_up_at: (level >= Level::Two && means.is_all(&grant.proofs)).then_some(now),
            seen_at: now,
            expires_at: now.plus(policy.absolute()),
        };
        let on_file = grant.account.email.as_ref().map(|email| self.marks.email(email));
        let on_file = on_file.filter(|_| grant.opens.is_none());
        let what = if grant.opens.is_some() { "signed_up" } else { "signed_in" };
        let draft = Draft {
            doors: grant.opens.is_none().then(|| grant.account.doors()),
            session,
            session_hash: token.hash(),
            network_mark: self.marks.network(visit.client),
            place_sealed: self.seal_label(&place.to_text(), &session_id.to_string()),
            previous_session: visit.session.as_ref().map(SessionToken::hash),
            device: device_draft,
            elsewhere: grant.device.elsewhere(),
            notice,
            held: self.held_notice(&grant),
            noticed: grant.noticed,
            guesses,
            learnt,
            activity: self.activity_of(what, visit),
            flow_hash: grant.flow_hash,
            opens: grant.opens,
            shop_email: on_file.clone().filter(|_| grant.door == Door::Shield),
            confirmed_email: on_file.filter(|mark| grant.read_at.as_ref() == Some(mark)),
            trusted_days: (grant.trust == Trust::FromNowOn).then_some(policy.trusted_device_days),
            proofs: grant.proofs,
            idle_since: now.minus(policy.idle()),
        };
        let post = self.post.clone();
        let kept = self.db.write(move |tx| draft.write(tx, &*post, now)).await?;
        let others = self.still_held(others).await;
        Ok(Granted {
            customer: grant.account.id,
            session: token,
            session_id,
            device: device_token.filter(|_| kept == Kept::Good),
            others,
            return_to: grant.return_to,
            session_seconds: policy.absolute().as_secs(),
        })
    }

    /// What the owner is told of this sign-in: that a new device made it, or else what spoke against it. That the password stands in
    /// a list of breached ones is told by a letter of its own, where it can be acted on.
    fn sign_in_notice(
        &self,
        visit: &Visit,
        grant: &Grant<'_>,
        is_new_device: bool,
        place: &Place,
    ) -> Option<Notice> {
        let kind = if is_new_device {
            LetterKind::NewDevice
        } else if grant.noticed.iter().any(|reason| reason != Reason::PasswordBreached.code()) {
            LetterKind::SignInNoticed
        } else {
            return None;
        };
        let now = self.now();
        let when = now.in_words(grant.account.language);
        let near = place.shown(grant.account.language).map_or_else(String::new, |shown| shown.words);
        let more = [("device", visit.label.as_str()), ("when", &when), ("place", &near)];
        self.notice(kind, grant.account, &more, now)
    }

    fn held_notice(&self, grant: &Grant<'_>) -> Option<Held> {
        let purpose = if grant.door == Door::Shield { Purpose::Shield } else { Purpose::SignIn };
        let held = || self.held(grant.account.id, What::Noticed, purpose.word(), &grant.noticed);
        (!grant.noticed.is_empty()).then(held)
    }

    /// Those that are still their devices': of one that another tab has exchanged meanwhile the browser keeps the next one or none, for the
    /// one of before would pass for a copy.
    /// Where it cannot be looked up the browser keeps it: the sign-in has been written, and is not refused for another's device.
    async fn still_held(&self, tokens: Vec<DeviceToken>) -> Vec<DeviceToken> {
        let mut held = Vec::new();
        for token in tokens {
            if !matches!(self.owner_of_device(&token).await, Ok(None)) {
                held.push(token);
            }
        }
        held
    }

    /// What replaces the token that the browser shows of this device.
    fn next_token(&self, visit: &Visit, id: DeviceId, at: Timestamp) -> DeviceToken {
        match visit.shown(id) {
            Some(shown) => shown.next(&self.marks, at),
            None => DeviceToken::generate(id, &self.marks, at, &*self.entropy),
        }
    }

    fn device_draft(
        &self,
        visit: &Visit,
        grant: &Grant<'_>,
        now: Timestamp,
    ) -> (DeviceDraft, Option<DeviceToken>, Option<DeviceId>) {
        let policy = self.policy();
        let trusted = (grant.trust == Trust::FromNowOn && policy.trusted_device_days > 0)
            .then(|| now.plus(policy.trusted_device()));
        let expires_at = now.plus(std::time::Duration::from_secs(DEVICE_KEPT_DAYS * 86_400));
        match &grant.device {
            Known::Yes(known) => {
                let token = self.next_token(visit, known.id, now);
                let next = DeviceRow {
                    token_hash: token.hash(),
                    seen_at: now,
                    expires_at,
                    trusted_until: trusted.or(known.trusted_until),
                    ..known.clone()
                };
                (DeviceDraft::Next { known: known.clone(), next }, Some(token), Some(known.id))
            }
            Known::JustNow(known) => {
                let token = self.next_token(visit, known.id, known.seen_at);
                let draft = DeviceDraft::Keep { known: known.clone(), token_hash: token.hash() };
                (draft, Some(token), Some(known.id))
            }
            Known::No | Known::Elsewhere(_) | Known::Copied => {
                let id = DeviceId::at(now, &*self.entropy);
                let token = DeviceToken::generate(id, &self.marks, now, &*self.entropy);
                let row = DeviceRow {
                    id,
                    customer: grant.account.id,
                    token_hash: token.hash(),
                    label_sealed: self.seal_label(&visit.label, &id.to_string()),
                    created_at: now,
                    seen_at: now,
                    expires_at,
                    trusted_until: trusted,
                    previous_hash: None,
                };
                (DeviceDraft::New(row), Some(token), Some(id))
            }
        }
    }
}

/// Whether the token that a sign-in would give out is the device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Good,
    Another,
}

impl Draft {
    fn write(
        &self,
        tx: &mut storeward_store::Tx<'_>,
        post: &dyn crate::letter::Post,
        now: Timestamp,
    ) -> Result<Kept, Error> {
        let customer = self.session.customer;
        if let Some(hash) = &self.flow_hash
            && !sql::flow::finish(tx, hash, now)?
        {
            return Err(Error::FlowOver);
        }
        // "This wasn't me", a lock, a copied device or a new password while this was under way: what was shown is not enough any more.
        if let Some(doors) = &self.doors {
            super::still_open(tx, customer, doors)?;
        }
        if let Some(account) = &self.opens {
            sql::account::insert(tx, account)?;
            tx.append(
                Actor::Customer { id: customer },
                None,
                storeward_events::identity::CustomerSignedUp { customer },
            )?;
        }
        // Whoever showed what it takes is who began it, also anew from the same place.
        if let Some(hash) = &self.flow_hash {
            sql::told::met(tx, hash)?;
        }
        sql::told::met_from(tx, customer, &self.network_mark)?;
        sql::session::forget(tx, now, self.idle_since)?;
        sql::device::forget(tx, now)?;
        if let Some(previous) = &self.previous_session {
            sql::session::delete_by_token(tx, previous)?;
        }
        if let Some(device) = self.elsewhere {
            let count = sql::session::delete_of_device(tx, customer, device)?;
            if count > 0 {
                let fact = SessionsRevoked { customer, count, reason: "replaced".to_owned() };
                tx.append(Actor::Customer { id: customer }, None, fact)?;
            }
        }
        let kept = self.write_device(tx)?;
        sql::session::insert(tx, &self.session, &self.session_hash, &self.network_mark)?;
        sql::staff_act::set_place(tx, self.session.id, &self.place_sealed)?;
        sql::account::clear_failures(tx, customer)?;
        if let Some(mark) = &self.shop_email {
            sql::account::note_shop_email(tx, customer, mark)?;
        }
        if let Some(mark) = &self.confirmed_email {
            sql::account::confirm_email(tx, customer, mark, now)?;
        }
        if self.session.level >= Level::Two {
            sql::account::clear_step_up(tx, customer)?;
        }
        if self.proofs.iter().any(|proof| proof.is_factor()) {
            // What was shown is not lost.
            super::wait::cancel(tx, Actor::Customer { id: customer }, customer, "factor")?;
        }
        note_activity(tx, customer, &self.activity)?;
        self.write_letters(tx, post)?;
        if let Some(learnt) = &self.learnt {
            learnt.write(tx, customer, now)?;
        }
        let actor = Actor::Customer { id: customer };
        let fact = CustomerSignedIn {
            customer,
            acr: self.session.level.acr().to_owned(),
            amr: amr_claim(&self.proofs),
            door: self.session.door.word().to_owned(),
            noticed: self.noticed.clone(),
        };
        tx.append(actor, None, fact)?;
        if let Some(days) = self.trusted_days {
            tx.append(actor, None, DeviceTrusted { customer, days })?;
        }
        Ok(kept)
    }

    fn write_letters(
        &self,
        tx: &mut storeward_store::Tx<'_>,
        post: &dyn crate::letter::Post,
    ) -> Result<(), Error> {
        let customer = self.session.customer;
        if let Some(held) = &self.held {
            held.write(tx)?;
        }
        if let Some(notice) = &self.notice
            && (notice.letter.kind == LetterKind::NewDevice || may_tell(tx, customer, notice.letter.kind)?)
        {
            notice.write(tx, post)?;
        }
        if let Some(guesses) = &self.guesses
            && may_tell(tx, customer, LetterKind::SignInAfterGuesses)?
        {
            guesses.write(tx, post)?;
        }
        Ok(())
    }

    /// The device's next token, or a new device.
    fn write_device(&self, tx: &mut storeward_store::Tx<'_>) -> Result<Kept, Error> {
        Ok(match &self.device {
            DeviceDraft::New(row) => {
                sql::device::insert(tx, row)?;
                Kept::Good
            }
            // Of two sign-ins with one token at once, the first changes it, and both give out what it is then.
            DeviceDraft::Next { known, next } => {
                if sql::device::rotate(tx, known, next)? {
                    Kept::Good
                } else {
                    still_known(tx, known, &next.token_hash)?
                }
            }
            DeviceDraft::Keep { known, token_hash } => still_known(tx, known, token_hash)?,
        })
    }
}

/// Goes on where the device is known as before: one that was forgotten meanwhile spares nobody a second factor.
fn still_known(tx: &mut storeward_store::Tx<'_>, known: &DeviceRow, token_hash: &str) -> Result<Kept, Error> {
    let now = tx.now();
    match sql::device::by_id(tx, known.id, now)? {
        Some(row) if row.token_hash == token_hash => Ok(Kept::Good),
        Some(_) => Ok(Kept::Another),
        None => Err(Error::Overtaken),
    }
}
