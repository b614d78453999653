//! The verification: reads every entry, computes the whole tree anew, and compares it with everything stored.

use std::collections::VecDeque;

use storeward_base::Timestamp;
use storeward_events::{Event, Record};
use storeward_seal::{Checkpoint, CompactRange, Hash, Kept, VerifierKey, merkle};

use super::forget::Runs;
use super::query::{Head, read_checkpoints};
use super::{head, to_column};
use crate::statements::{FIND_FIRST_SEQ, FIND_LAST_CHECKPOINT, FIND_LAST_SEQ, FIND_WHOLE_ENTRIES};
use crate::{Db, Error, Reader, params};

const ENTRIES_AT_ONCE: u32 = 1000;

/// What else to hold the ledger against.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Checkpoints that were kept elsewhere (mailed, printed, on another machine): the only thing that shows that
    /// somebody with the log key has written the ledger anew.
    pub anchors: Vec<String>,
}

/// What the verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Entries that were read and found good, from the first on.
    pub entries: u64,
    /// The root over them, computed anew.
    pub root: Hash,
    /// Those of them whose words were forgotten, as the ledger itself says. Their hashes are in the tree.
    pub forgotten: u64,
    /// Checkpoints whose signature, size and root were found good, the head's and the anchors included.
    pub checkpoints: u64,
    /// The first thing that does not hold; `None` when all does.
    pub first_fault: Option<LedgerFault>,
    /// All that was found, the first included: an entry whose words or columns were changed hides none of those behind it. At most
    /// [`MOST_FAULTS`]; where the tree itself is broken off, nothing can be said of what comes after.
    pub faults: Vec<LedgerFault>,
}

/// Faults that one verification names.
pub const MOST_FAULTS: usize = 1000;

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerFault {
    /// The entry, or, for heads and checkpoints, the size they speak of.
    pub seq: u64,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The entry is missing; later ones, or a head that counts it, are there.
    Missing,
    /// The body cannot be read as an event.
    Body,
    /// The entry is empty, and no entry says that it was forgotten.
    Emptied,
    /// A column does not say what the body says.
    Column(&'static str),
    /// The stored nodes of the tree are not those of the entries: an entry or a node was changed.
    Tree,
    /// There are entries that the head does not count.
    Uncounted,
    /// The head's tree is not that of the entries.
    Head,
    /// A checkpoint's signature or form is not good; the reason.
    Signature(String),
    /// A checkpoint is good in itself, but says another root or size.
    Checkpoint,
    /// A checkpoint that must be there is gone: this one, or some that were kept before it.
    CheckpointMissing,
    /// A checkpoint is good in itself, but is none of those that were kept.
    CheckpointAdded,
}

impl std::fmt::Display for LedgerFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seq = self.seq;
        match &self.what {
            What::Missing => write!(f, "entry {seq} is missing"),
            What::Body => write!(f, "entry {seq} cannot be read as an event"),
            What::Emptied => write!(f, "entry {seq} was emptied, and not by being forgotten"),
            What::Column(name) => write!(f, "entry {seq} says something else in its column {name}"),
            What::Tree => write!(f, "entry {seq} or its nodes of the tree were changed"),
            What::Uncounted => {
                write!(f, "there are entries that the head does not count, which counts {seq}")
            }
            What::Head => write!(f, "the head at {seq} does not fit the entries"),
            What::Signature(why) => write!(f, "the checkpoint at {seq} is not good: {why}"),
            What::Checkpoint => write!(f, "the checkpoint at {seq} says something else than the entries"),
            What::CheckpointMissing => {
                write!(f, "a checkpoint is missing that was kept: the one at {seq}, or one before it")
            }
            What::CheckpointAdded => write!(f, "the checkpoint at {seq} is none of those that were kept"),
        }
    }
}

/// Verifies the ledger as it stood at the call, in pages, while others may go on writing. Blocks; `progress` hears of
/// the entries done and of all. An `Err` means that the database could not be read, not that it is bad.
pub fn verify(db: &Db, options: &VerifyOptions, mut progress: impl FnMut(u64, u64)) -> Result<Report, Error> {
    let mut pass = match Pass::begin(db, options)? {
        Ok(pass) => pass,
        Err(report) => return Ok(report),
    };
    let total = pass.head.size;
    let found = loop {
        progress(pass.range.size(), total);
        if pass.range.size() >= total {
            break pass.finish();
        }
        let after = to_column(pass.range.size());
        let page = db.read_blocking(move |reader| entries_after(reader, after))?;
        if let Err(fault) = pass.take(db, page)? {
            break Err(fault);
        }
    };
    Ok(pass.report(found.err()))
}

