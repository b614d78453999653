//! Flows: what was begun, what it still needs, and where it goes from there.

use std::time::Duration;

use storeward_base::{CustomerId, Secret, Timestamp};
use storeward_store::{Reader, Tx};

use super::grant::Granted;
use super::{Identity, Shared};
use crate::error::Error;
use crate::letter::{Letter, LetterKind, Post};
use crate::marks::Field;
use crate::model::{Account, Email, FactorKind, Level, Proof};
use crate::sql::{self, factor::FactorRow, flow::NewFlow};
use crate::state::{Flow, Purpose, ReturnTo, State};
use crate::tokens::{FlowToken, SessionToken, numeric_code};

/// A code is good for so long (ASVS 5.0 6.5.5: at most ten minutes).
pub const CODE_LIFE: Duration = Duration::from_secs(10 * 60);
/// Digits of a code: with five tries, one guess in 20 million lands.
const CODE_DIGITS: u32 = 8;
/// A sign-in waits for its second factor no longer than this; then the shop's own session is ended too.
const SHORT: Duration = Duration::from_secs(10 * 60);
/// What takes reading letters and choosing passwords.
const LONG: Duration = Duration::from_secs(30 * 60);

/// What a person may show as a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    Passkey,
    Totp,
    Sms,
    Mail,
    Recovery,
}

impl Offer {
    pub const fn word(self) -> &'static str {
        match self {
            Offer::Passkey => "passkey",
            Offer::Totp => "totp",
            Offer::Sms => "sms",
            Offer::Mail => "mail",
            Offer::Recovery => "recovery",
        }
    }
}

/// What a flow waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The account's password, or a passkey where there is one.
    Password,
    /// The code that went to the address; shown as in `a•••@shop.example`.
    Code {
        masked: String,
    },
    /// One of these.
    Factor(Vec<Offer>),
    NewPassword,
    /// The waiting time is over: a factor in the place of those that were lost.
    NewFactor,
    Nothing,
}

/// Where a form leads.
#[derive(Debug)]
pub enum Step {
    /// To the challenge; `Some` when a flow was begun.
    Challenge(Option<FlowToken>),
    /// To the challenge that the browser began before: its code still counts, and no further letter went out.
    ChallengeAsBefore(FlowToken),
    /// To the form for a new password.
    NewPassword,
    /// Signed in.
    SignedIn(Granted),
    /// The session has a new token, for so long where it outlives the browser.
    Raised { token: SessionToken, return_to: Option<ReturnTo>, seconds: Option<u64> },
    /// The flow is over; on to this place.
    Over(ReturnTo),
    /// The password is new: sign in with it.
    SignInAgain,
    /// Everything was shown, and the password is the shop's own: sign in there.
    SignInAtShop,
    /// The address is another one now.
    AddressChanged,
    /// They read mail at the address that they want to give the shop: on to its form.
    ShopNameShown(ReturnTo),
    /// To the form for a new factor.
    NewFactor,
    /// A new factor stands in the place of those that were lost: sign in with it.
    FactorReplaced,
}

/// A flow that is about to be written, with the letter that carries its code.
#[derive(Clone, Debug)]
pub struct FlowDraft {
    pub token: FlowToken,
    pub row: NewFlow,
    pub letter: Option<Letter>,
}

impl FlowDraft {
    pub fn write(&self, tx: &mut Tx<'_>, post: &dyn Post) -> Result<(), Error> {
        sql::flow::forget(tx, self.row.now)?;
        sql::flow::insert(tx, &self.row)?;
        match &self.letter {
            Some(letter) => post.post(tx, letter),
            None => Ok(()),
        }
    }
}

impl Shared {
    pub fn draft_flow(&self, purpose: Purpose, customer: Option<CustomerId>, state: State) -> FlowDraft {
        let life = match purpose {
            Purpose::SignIn | Purpose::Shield | Purpose::StepUp | Purpose::Passkey => SHORT,
            _ => LONG,
        };
        self.draft_flow_for(purpose, customer, state, life, self.now())
    }

