//! Which backups stay.

use std::collections::BTreeSet;
use std::time::Duration;

use storeward_base::Timestamp;

const DAY_SECONDS: i64 = 24 * 3_600;

/// How many backups stay, the newest of each span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The newest so many, however close together.
    pub last: u32,
    pub days: u32,
    pub weeks: u32,
    /// Of 30 days.
    pub months: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Keep { last: 3, days: 14, weeks: 8, months: 12 }
    }
}

impl Keep {
    /// Those of `made`, the latest last, that go. The latest always stays, whatever moment it bears, and so does what lies in the future: a
    /// clock that was wrong must not cost a backup. That takes nobody's place.
    pub fn goes<K: Clone + Ord>(&self, made: &[(K, Timestamp)], now: Timestamp) -> Vec<K> {
        let (ahead, mut newest_first): (Vec<_>, Vec<_>) = made.iter().rev().partition(|(_, at)| *at > now);
        let last = usize::try_from(self.last.max(1)).unwrap_or(usize::MAX);
        let mut stay: BTreeSet<K> = newest_first.iter().take(last).map(|(key, _)| key.clone()).collect();
        stay.extend(ahead.into_iter().map(|(key, _)| key.clone()));
        newest_first.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
        for (count, seconds) in
            [(self.days, DAY_SECONDS), (self.weeks, 7 * DAY_SECONDS), (self.months, 30 * DAY_SECONDS)]
        {
            let mut seen = BTreeSet::new();
            for (key, at) in &newest_first {
                let span = at.seconds().div_euclid(seconds);
                if !seen.contains(&span) && seen.len() < usize::try_from(count).unwrap_or(usize::MAX) {
                    seen.insert(span);
                    stay.insert(key.clone());
                }
            }
        }
        made.iter().map(|(key, _)| key).filter(|key| !stay.contains(key)).cloned().collect()
    }
}

