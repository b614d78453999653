//! A front before pebble: it sees each request, can hold or refuse some, and adds what pebble 2.4 lacks: renewal
//! information (RFC 9773) and profiles.

use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::clients::{roots, send};
use crate::pebble::Pebble;

/// One request as it came, and the `Location` of the answer.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    /// What the client signed; null for a question without content.
    pub payload: Value,
    pub location: Option<String>,
}

#[derive(Clone, Default)]
pub struct Rules {
    /// Connections are cut at once.
    pub down: bool,
    /// The answers to paths that begin so are not given: the CA has acted, the client does not learn it.
    pub hold: Option<&'static str>,
    /// Answers for paths that begin so, each used once.
    pub instead: Vec<(&'static str, Canned)>,
    /// The window that renewal information names.
    pub window: Option<(String, String)>,
    pub profiles: bool,
}

#[derive(Clone)]
pub struct Canned {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Value,
}

pub struct Front {
    pub port: u16,
    seen: Mutex<Vec<Seen>>,
    rules: Mutex<Rules>,
    back_port: u16,
    back_roots: RootCertStore,
}

impl Front {
    pub async fn before(pebble: &Pebble) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = Arc::new(Front {
            port: listener.local_addr().unwrap().port(),
            seen: Mutex::default(),
            rules: Mutex::default(),
            back_port: pebble.port,
            back_roots: roots(&pebble.api.root_pem),
        });
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![pebble.api.leaf.clone()], pebble.api.key())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let serving = Arc::clone(&front);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                if serving.rules().down {
                    continue;
                }
                let (front, acceptor) = (Arc::clone(&serving), acceptor.clone());
                tokio::spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    let service = hyper::service::service_fn(|request| front.clone().answer(request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(tls), service)
                        .await;
                });
            }
        });
        front
    }

    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    pub fn set(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.rules.lock().unwrap());
    }

    /// The requests so far whose path begins with `path`.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.path.starts_with(path)).cloned().collect()
    }

    fn rules(&self) -> Rules {
        self.rules.lock().unwrap().clone()
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
        if self.rules().down {
            return Err("down".into());
        }
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let path = parts.uri.path().to_owned();
        let payload = signed_payload(&body);
        let canned = self.canned(&path);
        let mut response = match &canned {
            Some(canned) => canned.response(),
            None => {
                let request = Request::from_parts(parts, Full::new(body));
                send(self.back_port, self.back_roots.clone(), request).await.expect("pebble answers")
            }
        };
        if canned.is_none() {
            self.add_what_pebble_lacks(&path, &payload, &mut response);
        }
        // Pebble refuses one good nonce in twenty. The client asks again; tests count what was heard.
        let is_heard = !String::from_utf8_lossy(response.body()).contains("error:badNonce");
        let location = response.headers().get("location").map(|l| l.to_str().unwrap().to_owned());
        if is_heard {
            self.seen.lock().unwrap().push(Seen { path: path.clone(), payload, location });
        }
        if is_heard && self.rules().hold.is_some_and(|held| path.starts_with(held)) {
            std::future::pending::<()>().await;
        }
        Ok(response.map(Full::new))
    }

    fn canned(&self, path: &str) -> Option<Canned> {
        let mut rules = self.rules.lock().unwrap();
        if let Some((start, end)) = rules.window.clone().filter(|_| path.starts_with("/ari/")) {
            let body = json!({"suggestedWindow": {"start": start, "end": end}});
            return Some(Canned { status: 200, headers: vec![("retry-after", "120".to_owned())], body });
        }
        let found = rules.instead.iter().position(|(start, _)| path.starts_with(start))?;
        Some(rules.instead.remove(found).1)
    }

    fn add_what_pebble_lacks(&self, path: &str, payload: &Value, response: &mut Response<Bytes>) {
        let Ok(mut body) = serde_json::from_slice::<Value>(response.body()) else { return };
        let rules = self.rules();
        if path == "/dir" && rules.window.is_some() {
            body["renewalInfo"] = json!(format!("https://localhost:{}/ari", self.port));
        }
        if path == "/dir" && rules.profiles {
            body["meta"]["profiles"] = json!({"classic": "90 days", "shortlived": "6 days"});
        }
        // RFC 9773 section 5: a server that takes `replaces` repeats it.
        if path == "/order-plz" && response.status().is_success() && payload["replaces"].is_string() {
            body["replaces"] = payload["replaces"].clone();
        }
        let body = body.to_string();
        response.headers_mut().insert("content-length", body.len().into());
        *response.body_mut() = body.into();
    }
}

impl Canned {
    /// A problem document (RFC 8555 section 6.7).
    pub fn problem(status: u16, kind: &str) -> Self {
        let body = json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": "by the test"});
        // A client takes the next nonce from here; pebble will not know it, which is one more thing to survive.
        Canned { status, headers: vec![("replay-nonce", "bm8tc3VjaC1ub25jZQ".to_owned())], body }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn response(&self) -> Response<Bytes> {
        let mut builder = Response::builder().status(StatusCode::from_u16(self.status).unwrap());
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        builder.body(Bytes::from(self.body.to_string())).unwrap()
    }
}

/// The content of a JWS in flattened form (RFC 7515 section 7.2.2).
fn signed_payload(body: &[u8]) -> Value {
    let Ok(jws) = serde_json::from_slice::<Value>(body) else { return Value::Null };
    let text = jws["payload"].as_str().unwrap_or_default();
    let (mut bits, mut held, mut bytes) = (0u32, 0u32, Vec::new());
    for c in text.bytes() {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            _ => 63,
        };
        (bits, held) = ((bits << 6) | u32::from(digit), held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push(((bits >> held) & 0xff) as u8);
        }
    }
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}
