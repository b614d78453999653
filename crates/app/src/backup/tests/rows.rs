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

// An older state of the target, whole in itself, passed everything.
on_both!(a_target_that_was_put_back_is_told_by_everything_that_looks_at_it, |house: House| {
    let copy = house.at("elsewhere/epochs.json");
    std::fs::create_dir(house.at("elsewhere")).unwrap();
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let with = text.replace("[backup]\n", &format!("[backup]\nepochs_copy = '{}'\n", copy.display()));
    std::fs::write(&file, with).unwrap();
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    copied(&house.target(), &house.at("older"));
    house.vault(|standing| keep(standing, bob(), "bob@shop.example"));
    let newest = house.backup();
    assert!(house.drill().has_passed());
    assert_eq!(harmed(&house), [] as [String; 0]);
    std::fs::remove_dir_all(house.target()).unwrap();
    copied(&house.at("older"), &house.target());
    let told = harmed(&house);
    assert!(told.len() == 1 && told[0].contains(&newest.to_string()), "{told:?}");
    let report = house.drill();
    assert!(!report.has_passed(), "{report:?}");
    let lines = house.restore(None, "own").unwrap();
    assert!(
        lines.iter().any(|line| line.starts_with("BAD") && line.contains(&newest.to_string())),
        "{lines:?}"
    );
    // On another machine, with the keys and the copy of the epochs' keys alone.
    let keys = house.at("elsewhere");
    copied(&house.dir().join("keys"), &keys.join("keys"));
    let away = |to: &str| {
        let data = DataDir::create(&house.at("scratch")).unwrap();
        let password = house.dir().join("password");
        let text =
            format!("target = '{}'\npassword_file = '{}'\n", house.target().display(), password.display());
        let backups = backups(&data, &toml::from_str(&text).unwrap(), Bars::none()).unwrap();
        let alone = backups.alone().unwrap();
        let wanted = Wanted { run: None, to: house.at(to), shop_to: None, keys_from: Some(keys.clone()) };
        restore(&Beside::Nothing, &backups, &alone, &wanted).unwrap()
    };
    let lines = away("away");
    assert!(
        lines.iter().any(|line| line.starts_with("BAD") && line.contains(&newest.to_string())),
        "{lines:?}"
    );
    // A note that somebody wrote says nothing.
    let note = keys.join("newest-backup.json");
    let text = std::fs::read_to_string(&note).unwrap();
    assert!(text.contains(&newest.to_string()));
    std::fs::write(&note, text.replace(&newest.to_string(), "backup_00000000000000000000000001")).unwrap();
    assert!(away("again").iter().all(|line| !line.starts_with("BAD")));
});
