//! Rows that are believed only with a tag over them, under a key that is not in the database. Whoever writes the database and holds no
//! key file makes no such row, and changes none that is believed afterwards.

use crate::{Error, Reader, Row, Tx, Value};

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
}

/// The columns as they are tagged, and the tag.
type Found = (Vec<Vec<u8>>, Option<Vec<u8>>);

impl Bound {
    /// Whether the row of this key is there, as it was bound.
    pub fn fits(&self, reader: &mut Reader<'_>, key: &[Value]) -> Result<bool, Error> {
        let Some((columns, tag)) = self.found(reader, key)? else { return Ok(false) };
        let columns: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
        Ok(reader.row_key(self.table)?.fits(tag.as_deref(), self.label, &columns))
    }

    /// The tag of a row that is about to be written: what `find` will answer of it, before the tag.
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
        let Some((columns, _)) = self.found(tx, key)? else { return Ok(()) };
        let columns: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
        let tag = tx.row_key(self.table)?.tag(self.label, &columns);
        let mut values = key.to_vec();
        values.push(tag.to_vec().into());
        tx.execute(self.bind, &values).map(drop)
    }

    fn found(&self, reader: &mut Reader<'_>, key: &[Value]) -> Result<Option<Found>, Error> {
        reader.query_optional(self.find, key, |row| {
            Ok((columns_of(row, self.columns)?, row.get(self.columns.len())?))
        })
    }
}

/// The first columns of a row, as they are tagged.
pub fn columns_of(row: &Row<'_>, columns: &[Column]) -> Result<Vec<Vec<u8>>, Error> {
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
