//! What was said and erased after a backup was made.

use storeward_policy::Purpose;
use storeward_vault::{Use, Word};

use super::*;

/// The copy of the epochs' keys, outside of the data directory.
pub(super) fn with_copy(house: &House) -> PathBuf {
    let folder = house.at("elsewhere");
    std::fs::create_dir(&folder).unwrap();
    let copy = folder.join("epochs.json");
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let with = text.replace("[backup]\n", &format!("[backup]\nepochs_copy = '{}'\n", copy.display()));
    std::fs::write(&file, with).unwrap();
    copy
}

fn is_beyond_backups(house: &House) -> bool {
    house.vault(|standing| {
        let erasure = finished(standing.vault.erasure(ada())).unwrap().unwrap();
        erasure.unwrap().beyond_backups
    })
}

// Whoever was erased came back whole from the newest backup and the copy of the epochs' keys, long after Storeward had said that no backup
// of the keys opens anything.
on_both!(nobody_is_beyond_backups_while_the_copy_of_the_epochs_opens_them, |house: House| {
    let copy = with_copy(&house);
    house.vault(|standing| {
        keep(standing, ada(), "ada@shop.example");
        keep(standing, bob(), "bob@shop.example");
    });
    house.backup();
    house.vault(|standing| {
        finished(standing.vault.erase(&own(ada()))).unwrap().unwrap();
        assert_eq!(finished(standing.vault.keys().rotate(Duration::ZERO)).unwrap().unwrap().len(), 1);
    });
    // The attack: another machine, the target, keys/ and the copy.
    let keys = house.at("elsewhere");
    std::fs::create_dir(keys.join("keys")).unwrap();
    for entry in std::fs::read_dir(house.dir().join("keys")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), keys.join("keys").join(entry.file_name())).unwrap();
    }
    let restore_away = |to: &str| {
        let wanted = Wanted {
            run: None,
            to: house.at(to),
            shop_to: None,
            keys_from: Some(keys.clone()),
            keys_run: None,
        };
        house.with(|opened| {
            let backups =
                backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
            let alone = backups.alone().unwrap();
            restore(&Beside::Nothing, &backups, &alone, &wanted).unwrap()
        })
    };
    let lines = restore_away("theirs");
    assert!(
        lines.iter().any(|line| line.starts_with("LOOK") && line.contains("Erase them again")),
        "{lines:?}"
    );
    open_restored(&house.at("theirs"), &house, |_, standing| {
        assert_eq!(
            email(standing, ada()).unwrap(),
            "ada@shop.example",
            "the copy is needed for the newest backup"
        );
    })
    .unwrap();
    assert!(!is_beyond_backups(&house), "it opens, and was called beyond backups");
    // A disk that is away holds what it held.
    let away = copy.with_extension("away");
    std::fs::rename(&copy, &away).unwrap();
    assert!(!is_beyond_backups(&house));
    std::fs::write(&copy, "{}").unwrap();
    assert!(!is_beyond_backups(&house));
    std::fs::rename(&away, &copy).unwrap();
    // An epoch that ended makes a backup due, whatever the clock says.
    schedule::scheduled(&house.dir()).unwrap();
    assert!(is_beyond_backups(&house));
    restore_away("later");
    open_restored(&house.at("later"), &house, |_, standing| {
        assert_eq!(email(standing, bob()).unwrap(), "bob@shop.example");
        assert!(email(standing, ada()).is_err());
    })
    .unwrap();
});

// A restriction, a withdrawal and an objection were gone without a word.
on_both!(what_was_said_after_a_backup_is_named_by_its_restore, |house: House| {
    house.vault(|standing| {
        keep(standing, ada(), "ada@shop.example");
        keep(standing, bob(), "bob@shop.example");
    });
    let run = house.backup();
    house.vault(|standing| {
        finished(standing.vault.restrict(&own(bob()), Use::Restricted)).unwrap().unwrap();
        finished(standing.vault.say(&own(bob()), Purpose::Marketing, Word::Withdraw)).unwrap().unwrap();
        finished(standing.vault.say(&own(ada()), Purpose::Support, Word::Object)).unwrap().unwrap();
    });
    let lines = house.restore(Some(run), "restored").unwrap();
    let of = |who: CustomerId| lines.iter().find(|line| line.trim_start().starts_with(&who.to_string()));
    let (hers, his) = (of(ada()).unwrap(), of(bob()).unwrap());
    assert!(hers.contains("objected to support"), "{lines:?}");
    assert!(his.contains("use restricted") && his.contains("withdrew marketing"), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("shop.example")));
    let later = house.backup();
    let lines = house.restore(Some(later), "again").unwrap();
    assert!(!lines.iter().any(|line| line.contains("say it again there")), "{lines:?}");
});

