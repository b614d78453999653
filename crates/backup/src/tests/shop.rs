//! The shop's files at a target that lost something.

use storeward_base::{DrillId, Entropy};

use super::*;
use crate::drill::{Finding, Looked, Trial};
use crate::repository::{Missing, Part, Reading};

/// Files that no two are alike, and that are noise: each is a piece of its own.
fn pictures(house: &House, folder: &str, count: u64) {
    std::fs::create_dir_all(house.at("shop").join(folder)).unwrap();
    for number in 0..count {
        let entropy: &dyn Entropy = &SeededEntropy::new(number + u64::from(folder.as_bytes()[0]) * 1_000);
        let bytes = entropy.bytes::<4_096>();
        std::fs::write(house.at("shop").join(folder).join(format!("{number}.jpg")), bytes).unwrap();
    }
}

/// The largest pack of the files: the shop's.
fn shops_pack(target: &Path) -> PathBuf {
    let folders = std::fs::read_dir(target.join("files/data")).unwrap();
    let packs = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    packs.map(|pack| pack.unwrap().path()).max_by_key(|pack| std::fs::metadata(pack).unwrap().len()).unwrap()
}

/// What the drill says of the shop's files, or why it did not come so far.
fn drilled(backups: &Backups, house: &House) -> Finding {
    let trial = Trial { drill: DrillId::from_bits(1), at: at_hour(100), known: None };
    let report = backups.drill(&backups.alone().unwrap(), trial, None, &house.key, |_, _, manifest| {
        Ok(Looked { heartbeat: manifest.heartbeat.clone(), ..Looked::default() })
    });
    let of_shop = report.findings.iter().find(|finding| finding.what == "shop" || finding.what == "restore");
    of_shop.unwrap_or_else(|| panic!("{report:?}")).clone()
}

fn shop_back(backups: &Backups, house: &House, hour: u32, to: &str) -> Result<(u64, crate::Lost), Error> {
    let (to, shop) = (house.at(to), house.at(&format!("{to}-shop")));
    let alone = backups.alone()?;
    let restored = read_out(backups, &alone, run_of(hour), &to, Some(&shop), Some(&house.key))?;
    Ok((restored.shop_files, restored.shop_lost))
}

/// The drill said "byte for byte" of files that it had not looked at.
#[test]
fn a_drill_reads_the_shops_files_and_fails_on_a_flipped_byte_a_lost_pack_and_a_lost_snapshot() {
    let house = House::new(1);
    let target = house.at("target");
    let backups = house.backups(&target);
    pictures(&house, "a", 12);
    house.run(&backups, 1).unwrap();
    let found = drilled(&backups, &house);
    assert!(found.held && found.says == "12 files of the shop, every byte was read", "{found:?}");
    let pack = shops_pack(&target);
    let whole = std::fs::read(&pack).unwrap();
    let mut flipped = whole.clone();
    flipped[20_000] ^= 1;
    std::fs::write(&pack, &flipped).unwrap();
    assert!(!drilled(&backups, &house).held, "a flipped byte");
    std::fs::remove_file(&pack).unwrap();
    assert!(!drilled(&backups, &house).held, "a lost pack");
    std::fs::write(&pack, &whole).unwrap();
    assert!(drilled(&backups, &house).held);
    let of_shop = backups.snapshots(Part::Files).unwrap().into_iter().find(|one| one.label == "shop");
    std::fs::remove_file(target.join("files/snapshots").join(of_shop.unwrap().id)).unwrap();
    assert!(!drilled(&backups, &house).held, "a lost snapshot");
    let refused = shop_back(&backups, &house, 1, "back").unwrap_err();
    assert!(matches!(refused, Error::Damaged(_)), "{refused:?}");
}

/// However little is read of a large shop, what is not there is found.
#[test]
fn what_is_missing_is_found_without_reading_a_byte() {
    let house = House::new(1);
    let target = house.at("target");
    let backups = house.backups(&target);
    pictures(&house, "a", 12);
    house.run(&backups, 1).unwrap();
    let files = backups.repo(Part::Files, Missing::Refuse).unwrap();
    let of_shop = files.snapshots().unwrap().into_iter().find(|one| one.label == "shop").unwrap();
    assert_eq!(files.check_some(&[&of_shop.id], 0).unwrap(), (Vec::new(), false));
    std::fs::remove_file(shops_pack(&target)).unwrap();
    let (faults, _) = files.check_some(&[&of_shop.id], 0).unwrap();
    assert!(!faults.is_empty());
}