/// Those of `made`, the latest last, that are older than `most`: of customers' keys none may stay, not even the last. None is younger than what
/// came after it, so a clock that was ahead keeps none longer. Where the latest is older than that itself, and others are not, a clock was
/// wrong one way or the other: it stays beside them.
pub fn too_old<K: Clone>(made: &[(K, Timestamp)], most: Duration, now: Timestamp) -> Vec<K> {
    let is_old = |at: Timestamp| now.since(at) > most;
    let Some((_, latest)) = made.last() else { return Vec::new() };
    if is_old(*latest) {
        let all_but_last = &made[..made.len() - 1];
        let goes = all_but_last.iter().filter(|(_, at)| is_old(*at)).map(|(key, _)| key.clone());
        let mut goes: Vec<K> = goes.collect();
        if goes.len() == all_but_last.len() {
            goes.extend(made.last().map(|(key, _)| key.clone()));
        }
        return goes;
    }
    let mut next = now;
    let mut goes: Vec<K> = Vec::new();
    for (key, at) in made.iter().rev() {
        next = next.min(*at);
        if is_old(next) {
            goes.push(key.clone());
        }
    }
    goes.reverse();
    goes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_day(day: i64, hour: i64) -> Timestamp {
        Timestamp::from_seconds((20_000 + day) * DAY_SECONDS + hour * 3_600)
    }

    #[test]
    fn the_newest_of_each_day_week_and_month_stays() {
        // Two a day for a year.
        let made: Vec<(i64, Timestamp)> =
            (0..365).flat_map(|day| [(day * 2, at_day(day, 3)), (day * 2 + 1, at_day(day, 15))]).collect();
        let keep = Keep { last: 3, days: 7, weeks: 4, months: 6 };
        let goes: BTreeSet<i64> = keep.goes(&made, at_day(364, 16)).into_iter().collect();
        let stays: Vec<i64> = made.iter().map(|(key, _)| *key).filter(|key| !goes.contains(key)).collect();
        assert!(stays.contains(&729) && stays.contains(&728) && stays.contains(&727), "{stays:?}");
        // The newest of the last seven days.
        assert!((358..365).all(|day| stays.contains(&(day * 2 + 1))), "{stays:?}");
        assert!(!stays.contains(&(357 * 2)), "{stays:?}");
        // 3 + 7 + 4 + 6 at most, and some for more than one reason.
        assert!((12..=20).contains(&stays.len()), "{stays:?}");
        assert!(stays.iter().any(|key| *key < 2 * 230), "nothing that is nearly half a year old: {stays:?}");
    }

    #[test]
    fn the_last_one_and_the_future_stay() {
        let none = Keep { last: 0, days: 0, weeks: 0, months: 0 };
        assert_eq!(none.goes(&[(1, at_day(0, 0))], at_day(900, 0)), Vec::<i32>::new());
        let wrong_clock = [(1, at_day(0, 0)), (2, at_day(900, 0)), (3, at_day(901, 0))];
        assert_eq!(none.goes(&wrong_clock, at_day(1, 0)), Vec::<i32>::new(), "those two are no place for it");
        assert_eq!(none.goes(&wrong_clock, at_day(902, 0)), [1, 2]);
        assert_eq!(none.goes::<i32>(&[], at_day(1, 0)), Vec::<i32>::new());
    }

    /// A clock of another zone for three hours: what came after it went as soon as it was made, and until the wrong hour none was kept.
    #[test]
    fn what_was_dated_ahead_takes_the_place_of_nothing_that_came_after_it() {
        let keep = Keep { last: 3, days: 1, weeks: 1, months: 1 };
        let mut made = vec![(0, at_day(0, 1))];
        made.extend((1..=3).map(|one| (1_000 + one, at_day(400 * one, 2))));
        for hour in 3..9 {
            made.push((hour, at_day(0, hour)));
            let goes = keep.goes(&made, at_day(0, hour));
            let stays = [1_001, 1_002, 1_003, hour];
            assert!(stays.iter().all(|one| !goes.contains(one)), "{hour}: {goes:?}");
            assert_eq!(goes.contains(&0), hour > 4, "{hour}: {goes:?}");
        }
        // Dated back, the latest stays as well.
        made.push((99, at_day(-700, 0)));
        assert!(!keep.goes(&made, at_day(0, 9)).contains(&99));
    }

    #[test]
    fn no_key_outlives_its_days_and_be_it_the_last() {
        let month = Duration::from_secs(30 * 24 * 3_600);
        assert_eq!(too_old(&[(1, at_day(0, 0))], month, at_day(31, 0)), [1]);
        assert_eq!(too_old(&[(1, at_day(2, 0))], month, at_day(31, 0)), Vec::<i32>::new());
        // Nor does a wrong clock keep it longer.
        let wrong_clock = [
            (1, at_day(0, 0)),
            (2, at_day(60, 0)),
            (3, at_day(61, 0)),
            (4, at_day(1, 0)),
            (5, at_day(20, 0)),
        ];
        assert_eq!(too_old(&wrong_clock, month, at_day(30, 0)), Vec::<i32>::new());
        assert_eq!(too_old(&wrong_clock, month, at_day(32, 0)), [1, 2, 3, 4]);
        // Also once its moment has come.
        let ahead = [(1, at_day(20, 0)), (2, at_day(1, 0)), (3, at_day(31, 0))];
        assert_eq!(too_old(&ahead, month, at_day(32, 0)), [1, 2]);
        // Dated back, the latest stays while others do; with the next one it goes.
        let back = [(1, at_day(0, 0)), (2, at_day(5, 0)), (3, at_day(-700, 0)), (4, at_day(33, 0))];
        assert_eq!(too_old(&back[..3], month, at_day(33, 0)), [1]);
        assert_eq!(too_old(&back, month, at_day(33, 0)), [1, 2, 3]);
        assert_eq!(too_old(&back[..3], month, at_day(60, 0)), [1, 2, 3]);
        assert_eq!(too_old(&[(1, at_day(60, 0))], month, at_day(32, 0)), Vec::<i32>::new(), "nothing tells");
    }
}
