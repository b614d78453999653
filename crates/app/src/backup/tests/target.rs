//! Two installations at one target, and a target that lost something.

use storeward_backup::standing::Facts;

use super::*;

fn shop(files: u8) -> tempfile::TempDir {
    let shop = tempfile::tempdir().unwrap();
    for number in 0..files {
        let entropy: &dyn storeward_base::Entropy = &SystemEntropy;
        std::fs::write(shop.path().join(format!("{number}.jpg")), entropy.bytes::<6_000>()).unwrap();
    }
    shop
}

fn restored(house: &House, to: &str, shop_to: Option<&str>, keys_from: Option<PathBuf>) -> Done<Vec<String>> {
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config)?, Bars::none())?;
        let alone = backups.alone().map_err(|error| told(&error))?;
        let shop_to = shop_to.map(|name| house.at(name));
        let wanted = Wanted { run: None, to: house.at(to), shop_to, keys_from, keys_run: None };
        restore(&Beside::Opened(opened), &backups, &alone, &wanted)
    })
}

fn checked(house: &House) -> Looked {
    let config = house.with(|opened| opened.loaded.config.clone());
    look(&house.dir(), &config).unwrap()
}

// The second one deleted the first one's only backup, and nobody was told.
on_both!(a_second_storeward_at_the_same_target_is_refused_with_what_to_do, |first: House| {
    first.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    first.backup();
    let second = House::new(Engine::Sqlite, "");
    let config = second.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&config).unwrap();
    let shared = text.replace(&second.target().display().to_string(), &first.target().display().to_string());
    std::fs::write(&config, shared).unwrap();
    second.vault(|_| ());
    let refused = second.try_backup().unwrap_err().to_string();
    assert!(refused.contains("another Storeward") && refused.contains("--take-over"), "{refused}");
    assert_eq!(second.kinds(), ["backup.failed"]);
    let told = checked(&second).unwrap_err();
    assert!(told.0.contains("another Storeward"), "{told:?}");
    assert!(first.drill().has_passed());
    first.backup();
});

/// Drills passed, backups built on what was gone, and a restore gave up at the first file.
#[test]
fn a_lost_pack_of_the_shops_files_fails_the_drill_is_told_and_is_put_away_anew() {
    let shop = shop(12);
    let house =
        House::new(Engine::Sqlite, &format!("[backup.shop]\npaths = ['{}']\n", shop.path().display()));
    house.vault(|_| ());
    house.backup();
    assert!(house.drill().has_passed());
    let packs = files_below(&house.target().join("files/data"));
    let pack = packs.iter().max_by_key(|pack| std::fs::metadata(pack).unwrap().len()).unwrap();
    std::fs::remove_file(pack).unwrap();
    let report = house.drill();
    assert_eq!(report.code, "backup.drill", "{report:?}");
    let lines = restored(&house, "half", Some("half-shop"), None).unwrap();
    let lost = lines.iter().find(|line| line.starts_with(super::super::restore::LOST));
    assert!(lost.is_some_and(|line| line.contains("12 of the shop") && line.contains("7.jpg")), "{lines:?}");
    house.backup();
    let told = house.with(|opened| {
        let read = |reader: &mut storeward_store::Reader<'_>| {
            storeward_store::ledger::last_believed(reader, "system.row_harmed")
        };
        opened.db.read_blocking(read).unwrap().is_some()
    });
    assert!(told, "nobody hears of it");
    assert!(house.drill().has_passed());
    let lines = restored(&house, "whole", Some("whole-shop"), None).unwrap();
    assert!(!lines.iter().any(|line| line.starts_with("BAD")), "{lines:?}");
}

