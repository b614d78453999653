//! Passkeys of staff: beside the code of the authenticator app, which everybody keeps. Discoverable, and the device checks
//! who the person is. A challenge is for one purpose and for the browser that asked, and counts once.

use std::time::Duration;

use storeward_base::{Actor, Id, Secret, StaffId, Tagged};
use storeward_events::staff::{StaffPasskeyAdded, StaffPasskeyRemoved, StaffSignedIn};
use storeward_seal::encoding::{base64_url, decode_hex, hex};
use storeward_seal::fingerprint::token_hash;
use storeward_seal::webauthn::Party;
use storeward_seal::webauthn::script::{self, Kept, NewUser, Shown};
use storeward_store::Constraint;
use storeward_web::{Cookie, SameSite};

use super::letters::Told;
use super::model::Misfit;
use super::sessions::{PASSKEY, SessionToken};
use super::sign_in::{Caller, SignInError};
use super::sql_own::{self, PasskeyRow};
use super::throttle::{Key, Leave};
use super::{Accounts, sql};
use crate::error::Error;

#[derive(Debug)]
pub enum Passkey {}
impl Tagged for Passkey {
    const PREFIX: &'static str = "spass";
}
pub type PasskeyId = Id<Passkey>;

/// Of a browser that is about to show a passkey.
pub const CHALLENGE_COOKIE: Cookie =
    Cookie { name: "__Host-storeward-staff-passkey", same_site: SameSite::Strict };

/// How long a person may look for their passkey.
const CHALLENGE_LIFE: Duration = Duration::from_secs(5 * 60);
/// Passkeys of one member at most.
const MOST: i64 = 10;

/// What a challenge is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    SignIn,
    Confirm,
    Add,
}

impl Purpose {
    pub const fn word(self) -> &'static str {
        match self {
            Purpose::SignIn => "sign_in",
            Purpose::Confirm => "confirm",
            Purpose::Add => "add",
        }
    }
}

/// Options for the script, and the token that the browser brings back with its answer.
pub struct Asked {
    pub token: Secret<String>,
    pub options: String,
}

/// A passkey as its owner sees it.
#[derive(Clone, Debug)]
pub struct OwnPasskey {
    pub id: PasskeyId,
    pub label: String,
    pub party: String,
    pub created_at: storeward_base::Timestamp,
    pub used_at: Option<storeward_base::Timestamp>,
}

/// Why no passkey was added.
#[derive(Debug)]
pub enum AddError {
    Misfit(Misfit),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for AddError {
    fn from(error: E) -> Self {
        AddError::Failed(error.into())
    }
}

impl Accounts {
    /// A challenge for whoever signs in: the browser offers what it has.
    pub async fn begin_passkey_sign_in(&self, party: &Party, caller: &Caller) -> Result<Asked, SignInError> {
        let keys = [Key::Address(caller.address.block())];
        if let Leave::Wait { seconds, .. } = self.throttle.attempt(&keys, self.clock.now()) {
            return Err(SignInError::Throttled { seconds });
        }
        Ok(self
            .ask(None, Purpose::SignIn, |challenge| script::get_options(party, challenge, &[]).to_string())
            .await?)
    }

    /// A challenge for the member who is signed in.
    pub async fn begin_passkey_confirm(&self, party: &Party, staff: StaffId) -> Result<Asked, Error> {
        let known = self.credentials(staff, party).await?;
        let options = |challenge: &[u8]| script::get_options(party, challenge, &known).to_string();
        self.ask(Some(staff), Purpose::Confirm, options).await
    }

    /// A challenge for a new passkey of the member.
    pub async fn begin_passkey(&self, party: &Party, staff: StaffId, name: &str) -> Result<Asked, Error> {
        let known = self.credentials(staff, party).await?;
        let handle = handle_of(staff);
        let user = NewUser { handle: &handle, name, site: "Storeward", known: &known };
        let options = |challenge: &[u8]| script::create_options(party, challenge, &user).to_string();
        self.ask(Some(staff), Purpose::Add, options).await
    }

    async fn ask(
        &self,
        staff: Option<StaffId>,
        purpose: Purpose,
        options: impl FnOnce(&[u8]) -> String,
    ) -> Result<Asked, Error> {
        let challenge = self.entropy.bytes::<32>();
        let token = self.entropy.token::<32>();
        let options = options(&challenge);
        let (hash, text) = (token_hash(&token), hex(&challenge));
        let written = self.db.write(move |tx| {
            let until = tx.now().plus(CHALLENGE_LIFE);
            sql_own::insert_challenge(tx, &hash, staff, purpose, &text, until)?;
            tx.commit_silent("a challenge was sent; nobody has shown anything");
            Ok::<_, Error>(())
        });
        written.await?;
        Ok(Asked { token: Secret::new(token), options })
    }

