//! Two installations that were led to the same target.

use super::*;
use crate::order::Dated;
use crate::repository::{Missing, Part};
use crate::{Frozen, Known};

fn thin_out(backups: &Backups, hour: u32) -> usize {
    let alone = backups.alone().unwrap();
    backups.thin_out(&alone, at_hour(hour), Frozen::No, &quiet).unwrap().runs
}

/// Its newest, with its keys, from nothing but its ledger's key and the target.
fn comes_back(house: &House, backups: &Backups) -> (BackupId, String, String) {
    let run = find(backups, None, 900).unwrap().run;
    let to = house.at("back");
    read_out(backups, &backups.alone().unwrap(), run, &to, None, Some(&house.key)).unwrap();
    let read = |name: &str| std::fs::read_to_string(to.join(name)).unwrap();
    (run, read("note"), read("vault/keys.sqlite"))
}

/// A second installation with the same `[backup]` thinned out the first one's only backup, without a word.
#[test]
fn a_second_house_is_refused_and_where_it_takes_over_nothing_of_the_first_goes() {
    let (first, second) = (House::new(1), House::new(2));
    let target = first.at("target");
    let (one, two) = (first.backups(&target), second.backups(&target));
    first.run(&one, 1).unwrap();
    let refused = second.run(&two, 2).unwrap_err();
    assert!(matches!(refused, Error::AnotherLedger { made_at, .. } if made_at == at_hour(1)), "{refused:?}");
    assert_eq!(thin_out(&two, 800), 0);
    assert_eq!(runs(&one), [(run_of(1), Whose::Own)], "nothing was written, nothing deleted");
    assert!(matches!(find(&two, None, 900), Err(Error::NoRun(_))), "another's is not restored");
    // By the owner's word, and from then on without it.
    assert!(second.run(&second.backups(&target).taking_over(), 3).unwrap().takes_over);
    for hour in [4, 5] {
        // The word takes nothing over a second time.
        let again = second.backups(&target);
        let again = if hour == 4 { again.taking_over() } else { again };
        assert!(!second.run(&again, hour).unwrap().takes_over);
        assert_eq!(thin_out(&two, hour), 1);
    }
    // More than the days that customers' keys are kept: the first one's are not the second one's to delete.
    assert_eq!(thin_out(&two, 900), 0);
    let both = [(run_of(1), Whose::Another), (run_of(5), Whose::Own)];
    assert_eq!(runs(&two), both);
    let own = (run_of(1), "of house 1".to_owned(), "keys of house 1".to_owned());
    assert_eq!(comes_back(&first, &one), own);
    // The first hears of it, and deletes nothing either.
    let refused = first.run(&one, 6).unwrap_err();
    assert!(matches!(refused, Error::AnotherLedger { .. }), "{refused:?}");
    assert_eq!(thin_out(&one, 7), 0);
    assert_eq!(runs(&two), both);
}

/// A clock that was a year ahead once: what it dated is not what a restore takes until then.
#[test]
fn a_run_that_was_dated_ahead_is_not_the_newest() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    house.run(&backups, 800).unwrap();
    let found = |hour: u32| find(&backups, None, hour).unwrap().run;
    assert_eq!(found(2), run_of(800), "there is nothing else");
    house.run(&backups, 2).unwrap();
    house.run(&backups, 3).unwrap();
    assert_eq!((found(3), found(800)), (run_of(3), run_of(800)));
}

/// A new machine with the old `keys/` is the same house; so is one whose target is of the time before marks.
#[test]
fn the_same_ledger_goes_on_anywhere_and_adopts_what_it_signed_before_there_were_marks() {
    let (first, moved, second) = (House::new(1), House::new(1), House::new(2));
    let target = first.at("target");
    first.run(&first.backups(&target), 1).unwrap();
    let (one, two) = (moved.backups(&target), second.backups(&target));
    moved.run(&one, 2).unwrap();
    assert_eq!(runs(&one), [(run_of(1), Whose::Own), (run_of(2), Whose::Own)]);
    for part in [Part::Files, Part::Keys] {
        one.repo(part, Missing::Refuse).unwrap().unmark();
    }
    assert_eq!(runs(&two), [(run_of(1), Whose::Another), (run_of(2), Whose::Another)]);
    let refused = second.run(&two, 3).unwrap_err();
    assert!(matches!(refused, Error::AnotherLedger { .. }), "{refused:?}");
    second.run(&second.backups(&target).taking_over(), 3).unwrap();
    assert_eq!(thin_out(&two, 4), 0, "another's, though it bears no mark");
    let own = (run_of(2), "of house 1".to_owned(), "keys of house 1".to_owned());
    assert_eq!(comes_back(&moved, &one), own);
    let apart = moved.backups(&moved.at("apart"));
    moved.run(&apart, 1).unwrap();
    apart.repo(Part::Files, Missing::Refuse).unwrap().unmark();
    moved.run(&apart, 2).unwrap();
    assert_eq!(thin_out(&apart, 3), 1, "its own of before goes like any other");
    assert_eq!(runs(&apart), [(run_of(2), Whose::Own)]);
}

