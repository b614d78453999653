//! A backup is read out into new folders, and held against what was signed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use storeward_base::{BackupId, Timestamp};
use storeward_seal::LogKey;

use crate::Error;
use crate::allowed::{self, Allowed};
use crate::engine::{Alone, Backups};
use crate::listing::Listing;
use crate::manifest::{self, Manifest, Rows};
use crate::order::Order;
use crate::owner::{Known, Whose};
use crate::reading::{Indexed, ReadOut};
use crate::repository::{Missing, Part, Repo, Snapshot};

/// What is read out, and by what it is held.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What lay at the targets when it was chosen.
    pub listing: &'a Listing,
    pub run: BackupId,
    /// A new folder, for Storeward's own.
    pub to: &'a Path,
    /// A new folder, for the shop's.
    pub shop: Option<&'a Path>,
    /// The ledger's, against which the manifest's signature is held.
    pub key: Option<&'a LogKey>,
    /// Whose customers' keys are laid, where somebody says it: the newest ones are not always the good ones.
    pub keys_run: Option<BackupId>,
    /// With it no keys are laid that another copy of the directory put away.
    pub known: Option<&'a Known>,
    pub now: Timestamp,
}

/// What was read out.
#[derive(Clone, Debug)]
pub struct Restored {
    pub manifest: Manifest,
    /// Files of Storeward's own; all of them are what the manifest says.
    pub files: u64,
    pub bytes: u64,
    /// The run that customers' keys are of; the newest there is, whatever the rest is of.
    pub keys_of: Option<BackupId>,
    /// When these were put away.
    pub keys_at: Option<Timestamp>,
    /// Of that run.
    pub keys_number: Option<u64>,
    /// How many entries the ledger had when that run began, by its signed manifest.
    pub keys_entries: Option<u64>,
    /// How many rows each table of each database had that was put away with it.
    pub keys_rows: Option<Rows>,
    /// Customers of whom the store that they were copied from had no key.
    pub keyless: Option<u64>,
    /// Others of the same ledger's that were not taken and may be later: dated ahead, or another copy's.
    pub keys_passed: Option<(BackupId, Timestamp)>,
    /// A later one without a signed manifest: of a run that was cut off behind its keys, or of whoever has the password. It is taken only where
    /// none has one.
    pub keys_unsigned: Option<(BackupId, Timestamp)>,
    /// Whether they are older than the data, since none that is not is at the target: whoever came between does not open.
    pub keys_are_older: bool,
    /// Why nothing of that run's keys was laid: the target does not give all of them. An older copy is never taken in its place.
    pub keys_lack: Option<String>,
    pub shop_files: u64,
    /// Files, folders and links of the shop that are now whose restored them, and were somebody else's.
    pub shop_of_others: u64,
    pub shop_lost: Lost,
}

/// Files and folders of the shop that the target does not give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    pub count: u64,
    /// The first twenty, as they are called in the backup.
    pub names: Vec<PathBuf>,
}

impl Lost {
    fn note(&mut self, path: &Path) {
        const NAMES: usize = 20;
        self.count += 1;
        if self.names.len() < NAMES {
            self.names.push(path.to_owned());
        }
    }
}

impl Backups {
    /// Reads a run out, and holds every file of Storeward's own against the manifest. Customers' keys are those of the newest run, whichever run
    /// is asked for, unless others are named: what was erased since stays erased. What the target does not give of the shop's files, or of those keys, is named; the
    /// rest is read out.
    pub fn restore(&self, _alone: &Alone, asked: &Asked<'_>) -> Result<Restored, Error> {
        let Asked { listing, run, to, key, .. } = *asked;
        let files = self.repo(Part::Files, Missing::Refuse)?;
        let indexed = files.indexed()?;
        let manifest = listing.manifest(&indexed, run, key)?;
        let newest = self.newest_keys(asked, &indexed)?;
        let databases = self.lay_signed(Part::Databases, (listing, to), &manifest)?;
        let own = self.lay_signed(Part::Files, (listing, to), &manifest)?;
        let mut restored = Restored {
            files: databases.files + own.files,
            bytes: databases.bytes.saturating_add(own.bytes),
            manifest,
            keys_of: None,
            keys_at: None,
            keys_number: None,
            keys_entries: None,
            keys_rows: None,
            keyless: None,
            keys_passed: None,
            keys_unsigned: None,
            keys_are_older: false,
            keys_lack: None,
            shop_files: 0,
            shop_of_others: 0,
            shop_lost: Lost::default(),
        };
        if let Some(Newest { taken: newest, passed, unsigned }) = newest {
            (restored.keys_of, restored.keys_lack) = self.restore_keys(asked, &indexed, &newest)?;
            (restored.keys_at, restored.keys_number) = (Some(newest.made_at), newest.number);
            (restored.keys_passed, restored.keys_unsigned) = (passed, unsigned);
            let manifest = newest.run.and_then(|run| listing.manifest(&indexed, run, key).ok());
            restored.keys_entries = manifest.as_ref().and_then(|manifest| manifest.entries);
            restored.keyless = manifest.as_ref().and_then(|manifest| manifest.keyless);
            restored.keys_rows = manifest.map(|manifest| manifest.rows);
            let of_data = restored.manifest.dated();
            let order = Order { now: asked.now, known: asked.known };
            restored.keys_are_older = newest.run != Some(run) && order.is_before(newest.dated(), of_data);
        }
        if let Some(shop) = asked.shop {
            for snapshot in self.shop_of(listing, &restored.manifest)? {
                let lost = &mut restored.shop_lost;
                let go_on = |path: &Path, _| {
                    lost.note(path);
                    Ok(())
                };
                let came = files.read_out_most(&snapshot, shop, |_| {}, go_on)?;
                restored.shop_files += came.files;
                restored.shop_of_others += came.of_others;
            }
        }
        Ok(restored)
    }

