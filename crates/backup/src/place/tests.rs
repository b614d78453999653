//! What every kind of place has to do.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use storeward_base::{BackupId, Secret, SeededEntropy, Timestamp};
use storeward_seal::LogKey;

use super::{Place, local::Local};
use crate::allowed::Allowed;
use crate::owner::Mark;
use crate::progress::Bars;
use crate::repository::{Missing, Moment, Part, Pruning, Reading, Repo};
use crate::{Error, staging};

pub(crate) fn keeps_files(place: &dyn Place) {
    place.prepare(&["data/ab".to_owned(), "keys".to_owned()]).unwrap();
    assert_eq!(place.list("data").unwrap(), []);
    assert_eq!(place.list("nowhere").unwrap(), []);
    assert_eq!(place.length("config").unwrap(), None);
    assert!(matches!(place.read("config"), Err(Error::Target { .. })));
    // Larger than one packet, and than all that are on their way at once.
    let large: Vec<u8> =
        (0..1_500_000u32).map(|n| n.to_le_bytes()[usize::try_from(n % 3).unwrap()]).collect();
    place
        .write("data/ab/abcd", &[Bytes::from(large[..7].to_vec()), Bytes::from(large[7..].to_vec())])
        .unwrap();
    place.write("data/ab/abce", &[Bytes::from_static(b"x")]).unwrap();
    let mut listed = place.list("data").unwrap();
    listed.sort();
    assert_eq!(listed, [("abcd".to_owned(), 1_500_000), ("abce".to_owned(), 1)]);
    assert_eq!(place.read("data/ab/abcd").unwrap(), large);
    assert_eq!(place.read_part("data/ab/abcd", 999_999, 70_000).unwrap(), large[999_999..1_069_999]);
    assert!(place.read_part("data/ab/abce", 0, 2).is_err(), "more than there is");
    // Written over, shorter.
    place.write("data/ab/abcd", &[Bytes::from_static(b"again")]).unwrap();
    assert_eq!(place.read("data/ab/abcd").unwrap(), Bytes::from_static(b"again"));
    assert_eq!(place.length("data/ab/abcd").unwrap(), Some(5));
    place.remove("data/ab/abcd").unwrap();
    place.remove("data/ab/abcd").unwrap();
    assert_eq!(place.list("data").unwrap().len(), 1);
    place.remove("data/ab/abce").unwrap();
}

pub(crate) fn keeps_a_repository(place: Arc<dyn Place>) {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    std::fs::create_dir_all(from.join("sub")).unwrap();
    let bytes: Vec<u8> = (0..300_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(from.join("sub/large"), &bytes).unwrap();
    std::fs::write(from.join("small"), b"a shop").unwrap();
    let password = Secret::new("six words that nobody guesses".to_owned());
    let open = |missing| Repo::open(Part::Databases, Arc::clone(&place), &password, missing, Bars::none());
    assert!(matches!(open(Missing::Refuse), Err(Error::NoRepository { .. })));
    let repo = open(Missing::Make).unwrap();
    let (run, at) = (BackupId::from_bits(7), Timestamp::from_seconds(1_700_000_000));
    let ledger = Mark::of(&LogKey::generate(&SeededEntropy::new(7)));
    let moment = Moment { run, at, ledger, number: None };
    let first =
        repo.keep("storeward", &moment, std::slice::from_ref(&from), Some(staging::ROOT.as_ref())).unwrap();
    assert_eq!((first.files, first.run), (2, Some(moment.run)));
    assert_eq!(first.ledger.as_ref(), Some(&moment.ledger));
    // Again, from another hand: nothing is added but the snapshot.
    let again = open(Missing::Refuse).unwrap();
    let second = again.keep("storeward", &moment, &[from], Some(staging::ROOT.as_ref())).unwrap();
    assert!(second.added_bytes < 2_000, "{second:?}");
    assert_eq!(again.snapshots().unwrap().len(), 2);
    let to = folder.path().join("to");
    let mut found = Vec::new();
    again.read_out((&first, &Allowed::All), &to, |file| found.push(file.clone())).unwrap();
    assert_eq!(std::fs::read(to.join("sub/large")).unwrap(), bytes);
    assert_eq!(found.len(), 2);
    assert_eq!(again.indexed().unwrap().small(&first, Path::new("/storeward/small")).unwrap(), b"a shop");
    assert_eq!(again.check(Reading::All).unwrap(), Vec::<String>::new());
    let wrong = Secret::new("six other words, all wrong".to_owned());
    let refused = Repo::open(Part::Databases, Arc::clone(&place), &wrong, Missing::Refuse, Bars::none());
    assert!(matches!(refused, Err(Error::Password { .. })));
    // All of it goes.
    again.forget(&[first.id, second.id], Pruning::Strict).unwrap();
    assert_eq!(place.list("data").unwrap(), []);
}

#[test]
fn a_folder_keeps_files_and_repositories_and_no_link_leads_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = Arc::new(Local::new(folder.path().join("below/another")));
    keeps_files(place.as_ref());
    keeps_a_repository(place.clone());
    std::fs::write(folder.path().join("outside"), b"x").unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("below/another/data/link")).unwrap();
    assert_eq!(place.list("data").unwrap(), []);
}
