//! Customers' accounts and the messages they send.

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use crate::error::Error;
use crate::words::Moment;

pub struct SignIn {
    pub id: i64,
    pub password_hash: String,
}

pub fn sign_in_of(db: &Connection, email: &str) -> Result<Option<SignIn>, Error> {
    let found = db.query_row("SELECT id, password_hash FROM customers WHERE email = ?1", [email], |row| {
        Ok(SignIn { id: row.get(0)?, password_hash: row.get(1)? })
    });
    Ok(found.optional()?)
}

pub struct NewCustomer {
    pub email: String,
    pub name: String,
    pub phone: String,
    pub password_hash: String,
}

/// The new customer's id, or nothing if the e-mail address is taken.
pub fn add(db: &Connection, customer: &NewCustomer, now_s: i64) -> Result<Option<i64>, Error> {
    let added = db.execute(
        "INSERT INTO customers (email, name, phone, password_hash, joined_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![customer.email, customer.name, customer.phone, customer.password_hash, now_s],
    );
    match added {
        Ok(_one) => Ok(Some(db.last_insert_rowid())),
        Err(rusqlite::Error::SqliteFailure(cause, _)) if cause.code == ErrorCode::ConstraintViolation => {
            Ok(None)
        }
        Err(cause) => Err(cause.into()),
    }
}

pub struct Profile {
    pub name: String,
    pub email: String,
    pub phone: String,
    pub picture: Option<String>,
    pub joined_at: Moment,
}

pub fn profile(db: &Connection, id: i64) -> Result<Profile, Error> {
    let sql = "SELECT name, email, phone, picture, joined_at FROM customers WHERE id = ?1";
    Ok(db.query_row(sql, [id], |row| {
        Ok(Profile {
            name: row.get(0)?,
            email: row.get(1)?,
            phone: row.get(2)?,
            picture: row.get(3)?,
            joined_at: row.get(4)?,
        })
    })?)
}

/// Sets the picture and returns the one it replaces.
pub fn set_picture(db: &Connection, id: i64, picture: &str) -> Result<Option<String>, Error> {
    let before = db.query_row("SELECT picture FROM customers WHERE id = ?1", [id], |row| row.get(0))?;
    db.execute("UPDATE customers SET picture = ?2 WHERE id = ?1", params![id, picture])?;
    Ok(before)
}

pub struct Message {
    pub name: String,
    pub email: String,
    pub topic: String,
    pub text: String,
    pub sent_at: Moment,
}

pub fn add_message(db: &Connection, message: &Message) -> Result<(), Error> {
    db.execute(
        "INSERT INTO messages (name, email, topic, text, sent_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![message.name, message.email, message.topic, message.text, message.sent_at.0],
    )?;
    Ok(())
}
