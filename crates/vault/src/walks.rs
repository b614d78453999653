//! Who goes through the shop's own numbers one after the other, as a program does that copies everybody: customers' numbers, orders'
//! numbers, pages of the shop's back office.
//!
//! Numbers are kept in this program's memory alone, the last ones of each walk: they are asked for, never opened.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{Actor, Timestamp};

/// Numbers in a row that are no chance any more.
pub const IN_A_ROW: usize = 15;
/// Numbers side by side in whatever order: a small shop's staff come to a dozen of them in an hour by customers' letters.
const SIDE_BY_SIDE: usize = 30;
/// Steps up to so wide are one walk: whoever leaves out every other number, or what was deleted, goes on.
const NEAR: u64 = 3;
/// Nobody comes to customers by their numbers in that order.
const SLOW: Duration = Duration::from_secs(3_600);
/// Whoever packs goes from order to order, and takes more than twenty seconds for each.
const FAST: Duration = Duration::from_secs(300);
/// Walks that are followed at once: each member of staff and each program has one for each kind. Where there are more, those that rest
/// longest go.
const MOST: usize = 1_000;
/// Numbers of one walk that are kept: so many others between each two hide nothing (256 / 15).
const KEPT: usize = 256;

/// By what somebody goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Steps {
    /// Customers' numbers in the shop.
    Customers,
    /// Orders' numbers.
    Orders,
    /// Pages of the shop's own back office, by the numbers in their address.
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
    /// Somebody of the staff, or a program by its key.
    pub actor: Actor,
    /// Numbers near to each other.
    pub numbers: u64,
}

/// One number that was asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// A mark of what stands before the number.
    before: u64,
    number: u64,
    at: Timestamp,
}

#[derive(Debug, Default)]
struct Walk {
    /// The last numbers, each once, the oldest first.
    asked: VecDeque<Asked>,
    length: u64,
    found_at: Option<Timestamp>,
}

/// By who walks, and through what.
type Known = HashMap<(String, Steps), (Actor, Walk)>;

/// The walks. Clones share them.
#[derive(Clone, Default)]
pub struct Walks(Arc<Mutex<Known>>);

impl fmt::Debug for Walks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Walks")
    }
}

impl Walks {
    /// Somebody of the staff, or a program, asked for what bears this number, such as `4711` or `A-1001`, whether there is such a one
    /// or not.
    pub fn step(&self, actor: Actor, steps: Steps, text: &str, now: Timestamp) {
        if !matches!(actor, Actor::Staff { .. } | Actor::Key { .. }) {
            return;
        }
        let Some((before, number)) = number_of(text) else { return };
        let key = (actor.to_string(), steps);
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if walks.len() >= MOST && !walks.contains_key(&key) {
            let rests = walks.iter().min_by_key(|(_, (_, walk))| walk.asked.back().map(|asked| asked.at));
            let rests = rests.map(|(key, _)| key.clone());
            rests.map(|key| walks.remove(&key));
        }
        let (_, walk) = walks.entry(key).or_insert_with(|| (actor, Walk::default()));
        walk.step(Asked { before, number, at: now }, steps.within());
    }

    /// The longest walk of each that was found since a moment.
    pub fn found(&self, since: Timestamp) -> Vec<Walked> {
        let walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Walked> = Vec::new();
        let is_found = |walk: &Walk| walk.found_at.is_some_and(|at| at > since);
        for (actor, walk) in walks.values().filter(|(_, walk)| is_found(walk)) {
            match found.iter_mut().find(|known| known.actor == *actor) {
                Some(known) => known.numbers = known.numbers.max(walk.length),
                None => found.push(Walked { actor: *actor, numbers: walk.length }),
            }
        }
        found
    }
}

impl Walk {
    fn step(&mut self, next: Asked, within: Duration) {
        let from = next.at.minus(within);
        self.asked.retain(|asked| asked.at >= from);
        // The same once more is a look, not a step.
        if self.asked.iter().any(|asked| asked.before == next.before && asked.number == next.number) {
            return;
        }
        if self.asked.len() == KEPT {
            self.asked.pop_front();
        }
        self.asked.push_back(next);
        let alike: Vec<u64> =
            self.asked.iter().filter(|one| one.before == next.before).map(|one| one.number).collect();
        let (row, beside) = (in_a_row(&alike), side_by_side(&alike, next.number));
        if row >= IN_A_ROW || beside >= SIDE_BY_SIDE {
            let length = u64::try_from(row.max(beside)).unwrap_or(u64::MAX);
            // A walk that stopped and begins again is another one.
            let goes_on = self.found_at.is_some_and(|at| at >= from);
            self.length = if goes_on { self.length.max(length) } else { length };
            self.found_at = Some(next.at);
        }
    }
}

