//! Bodies of requests to our own pages that are still coming. Each is read whole before anybody looks at it, so what they may take of memory
//! has an end: for one client, for the network around it, and for all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{AddressBlock, WiderNetwork};

const MIB: usize = 1024 * 1024;
/// Of long ones, and the same again of short ones: whoever announces much, and sends none of it, shuts nobody's form.
const OF_ONE: usize = 4 * MIB;
const OF_WIDER: usize = 16 * MIB;
const OF_ALL: usize = 64 * MIB;
/// What the shortest one counts, and what is short: a form is.
const LEAST: usize = 4 * 1024;
const SHORT: usize = 16 * 1024;
/// How long one may take to come, whole.
pub(crate) const TIME: Duration = Duration::from_secs(20);

/// How many bytes may come still, by whose they are.
#[derive(Debug, Default)]
pub(crate) struct Readings(Mutex<HashMap<Of, usize>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Of {
    One(AddressBlock, Length),
    Wider(Option<WiderNetwork>, Length),
    All(Length),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Length {
    Short,
    Long,
}

/// One of them. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    readings: &'a Readings,
    client: AddressBlock,
    bytes: usize,
}

fn rooms(client: AddressBlock, bytes: usize) -> [(Of, usize); 3] {
    let length = if bytes <= SHORT { Length::Short } else { Length::Long };
    let wider = client.wider().pop();
    [(Of::One(client, length), OF_ONE), (Of::Wider(wider, length), OF_WIDER), (Of::All(length), OF_ALL)]
}

impl Readings {
    /// Room for a body of so many bytes at most; nothing where there is none.
    pub(crate) fn take(&self, client: AddressBlock, bytes: usize) -> Option<Reading<'_>> {
        let bytes = bytes.max(LEAST);
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |room| taken.get(&room).copied().unwrap_or(0);
        // The first short one of a client always has room, as long as clients have connections: others' silence shuts nobody's form.
        let is_first = bytes <= SHORT && of(Of::One(client, Length::Short)) == 0;
        if !is_first
            && rooms(client, bytes).into_iter().any(|(room, most)| of(room).saturating_add(bytes) > most)
        {
            return None;
        }
        for (room, _) in rooms(client, bytes) {
            *taken.entry(room).or_default() += bytes;
        }
        drop(taken);
        Some(Reading { readings: self, client, bytes })
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut taken = self.readings.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (room, _) in rooms(self.client, self.bytes) {
            match taken.get_mut(&room) {
                Some(bytes) if *bytes > self.bytes => *bytes -= self.bytes,
                _ => drop(taken.remove(&room)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use storeward_base::ClientIp;

    use super::*;

    fn client(n: u32) -> AddressBlock {
        ClientIp::new(std::net::Ipv4Addr::from(0x0a00_0000 + n).into()).block()
    }

    #[test]
    fn what_is_being_read_has_an_end() {
        let readings = Readings::default();
        let half = MIB / 2;
        let mut held: Vec<_> = (0..100).filter_map(|_| readings.take(client(1), half)).collect();
        assert_eq!(held.len(), OF_ONE / half);
        held.extend((2..200).filter_map(|n| readings.take(client(n), half)));
        assert_eq!(held.len(), OF_WIDER / half, "the network's");
        held.extend((1..2_000).filter_map(|n| readings.take(client(n << 8), half)));
        assert_eq!(held.len(), OF_ALL / half, "all");
        // Forms go all the same.
        drop(readings.take(client(1), 2_000).unwrap());
        held.pop();
        assert!(readings.take(client(0x00ff_0000), half).is_some(), "one that ended makes room");
        drop(held);
        assert!(readings.0.lock().unwrap().is_empty(), "and leaves no trace");
    }

    // Sixteen addresses announced short forms and sent none: everybody else's were refused.
    #[test]
    fn a_clients_first_form_has_room_whatever_others_announce() {
        let readings = Readings::default();
        let held: Vec<_> = (0..0x8000)
            .flat_map(|n| [(); 4].map(|()| readings.take(client(n << 4), SHORT)))
            .flatten()
            .collect();
        assert!(held.len() * SHORT >= OF_ALL, "all of it is taken");
        let first = readings.take(client(0x00ff_0007), 2_000).unwrap();
        assert!(readings.take(client(0x00ff_0007), 2_000).is_none(), "and one more is not");
        drop(first);
        assert!(readings.take(client(0x00ff_0007), 2_000).is_some());
    }

    // A program that sends many short ones at once is no flood.
    #[test]
    fn short_ones_take_little() {
        let readings = Readings::default();
        let held: Vec<_> = (0..2_000).filter_map(|_| readings.take(client(1), 1)).collect();
        assert_eq!(held.len(), OF_ONE / LEAST);
    }
}
