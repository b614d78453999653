//! The inventory in the database.

pub(crate) mod alerts;
pub(crate) mod code;

use storeward_base::Timestamp;
use storeward_store::{Error as StoreError, Reader, Row, Tx, params, statements};

use crate::address;
use crate::approved::held;
use crate::model::{Approval, Counted, HeaderLine, Kind, Scope, Script, ScriptId, Source, Status, Version};
use crate::report;

pub(crate) use alerts::{
    Happens, NewAlert, alert, alert_of, alerts, arm, close_alert, close_alerts_of, is_said_changed,
    is_triggered, open_alerts, read_alert,
};
pub(crate) use code::{count_new_code, count_so, drop_code, drop_heard, drop_so, stays};

/// Rows that are read at once, and that there can be.
pub(crate) const MOST_ROWS: u32 = 4_000;
/// Hashes of one script.
const MOST_VERSIONS: u32 = 60;
/// Beside them, those that were only reported.
const MOST_REPORTED: u32 = 20;

/// The columns of a row, in the order in which [`script`] reads them.
macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, version, kind, address, sample, hash, page, initiator, source, seen, first_seen, last_seen, scope, approved_hash, \
             owner, justification, approved_by, approved_at, approved_until, revoked_at, fetched_at, fetch_code, is_shared, is_changing, begins FROM checkout_script ",
            $rest
        )
    };
}

