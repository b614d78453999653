//! The table of reminders: what was sent, what was held back, and what came of it.

use storeward_base::{CustomerId, ReminderId, Timestamp};
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use crate::model::{Act, Topic};

statements! {
    INSERT = "INSERT INTO guide_reminder (id, customer, topic, at, held_back, token_hash) VALUES ($1, $2, $3, $4, $5, $6)";
    LAST_OF = "SELECT id, customer, topic, at, held_back, followed_at FROM guide_reminder \
               WHERE customer = $1 AND at >= $2 ORDER BY at DESC, id DESC LIMIT 50";
    BY_TOKEN = "SELECT id, customer, topic, at, held_back, followed_at FROM guide_reminder WHERE token_hash = $1";
    FOLLOW = "UPDATE guide_reminder SET followed_at = $2, act = $3 WHERE id = $1 AND followed_at IS NULL";
    SENT_SINCE = "SELECT CAST(COUNT(*) AS BIGINT) FROM guide_reminder WHERE at >= $1 AND held_back = 0";
    // One row for each kind, week and group: bounded by what the page shows, not by how many people there are.
    EFFECT = "SELECT topic, held_back, (at - $1) / $2 AS span, CAST(COUNT(*) AS BIGINT), \
              CAST(SUM(CASE WHEN followed_at IS NULL THEN 0 ELSE 1 END) AS BIGINT) FROM guide_reminder \
              WHERE at >= $1 GROUP BY topic, held_back, (at - $1) / $2 ORDER BY 3, 1, 2 LIMIT 1000";
    DELETE = "DELETE FROM guide_reminder WHERE customer = $1";
    FORGET = "DELETE FROM guide_reminder WHERE at < $1";
}

#[derive(Clone, Copy, Debug)]
pub struct Reminder {
    pub id: ReminderId,
    pub customer: CustomerId,
    pub topic: Topic,
    pub at: Timestamp,
    pub held_back: bool,
    pub followed_at: Option<Timestamp>,
}

fn reminder(row: &Row<'_>) -> Result<Reminder, Error> {
    Ok(Reminder {
        id: row.get(0)?,
        customer: row.get(1)?,
        topic: row.get(2)?,
        at: row.get(3)?,
        held_back: row.get(4)?,
        followed_at: row.get(5)?,
    })
}

pub fn insert(tx: &mut Tx<'_>, reminder: &Reminder, token_hash: Option<String>) -> Result<(), Error> {
    let Reminder { id, customer, topic, at, held_back, .. } = *reminder;
    tx.execute(INSERT, params![id, customer, topic, at, held_back, token_hash]).map(drop)
}

/// The newest first, at most fifty.
pub fn of_customer(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    since: Timestamp,
) -> Result<Vec<Reminder>, Error> {
    reader.query_many(LAST_OF, params![customer, since], reminder)
}

pub fn by_token(reader: &mut Reader<'_>, token_hash: &str) -> Result<Option<Reminder>, Error> {
    reader.query_optional(BY_TOKEN, params![token_hash], reminder)
}

pub fn follow(tx: &mut Tx<'_>, id: ReminderId, at: Timestamp, act: Act) -> Result<bool, Error> {
    tx.execute(FOLLOW, params![id, at, act]).map(|rows| rows == 1)
}

pub fn sent_since(reader: &mut Reader<'_>, since: Timestamp) -> Result<u64, Error> {
    reader.query_one(SENT_SINCE, params![since], |row| row.get(0))
}

/// How many of a kind in one span of time, and how many of them were followed.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    pub topic: Topic,
    pub held_back: bool,
    /// From 0, the oldest.
    pub span: u32,
    pub all: u64,
    pub followed: u64,
}

pub fn effect(reader: &mut Reader<'_>, since: Timestamp, span_micros: i64) -> Result<Vec<Count>, Error> {
    reader.query_many(EFFECT, params![since, span_micros], |row| {
        Ok(Count {
            topic: row.get(0)?,
            held_back: row.get(1)?,
            span: row.get(2)?,
            all: row.get(3)?,
            followed: row.get(4)?,
        })
    })
}

pub fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<(), Error> {
    tx.execute(FORGET, params![before]).map(drop)
}

/// The account is closed.
pub fn forget_customer(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(DELETE, params![customer]).map(drop)
}
