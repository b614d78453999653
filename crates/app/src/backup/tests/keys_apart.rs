//! A key store that is a database of a server.

use std::os::unix::fs::PermissionsExt;

use super::*;

// No drill ever passed: nothing loaded the copy of the keys, and the trial looked at an empty key store.
#[test]
fn a_drill_opens_the_copy_of_a_key_store_on_a_server() {
    if std::env::var_os("STOREWARD_TEST_SQLITE_ONLY").is_some() {
        return;
    }
    let house = House::new(Engine::Postgres, "");
    let url = std::env::var("STOREWARD_TEST_POSTGRES").expect("STOREWARD_TEST_POSTGRES is set");
    let name = format!("backup_keys_{}", fresh());
    let environment = DatabaseUrl::parse(&url).unwrap().for_programs();
    let environment: Vec<_> = environment.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    let keys = TrialDatabase::create(&environment, &name).unwrap();
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let url = trial::with_database(&Secret::new(url), &name).expose().clone();
    std::fs::write(&file, text.replace("[vault]\n", &format!("[vault]\nkey_store = '{url}'\n"))).unwrap();
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let report = house.drill();
    assert!(report.has_passed(), "{report:?}");
    let opened =
        report.findings.iter().any(|finding| format!("{finding:?}").contains("1 customers' keys open"));
    assert!(opened, "{report:?}");
    // What is restored says what is to be done with the copy, and that its config leads to the original.
    let lines = house.restore(None, "restored").unwrap();
    let step = lines.iter().find(|line| line.contains("vault/keys.sql into an empty database")).unwrap();
    assert!(step.contains("vault.key_store"), "{step}");
    // It opens nothing there, for its first rotation would take all keys from the original; until an operator says that it takes its place.
    let refused = open_restored(&house.at("restored"), &house, |_, _| ()).unwrap_err().to_string();
    assert!(refused.contains("belongs to another data directory"), "{refused}");
    house.vault(|standing| assert_eq!(email(standing, ada()).unwrap(), "ada@shop.example"));
    // The data is the original's: whoever has none of it any more goes on with it by their own word.
    let loaded = crate::config::Config::load(&house.at("restored")).unwrap();
    let refused = open::open(&house.at("restored")).map(drop).unwrap_err().to_string();
    assert!(refused.contains("nothing is opened"), "{refused}");
    std::fs::remove_file(house.at("restored").join(open::restored::MARK)).unwrap();
    let opened = open::open_as(&house.at("restored"), loaded).unwrap();
    let told = crate::vault::take_key_store(&opened).unwrap();
    opened.db.close();
    assert!(told.starts_with("The key store is this directory's own now"), "{told}");
    // The backups' password is in none of them.
    std::fs::copy(house.dir().join("password"), house.at("restored").join("password")).unwrap();
    open_restored(&house.at("restored"), &house, |opened, standing| {
        assert_eq!(email(standing, ada()).unwrap(), "ada@shop.example");
        // The backup from before says that the store was the other's.
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let report = trial::drill(opened, &backups, &backups.alone().unwrap(), None).unwrap();
        assert!(report.has_passed(), "{report:?}");
    })
    .unwrap();
    let refused = house.with(|opened| crate::vault::start(opened).map(drop).unwrap_err().to_string());
    assert!(refused.contains("take-key-store"), "{refused}");
    drop(keys);
}

// On a new machine there is no storeward.toml to mend, and no other password opens what was put away.
on_both!(a_wrong_option_of_a_restore_is_named_as_it_was_given_and_nothing_is_left, |house: House| {
    house.backup();
    let path = |path: PathBuf| path.display().to_string();
    let (target, to) = (path(house.target()), path(house.at("to")));
    let (password, missing) = (path(house.dir().join("password")), path(house.at("missing")));
    let short = path(house.at("short"));
    std::fs::write(&short, "eleven words").unwrap();
    std::fs::set_permissions(&short, std::fs::Permissions::from_mode(0o600)).unwrap();
    let told = |target: &str, password: &str, more: &[&str]| {
        let words = ["backup", "restore", "--to", &to, "--target", target, "--password-file", password];
        let told = stopped::typed(&house.dir(), &[&words, more].concat()).unwrap_err().to_string();
        let left = std::env::temp_dir().join(format!("storeward-restore-{}", std::process::id()));
        assert!(!left.exists() && !house.at("to").exists(), "{told}");
        assert!(!told.contains("storeward.toml") && !told.contains("openssl"), "{told}");
        told
    };
    let begins = |told: &str, start: &str| assert!(told.starts_with(start), "{told}");
    begins(&told(&target, &missing, &[]), "--password-file: ");
    begins(&told(&target, &short, &[]), "--password-file: fewer than 16");
    begins(&told(&target, &password, &["--keys-password-file", &missing]), "--keys-password-file: ");
    begins(&told(&target, &password, &["--ssh-key-file", &missing]), "--ssh-key-file: ");
    begins(&told(&target, &password, &["--s3-region", ""]), "--s3-region: ");
    begins(&told("kelp", &password, &[]), "--target: ");
    begins(&told(&target, &password, &["--keys-target", "kelp"]), "--keys-target: ");
});

// Nothing on another machine led to customers' keys at a target of their own: they were said to be gone.
on_both!(customers_keys_at_a_target_of_their_own_come_back_on_another_machine, |house: House| {
    let keys = house.at("target-of-keys");
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let more = format!("[backup]\nkeys_target = '{}'\nkeys_password_file = 'other'\n", keys.display());
    std::fs::write(&file, text.replace("[backup]\n", &more)).unwrap();
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let path = |path: PathBuf| path.display().to_string();
    let (target, from, keys) = (path(house.target()), path(house.dir()), path(keys));
    let (password, other) = (path(house.dir().join("password")), path(house.dir().join("other")));
    let (short, whole) = (path(house.at("short")), path(house.at("whole")));
    let words =
        ["backup", "restore", "--target", &target, "--password-file", &password, "--keys-from", &from];
    let read_out = |more: &[&str]| stopped::typed(&house.dir(), &[&words, more].concat());
    let told = read_out(&["--to", &short]).unwrap_err().to_string();
    assert!(told.contains("--keys-target"), "{told}");
    read_out(&["--to", &whole, "--keys-target", &keys, "--keys-password-file", &other]).unwrap();
    open_restored(&house.at("whole"), &house, |_, standing| {
        assert_eq!(email(standing, ada()).unwrap(), "ada@shop.example");
    })
    .unwrap();
    // Without a target they say nothing; the password's file was passed over, and the directory at hand read out.
    let without = path(house.at("without"));
    for alone in [["--keys-target", &keys], ["--password-file", &password]] {
        let words = [&["backup", "restore", "--to", &without], &alone[..]].concat();
        assert!(stopped::typed(&house.dir(), &words).unwrap_err().to_string().contains("--target"));
        assert!(!house.at("without").exists());
    }
});
