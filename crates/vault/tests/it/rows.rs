//! Each row of each table of the key store that is deleted, added or changed past Storeward is found, but for what stands in [`NOBODY`]:
//! with the reason, as in docs/vault.md.

use std::cell::RefCell;
use std::collections::BTreeSet;

use storeward_base::Actor;
use storeward_events::Event;
use storeward_store::ledger::{self, VerifyOptions};
use storeward_store::testing::{TestDb, blocking, options};
use storeward_store::{Db, Engine, Error, both_engines};
use storeward_vault::{Class, KEY_MIGRATIONS, KeyFault, MIGRATIONS};

use crate::support::{Keys, ada, bob, both, item, staff, vault};

/// What nothing goes by in a key store. `+` is a row that is added, `-` one that is taken away.
const NOBODY: &[(&str, &str)] = &[
    // Which moment it was says the ledger.
    (
        "vault_customer_key.created_at",
        "held to ten minutes, for rows of earlier versions were stamped before their entry",
    ),
    ("vault_destroyed_key.destroyed_at", "the same"),
    ("vault_index_root.created_at", "read by nobody"),
    ("vault_index_root.retired_at", "that a root ended is held, the moment and its epoch are read by nobody"),
    ("vault_name_key.created_at", "read by nobody"),
    ("schema_migration.applied_at", "read by nobody"),
    ("schema_migration.+", "of a part that no program has: read by nobody"),
    // Notes are held against the ledger one by one; this says only that it need not be done again.
    ("vault_destroyed_noted.noted_at", "read by nobody"),
    ("vault_destroyed_noted.-", "what is done once is done once more, and changes nothing"),
    // Every write may keep a checkpoint; each says itself which came before it, under its signature.
    ("ledger_checkpoint.at", "read by nobody"),
    ("ledger_head.kept_at", "says when the next checkpoint is kept: a thousand entries later at most"),
    // Every database of Storeward's has them; a key store has no clients, jobs or subscribers.
    ("subscription_cursor.+", "read by nobody"),
    ("client_address.+", "read by nobody"),
    ("job.+", "read by nobody"),
];
/// The database itself lets nobody change these.
const FIXED: &[&str] = &["ledger_head.id", "ledger_head.+"];

pub type Columns = Vec<(String, String)>;

/// The tables with their columns and their types, as they are.
pub async fn tables(db: &TestDb) -> Vec<(String, Columns)> {
    let sql = match db.engine() {
        Engine::Sqlite => {
            "SELECT m.name, c.name, LOWER(c.type) FROM sqlite_master m, pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid"
        }
        Engine::Postgres => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position"
        }
    };
    let found = db.read(move |reader| -> Result<Vec<(String, String, String)>, Error> {
        reader.query_many(sql, &[], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    });
    let mut tables: Vec<(String, Columns)> = Vec::new();
    for (table, column, kind) in found.await.unwrap() {
        match tables.last_mut().filter(|(known, _)| *known == table) {
            Some((_, columns)) => columns.push((column, kind)),
            None => tables.push((table, vec![(column, kind)])),
        }
    }
    tables
}

pub async fn count(db: &TestDb, table: &str) -> u64 {
    let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {table}");
    db.read(move |reader| -> Result<u64, Error> { reader.query_one(&sql, &[], |row| row.get(0)) })
        .await
        .unwrap()
}

/// Row `at` of a table, from 0.
pub fn row(engine: Engine, table: &str, at: u64) -> String {
    let id = if engine == Engine::Sqlite { "rowid" } else { "ctid" };
    format!("{id} = (SELECT {id} FROM {table} ORDER BY {id} LIMIT 1 OFFSET {at})")
}

/// Another value of the column.
fn other(engine: Engine, column: &str, kind: &str) -> String {
    match (kind, engine) {
        _ if column == "customer" => "'cust_00000000000000000000000009'".to_owned(),
        ("text", _) => format!("COALESCE({column} || 'x', 'x')"),
        ("blob", _) => format!("CAST({column} || x'00' AS BLOB)"),
        ("bytea", _) => format!("{column} || '\\x00'::bytea"),
        _ => format!("COALESCE({column} + 1000, 1000)"),
    }
}

struct House<'a> {
    data: &'a TestDb,
    keys: &'a Keys,
    db: &'a TestDb,
    put_back: String,
    /// What is otherwise than the list says.
    odd: RefCell<Vec<String>>,
}

