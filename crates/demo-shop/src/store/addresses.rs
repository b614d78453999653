//! A customer's address book. Every statement names the customer: an id alone opens nothing.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Error;

#[derive(Clone, Default)]
pub struct Address {
    pub id: i64,
    pub recipient: String,
    pub street: String,
    pub city: String,
    pub postcode: String,
    pub country: String,
    pub phone: String,
}

/// As many as one customer may keep.
pub const MOST: i64 = 20;

const ADDRESS: &str = "SELECT id, recipient, street, city, postcode, country, phone FROM addresses";

fn address(row: &Row<'_>) -> rusqlite::Result<Address> {
    Ok(Address {
        id: row.get(0)?,
        recipient: row.get(1)?,
        street: row.get(2)?,
        city: row.get(3)?,
        postcode: row.get(4)?,
        country: row.get(5)?,
        phone: row.get(6)?,
    })
}

pub fn list(db: &Connection, customer: i64) -> Result<Vec<Address>, Error> {
    let mut query = db.prepare_cached(&format!("{ADDRESS} WHERE customer_id = ?1 ORDER BY id LIMIT ?2"))?;
    let rows = query.query_map([customer, MOST], address)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn find(db: &Connection, customer: i64, id: i64) -> Result<Option<Address>, Error> {
    let sql = format!("{ADDRESS} WHERE customer_id = ?1 AND id = ?2");
    Ok(db.query_row(&sql, [customer, id], address).optional()?)
}

/// Returns whether there was room for one more.
pub fn add(db: &Connection, customer: i64, new: &Address) -> Result<bool, Error> {
    let added = db.execute(
        "INSERT INTO addresses (customer_id, recipient, street, city, postcode, country, phone)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
         WHERE (SELECT COUNT(*) FROM addresses WHERE customer_id = ?1) < ?8",
        params![customer, new.recipient, new.street, new.city, new.postcode, new.country, new.phone, MOST],
    )?;
    Ok(added == 1)
}

pub fn change(db: &Connection, customer: i64, new: &Address) -> Result<bool, Error> {
    let changed = db.execute(
        "UPDATE addresses SET recipient = ?3, street = ?4, city = ?5, postcode = ?6, country = ?7, phone = ?8
         WHERE customer_id = ?1 AND id = ?2",
        params![customer, new.id, new.recipient, new.street, new.city, new.postcode, new.country, new.phone],
    )?;
    Ok(changed == 1)
}

pub fn delete(db: &Connection, customer: i64, id: i64) -> Result<bool, Error> {
    Ok(db.execute("DELETE FROM addresses WHERE customer_id = ?1 AND id = ?2", [customer, id])? == 1)
}
