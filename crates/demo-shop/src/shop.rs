//! Opening the shop, and what its pages share.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast, watch};

use crate::db::Db;
use crate::error::Error;
use crate::{clock, seed, serve, store, tokens};

/// Whether the three deliberate holes are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holes {
    /// The search, the reviews and the customer export can be attacked.
    On,
    /// The shop as it should have been written.
    Off,
}

/// How to open a shop.
#[derive(Clone, Debug)]
pub struct ShopOptions {
    /// The SQLite file; created and filled with the sample data if it is missing. Profile pictures go into a
    /// folder of the same name ending in `-pictures`.
    pub database: PathBuf,
    pub holes: Holes,
    /// Where orders are paid online; nowhere without it.
    pub pay: Option<PayAt>,
}

/// A payment page elsewhere, reached by a link that the shop signs; and how its news are signed.
#[derive(Clone)]
pub struct PayAt {
    /// The page.
    pub page: String,
    /// Where this shop is in browsers, without a slash at the end.
    pub shop: String,
    /// Signs the link.
    pub secret: String,
    /// Signs the news (Standard Webhooks), as bytes.
    pub news_secret: Vec<u8>,
}

impl std::fmt::Debug for PayAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PayAt").field("page", &self.page).finish_non_exhaustive()
    }
}

/// An opened shop, ready to serve.
pub struct Shop {
    app: Arc<App>,
}

impl Shop {
    /// Opens the database, fills an empty one with the sample data and clears out expired sessions.
    ///
    /// # Errors
    /// When the file or its picture folder cannot be opened or written.
    pub fn open(options: ShopOptions) -> Result<Shop, Error> {
        let pictures = pictures_beside(&options.database);
        std::fs::create_dir_all(&pictures)?;
        let db = Db::open(&options.database)?;
        let fresh_key = tokens::random_token()?;
        let (csrf_key, categories) = db.write_at_start(|tx| {
            let now = clock::now_s();
            seed::fill_if_empty(tx, now)?;
            store::sessions::delete_expired(tx, now)?;
            Ok((store::sessions::csrf_key(tx, &fresh_key)?, store::catalogue::categories(tx)?))
        })?;
        let app = App {
            db,
            holes: options.holes,
            pay: options.pay,
            csrf_key,
            categories: Arc::new(categories),
            pictures,
            stock: broadcast::channel(64).0,
            listeners: Arc::new(Semaphore::new(256)),
            stopping: watch::channel(false).0,
        };
        Ok(Shop { app: Arc::new(app) })
    }

    /// Answers HTTP/1.1 on `listener` until `stop` resolves, then lets open requests finish for a few seconds.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), Error> {
        serve::run(self.app, listener, stop).await
    }
}

/// What every page can reach.
pub struct App {
    pub db: Db,
    pub holes: Holes,
    pub pay: Option<PayAt>,
    pub csrf_key: String,
    /// For every page's menu; they never change while the shop is open.
    pub categories: Arc<Vec<store::catalogue::Category>>,
    pub pictures: PathBuf,
    pub stock: broadcast::Sender<StockChanged>,
    /// Seats at `/events`.
    pub listeners: Arc<Semaphore>,
    /// Turns true once the shop closes, so that endless streams end.
    pub stopping: watch::Sender<bool>,
}

/// A product's stock is now this.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StockChanged {
    pub slug: String,
    pub stock: i64,
}

fn pictures_beside(database: &Path) -> PathBuf {
    let mut name = database.file_stem().unwrap_or_default().to_owned();
    name.push("-pictures");
    database.with_file_name(name)
}
