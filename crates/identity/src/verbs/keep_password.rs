//! A way back whose owner knows the password after all. Strangers can keep it from counting on a new device (see `sign_in.rs`); whoever
//! has shown that they read the account's mail, and its second factor where there is one, shows it here and is in. Their tries are of the
//! same hundred, and those that are kept for them nobody reaches who does not read the mail.

use storeward_base::Secret;
use storeward_passwords::Lane;

use super::devices::Known;
use super::flows::{Means, Need, Pending, Step};
use super::grant::{Grant, Trust};
use super::prove::ProveFault;
use super::risk::Ask;
use super::{Identity, Shared};
use crate::error::Error;
use crate::model::{Level, Proof};
use crate::passwords::{Fit, ticket};
use crate::sql;
use crate::state::{Door, Flow, Purpose};
use crate::tokens::FlowToken;
use crate::visit::Visit;

impl Pending {
    /// Whether the password of before may be shown instead of a new one: not where the way back began because the sign-in looked
    /// unusual, nor where the account must have another one.
    pub fn may_keep_password(&self) -> bool {
        let Some(means) = &self.means else { return false };
        let account = &means.account;
        self.need == Need::NewPassword
            && self.flow.purpose == Purpose::Recovery
            && self.flow.state.reasons.is_empty()
            && self.flow.attempts < sql::flow::MOST_ATTEMPTS
            && account.must_change_at.is_none()
            && account.locked_at.is_none()
    }
}

impl Identity {
    /// Signs in with the password of before, at the end of a way back. [`ProveFault::Spent`] says that it takes a new one.
    pub async fn keep_password(
        &self,
        visit: &Visit,
        token: &FlowToken,
        password: Secret<String>,
    ) -> Result<Step, ProveFault> {
        let begun = tokio::time::Instant::now();
        let answer = self.keep_password_now(visit, token, password).await;
        self.0.settle(begun).await;
        answer
    }

    async fn keep_password_now(
        &self,
        visit: &Visit,
        token: &FlowToken,
        password: Secret<String>,
    ) -> Result<Step, ProveFault> {
        let shared = &self.0;
        let pending = self.pending(token).await?;
        if !pending.may_keep_password() {
            return Err(ProveFault::Spent);
        }
        let Pending { mut flow, means: Some(means), .. } = pending else { return Err(ProveFault::Spent) };
        let account = &means.account;
        let counts = shared.has_tries_left(account).await?;
        let ticket = ticket(visit, &account.id.to_string(), Lane::Stranger);
        let stored = account.password_hash.as_deref();
        let fit = shared.passwords.check(ticket, stored, password.clone()).await?;
        // Counted before anything is said of it: of many forms at once five are answered.
        let Some(tries) = shared.count_kept_try(&flow).await? else { return Err(ProveFault::Spent) };
        if fit == Fit::No || !counts {
            // Also where the device is known: the way back was begun by somebody who had not shown the password.
            shared.note_wrong_password(visit, account, &Known::No, counts).await?;
            let left = sql::flow::MOST_ATTEMPTS.saturating_sub(tries);
            return Err(if left == 0 || !counts { ProveFault::Spent } else { ProveFault::Wrong { left } });
        }
        if fit == Fit::Outdated {
            shared.upgrade_password(ticket, account, password.clone()).await?;
        }
        flow.state.prove(Proof::Password);
        self.let_in_with_kept(visit, flow, means, &password).await
    }

    /// The password is right, and everything that the account can show was shown before it.
    async fn let_in_with_kept(
        &self,
        visit: &Visit,
        flow: Flow,
        means: Means,
        password: &Secret<String>,
    ) -> Result<Step, ProveFault> {
        let shared = &self.0;
        let standing = shared.passwords.standing(password).await;
        let (means, device) = shared.known_in(visit, means, &flow.state).await?;
        let level = Level::of(&flow.state.proofs);
        let noticed = match shared.ask(visit, &means, &device, standing).await? {
            Ask::Nothing { noticed } => noticed,
            Ask::SecondFactor { passkey_only, .. } if level == Level::Passkey || !passkey_only => Vec::new(),
            Ask::SecondFactor { .. } | Ask::WayBack { .. } => return Err(ProveFault::Spent),
            // Somebody has the mail and the password, and does not look like the owner.
            Ask::Refuse => {
                shared.note_failure(visit, Some(means.account.id), "refused_by_risk").await?;
                shared.tell_refused(visit, &means.account).await?;
                return Err(ProveFault::Spent);
            }
        };
        let grant = Grant {
            account: &means.account,
            proofs: flow.state.proofs,
            door: Door::Pages,
            return_to: flow.state.return_to,
            trust: Trust::AsBefore,
            device,
            flow_hash: Some(flow.hash),
            opens: None,
            read_at: flow.state.read_at,
            noticed,
        };
        Ok(Step::SignedIn(shared.grant(visit, grant).await?))
    }
}

impl Shared {
    /// How many tries the flow has seen with this one; `None` when there are none left.
    async fn count_kept_try(&self, flow: &Flow) -> Result<Option<u32>, Error> {
        let (hash, now) = (flow.hash.clone(), self.now());
        let counted = self.db.write(move |tx| -> Result<Option<u32>, Error> {
            tx.commit_silent("a try is told by what comes of it");
            Ok(sql::flow::count_try(tx, &hash, now)?)
        });
        counted.await
    }
}
