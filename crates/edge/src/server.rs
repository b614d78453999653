//! What all cores share, what each has for itself, and how the whole starts, changes and stops.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use memchr::memrchr;
use storeward_base::{AddressBlock, AddressList, Clock, Entropy, RequestId, Timestamp};
use storeward_events::edge::{UpstreamDown, UpstreamUp};
use storeward_host::{Emission, Emit, Stages, Stop};
use storeward_inspect::{Engine, Known};
use storeward_puzzle::Puzzles;

use crate::access::AccessWriter;
use crate::bans::BanBook;
use crate::certificates::HttpChallenges;
use crate::coding::Compressors;
use crate::config::{
    ConfigError, HeadersSection, InspectSection, LimitsSection, Listen, Look, RouteEntry, ServerEntry,
    UpstreamSection,
};
use crate::guard::{FrameLimits, Spare, Timeouts};
use crate::rates::{Rate, Rates};
use crate::routes::{Route, Routes};
use crate::serve::carried::Carrier;
use crate::upstream::health::Change;
use crate::upstream::{Balancer, IdlePool, Server};

/// The sections of the config that the front door reads.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// The shop's host names; the first is the canonical one.
    pub names: Vec<String>,
    pub listen: Listen,
    pub upstream: UpstreamSection,
    pub limits: LimitsSection,
    pub inspect: InspectSection,
    pub headers: HeadersSection,
    pub routes: Vec<RouteEntry>,
    pub look: Look,
}

/// The config in force, checked and compiled; swapped whole on a reload.
#[derive(Debug)]
pub struct Snapshot {
    pub names: Vec<String>,
    labels: Vec<Arc<str>>,
    pub routes: Routes,
    pub balancer: Balancer,
    pub look: Look,
    pub limits: LimitsSection,
    /// What a client may ask on routes that say nothing else.
    pub rate: Option<Rate>,
    pub timeouts: Timeouts,
    pub frames: FrameLimits,
    pub trusted_proxies: AddressList,
    pub proxy_protocol_from: AddressList,
    pub connect_timeout: Duration,
    pub response_timeout: Duration,
    stall_seconds: u64,
    pub health_path: String,
    pub health_interval: Duration,
    /// How long a stop waits for requests under way.
    pub stop_deadline: Duration,
    public_port: u16,
}

impl Snapshot {
    /// Compiles a config. Servers that stay keep their health: `before` is the snapshot in force.
    pub fn build(config: &EdgeConfig, before: Option<&Snapshot>) -> Result<Self, ConfigError> {
        if config.names.is_empty() {
            return Err(ConfigError::new("domain", "name the shop's domain, such as shop.example.com"));
        }
        config.limits.check()?;
        config.look.check()?;
        let routes = Routes::build(&config.routes, &config.inspect, &config.limits, &config.headers)?;
        let servers = servers(&config.upstream, before)?;
        let seconds = Duration::from_secs;
        Ok(Snapshot {
            labels: config.names.iter().map(|name| name.as_str().into()).collect(),
            names: config.names.clone(),
            routes,
            balancer: Balancer::new(servers),
            look: config.look.clone(),
            limits: config.limits.clone(),
            rate: config.limits.rate()?,
            timeouts: config.limits.timeouts(),
            frames: config.limits.frames(),
            trusted_proxies: config.listen.trusted_proxies.clone(),
            proxy_protocol_from: config.listen.proxy_protocol_from.clone(),
            connect_timeout: seconds(config.upstream.connect_timeout_seconds.max(1)),
            response_timeout: seconds(config.upstream.response_timeout_seconds.max(1)),
            stall_seconds: config.upstream.stall_timeout_seconds,
            health_path: config.upstream.health_path.clone(),
            health_interval: seconds(config.upstream.health_interval_seconds.max(1)),
            stop_deadline: seconds(config.limits.stop_seconds),
            public_port: config.listen.public_port.unwrap_or(config.listen.https.port()),
        })
    }

    /// How long the shop may pause inside of a body; an event stream may pause as long as a WebSocket.
    pub fn stall(&self, route: &Route, is_event_stream: bool) -> Option<Duration> {
        match (route.stall_seconds, is_event_stream) {
            (None, true) => Some(self.timeouts.tunnel_idle),
            (own, _) => Some(own.unwrap_or(self.stall_seconds)).filter(|s| *s > 0).map(Duration::from_secs),
        }
    }

    /// The host as a shared text for the access record.
    pub fn host_label(&self, host: &str) -> Arc<str> {
        // With a wildcard among the names a client chooses the first part of it.
        let known = self.labels.iter().find(|label| ***label == *host);
        known.cloned().unwrap_or_else(|| storeward_inspect::cards::mask_record(host).into())
    }

