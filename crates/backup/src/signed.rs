//! Which of the snapshots that bear a run's name are its own: whoever has the password adds others under the same tags, and only the manifest is
//! signed.

use std::collections::{BTreeMap, BTreeSet};

use storeward_base::BackupId;
use storeward_seal::LogKey;

use crate::Error;
use crate::engine::{Backups, OWN, SHOP};
use crate::listing::Listing;
use crate::manifest::Manifest;
use crate::reading::Indexed;
use crate::repository::{Missing, Part, Repo, Snapshot};

/// Snapshots of the shop's that are looked at for one that is signed: behind so many others all files are read.
const MOST_TRIED: usize = 16;

impl Manifest {
    /// Whether it names what is in a snapshot of its run. Where it lies itself says what is in its files, one by one.
    pub(crate) fn names(&self, snapshot: &Snapshot) -> bool {
        let name = format!("{}/{}", snapshot.part.folder(), snapshot.tree);
        let is_beside_it = snapshot.part == Part::Files && snapshot.label == OWN;
        is_beside_it || self.trees.is_empty() || self.trees.contains(&name)
    }

    /// What is signed is the manifest: whoever has the password writes tags. One that makes a run look newer than it is is refused; one that makes it
    /// look older keeps nobody from taking it by its name.
    pub(crate) fn bears_out(&self, snapshot: &Snapshot) -> Result<(), Error> {
        match snapshot.number <= self.number {
            true => Ok(()),
            false => Err(another_number(self)),
        }
    }
}

pub(crate) fn another_number(manifest: &Manifest) -> Error {
    Error::Damaged(format!(
        "{} bears another number than its signed manifest: somebody wrote at it",
        manifest.run
    ))
}

/// The manifest in a snapshot of Storeward's own files, where it is of that run.
fn manifest_in(indexed: &Indexed<'_>, snapshot: &Snapshot, key: Option<&LogKey>) -> Result<Manifest, Error> {
    let manifest = Manifest::read(&indexed.manifest(snapshot)?, key)?;
    if Some(manifest.run) != snapshot.run {
        return Err(Error::Damaged("a manifest stands in another run's place".to_owned()));
    }
    manifest.bears_out(snapshot).map(|()| manifest)
}

impl Listing {
    /// What a run holds, by the last of its snapshots that says it as it was signed.
    pub(crate) fn manifest(
        &self,
        indexed: &Indexed<'_>,
        run: BackupId,
        key: Option<&LogKey>,
    ) -> Result<Manifest, Error> {
        let mut found = Err(Error::NoRun(run.to_string()));
        for snapshot in self.own(Part::Files, run).rev() {
            found = manifest_in(indexed, snapshot, key);
            if found.is_ok() {
                break;
            }
        }
        found
    }

    /// Whether a snapshot of Storeward's own is what the signed manifest of its run says.
    pub(crate) fn is_signed(
        &self,
        indexed: &Indexed<'_>,
        snapshot: &Snapshot,
        key: Option<&LogKey>,
    ) -> Result<bool, Error> {
        let Some(run) = snapshot.run else { return Ok(false) };
        match self.manifest(indexed, run, key) {
            Ok(manifest) => Ok(manifest.names(snapshot) && manifest.bears_out(snapshot).is_ok()),
            Err(Error::NoRun(_)) => Ok(false),
            // It is not there, or the target is not.
            Err(_) => indexed.answers().map(|()| false),
        }
    }
}

impl Backups {
    /// What a run holds.
    pub fn manifest_of(&self, run: BackupId, key: Option<&LogKey>) -> Result<Manifest, Error> {
        self.list()?.manifest(&self.repo(Part::Files, Missing::Refuse)?.indexed()?, run, key)
    }

