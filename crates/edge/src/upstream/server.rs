//! One server of the shop: address, trust, health.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls_pki_types::ServerName;
use rustls_pki_types::pem::PemObject;
use tokio::net::TcpStream;

use super::UpstreamError;
use super::health::Health;
use super::wire::{Stream, Wire};

/// A server as the config names it, with what is known of it now.
pub struct Server {
    /// Scheme, host and port: its name in events and on pages.
    pub name: Arc<str>,
    /// No other server object of this program has it: connections go back only to the one that verified them.
    pub number: u64,
    host: String,
    port: u16,
    /// For https servers.
    tls: Option<(tokio_rustls::TlsConnector, ServerName<'static>)>,
    pub weight: u32,
    pub health: Health,
    /// Requests under way, over all cores.
    pub in_flight: AtomicU32,
    addresses: ArcSwap<Vec<SocketAddr>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.name)
            .field("weight", &self.weight)
            .finish_non_exhaustive()
    }
}

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

/// Why a server entry of the config does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError(pub String);

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServerError {}

impl Server {
    /// Reads `http://host:port` or `https://host:port`. No path, query or credentials: they would be ignored.
    pub fn parse(url: &str, weight: u32, ca_file: Option<&Path>) -> Result<Self, ServerError> {
        let wrong = |why: &str| ServerError(format!("`{url}` is not usable as a server: {why}"));
        let uri: http::Uri = url.parse().map_err(|_| wrong("write it like http://127.0.0.1:8080"))?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("it must begin with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("credentials do not belong in it"));
        }
        if uri.path_and_query().is_some_and(|pq| pq.as_str() != "/") {
            return Err(wrong("it must end behind the port: paths are passed on as the client sends them"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        if weight == 0 {
            return Err(wrong("its weight must be 1 or more"));
        }
        let tls = if secure {
            let name = ServerName::try_from(host.clone()).map_err(|_| wrong("its host is no DNS name"))?;
            Some((client_tls(ca_file).map_err(|e| wrong(&e))?, name))
        } else {
            None
        };
        Ok(Server {
            number: NEXT_NUMBER.fetch_add(1, Relaxed),
            name: format!("{}://{authority}", if secure { "https" } else { "http" }).into(),
            host,
            port,
            tls,
            weight,
            health: Health::default(),
            in_flight: AtomicU32::new(0),
            addresses: ArcSwap::from_pointee(Vec::new()),
        })
    }

    /// Looks the host's addresses up anew; keeps the old ones when that fails.
    pub async fn resolve(&self) -> std::io::Result<()> {
        let found: Vec<SocketAddr> =
            tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect();
        if !found.is_empty() && **self.addresses.load() != found {
            self.addresses.store(Arc::new(found));
        }
        Ok(())
    }

    /// Opens a connection within `limit`.
    pub async fn connect(&self, limit: Duration) -> Result<Box<Wire>, UpstreamError> {
        match tokio::time::timeout(limit, self.connect_any()).await {
            Ok(result) => result.map_err(UpstreamError::Connect),
            Err(_) => Err(UpstreamError::ConnectTimeout),
        }
    }

    async fn connect_any(&self) -> std::io::Result<Box<Wire>> {
        if self.addresses.load().is_empty() {
            self.resolve().await?;
        }
        let addresses = self.addresses.load_full();
        let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
        for address in addresses.iter() {
            match TcpStream::connect(address).await {
                Ok(tcp) => {
                    tcp.set_nodelay(true)?;
                    return Ok(Box::new(Wire::new(match &self.tls {
                        None => Stream::Plain(tcp),
                        Some((connector, name)) => {
                            Stream::Tls(Box::new(connector.connect(name.clone(), tcp).await?))
                        }
                    })));
                }
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    /// A request begins here; dropping the guard ends it.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        self.in_flight.fetch_add(1, Relaxed);
        UnderWay(self.clone())
    }
}

/// Ends a request when dropped.
#[derive(Debug)]
pub struct UnderWay(Arc<Server>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// Verifies always; trusts the system's roots, or only those of `ca_file`.
fn client_tls(ca_file: Option<&Path>) -> Result<tokio_rustls::TlsConnector, String> {
    let mut roots = rustls::RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let read = || -> Result<Vec<_>, rustls_pki_types::pem::Error> {
                rustls_pki_types::CertificateDer::pem_file_iter(path)?.collect()
            };
            let certificates = read().map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
            for certificate in certificates {
                roots.add(certificate).map_err(|e| format!("{}: {e}", path.display()))?;
            }
        }
        None => {
            for certificate in rustls_native_certs::load_native_certs().certs {
                // Systems carry a few roots that no verifier accepts: those are skipped, never trusted.
                let _ = roots.add(certificate);
            }
        }
    }
    if roots.is_empty() {
        return Err(
            "no root certificate is trusted: install ca-certificates or set upstream.ca_file".to_owned()
        );
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(tokio_rustls::TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_or_explained() {
        let server = Server::parse("http://127.0.0.1:8080/", 1, None).unwrap();
        assert_eq!(&*server.name, "http://127.0.0.1:8080");
        assert!(Server::parse("http://[::1]:80", 1, None).is_ok());
        for (url, why) in [
            ("shop", "http://"),
            ("ftp://a", "http://"),
            ("http://a/shop", "end behind the port"),
            ("http://u:p@a", "credentials"),
        ] {
            let error = Server::parse(url, 1, None).unwrap_err().to_string();
            assert!(error.contains(why), "{url}: {error}");
        }
        assert!(Server::parse("http://a", 0, None).unwrap_err().to_string().contains("weight"));
    }
}
