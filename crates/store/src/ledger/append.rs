//! Appending: what the writer keeps of the tree between the beginning of a transaction and its commit.

use std::sync::{Arc, LazyLock};

use storeward_base::{Actor, Clock, Entropy, EventId, Id, RequestId, Timestamp};
use storeward_events::{Event, Record};
use storeward_seal::{Checkpoint, CompactRange, Hash, Kept, LogKey, Origin, VerifierKey, merkle};

use super::query::{Head, read_checkpoints, read_head};
use super::{MAX_EVENT_BYTES, prove_consistency, to_column};
use crate::conn::Conn;
use crate::guard::Guard;
use crate::statements::{BEGIN_LEDGER, FIND_ENTRY, FIND_HEAD, KEEP_CHECKPOINT, MOVE_HEAD};
use crate::{Error, Reader, Value, params};

/// A checkpoint is kept for good when it is this many entries ahead of the last one kept …
const KEEP_EVERY_ENTRIES: u64 = 1024;
/// … or this much later.
const KEEP_EVERY: std::time::Duration = std::time::Duration::from_secs(60);
/// Entries per INSERT: 16 × 9 parameters stays far below both engines' limits.
const ROWS_AT_ONCE: usize = 16;
const COLUMNS: usize = 9;

/// Who signs, when, and whose signatures count.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) key: LogKey,
    pub(crate) origin: Origin,
    pub(crate) trusted: Vec<VerifierKey>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Signer {
    /// All keys whose signatures count: ours first.
    pub(crate) fn verifiers(&self) -> Vec<VerifierKey> {
        std::iter::once(self.key.verifier(&self.origin)).chain(self.trusted.iter().cloned()).collect()
    }

    /// A checkpoint that this key signed, under whatever name, or one of the trusted ones.
    pub(crate) fn read(&self, note: &str) -> Result<Checkpoint, storeward_seal::Error> {
        Checkpoint::verify_own(note, &self.key).or_else(|_| Checkpoint::verify(note, &self.trusted))
    }

    fn sign(&self, range: &CompactRange, kept: Kept) -> String {
        let (size, root) = (range.size(), range.root());
        Checkpoint { origin: self.origin.clone(), size, root, kept: Some(kept) }.sign(&self.key)
    }
}

/// The growing end of the ledger. Valid between [`Appender::load`] and the end of that transaction.
pub(crate) struct Appender {
    signer: Signer,
    range: CompactRange,
    /// The head as the transaction found it.
    found: Option<Head>,
    /// The checkpoints kept so far, as that head says under its signature.
    kept: Kept,
    /// Size and root of the last head that certainly stood in the database: the ledger never goes back behind it.
    seen: Option<(u64, Hash)>,
    last: Option<EventId>,
    /// Numbers and leaves of this transaction's entries.
    fresh: Vec<(u64, Hash)>,
}

/// A point to go back to when a closure fails.
pub(crate) struct Mark(CompactRange, Option<EventId>);

/// Runs one INSERT.
type Execute<'f, 'a> = &'f mut dyn FnMut(&mut Reader<'a>, &str, &[Value]) -> Result<u64, Error>;

impl Appender {
    pub(crate) fn new(signer: Signer) -> Self {
        let (range, fresh) = (CompactRange::new(), Vec::new());
        Appender { signer, range, found: None, kept: Kept::NONE, seen: None, last: None, fresh }
    }

    /// Takes up the head, and holds it against the other nodes. A head that was written by others must bear a
    /// signature that counts: else whoever can write to the database could cut the ledger's end off, and our next
    /// signature would cover that up. So would it rows behind the last entry, once the head counts them beside the note that it had. An old head of our own bears one too: so it must also continue the last one that
    /// we saw.
    pub(crate) fn load(&mut self, conn: &mut Conn) -> Result<(), Error> {
        let sql = format!("{FIND_HEAD}{}", conn.engine().for_update());
        let head = read_head(&mut Reader::new(conn), &sql)?;
        if self.found.as_ref() != Some(&head) {
            let signed = head.check(&self.signer.verifiers()).map_err(Error::Ledger)?;
            self.kept = match signed.kept {
                Some(kept) => kept,
                None => kept_before(conn, &self.signer)?,
            };
        }
        self.range = CompactRange::from_bytes(&head.tree).map_err(|why| Error::Ledger(why.to_string()))?;
        if self.range.size() != head.size {
            return Err(Error::Ledger("its head does not agree with its tree".to_owned()));
        }
        self.must_continue(conn, &head)?;
        self.seen = Some((head.size, head.root));
        self.found = Some(head);
        self.last = None;
        self.fresh.clear();
        Ok(())
    }

