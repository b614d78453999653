//! What waits, and whose turn it is. Pure: time comes in, nothing is computed here.
//!
//! **Admission.** A lane has its share of the limit for certain, and may use what the others leave. When all is taken, a
//! lane that is within its share pushes out what waits longest in a lane that is over its own; anyone else is refused.
//! **Turns.** Lanes are served in proportion to their shares (start-time fair queuing by cost). Within a lane the oldest
//! goes first; once half of the limit is taken, the newest does, since the people behind the oldest have left.
//! **Pace.** Strangers have a second of work at once, and then a sixteenth of the time ([`Allowance`]): whoever floods must not keep
//! the cores at it for as long as they like, since even a thread that gives way keeps a page waiting now and then.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use storeward_base::{AddressBlock, Timestamp};

use super::allowance::{PART_OF_TIME, Pace, micros};

/// Nobody waits longer.
const DEADLINE: Duration = Duration::from_secs(3);
/// The least that a place costs, so that cheap hashes cannot fill the memory: 2,000 places for each thread.
const LEAST_COST_US: u64 = 1_000;
/// Under way at once, waiting or running, for an account and for an address. Counted apart in each lane, so that
/// whoever guesses at an account cannot keep the known device of its owner out.
const OF_ACCOUNT: u32 = 1;
const OF_ADDRESS: u32 = 2;

/// Who asks. The order is that of [`crate::PoolStats::waiting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// A device that has signed in to this account before: 60 % of the work.
    KnownDevice,
    /// A client that has solved a puzzle first: 30 %.
    ProofOfWork,
    /// Everyone else: 10 %.
    Stranger,
}

impl Lane {
    pub const ALL: [Lane; 3] = [Lane::KnownDevice, Lane::ProofOfWork, Lane::Stranger];

    const fn index(self) -> usize {
        match self {
            Lane::KnownDevice => 0,
            Lane::ProofOfWork => 1,
            Lane::Stranger => 2,
        }
    }

    /// In tenths of the whole.
    const fn share(self) -> u64 {
        match self {
            Lane::KnownDevice => 6,
            Lane::ProofOfWork => 3,
            Lane::Stranger => 1,
        }
    }
}

/// An account, existing or not, as the queue knows it. Lives in memory only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountKey([u8; 16]);

impl AccountKey {
    /// From what names the account: the normalised e-mail address, or a hash of it.
    pub fn of(name: &str) -> Self {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, name.as_bytes());
        AccountKey(*hash.as_ref().first_chunk().unwrap_or(&[0; 16]))
    }
}

impl std::fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountKey(***)")
    }
}

/// Who wants a password looked at, and by which way it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub lane: Lane,
    pub account: AccountKey,
    pub address: AddressBlock,
}

/// Numbers the jobs in the order of their coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(u64);

/// Where a job waits.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub lane: Lane,
    pub id: JobId,
}

/// Why a job was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Full,
    TooMany,
}

/// A job was let in, and these had to go for it.
#[derive(Debug)]
pub struct Admitted<T> {
    pub id: JobId,
    pub displaced: Vec<T>,
}

#[derive(Debug)]
struct Waiting<T> {
    id: JobId,
    ticket: Ticket,
    cost_us: u64,
    since: Timestamp,
    item: T,
}

#[derive(Debug)]
struct LaneQueue<T> {
    waiting: VecDeque<Waiting<T>>,
    waiting_us: u64,
    /// Work done for this lane, over its share.
    served: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Account(Lane, AccountKey),
    Address(Lane, AddressBlock),
}

/// The three lanes.
#[derive(Debug)]
pub struct Queue<T> {
    lanes: [LaneQueue<T>; 3],
    limit_us: u64,
    next_id: u64,
    /// How much the lane that was served last had been served before.
    level: u64,
    under_way: HashMap<Key, u32>,
}

impl<T> Queue<T> {
    /// `limit` is how much work may wait, as time of one core.
    pub fn new(limit: Duration) -> Self {
        let lane = || LaneQueue { waiting: VecDeque::new(), waiting_us: 0, served: 0 };
        Queue {
            lanes: [lane(), lane(), lane()],
            limit_us: micros(limit),
            next_id: 0,
            level: 0,
            under_way: HashMap::new(),
        }
    }

