//! Whether the shop's own certificate is trusted: judged by the very connection that customers' requests would use.

use std::path::Path;
use std::time::Duration;

use storeward_edge::upstream::{Server, UpstreamError};

use super::Finding;

/// As long as the questions after it wait for a connection.
const LIMIT: Duration = Duration::from_secs(2);

/// A shop that takes connections and cannot prove who it is. Nothing where it can, has not to (http), or is not there.
pub fn distrusted(url: &str, ca_file: Option<&Path>) -> Option<Finding> {
    let server = Server::parse(url, 1, ca_file).ok().filter(|server| server.name.starts_with("https"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let connected = runtime.block_on(server.connect(LIMIT));
    // A resolver that hangs must not hold up the end.
    runtime.shutdown_background();
    match connected {
        // What TLS refuses comes as invalid data; a port where nobody listens does not.
        Err(UpstreamError::Connect(why)) if why.kind() == std::io::ErrorKind::InvalidData => {
            Some(finding(url, &why.to_string(), ca_file))
        }
        _ => None,
    }
}

fn finding(url: &str, why: &str, ca_file: Option<&Path>) -> Finding {
    let says = |what: &str| format!("{url} answers, but {what} ({why}); visitors see the maintenance page");
    if !why.contains("certificate") {
        return Finding::bad("upstream", says("speaks no TLS that is accepted"), "correct upstream.servers");
    }
    if why.contains("not valid for name") {
        let todo = "write the name that its certificate is for into upstream.servers";
        return Finding::bad("upstream", says("its certificate is for another name"), todo);
    }
    if why.contains("CaUsedAsEndEntity") {
        let todo = "its own certificate says that it is an authority's, as `openssl req -x509` writes it unless told otherwise; \
                    make one that does not (`openssl req -x509 … -addext basicConstraints=critical,CA:FALSE -addext \
                    subjectAltName=IP:…`), let the shop use it, and name that file in upstream.ca_file";
        return Finding::bad("upstream", says("its certificate is not trusted"), todo);
    }
    let todo = match ca_file {
        None => "name the authority's certificate (PEM) in upstream.ca_file".to_owned(),
        Some(path) => format!(
            "put the certificate of its authority into upstream.ca_file ({}): no other is trusted while it is set",
            path.display()
        ),
    };
    Finding::bad("upstream", says("its certificate is not trusted"), todo)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::Arc;

    use super::*;
    use crate::check::{Grade, upstream};

    /// A shop over TLS with a certificate of its own for `name`: its address, and that certificate. It ends with the tests.
    fn shop(name: &str) -> (std::net::SocketAddr, String) {
        shop_with(name, rcgen::IsCa::ExplicitNoCa)
    }

    fn shop_with(name: &str, is_ca: rcgen::IsCa) -> (std::net::SocketAddr, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut wanted = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        wanted.is_ca = is_ca;
        let made = wanted.self_signed(&key).unwrap();
        let private = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config =
            rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![made.der().clone()], private)
                .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                std::thread::spawn(move || {
                    let mut stream = rustls::StreamOwned::new(connection, tcp);
                    let mut asked = [0u8; 4096];
                    if stream.read(&mut asked).is_ok_and(|count| count > 0) {
                        let _ = stream.write_all(
                            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
                        );
                        stream.conn.send_close_notify();
                        let _ = stream.flush();
                    }
                });
            }
        });
        (address, made.pem())
    }

    /// "Does not answer, start the shop" was said of shops that ran and were not trusted.
    #[test]
    fn a_shop_that_is_not_trusted_is_told_as_that() {
        let folder = tempfile::tempdir().unwrap();
        let (address, certificate) = shop("127.0.0.1");
        let url = format!("https://{address}");
        let check = |url: &str, ca_file: Option<&Path>, grade: Grade, words: &[&str]| {
            let told = upstream(url, ca_file);
            assert_eq!(told[0].grade, grade, "{}", told[0]);
            for word in words {
                assert!(told[0].to_string().contains(word), "{}", told[0]);
            }
        };
        check(&url, None, Grade::Bad, &["not trusted", "UnknownIssuer", "upstream.ca_file"]);
        let own = folder.path().join("own.pem");
        std::fs::write(&own, certificate).unwrap();
        check(&url, Some(&own), Grade::Good, &["answers"]);
        let (elsewhere, certificate) = shop("other.test");
        let other = folder.path().join("other.pem");
        std::fs::write(&other, certificate).unwrap();
        check(&url, Some(&other), Grade::Bad, &["not trusted", "other.pem"]);
        check(
            &format!("https://{elsewhere}"),
            Some(&other),
            Grade::Bad,
            &["for another name", "upstream.servers"],
        );
        // What `openssl req -x509` makes; the advice was to do what had been done.
        let authority = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let (address, certificate) = shop_with("127.0.0.1", authority);
        let usual = folder.path().join("usual.pem");
        std::fs::write(&usual, certificate).unwrap();
        check(&format!("https://{address}"), Some(&usual), Grade::Bad, &["CaUsedAsEndEntity", "CA:FALSE"]);
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = format!("https://{}", held.local_addr().unwrap());
        drop(held);
        check(&nobody, Some(&own), Grade::Bad, &["does not answer"]);
    }
}
