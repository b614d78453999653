//! `storeward run`: everything wired together, served, reloaded, stopped.

mod follow;
mod jobs;
mod looked;
mod signals;
mod writes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use storeward_base::{Actor, Secret, Timestamp};
use storeward_console::Console;
use storeward_detect::Detector;
use storeward_edge::access::{AccessLog, AccessOptions, Detection};
use storeward_edge::bans::{BanBook, BanOptions, Responder};
use storeward_edge::certificates::{
    CertificateConfig, CertificateStore, HttpChallenges, Keeper, KeeperParts, Source, tls,
};
use storeward_edge::rates::Rates;
use storeward_edge::senders::Senders;
use storeward_edge::server::Connections;
use storeward_edge::{Edge, Shared, Snapshot};
use storeward_events::{Event, system};
use storeward_host::{Emission, Emit, Stages, Stop, Stopper};
use storeward_inspect::Engine;
use storeward_payments::Invented;
use storeward_store::EventSink;
use storeward_store::jobs::Runner;

use crate::config::{Config, Loaded};
use crate::console::{self, ConsoleServer};
use crate::customers::{self, Customers, Serving};
use crate::data::{Lock, Refused, State};
use crate::failure::{Context, Failure, IoContext};
use crate::ledger_emit::LedgerEmit;
use crate::ledger_head::LedgerWatch;
use crate::open::{self, Opened};
use crate::telemetry::{self, Telemetry};
use crate::{Directory, Done, ca};

pub use looked::{Looked, not_looked_through};

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    at: Directory,
    /// Write a JSON file with the addresses once everything serves.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

pub fn run(options: &Options) -> Done {
    let mut running = Running::start(&options.at.dir)?;
    if let Some(path) = &options.ready_file {
        let ready = running.ready();
        crate::data::write_atomically(path, ready.to_string().as_bytes())?;
    }
    log("info", "serving", &[("shop", &running.shop_url()), ("console", &running.console_url())]);
    running.follow_ledger(|line| eprintln!("{line}"));
    running.serve_until_stopped()
}

/// One line of the program's own log: JSON on standard error, never a value from a request.
pub fn log(level: &str, message: &str, fields: &[(&str, &str)]) {
    let mut line = serde_json::Map::new();
    line.insert("at".into(), storeward_base::Clock::now(&storeward_base::SystemClock).to_string().into());
    line.insert("level".into(), level.into());
    line.insert("message".into(), message.into());
    for (key, value) in fields {
        line.insert((*key).to_owned(), (*value).into());
    }
    eprintln!("{}", serde_json::Value::Object(line));
}

/// The program at work.
pub struct Running {
    opened: Opened,
    runtime: tokio::runtime::Runtime,
    edge: Edge,
    console: ConsoleServer,
    access: AccessLog,
    emit: Arc<LedgerEmit>,
    responder: Arc<Responder>,
    bans: Arc<BanBook>,
    certificates: Arc<CertificateStore>,
    jobs: Runner,
    customers: Serving,
    shield: Option<crate::shield::Running>,
    ledger_watch: LedgerWatch,
    follower: Option<follow::Follower>,
    telemetry: Option<Telemetry>,
    stopper: Stopper,
    stop: Stop,
    state: State,
    _lock: Lock,
}

