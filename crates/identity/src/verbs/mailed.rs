//! Codes by mail: whose count each uses up, and what a page may say of them.
//!
//! Whoever knows the password, or just the address, can ask for letters until strangers have to wait. Its owner is asked for
//! none of that: a device that signed in before has a count of its own, and, behind the right password, so has a network that
//! did, and all others together have one more: what is asked for with a password there is an account for, and it must not show
//! in the count of those who have none. Elsewhere a solved puzzle has one, in its network, and all puzzles for one address have one
//! together: however many networks somebody has, few letters reach a mailbox. Where none goes out, the page says so, and the last
//! one that does has a link that is good for a day.

use storeward_base::CustomerId;
use storeward_puzzle::Purpose as Puzzle;

use super::devices::Known;
use super::flows::{CODE_LIFE, FlowDraft, Means, Need, Offer, Pending};
use super::heat::Way;
use super::{Identity, Shared};
use crate::error::Error;
use crate::model::{Account, Email};
use crate::sql;
use crate::state::{Flow, Purpose, ReturnTo};
use crate::throttle::{Key, Leave};
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// What became of the wish for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Now,
    Already,
    /// Three were sent: begin again.
    Enough,
    Wait {
        seconds: u64,
    },
}

/// Whether the code of a challenge went out with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtOnce {
    Sent,
    /// Not here: there is something better, or no address.
    NotByMail,
    /// The address got several in a short time.
    TooMany,
}

/// How it stands with the codes of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mailed {
    /// The newest is on its way, or was used.
    Sent,
    /// None was sent yet, and one may be.
    Ready,
    /// None was sent, since the address got several in a short time.
    Wait { seconds: u64 },
}

/// Who asks for letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Somebody who has shown the password. To them it may be told which networks the account knows.
    WithPassword,
    /// Anybody.
    Stranger,
}

impl Asks {
    fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::SignIn | Purpose::Shield | Purpose::StepUp => Asks::WithPassword,
            Purpose::SignUp
            | Purpose::Recovery
            | Purpose::ChangeAddress
            | Purpose::ShopName
            | Purpose::EnrolTotp
            | Purpose::EnrolPasskey
            | Purpose::EnrolSms
            | Purpose::Passkey
            | Purpose::NotMe
            | Purpose::StopRecovery
            | Purpose::PasswordLink => Asks::Stranger,
        }
    }
}

impl Shared {
    /// The count that a letter to this address uses up.
    pub async fn letter_key(
        &self,
        visit: &Visit,
        to: &Email,
        account: Option<&Account>,
        asks: Asks,
        way: Way,
    ) -> Result<Key, Error> {
        let block = visit.client.block();
        let strangers = way.key(Key::Mail(self.marks.email(to)), block);
        let Some(account) = account.filter(|account| account.email.as_ref() == Some(to)) else {
            return Ok(strangers);
        };
        if let Known::Yes(row) | Known::JustNow(row) = self.seen_device(visit, account).await? {
            return Ok(way.key(Key::MailKnown(format!("device {}", row.id)), block));
        }
        if asks == Asks::WithPassword {
            let from = match self.knows_network(visit, account.id).await? {
                true => self.marks.network(visit.client),
                false => "elsewhere".to_owned(),
            };
            return Ok(way.key(Key::MailKnown(format!("{} from {from}", account.id)), block));
        }
        Ok(strangers)
    }

    /// Where mail is all there is, or the first thing, the code goes out with the page that asks for it, unless the address had many of late.
    pub async fn mail_at_once(
        &self,
        visit: &Visit,
        draft: &mut FlowDraft,
        means: &Means,
    ) -> Result<AtOnce, Error> {
        let is_enough = draft.row.purpose != Purpose::Shield || means.mail_signs_in_at_shop();
        let is_way_back = draft.row.purpose == Purpose::Recovery;
        let by_mail = is_way_back || (is_enough && means.offers() == [Offer::Mail]);
        let Some(email) = means.account.email.as_ref().filter(|_| by_mail) else {
            return Ok(AtOnce::NotByMail);
        };
        let asks = Asks::of(draft.row.purpose);
        let key = self.letter_key(visit, email, Some(&means.account), asks, Way::Plain).await?;
        if self.throttle.attempt(&[key], self.now()) != Leave::Granted {
            return Ok(AtOnce::TooMany);
        }
        self.with_code(draft, draft.row.purpose.letter_kind(), email, means.account.language);
        Ok(AtOnce::Sent)
    }

