//! The front door's part of `storeward.toml`, as written and as checked.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use storeward_base::AddressList;

use crate::guard::{FrameLimits, Timeouts};
use crate::rates::Rate;

/// `[listen]`: where clients come in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// TLS.
    pub https: SocketAddr,
    /// Plain HTTP: certificate challenges and the redirect to HTTPS; absent = not served.
    #[serde(default)]
    pub http: Option<SocketAddr>,
    /// Port that stands in redirects and absolute addresses when it differs from the one listened on (behind NAT).
    #[serde(default)]
    pub public_port: Option<u16>,
    /// Networks of load balancers that speak the PROXY protocol (v1 or v2) to us; they must, others must not.
    #[serde(default)]
    pub proxy_protocol_from: AddressList,
    /// Networks of proxies whose X-Forwarded-For is believed.
    #[serde(default)]
    pub trusted_proxies: AddressList,
}

/// `[upstream]`: the shop.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSection {
    /// `http://host:port` or `https://host:port`, each with an optional weight: `{ url = "…", weight = 2 }`.
    pub servers: Vec<ServerEntry>,
    /// Asked every `health_interval_seconds`; any answer below 500 is health.
    #[serde(default = "root")]
    pub health_path: String,
    #[serde(default = "five")]
    pub health_interval_seconds: u64,
    #[serde(default = "five")]
    pub connect_timeout_seconds: u64,
    /// Until the response's head.
    #[serde(default = "sixty")]
    pub response_timeout_seconds: u64,
    /// Inside of a body, without a byte from the shop; 0 waits for ever.
    #[serde(default = "sixty")]
    pub stall_timeout_seconds: u64,
    /// PEM file with roots to trust for https servers instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum ServerEntry {
    Url(String),
    Weighted {
        url: String,
        #[serde(default = "one")]
        weight: u32,
    },
}

/// `[limits]`: what one client may ask of us.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    pub headers: usize,
    pub head_bytes: usize,
    pub body_bytes: u64,
    pub connections: usize,
    pub connections_per_client: u32,
    pub streams_per_connection: u32,
    pub streams_in_connection_life: u32,
    /// Pages by one client, over all connections; 0 switches the limit off.
    pub requests_per_second: u32,
    /// So many at once after a pause.
    pub request_burst: u32,
    pub handshake_seconds: u64,
    pub head_seconds: u64,
    pub idle_seconds: u64,
    /// Neither an upload nor a download may be slower than this, measured over `pace_window_seconds`.
    pub minimum_bytes_per_second: u64,
    pub pace_window_seconds: u64,
    /// A WebSocket on which nothing moves for so long is closed.
    pub tunnel_idle_seconds: u64,
    /// How long a stop waits for requests under way.
    pub stop_seconds: u64,
}

impl Default for LimitsSection {
    fn default() -> Self {
        LimitsSection {
            headers: 100,
            head_bytes: 32 * 1024,
            body_bytes: 64 * 1024 * 1024,
            connections: 8_192,
            connections_per_client: 256,
            streams_per_connection: 100,
            streams_in_connection_life: 10_000,
            requests_per_second: 30,
            request_burst: 300,
            handshake_seconds: 10,
            head_seconds: 15,
            idle_seconds: 30,
            minimum_bytes_per_second: 128,
            pace_window_seconds: 15,
            tunnel_idle_seconds: 600,
            stop_seconds: 20,
        }
    }
}

impl LimitsSection {
    pub fn timeouts(&self) -> Timeouts {
        Timeouts {
            handshake: Duration::from_secs(self.handshake_seconds),
            head: Duration::from_secs(self.head_seconds),
            idle: Duration::from_secs(self.idle_seconds),
            tunnel_idle: Duration::from_secs(self.tunnel_idle_seconds),
            minimum_rate: self.minimum_bytes_per_second,
            window: Duration::from_secs(self.pace_window_seconds.max(1)),
        }
    }

    /// The general limit on requests; nothing when it is switched off.
    pub fn rate(&self) -> Result<Option<Rate>, ConfigError> {
        rate("limits", self.requests_per_second, Some(self.request_burst))
    }

    /// Refuses what would turn everybody away. `minimum_bytes_per_second`, `stop_seconds` and the rates may be 0.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        // A browser sends up to twenty fields, a shop's cookies fill a kilobyte, a form of an address another.
        let least = [
            ("headers", wide(self.headers), 20),
            ("head_bytes", wide(self.head_bytes), 2_048),
            ("body_bytes", self.body_bytes, 1_024),
            ("connections", wide(self.connections), 1),
            ("connections_per_client", self.connections_per_client.into(), 1),
            ("streams_per_connection", self.streams_per_connection.into(), 1),
            ("streams_in_connection_life", self.streams_in_connection_life.into(), 1),
            ("handshake_seconds", self.handshake_seconds, 1),
            ("head_seconds", self.head_seconds, 1),
            ("idle_seconds", self.idle_seconds, 1),
            ("tunnel_idle_seconds", self.tunnel_idle_seconds, 1),
        ];
        match least.iter().find(|(_, value, least)| value < least) {
            Some((key, value, least)) => {
                let problem = format!(
                    "{value} would turn everybody away: give {least} or more, or leave it out for the default"
                );
                Err(ConfigError::new(format!("limits.{key}"), problem))
            }
            None => Ok(()),
        }
    }

    pub fn frames(&self) -> FrameLimits {
        FrameLimits { streams: self.streams_in_connection_life, ..FrameLimits::default() }
    }
}

