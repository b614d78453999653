//! What lies at the targets at one moment: listed once, for whoever asks more than one thing of it. Far away each list takes its time.

use std::collections::BTreeSet;

use rustic_core::repofile::SnapshotFile;
use storeward_base::{BackupId, Timestamp};

use crate::Error;
use crate::engine::{Backups, OWN, SHOP};
use crate::manifest::Manifest;
use crate::order::{Dated, Order};
use crate::owner::{Known, Mark, Whose};
use crate::repository::{Missing, Part, Snapshot};
use crate::staging::ROOT;

/// A whole backup, as the target has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub run: BackupId,
    pub made_at: Timestamp,
    /// Later runs have higher ones; nothing where it was made before there were numbers.
    pub number: Option<u64>,
    /// Nothing where one of its snapshots does not say it, such as what restic copied.
    pub sums: Option<Sums>,
    /// Whether customers' keys of the same moment are still there.
    pub has_keys: bool,
    pub has_shop: bool,
    /// For the plan's ledger.
    pub whose: Whose,
    pub(crate) mark: Option<Mark>,
}

/// How much a run put away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    pub files: u64,
    pub bytes: u64,
    pub added_bytes: u64,
}

impl Sums {
    pub(crate) fn of(snapshots: &[&Snapshot]) -> Option<Self> {
        let sum = |of: fn(&Snapshot) -> u64| snapshots.iter().map(|one| of(one)).sum();
        snapshots.iter().all(|one| one.is_counted).then(|| Sums {
            files: sum(|one| one.files),
            bytes: sum(|one| one.bytes),
            added_bytes: sum(|one| one.added_bytes),
        })
    }
}

/// The snapshots of each part, the oldest first.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The whole ones, the oldest first.
    pub runs: Vec<Run>,
    pub(crate) files: Vec<Snapshot>,
    pub(crate) databases: Vec<Snapshot>,
    pub(crate) keys: Vec<Snapshot>,
    /// Of Storeward's own files, under the name of a run whose signed manifest is in another one.
    strangers: Vec<Snapshot>,
}

/// What it is of. restic knows no labels, and what it copies has none.
pub(crate) fn label_of(file: &SnapshotFile) -> String {
    let is_run = || file.tags.iter().any(|tag| tag.parse::<BackupId>().is_ok());
    match file.label.is_empty() && is_run() {
        true if file.paths.iter().eq([ROOT]) => OWN.to_owned(),
        true => SHOP.to_owned(),
        false => file.label.clone(),
    }
}

impl Listing {
    /// Of the files alone.
    pub(crate) fn of_files(files: Vec<Snapshot>) -> Self {
        let (runs, databases, keys, strangers) = Default::default();
        Listing { runs, files, databases, keys, strangers }
    }

    pub(crate) fn of(&self, part: Part) -> &[Snapshot] {
        match part {
            Part::Files => &self.files,
            Part::Databases => &self.databases,
            Part::Keys => &self.keys,
        }
    }

    /// Of the plan's ledger.
    pub(crate) fn own_runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.whose == Whose::Own)
    }

    pub(crate) fn has_strangers(&self, run: BackupId) -> bool {
        self.strangers.iter().any(|one| one.run == Some(run))
    }

    /// Storeward's own of a run.
    pub(crate) fn own(&self, part: Part, run: BackupId) -> impl DoubleEndedIterator<Item = &Snapshot> {
        self.of(part).iter().filter(move |one| one.label == OWN && one.run == Some(run))
    }

    /// What a signed manifest names of a part, as `folder/tree`, and is not there.
    pub(crate) fn lacking<'m>(&self, manifest: &'m Manifest, part: Part) -> Option<&'m str> {
        let folder = format!("{}/", part.folder());
        let is_there =
            |tree: &str| self.of(part).iter().any(|one| one.run == Some(manifest.run) && one.tree == tree);
        let named =
            manifest.trees.iter().filter_map(|name| Some((name, name.strip_prefix(folder.as_str())?)));
        named.into_iter().find(|(_, tree)| !is_there(tree)).map(|(name, _)| name.as_str())
    }

    /// The shop's files of a run: the snapshots that its signed manifest names, or copies of them, and no others.
    pub(crate) fn shop_of(&self, manifest: &Manifest) -> Result<Vec<Snapshot>, Error> {
        let folder = format!("{}/", Part::Files.folder());
        let of_files = |all: &[String]| -> Vec<String> {
            all.iter().filter_map(|name| name.strip_prefix(folder.as_str())).map(str::to_owned).collect()
        };
        let (named, trees) = (of_files(&manifest.snapshots), of_files(&manifest.trees));
        let is_of = |one: &&Snapshot| one.label == SHOP && one.run == Some(manifest.run);
        // What is in it is signed: whoever has the password writes another snapshot under the name of this one.
        let is_named = |one: &&Snapshot| match trees.is_empty() {
            true => named.contains(&one.id),
            false => trees.contains(&one.tree),
        };
        let mut there: Vec<Snapshot> = self.files.iter().filter(is_of).filter(is_named).cloned().collect();
        // A copy that was kept beside its original is the same again.
        let mut seen = BTreeSet::new();
        there.retain(|one| seen.insert(one.tree.clone()));
        if there.len() < named.len() {
            return Err(Error::Damaged("the shop's files of this backup are gone, or are others".to_owned()));
        }
        Ok(there)
    }
}

