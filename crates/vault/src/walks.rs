//! Who goes through the shop's own numbers one after the other, as a program does that copies everybody: customers' numbers, orders'
//! numbers, pages of the shop's back office.
//!
//! Numbers are kept in this program's memory alone, the last one of each walk: they are asked for, never opened.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{Actor, StaffId, Timestamp};

/// Numbers in a row that are no chance any more.
pub const IN_A_ROW: usize = 15;
/// Nobody comes to customers by their numbers in that order.
const SLOW: Duration = Duration::from_secs(3_600);
/// Whoever packs goes from order to order, and takes more than twenty seconds for each.
const FAST: Duration = Duration::from_secs(300);
/// Walks that are followed at once: each member of staff has one for each kind. Where there are more, those that rest longest go.
const MOST: usize = 1_000;

/// By what somebody goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Steps {
    /// Customers' numbers in the shop.
    Customers,
    /// Orders' numbers.
    Orders,
    /// Pages of the shop's own back office, by the number in their address.
    Pages,
}

impl Steps {
    const fn within(self) -> Duration {
        match self {
            Steps::Customers => SLOW,
            Steps::Orders | Steps::Pages => FAST,
        }
    }
}

/// A walk that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    pub staff: StaffId,
    /// Numbers one after the other.
    pub numbers: u64,
}

#[derive(Debug)]
struct Walk {
    /// What stands before the number, and the number.
    last: (String, u64),
    /// Whether numbers grow; unknown at the first.
    grows: Option<bool>,
    /// When the last numbers in a row were asked for, at most [`IN_A_ROW`].
    moments: VecDeque<Timestamp>,
    length: u64,
    found_at: Option<Timestamp>,
}

/// The walks. Clones share them.
#[derive(Clone, Default)]
pub struct Walks(Arc<Mutex<HashMap<(StaffId, Steps), Walk>>>);

impl fmt::Debug for Walks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Walks")
    }
}

impl Walks {
    /// Somebody of the staff asked for what bears this number, such as `4711` or `A-1001`, whether there is such a one or not.
    pub fn step(&self, actor: Actor, steps: Steps, text: &str, now: Timestamp) {
        let Actor::Staff { id } = actor else { return };
        let Some(next) = number_of(text) else { return };
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if walks.len() >= MOST && !walks.contains_key(&(id, steps)) {
            let rests = walks.iter().min_by_key(|(_, walk)| walk.moments.back().copied());
            let rests = rests.map(|(key, _)| *key);
            rests.map(|key| walks.remove(&key));
        }
        match walks.get_mut(&(id, steps)) {
            Some(walk) => walk.step(next, steps.within(), now),
            None => {
                walks.insert((id, steps), Walk::begin(next, now));
            }
        }
    }

    /// The longest walk of each person that was found since a moment.
    pub fn found(&self, since: Timestamp) -> Vec<Walked> {
        let walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Walked> = Vec::new();
        for ((staff, _), walk) in walks.iter().filter(|(_, walk)| walk.found_at.is_some_and(|at| at > since))
        {
            match found.iter_mut().find(|known| known.staff == *staff) {
                Some(known) => known.numbers = known.numbers.max(walk.length),
                None => found.push(Walked { staff: *staff, numbers: walk.length }),
            }
        }
        found
    }
}

impl Walk {
    fn begin(first: (String, u64), now: Timestamp) -> Self {
        Walk { last: first, grows: None, moments: VecDeque::from([now]), length: 1, found_at: None }
    }

    fn step(&mut self, next: (String, u64), within: Duration, now: Timestamp) {
        // The same once more is a look, not a step.
        if next == self.last {
            return;
        }
        let grows = next.1 > self.last.1;
        let is_next = next.0 == self.last.0 && next.1.abs_diff(self.last.1) == 1;
        if !is_next || self.grows.is_some_and(|before| before != grows) {
            // A turn begins with the number it turned at.
            let found_at = self.found_at;
            *self = Walk { found_at, ..Walk::begin(next, now) };
            if is_next {
                (self.grows, self.length) = (Some(grows), 2);
                self.moments.push_front(now);
            }
            return;
        }
        self.last = next;
        self.grows = Some(grows);
        self.length = self.length.saturating_add(1);
        self.moments.push_back(now);
        while self.moments.len() > IN_A_ROW {
            self.moments.pop_front();
        }
        let first = self.moments.front().copied().unwrap_or(now);
        if self.moments.len() == IN_A_ROW && now.since(first) <= within {
            self.found_at = Some(now);
        }
    }
}

