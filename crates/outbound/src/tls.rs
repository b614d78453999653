//! Whom we believe: the system's roots, and those the operator adds.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::OutboundError;

/// Reads the certificates of a PEM text.
pub(crate) fn read_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, OutboundError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
    if certificates.is_empty() {
        return Err(OutboundError::Roots { why: "the given root holds no certificate in PEM".to_owned() });
    }
    Ok(certificates)
}

/// The certificates of the authorities that this machine trusts, in DER: for signatures that are no connection's.
pub fn system_roots() -> Vec<Vec<u8>> {
    rustls_native_certs::load_native_certs().certs.into_iter().map(|one| one.as_ref().to_vec()).collect()
}

/// What is spoken inside of TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Inside {
    Http,
    /// Has no name in ALPN.
    Mail,
}

/// A TLS 1.2 and 1.3 client over aws-lc-rs.
pub(crate) fn client_config(
    extra: &[CertificateDer<'static>],
    inside: Inside,
) -> Result<Arc<ClientConfig>, OutboundError> {
    let broken = |why: String| OutboundError::Roots { why };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in extra {
        roots.add(certificate.clone()).map_err(|e| broken(format!("the given root cannot be used: {e}")))?;
    }
    if roots.is_empty() {
        let todo = "this machine trusts no certificate authority; install the package ca-certificates";
        return Err(broken(todo.to_owned()));
    }
    let mut config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|e| broken(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
    config.alpn_protocols = match inside {
        Inside::Http => vec![b"http/1.1".to_vec()],
        Inside::Mail => Vec::new(),
    };
    Ok(Arc::new(config))
}
