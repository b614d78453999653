//! What is kept of one key: counts by minute and day, usual amounts, the latest others that came with it, and what was
//! bad. A few hundred bytes, whatever happens.

use crate::attempt::Mark;
use crate::codec::{Malformed, Reader, Writer};
use crate::ring::{Ring, figure};

pub(crate) const DAY_SECONDS: i64 = 86_400;

/// Days that counts reach back: a label may take five weeks and still find the four weeks before it.
pub(crate) const DAYS: usize = 64;

/// Others that are remembered by name.
const OTHERS: usize = 16;

/// How many amounts the usual amount leans on; a later one weighs as one of so many.
const AMOUNTS: f32 = 100.0;

/// An amount so many times the usual one is a spike: it is counted, and does not move what is usual.
pub(crate) const SPIKE: f32 = 3.0;

/// Amounts before spikes are told from the rest.
const USUAL_AFTER: f32 = 3.0;

/// How many outcomes the recent share of frauds leans on.
const RECENT: f32 = 4.0;

/// Frauds that lie further apart are not in a row, even if nothing came between them.
const RUN_SECONDS: i64 = 28 * DAY_SECONDS;

/// Whether an amount was one that its payer usually pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usual {
    Yes,
    No,
}

/// A day of a moment in seconds, and how much of it has passed (0 to 1).
pub(crate) fn day_of(seconds: i64) -> (i64, f32) {
    let passed = u32::try_from(seconds.rem_euclid(DAY_SECONDS)).unwrap_or(0);
    (seconds.div_euclid(DAY_SECONDS), figure(passed) / 86_400.0)
}

pub(crate) fn minute_of(seconds: i64) -> i64 {
    seconds.div_euclid(60)
}

/// The usual amount, in minor units; spikes do not move it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Amounts {
    count: f32,
    mean: f32,
    variance: f32,
    most: f32,
}

impl Amounts {
    pub fn is_spike(&self, amount: f32) -> bool {
        self.count >= USUAL_AFTER && amount > SPIKE * self.mean
    }

    fn add(&mut self, amount: f32) {
        if self.is_spike(amount) {
            return;
        }
        self.count = (self.count + 1.0).min(AMOUNTS);
        let step = amount - self.mean;
        self.mean += step / self.count;
        self.variance += (step * (amount - self.mean) - self.variance) / self.count;
        self.most = self.most.max(amount);
    }

    pub fn mean(&self) -> Option<f32> {
        (self.count > 0.0).then_some(self.mean)
    }

    /// `None` before there are two amounts.
    pub fn deviation(&self) -> Option<f32> {
        (self.count > 1.0).then(|| self.variance.max(0.0).sqrt())
    }

    /// The most that was not a spike.
    pub fn most(&self) -> Option<f32> {
        (self.count > 0.0).then_some(self.most)
    }
}

/// The latest others that came with a key (the cards of a device, the customers of a card), each with its latest moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Others(Vec<(Mark, i64)>);

impl Others {
    fn see(&mut self, mark: Mark, seconds: i64) {
        self.0.retain(|(known, _)| *known != mark);
        if self.0.len() >= OTHERS {
            self.0.remove(0);
        }
        self.0.push((mark, seconds));
    }

    /// How many were there since a moment; what comes now is counted with them.
    pub fn since(&self, seconds: i64, now: Option<Mark>) -> u32 {
        let known = self.0.iter().filter(|(_, at)| *at >= seconds);
        let (mut count, mut found) = (0_u32, now.is_none());
        for (mark, _) in known {
            count += 1;
            found |= Some(*mark) == now;
        }
        count + u32::from(!found)
    }
}

/// What most keys never have.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bad {
    /// Known frauds, by the day of the attempt.
    pub frauds: Ring<DAYS>,
    /// Those of a usual amount: nothing about who paid explains them, so that the other keys have to.
    pub plain: Ring<DAYS>,
    pub refused_minutes: Ring<60>,
    pub refused_days: Ring<DAYS>,
    /// Amounts far above the usual one.
    pub spikes: Ring<DAYS>,
    pub run: Option<Run>,
    /// Coupons for first orders that came with it.
    pub first_order_coupons: u16,
    /// The share of frauds among what is known (0 to 1), the latest outcome weighing a quarter.
    pub recent: f32,
}

/// The latest frauds in a row, by the moments of their attempts in seconds: nothing between them is known to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub first: i64,
    pub last: i64,
    pub frauds: u32,
    /// Attempts after the last one that are known to be good.
    pub good_since: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Profile {
    /// First and last attempt in seconds since 1970.
    seen: Option<(i64, i64)>,
    /// When the first attempt was made that was paid, of a kind that pays.
    paid: Option<i64>,
    pub minutes: Ring<60>,
    pub days: Ring<DAYS>,
    /// Attempts of which it is known what they were, by their day.
    pub known: Ring<DAYS>,
    pub amounts: Amounts,
    pub others: Others,
    pub bad: Option<Box<Bad>>,
}

