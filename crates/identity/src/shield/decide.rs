//! Who is signed in at the shop, and what becomes of it. Whoever calls these holds the jar's `deciding`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use storeward_adapter::Named;
use storeward_base::{CustomerId, Secret, Timestamp};
use storeward_detect::sign_in::Password as Standing;
use storeward_web::http::{HeaderValue, StatusCode};

use super::answers::Refusal;
use super::handles::{Entry, HANDLE_COOKIE};
use super::jar::{Jar, Phase, Rights, ShopName};
use super::shop::{Asker, Who};
use super::{Alarm, Guard, StaffPolicy, WAITS, WhenUnclear};
use crate::error::Error;
use crate::gate::{flow_cookie, own};
use crate::state::ReturnTo;
use crate::tokens::{FLOW_COOKIE, FlowToken, SESSION_COOKIE, SessionToken};
use crate::verbs::BackOffice;
use crate::verbs::shield::{Decision, Outcome, Passed, ShopAccount, Signals, Unprovable};
use crate::visit::Visit;

/// An account's own session is looked up this often; what a person ends elsewhere ends here within this time.
const VERIFY_STEP: Duration = Duration::from_secs(1);

/// The request that a decision is made for.
pub struct Cause<'a> {
    pub visit: &'a Visit,
    pub asker: &'a Asker,
    /// The handle that the browser holds now, or gets with this answer.
    pub token: &'a str,
    pub return_to: Option<ReturnTo>,
    /// The person has just proved who they are, and does what may change the shop's address for them.
    pub may_follow: bool,
    /// They sent the form by which people change the address that the shop names them by, and nothing else.
    pub renamed: Option<&'a Renamed>,
    /// Only staff have business there: closed, whatever the owner chose for customers.
    pub guards_staff: bool,
    /// They asked the shop to sign them out.
    pub leaves: bool,
    /// The password that was typed. It is looked up among the breached ones once the shop took it: nobody asks a service about guesses.
    pub password: Option<&'a Secret<String>>,
}

/// A form by which the shop's name for somebody changes.
pub struct Renamed {
    /// The new one, as it was typed.
    pub to: String,
    /// The session's cookies before it.
    pub cookies: String,
}

/// What was decided.
pub enum Verdict {
    /// Nobody is signed in, or who is may be. With the handle's new token, where it got one.
    Go { token: Option<String>, cookies: Vec<HeaderValue> },
    /// Not with this session.
    Hold { refusal: Refusal, cookies: Vec<HeaderValue> },
    /// Nobody can tell: on, but without the shop's session.
    Without,
    /// Nobody can tell of anybody, and the owner lets customers through then.
    Through,
}

impl Verdict {
    fn go() -> Self {
        Verdict::Go { token: None, cookies: Vec::new() }
    }
}