    /// The newest of the same ledger's: `run` is what they go with. Without a key, marks alone tell whose they are, and of a run without one
    /// nobody can tell. Beside it what was passed over and may be later.
    fn newest_keys(&self, asked: &Asked<'_>, files: &Indexed<'_>) -> Result<Option<Newest>, Error> {
        let Asked { listing, run, key, known, now, .. } = *asked;
        let order = Order { now, known };
        let made = order.sorted(listing.keys.clone(), Snapshot::dated);
        let in_files = &listing.files;
        let owners = self.owners(in_files, key)?;
        let mark = listing.own(Part::Files, run).next().and_then(|own| own.ledger.clone());
        let is_unclear = mark.is_none() && made.last().is_some_and(|newest| newest.ledger.is_some());
        if key.is_none() && is_unclear {
            return Ok(None);
        }
        let fits =
            |one: &Snapshot| (key.is_some() || one.ledger == mark) && owners.whose(one) != Whose::Another;
        if let Some(run) = asked.keys_run {
            let mut named = made.iter().rev().filter(|one| one.run == Some(run) && fits(one));
            let taken =
                named.next().cloned().ok_or_else(|| Error::NoRun(format!("{run} with customers' keys")))?;
            return Ok(Some(Newest { taken, passed: None, unsigned: None }));
        }
        let last = known.and_then(|known| known.last(in_files.iter().chain(&made)));
        let is_strange = |one: &Snapshot| {
            one.run != Some(run) && known.is_some_and(|known| known.is_others(one.dated(), last))
        };
        let (strange, mut made): (Vec<Snapshot>, Vec<Snapshot>) =
            made.into_iter().filter(fits).partition(is_strange);
        // Whoever has the password writes tags: only a manifest, which is signed and says its number, says when they were put away. From the
        // newest down to the first that has one: garbage keeps none from being laid.
        let mut unsigned = Vec::new();
        while let Some(one) = made.pop() {
            if listing.is_signed(files, &one, key)? {
                made.push(one);
                break;
            }
            unsigned.insert(0, one);
        }
        if made.is_empty() {
            made.clone_from(&unsigned);
        }
        let own = made.iter().rfind(|one| one.run == Some(run)).cloned();
        let Some(newest) = order.newest(made.clone(), Snapshot::dated) else { return Ok(None) };
        // Keys that are older than the data open nobody who came between.
        let is_older = |own: &Snapshot| order.is_before(newest.dated(), own.dated());
        let taken = own.filter(is_older).unwrap_or(newest);
        let is_ahead = order.is_ahead(taken.dated());
        let is_later = |one: &&Snapshot| is_ahead || order.is_before(taken.dated(), one.dated());
        // A copy that puts its data away elsewhere does not see this one's numbers.
        let may_be_later = |one: &&Snapshot| is_later(one) || one.made_at > taken.made_at;
        let passed = made.iter().filter(is_later).chain(strange.iter().filter(may_be_later));
        let passed = passed.filter(|one| one.run != taken.run).max_by_key(|one| one.made_at);
        let unsigned = unsigned.iter().rfind(|one| one.id == taken.id || is_later(one));
        let named = |one: &Snapshot| Some((one.run?, one.made_at));
        Ok(Some(Newest { passed: passed.and_then(named), unsigned: unsigned.and_then(named), taken }))
    }

