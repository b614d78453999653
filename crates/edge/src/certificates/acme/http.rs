//! The HTTP client under the ACME protocol: HTTPS only, limits on time and size, roots of the system plus our own.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use storeward_base::Timestamp;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificates::{CertificateError, disk};

const CONNECT: Duration = Duration::from_secs(10);
/// Some CAs sign within the answer to `finalize`, which takes seconds.
const WHOLE: Duration = Duration::from_secs(60);
const LARGEST_ANSWER_BYTES: usize = 1024 * 1024;

/// RFC 9773 section 4.3.3: without `Retry-After`, renewal information is asked for again after six hours.
const ARI_INTERVAL_SECONDS: &str = "21600";

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Body = BodyWrapper<Bytes>;
type Idle = Mutex<Option<(String, SendRequest<Body>)>>;

/// Keeps one connection to the CA open between requests.
#[derive(Clone)]
pub(super) struct AcmeHttp {
    tls: Arc<ClientConfig>,
    idle: Arc<Idle>,
    last: Arc<Mutex<LastAnswer>>,
}

/// What instant-acme does not hand on of an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct LastAnswer {
    pub status: Option<StatusCode>,
    retry_after: Option<String>,
}

impl LastAnswer {
    fn of<B>(response: &Response<B>) -> Self {
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        LastAnswer { status: Some(response.status()), retry_after: header.map(str::to_owned) }
    }

    /// RFC 9110 section 10.2.3: seconds, or a date.
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.retry_after.as_deref()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Timestamp::EPOCH.plus(date).since(now))
    }
}

impl AcmeHttp {
    /// `ca_file` is trusted beside the system's roots.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, CertificateError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca_file {
            let pem = disk::read(path)?;
            let before = roots.len();
            let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
            roots.add_parsable_certificates(certificates);
            if roots.len() == before {
                return Err(CertificateError::setting("ca_file", "holds no certificate in PEM"));
            }
        }
        if roots.is_empty() {
            return Err(CertificateError::unusable(
                "this machine trusts no certificate authority; install the package ca-certificates",
            ));
        }
        let mut tls =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
                .map_err(CertificateError::making)?
                .with_root_certificates(roots)
                .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(AcmeHttp { tls: Arc::new(tls), idle: Arc::default(), last: Arc::default() })
    }

    pub fn last(&self) -> LastAnswer {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn send(self, request: Request<Body>) -> Result<Response<Full<Bytes>>, Failure> {
        self.note(LastAnswer::default());
        let is_get = request.method() == Method::GET;
        let response = tokio::time::timeout(WHOLE, self.exchange(request))
            .await
            .map_err(|_| format!("the CA did not answer within {} s", WHOLE.as_secs()))??;
        self.note(LastAnswer::of(&response));
        let mut response = response.map(Full::new);
        if is_get && !response.headers().contains_key(RETRY_AFTER) {
            // instant-acme refuses renewal information that lacks it.
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(ARI_INTERVAL_SECONDS));
        }
        Ok(response)
    }

    fn note(&self, answer: LastAnswer) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Response<Bytes>, Failure> {
        let (mut request, origin) = to_origin(request)?;
        if let Some(mut idle) = self.take_idle(&origin) {
            match idle.try_send_request(request).await {
                Ok(response) => return self.finish(origin, idle, response).await,
                // The CA closed it meanwhile and has not seen the request: once more on a fresh connection.
                Err(mut e) => match e.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(e.into_error().into()),
                },
            }
        }
        let mut connection = self.connect(&origin).await?;
        let response = connection.send_request(request).await?;
        self.finish(origin, connection, response).await
    }

    async fn finish(
        &self,
        origin: String,
        mut connection: SendRequest<Body>,
        response: Response<hyper::body::Incoming>,
    ) -> Result<Response<Bytes>, Failure> {
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER_BYTES).collect().await?.to_bytes();
        if connection.ready().await.is_ok() {
            *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some((origin, connection));
        }
        Ok(Response::from_parts(parts, body))
    }

    fn take_idle(&self, origin: &str) -> Option<SendRequest<Body>> {
        let (of, connection) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        (of == origin && connection.is_ready()).then_some(connection)
    }

    async fn connect(&self, origin: &str) -> Result<SendRequest<Body>, Failure> {
        let connect = async {
            let uri: Uri = format!("https://{origin}/").parse()?;
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let tcp = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443))).await?;
            tcp.set_nodelay(true)?;
            let name = ServerName::try_from(host)?;
            let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await?;
            Ok::<_, Failure>(http1::handshake(TokioIo::new(tls)).await?)
        };
        let (sender, connection) = tokio::time::timeout(CONNECT, connect)
            .await
            .map_err(|_| format!("no connection to {origin} within {} s", CONNECT.as_secs()))?
            .map_err(|e| format!("no connection to {origin}: {e}"))?;
        // Ends when the sender is dropped or the CA closes.
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl HttpClient for AcmeHttp {
    fn request(
        &self,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move {
            let response = client.send(request).await.map_err(instant_acme::Error::Other)?;
            Ok(BytesResponse::from(response))
        })
    }
}

/// The request with a path as its target and a `Host` (RFC 9112 section 3.2.1), and whom to send it to.
fn to_origin(request: Request<Body>) -> Result<(Request<Body>, String), Failure> {
    let (mut parts, body) = request.into_parts();
    // A directory that names a plain URL would send account and order over the line in the clear.
    if parts.uri.scheme_str() != Some("https") {
        return Err(format!("the CA names a URL that is not https: {}", parts.uri).into());
    }
    let origin = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
    parts.headers.insert(HOST, HeaderValue::from_str(&origin)?);
    let target = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    parts.uri = target.parse()?;
    Ok((Request::from_parts(parts, body), origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_retry_after_as_seconds_and_as_a_date() {
        let now = Timestamp::parse_rfc3339("2026-11-24T18:00:00Z").unwrap();
        let check = |text: &str, expected: Option<u64>| {
            let last = LastAnswer { status: None, retry_after: Some(text.to_owned()) };
            assert_eq!(last.retry_after(now), expected.map(Duration::from_secs), "{text}");
        };
        check("120", Some(120));
        check("Tue, 24 Nov 2026 18:01:00 GMT", Some(60));
        check("Tue, 24 Nov 2026 17:00:00 GMT", Some(0));
        check("soon", None);
        assert_eq!(LastAnswer::default().retry_after(now), None);
    }

    #[test]
    fn only_https_leaves_the_machine() {
        let request = |uri: &str| Request::builder().uri(uri).body(Body::from(Vec::new())).unwrap();
        let (sent, origin) = to_origin(request("https://ca.test:14000/dir?x=1")).unwrap();
        assert_eq!((sent.uri().to_string().as_str(), origin.as_str()), ("/dir?x=1", "ca.test:14000"));
        assert_eq!(sent.headers()[HOST], "ca.test:14000");
        assert!(to_origin(request("http://ca.test/dir")).is_err());
        assert!(to_origin(request("/dir")).is_err());
    }
}
