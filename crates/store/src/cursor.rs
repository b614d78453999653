//! How far whoever follows the ledger has come. A cursor bears a tag: one that somebody set forward would have entries passed over unseen.
//! One that does not fit is as none, and is told; its follower begins anew, and each does twice what is as once.

use storeward_events::system::RowHarmed;
use storeward_seal::RowKey;

use crate::conn::Conn;
use crate::ledger::to_column;
use crate::statements::{BIND_CURSOR, FIND_CURSOR, FIND_CURSORS, MOVE_CURSOR};
use crate::{Error, Reader, Tx, params};

pub(crate) const TABLE: &str = "subscription_cursor";
const LABEL: &str = "storeward.cursor/1";
/// The row of [`crate::statements::TRY_WRITING`].
const TRY_WRITING_NAME: &str = "store.try_writing";
const LONGEST_NAME: usize = 40;

/// What lies there.
pub(crate) enum Found {
    None,
    /// Behind this entry.
    At(u64),
    /// Another one than was written.
    Changed,
}

pub(crate) fn find(reader: &mut Reader<'_>, name: &str) -> Result<Found, Error> {
    let row: Option<(i64, Option<Vec<u8>>)> =
        reader.query_optional(FIND_CURSOR, params![name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((seq, tag)) = row else { return Ok(Found::None) };
    let fits = reader.row_key(TABLE)?.fits(tag.as_deref(), LABEL, &[name.as_bytes(), &seq.to_be_bytes()]);
    Ok(match u64::try_from(seq) {
        Ok(seq) if fits => Found::At(seq),
        _ => Found::Changed,
    })
}

/// Moves it to an entry, never back from another one that fits.
pub(crate) fn advance(tx: &mut Tx<'_>, name: &str, seq: u64) -> Result<(), Error> {
    if matches!(find(tx, name)?, Found::At(at) if at >= seq) {
        return Ok(());
    }
    let seq = to_column(seq);
    let tag = tag(&tx.row_key(TABLE)?, name, seq);
    tx.execute(MOVE_CURSOR, params![name, seq, tag]).map(drop)
}

/// What is told of one that was changed.
pub(crate) fn harm(name: &str) -> RowHarmed {
    RowHarmed { table: TABLE.to_owned(), row: name.to_owned(), harm: "changed".to_owned() }
}

/// Cursors that are not what was written: where nobody follows under a name any more nobody else would tell.
pub(crate) fn harmed(reader: &mut Reader<'_>) -> Result<Vec<RowHarmed>, Error> {
    let mut harmed = Vec::new();
    for name in reader.query_many(FIND_CURSORS, &[], |row| Ok(row.get::<String>(0).unwrap_or_default()))? {
        // It says only that something can be written.
        if name == TRY_WRITING_NAME {
            continue;
        }
        match find(reader, &name) {
            Ok(Found::At(_)) => {}
            Ok(Found::None | Found::Changed) | Err(Error::Column { .. }) => {
                // Names of ours are shorter than what is cut off.
                harmed.push(harm(&name.chars().take(LONGEST_NAME).collect::<String>()));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(harmed)
}

/// Those of a version that bound none get their tags where they lie, in the migration that makes room for them.
pub(crate) fn bind_all(conn: &mut Conn, key: &RowKey) -> Result<(), Error> {
    let mut all: Vec<(String, i64)> = Vec::new();
    conn.query(FIND_CURSORS, &[], &mut |row| {
        all.push((row.get(0)?, row.get(1)?));
        Ok(())
    })?;
    for (name, seq) in all {
        conn.execute(BIND_CURSOR, params![&name, tag(key, &name, seq)])?;
    }
    Ok(())
}

fn tag(key: &RowKey, name: &str, seq: i64) -> Vec<u8> {
    key.tag(LABEL, &[name.as_bytes(), &seq.to_be_bytes()]).to_vec()
}