statements! {
    FIND = columns!("WHERE id = $1");
    ALL = columns!("ORDER BY first_seen, id LIMIT $1");
    PAGE = columns!("WHERE id > $1 ORDER BY id LIMIT $2");
    DUE = columns!("WHERE kind = 'script' AND COALESCE(fetched_at, 0) <= $1 AND (scope IS NOT NULL OR source = 'page') \
        AND address LIKE 'http%' ORDER BY COALESCE(fetched_at, 0), id LIMIT $2");
    DUE_OF = columns!("WHERE kind = 'script' AND COALESCE(fetched_at, 0) <= $1 AND SUBSTR(address, 1, LENGTH($2)) = $2 \
        AND (stood_at > COALESCE(fetched_at, 0) OR scope IS NOT NULL AND source <> 'page' AND last_seen > COALESCE(fetched_at, 0)) \
        ORDER BY CASE WHEN stood_at > COALESCE(fetched_at, 0) THEN 0 ELSE 1 END, COALESCE(fetched_at, 0), id LIMIT $3");
    ENDING = columns!("WHERE scope IS NOT NULL AND approved_until <= $1 AND last_seen > $2 ORDER BY approved_until, id LIMIT $3");
    COUNT_HEARD = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND source IN ('report', 'guard') \
        AND CASE WHEN kind IN ('inline', 'handler') THEN 1 ELSE 0 END = $1";
    COUNT_FILES = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND source IN ('page', 'fetch') \
        AND kind NOT IN ('inline', 'handler')";
    COUNT_OF_HOST = "SELECT CAST(COUNT(*) AS BIGINT), CAST(COALESCE(SUM(CASE WHEN scope IS NULL AND revoked_at IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT) \
        FROM checkout_script WHERE source IN ('page', 'fetch') AND kind NOT IN ('inline', 'handler') AND SUBSTR(address, 1, LENGTH($1)) = $1";
    COUNT_CODE = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND kind IN ('inline', 'handler') \
        AND source IN ('page', 'fetch') AND is_changing = $1";
    COUNT_ONCE_SO = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_script WHERE page = $1 AND place = $2 AND seen = 1 AND is_changing = 0";
    COUNT_ONCE = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_script WHERE page = $1 AND place IS NOT NULL AND seen = 1 AND is_changing = 0";
    COUNT_WORKERS = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_script WHERE scope IS NULL AND kind = 'worker'";
    COUNT_APPROVED = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_script WHERE scope IS NOT NULL";
    INSERT = "INSERT INTO checkout_script (id, version, kind, address, sample, hash, page, initiator, source, seen, first_seen, \
        last_seen, is_shared, place, is_changing, begins, stood_at) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 0, $11, $12, $13, $14)";
    TOUCH = "UPDATE checkout_script SET seen = seen + $2, last_seen = $3, stood_at = COALESCE($4, stood_at), \
        initiator = CASE WHEN source = 'page' THEN initiator ELSE COALESCE(initiator, $5) END WHERE id = $1";
    SEEN_BY_US = "UPDATE checkout_script SET source = 'page', page = $2, initiator = NULL WHERE id = $1 AND source IN ('report', 'guard')";
    BEGINS = "UPDATE checkout_script SET begins = $2 WHERE id = $1";
    NEW_HASH = "UPDATE checkout_script SET version = version + 1, hash = $2 WHERE id = $1";
    FETCHED = "UPDATE checkout_script SET fetched_at = $2, fetch_code = $3, is_shared = $4 WHERE id = $1";
    FETCH_SOON = "UPDATE checkout_script SET fetched_at = NULL WHERE id = $1 AND fetched_at < $2";
    APPROVE = "UPDATE checkout_script SET version = version + 1, scope = $3, approved_hash = $4, owner = $5, justification = $6, \
        approved_by = $7, approved_at = $8, approved_until = $9, revoked_at = NULL WHERE id = $1 AND version = $2";
    REVOKE = "UPDATE checkout_script SET version = version + 1, scope = NULL, approved_hash = NULL, approved_until = NULL, \
        revoked_at = $3 WHERE id = $1 AND version = $2";
    FORGET_SCRIPTS = "DELETE FROM checkout_script WHERE scope IS NULL AND revoked_at IS NULL AND last_seen < $1";
    FORGET_VERSIONS = "DELETE FROM checkout_version WHERE script NOT IN (SELECT id FROM checkout_script)";

    ADD_VERSION = "INSERT INTO checkout_version (script, hash, source, bytes, first_seen, last_seen) VALUES ($1, $2, $3, $4, $5, $5) \
        ON CONFLICT (script, hash) DO UPDATE SET \
        last_seen = CASE WHEN excluded.source IN ('page', 'fetch') OR checkout_version.source NOT IN ('page', 'fetch') \
        THEN excluded.last_seen ELSE checkout_version.last_seen END, \
        source = CASE WHEN excluded.source IN ('page', 'fetch') THEN excluded.source ELSE checkout_version.source END, \
        bytes = COALESCE(excluded.bytes, checkout_version.bytes)";
    HAS_VERSION = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_version WHERE script = $1 AND hash = $2";
    DROP_OLDEST_OWN = "DELETE FROM checkout_version WHERE script = $1 AND source IN ('page', 'fetch') AND hash NOT IN \
        (SELECT hash FROM checkout_version WHERE script = $1 AND source IN ('page', 'fetch') ORDER BY last_seen DESC LIMIT $2)";
    DROP_OLDEST_HEARD = "DELETE FROM checkout_version WHERE script = $1 AND source NOT IN ('page', 'fetch') AND hash NOT IN \
        (SELECT hash FROM checkout_version WHERE script = $1 AND source NOT IN ('page', 'fetch') ORDER BY last_seen DESC LIMIT $2)";
    VERSIONS = "SELECT hash, first_seen, last_seen, bytes, source FROM checkout_version WHERE script = $1 ORDER BY last_seen DESC, hash LIMIT $2";

    HEADER_ALERTS = "SELECT id, what FROM checkout_alert WHERE kind = 'header_changed' AND closed_at IS NULL";
    FORGET_ALERTS = "DELETE FROM checkout_alert WHERE closed_at IS NOT NULL AND closed_at < $1";
    PUT_HEADER = "INSERT INTO checkout_header (page, name, value, seen_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (page, name) DO UPDATE SET value = excluded.value, seen_at = excluded.seen_at";
    HEADERS = "SELECT page, name, value, approved, seen_at, approved_at, approved_by FROM checkout_header ORDER BY page, name LIMIT 2000";
    HEADERS_OF = "SELECT page, name, value, approved, seen_at, approved_at, approved_by FROM checkout_header WHERE page = $1 ORDER BY name";
    APPROVE_HEADERS = "UPDATE checkout_header SET approved = value, approved_at = $2, approved_by = $3 WHERE page = $1";

    COUNT_DAY = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_count WHERE day = $1 AND how = $2 \
        AND CASE WHEN channel = 'preconnect' THEN 1 ELSE 0 END = $3";
    HAS_COUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_count WHERE day = $1 AND how = $2 AND channel = $3 AND host = $4 AND path = $5";
    ADD_COUNT = "INSERT INTO checkout_count (day, how, channel, host, path, seen) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (day, how, channel, host, path) DO UPDATE SET seen = checkout_count.seen + excluded.seen";
    COUNTED = "SELECT day, how, channel, host, path, seen FROM checkout_count ORDER BY day DESC, seen DESC, channel, host, path LIMIT $1";
    FORGET_COUNTS = "DELETE FROM checkout_count WHERE day < $1";
}