    /// Where more than one snapshot of Storeward's own files bears the name of a run, those that do not hold its signed manifest, or bear a higher
    /// number than that says, apart from all others.
    pub(crate) fn without_strangers(
        &self,
        files: Vec<Snapshot>,
    ) -> Result<(Vec<Snapshot>, Vec<Snapshot>), Error> {
        let run_of = |one: &Snapshot| one.run.filter(|_| one.label == OWN);
        let mut counts: BTreeMap<BackupId, usize> = BTreeMap::new();
        for run in files.iter().filter_map(run_of) {
            *counts.entry(run).or_default() += 1;
        }
        counts.retain(|_, count| *count > 1);
        let (Some(key), false) = (&self.plan().ledger, counts.is_empty()) else {
            return Ok((files, Vec::new()));
        };
        let repo = self.repo(Part::Files, Missing::Refuse)?;
        let indexed = repo.indexed()?;
        let (mut runs, mut signed) = (BTreeSet::new(), BTreeSet::new());
        for one in files.iter().filter(|one| run_of(one).is_some_and(|run| counts.contains_key(&run))) {
            match manifest_in(&indexed, one, Some(key)) {
                Ok(manifest) => {
                    runs.insert(manifest.run);
                    signed.insert(one.id.clone());
                }
                Err(_) => indexed.answers()?,
            }
        }
        let is_stranger =
            |one: &Snapshot| run_of(one).is_some_and(|run| runs.contains(&run)) && !signed.contains(&one.id);
        let (strangers, files) = files.into_iter().partition(is_stranger);
        Ok((files, strangers))
    }

    /// What the shop's files are held against, so that untouched ones are not read again: the newest that a signed manifest names, where its folders
    /// are its own. Whoever writes at the target says in another that the shop's files are untouched, and has theirs signed with
    /// the next backup. Where there is none, or it cannot be read, all are read.
    pub(crate) fn shop_before(&self, files: &Repo, key: &LogKey) -> Option<Snapshot> {
        let listing = Listing::of_files(files.snapshots().ok()?);
        let indexed = files.indexed().ok()?;
        let is_signed = |one: &&Snapshot| {
            let manifest = one.run.and_then(|run| listing.manifest(&indexed, run, Some(key)).ok());
            manifest.is_some_and(|manifest| !manifest.trees.is_empty() && manifest.names(one))
        };
        let of_shop = listing.of(Part::Files).iter().rev().filter(|one| one.label == SHOP);
        let before = of_shop.take(MOST_TRIED).find(is_signed)?;
        indexed.folders_hold(before).ok().map(|()| before.clone())
    }

    /// Own runs whose manifest is not what the ledger's key signed, or does not say what their snapshots are.
    pub(crate) fn forged(&self) -> Result<Vec<String>, Error> {
        let (Some(key), Some(files)) = (&self.plan().ledger, self.perhaps(Part::Files)?) else {
            return Ok(Vec::new());
        };
        let (listing, indexed) = (self.list()?, files.indexed()?);
        let mut found = Vec::new();
        for run in listing.own_runs() {
            let manifest = listing.manifest(&indexed, run.run, Some(key)).and_then(|manifest| {
                let own = || Part::ALL.iter().flat_map(|part| listing.own(*part, run.run));
                if !own().all(|one| one.number == manifest.number) {
                    return Err(another_number(&manifest));
                }
                self.shop_of(&listing, &manifest)?;
                if let Some(gone) = listing.lacking(&manifest, Part::Databases) {
                    return Err(Error::Damaged(format!("{gone} of this backup is gone, or is another")));
                }
                let all = Part::ALL.iter().flat_map(|part| listing.of(*part));
                let is_named = all.filter(|one| one.run == Some(run.run)).all(|one| manifest.names(one));
                let is_alone = is_named && !listing.has_strangers(run.run);
                if is_alone { Ok(()) } else { Err(strange(run.run)) }
            });
            found.extend(manifest.err().map(|why| format!("{} of {}: {why}", run.run, run.made_at)));
        }
        Ok(found)
    }
}

fn strange(run: BackupId) -> Error {
    Error::Damaged(format!(
        "what its signed manifest does not name lies under the name of {run}: somebody wrote at the target, and it is not read out"
    ))
}
