//! The way to the password hasher, and what a new password must be.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Entropy, Secret};
use storeward_seal::password::{self, PasswordHash};
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::model::{Email, Misfit};

/// Passwords checked at once: each takes 19 MiB and a core for some 20 ms.
const AT_ONCE: usize = 2;
/// How long a sign-in waits for its turn.
const WAIT: Duration = Duration::from_secs(3);

/// Hashes and checks, few at once.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Yes,
    /// Yes, and the stored hash is of an earlier kind: make a new one.
    Outdated,
    No,
}

impl Passwords {
    pub fn new() -> Self {
        Passwords { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Whether the password fits; without a stored hash the same work is done, and it does not.
    pub async fn check(&self, stored: Option<&str>, given: Secret<String>) -> Result<Fit, Error> {
        let stored = stored.map(PasswordHash::parse).transpose()?;
        self.run(move || match stored {
            Some(stored) if !password::verify(&given, &stored) => Fit::No,
            Some(stored) if stored.is_outdated() => Fit::Outdated,
            Some(_) => Fit::Yes,
            None => {
                password::verify_nothing(&given);
                Fit::No
            }
        })
        .await
    }

    /// The text that is stored of a new password.
    pub async fn hash(&self, given: Secret<String>, entropy: Arc<dyn Entropy>) -> Result<String, Error> {
        let hash = self.run(move || password::hash(&given, &*entropy)).await??;
        Ok(hash.to_string())
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let permit = match tokio::time::timeout(WAIT, turn).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) | Err(_) => return Err(Error::Crowded),
        };
        // The permit travels with the work, so a caller that goes away does not let more in.
        let run = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        run.await.map_err(|_| Error::Thread)
    }
}

/// At least so many characters where it is the only factor (NIST SP 800-63B-4 section 3.1.1.1), and beside a second.
const LEAST_ALONE: usize = 15;
const LEAST_BESIDE: usize = 8;

/// Whether a second factor is always asked for beside the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    Nothing,
    SecondFactor,
}

/// Checks a new password: its length, and that it is not the person's or the shop's own name.
pub fn judge(password: &Secret<String>, email: &Email, shop: &str, beside: Beside) -> Result<(), Misfit> {
    let misfit = |key| Err(Misfit { field: "password", key });
    let text = password.expose();
    let least = if beside == Beside::SecondFactor { LEAST_BESIDE } else { LEAST_ALONE };
    if text.chars().count() < least {
        return misfit(if least == LEAST_ALONE {
            "misfit.password_short"
        } else {
            "misfit.password_short_8"
        });
    }
    if text.len() > password::MAX_BYTES {
        return misfit("misfit.password_long");
    }
    let lower = text.to_lowercase();
    let (local, domain) = email.as_str().split_once('@').unwrap_or((email.as_str(), ""));
    let shop = shop.to_lowercase();
    if [email.as_str(), local, domain, &shop].iter().any(|word| is_mostly(&lower, word)) {
        return misfit("misfit.password_own");
    }
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 5 {
        return misfit("misfit.password_same");
    }
    Ok(())
}

/// Whether the password is the word with little around it.
fn is_mostly(password: &str, word: &str) -> bool {
    let left = || password.replace(word, "").chars().filter(|c| !c.is_whitespace()).count();
    word.chars().count() >= 3 && password.contains(word) && left() < 6
}
