//! What can be done with an account: each verb in a file of its own, and what they share.

mod back_office;
pub mod buyer;
mod change_address;
mod change_password;
pub mod close;
pub mod current;
pub(crate) mod devices;
pub mod ended;
mod enrol;
mod flows;
mod grant;
mod guesses;
mod heat;
pub mod import;
mod keep_password;
mod letters;
mod mailed;
pub mod means;
mod meter;
mod new_factor;
mod nobody;
mod not_me;
mod passkeys;
mod password_link;
pub mod person;
mod prove;
mod recover;
mod remove;
mod risk;
pub mod sessions;
pub mod shield;
mod shop_name;
pub(crate) mod shop_password;
mod sign_in;
mod sign_up;
mod sms;
pub mod standing;
mod step_up;
mod told;
pub(crate) mod wait;

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use storeward_base::{ClientIp, Clock, CustomerId, Entropy, Language, Timestamp};
use storeward_detect::sign_in::Networks;
use storeward_passwords::Pool;
use storeward_passwords::breach::Breaches;
use storeward_puzzle::Puzzles;
use storeward_seal::webauthn::Party;
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::{Db, Reader, Tx};

pub use back_office::{BackOffice, FirstFactor};
pub use enrol::{EnrolFault, NewSeed};
pub(crate) use flows::Means;
pub use flows::{Need, Offer, Step};
pub use grant::{Granted, Trust};
pub(crate) use heat::Way;
pub use mailed::{Mailed, Sent};
pub use meter::Whose;
pub use not_me::Contained;
pub use passkeys::PasskeyAnswer;
pub use password_link::CROWDED_SECONDS;
pub use prove::{Given, ProveFault};
pub use recover::{NewPasswordFault, RecoveryForm};
pub use shop_name::NameProof;
pub use sign_in::{SignInFault, SignInForm};
pub use sign_up::{SignUpFault, SignUpForm};
pub use step_up::{StepUpFault, StepUpWays};
pub use wait::{Stops, WaitFault};

use crate::companion::{Companion, MakesTab};
use crate::config::Policy;
use crate::error::Error;
use crate::letter::Post;
use crate::marks::{Field, Marks, Vaulted};
use crate::model::{Account, ActivityId, Email};
use crate::pace::{HoldBack, Quanta};
use crate::passwords::Passwords;
use crate::place::Place;
use crate::sql;
use crate::throttle::{MOST_KEYS, Throttle};

/// What the app hands over.
pub struct IdentityParts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Seals whatever names a person.
    pub data_key: DataKey,
    /// Makes the marks that rows are found by.
    pub pseudonym_key: PseudonymKey,
    pub post: Arc<dyn Post>,
    /// Hashes and checks passwords; the program has one for everybody.
    pub passwords: Pool,
    /// Passwords that nobody may choose, as far as the operator has a list or a service that knows them.
    pub breaches: Breaches,
    /// Asked of clients while many guess; the front door has the same.
    pub puzzles: Arc<Puzzles>,
    /// What the owner's files know of addresses; empty without.
    pub networks: Networks,
    pub policy: Policy,
    /// The names the shop answers to; the first is what passkeys and links are made for.
    pub shop_names: Vec<String>,
    /// The port in the shop's public address; 443 is not written.
    pub port: u16,
    /// Answers to sign-in, sign-up and recovery leave at whole multiples of this, so that their time tells little of
    /// what was found. Zero in tests that do not measure.
    pub quantum: Duration,
}

/// Customers' accounts. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Identity(pub(crate) Arc<Shared>);

/// What holds answers back.
struct Holds(Arc<dyn HoldBack>);

pub(crate) struct Shared {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub vault: Vaulted,
    pub marks: Marks,
    pub post: Arc<dyn Post>,
    pub policy: ArcSwap<Policy>,
    pub shop_names: Vec<String>,
    pub port: AtomicU16,
    pub passwords: Passwords,
    pub nobody: nobody::Nobody,
    pub puzzles: Arc<Puzzles>,
    pub networks: ArcSwap<Networks>,
    pub throttle: Throttle,
    pub risk: risk::Risk,
    holds: ArcSwap<Holds>,
    /// Whether staff of the shop are let into its back office by somebody.
    pub asks_approval: AtomicBool,
    pub companion: OnceLock<Arc<dyn Companion>>,
    /// Where the shop's own password is changed, where the shield stands before its sign-in.
    pub shop_password: RwLock<Option<String>>,
    /// Where people sign in at the shop itself; `None` without the shield.
    pub shop_sign_in: RwLock<Option<String>>,
    pub tabs: RwLock<Vec<MakesTab>>,
    /// Takes away what other domains keep of an account that is closed.
    pub leaving: RwLock<Vec<Arc<close::Leaving>>>,
}