    /// The host as the shop hears it: in its one form (lower case, no dot at its end), and with the client's port where that is
    /// ours. Shops make links of it, and whoever sends a request for somebody else would choose where those lead.
    pub fn heard<'h>(&self, given: &'h [u8], host: &str) -> Cow<'h, [u8]> {
        let address_end = memrchr(b']', given).unwrap_or(0);
        let colon = memrchr(b':', given).filter(|colon| *colon >= address_end);
        let (name, port) = given.split_at(colon.unwrap_or(given.len()));
        let digits = port.get(1..).map(|digits| std::str::from_utf8(digits).unwrap_or_default());
        match digits.map(str::parse::<u16>) {
            Some(Ok(port)) if self.public_port != 0 && port != self.public_port => {
                Cow::Owned(self.authority(host).into_bytes())
            }
            _ if name != host.as_bytes() => Cow::Owned([host.as_bytes(), port].concat()),
            _ => Cow::Borrowed(given),
        }
    }

    /// The host with the port clients use, as it stands in absolute addresses.
    pub fn authority(&self, host: &str) -> String {
        if self.public_port == 443 { host.to_owned() } else { format!("{host}:{}", self.public_port) }
    }
}

fn servers(section: &UpstreamSection, before: Option<&Snapshot>) -> Result<Vec<Arc<Server>>, ConfigError> {
    if section.servers.is_empty() {
        return Err(ConfigError::new(
            "upstream.servers",
            "name at least one server, such as http://127.0.0.1:8080",
        ));
    }
    // It is written into the request's first line as it stands.
    let plain = section.health_path.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if !section.health_path.starts_with('/') || !plain {
        return Err(ConfigError::new(
            "upstream.health_path",
            "must begin with / and hold no blank, control character, # or letter beyond ASCII: write those as %20 and the like",
        ));
    }
    let build = |entry: &ServerEntry| {
        let (url, weight) = match entry {
            ServerEntry::Url(url) => (url.as_str(), 1),
            ServerEntry::Weighted { url, weight } => (url.as_str(), *weight),
        };
        let fresh = Server::parse(url, weight, section.ca_file.as_deref())
            .map_err(|e| ConfigError::new("upstream.servers", e.to_string()))?;
        let known = before.and_then(|b| {
            b.balancer.servers().iter().find(|s| s.name == fresh.name && s.weight == fresh.weight)
        });
        // A kept server may have new roots to trust: only plain ones are surely the same.
        Ok(match known {
            Some(server) if !server.name.starts_with("https") => server.clone(),
            _ => Arc::new(fresh),
        })
    };
    section.servers.iter().map(build).collect()
}

/// Shared by all cores.
pub struct Shared {
    pub live: ArcSwap<Snapshot>,
    pub engine: Arc<Engine>,
    pub emit: Arc<dyn Emit>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub access: AccessWriter,
    pub bans: Arc<BanBook>,
    /// For clients that solve a puzzle first.
    pub puzzles: Arc<Puzzles>,
    pub challenges: Arc<HttpChallenges>,
    pub connections: Connections,
    pub ready: AtomicBool,
    pub rates: Rates,
    /// Requests let through uninspected since the start because the engine failed on them.
    pub inspection_failures: AtomicU64,
    /// Where other domains stand in the way of a request.
    pub stages: Stages,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("live", &self.live).finish_non_exhaustive()
    }
}

impl Shared {
    /// Tells when a server went down or came up.
    pub fn note_health(&self, server: &Server, change: Change, code: &str) {
        let event = match change {
            Change::None => return,
            Change::WentDown => {
                UpstreamDown { upstream: server.name.to_string(), reason: code.to_owned() }.into()
            }
            Change::CameUp => UpstreamUp { upstream: server.name.to_string() }.into(),
        };
        self.emit.emit(Emission { at: self.clock.now(), request: None, client: None, event });
    }
}

/// Open connections, in all and by client.
#[derive(Debug, Default)]
pub struct Connections {
    open: AtomicUsize,
    by_client: Mutex<HashMap<AddressBlock, u32>>,
}

impl Connections {
    /// Counts a connection in, unless there are too many. Dropping the place counts it out.
    pub fn enter(shared: &Arc<Shared>, client: AddressBlock) -> Option<Place> {
        let live = shared.live.load();
        let this = &shared.connections;
        if this.open.load(Relaxed) >= live.limits.connections {
            return None;
        }
        let mut by_client = this.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_client.entry(client).or_insert(0);
        if *count >= live.limits.connections_per_client {
            return None;
        }
        *count += 1;
        this.open.fetch_add(1, Relaxed);
        Some(Place { shared: shared.clone(), client })
    }

    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }
}

/// A counted connection.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
    client: AddressBlock,
}

impl Drop for Place {
    fn drop(&mut self) {
        let this = &self.shared.connections;
        this.open.fetch_sub(1, Relaxed);
        let mut by_client = this.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_client.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_client.remove(&self.client);
            }
        }
    }
}

