//! "This wasn't me": from the link of a letter, without signing in, or from inside. It contains: sessions and devices
//! end, the password must change, and the next sign-in shows a second factor. A letter's link takes out, too, what was added
//! since that happened which the letter tells of: else the factor of whoever added it would be the one that is asked for. And it
//! puts the address back that the letter was written to: else the mail of whoever changed it would decide. A letter tells of all of
//! it, for whoever pressed may be somebody else.
//!
//! From inside it does what the link of the first letter since that sign-in does. What was there before stays: whoever presses may be a
//! thief with somebody's session, who must not get rid of the owner's factors. Whoever reads the account's mail could do the same by the
//! links that lie there. So where something was taken out, and neither on a device that the person used before nor in a session that has
//! just shown everything, a way back by mail alone waits as it does where every factor is lost; the password with the mailed code opens the account at once, and what was added earlier
//! still has to be shown. The same holds where an address was put back: who reads the earlier mailbox may be who had it before. Then both
//! mailboxes are told of the waiting time, and either stops it.

use std::time::Duration;

use storeward_base::{Actor, CustomerId, Secret, Timestamp};
use storeward_events::identity::{CustomerAddressChanged, FactorRemoved, StepUpForced, ThisWasNotMe};
use storeward_store::{Reader, Tx};

use super::current::CurrentSession;
use super::devices::end_everything;
use super::flows::FlowDraft;
use super::{Identity, Shared, note_activity};
use crate::error::Error;
use crate::letter::{Letter, LetterKind, Post};
use crate::marks::Field;
use crate::model::{Account, Email, FactorKind};
use crate::sql::{self, activity::ActivityRow};
use crate::state::{Purpose, State};
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// What the button did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contained {
    /// Everything ended.
    Ended,
    /// And what was added is taken out again, or the address put back.
    TakenOut,
}

/// From inside nothing that is older than this is taken out: as old as a link may be that tells of a factor.
const INSIDE: Duration = Duration::from_secs(7 * 86_400);

/// What is taken back beyond ending everything.
#[derive(Clone)]
struct Undo {
    /// The letter's link that somebody followed; it works once. None from inside.
    link: Option<String>,
    since: Option<Timestamp>,
    back: Option<Back>,
    /// On a device that had signed in before that, or in a session that has just shown all that the account has.
    is_on_known: bool,
}

