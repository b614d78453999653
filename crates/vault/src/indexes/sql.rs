//! SQL of the indexes' own table, and of what is found by parts.

use storeward_base::CustomerId;
use storeward_store::{Error, Reader, Tx, Value, params, statements};

use super::{ASKED, Mark, Row, State};
use crate::orders::AHEAD;

statements! {
    INDEXES = "SELECT root, field, state, position, done, left_out FROM vault_index ORDER BY root, field LIMIT 256";
    PUT_INDEX = "INSERT INTO vault_index (root, field, state, position, done, left_out, begun_at) \
                 VALUES ($1, $2, $3, '', 0, 0, $4) ON CONFLICT (root, field) DO NOTHING";
    STEP = "UPDATE vault_index SET position = $3, done = done + $4, left_out = left_out + $5 \
            WHERE root = $1 AND field = $2 AND (state = $6 OR state NOT IN ('making', 'made', 'ending')) AND position = $7";
    SET_STATE = "UPDATE vault_index SET state = $3, position = '', done = 0, left_out = 0 WHERE root = $1 AND field = $2";
    END = "UPDATE vault_index SET state = $3, position = '' WHERE root = $1 AND field = $2 \
           AND (state = $4 OR state NOT IN ('making', 'made', 'ending')) AND position = $5";
    DROP_INDEX = "DELETE FROM vault_index WHERE root = $1 AND (field = $2 OR $2 = '')";
    ADD_MARK = "INSERT INTO vault_mark (field, root, mark, customer, item) VALUES ($1, $2, $3, $4, $5) \
                ON CONFLICT (field, root, mark, customer, item) DO NOTHING";
    DELETE_ALL_MARKS = "DELETE FROM vault_mark";
    DELETE_MARKS_OF = "DELETE FROM vault_mark WHERE customer = $1";
    DELETE_NOBODYS = "DELETE FROM vault_mark WHERE NOT EXISTS (SELECT 1 FROM vault_customer c WHERE c.id = vault_mark.customer)";
    DELETE_OF_ROOT = "DELETE FROM vault_mark WHERE customer = $1 AND root = $2 AND (field = $3 OR $3 = '')";
    BY_THREES = "SELECT customer FROM vault_mark WHERE field = $1 AND root = $2 \
                 AND mark IN ($3, $4, $5, $6, $7, $8, $9, $10) \
                 GROUP BY customer HAVING COUNT(DISTINCT mark) = $11 ORDER BY customer LIMIT 500";
    ANY_OF = "SELECT customer FROM vault_mark WHERE field = $1 AND root = $2 AND mark IN (\
              $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, \
              $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, \
              $44, $45, $46, $47, $48, $49, $50, $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, \
              $64, $65, $66, $67, $68, $69, $70, $71, $72, $73, $74, $75, $76, $77, $78, $79, $80, $81, $82, $83, \
              $84, $85, $86, $87, $88, $89, $90, $91, $92, $93, $94, $95, $96, $97, $98, $99, $100, $101, $102, \
              $103) LIMIT 1";
}

pub fn all(reader: &mut Reader<'_>) -> Result<Vec<Row>, Error> {
    reader.query_many(INDEXES, &[], |row| {
        let state: String = row.get(2)?;
        // A word that is none of ours says that somebody was at it: it is made anew, and the walk writes over it (`STEP`, `END`).
        let state = State::ALL.into_iter().find(|known| known.name() == state).unwrap_or(State::Making);
        Ok(Row {
            // What is no number is no root, and is named so; the counts are shown, and keep nobody from being found.
            root: row.get(0).unwrap_or_default(),
            field: row.get(1)?,
            state,
            position: row.get(3)?,
            done: row.get(4).unwrap_or_default(),
            left_out: row.get(5).unwrap_or_default(),
        })
    })
}

pub fn put(tx: &mut Tx<'_>, root: u32, field: &str, state: State) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(PUT_INDEX, params![root, field, state.name(), now]).map(drop)
}