/// The newest of customers' keys stayed the first house's for ever, so that each nightly run was refused.
#[test]
fn a_house_without_customers_keys_takes_over_once() {
    let (first, second) = (House::new(1), House::new(2));
    let target = first.at("target");
    std::fs::remove_file(second.at("data/vault/keys.sqlite")).unwrap();
    first.run(&first.backups(&target), 1).unwrap();
    let two = second.backups(&target);
    assert!(matches!(second.run(&two, 2), Err(Error::AnotherLedger { .. })));
    second.run(&second.backups(&target).taking_over(), 3).unwrap();
    second.run(&two, 4).unwrap();
    // The other one is still there after all.
    first.run(&first.backups(&target).taking_over(), 5).unwrap();
    assert!(matches!(second.run(&two, 6), Err(Error::AnotherLedger { .. })));
}

/// A clock that ran ahead: what lies in the future is the newest for years.
#[test]
fn what_another_house_dated_into_the_future_refuses_nobody_who_took_over() {
    let (first, second) = (House::new(1), House::new(2));
    let target = first.at("target");
    first.run(&first.backups(&target), 90_000).unwrap();
    let two = second.backups(&target);
    assert!(matches!(second.run(&two, 2), Err(Error::AnotherLedger { .. })), "another's is all there is");
    second.run(&second.backups(&target).taking_over(), 3).unwrap();
    second.run(&two, 4).unwrap();
    assert_eq!(
        runs(&two),
        [(run_of(3), Whose::Own), (run_of(4), Whose::Own), (run_of(90_000), Whose::Another)]
    );
}

/// With its own clock ahead when it took over, each run after that was refused until the clock had caught up.
#[test]
fn ones_own_clock_that_ran_ahead_at_the_take_over_refuses_nothing() {
    let (first, second) = (House::new(1), House::new(2));
    let target = first.at("target");
    first.run(&first.backups(&target), 1).unwrap();
    second.run(&second.backups(&target).taking_over(), 90_000).unwrap();
    second.run(&second.backups(&target), 4).unwrap();
}

/// Two houses whose data goes apart, and whose customers' keys go to one place.
#[test]
fn customers_keys_of_their_own_place_are_looked_at_there() {
    let (first, second) = (House::new(1), House::new(2));
    let keys = first.at("keys");
    let apart = |house: &House| {
        let keys_target = Some(Target::Local(keys.clone()));
        let plan = Plan { keys_target, ..house.backups(&house.at("target")).plan().clone() };
        Backups::new(plan, Bars::none())
    };
    first.run(&apart(&first), 1).unwrap();
    let two = apart(&second);
    assert!(matches!(second.run(&two, 2), Err(Error::AnotherLedger { .. })));
    // Its keys go nowhere from then on: what it took over once stays taken over.
    second.run(&apart(&second).taking_over(), 3).unwrap();
    std::fs::remove_file(second.at("data/vault/keys.sqlite")).unwrap();
    second.run(&two, 4).unwrap();
    first.run(&apart(&first).taking_over(), 5).unwrap();
    assert!(matches!(second.run(&two, 6), Err(Error::AnotherLedger { .. })));
}