pub(crate) fn read<T>(found: Option<T>, index: usize) -> Result<T, StoreError> {
    found.ok_or(StoreError::Column { index, wanted: "a word that is known" })
}

pub(crate) fn id(row: &Row<'_>, index: usize) -> Result<ScriptId, StoreError> {
    read(row.get::<String>(index)?.parse().ok(), index)
}

fn script(row: &Row<'_>) -> Result<Script, StoreError> {
    let scope: Option<String> = row.get(12)?;
    let approval = match scope {
        None => None,
        Some(scope) => Some(Approval {
            scope: read(Scope::of_word(&scope), 12)?,
            hash: row.get(13)?,
            owner: row.get::<Option<String>>(14)?.unwrap_or_default(),
            justification: row.get::<Option<String>>(15)?.unwrap_or_default(),
            by: row.get::<Option<String>>(16)?.unwrap_or_default(),
            at: row.get::<Option<Timestamp>>(17)?.unwrap_or_default(),
            // An approval without an end is over.
            until: row.get::<Option<Timestamp>>(18)?.unwrap_or_default(),
        }),
    };
    Ok(Script {
        id: id(row, 0)?,
        version: row.get(1)?,
        kind: read(Kind::of_word(&row.get::<String>(2)?), 2)?,
        address: row.get(3)?,
        sample: row.get(4)?,
        hash: row.get(5)?,
        page: row.get(6)?,
        initiator: row.get(7)?,
        source: read(Source::of_word(&row.get::<String>(8)?), 8)?,
        seen: row.get(9)?,
        first_seen: row.get(10)?,
        last_seen: row.get(11)?,
        status: Status::New,
        approval,
        revoked_at: row.get(19)?,
        fetched_at: row.get(20)?,
        fetch_code: row.get(21)?,
        is_shared: row.get(22)?,
        is_changing: row.get(23)?,
        begins: row.get(24)?,
    })
}

/// Whatever they say of approvals.
pub(crate) fn as_they_lie(reader: &mut Reader<'_>) -> Result<Vec<Script>, StoreError> {
    reader.query_many(ALL, params![MOST_ROWS], script)
}

pub(crate) fn find(
    reader: &mut Reader<'_>,
    id: &ScriptId,
    now: Timestamp,
) -> Result<Option<Script>, StoreError> {
    let found = reader.query_optional(FIND, params![id.as_str()], script)?;
    Ok(held(reader, found.into_iter().collect(), now)?.pop())
}

/// The oldest come first, so that nobody can push them out.
pub(crate) fn all(reader: &mut Reader<'_>, now: Timestamp) -> Result<Vec<Script>, StoreError> {
    let rows = as_they_lie(reader)?;
    held(reader, rows, now)
}

pub(crate) fn page(
    reader: &mut Reader<'_>,
    after: &str,
    most: u32,
    now: Timestamp,
) -> Result<Vec<Script>, StoreError> {
    let rows = reader.query_many(PAGE, params![after, most], script)?;
    held(reader, rows, now)
}

/// Scripts whose body was not fetched since.
pub(crate) fn due(
    reader: &mut Reader<'_>,
    before: Timestamp,
    most: u32,
    now: Timestamp,
) -> Result<Vec<Script>, StoreError> {
    let rows = reader.query_many(DUE, params![before, most], script)?;
    held(reader, rows, now)
}

