//! A whole front door on loopback ports, with a fake shop behind it and clients that can misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use storeward_base::{Secret, SystemClock, SystemEntropy};
use storeward_detect::{Detector, Limits as DetectorLimits, first_scenarios};
use storeward_edge::access::{AccessLog, AccessOptions, AccessRecord, Detection};
use storeward_edge::bans::{BanBook, BanMode, BanOptions, Responder};
use storeward_edge::certificates::{
    CertificateConfig, CertificateStore, HttpChallenges, Keeper, KeeperParts, Source, tls,
};
use storeward_edge::rates::Rates;
use storeward_edge::server::Connections;
use storeward_edge::{Edge, EdgeConfig, Shared, Snapshot};
use storeward_host::{Emit, RecordedEmissions, Stages, Stop, Stopper};
use storeward_inspect::Engine;
use storeward_puzzle::{Difficulty, Puzzles};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

pub struct TestEdge {
    pub edge: Option<Edge>,
    pub https: SocketAddr,
    pub http: SocketAddr,
    pub emitted: Arc<RecordedEmissions>,
    pub access: AccessLog,
    pub bans: Arc<BanBook>,
    pub shared: Arc<Shared>,
    stopper: Stopper,
    config: String,
    roots: rustls::RootCertStore,
    folder: tempfile::TempDir,
}

/// The sections a test may set; the rest are the defaults.
#[derive(serde::Deserialize)]
struct File {
    #[serde(default = "names")]
    domain: Vec<String>,
    listen: storeward_edge::config::Listen,
    upstream: storeward_edge::config::UpstreamSection,
    #[serde(default)]
    limits: storeward_edge::config::LimitsSection,
    #[serde(default)]
    inspect: storeward_edge::config::InspectSection,
    #[serde(default)]
    headers: storeward_edge::config::HeadersSection,
    #[serde(default)]
    route: Vec<storeward_edge::config::RouteEntry>,
    #[serde(default)]
    look: storeward_edge::config::Look,
    #[serde(default)]
    bans: storeward_edge::bans::BansSection,
}

fn names() -> Vec<String> {
    vec!["shop.test".to_owned(), "localhost".to_owned()]
}

fn parse(text: &str) -> (EdgeConfig, BanOptions) {
    let file: File = toml::from_str(text).unwrap();
    let bans = BanOptions::from(&file.bans);
    let config = EdgeConfig {
        names: file.domain,
        listen: file.listen,
        upstream: file.upstream,
        limits: file.limits,
        inspect: file.inspect,
        headers: file.headers,
        routes: file.route,
        look: file.look,
    };
    (config, bans)
}

impl TestEdge {
    /// `servers` as in the config; `more` is further TOML, beginning with a section.
    pub fn start(servers: &[String], more: &str) -> TestEdge {
        TestEdge::listening("", servers, more)
    }

    /// `listen` is further TOML inside of `[listen]`.
    pub fn listening(listen: &str, servers: &[String], more: &str) -> TestEdge {
        TestEdge::configured(listen, &format!("servers = {servers:?}"), more)
    }

    /// With the stages of other domains.
    pub fn staged(stages: Stages, servers: &[String], more: &str) -> TestEdge {
        TestEdge::built(stages, "", &format!("servers = {servers:?}"), more)
    }

    /// With stages, and with further TOML inside of `[listen]`.
    pub fn built_with(stages: Stages, listen: &str, servers: &[String], more: &str) -> TestEdge {
        TestEdge::built(stages, listen, &format!("servers = {servers:?}"), more)
    }

    /// `upstream` is what stands inside of `[upstream]`.
    pub fn with_upstream(upstream: &str, more: &str) -> TestEdge {
        TestEdge::configured("", upstream, more)
    }

    fn configured(listen: &str, upstream: &str, more: &str) -> TestEdge {
        TestEdge::built(Stages::default(), listen, upstream, more)
    }