    /// Refuses a head that does not go on from the last one seen. Costs nothing where nobody else wrote.
    fn must_continue(&self, conn: &mut Conn, head: &Head) -> Result<(), Error> {
        let Some((size, root)) = self.seen else { return Ok(()) };
        if size == 0 || (size, root) == (head.size, head.root) {
            return Ok(());
        }
        if head.size < size {
            let found = head.size;
            return Err(Error::Ledger(format!(
                "it was cut back while the program ran: it had {size} entries, and has {found} now"
            )));
        }
        let path = prove_consistency(&mut Reader::new(conn), size, head.size)?.unwrap_or_default();
        merkle::verify_consistency(size, head.size, &path, &root, &head.root).map_err(|_| {
            Error::Ledger(format!(
                "it was written anew while the program ran: its first {size} entries are others now"
            ))
        })
    }

    /// The transaction is durable: what it wrote is seen, and needs no proof.
    pub(crate) fn committed(&mut self, guard: &Guard) {
        self.seen = self.found.as_ref().map(|head| (head.size, head.root));
        self.fresh.drain(..).for_each(|(seq, leaf)| guard.note_proven(seq, leaf));
    }

    /// Entries so far, those of this transaction included.
    pub(crate) fn size(&self) -> u64 {
        self.range.size()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.signer.clock.now()
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.signer.entropy
    }

    pub(crate) fn fresh_id<T>(&self, at: Timestamp) -> Id<T> {
        Id::at(at, &*self.signer.entropy)
    }

    pub(crate) fn record(
        &self,
        at: Timestamp,
        actor: Actor,
        request: Option<RequestId>,
        event: Event,
    ) -> Record {
        Record { v: Record::VERSION, id: self.fresh_id(at), at, actor, request, event }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark(self.range.clone(), self.last)
    }

    pub(crate) fn take_back(&mut self, mark: Mark) {
        Mark(self.range, self.last) = mark;
        let size = self.range.size();
        self.fresh.retain(|(seq, _)| *seq <= size);
    }

    /// The last entry of this transaction, if it has any.
    pub(crate) fn last_appended(&self) -> Option<EventId> {
        self.last
    }

    /// Inserts the records. All or none: one that is too large is refused before anything is written.
    pub(crate) fn append<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        records: &[Record],
        execute: Execute<'_, 'a>,
    ) -> Result<(), Error> {
        let bodies: Vec<Vec<u8>> = records.iter().map(Record::to_bytes).collect();
        if bodies.iter().any(|body| body.len() > MAX_EVENT_BYTES) {
            return Err(Error::EventTooLarge);
        }
        let before = self.mark();
        let mut values: Vec<Value> = Vec::with_capacity(records.len() * COLUMNS);
        for (record, body) in records.iter().zip(bodies) {
            let leaf = merkle::leaf_hash(&body);
            let tree = self.range.append(leaf).concat();
            self.fresh.push((self.range.size(), leaf));
            let severity = i64::from(record.event.severity() as u8);
            values.push(to_column(self.range.size()).into());
            values.extend_from_slice(params![record.id, record.at, record.event.kind(), severity]);
            values.extend_from_slice(params![record.actor.to_string(), record.request, body, tree]);
        }
        self.last = records.last().map(|record| record.id).or(self.last);
        let chunks = values.chunks(ROWS_AT_ONCE * COLUMNS);
        let mut insert = chunks.flat_map(|chunk| {
            // A full chunk in one statement; the rest one by one, so that there are two texts to prepare, not sixteen.
            let rows = if chunk.len() == ROWS_AT_ONCE * COLUMNS { ROWS_AT_ONCE } else { 1 };
            chunk.chunks(rows * COLUMNS)
        });
        let done = insert.try_for_each(|rows| {
            let sql: &str = if rows.len() == COLUMNS { &INSERT_ONE } else { &INSERT_MANY };
            let kept = execute(reader, sql, rows)?;
            all_kept(kept, rows.len() / COLUMNS)
        });
        if done.is_err() {
            self.take_back(before);
        }
        done
    }

    /// Writes the new head, signed, and now and then a checkpoint that is kept.
    pub(crate) fn store(&mut self, conn: &mut Conn) -> Result<(), Error> {
        let Some(found) = &self.found else { return Ok(()) };
        let size = self.range.size();
        if size == found.size {
            return Ok(());
        }
        let now = self.signer.clock.now();
        let since = size.saturating_sub(found.kept_size);
        // Nothing proves when the last one was kept. A time that is still to come is no reason to wait for it.
        let waited = found.kept_at > now || now.since(found.kept_at) >= KEEP_EVERY;
        let due = since >= KEEP_EVERY_ENTRIES || waited;
        let (kept_size, kept_at) = if due { (size, now) } else { (found.kept_size, found.kept_at) };
        if due {
            self.kept = self.kept.and(size, &self.range.root());
        }
        let note = self.signer.sign(&self.range, self.kept);
        if due {
            all_kept(conn.execute(KEEP_CHECKPOINT, params![to_column(size), now, &note])?, 1)?;
        }
        let tree = self.range.to_bytes();
        let head = params![to_column(size), &tree, &note, to_column(kept_size), kept_at];
        all_kept(conn.execute(MOVE_HEAD, head)?, 1)?;
        // Known as ours if the commit succeeds; if not, the next load finds another note and checks that one.
        self.found = Some(Head { size, root: self.range.root(), tree, note, kept_size, kept_at });
        Ok(())
    }
}