impl Profile {
    /// Counts one attempt; `other` is who came with it.
    pub fn count(&mut self, seconds: i64, other: Option<Mark>) {
        let (first, last) = self.seen.unwrap_or((seconds, seconds));
        self.seen = Some((first, last.max(seconds)));
        self.minutes.add(minute_of(seconds));
        self.days.add(day_of(seconds).0);
        if let Some(other) = other {
            self.others.see(other, seconds);
        }
    }

    /// Who came with it became known later than the attempt was counted.
    pub fn meet(&mut self, seconds: i64, other: Option<Mark>) {
        if let Some(other) = other {
            self.others.see(other, seconds);
        }
    }

    pub fn pay(&mut self, amount: f32, seconds: i64) {
        if self.amounts.is_spike(amount) {
            self.bad_mut().spikes.add(day_of(seconds).0);
        }
        self.amounts.add(amount);
    }

    /// An attempt of that moment was paid.
    pub fn approve(&mut self, seconds: i64) {
        self.paid = Some(self.paid.map_or(seconds, |first| first.min(seconds)));
    }

    /// Whether something was paid a day before, and no fraud is known.
    pub fn has_paid(&self, now_seconds: i64) -> bool {
        let is_fraud = self.bad.as_ref().is_some_and(|bad| bad.run.is_some());
        !is_fraud && self.paid.is_some_and(|first| first <= now_seconds - DAY_SECONDS)
    }

    /// Declined by the provider, or blocked by us.
    pub fn refuse(&mut self, seconds: i64) {
        let bad = self.bad_mut();
        bad.refused_minutes.add(minute_of(seconds));
        bad.refused_days.add(day_of(seconds).0);
    }

    /// An attempt of that moment turned out to be fraud.
    pub fn fraud(&mut self, seconds: i64, amount: Usual) {
        self.known.add(day_of(seconds).0);
        let bad = self.bad_mut();
        bad.frauds.add(day_of(seconds).0);
        match amount {
            Usual::No => return,
            Usual::Yes => bad.plain.add(day_of(seconds).0),
        }
        bad.recent += (1.0 - bad.recent) / RECENT;
        let run = match bad.run {
            Some(run) if seconds < run.last => Run { first: run.first.min(seconds), ..run },
            Some(run) if run.good_since == 0 && seconds - run.last <= RUN_SECONDS => {
                Run { last: seconds, ..run }
            }
            _ => Run { first: seconds, last: seconds, frauds: 0, good_since: 0 },
        };
        bad.run = Some(Run { frauds: run.frauds.saturating_add(1), ..run });
    }

    /// An attempt of that moment is taken to be good.
    pub fn good(&mut self, seconds: i64) {
        self.known.add(day_of(seconds).0);
        let Some(bad) = &mut self.bad else { return };
        bad.recent -= bad.recent / RECENT;
        if let Some(run) = bad.run.as_mut().filter(|run| seconds > run.last) {
            run.good_since = run.good_since.saturating_add(1);
        }
    }

    pub fn first_at(&self) -> Option<i64> {
        self.seen.map(|(first, _)| first)
    }

    pub fn last_at(&self) -> Option<i64> {
        self.seen.map(|(_, last)| last)
    }

    pub fn first_order_coupon(&mut self) {
        let bad = self.bad_mut();
        bad.first_order_coupons = bad.first_order_coupons.saturating_add(1);
    }

    /// Whether it was seen on an earlier day.
    pub fn is_old(&self, now_seconds: i64) -> bool {
        self.first_at().is_some_and(|first| day_of(first).0 < day_of(now_seconds).0)
    }

    /// Whether it was seen on an earlier day, or something bad is known.
    pub fn is_regular(&self, now_seconds: i64) -> bool {
        self.bad.is_some() || self.is_old(now_seconds)
    }

    fn bad_mut(&mut self) -> &mut Bad {
        self.bad.get_or_insert_default()
    }

