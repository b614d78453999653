//! The shop's two listeners as the edge will have them, and keepers for it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use storeward_base::SystemEntropy;
use storeward_edge::certificates::{
    CertificateConfig, CertificateStatus, CertificateStore, HttpChallenges, Keeper, KeeperParts, Pace, tls,
};
use storeward_events::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::clients::{Scratch, ShiftedClock, eventually, within_reason};
use crate::pebble::{Options, Pebble};

pub struct Shop {
    pub http_port: u16,
    pub tls_port: u16,
    pub store: Arc<CertificateStore>,
    pub challenges: Arc<HttpChallenges>,
    pub clock: Arc<ShiftedClock>,
    pub facts: Arc<Mutex<Vec<Event>>>,
    pub scratch: Scratch,
    /// While this is false, whoever asks the shop waits for an answer, as before a slow machine.
    pub answers: watch::Sender<bool>,
}

/// A keeper at work; stops when dropped.
pub struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Running {
    /// Stops it where it stands, as a crash would, and waits until it is gone.
    pub async fn crash(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Shop {
    pub async fn open() -> Self {
        let store = CertificateStore::new();
        let challenges = Arc::new(HttpChallenges::default());
        let (http, tls) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let shop = Shop {
            http_port: http.local_addr().unwrap().port(),
            tls_port: tls.local_addr().unwrap().port(),
            store: Arc::clone(&store),
            challenges: Arc::clone(&challenges),
            clock: Arc::default(),
            facts: Arc::default(),
            scratch: Scratch::new(),
            answers: watch::Sender::new(true),
        };
        tokio::spawn(serve_http(http, challenges, shop.answers.subscribe()));
        tokio::spawn(serve_tls(tls, store));
        shop
    }

    /// A pebble that looks at this shop's ports.
    pub async fn pebble(&self) -> Pebble {
        self.pebble_with(|_| {}).await
    }

    pub async fn pebble_with(&self, change: impl FnOnce(&mut Options)) -> Pebble {
        let mut options = Options {
            http_port: self.http_port,
            tls_port: self.tls_port,
            validity_seconds: 90 * 86_400,
            nonce_reject_percent: 5,
            external_account: false,
        };
        change(&mut options);
        Pebble::start(options).await
    }

    pub fn state_dir(&self) -> PathBuf {
        self.scratch.path("state")
    }

    pub fn keeper(&self, config: Value) -> Keeper {
        let config: CertificateConfig = serde_json::from_value(config).unwrap();
        let facts = Arc::clone(&self.facts);
        let parts = KeeperParts {
            config,
            directory: self.state_dir(),
            store: Arc::clone(&self.store),
            challenges: Arc::clone(&self.challenges),
            clock: self.clock.clone(),
            entropy: Arc::new(SystemEntropy),
            facts: Arc::new(move |event| facts.lock().unwrap().push(event)),
        };
        let pace = Pace {
            look: Duration::from_millis(20),
            first_retry: Duration::from_millis(200),
            attempt: Duration::from_secs(60),
        };
        Keeper::open_at(parts, pace).unwrap()
    }

    pub fn run(&self, config: Value) -> Running {
        Running(tokio::spawn(self.keeper(config).run()))
    }

    pub fn status(&self) -> CertificateStatus {
        self.store.status().remove(0)
    }

    /// Waits until a real certificate other than `before` is served.
    pub async fn served_after(&self, before: &str) -> CertificateStatus {
        let served = || Some(self.status()).filter(|s| !s.placeholder && s.fingerprint != before);
        match within_reason(served).await {
            Some(status) => status,
            None => panic!("no new certificate; facts: {:#?}", self.facts),
        }
    }

    pub async fn served(&self) -> CertificateStatus {
        self.served_after("").await
    }

    /// Waits until a failure was stated, and takes it.
    pub async fn failure(&self) -> String {
        eventually("a failure", || self.failures().into_iter().next()).await
    }

    pub fn failures(&self) -> Vec<String> {
        let facts = self.facts.lock().unwrap();
        let reasons = facts.iter().map(|event| match event {
            Event::CertificateFailed(failed) => Some(failed.reason.clone()),
            _ => None,
        });
        reasons.flatten().collect()
    }

    pub fn kinds(&self) -> Vec<&'static str> {
        self.facts.lock().unwrap().iter().map(Event::kind).collect()
    }

    pub fn forget_facts(&self) {
        self.facts.lock().unwrap().clear();
    }

    pub fn kept(&self, file: &str) -> Value {
        let path = self.state_dir().join("acme").join(file);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }
}

/// An ACME config for `pebble` seen at `directory`, with `more` settings.
pub fn acme(pebble: &Pebble, directory: &str, names: &[&str], more: Value) -> Value {
    let mut config = json!({
        "source": "acme",
        "names": names,
        "directory": directory,
        "ca_file": pebble.api_root_file(),
    });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

async fn serve_http(listener: TcpListener, challenges: Arc<HttpChallenges>, answers: watch::Receiver<bool>) {
    while let Ok((mut tcp, _)) = listener.accept().await {
        let (challenges, mut answers) = (Arc::clone(&challenges), answers.clone());
        tokio::spawn(async move {
            let _ = answers.wait_for(|open| *open).await;
            let mut buffer = [0; 4096];
            let length = tcp.read(&mut buffer).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&buffer[..length]);
            let path = head.split(' ').nth(1).unwrap_or_default();
            let (status, body) = match challenges.lookup(path) {
                Some(body) => ("200 OK", body),
                None => ("404 Not Found", String::new()),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = tcp.write_all(answer.as_bytes()).await;
        });
    }
}

async fn serve_tls(listener: TcpListener, store: Arc<CertificateStore>) {
    let acceptor = TlsAcceptor::from(tls::server_config(store).unwrap());
    while let Ok((tcp, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(tcp).await else { return };
            if tls::is_challenge(stream.get_ref().1) {
                let _ = stream.shutdown().await;
                return;
            }
            let _ = stream.write_all(b"shop").await;
            let _ = stream.read(&mut [0; 1]).await;
        });
    }
}
