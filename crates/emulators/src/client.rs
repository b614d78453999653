//! A call out over HTTP/1.1, in the clear or over TLS: how webhooks are delivered. To loopback only, whatever a name resolves to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a receiver may take. Stripe and PayPal wait for tens of seconds.
const WAIT: Duration = Duration::from_secs(20);
const ANSWER_BYTES: usize = 64 * 1024;

/// Whose certificates are believed: nobody's, until an authority is named.
pub struct Client {
    authorities: Mutex<RootCertStore>,
}

impl Default for Client {
    fn default() -> Self {
        Client { authorities: Mutex::new(RootCertStore::empty()) }
    }
}

impl Client {
    /// Believes the certificates in `pem` from now on. Returns how many there were.
    pub fn trust(&self, pem: &str) -> usize {
        let mut authorities = self.authorities.lock().unwrap_or_else(PoisonError::into_inner);
        let found = CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok);
        found.filter(|one| authorities.add(one.clone()).is_ok()).count()
    }

    /// Posts `body` and tells the status; nothing where no answer came.
    pub async fn post(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Option<u16> {
        timeout(WAIT, self.post_now(url, headers, body)).await.ok().flatten()
    }

    async fn post_now(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Option<u16> {
        let uri: http::Uri = url.parse().ok()?;
        let is_tls = uri.scheme_str() == Some("https");
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let address = lookup_host((host, port)).await.ok()?.find(|address| address.ip().is_loopback())?;
        let stream = TcpStream::connect(address).await.ok()?;
        let mut request = http::Request::builder()
            .method("POST")
            .uri(uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str))
            .header("host", uri.authority()?.as_str());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).ok()?;
        if !is_tls {
            return spoken(stream, request).await;
        }
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let stream = TlsConnector::from(self.config()?).connect(name, stream).await.ok()?;
        spoken(stream, request).await
    }

    fn config(&self) -> Option<Arc<ClientConfig>> {
        let authorities = self.authorities.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
        Some(Arc::new(config.with_root_certificates(authorities).with_no_client_auth()))
    }
}

async fn spoken<S>(stream: S, request: http::Request<Full<Bytes>>) -> Option<u16>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let driver = tokio::spawn(async move {
        let _ended = connection.await;
    });
    let response = sender.send_request(request).await.ok();
    let status = response.as_ref().map(|response| response.status().as_u16());
    if let Some(response) = response {
        let _rest = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
    }
    drop(sender);
    driver.abort();
    status
}
