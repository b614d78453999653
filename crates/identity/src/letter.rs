//! Letters to customers: which kind, to whom, with what. How they look and travel is the outbox's.

use std::sync::{Mutex, PoisonError};

use storeward_base::{CustomerId, Language, Secret};
use storeward_store::Tx;

use crate::error::Error;
use crate::model::words;
use storeward_store::{FromValue, Value};

words! {
    /// Which letter. All of them concern the account's security: none can be unsubscribed.
    LetterKind, "a kind of letter" {
        /// Parameters: `code`, `minutes`.
        SignUpCode = "sign_up_code",
        /// Somebody wanted to sign up with an address that has an account.
        AlreadyCustomer = "already_customer",
        /// Parameters: `code`, `minutes`, `device`.
        SignInCode = "sign_in_code",
        /// Parameters: `code`, `minutes`.
        RecoveryCode = "recovery_code",
        /// To the new address. Parameters: `code`, `minutes`.
        AddressCode = "address_code",
        /// To the earlier address. Parameters: `link`.
        AddressChanged = "address_changed",
        /// Parameters: `device`, `when`, `link`.
        NewDevice = "new_device",
        /// Parameters: `factor`, `link`.
        FactorAdded = "factor_added",
        /// Parameters: `factor`, `link`.
        FactorRemoved = "factor_removed",
        /// Parameters: `link`.
        PasswordChanged = "password_changed",
        /// A device's token was used twice.
        DeviceCopied = "device_copied",
        /// By the shop's staff, as the two below; no link, since nothing that the person could do undoes it.
        AccountLocked = "account_locked",
        AccountUnlocked = "account_unlocked",
        SessionsEnded = "sessions_ended",
    }
}

/// One letter. `link` leads to a page that acts on a POST only.
#[derive(Clone, Debug)]
pub struct Letter {
    pub kind: LetterKind,
    /// Missing where there is no account (yet).
    pub customer: Option<CustomerId>,
    pub to: Secret<String>,
    pub language: Language,
    /// Codes and links among them: never to be logged.
    pub parameters: Vec<(&'static str, Secret<String>)>,
}

impl Letter {
    /// The value of a parameter; empty when it has none of that name.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.expose())
    }
}

/// Takes letters into the outbox, in the same transaction as the fact that causes them: no letter without the fact, no
/// fact without the letter. May run again after a roll-back, so it does nothing outside of the transaction.
pub trait Post: Send + Sync + 'static {
    fn post(&self, tx: &mut Tx<'_>, letter: &Letter) -> Result<(), Error>;
}

/// Keeps letters in memory, for tests to read.
#[derive(Debug, Default)]
pub struct RecordedPost(Mutex<Vec<Letter>>);

impl RecordedPost {
    pub fn all(&self) -> Vec<Letter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest of one kind.
    pub fn last(&self, kind: LetterKind) -> Option<Letter> {
        self.all().into_iter().rev().find(|letter| letter.kind == kind)
    }
}

impl Post for RecordedPost {
    fn post(&self, _tx: &mut Tx<'_>, letter: &Letter) -> Result<(), Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(letter.clone());
        Ok(())
    }
}
