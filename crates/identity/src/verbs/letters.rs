//! Writing letters: the account's language, the shop's name, and the link "this wasn't me".

use std::time::Duration;

use storeward_base::{Language, Secret, Timestamp};
use storeward_host::OWN_PREFIX;

use super::Shared;
use super::flows::FlowDraft;
use crate::letter::{Letter, LetterKind};
use crate::model::{Account, Email};
use crate::state::{Purpose, State};

/// How long the link of a letter is good.
const NOT_ME_LIFE: Duration = Duration::from_secs(7 * 86_400);

/// The same of the letter to an address that was changed: nothing goes there any more, so it may be read late.
pub(super) const ADDRESS_BACK_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// A letter with the link that contains, and the flow behind the link. Written in one transaction.
#[derive(Clone, Debug)]
pub struct Notice {
    pub letter: Letter,
    pub flow: FlowDraft,
}

impl Shared {
    /// A letter with a code for somebody who may have no account (yet).
    pub fn code_letter(
        &self,
        kind: LetterKind,
        to: &Email,
        language: Language,
        code: &Secret<String>,
        minutes: u64,
    ) -> Letter {
        Letter {
            kind,
            customer: None,
            to: Secret::new(to.as_str().to_owned()),
            language,
            parameters: vec![
                ("shop", Secret::new(self.shop_name())),
                ("code", code.clone()),
                ("minutes", Secret::new(minutes.to_string())),
            ],
        }
    }

    /// A letter that tells of something that happened `now`; `None` for an account without an address.
    pub fn notice(
        &self,
        kind: LetterKind,
        account: &Account,
        more: &[(&'static str, &str)],
        now: Timestamp,
    ) -> Option<Notice> {
        let email = account.email.as_ref()?;
        let life = match kind {
            LetterKind::AddressChanged => ADDRESS_BACK_LIFE,
            _ => NOT_ME_LIFE,
        };
        // Also of an account of the shop's: what the shop keeps is its own, but our codes go where we say.
        let written_to = Some(email.as_str().to_owned());
        let state = State { since: Some(now), written_to, ..State::default() };
        let flow = self.draft_flow_for(Purpose::NotMe, Some(account.id), state, life, now);
        let link = format!("{}{OWN_PREFIX}/not-me?t={}", self.origin(), flow.token.secret().expose());
        let mut parameters = vec![("shop", Secret::new(self.shop_name())), ("link", Secret::new(link))];
        parameters.extend(more.iter().map(|(name, value)| (*name, Secret::new((*value).to_owned()))));
        let letter = Letter {
            kind,
            customer: Some(account.id),
            to: Secret::new(email.as_str().to_owned()),
            language: account.language,
            parameters,
        };
        Some(Notice { letter, flow })
    }
}

impl Shared {
    /// A letter that tells of something that a link could not undo.
    pub fn plain_notice(&self, kind: LetterKind, account: &Account) -> Option<Letter> {
        let email = account.email.as_ref()?;
        Some(Letter {
            kind,
            customer: Some(account.id),
            to: Secret::new(email.as_str().to_owned()),
            language: account.language,
            parameters: vec![("shop", Secret::new(self.shop_name()))],
        })
    }
}

impl Notice {
    pub fn write(
        &self,
        tx: &mut storeward_store::Tx<'_>,
        post: &dyn crate::letter::Post,
    ) -> Result<(), crate::error::Error> {
        self.flow.write(tx, post)?;
        post.post(tx, &self.letter)
    }
}
