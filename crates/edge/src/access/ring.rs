//! The newest records in memory, in the order of their ids.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use storeward_base::RequestId;

use super::packed::{Packed, Packer};
use super::record::AccessRecord;

/// Holds the records that came in last. Leaves by arrival, not by id: were it by id, a clock that was set back would
/// make every new record the oldest.
#[derive(Debug)]
pub(super) struct Ring {
    by_id: BTreeMap<RequestId, (u64, Arc<Packed>)>,
    /// The newest last: its arrival number is the one before `next_arrival`.
    arrivals: VecDeque<RequestId>,
    packer: Packer,
    bytes: usize,
    max_records: usize,
    max_bytes: usize,
    next_arrival: u64,
}

impl Ring {
    pub fn new(max_records: usize, max_bytes: usize) -> Self {
        Ring {
            by_id: BTreeMap::new(),
            arrivals: VecDeque::new(),
            packer: Packer::default(),
            bytes: 0,
            max_records,
            max_bytes,
            next_arrival: 0,
        }
    }

    /// Takes the record in and returns its arrival number.
    pub fn push(&mut self, record: &AccessRecord) -> u64 {
        let (arrival, id) = (self.next_arrival, record.id);
        let packed = self.packer.pack(record);
        self.next_arrival += 1;
        self.bytes += packed.weight();
        if let Some((_, before)) = self.by_id.insert(id, (arrival, Arc::new(packed))) {
            self.bytes -= before.weight();
        }
        self.arrivals.push_back(id);
        while self.arrivals.len() > self.max_records || self.bytes > self.max_bytes {
            let arrival = self.holds_from();
            let Some(id) = self.arrivals.pop_front() else { break };
            if self.by_id.get(&id).is_some_and(|(latest, _)| *latest == arrival)
                && let Some((_, gone)) = self.by_id.remove(&id)
            {
                self.bytes -= gone.weight();
            }
        }
        arrival
    }

    /// Everything that arrived from this number on is here.
    pub fn holds_from(&self) -> u64 {
        self.next_arrival - u64::try_from(self.arrivals.len()).unwrap_or(0)
    }

    /// Whether `weight` more bytes fit without anything having to leave.
    pub fn has_room_for(&self, records: usize, bytes: usize) -> bool {
        self.arrivals.len() + records <= self.max_records && self.bytes + bytes <= self.max_bytes
    }

    pub fn get(&self, id: RequestId) -> Option<AccessRecord> {
        self.by_id.get(&id).map(|(_, record)| record.unpack())
    }

    /// The newest `most` records before `before`, newest first.
    pub fn newest(&self, before: Option<RequestId>, most: usize) -> Vec<Arc<Packed>> {
        let copy = |(_, (_, record)): (&RequestId, &(u64, Arc<Packed>))| Arc::clone(record);
        match before {
            Some(before) => self.by_id.range(..before).rev().take(most).map(copy).collect(),
            None => self.by_id.iter().rev().take(most).map(copy).collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.arrivals.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use storeward_base::Timestamp;

    fn record(id: u128) -> AccessRecord {
        let client = "192.0.2.1".parse().unwrap();
        AccessRecord::new(RequestId::from_bits(id), Timestamp::EPOCH, client, Method::GET)
    }

    #[test]
    fn lists_by_id_and_forgets_by_arrival() {
        let mut ring = Ring::new(3, usize::MAX);
        for id in [10, 30, 20, 5] {
            ring.push(&record(id));
        }
        let ids = |list: Vec<Arc<Packed>>| list.iter().map(|r| r.id.bits()).collect::<Vec<_>>();
        assert_eq!(ids(ring.newest(None, 9)), [30, 20, 5]);
        assert_eq!(ids(ring.newest(Some(RequestId::from_bits(30)), 1)), [20]);
        assert_eq!(ring.holds_from(), 1);
        assert!(ring.get(RequestId::from_bits(10)).is_none());
    }

    #[test]
    fn the_byte_limit_holds() {
        let weight = Packer::default().pack(&record(1)).weight();
        let mut ring = Ring::new(1_000, weight * 2 + 1);
        for id in 0..100 {
            ring.push(&record(id));
            assert!(ring.bytes() <= weight * 2 + 1);
        }
        assert_eq!(ring.len(), 2);
    }

    #[test]
    fn the_same_id_twice_does_not_confuse_it() {
        let mut ring = Ring::new(2, usize::MAX);
        for id in [1, 1, 2] {
            ring.push(&record(id));
        }
        assert_eq!(ring.newest(None, 9).len(), 2);
    }
}
