//! Restores that end in the middle, and directories that were named from where the program stands.

use std::cell::Cell;

use clap::Parser as _;

use super::*;

thread_local! {
    /// How many steps a restore still takes; none where it is not ended.
    static STEPS_LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// What lies on the disk then is what a kill would leave: nothing is tidied up on the way out.
pub fn step() -> Done {
    match STEPS_LEFT.get() {
        None => Ok(()),
        Some(0) => Err(Failure::new("stopped here")),
        Some(left) => {
            STEPS_LEFT.set(Some(left - 1));
            Ok(())
        }
    }
}

/// A word as it is typed.
pub fn typed(dir: &Path, words: &[&str]) -> Done {
    let dir = dir.display().to_string();
    let line = [&["storeward"], words, &["--dir", &dir]].concat();
    let cli = crate::Cli::try_parse_from(line).map_err(|why| Failure::new(why.to_string()))?;
    crate::act(cli.word)
}

// The folder had its keys, and whoever was erased since that backup: it started, and she was found in it.
on_both!(a_restore_that_ends_anywhere_leaves_nothing_that_starts_and_is_repeated, |house: House| {
    house.vault(|standing| {
        keep(standing, ada(), "ada@shop.example");
        keep(standing, bob(), "bob@shop.example");
    });
    house.backup();
    house.vault(|standing| finished(standing.vault.erase(&own(ada()))).unwrap().unwrap());
    let to = house.at("to");
    let mut ended = 0;
    let lines = loop {
        STEPS_LEFT.set(Some(ended));
        let done = house.restore(None, "to");
        STEPS_LEFT.set(None);
        match done {
            Ok(lines) => break lines,
            Err(why) => assert_eq!(why.to_string(), "stopped here"),
        }
        for words in [
            &["run"][..],
            &["check"],
            &["check", "--quick"],
            &["init", "--force", "--domain", "shop.example", "--upstream", "http://127.0.0.1:1"],
            &["demo"],
            &["audit", "verify"],
            &["vault", "status"],
            &["staff", "list"],
            &["backup", "list"],
        ] {
            let refused = typed(&to, words).unwrap_err().to_string();
            assert!(refused.contains("has not come to its end"), "{ended} {words:?}: {refused}");
        }
        ended += 1;
    };
    assert_eq!(ended, 5, "mark, files, keys, erasure, ledger");
    assert!(lines.iter().any(|line| line.starts_with("1 customers who were erased since")), "{lines:?}");
    open_restored(&to, &house, |_, standing| {
        assert!(email(standing, ada()).is_err(), "she came back");
        assert_eq!(email(standing, bob()).unwrap(), "bob@shop.example");
    })
    .unwrap();
    assert!(house.restore(None, "to").unwrap_err().to_string().contains("is not empty"));
    // Whoever lays the keys by hand reads whom to erase.
    house.with(|opened| {
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let wanted =
            Wanted { run: None, to: house.at("bare"), shop_to: None, keys_from: None, keys_run: None };
        let lines = restore(&Beside::Opened(opened), &backups, &backups.alone().unwrap(), &wanted).unwrap();
        assert!(lines.iter().any(|line| line.contains(&format!("{}: was erased", ada()))), "{lines:?}");
    });
});

/// The second of two took what the first was writing for what a killed one had left.
#[test]
fn two_restores_into_one_folder_are_one_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("to");
    let first = DataDir::restore_into(&to).unwrap();
    std::fs::create_dir(to.join("vault")).unwrap();
    std::fs::write(to.join("vault/root.json"), "{}").unwrap();
    assert!(DataDir::restore_into(&to).unwrap_err().to_string().contains("under way"));
    assert!(to.join("vault/root.json").exists());
    drop(first);
    let second = DataDir::restore_into(&to).unwrap();
    assert!(!to.join("vault").exists(), "of a cut off one nothing is kept");
    second.finish().unwrap();
    assert!(DataDir::open(&to).is_ok());
}

// Each scheduled drill failed, and a restore ended before it had erased again.
on_both!(paths_in_a_directory_that_is_named_relatively_are_found_by_drills_and_restores, |house: House| {
    let file = house.dir().join(crate::config::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let with = text.replace("[vault]\n", "[vault]\npassphrase_file = 'vp'\npolicy_file = 'access.cedar'\n");
    std::fs::write(&file, with).unwrap();
    write_atomically(&house.dir().join("vp"), b"a passphrase of the vault's own").unwrap();
    std::fs::write(house.dir().join("access.cedar"), "@id(\"all\") permit (principal, action, resource);")
        .unwrap();
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    // nextest runs each test in a process of its own.
    std::env::set_current_dir(house.folder.path()).unwrap();
    let dir = Path::new("data");
    schedule::scheduled(dir).unwrap();
    assert_eq!(house.kinds(), ["backup.drill_passed", "backup.made"]);
    typed(dir, &["backup", "drill"]).unwrap();
    house.vault(|standing| finished(standing.vault.erase(&own(ada()))).unwrap().unwrap());
    typed(dir, &["backup", "restore", "--to", "rest", "--keys-from", "data"]).unwrap();
    std::fs::copy("data/vp", "rest/vp").unwrap();
    open_restored(&house.at("rest"), &house, |_, standing| {
        assert!(email(standing, ada()).is_err(), "she came back");
    })
    .unwrap();
});