    /// Takes the browser's challenge: whose it is, and what had to be signed.
    async fn take(&self, token: &str, purpose: Purpose) -> Result<Option<(Option<StaffId>, Vec<u8>)>, Error> {
        let hash = token_hash(token);
        let taken = self.db.write(move |tx| {
            tx.commit_silent("a challenge counts once; what it leads to is told after");
            Ok::<_, Error>(sql_own::take_challenge(tx, &hash, purpose)?)
        });
        Ok(taken.await?.and_then(|(staff, text)| Some((staff, decode_hex(&text)?))))
    }

    /// The passkey that an answer names, if the answer holds; with the counter to keep.
    async fn shown(
        &self,
        party: &Party,
        challenge: &[u8],
        text: &str,
    ) -> Result<Option<(PasskeyRow, i64)>, Error> {
        let Some(shown) = Shown::parse(text) else { return Ok(None) };
        let credential = base64_url(&shown.credential_id);
        let found = self.db.read(move |reader| sql_own::passkey_of(reader, &credential)).await?;
        let Some(row) = found.filter(|row| row.party == party.id) else { return Ok(None) };
        if shown.user_handle.as_ref().is_some_and(|handle| *handle != handle_of(row.staff)) {
            return Ok(None);
        }
        let kept = self.open_key(&row)?;
        let known = u32::try_from(row.counter).unwrap_or(u32::MAX);
        let held = shown.check(party, challenge, &kept.public_key, known);
        Ok(held.ok().map(|asserted| (row, i64::from(asserted.sign_count))))
    }

    fn open_key(&self, row: &PasskeyRow) -> Result<Kept, Error> {
        let bytes = self.key.open(&row.key_sealed, &key_place(row.id))?;
        Kept::from_bytes(bytes.expose()).ok_or(Error::Seal(storeward_seal::Error::Sealed))
    }

    async fn credentials(&self, staff: StaffId, party: &Party) -> Result<Vec<Vec<u8>>, Error> {
        let rows = self.db.read(move |reader| sql_own::passkeys(reader, staff)).await?;
        let here = rows.iter().filter(|row| row.party == party.id);
        here.map(|row| Ok(self.open_key(row)?.credential_id)).collect()
    }

    /// Signs in with a passkey and nothing else: it is a password and a second factor in one.
    pub async fn sign_in_with_passkey(
        &self,
        party: &Party,
        token: &str,
        text: &str,
        caller: &Caller,
        previous: Option<SessionToken>,
    ) -> Result<SessionToken, SignInError> {
        let shown = match self.take(token, Purpose::SignIn).await? {
            Some((None, challenge)) => self.shown(party, &challenge, text).await?,
            Some((Some(_), _)) | None => None,
        };
        let Some((row, next)) = shown else {
            self.tell_failure(caller.address, None, "passkey").await?;
            return Err(SignInError::Refused);
        };
        let (session, draft) = self.draft_session(row.staff, caller, PASSKEY);
        let previous = previous.map(|previous| previous.hash());
        let letters = self.letters.clone();
        let began = self.db.write(move |tx| {
            if !sql_own::take_count(tx, row.id, row.counter, next, tx.now())? {
                tx.commit_silent("another request used the passkey at this very moment");
                return Ok::<_, Error>(false);
            }
            if let Some(previous) = &previous {
                sql::delete_session(tx, previous)?;
            }
            draft.write(tx)?;
            letters.signed_in(tx, &draft)?;
            tx.append(Actor::Staff { id: row.staff }, None, StaffSignedIn { staff: row.staff })?;
            Ok(true)
        });
        if !began.await? {
            return Err(SignInError::Refused);
        }
        self.throttle.succeeded(&[Key::Address(caller.address.block())]);
        Ok(session)
    }

