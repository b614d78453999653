//! Who an account's owner is, for whoever may tell others so.

use storeward_base::{CustomerId, Language};
use storeward_store::Reader;

use super::Identity;
use crate::error::Error;
use crate::sql;

/// What an account says of its owner.
#[derive(Clone, Debug)]
pub struct Person {
    pub email: Option<String>,
    /// Whether the owner has shown that they read mail there.
    pub email_verified: bool,
    pub name: Option<String>,
    pub language: Language,
}

impl Person {
    /// The address as a page may show it: `a•••@shop.example`.
    pub fn masked_email(&self) -> Option<String> {
        let email = crate::model::Email::parse(self.email.as_deref()?).ok()?;
        Some(email.masked())
    }
}

impl Identity {
    /// The owner of an account; nobody where it is locked or gone.
    pub async fn person(&self, customer: CustomerId) -> Result<Option<Person>, Error> {
        let Some(account) = self.0.account(customer).await?.filter(|account| account.locked_at.is_none())
        else {
            return Ok(None);
        };
        let confirmed =
            self.0.db.read(move |reader: &mut Reader<'_>| sql::account::email_confirmed_at(reader, customer));
        Ok(Some(Person {
            email_verified: account.email.is_some() && confirmed.await?.is_some(),
            email: account.email.map(|email| email.as_str().to_owned()),
            name: account.name,
            language: account.language,
        }))
    }
}