// A restore of any backup from before another passphrase ended, each time, and what it had read out was of no use to anybody.
on_both!(a_backup_from_before_another_passphrase_opens_with_the_one_of_now, |house: House| {
    house.vault(|standing| {
        keep(standing, ada(), "ada@shop.example");
        keep(standing, bob(), "bob@shop.example");
    });
    let run = house.backup();
    house.vault(|standing| finished(standing.vault.erase(&own(ada()))).unwrap().unwrap());
    let passphrase = house.at("passphrase");
    write_atomically(&passphrase, b"a passphrase of another day").unwrap();
    house.with(|opened| crate::vault::change_passphrase(opened, &passphrase).unwrap());
    let file = house.dir().join(crate::config::FILE);
    let with = |text: &str| {
        text.replace("[vault]\n", &format!("[vault]\npassphrase_file = '{}'\n", passphrase.display()))
    };
    std::fs::write(&file, with(&std::fs::read_to_string(&file).unwrap())).unwrap();
    // Without this machine it opens with the passphrase of before only.
    let report = house.drill();
    let failed: Vec<_> =
        report.findings.iter().filter(|one| !one.held).map(|one| one.what.as_str()).collect();
    assert_eq!(failed, ["root"], "{report:?}");
    let lines = house.restore(Some(run), "restored").unwrap();
    assert!(lines.iter().any(|line| line.contains("under the passphrase of now")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("1 customers who were erased")), "{lines:?}");
    let file = house.at("restored").join(crate::config::FILE);
    std::fs::write(&file, with(&std::fs::read_to_string(&file).unwrap())).unwrap();
    open_restored(&house.at("restored"), &house, |_, standing| {
        assert_eq!(email(standing, bob()).unwrap(), "bob@shop.example");
        assert!(email(standing, ada()).is_err(), "she came back");
    })
    .unwrap();
});

// The drill opened what it had restored with this machine's own keys, and passed for years beside a copy that held nothing.
on_both!(a_drill_fails_while_the_copy_of_the_epochs_is_gone_or_opens_nothing, |house: House| {
    let copy = with_copy(&house);
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let config = |house: &House| house.with(|opened| opened.loaded.config.clone());
    let says = |house: &House| look(&house.dir(), &config(house)).unwrap().unwrap_err().0;
    assert!(house.drill().has_passed());
    assert!(!says(&house).contains("epochs_copy"));
    let whole = std::fs::read_to_string(&copy).unwrap();
    // The same epoch's key, wrapped otherwise: another house's.
    let (before, wrapped) = whole.split_once("\"wrapped\"").unwrap();
    let other = format!(
        "{before}\"wrapped\"{}",
        wrapped.replacen(|c: char| c.is_ascii_hexdigit(), "", 2).replacen('"', "\"00", 1)
    );
    assert_ne!(whole, other);
    for bad in [Some(other.as_str()), Some("garbage"), None] {
        match bad {
            Some(text) => std::fs::write(&copy, text).unwrap(),
            None => std::fs::remove_file(&copy).unwrap(),
        }
        let report = house.drill();
        let failed: Vec<&str> =
            report.findings.iter().filter(|one| !one.held).map(|one| one.what.as_str()).collect();
        assert_eq!(failed, ["epochs"], "{bad:?}");
        assert_eq!(says(&house).contains("epochs_copy"), bad != Some(other.as_str()));
    }
    house.backup();
    assert!(house.drill().has_passed());
});

