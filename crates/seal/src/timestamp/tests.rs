//! Against the time-stamping authority of OpenSSL itself, run on this machine.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::fingerprint::sha256;

const CONFIG: &str = "
[tsa]
default_tsa = one
[one]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
certs = ca.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
";

fn openssl(folder: &Path, arguments: &[&str]) {
    let done =
        Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl is installed");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// An authority of its own, whose signer is for `usage`.
fn authority(folder: &Path, usage: &str) {
    std::fs::write(folder.join("tsa.cnf"), CONFIG).unwrap();
    std::fs::write(folder.join("serial"), "01\n").unwrap();
    std::fs::write(
        folder.join("ext"),
        format!("extendedKeyUsage=critical,{usage}\nbasicConstraints=CA:FALSE\n"),
    )
    .unwrap();
    let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let root = ["req", "-x509", "-subj", "/CN=root", "-days", "30", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(folder, &[&root[..], &ec[..]].concat());
    let ask = [
        "req", "-new", "-subj", "/CN=tsa", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out",
        "tsa.csr",
    ];
    openssl(folder, &ask);
    let sign = [
        "x509",
        "-req",
        "-in",
        "tsa.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "20",
    ];
    openssl(folder, &[&sign[..], &["-extfile", "ext", "-out", "tsa.pem"]].concat());
    openssl(folder, &["x509", "-in", "ca.pem", "-outform", "DER", "-out", "ca.der"]);
}

fn roots(folder: &Path) -> Roots {
    Roots::new(vec![std::fs::read(folder.join("ca.der")).unwrap()])
}

fn answer(folder: &Path, request: &[u8]) -> Vec<u8> {
    std::fs::write(folder.join("ask.tsq"), request).unwrap();
    openssl(
        folder,
        &[
            "ts",
            "-reply",
            "-config",
            "tsa.cnf",
            "-section",
            "one",
            "-queryfile",
            "ask.tsq",
            "-out",
            "answer.tsr",
        ],
    );
    std::fs::read(folder.join("answer.tsr")).unwrap()
}

#[test]
fn a_real_authority_s_answer_is_believed_and_every_changed_byte_of_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    authority(folder.path(), "timeStamping");
    let imprint = sha256(b"a checkpoint");
    let reply = answer(folder.path(), &request(&imprint, 77));
    let roots = roots(folder.path());
    let stamp = verify(&reply, &imprint, Some(77), &roots).unwrap();
    assert!(stamp.at > Timestamp::from_seconds(1_700_000_000));
    assert_eq!(verify(&reply, &imprint, None, &roots), Ok(stamp.clone()));
    let about_something_else = verify(&reply, &sha256(b"another"), Some(77), &roots);
    assert_eq!(about_something_else, Err(Error::Form("the time stamp is about something else")));
    let to_another = verify(&reply, &imprint, Some(78), &roots);
    assert_eq!(to_another, Err(Error::Form("the time stamp answers another request")));
    assert_eq!(verify(&reply, &imprint, Some(77), &Roots::default()), Err(Error::UnknownSigner));
    // A byte may lie where nothing is signed (a second certificate, an unused field); then what is said is the same.
    let mut refused = 0;
    for at in 0..reply.len() {
        let mut changed = reply.clone();
        changed[at] ^= 1;
        match verify(&changed, &imprint, Some(77), &roots) {
            Err(_) => refused += 1,
            Ok(found) => assert_eq!(found, stamp, "byte {at}"),
        }
        assert!(verify(&reply[..at], &imprint, Some(77), &roots).is_err(), "cut at {at}");
    }
    assert!(refused > reply.len() / 2, "{refused} of {}", reply.len());
}

#[test]
fn a_certificate_for_something_else_stamps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    authority(folder.path(), "timeStamping");
    let imprint = sha256(b"a checkpoint");
    let reply = answer(folder.path(), &request(&imprint, 5));
    let other = tempfile::tempdir().unwrap();
    authority(other.path(), "timeStamping");
    assert_eq!(verify(&reply, &imprint, Some(5), &roots(other.path())), Err(Error::UnknownSigner));
    // OpenSSL itself refuses to stamp with a certificate for servers; one that did would not be believed. A refusal is told.
    std::fs::write(folder.path().join("tsa.cnf"), CONFIG.replace("digests = sha256, ", "digests = "))
        .unwrap();
    let refusal = answer(folder.path(), &request(&imprint, 6));
    assert_eq!(
        verify(&refusal, &imprint, Some(6), &roots(folder.path())),
        Err(Error::Form("the authority refused the time stamp"))
    );
}

proptest::proptest! {
    #[test]
    fn hostile_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        proptest::prop_assert!(verify(&bytes, &[0; 32], None, &Roots::default()).is_err());
    }
}
