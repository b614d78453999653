//! Backups of one's own that lack something: while one is kept nothing old is deleted, so the owner may take it away.

use std::collections::BTreeMap;

use storeward_base::{BackupId, Timestamp};

use crate::Error;
use crate::engine::{Alone, Backups, OWN};
use crate::owner::Whose;
use crate::repository::{Missing, Part, Pruning, Snapshot};

/// Backups of the plan's own ledger of whose data or files the target lacks something, and when they were made.
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
        Ok(broken)
    }

    /// Takes them away for good, and what only they needed; customers' keys of them stay for their days. Refused where the newest of all is
    /// among them: so a whole one is always left.
    pub fn forget_broken(&self, _alone: &Alone, broken: &Broken) -> Result<(), Error> {
        let all = self.own_snapshots()?;
        let whole = all.iter().flat_map(|(_, own)| own).filter(|one| one.label == OWN);
        let newest = whole.max_by_key(|one| one.made_at).and_then(|one| one.run);
        if newest.is_none_or(|newest| broken.runs.contains_key(&newest)) {
            return Err(Error::Damaged("the newest backup itself lacks something".to_owned()));
        }
        for (part, own) in all {
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