impl Running {
    /// Opens, binds and serves. Nothing is bound before everything else is sound.
    pub fn start(dir: &std::path::Path) -> Done<Self> {
        let opened = open::open(dir)?;
        let lock = opened.data.lock()?;
        let config = opened.loaded.config.clone();
        let runtime = control_runtime()?;
        let (stopper, stop) = Stopper::new();
        let sink = EventSink::start(opened.db.clone()).context("the ledger's batcher")?;
        let emit = Arc::new(LedgerEmit::start(sink, opened.db.clone(), runtime.handle()));
        let ledger_watch = LedgerWatch::start(&opened, &runtime, emit.as_ref(), &stop)?;
        let bans = open_bans(&opened, emit.clone())?;
        let (responder, access) = watch(&opened, &bans, &emit)?;
        let (challenges, certificates) = (Arc::new(HttpChallenges::default()), CertificateStore::new());
        let served = keep_certificates(&opened, &config, &certificates, &challenges, &emit, &runtime)?;
        let Customers { passwords, puzzles, own, shield, serving } =
            customers::start(&opened, &certificates)?;
        let shared = Arc::new(Shared {
            live: ArcSwap::from_pointee(Snapshot::build(&config.edge(), None).context("storeward.toml")?),
            engine: Arc::new(Engine::with_own_rules().context("the inspection rules")?),
            emit: emit.clone(),
            clock: opened.clock.clone(),
            entropy: opened.entropy.clone(),
            access: access.writer(),
            bans: bans.clone(),
            puzzles,
            challenges,
            connections: Connections::default(),
            rates: Rates::with_senders(Senders::kept_in(opened.data.path(), opened.clock.clone())),
            inspection_failures: std::sync::atomic::AtomicU64::new(0),
            ready: std::sync::atomic::AtomicBool::new(false),
            stages: Stages { own, session: serving.stage(shield.as_ref()) },
        });
        let tls = tls::server_config(certificates.clone()).context("TLS")?;
        let edge =
            Edge::start(shared, &config.listen, tls, config.edge.workers(), &stop).doing("the front door")?;
        let shield = shield.map(|s| s.start(edge.shared().clone(), &runtime, &stop)).transpose()?;
        let console = console::start(console::Parts {
            opened: &opened,
            access: access.reader(),
            bans: bans.clone(),
            shared: edge.shared().clone(),
            emit: emit.clone(),
            ledger: ledger_watch.health(),
            certificates: certificates.clone(),
            local_ca: served,
            passwords,
            serving: &serving,
            shield: shield.as_ref().map(crate::shield::Running::shield),
            runtime: &runtime,
            stop: stop.clone(),
        })?;
        let jobs = jobs::start(&opened, serving.handlers(&opened), &runtime)?;
        let telemetry = start_telemetry(&config, &access, &runtime)?;
        let state = State { config: opened.loaded.fingerprint.clone(), refused: None };
        opened.data.set_state(&state)?;
        Ok(Running {
            opened,
            runtime,
            edge,
            console,
            access,
            emit,
            responder,
            bans,
            certificates,
            jobs,
            customers: serving,
            shield,
            ledger_watch,
            follower: None,
            telemetry,
            stopper,
            stop,
            state,
            _lock: lock,
        }
        .began())
    }

    /// Everything serves, and where is known.
    fn began(self) -> Self {
        let (db, clock) = (self.opened.db.clone(), self.opened.clock.clone());
        let (told, stop) = (storeward_store::harmed::tell_as_found(db.clone()), self.stop.clone());
        self.runtime.spawn(async move {
            tokio::select! {
                () = stop.stopping() => {}
                () = told => {}
            }
        });
        self.runtime.spawn(writes::watch(db, clock, self.stop.clone(), writes::Line::write));
        let places = (self.edge.https.port(), self.console.origin());
        if let Some(payments) = &self.customers.payments {
            let (identity, clock) = (self.customers.identity.clone(), self.opened.clock.clone());
            let access = self.access.reader();
            crate::witness::begin(payments, identity, clock, &access, self.runtime.handle(), &self.stop);
            crate::payments::watch_keys(payments, self.runtime.handle(), &self.stop);
        }
        if let Some(vault) = &self.customers.vault {
            vault.follow_keys(self.ledger_watch.health(), self.runtime.handle(), &self.stop);
        }
        self.customers.began(places, self.edge.shared(), self.runtime.handle(), &self.stop);
        self.say(system::Started { version: env!("CARGO_PKG_VERSION").to_owned() });
        self
    }

    /// `https://name:port/` of the shop.
    pub fn shop_url(&self) -> String {
        let name = self.opened.loaded.config.domain.list().into_iter().next().unwrap_or_default();
        match self.edge.https.port() {
            443 => format!("https://{name}/"),
            port => format!("https://{name}:{port}/"),
        }
    }

    pub fn console_url(&self) -> String {
        format!("{}/", self.console.origin())
    }

    /// Where everything is called, for whoever waits for the start.
    fn ready(&self) -> serde_json::Value {
        let (shop, console) = (self.shop_url(), self.console_url());
        match self.console.programs() {
            Some(api) => serde_json::json!({ "shop": shop, "console": console, "api": api }),
            None => serde_json::json!({ "shop": shop, "console": console }),
        }
    }