    /// A sign-in to the same account that this browser began a moment ago and that waits for its code: it goes on, since no
    /// further letter may go out. Its tries stay counted.
    pub async fn earlier_sign_in(
        &self,
        visit: &Visit,
        customer: CustomerId,
        return_to: Option<&ReturnTo>,
    ) -> Result<Option<FlowToken>, Error> {
        let Some(token) = visit.flow.clone() else { return Ok(None) };
        let mut flow = match self.flow(&token).await {
            Ok(flow) => flow,
            Err(Error::FlowOver) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_same = flow.purpose == Purpose::SignIn && flow.customer == Some(customer);
        let waits = flow.has_code && flow.passed_at.is_none() && flow.attempts < sql::flow::MOST_ATTEMPTS;
        if !is_same || !waits || flow.state.passkey_only {
            return Ok(None);
        }
        if flow.state.return_to.as_ref() == return_to {
            return Ok(Some(token));
        }
        flow.state.return_to = return_to.cloned();
        let (state, now) = (self.seal_state(&flow), self.now());
        let saved = self.db.write(move |tx| -> Result<bool, Error> {
            tx.commit_silent("where a sign-in leads afterwards is no fact");
            Ok(sql::flow::save(tx, &flow.hash, flow.version, &state, now)?)
        });
        Ok(saved.await?.then_some(token))
    }

    /// Takes back what a letter cost that was read: it was wanted.
    pub async fn letter_was_read(
        &self,
        visit: &Visit,
        flow: &Flow,
        means: Option<&Means>,
    ) -> Result<(), Error> {
        let Some(to) = flow.address(means) else { return Ok(()) };
        let account = means.map(|means| &means.account);
        let own = self.letter_key(visit, &to, account, Asks::of(flow.purpose), Way::Plain).await?;
        // No other count: one that strangers see would go down when somebody reads letters there.
        self.throttle.succeeded(&[own.clone().solved(visit.client.block()), own]);
        Ok(())
    }
}

impl Identity {
    /// How it stands with the codes of a challenge, for the page.
    pub async fn mailed(&self, visit: &Visit, pending: &Pending) -> Result<Mailed, Error> {
        let (shared, flow) = (&self.0, &pending.flow);
        if flow.codes_sent > 0 {
            return Ok(Mailed::Sent);
        }
        let Some(to) = pending.address() else { return Ok(Mailed::Ready) };
        let account = pending.means.as_ref().map(|means| &means.account);
        let key = shared.letter_key(visit, &to, account, Asks::of(flow.purpose), Way::Plain).await?;
        let wait = shared.throttle.wait(&[key], shared.now());
        Ok(wait.map_or(Mailed::Ready, |seconds| Mailed::Wait { seconds }))
    }

    /// The first code of a challenge for which there is nothing but mail, once the password was shown.
    pub(super) async fn send_first(&self, visit: &Visit, token: &FlowToken) -> Result<(), Error> {
        let flow = self.0.flow(token).await?;
        let (need, _) = self.0.need(&flow).await?;
        if flow.codes_sent == 0 && need == Need::Factor(vec![Offer::Mail]) {
            self.send_code_now(visit, token, "").await?;
        }
        Ok(())
    }

    /// Sends the flow's code (again): three letters for one flow, and few for one address.
    pub async fn send_code(&self, visit: &Visit, token: &FlowToken, answer: &str) -> Result<Sent, Error> {
        let begun = tokio::time::Instant::now();
        let sent = self.send_code_now(visit, token, answer).await;
        // A letter that is written takes longer than one that is not.
        self.0.settle(begun).await;
        sent
    }

    async fn send_code_now(&self, visit: &Visit, token: &FlowToken, answer: &str) -> Result<Sent, Error> {
        let shared = &self.0;
        let flow = shared.flow(token).await?;
        let (need, means) = shared.need(&flow).await?;
        let wanted = match &need {
            Need::Code { .. } => true,
            Need::Factor(offers) => offers.contains(&Offer::Mail),
            Need::Password | Need::NewPassword | Need::NewFactor | Need::Nothing => false,
        };
        let (Some(to), true) = (flow.address(means.as_ref()), wanted) else { return Ok(Sent::Already) };
        let way = shared.way(Puzzle::Code, visit, answer, to.as_str());
        let account = means.as_ref().map(|means| &means.account);
        let key = shared.letter_key(visit, &to, account, Asks::of(flow.purpose), way).await?;
        if let Leave::Wait { seconds, .. } = shared.throttle.attempt(&[key], shared.now()) {
            shared.tell_crowded(visit, account, seconds).await?;
            return Ok(Sent::Wait { seconds });
        }
        let code = shared.new_code();
        let language = means.as_ref().map(|means| means.account.language);
        let language = language.or(flow.state.language).unwrap_or_else(|| shared.language(visit.language));
        let kind = flow.purpose.letter_kind();
        let mut letter = shared.code_letter(kind, &to, language, &code, CODE_LIFE.as_secs() / 60);
        letter.customer = flow.customer;
        // Nobody is written to who has no account, nor by somebody else's; it looks the same.
        let has_one = flow.customer.is_some() || flow.state.password_hash.is_some();
        let real = has_one && !flow.state.is_taken;
        let (mark, now, post) =
            (shared.marks.code(&flow.hash, &to, code.expose()), shared.now(), shared.post.clone());
        let sent = shared.db.write(move |tx| -> Result<bool, Error> {
            let set = sql::flow::set_code(tx, &flow.hash, &mark, now.plus(CODE_LIFE), now)?;
            if set && real {
                post.post(tx, &letter)?;
            }
            tx.commit_silent("a letter with a code is no fact; what is done with it is");
            Ok(set)
        });
        Ok(if sent.await? { Sent::Now } else { Sent::Enough })
    }
}