/// The address that a letter was written to, ready to be put back.
#[derive(Clone)]
struct Back {
    /// Of the letter.
    since: Timestamp,
    mark: String,
    sealed: Vec<u8>,
    address: Email,
    /// The mark of the address that is on file until then.
    from: Option<String>,
    /// The address is the shop's word, and nobody has shown here to read its mail.
    is_shops: bool,
}

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
    pub async fn was_not_me(&self, visit: &Visit, token: &FlowToken) -> Result<Contained, Error> {
        let flow = self.0.flow(token).await?;
        let (Purpose::NotMe, Some(customer)) = (flow.purpose, flow.customer) else {
            return Err(Error::FlowOver);
        };
        let back = match flow.state.since {
            Some(since) => self.back_to(customer, &flow.state, since).await?,
            None => None,
        };
        let is_on_known = self.is_on_known(visit, customer, flow.state.since).await?;
        let undo = Undo { link: Some(flow.hash), since: flow.state.since, back, is_on_known };
        self.contain(visit, customer, undo).await
    }

    /// The same from inside, for the person who is signed in.
    pub async fn was_not_me_inside(
        &self,
        visit: &Visit,
        session: &CurrentSession,
    ) -> Result<Contained, Error> {
        let shared = &self.0;
        let (customer, signed_in_at, now) = (session.customer, session.signed_in_at, shared.now());
        let read = move |reader: &mut Reader<'_>| sql::flow::links_since(reader, customer, signed_in_at, now);
        let links = shared.db.read(read).await?;
        let mut since = self.not_me_since(session);
        let mut back = None;
        for link in links {
            since = since.min(link.created_at);
            let state = shared.vault.open(&link.state_sealed, &link.hash, Field::State)?;
            let state = State::from_bytes(state.expose())?;
            if state.written_to.is_some() {
                back = self.back_to(customer, &state, link.created_at).await?;
                break;
            }
        }
        // A session of days ago says less than a letter: it may be a copy, and older than what is taken out. Nobody is asked for more
        // before they may contain; what counts is what was shown just now, or a device of before.
        let is_on_known = self.is_fresh(session) || self.is_on_known(visit, customer, Some(since)).await?;
        self.contain(visit, customer, Undo { link: None, since: Some(since), back, is_on_known }).await
    }

    /// Whether the browser has signed in before that.
    async fn is_on_known(
        &self,
        visit: &Visit,
        customer: CustomerId,
        since: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let account = self.0.account(customer).await?.ok_or(Error::NoAccount)?;
        let device = self.0.seen_device(visit, &account).await?;
        let is_older = |seen: Timestamp| since.is_some_and(|since| seen < since);
        Ok(device.row().is_some_and(|row| is_older(row.created_at)))
    }

    /// Since when what was added is taken out from inside, where no letter tells of something older.
    pub fn not_me_since(&self, session: &CurrentSession) -> Timestamp {
        session.signed_in_at.max(self.0.now().minus(INSIDE))
    }

    /// The address that a letter was written to, where it is the account's to put back.
    async fn back_to(
        &self,
        customer: CustomerId,
        state: &State,
        since: Timestamp,
    ) -> Result<Option<Back>, Error> {
        let Some(email) = state.written_to.as_deref().and_then(|text| Email::parse(text).ok()) else {
            return Ok(None);
        };
        let shared = &self.0;
        let account = shared.account(customer).await?.ok_or(Error::NoAccount)?;
        Ok(Some(Back {
            since,
            mark: shared.marks.email(&email),
            sealed: shared.vault.seal_of_account(email.as_str(), customer, Field::Email, &*shared.entropy),
            address: email,
            from: account.email.as_ref().map(|email| shared.marks.email(email)),
            is_shops: account.password_hash.is_none(),
        }))
    }

    async fn contain(&self, visit: &Visit, customer: CustomerId, undo: Undo) -> Result<Contained, Error> {
        let now = self.0.now();
        let account = self.0.account(customer).await?.ok_or(Error::NoAccount)?;
        let told = self.0.told(visit, &account);
        let away = self.0.away(&account, &undo);
        let post = self.0.post.clone();
        let written = self.0.db.write(move |tx| -> Result<Contained, Error> {
            if let Some(hash) = &undo.link
                && !sql::flow::finish(tx, hash, now)?
            {
                return Err(Error::FlowOver);
            }
            let actor = Actor::Customer { id: customer };
            tx.append(actor, None, ThisWasNotMe { customer })?;
            end_everything(tx, actor, customer, "not_me")?;
            let taken = take_back(tx, &*post, customer, &undo, &away)?;
            sql::history::forget(tx, customer)?;
            sql::account::must_change(tx, customer, now)?;
            sql::account::force_step_up(tx, customer, now)?;
            told.write(tx, &*post, customer, &taken)?;
            tx.append(actor, None, StepUpForced { customer, reason: "not_me".to_owned() })?;
            Ok(taken.contained())
        });
        written.await
    }
}

/// What goes to the address that is on file until it is put away, and the flow behind its link.
#[derive(Clone)]
struct Away {
    letter: Option<Letter>,
    flow: Option<FlowDraft>,
}

/// What was taken back.
struct TakenBack {
    /// Kinds of factors, and recovery codes.
    factors: Vec<&'static str>,
    /// The address that is on file again.
    address: Option<Email>,
}

impl TakenBack {
    fn contained(&self) -> Contained {
        if self.factors.is_empty() && self.address.is_none() { Contained::Ended } else { Contained::TakenOut }
    }
}

/// The letter, and the lines in the person's own list.
#[derive(Clone)]
struct Told {
    letter: Option<Letter>,
    pressed: ActivityRow,
    removed: Vec<(&'static str, ActivityRow)>,
}

/// What can be taken out, and the line that says so.
const REMOVED: [(&str, &str); 4] = [
    ("totp", "totp_removed"),
    ("passkey", "passkey_removed"),
    ("sms", "sms_removed"),
    ("recovery_codes", "recovery_codes_removed"),
];

impl Shared {
    /// Whoever showed no more than that they read the earlier mailbox may be one who had it before: the other side can stop them.
    fn away(&self, account: &Account, undo: &Undo) -> Away {
        if undo.is_on_known {
            return Away { letter: self.plain_notice(LetterKind::AddressChanged, account), flow: None };
        }
        let (flow, letter) = self.away_letter(account).unzip();
        Away { letter, flow }
    }