/// Scripts at addresses that begin so, which stood in a page since their body was fetched, and that not lately; behind them the approved
/// ones that no page has by itself and that somebody reported since.
pub(crate) fn due_of(
    reader: &mut Reader<'_>,
    begins: &str,
    before: Timestamp,
    most: u32,
    now: Timestamp,
) -> Result<Vec<Script>, StoreError> {
    let rows = reader.query_many(DUE_OF, params![before, begins, most], script)?;
    held(reader, rows, now)
}

/// Approved rows that were seen since, and whose approval ends before a moment.
pub(crate) fn ending(
    reader: &mut Reader<'_>,
    (before, seen_since): (Timestamp, Timestamp),
    most: u32,
    now: Timestamp,
) -> Result<Vec<Script>, StoreError> {
    let rows = reader.query_many(ENDING, params![before, seen_since, most], script)?;
    let mut rows = held(reader, rows, now)?;
    rows.retain(|row| row.approval.is_some());
    Ok(rows)
}

fn count(reader: &mut Reader<'_>, sql: &str, values: &[storeward_store::Value]) -> Result<u64, StoreError> {
    reader.query_one(sql, values, |row| row.get(0))
}

/// Rows that nobody approved or rejected and that were only reported: code that scripts put in, or all else.
pub(crate) fn count_heard(reader: &mut Reader<'_>, is_code: bool) -> Result<u64, StoreError> {
    count(reader, COUNT_HEARD, params![u32::from(is_code)])
}

/// Files that stood in pages and that nobody approved or rejected.
pub(crate) fn count_files(reader: &mut Reader<'_>) -> Result<u64, StoreError> {
    count(reader, COUNT_FILES, &[])
}