/// A copy with a target of its own and the same place for customers' keys: nobody saw it, and a restore of the original laid its keys.
#[test]
fn a_copy_is_seen_by_its_customers_keys_alone() {
    let (own, copy) = (House::new(1), House::new(1));
    let keys = own.at("keys");
    let apart = |house: &House| {
        let keys_target = Some(Target::Local(keys.clone()));
        let plan = Plan { keys_target, ..house.backups(&house.at("target")).plan().clone() };
        Backups::new(plan, Bars::none())
    };
    own.run(&apart(&own), 1).unwrap();
    copy.run(&apart(&copy), 2).unwrap();
    let one = apart(&own);
    let known = Known { since: at_hour(1), runs: [run_of(1)].into(), places: [].into() };
    let refused = one.claim(&own.key, at_hour(3), Some(&known)).unwrap_err();
    let Error::AnotherCopy { run, place, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((run, place), (run_of(2), keys.display().to_string()));
    // Its own restore lays its own, and says whose it passed over; where nobody knows, that no manifest says when those were put away.
    let theirs = Some((run_of(2), at_hour(2)));
    for (known, passed, unsigned) in [(Some(&known), theirs, None), (None, None, theirs)] {
        let to = own.at(&format!("back-{}", known.is_some()));
        let key = Some(&own.key);
        let restored = asked(&one, run_of(1), &to, (key, known, 3)).unwrap();
        assert_eq!((restored.keys_of, restored.keys_at), (Some(run_of(1)), Some(at_hour(1))));
        assert_eq!((restored.keys_passed, restored.keys_unsigned), (passed, unsigned));
    }
    // In one place with the data it is the data's snapshots that count.
    let known = Known { since: at_hour(1), runs: [run_of(1), run_of(2)].into(), places: [].into() };
    one.claim(&own.key, at_hour(3), Some(&known)).unwrap();
}

/// Dated ahead, a run's older keys were laid beside all data that came after it.
#[test]
fn keys_that_were_dated_ahead_are_laid_only_where_there_is_nothing_else() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    let laid = |run: u32, now: u32, known: Option<&Known>| {
        let to = house.at(&format!("back-{run}-{now}-{}", known.is_some()));
        let restored = asked(&backups, run_of(run), &to, (Some(&house.key), known, now)).unwrap();
        std::fs::remove_dir_all(&to).unwrap();
        (restored.keys_of.unwrap(), restored.keys_passed.map(|(run, _)| run), restored.keys_are_older)
    };
    house.run(&backups, 800).unwrap();
    assert_eq!(laid(800, 1, None), (run_of(800), None, false), "there is nothing else");
    house.run(&backups, 2).unwrap();
    house.run(&backups, 3).unwrap();
    assert_eq!(laid(2, 4, None), (run_of(3), Some(run_of(800)), false));
    assert_eq!(
        laid(800, 4, None),
        (run_of(800), Some(run_of(3)), false),
        "none that are older than the data"
    );
    // By the ledger, whatever the clock says.
    let places = [(run_of(800), 1), (run_of(2), 2), (run_of(3), 3)].into();
    let known = Known { since: at_hour(3), runs: [2, 3, 800].map(run_of).into(), places };
    for now in [4, 900] {
        for run in [2, 3, 800] {
            assert_eq!(laid(run, now, Some(&known)), (run_of(3), None, false), "{run} at {now}");
        }
    }
    lose_keys(&backups, &house.at("target"), 3);
    lose_keys(&backups, &house.at("target"), 2);
    assert_eq!(laid(3, 4, Some(&known)), (run_of(800), None, true));
}