    /// Why a job that costs so much would not be let in now, if so.
    pub fn refusal(&self, ticket: &Ticket, cost_us: u64, pace: Pace) -> Option<Refusal> {
        let cost_us = cost_us.max(LEAST_COST_US);
        let taken = |key: Key| self.under_way.get(&key).copied().unwrap_or(0);
        let [account, address] = keys(ticket);
        if taken(account) >= OF_ACCOUNT || taken(address) >= OF_ADDRESS {
            return Some(Refusal::TooMany);
        }
        let of_lane = self.lane(ticket.lane).waiting_us;
        if pace.holds(ticket.lane) && of_lane > 0 && of_lane + cost_us > self.paced_us() {
            return Some(Refusal::Full);
        }
        let is_empty = self.waiting_us() == 0;
        let within_share = of_lane + cost_us <= self.share_us(ticket.lane);
        (!is_empty && !self.fits(cost_us) && !within_share).then_some(Refusal::Full)
    }

    /// Lets a job in, or says why not.
    pub fn admit(
        &mut self,
        ticket: Ticket,
        cost_us: u64,
        (now, pace): (Timestamp, Pace),
        item: T,
    ) -> Result<Admitted<T>, Refusal> {
        if let Some(refusal) = self.refusal(&ticket, cost_us, pace) {
            return Err(refusal);
        }
        let cost_us = cost_us.max(LEAST_COST_US);
        let has_room = self.waiting_us() == 0 || self.fits(cost_us);
        let displaced = if has_room { Vec::new() } else { self.make_room(cost_us) };
        let id = JobId(self.next_id);
        self.next_id += 1;
        for key in keys(&ticket) {
            *self.under_way.entry(key).or_insert(0) += 1;
        }
        let level = self.level;
        let lane = self.lane_mut(ticket.lane);
        if lane.waiting.is_empty() {
            // Having asked for nothing saves nothing up.
            lane.served = lane.served.max(level);
        }
        lane.waiting.push_back(Waiting { id, ticket, cost_us, since: now, item });
        lane.waiting_us += cost_us;
        Ok(Admitted { id, displaced })
    }

    /// The job whose turn it is, with its ticket; [`Queue::finished`] must be told when it is done.
    pub fn next(&mut self, pace: Pace) -> Option<(Ticket, T)> {
        let newest_first = self.waiting_us() > self.limit_us / 2;
        let turn = self.served_now(pace).min_by_key(|lane| self.lane(*lane).served)?;
        let lane = self.lane_mut(turn);
        let job = if newest_first { lane.waiting.pop_back() } else { lane.waiting.pop_front() }?;
        lane.waiting_us -= job.cost_us;
        let level = lane.served;
        // 30 is a multiple of every share, so nothing is lost in the division.
        lane.served += job.cost_us * 30 / turn.share();
        self.level = level;
        Some((job.ticket, job.item))
    }

    /// Whether something waits that may be served now.
    pub fn has_turn(&self, pace: Pace) -> bool {
        self.served_now(pace).next().is_some()
    }

