//! A certificate chain and its key, read and found to belong together.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use storeward_base::Timestamp;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::CertificateError;

/// Ready to be served.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub key: Arc<CertifiedKey>,
    /// The subject alternative names: DNS names in lower case, addresses as text.
    pub names: Vec<String>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub fingerprint: String,
    /// What a person should know of it although it is served.
    pub note: Option<String>,
}

impl Chain {
    /// Reads PEM. The first certificate must be the leaf and fit the key.
    pub fn from_pem(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain_pem)
            .collect::<Result<_, _>>()
            .map_err(|e| CertificateError::unusable(format!("the certificate is no PEM: {e}")))?;
        let leaf = chain.first().ok_or_else(|| {
            CertificateError::unusable("no certificate found: expected -----BEGIN CERTIFICATE-----")
        })?;
        let facts = Facts::of(leaf, chain.len() == 1)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| {
            CertificateError::unusable(
                "no private key found: expected an unencrypted -----BEGIN PRIVATE KEY-----",
            )
        })?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|e| {
            CertificateError::unusable(match e {
                rustls::Error::InconsistentKeys(_) => {
                    "the key does not belong to the first certificate of the file (the leaf must come first)"
                        .to_owned()
                }
                other => format!("the key or certificate cannot be used: {other}"),
            })
        })?;
        Ok(Chain {
            key: Arc::new(key),
            names: facts.names,
            not_before: facts.not_before,
            not_after: facts.not_after,
            fingerprint: facts.fingerprint,
            note: facts.note,
        })
    }

    /// Whether a client that asks for `name` would accept this certificate's names.
    pub fn covers(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.names.iter().any(|own| {
            *own == name
                || own.strip_prefix("*.").is_some_and(|parent| {
                    name.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && rest == parent)
                })
        })
    }

    /// Fails when a client would refuse it: it is past its end, or one of `names` is not in it.
    pub fn check(&self, names: &[String], now: Timestamp) -> Result<(), CertificateError> {
        if self.not_after <= now {
            return Err(CertificateError::unusable(format!(
                "the certificate ended at {} (now is {now}); renew it, or set this machine's clock",
                self.not_after
            )));
        }
        match names.iter().find(|name| !self.covers(name)) {
            Some(missing) => Err(CertificateError::unusable(format!(
                "the certificate is for {}, not for {missing}",
                self.names.join(", ")
            ))),
            None => Ok(()),
        }
    }

    pub fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.key.cert.first()
    }
}

/// What a certificate says of itself.
struct Facts {
    names: Vec<String>,
    not_before: Timestamp,
    not_after: Timestamp,
    fingerprint: String,
    note: Option<String>,
}

/// TLS features (RFC 7633): the certificate demands a stapled OCSP answer.
const MUST_STAPLE: &str = "1.3.6.1.5.5.7.1.24";

impl Facts {
    fn of(der: &CertificateDer<'_>, stands_alone: bool) -> Result<Self, CertificateError> {
        let (_, certificate) = X509Certificate::from_der(der)
            .map_err(|e| CertificateError::unusable(format!("the certificate cannot be read: {e}")))?;
        let names = match certificate.subject_alternative_name() {
            Ok(Some(san)) => san.value.general_names.iter().filter_map(name_text).collect(),
            Ok(None) => Vec::new(),
            Err(e) => return Err(CertificateError::unusable(format!("the certificate's names: {e}"))),
        };
        Ok(Facts {
            names,
            not_before: Timestamp::from_seconds(certificate.validity().not_before.timestamp()),
            not_after: Timestamp::from_seconds(certificate.validity().not_after.timestamp()),
            fingerprint: sha256_hex(der),
            note: note(&certificate, stands_alone),
        })
    }
}

fn note(certificate: &X509Certificate<'_>, stands_alone: bool) -> Option<String> {
    if certificate.extensions().iter().any(|e| e.oid.to_id_string() == MUST_STAPLE) {
        let note = "it demands OCSP stapling, which is not done: some browsers refuse it; order one without";
        return Some(note.to_owned());
    }
    let lacks_issuer = stands_alone && certificate.issuer() != certificate.subject();
    lacks_issuer.then(|| {
        "its file holds no intermediate certificate: clients that do not have it refuse it; append it"
            .to_owned()
    })
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => ip_of(bytes).map(|ip| ip.to_string()),
        _ => None,
    }
}

/// An address as certificates hold it: 4 or 16 bytes.
pub(crate) fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    fn pair(names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn reads_names_addresses_and_wildcards() {
        let (certificate, key) = pair(&["Shop.Test", "*.shop.test", "192.0.2.1", "2001:db8::1"]);
        let chain = Chain::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        for (name, covered) in [
            ("shop.test", true),
            ("SHOP.test", true),
            ("www.shop.test", true),
            ("a.www.shop.test", false),
            (".shop.test", false),
            ("other.test", false),
            ("192.0.2.1", true),
            ("2001:db8::1", true),
        ] {
            assert_eq!(chain.covers(name), covered, "{name}");
        }
        assert_eq!(chain.fingerprint.len(), 64);
    }

    #[test]
    fn says_what_does_not_fit() {
        let ((certificate, key), (_, other_key)) = (pair(&["shop.test"]), pair(&["shop.test"]));
        let check = |certificate: &str, key: &str, expected: &str| {
            let error = Chain::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&certificate, &other_key, "the key does not belong to the first certificate");
        check("", &key, "no certificate found");
        check(&certificate, "", "no private key found");
        check("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key, "cannot be read");
    }

    #[test]
    fn notes_what_browsers_may_refuse() {
        let (certificate, key) = pair(&["shop.test"]);
        assert_eq!(Chain::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap().note, None);

        let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(rcgen::DnType::CommonName, "CA");
        let mut leaf = CertificateParams::new(["shop.test".to_owned()]).unwrap();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let read = |leaf: &CertificateParams| {
            let pem = leaf.signed_by(&key, &issuer).unwrap().pem();
            Chain::from_pem(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap().note.unwrap()
        };
        assert!(read(&leaf).contains("no intermediate certificate"));
        let oid = [1, 3, 6, 1, 5, 5, 7, 1, 24];
        leaf.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&oid, vec![0x30, 3, 2, 1, 5]));
        assert!(read(&leaf).contains("OCSP stapling"));
    }

    #[test]
    fn refuses_what_clients_would_refuse() {
        let (certificate, key) = pair(&["shop.test"]);
        let chain = Chain::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let ours = ["shop.test".to_owned()];
        assert_eq!(chain.check(&ours, chain.not_before), Ok(()));
        assert!(chain.check(&ours, chain.not_after).unwrap_err().to_string().contains("ended at"));
        let both = ["shop.test".to_owned(), "www.shop.test".to_owned()];
        let error = chain.check(&both, chain.not_before).unwrap_err().to_string();
        assert_eq!(error, "the certificate is for shop.test, not for www.shop.test");
    }
}
