//! Sign-in with e-mail and password: the same work and one answer for every way of failing; then the policy decides
//! what more is asked for.

use storeward_base::{CustomerId, Secret};
use storeward_detect::sign_in::Password as Standing;
use storeward_events::identity::{
    CustomerPasswordDisabled, CustomerSignInFailed, RecoveryBegun, StepUpAsked,
};
use storeward_passwords::{Lane, Ticket};
use storeward_puzzle::Purpose as Puzzle;
use storeward_store::Reader;

use super::devices::Known;
use super::flows::{FlowDraft, Means, Step};
use super::grant::Grant;
use super::heat::Way;
use super::mailed::AtOnce;
use super::risk::Ask;
use super::{Identity, Shared, note_activity};
use crate::error::Error;
use crate::held::What;
use crate::letter::LetterKind;
use crate::model::{Account, Email, Proof};
use crate::passwords::{Fit, ticket};
use crate::sql;
use crate::state::{Door, Purpose, ReturnTo, State};
use crate::throttle::{Key, Leave};
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// So many wrong passwords in a row from unknown devices, and the password counts there no more (NIST SP 800-63B-4
/// section 3.2.2 allows no more than 100).
const MOST_FAILURES: u32 = 100;
/// The last ten of them are kept for networks that the account was signed in from before, and for whoever has shown first that they read
/// its mail: strangers elsewhere do not use them up, so that the owner's new device is let in still, and who guesses there has no more
/// tries than anybody.
const MOST_ELSEWHERE: u32 = 90;

/// What a form sent, unread.
#[derive(Debug)]
pub struct SignInForm {
    pub email: String,
    pub password: Secret<String>,
    pub return_to: Option<ReturnTo>,
    /// Of a puzzle that the page had; empty without.
    pub answer: String,
}

/// A password that was right.
struct Right {
    customer: CustomerId,
    device: Known,
    standing: Standing,
}

/// Why nobody was signed in. The page must not tell the reasons of `Refused` apart: there are none to tell.
#[derive(Debug)]
pub enum SignInFault {
    Refused,
    Throttled { seconds: u64 },
    Failed(Error),
}

impl<E: Into<Error>> From<E> for SignInFault {
    fn from(error: E) -> Self {
        SignInFault::Failed(error.into())
    }
}

impl Identity {
    pub async fn sign_in(&self, visit: &Visit, form: SignInForm) -> Result<Step, SignInFault> {
        // A stranger whom the queue would turn away: told at once, before anybody is looked up, and whoever they name. A flood costs
        // the core no more than that, and no guess is counted, since none is looked at.
        if visit.own_devices(&self.0.marks).next().is_none() && form.answer.is_empty() {
            self.0.passwords.has_room(&ticket(visit, &form.email, Lane::Stranger))?;
        }
        let begun = tokio::time::Instant::now();
        let answer = self.sign_in_now(visit, form).await;
        self.0.settle(begun).await;
        answer
    }

    async fn sign_in_now(&self, visit: &Visit, form: SignInForm) -> Result<Step, SignInFault> {
        let shared = &self.0;
        let email = Email::parse(&form.email).ok();
        // A device that is known first: its owner may share an address with whoever guesses there.
        let shown = match visit.own_devices(&shared.marks).next() {
            Some(_) => Some(shared.who(visit, email.as_ref()).await?),
            None => None,
        };
        let is_known = shown.as_ref().is_some_and(|(_, device)| device.row().is_some());
        let way = match is_known {
            true => Way::KnownDevice,
            false => shared.way(Puzzle::SignIn, visit, &form.answer, &form.email),
        };
        let block = visit.client.block();
        let network = way.key(Key::Network(block), block);
        if !is_known {
            shared.leave(visit, &network, None).await?;
        }
        let (account, device) = match shown {
            Some(who) => who,
            None => shared.who(visit, email.as_ref()).await?,
        };
        let key = way.key(shared.key_of(&form.email, &device), block);
        shared.leave(visit, &key, account.as_ref().map(|account| account.id)).await?;
        let counts = match &account {
            Some(account) => shared.password_counts(visit, account, &device).await?,
            None => false,
        };
        // Where the password does not count, the work is done all the same.
        let ticket = ticket(visit, &form.email, way.lane());
        let stored = account.as_ref().and_then(|account| account.password_hash.as_deref());
        let address = email.as_ref().map_or(&*form.email, Email::as_str);
        let fit = match shared.look(ticket, (stored, address), form.password.clone()).await {
            Ok(fit) if counts => fit,
            Ok(_) => Fit::No,
            Err(error) => {
                // A guess that was not looked at is none.
                let counted = if is_known { vec![key] } else { vec![key, network] };
                shared.throttle.withdraw(&counted);
                return Err(error.into());
            }
        };
        let account = match (account, fit) {
            (None, _) => {
                shared.note_pressure(visit, &form.email);
                shared.note_failure(visit, None, "unknown_account").await?;
                return Err(SignInFault::Refused);
            }
            (Some(account), Fit::No) => {
                shared.note_pressure(visit, &form.email);
                shared.note_wrong_password(visit, &account, &device, counts).await?;
                return Err(SignInFault::Refused);
            }
            (Some(account), Fit::Yes | Fit::Outdated) if account.locked_at.is_some() => {
                shared.note_failure(visit, Some(account.id), "locked").await?;
                return Err(SignInFault::Refused);
            }
            (Some(account), Fit::Yes) => account,
            (Some(account), Fit::Outdated) => {
                shared.upgrade_password(ticket, &account, form.password.clone()).await?;
                account
            }
        };
        // Only here: where nobody gets in anyway, its time must not tell that the password fitted.
        let standing = shared.passwords.standing(&form.password).await;
        shared.throttle.succeeded(&[key, network]);
        // Behind the right password only, and before anything of the account is read: a copy ends everything.
        let device = match device {
            Known::No => shared.known_device(visit, &account).await?,
            known => known,
        };
        let right = Right { customer: account.id, device, standing };
        self.after_password(visit, right, form.return_to).await
    }

