//! A vault with its two databases and its shelf, as a data directory has them.

use std::path::PathBuf;
use std::sync::Arc;

use storeward_base::{Actor, CustomerId, FixedClock, Secret, StaffId, SystemEntropy};
use storeward_policy::{Policies, Purpose};
use storeward_seal::envelope::SecretRoot;
use storeward_store::testing::{Place, TestDb, blocking, fresh, options};
use storeward_store::{Db, Engine, Migration};
use storeward_vault::{
    Ask, Asker, Error, Field, Flaw, Harm, Item, KEY_MIGRATIONS, KeyStore, KeyStoreParts, Opened, Provenance,
    Shelf, Vault, VaultParts,
};

/// The key store's side.
pub struct Keys {
    pub place: Arc<Place>,
    pub folder: tempfile::TempDir,
    pub root: SecretRoot,
    pub clock: Arc<FixedClock>,
}

impl Keys {
    pub fn new(engine: Engine, clock: Arc<FixedClock>) -> Option<Self> {
        let root = SecretRoot::from_bytes(Secret::new([5; 32]));
        Some(Keys { place: fresh(engine)?, folder: tempfile::tempdir().unwrap(), root, clock })
    }

    pub fn shelf(&self) -> PathBuf {
        self.folder.path().join("epochs.json")
    }

    pub async fn db(&self) -> Db {
        open_db(self.place.address(), &self.clock).await
    }

    /// The store as somebody has it who writes its database.
    pub async fn beside(&self) -> TestDb {
        let (place, clock) = (Arc::clone(&self.place), Arc::clone(&self.clock));
        blocking(move || TestDb::at(place, KEY_MIGRATIONS, clock)).await
    }

    pub async fn open(&self) -> KeyStore {
        self.try_open(self.db().await).await.unwrap()
    }

    pub async fn try_open(&self, db: Db) -> Result<KeyStore, storeward_vault::Error> {
        KeyStore::open(KeyStoreParts {
            db,
            shelf: Shelf::at(self.shelf()),
            root: Arc::new(self.root.clone()),
            entropy: Arc::new(SystemEntropy),
        })
        .await
    }
}

/// A database as it was, elsewhere: a backup.
pub struct Copied {
    pub address: String,
    _folder: tempfile::TempDir,
    _place: Option<Arc<Place>>,
}

/// Copies a database that lies at `from`.
pub async fn copy_of(db: &Db, from: &str, tables: &'static [Migration], clock: &Arc<FixedClock>) -> Copied {
    let folder = tempfile::tempdir().unwrap();
    let Some(schema) = from.strip_prefix("schema:") else {
        let path = folder.path().join("copy.db");
        let address = format!("sqlite:{}", path.display());
        let db = db.clone();
        blocking(move || db.snapshot_to(&path).unwrap()).await;
        return Copied { address, _folder: folder, _place: None };
    };
    let place = fresh(Engine::Postgres).unwrap();
    let copy = TestDb::at(Arc::clone(&place), tables, Arc::clone(clock));
    copy.drop_guards();
    let names = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema() \
                 ORDER BY table_name <> 'vault_customer', table_name";
    let names = copy.read(move |reader| -> Result<Vec<String>, storeward_store::Error> {
        reader.query_many(names, &[], |row| row.get(0))
    });
    let names = names.await.unwrap();
    copy.tamper(&format!("TRUNCATE {} CASCADE", names.join(", ")));
    for name in names {
        copy.tamper(&format!("INSERT INTO {name} SELECT * FROM {schema}.{name}"));
    }
    blocking(move || (*copy).clone().close()).await;
    Copied { address: place.address().to_owned(), _folder: folder, _place: Some(place) }
}

pub async fn open_db(address: &str, clock: &Arc<FixedClock>) -> Db {
    let options = options(address, KEY_MIGRATIONS, Arc::clone(clock));
    storeward_store::testing::blocking(move || Db::open(options).unwrap()).await
}

pub fn vault(db: &Db, keys: KeyStore) -> Vault {
    Vault::new(VaultParts {
        db: db.clone(),
        keys,
        policies: Policies::default_rules(),
        entropy: Arc::new(SystemEntropy),
    })
}

/// Both sides, or nothing where PostgreSQL is left out.
pub async fn both(db: &TestDb) -> (Keys, Vault) {
    let keys = Keys::new(db.engine(), Arc::clone(&db.clock)).unwrap();
    let store = keys.open().await;
    let vault = vault(db, store);
    (keys, vault)
}

pub fn ada() -> CustomerId {
    CustomerId::from_bits(0xADA)
}

pub fn bob() -> CustomerId {
    CustomerId::from_bits(0xB0B)
}

pub fn staff() -> Actor {
    Actor::Staff { id: StaffId::from_bits(7) }
}

/// The owner, who showed a second factor half a minute ago.
pub fn owner() -> Asker {
    in_group("owner")
}

pub fn in_group(group: &str) -> Asker {
    Asker::staff(StaffId::from_bits(7), vec![group.to_owned()], Some(30))
}

/// The owner's question about one customer.
pub fn asks(customer: CustomerId, purpose: Purpose) -> Ask {
    Ask::new(owner(), customer, purpose)
}

/// A customer's question about themselves.
pub fn own(customer: CustomerId) -> Ask {
    Ask::new(Asker::customer(customer), customer, Purpose::OwnData)
}

/// The owner opens fields for a reason that lets them.
pub async fn open(vault: &Vault, customer: CustomerId, names: &[&str]) -> Result<Vec<Opened>, Error> {
    let fields: Vec<_> = names.iter().map(|name| field(name)).collect();
    vault.open(&asks(customer, Purpose::Support), &fields).await.map(|opening| opening.values)
}

pub fn field(name: &str) -> &'static Field {
    Field::find(name).unwrap()
}

pub fn item(id: &str, values: &[(&str, &str)]) -> Item {
    Item {
        id: id.to_owned(),
        values: values.iter().map(|(name, value)| (field(name), Secret::new((*value).to_owned()))).collect(),
        provenance: Provenance::Customer,
        keep_until: None,
    }
}

/// What says that a record is not as it was written last.
pub fn harmed(customer: CustomerId, place: &str, harm: Harm) -> Error {
    Error::Harmed(Box::new(Flaw { customer, place: place.to_owned(), harm }))
}

/// Opened values as text, for comparing.
pub async fn shown(vault: &Vault, customer: CustomerId, names: &[&str]) -> Vec<String> {
    let opened = open(vault, customer, names).await.unwrap();
    opened.iter().map(|one| format!("{} {} {}", one.item, one.field.name, one.value.expose())).collect()
}