/// Every backup after a pack was lost built on what was not there, and no more than the first file was restored.
#[test]
fn the_next_backup_puts_away_anew_what_was_lost_and_a_restore_gives_what_is_there() {
    let house = House::new(1);
    let target = house.at("target");
    let backups = house.backups(&target);
    pictures(&house, "a", 12);
    house.run(&backups, 1).unwrap();
    let lost = shops_pack(&target);
    pictures(&house, "b", 6);
    house.run(&backups, 2).unwrap();
    std::fs::remove_file(&lost).unwrap();
    // All of the second run's own, and the names of the others.
    let (files, gone) = shop_back(&backups, &house, 2, "half").unwrap();
    assert_eq!((files, gone.count, gone.names.len()), (6, 12, 12));
    assert!(gone.names.iter().all(|name| name.to_string_lossy().contains("/a/")), "{gone:?}");
    let there = house.at("half-shop").join(house.at("shop").strip_prefix("/").unwrap());
    assert_eq!(std::fs::read_dir(there.join("a")).unwrap().count(), 0, "nothing half-written stays");
    assert_eq!(std::fs::read_dir(there.join("b")).unwrap().count(), 6);
    // What is still here comes back to the target, for the old runs, too.
    let made = house.run(&backups, 3).unwrap();
    assert_eq!(made.lost_packs, 1);
    assert_eq!(backups.verify(Reading::All).unwrap(), Vec::<String>::new());
    for hour in [1, 2, 3] {
        let wanted = if hour == 1 { 12 } else { 18 };
        let back = shop_back(&backups, &house, hour, &format!("whole{hour}")).unwrap();
        assert_eq!(back, (wanted, crate::Lost::default()));
    }
    assert_eq!(house.run(&backups, 4).unwrap().lost_packs, 0);
}

/// A target that lost what a kept backup needs loses nothing more by us, not even what would go by its age.
#[test]
fn nothing_is_thinned_out_while_a_kept_backup_lacks_something() {
    let house = House::new(1);
    let target = house.at("target");
    let keep = Keep { last: 2, days: 0, weeks: 0, months: 0 };
    let backups = Backups::new(Plan { keep, ..house.backups(&target).plan().clone() }, Bars::none());
    let thin_out =
        |hour| backups.thin_out(&backups.alone().unwrap(), at_hour(hour), crate::Frozen::No, &quiet);
    house.run(&backups, 1).unwrap();
    pictures(&house, "a", 12);
    house.run(&backups, 2).unwrap();
    std::fs::remove_file(shops_pack(&target)).unwrap();
    std::fs::remove_dir_all(house.at("shop/a")).unwrap();
    assert_eq!(house.run(&backups, 3).unwrap().lost_packs, 1);
    assert!(thin_out(4).is_err());
    assert_eq!(runs(&backups).len(), 3, "the first one is gone");
    // The one that lacks something goes by its age, and all is as it was.
    house.run(&backups, 4).unwrap();
    assert_eq!(thin_out(5).unwrap().runs, 2);
    assert_eq!(runs(&backups), [(run_of(3), Whose::Own), (run_of(4), Whose::Own)]);
    assert_eq!(backups.verify(Reading::All).unwrap(), Vec::<String>::new());
}

