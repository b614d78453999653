//! Products, categories, search and reviews.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Error;
use crate::shop::Holes;
use crate::words::{Cents, Moment};

#[derive(Clone)]
pub struct Category {
    pub slug: String,
    pub name: String,
    pub blurb: String,
}

#[derive(Clone)]
pub struct Product {
    pub id: i64,
    pub slug: String,
    pub name: String,
    pub summary: String,
    pub description: String,
    pub material: String,
    pub size: String,
    pub price: Cents,
    pub stock: i64,
    pub category_slug: String,
    pub category_name: String,
    /// Out of five, absent without reviews.
    pub rating: Option<f64>,
    pub review_count: i64,
}

const PRODUCT: &str =
    "SELECT p.id, p.slug, p.name, p.summary, p.description, p.material, p.size, p.price_cents,
       p.stock, c.slug, c.name,
       (SELECT AVG(rating) FROM reviews WHERE product_id = p.id) AS rating,
       (SELECT COUNT(*) FROM reviews WHERE product_id = p.id)
  FROM products p JOIN categories c ON c.id = p.category_id";

fn product(row: &Row<'_>) -> rusqlite::Result<Product> {
    Ok(Product {
        id: row.get(0)?,
        slug: row.get(1)?,
        name: row.get(2)?,
        summary: row.get(3)?,
        description: row.get(4)?,
        material: row.get(5)?,
        size: row.get(6)?,
        price: row.get(7)?,
        stock: row.get(8)?,
        category_slug: row.get(9)?,
        category_name: row.get(10)?,
        rating: row.get(11)?,
        review_count: row.get(12)?,
    })
}