    /// The password is right: in, or to the challenge.
    async fn after_password(
        &self,
        visit: &Visit,
        right: Right,
        return_to: Option<ReturnTo>,
    ) -> Result<Step, SignInFault> {
        let shared = &self.0;
        let Right { customer, device, standing } = right;
        let means = shared.means(customer).await?;
        let (reasons, passkey_only, may_trust) = match shared.ask(visit, &means, &device, standing).await? {
            Ask::Refuse => {
                shared.note_failure(visit, Some(customer), "refused_by_risk").await?;
                shared.tell_refused(visit, &means.account).await?;
                return Err(SignInFault::Refused);
            }
            Ask::WayBack { reasons } => {
                return Ok(self.begin_way_back(visit, &means, &device, reasons).await?);
            }
            Ask::SecondFactor { reasons, passkey_only, may_trust } => (reasons, passkey_only, may_trust),
            Ask::Nothing { noticed } => {
                let by_password = Grant::by_password(&means.account, device, Door::Pages, shared.now());
                let grant = Grant { return_to, noticed, ..by_password };
                return Ok(Step::SignedIn(shared.grant(visit, grant).await?));
            }
        };
        let draft_return = return_to.clone();
        let state = State {
            return_to,
            proofs: vec![Proof::Password],
            passkey_only,
            never_trust: !may_trust,
            reasons: reasons.clone(),
            door: Some(Door::Pages),
            elsewhere: device.elsewhere(),
            ..State::default()
        };
        let mut draft = shared.draft_flow(Purpose::SignIn, Some(customer), state);
        if shared.mail_at_once(visit, &mut draft, &means).await? == AtOnce::TooMany
            && let Some(earlier) = shared.earlier_sign_in(visit, customer, draft_return.as_ref()).await?
        {
            return Ok(Step::ChallengeAsBefore(earlier));
        }
        let token = shared.begin_challenge(visit, &means.account, &device, draft, reasons).await?;
        Ok(Step::Challenge(Some(token)))
    }

    /// The sign-in looks like a stranger's, and there is no passkey: a code to the address, the second factor if there is one, and a new
    /// password. So who knows the password, and no more, is no further with it; who is the owner is rid of the one that others know.
    async fn begin_way_back(
        &self,
        visit: &Visit,
        means: &Means,
        device: &Known,
        reasons: Vec<String>,
    ) -> Result<Step, Error> {
        let (shared, account) = (&self.0, &means.account);
        let state = State {
            address: account.email.as_ref().map(|email| email.as_str().to_owned()),
            language: Some(account.language),
            reasons: reasons.clone(),
            ..State::default()
        };
        let mut draft = shared.draft_flow(Purpose::Recovery, Some(account.id), state);
        shared.mail_at_once(visit, &mut draft, means).await?;
        let token = shared.begin_challenge(visit, account, device, draft, reasons).await?;
        Ok(Step::Challenge(Some(token)))
    }
}

impl Shared {
    /// Behind the right password: more is asked for, kept for staff, and told where nobody shows it.
    pub(super) async fn begin_challenge(
        &self,
        visit: &Visit,
        account: &Account,
        device: &Known,
        draft: FlowDraft,
        reasons: Vec<String>,
    ) -> Result<FlowToken, Error> {
        let unmet = self.unmet(visit, &draft, device);
        let (token, post, customer) = (draft.token.clone(), self.post.clone(), account.id);
        let purpose = draft.row.purpose;
        let held = self.held(customer, What::Asked, purpose.word(), &reasons);
        let (actor, doors) = (self.stranger(visit.client), account.doors());
        let written = self.db.write(move |tx| -> Result<(), Error> {
            super::still_open(tx, customer, &doors)?;
            draft.write(tx, &*post)?;
            if let Some(unmet) = &unmet {
                unmet.write(tx)?;
            }
            held.write(tx)?;
            let word = purpose.word().to_owned();
            tx.append(actor, None, StepUpAsked { customer, purpose: word, reasons: reasons.clone() })?;
            if purpose == Purpose::Recovery {
                tx.append(actor, None, RecoveryBegun { customer: Some(customer) })?;
            }
            Ok(())
        });
        written.await?;
        Ok(token)
    }

