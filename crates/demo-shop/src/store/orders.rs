//! Orders: placing one and reading them back.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Error;
use crate::shop::StockChanged;
use crate::store::addresses::Address;
use crate::store::cart;
use crate::words::{Cents, Moment};

pub struct Order {
    pub id: i64,
    pub number: String,
    pub placed_at: Moment,
    pub state: String,
    pub recipient: String,
    pub street: String,
    pub city: String,
    pub postcode: String,
    pub country: String,
    pub phone: String,
    pub delivery: String,
    pub delivery_price: Cents,
    pub payment: String,
    pub card_last4: Option<String>,
    pub total: Cents,
}

pub struct OrderLine {
    pub slug: String,
    pub name: String,
    pub price: Cents,
    pub quantity: i64,
}

impl OrderLine {
    pub fn total(&self) -> Cents {
        self.price.times(self.quantity)
    }
}

const ORDER: &str = "SELECT id, number, placed_at, state, recipient, street, city, postcode, country, phone,
       delivery, delivery_cents, payment, card_last4, total_cents FROM orders";

fn order(row: &Row<'_>) -> rusqlite::Result<Order> {
    Ok(Order {
        id: row.get(0)?,
        number: row.get(1)?,
        placed_at: row.get(2)?,
        state: row.get(3)?,
        recipient: row.get(4)?,
        street: row.get(5)?,
        city: row.get(6)?,
        postcode: row.get(7)?,
        country: row.get(8)?,
        phone: row.get(9)?,
        delivery: row.get(10)?,
        delivery_price: row.get(11)?,
        payment: row.get(12)?,
        card_last4: row.get(13)?,
        total: row.get(14)?,
    })
}

/// The newest hundred.
pub fn of_customer(db: &Connection, customer: i64) -> Result<Vec<Order>, Error> {
    let mut query =
        db.prepare_cached(&format!("{ORDER} WHERE customer_id = ?1 ORDER BY id DESC LIMIT 100"))?;
    let rows = query.query_map([customer], order)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The order with this number if it is this customer's.
pub fn find(db: &Connection, customer: i64, number: &str) -> Result<Option<(Order, Vec<OrderLine>)>, Error> {
    let sql = format!("{ORDER} WHERE customer_id = ?1 AND number = ?2");
    let Some(found) = db.query_row(&sql, params![customer, number], order).optional()? else {
        return Ok(None);
    };
    let lines = lines(db, found.id)?;
    Ok(Some((found, lines)))
}

/// The order with this number, whoever's it is: for the back office.
pub fn find_any(db: &Connection, number: &str) -> Result<Option<(Order, Vec<OrderLine>)>, Error> {
    let Some(found) = db.query_row(&format!("{ORDER} WHERE number = ?1"), [number], order).optional()? else {
        return Ok(None);
    };
    let lines = lines(db, found.id)?;
    Ok(Some((found, lines)))
}

fn lines(db: &Connection, order: i64) -> Result<Vec<OrderLine>, Error> {
    let mut query = db.prepare_cached(
        "SELECT p.slug, l.name, l.price_cents, l.quantity
         FROM order_lines l JOIN products p ON p.id = l.product_id WHERE l.order_id = ?1 ORDER BY l.name",
    )?;
    let rows = query.query_map([order], |row| {
        Ok(OrderLine { slug: row.get(0)?, name: row.get(1)?, price: row.get(2)?, quantity: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub struct NewOrder {
    pub customer: i64,
    pub session: i64,
    pub address: Address,
    pub delivery: String,
    pub delivery_price: Cents,
    pub payment: String,
    pub card_last4: Option<String>,
    pub awaits_payment: bool,
}

/// The state of an order until its payment is there.
pub const AWAITS: &str = "awaiting payment";

/// Notes what the payment page told of an order's money. Whether the order is known; told twice, it is noted once.
pub fn note_payment(db: &Connection, number: &str, total: Cents, state: &str) -> Result<bool, Error> {
    let known: Option<String> = db
        .query_row(
            "SELECT state FROM orders WHERE number = ?1 AND total_cents = ?2",
            params![number, total],
            |row| row.get(0),
        )
        .optional()?;
    let Some(known) = known else { return Ok(false) };
    let is_new = match state {
        "captured" | "authorized" => known == AWAITS,
        "refunded" => known != "refunded",
        _ => false,
    };
    if is_new {
        let word = if state == "refunded" { "refunded" } else { "paid" };
        db.execute("UPDATE orders SET state = ?2 WHERE number = ?1", params![number, word])?;
    }
    Ok(true)
}

pub enum Placed {
    Order {
        number: String,
        stock: Vec<StockChanged>,
    },
    EmptyCart,
    /// The cart holds more of a product than there is.
    OutOfStock,
}

/// Turns the session's cart into an order. Prices and stock are read here, inside the transaction, so that
/// nothing a form says and no other order at the same moment can bend them.
pub fn place(db: &Connection, new: &NewOrder, now_s: i64) -> Result<Placed, Error> {
    let cart = cart::load(db, new.session)?;
    if cart.lines.is_empty() {
        return Ok(Placed::EmptyCart);
    }
    if cart.short() {
        return Ok(Placed::OutOfStock);
    }
    let (id, number) = insert(db, new, cart.total().plus(new.delivery_price), now_s)?;
    let mut stock = Vec::with_capacity(cart.lines.len());
    for line in &cart.lines {
        db.execute(
            "INSERT INTO order_lines (order_id, product_id, name, price_cents, quantity) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![id, line.product_id, line.name, line.price, line.quantity],
        )?;
        let left = line.stock - line.quantity;
        db.execute("UPDATE products SET stock = ?2 WHERE id = ?1", params![line.product_id, left])?;
        stock.push(StockChanged { slug: line.slug.clone(), stock: left });
    }
    cart::clear(db, new.session)?;
    Ok(Placed::Order { number, stock })
}

fn insert(db: &Connection, new: &NewOrder, total: Cents, now_s: i64) -> Result<(i64, String), Error> {
    let next: i64 = db.query_row("SELECT COALESCE(MAX(id), 0) + 10240 FROM orders", [], |row| row.get(0))?;
    let number = format!("LM-{next}");
    db.execute(
        "INSERT INTO orders (number, customer_id, placed_at, state, recipient, street, city, postcode, country, phone,
                             delivery, delivery_cents, payment, card_last4, total_cents)
         VALUES (?1, ?2, ?3, ?15, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        params![
            number,
            new.customer,
            now_s,
            new.address.recipient,
            new.address.street,
            new.address.city,
            new.address.postcode,
            new.address.country,
            new.address.phone,
            new.delivery,
            new.delivery_price,
            new.payment,
            new.card_last4,
            total,
            if new.awaits_payment { AWAITS } else { "received" }
        ],
    )?;
    Ok((db.last_insert_rowid(), number))
}
