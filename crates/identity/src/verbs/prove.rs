//! Showing one more proof: each try is counted before it is looked at, and each code counts once.

use storeward_base::{Actor, Secret};
use storeward_events::identity::{FactorFailed, RecoveryCodeUsed, StepUpFailed, StepUpPassed};
use storeward_passwords::Lane;
use storeward_seal::totp::{self, TotpSecret};
use storeward_seal::webauthn;
use storeward_store::Tx;

use super::flows::{Means, Need, Offer, Step};
use super::grant::{Grant, Trust};
use super::passkeys::PasskeyAnswer;
use super::sms::plain;
use super::{Identity, Shared};
use crate::error::Error;
use crate::held::What;
use crate::marks::Field;
use crate::model::{FactorId, FactorKind, Level, Proof};
use crate::passwords::{Fit, ticket};
use crate::sql::{self, factor::FactorRow};
use crate::state::{Door, Flow, Purpose, ReturnTo};
use crate::throttle::Leave;
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// What somebody shows.
pub enum Given {
    Password(Secret<String>),
    Totp(String),
    Sms(String),
    Mail(String),
    Recovery(String),
    Passkey(PasskeyAnswer),
}

/// Why the flow did not go on.
#[derive(Debug)]
pub enum ProveFault {
    /// It does not fit; so many tries are left.
    Wrong {
        left: u32,
    },
    /// The tries are used up: the flow is over.
    Spent,
    Throttled {
        seconds: u64,
    },
    Failed(Error),
}

impl<E: Into<Error>> From<E> for ProveFault {
    fn from(error: E) -> Self {
        ProveFault::Failed(error.into())
    }
}