// The owner took another disk for the copy: the one on the disk before opened everybody who was erased since, and the proof said that nothing did.
on_both!(a_copy_on_a_disk_of_before_counts_until_somebody_says_that_it_is_gone, |house: House| {
    let first = with_copy(&house);
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let second = house.at("elsewhere").join("another.json");
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(first.to_str().unwrap(), second.to_str().unwrap())).unwrap();
    house.vault(|standing| {
        finished(standing.vault.erase(&own(ada()))).unwrap().unwrap();
        finished(standing.vault.keys().rotate(Duration::ZERO)).unwrap().unwrap();
    });
    house.backup();
    assert!(first.exists() && second.exists());
    assert!(!is_beyond_backups(&house));
    let config = house.with(|opened| opened.loaded.config.clone());
    let says = || look(&house.dir(), &config).unwrap().unwrap_or_else(|told| told.0);
    assert!(says().contains(first.to_str().unwrap()), "{}", says());
    let gone =
        |path: &PathBuf| house.vault(|standing| copies::gone(standing, path).map_err(|why| why.to_string()));
    assert!(gone(&first).unwrap_err().contains("is still there"));
    assert!(gone(&second).unwrap_err().contains("is no earlier copy"), "the one of now");
    // A disk that is away is no proof.
    std::fs::remove_file(&first).unwrap();
    assert!(!is_beyond_backups(&house));
    let away = std::fs::read(&second).unwrap();
    gone(&first).unwrap();
    assert!(is_beyond_backups(&house));
    assert!(!says().contains(first.to_str().unwrap()), "{}", says());
    // It was only away: the disk is back.
    let ended = String::from_utf8(away).unwrap().replacen("\"epoch\": 2", "\"epoch\": 1", 1);
    assert_ne!(ended.as_bytes(), std::fs::read(&second).unwrap());
    std::fs::write(&first, ended).unwrap();
    assert!(!is_beyond_backups(&house));
    assert!(says().contains(first.to_str().unwrap()), "{}", says());
});

// Another disk at the same place: the copy of before went away with the one that was there.
on_both!(a_disk_that_was_changed_for_another_took_a_copy_with_it, |house: House| {
    let copy = with_copy(&house);
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let taken_away = house.at("elsewhere").join("in-a-drawer.json");
    std::fs::rename(&copy, &taken_away).unwrap();
    house.vault(|standing| {
        finished(standing.vault.erase(&own(ada()))).unwrap().unwrap();
        finished(standing.vault.keys().rotate(Duration::ZERO)).unwrap().unwrap();
    });
    house.backup();
    house.backup();
    assert!(copy.exists() && !is_beyond_backups(&house));
    let config = house.with(|opened| opened.loaded.config.clone());
    let (told, todo) = look(&house.dir(), &config).unwrap().unwrap_err();
    assert!(
        told.contains("that lay at") && todo.contains("not the copy that lies there now"),
        "{told}: {todo}"
    );
    house.vault(|standing| copies::gone(standing, &copy).map(drop)).unwrap();
    assert!(is_beyond_backups(&house));
});

// Two disks in turn, at one place: whichever was away opened whoever was erased meanwhile, and the proof said that nothing did.
on_both!(of_two_disks_in_turn_the_one_that_is_away_counts, |house: House| {
    let copy = with_copy(&house);
    let drawer = house.at("elsewhere");
    let change = |from: &str, to: &str| {
        let mark = copy.with_extension("mark");
        for (place, ending) in [(&copy, "json"), (&mark, "mark")] {
            let kept = |name: &str| drawer.join(format!("{name}.{ending}"));
            std::fs::rename(place, kept(from)).unwrap();
            if kept(to).exists() {
                std::fs::rename(kept(to), place).unwrap();
            }
        }
    };
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    change("first", "second");
    house.backup();
    change("second", "first");
    house.backup();
    house.vault(|standing| {
        finished(standing.vault.erase(&own(ada()))).unwrap().unwrap();
        finished(standing.vault.keys().rotate(Duration::ZERO)).unwrap().unwrap();
    });
    house.backup();
    assert!(!is_beyond_backups(&house), "the second has the epoch that ended");
    // It comes back, and is replaced: now it is the first that is away, and it was replaced after the end.
    change("first", "second");
    house.backup();
    assert!(!is_beyond_backups(&house));
    let twice = house.vault(|standing| {
        let lost = || standing.vault.keys().shelf().earlier_copies().unwrap();
        let before = lost();
        copies::gone(standing, &copy).map(drop).unwrap();
        (before, lost())
    });
    assert_eq!(twice, (vec![copy.clone()], vec![]));
    assert!(is_beyond_backups(&house));
});

