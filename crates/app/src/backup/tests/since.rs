//! What was said and erased after a backup was made.

use storeward_policy::Purpose;
use storeward_vault::{Use, Word};

use super::*;

/// The copy of the epochs' keys, outside of the data directory.
fn with_copy(house: &House) -> PathBuf {
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
        let wanted = Wanted { run: None, to: house.at(to), shop_to: None, keys_from: Some(keys.clone()) };
        house.with(|opened| {
            let backups =
                backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
            let alone = backups.alone().unwrap();
            restore(&Beside::Nothing, &backups, &alone, &wanted).unwrap()
        })
    };
    let lines = restore_away("theirs");
    assert!(
        lines.iter().any(|line| line.starts_with("BAD") && line.contains("Erase them again")),
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
