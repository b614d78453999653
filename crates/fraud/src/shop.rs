//! The shop's own figures: how large its orders are, how many come, and whether somebody tries cards out.

use crate::attempt::Attempt;
use crate::card_testing::CardTesting;
use crate::codec::{Malformed, Reader, Writer};
use crate::firing::of_minute;
use crate::profile::minute_of;
use crate::ring::Ring;
use crate::state::minor;

/// Eight steps to a doubling, from 1 minor unit up to 2^32.
const STEPS: usize = 256;

/// When so many orders are counted, all counts are halved: older ones fade.
const FADE_AT: u32 = 100_000;

/// How large orders are, by step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shop {
    orders: [u32; STEPS],
    total: u32,
    minutes: Ring<60>,
    pub card_testing: CardTesting,
}

impl Default for Shop {
    fn default() -> Self {
        Shop { orders: [0; STEPS], total: 0, minutes: Ring::default(), card_testing: CardTesting::default() }
    }
}

impl Shop {
    pub fn record(&mut self, attempt: &Attempt, unknown: bool) {
        self.minutes.add(minute_of(attempt.at.seconds()));
        self.card_testing.record(attempt, unknown);
        if let Some(count) = self.orders.get_mut(step(minor(attempt.amount_minor))) {
            *count += 1;
            self.total += 1;
        }
        if self.total >= FADE_AT {
            for count in &mut self.orders {
                *count /= 2;
            }
            self.total = self.orders.iter().sum();
        }
    }

    /// Orders that are counted.
    pub fn orders(&self) -> u32 {
        self.total
    }

    /// Attempts within a minute.
    pub fn lately(&self, now: i64) -> f64 {
        of_minute(&self.minutes, now)
    }

    /// The share of orders (0 to 1) that were smaller; `None` before the first.
    pub fn rank(&self, amount: f32) -> Option<f32> {
        let at = step(amount);
        let below: u32 = self.orders.iter().take(at).sum();
        let same = self.orders.get(at).copied().unwrap_or(0);
        (self.total > 0).then(|| (below as f32 + same as f32 / 2.0) / self.total as f32)
    }

    pub fn write(&self, to: &mut Writer) {
        for count in self.orders {
            to.number(u64::from(count));
        }
        self.minutes.write(to);
        self.card_testing.write(to);
    }

    pub fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut shop = Shop::default();
        for count in &mut shop.orders {
            let read = from.number()?;
            *count = u32::try_from(read).ok().filter(|count| *count < FADE_AT).ok_or(Malformed)?;
        }
        let total: u64 = shop.orders.iter().copied().map(u64::from).sum();
        shop.total = u32::try_from(total).ok().filter(|total| *total < FADE_AT).ok_or(Malformed)?;
        shop.minutes = Ring::read(from)?;
        shop.card_testing = CardTesting::read(from)?;
        Ok(shop)
    }
}

/// Ranges are half open, a step is 2^(1/8) wide.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 255 before")]
fn step(amount: f32) -> usize {
    (amount.max(1.0).log2() * 8.0).clamp(0.0, 255.0) as usize
}
