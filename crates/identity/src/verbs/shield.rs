//! For the shield in front of the shop's own sign-in: the shop says whose password was right, we say what more it takes.
//!
//! ```text
//! begin_pending ──► Release            the device is trusted, or the policy asks for nothing more
//!              ├──► Challenge(flow)    put the flow's cookie on the browser, lead it to `/.storeward/challenge`
//!              └──► Refuse             the account is locked: end the shop's session
//! outcome(flow) ──► Waiting | Passed | Over     Over: used, too old, or its tries are spent
//! release(flow, handle) ──► Some(Passed) once, for the handle that it was begun for
//! ```

use storeward_base::{Actor, CustomerId, Language};
use storeward_detect::sign_in::Password as Standing;
use storeward_events::identity::{CustomerSignInFailed, CustomerSignedOut, ShopAccountLinked, StepUpFailed};
use storeward_seal::fingerprint::{equal, token_hash};
use storeward_store::{Constraint, Reader};
use storeward_web::http::HeaderValue;

use super::grant::{Grant, Granted, Trust};
use super::letters::{ADDRESS_BACK_LIFE, Notice};
use super::risk::Ask;
use super::{Identity, Shared};
use crate::config::SecondFactor;
use crate::error::Error;
use crate::letter::LetterKind;
use crate::marks::Field;
use crate::model::{Email, Level, Proof, SessionId};
use crate::sql::{self, account::NewAccount};
use crate::state::{Door, Purpose, ReturnTo, State};
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// An account as the shop names it.
#[derive(Clone, Debug)]
pub struct ShopAccount {
    /// The shop's own, canonical id, such as WordPress's user number: never the name that was typed, since one account
    /// may have several.
    pub subject: String,
    /// The address on file in the shop.
    pub email: Option<String>,
    pub name: Option<String>,
    pub language: Option<Language>,
}

/// What the shield knows beside the browser's request.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Where the browser goes when it has passed.
    pub return_to: Option<ReturnTo>,
    /// Why more should be asked for, in stable words such as `breached_password`. Any reason asks for a second factor.
    pub reasons: Vec<String>,
    pub unprovable: Unprovable,
    /// Whether the password that was typed stands in a list of breached ones.
    pub password: Standing,
}

/// What happens to somebody who should show more, and has nothing to show: no factor, and no address on file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unprovable {
    #[default]
    Admit,
    /// Where the policy asks everybody, or whoever is at risk, for a second factor.
    Refuse,
}

/// What happens to the shop's session.
#[derive(Debug)]
pub enum Decision {
    Release(Passed),
    Challenge(FlowToken),
    Refuse,
}

/// Where a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Waiting,
    Passed,
    Over,
}

/// The person has shown what it takes.
#[derive(Debug)]
pub struct Passed {
    pub customer: CustomerId,
    pub session: SessionId,
    pub level: Level,
    granted: Granted,
}

impl Passed {
    fn new(granted: Granted, level: Level) -> Self {
        Passed { customer: granted.customer, session: granted.session_id, level, granted }
    }

    /// The hash of that session's token.
    pub fn session_hash(&self) -> String {
        self.granted.session.hash()
    }

    /// `Set-Cookie` lines for the answer to the browser: its session with our own pages, and its device.
    /// The session outlives the browser where the shop's own does: `is_lasting`.
    pub fn cookies(&self, is_lasting: bool) -> Vec<HeaderValue> {
        crate::gate::cookies_of(&self.granted, is_lasting)
    }
}

