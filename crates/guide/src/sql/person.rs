//! The table of people: when they are due, and what they do not want.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use crate::model::Topic;

statements! {
    ENLIST = "INSERT INTO guide_person (customer, since, due_at, unwanted) VALUES ($1, $2, $3, '') \
              ON CONFLICT (customer) DO NOTHING";
    NEWEST = "SELECT MAX(customer) FROM guide_person";
    BY_ID = "SELECT customer, since, due_at, reminded_at, reviewed_at, unwanted FROM guide_person WHERE customer = $1";
    DUE = "SELECT customer, since, due_at, reminded_at, reviewed_at, unwanted FROM guide_person \
           WHERE due_at <= $1 ORDER BY due_at, customer LIMIT $2";
    // Compare and set: of two nodes one deals with a person.
    PUT_OFF = "UPDATE guide_person SET due_at = $3 WHERE customer = $1 AND due_at = $2";
    REMINDED = "UPDATE guide_person SET reminded_at = $2 WHERE customer = $1";
    REVIEWED = "UPDATE guide_person SET reviewed_at = $2 WHERE customer = $1";
    DELETE = "DELETE FROM guide_person WHERE customer = $1";
    CHOOSE = "UPDATE guide_person SET unwanted = $2 WHERE customer = $1";
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub customer: CustomerId,
    pub since: Timestamp,
    pub due_at: Timestamp,
    pub reminded_at: Option<Timestamp>,
    pub reviewed_at: Option<Timestamp>,
    pub unwanted: Vec<Topic>,
}

impl Person {
    pub fn wants(&self, topic: Topic) -> bool {
        !topic.may_be_switched_off() || !self.unwanted.contains(&topic)
    }
}

fn person(row: &Row<'_>) -> Result<Person, Error> {
    let unwanted: String = row.get(5)?;
    Ok(Person {
        customer: row.get(0)?,
        since: row.get(1)?,
        due_at: row.get(2)?,
        reminded_at: row.get(3)?,
        reviewed_at: row.get(4)?,
        unwanted: unwanted.split_whitespace().filter_map(Topic::of_word).collect(),
    })
}

/// Takes somebody in; true when they were not there.
pub fn enlist(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    since: Timestamp,
    due_at: Timestamp,
) -> Result<bool, Error> {
    tx.execute(ENLIST, params![customer, since, due_at]).map(|rows| rows == 1)
}

/// The customer with the greatest id, which is the newest.
pub fn newest(reader: &mut Reader<'_>) -> Result<Option<CustomerId>, Error> {
    reader.query_one(NEWEST, params![], |row| row.get(0))
}

pub fn by_id(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Option<Person>, Error> {
    reader.query_optional(BY_ID, params![customer], person)
}

pub fn due(reader: &mut Reader<'_>, now: Timestamp, most: u32) -> Result<Vec<Person>, Error> {
    reader.query_many(DUE, params![now, most], person)
}

pub fn put_off(tx: &mut Tx<'_>, known: &Person, due_at: Timestamp) -> Result<bool, Error> {
    tx.execute(PUT_OFF, params![known.customer, known.due_at, due_at]).map(|rows| rows == 1)
}

pub fn reminded(tx: &mut Tx<'_>, customer: CustomerId, at: Timestamp) -> Result<(), Error> {
    tx.execute(REMINDED, params![customer, at]).map(drop)
}

pub fn reviewed(tx: &mut Tx<'_>, customer: CustomerId, at: Timestamp) -> Result<(), Error> {
    tx.execute(REVIEWED, params![customer, at]).map(drop)
}

pub fn choose(tx: &mut Tx<'_>, customer: CustomerId, unwanted: &[Topic]) -> Result<(), Error> {
    let words: Vec<&str> = unwanted.iter().map(|topic| topic.word()).collect();
    tx.execute(CHOOSE, params![customer, words.join(" ")]).map(drop)
}

/// The account is closed.
pub fn forget_customer(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(DELETE, params![customer]).map(drop)
}
