//! A small client, and a merchant's end point that notes what it is sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use storeward_emulators::{Emulators, Options, STRIPE_VERSION};
use tokio::net::{TcpListener, TcpStream};

/// An answer, whole.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub text: String,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One call on a connection of its own; nothing where the connection ended without an answer.
pub async fn call(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Option<Got> {
    let uri: http::Uri = url.parse().unwrap();
    let stream = TcpStream::connect(uri.authority().unwrap().as_str()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::builder()
        .method(method)
        .uri(uri.path_and_query().unwrap().as_str())
        .header("host", uri.authority().unwrap().as_str());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let response = sender.send_request(request).await.ok()?;
    let (head, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Some(Got { status: head.status.as_u16(), headers: head.headers, text })
}

pub struct Stand {
    pub emulators: Emulators,
    token: tokio::sync::OnceCell<String>,
}

impl Stand {
    pub async fn start() -> Stand {
        let emulators = Emulators::start(Options::default()).await.unwrap();
        Stand { emulators, token: tokio::sync::OnceCell::new() }
    }

    pub async fn stripe_keyed(&self, path: &str, form: &str, key: &str) -> Option<Got> {
        let side = &self.emulators.stripe;
        let bearer = format!("Bearer {}", side.secret_key);
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("stripe-version", STRIPE_VERSION),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        if !key.is_empty() {
            headers.push(("idempotency-key", key));
        }
        call("POST", &format!("{}{path}", side.address), &headers, form).await
    }

    pub async fn post(&self, path: &str, form: &str) -> Got {
        self.stripe_keyed(path, form, "").await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        let side = &self.emulators.stripe;
        let bearer = format!("Bearer {}", side.secret_key);
        let got =
            call("GET", &format!("{}{path}", side.address), &[("authorization", bearer.as_str())], "").await;
        got.unwrap().json()
    }

    async fn token(&self) -> &str {
        self.token
            .get_or_init(|| async {
                let side = &self.emulators.paypal;
                let basic = base64(format!("{}:{}", side.client_id, side.client_secret).as_bytes());
                let headers = [
                    ("authorization", format!("Basic {basic}")),
                    ("content-type", "application/x-www-form-urlencoded".to_owned()),
                ];
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let url = format!("{}/v1/oauth2/token", side.address);
                let got = call("POST", &url, &headers, "grant_type=client_credentials").await.unwrap();
                got.json()["access_token"].as_str().unwrap().to_owned()
            })
            .await
    }

    pub async fn paypal(&self, method: &str, path: &str, body: &Value, key: &str) -> Option<Got> {
        let bearer = format!("Bearer {}", self.token().await);
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        if !key.is_empty() {
            headers.push(("paypal-request-id", key));
        }
        let text = if body.is_null() { String::new() } else { body.to_string() };
        call(method, &format!("{}{path}", self.emulators.paypal.address), &headers, &text).await
    }

    pub async fn paypal_text(&self, method: &str, path: &str, body: &str) -> Got {
        let bearer = format!("Bearer {}", self.token().await);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        call(method, &format!("{}{path}", self.emulators.paypal.address), &headers, body).await.unwrap()
    }

    pub fn effects(&self, kind: &str) -> usize {
        self.emulators.control.effects().iter().filter(|effect| effect.kind == kind).count()
    }
}

/// Whatever a merchant's end point was sent.
#[derive(Clone)]
pub struct Mail {
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Mail {
    pub fn kind(&self) -> String {
        let event: Value = serde_json::from_str(&self.body).unwrap();
        let name = if event["type"].is_string() { "type" } else { "event_type" };
        event[name].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A merchant's end point that answers with the given statuses in turn, and with 200 behind them.
pub struct Mailbox {
    pub url: String,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl Mailbox {
    pub async fn open(statuses: &[u16]) -> Mailbox {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let mails: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let statuses = Arc::new(Mutex::new(statuses.to_vec()));
        let kept = Arc::clone(&mails);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, statuses) = (Arc::clone(&kept), Arc::clone(&statuses));
                let service = service_fn(move |request: http::Request<Incoming>| {
                    let (kept, statuses) = (Arc::clone(&kept), Arc::clone(&statuses));
                    async move {
                        let (head, body) = request.into_parts();
                        let bytes = body.collect().await?.to_bytes();
                        let body = String::from_utf8(bytes.to_vec()).unwrap();
                        kept.lock().unwrap().push(Mail { headers: head.headers, body });
                        let mut left = statuses.lock().unwrap();
                        let status = if left.is_empty() { 200 } else { left.remove(0) };
                        let answer = http::Response::builder().status(status).body(Full::new(Bytes::new()));
                        Ok::<_, hyper::Error>(answer.unwrap())
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Mailbox { url, mails }
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    /// Waits until so many have come.
    pub async fn wait(&self, count: usize) -> Vec<Mail> {
        wait_until(|| self.mails().len() >= count).await;
        self.mails()
    }
}

/// Waits for a state; a test's own deadline ends it.
pub async fn wait_until(holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "the state never came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut three = [0_u8; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let joined = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let index = usize::try_from((joined >> (18 - 6 * place)) & 63).unwrap();
            text.push(if place > chunk.len() { '=' } else { char::from(ALPHABET[index]) });
        }
    }
    text
}