/// One pack that was gone stopped thinning out until the last backup that needed it was too old.
#[test]
fn backups_that_lack_something_are_taken_away_and_the_newest_never() {
    let house = House::new(1);
    let target = house.at("target");
    let keep = Keep { last: 3, days: 0, weeks: 0, months: 0 };
    let backups = Backups::new(Plan { keep, ..house.backups(&target).plan().clone() }, Bars::none());
    house.run(&backups, 1).unwrap();
    pictures(&house, "a", 12);
    house.run(&backups, 2).unwrap();
    let alone = backups.alone().unwrap();
    assert!(backups.broken(&alone, &quiet).unwrap().runs.is_empty());
    std::fs::remove_file(shops_pack(&target)).unwrap();
    // The newest itself: whatever else is whole, it stays.
    let unsaid = backups.broken(&alone, &|_| Err(Error::Busy));
    assert_eq!(unsaid.map(drop), Err(Error::Busy), "what nobody hears of is not done");
    let heard = std::cell::Cell::new(0);
    let note = |before| {
        heard.set(heard.get() + usize::from(before == crate::Before::ForgetsPacks));
        Ok(())
    };
    let broken = backups.broken(&alone, &note).unwrap();
    assert_eq!((heard.get(), broken.runs.into_keys().collect::<Vec<_>>()), (1, vec![run_of(2)]));
    drop(alone);
    assert!(matches!(forget_broken(&backups, 3), Err(Error::Damaged(_))));
    std::fs::remove_dir_all(house.at("shop/a")).unwrap();
    for hour in [3, 4] {
        house.run(&backups, hour).unwrap();
    }
    let alone = backups.alone().unwrap();
    assert!(backups.thin_out(&alone, at_hour(5), crate::Frozen::No, &quiet).is_err());
    let broken = backups.broken(&alone, &quiet).unwrap();
    assert_eq!(broken.runs.into_iter().collect::<Vec<_>>(), [(run_of(2), at_hour(2))]);
    assert_eq!(runs(&backups).len(), 4, "to look takes nothing away");
    let broken = backups.broken(&alone, &quiet).unwrap();
    let forget = |named| backups.forget_broken(&alone, &broken, &[named].into(), at_hour(5));
    forget(run_of(1)).unwrap();
    assert_eq!(runs(&backups).len(), 4, "a whole one stays, whoever names it");
    forget(run_of(2)).unwrap();
    let left = [1, 3, 4].map(|hour| (run_of(hour), Whose::Own));
    assert_eq!(runs(&backups), left);
    assert_eq!(backups.verify(Reading::All).unwrap(), Vec::<String>::new());
    assert_eq!(backups.thin_out(&alone, at_hour(5), crate::Frozen::No, &quiet).unwrap().runs, 0);
    // Another Storeward's is not looked at, and stays.
    let second = House::new(2);
    let two = second.backups(&target).taking_over();
    second.run(&two, 6).unwrap();
    for folder in std::fs::read_dir(target.join("files/data")).unwrap() {
        for pack in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            std::fs::remove_file(pack.unwrap().path()).unwrap();
        }
    }
    let broken = two.broken(&two.alone().unwrap(), &quiet).unwrap();
    assert_eq!(broken.runs.keys().copied().collect::<Vec<_>>(), [run_of(6)]);
}

/// Takes the snapshot of a run's part, and with it the word of it, away: a file, for which no password is needed.
fn lose_snapshot(backups: &Backups, target: &Path, part: Part, label: &str, hour: u32) {
    let all = backups.snapshots(part).unwrap();
    let lost = all.iter().find(|one| one.run == Some(run_of(hour)) && one.label == label).unwrap();
    std::fs::remove_file(target.join(part.folder()).join("snapshots").join(&lost.id)).unwrap();
}

/// Whoever reaches the target took a snapshot away: of a run that lacked it nothing was said, and a whole one could go for its sake.
#[test]
fn a_run_whose_manifest_names_what_is_not_there_is_no_whole_one() {
    let house = House::new(1);
    let target = house.at("target");
    let keep = Keep { last: 3, days: 0, weeks: 0, months: 0 };
    let backups = Backups::new(Plan { keep, ..house.backups(&target).plan().clone() }, Bars::none());
    pictures(&house, "a", 3);
    for hour in [1, 2, 3] {
        house.run(&backups, hour).unwrap();
    }
    lose_snapshot(&backups, &target, Part::Keys, "storeward", 2);
    let alone = backups.alone().unwrap();
    assert!(backups.broken(&alone, &quiet).unwrap().runs.is_empty(), "keys have days of their own");
    lose_snapshot(&backups, &target, Part::Files, "shop", 2);
    let found = || backups.broken(&alone, &quiet).unwrap();
    let lacking = || found().runs.into_keys().collect::<Vec<_>>();
    assert_eq!(lacking(), [run_of(2)]);
    // `verify` said that each byte holds.
    let told = backups.verify(Reading::All).unwrap();
    assert!(told.len() == 1 && told[0].contains(&run_of(2).to_string()), "{told:?}");
    lose_snapshot(&backups, &target, Part::Files, "shop", 3);
    assert_eq!(lacking(), [run_of(2), run_of(3)]);
    drop(alone);
    let refused = forget_broken(&backups, 4);
    assert!(matches!(refused, Err(Error::Damaged(_))), "the newest is among them: {refused:?}");
    house.run(&backups, 5).unwrap();
    // The whole one of the four was the one that went, for three are kept.
    let thinned = backups.thin_out(&backups.alone().unwrap(), at_hour(6), crate::Frozen::No, &quiet);
    let refused = thinned.unwrap_err().to_string();
    assert!(refused.contains("lacks what its manifest names") && runs(&backups).len() == 4, "{refused}");
    forget_broken(&backups, 6).unwrap();
    assert_eq!(runs(&backups), [1, 5].map(|hour| (run_of(hour), Whose::Own)));
}