    /// Shows a passkey once more in a session that is open.
    pub async fn confirm_with_passkey(
        &self,
        party: &Party,
        token: &str,
        text: &str,
        caller: &Caller,
        session: (&SessionToken, StaffId),
    ) -> Result<SessionToken, SignInError> {
        let (session, staff) = session;
        let keys = self.confirm_keys(staff, caller);
        if let Leave::Wait { seconds, first } = self.throttle.attempt(&keys, self.clock.now()) {
            if first {
                self.tell_failure(caller.address, Some(staff), "throttled").await?;
            }
            return Err(SignInError::Throttled { seconds });
        }
        let shown = match self.take(token, Purpose::Confirm).await? {
            Some((asked, challenge)) if asked == Some(staff) => self.shown(party, &challenge, text).await?,
            _ => None,
        };
        let raised = match shown.filter(|(row, _)| row.staff == staff) {
            Some((row, next)) => {
                let take = move |tx: &mut storeward_store::Tx<'_>| {
                    let now = tx.now();
                    sql_own::take_count(tx, row.id, row.counter, next, now)
                };
                self.raise(session, staff, PASSKEY, take).await?
            }
            None => None,
        };
        match raised {
            Some(token) => {
                self.throttle.succeeded(&keys);
                Ok(token)
            }
            None => {
                self.tell_failure(caller.address, Some(staff), "passkey").await?;
                Err(SignInError::Refused)
            }
        }
    }

    /// What `navigator.credentials.create` brought: the passkey counts from now on.
    pub async fn add_passkey(
        &self,
        party: &Party,
        token: &str,
        text: &str,
        label: &str,
        staff: StaffId,
    ) -> Result<(), AddError> {
        let misfit = |words: &'static str| AddError::Misfit(Misfit { field: "label", words: words.into() });
        let label = label.trim();
        if label.chars().count() > 60 || label.chars().any(char::is_control) {
            return Err(misfit("Give it a name of at most 60 characters."));
        }
        let taken = self.take(token, Purpose::Add).await?.filter(|(asked, _)| *asked == Some(staff));
        let made = taken.and_then(|(_, challenge)| script::register(party, &challenge, text).ok());
        let made = made.ok_or_else(|| misfit("The passkey could not be added. Try again."))?;
        let now = self.clock.now();
        let id = PasskeyId::at(now, &*self.entropy);
        let kept = Kept::of(&made).to_bytes();
        let row = PasskeyRow {
            id,
            staff,
            label: if label.is_empty() { "Passkey".to_owned() } else { label.to_owned() },
            party: party.id.clone(),
            key_sealed: self.key.seal(&kept, &key_place(id), &*self.entropy),
            counter: i64::from(made.sign_count),
            created_at: now,
            used_at: None,
        };
        let credential = base64_url(&made.credential_id);
        let letters = self.letters.clone();
        let written = self.db.write(move |tx| {
            if sql_own::count_passkeys(tx, staff)? >= MOST {
                return Err(Error::TooManyPasskeys);
            }
            sql_own::insert_passkey(tx, &row, &credential)?;
            tx.append(Actor::Staff { id: staff }, None, StaffPasskeyAdded { staff })?;
            letters.tell(tx, staff, Told::PasskeyAdded, &[("Name", &row.label)])
        });
        match written.await {
            Err(Error::Store(storeward_store::Error::Constraint { kind: Constraint::Unique, .. })) => {
                Err(misfit("This passkey is added already."))
            }
            written => Ok(written?),
        }
    }

    /// Removes one of the member's own passkeys. The authenticator app stays: nobody is without a second factor.
    pub async fn remove_passkey(&self, staff: StaffId, id: PasskeyId) -> Result<(), Error> {
        let letters = self.letters.clone();
        let removed = self.db.write(move |tx| {
            if sql_own::delete_passkey(tx, id, staff)? {
                tx.append(Actor::Staff { id: staff }, None, StaffPasskeyRemoved { staff })?;
                letters.tell(tx, staff, Told::PasskeyRemoved, &[])?;
            } else {
                tx.commit_silent("there was no such passkey");
            }
            Ok::<_, Error>(())
        });
        removed.await
    }

    pub async fn own_passkeys(&self, staff: StaffId) -> Result<Vec<OwnPasskey>, Error> {
        let rows = self.db.read(move |reader| sql_own::passkeys(reader, staff)).await?;
        Ok(rows
            .into_iter()
            .map(|row| OwnPasskey {
                id: row.id,
                label: row.label,
                party: row.party,
                created_at: row.created_at,
                used_at: row.used_at,
            })
            .collect())
    }
}

/// What the device keeps as the account's handle: the id's bits, which say nothing about the person.
fn handle_of(staff: StaffId) -> Vec<u8> {
    staff.bits().to_be_bytes().to_vec()
}

/// Where a sealed key belongs, so that it cannot be moved to another passkey.
fn key_place(id: PasskeyId) -> String {
    format!("{id}.key")
}