    fn served_now(&self, pace: Pace) -> impl Iterator<Item = Lane> + '_ {
        let may = move |lane: &Lane| !pace.holds(*lane) && !self.lane(*lane).waiting.is_empty();
        Lane::ALL.into_iter().filter(may)
    }

    /// Those whose deadline has come.
    pub fn take_late(&mut self, now: Timestamp) -> Vec<T> {
        let mut late = Vec::new();
        for lane in Lane::ALL {
            while let Some(oldest) = self.lane(lane).waiting.front()
                && now.since(oldest.since) >= DEADLINE
            {
                late.extend(self.take_oldest(lane));
            }
        }
        late
    }

    /// Takes a job out before its turn, if it still waits.
    pub fn remove(&mut self, place: Place) -> Option<T> {
        let lane = self.lane_mut(place.lane);
        let at = lane.waiting.binary_search_by_key(&place.id, |job| job.id).ok()?;
        let job = lane.waiting.remove(at)?;
        lane.waiting_us -= job.cost_us;
        self.finished(&job.ticket);
        Some(job.item)
    }

    /// The account and the address have one less under way.
    pub fn finished(&mut self, ticket: &Ticket) {
        for key in keys(ticket) {
            if let Some(count) = self.under_way.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.under_way.remove(&key);
                }
            }
        }
    }

    /// Everything that waits.
    pub fn drain(&mut self) -> Vec<T> {
        let mut all = Vec::new();
        for lane in Lane::ALL {
            while let Some(job) = self.take_oldest(lane) {
                all.push(job);
            }
        }
        all
    }

    pub fn waiting(&self) -> [usize; 3] {
        self.lanes.each_ref().map(|lane| lane.waiting.len())
    }

    pub fn waiting_us(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.waiting_us).sum()
    }

    /// How much of what may wait does wait, in percent: of all, or of what strangers may while they are paced.
    pub fn pressure_percent(&self, pace: Pace) -> u64 {
        let of = |waiting: u64, limit: u64| waiting.saturating_mul(100) / limit.max(1);
        let paced = match pace {
            Pace::Strangers => of(self.lane(Lane::Stranger).waiting_us, self.paced_us()),
            Pace::Free => 0,
        };
        of(self.waiting_us(), self.limit_us).max(paced)
    }

    fn fits(&self, cost_us: u64) -> bool {
        self.waiting_us() + cost_us <= self.limit_us
    }

    /// What may wait of strangers while they are paced: as long as everybody else's, for their part of the time.
    fn paced_us(&self) -> u64 {
        self.limit_us / PART_OF_TIME
    }

    /// Pushes out what waits longest in lanes that are over their share.
    fn make_room(&mut self, cost_us: u64) -> Vec<T> {
        let mut displaced = Vec::new();
        while self.waiting_us() + cost_us > self.limit_us {
            let over = |lane: &Lane| self.lane(*lane).waiting_us > self.share_us(*lane);
            let Some(lane) = Lane::ALL.into_iter().rev().find(over) else { break };
            displaced.extend(self.take_oldest(lane));
        }
        displaced
    }

    fn take_oldest(&mut self, lane: Lane) -> Option<T> {
        let lane = self.lane_mut(lane);
        let job = lane.waiting.pop_front()?;
        lane.waiting_us -= job.cost_us;
        self.finished(&job.ticket);
        Some(job.item)
    }

    fn share_us(&self, lane: Lane) -> u64 {
        self.limit_us / 10 * lane.share()
    }

    fn lane(&self, lane: Lane) -> &LaneQueue<T> {
        &self.lanes[lane.index()]
    }

    fn lane_mut(&mut self, lane: Lane) -> &mut LaneQueue<T> {
        &mut self.lanes[lane.index()]
    }
}

