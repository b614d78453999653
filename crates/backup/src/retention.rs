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
    /// Those of `made` that go. The newest always stays, and so does what lies in the future: a clock that was wrong must not
    /// cost a backup.
    pub fn goes<K: Clone + Ord>(&self, made: &[(K, Timestamp)], now: Timestamp) -> Vec<K> {
        let mut newest_first: Vec<&(K, Timestamp)> = made.iter().collect();
        newest_first.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
        let last = usize::try_from(self.last.max(1)).unwrap_or(usize::MAX);
        let mut stay: BTreeSet<K> = newest_first.iter().take(last).map(|(key, _)| key.clone()).collect();
        stay.extend(newest_first.iter().filter(|(_, at)| *at > now).map(|(key, _)| key.clone()));
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

/// Those that are older than `most`: of customers' keys none may stay, not even the last.
pub fn too_old<K: Clone>(made: &[(K, Timestamp)], most: Duration, now: Timestamp) -> Vec<K> {
    made.iter().filter(|(_, at)| now.since(*at) > most).map(|(key, _)| key.clone()).collect()
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
        assert_eq!(none.goes(&wrong_clock, at_day(1, 0)), [1]);
        assert_eq!(none.goes::<i32>(&[], at_day(1, 0)), Vec::<i32>::new());
    }

    #[test]
    fn no_key_outlives_its_days_and_be_it_the_last() {
        let month = Duration::from_secs(30 * 24 * 3_600);
        assert_eq!(too_old(&[(1, at_day(0, 0))], month, at_day(31, 0)), [1]);
        assert_eq!(too_old(&[(1, at_day(2, 0))], month, at_day(31, 0)), Vec::<i32>::new());
    }
}
