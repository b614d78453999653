//! Whoever holds the target, or the database, and no key file.

use super::*;

pub(super) fn copied(from: &Path, to: &Path) {
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

pub(super) fn harmed(house: &House) -> Vec<String> {
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        super::super::restore::harmed(opened, &backups, &backups.list().unwrap()).unwrap()
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

// The next backup was the newest from then on, and was there: that all before it was gone nobody was told.
on_both!(a_target_that_was_put_back_or_emptied_is_told_by_the_next_backup, |house: House| {
    let newest = put_back(&house);
    let told = house.try_backup().unwrap_err().to_string();
    assert!(told.contains("this backup is made") && told.contains(&newest.to_string()), "{told}");
    let own = house.backup();
    std::fs::remove_dir_all(house.target()).unwrap();
    let told = house.try_backup().unwrap_err().to_string();
    assert!(told.contains(&own.to_string()) && told.contains("there is none"), "{told}");
    assert!(house.with(|opened| super::super::restore::lacked(opened).unwrap()).is_some(), "for days");
    house.backup();
});

/// Somebody deleted the newest copy of customers' keys: an older one was laid as "the newest: who was erased since stays erased", with status 0.
#[test]
fn older_keys_are_no_newest_ones_where_the_newest_backup_is_noted() {
    let house = House::new(Engine::Sqlite, "");
    let keys = super::since::with_copy(&house).with_file_name("");
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    let runs = [0, 1, 2].map(|_| house.backup());
    copied(&house.dir().join("keys"), &keys.join("keys"));
    let snapshots = house.target().join("keys/snapshots");
    let newest = std::fs::read_dir(&snapshots).unwrap().map(|file| file.unwrap());
    let newest = newest.max_by_key(|file| file.metadata().unwrap().modified().unwrap()).unwrap();
    std::fs::remove_file(newest.path()).unwrap();
    let data = DataDir::create(&house.at("scratch")).unwrap();
    let (target, password) = (house.target(), house.dir().join("password"));
    let text = format!("target = '{}'\npassword_file = '{}'\n", target.display(), password.display());
    let backups = backups(&data, &toml::from_str(&text).unwrap(), Bars::none()).unwrap();
    let alone = backups.alone().unwrap();
    for (to, run) in [("oldest", runs[0]), ("between", runs[1])] {
        let keys_from = Some(keys.clone());
        let wanted = Wanted { run: Some(run), to: house.at(to), shop_to: None, keys_from, keys_run: None };
        let lines = restore(&Beside::Nothing, &backups, &alone, &wanted).unwrap();
        let is_told = |line: &String| {
            line.starts_with("BAD") && line.contains(&format!("customers' keys of {}", runs[2]))
        };
        assert!(lines.iter().any(is_told), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("stays erased")), "{lines:?}");
        assert!(super::super::restore::fell_short(&lines).is_err());
    }
}

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
    let wanted = Wanted {
        run: None,
        to: house.at("away"),
        shop_to: None,
        keys_from: Some(keys.clone()),
        keys_run: None,
    };
    let lines = restore(&Beside::Nothing, &backups, &alone, &wanted).unwrap();
    assert!(
        lines.iter().any(|line| line.starts_with("BAD") && line.contains(&newest.to_string())),
        "{lines:?}"
    );
    // It ended with status 0.
    let short = super::super::restore::fell_short(&lines).unwrap_err().to_string();
    assert!(short.contains("not all is well"), "{short}");
    // A note that somebody wrote says nothing, and is told.
    let note = keys.join("newest-backup.json");
    let text = std::fs::read_to_string(&note).unwrap();
    let key = LogKey::from_seed(&DataDir::open(&keys).unwrap().keys().unwrap().ledger);
    assert_eq!(newest::noted(&keys, &key).unwrap().map(|one| one.run), Some(newest));
    std::fs::write(&note, text.replace(&newest.to_string(), "backup_00000000000000000000000001")).unwrap();
    assert!(newest::noted(&keys, &key).unwrap_err().contains("newest-backup.json is not signed"));
    let wanted = Wanted {
        run: None,
        to: house.at("away-again"),
        shop_to: None,
        keys_from: Some(keys.clone()),
        keys_run: None,
    };
    let lines = restore(&Beside::Nothing, &backups, &alone, &wanted).unwrap();
    assert!(lines.iter().any(|line| line.starts_with("BAD") && line.contains("is not signed")), "{lines:?}");
    // Where there is none nothing is said.
    std::fs::remove_file(&note).unwrap();
    assert_eq!(newest::noted(&keys, &key).unwrap(), None);
}