    /// A one-time enrolment link for the first member of staff; `None` once somebody has enrolled.
    pub fn first_enrolment(&self) -> Done<Option<Secret<String>>> {
        let opened = &self.opened;
        if !Console::members_blocking(&opened.db).context("the staff")?.is_empty() {
            return Ok(None);
        }
        let path =
            console::offer_enrolment(&opened.db, &opened.data_key, opened.entropy.as_ref(), Actor::System)
                .context("the enrolment link")?;
        Ok(Some(Secret::new(format!("{}{}", self.console.origin(), path.expose()))))
    }

    /// The sample shop's customers, into the records; nothing where those are not kept.
    pub fn take_over_sample(&self, url: &str) -> Done<u64> {
        let Some(standing) = &self.customers.vault else { return Ok(0) };
        crate::vault::take_over(&self.opened, standing, url)
    }

    /// Room for an invented past of the sample shop, before anybody buys there.
    pub fn make_room_for_invented(&self) -> Done {
        let Some(payments) = &self.customers.payments else { return Ok(()) };
        self.runtime.block_on(payments.make_room_for_invented()).context("the sample shop's past")
    }

    /// Learns a scorer of an invented past, while everything serves.
    pub fn learn_of_invented(&self, invent: fn(Timestamp) -> Vec<Invented>) {
        let Some(payments) = self.customers.payments.clone() else { return };
        let stop = self.stop.clone();
        self.runtime.spawn(async move {
            let learned = tokio::select! {
                () = stop.stopping() => return,
                learned = payments.learn_of_invented(invent) => learned,
            };
            if let Err(why) = learned {
                log("error", "there is no fraud score: nothing was learned", &[("why", &why.to_string())]);
            }
        });
    }

    fn say(&self, event: impl Into<Event>) {
        let at = self.opened.clock.now();
        self.emit.emit(Emission { at, request: None, client: None, event: event.into() });
    }

    #[cfg(test)]
    pub fn db(&self) -> storeward_store::Db {
        self.opened.db.clone()
    }

    #[cfg(test)]
    pub fn checkout(&self) -> Option<storeward_checkout::Checkout> {
        self.customers.checkout.clone()
    }

