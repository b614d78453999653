//! Which of two runs is the later one. Each run has a number, higher than those of all of the same ledger's that it found at the target, and no
//! lower than how many entries the ledger had: a logical clock (Lamport, Time, Clocks, and the Ordering of Events in a Distributed System,
//! 1978), which also a copy and a directory that was put back to an older state go on with. Of runs of before there were numbers the ledger, where
//! there is one, has the order in which they came to their end. Moments are what a clock said, and a clock may be wrong.

use storeward_base::{BackupId, Timestamp};

use crate::listing::Run;
use crate::manifest::Manifest;
use crate::owner::Known;
use crate::repository::Snapshot;

const TAG: &str = "number-";

/// A run, or what is left of one, as it is put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dated {
    pub run: Option<BackupId>,
    /// The moment that it bears.
    pub at: Timestamp,
    pub number: Option<u64>,
    /// How many entries the ledger had when it began, where that is known.
    pub entries: Option<u64>,
}

impl Run {
    pub fn dated(&self) -> Dated {
        Dated { run: Some(self.run), at: self.made_at, number: self.number, entries: None }
    }
}

impl Snapshot {
    pub(crate) fn dated(&self) -> Dated {
        Dated { run: self.run, at: self.made_at, number: self.number, entries: None }
    }
}

impl Manifest {
    pub fn dated(&self) -> Dated {
        let Manifest { made_at: at, number, entries, .. } = *self;
        Dated { run: Some(self.run), at, number, entries }
    }
}

/// How a snapshot says the number of its run.
pub(crate) fn tag(number: u64) -> String {
    format!("{TAG}{number}")
}

pub(crate) fn read_tag(tag: &str) -> Option<u64> {
    tag.strip_prefix(TAG)?.parse().ok()
}

/// Whether a run came after another.
pub fn is_later(one: Dated, other: Dated, known: Option<&Known>) -> bool {
    Order { now: Timestamp::EPOCH, known }.is_before(other, one)
}

/// By what runs are put in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) now: Timestamp,
    pub(crate) known: Option<&'a Known>,
}

impl Order<'_> {
    /// By their numbers; by the ledger where it says how far it was when one began and where the end of the other stands, or has both ends; else
    /// by their moments. Those without a number came before those with one.
    pub(crate) fn is_before(&self, one: Dated, other: Dated) -> bool {
        let are_numbered = one.number.is_some() && other.number.is_some();
        if !are_numbered && let (Some(ended), Some(began)) = (self.place(one), other.entries) {
            return ended <= began;
        }
        if !are_numbered && let (Some(began), Some(ended)) = (one.entries, self.place(other)) {
            return began < ended;
        }
        if one.number != other.number {
            return one.number < other.number;
        }
        match (self.place(one), self.place(other)) {
            (Some(one), Some(other)) => one < other,
            _ => one.at < other.at,
        }
    }

    /// The latest is the last. Of those without a number, one that came before another that bears an earlier moment, by the
    /// ledger, comes before all others: it was dated by a clock that was ahead. So does one that is dated later than now, unless it is the
    /// last by the ledger.
    pub(crate) fn sorted<T>(&self, mut all: Vec<T>, dated: impl Fn(&T) -> Dated) -> Vec<T> {
        let of_before: Vec<Dated> = all.iter().map(&dated).filter(|one| one.number.is_none()).collect();
        let is_overtaken =
            |one: Dated| of_before.iter().any(|other| other.at < one.at && self.is_before(one, *other));
        let last = of_before.iter().filter_map(|one| self.place(*one)).max();
        let is_last = |one: Dated| last.is_some() && self.place(one) == last;
        all.sort_by_cached_key(|one| {
            let one = dated(one);
            (one.number, !is_overtaken(one), one.at <= self.now || is_last(one), one.at)
        });
        all
    }

    /// The latest.
    pub(crate) fn newest<T>(&self, all: Vec<T>, dated: impl Fn(&T) -> Dated) -> Option<T> {
        self.sorted(all, dated).pop()
    }

    /// Whether it is dated later than now, and nothing else says when it was.
    pub(crate) fn is_ahead(&self, one: Dated) -> bool {
        one.at > self.now && one.number.is_none() && self.place(one).is_none()
    }

    fn place(&self, one: Dated) -> Option<u64> {
        self.known?.places.get(&one.run?).copied()
    }
}