impl House<'_> {
    /// What a program that opens the store now, its look over it or the look over its ledger has to say.
    async fn is_found(&self) -> bool {
        let options = options(self.keys.place.address(), KEY_MIGRATIONS, self.keys.clock.clone());
        let Ok(opened) = blocking(move || Db::open(options)).await else { return true };
        let read = opened.clone();
        let report = blocking(move || ledger::verify(&read, &VerifyOptions::default(), |_, _| {})).await;
        let is_odd = report.map_or(true, |report| report.first_fault.is_some());
        let found = match self.keys.try_open(opened.clone()).await {
            _ if is_odd => true,
            Err(_) => true,
            Ok(store) => {
                let looked = vault(self.data, store).verify(Actor::System, |_| {}).await;
                looked.map_or(true, |looked| looked.faults > 0)
            }
        };
        blocking(move || opened.close()).await;
        found
    }

    async fn check(&self, table: &str, what: &str, harm: &str) {
        let place = format!("{table}.{what}");
        if FIXED.contains(&place.as_str()) {
            return;
        }
        self.db.tamper(harm);
        let is_known = NOBODY.iter().any(|(known, _)| *known == place);
        if self.is_found().await == is_known {
            self.odd.borrow_mut().push(format!("{place}: {harm}"));
        }
        // Whatever a look or a start wrote since is taken back, too.
        self.db.tamper(&self.put_back);
    }

    async fn sweep(&self, table: &str, columns: &Columns) {
        let (engine, rows) = (self.db.engine(), count(self.db, table).await);
        // Rows of the ledger are all alike; `sweep.rs` looks at their bytes.
        let step = if table.starts_with("vault_") { 1 } else { rows.div_ceil(3).max(1) };
        for at in (0..rows).step_by(usize::try_from(step).unwrap()).chain(rows.checked_sub(1)) {
            self.check(table, "-", &format!("DELETE FROM {table} WHERE {}", row(engine, table, at))).await;
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let mut values: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let (first, kind) = &columns[0];
        values[0] = other(engine, first, kind);
        if let Some(id) = names.iter().position(|name| *name == "id").filter(|id| *id > 0) {
            values[id] = other(engine, "id", "text");
        }
        let add = match rows {
            0 => {
                let value = |(_, kind): &(String, String)| match kind.as_str() {
                    "text" => "'x'",
                    "blob" => "x'00'",
                    "bytea" => "'\\x00'::bytea",
                    _ => "1",
                };
                let values: Vec<&str> = columns.iter().map(value).collect();
                format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "))
            }
            _ => format!(
                "INSERT INTO {table} ({}) SELECT {} FROM {table} WHERE {}",
                names.join(", "),
                values.join(", "),
                row(engine, table, 0)
            ),
        };
        self.check(table, "+", &add).await;
        let ends: BTreeSet<u64> = [0, rows.saturating_sub(1)].into_iter().filter(|at| *at < rows).collect();
        for (column, kind) in columns {
            // Of a root that lives these are held, of one that ended they say nothing: below.
            let is_held = table != "vault_index_root" || !["retired_at", "epoch"].contains(&column.as_str());
            for at in ends.iter().filter(|_| is_held) {
                let to = other(engine, column, kind);
                self.check(
                    table,
                    column,
                    &format!("UPDATE {table} SET {column} = {to} WHERE {}", row(engine, table, *at)),
                )
                .await;
            }
        }
    }
}

both_engines!(each_row_of_the_key_store_counts, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    vault.settle_indexes(&[]).await.unwrap();
    for who in [ada(), bob()] {
        vault.write(staff(), who, item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    }
    vault.erase(&crate::support::own(bob())).await.unwrap();
    // Of somebody who never had a key: an erased customer's other number.
    vault.keys().destroy(storeward_base::CustomerId::from_bits(0xBEE), staff()).await.unwrap();
    vault.renew_index(|_| {}).await.unwrap();
    vault.keys().write_notes().await.unwrap();
    let key_db = TestDb::at(keys.place.clone(), KEY_MIGRATIONS, db.clock.clone());
    key_db.drop_guards();
    let tables = tables(&key_db).await;
    for (table, _) in &tables {
        key_db.tamper(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"));
    }
    let put_back = |(table, _): &(String, Columns)| {
        format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table};")
    };
    let put_back = tables.iter().map(put_back).collect();
    let house = House { data: &db, keys: &keys, db: &key_db, put_back, odd: RefCell::default() };
    assert!(!house.is_found().await);
    for (table, columns) in &tables {
        house.sweep(table, columns).await;
    }
    for harm in [
        "UPDATE vault_index_root SET retired_at = 1 WHERE version = 2",
        "UPDATE vault_index_root SET epoch = 7 WHERE version = 2",
        "UPDATE vault_index_root SET retired_at = NULL WHERE version = 1",
        "UPDATE vault_index_root SET retired_at = NULL, wrapped = (SELECT wrapped FROM kept_vault_index_root WHERE version = 2) \
         WHERE version = 1",
        "DELETE FROM vault_name_key",
    ] {
        house.check("whole", "", harm).await;
    }
    assert_eq!(*house.odd.borrow(), [""; 0], "found and listed, or neither");
    // What is listed is there, so that the list says nothing old.
    let places: BTreeSet<String> = tables
        .iter()
        .flat_map(|(table, columns)| {
            let columns = columns.iter().map(|(name, _)| name.as_str()).chain(["+", "-"]);
            columns.map(move |column| format!("{table}.{column}"))
        })
        .collect();
    assert!(NOBODY.iter().all(|(place, _)| places.contains(*place)));
    blocking(move || drop(key_db)).await;
});