    #[cfg(test)]
    pub fn runtime_handle(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    /// Hands each event that this run writes to `line`, as JSON: from the first on, until the stop has written the last.
    pub fn follow_ledger(&mut self, line: impl Fn(&str) + Send + Sync + 'static) {
        let (db, after) = (self.opened.db.clone(), self.opened.found_entries);
        self.follower = Some(follow::Follower::start(db, after, line, &self.runtime));
    }

    /// Serves until SIGINT or SIGTERM; SIGHUP reloads.
    pub fn serve_until_stopped(mut self) -> Done {
        let mut signals = signals::Signals::listen(self.runtime.handle())?;
        while signals.next(self.runtime.handle()) == signals::Signal::Reload {
            self.reload();
        }
        self.shut_down()
    }

    /// Reads the config anew. What cannot change while running is said; a faulty file changes nothing.
    fn reload(&mut self) {
        match self.try_reload() {
            Ok(loaded) => {
                self.state = State { config: loaded.fingerprint.clone(), refused: None };
                self.say(system::ConfigReloaded { fingerprint: loaded.fingerprint.clone() });
                self.opened.loaded = loaded;
            }
            Err((fingerprint, failure)) => {
                let why = failure.to_string();
                self.say(system::ConfigRefused { reason: why.clone() });
                self.state.refused = Some(Refused { config: fingerprint, why });
            }
        }
        if let Err(failure) = self.opened.data.set_state(&self.state) {
            log("error", &failure.to_string(), &[]);
        }
    }

    fn try_reload(&self) -> Result<Loaded, (String, Failure)> {
        let loaded = Config::load(self.opened.data.path()).map_err(|f| (String::new(), f))?;
        let refuse = |f: Failure| (loaded.fingerprint.clone(), f);
        loaded.config.validate().map_err(refuse)?;
        fixed_parts(&self.opened.loaded.config, &loaded.config).map_err(refuse)?;
        if self.customers.gate.is_none() && !loaded.config.gates.is_empty() {
            let words = "the first `[[gate]]` of a shop without pages of ours needs a restart";
            return Err(refuse(Failure::new(words).hint("restart it: systemctl restart storeward")));
        }
        // All that can fail comes before anything is in force.
        let prepared = self.customers.prepare(&loaded.config, &self.opened.data).map_err(refuse)?;
        let brand = crate::mail::brand(&loaded.config).map_err(refuse)?;
        let refitted =
            self.shield.as_ref().map(|shield| shield.read_anew(&loaded.config, self.opened.data.path()));
        let refitted = refitted.transpose().map_err(refuse)?.flatten();
        self.edge.reload(&loaded.config.edge()).context("storeward.toml").map_err(refuse)?;
        self.customers.reload(&loaded.config, &self.opened.data, prepared);
        self.bans.set_options(BanOptions::from(&loaded.config.bans));
        self.responder.set_mode(loaded.config.bans.mode);
        self.customers.outbox.set_brand(brand);
        if let (Some(shield), Some(adapter)) = (&self.shield, refitted) {
            shield.refit(adapter, &self.runtime);
        }
        Ok(loaded)
    }

    /// Ends in order: no new connections, requests finish, facts are written, files are closed.
    pub fn shut_down(mut self) -> Done {
        self.stopper.stop();
        self.edge.join();
        if let Some(shield) = self.shield {
            shield.finish(&self.runtime);
        }
        self.customers.finish();
        drop(self.console);
        self.runtime.block_on(self.jobs.stop(jobs::GRACE));
        self.access.flush();
        drop(self.access);
        if let Some(telemetry) = self.telemetry {
            telemetry.finish(&self.runtime);
        }
        let flushed = self.bans.save();
        drop(self.certificates);
        self.runtime.block_on(say_stopped(&self.opened, &self.emit));
        // Everything that held the batcher is gone after this: what waits in it is written before the database closes.
        let batcher = self.emit.end();
        drop(self.responder);
        drop(self.bans);
        drop(self.emit);
        self.ledger_watch.finish(&self.runtime);
        if let Some(follower) = self.follower {
            follower.finish(&self.runtime);
        }
        self.runtime.shutdown_timeout(Duration::from_secs(5));
        self.customers.close();
        self.opened.db.close();
        tell_lost(batcher.wait(LAST_WRITES));
        flushed.context("the book of bans")
    }
}

/// The batcher knows within a try or two that the database is closed.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// What waited for a database that takes no writes is gone with the program: nobody may learn that by counting.
fn tell_lost(events: u64) {
    if events > 0 {
        let why = "the database took no writes before the stop (a full disk?)";
        log("error", "events were lost", &[("count", &events.to_string()), ("reason", why)]);
    }
}

/// The last fact of a run, waited for: whatever was stated before it stands in the ledger then, too.
async fn say_stopped(opened: &Opened, emit: &LedgerEmit) {
    let event = system::Stopped { reason: "signal".to_owned() }.into();
    let at = opened.clock.now();
    let written = emit.emit_acknowledged(Emission { at, request: None, client: None, event });
    // A ledger that cannot be written has been told of already; the stop goes on.
    let _ = tokio::time::timeout(Duration::from_secs(5), written).await;
}

/// What a running program cannot change: says so instead of ignoring it.
fn fixed_parts(before: &Config, after: &Config) -> Done {
    let fixed = [
        ("domain", before.domain.list() == after.domain.list()),
        ("listen.https", before.listen.https == after.listen.https),
        ("listen.http", before.listen.http == after.listen.http),
        ("console.listen", before.console.listen == after.console.listen),
        ("database.url", before.database.url.expose() == after.database.url.expose()),
        ("edge.workers", before.edge.workers == after.edge.workers),
        ("console.names", before.console.names == after.console.names),
        ("console.metrics_token_file", before.console.metrics_token_file == after.console.metrics_token_file),
        // Debug shows every setting but the secrets; a changed secret alone needs a restart too, and says nothing.
        ("certificates", format!("{:?}", before.certificates) == format!("{:?}", after.certificates)),
        ("telemetry", telemetry::is_same(before.telemetry.as_ref(), after.telemetry.as_ref())),
        ("passwords", before.passwords == after.passwords),
        ("identity", crate::identity::is_same(before.identity.as_ref(), after.identity.as_ref())),
        ("shield", crate::shield::is_same(before.shield.as_ref(), after.shield.as_ref())),
        ("guide", crate::guide::is_same(before.guide.as_ref(), after.guide.as_ref())),
        ("oidc", before.oidc == after.oidc),
        ("vault", crate::vault::is_same(before.vault.as_ref(), after.vault.as_ref())),
        ("office", before.office == after.office),
        ("payments", crate::payments::is_same(before, after)),
        ("checkout", crate::checkout::is_same(before, after)),
        ("anchor", crate::anchor::is_same(&before.anchors, &after.anchors)),
        ("backup", before.backup == after.backup),
        ("api", before.api == after.api),
        ("mail", before.mail == after.mail),
        ("sms", before.sms == after.sms),
    ];
    match fixed.iter().find(|(_, same)| !same) {
        Some((key, _)) => Err(Failure::new(format!("`{key}` cannot change while Storeward runs"))
            .hint("restart it: systemctl restart storeward")),
        None => Ok(()),
    }
}

fn start_telemetry(
    config: &Config,
    access: &AccessLog,
    runtime: &tokio::runtime::Runtime,
) -> Done<Option<Telemetry>> {
    let start = |section| telemetry::start(section, &access.reader(), runtime);
    config.telemetry.as_ref().map(start).transpose()
}

/// For everything but the shop's requests: the console, certificates, signals.
fn control_runtime() -> Done<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).thread_name("control").enable_all().build().context("the control runtime")
}

