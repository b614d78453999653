//! Whose a backup is. Two installations may be led to the same target, by a copied section or by a machine that was set up anew:
//! neither may push the other's backups out. Each snapshot bears the mark of the ledger's key; where it is of a time before marks, the
//! signature of its manifest says whose it is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use storeward_base::{BackupId, Timestamp};
use storeward_seal::LogKey;
use storeward_seal::fingerprint::sha256_hex;

use crate::engine::{Alone, Backups, Frozen, OWN};
use crate::listing::Listing;
use crate::manifest::Manifest;
use crate::order::{Dated, Order};
use crate::repository::{Missing, Part, Pruning, Repo, Snapshot};
use crate::retention::too_old;
use crate::{Error, Tell};

/// What a run left that was cut off, and is no use to anybody, goes after so long.
const CUT_OFF_AFTER: Duration = Duration::from_secs(24 * 3_600);
const TAG: &str = "ledger-";
/// So far a number may be ahead that nothing signed bears out: no ledger grows by as much between two backups, and four thousand million of them
/// do not reach the end of numbers.
const MOST_AHEAD: u64 = 1 << 32;
/// Manifests that are read for the highest number that one bears out: behind so many forged ones it is known by its tag.
const MOST_READ: usize = 64;
/// Hexadecimal digits of a mark: enough that no two are alike by chance.
const DIGITS: usize = 16;

/// The beginning of the SHA-256 of the public half of a ledger's key, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(String);

impl Mark {
    pub fn of(key: &LogKey) -> Self {
        Mark(sha256_hex(&key.public()).chars().take(DIGITS).collect())
    }

    pub(crate) fn tag(&self) -> String {
        format!("{TAG}{}", self.0)
    }

    pub(crate) fn read(tag: &str) -> Option<Self> {
        let digits = tag.strip_prefix(TAG)?;
        let fits = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| Mark(digits.to_owned()))
    }
}

/// Whose a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The ledger's key that is here signed it.
    Own,
    /// Another ledger's key did: nothing of it is deleted.
    Another,
    /// It bears no mark, and its manifest is not there or cannot be read; or there is no key here.
    Unknown,
}

/// The runs that this data directory made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Of the last that went well: a later one that is none of `runs` was made by another copy of the directory.
    pub since: Timestamp,
    pub runs: BTreeSet<BackupId>,
    /// Where in the ledger the entry of their end stands, of those of which it has one.
    pub places: BTreeMap<BackupId, u64>,
}

impl Known {
    /// Of a directory that made none: whatever bears its mark was made before its database was lost, or elsewhere.
    pub fn nothing() -> Self {
        Known { since: Timestamp::from_micros(0), runs: BTreeSet::new(), places: BTreeMap::new() }
    }

    /// `last`: the highest number of one's own that is there. Without numbers it goes by moments; so it does of two that began side by side.
    pub(crate) fn is_others(&self, one: Dated, last: Option<u64>) -> bool {
        let is_later = match (one.number, last) {
            (Some(number), Some(last)) if number != last => number > last,
            _ => one.at > self.since,
        };
        is_later && one.run.is_some_and(|run| !self.runs.contains(&run))
    }

    /// The same at this moment: what a clock that was ahead dated counts once its time has come, where that is all it goes by.
    pub(crate) fn is_strange(&self, one: Dated, last: Option<u64>, now: Timestamp) -> bool {
        let has_numbers = one.number.is_some() && last.is_some();
        self.is_others(one, last) && (has_numbers || one.at <= now)
    }

    /// The highest number of one's own.
    pub(crate) fn last<'a>(&self, all: impl IntoIterator<Item = &'a Snapshot>) -> Option<u64> {
        let own = all.into_iter().filter(|one| one.run.is_some_and(|run| self.runs.contains(&run)));
        own.filter_map(|one| one.number).max()
    }
}

/// A run that another copy of this directory made since its own last one, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strange {
    pub run: BackupId,
    pub made_at: Timestamp,
    pub place: String,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    pub runs: usize,
    /// Copies of customers' keys that lacked something and whose time was not over: nothing came back from them.
    pub lacking_keys: usize,
}