/// Files whose address begins so: all, and those that nobody approved or rejected.
pub(crate) fn count_of_host(reader: &mut Reader<'_>, begins: &str) -> Result<(u64, u64), StoreError> {
    reader.query_one(COUNT_OF_HOST, params![begins], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Code that nobody approved or rejected; or the rows that stand for code that is another one with each view.
pub(crate) fn count_code(reader: &mut Reader<'_>, is_changing: bool) -> Result<u64, StoreError> {
    count(reader, COUNT_CODE, params![is_changing])
}

/// Code of a page that was seen once and no more: what begins so, and all of it.
pub(crate) fn count_once(reader: &mut Reader<'_>, page: &str, mark: &str) -> Result<(u64, u64), StoreError> {
    Ok((count(reader, COUNT_ONCE_SO, params![page, mark])?, count(reader, COUNT_ONCE, params![page])?))
}

pub(crate) fn has_version(reader: &mut Reader<'_>, id: &ScriptId, hash: &str) -> Result<bool, StoreError> {
    Ok(count(reader, HAS_VERSION, params![id.as_str(), hash])? > 0)
}

/// Workers that nobody approved.
pub(crate) fn count_workers(reader: &mut Reader<'_>) -> Result<u64, StoreError> {
    count(reader, COUNT_WORKERS, &[])
}

pub(crate) fn has_approvals(reader: &mut Reader<'_>) -> Result<bool, StoreError> {
    Ok(count(reader, COUNT_APPROVED, &[])? > 0)
}

/// What a new row has.
pub(crate) struct NewRow<'a> {
    pub id: &'a ScriptId,
    pub kind: Kind,
    pub address: &'a str,
    pub sample: &'a str,
    pub hash: Option<&'a str>,
    pub page: &'a str,
    pub initiator: Option<&'a str>,
    pub source: Source,
    pub seen: i64,
    pub place: Option<&'a str>,
    pub is_changing: bool,
    pub begins: Option<&'a str>,
}

fn text(value: Option<&str>) -> Option<String> {
    value.map(str::to_owned)
}

pub(crate) fn insert(tx: &mut Tx<'_>, row: &NewRow<'_>) -> Result<(), StoreError> {
    let now = tx.now();
    let values = params![
        row.id.as_str(),
        row.kind.word(),
        row.address,
        row.sample,
        text(row.hash),
        row.page,
        text(row.initiator),
        row.source.word(),
        row.seen,
        now,
        text(row.place),
        row.is_changing,
        text(row.begins),
        row.source.is_own().then_some(now)
    ];
    tx.execute(INSERT, values).map(drop)
}

/// It was seen again, by us or by somebody who says so, and who asked for it.
pub(crate) fn touch(
    tx: &mut Tx<'_>,
    id: &ScriptId,
    (seen, source): (i64, Source),
    initiator: Option<&str>,
) -> Result<(), StoreError> {
    let now = tx.now();
    let stood_at = source.is_own().then_some(now);
    tx.execute(TOUCH, params![id.as_str(), seen, now, stood_at, text(initiator)]).map(drop)
}

/// What was only hearsay stood in a page.
pub(crate) fn seen_by_us(tx: &mut Tx<'_>, id: &ScriptId, page: &str) -> Result<(), StoreError> {
    tx.execute(SEEN_BY_US, params![id.as_str(), page]).map(drop)
}

/// How code begins that has no note of it, or is another one by now.
pub(crate) fn set_begins(tx: &mut Tx<'_>, id: &ScriptId, begins: &str) -> Result<(), StoreError> {
    tx.execute(BEGINS, params![id.as_str(), begins]).map(drop)
}

pub(crate) fn new_hash(tx: &mut Tx<'_>, id: &ScriptId, hash: &str) -> Result<(), StoreError> {
    tx.execute(NEW_HASH, params![id.as_str(), hash]).map(drop)
}

/// Notes a hash; whether it is new for this script.
pub(crate) fn add_version(
    tx: &mut Tx<'_>,
    id: &ScriptId,
    hash: &str,
    source: Source,
    bytes: Option<u64>,
) -> Result<bool, StoreError> {
    let is_new = !has_version(tx, id, hash)?;
    let bytes = bytes.and_then(|bytes| i64::try_from(bytes).ok());
    let now = tx.now();
    tx.execute(ADD_VERSION, params![id.as_str(), hash, source.word(), bytes, now])?;
    // Whoever reports hashes that nobody sent pushes out other reports, and nothing that was seen.
    let (oldest, most) = match source.is_own() {
        true => (DROP_OLDEST_OWN, MOST_VERSIONS),
        false => (DROP_OLDEST_HEARD, MOST_REPORTED),
    };
    if is_new {
        tx.execute(oldest, params![id.as_str(), most])?;
    }
    Ok(is_new)
}

pub(crate) fn versions(reader: &mut Reader<'_>, id: &ScriptId) -> Result<Vec<Version>, StoreError> {
    reader.query_many(VERSIONS, params![id.as_str(), MOST_VERSIONS + MOST_REPORTED], |row| {
        Ok(Version {
            hash: row.get(0)?,
            first_seen: row.get(1)?,
            last_seen: row.get(2)?,
            bytes: row.get(3)?,
            source: row.get(4)?,
        })
    })
}

pub(crate) fn fetched(
    tx: &mut Tx<'_>,
    id: &ScriptId,
    code: Option<&str>,
    is_shared: bool,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(FETCHED, params![id.as_str(), now, text(code), is_shared]).map(drop)
}

/// It is fetched again at once, unless that was done since `before`.
pub(crate) fn fetch_soon(tx: &mut Tx<'_>, id: &ScriptId, before: Timestamp) -> Result<(), StoreError> {
    tx.execute(FETCH_SOON, params![id.as_str(), before]).map(drop)
}

/// Whether the row was still the one that was read.
pub(crate) fn approve(tx: &mut Tx<'_>, row: &Script, approval: &Approval) -> Result<bool, StoreError> {
    let values = params![
        row.id.as_str(),
        i64::try_from(row.version).unwrap_or(i64::MAX),
        approval.scope.word(),
        approval.hash.clone(),
        &approval.owner,
        &approval.justification,
        &approval.by,
        approval.at,
        approval.until
    ];
    Ok(tx.execute(APPROVE, values)? == 1)
}

pub(crate) fn revoke(tx: &mut Tx<'_>, row: &Script) -> Result<bool, StoreError> {
    let now = tx.now();
    let version = i64::try_from(row.version).unwrap_or(i64::MAX);
    Ok(tx.execute(REVOKE, params![row.id.as_str(), version, now])? == 1)
}

fn header(row: &Row<'_>) -> Result<HeaderLine, StoreError> {
    Ok(HeaderLine {
        page: row.get(0)?,
        name: row.get(1)?,
        value: row.get(2)?,
        approved: row.get(3)?,
        seen_at: row.get(4)?,
        approved_at: row.get(5)?,
        approved_by: row.get(6)?,
    })
}

pub(crate) fn headers(reader: &mut Reader<'_>) -> Result<Vec<HeaderLine>, StoreError> {
    reader.query_many(HEADERS, &[], header)
}

pub(crate) fn headers_of(reader: &mut Reader<'_>, page: &str) -> Result<Vec<HeaderLine>, StoreError> {
    reader.query_many(HEADERS_OF, params![page], header)
}

pub(crate) fn put_header(
    tx: &mut Tx<'_>,
    page: &str,
    name: &str,
    value: Option<&str>,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(PUT_HEADER, params![page, name, text(value), now]).map(drop)
}

/// How many there are.
pub(crate) fn approve_headers(tx: &mut Tx<'_>, page: &str, by: &str) -> Result<u64, StoreError> {
    let now = tx.now();
    let count = tx.execute(APPROVE_HEADERS, params![page, now, by])?;
    let open = tx.query_many(HEADER_ALERTS, &[], |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)))?;
    let about = format!(" of {page} was ");
    for (id, _) in open.iter().filter(|(_, what)| what.contains(&about)) {
        close_alert(tx, id, by)?;
    }
    Ok(count)
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Counting {
    pub how: &'static str,
    pub channel: String,
    pub host: String,
    pub path: String,
}