impl Guard {
    /// Asks who is signed in, and acts on it.
    pub async fn weigh(&self, entry: &Arc<Entry>, cause: &Cause<'_>) -> Result<Verdict, Error> {
        let who = self.who_after_acts(entry, cause.asker).await;
        let (phase, by_token, is_elsewhere) = {
            let inner = entry.lock();
            (inner.jar.phase.clone(), inner.jar.by_token, inner.jar.may_be_elsewhere())
        };
        let (subject, email) = match (who, &phase) {
            (_, Phase::Ended) => return Ok(Verdict::Without),
            (Who::Nobody, Phase::Pending { flow, .. }) if by_token => return Ok(Self::hold(flow)),
            (Who::Nobody, Phase::Active { .. }) if by_token => {
                self.set_known(entry);
                return Ok(Verdict::go());
            }
            // It would be nobody's for ever.
            (Who::Unclear, _) if self.is_shared(entry) => {
                self.alarm(Alarm::Unclear, cause.asker.client).await;
                self.end(entry, cause.asker).await?;
                return Ok(Verdict::Without);
            }
            (Who::Unclear, _) => return Ok(self.unclear(entry, cause).await),
            // A storefront next door, which does not say it now, may be the one where they are in.
            (Who::Nobody, Phase::Active { .. }) if is_elsewhere && !cause.leaves => {
                self.set_known(entry);
                return Ok(Verdict::go());
            }
            (Who::Nobody, Phase::Anonymous) => {
                self.set_known(entry);
                return Ok(Verdict::go());
            }
            (Who::Nobody, Phase::Pending { flow, .. }) => {
                if let Some(flow) = FlowToken::parse(flow) {
                    self.identity.give_up(&flow).await?;
                }
                return self.back_to_anonymous(entry).await;
            }
            (Who::Nobody, Phase::Active { customer, session, .. }) => {
                self.identity.shop_signed_out(*customer, *session).await?;
                let mut verdict = self.back_to_anonymous(entry).await?;
                if let Verdict::Go { cookies, .. } = &mut verdict {
                    cookies.extend(SESSION_COOKIE.clear());
                }
                return Ok(verdict);
            }
            (Who::Somebody { subject, email }, _) => (subject, email),
        };
        match phase {
            Phase::Active { subject: known, customer, session } if known == subject => {
                // Somebody may have signed in with it again, and what was remembered is of the time before.
                if !self.stands_now(entry, session, customer).await? {
                    self.end(entry, cause.asker).await?;
                    return Ok(Verdict::Without);
                }
                if cause.renamed.is_some() {
                    self.identity.shop_name_stays(customer).await?;
                }
                if let (true, Some(address)) = (cause.may_follow, &email) {
                    self.identity.follow_shop_address(customer, address).await?;
                }
                self.set_known(entry);
                Ok(Verdict::go())
            }
            Phase::Pending { subject: known, flow, .. } if known == subject => {
                self.set_known(entry);
                Ok(Self::hold(&flow))
            }
            Phase::Active { customer, .. } if self.moves(cause, customer, &subject.name).await? => {
                self.go_by_new_name(entry, cause, customer, (subject, email)).await
            }
            Phase::Anonymous | Phase::Active { .. } | Phase::Pending { .. } | Phase::Ended => {
                let email = match email {
                    Some(email) => Some(email),
                    None => self.address(entry, cause.asker).await,
                };
                let language = cause.visit.language;
                let shop = ShopAccount { subject: subject.name.clone(), email, name: None, language };
                entry.lock().jar.by_token = false;
                self.begin(entry, cause, shop, subject).await
            }
        }
    }

    /// Whether it is the same person under another name, who has it from now on. Never because somebody else signed in, whatever
    /// else the request was: the form named this very address, at which they showed to read mail, and could sign nobody in, the session that
    /// was there before goes by it now, and nobody else whom we know has it.
    async fn moves(&self, cause: &Cause<'_>, customer: CustomerId, subject: &str) -> Result<bool, Error> {
        let Some(renamed) = cause.renamed.filter(|renamed| renamed.to.eq_ignore_ascii_case(subject)) else {
            return Ok(false);
        };
        let before = self.who_has(renamed.cookies.clone(), cause.asker).await;
        let is_same = matches!(&before, Who::Somebody { subject: told, .. } if told.name == subject);
        if !is_same || self.identity.is_anothers(customer, subject).await? {
            return Ok(false);
        }
        if !self.identity.has_shown_name(customer, subject).await? {
            return Ok(false);
        }
        self.identity.move_shop_account(customer, subject).await
    }

    async fn go_by_new_name(
        &self,
        entry: &Arc<Entry>,
        cause: &Cause<'_>,
        customer: CustomerId,
        (subject, email): (ShopName, Option<String>),
    ) -> Result<Verdict, Error> {
        if let Some(address) = &email {
            self.identity.follow_shop_address(customer, address).await?;
        }
        let rights = self.rights(entry, cause.asker).await.unwrap_or(Rights::Unknown);
        {
            let mut inner = entry.lock();
            inner.jar.rights = rights;
            if let Phase::Active { subject: kept, .. } = &mut inner.jar.phase {
                *kept = subject;
            }
        }
        self.set_known(entry);
        self.handles.keep(entry).await?;
        Ok(Verdict::go())
    }