fn keys(ticket: &Ticket) -> [Key; 2] {
    [Key::Account(ticket.lane, ticket.account), Key::Address(ticket.lane, ticket.address)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
    const AT: (Timestamp, Pace) = (NOW, Pace::Free);
    const SIGN_IN: u64 = 16_000;

    fn queue() -> Queue<u32> {
        Queue::new(Duration::from_secs(2))
    }

    /// Somebody else each time.
    fn ticket(lane: Lane, who: u32) -> Ticket {
        let address = format!("10.{}.{}.{}", who >> 16 & 255, who >> 8 & 255, who & 255);
        Ticket { lane, account: AccountKey::of(&format!("{who}")), address: address.parse().unwrap() }
    }

    fn fill(queue: &mut Queue<u32>, lane: Lane, who: std::ops::Range<u32>) -> usize {
        who.filter(|who| queue.admit(ticket(lane, *who), SIGN_IN, AT, *who).is_ok()).count()
    }

    #[test]
    fn two_seconds_of_work_wait_and_the_rest_is_refused_at_once() {
        let mut one = queue();
        assert_eq!(fill(&mut one, Lane::Stranger, 0..1_000), 125);
        assert_eq!(one.waiting(), [0, 0, 125]);
        assert_eq!(one.under_way.len(), 250, "nothing is kept of those who were refused");
        // Fewer of the dear ones.
        let mut one = queue();
        let dear = |who| one.admit(ticket(Lane::Stranger, who), 252_000, AT, who).is_ok();
        assert_eq!((0..1_000).map(dear).filter(|ok| *ok).count(), 7);
        // One that alone is too much is let in when nobody waits.
        assert!(queue().admit(ticket(Lane::Stranger, 1), 5_000_000, AT, 1).is_ok());
        // The cheapest cannot fill the memory.
        let mut one = queue();
        let cheap = |who| one.admit(ticket(Lane::Stranger, who), 1, AT, who).is_ok();
        assert_eq!((0..10_000).map(cheap).filter(|ok| *ok).count(), 2_000);
    }

    #[test]
    fn a_flood_of_strangers_does_not_keep_known_devices_out() {
        let mut one = queue();
        fill(&mut one, Lane::Stranger, 0..1_000);
        let pushed_out = one.admit(ticket(Lane::KnownDevice, 5_000), SIGN_IN, AT, 5_000).unwrap().displaced;
        assert_eq!(pushed_out, [0], "the stranger who waited longest");
        assert_eq!(
            fill(&mut one, Lane::KnownDevice, 5_001..7_000),
            74,
            "60 % of two seconds, with the first"
        );
        assert_eq!(fill(&mut one, Lane::ProofOfWork, 8_000..9_000), 37, "30 %");
        assert_eq!(one.waiting(), [75, 37, 13]);
        assert_eq!(fill(&mut one, Lane::Stranger, 9_000..9_500), 0);
        assert!(one.waiting_us() <= 2_000_000);
        // And the other way round: nobody is shut out for good.
        let mut one = queue();
        fill(&mut one, Lane::KnownDevice, 0..1_000);
        assert_eq!(one.waiting(), [125, 0, 0]);
        assert_eq!(fill(&mut one, Lane::Stranger, 5_000..6_000), 12);
    }

    #[test]
    fn lanes_are_served_by_their_shares() {
        let mut one = queue();
        fill(&mut one, Lane::Stranger, 0..40);
        fill(&mut one, Lane::ProofOfWork, 100..140);
        fill(&mut one, Lane::KnownDevice, 200..240);
        let mut served = [0; 3];
        for _ in 0..40 {
            let (ticket, _) = one.next(Pace::Free).unwrap();
            served[ticket.lane.index()] += 1;
            one.finished(&ticket);
        }
        assert_eq!(served, [24, 12, 4]);
        // A lane that rested has saved nothing up.
        let mut one = queue();
        fill(&mut one, Lane::KnownDevice, 0..50);
        for _ in 0..50 {
            one.next(Pace::Free);
        }
        fill(&mut one, Lane::KnownDevice, 100..150);
        fill(&mut one, Lane::Stranger, 200..250);
        let strangers = (0..10).filter(|_| one.next(Pace::Free).unwrap().0.lane == Lane::Stranger).count();
        assert!((1..=2).contains(&strangers), "{strangers}");
    }

    #[test]
    fn the_newest_go_first_once_many_wait() {
        let mut one = queue();
        fill(&mut one, Lane::Stranger, 0..20);
        assert_eq!(one.next(Pace::Free).unwrap().1, 0);
        fill(&mut one, Lane::Stranger, 20..125);
        assert_eq!(one.next(Pace::Free).unwrap().1, 124);
        assert_eq!(one.next(Pace::Free).unwrap().1, 123);
    }

    #[test]
    fn one_account_and_one_address_have_little_under_way() {
        let mut one = queue();
        let (a, b) = (ticket(Lane::Stranger, 1), ticket(Lane::Stranger, 2));
        assert!(one.admit(a, SIGN_IN, AT, 1).is_ok());
        // One account from a thousand addresses.
        for who in 0..1_000 {
            let spread = Ticket { address: ticket(Lane::Stranger, 100 + who).address, ..a };
            assert_eq!(one.admit(spread, SIGN_IN, AT, 1).err(), Some(Refusal::TooMany));
        }
        // A thousand accounts from one address.
        let from_b = |who: u32| Ticket { account: ticket(Lane::Stranger, 100 + who).account, ..b };
        let let_in = (0..1_000).filter(|who| one.admit(from_b(*who), SIGN_IN, AT, 2).is_ok()).count();
        assert_eq!(let_in, 2);
        // Its owner's known device is not shut out, not even behind the same address.
        assert!(one.admit(Ticket { lane: Lane::KnownDevice, ..a }, SIGN_IN, AT, 3).is_ok());
        // It counts until the work is done, not only until it begins.
        while let Some((running, _)) = one.next(Pace::Free) {
            assert_eq!(one.admit(running, SIGN_IN, AT, 4).err(), Some(Refusal::TooMany));
            one.finished(&running);
        }
        assert!(one.under_way.is_empty());
        assert!(one.admit(a, SIGN_IN, AT, 5).is_ok());
    }

    #[test]
    fn nobody_waits_beyond_the_deadline() {
        let mut one = queue();
        fill(&mut one, Lane::Stranger, 0..3);
        let later = NOW.plus(Duration::from_secs(2));
        one.admit(ticket(Lane::KnownDevice, 9), SIGN_IN, (later, Pace::Free), 9).unwrap();
        assert_eq!(one.take_late(NOW.plus(Duration::from_millis(2_999))), []);
        assert_eq!(one.take_late(NOW.plus(Duration::from_secs(3))), [0, 1, 2]);
        assert_eq!(one.waiting(), [1, 0, 0]);
        assert_eq!(one.under_way.len(), 2, "late ones hold no place any more");
        assert!(one.admit(ticket(Lane::Stranger, 0), SIGN_IN, (later, Pace::Free), 0).is_ok());
    }

    #[test]
    fn who_goes_away_gives_the_place_back() {
        let mut one = queue();
        let admitted = one.admit(ticket(Lane::Stranger, 1), SIGN_IN, AT, 1).unwrap();
        fill(&mut one, Lane::Stranger, 2..5);
        let place = Place { lane: Lane::Stranger, id: admitted.id };
        assert_eq!(one.remove(place), Some(1));
        assert_eq!(one.remove(place), None);
        assert_eq!((one.waiting(), one.waiting_us()), ([0, 0, 3], 3 * SIGN_IN));
        assert!(one.admit(ticket(Lane::Stranger, 1), SIGN_IN, AT, 1).is_ok());
        assert_eq!(one.drain().len(), 4);
        assert_eq!((one.waiting_us(), one.under_way.len()), (0, 0));
    }

    #[test]
    fn paced_strangers_wait_for_nobody_else_and_keep_nobody_up() {
        let mut one = queue();
        let paced = (NOW, Pace::Strangers);
        let in_line =
            |queue: &mut Queue<u32>, lane, who| queue.admit(ticket(lane, who), SIGN_IN, paced, who).is_ok();
        let waiting = (0..1_000).filter(|who| in_line(&mut one, Lane::Stranger, *who)).count();
        assert_eq!(waiting, 7, "an eighth of a second of work, which takes two");
        assert_eq!(
            one.refusal(&ticket(Lane::Stranger, 5_000), SIGN_IN, Pace::Strangers),
            Some(Refusal::Full)
        );
        assert!(one.pressure_percent(Pace::Strangers) > 80 && one.pressure_percent(Pace::Free) < 50);
        assert!(!one.has_turn(Pace::Strangers) && one.next(Pace::Strangers).is_none());
        for (lane, who) in [(Lane::KnownDevice, 6_000), (Lane::ProofOfWork, 6_001)] {
            assert!(in_line(&mut one, lane, who));
            assert_eq!(one.next(Pace::Strangers).unwrap().1, who);
        }
        assert!(one.has_turn(Pace::Free));
        assert_eq!(one.next(Pace::Free).unwrap().1, 0);
        // The dearest is let in where nobody waits.
        assert!(queue().admit(ticket(Lane::Stranger, 1), 5_000_000, paced, 1).is_ok());
    }
}
