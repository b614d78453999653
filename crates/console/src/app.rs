//! The console put together: what it needs, its routes, its service.

use std::sync::Arc;

use storeward_api::{Keys, KeysParts};
use storeward_backup::desk::Desk as Backups;
use storeward_base::{Actor, Clock, Entropy, Secret, StaffId};
use storeward_checkout::desk::Checkout;
use storeward_edge::access::AccessReader;
use storeward_edge::bans::BanBook;
use storeward_guide::staff::Desk;
use storeward_host::Stop;
use storeward_identity::staff::Customers;
use storeward_identity::teach::Teach;
use storeward_oidc::registry::Registry;
use storeward_passwords::breach::Breaches;
use storeward_passwords::{Gauge, Pool};
use storeward_payments::desk::Payments;
use storeward_post::Outbox;
use storeward_seal::DataKey;
use storeward_store::{Db, Reader};
use storeward_vault::desk::Vault;
use storeward_web::axum::Router;
use storeward_web::{Failure, HostNames, HostNamesError, Routes, Site};

use crate::accounts::{self, Accounts, Change, Changed, Letters, Member, Offer, Passwords};
use crate::entrance::Entrance;
use crate::error::Error;
use crate::gate::StaffGate;
use crate::metrics::MetricsText;
use crate::pages;
use crate::party::Parties;
use crate::status::{ReadinessSource, StatusSource, SystemStatus};

/// What the app hands over.
pub struct ConsoleParts {
    pub db: Db,
    pub access: AccessReader,
    pub bans: Arc<BanBook>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Seals the secrets of one-time codes.
    pub data_key: DataKey,
    /// The file of the programs' keys that were revoked.
    pub revoked_keys: std::path::PathBuf,
    /// Hashes and checks passwords; the program has one for everybody.
    pub passwords: Pool,
    /// Passwords that nobody may choose, as far as the operator has a list or a service that knows them.
    pub breaches: Breaches,
    /// By which members are written to about their own access; nobody is where it has no way to send mail.
    pub outbox: Option<Outbox>,
    /// Customers' accounts, where there are some.
    pub customers: Option<Customers>,
    /// The port that the console is opened at; passkeys are good there and at 443.
    pub port: u16,
    /// Guidance of customers; `None` where the shop has no accounts.
    pub guide: Option<Desk>,
    /// The gates on the shop's host; none where there are none.
    pub entrance: Option<Entrance>,
    /// Who lets customers sign in here; none where the provider is off.
    pub registry: Option<Registry>,
    /// Customers' records; none where they are not kept.
    pub vault: Option<Vault>,
    /// How backups stand; none where none are made.
    pub backups: Option<Backups>,
    /// Payments; none where none are taken.
    pub payments: Option<Payments>,
    /// The guard of paying pages; none without one.
    pub checkout: Option<Checkout>,
    /// Looks on at a sign-in at the shop; `None` where customers have no accounts.
    pub teach: Option<Teach>,
    pub status: StatusSource,
    pub readiness: ReadinessSource,
    /// Adds the app's own figures to `/metrics`. Must not block.
    pub more_metrics: Arc<dyn Fn(&mut MetricsText) + Send + Sync>,
    /// With it, `/metrics` answers others than loopback.
    pub metrics_token: Option<Secret<String>>,
    /// Host names and addresses the console is opened by, without scheme; ports are ignored.
    pub names: Vec<String>,
    /// `https`; `http` only for a preview on one's own machine.
    pub scheme: &'static str,
    pub stop: Stop,
}

/// The staff console.
pub struct Console;

/// What every handler shares.
pub(crate) type App = Arc<Shared>;

pub(crate) struct Shared {
    pub accounts: Arc<Accounts>,
    pub customers: Option<Customers>,
    pub parties: Parties,
    pub db: Db,
    pub access: AccessReader,
    pub bans: Arc<BanBook>,
    pub clock: Arc<dyn Clock>,
    pub guide: Option<Desk>,
    pub registry: Option<Registry>,
    pub vault: Option<Vault>,
    pub backups: Option<Backups>,
    pub payments: Option<Payments>,
    pub checkout: Option<Checkout>,
    /// Of the REST interface.
    pub keys: Keys,
    pub entrance: Option<Entrance>,
    pub teach: Option<Teach>,
    pub status: StatusSource,
    pub readiness: ReadinessSource,
    pub more_metrics: Arc<dyn Fn(&mut MetricsText) + Send + Sync>,
    pub stop: Stop,
}

impl Console {
    /// The service for the console's own listener. The listener must put the client's address into each request's
    /// extensions, as a [`storeward_base::ClientIp`] or as axum's `ConnectInfo<SocketAddr>`; without one, attempts to
    /// sign in share one budget and `/metrics` needs its token.
    pub fn service(parts: ConsoleParts) -> Result<Router, HostNamesError> {
        let mut site = Site::new(HostNames::parse(&parts.names)?, "/", Arc::clone(&parts.entropy));
        site.scheme = parts.scheme;
        let (routes, shared) = Self::build(parts);
        Ok(routes.finish(shared, site))
    }

    /// Every route with its rule, one per line.
    pub fn access_table(parts: ConsoleParts) -> String {
        let (routes, _) = Self::build(parts);
        let rows: Vec<String> = routes.rows().iter().map(ToString::to_string).collect();
        rows.join("\n")
    }