impl Identity {
    /// The account that stands for the shop's, made when it is new. It is found by the shop's id alone: an address in
    /// the shop may belong to anybody, and proves nothing here.
    pub async fn account_of_shop(&self, shop: &ShopAccount) -> Result<CustomerId, Error> {
        let shared = &self.0;
        // Whichever of the shop's cookies says the name: one that is made anew, as for another address of the shop, makes nobody somebody else,
        // without the factors that they have.
        let mark = shared.marks.shop(&shop.subject);
        let find = || {
            let mark = mark.clone();
            shared.db.read(move |reader: &mut Reader<'_>| sql::account::id_by_shop(reader, &mark))
        };
        if let Some(known) = find().await? {
            return Ok(known);
        }
        let now = shared.now();
        let id = CustomerId::at(now, &*shared.entropy);
        let seal = |text: &str, field| shared.vault.seal_of_account(text, id, field, &*shared.entropy);
        let email = shop.email.as_deref().and_then(|text| Email::parse(text).ok());
        let account = NewAccount {
            id,
            email_mark: None,
            email_sealed: email.as_ref().map(|email| seal(email.as_str(), Field::Email)),
            email_confirmed_at: None,
            shop_email_mark: email.as_ref().map(|email| shared.marks.email(email)),
            shop_mark: Some(mark.clone()),
            shop_subject_sealed: Some(seal(&shop.subject, Field::ShopSubject)),
            name_sealed: shop.name.as_deref().map(|name| seal(name, Field::Name)),
            language: shared.language(shop.language),
            password_hash: None,
            created_at: now,
        };
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            sql::account::insert(tx, &account)?;
            tx.append(Actor::System, None, ShopAccountLinked { customer: id })?;
            Ok(())
        });
        match written.await {
            Ok(()) => Ok(id),
            Err(Error::Store(storeward_store::Error::Constraint { kind: Constraint::Unique, .. })) => {
                find().await?.ok_or(Error::NoAccount)
            }
            Err(error) => Err(error),
        }
    }

    /// The account of whoever signs in at the shop, and whether they go by another name here still: one whose mail they showed to read before they gave
    /// it to the shop. Whether the shop took it nobody heard, or they have a second account there: they are asked for what they have in any case.
    async fn account_at_shop(&self, shop: &ShopAccount) -> Result<(CustomerId, bool), Error> {
        let shared = &self.0;
        let mark = shared.marks.shop(&shop.subject);
        let find = move |reader: &mut Reader<'_>| sql::account::id_by_shop(reader, &mark);
        if let Some(known) = shared.db.read(find).await? {
            self.shop_name_stays(known).await?;
            return Ok((known, false));
        }
        let Some(renamed) = shared.shown_by(&shop.subject).await? else {
            return Ok((self.account_of_shop(shop).await?, false));
        };
        if renamed.is_sent {
            self.follow_shop_address(renamed.customer, shop.email.as_deref().unwrap_or(&shop.subject))
                .await?;
        }
        Ok((renamed.customer, true))
    }

    /// The shop found the password right. `handle` is the shield's own name for the browser: only it is released.
    pub async fn begin_pending(
        &self,
        visit: &Visit,
        shop: &ShopAccount,
        handle: &str,
        signals: Signals,
    ) -> Result<Decision, Error> {
        let shared = &self.0;
        let (customer, is_other_name) = self.account_at_shop(shop).await?;
        self.learn_address(customer, shop).await?;
        let means = shared.means(customer).await?;
        if means.account.locked_at.is_some() {
            return shared.refuse_shield(visit, customer, "locked").await;
        }
        let asks = matches!(shared.policy().customers, SecondFactor::Risk | SecondFactor::Required);
        if asks && signals.unprovable == Unprovable::Refuse && means.offers().is_empty() {
            return shared.refuse_shield(visit, customer, "nothing_to_show").await;
        }
        let (means, device) = shared.known_now(visit, means).await?;
        let mut reasons = signals.reasons;
        if is_other_name {
            reasons.push("new_shop_name".to_owned());
        }
        let (mut passkey_only, mut never_trust) = (false, false);
        match shared.ask(visit, &means, &device, signals.password).await? {
            Ask::Refuse => {
                shared.tell_refused(visit, &means.account).await?;
                return shared.refuse_shield(visit, customer, "refused_by_risk").await;
            }
            Ask::Nothing { noticed } if reasons.is_empty() || means.offers().is_empty() => {
                reasons.extend(noticed);
                let by_password = Grant::by_password(&means.account, device, Door::Shield, shared.now());
                let grant = Grant { return_to: signals.return_to, noticed: reasons, ..by_password };
                if is_other_name {
                    self.take_shown_name(customer, &shop.subject).await?;
                }
                return Ok(Decision::Release(Passed::new(shared.grant(visit, grant).await?, Level::One)));
            }
            Ask::Nothing { noticed } => reasons.extend(noticed),
            Ask::SecondFactor { reasons: more, passkey_only: only, may_trust } => {
                reasons.extend(more);
                (passkey_only, never_trust) = (only, !may_trust);
            }
            // The shop's own door waits for a challenge: the best that there is.
            Ask::WayBack { reasons: more } => {
                reasons.extend(more);
                never_trust = true;
            }
        }
        let state = State {
            return_to: signals.return_to,
            proofs: vec![Proof::Password],
            reasons: reasons.clone(),
            passkey_only,
            never_trust,
            handle: Some(token_hash(handle)),
            shop_name: is_other_name.then(|| shop.subject.clone()),
            door: Some(Door::Shield),
            elsewhere: device.elsewhere(),
            ..State::default()
        };
        let mut draft = shared.draft_flow(Purpose::Shield, Some(customer), state);
        shared.mail_at_once(visit, &mut draft, &means).await?;
        let token = shared.begin_challenge(visit, &means.account, &device, draft, reasons).await?;
        Ok(Decision::Challenge(token))
    }

    /// Whether the shop has told the address of anybody.
    pub async fn shop_tells_addresses(&self) -> Result<bool, Error> {
        self.0.db.read(sql::account::has_shop_email).await.map_err(Error::from)
    }

    /// Takes the shop's address for an account that has none. A later one is not taken over: whoever has the password
    /// could change it in the shop and then read our codes.
    async fn learn_address(&self, customer: CustomerId, shop: &ShopAccount) -> Result<(), Error> {
        let shared = &self.0;
        let email = shop.email.as_deref().and_then(|text| Email::parse(text).ok());
        let known = shared.account(customer).await?.ok_or(Error::NoAccount)?.email;
        let (Some(email), None) = (email, known) else { return Ok(()) };
        self.set_shop_address(customer, &email, None).await
    }

    /// The person changed their address in the shop, in a session that had just proved everything.
    pub async fn follow_shop_address(&self, customer: CustomerId, address: &str) -> Result<(), Error> {
        let Ok(email) = Email::parse(address) else { return Ok(()) };
        let shared = &self.0;
        let account = shared.account(customer).await?.ok_or(Error::NoAccount)?;
        // Somebody said "this wasn't me", and whoever it was still knows the shop's password.
        if account.email.as_ref() == Some(&email) || account.must_change_at.is_some() {
            return Ok(());
        }
        let mark = shared.marks.email(&email);
        let read = move |reader: &mut Reader<'_>| sql::told::put_away_at(reader, customer, &mark);
        let since = shared.now().minus(ADDRESS_BACK_LIFE);
        if shared.db.read(read).await?.is_some_and(|at| at > since) {
            return Ok(());
        }
        // To the address that was: whoever took the account over at the shop does not read that one.
        let notice = shared.notice(LetterKind::AddressChanged, &account, &[], shared.now());
        self.set_shop_address(customer, &email, notice).await
    }

    /// Whether an address is, as far as anybody here knows, that of another account.
    pub async fn is_anothers(&self, customer: CustomerId, address: &str) -> Result<bool, Error> {
        let Ok(email) = Email::parse(address) else { return Ok(true) };
        let mark = self.0.marks.email(&email);
        let read = move |reader: &mut Reader<'_>| sql::account::all_by_address(reader, &mark);
        Ok(self.0.db.read(read).await?.into_iter().any(|known| known != customer))
    }

    /// Somebody gave the shop a password that it did not take.
    pub fn note_shop_refusal(&self, visit: &Visit, typed: &str) {
        self.0.note_pressure(visit, typed);
    }

    /// Somebody signed out at the shop: the session that came with that sign-in ends, too.
    pub async fn shop_signed_out(&self, customer: CustomerId, session: SessionId) -> Result<(), Error> {
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            sql::device::signed_out(tx, session)?;
            if sql::session::delete(tx, session, customer)? {
                tx.append(Actor::Customer { id: customer }, None, CustomerSignedOut { customer })?;
            } else {
                tx.commit_silent("the session had ended already");
            }
            Ok(())
        });
        written.await
    }

    async fn set_shop_address(
        &self,
        customer: CustomerId,
        email: &Email,
        notice: Option<Notice>,
    ) -> Result<(), Error> {
        let shared = &self.0;
        let sealed = shared.vault.seal_of_account(email.as_str(), customer, Field::Email, &*shared.entropy);
        let (mark, post) = (shared.marks.email(email), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            sql::account::refresh_email(tx, customer, &sealed, &mark)?;
            sql::flow::end_recoveries(tx, customer)?;
            if let Some(notice) = &notice {
                notice.write(tx, &*post)?;
            }
            let fact = storeward_events::identity::CustomerAddressChanged { customer };
            tx.append(Actor::System, None, fact)?;
            Ok(())
        });
        written.await
    }

    /// Where a challenge stands, for a browser that waits.
    pub async fn outcome(&self, flow: &FlowToken) -> Result<Outcome, Error> {
        match self.0.flow(flow).await {
            Ok(flow) if flow.purpose != Purpose::Shield => Ok(Outcome::Over),
            Ok(flow) if flow.passed_at.is_some() => Ok(Outcome::Passed),
            Ok(flow) if flow.attempts >= sql::flow::MOST_ATTEMPTS => Ok(Outcome::Over),
            Ok(_) => Ok(Outcome::Waiting),
            Err(Error::FlowOver) => Ok(Outcome::Over),
            Err(error) => Err(error),
        }
    }

    /// Takes a challenge that was met: once, and for the handle that it was begun for.
    pub async fn release(
        &self,
        visit: &Visit,
        token: &FlowToken,
        handle: &str,
    ) -> Result<Option<Passed>, Error> {
        let shared = &self.0;
        let flow = match shared.flow(token).await {
            Ok(flow) => flow,
            Err(Error::FlowOver) => return Ok(None),
            Err(error) => return Err(error),
        };
        let own = flow
            .state
            .handle
            .as_deref()
            .is_some_and(|hash| equal(hash.as_bytes(), token_hash(handle).as_bytes()));
        let (true, Purpose::Shield, Some(_), Some(customer)) =
            (own, flow.purpose, flow.passed_at, flow.customer)
        else {
            return Ok(None);
        };
        let (means, device) = shared.known_in(visit, shared.means(customer).await?, &flow.state).await?;
        let level = Level::of(&flow.state.proofs);
        let name = flow.state.shop_name.clone();
        let grant = Grant {
            account: &means.account,
            proofs: flow.state.proofs.clone(),
            door: Door::Shield,
            return_to: flow.state.return_to.clone(),
            trust: if flow.state.trust_device { Trust::FromNowOn } else { Trust::AsBefore },
            device,
            flow_hash: Some(flow.hash),
            opens: None,
            read_at: flow.state.read_at.clone(),
            noticed: Vec::new(),
        };
        match shared.grant(visit, grant).await {
            Ok(granted) => {
                if let Some(name) = &name {
                    self.take_shown_name(customer, name).await?;
                }
                Ok(Some(Passed::new(granted, level)))
            }
            Err(Error::FlowOver) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The person gave up or the time is over: the challenge can be met no more.
    pub async fn give_up(&self, token: &FlowToken) -> Result<(), Error> {
        let flow = match self.0.flow(token).await {
            Ok(flow) => flow,
            Err(Error::FlowOver) => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(customer) = flow.customer else { return Ok(()) };
        let now = self.0.now();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            if sql::flow::finish(tx, &flow.hash, now)? {
                let (purpose, reason) = (flow.purpose.word().to_owned(), "given_up".to_owned());
                tx.append(
                    Actor::Customer { id: customer },
                    None,
                    StepUpFailed { customer, purpose, reason },
                )?;
            } else {
                tx.commit_silent("the challenge was over already");
            }
            Ok(())
        });
        written.await
    }
}

impl Shared {
    async fn refuse_shield(
        &self,
        visit: &Visit,
        customer: CustomerId,
        reason: &'static str,
    ) -> Result<Decision, Error> {
        let (actor, held) = (self.stranger(visit.client), self.held_failure(customer, reason));
        let fact = CustomerSignInFailed { customer: Some(customer), reason: reason.to_owned() };
        let written = self.db.write(move |tx| -> Result<(), Error> {
            held.write(tx)?;
            Ok(tx.append(actor, None, fact.clone()).map(drop)?)
        });
        written.await?;
        Ok(Decision::Refuse)
    }
}