/// Whose the snapshots at a target are, for who has the key `mark` is of.
pub(crate) struct Owners {
    mark: Option<Mark>,
    by_manifest: BTreeMap<BackupId, Whose>,
}

impl Owners {
    pub(crate) fn whose(&self, snapshot: &Snapshot) -> Whose {
        match (&self.mark, &snapshot.ledger, snapshot.run) {
            (Some(own), Some(mark), _) if own == mark => Whose::Own,
            (Some(_), Some(_), _) => Whose::Another,
            (Some(_), None, Some(run)) => self.by_manifest.get(&run).copied().unwrap_or(Whose::Unknown),
            (None, ..) | (_, None, None) => Whose::Unknown,
        }
    }
}

impl Backups {
    /// `in_files`: every snapshot of the files. Only the manifests of runs without a mark are read.
    pub(crate) fn owners(&self, in_files: &[Snapshot], key: Option<&LogKey>) -> Result<Owners, Error> {
        let Some(key) = key else { return Ok(Owners { mark: None, by_manifest: BTreeMap::new() }) };
        let is_unmarked = |one: &&Snapshot| one.label == OWN && one.ledger.is_none();
        let unmarked: Vec<&Snapshot> = in_files.iter().filter(is_unmarked).collect();
        let mut by_manifest = BTreeMap::new();
        if !unmarked.is_empty() {
            let files = self.repo(Part::Files, Missing::Refuse)?;
            let indexed = files.indexed()?;
            for snapshot in unmarked {
                let whose = indexed.manifest(snapshot).map_or(Whose::Unknown, |bytes| signed_by(&bytes, key));
                by_manifest.extend(snapshot.run.map(|run| (run, whose)));
            }
        }
        Ok(Owners { mark: Some(Mark::of(key)), by_manifest })
    }

    /// Refuses a target whose newest backup another ledger signed, or another copy of this directory made since, before anything is written
    /// there. What another dated into the future counts only where nothing of one's own is there yet: their clock was wrong.
    pub fn claim(&self, key: &LogKey, now: Timestamp, known: Option<&Known>) -> Result<(), Error> {
        let in_files = self.there(Part::Files)?;
        let owners = self.owners(&in_files, Some(key))?;
        let is_own = |one: &&Snapshot| owners.whose(one) == Whose::Own;
        let is_taken = in_files.iter().filter(is_own).any(is_whole);
        let counts = |one: &&Snapshot| is_whole(one) && (one.made_at <= now || !is_taken || is_own(one));
        let mut newest = in_files.iter().rfind(counts).cloned();
        let in_keys = if self.keys_lie_apart() { self.there(Part::Keys)? } else { Vec::new() };
        if let Some(known) = known
            && let Some(Strange { run, made_at, place }) =
                self.strange_in(&in_files, &in_keys, &owners, (known, now))
        {
            return Err(Error::AnotherCopy { place, run, made_at });
        }
        if self.keys_lie_apart() && !newest.as_ref().is_some_and(|one| owners.whose(one) == Whose::Another) {
            // Not every run has customers' keys: one's own data is newer than another's keys where the place was taken over.
            let own_at = in_files.iter().filter(is_own).filter(counts).map(|one| one.made_at).max();
            newest =
                in_keys.iter().filter(counts).rfind(|one| own_at.is_none_or(|at| one.made_at > at)).cloned();
        }
        match newest.filter(|newest| owners.whose(newest) == Whose::Another) {
            Some(Snapshot { part, made_at, .. }) => {
                Err(Error::AnotherLedger { place: self.plan().target_of(part).to_string(), made_at })
            }
            None => Ok(()),
        }
    }

    /// The newest run that another copy of the directory made since, by its files or, where customers' keys lie apart, by these alone: the copy
    /// may have a target of its own.
    pub fn strange(
        &self,
        listing: &Listing,
        key: &LogKey,
        known: &Known,
        now: Timestamp,
    ) -> Result<Option<Strange>, Error> {
        let owners = self.owners(&listing.files, Some(key))?;
        let in_keys: &[Snapshot] = if self.keys_lie_apart() { &listing.keys } else { &[] };
        Ok(self.strange_in(&listing.files, in_keys, &owners, (known, now)))
    }