/// A restore that could not end well read everything out first, and left the folder in the way of the next.
#[test]
fn a_restore_refuses_at_once_what_cannot_end_well_and_check_names_a_missing_folder_of_the_shop() {
    let shop = shop(1);
    let house =
        House::new(Engine::Sqlite, &format!("[backup.shop]\npaths = ['{}']\n", shop.path().display()));
    house.vault(|_| ());
    house.backup();
    let refused = restored(&house, "to", None, Some(house.at("nowhere"))).unwrap_err().to_string();
    assert!(refused.contains("no folder keys/") && !house.at("to").exists(), "{refused}");
    let refused = restored(&house, "data/vault/inside", None, None).unwrap_err().to_string();
    assert!(refused.contains("lies in the data directory"), "{refused}");
    let path = shop.path().display().to_string();
    drop(shop);
    let told = checked(&house).unwrap_err();
    assert!(told.0.contains(&path) && told.0.contains("is not there"), "{told:?}");
}

fn facts_at(house: &House, days: u64) -> Facts {
    house.with(|opened| {
        let now = opened.clock.now().plus(Duration::from_secs(days * 24 * 3_600));
        opened.db.read_blocking(move |reader| Facts::read(reader, now)).unwrap()
    })
}

// By the clock nobody heard of it: the page said that all was well.
on_both!(a_backup_that_finds_others_damaged_is_not_called_good, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    assert!(!facts_at(&house, 0).is_lost);
    let packs = files_below(&house.target().join("files/data"));
    let largest = packs.iter().max_by_key(|pack| std::fs::metadata(pack).unwrap().len()).unwrap();
    std::fs::remove_file(largest).unwrap();
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let (_, made) = now(opened, &backups, &backups.alone().unwrap()).unwrap();
        assert!(nothing_lost(&made).is_err() && nothing_lost(&Made::default()).is_ok());
        let says = super::super::restore::lacked(opened).unwrap();
        assert!(says.unwrap().contains("not at the target any more"));
    });
    // Until somebody has seen it and a drill has passed.
    assert!(facts_at(&house, 0).is_lost && facts_at(&house, 30).is_lost);
    assert!(house.drill().has_passed());
    assert!(facts_at(&house, 1).is_lost && !facts_at(&house, 3).is_lost);
});

// The run takes lost packs out of the index first: one that ended after that was the last that could have told of them.
on_both!(lost_packs_are_told_by_a_run_that_fails_after_it_took_them_out_of_the_index, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let part =
        house.target().join(if house.target().join("databases").is_dir() { "databases" } else { "keys" });
    let packs = files_below(&part.join("data"));
    std::fs::remove_file(packs.iter().max_by_key(|pack| std::fs::metadata(pack).unwrap().len()).unwrap())
        .unwrap();
    let (snapshots, aside) = (part.join("snapshots"), part.join("aside"));
    std::fs::rename(&snapshots, &aside).unwrap();
    std::fs::write(&snapshots, b"no folder").unwrap();
    house.try_backup().unwrap_err();
    assert!(facts_at(&house, 0).is_lost, "nobody heard of it");
    std::fs::remove_file(&snapshots).unwrap();
    std::fs::rename(&aside, &snapshots).unwrap();
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let (_, made) = now(opened, &backups, &backups.alone().unwrap()).unwrap();
        assert_eq!(made.lost_packs, 0, "the run failed before it took them out of the index");
    });
});

