//! Forms with large files in them, such as a picture with a review: read whole, as far as there is room, so that all their fields are
//! known. What holds no more than files behind its fields is no reason to ask anybody anything.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use storeward_adapter::outline;
use storeward_base::{AddressBlock, ClientIp, WiderNetwork};
use storeward_host::Seen;
use storeward_web::http::{HeaderMap, header};

use super::{FIELDS_BYTES, Lines};

/// The longest form that is read whole.
const MOST: usize = 12 * MIB;
const MIB: usize = 1024 * 1024;
/// It is the program's memory, so all shields share it.
static ROOM: Shelf = Shelf(Mutex::new(None));

/// For all forms together, in MiB; for those of one client; and for those of a network around it, which one holder may have as a
/// whole. Whoever sends slowly holds their share for as long as that lasts, and nobody else's.
const ALL: u32 = 64;
const CLIENT: u32 = 24;
const AROUND: u32 = 40;

/// Who has how much of the room, in MiB.
struct Shelf(Mutex<Option<HashMap<Holder, u32>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    All,
    Client(AddressBlock),
    Around(WiderNetwork),
}

impl Holder {
    fn of(client: ClientIp) -> Vec<Self> {
        let block = client.block();
        let around = block.wider().into_iter().map(Holder::Around);
        [Holder::All, Holder::Client(block)].into_iter().chain(around).collect()
    }

    fn most(self) -> u32 {
        match self {
            Holder::All => ALL,
            Holder::Client(_) => CLIENT,
            Holder::Around(_) => AROUND,
        }
    }
}

impl Shelf {
    fn take(&'static self, client: ClientIp, mib: u32) -> Option<Share> {
        let holders = Holder::of(client);
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = shelf.get_or_insert_default();
        let fits = |holder: &Holder| {
            let held = taken.get(holder).copied().unwrap_or(0);
            held.checked_add(mib).is_some_and(|sum| sum <= holder.most())
        };
        if !holders.iter().all(fits) {
            return None;
        }
        for holder in &holders {
            *taken.entry(*holder).or_default() += mib;
        }
        Some(Share { shelf: self, holders, mib })
    }

    fn give_back(&self, holders: &[Holder], mib: u32) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = shelf.get_or_insert_default();
        for holder in holders {
            let left = taken.get(holder).copied().unwrap_or(0).saturating_sub(mib);
            if left == 0 {
                taken.remove(holder);
            } else {
                taken.insert(*holder, left);
            }
        }
    }
}

/// What one form holds of the room.
struct Share {
    shelf: &'static Shelf,
    holders: Vec<Holder>,
    mib: u32,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shelf.give_back(&self.holders, self.mib);
    }
}

/// Memory for one form, for as long as it is on its way.
pub(super) struct Room {
    bytes: usize,
    _held: Share,
}

impl Room {
    /// For a form that says how long it is, in a way that nobody reads otherwise.
    pub(super) fn for_form(client: ClientIp, headers: &HeaderMap) -> Option<Self> {
        let lines = Lines::of(headers);
        let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
        let length = lengths.next()?.to_str().ok()?.parse::<usize>().ok()?;
        let is_one = lengths.next().is_none() && !headers.contains_key(header::TRANSFER_ENCODING);
        let is_parts = lines.content_type.to_ascii_lowercase().starts_with("multipart/form-data");
        let is_long = (FIELDS_BYTES..=MOST).contains(&length);
        if !is_one || !is_parts || !is_long || lines.is_encoded {
            return None;
        }
        let held = ROOM.take(client, u32::try_from(length.div_ceil(MIB)).ok()?)?;
        Some(Room { bytes: length, _held: held })
    }

    /// One more, so that the end is seen.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes + 1
    }
}

/// What is read of a form that was read whole: all but its files; where that is in doubt, as much as of any other.
pub(super) fn read<'b>(headers: &HeaderMap, body: Seen<'b>) -> (Cow<'b, [u8]>, bool) {
    if body.bytes.len() <= FIELDS_BYTES {
        return (Cow::Borrowed(body.bytes), body.complete);
    }
    let lines = Lines::of(headers);
    match outline(&lines.content_type, body.bytes, FIELDS_BYTES).filter(|_| body.complete) {
        Some(outline) => (Cow::Owned(outline), true),
        None => (Cow::Borrowed(body.bytes.get(..FIELDS_BYTES).unwrap_or(body.bytes)), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientIp {
        text.parse().unwrap()
    }

    fn mib(shelf: &Shelf) -> u32 {
        shelf.0.lock().unwrap().as_ref().and_then(|taken| taken.get(&Holder::All).copied()).unwrap_or(0)
    }

    // Six slow uploads of one client took all of it, and everybody else was asked for a fresh factor with each picture.
    #[test]
    fn nobody_takes_the_room_of_the_others() {
        static SHELF: Shelf = Shelf(Mutex::new(None));
        let slow: Vec<_> = (0..6).map_while(|_| SHELF.take(client("198.51.100.7"), 12)).collect();
        assert_eq!(slow.len(), 2);
        // Nor does whoever has the network around it, by many addresses.
        let around: Vec<_> =
            (8..60).filter_map(|n| SHELF.take(client(&format!("198.51.100.{n}")), 12)).collect();
        assert_eq!((around.len(), mib(&SHELF)), (1, 36));
        let other = SHELF.take(client("203.0.113.1"), 12);
        assert!(other.is_some(), "somebody else has a picture");
        let sixth: Vec<_> =
            (0..99).filter_map(|n| SHELF.take(client(&format!("2001:db8:0:{n:x}::1")), 12)).collect();
        assert_eq!((sixth.len(), mib(&SHELF)), (1, 60), "no more than there is");
        drop((slow, around));
        assert_eq!(mib(&SHELF), 24);
        let again: Vec<_> =
            (0..99).filter_map(|n| SHELF.take(client(&format!("2001:db8:0:1{n:02x}::1")), 12)).collect();
        assert_eq!(again.len(), 2, "a /48 has 40 of it");
        drop((other, sixth, again));
        assert!(SHELF.0.lock().unwrap().as_ref().unwrap().is_empty(), "nobody is remembered");
    }
}