    /// A known device has a count of its own, so strangers cannot lock its owner out.
    fn key_of(&self, typed: &str, device: &Known) -> Key {
        match device.row() {
            Some(row) => Key::KnownDevice(row.id.to_string()),
            None => Key::Stranger(self.marks.attempt(typed)),
        }
    }

    /// Counts an attempt; refuses it when there were too many. The first refusal of each wait is told.
    async fn leave(&self, visit: &Visit, key: &Key, customer: Option<CustomerId>) -> Result<(), SignInFault> {
        match self.throttle.attempt(std::slice::from_ref(key), self.now()) {
            Leave::Granted => Ok(()),
            Leave::Wait { seconds, first } => {
                if first {
                    self.note_failure(visit, customer, "throttled").await?;
                }
                Err(SignInFault::Throttled { seconds })
            }
        }
    }

    pub async fn note_failure(
        &self,
        visit: &Visit,
        customer: Option<CustomerId>,
        reason: &'static str,
    ) -> Result<(), Error> {
        let actor = self.stranger(visit.client);
        let held = customer.map(|customer| self.held_failure(customer, reason));
        let fact = CustomerSignInFailed { customer, reason: reason.to_owned() };
        let written = self.db.write(move |tx| -> Result<(), Error> {
            if let Some(held) = &held {
                held.write(tx)?;
            }
            Ok(tx.append(actor, None, fact.clone()).map(drop)?)
        });
        written.await
    }

    /// Whether a right password leads on here.
    async fn password_counts(&self, visit: &Visit, account: &Account, device: &Known) -> Result<bool, Error> {
        if account.password_disabled_at.is_none() || device.row().is_some() {
            return Ok(true);
        }
        Ok(self.knows_network(visit, account.id).await? && self.has_tries_left(account).await?)
    }

    /// Whether one of the tries that are kept for whoever is no stranger is left.
    pub(super) async fn has_tries_left(&self, account: &Account) -> Result<bool, Error> {
        let customer = account.id;
        let read = move |reader: &mut Reader<'_>| sql::account::failures(reader, customer);
        Ok(self.db.read(read).await? < MOST_FAILURES)
    }

    pub(super) async fn note_wrong_password(
        &self,
        visit: &Visit,
        account: &Account,
        device: &Known,
        counts: bool,
    ) -> Result<(), Error> {
        let reason = match &account.password_hash {
            None => "no_password",
            Some(_) if !counts => "password_disabled",
            Some(_) => "password",
        };
        // What is not looked at is no guess: it takes nothing from those that are.
        if device.row().is_some() || !counts {
            return self.note_failure(visit, Some(account.id), reason).await;
        }
        let (customer, now, actor) = (account.id, self.now(), self.stranger(visit.client));
        let has_password = account.password_hash.is_some();
        let held = self.held_failure(customer, reason);
        let activity = self.activity("password_disabled", "");
        // Once for each time that it happens: the owner would learn of it at a new device only, which takes the right password for wrong.
        // The link goes through whatever else strangers use up.
        let link = self.lasting_link(LetterKind::PasswordDisabled, account);
        let post = self.post.clone();
        let written = self.db.write(move |tx| -> Result<(), Error> {
            let failures = sql::account::count_failure(tx, customer)?;
            held.write(tx)?;
            let fact = CustomerSignInFailed { customer: Some(customer), reason: reason.to_owned() };
            tx.append(actor, None, fact)?;
            let is_over = has_password && failures >= MOST_ELSEWHERE;
            if is_over && sql::account::disable_password(tx, customer, now)? {
                tx.append(actor, None, CustomerPasswordDisabled { customer, failures })?;
                note_activity(tx, customer, &activity)?;
                if let Some(link) = &link {
                    sql::flow::end_password_links(tx, customer)?;
                    link.write(tx, &*post)?;
                }
            }
            Ok(())
        });
        written.await
    }

    pub(super) async fn upgrade_password(
        &self,
        ticket: Ticket,
        account: &Account,
        password: Secret<String>,
    ) -> Result<(), Error> {
        let (Some(old), customer) = (account.password_hash.clone(), account.id) else { return Ok(()) };
        // Where the pool is too full for it, the next sign-in does it.
        // Whoever showed the right password is no stranger, whose lane the check of a dear hash has just used up.
        let ticket = Ticket { lane: Lane::KnownDevice, ..ticket };
        let Ok(new) = self.passwords.hash(ticket, password).await else { return Ok(()) };
        let written = self.db.write(move |tx| -> Result<(), Error> {
            sql::account::upgrade_password(tx, customer, &old, &new)?;
            tx.commit_silent("the password is the same; only its stored form is of today");
            Ok(())
        });
        written.await
    }
}
