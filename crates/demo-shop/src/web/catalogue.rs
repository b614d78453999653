//! Home, categories, products with their reviews, and search.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};

use crate::clock::now_s;
use crate::shop::{App, Holes};
use crate::store::catalogue::{self, Category, Filter, Hit, NewReview, Product, Review, Sort};
use crate::web::fail::{Answer, Fail};
use crate::web::form::Posted;
use crate::web::page::{Page, html};
use crate::web::visitor::Visitor;
use crate::words::Cents;

const PER_PAGE: i64 = 4;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    page: Page,
    loved: Vec<Product>,
}

pub async fn home(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let filter =
        Filter { category: String::new(), in_stock_only: true, max_price: None, sort: Sort::Favourites };
    let (loved, _total) = app.db.read(move |db| catalogue::list(db, &filter, 0, 8)).await?;
    html(&Home { page: Page::new(&app, &visitor, "Homeware made slowly"), loved })
}

#[derive(Template)]
#[template(path = "category.html")]
struct CategoryPage {
    page: Page,
    category: Category,
    filter: Filter,
    max_euro: String,
    products: Vec<Product>,
    total: i64,
    number: i64,
    last: i64,
}

impl CategoryPage {
    /// The same list, another page of it.
    fn link(&self, number: i64) -> String {
        let stock = if self.filter.in_stock_only { "&stock=1" } else { "" };
        let (slug, sort) = (&self.category.slug, self.filter.sort.code());
        format!("/category/{slug}?sort={sort}&max={}{stock}&page={number}", self.max_euro)
    }
}

pub async fn category(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(slug): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let text = |name: &str| query.get(name).map_or("", String::as_str);
    let max_euro: Option<i64> = text("max").parse().ok().filter(|euro| (1..=10_000).contains(euro));
    let filter = Filter {
        category: slug.clone(),
        in_stock_only: text("stock") == "1",
        max_price: max_euro.map(|euro| Cents(euro * 100)),
        sort: Sort::parse(text("sort")),
    };
    let number: i64 = text("page").parse().ok().filter(|page| (1..=1_000).contains(page)).unwrap_or(1);
    let asked = filter.clone();
    let (category, (products, total)) = app
        .db
        .read(move |db| {
            let list = catalogue::list(db, &asked, (number - 1) * PER_PAGE, PER_PAGE)?;
            Ok((catalogue::category(db, &slug)?, list))
        })
        .await?;
    let category = category.ok_or(Fail::Missing)?;
    html(&CategoryPage {
        page: Page::new(&app, &visitor, category.name.clone()),
        category,
        filter,
        max_euro: max_euro.map(|euro| euro.to_string()).unwrap_or_default(),
        products,
        total,
        number,
        last: ((total + PER_PAGE - 1) / PER_PAGE).max(1),
    })
}

struct ShownReview {
    review: Review,
    stars: String,
    /// HTML, put into the page as it is.
    text_html: String,
}

#[derive(Template)]
#[template(path = "product.html")]
struct ProductPage {
    page: Page,
    product: Product,
    reviews: Vec<ShownReview>,
    related: Vec<Product>,
    review_error: &'static str,
}

pub async fn product(State(app): State<Arc<App>>, visitor: Visitor, Path(slug): Path<String>) -> Answer {
    product_page(&app, &visitor, slug, "").await
}

async fn product_page(app: &App, visitor: &Visitor, slug: String, review_error: &'static str) -> Answer {
    let found = app
        .db
        .read(move |db| {
            let Some(product) = catalogue::find(db, &slug)? else { return Ok(None) };
            let reviews = catalogue::reviews(db, product.id)?;
            let filter = Filter {
                category: product.category_slug.clone(),
                in_stock_only: false,
                max_price: None,
                sort: Sort::Favourites,
            };
            let (mut related, _total) = catalogue::list(db, &filter, 0, 5)?;
            related.retain(|other| other.id != product.id);
            related.truncate(4);
            Ok(Some((product, reviews, related)))
        })
        .await?;
    let (product, reviews, related) = found.ok_or(Fail::Missing)?;
    let holes = app.holes;
    let show = |review: Review| ShownReview {
        stars: stars(review.rating),
        text_html: review_html(&review.text, holes),
        review,
    };
    let reviews = reviews.into_iter().map(show).collect();
    html(&ProductPage {
        page: Page::new(app, visitor, product.name.clone()),
        product,
        reviews,
        related,
        review_error,
    })
}

fn stars(rating: i64) -> String {
    (1..=5).map(|at| if at <= rating { '★' } else { '☆' }).collect()
}

/// DELIBERATE HOLE 2, stored cross-site scripting (CWE-79): with [`Holes::On`] a review's text goes into the page
/// as it was written, so that `<script>` or `<img onerror>` in it runs in every reader's browser.
fn review_html(text: &str, holes: Holes) -> String {
    match holes {
        Holes::On => text.to_owned(),
        Holes::Off => {
            text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
        }
    }
}

pub async fn review(State(app): State<Arc<App>>, Path(slug): Path<String>, posted: Posted) -> Answer {
    let customer = posted.visitor.signed_in("/account")?.id;
    let fields = &posted.fields;
    let (Some(rating), Some(title), Some(text)) =
        (fields.number("rating", 1..=5), fields.line("title", 80), fields.text("text", 2_000))
    else {
        let error = "Please give one to five stars, a short title and a text of up to 2000 characters.";
        let mut answer = product_page(&app, &posted.visitor, slug, error).await?;
        *answer.status_mut() = http::StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(answer);
    };
    let wanted = slug.clone();
    let added = app
        .db
        .write(move |tx| {
            let Some(product) = catalogue::find(tx, &wanted)? else { return Ok(false) };
            let new = NewReview { product: product.id, customer, rating, title, text };
            catalogue::add_review(tx, &new, now_s())?;
            Ok(true)
        })
        .await?;
    if !added {
        return Err(Fail::Missing);
    }
    Ok(Redirect::to(&format!("/product/{slug}#reviews")).into_response())
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    page: Page,
    words: String,
    hits: Vec<Hit>,
}

pub async fn search(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let words: String = query.get("q").map_or("", String::as_str).trim().chars().take(500).collect();
    let holes = app.holes;
    let wanted = words.clone();
    let hits = app.db.read(move |db| catalogue::search(db, &wanted, holes)).await?;
    let mut page = Page::new(&app, &visitor, "Search");
    page.words.clone_from(&words);
    html(&SearchPage { page, words, hits })
}