/// Where the pass has come to.
struct Pass {
    head: Head,
    trusted: Vec<VerifierKey>,
    range: CompactRange,
    /// Checkpoints still ahead, by size.
    ahead: VecDeque<(u64, String)>,
    /// The last size fetched of the stored ones.
    fetched: u64,
    anchors: Vec<(u64, String)>,
    good: u64,
    /// The size of the last kept checkpoint, beside which nothing else may stand in the head.
    last_kept: u64,
    kept_seen: bool,
    /// The kept checkpoints as far as they were met.
    kept: Kept,
    /// One of them, or the head, has said which came before.
    counted: bool,
    /// Empty entries, as long as nothing says that they were forgotten.
    empty: Runs,
    forgotten: u64,
    /// What does not hold and hides nothing behind it.
    faults: Vec<LedgerFault>,
    /// How far the ledger was good: where the first of them is.
    good_until: Option<CompactRange>,
}

/// An entry as its row has it.
struct Whole {
    seq: u64,
    /// As text: ids are read leniently (case, `o` for `0`), and are looked for as they are written.
    id: Option<String>,
    at: Timestamp,
    kind: String,
    severity: i64,
    actor: String,
    request: Option<Option<String>>,
    body: Vec<u8>,
    tree: Vec<u8>,
}

type Found = Result<(), LedgerFault>;

fn fault(seq: u64, what: What) -> Found {
    Err(LedgerFault { seq, what })
}

impl Pass {
    /// Looks at the head, and at what does not need the entries. The outer error is the database's; the inner one is
    /// a report that is finished already.
    fn begin(db: &Db, options: &VerifyOptions) -> Result<Result<Pass, Report>, Error> {
        let bad = |seq, what| {
            let first_fault = Some(LedgerFault { seq, what });
            Ok(Err(Report {
                entries: 0,
                root: merkle::empty_root(),
                forgotten: 0,
                checkpoints: 0,
                faults: first_fault.iter().cloned().collect(),
                first_fault,
            }))
        };
        let looked = db.read_blocking(|reader| {
            // Entries are counted from one: what stands before that is none, and stops whoever reads it.
            let first: Option<i64> = reader.query_one(FIND_FIRST_SEQ, &[], |row| row.get(0))?;
            let last: Option<i64> = reader.query_one(FIND_LAST_SEQ, &[], |row| row.get(0))?;
            let kept: Option<u64> = reader.query_one(FIND_LAST_CHECKPOINT, &[], |row| row.get(0))?;
            let head = head(reader)?;
            let is_beyond =
                first.is_some_and(|first| first < 1) || last.is_some_and(|last| last > to_column(head.size));
            Ok::<_, Error>((head, is_beyond, kept.unwrap_or(0)))
        });
        let (head, is_beyond, kept_size) = match looked {
            Err(Error::Ledger(_) | Error::Column { .. }) => return bad(0, What::Head),
            other => other?,
        };
        let trusted = db.signer().verifiers();
        let mut anchors = Vec::new();
        for note in &options.anchors {
            match Checkpoint::verify(note, &trusted) {
                Ok(anchor) if anchor.size > head.size => return bad(anchor.size, What::Missing),
                Ok(anchor) => anchors.push((anchor.size, note.clone())),
                Err(why) => return bad(0, What::Signature(why.to_string())),
            }
        }
        if kept_size > head.size {
            // A kept checkpoint knows of entries that the head does not: the end was cut off.
            return bad(head.size + 1, What::Missing);
        }
        anchors.push((head.size, head.note.clone()));
        anchors.sort();
        let kept_seen = head.kept_size == 0;
        let range = CompactRange::new();
        let (ahead, fetched, good) = (VecDeque::new(), 0, 0);
        let (empty, forgotten) = (Runs::default(), 0);
        let (kept, counted) = (Kept::NONE, false);
        let mut pass = Pass {
            head,
            trusted,
            range,
            ahead,
            fetched,
            anchors,
            good,
            last_kept: kept_size,
            kept_seen,
            kept,
            counted,
            empty,
            forgotten,
            faults: Vec::new(),
            good_until: None,
        };
        if is_beyond {
            // Nothing goes by them; what is before them is looked through all the same.
            let grown = pass.range.clone();
            drop(pass.pass_over(pass.head.size, What::Uncounted, grown));
        }
        pass.fetch(db)?;
        Ok(match pass.compare(db)? {
            Ok(()) => Ok(pass),
            Err(fault) => Err(pass.report(Some(fault))),
        })
    }