    pub fn draft_flow_for(
        &self,
        purpose: Purpose,
        customer: Option<CustomerId>,
        state: State,
        life: Duration,
        now: Timestamp,
    ) -> FlowDraft {
        let token = FlowToken::generate(&*self.entropy);
        let hash = token.hash();
        let state_sealed = self.vault.seal(&state.to_bytes(), &hash, Field::State, &*self.entropy);
        let row =
            NewFlow { hash, purpose, customer, state_sealed, code: None, now, expires_at: now.plus(life) };
        FlowDraft { token, row, letter: None }
    }

    /// Puts a code into the flow and into a letter for it.
    pub fn with_code(
        &self,
        draft: &mut FlowDraft,
        kind: LetterKind,
        to: &Email,
        language: storeward_base::Language,
    ) {
        let code = self.new_code();
        let mark = self.marks.code(&draft.row.hash, to, code.expose());
        draft.row.code = Some((mark, draft.row.now.plus(CODE_LIFE)));
        let mut letter = self.code_letter(kind, to, language, &code, CODE_LIFE.as_secs() / 60);
        letter.customer = draft.row.customer;
        draft.letter = Some(letter);
    }

    pub fn new_code(&self) -> Secret<String> {
        numeric_code(CODE_DIGITS, &*self.entropy)
    }

    /// The flow behind a token, while it can go on.
    pub async fn flow(&self, token: &FlowToken) -> Result<Flow, Error> {
        let (hash, now) = (token.hash(), self.now());
        let found = {
            let hash = hash.clone();
            self.db.read(move |reader| sql::flow::by_token(reader, &hash, now)).await?
        };
        let row = found.ok_or(Error::FlowOver)?;
        let state = self.vault.open(&row.state_sealed, &hash, Field::State)?;
        Ok(Flow {
            state: State::from_bytes(state.expose())?,
            hash,
            purpose: row.purpose,
            customer: row.customer,
            version: row.version,
            has_code: row.code_mark.is_some(),
            codes_sent: row.codes_sent,
            attempts: row.attempts,
            expires_at: row.expires_at,
            passed_at: row.passed_at,
        })
    }

    pub fn seal_state(&self, flow: &Flow) -> Vec<u8> {
        self.vault.seal(&flow.state.to_bytes(), &flow.hash, Field::State, &*self.entropy)
    }

    /// What an account can show.
    pub async fn means(&self, customer: CustomerId) -> Result<Means, Error> {
        let found = self.db.read(move |reader: &mut Reader<'_>| -> Result<_, Error> {
            let account = sql::account::by_id(reader, customer)?;
            let factors = sql::factor::of_customer(reader, customer)?;
            let wait = sql::wait::of_customer(reader, customer)?;
            let was_taken_out = sql::told::was_taken_out(reader, customer)?;
            Ok((account, factors, sql::factor::codes_left(reader, customer)?, wait, was_taken_out))
        });
        let (account, factors, codes_left, wait, was_taken_out) = found.await?;
        let account = self.open_account(account.ok_or(Error::NoAccount)?)?;
        Ok(Means {
            account,
            factors,
            codes_left: u32::try_from(codes_left).unwrap_or(0),
            sends_texts: self.offers_sms(),
            was_taken_out,
            wait_is_over: wait.is_some_and(|row| row.is_over(self.now())),
        })
    }

    /// What the flow waits for. For an address without an account it is what it would be for one with nothing added.
    pub async fn need(&self, flow: &Flow) -> Result<(Need, Option<Means>), Error> {
        let means = match flow.customer {
            Some(customer) => Some(self.means(customer).await?),
            None => None,
        };
        Ok((need_of(flow, means.as_ref()), means))
    }
}

impl Identity {
    /// What the browser's flow waits for, for the page that asks: read once, whatever the page wants of it.
    pub async fn pending(&self, token: &FlowToken) -> Result<Pending, Error> {
        let flow = self.0.flow(token).await?;
        let (need, means) = self.0.need(&flow).await?;
        Ok(Pending { flow, need, means })
    }

