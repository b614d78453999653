//! Trees that whoever has the backup's password wrote in the place of what was put away.

use std::os::unix::fs::symlink;

use storeward_base::DrillId;

use super::*;
use crate::allowed::Allowed;
use crate::drill::{Looked, Trial};
use crate::owner::Mark;
use crate::repository::{Missing, Moment, Part};
use crate::staging::ROOT;
use crate::writing::relative;

/// A house with one run, and what came of its restore and of its drill once somebody changed a part of it.
fn forged(part: Part, change: impl Fn(&Path)) -> (House, Result<Restored, Error>, bool) {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    house.run(&backups, 1).unwrap();
    let repo = backups.repo(part, Missing::Refuse).unwrap();
    let was = backups.snapshots(part).unwrap().into_iter().find(|one| one.label == "storeward").unwrap();
    let tree = house.at("tree");
    repo.read_out((&was, &Allowed::All), &tree, |_| {}).unwrap();
    change(&tree);
    let moment = Moment { run: run_of(1), at: was.made_at, ledger: Mark::of(&house.key), number: None };
    repo.keep("storeward", &moment, &[tree], Some(Path::new(ROOT))).unwrap();
    std::fs::remove_file(house.at("target").join(part.folder()).join("snapshots").join(&was.id)).unwrap();
    let backups = house.backups(&house.at("target"));
    let restored = asked(&backups, run_of(1), &house.at("back"), (Some(&house.key), None, 900));
    let trial = Trial { drill: DrillId::from_bits(1), at: at_hour(900), known: None };
    let report = backups.drill(&backups.alone().unwrap(), trial, None, &house.key, |_, _, manifest| {
        Ok(Looked { heartbeat: manifest.heartbeat.clone(), ..Looked::default() })
    });
    let held = report.findings.iter().filter(|finding| finding.what != "rows").all(|finding| finding.held);
    (house, restored, held)
}

/// The drill laid `keys/` and the vault's passphrase through a link to wherever that led, and passed.
#[test]
fn no_link_comes_out_of_storewards_own() {
    for part in [Part::Files, Part::Keys] {
        let loot = tempfile::tempdir().unwrap();
        let (house, restored, drill_held) =
            forged(part, |tree| symlink(loot.path(), tree.join("keys")).unwrap());
        match part {
            Part::Keys => {
                let lack = restored.unwrap().keys_lack.unwrap();
                assert!(lack.contains("vault/keys.sqlite is missing"), "{lack}");
            }
            _ => {
                let refused = restored.unwrap_err().to_string();
                assert!(refused.contains("keys does not belong to it"), "{refused}");
            }
        }
        assert!(!drill_held, "{part:?}");
        assert!(std::fs::symlink_metadata(house.at("back").join("keys")).is_err(), "{part:?}");
    }
}

/// They were written out whole before anybody held them against the manifest; a dump was one that the operator is told to load.
#[test]
fn what_the_manifest_does_not_name_or_is_longer_is_not_laid() {
    for (name, bytes, why) in [
        ("storeward.sql", 3, "storeward.sql does not belong to it"),
        ("keys/ledger", 32, "keys does not belong to it"),
        ("note", 1_000_000, "longer than the manifest says"),
    ] {
        let (house, restored, drill_held) = forged(Part::Files, |tree| {
            std::fs::create_dir_all(tree.join(name).parent().unwrap()).unwrap();
            std::fs::write(tree.join(name), vec![b'\n'; bytes]).unwrap();
        });
        let refused = restored.unwrap_err().to_string();
        assert!(refused.contains(why) && !drill_held, "{name}: {refused}");
        assert!(!house.at("back").join(name).exists(), "{name}");
    }
}

/// A snapshot lies under the name of its bytes, and nobody held it against that: another one under the name that the signed manifest has was read out.
#[test]
fn the_shops_files_are_those_that_were_signed() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    std::fs::write(house.at("shop/index.php"), "the shop's").unwrap();
    house.run(&backups, 1).unwrap();
    let all = backups.snapshots(Part::Files).unwrap();
    let was = all.into_iter().find(|one| one.label == "shop").unwrap();
    std::fs::write(house.at("shop/index.php"), "the thief's").unwrap();
    let moment = Moment { run: run_of(1), at: was.made_at, ledger: Mark::of(&house.key), number: None };
    let files = backups.repo(Part::Files, Missing::Refuse).unwrap();
    let made = files.keep("shop", &moment, &[house.at("shop")], None).unwrap();
    let snapshots = house.at("target/files/snapshots");
    std::fs::rename(snapshots.join(&made.id), snapshots.join(&was.id)).unwrap();
    let backups = house.backups(&house.at("target"));
    // Of a run of before the manifest said what is in them, too.
    let mut manifest = backups.manifest_of(run_of(1), Some(&house.key)).unwrap();
    manifest.trees.clear();
    let refused = backups.shop_of(&backups.list().unwrap(), &manifest).unwrap_err().to_string();
    assert!(refused.contains("another snapshot lies under the name"), "{refused}");
    let (alone, shop) = (backups.alone().unwrap(), house.at("shop-back"));
    let back = read_out(&backups, &alone, run_of(1), &house.at("back"), Some(&shop), Some(&house.key));
    let refused = back.unwrap_err().to_string();
    assert!(refused.contains("are others") && !shop.join("index.php").exists(), "{refused}");
}