/// A clock that once ran ahead: its backup was the newest for years, and where it lacked something nothing could be done about it.
#[test]
fn a_backup_of_the_future_is_not_the_newest_when_broken_ones_go() {
    let house = House::new(1);
    let target = house.at("target");
    let keep = Keep { last: 3, days: 0, weeks: 0, months: 0 };
    let backups = Backups::new(Plan { keep, ..house.backups(&target).plan().clone() }, Bars::none());
    pictures(&house, "a", 3);
    house.run(&backups, 90_000).unwrap();
    house.run(&backups, 1).unwrap();
    let forget = |hour: u32| forget_broken(&backups, hour);
    // A whole one of the future takes none away that is all there is of today.
    lose_snapshot(&backups, &target, Part::Files, "shop", 1);
    assert!(matches!(forget(2), Err(Error::Damaged(_))));
    house.run(&backups, 3).unwrap();
    lose_snapshot(&backups, &target, Part::Files, "shop", 90_000);
    forget(4).unwrap();
    assert_eq!(runs(&backups), [(run_of(3), Whose::Own)]);
}

/// A disk that was unplugged in the middle of a restore: each file that came after was told as gone from the backup.
#[test]
fn a_target_that_goes_away_in_the_middle_ends_the_restore_and_loses_nothing() {
    let house = House::new(1);
    let target = house.at("target");
    let backups = house.backups(&target);
    pictures(&house, "a", 12);
    house.run(&backups, 1).unwrap();
    let files = backups.repo(Part::Files, Missing::Refuse).unwrap();
    let of_shop = files.snapshots().unwrap().into_iter().find(|one| one.label == "shop").unwrap();
    // Not mounted, and a mount that answers with an error.
    for is_broken in [false, true] {
        let (aside, mut lost) = (house.at("aside"), 0);
        let goes = |_: &_| {
            if target.exists() && !aside.exists() {
                std::fs::rename(&target, &aside).unwrap();
                if is_broken {
                    std::fs::write(&target, "no folder").unwrap();
                }
            }
        };
        let to = house.at(&format!("back-{is_broken}"));
        let note = |_: &Path, _| {
            lost += 1;
            Ok(())
        };
        let ended = files.read_out_most(&of_shop, &to, goes, note);
        assert!(matches!(ended, Err(Error::Target { .. })), "{ended:?}");
        assert_eq!(lost, 0);
        if is_broken {
            std::fs::remove_file(&target).unwrap();
        }
        std::fs::rename(&aside, &target).unwrap();
    }
}

fn packs_of_keys(target: &Path) -> std::collections::BTreeSet<PathBuf> {
    let folders = std::fs::read_dir(target.join("keys/data")).unwrap();
    let packs = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    packs.map(|pack| pack.unwrap().path()).collect()
}

/// Runs at these hours, each with other wrapped keys; and the packs that each added to the keys.
fn runs_with_keys(house: &House, backups: &Backups, target: &Path, hours: &[u32]) -> Vec<Vec<PathBuf>> {
    let mut packs = Vec::new();
    for (number, hour) in hours.iter().enumerate() {
        let entropy: &dyn Entropy = &SeededEntropy::new(number as u64);
        std::fs::write(house.at("data/vault/keys.sqlite"), entropy.bytes::<8_192>()).unwrap();
        let before = if number == 0 { Default::default() } else { packs_of_keys(target) };
        house.run(backups, *hour).unwrap();
        packs.push(packs_of_keys(target).difference(&before).cloned().collect());
    }
    packs
}

