//! Two installations that were led to the same target.

use super::*;
use crate::Frozen;
use crate::repository::{Missing, Part};

fn thin_out(backups: &Backups, hour: u32) -> usize {
    let alone = backups.alone().unwrap();
    backups.thin_out(&alone, at_hour(hour), Frozen::No, &quiet).unwrap().runs
}

/// Its newest, with its keys, from nothing but its ledger's key and the target.
fn comes_back(house: &House, backups: &Backups) -> (BackupId, String, String) {
    let run = backups.find(None).unwrap().run;
    let to = house.at("back");
    backups.restore(&backups.alone().unwrap(), run, &to, None, Some(&house.key)).unwrap();
    let read = |name: &str| std::fs::read_to_string(to.join(name)).unwrap();
    (run, read("note"), read("wrapped"))
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
    assert!(matches!(two.find(None), Err(Error::NoRun(_))), "another's is not restored");
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
    std::fs::remove_file(second.at("data/wrapped")).unwrap();
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
    std::fs::remove_file(second.at("data/wrapped")).unwrap();
    second.run(&two, 4).unwrap();
    first.run(&apart(&first).taking_over(), 5).unwrap();
    assert!(matches!(second.run(&two, 6), Err(Error::AnotherLedger { .. })));
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
        one.restore(&one.alone()?, run_of(hour), &to, None, key)?;
        Ok::<_, Error>(std::fs::read_to_string(to.join("wrapped")).ok())
    };
    let own = Some("keys of house 1".to_owned());
    assert_eq!(back("before", 1, None).unwrap(), own, "nobody else was there");
    // One without customers' keys has none, though another's lie there.
    std::fs::remove_file(third.at("data/wrapped")).unwrap();
    third.run(&third.backups(&target).taking_over(), 2).unwrap();
    assert_eq!(back("third", 2, None).unwrap(), None);
    second.run(&second.backups(&target).taking_over(), 3).unwrap();
    assert_eq!(back("nobody's", 1, None).unwrap(), None, "whose they are cannot be told");
    assert_eq!(back("first", 1, Some(&first.key)).unwrap(), own);
    assert_eq!(back("second", 3, None).unwrap(), Some("keys of house 2".to_owned()));
}
