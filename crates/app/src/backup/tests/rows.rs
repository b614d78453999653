//! Whoever holds the target, or the database, and no key file.

use super::*;

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copied(&entry.path(), &place),
            false => drop(std::fs::copy(entry.path(), place).unwrap()),
        }
    }
}

fn harmed(house: &House) -> Vec<String> {
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        super::super::restore::harmed(opened, &backups.list().unwrap()).unwrap()
    })
}

/// Two backups, and the target as it was after the first; the second, which is not there any more.
fn put_back(house: &House) -> BackupId {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    copied(&house.target(), &house.at("older"));
    let newest = house.backup();
    assert_eq!(harmed(house), [] as [String; 0]);
    std::fs::remove_dir_all(house.target()).unwrap();
    copied(&house.at("older"), &house.target());
    newest
}

// An older state of the target, whole in itself, passed everything.
on_both!(a_target_that_was_put_back_is_told_and_no_drill_passes_on_it, |house: House| {
    let newest = put_back(&house);
    let told = harmed(&house);
    assert!(told.len() == 1 && told[0].contains(&newest.to_string()), "{told:?}");
    let report = house.drill();
    assert!(!report.has_passed(), "{report:?}");
});

/// Whoever was erased between the two was there again, without a word.
#[test]
fn a_restore_from_a_target_that_was_put_back_says_so_on_another_machine_too() {
    let house = House::new(Engine::Sqlite, "");
    let keys = house.at("elsewhere");
    std::fs::create_dir(&keys).unwrap();
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let copy = keys.join("epochs.json");
    let with = text.replace("[backup]\n", &format!("[backup]\nepochs_copy = '{}'\n", copy.display()));
    std::fs::write(&file, with).unwrap();
    let newest = put_back(&house);
    // With the keys and the copy of the epochs' keys alone.
    copied(&house.dir().join("keys"), &keys.join("keys"));
    let data = DataDir::create(&house.at("scratch")).unwrap();
    let (target, password) = (house.target(), house.dir().join("password"));
    let text = format!("target = '{}'\npassword_file = '{}'\n", target.display(), password.display());
    let backups = backups(&data, &toml::from_str(&text).unwrap(), Bars::none()).unwrap();
    let alone = backups.alone().unwrap();
    let wanted = Wanted { run: None, to: house.at("away"), shop_to: None, keys_from: Some(keys.clone()) };
    let lines = restore(&Beside::Nothing, &backups, &alone, &wanted).unwrap();
    assert!(
        lines.iter().any(|line| line.starts_with("BAD") && line.contains(&newest.to_string())),
        "{lines:?}"
    );
    // A note that somebody wrote says nothing.
    let note = keys.join("newest-backup.json");
    let text = std::fs::read_to_string(&note).unwrap();
    let key = LogKey::from_seed(&DataDir::open(&keys).unwrap().keys().unwrap().ledger);
    assert_eq!(newest::noted(&keys, &key).map(|one| one.run), Some(newest));
    std::fs::write(&note, text.replace(&newest.to_string(), "backup_00000000000000000000000001")).unwrap();
    assert_eq!(newest::noted(&keys, &key), None);
}