// An import took everybody for somebody new by it, whoever was erased among them; and nothing said a word.
both_engines!(
    a_key_of_names_that_is_gone_is_told_and_nothing_is_opened_with_another,
    MIGRATIONS,
    async |db| {
        let (keys, vault) = both(&db).await;
        let (customer, order) = (vault.customer_of_shop("7"), vault.item_of_shop(Class::Order, "A-1"));
        let key_db = TestDb::at(keys.place.clone(), KEY_MIGRATIONS, db.clock.clone());
        key_db.raw("CREATE TABLE kept_name AS SELECT * FROM vault_name_key");
        for name in ["import.customer", "import.item.order", "root"] {
            key_db.tamper(&format!("DELETE FROM vault_name_key WHERE name = '{name}'"));
            let refused = keys.try_open(keys.db().await).await.map(drop).unwrap_err().to_string();
            assert!(
                refused.contains(name) && refused.contains("restore the key store from its backup"),
                "{refused}"
            );
            // A program that runs goes on with what it read, and says what is gone.
            assert_eq!(
                (vault.customer_of_shop("7"), vault.item_of_shop(Class::Order, "A-1")),
                (customer, order.clone())
            );
            let looked = vault.verify(Actor::System, |_| {}).await.unwrap();
            assert_eq!((looked.faults, looked.keys), (1, vec![KeyFault::Name(name.to_owned())]));
            let place = format!("vault_name_key.{name}");
            let filter =
                ledger::Filter { kind_prefix: Some("vault.record_harmed".to_owned()), ..Default::default() };
            let told = db
                .read(move |reader| ledger::search(reader, &filter, storeward_base::PageSize::new(1)))
                .await
                .unwrap();
            let Event::RecordHarmed(fact) = &told.rows[0].1.event else { panic!() };
            assert_eq!((&fact.place, fact.harm.as_str()), (&place, "row"));
            key_db.tamper("DELETE FROM vault_name_key; INSERT INTO vault_name_key SELECT * FROM kept_name");
            assert_eq!(crate::support::vault(&db, keys.open().await).customer_of_shop("7"), customer);
        }
        blocking(move || drop(key_db)).await;
    }
);

// A note alone did both: it destroyed the key of somebody who had asked for nothing, and, taken away, gave an erased one a key again.
both_engines!(notes_of_destroyed_keys_neither_erase_nor_bring_back, MIGRATIONS, async |db| {
    let (keys, first) = both(&db).await;
    for who in [ada(), bob()] {
        first.write(staff(), who, item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    }
    first.erase(&crate::support::own(bob())).await.unwrap();
    let guest = storeward_base::CustomerId::from_bits(0xBEE);
    first.keys().destroy(guest, staff()).await.unwrap();
    let key_db = TestDb::at(keys.place.clone(), KEY_MIGRATIONS, db.clock.clone());
    key_db.tamper("DELETE FROM vault_destroyed_key");
    key_db
        .tamper(&format!("INSERT INTO vault_destroyed_key (customer, destroyed_at) VALUES ('{}', 5)", ada()));
    db.tamper(&format!("DELETE FROM vault_customer WHERE id = '{}'", bob()));
    let again = vault(&db, keys.open().await);
    again.finish_erasures().await.unwrap();
    assert_eq!(
        crate::support::shown(&again, ada(), &["contact.email"]).await,
        ["own email ada@shop.example"]
    );
    for who in [bob(), guest] {
        let refused = again.write(staff(), who, item("own", &[("contact.name", "Bob")])).await.unwrap_err();
        assert_eq!(refused, storeward_vault::Error::NoCustomer);
    }
    let mut faults = again.keys().verify().await.unwrap();
    faults.sort_by_key(|fault| format!("{fault:?}"));
    let mut expected = [KeyFault::Undestroyed(bob()), KeyFault::Undestroyed(guest), KeyFault::Untold(ada())];
    expected.sort_by_key(|fault| format!("{fault:?}"));
    assert_eq!(faults, expected);
    blocking(move || drop(key_db)).await;
});
