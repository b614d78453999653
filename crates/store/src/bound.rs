//! Rows that are believed only with a tag over them, under a key that is not in the database. Whoever writes the database and holds no
//! key file makes no such row, and changes none that is believed afterwards.

use storeward_events::system::RowHarmed;

use crate::harmed::MOST_AT_ONCE;
use crate::{Db, Error, Reader, Row, Tx, Value, params};

/// What a column holds; each may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Text,
    Number,
    Bytes,
}

/// One table whose rows are bound.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Its name: a row of another table never fits.
    pub table: &'static str,
    /// Names the columns and their order, and changes with them.
    pub label: &'static str,
    /// What `find` answers, before the tag.
    pub columns: &'static [Column],
    /// `SELECT` of one row: the columns, and the tag behind them.
    pub find: &'static str,
    /// `UPDATE` that sets the tag: the row's key as in `find`, and the tag behind it.
    pub bind: &'static str,
    /// `SELECT` of the keys behind one, in their order, with a LIMIT. The key is one column of text.
    pub page: &'static str,
    /// What belongs to the row and is held by its tag.
    pub parts: Option<Parts>,
}

/// Rows of other tables that one tag holds together with the row that they belong to: one that is added, changed or taken away makes
/// that row as none.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// `SELECT` of them all by the row's key; in whatever order.
    pub find: &'static str,
    pub columns: &'static [Column],
}

/// A row as it lies there.
enum Found {
    /// The columns as they are tagged, and the tag.
    Read(Vec<Vec<u8>>, Option<Vec<u8>>),
    /// A column holds what no program of ours writes there.
    Unreadable,
}

impl Bound {
    /// Whether the row of this key is there, as it was bound. One that is there and is not is told of ([`crate::harmed`]).
    pub fn fits(&self, reader: &mut Reader<'_>, key: &[Value]) -> Result<bool, Error> {
        let Some(found) = self.found(reader, key)? else { return Ok(false) };
        let harm = self.harm_of(reader, &found)?;
        if let Some(harm) = harm {
            reader.guard()?.harmed.notice(self.fact(key, harm));
        }
        Ok(harm.is_none())
    }

