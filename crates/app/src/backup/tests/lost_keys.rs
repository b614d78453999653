//! A key store that lost what it had: its copy would be the newest, and the good ones before it would be laid by no restore.

use storeward_backup::Part;

use super::*;

fn harmed(house: &House) -> Vec<String> {
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        super::super::restore::harmed(opened, &backups, &backups.list().unwrap()).unwrap()
    })
}

fn keys_of(house: &House, keys_run: BackupId, to: &str) -> Done<Vec<String>> {
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config)?, Bars::none())?;
        let alone = backups.alone().map_err(|error| told(&error))?;
        let keys_from = Some(opened.data.path().to_owned());
        let (to, keys_run) = (house.at(to), Some(keys_run));
        restore(
            &Beside::Opened(opened),
            &backups,
            &alone,
            &Wanted { run: None, to, shop_to: None, keys_from, keys_run },
        )
    })
}

fn copies_of_keys(house: &House) -> usize {
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        backups.snapshots(Part::Keys).unwrap().len()
    })
}

// The schedule put an empty one away with status 0, every restore laid that, of any run, and after thirty days no other was left.
on_both!(a_lost_key_store_is_put_away_as_no_newest_one, |house: House| {
    house.vault(|standing| {
        keep(standing, ada(), "ada@shop.example");
        keep(standing, bob(), "bob@shop.example");
    });
    let good = house.backup();
    for name in ["", "-wal", "-shm"] {
        drop(std::fs::remove_file(house.dir().join(format!("vault/keys.sqlite{name}"))));
    }
    let told = house.try_backup().unwrap_err().to_string();
    assert!(told.contains("without customers' keys") && told.contains("is gone or empty"), "{told}");
    assert!(!house.dir().join("vault/keys.sqlite").exists(), "looking makes none");
    // A start makes an empty one.
    house.vault(|_| ());
    let told = house.try_backup().unwrap_err().to_string();
    assert!(told.contains("a key of none of the 2 customers"), "{told}");
    assert_eq!(copies_of_keys(&house), 1);
    let told = harmed(&house);
    assert!(told.iter().any(|line| line.contains("was made without customers' keys")), "{told:?}");
    let looked = house.with(|opened| {
        let standing = crate::vault::start(opened).unwrap().unwrap();
        let status = crate::vault::status(opened, &standing).map_err(|why| why.to_string());
        standing.close();
        status
    });
    assert!(looked.is_err_and(|told| told.contains("none of the 2 customers")));
    let lines = house.restore(None, "back").unwrap();
    assert!(
        lines.iter().any(|line| line.starts_with("BAD") && line.contains(&good.to_string())),
        "{lines:?}"
    );
    open_restored(&house.at("back"), &house, |_, standing| {
        assert_eq!(email(standing, ada()).unwrap(), "ada@shop.example");
        assert_eq!(email(standing, bob()).unwrap(), "bob@shop.example");
    })
    .unwrap();
    // As docs/vault.md says.
    std::fs::copy(house.at("back/vault/keys.sqlite"), house.dir().join("vault/keys.sqlite")).unwrap();
    for name in ["-wal", "-shm"] {
        drop(std::fs::remove_file(house.dir().join(format!("vault/keys.sqlite{name}"))));
    }
    house.backup();
    assert!(house.drill().has_passed());
});

