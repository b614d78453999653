//! The link of a letter that leads to a new password. It is as good as the code that a way back sends to the same address: once, and
//! for nothing but that. Following it does nothing, since scanners of mail do that; the button on its page begins the way back in
//! this browser. Where staff sent it, it is good for ten minutes; where strangers keep the owner's password or letters from counting,
//! for a day, so that there is a way in that they can neither use up nor bring about more often.

use std::time::Duration;

use storeward_base::Secret;
use storeward_events::identity::RecoveryBegun;
use storeward_host::OWN_PREFIX;

use super::flows::{CODE_LIFE, FlowDraft, Step};
use super::{Identity, Shared, note_activity};
use crate::error::Error;
use crate::letter::{Letter, LetterKind};
use crate::model::{Account, Email, Proof};
use crate::sql;
use crate::state::{Flow, Purpose, State};
use crate::throttle::{Key, Leave};
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// How long a link is good that nobody asked for: letters are read late.
const LASTING: Duration = Duration::from_secs(86_400);
/// Who has to wait so long for a letter waits for what others asked for. The page says the same to everybody then.
pub const CROWDED_SECONDS: u64 = 600;

impl Shared {
    /// The flow behind a new link, and the letter that carries it.
    pub fn password_link(&self, account: &Account, email: &Email) -> (FlowDraft, Letter) {
        let (flow, mut letter) = self.link_for(LetterKind::PasswordLink, account, email, CODE_LIFE);
        letter.parameters.push(("minutes", Secret::new((CODE_LIFE.as_secs() / 60).to_string())));
        (flow, letter)
    }

    fn link_for(
        &self,
        kind: LetterKind,
        account: &Account,
        email: &Email,
        life: Duration,
    ) -> (FlowDraft, Letter) {
        let state = State { address: Some(email.as_str().to_owned()), ..State::default() };
        let flow = self.draft_flow_for(Purpose::PasswordLink, Some(account.id), state, life, self.now());
        let link = format!("{}{OWN_PREFIX}/recover/link?t={}", self.origin(), flow.token.secret().expose());
        let letter = Letter {
            kind,
            customer: Some(account.id),
            to: Secret::new(email.as_str().to_owned()),
            language: account.language,
            parameters: vec![("shop", Secret::new(self.shop_name())), ("link", Secret::new(link))],
        };
        (flow, letter)
    }

    /// A link that is good for a day, with the letter that says why it came; `None` where it would lead nowhere.
    pub(super) fn lasting_link(&self, kind: LetterKind, account: &Account) -> Option<FlowDraft> {
        let can_use = account.locked_at.is_none() && account.password_hash.is_some();
        let email = account.email.as_ref().filter(|_| can_use)?;
        let (flow, letter) = self.link_for(kind, account, email, LASTING);
        Some(FlowDraft { letter: Some(letter), ..flow })
    }

    /// So many letters are asked for that their owner gets none for this long. They get one more, once a day, that needs no other.
    pub(super) async fn tell_crowded(
        &self,
        visit: &Visit,
        account: Option<&Account>,
        seconds: u64,
    ) -> Result<(), Error> {
        let Some(account) = account.filter(|_| seconds >= CROWDED_SECONDS) else { return Ok(()) };
        let (key, now) = (Key::Crowded(account.id.to_string()), self.now());
        let Some(flow) = self.lasting_link(LetterKind::LettersStopped, account) else { return Ok(()) };
        if self.throttle.attempts(&key, now) > 0 || self.throttle.attempt(&[key], now) != Leave::Granted {
            return Ok(());
        }
        let activity = self.activity("letters_stopped", "");
        let (customer, actor, post) = (account.id, self.stranger(visit.client), self.post.clone());
        let written = self.db.write(move |tx| -> Result<(), Error> {
            // The newest link is the one that counts.
            sql::flow::end_password_links(tx, customer)?;
            flow.write(tx, &*post)?;
            note_activity(tx, customer, &activity)?;
            tx.append(actor, None, RecoveryBegun { customer: Some(customer) })?;
            Ok(())
        });
        written.await
    }

    /// The link's flow with its account, if it still leads anywhere: not when the account is locked, or has another address by now.
    async fn followed(&self, token: &FlowToken) -> Result<Option<(Flow, Account)>, Error> {
        let flow = match self.flow(token).await {
            Ok(flow) if flow.purpose == Purpose::PasswordLink => flow,
            Ok(_) | Err(Error::FlowOver) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(customer) = flow.customer else { return Ok(None) };
        let Some(account) = self.account(customer).await? else { return Ok(None) };
        let address = account.email.as_ref().map(|email| email.as_str().to_owned());
        let stands = account.locked_at.is_none() && address.is_some() && address == flow.state.address;
        Ok(stands.then_some((flow, account)))
    }
}

impl Identity {
    /// Whether the link still does something. Changes nothing.
    pub async fn is_password_link(&self, token: &FlowToken) -> Result<bool, Error> {
        Ok(self.0.followed(token).await?.is_some())
    }

    /// What the button on the link's page does: the way back goes on in this browser, under a token of its own, with the address
    /// shown and nothing else.
    pub async fn follow_password_link(&self, token: &FlowToken) -> Result<Step, Error> {
        let shared = &self.0;
        let (link, account) = shared.followed(token).await?.ok_or(Error::FlowOver)?;
        let mut state = State { language: Some(account.language), ..link.state };
        state.prove(Proof::Mail);
        let draft = shared.draft_flow(Purpose::Recovery, Some(account.id), state);
        let (next, now, post) = (draft.token.clone(), shared.now(), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            if !sql::flow::finish(tx, &link.hash, now)? {
                return Err(Error::FlowOver);
            }
            tx.commit_silent("that it was begun was told with the letter");
            draft.write(tx, &*post)
        });
        written.await?;
        Ok(Step::Challenge(Some(next)))
    }
}
