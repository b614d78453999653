//! Who sends messages that bear a signature, such as a payment provider: how many at once, and from where good ones came.
//!
//! Bans and the pace of one address are for clients of the shop. A provider that is kept out by them, since somebody in its network
//! misbehaved or since it delivers what it held back, loses the shop its news. So such places have room of their own
//! ([`storeward_host::OwnPages::with_inboxes`]), and it is parted: whoever floods them with forgeries takes the room of strangers, and
//! none of those from whom a message was taken lately.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use storeward_base::AddressBlock;

use crate::rates::Rate;

/// Messages under way at once, of each of the two kinds; each is [`storeward_host::OWN_REQUEST_BYTES`] long at most.
const SEATS: u32 = 32;
/// Of the strangers' seats, so many for one network: whoever sends slowly takes no other stranger's.
const SEATS_OF_ONE: u32 = 4;
/// Of one network from which a message was taken.
pub(crate) const KNOWN: Rate = Rate { per_second: 100, burst: 1000 };
/// Of one network from which none was.
pub(crate) const STRANGER: Rate = Rate { per_second: 5, burst: 50 };
/// Of all of those together.
pub(crate) const STRANGERS: Rate = Rate { per_second: 25, burst: 250 };
/// A provider that sent nothing for so long is a stranger again.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);
/// Networks that are remembered. Only a good signature leads in.
const MOST: usize = 1024;

/// Senders of all inboxes.
#[derive(Debug, Default)]
pub struct Senders {
    known: Mutex<HashMap<AddressBlock, Instant>>,
    /// At most as many networks as there are seats.
    strangers_seated: Mutex<HashMap<AddressBlock, u32>>,
    known_seated: AtomicU32,
}

/// A message under way. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    senders: &'a Senders,
    /// Of a stranger: from where.
    stranger: Option<AddressBlock>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let Some(block) = self.stranger else {
            self.senders.known_seated.fetch_sub(1, Relaxed);
            return;
        };
        let mut seated = self.senders.strangers_seated.lock().unwrap_or_else(PoisonError::into_inner);
        match seated.get_mut(&block) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(seated.remove(&block)),
        }
    }
}

impl Senders {
    /// Whether a message was taken from there lately.
    pub(crate) fn knows(&self, block: AddressBlock, now: Instant) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&block).is_some_and(|at| now.saturating_duration_since(*at) < REMEMBERED)
    }

    /// A message from there was taken.
    pub(crate) fn took(&self, block: AddressBlock, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, at| now.saturating_duration_since(*at) < REMEMBERED);
        }
        if known.len() < MOST || known.contains_key(&block) {
            known.insert(block, now);
        }
    }

    /// Room for one message of a sender who is known; nothing where as many are under way as there may be.
    pub(crate) fn seat(&self) -> Option<Seat<'_>> {
        let seat = Seat { senders: self, stranger: None };
        (self.known_seated.fetch_add(1, Relaxed) < SEATS).then_some(seat)
    }

    /// The same of a stranger.
    pub(crate) fn stranger_s_seat(&self, block: AddressBlock) -> Option<Seat<'_>> {
        let mut seated = self.strangers_seated.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = seated.values().sum();
        if all >= SEATS || seated.get(&block).is_some_and(|count| *count >= SEATS_OF_ONE) {
            return None;
        }
        *seated.entry(block).or_default() += 1;
        Some(Seat { senders: self, stranger: Some(block) })
    }
}

#[cfg(test)]
mod tests {
    use storeward_base::ClientIp;

    use super::*;

    fn block(text: &str) -> AddressBlock {
        text.parse::<ClientIp>().unwrap().block()
    }

    #[test]
    fn strangers_take_no_room_of_those_who_are_known() {
        let senders = Senders::default();
        let of = |last: u32| block(&format!("192.0.2.{last}"));
        // One of them has four, however often it tries; together they have all.
        let one: Vec<_> = (0..100).filter_map(|_| senders.stranger_s_seat(of(1))).collect();
        assert_eq!(one.len(), 4);
        let others: Vec<_> = (2..100).filter_map(|last| senders.stranger_s_seat(of(last))).collect();
        assert_eq!(others.len(), 28);
        assert!(senders.stranger_s_seat(of(200)).is_none() && senders.seat().is_some());
        drop((one, others));
        assert!(senders.strangers_seated.lock().unwrap().is_empty(), "one that ended leaves no trace");
        let known: Vec<_> = (0..100).filter_map(|_| senders.seat()).collect();
        assert_eq!(known.len(), 32);
        drop(known);
        assert!(senders.seat().is_some(), "nor one that was turned away");
    }

    #[test]
    fn who_is_known_is_forgotten_and_the_list_is_bounded() {
        let (senders, now) = (Senders::default(), Instant::now());
        senders.took(block("192.0.2.1"), now);
        assert!(senders.knows(block("192.0.2.1"), now) && !senders.knows(block("192.0.2.2"), now));
        assert!(!senders.knows(block("192.0.2.1"), now + REMEMBERED));
        for at in 0..3_000_u32 {
            senders.took(block(&std::net::Ipv4Addr::from(0x0a00_0000 + at).to_string()), now);
        }
        assert!(senders.known.lock().unwrap().len() <= MOST);
        assert!(senders.knows(block("192.0.2.1"), now), "the first keep their place");
    }
}