// A restored copy that ran beside the original put its own state away as the newest: whoever was erased since was in it, and nobody was told.
on_both!(a_copy_that_backs_up_to_the_same_target_is_named_and_stops_both, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    assert_eq!(harmed(&house), [] as [String; 0]);
    house.restore(None, "beside").unwrap();
    std::fs::copy(house.dir().join("password"), house.at("beside").join("password")).unwrap();
    let beside = |takes_over: bool| {
        open_restored(&house.at("beside"), &house, |opened, _| {
            let own = section(&opened.loaded.config).unwrap();
            let made = backups(&opened.data, own, Bars::none()).unwrap();
            let made = if takes_over { made.taking_over() } else { made };
            now(opened, &made, &made.alone().unwrap())
                .map(|(begin, _)| begin.run)
                .map_err(|why| why.to_string())
        })
        .unwrap()
    };
    // It is as good as the original, which may be gone.
    let first = beside(false).unwrap();
    let told = || harmed(&house);
    assert!(told().len() == 1 && told()[0].contains(&first.to_string()), "{:?}", told());
    let report = house.drill();
    let failed: Vec<_> =
        report.findings.iter().filter(|one| !one.held).map(|one| one.what.as_str()).collect();
    assert_eq!(failed, ["copy", "newest"]);
    house.vault(|standing| finished(standing.vault.erase(&own(ada()))).unwrap().unwrap());
    let refused = house.try_backup().unwrap_err().to_string();
    assert!(refused.contains(&first.to_string()), "{refused}");
    // What is restored is one's own, and the other is named.
    let lines = house.restore(None, "own").unwrap();
    assert!(!lines[0].contains(&first.to_string()), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.starts_with("BAD") && line.contains(&first.to_string())),
        "{lines:?}"
    );
    // By the operator's word it goes on, and then it is the copy that stands still.
    house.with(|opened| {
        let made = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let made = made.taking_over();
        assert!(now(opened, &made, &made.alone().unwrap()).unwrap().1.takes_over);
    });
    assert_eq!(told(), [] as [String; 0]);
    assert!(house.drill().has_passed());
    assert!(beside(false).unwrap_err().contains("was not made here"));
    house.backup();
});

/// The note that lies beside the keys names an earlier one: a copy's may be later.
#[test]
fn a_later_one_than_was_noted_is_named_on_another_machine() {
    let house = House::new(Engine::Sqlite, "");
    let keys = house.at("elsewhere");
    std::fs::create_dir(&keys).unwrap();
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let copy = house.at("epochs.json");
    let with = text.replace("[backup]\n", &format!("[backup]\nepochs_copy = '{}'\n", copy.display()));
    std::fs::write(&file, with).unwrap();
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    let noted = house.backup();
    copied(&house.dir().join("keys"), &keys.join("keys"));
    for name in ["epochs.json", "newest-backup.json"] {
        std::fs::copy(house.at(name), keys.join(name)).unwrap();
    }
    let later = house.backup();
    let data = DataDir::open(&house.dir()).unwrap();
    let (target, password) = (house.target(), house.dir().join("password"));
    let text = format!("target = '{}'\npassword_file = '{}'\n", target.display(), password.display());
    let backups = backups(&data, &toml::from_str(&text).unwrap(), Bars::none()).unwrap();
    let wanted = Wanted {
        run: None,
        to: house.at("away"),
        shop_to: None,
        keys_from: Some(keys.clone()),
        keys_run: None,
    };
    let lines = restore(&Beside::Nothing, &backups, &backups.alone().unwrap(), &wanted).unwrap();
    let named = |line: &String| {
        line.starts_with("BAD")
            && line.contains(&later.to_string())
            && line.contains(&format!("--run {noted}"))
    };
    assert!(lines.iter().any(named), "{lines:?}");
    let wanted = Wanted { run: Some(noted), to: house.at("noted"), ..wanted };
    let lines = restore(&Beside::Nothing, &backups, &backups.alone().unwrap(), &wanted).unwrap();
    assert!(lines.iter().any(named), "its keys are the later one's: {lines:?}");
}

// Whoever has the password lowers the number of the newest run by its tag: the one before it was taken, with status 0.
on_both!(an_older_run_in_the_place_of_the_newest_is_told, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    let [first, second] = [house.backup(), house.backup()];
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let (runs, known) = (backups.list().unwrap().runs, newest::known(opened).unwrap());
        let key = LogKey::from_seed(&opened.data.keys().unwrap().ledger);
        let dated = |run| backups.manifest_of(run, Some(&key)).unwrap().dated();
        let noted = |run| {
            let storeward_backup::Dated { at, number, entries, .. } = dated(run);
            Some(newest::Newest { run, made_at: at, number, entries })
        };
        let here = (newest::told(opened).unwrap(), known.as_ref());
        for (made, known) in [here, (noted(second), None)] {
            for what in [newest::DATA, newest::CUSTOMERS_KEYS] {
                let said = |run| newest::passed_over(made.as_ref(), &runs, (what, dated(run)), known);
                let words = said(first).unwrap();
                let way_out = if what == newest::DATA {
                    format!("--run {second}")
                } else {
                    "erase them again".to_owned()
                };
                assert!(words.starts_with(what) && words.contains(&way_out), "{words}");
                assert_eq!(said(second), None);
            }
        }
        // One that came after the noted one is no older.
        let later = (newest::DATA, dated(second));
        assert_eq!(newest::passed_over(noted(first).as_ref(), &runs, later, None), None);
    });
});