impl Backups {
    /// The same; where the manifest is of before it said what is in them, only what lies under the name of its own bytes.
    pub(crate) fn shop_of(&self, listing: &Listing, manifest: &Manifest) -> Result<Vec<Snapshot>, Error> {
        let all = listing.shop_of(manifest)?;
        if manifest.trees.is_empty() && !all.is_empty() {
            let files = self.repo(Part::Files, Missing::Refuse)?;
            all.iter().try_for_each(|one| files.is_under_its_name(one))?;
        }
        Ok(all)
    }

    /// Lists what is there. Refuses where nothing was ever put away.
    pub fn list(&self) -> Result<Listing, Error> {
        let files = self.repo(Part::Files, Missing::Refuse)?.snapshots()?;
        let (databases, keys) = (self.snapshots_of(Part::Databases)?, self.snapshots_of(Part::Keys)?);
        let owners = self.owners(&files, self.plan().ledger.as_ref())?;
        let (files, strangers) = self.without_strangers(files)?;
        let mut runs: Vec<Run> = Vec::new();
        for own in files.iter().filter(|snapshot| snapshot.label == OWN) {
            let Some(run) = own.run else { continue };
            if let Some(same) = runs.iter_mut().find(|same| same.run == run && same.mark == own.ledger) {
                same.number = same.number.max(own.number);
                continue;
            }
            let beside = files.iter().chain(&databases).filter(|snapshot| snapshot.run == Some(run));
            let beside: Vec<&Snapshot> = beside.collect();
            runs.push(Run {
                run,
                made_at: own.made_at,
                number: own.number,
                sums: Sums::of(&beside),
                has_keys: keys.iter().any(|snapshot| snapshot.run == Some(run)),
                has_shop: beside.iter().any(|snapshot| snapshot.label == SHOP),
                whose: owners.whose(own),
                mark: own.ledger.clone(),
            });
        }
        Ok(Listing { runs, files, databases, keys, strangers })
    }

    /// The run that is meant: the newest of one's own where none is named, by its number. Of those without one, what a clock that was ahead dated
    /// later than `now`, or than one that came after it, only where there is nothing else.
    pub fn find(
        &self,
        listing: &Listing,
        run: Option<BackupId>,
        now: Timestamp,
        known: Option<&Known>,
    ) -> Result<Run, Error> {
        let runs = listing.runs.iter().cloned();
        let found = match run {
            None => {
                let mut own: Vec<Run> = runs.filter(|run| run.whose != Whose::Another).collect();
                if self.plan().ledger.is_none() {
                    // Nothing says whose they are, and numbers are of one ledger: the one whose newest has the latest moment.
                    let by_moments = |run: &Run| Dated { number: None, ..run.dated() };
                    let mark = Order { now, known }.newest(own.clone(), by_moments).and_then(|run| run.mark);
                    own.retain(|run| run.mark == mark);
                }
                Order { now, known }.newest(own, Run::dated)
            }
            Some(run) => runs.into_iter().find(|known| known.run == run),
        };
        found.ok_or_else(|| Error::NoRun(run.map_or_else(|| "yet".to_owned(), |run| run.to_string())))
    }
}
