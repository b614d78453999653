//! A real `pebble` for one test: its own ports, its own API certificate, and a DNS server that knows only loopback.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_body_util::Full;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::UdpSocket;

use crate::clients::{Scratch, roots, send};

/// What a test wants to be different.
pub struct Options {
    pub http_port: u16,
    pub tls_port: u16,
    pub validity_seconds: u64,
    pub nonce_reject_percent: u8,
    pub external_account: bool,
}

pub struct Pebble {
    child: Child,
    pub port: u16,
    management_port: u16,
    config: PathBuf,
    dns_port: u16,
    nonce_reject_percent: u8,
    pub api: ApiIdentity,
    scratch: Scratch,
}

/// The certificate of the ACME API, also for a front before it.
pub struct ApiIdentity {
    pub root_pem: String,
    pub leaf: CertificateDer<'static>,
    leaf_pem: String,
    key_pem: String,
}

/// The external account that a pebble with [`Options::external_account`] knows.
pub const EXTERNAL_KEY_ID: &str = "kid-1";
pub const EXTERNAL_HMAC: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

impl Pebble {
    pub async fn start(options: Options) -> Self {
        let scratch = Scratch::new();
        let api = ApiIdentity::new();
        std::fs::write(scratch.path("api.pem"), &api.leaf_pem).unwrap();
        std::fs::write(scratch.path("api.key"), &api.key_pem).unwrap();
        std::fs::write(scratch.path("api-root.pem"), &api.root_pem).unwrap();
        let (port, management_port) = (free_port(), free_port());
        let config = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management_port}"),
            "certificate": scratch.path("api.pem"),
            "privateKey": scratch.path("api.key"),
            "httpPort": options.http_port,
            "tlsPort": options.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": options.external_account,
            "externalAccountMACKeys": {EXTERNAL_KEY_ID: EXTERNAL_HMAC},
            "certificateValidityPeriod": options.validity_seconds,
        }});
        std::fs::write(scratch.path("pebble.json"), config.to_string()).unwrap();
        let (config, dns_port) = (scratch.path("pebble.json"), loopback_dns().await);
        let nonce_reject_percent = options.nonce_reject_percent;
        let child = spawn(&config, dns_port, nonce_reject_percent);
        let pebble =
            Pebble { child, port, management_port, config, dns_port, nonce_reject_percent, api, scratch };
        pebble.answers().await;
        pebble
    }

    /// A new pebble in the place of this one: it has forgotten accounts, orders and its roots.
    pub async fn lose_everything(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.config, self.dns_port, self.nonce_reject_percent);
        self.answers().await;
    }

    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// The file with the root of the API's own certificate.
    pub fn api_root_file(&self) -> PathBuf {
        self.scratch.path("api-root.pem")
    }

    /// The root under which pebble issues: what the shop's clients must trust.
    pub async fn issuing_roots(&self) -> RootCertStore {
        let request =
            http::Request::get("/roots/0").header("host", "localhost").body(Full::default()).unwrap();
        let response = send(self.management_port, roots(&self.api.root_pem), request).await.unwrap();
        roots(std::str::from_utf8(response.body()).unwrap())
    }

    async fn answers(&self) {
        for _ in 0..3_000 {
            let request =
                http::Request::get("/dir").header("host", "localhost").body(Full::default()).unwrap();
            if send(self.port, roots(&self.api.root_pem), request).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("pebble did not start");
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(config: &std::path::Path, dns_port: u16, nonce_reject_percent: u8) -> Child {
    // PEBBLE_LOG=1 and --nocapture show what the CA thinks.
    let log = if std::env::var_os("PEBBLE_LOG").is_some() { Stdio::inherit() } else { Stdio::null() };
    Command::new("pebble")
        .arg("-config")
        .arg(config)
        .arg("-dnsserver")
        .arg(format!("127.0.0.1:{dns_port}"))
        .env("PEBBLE_VA_NOSLEEP", "1")
        .env("PEBBLE_AUTHZREUSE", "0")
        .env("PEBBLE_WFE_NONCEREJECT", nonce_reject_percent.to_string())
        .stdout(log)
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| {
            panic!("`pebble` cannot be run ({e}): `./test` installs it (Debian package pebble)")
        })
}

impl ApiIdentity {
    fn new() -> Self {
        let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_pem = ca.self_signed(&ca_key).unwrap().pem();
        let leaf = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .unwrap()
            .signed_by(&key, &Issuer::new(ca, ca_key))
            .unwrap();
        let leaf_pem = leaf.pem();
        ApiIdentity { root_pem, leaf: leaf.der().clone(), leaf_pem, key_pem: key.serialize_pem() }
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        use rustls::pki_types::pem::PemObject;
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).unwrap()
    }
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Says 127.0.0.1 to each question for an address (RFC 1035), and that there is no name to any below `nowhere.test`.
async fn loopback_dns() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            if let Some(answer) = dns_answer(&buffer[..length]) {
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    port
}

fn dns_answer(question: &[u8]) -> Option<Vec<u8>> {
    let (id, rest) = (question.get(..2)?, question.get(12..)?);
    let end = rest.iter().position(|b| *b == 0)? + 1;
    let (name, kind) = (rest.get(..end)?, rest.get(end..end + 2)?);
    let is_unknown = name.windows(7).any(|w| w.eq_ignore_ascii_case(b"nowhere"));
    let is_address = kind == [0, 1];
    let (code, answers) = if is_unknown { (3, 0) } else { (0, u8::from(is_address)) };
    let mut answer = [id, &[0x85, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0], rest.get(..end + 4)?].concat();
    if answers == 1 {
        // Name by pointer to the question, type A, class IN, no caching, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}