/// Takes the largest of them away.
fn lose(packs: &[PathBuf]) {
    let of = |pack: &&PathBuf| std::fs::metadata(pack).unwrap().len();
    std::fs::remove_file(packs.iter().max_by_key(of).unwrap()).unwrap();
}

// A failing night left a restore without any, and said that each file was as it was put away.
#[test]
fn the_last_copy_of_customers_keys_stays_until_there_is_a_whole_one() {
    let house = House::new(1);
    let target = house.at("target");
    let backups = house.backups(&target);
    let packs = runs_with_keys(&house, &backups, &target, &[1, 400]);
    lose(&packs[1]);
    let alone = backups.alone().unwrap();
    assert!(backups.thin_out(&alone, at_hour(1 + 30 * 24 + 1), crate::Frozen::Yes, &quiet).is_err());
    let left = || backups.snapshots(Part::Keys).unwrap().into_iter().map(|one| one.run).collect::<Vec<_>>();
    assert_eq!(left(), [Some(run_of(1)), Some(run_of(400))]);
    drop(alone);
    house.run(&backups, 1 + 30 * 24 + 2).unwrap();
    let alone = backups.alone().unwrap();
    let gone = backups.thin_out(&alone, at_hour(1 + 30 * 24 + 3), crate::Frozen::Yes, &quiet).unwrap();
    assert_eq!(gone, crate::Gone::default(), "a whole one that is younger goes with none");
    // The run put away anew what was lost, and so the younger copy is whole again.
    assert_eq!(left(), [Some(run_of(400)), Some(run_of(1 + 30 * 24 + 2))]);
}

/// A night that failed took the newest copy away where an older one was whole: of customers since then no key was left anywhere.
#[test]
fn the_newest_copy_of_customers_keys_stays_for_whoever_mends_it() {
    let house = House::new(1);
    let target = house.at("target");
    let backups = house.backups(&target);
    let packs = runs_with_keys(&house, &backups, &target, &[1, 400, 500]);
    lose(&packs[2]);
    let alone = backups.alone().unwrap();
    assert!(backups.thin_out(&alone, at_hour(1 + 30 * 24 + 1), crate::Frozen::Yes, &quiet).is_err());
    assert_eq!(backups.snapshots(Part::Keys).unwrap().len(), 3);
    // Too old are all of them in the end, and none is kept for its fault.
    backups.thin_out(&alone, at_hour(500 + 30 * 24 + 1), crate::Frozen::Yes, &quiet).unwrap();
    assert_eq!(backups.snapshots(Part::Keys).unwrap(), []);
    assert!(packs[0].iter().all(|pack| !pack.exists()));
}

/// One lost pack of the newest keys ended each restore, of whichever run, before anything of the shop came back.
#[test]
fn a_newest_copy_of_customers_keys_that_lacks_something_costs_nothing_but_the_keys() {
    let house = House::new(1);
    let target = house.at("target");
    let backups = house.backups(&target);
    pictures(&house, "a", 3);
    let packs = runs_with_keys(&house, &backups, &target, &[1, 2]);
    lose(&packs[1]);
    for is_in_index in [true, false] {
        if !is_in_index {
            backups.repo(Part::Keys, Missing::Refuse).unwrap().forget_missing_packs(&quiet).unwrap();
        }
        for hour in [1, 2] {
            let to = house.at(&format!("back-{hour}-{is_in_index}"));
            let shop = house.at(&format!("shop-{hour}-{is_in_index}"));
            let alone = backups.alone().unwrap();
            let restored =
                read_out(&backups, &alone, run_of(hour), &to, Some(&shop), Some(&house.key)).unwrap();
            assert!(restored.keys_lack.is_some() && restored.keys_of.is_none(), "{restored:?}");
            assert_eq!((restored.shop_files, restored.shop_lost.count), (3, 0));
            assert!(
                to.join("note").exists() && !to.join("vault/keys.sqlite").exists(),
                "an older copy is never laid"
            );
        }
    }
    let found = drilled(&backups, &house);
    assert!(!found.held && found.what == "restore", "{found:?}");
}