/// A house whose shop has two files, and what its restore says of the shop's once a piece of the thief's lies in the place of the shop's own: nothing at the
/// target but a pack is changed, and no password is needed.
fn with_a_thiefs_piece() -> (House, crate::Lost) {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    let file = house.at("shop/index.php");
    let write = |seed: u64| {
        let entropy: &dyn storeward_base::Entropy = &SeededEntropy::new(seed);
        std::fs::write(&file, entropy.bytes::<8_192>()).unwrap();
    };
    std::fs::write(house.at("shop/readme"), "read me").unwrap();
    write(1);
    house.run(&backups, 1).unwrap();
    let files = backups.repo(Part::Files, Missing::Refuse).unwrap();
    let all = backups.snapshots(Part::Files).unwrap();
    let was = all.into_iter().find(|one| one.label == "shop").unwrap();
    let moment = Moment { run: run_of(9), at: was.made_at, ledger: Mark::of(&house.key), number: None };
    // What is noise is as long as it was, whatever it is packed into.
    let is_laid = |seed: u64| {
        write(seed);
        let made = files.keep("elsewhere", &moment, &[house.at("shop")], None).unwrap();
        let indexed = files.indexed().unwrap();
        let [own, thiefs] = [&was, &made].map(|one| indexed.node(one, &file).unwrap());
        files.lay_over(&own.content.unwrap()[0], &thiefs.content.unwrap()[0])
    };
    assert!((2..20).any(is_laid), "none was as long as the other");
    let backups = house.backups(&house.at("target"));
    let (alone, shop) = (backups.alone().unwrap(), house.at("shop-back"));
    let back = read_out(&backups, &alone, run_of(1), &house.at("back"), Some(&shop), Some(&house.key));
    let lost = back.unwrap().shop_lost;
    (house, lost)
}

/// What lay where the index leads was the shop's: whoever has the target had their bytes run in the shop.
#[test]
fn a_piece_that_is_not_what_its_name_says_is_in_no_restored_shop() {
    let (house, lost) = with_a_thiefs_piece();
    assert_eq!((lost.count, &lost.names[0]), (1, &relative(&house.at("shop/index.php"))));
    let back = |name: &str| house.at("shop-back").join(relative(&house.at(name)));
    assert!(!back("shop/index.php").exists() && back("shop/readme").exists());
}

/// Garbage of a high number was taken for the newest run, and no customers' keys were laid.
#[test]
fn what_nobody_signed_keeps_no_keys_from_being_laid() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    house.run_noted(&backups, 1, Some(10)).unwrap();
    house.run_noted(&backups, 2, Some(20)).unwrap();
    let garbage = house.at("garbage");
    std::fs::create_dir(&garbage).unwrap();
    std::fs::write(garbage.join("backup.json"), "noise").unwrap();
    let moment = Moment { run: run_of(9), at: at_hour(1), ledger: Mark::of(&house.key), number: Some(1_000) };
    for part in [Part::Files, Part::Keys] {
        let repo = backups.repo(part, Missing::Refuse).unwrap();
        repo.keep("storeward", &moment, std::slice::from_ref(&garbage), Some(Path::new(ROOT))).unwrap();
    }
    let restored = asked(&backups, run_of(2), &house.at("back"), (Some(&house.key), None, 900)).unwrap();
    let unsigned = restored.keys_unsigned.map(|(run, _)| run);
    assert_eq!((restored.keys_of, restored.keys_lack, unsigned), (Some(run_of(2)), None, Some(run_of(9))));
    let trial = Trial { drill: DrillId::from_bits(1), at: at_hour(900), known: None };
    let alone = backups.alone().unwrap();
    let report = backups.drill(&alone, trial, Some(run_of(2)), &house.key, |_, _, _| Ok(Looked::default()));
    assert!(report.findings.iter().any(|one| one.what == "keys" && !one.held), "{report:?}");
}