    fn strange_in(
        &self,
        in_files: &[Snapshot],
        in_keys: &[Snapshot],
        owners: &Owners,
        (known, now): (&Known, Timestamp),
    ) -> Option<Strange> {
        let last = known.last(in_files.iter().chain(in_keys));
        let found = in_files.iter().chain(in_keys).filter_map(|one| {
            let run = one.run.filter(|_| is_whole(one) && known.is_strange(one.dated(), last, now))?;
            let place = self.plan().target_of(one.part).to_string();
            (owners.whose(one) == Whose::Own).then_some(Strange { run, made_at: one.made_at, place })
        });
        found.max_by_key(|one| one.made_at)
    }

    /// What a run gets as its number: more than any of the same ledger's that is at the targets. Whoever has the password writes tags, so of those
    /// that no signed manifest bears out only what is not too far ahead of those that one does: numbers never come to an end by a forged one.
    /// Where customers' keys cannot be listed, which the data must not wait for, by the data alone.
    pub(crate) fn number(&self, key: &LogKey, entries: u64) -> Result<u64, Error> {
        let own = Mark::of(key);
        let mut all = self.there(Part::Files)?;
        let keys = self.there(Part::Keys).unwrap_or_default();
        let is_own = |one: &Snapshot| one.number.is_some() && one.ledger.as_ref() == Some(&own);
        let tags: Vec<u64> =
            all.iter().chain(&keys).filter(|one| is_own(one)).filter_map(|one| one.number).collect();
        all.retain(|one| one.label == OWN && is_own(one));
        all.sort_by_key(|one| Reverse(one.number));
        let files = if all.is_empty() { None } else { Some(self.repo(Part::Files, Missing::Refuse)?) };
        let indexed = files.as_ref().and_then(|files| files.indexed().ok());
        let is_signed = |one: &&Snapshot| {
            let bytes = indexed.as_ref().and_then(|indexed| indexed.manifest(one).ok());
            let manifest = bytes.and_then(|bytes| Manifest::read(&bytes, Some(key)).ok());
            manifest.is_some_and(|manifest| Some(manifest.run) == one.run && manifest.number == one.number)
        };
        let signed = all.iter().take(MOST_READ).find(is_signed).and_then(|one| one.number);
        let base = signed.map_or(entries, |last| entries.max(last.saturating_add(1)));
        let ahead = tags.into_iter().filter(|tag| *tag >= base && tag - base <= MOST_AHEAD).max();
        Ok(ahead.map_or(base, |tag| tag.saturating_add(1)))
    }

    fn keys_lie_apart(&self) -> bool {
        self.plan().target_of(Part::Keys) != self.plan().target_of(Part::Files)
    }

    /// The snapshots of a part; none where nothing was put away yet.
    fn there(&self, part: Part) -> Result<Vec<Snapshot>, Error> {
        match self.repo(part, Missing::Refuse) {
            Ok(repo) => repo.snapshots(),
            Err(Error::NoRepository { .. }) => Ok(Vec::new()),
            Err(other) => Err(other),
        }
    }

