//! Against SoftHSM 2, a token in software that speaks PKCS#11 as hardware does.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use storeward_base::{Secret, SystemEntropy};
use storeward_seal::envelope::{EpochId, EpochKey, RootKey};
use storeward_token::{Error, Place, TokenRoot};

const PIN: &str = "1234-5678";

/// Debian's places of the module.
fn module() -> PathBuf {
    let places = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"];
    places
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .expect("SoftHSM 2 is missing: apt-get install softhsm2")
}

fn pin() -> Secret<String> {
    Secret::new(PIN.to_owned())
}

fn place(key: &str) -> Place {
    Place { module: module(), token: "storeward".to_owned(), key: key.to_owned() }
}

fn util(config: &Path, words: &[&str]) {
    let ended = Command::new("softhsm2-util").env("SOFTHSM2_CONF", config).args(words).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// SoftHSM reads its place from the environment, and keeps its state for the process: so all of it is one test, in a process of its
/// own with that environment.
#[test]
fn a_root_key_on_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let config = folder.path().join("softhsm2.conf");
    std::fs::write(&config, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()))
        .unwrap();
    util(&config, &["--init-token", "--free", "--label", "storeward", "--so-pin", "so-pin-1", "--pin", PIN]);
    let ended = Command::new(std::env::current_exe().unwrap())
        .env("SOFTHSM2_CONF", &config)
        .args(["--exact", "inside::everything", "--include-ignored", "--nocapture"])
        .env("STOREWARD_TOKEN_INSIDE", "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

mod inside {
    use super::*;

    /// What the test above runs; by itself it has no token and does nothing.
    #[test]
    fn everything() {
        if std::env::var_os("STOREWARD_TOKEN_INSIDE").is_none() {
            return;
        }
        made_found_and_used();
        what_does_not_fit_is_refused();
        a_key_that_can_leave_is_refused();
        destroyed();
    }

    fn made_found_and_used() {
        assert_eq!(TokenRoot::open(place("root"), pin()).unwrap_err(), Error::NoKey("root".to_owned()));
        let made = TokenRoot::make(place("root"), pin(), &SystemEntropy).unwrap();
        let again = TokenRoot::make(place("root"), pin(), &SystemEntropy).unwrap_err();
        assert_eq!(again, Error::KeyThere("root".to_owned()));
        let found = TokenRoot::open(place("root"), pin()).unwrap();
        assert_eq!(made.id(), found.id());
        assert!(made.id().starts_with("pkcs11:") && made.id().len() == 39, "{}", made.id());
        let epoch = EpochKey::generate(EpochId(1), &SystemEntropy);
        let wrapped = epoch.wrapped(&made, &SystemEntropy).unwrap();
        let opened = EpochKey::unwrap(EpochId(1), &wrapped, &found).unwrap();
        // The same key: what the one seals for a customer the other opens.
        let customer = storeward_seal::envelope::CustomerKey::generate(1, &SystemEntropy);
        let sealed = epoch.wrap(&customer, "cust_1", &SystemEntropy);
        assert!(opened.unwrap_customer(&sealed, "cust_1", 1).is_ok());
        // No two are alike, and the key does not stand in it.
        assert_ne!(wrapped, epoch.wrapped(&made, &SystemEntropy).unwrap());
        let other = TokenRoot::make(place("other"), pin(), &SystemEntropy).unwrap();
        assert_ne!(other.id(), made.id());
        let refused = EpochKey::unwrap(EpochId(1), &wrapped, &other).unwrap_err();
        assert_eq!(refused, storeward_seal::Error::Sealed);
    }

    fn what_does_not_fit_is_refused() {
        let root = TokenRoot::open(place("root"), pin()).unwrap();
        let key = Secret::new([9; 32]);
        let wrapped = root.wrap(&key, "epoch/1", &SystemEntropy).unwrap();
        assert_eq!(root.unwrap(&wrapped, "epoch/1").unwrap().expose(), key.expose());
        let elsewhere = root.unwrap(&wrapped, "epoch/2").map(|_| ()).unwrap_err();
        assert_eq!(elsewhere, storeward_seal::Error::Sealed);
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            let refused = root.unwrap(&changed, "epoch/1").map(|_| ()).unwrap_err();
            assert_eq!(refused, storeward_seal::Error::Sealed, "byte {at}");
        }
        for short in [0, 1, 12, 13, 40] {
            let refused = root.unwrap(&wrapped[..short], "epoch/1").map(|_| ()).unwrap_err();
            assert_eq!(refused, storeward_seal::Error::Sealed, "{short} bytes");
        }
        let elsewhere = Place { token: "none".to_owned(), ..place("root") };
        assert_eq!(TokenRoot::open(elsewhere, pin()).unwrap_err(), Error::NoToken("none".to_owned()));
        let elsewhere = Place { module: "/nowhere/module.so".into(), ..place("root") };
        assert!(matches!(TokenRoot::open(elsewhere, pin()).unwrap_err(), Error::Module(_)));
    }

    /// Imported from outside, so it stands outside, too; and made so that the token hands it out.
    fn a_key_that_can_leave_is_refused() {
        let config = PathBuf::from(std::env::var_os("SOFTHSM2_CONF").unwrap());
        let file = config.with_file_name("key.bin");
        std::fs::write(&file, [7; 32]).unwrap();
        let path = file.display().to_string();
        let words = [
            "--import",
            &path,
            "--aes",
            "--token",
            "storeward",
            "--pin",
            PIN,
            "--label",
            "weak",
            "--id",
            "01",
        ];
        util(&config, &words);
        let refused = TokenRoot::open(place("weak"), pin()).unwrap_err();
        assert!(matches!(refused, Error::OtherKey { .. }), "{refused}");
    }

    fn destroyed() {
        let root = TokenRoot::open(place("root"), pin()).unwrap();
        let wrapped = root.wrap(&Secret::new([9; 32]), "epoch/1", &SystemEntropy).unwrap();
        TokenRoot::open(place("root"), pin()).unwrap().destroy().unwrap();
        let away = root.unwrap(&wrapped, "epoch/1").map(|_| ()).unwrap_err();
        assert!(matches!(&away, storeward_seal::Error::Away(why) if why.contains("no key")), "{away}");
        // Last, because a sign-in holds for the whole process while another session is open.
        drop(root);
        let wrong = TokenRoot::open(place("other"), Secret::new("9999-9999".to_owned())).unwrap_err();
        assert_eq!(wrong, Error::Pin);
    }
}
