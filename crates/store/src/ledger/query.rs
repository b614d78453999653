//! Reading entries, paged by their number. None of these reads goes beyond what the signed head counts: whoever writes the database
//! can put rows behind it.

use storeward_base::{Actor, EventId, Page, PageSize, RequestId, Timestamp};
use storeward_events::{Record, Severity};
use storeward_seal::{Checkpoint, CompactRange, Hash, VerifierKey};

use super::to_column;
use crate::conn::Row;
use crate::statements::{
    COUNT_OF_ACTOR, COUNT_OF_KIND, FIND_CHECKPOINTS, FIND_ENTRIES_AFTER, FIND_ENTRIES_OF_REQUEST, FIND_ENTRY,
    FIND_HEAD, FIRST_SINCE,
};
use crate::{Error, Reader, Value, params};

/// Events of one request at most: far more than one makes.
const MOST_OF_REQUEST: u32 = 200;

/// How far the ledger goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of entries, and of the last one.
    pub size: u64,
    pub root: Hash,
    /// The compact range, as bytes.
    pub(crate) tree: Vec<u8>,
    /// A signed checkpoint (C2SP signed note) of exactly this size and root.
    pub note: String,
    pub(crate) kept_size: u64,
    pub(crate) kept_at: Timestamp,
}

impl Head {
    /// Whether note, size and tree agree, and the note is signed by one of `trusted`; if not, in words why.
    pub(crate) fn check(&self, trusted: &[VerifierKey]) -> Result<Checkpoint, String> {
        let signed = Checkpoint::verify(&self.note, trusted).map_err(|why| format!("its head: {why}"))?;
        if (signed.size, signed.root) != (self.size, self.root) {
            return Err("its head does not agree with its signed checkpoint".to_owned());
        }
        Ok(signed)
    }
}

const CHECKPOINTS_AT_ONCE: u32 = 256;