on_both!(a_key_store_that_lost_some_takes_no_earlier_copy_with_it, |house: House| {
    let copy = super::since::with_copy(&house);
    let eve = CustomerId::from_bits(0xE5E);
    house.vault(|standing| {
        keep(standing, ada(), "ada@shop.example");
        keep(standing, bob(), "bob@shop.example");
        // Who was erased is in no data, and hides nobody who is.
        keep(standing, eve, "eve@shop.example");
        finished(standing.vault.erase(&own(eve))).unwrap().unwrap();
    });
    let good = house.backup();
    let of_then = std::fs::read(&copy).unwrap();
    house.with(|opened| {
        let url = format!("sqlite:{}", opened.data.join("vault/keys.sqlite").display());
        let keys = crate::vault::open_keys(opened, &opened.data, &url).unwrap();
        keys.write_blocking(|tx| {
            tx.commit_silent("what a disk lost");
            tx.execute("DELETE FROM vault_customer_key WHERE customer = $1", storeward_store::params![bob()])
                .map(drop)
        })
        .unwrap();
        keys.close();
    });
    let told = house.try_backup().unwrap_err().to_string();
    assert!(told.contains("with the keys that there are") && told.contains("no key of 1 of the 2"), "{told}");
    assert_eq!(copies_of_keys(&house), 2);
    // With its epoch the good copy would have ended, and its last key with the copy of that.
    house.vault(|standing| {
        let rotated = finished(standing.vault.rotate_shown(Duration::ZERO, |_| {})).unwrap();
        let refused = rotated.unwrap_err();
        assert!(matches!(refused, storeward_vault::Error::Keyless { count: 1, customers: 2 }), "{refused}");
    });
    assert!(house.try_backup().is_err());
    assert!(std::fs::read(&copy).unwrap() == of_then);
    let told = harmed(&house);
    assert!(told.iter().any(|line| line.contains("no key of 1 of the 2")), "{told:?}");
    let lines = house.restore(None, "back").unwrap();
    let is_told = |line: &String| line.starts_with("BAD") && line.contains("at least 1 of them do not open");
    assert!(lines.iter().any(is_told), "{lines:?}");
    assert!(super::super::restore::fell_short(&lines).is_err());
    let lines = keys_of(&house, good, "good").unwrap();
    let is_told = |line: &String| line.starts_with("BAD") && line.contains("as was asked for");
    assert!(lines.iter().any(is_told) && !lines.iter().any(|line| line.contains("do not open")), "{lines:?}");
    open_restored(&house.at("good"), &house, |_, standing| {
        assert_eq!(email(standing, bob()).unwrap(), "bob@shop.example");
    })
    .unwrap();
    let refused = keys_of(&house, BackupId::from_bits(7), "none").unwrap_err().to_string();
    assert!(refused.contains("with customers' keys"), "{refused}");
});

// An empty database knew of no backup: its own was the newest, the drill passed, a restore gave an empty shop with status 0, and retention deleted the last
// good one two days later.
on_both!(a_lost_database_is_put_away_by_nobody_as_the_newest_backup, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    let good = house.backup();
    let before = std::fs::read(house.dir().join("storeward.toml")).unwrap();
    let fresh = House::new(Engine::Sqlite, "");
    let text = String::from_utf8(before).unwrap();
    let url = text.lines().find(|line| line.starts_with("url = "));
    let text = url.map_or_else(|| text.clone(), |url| text.replace(url, "url = 'sqlite:other.sqlite'"));
    std::fs::write(fresh.dir().join("storeward.toml"), text).unwrap();
    for name in ["keys/ledger", "keys/pseudonym", "keys/data", "password"] {
        std::fs::copy(house.dir().join(name), fresh.dir().join(name)).unwrap();
    }
    fresh.vault(|_| ());
    let told = fresh.try_backup().unwrap_err().to_string();
    assert!(told.contains(&good.to_string()) && told.contains("lost its database"), "{told}");
    let told = harmed(&fresh);
    assert!(told.iter().any(|line| line.contains("lost its database")), "{told:?}");
    assert!(!fresh.drill().has_passed());
    // What it is there for goes on.
    let lines = fresh.restore(None, "back").unwrap();
    assert!(lines.iter().any(|line| line.contains(&good.to_string())), "{lines:?}");
});

// The whole folder: a look by what lies in it took that for a vault that never was.
#[test]
fn so_it_is_where_all_of_the_vault_is_gone() {
    let house = House::new(Engine::Sqlite, "");
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    std::fs::remove_dir_all(house.dir().join("vault")).unwrap();
    let told = house.try_backup().unwrap_err().to_string();
    assert!(told.contains("without customers' keys"), "{told}");
    assert_eq!(copies_of_keys(&house), 1);
}

// Whom it erased since is asked of it where it opens; where it does not, the copy is made all the same.
#[test]
fn a_key_store_that_does_not_open_keeps_no_copy_from_being_restored() {
    let house = House::new(Engine::Sqlite, "");
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    std::fs::write(
        house.dir().join("vault/keys.sqlite"),
        "noise where a database was, as a failing disk leaves it",
    )
    .unwrap();
    for name in ["-wal", "-shm"] {
        drop(std::fs::remove_file(house.dir().join(format!("vault/keys.sqlite{name}"))));
    }
    assert!(house.try_backup().is_err(), "it is put away as no copy");
    assert_eq!(copies_of_keys(&house), 1);
    let lines = house.restore(None, "back").unwrap();
    let is_told = |line: &String| line.starts_with("BAD") && line.contains("cannot be told");
    assert!(lines.iter().any(is_told), "{lines:?}");
    open_restored(&house.at("back"), &house, |_, standing| {
        assert_eq!(email(standing, ada()).unwrap(), "ada@shop.example");
    })
    .unwrap();
}
