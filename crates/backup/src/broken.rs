//! Backups of one's own that lack something: while one is kept nothing old is deleted, so the owner may take it away.

use std::collections::{BTreeMap, BTreeSet};

use storeward_base::{BackupId, Timestamp};

use crate::engine::{Alone, Backups, OWN};
use crate::manifest::Manifest;
use crate::order::Order;
use crate::owner::Whose;
use crate::repository::{Missing, Part, Pruning, Snapshot};
use crate::{Error, Tell};

/// Backups of the plan's own ledger of whose data or files the target lacks something that their manifests name, and when they were made.
#[derive(Clone, Debug)]
pub struct Broken {
    pub runs: BTreeMap<BackupId, Timestamp>,
    own: OwnSnapshots,
}

/// Snapshots of one's own, the files first: with its manifest a run is gone for whoever lists them.
type OwnSnapshots = [(Part, Vec<Snapshot>); 2];

/// Those that count as a run: what a run that was cut off left are databases alone.
fn whole(own: &OwnSnapshots) -> impl Iterator<Item = &Snapshot> {
    let all = own.iter().flat_map(|(_, all)| all);
    all.filter(|one| one.label == OWN && one.part == Part::Files)
}

impl Broken {
    /// Refuses where the newest of all is among them, so that a whole one is always left.
    pub fn may_go(&self, now: Timestamp) -> Result<(), Error> {
        let newest = Order { now, known: None }.newest(whole(&self.own).collect(), |one| one.dated());
        match newest.and_then(|one| one.run).is_none_or(|newest| self.runs.contains_key(&newest)) {
            true => Err(Error::Damaged("the newest backup itself lacks something".to_owned())),
            false => Ok(()),
        }
    }
}

impl Backups {
    /// Looks which they are. Packs that are not there are taken out of the index, as a run does it; nothing is deleted. Folders are read,
    /// no file is.
    pub fn broken(&self, _alone: &Alone, tell: Tell<'_>) -> Result<Broken, Error> {
        let mut broken = Broken { runs: BTreeMap::new(), own: self.own_snapshots()? };
        for (part, own) in &broken.own {
            let Some(repo) = self.perhaps(*part)? else { continue };
            repo.forget_missing_packs(tell)?;
            let ids: Vec<String> = own.iter().map(|one| one.id.clone()).collect();
            let lacking = repo.lacking(&ids)?;
            let lacks = |one: &&Snapshot| lacking.contains(&one.id);
            broken.runs.extend(own.iter().filter(lacks).filter_map(|one| Some((one.run?, one.made_at))));
        }
        let lacking = self.lacking_snapshots(&broken.own)?;
        broken.runs.extend(lacking);
        Ok(broken)
    }

    /// Runs of which the manifest names what is not there as a whole, or of which it cannot be read itself. Customers' keys have days of their
    /// own.
    pub(crate) fn lacking_snapshots(&self, own: &OwnSnapshots) -> Result<Vec<(BackupId, Timestamp)>, Error> {
        // What `restic copy` made of one has another id. Two runs may hold the same.
        let named = |one: &Snapshot| {
            let (run, folder) = (one.run, one.part.folder());
            [&one.id, &one.tree].map(|name| (run, format!("{folder}/{name}")))
        };
        let there: BTreeSet<_> = own.iter().flat_map(|(_, all)| all).flat_map(named).collect();
        let of_keys = format!("{}/", Part::Keys.folder());
        let whole: Vec<&Snapshot> = whole(own).collect();
        if whole.is_empty() {
            return Ok(Vec::new());
        }
        let files = self.repo(Part::Files, Missing::Refuse)?;
        let indexed = files.indexed()?;
        let mut lacking = Vec::new();
        for one in whole {
            let bytes = indexed.manifest(one);
            let read = bytes.and_then(|bytes| Manifest::read(&bytes, self.plan().ledger.as_ref()));
            if read.is_err() {
                files.answers()?;
            }
            let is_there =
                |name: &String| name.starts_with(&of_keys) || there.contains(&(one.run, name.clone()));
            let is_whole = |manifest: Manifest| match manifest.trees.is_empty() {
                true => manifest.snapshots.iter().all(is_there),
                false => manifest.trees.iter().all(is_there),
            };
            if !read.is_ok_and(is_whole) {
                lacking.extend(one.run.map(|run| (run, one.made_at)));
            }
        }
        Ok(lacking)
    }

    /// Takes those of them that are named away for good, and what only they needed; customers' keys of them stay for their days. Refused as
    /// by [`Broken::may_go`].
    pub fn forget_broken(
        &self,
        _alone: &Alone,
        broken: &Broken,
        named: &BTreeSet<BackupId>,
        now: Timestamp,
    ) -> Result<(), Error> {
        broken.may_go(now)?;
        for (part, own) in &broken.own {
            let goes = |run: &BackupId| broken.runs.contains_key(run) && named.contains(run);
            let ids = own.iter().filter(|one| one.run.as_ref().is_some_and(goes));
            let ids: Vec<String> = ids.map(|one| one.id.clone()).collect();
            if !ids.is_empty() {
                self.repo(*part, Missing::Refuse)?.forget(&ids, Pruning::Thrifty)?;
            }
        }
        Ok(())
    }

    fn own_snapshots(&self) -> Result<OwnSnapshots, Error> {
        let (files, databases) = (self.snapshots_of(Part::Files)?, self.snapshots_of(Part::Databases)?);
        let owners = self.owners(&files, self.plan().ledger.as_ref())?;
        let own =
            |all: Vec<Snapshot>| all.into_iter().filter(|one| owners.whose(one) == Whose::Own).collect();
        Ok([(Part::Files, own(files)), (Part::Databases, own(databases))])
    }
}