/// With nothing but the target: what a wrong clock dated ahead, what was cut off then, and what was dated back.
#[test]
fn elsewhere_the_data_and_keys_of_the_run_that_began_last_come_back() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    let back = |run: Option<u32>, now: u32| {
        let run = run.map(run_of);
        let run = find(&backups, run, now).unwrap().run;
        let to = house.at("back");
        let restored = asked(&backups, run, &to, (Some(&house.key), None, now)).unwrap();
        std::fs::remove_dir_all(&to).unwrap();
        assert_eq!(restored.manifest.run, run);
        let passed = restored.keys_passed.or(restored.keys_unsigned).map(|(run, _)| run);
        (run, restored.keys_of.unwrap(), passed, restored.keys_are_older)
    };
    for (hour, began) in [(2, 10), (800, 20), (3, 30)] {
        house.run_noted(&backups, hour, Some(began)).unwrap();
    }
    for now in [4, 900] {
        assert_eq!(back(None, now), (run_of(3), run_of(3), None, false), "{now}");
        assert_eq!(back(Some(2), now), (run_of(2), run_of(3), None, false), "{now}");
        assert_eq!(back(Some(800), now), (run_of(800), run_of(3), None, false), "{now}");
    }
    // Cut off behind its keys: it has no manifest, by which it would be known when that was.
    house.run_noted(&backups, 700, Some(40)).unwrap();
    lose_data(&backups, &house.at("target"), 700);
    assert_eq!(back(None, 900), (run_of(3), run_of(3), Some(run_of(700)), false));
    house.run_noted(&backups, 1, Some(40)).unwrap();
    house.run_noted(&backups, 5, Some(50)).unwrap();
    assert_eq!(back(None, 900), (run_of(5), run_of(5), None, false));
    house.run_noted(&backups, 0, Some(60)).unwrap();
    assert_eq!(back(None, 900), (run_of(0), run_of(0), None, false), "dated back");
    lose_keys(&backups, &house.at("target"), 0);
    assert_eq!(back(None, 900), (run_of(0), run_of(5), None, true));
    // What was made before this was noted came before all that notes it.
    house.run(&backups, 950).unwrap();
    assert_eq!(back(None, 960), (run_of(0), run_of(5), None, true));
}

/// Three of a clock that was ahead: each later one was deleted by the run that made it.
#[test]
fn what_a_clock_dated_ahead_deletes_nothing_that_came_after_it() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    for hour in [800, 810] {
        house.run(&backups, hour).unwrap();
    }
    for (hour, began) in [(2, 30), (3, 40)] {
        house.run_noted(&backups, hour, Some(began)).unwrap();
        thin_out(&backups, hour);
        let there: Vec<BackupId> = runs(&backups).into_iter().map(|(run, _)| run).collect();
        assert_eq!(there, [hour, 800, 810].map(run_of));
    }
    // Once their moment has come they are old ones like others.
    assert_eq!(thin_out(&backups, 900), 2);
    assert_eq!(runs(&backups), [(run_of(3), Whose::Own)]);
}

/// The original's own last run was dated ahead: a copy's was not seen, and a restore of the original laid it.
#[test]
fn a_copys_run_is_seen_beside_an_own_one_that_was_dated_ahead() {
    let (own, copy) = (House::new(1), House::new(1));
    let target = own.at("target");
    let one = own.backups(&target);
    own.run_noted(&one, 1, Some(10)).unwrap();
    own.run_noted(&one, 20, Some(12)).unwrap();
    copy.run_noted(&copy.backups(&target), 2, Some(11)).unwrap();
    let known = Known { since: at_hour(20), runs: [run_of(1), run_of(20)].into(), places: [].into() };
    let seen = one.strange(&one.list().unwrap(), &own.key, &known, at_hour(3)).unwrap();
    assert_eq!(seen.map(|seen| seen.run), Some(run_of(2)));
    let refused = one.claim(&own.key, at_hour(3), Some(&known)).unwrap_err();
    assert!(matches!(refused, Error::AnotherCopy { run, .. } if run == run_of(2)), "{refused:?}");
    let to = own.at("back");
    let restored = asked(&one, run_of(20), &to, (Some(&own.key), Some(&known), 3)).unwrap();
    assert_eq!(
        (restored.keys_of, restored.keys_passed.map(|(run, _)| run)),
        (Some(run_of(20)), Some(run_of(2)))
    );
}

/// Without a key nothing says whose runs are, and numbers of two ledgers say nothing of each other.
#[test]
fn without_a_key_numbers_of_another_ledger_count_for_nothing() {
    let (first, second) = (House::new(1), House::new(2));
    let target = first.at("target");
    first.run_noted(&first.backups(&target), 1, Some(50_000)).unwrap();
    second.run_noted(&second.backups(&target).taking_over(), 3, Some(300)).unwrap();
    second.run_noted(&second.backups(&target), 2, Some(310)).unwrap();
    let plan = Plan { ledger: None, ..first.backups(&target).plan().clone() };
    let found = find(&Backups::new(plan, Bars::none()), None, 900).unwrap();
    assert_eq!(found.run, run_of(2));
}