/// A shop whose files cannot be had back from one kept backup.
#[test]
fn what_a_broken_backup_stops_goes_on_when_the_owner_says_so() {
    let shop = tempfile::tempdir().unwrap();
    let more = format!(
        "[backup.keep]\nlast = 3\ndays = 0\nweeks = 0\nmonths = 0\n[backup.shop]\npaths = ['{}']\n",
        shop.path().display()
    );
    let house = House::new(Engine::Sqlite, &more);
    house.vault(|_| ());
    std::fs::write(shop.path().join("index.php"), "<?php").unwrap();
    let first = house.backup();
    let before = files_below(&house.target().join("files/data"));
    let entropy: &dyn storeward_base::Entropy = &SystemEntropy;
    std::fs::write(shop.path().join("film"), entropy.bytes::<60_000>()).unwrap();
    let second = house.backup();
    let packs = files_below(&house.target().join("files/data"));
    let of_film = |pack: &&PathBuf| std::fs::metadata(pack).unwrap().len() > 60_000 && !before.contains(pack);
    std::fs::remove_file(packs.iter().find(of_film).unwrap()).unwrap();
    std::fs::remove_file(shop.path().join("film")).unwrap();
    house.backup();
    let refused = house.try_backup().unwrap_err().to_string();
    assert!(refused.contains("lack something (1)") && refused.contains("forget-broken"), "{refused}");
    let forget = || {
        house.with(|opened| {
            let backups = backups(&opened.data, section(&opened.loaded.config)?, Bars::none())?;
            let alone = backups.alone().map_err(|error| told(&error))?;
            let found = broken::look(opened, &backups, &alone)?;
            assert_eq!(found.runs.keys().copied().collect::<Vec<_>>(), [second]);
            broken::forget(opened, &backups, &alone, (&found, &[second].into()))
        })
    };
    // Not while it may be all that there is.
    let row = FreezeRow {
        frozen_at: storeward_base::Timestamp::EPOCH,
        run: second,
        code: "backup.scrambled".to_owned(),
        changed: 1,
        of_files: 1,
    };
    house.with(|opened| {
        let fact = RetentionFrozen { run: second, code: row.code.clone(), changed: 1, of_files: 1 };
        write(opened, move |tx| {
            sql::freeze(tx, &row)?;
            tx.append(Actor::System, None, fact.clone()).map(drop)
        })
        .unwrap();
    });
    assert!(forget().unwrap_err().to_string().contains("release"));
    house.with(|opened| {
        finished(storeward_backup::desk::release(&opened.db, Actor::Operator)).unwrap().unwrap()
    });
    // Nor without an id, nor where one that is named is whole.
    let count = |house: &House| house.kinds().iter().filter(|kind| *kind == "backup.thinned_out").count();
    let [whole, broken] = [first, second].map(|run| run.to_string());
    for (ids, why) in [
        (&[][..], "lack something: 1"),
        (&["--yes"], "required"),
        (&["--yes", &whole, &broken], "lacks nothing"),
    ] {
        let words = [&["backup", "forget-broken"], ids].concat();
        let refused = stopped::typed(&house.dir(), &words).unwrap_err().to_string();
        assert!(refused.contains(why), "{ids:?}: {refused}");
        assert_eq!(count(&house), 0);
    }
    stopped::typed(&house.dir(), &["backup", "forget-broken", "--yes", &broken]).unwrap();
    assert_eq!((count(&house), house.kinds()[0].as_str()), (1, "backup.thinned_out"));
    house.backup();
    assert_eq!(house.verify(), Vec::<String>::new());
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        assert_eq!(backups.list().unwrap().runs.len(), 3, "old ones go again");
    });
}

// Whoever took another's target over left no word of it, or none where the run was ended before its own.
on_both!(who_takes_a_target_over_is_in_the_ledger_whatever_becomes_of_the_run, |second: House| {
    let first = House::new(Engine::Sqlite, "");
    for house in [&first, &second] {
        house.vault(|_| ());
    }
    first.backup();
    let file = second.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let theirs = text.replace(&second.target().display().to_string(), &first.target().display().to_string());
    std::fs::write(&file, theirs).unwrap();
    assert!(second.try_backup().is_err());
    second.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let backups = backups.taking_over();
        let alone = backups.alone().unwrap();
        let last = |kind: &'static str| {
            let last = move |reader: &mut storeward_store::Reader<'_>| {
                storeward_store::ledger::last_believed(reader, kind)
            };
            opened.db.read_blocking(last).unwrap()
        };
        // Nothing can be written there any more: the run is over before its manifest.
        let (packs, aside) = (first.target().join("files/data"), first.target().join("files/aside"));
        std::fs::rename(&packs, &aside).unwrap();
        std::fs::write(&packs, b"no folder").unwrap();
        now(opened, &backups, &alone).map(drop).unwrap_err();
        assert!(last("backup.made").is_none());
        assert_eq!(last("backup.took_over").map(|(_, record)| record.actor), Some(Actor::Operator));
        std::fs::remove_file(&packs).unwrap();
        std::fs::rename(&aside, &packs).unwrap();
        now(opened, &backups, &alone).unwrap();
        let (_, record) = last("backup.made").unwrap();
        assert_eq!(record.actor, Actor::Operator);
        assert!(matches!(record.event, storeward_events::Event::BackupMade(fact) if fact.takes_over));
    });
});

