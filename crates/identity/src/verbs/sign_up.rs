//! Sign-up: the account comes into being when its address is confirmed, so nobody can prepare one for somebody else.

use storeward_base::{CustomerId, Language, Secret};
use storeward_puzzle::Purpose as Puzzle;
use storeward_store::Constraint;

use super::devices::Known;
use super::flows::Step;
use super::grant::{Grant, Trust};
use super::{Identity, Shared};
use crate::config::SecondFactor;
use crate::error::Error;
use crate::letter::LetterKind;
use crate::marks::Field;
use crate::model::{Account, Email, Misfit, Proof, parse_name};
use crate::passwords::{Beside, ticket};
use crate::sql::account::NewAccount;
use crate::state::{Door, Flow, Purpose, ReturnTo, State};
use crate::throttle::{Key, Leave};
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// What a form sent, unread.
#[derive(Debug)]
pub struct SignUpForm {
    pub email: String,
    pub name: String,
    pub password: Secret<String>,
    pub language: Language,
    pub return_to: Option<ReturnTo>,
    /// Of a puzzle that the page had; empty without.
    pub answer: String,
}

#[derive(Debug)]
pub enum SignUpFault {
    Misfit(Misfit),
    Throttled { seconds: u64 },
    Failed(Error),
}

impl<E: Into<Error>> From<E> for SignUpFault {
    fn from(error: E) -> Self {
        SignUpFault::Failed(error.into())
    }
}

impl Identity {
    /// Sends a code to the address. Whether it has an account already shows in the letter only.
    pub async fn sign_up(&self, visit: &Visit, form: SignUpForm) -> Result<FlowToken, SignUpFault> {
        let begun = tokio::time::Instant::now();
        let answer = self.sign_up_now(visit, form).await;
        self.0.settle(begun).await;
        answer
    }

    async fn sign_up_now(&self, visit: &Visit, form: SignUpForm) -> Result<FlowToken, SignUpFault> {
        let shared = &self.0;
        let email = Email::parse(&form.email).map_err(SignUpFault::Misfit)?;
        let name = parse_name(&form.name, "name").map_err(SignUpFault::Misfit)?;
        let way = shared.way(Puzzle::SignUp, visit, &form.answer, email.as_str());
        let ticket = ticket(visit, email.as_str(), way.lane());
        let (shop, beside) = (shared.shop_name(), shared.beside());
        let judged =
            shared.passwords.judge(ticket, &form.password, (&email, name.as_deref()), &shop, beside).await?;
        judged.map_err(SignUpFault::Misfit)?;
        let block = visit.client.block();
        let keys = [Key::Begun(block), Key::Mail(shared.marks.email(&email))];
        let keys = keys.map(|key| way.key(key, block));
        if let Leave::Wait { seconds, .. } = shared.throttle.attempt(&keys, shared.now()) {
            return Err(SignUpFault::Throttled { seconds });
        }
        // Also one of the shop's own sign-in: it gets no second account beside it.
        let known = shared.account_by_any_email(&email).await?;
        // Hashed in any case: the time must not tell.
        let hash = shared.passwords.hash(ticket, form.password).await?;
        let language = shared.language(Some(form.language));
        let mut state = State {
            return_to: form.return_to,
            address: Some(email.as_str().to_owned()),
            language: Some(language),
            ..State::default()
        };
        if known.is_none() {
            state.name = name;
            state.password_hash = Some(hash);
        }
        let mut draft = shared.draft_flow(Purpose::SignUp, None, state);
        match &known {
            None => shared.with_code(&mut draft, LetterKind::SignUpCode, &email, language),
            Some(account) => {
                // The same steps, and a code that nobody is told.
                let mark = shared.marks.code(&draft.row.hash, &email, shared.new_code().expose());
                draft.row.code = Some((mark, draft.row.now.plus(super::flows::CODE_LIFE)));
                draft.letter = Some(shared.already_customer(account, &email));
            }
        }
        let (token, post) = (draft.token.clone(), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            draft.write(tx, &*post)?;
            tx.commit_silent("until the address is confirmed there is nobody whom this is a fact of");
            Ok(())
        });
        written.await?;
        Ok(token)
    }

    /// The code was right: account and first session in one transaction.
    pub(super) async fn finish_sign_up(&self, visit: &Visit, flow: Flow) -> Result<Step, Error> {
        let shared = &self.0;
        let state = &flow.state;
        let email = state.address.as_deref().and_then(|text| Email::parse(text).ok());
        let (Some(email), Some(hash)) = (email, state.password_hash.clone()) else {
            return Err(Error::FlowOver);
        };
        let now = shared.now();
        let id = CustomerId::at(now, &*shared.entropy);
        let seal = |text: &str, field| shared.vault.seal_of_account(text, id, field, &*shared.entropy);
        let opens = NewAccount {
            id,
            email_mark: Some(shared.marks.email(&email)),
            email_sealed: Some(seal(email.as_str(), Field::Email)),
            email_confirmed_at: Some(now),
            shop_email_mark: None,
            shop_mark: None,
            shop_subject_sealed: None,
            name_sealed: state.name.as_deref().map(|name| seal(name, Field::Name)),
            language: state.language.unwrap_or_default(),
            password_hash: Some(hash.clone()),
            created_at: now,
        };
        let account = Account {
            id,
            email: Some(email),
            name: state.name.clone(),
            language: opens.language,
            password_hash: Some(hash),
            password_set_at: Some(now),
            password_disabled_at: None,
            must_change_at: None,
            step_up_forced_at: None,
            created_at: now,
            locked_at: None,
        };
        let grant = Grant {
            account: &account,
            // The password was chosen half an hour ago at most, in this browser; the code has just come.
            proofs: vec![Proof::Password, Proof::Mail],
            door: Door::Pages,
            return_to: state.return_to.clone(),
            trust: Trust::AsBefore,
            device: Known::No,
            flow_hash: Some(flow.hash.clone()),
            opens: Some(opens),
            read_at: None,
            noticed: Vec::new(),
        };
        match shared.grant(visit, grant).await {
            Ok(granted) => Ok(Step::SignedIn(granted)),
            // Somebody confirmed the same address meanwhile: in another window, most likely.
            Err(Error::Store(storeward_store::Error::Constraint { kind: Constraint::Unique, .. })) => {
                Err(Error::FlowOver)
            }
            Err(error) => Err(error),
        }
    }
}

impl Shared {
    fn already_customer(&self, account: &Account, email: &Email) -> crate::letter::Letter {
        crate::letter::Letter {
            kind: LetterKind::AlreadyCustomer,
            customer: Some(account.id),
            to: Secret::new(email.as_str().to_owned()),
            language: account.language,
            parameters: vec![("shop", Secret::new(self.shop_name()))],
        }
    }

    /// Whether a password is ever alone.
    pub fn beside(&self) -> Beside {
        match self.policy().customers {
            SecondFactor::Required => Beside::SecondFactor,
            SecondFactor::Off | SecondFactor::Offered | SecondFactor::Risk => Beside::Nothing,
        }
    }
}
