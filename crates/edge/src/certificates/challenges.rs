//! Answers to the CA's question whether a name is ours: by plain HTTP (RFC 8555 section 8.3) and by TLS (RFC 8737).

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;

use super::{CertificateError, CertificateStore};

const PREFIX: &str = "/.well-known/acme-challenge/";

/// Tokens and key authorisations of pending http-01 challenges. The plain-HTTP listener asks it before anything else.
#[derive(Default)]
pub struct HttpChallenges(ArcSwap<HashMap<String, String>>);

impl HttpChallenges {
    /// The body to answer with (status 200, `text/plain` or `application/octet-stream`), when `path` is that of a
    /// pending challenge. Any other path, and any token not ours, is `None`.
    pub fn lookup(&self, path: &str) -> Option<String> {
        self.0.load().get(path.strip_prefix(PREFIX)?).cloned()
    }

    fn insert(&self, token: &str, key_authorization: &str) {
        self.0.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.insert(token.to_owned(), key_authorization.to_owned());
            all
        });
    }

    fn remove(&self, token: &str) {
        self.0.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.remove(token);
            all
        });
    }
}

impl fmt::Debug for HttpChallenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpChallenges({} pending)", self.0.load().len())
    }
}

/// An answer that stands until it is dropped: also when the task that placed it is aborted.
pub(crate) enum Answer {
    Http { challenges: Arc<HttpChallenges>, token: String },
    Tls { store: Arc<CertificateStore>, sni: String },
}

impl Answer {
    pub(crate) fn by_http(challenges: &Arc<HttpChallenges>, token: &str, key_authorization: &str) -> Self {
        challenges.insert(token, key_authorization);
        Answer::Http { challenges: Arc::clone(challenges), token: token.to_owned() }
    }

    /// `digest` is the SHA-256 of the key authorisation.
    pub(crate) fn by_tls(
        store: &Arc<CertificateStore>,
        name: &str,
        digest: &[u8],
    ) -> Result<Self, CertificateError> {
        let sni = sni_of(name);
        store.put_challenge(&sni, challenge_certificate(name, digest)?);
        Ok(Answer::Tls { store: Arc::clone(store), sni })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        match self {
            Answer::Http { challenges, token } => challenges.remove(token),
            Answer::Tls { store, sni } => store.remove_challenge(sni),
        }
    }
}

/// RFC 8737 section 3: self-signed, the name as its only alternative name, and the digest in a critical extension.
fn challenge_certificate(name: &str, digest: &[u8]) -> Result<Arc<CertifiedKey>, CertificateError> {
    let mut params = CertificateParams::new([name.to_owned()]).map_err(CertificateError::making)?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(CertificateError::making)?;
    let certificate = params.self_signed(&key).map_err(CertificateError::making)?;
    let signer = rustls::crypto::aws_lc_rs::default_provider()
        .key_provider
        .load_private_key(PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .map_err(CertificateError::making)?;
    // Not checked to fit as others are: webpki refuses to read a certificate with this critical extension.
    Ok(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signer)))
}

/// The server name by which the CA asks for `name`: itself, or for an address its reverse-DNS name (RFC 8738
/// section 6), since SNI cannot hold an address.
fn sni_of(name: &str) -> String {
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Ok(IpAddr::V6(ip)) => {
            let digits = ip.octets().into_iter().rev().map(|o| format!("{:x}.{:x}.", o & 15, o >> 4));
            digits.chain(["ip6.arpa".to_owned()]).collect()
        }
        Err(_) => name.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_only_pending_tokens_and_forgets_them() {
        let challenges = Arc::new(HttpChallenges::default());
        let answer = Answer::by_http(&challenges, "tok-1", "tok-1.thumb");
        let ask = |path: &str| challenges.lookup(path);
        assert_eq!(ask("/.well-known/acme-challenge/tok-1").as_deref(), Some("tok-1.thumb"));
        for path in ["/.well-known/acme-challenge/", "/.well-known/acme-challenge/tok-2", "/tok-1", "/"] {
            assert_eq!(ask(path), None, "{path}");
        }
        drop(answer);
        assert_eq!(ask("/.well-known/acme-challenge/tok-1"), None);
    }

    #[test]
    fn the_challenge_certificate_holds_the_digest_in_a_critical_extension() {
        let key = challenge_certificate("shop.test", &[7; 32]).unwrap();
        let (_, certificate) = x509_parser::parse_x509_certificate(&key.cert[0]).unwrap();
        let extension = certificate
            .extensions()
            .iter()
            .find(|e| e.oid.to_id_string() == "1.3.6.1.5.5.7.1.31")
            .expect("id-pe-acmeIdentifier");
        assert!(extension.critical);
        assert_eq!(extension.value, [[4, 32].as_slice(), &[7; 32]].concat());
    }

    #[test]
    fn an_address_is_asked_for_by_its_reverse_name() {
        assert_eq!(sni_of("192.0.2.7"), "7.2.0.192.in-addr.arpa");
        assert_eq!(
            sni_of("2001:db8::1"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
        assert_eq!(sni_of("Shop.Test"), "shop.test");
    }
}