/// The longest row of near numbers that only grow, or only fall, up to the last one; whatever was asked for in between.
fn in_a_row(numbers: &[u64]) -> usize {
    let mut rows: Vec<(usize, usize)> = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        let (mut up, mut down) = (1, 1);
        for (before, (longest_up, longest_down)) in numbers.iter().zip(&rows).take(at) {
            if number > before && number - before <= NEAR {
                up = up.max(longest_up + 1);
            } else if before > number && before - number <= NEAR {
                down = down.max(longest_down + 1);
            }
        }
        rows.push((up, down));
    }
    rows.last().map_or(0, |(up, down)| *up.max(down))
}

/// How many numbers lie beside this one without a gap, in whatever order they were asked for.
fn side_by_side(numbers: &[u64], about: u64) -> usize {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let is_near = |two: &[u64]| matches!(two, [low, high] if high - low <= NEAR);
    let groups = sorted.chunk_by(|low, high| is_near(&[*low, *high]));
    groups.filter(|group| group.contains(&about)).map(<[u64]>::len).max().unwrap_or(0)
}

/// The number at a text's end, and a mark of what stands before it.
fn number_of(text: &str) -> Option<(u64, u64)> {
    let text = text.trim();
    let before = text.trim_end_matches(|sign: char| sign.is_ascii_digit());
    // Longer ones are chance's, and nobody goes through those.
    let digits = text.get(before.len()..).filter(|digits| (1..=15).contains(&digits.len()))?;
    let mut mark = DefaultHasher::new();
    before.hash(&mut mark);
    Some((mark.finish(), digits.parse().ok()?))
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
        assert_eq!(
            found(Steps::Customers, plain((10..39).map(|n| n * 7 % 31)), 60),
            None,
            "chance, in a small shop"
        );
        assert_eq!(found(Steps::Customers, plain((10..2_000).step_by(9)), 1), None);
        // To and fro.
        assert_eq!(found(Steps::Customers, plain([10, 11, 12, 11].repeat(20)), 1), None);
        // Whoever packs takes half a minute for each order; whoever looks somebody up by number takes more than an hour for fifteen.
        assert_eq!(found(Steps::Orders, plain(1_000..1_100), 30), None);
        assert_eq!(found(Steps::Customers, plain(10..60), 300), None);
        assert_eq!(found(Steps::Customers, (10..60).map(|n| format!("no number {n}x")), 1), None);
        let other = (10..60).map(|n| format!("{}-{n}", ["A", "B", "C", "D"][n % 4]));
        assert_eq!(found(Steps::Orders, other, 1), None);
    }

    #[test]
    fn no_other_order_and_nothing_in_between_hides_them() {
        // One far away between each two, and five.
        let far = |n: u64, at: u64| 1_000_000 + n * 7_919 + at * 104_729;
        let one = (10..25).flat_map(|n| [n, far(n, 0)]);
        assert_eq!(found(Steps::Customers, plain(one), 60), Some(15));
        let five = (10..40).flat_map(|n| std::iter::once(n).chain((0..5).map(move |at| far(n, at))));
        assert_eq!(found(Steps::Pages, plain(five), 1), Some(30));
        // Steps of two and of three, and now and then one back.
        assert_eq!(found(Steps::Customers, plain((10..40).step_by(2)), 60), Some(15));
        assert_eq!(found(Steps::Pages, plain((10..100).step_by(3)), 1), Some(30));
        let back = (10..30).flat_map(|n| [n + 1, n]);
        assert!(found(Steps::Pages, plain(back), 1).is_some());
        // In no order at all.
        assert_eq!(found(Steps::Customers, plain((0..31).map(|n| n * 7 % 31)), 60), Some(31));
    }

    #[test]
    fn programs_are_followed_and_customers_are_not_and_memory_has_a_bound() {
        let walks = Walks::default();
        let now = Timestamp::from_seconds(1_795_541_880);
        for number in 0..100 {
            walks.step(Actor::Operator, Steps::Customers, &number.to_string(), now);
        }
        assert_eq!(walks.found(Timestamp::EPOCH), []);
        let program = Actor::Key { id: storeward_base::ApiKeyId::from_bits(3) };
        for number in 0..15 {
            walks.step(program, Steps::Customers, &number.to_string(), now);
        }
        assert_eq!(walks.found(Timestamp::EPOCH), [Walked { actor: program, numbers: 15 }]);
        for id in 0..3_000 {
            walks.step(Actor::Staff { id: StaffId::from_bits(id) }, Steps::Customers, "1", now);
        }
        assert_eq!(walks.0.lock().unwrap().len(), MOST);
    }
}
