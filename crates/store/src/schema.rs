//! What a database is made of, held against what the migrations make: a trigger that somebody put in, which could swallow rows before they
//! are written; one that was dropped, and let rows of the ledger be changed; an index or a table that is another.

use std::collections::BTreeMap;

use crate::Row;
use crate::conn::Conn;
use crate::sqlite::SqliteConn;
use crate::url::Target;
use crate::{Db, Engine, Error, migrations};

/// What SQLite keeps of each thing is the text that made it; as bytes, for nothing keeps it from being no text at all.
const OF_SQLITE: &str = "SELECT CAST(type AS BLOB), CAST(tbl_name AS BLOB), CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT IN ('sqlite_sequence', 'sqlite_stat1', 'sqlite_stat4')";

/// The same of one schema of PostgreSQL, from its catalogue; a function's table is itself, which keeps those of others out.
const OF_POSTGRES: &str = "\
SELECT 'table', c.relname::text, c.relname::text, \
       c.relkind::text || c.relpersistence::text || c.relrowsecurity::text || c.relforcerowsecurity::text \
  FROM pg_class c WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'v', 'm', 'f', 'p') \
UNION ALL SELECT 'column', c.relname::text, a.attname::text, \
       format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull::text || ' ' || a.attcollation::text || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') \
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
 WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped \
UNION ALL SELECT 'index', tablename::text, indexname::text, indexdef FROM pg_indexes WHERE schemaname = current_schema() \
UNION ALL SELECT 'rule', tablename::text, rulename::text, definition FROM pg_rules WHERE schemaname = current_schema() \
UNION ALL SELECT 'constraint', c.relname::text, n.conname::text, pg_get_constraintdef(n.oid) \
  FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid WHERE c.relnamespace = quote_ident(current_schema())::regnamespace \
UNION ALL SELECT 'trigger', c.relname::text, t.tgname::text, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text \
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND NOT t.tgisinternal \
UNION ALL SELECT 'function', p.proname::text, p.proname::text, pg_get_functiondef(p.oid) \
  FROM pg_proc p WHERE p.pronamespace = quote_ident(current_schema())::regnamespace AND p.prokind = 'f'";

/// Whether this user may make a schema in this database.
const MAY_CREATE: &str = "SELECT has_database_privilege(current_database(), 'CREATE')";

/// Kind, table and name of each thing, and the words that make it.
type Things = BTreeMap<[String; 3], String>;

/// What is not as the migrations make it, each in words; empty where all is. What else lies in the same database and touches no table of
/// ours is not looked at. Nothing where PostgreSQL lets this user make no schema, in which they are made once more (it is taken back at
/// once). Blocks.
pub fn unlike(db: &Db) -> Result<Option<Vec<String>>, Error> {
    let db = db.clone();
    // On a thread of its own: PostgreSQL's driver has a runtime inside, and those do not nest.
    let look = std::thread::Builder::new().name("store-schema".to_owned()).spawn(move || look(&db));
    let look = look.map_err(|why| Error::Open(why.to_string()))?;
    let looked = look.join().unwrap_or_else(|_| Err(Error::Open("looking at it panicked".to_owned())))?;
    Ok(looked.map(|(found, made)| compare(&found, &made)))
}

fn look(db: &Db) -> Result<Option<(Things, Things)>, Error> {
    let mut conn = db.connect_beside()?;
    match &db.url().0 {
        Target::Sqlite(_) => {
            let mut fresh = Conn::Sqlite(SqliteConn::in_memory()?);
            migrations::make(&mut fresh, db.migrations())?;
            Ok(Some((things(&mut conn, OF_SQLITE)?, things(&mut fresh, OF_SQLITE)?)))
        }
        Target::Postgres(_) => {
            conn.batch("BEGIN")?;
            let looked = look_twice(&mut conn, db);
            // Whatever was made is taken back; the connection ends here anyway.
            conn.batch("ROLLBACK").and(looked)
        }
    }
}

fn look_twice(conn: &mut Conn, db: &Db) -> Result<Option<(Things, Things)>, Error> {
    let mut may_create = false;
    conn.query(MAY_CREATE, &[], &mut |row| {
        may_create = row.get(0)?;
        Ok(())
    })?;
    if !may_create {
        return Ok(None);
    }
    let found = things(conn, OF_POSTGRES)?;
    let fresh = format!("storeward_look_{}", db.token());
    conn.batch(&format!("CREATE SCHEMA {fresh}; SET LOCAL search_path TO {fresh}"))?;
    migrations::make(conn, db.migrations())?;
    Ok(Some((found, things(conn, OF_POSTGRES)?)))
}

fn things(conn: &mut Conn, sql: &str) -> Result<Things, Error> {
    let schema = match conn.engine() {
        Engine::Sqlite => None,
        Engine::Postgres => {
            let mut name = String::new();
            conn.query("SELECT quote_ident(current_schema())", &[], &mut |row| {
                name = row.get(0)?;
                Ok(())
            })?;
            Some(format!("{name}."))
        }
    };
    let mut things = Things::new();
    conn.query(sql, &[], &mut |row| {
        let words = text(row, 3)?;
        let words = schema.as_ref().map_or_else(|| words.clone(), |schema| words.replace(schema, ""));
        things.insert([text(row, 0)?, text(row, 1)?, text(row, 2)?], words);
        Ok(())
    })?;
    Ok(things)
}

/// What is no UTF-8 is none of ours, and differs from all that is.
fn text(row: &Row<'_>, index: usize) -> Result<String, Error> {
    match row.get::<Vec<u8>>(index) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(_) => row.get(index),
    }
}

fn compare(found: &Things, made: &Things) -> Vec<String> {
    // SQLite asks nothing of a name's case.
    let is_ours = |table: &String| made.keys().any(|[_, of, _]| of.eq_ignore_ascii_case(table));
    let name = |[kind, table, name]: &[String; 3]| {
        if table == name { format!("the {kind} {name}") } else { format!("the {kind} {name} of {table}") }
    };
    let gone = made.iter().filter_map(|(key, words)| match found.get(key) {
        None => Some(format!("{} is gone", name(key))),
        Some(other) if other != words => Some(format!("{} is another", name(key))),
        Some(_) => None,
    });
    let added = found.keys().filter(|key| !made.contains_key(*key) && is_ours(&key[1]));
    gone.chain(added.map(|key| format!("{} is none of Storeward's", name(key)))).collect()
}