    /// What whoever is signed in may do in the back office, asked where it is not known yet. `None` while the shop does not say.
    pub async fn known_rights(&self, entry: &Arc<Entry>, asker: &Asker) -> Option<Rights> {
        let known = entry.lock().jar.rights;
        if known != Rights::Unknown || self.adapter.staff.probe.is_none() {
            return Some(known);
        }
        let _deciding = entry.deciding.lock().await;
        let rights = self.rights(entry, asker).await.ok()?;
        entry.lock().jar.rights = rights;
        self.handles.note_change(entry);
        Some(rights)
    }

    fn set_known(&self, entry: &Arc<Entry>) {
        let was = std::mem::replace(&mut entry.lock().jar.is_known, true);
        if !was {
            self.handles.note_change(entry);
        }
    }

    async fn back_to_anonymous(&self, entry: &Arc<Entry>) -> Result<Verdict, Error> {
        {
            let mut inner = entry.lock();
            inner.jar.phase = Phase::Anonymous;
            // Nobody is in here: at another host of the shop somebody may be, and their pages are theirs.
            if self.adapter.elevates() {
                inner.jar.leave_open("/", self.identity.0.now());
            }
            inner.jar.waiting.clear();
            inner.jar.by_token = false;
            inner.jar.rights = Rights::Unknown;
            inner.jar.is_known = true;
        }
        self.handles.keep(entry).await?;
        Ok(Verdict::go())
    }

    async fn unclear(&self, entry: &Arc<Entry>, cause: &Cause<'_>) -> Verdict {
        self.alarm(Alarm::Unclear, cause.asker.client).await;
        entry.lock().jar.is_known = false;
        self.handles.note_change(entry);
        if !cause.guards_staff && self.lets_through().await { Verdict::Through } else { Verdict::Without }
    }

    /// Somebody signed in at the shop: do they have to show more?
    pub(super) async fn begin(
        &self,
        entry: &Arc<Entry>,
        cause: &Cause<'_>,
        shop: ShopAccount,
        subject: ShopName,
    ) -> Result<Verdict, Error> {
        // Whatever fails from here on: nobody goes on with the session until it is decided.
        {
            let mut inner = entry.lock();
            inner.jar.is_known = false;
            inner.jar.rights = Rights::Unknown;
            inner.jar.waiting.clear();
        }
        let Ok(rights) = self.rights(entry, cause.asker).await else {
            return Ok(self.unclear(entry, cause).await);
        };
        entry.lock().jar.rights = rights;
        let unprovable = self.unprovable().await?;
        let password = match cause.password {
            Some(typed) => self.identity.0.passwords.standing(typed).await,
            None => Standing::default(),
        };
        let signals = Signals {
            return_to: cause.return_to.clone(),
            reasons: if rights == Rights::Staff { vec!["staff".to_owned()] } else { Vec::new() },
            unprovable,
            password,
        };
        let decision = self.identity.begin_pending(cause.visit, &shop, cause.token, signals).await?;
        match decision {
            Decision::Release(passed) => self.activate(entry, passed, subject).await,
            Decision::Challenge(flow) => {
                let flow = flow.secret().expose().clone();
                {
                    let mut inner = entry.lock();
                    let since = self.identity.0.now();
                    inner.jar.is_known = self.goes_by(&inner.jar, &subject);
                    inner.jar.phase = Phase::Pending { since, flow: flow.clone(), subject };
                }
                self.handles.keep(entry).await?;
                Ok(Self::hold(&flow))
            }
            Decision::Refuse => {
                self.end(entry, cause.asker).await?;
                let title = "You cannot sign in at the moment";
                let refusal = Refusal::of(StatusCode::FORBIDDEN, "identity.refused", title);
                Ok(Verdict::Hold { refusal, cookies: HANDLE_COOKIE.clear().into_iter().collect() })
            }
        }
    }

