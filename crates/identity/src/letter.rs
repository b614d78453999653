//! Letters to customers: which kind, to whom, with what. How they look and travel is the outbox's.

use std::sync::{Mutex, PoisonError};

use storeward_base::{CustomerId, Language, Secret, Timestamp};
use storeward_outbound::sms::PhoneNumber;
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
        /// To the address that a letter's link put away. Parameters: `link` (stops a way back by the other mailbox).
        AddressPutAway = "address_put_away",
        /// Parameters: `device`, `when`, `link`.
        NewDevice = "new_device",
        /// A known device, and something spoke against it. Parameters: `device`, `when`, `link`.
        SignInNoticed = "sign_in_noticed",
        /// Parameters: `factor`, `link`.
        FactorAdded = "factor_added",
        /// Parameters: `factor`, `link`.
        FactorRemoved = "factor_removed",
        /// A means of payment that the shop kept was taken away on the person's page. Parameters: `means`, `link`.
        MeansRemoved = "means_removed",
        /// By the shop's staff. Parameters: `factor`, `link`.
        FactorTaken = "factor_taken",
        /// Parameters: `link`.
        PasswordChanged = "password_changed",
        /// So many wrong passwords that it counts on known devices only. Parameters: `link` (leads to a new password, for a day).
        PasswordDisabled = "password_disabled",
        /// So many letters were asked for that few more go out. Parameters: `link`, as above.
        LettersStopped = "letters_stopped",
        /// The password was right, and no more was shown. Parameters: `device`, `when`, `link`.
        FactorMissed = "factor_missed",
        /// Parameters: `count`, `device`, `when`, `link`.
        SignInAfterGuesses = "sign_in_after_guesses",
        /// Somebody pressed "this wasn't me". Parameters: `device`, `factors` (what was taken out, with commas). No link: everything is
        /// ended.
        Contained = "contained",
        /// A device's token was used twice.
        DeviceCopied = "device_copied",
        /// By the shop's staff, as the two below; no link, since nothing that the person could do undoes it.
        AccountLocked = "account_locked",
        AccountUnlocked = "account_unlocked",
        SessionsEnded = "sessions_ended",
        /// By its owner, by the shop's staff, or with the person's data: no link, since nothing is left that it could undo.
        AccountClosed = "account_closed",
        /// Begun by the shop's staff. Parameters: `link` (leads to a new password), `minutes`.
        PasswordLink = "password_link",
        /// Every factor is said to be lost. Parameters: `ends`, `link` (stops it), as the two below.
        RecoveryWaitBegun = "recovery_wait_begun",
        RecoveryWaitGoesOn = "recovery_wait_goes_on",
        RecoveryWaitEnded = "recovery_wait_ended",
        /// Parameters: `factor`, `link`.
        FactorsReplaced = "factors_replaced",
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

/// One short message.
#[derive(Clone, Debug)]
pub struct Text {
    pub customer: CustomerId,
    pub to: PhoneNumber,
    /// With a code in it: never to be logged.
    pub text: Secret<String>,
    /// Not sent after this moment.
    pub until: Timestamp,
}

/// Takes letters into the outbox, in the same transaction as the fact that causes them: no letter without the fact, no
/// fact without the letter. May run again after a roll-back, so it does nothing outside of the transaction.
pub trait Post: Send + Sync + 'static {
    fn post(&self, tx: &mut Tx<'_>, letter: &Letter) -> Result<(), Error>;

    /// The same for a short message.
    fn text(&self, tx: &mut Tx<'_>, text: &Text) -> Result<(), Error>;

    /// Takes back what waits for an account that is closed, and forgets what was written to it: all that bears its id, and what of ours went
    /// to its address in nobody's name.
    fn forget(&self, tx: &mut Tx<'_>, customer: CustomerId, address: Option<&str>) -> Result<(), Error>;

    /// Whether short messages can be sent.
    fn offers_texts(&self) -> bool;
}

/// Keeps letters in memory, for tests to read.
#[derive(Debug, Default)]
pub struct RecordedPost {
    letters: Mutex<Vec<Letter>>,
    texts: Mutex<Vec<Text>>,
}

impl RecordedPost {
    pub fn all(&self) -> Vec<Letter> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn texts(&self) -> Vec<Text> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest of one kind.
    pub fn last(&self, kind: LetterKind) -> Option<Letter> {
        self.all().into_iter().rev().find(|letter| letter.kind == kind)
    }
}

impl Post for RecordedPost {
    fn post(&self, _tx: &mut Tx<'_>, letter: &Letter) -> Result<(), Error> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter.clone());
        Ok(())
    }

    fn text(&self, _tx: &mut Tx<'_>, text: &Text) -> Result<(), Error> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).push(text.clone());
        Ok(())
    }

    /// What was posted is kept: a test reads on what was said before.
    fn forget(&self, _tx: &mut Tx<'_>, _customer: CustomerId, _address: Option<&str>) -> Result<(), Error> {
        Ok(())
    }

    fn offers_texts(&self) -> bool {
        true
    }
}
