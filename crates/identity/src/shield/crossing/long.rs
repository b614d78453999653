//! Forms with large files in them, such as a picture with a review: read whole, as far as there is room, so that all their fields are
//! known. What holds no more than files behind its fields is no reason to ask anybody anything.

use std::borrow::Cow;

use storeward_adapter::outline;
use storeward_host::Seen;
use storeward_web::http::{HeaderMap, header};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{FIELDS_BYTES, Lines};

/// The longest form that is read whole.
const MOST: usize = 12 * MIB;
const MIB: usize = 1024 * 1024;
/// For all of them together, in MiB. It is the program's memory, so all shields share it.
static ROOM: Semaphore = Semaphore::const_new(64);

/// Memory for one form, for as long as it is on its way.
#[derive(Debug)]
pub(super) struct Room {
    bytes: usize,
    _held: SemaphorePermit<'static>,
}

impl Room {
    /// For a form that says how long it is, in a way that nobody reads otherwise.
    pub(super) fn for_form(headers: &HeaderMap) -> Option<Self> {
        let lines = Lines::of(headers);
        let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
        let length = lengths.next()?.to_str().ok()?.parse::<usize>().ok()?;
        let is_one = lengths.next().is_none() && !headers.contains_key(header::TRANSFER_ENCODING);
        let is_parts = lines.content_type.to_ascii_lowercase().starts_with("multipart/form-data");
        let is_long = (FIELDS_BYTES..=MOST).contains(&length);
        if !is_one || !is_parts || !is_long || lines.is_encoded {
            return None;
        }
        let held = ROOM.try_acquire_many(u32::try_from(length.div_ceil(MIB)).ok()?).ok()?;
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