fn open_bans(opened: &Opened, emit: Arc<LedgerEmit>) -> Done<Arc<BanBook>> {
    let options = BanOptions::from(&opened.loaded.config.bans);
    BanBook::open(opened.data.path(), options, opened.clock.clone(), emit).context("the book of bans")
}

/// What looks at all requests, and acts on what it finds.
fn watch(opened: &Opened, bans: &Arc<BanBook>, emit: &Arc<LedgerEmit>) -> Done<(Arc<Responder>, AccessLog)> {
    let responder = Responder::new(bans.clone(), emit.clone(), opened.loaded.config.bans.mode);
    let responder = Arc::new(responder);
    let access = open_access(opened, responder.clone())?;
    Ok((responder, access))
}

fn open_access(opened: &Opened, responder: Arc<Responder>) -> Done<AccessLog> {
    // Unguessable, so that nobody can choose addresses that crowd each other out of the detector's memory.
    let seed = u64::from_le_bytes(opened.entropy.bytes::<8>());
    let limits = storeward_detect::Limits { seed, ..storeward_detect::Limits::default() };
    let detection = Detection {
        detector: Detector::new(storeward_detect::first_scenarios(), limits),
        on_finding: Box::new(move |finding| {
            responder.respond(finding);
        }),
    };
    AccessLog::open(&AccessOptions::new(opened.data.path()), opened.clock.clone(), Some(detection))
        .context("the access record")
}

/// Starts the keepers of the shop's and the console's certificates; returns the console's store. Both come from the
/// same development CA where the shop's is one of those, so that a browser has to trust one root only.
fn keep_certificates(
    opened: &Opened,
    config: &Config,
    shop_store: &Arc<CertificateStore>,
    challenges: &Arc<HttpChallenges>,
    emit: &Arc<LedgerEmit>,
    runtime: &tokio::runtime::Runtime,
) -> Done<Arc<CertificateStore>> {
    let keep =
        |config: CertificateConfig, directory: &str, store: &Arc<CertificateStore>, what: &str| -> Done {
            let (emit, clock) = (emit.clone(), opened.clock.clone());
            let parts = KeeperParts {
                config,
                directory: opened.data.join(directory),
                store: store.clone(),
                challenges: challenges.clone(),
                clock: opened.clock.clone(),
                entropy: opened.entropy.clone(),
                facts: Arc::new(move |event| {
                    emit.emit(Emission { at: clock.now(), request: None, client: None, event });
                }),
            };
            runtime.spawn(Keeper::open(parts).context(what)?.run());
            Ok(())
        };
    let shop = config.certificates()?;
    let local = CertificateConfig { names: ca::names(config)?, source: Source::Local };
    if matches!(shop.source, Source::Local) {
        keep(local, ca::DIRECTORY, shop_store, "the shop's certificate")?;
        return Ok(shop_store.clone());
    }
    keep(shop, "certificates", shop_store, "the shop's certificate")?;
    let console_store = CertificateStore::new();
    keep(local, ca::DIRECTORY, &console_store, "the console's certificate")?;
    Ok(console_store)
}