    /// The telephone that codes of this flow go to, as it may be shown.
    pub fn masked_number(&self, pending: &Pending) -> Result<String, Error> {
        let Some(means) = &pending.means else { return Ok(String::new()) };
        let factor = means.factors.iter().rev().find(|factor| factor.kind == FactorKind::Sms);
        let label = factor.and_then(|factor| Some((factor.label_sealed.as_ref()?, factor.id.to_string())));
        label.map_or(Ok(String::new()), |(sealed, row)| self.0.vault.open_text(sealed, &row, Field::Label))
    }
}

/// A flow as it stands, with the account that it is about.
#[derive(Clone, Debug)]
pub struct Pending {
    pub flow: Flow,
    pub need: Need,
    pub(crate) means: Option<Means>,
}

impl Pending {
    /// The address that codes of this flow go to, whole: for the count of puzzles.
    pub(crate) fn address(&self) -> Option<Email> {
        self.flow.address(self.means.as_ref())
    }

    /// The same, as it may be shown.
    pub fn masked_address(&self) -> String {
        self.address().map_or_else(String::new, |email| email.masked())
    }

    /// Whether the flow's account has a passkey.
    pub fn has_passkey(&self) -> bool {
        self.means.as_ref().is_some_and(|means| means.has(FactorKind::Passkey))
    }
}

/// An account and what it can show.
#[derive(Clone, Debug)]
pub struct Means {
    pub account: Account,
    pub factors: Vec<FactorRow>,
    pub codes_left: u32,
    /// Whether a code can be sent to a telephone.
    pub sends_texts: bool,
    /// A letter's link took out what it had, and nobody has shown more than its mail since.
    pub was_taken_out: bool,
    /// Whether the waiting time of an account whose factors were lost is over.
    pub wait_is_over: bool,
}

impl Means {
    pub fn has(&self, kind: FactorKind) -> bool {
        self.factors.iter().any(|factor| factor.kind == kind)
    }

    /// Whether there is a factor that somebody added. A telephone to which nothing can be sent any more is none.
    pub fn has_added(&self) -> bool {
        self.has_strong() || (self.has(FactorKind::Sms) && self.sends_texts)
    }

    /// Whether there is a factor that cannot be taken over with a telephone number.
    pub fn has_strong(&self) -> bool {
        self.has(FactorKind::Totp) || self.has(FactorKind::Passkey)
    }

    /// Whether these proofs are as good as the account can show: a short message is not where it has an app or a passkey.
    pub fn is_all(&self, proofs: &[Proof]) -> bool {
        let shown = |wanted: &[Proof]| proofs.iter().any(|proof| wanted.contains(proof));
        if self.has_strong() {
            shown(&[Proof::Passkey, Proof::Totp, Proof::Recovery])
        } else {
            !self.has_added() || shown(&[Proof::Sms, Proof::Passkey, Proof::Totp, Proof::Recovery])
        }
    }

    /// Whether the mail is a second factor beside the shop's password, which is chosen anew by mail: then the two are one, and no
    /// more than what a letter's link alone has left. The way back waits, and ends with a factor.
    pub(super) fn mail_signs_in_at_shop(&self) -> bool {
        self.has_added() || !self.was_taken_out
    }

    /// The same for a way back, which begins with the mail: where that is all there is, it is enough, unless something better was
    /// taken out by a letter alone.
    fn is_way_back(&self, proofs: &[Proof]) -> bool {
        self.is_all(proofs) && self.mail_signs_in_at_shop()
    }

    /// What a sensitive act and a way back take: never less than the best that the account has.
    pub fn best_offers(&self) -> Vec<Offer> {
        let mut offers = self.offers();
        if self.has_strong() {
            offers.retain(|offer| *offer != Offer::Sms);
        }
        offers
    }

