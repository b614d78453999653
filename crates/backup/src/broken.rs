//! Backups of one's own that lack something: while one is kept nothing old is deleted, so the owner may take it away.

use std::collections::{BTreeMap, BTreeSet};

use storeward_base::{BackupId, Timestamp};

use crate::Error;
use crate::engine::{Alone, Backups, OWN};
use crate::manifest::{self, Manifest};
use crate::owner::Whose;
use crate::repository::{Missing, Part, Pruning, Snapshot};
use crate::staging::ROOT;

/// Backups of the plan's own ledger of whose data or files the target lacks something that their manifests name, and when they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    pub runs: BTreeMap<BackupId, Timestamp>,
    /// Packs that the index named until now and that are not there.
    pub lost_packs: u64,
}

impl Backups {
    /// Looks which they are. Packs that are not there are taken out of the index, as a run does it; nothing is deleted. Folders are read, no file is.
    pub fn broken(&self, _alone: &Alone) -> Result<Broken, Error> {
        let mut broken = Broken::default();
        for (part, own) in self.own_snapshots()? {
            let Some(repo) = self.perhaps(part)? else { continue };
            broken.lost_packs += repo.forget_missing_packs()?;
            let ids: Vec<String> = own.iter().map(|one| one.id.clone()).collect();
            let lacking = repo.lacking(&ids)?;
            let lacks = |one: &&Snapshot| lacking.contains(&one.id);
            broken.runs.extend(own.iter().filter(lacks).filter_map(|one| Some((one.run?, one.made_at))));
        }
        self.lacking_snapshots(&mut broken)?;
        Ok(broken)
    }

    /// What a manifest names and is not there as a whole; or the manifest itself cannot be read. Customers' keys have days of their own.
    fn lacking_snapshots(&self, broken: &mut Broken) -> Result<(), Error> {
        let own = self.own_snapshots()?;
        let named = |one: &Snapshot| format!("{}/{}", one.part.folder(), one.id);
        let there: BTreeSet<String> = own.iter().flat_map(|(_, all)| all).map(named).collect();
        let of_keys = format!("{}/", Part::Keys.folder());
        let whole: Vec<&Snapshot> = own
            .iter()
            .flat_map(|(_, all)| all)
            .filter(|one| one.label == OWN && one.part == Part::Files)
            .collect();
        if whole.is_empty() {
            return Ok(());
        }
        let files = self.repo(Part::Files, Missing::Refuse)?;
        let ids: Vec<&str> = whole.iter().map(|one| one.id.as_str()).collect();
        let manifests = files.read_files(&ids, &format!("{ROOT}/{}", manifest::NAME))?;
        for (one, bytes) in whole.into_iter().zip(manifests) {
            let read = bytes.and_then(|bytes| Manifest::read(&bytes, self.plan().ledger.as_ref()));
            if read.is_err() {
                files.answers()?;
            }
            let is_there = |name: &String| name.starts_with(&of_keys) || there.contains(name);
            if !read.is_ok_and(|manifest| manifest.snapshots.iter().all(is_there)) {
                broken.runs.extend(one.run.map(|run| (run, one.made_at)));
            }
        }
        Ok(())
    }

    /// Refuses where the newest of all is among them, so that a whole one is always left. One that was dated into the future is not the
    /// newest.
    pub fn may_forget(&self, broken: &Broken, now: Timestamp) -> Result<(), Error> {
        let all = self.own_snapshots()?;
        let whole = all.iter().flat_map(|(_, own)| own).filter(|one| one.label == OWN && one.made_at <= now);
        // Of the files: with these a run is one. Databases alone are left of a run that was cut off.
        let newest = whole.filter(|one| one.part == Part::Files).max_by_key(|one| one.made_at);
        match newest.and_then(|one| one.run).is_none_or(|newest| broken.runs.contains_key(&newest)) {
            true => Err(Error::Damaged("the newest backup itself lacks something".to_owned())),
            false => Ok(()),
        }
    }

    /// Takes them away for good, and what only they needed; customers' keys of them stay for their days. Refused as by
    /// [`Backups::may_forget`].
    pub fn forget_broken(&self, _alone: &Alone, broken: &Broken, now: Timestamp) -> Result<(), Error> {
        self.may_forget(broken, now)?;
        for (part, own) in self.own_snapshots()? {
            let goes = |one: &&Snapshot| one.run.is_some_and(|run| broken.runs.contains_key(&run));
            let ids: Vec<String> = own.iter().filter(goes).map(|one| one.id.clone()).collect();
            if !ids.is_empty() {
                self.repo(part, Missing::Refuse)?.forget(&ids, Pruning::Thrifty)?;
            }
        }
        Ok(())
    }

    /// The files first: with its manifest a run is gone for whoever lists them.
    fn own_snapshots(&self) -> Result<[(Part, Vec<Snapshot>); 2], Error> {
        let (files, databases) = (self.snapshots_of(Part::Files)?, self.snapshots_of(Part::Databases)?);
        let owners = self.owners(&files, self.plan().ledger.as_ref())?;
        let own =
            |all: Vec<Snapshot>| all.into_iter().filter(|one| owners.whose(one) == Whose::Own).collect();
        Ok([(Part::Files, own(files)), (Part::Databases, own(databases))])
    }
}
