//! All SQL of the key store.

use storeward_base::{CustomerId, Timestamp};
use storeward_seal::envelope::EpochId;
use storeward_store::{Error, Reader, Row, Tx, params, statements};

statements! {
    // SQLite lets a text that tells rows apart be NULL: such a row stands on no page.
    NOBODYS_KEYS = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_customer_key WHERE customer IS NULL";
    NOBODYS_NOTES = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_destroyed_key WHERE customer IS NULL";
    COUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_customer_key";
    FIND = "SELECT customer, version, epoch, wrapped, revision, noted, created_at FROM vault_customer_key WHERE customer = $1";
    INSERT = "INSERT INTO vault_customer_key (customer, version, epoch, wrapped, created_at) \
              VALUES ($1, $2, $3, $4, $5) ON CONFLICT (customer) DO NOTHING";
    DELETE = "DELETE FROM vault_customer_key WHERE customer = $1";
    BEFORE = "SELECT customer, version, epoch, wrapped, revision, noted, created_at FROM vault_customer_key WHERE epoch < $1 \
              ORDER BY epoch, customer LIMIT $2";
    COUNT_BEFORE = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_customer_key WHERE epoch < $1";
    NOTE = "UPDATE vault_customer_key SET revision = $2, noted = $3 WHERE customer = $1 AND revision < $2";
    HIGHEST = "SELECT CAST(COALESCE(MAX(revision), 0) AS BIGINT) FROM vault_customer_key";
    REWRAP = "UPDATE vault_customer_key SET epoch = $3, wrapped = $4 WHERE customer = $1 AND epoch = $2";
    PAGE = "SELECT customer, version, epoch, wrapped, revision, noted, created_at FROM vault_customer_key WHERE customer > $1 \
            ORDER BY customer LIMIT 500";
    WITH_NOTE = "SELECT k.customer FROM vault_customer_key k JOIN vault_destroyed_key d ON d.customer = k.customer ORDER BY k.customer LIMIT 500";
    IS_DESTROYED = "SELECT customer FROM vault_destroyed_key WHERE customer = $1";
    NOTE_DESTROYED = "INSERT INTO vault_destroyed_key (customer, destroyed_at) VALUES ($1, $2) \
                      ON CONFLICT (customer) DO NOTHING";
    DESTROYED_NOTED = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_destroyed_noted";
    INSERT_DESTROYED_NOTED = "INSERT INTO vault_destroyed_noted (noted_at) VALUES ($1)";
    DESTROYED = "SELECT customer, destroyed_at FROM vault_destroyed_key WHERE customer > $1 ORDER BY customer LIMIT 500";

    INDEXES = "SELECT version, epoch, wrapped FROM vault_index_root WHERE retired_at IS NULL ORDER BY version LIMIT 16";
    INDEXES_BEFORE = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_index_root WHERE epoch < $1 AND retired_at IS NULL";
    INSERT_INDEX = "INSERT INTO vault_index_root (version, epoch, wrapped, created_at) VALUES ($1, $2, $3, $4)";
    ENDED_INDEXES = "SELECT version, wrapped FROM vault_index_root WHERE retired_at IS NOT NULL ORDER BY version";
    ROWS = "SELECT CAST((SELECT COUNT(*) FROM vault_customer_key) + (SELECT COUNT(*) FROM vault_index_root) \
            + (SELECT COUNT(*) FROM vault_name_key) AS BIGINT)";
    HIGHEST_INDEX = "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM vault_index_root";
    END_INDEX = "UPDATE vault_index_root SET retired_at = $2, wrapped = $3 WHERE version = $1 AND retired_at IS NULL";
    NAMES = "SELECT name, epoch, wrapped FROM vault_name_key ORDER BY name LIMIT 64";
    NAMES_BEFORE = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_name_key WHERE epoch < $1";
    INSERT_NAME = "INSERT INTO vault_name_key (name, epoch, wrapped, created_at) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (name) DO NOTHING";
    REWRAP_NAME = "UPDATE vault_name_key SET epoch = $2, wrapped = $3 WHERE name = $1";
    REWRAP_INDEX = "UPDATE vault_index_root SET epoch = $2, wrapped = $3 WHERE version = $1";
}

/// A customer's key as it lies there.
#[derive(Clone, Debug)]
pub struct KeyRow {
    pub customer: CustomerId,
    pub version: u32,
    pub epoch: EpochId,
    pub wrapped: Vec<u8>,
    pub created_at: Timestamp,
    /// How often the record had been changed when it was noted here, with its tag.
    pub revision: u64,
    pub noted: Option<Vec<u8>>,
}

