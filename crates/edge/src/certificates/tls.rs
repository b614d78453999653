//! The TLS that clients meet: 1.3 and 1.2, AEAD suites only, post-quantum key exchange first.
//!
//! rustls' defaults with AWS-LC are the six suites and four groups of Mozilla's "intermediate" guideline 6.0
//! (2026-04-06); tests pin them here, so that an update that changes them is seen.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};

use super::{CertificateError, CertificateStore};

/// ALPN names (RFC 7301; RFC 8737 for the last).
pub const HTTP_2: &[u8] = b"h2";
pub const HTTP_1: &[u8] = b"http/1.1";
pub const ACME_TLS: &[u8] = b"acme-tls/1";

/// The config for all listeners; certificates are looked up in `store` at each handshake, so it never changes.
///
/// Tickets are sealed with keys that live in memory and rotate every six hours. 0-RTT is off: what it carries can be
/// played again, and a checkout must not (RFC 8446 section 8). `acme-tls/1` stands last among the protocols: without
/// a pending challenge the store has no certificate for it and the handshake ends.
pub fn server_config(store: Arc<CertificateStore>) -> Result<Arc<ServerConfig>, CertificateError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(CertificateError::making)?
        .with_no_client_auth()
        .with_cert_resolver(store);
    config.alpn_protocols = [HTTP_2, HTTP_1, ACME_TLS].map(<[u8]>::to_vec).to_vec();
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(CertificateError::making)?;
    // One ticket a connection: HTTP/2 browsers hold one connection, and each ticket costs a seal and a write. A
    // resumption brings a new one.
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// Whether a finished handshake was the CA's look at a tls-alpn-01 challenge. The acceptor closes such a connection
/// at once: RFC 8737 section 4 wants no data exchanged on it.
pub fn is_challenge(connection: &rustls::ServerConnection) -> bool {
    connection.alpn_protocol() == Some(ACME_TLS)
}
