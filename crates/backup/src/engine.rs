//! Backups at a target: made, listed, read out, checked, thinned out.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{BackupId, Secret, SystemClock, Timestamp};
use storeward_seal::LogKey;

use crate::manifest::{self, Manifest};
use crate::needed;
use crate::owner::{Known, Mark};
use crate::place::local::Local;
use crate::place::s3::{S3, S3Account};
use crate::place::sftp::Sftp;
use crate::place::{Place, Within};
use crate::progress::{Bars, Step};
use crate::repository::{Missing, Moment, NOT_TO_ITS_END, Part, Pruning, Reading, Repo, Snapshot};
use crate::retention::Keep;
use crate::sources::{Sources, stage};
use crate::staging::{ROOT, Staging};
use crate::{Error, Target};

/// The label of what is Storeward's own.
pub(crate) const OWN: &str = "storeward";
/// The label of the shop's files.
pub(crate) const SHOP: &str = "shop";

/// Where backups lie, and what opens them.
#[derive(Clone, Debug)]
pub struct Plan {
    pub target: Target,
    pub password: Secret<String>,
    /// Another target for customers' keys.
    pub keys_target: Option<Target>,
    /// Another password for customers' keys.
    pub keys_password: Option<Secret<String>>,
    /// For `sftp:`: the key that signs in; `ssh`'s own settings where none is named.
    pub ssh_key: Option<PathBuf>,
    /// For `s3:`.
    pub s3: Option<S3Account>,
    /// For copies while a run or a drill is under way.
    pub scratch: PathBuf,
    /// Held by whoever is at it.
    pub lock: PathBuf,
    pub keep: Keep,
    /// Whose backups are one's own: retention deletes no others, and without it none.
    pub ledger: Option<LogKey>,
    /// Copies of customers' keys are kept for so long.
    pub keys_kept: Duration,
}

impl Plan {
    /// Where a part lies.
    pub(crate) fn target_of(&self, part: Part) -> &Target {
        match part {
            Part::Databases | Part::Files => &self.target,
            Part::Keys => self.keys_target.as_ref().unwrap_or(&self.target),
        }
    }
}

/// What a run begins with.
#[derive(Clone, Debug)]
pub struct Begin {
    pub run: BackupId,
    pub at: Timestamp,
    /// How many entries the ledger has now; with it the run gets a number.
    pub entries: Option<u64>,
    /// As it stands in the database.
    pub heartbeat: String,
    /// Signs the manifest.
    pub key: LogKey,
    /// Customers in the data of whom the key store has no key, where it has not those of all.
    pub keyless: Option<u64>,
    /// What was made here before; nothing where nobody can know it.
    pub known: Option<Known>,
}

/// What is told before it is done: whatever ends the work after that, somebody heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// The newest at the target is another ledger's, or another copy's, and this run is made all the same, by the owner's word.
    TakesOver(BackupId),
    /// Packs that are not at the target are taken out of the index, and so from sight.
    ForgetsPacks,
}

/// Whom to tell. Nothing is done where it cannot be told.
pub type Tell<'a> = &'a dyn Fn(Before) -> Result<(), Error>;

/// How a run went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub read_bytes: u64,
    pub added_bytes: u64,
    pub files: u64,
    /// Files of the shop that could not be read.
    pub unread: u64,
    /// Packs of earlier backups that were not at the target any more. What is still here of them was put away anew.
    pub lost_packs: u64,
    /// The newest at the target was another ledger's, or another copy's, and the owner said that it goes on all the same.
    pub takes_over: bool,
    pub number: Option<u64>,
}