impl Identity {
    pub fn new(parts: IdentityParts) -> Self {
        Identity(Arc::new(Shared {
            db: parts.db,
            clock: parts.clock,
            entropy: parts.entropy,
            vault: Vaulted(parts.data_key),
            marks: Marks::new(&parts.pseudonym_key),
            post: parts.post,
            policy: ArcSwap::from_pointee(parts.policy),
            port: AtomicU16::new(parts.port),
            passwords: Passwords::new(parts.passwords, parts.breaches, parts.shop_names.clone()),
            nobody: nobody::Nobody::default(),
            shop_names: parts.shop_names,
            puzzles: parts.puzzles,
            networks: ArcSwap::from_pointee(parts.networks),
            throttle: Throttle::new(MOST_KEYS),
            risk: risk::Risk::new(parts.pseudonym_key),
            asks_approval: AtomicBool::new(false),
            holds: ArcSwap::from_pointee(Holds(Arc::new(Quanta(parts.quantum)))),
            companion: OnceLock::new(),
            shop_password: RwLock::default(),
            shop_sign_in: RwLock::default(),
            tabs: RwLock::default(),
            leaving: RwLock::default(),
        }))
    }

    /// From now on this holds answers back, in the place of the quantum.
    pub fn hold_back_by(&self, holds: Arc<dyn HoldBack>) {
        self.0.holds.store(Arc::new(Holds(holds)));
    }

    /// The port that the shop is served at, where the system chose it.
    pub fn set_port(&self, port: u16) {
        self.0.port.store(port, Ordering::Relaxed);
    }

    /// Takes changed files of networks.
    pub fn set_networks(&self, networks: Networks) {
        self.0.networks.store(Arc::new(networks));
    }

    /// Where the shop's first page is, seen from the pages.
    pub fn home(&self) -> String {
        self.0.home()
    }

    /// Takes a changed policy; requests under way keep the one they began with.
    pub fn set_policy(&self, policy: Policy) {
        self.0.policy.store(Arc::new(policy));
    }
}

impl Shared {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// What the shop is called.
    pub fn shop_name(&self) -> String {
        let named = self.policy().shop_name.clone();
        named.or_else(|| self.shop_names.first().cloned()).unwrap_or_default()
    }

    /// The address that links in letters begin with.
    pub fn origin(&self) -> String {
        let policy = self.policy();
        let host = policy.host.clone().or_else(|| self.shop_names.first().cloned()).unwrap_or_default();
        self.origin_of(&host)
    }

    /// The shop's names, and the host of our own pages where there is one, as addresses, each once: the host is among the names
    /// where the program has its certificate.
    pub fn origins(&self) -> Vec<String> {
        let policy = self.policy();
        let own = policy.host.as_ref().filter(|host| !self.shop_names.contains(host));
        self.shop_names.iter().chain(own).map(|host| self.origin_of(host)).collect()
    }

    /// Where the shop's front page is: on a host of our own it is another site's.
    pub fn home(&self) -> String {
        match (&self.policy().host, self.shop_names.first()) {
            (Some(_), Some(shop)) => format!("{}/", self.origin_of(shop)),
            _ => "/".to_owned(),
        }
    }

    fn origin_of(&self, host: &str) -> String {
        match self.port.load(Ordering::Relaxed) {
            443 => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        }
    }

    /// Whom passkeys are for: bound to one name, good on every host whose name is that or ends in it.
    pub fn party(&self) -> Party {
        let policy = self.policy();
        let first = self.shop_names.first().cloned().unwrap_or_default();
        let id = policy.rp_id.clone().unwrap_or(first);
        let hosts = self.shop_names.iter().chain(policy.host.as_ref());
        let own = hosts.filter(|host| **host == id || host.ends_with(&format!(".{id}")));
        Party { origins: own.map(|host| self.origin_of(host)).collect(), id }
    }

    pub fn seal_label(&self, label: &str, row: &str) -> Vec<u8> {
        self.vault.seal(label.as_bytes(), row, Field::Label, &*self.entropy)
    }

    /// The actor of what somebody does who has not proved who they are.
    pub fn stranger(&self, client: ClientIp) -> storeward_base::Actor {
        storeward_base::Actor::Client { client: self.db.client_ref(client) }
    }

