//! OpenTelemetry traces: each request at the front door as a span, sent by OTLP over HTTP as JSON to where `[telemetry]`
//! says. Off until that section is there.
//!
//! A trace holds no client address, no user agent, no query and no cookie; paths are those of the access record, in which
//! personal parts are masked. What the collector cannot take is dropped and counted: telemetry never slows a request.

mod exporter;
mod feed;
mod otlp;
mod span;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use storeward_base::Secret;
use storeward_edge::access::{AccessReader, Filter};
use storeward_host::Stopper;
use storeward_outbound::{AllowList, Client, Destination, Limits, Options};

use crate::Done;
use crate::failure::{Context, Failure};
use exporter::Exporter;

/// `[telemetry]`: where traces go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySection {
    /// The collector, such as `http://127.0.0.1:4318`; traces go to its `/v1/traces`.
    pub endpoint: String,
    #[serde(default = "service_name")]
    pub service_name: String,
    /// Sent with every export, such as a key: `headers = { authorization = "Bearer …" }`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret<String>>,
    /// The part of all requests that is traced, from 0 to 1.
    #[serde(default = "all")]
    pub sampling: f64,
    /// PEM file with an authority that is trusted beside the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

fn service_name() -> String {
    "storeward".to_owned()
}

fn all() -> f64 {
    1.0
}

/// One export may take this long. The collector is near; what it cannot take in this time it is not taking.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    head: Duration::from_secs(10),
    body: Duration::from_secs(5),
    body_bytes: 64 * 1024,
};

/// Whether a reload leaves the telemetry as it is: it is set up once, when the program starts.
pub fn is_same(before: Option<&TelemetrySection>, after: Option<&TelemetrySection>) -> bool {
    fn headers(section: &TelemetrySection) -> impl Iterator<Item = (&String, &String)> {
        section.headers.iter().map(|(name, value)| (name, value.expose()))
    }
    let (Some(a), Some(b)) = (before, after) else { return before.is_none() && after.is_none() };
    let same_place = a.endpoint == b.endpoint && a.ca_file == b.ca_file && headers(a).eq(headers(b));
    same_place && a.service_name == b.service_name && a.sampling.to_bits() == b.sampling.to_bits()
}

impl TelemetrySection {
    /// Checks every value and builds the exporter, without a word to the collector.
    pub fn exporter(&self) -> Done<(Exporter, exporter::Sending)> {
        if !(0.0..=1.0).contains(&self.sampling) {
            return Err(
                Failure::new("telemetry.sampling is not from 0 to 1").hint("1.0 traces every request")
            );
        }
        let place = Destination::of_url(&self.endpoint).context("telemetry.endpoint")?;
        let allow = AllowList::new().internal(&place.to_string()).context("telemetry.endpoint")?;
        let mut options = Options::default().limits(LIMITS);
        if let Some(path) = &self.ca_file {
            let pem = std::fs::read(path).context(format!("telemetry.ca_file {}", path.display()))?;
            options = options.trust_pem(&pem).context("telemetry.ca_file")?;
        }
        let client = Client::new(allow, options).context("telemetry.endpoint")?;
        Exporter::new(client, &self.endpoint, &self.service_name, &self.headers).context("telemetry")
    }
}

/// The traces' way out while the program runs.
#[derive(Debug)]
pub struct Telemetry {
    stopper: Stopper,
    sending: tokio::task::JoinHandle<()>,
}

/// Starts to send what the access record takes in.
pub fn start(
    section: &TelemetrySection,
    access: &AccessReader,
    runtime: &tokio::runtime::Runtime,
) -> Done<Telemetry> {
    // A stop of its own: the program's comes before the last requests are done.
    let (stopper, stop) = Stopper::new();
    let (exporter, sending) = section.exporter()?;
    runtime.spawn(feed::follow(access.subscribe(Filter::default()), exporter, section.sampling));
    Ok(Telemetry { stopper, sending: runtime.spawn(sending.run(stop)) })
}

impl Telemetry {
    /// Waits until what is queued has gone out, but not long. Call it when the access record is closed: its end is what
    /// ends the feed.
    pub fn finish(self, runtime: &tokio::runtime::Runtime) {
        self.stopper.stop();
        let longest = exporter::FLUSH + Duration::from_secs(1);
        runtime.block_on(async {
            // Late or broken, the program ends all the same.
            let _ = tokio::time::timeout(longest, self.sending).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> TelemetrySection {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_endpoint_is_enough() {
        let section = section("endpoint = 'http://127.0.0.1:4318'");
        assert_eq!((section.service_name.as_str(), section.sampling), ("storeward", 1.0));
        section.exporter().unwrap();
    }

    #[test]
    fn a_reload_sees_every_change() {
        let text = "endpoint = 'http://127.0.0.1:4318'";
        let with = |more: &str| section(&format!("{text}\n{more}"));
        let plain = with("");
        assert!(is_same(None, None) && is_same(Some(&plain), Some(&with(""))));
        assert!(!is_same(None, Some(&plain)) && !is_same(Some(&plain), None));
        for more in ["service_name = 'x'", "sampling = 0.5", "headers = { a = 'b' }", "ca_file = 'x'"] {
            assert!(!is_same(Some(&plain), Some(&with(more))), "{more}");
        }
    }

    #[test]
    fn faults_say_which_key_and_no_secret() {
        let check = |text: &str, expected: &str| {
            let why = section(text).exporter().unwrap_err().to_string();
            assert!(why.contains(expected) && !why.contains("hunter2"), "{text}: {why}");
        };
        check("endpoint = '127.0.0.1:4318'", "telemetry.endpoint");
        check("endpoint = 'http://user:hunter2@127.0.0.1:4318'", "telemetry.endpoint");
        check("endpoint = 'http://127.0.0.1:4318'\nsampling = 2.0", "telemetry.sampling");
        check("endpoint = 'http://127.0.0.1:4318'\nsampling = nan", "telemetry.sampling");
        check("endpoint = 'http://127.0.0.1:4318'\nca_file = '/nowhere'", "telemetry.ca_file");
        check("endpoint = 'http://127.0.0.1:4318'\nheaders = { 'x-key' = \"hunter2\\r\\nx: y\" }", "x-key");
        assert!(toml::from_str::<TelemetrySection>("endpoint = ''\nendpiont = ''").is_err());
    }
}
