//! Where messages of the providers arrive, and what does the jobs: as a running program has it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use storeward_payments::{Payments, Provider};
use storeward_store::Db;
use storeward_store::jobs::{Runner, RunnerOptions};
use storeward_web::axum::body::Bytes;
use storeward_web::axum::extract::State;
use storeward_web::axum::routing::post;
use storeward_web::axum::{self, Router};
use storeward_web::http::{HeaderMap, StatusCode};

/// A listener and a runner. Both end when it is dropped.
pub struct Till {
    pub taken: Arc<AtomicU64>,
    server: tokio::task::JoinHandle<()>,
    _runner: Runner,
}

impl Drop for Till {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An address for it, before there is a till: the providers have to know it first.
pub fn free_address() -> SocketAddr {
    static TRIES: AtomicU32 = AtomicU32::new(0);
    // Below what the system gives to connections, which would be at one of these before the till is; each process begins elsewhere.
    loop {
        let tries = TRIES.fetch_add(1, Ordering::SeqCst);
        assert!(tries < 10_000, "no address is free");
        let port = 20_000 + std::process::id().wrapping_mul(16).wrapping_add(tries) % 12_000;
        let at = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        if std::net::TcpListener::bind(at).is_ok() {
            return at;
        }
    }
}

#[derive(Clone)]
struct Behind {
    payments: Payments,
    taken: Arc<AtomicU64>,
}

async fn take(behind: Behind, provider: Provider, headers: HeaderMap, body: Bytes) -> StatusCode {
    match behind.payments.receive(provider, &headers, &body).await {
        Ok(()) => {
            behind.taken.fetch_add(1, Ordering::SeqCst);
            StatusCode::OK
        }
        Err(why) => StatusCode::from_u16(why.status()).unwrap(),
    }
}

impl Till {
    pub async fn open(at: SocketAddr, payments: &Payments, db: &Db) -> Till {
        let taken = Arc::new(AtomicU64::new(0));
        let behind = Behind { payments: payments.clone(), taken: Arc::clone(&taken) };
        let stripe = |State(behind): State<Behind>, headers: HeaderMap, body: Bytes| {
            take(behind, Provider::Stripe, headers, body)
        };
        let paypal = |State(behind): State<Behind>, headers: HeaderMap, body: Bytes| {
            take(behind, Provider::PayPal, headers, body)
        };
        let router =
            Router::new().route("/stripe", post(stripe)).route("/paypal", post(paypal)).with_state(behind);
        let listener = tokio::net::TcpListener::bind(at).await.unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let options = RunnerOptions { lease: Duration::from_secs(60), sweep: Duration::from_millis(50) };
        let handle = tokio::runtime::Handle::current();
        let runner = Runner::start(db.clone(), payments.handlers(), options, &handle, |_| {}).unwrap();
        Till { taken, server, _runner: runner }
    }
}