/// A trigger that somebody put into the database may swallow rows and call it done: then nothing of the write counts.
fn all_kept(kept: u64, written: usize) -> Result<(), Error> {
    if u64::try_from(written).is_ok_and(|written| written == kept) {
        return Ok(());
    }
    let why = "the database took an entry and did not keep it: somebody changed what it does with them \
               (`storeward audit verify` names it)";
    Err(Error::Ledger(why.to_owned()))
}

/// `INSERT` of one entry, and of [`ROWS_AT_ONCE`].
pub(crate) static INSERT_ONE: LazyLock<String> = LazyLock::new(|| insert(1));
pub(crate) static INSERT_MANY: LazyLock<String> = LazyLock::new(|| insert(ROWS_AT_ONCE));

fn insert(rows: usize) -> String {
    let row = |row: usize| {
        let marks: Vec<String> = (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column)).collect();
        format!("({})", marks.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO ledger_entry (seq, id, at, kind, severity, actor, request, body, tree) VALUES {}",
        rows.join(", ")
    )
}

/// Writes the head of an empty ledger, if there is none yet.
pub(crate) fn begin(conn: &mut Conn, signer: &Signer) -> Result<(), Error> {
    let empty = CompactRange::new();
    let values = params![empty.to_bytes(), signer.sign(&empty, Kept::NONE), signer.clock.now()];
    conn.execute(BEGIN_LEDGER, values).map(drop)
}

/// The checkpoints of a ledger whose head does not count them yet: it was written by an earlier version. From here on they
/// are counted, as they are found.
fn kept_before(conn: &mut Conn, signer: &Signer) -> Result<Kept, Error> {
    let mut kept = Kept::NONE;
    let mut after = 0;
    loop {
        let page = read_checkpoints(&mut Reader::new(conn), after)?;
        let Some((last, _)) = page.last() else { return Ok(kept) };
        after = *last;
        for (size, note) in page {
            let signed = signer.read(&note);
            let root = signed.map_err(|why| Error::Ledger(format!("its checkpoint at {size}: {why}")))?.root;
            kept = kept.and(size, &root);
        }
    }
}

/// What the ledger was called when it was begun, as its head says under a signature that counts; else the signer's own
/// name, under which such a head is then refused. A shop may change its names; its ledger stays one.
pub(crate) fn begun_as(conn: &mut Conn, signer: &Signer) -> Result<Origin, Error> {
    let head = read_head(&mut Reader::new(conn), FIND_HEAD)?;
    Ok(signer.read(&head.note).map_or_else(|_| signer.origin.clone(), |checkpoint| checkpoint.origin))
}

/// Whether an entry is there. Waits for whoever holds the head.
pub(crate) fn is_written(conn: &mut Conn, id: EventId) -> Result<bool, Error> {
    let sql = format!("{FIND_HEAD}{}", conn.engine().for_update());
    let mut reader = Reader::new(conn);
    reader.query_one(&sql, &[], |_| Ok(()))?;
    Ok(reader.query_optional(FIND_ENTRY, params![id], |_| Ok(()))?.is_some())
}
