//! The way to the pool of passwords, and what a new password must be.

use std::sync::Arc;

use storeward_base::Secret;
use storeward_detect::sign_in::Password as Standing;
use storeward_passwords::breach::BreachList;
use storeward_passwords::{
    AccountKey, Context, Lane, Message, MessageId, Policy, Pool, StoredHash, Ticket, Verified,
};

use crate::error::Error;
use crate::model::{Email, Misfit};
use crate::visit::Visit;

/// Hashes, checks and judges, as much at once as the pool allows.
#[derive(Clone)]
pub struct Passwords {
    pool: Pool,
    breaches: Option<Arc<BreachList>>,
    /// The names that the shop answers to: no password is made of them.
    hosts: Vec<String>,
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Yes,
    /// Yes, and the stored hash is of an earlier kind: make a new one.
    Outdated,
    No,
}

/// Whether a second factor is always asked for beside the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    Nothing,
    SecondFactor,
}

/// Who asks, for the pool's bounds. `account` is an address as typed, whether it has an account or not, or an id.
pub fn ticket(visit: &Visit, account: &str, lane: Lane) -> Ticket {
    Ticket { lane, account: AccountKey::of(&account.trim().to_lowercase()), address: visit.client.block() }
}

impl Passwords {
    pub fn new(pool: Pool, breaches: Option<Arc<BreachList>>, hosts: Vec<String>) -> Self {
        Passwords { pool, breaches, hosts }
    }

    /// Whether the password fits; without a stored hash the same work is done, and it does not.
    pub async fn check(
        &self,
        ticket: Ticket,
        stored: Option<&str>,
        given: Secret<String>,
    ) -> Result<Fit, Error> {
        let found = match stored {
            Some(stored) => self.pool.verify(ticket, given, StoredHash::parse(stored)?).await?,
            None => self.pool.verify_nothing(ticket, given).await?,
        };
        Ok(match found {
            Verified::Wrong => Fit::No,
            Verified::Fits => Fit::Yes,
            Verified::FitsOutdated => Fit::Outdated,
        })
    }

    /// The text that is stored of a new password.
    pub async fn hash(&self, ticket: Ticket, given: Secret<String>) -> Result<String, Error> {
        Ok(self.pool.hash(ticket, given).await?.to_string())
    }

    /// Whether it may be chosen: its length, the person's and the shop's own names, what everybody tries first, and what
    /// was stolen before.
    pub async fn judge(
        &self,
        ticket: Ticket,
        password: &Secret<String>,
        email: &Email,
        shop: &str,
        beside: Beside,
    ) -> Result<Result<(), Misfit>, Error> {
        let policy = match beside {
            Beside::SecondFactor => Policy::BESIDE_SECOND_FACTOR,
            Beside::Nothing => Policy::ONLY_FACTOR,
        };
        let domain = email.as_str().split_once('@').map_or("", |(_, domain)| domain);
        let own = Context::default().email(email.as_str()).host(domain).name(shop).host(shop);
        let context = self.hosts.iter().fold(own, |context, host| context.host(host));
        let judged = self.pool.judge(ticket, policy, password.clone(), context).await?;
        let objection = judged.objections.first().map(Message::id);
        let objection = match objection {
            None if self.is_breached(password).await => Some(MessageId::Breached),
            other => other,
        };
        Ok(objection.map_or(Ok(()), |id| Err(Misfit { field: "password", key: key_of(id, beside) })))
    }

    /// How much of what may wait for the pool does wait.
    pub fn pressure_percent(&self) -> u64 {
        self.pool.stats().pressure_percent()
    }

    /// What the risk engine hears of a password that was right.
    pub async fn standing(&self, password: &Secret<String>) -> Standing {
        if self.is_breached(password).await { Standing::Breached } else { Standing::Unremarkable }
    }

    /// A list that cannot be read keeps nobody out.
    async fn is_breached(&self, password: &Secret<String>) -> bool {
        let Some(list) = self.breaches.clone() else { return false };
        let password = password.clone();
        let asked = tokio::task::spawn_blocking(move || list.contains(&password)).await;
        matches!(asked, Ok(Ok(true)))
    }
}

fn key_of(id: MessageId, beside: Beside) -> &'static str {
    match id {
        MessageId::TooShort if beside == Beside::SecondFactor => "misfit.password_short_8",
        MessageId::TooShort => "misfit.password_short",
        MessageId::TooLong => "misfit.password_long",
        MessageId::Context => "misfit.password_own",
        MessageId::FewDistinct => "misfit.password_same",
        MessageId::Common => "misfit.password_common",
        MessageId::Breached => "misfit.password_breached",
        // The others are advice and no reason against it.
        MessageId::Guessable
        | MessageId::AddWords
        | MessageId::AvoidKeyboard
        | MessageId::AvoidRepeats
        | MessageId::AvoidSequence
        | MessageId::AvoidDates
        | MessageId::AvoidNames
        | MessageId::SwapsDoNotHelp
        | MessageId::CapitalsDoNotHelp
        | MessageId::BackwardsDoesNotHelp => "misfit.password_guessable",
    }
}