    fn built(stages: Stages, listen: &str, upstream: &str, more: &str) -> TestEdge {
        let text = format!(
            "[listen]\nhttps = '127.0.0.1:0'\nhttp = '127.0.0.1:0'\n{listen}\n[upstream]\n{upstream}\n{more}"
        );
        let (config, bans) = parse(&text);
        // Only where a test asks for it: the rest behave like attackers all the time.
        let detects = more.contains("# detect");
        let folder = tempfile::tempdir().unwrap();
        let emitted = Arc::new(RecordedEmissions::default());
        let emit: Arc<dyn Emit> = emitted.clone();
        let clock = Arc::new(SystemClock);
        let entropy = Arc::new(SystemEntropy);
        let bans = BanBook::in_memory(bans, clock.clone(), emit.clone());
        // Behaviour is also judged where a test says how bans are to be.
        let judges = detects || text.contains("[bans]");
        let access = {
            let responder = Responder::new(bans.clone(), emit.clone(), BanMode::Ban);
            let detection = Detection {
                detector: Detector::new(first_scenarios(), DetectorLimits::default()),
                on_finding: Box::new(move |finding| {
                    responder.respond(finding);
                }),
            };
            let options = AccessOptions::new(folder.path());
            AccessLog::open(&options, clock.clone(), judges.then_some(detection)).unwrap()
        };
        let challenges = Arc::new(HttpChallenges::default());
        let certificates = CertificateStore::new();
        let certificate = CertificateConfig { names: config.names.clone(), source: Source::Local };
        let keeper = KeeperParts {
            config: certificate,
            directory: folder.path().join("certificates"),
            store: certificates.clone(),
            challenges: challenges.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            facts: Arc::new(|_| {}),
        };
        Keeper::open(keeper).unwrap();
        let roots = trust(&folder.path().join("certificates/local-ca/root.pem"));
        let shared = Arc::new(Shared {
            live: arc_swap::ArcSwap::from_pointee(Snapshot::build(&config, None).unwrap()),
            engine: Arc::new(Engine::with_own_rules().unwrap()),
            emit,
            clock: clock.clone(),
            entropy: entropy.clone(),
            access: access.writer(),
            bans: bans.clone(),
            puzzles: Arc::new(Puzzles::new(
                &Secret::new("of this test".to_owned()),
                Difficulty::SMALL,
                clock.clone(),
                entropy.clone(),
            )),
            challenges,
            connections: Connections::default(),
            rates: Rates::default(),
            inspection_failures: std::sync::atomic::AtomicU64::new(0),
            ready: std::sync::atomic::AtomicBool::new(false),
            stages,
        });
        let (stopper, stop): (Stopper, Stop) = Stopper::new();
        let tls = tls::server_config(certificates).unwrap();
        let edge = Edge::start(shared.clone(), &config.listen, tls, 2, &stop).unwrap();
        TestEdge {
            https: edge.https,
            http: edge.http.unwrap(),
            edge: Some(edge),
            emitted,
            access,
            bans,
            shared,
            stopper,
            config: text,
            roots,
            folder,
        }
    }

    /// Reloads with `from` replaced by `to` in the config's text.
    pub fn reload(&self, from: &str, to: &str) {
        assert!(self.config.contains(from), "{from} does not stand in the config");
        let (config, _) = parse(&self.config.replace(from, to));
        self.edge.as_ref().unwrap().reload(&config).unwrap();
    }