#[test]
fn customers_keys_are_gone_after_their_days_and_data_stays() {
    let house = House::new(Engine::Sqlite, "");
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let alone = backups.alone().unwrap();
        let packs = || files_below(&house.target().join("keys/data")).len();
        assert!(packs() > 0);
        let in_31_days = opened.clock.now().plus(Duration::from_secs(31 * 24 * 3_600));
        backups.thin_out(&alone, in_31_days, Frozen::Yes, &|_| Ok(())).unwrap();
        assert_eq!((packs(), backups.list().unwrap().runs.len()), (0, 1), "keys are kept, or data is not");
        assert!(!backups.list().unwrap().runs[0].has_keys);
    });
    // Each file was as it was put away, and nobody said that no customer's record opens.
    let lines = house.restore(None, "restored").unwrap();
    assert!(
        lines.iter().any(|line| line.starts_with("BAD   no customers' keys were laid: none")),
        "{lines:?}"
    );
    let short = super::super::restore::fell_short(&lines).unwrap_err().to_string();
    assert!(short.contains("keys are not there"), "{short}");
    // By this clock their days are not over.
    let told = house.try_backup().unwrap_err().to_string();
    assert!(told.contains("nor any others"), "{told}");
    let lines = house.restore(None, "again").unwrap();
    super::super::restore::fell_short(&lines).unwrap();
    assert!(lines.iter().all(|line| !line.starts_with("BAD")), "{lines:?}");
}

/// The newest copy of customers' keys lacks something: it was named in no word of the command line.
#[test]
fn a_restore_says_that_the_newest_copy_of_customers_keys_lacks_something() {
    let house = House::new(Engine::Sqlite, "");
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let packs = files_below(&house.target().join("keys/data"));
    std::fs::remove_file(packs.iter().max_by_key(|pack| std::fs::metadata(pack).unwrap().len()).unwrap())
        .unwrap();
    let lines = house.restore(None, "restored").unwrap();
    let wanted = "BAD   no customers' keys were laid: the newest copy lacks something";
    assert!(lines.iter().any(|line| line.starts_with(wanted)), "{lines:?}");
    assert!(!house.at("restored").join("vault/keys.sqlite").exists());
    let short = super::super::restore::fell_short(&lines).unwrap_err().to_string();
    assert!(short.contains("keys are not there"), "{short}");
}

#[test]
fn a_second_one_at_once_is_refused_and_a_wrong_password_says_so() {
    let house = House::new(Engine::Sqlite, "");
    house.vault(|_| ());
    house.backup();
    house.with(|opened| {
        let first = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let _held = first.alone().unwrap();
        assert_eq!(first.alone().map(drop).unwrap_err(), storeward_backup::Error::Busy);
    });
    write_atomically(&house.dir().join("password"), b"some other six words here").unwrap();
    let told = house.try_backup().unwrap_err().to_string();
    assert!(told.contains("does not open") && told.contains("→") && !told.contains("six words"), "{told}");
    assert_eq!(house.kinds()[0], "backup.failed");
    let config = house.with(|opened| opened.loaded.config.clone());
    assert!(look(&house.dir(), &config).is_err());
}
