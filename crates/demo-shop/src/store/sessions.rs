//! Sessions: who a cookie belongs to. A visitor has no row here until there is something to remember.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Error;
use crate::tokens::fingerprint;

/// A session lasts this long from the sign-in, or from the first piece in the cart.
pub const LIFETIME_S: i64 = 14 * 86_400;

#[derive(Clone, Debug)]
pub struct Session {
    pub id: i64,
    pub customer: Option<SignedIn>,
    pub cart_count: i64,
}

#[derive(Clone, Debug)]
pub struct SignedIn {
    pub id: i64,
    pub name: String,
    pub email: String,
    pub is_admin: bool,
}

pub fn csrf_key(db: &Connection, fresh: &str) -> Result<String, Error> {
    db.execute("INSERT OR IGNORE INTO settings (name, value) VALUES ('csrf_key', ?1)", [fresh])?;
    Ok(db.query_row("SELECT value FROM settings WHERE name = 'csrf_key'", [], |row| row.get(0))?)
}

pub fn delete_expired(db: &Connection, now_s: i64) -> Result<(), Error> {
    db.execute("DELETE FROM sessions WHERE expires_at <= ?1", [now_s])?;
    Ok(())
}

pub fn find(db: &Connection, token: &str, now_s: i64) -> Result<Option<Session>, Error> {
    let session = db
        .query_row(
            "SELECT s.id, c.id, c.name, c.email, c.role = 'admin',
                    (SELECT COALESCE(SUM(quantity), 0) FROM cart_lines WHERE session_id = s.id)
             FROM sessions s LEFT JOIN customers c ON c.id = s.customer_id
             WHERE s.token_hash = ?1 AND s.expires_at > ?2",
            params![fingerprint(token.as_bytes()), now_s],
            |row| {
                let customer = match row.get::<_, Option<i64>>(1)? {
                    Some(id) => {
                        Some(SignedIn { id, name: row.get(2)?, email: row.get(3)?, is_admin: row.get(4)? })
                    }
                    None => None,
                };
                Ok(Session { id: row.get(0)?, customer, cart_count: row.get(5)? })
            },
        )
        .optional()?;
    Ok(session)
}

/// The id of the session with this token, which is created if there is none.
pub fn find_or_create(db: &Connection, token: &str, now_s: i64) -> Result<i64, Error> {
    delete_expired(db, now_s)?;
    let hash = fingerprint(token.as_bytes());
    db.execute(
        "INSERT OR IGNORE INTO sessions (token_hash, expires_at) VALUES (?1, ?2)",
        params![hash, now_s + LIFETIME_S],
    )?;
    Ok(db.query_row("SELECT id FROM sessions WHERE token_hash = ?1", [hash], |row| row.get(0))?)
}

/// Signs `customer` in under a new token, keeping the cart: a token known before sign-in is worth nothing after.
pub fn sign_in(
    db: &Connection,
    old_token: &str,
    new_token: &str,
    customer: i64,
    now_s: i64,
) -> Result<(), Error> {
    let id = find_or_create(db, old_token, now_s)?;
    db.execute(
        "UPDATE sessions SET token_hash = ?2, customer_id = ?3, expires_at = ?4 WHERE id = ?1",
        params![id, fingerprint(new_token.as_bytes()), customer, now_s + LIFETIME_S],
    )?;
    Ok(())
}

pub fn sign_out(db: &Connection, token: &str) -> Result<(), Error> {
    db.execute("DELETE FROM sessions WHERE token_hash = ?1", [fingerprint(token.as_bytes())])?;
    Ok(())
}