    pub async fn account(&self, id: CustomerId) -> Result<Option<Account>, Error> {
        let found = self.db.read(move |reader| sql::account::by_id(reader, id)).await?;
        found.map(|sealed| self.open_account(sealed)).transpose()
    }

    pub fn open_account(&self, sealed: sql::account::Sealed) -> Result<Account, Error> {
        let row = sealed.id.to_string();
        let open = |bytes: Option<Vec<u8>>, field| {
            bytes.map(|bytes| self.vault.open_text(&bytes, &row, field)).transpose()
        };
        let email = open(sealed.email_sealed, Field::Email)?;
        Ok(Account {
            id: sealed.id,
            email: email.and_then(|text| Email::parse(&text).ok()),
            name: open(sealed.name_sealed, Field::Name)?,
            language: sealed.language,
            password_hash: sealed.password_hash,
            password_set_at: sealed.password_set_at,
            password_disabled_at: sealed.password_disabled_at,
            must_change_at: sealed.must_change_at,
            step_up_forced_at: sealed.step_up_forced_at,
            created_at: sealed.created_at,
            locked_at: sealed.locked_at,
        })
    }

    pub async fn account_by_email(&self, email: &Email) -> Result<Option<Account>, Error> {
        let mark = self.marks.email(email);
        let found = self.db.read(move |reader: &mut Reader<'_>| -> Result<_, Error> {
            match sql::account::id_by_email(reader, &mark)? {
                Some(id) => Ok(sql::account::by_id(reader, id)?),
                None => Ok(None),
            }
        });
        found.await?.map(|sealed| self.open_account(sealed)).transpose()
    }

    /// The same, or else an account for which the shop told the address, which nobody has confirmed: good for a letter to
    /// that address and for staff, never for a sign-in.
    pub async fn account_by_any_email(&self, email: &Email) -> Result<Option<Account>, Error> {
        if let Some(own) = self.account_by_email(email).await? {
            return Ok(Some(own));
        }
        let mark = self.marks.email(email);
        let found = self.db.read(move |reader: &mut Reader<'_>| -> Result<_, Error> {
            match sql::account::id_by_shop_email(reader, &mark)? {
                Some(id) => Ok(sql::account::by_id(reader, id)?),
                None => Ok(None),
            }
        });
        found.await?.map(|sealed| self.open_account(sealed)).transpose()
    }

    /// Where a visit comes from.
    pub fn place(&self, client: ClientIp) -> Place {
        Place::of(&self.networks.load(), client)
    }

    /// The same for what somebody did in a browser: with it, and where it was.
    pub fn activity_of(&self, what: &'static str, visit: &crate::visit::Visit) -> sql::activity::ActivityRow {
        self.activity(what, &self.place(visit.client).behind(&visit.label))
    }

    /// A line for the person's own list, to be written in the transaction of what it tells.
    pub fn activity(&self, what: &'static str, label: &str) -> sql::activity::ActivityRow {
        let id = ActivityId::at(self.now(), &*self.entropy);
        sql::activity::ActivityRow {
            id,
            at: self.now(),
            what: what.to_owned(),
            label_sealed: self.seal_label(label, &id.to_string()),
        }
    }

    /// The language to write to somebody in.
    pub fn language(&self, wanted: Option<Language>) -> Language {
        self.policy().language(wanted)
    }

    /// Holds the answer to what began then back: see [`HoldBack`].
    pub async fn settle(&self, begun: tokio::time::Instant) {
        self.holds.load().0.hold(begun).await;
    }
}

/// Activity is shown, and kept, for so long.
pub(crate) const ACTIVITY_KEPT: Duration = Duration::from_secs(180 * 86_400);

/// Goes on where the account is still as open as it was when somebody decided by that: see [`sql::account::is_as_open`].
fn still_open(tx: &mut Tx<'_>, customer: CustomerId, known: &crate::model::Doors) -> Result<(), Error> {
    if sql::account::is_as_open(tx, customer, known)? { Ok(()) } else { Err(Error::Overtaken) }
}

/// Writes a line of activity and forgets the old ones.
pub(crate) fn note_activity(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    row: &sql::activity::ActivityRow,
) -> Result<(), storeward_store::Error> {
    sql::activity::forget(tx, customer, row.at.minus(ACTIVITY_KEPT))?;
    sql::activity::insert(tx, customer, row)
}
