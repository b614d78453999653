//! Orders from a shop's database, which is read and never written: by the questions of a data file, page by page.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use storeward_base::Timestamp;
use storeward_store::foreign::{Foreign, ForeignEngine, ForeignUrl, Slot, Table};
use storeward_store::params;

use super::{OrderState, READ_AT, SOURCE_READ, ShopOrder};
use crate::error::Error;
use crate::money::Money;
use crate::payments::Payments;

const BUILT_IN: [(&str, &str); 2] = [
    ("woocommerce", include_str!("../../shops/woocommerce.toml")),
    ("django-oscar", include_str!("../../shops/django-oscar.toml")),
];
const PAGE: i64 = 200;
/// Shops write their own clock's time, and a row may be committed later than its time says.
const OVERLAP: Duration = Duration::from_secs(600);
/// Of a shop that is read for the first time, orders that were changed within this.
const FIRST: Duration = Duration::from_secs(400 * 24 * 3600);
/// No shop has more pages: a question that comes to no end is a faulty one.
const MOST_PAGES: u32 = 50_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    name: String,
    engines: Vec<String>,
    #[serde(default)]
    places: BTreeMap<String, String>,
    #[serde(default, rename = "question")]
    questions: Vec<Question>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    #[serde(rename = "if")]
    only_if: Option<String>,
    unless: Option<String>,
    sql: String,
}

/// Which questions a kind of shop is asked about its orders.
#[derive(Clone, Debug)]
pub struct OrdersFile {
    name: String,
    questions: Vec<Question>,
}

impl OrdersFile {
    /// The built-in file for this kind of shop, with what is otherwise in this shop (`prefix`, `method`). Nothing where there is
    /// none for it, or not for this engine; names that it does not know are another file's.
    pub fn built_in(name: &str, engine: ForeignEngine, places: &BTreeMap<String, String>) -> Option<Self> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Self::parse(text, engine, places)
    }

    /// Whether there are questions for this kind of shop.
    pub fn is_known(name: &str) -> bool {
        BUILT_IN.iter().any(|(known, _)| *known == name)
    }

    fn parse(text: &str, engine: ForeignEngine, places: &BTreeMap<String, String>) -> Option<Self> {
        let written: Written = toml::from_str(text).ok()?;
        if written.format != 1 || !written.engines.iter().any(|one| one == engine.name()) {
            return None;
        }
        let mut all = written.places;
        for (name, value) in places {
            let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if let Some(place) = all.get_mut(name).filter(|_| is_plain && value.len() <= 64) {
                place.clone_from(value);
            }
        }
        let filled = |sql: &String| {
            let mut text = sql.clone();
            // Places may say places.
            for _ in 0..3 {
                for (name, value) in &all {
                    text = text.replace(&format!("{{{name}}}"), value);
                }
            }
            text
        };
        let questions = written.questions.iter().map(|question| Question {
            only_if: question.only_if.as_ref().map(filled),
            unless: question.unless.as_ref().map(filled),
            sql: filled(&question.sql),
        });
        Some(OrdersFile { name: written.name, questions: questions.collect() })
    }
}

/// A shop's database, and what it is asked.
#[derive(Clone, Debug)]
pub struct OrdersSource {
    pub file: OrdersFile,
    pub url: ForeignUrl,
}

/// What one reading brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrdersRead {
    pub read: u32,
    /// Rows without a number, an amount, or a currency that is known.
    pub left_out: u32,
}

impl OrdersSource {
    /// The kind of shop and a mark of where its database is, without a name or a password.
    fn source(&self) -> String {
        let place = storeward_seal::fingerprint::sha256_hex(self.url.to_string().as_bytes());
        format!("{}-{}", self.file.name, place.get(..12).unwrap_or_default())
    }
}

/// One session, asked one question after the other on threads that may wait.
#[derive(Clone)]
struct Shop(Arc<Mutex<Foreign>>);

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, storeward_store::Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.unwrap_or(Err(storeward_store::Error::Panicked))?)
}