/// A proof made ready outside of the transaction: what remains is to take it, once.
#[derive(Clone)]
enum Claim {
    /// Nothing that could fit.
    No(&'static str),
    Password,
    Totp(Vec<(FactorId, i64)>),
    /// The code's mark.
    Code(String),
    RecoveryCode(String),
    Passkey {
        id: FactorId,
        known: i64,
        next: i64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tried {
    Fits,
    Wrong { left: u32 },
    Spent,
    Overtaken,
}

impl Identity {
    /// Shows a proof in the browser's flow; when nothing is missing any more, what the flow was begun for happens. `solved` is
    /// the answer to a puzzle, if any.
    pub async fn prove(
        &self,
        visit: &Visit,
        token: &FlowToken,
        given: Given,
        trust: Trust,
        solved: &str,
    ) -> Result<Step, ProveFault> {
        let begun = tokio::time::Instant::now();
        let answer = self.prove_now(visit, token, given, trust, solved).await;
        self.0.settle(begun).await;
        answer
    }

    async fn prove_now(
        &self,
        visit: &Visit,
        token: &FlowToken,
        given: Given,
        trust: Trust,
        solved: &str,
    ) -> Result<Step, ProveFault> {
        let shared = &self.0;
        let mut flow = shared.flow(token).await?;
        let (need, means) = shared.need(&flow).await?;
        let (proof, factor) = given.kind();
        if !need.accepts(&given) {
            // A form of an earlier page: the page is shown again as it is now.
            return Ok(Step::Challenge(None));
        }
        let key = match means.as_ref().filter(|_| given.is_guessable()) {
            Some(means) => Some(shared.guesses_key(visit, &flow, means, solved).await?),
            None => None,
        };
        if let Some(key) = &key
            && let Leave::Wait { seconds, .. } =
                shared.throttle.attempt(std::slice::from_ref(key), shared.now())
        {
            return Err(ProveFault::Throttled { seconds });
        }
        let claim = match shared.claim(visit, &flow, means.as_ref(), given).await {
            Ok(claim) => claim,
            Err(error) => {
                // A guess that was not looked at is none.
                shared.throttle.withdraw(key.as_slice());
                return Err(error.into());
            }
        };
        flow.state.prove(proof);
        flow.state.webauthn = None;
        if proof == Proof::Mail {
            flow.state.read_at = flow.address(means.as_ref()).map(|email| shared.marks.email(&email));
        }
        let may_trust = shared.policy().trusted_device_days > 0 && !flow.state.never_trust;
        if trust == Trust::FromNowOn && may_trust {
            flow.state.trust_device = true;
        }
        match shared.take(visit, &flow, claim, factor).await? {
            Tried::Wrong { left } => {
                shared.note_factor_pressure(visit, means.as_ref());
                Err(ProveFault::Wrong { left })
            }
            Tried::Spent => Err(ProveFault::Spent),
            // The page is shown again as it is now.
            Tried::Overtaken => Ok(Step::Challenge(None)),
            Tried::Fits => {
                // Who knows the password must not clear with it the count of the codes that they guess at; nor is it a guess.
                match key {
                    Some(key) if proof == Proof::Password => shared.throttle.withdraw(&[key]),
                    Some(key) => shared.throttle.succeeded(&[key]),
                    None => {}
                }
                if proof == Proof::Mail {
                    shared.letter_was_read(visit, &flow, means.as_ref()).await?;
                }
                // Whose count the step-up used is looked up before it is over.
                let counted = match &means {
                    Some(means) if flow.purpose == Purpose::StepUp => {
                        Some(shared.guesses_key(visit, &flow, means, "").await?)
                    }
                    _ => None,
                };
                let step = self.advance(visit, token).await?;
                if let (Some(counted), Step::Raised { .. }) = (counted, &step) {
                    shared.throttle.succeeded(&[counted]);
                }
                if proof == Proof::Password && matches!(step, Step::Challenge(None)) {
                    self.send_first(visit, token).await?;
                }
                Ok(step)
            }
        }
    }

    /// Goes on with a flow: to the next page, or to what it was begun for.
    pub async fn advance(&self, visit: &Visit, token: &FlowToken) -> Result<Step, Error> {
        let shared = &self.0;
        let flow = shared.flow(token).await?;
        let (need, means) = shared.need(&flow).await?;
        match need {
            Need::Password | Need::Code { .. } | Need::Factor(_) => return Ok(Step::Challenge(None)),
            Need::NewPassword => return Ok(Step::NewPassword),
            Need::NewFactor => return Ok(Step::NewFactor),
            Need::Nothing => {}
        }
        match (flow.purpose, means) {
            (Purpose::SignUp, None) => self.finish_sign_up(visit, flow).await,
            (Purpose::SignIn, Some(means)) => self.finish_sign_in(visit, flow, means).await,
            (Purpose::StepUp, Some(_)) => self.finish_step_up(visit, flow).await,
            (Purpose::ChangeAddress, Some(means)) => self.finish_change_address(visit, flow, &means).await,
            (Purpose::ShopName, Some(_)) => self.finish_shop_name(visit, flow).await,
            (Purpose::Shield, Some(_)) => self.finish_shield(flow).await,
            (Purpose::Recovery, Some(_)) => self.finish_recovery_at_shop(flow).await,
            _ => Err(Error::FlowOver),
        }
    }

    async fn finish_sign_in(&self, visit: &Visit, flow: Flow, means: Means) -> Result<Step, Error> {
        let (means, device) = self.0.known_in(visit, means, &flow.state).await?;
        let trust = if flow.state.trust_device { Trust::FromNowOn } else { Trust::AsBefore };
        let granted = self.0.grant(
            visit,
            Grant {
                account: &means.account,
                proofs: flow.state.proofs.clone(),
                door: flow.state.door.unwrap_or(Door::Pages),
                return_to: flow.state.return_to.clone(),
                trust,
                device,
                flow_hash: Some(flow.hash),
                opens: None,
                read_at: flow.state.read_at.clone(),
                noticed: Vec::new(),
            },
        );
        Ok(Step::SignedIn(granted.await?))
    }

    /// The shield takes it from here: see [`Identity::release`].
    async fn finish_shield(&self, flow: Flow) -> Result<Step, Error> {
        let now = self.0.now();
        let Some(customer) = flow.customer else { return Err(Error::FlowOver) };
        let acr = Level::of(&flow.state.proofs).acr().to_owned();
        let hash = flow.hash.clone();
        let passed = self.0.db.write(move |tx| -> Result<bool, Error> {
            if !sql::flow::pass(tx, &hash, now)? {
                tx.commit_silent("it was passed before, and told then");
                return Ok(false);
            }
            sql::told::met(tx, &hash)?;
            let fact =
                StepUpPassed { customer, purpose: Purpose::Shield.word().to_owned(), acr: acr.clone() };
            tx.append(Actor::Customer { id: customer }, None, fact)?;
            sql::account::clear_step_up(tx, customer)?;
            Ok(true)
        });
        passed.await?;
        let home = || ReturnTo::parse("/").expect("the front page is a path of this host");
        Ok(Step::Over(flow.state.return_to.unwrap_or_else(home)))
    }
}

impl Given {
    const fn kind(&self) -> (Proof, &'static str) {
        match self {
            Given::Password(_) => (Proof::Password, "password"),
            Given::Totp(_) => (Proof::Totp, "totp"),
            Given::Sms(_) => (Proof::Sms, "sms"),
            Given::Mail(_) => (Proof::Mail, "mail"),
            Given::Recovery(_) => (Proof::Recovery, "recovery"),
            Given::Passkey(_) => (Proof::Passkey, "passkey"),
        }
    }
}

impl Given {
    /// Whether it could be found by trying, over many challenges: then its tries are counted for the account. A passkey or a
    /// recovery code (80 bits) cannot; a code that was sent is one of 100 million and good in its challenge only, which takes five
    /// tries, and few are sent to one address or number.
    const fn is_guessable(&self) -> bool {
        match self {
            Given::Password(_) | Given::Totp(_) => true,
            Given::Sms(_) | Given::Mail(_) | Given::Recovery(_) | Given::Passkey(_) => false,
        }
    }
}

impl Need {
    /// Whether a passkey is asked for. It is a password and a second factor in one.
    pub(super) fn takes_passkeys(&self) -> bool {
        *self == Need::Password || matches!(self, Need::Factor(offers) if offers.contains(&Offer::Passkey))
    }

    /// Whether this is what is asked for now: a proof is taken only where it was offered.
    fn accepts(&self, given: &Given) -> bool {
        let offered = |offer: Offer| matches!(self, Need::Factor(offers) if offers.contains(&offer));
        match given {
            Given::Password(_) => *self == Need::Password,
            Given::Totp(_) => offered(Offer::Totp),
            Given::Sms(_) => offered(Offer::Sms),
            Given::Mail(_) => matches!(self, Need::Code { .. }) || offered(Offer::Mail),
            Given::Recovery(_) => offered(Offer::Recovery),
            Given::Passkey(_) => self.takes_passkeys(),
        }
    }
}

impl Shared {
    /// Looks at what was given. Nothing is taken yet.
    async fn claim(
        &self,
        visit: &Visit,
        flow: &Flow,
        means: Option<&Means>,
        given: Given,
    ) -> Result<Claim, Error> {
        match given {
            Given::Password(password) => {
                let stored = means.and_then(|means| means.account.password_hash.as_deref());
                // Only a step-up comes from a browser that is signed in already.
                let lane = match flow.purpose {
                    Purpose::StepUp => Lane::KnownDevice,
                    _ => Lane::Stranger,
                };
                let account = means.map_or_else(|| flow.hash.clone(), |means| means.account.id.to_string());
                let ticket = ticket(visit, &account, lane);
                let fits = self.passwords.check(ticket, stored, password).await? != Fit::No;
                Ok(if fits { Claim::Password } else { Claim::No("wrong") })
            }
            Given::Totp(code) => self.claim_totp(means, &code),
            Given::Sms(code) => Ok(Claim::Code(self.marks.sms_code(&flow.hash, &plain(&code)))),
            Given::Mail(code) => Ok(match flow.address(means) {
                Some(to) => Claim::Code(self.marks.code(&flow.hash, &to, &plain(&code))),
                None => Claim::No("wrong"),
            }),
            Given::Recovery(code) => {
                let hash = means.and_then(|means| self.recovery_hash(means.account.id, &code));
                Ok(hash.map_or(Claim::No("wrong"), Claim::RecoveryCode))
            }
            Given::Passkey(answer) => {
                let Some(means) = means else { return Ok(Claim::No("wrong")) };
                let Some(factor) = self.factor_of(&answer).await? else { return Ok(Claim::No("wrong")) };
                if factor.customer != means.account.id {
                    return Ok(Claim::No("wrong"));
                }
                self.claim_passkey(flow, &factor, &answer)
            }
        }
    }

    fn claim_passkey(&self, flow: &Flow, factor: &FactorRow, answer: &PasskeyAnswer) -> Result<Claim, Error> {
        Ok(match self.check_passkey(flow, factor, answer)? {
            Ok(next) => Claim::Passkey { id: factor.id, known: factor.counter, next },
            Err(webauthn::Refusal::Counter) => Claim::No("signature_counter"),
            Err(_) => Claim::No("wrong"),
        })
    }

    /// Shows a passkey in a flow whose customer follows from it.
    pub(super) async fn prove_passkey(
        &self,
        visit: &Visit,
        flow: &mut Flow,
        factor: &FactorRow,
        answer: &PasskeyAnswer,
    ) -> Result<(), ProveFault> {
        let claim = self.claim_passkey(flow, factor, answer)?;
        flow.state.prove(Proof::Passkey);
        flow.state.webauthn = None;
        match self.take(visit, flow, claim, "passkey").await? {
            Tried::Fits => Ok(()),
            Tried::Wrong { left } => Err(ProveFault::Wrong { left }),
            Tried::Spent => Err(ProveFault::Spent),
            Tried::Overtaken => Err(ProveFault::Failed(Error::Overtaken)),
        }
    }

    fn note_factor_pressure(&self, visit: &Visit, means: Option<&Means>) {
        if let Some(email) = means.and_then(|means| means.account.email.as_ref()) {
            self.note_pressure(visit, email.as_str());
        }
    }

    fn claim_totp(&self, means: Option<&Means>, code: &str) -> Result<Claim, Error> {
        let mut fitting = Vec::new();
        for factor in means.iter().flat_map(|means| &means.factors).filter(|f| f.kind == FactorKind::Totp) {
            let seed = self.vault.open(&factor.secret_sealed, &factor.id.to_string(), Field::Secret)?;
            let secret = TotpSecret::from_bytes(seed)?;
            if let Some(step) = totp::verify(&secret, code, self.now(), 1) {
                fitting.push((factor.id, i64::try_from(step).unwrap_or(i64::MAX)));
            }
        }
        Ok(if fitting.is_empty() { Claim::No("wrong") } else { Claim::Totp(fitting) })
    }

    /// Counts the try, takes the proof and keeps the flow's new state: one transaction.
    async fn take(
        &self,
        visit: &Visit,
        flow: &Flow,
        claim: Claim,
        factor: &'static str,
    ) -> Result<Tried, Error> {
        let (state, now) = (self.seal_state(flow), self.now());
        let stranger = self.stranger(visit.client);
        let held = flow.customer.map(|customer| {
            self.held(customer, What::Failed, flow.purpose.word(), &[format!("factor_{factor}")])
        });
        let (hash, version, customer, purpose) =
            (flow.hash.clone(), flow.version, flow.customer, flow.purpose);
        let tried = self.db.write(move |tx| -> Result<Tried, Error> {
            if sql::flow::has_moved_on(tx, &hash, version)? {
                // A form that was sent twice. Nothing of it is looked at or told, so it is no try: the others used up the flow's.
                tx.commit_silent("another form of the same challenge came first");
                return Ok(Tried::Overtaken);
            }
            let Some(count) = sql::flow::count_try(tx, &hash, now)? else {
                tx.commit_silent("the flow was over before; that was told when its tries were used up");
                return Ok(Tried::Spent);
            };
            match claim.take(tx, &hash, customer, now)? {
                Ok(()) => {
                    if !sql::flow::save(tx, &hash, version, &state, now)? {
                        return Err(Error::Overtaken);
                    }
                    match (&claim, customer) {
                        // There is one less: that is to be told whatever it leads to.
                        (Claim::RecoveryCode(_), Some(customer)) => {
                            tx.append(Actor::Customer { id: customer }, None, RecoveryCodeUsed { customer })?;
                        }
                        _ => tx.commit_silent("a proof is told by what it leads to"),
                    }
                    Ok(Tried::Fits)
                }
                Err(why) => {
                    let left = sql::flow::MOST_ATTEMPTS.saturating_sub(count);
                    // Whoever it is of, and if of nobody: what is left of it afterwards must look the same.
                    if left == 0 {
                        sql::flow::finish(tx, &hash, now)?;
                    }
                    let Some(customer) = customer else {
                        tx.commit_silent("there is no account that this could be a fact of");
                        return Ok(if left == 0 { Tried::Spent } else { Tried::Wrong { left } });
                    };
                    let reason = why.to_owned();
                    if let Some(held) = &held {
                        held.write(tx)?;
                    }
                    tx.append(stranger, None, FactorFailed { customer, factor: factor.to_owned(), reason })?;
                    if left == 0 {
                        let (purpose, reason) = (purpose.word().to_owned(), "tries_spent".to_owned());
                        tx.append(stranger, None, StepUpFailed { customer, purpose, reason })?;
                        return Ok(Tried::Spent);
                    }
                    Ok(Tried::Wrong { left })
                }
            }
        });
        tried.await
    }
}

impl Claim {
    /// Takes the proof, if it was not taken before.
    fn take(
        &self,
        tx: &mut Tx<'_>,
        flow_hash: &str,
        customer: Option<storeward_base::CustomerId>,
        now: storeward_base::Timestamp,
    ) -> Result<Result<(), &'static str>, storeward_store::Error> {
        let taken = |taken: bool, why| if taken { Ok(()) } else { Err(why) };
        Ok(match self {
            Claim::No(why) => Err(*why),
            Claim::Password => Ok(()),
            Claim::Totp(fitting) => {
                let mut fresh = false;
                for (id, step) in fitting {
                    fresh = fresh || sql::factor::take_step(tx, *id, *step, now)?;
                }
                taken(fresh, "replayed")
            }
            Claim::Code(mark) => taken(sql::flow::use_code(tx, flow_hash, mark, now)?, "wrong"),
            Claim::RecoveryCode(hash) => match customer {
                Some(customer) => taken(sql::factor::use_code(tx, hash, customer, now)?, "wrong"),
                None => Err("wrong"),
            },
            Claim::Passkey { id, known, next } => {
                taken(sql::factor::take_count(tx, *id, *known, *next, now)?, "replayed")
            }
        })
    }
}
