//! Any byte of a record, of the key store or of a ledger that is changed past Storeward is found and named: byte by byte, or, in the usual
//! run, some of them in each column. `STOREWARD_SWEEP=all` looks at every one.

use storeward_base::Actor;
use storeward_store::ledger::{self, VerifyOptions};
use storeward_store::testing::{TestDb, blocking};
use storeward_store::{Engine, both_engines};
use storeward_vault::{KEY_MIGRATIONS, MIGRATIONS, Vault};

use crate::support::{Keys, ada, bob, both, item, staff, vault};

/// A column, and how its value is changed in one place.
#[derive(Clone, Copy)]
enum Kind {
    Bytes,
    Number,
    Text,
}

/// What holds a record. What only says that something was done at a customer's wish, or where somebody looked, is in the ledger.
const DATA: &[(&str, &[(&str, Kind)])] = &[
    (
        "vault_field",
        &[
            ("sealed", Kind::Bytes),
            ("form", Kind::Number),
            ("version", Kind::Number),
            ("written_at", Kind::Number),
            ("collection", Kind::Text),
            ("item", Kind::Text),
            ("field", Kind::Text),
            ("provenance", Kind::Text),
        ],
    ),
    ("vault_manifest", &[("sealed", Kind::Bytes), ("revision", Kind::Number)]),
    ("vault_mark", &[("mark", Kind::Bytes), ("item", Kind::Text), ("field", Kind::Text)]),
    ("vault_customer", &[("created_at", Kind::Number)]),
];
const KEYS: &[(&str, &[(&str, Kind)])] = &[(
    "vault_customer_key",
    &[
        ("wrapped", Kind::Bytes),
        ("noted", Kind::Bytes),
        ("version", Kind::Number),
        ("revision", Kind::Number),
    ],
)];
/// These are opened with the store: what was changed is named by the start.
const ROOTS: &[(&str, &[(&str, Kind)])] =
    &[("vault_index_root", &[("wrapped", Kind::Bytes)]), ("vault_name_key", &[("wrapped", Kind::Bytes)])];

/// Changes byte `at` of one row's column; for numbers and texts the whole.
fn change(engine: Engine, table: &str, column: &str, kind: Kind, at: usize) -> String {
    let one = match engine {
        Engine::Sqlite => format!("rowid = (SELECT MIN(rowid) FROM {table})"),
        Engine::Postgres => format!("ctid = (SELECT ctid FROM {table} LIMIT 1)"),
    };
    let to = match (kind, engine) {
        (Kind::Number, _) => format!("{column} + 1"),
        (Kind::Text, _) => format!("{column} || 'x'"),
        (Kind::Bytes, Engine::Postgres) => format!("set_byte({column}, {at}, get_byte({column}, {at}) # 1)"),
        (Kind::Bytes, Engine::Sqlite) => format!(
            "CAST(substr({column}, 1, {at}) || CASE substr({column}, {next}, 1) WHEN x'00' THEN x'01' ELSE x'00' END || \
             substr({column}, {after}) AS BLOB)",
            next = at + 1,
            after = at + 2
        ),
    };
    format!("UPDATE {table} SET {column} = {to} WHERE {one}")
}

async fn length(db: &TestDb, table: &str, column: &str) -> usize {
    let sql = format!("SELECT CAST(MIN(LENGTH({column})) AS BIGINT) FROM {table}");
    let found = db.read(move |reader| -> Result<u64, storeward_store::Error> {
        reader.query_one(&sql, &[], |row| row.get(0))
    });
    usize::try_from(found.await.unwrap()).unwrap()
}

/// All of them, or some from all over; always the first and the last.
fn places(length: usize) -> Vec<usize> {
    let step =
        if std::env::var("STOREWARD_SWEEP").as_deref() == Ok("all") { 1 } else { length.div_ceil(6).max(1) };
    let mut places: Vec<usize> = (0..length).step_by(step).chain(length.checked_sub(1)).collect();
    places.dedup();
    places
}