/// A page of the kept checkpoints behind size `after`, smallest first.
pub(crate) fn read_checkpoints(reader: &mut Reader<'_>, after: u64) -> Result<Vec<(u64, String)>, Error> {
    let values = params![to_column(after), CHECKPOINTS_AT_ONCE];
    reader.query_many(FIND_CHECKPOINTS, values, |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The head as it stands; its signature is not checked here.
pub fn head(reader: &mut Reader<'_>) -> Result<Head, Error> {
    read_head(reader, FIND_HEAD)
}

pub(crate) fn read_head(reader: &mut Reader<'_>, sql: &str) -> Result<Head, Error> {
    let found = reader.query_optional(sql, &[], |row| {
        let tree: Vec<u8> = row.get(1)?;
        let range = CompactRange::from_bytes(&tree).map_err(|why| Error::Ledger(why.to_string()))?;
        let (size, root) = (row.get(0)?, range.root());
        Ok(Head { size, root, tree, note: row.get(2)?, kept_size: row.get(3)?, kept_at: row.get(4)? })
    })?;
    found.ok_or_else(|| Error::Ledger("its head is missing".to_owned()))
}

/// The number of the last entry that counts: by the head and its signature or, within a write, by what that write found and wrote
/// itself. Rows behind it are nobody's. [`Error::Ledger`] where the head bears no signature that counts.
pub(crate) fn end(reader: &mut Reader<'_>) -> Result<u64, Error> {
    // A write held the head against its signature before it began.
    if reader.counted() > 0 {
        return Ok(reader.counted());
    }
    let head = head(reader)?;
    head.check(reader.guard()?.verifiers()).map_err(Error::Ledger)?;
    Ok(head.size)
}

/// Up to `limit` entries (at most 1000) with numbers above `seq`, oldest first. A number behind the last entry counts as the last.
pub fn read_after(reader: &mut Reader<'_>, seq: u64, limit: u32) -> Result<Vec<(u64, Record)>, Error> {
    let end = end(reader)?;
    let values = params![to_column(seq), limit.clamp(1, 1000), to_column(end)];
    reader.query_many(FIND_ENTRIES_AFTER, values, entry)
}

/// One entry, with its number.
pub fn by_id(reader: &mut Reader<'_>, id: EventId) -> Result<Option<(u64, Record)>, Error> {
    let end = end(reader)?;
    Ok(reader.query_optional(FIND_ENTRY, params![id], entry)?.filter(|(seq, _)| *seq <= end))
}

/// What happened during one request, oldest first; at most 200 entries.
pub fn by_request(reader: &mut Reader<'_>, request: RequestId) -> Result<Vec<(u64, Record)>, Error> {
    let end = end(reader)?;
    reader.query_many(FIND_ENTRIES_OF_REQUEST, params![request, MOST_OF_REQUEST, to_column(end)], entry)
}

/// Which entries to list; what is `None` does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Start of the kind, such as `edge.` or `staff.signed_in`.
    pub kind_prefix: Option<String>,
    /// At least this bad.
    pub severity: Option<Severity>,
    pub actor: Option<Actor>,
    pub from: Option<Timestamp>,
    /// Up to, but not including.
    pub until: Option<Timestamp>,
    /// Only entries before this number: the `next` of the page before.
    pub before: Option<u64>,
}

impl Filter {
    /// Whether an entry's own words fit, whatever its columns say.
    pub(crate) fn fits(&self, record: &Record) -> bool {
        self.kind_prefix.as_ref().is_none_or(|prefix| record.event.kind().starts_with(prefix.as_str()))
            && self.severity.is_none_or(|least| record.event.severity() as u8 >= least as u8)
            && self.actor.is_none_or(|actor| record.actor == actor)
            && self.from.is_none_or(|from| record.at >= from)
            && self.until.is_none_or(|until| record.at < until)
    }
}

/// The same filter, for nothing behind the last entry that counts.
pub(crate) fn counted(filter: &Filter, end: u64) -> Filter {
    let before = filter.before.unwrap_or(u64::MAX).min(end.saturating_add(1));
    Filter { before: Some(before), ..filter.clone() }
}

/// Entries that fit, newest first; `next` of the page goes into [`Filter::before`] for the page behind it.
pub fn search(
    reader: &mut Reader<'_>,
    filter: &Filter,
    size: PageSize,
) -> Result<Page<(u64, Record), u64>, Error> {
    let (sql, values) = search_statement(&counted(filter, end(reader)?), size);
    let mut rows = reader.query_many(&sql, &values, entry)?;
    let full = rows.len() > usize::from(size.get());
    rows.truncate(size.get().into());
    let next = rows.last().map(|(seq, _)| *seq).filter(|_| full);
    Ok(Page { rows, next })
}

/// How many entries of one kind there are from a moment on, of somebody or of all. Of a person it goes by what they did, so that it costs
/// nothing that others do much of that kind; of programs, which do much of other kinds, by the index of kinds.
pub fn count_of(
    reader: &mut Reader<'_>,
    kind: &str,
    actor: Option<Actor>,
    from: Timestamp,
) -> Result<u64, Error> {
    let end = end(reader)?;
    let first: Option<u64> =
        reader.query_one(FIRST_SINCE, params![from, to_column(end)], |row| row.get(0))?;
    let Some(first) = first else { return Ok(0) };
    let sql = match actor {
        Some(Actor::Customer { .. } | Actor::Staff { .. }) => COUNT_OF_ACTOR,
        _ => COUNT_OF_KIND,
    };
    let actor = actor.map_or_else(String::new, |actor| actor.to_string());
    reader.query_one(sql, params![kind, to_column(first), actor, to_column(end)], |row| row.get(0))
}

/// One text for each combination of conditions: 64 in all, so that each can use its index.
pub(crate) fn search_statement(filter: &Filter, size: PageSize) -> (String, Vec<Value>) {
    let mut conditions: Vec<String> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut narrow = |condition: &str, value: Value| {
        values.push(value);
        conditions.push(format!("{condition} ${}", values.len()));
    };
    if let Some(prefix) = &filter.kind_prefix {
        // The kinds' alphabet ends below U+10FFFF, which so bounds every text with that beginning.
        narrow("kind >=", prefix.into());
        narrow("kind <", format!("{prefix}\u{10FFFF}").into());
    }
    if let Some(severity) = filter.severity {
        narrow("severity >=", (severity as u8).into());
    }
    if let Some(actor) = filter.actor {
        narrow("actor =", actor.to_string().into());
    }
    if let Some(from) = filter.from {
        narrow("at >=", from.into());
    }
    if let Some(until) = filter.until {
        narrow("at <", until.into());
    }
    if let Some(before) = filter.before {
        narrow("seq <", to_column(before).into());
    }
    values.push(Value::from(u32::from(size.get()) + 1));
    // What was forgotten says nothing any more, and what somebody put before the first entry never did.
    conditions.push("LENGTH(body) > 0 AND seq + 0 > 0".to_owned());
    let conditions = conditions.join(" AND ");
    let limit = values.len();
    let sql =
        format!("SELECT seq, body FROM ledger_entry WHERE {conditions} ORDER BY seq DESC LIMIT ${limit}");
    (sql, values)
}

fn entry(row: &Row<'_>) -> Result<(u64, Record), Error> {
    let (seq, body): (u64, Vec<u8>) = (row.get(0)?, row.get(1)?);
    let record = Record::from_bytes(&body)
        .map_err(|_| Error::Ledger(format!("entry {seq} cannot be read; it was changed")))?;
    Ok((seq, record))
}