    /// Takes a page of entries. The outer error is the database's.
    fn take(&mut self, db: &Db, page: Vec<Whole>) -> Result<Found, Error> {
        let next = self.range.size() + 1;
        if page.is_empty() {
            return Ok(fault(next, What::Missing));
        }
        for entry in page {
            if self.range.size() >= self.head.size {
                break;
            }
            if let Err(fault) = self.take_entry(&entry) {
                return Ok(Err(fault));
            }
            if let Err(fault) = self.compare(db)? {
                return Ok(Err(fault));
            }
        }
        Ok(Ok(()))
    }

    fn take_entry(&mut self, entry: &Whole) -> Found {
        let seq = self.range.size() + 1;
        if entry.seq != seq {
            return fault(seq, What::Missing);
        }
        let mut grown = self.range.clone();
        if entry.body.is_empty() {
            // Its hash is the first node it completes. Whether it may be empty is said by a later entry, if at all.
            let Some(leaf) = entry.tree.first_chunk::<32>() else { return fault(seq, What::Tree) };
            if grown.append(*leaf).concat() != entry.tree {
                return fault(seq, What::Tree);
            }
            self.empty.insert(seq);
            self.range = grown;
            return Ok(());
        }
        if grown.append(merkle::leaf_hash(&entry.body)).concat() != entry.tree {
            // Its words were changed, and the hash of what stood there is left: the tree goes on from that.
            let leaf = entry.tree.first_chunk::<32>();
            grown = self.range.clone();
            if leaf.is_none_or(|leaf| grown.append(*leaf).concat() != entry.tree) {
                return fault(seq, What::Tree);
            }
            return self.pass_over(seq, What::Tree, grown);
        }
        let Ok(record) = Record::from_bytes(&entry.body) else {
            return self.pass_over(seq, What::Body, grown);
        };
        let columns = [
            ("id", entry.id.as_ref() == Some(&record.id.to_string())),
            ("at", entry.at == record.at),
            ("kind", entry.kind == record.event.kind()),
            ("severity", entry.severity == i64::from(record.event.severity() as u8)),
            ("actor", entry.actor == record.actor.to_string()),
            ("request", entry.request == Some(record.request.map(|id| id.to_string()))),
        ];
        if let Some((name, _)) = columns.iter().find(|(_, fits)| !fits) {
            return self.pass_over(seq, What::Column(name), grown);
        }
        if let Event::EntriesForgotten(forgotten) = &record.event {
            for (first, last) in &forgotten.entries {
                self.forgotten += self.empty.remove(*first, *last);
            }
        }
        self.range = grown;
        Ok(())
    }

    /// Notes a fault behind which the tree can be followed further.
    fn pass_over(&mut self, seq: u64, what: What, grown: CompactRange) -> Found {
        let fault = LedgerFault { seq, what };
        if self.faults.len() + 1 >= MOST_FAULTS {
            return Err(fault);
        }
        self.faults.push(fault);
        let good = std::mem::replace(&mut self.range, grown);
        self.good_until.get_or_insert(good);
        Ok(())
    }

