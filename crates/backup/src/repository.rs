//! One repository in restic's format: made, written into, read out of, checked, thinned out.

#[cfg(test)]
mod as_others;

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use bytesize::ByteSize;
use rustic_core::jiff::Zoned;
use rustic_core::repofile::{Chunker, IndexFile, MasterKey, SnapshotFile, SnapshotId};
use rustic_core::{
    BackupOptions, CheckOptions, CheckResults, ConfigOptions, Credentials, FileType, Id, KeyOptions,
    LimitOption, OpenStatus, ParentOptions, PathList, PruneOptions, ReadSubsetOption, RepairIndexOptions,
    Repository, RepositoryBackends, RepositoryOptions, RusticError, SnapshotOptions,
};
use storeward_base::{BackupId, Secret, Timestamp};
use storeward_seal::fingerprint::sha256_hex;

use crate::Error;
use crate::backend::{Backend, name};
use crate::owner::Mark;
use crate::place::Place;
use crate::progress::Bars;
use crate::{Before, Tell, listing, order};

/// Databases are cut at fixed places: their pages stay where they are, and what is cut by content shifts with each change (measured:
/// 2,000 changed rows in 230 MB added 24.7 MB so, and 181 MB by content).
const PAGE: u64 = 16 * 1024;
/// How often a check is begun that `rustic_core` does not bring to its end.
const CHECKS: u32 = 3;
/// Signs of a fault's words.
const LONGEST_LINE: usize = 300;

/// How a page of `RusticError`'s begins, and what stands over its message.
const PAGE_BEGINS: &str = "`rustic_core` experienced an error";
const PAGE_MESSAGE: &str = "Message:";

/// Which of the repositories at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Databases, in pieces of 16 KiB.
    Databases,
    /// Everything else, cut by content.
    Files,
    /// Customers' wrapped keys: 30 days at most.
    Keys,
}

impl Part {
    pub const ALL: [Part; 3] = [Part::Databases, Part::Files, Part::Keys];

    /// The folder below the target.
    pub fn folder(self) -> &'static str {
        match self {
            Part::Databases => "databases",
            Part::Files => "files",
            Part::Keys => "keys",
        }
    }
}

/// What to do where there is no repository yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Make,
    Refuse,
}

/// How much of the data a check reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// That everything is there and fits, without reading the data: finds no flipped bit.
    Structure,
    All,
}

/// What is found of a repository that a damaged folder keeps from being read.
pub(crate) const NOT_TO_ITS_END: &str = "a folder in it is damaged, and it could not be read to its end";

/// How thoroughly what no backup needs any more is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pruning {
    /// Marked first and deleted by a later run, a little waste is left: what is cheap.
    Thrifty,
    /// Deleted at once and to the last byte: what was erased must be gone.
    Strict,
}

/// What a snapshot is of.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub run: BackupId,
    pub at: Timestamp,
    /// Of the key that signs the run's manifest.
    pub ledger: Mark,
    /// By which runs are put in order.
    pub number: Option<u64>,
}

/// A snapshot of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub id: String,
    /// Of what is in it: a copy elsewhere has the same.
    pub tree: String,
    pub part: Part,
    pub label: String,
    pub run: Option<BackupId>,
    /// Of whose ledger it is; nothing where it was made before there were marks.
    pub ledger: Option<Mark>,
    /// Later runs have higher ones; nothing where it was made before there were numbers.
    pub number: Option<u64>,
    pub made_at: Timestamp,
    /// Whether it says how much was put away: what restic copied says nothing.
    pub is_counted: bool,
    pub files: u64,
    pub bytes: u64,
    pub added_bytes: u64,
}

pub(crate) struct Repo {
    part: Part,
    place: Arc<dyn Place>,
    key: MasterKey,
    bars: Bars,
    #[cfg(test)]
    lists: std::sync::atomic::AtomicU64,
    #[cfg(test)]
    indexes: std::sync::atomic::AtomicU64,
}

impl Repo {
    pub(crate) fn open(
        part: Part,
        place: Arc<dyn Place>,
        password: &Secret<String>,
        missing: Missing,
        bars: Bars,
    ) -> Result<Self, Error> {
        let shown = place.shown();
        let credentials = Credentials::password(password.expose());
        let repo = asked(&shown, || unopened(&place, &bars))?;
        let opened = match (asked(&shown, || repo.config_id())?, missing) {
            (Some(_), _) => asked(&shown, || repo.open(&credentials))?,
            (None, Missing::Refuse) => return Err(Error::NoRepository { place: shown }),
            (None, Missing::Make) => {
                asked(&shown, || repo.init(&credentials, &KeyOptions::default(), &config(part)))?
            }
        };
        let key = opened.key();
        Ok(Repo {
            part,
            place,
            key,
            bars,
            #[cfg(test)]
            lists: Default::default(),
            #[cfg(test)]
            indexes: Default::default(),
        })
    }