    fn client_config(&self, alpn: &[&[u8]]) -> rustls::ClientConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
        config
    }

    pub async fn tls_over(&self, tcp: TcpStream, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
        let connector = tokio_rustls::TlsConnector::from(Arc::new(self.client_config(alpn)));
        connector.connect("shop.test".try_into().unwrap(), tcp).await.unwrap()
    }

    pub async fn connect(&self) -> Client {
        let tcp = TcpStream::connect(self.https).await.unwrap();
        Client { stream: self.tls_over(tcp, &[b"http/1.1"]).await, ahead: Vec::new() }
    }

    pub async fn connect_h2(&self) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(self.https).await.unwrap();
        self.tls_over(tcp, &[b"h2"]).await
    }

    /// One request on a connection of its own.
    pub async fn ask(&self, request: &str) -> Response {
        let mut client = self.connect().await;
        client.send(request).await;
        client.response(request.starts_with("HEAD")).await
    }

    pub async fn get(&self, target: &str) -> Response {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\n\r\n")).await
    }

    /// Where everything is kept.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The access records so far, newest first.
    pub fn records(&self) -> Vec<Arc<AccessRecord>> {
        self.access.flush();
        self.access.reader().query(&"".parse().unwrap(), None, 1_000).records
    }

    /// Waits until a record has this reason.
    pub async fn record_of(&self, reason: &str) -> Arc<AccessRecord> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let records = self.records();
            if let Some(found) = records.iter().find(|r| r.reason == reason) {
                return found.clone();
            }
            let seen: Vec<_> = records.iter().map(|r| (r.status, &r.reason)).collect();
            assert!(Instant::now() < until, "no record of {reason} in {seen:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Requests that the edge has under way at the shop's first server.
    pub fn in_flight(&self) -> u32 {
        let live = self.shared.live.load();
        live.balancer.servers()[0].in_flight.load(std::sync::atomic::Ordering::Relaxed)
    }

    pub fn stop(mut self) -> Duration {
        let began = Instant::now();
        self.stopper.stop();
        self.edge.take().unwrap().join();
        began.elapsed()
    }

    pub fn begin_stop(&self) {
        self.stopper.stop();
    }
}

fn trust(pem: &std::path::Path) -> rustls::RootCertStore {
    use rustls_pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_pki_types::CertificateDer::pem_file_iter(pem).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    roots
}

/// An HTTP/1.1 client that sends exactly what it is told.
pub struct Client {
    pub stream: TlsStream<TcpStream>,
    pub ahead: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// The body ended before its announced end.
    pub cut: bool,
    /// The connection was closed without an answer.
    pub none: bool,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.split("\r\n").skip(1);
        lines.filter_map(|l| l.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// A server that refuses may close while we still write.
    pub async fn send(&mut self, text: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(text.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(Duration::from_secs(60), self.stream.read_buf(&mut self.ahead)).await;
        read.expect("an answer within a minute").is_ok_and(|count| count > 0)
    }

    /// Reads until the other side closes; true when it did.
    pub async fn is_closed(&mut self) -> bool {
        while self.more().await {}
        true
    }

    pub async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.ahead.windows(4).position(|w| w == b"\r\n\r\n") {
                let head: Vec<u8> = self.ahead.drain(..at + 4).collect();
                return Some(String::from_utf8(head).unwrap());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    pub async fn response(&mut self, to_head: bool) -> Response {
        let Some(head) = self.head().await else { return Response { none: true, ..Response::default() } };
        let status = head[9..12].parse().unwrap();
        let mut response = Response { status, head, ..Response::default() };
        if to_head || status == 304 || status == 204 || status < 200 {
            return response;
        }
        if response.header("transfer-encoding").is_some() {
            self.chunks(&mut response).await;
        } else {
            let length: usize = response.header("content-length").map_or(usize::MAX, |l| l.parse().unwrap());
            while self.ahead.len() < length && self.more().await {}
            response.cut = length != usize::MAX && self.ahead.len() < length;
            let length = length.min(self.ahead.len());
            response.body = self.ahead.drain(..length).collect();
        }
        response
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.ahead.windows(2).position(|w| w == b"\r\n") {
                let line: Vec<u8> = self.ahead.drain(..at + 2).collect();
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn chunks(&mut self, response: &mut Response) {
        loop {
            let Some(line) = self.line().await else {
                response.cut = true;
                return;
            };
            let size = usize::from_str_radix(line.split(';').next().unwrap(), 16).unwrap();
            if size == 0 {
                // Trailers are put behind the head, so that tests find them by name.
                while let Some(line) = self.line().await {
                    if line.is_empty() {
                        return;
                    }
                    response.head.push_str(&format!("{line}\r\n"));
                }
                return;
            }
            while self.ahead.len() < size + 2 {
                if !self.more().await {
                    response.cut = true;
                    return;
                }
            }
            response.body.extend(self.ahead.drain(..size + 2).take(size));
        }
    }
}

/// Waits until `what` gives something; fails after twenty seconds.
pub async fn wait_for<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(Instant::now() < until, "waited a minute in vain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