    /// Holds every checkpoint of the size that was just reached against the tree.
    fn compare(&mut self, db: &Db) -> Result<Found, Error> {
        let size = self.range.size();
        while let Some((at, note)) = self.ahead.pop_front_if(|(at, _)| *at <= size) {
            let kept = match self.compare_note(at, &note) {
                Ok(kept) => kept,
                Err(fault) => return Ok(Err(fault)),
            };
            let counted = self.kept.and(at, &self.range.root());
            if let Err(fault) = self.count(at, kept, counted) {
                return Ok(Err(fault));
            }
            self.kept_seen |= at == self.head.kept_size;
            if self.ahead.is_empty() {
                self.fetch(db)?;
            }
        }
        // Behind those that were kept: the head and what was kept elsewhere say which these were.
        while let Some((_, note)) = self.anchors.pop_if_first(size) {
            let counted = self.kept;
            let found = self.compare_note(size, &note).and_then(|kept| self.count(size, kept, counted));
            if let Err(fault) = found {
                return Ok(Err(fault));
            }
        }
        Ok(Ok(()))
    }

    /// What the note says of the checkpoints kept so far.
    fn compare_note(&mut self, size: u64, note: &str) -> Result<Option<Kept>, LedgerFault> {
        let what = match Checkpoint::verify(note, &self.trusted) {
            Err(why) => What::Signature(why.to_string()),
            Ok(signed) if (signed.size, signed.root) != (size, self.range.root()) => What::Checkpoint,
            Ok(signed) => {
                self.good += 1;
                return Ok(signed.kept);
            }
        };
        Err(LedgerFault { seq: size, what })
    }

    /// Holds what a note says of the kept checkpoints against those that were met. Notes of earlier versions, which stand
    /// before all others, say nothing.
    fn count(&mut self, size: u64, said: Option<Kept>, met: Kept) -> Found {
        match said {
            None if self.counted => return fault(size, What::CheckpointAdded),
            None => {}
            Some(said) if said == met => self.counted = true,
            Some(said) if said.number > met.number => return fault(size, What::CheckpointMissing),
            Some(_) => return fault(size, What::CheckpointAdded),
        }
        self.kept = met;
        Ok(())
    }

    fn fetch(&mut self, db: &Db) -> Result<(), Error> {
        let after = self.fetched;
        self.ahead = db.read_blocking(move |reader| read_checkpoints(reader, after)).map(VecDeque::from)?;
        self.fetched = self.ahead.back().map_or(self.fetched, |(size, _)| *size);
        Ok(())
    }

    /// All entries that the head counts were good: what remains is the head itself, and what should have been met.
    fn finish(&mut self) -> Found {
        let size = self.head.size;
        if self.range.to_bytes() != self.head.tree {
            return fault(size, What::Head);
        }
        if !self.kept_seen {
            return fault(self.head.kept_size, What::CheckpointMissing);
        }
        // Not signed with the head: it says when the next checkpoint is kept.
        if self.head.kept_size != self.last_kept {
            return fault(size, What::Head);
        }
        if let Some(seq) = self.empty.first() {
            return fault(seq, What::Emptied);
        }
        Ok(())
    }

    fn report(&self, last: Option<LedgerFault>) -> Report {
        let good = self.good_until.as_ref().unwrap_or(&self.range);
        let (entries, root) = (good.size(), good.root());
        let faults: Vec<LedgerFault> = self.faults.iter().cloned().chain(last).collect();
        let first_fault = faults.first().cloned();
        Report { entries, root, forgotten: self.forgotten, checkpoints: self.good, first_fault, faults }
    }
}

/// Takes the first element while it is of the size.
trait PopIfFirst {
    fn pop_if_first(&mut self, size: u64) -> Option<(u64, String)>;
}

impl PopIfFirst for Vec<(u64, String)> {
    fn pop_if_first(&mut self, size: u64) -> Option<(u64, String)> {
        self.first().is_some_and(|(at, _)| *at <= size).then(|| self.remove(0))
    }
}

fn entries_after(reader: &mut Reader<'_>, after: i64) -> Result<Vec<Whole>, Error> {
    reader.query_many(FIND_WHOLE_ENTRIES, params![after, ENTRIES_AT_ONCE], |row| {
        Ok(Whole {
            seq: row.get(0)?,
            // An id that cannot be read is a changed one, not a fault of the database.
            id: row.get(1).ok(),
            at: row.get(2)?,
            kind: row.get(3)?,
            severity: row.get(4)?,
            actor: row.get(5)?,
            request: row.get(6).ok(),
            body: row.get(7)?,
            tree: row.get(8)?,
        })
    })
}
