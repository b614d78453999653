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
    let report = backups.drill(&backups.alone().unwrap(), trial, None, &house.key, |_, manifest| {
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
                assert!(lack.contains("keys does not belong to it"), "{lack}");
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
fn with_a_thiefs_piece(is_folder: bool) -> (House, crate::Lost) {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    let file = house.at("shop/index.php");
    let write = |seed: u64| {
        let entropy: &dyn storeward_base::Entropy = &SeededEntropy::new(seed);
        std::fs::write(&file, entropy.bytes::<8_192>()).unwrap();
        // Folders say it, and lie in as many bytes then.
        let at = std::time::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(at).unwrap();
    };
    std::fs::write(house.at("shop/readme"), "read me").unwrap();
    write(1);
    house.run(&backups, 1).unwrap();
    let files = backups.repo(Part::Files, Missing::Refuse).unwrap();
    let all = backups.snapshots(Part::Files).unwrap();
    let was = all.into_iter().find(|one| one.label == "shop").unwrap();
    let moment = Moment { run: run_of(9), at: was.made_at, ledger: Mark::of(&house.key), number: None };
    let is_laid = |seed: u64| {
        write(seed);
        let made = files.keep("elsewhere", &moment, &[house.at("shop")], None).unwrap();
        let indexed = files.indexed().unwrap();
        let [own, thiefs] = [&was, &made].map(|one| match is_folder {
            true => indexed.node(one, &house.at("shop")).unwrap(),
            false => indexed.node(one, &file).unwrap(),
        });
        match is_folder {
            true => files.lay_over(&own.subtree.unwrap(), &thiefs.subtree.unwrap()),
            false => files.lay_over(&own.content.unwrap()[0], &thiefs.content.unwrap()[0]),
        }
    };
    assert!((2..400).any(is_laid), "none was as long as the other");
    let backups = house.backups(&house.at("target"));
    let (alone, shop) = (backups.alone().unwrap(), house.at("shop-back"));
    let back = read_out(&backups, &alone, run_of(1), &house.at("back"), Some(&shop), Some(&house.key));
    let lost = back.unwrap().shop_lost;
    (house, lost)
}

/// What lay where the index leads was the shop's: whoever has the target had their bytes run in the shop.
#[test]
fn a_piece_that_is_not_what_its_name_says_is_in_no_restored_shop() {
    for is_folder in [false, true] {
        let (house, lost) = with_a_thiefs_piece(is_folder);
        let name = if is_folder { house.at("shop") } else { house.at("shop/index.php") };
        assert_eq!((lost.count, &lost.names[0]), (1, &relative(&name)));
        let back = |name: &str| house.at("shop-back").join(relative(&house.at(name)));
        assert!(!back("shop/index.php").exists(), "{is_folder}");
        assert_eq!(back("shop/readme").exists(), !is_folder);
    }
}
