//! Who sends messages that bear a signature, such as a payment provider: how many at once, and from where good ones came.
//!
//! Bans and the pace of one address are for clients of the shop. A provider that is kept out by them, since somebody in its network
//! misbehaved or since it delivers what it held back, loses the shop its news. So such places have room of their own
//! ([`storeward_host::OwnPages::with_inboxes`]), and it is parted: whoever floods them with forgeries takes the room of strangers, and
//! none of those from whom a message was taken lately.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use storeward_base::{AddressBlock, Clock, Timestamp};

use crate::certificates::replace;
use crate::rates::Rate;

/// Messages under way at once, of each of the two kinds; each is [`storeward_host::LONG_REQUEST_BYTES`] long at most.
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

/// In the data directory, a line for each network: its first address, and microseconds since 1970.
const FILE: &str = "inbox.senders";
/// What is longer than so many networks is not ours.
const MOST_BYTES: u64 = 128 * 1024;
/// A network that goes on sending is written down anew so often.
const WRITTEN_EVERY: Duration = Duration::from_secs(24 * 3600);
/// After a write that failed, such as on a full disk, the next one is tried so much later.
const AGAIN: Duration = Duration::from_secs(60);

/// Senders of all inboxes.
#[derive(Debug, Default)]
pub struct Senders {
    known: Mutex<HashMap<AddressBlock, Known>>,
    /// Where they are kept over a restart.
    kept: Option<Kept>,
    /// At most as many networks as there are seats.
    strangers_seated: Mutex<HashMap<AddressBlock, u32>>,
    known_seated: AtomicU32,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    at: Instant,
    /// When a line for it was last on the disk.
    written_at: Option<Instant>,
}