// A disk that was copied whole bore its original's mark, and passed for it for ever.
on_both!(a_disk_that_is_a_copy_of_another_is_told_from_it, |house: House| {
    let copy = with_copy(&house);
    let mark = copy.with_extension("mark");
    let at = |disk: &str, ending: &str| house.at("elsewhere").join(format!("{disk}.{ending}"));
    let put_away = |disk: &str| {
        std::fs::copy(&copy, at(disk, "json")).unwrap();
        std::fs::copy(&mark, at(disk, "mark")).unwrap();
    };
    let put_back = |disk: &str| {
        std::fs::copy(at(disk, "json"), &copy).unwrap();
        std::fs::copy(at(disk, "mark"), &mark).unwrap();
    };
    let earlier = || house.vault(|standing| standing.vault.keys().shelf().earlier_copies().unwrap());
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    put_away("original");
    house.vault(|standing| {
        finished(standing.vault.erase(&own(ada()))).unwrap().unwrap();
        finished(standing.vault.keys().rotate(Duration::ZERO)).unwrap().unwrap();
    });
    house.backup();
    put_away("copied");
    put_back("original");
    house.backup();
    assert_eq!(earlier(), std::slice::from_ref(&copy), "the one that was copied is away");
    assert!(!is_beyond_backups(&house));
    put_away("original");
    assert_ne!(std::fs::read(at("copied", "mark")).unwrap(), std::fs::read(at("original", "mark")).unwrap());
    put_back("copied");
    house.backup();
    assert_eq!(earlier(), std::slice::from_ref(&copy), "the original is away");
    house.vault(|standing| copies::gone(standing, &copy).map(drop).unwrap());
    assert_eq!(earlier(), Vec::<PathBuf>::new());
    assert!(is_beyond_backups(&house));
});

// The keys were written over the list of where their copies are, were a copy of themselves, or went into each backup, older ones for as long
// as older backups are kept.
on_both!(a_copy_of_the_epochs_beside_them_or_in_what_is_put_away_is_refused, |house: House| {
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    let shop = house.at("of-the-shop");
    std::fs::create_dir_all(&shop).unwrap();
    let own = house.dir();
    let link = house.at("link");
    std::os::unix::fs::symlink(own.join("keys"), &link).unwrap();
    let shop_paths = format!("\n[backup.shop]\npaths = ['{}']\n", shop.display());
    // The file itself, which is not there yet.
    let file_of_shop = house.at("epochs.json");
    let by_name = format!("\n[backup.shop]\npaths = ['{}']\n", file_of_shop.display());
    for (copy, more) in [
        (own.join("vault/epochs.json"), ""),
        (own.join("vault/epochs.copies"), ""),
        (own.join("keys/../vault/epochs.mark"), ""),
        (own.join("keys/epochs.json"), ""),
        (link.join("new/epochs.json"), ""),
        (shop.join("new/epochs.json"), shop_paths.as_str()),
        (file_of_shop.clone(), by_name.as_str()),
    ] {
        let with = text.replace("[backup]\n", &format!("[backup]\nepochs_copy = '{}'\n", copy.display()));
        std::fs::write(&file, format!("{with}{more}")).unwrap();
        let refused = house.try_backup().unwrap_err().to_string();
        assert!(refused.contains("backup.epochs_copy lies in"), "{}: {refused}", copy.display());
    }
    std::fs::write(&file, &text).unwrap();
    house.backup();
});

/// A folder under a second name, for as long as this lives.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg(&self.0).status());
    }
}

// By the second name of a folder of the shop's the keys went into each backup. Only who may mount can try it.
on_both!(a_second_name_of_a_folder_that_is_put_away_is_seen_through, |house: House| {
    let [shop, second] = ["of-the-shop", "mounted"].map(|name| house.at(name));
    for folder in [&shop, &second] {
        std::fs::create_dir(folder).unwrap();
    }
    let mut mount = std::process::Command::new("mount");
    let mount = mount.arg("--bind").args([&shop, &second]).stderr(std::process::Stdio::null());
    if !mount.status().is_ok_and(|ended| ended.success()) {
        return;
    }
    let _mounted = Mounted(second.clone());
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let copy = format!("[backup]\nepochs_copy = '{}'\n", second.join("new/epochs.json").display());
    let shop_paths = format!("\n[backup.shop]\npaths = ['{}']\n", shop.display());
    std::fs::write(&file, format!("{}{shop_paths}", text.replace("[backup]\n", &copy))).unwrap();
    let refused = house.try_backup().unwrap_err().to_string();
    assert!(refused.contains("backup.epochs_copy lies in"), "{refused}");
});

