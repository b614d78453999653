//! For tests: what earlier versions, restic, and whoever has the password make of snapshots.

use std::sync::atomic::Ordering;

use rustic_core::{FileType, PackedId};
use storeward_base::BackupId;

use super::{Repo, Snapshot};
use crate::backend::name;
use crate::order;
use crate::owner::Mark;

impl Repo {
    /// As before there were marks.
    pub(crate) fn unmark(&self) {
        let repo = self.repository().unwrap();
        let all = repo.get_all_snapshots().unwrap();
        let ids: Vec<_> = all.iter().map(|snapshot| snapshot.id).collect();
        let mut bare = all;
        for snapshot in &mut bare {
            let marks: Vec<String> =
                snapshot.tags.iter().filter(|tag| Mark::read(tag).is_some()).cloned().collect();
            assert!(!marks.is_empty() && snapshot.remove_tags(&[marks.join(",").parse().unwrap()]));
        }
        repo.save_snapshots(bare).unwrap();
        repo.delete_snapshots(&ids).unwrap();
    }

    /// As whoever has the password does it.
    pub(crate) fn renumber(&self, run: BackupId, number: u64) {
        self.retag(run, |tag| order::read_tag(tag).map(|_| order::tag(number)));
    }

    /// The same: under the name of another run.
    pub(crate) fn rename(&self, run: BackupId, to: BackupId) {
        self.retag(run, |tag| (tag == run.to_string()).then(|| to.to_string()));
    }

    /// As `restic copy` makes them: without a label and what was counted, and so with another id.
    pub(crate) fn copied(&self) {
        let repo = self.repository().unwrap();
        let mut all = repo.get_all_snapshots().unwrap();
        let ids: Vec<_> = all.iter().map(|snapshot| snapshot.id).collect();
        for snapshot in &mut all {
            snapshot.label.clear();
            snapshot.summary = None;
        }
        repo.save_snapshots(all).unwrap();
        repo.delete_snapshots(&ids).unwrap();
    }

    fn retag(&self, run: BackupId, other: impl Fn(&str) -> Option<String>) {
        let repo = self.repository().unwrap();
        let all = repo.get_all_snapshots().unwrap();
        let mut of_run: Vec<_> = all.into_iter().filter(|one| one.tags.contains(&run.to_string())).collect();
        let ids: Vec<_> = of_run.iter().map(|snapshot| snapshot.id).collect();
        for snapshot in &mut of_run {
            let tags: Vec<String> = snapshot.tags.iter().cloned().collect();
            for (tag, other) in tags.iter().filter_map(|tag| Some((tag, other(tag)?))) {
                assert!(snapshot.remove_tags(&[tag.parse().unwrap()]));
                assert!(snapshot.add_tags(vec![other.parse().unwrap()]));
            }
        }
        repo.save_snapshots(of_run).unwrap();
        repo.delete_snapshots(&ids).unwrap();
    }

    /// As whoever has the target alone does it: the bytes of a piece in the place of another, which only fit where both are as long. Whether they do.
    pub(crate) fn lay_over<T: PackedId>(&self, piece: &T, other: &T) -> bool {
        let repo = self.repository().unwrap().to_indexed().unwrap();
        let [piece, other] = [piece, other].map(|id| repo.get_index_entry(id).unwrap());
        let (place, from) = (piece.location, other.location);
        if (place.length, place.uncompressed_length) != (from.length, from.uncompressed_length) {
            return false;
        }
        let [pack, others] = [piece.pack, other.pack].map(|id| name(FileType::Pack, &id));
        let (place, from, length) = (place.offset as usize, from.offset as usize, place.length as usize);
        let bytes = self.place.read(&others).unwrap().slice(from..from + length);
        let mut changed = self.place.read(&pack).unwrap().to_vec();
        changed[place..place + length].copy_from_slice(&bytes);
        self.place.remove(&pack).unwrap();
        self.place.write(&pack, &[changed.into()]).unwrap();
        true
    }

    /// As a failing disk does it: one byte of a piece.
    pub(crate) fn damage<T: PackedId>(&self, piece: &T) {
        let repo = self.repository().unwrap().to_indexed().unwrap();
        let entry = repo.get_index_entry(piece).unwrap();
        let (pack, place) = (name(FileType::Pack, &entry.pack), entry.location);
        let mut changed = self.place.read(&pack).unwrap().to_vec();
        changed[(place.offset + place.length / 2) as usize] ^= 1;
        self.place.remove(&pack).unwrap();
        self.place.write(&pack, &[changed.into()]).unwrap();
    }

    /// The snapshot since which nothing was read again that was untouched.
    pub(crate) fn parent_of(&self, snapshot: &Snapshot) -> Option<String> {
        let found = self.repository().unwrap().get_snapshots(&[&snapshot.id]).unwrap();
        found[0].parent.map(|parent| parent.to_hex().as_str().to_owned())
    }

    /// How often its index was read to read something out.
    pub(crate) fn indexes(&self) -> u64 {
        self.indexes.load(Ordering::SeqCst)
    }

    /// How often its snapshots were listed.
    pub(crate) fn lists(&self) -> u64 {
        self.lists.load(Ordering::SeqCst)
    }
}