/// What one core has for itself.
pub struct Core {
    pub shared: Arc<Shared>,
    pub pool: Rc<IdlePool>,
    pub compressors: Rc<Compressors>,
    /// What inspection need not look at again.
    pub known: Known,
    /// Buffers for what HTTP/2 connections write.
    pub spare: Rc<Spare>,
    pub carrier: Carrier,
    /// Random bytes for the ids of requests: drawn ahead, so that not every request costs a system call.
    chance: RefCell<Chance>,
    /// Refusals told in this second.
    told: Cell<(Option<Instant>, u32)>,
}

/// Random bytes drawn from the system ahead of need; each is handed out once.
struct Chance {
    drawn: [u8; Chance::BYTES],
    used: usize,
}

impl Chance {
    const BYTES: usize = 2_560;

    fn take<const N: usize>(&mut self, entropy: &dyn Entropy) -> [u8; N] {
        loop {
            let rest = self.drawn.get_mut(self.used..).and_then(|rest| rest.first_chunk_mut::<N>());
            if let Some(bytes) = rest {
                self.used += N;
                return std::mem::replace(bytes, [0; N]);
            }
            entropy.fill(&mut self.drawn);
            self.used = 0;
        }
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").finish_non_exhaustive()
    }
}

/// Malformed requests that one core writes into the ledger in a second; all of them stand in the access record.
const REFUSALS_PER_SECOND: u32 = 10;

impl Core {
    pub fn new(shared: Arc<Shared>, carrier: Carrier) -> Self {
        Core {
            shared,
            carrier,
            pool: Rc::default(),
            compressors: Rc::default(),
            known: Known::default(),
            spare: Rc::default(),
            chance: RefCell::new(Chance { drawn: [0; Chance::BYTES], used: Chance::BYTES }),
            told: Cell::new((None, 0)),
        }
    }

    pub fn request_id(&self, at: Timestamp) -> RequestId {
        RequestId::of(at, self.chance.borrow_mut().take(self.shared.entropy.as_ref()))
    }

    /// Whether one more refusal may go into the ledger: a flood of garbage must not become a flood of events.
    pub fn may_tell_refusal(&self) -> bool {
        let now = Instant::now();
        let (since, count) = match self.told.get() {
            (Some(since), count) if now.duration_since(since) < Duration::from_secs(1) => (since, count),
            _ => (now, 0),
        };
        self.told.set((Some(since), count + 1));
        count < REFUSALS_PER_SECOND
    }
}

/// The running front door.
pub struct Edge {
    shared: Arc<Shared>,
    threads: Vec<std::thread::JoinHandle<()>>,
    pub https: SocketAddr,
    pub http: Option<SocketAddr>,
}

impl Edge {
    /// Binds and serves: one thread and runtime per worker.
    pub fn start(
        shared: Arc<Shared>,
        listen: &Listen,
        tls: Arc<rustls::ServerConfig>,
        workers: usize,
        stop: &Stop,
    ) -> io::Result<Self> {
        let https = crate::listener::bind(listen.https)?;
        let http = listen.http.map(crate::listener::bind).transpose()?;
        let https_address = https.local_addr()?;
        let http_address = http.as_ref().map(std::net::TcpListener::local_addr).transpose()?;
        let alive = Arc::new(AtomicU32::new(0));
        let (sharing, handed_over) = crate::sharing::Workers::new(workers.max(1));
        let mut threads = Vec::with_capacity(workers);
        for (worker, handed_over) in handed_over.into_iter().enumerate() {
            let parts = crate::listener::WorkerParts {
                shared: shared.clone(),
                https: https.try_clone()?,
                http: http.as_ref().map(std::net::TcpListener::try_clone).transpose()?,
                tls: tls.clone(),
                stop: stop.clone(),
                number: worker,
                workers: sharing.clone(),
                handed_over,
                alive: alive.clone(),
            };
            let thread = std::thread::Builder::new()
                .name(format!("edge-{worker}"))
                .spawn(move || crate::listener::run_worker(parts))?;
            threads.push(thread);
        }
        shared.ready.store(true, Relaxed);
        Ok(Edge { shared, threads, https: https_address, http: http_address })
    }

    /// Puts a new snapshot in force; no connection is touched.
    pub fn reload(&self, config: &EdgeConfig) -> Result<(), ConfigError> {
        let before = self.shared.live.load_full();
        let next = Snapshot::build(config, Some(&before))?;
        self.shared.live.store(Arc::new(next));
        Ok(())
    }

    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Waits for the workers to end; they do once the stop signal is given.
    pub fn join(self) {
        for thread in self.threads {
            // A worker that panicked has told so on its own; the others still end in order.
            let _ = thread.join();
        }
    }
}