// Whoever may write where the copy lies had Storeward's own files written over with zeros.
on_both!(a_link_at_the_place_of_the_copy_leads_to_no_other_file, |house: House| {
    let copy = with_copy(&house);
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    let own = house.at("elsewhere").join("own");
    for hard in [false, true] {
        std::fs::write(&own, b"somebody's").unwrap();
        match hard {
            true => std::fs::hard_link(&own, &copy).unwrap(),
            false => std::os::unix::fs::symlink(&own, &copy).unwrap(),
        }
        assert!(house.try_backup().unwrap_err().to_string().contains("is a link"), "{hard}");
        assert_eq!(std::fs::read(&own).unwrap(), b"somebody's");
        std::fs::remove_file(&copy).unwrap();
    }
    house.backup();
});

// The live database, the config, the backup's own password: whatever the setting named was written over with the epochs' keys.
on_both!(what_lies_at_the_place_of_the_copy_and_is_none_is_not_written_over, |house: House| {
    let copy = with_copy(&house);
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    let keys = std::fs::read(&copy).unwrap();
    for other in
        [&b"six words that nobody guesses"[..], b"{}", b"SQLite format 3\0\x10\0\x01\x01\0\xff", &keys[1..]]
    {
        std::fs::write(&copy, other).unwrap();
        let refused = house.try_backup().unwrap_err().to_string();
        assert!(refused.contains("is no copy of the epochs' keys"), "{refused}");
        assert_eq!(std::fs::read(&copy).unwrap(), other);
    }
    // An empty one, and one that a stop left while it was written over.
    for blank in [vec![], vec![0; keys.len()]] {
        std::fs::write(&copy, blank).unwrap();
        house.backup();
        assert_eq!(std::fs::read(&copy).unwrap(), keys);
    }
    // So may the note beside it be. It counted as another Storeward's, and the copy was never replaced again.
    let note = copy.with_file_name("newest-backup.json");
    let whole = std::fs::read(&note).unwrap();
    for torn in [&whole[..50], b""] {
        std::fs::write(&note, torn).unwrap();
        let newest = house.backup().to_string();
        assert!(std::fs::read_to_string(&note).unwrap().contains(&newest));
    }
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("elsewhere/epochs.json", "elsewhere/newest-backup.json")).unwrap();
    let refused = house.try_backup().unwrap_err().to_string();
    assert!(refused.contains("another file's name"), "{refused}");
});

// Two shops on one machine with the same copy: each backup wrote over the other's, and only a drill noticed.
on_both!(the_copy_of_another_storeward_and_what_it_goes_on_with_are_not_written_over, |house: House| {
    let other = House::new(Engine::Sqlite, "");
    let copy = with_copy(&other);
    for one in [&house, &other] {
        one.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    }
    other.backup();
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    // By a link, too, whatever it is called.
    let link = house.at("copies");
    std::os::unix::fs::symlink(other.dir().join("vault"), &link).unwrap();
    for place in [&copy, &other.dir().join("vault/epochs.json"), &link.join("epochs.json")] {
        let with = text.replace("[backup]\n", &format!("[backup]\nepochs_copy = '{}'\n", place.display()));
        std::fs::write(&file, with).unwrap();
        let before = std::fs::read(place).unwrap();
        let refused = house.try_backup().unwrap_err().to_string();
        assert!(refused.contains("is another Storeward's"), "{refused}");
        assert_eq!(std::fs::read(place).unwrap(), before);
    }
    // Its owner goes on with it.
    other.backup();
    assert!(other.drill().has_passed());
});

