//! Somebody who changes what the database does with rows, and leaves the rows alone.

use storeward_base::Actor;
use storeward_store::testing::{TestDb, blocking};
use storeward_store::{Db, Engine, Error, both_engines, schema};

async fn unlike(db: &TestDb) -> Vec<String> {
    let looked = Db::clone(db);
    blocking(move || schema::unlike(&looked)).await.unwrap().unwrap()
}

/// The two engines' words for one thing.
fn of(db: &TestDb, sqlite: &'static str, postgres: &'static str) -> &'static str {
    match db.engine() {
        Engine::Sqlite => sqlite,
        Engine::Postgres => postgres,
    }
}

both_engines!(a_database_is_as_the_migrations_make_it, async |db| {
    assert_eq!(unlike(&db).await, Vec::<String>::new());
    // Tables of others in the same place are theirs.
    db.raw("CREATE TABLE of_the_shop (n BIGINT); CREATE INDEX of_the_shop_n ON of_the_shop (n)");
    assert_eq!(unlike(&db).await, Vec::<String>::new());
});

both_engines!(a_trigger_that_was_dropped_or_put_in_is_named, async |db| {
    db.tamper(of(
        &db,
        "DROP TRIGGER ledger_entry_keeps_rows",
        "DROP TRIGGER ledger_entry_keeps_rows ON ledger_entry",
    ));
    assert_eq!(unlike(&db).await, ["the trigger ledger_entry_keeps_rows of ledger_entry is gone"]);
    db.tamper(of(
        &db,
        "CREATE TRIGGER helper BEFORE INSERT ON job BEGIN SELECT RAISE(IGNORE); END",
        "CREATE FUNCTION helper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
         CREATE TRIGGER helper BEFORE INSERT ON job FOR EACH ROW EXECUTE FUNCTION helper()",
    ));
    let found = unlike(&db).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[1], "the trigger helper of job is none of Storeward's");
});

both_engines!(an_index_that_is_another_is_named, async |db| {
    db.tamper("CREATE UNIQUE INDEX one_of_a_kind ON ledger_entry (kind)");
    assert_eq!(unlike(&db).await, ["the index one_of_a_kind of ledger_entry is none of Storeward's"]);
    db.tamper("DROP INDEX one_of_a_kind; ALTER TABLE job ADD COLUMN more BIGINT");
    let found = unlike(&db).await;
    let said = of(&db, "the table job is another", "the column more of job is none of Storeward's");
    assert_eq!(found, [said]);
});

// The same trigger by name, made to do nothing; on PostgreSQL switched off.
both_engines!(a_trigger_that_does_nothing_any_more_is_named, async |db| {
    db.tamper(of(
        &db,
        "DROP TRIGGER ledger_entry_keeps_rows; CREATE TRIGGER ledger_entry_keeps_rows BEFORE DELETE ON ledger_entry WHEN 0 \
         BEGIN SELECT RAISE(ABORT, 'ledger_entry is append-only'); END",
        "ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_keeps_rows",
    ));
    assert_eq!(unlike(&db).await, ["the trigger ledger_entry_keeps_rows of ledger_entry is another"]);
});

// One byte that is no UTF-8 in what SQLite keeps of it switched the whole look off.
both_engines!(a_trigger_whose_text_is_no_text_is_named, async |db| {
    if db.engine() == Engine::Postgres {
        return;
    }
    db.tamper(
        "CREATE TRIGGER harmless AFTER INSERT ON job BEGIN DELETE FROM job; END; PRAGMA writable_schema = ON; \
         UPDATE sqlite_schema SET sql = CAST(CAST(sql AS BLOB) || X'202D2D20A8' AS TEXT) WHERE name = 'harmless'; \
         PRAGMA writable_schema = OFF",
    );
    assert_eq!(unlike(&db).await, ["the trigger harmless of job is none of Storeward's"]);
});

// Whoever put it in would have the opening of a record served, and no entry of it kept.
both_engines!(an_entry_that_the_database_swallows_is_an_error, async |db| {
    db.tamper(of(
        &db,
        "CREATE TRIGGER swallows BEFORE INSERT ON ledger_entry WHEN NEW.kind = 'system.started' BEGIN SELECT RAISE(IGNORE); END",
        "CREATE FUNCTION swallows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.kind = 'system.started' THEN RETURN NULL; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER swallows BEFORE INSERT ON ledger_entry FOR EACH ROW EXECUTE FUNCTION swallows()",
    ));
    let swallowed = db.write(|tx| tx.append(Actor::System, None, crate::started("1")).map(drop)).await;
    assert!(matches!(swallowed, Err(Error::Ledger(_))), "{swallowed:?}");
    db.tamper(of(
        &db,
        "DROP TRIGGER swallows",
        "DROP TRIGGER swallows ON ledger_entry; DROP FUNCTION swallows()",
    ));
    db.write(|tx| tx.append(Actor::System, None, crate::started("1")).map(drop)).await.unwrap();
});