    /// What was done to a row; nothing where it is as it was bound.
    fn harm_of(&self, reader: &Reader<'_>, found: &Found) -> Result<Option<&'static str>, Error> {
        let Found::Read(columns, tag) = found else { return Ok(Some("changed")) };
        let columns: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
        let fits = reader.row_key(self.table)?.fits(tag.as_deref(), self.label, &columns);
        let harm = if tag.is_some() { "changed" } else { "unknown" };
        Ok((!fits).then_some(harm))
    }

    fn fact(&self, key: &[Value], harm: &'static str) -> RowHarmed {
        RowHarmed { table: self.table.to_owned(), row: name_of(key), harm: harm.to_owned() }
    }

    /// Every row that is not as it was bound, a hundred at most; a page at a time, so that others get to read meanwhile.
    pub async fn look(&self, db: &Db) -> Result<Vec<RowHarmed>, Error> {
        let (table, mut after, mut harmed) = (*self, String::new(), Vec::new());
        while harmed.len() < MOST_AT_ONCE {
            let from = after.clone();
            let (keys, found) = db.read(move |reader| table.look_behind(reader, &from)).await?;
            harmed.extend(found);
            let Some(last) = keys.into_iter().next_back() else { break };
            after = last;
        }
        harmed.truncate(MOST_AT_ONCE);
        Ok(harmed)
    }

    /// The keys of one page, and what of it does not fit.
    fn look_behind(
        &self,
        reader: &mut Reader<'_>,
        after: &str,
    ) -> Result<(Vec<String>, Vec<RowHarmed>), Error> {
        let keys = reader.query_many(self.page, params![after], |row| row.get::<String>(0))?;
        let mut harmed = Vec::new();
        for key in &keys {
            let Some(found) = self.found(reader, params![key])? else { continue };
            harmed.extend(self.harm_of(reader, &found)?.map(|harm| self.fact(params![key], harm)));
        }
        Ok((keys, harmed))
    }

    /// Binds every row as it lies there; how many. For rows of a version that bound none: the caller sees to it that this happens once.
    pub fn bind_all(&self, tx: &mut Tx<'_>) -> Result<u64, Error> {
        let (mut count, mut after) = (0, String::new());
        loop {
            let keys = tx.query_many(self.page, params![&after], |row| row.get::<String>(0))?;
            for key in &keys {
                self.bind(tx, params![key])?;
                count += 1;
            }
            match keys.into_iter().next_back() {
                Some(last) => after = last,
                None => return Ok(count),
            }
        }
    }

    /// The tag of a row that is about to be written, and to which nothing belongs yet: what `find` will answer of it, before the tag.
    pub fn tag_of(&self, reader: &Reader<'_>, values: &[Value]) -> Result<Value, Error> {
        let columns: Vec<Vec<u8>> = values.iter().map(bytes_of_value).collect();
        let columns: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
        Ok(reader.row_key(self.table)?.tag(self.label, &columns).to_vec().into())
    }

    /// Changes a row and binds it anew, if it was as it was bound; no other becomes good by it.
    pub fn change<T>(
        &self,
        tx: &mut Tx<'_>,
        key: &[Value],
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let was_good = self.fits(tx, key)?;
        let done = change(tx)?;
        if was_good {
            self.bind(tx, key)?;
        }
        Ok(done)
    }

    /// Whether rows fit, in the order of their keys.
    pub fn fitting(
        &self,
        reader: &mut Reader<'_>,
        keys: impl IntoIterator<Item = Vec<Value>>,
    ) -> Result<Vec<bool>, Error> {
        keys.into_iter().map(|key| self.fits(reader, &key)).collect()
    }

    /// Binds the row as it lies there now. Whoever calls it has written all of it, or seen before that it fits.
    pub fn bind(&self, tx: &mut Tx<'_>, key: &[Value]) -> Result<(), Error> {
        let Some(Found::Read(columns, _)) = self.found(tx, key)? else { return Ok(()) };
        let columns: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
        let tag = tx.row_key(self.table)?.tag(self.label, &columns);
        let mut values = key.to_vec();
        values.push(tag.to_vec().into());
        tx.execute(self.bind, &values).map(drop)
    }

    fn found(&self, reader: &mut Reader<'_>, key: &[Value]) -> Result<Option<Found>, Error> {
        let row = reader.query_optional(self.find, key, |row| {
            readable(columns_of(row, self.columns).and_then(|own| Ok((own, row.get(self.columns.len())?))))
        })?;
        let (mut columns, tag) = match row {
            None => return Ok(None),
            Some(None) => return Ok(Some(Found::Unreadable)),
            Some(Some(read)) => read,
        };
        if let Some(parts) = self.parts {
            let read = |row: &Row<'_>| readable(columns_of(row, parts.columns));
            let found: Option<Vec<_>> = reader.query_many(parts.find, key, read)?.into_iter().collect();
            let Some(mut found) = found else { return Ok(Some(Found::Unreadable)) };
            // Each engine has an order of its own.
            found.sort_unstable();
            columns.extend(found.into_iter().flatten());
        }
        Ok(Some(Found::Read(columns, tag)))
    }
}

/// Nothing where a column holds another kind of value than it is for: SQLite lets whoever writes past Storeward put any there.
pub fn readable<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Column { .. }) => Ok(None),
        Err(why) => Err(why),
    }
}

/// What tells a row from others, in a fact: an id as it is; of what is longer, such as a token's hash, the beginning.
fn name_of(key: &[Value]) -> String {
    let texts = key.iter().filter_map(|value| match value {
        Value::Text(text) if text.len() > MOST_OF_AN_ID => Some(text.chars().take(BEGINNING).collect()),
        Value::Text(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect::<Vec<String>>().join(" ")
}

/// Ids are shorter.
const MOST_OF_AN_ID: usize = 40;
/// 64 bits of a hash of 256 random ones: enough to find the row, and nothing that opens anything.
const BEGINNING: usize = 16;

/// The first columns of a row, as they are tagged.
fn columns_of(row: &Row<'_>, columns: &[Column]) -> Result<Vec<Vec<u8>>, Error> {
    columns.iter().enumerate().map(|(index, column)| bytes_of(row, index, *column)).collect()
}

/// As [`bytes_of`] has it once it is written.
fn bytes_of_value(value: &Value) -> Vec<u8> {
    let bytes = match value {
        Value::Null => return Vec::new(),
        Value::Integer(number) => number.to_be_bytes().to_vec(),
        Value::Real(number) => number.to_be_bytes().to_vec(),
        Value::Text(text) => text.clone().into_bytes(),
        Value::Blob(bytes) => bytes.clone(),
    };
    [&[1], bytes.as_slice()].concat()
}

/// An empty column is another one than one of length 0.
fn bytes_of(row: &Row<'_>, index: usize, column: Column) -> Result<Vec<u8>, Error> {
    let found = match column {
        Column::Text => row.get::<Option<String>>(index)?.map(String::into_bytes),
        Column::Number => row.get::<Option<i64>>(index)?.map(|number| number.to_be_bytes().to_vec()),
        Column::Bytes => row.get::<Option<Vec<u8>>>(index)?,
    };
    Ok(found.map_or_else(Vec::new, |bytes| [&[1], bytes.as_slice()].concat()))
}