    pub(crate) fn bars(&self) -> &Bars {
        &self.bars
    }

    /// Where tests count.
    pub(crate) fn note_index(&self) {
        #[cfg(test)]
        self.indexes.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }

    /// Anew each time: what another program wrote meanwhile counts.
    pub(crate) fn repository(&self) -> Result<Repository<OpenStatus>, Error> {
        let credentials = Credentials::Masterkey(self.key.clone());
        self.asked(|| unopened(&self.place, &self.bars)?.open(&credentials))
    }

    pub(crate) fn asked<T>(&self, work: impl FnOnce() -> Result<T, Box<RusticError>>) -> Result<T, Error> {
        asked(&self.place.shown(), work)
    }

    /// Puts what lies at `paths` away, under `as_path` where one is given. Every file is read.
    pub(crate) fn keep(
        &self,
        label: &str,
        moment: &Moment,
        paths: &[PathBuf],
        as_path: Option<&Path>,
    ) -> Result<Snapshot, Error> {
        self.keep_since(None, (label, moment), paths, as_path)
    }

    /// The same; what is untouched since an earlier snapshot, by its length, times and inode, is not read again.
    pub(crate) fn keep_since(
        &self,
        before: Option<&Snapshot>,
        (label, moment): (&str, &Moment),
        paths: &[PathBuf],
        as_path: Option<&Path>,
    ) -> Result<Snapshot, Error> {
        let source: PathList = paths.iter().cloned().collect();
        let zoned = Zoned::new(
            rustic_core::jiff::Timestamp::from_microsecond(moment.at.micros())
                .map_err(|why| Error::io("the time of the backup", &why))?,
            rustic_core::jiff::tz::TimeZone::UTC,
        );
        let options = SnapshotOptions::default()
            .label(label.to_owned())
            .host("storeward".to_owned())
            .command("storeward backup now".to_owned())
            .time(zoned);
        let snapshot = self.asked(|| {
            let options = options.add_tags(&moment.run.to_string())?.add_tags(&moment.ledger.tag())?;
            match moment.number {
                Some(number) => options.add_tags(&order::tag(number))?.to_snapshot(),
                None => options.to_snapshot(),
            }
        })?;
        // Never the one that looks newest: whoever has the password adds one in which the files seem untouched and are others.
        let parents = match before {
            Some(before) => ParentOptions::default().parents(vec![before.id.clone()]),
            None => ParentOptions::default().force(true),
        };
        let backup = BackupOptions::default().as_path(as_path.map(Path::to_path_buf)).parent_opts(parents);
        let repo = self.repository()?;
        let made = self.asked(|| repo.to_indexed_ids()?.backup(&backup, &source, snapshot))?;
        self.snapshot(&made).ok_or_else(|| Error::Damaged("a snapshot that was just made".to_owned()))
    }

    /// The oldest first.
    pub(crate) fn snapshots(&self) -> Result<Vec<Snapshot>, Error> {
        #[cfg(test)]
        self.lists.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let repo = self.repository()?;
        let all = self.asked(|| repo.get_all_snapshots())?;
        let mut found: Vec<Snapshot> = all.iter().filter_map(|snapshot| self.snapshot(snapshot)).collect();
        found.sort_by(|a, b| (a.made_at, &a.id).cmp(&(b.made_at, &b.id)));
        Ok(found)
    }

    pub(crate) fn snapshot(&self, file: &SnapshotFile) -> Option<Snapshot> {
        let summary = file.summary.clone().unwrap_or_default();
        Some(Snapshot {
            id: file.id.to_hex().as_str().to_owned(),
            part: self.part,
            tree: file.tree.to_hex().as_str().to_owned(),
            label: listing::label_of(file),
            run: file.tags.iter().find_map(|tag| tag.parse().ok()),
            ledger: file.tags.iter().find_map(|tag| Mark::read(tag)),
            number: file.tags.iter().find_map(|tag| order::read_tag(tag)),
            made_at: Timestamp::from_micros(file.time.timestamp().as_microsecond()),
            is_counted: file.summary.is_some(),
            files: summary.total_files_processed,
            bytes: summary.total_bytes_processed,
            added_bytes: summary.data_added_packed,
        })
    }