/// What somebody added under the tags of a run spoke for it and lay in its way: nothing at the target has to be deleted for that.
#[test]
fn what_was_added_under_the_name_of_a_run_is_named_and_not_laid() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    house.run_noted(&backups, 1, Some(10)).unwrap();
    house.run_noted(&backups, 2, Some(20)).unwrap();
    for (part, name) in
        [(Part::Files, "note"), (Part::Files, "backup.json"), (Part::Keys, "vault/keys.sqlite")]
    {
        let repo = backups.repo(part, Missing::Refuse).unwrap();
        let is_own = |one: &crate::Snapshot| one.label == "storeward" && one.run == Some(run_of(1));
        let was = backups.snapshots(part).unwrap().into_iter().find(is_own).unwrap();
        let tree = house.at(&format!("tree/{name}"));
        repo.read_out((&was, &Allowed::All), &tree, |_| {}).unwrap();
        let file = tree.join(name);
        let length = std::fs::metadata(&file).unwrap().len();
        std::fs::write(&file, vec![b'x'; usize::try_from(length).unwrap()]).unwrap();
        for number in [None, Some(10), Some(99)] {
            let moment = Moment { run: run_of(1), at: at_hour(3), ledger: Mark::of(&house.key), number };
            repo.keep("storeward", &moment, std::slice::from_ref(&tree), Some(Path::new(ROOT))).unwrap();
        }
    }
    let backups = house.backups(&house.at("target"));
    assert_eq!(runs(&backups), [(run_of(1), Whose::Own), (run_of(2), Whose::Own)]);
    assert_eq!(find(&backups, None, 900).unwrap().run, run_of(2));
    let restored = asked(&backups, run_of(1), &house.at("back"), (Some(&house.key), None, 900)).unwrap();
    assert_eq!((restored.keys_of, restored.keys_lack), (Some(run_of(2)), None));
    for (name, own) in [("note", "of house 1"), ("vault/keys.sqlite", "keys of house 1")] {
        assert_eq!(std::fs::read_to_string(house.at("back").join(name)).unwrap(), own);
    }
    let faults = backups.verify(crate::Reading::Structure).unwrap();
    assert!(faults.iter().any(|fault| fault.starts_with(&run_of(1).to_string())), "{faults:?}");
}

/// Files that seemed untouched since a snapshot of the thief's were theirs in the next signed backup.
#[test]
fn the_shops_files_are_held_against_a_signed_backup_alone() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    std::fs::write(house.at("shop/index.php"), "the shop's").unwrap();
    house.run_noted(&backups, 1, Some(10)).unwrap();
    let files = backups.repo(Part::Files, Missing::Refuse).unwrap();
    let of_run = |hour: u32| {
        let all = backups.snapshots(Part::Files).unwrap().into_iter();
        all.filter(|one| one.label == "shop").find(|one| one.run == Some(run_of(hour))).unwrap()
    };
    let was = of_run(1);
    // Under the name of a run of one's own, and of none.
    for run in [1, 9] {
        let moment =
            Moment { run: run_of(run), at: at_hour(2), ledger: Mark::of(&house.key), number: Some(10) };
        std::fs::write(house.at("shop/index.php"), format!("the thief's {run}")).unwrap();
        files.keep("shop", &moment, &[house.at("shop")], None).unwrap();
    }
    house.run_noted(&backups, 3, Some(30)).unwrap();
    assert_eq!(files.parent_of(&of_run(3)), Some(was.id));
}

/// Nor against one of which a folder, here the innermost, is not what its name says.
#[test]
fn nor_against_one_whose_folders_do_not_hold() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    std::fs::create_dir_all(house.at("shop/uploads/2026")).unwrap();
    std::fs::write(house.at("shop/uploads/2026/photo"), "the shop's").unwrap();
    house.run_noted(&backups, 1, Some(10)).unwrap();
    let files = backups.repo(Part::Files, Missing::Refuse).unwrap();
    let was = files.snapshots().unwrap().into_iter().find(|one| one.label == "shop").unwrap();
    assert_eq!(backups.shop_before(&files, &house.key), Some(was.clone()));
    let innermost = files.indexed().unwrap().node(&was, &house.at("shop/uploads/2026")).unwrap();
    files.damage(&innermost.subtree.unwrap());
    assert_eq!(backups.shop_before(&files, &house.key), None);
}