/// Beside a copy of the epochs' keys: a folder as somebody keeps it who has lost the machine.
fn kept_apart(house: &House) -> PathBuf {
    let keys = house.at("elsewhere");
    std::fs::create_dir(keys.join("keys")).unwrap();
    for entry in std::fs::read_dir(house.dir().join("keys")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), keys.join("keys").join(entry.file_name())).unwrap();
    }
    keys
}

// It ended with an error half-way, or with a copy that did not open, and named no way out: both there are open it.
on_both!(a_restore_after_a_rotation_and_before_the_next_backup_says_what_opens_it, |house: House| {
    with_copy(&house);
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    house.vault(|standing| {
        assert_eq!(finished(standing.vault.keys().rotate(Duration::ZERO)).unwrap().unwrap().len(), 1);
    });
    let restore_away = |to: &str, keys: PathBuf| {
        let wanted =
            Wanted { run: None, to: house.at(to), shop_to: None, keys_from: Some(keys), keys_run: None };
        house.with(|opened| {
            let own = section(&opened.loaded.config).unwrap();
            let backups = backups(&opened.data, own, Bars::none()).unwrap();
            let alone = backups.alone().unwrap();
            restore(&Beside::Nothing, &backups, &alone, &wanted).unwrap()
        })
    };
    for lines in [house.restore(None, "own").unwrap(), restore_away("away", house.dir())] {
        let told = lines.iter().find(|line| line.starts_with(super::super::restore::ENDED)).unwrap();
        for way in ["storeward backup now", "backup.epochs_copy", "--keys-from"] {
            assert!(told.contains(way), "{told}");
        }
        let short = super::super::restore::fell_short(&lines).unwrap_err().to_string();
        assert!(short.contains("storeward backup now"), "{short}");
    }
    // Whoever opens it all the same reads it, too.
    let refused = open_restored(&house.at("own"), &house, |_, _| ()).unwrap_err().to_string();
    assert!(refused.contains("gone on purpose") && refused.contains("storeward backup now"), "{refused}");
    let opens = |to: &str| {
        open_restored(&house.at(to), &house, |_, standing| {
            assert_eq!(email(standing, ada()).unwrap(), "ada@shop.example");
        })
        .unwrap();
    };
    let lines = restore_away("by-the-copy", kept_apart(&house));
    super::super::restore::fell_short(&lines).unwrap();
    opens("by-the-copy");
    house.backup();
    super::super::restore::fell_short(&house.restore(None, "after").unwrap()).unwrap();
    opens("after");
});

// The directory was put back to before the epoch began, and its next backup wrote the older epochs over the only copy of that key: what was sealed
// since opened by nothing any more.
#[test]
fn the_key_of_a_later_epoch_is_not_written_over() {
    let house = House::new(Engine::Sqlite, "");
    let copy = with_copy(&house);
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    super::rows::copied(&house.dir(), &house.at("older"));
    house.vault(|standing| {
        finished(standing.vault.keys().rotate(Duration::ZERO)).unwrap().unwrap();
        keep(standing, bob(), "bob@shop.example");
    });
    let between = house.backup();
    let later = std::fs::read(&copy).unwrap();
    std::fs::remove_dir_all(house.dir()).unwrap();
    super::rows::copied(&house.at("older"), &house.dir());
    let again = || {
        house.with(|opened| {
            let own = section(&opened.loaded.config).unwrap();
            let made = backups(&opened.data, own, Bars::none()).unwrap().taking_over();
            now(opened, &made, &made.alone().unwrap()).map(drop).map_err(|why| why.to_string())
        })
    };
    let refused = again().unwrap_err();
    assert!(refused.contains("never had") && refused.contains("number 2"), "{refused}");
    assert!(std::fs::read(&copy).unwrap() == later, "it is there still");
    // What it opens comes back with it, from the run in between.
    let keys = house.at("kept");
    super::rows::copied(&house.dir().join("keys"), &keys.join("keys"));
    std::fs::rename(&copy, keys.join("epochs.json")).unwrap();
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let wanted = Wanted {
            run: Some(between),
            to: house.at("back"),
            shop_to: None,
            keys_from: Some(keys.clone()),
            keys_run: None,
        };
        restore(&Beside::Nothing, &backups, &backups.alone().unwrap(), &wanted).unwrap();
    });
    again().unwrap();
    assert!(copy.exists());
}
