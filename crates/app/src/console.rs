//! The staff console on its own listener: what it is told, and how it is served.

use std::sync::Arc;

use storeward_base::{Actor, Entropy, Secret};
use storeward_console::{
    CertificateStatus, Console, ConsoleParts, MetricsText, SystemStatus, UpstreamStatus,
};
use storeward_edge::access::AccessReader;
use storeward_edge::bans::BanBook;
use storeward_edge::certificates::{CertificateStore, tls};
use storeward_edge::{Shared, listener, private};
use storeward_host::Stop;
use storeward_identity::Identity;
use storeward_inspect::Mode;
use storeward_seal::DataKey;
use storeward_store::Db;

use crate::Done;
use crate::config::Config;
use crate::customers::Serving;
use crate::failure::{Context, Failure, IoContext};
use crate::ledger_emit::LedgerEmit;
use crate::ledger_head::LedgerHealth;
use crate::open::Opened;
use crate::passwords::Passwords;

/// What the console is made of.
pub struct Parts<'a> {
    pub opened: &'a Opened,
    pub access: AccessReader,
    pub bans: Arc<BanBook>,
    pub shared: Arc<Shared>,
    pub emit: Arc<LedgerEmit>,
    pub ledger: LedgerHealth,
    /// The shop's certificates, for the status.
    pub certificates: Arc<CertificateStore>,
    /// The console's own.
    pub local_ca: Arc<CertificateStore>,
    pub passwords: Passwords,
    pub shield: Option<storeward_identity::Shield>,
    /// What customers get, as far as staff have to do with it.
    pub serving: &'a Serving,
    pub runtime: &'a tokio::runtime::Runtime,
    pub stop: Stop,
}

/// The console's listener at work.
pub struct ConsoleServer {
    origin: String,
    /// Where programs call the REST interface, which is served beside it.
    programs: Option<String>,
}

impl ConsoleServer {
    /// `https://name:port`, without a slash at the end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn programs(&self) -> Option<&str> {
        self.programs.as_deref()
    }
}

/// Names under which the console is opened: this machine's own and those of the config.
pub fn names(config: &Config) -> Vec<String> {
    let mut names = config.console.names.clone();
    names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let ip = config.console.listen.ip();
    if !ip.is_unspecified() && !ip.is_loopback() {
        names.push(ip.to_string());
    }
    names
}

/// Where staff open the console.
pub fn origin(config: &Config) -> String {
    origin_at(config, config.console.listen.port())
}

fn origin_at(config: &Config, port: u16) -> String {
    let name = config.console.names.first().map_or("localhost", String::as_str);
    format!("https://{name}:{port}")
}

/// A one-time enrolment link's path.
pub fn offer_enrolment(
    db: &Db,
    key: &DataKey,
    entropy: &dyn Entropy,
    actor: Actor,
) -> Result<Secret<String>, storeward_console::Error> {
    Console::offer_enrolment_blocking(db, key, entropy, actor).map(|offer| offer.path)
}

pub fn start(parts: Parts<'_>) -> Done<ConsoleServer> {
    let config = parts.opened.loaded.config.clone();
    let listener = listener::bind(config.console.listen).doing("the console")?;
    let port = listener.local_addr().context("the console")?.port();
    let tls = tls::server_config(parts.local_ca.clone()).context("the console's TLS")?;
    let stop = parts.stop.clone();
    let runtime = parts.runtime;
    let programs = crate::api::start(parts.opened, parts.serving, parts.local_ca.clone(), runtime, &stop)?;
    let service = Console::service(console_parts(parts, &config, port)?)
        .map_err(|e| Failure::new(format!("console.names: {e}")))?;
    runtime.spawn(async move {
        let service = hyper_util::service::TowerToHyperService::new(service);
        if let Err(error) = private::serve(listener, tls, service, stop).await {
            crate::run::log("error", "the console ended", &[("reason", &error.to_string())]);
        }
    });
    Ok(ConsoleServer { origin: origin_at(&config, port), programs })
}