    /// Every fault that is found, in words; empty where all is well.
    pub(crate) fn check(&self, reading: Reading) -> Result<Vec<String>, Error> {
        let options = CheckOptions::default()
            .read_data(reading == Reading::All)
            .read_data_subset(ReadSubsetOption::All);
        let repo = self.repository()?;
        self.checked(options, |options| repo.check(options))
    }

    /// Every fault that is found. `rustic_core` may give up before it reads any data, because a thread of its own holds the index a moment
    /// too long (its `GlobalIndex::into_index`): on a busy machine by chance, so it is asked again, and where a folder is damaged each
    /// time, so what it finds without the data is told then.
    fn checked(
        &self,
        options: CheckOptions,
        check: impl Fn(CheckOptions) -> Result<CheckResults, Box<RusticError>>,
    ) -> Result<Vec<String>, Error> {
        quiet();
        for _ in 0..CHECKS {
            if let Ok(found) = catch_unwind(AssertUnwindSafe(|| check(options))) {
                return self.asked(|| found).map(|found| faults(&found));
            }
        }
        let without = catch_unwind(AssertUnwindSafe(|| check(options.read_data(false))));
        let mut found =
            without.map_or(Ok(Vec::new()), |found| self.asked(|| found).map(|found| faults(&found)))?;
        found.push(NOT_TO_ITS_END.to_owned());
        Ok(found)
    }

    /// The faults of these snapshots alone, and of what packs are there: every folder is read and each piece looked up; of the pieces
    /// so many bytes are read, of packs by lot. Whether that was all of them.
    pub(crate) fn check_some(
        &self,
        snapshots: &[&str],
        most_bytes: u64,
    ) -> Result<(Vec<String>, bool), Error> {
        let there: u64 = self.place.list("data")?.iter().map(|(_, length)| *length).sum();
        let is_all = there <= most_bytes;
        let subset = if is_all { ReadSubsetOption::All } else { ReadSubsetOption::Size(most_bytes) };
        let options = CheckOptions::default().read_data(true).read_data_subset(subset);
        let repo = self.repository()?;
        let files = self.asked(|| repo.get_snapshots(snapshots))?;
        let trees = || files.iter().map(|file| file.tree).collect();
        let found = self.checked(options, |options| repo.check_with_trees(options, trees()))?;
        Ok((found, is_all))
    }

    /// Takes packs that are not at the target, or are not as long as they were, out of the index, which is told before: what is still here
    /// is put away anew then, instead of being taken for kept. How many there were.
    pub(crate) fn forget_missing_packs(&self, tell: Tell<'_>) -> Result<u64, Error> {
        let repo = self.repository()?;
        let there: BTreeMap<String, u64> = self.place.list("data")?.into_iter().collect();
        let mut named = Vec::new();
        self.asked(|| {
            for index in repo.stream_files::<IndexFile>()? {
                named.extend(index?.1.packs.iter().map(|pack| (pack.id, u64::from(pack.pack_size()))));
            }
            Ok(())
        })?;
        let mut missing = 0;
        for (id, length) in named {
            let listed = there.get(id.to_hex().as_str()).copied();
            // Asked for by its name, too: a list may be behind.
            if listed != Some(length) && self.place.length(&name(FileType::Pack, &id))? != Some(length) {
                missing += 1;
            }
        }
        if missing > 0 {
            tell(Before::ForgetsPacks)?;
            self.asked(|| repo.repair_index(&RepairIndexOptions::default(), false))?;
        }
        Ok(missing)
    }

    /// Whether the target is there: what it does not give is lost then, and else a line broke, or a disk is gone.
    pub(crate) fn answers(&self) -> Result<(), Error> {
        match self.place.length(&name(FileType::Config, &Id::default()))? {
            Some(_) => Ok(()),
            None => {
                Err(Error::Target { place: self.place.shown(), why: "it is not there any more".to_owned() })
            }
        }
    }

    /// Whether a snapshot lies under the name of its bytes, which the library does not ask.
    pub(crate) fn is_under_its_name(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let bytes = self.place.read(&format!("snapshots/{}", snapshot.id))?;
        match sha256_hex(&bytes) == snapshot.id {
            true => Ok(()),
            false => Err(Error::Damaged(format!("another snapshot lies under the name of {}", snapshot.id))),
        }
    }

