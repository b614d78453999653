//! Counts by minute or by day, of a fixed number of them.

use crate::codec::{Malformed, Reader, Writer};

/// The last `N` buckets, the newest of them `head`. A bucket is a number of minutes or days since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ring<const N: usize> {
    head: i64,
    slots: [u16; N],
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Ring { head: 0, slots: [0; N] }
    }
}

impl<const N: usize> Ring<N> {
    /// Counts one more; what lies before the oldest bucket is let go.
    pub fn add(&mut self, bucket: i64) {
        let length = Self::length();
        if bucket > self.head {
            let passed = (bucket - self.head).min(length);
            for step in 0..passed {
                *self.slot(bucket - step) = 0;
            }
            self.head = bucket;
        }
        if bucket > self.head - length {
            let slot = self.slot(bucket);
            *slot = slot.saturating_add(1);
        }
    }

    /// Of one bucket.
    pub fn at(&self, bucket: i64) -> u32 {
        let kept = bucket <= self.head && bucket > self.head - Self::length();
        if kept { self.slots.get(Self::place(bucket)).copied().map_or(0, u32::from) } else { 0 }
    }

    /// Of the buckets from `first` to `last`, both of them counted.
    pub fn sum(&self, first: i64, last: i64) -> u32 {
        let first = first.max(self.head - Self::length() + 1);
        (first..=last.min(self.head)).map(|bucket| self.at(bucket)).sum()
    }

    /// Of the last `width` buckets' length, up to a moment that lies `passed` (0 to 1) into bucket `now`: the oldest bucket
    /// counts for the part that is still inside.
    pub fn last(&self, now: i64, passed: f32, width: i64) -> f32 {
        let whole = figure(self.sum(now - width + 1, now));
        whole + figure(self.at(now - width)) * (1.0 - passed)
    }

    fn slot(&mut self, bucket: i64) -> &mut u16 {
        &mut self.slots[Self::place(bucket)]
    }

    fn place(bucket: i64) -> usize {
        usize::try_from(bucket.rem_euclid(Self::length())).unwrap_or(0)
    }

    fn length() -> i64 {
        i64::try_from(N).unwrap_or(1)
    }

    pub fn write(&self, to: &mut Writer) {
        to.signed(self.head);
        let filled: Vec<(usize, u16)> =
            self.slots.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
        to.length(filled.len());
        for (place, count) in filled {
            to.length(place);
            to.number(u64::from(count));
        }
    }

    pub fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut ring = Ring { head: from.signed()?, slots: [0; N] };
        for _ in 0..from.length(N)? {
            let place = from.length(N)?;
            let count = from.number()?;
            *ring.slots.get_mut(place).ok_or(Malformed)? = u16::try_from(count).map_err(|_| Malformed)?;
        }
        Ok(ring)
    }
}

/// Counts here stay far below 2^24, where an f32 stops being exact.
pub(crate) fn figure(count: u32) -> f32 {
    count as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_leaves_when_its_time_is_over() {
        let mut ring = Ring::<4>::default();
        for bucket in [10, 10, 11, 13] {
            ring.add(bucket);
        }
        assert_eq!((ring.sum(10, 13), ring.at(10), ring.sum(12, 12)), (4, 2, 0));
        ring.add(14);
        assert_eq!((ring.sum(0, 20), ring.at(10)), (3, 0));
        ring.add(9);
        assert_eq!(ring.sum(0, 20), 3, "too old to be counted");
        ring.add(1_000_000);
        assert_eq!(ring.sum(0, 2_000_000), 1);
    }

    #[test]
    fn the_oldest_bucket_counts_in_part() {
        let mut ring = Ring::<8>::default();
        for bucket in [5, 5, 6] {
            ring.add(bucket);
        }
        assert_eq!(ring.last(6, 0.25, 1), 1.0 + 2.0 * 0.75);
        assert_eq!(ring.last(6, 0.25, 2), 3.0);
    }
}
