//! The link of a letter that leads to a new password. It is as good as the code that a way back sends to the same address: for ten
//! minutes, once, and for nothing but that. Following it does nothing, since scanners of mail do that; the button on its page
//! begins the way back in this browser.

use storeward_base::Secret;
use storeward_host::OWN_PREFIX;

use super::flows::{CODE_LIFE, FlowDraft, Step};
use super::{Identity, Shared};
use crate::error::Error;
use crate::letter::{Letter, LetterKind};
use crate::model::{Account, Email, Proof};
use crate::sql;
use crate::state::{Flow, Purpose, State};
use crate::tokens::FlowToken;

impl Shared {
    /// The flow behind a new link, and the letter that carries it.
    pub fn password_link(&self, account: &Account, email: &Email) -> (FlowDraft, Letter) {
        let state = State { address: Some(email.as_str().to_owned()), ..State::default() };
        let flow = self.draft_flow_for(Purpose::PasswordLink, Some(account.id), state, CODE_LIFE, self.now());
        let link = format!("{}{OWN_PREFIX}/recover/link?t={}", self.origin(), flow.token.secret().expose());
        let minutes = (CODE_LIFE.as_secs() / 60).to_string();
        let parameters = [("shop", self.shop_name()), ("link", link), ("minutes", minutes)];
        let letter = Letter {
            kind: LetterKind::PasswordLink,
            customer: Some(account.id),
            to: Secret::new(email.as_str().to_owned()),
            language: account.language,
            parameters: parameters.map(|(name, value)| (name, Secret::new(value))).to_vec(),
        };
        (flow, letter)
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