/// Whoever has the password writes tags: an old run with a higher number was the newest, with the keys of whoever was erased since.
#[test]
fn a_number_that_is_not_the_signed_one_is_refused() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    house.run_noted(&backups, 1, Some(10)).unwrap();
    house.run_noted(&backups, 2, Some(20)).unwrap();
    for part in [Part::Files, Part::Keys] {
        backups.repo(part, Missing::Refuse).unwrap().renumber(run_of(1), 99);
    }
    let found = find(&backups, None, 900).unwrap().run;
    let read_out = |run: BackupId, to: &Path| asked(&backups, run, to, (Some(&house.key), None, 900));
    let refused = read_out(found, &house.at("forged")).unwrap_err().to_string();
    assert!(found == run_of(1) && refused.contains("another number"), "{refused}");
    let faults = backups.verify(crate::repository::Reading::Structure).unwrap();
    assert!(faults.iter().any(|fault| fault.contains("another number")), "{faults:?}");
    // The whole one comes back, and its keys, and not the old one's with it.
    let restored = read_out(run_of(2), &house.at("own")).unwrap();
    let unsigned = restored.keys_unsigned.map(|(run, _)| run);
    assert_eq!((restored.keys_of, unsigned), (Some(run_of(2)), Some(run_of(1))));
}

/// The highest number that there is was signed into the next run, and into each after it: from then on all went by clocks.
#[test]
fn a_forged_number_is_in_no_later_run() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    house.run_noted(&backups, 1, Some(10)).unwrap();
    house.run_noted(&backups, 2, Some(20)).unwrap();
    for part in [Part::Files, Part::Keys] {
        backups.repo(part, Missing::Refuse).unwrap().renumber(run_of(1), u64::MAX);
    }
    assert_eq!(house.run_noted(&backups, 3, Some(30)).unwrap().number, Some(30));
    // Signed ones count, also where the ledger is behind them.
    assert_eq!(house.run_noted(&backups, 4, Some(5)).unwrap().number, Some(31));
}

/// So was an old copy of keys under the name of a run that nobody made: a manifest that is not there says no other number.
#[test]
fn keys_that_no_manifest_speaks_of_are_laid_only_where_there_are_no_others_and_are_named() {
    let house = House::new(1);
    let (backups, target) = (house.backups(&house.at("target")), house.at("target"));
    let back = |run: u32| {
        let to = house.at("back");
        let restored = asked(&backups, run_of(run), &to, (Some(&house.key), None, 900)).unwrap();
        let wrapped = std::fs::read_to_string(to.join("vault/keys.sqlite")).unwrap();
        std::fs::remove_dir_all(&to).unwrap();
        (restored.keys_of.unwrap(), restored.keys_unsigned.map(|(run, _)| run), wrapped)
    };
    std::fs::write(house.at("data/vault/keys.sqlite"), "with Ada").unwrap();
    house.run_noted(&backups, 1, Some(10)).unwrap();
    std::fs::write(house.at("data/vault/keys.sqlite"), "without her").unwrap();
    house.run_noted(&backups, 2, Some(20)).unwrap();
    let keys = backups.repo(Part::Keys, Missing::Refuse).unwrap();
    keys.renumber(run_of(1), 99);
    keys.rename(run_of(1), run_of(500));
    let own = (run_of(2), Some(run_of(500)), "without her".to_owned());
    assert_eq!(back(2), own);
    // One that is no later is not worth a word.
    keys.renumber(run_of(500), 19);
    assert_eq!(back(2), (own.0, None, own.2));
    // Where nobody can tell of any, the newest are all there is.
    lose_keys(&backups, &target, 2);
    assert_eq!(back(2), (run_of(500), Some(run_of(500)), "with Ada".to_owned()));
}

/// A target on which one listing of customers' keys is damaged: the data goes there all the same.
#[test]
fn a_snapshot_of_keys_that_cannot_be_read_keeps_no_data_from_the_target() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    house.run_noted(&backups, 1, Some(10)).unwrap();
    let one = backups.snapshots(Part::Keys).unwrap().remove(0);
    std::fs::write(house.at("target/keys/snapshots").join(&one.id), b"noise").unwrap();
    house.run_noted(&backups, 2, Some(20)).unwrap();
    let plan = backups.plan().clone();
    let files = Backups::new(plan, Bars::none()).snapshots(Part::Files).unwrap();
    assert!(files.iter().any(|one| one.label == "storeward" && one.run == Some(run_of(2))));
}