impl Known {
    /// The latest of runs that were made here.
    pub fn newest(&self, runs: Vec<Run>, now: Timestamp) -> Option<Run> {
        Order { now, known: Some(self) }.newest(runs, Run::dated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of before there were numbers.
    fn dated(run: u32, at: i64) -> Dated {
        Dated {
            run: Some(BackupId::from_bits(u128::from(run))),
            at: Timestamp::from_seconds(at),
            number: None,
            entries: None,
        }
    }

    fn newest(order: &Order<'_>, all: &[Dated]) -> Option<Dated> {
        order.newest(all.to_vec(), |one| *one)
    }

    fn known(all: &[Dated]) -> Known {
        let places = all.iter().filter_map(|one| one.run).zip(1..).collect();
        Known { since: Timestamp::EPOCH, runs: Default::default(), places }
    }

    /// A run that was dated two hours ahead was the newest from then on, though one was made after it.
    #[test]
    fn what_a_clock_dated_ahead_is_the_newest_only_where_there_is_nothing_else() {
        let (first, ahead, after) = (dated(1, 10), dated(2, 100), dated(3, 20));
        let known = known(&[first, ahead, after]);
        for now in [30, 200] {
            let now = Timestamp::from_seconds(now);
            let (by_moment, by_ledger) = (Order { now, known: None }, Order { now, known: Some(&known) });
            assert_eq!(newest(&by_ledger, &[first, after, ahead]), Some(after), "{now}");
            assert!(by_ledger.is_before(ahead, after) && by_moment.is_before(after, ahead));
            let without = if now < ahead.at { after } else { ahead };
            assert_eq!(newest(&by_moment, &[first, ahead, after]), Some(without), "{now}");
            assert_eq!(newest(&by_ledger, &[ahead]), Some(ahead), "there is nothing else");
        }
    }

    /// A clock that was ahead, and then less so: of two that are dated later than now the ledger says which came last.
    #[test]
    fn of_those_that_are_dated_ahead_the_ledger_says_which_is_the_last() {
        let (real, further, ahead) = (dated(1, 10), dated(2, 100), dated(3, 90));
        let known = known(&[real, further, ahead]);
        for now in [50, 95, 200] {
            let order = Order { now: Timestamp::from_seconds(now), known: Some(&known) };
            assert_eq!(newest(&order, &[real, further, ahead]), Some(ahead), "{now}");
        }
        let order = Order { now: Timestamp::from_seconds(50), known: None };
        assert_eq!(newest(&order, &[real, further, ahead]), Some(real));
        assert!(order.is_ahead(ahead) && !order.is_ahead(real));
    }

    /// A battery that was empty: what came before is not newer for it.
    #[test]
    fn what_a_clock_dated_back_is_the_newest_until_the_next() {
        let (first, back, after) = (dated(1, 1_000), dated(2, 10), dated(3, 1_100));
        let known = known(&[first, back, after]);
        let order = Order { now: Timestamp::from_seconds(2_000), known: Some(&known) };
        assert_eq!(newest(&order, &[first, back]), Some(back));
        assert_eq!(newest(&order, &[first, back, after]), Some(after));
    }

    /// On another machine nothing but the target said anything, and there moments were all there was.
    #[test]
    fn numbers_say_everywhere_which_is_the_later_one() {
        let with = |run: u32, at: i64, number: u64| Dated { number: Some(number), ..dated(run, at) };
        // Of before, further ahead than all; ahead; right; dated back.
        let all = [dated(1, 9_000), with(2, 900, 5), with(3, 100, 7), with(4, 10, 9), with(5, 120, 12)];
        let known = known(&[all[4], all[3], all[2], all[1], all[0]]);
        for now in [0, 200, 10_000] {
            for known in [None, Some(&known)] {
                let order = Order { now: Timestamp::from_seconds(now), known };
                assert_eq!(order.sorted(all.iter().rev().copied().collect(), |one| *one), all, "{now}");
                for (one, other) in all.iter().zip(&all[1..]) {
                    assert!(order.is_before(*one, *other) && !order.is_before(*other, *one), "{one:?}");
                }
                assert!(all[1..].iter().all(|one| !order.is_ahead(*one)));
            }
        }
    }

    /// The ledger says no number: a drill put runs in an order of its own for that.
    #[test]
    fn by_the_ledger_a_run_is_later_than_one_whose_end_stood_there_when_it_began() {
        let told = dated(1, 1_000);
        let known = Known { places: [(BackupId::from_bits(1), 40)].into(), ..known(&[told]) };
        let one = |number, entries| Dated { number, entries: Some(entries), ..dated(2, 10) };
        for number in [None, Some(7)] {
            for (entries, is) in [(39, false), (40, true), (41, true)] {
                let one = one(number, entries);
                assert_eq!(is_later(one, told, Some(&known)), is, "{number:?} {entries}");
                assert_eq!(is_later(told, one, Some(&known)), !is, "{number:?} {entries}");
            }
        }
        // With numbers these say it.
        let told = Dated { number: Some(8), ..told };
        assert!(!is_later(one(Some(7), 41), told, Some(&known)));
        assert!(is_later(one(Some(9), 39), told, Some(&known)));
        assert!(!is_later(one(None, 41), Dated { number: Some(8), ..dated(3, 1_000) }, Some(&known)));
    }

    #[test]
    fn a_snapshot_says_it_by_a_tag_and_no_other_tag_says_anything() {
        assert_eq!(read_tag(&tag(0)), Some(0));
        assert_eq!(read_tag(&tag(u64::MAX)), Some(u64::MAX));
        for other in ["number-", "number--1", "number-1.5", "ledger-12", "backup_00000000000000000000000001"]
        {
            assert_eq!(read_tag(other), None, "{other}");
        }
    }
}