/// One at a time holds this.
#[derive(Debug)]
pub struct Alone(#[expect(dead_code, reason = "its end is the lock's")] File);

/// The repositories at the targets of a plan.
pub struct Backups {
    plan: Plan,
    bars: Bars,
    is_taking_over: bool,
    repos: Mutex<BTreeMap<Part, Arc<Repo>>>,
}

impl Backups {
    /// Nothing is asked of the target yet.
    pub fn new(plan: Plan, bars: Bars) -> Self {
        Backups { plan, bars, is_taking_over: false, repos: Mutex::default() }
    }

    /// By the owner's word: runs are made though the newest at the target is another ledger's. Nothing of that is deleted.
    pub fn taking_over(self) -> Self {
        Backups { is_taking_over: true, ..self }
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn tell(&self, step: Step<'_>) {
        self.bars.tell(step);
    }

    /// Refuses where another backup, restore or drill is under way in the same data directory.
    pub fn alone(&self) -> Result<Alone, Error> {
        let path = &self.plan.lock;
        let opened = File::options().create(true).truncate(false).write(true).mode(0o600).open(path);
        let file = opened.map_err(|why| Error::at(path, &why))?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| Error::Busy)?;
        Ok(Alone(file))
    }

    /// Whether the target answers and can be opened. True where there is a repository already.
    pub fn probe(&self) -> Result<bool, Error> {
        match self.repo(Part::Files, Missing::Refuse) {
            Ok(_) => Ok(true),
            Err(Error::NoRepository { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    pub(crate) fn repo(&self, part: Part, missing: Missing) -> Result<Arc<Repo>, Error> {
        let mut repos = self.repos.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = repos.get(&part) {
            return Ok(Arc::clone(known));
        }
        let target = self.plan.target_of(part);
        let password = match part {
            Part::Databases | Part::Files => &self.plan.password,
            Part::Keys => self.plan.keys_password.as_ref().unwrap_or(&self.plan.password),
        };
        let place = Arc::new(Within::new(place(target, &self.plan)?, part.folder()));
        let repo = Arc::new(Repo::open(part, place, password, missing, self.bars.clone())?);
        repos.insert(part, Arc::clone(&repo));
        Ok(repo)
    }

    /// A repository that only is there where there was something for it: no database is a file, or nothing is kept of customers.
    pub(crate) fn perhaps(&self, part: Part) -> Result<Option<Arc<Repo>>, Error> {
        match self.repo(part, Missing::Refuse) {
            Ok(repo) => Ok(Some(repo)),
            Err(Error::NoRepository { .. }) if part != Part::Files => Ok(None),
            Err(other) => Err(other),
        }
    }

    pub(crate) fn snapshots_of(&self, part: Part) -> Result<Vec<Snapshot>, Error> {
        self.perhaps(part)?.map_or_else(|| Ok(Vec::new()), |repo| repo.snapshots())
    }

    /// Takes packs that the target lost out of the index of a part, where there is one; how many.
    pub(crate) fn forget_missing(&self, part: Part, tell: Tell<'_>) -> Result<u64, Error> {
        self.perhaps(part)?.map_or(Ok(0), |repo| repo.forget_missing_packs(tell))
    }

    /// Puts everything away. What is there already takes no room again. The manifest comes last: a run without one is none.
    pub fn run(
        &self,
        _alone: &Alone,
        begin: &Begin,
        sources: &Sources,
        tell: Tell<'_>,
    ) -> Result<Made, Error> {
        sources.check(&self.plan)?;
        let claimed = self.claim(&begin.key, begin.at, begin.known.as_ref());
        let is_anothers = matches!(claimed, Err(Error::AnotherLedger { .. } | Error::AnotherCopy { .. }));
        let takes_over = self.is_taking_over && is_anothers;
        if takes_over {
            tell(Before::TakesOver(begin.run))?;
        } else {
            claimed?;
        }
        self.bars.tell(Step::Began("copying"));
        let mut staged = Staging::new(&self.plan.scratch)?;
        stage(&mut staged, sources)?;
        self.bars.tell(Step::Ended);

        let mut kept: Vec<Snapshot> = Vec::new();
        let is_needed = |part| part == Part::Files || staged.has(part);
        let mut lost_packs = 0;
        // All of them before the first error ends it: one that cannot be read hides no other, nor ends a run that does not need it.
        let looked = Part::ALL.map(|part| (part, self.forget_missing(part, tell)));
        for (part, found) in looked {
            match found {
                Ok(count) => lost_packs += count,
                Err(Error::NoRepository { .. }) => {}
                Err(why) => {
                    if is_needed(part) {
                        return Err(why);
                    }
                }
            }
        }
        let ledger = Mark::of(&begin.key);
        let number = begin.entries.map(|entries| self.number(&begin.key, entries)).transpose()?;
        let moment = Moment { run: begin.run, at: begin.at, ledger, number };
        for part in [Part::Databases, Part::Keys] {
            if staged.has(part) {
                let repo = self.repo(part, Missing::Make)?;
                kept.push(repo.keep(OWN, &moment, &[staged.of(part)], Some(Path::new(ROOT)))?);
            }
        }
        let files = self.repo(Part::Files, Missing::Make)?;
        let mut unread = 0;
        if !sources.shop_paths.is_empty() {
            let there = sources.count_shop_files();
            let before = self.shop_before(&files, &begin.key);
            let made = files.keep_since(before.as_ref(), (SHOP, &moment), &sources.shop_paths, None)?;
            unread = there.saturating_sub(made.files);
            kept.push(made);
        }
        let mut manifest = Manifest::new(begin.run, begin.at, &begin.heartbeat);
        (manifest.number, manifest.entries, manifest.keyless) = (number, begin.entries, begin.keyless);
        manifest.files.clone_from(&staged.files);
        manifest.rows.clone_from(&staged.rows);
        manifest.unread = unread;
        let named = |id: fn(&Snapshot) -> &str| {
            kept.iter().map(|one| format!("{}/{}", one.part.folder(), id(one))).collect()
        };
        (manifest.snapshots, manifest.trees) = (named(|one| &one.id), named(|one| &one.tree));
        staged.bytes(Part::Files, &manifest.sign(&begin.key)?, manifest::NAME)?;
        let wanted = staged.files.iter().filter(|file| file.part == Part::Files.folder()).count();
        let made = files.keep(OWN, &moment, &[staged.of(Part::Files)], Some(Path::new(ROOT)))?;
        kept.push(made);
        whole(&kept, &staged, wanted).map_err(|why| taken_back(&files, kept.last(), why))?;
        Ok(Made {
            read_bytes: kept.iter().map(|snapshot| snapshot.bytes).sum(),
            added_bytes: kept.iter().map(|snapshot| snapshot.added_bytes).sum(),
            files: kept.iter().map(|snapshot| snapshot.files).sum(),
            unread,
            lost_packs,
            takes_over,
            number,
        })
    }

    /// What is wrong at the target, in words; empty where all is well. Behind the faults of a repository stands which backups need what is
    /// damaged.
    pub fn verify(&self, reading: Reading) -> Result<Vec<String>, Error> {
        let mut faults = Vec::new();
        for part in Part::ALL {
            let Some(repo) = self.perhaps(part)? else { continue };
            let mut found = repo.check(reading)?;
            let packs = needed::packs_in(&found);
            let is_all_read = reading == Reading::All && !found.iter().any(|fault| fault == NOT_TO_ITS_END);
            if let Some(last) = found.last_mut() {
                last.push_str(&match repo.needing(&packs) {
                    Ok(snapshots) => format!("\n      {}", needed::words(&snapshots, is_all_read)),
                    Err(why) => format!("\n      which backups need it cannot be told: {why}"),
                });
            }
            faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", part.folder())));
        }
        faults.extend(self.forged()?);
        Ok(faults)
    }

    /// Every snapshot there is, for whoever looks closely.
    pub fn snapshots(&self, part: Part) -> Result<Vec<Snapshot>, Error> {
        self.repo(part, Missing::Refuse)?.snapshots()
    }
}

/// Whether retention stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frozen {
    /// For all, customers' keys among it: the store that they are copied from has not all of them.
    WithKeys,
    /// For all but customers' keys, whose time is over.
    Yes,
    No,
}

/// With its manifest a run would count as one that came to its end.
fn taken_back(files: &Repo, own: Option<&Snapshot>, why: Error) -> Error {
    let own: Vec<String> = own.map(|one| one.id.clone()).into_iter().collect();
    match files.forget(&own, Pruning::Thrifty) {
        Ok(()) => why,
        Err(stays) => {
            Error::Damaged(format!("{why}; and it stays at the target as if it were whole: {stays}"))
        }
    }
}

fn place(target: &Target, plan: &Plan) -> Result<Arc<dyn Place>, Error> {
    match target {
        Target::Local(root) => Ok(Arc::new(Local::new(root.clone()))),
        Target::Sftp(target) => Ok(Arc::new(Sftp::new(target, plan.ssh_key.as_deref()))),
        Target::S3(target) => {
            let account = plan.s3.clone().ok_or_else(|| Error::Setting {
                key: "backup.s3_access_key",
                problem: "an s3: target needs s3_access_key and s3_secret_key_file".to_owned(),
            })?;
            Ok(Arc::new(S3::new(target, account, Arc::new(SystemClock))?))
        }
    }
}

/// `rustic_core` passes over a file that it cannot read. Of our own none may be missing.
fn whole(kept: &[Snapshot], staged: &Staging, files: usize) -> Result<(), Error> {
    for snapshot in kept.iter().filter(|snapshot| snapshot.label == OWN) {
        let wanted = match snapshot.part {
            Part::Files => files,
            part => staged.files.iter().filter(|file| file.part == part.folder()).count(),
        };
        if u64::try_from(wanted).unwrap_or(u64::MAX) != snapshot.files {
            let words = format!("{} of {wanted} files are in {}", snapshot.files, snapshot.part.folder());
            return Err(Error::Incomplete(words));
        }
    }
    Ok(())
}
