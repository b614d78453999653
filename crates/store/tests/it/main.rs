//! The store through its door, on both engines.
#![allow(clippy::unwrap_used)] // a test fails by panicking, in its helpers too

mod batcher;
mod believed;
mod bound;
mod crash;
mod foreign;
mod forgetting;
mod full;
mod jobs;
mod kept;
mod lately;
mod ledger;
mod lost_server;
mod migrations;
mod overdue;
mod reading;
mod schema;
mod subscribers;
mod tls;
mod writing;

use storeward_base::Actor;
use storeward_events::{Event, system::Started};
use storeward_store::Error;
use storeward_store::testing::TestDb;

/// An event to write.
fn started(version: &str) -> Event {
    Started { version: version.to_owned() }.into()
}

/// Appends events one after the other.
async fn append(db: &TestDb, count: u64) {
    for n in 0..count {
        let wrote = db.write(move |tx| tx.append(Actor::System, None, started(&format!("1.{n}")))).await;
        wrote.expect("the event is written");
    }
}

/// The number of the last entry.
async fn size(db: &TestDb) -> u64 {
    db.read(storeward_store::ledger::head).await.map(|head| head.size).expect("there is a head")
}

/// A write that fails on purpose.
fn failing<T>(why: Error) -> Result<T, Error> {
    Err(why)
}