/// Everybody's, and nobody's.
pub fn delete_all_marks(tx: &mut Tx<'_>) -> Result<(), Error> {
    tx.execute(DELETE_ALL_MARKS, &[]).map(drop)
}

/// Of one customer, whichever root made them.
pub fn delete_marks_of(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(DELETE_MARKS_OF, params![customer]).map(drop)
}

/// That lead to nobody whom there is.
pub fn delete_nobodys_marks(tx: &mut Tx<'_>) -> Result<(), Error> {
    tx.execute(DELETE_NOBODYS, &[]).map(drop)
}

/// From where the walk stood when `row` was read: another program that walks beside this one counts the same customers once.
pub fn step(tx: &mut Tx<'_>, row: &Row, position: &str, done: u64, left_out: u64) -> Result<(), Error> {
    let [done, left_out] = [done, left_out].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    let (state, from) = (row.state.name(), row.position.as_str());
    tx.execute(STEP, params![row.root, &row.field, position, done, left_out, state, from]).map(drop)
}

/// All marks are made; false where another program had said so.
pub fn end(tx: &mut Tx<'_>, row: &Row) -> Result<bool, Error> {
    let (made, state, from) = (State::Made.name(), row.state.name(), row.position.as_str());
    tx.execute(END, params![row.root, &row.field, made, state, from]).map(|rows| rows == 1)
}

pub fn set_state(tx: &mut Tx<'_>, root: u32, field: &str, state: State) -> Result<(), Error> {
    tx.execute(SET_STATE, params![root, field, state.name()]).map(drop)
}

/// One row, or all of a root's where it is of whole values.
pub fn drop_row(tx: &mut Tx<'_>, row: &Row) -> Result<(), Error> {
    tx.execute(DROP_INDEX, params![row.root, &row.field]).map(drop)
}

pub fn add_mark(tx: &mut Tx<'_>, customer: CustomerId, item: &str, mark: &Mark) -> Result<(), Error> {
    let (name, root, bytes) = mark;
    tx.execute(ADD_MARK, params![name, *root, bytes, customer, item]).map(drop)
}

/// The customer's marks that a row stands for.
pub fn delete_marks(tx: &mut Tx<'_>, customer: CustomerId, row: &Row) -> Result<(), Error> {
    let name = if row.field.is_empty() { String::new() } else { row.mark_name() };
    tx.execute(DELETE_OF_ROOT, params![customer, row.root, name]).map(drop)
}

/// Whether any of these marks is there: at most a hundred and one, of one field and one root.
pub fn has_any(reader: &mut Reader<'_>, marks: &[Mark]) -> Result<bool, Error> {
    let Some(last) = marks.last() else { return Ok(false) };
    let (name, root, _) = last;
    let mut values = params![name, *root].to_vec();
    // The last one stands for those that are not there.
    let at = |place: usize| Value::from(marks.get(place).unwrap_or(last).2.as_slice());
    values.extend((0..=AHEAD).map(at));
    Ok(reader.query_optional(ANY_OF, &values, |_| Ok(()))?.is_some())
}

/// Who has all of these marks; none for no marks.
pub fn by_threes(
    reader: &mut Reader<'_>,
    name: &str,
    root: u32,
    threes: &[u32],
) -> Result<Vec<CustomerId>, Error> {
    let Some(last) = threes.last() else { return Ok(Vec::new()) };
    // The statement takes eight: the last one stands for those that are not there.
    let at = |place: usize| threes.get(place).unwrap_or(last).to_be_bytes().to_vec();
    let marks: [Vec<u8>; ASKED] = std::array::from_fn(at);
    let [a, b, c, d, e, f, g, h] = marks;
    let count = i64::try_from(threes.len()).unwrap_or(i64::MAX);
    reader.query_many(BY_THREES, params![name, root, a, b, c, d, e, f, g, h, count], |row| row.get(0))
}