    /// Takes snapshots away, and what only they needed. Nothing goes where what the others need is not all there.
    pub(crate) fn forget(&self, snapshots: &[String], pruning: Pruning) -> Result<(), Error> {
        let repo = self.repository()?;
        let ids = snapshots.iter().map(|id| id.parse::<Id>().map(SnapshotId::from));
        let ids = self.asked(|| ids.collect::<Result<Vec<_>, _>>())?;
        let mut options = match pruning {
            Pruning::Thrifty => PruneOptions::default(),
            Pruning::Strict => PruneOptions::default()
                .instant_delete(true)
                .max_unused(LimitOption::Percentage(0))
                .max_repack(LimitOption::Unlimited),
        };
        options.ignore_snaps.clone_from(&ids);
        self.asked(|| {
            let plan = repo.prune_plan(&options)?;
            repo.delete_snapshots(&ids)?;
            repo.prune(&options, plan)
        })
    }
}

/// Whatever is asked of `rustic_core`. It has places in which it panics, on damaged data among others: an error like any other here, or it
/// would end a backup without a word in the ledger, and a drill without a report.
pub(crate) fn asked<T>(place: &str, work: impl FnOnce() -> Result<T, Box<RusticError>>) -> Result<T, Error> {
    quiet();
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|why| told(place, why)),
        Err(_) => Err(Error::Damaged(format!(
            "{place} could not be read or written to the end; storeward backup verify may say more"
        ))),
    }
}

/// What `rustic_core` says when it gives up (its index as a whole, a stack) is for its developers: whoever looks hears of it as of any other
/// fault. Panics of anybody else are told as before.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|at| at.file().contains("rustic_core")) {
                before(info);
            }
        }));
    });
}

fn unopened(place: &Arc<dyn Place>, bars: &Bars) -> Result<Repository<()>, Box<RusticError>> {
    let backend = Arc::new(Backend::new(Arc::clone(place)));
    let backends = RepositoryBackends::new(backend, None);
    // No cache: it would be a second place with an index of the shop's files.
    let options = RepositoryOptions::default().no_cache(true);
    Repository::new_with_progress(&options, &backends, bars.clone())
}

fn config(part: Part) -> ConfigOptions {
    let config = ConfigOptions::default().set_version(2u32).set_extra_verify(true);
    match part {
        Part::Files => config,
        Part::Databases | Part::Keys => {
            config.set_chunker(Chunker::FixedSize).set_chunk_size(ByteSize::b(PAGE))
        }
    }
}

/// What went wrong, without `rustic_core`'s pages of advice for developers.
fn told(place: &str, why: Box<RusticError>) -> Error {
    if why.is_incorrect_password() {
        return Error::Password { place: place.to_owned() };
    }
    let mut words = line(&why.to_string());
    let mut source: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(why.as_ref());
    while let Some(cause) = source {
        // What a writer says is in an error of its own.
        let within = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(own) = cause.downcast_ref::<Error>().or(within.and_then(|own| own.downcast_ref())) {
            return own.clone();
        }
        let more = line(&cause.to_string());
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        source = cause.source();
    }
    Error::Target { place: place.to_owned(), why: words }
}

/// The level's type is not shown to us; what is a warning only, such as a pack that a killed backup left, is no fault. What is called
/// otherwise one day is one.
fn faults(found: &CheckResults) -> Vec<String> {
    let is_fault = |level: &dyn std::fmt::Debug| format!("{level:?}") != "Warn";
    let told = found.0.iter().filter(|(level, _)| is_fault(level)).map(|(_, fault)| fault.to_string());
    told.filter(|words| !is_left_over(words)).map(|words| line(&words)).collect()
}

/// Of a pack that no backup needs and that goes with the next cleaning, the library writes down twice how long it is, the second time without what it
/// counted before.
fn is_left_over(words: &str) -> bool {
    words.starts_with("pack ") && words.contains("marked to delete: true: size computed by index")
}

/// The first line of what may be a page, and of that as much as somebody reads. Where that only says that `rustic_core` has a page, its message.
fn line(words: &str) -> String {
    let mut lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let told =
        match (first.split_once(PAGE_BEGINS), lines.find(|line| *line == PAGE_MESSAGE).and(lines.next())) {
            (Some((before, _)), Some(message)) => format!("{before}{}", message.trim_end_matches('.')),
            _ => first.to_owned(),
        };
    let cut: String = told.chars().take(LONGEST_LINE).collect();
    if cut.len() < told.len() { cut + " …" } else { cut }
}

#[cfg(test)]
mod tests {
    use super::is_left_over;

    // After a run that did not come to its end `verify` and drills failed for a day, of a pack that no backup needs.
    #[test]
    fn what_a_killed_run_left_is_no_fault() {
        let words = |to_delete: bool| {
            format!(
                "pack 3fd01c22 marked to delete: {to_delete}: size computed by index: 36, actual size: 120200. To repair: 'rustic repair index'."
            )
        };
        assert!(is_left_over(&words(true)) && !is_left_over(&words(false)));
    }
}
