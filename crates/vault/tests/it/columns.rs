//! Each column of each table of the data and of the key store, changed by as little as can be: a letter's case, one letter, one number up or
//! down, one byte, nothing in its place; each row taken away, and copied under another key. The look over the records or the looks of
//! `storeward audit verify` name it, or it stands in [`NO_RECORD`] with the reason.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use storeward_base::{Actor, ClientIp, StaffId};
use storeward_policy::{Policies, Purpose};
use storeward_store::ledger::{self, VerifyOptions};
use storeward_store::testing::{TestDb, blocking, options};
use storeward_store::{Db, Engine, Error, Migration, addresses, both_engines, subscription};
use storeward_vault::import::{Mapping, Plan};
use storeward_vault::{
    Ask, Asker, Class, Decision, KEY_MIGRATIONS, MIGRATIONS, PleaOutcome, Right, Vault, Verdict,
};

use crate::rows::{Columns, count, row, tables};
use crate::support::{Keys, ada, bob, both, field, item, own, owner, staff, vault};

/// What is no record, or of which some rows are none. A moment that the ledger holds to a minute is not held to a microsecond. `+` is a row
/// that is added, `-` one that is taken away.
const NO_RECORD: &[(&str, &str)] = &[
    // Of whoever was erased; of all others these are held by the record's manifest.
    ("vault_customer.created_at", "of whoever was erased: nothing goes by it"),
    ("vault_customer.restricted_at", "of whoever was erased: nothing goes by it"),
    ("vault_customer.erasure_begun_at", "of whoever was erased: when says the ledger"),
    ("vault_customer.erased_at", "of whoever was erased: when says the ledger"),
    ("vault_grant.asked_at", "once it is answered: held to a minute"),
    ("vault_grant.decided_at", "held to a minute"),
    ("vault_grant.reviewed_at", "held to a minute"),
    ("vault_grant.until", "of one that was taken back: held to a minute"),
    ("vault_plea.received_at", "held to a minute"),
    ("vault_plea.extended_at", "held to a minute"),
    ("vault_plea.closed_at", "held to a minute"),
    ("vault_rules.at", "held to a minute"),
    ("vault_retention.set_at", "read by nobody"),
    // Keyed tags of what an import brought last. Without them the next import takes its values once more.
    ("vault_imported.collection", "a cache: what it held is taken once more by the next import"),
    ("vault_imported.item", "a cache: what it held is taken once more by the next import"),
    ("vault_imported.tags", "a cache: what it held is taken once more by the next import"),
    ("vault_imported.+", "a cache: one of a field that the shop never said is as none"),
    ("vault_imported.-", "a cache: what it held is taken once more by the next import"),
    // Marks are derived and are held themselves; a state that is not `made` has them made anew.
    ("vault_index.state", "what is not made is made anew"),
    ("vault_index.position", "how far a walk is; one that is over begins anew"),
    ("vault_index.done", "a count that is shown"),
    ("vault_index.left_out", "a count that is shown"),
    ("vault_index.begun_at", "read by nobody"),
    ("vault_index.-", "of what is being made: begun anew at the next start"),
    ("vault_customer_key.created_at", "held to ten minutes"),
    ("vault_destroyed_key.destroyed_at", "held to ten minutes"),
    ("vault_index_root.created_at", "read by nobody"),
    ("vault_index_root.retired_at", "that a root ended is held, and not when"),
    ("vault_index_root.epoch", "of a root that ended: nothing is left that it opens"),
    ("vault_name_key.created_at", "read by nobody"),
    ("vault_destroyed_noted.noted_at", "read by nobody"),
    ("vault_destroyed_noted.-", "what is done once is done once more at the next start, and changes nothing"),
    ("schema_migration.applied_at", "read by nobody"),
    ("schema_migration.+", "of a part that no program has: read by nobody"),
    // The address itself is held against the reference.
    ("client_address.first_seen_at", "read by nobody"),
    ("client_address.last_seen_at", "says when it is forgotten"),
    ("client_address.-", "as one that was forgotten in time"),
    ("subscription_cursor.-", "whoever follows begins anew, and does each once more"),
    ("job.+", "work that waits: what it may do is decided when it is done"),
    ("ledger_checkpoint.at", "read by nobody"),
    ("ledger_head.kept_at", "says when the next checkpoint is kept: a thousand entries later at most"),
];

fn somebody(number: u128, group: &str) -> Asker {
    Asker::staff(StaffId::from_bits(number), vec![group.to_owned()], Some(30))
}