    /// What becomes of an account that has nothing to show. Where the shop tells others' addresses and not this one, that may be whoever
    /// signs in who brings it about.
    async fn unprovable(&self) -> Result<Unprovable, Error> {
        let is_closed = self.section.when_unclear == WhenUnclear::Closed;
        let refuses = is_closed
            || (self.adapter.signed_in.names_address() && self.identity.shop_tells_addresses().await?);
        Ok(if refuses { Unprovable::Refuse } else { Unprovable::Admit })
    }

    /// Whether the cookies that are kept are those of whom it was decided, as far as they say it themselves. Else it is asked anew.
    fn goes_by(&self, jar: &Jar, subject: &ShopName) -> bool {
        let pairs = jar.cookies.iter().map(|kept| (kept.name.as_str(), kept.value.as_str()));
        match self.adapter.signed_in.of_cookies(pairs) {
            Named::Somebody { subject: name, by } => ShopName { name, cookie: Some(by) }.may_be(subject),
            Named::Untold => true,
            // A token alone.
            Named::Nobody => subject.cookie.is_none(),
            Named::Several => false,
        }
    }

    fn hold(flow: &str) -> Verdict {
        let cookies = FlowToken::parse(flow).and_then(|flow| flow_cookie(&flow)).into_iter().collect();
        Verdict::Hold { refusal: Refusal::held(own("/challenge")), cookies }
    }

    /// The session is the browser's now, under another handle.
    async fn activate(
        &self,
        entry: &Arc<Entry>,
        passed: Passed,
        subject: ShopName,
    ) -> Result<Verdict, Error> {
        let waited = {
            let mut inner = entry.lock();
            let (customer, session) = (passed.customer, passed.session);
            inner.jar.is_known = self.goes_by(&inner.jar, &subject);
            inner.jar.phase = Phase::Active { customer, session, subject };
            inner.jar.shown = passed.session_hash();
            inner.jar.made_at = self.identity.0.now();
            std::mem::take(&mut inner.jar.waiting)
        };
        entry.verified_at.store(self.identity.0.now().micros(), Ordering::SeqCst);
        let token = self.handles.rotate(entry).await?;
        let is_lasting = entry.lock().jar.is_lasting();
        let mut cookies = passed.cookies(is_lasting);
        cookies.extend(waited.iter().filter_map(|line| HeaderValue::from_bytes(line.as_bytes()).ok()));
        cookies.extend(self.handle_cookie(&token, is_lasting));
        Ok(Verdict::Go { token: Some(token), cookies })
    }

    /// It ends with the browser where all that the shop set does.
    pub fn handle_cookie(&self, token: &str, is_lasting: bool) -> Option<HeaderValue> {
        let age = self.identity.0.policy().absolute().as_secs();
        HANDLE_COOKIE.set(token, is_lasting.then_some(age))
    }

    /// A browser comes back whose sign-in waits.
    pub async fn go_on(
        &self,
        entry: &Arc<Entry>,
        cause: &Cause<'_>,
        pending: (Timestamp, String, ShopName),
    ) -> Result<Verdict, Error> {
        let (since, flow, subject) = pending;
        let token = FlowToken::parse(&flow);
        let outcome = match &token {
            Some(token) if self.identity.0.now().since(since) < WAITS => self.identity.outcome(token).await?,
            Some(_) | None => Outcome::Over,
        };
        match (outcome, &token) {
            (Outcome::Waiting, _) => return Ok(Self::hold(&flow)),
            (Outcome::Passed, Some(token)) => {
                if let Some(passed) = self.identity.release(cause.visit, token, cause.token).await? {
                    return self.activate(entry, passed, subject).await;
                }
            }
            (Outcome::Passed | Outcome::Over, _) => {}
        }
        self.end(entry, cause.asker).await?;
        Ok(Verdict::Without)
    }