    /// Deletes what need not be kept any more of the plan's own ledger; what went. Another's stay, whatever their age. While
    /// `frozen` only customers' keys go, whose time is over, or not even these.
    pub fn thin_out(
        &self,
        _alone: &Alone,
        now: Timestamp,
        frozen: Frozen,
        tell: Tell<'_>,
    ) -> Result<Gone, Error> {
        let in_files = self.there(Part::Files)?;
        let owners = self.owners(&in_files, self.plan().ledger.as_ref())?;
        // First: no key is kept longer because of a fault in what lies beside it.
        let lacking_keys = match self.perhaps(Part::Keys)?.filter(|_| frozen != Frozen::WithKeys) {
            Some(keys) => self.thin_out_keys(&keys, &owners, now, tell)?,
            None => 0,
        };
        if frozen != Frozen::No {
            return Ok(Gone { runs: 0, lacking_keys });
        }
        let whole = || in_files.iter().filter(|snapshot| snapshot.label == OWN);
        let own = whole().filter(|snapshot| owners.whose(snapshot) == Whose::Own).collect();
        let own = Order { now, known: None }.sorted(own, |snapshot| snapshot.dated());
        let own: Vec<(BackupId, Timestamp)> =
            own.into_iter().filter_map(|snapshot| Some((snapshot.run?, snapshot.made_at))).collect();
        let goes: BTreeSet<BackupId> = self.plan().keep.goes(&own, now).into_iter().collect();
        let in_databases = self.snapshots_of(Part::Databases)?;
        let of_own = |all: &[Snapshot]| {
            all.iter().filter(|one| owners.whose(one) == Whose::Own).cloned().collect::<Vec<Snapshot>>()
        };
        let own = [(Part::Files, of_own(&in_files)), (Part::Databases, of_own(&in_databases))];
        // The library refuses for packs that are gone; a snapshot that is gone as a whole it does not miss.
        if let Some((run, at)) = self.lacking_snapshots(&own)?.iter().find(|(run, _)| !goes.contains(run)) {
            return Err(Error::Damaged(format!("{run} of {at} lacks what its manifest names")));
        }
        let is_whole: BTreeSet<BackupId> = whole().filter_map(|snapshot| snapshot.run).collect();
        let is_over = |snapshot: &&Snapshot| match snapshot.run {
            Some(run) if is_whole.contains(&run) => goes.contains(&run),
            // Nobody's: what others keep in the same repository stays.
            None => false,
            Some(_) => {
                owners.whose(snapshot) != Whose::Another && now.since(snapshot.made_at) > CUT_OFF_AFTER
            }
        };
        for (part, snapshots) in [(Part::Files, &in_files), (Part::Databases, &in_databases)] {
            let ids: Vec<String> = snapshots.iter().filter(is_over).map(|s| s.id.clone()).collect();
            if !ids.is_empty() {
                self.repo(part, Missing::Refuse)?.forget(&ids, Pruning::Thrifty)?;
            }
        }
        Ok(Gone { runs: goes.len(), lacking_keys })
    }

    /// Customers' keys whose time is over. A younger copy that lacks something would keep them: where a whole one is younger still, which a
    /// restore takes, it goes with them; how many did.
    fn thin_out_keys(
        &self,
        keys: &Repo,
        owners: &Owners,
        now: Timestamp,
        tell: Tell<'_>,
    ) -> Result<usize, Error> {
        let made = keys.snapshots()?;
        let made = made.into_iter().filter(|one| owners.whose(one) != Whose::Another).collect();
        let made = Order { now, known: None }.sorted(made, Snapshot::dated);
        let made: Vec<(String, Timestamp)> = made.into_iter().map(|one| (one.id, one.made_at)).collect();
        let mut ids = too_old(&made, self.plan().keys_kept, now);
        if ids.is_empty() {
            return Ok(0);
        }
        let Err(why) = keys.forget(&ids, Pruning::Strict) else { return Ok(0) };
        keys.forget_missing_packs(tell)?;
        let kept: Vec<String> = made.into_iter().map(|(id, _)| id).filter(|id| !ids.contains(id)).collect();
        let lacking = keys.lacking(&kept)?;
        // The last copies go only once there is a whole one that is younger: the next run that ends well makes it.
        let newest_whole = kept.iter().rposition(|id| !lacking.contains(id));
        if newest_whole.is_none() && !kept.is_empty() {
            return Err(why);
        }
        let goes: Vec<String> =
            kept.into_iter().take(newest_whole.unwrap_or(0)).filter(|id| lacking.contains(id)).collect();
        let count = goes.len();
        ids.extend(goes);
        keys.forget(&ids, Pruning::Strict).map(|()| count)
    }
}

/// Of Storeward's own, by a run that was not cut off before it.
fn is_whole(snapshot: &Snapshot) -> bool {
    snapshot.label == OWN && snapshot.run.is_some()
}

fn signed_by(manifest: &[u8], key: &LogKey) -> Whose {
    match (Manifest::read(manifest, None), Manifest::read(manifest, Some(key))) {
        (Err(_), _) => Whose::Unknown,
        (Ok(_), Ok(_)) => Whose::Own,
        (Ok(_), Err(_)) => Whose::Another,
    }
}