/// Rows in every table, and something in every column that can have something.
async fn fill(db: &TestDb, vault: &Vault) {
    vault.settle_indexes(&[field("contact.name")]).await.unwrap();
    for who in [ada(), bob()] {
        let values = [("contact.email", "ada@shop.example"), ("contact.name", "Ada Lovelace")];
        vault.write(staff(), who, item("own", &values)).await.unwrap();
    }
    let mut note = item("n-1", &[("note.text", "Rings twice")]);
    note.keep_until = Some(storeward_base::Timestamp::from_seconds(1_895_541_880));
    vault.write(staff(), ada(), note).await.unwrap();
    let mapping: Mapping =
        serde_json::from_str(r#"{"key": "id", "fields": {"contact.email": "mail"}}"#).unwrap();
    let (header, cells) = (["id", "mail"].map(str::to_owned), ["17", "eve@shop.example"].map(str::to_owned));
    let plan = Plan::new(&mapping, &header).unwrap();
    let row = plan.read(&cells);
    vault.take(&plan, &cells, row).await.unwrap();
    let (eve, boss) = (somebody(20, "support"), somebody(21, "owner"));
    let ask = Ask::new(eve.clone(), ada(), Purpose::Dispute);
    let fields = [field("contact.email")];
    for decision in [Some(Decision::Approve), Some(Decision::Refuse), None] {
        let id = vault.request_access(&ask, &fields, "The bank asks").await.unwrap();
        if let Some(decision) = decision {
            vault.decide_access(&boss, id, decision).await.unwrap();
        }
    }
    let id = vault.break_glass(&ask, &fields, "The courier waits").await.unwrap();
    vault.review(&boss, id, Verdict::Justified).await.unwrap();
    let id = vault.request_access(&ask, &fields, "The bank asks").await.unwrap();
    vault.decide_access(&boss, id, Decision::Approve).await.unwrap();
    vault.withdraw(&eve, id).await.unwrap();
    // More than a minute later the next write keeps a checkpoint.
    db.clock.advance(Duration::from_secs(61));
    vault.open(&ask, &fields).await.unwrap();
    let rights = Ask::new(owner(), ada(), Purpose::RightsRequest);
    for is_closed in [true, false] {
        let id = vault.receive_plea(&own(ada()), Right::Access, "Everything please").await.unwrap();
        vault.extend_plea(&rights, id, "Three archives").await.unwrap();
        if is_closed {
            vault.close_plea(&rights, id, PleaOutcome::Done, "By post").await.unwrap();
        }
    }
    vault.set_retention(staff(), Class::Order, Some(30)).await.unwrap();
    vault.save_rules(&owner(), Policies::default_text(), 0).await.unwrap();
    vault.erase(&own(bob())).await.unwrap();
    vault.renew_index(|_| {}).await.unwrap();
    vault.restrict(&own(ada()), storeward_vault::Use::Restricted).await.unwrap();
    vault.keys().write_notes().await.unwrap();
    let mut follower = db.subscribe("follower");
    follower.next_batch(9).await.unwrap();
    follower.acknowledge(3).await.unwrap();
    let address = ClientIp::new([192, 0, 2, 1].into());
    let client = db.client_ref(address);
    let noted = db.write(move |tx| -> Result<(), Error> {
        tx.commit_silent("an address, for the test");
        addresses::note(tx, client, address, tx.now())
    });
    noted.await.unwrap();
}

/// Changes of a column by as little as can be.
fn changes(engine: Engine, column: &str, kind: &str) -> Vec<String> {
    let mut changes = values(engine, column, kind);
    changes.push("NULL".to_owned());
    changes
}

fn values(engine: Engine, column: &str, kind: &str) -> Vec<String> {
    match (kind, engine) {
        ("text", _) => vec![
            format!("UPPER({column})"),
            format!("COALESCE({column}, '') || ' '"),
            format!(
                "CASE WHEN LENGTH({column}) > 0 THEN SUBSTR({column}, 1, LENGTH({column}) - 1) ELSE '' END || '8'"
            ),
        ],
        ("bytea", _) => vec![
            format!(
                "CASE WHEN LENGTH({column}) > 0 THEN set_byte({column}, LENGTH({column}) - 1, \
                 get_byte({column}, LENGTH({column}) - 1) # 1) ELSE '\\x00'::bytea END"
            ),
            format!("COALESCE({column}, ''::bytea) || '\\x00'::bytea"),
        ],
        ("blob", _) => vec![
            format!(
                "CAST(COALESCE(SUBSTR({column}, 1, LENGTH({column}) - 1), x'') || \
                 CASE SUBSTR({column}, -1) WHEN x'00' THEN x'01' ELSE x'00' END AS BLOB)"
            ),
            format!("CAST(COALESCE({column}, x'') || x'00' AS BLOB)"),
        ],
        _ => vec![format!("COALESCE({column}, 0) + 1"), format!("COALESCE({column}, 0) - 1")],
    }
}

/// What a copy of a row has in the place of a column that tells it from others.
fn keys(table: &str, column: &str, kind: &str) -> Vec<String> {
    match kind {
        "text" => vec![
            format!(
                "SUBSTR({column}, 1, LENGTH({column}) - 1) || CASE SUBSTR({column}, LENGTH({column})) WHEN '8' THEN '7' ELSE '8' END"
            ),
            "NULL".to_owned(),
        ],
        "bytea" | "blob" => Vec::new(),
        _ => vec![
            format!("(SELECT MAX({column}) + 1 FROM {table})"),
            format!("(SELECT MIN({column}) - 1 FROM {table})"),
        ],
    }
}

/// A row that is none, where a table has no other.
fn first_row(table: &str, columns: &Columns) -> String {
    let value = |(_, kind): &(String, String)| match kind.as_str() {
        "text" => "'x'",
        "blob" => "x'00'",
        "bytea" => "'\\x00'::bytea",
        _ => "1",
    };
    let values: Vec<&str> = columns.iter().map(value).collect();
    format!("INSERT INTO {table} VALUES ({})", values.join(", "))
}

/// Copies of a row under other keys. Where a column is none the database refuses them, since there are two of one key then.
fn copies(table: &str, columns: &Columns, whose: &str) -> Vec<String> {
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut copies = Vec::new();
    for (at, (column, kind)) in columns.iter().enumerate() {
        for key in keys(table, column, kind) {
            let mut values: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            values[at] = key;
            // Entries of the ledger have two.
            if let Some(id) = names.iter().position(|name| *name == "id").filter(|id| *id > 0 && *id != at) {
                values[id] = keys(table, "id", "text").remove(0);
            }
            let (names, values) = (names.join(", "), values.join(", "));
            copies.push(format!("INSERT INTO {table} ({names}) SELECT {values} FROM {table} WHERE {whose}"));
        }
    }
    copies
}

/// Whoever is at the database is kept from nothing by what rows refer to.
fn drop_references(db: &TestDb) {
    if db.engine() == Engine::Postgres {
        db.tamper(
            "DO $$ DECLARE r record; BEGIN FOR r IN SELECT conrelid::regclass::text AS t, conname FROM pg_constraint \
             WHERE contype = 'f' AND connamespace = current_schema()::regnamespace LOOP \
             EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', r.t, r.conname); END LOOP; END $$",
        );
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Data,
    Keys,
}

/// What `storeward audit verify` has to say of one database.
async fn audited(db: &Db) -> Option<String> {
    let swept = db.clone();
    let report = blocking(move || {
        let report = ledger::verify(&swept, &VerifyOptions::default(), |_, _| {})?;
        Ok::<_, Error>((report.first_fault, addresses::verify(&swept)?))
    });
    match report.await {
        Err(why) => return Some(why.to_string()),
        Ok((Some(fault), _)) => return Some(fault.to_string()),
        Ok((None, book)) if book.changed > 0 => return Some(format!("{book:?}")),
        Ok((None, _)) => {}
    }
    let cursors = subscription::harmed(db).await.unwrap();
    (!cursors.is_empty()).then(|| format!("{cursors:?}"))
}

struct House<'a> {
    data: &'a TestDb,
    keys: &'a Keys,
    /// The harmed one's tables. Customers are the first, for others refer to them.
    names: Vec<String>,
    running: RefCell<Option<(Db, Db)>>,
    /// Which of them is harmed.
    side: Side,
    /// Columns that are listed, of which a change was not found.
    unseen: RefCell<BTreeSet<String>>,
}

impl House<'_> {
    async fn open(&self) -> Result<(Db, Db), Error> {
        let open = async |address: &str, tables: &'static [Migration]| {
            let options = options(address, tables, self.keys.clock.clone());
            blocking(move || Db::open(options)).await
        };
        let data = open(self.data.address(), MIGRATIONS).await?;
        match open(self.keys.place.address(), KEY_MIGRATIONS).await {
            Ok(keys) => Ok((data, keys)),
            Err(why) => {
                blocking(move || data.close()).await;
                Err(why)
            }
        }
    }

    /// What goes on while rows are harmed: opened once the tables of the ledger, which come first, are as they were.
    async fn opened(&self) -> Result<(Db, Db), Error> {
        if let Some(opened) = self.running.borrow().clone() {
            return Ok(opened);
        }
        let opened = self.open().await?;
        *self.running.borrow_mut() = Some(opened.clone());
        Ok(opened)
    }

    /// What the look over the records has to say, and of a table that every database has a start and the look through the ledger: in words;
    /// nothing where nothing is found.
    async fn found(&self, table: &str) -> Option<String> {
        if table.starts_with("vault_") {
            let (data, keys) = self.opened().await.unwrap();
            return self.looked(&data, &keys).await;
        }
        let (data, keys) = match self.open().await {
            Ok(opened) => opened,
            Err(why) => return Some(format!("it does not open: {why}")),
        };
        let swept = if self.side == Side::Data { data.clone() } else { keys.clone() };
        let said = match audited(&swept).await {
            Some(words) => Some(words),
            None => self.looked(&data, &keys).await,
        };
        for opened in [data, keys] {
            blocking(move || opened.close()).await;
        }
        said
    }

    async fn looked(&self, data: &Db, keys: &Db) -> Option<String> {
        match self.keys.try_open(keys.clone()).await {
            Err(why) => Some(format!("it does not start: {why}")),
            Ok(store) => match vault(data, store).verify(Actor::System, |_| {}).await {
                Err(why) => Some(format!("NOT NAMED {why:?}")),
                Ok(looked) if looked.faults > 0 => Some(format!("{:?} {:?}", looked.flaws, looked.keys)),
                Ok(_) => None,
            },
        }
    }

    async fn sweep(&self, db: &TestDb, tables: &[(String, Columns)], odd: &mut Vec<String>) {
        for (table, columns) in tables {
            let rows = count(db, table).await;
            let mut at: Vec<u64> = match rows {
                0 => Vec::new(),
                // Rows of the ledger are all alike; `sweep.rs` looks at their bytes.
                _ if !table.starts_with("vault_") => vec![0, rows / 2],
                1..=5 => (0..rows).collect(),
                _ => vec![0, rows - 1],
            };
            at.dedup();
            if at.is_empty() {
                self.check(db, table, "+", &first_row(table, columns), odd).await;
            }
            for whose in at.iter().map(|at| row(db.engine(), table, *at)) {
                for (column, kind) in columns {
                    for to in changes(db.engine(), column, kind) {
                        if self.is_another(db, (table, column), &to, &whose).await {
                            let harm = format!("UPDATE {table} SET {column} = {to} WHERE {whose}");
                            self.check(db, table, column, &harm, odd).await;
                        }
                    }
                }
                self.check(db, table, "-", &format!("DELETE FROM {table} WHERE {whose}"), odd).await;
                for copy in copies(table, columns, &whose) {
                    self.check(db, table, "+", &copy, odd).await;
                }
            }
        }
    }

    /// Whether a row says something else by a change.
    async fn is_another(&self, db: &TestDb, (table, column): (&str, &str), to: &str, whose: &str) -> bool {
        let differs = match to {
            "NULL" => format!("{column} IS NOT NULL"),
            to => format!("({column} IS NULL OR {column} <> {to}) AND {to} IS NOT NULL"),
        };
        let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {table} WHERE {whose} AND {differs}");
        let changed =
            db.read(move |reader| -> Result<u64, Error> { reader.query_one(&sql, &[], |row| row.get(0)) });
        changed.await.unwrap() > 0
    }

    async fn check(&self, db: &TestDb, table: &str, what: &str, harm: &str, odd: &mut Vec<String>) {
        let is_done = match db.engine() {
            Engine::Sqlite => db.try_tamper(&format!("PRAGMA foreign_keys = OFF; {harm}")),
            Engine::Postgres => db.try_tamper(harm),
        };
        if !is_done {
            // The database itself lets nobody.
            return;
        }
        let place = format!("{table}.{what}");
        let is_listed = NO_RECORD.iter().any(|(known, _)| *known == place);
        let found = self.found(table).await;
        match found {
            Some(words) if words.starts_with("NOT NAMED") => odd.push(format!("{harm}: {words}")),
            None if is_listed => drop(self.unseen.borrow_mut().insert(place)),
            None => odd.push(format!("{harm}: not found")),
            Some(_) => {}
        }
        // What a look wrote into the ledger since stays, where the ledger itself is whole.
        let is_of_vault = table.starts_with("vault_");
        let names = || self.names.iter().filter(|name| !is_of_vault || name.starts_with("vault_"));
        let gone: String = match db.engine() {
            Engine::Sqlite => names().rev().map(|name| format!("DELETE FROM {name}; ")).collect(),
            // Rows come back in their order.
            Engine::Postgres => format!("TRUNCATE {}; ", names().cloned().collect::<Vec<_>>().join(", ")),
        };
        let back = names().map(|name| format!("INSERT INTO {name} SELECT * FROM kept_{name}; "));
        db.tamper(&(gone + &back.collect::<String>()));
    }
}