    /// Strongest first. Mail is offered only where there is nothing better: a way round the better one would make it
    /// worthless (reference/identity.md section 8, mistake 6).
    pub fn offers(&self) -> Vec<Offer> {
        let mut offers = Vec::new();
        if self.has(FactorKind::Passkey) {
            offers.push(Offer::Passkey);
        }
        if self.has(FactorKind::Totp) {
            offers.push(Offer::Totp);
        }
        if self.has(FactorKind::Sms) && self.sends_texts {
            offers.push(Offer::Sms);
        }
        if !self.has_added() {
            if self.account.email.is_some() {
                offers.push(Offer::Mail);
            }
        } else if self.codes_left > 0 {
            offers.push(Offer::Recovery);
        }
        offers
    }
}

impl Purpose {
    /// What its codes are told by.
    pub const fn letter_kind(self) -> LetterKind {
        match self {
            Purpose::SignUp => LetterKind::SignUpCode,
            Purpose::Recovery => LetterKind::RecoveryCode,
            Purpose::ChangeAddress | Purpose::ShopName => LetterKind::AddressCode,
            Purpose::SignIn
            | Purpose::Shield
            | Purpose::StepUp
            | Purpose::EnrolTotp
            | Purpose::EnrolPasskey
            | Purpose::EnrolSms
            | Purpose::Passkey
            | Purpose::NotMe
            | Purpose::StopRecovery
            | Purpose::PasswordLink => LetterKind::SignInCode,
        }
    }
}

impl Flow {
    /// Where this flow's codes go.
    pub fn address(&self, means: Option<&Means>) -> Option<Email> {
        match &self.state.address {
            Some(address) => Email::parse(address).ok(),
            None => means.and_then(|means| means.account.email.clone()),
        }
    }
}

fn need_of(flow: &Flow, means: Option<&Means>) -> Need {
    let proofs = &flow.state.proofs;
    let shown = |proof: Proof| proofs.contains(&proof);
    let code = || {
        let masked = flow.address(means).map_or_else(String::new, |email| email.masked());
        Need::Code { masked }
    };
    let Some(means) = means else {
        // Also for whoever signs up: the account comes with the code.
        return if shown(Proof::Mail) { Need::Nothing } else { code() };
    };
    match flow.purpose {
        Purpose::SignUp | Purpose::ChangeAddress | Purpose::ShopName => {
            if shown(Proof::Mail) {
                Need::Nothing
            } else {
                code()
            }
        }
        Purpose::Recovery => {
            if !shown(Proof::Mail) {
                code()
            } else if !means.is_way_back(proofs) && means.wait_is_over {
                Need::NewFactor
            } else if !means.is_way_back(proofs) {
                let mut offers = means.best_offers();
                offers.retain(|offer| *offer != Offer::Mail);
                Need::Factor(offers)
            } else if means.account.password_hash.is_none() {
                // The password is the shop's own, and chosen there.
                Need::Nothing
            } else {
                Need::NewPassword
            }
        }
        Purpose::SignIn | Purpose::Shield => {
            let enough = if flow.state.passkey_only { Level::Passkey } else { Level::Two };
            if Level::of(proofs) < enough {
                let mut offers = means.offers();
                offers.retain(|offer| !flow.state.passkey_only || *offer == Offer::Passkey);
                let by_mail = flow.purpose == Purpose::SignIn || means.mail_signs_in_at_shop();
                offers.retain(|offer| by_mail || *offer != Offer::Mail);
                Need::Factor(offers)
            } else if means.account.must_choose_here() && flow.purpose == Purpose::SignIn {
                Need::NewPassword
            } else {
                Need::Nothing
            }
        }
        Purpose::StepUp => {
            if shown(Proof::Passkey) {
                Need::Nothing
            } else if means.account.password_hash.is_some() && !shown(Proof::Password) {
                Need::Password
            } else if means.is_all(proofs) && (means.has_added() || shown(Proof::Mail)) {
                Need::Nothing
            } else {
                Need::Factor(means.best_offers())
            }
        }
        Purpose::EnrolTotp
        | Purpose::EnrolPasskey
        | Purpose::EnrolSms
        | Purpose::Passkey
        | Purpose::NotMe
        | Purpose::StopRecovery
        | Purpose::PasswordLink => Need::Nothing,
    }
}
