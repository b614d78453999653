//! Enrolment: a one-time link, then name, e-mail, password and a second factor at once.

use std::time::Duration;

use storeward_base::{Actor, Entropy, Secret, StaffId, Timestamp};
use storeward_events::staff::{EnrolmentOffered, StaffEnrolled, StaffSignedIn};
use storeward_seal::DataKey;
use storeward_seal::fingerprint::{sha256_hex, token_hash};
use storeward_seal::totp::{self, TotpSecret};
use storeward_store::{Constraint, Db, Tx};
use storeward_web::CsrfToken;

use super::letters::Told;
use super::model::{Email, Misfit, StaffName};
use super::sessions::{SessionToken, TOTP};
use super::sign_in::Caller;
use super::sql;
use super::{Accounts, ticket};
use crate::error::Error;

/// How long a link is good.
pub const LINK_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// A link that was just made. Show it once; it is kept nowhere.
#[derive(Debug)]
pub struct Offer {
    pub staff: StaffId,
    /// `/enrol/<token>`: put the console's address before it.
    pub path: Secret<String>,
    pub expires_at: Timestamp,
}

/// What a form sent, unread.
#[derive(Debug)]
pub struct EnrolForm {
    pub name: String,
    pub email: String,
    pub password: Secret<String>,
    pub repeated: Secret<String>,
    pub code: String,
}

/// Why nobody was enrolled.
#[derive(Debug)]
pub enum EnrolError {
    Misfit(Misfit),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for EnrolError {
    fn from(error: E) -> Self {
        EnrolError::Failed(error.into())
    }
}

/// An open offer.
#[derive(Clone, Debug)]
pub struct OpenOffer {
    pub token_hash: String,
    pub staff: StaffId,
    pub secret: TotpSecret,
    pub expires_at: Timestamp,
}

/// Makes a link with which one person may enrol within 24 hours. `actor` is who offers: the operator at a shell, or a
/// member of staff.
pub async fn offer(db: &Db, key: &DataKey, entropy: &dyn Entropy, actor: Actor) -> Result<Offer, Error> {
    let (draft, offer) = Draft::new(db.now(), key, entropy, actor);
    db.write(move |tx| draft.write(tx)).await?;
    Ok(offer)
}

/// [`offer`] for the command line; panics inside of a runtime.
pub fn offer_blocking(db: &Db, key: &DataKey, entropy: &dyn Entropy, actor: Actor) -> Result<Offer, Error> {
    let (draft, offer) = Draft::new(db.now(), key, entropy, actor);
    db.write_blocking(move |tx| draft.write(tx))?;
    Ok(offer)
}

/// What the database keeps of an offer.
pub(super) struct Draft {
    staff: StaffId,
    token_hash: String,
    totp_sealed: Vec<u8>,
    now: Timestamp,
    expires_at: Timestamp,
    actor: Actor,
}

impl Draft {
    fn new(now: Timestamp, key: &DataKey, entropy: &dyn Entropy, actor: Actor) -> (Self, Offer) {
        Self::again(StaffId::at(now, entropy), now, key, entropy, actor)
    }

    /// An offer to somebody who is a member of staff already.
    pub(super) fn again(
        staff: StaffId,
        now: Timestamp,
        key: &DataKey,
        entropy: &dyn Entropy,
        actor: Actor,
    ) -> (Self, Offer) {
        let token = entropy.token::<32>();
        let secret = TotpSecret::generate(entropy);
        let expires_at = now.plus(LINK_LIFE);
        let draft = Draft {
            staff,
            token_hash: token_hash(&token),
            totp_sealed: key.seal(secret.bytes().expose(), &totp_place(staff), entropy),
            now,
            expires_at,
            actor,
        };
        (draft, Offer { staff, path: Secret::new(format!("/enrol/{token}")), expires_at })
    }

