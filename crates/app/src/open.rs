//! Opens what several words need: the config, the keys, the database.

use std::path::Path;
use std::sync::Arc;

use storeward_base::{Clock, Entropy, SystemClock, SystemEntropy};
use storeward_seal::{DataKey, LogKey, Origin, PseudonymKey};
use storeward_store::{DatabaseUrl, Db, Error, Migration, OpenOptions};

use crate::Done;
use crate::config::{Config, Loaded};
use crate::data::{DataDir, Keys};
use crate::failure::{Context, Failure};

/// What to do where the ledger's head is not one that the keys at hand signed.
const OTHER_KEYS: &str = "if this database was written with other keys, put those back into keys/, or correct database.url; \
                          the first name of `domain` is the ledger's name and must stay, too; if all three are right, \
                          somebody wrote to the database: compare it with your backups";

/// Every domain's tables.
const MIGRATIONS: [&[Migration]; 5] = [
    storeward_console::MIGRATIONS,
    storeward_post::MIGRATIONS,
    storeward_identity::MIGRATIONS,
    storeward_guide::MIGRATIONS,
    storeward_oidc::MIGRATIONS,
];

/// A data directory with its config read and its database open.
pub struct Opened {
    pub data: DataDir,
    pub loaded: Loaded,
    pub db: Db,
    pub data_key: DataKey,
    /// Makes what stands for clients, addresses and accounts.
    pub pseudonym_key: PseudonymKey,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

pub fn open(dir: &Path) -> Done<Opened> {
    let loaded = Config::load(dir)?;
    loaded.config.validate()?;
    let data = DataDir::open(dir)?;
    let keys = data.keys()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let data_key = DataKey::from_bytes(keys.data.clone());
    let pseudonym_key = PseudonymKey::from_bytes(keys.pseudonym.clone());
    let db = database(&data, &loaded.config, keys, clock.clone(), entropy.clone())?;
    Ok(Opened { data, loaded, db, data_key, pseudonym_key, clock, entropy })
}

fn database(
    data: &DataDir,
    config: &Config,
    keys: Keys,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Done<Db> {
    let url = database_url(data, config)?;
    let name = config.domain.list().first().cloned().unwrap_or_default();
    let origin = Origin::parse(&format!("{name}/storeward")).context("the ledger's name")?;
    Db::open(OpenOptions {
        url,
        node: "storeward".to_owned(),
        log_key: LogKey::from_seed(&keys.ledger),
        trusted: Vec::new(),
        pseudonym_key: PseudonymKey::from_bytes(keys.pseudonym.clone()),
        origin,
        clock,
        entropy,
        migrations: MIGRATIONS.concat(),
        readers: 4,
    })
    .map_err(|error| {
        let failure = Failure::new(format!("the database: {error}"));
        match error {
            Error::Ledger(_) => failure.hint(OTHER_KEYS),
            _ => failure,
        }
    })
}

/// A relative SQLite path lies in the data directory, wherever the program was started.
fn database_url(data: &DataDir, config: &Config) -> Done<DatabaseUrl> {
    let text = config.database.url.expose();
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.starts_with('/') => {
            DatabaseUrl::parse(&format!("sqlite:{}", data.join(path).display()))
        }
        _ => DatabaseUrl::parse(text),
    }
    .context("database.url")
}