impl Shop {
    async fn ask(&self, sql: &str, slots: Vec<(&'static str, Slot)>) -> Result<Table, Error> {
        let (shop, sql) = (Arc::clone(&self.0), sql.to_owned());
        blocking(move || shop.lock().unwrap_or_else(PoisonError::into_inner).query(&sql, &slots)).await
    }

    async fn is_for_it(&self, question: &Question) -> Result<bool, Error> {
        let has = async |sql: &Option<String>| match sql {
            Some(sql) => Ok::<_, Error>(Some(!self.ask(sql, Vec::new()).await?.rows.is_empty())),
            None => Ok(None),
        };
        Ok(has(&question.only_if).await?.unwrap_or(true) && !has(&question.unless).await?.unwrap_or(false))
    }
}

impl Payments {
    /// Reads a shop's orders. What was read stays read when it ends early; the next reading begins with what was changed since the
    /// last one that came to its end.
    pub async fn read_orders(&self, from: &OrdersSource) -> Result<OrdersRead, Error> {
        let (begun, source, url) = (self.0.now(), from.source(), from.url.clone());
        let shop = Shop(Arc::new(Mutex::new(blocking(move || Foreign::open(&url)).await?)));
        let held = source.clone();
        let last: Option<Timestamp> = self
            .0
            .read(move |reader| {
                Ok::<_, Error>(reader.query_optional(READ_AT, params![&held], |row| row.get(0))?)
            })
            .await?;
        let since = last.map_or(begun.minus(FIRST), |last| last.minus(OVERLAP));
        let mut read = OrdersRead::default();
        for question in &from.file.questions {
            if shop.is_for_it(question).await? {
                self.read_pages(&shop, question, (since, begun), &source, &mut read).await?;
            }
        }
        let written = self.0.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("a shop's orders were read; where they differ from payments is told");
            tx.execute(SOURCE_READ, params![&source, begun])?;
            Ok(())
        });
        written.await?;
        Ok(read)
    }

    async fn read_pages(
        &self,
        shop: &Shop,
        question: &Question,
        (since, begun): (Timestamp, Timestamp),
        source: &str,
        read: &mut OrdersRead,
    ) -> Result<(), Error> {
        let mut after = 0_i64;
        for _ in 0..MOST_PAGES {
            let slots = vec![
                ("after", Slot::Number(after)),
                ("limit", Slot::Number(PAGE)),
                ("since", Slot::Moment(since)),
            ];
            let table = shop.ask(&question.sql, slots).await?;
            if table.rows.is_empty() {
                return Ok(());
            }
            let at = |name: &str| table.columns.iter().position(|column| column == name);
            let names = ["id", "number", "total", "currency", "state", "refunded", "elsewhere"];
            let [id, number, total, currency, state, refunded, elsewhere] = names.map(at);
            let mut orders = Vec::new();
            for row in &table.rows {
                let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).and_then(Option::as_deref);
                let id: i64 =
                    cell(id).and_then(|id| id.parse().ok()).ok_or(Error::Form("a shop's orders"))?;
                after = after.max(id);
                let order = order_of(&[
                    cell(number),
                    cell(total),
                    cell(currency),
                    cell(state),
                    cell(refunded),
                    cell(elsewhere),
                ]);
                match order.map(|order| ShopOrder { at: begun, ..order }) {
                    Some(order) if super::check(&order, begun).is_ok() => orders.push(order),
                    _ => read.left_out += 1,
                }
            }
            read.read += u32::try_from(orders.len()).unwrap_or(u32::MAX);
            self.take_orders(orders, source.to_owned()).await?;
        }
        Err(Error::Form("a shop's orders that come to no end"))
    }
}

fn order_of(cells: &[Option<&str>; 6]) -> Option<ShopOrder> {
    let [number, total, currency, state, refunded, elsewhere] = *cells;
    let currency = currency?.to_ascii_uppercase();
    // As PayPal writes it: digits, a point, and behind the currency's own decimals zeros alone.
    let money = |text: &str| Money::from_paypal(text, &currency).ok();
    let refunded = match refunded {
        Some(text) => Some(money(text)?.minor),
        None => None,
    };
    Some(ShopOrder {
        order: number?.trim().to_owned(),
        amount: money(total?)?,
        state: OrderState::of_word(state?)?,
        refunded,
        is_elsewhere: elsewhere == Some("1"),
        at: Timestamp::EPOCH,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_files_fit_the_engines_that_they_name() {
        let none = BTreeMap::new();
        for (name, engine, is_there) in [
            ("woocommerce", ForeignEngine::MySql, true),
            ("woocommerce", ForeignEngine::Sqlite, false),
            ("django-oscar", ForeignEngine::Sqlite, true),
            ("django-oscar", ForeignEngine::Postgres, true),
            ("django-oscar", ForeignEngine::MySql, true),
            ("another", ForeignEngine::MySql, false),
        ] {
            let file = OrdersFile::built_in(name, engine, &none);
            assert_eq!(file.is_some(), is_there, "{name} {engine:?}");
            for question in file.into_iter().flat_map(|file| file.questions) {
                let left =
                    question.sql.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default());
                assert!(
                    left.into_iter().all(|slot| ["after", "limit", "since"].contains(&slot)),
                    "{question:?}"
                );
            }
        }
    }

    #[test]
    fn places_are_names_and_nothing_else() {
        let with = |name: &str, value: &str| {
            let places = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let file = OrdersFile::built_in("woocommerce", ForeignEngine::MySql, &places).unwrap();
            file.questions[0].sql.clone()
        };
        assert!(with("prefix", "shop7_").contains("shop7_wc_orders"));
        assert!(with("prefix", "x; DROP TABLE y; --").contains("FROM wp_wc_orders"));
        assert_eq!(with("owner", "x"), with("goods", "y"), "another file's places are none of this one");
    }

    #[test]
    fn an_order_is_read_exactly_or_left_out() {
        let read = |cells: [&str; 6]| order_of(&cells.map(|cell| (cell != "-").then_some(cell)));
        let order = read(["7", "42.50000000", "EUR", "paid", "0.00000000", "0"]).unwrap();
        assert_eq!((order.amount.minor, order.refunded, order.is_elsewhere), (4250, Some(0), false));
        assert_eq!(read(["7", "1800", "JPY", "open", "-", "1"]).unwrap().amount.minor, 1800);
        for wrong in [
            ["7", "42.505", "EUR", "paid", "-", "0"],
            ["7", "1e3", "EUR", "paid", "-", "0"],
            ["7", "42.50", "DOGE", "paid", "-", "0"],
            ["7", "42.50", "EUR", "shipped", "-", "0"],
            ["7", "42.50", "EUR", "paid", "x", "0"],
            ["-", "42.50", "EUR", "paid", "-", "0"],
            ["7", "-", "EUR", "paid", "-", "0"],
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
