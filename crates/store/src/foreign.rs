//! Databases of somebody else, such as a shop's, to be read and never written: MySQL or MariaDB, PostgreSQL, SQLite.
//!
//! Everything comes as text, as the server writes it. Only numbers and moments are put into a statement's text, so that nothing
//! that people wrote ever stands in one. Each session is told that it may not write; an account that may only read is better still.

mod mysql;
mod postgres;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;
mod url;

use std::time::Duration;

use storeward_base::Timestamp;

pub use url::{ForeignEngine, ForeignUrl};

use crate::Error;
use crate::url::Target;

/// Bytes of one answer; more is a mistake in the question.
const MOST_BYTES: usize = 64 * 1024 * 1024;
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long a question may take, to the end of its answer: a slow one of a large shop, not a server that is gone, or that says a byte
/// a minute.
const WAIT: Duration = Duration::from_secs(120);
/// Of a column's name: MySQL's have 256 bytes at most.
const MOST_NAME_BYTES: usize = 1024;

/// An answer as a table of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
}

/// What may be put into a statement, where it says `{name}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    Number(i64),
    /// As a quoted `2026-11-26 12:00:00` of UTC.
    Moment(Timestamp),
}

/// A session with somebody else's database.
pub struct Foreign(Session);

enum Session {
    MySql(Box<mysql::Session>),
    Postgres(Box<postgres::Session>),
    Sqlite(rusqlite::Connection),
    /// At its end only.
    Closed,
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // The goodbye waits for the server, which a runtime's thread must not: it panicked there.
        if let Session::Postgres(session) = std::mem::replace(&mut self.0, Session::Closed) {
            drop(std::thread::spawn(move || session.close()));
        }
    }
}

impl Foreign {
    /// Connects. It blocks, and so does every question.
    pub fn open(url: &ForeignUrl) -> Result<Self, Error> {
        Ok(Foreign(match &url.0 {
            url::Place::MySql(server) => Session::MySql(Box::new(mysql::Session::open(server)?)),
            url::Place::Ours(Target::Postgres(server)) => {
                Session::Postgres(Box::new(postgres::Session::open(server)?))
            }
            url::Place::Ours(Target::Sqlite(path)) => Session::Sqlite(sqlite::open(path)?),
        }))
    }

    /// Asks one question; where the statement says `{name}` stands the slot of that name.
    pub fn query(&mut self, sql: &str, slots: &[(&str, Slot)]) -> Result<Table, Error> {
        let mut text = sql.to_owned();
        for (name, slot) in slots {
            text = text.replace(&format!("{{{name}}}"), &slot.text());
        }
        match &mut self.0 {
            Session::MySql(session) => session.query(&text),
            Session::Postgres(session) => session.query(&text),
            Session::Sqlite(conn) => sqlite::ask(conn, &text),
            Session::Closed => Err(Error::Closed),
        }
    }
}

impl Slot {
    fn text(self) -> String {
        match self {
            Slot::Number(number) => number.to_string(),
            Slot::Moment(moment) => {
                let text = moment.rfc3339();
                // Second by second, as shops' columns have it: what is cut away makes the moment earlier, never later.
                format!("'{} {}'", text.get(..10).unwrap_or_default(), text.get(11..19).unwrap_or_default())
            }
        }
    }
}

/// Bytes of an answer so far.
#[derive(Default)]
struct Room(usize);

impl Room {
    fn take(&mut self, bytes: usize) -> Result<(), Error> {
        self.0 = self.0.saturating_add(bytes);
        if self.0 > MOST_BYTES {
            return Err(refused("an answer is longer than 64 MiB"));
        }
        Ok(())
    }

    /// What a row costs to keep beside its values: rows of nothing fill the memory, too.
    fn take_row(&mut self, columns: usize) -> Result<(), Error> {
        self.take(size_of::<Vec<Option<String>>>() + columns.saturating_mul(size_of::<Option<String>>()))
    }
}

/// A column's name, no longer than there are.
fn name_of(name: &str) -> String {
    name.get(..name.floor_char_boundary(MOST_NAME_BYTES)).unwrap_or_default().to_owned()
}

/// What another server says, for a terminal or a log: short, and without signs that move a cursor.
fn words_of(text: &str) -> String {
    text.chars().filter(|sign| !sign.is_control()).take(200).collect()
}

fn refused(why: &str) -> Error {
    Error::Statement { sql: "a question to the other database".to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_numbers_and_moments_and_nothing_else() {
        assert_eq!(Slot::Number(-4).text(), "-4");
        let moment = Timestamp::parse_rfc3339("2026-11-26T12:00:00.987Z").unwrap();
        assert_eq!(Slot::Moment(moment).text(), "'2026-11-26 12:00:00'");
    }
}
