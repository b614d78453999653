//! What a restore fetches of a target that is far away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use storeward_base::DrillId;

use super::*;
use crate::allowed::Allowed;
use crate::drill::{Looked, Trial};
use crate::place::Place;
use crate::place::local::Local;
use crate::repository::{Missing, Moment, Part, Repo};
use crate::{owner, staging};

/// A folder at the end of a slow line.
struct Far {
    local: Local,
    fetched: AtomicU64,
}

impl Far {
    fn count(&self, read: Result<Bytes, Error>) -> Result<Bytes, Error> {
        if let Ok(bytes) = &read {
            self.fetched.fetch_add(u64::try_from(bytes.len()).unwrap(), Ordering::SeqCst);
        }
        read
    }
}

impl Place for Far {
    fn shown(&self) -> String {
        self.local.shown()
    }

    fn prepare(&self, folders: &[String]) -> Result<(), Error> {
        self.local.prepare(folders)
    }

    fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, Error> {
        self.local.list(folder)
    }

    fn length(&self, name: &str) -> Result<Option<u64>, Error> {
        self.local.length(name)
    }

    fn read(&self, name: &str) -> Result<Bytes, Error> {
        self.count(self.local.read(name))
    }

    fn read_part(&self, name: &str, offset: u64, length: usize) -> Result<Bytes, Error> {
        self.count(self.local.read_part(name, offset, length))
    }

    fn write(&self, name: &str, parts: &[Bytes]) -> Result<(), Error> {
        self.local.write(name, parts)
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.local.remove(name)
    }

    fn is_far(&self) -> bool {
        true
    }
}

/// A database whose pages changed here and there between backups lies in as many packs, and its pieces were read by fetching each time a
/// whole pack of which three were remembered: 180 times its size.
#[test]
fn of_a_database_that_was_put_away_often_hardly_anything_is_fetched_twice() {
    const PIECE: usize = 16 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let place = Arc::new(Far { local: Local::new(folder.path().join("target")), fetched: AtomicU64::new(0) });
    let password = Secret::new("six words that nobody guesses".to_owned());
    let open =
        |missing| Repo::open(Part::Databases, place.clone(), &password, missing, Bars::none()).unwrap();
    let from = folder.path().join("from");
    std::fs::create_dir(&from).unwrap();
    let mut bytes: Vec<u8> =
        (0..2_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let pieces = bytes.len() / PIECE;
    let ledger = owner::Mark::of(&LogKey::generate(&SeededEntropy::new(7)));
    let repo = open(Missing::Make);
    let mut last = None;
    for day in 0..8u8 {
        for piece in (0..pieces).filter(|piece| day > 0 && piece % 8 == usize::from(day)) {
            bytes[piece * PIECE + 7] ^= day;
        }
        std::fs::write(from.join("shop.sqlite"), &bytes).unwrap();
        let run = BackupId::from_bits(day.into());
        let moment =
            Moment { run, at: Timestamp::from_seconds(1_700_000_000), ledger: ledger.clone(), number: None };
        last = Some(
            repo.keep("storeward", &moment, std::slice::from_ref(&from), Some(staging::ROOT.as_ref()))
                .unwrap(),
        );
    }
    let last = last.unwrap();
    let again = open(Missing::Refuse);
    place.fetched.store(0, Ordering::SeqCst);
    let to = folder.path().join("to");
    again.read_out((&last, &Allowed::All), &to, |_| {}).unwrap();
    assert_eq!(std::fs::read(to.join("shop.sqlite")).unwrap(), bytes);
    let (fetched, size) = (place.fetched.load(Ordering::SeqCst), u64::try_from(bytes.len()).unwrap());
    assert!(fetched < 3 * size, "{fetched} bytes for {size}");
}

/// It was asked for the same list four times by a restore, and by a drill.
#[test]
fn what_there_is_is_listed_once() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    house.run_noted(&backups, 1, Some(10)).unwrap();
    let lists = || [Part::Files, Part::Keys].map(|part| backups.repo(part, Missing::Refuse).unwrap().lists());
    let before = lists();
    let listing = &backups.list().unwrap();
    let run = backups.find(listing, None, at_hour(2), None).unwrap().run;
    let (to, shop) = (house.at("to"), house.at("shop-to"));
    let (key, now) = (Some(&house.key), at_hour(2));
    let asked = Asked { listing, run, to: &to, shop: Some(&shop), key, keys_run: None, known: None, now };
    backups.restore(&backups.alone().unwrap(), &asked).unwrap();
    assert_eq!(lists(), before.map(|count| count + 1));
    let trial = Trial { drill: DrillId::from_bits(1), at: now, known: None };
    let report =
        backups.drill(&backups.alone().unwrap(), trial, None, &house.key, |_, _, _| Ok(Looked::default()));
    assert!(report.findings.iter().any(|one| one.what == "shop" && one.held), "{report:?}");
    assert_eq!(lists(), before.map(|count| count + 2));
}

/// For each manifest the whole index was read anew.
#[test]
fn the_index_is_read_once_for_all_manifests() {
    let house = House::new(1);
    let backups = house.backups(&house.at("target"));
    for hour in 1..5 {
        house.run_noted(&backups, hour, Some(u64::from(hour) * 10)).unwrap();
    }
    let files = backups.repo(Part::Files, Missing::Refuse).unwrap();
    // So that more than one is looked at before one bears its number out.
    for hour in 1..3 {
        files.renumber(run_of(hour), u64::MAX);
    }
    let before = files.indexes();
    assert_eq!(backups.number(&house.key, 5).unwrap(), 41);
    assert_eq!(files.indexes(), before + 1);
    assert_eq!(backups.forged().unwrap().len(), 2);
    assert_eq!(files.indexes(), before + 2);
}