pub fn categories(db: &Connection) -> Result<Vec<Category>, Error> {
    let mut query = db.prepare_cached("SELECT slug, name, blurb FROM categories ORDER BY id")?;
    let rows = query
        .query_map([], |row| Ok(Category { slug: row.get(0)?, name: row.get(1)?, blurb: row.get(2)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn category(db: &Connection, slug: &str) -> Result<Option<Category>, Error> {
    Ok(categories(db)?.into_iter().find(|category| category.slug == slug))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Favourites,
    Cheapest,
    Dearest,
    Name,
}

impl Sort {
    pub const ALL: [Sort; 4] = [Sort::Favourites, Sort::Cheapest, Sort::Dearest, Sort::Name];

    pub fn parse(text: &str) -> Sort {
        Sort::ALL.into_iter().find(|sort| sort.code() == text).unwrap_or(Sort::Favourites)
    }

    pub fn code(self) -> &'static str {
        match self {
            Sort::Favourites => "favourites",
            Sort::Cheapest => "price",
            Sort::Dearest => "price-desc",
            Sort::Name => "name",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Sort::Favourites => "Best loved",
            Sort::Cheapest => "Price, low to high",
            Sort::Dearest => "Price, high to low",
            Sort::Name => "Name",
        }
    }

    fn order(self) -> &'static str {
        match self {
            Sort::Favourites => "rating DESC, p.id",
            Sort::Cheapest => "p.price_cents, p.id",
            Sort::Dearest => "p.price_cents DESC, p.id",
            Sort::Name => "p.name, p.id",
        }
    }
}

#[derive(Clone)]
pub struct Filter {
    /// All categories if empty.
    pub category: String,
    pub in_stock_only: bool,
    pub max_price: Option<Cents>,
    pub sort: Sort,
}

/// One page of a category and how many products there are in all.
pub fn list(db: &Connection, filter: &Filter, offset: i64, limit: i64) -> Result<(Vec<Product>, i64), Error> {
    const WHERE: &str = "(?1 = '' OR c.slug = ?1) AND (?2 = 0 OR p.stock > 0) AND p.price_cents <= ?3";
    let max_cents = filter.max_price.map_or(i64::MAX, |price| price.0);
    let total = db.query_row(
        &format!("SELECT COUNT(*) FROM products p JOIN categories c ON c.id = p.category_id WHERE {WHERE}"),
        params![filter.category, filter.in_stock_only, max_cents],
        |row| row.get(0),
    )?;
    let sql = format!("{PRODUCT} WHERE {WHERE} ORDER BY {} LIMIT ?4 OFFSET ?5", filter.sort.order());
    let mut query = db.prepare_cached(&sql)?;
    let rows =
        query.query_map(params![filter.category, filter.in_stock_only, max_cents, limit, offset], product)?;
    Ok((rows.collect::<Result<_, _>>()?, total))
}

pub fn find(db: &Connection, slug: &str) -> Result<Option<Product>, Error> {
    Ok(db.query_row(&format!("{PRODUCT} WHERE p.slug = ?1"), [slug], product).optional()?)
}

/// What a search result shows.
pub struct Hit {
    pub slug: String,
    pub name: String,
    pub summary: String,
    pub price: Cents,
    pub stock: i64,
}

fn hit(row: &Row<'_>) -> rusqlite::Result<Hit> {
    Ok(Hit {
        slug: row.get(0)?,
        name: row.get(1)?,
        summary: row.get(2)?,
        price: row.get(3)?,
        stock: row.get(4)?,
    })
}

const HITS: i64 = 60;

pub fn search(db: &Connection, words: &str, holes: Holes) -> Result<Vec<Hit>, Error> {
    match holes {
        // Words that make no statement are an honest apostrophe (`men's socks`), or an attack that failed.
        Holes::On => search_concatenated(db, words).or_else(|why| match why {
            Error::Database(why) if is_no_statement(&why) => search_bound(db, words),
            other => Err(other),
        }),
        Holes::Off => search_bound(db, words),
    }
}

/// SQLite cannot read or run it; what is cut short (`d' or -- bague`) has no place where it went wrong.
fn is_no_statement(why: &rusqlite::Error) -> bool {
    match why {
        rusqlite::Error::SqlInputError { .. } => true,
        rusqlite::Error::SqliteFailure(failure, _) => failure.extended_code == rusqlite::ffi::SQLITE_ERROR,
        _ => false,
    }
}

/// DELIBERATE HOLE 1, SQL injection (CWE-89): the visitor's words become part of the statement, so
/// `%' UNION SELECT email, email, password_hash, 0, 0 FROM customers --` lists the customers' sign-ins.
fn search_concatenated(db: &Connection, words: &str) -> Result<Vec<Hit>, Error> {
    let sql = format!(
        "SELECT slug, name, summary, price_cents, stock FROM products WHERE name || ' ' || summary || ' ' || description LIKE '%{words}%' ORDER BY name LIMIT {HITS}"
    );
    let mut query = db.prepare(&sql)?;
    let rows = query.query_map([], hit)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn search_bound(db: &Connection, words: &str) -> Result<Vec<Hit>, Error> {
    let escaped = words.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let mut query = db.prepare_cached(
        "SELECT slug, name, summary, price_cents, stock FROM products
         WHERE name || ' ' || summary || ' ' || description LIKE '%' || ?1 || '%' ESCAPE '\\'
         ORDER BY name LIMIT ?2",
    )?;
    let rows = query.query_map(params![escaped, HITS], hit)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub struct Review {
    pub author: String,
    pub picture: Option<String>,
    pub rating: i64,
    pub title: String,
    pub text: String,
    pub written_at: Moment,
}

/// The newest fifty.
pub fn reviews(db: &Connection, product: i64) -> Result<Vec<Review>, Error> {
    let mut query = db.prepare_cached(
        "SELECT c.name, c.picture, r.rating, r.title, r.text, r.written_at
         FROM reviews r JOIN customers c ON c.id = r.customer_id
         WHERE r.product_id = ?1 ORDER BY r.written_at DESC, r.id DESC LIMIT 50",
    )?;
    let rows = query.query_map([product], |row| {
        Ok(Review {
            author: row.get(0)?,
            picture: row.get(1)?,
            rating: row.get(2)?,
            title: row.get(3)?,
            text: row.get(4)?,
            written_at: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub struct NewReview {
    pub product: i64,
    pub customer: i64,
    pub rating: i64,
    pub title: String,
    pub text: String,
}

pub fn add_review(db: &Connection, review: &NewReview, now_s: i64) -> Result<(), Error> {
    db.execute(
        "INSERT INTO reviews (product_id, customer_id, rating, title, text, written_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![review.product, review.customer, review.rating, review.title, review.text, now_s],
    )?;
    Ok(())
}

impl Product {
    pub fn rating_text(&self) -> String {
        self.rating.map(|rating| format!("{rating:.1}")).unwrap_or_default()
    }
}