    fn told(&self, visit: &Visit, account: &Account) -> Told {
        let mut letter = self.plain_notice(LetterKind::Contained, account);
        if let Some(letter) = &mut letter {
            letter.parameters.push(("device", Secret::new(visit.label.clone())));
        }
        Told {
            letter,
            pressed: self.activity_of("not_me", visit),
            removed: REMOVED.map(|(factor, line)| (factor, self.activity(line, &visit.label))).to_vec(),
        }
    }
}

impl Told {
    fn write(
        &self,
        tx: &mut Tx<'_>,
        post: &dyn Post,
        customer: CustomerId,
        taken: &TakenBack,
    ) -> Result<(), Error> {
        note_activity(tx, customer, &self.pressed)?;
        for (factor, line) in &self.removed {
            if taken.factors.contains(factor) {
                note_activity(tx, customer, line)?;
            }
        }
        let Some(mut letter) = self.letter.clone() else { return Ok(()) };
        if let Some(address) = &taken.address {
            letter.to = Secret::new(address.as_str().to_owned());
        }
        letter.parameters.push(("factors", Secret::new(taken.factors.join(","))));
        post.post(tx, &letter)
    }
}

/// What is taken back beyond ending everything.
fn take_back(
    tx: &mut Tx<'_>,
    post: &dyn Post,
    customer: CustomerId,
    undo: &Undo,
    away: &Away,
) -> Result<TakenBack, Error> {
    let Some(since) = undo.since else { return Ok(TakenBack { factors: Vec::new(), address: None }) };
    let factors = take_out(tx, customer, since)?;
    let address = match &undo.back {
        Some(back) if put_back(tx, post, customer, back, away)? => Some(back),
        _ => None,
    };
    // What was taken out, or the address that was put away, may be the owner's, and whoever reads this mail the thief: the mail alone is
    // no way back then. At the shop an address brings no password: the shop writes to the one that it keeps itself.
    let is_mail_in_doubt = !factors.is_empty() || address.is_some_and(|back| !back.is_shops);
    if is_mail_in_doubt && !undo.is_on_known {
        let now = tx.now();
        sql::told::took_out(tx, customer, now)?;
    }
    Ok(TakenBack { factors, address: address.map(|back| back.address.clone()) })
}

/// Puts the address back; false where it is the account's already.
fn put_back(
    tx: &mut Tx<'_>,
    post: &dyn Post,
    customer: CustomerId,
    back: &Back,
    away: &Away,
) -> Result<bool, Error> {
    let now = tx.now();
    if sql::account::all_by_address(tx, &back.mark)?.contains(&customer) {
        return Ok(false);
    }
    match sql::account::id_by_email(tx, &back.mark)? {
        // Somebody has it for another account meanwhile: this one's mail goes there and staff find it by it, but nobody signs in by it.
        Some(_) => sql::account::refresh_email(tx, customer, &back.sealed, &back.mark)?,
        None if back.is_shops => sql::account::refresh_email(tx, customer, &back.sealed, &back.mark)?,
        None => sql::account::set_email(tx, customer, &back.mark, &back.sealed, now)?,
    }
    // The shop may go on saying it for as long as its own record says so.
    if let Some(from) = &back.from {
        sql::told::put_away(tx, customer, from, now)?;
    }
    // The letters since then went to whoever changed it: their links would put that address back.
    sql::flow::end_links_since(tx, customer, back.since)?;
    if let Some(flow) = &away.flow {
        flow.write(tx, post)?;
    }
    if let Some(letter) = &away.letter {
        post.post(tx, letter)?;
    }
    tx.append(Actor::Customer { id: customer }, None, CustomerAddressChanged { customer })?;
    Ok(true)
}

/// Takes out every factor and recovery code that was added from that moment on, and says which.
fn take_out(tx: &mut Tx<'_>, customer: CustomerId, since: Timestamp) -> Result<Vec<&'static str>, Error> {
    let mut taken: Vec<&'static str> =
        sql::factor::delete_since(tx, customer, since)?.into_iter().map(FactorKind::word).collect();
    if sql::factor::delete_codes_since(tx, customer, since)? > 0 {
        taken.push("recovery_codes");
    }
    if taken.is_empty() {
        return Ok(taken);
    }
    // As where the last one is removed by hand: codes stand in for a factor, and there is none.
    if sql::factor::count(tx, customer)? == 0 {
        sql::factor::delete_codes(tx, customer)?;
    }
    // Whoever was let into the back office may have been let in with one of these.
    sql::office::forget(tx, customer)?;
    for factor in &taken {
        let fact = FactorRemoved { customer, factor: (*factor).to_owned() };
        tx.append(Actor::Customer { id: customer }, None, fact)?;
    }
    Ok(taken)
}
