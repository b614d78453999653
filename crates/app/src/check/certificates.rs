//! The shop's certificate: whether it can be served, and whether the next one can be had.

use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use storeward_base::{Clock, SystemClock, Timestamp};
use storeward_edge::certificates::{AcmeConfig, FilesConfig, Found, Source, kept_at, look_at};

use super::Finding;
use crate::config::Config;

const WHAT: &str = "certificate";

/// Somebody else renews files: they are told this long before.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

pub fn check(config: &Config, dir: &Path) -> Vec<Finding> {
    let certificates = match config.certificates() {
        Ok(certificates) => certificates,
        Err(failure) => {
            return vec![Finding::bad(WHAT, failure.to_string(), "see [certificates] in storeward.toml")];
        }
    };
    let now = SystemClock.now();
    match &certificates.source {
        Source::Local => vec![Finding::look(
            WHAT,
            "of the development CA: browsers warn until they trust it",
            format!(
                "for this machine: storeward ca install --dir {}; for customers: a public domain",
                dir.display()
            ),
        )],
        Source::Files(files) => {
            let mut findings = vec![of_files(files, &config.domain.list(), now)];
            findings.extend(exposed(&files.key));
            findings
        }
        Source::Acme(acme) => of_acme(acme, config, &dir.join("certificates"), now),
    }
}

fn of_files(files: &FilesConfig, names: &[String], now: Timestamp) -> Finding {
    let shown = files.certificate.display();
    match look_at(files, names, now) {
        Ok(found) if found.not_after.since(now) < SOON => Finding::look(
            WHAT,
            format!("{shown} ends at {}", found.not_after),
            "see why whoever renews it has not done so; the files are watched, no restart is needed",
        ),
        Ok(found) => until(&found, "the files are watched for change"),
        Err(error) => Finding::bad(
            WHAT,
            format!("{shown}: {error}"),
            "put the right pair there: the leaf first, then the intermediates, and the key that belongs to it",
        ),
    }
}

/// Who reads the key can be the shop. It is somebody else's file, shared with a group perhaps: a word, no refusal.
fn exposed(key: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(key).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        let shown = key.display();
        Finding::look(
            WHAT,
            format!("{shown} can be read by others on this machine (mode {mode:04o})"),
            format!(
                "chmod 600 {shown}, as the user that runs Storeward; 640 only for a group of nobody else"
            ),
        )
    })
}

fn until(found: &Found, more: &str) -> Finding {
    let note = found.note.as_ref().map(|n| format!(" ({n})")).unwrap_or_default();
    Finding::good(WHAT, format!("good until {}{note}; {more}", found.not_after))
}

fn of_acme(acme: &AcmeConfig, config: &Config, kept: &Path, now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![match kept_at(kept) {
        Ok(Some(found)) if found.not_after > now => until(&found, "renewed by itself (ACME)"),
        Ok(_) => Finding::good(WHAT, "will be ordered at the start (ACME)"),
        Err(error) => Finding::bad(WHAT, error.to_string(), "restore the file from a backup, or delete it"),
    }];
    if config.listen.http.is_none() {
        findings.push(Finding::look(
            WHAT,
            "will be ordered over TLS only, because listen.http is not set",
            "add http = \"0.0.0.0:80\" under [listen]: then both ways are open",
        ));
    }
    findings.extend(config.domain.list().iter().filter_map(|name| unresolved(name)));
    findings.extend(unreachable(&acme.directory));
    findings
}

/// The authority asks for the name in the public DNS; that this machine finds it is the least.
fn unresolved(name: &str) -> Option<Finding> {
    let found = (name, 443).to_socket_addrs().is_ok_and(|mut addresses| addresses.next().is_some());
    (!found).then(|| {
        Finding::look(
            WHAT,
            format!("the name {name} leads nowhere yet"),
            "point its DNS entry (A, AAAA) at this machine: the authority checks it before it issues",
        )
    })
}

/// Whether the authority's host takes connections.
fn unreachable(directory: &str) -> Option<Finding> {
    let rest = directory.split_once("://").map_or(directory, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let target = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:443") };
    let reached = target.to_socket_addrs().is_ok_and(|mut addresses| {
        addresses.any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(3)).is_ok())
    });
    (!reached).then(|| {
        Finding::look(
            WHAT,
            format!("the authority at {authority} cannot be reached"),
            "let this machine make connections to it: check DNS, firewall and certificates.directory",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;

    fn pair(name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let made = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        (made.pem(), key.serialize_pem())
    }

    #[test]
    fn files_that_cannot_be_served_are_bad() {
        let folder = tempfile::tempdir().unwrap();
        let files =
            FilesConfig { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
        let names = ["shop.example".to_owned()];
        let check = |certificate: &str, key: &str, grade: Grade, word: &str| {
            std::fs::write(&files.certificate, certificate).unwrap();
            std::fs::write(&files.key, key).unwrap();
            let finding = of_files(&files, &names, SystemClock.now());
            assert_eq!(finding.grade, grade, "{finding}");
            assert!(finding.to_string().contains(word), "{finding}");
        };
        let (own, key) = pair("shop.example");
        let (other, other_key) = pair("other.example");
        check(&own, &key, Grade::Good, "good until");
        check(&own, &other_key, Grade::Bad, "does not belong");
        check(&other, &other_key, Grade::Bad, "not for shop.example");
        check("garbage", &key, Grade::Bad, "no certificate found");
        for (mode, told) in [(0o644, true), (0o640, true), (0o600, false), (0o400, false)] {
            std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(exposed(&files.key).is_some(), told, "{mode:o}");
        }
        std::fs::remove_file(&files.key).unwrap();
        assert!(exposed(&files.key).is_none());
        assert_eq!(of_files(&files, &names, SystemClock.now()).grade, Grade::Bad);
    }

    #[test]
    fn an_authority_that_is_not_there_is_told() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        assert!(unreachable(&format!("https://{address}/dir")).is_none());
        drop(held);
        assert!(unreachable(&format!("https://{address}/dir")).is_some());
        assert!(unresolved("localhost").is_none() && unresolved("no-such-name.invalid").is_some());
    }
}