/// One of so many parts of the tables, so that no test takes minutes.
async fn look_at(db: TestDb, side: Side, (part, parts): (usize, usize)) {
    let (keys, vault) = both(&db).await;
    fill(&db, &vault).await;
    db.clock.advance(Duration::from_secs(1));
    let key_db = TestDb::at(keys.place.clone(), KEY_MIGRATIONS, db.clock.clone());
    let mut all = Vec::new();
    for db in [&db, &key_db] {
        db.drop_guards();
        drop_references(db);
        let tables = tables(db).await;
        for (table, _) in &tables {
            db.tamper(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"));
        }
        all.push(tables);
    }
    let (swept, tables) = if side == Side::Data { (&db, &all[0]) } else { (&key_db, &all[1]) };
    let mut names: Vec<String> = tables.iter().map(|(name, _)| name.clone()).collect();
    names.sort_by_key(|name| name != "vault_customer");
    let house = House {
        data: &db,
        keys: &keys,
        names,
        running: RefCell::default(),
        side,
        unseen: RefCell::default(),
    };
    assert_eq!(house.found("ledger_entry").await, None);
    let mut odd = Vec::new();
    let tables: Vec<_> = tables.iter().enumerate().filter(|(at, _)| at % parts == part).collect();
    let tables: Vec<_> = tables.into_iter().map(|(_, table)| table.clone()).collect();
    house.sweep(swept, &tables, &mut odd).await;
    assert_eq!(odd, [""; 0], "found and listed, or neither");
    // What is listed is there and is not found, so that the list says nothing old.
    let names = |(table, columns): &(String, Columns)| {
        let columns = columns.iter().map(|(name, _)| name.as_str()).chain(["+", "-"]);
        columns.map(|name| format!("{table}.{name}")).collect::<Vec<_>>()
    };
    let mut here: BTreeSet<String> = BTreeSet::new();
    for table in &tables {
        // Of a table without rows nothing is changed: a key store has no clients and no followers.
        let has_rows = count(swept, &table.0).await > 0;
        here.extend(names(table).into_iter().filter(|name| has_rows || name.ends_with(".+")));
    }
    let unseen = house.unseen.borrow().clone();
    let listed = NO_RECORD.iter().map(|(place, _)| (*place).to_owned()).filter(|place| here.contains(place));
    assert_eq!(listed.collect::<BTreeSet<_>>(), unseen, "listed, and found by now");
    let places: BTreeSet<String> = all.iter().flatten().flat_map(names).collect();
    assert!(NO_RECORD.iter().all(|(place, _)| places.contains(*place)), "listed, and not there");
    if let Some((data, keys)) = house.running.take() {
        blocking(move || [data, keys].map(Db::close)).await;
    }
    drop(vault);
    blocking(move || drop(key_db)).await;
}

both_engines!(each_column_of_the_data_is_held_or_listed, MIGRATIONS, async |db| {
    look_at(db, Side::Data, (0, 6)).await;
});

both_engines!(so_it_is_in_the_second_sixth_of_the_tables, MIGRATIONS, async |db| {
    look_at(db, Side::Data, (1, 6)).await;
});

both_engines!(in_the_third, MIGRATIONS, async |db| {
    look_at(db, Side::Data, (2, 6)).await;
});

both_engines!(in_the_fourth, MIGRATIONS, async |db| {
    look_at(db, Side::Data, (3, 6)).await;
});

both_engines!(in_the_fifth, MIGRATIONS, async |db| {
    look_at(db, Side::Data, (4, 6)).await;
});

both_engines!(and_in_the_last, MIGRATIONS, async |db| {
    look_at(db, Side::Data, (5, 6)).await;
});

both_engines!(each_column_of_the_key_store_is_held_or_listed, MIGRATIONS, async |db| {
    look_at(db, Side::Keys, (0, 2)).await;
});

both_engines!(so_it_is_in_the_second_half_of_the_key_store, MIGRATIONS, async |db| {
    look_at(db, Side::Keys, (1, 2)).await;
});
