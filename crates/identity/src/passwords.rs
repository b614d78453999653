//! The way to the pool of passwords, and what a new password must be.

use std::sync::Arc;

use storeward_base::Secret;
use storeward_detect::sign_in::Password as Standing;
use storeward_passwords::breach::{Breaches, Stolen};
use storeward_passwords::{
    AccountKey, Context, Gauge, Judgement, Lane, Message, MessageId, Policy, Pool, StoredHash, Ticket,
    Verified,
};

use crate::error::Error;
use crate::model::{Email, Misfit};
use crate::visit::Visit;

/// Hashes, checks and judges, as much at once as the pool allows.
#[derive(Clone)]
pub struct Passwords {
    pool: Pool,
    breaches: Breaches,
    /// Reads what is still being typed.
    gauge: Arc<Gauge>,
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

/// An estimated time in microseconds, and a family of hashes.
pub type Work = (u64, &'static str);

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
    pub fn new(pool: Pool, breaches: Breaches, hosts: Vec<String>) -> Self {
        Passwords { pool, breaches, gauge: Arc::default(), hosts }
    }

    /// Whether the password fits; without a stored hash the work of a new one is done, and it does not.
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

    /// Does the work that a check against this would be.
    pub async fn check_nobody(
        &self,
        ticket: Ticket,
        decoy: StoredHash,
        given: Secret<String>,
    ) -> Result<Fit, Error> {
        self.pool.verify(ticket, given, decoy).await?;
        Ok(Fit::No)
    }

    /// The work of checking a stored hash; `None` where none can be read.
    pub fn work(&self, stored: &str) -> Option<(Work, StoredHash)> {
        let stored = StoredHash::parse(stored).ok()?;
        Some((stored.work(self.pool.cost()), stored))
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
        (email, name): (&Email, Option<&str>),
        shop: &str,
        beside: Beside,
    ) -> Result<Result<(), Misfit>, Error> {
        let context = self.context(email.as_str(), name.unwrap_or_default(), shop);
        let judged = self.pool.judge(ticket, policy(beside), password.clone(), context).await?;
        let objection = judged.objections.first().map(Message::id);
        let objection = match objection {
            None if self.breaches.look_up(password).await == Stolen::Yes => Some(MessageId::Breached),
            other => other,
        };
        Ok(objection.map_or(Ok(()), |id| Err(Misfit { field: "password", key: key_of(id, beside) })))
    }

    /// What is to be said of a password that somebody is still typing, with their name and address as far as they are known;
    /// `None` when too many type at once. Nobody outside is asked about it: half a password is nobody's business.
    pub async fn read(
        &self,
        password: Secret<String>,
        (email, name): (&str, &str),
        shop: &str,
        beside: Beside,
    ) -> Option<Judgement> {
        let context = self.context(email, name, shop);
        self.gauge.read(policy(beside), password, context).await
    }

    /// What guessers who know the person and the shop try first.
    fn context(&self, email: &str, name: &str, shop: &str) -> Context {
        let domain = email.split_once('@').map_or("", |(_, domain)| domain);
        let own = Context::default().email(email).host(domain).name(name).name(shop).host(shop);
        self.hosts.iter().fold(own, |context, host| context.host(host))
    }

    /// Whether the pool would turn a check away now, whoever it is about.
    pub fn has_room(&self, ticket: &Ticket) -> Result<(), Error> {
        Ok(self.pool.has_room(ticket)?)
    }

    /// How much of what may wait for the pool does wait.
    pub fn pressure_percent(&self) -> u64 {
        self.pool.stats().pressure_percent
    }

    /// What the risk engine hears of a password that was right.
    pub async fn standing(&self, password: &Secret<String>) -> Standing {
        match self.breaches.look_up(password).await {
            Stolen::Yes => Standing::Breached,
            Stolen::NotKnown => Standing::Unremarkable,
        }
    }
}

const fn policy(beside: Beside) -> Policy {
    match beside {
        Beside::SecondFactor => Policy::BESIDE_SECOND_FACTOR,
        Beside::Nothing => Policy::ONLY_FACTOR,
    }
}

/// How many characters a password must have.
pub const fn least_characters(beside: Beside) -> usize {
    policy(beside).least_characters()
}

/// The text that says why a password may not be chosen.
pub fn key_of(id: MessageId, beside: Beside) -> &'static str {
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