struct Kept {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// When writing last failed; held while somebody writes.
    failed_at: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("folder", &self.folder).finish_non_exhaustive()
    }
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
    /// Those whom a file of this directory remembers, which is written from now on. What cannot be read is forgotten, and what cannot be
    /// written is known until the program ends: whoever sends begins as a stranger then, as before the first message.
    pub fn kept_in(folder: &Path, clock: Arc<dyn Clock>) -> Self {
        let (now, time) = (Instant::now(), clock.now());
        let path = folder.join(FILE);
        let is_ours = fs::metadata(&path).is_ok_and(|file| file.len() <= MOST_BYTES);
        let text = if is_ours { fs::read_to_string(path).unwrap_or_default() } else { String::new() };
        let known = text.lines().filter_map(|line| {
            let (block, micros) = line.split_once(' ')?;
            let at = Timestamp::from_micros(micros.parse().ok()?);
            let age = Some(time.since(at)).filter(|age| at <= time && *age < REMEMBERED)?;
            // A machine that started a moment ago has no earlier one.
            let at = now.checked_sub(age).unwrap_or(now);
            Some((block.parse().ok()?, Known { at, written_at: Some(at) }))
        });
        let known = known.take(MOST).collect();
        let kept = Some(Kept { folder: folder.to_owned(), clock, failed_at: Mutex::default() });
        Senders { known: Mutex::new(known), kept, ..Senders::default() }
    }

    /// Whether a message was taken from there lately.
    pub(crate) fn knows(&self, block: AddressBlock, now: Instant) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&block).is_some_and(|known| known.is_remembered(now))
    }

    /// A message from there was taken.
    pub(crate) fn took(&self, block: AddressBlock, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, known| known.is_remembered(now));
        }
        let before = known.get(&block).copied();
        if known.len() >= MOST && before.is_none() {
            return;
        }
        let written_at = before.and_then(|known| known.written_at);
        known.insert(block, Known { at: now, written_at });
        drop(known);
        if written_at.is_none_or(|at| now.saturating_duration_since(at) >= WRITTEN_EVERY) {
            self.write_down(now);
        }
    }

    /// Writes all of them down: once a day for each network, some dozens of lines. Nobody waits for the disk but whoever writes.
    fn write_down(&self, now: Instant) {
        let Some(kept) = &self.kept else { return };
        // While somebody is at it there is nothing to wait for: what they do not write is written with its next message.
        let mut failed_at = match kept.failed_at.try_lock() {
            Ok(failed_at) => failed_at,
            Err(TryLockError::Poisoned(failed_at)) => failed_at.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if failed_at.is_some_and(|at| now.saturating_duration_since(at) < AGAIN) {
            return;
        }
        let mut listed = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        listed.retain(|_, known| known.is_remembered(now));
        *failed_at = kept.write(&listed, now).is_err().then_some(now);
        if failed_at.is_none() {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for block in listed.keys() {
                if let Some(known) = known.get_mut(block) {
                    known.written_at = Some(now);
                }
            }
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

impl Known {
    fn is_remembered(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < REMEMBERED
    }
}

impl Kept {
    fn write(&self, known: &HashMap<AddressBlock, Known>, now: Instant) -> std::io::Result<()> {
        let time = self.clock.now();
        let mut text = String::new();
        for (block, known) in known {
            let age = now.saturating_duration_since(known.at);
            let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
            let _ = writeln!(text, "{block} {}", time.micros().saturating_sub(age));
        }
        replace(&self.folder.join(FILE), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use storeward_base::{ClientIp, FixedClock};

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

    // After each restart, and each update, providers had the room of strangers, which a flood fills.
    #[test]
    fn who_is_known_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(Timestamp::from_micros(1_790_000_000_000_000)));
        let open = || Senders::kept_in(folder.path(), clock.clone());
        let (one, six) = (block("192.0.2.1"), block("2001:db8:1:2::1"));
        let (senders, now) = (open(), Instant::now());
        senders.took(one, now);
        senders.took(six, now);
        let again = open();
        assert!(again.knows(one, Instant::now()) && again.knows(six, Instant::now()));
        assert!(!again.knows(block("192.0.2.2"), Instant::now()));
        // It is no younger than it was.
        clock.advance(REMEMBERED);
        assert!(!open().knows(one, Instant::now()));
        // Who goes on sending stays: written once a day, not with each message.
        let later = now + WRITTEN_EVERY;
        let file = folder.path().join(FILE);
        fs::remove_file(&file).unwrap();
        senders.took(one, now + Duration::from_secs(60));
        assert!(!file.exists());
        senders.took(one, later);
        assert!(open().knows(one, Instant::now()));
    }

    // A disk that was full for a moment: whoever sent then was a stranger after the next restart, for a day.
    #[test]
    fn what_could_not_be_written_is_written_a_minute_later() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let clock = Arc::new(FixedClock::at(Timestamp::from_micros(1_790_000_000_000_000)));
        let (one, two) = (block("192.0.2.1"), block("192.0.2.2"));
        let (senders, now) = (Senders::kept_in(&gone, clock.clone()), Instant::now());
        senders.took(one, now);
        fs::create_dir(&gone).unwrap();
        senders.took(two, now + AGAIN / 2);
        assert!(!gone.join(FILE).exists(), "a full disk is not asked with each message");
        senders.took(two, now + AGAIN);
        let again = Senders::kept_in(&gone, clock);
        assert!(again.knows(one, Instant::now()) && again.knows(two, Instant::now()));
        let mode = fs::metadata(gone.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "whom the shop is paid through is nobody's business");
        // A file of before the update that others could read is replaced.
        fs::set_permissions(gone.join(FILE), fs::Permissions::from_mode(0o644)).unwrap();
        senders.took(one, now + WRITTEN_EVERY + AGAIN);
        assert_eq!(fs::metadata(gone.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        // While one writes, nobody waits for the disk.
        let _writes = senders.kept.as_ref().unwrap().failed_at.lock().unwrap();
        senders.took(one, now + WRITTEN_EVERY * 3);
    }

    #[test]
    fn a_file_that_is_not_ours_lets_nobody_in_and_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(Timestamp::from_micros(1_790_000_000_000_000)));
        let future = "192.0.2.1 1790000000000001";
        for text in
            ["", "x", "192.0.2.1", "192.0.2.1 soon", "192.0.2.0/24 1790000000000000", future, "\u{0} 1"]
        {
            fs::write(folder.path().join(FILE), text).unwrap();
            let senders = Senders::kept_in(folder.path(), clock.clone());
            assert!(senders.known.lock().unwrap().is_empty(), "{text:?}");
        }
        fs::write(folder.path().join(FILE), "192.0.2.1 1790000000000000\n".repeat(10_000)).unwrap();
        assert!(!Senders::kept_in(folder.path(), clock.clone()).knows(block("192.0.2.1"), Instant::now()));
        // A directory that is gone.
        let lost = Senders::kept_in(&folder.path().join("none"), clock);
        lost.took(block("192.0.2.1"), Instant::now());
        assert!(lost.knows(block("192.0.2.1"), Instant::now()));
    }
}
