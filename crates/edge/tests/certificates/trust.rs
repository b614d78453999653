//! Putting the development CA's root into trust stores, and taking it out.

use std::process::Command;

use storeward_base::{Clock, SystemClock, SystemEntropy};
use storeward_edge::certificates::LocalCa;
use storeward_edge::certificates::trust::{Outcome, Report, TrustStores};

use crate::clients::Scratch;

struct Machine {
    scratch: Scratch,
    stores: TrustStores,
}

impl Machine {
    /// A system directory, a home with a profile of Firefox, and one without anything.
    fn new() -> Self {
        let scratch = Scratch::new();
        let profile = scratch.path("home/.mozilla/firefox/abc.default");
        std::fs::create_dir_all(&profile).unwrap();
        std::fs::create_dir(scratch.path("system")).unwrap();
        let made = Command::new("certutil")
            .args(["-N", "--empty-password", "-d"])
            .arg(format!("sql:{}", profile.display()))
            .status()
            .expect("`certutil` can be run: `./test` installs it (Debian package libnss3-tools)");
        assert!(made.success());
        let stores = TrustStores {
            system_dir: scratch.path("system"),
            update_command: vec!["true".to_owned()],
            homes: vec![scratch.path("home")],
            certutil: "certutil".to_owned(),
        };
        Machine { scratch, stores }
    }

    fn root(&self, name: &str) -> LocalCa {
        LocalCa::open_or_create(&self.scratch.path(name), &[], SystemClock.now(), &SystemEntropy).unwrap()
    }

    /// What NSS holds under our name, in PEM.
    fn held(&self, db: &str) -> Option<String> {
        let output = Command::new("certutil")
            .args(["-L", "-a", "-n", "Storeward development CA", "-d"])
            .arg(format!("sql:{}", self.scratch.path(db).display()))
            .output()
            .unwrap();
        let pem = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
        output.status.success().then(|| pem.trim().to_owned())
    }
}

fn outcomes(report: &Report) -> Vec<&Outcome> {
    report.steps.iter().map(|step| &step.outcome).collect()
}

const DATABASES: [&str; 2] = ["home/.pki/nssdb", "home/.mozilla/firefox/abc.default"];

#[test]
fn installs_replaces_and_uninstalls() {
    let machine = Machine::new();
    let (first, second) = (machine.root("one"), machine.root("two"));
    for root in [&first, &second, &second] {
        let report = machine.stores.install(root.root_pem());
        assert!(report.is_complete() && report.steps.len() == 3, "{report}");
        for db in DATABASES {
            assert_eq!(machine.held(db).as_deref(), Some(root.root_pem().trim()), "{db}");
        }
        let file = machine.scratch.path("system/storeward-development-ca.crt");
        assert_eq!(std::fs::read_to_string(file).unwrap(), root.root_pem());
    }
    let report = machine.stores.uninstall();
    assert_eq!(outcomes(&report), [&Outcome::Done; 3], "{report}");
    assert_eq!(DATABASES.map(|db| machine.held(db)), [None, None]);
    assert_eq!(std::fs::read_dir(machine.scratch.path("system")).unwrap().count(), 0);
    let again = machine.stores.uninstall();
    assert!(again.steps.iter().all(|step| matches!(step.outcome, Outcome::Unneeded(_))), "{again}");
}

#[test]
fn what_was_not_done_is_said_and_the_rest_is_done() {
    let mut machine = Machine::new();
    machine.stores.system_dir = machine.scratch.path("not-there");
    let report = machine.stores.install(machine.root("one").root_pem());
    assert!(!report.is_complete());
    assert!(report.to_string().contains("NOT DONE  system ("), "{report}");
    assert!(report.to_string().contains("install the package ca-certificates"), "{report}");
    assert_eq!(report.to_string().matches("done      browsers (").count(), 2, "{report}");

    machine.stores.system_dir = machine.scratch.path("system");
    machine.stores.update_command = vec!["false".to_owned()];
    machine.stores.certutil = "certutil-that-is-not-there".to_owned();
    let report = machine.stores.install(machine.root("two").root_pem());
    assert!(report.to_string().contains("the file is in place, but false failed"), "{report}");
    assert_eq!(report.to_string().matches("apt-get install libnss3-tools").count(), 2, "{report}");
}

/// NSS, and so Chromium and Firefox, accepts a leaf for a server under the installed root.
#[test]
fn nss_accepts_the_leaf() {
    let machine = Machine::new();
    let ca = machine.root("one");
    assert!(machine.stores.install(ca.root_pem()).is_complete());
    let names = ["shop.localhost".to_owned(), "127.0.0.1".to_owned()];
    let leaf = ca.issue(&names, SystemClock.now(), &SystemEntropy).unwrap();
    let file = machine.scratch.path("leaf.pem");
    std::fs::write(&file, &leaf.certificate_pem).unwrap();
    let db = format!("sql:{}", machine.scratch.path("home/.pki/nssdb").display());
    let add = ["-A", "-a", "-t", ",,", "-n", "leaf", "-d", &db, "-i"];
    assert!(Command::new("certutil").args(add).arg(&file).status().unwrap().success());
    let check =
        Command::new("certutil").args(["-V", "-u", "V", "-e", "-n", "leaf", "-d", &db]).output().unwrap();
    let said = String::from_utf8_lossy(&check.stdout);
    assert!(check.status.success(), "{said}{}", String::from_utf8_lossy(&check.stderr));
}