fn console_parts(parts: Parts<'_>, config: &Config, port: u16) -> Done<ConsoleParts> {
    let Parts { serving, opened, access, bans, shared, emit, ledger, certificates, passwords, .. } = parts;
    let (shield, stop) = (parts.shield, parts.stop);
    let metrics_token = metrics_token(config)?;
    let started_at = opened.clock.now();
    let never_block: Vec<String> = config.bans.never_block.entries().collect();
    let status = {
        let (shared, certificates, emit) = (shared.clone(), certificates.clone(), emit.clone());
        let (db, ledger, backup) = (opened.db.clone(), ledger.clone(), opened.backup.clone());
        let (anchors, watch) = (serving.anchors.clone(), serving.watch.clone());
        let checkout = serving.checkout.clone();
        let (folder, clock) = (opened.data.path().to_owned(), opened.clock.clone());
        Arc::new(move || {
            let mut status = status_of(&shared, &certificates);
            status.started_at = started_at;
            status.never_block.clone_from(&never_block);
            status.events_dropped = emit.dropped();
            status.concerns = crate::office::concerns(watch.as_ref())
                .into_iter()
                .chain(crate::anchor::concerns(anchors.as_ref()))
                .chain(crate::checkout::concerns(checkout.as_ref()))
                .chain(crate::run::not_looked_through(&folder, clock.now()))
                .collect();
            status.shield_problem = shield.as_ref().and_then(crate::shield::problem);
            status.backup_problem = backup.problem();
            status.writes_problem = db.stuck().map(|why| why.what());
            status.ledger_problem = ledger.problem().or_else(|| db.broken().map(|why| why.to_string()));
            status
        })
    };
    let readiness = {
        let (shared, certificates) = (shared.clone(), certificates);
        Arc::new(move || not_ready(&shared, &certificates))
    };
    Ok(ConsoleParts {
        db: opened.db.clone(),
        access,
        bans,
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        data_key: opened.data_key.clone(),
        revoked_keys: opened.data.join(crate::api::REVOKED),
        outbox: Some(serving.outbox.clone()),
        customers: serving.identity.as_ref().map(Identity::customers),
        port,
        entrance: serving.gate.as_ref().map(|standing| standing.entrance.clone()),
        vault: serving.vault.as_ref().map(|standing| standing.vault.clone()),
        backups: crate::backup::desk(opened)?,
        payments: serving.payments.clone(),
        checkout: serving.checkout.clone(),
        registry: config.oidc.is_some().then(|| crate::oidc::registry(opened)),
        teach: serving.teach.as_ref().map(|standing| standing.teach.clone()),
        status,
        readiness,
        more_metrics: {
            let (passwords, db, anchors) = (passwords.clone(), opened.db.clone(), serving.anchors.clone());
            Arc::new(move |text: &mut MetricsText| {
                database_metrics(&ledger, &db, text);
                edge_metrics(&shared, text);
                crate::anchor::metrics(anchors.as_ref(), text);
                crate::passwords::metrics(&passwords.pool.stats(), &passwords.breaches, text);
            })
        },
        passwords: passwords.pool,
        guide: serving.guide.as_ref().map(|guidance| guidance.guide.desk()),
        breaches: passwords.breaches,
        metrics_token,
        names: names(config),
        scheme: "https",
        stop,
    })
}

/// What other machines have to show for `/metrics`.
fn metrics_token(config: &Config) -> Done<Option<Secret<String>>> {
    let Some(path) = &config.console.metrics_token_file else { return Ok(None) };
    let token = std::fs::read_to_string(path).context(path.display())?;
    Ok(Some(Secret::new(token.trim().to_owned())))
}

fn status_of(shared: &Shared, certificates: &CertificateStore) -> SystemStatus {
    let live = shared.live.load();
    SystemStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        shop_names: live.names.clone(),
        certificates: certificates
            .status()
            .into_iter()
            .map(|c| CertificateStatus {
                names: c.names,
                source: c.source.to_owned(),
                not_after: c.not_after,
                problem: c.last_error,
            })
            .collect(),
        upstreams: live
            .balancer
            .servers()
            .iter()
            .map(|s| UpstreamStatus {
                name: s.name.to_string(),
                address: s.name.to_string(),
                answers: Some(s.health.is_up()),
                since: None,
                reason: None,
            })
            .collect(),
        detects_only: live.routes.all().iter().any(|r| r.policy.mode != Mode::Block),
        inspection_failures: shared.inspection_failures.load(std::sync::atomic::Ordering::Relaxed),
        ..SystemStatus::default()
    }
}

/// Why nothing should be sent here yet.
fn not_ready(shared: &Shared, certificates: &CertificateStore) -> Vec<String> {
    let live = shared.live.load();
    let mut reasons = Vec::new();
    if !live.balancer.servers().iter().any(|s| s.health.is_proven()) {
        reasons.push("no server of the shop answers".to_owned());
    }
    if certificates.status().iter().any(|c| c.placeholder) {
        reasons.push("no certificate yet: a self-signed one stands in".to_owned());
    }
    reasons
}

fn database_metrics(ledger: &LedgerHealth, db: &Db, text: &mut MetricsText) {
    let holds = u8::from(ledger.problem().is_none() && db.broken().is_none());
    let what = "Whether the ledger is whole, as far as known.";
    text.single("storeward_ledger_holds", "gauge", what, holds);
    let what = "Whether the last write into the database succeeded.";
    text.single("storeward_writes_succeed", "gauge", what, u8::from(db.stuck().is_none()));
}

fn edge_metrics(shared: &Shared, text: &mut MetricsText) {
    let open = u64::try_from(shared.connections.open()).unwrap_or(u64::MAX);
    text.single("storeward_connections_open", "gauge", "Client connections open now.", open);
}