    /// The run whose keys were laid, or why none were: where one lacks something nothing of it stays, and the rest is worth having.
    fn restore_keys(
        &self,
        asked: &Asked<'_>,
        files: &Indexed<'_>,
        newest: &Snapshot,
    ) -> Result<(Option<BackupId>, Option<String>), Error> {
        let Asked { listing, to, key, .. } = *asked;
        let (Some(keys), Some(run)) = (self.perhaps(Part::Keys)?, newest.run) else {
            return Ok((None, None));
        };
        let read = match listing.manifest(files, run, key) {
            Ok(manifest) => manifest
                .bears_out(newest)
                .and_then(|()| self.lay_signed(Part::Keys, (listing, to), &manifest).map(drop)),
            // No other has one: whoever reads it is told.
            Err(Error::NoRun(_)) => lay(&keys, (newest, &Allowed::Unsigned), to, |_| Ok(())).map(drop),
            Err(other) => Err(other),
        };
        match read {
            Ok(()) => Ok((Some(run), None)),
            // This machine's fault, not the copy's.
            Err(why @ Error::Io { .. }) => Err(why),
            Err(why) => {
                keys.answers()?;
                files.answers()?;
                Ok((None, Some(why.to_string())))
            }
        }
    }

    /// Storeward's own of a part, from the last of the snapshots under the run's name that holds what its signed manifest says.
    fn lay_signed(
        &self,
        part: Part,
        (listing, to): (&Listing, &Path),
        manifest: &Manifest,
    ) -> Result<Out, Error> {
        let allowed = Allowed::by(manifest, part);
        let mut laid = Out::default().compare(part, manifest).map(|()| Out::default());
        let repo = self.perhaps(part)?;
        for snapshot in listing.own(part, manifest.run).rev().filter(|one| manifest.names(one)) {
            let Some(repo) = &repo else { break };
            laid = lay(repo, (snapshot, &allowed), to, |out| out.compare(part, manifest));
            if matches!(laid, Ok(_) | Err(Error::Io { .. })) {
                break;
            }
        }
        laid
    }
}

/// Reads Storeward's own out of one snapshot. Where that is not as it should be nothing of it stays.
fn lay(
    repo: &Repo,
    (snapshot, allowed): (&Snapshot, &Allowed),
    to: &Path,
    holds: impl FnOnce(&Out) -> Result<(), Error>,
) -> Result<Out, Error> {
    let mut out = Out::default();
    let read = repo.read_out((snapshot, allowed), to, |file| out.note(snapshot.part, file));
    match read.and_then(|_| holds(&out)) {
        Ok(()) => Ok(out),
        Err(why @ Error::Io { .. }) => Err(why),
        Err(why) => {
            for (_, path) in out.found.keys() {
                let laid = to.join(path);
                std::fs::remove_file(&laid).map_err(|why| Error::at(&laid, &why))?;
            }
            Err(why)
        }
    }
}

/// Keys that are laid, and those that were passed over though they may be later.
struct Newest {
    taken: Snapshot,
    passed: Option<(BackupId, Timestamp)>,
    unsigned: Option<(BackupId, Timestamp)>,
}

/// What was read out of a part, to be held against the manifest.
#[derive(Default)]
struct Out {
    found: BTreeMap<(Part, PathBuf), (u64, String)>,
    files: u64,
    bytes: u64,
}

impl Out {
    fn note(&mut self, part: Part, file: &ReadOut) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(file.size);
        self.found.insert((part, file.path.clone()), (file.size, file.sha256.clone()));
    }

    fn compare(&self, part: Part, manifest: &Manifest) -> Result<(), Error> {
        let mut wanted = BTreeSet::new();
        for note in manifest.of_part(part) {
            let at = (part, PathBuf::from(&note.path));
            match self.found.get(&at) {
                Some((size, sha256)) if *size == note.size && *sha256 == note.sha256 => {}
                Some(_) => return Err(Error::Damaged(format!("{} is not as it was", note.path))),
                None => return Err(Error::Damaged(format!("{} is missing", note.path))),
            }
            wanted.insert(at);
        }
        let own = (Part::Files, PathBuf::from(manifest::NAME));
        let strange = self.found.keys().find(|at| at.0 == part && **at != own && !wanted.contains(at));
        match strange {
            Some((_, path)) => Err(allowed::strange(path)),
            None => Ok(()),
        }
    }
}