fn key(row: &Row<'_>) -> Result<KeyRow, Error> {
    Ok(KeyRow {
        customer: row.get(0)?,
        version: row.get(1)?,
        epoch: EpochId(row.get(2)?),
        wrapped: row.get(3)?,
        revision: row.get(4)?,
        noted: row.get(5)?,
        created_at: row.get(6)?,
    })
}

pub fn count(reader: &mut Reader<'_>) -> Result<u64, Error> {
    reader.query_one(COUNT, &[], |row| row.get(0))
}

/// Tables with rows that bear no id at all.
pub fn nobodys(reader: &mut Reader<'_>) -> Result<Vec<&'static str>, Error> {
    let mut tables = Vec::new();
    for (table, sql) in [("vault_customer_key", NOBODYS_KEYS), ("vault_destroyed_key", NOBODYS_NOTES)] {
        if reader.query_one(sql, &[], |row| row.get::<u64>(0))? > 0 {
            tables.push(table);
        }
    }
    Ok(tables)
}

pub fn find(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Option<KeyRow>, Error> {
    reader.query_optional(FIND, params![customer], key)
}

/// Whether it was the first.
pub fn insert(tx: &mut Tx<'_>, row: &KeyRow) -> Result<bool, Error> {
    let values = params![row.customer, row.version, row.epoch.0, &row.wrapped, row.created_at];
    tx.execute(INSERT, values).map(|rows| rows == 1)
}

/// Whether the record was not noted as far before.
pub fn note(tx: &mut Tx<'_>, customer: CustomerId, revision: u64, tag: [u8; 16]) -> Result<bool, Error> {
    let revision = i64::try_from(revision).unwrap_or(i64::MAX);
    tx.execute(NOTE, params![customer, revision, tag]).map(|rows| rows == 1)
}

/// How far the record that came furthest was noted.
pub fn highest(reader: &mut Reader<'_>) -> Result<u64, Error> {
    reader.query_one(HIGHEST, &[], |row| row.get(0))
}

pub fn delete(tx: &mut Tx<'_>, customer: CustomerId) -> Result<bool, Error> {
    tx.execute(DELETE, params![customer]).map(|rows| rows == 1)
}

/// Whose keys lie there beside a note that they were destroyed.
pub fn with_note(reader: &mut Reader<'_>) -> Result<Vec<CustomerId>, Error> {
    reader.query_many(WITH_NOTE, &[], |row| row.get(0))
}

pub fn before(reader: &mut Reader<'_>, epoch: EpochId, limit: u32) -> Result<Vec<KeyRow>, Error> {
    reader.query_many(BEFORE, params![epoch.0, limit], key)
}

pub fn count_before(reader: &mut Reader<'_>, epoch: EpochId) -> Result<u64, Error> {
    reader.query_one(COUNT_BEFORE, params![epoch.0], |row| row.get(0))
}

pub fn rewrap(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    from: EpochId,
    to: EpochId,
    wrapped: Vec<u8>,
) -> Result<(), Error> {
    tx.execute(REWRAP, params![customer, from.0, to.0, wrapped]).map(drop)
}

/// Rows in the order of their customers.
pub struct Page<T> {
    /// Nothing for one that does not say what a row says, such as an id as nobody writes it.
    pub rows: Vec<Option<T>>,
    /// Behind which the next page begins; nothing where this is the last.
    pub last: Option<String>,
}

impl<T> Page<T> {
    /// What is no text has an empty one here, and stands behind all that is one.
    fn of(found: Vec<(String, Option<T>)>) -> Self {
        let last = found.iter().rev().map(|(id, _)| id).find(|id| !id.is_empty()).cloned();
        Page { rows: found.into_iter().map(|(_, row)| row).collect(), last }
    }
}

/// The keys behind `after`; the empty text begins.
pub fn page(reader: &mut Reader<'_>, after: &str) -> Result<Page<KeyRow>, Error> {
    let found =
        reader.query_many(PAGE, params![after], |row| Ok((row.get(0).unwrap_or_default(), key(row).ok())));
    Ok(Page::of(found?))
}

pub type IndexRow = (u32, EpochId, Vec<u8>);

pub fn indexes(reader: &mut Reader<'_>) -> Result<Vec<IndexRow>, Error> {
    reader.query_many(INDEXES, &[], |row| Ok((row.get(0)?, EpochId(row.get(1)?), row.get(2)?)))
}

/// The roots that ended, with what is left of them: nothing.
pub fn ended_indexes(reader: &mut Reader<'_>) -> Result<Vec<(u32, Vec<u8>)>, Error> {
    reader.query_many(ENDED_INDEXES, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Whether the store has neither keys, nor roots, nor names.
pub fn is_empty(reader: &mut Reader<'_>) -> Result<bool, Error> {
    Ok(reader.query_one(ROWS, &[], |row| row.get::<u64>(0))? == 0)
}

pub fn indexes_before(reader: &mut Reader<'_>, epoch: EpochId) -> Result<u64, Error> {
    reader.query_one(INDEXES_BEFORE, params![epoch.0], |row| row.get(0))
}

pub fn insert_index(tx: &mut Tx<'_>, version: u32, epoch: EpochId, wrapped: &[u8]) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(INSERT_INDEX, params![version, epoch.0, wrapped, now]).map(drop)
}

pub fn rewrap_index(tx: &mut Tx<'_>, version: u32, to: EpochId, wrapped: Vec<u8>) -> Result<(), Error> {
    tx.execute(REWRAP_INDEX, params![version, to.0, wrapped]).map(drop)
}

/// The highest version there ever was: none comes twice.
pub fn highest_index(reader: &mut Reader<'_>) -> Result<u32, Error> {
    reader.query_one(HIGHEST_INDEX, &[], |row| row.get(0))
}

/// Whether it lived. Nothing of the root stays in the row.
pub fn end_index(tx: &mut Tx<'_>, version: u32) -> Result<bool, Error> {
    let (now, nothing) = (tx.now(), Vec::<u8>::new());
    tx.execute(END_INDEX, params![version, now, nothing]).map(|rows| rows == 1)
}

pub type NameRow = (String, EpochId, Vec<u8>);

pub fn names(reader: &mut Reader<'_>) -> Result<Vec<NameRow>, Error> {
    // What is no text is no name of ours, and is named so.
    reader
        .query_many(NAMES, &[], |row| Ok((row.get(0).unwrap_or_default(), EpochId(row.get(1)?), row.get(2)?)))
}

pub fn names_before(reader: &mut Reader<'_>, epoch: EpochId) -> Result<u64, Error> {
    reader.query_one(NAMES_BEFORE, params![epoch.0], |row| row.get(0))
}

pub fn insert_name(tx: &mut Tx<'_>, name: &str, epoch: EpochId, wrapped: &[u8]) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(INSERT_NAME, params![name, epoch.0, wrapped, now]).map(drop)
}

pub fn rewrap_name(tx: &mut Tx<'_>, name: &str, to: EpochId, wrapped: Vec<u8>) -> Result<(), Error> {
    tx.execute(REWRAP_NAME, params![name, to.0, wrapped]).map(drop)
}

pub fn is_destroyed(reader: &mut Reader<'_>, customer: CustomerId) -> Result<bool, Error> {
    let found = reader.query_optional(IS_DESTROYED, params![customer], |row| row.get::<CustomerId>(0))?;
    Ok(found.is_some())
}

/// Whether it was not noted before.
pub fn note_destroyed(tx: &mut Tx<'_>, customer: CustomerId, at: Timestamp) -> Result<bool, Error> {
    tx.execute(NOTE_DESTROYED, params![customer, at]).map(|rows| rows == 1)
}

/// How many of the two steps are over that bring notes and ledger in line.
pub fn destroyed_noted(reader: &mut Reader<'_>) -> Result<u64, Error> {
    reader.query_one(DESTROYED_NOTED, &[], |row| row.get(0))
}

pub fn destroyed_are_noted(tx: &mut Tx<'_>) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(INSERT_DESTROYED_NOTED, params![now]).map(drop)
}

/// The notes behind `after`, with the moment; the empty text begins.
pub fn destroyed(reader: &mut Reader<'_>, after: &str) -> Result<Page<(CustomerId, Timestamp)>, Error> {
    let note = |row: &Row<'_>| -> Result<_, Error> { Ok((row.get(0)?, row.get(1)?)) };
    let found = reader
        .query_many(DESTROYED, params![after], |row| Ok((row.get(0).unwrap_or_default(), note(row).ok())));
    Ok(Page::of(found?))
}