/// The number at a text's end, and what stands before it.
fn number_of(text: &str) -> Option<(String, u64)> {
    let text = text.trim();
    let before = text.trim_end_matches(|sign: char| sign.is_ascii_digit());
    // Longer ones are chance's, and nobody goes through those.
    let digits = text.get(before.len()..).filter(|digits| (1..=15).contains(&digits.len()))?;
    Some((before.chars().take(80).collect(), digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use storeward_base::StaffId;

    use super::*;

    fn somebody() -> Actor {
        Actor::Staff { id: StaffId::from_bits(7) }
    }

    /// What is found of somebody who asks for these, each so many seconds after the one before.
    fn found(steps: Steps, numbers: impl IntoIterator<Item = String>, seconds: u64) -> Option<u64> {
        let walks = Walks::default();
        let mut now = Timestamp::from_seconds(1_795_541_880);
        let begun = now;
        for number in numbers {
            now = now.plus(Duration::from_secs(seconds));
            walks.step(somebody(), steps, &number, now);
        }
        walks.found(begun).first().map(|walked| walked.numbers)
    }

    fn plain(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
        numbers.into_iter().map(|number| number.to_string()).collect()
    }

    #[test]
    fn numbers_one_after_the_other_are_found_either_way() {
        assert_eq!(found(Steps::Customers, plain(10..25), 60), Some(15));
        assert_eq!(found(Steps::Customers, plain((10..25).rev()), 60), Some(15));
        assert_eq!(found(Steps::Customers, plain(10..24), 60), None, "fourteen may be chance");
        assert_eq!(found(Steps::Customers, plain(10..40), 60), Some(30));
        let orders = (990..1_010).map(|number| format!("A-{number}"));
        assert_eq!(found(Steps::Orders, orders, 2), Some(20));
        // Each looked at twice, and one of them not there.
        assert_eq!(found(Steps::Pages, plain((10..30).flat_map(|number| [number, number])), 1), Some(20));
    }

    #[test]
    fn people_s_ways_are_not() {
        assert_eq!(found(Steps::Customers, plain((10..40).map(|n| n * 7 % 31)), 60), None);
        assert_eq!(found(Steps::Customers, plain((10..200).step_by(2)), 1), None);
        // To and fro.
        assert_eq!(found(Steps::Customers, plain([10, 11, 12, 11].repeat(20)), 1), None);
        // Whoever packs takes half a minute for each order; whoever looks somebody up by number takes more than an hour for fifteen.
        assert_eq!(found(Steps::Orders, plain(1_000..1_100), 30), None);
        assert_eq!(found(Steps::Customers, plain(10..60), 300), None);
        assert_eq!(found(Steps::Customers, (10..60).map(|n| format!("no number {n}x")), 1), None);
        let other = (10..60).map(|n| if n % 2 == 0 { format!("A-{n}") } else { format!("B-{n}") });
        assert_eq!(found(Steps::Orders, other, 1), None);
    }

    #[test]
    fn programs_and_customers_are_not_followed_and_memory_has_a_bound() {
        let walks = Walks::default();
        let now = Timestamp::from_seconds(1_795_541_880);
        for number in 0..100 {
            walks.step(Actor::Operator, Steps::Customers, &number.to_string(), now);
        }
        assert_eq!(walks.found(Timestamp::EPOCH), []);
        for id in 0..3_000 {
            walks.step(Actor::Staff { id: StaffId::from_bits(id) }, Steps::Customers, "1", now);
        }
        assert_eq!(walks.0.lock().unwrap().len(), MOST);
    }
}