    pub fn write(&self, to: &mut Writer) {
        let flags = u64::from(self.seen.is_some())
            | u64::from(self.bad.is_some()) << 1
            | u64::from(self.paid.is_some()) << 2;
        to.number(flags);
        if let Some((first, last)) = self.seen {
            to.signed(first);
            to.signed(last - first);
        }
        if let Some(paid) = self.paid {
            to.signed(paid);
        }
        self.minutes.write(to);
        self.days.write(to);
        self.known.write(to);
        let Amounts { count, mean, variance, most } = self.amounts;
        for part in [count, mean, variance, most] {
            to.single(part);
        }
        to.length(self.others.0.len());
        for (mark, at) in &self.others.0 {
            to.number(mark.0);
            to.signed(*at);
        }
        let Some(bad) = &self.bad else { return };
        bad.frauds.write(to);
        bad.plain.write(to);
        bad.refused_minutes.write(to);
        bad.refused_days.write(to);
        bad.spikes.write(to);
        to.single(bad.recent);
        to.number(u64::from(bad.first_order_coupons));
        to.number(u64::from(bad.run.is_some()));
        if let Some(Run { first, last, frauds, good_since }) = bad.run {
            to.signed(first);
            to.signed(last - first);
            to.number(u64::from(frauds));
            to.number(u64::from(good_since));
        }
    }

    pub fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let flags = from.length(7)?;
        let span = |from: &mut Reader<'_>| {
            let first = from.signed()?;
            Ok((first, first.checked_add(from.signed()?).ok_or(Malformed)?))
        };
        let seen = if flags & 1 == 0 { None } else { Some(span(from)?) };
        let paid = if flags & 4 == 0 { None } else { Some(from.signed()?) };
        let minutes = Ring::read(from)?;
        let days = Ring::read(from)?;
        let known = Ring::read(from)?;
        let mut part = || from.single();
        let amounts = Amounts { count: part()?, mean: part()?, variance: part()?, most: part()? };
        let mut others = Others::default();
        for _ in 0..from.length(OTHERS)? {
            others.0.push((Mark(from.number()?), from.signed()?));
        }
        let mut bad = None;
        if flags & 2 != 0 {
            let mut read = Bad {
                frauds: Ring::read(from)?,
                plain: Ring::read(from)?,
                refused_minutes: Ring::read(from)?,
                refused_days: Ring::read(from)?,
                spikes: Ring::read(from)?,
                recent: from.single()?,
                first_order_coupons: u16::try_from(from.number()?).map_err(|_| Malformed)?,
                run: None,
            };
            if from.length(1)? == 1 {
                let (first, last) = span(from)?;
                let mut count = || u32::try_from(from.number()?).map_err(|_| Malformed);
                read.run = Some(Run { first, last, frauds: count()?, good_since: count()? });
            }
            bad = Some(Box::new(read));
        }
        Ok(Profile { seen, paid, minutes, days, known, amounts, others, bad })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_does_not_move_what_is_usual() {
        let mut profile = Profile::default();
        for amount in [1_000.0, 1_200.0, 800.0, 1_000.0] {
            profile.pay(amount, 0);
        }
        let usual = profile.amounts;
        profile.pay(5_000.0, DAY_SECONDS);
        assert_eq!((profile.amounts, usual.mean()), (usual, Some(1_000.0)));
        assert_eq!(profile.bad.as_ref().unwrap().spikes.at(1), 1);
        assert!((usual.deviation().unwrap() - 141.4).abs() < 0.1);
    }

    #[test]
    fn others_are_counted_once_each_and_bounded() {
        let mut profile = Profile::default();
        for mark in [1_u8, 2, 1, 3] {
            profile.count(100 + i64::from(mark), Some(Mark(mark.into())));
        }
        assert_eq!((profile.others.since(0, None), profile.others.since(102, Some(Mark(9)))), (3, 3));
        assert_eq!(profile.others.since(0, Some(Mark(2))), 3);
        for mark in 0..1_000 {
            profile.count(200, Some(Mark(mark)));
        }
        assert_eq!(profile.others.since(0, None), 16);
    }

    #[test]
    fn a_run_of_frauds_ends_with_what_is_good() {
        let mut profile = Profile::default();
        let run = |profile: &Profile| profile.bad.as_ref().and_then(|bad| bad.run).unwrap();
        profile.fraud(9 * DAY_SECONDS, Usual::No);
        for day in [10, 8, 12] {
            profile.fraud(day * DAY_SECONDS, Usual::Yes);
        }
        for day in [11, 13, 14] {
            profile.good(day * DAY_SECONDS);
        }
        let first = Run { first: 8 * DAY_SECONDS, last: 12 * DAY_SECONDS, frauds: 3, good_since: 2 };
        assert_eq!(run(&profile), first);
        profile.fraud(15 * DAY_SECONDS, Usual::Yes);
        let second = Run { first: 15 * DAY_SECONDS, last: 15 * DAY_SECONDS, frauds: 1, good_since: 0 };
        assert_eq!((run(&profile), profile.known.sum(8, 60)), (second, 8));
        profile.fraud(60 * DAY_SECONDS, Usual::Yes);
        assert_eq!(run(&profile).first, 60 * DAY_SECONDS);
    }
}