impl Counting {
    /// What a policy held back, or would have.
    pub(crate) fn of_violation(how: &'static str, kind: Kind, address: &str) -> Counting {
        let host = address::host(address);
        let path = if host.is_empty() { address } else { address::path(address) };
        Counting {
            how,
            channel: kind.word().to_owned(),
            host: host.to_owned(),
            path: report::plain_path(path),
        }
    }
}

/// Counts on a day. Whether this is the first of its kind there; `None` where the day has no room for another kind. What is told has rooms
/// of its own: what the guard only saw does not fill them.
pub(crate) fn add_count(
    tx: &mut Tx<'_>,
    day: &str,
    what: &Counting,
    seen: i64,
    most: u64,
) -> Result<Option<bool>, StoreError> {
    let known = count(tx, HAS_COUNT, params![day, what.how, &what.channel, &what.host, &what.path])? > 0;
    let is_preconnect = u32::from(what.channel == report::PRECONNECT);
    if !known && count(tx, COUNT_DAY, params![day, what.how, is_preconnect])? >= most {
        return Ok(None);
    }
    tx.execute(ADD_COUNT, params![day, what.how, &what.channel, &what.host, &what.path, seen])?;
    Ok(Some(!known))
}

pub(crate) fn counted(reader: &mut Reader<'_>, most: u32) -> Result<Vec<Counted>, StoreError> {
    reader.query_many(COUNTED, params![most], |row| {
        Ok(Counted {
            day: row.get(0)?,
            how: row.get(1)?,
            channel: row.get(2)?,
            host: row.get(3)?,
            path: row.get(4)?,
            count: row.get(5)?,
        })
    })
}

/// Forgets what was kept long enough.
pub(crate) fn forget(
    tx: &mut Tx<'_>,
    (scripts, alerts): (Timestamp, Timestamp),
    day: &str,
) -> Result<(), StoreError> {
    tx.execute(FORGET_SCRIPTS, params![scripts])?;
    tx.execute(FORGET_VERSIONS, &[])?;
    tx.execute(FORGET_ALERTS, params![alerts])?;
    tx.execute(FORGET_COUNTS, params![day]).map(drop)
}