    pub(super) fn write(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        sql::forget_offers(tx, self.now)?;
        sql::insert_offer(tx, &self.token_hash, self.staff, &self.totp_sealed, self.expires_at)?;
        let fact = EnrolmentOffered { staff: self.staff, expires_at: self.expires_at };
        tx.append(self.actor, None, fact)?;
        Ok(())
    }
}

/// Where the account's sealed secret belongs, so that it cannot be moved to another account.
pub(super) fn totp_place(staff: StaffId) -> String {
    format!("{staff}.totp")
}

/// What the forms behind a link repeat.
pub fn csrf_of_link(token: &str) -> CsrfToken {
    CsrfToken::new(sha256_hex(format!("console-enrol-csrf/1\n{token}").as_bytes()))
}

impl Accounts {
    /// The offer behind a link's token, while it is good.
    pub async fn open_offer(&self, token: &str) -> Result<OpenOffer, Error> {
        let plausible = token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit());
        if !plausible {
            return Err(Error::LinkSpent);
        }
        let (hash, now) = (token_hash(token), self.clock.now());
        let found = {
            let hash = hash.clone();
            self.db.read(move |reader| sql::offer(reader, &hash, now)).await?
        };
        let (staff, sealed, expires_at) = found.ok_or(Error::LinkSpent)?;
        let bytes = self.key.open(&sealed, &totp_place(staff))?;
        Ok(OpenOffer { token_hash: hash, staff, secret: TotpSecret::from_bytes(bytes)?, expires_at })
    }

    /// Takes the offer up: account, second factor and first session in one transaction, or nothing.
    pub async fn enrol(
        &self,
        offer: &OpenOffer,
        form: EnrolForm,
        caller: &Caller,
    ) -> Result<SessionToken, EnrolError> {
        let name = StaffName::parse(&form.name).map_err(EnrolError::Misfit)?;
        let email = Email::parse(&form.email).map_err(EnrolError::Misfit)?;
        let ticket = ticket(email.as_str(), caller.address);
        let chosen = self.choose(ticket, (&email, &name), form.password, &form.repeated).await?;
        let now = self.clock.now();
        let Some(step) = totp::verify(&offer.secret, &form.code, now, 1) else {
            let words = "The code does not fit. Type the one that the app shows now; if it never fits, set the \
                         phone's clock to automatic.";
            return Err(EnrolError::Misfit(Misfit { field: "code", words: words.into() }));
        };
        let hash = self.passwords.pool.hash(ticket, chosen.into_secret()).await?.to_string();
        let sealed = self.key.seal(offer.secret.bytes().expose(), &totp_place(offer.staff), &*self.entropy);
        let (token, session) = self.draft_session(offer.staff, caller, TOTP);
        let account = sql::NewAccount {
            id: offer.staff,
            name: name.as_str().to_owned(),
            email: email.as_str().to_owned(),
            password_hash: hash,
            totp_sealed: sealed,
            totp_step: step,
            enrolled_at: now,
        };
        let (offer_hash, staff) = (offer.token_hash.clone(), offer.staff);
        let letters = self.letters.clone();
        let written = self.db.write(move |tx| {
            if !sql::use_offer(tx, &offer_hash, now)? {
                return Err(Error::LinkSpent);
            }
            // Somebody who was reset has an account still, and gets it back; nobody else's can be meant.
            let is_renewed = sql::renew_account(tx, &account)?;
            if !is_renewed {
                sql::insert_account(tx, &account)?;
            }
            session.write(tx)?;
            letters.note_place(tx, &session)?;
            if is_renewed {
                letters.tell(tx, staff, Told::Renewed, &[("Device", &session.label)])?;
            }
            tx.append(Actor::Staff { id: staff }, None, StaffEnrolled { staff })?;
            tx.append(Actor::Staff { id: staff }, None, StaffSignedIn { staff })?;
            Ok(())
        });
        match written.await {
            Ok(()) => Ok(token),
            Err(Error::Store(storeward_store::Error::Constraint { kind: Constraint::Unique, .. })) => {
                let misfit = Misfit {
                    field: "email",
                    words: "Somebody has an account with this e-mail already.".into(),
                };
                Err(EnrolError::Misfit(misfit))
            }
            Err(error) => Err(error.into()),
        }
    }
}
