//! Places on loopback, and the round that hands to them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use storeward_anchor::{AnchorSection, Anchors, AnchorsParts, Receipt, receipts};
use storeward_base::{Secret, SystemEntropy};
use storeward_events::Event;
use storeward_outbound::mail::{Brand, Line, MailSection};
use storeward_post::{Outbox, OutboxParts};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::Error;
use storeward_store::ledger;
use storeward_store::testing::TestDb;

pub fn section(text: &str) -> AnchorSection {
    toml::from_str(text).unwrap()
}

pub fn outbox(mail: Option<&str>) -> Outbox {
    let mailer = mail.map(|text| toml::from_str::<MailSection>(text).unwrap().mailer().unwrap());
    Outbox::new(OutboxParts {
        mailer,
        gateway: None,
        brand: Brand::new(Line::clean("Shop", "Shop")),
        key: DataKey::from_bytes(Secret::new([3; 32])),
        marks: PseudonymKey::from_bytes(Secret::new([7; 32])).mark_key("post"),
        entropy: Arc::new(SystemEntropy),
    })
}

pub fn anchors(db: &TestDb, outbox: Outbox, sections: &[AnchorSection], folder: &Path) -> Anchors {
    Anchors::new(AnchorsParts {
        db: (**db).clone(),
        places: sections.iter().map(|one| one.place(folder).unwrap()).collect(),
        outbox,
        clock: Arc::clone(&db.clock) as _,
        entropy: Arc::new(SystemEntropy),
    })
}

pub fn secret(folder: &Path, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("secret");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

pub async fn kept(db: &TestDb) -> Vec<Receipt> {
    db.read(|r| receipts(r, "")).await.unwrap_or_else(|why: Error| panic!("{why}"))
}

/// Kinds and what matters of them, oldest first.
pub async fn told(db: &TestDb) -> Vec<String> {
    let page = db.read(|r| ledger::read_after(r, 0, 1000)).await.unwrap_or_else(|why: Error| panic!("{why}"));
    let words = |event: &Event| match event {
        Event::AnchorPlaced(fact) => Some(format!("placed {} {}", fact.place, fact.way)),
        Event::AnchorFailed(fact) => Some(format!("failed {} {}", fact.place, fact.reason)),
        Event::AnchorOverdue(fact) => Some(format!("overdue {} {}", fact.place, fact.hours)),
        _ => None,
    };
    page.iter().filter_map(|(_, record)| words(&record.event)).collect()
}

pub fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

const TSA: &str = "[tsa]\ndefault_tsa = one\n[one]\nserial = serial\ncrypto_device = builtin\nsigner_cert = tsa.pem\n\
                   certs = ca.pem\nsigner_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n\
                   digests = sha256\ness_cert_id_alg = sha256\n";

/// OpenSSL's time-stamping authority behind HTTP: answers `answers` requests, then ends.
pub fn authority(folder: &Path, answers: usize) -> (String, std::thread::JoinHandle<()>) {
    std::fs::write(folder.join("tsa.cnf"), TSA).unwrap();
    std::fs::write(folder.join("serial"), "01\n").unwrap();
    std::fs::write(folder.join("ext"), "extendedKeyUsage=critical,timeStamping\nbasicConstraints=CA:FALSE\n")
        .unwrap();
    let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let root = ["req", "-x509", "-subj", "/CN=root", "-days", "30", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(folder, &[&root[..], &ec[..]].concat());
    let ask = ["req", "-new", "-subj", "/CN=tsa", "-keyout", "tsa.key", "-out", "tsa.csr"];
    openssl(folder, &[&ask[..], &ec[..]].concat());
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
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    let thread = std::thread::spawn(move || {
        for _ in 0..answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut read = Vec::new();
            let mut piece = [0; 4096];
            let body = loop {
                let count = stream.read(&mut piece).unwrap();
                read.extend_from_slice(&piece[..count]);
                let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
                assert!(head.contains("content-type: application/timestamp-query"), "{head}");
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if read.len() >= end + 4 + length.trim().parse::<usize>().unwrap() {
                    break read.split_off(end + 4);
                }
            };
            std::fs::write(folder.join("ask.tsq"), body).unwrap();
            let reply = ["-queryfile", "ask.tsq", "-out", "answer.tsr"];
            openssl(
                &folder,
                &[&["ts", "-reply", "-config", "tsa.cnf", "-section", "one"][..], &reply[..]].concat(),
            );
            let answer = std::fs::read(folder.join("answer.tsr")).unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                answer.len()
            );
            stream.write_all(&[head.as_bytes(), &answer].concat()).unwrap();
        }
    });
    (url, thread)
}