    fn build(parts: ConsoleParts) -> (Routes<App, StaffGate>, App) {
        let status = Arc::clone(&parts.status);
        let keys = Keys::new(KeysParts {
            db: parts.db.clone(),
            clock: Arc::clone(&parts.clock),
            entropy: Arc::clone(&parts.entropy),
            data_key: parts.data_key.clone(),
            gone: parts.revoked_keys,
            may_make: Arc::new(is_owner),
        });
        let accounts = Arc::new(Accounts::new(
            parts.db.clone(),
            Arc::clone(&parts.clock),
            parts.entropy,
            parts.data_key,
            Arc::new(move || status().shop_names),
            Passwords { pool: parts.passwords, breaches: parts.breaches, gauge: Gauge::default() },
            Letters::new(parts.outbox),
        ));
        let gate = StaffGate {
            accounts: Arc::clone(&accounts),
            bans: Arc::clone(&parts.bans),
            metrics_token: parts.metrics_token,
        };
        let shared = Arc::new(Shared {
            accounts,
            customers: parts.customers,
            parties: Parties { scheme: parts.scheme, port: parts.port },
            db: parts.db,
            access: parts.access,
            bans: parts.bans,
            clock: parts.clock,
            guide: parts.guide,
            registry: parts.registry,
            vault: parts.vault,
            backups: parts.backups,
            payments: parts.payments,
            checkout: parts.checkout,
            keys,
            entrance: parts.entrance,
            teach: parts.teach,
            status: parts.status,
            readiness: parts.readiness,
            more_metrics: parts.more_metrics,
            stop: parts.stop,
        });
        (pages::routes(Routes::new(gate)), shared)
    }

    /// Makes a one-time link with which one person may enrol within 24 hours.
    pub async fn offer_enrolment(
        db: &Db,
        key: &DataKey,
        entropy: &dyn Entropy,
        actor: Actor,
    ) -> Result<Offer, Error> {
        accounts::offer(db, key, entropy, actor).await
    }

    /// [`Console::offer_enrolment`] for the command line; panics inside of a runtime.
    pub fn offer_enrolment_blocking(
        db: &Db,
        key: &DataKey,
        entropy: &dyn Entropy,
        actor: Actor,
    ) -> Result<Offer, Error> {
        accounts::offer_blocking(db, key, entropy, actor)
    }

    /// All members of staff, by name. For the command line; panics inside of a runtime, as do the two below.
    pub fn members_blocking(db: &Db) -> Result<Vec<Member>, Error> {
        accounts::members_blocking(db)
    }

    /// Takes a member's password and second factor away, ends their sessions and links, and makes a new link. `who` is an
    /// id or an e-mail address.
    pub fn reset_member_blocking(
        db: &Db,
        key: &DataKey,
        entropy: &dyn Entropy,
        actor: Actor,
        who: &str,
    ) -> Result<Offer, Error> {
        accounts::reset_blocking(db, key, entropy, actor, who)
    }

    /// Locks, unlocks, signs out or groups a member. `who` is an id or an e-mail address.
    pub fn change_member_blocking(
        db: &Db,
        actor: Actor,
        who: &str,
        change: &Change,
    ) -> Result<Changed, Error> {
        accounts::change_blocking(db, actor, who, change)
    }

    /// Binds accounts and passkeys of a version that bound none ([`accounts::bind_old_blocking`]); how many.
    pub fn bind_old_blocking(db: &Db) -> Result<u64, storeward_store::Error> {
        accounts::bind_old_blocking(db)
    }

    /// Whether there are members of staff and none has a tag ([`accounts::are_old`]).
    pub fn are_old(reader: &mut Reader<'_>) -> Result<bool, storeward_store::Error> {
        accounts::are_old(reader)
    }

    /// Rows by which staff are let in that are not as Storeward wrote them ([`accounts::harmed`]).
    pub async fn harmed(db: &Db) -> Result<Vec<storeward_events::system::RowHarmed>, storeward_store::Error> {
        accounts::harmed(db).await
    }

    /// Deletes a member with everything that is theirs; the ledger stays.
    pub fn remove_member_blocking(db: &Db, actor: Actor, who: &str) -> Result<StaffId, Error> {
        accounts::remove_blocking(db, actor, who)
    }
}

impl Shared {
    pub fn status(&self) -> SystemStatus {
        (self.status)()
    }

    /// Asks the access log on a thread that may read files.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&AccessReader) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let access = self.access.clone();
        let answer = tokio::task::spawn_blocking(move || question(&access)).await;
        answer.map_err(|_| Failure::broken("console.thread"))
    }

    /// Waits until what staff did to the bans is on disk: what they were told holds also when the power fails now.
    pub async fn keep_bans(&self) -> Result<(), Failure> {
        let bans = Arc::clone(&self.bans);
        match tokio::task::spawn_blocking(move || bans.save()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Failure::broken("bans.file")),
            Err(_) => Err(Failure::broken("console.thread")),
        }
    }
}

/// Whether somebody owns the shop, at this moment.
pub fn is_owner(reader: &mut Reader<'_>, staff: StaffId) -> Result<bool, storeward_store::Error> {
    Ok(accounts::roles_of(reader, staff)?.iter().any(|role| role == storeward_policy::Role::Owner.name()))
}
