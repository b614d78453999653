//! The cart: pieces and quantities only. Prices are read from the products each time.

use rusqlite::{Connection, params};

use crate::error::Error;
use crate::words::Cents;

pub struct Line {
    pub product_id: i64,
    pub slug: String,
    pub name: String,
    pub price: Cents,
    pub stock: i64,
    pub quantity: i64,
}

impl Line {
    pub fn total(&self) -> Cents {
        self.price.times(self.quantity)
    }

    pub fn short(&self) -> bool {
        self.quantity > self.stock
    }
}

#[derive(Default)]
pub struct Cart {
    pub lines: Vec<Line>,
}

impl Cart {
    pub fn total(&self) -> Cents {
        self.lines.iter().fold(Cents(0), |sum, line| sum.plus(line.total()))
    }

    pub fn count(&self) -> i64 {
        self.lines.iter().map(|line| line.quantity).sum()
    }

    pub fn short(&self) -> bool {
        self.lines.iter().any(Line::short)
    }
}

/// As many pieces of one product as a cart holds.
pub const MOST: i64 = 99;

pub fn load(db: &Connection, session: i64) -> Result<Cart, Error> {
    let mut query = db.prepare_cached(
        "SELECT p.id, p.slug, p.name, p.price_cents, p.stock, l.quantity
         FROM cart_lines l JOIN products p ON p.id = l.product_id WHERE l.session_id = ?1 ORDER BY p.name",
    )?;
    let rows = query.query_map([session], |row| {
        Ok(Line {
            product_id: row.get(0)?,
            slug: row.get(1)?,
            name: row.get(2)?,
            price: row.get(3)?,
            stock: row.get(4)?,
            quantity: row.get(5)?,
        })
    })?;
    Ok(Cart { lines: rows.collect::<Result<_, _>>()? })
}

/// Returns whether there is such a product.
pub fn add(db: &Connection, session: i64, slug: &str, quantity: i64) -> Result<bool, Error> {
    let added = db.execute(
        "INSERT INTO cart_lines (session_id, product_id, quantity)
         SELECT ?1, id, ?3 FROM products WHERE slug = ?2
         ON CONFLICT DO UPDATE SET quantity = MIN(quantity + excluded.quantity, ?4)",
        params![session, slug, quantity, MOST],
    )?;
    Ok(added == 1)
}

pub fn set(db: &Connection, session: i64, slug: &str, quantity: i64) -> Result<(), Error> {
    if quantity == 0 {
        return remove(db, session, slug);
    }
    db.execute(
        "UPDATE cart_lines SET quantity = ?3
         WHERE session_id = ?1 AND product_id = (SELECT id FROM products WHERE slug = ?2)",
        params![session, slug, quantity],
    )?;
    Ok(())
}

pub fn remove(db: &Connection, session: i64, slug: &str) -> Result<(), Error> {
    db.execute(
        "DELETE FROM cart_lines
         WHERE session_id = ?1 AND product_id = (SELECT id FROM products WHERE slug = ?2)",
        params![session, slug],
    )?;
    Ok(())
}

pub fn clear(db: &Connection, session: i64) -> Result<(), Error> {
    db.execute("DELETE FROM cart_lines WHERE session_id = ?1", [session])?;
    Ok(())
}
