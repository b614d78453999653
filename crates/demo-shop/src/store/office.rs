//! What the back office reads and changes.

use rusqlite::{Connection, params};

use crate::error::Error;
use crate::store::customers::Message;
use crate::words::{Cents, Moment};

pub struct Totals {
    pub orders: i64,
    pub turnover: Cents,
    pub customers: i64,
    pub low_stock: i64,
}

pub fn totals(db: &Connection) -> Result<Totals, Error> {
    let sql = "SELECT (SELECT COUNT(*) FROM orders), (SELECT COALESCE(SUM(total_cents), 0) FROM orders),
                      (SELECT COUNT(*) FROM customers WHERE role = 'customer'),
                      (SELECT COUNT(*) FROM products WHERE stock < 10)";
    Ok(db.query_row(sql, [], |row| {
        Ok(Totals {
            orders: row.get(0)?,
            turnover: row.get(1)?,
            customers: row.get(2)?,
            low_stock: row.get(3)?,
        })
    })?)
}

pub struct OrderRow {
    pub id: i64,
    pub number: String,
    pub placed_at: Moment,
    pub customer: String,
    pub state: String,
    pub total: Cents,
}

/// `limit` orders older than the id `before`.
pub fn orders(db: &Connection, before: i64, limit: i64) -> Result<Vec<OrderRow>, Error> {
    let mut query = db.prepare_cached(
        "SELECT o.id, o.number, o.placed_at, c.name, o.state, o.total_cents
         FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id < ?1 ORDER BY o.id DESC LIMIT ?2",
    )?;
    let rows = query.query_map([before, limit], |row| {
        Ok(OrderRow {
            id: row.get(0)?,
            number: row.get(1)?,
            placed_at: row.get(2)?,
            customer: row.get(3)?,
            state: row.get(4)?,
            total: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub struct CustomerRow {
    pub id: i64,
    pub name: String,
    pub email: String,
    pub phone: String,
    pub address: String,
    pub joined_at: Moment,
    pub orders: i64,
}

/// `limit` customers after the id `after`.
pub fn customers(db: &Connection, after: i64, limit: i64) -> Result<Vec<CustomerRow>, Error> {
    let mut query = db.prepare_cached(
        "SELECT c.id, c.name, c.email, c.phone, c.joined_at,
                COALESCE((SELECT street || ', ' || postcode || ' ' || city || ', ' || country
                          FROM addresses WHERE customer_id = c.id ORDER BY id LIMIT 1), ''),
                (SELECT COUNT(*) FROM orders WHERE customer_id = c.id)
         FROM customers c WHERE c.role = 'customer' AND c.id > ?1 ORDER BY c.id LIMIT ?2",
    )?;
    let rows = query.query_map([after, limit], |row| {
        Ok(CustomerRow {
            id: row.get(0)?,
            name: row.get(1)?,
            email: row.get(2)?,
            phone: row.get(3)?,
            joined_at: row.get(4)?,
            address: row.get(5)?,
            orders: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub struct StockRow {
    pub slug: String,
    pub name: String,
    pub price: Cents,
    pub stock: i64,
}

pub fn stock(db: &Connection) -> Result<Vec<StockRow>, Error> {
    let mut query =
        db.prepare_cached("SELECT slug, name, price_cents, stock FROM products ORDER BY name LIMIT 500")?;
    let rows = query.query_map([], |row| {
        Ok(StockRow { slug: row.get(0)?, name: row.get(1)?, price: row.get(2)?, stock: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns whether there is such a product.
pub fn set_stock(db: &Connection, slug: &str, stock: i64) -> Result<bool, Error> {
    Ok(db.execute("UPDATE products SET stock = ?2 WHERE slug = ?1", params![slug, stock])? == 1)
}

/// The newest ten.
pub fn messages(db: &Connection) -> Result<Vec<Message>, Error> {
    let mut query = db
        .prepare_cached("SELECT name, email, topic, text, sent_at FROM messages ORDER BY id DESC LIMIT 10")?;
    let rows = query.query_map([], |row| {
        Ok(Message {
            name: row.get(0)?,
            email: row.get(1)?,
            topic: row.get(2)?,
            text: row.get(3)?,
            sent_at: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
