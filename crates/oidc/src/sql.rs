//! All SQL of the provider, by table.

pub mod client;
pub mod consent;
pub mod grant;
pub mod key;
pub mod token;

use storeward_events::system::RowHarmed;
use storeward_store::{Db, Error};

/// Clients, grants and tokens that are not as they were bound.
pub async fn harmed(db: &Db) -> Result<Vec<RowHarmed>, Error> {
    let mut harmed = Vec::new();
    for table in [client::TABLE, grant::TABLE, token::ACCESS_TABLE, token::REFRESH_TABLE] {
        harmed.extend(table.look(db).await?);
    }
    Ok(harmed)
}

/// Every statement of this crate, for the test that prepares them on both engines.
pub const STATEMENTS: &[&[&str]] =
    &[client::STATEMENTS, consent::STATEMENTS, grant::STATEMENTS, key::STATEMENTS, token::STATEMENTS];