/// A run was cut off behind its keys.
fn lose_data(backups: &Backups, target: &Path, hour: u32) {
    let all = backups.snapshots(Part::Files).unwrap();
    for one in all.iter().filter(|one| one.run == Some(run_of(hour))) {
        std::fs::remove_file(target.join("files/snapshots").join(&one.id)).unwrap();
    }
}

/// Somebody took the snapshot of a run's keys away.
fn lose_keys(backups: &Backups, target: &Path, hour: u32) {
    let all = backups.snapshots(Part::Keys).unwrap();
    let one = all.iter().find(|one| one.run == Some(run_of(hour))).unwrap();
    std::fs::remove_file(target.join("keys/snapshots").join(&one.id)).unwrap();
}

/// Without the ledger's key an old backup without a mark got the keys of whoever took the target over, and "the newest" was said of them.
#[test]
fn without_a_key_nobody_gets_another_houses_customers_keys() {
    let (first, second, third) = (House::new(1), House::new(2), House::new(3));
    let target = first.at("target");
    let one = first.backups(&target);
    first.run(&one, 1).unwrap();
    for part in [Part::Files, Part::Keys] {
        one.repo(part, Missing::Refuse).unwrap().unmark();
    }
    let back = |name: &str, hour: u32, key: Option<&LogKey>| {
        let to = first.at(name);
        read_out(&one, &one.alone()?, run_of(hour), &to, None, key)?;
        Ok::<_, Error>(std::fs::read_to_string(to.join("vault/keys.sqlite")).ok())
    };
    let own = Some("keys of house 1".to_owned());
    assert_eq!(back("before", 1, None).unwrap(), own, "nobody else was there");
    // One without customers' keys has none, though another's lie there.
    std::fs::remove_file(third.at("data/vault/keys.sqlite")).unwrap();
    third.run(&third.backups(&target).taking_over(), 2).unwrap();
    assert_eq!(back("third", 2, None).unwrap(), None);
    second.run(&second.backups(&target).taking_over(), 3).unwrap();
    assert_eq!(back("nobody's", 1, None).unwrap(), None, "whose they are cannot be told");
    assert_eq!(back("first", 1, Some(&first.key)).unwrap(), own);
    assert_eq!(back("second", 3, None).unwrap(), Some("keys of house 2".to_owned()));
}

/// A copy's run that a wrong clock dated into the future stopped each backup for good, whatever the owner said.
#[test]
fn a_copys_run_counts_once_its_moment_has_come() {
    let (own, others, at) = (run_of(1), run_of(2), at_hour(5));
    let known = Known { since: at_hour(3), runs: [own].into(), places: [].into() };
    let one = |run: BackupId, at: Timestamp| Dated { run: Some(run), at, number: None, entries: None };
    let is_strange = |one: Dated| known.is_strange(one, None, at);
    assert!(is_strange(one(others, at_hour(4))) && is_strange(one(others, at)));
    assert!(!is_strange(one(others, at_hour(6))), "not yet");
    assert!(!is_strange(one(others, at_hour(3))) && !is_strange(one(own, at_hour(4))));
    // By its number, whatever clocks said; side by side, by moments.
    let with =
        |run: BackupId, hour: u32, number: u64| Dated { number: Some(number), ..one(run, at_hour(hour)) };
    for (hour, number, is) in [(1, 8, true), (9, 8, true), (4, 6, false), (4, 7, true), (2, 7, false)] {
        assert_eq!(known.is_strange(with(others, hour, number), Some(7), at), is, "{hour} {number}");
        assert!(!known.is_strange(with(own, hour, number), Some(7), at));
    }
}

/// The store that keys are copied from had lost them, and thirty days later no copy had any.
#[test]
fn no_copy_of_customers_keys_goes_while_their_store_has_not_all() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    for hour in [1, 900] {
        house.run(&backups, hour).unwrap();
    }
    let thin_out = |frozen| {
        backups.thin_out(&backups.alone().unwrap(), at_hour(901), frozen, &quiet).unwrap();
        backups.snapshots(Part::Keys).unwrap().len()
    };
    assert_eq!(thin_out(crate::Frozen::WithKeys), 2);
    assert_eq!(thin_out(crate::Frozen::Yes), 1);
}
