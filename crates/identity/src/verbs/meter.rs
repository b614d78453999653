//! Guidance while a password is being typed. It says what the form would be told when it is sent, and keeps nothing.

use storeward_base::{CustomerId, Secret};
use storeward_passwords::{MAX_BYTES, Message};

use super::Identity;
use super::flows::Need;
use crate::error::Error;
use crate::passwords::key_of;
use crate::texts::Texts;
use crate::throttle::{Key, Leave};
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// Whose password it is to be: what they are called counts for nothing in it.
#[derive(Debug)]
pub enum Whose<'a> {
    /// Somebody who fills in the form for a new account: what they typed so far.
    Stranger {
        email: &'a str,
        name: &'a str,
    },
    /// Somebody who is on the way back into an account.
    Flow(&'a FlowToken),
    Customer(CustomerId),
}

/// What is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metered {
    /// From 0 (guessed at once) to 4.
    pub score: u8,
    pub fits: bool,
    /// How good it is.
    pub strength: String,
    /// Why it does not fit, or what would make it better: two sentences at most.
    pub advice: Vec<String>,
}

impl Identity {
    /// `None` where nothing is said: too many type at once, too often from this network, or what began it is over.
    pub async fn meter(
        &self,
        visit: &Visit,
        whose: Whose<'_>,
        password: Secret<String>,
        texts: Texts,
    ) -> Result<Option<Metered>, Error> {
        let shared = &self.0;
        // Twice what fits may be sent: the whole is told to be too long. More is nobody's password.
        if password.expose().is_empty() || password.expose().len() > 2 * MAX_BYTES {
            return Ok(None);
        }
        let key = [Key::Typed(visit.client.block())];
        if let Leave::Wait { .. } = shared.throttle.attempt(&key, shared.now()) {
            return Ok(None);
        }
        let Some((email, name)) = self.known_of(whose).await? else { return Ok(None) };
        let (shop, beside) = (shared.shop_name(), shared.beside());
        let judged = shared.passwords.read(password, (&email, &name), &shop, beside).await;
        Ok(judged.map(|judged| {
            let words = |told: &Message| {
                let is_against = judged.objections.contains(told);
                texts.s(if is_against { key_of(told.id(), beside) } else { told.id().key() })
            };
            let mut advice: Vec<String> = judged.while_typing().into_iter().map(words).collect();
            advice.dedup();
            Metered {
                score: judged.shown_score(),
                fits: judged.is_accepted(),
                strength: texts.s(judged.strength.key()),
                advice,
            }
        }))
    }

    /// Address and name, as far as they are known.
    async fn known_of(&self, whose: Whose<'_>) -> Result<Option<(String, String)>, Error> {
        const MOST_BYTES: usize = 320;
        let customer = match whose {
            Whose::Stranger { email, name } => {
                let fits = email.len() <= MOST_BYTES && name.len() <= MOST_BYTES;
                return Ok(fits.then(|| (email.to_owned(), name.to_owned())));
            }
            Whose::Customer(customer) => customer,
            Whose::Flow(token) => {
                let flow = match self.0.flow(token).await {
                    Err(Error::FlowOver) => return Ok(None),
                    found => found?,
                };
                match self.0.need(&flow).await? {
                    (Need::NewPassword, Some(means)) => means.account.id,
                    _ => return Ok(None),
                }
            }
        };
        let account = self.0.account(customer).await?;
        Ok(account.map(|account| {
            let email = account.email.map_or_else(String::new, |email| email.as_str().to_owned());
            (email, account.name.unwrap_or_default())
        }))
    }
}