/// `off`, `detect` or `block`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InspectMode {
    Off,
    Detect,
    #[default]
    Block,
}

/// `[inspect]`: the intrusion detection for routes that say nothing else.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InspectSection {
    pub mode: InspectMode,
    pub exceptions: Vec<ExceptionEntry>,
    /// What becomes of card numbers that somebody sends to the shop …
    pub card_numbers: CardNumbers,
    /// … but here, where a request with one is refused. As written in `storeward_inspect::CardPlace`.
    pub refuse_card_numbers_at: Option<Vec<String>>,
}

/// `mask`, `report` or `refuse`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CardNumbers {
    #[default]
    Mask,
    Report,
    Refuse,
}

/// What a rule shall not look at. At least one of the three must be given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExceptionEntry {
    pub rule: Option<u32>,
    pub parameter: Option<String>,
    pub path: Option<String>,
}

/// `[headers]`: what is added to every response of the shop.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadersSection {
    pub hsts: bool,
    pub hsts_include_subdomains: bool,
    pub hsts_preload: bool,
    pub nosniff: bool,
    pub frame: bool,
    pub referrer: bool,
    pub cookies: bool,
    pub hide_banners: bool,
}

impl Default for HeadersSection {
    fn default() -> Self {
        HeadersSection {
            hsts: true,
            hsts_include_subdomains: false,
            hsts_preload: false,
            nosniff: true,
            frame: true,
            referrer: true,
            cookies: true,
            hide_banners: true,
        }
    }
}

/// `[[route]]`: a path and everything below it; the longest path wins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteEntry {
    pub path: String,
    /// Nobody gets in.
    #[serde(default)]
    pub closed: bool,
    /// Only these addresses and networks get in.
    #[serde(default)]
    pub only_from: Option<AddressList>,
    /// Parameters of a query that carry the path in this shop, for closed paths.
    #[serde(default)]
    pub path_parameters: Vec<String>,
    #[serde(default)]
    pub inspect: Option<InspectMode>,
    #[serde(default)]
    pub exceptions: Vec<ExceptionEntry>,
    #[serde(default)]
    pub body_bytes: Option<u64>,
    #[serde(default)]
    pub mask_cards: Option<bool>,
    /// Here, whatever `[inspect]` says.
    #[serde(default)]
    pub card_numbers: Option<CardNumbers>,
    /// Unless it is given: wherever `mask_cards` is on.
    #[serde(default)]
    pub compress: Option<bool>,
    /// A limit of its own, beside the general one; 0 lets everybody ask as fast as they like.
    #[serde(default)]
    pub requests_per_second: Option<u32>,
    #[serde(default)]
    pub request_burst: Option<u32>,
    #[serde(default)]
    pub stall_timeout_seconds: Option<u64>,
    #[serde(default)]
    pub hsts: Option<bool>,
    #[serde(default)]
    pub nosniff: Option<bool>,
    #[serde(default)]
    pub frame: Option<bool>,
    #[serde(default)]
    pub referrer: Option<bool>,
    #[serde(default)]
    pub cookies: Option<bool>,
    #[serde(default)]
    pub hide_banners: Option<bool>,
}

/// `[look]`: how pages that we show in the shop's place look.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Look {
    pub name: Option<String>,
    /// `#rrggbb`.
    pub colour: Option<String>,
    /// How to reach the shop's people, shown on the blocked page.
    pub contact: Option<String>,
    /// PNG or JPEG file; stands in mails.
    pub logo: Option<PathBuf>,
}

impl Look {
    /// Refuses a colour that pages and mails could not be shown in.
    pub fn check(&self) -> Result<(), ConfigError> {
        let fits = |text: &str| {
            text.strip_prefix('#').is_some_and(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        match &self.colour {
            Some(colour) if !fits(colour) => {
                Err(ConfigError::new("look.colour", "must be # and six hexadecimal digits, such as #2f5d50"))
            }
            _ => Ok(()),
        }
    }
}

/// A value that does not fit; says where and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub key: String,
    pub problem: String,
}

impl ConfigError {
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        ConfigError { key: key.into(), problem: problem.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// A limit as `per_second` and `burst` say; a burst that is not given is ten seconds' worth.
pub(crate) fn rate(key: &str, per_second: u32, burst: Option<u32>) -> Result<Option<Rate>, ConfigError> {
    if per_second > 1_000 {
        let key = format!("{key}.requests_per_second");
        return Err(ConfigError::new(key, "at most 1000 for one client; 0 switches the limit off"));
    }
    let burst = burst.unwrap_or_else(|| per_second.saturating_mul(10)).max(1);
    Ok((per_second > 0).then_some(Rate { per_second, burst }))
}

fn root() -> String {
    "/".to_owned()
}
fn one() -> u32 {
    1
}
fn five() -> u64 {
    5
}
fn sixty() -> u64 {
    60
}
