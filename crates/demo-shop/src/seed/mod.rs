//! The sample data: the same people, products and orders each time, dated back from the day of opening.
//! Every person is invented; e-mail domains and telephone numbers come from ranges kept for examples and
//! fiction (RFC 2606; Ofcom, ComReg, Bundesnetzagentur, ARCEP and PTS drama numbers).

mod products;

use rusqlite::{Connection, params};

use crate::error::Error;
use crate::words::Cents;

const DAY_S: i64 = 86_400;

/// Who can sign in to the sample shop.
#[derive(Clone, Copy, Debug)]
pub struct DemoCredentials {
    pub customer: DemoAccount,
    pub admin: DemoAccount,
}

#[derive(Clone, Copy, Debug)]
pub struct DemoAccount {
    pub email: &'static str,
    pub password: &'static str,
}

/// The two accounts of the sample data whose passwords are known.
#[must_use]
pub fn demo_credentials() -> DemoCredentials {
    DemoCredentials {
        customer: DemoAccount { email: "ella.fairley@example.com", password: "Mist-on-the-Fell-26" },
        admin: DemoAccount { email: "office@larkmoor.example", password: "Kiln-Door-Ajar-1280" },
    }
}

/// Fills the tables unless there are products already.
pub fn fill_if_empty(db: &Connection, now_s: i64) -> Result<(), Error> {
    let filled: bool = db.query_row("SELECT EXISTS (SELECT 1 FROM products)", [], |row| row.get(0))?;
    if filled {
        return Ok(());
    }
    let mut dice = Dice(0x5eed_1a4b);
    fill_catalogue(db)?;
    let customers = fill_customers(db, now_s, &mut dice)?;
    fill_reviews(db, now_s, customers, &mut dice)?;
    fill_orders(db, now_s, customers, &mut dice)
}

fn fill_catalogue(db: &Connection) -> Result<(), Error> {
    for category in &products::CATEGORIES {
        db.execute(
            "INSERT INTO categories (slug, name, blurb) VALUES (?1, ?2, ?3)",
            params![category.slug, category.name, category.blurb],
        )?;
    }
    let mut insert = db.prepare(
        "INSERT INTO products (category_id, slug, name, summary, description, material, size, price_cents, stock)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for product in products::products() {
        insert.execute(params![
            product.category,
            product.slug,
            product.name,
            product.summary,
            product.description,
            product.material,
            product.size,
            product.price_cents,
            product.stock,
        ])?;
    }
    Ok(())
}

/// Returns how many customers there are: ids 1 (the demo customer) to that number, the back office after it.
/// The hashes were made once, with argon2id and the shop's own parameters; hashing forty passwords at each
/// first start would take seconds.
fn fill_customers(db: &Connection, now_s: i64, dice: &mut Dice) -> Result<i64, Error> {
    let mut hashes = include_str!("password_hashes.txt").lines();
    let mut hash = || hashes.next().unwrap_or("");
    let demo = demo_credentials();
    let demo_hash = hash();
    let admin_hash = hash();
    let demo_line = format!(
        "{}|Ella Fairley|01632 960042|7 Fellside Cottages|Thornbeck|ZZ91 4QT|United Kingdom",
        demo.customer.email
    );
    let people = std::iter::once((demo_line.as_str(), demo_hash))
        .chain(include_str!("people.txt").lines().map(|line| (line, hash())));
    let mut count = 0;
    for (line, hash) in people {
        let mut fields = line.split('|');
        let mut next = || fields.next().unwrap_or("");
        let (email, name, phone, street) = (next(), next(), next(), next());
        let (city, postcode, country) = (next(), next(), next());
        let joined_at = now_s - (250 + dice.below(600)) * DAY_S;
        add_customer(db, [email, name, phone, hash, "customer"], joined_at)?;
        count += 1;
        add_address(db, count, [name, street, city, postcode, country, phone])?;
    }
    add_address(
        db,
        1,
        [
            "Ella Fairley, c/o Brackenthwaite Studio",
            "Unit 3, Old Bobbin Mill",
            "Ashcombe Green",
            "ZZ82 2LN",
            "United Kingdom",
            "01632 960043",
        ],
    )?;
    let office = [demo.admin.email, "Larkmoor Office", "01632 960001", admin_hash, "admin"];
    add_customer(db, office, now_s - 900 * DAY_S)?;
    Ok(count)
}