/// One lost pack of a younger copy kept the keys of whoever was erased for as long again.
#[test]
fn customers_keys_go_after_their_days_though_a_younger_copy_lacks_something() {
    let house = House::new(1);
    let target = house.at("target");
    let backups = house.backups(&target);
    let packs = runs_with_keys(&house, &backups, &target, &[1, 400, 500]);
    lose(&packs[1]);
    let alone = backups.alone().unwrap();
    let gone = backups.thin_out(&alone, at_hour(1 + 30 * 24 + 1), crate::Frozen::Yes, &quiet).unwrap();
    assert_eq!(gone, crate::Gone { runs: 0, lacking_keys: 1 }, "it is told");
    assert!(packs[0].iter().all(|pack| !pack.exists()), "keys of the oldest copy are still there");
    let left: Vec<_> = backups.snapshots(Part::Keys).unwrap().into_iter().map(|one| one.run).collect();
    assert_eq!(left, [Some(run_of(500))], "one that nothing comes back from is no copy");
    let to = house.at("back");
    let restored = read_out(&backups, &alone, run_of(1), &to, None, Some(&house.key)).unwrap();
    assert_eq!(restored.keys_of, Some(run_of(500)));
    assert_eq!(
        std::fs::read(to.join("vault/keys.sqlite")).unwrap(),
        std::fs::read(house.at("data/vault/keys.sqlite")).unwrap()
    );
    assert_eq!(backups.verify(Reading::All).unwrap(), Vec::<String>::new());
}

/// A shop restored by root could not write into its own folder of uploads, and all was as of today.
#[test]
fn the_shops_files_come_back_as_whose_and_of_when_they_were() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    pictures(&house, "uploads", 2);
    let uploads = house.at("shop").join("uploads");
    let file = uploads.join("0.jpg");
    symlink("0.jpg", uploads.join("link")).unwrap();
    std::fs::set_permissions(&uploads, std::fs::Permissions::from_mode(0o750)).unwrap();
    let is_root = [uploads.as_path(), &file].iter().all(|path| chown(path, Some(4_033), Some(4_034)).is_ok());
    let _ = lchown(uploads.join("link"), Some(4_033), Some(4_034));
    let then = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_789);
    for path in [&file, &uploads] {
        std::fs::File::open(path).unwrap().set_modified(then).unwrap();
    }
    house.run(&backups, 1).unwrap();
    let alone = backups.alone().unwrap();
    let (to, shop) = (house.at("back"), house.at("back-shop"));
    let restored = read_out(&backups, &alone, run_of(1), &to, Some(&shop), Some(&house.key)).unwrap();
    let there = shop.join(house.at("shop").strip_prefix("/").unwrap()).join("uploads");
    for path in [there.join("0.jpg"), there.clone()] {
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), then, "{}", path.display());
    }
    assert_eq!(std::fs::metadata(&there).unwrap().permissions().mode() & 0o777, 0o750);
    let whose =
        |path: &Path| std::fs::symlink_metadata(path).map(|facts| (facts.uid(), facts.gid())).unwrap();
    assert_eq!(restored.shop_of_others, 0);
    if is_root {
        for path in [there.join("0.jpg"), there.join("link"), there] {
            assert_eq!(whose(&path), (4_033, 4_034), "{}", path.display());
        }
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn packs(target: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(target.join("files/data")).unwrap();
    let packs = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    packs.map(|pack| pack.unwrap().path()).collect()
}

// `backup verify` printed the library's panics with its index, and no backup's name: nobody knew which one still holds.
#[test]
fn a_damaged_pack_is_told_in_a_line_with_the_backups_that_need_it() {
    static PANICS: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    // Whatever would come to the screen.
    std::panic::set_hook(Box::new(|info| {
        eprintln!("{info}");
        PANICS.lock().unwrap().push(info.to_string());
    }));
    let house = House::new(1);
    let target = house.at("target");
    let backups = house.backups(&target);
    pictures(&house, "a", 12);
    house.run(&backups, 1).unwrap();
    let before = packs(&target);
    pictures(&house, "b", 30);
    house.run(&backups, 2).unwrap();
    let runs = [1, 2].map(|hour| run_of(hour).to_string());
    let length = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    let of_second = packs(&target).into_iter().filter(|pack| !before.contains(pack));
    // The largest of each time holds pictures, and every other folders or what is Storeward's own.
    let (first, second) =
        (before.iter().max_by_key(|pack| length(pack)).unwrap(), of_second.max_by_key(length).unwrap());
    let said = || backups.verify(Reading::All).unwrap();
    assert_eq!(said(), [""; 0]);
    flip(&second, 20_000);
    let found = said();
    assert!(found.iter().any(|fault| fault.contains(&runs[1])), "{found:?}");
    assert!(found.iter().all(|fault| !fault.contains(&runs[0])), "the first needs none of it: {found:?}");
    flip(&second, 20_000);
    flip(first, 20_000);
    let found = said();
    assert!(runs.iter().all(|run| found.iter().any(|fault| fault.contains(run))), "{found:?}");
    flip(first, 20_000);
    // Each of the others in turn: folders among them, of which the library gives up.
    for pack in packs(&target) {
        let middle = usize::try_from(length(&pack) / 2).unwrap();
        flip(&pack, middle);
        let found = said();
        assert!(found.iter().any(|fault| runs.iter().any(|run| fault.contains(run))), "{found:?}");
        // The library's error is a page, of backtraces, too, where RUST_BACKTRACE is set.
        let is_plain = |fault: &String| fault.len() < 500 && !fault.contains("rustic_core");
        assert!(found.iter().all(is_plain), "{found:?}");
        flip(&pack, middle);
    }
    let panics = PANICS.lock().unwrap().clone();
    assert_eq!(panics, [""; 0], "they came to the screen");
}

/// A folder that lies at a second place, for as long as this lives; nothing where we may not mount.
struct Mounted(PathBuf);

impl Mounted {
    fn at(place: PathBuf, folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(&place).unwrap();
        let mut mount = std::process::Command::new("mount");
        let mount = mount.arg("--bind").args([folder, &place]).stderr(std::process::Stdio::null());
        mount.status().is_ok_and(|ended| ended.success()).then_some(Mounted(place))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg(&self.0).status());
    }
}