    /// The session of the shop is over: signed out there, forgotten here, whatever becomes of the rest.
    pub async fn end(&self, entry: &Arc<Entry>, asker: &Asker) -> Result<(), Error> {
        let phase = std::mem::replace(&mut entry.lock().jar.phase, Phase::Ended);
        let flow = match &phase {
            Phase::Pending { flow, .. } => FlowToken::parse(flow),
            Phase::Anonymous | Phase::Active { .. } | Phase::Ended => None,
        };
        let given_up = match &flow {
            Some(flow) => self.identity.give_up(flow).await,
            None => Ok(()),
        };
        let dropped = self.handles.drop_jar(entry).await;
        let _ = self.sign_out_of_shop(entry, asker).await;
        entry.lock().jar.cookies.clear();
        given_up.and(dropped)
    }

    /// Whether the account's own session still stands. It ends with "sign out everywhere" and "this wasn't me".
    pub async fn still_stands(
        &self,
        entry: &Arc<Entry>,
        session: crate::model::SessionId,
        customer: CustomerId,
    ) -> Result<bool, Error> {
        let verified = Timestamp::from_micros(entry.verified_at.load(Ordering::SeqCst));
        if self.identity.0.now().since(verified) < VERIFY_STEP {
            return Ok(true);
        }
        self.stands_now(entry, session, customer).await
    }

    /// The same, looked up whatever is remembered: whoever signs in with a session that has ended has shown nothing yet.
    pub async fn stands_now(
        &self,
        entry: &Arc<Entry>,
        session: crate::model::SessionId,
        customer: CustomerId,
    ) -> Result<bool, Error> {
        let found = self.identity.keep_session(session).await?;
        let stands = found.is_some_and(|found| found.customer == customer);
        if stands {
            entry.verified_at.store(self.identity.0.now().micros(), Ordering::SeqCst);
        }
        Ok(stands)
    }

    /// Whether this is the token of that session as it is now: not one of before a step-up.
    pub async fn is_token_of(
        &self,
        token: Option<&SessionToken>,
        session: crate::model::SessionId,
    ) -> Result<bool, Error> {
        let Some(token) = token else { return Ok(false) };
        Ok(self.identity.current(token).await?.is_some_and(|found| found.id == session))
    }

    /// Whether the person has to prove anew who they are before this; the page where they do. What was proved counts for the browser
    /// that proved it: the one that holds our own session's token of since then. A copy of the handle has none.
    pub async fn needs_proof(
        &self,
        (session, is_shown): (crate::model::SessionId, bool),
        act: Act,
        back: &ReturnTo,
    ) -> Result<Option<Refusal>, Error> {
        let Some(found) = self.identity.session_by_id(session).await? else {
            return Ok(Some(Refusal::held(own("/sign-in"))));
        };
        let standing = match act {
            Act::Sensitive if is_shown && self.identity.is_fresh(&found) => BackOffice::Open,
            Act::Sensitive => BackOffice::Prove,
            Act::BackOffice if self.section.staff == StaffPolicy::AsCustomers => BackOffice::Open,
            Act::BackOffice if !is_shown => BackOffice::Prove,
            Act::BackOffice => {
                let within = Duration::from_secs(u64::from(self.section.staff_minutes) * 60);
                self.identity.back_office(&found, within).await?
            }
        };
        Ok(match standing {
            BackOffice::Open => None,
            BackOffice::Prove => Some(Refusal::held(self.identity.step_up_address(back))),
            BackOffice::Enrol | BackOffice::Approve => {
                Some(Refusal::held(self.identity.back_office_address(back)))
            }
        })
    }
}

/// What takes a second factor now, and not just once at the sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Sensitive,
    BackOffice,
}

/// The cookie of a challenge that is over.
pub fn no_flow() -> Option<HeaderValue> {
    FLOW_COOKIE.clear()
}