fn add_customer(db: &Connection, fields: [&str; 5], joined_at: i64) -> Result<(), Error> {
    let [email, name, phone, hash, role] = fields;
    db.execute(
        "INSERT INTO customers (email, name, phone, password_hash, role, joined_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![email, name, phone, hash, role, joined_at],
    )?;
    Ok(())
}

fn add_address(db: &Connection, customer: i64, fields: [&str; 6]) -> Result<(), Error> {
    let [recipient, street, city, postcode, country, phone] = fields;
    db.execute(
        "INSERT INTO addresses (customer_id, recipient, street, city, postcode, country, phone)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![customer, recipient, street, city, postcode, country, phone],
    )?;
    Ok(())
}

fn fill_reviews(db: &Connection, now_s: i64, customers: i64, dice: &mut Dice) -> Result<(), Error> {
    for (line, at) in include_str!("reviews.txt").lines().zip(0_i64..) {
        let mut fields = line.splitn(4, '|');
        let mut next = || fields.next().unwrap_or("");
        let (slug, rating, title, text) = (next(), next(), next(), next());
        let customer = 2 + (at * 7) % (customers - 1);
        db.execute(
            "INSERT INTO reviews (product_id, customer_id, rating, title, text, written_at)
             SELECT id, ?2, CAST(?3 AS INTEGER), ?4, ?5, ?6 FROM products WHERE slug = ?1",
            params![slug, customer, rating, title, text, now_s - (3 + dice.below(220)) * DAY_S],
        )?;
    }
    Ok(())
}

const ORDERS: i64 = 62;

fn fill_orders(db: &Connection, now_s: i64, customers: i64, dice: &mut Dice) -> Result<(), Error> {
    for at in 0..ORDERS {
        // Every fifteenth order is the demo customer's, so that their history is worth a look.
        let customer = if at % 15 == 6 { 1 } else { 2 + dice.below(customers - 1) };
        let age_days = (ORDERS - at) * 4 - dice.below(3);
        let state = if age_days > 12 { "delivered" } else { "packed" };
        let (delivery, delivery_cents) =
            if dice.below(4) == 0 { ("Express delivery", 990) } else { ("Standard delivery", 490) };
        let (payment, last4) = match dice.below(3) {
            0 => ("Card", Some("4242")),
            1 => ("Invoice", None),
            _ => ("Cash on delivery", None),
        };
        db.execute(
            "INSERT INTO orders (number, customer_id, placed_at, state, recipient, street, city, postcode, country,
                                 phone, delivery, delivery_cents, payment, card_last4, total_cents)
             SELECT ?1, customer_id, ?3, ?4, recipient, street, city, postcode, country, phone, ?5, ?6, ?7, ?8, 0
             FROM addresses WHERE customer_id = ?2 ORDER BY id LIMIT 1",
            params![
                format!("LM-{}", 10_240 + at),
                customer,
                now_s - age_days * DAY_S + dice.below(20_000),
                state,
                delivery,
                delivery_cents,
                payment,
                last4
            ],
        )?;
        fill_order_lines(db, db.last_insert_rowid(), Cents(delivery_cents), dice)?;
    }
    Ok(())
}

fn fill_order_lines(db: &Connection, order: i64, delivery: Cents, dice: &mut Dice) -> Result<(), Error> {
    for _line in 0..=dice.below(3) {
        db.execute(
            "INSERT OR IGNORE INTO order_lines (order_id, product_id, name, price_cents, quantity)
             SELECT ?1, id, name, price_cents, ?3 FROM products WHERE id = ?2",
            params![order, 1 + dice.below(24), 1 + dice.below(3)],
        )?;
    }
    db.execute(
        "UPDATE orders SET total_cents = ?2 + (SELECT SUM(price_cents * quantity) FROM order_lines WHERE order_id = ?1)
         WHERE id = ?1",
        params![order, delivery],
    )?;
    Ok(())
}

/// A linear congruential generator (Knuth, MMIX constants): the same throws in each new shop.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let throw = i64::try_from(self.0 >> 33).unwrap_or(0);
        throw % limit.max(1)
    }
}