/// By a mount the data directory went into the shop's files, keys and all. Only who may mount can try it.
#[test]
fn what_is_mounted_in_the_shop_is_put_away_and_never_what_holds_the_backup() {
    let house = House::new(1);
    let target = house.at("target");
    let backups = house.backups(&target);
    let disk = house.at("disk");
    std::fs::create_dir(&disk).unwrap();
    std::fs::write(disk.join("1.jpg"), "a picture").unwrap();
    let Some(_pictures) = Mounted::at(house.at("shop/pictures"), &disk) else { return };
    house.run(&backups, 1).unwrap();
    assert_eq!(shop_back(&backups, &house, 1, "to").unwrap().0, 1);
    for other in [house.at("data"), target.clone(), target.join("keys"), house.folder.path().to_owned()] {
        let _mounted = Mounted::at(house.at("shop/other"), &other).unwrap();
        let refused = house.run(&backups, 2).unwrap_err().to_string();
        assert!(
            refused.contains("mounted at") && refused.contains("shop/other"),
            "{}: {refused}",
            other.display()
        );
    }
    house.run(&backups, 2).unwrap();
}

/// `restic copy` keeps tags, paths and what is in a snapshot; it knows no label, and gives a new id.
#[test]
fn a_copy_by_restic_comes_back() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    pictures(&house, "a", 3);
    house.run_noted(&backups, 1, Some(10)).unwrap();
    for part in [Part::Files, Part::Keys] {
        let repo = backups.repo(part, Missing::Refuse).unwrap();
        repo.copied();
    }
    let backups = house.backups(&house.at("target"));
    assert_eq!(backups.list().unwrap().runs[0].sums, None, "0 files were said");
    let broken = backups.broken(&backups.alone().unwrap(), &|_| Ok(())).unwrap();
    assert!(broken.runs.is_empty(), "it lacks nothing, and was named to be deleted: {broken:?}");
    let restored = read_out(
        &backups,
        &backups.alone().unwrap(),
        run_of(1),
        &house.at("back"),
        Some(&house.at("shop-back")),
        Some(&house.key),
    )
    .unwrap();
    assert_eq!((restored.shop_files, restored.keys_of), (3, Some(run_of(1))));
    let trial = Trial { drill: DrillId::from_bits(1), at: at_hour(2), known: None };
    let report = backups.drill(&backups.alone().unwrap(), trial, None, &house.key, |_, _, manifest| {
        Ok(Looked { heartbeat: manifest.heartbeat.clone(), ..Looked::default() })
    });
    assert!(report.findings.iter().all(|finding| finding.held || finding.what == "rows"), "{report:?}");
}