/// Changes each place in turn, asks whether it is found, and puts the table back.
async fn sweep(
    db: &TestDb,
    tables: &[(&str, &[(&str, Kind)])],
    mut is_found: impl AsyncFnMut() -> bool,
) -> usize {
    let mut count = 0;
    for (table, columns) in tables {
        db.tamper(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"));
        for (column, kind) in *columns {
            let places = match kind {
                Kind::Bytes => places(length(db, table, column).await),
                Kind::Number | Kind::Text => vec![0],
            };
            for at in places {
                db.tamper(&change(db.engine(), table, column, *kind, at));
                assert!(is_found().await, "{table}.{column}, byte {at}: nobody noticed");
                db.tamper(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}"));
                count += 1;
            }
        }
        db.tamper(&format!("DROP TABLE kept_{table}"));
    }
    count
}

async fn is_clean(vault: &Vault) -> bool {
    let records = vault.verify(Actor::System, |_| {}).await.unwrap();
    records.faults == 0 && vault.keys().verify().await.unwrap().is_empty()
}

async fn house(db: &TestDb) -> (Keys, Vault) {
    let (keys, vault) = both(db).await;
    vault.settle_indexes(&[]).await.unwrap();
    // One value each, of one length, so that whichever row is changed has every place.
    for who in [ada(), bob()] {
        vault.write(staff(), who, item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    }
    vault.keys().write_notes().await.unwrap();
    assert!(is_clean(&vault).await);
    (keys, vault)
}

both_engines!(every_byte_of_a_record_counts, MIGRATIONS, async |db| {
    let (_keys, vault) = house(&db).await;
    // SQLite keeps tables of foreign keys; they are put back as they were.
    let count = sweep(&db, &DATA[..3], async || !is_clean(&vault).await).await;
    assert!(count > 20, "{count}");
    assert!(is_clean(&vault).await);
    db.tamper(&format!("UPDATE vault_customer SET created_at = created_at + 1 WHERE id = '{}'", ada()));
    assert!(!is_clean(&vault).await);
    db.tamper(&format!("UPDATE vault_customer SET created_at = created_at - 1 WHERE id = '{}'", ada()));
    db.tamper(&format!("UPDATE vault_customer SET erased_at = 1 WHERE id = '{}'", ada()));
    assert!(!is_clean(&vault).await);
    db.tamper(&format!("UPDATE vault_customer SET erased_at = NULL WHERE id = '{}'", ada()));
    assert!(is_clean(&vault).await);
});

both_engines!(every_byte_of_the_key_store_counts, MIGRATIONS, async |db| {
    let (keys, _vault) = house(&db).await;
    let key_db = TestDb::at(keys.place.clone(), KEY_MIGRATIONS, db.clock.clone());
    let look = async || {
        // As a program finds it that opens it now.
        let store = keys.open().await;
        !is_clean(&vault(&db, store)).await
    };
    let count = sweep(&key_db, KEYS, look).await;
    assert!(count > 10, "{count}");
    let look = async || keys.try_open(keys.db().await).await.is_err();
    let count = sweep(&key_db, ROOTS, look).await;
    assert!(count > 10, "{count}");
    let store = keys.open().await;
    assert!(is_clean(&vault(&db, store)).await);
    // The shelf: every byte of the file.
    let whole = std::fs::read(keys.shelf()).unwrap();
    for at in places(whole.len()) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(keys.shelf(), changed).unwrap();
        let opened = keys.try_open(keys.db().await).await;
        assert!(opened.is_err(), "byte {at} of the shelf: nobody noticed");
    }
    std::fs::write(keys.shelf(), whole).unwrap();
    blocking(move || drop(key_db)).await;
});

both_engines!(every_byte_of_both_ledgers_counts, MIGRATIONS, async |db| {
    let (keys, _vault) = house(&db).await;
    let key_db = TestDb::at(keys.place.clone(), KEY_MIGRATIONS, db.clock.clone());
    for db in [&db, &key_db] {
        db.drop_guards();
        let look = async || {
            let db = (**db).clone();
            let report = blocking(move || ledger::verify(&db, &VerifyOptions::default(), |_, _| {})).await;
            report.map_or(true, |report| report.first_fault.is_some())
        };
        assert!(!look().await);
        let tables: &[(&str, &[(&str, Kind)])] =
            &[("ledger_entry", &[("body", Kind::Bytes), ("tree", Kind::Bytes), ("kind", Kind::Text)])];
        let count = sweep(db, tables, look).await;
        assert!(count > 3, "{count}");
    }
    blocking(move || drop(key_db)).await;
});
